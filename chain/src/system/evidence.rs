//! Punishing who signed two messages that one honest validator would never both have signed.
//!
//! Anybody may send the proof. It is judged by the set of its height, as the epoch's record has it, and
//! counts for as long as stake that stood behind that set can still be slashed. A validator is punished
//! once for a height, whatever it signed there: under proof of stake it loses a share of all stake that
//! is with it and of all that was with it then and is on its way back, and goes to jail. Under proof of
//! authority there is nothing to lose; the offence is recorded, for the authorities to vote by.

use aureon_consensus::{
    Epoch,
    evidence::{Offence, check},
};
use aureon_types::{Address, Evidence, RefusalCode, Validator};

use super::{
    Outcome, candidates, damaged, lagging,
    records::{Punished, ValidatorRecord},
    refuse,
    rules::{Rules, StakeRules, epoch_of},
    slots::{self, Slots},
    staking::{count_totals, jailed},
    unbonding,
};
use crate::execution::{BlockContext, Overlay, StateError, StateReader};

/// Most offences of one epoch that are punished: as many as a slot can hold. Long before that nothing
/// is left to slash.
pub(super) const MAX_PUNISHED: usize = 10_000;

/// Verifies `evidence` and punishes the offender.
pub(super) fn punish<R: StateReader>(
    overlay: &mut Overlay<'_, R>,
    context: &BlockContext,
    evidence: &Evidence,
) -> Outcome {
    let Some(voting) = context.rules.voting() else {
        return refuse(RefusalCode::WrongEngine, 0, 0);
    };
    let (height, blocks) = (evidence.height(), voting.epoch.blocks());
    if height == 0 || height > context.height {
        return refuse(RefusalCode::EvidenceInvalid, 0, 0);
    }
    let (offence, now) = (epoch_of(height, blocks), epoch_of(context.height, blocks));
    let oldest = now.saturating_sub(context.rules.evidence_epochs());
    if offence < oldest {
        let first = oldest.saturating_mul(blocks).saturating_add(1);
        return refuse(RefusalCode::EvidenceTooOld, height, first);
    }
    let epoch = overlay.epoch(offence)?.ok_or_else(|| damaged("epoch"))?;
    let Ok(Offence { offender, .. }) = check(evidence, epoch.set(), &context.genesis_id) else {
        return refuse(RefusalCode::EvidenceInvalid, 0, 0);
    };
    let position = record(overlay, &epoch, &offender, height)?;
    if let Rules::Stake(rules, _) = &context.rules {
        let backed_from = lagging::backed_from(overlay, offence, position)?;
        let offender = epoch.set().get(&offender).ok_or_else(|| damaged("epoch"))?;
        slash(overlay, rules, offender, backed_from, context.height)?;
    }
    Ok(())
}

/// Remembers that the offence was punished, or refuses because it was. Gives the offender's position in
/// the set.
fn record<R: StateReader>(
    overlay: &mut Overlay<'_, R>,
    epoch: &Epoch,
    offender: &Address,
    height: u64,
) -> Outcome<u16> {
    let position = epoch
        .set()
        .iter()
        .position(|validator| validator.address == *offender);
    let position = position.and_then(|position| u16::try_from(position).ok());
    let offset = u32::try_from(height.saturating_sub(epoch.first())).ok();
    let Some(offence) = position.zip(offset) else {
        return refuse(RefusalCode::EvidenceInvalid, 0, 0);
    };
    let slot = slots::punished(epoch.number());
    let mut punished: Punished = overlay.load_or_default(&slot)?;
    match punished.0.binary_search(&offence) {
        Err(place) if punished.0.len() < MAX_PUNISHED => punished.0.insert(place, offence),
        _ => return refuse(RefusalCode::AlreadyPunished, height, 0),
    }
    overlay.put(&slot, &punished)?;
    Ok(offence.0)
}

/// Takes the share of everything that stood behind the offender, and of what joined it since, and jails
/// it. What was taken back in the epoch `backed_from` or later stood behind it.
fn slash<R: StateReader>(
    overlay: &mut Overlay<'_, R>,
    rules: &StakeRules,
    offender: &Validator,
    backed_from: u64,
    height: u64,
) -> Result<(), StateError> {
    let (share, address) = (rules.slash_basis_points, &offender.address);
    let until = epoch_of(height, rules.epoch_blocks).saturating_add(rules.jail_epochs);
    let slot = slots::validator(address);
    // Who has left is remembered for its jail alone.
    let mut validator = overlay
        .load::<ValidatorRecord>(&slot)?
        .unwrap_or_else(|| jailed(offender.public_key, until));
    let bonded = validator.stake.slash(share);
    validator.jailed_until = validator.jailed_until.max(Some(until));
    if validator.stake.is_dead() {
        candidates::strike(overlay, address)?;
    }
    overlay.put(&slot, &validator)?;
    let mut unbonding = 0_u64;
    for epoch in backed_from.saturating_add(rules.unbonding_epochs)..=rules.release_epoch(height) {
        let lost = unbonding::slash(overlay, address, epoch, share)?;
        unbonding = unbonding
            .checked_add(lost)
            .ok_or_else(|| damaged("unbonding pool"))?;
    }
    count_totals(overlay, |totals| {
        totals.bonded = totals.bonded.checked_sub(bonded)?;
        totals.unbonding = totals.unbonding.checked_sub(unbonding)?;
        totals.slashed = totals.slashed.checked_add(bonded)?.checked_add(unbonding)?;
        Some(())
    })
}
