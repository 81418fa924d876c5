//! What an engine asks for. Effects are performed in the order in which they were pushed.

use std::time::Duration;

use aureon_types::{Address, BlockId, CommitCertificate, Evidence, SignedVote};

use crate::{
    LogRecord, Message, SignMark, TimerId,
    pow::{HeaderStop, Work},
};

/// A message for all peers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutgoingMessage {
    /// Votes and certificates go to the consensus topic; a proposal goes to the blocks topic, together
    /// with its body, which is durable here.
    pub message: Message,
    /// 0 when sent for the first time. Goes into the envelope, so that gossip does not take a repeated
    /// message for a duplicate.
    pub attempt: u16,
}

/// A request. Imperative: it is to be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect {
    /// The write-ahead log forgets every record and begins the log of `height`. In one queue with
    /// [`Effect::SyncThenPublish`]; needs no sync of its own.
    StartLog {
        /// The height whose records follow.
        height: u64,
    },
    /// Append `records`, set the sign-mark, make both durable, and only then send `messages`. Strictly
    /// in the order in which these effects came: what is sent depends on every record before it.
    SyncThenPublish {
        /// In order.
        records: Vec<LogRecord>,
        /// The new sign-mark, if it rose. Never lower than an earlier one.
        sign_mark: Option<SignMark>,
        /// In order.
        messages: Vec<OutgoingMessage>,
    },
    /// Answer [`crate::Input::TimerFired`] after this time.
    StartTimer {
        /// To be given back.
        id: TimerId,
        /// From now, by the monotonic clock.
        after: Duration,
    },
    /// Build a block on the head, execute it, make its body durable, answer [`crate::Input::Built`].
    /// The answer is worthless once `within` is over.
    Build {
        /// Of the block.
        height: u64,
        /// In which it will be proposed.
        round: u32,
        /// The propose timeout of the round.
        within: Duration,
    },
    /// Get the body of a proposed block, check and execute it; if it is valid, make it durable; answer
    /// [`crate::Input::Executed`].
    ///
    /// Under proof of work the block is one of a heavier branch, its round 0 and its proposer the one
    /// that its header names; parents are asked for before children, children before their parents are
    /// answered. Durable it becomes with [`Effect::Switch`].
    Execute {
        /// Of the proposal.
        height: u64,
        /// Of the proposal.
        round: u32,
        /// Who signed the proposal; the builder only where `valid_round` is `None`.
        proposer: Address,
        /// The block.
        block_id: BlockId,
        /// The round in which the block had a polka, if the proposal names one.
        valid_round: Option<u32>,
    },
    /// Peers vote for a block whose proposal is not here: ask for the block by id (a peer answers with
    /// the signed proposal, which comes back as a message). May come again while it is missing.
    Fetch {
        /// Voted on.
        height: u64,
        /// Voted in.
        round: u32,
        /// The block.
        block_id: BlockId,
    },
    /// The block is decided: make it the head, then say [`crate::Input::Committed`]. Its body is here
    /// and was executed.
    Commit {
        /// Proves the decision.
        certificate: CommitCertificate,
        /// Contradictions seen so far at this height.
        evidence: Vec<Evidence>,
    },
    /// The engine leaves a height for the next. What came after the decision is complete now.
    HeightClosed {
        /// The height that is left.
        height: u64,
        /// All precommits for the decided block, those of the certificate included; empty if the block
        /// was imported. For judging who was absent.
        precommits: Vec<SignedVote>,
        /// Contradictions seen since the decision.
        evidence: Vec<Evidence>,
    },
    /// A new round began. For logs and metrics.
    RoundStarted {
        /// Its height.
        height: u64,
        /// Its number, from 0.
        round: u32,
        /// Who is to propose.
        proposer: Address,
    },
    /// From now on this node does not sign. It goes on following the chain.
    SigningStopped {
        /// Why, and what to do, for a person.
        reason: String,
    },
    /// Proof of work: an executed branch is heavier than the head's. In one durable step undo these
    /// blocks of the head's branch and apply those, then say [`crate::Input::Committed`] with the last
    /// applied block. Not asked again before that.
    Switch {
        /// Highest first, from the head down to the fork; empty if the head grows.
        undone: Vec<BlockId>,
        /// Lowest first, from the fork to the new head. Each was executed and found valid.
        applied: Vec<BlockId>,
        /// Height and id of the block that becomes final with this, if one does: nothing below is ever
        /// undone.
        finalized: Option<(u64, BlockId)>,
        /// Of all blocks up to the new head.
        work: Work,
    },
    /// Proof of work: no verdict on these blocks is wanted any more, because their branch lost or is
    /// invalid. Bodies and executions may be dropped; an answer that is on its way is ignored unless it
    /// says that the block is invalid. A block may be asked for again later.
    Unwanted {
        /// In no order.
        blocks: Vec<BlockId>,
    },
    /// Proof of work: what became of [`crate::Input::Headers`].
    HeadersJudged {
        /// As given.
        batch: u64,
        /// How many of them, from the first on, are in the tree now (some may have been before).
        accepted: usize,
        /// Why the rest is not; `None`: all are.
        stop: Option<HeaderStop>,
    },
    /// The core refused an input, which should be impossible. The node follows by range sync only.
    Halted {
        /// Why, for a person.
        reason: String,
    },
}
