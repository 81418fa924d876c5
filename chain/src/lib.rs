//! The ledger: what may be in a block, what a block does, and how a node comes to have it.
//!
//! Pure: no I/O, no clock, no threads. Time is an argument, state is read through the port
//! [`execution::StateReader`], and what must leave the machine is an effect.
//!
//! *One door.* Gossiped, synced and self-built blocks all pass [`import`]; the only way to an
//! [`import::ExecutedBlock`] is to execute it here.

// What decides consensus neither wraps nor panics on a large number; tests may.
#![cfg_attr(
    not(test),
    deny(clippy::arithmetic_side_effects, clippy::cast_possible_truncation)
)]

pub mod assembly;
pub mod execution;
pub mod import;
pub mod mempool;
pub mod production;
pub mod sync;
pub mod system;

#[cfg(test)]
mod testing;
