//! Who does not do its work: counted block by block from the certificates that blocks carry, judged
//! once in an epoch.
//!
//! A block carries the certificate of the one below, with the precommits that its proposer had, late
//! ones included. Counted are the heights of an epoch whose certificates are known at its closing
//! block: all but the last two. Who missed none has no entry, so a network in good health writes
//! nothing here.

use aureon_types::Address;

use super::{
    damaged,
    records::{Candidates, Missed, ValidatorRecord},
    rules::{StakeRules, Voting},
    slots::{self, Slots},
};
use crate::execution::{Overlay, StateError, StateReader};

/// Heights at the end of an epoch that are not counted.
const UNCOUNTED: u64 = 2;

/// Counts who is absent from the certificate that the block at `height` carries.
pub(super) fn count<R: StateReader>(
    overlay: &mut Overlay<'_, R>,
    voting: &Voting,
    height: u64,
) -> Result<(), StateError> {
    // The first block of an epoch carries the certificate of the last height of the one before, and the
    // one after the closing block that of the closing height.
    let below = height.saturating_sub(1);
    if voting.absent.is_empty() || below < voting.epoch.first() || height > voting.epoch.closing() {
        return Ok(());
    }
    let slot = slots::missed();
    let mut missed: Missed = overlay.load_or_default(&slot)?;
    for position in &voting.absent {
        match missed.0.binary_search_by_key(position, |(position, _)| *position) {
            Ok(place) => {
                if let Some((_, count)) = missed.0.get_mut(place) {
                    *count = count.saturating_add(1);
                }
            }
            Err(place) => missed.0.insert(place, (*position, 1)),
        }
    }
    overlay.put(&slot, &missed)
}

/// At the closing block: jails who missed more than the share that the genesis allows, and begins a new
/// count. If nobody would be left to choose from, the strongest is spared: a network that lost all its
/// validators could never get one again.
pub(super) fn judge<R: StateReader>(
    overlay: &mut Overlay<'_, R>,
    rules: &StakeRules,
    voting: &Voting,
) -> Result<(), StateError> {
    let slot = slots::missed();
    let Some(missed) = overlay.load::<Missed>(&slot)? else {
        return Ok(());
    };
    overlay.clear(&slot)?;
    let counted = voting.epoch.blocks().saturating_sub(UNCOUNTED);
    let allowed = u128::from(counted).saturating_mul(u128::from(rules.max_missed_basis_points));
    let guilty = missed
        .0
        .iter()
        .filter(|(_, missed)| u128::from(*missed).saturating_mul(10_000) > allowed);
    let mut absent: Vec<Address> = guilty
        .filter_map(|(position, _)| voting.epoch.set().get_index(usize::from(*position)))
        .map(|validator| validator.address)
        .collect();
    if absent.is_empty() {
        return Ok(());
    }
    absent.sort_unstable();
    let spared = spared(overlay, rules, &absent)?;
    let until = voting.epoch.number().saturating_add(rules.jail_epochs);
    for address in absent.iter().filter(|address| Some(**address) != spared) {
        jail(overlay, address, until)?;
    }
    Ok(())
}

/// The strongest of those who could be chosen, if all of them are to be jailed.
fn spared<R: StateReader>(
    overlay: &mut Overlay<'_, R>,
    rules: &StakeRules,
    absent: &[Address],
) -> Result<Option<Address>, StateError> {
    let candidates: Candidates = overlay.load_or_default(&slots::candidates())?;
    let mut strongest = None;
    for address in &candidates.0 {
        let validator = overlay.load::<ValidatorRecord>(&slots::validator(address))?;
        let validator = validator.ok_or_else(|| damaged("validator"))?;
        if !validator.may_validate(rules.min_stake) {
            continue;
        }
        if absent.binary_search(address).is_err() {
            return Ok(None);
        }
        let rank = (validator.stake.tokens, std::cmp::Reverse(*address));
        strongest = strongest.max(Some((rank, *address)));
    }
    Ok(strongest.map(|(_, address)| address))
}

/// Jails a validator that is not in jail already and has not left.
fn jail<R: StateReader>(
    overlay: &mut Overlay<'_, R>,
    address: &Address,
    until: u64,
) -> Result<(), StateError> {
    let slot = slots::validator(address);
    match overlay.load::<ValidatorRecord>(&slot)? {
        Some(mut validator) if validator.jailed_until.is_none() => {
            validator.jailed_until = Some(until);
            overlay.put(&slot, &validator)
        }
        _ => Ok(()),
    }
}
