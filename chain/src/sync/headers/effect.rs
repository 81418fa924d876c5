//! What header sync wants done.

use std::time::Duration;

use aureon_consensus::pow::VerifiedHeaders;
use aureon_types::{BlockId, SealedHeader};

use super::{
    super::{BatchId, RequestId, TimerId},
    Offence,
};

/// A wish. All are imperative, or name a change of state for others to show.
#[derive(Debug)]
pub enum Effect<P> {
    /// Send a `HeadersRequest` with a locator of our chain. Answer with `HeadersArrived` or
    /// `RequestFailed`.
    RequestHeaders {
        /// Whom to ask.
        peer: P,
        /// Names the answer.
        request: RequestId,
        /// Where the locator begins ([`aureon_consensus::pow::Pow::locator`]); `None`: at our heaviest
        /// header.
        after: Option<BlockId>,
        /// How many, at most [`super::MAX_HEADERS`].
        count: u32,
    },
    /// Run [`aureon_consensus::pow::verify_headers`] on a worker. Answer with `HeadersVerified`, always.
    Verify {
        /// Names the answer.
        batch: BatchId,
        /// What to verify.
        headers: Vec<SealedHeader>,
    },
    /// Give these to consensus ([`aureon_consensus::Input::Headers`]). Answer with `HeadersJudged`,
    /// always.
    Deliver {
        /// Names the answer.
        batch: BatchId,
        /// Each on the one before.
        headers: VerifiedHeaders,
    },
    /// A peer did wrong.
    Penalize {
        /// The peer.
        peer: P,
        /// What it did.
        offence: Offence,
    },
    /// A peer's chain leaves ours below our last final block. It claims more work, and we do not follow:
    /// an operator should look which of the two is right.
    OtherHistory {
        /// The peer.
        peer: P,
        /// The height that it claims.
        height: u64,
    },
    /// Call again with `TimerFired`.
    StartTimer {
        /// Names the timer; it replaces the machine's earlier one.
        timer: TimerId,
        /// In how long.
        after: Duration,
    },
    /// Peers claim more work than our head has, and it does not come by itself.
    Behind {
        /// The height of the claim with the most work.
        target: u64,
    },
    /// We have the work that every trusted peer claims.
    Synced {
        /// Our height.
        height: u64,
    },
}
