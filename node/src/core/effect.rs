//! What the core wants done.

use std::time::Duration;

use aureon_chain::{assembly, sync};
use aureon_proto::v1 as proto;
use aureon_protocol::{Offence, PeerId, Status, Topic, Verdict};
use aureon_types::BlockId;
use bytes::Bytes;

use super::{
    ChannelToken, GossipToken, Job, MiningWork, ReplyToken, RequestToken, SealOutcome, SubmitOutcome,
    TemplateOutcome,
};

/// A timer of the core. Starting one again replaces nothing: a machine ignores timers it no longer
/// wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Timer {
    /// Of the consensus engine.
    Consensus(aureon_consensus::TimerId),
    /// Of range sync.
    Sync(sync::TimerId),
    /// Of header sync.
    Headers(sync::TimerId),
    /// Of block assembly.
    Assembly(assembly::TimerId),
    /// A block whose time is ahead of our clock.
    Held(BlockId),
    /// Admitted transactions wait to be announced in one batch.
    Announce,
    /// Expiry and repeated announcements.
    Housekeeping,
    /// Whether our template should be built anew.
    Mining,
}

/// Work of the log thread, strictly in order.
#[derive(Debug)]
pub enum LogJob {
    /// The records of earlier heights are no longer needed.
    Begin {
        /// The height whose records follow.
        height: u64,
    },
    /// Append, make durable, and only then publish.
    Append {
        /// Encoded records.
        records: Vec<Vec<u8>>,
        /// The encoded sign-mark, if it rose.
        mark: Option<Vec<u8>>,
        /// What is sent afterwards, in order.
        publish: Vec<(Topic, Bytes)>,
    },
}

/// A move of the head, by height and block. Where blocks are final at once, nothing is ever undone.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HeadChange {
    /// No longer part of the chain, the highest first.
    pub undone: Vec<(u64, BlockId)>,
    /// Part of the chain now, the lowest first; the last one is the head.
    pub applied: Vec<(u64, BlockId)>,
}

/// A request. Imperative: it is to be done.
#[derive(Debug)]
pub enum Effect {
    /// Gossip to all peers.
    Publish {
        /// Where.
        topic: Topic,
        /// What.
        data: Bytes,
    },
    /// Judge a gossiped message.
    Verdict {
        /// Which.
        message: GossipToken,
        /// The judgement.
        verdict: Verdict,
    },
    /// Ask a peer; answer with `Input::Response`.
    Request {
        /// Whom.
        peer: PeerId,
        /// For the answer.
        request: RequestToken,
        /// What.
        body: proto::SyncRequest,
    },
    /// Answer a peer's request.
    Respond {
        /// Which.
        channel: ChannelToken,
        /// The answer.
        response: proto::SyncResponse,
    },
    /// Our head for peers.
    SetStatus(Status),
    /// A peer did wrong.
    Penalize {
        /// Who.
        peer: PeerId,
        /// What kind of wrong.
        offence: Offence,
        /// In words, for the log.
        reason: String,
    },
    /// Call again with `Input::TimerFired`.
    StartTimer {
        /// Which.
        timer: Timer,
        /// In how long.
        after: Duration,
    },
    /// Give work to a worker; answer with `Input::Done`.
    Job(Job),
    /// Give work to the log thread.
    Log(LogJob),
    /// Answer a client.
    Reply {
        /// Whom.
        reply: ReplyToken,
        /// What.
        outcome: SubmitOutcome,
    },
    /// What our threads search from now on; `None`: they rest. Answer with `Input::Mined`.
    Mine(Option<MiningWork>),
    /// Answer a miner outside.
    ReplyTemplate {
        /// Whom.
        reply: ReplyToken,
        /// What.
        outcome: TemplateOutcome,
    },
    /// Answer a miner outside.
    ReplySeal {
        /// Whom.
        reply: ReplyToken,
        /// What.
        outcome: SealOutcome,
    },
    /// The head moved (it is durable): show it to clients.
    HeadChanged(HeadChange),
    /// Stop the node cleanly: it cannot go on.
    Stop {
        /// Why, for a person.
        reason: String,
    },
}
