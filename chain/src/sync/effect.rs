//! What range sync wants done.

use std::time::Duration;

use aureon_types::{BlockId, CertifiedBlock};

use super::{BatchId, Offence, RequestId, TimerId, VerifiedBlocks};

/// A wish. All are imperative, or name a change of state for others to show.
#[derive(Debug)]
pub enum Effect<P> {
    /// Send a `RangeRequest`. Answer with `RangeArrived` or `RequestFailed`.
    RequestRange {
        /// Whom to ask.
        peer: P,
        /// Names the answer.
        request: RequestId,
        /// First height.
        from: u64,
        /// How many, 1 to [`super::BATCH_BLOCKS`].
        count: u32,
    },
    /// Ask for a peer's head. Answer with `PeerStatus`; nothing waits for it.
    RequestStatus {
        /// Whom to ask.
        peer: P,
    },
    /// Run [`super::verify`] on a worker. Answer with `BatchVerified`, always.
    Verify {
        /// Names the answer.
        batch: BatchId,
        /// What to verify.
        blocks: Vec<CertifiedBlock>,
    },
    /// Import these blocks in order through [`crate::import`], skipping those that were committed
    /// meanwhile. Answer with `HeadChanged` for each and then `Imported`, or with `ImportFailed`.
    Import {
        /// Names the answer.
        batch: BatchId,
        /// Contiguous, the first on our head.
        blocks: VerifiedBlocks,
    },
    /// A peer did wrong.
    Penalize {
        /// The peer.
        peer: P,
        /// What it did.
        offence: Offence,
    },
    /// Call again with `TimerFired`.
    StartTimer {
        /// Names the timer; it replaces the machine's earlier one.
        timer: TimerId,
        /// In how long.
        after: Duration,
    },
    /// Peers claim more than we have, and gossip does not deliver it.
    Behind {
        /// The highest claim.
        target: u64,
    },
    /// We have what every trusted peer claims.
    Synced {
        /// Our height.
        height: u64,
    },
    /// The network decided, by a certificate that holds, a block that does not follow ours: more than
    /// a third of the voting power signed twice, or this node's database is another chain's. Sync
    /// pauses; an operator must look.
    Conflict {
        /// Height of the block that does not fit.
        height: u64,
        /// Our block below it.
        ours: BlockId,
        /// The parent that it names.
        theirs: BlockId,
    },
}
