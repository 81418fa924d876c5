//! Places for what runs contracts that anybody may have written: queries, estimates, checks of code.
//!
//! There are [`max_runs`], each holds at most [`MAX_RUN_GAS`] of work, and a place is given back when the
//! work is done, not when the client hangs up. So contracts that run for ever take some threads for tenths of
//! a second each, never one of the loop's, the ledger's or the network's.
//!
//! A request has one of [`MAX_ASKING`] turns before its body is read, and keeps it to the end: who waits for a
//! place holds no more than the bytes of a body. They become JSON in the place.

use std::{sync::Arc, time::Duration};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::{PATIENCE, off_the_runtime, problem::Problem};

/// Most requests that are read, wait for a place, or have one; more wait shortly and get 503. Each may hold a body
/// of the largest size of these routes.
pub const MAX_ASKING: usize = 32;
/// Most places, on however large a machine: what contracts do here is never more urgent than blocks.
const MOST_RUNS: usize = 4;
/// Most gas of a query or an estimate: some tenths of a second.
pub const MAX_RUN_GAS: u64 = 200_000_000;

/// Most queries, estimates and checks of code at once; more wait shortly and get 503. Half of the cores, at least
/// one and at most four.
pub fn max_runs() -> usize {
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    (cores / 2).clamp(1, MOST_RUNS)
}

/// See the module. Clones share the places.
#[derive(Clone, Debug)]
pub struct Runs {
    turns: Arc<Semaphore>,
    places: Arc<Semaphore>,
    most: usize,
    patience: Duration,
}

impl Default for Runs {
    fn default() -> Self {
        Self::new(max_runs(), PATIENCE)
    }
}

impl Runs {
    fn new(most: usize, patience: Duration) -> Self {
        Self {
            turns: Arc::new(Semaphore::new(MAX_ASKING)),
            places: Arc::new(Semaphore::new(most)),
            most,
            patience,
        }
    }

    /// Before a body is read. Kept until the answer is there.
    pub async fn turn(&self) -> Result<OwnedSemaphorePermit, Problem> {
        let turn = Arc::clone(&self.turns).acquire_owned();
        match tokio::time::timeout(self.patience, turn).await {
            Ok(Ok(permit)) => Ok(permit),
            _ => Err(Problem::busy(format!(
                "{MAX_ASKING} queries and estimates wait already, which is the most; try again in a moment"
            ))),
        }
    }

    /// Does `work` on a thread for blocking work, when there is a place.
    pub async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T, Problem> + Send + 'static,
    ) -> Result<T, Problem> {
        let place = self.place().await?;
        off_the_runtime(move || {
            let result = work();
            drop(place);
            result
        })
        .await?
    }

    async fn place(&self) -> Result<OwnedSemaphorePermit, Problem> {
        match tokio::time::timeout(self.patience, Arc::clone(&self.places).acquire_owned()).await {
            Ok(Ok(permit)) => Ok(permit),
            _ => Err(Problem::busy(format!(
                "{} queries and estimates run already, which is the most here; try again in a moment",
                self.most
            ))),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    fn runtime() -> tokio::runtime::Runtime {
        tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_time()
            .build()
            .unwrap()
    }

    #[test]
    fn one_too_many_is_told_to_come_again_and_a_place_outlives_its_client() {
        let runtime = runtime();
        let waiting = Runs::new(MOST_RUNS, Duration::MAX);
        let hasty = Runs {
            patience: Duration::ZERO,
            ..waiting.clone()
        };
        let (started, starts) = mpsc::channel();
        let (releases, clients): (Vec<_>, Vec<_>) = (0..MOST_RUNS)
            .map(|_| {
                let (release, released) = mpsc::channel::<()>();
                let (started, runs) = (started.clone(), waiting.clone());
                let client = runtime.spawn(async move {
                    let work = move || {
                        started.send(()).unwrap();
                        // Until the test lets go of the other end.
                        let _ = released.recv();
                        Ok(())
                    };
                    runs.run(work).await
                });
                (release, client)
            })
            .unzip();
        starts.iter().take(MOST_RUNS).for_each(drop);

        let one_more = || runtime.block_on(hasty.run(|| Ok(7)));
        let problem = one_more().unwrap_err();
        assert_eq!((problem.status, problem.code()), (503, "busy"));
        assert!(problem.detail.starts_with("4 queries"), "{}", problem.detail);

        // Who hangs up frees nothing: the contract still runs.
        for client in clients {
            client.abort();
            assert!(runtime.block_on(client).unwrap_err().is_cancelled());
        }
        assert_eq!(one_more().unwrap_err().status, 503);

        drop(releases);
        assert_eq!(runtime.block_on(waiting.run(|| Ok(8))), Ok(8));
    }

    #[test]
    fn one_too_many_waits_without_a_body() {
        let runtime = runtime();
        let runs = Runs::new(1, Duration::ZERO);
        let turns: Vec<_> = (0..MAX_ASKING)
            .map(|_| runtime.block_on(runs.turn()).unwrap())
            .collect();
        let problem = runtime.block_on(runs.turn()).unwrap_err();
        assert_eq!((problem.status, problem.code()), (503, "busy"));
        drop(turns);
        assert!(runtime.block_on(runs.turn()).is_ok());
    }

    #[test]
    fn there_is_always_a_place_and_a_core_without_one() {
        let cores = std::thread::available_parallelism().unwrap().get();
        assert!(max_runs() >= 1 && (cores == 1 || max_runs() < cores));
    }

    #[test]
    fn failed_work_gives_its_place_back() {
        let (runtime, runs) = (runtime(), Runs::default());
        for _ in 0..3 * MOST_RUNS {
            let failed = runtime.block_on(runs.run(|| Err::<(), _>(Problem::bad_request("no"))));
            assert_eq!(failed.unwrap_err().detail, "no");
            let died = runtime
                .block_on(runs.run(|| -> Result<(), Problem> { std::panic::resume_unwind(Box::new(())) }));
            assert_eq!(died.unwrap_err().status, 500);
        }
        assert_eq!(runs.places.available_permits(), max_runs());
    }
}
