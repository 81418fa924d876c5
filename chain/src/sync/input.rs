//! What range sync is told.

use aureon_types::{BlockId, CertifiedBlock};

use super::{BatchFault, BatchId, RequestId, TimerId, VerifiedBlocks};

/// The last committed block. At genesis: height 0 and the genesis id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head {
    /// Its height.
    pub height: u64,
    /// Its id.
    pub id: BlockId,
}

/// What a peer says its head is. Nothing proves it.
pub type Claim = Head;

/// Why a request got no usable answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RequestFailure {
    /// The peer said that it cannot serve this now. No offence.
    Busy,
    /// The connection broke, or the peer does not speak the protocol. No offence.
    Unreachable,
    /// The answer could not be decoded: the peer's fault.
    Malformed(String),
}

/// Whose fault a failed import is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ImportFault {
    /// The blocks are not what was decided: the fault of who sent them.
    Sender(String),
    /// Ours: the disk, or a result that differs from what two thirds of the network signed.
    Ours(String),
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
    /// An answer to `RequestRange`, decoded; its certificates are not verified.
    RangeArrived {
        /// Who answered.
        peer: P,
        /// The request as named by the effect.
        request: RequestId,
        /// Blocks from the first height asked for; may be fewer than asked.
        blocks: Vec<CertifiedBlock>,
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
    /// [`super::verify`] is through with a batch.
    BatchVerified {
        /// The batch as named by `Effect::Verify`.
        batch: BatchId,
        /// The blocks with the proof, or the first block that has none.
        result: Result<VerifiedBlocks, BatchFault>,
    },
    /// All blocks of a batch are committed (some may have been before). The last `HeadChanged` of the
    /// batch comes first.
    Imported {
        /// The batch as named by `Effect::Import`.
        batch: BatchId,
    },
    /// The import of a batch stopped. Blocks before `height` are committed.
    ImportFailed {
        /// The batch.
        batch: BatchId,
        /// The block that was not imported.
        height: u64,
        /// Whose fault, and why.
        fault: ImportFault,
    },
    /// The head moved, by whatever way: consensus, gossip or our own import.
    HeadChanged {
        /// The last committed block.
        head: Head,
        /// The validators of all heights up to this one are known now; at least of the one above the
        /// head.
        known_until: u64,
    },
    /// A vote for this height was heard. Whoever votes for a height has committed the one below.
    VoteSeen {
        /// The height voted on.
        height: u64,
    },
    /// The timer of `Effect::StartTimer` fired.
    TimerFired(TimerId),
}
