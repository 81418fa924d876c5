//! The ledger thread under proof of work: another branch becomes the chain, and what recovery does about
//! branches.
//!
//! *Order.* One durable commit of the block store undoes and applies. Then the state store gets the
//! blocks that became final, in order: its state is never ahead of a block that could be undone. The
//! states above live in memory only, and a restart executes those blocks again.

use std::sync::Arc;

use aureon_chain::{
    execution::StateReader as _,
    import::{ExecutedBlock, ParentInfo},
    mempool::AccountState,
    production,
};
use aureon_consensus::{
    Lineage,
    pow::{MEDIAN_BLOCKS, WorkChain},
};
use aureon_storage::{Decided, StorageError};
use aureon_types::{Address, Block, BlockId, SealedHeader, SignedTransaction};
use bytes::Bytes;

use super::{
    Clock, RecoveryError, Services,
    ledger::{Ledger, Unfit, failed},
};
use crate::{
    adapters::View,
    core::{Applying, Done, Parent, Switched, Switching, Template, Templating, WorkStart},
};

/// A block to apply, and the work of the chain up to it.
struct Applied {
    executed: ExecutedBlock<View>,
    work: Option<[u8; 32]>,
}

impl Ledger {
    /// Makes another branch the chain.
    pub(super) fn switch(&mut self, switching: Switching) -> Done {
        match self.gone(&switching.applied) {
            Ok(gone) if gone.is_empty() => {}
            Ok(gone) => return Done::BodiesGone(gone),
            Err(error) => return failed(&error),
        }
        match self.try_switch(switching) {
            Ok(switched) => Done::Switched(Box::new(switched)),
            Err(reason) => Done::Failed { reason },
        }
    }

    /// What was the chain before and is needed again, and was dropped from the block store since: it keeps only so
    /// many bodies of other branches.
    fn gone(&self, applied: &[Applying]) -> Result<Vec<BlockId>, StorageError> {
        let mut gone = Vec::new();
        for Applying { block_id, executed } in applied {
            if executed.is_none() && self.services.blocks.header_by_id(block_id)?.is_none() {
                gone.push(*block_id);
            }
        }
        Ok(gone)
    }

    fn try_switch(&mut self, switching: Switching) -> Result<Switched, String> {
        let Switching {
            fork,
            undone,
            applied,
            head,
            finalized,
        } = switching;
        let undone = self.bodies(&undone)?;
        let applied = self.executions(&fork, applied)?;
        let decided: Vec<Decided<'_>> = applied
            .iter()
            .map(|Applied { executed, work }| Decided {
                block: executed.block(),
                certificate: &[],
                receipts: executed.encoded_receipts(),
                work: *work,
                validators: None,
            })
            .collect();
        let up_to = finalized.last().map_or(0, |view| view.0.height());
        let blocks = &self.services.blocks;
        blocks
            .switch(fork.info.height, &decided, up_to)
            .map_err(|error| error.to_string())?;
        drop(decided);
        for view in finalized {
            let committed = self.services.states.commit(view.0);
            committed.map_err(|error| error.to_string())?;
        }
        let applied: Vec<ExecutedBlock<View>> = applied.into_iter().map(|applied| applied.executed).collect();
        let senders = senders(&undone, &applied, &head.view)?;
        self.tip = head.clone();
        Ok(Switched {
            undone,
            applied,
            senders,
            head,
        })
    }

    fn bodies(&self, ids: &[BlockId]) -> Result<Vec<Arc<Block>>, String> {
        ids.iter().map(|id| self.body(id)).collect()
    }

    fn body(&self, id: &BlockId) -> Result<Arc<Block>, String> {
        match self.services.blocks.block_by_id(id) {
            Ok(Some(block)) => Ok(Arc::new(block)),
            Ok(None) => Err(format!(
                "the body of block {id}, which is part of the chain, is gone from the block store: the database is damaged"
            )),
            Err(error) => Err(error.to_string()),
        }
    }

    /// The blocks with receipts. Those that were part of the chain before are executed again.
    fn executions(&self, fork: &Parent, applied: Vec<Applying>) -> Result<Vec<Applied>, String> {
        let mut parent = fork.clone();
        let mut executions = Vec::with_capacity(applied.len());
        for Applying { block_id, executed } in applied {
            let executed = match executed {
                Some(executed) => executed,
                None => self
                    .execute_decided(self.body(&block_id)?, &parent)
                    .map_err(|error| error.to_string())?,
            };
            parent = self
                .above(&parent, &executed, Bytes::new())
                .map_err(|error| error.to_string())?;
            let work = parent.lineage.work().map(|chain| chain.work().to_bytes());
            executions.push(Applied { executed, work });
        }
        Ok(executions)
    }

    /// Builds a block without its seal. It is worth nothing without one, so the disk does not hear of it.
    pub(super) fn template(&self, templating: Templating, clock: Clock<'_>) -> Done {
        let Templating {
            token,
            params,
            view,
            candidates,
            budget,
        } = templating;
        let end = clock().saturating_add(budget);
        let mut out_of_time = || clock() >= end;
        match production::build(
            &view,
            &*self.services.machine,
            &params,
            candidates,
            &mut out_of_time,
        ) {
            Ok(built) => Done::Template(Box::new(Template {
                token,
                executed: built.executed,
                stale: built.stale.into_iter().map(|(id, _)| id).collect(),
            })),
            Err(error) => failed(&error),
        }
    }

    /// Brings the state up to the last final block, and keeps the states of those above: each is executed
    /// again, and every root compared.
    pub(super) fn recover_work(services: Services) -> Result<(Self, WorkStart), RecoveryError> {
        let head = services.blocks.head().map_or(0, |head| head.height);
        let last_final = services.blocks.finalized();
        services.states.check_against(last_final)?;
        let flushed = View(services.states.head());
        let tip = stored_work_parent(&services, flushed)?;
        let mut ledger = Self { services, tip };
        while ledger.tip.info.height < last_final {
            ledger.replay()?;
        }
        let root = ledger.tip.clone();
        let (mut canonical, mut headers) = (Vec::new(), Vec::new());
        if root.info.height < head {
            tracing::info!(
                from = root.info.height.saturating_add(1),
                to = head,
                "executing the blocks again that are not final yet"
            );
        }
        while ledger.tip.info.height < head {
            let (header, parent) = ledger.replay_unfinal()?;
            headers.push(header);
            canonical.push(parent);
        }
        let root_header = ledger.services.blocks.header_by_height(root.info.height)?;
        let side = ledger.side(&root, &headers)?;
        let start = WorkStart {
            root,
            root_header,
            canonical,
            headers,
            side,
        };
        Ok((ledger, start))
    }

    /// Executes the stored block above the tip again; its state stays in memory.
    fn replay_unfinal(&mut self) -> Result<(SealedHeader, Parent), RecoveryError> {
        let height = self.tip.info.height.saturating_add(1);
        let damaged = |reason: String| RecoveryError::Block { height, reason };
        let block = self.services.blocks.block_by_height(height)?;
        let block = block.ok_or_else(|| damaged("it is missing".to_owned()))?;
        let header = block.sealed_header().clone();
        let executed = self
            .execute_decided(Arc::new(block), &self.tip)
            .map_err(|error: Unfit| damaged(error.to_string()))?;
        let next = self.above(&self.tip, &executed, Bytes::new());
        self.tip = next.map_err(|error| damaged(error.to_string()))?;
        Ok((header, self.tip.clone()))
    }

    /// The headers of other branches that stand on the last final block and whose bodies are stored, the
    /// lowest first.
    fn side(&self, root: &Parent, canonical: &[SealedHeader]) -> Result<Vec<SealedHeader>, StorageError> {
        let mut known: std::collections::BTreeSet<BlockId> = canonical.iter().map(SealedHeader::id).collect();
        known.insert(root.info.id);
        let mut side = Vec::new();
        for (_, id) in self.services.blocks.undecided()? {
            let header = self.services.blocks.header_by_id(&id)?;
            let connected = header.filter(|header| known.contains(&header.header().parent_id));
            if let Some(header) = connected {
                known.insert(id);
                side.push(header);
            }
        }
        Ok(side)
    }
}

/// The block whose state was flushed last, with the work up to it.
fn stored_work_parent(services: &Services, view: View) -> Result<Parent, RecoveryError> {
    let height = view.0.height();
    let genesis = services.chain.genesis_lineage()?;
    if height == 0 {
        return Ok(Parent {
            info: ParentInfo::genesis(&services.chain.genesis, view.0.root()),
            certificate: Bytes::new(),
            view,
            lineage: genesis,
        });
    }
    let damaged = |reason: &str| RecoveryError::Block {
        height,
        reason: reason.to_owned(),
    };
    let median = u64::try_from(MEDIAN_BLOCKS).unwrap_or(u64::MAX);
    let first = height.saturating_sub(median.saturating_sub(1)).max(1);
    let mut headers = Vec::new();
    for height in first..=height {
        headers.extend(services.blocks.header_by_height(height)?);
    }
    let work = services.blocks.work(height)?;
    let work = work.ok_or_else(|| damaged("the work up to it is missing"))?;
    let rules = genesis.work().map(|chain| *chain.rules());
    let resumed = rules
        .and_then(|rules| WorkChain::resume(rules, aureon_consensus::pow::Work::from_bytes(&work), &headers));
    let chain = resumed.ok_or_else(|| damaged("the headers below it do not connect"))?;
    let last = headers.last().ok_or_else(|| damaged("it is missing"))?;
    Ok(Parent {
        info: ParentInfo::of(last),
        certificate: Bytes::new(),
        view,
        lineage: Lineage::Work(Box::new(chain)),
    })
}

/// The senders of blocks that were undone or applied, sorted, with their accounts at the new head.
fn senders(
    undone: &[Arc<Block>],
    applied: &[ExecutedBlock<View>],
    head: &View,
) -> Result<Vec<(Address, AccountState)>, String> {
    let blocks = undone.iter().chain(applied.iter().map(ExecutedBlock::block));
    let mut senders: Vec<Address> = blocks
        .flat_map(|block| block.transactions())
        .map(SignedTransaction::sender)
        .collect();
    senders.sort_unstable();
    senders.dedup();
    let read = |sender: Address| {
        let account = head.account(&sender).map_err(|error| error.to_string())?;
        Ok((sender, AccountState::from(account)))
    };
    senders.into_iter().map(read).collect()
}
