//! Mined blocks on the gossip topic.

use aureon_chain::assembly::{self, ProposedBlock};
use aureon_consensus::{Admit, DropReason, Input as EngineInput, Now, VerifiedMessage};
use aureon_protocol::{PeerId, Topic, Verdict};
use aureon_types::Block;

use crate::core::{Core, Effect, GossipFault, GossipToken};

/// A gossiped block whose header has done its work, in full or in short.
#[derive(Debug)]
pub struct CheckedWork {
    /// For the engine.
    pub verified: VerifiedMessage,
    /// The block.
    pub proposed: ProposedBlock,
}

impl Core {
    /// The work of a gossiped block was checked. Its verdict follows from what the tree of headers says,
    /// at once: nothing was fetched or executed.
    pub(in crate::core) fn on_work_checked(
        &mut self,
        now: Now,
        message: GossipToken,
        from: PeerId,
        result: Result<Box<CheckedWork>, GossipFault>,
        effects: &mut Vec<Effect>,
    ) {
        let CheckedWork { verified, proposed } = match result {
            Ok(checked) => *checked,
            Err(fault) => {
                tracing::debug!(peer = %from, %fault, "a false block");
                let verdict = Verdict::Reject;
                return effects.push(Effect::Verdict { message, verdict });
            }
        };
        let admitted = self.engine.admit(verified.message());
        let verdict = match admitted {
            Admit::Verify => Verdict::Accept,
            Admit::Drop(reason) if reason.is_fault() => Verdict::Reject,
            Admit::Drop(_) => Verdict::Ignore,
        };
        effects.push(Effect::Verdict { message, verdict });
        let id = proposed.header.id();
        match admitted {
            Admit::Verify => {
                if let Some(branches) = &mut self.work {
                    branches.remember_sender(id, from);
                }
                self.pending_engine.push_back(EngineInput::Message(verified));
                self.on_gossiped_body(now, from, proposed, effects);
            }
            // Its header came first, by header sync: the body may still be missing.
            Admit::Drop(DropReason::Duplicate) => self.on_gossiped_body(now, from, proposed, effects),
            Admit::Drop(DropReason::UnknownParent) => self.on_orphan(now, from, &proposed.header, effects),
            Admit::Drop(_) => {}
        }
    }

    fn on_gossiped_body(
        &mut self,
        now: Now,
        peer: PeerId,
        proposed: ProposedBlock,
        effects: &mut Vec<Effect>,
    ) {
        let id = proposed.header.id();
        let known = self.work.as_ref().is_none_or(|branches| {
            branches.executed.contains_key(&id)
                || branches.executing.contains_key(&id)
                || branches.waiting.contains_key(&id)
        });
        if !known {
            let proposed = Box::new(proposed);
            self.assembly_input(now, assembly::Input::Proposed { peer, proposed }, effects);
        }
    }

    /// Tells all peers of a block that was mined here. It is durable.
    pub(super) fn publish_mined(block: &Block, effects: &mut Vec<Effect>) {
        effects.push(Effect::Publish {
            topic: Topic::Blocks,
            data: ProposedBlock::encode(block, None, 0),
        });
    }
}
