//! What follows from the state after each input: which blocks are complete, whom to ask next, what to
//! give up, when to wake.

use std::time::Duration;

use aureon_types::BlockId;

use super::{
    AssembledBlock, Assembler, BLOCK_TIMEOUT, Effect, MAX_PENDING, MAX_PENDING_BYTES, Offence, Peer, Proof,
    RequestId, TRANSACTIONS_TIMEOUT,
    assembler::Known,
    pending::{Kind, Outstanding, Pending, Step, too_large},
};

impl<P: Peer> Assembler<P> {
    /// Ends a block that is complete or impossible; leaves others as they are.
    pub(super) fn settle(&mut self, id: BlockId, peer: Option<P>, effects: &mut Vec<Effect<P>>) -> bool {
        let Some(parts) = self
            .pending
            .get_mut(&id)
            .and_then(|pending| pending.parts.as_mut())
        else {
            return false;
        };
        if parts.is_too_large() {
            self.refuse(id, too_large(id), effects);
            return true;
        }
        if !parts.is_complete() {
            return false;
        }
        if let Some(Pending {
            round,
            parts: Some(parts),
            ..
        }) = self.pending.remove(&id)
        {
            self.finish(id, round, parts.finish(), peer, None, effects);
        }
        true
    }

    pub(super) fn finish(
        &mut self,
        id: BlockId,
        round: u32,
        block: AssembledBlock,
        peer: Option<P>,
        proof: Option<Proof>,
        effects: &mut Vec<Effect<P>>,
    ) {
        self.pending.remove(&id);
        self.remember(id, block.header().height, round);
        effects.push(Effect::Assembled {
            block: Box::new(block),
            peer,
            proof,
        });
    }

    pub(super) fn refuse(&mut self, id: BlockId, reason: String, effects: &mut Vec<Effect<P>>) {
        if let Some(pending) = self.pending.remove(&id) {
            self.remember(id, pending.height, pending.round);
        }
        effects.push(Effect::Refused { block_id: id, reason });
    }

    fn remember(&mut self, id: BlockId, height: u64, round: u32) {
        self.done.insert(id, (height, round));
        if self.done.len() > MAX_PENDING.saturating_mul(2) {
            let lowest = self.done.iter().min_by_key(|(_, at)| **at).map(|(id, _)| *id);
            lowest.and_then(|lowest| self.done.remove(&lowest));
        }
    }

    pub(super) fn expire(&mut self, now: Duration, effects: &mut Vec<Effect<P>>) {
        for (id, pending) in &mut self.pending {
            if let Some(late) = pending
                .outstanding
                .take_if(|outstanding| outstanding.deadline <= now)
            {
                let offence = Offence::TimedOut { block_id: *id };
                effects.push(Effect::Penalize {
                    peer: late.peer,
                    offence,
                });
            }
        }
    }

    /// Takes the next step for every block that waits for nobody.
    pub(super) fn ask_all(&mut self, now: Duration, known: Known<'_>, effects: &mut Vec<Effect<P>>) {
        let idle = |(id, pending): (&BlockId, &Pending<P>)| {
            (pending.outstanding.is_none() && pending.rests_until <= now).then_some(*id)
        };
        let idle: Vec<BlockId> = self.pending.iter().filter_map(idle).collect();
        for id in idle {
            if let Some(parts) = self
                .pending
                .get_mut(&id)
                .and_then(|pending| pending.parts.as_mut())
            {
                // The pool may have received what was missing.
                parts.look_up(known);
            }
            if !self.settle(id, None, effects) {
                self.ask(now, id, effects);
            }
        }
    }

    fn ask(&mut self, now: Duration, id: BlockId, effects: &mut Vec<Effect<P>>) {
        let Some(pending) = self.pending.get_mut(&id) else {
            return;
        };
        let (peer, kind) = match pending.next_step(now, &self.peers) {
            Step::Ask(peer, kind) => (peer, kind),
            Step::Rest(_) => return,
            Step::GiveUp => {
                self.pending.remove(&id);
                return effects.push(Effect::Abandoned { block_id: id });
            }
        };
        self.next_request = self.next_request.wrapping_add(1);
        let request = RequestId(self.next_request);
        let timeout = match kind {
            Kind::Transactions => TRANSACTIONS_TIMEOUT,
            Kind::Block => BLOCK_TIMEOUT,
        };
        pending.outstanding = Some(Outstanding {
            peer,
            request,
            kind,
            deadline: now.saturating_add(timeout),
        });
        self.last_asked = Some(peer);
        effects.push(match (kind, &pending.parts) {
            (Kind::Transactions, Some(parts)) => Effect::RequestTransactions {
                peer,
                request,
                block_id: id,
                leaves: parts.missing_leaves(),
            },
            _ => Effect::RequestBlock {
                peer,
                request,
                block_id: id,
            },
        });
    }

    pub(super) fn make_room(&mut self, effects: &mut Vec<Effect<P>>) {
        while self.pending.len() > MAX_PENDING || self.bytes() > MAX_PENDING_BYTES {
            let least = self
                .pending
                .iter()
                .min_by_key(|(id, pending)| (pending.importance(), **id));
            let Some(id) = least.map(|(id, _)| *id) else {
                return;
            };
            self.pending.remove(&id);
            effects.push(Effect::Abandoned { block_id: id });
        }
    }

    pub(super) fn arm(&mut self, now: Duration, effects: &mut Vec<Effect<P>>) {
        let deadline = |pending: &Pending<P>| match pending.outstanding {
            Some(outstanding) => outstanding.deadline,
            None => pending.rests_until,
        };
        let deadline = self.pending.values().map(deadline).min();
        if let Some((timer, after)) = self.alarm.arm(now, deadline) {
            effects.push(Effect::StartTimer { timer, after });
        }
    }
}
