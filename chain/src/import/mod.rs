//! The one door to a commit: gossiped, synced and self-built blocks, and those that a restarted node
//! executes again, all become an [`ExecutedBlock`] here or not at all.
//!
//! Three steps, each giving the proof that the next one takes, so that none can be left out and the
//! rules of two heights cannot be mixed:
//!
//! 1. [`check_header`] needs a header, its parent and the rules of the height. Cheap: no signature, no
//!    state. It gives a [`CheckedHeader`], or says until when the header must wait for the clock.
//! 2. [`verify_body`] checks the proof of work or the previous block's certificate, and every
//!    transaction's signature. It gives a [`VerifiedBlock`].
//! 3. [`execute`] executes on the parent's state and compares every figure and root that the header
//!    names. It gives an [`ExecutedBlock`].
//!
//! *Whose fault.* Every fault found here is the block's, because the header commits to whatever was
//! wrong, except one: a body that belongs to another block is the fault of who sent it
//! ([`BlockFault::condemns_block`]). What our disk does wrong is a [`StateError`], and never held
//! against anybody.

mod body;
mod executed;
mod fault;
mod header;
mod rules;

pub use body::{VerifiedBlock, verify_body};
pub(crate) use executed::check_view;
pub use executed::{ExecutedBlock, ReceiptDifference, execute, first_difference, receipts};
pub use fault::{BlockFault, HeaderFault, ImportError};
pub use header::{CheckedHeader, HeaderVerdict, ParentInfo, check_header};
pub(crate) use rules::{BlockPlace, signers};
pub use rules::{HeightEngine, HeightRules, HeightValidators, MAX_AHEAD_MS, RulesError, TimeRule};

#[cfg(doc)]
use crate::execution::StateError;

#[cfg(test)]
mod round_trip;
#[cfg(test)]
mod tests;
