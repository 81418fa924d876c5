//! Making a block: as much of what the mempool offers as fits into gas, bytes and time.
//!
//! The builder executes while it chooses, so the block it returns is already an
//! [`ExecutedBlock`] and is not executed again when it comes back through consensus.
//!
//! *A block must be quicker than the round.* [`build`] stops at a time budget, and [`BuildLimits`]
//! makes blocks smaller after one of ours failed: others execute it after us, and a block slower than
//! the longest timeout would stall the chain for ever. However small they are, a block can hold one
//! transaction of [`FIRST_TRANSACTION_GAS`]: any deployment.

mod builder;
mod limits;
mod seal;

pub use builder::{BuildParams, Built, GAS_PER_TIME_CHECK, StopReason, TRANSACTIONS_PER_TIME_CHECK, build};
pub use limits::{BuildLimits, FIRST_TRANSACTION_GAS, MIN_BUILD_BYTES, MIN_BUILD_GAS};
pub use seal::seal;

#[cfg(doc)]
use crate::import::ExecutedBlock;
