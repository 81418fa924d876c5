//! The core: consensus, mempool, range sync and block assembly joined into one state machine.
//!
//! `handle(now, Input, &mut Vec<Effect>)`, without I/O: what needs the disk, a signature check, an
//! execution, the network or time leaves as an [`Effect`] and comes back as an [`Input`]. The main loop
//! performs effects on threads; the simulation performs the same ones in virtual time. Both run this
//! very code.
//!
//! *Durable before visible.* Votes leave as [`LogJob::Append`], which is synced before its messages are
//! sent. A block becomes the head, for peers and clients, when [`Done::Committed`] says that the block
//! store has it.

mod blocks;
mod building;
mod chain;
mod committing;
mod consensus;
mod done;
mod effect;
mod evidence;
mod input;
mod job;
mod ranges;
mod rejection;
mod requests;
mod status;
mod transactions;
mod work;

use std::{
    collections::{BTreeMap, VecDeque},
    sync::Arc,
    time::Duration,
};

use aureon_chain::{assembly, mempool, production, sync};
use aureon_consensus::{Engine, Now};
use aureon_protocol::{PeerId, Status};
use aureon_types::{BlockId, Genesis, SecretKey};

use crate::adapters::View;

pub use chain::{Chain, Parent};
pub use done::{
    BodyFault, Built, CheckedProposal, Committed, DecodedTransactions, Done, GossipFault, Imported,
};
pub use effect::{Effect, HeadChange, LogJob, Timer};
pub use evidence::Offence;
pub use input::{ChannelToken, GossipToken, Input, ReplyToken, RequestToken, SubmitError, SubmitOutcome};
pub use job::{Body, Building, Committing, Executing, Importing, Job, Lane, Serving};
pub use rejection::Rejection;
pub use status::{MempoolNumbers, NodeStatus};
pub use transactions::{MAX_UNVERIFIED, decode_batch};
pub use work::{
    Applying, CheckedWork, MAX_TEMPLATES, Mined, MiningOptions, MiningStatus, MiningWork, SealOutcome,
    SealRefusal, Switched, Switching, Template, TemplateOutcome, TemplateRefusal, TemplateView, Templating,
    WorkStart,
};

/// How often pending transactions are announced again and old ones expire.
const HOUSEKEEPING: Duration = Duration::from_secs(1);
/// How often the published view of the mempool and the status may change.
pub const PUBLISH_INTERVAL: Duration = Duration::from_millis(100);

/// What a core starts from: what recovery found on the disk.
pub struct Start {
    /// The network.
    pub genesis: Arc<Genesis>,
    /// Our peer id.
    pub local_peer: PeerId,
    /// Signs votes and blocks; `None`: this node follows.
    pub validator_key: Option<SecretKey>,
    /// Bounds of the mempool.
    pub mempool: mempool::Config,
    /// The last committed block.
    pub parent: Parent,
    /// The log of the height above, decoded.
    pub log: Vec<aureon_consensus::LogRecord>,
    /// What was signed last; `None`: missing or lost.
    pub sign_mark: Option<aureon_consensus::SignMark>,
    /// Bodies above the head that were durable.
    pub undecided: Vec<Arc<aureon_types::Block>>,
    /// Under proof of work: the blocks that may still be undone, and other branches.
    pub work: Option<WorkStart>,
    /// How this node mines.
    pub mining: MiningOptions,
}

/// Why a core cannot start.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StartFault {
    /// The genesis names no usable engine.
    #[error(transparent)]
    Config(#[from] aureon_consensus::ConfigError),
    /// The disk holds what this software did not write.
    #[error("{0}. The database is damaged; move it away and start again to sync from peers")]
    Work(#[from] aureon_consensus::pow::StartFault),
}

/// The engine that the genesis selects, at what recovery found.
fn start_engine(
    now: Now,
    start: &mut Start,
    effects: &mut Vec<aureon_consensus::Effect>,
) -> Result<Engine, StartFault> {
    let info = start.parent.info;
    if let Some(work) = &start.work {
        let start = work.engine_start(info.id)?;
        return Ok(Engine::start_work(now, start, effects)?);
    }
    let mut config = aureon_consensus::Config::from_genesis(&start.genesis, start.validator_key.take())?;
    if let Some(schedule) = start.parent.lineage.schedule() {
        config.schedule = schedule.clone();
    }
    let head = aureon_consensus::Head {
        height: info.height,
        block_id: info.id,
        timestamp_ms: info.timestamp_ms,
    };
    let log = std::mem::take(&mut start.log);
    Ok(Engine::start(now, config, head, log, start.sign_mark, effects))
}

/// See the module.
pub struct Core {
    chain: Chain,
    /// Ourselves: the author of what no peer sent.
    local_peer: PeerId,
    validator: Option<aureon_types::Address>,
    /// Signs accusations.
    key: Option<SecretKey>,
    engine: Engine,
    mempool: mempool::Mempool,
    sync: sync::RangeSync<PeerId>,
    assembler: assembly::Assembler<PeerId>,
    parent: Parent,
    blocks: blocks::Blocks,
    /// Under proof of work: every branch above the last final block.
    work: Option<work::Branches>,
    mining: work::Mining,
    /// Under proof of work, instead of range sync.
    headers: Option<work::HeaderFlow>,
    transactions: transactions::Transactions,
    limits: production::BuildLimits,
    /// Outstanding requests of ours by token.
    requests: BTreeMap<RequestToken, requests::Asked>,
    next_token: u64,
    /// Inputs for the engine that arose while its effects were carried out.
    pending_engine: VecDeque<aureon_consensus::Input>,
    peers: BTreeMap<PeerId, sync::Claim>,
    behind: bool,
    signing_stopped: Option<String>,
    pending_told: bool,
    /// Contradictions that nobody was punished for yet.
    offences: evidence::Offences,
    throughput: status::Throughput,
}

impl Core {
    /// Starts from what recovery found. The effects are to be performed like those of
    /// [`Core::handle`].
    pub fn start(now: Now, mut start: Start, effects: &mut Vec<Effect>) -> Result<Self, StartFault> {
        let chain = Chain::new(Arc::clone(&start.genesis));
        let validator = start.validator_key.as_ref().map(SecretKey::address);
        let key = start.validator_key.clone();
        let info = start.parent.info;
        let mut engine_effects = Vec::new();
        let engine = start_engine(now, &mut start, &mut engine_effects)?;
        let headers = work::HeaderFlow::new(engine.work());
        let (assembled_above, reach) = match &start.work {
            Some(work) => (work.root.info.height, u64::MAX),
            None => (info.height, assembly::MAX_AHEAD),
        };
        let mut core = Self {
            local_peer: start.local_peer,
            validator,
            key,
            engine,
            mempool: mempool::Mempool::new(start.mempool, info.height),
            sync: sync::RangeSync::new(
                sync::Head {
                    height: info.height,
                    id: info.id,
                },
                start.parent.lineage.known_until(),
            ),
            assembler: assembly::Assembler::new(assembled_above, reach),
            parent: start.parent,
            blocks: blocks::Blocks::new(start.undecided),
            work: start.work.map(work::Branches::new),
            mining: work::Mining::new(start.mining),
            headers,
            transactions: transactions::Transactions::default(),
            limits: production::BuildLimits::new(start.genesis.gas_limit),
            chain,
            requests: BTreeMap::new(),
            next_token: 0,
            pending_engine: VecDeque::new(),
            peers: BTreeMap::new(),
            behind: false,
            signing_stopped: None,
            pending_told: false,
            offences: evidence::Offences::default(),
            throughput: status::Throughput::default(),
        };
        core.on_engine_effects(now, engine_effects, effects);
        core.run_engine(now, effects);
        core.start_mining(now, effects);
        effects.push(Effect::StartTimer {
            timer: Timer::Housekeeping,
            after: HOUSEKEEPING,
        });
        Ok(core)
    }

    /// Takes one event and appends what it leads to.
    pub fn handle(&mut self, now: Now, input: Input, effects: &mut Vec<Effect>) {
        match input {
            Input::Submit { transactions, reply } => self.on_submit(now, transactions, reply, effects),
            Input::Gossip {
                topic,
                from,
                message,
                data,
            } => self.on_gossip(now, topic, from, message, data, effects),
            Input::PeerReady { peer, status } | Input::PeerStatus { peer, status } => {
                self.on_peer_status(now, peer, status, effects);
            }
            Input::PeerGone { peer } => self.on_peer_gone(now, peer, effects),
            Input::Request {
                peer,
                channel,
                request,
            } => self.on_request(peer, channel, request, effects),
            Input::Response {
                request,
                peer,
                result,
            } => self.on_response(now, request, peer, result, effects),
            Input::Mined(mined) => self.on_mined(mined, effects),
            Input::TemplateWanted { reward, reply } => self.on_template_wanted(now, reward, reply, effects),
            Input::SealSubmitted { mined, reply } => self.on_seal_submitted(mined, reply, effects),
            Input::TimerFired(timer) => self.on_timer(now, timer, effects),
            Input::Done(done) => self.on_done(now, *done, effects),
        }
        self.run_engine(now, effects);
    }

    fn on_timer(&mut self, now: Now, timer: Timer, effects: &mut Vec<Effect>) {
        match timer {
            Timer::Consensus(id) => self
                .pending_engine
                .push_back(aureon_consensus::Input::TimerFired(id)),
            Timer::Headers(id) => self.on_headers_timer(now, id, effects),
            Timer::Sync(id) => self.sync_input(now, sync::Input::TimerFired(id), effects),
            Timer::Assembly(id) => self.assembly_input(now, assembly::Input::TimerFired(id), effects),
            Timer::Held(id) => self.on_held(now, id, effects),
            Timer::Announce => self.announce(effects),
            Timer::Mining => self.on_mining_timer(now, effects),
            Timer::Housekeeping => {
                self.on_housekeeping(now, effects);
                effects.push(Effect::StartTimer {
                    timer: Timer::Housekeeping,
                    after: HOUSEKEEPING,
                });
            }
        }
    }

    fn on_done(&mut self, now: Now, done: Done, effects: &mut Vec<Effect>) {
        match done {
            Done::TransactionsVerified {
                batch,
                verdicts,
                height,
            } => {
                self.on_verified(now, batch, verdicts, height, effects);
            }
            Done::TransactionsDecoded {
                message,
                from,
                decoded,
            } => {
                self.on_decoded(message, from, decoded, effects);
            }
            Done::ConsensusChecked {
                message,
                from,
                result,
            } => {
                self.on_consensus_checked(now, message, from, result, effects);
            }
            Done::ProposalChecked {
                message,
                from,
                result,
            } => {
                self.on_proposal_checked(now, message, from, result, effects);
            }
            Done::WorkChecked {
                message,
                from,
                result,
            } => self.on_work_checked(now, message, from, result, effects),
            Done::Switched(switched) => self.on_switched(now, *switched, effects),
            Done::BodiesGone(blocks) => self.on_bodies_gone(blocks),
            Done::Template(template) => self.on_template(now, *template, effects),
            Done::Built(built) => self.on_built(now, *built),
            Done::Executed { block_id, result } if self.work.is_some() => {
                self.on_work_executed(now, block_id, result, effects);
            }
            Done::Executed { block_id, result } => self.on_executed(now, block_id, result, effects),
            Done::Committed(committed) => self.on_committed(now, *committed, effects),
            Done::RangeDecoded {
                request,
                peer,
                result,
            } => {
                self.on_range_decoded(now, request, peer, result, effects);
            }
            Done::RangeVerified { batch, result } => {
                self.sync_input(now, sync::Input::BatchVerified { batch, result }, effects);
            }
            Done::HeadersDecoded {
                request,
                peer,
                result,
            } => self.on_headers_decoded(now, request, peer, result, effects),
            Done::HeadersVerified { batch, result } => {
                self.on_headers_verified(now, batch, result, effects);
            }
            Done::Imported(imported) => self.on_imported(now, *imported, effects),
            Done::Served { channel, response } => effects.push(Effect::Respond { channel, response }),
            Done::BodyDecoded {
                request,
                peer,
                result,
            } => {
                self.on_body_decoded(now, request, peer, result, effects);
            }
            Done::BodyTransactionsDecoded {
                request,
                peer,
                result,
            } => {
                self.on_body_transactions_decoded(now, request, peer, result, effects);
            }
            Done::Failed { reason } => effects.push(Effect::Stop { reason }),
        }
    }

    fn token(&mut self) -> u64 {
        self.next_token = self.next_token.wrapping_add(1);
        self.next_token
    }

    /// The last committed block.
    pub fn head(&self) -> (u64, BlockId) {
        (self.parent.info.height, self.parent.info.id)
    }

    /// How far this node has come, for peers.
    pub(crate) fn own_status(&self) -> Status {
        let (height, head_id) = self.head();
        let work = self.parent.lineage.work().map(|chain| chain.work().to_bytes());
        Status {
            height,
            head_id,
            work,
        }
    }

    /// Its time, in milliseconds since 1970-01-01 UTC.
    pub fn head_timestamp_ms(&self) -> u64 {
        self.parent.info.timestamp_ms
    }

    /// The state after the last committed block.
    pub fn view(&self) -> &View {
        &self.parent.view
    }

    /// What the last committed block fixes for the block above it.
    pub fn lineage(&self) -> &aureon_consensus::Lineage {
        &self.parent.lineage
    }

    /// The mempool, for publishing its view.
    pub fn mempool(&self) -> &mempool::Mempool {
        &self.mempool
    }
}
