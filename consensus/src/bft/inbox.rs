//! Messages of peers: the edge before verification, and what happens after it.

use arc_malachitebft_core_types::{NilOrVal, Round, Vote as _, VoteType};
use aureon_types::{BlockId, SignedVote, VoteKind};

use super::{
    Bft, Phase,
    context::Value,
    convert::{message_in, vote_in},
    future::WINDOW,
    guard::Own,
};
use crate::{
    Admit, DropReason, Effect, Message, Now, RoundCertificateKind, SignMark,
    log::{proposal_mark, vote_mark},
};

/// Votes and proposals further ahead are dropped by the core; round certificates lead there.
const ROUND_LOOKAHEAD: u32 = 10;
/// No message of a later round is looked at. At a round in a tenth of a second it is seven years away, and
/// the core counts rounds without looking for the end of their type.
const MAX_ROUND: u32 = u32::MAX / 2;
/// Proposals of one round that are kept: two prove their signer's fault, more prove nothing.
const PROPOSALS_PER_ROUND: usize = 2;

impl Bft {
    /// See [`crate::Engine::admit`].
    pub fn admit(&mut self, message: &Message) -> Admit {
        match self.objection(message) {
            None => Admit::Verify,
            Some(reason) => {
                self.drops.count(reason);
                Admit::Drop(reason)
            }
        }
    }

    /// See [`crate::Engine::count_drop`].
    pub fn count_drop(&mut self, reason: DropReason) {
        self.drops.count(reason);
    }

    fn objection(&self, message: &Message) -> Option<DropReason> {
        let height = message.height();
        if self.halted.is_some() {
            return Some(DropReason::Halted);
        }
        if matches!(message, Message::Work(_)) {
            return Some(DropReason::OtherEngine);
        }
        if height > self.head.height.saturating_add(WINDOW) {
            return Some(DropReason::TooFarAhead);
        }
        if height > self.config.schedule.known_until() {
            return Some(DropReason::UnknownValidators);
        }
        if message.round() > MAX_ROUND {
            return Some(DropReason::RoundTooFarAhead);
        }
        if self.is_running(height) {
            return self.objection_now(message);
        }
        if height > self.head.height {
            return self.future.objection(message);
        }
        // Between the decision and the next height, late precommits are still collected.
        match message {
            Message::Vote(vote) if self.is_late_precommit(vote) => self.objection_to_vote(vote),
            _ => Some(DropReason::Old),
        }
    }

    fn is_late_precommit(&self, vote: &SignedVote) -> bool {
        vote.vote.kind == VoteKind::Precommit
            && vote.vote.height == self.height()
            && self.began.is_some()
            && self.core.decided_value().is_some()
    }

    /// The message is of the running height.
    fn objection_now(&self, message: &Message) -> Option<DropReason> {
        let round = message.round();
        let too_far = round > self.round().saturating_add(ROUND_LOOKAHEAD);
        match message {
            Message::Vote(_) | Message::Proposal(_) if too_far => Some(DropReason::RoundTooFarAhead),
            Message::Vote(vote) => self.objection_to_vote(vote),
            Message::Proposal(proposal) => {
                let (known, block) = (self.blocks.per_round.get(&round), &proposal.proposal.block_id);
                if known.is_some_and(|known| known.contains(block)) {
                    return Some(DropReason::Duplicate);
                }
                let full = known.is_some_and(|known| known.len() >= PROPOSALS_PER_ROUND);
                (full && !self.is_certified(round, *block)).then_some(DropReason::TooManyProposals)
            }
            Message::Polka(certificate) => self
                .is_certified(round, certificate.block_id)
                .then_some(DropReason::Duplicate),
            Message::Round(certificate) => {
                let superseded = match certificate.kind {
                    RoundCertificateKind::Precommit => round < self.round(),
                    RoundCertificateKind::Skip => round <= self.round(),
                };
                superseded.then_some(DropReason::Old)
            }
            Message::Work(_) => Some(DropReason::OtherEngine),
        }
    }

    fn objection_to_vote(&self, vote: &SignedVote) -> Option<DropReason> {
        let (vote, votes) = (vote_in(vote), self.core.driver.votes());
        let counted = votes
            .per_round(vote.round())
            .and_then(|round| round.get_vote(vote.vote_type(), &vote.message.signer));
        match counted {
            Some(counted) if *counted == vote => Some(DropReason::Repeated),
            _ if votes.has_vote(&vote) || votes.is_saturated_conflict(&vote) => Some(DropReason::Duplicate),
            _ => None,
        }
    }

    fn is_certified(&self, round: u32, block: BlockId) -> bool {
        self.core
            .polka_certificate(Round::new(round), &Value(block))
            .is_some()
    }

    pub(super) fn on_message(&mut self, now: Now, message: Message, effects: &mut Vec<Effect>) {
        // The state may have moved on while a worker checked the signatures.
        if let Admit::Drop(_) = self.admit(&message) {
            return;
        }
        if self.hear(&message, effects) == Some(Own::Echo) {
            return;
        }
        let height = message.height();
        if self.is_running(height) || height <= self.head.height {
            self.feed(&message, effects);
        } else {
            self.future.hold(message);
            if self.phase != Phase::Running {
                self.begin_if_due(now, effects);
            }
        }
    }

    /// Gives `message`, which belongs to the core's height, to the core.
    pub(super) fn feed(&mut self, message: &Message, effects: &mut Vec<Effect>) {
        if let Message::Proposal(proposal) = message {
            let known = self.blocks.per_round.entry(proposal.proposal.round).or_default();
            known.insert(proposal.proposal.block_id);
        }
        let Some(input) = message_in(message) else { return };
        self.drive(input, effects);
        if !self.is_running(message.height()) || self.halted.is_some() {
            return;
        }
        match message {
            Message::Proposal(signed) => self.execute(signed, effects),
            Message::Polka(certificate) => self.fetch(certificate.block_id, certificate.round, effects),
            Message::Vote(vote) => self.fetch_if_trusted(vote, effects),
            Message::Round(_) | Message::Work(_) => {}
        }
    }

    pub(super) fn execute(&mut self, signed: &aureon_types::SignedProposal, effects: &mut Vec<Effect>) {
        let proposal = signed.proposal;
        self.blocks.missing.remove(&proposal.block_id);
        if self.blocks.known.insert(proposal.block_id) {
            effects.push(Effect::Execute {
                height: proposal.height,
                round: proposal.round,
                proposer: signed.proposer,
                block_id: proposal.block_id,
                valid_round: proposal.valid_round,
            });
        }
    }

    /// More than a third votes for the block: at least one honest validator has it and found it valid.
    fn is_trusted(&self, vote: &SignedVote, block: BlockId) -> bool {
        let kind = match vote.vote.kind {
            VoteKind::Prevote => VoteType::Prevote,
            VoteKind::Precommit => VoteType::Precommit,
        };
        let votes = self.core.driver.votes();
        let power = votes.per_round(Round::new(vote.vote.round)).map_or(0, |round| {
            round.votes().get_weight(kind, &NilOrVal::Val(Value(block)))
        });
        power.saturating_mul(3) > self.epoch_or_current(vote.vote.height).set().total_power()
    }

    pub(super) fn fetch_if_trusted(&mut self, vote: &SignedVote, effects: &mut Vec<Effect>) {
        if let Some(block) = vote.vote.block_id
            && self.is_trusted(vote, block)
        {
            self.fetch(block, vote.vote.round, effects);
        }
    }

    pub(super) fn fetch(&mut self, block_id: BlockId, round: u32, effects: &mut Vec<Effect>) {
        if !self.blocks.known.contains(&block_id) && self.blocks.missing.insert(block_id, round).is_none() {
            effects.push(Effect::Fetch {
                height: self.height(),
                round,
                block_id,
            });
        }
    }

    pub(super) fn fetch_again(&mut self, effects: &mut Vec<Effect>) {
        let height = self.height();
        for (block_id, round) in &self.blocks.missing {
            effects.push(Effect::Fetch {
                height,
                round: *round,
                block_id: *block_id,
            });
        }
    }

    /// Lets the guard hear where others are in the running height; messages for later ones are heard
    /// when theirs begins. One liar costs us a few rounds at most: with a vote for another height, or
    /// for a far round, it could bar us from what is needed now.
    pub(super) fn listen(&mut self, message: &Message) {
        let (height, round) = (message.height(), message.round());
        let near = round <= self.round().saturating_add(ROUND_LOOKAHEAD);
        let heard = match message {
            Message::Vote(_) | Message::Proposal(_) => near,
            Message::Polka(_) | Message::Round(_) => true,
            Message::Work(_) => false,
        };
        if heard && self.is_running(height) {
            self.port.guard.hear((height, round));
        }
    }

    /// Lets the guard listen, and judges what is signed with our own key. `None`: nothing is.
    fn hear(&mut self, message: &Message, effects: &mut Vec<Effect>) -> Option<Own> {
        let own = self.port.guard.address()?;
        self.listen(message);
        let votes: Vec<SignedVote> = match message {
            Message::Vote(vote) => vec![vote.clone()],
            Message::Proposal(signed) if signed.proposer == own => {
                return Some(self.judge(proposal_mark(signed), &signed.proposal.encode(), effects));
            }
            Message::Proposal(_) | Message::Work(_) => Vec::new(),
            Message::Polka(certificate) => certificate.votes().collect(),
            Message::Round(certificate) => certificate.votes().collect(),
        };
        let vote = votes.iter().find(|vote| vote.validator == own)?;
        let judged = self.judge(vote_mark(vote), &vote.vote.encode(), effects);
        // An echo inside a certificate does not make the certificate one.
        if message.author().is_some() {
            Some(judged)
        } else {
            None
        }
    }

    fn judge(&mut self, at: SignMark, content: &[u8], effects: &mut Vec<Effect>) -> Own {
        let judged = self.port.guard.judge_own(at, content);
        if judged == Own::Foreign && !self.port.guard.is_stopped() {
            let reason = format!(
                "this node stopped signing: another process signs with its validator key (a message for \
                 height {} round {} that this node did not make). Stop one of the two, or give this node \
                 its own key; then restart it",
                at.height, at.round
            );
            self.port.guard.stop(reason.clone());
            effects.push(Effect::SigningStopped { reason });
        }
        judged
    }
}
