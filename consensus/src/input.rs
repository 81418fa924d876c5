//! What an engine is told.

use std::time::Duration;

use aureon_types::{Address, BlockId};

use crate::{Head, Lineage, VerifiedMessage, pow::VerifiedHeaders};

/// A reading of both clocks. Timers use the monotonic one, block times the wall clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Now {
    /// Since an arbitrary start; never goes back.
    pub monotonic: Duration,
    /// Milliseconds since 1970-01-01 UTC; may jump.
    pub wall_ms: u64,
}

/// Names one started timer. Never used twice by an engine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TimerId(pub u64);

/// An event. Past tense: it has happened.
#[derive(Clone, Debug)]
pub enum Input {
    /// A message of a peer whose every signature holds.
    Message(VerifiedMessage),
    /// A timer of [`crate::Effect::StartTimer`] ran out. Timers that the engine no longer wants are
    /// ignored, so none needs to be cancelled.
    TimerFired(TimerId),
    /// Answers [`crate::Effect::Build`]: our block is executed and its body durable.
    Built {
        /// As asked.
        height: u64,
        /// As asked.
        round: u32,
        /// The new block.
        block_id: BlockId,
    },
    /// Answers [`crate::Effect::Execute`]: the body was judged. If it is valid, it is durable.
    Executed {
        /// As asked.
        height: u64,
        /// As asked.
        round: u32,
        /// As asked.
        proposer: Address,
        /// As asked.
        block_id: BlockId,
        /// Whether this block may be decided.
        valid: bool,
    },
    /// Proof of work: headers of a peer, each with its work done, parents first. Answered by
    /// [`crate::Effect::HeadersJudged`].
    Headers {
        /// Named in the answer.
        batch: u64,
        /// The headers.
        headers: VerifiedHeaders,
    },
    /// The block store has this block as its head: the answer to [`crate::Effect::Commit`] or
    /// [`crate::Effect::Switch`], or a range was imported (then several heights may have passed). With it
    /// comes what the block fixes for the heights above.
    Committed(Head, Lineage),
    /// Proof of work: the other answer to [`crate::Effect::Switch`]. The bodies of these blocks were dropped since they
    /// were executed, and the head stays: they count as not executed, and are asked for again when they are wanted.
    BodiesGone(Vec<BlockId>),
    /// Whether the mempool holds a transaction that could be included. Matters where empty blocks are
    /// made on demand; to be sent on every change.
    PendingTransactions(bool),
    /// Whether peers are known to have committed more than we: then heights are not paced.
    Behind(bool),
}
