//! One machine: its disks, and the node that runs on it, life after life.
//!
//! What runs is the shipped code: core, ledger, workers, log. Only what starts it differs from
//! `aureon_node::run`: no threads, no sockets, disks in memory.

use std::{
    cell::Cell,
    collections::{BTreeMap, VecDeque},
    io,
    sync::Arc,
    time::Duration,
};

use aureon_chain::{execution::contracts::ContractMachine, mempool, system::genesis_state};
use aureon_consensus::{Now, SignMark};
use aureon_node::{
    adapters::{Contracts, UnknownCostTable, consensus_log::ConsensusLog},
    core::{
        ChannelToken, Core, Done, Effect, GossipToken, Job, LogJob, MiningOptions, ReplyToken, RequestToken,
        Start,
    },
    run::decode_log,
    workers::{Ledger, RecoveryError, Services},
};
use aureon_proto::v1::sync_request;
use aureon_protocol::{PeerId, Status, Topic};
use aureon_storage::{BlockStore, FlushPolicy, StateStore, StorageError};
use aureon_types::{Address, Amount, Genesis, SecretKey};
use bytes::Bytes;

use crate::{
    attackers::Attacker,
    cast::{Cast, SetupError, WALL_MS},
    disk::{Disks, LogDisk},
    machine,
    scenario::Micros,
};

/// redb's page cache of each store.
const CACHE_BYTES: usize = 1 << 20;
/// Flushes come often, so that crashes fall before, into and after them.
const FLUSH: FlushPolicy = FlushPolicy {
    interval: Duration::from_millis(900),
    soft_bytes: 1 << 20,
    hard_bytes: 8 << 20,
    blocks: 6,
};
/// What choosing one transaction for a block takes, as the builder's clock shows it.
const CLOCK_STEP: Duration = Duration::from_micros(20);

/// Why a machine does not start again. Always a violation: the disks do only what disks do.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BootError {
    #[error(transparent)]
    Storage(#[from] StorageError),
    #[error(transparent)]
    Recovery(#[from] RecoveryError),
    #[error("the consensus log cannot be opened: {0}")]
    Log(#[from] io::Error),
    #[error("the consensus log is damaged, and a crash only cuts off its end")]
    LogDamaged,
    #[error(transparent)]
    Core(#[from] aureon_node::core::StartFault),
    #[error(transparent)]
    CostTable(#[from] UnknownCostTable),
}

/// A gossiped message that waits for its verdict.
pub(crate) struct Held {
    pub topic: Topic,
    pub data: Bytes,
    pub from: usize,
    pub since: Micros,
}

/// A peer's request that waits for its answer.
pub(crate) struct Asker {
    pub node: usize,
    pub life: u32,
    pub token: RequestToken,
    pub request: sync_request::Request,
}

/// What is gone with a crash.
pub(crate) struct Running {
    pub core: Core,
    pub services: Services,
    pub ledger: Ledger,
    pub log: ConsensusLog<LogDisk>,
    pub booted: Micros,
    /// Jobs of the ledger thread in order; the first is being done if `ledger_busy`.
    pub ledger_queue: VecDeque<Job>,
    pub ledger_busy: bool,
    /// The last job was done and the core has not heard of it.
    pub ledger_done: Option<Option<Done>>,
    /// When the reader thread has answered everything.
    pub reader_free: Micros,
    /// Jobs of the log thread in order; the first is being done if `log_busy`.
    pub log_queue: VecDeque<LogJob>,
    pub log_busy: bool,
    /// Connected peers, and in which of their lives.
    pub peers: BTreeMap<usize, u32>,
    /// What gossip has seen, and when.
    pub seen: BTreeMap<[u8; 32], Micros>,
    pub gossip: BTreeMap<GossipToken, Held>,
    pub channels: BTreeMap<ChannelToken, Asker>,
    /// Our requests, and whom we asked.
    pub requests: BTreeMap<RequestToken, usize>,
    /// Our head for peers, and what they were told when.
    pub status: Status,
    pub told: Option<(Micros, Status)>,
    /// Counts the templates that its miner was given; the last one is searched.
    pub mining: u64,
    tokens: u64,
}

impl Running {
    pub fn token(&mut self) -> u64 {
        self.tokens += 1;
        self.tokens
    }

    pub fn reply_token(&mut self) -> ReplyToken {
        ReplyToken(self.token())
    }
}

/// See the module.
pub(crate) struct Node {
    pub peer: PeerId,
    pub key: Option<SecretKey>,
    pub disks: Disks,
    /// Grows with every crash.
    pub life: u32,
    pub running: Option<Running>,
    /// The wall clock is ahead by this, in milliseconds.
    pub skew_ms: i64,
    /// Power goes as soon as its ledger or log is at work, for so long.
    pub doomed: Option<Micros>,
    /// Not known to be dishonest.
    pub honest: bool,
    /// Hashes per second.
    pub hash_rate: u64,
    /// The best head that it ever announced.
    pub announced: Option<Status>,
    /// What it does beside and instead of what the rules want.
    pub attacker: Option<Box<dyn Attacker>>,
    /// What its state holds beyond the genesis. For simulations that must fail.
    pub conjured: Option<(Address, Amount)>,
    /// What is wrong with its contract machine. For simulations that must fail.
    pub machine_fault: Option<machine::Fault>,
}

impl Node {
    /// A new machine with a new key, as `init` makes it.
    pub fn new(cast: &Cast, index: usize, skew_ms: i64) -> Result<Self, SetupError> {
        let disks = Disks::default();
        let (mut log, _) = ConsensusLog::open(disks.log.clone())?;
        log.append(&[], Some(&SignMark::INITIAL.encode()))?;
        Ok(Self {
            peer: cast.peers[index],
            key: cast.validators.get(index).cloned(),
            disks,
            life: 0,
            running: None,
            skew_ms,
            doomed: None,
            honest: true,
            hash_rate: 0,
            announced: None,
            attacker: None,
            conjured: None,
            machine_fault: None,
        })
    }

    /// What its clocks show.
    pub fn now(&self, at: Micros) -> Now {
        let booted = self.running.as_ref().map_or(at, |running| running.booted);
        Now {
            monotonic: Duration::from_micros(at.saturating_sub(booted)),
            wall_ms: (WALL_MS + at / 1_000).saturating_add_signed(self.skew_ms),
        }
    }

    /// Starts what is on the disks, in the order of `aureon_node::run`.
    pub fn boot(&mut self, at: Micros, cast: &Cast, index: usize) -> Result<Vec<Effect>, BootError> {
        let chain = cast.chain.clone();
        let genesis = Arc::clone(&chain.genesis);
        let blocks = self.disks.blocks.backend(format!("node-{index}/blocks.redb"));
        let blocks = BlockStore::open(blocks, CACHE_BYTES, chain.genesis_id)?;
        let states = self.disks.states.backend(format!("node-{index}/state.redb"));
        let mut believed = genesis.as_ref().clone();
        believed.balances.extend(self.conjured);
        let state = genesis_state(&believed);
        let states = StateStore::open(states, CACHE_BYTES, FLUSH, chain.genesis_id, &state)?;
        let machine = self.machine(&genesis, index)?;
        let services = Services {
            chain,
            blocks: Arc::new(blocks),
            states: Arc::new(states),
            visitors: Arc::clone(&machine),
            machine,
        };
        let (ledger, work) = Ledger::open(services.clone())?;
        let (log, recovered) = ConsensusLog::open(self.disks.log.clone())?;
        if recovered.damaged {
            return Err(BootError::LogDamaged);
        }
        let parent = ledger.tip().clone();
        let info = parent.info;
        let (records, sign_mark) = decode_log(&recovered, info.height);
        let start = Start {
            genesis: Arc::clone(&genesis),
            local_peer: self.peer,
            validator_key: self.key.clone(),
            mempool: mempool::Config::new(&genesis),
            // As in a node: bodies of other branches are read when they are wanted.
            undecided: if work.is_some() {
                Vec::new()
            } else {
                ledger.undecided()?
            },
            work,
            mining: MiningOptions {
                threads: usize::from(self.hash_rate > 0),
                reward: self.key.as_ref().map(SecretKey::address),
            },
            parent,
            log: records,
            sign_mark,
        };
        let lineage = start.parent.lineage.clone();
        let mut effects = Vec::new();
        let core = Core::start(self.now(at), start, &mut effects)?;
        self.running = Some(Running {
            core,
            services,
            ledger,
            log,
            booted: at,
            ledger_queue: VecDeque::new(),
            ledger_busy: false,
            ledger_done: None,
            reader_free: at,
            log_queue: VecDeque::new(),
            log_busy: false,
            peers: BTreeMap::new(),
            seen: BTreeMap::new(),
            gossip: BTreeMap::new(),
            channels: BTreeMap::new(),
            requests: BTreeMap::new(),
            status: Status {
                height: info.height,
                head_id: info.id,
                work: lineage.work().map(|chain| chain.work().to_bytes()),
            },
            told: None,
            mining: 0,
            tokens: 0,
        });
        Ok(effects)
    }

    /// The first node compiles for itself in each of its lives, the others find what is compiled: it makes no
    /// difference.
    fn machine(&self, genesis: &Genesis, index: usize) -> Result<Arc<dyn ContractMachine>, UnknownCostTable> {
        let machine = if index == 0 {
            Arc::new(Contracts::new(genesis, None)?)
        } else {
            machine::shared(genesis)?
        };
        Ok(match self.machine_fault {
            Some(fault) => machine::faulty(machine, fault),
            None => machine,
        })
    }

    /// Does a job of the ledger thread.
    pub fn perform_ledger(&mut self, at: Micros, job: Job) -> Option<Done> {
        let clock = Cell::new(self.now(at).monotonic);
        let tick = || {
            clock.set(clock.get() + CLOCK_STEP);
            clock.get()
        };
        self.running.as_mut()?.ledger.perform(job, &tick)
    }
}
