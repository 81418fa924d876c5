//! The node: what it does, and whom it knows.

use std::collections::BTreeMap;

use aureon_types::{Address, BlockId, GenesisId};
use serde::{Deserialize, Serialize};

use super::WorkView;

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
