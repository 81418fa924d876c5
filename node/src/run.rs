//! A node from its options: opens the database, recovers, starts the network and the loop.

use std::{
    fs, io,
    path::{Path, PathBuf},
    sync::Arc,
    thread,
};

use aureon_chain::{mempool, system::genesis_state};
use aureon_consensus::{LogRecord, SignMark};
use aureon_protocol::{Client, GenesisInfo, Multiaddr, Status};
use aureon_storage::{Backend, BlockStore, FlushPolicy, StateStore, StorageError};
use aureon_types::{Genesis, SecretKey};
use tokio::sync::{mpsc, oneshot, watch};

use crate::{
    adapters::{
        Contracts,
        consensus_log::{ConsensusLog, LogFile, Recovered},
    },
    core::{Chain, Core, Start},
    handle::{Command, Head, NodeHandle, PublishedHead, Publisher, Subscribe},
    main_loop::{Clock, MainLoop, Workers},
    workers::{Ledger, RecoveryError, Services},
};

pub use crate::core::MiningOptions;

/// Commands of clients that wait for the loop. When full, clients wait.
const COMMAND_QUEUE: usize = 1_024;
/// The consensus log's file in the database directory.
const LOG_FILE: &str = "consensus.log";
/// The directory of compiled contracts in the database directory. It may be deleted at any time.
const MODULE_CACHE: &str = "compiled";

/// What a node is started with.
#[derive(Clone, Debug)]
pub struct Options {
    /// The network.
    pub genesis: Genesis,
    /// The node's identity among peers (an Ed25519 seed); not the validator's.
    pub node_key: [u8; 32],
    /// Signs votes and blocks, if this node is a validator.
    pub validator_key: Option<SecretKey>,
    /// The directory of the database.
    pub database: PathBuf,
    /// redb's page cache, shared by both stores, in bytes.
    pub cache_bytes: usize,
    /// Where to listen.
    pub listen: Vec<Multiaddr>,
    /// Whom to dial first.
    pub bootstrap: Vec<Multiaddr>,
    /// Whether to find peers by mDNS.
    pub mdns: bool,
    /// Bounds of the mempool.
    pub mempool: mempool::Config,
    /// How this node mines, on a network that does.
    pub mining: MiningOptions,
}

/// Why a node does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// A directory or file cannot be used.
    #[error("{what} {path} cannot be used: {error}", path = path.display())]
    File {
        /// What it is.
        what: &'static str,
        /// Where it is.
        path: PathBuf,
        /// The system's words.
        error: io::Error,
    },
    /// A database that is locked, of another network, too new, or damaged.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// Stored blocks cannot be executed again.
    #[error(transparent)]
    Recovery(#[from] RecoveryError),
    /// The genesis names no usable engine.
    #[error(transparent)]
    Core(#[from] crate::core::StartFault),
    /// The genesis names a cost table of contracts that is unknown.
    #[error(transparent)]
    CostTable(#[from] aureon_vm::UnknownCostTable),
    /// An address that is in use or cannot be listened on.
    #[error(transparent)]
    Network(#[from] aureon_protocol::StartError),
    /// The system gives no thread.
    #[error("a thread cannot be started: {0}")]
    Thread(io::Error),
}

/// Why a node stopped by itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StopReason(pub String);

impl std::fmt::Display for StopReason {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

/// A running node.
pub struct Node {
    handle: NodeHandle,
    network: Client,
    stopped: Option<oneshot::Receiver<Option<String>>>,
}

/// Writes the consensus log of a validator key that was made this moment: the key has signed nothing, so
/// its first vote need not wait. Never to be called for a key that may have been used.
pub fn write_initial_sign_mark(database: &Path) -> Result<(), StartError> {
    let (mut log, recovered) = open_log(database)?;
    let failed = |error| log_unusable(database, error);
    if recovered.mark.is_some() {
        let error = io::Error::new(io::ErrorKind::AlreadyExists, "it already holds a sign-mark");
        return Err(failed(error));
    }
    log.append(&[], Some(&SignMark::INITIAL.encode())).map_err(failed)
}

/// Opens the consensus log in the directory `database`; made if it is not there. Refused while a node has
/// it open.
pub fn open_log(database: &Path) -> Result<(ConsensusLog<LogFile>, Recovered), StartError> {
    create_directory(database)?;
    let failed = |error| log_unusable(database, error);
    ConsensusLog::open(LogFile::open(&database.join(LOG_FILE)).map_err(failed)?).map_err(failed)
}

/// What the consensus log in the directory `database` holds; changes nothing. Refused while a node has it
/// open. A log that is not there holds nothing.
pub fn read_log(database: &Path) -> Result<Recovered, StartError> {
    let (path, failed) = (database.join(LOG_FILE), |error| log_unusable(database, error));
    if !path.try_exists().map_err(failed)? {
        return Ok(Recovered::default());
    }
    ConsensusLog::inspect(LogFile::open(&path).map_err(failed)?).map_err(failed)
}

fn log_unusable(database: &Path, error: io::Error) -> StartError {
    StartError::File {
        what: "the consensus log",
        path: database.join(LOG_FILE),
        error,
    }
}

fn create_directory(path: &Path) -> Result<(), StartError> {
    let failed = |error| StartError::File {
        what: "the database directory",
        path: path.to_owned(),
        error,
    };
    fs::create_dir_all(path).map_err(failed)
}

/// Opens both stores. The block store opens first: it holds the lock.
fn open_stores(options: &Options, chain: Chain) -> Result<Services, StartError> {
    create_directory(&options.database)?;
    let cache = options.cache_bytes / 2;
    let blocks = BlockStore::open(
        Backend::file(options.database.join("blocks.redb")),
        cache,
        chain.genesis_id,
    )?;
    let states = StateStore::open(
        Backend::file(options.database.join("state.redb")),
        cache,
        FlushPolicy::default(),
        chain.genesis_id,
        &genesis_state(&chain.genesis),
    )?;
    let machine = Contracts::new(&chain.genesis, Some(options.database.join(MODULE_CACHE)))?;
    Ok(Services {
        chain,
        blocks: Arc::new(blocks),
        states: Arc::new(states),
        visitors: Arc::new(machine.for_visitors()),
        machine: Arc::new(machine),
    })
}

struct Opened {
    services: Services,
    ledger: Ledger,
    log: ConsensusLog<LogFile>,
    start: Start,
}

/// Everything that touches the disk before the network starts.
fn open(options: &Options) -> Result<Opened, StartError> {
    let genesis = Arc::new(options.genesis.clone());
    let services = open_stores(options, Chain::new(Arc::clone(&genesis)))?;
    let (ledger, work) = Ledger::open(services.clone())?;
    let (log, recovered) = open_log(&options.database)?;
    if recovered.damaged {
        let path = options.database.join(LOG_FILE);
        tracing::error!(path = %path.display(), "the consensus log is damaged: this validator listens before it signs again");
    }
    let parent = ledger.tip().clone();
    let (records, sign_mark) = decode_log(&recovered, parent.info.height);
    let start = Start {
        genesis,
        local_peer: aureon_protocol::peer_id(options.node_key)?,
        validator_key: options.validator_key.clone(),
        mempool: options.mempool.clone(),
        // Under proof of work bodies of other branches are read when they are wanted.
        undecided: if work.is_some() {
            Vec::new()
        } else {
            ledger.undecided()?
        },
        work,
        mining: options.mining,
        parent,
        log: records,
        sign_mark,
    };
    Ok(Opened {
        services,
        ledger,
        log,
        start,
    })
}

/// The records of the height above the head, and the sign-mark. Records that cannot be read end the log
/// there, and the sign-mark counts as lost.
pub fn decode_log(recovered: &Recovered, head: u64) -> (Vec<LogRecord>, Option<SignMark>) {
    let mut mark = recovered
        .mark
        .as_deref()
        .and_then(|mark| SignMark::decode(mark).ok());
    if recovered.height != head.saturating_add(1) {
        return (Vec::new(), mark);
    }
    let mut records = Vec::with_capacity(recovered.records.len());
    for record in &recovered.records {
        match LogRecord::decode(record) {
            Ok(record) => records.push(record),
            Err(error) => {
                tracing::error!(%error, "a record of the consensus log cannot be read: this validator listens before it signs again");
                mark = None;
                break;
            }
        }
    }
    (records, mark)
}

/// Starts a node. Returns when it listens.
pub async fn start(options: Options) -> Result<Node, StartError> {
    let opening = options.clone();
    let opened = tokio::task::spawn_blocking(move || open(&opening)).await;
    let Opened {
        services,
        ledger,
        log,
        start,
    } = match opened {
        Ok(opened) => opened?,
        Err(error) => return Err(StartError::Thread(io::Error::other(error))),
    };
    let info = start.parent.info;
    let status = Status {
        height: info.height,
        head_id: info.id,
        work: start.parent.lineage.work().map(|chain| chain.work().to_bytes()),
    };
    let config = aureon_protocol::Config {
        secret_key: options.node_key,
        listen: options.listen,
        bootstrap: options.bootstrap,
        mdns: options.mdns,
        genesis: GenesisInfo {
            id: services.chain.genesis_id,
            chain: services.chain.genesis.chain.clone(),
            encoded: services.chain.genesis.encode(),
        },
        status,
        agent: crate::AGENT.to_owned(),
        limits: aureon_protocol::Limits::default(),
    };
    let (network, events) = aureon_protocol::start(config).await?;
    let (done, done_receiver) = mpsc::unbounded_channel();
    let workers = Workers::start(&services, ledger, log, &network, &done, options.mining)
        .map_err(StartError::Thread)?;
    let clock = Clock::new();
    let mut effects = Vec::new();
    let head = Head {
        height: info.height,
        id: info.id,
        timestamp_ms: info.timestamp_ms,
    };
    let (view, lineage) = (start.parent.view.clone(), start.parent.lineage.clone());
    let genesis = Arc::clone(&start.genesis);
    let core = Core::start(clock.now(), start, &mut effects)?;
    let (head, head_receiver) = watch::channel(Arc::new(PublishedHead { head, view, lineage }));
    let (mempool, mempool_receiver) = watch::channel(Arc::new(core.mempool().view()));
    let (status, status_receiver) = watch::channel(Arc::new(core.status(clock.now())));
    let (changes, subscribe) = Subscribe::channel();
    let (commands, command_receiver) = mpsc::channel(COMMAND_QUEUE);
    let handle = NodeHandle {
        services: services.clone(),
        commands,
        head: head_receiver,
        mempool: mempool_receiver,
        status: status_receiver,
        changes: subscribe,
        network: network.clone(),
    };
    let publisher = Publisher {
        head,
        mempool,
        status,
        changes,
    };
    let main_loop = MainLoop::new(core, clock, workers, network.clone(), publisher, genesis);
    let (stopped, stopped_receiver) = oneshot::channel();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .map_err(StartError::Thread)?;
    let body = move || {
        let reason =
            runtime.block_on(main_loop.run_and_finish(effects, done_receiver, events, command_receiver));
        let reason = match (reason, services.states.flush()) {
            (None, Err(error)) => Some(error.to_string()),
            (reason, _) => reason,
        };
        // Closes the database before anybody hears that the node has stopped.
        drop(services);
        // Nobody waits any more if the handle of the node was dropped.
        let _ = stopped.send(reason);
    };
    thread::Builder::new()
        .name("main-loop".to_owned())
        .spawn(body)
        .map_err(StartError::Thread)?;
    Ok(Node {
        handle,
        network,
        stopped: Some(stopped_receiver),
    })
}

impl Node {
    /// For servers and tools.
    pub fn handle(&self) -> NodeHandle {
        self.handle.clone()
    }

    /// Waits until the node stops by itself: its disk failed, or its software did.
    pub async fn stopped(&mut self) -> StopReason {
        let Some(stopped) = &mut self.stopped else {
            return std::future::pending().await;
        };
        let outcome = stopped.await;
        // Only now: if this future is dropped before, `shutdown` still waits for the last flush.
        self.stopped = None;
        match outcome {
            Ok(Some(reason)) => StopReason(reason),
            Ok(None) => StopReason("it was told to".to_owned()),
            Err(_) => StopReason("the main loop ended unexpectedly".to_owned()),
        }
    }

    /// Stops cleanly: nothing committed is lost in any case; what waits is written, so that the next
    /// start has nothing to execute again.
    pub async fn shutdown(mut self) {
        // Already stopped if the channel is closed.
        let _ = self.handle.commands.send(Command::Stop).await;
        if let Some(stopped) = self.stopped.take() {
            let _ = stopped.await;
        }
        self.network.shutdown().await;
    }
}
