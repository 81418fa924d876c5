//! What decides consensus and is decided on chain: validators, delegations, rewards, punishments,
//! authorities, epochs.
//!
//! All of it stands in the storage of one account, [`SYSTEM_ADDRESS`], so that it can be proven against
//! a state root like any balance. Nobody has the account's key; only the actions of transactions and
//! the end of a block change it.
//!
//! *Base units.* What is staked, on its way back, earned and not claimed, or slashed is the balance of
//! that account, to the unit, after every transaction ([`Totals`]). Slashed base units stay there for
//! ever and still count, so the supply is what the genesis and its reward schedule say.
//!
//! *Stake* is held in shares of pools ([`Pool`]), so that a slash touches no delegator's record;
//! *rewards* are a cumulative figure per share ([`Earnings`]), so that a block touches one validator's.
//!
//! *Epochs.* Heights are cut in epochs of `E` blocks. At the end of the *closing block*, the last but
//! one of an epoch, absent validators are jailed and the set of the next epoch is made and recorded
//! ([`schedule_after`]). From the end of the last block of an epoch on, stake whose time has come returns.
//!
//! *Architecture invariant*: no record is rewritten per validator per block; every list is bounded, and
//! a record fits into a slot (64 KiB).

mod authorities;
mod candidates;
mod codec;
mod downtime;
mod epochs;
mod evidence;
mod genesis;
mod lagging;
pub mod query;
mod records;
mod releases;
mod rewards;
mod rules;
mod shares;
mod slots;
mod staking;
mod unbonding;

#[cfg(test)]
mod tests;

pub use epochs::{schedule_after, schedule_at};
pub use genesis::genesis_state;
pub use records::{Totals, ValidatorRecord};
pub use rewards::{Delegation, Earnings};
pub use rules::{AUTHORITY_EVIDENCE_EPOCHS, AuthorityRules, Rules, StakeRules, Voting};
pub use shares::Pool;
pub(crate) use slots::DecodedEpochs;

use aureon_types::{Action, Address, Amount, Failure, PublicKey, RefusalCode};

#[cfg(doc)]
use aureon_types::account::SYSTEM_ADDRESS;

use crate::execution::{BlockContext, Overlay, StateError, StateReader};

/// Most validators that the next set is chosen from. When there are so many, the weakest outside the
/// sets gives way to a newcomer with more stake. More than a set can hold
/// ([`aureon_types::limits::MAX_VALIDATORS`]), so that there always is one outside.
pub const MAX_CANDIDATES: usize = 1_100;
/// Most withdrawals that a block pays. Further ones that are due are paid in the blocks after it, in the
/// order in which they were made.
pub const MAX_RELEASES: u64 = 1_000;
/// Most validators from which one delegator withdraws with the same epoch as end. The next one is
/// refused, and may be made an epoch later.
pub const MAX_WITHDRAWALS: usize = 100;
/// Most changes of the authorities that are voted on at a time. Each authority may open an equal part
/// of them, so that none can keep the others from opening one.
pub const MAX_BALLOTS: usize = 1_000;

/// Why an action stopped.
#[derive(Debug)]
pub(crate) enum Stop {
    /// By a rule: the receipt says so.
    Refused(Failure),
    /// By a fault of ours.
    State(StateError),
}

impl From<StateError> for Stop {
    fn from(error: StateError) -> Self {
        Self::State(error)
    }
}

type Outcome<T = ()> = Result<T, Stop>;

/// A refusal with its two numbers.
fn refuse<T>(code: RefusalCode, value: u64, limit: u64) -> Outcome<T> {
    Err(Stop::Refused(Failure::Refused { code, value, limit }))
}

fn count(length: usize) -> u64 {
    u64::try_from(length).unwrap_or(u64::MAX)
}

/// A sum that the supply bounds, and that does not fit all the same.
fn damaged(what: &'static str) -> StateError {
    StateError::Damaged { what }
}

/// Who sent an action.
#[derive(Clone, Copy)]
pub(crate) struct Sender {
    pub address: Address,
    pub key: PublicKey,
}

/// Does what `action` says, or stops; whoever called undoes what was written until then.
pub(crate) fn act<R: StateReader>(
    overlay: &mut Overlay<'_, R>,
    context: &BlockContext,
    sender: Sender,
    action: &Action,
) -> Outcome {
    let address = &sender.address;
    match (action, &context.rules) {
        (
            Action::Bond {
                amount,
                commission_basis_points,
            },
            Rules::Stake(rules, voting),
        ) => staking::bond(
            overlay,
            (rules, voting),
            sender,
            *amount,
            *commission_basis_points,
        ),
        (Action::Delegate { validator, amount }, Rules::Stake(..)) => {
            staking::delegate(overlay, address, validator, *amount)
        }
        (Action::Unbond { amount }, Rules::Stake(rules, _)) => {
            unbonding::unbond(overlay, rules, context.height, address, *amount)
        }
        (Action::Undelegate { validator, amount }, Rules::Stake(rules, _)) => {
            unbonding::undelegate(overlay, rules, context.height, address, validator, *amount)
        }
        (Action::Unjail, Rules::Stake(rules, _)) => staking::unjail(overlay, rules, context.height, address),
        (Action::ClaimRewards { validator }, Rules::Stake(..)) => staking::claim(overlay, address, validator),
        (Action::AuthorityVote { add, remove }, Rules::Authority(rules, _)) => {
            authorities::vote(overlay, rules, context.height, sender, *add, *remove)
        }
        (Action::Evidence(evidence), Rules::Stake(..) | Rules::Authority(..)) => {
            evidence::punish(overlay, context, evidence)
        }
        _ => refuse(RefusalCode::WrongEngine, 0, 0),
    }
}

/// Ends a block: pays the reward, counts who was absent, closes the epoch, returns stake. `fees` go to
/// the proposer with the reward, so that its account is written once.
pub(crate) fn end_block<R: StateReader>(
    overlay: &mut Overlay<'_, R>,
    context: &BlockContext,
    fees: Amount,
) -> Result<(), StateError> {
    let (proposer, reward) = (&context.proposer, context.reward);
    let kept = match &context.rules {
        Rules::Work => reward,
        Rules::Stake(..) => staking::share_reward(overlay, proposer, reward)?,
        Rules::Authority(..) => Amount::ZERO,
    };
    let due = fees.checked_add(kept).ok_or_else(|| damaged("fees"))?;
    if due > Amount::ZERO {
        overlay.credit(proposer, due)?;
    }
    match &context.rules {
        Rules::Work => Ok(()),
        Rules::Stake(rules, voting) => {
            downtime::count(overlay, voting, context.height)?;
            if context.height == voting.epoch.closing() {
                downtime::judge(overlay, rules, voting)?;
                epochs::close_stake(overlay, rules, voting)?;
            }
            releases::pay_due(overlay, voting, context.height)
        }
        Rules::Authority(_, voting) if context.height == voting.epoch.closing() => {
            epochs::close_authorities(overlay, voting, context.rules.evidence_epochs())
        }
        Rules::Authority(..) => Ok(()),
    }
}
