//! Validators and their delegators: bonding, delegating, leaving jail, rewards.

use aureon_types::{Address, Amount, Failure, PublicKey, RefusalCode, account::SYSTEM_ADDRESS};

use super::{
    Outcome, Sender, Stop, candidates, damaged,
    records::{Totals, ValidatorRecord},
    refuse,
    rewards::{Delegation, Earnings},
    rules::{StakeRules, Voting, epoch_of},
    shares::Pool,
    slots::{self, Slots},
};
use crate::execution::{Overlay, StateError, StateReader};

/// All of it, in hundredths of a percent.
const WHOLE: u32 = 10_000;

/// Changes the totals of the system account.
pub(super) fn count_totals<R: StateReader>(
    overlay: &mut Overlay<'_, R>,
    change: impl FnOnce(&mut Totals) -> Option<()>,
) -> Result<(), StateError> {
    let slot = slots::totals();
    let mut totals: Totals = overlay.load_or_default(&slot)?;
    change(&mut totals).ok_or_else(|| damaged("totals"))?;
    overlay.put(&slot, &totals)
}

/// Pays `amount` out of the system account.
pub(super) fn pay<R: StateReader>(
    overlay: &mut Overlay<'_, R>,
    recipient: &Address,
    amount: u64,
) -> Result<(), StateError> {
    if amount == 0 {
        return Ok(());
    }
    if !overlay.debit(&SYSTEM_ADDRESS, Amount(amount))? {
        return Err(damaged("balance of the system account"));
    }
    overlay.credit(recipient, Amount(amount))
}

/// Takes stake from `sender`'s account into the system account.
fn collect<R: StateReader>(overlay: &mut Overlay<'_, R>, sender: &Address, amount: Amount) -> Outcome {
    if amount == Amount::ZERO {
        return refuse(RefusalCode::AmountZero, 0, 0);
    }
    if !overlay.debit(sender, amount)? {
        let slot = overlay.slot(sender)?;
        let available = overlay.get(slot).balance;
        return Err(Stop::Refused(Failure::InsufficientBalance {
            available,
            required: amount,
        }));
    }
    overlay.credit(&SYSTEM_ADDRESS, amount)?;
    count_totals(overlay, |totals| {
        totals.bonded = totals.bonded.checked_add(amount.0)?;
        Some(())
    })?;
    Ok(())
}

/// Makes `sender` a validator, or adds to its own stake. Who is no candidate (any more) becomes one.
///
/// The first bond fixes the commission; a record that nobody holds a share of is kept for its jail
/// alone, and the next bond is a first one.
pub(super) fn bond<R: StateReader>(
    overlay: &mut Overlay<'_, R>,
    (rules, voting): (&StakeRules, &Voting),
    sender: Sender,
    amount: Amount,
    commission: u32,
) -> Outcome {
    collect(overlay, &sender.address, amount)?;
    let slot = slots::validator(&sender.address);
    let mut validator = match overlay.load::<ValidatorRecord>(&slot)? {
        Some(validator) if validator.stake.shares > 0 => validator,
        kept => ValidatorRecord {
            jailed_until: kept.and_then(|kept| kept.jailed_until),
            ..founded(sender, commission)?
        },
    };
    if validator.commission != commission {
        let (given, fixed) = (u64::from(commission), u64::from(validator.commission));
        return refuse(RefusalCode::CommissionFixed, given, fixed);
    }
    validator.retired = false;
    add(overlay, &mut validator, &sender.address, &sender.address, amount)?;
    if validator.stake.tokens < rules.min_stake {
        return refuse(
            RefusalCode::BelowMinimumStake,
            validator.stake.tokens,
            rules.min_stake,
        );
    }
    candidates::enter(overlay, voting, &sender.address, validator.stake.tokens)?;
    overlay.put(&slot, &validator)?;
    Ok(())
}

/// A new validator, without stake yet.
fn founded(sender: Sender, commission: u32) -> Outcome<ValidatorRecord> {
    if commission > WHOLE {
        return refuse(
            RefusalCode::CommissionTooHigh,
            u64::from(commission),
            u64::from(WHOLE),
        );
    }
    Ok(new_validator(sender.key, Pool::default(), commission))
}

/// A validator that has earned nothing yet.
pub(super) fn new_validator(key: PublicKey, stake: Pool, commission: u32) -> ValidatorRecord {
    ValidatorRecord {
        key,
        stake,
        commission,
        jailed_until: None,
        retired: false,
        earnings: Earnings::default(),
    }
}

/// What is kept of a validator in jail without stake: it finds its jail again when it bonds again.
pub(super) fn jailed(key: PublicKey, until: u64) -> ValidatorRecord {
    ValidatorRecord {
        jailed_until: Some(until),
        retired: true,
        ..new_validator(key, Pool::default(), 0)
    }
}

/// Lends stake to a validator.
pub(super) fn delegate<R: StateReader>(
    overlay: &mut Overlay<'_, R>,
    sender: &Address,
    address: &Address,
    amount: Amount,
) -> Outcome {
    collect(overlay, sender, amount)?;
    let slot = slots::validator(address);
    let Some(mut validator) = overlay
        .load::<ValidatorRecord>(&slot)?
        .filter(|validator| !validator.retired)
    else {
        return refuse(RefusalCode::NotAValidator, 0, 0);
    };
    if let Some(until) = validator.jailed_until {
        return refuse(RefusalCode::Jailed, 0, until);
    }
    add(overlay, &mut validator, address, sender, amount)?;
    overlay.put(&slot, &validator)?;
    Ok(())
}

/// Gives `delegator` shares for `amount`. A validator that lost everything takes no more: it is none
/// any longer.
fn add<R: StateReader>(
    overlay: &mut Overlay<'_, R>,
    validator: &mut ValidatorRecord,
    address: &Address,
    delegator: &Address,
    amount: Amount,
) -> Outcome {
    let Some(new) = validator.stake.add(amount.0) else {
        return refuse(RefusalCode::NotAValidator, 0, 0);
    };
    let slot = slots::delegation(address, delegator);
    let mut delegation: Delegation = overlay.load_or_default(&slot)?;
    delegation
        .settle(&validator.earnings)
        .ok_or_else(|| damaged(DELEGATION))?;
    delegation.shares = delegation
        .shares
        .checked_add(new)
        .ok_or_else(|| damaged(DELEGATION))?;
    overlay.put(&slot, &delegation)?;
    Ok(())
}

pub(super) const DELEGATION: &str = "delegation";

/// Ends the sender's jail.
pub(super) fn unjail<R: StateReader>(
    overlay: &mut Overlay<'_, R>,
    rules: &StakeRules,
    height: u64,
    sender: &Address,
) -> Outcome {
    let slot = slots::validator(sender);
    let Some(mut validator) = overlay.load::<ValidatorRecord>(&slot)? else {
        return refuse(RefusalCode::NotAValidator, 0, 0);
    };
    let Some(until) = validator.jailed_until else {
        return refuse(RefusalCode::NotJailed, 0, 0);
    };
    let epoch = epoch_of(height, rules.epoch_blocks);
    if epoch <= until {
        return refuse(RefusalCode::StillJailed, epoch, until);
    }
    if validator.stake.tokens < rules.min_stake {
        return refuse(
            RefusalCode::BelowMinimumStake,
            validator.stake.tokens,
            rules.min_stake,
        );
    }
    validator.jailed_until = None;
    overlay.put(&slot, &validator)?;
    Ok(())
}

/// Pays `sender` what its delegation has earned.
pub(super) fn claim<R: StateReader>(
    overlay: &mut Overlay<'_, R>,
    sender: &Address,
    address: &Address,
) -> Outcome {
    let slot = slots::delegation(address, sender);
    let Some(mut delegation) = overlay.load::<Delegation>(&slot)? else {
        return refuse(RefusalCode::NoDelegation, 0, 0);
    };
    let place = slots::validator(address);
    let mut validator = overlay
        .load::<ValidatorRecord>(&place)?
        .ok_or_else(|| damaged("validator"))?;
    delegation
        .settle(&validator.earnings)
        .ok_or_else(|| damaged(DELEGATION))?;
    if validator.stake.is_dead() {
        // Its shares will never be worth anything again: with the last claim the validator is gone.
        let shares = std::mem::take(&mut delegation.shares);
        validator
            .stake
            .redeem(shares)
            .ok_or_else(|| damaged(DELEGATION))?;
        return Ok(settle_up(overlay, address, validator, sender, delegation)?);
    }
    let amount = delegation.take().ok_or_else(|| damaged(DELEGATION))?;
    if amount == 0 {
        return refuse(RefusalCode::NothingToClaim, 0, 0);
    }
    validator
        .earnings
        .pay(amount)
        .ok_or_else(|| damaged("earnings"))?;
    overlay.put(&place, &validator)?;
    overlay.put(&slot, &delegation)?;
    pay_reward(overlay, sender, amount)?;
    Ok(())
}

fn pay_reward<R: StateReader>(
    overlay: &mut Overlay<'_, R>,
    recipient: &Address,
    amount: u64,
) -> Result<(), StateError> {
    count_totals(overlay, |totals| {
        totals.unpaid = totals.unpaid.checked_sub(amount)?;
        Some(())
    })?;
    pay(overlay, recipient, amount)
}

/// Writes back a validator and a settled delegation from which shares were taken. A delegation without
/// shares is paid and ends; its fraction of a base unit goes to those who stay. With the last share the
/// validator ends, and what is left of its earnings is that delegator's; its jail stays.
pub(super) fn settle_up<R: StateReader>(
    overlay: &mut Overlay<'_, R>,
    address: &Address,
    mut validator: ValidatorRecord,
    delegator: &Address,
    mut delegation: Delegation,
) -> Result<(), StateError> {
    let (place, slot) = (slots::validator(address), slots::delegation(address, delegator));
    if delegation.shares > 0 {
        overlay.put(&place, &validator)?;
        return overlay.put(&slot, &delegation);
    }
    let whole = delegation.take().ok_or_else(|| damaged(DELEGATION))?;
    overlay.clear(&slot)?;
    let earnings = &mut validator.earnings;
    if validator.stake.shares == 0 {
        let rest = earnings.unpaid;
        match validator.jailed_until {
            None => overlay.clear(&place)?,
            Some(until) => overlay.put(&place, &jailed(validator.key, until))?,
        }
        candidates::strike(overlay, address)?;
        return pay_reward(overlay, delegator, rest);
    }
    let remainder = earnings.remainder.checked_add(delegation.accrued);
    earnings.remainder = remainder.ok_or_else(|| damaged("earnings"))?;
    earnings.pay(whole).ok_or_else(|| damaged("earnings"))?;
    overlay.put(&place, &validator)?;
    pay_reward(overlay, delegator, whole)
}

/// Shares a block's reward between the proposer and those who hold shares in it; gives what the
/// proposer's account gets at once: its commission, or all of it where nobody holds a share that is
/// worth anything (its stake was taken back or slashed while the set of the epoch still names it).
pub(super) fn share_reward<R: StateReader>(
    overlay: &mut Overlay<'_, R>,
    proposer: &Address,
    reward: Amount,
) -> Result<Amount, StateError> {
    let slot = slots::validator(proposer);
    let validator = overlay.load::<ValidatorRecord>(&slot)?;
    let Some(mut validator) = validator.filter(|validator| validator.stake.tokens > 0) else {
        return Ok(reward);
    };
    let commission = u128::from(reward.0).saturating_mul(u128::from(validator.commission));
    let commission =
        u64::try_from(commission.checked_div(u128::from(WHOLE)).unwrap_or(0)).unwrap_or(reward.0);
    let shared = reward.0.saturating_sub(commission);
    if shared > 0 {
        let shares = validator.stake.shares;
        validator
            .earnings
            .earn(shared, shares)
            .ok_or_else(|| damaged("earnings"))?;
        overlay.put(&slot, &validator)?;
        overlay.credit(&SYSTEM_ADDRESS, Amount(shared))?;
        count_totals(overlay, |totals| {
            totals.unpaid = totals.unpaid.checked_add(shared)?;
            Some(())
        })?;
    }
    Ok(Amount(reward.0.saturating_sub(shared)))
}
