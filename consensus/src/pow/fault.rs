//! What can be wrong with a header under proof of work.

use aureon_types::{BlockId, GenesisId};

use super::Target;

/// A rule that a header breaks. The fault of who made it; who forwards it without having checked what it
/// could is at fault too.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HeaderFault {
    /// It has no target, or no nonce of 8 bytes.
    #[error("the header names no target or has no nonce: it is no header of proof of work")]
    NoWork,
    /// Its hash is above its own target.
    #[error("the header's hash is above its target {target}: the work was not done")]
    WorkNotDone {
        /// What it names.
        target: Target,
    },
    /// Of another network.
    #[error("the header is of network {0}")]
    OtherNetwork(GenesisId),
    /// Not one above its parent.
    #[error("the header has height {given}, its parent's is followed by {expected}")]
    WrongHeight {
        /// What it names.
        given: u64,
        /// One above its parent.
        expected: u64,
    },
    /// It was compared with another parent than it names.
    #[error("the header names parent {given}, not {expected}")]
    WrongParent {
        /// What it names.
        given: BlockId,
        /// The block below.
        expected: BlockId,
    },
    /// Not the target that follows from the blocks below.
    #[error("the header names target {given}, the blocks below it give {expected}")]
    WrongTarget {
        /// What it names.
        given: Target,
        /// What it should.
        expected: Target,
    },
    /// Not after the median of the blocks below.
    #[error("the header's time {given} ms is not after {median} ms, the median of the blocks below it")]
    NotLater {
        /// What it names.
        given: u64,
        /// The last [`super::MEDIAN_BLOCKS`] blocks'.
        median: u64,
    },
    /// It stands on a block that was executed and is invalid, or is one. The fault of who serves it as
    /// part of its chain; who gossips it may not have executed that block yet.
    #[error("the header stands on invalid block {0}")]
    OnInvalid(BlockId),
}
