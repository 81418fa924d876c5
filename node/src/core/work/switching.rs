//! From the engine's wish for another head to the new head.

use aureon_chain::assembly;
use aureon_consensus::{Head, Input as EngineInput, Now};
use aureon_types::BlockId;

use super::{Applying, Switched, Switching};
use crate::core::{Core, Effect, HeadChange, Job};

impl Core {
    /// A branch that was executed is heavier than the head's: make it the chain.
    pub(in crate::core) fn on_switch_wanted(
        &mut self,
        undone: Vec<BlockId>,
        applied: &[BlockId],
        finalized: Option<(u64, BlockId)>,
        effects: &mut Vec<Effect>,
    ) {
        match self.switching(undone, applied, finalized) {
            Some(switching) => effects.push(Effect::Job(Job::Switch(Box::new(switching)))),
            // The engine names executed blocks only, and those are kept as long as it keeps them.
            None => effects.push(Effect::Stop {
                reason:
                    "a branch is to become the chain and its states are not here: this is a fault of this \
                         software; a restart executes them again"
                        .to_owned(),
            }),
        }
    }

    fn switching(
        &self,
        undone: Vec<BlockId>,
        applied: &[BlockId],
        finalized: Option<(u64, BlockId)>,
    ) -> Option<Switching> {
        let branches = self.work.as_ref()?;
        let first = branches.executed.get(applied.first()?)?;
        let final_blocks = match finalized {
            Some((_, id)) => branches.path(&branches.root, &id)?,
            None => Vec::new(),
        };
        let view = |id: &BlockId| branches.executed.get(id).map(|branch| branch.parent.view.clone());
        let apply = |id: &BlockId| {
            let executed = branches.executed.get(id)?.executed.clone();
            Some(Applying {
                block_id: *id,
                executed,
            })
        };
        Some(Switching {
            fork: branches.executed.get(&first.below)?.parent.clone(),
            undone,
            applied: applied.iter().map(apply).collect::<Option<_>>()?,
            head: branches.executed.get(applied.last()?)?.parent.clone(),
            finalized: final_blocks.iter().map(view).collect::<Option<_>>()?,
        })
    }

    /// The branch was the chain before, and the block store has dropped bodies of it since: it is executed again, with
    /// bodies of peers.
    pub(in crate::core) fn on_bodies_gone(&mut self, blocks: Vec<BlockId>) {
        tracing::warn!(
            blocks = blocks.len(),
            first = ?blocks.first(),
            "a branch that was the chain before is the heaviest again, and bodies of it are gone; they are asked for again"
        );
        if let Some(branches) = &mut self.work {
            branches.forget_executions(&blocks);
        }
        self.pending_engine.push_back(EngineInput::BodiesGone(blocks));
    }

    /// The head moved: the branch is durable as the chain.
    pub(in crate::core) fn on_switched(&mut self, now: Now, switched: Switched, effects: &mut Vec<Effect>) {
        let Switched {
            undone,
            applied,
            senders,
            head,
        } = switched;
        let (height, id) = (head.info.height, head.info.id);
        let timestamp_ms = head.info.timestamp_ms;
        let lineage = head.lineage.clone();
        self.parent = head;
        self.mempool.on_block(now.monotonic, height, &senders);
        self.tell_pending();
        let change = HeadChange {
            undone: undone
                .iter()
                .map(|block| (block.header().height, block.id()))
                .collect(),
            applied: applied
                .iter()
                .map(|executed| (executed.header().height, executed.id()))
                .collect(),
        };
        self.log_switch(&change);
        for executed in &applied {
            let transactions = executed.block().transactions().len();
            self.throughput.add(now.monotonic, transactions);
        }
        effects.push(Effect::HeadChanged(change));
        effects.push(Effect::SetStatus(self.own_status()));
        self.settle_branches(now, &id, effects);
        for executed in &applied {
            if self.is_own(&executed.id()) {
                Self::publish_mined(executed.block(), effects);
            }
        }
        let head = Head {
            height,
            block_id: id,
            timestamp_ms,
        };
        self.pending_engine
            .push_back(EngineInput::Committed(head, lineage));
        self.return_transactions(&undone, &applied, effects);
        self.on_head_for_mining(now, effects);
    }

    /// Drops what the new head makes worthless: branches below what is final now, bodies that the disk
    /// has.
    fn settle_branches(&mut self, now: Now, head: &BlockId, effects: &mut Vec<Effect>) {
        let depth = self
            .parent
            .lineage
            .work()
            .map_or(0, |chain| chain.rules().finality_depth);
        let height = self.parent.info.height.saturating_sub(depth);
        let Some(branches) = &mut self.work else { return };
        let mut at = *head;
        while let Some(branch) = branches.executed.get(&at) {
            if branch.parent.info.height <= height || branch.below == at {
                break;
            }
            at = branch.below;
        }
        branches.finalize(at);
        branches.lighten(head);
        let root = branches
            .executed
            .get(&at)
            .map_or(0, |branch| branch.parent.info.height);
        self.assembly_input(now, assembly::Input::Committed { height: root }, effects);
    }

    /// Height of the last block that cannot be undone: where votes decide, the head's.
    pub(in crate::core) fn final_height(&self) -> u64 {
        let root = self
            .work
            .as_ref()
            .and_then(|branches| branches.executed.get(&branches.root));
        root.map_or(self.parent.info.height, |branch| branch.parent.info.height)
    }

    /// Whether the block was mined here; asked once.
    fn is_own(&mut self, id: &BlockId) -> bool {
        self.work.as_mut().is_some_and(|branches| branches.own.remove(id))
    }

    fn log_switch(&self, change: &HeadChange) {
        let Some((height, id)) = change.applied.last() else {
            return;
        };
        if let Some((lowest, _)) = change.undone.last() {
            tracing::warn!(
                height, %id, undone = change.undone.len(), applied = change.applied.len(), from = lowest,
                "the chain was reorganised: another branch has more work"
            );
        } else {
            tracing::info!(height, %id, blocks = change.applied.len(), "block committed");
        }
    }
}
