//! Which validators decide a height, and who proposes.
//!
//! Heights are cut into *epochs* of equal length ([`Epoch`]). When the last but one block of an epoch
//! is executed, its *closing block*, the set of the next epoch is fixed ([`limit_change`] keeps it near
//! the old one), and the header of the epoch's last block names it. A [`Schedule`] is what is known of
//! that at one block: the epoch of the next height and its neighbours.

mod change;
mod epoch;
mod priority;
#[cfg(test)]
mod tests;

use aureon_types::{Address, Validator, ValidatorSet};

pub use change::{changed_power, limit_change};
pub use epoch::Epoch;

/// The validators of the heights around a block: immutable, cheap to clone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Schedule {
    previous: Option<Epoch>,
    current: Epoch,
    next: Option<Epoch>,
}

/// Why epochs make no schedule. A fault of the software or of the database.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ScheduleError {
    /// An epoch that does not follow the other.
    #[error("epoch {later} (heights from {first}) does not follow epoch {earlier} (heights to {last})")]
    NotConsecutive {
        /// Number of the earlier.
        earlier: u64,
        /// Its last height.
        last: u64,
        /// Number of the later.
        later: u64,
        /// Its first height.
        first: u64,
    },
    /// The next epoch is not known yet.
    #[error("epoch {0} is over, and the set of the next is not known")]
    Unknown(u64),
}

impl Schedule {
    /// `current`: the epoch of the next block. `previous`: the one before, if there is one. `next`: the
    /// one after, known from the closing block on.
    pub fn new(previous: Option<Epoch>, current: Epoch, next: Option<Epoch>) -> Result<Self, ScheduleError> {
        if let Some(previous) = &previous {
            follows(previous, &current)?;
        }
        if let Some(next) = &next {
            follows(&current, next)?;
        }
        Ok(Self {
            previous,
            current,
            next,
        })
    }

    /// Before the first block, or wherever one epoch is all that is known.
    pub fn genesis(epoch: Epoch) -> Self {
        Self {
            previous: None,
            current: epoch,
            next: None,
        }
    }

    /// The same set at every height: one epoch without an end.
    pub fn fixed(validators: ValidatorSet) -> Self {
        Self::genesis(Epoch::genesis(validators, u64::MAX))
    }

    /// After the closing block: the set of the next epoch is `set`.
    pub fn with_next(&self, set: ValidatorSet) -> Self {
        Self {
            next: Some(self.current.next(set)),
            ..self.clone()
        }
    }

    /// After the last block of the current epoch: the next one is the current one.
    pub fn advanced(&self) -> Result<Self, ScheduleError> {
        let next = self
            .next
            .clone()
            .ok_or(ScheduleError::Unknown(self.current.number()))?;
        Ok(Self {
            previous: Some(self.current.clone()),
            current: next,
            next: None,
        })
    }

    /// The epoch before the current one.
    pub fn previous(&self) -> Option<&Epoch> {
        self.previous.as_ref()
    }

    /// The epoch of the next block.
    pub fn current(&self) -> &Epoch {
        &self.current
    }

    /// The epoch after the current one, once it is known.
    pub fn next(&self) -> Option<&Epoch> {
        self.next.as_ref()
    }

    /// The last height whose validators are known.
    pub fn known_until(&self) -> u64 {
        self.next.as_ref().unwrap_or(&self.current).last()
    }

    /// The epoch of `height`; `None` where it is not known here (not yet, or no longer).
    pub fn epoch(&self, height: u64) -> Option<&Epoch> {
        let known = [Some(&self.current), self.next.as_ref(), self.previous.as_ref()];
        known.into_iter().flatten().find(|epoch| epoch.contains(height))
    }

    /// The set that decides `height`; `None` where it is not known here.
    pub fn at(&self, height: u64) -> Option<&ValidatorSet> {
        self.epoch(height).map(Epoch::set)
    }

    /// Who proposes in `round` of `height`; `None` where it is not known here.
    pub fn proposer(&self, height: u64, round: u32) -> Option<&Validator> {
        self.epoch(height).map(|epoch| epoch.proposer(height, round))
    }

    /// Whether `address` proposes in `round` of `height`.
    pub fn is_proposer(&self, address: &Address, height: u64, round: u32) -> bool {
        self.proposer(height, round)
            .is_some_and(|proposer| proposer.address == *address)
    }
}

fn follows(earlier: &Epoch, later: &Epoch) -> Result<(), ScheduleError> {
    if earlier.number().checked_add(1) == Some(later.number()) && earlier.blocks() == later.blocks() {
        Ok(())
    } else {
        Err(ScheduleError::NotConsecutive {
            earlier: earlier.number(),
            last: earlier.last(),
            later: later.number(),
            first: later.first(),
        })
    }
}
