//! Ways through the tree of headers: from block to block, to what is to be executed, to what a peer may
//! know.

use std::collections::VecDeque;

use aureon_types::BlockId;

use super::{Work, tree::Tree};

/// The newest blocks that a locator names one by one; below it steps double.
const DENSE_LOCATOR: u64 = 10;

/// The blocks up to `tip` that were not executed when it was made, lowest first.
#[derive(Debug, Default)]
pub(super) struct Way {
    tip: BlockId,
    blocks: VecDeque<BlockId>,
}

impl Tree {
    /// The ancestor of `id` (or itself) at `height`.
    pub(super) fn ancestor(&self, id: &BlockId, height: u64) -> Option<BlockId> {
        let mut at = *id;
        loop {
            let node = self.nodes.get(&at)?;
            if node.chain.height() == height {
                return Some(at);
            }
            if node.chain.height() < height || at == self.root {
                return None;
            }
            at = node.parent;
        }
    }

    /// The way from one block to another: what is left, highest first, and what is entered, lowest
    /// first.
    pub(super) fn route(&self, from: &BlockId, to: &BlockId) -> Option<(Vec<BlockId>, Vec<BlockId>)> {
        let (mut down, mut up) = (*from, *to);
        let (mut left, mut entered) = (Vec::new(), Vec::new());
        while down != up {
            let (below, above) = (self.nodes.get(&down)?, self.nodes.get(&up)?);
            if below.chain.height() >= above.chain.height() {
                left.push(down);
                down = below.parent;
            } else {
                entered.push(up);
                up = above.parent;
            }
        }
        entered.reverse();
        Some((left, entered))
    }

    /// What to execute next, parents first: of the tips heavier than `floor`, in order of preference and
    /// at most `branches` of them, the lowest blocks that are not executed; `window` in all. No branch
    /// takes the last quarter of what is left, so that one whose bodies nobody has does not stop the
    /// others.
    pub(super) fn plan(&mut self, floor: Work, branches: usize, window: usize) -> Vec<BlockId> {
        let mut plan: Vec<BlockId> = Vec::new();
        let heavier = self.tips.iter().take_while(|(work, _, _)| work.0 > floor);
        let heavier: Vec<BlockId> = heavier.take(branches).map(|(_, _, tip)| *tip).collect();
        for (at, tip) in heavier.iter().enumerate() {
            let room = window.saturating_sub(plan.len());
            let share = room.saturating_sub(room / 4);
            let wanted = if at == 0 {
                self.way_to(tip, share)
            } else {
                self.unexecuted(tip, share)
            };
            let new: Vec<BlockId> = wanted.into_iter().filter(|id| !plan.contains(id)).collect();
            plan.extend(new);
        }
        plan
    }

    /// [`Self::unexecuted`], from the last time if the tip only grew since.
    fn way_to(&mut self, tip: &BlockId, count: usize) -> Vec<BlockId> {
        if self.way.tip != *tip {
            let mut grown = VecDeque::new();
            let mut at = *tip;
            while let Some(node) = self
                .nodes
                .get(&at)
                .filter(|node| !node.executed && at != self.way.tip)
            {
                grown.push_front(at);
                at = node.parent;
            }
            let mut blocks = std::mem::take(&mut self.way.blocks);
            if at != self.way.tip {
                blocks.clear();
            }
            blocks.extend(grown);
            self.way = Way { tip: *tip, blocks };
        }
        while self
            .way
            .blocks
            .front()
            .is_some_and(|id| self.is_executed(id) || !self.nodes.contains_key(id))
        {
            self.way.blocks.pop_front();
        }
        self.way.blocks.iter().take(count).copied().collect()
    }

    /// The lowest `count` blocks up to `tip` that are not executed, lowest first.
    fn unexecuted(&self, tip: &BlockId, count: usize) -> Vec<BlockId> {
        let (mut path, mut at) = (VecDeque::new(), *tip);
        while let Some(node) = self.nodes.get(&at).filter(|node| !node.executed) {
            path.push_front(at);
            path.truncate(count);
            at = node.parent;
        }
        path.into()
    }

    /// Blocks below and including `from`, newest first: the last ten, then in doubling steps, and the
    /// root.
    pub(super) fn locator(&self, from: &BlockId) -> Vec<BlockId> {
        let (mut locator, mut at) = (Vec::new(), *from);
        let (mut step, mut next) = (1_u64, self.height(from));
        while let Some(node) = self.nodes.get(&at) {
            if at == self.root {
                break;
            }
            if node.chain.height() <= next {
                locator.push(at);
                if u64::try_from(locator.len()).unwrap_or(u64::MAX) >= DENSE_LOCATOR {
                    step = step.saturating_mul(2);
                }
                next = node.chain.height().saturating_sub(step);
            }
            at = node.parent;
        }
        locator.push(self.root);
        locator
    }
}
