//! The disk, crashes and restarts.

use aureon_consensus::{Engine, Head, Input, LogRecord, SignMark};
use aureon_types::EmptyBlocks;

use super::{
    Damage, Network, SECOND,
    node::{Event, Job, Node, Wire},
};
use crate::support::{at, config, genesis_head};

impl Network {
    pub(super) fn enqueue(&mut self, node: usize, job: Job) {
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
    pub(super) fn crash(&mut self, node: usize) {
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
        if let Some(damage) = self.scenario.damage {
            self.damage(node, damage);
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
        let usual = self.random.between(SECOND / 10, 8 * SECOND);
        let down = self.scenario.down.unwrap_or(usual);
        self.schedule(down, node, None, Event::Restart);
    }

    /// One bit of the last record is wrong: the reader stops before it.
    fn damage(&mut self, node: usize, damage: Damage) {
        let kept = &mut self.nodes[node];
        kept.log.1.pop();
        if matches!(damage, Damage::LastRecordAndMark) {
            kept.mark = None;
        }
    }

    pub(super) fn on_disk_done(&mut self, node: usize) {
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

    pub(super) fn boot(&mut self, node: usize) {
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
        config.schedule = self.timeline.schedule(head.height);
        let mut effects = Vec::new();
        let engine = Engine::start(at(self.now), config, head, log, mark, &mut effects);
        self.nodes[node].engine = Some(engine);
        self.perform_all(node, effects);
        self.broadcast(node, &Wire::Status(head.height));
        if self.nodes[node].transactions > 0 {
            self.input(node, Input::PendingTransactions(true));
        }
    }
}
