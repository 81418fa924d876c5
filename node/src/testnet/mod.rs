//! A network of several nodes on this machine.
//!
//! ```text
//! DIR/testnet.json            name, genesis id, number of nodes; written last: a directory that has it is complete
//! DIR/genesis.json
//! DIR/accounts/account-1.key  the development accounts
//! DIR/node-1/                 a node's directory, as `run --dir DIR/node-1` takes it
//! DIR/node-1/node.log         what it logs
//! DIR/node-1/node.pid         the process that the launcher started
//! ```
//!
//! The nodes are processes of this same binary, each in a process group of its own: Ctrl-C reaches the
//! launcher, which ends them in order. They find each other by mDNS. Where that cannot work, the first
//! node is started alone and the others are given its address; the configurations are then completed
//! with the addresses of all, so that each node can also be started alone.
//!
//! Ports that the system chose are written into the configurations after the first start: a node that
//! starts again is found where it was.

pub mod accounts;
mod engine;
mod error;
mod genesis;
mod launch;
mod multicast;
mod network;
mod process;
mod report;
mod supervise;

pub use engine::Engine;
pub use error::TestnetError;
pub use launch::{Launch, Running, launch, refuse_running};
pub use network::{Layout, MAX_NODES, Network, fresh_directory, latest_directory};
pub use process::stop_all;
pub(crate) use process::{log_tail, spawn};
pub use report::{AccountReport, NodeReport, Report, report};
pub use supervise::{StopFlag, supervise};
