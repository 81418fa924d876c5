//! A deterministic network of engines: one seed, one trace.
//!
//! It plays everything an engine leaves to the node: links (delay, loss, duplicates, hence reordering),
//! gossip that swallows what it has seen, a disk whose jobs finish in order and whose unsynced tail a
//! crash loses, execution, block requests, range sync, and a validator that contradicts itself.
//! Invariants are checked as the run goes and end in [`Report::violations`].

mod disk;
mod epochs;
mod links;
mod node;
mod perform;
mod receive;
mod sync;

use std::collections::{BTreeMap, BTreeSet};

use aureon_consensus::{Effect, Engine, Input, LogRecord, SignMark};
use aureon_types::{Address, BlockId, SecretKey, hash::blake3};

pub use self::epochs::Epochs;
use self::{
    epochs::Timeline,
    node::{Event, Node, Wire},
};
use crate::support::{Random, at, keys};

pub type Micros = u64;
pub const SECOND: Micros = 1_000_000;
const GIVE_UP: Micros = 600 * SECOND;

#[derive(Clone, Debug)]
pub struct Scenario {
    pub seed: u64,
    pub validators: usize,
    /// Nodes without a key that only follow.
    pub followers: usize,
    pub heights: u64,
    pub loss_percent: u64,
    pub duplicate_percent: u64,
    /// Contradicts itself whenever it signs, proposes invalid blocks, and serves forged ranges.
    pub equivocator: Option<usize>,
    /// These nodes die in the middle of these disk jobs of theirs, and restart.
    pub crashes: Vec<(usize, u64)>,
    /// How long a crashed node stays down; a few seconds by default.
    pub down: Option<Micros>,
    /// What every crash does to the log, beside losing what was not synced.
    pub damage: Option<Damage>,
    /// A crash of this node also loses its disk.
    pub wiped: Option<usize>,
    /// This node uses the key of that one.
    pub same_key: Option<(usize, usize)>,
    /// From, until, and the side each node is on.
    pub partition: Option<(Micros, Micros, Vec<bool>)>,
    /// Nobody finds a block to propose before: rounds go by, heights do not.
    pub no_blocks_before: Micros,
    /// The control: send first and sync later, breaking "durable before visible".
    pub publish_first: bool,
    /// Blocks on demand; transactions come at these times.
    pub on_demand: Option<Vec<Micros>>,
    /// Who decides when. Every key belongs to a node, also while it has no power.
    pub epochs: Epochs,
}

/// The end of a log after a crash, although it was synced and perhaps published.
#[derive(Clone, Copy, Debug)]
pub enum Damage {
    /// The last record is unreadable. The sign-mark is whole.
    LastRecord,
    /// The last record is unreadable and the sign-mark is lost: whole frames stood behind the damage.
    LastRecordAndMark,
}

impl Scenario {
    /// Nothing goes wrong.
    pub fn calm(seed: u64, validators: usize) -> Self {
        Self {
            seed,
            validators,
            followers: 0,
            heights: 12,
            loss_percent: 0,
            duplicate_percent: 0,
            equivocator: None,
            crashes: Vec::new(),
            down: None,
            damage: None,
            wiped: None,
            same_key: None,
            partition: None,
            no_blocks_before: 0,
            publish_first: false,
            on_demand: None,
            epochs: Epochs::fixed(validators),
        }
    }
}

#[derive(Default, Debug)]
pub struct Report {
    pub trace: [u8; 32],
    pub ended: Micros,
    pub violations: Vec<String>,
    /// Messages of honest keys that contradict an earlier one.
    pub contradictions: u64,
    pub stopped: Vec<(usize, String)>,
    pub fetched: u64,
    pub replayed: u64,
    pub evidence: u64,
    pub late_precommits: u64,
    pub highest_round: u32,
    /// The round of each node at the moment when blocks became possible.
    pub rounds: Vec<u32>,
    /// When each height was first committed anywhere.
    pub committed: BTreeMap<u64, Micros>,
    /// Who built each block, and who signed the first certificate that was seen of it.
    pub built: BTreeMap<u64, usize>,
    pub signed: BTreeMap<u64, BTreeSet<usize>>,
    /// By node: the logs that its disk has held, one per height.
    pub logs: Vec<BTreeMap<u64, Vec<LogRecord>>>,
}

pub struct Network {
    scenario: Scenario,
    random: Random,
    now: Micros,
    sequence: u64,
    /// Time and order of creation; the node; the life it belongs to (none: any).
    events: BTreeMap<(Micros, u64), (usize, Option<u32>, Event)>,
    nodes: Vec<Node>,
    keys: Vec<SecretKey>,
    timeline: Timeline,
    builders: BTreeMap<BlockId, usize>,
    decided: BTreeMap<u64, BlockId>,
    /// What each honest key has sent, per kind, height and round.
    sent: BTreeMap<(Address, u8, u64, u32), Vec<u8>>,
    report: Report,
}

pub fn run(scenario: Scenario) -> Report {
    let mut network = Network::new(scenario);
    network.run();
    network.report.ended = network.now;
    network.report
}

impl Network {
    fn new(scenario: Scenario) -> Self {
        let count = scenario.validators + scenario.followers;
        Self {
            random: Random(scenario.seed),
            now: 0,
            sequence: 0,
            events: BTreeMap::new(),
            nodes: (0..count).map(|_| Node::default()).collect(),
            timeline: Timeline::new(&scenario.epochs, &keys(scenario.validators)),
            builders: BTreeMap::new(),
            keys: keys(scenario.validators),
            decided: BTreeMap::new(),
            sent: BTreeMap::new(),
            report: Report {
                logs: vec![BTreeMap::new(); count],
                ..Report::default()
            },
            scenario,
        }
    }

    fn run(&mut self) {
        for node in 0..self.nodes.len() {
            self.nodes[node].mark = Some(SignMark::INITIAL.encode().to_vec());
            self.boot(node);
            self.schedule(SECOND, node, None, Event::Tick);
        }
        for (when, node) in self
            .scenario
            .on_demand
            .clone()
            .unwrap_or_default()
            .into_iter()
            .zip([0, 1, 2].into_iter().cycle())
        {
            self.schedule(when, node % self.scenario.validators, None, Event::Transaction);
        }
        let mut stalled = self.scenario.no_blocks_before > 0;
        while let Some(((when, _), (node, life, event))) = self.events.pop_first() {
            self.now = when;
            if stalled && when >= self.scenario.no_blocks_before {
                stalled = false;
                self.report.rounds = self
                    .nodes
                    .iter()
                    .filter_map(|node| Some(node.engine.as_ref()?.status().round))
                    .collect();
            }
            if life.is_none_or(|life| life == self.nodes[node].life) {
                self.on_event(node, event);
            }
            if self.nodes.iter().all(|node| node.head() >= self.scenario.heights) {
                return;
            }
            if when > self.give_up() {
                let nodes: Vec<String> = self
                    .nodes
                    .iter()
                    .map(|node| {
                        let status = node.engine.as_ref().map(Engine::status);
                        format!(
                            "head {}: {:?}",
                            node.head(),
                            status.map(|s| (s.height, s.round, s.step, s.signing, s.waiting_for))
                        )
                    })
                    .collect();
                return self.violate(format!("no liveness: {nodes:#?}"));
            }
        }
        self.violate("nothing left to do".to_owned());
    }

    /// Ten minutes after the last thing that the scenario does.
    fn give_up(&self) -> Micros {
        let healed = self.scenario.partition.as_ref().map_or(0, |(_, until, _)| *until);
        GIVE_UP
            + healed
                .max(self.scenario.no_blocks_before)
                .max(self.scenario.down.unwrap_or(0))
    }

    fn on_event(&mut self, node: usize, event: Event) {
        self.trace(node, &event);
        match event {
            Event::Deliver { from, wire } => self.on_wire(node, from, wire),
            Event::Local(input) => self.input(node, input),
            Event::Built { height, round, block } => {
                let block_id = block.id();
                self.nodes[node].bodies.insert(block_id, block);
                self.input(
                    node,
                    Input::Built {
                        height,
                        round,
                        block_id,
                    },
                );
            }
            Event::Executed {
                height,
                round,
                proposer,
                block,
            } => {
                let (block_id, valid) = (block.id(), block.valid);
                self.nodes[node].bodies.insert(block_id, block); // durable before the engine hears of it
                self.input(
                    node,
                    Input::Executed {
                        height,
                        round,
                        proposer,
                        block_id,
                        valid,
                    },
                );
            }
            Event::Stored(blocks) => self.on_stored(node, blocks),
            Event::DiskDone => self.on_disk_done(node),
            Event::Tick => {
                self.tick(node);
                self.schedule(SECOND, node, None, Event::Tick);
            }
            Event::Crash => self.crash(node),
            Event::Restart => self.boot(node),
            Event::Transaction => {
                self.nodes[node].transactions += 1;
                self.input(node, Input::PendingTransactions(true));
            }
        }
    }

    fn input(&mut self, node: usize, input: Input) {
        let Some(engine) = self.nodes[node].engine.as_mut() else {
            return;
        };
        let mut effects = Vec::new();
        engine.handle(at(self.now), input, &mut effects);
        self.perform_all(node, effects);
    }

    fn perform_all(&mut self, node: usize, effects: Vec<Effect>) {
        effects.into_iter().for_each(|effect| self.perform(node, effect));
    }

    fn schedule(&mut self, after: Micros, node: usize, life: Option<u32>, event: Event) {
        self.sequence += 1;
        self.events
            .insert((self.now + after, self.sequence), (node, life, event));
    }

    fn violate(&mut self, what: String) {
        self.report
            .violations
            .push(format!("seed {} at {} us: {what}", self.scenario.seed, self.now));
    }

    /// Everything that happens, in order, enters the trace hash.
    fn trace(&mut self, node: usize, event: &Event) {
        let what: (u8, Vec<u8>) = match event {
            Event::Deliver {
                wire: Wire::Consensus(bytes),
                ..
            } => (0, bytes.clone()),
            Event::Deliver {
                wire: Wire::Proposed(proposal, ..),
                ..
            } => (1, proposal.signature.0.to_vec()),
            Event::Deliver { from, .. } => (2, vec![*from as u8]),
            Event::Built { block, .. } => (3, block.id().0.to_vec()),
            Event::Executed { block, .. } => (4, block.id().0.to_vec()),
            Event::Stored(blocks) => (5, vec![blocks.len() as u8]),
            Event::Local(_) => (6, Vec::new()),
            Event::DiskDone => (7, Vec::new()),
            Event::Tick => (8, Vec::new()),
            Event::Restart | Event::Crash => (9, Vec::new()),
            Event::Transaction => (10, Vec::new()),
        };
        let head = [what.0, node as u8];
        self.report.trace = blake3(&[&self.report.trace, &self.now.to_be_bytes(), &head, &what.1]);
    }
}
