//! Tendermint on Malachite's core, as a pure state machine.
//!
//! *A height*: [`Effect::StartLog`] -> rounds, each with a proposer; the proposer gets
//! [`Effect::Build`], everybody gets [`Effect::Execute`] for the proposed body; votes leave in
//! [`Effect::SyncThenPublish`] -> [`Effect::Commit`] -> [`Input::Committed`] -> a pause until the block
//! time is over (or a transaction asks for a block) -> [`Effect::HeightClosed`], the next height.
//!
//! *The core* is a coroutine that is run to its end inside one call ([`Bft::drive`]); `Port` answers
//! it. What it may see is prepared here, because at its edges it trusts its caller:
//! - Only verified messages of the running height enter. Later ones wait in `Future`; certificates
//!   for another height, or before the first, are errors or lost.
//! - A value enters after its body was executed *and* is durable, because our prevote follows in the
//!   same call.
//! - Votes under our own key do not enter unseen (`Guard`).
//! - Heights are paced by delaying their start: the core would read a clock.
//! - After a commit the step timers are dropped; after a range import the core just starts the next
//!   height, with a fresh log.
//!
//! *Validators change* with the lineage of each committed block ([`Input::Committed`]): the next height
//! starts with the set of its epoch. Whether this node signs, and keeps a log, is decided anew for each
//! height; who becomes a validator with an old sign-mark listens first. Messages for a height whose set
//! no block here has fixed yet cannot be judged and are dropped ([`crate::DropReason::UnknownValidators`]).
//!
//! *Restart*: the log's records are fed in order, as if they came again; see `replay`.
//!
//! *Why a stalled network resumes*: round timeouts grow linearly up to a ceiling, votes and round
//! certificates are repeated (with attempt numbers), a validator that cannot sign in a round steps over
//! it, and blocks that are voted for and not here are asked for by id.

mod context;
mod convert;
#[cfg(test)]
mod facts;
mod future;
mod guard;
mod height;
mod inbox;
mod late;
mod observe;
mod port;
mod replay;
mod timers;

use std::{
    collections::{BTreeMap, BTreeSet},
    convert::Infallible,
    time::Duration,
};

use arc_malachitebft_core_consensus::{Error, LocallyProposedValue, Params, State, ThresholdParams, process};
use arc_malachitebft_core_types::{Round, Timeout, TimeoutKind, ValuePayload};
use aureon_types::{Address, BlockId};

use self::{
    context::{Chain, Height, Members, Value, Who, number},
    convert::{CoreInput, value_in},
    future::Future,
    guard::Guard,
    port::{Port, linear},
    timers::Timer,
};
use crate::{
    Config, Drops, Effect, Epoch, Head, Input, LogRecord, LoggedValue, Now, SignMark, Step, TimerId,
};

/// Records that are kept in memory before they are written without a message. A height with many
/// rounds and no quorum would otherwise collect them until we sign.
const MAX_UNWRITTEN: usize = 256;

/// Whether the height after the head has started.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// Not yet. `paced`: the block time is over.
    Waiting { paced: bool },
    /// It has.
    Running,
}

/// The blocks of the running height that this node has heard of. Bounded by the core: two proposals
/// per round, and rounds at most ten ahead.
#[derive(Default)]
struct Blocks {
    /// With a signed proposal here; given to execution, judged or built.
    known: BTreeSet<BlockId>,
    /// Proposals that were fed, per round.
    per_round: BTreeMap<u32, BTreeSet<BlockId>>,
    /// Voted for, but without a proposal here: asked for.
    missing: BTreeMap<BlockId, u32>,
}

/// The BFT engine.
pub struct Bft {
    config: Config,
    core: State<Chain>,
    port: Port,
    head: Head,
    phase: Phase,
    /// Monotonic reading at which the running or last height began; `None` before the first.
    began: Option<Duration>,
    behind: bool,
    pending_transactions: bool,
    future: Future,
    blocks: Blocks,
    drops: Drops,
    halted: Option<String>,
}

impl Bft {
    /// See [`crate::Engine::start`].
    pub fn start(
        now: Now,
        config: Config,
        head: Head,
        log: Vec<LogRecord>,
        sign_mark: Option<SignMark>,
        effects: &mut Vec<Effect>,
    ) -> Self {
        let next = head.height.saturating_add(1);
        let guard = Guard::new(config.key.clone(), config.genesis_id, sign_mark);
        let params = Params {
            // The core wants an address also of a node without a key; nobody has the key of this one.
            address: Who(guard.address().unwrap_or_default()),
            threshold_params: ThresholdParams::default(),
            // `ProposalOnly` would vote without validation.
            value_payload: ValuePayload::ProposalAndParts,
            enabled: false,
        };
        // Where the schedule does not know the next height, the engine halts below.
        let epoch = config.schedule.epoch(next).unwrap_or(config.schedule.current());
        let members = Members::new(epoch.clone());
        let port = Port::new(guard, linear(&config.timeouts), now.wall_ms);
        let mut this = Self {
            // The core buffers nothing: what is for later waits in `future`.
            core: State::new(Chain, Height(next), members, params, 1, 1),
            port,
            config,
            head,
            phase: Phase::Waiting { paced: false },
            began: None,
            behind: false,
            pending_transactions: false,
            future: Future::default(),
            blocks: Blocks::default(),
            drops: Drops::default(),
            halted: None,
        };
        if this.epoch(next).is_none() {
            this.halt_without_validators(effects);
        } else if log.is_empty()
            || log
                .iter()
                .any(|record| record.height().is_some_and(|height| height != next))
        {
            this.pace(now, effects);
        } else {
            this.replay(now, log, effects);
        }
        this.flush(effects);
        this
    }

    /// See [`crate::Engine::handle`].
    pub fn handle(&mut self, now: Now, input: Input, effects: &mut Vec<Effect>) {
        match input {
            Input::Message(message) => self.on_message(now, message.into_inner(), effects),
            Input::TimerFired(id) => self.on_timer(now, id, effects),
            Input::Built {
                height,
                round,
                block_id,
            } => self.on_built(height, round, block_id, effects),
            Input::Executed {
                height,
                round,
                proposer,
                block_id,
                valid,
            } => {
                let value = LoggedValue {
                    height,
                    round,
                    valid_round: None,
                    proposer,
                    block_id,
                    valid,
                };
                if self.is_running(height) {
                    self.drive(value_in(&value), effects);
                }
            }
            Input::Committed(head, lineage) => self.on_committed(now, head, &lineage, effects),
            Input::PendingTransactions(pending) => {
                self.pending_transactions = pending;
                self.begin_if_due(now, effects);
            }
            Input::Behind(behind) => self.on_behind(now, behind, effects),
            // Of proof of work.
            Input::Headers { .. } | Input::BodiesGone(_) => {}
        }
        self.flush(effects);
    }

    /// See [`crate::Engine::epoch`].
    pub fn epoch(&self, height: u64) -> Option<&Epoch> {
        self.config.schedule.epoch(height)
    }

    /// The epoch of the running height or the next, which is known unless the engine has halted.
    fn epoch_or_current(&self, height: u64) -> &Epoch {
        self.epoch(height).unwrap_or(self.config.schedule.current())
    }

    /// See [`crate::Engine::proposer`].
    pub fn proposer(&self, height: u64, round: u32) -> Option<Address> {
        self.config
            .schedule
            .proposer(height, round)
            .map(|proposer| proposer.address)
    }

    fn height(&self) -> u64 {
        self.core.height().0
    }

    fn round(&self) -> u32 {
        number(self.core.round())
    }

    fn is_validator(&self, height: u64) -> bool {
        self.port.guard.address().is_some_and(|address| {
            self.epoch(height)
                .is_some_and(|epoch| epoch.set().get(&address).is_some())
        })
    }

    /// Whether `height` is being decided here.
    fn is_running(&self, height: u64) -> bool {
        self.phase == Phase::Running && height == self.height() && height > self.head.height
    }

    /// The one place that runs the coroutine.
    fn drive(&mut self, input: CoreInput, effects: &mut Vec<Effect>) {
        if self.halted.is_some() {
            return;
        }
        let enabled = self.port.guard.allows(self.destination(&input));
        self.core.params.enabled = enabled;
        self.run(input, effects);
        // A vote that the core cast while it was not to sign is not sent later: such a round is lost.
        if !enabled && !self.core.driver.step_is_propose() {
            self.port.guard.bar((self.height(), self.round()));
        }
    }

    /// Where the core may vote inside the call for `input`: in this round, or in the one it leads to.
    fn destination(&self, input: &CoreInput) -> (u64, u32) {
        let (height, round) = (self.height(), self.round());
        match input {
            CoreInput::StartHeight(height, ..) => (height.0, 0),
            CoreInput::Vote(vote) => (height, round.max(vote.message.vote.round)),
            CoreInput::PolkaCertificate(certificate) => (height, round.max(number(certificate.round))),
            CoreInput::RoundCertificate(certificate) => (height, round.max(number(certificate.round))),
            CoreInput::TimeoutElapsed(timeout) if timeout.kind == TimeoutKind::Precommit => {
                (height, round.saturating_add(1))
            }
            _ => (height, round),
        }
    }

    fn run(&mut self, input: CoreInput, effects: &mut Vec<Effect>) {
        let Self { core, port, .. } = self;
        let result: Result<(), Error<Chain>> = process!(
            input: input,
            state: core,
            metrics: &(), // the type of metrics without the `metrics` feature
            with: effect => Ok::<_, Infallible>(port.perform(effect, effects))
        );
        let refused = self.port.guard.take_refusal((self.height(), self.round()));
        if let Err(error) = result
            && !refused
        {
            self.halt(&error.to_string(), effects);
        }
    }

    /// A block was committed, or is what we start on, and nobody knows who decides the next.
    fn halt_without_validators(&mut self, effects: &mut Vec<Effect>) {
        let (next, schedule) = (self.head.height.saturating_add(1), &self.config.schedule);
        let (epoch, until) = (schedule.current().number(), schedule.known_until());
        self.halt(
            &format!("the validators of height {next} are not known, only those of epoch {epoch} up to height {until}"),
            effects,
        );
    }

    fn halt(&mut self, error: &str, effects: &mut Vec<Effect>) {
        let reason = format!(
            "consensus halted at height {} round {}: {error}. This is a fault of the software or of the \
             log; the node follows the chain by range sync and does not sign. Restart it, and report this",
            self.height(),
            self.round()
        );
        self.port.guard.stop(reason.clone());
        // What was queued in this call may be incomplete: it is not sent.
        self.port.outbox.clear();
        self.port.decided = None;
        self.halted = Some(reason.clone());
        effects.push(Effect::Halted { reason });
    }

    fn on_built(&mut self, height: u64, round: u32, block_id: BlockId, effects: &mut Vec<Effect>) {
        if self.is_running(height) && round == self.round() {
            self.blocks.known.insert(block_id);
            let value = LocallyProposedValue::new(Height(height), Round::new(round), Value(block_id));
            self.drive(CoreInput::Propose(value), effects);
        }
    }

    fn on_timer(&mut self, now: Now, id: TimerId, effects: &mut Vec<Effect>) {
        match self.port.timers.fired(id) {
            None => {}
            Some(Timer::Step(timeout)) => {
                self.drive(CoreInput::TimeoutElapsed(timeout), effects);
                if timeout.kind == TimeoutKind::Rebroadcast {
                    self.fetch_again(effects);
                }
            }
            Some(Timer::NextHeight) => {
                if self.phase != Phase::Running {
                    self.phase = Phase::Waiting { paced: true };
                }
                self.begin_if_due(now, effects);
            }
            Some(Timer::Listened) => {
                self.port.guard.listened((self.height(), self.round()));
                self.step_over(effects);
            }
            Some(Timer::StepOver(round)) if round == self.round() => self.step_over(effects),
            Some(Timer::StepOver(_)) => {}
        }
    }

    /// Whether this round gets nowhere and should be left.
    ///
    /// *Barred*: we may not sign in it, and with two validators nobody else can end it. *Left*: a
    /// validator votes in a later round. One that came back from the first case is alone there, and too
    /// few for the core to follow (a third of the power would do); if it is needed for a quorum, nobody
    /// would ever move.
    fn is_futile(&self) -> bool {
        let (height, round) = (self.height(), self.round());
        let left = || self.core.driver.votes().max_round() > self.core.round();
        self.is_running(height)
            && self.halted.is_none()
            && !self.core.driver.step_is_commit()
            && (self.port.guard.barred((height, round)) || left())
    }

    /// Leaves a round by the rule that ends any round (Tendermint, line 65). Safe at any time: safety
    /// rests on what is signed, not on when a round begins.
    fn step_over(&mut self, effects: &mut Vec<Effect>) {
        if self.is_futile() {
            let round = self.round();
            // The core votes and proposes already in the next round inside this call.
            self.core.params.enabled = self.port.guard.allows((self.height(), round.saturating_add(1)));
            self.run(
                CoreInput::TimeoutElapsed(Timeout::precommit(Round::new(round))),
                effects,
            );
        }
    }

    /// Turns what the call left behind into effects, in an order that keeps durable before visible.
    fn flush(&mut self, effects: &mut Vec<Effect>) {
        self.watch_futile_round(effects);
        self.vote_late(effects);
        if let Some((height, round, proposer)) = self.port.started.take() {
            effects.push(Effect::RoundStarted {
                height,
                round,
                proposer,
            });
        }
        if self.port.guard.is_stopped() {
            self.port.keeps_log = false;
            self.port.outbox.clear();
        }
        if !self.port.keeps_log {
            self.port.records.clear();
        }
        if !self.port.outbox.is_empty() || self.port.records.len() >= MAX_UNWRITTEN {
            effects.push(Effect::SyncThenPublish {
                records: std::mem::take(&mut self.port.records),
                sign_mark: self.port.guard.take_mark(),
                messages: self.port.take_outbox(),
            });
        }
        if let Some((certificate, evidence)) = self.port.decided.take() {
            effects.push(Effect::Commit {
                certificate,
                evidence,
            });
        }
        if let Some((height, round)) = self.port.wanted.take()
            && (self.height(), self.round()) == (height, round)
            && self.core.driver.step_is_propose()
        {
            let within = self.port.timeout(Timeout::propose(Round::new(round)));
            effects.push(Effect::Build {
                height,
                round,
                within,
            });
        }
    }

    fn watch_futile_round(&mut self, effects: &mut Vec<Effect>) {
        let round = self.round();
        if self.is_futile() && !self.port.timers.runs(Timer::StepOver(round)) {
            let after = self.port.whole_round(round);
            self.port.timers.start(Timer::StepOver(round), after, effects);
        }
    }

    fn step(&self) -> Step {
        let driver = &self.core.driver;
        match self.phase {
            Phase::Waiting { .. } => Step::Waiting,
            Phase::Running if driver.step_is_commit() => Step::Commit,
            Phase::Running if driver.step_is_precommit() => Step::Precommit,
            Phase::Running if driver.step_is_prevote() => Step::Prevote,
            Phase::Running => Step::Propose,
        }
    }
}
