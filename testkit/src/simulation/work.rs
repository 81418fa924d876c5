//! Threads in virtual time: the ledger and the log do one job after the other, the pool several at once,
//! the reader one after the other; the write-behind thread looks around now and then.
//!
//! A ledger job takes effect on the disk at one moment and is heard of by the core at a later one, so
//! that a crash can fall between the two.

use aureon_consensus::Message;
use aureon_node::core::{Body, Done, Input, Job, Lane, LogJob};
use aureon_protocol::Topic;

use super::{Event, Simulation};
use crate::{
    scenario::{MILLISECOND, Micros, Sabotage},
    trace,
};

/// How often the write-behind thread looks around.
const WRITE_BEHIND: Micros = 200 * MILLISECOND;

impl Simulation {
    pub(super) fn give(&mut self, node: usize, mut job: Job) {
        self.with_attacker(node, |attacker, scene| attacker.job(scene, &mut job));
        match job.lane() {
            Lane::Pool => {
                let after = self.random.between(50, 3_000);
                self.schedule_own(after, node, Event::Work(Box::new(job)));
            }
            Lane::Reader => {
                let takes = self.random.between(200, 5_000);
                let now = self.now;
                let Some(running) = self.running(node) else { return };
                running.reader_free = running.reader_free.max(now) + takes;
                let after = running.reader_free - now;
                self.schedule_own(after, node, Event::Work(Box::new(job)));
            }
            Lane::Ledger => {
                let Some(running) = self.running(node) else { return };
                running.ledger_queue.push_back(job);
                self.start_ledger(node);
            }
        }
    }

    fn start_ledger(&mut self, node: usize) {
        let takes = self.random.between(500, 20_000);
        let Some(running) = self.running(node) else { return };
        if !running.ledger_busy && !running.ledger_queue.is_empty() {
            running.ledger_busy = true;
            self.schedule_own(takes, node, Event::LedgerWorks);
            self.strike(node, takes);
        }
    }

    pub(super) fn ledger_works(&mut self, node: usize) {
        let Some(job) = self
            .running(node)
            .and_then(|running| running.ledger_queue.pop_front())
        else {
            return;
        };
        let job = self.bend(job);
        let done = self.nodes[node].perform_ledger(self.now, job);
        if matches!(done, Some(Done::Failed { .. })) && self.power_goes(node) {
            return;
        }
        if let Some(done) = &done {
            self.check_refused(node, done);
        }
        let heard_after = self.random.between(100, 5_000);
        if let Some(running) = self.running(node) {
            running.ledger_done = Some(done);
        }
        self.schedule_own(heard_after, node, Event::LedgerDone);
    }

    pub(super) fn ledger_done(&mut self, node: usize) {
        let Some(running) = self.running(node) else { return };
        running.ledger_busy = false;
        if let Some(Some(done)) = running.ledger_done.take() {
            self.count(&done);
            self.tell(node, Input::Done(Box::new(done)));
        }
        self.start_ledger(node);
    }

    fn count(&mut self, done: &Done) {
        match done {
            Done::Imported(imported) if !imported.blocks.is_empty() => self.report.imports += 1,
            Done::Executed { result: Err(_), .. } => self.report.refused_blocks += 1,
            _ => {}
        }
    }

    /// Accepts a bad root, if that is the rule to be broken: the block of a liar is judged by the
    /// liar's own state.
    fn bend(&self, mut job: Job) -> Job {
        if self.scenario.sabotage != (Sabotage::AcceptBadRoot) {
            return job;
        }
        if let Job::Execute(executing) = &mut job {
            let header = match &executing.body {
                Body::Parts(parts) => parts.header(),
                Body::Whole { block, .. } => block.header(),
                Body::Stored => return job,
            };
            let liar = self.nodes.iter().find(|node| {
                let address = node.key.as_ref().map(aureon_types::SecretKey::address);
                !node.honest && address == Some(header.proposer)
            });
            if let Some(running) = liar.and_then(|liar| liar.running.as_ref())
                && running.core.head().0 == executing.parent.info.height
            {
                executing.parent.view = running.core.view().clone();
            }
        }
        job
    }

    pub(super) fn work(&mut self, node: usize, job: Job) {
        let Some(running) = self.running(node) else { return };
        if let Some(done) = aureon_node::workers::perform(&running.services, job) {
            self.tell(node, Input::Done(Box::new(done)));
        }
    }

    pub(super) fn give_log(&mut self, node: usize, job: LogJob) {
        let Some(running) = self.running(node) else { return };
        running.log_queue.push_back(job);
        self.start_log(node);
    }

    fn start_log(&mut self, node: usize) {
        let takes = self.random.between(200, 8_000);
        let Some(running) = self.running(node) else { return };
        if running.log_busy {
            return;
        }
        let takes = match running.log_queue.front() {
            None => return,
            // Syncs nothing.
            Some(LogJob::Begin { .. }) => 0,
            Some(LogJob::Append { .. }) => takes,
        };
        running.log_busy = true;
        self.schedule_own(takes, node, Event::LogWorks);
        self.strike(node, takes);
    }

    /// As the node's log thread does: append, sync, and only then publish.
    pub(super) fn log_works(&mut self, node: usize) {
        let Some(running) = self.running(node) else { return };
        running.log_busy = false;
        let Some(job) = running.log_queue.pop_front() else {
            return;
        };
        let written = match &job {
            LogJob::Begin { height } => running.log.begin(*height),
            LogJob::Append { records, mark, .. } => running.log.append(records, mark.as_deref()),
        };
        self.trace.record(self.now, node, "log", &trace::log_job(&job));
        if let Err(error) = written {
            let what = format!("the consensus log cannot be written: {error}");
            return self.on_write_error(node, &what);
        }
        if let LogJob::Append { publish, .. } = job {
            for (topic, data) in publish {
                self.publish_signed(node, topic, data);
            }
        }
        self.start_log(node);
    }

    /// Sends what the log thread releases, which is all that a validator signs.
    fn publish_signed(&mut self, node: usize, topic: Topic, data: bytes::Bytes) {
        self.check_signed(node, topic, &data);
        self.release(node, topic, data);
    }

    pub(super) fn write_behind(&mut self, node: usize) {
        let now = self.nodes[node].now(self.now).monotonic;
        let Some(running) = self.running(node) else { return };
        let (states, blocks) = (running.services.states.clone(), running.services.blocks.clone());
        let written = match states.flush_due(now) {
            true => states.flush(),
            false => Ok(()),
        };
        let merged = match blocks.merge_due() {
            true => blocks.merge_once().map(drop),
            false => Ok(()),
        };
        if let Err(error) = written.and(merged) {
            return self.on_write_error(node, &error);
        }
        let after = WRITE_BEHIND + self.random.between(0, WRITE_BEHIND / 4);
        self.schedule_own(after, node, Event::WriteBehind);
    }

    /// The signature of a vote, decoded; `None` for other messages.
    pub(super) fn as_vote(data: &[u8]) -> Option<(aureon_types::SignedVote, u16)> {
        match Message::decode(data) {
            Ok((Message::Vote(vote), attempt)) => Some((vote, attempt)),
            _ => None,
        }
    }
}
