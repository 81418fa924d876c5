//! Range sync: how a node that is behind catches up.
//!
//! *Protocol.* Peers say how far they have come. When the highest claim is above our head, the heights
//! between are cut into batches; each batch is asked from one peer, several peers at once; its blocks
//! must be the heights asked for and follow each other; a worker checks every certificate against the
//! validators of its height; verified batches are imported in order, one at a time, through
//! [`crate::import`]. A batch that fails names its peer and is asked from another. At the head the
//! machine falls silent: a gap of one block is left to gossip for [`GRACE`], then asked for.
//!
//! *A claim is only a claim.* Whoever cannot deliver what it claims is penalised, and its claim does
//! not count for a while that doubles with each offence. `Behind` therefore is a hint for pacing and
//! status pages; nobody may stop voting because of it.
//!
//! *Changing validators.* Who decides a height is fixed by the blocks below it, as far ahead as the
//! schedule goes. A batch is verified only when the validators of all its heights are known; one that
//! reaches further is cut there. Batches above are downloaded meanwhile.
//!
//! *Pure.* [`RangeSync::handle`] takes the time and an input and appends effects; timeouts are inputs.
//! `P` names a peer and is opaque here.

mod alarm;
mod batch;
mod effect;
pub mod headers;
mod input;
mod machine;
mod offence;
mod peers;
mod plan;
mod serve;
mod status;
mod verify;

#[cfg(test)]
mod machine_tests;
#[cfg(test)]
mod simulation;
#[cfg(test)]
pub(crate) mod testing;

use std::{fmt, time::Duration};

pub(crate) use alarm::Alarm;
pub use alarm::TimerId;
pub use effect::Effect;
pub use input::{Claim, Head, ImportFault, Input, RequestFailure};
pub use machine::RangeSync;
pub use offence::Offence;
pub use serve::{MAX_RANGE_BLOCKS, RangeAnswer, SERVED_BYTES, decode_range};
pub use status::{Phase, Status};
pub use verify::{BatchFault, VerifiedBlocks, verify};

/// Blocks of a batch, unless blocks are so large that fewer make [`BATCH_BYTES`].
pub const BATCH_BLOCKS: u64 = 64;
/// Bytes that a batch should weigh; batches shrink, down to one block, when blocks are large.
pub const BATCH_BYTES: u64 = SERVED_BYTES as u64;
/// Range requests in flight, at most one per peer. When reached, batches wait in the queue.
pub const MAX_REQUESTS: usize = 4;
/// Batches planned ahead of the head, in any state. When reached, nothing is planned until the lowest
/// is imported. Short answers split batches; no split happens above twice this number except at the
/// front, which must move.
pub const MAX_BATCHES: usize = 12;
/// Bytes of blocks that wait for verification or import, with what requests in flight are expected to
/// add. When reached, only the batch that is imported next is asked for. Answers can be larger than
/// expected, each by at most one frame.
pub const MAX_BUFFERED_BYTES: usize = 64 << 20;
/// Batches whose certificates are checked at once.
pub const MAX_VERIFYING: usize = 2;
/// Peers that are remembered. When full, further peers are not used for sync.
pub const MAX_PEERS: usize = 512;
/// How long a peer may take to answer a range request.
pub const REQUEST_TIMEOUT: Duration = Duration::from_secs(10);
/// How long the next block is left to gossip and consensus before it is asked for.
pub const GRACE: Duration = Duration::from_millis(500);
/// Peers asked for their status at once when votes say that the chain is further than any claim.
pub const STATUS_REQUESTS: usize = 3;

/// What names a peer. Any small ordered key will do, such as a libp2p peer id.
pub trait Peer: Copy + Ord + fmt::Debug + fmt::Display {}

impl<T: Copy + Ord + fmt::Debug + fmt::Display> Peer for T {}

/// Names a request of this machine; never used twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RequestId(pub u64);

/// Names a batch of this machine; never used twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BatchId(pub u64);
