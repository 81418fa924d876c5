//! What the blocks up to a parent fix for the block after it.
//!
//! A lineage belongs to one block as its state does: whoever executes or imports the block derives it
//! from the parent's, hands it on by value, and so two branches never share one.

use aureon_types::{EngineKind, Genesis, ValidatorSet};

use crate::{
    Config, ConfigError, Epoch, Schedule,
    pow::{self, WorkChain},
};

/// What follows from a block and those below it, beside the state. Cheap to clone, never changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Lineage {
    /// Validators decide by votes: who they are, as far ahead as this block fixes it.
    Voting(Schedule),
    /// Proof of work: what the next block must name and exceed.
    Work(Box<WorkChain>),
}

impl Lineage {
    /// Under the first block.
    pub fn genesis(genesis: &Genesis) -> Result<Self, ConfigError> {
        if let EngineKind::Pow(parameters) = &genesis.engine {
            let rules = pow::Rules::of(genesis, parameters);
            return Ok(Self::Work(Box::new(WorkChain::genesis(rules))));
        }
        Config::from_genesis(genesis, None).map(|config| Self::Voting(config.schedule))
    }

    /// Who decides which height and who proposes, under an engine that votes.
    pub fn schedule(&self) -> Option<&Schedule> {
        match self {
            Self::Voting(schedule) => Some(schedule),
            Self::Work(_) => None,
        }
    }

    /// The chain of work, under proof of work.
    pub fn work(&self) -> Option<&WorkChain> {
        match self {
            Self::Work(chain) => Some(chain),
            Self::Voting(_) => None,
        }
    }

    /// The highest height whose validators are known, with all from the current epoch on; unbounded
    /// under an engine that does not vote.
    pub fn known_until(&self) -> u64 {
        self.schedule().map_or(u64::MAX, Schedule::known_until)
    }

    /// The epoch of `height`, under an engine that votes and where it is known.
    pub fn epoch(&self, height: u64) -> Option<&Epoch> {
        self.schedule()?.epoch(height)
    }

    /// The validators of `height`, under an engine that votes and where they are known.
    pub fn validators(&self, height: u64) -> Option<&ValidatorSet> {
        self.schedule()?.at(height)
    }
}
