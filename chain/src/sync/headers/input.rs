//! What header sync is told.

use aureon_consensus::pow::{HeaderStop, HeadersFault, VerifiedHeaders, Work};
use aureon_types::SealedHeader;

use super::super::{BatchId, Head, RequestFailure, RequestId, TimerId};

/// What a peer says its chain is. Nothing proves it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Claim {
    /// Height and id of its head.
    pub head: Head,
    /// Of all blocks up to it.
    pub work: Work,
}

/// How far our own headers and blocks go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tip {
    /// The heaviest header in the tree, and its work.
    pub header: Claim,
    /// The head: executed and committed.
    pub head: Claim,
}

/// An event. All are past tense.
#[derive(Debug)]
pub enum Input<P> {
    /// A peer said how far it is: after hello, and whenever its head moves.
    PeerStatus {
        /// The peer.
        peer: P,
        /// What it says.
        claim: Claim,
    },
    /// The last connection to a peer closed.
    PeerGone {
        /// The peer.
        peer: P,
    },
    /// A peer sent, by gossip, a header with its work done whose parent is not here: it has the way to
    /// it.
    Orphan {
        /// The peer.
        peer: P,
    },
    /// An answer to `RequestHeaders`, decoded; the work is unchecked.
    HeadersArrived {
        /// Who answered.
        peer: P,
        /// The request as named by the effect.
        request: RequestId,
        /// In order.
        headers: Vec<SealedHeader>,
        /// The head that came with the answer.
        claim: Option<Claim>,
    },
    /// A request will not be answered.
    RequestFailed {
        /// Who was asked.
        peer: P,
        /// The request.
        request: RequestId,
        /// Why.
        failure: RequestFailure,
    },
    /// The work of a batch was checked.
    HeadersVerified {
        /// As named by `Effect::Verify`.
        batch: BatchId,
        /// The headers with the proof, or the first whose work is not done.
        result: Result<VerifiedHeaders, HeadersFault>,
    },
    /// Consensus judged a batch. If the heaviest header changed with it, `TipChanged` comes first.
    HeadersJudged {
        /// As named by `Effect::Deliver`.
        batch: BatchId,
        /// How many are in the tree.
        accepted: usize,
        /// Why the rest is not.
        stop: Option<HeaderStop>,
    },
    /// The heaviest header or the head moved, by whatever way.
    TipChanged(Tip),
    /// The timer of `Effect::StartTimer` fired.
    TimerFired(TimerId),
}
