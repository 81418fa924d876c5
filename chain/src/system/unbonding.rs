//! Stake on its way back: taken out of a validator at once, returned when the unbonding period is over,
//! and slashed until then for what the validator signed while it still counted on it.
//!
//! Stake of one validator that returns at the end of one epoch is one pool, in shares, so that a slash
//! costs one record for each epoch of the period, however many delegators wait. When and in which order
//! they are paid is [`super::releases`]' matter.

use aureon_types::{Address, Amount, RefusalCode};

use super::{
    Outcome, damaged,
    records::ValidatorRecord,
    refuse, releases,
    rewards::Delegation,
    rules::StakeRules,
    shares::Pool,
    slots::{self, Slots},
    staking::{DELEGATION, count_totals, settle_up},
};
use crate::execution::{Overlay, StateError, StateReader};

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
    releases::enqueue(overlay, rules.release_epoch(height), sender, address, amount.0)?;
    count_totals(overlay, |totals| {
        totals.bonded = totals.bonded.checked_sub(amount.0)?;
        totals.unbonding = totals.unbonding.checked_add(amount.0)?;
        Some(())
    })?;
    settle_up(overlay, address, validator, sender, delegation)?;
    Ok(())
}

/// Slashes what `validator`'s stake in the pool of `epoch` is, and gives how much that was. Withdrawals
/// whose epoch is over are slashed until they are paid. A pool of which nothing is left stays, worth
/// nothing, until the last claim to it is taken out of the queue.
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
    if lost > 0 {
        overlay.put(&place, &pool)?;
    }
    Ok(lost)
}
