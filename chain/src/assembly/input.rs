//! What the assembler is told.

use aureon_types::{Block, BlockId, CommitCertificate, SignedProposal, SignedTransaction};

use super::{ProposedBlock, RequestFailure, RequestId, TimerId};

/// What came with a block to say why it matters. Nobody has checked its signatures.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Proof {
    /// Somebody proposed it.
    Proposal(SignedProposal),
    /// It was decided.
    Certificate(CommitCertificate),
}

impl Proof {
    /// Height and block that it names.
    pub(super) fn names(&self) -> (u64, BlockId) {
        match self {
            Self::Proposal(signed) => (signed.proposal.height, signed.proposal.block_id),
            Self::Certificate(certificate) => (certificate.height, certificate.block_id),
        }
    }
}

/// A decoded `BlockResponse`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BlockAnswer {
    /// The block.
    pub block: Block,
    /// What came with it.
    pub proof: Option<Proof>,
}

/// An event. All are past tense.
#[derive(Debug)]
pub enum Input<P> {
    /// A peer is connected and speaks our protocol.
    PeerReady {
        /// The peer.
        peer: P,
    },
    /// The last connection to a peer closed.
    PeerGone {
        /// The peer.
        peer: P,
    },
    /// A block came by gossip. Its header, and its proposal's signature or its work, were checked.
    Proposed {
        /// Who sent it.
        peer: P,
        /// The block.
        proposed: Box<ProposedBlock>,
    },
    /// A quorum, a proposal in our log, or the heaviest branch of headers names a block whose body is
    /// not here.
    Wanted {
        /// The block.
        block_id: BlockId,
        /// Its height.
        height: u64,
        /// The round that names it; 0 under proof of work.
        round: u32,
        /// Who told us, if a peer: it is asked first.
        peer: Option<P>,
    },
    /// The block is not needed any more.
    Unwanted {
        /// The block.
        block_id: BlockId,
    },
    /// An answer to `RequestTransactions`.
    TransactionsArrived {
        /// Who answered.
        peer: P,
        /// The request as named by the effect.
        request: RequestId,
        /// In the order asked for, those that the peer lacks left out.
        transactions: Vec<SignedTransaction>,
    },
    /// An answer to `RequestBlock`.
    BlockArrived {
        /// Who answered.
        peer: P,
        /// The request as named by the effect.
        request: RequestId,
        /// `None`: the peer does not have it.
        answer: Option<Box<BlockAnswer>>,
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
    /// A block of this height is final; bodies for it and below are not needed any more.
    Committed {
        /// The height.
        height: u64,
    },
    /// The timer of `Effect::StartTimer` fired.
    TimerFired(TimerId),
}
