//! What a sandbox does not do, and why.

use aureon_chain::{execution::StateError, import::RulesError};
use aureon_consensus::ConfigError;
use aureon_storage::StorageError;
use aureon_types::{Address, Amount, DecodeError, GenesisError, transaction::UnverifiedError};

use super::{MAX_NAME_BYTES, MAX_TIME_MS};
use crate::adapters::UnknownCostTable;

/// Why something was not done. Shown to authors of tests as it is.
#[derive(Debug, thiserror::Error)]
pub enum SandboxError {
    /// The setup has a value that no network can have.
    #[error(transparent)]
    Setup(#[from] GenesisError),
    /// A name that no account gets.
    #[error(
        "\"{0}\" is no name for an account: it has 1 to {MAX_NAME_BYTES} bytes and does not begin with 0x"
    )]
    Name(String),
    /// Too many names.
    #[error("the sandbox has {limit} accounts already, and no more fit")]
    TooManyAccounts {
        /// Most.
        limit: usize,
    },
    /// A sender without a key here.
    #[error("{0} is no account of this sandbox, which cannot sign for it: make an account by name first")]
    UnknownAccount(Address),
    /// An account that exists cannot be made poorer.
    #[error("{name} holds {held} base units already, more than the {wanted} that were asked for")]
    HoldsMore {
        /// The account.
        name: String,
        /// What it holds.
        held: Amount,
        /// What was asked for.
        wanted: Amount,
    },
    /// All base units that can exist are with others.
    #[error("the faucet cannot pay {wanted} base units any more: give the accounts less")]
    FaucetEmpty {
        /// What it was asked for.
        wanted: Amount,
    },
    /// Time goes forward.
    #[error(
        "no block can have the time {time_ms}: it must be after the last block's, {after}, and at most {MAX_TIME_MS}"
    )]
    Time {
        /// What was asked for, in milliseconds.
        time_ms: u64,
        /// The last block's.
        after: u64,
    },
    /// Not a test any more.
    #[error("the sandbox has {limit} blocks, the most that it makes: start another one")]
    TooManyBlocks {
        /// Most.
        limit: u64,
    },
    /// A transaction that no node takes, because of its form.
    #[error("transaction {place} cannot be sent: {reason}")]
    Malformed {
        /// Which of those that were given, from 0.
        place: usize,
        /// Which limit it breaks.
        reason: DecodeError,
    },
    /// No block can hold a transaction.
    #[error("transaction {place} cannot be in a block: {reason}")]
    NotIncluded {
        /// Which of those that were given, from 0.
        place: usize,
        /// Why.
        reason: String,
    },
    /// The machine has no such cost table.
    #[error(transparent)]
    CostTable(#[from] UnknownCostTable),
    /// This software is at fault.
    #[error(transparent)]
    State(#[from] StateError),
    /// This software is at fault.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// This software is at fault.
    #[error(transparent)]
    Rules(#[from] RulesError),
    /// This software is at fault.
    #[error(transparent)]
    Consensus(#[from] ConfigError),
    /// This software is at fault.
    #[error(transparent)]
    Signature(#[from] UnverifiedError),
}
