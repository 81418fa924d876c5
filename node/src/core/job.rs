//! Work that is too heavy for the loop, and what comes of it.

use std::{sync::Arc, time::Duration};

use aureon_chain::{
    assembly::{AssembledBlock, BlockAnswer, ProposedBlock, VerifiedLeaves},
    import::ExecutedBlock,
    mempool::AccountState,
    production::BuildParams,
    sync::{BatchFault, BatchId, Claim, ImportFault, RequestId, VerifiedBlocks, headers},
};
use aureon_consensus::{
    DropReason, Fault, Lineage, Message, VerifiedMessage,
    pow::{HeadersFault, VerifiedHeaders},
};
use aureon_proto::v1 as proto;
use aureon_protocol::{PeerId, Verdict};
use aureon_types::{
    Address, Block, BlockId, CertifiedBlock, CommitCertificate, DecodeError, Evidence, SealedHeader,
    SecretKey, SignedProposal, SignedTransaction, TransactionId, VerifiedTransaction,
    transaction::UnverifiedError,
};
use bytes::Bytes;

use super::{
    ChannelToken, CheckedWork, GossipToken, Offence, Parent, Switched, Switching, Template, Templating,
};
use crate::adapters::View;

/// Which worker a job goes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lane {
    /// Any of the pool, in any order: signatures and decoding.
    Pool,
    /// The one ledger thread, strictly in order: everything that executes or commits.
    Ledger,
    /// The one reader thread: answers for peers, which must not hold up our own blocks.
    Reader,
}

/// A block to build.
#[derive(Debug)]
pub struct Building {
    /// Of the block.
    pub height: u64,
    /// In which it will be proposed.
    pub round: u32,
    /// What it is made of beside transactions.
    pub params: BuildParams,
    /// The state below it.
    pub view: View,
    /// Transactions in order of preference.
    pub candidates: Vec<VerifiedTransaction>,
    /// Contradictions to be punished by it.
    pub evidence: Vec<Evidence>,
    /// Signs the accusations; `None`: this node has no key, and builds nothing for a voting engine.
    pub key: Option<SecretKey>,
    /// How long choosing and executing may take.
    pub budget: Duration,
}

/// A block to execute.
#[derive(Debug)]
pub struct Executing {
    /// The block.
    pub block_id: BlockId,
    /// Its parts.
    pub body: Body,
    /// The state below it.
    pub parent: Parent,
    /// Our wall clock in milliseconds.
    pub wall_ms: u64,
}

/// A block on its way to execution.
#[derive(Debug)]
pub enum Body {
    /// All parts are here; joining them hashes the transaction tree.
    Parts(Box<AssembledBlock>),
    /// Joined.
    Whole {
        /// The block.
        block: Arc<Block>,
        /// Transactions verified before.
        known: VerifiedLeaves,
    },
    /// In the block store.
    Stored,
}

/// A decided block to commit.
#[derive(Debug)]
pub struct Committing {
    /// Proves the decision.
    pub certificate: CommitCertificate,
    /// The executed block, if it is at hand. Otherwise the body is read and executed (after a restart).
    pub executed: Option<ExecutedBlock<View>>,
}

/// Blocks to import.
#[derive(Debug)]
pub struct Importing {
    /// Names the batch.
    pub batch: BatchId,
    /// Certificates hold.
    pub blocks: VerifiedBlocks,
}

/// A peer's question.
#[derive(Debug)]
pub struct Serving {
    /// For the answer.
    pub channel: ChannelToken,
    /// The question.
    pub request: proto::sync_request::Request,
    /// The signed proposal of the block asked for, if we know it.
    pub proposal: Option<SignedProposal>,
    /// Our head.
    pub head: Claim,
    /// Under proof of work: our head with the work behind it.
    pub work: Option<headers::Claim>,
}

/// Work for a worker.
#[derive(Debug)]
pub enum Job {
    /// Verify signatures and read the senders' accounts.
    VerifyTransactions {
        /// Names the batch.
        batch: u64,
        /// In order.
        transactions: Vec<SignedTransaction>,
        /// Where accounts are read.
        view: View,
    },
    /// Decode a gossiped batch of transactions.
    DecodeTransactions {
        /// For the verdict.
        message: GossipToken,
        /// Who sent it.
        from: PeerId,
        /// Hostile.
        data: Bytes,
    },
    /// Verify every signature of a consensus message.
    CheckConsensus {
        /// For the verdict; none if it came in an answer.
        message: Option<GossipToken>,
        /// Who sent it.
        from: PeerId,
        /// Well formed.
        content: Message,
        /// Names the validators of its height.
        lineage: Lineage,
    },
    /// Decode a gossiped proposal with its block and verify the proposal's signature.
    CheckProposal {
        /// For the verdict.
        message: GossipToken,
        /// Who sent it.
        from: PeerId,
        /// Hostile.
        data: Bytes,
        /// Names the proposer of its height and round.
        lineage: Lineage,
    },
    /// Decode a gossiped mined block and check the work of its header.
    CheckWork {
        /// For the verdict.
        message: GossipToken,
        /// Who sent it.
        from: PeerId,
        /// Hostile.
        data: Bytes,
    },
    /// Build a block and make its body durable.
    Build(Box<Building>),
    /// Check and execute a block; make its body durable if it is valid.
    Execute(Box<Executing>),
    /// Make a decided block the head.
    Commit(Box<Committing>),
    /// Make another branch the chain.
    Switch(Box<Switching>),
    /// Build a block without its seal.
    Template(Box<Templating>),
    /// Decode an answer to a range request.
    DecodeRange {
        /// As range sync named it.
        request: RequestId,
        /// Who answered.
        peer: PeerId,
        /// Hostile.
        response: proto::RangeResponse,
    },
    /// Decode a block that came by id, with its proposal or certificate.
    DecodeBody {
        /// As the assembler named it.
        request: RequestId,
        /// Who answered.
        peer: PeerId,
        /// Hostile.
        response: proto::BlockResponse,
    },
    /// Decode transactions that came by leaf.
    DecodeBodyTransactions {
        /// As the assembler named it.
        request: RequestId,
        /// Who answered.
        peer: PeerId,
        /// Hostile.
        response: proto::TransactionsResponse,
    },
    /// Check the certificates of a range.
    VerifyRange {
        /// Names the batch.
        batch: BatchId,
        /// The blocks.
        blocks: Vec<CertifiedBlock>,
        /// Names the validators of their heights.
        lineage: Lineage,
    },
    /// Decode an answer to a request for headers.
    DecodeHeaders {
        /// As header sync named it.
        request: RequestId,
        /// Who answered.
        peer: PeerId,
        /// Hostile.
        response: proto::HeadersResponse,
    },
    /// Check the work of headers.
    VerifyHeaders {
        /// Names the batch.
        batch: BatchId,
        /// The headers.
        headers: Vec<SealedHeader>,
    },
    /// Execute and commit a range.
    Import(Box<Importing>),
    /// Read an answer for a peer.
    Serve(Box<Serving>),
}

impl Job {
    /// Where it is done.
    pub fn lane(&self) -> Lane {
        match self {
            Self::Build(_)
            | Self::Execute(_)
            | Self::Commit(_)
            | Self::Switch(_)
            | Self::Template(_)
            | Self::Import(_) => Lane::Ledger,
            Self::Serve(_) => Lane::Reader,
            _ => Lane::Pool,
        }
    }
}

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
