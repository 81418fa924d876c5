//! The simulation: one queue of events, and what each does.

mod attack;
mod checks;
mod clients;
mod contracts;
mod ending;
mod event;
mod faults;
mod gossip;
mod mining;
mod peers;
mod punished;
mod report;
mod requests;
mod work;

use std::collections::BTreeMap;

use aureon_node::core::{Effect, Input};

use crate::{
    attackers::Conspiracy,
    cast::{Cast, SetupError},
    load::Load,
    machine,
    node::{Node, Running},
    random::Random,
    scenario::{DiskFailure, MILLISECOND, Micros, SECOND, Sabotage, Scenario},
    trace::{self, Trace},
};
pub use report::Report;

use checks::Checks;
use event::{Event, Scheduled};
use punished::Punished;

struct Simulation {
    scenario: Scenario,
    random: Random,
    cast: Cast,
    now: Micros,
    sequence: u64,
    queue: BTreeMap<(Micros, u64), Scheduled>,
    nodes: Vec<Node>,
    /// The side of each node, while the network is cut.
    sides: Option<Vec<bool>>,
    healed: bool,
    /// A disk failure that has not come yet.
    disk_failure: Option<DiskFailure>,
    /// The height that all must reach, once it is known.
    goal: Option<u64>,
    /// A head moved or a node started since it was last looked at.
    moved: bool,
    finished: bool,
    load: Load,
    conspiracy: Conspiracy,
    checks: Checks,
    punished: Punished,
    trace: Trace,
    report: Report,
}

/// Runs a scenario to its end: all is well, or the first violation.
pub fn run(scenario: Scenario) -> Result<Report, SetupError> {
    let mut simulation = Simulation::new(scenario)?;
    simulation.begin();
    simulation.run();
    Ok(simulation.finish())
}

impl Simulation {
    fn new(scenario: Scenario) -> Result<Self, SetupError> {
        let mut random = Random::new(scenario.seed);
        let cast = Cast::new(&scenario)?;
        let nodes = (0..scenario.nodes()).map(|index| {
            let skew = i64::try_from(random.between(0, 2 * scenario.skew_ms)).unwrap_or(0);
            Node::new(&cast, index, skew - i64::try_from(scenario.skew_ms).unwrap_or(0))
        });
        let nodes = nodes.collect::<Result<_, _>>()?;
        Ok(Self {
            load: Load::new(&cast, &scenario),
            conspiracy: Conspiracy::default(),
            checks: Checks::default(),
            punished: Punished::default(),
            trace: Trace::default(),
            report: Report::default(),
            now: 0,
            sequence: 0,
            queue: BTreeMap::new(),
            sides: None,
            healed: false,
            disk_failure: scenario.disk_failure.clone(),
            goal: None,
            moved: false,
            finished: false,
            scenario,
            random,
            cast,
            nodes,
        })
    }

    fn begin(&mut self) {
        self.prepare_sabotage();
        self.prepare_attackers();
        self.prepare_miners();
        self.prepare_disk_failure();
        for node in 0..self.nodes.len() {
            let late = node >= self.scenario.keys();
            let at = if late {
                self.scenario.followers_at
            } else {
                self.random.between(0, 50) * MILLISECOND
            };
            self.schedule_at(at, node, Event::Boot);
        }
        for crash in self.scenario.crashes.clone() {
            for node in crash.nodes {
                self.schedule_at(crash.at, node, Event::Crash { down: crash.down });
            }
        }
        if let Some(partition) = self.scenario.partition.clone() {
            self.schedule_at(partition.at, 0, Event::PartitionBegins);
            self.schedule_at(partition.until, 0, Event::PartitionEnds);
        }
        for _ in 0..self.scenario.submissions {
            let at = self.random.between(SECOND / 5, self.scenario.heal_at);
            self.schedule_at(at, 0, Event::Submit);
        }
        self.prepare_changes();
        self.schedule_at(self.scenario.heal_at, 0, Event::Heal);
        self.schedule_at(self.scenario.deadline, 0, Event::Deadline);
    }

    /// Broken rules that are part of the set-up.
    fn prepare_sabotage(&mut self) {
        match self.scenario.sabotage {
            Sabotage::None | Sabotage::Undeclared => {}
            Sabotage::SkipLogSync => self
                .nodes
                .iter()
                .for_each(|node| node.disks.log.lie_about_syncs()),
            Sabotage::AcceptBadRoot => {
                // In the first round of all, nodes may not have met yet.
                let liar = self.cast.proposer(1, 1);
                self.nodes[liar].honest = false;
                self.nodes[liar].conjured =
                    Some((self.cast.pauper.address(), aureon_types::Amount(1_000_000)));
            }
            Sabotage::DearMachine => self.nodes[1].machine_fault = Some(machine::Fault::Dear),
            Sabotage::OtherValues => self.nodes[1].machine_fault = Some(machine::Fault::OtherValues),
            Sabotage::ForgetfulMachines => self
                .nodes
                .iter_mut()
                .for_each(|node| node.machine_fault = Some(machine::Fault::Forgetful)),
        }
    }

    fn run(&mut self) {
        while !self.finished && self.report.violation.is_none() {
            let Some(((at, _), scheduled)) = self.queue.pop_first() else {
                return self.violate("nothing is left to happen");
            };
            self.now = at;
            let Scheduled { node, life, event } = scheduled;
            if life.is_none_or(|life| life == self.nodes[node].life) {
                self.on_event(node, event);
                self.look_whether_finished();
            }
        }
    }

    fn finish(mut self) -> Report {
        if self.report.violation.is_none() {
            self.check_end();
        }
        self.report.trace = self.trace.hash();
        self.report.events = self.trace.entries();
        self.report.ended = self.now;
        self.report.admitted = self.load.admitted_count();
        self.report.refused = self.load.refused;
        self.report.sets = self.count_sets();
        self.report
    }

    fn on_event(&mut self, node: usize, event: Event) {
        match event {
            Event::Boot => self.boot(node),
            Event::Crash { down } => self.plan_crash(node, down),
            Event::Strike { down } => self.crash(node, down),
            Event::PartitionBegins => self.partition(),
            Event::PartitionEnds => self.reunite(),
            Event::Heal => self.heal(),
            Event::Submit => self.submit(),
            Event::Change { reserve, step } => self.change(reserve, step),
            Event::SubmitAgain => self.submit_again(),
            Event::Deadline => self.on_deadline(),
            Event::WriteBehind => self.write_behind(node),
            Event::Tried {
                template,
                work,
                found,
            } => self.tried(node, template, work, found),
            Event::Attack => self.attack(node),
            Event::TellStatus => self.tell_status(node),
            Event::Timer(timer) => self.tell(node, Input::TimerFired(timer)),
            Event::LedgerWorks => self.ledger_works(node),
            Event::LedgerDone => self.ledger_done(node),
            Event::Work(job) => self.work(node, *job),
            Event::LogWorks => self.log_works(node),
            Event::Gossip { from, topic, data } => self.on_gossip(node, from, topic, data),
            Event::Ask {
                from,
                life,
                token,
                data,
            } => self.on_ask(node, from, life, token, &data),
            Event::Answer { from, token, data } => self.on_answer(node, from, token, &data),
            Event::NoAnswer { token, error } => self.on_no_answer(node, token, error),
            Event::PeerStatus { from, status } => self.on_status(node, from, status),
            Event::Connect { peer } => self.connect(node, peer),
            Event::Lost { peer, life } => self.lose(node, peer, life),
        }
    }

    /// Gives the core of a node an input and does what it wants.
    fn tell(&mut self, node: usize, input: Input) {
        let now = self.nodes[node].now(self.now);
        let Some(running) = self.nodes[node].running.as_mut() else {
            return;
        };
        self.trace.record(self.now, node, "input", &trace::input(&input));
        let mut effects = Vec::new();
        running.core.handle(now, input, &mut effects);
        self.perform_all(node, effects);
    }

    fn perform_all(&mut self, node: usize, effects: Vec<Effect>) {
        for effect in effects {
            self.perform(node, effect);
        }
    }

    fn perform(&mut self, node: usize, effect: Effect) {
        match effect {
            Effect::Publish { topic, data } => self.release(node, topic, data),
            Effect::Verdict { message, verdict } => self.on_verdict(node, message, verdict),
            Effect::Request { peer, request, body } => self.ask(node, &peer, request, &body),
            Effect::Respond { channel, response } => self.answer(node, channel, &response),
            Effect::SetStatus(status) => self.set_status(node, status),
            Effect::Penalize {
                peer,
                offence,
                reason,
            } => self.on_penalty(node, &peer, offence, &reason),
            Effect::StartTimer { timer, after } => {
                let after = Micros::try_from(after.as_micros()).unwrap_or(Micros::MAX / 2);
                self.schedule_own(after, node, Event::Timer(timer));
            }
            Effect::Job(job) => self.give(node, job),
            Effect::Log(job) => self.give_log(node, job),
            Effect::Reply { reply, outcome } => self.on_reply(node, reply, outcome),
            // Nobody mines here, and no client asks for templates.
            Effect::Mine(work) => self.mine(node, work),
            // Nobody asks from outside.
            Effect::ReplyTemplate { .. } | Effect::ReplySeal { .. } => {}
            Effect::HeadChanged(change) => self.on_head_changed(node, &change),
            Effect::Stop { reason } => {
                self.trace.record(self.now, node, "stop", reason.as_bytes());
                self.nodes[node].running = None;
                if self.nodes[node].honest && !self.is_excused(node) {
                    self.violate(format!("node {node} stopped: {reason}"));
                }
            }
        }
    }

    fn schedule_at(&mut self, at: Micros, node: usize, event: Event) {
        self.put(
            at,
            Scheduled {
                node,
                life: None,
                event,
            },
        );
    }

    /// Happens whether or not the node dies before.
    fn schedule(&mut self, after: Micros, node: usize, event: Event) {
        self.schedule_at(self.now.saturating_add(after), node, event);
    }

    /// Happens only if the node does not die before.
    fn schedule_own(&mut self, after: Micros, node: usize, event: Event) {
        let life = Some(self.nodes[node].life);
        self.put(self.now.saturating_add(after), Scheduled { node, life, event });
    }

    fn put(&mut self, at: Micros, scheduled: Scheduled) {
        self.sequence += 1;
        self.queue.insert((at, self.sequence), scheduled);
    }

    fn running(&mut self, node: usize) -> Option<&mut Running> {
        self.nodes[node].running.as_mut()
    }

    /// Notes a violation; the first one counts.
    fn violate(&mut self, what: impl Into<String>) {
        let Scenario {
            engine, kind, seed, ..
        } = self.scenario;
        let seconds = self.now / SECOND;
        let millis = self.now % SECOND / MILLISECOND;
        let what = what.into();
        let told = || format!("{engine} {kind} {seed} at {seconds}.{millis:03} s: {what}");
        self.report.violation.get_or_insert_with(told);
    }

    /// Nodes that are bound by the rules.
    fn honest(&self) -> impl Iterator<Item = usize> + '_ {
        (0..self.nodes.len()).filter(|node| self.nodes[*node].honest)
    }
}
