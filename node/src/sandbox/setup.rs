//! What a sandbox begins with.

use std::collections::BTreeMap;

use aureon_types::{
    Address, Amount, EmptyBlocks, EngineKind, Genesis, GenesisError, PublicKey,
    genesis::{BftTimeouts, DEFAULT_GAS_LIMIT, PoaParameters, VM_COST_TABLE},
    limits::MAX_SUPPLY,
};

/// The time of the genesis unless another is wanted: 2026-01-01 UTC, so that nothing depends on today.
pub const DEFAULT_TIME_MS: u64 = 1_767_225_600_000;

/// What a sandbox begins with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Setup {
    /// The time of the genesis, in milliseconds since 1970-01-01 UTC.
    pub time_ms: u64,
    /// From one block to the next, in milliseconds: 50 to 3,600,000.
    pub block_time_ms: u64,
    /// Base units per unit of gas, at least. With 0, the default, transactions cost gas and no money, and
    /// balances in tests stay round; a network's default is 1.
    pub gas_price: u64,
    /// Most gas of a block.
    pub gas_limit: u64,
}

impl Default for Setup {
    fn default() -> Self {
        Self {
            time_ms: DEFAULT_TIME_MS,
            block_time_ms: 1_000,
            gas_price: 0,
            gas_limit: DEFAULT_GAS_LIMIT,
        }
    }
}

impl Setup {
    /// A network of one authority; `faucet` holds everything.
    pub(super) fn genesis(&self, authority: &PublicKey, faucet: Address) -> Result<Genesis, GenesisError> {
        Genesis {
            chain: "sandbox".to_owned(),
            timestamp_ms: self.time_ms,
            engine: EngineKind::Poa(PoaParameters::new(vec![*authority])),
            block_time_ms: self.block_time_ms,
            empty_blocks: EmptyBlocks::default(),
            gas_limit: self.gas_limit,
            min_gas_price: self.gas_price,
            vm_cost_table: VM_COST_TABLE,
            timeouts: BftTimeouts::default(),
            balances: BTreeMap::from([(faucet, Amount(MAX_SUPPLY))]),
        }
        .checked()
    }
}
