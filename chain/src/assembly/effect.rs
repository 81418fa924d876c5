//! What the assembler wants done.

use std::time::Duration;

use aureon_types::{BlockId, Hash};

use super::{AssembledBlock, Proof, RequestId, TimerId};

/// What a peer can do wrong here.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Offence {
    /// A transaction that was not asked for, or is not in the order asked for.
    #[error("it sent a transaction with leaf {leaf} that was not asked for, for block {block_id}")]
    ForeignTransaction {
        /// The block.
        block_id: BlockId,
        /// The leaf of what came.
        leaf: Hash,
    },
    /// Another block than asked for.
    #[error("it sent block {given} when block {asked} was asked for")]
    OtherBlock {
        /// What was asked for.
        asked: BlockId,
        /// What came.
        given: BlockId,
    },
    /// A proposal or certificate of another block beside the right block.
    #[error("it sent block {block_id} with a proof that names another block")]
    ForeignProof {
        /// The block.
        block_id: BlockId,
    },
    /// An answer that could not be decoded.
    #[error("its answer is malformed: {0}")]
    Malformed(String),
    /// No answer in time.
    #[error("it did not answer a request for block {block_id} in time")]
    TimedOut {
        /// The block.
        block_id: BlockId,
    },
}

impl Offence {
    /// Whether no honest peer can do this, however slow or overloaded.
    pub fn is_deliberate(&self) -> bool {
        !matches!(self, Self::TimedOut { .. })
    }
}

/// A wish. All are imperative, or the outcome.
#[derive(Debug)]
pub enum Effect<P> {
    /// Send a `TransactionsRequest`. Answer with `TransactionsArrived` or `RequestFailed`.
    RequestTransactions {
        /// Whom to ask.
        peer: P,
        /// Names the answer.
        request: RequestId,
        /// The block.
        block_id: BlockId,
        /// Up to [`super::MAX_REQUESTED_LEAVES`], in the order of the block.
        leaves: Vec<Hash>,
    },
    /// Send a `BlockRequest`. Answer with `BlockArrived` or `RequestFailed`.
    RequestBlock {
        /// Whom to ask.
        peer: P,
        /// Names the answer.
        request: RequestId,
        /// The block.
        block_id: BlockId,
    },
    /// The block is here. Join it on a worker.
    Assembled {
        /// The parts.
        block: Box<AssembledBlock>,
        /// Who sent the last part, if anything had to be asked for.
        peer: Option<P>,
        /// What came with a block that was asked for by id; check its signatures before use.
        proof: Option<Proof>,
    },
    /// The header itself commits to something that no block may be: the block is invalid.
    Refused {
        /// The block.
        block_id: BlockId,
        /// Why.
        reason: String,
    },
    /// Nobody has it, and no quorum asks for it: given up until it is proposed or wanted again.
    Abandoned {
        /// The block.
        block_id: BlockId,
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
}
