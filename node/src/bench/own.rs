//! A network of one authority that is made for the measurement: a real node in a process of its own,
//! with the defaults of every node. Its genesis funds the accounts of the load.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    process::Child,
    thread,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use aureon_types::{
    Address, Amount, EmptyBlocks, EngineKind, Genesis, PublicKey,
    genesis::{BftTimeouts, DEFAULT_GAS_LIMIT, DEFAULT_MIN_GAS_PRICE, PoaParameters},
};

use super::BenchError;
use crate::{
    client::Client,
    config::{self, Config, Document, directory, runtime::Runtime},
    testnet::{self, StopFlag},
};

/// What each account has in the genesis: enough for 47 million transfers.
const BALANCE: Amount = Amount(1_000_000_000_000);
/// How long the node may take to make its first block.
const START_PATIENCE: Duration = Duration::from_secs(60);
/// Between two looks at it.
const LOOK_AGAIN: Duration = Duration::from_millis(50);

/// The node. Stopped when dropped; its directory is removed unless it is to be kept.
pub struct OwnNode {
    dir: PathBuf,
    keep: bool,
    child: Child,
    /// Its API.
    pub client: Client,
}

/// What the network is made of.
pub struct Layout<'a> {
    /// Where it is kept afterwards; `None`: in a temporary directory that is removed.
    pub keep: Option<&'a Path>,
    /// Time between blocks.
    pub block_time: Duration,
    /// Who is funded.
    pub accounts: &'a [Address],
}

impl OwnNode {
    /// Makes the network, starts the node and waits for its first block.
    pub fn start(layout: &Layout<'_>, stop: &StopFlag) -> Result<Self, BenchError> {
        let dir = make_directory(layout.keep)?;
        let keep = layout.keep.is_some();
        let spawned = create(&dir, layout).and_then(|()| Ok(testnet::spawn(&dir, &[], false)?));
        let child = match spawned {
            Ok(child) => child,
            Err(error) => {
                discard(&dir, keep);
                return Err(error);
            }
        };
        // From here on dropping it ends the process.
        let mut node = Self {
            dir,
            keep,
            child,
            client: Client::new("http://127.0.0.1:0"),
        };
        node.wait(stop)?;
        Ok(node)
    }

    fn wait(&mut self, stop: &StopFlag) -> Result<(), BenchError> {
        let deadline = Instant::now() + START_PATIENCE;
        loop {
            if let Some(runtime) = Runtime::read(&self.dir).filter(|runtime| runtime.pid == self.pid()) {
                self.client = Client::new(&runtime.api);
                if self.client.head().is_ok_and(|head| head.height > 0) {
                    return Ok(());
                }
            }
            self.check()?;
            if stop.is_set() {
                return Err(BenchError::Interrupted);
            }
            if Instant::now() > deadline {
                return Err(BenchError::Late {
                    patience: START_PATIENCE,
                    tail: testnet::log_tail(&self.dir),
                });
            }
            thread::sleep(LOOK_AGAIN);
        }
    }

    /// Its process.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Its directory.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// Says why the node ended, if it has.
    pub fn check(&mut self) -> Result<(), BenchError> {
        match self
            .child
            .try_wait()
            .map_err(BenchError::io("look at the node"))?
        {
            None => Ok(()),
            Some(status) => Err(BenchError::Died {
                status: status.to_string(),
                tail: testnet::log_tail(&self.dir),
            }),
        }
    }

    /// Bytes of its database on the disk.
    pub fn disk_bytes(&self) -> u64 {
        super::process::disk_bytes(&self.dir.join("aureon_db"))
    }

    /// Ends the node in order, so that everything is on the disk.
    pub fn stop(&mut self) {
        let child = &mut self.child;
        // What cannot be waited for has been waited for before.
        testnet::stop_all(std::slice::from_ref(&self.dir), || drop(child.try_wait()));
    }
}

impl Drop for OwnNode {
    fn drop(&mut self) {
        self.stop();
        discard(&self.dir, self.keep);
    }
}

fn make_directory(keep: Option<&Path>) -> Result<PathBuf, BenchError> {
    let dir = match keep {
        Some(dir) => dir.to_owned(),
        None => std::env::temp_dir().join(format!("aureon-bench-{}", std::process::id())),
    };
    fs::create_dir_all(&dir).map_err(BenchError::io(format!("make {}", dir.display())))?;
    let dir = dir
        .canonicalize()
        .map_err(BenchError::io(format!("find {}", dir.display())))?;
    let mut entries = fs::read_dir(&dir).map_err(BenchError::io(format!("read {}", dir.display())))?;
    match entries.next() {
        Some(_) => Err(BenchError::NotEmpty { dir }),
        None => Ok(dir),
    }
}

fn discard(dir: &Path, keep: bool) {
    if !keep && let Err(error) = fs::remove_dir_all(dir) {
        tracing::warn!("cannot remove {}: {error}", dir.display());
    }
}

fn create(dir: &Path, layout: &Layout<'_>) -> Result<(), BenchError> {
    let mut document = Document::default();
    // Alone, and on ports that nobody else uses; everything else is as in any node.
    document.network.host = "127.0.0.1".to_owned();
    document.network.p2p_port = 0;
    document.network.mdns = false;
    document.api.port = 0;
    let config = Config::resolve(&document, dir)?;
    let random = || directory::new_key().map_err(BenchError::io("make a key"));
    let validator = random()?;
    let genesis = genesis(layout, validator.public_key())?;
    directory::create_genesis(&config.files.genesis, &genesis)?;
    directory::create_key(&config.files.node_key, &random()?)?;
    directory::create_key(&config.files.validator_key, &validator)?;
    // The key was made this moment, so it has signed nothing.
    crate::run::write_initial_sign_mark(&config.database)?;
    let text =
        config::template(&document).map_err(|error| BenchError::io("write config.toml")(error.into()))?;
    directory::create_public(&dir.join(config::FILE_NAME), &text)?;
    Ok(())
}

fn genesis(layout: &Layout<'_>, authority: PublicKey) -> Result<Genesis, BenchError> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let genesis = Genesis {
        chain: "aureon-bench".to_owned(),
        timestamp_ms: u64::try_from(now.as_millis()).unwrap_or(u64::MAX),
        engine: EngineKind::Poa(PoaParameters::new(vec![authority])),
        block_time_ms: u64::try_from(layout.block_time.as_millis()).unwrap_or(u64::MAX),
        empty_blocks: EmptyBlocks::Always,
        gas_limit: DEFAULT_GAS_LIMIT,
        min_gas_price: DEFAULT_MIN_GAS_PRICE,
        vm_cost_table: aureon_types::genesis::VM_COST_TABLE,
        timeouts: BftTimeouts::default(),
        balances: layout
            .accounts
            .iter()
            .map(|address| (*address, BALANCE))
            .collect::<BTreeMap<_, _>>(),
    };
    Ok(genesis.checked()?)
}
