//! What comes of work for workers.

use aureon_chain::{
    assembly::{BlockAnswer, ProposedBlock},
    import::ExecutedBlock,
    mempool::AccountState,
    sync::{BatchFault, BatchId, Claim, ImportFault, RequestId, VerifiedBlocks, headers},
};
use aureon_consensus::{
    DropReason, Fault, VerifiedMessage,
    pow::{HeadersFault, VerifiedHeaders},
};
use aureon_proto::v1 as proto;
use aureon_protocol::{PeerId, Verdict};
use aureon_types::{
    Address, BlockId, CertifiedBlock, CommitCertificate, DecodeError, SealedHeader, SignedTransaction,
    TransactionId, VerifiedTransaction, transaction::UnverifiedError,
};

use super::{Body, ChannelToken, CheckedWork, GossipToken, Offence, Parent, Switched, Template};
use crate::adapters::View;

/// Why gossip is refused. Always the sender's fault, but for [`GossipFault::is_senders`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum GossipFault {
    /// Not well formed.
    #[error(transparent)]
    Malformed(#[from] DecodeError),
    /// A signature or a signer is wrong.
    #[error(transparent)]
    Consensus(#[from] Fault),
    /// Parts that do not belong together.
    #[error("{0}")]
    Inconsistent(String),
}

impl GossipFault {
    /// Whether whoever sent it has done wrong. Not if we know too little to judge it.
    pub fn is_senders(&self) -> bool {
        match self {
            Self::Consensus(fault) => fault.is_senders(),
            Self::Malformed(_) | Self::Inconsistent(_) => true,
        }
    }

    /// Under what a proposal that is refused for it is counted.
    pub fn reason(&self) -> DropReason {
        match self {
            Self::Malformed(_) | Self::Inconsistent(_) => DropReason::Malformed,
            Self::Consensus(fault) => fault.reason(),
        }
    }

    /// The gossip verdict.
    pub fn verdict(&self) -> Verdict {
        if self.is_senders() {
            Verdict::Reject
        } else {
            Verdict::Ignore
        }
    }
}

/// A proposal whose signature holds, with its block in full or in short.
#[derive(Debug)]
pub struct CheckedProposal {
    /// For the engine.
    pub verified: VerifiedMessage,
    /// The block.
    pub proposed: ProposedBlock,
}

/// A gossiped batch of transactions, well formed.
#[derive(Debug)]
pub struct DecodedTransactions {
    /// In order.
    pub transactions: Vec<SignedTransaction>,
}

/// What a worker makes of one transaction.
pub type TransactionVerdict = Result<(VerifiedTransaction, AccountState), UnverifiedError>;

/// A block of our own, durable.
#[derive(Debug)]
pub struct Built {
    /// As asked.
    pub height: u64,
    /// As asked.
    pub round: u32,
    /// The block.
    pub executed: ExecutedBlock<View>,
    /// Candidates that can never be included.
    pub stale: Vec<TransactionId>,
    /// Of the evidence that came with the order: punished already.
    pub settled: Vec<Offence>,
}

/// What is wrong with a block, or why it cannot be judged yet.
#[derive(Debug)]
pub enum BodyFault {
    /// It breaks a rule.
    Invalid(String),
    /// Its time is ahead of our clock: to be judged again then.
    TooFarAhead {
        /// Milliseconds since 1970-01-01 UTC.
        until_ms: u64,
        /// The block, joined.
        body: Body,
    },
    /// The head moved meanwhile, so nobody asks any more.
    Overtaken,
    /// The block store has it no more.
    Missing,
}

/// A block is durable as the head.
#[derive(Debug)]
pub struct Committed {
    /// The block.
    pub executed: ExecutedBlock<View>,
    /// Its certificate.
    pub certificate: CommitCertificate,
    /// The block as the one that others are built on; its view is on the newest flush.
    pub parent: Parent,
}

/// A range is durable, as far as it could be imported.
#[derive(Debug)]
pub struct Imported {
    /// Names the batch.
    pub batch: BatchId,
    /// In order; empty if nothing was new.
    pub blocks: Vec<Committed>,
    /// The first block that was not imported, and why.
    pub failure: Option<(u64, ImportFault)>,
}

/// What came of a job. Past tense.
#[derive(Debug)]
pub enum Done {
    /// Of `Job::VerifyTransactions`.
    TransactionsVerified {
        /// Which.
        batch: u64,
        /// In order.
        verdicts: Vec<TransactionVerdict>,
        /// Height of the state where accounts were read.
        height: u64,
    },
    /// Of `Job::DecodeTransactions`.
    TransactionsDecoded {
        /// For the verdict.
        message: GossipToken,
        /// Who sent it.
        from: PeerId,
        /// The transactions.
        decoded: Result<DecodedTransactions, GossipFault>,
    },
    /// Of `Job::CheckConsensus`.
    ConsensusChecked {
        /// For the verdict.
        message: Option<GossipToken>,
        /// Who sent it.
        from: PeerId,
        /// The message.
        result: Result<VerifiedMessage, Fault>,
    },
    /// Of `Job::CheckProposal`.
    ProposalChecked {
        /// For the verdict.
        message: GossipToken,
        /// Who sent it.
        from: PeerId,
        /// The proposal.
        result: Result<Box<CheckedProposal>, GossipFault>,
    },
    /// Of `Job::CheckWork`.
    WorkChecked {
        /// For the verdict.
        message: GossipToken,
        /// Who sent it.
        from: PeerId,
        /// The block.
        result: Result<Box<CheckedWork>, GossipFault>,
    },
    /// Of `Job::Build`.
    Built(Box<Built>),
    /// Of `Job::Execute`.
    Executed {
        /// The block.
        block_id: BlockId,
        /// The executed block, or why there is none.
        result: Result<ExecutedBlock<View>, BodyFault>,
    },
    /// Of `Job::Commit`.
    Committed(Box<Committed>),
    /// Of `Job::Switch`.
    Switched(Box<Switched>),
    /// Of `Job::Switch`, which did not happen: these blocks are not in the block store any more.
    BodiesGone(Vec<BlockId>),
    /// Of `Job::Template`.
    Template(Box<Template>),
    /// Of `Job::DecodeRange`.
    RangeDecoded {
        /// As range sync named it.
        request: RequestId,
        /// Who answered.
        peer: PeerId,
        /// The blocks and the peer's head.
        result: Result<(Vec<CertifiedBlock>, Option<Claim>), DecodeError>,
    },
    /// Of `Job::DecodeBody`.
    BodyDecoded {
        /// As the assembler named it.
        request: RequestId,
        /// Who answered.
        peer: PeerId,
        /// The block and what came with it; `None`: the peer has it not.
        result: Result<Option<Box<BlockAnswer>>, DecodeError>,
    },
    /// Of `Job::DecodeBodyTransactions`.
    BodyTransactionsDecoded {
        /// As the assembler named it.
        request: RequestId,
        /// Who answered.
        peer: PeerId,
        /// In the order asked for.
        result: Result<Vec<SignedTransaction>, DecodeError>,
    },
    /// Of `Job::VerifyRange`.
    RangeVerified {
        /// Names the batch.
        batch: BatchId,
        /// The proof, or what is not proven.
        result: Result<VerifiedBlocks, BatchFault>,
    },
    /// Of `Job::DecodeHeaders`.
    HeadersDecoded {
        /// As header sync named it.
        request: RequestId,
        /// Who answered.
        peer: PeerId,
        /// The headers and the peer's head.
        result: Result<(Vec<SealedHeader>, Option<headers::Claim>), DecodeError>,
    },
    /// Of `Job::VerifyHeaders`.
    HeadersVerified {
        /// Names the batch.
        batch: BatchId,
        /// The proof, or what is not proven.
        result: Result<VerifiedHeaders, HeadersFault>,
    },
    /// Of `Job::Import`.
    Imported(Box<Imported>),
    /// Of `Job::Serve`.
    Served {
        /// For the answer.
        channel: ChannelToken,
        /// The answer.
        response: proto::SyncResponse,
    },
    /// The disk failed, or this software did: the node must stop.
    Failed {
        /// Why, for a person.
        reason: String,
    },
}

/// The proposer named by a header need not be the round's where the proposal has a valid round.
pub fn builder_fits(
    header_proposer: &Address,
    proposal_proposer: &Address,
    valid_round: Option<u32>,
) -> bool {
    valid_round.is_some() || header_proposer == proposal_proposer
}
