//! Effects of the core, carried out.

use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
        mpsc,
    },
    thread::JoinHandle,
};

use aureon_proto::v1 as proto;
use aureon_protocol::{Client, RequestError};
use aureon_types::EngineKind;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use super::{MainLoop, Reply};
use crate::{
    adapters::consensus_log::{ConsensusLog, LogFile},
    core::{Done, Effect, Input, Job, Lane, LogJob, Mined, MiningOptions},
    miner::Miner,
    workers::{Ledger, Pool, Services, threads},
};

/// Questions of peers that wait for the reader. When full, the answer is "busy".
const READER_QUEUE: usize = 64;

/// The threads that work for the loop.
pub struct Workers {
    pool: Pool,
    ledger: Option<mpsc::Sender<Job>>,
    reader: Option<mpsc::SyncSender<Job>>,
    log: Option<mpsc::Sender<LogJob>>,
    stop: Arc<AtomicBool>,
    threads: Vec<JoinHandle<()>>,
    /// Threads that mine; `None`: this node does not.
    pub(super) miner: Option<Miner>,
    /// What they find.
    pub(super) mined: UnboundedReceiver<Mined>,
}

impl Workers {
    /// Starts all threads.
    pub fn start(
        services: &Services,
        ledger: Ledger,
        log: ConsensusLog<LogFile>,
        network: &Client,
        done: &UnboundedSender<Done>,
        mining: MiningOptions,
    ) -> io::Result<Self> {
        let (ledger_jobs, ledger_receiver) = mpsc::channel();
        let (reader_jobs, reader_receiver) = mpsc::sync_channel(READER_QUEUE);
        let (log_jobs, log_receiver) = mpsc::channel();
        let stop = Arc::new(AtomicBool::new(false));
        let (found, mined) = unbounded_channel();
        let cores = std::thread::available_parallelism().map_or(2, usize::from);
        Ok(Self {
            pool: Pool::start(services, cores, done)?,
            threads: vec![
                threads::ledger(ledger, ledger_receiver, done.clone())?,
                threads::reader(services.clone(), reader_receiver, done.clone())?,
                threads::log(log, network.clone(), log_receiver, done.clone())?,
                threads::write_behind(services.clone(), Arc::clone(&stop), done.clone())?,
            ],
            ledger: Some(ledger_jobs),
            reader: Some(reader_jobs),
            log: Some(log_jobs),
            stop,
            miner: miner(services, mining, &found)?,
            mined,
        })
    }

    /// Lets all threads finish what they have, and waits for them.
    pub fn finish(mut self) {
        self.stop.store(true, Ordering::Relaxed);
        (self.ledger, self.reader, self.log, self.miner) = (None, None, None, None);
        for thread in self.threads.drain(..) {
            thread.thread().unpark();
            // A thread that panicked has nothing more to do; the panic was printed.
            let _ = thread.join();
        }
    }
}

/// The threads that mine, if the network mines and this node does.
fn miner(
    services: &Services,
    mining: MiningOptions,
    found: &UnboundedSender<Mined>,
) -> io::Result<Option<Miner>> {
    let mined = matches!(services.chain.genesis.engine, EngineKind::Pow(_));
    if !mined || mining.threads == 0 || mining.reward.is_none() {
        return Ok(None);
    }
    let mut seed = [0; 8];
    getrandom::fill(&mut seed).map_err(|error| io::Error::other(error.to_string()))?;
    let search = aureon_consensus::pow::search;
    Miner::start(mining.threads, u64::from_le_bytes(seed), search, found).map(Some)
}

impl MainLoop {
    pub(super) fn perform(&mut self, effect: Effect) {
        match effect {
            Effect::Publish { topic, data } => {
                if let Err(error) = self.network.publish(topic, data) {
                    tracing::debug!(%error, "gossip was not sent");
                }
            }
            Effect::Verdict { message, verdict } => {
                if let Some(message) = self.gossip.remove(&message) {
                    self.network.verdict(message, verdict);
                }
            }
            Effect::Request { peer, request, body } => match self.network.request(peer, body) {
                Ok(id) => {
                    self.requests.insert(id, request);
                }
                Err(_) => {
                    let result = Err(RequestError::Overloaded);
                    self.refused.push(Input::Response {
                        request,
                        peer,
                        result,
                    });
                }
            },
            Effect::Respond { channel, response } => {
                if let Some(channel) = self.channels.remove(&channel) {
                    self.network.respond(channel, response);
                }
            }
            Effect::SetStatus(status) => self.network.set_status(status),
            Effect::Penalize {
                peer,
                offence,
                reason,
            } => {
                tracing::warn!(%peer, reason, "a peer did wrong");
                self.network.penalize(peer, offence);
            }
            Effect::StartTimer { timer, after } => self.timers.start(timer, after),
            Effect::Job(job) => self.give(job),
            Effect::Log(job) => {
                if let Some(log) = &self.workers.log {
                    // The thread ends only after it has told why (`Done::Failed`).
                    let _ = log.send(job);
                }
            }
            Effect::Reply { reply, outcome } => {
                if let Some(Reply::Submit(reply)) = self.replies.remove(&reply) {
                    // The client may have hung up.
                    let _ = reply.send(outcome);
                }
            }
            Effect::ReplyTemplate { reply, outcome } => {
                if let Some(Reply::Template(reply)) = self.replies.remove(&reply) {
                    // As above.
                    let _ = reply.send(outcome);
                }
            }
            Effect::ReplySeal { reply, outcome } => {
                if let Some(Reply::Seal(reply)) = self.replies.remove(&reply) {
                    // As above.
                    let _ = reply.send(outcome);
                }
            }
            Effect::Mine(work) => {
                if let Some(miner) = &self.workers.miner {
                    miner.set(work);
                }
            }
            Effect::HeadChanged(change) => self.publish_head(change),
            Effect::Stop { reason } => self.stop = Some(reason),
        }
    }

    fn give(&mut self, job: Job) {
        match job.lane() {
            Lane::Pool => self.workers.pool.submit(job),
            Lane::Ledger => {
                if let Some(ledger) = &self.workers.ledger {
                    // As for the log thread.
                    let _ = ledger.send(job);
                }
            }
            Lane::Reader => {
                let Some(reader) = &self.workers.reader else {
                    return;
                };
                if let Err(mpsc::TrySendError::Full(Job::Serve(serving))) = reader.try_send(job) {
                    let busy = proto::sync_response::Response::Busy(proto::Busy {});
                    let response = proto::SyncResponse { response: Some(busy) };
                    self.perform(Effect::Respond {
                        channel: serving.channel,
                        response,
                    });
                }
            }
        }
    }
}
