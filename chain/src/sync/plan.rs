//! What follows from the state after each input: are we behind, which batches, whom to ask, what to
//! verify and import next, when to wake.

use std::time::Duration;

use super::{
    BATCH_BLOCKS, BATCH_BYTES, Effect, GRACE, MAX_BATCHES, MAX_BUFFERED_BYTES, MAX_REQUESTS, MAX_VERIFYING,
    Offence, Peer, RangeSync, RequestId, STATUS_REQUESTS,
    batch::{Batch, Stage},
    machine::Grace,
};

impl<P: Peer> RangeSync<P> {
    pub(super) fn advance(&mut self, now: Duration, effects: &mut Vec<Effect<P>>) {
        self.expire(now, effects);
        self.drop_passed();
        self.judge_distance(now, effects);
        if self.behind && self.pause.is_none() {
            self.plan(now);
            self.import(now, effects);
        }
        // Import may have found a reason to pause.
        if self.behind && self.pause.is_none() {
            self.verify(effects);
            self.request(now, effects);
        }
        self.arm(now, effects);
    }

    fn expire(&mut self, now: Duration, effects: &mut Vec<Effect<P>>) {
        self.pause.take_if(|pause| pause.until <= now);
        for (peer, outstanding) in self.peers.expire(now) {
            let (from, last) = outstanding.range;
            if let Some(batch) = self
                .batches
                .iter_mut()
                .find(|batch| batch.is_downloading(outstanding.request))
            {
                batch.requeue();
            }
            self.penalize(now, peer, Offence::TimedOut { from, last }, effects);
        }
    }

    /// Forgets batches that the head has passed. A download that runs for one goes on; its answer will
    /// be ignored. A batch with a worker stays until the worker answers.
    fn drop_passed(&mut self) {
        let head = self.head.height;
        self.batches
            .retain(|batch| batch.last > head || batch.is_with_worker());
        for batch in self.batches.iter_mut().filter(|batch| batch.is_queued()) {
            batch.from = batch.from.max(head.saturating_add(1));
        }
    }

    fn judge_distance(&mut self, now: Duration, effects: &mut Vec<Effect<P>>) {
        let head = self.head.height;
        let target = self.peers.target(now).unwrap_or(0);
        let next = head.saturating_add(1);
        if target <= head {
            self.grace = None;
            if std::mem::take(&mut self.behind) {
                effects.push(Effect::Synced { height: head });
            }
        } else if !self.behind && (target > next || self.grace_is_over(now, next)) {
            self.grace = None;
            self.behind = true;
            effects.push(Effect::Behind { target });
        }
        self.batches
            .retain(|batch| !batch.is_queued() || batch.from <= target);
        self.judge_rumour(now, target, effects);
    }

    /// At a gap of one block: starts the grace period of that block, or says that it is over.
    fn grace_is_over(&mut self, now: Duration, next: u64) -> bool {
        match self.grace {
            Some(grace) if grace.height == next => grace.deadline <= now,
            _ => {
                self.grace = Some(Grace {
                    height: next,
                    deadline: now.saturating_add(GRACE),
                });
                false
            }
        }
    }

    fn judge_rumour(&mut self, now: Duration, target: u64, effects: &mut Vec<Effect<P>>) {
        let known = self.head.height.max(target);
        self.rumour.take_if(|rumour| rumour.height <= known);
        if self.rumour.take_if(|rumour| rumour.deadline <= now).is_some() {
            let peers = self.peers.best(STATUS_REQUESTS);
            effects.extend(peers.into_iter().map(|peer| Effect::RequestStatus { peer }));
        }
    }

    /// Cuts the heights above the last batch, and any hole below the first, into batches.
    fn plan(&mut self, now: Duration) {
        let Some(target) = self.peers.target(now) else {
            return;
        };
        let size = BATCH_BYTES
            .checked_div(self.block_bytes)
            .unwrap_or(BATCH_BLOCKS)
            .clamp(1, BATCH_BLOCKS);
        let next = self.head.height.saturating_add(1);
        while let Some(first) = self
            .batches
            .first()
            .map(|batch| batch.from)
            .filter(|first| *first > next)
        {
            let from = next.max(first.saturating_sub(size));
            let id = self.new_batch_id();
            self.batches
                .insert(0, Batch::new(id, from, first.saturating_sub(1)));
        }
        while self.batches.len() < MAX_BATCHES {
            let end = self
                .batches
                .last()
                .map_or(0, |batch| batch.last)
                .max(self.head.height);
            if end >= target {
                return;
            }
            let id = self.new_batch_id();
            let last = end.saturating_add(size).min(target);
            self.batches.push(Batch::new(id, end.saturating_add(1), last));
        }
    }

    /// Hands the batch on our head to the importer, if the importer is free.
    fn import(&mut self, now: Duration, effects: &mut Vec<Effect<P>>) {
        let (head, next) = (self.head, self.head.height.saturating_add(1));
        if self
            .batches
            .iter()
            .any(|batch| matches!(batch.stage, Stage::Importing { .. }))
        {
            return;
        }
        let front = self
            .batches
            .iter_mut()
            .find(|batch| batch.from <= next && next <= batch.last);
        let Some(batch) = front else { return };
        let Some(blocks) = batch.start_importing(head.height) else {
            return;
        };
        let parent = blocks
            .blocks()
            .first()
            .map(|certified| certified.block.header().parent_id);
        match parent {
            Some(theirs) if theirs != head.id => {
                batch.requeue();
                effects.push(Effect::Conflict {
                    height: next,
                    ours: head.id,
                    theirs,
                });
                self.pause(
                    now,
                    format!(
                        "the network decided block {next} on {theirs}, our block {} is {}: compare the genesis \
                         and the block ids with another node before anything else",
                        head.height, head.id
                    ),
                );
            }
            _ => effects.push(Effect::Import {
                batch: batch.id,
                blocks,
            }),
        }
    }

    fn verify(&mut self, effects: &mut Vec<Effect<P>>) {
        self.cut_at_known();
        let (head, known_until) = (self.head.height, self.known_until);
        let running = self
            .batches
            .iter()
            .filter(|batch| matches!(batch.stage, Stage::Verifying { .. }))
            .count();
        let mut free = MAX_VERIFYING.saturating_sub(running);
        for batch in &mut self.batches {
            if free == 0 || batch.from > known_until {
                return;
            }
            if let Some(blocks) = batch.start_verifying(head) {
                effects.push(Effect::Verify {
                    batch: batch.id,
                    blocks,
                });
                free = free.saturating_sub(1);
            }
        }
    }

    /// Cuts a downloaded batch behind the last height whose validators are known, so that its lower part
    /// can be checked and imported: that is what makes the validators of the upper part known.
    fn cut_at_known(&mut self) {
        let known_until = self.known_until;
        let spans = |batch: &Batch<P>| {
            let is_downloaded = matches!(batch.stage, Stage::Downloaded { .. });
            is_downloaded && batch.from <= known_until && known_until < batch.last
        };
        // Batches do not overlap, so there is one at most.
        let Some(index) = self.batches.iter().position(spans) else {
            return;
        };
        let id = self.new_batch_id();
        let upper = self
            .batches
            .get_mut(index)
            .and_then(|batch| batch.cut(id, known_until));
        if let Some(upper) = upper {
            self.batches.insert(index.saturating_add(1), upper);
        }
    }

    /// Asks for queued batches, lowest first, as far as peers, requests and memory go.
    fn request(&mut self, now: Duration, effects: &mut Vec<Effect<P>>) {
        let mut index = 0;
        while let Some(batch) = self.batches.get(index) {
            if batch.is_queued() {
                let is_front = batch.from <= self.head.height.saturating_add(1);
                if !is_front && !self.has_room(batch.count()) {
                    return;
                }
                let Some(peer) = self.pick(now, batch.from, batch.avoid) else {
                    return;
                };
                self.ask(now, index, peer, effects);
            }
            index = index.saturating_add(1);
        }
    }

    fn pick(&self, now: Duration, height: u64, avoid: Option<P>) -> Option<P> {
        if self.peers.requests() >= MAX_REQUESTS {
            return None;
        }
        self.peers.pick(now, height, avoid)
    }

    fn has_room(&self, count: u64) -> bool {
        let expected = |count: u64| count.saturating_mul(self.block_bytes);
        let taken = self
            .batches
            .iter()
            .fold(expected(count), |sum, batch| match batch.stage {
                Stage::Queued => sum,
                Stage::Downloading { .. } => sum.saturating_add(expected(batch.count())),
                _ => sum.saturating_add(u64::try_from(batch.bytes).unwrap_or(u64::MAX)),
            });
        let limit = u64::try_from(MAX_BUFFERED_BYTES).unwrap_or(u64::MAX);
        taken <= limit && self.batches.len() < MAX_BATCHES.saturating_mul(2)
    }

    /// Asks `peer` for the batch at `index`, or for the part of it that the peer claims.
    fn ask(&mut self, now: Duration, index: usize, peer: P, effects: &mut Vec<Effect<P>>) {
        let claimed = self.peers.claim_of(peer).map_or(0, |claim| claim.height);
        let (request, rest) = (RequestId(self.new_id()), self.new_batch_id());
        let Some(batch) = self.batches.get_mut(index) else {
            return;
        };
        let (from, wanted) = (batch.from, batch.last);
        let last = wanted.min(claimed);
        batch.last = last;
        batch.stage = Stage::Downloading { peer, request };
        let count = u32::try_from(batch.count()).unwrap_or(u32::MAX);
        if claimed < wanted {
            let rest = Batch::new(rest, claimed.saturating_add(1), wanted);
            self.batches.insert(index.saturating_add(1), rest);
        }
        self.peers.asked(now, peer, request, (from, last));
        effects.push(Effect::RequestRange {
            peer,
            request,
            from,
            count,
        });
    }

    fn arm(&mut self, now: Duration, effects: &mut Vec<Effect<P>>) {
        let graces = [self.grace, self.rumour]
            .into_iter()
            .flatten()
            .map(|grace| grace.deadline);
        let pause = self.pause.iter().map(|pause| pause.until);
        let deadline = graces.chain(pause).chain(self.peers.next_deadline(now)).min();
        if let Some((timer, after)) = self.alarm.arm(now, deadline) {
            effects.push(Effect::StartTimer { timer, after });
        }
    }
}
