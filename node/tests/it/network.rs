//! Networks of real processes whose validators change.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    process::{Child, Stdio},
};

use aureon_node::{
    api::{model::BlockView, staking::ValidatorEntry},
    client::Client,
    config::runtime::Runtime,
};
use aureon_types::{
    Address, Amount, BlockId, EmptyBlocks, EngineKind, Genesis, SecretKey, genesis::BftTimeouts,
};

use crate::support::{binary, eventually, succeed, text};

/// Base units of every account at the start.
pub const BALANCE: u64 = 100_000_000;

/// A node in its process; killed when dropped.
pub struct Process {
    child: Child,
    pub dir: PathBuf,
    pub runtime: Runtime,
}

impl Process {
    /// Starts what is in `dir`.
    pub fn start(dir: &Path, bootstrap: &[String]) -> Self {
        Self::start_with(dir, bootstrap, &[])
    }

    /// As [`Self::start`], with more arguments.
    pub fn start_with(dir: &Path, bootstrap: &[String], arguments: &[&str]) -> Self {
        let mut command = binary();
        command.args(["run", "--no-mdns", "--log", "warn", "--dir", text(dir)]);
        command.args(arguments);
        for address in bootstrap {
            command.args(["--bootstrap", address]);
        }
        let log = fs::File::create(dir.join("log.txt")).unwrap();
        let mut child = command.stdout(Stdio::null()).stderr(log).spawn().unwrap();
        let runtime = eventually("the node tells where it listens", || {
            let ended = child.try_wait().unwrap().is_some();
            assert!(
                !ended,
                "the node ended: {}",
                fs::read_to_string(dir.join("log.txt")).unwrap()
            );
            Runtime::read(dir).filter(|runtime| runtime.pid == child.id())
        });
        Self {
            child,
            dir: dir.to_owned(),
            runtime,
        }
    }

    pub fn client(&self) -> Client {
        Client::new(&self.runtime.api)
    }

    /// SIGKILL.
    pub fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    pub fn is_running(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Already ended in some tests.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Who validates from the start: key `index` of a network.
pub fn validator_key(index: u8) -> SecretKey {
    SecretKey::from_seed([index + 1; 32])
}

/// A network in a directory.
pub struct Network {
    dir: PathBuf,
    pub nodes: Vec<Process>,
}

impl Network {
    /// Four validators, one node each. Every account of keys 0 to 4 holds [`BALANCE`].
    pub fn up(dir: &Path, engine: EngineKind) -> Self {
        fs::create_dir_all(dir).unwrap();
        let genesis = genesis(engine);
        fs::write(dir.join("genesis.json"), genesis.to_json()).unwrap();
        let mut network = Self {
            dir: dir.to_owned(),
            nodes: Vec::new(),
        };
        (0..4).for_each(|index| network.add(index));
        network
    }

    /// One more node, with key `index`; it knows the first.
    pub fn add(&mut self, index: u8) {
        let dir = self.dir.join(format!("node-{index}"));
        let genesis = self.dir.join("genesis.json");
        succeed(&[
            "init",
            "--dir",
            text(&dir),
            "--genesis",
            text(&genesis),
            "--validator",
            "--p2p-port",
            "0",
            "--api-port",
            "0",
        ]);
        // The key has signed nothing, as the sign-mark that `init` wrote says.
        let key = format!("{}\n", validator_key(index).to_hex());
        fs::write(dir.join("validator.key"), key).unwrap();
        let bootstrap = self.bootstrap();
        self.nodes.push(Process::start(&dir, &bootstrap));
    }

    /// Power goes everywhere, and comes back.
    pub fn kill_all_and_start_again(&mut self) {
        self.nodes.iter_mut().for_each(Process::kill);
        let dirs: Vec<PathBuf> = self.nodes.drain(..).map(|node| node.dir.clone()).collect();
        for dir in dirs {
            let bootstrap = self.bootstrap();
            self.nodes.push(Process::start(&dir, &bootstrap));
        }
    }

    pub fn bootstrap(&self) -> Vec<String> {
        self.nodes
            .first()
            .map(|node| node.runtime.multiaddrs.clone())
            .unwrap_or_default()
    }

    pub fn key_file(&self, index: u8) -> PathBuf {
        self.dir.join(format!("node-{index}/validator.key"))
    }

    /// Runs a command that signs with key `index`, waits for the block, and must succeed.
    pub fn sign(&self, index: u8, arguments: &[&str]) {
        let file = self.key_file(index);
        let node = &self.nodes[0].runtime.api;
        let signing = ["--key", text(&file), "--node", node, "--wait", "2m"];
        succeed(&[arguments, &signing].concat());
    }

    pub fn client(&self, index: usize) -> Client {
        self.nodes[index].client()
    }

    pub fn height(&self) -> u64 {
        self.client(0).head().unwrap().height
    }

    /// Waits until all that run are at `height` or above.
    pub fn reach(&mut self, height: u64) {
        for node in self
            .nodes
            .iter_mut()
            .filter_map(|node| node.is_running().then(|| node.client()))
        {
            eventually("a node reaches a height", || {
                node.head().ok().filter(|head| head.height >= height)
            });
        }
    }

    /// The first block from `height` on with this proposer.
    pub fn proposed_by(&self, proposer: Address, mut height: u64) -> BlockView {
        let client = self.client(0);
        eventually("it proposes a block", || {
            let block = client.block_at(height).ok()?;
            height += 1;
            (block.proposer == proposer).then_some(block)
        })
    }

    /// Waits until the validator stands as `wanted` says.
    pub fn stands(&self, address: Address, what: &str, wanted: impl Fn(Option<&ValidatorEntry>) -> bool) {
        let client = self.client(0);
        eventually(what, || {
            let view = client.validators().ok()?;
            let entry = view.validators.iter().find(|entry| entry.address == address);
            wanted(entry).then_some(())
        });
    }

    /// All nodes have the same blocks up to `top`.
    pub fn agree(&self, top: u64) -> BTreeMap<u64, BlockId> {
        let ids = |client: Client| -> BTreeMap<u64, BlockId> {
            (1..=top)
                .map(|height| (height, client.block_at(height).unwrap().id))
                .collect()
        };
        let first = ids(self.client(0));
        for index in 1..self.nodes.len() {
            assert_eq!(ids(self.client(index)), first, "node {index}");
        }
        first
    }

    /// Every process is the one that was started.
    pub fn nobody_restarted(&mut self) {
        for (index, node) in self.nodes.iter_mut().enumerate() {
            assert!(node.is_running(), "node {index} has ended");
        }
    }
}

fn genesis(engine: EngineKind) -> Genesis {
    let genesis = Genesis {
        chain: "changing".to_owned(),
        timestamp_ms: 1_700_000_000_000,
        engine,
        block_time_ms: 250,
        empty_blocks: EmptyBlocks::Always,
        gas_limit: 10_000_000,
        min_gas_price: 1,
        vm_cost_table: aureon_types::genesis::VM_COST_TABLE,
        timeouts: BftTimeouts::default(),
        balances: (0..5)
            .map(|index| (validator_key(index).address(), Amount(BALANCE)))
            .collect(),
    };
    genesis.checked().unwrap()
}
