//! The network and its rules, and the block that others are built on.

use std::sync::Arc;

use aureon_chain::{
    execution::StateError,
    import::{ExecutedBlock, HeightRules, ParentInfo, RulesError},
    system,
};
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
    pub fn rules(&self, parent: &Parent) -> Result<HeightRules, RulesError> {
        HeightRules::next(&self.genesis, self.genesis_id, &parent.info, &parent.lineage)
    }

    /// What the first block is built on.
    pub fn genesis_lineage(&self) -> Result<Lineage, ConfigError> {
        Lineage::genesis(&self.genesis)
    }

    /// What `block`, on a parent with the lineage `parent`, fixes for the block above it.
    pub fn lineage_after(
        &self,
        parent: &Lineage,
        block: &ExecutedBlock<View>,
    ) -> Result<Lineage, StateError> {
        Ok(match parent {
            Lineage::Voting(schedule) => {
                let height = block.header().height;
                Lineage::Voting(system::schedule_after(schedule, height, block.view_after())?)
            }
            Lineage::Work(work) => Lineage::Work(Box::new(work.child(block.block().sealed_header()))),
        })
    }

    /// What the block at `height` fixed for the block above it, under an engine that votes: read from
    /// `view`, the state after it.
    pub fn voting_lineage_at(&self, height: u64, view: &View) -> Result<Lineage, StateError> {
        system::schedule_at(&self.genesis, height, view).map(Lineage::Voting)
    }
}
