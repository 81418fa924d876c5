//! A deterministic network of engines: one seed, one trace.
//!
//! It plays everything an engine leaves to the node: links (delay, loss, duplicates, hence reordering),
//! gossip that swallows what it has seen, a disk whose jobs finish in order and whose unsynced tail a
//! crash loses, execution, block requests, range sync, and a validator that contradicts itself.
//! Invariants are checked as the run goes and end in [`Report::violations`].

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use aureon_consensus::{
    Admit, Effect, Engine, Evidence, Head, Input, LogRecord, Message, OutgoingMessage, SignMark, verify,
};
use aureon_types::{
    Address, BlockId, CommitCertificate, EmptyBlocks, SecretKey, SignedProposal, SignedVote, hash::blake3,
};

use crate::support::{GENESIS, Random, at, config, genesis_head, keys};

pub type Micros = u64;
pub const SECOND: Micros = 1_000_000;
const GIVE_UP: Micros = 600 * SECOND;
const RANGE: usize = 16;

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
            wiped: None,
            same_key: None,
            partition: None,
            no_blocks_before: 0,
            publish_first: false,
            on_demand: None,
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
    /// By node: the logs that its disk has held, one per height.
    pub logs: Vec<BTreeMap<u64, Vec<LogRecord>>>,
}

#[derive(Clone, Debug)]
struct Block {
    height: u64,
    nonce: u64,
    timestamp_ms: u64,
    valid: bool,
}

impl Block {
    fn id(&self) -> BlockId {
        let valid = [u8::from(self.valid)];
        BlockId(blake3(&[
            &self.height.to_be_bytes(),
            &self.nonce.to_be_bytes(),
            &self.timestamp_ms.to_be_bytes(),
            &valid,
        ]))
    }
}

#[derive(Clone, Debug)]
enum Wire {
    /// The bytes of a gossip message.
    Consensus(Vec<u8>),
    Proposed(SignedProposal, Block, u16),
    Status(u64),
    RangeRequest(u64),
    Range(Vec<(Block, CommitCertificate)>),
    BlockRequest(BlockId),
    Block(Option<SignedProposal>, Block),
}

#[derive(Debug)]
enum Event {
    Deliver {
        from: usize,
        wire: Wire,
    },
    Local(Input),
    Built {
        height: u64,
        round: u32,
        block: Block,
    },
    Executed {
        height: u64,
        round: u32,
        proposer: Address,
        block: Block,
    },
    Stored(Vec<(Block, CommitCertificate)>),
    DiskDone,
    Tick,
    Crash,
    Restart,
    Transaction,
}

enum Job {
    StartLog(u64),
    Sync {
        records: Vec<LogRecord>,
        mark: Option<SignMark>,
        messages: Vec<OutgoingMessage>,
    },
}

/// `log`, `mark`, `bodies` and `chain` are on disk and survive a crash; the rest does not.
#[derive(Default)]
struct Node {
    engine: Option<Engine>,
    life: u32,
    log: (u64, Vec<Vec<u8>>),
    mark: Option<Vec<u8>>,
    bodies: BTreeMap<BlockId, Block>,
    chain: BTreeMap<u64, (Block, CommitCertificate)>,
    disk: VecDeque<Job>,
    disk_free: Micros,
    jobs: u64,
    /// Bodies that came with a proposal and are not executed yet, and the proposals.
    arrived: BTreeMap<BlockId, Block>,
    proposals: BTreeMap<BlockId, SignedProposal>,
    waiting: BTreeMap<BlockId, (u64, u32, Address)>,
    /// What gossip has delivered: a second copy is swallowed.
    seen: BTreeSet<[u8; 32]>,
    peers: BTreeMap<usize, u64>,
    transactions: u64,
}

impl Node {
    fn head(&self) -> u64 {
        self.chain.keys().next_back().copied().unwrap_or(0)
    }

    fn body(&self, id: &BlockId) -> Option<&Block> {
        self.bodies.get(id).or_else(|| self.arrived.get(id))
    }
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
            if when > GIVE_UP {
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

    fn on_wire(&mut self, node: usize, from: usize, wire: Wire) {
        if self.nodes[node].engine.is_none() {
            return;
        }
        match wire {
            Wire::Consensus(bytes) => {
                if self.nodes[node].seen.insert(blake3(&[&bytes])) {
                    let (message, _) =
                        Message::decode(&bytes).expect("honest and dishonest nodes encode well");
                    self.on_message(node, message);
                }
            }
            Wire::Proposed(proposal, block, attempt) => {
                let id = blake3(&[&proposal.signature.0, &attempt.to_be_bytes()]);
                if self.nodes[node].seen.insert(id) {
                    self.on_proposed(node, proposal, block);
                }
            }
            Wire::Status(height) => {
                self.nodes[node].peers.insert(from, height);
                self.sync(node);
            }
            Wire::RangeRequest(height) => self.serve_range(node, from, height),
            Wire::Range(blocks) => self.on_range(node, from, blocks),
            Wire::BlockRequest(id) => {
                if let Some(block) = self.nodes[node].body(&id).cloned() {
                    let proposal = self.nodes[node].proposals.get(&id).cloned();
                    self.send(node, from, &Wire::Block(proposal, block));
                }
            }
            Wire::Block(proposal, block) => {
                self.report.fetched += 1;
                match proposal {
                    Some(proposal) => self.on_proposed(node, proposal, block),
                    None => self.arrive(node, block),
                }
            }
        }
    }

    fn on_proposed(&mut self, node: usize, proposal: SignedProposal, block: Block) {
        if proposal.proposal.block_id == block.id() && proposal.proposal.height == block.height {
            self.nodes[node].proposals.insert(block.id(), proposal.clone());
            self.arrive(node, block);
            self.on_message(node, Message::Proposal(proposal));
        }
    }

    /// A body that somebody waits for is executed now.
    fn arrive(&mut self, node: usize, block: Block) {
        let id = block.id();
        self.nodes[node].arrived.insert(id, block.clone());
        if let Some((height, round, proposer)) = self.nodes[node].waiting.remove(&id) {
            self.execute(node, height, round, proposer, block);
        }
    }

    fn on_message(&mut self, node: usize, message: Message) {
        let engine = self.nodes[node].engine.as_mut().unwrap();
        if engine.admit(&message) != Admit::Verify {
            return;
        }
        let set = engine.validators(message.height()).clone();
        match verify(message, &set, &GENESIS) {
            Ok(verified) => self.input(node, Input::Message(verified)),
            Err(fault) => self.violate(format!("a message failed at {node}: {fault}")),
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

    fn perform(&mut self, node: usize, effect: Effect) {
        let life = Some(self.nodes[node].life);
        match effect {
            Effect::StartLog { height } => self.enqueue(node, Job::StartLog(height)),
            Effect::SyncThenPublish {
                records,
                sign_mark,
                messages,
            } => {
                let mut messages = messages;
                if self.scenario.publish_first {
                    self.publish(node, std::mem::take(&mut messages));
                }
                self.enqueue(
                    node,
                    Job::Sync {
                        records,
                        mark: sign_mark,
                        messages,
                    },
                );
            }
            Effect::StartTimer { id, after } => {
                let after = u64::try_from(after.as_micros()).unwrap();
                self.schedule(after, node, life, Event::Local(Input::TimerFired(id)));
            }
            Effect::Build { height, round, .. } => self.build(node, height, round),
            Effect::Execute {
                height,
                round,
                proposer,
                block_id,
                ..
            } => match self.nodes[node].body(&block_id).cloned() {
                Some(block) => self.execute(node, height, round, proposer, block),
                None => {
                    self.nodes[node]
                        .waiting
                        .insert(block_id, (height, round, proposer));
                    self.broadcast(node, &Wire::BlockRequest(block_id));
                }
            },
            Effect::Fetch { block_id, .. } => self.broadcast(node, &Wire::BlockRequest(block_id)),
            Effect::Commit {
                certificate,
                evidence,
            } => {
                self.judge(node, evidence);
                match self.nodes[node].bodies.get(&certificate.block_id).cloned() {
                    Some(block) => {
                        let took = self.random.between(500, 5_000);
                        self.schedule(took, node, life, Event::Stored(vec![(block, certificate)]));
                    }
                    None => self.violate(format!("node {node} decides a block that it does not have")),
                }
            }
            Effect::HeightClosed {
                height,
                precommits,
                evidence,
            } => {
                self.judge(node, evidence);
                if let Some((_, certificate)) = self.nodes[node].chain.get(&height) {
                    self.report.late_precommits +=
                        precommits.len().saturating_sub(certificate.signatures.len()) as u64;
                }
            }
            Effect::RoundStarted { round, .. } => {
                self.report.highest_round = self.report.highest_round.max(round)
            }
            Effect::SigningStopped { reason } => self.report.stopped.push((node, reason)),
            Effect::Halted { reason } => self.violate(format!("node {node} halted: {reason}")),
        }
    }

    fn build(&mut self, node: usize, height: u64, round: u32) {
        if self.now < self.scenario.no_blocks_before {
            return;
        }
        let invalid = self.scenario.equivocator == Some(node) && self.random.below(4) == 0;
        let parent = self.nodes[node]
            .chain
            .get(&(height - 1))
            .map_or(0, |(block, _)| block.timestamp_ms);
        let block = Block {
            height,
            nonce: self.random.next(),
            timestamp_ms: (parent + 1).max(at(self.now).wall_ms),
            valid: !invalid,
        };
        let took = self.random.between(500, 5_000);
        self.schedule(
            took,
            node,
            Some(self.nodes[node].life),
            Event::Built { height, round, block },
        );
    }

    fn execute(&mut self, node: usize, height: u64, round: u32, proposer: Address, block: Block) {
        let (took, life) = (self.random.between(500, 8_000), Some(self.nodes[node].life));
        self.schedule(
            took,
            node,
            life,
            Event::Executed {
                height,
                round,
                proposer,
                block,
            },
        );
    }

    /// Evidence must be true, and name nobody but the equivocator.
    fn judge(&mut self, node: usize, evidence: Vec<Evidence>) {
        let guilty = self.scenario.equivocator.map(|node| self.keys[node].address());
        let shared = self
            .scenario
            .same_key
            .map(|(_, owner)| self.keys[owner].address());
        for evidence in evidence {
            let differ = match &evidence {
                Evidence::Votes(pair) => {
                    let (a, b) = (&pair.0, &pair.1);
                    let place = |vote: &SignedVote| {
                        (vote.vote.kind, vote.vote.height, vote.vote.round, vote.validator)
                    };
                    place(a) == place(b) && a.vote.block_id != b.vote.block_id
                }
                Evidence::Proposals(pair) => {
                    let (a, b) = (&pair.0, &pair.1);
                    let place = |p: &SignedProposal| (p.proposal.height, p.proposal.round, p.proposer);
                    place(a) == place(b) && a.proposal != b.proposal
                }
            };
            let offender = Some(evidence.offender());
            if !differ || (offender != guilty && offender != shared) {
                self.violate(format!("node {node} has false evidence: {evidence:?}"));
            }
            self.report.evidence += 1;
        }
    }

    fn on_stored(&mut self, node: usize, blocks: Vec<(Block, CommitCertificate)>) {
        let mut head = None;
        for (block, certificate) in blocks {
            let (height, id) = (block.height, block.id());
            if height != self.nodes[node].head() + 1 {
                continue; // imported meanwhile
            }
            if *self.decided.entry(height).or_insert(id) != id {
                self.violate(format!("node {node} decided another block at {height}"));
            }
            if !block.valid {
                self.violate(format!("node {node} decided an invalid block at {height}"));
            }
            if let Err(fault) = certificate.verify(&crate::support::set(&self.keys), &GENESIS) {
                self.violate(format!(
                    "node {node} has a false certificate at {height}: {fault}"
                ));
            }
            self.report.committed.entry(height).or_insert(self.now);
            head = Some(Head {
                height,
                block_id: id,
                timestamp_ms: block.timestamp_ms,
            });
            self.nodes[node].bodies.insert(id, block.clone());
            self.nodes[node].chain.insert(height, (block, certificate));
        }
        if let Some(head) = head {
            self.nodes[node]
                .arrived
                .retain(|_, block| block.height > head.height);
            if self.scenario.on_demand.is_some() {
                self.nodes[node].transactions = 0;
                self.input(node, Input::PendingTransactions(false));
            }
            self.input(node, Input::Committed(head));
            self.broadcast(node, &Wire::Status(head.height));
            self.sync(node);
        }
    }

    // The disk.

    fn enqueue(&mut self, node: usize, job: Job) {
        let took = self.random.between(200, 4_000);
        let done = self.now.max(self.nodes[node].disk_free) + took;
        let life = Some(self.nodes[node].life);
        self.nodes[node].disk.push_back(job);
        self.nodes[node].disk_free = done;
        self.nodes[node].jobs += 1;
        if self.scenario.crashes.contains(&(node, self.nodes[node].jobs)) {
            let before = self.random.between(1, took);
            self.schedule(done - self.now - before, node, life, Event::Crash);
        }
        self.schedule(done - self.now, node, life, Event::DiskDone);
    }

    /// Of the job under way any prefix may have reached the disk; what waits behind it is lost.
    fn crash(&mut self, node: usize) {
        if let Some(Job::Sync {
            mut records, mark, ..
        }) = self.nodes[node].disk.pop_front()
        {
            let kept = usize::try_from(self.random.below(records.len() as u64 + 1)).unwrap();
            records.truncate(kept);
            self.nodes[node]
                .log
                .1
                .extend(records.iter().map(|record| record.encode().to_vec()));
            // The mark may be written or not, whatever happened to the records.
            if let Some(mark) = mark.filter(|_| self.random.below(2) == 0) {
                self.nodes[node].mark = Some(mark.encode().to_vec());
            }
        }
        let old = std::mem::take(&mut self.nodes[node]);
        let kept = Node {
            life: old.life + 1,
            jobs: old.jobs,
            ..Node::default()
        };
        self.nodes[node] = if self.scenario.wiped == Some(node) {
            kept
        } else {
            Node {
                log: old.log,
                mark: old.mark,
                bodies: old.bodies,
                chain: old.chain,
                ..kept
            }
        };
        let down = self.random.between(SECOND / 10, 8 * SECOND);
        self.schedule(down, node, None, Event::Restart);
    }

    fn on_disk_done(&mut self, node: usize) {
        match self.nodes[node].disk.pop_front() {
            Some(Job::StartLog(height)) => self.nodes[node].log = (height, Vec::new()),
            Some(Job::Sync {
                records,
                mark,
                messages,
            }) => {
                let height = self.nodes[node].log.0;
                self.report.logs[node]
                    .entry(height)
                    .or_default()
                    .extend(records.iter().cloned());
                self.nodes[node]
                    .log
                    .1
                    .extend(records.iter().map(|record| record.encode().to_vec()));
                if let Some(mark) = mark {
                    self.nodes[node].mark = Some(mark.encode().to_vec());
                }
                self.publish(node, messages);
            }
            None => {}
        }
    }

    fn boot(&mut self, node: usize) {
        let key = match self.scenario.same_key {
            Some((twin, owner)) if twin == node => self.keys.get(owner).cloned(),
            _ => self.keys.get(node).cloned(),
        };
        let mut config = config(&self.keys, key.as_ref());
        if self.scenario.on_demand.is_some() {
            config.empty_blocks = EmptyBlocks::OnDemand;
        }
        let head = match self.nodes[node].chain.last_key_value() {
            None => genesis_head(),
            Some((height, (block, _))) => Head {
                height: *height,
                block_id: block.id(),
                timestamp_ms: block.timestamp_ms,
            },
        };
        let (height, log) = &self.nodes[node].log;
        let log = if *height == head.height + 1 {
            log.clone()
        } else {
            Vec::new()
        };
        let log: Vec<LogRecord> = log
            .iter()
            .map(|bytes| LogRecord::decode(bytes).expect("what we wrote"))
            .collect();
        self.report.replayed += log.len() as u64;
        let mark = self.nodes[node]
            .mark
            .as_ref()
            .map(|bytes| SignMark::decode(bytes).expect("what we wrote"));
        let mut effects = Vec::new();
        let engine = Engine::start(at(self.now), config, head, log, mark, &mut effects);
        self.nodes[node].engine = Some(engine);
        self.perform_all(node, effects);
        self.broadcast(node, &Wire::Status(head.height));
        if self.nodes[node].transactions > 0 {
            self.input(node, Input::PendingTransactions(true));
        }
    }

    // Sending.

    fn publish(&mut self, node: usize, messages: Vec<OutgoingMessage>) {
        for OutgoingMessage { message, attempt } in messages {
            let own = self.keys.get(node).map(SecretKey::address);
            // From round 10 on the core also publishes proposals of others (the hidden-lock rule).
            if self.scenario.equivocator == Some(node) && message.author() == own {
                self.equivocate(node, message, attempt);
            } else {
                self.record(node, &message);
                if let Some(wire) = self.wire(node, &message, attempt) {
                    self.broadcast(node, &wire);
                }
            }
        }
    }

    fn wire(&mut self, node: usize, message: &Message, attempt: u16) -> Option<Wire> {
        let Message::Proposal(proposal) = message else {
            return Some(Wire::Consensus(message.encode(attempt)?.to_vec()));
        };
        let id = proposal.proposal.block_id;
        self.nodes[node].proposals.insert(id, proposal.clone());
        let body = self.nodes[node].bodies.get(&id).cloned();
        if body.is_none() {
            self.violate(format!("node {node} proposes a block that is not durable"));
        }
        Some(Wire::Proposed(proposal.clone(), body?, attempt))
    }

    /// Sends each peer the truth, its opposite, or both.
    fn equivocate(&mut self, node: usize, message: Message, attempt: u16) {
        let Some(truth) = self.wire(node, &message, attempt) else {
            return;
        };
        let key = self.keys[node].clone();
        let lie = match message {
            Message::Vote(signed) => {
                let mut vote = signed.vote;
                vote.block_id = if vote.block_id.is_none() {
                    Some(BlockId([7; 32]))
                } else {
                    None
                };
                let lie = Message::Vote(SignedVote::sign(vote, &key, &GENESIS));
                Wire::Consensus(lie.encode(attempt).unwrap().to_vec())
            }
            Message::Proposal(signed) if signed.proposal.valid_round.is_none() => {
                let Wire::Proposed(_, block, _) = &truth else {
                    return;
                };
                let other = Block {
                    nonce: self.random.next(),
                    valid: true,
                    ..block.clone()
                };
                let mut proposal = signed.proposal;
                proposal.block_id = other.id();
                Wire::Proposed(SignedProposal::sign(proposal, &key, &GENESIS), other, attempt)
            }
            _ => return self.broadcast(node, &truth),
        };
        for peer in (0..self.nodes.len()).filter(|peer| *peer != node) {
            let choice = self.random.below(3);
            if choice != 0 {
                self.send(node, peer, &truth);
            }
            if choice != 1 {
                self.send(node, peer, &lie);
            }
        }
    }

    /// No honest key, over all lives of its node, may contradict itself.
    fn record(&mut self, node: usize, message: &Message) {
        let (author, kind, bytes) = match message {
            Message::Vote(vote) => (vote.validator, vote.vote.kind as u8, vote.vote.encode()),
            Message::Proposal(proposal) => (proposal.proposer, 2, proposal.proposal.encode()),
            Message::Polka(_) | Message::Round(_) => return,
        };
        let shared = self
            .scenario
            .same_key
            .is_some_and(|(_, owner)| self.keys[owner].address() == author);
        if shared || self.keys.get(node).map(SecretKey::address) != Some(author) {
            return;
        }
        let place = (author, kind, message.height(), message.round());
        let first = self.sent.entry(place).or_insert_with(|| bytes.to_vec());
        if first[..] != bytes[..] {
            self.report.contradictions += 1;
            self.violate(format!(
                "node {node} contradicts itself at {}/{}",
                message.height(),
                message.round()
            ));
        }
    }

    fn broadcast(&mut self, node: usize, wire: &Wire) {
        for peer in (0..self.nodes.len()).filter(|peer| *peer != node) {
            self.send(node, peer, wire);
        }
    }

    fn send(&mut self, from: usize, to: usize, wire: &Wire) {
        if let Some((start, until, side)) = &self.scenario.partition
            && (*start..*until).contains(&self.now)
            && side[from] != side[to]
        {
            return;
        }
        if self.random.percent(self.scenario.loss_percent) {
            return;
        }
        let copies = 1 + u64::from(self.random.percent(self.scenario.duplicate_percent));
        for _ in 0..copies {
            let delay = self.random.between(1_000, 50_000);
            self.schedule(
                delay,
                to,
                None,
                Event::Deliver {
                    from,
                    wire: wire.clone(),
                },
            );
        }
    }

    // Range sync.

    fn tick(&mut self, node: usize) {
        if self.nodes[node].engine.is_some() {
            let head = self.nodes[node].head();
            self.broadcast(node, &Wire::Status(head));
            self.sync(node);
        }
    }

    fn sync(&mut self, node: usize) {
        let head = self.nodes[node].head();
        let ahead: Vec<usize> = self.nodes[node]
            .peers
            .iter()
            .filter(|(_, height)| **height > head)
            .map(|(peer, _)| *peer)
            .collect();
        let far = self.nodes[node].peers.values().any(|height| *height > head + 1);
        self.input(node, Input::Behind(far));
        if !ahead.is_empty() {
            let peer = ahead[usize::try_from(self.random.below(ahead.len() as u64)).unwrap()];
            self.send(node, peer, &Wire::RangeRequest(head + 1));
        }
    }

    fn serve_range(&mut self, node: usize, to: usize, from: u64) {
        let mut blocks: Vec<_> = self.nodes[node]
            .chain
            .range(from..)
            .take(RANGE)
            .map(|(_, block)| block.clone())
            .collect();
        if self.scenario.equivocator == Some(node)
            && self.random.below(2) == 0
            && let Some((_, certificate)) = blocks.first_mut()
        {
            certificate.signatures.truncate(2);
        }
        self.send(node, to, &Wire::Range(blocks));
    }

    fn on_range(&mut self, node: usize, from: usize, blocks: Vec<(Block, CommitCertificate)>) {
        let set = crate::support::set(&self.keys);
        let first = self.nodes[node].head() + 1;
        let mut next = first;
        let mut good = Vec::new();
        for (block, certificate) in blocks.into_iter().skip_while(|(block, _)| block.height < first) {
            if block.height != next || block.id() != certificate.block_id {
                break;
            }
            if certificate.verify(&set, &GENESIS).is_err() {
                if self.scenario.equivocator != Some(from) {
                    self.violate(format!("honest {from} served a false certificate"));
                }
                break;
            }
            next += 1;
            good.push((block, certificate));
        }
        if !good.is_empty() {
            let took = self.random.between(500, 5_000);
            self.schedule(took, node, Some(self.nodes[node].life), Event::Stored(good));
        }
    }

    // Bookkeeping.

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
