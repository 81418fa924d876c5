//! Whole nodes in one process, without sockets: the node library as it ships (threads, redb files, consensus
//! log, the network with encryption, hello, gossip and discovery) on libp2p's memory transport.
//!
//! Where the simulation runs a network's logic in virtual time, this runs the joinery: threads, queues and
//! the network task. Time is real here, so nothing is promised about when something happens: tests wait for
//! conditions, and a deadline far above what anything takes only ends a test that would never end.
//!
//! ```
//! use aureon_testkit::cluster::{Setup, TestCluster};
//!
//! # #[tokio::main(flavor = "multi_thread", worker_threads = 2)]
//! # async fn main() -> Result<(), aureon_testkit::cluster::ClusterError> {
//! let cluster = TestCluster::start(Setup::validators(1)).await?;
//! cluster.height_everywhere(1).await?;
//! cluster.stop().await;
//! # Ok(())
//! # }
//! ```

mod setup;

use std::{
    path::PathBuf,
    time::{Duration, Instant},
};

use aureon_chain::mempool;
use aureon_node::{
    core::NodeStatus,
    handle::NodeHandle,
    run::{Node, Options, StartError, start, write_initial_sign_mark},
};
use aureon_protocol::{Multiaddr, NetworkSnapshot, PeerId};
use aureon_types::{Block, Genesis, SecretKey};
use tempfile::TempDir;

pub use setup::Setup;

/// Far above what anything here takes, also on a busy machine.
pub const PATIENCE: Duration = Duration::from_secs(120);
/// How often a condition is looked at.
const LOOK: Duration = Duration::from_millis(20);
/// redb's page cache of a node, in bytes.
const CACHE_BYTES: usize = 8 << 20;

/// Why a cluster cannot be used as a test wants to.
#[derive(Debug, thiserror::Error)]
pub enum ClusterError {
    /// The set-up makes no valid genesis.
    #[error(transparent)]
    Genesis(#[from] aureon_types::genesis::GenesisError),
    /// No place for the databases.
    #[error("no temporary directory: {0}")]
    Directory(#[from] std::io::Error),
    /// A seed makes no peer identity.
    #[error(transparent)]
    Identity(#[from] aureon_protocol::StartError),
    /// A node does not start.
    #[error("node {node} does not start: {error}")]
    Start {
        /// Which.
        node: usize,
        /// Why.
        error: StartError,
    },
    /// A database cannot be read.
    #[error(transparent)]
    Read(#[from] aureon_node::handle::ReadError),
    /// A condition did not come true.
    #[error("{what} did not happen within {PATIENCE:?}: {state}")]
    Patience {
        /// The condition.
        what: String,
        /// How the nodes stand.
        state: String,
    },
}

/// One node: what it is made of, and the node itself while it runs.
struct Member {
    seed: [u8; 32],
    peer: PeerId,
    key: Option<SecretKey>,
    database: PathBuf,
    /// Where it listens: any free place at first, the same one after that.
    listen: Multiaddr,
    bootstrap: Vec<Multiaddr>,
    running: Option<Node>,
}

/// See the module. Nodes are numbered from 0, validators first.
pub struct TestCluster {
    setup: Setup,
    genesis: Genesis,
    members: Vec<Member>,
    /// Removed when the cluster is dropped.
    directory: TempDir,
}

impl TestCluster {
    /// Makes all nodes and starts them, each with the addresses of those that `setup` tells it.
    ///
    /// # Errors
    /// [`ClusterError::Genesis`], [`ClusterError::Directory`], [`ClusterError::Start`].
    pub async fn start(setup: Setup) -> Result<Self, ClusterError> {
        let mut cluster = Self {
            genesis: setup.genesis()?,
            members: Vec::new(),
            directory: tempfile::tempdir()?,
            setup,
        };
        for _ in 0..cluster.setup.started {
            cluster.add().await?;
        }
        Ok(cluster)
    }

    /// Starts one node more: a validator while keys of the genesis are left, else a follower. Gives its
    /// number.
    pub async fn add(&mut self) -> Result<usize, ClusterError> {
        let node = self.members.len();
        let seed = setup::node_seed(node);
        let key = self.setup.validator_key(node);
        let database = self.directory.path().join(format!("node-{node}"));
        if key.is_some() {
            write_initial_sign_mark(&database).map_err(|error| ClusterError::Start { node, error })?;
        }
        let known = self.setup.known_to(node);
        let bootstrap = known.filter_map(|known| self.address(known)).collect();
        self.members.push(Member {
            peer: aureon_protocol::peer_id(seed)?,
            seed,
            key,
            database,
            listen: aureon_protocol::memory_address(0),
            bootstrap,
            running: None,
        });
        self.restart(node).await?;
        if let Some(mut address) = self.address(node) {
            address.pop();
            self.members[node].listen = address;
        }
        Ok(node)
    }

    /// Starts a stopped node where it listened before, on the database that it has.
    pub async fn restart(&mut self, node: usize) -> Result<(), ClusterError> {
        let member = &mut self.members[node];
        let options = Options {
            mempool: mempool::Config::new(&self.genesis),
            genesis: self.genesis.clone(),
            node_key: member.seed,
            validator_key: member.key.clone(),
            database: member.database.clone(),
            cache_bytes: CACHE_BYTES,
            listen: vec![member.listen.clone()],
            bootstrap: member.bootstrap.clone(),
            mdns: false,
            mining: self.setup.mining(node),
        };
        let started = start(options).await;
        member.running = Some(started.map_err(|error| ClusterError::Start { node, error })?);
        Ok(())
    }

    /// Stops a node; its database stays.
    pub async fn stop_node(&mut self, node: usize) {
        if let Some(running) = self.members[node].running.take() {
            running.shutdown().await;
        }
    }

    /// Stops all nodes.
    pub async fn stop(mut self) {
        for node in 0..self.members.len() {
            self.stop_node(node).await;
        }
    }

    /// Gives a node one more address to dial, from its next start on.
    pub fn tell(&mut self, node: usize, address: Multiaddr) {
        self.members[node].bootstrap.push(address);
    }

    /// The network.
    pub fn genesis(&self) -> &Genesis {
        &self.genesis
    }

    /// The set-up.
    pub fn setup(&self) -> &Setup {
        &self.setup
    }

    /// All nodes, running or not.
    pub fn len(&self) -> usize {
        self.members.len()
    }

    /// Whether there is no node.
    pub fn is_empty(&self) -> bool {
        self.members.is_empty()
    }

    /// The node's name among peers.
    pub fn peer(&self, node: usize) -> PeerId {
        self.members[node].peer
    }

    /// The addresses that the node is configured with.
    pub fn bootstrap(&self, node: usize) -> &[Multiaddr] {
        &self.members[node].bootstrap
    }

    /// A node's handle; `None` while it is stopped.
    pub fn handle(&self, node: usize) -> Option<NodeHandle> {
        self.members[node].running.as_ref().map(Node::handle)
    }

    /// The handles of all running nodes, by number.
    pub fn handles(&self) -> impl Iterator<Item = (usize, NodeHandle)> + '_ {
        (0..self.len()).filter_map(|node| Some((node, self.handle(node)?)))
    }

    /// Where a running node listens, with its peer id.
    pub fn address(&self, node: usize) -> Option<Multiaddr> {
        let snapshot = self.network(node)?;
        snapshot.listen.first().cloned()
    }

    /// A running node's peers and addresses.
    pub fn network(&self, node: usize) -> Option<NetworkSnapshot> {
        let handle = self.handle(node)?;
        Some((*handle.network()).clone())
    }

    /// What the running nodes say of themselves, by number.
    pub fn statuses(&self) -> Vec<(usize, NodeStatus)> {
        self.handles()
            .map(|(node, handle)| (node, (*handle.status()).clone()))
            .collect()
    }

    /// The decided block of a height at each running node.
    pub fn blocks_at(&self, height: u64) -> Result<Vec<Option<Block>>, ClusterError> {
        self.handles()
            .map(|(_, handle)| Ok(handle.block_at(height)?))
            .collect()
    }

    /// Waits until `condition` gives something.
    ///
    /// # Errors
    /// [`ClusterError::Patience`] after [`PATIENCE`], with the state of all nodes.
    pub async fn until<T>(
        &self,
        what: &str,
        mut condition: impl FnMut(&Self) -> Option<T>,
    ) -> Result<T, ClusterError> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(value) = condition(self) {
                return Ok(value);
            }
            if Instant::now() >= deadline {
                return Err(ClusterError::Patience {
                    what: what.to_owned(),
                    state: self.describe(),
                });
            }
            tokio::time::sleep(LOOK).await;
        }
    }

    /// Waits until every running node has a block at `height`.
    ///
    /// # Errors
    /// As [`TestCluster::until`].
    pub async fn height_everywhere(&self, height: u64) -> Result<(), ClusterError> {
        let what = format!("block {height} at every node");
        self.until(&what, |cluster| {
            let reached = |(_, handle): (usize, NodeHandle)| handle.head().height >= height;
            cluster.handles().all(reached).then_some(())
        })
        .await
    }

    /// Waits until every running node has every other running one as a ready peer.
    ///
    /// # Errors
    /// As [`TestCluster::until`].
    pub async fn all_connected(&self) -> Result<(), ClusterError> {
        self.until("all nodes connected", |cluster| {
            let others = cluster.handles().count().saturating_sub(1);
            let connected = |(_, handle): (usize, NodeHandle)| handle.network().peers.len() >= others;
            cluster.handles().all(connected).then_some(())
        })
        .await
    }

    /// A line per running node, for a test that fails.
    fn describe(&self) -> String {
        let line = |(node, handle): (usize, NodeHandle)| {
            let (status, network) = (handle.status(), handle.network());
            format!(
                "\n  node {node}: height {}, {} peers, {} strangers, sync {:?}, {:?}",
                status.height,
                network.peers.len(),
                network.strangers,
                status.sync.phase,
                status.consensus
            )
        };
        self.handles().map(line).collect()
    }
}
