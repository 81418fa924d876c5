//! Threads that search nonces.
//!
//! *Restart at once.* All threads work on the same header, each from a place of its own. A search is cut
//! into chunks of [`CHUNK`] nonces, a few milliseconds; before each, a thread looks at one atomic number,
//! the generation, and takes the new work when it has moved. Whoever finds a nonce ends the generation
//! for all, so that none is searched for twice.
//!
//! *The node goes first.* The threads run at a low priority (see [`NICENESS`]): executing a block or
//! answering a peer takes the processor from them, never the other way round. There is none of them when
//! mining is off.
//!
//! *Bounds.* There is one work at a time, the newest; what is found is one nonce per generation.

use std::{
    io,
    ops::Range,
    sync::{
        Arc, Condvar, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    thread::{self, JoinHandle},
};

use aureon_consensus::pow::{CHUNK, Target};
use tokio::sync::mpsc::UnboundedSender;

use crate::core::{Mined, MiningWork};

mod rate;

#[cfg(test)]
mod tests;

pub use rate::HashRate;

/// Added to the niceness of each thread, as `nice(1)` does it: 19 would be the weakest.
pub const NICENESS: i32 = 10;

/// The first of the nonces that is good enough: [`aureon_consensus::pow::search()`].
pub type Search = fn(&[u8; 32], &Target, Range<u64>) -> Option<u64>;

/// What all threads see.
#[derive(Default)]
struct Shared {
    /// Moves with every new work, and when it is done.
    generation: AtomicU64,
    /// Nonces tried since the start.
    tried: AtomicU64,
    current: Mutex<Current>,
    changed: Condvar,
}

#[derive(Default)]
struct Current {
    work: Option<MiningWork>,
    closed: bool,
}

/// A fixed number of threads; they stop when this is dropped.
pub struct Miner {
    shared: Arc<Shared>,
    threads: Vec<JoinHandle<()>>,
}

impl Miner {
    /// Starts `threads` threads that wait for work and send what they find to `found`. The threads begin
    /// at places that follow from `seed`: nodes that mine for one address should not search the same
    /// nonces.
    pub fn start(
        threads: usize,
        seed: u64,
        search: Search,
        found: &UnboundedSender<Mined>,
    ) -> io::Result<Self> {
        let shared = Arc::new(Shared::default());
        let step = u64::MAX / u64::try_from(threads.max(1)).unwrap_or(u64::MAX);
        let mut first = seed;
        let mut started = Vec::with_capacity(threads);
        for number in 0..threads {
            let searcher = Searcher {
                shared: Arc::clone(&shared),
                found: found.clone(),
                search,
                first,
            };
            first = first.wrapping_add(step);
            let name = format!("miner-{number}");
            started.push(thread::Builder::new().name(name).spawn(move || searcher.run())?);
        }
        Ok(Self {
            shared,
            threads: started,
        })
    }

    /// Replaces what is searched; `None`: all threads rest.
    pub fn set(&self, work: Option<MiningWork>) {
        let mut current = self.shared.lock();
        current.work = work;
        self.shared.generation.fetch_add(1, Ordering::Relaxed);
        drop(current);
        self.shared.changed.notify_all();
    }

    /// Nonces tried since the start.
    pub fn tried(&self) -> u64 {
        self.shared.tried.load(Ordering::Relaxed)
    }
}

impl Drop for Miner {
    fn drop(&mut self) {
        self.shared.lock().closed = true;
        self.set(None);
        for thread in self.threads.drain(..) {
            // A thread that panicked has nothing more to do; the panic was printed.
            let _ = thread.join();
        }
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Current> {
        self.current.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for work. `None`: the miner is being dropped.
    fn next(&self) -> Option<(u64, MiningWork)> {
        let mut current = self.lock();
        loop {
            if current.closed {
                return None;
            }
            if let Some(work) = current.work {
                // Under the lock, so that number and work belong together.
                return Some((self.generation.load(Ordering::Relaxed), work));
            }
            current = self.changed.wait(current).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Ends `generation`. False if it was over: somebody else was quicker, or the work is old.
    fn finish(&self, generation: u64) -> bool {
        let mut current = self.lock();
        let is_current = self.generation.load(Ordering::Relaxed) == generation;
        if is_current {
            current.work = None;
            self.generation.fetch_add(1, Ordering::Relaxed);
        }
        is_current
    }
}

struct Searcher {
    shared: Arc<Shared>,
    found: UnboundedSender<Mined>,
    search: Search,
    first: u64,
}

impl Searcher {
    fn run(self) {
        // Refused only where the system knows no priorities; mining is then as strong as the rest.
        if let Err(error) = rustix::process::nice(NICENESS) {
            tracing::debug!(%error, "a miner runs at the priority of the node");
        }
        while let Some((generation, work)) = self.shared.next() {
            let Some(nonce) = self.search(generation, &work) else {
                continue;
            };
            let template = work.template;
            if self.shared.finish(generation) && self.found.send(Mined { template, nonce }).is_err() {
                return;
            }
        }
    }

    /// Searches until a nonce is found, by this thread (then it is returned) or another, or the work
    /// changes. All 2^64 nonces take one thread some ten thousand years.
    fn search(&self, generation: u64, work: &MiningWork) -> Option<u64> {
        let mut nonce = self.first;
        while self.shared.generation.load(Ordering::Relaxed) == generation {
            // The last chunk of all may be shorter; then it goes on at zero.
            let end = nonce.saturating_add(CHUNK);
            let found = (self.search)(&work.template.0, &work.target, nonce..end);
            self.shared.tried.fetch_add(CHUNK, Ordering::Relaxed);
            if found.is_some() {
                return found;
            }
            nonce = if end == u64::MAX { 0 } else { end };
        }
        None
    }
}
