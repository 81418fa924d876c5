//! The engine and the rest of the core: what it wants is turned into jobs, log entries and messages;
//! gossip becomes its inputs.

use aureon_chain::{assembly, sync};
use aureon_consensus::{
    Admit, DropReason, Effect as Wish, Fault, Message, Now, OutgoingMessage, VerifiedMessage,
};
use aureon_protocol::{PeerId, Topic, Verdict};
use bytes::Bytes;

use super::{Core, Effect, GossipToken, Job, LogJob, Timer};

impl Core {
    /// Feeds the engine what has queued up, until it is silent.
    pub(super) fn run_engine(&mut self, now: Now, effects: &mut Vec<Effect>) {
        while let Some(input) = self.pending_engine.pop_front() {
            let mut wishes = Vec::new();
            self.engine.handle(now, input, &mut wishes);
            self.on_engine_effects(now, wishes, effects);
            if self.pending_engine.is_empty() {
                self.tell_tip(now, effects);
            }
        }
    }

    pub(super) fn on_engine_effects(&mut self, now: Now, wishes: Vec<Wish>, effects: &mut Vec<Effect>) {
        for wish in wishes {
            match wish {
                Wish::StartLog { height } => effects.push(Effect::Log(LogJob::Begin { height })),
                Wish::SyncThenPublish {
                    records,
                    sign_mark,
                    messages,
                } => {
                    let publish = messages
                        .iter()
                        .filter_map(|message| self.outgoing(message))
                        .collect();
                    effects.push(Effect::Log(LogJob::Append {
                        records: records.iter().map(|record| record.encode().to_vec()).collect(),
                        mark: sign_mark.map(|mark| mark.encode().to_vec()),
                        publish,
                    }));
                }
                Wish::StartTimer { id, after } => {
                    effects.push(Effect::StartTimer {
                        timer: Timer::Consensus(id),
                        after,
                    });
                }
                Wish::Build {
                    height,
                    round,
                    within,
                } => self.build(now, height, round, within, effects),
                Wish::Execute {
                    height,
                    proposer,
                    block_id,
                    ..
                } if self.work.is_some() => self.on_work_wanted(now, block_id, height, proposer, effects),
                Wish::Execute {
                    height,
                    round,
                    proposer,
                    block_id,
                    valid_round,
                } => {
                    let asked = super::blocks::Asked {
                        height,
                        round,
                        proposer,
                        valid_round,
                    };
                    self.on_execute(now, block_id, asked, effects);
                }
                Wish::Fetch {
                    height,
                    round,
                    block_id,
                } => {
                    let wanted = assembly::Input::Wanted {
                        block_id,
                        height,
                        round,
                        peer: None,
                    };
                    self.assembly_input(now, wanted, effects);
                }
                Wish::Commit {
                    certificate,
                    evidence,
                } => {
                    self.on_evidence(evidence);
                    self.commit(certificate, effects);
                }
                Wish::HeightClosed {
                    height,
                    precommits,
                    evidence,
                } => {
                    self.on_evidence(evidence);
                    self.merge_late_precommits(height, &precommits);
                }
                Wish::RoundStarted {
                    height,
                    round,
                    proposer,
                } => self.on_round(height, round, &proposer),
                Wish::SigningStopped { reason } => {
                    tracing::error!(%reason, "this validator has stopped signing");
                    self.signing_stopped = Some(reason);
                }
                Wish::Switch {
                    undone,
                    applied,
                    finalized,
                    ..
                } => self.on_switch_wanted(undone, &applied, finalized, effects),
                Wish::Unwanted { blocks } => self.on_work_unwanted(now, &blocks, effects),
                Wish::HeadersJudged {
                    batch,
                    accepted,
                    stop,
                } => self.on_headers_judged(now, batch, accepted, stop, effects),
                Wish::Halted { reason } => {
                    tracing::error!(%reason, "the consensus core halted; this node only follows");
                    self.signing_stopped = Some(reason);
                }
            }
        }
    }

    /// A message as it travels. A proposal takes its block along.
    fn outgoing(&mut self, outgoing: &OutgoingMessage) -> Option<(Topic, Bytes)> {
        let OutgoingMessage { message, attempt } = outgoing;
        let Message::Proposal(proposal) = message else {
            return Some((Topic::Consensus, message.encode(*attempt)?));
        };
        self.blocks
            .proposals
            .insert(proposal.proposal.block_id, proposal.clone());
        let Some(block) = self.blocks.body(&proposal.proposal.block_id) else {
            tracing::warn!(block = %proposal.proposal.block_id, "a proposal is sent without its block: the block is gone");
            return None;
        };
        Some((
            Topic::Blocks,
            assembly::ProposedBlock::encode(&block, Some(proposal), *attempt),
        ))
    }

    /// Halves the size of our blocks when a round that we proposed in failed.
    fn on_round(&mut self, height: u64, round: u32, proposer: &aureon_types::Address) {
        let failed = round
            .checked_sub(1)
            .and_then(|round| self.engine.proposer(height, round));
        if failed.is_some() && failed == self.validator {
            self.limits.on_failed_round();
        }
        if round > 0 {
            tracing::info!(height, round, %proposer, "a new round: the one before ended without a block");
        }
    }

    pub(super) fn on_gossip(
        &mut self,
        now: Now,
        topic: Topic,
        from: PeerId,
        message: GossipToken,
        data: Bytes,
        effects: &mut Vec<Effect>,
    ) {
        match topic {
            Topic::Transactions => self.on_transaction_gossip(message, from, data, effects),
            Topic::Blocks if self.work.is_some() => {
                effects.push(Effect::Job(Job::CheckWork { message, from, data }));
            }
            Topic::Blocks => effects.push(Effect::Job(Job::CheckProposal {
                message,
                from,
                data,
                lineage: self.parent.lineage.clone(),
            })),
            Topic::Consensus => self.on_consensus_gossip(now, from, message, &data, effects),
        }
    }

    fn on_consensus_gossip(
        &mut self,
        now: Now,
        from: PeerId,
        message: GossipToken,
        data: &[u8],
        effects: &mut Vec<Effect>,
    ) {
        let content = match Message::decode(data) {
            Ok((content, _)) => content,
            Err(error) => {
                tracing::debug!(peer = %from, %error, "malformed consensus gossip");
                self.engine.count_drop(DropReason::Malformed);
                effects.push(Effect::Verdict {
                    message,
                    verdict: Verdict::Reject,
                });
                return;
            }
        };
        match self.engine.admit(&content) {
            Admit::Verify => {
                effects.push(Effect::Job(Job::CheckConsensus {
                    message: Some(message),
                    from,
                    content,
                    lineage: self.parent.lineage.clone(),
                }));
            }
            // Verified before, byte for byte: others may still need it.
            Admit::Drop(DropReason::Repeated) => {
                effects.push(Effect::Verdict {
                    message,
                    verdict: Verdict::Accept,
                });
            }
            Admit::Drop(reason) => {
                match reason {
                    DropReason::TooFarAhead => {
                        tracing::debug!(peer = %from, height = content.height(), "a message for a later height");
                    }
                    // Whoever votes there has closed an epoch that we have not: a reason to ask.
                    DropReason::UnknownValidators => self.on_unknown_height(now, content.height(), effects),
                    _ => {}
                }
                let verdict = if reason.is_fault() {
                    Verdict::Reject
                } else {
                    Verdict::Ignore
                };
                effects.push(Effect::Verdict { message, verdict });
            }
        }
    }

    pub(super) fn on_consensus_checked(
        &mut self,
        now: Now,
        message: Option<GossipToken>,
        from: PeerId,
        result: Result<VerifiedMessage, Fault>,
        effects: &mut Vec<Effect>,
    ) {
        let verdict = match &result {
            Ok(_) => Verdict::Accept,
            Err(fault) if fault.is_senders() => Verdict::Reject,
            Err(_) => Verdict::Ignore,
        };
        if let Some(message) = message {
            effects.push(Effect::Verdict { message, verdict });
        }
        if let Err(fault) = &result {
            self.engine.count_drop(fault.reason());
        }
        match result {
            Ok(verified) => {
                let height = verified.message().height();
                if height > self.parent.info.height.saturating_add(1) {
                    self.sync_input(now, sync::Input::VoteSeen { height }, effects);
                }
                self.pending_engine
                    .push_back(aureon_consensus::Input::Message(verified));
            }
            Err(Fault::UnknownValidators(height)) => self.on_unknown_height(now, height, effects),
            Err(fault) => tracing::debug!(peer = %from, %fault, "a false consensus message"),
        }
    }

    /// A message, unproven, for a height whose validators are not known here yet: others may be ahead.
    pub(super) fn on_unknown_height(&mut self, now: Now, height: u64, effects: &mut Vec<Effect>) {
        self.sync_input(now, sync::Input::VoteSeen { height }, effects);
    }
}
