//! Validator sets.

use std::sync::Arc;

use crate::{
    Address, Hash, PublicKey,
    hash::blake3,
    limits::{MAX_SUPPLY, MAX_VALIDATORS},
};

/// A validator: who may propose and vote, and with what weight.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Validator {
    /// The address of `public_key`.
    pub address: Address,
    /// Verifies its votes and proposals.
    pub public_key: PublicKey,
    /// Voting power, above zero.
    pub power: u64,
}

impl Validator {
    /// A validator; the address follows from the key.
    pub fn new(public_key: PublicKey, power: u64) -> Self {
        Self {
            address: public_key.address(),
            public_key,
            power,
        }
    }
}

/// What is wrong with a list of validators.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ValidatorSetError {
    /// Nobody could make blocks.
    #[error("there is no validator; at least one is needed")]
    Empty,
    /// Too many.
    #[error("there are {0} validators; at most {MAX_VALIDATORS} are allowed")]
    TooMany(usize),
    /// A validator without power.
    #[error("validator {0} has no voting power; at least 1 is needed")]
    NoPower(PublicKey),
    /// A key that appears twice.
    #[error("validator {0} appears more than once")]
    Duplicate(PublicKey),
    /// The sum does not fit.
    #[error("the total voting power is above {MAX_SUPPLY}")]
    TooMuchPower,
}

/// The validators of a height; cheap to clone. Sorted by power (descending), then address, so that the
/// order is the same on every node. Never empty; the total power is cached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ValidatorSet(Arc<Inner>);

#[derive(Debug, PartialEq, Eq)]
struct Inner {
    validators: Vec<Validator>,
    /// Indices into `validators`, sorted by address.
    by_address: Vec<usize>,
    total_power: u64,
    hash: Hash,
}

impl ValidatorSet {
    /// Checks and sorts.
    pub fn new(mut validators: Vec<Validator>) -> Result<Self, ValidatorSetError> {
        if validators.is_empty() {
            return Err(ValidatorSetError::Empty);
        }
        if validators.len() > MAX_VALIDATORS {
            return Err(ValidatorSetError::TooMany(validators.len()));
        }
        if let Some(idle) = validators.iter().find(|validator| validator.power == 0) {
            return Err(ValidatorSetError::NoPower(idle.public_key));
        }
        validators.sort_by_key(|validator| (std::cmp::Reverse(validator.power), validator.address));
        let mut by_address: Vec<usize> = (0..validators.len()).collect();
        by_address.sort_by_key(|index| validators.get(*index).map(|validator| validator.address));
        let duplicate = by_address.windows(2).find_map(|pair| match pair {
            [a, b] => {
                let (a, b) = (validators.get(*a)?, validators.get(*b)?);
                (a.address == b.address).then_some(b.public_key)
            }
            _ => None,
        });
        if let Some(key) = duplicate {
            return Err(ValidatorSetError::Duplicate(key));
        }
        let total_power = validators
            .iter()
            .try_fold(0_u64, |sum, validator| sum.checked_add(validator.power))
            .filter(|total| *total <= MAX_SUPPLY)
            .ok_or(ValidatorSetError::TooMuchPower)?;
        let hash = set_hash(&validators);
        Ok(Self(Arc::new(Inner {
            validators,
            by_address,
            total_power,
            hash,
        })))
    }

    /// In order of power, then address.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &Validator> {
        self.0.validators.iter()
    }

    /// How many; never zero.
    pub fn count(&self) -> usize {
        self.0.validators.len()
    }

    /// The sum of all voting power.
    pub fn total_power(&self) -> u64 {
        self.0.total_power
    }

    /// By position in the order.
    pub fn get_index(&self, index: usize) -> Option<&Validator> {
        self.0.validators.get(index)
    }

    /// By address.
    pub fn get(&self, address: &Address) -> Option<&Validator> {
        let position = self
            .0
            .by_address
            .binary_search_by(|index| {
                self.0
                    .validators
                    .get(*index)
                    .map(|validator| validator.address)
                    .cmp(&Some(*address))
            })
            .ok()?;
        self.0.validators.get(*self.0.by_address.get(position)?)
    }

    /// What a header's `next_validators_hash` holds: BLAKE3 over key and power (8 bytes, big-endian) of
    /// each in order.
    pub fn hash(&self) -> Hash {
        self.0.hash
    }

    /// Whether `power` is more than two thirds of the total.
    pub fn is_quorum(&self, power: u64) -> bool {
        u128::from(power).saturating_mul(3) > u128::from(self.0.total_power).saturating_mul(2)
    }
}

fn set_hash(validators: &[Validator]) -> Hash {
    let mut bytes = Vec::with_capacity(validators.len().saturating_mul(40));
    for validator in validators {
        bytes.extend_from_slice(&validator.public_key.0);
        bytes.extend_from_slice(&validator.power.to_be_bytes());
    }
    Hash(blake3(&[b"aureon/validators/1", &bytes]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::SecretKey;

    fn validator(seed: u8, power: u64) -> Validator {
        Validator::new(SecretKey::from_seed([seed; 32]).public_key(), power)
    }

    #[test]
    fn the_order_does_not_depend_on_the_input() {
        let (a, b, c) = (validator(1, 1), validator(2, 5), validator(3, 1));
        let set = ValidatorSet::new(vec![a, b, c]).unwrap();
        assert_eq!(ValidatorSet::new(vec![c, a, b]).unwrap(), set);
        assert_eq!(set.get_index(0), Some(&b));
        for validator in [a, b, c] {
            assert_eq!(set.get(&validator.address), Some(&validator));
        }
        assert_eq!(set.get(&Address([0; 20])), None);
    }

    #[test]
    fn bad_sets_are_refused_by_name() {
        let (a, b) = (validator(1, 1), validator(2, MAX_SUPPLY));
        assert_eq!(ValidatorSet::new(vec![]), Err(ValidatorSetError::Empty));
        assert_eq!(
            ValidatorSet::new(vec![a, a]),
            Err(ValidatorSetError::Duplicate(a.public_key))
        );
        assert_eq!(
            ValidatorSet::new(vec![a, b]),
            Err(ValidatorSetError::TooMuchPower)
        );
        let idle = Validator { power: 0, ..a };
        assert_eq!(
            ValidatorSet::new(vec![idle]),
            Err(ValidatorSetError::NoPower(a.public_key))
        );
    }

    #[test]
    fn a_quorum_is_more_than_two_thirds() {
        let set = ValidatorSet::new((1..=3).map(|seed| validator(seed, 1)).collect()).unwrap();
        assert!(!set.is_quorum(2));
        assert!(set.is_quorum(3));
    }
}
