//! The engine: what each input does, and what follows from the tree.

use std::{collections::BTreeSet, time::Duration};

use aureon_types::{BlockId, SealedHeader};

use super::{
    HeaderFault, HeaderStop, MAX_HEADERS, VerifiedHeaders, WorkChain,
    held::Held,
    patience::Patience,
    tree::{Inserted, Tree},
};
use crate::{Admit, DropReason, Drops, Effect, Head, Input, Message, Now, TimerId};

/// Blocks whose execution is asked for and not answered.
pub const WINDOW: usize = 16;
/// Branches that are executed at once.
pub const BRANCHES: usize = 4;

/// What the engine starts from.
#[derive(Clone, Debug)]
pub struct Start {
    /// At the last final block: the genesis, or as resumed from the disk.
    pub chain: WorkChain,
    /// The header of that block, if it is not the genesis: served to peers.
    pub header: Option<SealedHeader>,
    /// The headers above it, parents first, and whether the block was executed (and is, again, at hand
    /// with its state). Those of the canonical chain before others of the same work.
    pub headers: Vec<(SealedHeader, bool)>,
    /// The last committed block: executed, or the final one.
    pub head: BlockId,
}

/// What is wrong with a [`Start`]: the disk holds something that this software did not write.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StartFault {
    /// A header does not follow.
    #[error("the stored header {0} does not follow the blocks before it")]
    Header(BlockId),
    /// The head is not among them, or not executed.
    #[error("the stored head {0} is not an executed block above the last final one")]
    Head(BlockId),
}

/// The engine of proof of work.
#[derive(Debug)]
pub struct Pow {
    pub(super) tree: Tree,
    pub(super) head: BlockId,
    /// The block that [`Effect::Switch`] is on its way to.
    pub(super) switching: Option<BlockId>,
    /// Execution was asked for.
    pub(super) asked: BTreeSet<BlockId>,
    pub(super) held: Held,
    pub(super) drops: Drops,
    pub(super) behind: bool,
    /// How long branches may still wait for bodies.
    patience: Patience,
    /// Monotonic time at which the newest timer fires.
    armed: Option<Duration>,
    next_timer: u64,
}

impl Pow {
    /// See [`crate::Engine::start_work`].
    pub fn start(now: Now, start: Start, effects: &mut Vec<Effect>) -> Result<Self, StartFault> {
        let mut tree = Tree::new(start.chain, start.header, MAX_HEADERS);
        for (header, executed) in &start.headers {
            let inserted = tree.insert(header, &[start.head]);
            let known = matches!(inserted, Inserted::New | Inserted::Known);
            if !known || (*executed && !tree.mark_executed(&header.id())) {
                return Err(StartFault::Header(header.id()));
            }
        }
        if !tree.is_executed(&start.head) {
            return Err(StartFault::Head(start.head));
        }
        let mut this = Self {
            tree,
            head: start.head,
            switching: None,
            asked: BTreeSet::new(),
            held: Held::default(),
            drops: Drops::default(),
            behind: false,
            patience: Patience::default(),
            armed: None,
            next_timer: 0,
        };
        this.advance(now, effects);
        Ok(this)
    }

    /// See [`crate::Engine::handle`].
    pub fn handle(&mut self, now: Now, input: Input, effects: &mut Vec<Effect>) {
        match input {
            Input::Message(message) => {
                if let Message::Work(header) = message.into_inner() {
                    self.on_header(now, *header);
                }
            }
            Input::Headers { batch, headers } => self.on_headers(now, batch, &headers, effects),
            Input::Executed { block_id, valid, .. } => self.on_executed(now, block_id, valid, effects),
            Input::Committed(head, _) => self.on_committed(head),
            Input::BodiesGone(blocks) => self.on_bodies_gone(&blocks),
            Input::TimerFired(id) => {
                if id.0 == self.next_timer {
                    self.armed = None;
                }
            }
            Input::Behind(behind) => self.behind = behind,
            Input::Built { .. } | Input::PendingTransactions(_) => {}
        }
        self.advance(now, effects);
    }

    /// See [`crate::Engine::admit`].
    pub fn admit(&mut self, message: &Message) -> Admit {
        let Message::Work(header) = message else {
            return self.dropped(DropReason::OtherEngine);
        };
        if self.held.contains(&header.id()) {
            return self.dropped(DropReason::Duplicate);
        }
        match self.tree.judge(header) {
            Inserted::New => Admit::Verify,
            Inserted::Known => self.dropped(DropReason::Duplicate),
            Inserted::UnknownParent => self.dropped(DropReason::UnknownParent),
            Inserted::TooDeep => self.dropped(DropReason::TooDeep),
            Inserted::Fault(HeaderFault::OnInvalid(_)) => self.dropped(DropReason::OnInvalid),
            Inserted::Fault(_) => self.dropped(DropReason::InvalidHeader),
            Inserted::Full => self.dropped(DropReason::Full),
        }
    }

    /// See [`crate::Engine::count_drop`].
    pub fn count_drop(&mut self, reason: DropReason) {
        self.drops.count(reason);
    }

    fn dropped(&mut self, reason: DropReason) -> Admit {
        self.drops.count(reason);
        Admit::Drop(reason)
    }

    /// A single header. What [`Self::admit`] would drop by now is dropped.
    fn on_header(&mut self, now: Now, header: SealedHeader) {
        match self.enter(now, &header) {
            Ok(_) | Err(HeaderStop::UnknownParent | HeaderStop::TooDeep) => {}
            Err(HeaderStop::AheadOfClock { until_ms }) => self.held.insert(until_ms, header),
            Err(HeaderStop::Invalid {
                fault: HeaderFault::OnInvalid(_),
                ..
            }) => self.drops.count(DropReason::OnInvalid),
            Err(HeaderStop::Invalid { .. }) => self.drops.count(DropReason::InvalidHeader),
            Err(HeaderStop::Full) => self.drops.count(DropReason::Full),
        }
    }

    fn on_headers(&mut self, now: Now, batch: u64, headers: &VerifiedHeaders, effects: &mut Vec<Effect>) {
        let headers = headers.headers();
        // The root may have moved up while they were on their way: what is below it is known.
        let root = self.tree.root();
        let skipped = headers
            .iter()
            .position(|header| header.id() == root)
            .map_or(0, |at| at.saturating_add(1));
        let mut accepted = skipped;
        let mut stop = None;
        for header in headers.get(skipped..).unwrap_or_default() {
            match self.enter(now, header) {
                Ok(()) => accepted = accepted.saturating_add(1),
                Err(reason) => {
                    stop = Some(reason);
                    break;
                }
            }
        }
        effects.push(Effect::HeadersJudged {
            batch,
            accepted,
            stop,
        });
    }

    /// Puts a header into the tree, if it may be there now.
    fn enter(&mut self, now: Now, header: &SealedHeader) -> Result<(), HeaderStop> {
        let keep = [self.head, self.switching.unwrap_or(self.head)];
        let height = header.header().height;
        if let Some(parent) = self.tree.chain(&header.header().parent_id) {
            let until_ms = header
                .header()
                .timestamp_ms
                .saturating_sub(parent.rules().max_ahead_ms());
            if until_ms > now.wall_ms && parent.check(header.header()).is_ok() {
                return Err(HeaderStop::AheadOfClock { until_ms });
            }
        }
        match self.tree.insert(header, &keep) {
            Inserted::New | Inserted::Known => Ok(()),
            Inserted::UnknownParent => Err(HeaderStop::UnknownParent),
            Inserted::TooDeep => Err(HeaderStop::TooDeep),
            Inserted::Fault(fault) => Err(HeaderStop::Invalid { height, fault }),
            Inserted::Full => Err(HeaderStop::Full),
        }
    }

    fn on_executed(&mut self, now: Now, id: BlockId, valid: bool, effects: &mut Vec<Effect>) {
        let asked = self.asked.remove(&id);
        if valid {
            // What is not wanted any more may be gone by now: it is asked for again when it is.
            if asked && self.tree.mark_executed(&id) {
                let block_time = self
                    .tree
                    .chain(&id)
                    .map_or(0, |chain| chain.rules().block_time_ms);
                let (children, block_time) = (self.tree.children(&id), Duration::from_millis(block_time));
                self.patience.executed(now.monotonic, &id, children, block_time);
            }
            return;
        }
        let removed = self.tree.mark_invalid(&id);
        self.removed(removed, effects);
    }

    /// Drops the branches whose bodies nobody gave in time.
    fn forget(&mut self, now: Now, effects: &mut Vec<Effect>) {
        for id in self.patience.expired(now.monotonic) {
            let removed = self.tree.forget(&id);
            self.removed(removed, effects);
        }
    }

    /// What was asked for of these is not wanted any more.
    fn removed(&mut self, removed: Vec<BlockId>, effects: &mut Vec<Effect>) {
        let unwanted: Vec<BlockId> = removed.into_iter().filter(|id| self.asked.remove(id)).collect();
        if !unwanted.is_empty() {
            effects.push(Effect::Unwanted { blocks: unwanted });
        }
    }

    fn on_committed(&mut self, head: Head) {
        // A block that is not here, or not executed, was never asked to become the head.
        if !self.tree.is_executed(&head.block_id) {
            return;
        }
        self.head = head.block_id;
        self.switching = None;
        if let Some((_, id)) = self.finalized_by(&head.block_id) {
            self.tree.prune(&id);
        }
    }

    /// The switch did not happen.
    fn on_bodies_gone(&mut self, blocks: &[BlockId]) {
        self.switching = None;
        for id in blocks {
            // Of the head's branch everything is there.
            let height = self.tree.height(id);
            if self.tree.ancestor(&self.head, height) != Some(*id) {
                self.tree.unmark_executed(id);
            }
        }
    }

    /// The block that becomes final when `head` is the head.
    fn finalized_by(&self, head: &BlockId) -> Option<(u64, BlockId)> {
        let chain = self.tree.chain(head)?;
        let height = chain.height().checked_sub(chain.rules().finality_depth)?;
        if height <= self.tree.height(&self.tree.root()) {
            return None;
        }
        Some((height, self.tree.ancestor(head, height)?))
    }

    /// What follows from the state after each input.
    fn advance(&mut self, now: Now, effects: &mut Vec<Effect>) {
        while let Some(header) = self.held.pop_due(now.wall_ms) {
            self.on_header(now, header);
        }
        self.forget(now, effects);
        self.switch(effects);
        self.execute(now, effects);
        self.arm(now, effects);
    }

    fn switch(&mut self, effects: &mut Vec<Effect>) {
        let best = self.tree.best_executed();
        if self.switching.is_some() || self.tree.work(&best) <= self.tree.work(&self.head) {
            return;
        }
        let Some((undone, applied)) = self.tree.route(&self.head, &best) else {
            return;
        };
        self.switching = Some(best);
        let (finalized, work) = (self.finalized_by(&best), self.tree.work(&best));
        effects.push(Effect::Switch {
            undone,
            applied,
            finalized,
            work,
        });
    }

    /// Asks for what is planned, and takes back what is not planned any more.
    fn execute(&mut self, now: Now, effects: &mut Vec<Effect>) {
        let heaviest = self.tree.work(&self.tree.best_executed());
        let floor = self.tree.work(&self.head).max(heaviest);
        let plan = self.tree.plan(floor, BRANCHES, WINDOW);
        let planned: BTreeSet<BlockId> = plan.iter().copied().collect();
        let unwanted: Vec<BlockId> = self.asked.difference(&planned).copied().collect();
        if !unwanted.is_empty() {
            self.asked.retain(|id| planned.contains(id));
            effects.push(Effect::Unwanted { blocks: unwanted });
        }
        let lowest = plan.iter().filter(|id| self.tree.is_lowest_missing(id));
        let lowest: Vec<BlockId> = lowest.copied().collect();
        self.patience.watch(now.monotonic, &lowest);
        for block_id in plan {
            let Some(header) = self.tree.header(&block_id).map(SealedHeader::header) else {
                continue;
            };
            if self.asked.insert(block_id) {
                effects.push(Effect::Execute {
                    height: header.height,
                    round: 0,
                    proposer: header.proposer,
                    block_id,
                    valid_round: None,
                });
            }
        }
    }

    /// Wakes when the next held header may enter, or the next branch was waited for long enough.
    fn arm(&mut self, now: Now, effects: &mut Vec<Effect>) {
        let held = self
            .held
            .next_due()
            .map(|due| due.saturating_sub(now.wall_ms).max(1));
        let held = held.map(|after| now.monotonic.saturating_add(Duration::from_millis(after)));
        let Some(due) = held.into_iter().chain(self.patience.next()).min() else {
            return;
        };
        if self.armed.is_some_and(|armed| armed <= due) {
            return;
        }
        self.armed = Some(due);
        self.next_timer = self.next_timer.saturating_add(1);
        effects.push(Effect::StartTimer {
            id: TimerId(self.next_timer),
            after: due.saturating_sub(now.monotonic),
        });
    }
}
