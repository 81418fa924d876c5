//! What the core is told.

use aureon_chain::mempool::Admitted;
use aureon_proto::v1 as proto;
use aureon_protocol::{PeerId, Status, Topic};
use aureon_types::{Address, SignedTransaction};
use bytes::Bytes;

use super::{Done, Mined, Rejection, Timer};

/// Names a gossiped message for its verdict.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct GossipToken(pub u64);

/// Names a request of a peer for its answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ChannelToken(pub u64);

/// Names a request of ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct RequestToken(pub u64);

/// Names who waits for the outcome of a submission.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ReplyToken(pub u64);

/// Why a submission was not looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SubmitError {
    /// Too many transactions wait for their signature check.
    #[error(
        "the node is busy: {waiting} transactions wait for their signature check, at most {limit} may; try again shortly"
    )]
    Busy {
        /// Waiting now.
        waiting: usize,
        /// The bound.
        limit: usize,
    },
    /// The node is shutting down.
    #[error("the node is stopping")]
    Stopping,
}

/// Answers a submission: for each transaction in order.
pub type SubmitOutcome = Result<Vec<Result<Admitted, Rejection>>, SubmitError>;

/// An event. Past tense: it has happened.
#[derive(Debug)]
pub enum Input {
    /// A client submitted transactions; well formed, unverified.
    Submit {
        /// In order; outcomes keep it.
        transactions: Vec<SignedTransaction>,
        /// For the outcome.
        reply: ReplyToken,
    },
    /// A gossiped message came; a verdict is due within 3 s.
    Gossip {
        /// Its topic.
        topic: Topic,
        /// Who sent it to us.
        from: PeerId,
        /// For the verdict.
        message: GossipToken,
        /// Hostile until parsed.
        data: Bytes,
    },
    /// A peer of our network is connected.
    PeerReady {
        /// Who.
        peer: PeerId,
        /// Its head, as it says.
        status: Status,
    },
    /// A peer told its head.
    PeerStatus {
        /// Who.
        peer: PeerId,
        /// Its head, as it says.
        status: Status,
    },
    /// A peer is gone.
    PeerGone {
        /// Who.
        peer: PeerId,
    },
    /// A peer asks.
    Request {
        /// Who.
        peer: PeerId,
        /// For the answer.
        channel: ChannelToken,
        /// What.
        request: proto::SyncRequest,
    },
    /// The outcome of a request of ours.
    Response {
        /// Which.
        request: RequestToken,
        /// Who was asked.
        peer: PeerId,
        /// The answer, or why there is none.
        result: Result<proto::SyncResponse, aureon_protocol::RequestError>,
    },
    /// A thread of ours found a nonce.
    Mined(Mined),
    /// A miner outside asks for a template.
    TemplateWanted {
        /// Who is to receive reward and fees; `None`: whom this node is configured for.
        reward: Option<Address>,
        /// For the outcome.
        reply: ReplyToken,
    },
    /// A miner outside found a nonce.
    SealSubmitted {
        /// For which template.
        mined: Mined,
        /// For the outcome.
        reply: ReplyToken,
    },
    /// A timer fired.
    TimerFired(Timer),
    /// A worker is done.
    Done(Box<Done>),
}
