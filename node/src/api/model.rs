//! What the API answers, as the server writes it and the client reads it.
//!
//! Ids, hashes, keys and addresses are `0x` and hexadecimal digits; heights, counts and amounts (base
//! units) are numbers; times are milliseconds since 1970-01-01 UTC. Names are those of the protobuf
//! schema. A client must ignore fields that it does not know.

use std::collections::BTreeMap;

use aureon_types::{
    Address, Amount, Block, BlockId, CommitCertificate, GenesisId, Hash, Receipt, SignedTransaction,
    TransactionId,
};
use serde::{Deserialize, Serialize};

use super::{
    contract::{self, EventView, FaultView},
    hex_bytes::HexBytes,
    transaction::JsonTransaction,
};

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

/// Where a transaction stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TransactionState {
    /// In this node's mempool.
    Pending,
    /// In a final block.
    Included,
}

/// `GET /tx/{hash}`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct TransactionView {
    /// BLAKE3(payload).
    pub id: TransactionId,
    /// Where it stands.
    pub status: TransactionState,
    /// The transaction.
    pub transaction: JsonTransaction,
    /// The block that includes it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub height: Option<u64>,
    /// Its place in that block, from 0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub index: Option<u32>,
    /// The block that includes it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub block_id: Option<BlockId>,
    /// What it did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub receipt: Option<ReceiptView>,
}

/// What an included transaction did.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ReceiptView {
    /// Whether it did what it said; the fee is paid in any case.
    pub success: bool,
    /// Gas used.
    pub gas_used: u64,
    /// Base units paid.
    pub fee: Amount,
    /// Why it failed, in words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<String>,
    /// Which contract failed, and how, for programs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fault: Option<FaultView>,
    /// The contract that it deployed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub contract: Option<Address>,
    /// What the contract gave back.
    #[serde(default, skip_serializing_if = "contract::is_empty")]
    pub return_data: HexBytes,
    /// What contracts told, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub events: Vec<EventView>,
}

impl ReceiptView {
    /// The view of a receipt.
    pub fn of(receipt: &Receipt) -> Self {
        Self {
            success: receipt.failure.is_none(),
            gas_used: receipt.gas_used,
            fee: receipt.fee,
            failure: receipt.failure.as_ref().map(ToString::to_string),
            fault: receipt.failure.as_ref().and_then(FaultView::of),
            contract: receipt.contract,
            return_data: HexBytes(receipt.return_data.clone()),
            events: receipt.events.iter().map(EventView::of).collect(),
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

/// `GET /status`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct StatusView {
    /// Name of the chain.
    pub chain: String,
    /// Id of the network.
    pub genesis_id: GenesisId,
    /// "poa".
    pub engine: String,
    /// Version of the software.
    pub version: String,
    /// Height of the head.
    pub height: u64,
    /// Id of the head.
    pub head: BlockId,
    /// The head's block time.
    pub head_timestamp_ms: u64,
    /// This node's peer id.
    pub peer_id: String,
    /// Where peers hear it, each with the peer id.
    pub multiaddrs: Vec<String>,
    /// Peers of the same network.
    pub peers: usize,
    /// Transactions in the mempool.
    pub mempool: usize,
    /// Included transactions per second, over the last blocks.
    pub transactions_per_second: f64,
    /// Height of the last block that cannot be undone; the head's where validators vote.
    #[serde(default)]
    pub final_height: u64,
    /// Proof of work: difficulty, branches, and what this node mines.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub work: Option<WorkStatusView>,
    /// What the engine does.
    pub consensus: ConsensusView,
    /// How far the node is behind its peers.
    pub sync: SyncView,
    /// Bytes of the database files.
    pub disk_bytes: u64,
    /// Seconds since the node started.
    pub uptime_seconds: u64,
}

/// Proof of work at this node.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct WorkStatusView {
    /// Work and difficulty of the chain.
    #[serde(flatten)]
    pub chain: WorkView,
    /// Hashes per second of the whole network, estimated from the last blocks.
    pub network_hash_rate: f64,
    /// Height of the heaviest branch of headers: above the head while bodies are on their way.
    pub best_height: u64,
    /// Branches above the last final block, the chain included.
    pub branches: usize,
    /// Threads of this node that mine.
    pub mining_threads: usize,
    /// Hashes per second of this node.
    pub hash_rate: f64,
    /// Who receives reward and fees of what this node mines.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reward_address: Option<Address>,
}

/// What the engine does.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ConsensusView {
    /// The height that is being decided.
    pub height: u64,
    /// The round.
    pub round: u32,
    /// The step of the round.
    pub step: String,
    /// What it waits for, in words; empty when nothing.
    pub waiting_for: String,
    /// This node's validator address; absent without a validator key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub validator: Option<Address>,
    /// Whether it signs now.
    pub signing: bool,
    /// Whether it signs, and if not why, in words.
    pub signing_explained: String,
    /// Who proposes in this round.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub proposer: Option<Address>,
    /// The validators of the height, and who has voted in this round.
    pub validators: Vec<ValidatorView>,
    /// Consensus messages that were dropped since the start, by reason; reasons that did not occur are
    /// absent.
    #[serde(default)]
    pub dropped: BTreeMap<String, u64>,
}

/// A validator in the current round.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ValidatorView {
    /// Its address.
    pub address: Address,
    /// Its voting power.
    pub power: u64,
    /// Whether its prevote of this round is here, for a block or for none.
    pub prevoted: bool,
    /// Whether its precommit of this round is here, for a block or for none.
    pub precommitted: bool,
}

/// How far a node is behind its peers.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct SyncView {
    /// Whether nobody claims to have more than this node.
    pub synced: bool,
    /// The highest head that peers claim.
    pub target: u64,
    /// What is being done or waited for, as a phrase that follows "waiting for".
    pub waiting_for: String,
}

/// `GET /peers`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct PeersView {
    /// This node's peer id.
    pub peer_id: String,
    /// Where it is heard, each with the peer id.
    pub multiaddrs: Vec<String>,
    /// The peers.
    pub peers: Vec<PeerView>,
}

/// A peer.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct PeerView {
    /// Its id.
    pub peer_id: String,
    /// Where it is reached.
    pub address: String,
    /// "inbound" or "outbound".
    pub direction: String,
    /// Name and version of its software.
    pub agent: String,
    /// Its height, as far as it told.
    pub height: u64,
    /// 100 for a clean record; at 0 it is banned.
    pub score: u32,
    /// Time of a ping there and back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub round_trip_ms: Option<f64>,
}

/// `GET /health`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Health {
    /// "ok".
    pub status: String,
    /// Height of the head.
    pub height: u64,
}

/// What became of a submitted transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SubmitStatus {
    /// It waits in the mempool.
    Admitted,
    /// It was there already: submitting again is no error.
    Known,
    /// It was refused; `code` and `detail` say why.
    Rejected,
}

/// An entry of the answer to `POST /submit-tx`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SubmitOutcome {
    /// BLAKE3(payload); absent where the transaction could not be read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<TransactionId>,
    /// What became of it.
    pub status: SubmitStatus,
    /// Whether it can be included now; `false`: it waits for an earlier nonce.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ready: Option<bool>,
    /// The nonce that it waits for, if it is not ready.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub waits_for_nonce: Option<u64>,
    /// The transaction with the same nonce that it replaced.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replaced: Option<TransactionId>,
    /// Why it was refused, for programs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// Why it was refused, for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
}
