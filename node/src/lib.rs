//! The node: what joins the crates, and what touches the machine.
//!
//! A library with a thin `main.rs`, so that the simulation runs the shipped core and adapters on a
//! simulated network, clock and disk, not a second wiring.

pub mod adapters;
pub mod api;
pub mod bench;
pub mod cli;
pub mod client;
pub mod config;
pub mod core;
pub mod handle;
pub mod main_loop;
pub mod miner;
pub mod run;
pub mod sandbox;
pub mod testnet;
pub mod workers;

/// The name and version of this software, as peers see it.
pub const AGENT: &str = concat!("aureon-node/", env!("CARGO_PKG_VERSION"));
