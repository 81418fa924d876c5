//! The genesis of a network: what all its nodes agree on before the first block.
//!
//! People write it as `genesis.json` ([`document`]); the network knows it by its id, which is over a
//! canonical encoding of what the document means ([`Genesis::encode`]). Formatting, the order of keys
//! and entries, omitted defaults and the build that reads it do not change the id.

mod check;
mod difference;
mod document;
mod encoding;
mod engine;
mod reward;

use std::collections::BTreeMap;

use crate::{
    Address, Amount, DecodeError, GenesisId, ValidatorSet, action::TRANSFER_GAS, hash::blake3,
    validators::ValidatorSetError,
};

pub use difference::Difference;
pub use engine::*;
pub use reward::RewardSchedule;

/// Admits 120,000 transfers.
pub const DEFAULT_GAS_LIMIT: u64 = 120_000 * TRANSFER_GAS;
/// One base unit per unit of gas.
pub const DEFAULT_MIN_GAS_PRICE: u64 = 1;
/// The version of the cost table of contracts that this software knows.
pub const VM_COST_TABLE: u32 = 1;
/// When blocks without transactions are made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EmptyBlocks {
    /// At every block time.
    #[default]
    Always,
    /// Never: a block waits for a transaction. Not under proof of work.
    OnDemand,
}

/// How long a BFT round waits, in milliseconds: `base + round * increment`, at most `ceiling`. The
/// ceiling keeps a network that lost its quorum for a day from waiting hours when it is back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct BftTimeouts {
    /// Base for a proposal and its execution.
    pub propose_ms: u64,
    /// Base for votes.
    pub vote_ms: u64,
    /// Added per round.
    pub increment_ms: u64,
    /// Upper bound of all.
    pub ceiling_ms: u64,
}

impl Default for BftTimeouts {
    fn default() -> Self {
        Self {
            propose_ms: 3_000,
            vote_ms: 1_000,
            increment_ms: 500,
            ceiling_ms: 15_000,
        }
    }
}

/// A checked genesis.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Genesis {
    /// Name of the chain: 1 to 64 characters of a-z, 0-9 and hyphen.
    pub chain: String,
    /// Milliseconds since 1970-01-01 UTC; the first block is later.
    pub timestamp_ms: u64,
    /// Who makes blocks.
    pub engine: EngineKind,
    /// Milliseconds between blocks.
    pub block_time_ms: u64,
    /// Whether blocks without transactions are made.
    pub empty_blocks: EmptyBlocks,
    /// Most gas of a block.
    pub gas_limit: u64,
    /// Least gas price of a transaction.
    pub min_gas_price: u64,
    /// What contracts pay: the version of the cost table. [`VM_COST_TABLE`].
    pub vm_cost_table: u32,
    /// Timeouts of a BFT round; the defaults under proof of work, which has none.
    pub timeouts: BftTimeouts,
    /// Balances at height 0, without zeros.
    pub balances: BTreeMap<Address, Amount>,
}

/// Why a genesis is refused. Names the field, the value and the bound.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum GenesisError {
    /// Not JSON, or not of this shape.
    #[error("the genesis cannot be read: {0}")]
    Unreadable(String),
    /// A field has a value that it cannot have.
    #[error("genesis field \"{field}\": {reason}")]
    Field {
        /// The field.
        field: &'static str,
        /// What is wrong with it.
        reason: String,
    },
    /// Bytes from a peer or a database that are no genesis.
    #[error(transparent)]
    Encoding(#[from] DecodeError),
}

impl Genesis {
    /// BLAKE3("aureon/genesis/1", canonical encoding).
    pub fn id(&self) -> GenesisId {
        GenesisId(blake3(&[b"aureon/genesis/1", &self.encode()]))
    }

    /// The validators of height 1; `None` under proof of work. In a checked genesis never an error.
    pub fn validators(&self) -> Result<Option<ValidatorSet>, ValidatorSetError> {
        self.engine.validators()
    }

    /// Base units at height 0: balances and stakes. At most [`crate::limits::MAX_SUPPLY`] in a checked
    /// genesis.
    pub fn supply(&self) -> Amount {
        let staked = match &self.engine {
            EngineKind::Pos(parameters) => parameters.staked(),
            EngineKind::Pow(_) | EngineKind::Poa(_) => Amount::ZERO,
        };
        Amount::total(self.balances.values().copied())
            .and_then(|balances| balances.checked_add(staked))
            .unwrap_or_default()
    }

    /// Base units after the block at `height`: those of the genesis and every reward since. Nothing else
    /// makes base units, and nothing destroys them.
    pub fn supply_at(&self, height: u64) -> Amount {
        let issued = self.engine.reward().issued(height);
        self.supply().checked_add(issued).unwrap_or(Amount(u64::MAX))
    }
}

#[cfg(test)]
mod tests;
