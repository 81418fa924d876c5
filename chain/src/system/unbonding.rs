//! Stake on its way back: taken out of a validator at once, returned when the unbonding period is over,
//! and slashed until then for what the validator signed while it still counted on it.
//!
//! Stake of one validator that returns at the end of one epoch is one pool, in shares, so that a slash
//! costs one record for each epoch of the period, however many delegators wait.

use aureon_types::{Address, Amount, RefusalCode};

use super::{
    MAX_RELEASES, Outcome, count, damaged,
    records::{Release, Releases, ValidatorRecord},
    refuse,
    rewards::Delegation,
    rules::StakeRules,
    shares::Pool,
    slots::{self, Slots},
    staking::{DELEGATION, count_totals, pay, settle_up},
};
use crate::execution::{Overlay, StateError, StateReader};

const UNBONDING: &str = "unbonding pool";

/// Takes back stake that `sender` bonded itself. With the last of it the validator retires. A part may
/// be taken only if the minimum stays: less would not validate, and its owner should know.
pub(super) fn unbond<R: StateReader>(
    overlay: &mut Overlay<'_, R>,
    rules: &StakeRules,
    height: u64,
    sender: &Address,
    amount: Amount,
) -> Outcome {
    let slot = slots::validator(sender);
    let validator = overlay.load::<ValidatorRecord>(&slot)?;
    if validator.is_none_or(|validator| validator.stake.shares == 0) {
        return refuse(RefusalCode::NotAValidator, 0, 0);
    }
    withdraw(overlay, rules, height, sender, sender, amount)
}

/// Takes back what `sender` delegated. From itself it is [`unbond`].
pub(super) fn undelegate<R: StateReader>(
    overlay: &mut Overlay<'_, R>,
    rules: &StakeRules,
    height: u64,
    sender: &Address,
    validator: &Address,
    amount: Amount,
) -> Outcome {
    withdraw(overlay, rules, height, sender, validator, amount)
}

fn withdraw<R: StateReader>(
    overlay: &mut Overlay<'_, R>,
    rules: &StakeRules,
    height: u64,
    sender: &Address,
    address: &Address,
    amount: Amount,
) -> Outcome {
    if amount == Amount::ZERO {
        return refuse(RefusalCode::AmountZero, 0, 0);
    }
    let Some(mut delegation) = overlay.load::<Delegation>(&slots::delegation(address, sender))? else {
        return refuse(RefusalCode::NoDelegation, 0, 0);
    };
    let validator = overlay.load::<ValidatorRecord>(&slots::validator(address))?;
    let mut validator = validator.ok_or_else(|| damaged("validator"))?;
    delegation
        .settle(&validator.earnings)
        .ok_or_else(|| damaged(DELEGATION))?;
    let worth = validator.stake.worth(delegation.shares);
    let Some(gone) = validator.stake.remove(amount.0, delegation.shares) else {
        return refuse(RefusalCode::StakeGone, amount.0, worth);
    };
    delegation.shares = delegation
        .shares
        .checked_sub(gone)
        .ok_or_else(|| damaged(DELEGATION))?;
    if sender == address {
        let left = validator.stake.tokens;
        if delegation.shares > 0 && left < rules.min_stake {
            return refuse(RefusalCode::BelowMinimumStake, left, rules.min_stake);
        }
        validator.retired = delegation.shares == 0;
    }
    enqueue(overlay, rules.release_epoch(height), sender, address, amount.0)?;
    count_totals(overlay, |totals| {
        totals.bonded = totals.bonded.checked_sub(amount.0)?;
        totals.unbonding = totals.unbonding.checked_add(amount.0)?;
        Some(())
    })?;
    settle_up(overlay, address, validator, sender, delegation)?;
    Ok(())
}

/// Adds to what returns at the end of `epoch`. A second withdrawal of the same delegator from the same
/// validator joins the first.
fn enqueue<R: StateReader>(
    overlay: &mut Overlay<'_, R>,
    epoch: u64,
    delegator: &Address,
    validator: &Address,
    amount: u64,
) -> Outcome {
    let (list, place) = (slots::releases(epoch), slots::unbonding(validator, epoch));
    let mut releases: Releases = overlay.load_or_default(&list)?;
    let mut pool: Pool = overlay.load_or_default(&place)?;
    let full = (count(releases.0.len()), count(MAX_RELEASES));
    let Some(shares) = pool.add(amount) else {
        // So much of it was slashed that shares would not fit; the next epoch has a new pool.
        return refuse(RefusalCode::TooManyUnbondings, full.0, full.1);
    };
    let key = |release: &Release| (release.delegator, release.validator);
    match releases.0.binary_search_by_key(&(*delegator, *validator), key) {
        Ok(found) => {
            if let Some(release) = releases.0.get_mut(found) {
                release.shares = release
                    .shares
                    .checked_add(shares)
                    .ok_or_else(|| damaged(UNBONDING))?;
            }
        }
        Err(_) if releases.0.len() >= MAX_RELEASES => {
            return refuse(RefusalCode::TooManyUnbondings, full.0, full.1);
        }
        Err(found) => releases.0.insert(
            found,
            Release {
                delegator: *delegator,
                validator: *validator,
                shares,
            },
        ),
    }
    overlay.put(&list, &releases)?;
    overlay.put(&place, &pool)?;
    Ok(())
}

/// Returns all stake whose time ends with `epoch`.
pub(super) fn release<R: StateReader>(overlay: &mut Overlay<'_, R>, epoch: u64) -> Result<(), StateError> {
    let list = slots::releases(epoch);
    let Some(releases) = overlay.load::<Releases>(&list)? else {
        return Ok(());
    };
    let mut returned = 0_u64;
    for release in &releases.0 {
        let place = slots::unbonding(&release.validator, epoch);
        let mut pool: Pool = overlay.load(&place)?.ok_or_else(|| damaged(UNBONDING))?;
        let amount = pool.redeem(release.shares).ok_or_else(|| damaged(UNBONDING))?;
        if pool.shares == 0 {
            overlay.clear(&place)?;
        } else {
            overlay.put(&place, &pool)?;
        }
        pay(overlay, &release.delegator, amount)?;
        returned = returned.checked_add(amount).ok_or_else(|| damaged(UNBONDING))?;
    }
    overlay.clear(&list)?;
    count_totals(overlay, |totals| {
        totals.unbonding = totals.unbonding.checked_sub(returned)?;
        Some(())
    })
}

/// Slashes what `validator`'s stake in the pool of `epoch` is, and gives how much that was. A pool of
/// which nothing is left is dissolved, with all claims to it.
pub(super) fn slash<R: StateReader>(
    overlay: &mut Overlay<'_, R>,
    validator: &Address,
    epoch: u64,
    basis_points: u32,
) -> Result<u64, StateError> {
    let place = slots::unbonding(validator, epoch);
    let Some(mut pool) = overlay.load::<Pool>(&place)? else {
        return Ok(0);
    };
    let lost = pool.slash(basis_points);
    if !pool.is_dead() {
        overlay.put(&place, &pool)?;
        return Ok(lost);
    }
    overlay.clear(&place)?;
    let list = slots::releases(epoch);
    let mut releases: Releases = overlay.load_or_default(&list)?;
    releases.0.retain(|release| release.validator != *validator);
    overlay.put_list(&list, &releases, releases.0.is_empty())?;
    Ok(lost)
}
