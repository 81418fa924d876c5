//! What scripts and people are told about a network.

use aureon_types::{Address, Amount, BlockId, GenesisId};
use serde::Serialize;

use super::{Network, accounts, process};
use crate::{client::Client, config::runtime::Runtime};

/// The JSON of `testnet up --json` and `testnet status --json`.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// Name of the chain.
    pub chain: String,
    /// Id of the network.
    pub genesis_id: GenesisId,
    /// The directory.
    pub dir: String,
    /// The nodes in order.
    pub nodes: Vec<NodeReport>,
    /// The development accounts with their balances.
    pub accounts: Vec<AccountReport>,
}

/// A node. What is not known, because it does not run or answer, is null.
#[derive(Clone, Debug, Serialize)]
pub struct NodeReport {
    /// `node-1`.
    pub name: String,
    /// Its directory.
    pub dir: String,
    /// Its process.
    pub pid: Option<u32>,
    /// Address of its API.
    pub api: Option<String>,
    /// Its peer id.
    pub peer_id: Option<String>,
    /// Where peers reach it.
    pub multiaddrs: Vec<String>,
    /// Height of its head.
    pub height: Option<u64>,
    /// Id of its head.
    pub head: Option<BlockId>,
    /// How many peers it has.
    pub peers: Option<usize>,
}

/// A development account.
#[derive(Clone, Debug, Serialize)]
pub struct AccountReport {
    /// Its address.
    pub address: Address,
    /// Its key, which everybody knows.
    pub secret_key: String,
    /// Base units: at the head of the first node that answers, else at the start.
    pub balance: Amount,
}

/// Asks every node.
pub fn report(network: &Network) -> Report {
    let nodes: Vec<NodeReport> = (0..network.nodes).map(|index| node(network, index)).collect();
    let client = nodes
        .iter()
        .find(|node| node.height.is_some())
        .and_then(|node| node.api.as_deref())
        .map(Client::new);
    let account = |key: aureon_types::SecretKey| {
        let address = key.address();
        let current = client.as_ref().and_then(|client| client.balance(&address).ok());
        AccountReport {
            address,
            secret_key: key.to_hex(),
            balance: current.map_or(accounts::BALANCE, |view| view.balance),
        }
    };
    Report {
        chain: network.genesis.chain.clone(),
        genesis_id: network.genesis.id(),
        dir: network.dir.display().to_string(),
        accounts: accounts::keys().map(account).collect(),
        nodes,
    }
}

fn node(network: &Network, index: usize) -> NodeReport {
    let dir = network.node_dir(index);
    let pid = process::running(&dir);
    // After a crash the file is still there, and tells nothing.
    let runtime = Runtime::read(&dir).filter(|runtime| Some(runtime.pid) == pid);
    let status = runtime
        .as_ref()
        .and_then(|runtime| Client::new(&runtime.api).status().ok());
    NodeReport {
        name: Network::name(index),
        dir: dir.display().to_string(),
        pid,
        api: runtime.as_ref().map(|runtime| runtime.api.clone()),
        peer_id: runtime.as_ref().map(|runtime| runtime.peer_id.clone()),
        multiaddrs: runtime.map(|runtime| runtime.multiaddrs).unwrap_or_default(),
        height: status.as_ref().map(|status| status.height),
        head: status.as_ref().map(|status| status.head),
        peers: status.as_ref().map(|status| status.peers),
    }
}
