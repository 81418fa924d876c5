//! Aureon's storage: blocks, state and indexes in redb.
//!
//! - [`BlockStore`] (`blocks.redb`) is the durability point: bodies, certificates, receipts, and where
//!   to find them by height, block id and transaction id.
//! - [`StateStore`] (`state.redb`) holds accounts, their storage, and the Merkle Patricia tries over them. It
//!   is written behind the block store and rebuilt from it after a crash.
//! - [`memory::CrashDisk`] is a disk for simulations: it loses what was not synced, and fills up.
//!
//! What this crate does not do: it executes nothing, decides nothing, starts no threads and reads no
//! clock. The node calls [`StateStore::flush`] and [`BlockStore::merge_once`] from threads of its own,
//! a simulation from its loop.

pub mod blocks;
mod database;
mod error;
pub mod memory;
pub mod state;
pub mod trie;

pub use blocks::{BlockStore, Decided, Head, IncludedTransaction};
pub use database::{Backend, SCHEMA};
pub use error::{Result, StorageError};
pub use state::{AccountProof, FlushPolicy, Rows, StateStore, StateView, StorageProof};
