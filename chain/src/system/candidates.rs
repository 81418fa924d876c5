//! The list of validators that the next set is chosen from, and who gives way when it is full.
//!
//! The list is bounded, so that an epoch can be closed in bounded time. If whoever comes first kept its
//! place for ever, some hundred bonds of the least stake would lock everybody else out. So when it is
//! full, the weakest candidate gives way to a newcomer with more stake, unless a current or next set
//! names it. Its stake stays its own and its delegators': it may be taken back, and earns nothing, as
//! outside any set; with another bond its operator may come again, by the same rule.
//!
//! *Cost.* To find the weakest of all would read every record. The closing block of an epoch, which
//! reads them anyway, notes the [`MAX_CHALLENGED`] weakest outside the sets; a newcomer reads only
//! these, and takes the place in the note of whom it replaced. Who leaves the list leaves the note, and
//! who enters joins it while it is short: so in a full list there is always somebody to give way.

use aureon_types::{Address, RefusalCode};

use super::{
    MAX_CANDIDATES, Outcome, count, damaged,
    records::{Candidates, Challenged, ValidatorRecord},
    refuse,
    rules::Voting,
    slots::{self, Slots},
};
use crate::execution::{Overlay, StateError, StateReader};

/// Most candidates that a newcomer is compared with: a bond reads the record of each.
pub(super) const MAX_CHALLENGED: usize = 16;

impl ValidatorRecord {
    /// What its place among the candidates is worth: its stake, or nothing where its operator left.
    fn standing(&self) -> u64 {
        if self.retired { 0 } else { self.stake.tokens }
    }
}

/// Enters a validator with so much stake, its delegators' included, if it is not a candidate already.
/// In a full list the weakest gives way, or the newcomer is refused.
pub(super) fn enter<R: StateReader>(
    overlay: &mut Overlay<'_, R>,
    voting: &Voting,
    validator: &Address,
    stake: u64,
) -> Outcome {
    let slot = slots::candidates();
    let mut candidates: Candidates = overlay.load_or_default(&slot)?;
    if candidates.0.binary_search(validator).is_ok() {
        return Ok(());
    }
    let mut challenged: Challenged = overlay.load_or_default(&slots::challenged())?;
    if candidates.0.len() >= MAX_CANDIDATES {
        let Some(weakest) = weakest(overlay, voting, &challenged, stake)? else {
            let kept = count(candidates.0.len());
            return refuse(RefusalCode::TooManyValidators, kept, count(MAX_CANDIDATES));
        };
        candidates.0.retain(|candidate| *candidate != weakest);
        challenged.0.retain(|candidate| *candidate != weakest);
    }
    if challenged.0.len() < MAX_CHALLENGED && !is_in_a_set(overlay, voting, validator)? {
        challenged.0.push(*validator);
        overlay.put(&slots::challenged(), &challenged)?;
    }
    if let Err(place) = candidates.0.binary_search(validator) {
        candidates.0.insert(place, *validator);
    }
    overlay.put(&slot, &candidates)?;
    Ok(())
}

/// Who gives way to a newcomer with `stake`: the weakest of the noted that has less.
fn weakest<R: StateReader>(
    overlay: &mut Overlay<'_, R>,
    voting: &Voting,
    challenged: &Challenged,
    stake: u64,
) -> Result<Option<Address>, StateError> {
    let mut weaker = Vec::with_capacity(challenged.0.len());
    for address in &challenged.0 {
        let record = overlay.load::<ValidatorRecord>(&slots::validator(address))?;
        let standing = record.ok_or_else(|| damaged("validator"))?.standing();
        if standing < stake {
            weaker.push((standing, *address));
        }
    }
    weaker.sort_unstable();
    for (_, address) in weaker {
        if !is_in_a_set(overlay, voting, &address)? {
            return Ok(Some(address));
        }
    }
    Ok(None)
}

/// Whether the set of this epoch or, once it is made, of the next one names it.
fn is_in_a_set<R: StateReader>(
    overlay: &mut Overlay<'_, R>,
    voting: &Voting,
    validator: &Address,
) -> Result<bool, StateError> {
    if voting.epoch.set().get(validator).is_some() {
        return Ok(true);
    }
    let next = overlay.epoch(voting.epoch.number().saturating_add(1))?;
    Ok(next.is_some_and(|next| next.set().get(validator).is_some()))
}

/// Takes a validator out of the candidates: nothing is left of its stake.
pub(super) fn strike<R: StateReader>(
    overlay: &mut Overlay<'_, R>,
    validator: &Address,
) -> Result<(), StateError> {
    let slot = slots::candidates();
    let mut candidates: Candidates = overlay.load_or_default(&slot)?;
    let Ok(place) = candidates.0.binary_search(validator) else {
        return Ok(());
    };
    candidates.0.remove(place);
    overlay.put_list(&slot, &candidates, candidates.0.is_empty())?;
    let slot = slots::challenged();
    let mut challenged: Challenged = overlay.load_or_default(&slot)?;
    if challenged.0.contains(validator) {
        challenged.0.retain(|candidate| candidate != validator);
        overlay.put_list(&slot, &challenged, challenged.0.is_empty())?;
    }
    Ok(())
}

/// At the closing block: notes the weakest of `outside`, the candidates that neither set names.
pub(super) fn note<R: StateReader>(
    overlay: &mut Overlay<'_, R>,
    outside: Vec<(Address, ValidatorRecord)>,
) -> Result<(), StateError> {
    let ranked = outside
        .iter()
        .map(|(address, record)| (record.standing(), *address));
    let mut ranked: Vec<(u64, Address)> = ranked.collect();
    ranked.sort_unstable();
    ranked.truncate(MAX_CHALLENGED);
    let challenged = Challenged(ranked.into_iter().map(|(_, address)| address).collect());
    overlay.put_list(&slots::challenged(), &challenged, challenged.0.is_empty())
}
