//! Work that is too heavy for the loop. What comes of it: [`super::Done`].

use std::{sync::Arc, time::Duration};

use aureon_chain::{
    assembly::{AssembledBlock, VerifiedLeaves},
    import::ExecutedBlock,
    production::BuildParams,
    sync::{BatchId, Claim, RequestId, VerifiedBlocks, headers},
};
use aureon_consensus::{Lineage, Message};
use aureon_proto::v1 as proto;
use aureon_protocol::PeerId;
use aureon_types::{
    Block, BlockId, CertifiedBlock, CommitCertificate, Evidence, SealedHeader, SecretKey, SignedProposal,
    SignedTransaction, VerifiedTransaction,
};
use bytes::Bytes;

use super::{ChannelToken, GossipToken, Parent, Switching, Templating};
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
