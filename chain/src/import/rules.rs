//! What a network's rules say about one height, made from its genesis and from what the blocks below
//! have fixed.

use aureon_consensus::{Epoch, Lineage, Schedule, pow::WorkChain};
use aureon_types::{Address, Amount, EngineKind, Genesis, GenesisId, Hash, ValidatorSet};

use super::ParentInfo;
use crate::{
    execution::BlockContext,
    system::{AuthorityRules, Rules, StakeRules, Voting},
};

/// How far a header's time may be ahead of our clock where validators vote, in milliseconds. Half a
/// second forgives the clocks of a LAN; more waits (see [`super::HeaderVerdict::TooFarAhead`]) and is
/// never a fault: a wrong clock may be ours. Under proof of work see [`aureon_consensus::pow::Rules`].
pub const MAX_AHEAD_MS: u64 = 500;
/// What the network's rules say about one height.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeightRules {
    /// The network.
    pub genesis_id: GenesisId,
    /// The header's gas limit must be this.
    pub gas_limit: u64,
    /// Lowest gas price of a transaction, in base units.
    pub min_gas_price: u64,
    /// The version of the contracts' cost table.
    pub cost_table: u32,
    /// Base units that come into existence with the block.
    pub reward: Amount,
    /// Which times the header may name.
    pub time: TimeRule,
    /// Who may make the block.
    pub engine: HeightEngine,
}

/// Which times a header may name, in milliseconds since 1970-01-01 UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TimeRule {
    /// Only later ones: the parent's, or under proof of work the median of the last eleven blocks.
    pub after_ms: u64,
    /// How far ahead of our clock before the block must wait.
    pub max_ahead_ms: u64,
}

/// What a block adds to the rules of its height.
#[derive(Clone, Copy, Debug)]
pub(crate) struct BlockPlace {
    pub height: u64,
    pub timestamp_ms: u64,
    pub proposer: Address,
    /// May be below the rule's for a block of our own.
    pub gas_limit: u64,
}

/// Who may make the block of a height.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HeightEngine {
    /// Whoever does the work.
    Work {
        /// What the proof must reach; the header names it.
        target: [u8; 32],
    },
    /// Validators by stake.
    Stake(StakeRules, HeightValidators),
    /// Authorities.
    Authority(AuthorityRules, HeightValidators),
}

/// The validators around one height.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeightValidators {
    /// Of the parent's height: they signed its certificate. For the first block those of its own.
    pub previous: ValidatorSet,
    /// The epoch of the height: one of its set built the block.
    pub epoch: Epoch,
    /// Hash of the set of the next height.
    pub next_hash: Hash,
}

/// Why there are no rules for a height. Never the fault of a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RulesError {
    /// The blocks below do not fix who decides.
    #[error("the validators of height {0} are not known after the block below")]
    UnknownValidators(u64),
    /// The genesis names another engine than the lineage is of.
    #[error("the lineage of the block below is not of the engine that the genesis names")]
    OtherEngine,
}

impl HeightEngine {
    /// Under proof of work: what the header must name.
    pub fn target(&self) -> Option<[u8; 32]> {
        match self {
            Self::Work { target } => Some(*target),
            Self::Stake(..) | Self::Authority(..) => None,
        }
    }

    /// Where validators vote: who.
    pub fn validators(&self) -> Option<&HeightValidators> {
        match self {
            Self::Work { .. } => None,
            Self::Stake(_, validators) | Self::Authority(_, validators) => Some(validators),
        }
    }
}

impl HeightRules {
    /// The rules of the block above `parent`, which left `lineage`. `genesis_id` is the genesis's.
    pub fn next(
        genesis: &Genesis,
        genesis_id: GenesisId,
        parent: &ParentInfo,
        lineage: &Lineage,
    ) -> Result<Self, RulesError> {
        match lineage {
            Lineage::Voting(schedule) => Self::voting(genesis, genesis_id, parent, schedule),
            Lineage::Work(chain) => Self::work(genesis, genesis_id, chain),
        }
    }

    fn voting(
        genesis: &Genesis,
        genesis_id: GenesisId,
        parent: &ParentInfo,
        schedule: &Schedule,
    ) -> Result<Self, RulesError> {
        let height = parent.height.saturating_add(1);
        let set = |height| schedule.at(height).ok_or(RulesError::UnknownValidators(height));
        let epoch = schedule
            .epoch(height)
            .ok_or(RulesError::UnknownValidators(height))?;
        let validators = HeightValidators {
            previous: set(parent.height.max(1))?.clone(),
            epoch: epoch.clone(),
            next_hash: set(height.saturating_add(1))?.hash(),
        };
        let engine = match &genesis.engine {
            EngineKind::Pos(parameters) => HeightEngine::Stake(StakeRules::new(parameters), validators),
            EngineKind::Poa(parameters) => {
                HeightEngine::Authority(AuthorityRules::new(parameters), validators)
            }
            EngineKind::Pow(_) => return Err(RulesError::OtherEngine),
        };
        let time = TimeRule {
            after_ms: parent.timestamp_ms,
            max_ahead_ms: MAX_AHEAD_MS,
        };
        Ok(Self::of(genesis, genesis_id, height, time, engine))
    }

    fn work(genesis: &Genesis, genesis_id: GenesisId, chain: &WorkChain) -> Result<Self, RulesError> {
        let EngineKind::Pow(_) = &genesis.engine else {
            return Err(RulesError::OtherEngine);
        };
        let time = TimeRule {
            after_ms: chain.median_time_ms(),
            max_ahead_ms: chain.rules().max_ahead_ms(),
        };
        let engine = HeightEngine::Work {
            target: chain.next_target().to_bytes(),
        };
        let height = chain.height().saturating_add(1);
        Ok(Self::of(genesis, genesis_id, height, time, engine))
    }

    fn of(
        genesis: &Genesis,
        genesis_id: GenesisId,
        height: u64,
        time: TimeRule,
        engine: HeightEngine,
    ) -> Self {
        Self {
            genesis_id,
            gas_limit: genesis.gas_limit,
            min_gas_price: genesis.min_gas_price,
            cost_table: genesis.vm_cost_table,
            reward: genesis.engine.reward().at(height),
            time,
            engine,
        }
    }

    /// Whether the block at `height` carries a certificate of its parent: under the voting engines
    /// from height 2, because nobody voted on the genesis.
    pub(crate) fn needs_commit(&self, height: u64) -> bool {
        self.engine.validators().is_some() && height > 1
    }

    /// What execution needs. `signers`: of the certificate that the block carries, sorted, `None` where it
    /// carries none.
    pub(crate) fn context(&self, block: BlockPlace, signers: Option<&[Address]>) -> BlockContext {
        let BlockPlace {
            height,
            timestamp_ms,
            proposer,
            gas_limit,
        } = block;
        let voting = |validators: &HeightValidators| match signers {
            Some(signers) => Voting::new(validators.epoch.clone(), &validators.previous, signers),
            None => Voting {
                epoch: validators.epoch.clone(),
                absent: Vec::new(),
            },
        };
        let rules = match &self.engine {
            HeightEngine::Work { .. } => Rules::Work,
            HeightEngine::Stake(rules, validators) => Rules::Stake(*rules, voting(validators)),
            HeightEngine::Authority(rules, validators) => Rules::Authority(*rules, voting(validators)),
        };
        BlockContext {
            genesis_id: self.genesis_id,
            height,
            timestamp_ms,
            cost_table: self.cost_table,
            proposer,
            gas_limit,
            min_gas_price: self.min_gas_price,
            reward: self.reward,
            rules,
        }
    }
}

/// The signers of a certificate, sorted: as it stands in it.
pub(crate) fn signers(certificate: &aureon_types::CommitCertificate) -> Vec<Address> {
    certificate
        .signatures
        .iter()
        .map(|signature| signature.validator)
        .collect()
}
