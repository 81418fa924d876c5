//! What an engine is started with.

use std::time::Duration;

use aureon_types::{
    BlockId, EmptyBlocks, Genesis, GenesisId, SecretKey, genesis::BftTimeouts, validators::ValidatorSetError,
};

use crate::{Epoch, Schedule};

/// What the chain and the operator decide about consensus.
#[derive(Clone, Debug)]
pub struct Config {
    /// Every signature covers it.
    pub genesis_id: GenesisId,
    /// The engine's name, for status and logs.
    pub engine: &'static str,
    /// Least time between the starts of two heights.
    pub block_time: Duration,
    /// Whether a height waits for a transaction.
    pub empty_blocks: EmptyBlocks,
    /// How long the steps of a round wait.
    pub timeouts: BftTimeouts,
    /// The validators, as the block that the engine starts on fixes them. Each committed block brings
    /// its own ([`crate::Input::Committed`]).
    pub schedule: Schedule,
    /// Signs our votes and proposals. `None`: this node follows and never signs.
    pub key: Option<SecretKey>,
}

/// Why no engine can be made from a genesis.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// The validators are no valid set.
    #[error("the genesis names no usable validator set: {0}")]
    Validators(#[from] ValidatorSetError),
    /// The engine does not vote; it is started in another way.
    #[error("the engine \"{0}\" does not vote")]
    NoEngine(&'static str),
}

impl Config {
    /// The parameters that `genesis` gives an engine that votes, with the schedule of the first epoch.
    pub fn from_genesis(genesis: &Genesis, key: Option<SecretKey>) -> Result<Self, ConfigError> {
        let (Some(set), Some(epoch_blocks)) = (genesis.validators()?, genesis.engine.epoch_blocks()) else {
            return Err(ConfigError::NoEngine(genesis.engine.name()));
        };
        Ok(Self {
            genesis_id: genesis.id(),
            engine: genesis.engine.name(),
            block_time: Duration::from_millis(genesis.block_time_ms),
            empty_blocks: genesis.empty_blocks,
            timeouts: genesis.timeouts,
            schedule: Schedule::genesis(Epoch::genesis(set, epoch_blocks)),
            key,
        })
    }
}

/// The last committed block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head {
    /// 0: the genesis.
    pub height: u64,
    /// The genesis id at height 0.
    pub block_id: BlockId,
    /// Milliseconds since 1970-01-01 UTC; the next block must be later.
    pub timestamp_ms: u64,
}
