//! Any genesis of any engine.

use proptest::{collection::btree_map, prelude::*};

use super::*;

fn reward() -> impl Strategy<Value = RewardSchedule> {
    (0_u64..1_000_000, 1_u64..1_000_000_000).prop_map(|(per_block, halving_blocks)| RewardSchedule {
        per_block,
        halving_blocks,
    })
}

fn pow() -> impl Strategy<Value = EngineKind> {
    (0_u8..32, 50_000_u64..=500_000, 1_u64..=1_024, reward()).prop_map(
        |(difficulty, half_life_ms, finality_depth, reward)| {
            EngineKind::Pow(PowParameters {
                difficulty,
                half_life_ms,
                finality_depth,
                reward,
            })
        },
    )
}

fn pos() -> impl Strategy<Value = EngineKind> {
    let numbers = (
        1_u64..10_000,
        4_u64..=100_000,
        1_u64..=100,
        20_u32..=1_000,
        1_u32..=10_000,
        0_u32..=10_000,
        1_u64..=10_000,
    );
    let stakes = btree_map(1_u8..=20, (10_000_u64..1 << 50, 0_u32..=10_000), 1..10);
    (numbers, reward(), stakes).prop_map(|(numbers, reward, stakes)| {
        let (min_stake, epoch_blocks, unbonding_epochs, max_validators, slash, missed, jail_epochs) = numbers;
        let validator = |(seed, (stake, commission_basis_points))| GenesisStake {
            public_key: key(seed),
            stake: Amount(stake),
            commission_basis_points,
        };
        EngineKind::Pos(PosParameters {
            min_stake,
            epoch_blocks,
            unbonding_epochs,
            max_validators,
            slash_basis_points: slash,
            max_missed_basis_points: missed,
            jail_epochs,
            reward,
            validators: stakes.into_iter().map(validator).collect(),
        })
    })
}

fn poa() -> impl Strategy<Value = EngineKind> {
    let seeds = proptest::collection::btree_set(1_u8..=20, 1..10);
    (seeds, 4_u64..=100_000, 1_u64..=100_000_000).prop_map(|(seeds, epoch_blocks, vote_expiry_blocks)| {
        EngineKind::Poa(PoaParameters {
            authorities: seeds.into_iter().map(key).collect(),
            epoch_blocks,
            vote_expiry_blocks,
        })
    })
}

fn any_genesis() -> impl Strategy<Value = Genesis> {
    let balances = btree_map(
        any::<[u8; 20]>().prop_map(Address),
        (0..1_u64 << 50).prop_map(Amount),
        0..10,
    );
    let engine = prop_oneof![pow(), pos(), poa()];
    (
        engine,
        50_u64..=50_000,
        0..1_u64 << 20,
        2_000_000_u64..1 << 40,
        balances,
    )
        .prop_map(
            |(engine, block_time_ms, min_gas_price, gas_limit, balances)| Genesis {
                engine,
                block_time_ms,
                min_gas_price,
                gas_limit,
                balances,
                ..genesis()
            },
        )
}

proptest! {
    #[test]
    fn every_genesis_comes_back_from_both_forms(genesis in any_genesis()) {
        let genesis = genesis.checked().unwrap();
        prop_assert_eq!(Genesis::decode(&genesis.encode()), Ok(genesis.clone()));
        prop_assert_eq!(Genesis::from_json(&genesis.to_json()), Ok(genesis.clone()));
        prop_assert_eq!(genesis.clone().checked(), Ok(genesis));
    }

    #[test]
    fn two_differ_exactly_if_their_ids_do(a in any_genesis(), b in any_genesis()) {
        let (a, b) = (a.checked().unwrap(), b.checked().unwrap());
        prop_assert_eq!(a.differences(&b).is_empty(), a.id() == b.id());
    }

    #[test]
    fn any_bytes_are_refused_or_canonical(flip in 0_usize..2_000, bit in 0_u8..8, genesis in any_genesis()) {
        let genesis = genesis.checked().unwrap();
        let mut bytes = genesis.encode().to_vec();
        let place = flip % bytes.len();
        bytes[place] ^= 1 << bit;
        if let Ok(decoded) = Genesis::decode(&bytes) {
            prop_assert_eq!(decoded.encode(), bytes);
            prop_assert_ne!(decoded.id(), genesis.id());
        }
    }
}
