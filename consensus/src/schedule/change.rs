//! How fast a validator set may change.

use std::cmp::Reverse;

use aureon_types::{Validator, ValidatorSet, limits::MAX_VALIDATORS};

/// Power that changes between two sets: what validators gained (all of it where they are new) and what
/// they lost (all of it where they left), added up. At most twice [`aureon_types::limits::MAX_SUPPLY`].
pub fn changed_power(from: &ValidatorSet, to: &ValidatorSet) -> u64 {
    let (gained, lost) = (growth(from, to), growth(to, from));
    gained.saturating_add(lost)
}

/// What members of `to` have more than in `from`.
fn growth(from: &ValidatorSet, to: &ValidatorSet) -> u64 {
    to.iter()
        .fold(0, |sum, validator| sum.saturating_add(gain(from, validator)))
}

fn power_in(set: &ValidatorSet, validator: &Validator) -> u64 {
    set.get(&validator.address).map_or(0, |member| member.power)
}

fn gain(from: &ValidatorSet, validator: &Validator) -> u64 {
    validator.power.saturating_sub(power_in(from, validator))
}

/// The set of the next epoch, where `wanted` is what stake or votes ask for: `wanted` itself if no more
/// than a third of `current`'s total power changes on the way, else as much of it as a third allows.
///
/// *Why a third*: what was just signed by two thirds of a set is then still signed by honest members of
/// the next, and a light client that trusts a set can follow it (Tendermint's light client asks for a
/// third in common).
///
/// *How*: the change is [`changed_power`]; the budget is a third of the current total, rounded down.
/// - Where the total is below 3 the budget is one unit of power, the smallest step that there is: one
///   authority among two could otherwise never join or leave.
/// - What validators gain gets half of the budget (rounded down, at least a unit), what they lose gets
///   the rest, and either gets what the other leaves. So neither can be starved: a crowd of newcomers
///   does not keep a jailed validator in.
/// - Gains go first to the strongest of `wanted`. Losses go first to those who leave, the weakest
///   first, then to those who shrink. A validator whose share of the budget is not enough gains or
///   loses a part, and the rest in later epochs.
/// - While members are still leaving, a set may be larger than `current` and `wanted`, but never
///   larger than [`MAX_VALIDATORS`]: who finds no place waits.
///
/// Deterministic; never empty; applied again and again it reaches `wanted`, because each time the
/// change that is left shrinks by a unit at least (and by about a third of the total while it is large).
pub fn limit_change(current: &ValidatorSet, wanted: ValidatorSet) -> ValidatorSet {
    let total = current.total_power();
    let budget = total.checked_div(3).unwrap_or(0).max(1);
    let (gained, lost) = (growth(current, &wanted), growth(&wanted, current));
    if gained.saturating_add(lost) <= budget {
        return wanted;
    }
    let half = budget.checked_div(2).unwrap_or(0).max(1);
    let up = gained.min(half.max(budget.saturating_sub(lost)));
    let down = lost.min(budget.saturating_sub(up));
    let mut members: Vec<Validator> = shrunk(current, &wanted, down);
    grow(&mut members, &wanted, up);
    // It is a set: what was there or is wanted, within the bounds, and not empty. The totals lie
    // between those of the two, or a unit above the current one.
    ValidatorSet::new(members).unwrap_or(wanted)
}

/// The members of `current`, who lose `budget` together.
fn shrunk(current: &ValidatorSet, wanted: &ValidatorSet, mut budget: u64) -> Vec<Validator> {
    let mut members: Vec<(Validator, u64)> = current
        .iter()
        .map(|member| (*member, member.power.saturating_sub(power_in(wanted, member))))
        .collect();
    // Who leaves before who shrinks; the weakest first.
    members.sort_by_key(|(member, loss)| (Reverse(*loss == member.power), member.power, member.address));
    for (member, loss) in &mut members {
        let part = (*loss).min(budget);
        member.power = member.power.saturating_sub(part);
        budget = budget.saturating_sub(part);
    }
    members
        .into_iter()
        .map(|(member, _)| member)
        .filter(|member| member.power > 0)
        .collect()
}

/// Gives `budget` to those of `wanted` who are to have more.
fn grow(members: &mut Vec<Validator>, wanted: &ValidatorSet, mut budget: u64) {
    members.sort_by_key(|member| member.address);
    let old = members.clone();
    for target in wanted.iter() {
        let position = old.binary_search_by_key(&target.address, |member| member.address);
        let has = position
            .ok()
            .and_then(|position| old.get(position))
            .map_or(0, |member| member.power);
        let part = target.power.saturating_sub(has).min(budget);
        match position {
            Ok(position) => {
                if let Some(member) = members.get_mut(position) {
                    member.power = member.power.saturating_add(part);
                }
            }
            Err(_) if part > 0 && members.len() < MAX_VALIDATORS => {
                members.push(Validator {
                    power: part,
                    ..*target
                });
            }
            Err(_) => continue,
        }
        budget = budget.saturating_sub(part);
    }
}
