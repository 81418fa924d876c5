//! Making the set of the next epoch, and reading what is known of all.

use aureon_consensus::{Epoch, Schedule, limit_change};
use aureon_types::{Genesis, Validator, ValidatorSet};

use super::{
    candidates, damaged, lagging,
    records::{Authorities, Candidates, ValidatorRecord},
    rules::{StakeRules, Voting, epoch_of},
    slots::{self, At, Slots},
};
use crate::execution::{Overlay, StateError, StateReader};

impl ValidatorRecord {
    /// Whether it can be chosen for the next set.
    pub fn may_validate(&self, min_stake: u64) -> bool {
        self.jailed_until.is_none() && !self.retired && self.stake.tokens >= min_stake.max(1)
    }
}

/// At the closing block, proof of stake: the next set is the strongest of the candidates, as far as a
/// third of the power may change.
pub(super) fn close_stake<R: StateReader>(
    overlay: &mut Overlay<'_, R>,
    rules: &StakeRules,
    voting: &Voting,
) -> Result<(), StateError> {
    let list: Candidates = overlay.load_or_default(&slots::candidates())?;
    let (mut chosen, mut records) = (Vec::new(), Vec::new());
    for address in &list.0 {
        let record = overlay.load::<ValidatorRecord>(&slots::validator(address))?;
        let record = record.ok_or_else(|| damaged("validator"))?;
        if record.may_validate(rules.min_stake) {
            chosen.push(Validator::new(record.key, record.stake.tokens));
        }
        records.push((*address, record));
    }
    chosen.sort_by_key(|validator| (std::cmp::Reverse(validator.power), validator.address));
    chosen.truncate(rules.max_validators);
    let next = close(overlay, voting, chosen.clone(), rules.unbonding_epochs)?;
    let sets = [voting.epoch.set(), next.set()];
    records.retain(|(address, _)| sets.iter().all(|set| set.get(address).is_none()));
    candidates::note(overlay, records)?;
    lagging::note(overlay, &voting.epoch, &next, &chosen)
}

/// At the closing block, proof of authority: the next set is who the votes have made an authority, as
/// far as a third may change.
pub(super) fn close_authorities<R: StateReader>(
    overlay: &mut Overlay<'_, R>,
    voting: &Voting,
    evidence_epochs: u64,
) -> Result<(), StateError> {
    let authorities: Authorities = overlay.load_or_default(&slots::authorities())?;
    let chosen = authorities.0.iter().map(|key| Validator::new(*key, 1)).collect();
    close(overlay, voting, chosen, evidence_epochs)?;
    Ok(())
}

/// Records the next epoch, gives it, and forgets the one for which no evidence is taken any more. If nobody can be
/// chosen, the strongest of the present set goes on alone, as far as a third may change: without a
/// validator nothing could ever change again.
fn close<R: StateReader>(
    overlay: &mut Overlay<'_, R>,
    voting: &Voting,
    chosen: Vec<Validator>,
    evidence_epochs: u64,
) -> Result<Epoch, StateError> {
    let current = voting.epoch.set();
    let wanted = if chosen.is_empty() {
        current.iter().take(1).copied().collect()
    } else {
        chosen
    };
    let wanted = ValidatorSet::new(wanted).map_err(|_| damaged("candidates"))?;
    let next = voting.epoch.next(limit_change(current, wanted));
    overlay.put_epoch(&next)?;
    // In this epoch evidence is taken from `number - evidence_epochs` on.
    if let Some(old) = voting
        .epoch
        .number()
        .checked_sub(evidence_epochs.saturating_add(1))
    {
        overlay.clear(&slots::epoch(old))?;
        overlay.clear(&slots::punished(old))?;
        overlay.clear(&slots::lagging(old))?;
    }
    Ok(next)
}

/// Who decides the heights around the one above `height`, read from `reader`, the state after the block
/// at `height` (0: the genesis). For engines that vote; a start reads it once.
pub fn schedule_at<R: StateReader>(
    genesis: &Genesis,
    height: u64,
    reader: &R,
) -> Result<Schedule, StateError> {
    let blocks = genesis.engine.epoch_blocks().ok_or_else(|| damaged("epoch"))?;
    let number = epoch_of(height.saturating_add(1), blocks);
    let mut slots = At(reader);
    let current = slots.epoch(number)?.ok_or_else(|| damaged("epoch"))?;
    let previous = match number.checked_sub(1) {
        Some(number) => slots.epoch(number)?,
        None => None,
    };
    let next = slots.epoch(number.saturating_add(1))?;
    Schedule::new(previous, current, next).map_err(|_| damaged("epoch"))
}

/// The schedule after the block at `height`, whose parent left `before`. `reader` is the state after the
/// block; it is read only if the block closed an epoch. Otherwise cheap.
pub fn schedule_after<R: StateReader>(
    before: &Schedule,
    height: u64,
    reader: &R,
) -> Result<Schedule, StateError> {
    let current = before.current();
    if height == current.last() {
        return before.advanced().map_err(|_| damaged("epoch"));
    }
    if height != current.closing() {
        return Ok(before.clone());
    }
    let next: Epoch = At(reader)
        .epoch(current.number().saturating_add(1))?
        .ok_or_else(|| damaged("epoch"))?;
    Schedule::new(before.previous().cloned(), current.clone(), Some(next)).map_err(|_| damaged("epoch"))
}
