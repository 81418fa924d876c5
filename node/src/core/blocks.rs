//! The way of a block of others until it may be decided: proposed by gossip, assembled, executed.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use aureon_chain::{
    assembly::{self, AssembledBlock, Proof, VerifiedLeaves},
    import::ExecutedBlock,
    sync,
};
use aureon_consensus::{Fault, Message, Now};
use aureon_proto::v1::sync_request;
use aureon_protocol::{Offence, PeerId, Verdict};
use aureon_types::{Address, Block, BlockId, SignedProposal};

use super::{
    Body, BodyFault, CheckedProposal, Core, Effect, Executing, GossipFault, GossipToken, Job, Timer,
    done::builder_fits,
};
use crate::adapters::View;

/// Blocks of undecided heights that are kept, executed or not. More than a few come only from
/// validators that cheat; the engine asks for each at most once per round. When full, the blocks that
/// wait longest for a question go.
const MAX_KEPT: usize = 32;
/// Proposals and verdicts of undecided heights that are remembered.
const MAX_REMEMBERED: usize = 256;

/// What the engine asked about a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Asked {
    pub height: u64,
    pub round: u32,
    pub proposer: Address,
    pub valid_round: Option<u32>,
}

/// Blocks above the head.
#[derive(Default)]
pub(super) struct Blocks {
    /// Signed proposals by block, for peers that ask for the block.
    pub proposals: BTreeMap<BlockId, SignedProposal>,
    /// The engine waits for a verdict on these.
    asked: BTreeMap<BlockId, Vec<Asked>>,
    /// All parts are here and nobody has asked yet.
    assembled: BTreeMap<BlockId, Box<AssembledBlock>>,
    /// A worker has these.
    executing: BTreeSet<BlockId>,
    /// Their time has not come.
    held: BTreeMap<BlockId, Body>,
    /// Executed and durable.
    pub executed: BTreeMap<BlockId, ExecutedBlock<View>>,
    /// Durable from before a restart, not executed in this life.
    undecided: BTreeMap<BlockId, Arc<Block>>,
    invalid: BTreeSet<BlockId>,
    /// The one that is being committed.
    pub committing: Option<BlockId>,
}

impl Blocks {
    pub(super) fn new(undecided: Vec<Arc<Block>>) -> Self {
        Self {
            undecided: undecided.into_iter().map(|block| (block.id(), block)).collect(),
            ..Self::default()
        }
    }

    /// The body of a block above the head, if it is durable here.
    pub(super) fn body(&self, id: &BlockId) -> Option<Arc<Block>> {
        let executed = self.executed.get(id).map(|executed| Arc::clone(executed.block()));
        executed.or_else(|| self.undecided.get(id).cloned())
    }

    /// Forgets what a committed height makes worthless.
    pub(super) fn committed(&mut self, height: u64) {
        self.proposals
            .retain(|_, proposal| proposal.proposal.height > height);
        self.asked
            .retain(|_, asked| asked.iter().any(|asked| asked.height > height));
        self.assembled.retain(|_, block| block.header().height > height);
        self.executed.retain(|_, block| block.header().height > height);
        self.undecided.retain(|_, block| block.header().height > height);
        self.held.clear();
        self.invalid.clear();
        self.committing = None;
    }

    fn bound(&mut self) {
        while self.proposals.len() > MAX_REMEMBERED {
            self.proposals.pop_first();
        }
        while self.invalid.len() > MAX_REMEMBERED {
            self.invalid.pop_first();
        }
        while self.assembled.len() > MAX_KEPT {
            self.assembled.pop_first();
        }
    }
}

impl Core {
    pub(super) fn assembly_input(
        &mut self,
        now: Now,
        input: assembly::Input<PeerId>,
        effects: &mut Vec<Effect>,
    ) {
        let mut wishes = Vec::new();
        let mempool = &self.mempool;
        self.assembler
            .handle(now.monotonic, input, &|leaf| mempool.by_leaf(leaf), &mut wishes);
        for wish in wishes {
            self.on_assembly_effect(now, wish, effects);
        }
    }

    fn on_assembly_effect(&mut self, now: Now, wish: assembly::Effect<PeerId>, effects: &mut Vec<Effect>) {
        match wish {
            assembly::Effect::RequestTransactions {
                peer,
                request,
                block_id,
                leaves,
            } => {
                let body = assembly::transactions_request(block_id, &leaves);
                let asked = super::requests::Asked::Transactions(request);
                self.ask(peer, asked, sync_request::Request::Transactions(body), effects);
            }
            assembly::Effect::RequestBlock {
                peer,
                request,
                block_id,
            } => {
                let (asked, body) = (
                    super::requests::Asked::Block(request),
                    assembly::block_request(block_id),
                );
                self.ask(peer, asked, sync_request::Request::Block(body), effects);
            }
            assembly::Effect::Assembled { block, peer, .. } if self.work.is_some() => {
                self.on_work_body(block, peer, effects);
            }
            assembly::Effect::Assembled { block, proof, .. } => self.on_assembled(now, block, proof, effects),
            assembly::Effect::Refused { block_id, reason } if self.work.is_some() => {
                self.on_work_invalid(block_id, &reason, None, effects);
            }
            assembly::Effect::Refused { block_id, reason } => self.on_invalid(block_id, &reason),
            assembly::Effect::Abandoned { block_id } if self.work.is_some() => {
                self.on_work_abandoned(now, block_id, effects);
            }
            assembly::Effect::Abandoned { block_id } => {
                tracing::info!(block = %block_id, "no peer has the body of a proposed block");
            }
            assembly::Effect::Penalize { peer, offence } => {
                let kind = if offence.is_deliberate() {
                    Offence::InvalidBlock
                } else {
                    Offence::Unresponsive
                };
                effects.push(Effect::Penalize {
                    peer,
                    offence: kind,
                    reason: offence.to_string(),
                });
            }
            assembly::Effect::StartTimer { timer, after } => {
                effects.push(Effect::StartTimer {
                    timer: Timer::Assembly(timer),
                    after,
                });
            }
        }
    }

    pub(super) fn on_proposal_checked(
        &mut self,
        now: Now,
        message: GossipToken,
        from: PeerId,
        result: Result<Box<CheckedProposal>, GossipFault>,
        effects: &mut Vec<Effect>,
    ) {
        let CheckedProposal { verified, proposed } = match result {
            Ok(checked) => *checked,
            Err(fault) => {
                tracing::debug!(peer = %from, %fault, "a false proposal");
                self.engine.count_drop(fault.reason());
                let verdict = fault.verdict();
                effects.push(Effect::Verdict { message, verdict });
                if let GossipFault::Consensus(Fault::UnknownValidators(height)) = fault {
                    self.on_unknown_height(now, height, effects);
                }
                return;
            }
        };
        let height = proposed.header.header().height;
        if height <= self.parent.info.height {
            effects.push(Effect::Verdict {
                message,
                verdict: Verdict::Ignore,
            });
            return;
        }
        effects.push(Effect::Verdict {
            message,
            verdict: Verdict::Accept,
        });
        if let Some(proposal) = &proposed.proposal {
            self.blocks
                .proposals
                .insert(proposed.header.id(), proposal.clone());
        }
        self.blocks.bound();
        if height > self.parent.info.height.saturating_add(1) {
            self.sync_input(now, sync::Input::VoteSeen { height }, effects);
        }
        let known = self.blocks.body(&proposed.header.id()).is_some();
        self.pending_engine
            .push_back(aureon_consensus::Input::Message(verified));
        if !known {
            let proposed = assembly::Input::Proposed {
                peer: from,
                proposed: Box::new(proposed),
            };
            self.assembly_input(now, proposed, effects);
        }
    }

    fn on_assembled(
        &mut self,
        now: Now,
        block: Box<AssembledBlock>,
        proof: Option<Proof>,
        effects: &mut Vec<Effect>,
    ) {
        let id = block.id();
        if block.header().height <= self.parent.info.height || self.blocks.executed.contains_key(&id) {
            return;
        }
        if let Some(Proof::Proposal(proposal)) = proof {
            self.on_fetched_proposal(proposal, effects);
        }
        if self.blocks.asked.contains_key(&id) {
            self.execute(now, id, Body::Parts(block), effects);
        } else {
            self.blocks.assembled.insert(id, block);
            self.blocks.bound();
        }
    }

    /// A body that was asked for by id brings the proposal that was lost.
    fn on_fetched_proposal(&mut self, proposal: SignedProposal, effects: &mut Vec<Effect>) {
        let content = Message::Proposal(proposal);
        if self.engine.admit(&content) == aureon_consensus::Admit::Verify {
            let from = self.local_peer;
            effects.push(Effect::Job(Job::CheckConsensus {
                message: None,
                from,
                content,
                lineage: self.parent.lineage.clone(),
            }));
        }
    }

    /// The engine asks whether a block may be decided.
    pub(super) fn on_execute(&mut self, now: Now, id: BlockId, asked: Asked, effects: &mut Vec<Effect>) {
        if let Some(executed) = self.blocks.executed.get(&id) {
            let valid = fits(executed.block(), &asked);
            return self.answer(id, asked, valid);
        }
        if self.blocks.invalid.contains(&id) {
            return self.answer(id, asked, false);
        }
        self.blocks.asked.entry(id).or_default().push(asked);
        if self.blocks.executing.contains(&id) || self.blocks.held.contains_key(&id) {
            return;
        }
        if let Some(block) = self.blocks.assembled.remove(&id) {
            return self.execute(now, id, Body::Parts(block), effects);
        }
        if let Some(block) = self.blocks.undecided.get(&id).cloned() {
            return self.execute(
                now,
                id,
                Body::Whole {
                    block,
                    known: VerifiedLeaves::default(),
                },
                effects,
            );
        }
        let Asked { height, round, .. } = asked;
        self.assembly_input(
            now,
            assembly::Input::Wanted {
                block_id: id,
                height,
                round,
                peer: None,
            },
            effects,
        );
    }

    fn execute(&mut self, now: Now, block_id: BlockId, body: Body, effects: &mut Vec<Effect>) {
        self.blocks.executing.insert(block_id);
        let executing = Executing {
            block_id,
            body,
            parent: self.parent.clone(),
            wall_ms: now.wall_ms,
        };
        effects.push(Effect::Job(Job::Execute(Box::new(executing))));
    }

    pub(super) fn on_held(&mut self, now: Now, id: BlockId, effects: &mut Vec<Effect>) {
        if let Some(body) = self.blocks.held.remove(&id) {
            self.execute(now, id, body, effects);
        }
    }

    pub(super) fn on_executed(
        &mut self,
        now: Now,
        id: BlockId,
        result: Result<ExecutedBlock<View>, BodyFault>,
        effects: &mut Vec<Effect>,
    ) {
        self.blocks.executing.remove(&id);
        match result {
            Ok(executed) if executed.header().height <= self.parent.info.height => {}
            Ok(executed) => {
                let block = Arc::clone(executed.block());
                self.blocks.executed.insert(id, executed);
                for asked in self.blocks.asked.remove(&id).unwrap_or_default() {
                    self.answer(id, asked, fits(&block, &asked));
                }
            }
            Err(BodyFault::Invalid(reason)) => self.on_invalid(id, &reason),
            Err(BodyFault::TooFarAhead { until_ms, body }) => {
                let wait = Duration::from_millis(until_ms.saturating_sub(now.wall_ms).max(1));
                tracing::warn!(
                    block = %id,
                    ahead_ms = until_ms.saturating_sub(now.wall_ms),
                    "a proposed block is ahead of our clock and is held back: check the clocks of this machine and of its proposer"
                );
                self.blocks.held.insert(id, body);
                effects.push(Effect::StartTimer {
                    timer: Timer::Held(id),
                    after: wait,
                });
            }
            // Bodies in the block store are only named under proof of work.
            Err(BodyFault::Overtaken | BodyFault::Missing) => {}
        }
    }

    fn on_invalid(&mut self, id: BlockId, reason: &str) {
        tracing::warn!(block = %id, reason, "a proposed block is invalid");
        self.blocks.invalid.insert(id);
        self.blocks.bound();
        for asked in self.blocks.asked.remove(&id).unwrap_or_default() {
            self.answer(id, asked, false);
        }
    }

    fn answer(&mut self, block_id: BlockId, asked: Asked, valid: bool) {
        let Asked {
            height,
            round,
            proposer,
            ..
        } = asked;
        let executed = aureon_consensus::Input::Executed {
            height,
            round,
            proposer,
            block_id,
            valid,
        };
        self.pending_engine.push_back(executed);
    }
}

fn fits(block: &Block, asked: &Asked) -> bool {
    let fits = builder_fits(&block.header().proposer, &asked.proposer, asked.valid_round);
    if !fits {
        tracing::warn!(block = %block.id(), proposer = %asked.proposer, "a proposer offered another's block as new");
    }
    fits
}
