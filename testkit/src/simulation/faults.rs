//! What goes wrong, and how it ends.

use aureon_node::core::{Done, Input, LogJob};

use super::{Event, Simulation};
use crate::scenario::{DiskFailure, DiskFault, MILLISECOND, Micros, SECOND};

impl Simulation {
    pub(super) fn boot(&mut self, node: usize) {
        if self.nodes[node].running.is_some() {
            return;
        }
        let effects = match self.nodes[node].boot(self.now, &self.cast, node) {
            Ok(effects) => effects,
            Err(_) if self.power_goes(node) || self.is_excused(node) => return,
            Err(error) => return self.violate(format!("node {node} does not start: {error}")),
        };
        self.check_recovered(node);
        self.perform_all(node, effects);
        let (write_behind, tell) = (self.random.between(0, 200), self.random.between(0, 250));
        self.schedule_own(write_behind * MILLISECOND, node, Event::WriteBehind);
        self.schedule_own(tell * MILLISECOND, node, Event::TellStatus);
        self.next_turn(node);
        for peer in (0..self.nodes.len()).filter(|peer| *peer != node) {
            let after = self.random.between(20, 400) * MILLISECOND;
            self.schedule(after, node, Event::Connect { peer });
        }
    }

    /// A crash comes at once, or while the node's ledger or log is at work next.
    pub(super) fn plan_crash(&mut self, node: usize, down: Micros) {
        if self.scenario.strike_at_work && self.random.percent(70) {
            self.nodes[node].doomed = Some(down);
        } else {
            self.crash(node, down);
        }
    }

    /// Work begins that takes so long: a doomed node dies during it.
    pub(super) fn strike(&mut self, node: usize, takes: Micros) {
        if let Some(down) = self.nodes[node].doomed.take() {
            let after = self.random.between(0, takes);
            self.schedule_own(after, node, Event::Strike { down });
        }
    }

    pub(super) fn prepare_disk_failure(&mut self) {
        let Some(DiskFailure {
            node,
            disk,
            after_syncs,
            ..
        }) = self.disk_failure
        else {
            return;
        };
        self.nodes[node].disks.die_after_syncs(disk, after_syncs);
    }

    /// What has not come until the end does not come any more.
    pub(super) fn call_off_disk_failure(&mut self) {
        if let Some(DiskFailure { node, disk, .. }) = self.disk_failure.take() {
            self.nodes[node].disks.die_after_syncs(disk, u64::MAX / 2);
        }
    }

    /// A disk of the node failed: whether power was to go at that moment. Then it is over.
    pub(super) fn power_goes(&mut self, node: usize) -> bool {
        let is_it = |failure: &mut DiskFailure| failure.node == node && failure.fault == DiskFault::PowerCut;
        if self.disk_failure.take_if(is_it).is_none() {
            return false;
        }
        self.report.torn += 1;
        let down = self.random.between(50, 500) * MILLISECOND;
        self.power_off(node, down);
        true
    }

    /// A thread of the node could not write: either power goes with it, or the node hears of it.
    pub(super) fn on_write_error(&mut self, node: usize, error: &dyn std::fmt::Display) {
        if !self.power_goes(node) {
            let reason = error.to_string();
            self.tell(node, Input::Done(Box::new(Done::Failed { reason })));
        }
    }

    /// The node stopped by itself, or does not start. No violation if its disk is full: it comes back when
    /// there is room.
    pub(super) fn is_excused(&mut self, node: usize) -> bool {
        let is_it = |failure: &mut DiskFailure| failure.node == node && failure.fault == DiskFault::Full;
        if self.disk_failure.take_if(is_it).is_none() {
            return false;
        }
        self.report.torn += 1;
        let down = self.random.between(50, 500) * MILLISECOND;
        self.power_off(node, down);
        true
    }

    /// Power is lost: the process is gone, and of what was not synced a part. What is under way at this
    /// moment may have begun to reach the disk.
    pub(super) fn crash(&mut self, node: usize, down: Micros) {
        if self.nodes[node].running.is_none() {
            return;
        }
        self.tear_log(node);
        self.tear_ledger(node);
        self.tear_flush(node);
        self.power_off(node, down);
    }

    fn power_off(&mut self, node: usize, down: Micros) {
        self.report.crashes += 1;
        self.trace.record(self.now, node, "crash", &down.to_be_bytes());
        let old = self.nodes[node].life;
        // Before the databases are closed: a dead process closes nothing.
        self.nodes[node].disks.crash(&mut self.random);
        self.nodes[node].running = None;
        self.nodes[node].life += 1;
        for peer in (0..self.nodes.len()).filter(|peer| *peer != node) {
            let after = self.random.between(5, 2_500) * MILLISECOND;
            self.schedule(
                after,
                peer,
                Event::Lost {
                    peer: node,
                    life: old,
                },
            );
        }
        self.schedule(down, node, Event::Boot);
    }

    /// The log thread may be in the middle of a sync: nothing was published, and any beginning of the
    /// entry may survive.
    fn tear_log(&mut self, node: usize) {
        let torn = self.random.percent(70);
        let disk = self.nodes[node].disks.log.clone();
        let Some(running) = self.running(node).filter(|running| torn && running.log_busy) else {
            return;
        };
        if let Some(LogJob::Append { records, mark, .. }) = running.log_queue.pop_front() {
            disk.die_after_syncs(0);
            if running.log.append(&records, mark.as_deref()).is_err() {
                self.report.torn += 1;
            }
        }
    }

    /// The ledger thread may be in the middle of a job: power goes in one of its syncs, or after the last.
    fn tear_ledger(&mut self, node: usize) {
        let (torn, syncs) = (self.random.percent(70), self.random.between(0, 5));
        let Some(running) = self.running(node) else { return };
        if !torn || running.ledger_done.is_some() {
            return;
        }
        let Some(job) = running.ledger_queue.pop_front() else {
            return;
        };
        let job_before = self.nodes[node].disks.blocks.syncs();
        self.nodes[node].disks.blocks.die_after_syncs(syncs);
        // Nobody hears of it.
        let _ = self.nodes[node].perform_ledger(self.now, job);
        if self.nodes[node].disks.blocks.syncs() == job_before + syncs {
            self.report.torn += 1;
        }
    }

    /// So may the write-behind thread.
    fn tear_flush(&mut self, node: usize) {
        let (torn, syncs) = (self.random.percent(40), self.random.between(0, 4));
        let Some(running) = self.running(node).filter(|_| torn) else {
            return;
        };
        let states = running.services.states.clone();
        self.nodes[node].disks.states.die_after_syncs(syncs);
        if states.flush().is_err() {
            self.report.torn += 1;
        }
    }

    pub(super) fn partition(&mut self) {
        self.sides = self
            .scenario
            .partition
            .as_ref()
            .map(|partition| partition.sides.clone());
        for a in 0..self.nodes.len() {
            for b in 0..self.nodes.len() {
                if a != b && self.is_cut(a, b) {
                    let (after, life) = (self.random.between(500, 3_000), self.nodes[b].life);
                    self.schedule(after * MILLISECOND, a, Event::Lost { peer: b, life });
                }
            }
        }
    }

    pub(super) fn reunite(&mut self) {
        self.sides = None;
        for a in 0..self.nodes.len() {
            for b in 0..a {
                let after = self.random.between(100, 1_500) * MILLISECOND;
                self.schedule(after, a, Event::Connect { peer: b });
            }
        }
    }

    pub(super) fn heal(&mut self) {
        self.healed = true;
        self.nodes.iter_mut().for_each(|node| node.doomed = None);
        self.reunite();
        self.goal = Some(self.highest() + self.scenario.blocks_after);
        self.schedule(2 * SECOND, 0, Event::SubmitAgain);
    }

    /// The highest block that an honest node has announced.
    pub(super) fn highest(&self) -> u64 {
        let honest = self.nodes.iter().filter(|node| node.honest);
        honest
            .filter_map(|node| node.announced.map(|status| status.height))
            .max()
            .unwrap_or(0)
    }
}
