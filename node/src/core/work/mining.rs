//! Templates: blocks without a seal, for our own threads and for miners outside.
//!
//! *Life of a template.* It is built on the head by the ledger thread, named by the BLAKE3 hash of its
//! header, and worth nothing once the head is another. Our own is built anew when the head moves, when
//! the mempool has changed, and every few seconds for the sake of its time ([`refresh`]). One for a miner
//! outside is built when it is asked for, unless a recent one with the same reward address is here.
//!
//! *When our threads do not mine.* Not before this node has heard of its peers' chains, or has waited in
//! vain for peers ([`start_patience`]): a node that joins would make a chain of its own, and below its
//! finality depth never leave it. Not while it is far behind ([`FAR_BEHIND`]). And while blocks come ten
//! times faster than they should, because a new network is stronger than its genesis expected, only once
//! in a while ([`Core::is_hot`]): else nodes would fork deeper than finality before they hear each other.
//! All of this is politeness, not a rule: nobody can rely on it, and miners outside need not know it.
//!
//! *Life of a nonce.* It makes the template a block like any other: the engine judges its header, the
//! block becomes the head in one durable commit, and only then it is gossiped and the miner is answered.
//!
//! *Bounds.* [`MAX_TEMPLATES`] templates: when full, the oldest that our threads do not work on goes.
//! [`MAX_BUILDS`] in the making; who asks for another meanwhile is told that the node is busy. Templates
//! share their transactions with the mempool.

use std::{collections::BTreeMap, time::Duration};

use aureon_chain::{
    import::ExecutedBlock,
    production::{self, BuildParams},
    sync::Phase,
};
use aureon_consensus::{Input as EngineInput, Now, pow};
use aureon_types::{Address, BlockId, Hash, limits::MAX_BLOCK_BYTES};
use bytes::Bytes;

use super::{Mined, MiningWork, Template, Templating};
use crate::{
    adapters::View,
    core::{Core, Effect, Job, ReplyToken, Timer},
};

/// Most templates.
pub const MAX_TEMPLATES: usize = 16;
/// Most templates in the making.
const MAX_BUILDS: usize = 4;
/// A template is built anew when it is so old: its time should not fall behind.
const MAX_AGE: Duration = Duration::from_secs(5);
/// The longest time between two looks whether a template should be built anew.
const MAX_REFRESH: Duration = Duration::from_secs(1);
/// The shortest.
const MIN_REFRESH: Duration = Duration::from_millis(100);
/// Longest time for choosing and executing what goes into a template; a third of the block time if that
/// is less.
const MAX_BUDGET: Duration = Duration::from_secs(2);

/// A node whose head is so many blocks below the heaviest header does not mine.
const FAR_BEHIND: u64 = 16;

/// Longest time that a node without peers waits for some before it mines.
const MAX_START_PATIENCE: Duration = Duration::from_secs(10);
/// The shortest; also how long the first peers have to tell how far they are.
const MIN_START_PATIENCE: Duration = Duration::from_secs(1);

/// How this node mines.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MiningOptions {
    /// Threads that search; 0: none.
    pub threads: usize,
    /// Who receives reward and fees, unless a miner outside names another. Needed where `threads` is not
    /// 0: without it nothing is mined.
    pub reward: Option<Address>,
}

/// What mining does here, for people.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct MiningStatus {
    /// Threads that search.
    pub threads: usize,
    /// Who receives reward and fees.
    pub reward: Option<Address>,
    /// Hashes per second over the last seconds.
    pub hash_rate: f64,
}

/// A template as a miner outside needs it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TemplateView {
    /// BLAKE3 of the header bytes: what is hashed with the nonce, and the name of the template.
    pub header_hash: Hash,
    /// The header bytes.
    pub header: Bytes,
    /// The work must not exceed it; big-endian.
    pub target: [u8; 32],
    /// Height of the block.
    pub height: u64,
    /// The head that it stands on.
    pub parent: BlockId,
    /// Its time, in milliseconds since 1970-01-01 UTC.
    pub timestamp_ms: u64,
    /// How many transactions it holds.
    pub transactions: usize,
    /// Who receives reward and fees.
    pub reward: Address,
}

/// Why there is no template.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TemplateRefusal {
    /// Blocks are not mined here.
    #[error("this network does not run on proof of work: its blocks are voted on, not mined")]
    NotMined,
    /// Nobody would receive the reward.
    #[error("no reward address: give one with ?reward=0x..., or start the node with --reward-address")]
    NoReward,
    /// Too many are in the making.
    #[error("{0} templates are being built, no more are at once; ask again in a moment")]
    Busy(usize),
    /// The node is shutting down.
    #[error("the node is stopping")]
    Stopping,
}

/// Answers who asked for a template.
pub type TemplateOutcome = Result<TemplateView, TemplateRefusal>;

/// Why a nonce makes no block of the chain.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SealRefusal {
    /// Blocks are not mined here.
    #[error("this network does not run on proof of work: its blocks are voted on, not mined")]
    NotMined,
    /// The head is another by now, newer templates took its place, or it never was one of ours.
    #[error(
        "template {template} is stale: the head is block {head} of height {height} now, or newer templates took its place; get a new one"
    )]
    Stale {
        /// What was named.
        template: Hash,
        /// Our head.
        head: BlockId,
        /// Its height.
        height: u64,
    },
    /// The hash is above the target.
    #[error(
        "the work is insufficient: nonce {nonce} gives hash {hash}, which must not exceed target {target}"
    )]
    Insufficient {
        /// What was given.
        nonce: u64,
        /// What it hashes to.
        hash: Hash,
        /// The template's.
        target: Hash,
    },
    /// It makes a block, but another of the same height was the head first.
    #[error("block {block_id} is valid and came too late: another block of its height was first")]
    Late {
        /// The block.
        block_id: BlockId,
    },
    /// The node is shutting down.
    #[error("the node is stopping")]
    Stopping,
}

/// Answers who submitted a nonce: the block, which is the head and durable, and its height.
pub type SealOutcome = Result<(BlockId, u64), SealRefusal>;

#[derive(Debug)]
struct Kept {
    executed: ExecutedBlock<View>,
    reward: Address,
    built: Duration,
}

#[derive(Debug)]
struct Build {
    parent: BlockId,
    reward: Address,
    /// For our own threads.
    own: bool,
    replies: Vec<ReplyToken>,
}

/// What a template was built from, beside the head: if it has changed, a new one may be worth more.
type PoolMark = (usize, usize, usize);

/// The templates of a node.
#[derive(Debug, Default)]
pub(in crate::core) struct Mining {
    options: MiningOptions,
    templates: BTreeMap<Hash, Kept>,
    building: BTreeMap<u64, Build>,
    /// The one that our threads work on.
    searched: Option<Hash>,
    pool: PoolMark,
    /// Who waits for a block of theirs to be durable.
    waiting: BTreeMap<BlockId, Vec<ReplyToken>>,
    /// When this node started, and whether its threads have begun.
    started: Duration,
    begun: bool,
}

impl Mining {
    pub(in crate::core) fn new(options: MiningOptions) -> Self {
        Self {
            options,
            ..Self::default()
        }
    }

    /// The address that our own threads mine for, if they do.
    fn own_reward(&self) -> Option<Address> {
        self.options.reward.filter(|_| self.options.threads > 0)
    }

    fn bound(&mut self) {
        while self.templates.len() > MAX_TEMPLATES {
            let others = self
                .templates
                .iter()
                .filter(|(hash, _)| Some(**hash) != self.searched);
            let Some(oldest) = others.min_by_key(|(_, kept)| kept.built).map(|(hash, _)| *hash) else {
                return;
            };
            self.templates.remove(&oldest);
        }
    }
}

/// How often a look is taken whether our own template should be built anew: a fifth of the block time,
/// within bounds.
fn refresh(block_time_ms: u64) -> Duration {
    Duration::from_millis(block_time_ms / 5).clamp(MIN_REFRESH, MAX_REFRESH)
}

/// How long a node without peers waits for some before it mines: two block times, within bounds.
fn start_patience(block_time_ms: u64) -> Duration {
    Duration::from_millis(block_time_ms.saturating_mul(2)).clamp(MIN_START_PATIENCE, MAX_START_PATIENCE)
}

impl Core {
    /// What mining does here; `None` where blocks are not mined.
    pub(in crate::core) fn mining_status(&self) -> Option<MiningStatus> {
        let MiningOptions { threads, reward } = self.mining.options;
        self.work.as_ref().map(|_| MiningStatus {
            threads,
            reward,
            hash_rate: 0.0,
        })
    }

    /// Begins to mine, if this node does.
    pub(in crate::core) fn start_mining(&mut self, now: Now, effects: &mut Vec<Effect>) {
        self.mining.started = now.monotonic;
        if self.work.is_some() && self.mining.own_reward().is_some() {
            self.start_mining_timer(effects);
        }
    }

    /// Whether our threads may begin: once they may, they go on.
    fn has_begun(&mut self, now: Now) -> bool {
        if !self.mining.begun {
            let age = now.monotonic.saturating_sub(self.mining.started);
            let synced = self
                .headers
                .as_ref()
                .is_some_and(|headers| headers.status(now).phase == Phase::Synced);
            let joined = age >= MIN_START_PATIENCE && synced && !self.peers.is_empty();
            self.mining.begun = joined || age >= start_patience(self.chain.genesis.block_time_ms);
        }
        self.mining.begun
    }

    /// Whether the last blocks came ten times faster than they should: the times of the head and of the
    /// median, five blocks below, are closer than half a block time.
    fn is_hot(&self) -> bool {
        self.parent.lineage.work().is_some_and(|chain| {
            let last_five = chain.timestamp_ms().saturating_sub(chain.median_time_ms());
            last_five < chain.rules().block_time_ms / 2
        })
    }

    fn start_mining_timer(&self, effects: &mut Vec<Effect>) {
        effects.push(Effect::StartTimer {
            timer: Timer::Mining,
            after: refresh(self.chain.genesis.block_time_ms),
        });
    }

    pub(in crate::core) fn on_mining_timer(&mut self, now: Now, effects: &mut Vec<Effect>) {
        self.start_mining_timer(effects);
        if self.mining.building.values().any(|build| build.own) || !self.has_begun(now) {
            return;
        }
        let age = self
            .mining
            .searched
            .and_then(|hash| self.mining.templates.get(&hash))
            .map(|kept| now.monotonic.saturating_sub(kept.built));
        if age.is_none_or(|age| age >= MAX_AGE) || self.pool_mark() != self.mining.pool {
            self.build_own(now, effects);
        }
    }

    fn pool_mark(&self) -> PoolMark {
        (
            self.mempool.count(),
            self.mempool.ready_count(),
            self.mempool.bytes(),
        )
    }

    /// The head moved: all templates are worthless.
    pub(super) fn on_head_for_mining(&mut self, now: Now, effects: &mut Vec<Effect>) {
        self.mining.templates.clear();
        if self.mining.searched.take().is_some() {
            effects.push(Effect::Mine(None));
        }
        self.answer_miners(effects);
        let building = self.mining.building.values().any(|build| build.own);
        // While blocks are too fast, the timer is what builds.
        if self.mining.begun && !building && !self.is_hot() {
            self.build_own(now, effects);
        }
    }

    /// Builds a template for our threads. Not while this node is far behind: blocks on an old head are
    /// worth nothing, and each would be a detour of the catch-up. Close behind it is built all the same:
    /// nobody stops our mining with headers whose bodies he keeps.
    fn build_own(&mut self, now: Now, effects: &mut Vec<Effect>) {
        if self.blocks_behind() > FAR_BEHIND {
            return;
        }
        if let Some(reward) = self.mining.own_reward() {
            self.mining.pool = self.pool_mark();
            self.build_template(now, reward, true, Vec::new(), effects);
        }
    }

    /// How much higher than the head the heaviest branch of headers goes.
    fn blocks_behind(&self) -> u64 {
        let best = self
            .engine
            .work()
            .and_then(|engine| engine.work_chain(&engine.best_header()));
        best.map_or(0, |chain| chain.height().saturating_sub(self.parent.info.height))
    }

    fn build_template(
        &mut self,
        now: Now,
        reward: Address,
        own: bool,
        replies: Vec<ReplyToken>,
        effects: &mut Vec<Effect>,
    ) {
        let rules = match self.chain.rules(&self.parent) {
            Ok(rules) => rules,
            Err(error) => {
                let reason = error.to_string();
                return effects.push(Effect::Stop { reason });
            }
        };
        let token = self.token();
        let build = Build {
            parent: self.parent.info.id,
            reward,
            own,
            replies,
        };
        self.mining.building.insert(token, build);
        let gas_limit = rules.gas_limit;
        let params = BuildParams {
            parent: self.parent.info,
            previous_commit: Bytes::new(),
            rules,
            timestamp_ms: now.wall_ms,
            proposer: reward,
            max_gas: gas_limit,
            max_bytes: MAX_BLOCK_BYTES,
        };
        let block_time = Duration::from_millis(self.chain.genesis.block_time_ms);
        let templating = Templating {
            token,
            params,
            view: self.parent.view.clone(),
            candidates: self.candidates(gas_limit, MAX_BLOCK_BYTES),
            budget: (block_time / 3).min(MAX_BUDGET),
        };
        effects.push(Effect::Job(Job::Template(Box::new(templating))));
    }

    pub(in crate::core) fn on_template(&mut self, now: Now, template: Template, effects: &mut Vec<Effect>) {
        let Template {
            token,
            executed,
            stale,
        } = template;
        self.drop_inapplicable(now, stale);
        let Some(build) = self.mining.building.remove(&token) else {
            return;
        };
        if build.parent != self.parent.info.id {
            // The head moved while it was built.
            let own = build.own && !self.is_hot();
            if own || !build.replies.is_empty() {
                self.build_template(now, build.reward, own, build.replies, effects);
            }
            return;
        }
        let kept = Kept {
            executed,
            reward: build.reward,
            built: now.monotonic,
        };
        let hash = Hash(pow::header_hash(kept.executed.block().sealed_header().bytes()));
        for reply in build.replies {
            let outcome = Ok(view(hash, &kept));
            effects.push(Effect::ReplyTemplate { reply, outcome });
        }
        if build.own {
            self.mining.searched = Some(hash);
            let target = pow::Target::from_bytes(&target(&kept.executed));
            effects.push(Effect::Mine(target.map(|target| MiningWork {
                template: hash,
                target,
            })));
        }
        self.mining.templates.insert(hash, kept);
        self.mining.bound();
    }

    /// A miner outside asks for a template.
    pub(in crate::core) fn on_template_wanted(
        &mut self,
        now: Now,
        reward: Option<Address>,
        reply: ReplyToken,
        effects: &mut Vec<Effect>,
    ) {
        if self.work.is_none() {
            let outcome = Err(TemplateRefusal::NotMined);
            return effects.push(Effect::ReplyTemplate { reply, outcome });
        }
        let Some(reward) = reward.or(self.mining.options.reward) else {
            let outcome = Err(TemplateRefusal::NoReward);
            return effects.push(Effect::ReplyTemplate { reply, outcome });
        };
        let recent = |kept: &Kept| {
            let age = now.monotonic.saturating_sub(kept.built);
            kept.reward == reward && age < refresh(self.chain.genesis.block_time_ms)
        };
        if let Some((hash, kept)) = self.mining.templates.iter().find(|(_, kept)| recent(kept)) {
            let outcome = Ok(view(*hash, kept));
            return effects.push(Effect::ReplyTemplate { reply, outcome });
        }
        let same = |build: &&mut Build| build.reward == reward;
        if let Some(build) = self.mining.building.values_mut().find(same) {
            return build.replies.push(reply);
        }
        let building = self.mining.building.len();
        if building >= MAX_BUILDS {
            let outcome = Err(TemplateRefusal::Busy(building));
            return effects.push(Effect::ReplyTemplate { reply, outcome });
        }
        self.build_template(now, reward, false, vec![reply], effects);
    }

    /// A thread of ours found a nonce.
    pub(in crate::core) fn on_mined(&mut self, mined: Mined, effects: &mut Vec<Effect>) {
        match self.seal(mined.template, mined.nonce, effects) {
            Ok(id) => tracing::info!(block = %id, "mined a block"),
            // The head moved in the same moment.
            Err(refusal) => tracing::debug!(%refusal, "a nonce of ours makes no block"),
        }
    }

    /// A miner outside found one.
    pub(in crate::core) fn on_seal_submitted(
        &mut self,
        mined: Mined,
        reply: ReplyToken,
        effects: &mut Vec<Effect>,
    ) {
        match self.seal(mined.template, mined.nonce, effects) {
            Ok(id) => self.mining.waiting.entry(id).or_default().push(reply),
            Err(refusal) => {
                let outcome = Err(refusal);
                effects.push(Effect::ReplySeal { reply, outcome });
            }
        }
    }

    /// Makes a template a block and hands its header to the engine.
    fn seal(
        &mut self,
        template: Hash,
        nonce: u64,
        effects: &mut Vec<Effect>,
    ) -> Result<BlockId, SealRefusal> {
        if self.work.is_none() {
            return Err(SealRefusal::NotMined);
        }
        let (height, head) = self.head();
        let stale = SealRefusal::Stale {
            template,
            head,
            height,
        };
        let kept = self.mining.templates.get(&template).ok_or(stale.clone())?;
        let Ok(sealed) = production::seal(&kept.executed, nonce.to_le_bytes()) else {
            return Err(SealRefusal::Insufficient {
                nonce,
                hash: Hash(pow::work_hash(&template.0, nonce)),
                target: Hash(target(&kept.executed)),
            });
        };
        let header = sealed.block().sealed_header().clone();
        // Cannot fail: the seal was checked a line above.
        let verified = aureon_consensus::verify_header(header).map_err(|_| stale)?;
        let id = sealed.id();
        self.on_work_valid(&sealed, effects);
        if let Some(branches) = &mut self.work {
            branches.own.insert(id);
        }
        self.pending_engine.push_back(EngineInput::Message(verified));
        Ok(id)
    }

    /// Answers the miners whose blocks are durable, or lost.
    fn answer_miners(&mut self, effects: &mut Vec<Effect>) {
        let (height, head) = self.head();
        for (block_id, replies) in std::mem::take(&mut self.mining.waiting) {
            let is_chain = self
                .work
                .as_ref()
                .is_some_and(|branches| branches.path(&block_id, &head).is_some());
            let at = self
                .work
                .as_ref()
                .and_then(|branches| branches.executed.get(&block_id))
                .map_or(height, |branch| branch.parent.info.height);
            for reply in replies {
                let outcome = if is_chain {
                    Ok((block_id, at))
                } else {
                    Err(SealRefusal::Late { block_id })
                };
                effects.push(Effect::ReplySeal { reply, outcome });
            }
        }
    }
}

fn target(executed: &ExecutedBlock<View>) -> [u8; 32] {
    // A template is always built by rules with a target; without one no hash would be good enough.
    executed.header().target.unwrap_or_default()
}

fn view(header_hash: Hash, kept: &Kept) -> TemplateView {
    let (block, header) = (kept.executed.block(), kept.executed.header());
    TemplateView {
        header_hash,
        header: block.sealed_header().bytes().clone(),
        target: target(&kept.executed),
        height: header.height,
        parent: header.parent_id,
        timestamp_ms: header.timestamp_ms,
        transactions: block.transactions().len(),
        reward: kept.reward,
    }
}
