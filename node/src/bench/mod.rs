//! `bench transfers`: how many transfers per second a network includes, end to end.
//!
//! What is measured is what a user gets: transfers are signed beforehand, then offered over HTTP through
//! the node's public API, verified, gossiped, put into blocks, executed, agreed on and made durable as
//! always; nothing is turned off. Only transactions in committed blocks count, between the first sight
//! of one block and the first sight of another, both under full load.
//!
//! ```text
//! measure the machine's signature limit -> make a network or fund accounts on a running one -> sign
//!   -> offer: warm-up | window (first block seen after the warm-up .. first block seen `seconds` later)
//!   -> read all blocks, wait until everything admitted is included -> report
//! ```
//!
//! Reading the blocks comes after the load. An admitted transaction that is in no block, or an included
//! one that failed, makes the measurement an error, not a figure.
//!
//! *What the figures are not.* The load generator runs on the same machine: with few cores it takes a
//! share that a node alone would have. The report says how much ([`Report::generator_cores`]).

mod error;
mod fund;
mod load;
mod offer;
mod own;
mod process;
mod report;
mod signatures;
mod tally;
mod watch;
mod workload;

use std::{path::PathBuf, thread, time::Duration};

use aureon_types::{Genesis, SecretKey};

pub use error::BenchError;
pub use report::Report;
pub use tally::Latency;

use crate::{client::Client, testnet::StopFlag};
use load::{Load, Loaded};
use own::OwnNode;
use tally::Tally;
use watch::Waiting;
use workload::{Accounts, Plan, Terms};

/// Most accounts: the genesis document that funds them stays well below its largest size.
pub const MAX_ACCOUNTS: usize = 200_000;
/// How long the machine's signature limit is measured.
const LIMIT_TIME: Duration = Duration::from_secs(2);
/// If nothing is said, so many transfers per second are signed beforehand as a share of the machine's
/// signature limit: more than a node can include that also executes and stores.
const SIGNED_SHARE: f64 = 1.0 / 3.0;
/// At least so many per second, because other programs may have lowered the measured limit for a moment.
const LEAST_SIGNED_PER_SECOND: f64 = 30_000.0;
/// At most so many are signed if nothing is said; each takes about 200 bytes of memory.
const MOST_SIGNED: usize = 2_000_000;
/// At least so many transactions are kept waiting in the node's pool.
const LEAST_WAITING: usize = 10_000;

/// Where the load goes.
#[derive(Clone, Debug)]
pub enum Target {
    /// A lone authority in a process of its own, made for the measurement.
    Own {
        /// Where its directory is kept; `None`: it is removed.
        keep: Option<PathBuf>,
        /// Time between blocks.
        block_time: Duration,
    },
    /// A node that runs.
    Running {
        /// Address of its API.
        api: String,
        /// Who funds the accounts.
        payer: Box<SecretKey>,
        /// Its process, if it runs on this machine: for memory and CPU.
        pid: Option<u32>,
    },
}

/// What to measure.
#[derive(Clone, Debug)]
pub struct Options {
    /// Where the load goes.
    pub target: Target,
    /// At least so long is measured.
    pub window: Duration,
    /// So long the load runs before that.
    pub warm_up: Duration,
    /// How many accounts pay each other; at most [`MAX_ACCOUNTS`].
    pub accounts: usize,
    /// Transfers per request.
    pub batch: usize,
    /// Connections that offer at the same time.
    pub connections: usize,
    /// Transfers to sign; `None`: enough for this machine.
    pub transactions: Option<usize>,
    /// Transfers to keep waiting in the node's pool; `None`: three blocks' worth.
    pub waiting: Option<usize>,
}

/// The node under load.
struct Node {
    client: Client,
    pid: Option<u32>,
    own: Option<OwnNode>,
}

/// Measures. `tell` is given a line for each step.
pub fn transfers(options: &Options, stop: &StopFlag, tell: &dyn Fn(String)) -> Result<Report, BenchError> {
    if let Target::Running { api, .. } = &options.target {
        // A wrong address is told at once, not after the first measurement.
        Client::new(api).head()?;
    }
    let cores = thread::available_parallelism().map_or(1, usize::from);
    let load_before = process::load_average();
    tell(format!(
        "measuring how many signatures {cores} cores verify in batches ..."
    ));
    let limit = signatures::batch_limit(cores, LIMIT_TIME);
    let plan = plan(options, limit);
    let mut seed = [0; 32];
    getrandom::fill(&mut seed)
        .map_err(std::io::Error::from)
        .map_err(BenchError::io("make a seed"))?;
    let accounts = Accounts::new(&seed, options.accounts);
    let mut node = Node::start(options, &accounts, stop, tell)?;
    let genesis = node.client.genesis()?;
    let terms = Terms {
        genesis_id: genesis.id(),
        gas_price: genesis.min_gas_price,
    };
    node.fund(options, &plan, &accounts, &terms, stop, tell)?;
    tell(format!(
        "signing {} transfers among {} accounts ...",
        plan.transactions, options.accounts
    ));
    let lanes = workload::sign(&plan, &accounts, &terms, stop)?;
    let disk_before = node.disk_bytes()?;
    let loaded = node.load(options, lanes, stop, tell)?;
    tell("waiting until everything that was admitted is in blocks, and counting ...".to_owned());
    let counted = tally::count(
        &node.client,
        loaded.start,
        &loaded.sent,
        &loaded.sight,
        &loaded.window,
        stop,
    );
    let tally = counted.map_err(|error| node.explain(error))?;
    let in_memory = node
        .own
        .as_ref()
        .is_some_and(|own| process::is_in_memory(own.dir()));
    let disk = node.finish(disk_before)?;
    Ok(Made {
        options,
        genesis: &genesis,
        cores,
        load_before,
        limit,
        in_memory,
        disk,
        loaded: &loaded,
    }
    .report(tally))
}

/// How much to sign.
fn plan(options: &Options, limit: f64) -> Plan {
    let enough = || {
        let seconds = (options.window + options.warm_up).as_secs_f64();
        (((limit * SIGNED_SHARE).max(LEAST_SIGNED_PER_SECOND) * seconds) as usize).min(MOST_SIGNED)
    };
    Plan {
        transactions: options.transactions.unwrap_or_else(enough),
        batch: options.batch,
        connections: options.connections.min(options.accounts),
    }
}

impl Node {
    fn start(
        options: &Options,
        accounts: &Accounts,
        stop: &StopFlag,
        tell: &dyn Fn(String),
    ) -> Result<Self, BenchError> {
        match &options.target {
            Target::Running { api, pid, .. } => Ok(Self {
                client: Client::new(api),
                pid: *pid,
                own: None,
            }),
            Target::Own { keep, block_time } => {
                tell("starting a node that is the only authority of a new network ...".to_owned());
                let layout = own::Layout {
                    keep: keep.as_deref(),
                    block_time: *block_time,
                    accounts: accounts.addresses(),
                };
                let own = OwnNode::start(&layout, stop)?;
                tell(format!(
                    "the node runs in {} with its API at {}",
                    own.dir().display(),
                    own.client.base()
                ));
                Ok(Self {
                    client: own.client.clone(),
                    pid: Some(own.pid()),
                    own: Some(own),
                })
            }
        }
    }

    /// On the own network the genesis has done it.
    fn fund(
        &self,
        options: &Options,
        plan: &Plan,
        accounts: &Accounts,
        terms: &Terms,
        stop: &StopFlag,
        tell: &dyn Fn(String),
    ) -> Result<(), BenchError> {
        let Target::Running { payer, .. } = &options.target else {
            return Ok(());
        };
        let each = plan
            .cost_per_account(options.accounts, terms.gas_price)
            .unwrap_or(u64::MAX);
        tell(format!(
            "funding {} accounts with {each} base units each, not timed ...",
            options.accounts
        ));
        fund::fan_out(&self.client, payer, accounts.addresses(), each, terms, stop)
    }

    /// What the database takes. Of a running network only the lengths of its files are known.
    fn disk_bytes(&self) -> Result<u64, BenchError> {
        match &self.own {
            Some(own) => Ok(own.disk_bytes()),
            None => Ok(self.client.status()?.disk_bytes),
        }
    }

    fn load(
        &mut self,
        options: &Options,
        lanes: Vec<Vec<workload::Batch>>,
        stop: &StopFlag,
        tell: &dyn Fn(String),
    ) -> Result<Loaded, BenchError> {
        let capacity = self.client.mempool()?.capacity;
        let load = Load {
            client: self.client.clone(),
            pid: self.pid,
            window: options.window,
            warm_up: options.warm_up,
            waiting: Waiting {
                least: options.waiting.unwrap_or(LEAST_WAITING),
                // The pool's last tenth is left to others, and to what is under way.
                most: capacity - capacity / 10,
                fixed: options.waiting.is_some(),
            },
        };
        tell(format!(
            "offering them: {} s of warm-up, then at least {} s that count ...",
            options.warm_up.as_secs_f32(),
            options.window.as_secs_f32()
        ));
        let own = &mut self.own;
        let loaded = load.run(lanes, stop, || own.as_mut().map_or(Ok(()), OwnNode::check));
        loaded.map_err(|error| self.explain(error))
    }

    /// A node that has ended is the reason for whatever else failed.
    fn explain(&mut self, error: BenchError) -> BenchError {
        let checked = self.own.as_mut().map_or(Ok(()), OwnNode::check);
        checked.err().unwrap_or(error)
    }

    /// Stops the own node, and tells by how much the database has grown.
    fn finish(mut self, before: u64) -> Result<u64, BenchError> {
        if let Some(own) = &mut self.own {
            own.stop();
        }
        Ok(self.disk_bytes()?.saturating_sub(before))
    }
}

/// Everything that the report says something about.
struct Made<'a> {
    options: &'a Options,
    genesis: &'a Genesis,
    cores: usize,
    load_before: Option<f64>,
    limit: f64,
    in_memory: bool,
    disk: u64,
    loaded: &'a Loaded,
}

impl Made<'_> {
    fn report(&self, tally: Tally) -> Report {
        let (loaded, window) = (self.loaded, &self.loaded.window);
        let seconds = window.duration().as_secs_f64();
        let tps = tally.transactions as f64 / seconds;
        Report {
            included_tps: report::round(tps, 1),
            seconds: report::round(seconds, 3),
            transactions: tally.transactions,
            ed25519_batch_per_s: report::round(self.limit, 0),
            ratio: report::round(tps / self.limit, 4),
            rss_mb: loaded
                .resident_bytes()
                .map(|bytes| report::round(bytes as f64 / 1e6, 1)),
            disk_bytes_per_tx: report::round(self.disk as f64 / tally.since_start.max(1) as f64, 1),
            blocks: tally.blocks,
            block_time_ms: self.genesis.block_time_ms,
            accounts: self.options.accounts,
            connections: self.options.connections,
            batch: self.options.batch,
            warm_up_seconds: self.options.warm_up.as_secs_f64(),
            cores: self.cores,
            node_cores: loaded.node_cores().map(|cores| report::round(cores, 2)),
            generator_cores: loaded.generator_cores().map(|cores| report::round(cores, 2)),
            own_network: matches!(self.options.target, Target::Own { .. }),
            notes: self.notes(&tally),
            latency_ms: Latency::of(tally.latencies),
        }
    }

    fn notes(&self, tally: &Tally) -> Vec<String> {
        let mut notes = report::notes_on_machine(self.cores, self.load_before, self.in_memory);
        if self.loaded.exhausted {
            notes.push(format!(
                "all signed transfers were taken after {:.1} s of the window: sign more with --transactions",
                self.loaded.window.duration().as_secs_f64()
            ));
        }
        if tally.foreign > 0 {
            notes.push(format!(
                "{} of the transactions are not of this load",
                tally.foreign
            ));
        }
        notes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_much_is_signed_as_the_machine_may_need() {
        let mut options = Options {
            target: Target::Own {
                keep: None,
                block_time: Duration::from_secs(1),
            },
            window: Duration::from_secs(20),
            warm_up: Duration::from_secs(5),
            accounts: 10,
            batch: 500,
            connections: 16,
            transactions: None,
            waiting: None,
        };
        assert_eq!(plan(&options, 120_000.0).transactions, 1_000_000);
        assert_eq!(plan(&options, 100.0).transactions, 750_000);
        assert_eq!(plan(&options, 1e9).transactions, MOST_SIGNED);
        // More connections than accounts would have nothing to send.
        assert_eq!(plan(&options, 1.0).connections, 10);
        options.transactions = Some(7);
        assert_eq!(plan(&options, 1.0).transactions, 7);
    }
}
