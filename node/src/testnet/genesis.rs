//! The genesis of a network for development.

use std::time::{SystemTime, UNIX_EPOCH};

use aureon_types::{
    Amount, EmptyBlocks, EngineKind, Genesis, PublicKey,
    genesis::{
        BftTimeouts, DEFAULT_GAS_LIMIT, DEFAULT_MIN_GAS_PRICE, GenesisStake, PoaParameters, PosParameters,
        PowParameters,
    },
};

use super::{Engine, Layout, accounts};

/// Leading zero bytes of the first target: 65,536 hashes, a moment for one core. The difficulty finds its
/// height from there.
const DIFFICULTY: u8 = 2;
/// Blocks of an epoch: short, so that one can watch the validators change.
const EPOCH_BLOCKS: u64 = 20;
/// Epochs until unbonded stake returns: as above.
const UNBONDING_EPOCHS: u64 = 3;
/// Epochs in jail: as above.
const JAIL_EPOCHS: u64 = 1;
/// Base units of each node's stake under proof of stake.
const STAKE: Amount = Amount(1_000_000_000);
/// Base units of each node's account where it has votes and stakes to pay for.
const NODE_BALANCE: Amount = Amount(1_000_000_000_000);

/// The genesis of these nodes, by their keys, from now on.
pub fn genesis(layout: &Layout, nodes: &[PublicKey]) -> Genesis {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let block_time_ms = u64::try_from(layout.block_time.as_millis()).unwrap_or(u64::MAX);
    let mut balances: std::collections::BTreeMap<_, _> = accounts::keys()
        .map(|key| (key.address(), accounts::BALANCE))
        .collect();
    // Under proof of work the nodes earn what they need.
    if layout.engine != Engine::Pow {
        balances.extend(nodes.iter().map(|key| (key.address(), NODE_BALANCE)));
    }
    Genesis {
        chain: "aureon-testnet".to_owned(),
        timestamp_ms: u64::try_from(now.as_millis()).unwrap_or(u64::MAX),
        engine: engine(layout.engine, block_time_ms, nodes),
        block_time_ms,
        empty_blocks: EmptyBlocks::Always,
        gas_limit: DEFAULT_GAS_LIMIT,
        min_gas_price: DEFAULT_MIN_GAS_PRICE,
        vm_cost_table: aureon_types::genesis::VM_COST_TABLE,
        timeouts: BftTimeouts::default(),
        balances,
    }
}

fn engine(engine: Engine, block_time_ms: u64, nodes: &[PublicKey]) -> EngineKind {
    match engine {
        Engine::Pow => EngineKind::Pow(PowParameters {
            difficulty: DIFFICULTY,
            ..PowParameters::with_block_time(block_time_ms)
        }),
        Engine::Pos => {
            let stake = |key: &PublicKey| GenesisStake {
                public_key: *key,
                stake: STAKE,
                commission_basis_points: 0,
            };
            EngineKind::Pos(PosParameters {
                epoch_blocks: EPOCH_BLOCKS,
                unbonding_epochs: UNBONDING_EPOCHS,
                jail_epochs: JAIL_EPOCHS,
                ..PosParameters::new(nodes.iter().map(stake).collect())
            })
        }
        Engine::Poa => EngineKind::Poa(PoaParameters {
            epoch_blocks: EPOCH_BLOCKS,
            ..PoaParameters::new(nodes.to_vec())
        }),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use aureon_types::SecretKey;

    use super::*;

    #[test]
    fn every_engine_has_a_valid_genesis_in_which_the_nodes_can_act() {
        let nodes: Vec<PublicKey> = (1..=4)
            .map(|seed| SecretKey::from_seed([seed; 32]).public_key())
            .collect();
        for engine in Engine::ALL {
            let layout = Layout {
                nodes: nodes.len(),
                engine,
                block_time: engine.block_time(),
                base_port: None,
            };
            let genesis = genesis(&layout, &nodes).checked().unwrap();
            assert_eq!(genesis.engine.name(), engine.name());
            assert_eq!(Duration::from_millis(genesis.block_time_ms), engine.block_time());
            let validators = genesis.validators().unwrap();
            assert_eq!(
                validators.map(|set| set.count()),
                (engine != Engine::Pow).then_some(4)
            );
            for key in &nodes {
                let balance = genesis.balances.get(&key.address());
                assert_eq!(balance.is_some(), engine != Engine::Pow, "{}", engine.name());
            }
        }
    }
}
