//! Running the load: the connections, the watcher, and when the window begins and ends.

use std::{
    sync::{Mutex, PoisonError},
    thread::{self, ScopedJoinHandle},
    time::{Duration, Instant},
};

use super::{
    BenchError,
    offer::{self, Gate, Sent},
    process::{self, Usage},
    tally::Window,
    watch::{Seen, Sight, Waiting, Watcher},
    workload::Batch,
};
use crate::{client::Client, testnet::StopFlag};

/// Between two looks at what the threads do.
const LOOK_AGAIN: Duration = Duration::from_millis(20);

/// How the load is run.
pub struct Load {
    /// The node.
    pub client: Client,
    /// Its process, if known.
    pub pid: Option<u32>,
    /// At least so long is measured.
    pub window: Duration,
    /// So long the load runs before that.
    pub warm_up: Duration,
    /// How much may wait in the pool.
    pub waiting: Waiting,
}

/// What came of it.
pub struct Loaded {
    /// The head's height before the load.
    pub start: u64,
    /// Everything that the node admitted.
    pub sent: Vec<Sent>,
    /// What was seen.
    pub sight: Sight,
    /// What counts.
    pub window: Window,
    /// Whether the window ended because nothing was left to offer.
    pub exhausted: bool,
    /// This process at the window's ends.
    generator: Option<(Usage, Usage)>,
}

/// The window, and this process at its two ends.
struct Measured {
    window: Window,
    exhausted: bool,
    generator: Option<(Usage, Usage)>,
}

impl Load {
    /// Runs it. `check` says whether the node still lives.
    pub fn run(
        &self,
        lanes: Vec<Vec<Batch>>,
        stop: &StopFlag,
        check: impl FnMut() -> Result<(), BenchError>,
    ) -> Result<Loaded, BenchError> {
        let start = self.client.head()?.height;
        let signed = lanes.iter().flatten().map(|batch| batch.ids.len()).sum();
        let (gate, sight) = (
            Gate::new(self.waiting.least.min(self.waiting.most)),
            Mutex::default(),
        );
        let watcher = Watcher {
            client: &self.client,
            pid: self.pid,
            gate: &gate,
            waiting: self.waiting,
            sight: &sight,
        };
        let (measured, watched, offered) = thread::scope(|scope| {
            let watching = scope.spawn(|| watcher.run());
            let gate = &gate;
            let offering: Vec<_> = lanes
                .into_iter()
                .map(|batches| {
                    // A connection of its own for each.
                    let client = Client::new(self.client.base());
                    scope.spawn(move || offer::offer(&client, batches, gate))
                })
                .collect();
            let measured = self.measure(signed, &watching, &offering, &sight, stop, check);
            gate.stop();
            let offered: Vec<_> = offering.into_iter().map(joined).collect();
            (measured, joined(watching), offered)
        });
        // What the node said to a connection explains more than that the window has no end.
        let offered: Vec<Vec<Sent>> = offered.into_iter().collect::<Result<_, _>>()?;
        watched?;
        let Measured {
            window,
            exhausted,
            generator,
        } = measured?;
        let sent = offered.into_iter().flatten().collect();
        let sight = sight.into_inner().unwrap_or_else(PoisonError::into_inner);
        Ok(Loaded {
            start,
            sent,
            sight,
            window,
            exhausted,
            generator,
        })
    }

    /// Waits for the window's first and last block.
    fn measure(
        &self,
        signed: usize,
        watching: &ScopedJoinHandle<'_, Result<(), BenchError>>,
        offering: &[ScopedJoinHandle<'_, Result<Vec<Sent>, BenchError>>],
        sight: &Mutex<Sight>,
        stop: &StopFlag,
        mut check: impl FnMut() -> Result<(), BenchError>,
    ) -> Result<Measured, BenchError> {
        let see = || sight.lock().unwrap_or_else(PoisonError::into_inner);
        let too_few = BenchError::TooFew {
            signed,
            warm_up: self.warm_up,
        };
        let warm = Instant::now() + self.warm_up;
        let mut first: Option<(Seen, Option<Usage>)> = None;
        loop {
            thread::sleep(LOOK_AGAIN);
            if stop.is_set() {
                return Err(BenchError::Interrupted);
            }
            check()?;
            let exhausted = watching.is_finished() || offering.iter().any(ScopedJoinHandle::is_finished);
            let Some((begin, usage)) = first else {
                if exhausted {
                    return Err(too_few);
                }
                first = see()
                    .first_from(warm)
                    .map(|seen| (seen, process::usage(std::process::id())));
                continue;
            };
            let last = last_block(&see(), begin, self.window, exhausted);
            if let Some(last) = last {
                let window = Window { first: begin, last };
                let exhausted = window.duration() < self.window;
                let generator = usage.zip(process::usage(std::process::id()));
                return Ok(Measured {
                    window,
                    exhausted,
                    generator,
                });
            }
            if exhausted {
                return Err(too_few);
            }
        }
    }
}

/// The block that ends the window: the first seen after its length, or the last one seen while there was
/// something to offer.
fn last_block(sight: &Sight, begin: Seen, window: Duration, exhausted: bool) -> Option<Seen> {
    match sight.first_from(begin.at + window) {
        None if exhausted => sight
            .blocks
            .last()
            .copied()
            .filter(|last| last.height > begin.height),
        last => last,
    }
}

fn joined<T>(thread: ScopedJoinHandle<'_, T>) -> T {
    thread
        .join()
        .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}

impl Loaded {
    /// The most memory that the node held in the window.
    pub fn resident_bytes(&self) -> Option<u64> {
        let window = &self.window;
        self.sight
            .usage_between(window.first.at, window.last.at)
            .map(|(_, usage)| usage.resident_bytes)
            .max()
    }

    /// How many cores the node kept busy in the window, on average.
    pub fn node_cores(&self) -> Option<f64> {
        let window = &self.window;
        let mut uses = self.sight.usage_between(window.first.at, window.last.at);
        let (first, last) = (uses.next()?, uses.last()?);
        Some(busy(first.1, last.1, last.0.duration_since(first.0)))
    }

    /// How many cores the load generator kept busy in the window, on average.
    pub fn generator_cores(&self) -> Option<f64> {
        self.generator
            .map(|(first, last)| busy(first, last, self.window.duration()))
    }
}

fn busy(first: Usage, last: Usage, time: Duration) -> f64 {
    last.cpu.saturating_sub(first.cpu).as_secs_f64() / time.as_secs_f64().max(f64::MIN_POSITIVE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_window_ends_after_its_length_or_with_the_load() {
        let start = Instant::now();
        let seen = |height: u64| Seen {
            height,
            at: start + Duration::from_secs(height),
        };
        let sight = Sight {
            blocks: (1..=9).map(seen).collect(),
            usage: Vec::new(),
        };
        let end = |begin, seconds, exhausted| {
            last_block(&sight, seen(begin), Duration::from_secs(seconds), exhausted)
        };
        assert_eq!(end(2, 4, false), Some(seen(6)));
        assert_eq!(end(2, 4, true), Some(seen(6)));
        assert_eq!(end(2, 20, false), None);
        assert_eq!(end(2, 20, true), Some(seen(9)));
        // One block is no window.
        assert_eq!(end(9, 20, true), None);
    }

    #[test]
    fn memory_is_the_most_and_cpu_the_mean_of_the_window() {
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let used = |seconds, resident_bytes, cpu| {
            (
                at(seconds),
                Usage {
                    resident_bytes,
                    cpu: Duration::from_secs(cpu),
                },
            )
        };
        let window = Window {
            first: Seen { height: 3, at: at(2) },
            last: Seen { height: 9, at: at(6) },
        };
        let usage = vec![
            used(1, 900, 0),
            used(2, 100, 1),
            used(4, 300, 5),
            used(6, 200, 7),
            used(7, 999, 7),
        ];
        let generator = (used(2, 0, 1).1, used(6, 0, 3).1);
        let loaded = Loaded {
            start: 0,
            sent: Vec::new(),
            sight: Sight {
                blocks: Vec::new(),
                usage,
            },
            window,
            exhausted: false,
            generator: Some(generator),
        };
        assert_eq!(loaded.resident_bytes(), Some(300));
        assert_eq!(loaded.node_cores(), Some(1.5));
        assert_eq!(loaded.generator_cores(), Some(0.5));
    }
}
