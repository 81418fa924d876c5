//! What the engine tells people.

use arc_malachitebft_core_types::{NilOrVal, Round, VoteType};
use aureon_types::{BlockId, EmptyBlocks, Validator};

use super::{Bft, context::Who};
use crate::{ConsensusStatus, Step, ValidatorVotes};

/// Validators that a sentence names one by one; the rest is counted.
const MAX_NAMED: usize = 4;

impl Bft {
    /// See [`crate::Engine::status`].
    pub fn status(&self) -> ConsensusStatus {
        let height = self.height().max(self.head.height.saturating_add(1));
        let set = self.epoch_or_current(height).set();
        let current = height == self.height();
        let round = if current { self.round() } else { 0 };
        let validators: Vec<ValidatorVotes> = set
            .iter()
            .map(|validator| self.votes_of(validator, round, current))
            .collect();
        let step = self.step();
        ConsensusStatus {
            engine: self.config.engine,
            height,
            round,
            step,
            proposer: self.proposer(height, round),
            waiting_for: self.waiting_for(step, round, &validators),
            validators,
            total_power: set.total_power(),
            quorum_power: quorum(set.total_power()),
            signing: self
                .port
                .guard
                .signing(self.is_validator(height), (height, round)),
            drops: self.drops,
            work: None,
        }
    }

    fn votes_of(&self, validator: &Validator, round: u32, current: bool) -> ValidatorVotes {
        let who = Who(validator.address);
        let vote = |kind| -> Option<Option<BlockId>> {
            let round = self
                .core
                .driver
                .votes()
                .per_round(Round::new(round))
                .filter(|_| current)?;
            Some(match round.get_vote(kind, &who)?.message.value {
                NilOrVal::Nil => None,
                NilOrVal::Val(value) => Some(value.0),
            })
        };
        ValidatorVotes {
            address: validator.address,
            power: validator.power,
            prevote: vote(VoteType::Prevote),
            precommit: vote(VoteType::Precommit),
        }
    }

    fn waiting_for(&self, step: Step, round: u32, validators: &[ValidatorVotes]) -> String {
        if let Some(reason) = &self.halted {
            return reason.clone();
        }
        match step {
            Step::Commit | Step::CatchUp | Step::Mine => "the decided block to be committed".to_owned(),
            Step::Waiting if self.is_on_demand() && !self.pending_transactions => {
                "a transaction: this network makes blocks on demand".to_owned()
            }
            Step::Waiting => "the block time to be over".to_owned(),
            Step::Propose => self.waiting_for_proposal(round),
            Step::Prevote => silent("prevotes", validators, |votes| votes.prevote.is_none()),
            Step::Precommit => silent("precommits", validators, |votes| votes.precommit.is_none()),
        }
    }

    fn is_on_demand(&self) -> bool {
        self.config.empty_blocks == EmptyBlocks::OnDemand
    }

    fn waiting_for_proposal(&self, round: u32) -> String {
        let known = self
            .blocks
            .per_round
            .get(&round)
            .is_some_and(|blocks| !blocks.is_empty());
        let proposer = self.proposer(self.height(), round);
        match proposer {
            _ if known => format!("the proposed block of round {round} to arrive and be executed"),
            Some(proposer) if Some(proposer) == self.port.guard.address() => {
                format!("this node's own block for round {round} to be built")
            }
            Some(proposer) => format!("the proposal of {proposer} for round {round}"),
            None => format!("a proposal for round {round}"),
        }
    }
}

/// The least power that is more than two thirds of `total`.
fn quorum(total: u64) -> u64 {
    let quorum = u128::from(total)
        .saturating_mul(2)
        .checked_div(3)
        .unwrap_or(0)
        .saturating_add(1);
    u64::try_from(quorum).unwrap_or(u64::MAX)
}

fn silent(what: &str, validators: &[ValidatorVotes], is_silent: impl Fn(&ValidatorVotes) -> bool) -> String {
    let total = validators
        .iter()
        .fold(0_u64, |sum, votes| sum.saturating_add(votes.power));
    let silent: Vec<&ValidatorVotes> = validators.iter().filter(|votes| is_silent(votes)).collect();
    let missing = silent
        .iter()
        .fold(0_u64, |sum, votes| sum.saturating_add(votes.power));
    let voted = total.saturating_sub(missing);
    let mut names: Vec<String> = silent
        .iter()
        .take(MAX_NAMED)
        .map(|votes| votes.address.to_string())
        .collect();
    if silent.len() > MAX_NAMED {
        names.push(format!("{} more", silent.len().saturating_sub(MAX_NAMED)));
    }
    let needed = quorum(total);
    if voted < needed {
        format!(
            "{what}: power {voted} of {total} has voted, {needed} is needed; silent: {}",
            names.join(", ")
        )
    } else {
        format!(
            "{what} to agree, or the round's timeout: power {voted} of {total} has voted, {needed} must agree"
        )
    }
}
