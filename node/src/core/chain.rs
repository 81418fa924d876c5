//! The network and its rules, and the block that others are built on.

use std::sync::Arc;

use aureon_chain::import::{ExecutedBlock, HeightRules, HeightValidators, ParentInfo};
use aureon_consensus::{ConfigError, Lineage};
use aureon_types::{Genesis, GenesisId};
use bytes::Bytes;

use crate::adapters::View;

/// The block that others are built on.
#[derive(Clone, Debug)]
pub struct Parent {
    /// Height, id, time, state root.
    pub info: ParentInfo,
    /// Its encoded certificate; empty for the genesis.
    pub certificate: Bytes,
    /// The state after it.
    pub view: View,
    /// What it and the blocks below fix for the block above.
    pub lineage: Lineage,
}

/// The network, as the workers need it too. Cheap to clone. What changes from block to block is in
/// [`Parent`].
#[derive(Clone)]
pub struct Chain {
    /// The genesis.
    pub genesis: Arc<Genesis>,
    /// Its id.
    pub genesis_id: GenesisId,
}

impl Chain {
    /// The network of `genesis`.
    pub fn new(genesis: Arc<Genesis>) -> Self {
        Self {
            genesis_id: genesis.id(),
            genesis,
        }
    }

    /// The rules of the block above `parent`.
    pub fn rules(&self, parent: &Parent) -> HeightRules {
        let (below, height) = (parent.info.height, parent.info.height.saturating_add(1));
        let schedule = match &parent.lineage {
            Lineage::Voting(schedule) => schedule,
            Lineage::Work(work) => {
                return HeightRules {
                    genesis_id: self.genesis_id,
                    gas_limit: self.genesis.gas_limit,
                    min_gas_price: self.genesis.min_gas_price,
                    target: Some(work.next_target().to_bytes()),
                    validators: None,
                };
            }
        };
        let set = |height| schedule.at(height).unwrap_or(schedule.current().set());
        let validators = HeightValidators {
            previous: set(below).clone(),
            current: set(height).clone(),
            next_hash: set(height.saturating_add(1)).hash(),
        };
        HeightRules::voting(&self.genesis, validators)
    }

    /// What the first block is built on.
    pub fn genesis_lineage(&self) -> Result<Lineage, ConfigError> {
        Lineage::genesis(&self.genesis)
    }

    /// What `block`, on a parent with the lineage `parent`, fixes for the block above it.
    pub fn lineage_after(&self, parent: &Lineage, block: &ExecutedBlock<View>) -> Lineage {
        match parent {
            Lineage::Voting(_) => parent.clone(),
            Lineage::Work(work) => Lineage::Work(Box::new(work.child(block.block().sealed_header()))),
        }
    }
}
