//! Templates: blocks without a seal, for our own threads and for miners outside.
//!
//! *Life of a template.* It is built on the head by the ledger thread, named by the BLAKE3 hash of its
//! header, and worth nothing once the head is another. Our own is built anew when the head moves, when
//! the mempool has changed, and every few seconds for the sake of its time ([`refresh`]). One for a miner
//! outside is built when it is asked for, unless a recent one with the same reward address is here.
//!
//! When our threads do not mine: [`super::pace`].
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
};
use aureon_consensus::{Input as EngineInput, Now, pow};
use aureon_types::{Address, BlockId, Hash, limits::MAX_BLOCK_BYTES};
use bytes::Bytes;

use super::{
    Mined, MiningWork, SealRefusal, Template, TemplateRefusal, TemplateView, Templating, pace::refresh,
};
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
/// Longest time for choosing and executing what goes into a template; a third of the block time if that
/// is less.
const MAX_BUDGET: Duration = Duration::from_secs(2);

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
    pub(super) started: Duration,
    pub(super) begun: bool,
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

    /// Builds a template for our threads.
    fn build_own(&mut self, now: Now, effects: &mut Vec<Effect>) {
        if self.is_far_behind() {
            return;
        }
        if let Some(reward) = self.mining.own_reward() {
            self.mining.pool = self.pool_mark();
            self.build_template(now, reward, true, Vec::new(), effects);
        }
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
