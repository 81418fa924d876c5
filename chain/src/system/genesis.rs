//! The state under the first block.

use std::collections::BTreeMap;

use aureon_consensus::Epoch;
use aureon_types::{
    Account, Address, Amount, EngineKind, Genesis, Hash, StateChanges, account::SYSTEM_ADDRESS,
    genesis::PosParameters,
};
use bytes::Bytes;

use super::{
    codec::Record,
    records::{Authorities, Candidates, Totals},
    rewards::Delegation,
    shares::Pool,
    slots,
    staking::new_validator,
};

/// The state of a checked genesis: balances, and what the engine begins with in the system account.
pub fn genesis_state(genesis: &Genesis) -> StateChanges {
    let mut balances: BTreeMap<Address, Amount> = genesis.balances.clone();
    let mut slots = BTreeMap::new();
    match &genesis.engine {
        EngineKind::Pow(_) => {}
        EngineKind::Pos(parameters) => {
            balances.insert(SYSTEM_ADDRESS, parameters.staked());
            stake(&mut slots, parameters);
        }
        EngineKind::Poa(parameters) => {
            let mut authorities = parameters.authorities.clone();
            authorities.sort_unstable();
            put(&mut slots, slots::authorities(), &Authorities(authorities));
        }
    }
    // A checked genesis has validators wherever it has epochs.
    if let (Some(blocks), Ok(Some(set))) = (genesis.engine.epoch_blocks(), genesis.engine.validators()) {
        slots.insert(slots::epoch(0), Epoch::genesis(set, blocks).encode());
    }
    let account = |balance| Account {
        balance,
        ..Account::default()
    };
    let accounts = balances
        .into_iter()
        .filter(|(_, balance)| *balance > Amount::ZERO)
        .map(|(address, balance)| (address, Some(account(balance))));
    let slots: Vec<(Hash, Option<Bytes>)> = slots
        .into_iter()
        .map(|(slot, value)| (slot, Some(value)))
        .collect();
    StateChanges {
        accounts: accounts.collect(),
        storage: if slots.is_empty() {
            Vec::new()
        } else {
            vec![(SYSTEM_ADDRESS, slots)]
        },
        code: Vec::new(),
    }
}

fn put<T: Record>(slots: &mut BTreeMap<Hash, Bytes>, slot: Hash, record: &T) {
    slots.insert(slot, record.encode());
}

/// Every validator holds all shares of its own stake.
fn stake(slots: &mut BTreeMap<Hash, Bytes>, parameters: &PosParameters) {
    let mut candidates = Vec::with_capacity(parameters.validators.len());
    for validator in &parameters.validators {
        let address = validator.public_key.address();
        let pool = Pool::new(validator.stake.0);
        let own = Delegation {
            shares: pool.shares,
            ..Delegation::default()
        };
        let record = new_validator(validator.public_key, pool, validator.commission_basis_points);
        put(slots, slots::validator(&address), &record);
        put(slots, slots::delegation(&address, &address), &own);
        candidates.push(address);
    }
    candidates.sort_unstable();
    put(slots, slots::candidates(), &Candidates(candidates));
    let totals = Totals {
        bonded: parameters.staked().0,
        ..Totals::default()
    };
    put(slots, slots::totals(), &totals);
}
