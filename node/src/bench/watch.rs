//! Watching the chain while it is under load: when each block was first seen as committed, how much
//! waits in the pool, and what the node's process takes.
//!
//! Only the head is asked for, many times a second; what is in the blocks is read after the load, so
//! that reading it takes nothing from what is measured.

use std::{
    sync::Mutex,
    thread,
    time::{Duration, Instant},
};

use super::{
    BenchError,
    offer::Gate,
    process::{self, Usage},
};
use crate::client::Client;

/// Between two looks at the head: the error of a latency.
const HEAD: Duration = Duration::from_millis(10);
/// Between two looks at the pool and the process.
const STATUS: Duration = Duration::from_millis(100);
/// Without a block for so long there is nothing to measure.
const STALLED: Duration = Duration::from_secs(60);
/// The pool is kept at so many blocks' worth: one is being built, one arrives meanwhile, one in hand.
const BLOCKS_WAITING: f64 = 3.0;

/// A block's first sight as the head, or below it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seen {
    /// Its height.
    pub height: u64,
    /// When.
    pub at: Instant,
}

/// What was seen so far.
#[derive(Debug, Default)]
pub struct Sight {
    /// Every block since the watch began, in order.
    pub blocks: Vec<Seen>,
    /// The process's use of the machine, by time.
    pub usage: Vec<(Instant, Usage)>,
}

impl Sight {
    /// The first block seen at or after `time`.
    pub fn first_from(&self, time: Instant) -> Option<Seen> {
        self.blocks.iter().copied().find(|seen| seen.at >= time)
    }

    /// The process's uses between two times.
    pub fn usage_between(&self, from: Instant, to: Instant) -> impl Iterator<Item = &(Instant, Usage)> {
        self.usage.iter().filter(move |(at, _)| (from..=to).contains(at))
    }
}

/// How many transactions the offerers may keep waiting.
#[derive(Clone, Copy, Debug)]
pub struct Waiting {
    /// At least so many, and exactly so many if `fixed`.
    pub least: usize,
    /// Never more: the pool would refuse.
    pub most: usize,
    /// Whether the limit stays.
    pub fixed: bool,
}

impl Waiting {
    /// The limit for a chain that includes `tps` in blocks `interval` apart.
    fn limit(&self, tps: f64, interval: Duration) -> usize {
        if self.fixed {
            return self.least.min(self.most);
        }
        // Rates are far below what a float holds exactly; a negative or absurd one saturates.
        let wanted = (BLOCKS_WAITING * tps * interval.as_secs_f64()) as usize;
        wanted.max(self.least).min(self.most)
    }
}

/// Watches until the gate is stopped.
pub struct Watcher<'a> {
    /// The node.
    pub client: &'a Client,
    /// Its process, if it runs on this machine and is known.
    pub pid: Option<u32>,
    /// To be told what waits.
    pub gate: &'a Gate,
    /// How much may wait.
    pub waiting: Waiting,
    /// Where it is written.
    pub sight: &'a Mutex<Sight>,
}

impl Watcher<'_> {
    /// Until the load ends. Stops the load by an error if the chain stalls.
    pub fn run(&self) -> Result<(), BenchError> {
        let mut height = self.client.head()?.height;
        let (mut last_block, mut next_status) = (Instant::now(), Instant::now());
        let mut interval = Duration::from_secs(1);
        while !self.gate.is_stopped() {
            let head = self.client.head()?.height;
            let now = Instant::now();
            if head > height {
                let blocks = u32::try_from(head - height).unwrap_or(u32::MAX);
                interval = now.duration_since(last_block) / blocks;
                last_block = now;
                let seen = (height + 1..=head).map(|height| Seen { height, at: now });
                self.lock().blocks.extend(seen);
                height = head;
            }
            if now >= next_status {
                next_status = now + STATUS;
                self.look(interval)?;
            }
            if now.duration_since(last_block) > STALLED {
                return Err(self.stalled(height));
            }
            thread::sleep(HEAD);
        }
        Ok(())
    }

    fn look(&self, interval: Duration) -> Result<(), BenchError> {
        let status = self.client.status()?;
        self.gate.set_waiting(status.mempool);
        self.gate
            .set_limit(self.waiting.limit(status.transactions_per_second, interval));
        if let Some(usage) = self.pid.and_then(process::usage) {
            self.lock().usage.push((Instant::now(), usage));
        }
        Ok(())
    }

    fn stalled(&self, height: u64) -> BenchError {
        let waiting_for = match self.client.status() {
            Ok(status) if !status.consensus.waiting_for.is_empty() => status.consensus.waiting_for,
            Ok(_) => "nothing that it names".to_owned(),
            Err(error) => error.to_string(),
        };
        BenchError::Stalled {
            patience: STALLED,
            height,
            waiting_for,
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Sight> {
        // A panic elsewhere leaves only whole entries behind.
        self.sight
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pool_is_kept_at_three_blocks_worth_within_its_bounds() {
        let waiting = Waiting {
            least: 10_000,
            most: 90_000,
            fixed: false,
        };
        let second = Duration::from_secs(1);
        assert_eq!(waiting.limit(0.0, second), 10_000);
        assert_eq!(waiting.limit(8_000.0, second), 24_000);
        assert_eq!(waiting.limit(8_000.0, second * 2), 48_000);
        assert_eq!(waiting.limit(50_000.0, second), 90_000);
        assert_eq!(
            Waiting {
                fixed: true,
                ..waiting
            }
            .limit(50_000.0, second),
            10_000
        );
    }

    #[test]
    fn blocks_are_found_by_when_they_were_seen() {
        let start = Instant::now();
        let seen = |height: u64| Seen {
            height,
            at: start + Duration::from_secs(height),
        };
        let sight = Sight {
            blocks: (1..=5).map(seen).collect(),
            usage: Vec::new(),
        };
        let at = |milliseconds| start + Duration::from_millis(milliseconds);
        assert_eq!(sight.first_from(at(2_500)), Some(seen(3)));
        assert_eq!(sight.first_from(at(3_000)), Some(seen(3)));
        assert_eq!(sight.first_from(at(5_001)), None);
    }
}
