//! The threads for signatures and decoding.
//!
//! Two queues: what consensus waits for is served before transactions, so that a flood of transactions
//! cannot delay a vote. The queues have no bound of their own: the core bounds what it gives out
//! (transactions that wait for their signature check, gossip and requests in flight).

use std::{
    collections::VecDeque,
    sync::{Arc, Condvar, Mutex, PoisonError},
    thread::{self, JoinHandle},
};

use tokio::sync::mpsc;

use super::{Services, perform};
use crate::core::{Done, Job};

#[derive(Default)]
struct Queues {
    urgent: VecDeque<Job>,
    bulk: VecDeque<Job>,
    closed: bool,
}

struct Shared {
    queues: Mutex<Queues>,
    ready: Condvar,
}

/// A fixed number of threads; stops when dropped.
pub struct Pool {
    shared: Arc<Shared>,
    threads: Vec<JoinHandle<()>>,
}

impl Pool {
    /// Starts `threads` threads that send what comes of jobs to `done`.
    pub fn start(
        services: &Services,
        threads: usize,
        done: &mpsc::UnboundedSender<Done>,
    ) -> std::io::Result<Self> {
        let shared = Arc::new(Shared {
            queues: Mutex::default(),
            ready: Condvar::new(),
        });
        let threads = (0..threads.max(1))
            .map(|number| {
                let (shared, services, done) = (Arc::clone(&shared), services.clone(), done.clone());
                let run = move || {
                    while let Some(job) = shared.next() {
                        let Some(outcome) = perform(&services, job) else {
                            continue;
                        };
                        if done.send(outcome).is_err() {
                            return;
                        }
                    }
                };
                thread::Builder::new().name(format!("verify-{number}")).spawn(run)
            })
            .collect::<std::io::Result<_>>()?;
        Ok(Self { shared, threads })
    }

    /// Queues a job.
    pub fn submit(&self, job: Job) {
        let bulk = matches!(
            job,
            Job::VerifyTransactions { .. } | Job::DecodeTransactions { .. }
        );
        let mut queues = self.shared.queues.lock().unwrap_or_else(PoisonError::into_inner);
        if bulk {
            queues.bulk.push_back(job);
        } else {
            queues.urgent.push_back(job);
        }
        drop(queues);
        self.shared.ready.notify_one();
    }
}

impl Shared {
    fn next(&self) -> Option<Job> {
        let mut queues = self.queues.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            if queues.closed {
                return None;
            }
            if let Some(job) = queues.urgent.pop_front() {
                return Some(job);
            }
            if let Some(job) = queues.bulk.pop_front() {
                return Some(job);
            }
            queues = self.ready.wait(queues).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        self.shared
            .queues
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .closed = true;
        self.shared.ready.notify_all();
        for thread in self.threads.drain(..) {
            // A worker that panicked has nothing more to do; the panic was printed.
            let _ = thread.join();
        }
    }
}
