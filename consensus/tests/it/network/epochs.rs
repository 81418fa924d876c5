//! Validators that change: who is wanted in which epoch, and what a node knows of it at its head.

use aureon_consensus::{Epoch, Lineage, Schedule, limit_change};
use aureon_types::{SecretKey, Validator, ValidatorSet};

/// Who decides, epoch by epoch.
#[derive(Clone, Debug)]
pub struct Epochs {
    /// Length of an epoch.
    pub blocks: u64,
    /// For each epoch the power of each key, 0: none; the last entry holds on. From the second on they
    /// are wishes: at most a third changes at once.
    pub wanted: Vec<Vec<u64>>,
}

impl Epochs {
    /// Equal power, for ever.
    pub fn fixed(validators: usize) -> Self {
        Self {
            blocks: u64::MAX,
            wanted: vec![vec![1; validators]],
        }
    }
}

pub(super) struct Timeline {
    epochs: Vec<Epoch>,
    wanted: Vec<ValidatorSet>,
}

impl Timeline {
    pub(super) fn new(plan: &Epochs, keys: &[SecretKey]) -> Self {
        let set = |powers: &Vec<u64>| {
            let members = keys.iter().zip(powers).filter(|(_, power)| **power > 0);
            let members = members.map(|(key, power)| Validator::new(key.public_key(), *power));
            ValidatorSet::new(members.collect()).unwrap()
        };
        let wanted: Vec<ValidatorSet> = plan.wanted.iter().map(set).collect();
        Self {
            epochs: vec![Epoch::genesis(wanted[0].clone(), plan.blocks)],
            wanted,
        }
    }

    fn epoch(&mut self, number: usize) -> Epoch {
        while self.epochs.len() <= number {
            let last = self.epochs.last().unwrap();
            let wanted = self.wanted.get(self.epochs.len()).or(self.wanted.last()).unwrap();
            let next = last.next(limit_change(last.set(), wanted.clone()));
            self.epochs.push(next);
        }
        self.epochs[number].clone()
    }

    /// What is known once block `head` is committed.
    pub(super) fn schedule(&mut self, head: u64) -> Schedule {
        let number = usize::try_from(head / self.epochs[0].blocks()).unwrap();
        let current = self.epoch(number);
        let previous = number.checked_sub(1).map(|number| self.epoch(number));
        let next = (head >= current.closing()).then(|| self.epoch(number + 1));
        Schedule::new(previous, current, next).unwrap()
    }

    pub(super) fn lineage(&mut self, head: u64) -> Lineage {
        Lineage::Voting(self.schedule(head))
    }

    /// The set that decides `height`.
    pub(super) fn set(&mut self, height: u64) -> ValidatorSet {
        self.schedule(height - 1).current().set().clone()
    }
}
