//! From what is on the disk to the tip that a node starts with.

use std::sync::Arc;

use aureon_chain::{
    execution::StateError,
    import::{self, ParentInfo, ReceiptDifference},
};
use aureon_consensus::Lineage;
use aureon_storage::StorageError;
use aureon_types::{Block, Receipt};
use bytes::Bytes;

use super::{Ledger, Services};
use crate::{
    adapters::View,
    core::{Parent, WorkStart},
};

/// Why a node cannot start from what is on its disk.
#[derive(Debug, thiserror::Error)]
pub enum RecoveryError {
    /// The storage failed.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// The genesis names no usable engine.
    #[error(transparent)]
    Consensus(#[from] aureon_consensus::ConfigError),
    /// The state does not say who decides.
    #[error(transparent)]
    State(#[from] StateError),
    /// A stored block is not what it was when it was committed.
    #[error(
        "block {height} is in the block store and cannot be executed again: {reason}. The database is damaged, or another version of this software wrote it; move it away and start again to sync from peers"
    )]
    Block {
        /// The block.
        height: u64,
        /// What is wrong.
        reason: String,
    },
}

#[cfg(test)]
mod tests;

impl Ledger {
    /// Recovers what is on the disk, for whichever engine the genesis selects. Under proof of work the
    /// blocks that could still be undone come beside.
    pub fn open(services: Services) -> Result<(Self, Option<WorkStart>), RecoveryError> {
        if services.chain.genesis_lineage()?.work().is_some() {
            return Self::recover_work(services).map(|(ledger, start)| (ledger, Some(start)));
        }
        Self::recover(services).map(|ledger| (ledger, None))
    }

    /// Brings the state up to the last committed block, by executing again what was not flushed before
    /// the last stop. Every root is compared.
    pub fn recover(services: Services) -> Result<Self, RecoveryError> {
        let head = services.blocks.head().map_or(0, |head| head.height);
        services.states.check_against(head)?;
        let flushed = services.states.head();
        let lineage = services.chain.genesis_lineage()?;
        let tip = match flushed.height() {
            0 => Parent {
                info: ParentInfo::genesis(&services.chain.genesis, flushed.root()),
                certificate: Bytes::new(),
                view: View(flushed),
                lineage,
            },
            height => stored_parent(&services, height, View(flushed), lineage)?,
        };
        let mut ledger = Self { services, tip };
        if ledger.tip.info.height < head {
            tracing::info!(
                from = ledger.tip.info.height.saturating_add(1),
                to = head,
                "executing blocks again that the state lacks"
            );
        }
        while ledger.tip.info.height < head {
            ledger.replay()?;
        }
        Ok(ledger)
    }

    /// Bodies above the head that are durable.
    pub fn undecided(&self) -> Result<Vec<Arc<Block>>, StorageError> {
        let mut bodies = Vec::new();
        for (height, id) in self.services.blocks.undecided()? {
            if height > self.tip.info.height {
                bodies.extend(self.services.blocks.block_by_id(&id)?.map(Arc::new));
            }
        }
        Ok(bodies)
    }

    /// Executes the stored block above the tip again.
    pub(super) fn replay(&mut self) -> Result<(), RecoveryError> {
        let height = self.tip.info.height.saturating_add(1);
        let damaged = |reason: String| RecoveryError::Block { height, reason };
        let block = self.services.blocks.block_by_height(height)?;
        let block = block.ok_or_else(|| damaged("it is missing".to_owned()))?;
        let certificate = self.services.blocks.certificate(height)?;
        let certificate = match certificate {
            None if self.tip.lineage.work().is_some() => Bytes::new(),
            certificate => certificate.ok_or_else(|| damaged("its certificate is missing".to_owned()))?,
        };
        let block = Arc::new(block);
        let executed = self.execute_decided(Arc::clone(&block), &self.tip);
        let executed = executed.map_err(|error| {
            let difference = self.difference(height, Arc::clone(&block));
            let difference = difference.map_or_else(String::new, |difference| format!("; {difference}"));
            damaged(format!("{error} (block {}){difference}", block.id()))
        })?;
        self.services.states.commit(executed.view_after().0.clone())?;
        let next = self.above(&self.tip, &executed, certificate)?;
        self.tip = Parent {
            view: View(self.services.states.head()),
            ..next
        };
        Ok(())
    }
}

impl Ledger {
    /// The first transaction of the block above the tip whose receipt is another than the one that was
    /// stored when the block was committed. `None` where none differs or that cannot be told.
    fn difference(&self, height: u64, block: Arc<Block>) -> Option<ReceiptDifference> {
        let stored = self.services.blocks.receipts(height).ok()??;
        let stored: Vec<Receipt> = stored
            .iter()
            .map(|receipt| Receipt::decode(receipt).ok())
            .collect::<Option<_>>()?;
        let verified = self.verify_decided(block, &self.tip).ok()?;
        let now = import::receipts(&self.tip.view, &*self.services.machine, &verified).ok()?;
        import::first_difference(&stored, &now)
    }
}

fn stored_parent(
    services: &Services,
    height: u64,
    view: View,
    lineage: Lineage,
) -> Result<Parent, RecoveryError> {
    let damaged = |reason: &str| RecoveryError::Block {
        height,
        reason: reason.to_owned(),
    };
    let header = services
        .blocks
        .header_by_height(height)?
        .ok_or_else(|| damaged("it is missing"))?;
    let certificate = services
        .blocks
        .certificate(height)?
        .ok_or_else(|| damaged("its certificate is missing"))?;
    let lineage = match lineage {
        Lineage::Voting(_) => services.chain.voting_lineage_at(height, &view)?,
        Lineage::Work(_) => lineage,
    };
    Ok(Parent {
        info: ParentInfo::of(&header),
        certificate,
        view,
        lineage,
    })
}
