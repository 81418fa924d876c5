//! Validators whose power outlasts their stake.
//!
//! At most a third of the power changes in an epoch, so a validator that takes its stake back may stay in
//! the sets of some epochs more. What it votes with there is the stake of the epoch before its power
//! began to lag, which waits in the unbonding pools of that epoch: evidence from a lagging epoch must
//! reach those pools, or the last votes of whoever leaves would cost nothing.
//!
//! Kept for each epoch in which somebody lags, as long as the epoch itself.

use aureon_consensus::Epoch;
use aureon_types::{Validator, ValidatorSet};

use super::{
    records::Lagging,
    slots::{self, Slots},
};
use crate::execution::{Overlay, StateError, StateReader};

/// Records who has more power in `next` than `chosen` gives it. `current`: the epoch before `next`.
pub(super) fn note<R: StateReader>(
    overlay: &mut Overlay<'_, R>,
    current: &Epoch,
    next: &Epoch,
    chosen: &[Validator],
) -> Result<(), StateError> {
    let before: Lagging = overlay.load_or_default(&slots::lagging(current.number()))?;
    let stake = |member: &Validator| {
        let same = chosen.iter().find(|other| other.address == member.address);
        same.map_or(0, |other| other.power)
    };
    let lagging = (0_u16..)
        .zip(next.set().iter())
        .filter(|(_, member)| member.power > stake(member))
        .map(|(position, member)| {
            let since = position_in(current.set(), member).and_then(|at| since(&before, at));
            (position, since.unwrap_or(next.number()))
        });
    let lagging = Lagging(lagging.collect());
    let empty = lagging.0.is_empty();
    overlay.put_list(&slots::lagging(next.number()), &lagging, empty)
}

fn position_in(set: &ValidatorSet, validator: &Validator) -> Option<u16> {
    let place = set.iter().position(|member| member.address == validator.address);
    place.and_then(|place| u16::try_from(place).ok())
}

fn since(lagging: &Lagging, position: u16) -> Option<u64> {
    let place = lagging
        .0
        .binary_search_by_key(&position, |(position, _)| *position);
    place
        .ok()
        .and_then(|place| lagging.0.get(place))
        .map(|(_, since)| *since)
}

/// The first epoch whose withdrawals stood behind the member at `position` of the set of `epoch`: the
/// epoch itself, or the one before its power began to lag.
pub(super) fn backed_from<R: StateReader>(
    overlay: &mut Overlay<'_, R>,
    epoch: u64,
    position: u16,
) -> Result<u64, StateError> {
    let lagging: Lagging = overlay.load_or_default(&slots::lagging(epoch))?;
    Ok(since(&lagging, position).map_or(epoch, |since| since.saturating_sub(1).min(epoch)))
}
