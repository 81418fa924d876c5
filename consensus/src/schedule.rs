//! Which validators decide a height, and who proposes.

use aureon_types::{Address, Validator, ValidatorSet};

/// The validators of every height. Cheap to clone.
///
/// Under proof of authority the set of the genesis is the set of every height. An engine with changing
/// sets answers from its epochs here; nothing else in the node assumes that the set stays.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Schedule {
    validators: ValidatorSet,
}

/// Whose turn it is: position in a set of `count`, which must not be 0. Round robin, one further with
/// every height and with every round, so that a dead proposer costs one round and the load is even.
pub(crate) fn turn(height: u64, round: u32, count: usize) -> usize {
    let count = u64::try_from(count).unwrap_or(u64::MAX).max(1);
    let turn = height.wrapping_add(u64::from(round)).checked_rem(count);
    usize::try_from(turn.unwrap_or(0)).unwrap_or(0)
}

impl Schedule {
    /// The same set at every height.
    pub fn fixed(validators: ValidatorSet) -> Self {
        Self { validators }
    }

    /// The set that decides `height`.
    pub fn at(&self, _height: u64) -> &ValidatorSet {
        &self.validators
    }

    /// Who proposes in `round` of `height`.
    pub fn proposer(&self, height: u64, round: u32) -> Option<&Validator> {
        let set = self.at(height);
        set.get_index(turn(height, round, set.count()))
    }

    /// Whether `address` proposes in `round` of `height`.
    pub fn is_proposer(&self, address: &Address, height: u64, round: u32) -> bool {
        self.proposer(height, round)
            .is_some_and(|proposer| proposer.address == *address)
    }
}

#[cfg(test)]
mod tests {
    use aureon_types::SecretKey;

    use super::*;

    #[test]
    fn everybody_proposes_once_in_a_cycle_of_heights_or_rounds() {
        let keys = (1..=4).map(|seed| SecretKey::from_seed([seed; 32]));
        let set = ValidatorSet::new(keys.map(|key| Validator::new(key.public_key(), 1)).collect()).unwrap();
        let schedule = Schedule::fixed(set.clone());
        let all: Vec<Address> = set.iter().map(|validator| validator.address).collect();
        let sorted = |mut turns: Vec<Address>| {
            turns.sort();
            turns
        };
        let by_height = (8..12)
            .map(|height| schedule.proposer(height, 0).unwrap().address)
            .collect();
        let by_round = (0..4)
            .map(|round| schedule.proposer(5, round).unwrap().address)
            .collect();
        assert_eq!(sorted(by_height), sorted(all.clone()));
        assert_eq!(sorted(by_round), sorted(all.clone()));
        assert_eq!(schedule.proposer(4, 1), schedule.proposer(5, 0));
        assert!(schedule.is_proposer(&all[0], 8, 0));
        assert!(!schedule.is_proposer(&all[1], 8, 0));
        assert!(schedule.proposer(u64::MAX, u32::MAX).is_some(), "the sum wraps");
    }
}
