//! Why a test network cannot be started, shown or stopped.

use std::{io, path::PathBuf};

use crate::config::{ConfigError, directory::FileError};

/// What went wrong, and what to do.
#[derive(Debug, thiserror::Error)]
pub enum TestnetError {
    /// No network there.
    #[error("{} holds no test network: `aureon-node testnet up` makes one", dir.display())]
    NoNetwork {
        /// The directory.
        dir: PathBuf,
    },
    /// Something else there.
    #[error("{} is not empty and holds no test network: choose another --dir", dir.display())]
    NotEmpty {
        /// The directory.
        dir: PathBuf,
    },
    /// The network that is there is another one.
    #[error("the network in {} has {there}, not {asked}: leave the option out to go on with it, or choose another --dir", dir.display())]
    Different {
        /// The directory.
        dir: PathBuf,
        /// What it has.
        there: String,
        /// What was asked for.
        asked: String,
    },
    /// It runs.
    #[error("{name} runs already (process {pid}): see `aureon-node testnet status --dir {dir}`, or stop the network with `aureon-node testnet down --dir {dir}`", dir = dir.display())]
    AlreadyRunning {
        /// The node.
        name: String,
        /// Its process.
        pid: u32,
        /// The network's directory.
        dir: PathBuf,
    },
    /// A port is taken.
    #[error(
        "port {port} ({what} of {name}) is in use by another program: give --base-port 0 to let the system choose, or --base-port with the first of a free range"
    )]
    PortInUse {
        /// The port.
        port: u16,
        /// "peers" or "API".
        what: &'static str,
        /// The node.
        name: String,
    },
    /// A range of ports that does not fit.
    #[error("base port {base} is too high for {nodes} nodes: ports end at 65535")]
    PortRange {
        /// As given.
        base: u16,
        /// How many nodes.
        nodes: usize,
    },
    /// A node ended.
    #[error("{name} ended while it started ({status}); the end of {}:\n{tail}", log.display())]
    Died {
        /// The node.
        name: String,
        /// How it ended.
        status: String,
        /// Its log.
        log: PathBuf,
        /// The end of its log.
        tail: String,
    },
    /// A node does not come up.
    #[error("{name} did not come up within {seconds} s ({reason}); the end of {}:\n{tail}", log.display())]
    Late {
        /// The node.
        name: String,
        /// How long it had.
        seconds: u64,
        /// What is missing.
        reason: String,
        /// Its log.
        log: PathBuf,
        /// The end of its log.
        tail: String,
    },
    /// Ctrl-C during the start.
    #[error("interrupted while the network was starting; all nodes were stopped")]
    Interrupted,
    /// A file.
    #[error(transparent)]
    File(#[from] FileError),
    /// A node's configuration.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The genesis.
    #[error(transparent)]
    Genesis(#[from] aureon_types::GenesisError),
    /// A new validator's log.
    #[error(transparent)]
    Start(#[from] crate::run::StartError),
    /// The system refuses.
    #[error("cannot {action}: {source}")]
    Io {
        /// What was tried.
        action: String,
        /// What the system said.
        source: io::Error,
    },
}

impl TestnetError {
    /// For `map_err`.
    pub fn io(action: impl Into<String>) -> impl FnOnce(io::Error) -> Self {
        let action = action.into();
        move |source| Self::Io { action, source }
    }
}
