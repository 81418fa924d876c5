//! The queue in which stake returns.
//!
//! Every withdrawal takes the next place of one queue. Those that are taken back later never return
//! earlier ([`StakeRules::release_epoch`](super::StakeRules::release_epoch)), so the queue is in the order
//! of the epochs in which they end. From the last block of its epoch on a withdrawal may be paid, and each
//! block pays at most [`MAX_RELEASES`], the first places first. So nobody is refused because others came
//! before, a block's work is bounded, and with `n` places before it a withdrawal is paid `n /
//! MAX_RELEASES` blocks (rounded down) after the last one of its epoch, or earlier.
//!
//! A second withdrawal of the same delegator from the same validator that ends in the same epoch joins
//! the first at its place.

use aureon_types::{Address, RefusalCode};

use super::{
    MAX_RELEASES, MAX_WITHDRAWALS, Outcome, count, damaged,
    records::{Release, ReleaseQueue, Waiting},
    refuse,
    rules::Voting,
    shares::Pool,
    slots::{self, Slots},
    staking::{count_totals, pay},
};
use crate::execution::{Overlay, StateError, StateReader};

const POOL: &str = "unbonding pool";
const RELEASE: &str = "release";
const QUEUE: &str = "release queue";

/// Adds to what `delegator` gets back from `validator` when `epoch` is over. The base units are in the
/// system account already. Refused if the delegator has [`MAX_WITHDRAWALS`] others that end in that
/// epoch, or if so much of the pool was slashed that nothing can join it.
pub(super) fn enqueue<R: StateReader>(
    overlay: &mut Overlay<'_, R>,
    epoch: u64,
    delegator: &Address,
    validator: &Address,
    amount: u64,
) -> Outcome {
    let slot = slots::unbonding(validator, epoch);
    let mut pool: Pool = overlay.load_or_default(&slot)?;
    let Some(shares) = pool.add(amount) else {
        return refuse(RefusalCode::UnbondingSlashed, epoch, 0);
    };
    let release = Release {
        epoch,
        delegator: *delegator,
        validator: *validator,
        shares,
    };
    take_place(overlay, release)?;
    overlay.put(&slot, &pool)?;
    Ok(())
}

/// Puts `release` at the end of the queue, or adds it to the one of the same pair and epoch.
fn take_place<R: StateReader>(overlay: &mut Overlay<'_, R>, release: Release) -> Outcome {
    let list = slots::waiting(&release.delegator, release.epoch);
    let mut waiting: Waiting = overlay.load_or_default(&list)?;
    let found = waiting
        .0
        .binary_search_by_key(&release.validator, |(validator, _)| *validator);
    match found {
        Ok(at) => {
            let (_, place) = waiting.0.get(at).ok_or_else(|| damaged(RELEASE))?;
            let slot = slots::release(*place);
            let mut first: Release = overlay.load(&slot)?.ok_or_else(|| damaged(RELEASE))?;
            let shares = first.shares.checked_add(release.shares);
            first.shares = shares.ok_or_else(|| damaged(RELEASE))?;
            overlay.put(&slot, &first)?;
        }
        Err(_) if waiting.0.len() >= MAX_WITHDRAWALS => {
            let (own, most) = (count(waiting.0.len()), count(MAX_WITHDRAWALS));
            return refuse(RefusalCode::TooManyUnbondings, own, most);
        }
        Err(at) => {
            let mut queue: ReleaseQueue = overlay.load_or_default(&slots::release_queue())?;
            waiting.0.insert(at, (release.validator, queue.next));
            overlay.put(&slots::release(queue.next), &release)?;
            queue.next = queue.next.checked_add(1).ok_or_else(|| damaged(QUEUE))?;
            overlay.put(&slots::release_queue(), &queue)?;
            overlay.put(&list, &waiting)?;
        }
    }
    Ok(())
}

/// The last epoch whose withdrawals the block at `height` may pay: its own if it is the last block of it.
fn due(voting: &Voting, height: u64) -> Option<u64> {
    let number = voting.epoch.number();
    if height == voting.epoch.last() {
        Some(number)
    } else {
        number.checked_sub(1)
    }
}

/// At the end of every block: pays what may be paid, at most [`MAX_RELEASES`] withdrawals.
pub(super) fn pay_due<R: StateReader>(
    overlay: &mut Overlay<'_, R>,
    voting: &Voting,
    height: u64,
) -> Result<(), StateError> {
    match due(voting, height) {
        Some(epoch) => pay_up_to(overlay, epoch, MAX_RELEASES),
        None => Ok(()),
    }
}

/// Pays the first `most` withdrawals, as far as they end in `epoch` or before.
pub(super) fn pay_up_to<R: StateReader>(
    overlay: &mut Overlay<'_, R>,
    epoch: u64,
    most: u64,
) -> Result<(), StateError> {
    let Some(mut queue) = overlay.load::<ReleaseQueue>(&slots::release_queue())? else {
        return Ok(());
    };
    let (before, mut returned) = (queue.first, 0_u64);
    let end = queue.next.min(queue.first.saturating_add(most));
    while queue.first < end {
        let slot = slots::release(queue.first);
        let release: Release = overlay.load(&slot)?.ok_or_else(|| damaged(RELEASE))?;
        if release.epoch > epoch {
            break;
        }
        overlay.clear(&slot)?;
        leave(overlay, &release)?;
        let amount = redeem(overlay, &release)?;
        returned = returned.checked_add(amount).ok_or_else(|| damaged(POOL))?;
        queue.first = queue.first.saturating_add(1);
    }
    if queue.first == before {
        return Ok(());
    }
    overlay.put_list(&slots::release_queue(), &queue, queue.first == queue.next)?;
    count_totals(overlay, |totals| {
        totals.unbonding = totals.unbonding.checked_sub(returned)?;
        Some(())
    })
}

/// Takes a withdrawal out of the list of its delegator.
fn leave<R: StateReader>(overlay: &mut Overlay<'_, R>, release: &Release) -> Result<(), StateError> {
    let list = slots::waiting(&release.delegator, release.epoch);
    let mut waiting: Waiting = overlay.load_or_default(&list)?;
    waiting.0.retain(|(validator, _)| *validator != release.validator);
    overlay.put_list(&list, &waiting, waiting.0.is_empty())
}

/// Pays a withdrawal what its shares are worth, and gives how much that was.
fn redeem<R: StateReader>(overlay: &mut Overlay<'_, R>, release: &Release) -> Result<u64, StateError> {
    let slot = slots::unbonding(&release.validator, release.epoch);
    let mut pool: Pool = overlay.load(&slot)?.ok_or_else(|| damaged(POOL))?;
    let amount = pool.redeem(release.shares).ok_or_else(|| damaged(POOL))?;
    if pool.shares == 0 {
        overlay.clear(&slot)?;
    } else {
        overlay.put(&slot, &pool)?;
    }
    pay(overlay, &release.delegator, amount)?;
    Ok(amount)
}
