//! Places for what runs contracts that anybody may have written: queries, estimates, checks of code.
//!
//! There are [`MAX_RUNS`], each holds at most [`MAX_RUN_GAS`] of work, and a place is given back when the
//! work is done, not when the client hangs up. So contracts that run for ever take some threads for tenths of
//! a second each, never one of the loop's, the ledger's or the network's.

use std::{sync::Arc, time::Duration};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::{PATIENCE, off_the_runtime, problem::Problem};

/// Most queries, estimates and checks of code at once; more wait shortly and get 503.
pub const MAX_RUNS: usize = 4;
/// Most gas of a query or an estimate: some tenths of a second.
pub const MAX_RUN_GAS: u64 = 200_000_000;

/// See the module. Clones share the places.
#[derive(Clone, Debug)]
pub struct Runs {
    places: Arc<Semaphore>,
    patience: Duration,
}

impl Default for Runs {
    fn default() -> Self {
        Self {
            places: Arc::new(Semaphore::new(MAX_RUNS)),
            patience: PATIENCE,
        }
    }
}

impl Runs {
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
                "{MAX_RUNS} queries and estimates run already, which is the most; try again in a moment"
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
        let waiting = Runs {
            patience: Duration::MAX,
            ..Runs::default()
        };
        let hasty = Runs {
            patience: Duration::ZERO,
            ..waiting.clone()
        };
        let (started, starts) = mpsc::channel();
        let (releases, clients): (Vec<_>, Vec<_>) = (0..MAX_RUNS)
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
        starts.iter().take(MAX_RUNS).for_each(drop);

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
    fn failed_work_gives_its_place_back() {
        let (runtime, runs) = (runtime(), Runs::default());
        for _ in 0..3 * MAX_RUNS {
            let failed = runtime.block_on(runs.run(|| Err::<(), _>(Problem::bad_request("no"))));
            assert_eq!(failed.unwrap_err().detail, "no");
            let died = runtime
                .block_on(runs.run(|| -> Result<(), Problem> { std::panic::resume_unwind(Box::new(())) }));
            assert_eq!(died.unwrap_err().status, 500);
        }
        assert_eq!(runs.places.available_permits(), MAX_RUNS);
    }
}
