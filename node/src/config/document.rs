//! `config.toml` as it is written: names, shapes and defaults. Values are checked in [`super::resolve`].

use std::collections::BTreeMap;

use aureon_types::genesis::{DEFAULT_DIFFICULTY, DEFAULT_MIN_STAKE};
use serde::{Deserialize, Serialize};

/// The whole file; every section and key may be left out.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Document {
    /// For a new genesis.
    pub consensus: Consensus,
    /// Proof of work.
    pub mining: Mining,
    /// Peers.
    pub network: Network,
    /// REST.
    pub api: Api,
    /// Disk.
    pub database: Database,
    /// For a new genesis.
    pub state: State,
    /// Waiting transactions.
    pub mempool: Mempool,
    /// Diagnostics.
    pub log: Log,
    /// Files of the node.
    pub node: Node,
}

/// `[consensus]`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Consensus {
    /// "pow", "pos" or "poa".
    pub engine: String,
    /// Leading zero bytes.
    pub pow_difficulty: u64,
    /// Base units.
    pub pos_min_stake: u64,
    /// Public keys.
    pub poa_authorities: Vec<String>,
}

impl Default for Consensus {
    fn default() -> Self {
        Self {
            engine: "poa".to_owned(),
            pow_difficulty: DEFAULT_DIFFICULTY.into(),
            pos_min_stake: DEFAULT_MIN_STAKE,
            poa_authorities: Vec::new(),
        }
    }
}

/// `[mining]`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Mining {
    /// Whether this node mines.
    pub enabled: bool,
    /// 0: one fewer than the machine has cores.
    pub threads: u64,
    /// Empty: the address of the validator key.
    pub reward_address: String,
}

/// `[network]`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Network {
    /// IP address.
    pub host: String,
    /// TCP and UDP.
    pub p2p_port: u16,
    /// Multiaddrs.
    pub bootstrap_peers: Vec<String>,
    /// Multicast DNS.
    pub mdns: bool,
}

impl Default for Network {
    fn default() -> Self {
        Self {
            host: "0.0.0.0".to_owned(),
            p2p_port: 6_000,
            bootstrap_peers: Vec::new(),
            mdns: true,
        }
    }
}

/// `[api]`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Api {
    /// IP address.
    pub host: String,
    /// TCP.
    pub port: u16,
}

impl Default for Api {
    fn default() -> Self {
        Self {
            host: "127.0.0.1".to_owned(),
            port: 8_080,
        }
    }
}

/// `[database]`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Database {
    /// A directory.
    pub path: String,
    /// MiB.
    pub cache_size_mb: u64,
}

impl Default for Database {
    fn default() -> Self {
        Self {
            path: "./aureon_db".to_owned(),
            cache_size_mb: 256,
        }
    }
}

/// `[state]`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct State {
    /// Base units by address.
    pub initial_balances: BTreeMap<String, u64>,
}

/// `[mempool]`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Mempool {
    /// A count.
    pub max_transactions: u64,
    /// MiB.
    pub max_size_mb: u64,
}

impl Default for Mempool {
    fn default() -> Self {
        Self {
            max_transactions: 100_000,
            max_size_mb: 64,
        }
    }
}

/// `[log]`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Log {
    /// In the syntax of `tracing_subscriber::EnvFilter`.
    pub filter: String,
}

impl Default for Log {
    fn default() -> Self {
        Self {
            filter: "info".to_owned(),
        }
    }
}

/// `[node]`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Node {
    /// A file.
    pub genesis: String,
    /// Empty: any.
    pub genesis_id: String,
    /// A file.
    pub node_key: String,
    /// A file.
    pub validator_key: String,
}

impl Default for Node {
    fn default() -> Self {
        Self {
            genesis: "genesis.json".to_owned(),
            genesis_id: String::new(),
            node_key: "node.key".to_owned(),
            validator_key: "validator.key".to_owned(),
        }
    }
}
