//! Tendermint's proposer-priority rule: who proposes when, in proportion to power.
//!
//! Source: CometBFT specification v0.38, "Proposer Selection Procedure"
//! (`spec/consensus/proposer-selection.md`), and `types/validator_set.go`, with which the arithmetic
//! here agrees (centred with a division that rounds down, scaled with one that rounds to zero).
//!
//! Each validator has a priority. A *step* adds its power to every priority; the highest proposes (of
//! equals the lowest address) and pays the total power. Over any stretch of steps everybody proposes in
//! proportion to its power, give or take a constant. Where a set replaces another, those who stay keep
//! their priority; who is new starts at -1.125 times the total power, so that leaving and coming back
//! gains nothing. Then the priorities are scaled until no two are further apart than twice the total
//! power, and centred on zero. A network's first validators are all new, so they start at zero.
//!
//! *Why nothing overflows*: total power is at most `i64::MAX / 8`, so the largest magnitude on the way
//! (a newcomer's start in a set that replaces another of the same size) is below `i64::MAX / 3`.

use aureon_types::{Validator, ValidatorSet};

/// Priorities of the members of a set, in its order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Priorities(Vec<i64>);

impl Priorities {
    /// All new, hence all equal: zero.
    pub(super) fn initial(set: &ValidatorSet) -> Self {
        Self(vec![0; set.count()])
    }

    /// As stored. `None` unless they are what [`Priorities::carried`] can give: one for each member,
    /// scaled and centred.
    pub(super) fn restored(priorities: Vec<i64>, set: &ValidatorSet) -> Option<Self> {
        if priorities.len() != set.count() {
            return None;
        }
        let mut normal = Self(priorities);
        let given = normal.clone();
        normal.normalize(set);
        (normal == given).then_some(normal)
    }

    /// What `set` starts with where it follows `old`, whose priorities are these.
    pub(super) fn carried(&self, old: &ValidatorSet, set: &ValidatorSet) -> Self {
        let gone = old
            .iter()
            .filter(|validator| set.get(&validator.address).is_none());
        // The total of the specification's updated set before its removals.
        let total = gone.fold(signed(set.total_power()), |sum, validator| {
            sum.saturating_add(signed(validator.power))
        });
        let newcomer = total.saturating_add(total >> 3).saturating_neg();
        let mut kept: Vec<_> = old
            .iter()
            .zip(&self.0)
            .map(|(old, priority)| (old.address, *priority))
            .collect();
        kept.sort_unstable_by_key(|(address, _)| *address);
        let start = |validator: &Validator| {
            let position = kept.binary_search_by_key(&validator.address, |(address, _)| *address);
            let kept = position.ok().and_then(|position| kept.get(position));
            kept.map_or(newcomer, |(_, priority)| *priority)
        };
        let mut carried = Self(set.iter().map(start).collect());
        carried.normalize(set);
        carried
    }

    /// One step: gives the position in `set` of who proposes.
    pub(super) fn step(&mut self, set: &ValidatorSet) -> usize {
        let mut best: Option<(usize, i64, &Validator)> = None;
        for (position, (priority, validator)) in self.0.iter_mut().zip(set.iter()).enumerate() {
            *priority = priority.saturating_add(signed(validator.power));
            let better = best.is_none_or(|(_, highest, holder)| {
                *priority > highest || (*priority == highest && validator.address < holder.address)
            });
            if better {
                best = Some((position, *priority, validator));
            }
        }
        let position = best.map_or(0, |(position, ..)| position);
        if let Some(paying) = self.0.get_mut(position) {
            *paying = paying.saturating_sub(signed(set.total_power()));
        }
        position
    }

    pub(super) fn values(&self) -> &[i64] {
        &self.0
    }

    fn normalize(&mut self, set: &ValidatorSet) {
        self.scale(signed(set.total_power()).saturating_mul(2));
        self.centre();
    }

    /// Makes the distance between any two at most about `window`, which is above zero.
    fn scale(&mut self, window: i64) {
        let (Some(highest), Some(lowest)) = (self.0.iter().max(), self.0.iter().min()) else {
            return;
        };
        let apart = highest.saturating_sub(*lowest);
        if apart > window {
            // Rounded up.
            let ratio = apart
                .saturating_add(window)
                .saturating_sub(1)
                .checked_div(window)
                .unwrap_or(1);
            for priority in &mut self.0 {
                *priority = priority.checked_div(ratio).unwrap_or(0);
            }
        }
    }

    fn centre(&mut self) {
        let sum: i128 = self.0.iter().copied().map(i128::from).sum();
        let count = i128::try_from(self.0.len()).unwrap_or(i128::MAX);
        let mean = sum
            .checked_div_euclid(count)
            .and_then(|mean| i64::try_from(mean).ok())
            .unwrap_or(0);
        for priority in &mut self.0 {
            *priority = priority.saturating_sub(mean);
        }
    }
}

/// Power is at most `i64::MAX / 8`.
fn signed(power: u64) -> i64 {
    i64::try_from(power).unwrap_or(i64::MAX)
}
