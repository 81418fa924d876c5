//! From a block that the engine asks for to a block that was executed.

use aureon_chain::{
    assembly::{self, AssembledBlock},
    import::ExecutedBlock,
};
use aureon_consensus::{Input as EngineInput, Now};
use aureon_protocol::{Offence, PeerId};
use aureon_types::{Address, BlockId};

use super::{Asked, Branch, Waiting};
use crate::{
    adapters::View,
    core::{Body, BodyFault, Core, Effect, Executing, Job, Parent},
};

impl Core {
    /// The engine wants to know whether a block is valid.
    pub(in crate::core) fn on_work_wanted(
        &mut self,
        now: Now,
        id: BlockId,
        height: u64,
        proposer: Address,
        effects: &mut Vec<Effect>,
    ) {
        let parent = self.engine.work().and_then(|engine| engine.header(&id));
        let Some(parent) = parent.map(|header| header.header().parent_id) else {
            return; // forgotten meanwhile
        };
        let Some(branches) = &mut self.work else { return };
        let asked = Asked {
            height,
            parent,
            proposer,
        };
        if branches.executed.contains_key(&id) {
            return self.answer_work(id, asked, true);
        }
        branches.asked.insert(id, asked);
        if branches.executing.contains_key(&id) {
            return;
        }
        if branches.waiting.contains_key(&id) {
            return self.execute_work(id, effects);
        }
        let peer = branches.senders.get(&id).copied();
        self.want_body(now, id, height, peer, effects);
    }

    fn want_body(
        &mut self,
        now: Now,
        block_id: BlockId,
        height: u64,
        peer: Option<PeerId>,
        effects: &mut Vec<Effect>,
    ) {
        let wanted = assembly::Input::Wanted {
            block_id,
            height,
            round: 0,
            peer,
        };
        self.assembly_input(now, wanted, effects);
    }

    /// The engine does not want to know it any more.
    pub(in crate::core) fn on_work_unwanted(
        &mut self,
        now: Now,
        blocks: &[BlockId],
        effects: &mut Vec<Effect>,
    ) {
        let Some(branches) = &mut self.work else { return };
        for id in blocks {
            branches.asked.remove(id);
        }
        branches.bound();
        for block_id in blocks.iter().copied() {
            self.assembly_input(now, assembly::Input::Unwanted { block_id }, effects);
        }
    }

    /// The assembler needed the room. What the engine still asks for is asked for again, by id alone.
    pub(in crate::core) fn on_work_abandoned(&mut self, now: Now, id: BlockId, effects: &mut Vec<Effect>) {
        let asked = self.work.as_ref().and_then(|branches| branches.asked.get(&id));
        if let Some(height) = asked.map(|asked| asked.height) {
            self.want_body(now, id, height, None, effects);
        }
    }

    /// A body is complete. `served_by`: who answered a request of ours for it.
    pub(in crate::core) fn on_work_body(
        &mut self,
        block: Box<AssembledBlock>,
        served_by: Option<PeerId>,
        effects: &mut Vec<Effect>,
    ) {
        let id = block.id();
        let Some(branches) = &mut self.work else { return };
        if branches.executed.contains_key(&id) || branches.executing.contains_key(&id) {
            return;
        }
        branches.waiting.insert(id, Waiting::Parts(block, served_by));
        branches.bound();
        self.execute_work(id, effects);
    }

    /// Executes a block that was asked for, if its body and its parent's state are here.
    fn execute_work(&mut self, block_id: BlockId, effects: &mut Vec<Effect>) {
        let Some(branches) = &mut self.work else { return };
        let parent = branches
            .asked
            .get(&block_id)
            .and_then(|asked| branches.executed.get(&asked.parent));
        let Some(parent) = parent.map(|branch| branch.parent.clone()) else {
            return; // it waits for its parent, or for being asked for
        };
        let (body, served_by) = match branches.waiting.remove(&block_id) {
            Some(Waiting::Parts(parts, served_by)) => (Body::Parts(parts), served_by),
            Some(Waiting::Stored(_)) => (Body::Stored, None),
            None => return,
        };
        branches.executing.insert(block_id, served_by);
        let executing = Executing {
            block_id,
            body,
            parent,
            // The engine has held the header until its time had come.
            wall_ms: u64::MAX,
        };
        effects.push(Effect::Job(Job::Execute(Box::new(executing))));
    }

    /// A block was judged.
    pub(in crate::core) fn on_work_executed(
        &mut self,
        now: Now,
        id: BlockId,
        result: Result<ExecutedBlock<View>, BodyFault>,
        effects: &mut Vec<Effect>,
    ) {
        let Some(branches) = &mut self.work else { return };
        let served_by = branches.executing.remove(&id).flatten();
        match result {
            Ok(executed) => self.on_work_valid(&executed, effects),
            Err(BodyFault::Invalid(reason)) => self.on_work_invalid(id, &reason, served_by, effects),
            Err(BodyFault::Missing) => {
                if let Some(asked) = branches.asked.get(&id).copied() {
                    self.want_body(now, id, asked.height, None, effects);
                }
            }
            // Only where votes decide.
            Err(BodyFault::TooFarAhead { .. } | BodyFault::Overtaken) => {}
        }
    }

    /// Keeps the block's state, tells the engine, and goes on with the blocks above it.
    pub(super) fn on_work_valid(&mut self, executed: &ExecutedBlock<View>, effects: &mut Vec<Effect>) {
        let (id, below) = (executed.id(), executed.header().parent_id);
        let Some(branches) = &mut self.work else { return };
        let Some(parent) = branches.executed.get(&below) else {
            // Its branch lost for good, or its parent is to be executed again.
            if branches.asked.contains_key(&id) {
                branches
                    .waiting
                    .insert(id, Waiting::Stored(executed.header().height));
            }
            return;
        };
        let lineage = match self.chain.lineage_after(&parent.parent.lineage, executed) {
            Ok(lineage) => lineage,
            Err(error) => {
                let reason = error.to_string();
                return effects.push(Effect::Stop { reason });
            }
        };
        let branch = Branch {
            parent: Parent {
                info: executed.as_parent(),
                certificate: bytes::Bytes::new(),
                view: executed.view_after().clone(),
                lineage,
            },
            below,
            executed: Some(executed.clone()),
        };
        branches.executed.insert(id, branch);
        let asked = branches.asked.remove(&id);
        let above: Vec<BlockId> = branches
            .asked
            .iter()
            .filter(|(_, asked)| asked.parent == id)
            .map(|(id, _)| *id)
            .collect();
        if let Some(asked) = asked {
            self.answer_work(id, asked, true);
        }
        for id in above {
            self.execute_work(id, effects);
        }
    }

    /// The header or what it commits to is wrong: nothing valid can have this id.
    pub(in crate::core) fn on_work_invalid(
        &mut self,
        id: BlockId,
        reason: &str,
        served_by: Option<PeerId>,
        effects: &mut Vec<Effect>,
    ) {
        tracing::warn!(block = %id, reason, "a mined block is invalid; its branch is not followed");
        if let Some(peer) = served_by {
            effects.push(Effect::Penalize {
                peer,
                offence: Offence::Malicious,
                reason: format!("it served block {id}, which is invalid: {reason}"),
            });
        }
        let Some(branches) = &mut self.work else { return };
        branches.waiting.remove(&id);
        if let Some(asked) = branches.asked.remove(&id) {
            self.answer_work(id, asked, false);
        }
    }

    fn answer_work(&mut self, block_id: BlockId, asked: Asked, valid: bool) {
        self.pending_engine.push_back(EngineInput::Executed {
            height: asked.height,
            round: 0,
            proposer: asked.proposer,
            block_id,
            valid,
        });
    }
}
