//! The genesis of a network: what all its nodes agree on before the first block.
//!
//! People write it as `genesis.json` ([`document`]); the network knows it by its id, which is over a
//! canonical encoding of what the document means ([`Genesis::encode`]). Formatting, the order of keys
//! and entries, omitted defaults and the build that reads it do not change the id.

mod check;
mod difference;
mod document;
mod encoding;

use std::collections::BTreeMap;

use crate::{
    Address, Amount, DecodeError, GenesisId, PublicKey, Validator, ValidatorSet, hash::blake3,
    transaction::TRANSFER_GAS, validators::ValidatorSetError,
};

pub use difference::Difference;

/// Admits 120,000 transfers.
pub const DEFAULT_GAS_LIMIT: u64 = 120_000 * TRANSFER_GAS;
/// One base unit per unit of gas.
pub const DEFAULT_MIN_GAS_PRICE: u64 = 1;
/// Block time of the PoA engine, in milliseconds.
pub const DEFAULT_BLOCK_TIME_MS: u64 = 1_000;

/// Which engine makes blocks, with what only it needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EngineKind {
    /// Proof of authority: these keys, with equal power, decide by two thirds (BFT).
    Poa {
        /// Sorted, without repeats.
        authorities: Vec<PublicKey>,
    },
}

impl EngineKind {
    /// The name in `genesis.json` and `config.toml`.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Poa { .. } => "poa",
        }
    }
}

/// When blocks without transactions are made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EmptyBlocks {
    /// At every block time.
    #[default]
    Always,
    /// Never: a block waits for a transaction.
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
    /// Timeouts of a BFT round.
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
    /// The validators are no valid set.
    #[error("genesis field \"authorities\": {0}")]
    Validators(#[from] ValidatorSetError),
    /// Bytes from a peer or a database that are no genesis.
    #[error(transparent)]
    Encoding(#[from] DecodeError),
}

impl Genesis {
    /// BLAKE3("aureon/genesis/1", canonical encoding).
    pub fn id(&self) -> GenesisId {
        GenesisId(blake3(&[b"aureon/genesis/1", &self.encode()]))
    }

    /// The validators of height 1.
    pub fn validators(&self) -> Result<ValidatorSet, ValidatorSetError> {
        match &self.engine {
            EngineKind::Poa { authorities } => {
                ValidatorSet::new(authorities.iter().map(|key| Validator::new(*key, 1)).collect())
            }
        }
    }

    /// The sum of all balances; at most [`crate::limits::MAX_SUPPLY`] in a checked genesis.
    pub fn supply(&self) -> Amount {
        Amount::total(self.balances.values().copied()).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests;
