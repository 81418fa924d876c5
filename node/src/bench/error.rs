//! Why a measurement cannot be made, or must not be believed.

use std::{io, path::PathBuf, time::Duration};

use aureon_types::{Address, Amount, GenesisError, TransactionId};

use crate::{
    client::ClientError,
    config::{ConfigError, directory::FileError},
    run::StartError,
    testnet::TestnetError,
};

/// What went wrong, and what to do.
#[derive(Debug, thiserror::Error)]
pub enum BenchError {
    /// The node cannot be asked.
    #[error(transparent)]
    Client(#[from] ClientError),
    /// A process cannot be started.
    #[error(transparent)]
    Testnet(#[from] TestnetError),
    /// A file of the own node.
    #[error(transparent)]
    File(#[from] FileError),
    /// The configuration of the own node.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The genesis of the own network.
    #[error(transparent)]
    Genesis(#[from] GenesisError),
    /// The consensus log of the own node.
    #[error(transparent)]
    Start(#[from] StartError),
    /// The system refuses.
    #[error("cannot {action}: {source}")]
    Io {
        /// What was tried.
        action: String,
        /// What the system said.
        source: io::Error,
    },
    /// The directory for the own network holds something.
    #[error("{} is not empty: choose another --keep", dir.display())]
    NotEmpty {
        /// The directory.
        dir: PathBuf,
    },
    /// The own node ended.
    #[error("the node ended while it was measured ({status}); the end of its log:\n{tail}")]
    Died {
        /// How it ended.
        status: String,
        /// The end of its log.
        tail: String,
    },
    /// The own node does not come up.
    #[error("the node makes no blocks after {} s; the end of its log:\n{tail}", patience.as_secs())]
    Late {
        /// How long it had.
        patience: Duration,
        /// The end of its log.
        tail: String,
    },
    /// No block for a long time.
    #[error(
        "no block for {} s at height {height}, so nothing can be measured: the chain waits for {waiting_for}",
        patience.as_secs()
    )]
    Stalled {
        /// How long it had.
        patience: Duration,
        /// The height of the head.
        height: u64,
        /// What the engine says.
        waiting_for: String,
    },
    /// The load ended before anything was measured.
    #[error(
        "all {signed} signed transactions were taken within the warm-up of {} s: sign more with --transactions",
        warm_up.as_secs_f32()
    )]
    TooFew {
        /// How many were signed.
        signed: usize,
        /// The warm-up.
        warm_up: Duration,
    },
    /// The node refuses a transaction of ours for good.
    #[error("the node refuses a transaction of the load ({code}): {detail}")]
    Refused {
        /// The reason for programs.
        code: String,
        /// The reason for people.
        detail: String,
    },
    /// The payer of the fan-out has too little.
    #[error(
        "{payer} has {balance} base units, but funding {accounts} accounts with {each} each, fees included, takes \
         {needed}: use a richer --key, fewer --accounts or fewer --transactions"
    )]
    TooPoor {
        /// The payer.
        payer: Address,
        /// What it has.
        balance: Amount,
        /// How many accounts are to be funded.
        accounts: usize,
        /// With how much.
        each: u64,
        /// What all of it takes; at most this if it does not fit in 64 bits.
        needed: u64,
    },
    /// The funding transfers are not included.
    #[error("the transfers that fund the accounts are not in blocks after {} s", patience.as_secs())]
    NotFunded {
        /// How long they had.
        patience: Duration,
    },
    /// Transactions that the node admitted are in no block.
    #[error(
        "{missing} of {admitted} transactions that the node admitted are in no block {} s after the load ended: \
         they were dropped, and the figures would be wrong",
        patience.as_secs()
    )]
    Lost {
        /// How many are missing.
        missing: usize,
        /// How many were admitted.
        admitted: usize,
        /// How long they had.
        patience: Duration,
    },
    /// A transfer of the load was included and failed.
    #[error(
        "transfer {id} of the load was included but failed ({reason}): what was measured is not transfers"
    )]
    FailedTransfer {
        /// The transaction.
        id: TransactionId,
        /// Why.
        reason: String,
    },
    /// Ctrl-C.
    #[error("interrupted: nothing was measured")]
    Interrupted,
}

impl BenchError {
    /// For `map_err`.
    pub(super) fn io(action: impl Into<String>) -> impl FnOnce(io::Error) -> Self {
        let action = action.into();
        move |source| Self::Io { action, source }
    }
}
