//! The threads that do work in order: ledger, reader, log, and the one that writes behind.
//!
//! Their queues hold what the core has in flight, which it bounds: a few blocks, one import at a time,
//! and the log entries of a height. Only the reader's questions come from outside; the main loop bounds
//! them.

use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
        mpsc,
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use aureon_protocol::Client;
use tokio::sync::mpsc::UnboundedSender;

use super::{Ledger, Services, perform};
use crate::{
    adapters::consensus_log::{ConsensusLog, LogFile},
    core::{Done, Job, LogJob},
};

/// How often the write-behind thread looks.
const FLUSH_CHECK: Duration = Duration::from_millis(200);

fn spawn(name: &str, run: impl FnOnce() + Send + 'static) -> io::Result<JoinHandle<()>> {
    thread::Builder::new().name(name.to_owned()).spawn(run)
}

/// Starts the ledger thread. It ends when the sender of `jobs` is dropped.
pub fn ledger(
    mut ledger: Ledger,
    jobs: mpsc::Receiver<Job>,
    done: UnboundedSender<Done>,
) -> io::Result<JoinHandle<()>> {
    spawn("ledger", move || {
        let start = Instant::now();
        let clock = move || start.elapsed();
        for job in jobs {
            if let Some(outcome) = ledger.perform(job, &clock)
                && done.send(outcome).is_err()
            {
                return;
            }
        }
    })
}

/// Starts the reader thread, which answers peers.
pub fn reader(
    services: Services,
    jobs: mpsc::Receiver<Job>,
    done: UnboundedSender<Done>,
) -> io::Result<JoinHandle<()>> {
    spawn("reader", move || {
        for job in jobs {
            if let Some(outcome) = perform(&services, job)
                && done.send(outcome).is_err()
            {
                return;
            }
        }
    })
}

/// Starts the log thread: append, sync, and only then publish.
pub fn log(
    mut log: ConsensusLog<LogFile>,
    network: Client,
    jobs: mpsc::Receiver<LogJob>,
    done: UnboundedSender<Done>,
) -> io::Result<JoinHandle<()>> {
    spawn("log", move || {
        for job in jobs {
            let written = match &job {
                LogJob::Begin { height } => log.begin(*height),
                LogJob::Append { records, mark, .. } => log.append(records, mark.as_deref()),
            };
            if let Err(error) = written {
                let reason =
                    format!("the consensus log cannot be written, so nothing may be signed: {error}");
                // The loop may be gone already; nothing was published in any case.
                let _ = done.send(Done::Failed { reason });
                return;
            }
            if let LogJob::Append { publish, .. } = job {
                for (topic, data) in publish {
                    if let Err(error) = network.publish(topic, data) {
                        tracing::warn!(%error, "a consensus message was not sent; it will be sent again");
                    }
                }
            }
        }
    })
}

/// Starts the thread that writes state behind and merges the index. It ends after `stop` is set.
pub fn write_behind(
    services: Services,
    stop: Arc<AtomicBool>,
    done: UnboundedSender<Done>,
) -> io::Result<JoinHandle<()>> {
    spawn("write-behind", move || {
        let start = Instant::now();
        while !stop.load(Ordering::Relaxed) {
            thread::park_timeout(FLUSH_CHECK);
            if let Err(error) = write_once(&services, start.elapsed()) {
                // As above.
                let _ = done.send(Done::Failed {
                    reason: error.to_string(),
                });
                return;
            }
        }
    })
}

fn write_once(services: &Services, now: Duration) -> aureon_storage::Result<()> {
    if services.states.flush_due(now) {
        services.states.flush()?;
    }
    if services.blocks.merge_due() {
        services.blocks.merge_once()?;
    }
    Ok(())
}
