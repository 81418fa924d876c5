//! What the API answers, as the server writes it and the client reads it.
//!
//! Ids, hashes, keys and addresses are `0x` and hexadecimal digits; heights, counts and amounts (base
//! units) are numbers; times are milliseconds since 1970-01-01 UTC. Names are those of the protobuf
//! schema. A client must ignore fields that it does not know.

mod node;
mod transaction;

use aureon_types::{
    Address, Amount, Block, BlockId, CommitCertificate, GenesisId, Hash, SignedTransaction, TransactionId,
};
use serde::{Deserialize, Serialize};

pub use node::{ConsensusView, PeerView, PeersView, StatusView, SyncView, ValidatorView, WorkStatusView};
pub use transaction::{ReceiptView, SubmitOutcome, SubmitStatus, TransactionState, TransactionView};

/// `GET /chain/head`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Head {
    /// 0 before the first block.
    pub height: u64,
    /// The genesis id at height 0.
    pub id: BlockId,
    /// The head's block time; the genesis time at height 0.
    pub timestamp_ms: u64,
    /// Name of the chain.
    pub chain: String,
    /// Id of the network.
    pub genesis_id: GenesisId,
    /// Height of the last block that cannot be undone; the head's where validators vote.
    #[serde(default)]
    pub final_height: u64,
    /// Proof of work: how hard the next block is, and how much work the chain holds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub work: Option<WorkView>,
}

/// The work of a chain.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct WorkView {
    /// Expected number of hashes of all blocks up to the head, as 32 bytes, big-endian.
    pub total: Hash,
    /// The next block's work, read as a big-endian number, must not exceed this.
    pub target: Hash,
    /// Expected number of hashes for the next block.
    pub difficulty: f64,
    /// A block with so many blocks above it is final.
    pub finality_depth: u64,
}

/// `GET /block/{height or id}`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct BlockView {
    /// BLAKE3(header, seal).
    pub id: BlockId,
    /// From 1.
    pub height: u64,
    /// Whether the block is part of the chain; else it was proposed and nothing more is known.
    pub decided: bool,
    /// Whether it will stay part of the chain: under proof of work, whether it lies below the finality
    /// depth; where validators vote, whether it is decided.
    #[serde(rename = "final", default)]
    pub is_final: bool,
    /// The block below.
    pub parent_id: BlockId,
    /// Block time.
    pub timestamp_ms: u64,
    /// Who built it first.
    pub proposer: Address,
    /// Root of the transaction tree.
    pub transactions_root: Hash,
    /// Root of the receipt tree.
    pub receipts_root: Hash,
    /// Root of the state after the block.
    pub state_root: Hash,
    /// Gas of all transactions.
    pub gas_used: u64,
    /// Most gas.
    pub gas_limit: u64,
    /// Hash of the certificate of the block below.
    pub previous_commit_hash: Hash,
    /// Hash of the validators of the next height.
    pub next_validators_hash: Hash,
    /// Proof of work: what the block's work must not exceed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<Hash>,
    /// Proof of work: the nonce, in the 8 bytes in which it is hashed (little-endian).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seal: Option<String>,
    /// Encoded size, an upper bound.
    pub size_bytes: usize,
    /// Ids in order.
    pub transactions: Vec<TransactionId>,
    /// What makes the block final; absent for a block that is not decided.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub certificate: Option<CertificateView>,
}

impl BlockView {
    /// The view of a block.
    pub fn of(block: &Block, decided: bool, is_final: bool, certificate: Option<&CommitCertificate>) -> Self {
        let header = block.header();
        Self {
            id: block.id(),
            height: header.height,
            decided,
            is_final,
            parent_id: header.parent_id,
            timestamp_ms: header.timestamp_ms,
            proposer: header.proposer,
            transactions_root: header.transactions_root,
            receipts_root: header.receipts_root,
            state_root: header.state_root,
            gas_used: header.gas_used,
            gas_limit: header.gas_limit,
            previous_commit_hash: header.previous_commit_hash,
            next_validators_hash: header.next_validators_hash,
            target: header.target.map(Hash),
            seal: header
                .target
                .map(|_| format!("0x{}", hex::encode(block.sealed_header().seal()))),
            size_bytes: block.size(),
            transactions: block.transactions().iter().map(SignedTransaction::id).collect(),
            certificate: certificate.map(CertificateView::of),
        }
    }
}

/// Who made a block final.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct CertificateView {
    /// The round that decided.
    pub round: u32,
    /// The block that was decided.
    pub block_id: BlockId,
    /// Validators whose precommits it holds.
    pub signers: Vec<Address>,
}

impl CertificateView {
    fn of(certificate: &CommitCertificate) -> Self {
        Self {
            round: certificate.round,
            block_id: certificate.block_id,
            signers: certificate
                .signatures
                .iter()
                .map(|commit| commit.validator)
                .collect(),
        }
    }
}

/// `GET /balance/{address}`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct BalanceView {
    /// With its checksum.
    pub address: Address,
    /// Base units after the block at `height`.
    pub balance: Amount,
    /// Transactions included so far.
    pub nonce: u64,
    /// The block after which this is true.
    pub height: u64,
    /// What waits in this node's mempool.
    pub pending: PendingView,
}

/// A sender's transactions in the mempool.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PendingView {
    /// The nonce that the next transaction should carry: the first that neither the chain nor the
    /// mempool has.
    pub next_nonce: u64,
    /// Transactions that can be included now.
    pub ready: u64,
    /// Transactions that wait for an earlier nonce.
    pub parked: u64,
    /// Nonces that are missing before parked ones, as ranges (first, last), both included.
    pub missing: Vec<(u64, u64)>,
}

/// `GET /mempool`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct MempoolSummary {
    /// Transactions waiting.
    pub transactions: usize,
    /// Most transactions.
    pub capacity: usize,
    /// Their bytes.
    pub bytes: usize,
    /// Most bytes.
    pub byte_capacity: usize,
    /// Transactions that can be included now.
    pub ready: usize,
    /// Transactions that wait for an earlier nonce.
    pub parked: usize,
    /// The first ready ones, in order of inclusion.
    pub listing: Vec<PendingTransaction>,
}

/// An entry of the mempool's listing.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct PendingTransaction {
    /// BLAKE3(payload).
    pub id: TransactionId,
    /// The sender.
    pub from: Address,
    /// Its nonce.
    pub nonce: u64,
    /// Base units per unit of gas.
    pub gas_price: u64,
    /// Base units that it moves.
    pub amount: Amount,
}

/// `GET /health`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Health {
    /// "ok".
    pub status: String,
    /// Height of the head.
    pub height: u64,
}
