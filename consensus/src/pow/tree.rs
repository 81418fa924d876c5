//! The tree of headers above the last final block.
//!
//! Every header in it has done its work and follows from its parent ([`WorkChain::check`]). Bodies come
//! later: a header is first only a header, then its block is executed, or found invalid, which removes it
//! and all above it. Nothing below the root is kept, so a branch can leave the chain only above it.
//!
//! *Bounds.* At most [`MAX_HEADERS`]; when full, the lightest tip makes room, or the new header is
//! refused if it is the lightest. Each header cost its sender as much work as a block. A branch whose
//! bodies do not come is forgotten after a while ([`super::patience`]).

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BTreeSet},
};

use aureon_types::{BlockId, SealedHeader};

use super::{HeaderFault, Work, WorkChain, walk::Way};

/// Headers in the tree, about 1.2 kB each: 1,024 above the deepest final block, 4,096 ahead of bodies,
/// and as many on side branches.
pub const MAX_HEADERS: usize = 8_192;
/// Ids of invalid blocks that are remembered; when full, the lowest are forgotten and would be executed
/// again.
const MAX_INVALID: usize = 4_096;

/// Order of preference: heaviest first, then first seen.
pub(super) type Rank = (Reverse<Work>, u64, BlockId);

#[derive(Debug)]
pub(super) struct Node {
    /// `None` for a root that is the genesis or was only resumed.
    header: Option<SealedHeader>,
    pub(super) parent: BlockId,
    pub(super) chain: WorkChain,
    children: Vec<BlockId>,
    /// When it was seen, by counting.
    seen: u64,
    pub(super) executed: bool,
}

impl Node {
    fn rank(&self) -> Rank {
        (Reverse(self.chain.work()), self.seen, self.chain.block_id())
    }
}

/// What became of a header.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Inserted {
    /// It is in the tree now.
    New,
    /// It was before.
    Known,
    /// Its parent is not.
    UnknownParent,
    /// It is at or below the root's height and not the root.
    TooDeep,
    /// It breaks a rule.
    Fault(HeaderFault),
    /// The tree is full of heavier branches.
    Full,
}

/// See the module.
#[derive(Debug)]
pub(super) struct Tree {
    pub(super) nodes: BTreeMap<BlockId, Node>,
    pub(super) root: BlockId,
    next_seen: u64,
    /// Nodes without children.
    pub(super) tips: BTreeSet<Rank>,
    /// Executed nodes. Their parents are executed too.
    executed: BTreeSet<Rank>,
    /// Blocks that were executed and found invalid, and those on top of them, with their heights.
    invalid: BTreeMap<BlockId, u64>,
    capacity: usize,
    /// The way to the tip that was preferred last, kept because it is thousands of headers long while a
    /// node catches up.
    pub(super) way: Way,
}

impl Tree {
    /// Only the root, which is final.
    pub(super) fn new(root: WorkChain, header: Option<SealedHeader>, capacity: usize) -> Self {
        let id = root.block_id();
        let node = Node {
            header,
            parent: id,
            chain: root,
            children: Vec::new(),
            seen: 0,
            executed: true,
        };
        let rank = node.rank();
        Self {
            nodes: BTreeMap::from([(id, node)]),
            root: id,
            next_seen: 1,
            tips: BTreeSet::from([rank]),
            executed: BTreeSet::from([rank]),
            invalid: BTreeMap::new(),
            capacity,
            way: Way::default(),
        }
    }

    pub(super) fn root(&self) -> BlockId {
        self.root
    }

    pub(super) fn count(&self) -> usize {
        self.nodes.len()
    }

    pub(super) fn tips(&self) -> usize {
        self.tips.len()
    }

    pub(super) fn chain(&self, id: &BlockId) -> Option<&WorkChain> {
        Some(&self.nodes.get(id)?.chain)
    }

    pub(super) fn header(&self, id: &BlockId) -> Option<&SealedHeader> {
        self.nodes.get(id)?.header.as_ref()
    }

    pub(super) fn work(&self, id: &BlockId) -> Work {
        self.chain(id).map_or(Work::ZERO, WorkChain::work)
    }

    pub(super) fn height(&self, id: &BlockId) -> u64 {
        self.chain(id).map_or(0, WorkChain::height)
    }

    pub(super) fn is_executed(&self, id: &BlockId) -> bool {
        self.nodes.get(id).is_some_and(|node| node.executed)
    }

    pub(super) fn is_invalid(&self, id: &BlockId) -> bool {
        self.invalid.contains_key(id)
    }

    /// The heaviest header, first seen of equals.
    pub(super) fn best_header(&self) -> BlockId {
        self.tips.first().map_or(self.root, |(_, _, id)| *id)
    }

    /// The heaviest executed block, first seen of equals.
    pub(super) fn best_executed(&self) -> BlockId {
        self.executed.first().map_or(self.root, |(_, _, id)| *id)
    }

    /// What [`Self::insert`] would say, without doing it. Hashes nothing.
    pub(super) fn judge(&self, header: &SealedHeader) -> Inserted {
        let id = header.id();
        if self.nodes.contains_key(&id) {
            return Inserted::Known;
        }
        if self.is_invalid(&id) {
            return Inserted::Fault(HeaderFault::OnInvalid(id));
        }
        let parent_id = header.header().parent_id;
        if self.is_invalid(&parent_id) {
            return Inserted::Fault(HeaderFault::OnInvalid(parent_id));
        }
        if header.header().height <= self.height(&self.root) {
            return Inserted::TooDeep;
        }
        let Some(parent) = self.nodes.get(&parent_id) else {
            return Inserted::UnknownParent;
        };
        if let Err(fault) = parent.chain.check(header.header()) {
            return Inserted::Fault(fault);
        }
        let work = parent.chain.work().plus(parent.chain.next_target().work());
        if self.nodes.len() >= self.capacity
            && self
                .lightest(&parent_id)
                .is_none_or(|lightest| lightest.0.0 >= work)
        {
            return Inserted::Full;
        }
        Inserted::New
    }

    /// Adds a header whose work was checked. `keep`: a block that does not make room, because it is or
    /// becomes the head.
    pub(super) fn insert(&mut self, header: &SealedHeader, keep: &[BlockId]) -> Inserted {
        let judged = self.judge(header);
        if judged != Inserted::New {
            return judged;
        }
        let parent_id = header.header().parent_id;
        if self.nodes.len() >= self.capacity {
            match self.lightest(&parent_id) {
                Some((_, _, lightest)) if !keep.contains(&lightest) => self.remove_tip(&lightest),
                _ => return Inserted::Full,
            }
        }
        let Some(parent) = self.nodes.get_mut(&parent_id) else {
            return Inserted::UnknownParent;
        };
        self.tips.remove(&parent.rank());
        parent.children.push(header.id());
        let node = Node {
            header: Some(header.clone()),
            parent: parent_id,
            chain: parent.chain.child(header),
            children: Vec::new(),
            seen: self.next_seen,
            executed: false,
        };
        self.next_seen = self.next_seen.saturating_add(1);
        self.tips.insert(node.rank());
        self.nodes.insert(header.id(), node);
        Inserted::New
    }

    /// The tip that would make room for a child of `parent`.
    fn lightest(&self, parent: &BlockId) -> Option<Rank> {
        let spared = |id: &BlockId| id == parent || *id == self.root;
        self.tips.iter().rev().find(|(_, _, id)| !spared(id)).copied()
    }

    fn remove_tip(&mut self, id: &BlockId) {
        let Some(node) = self.nodes.remove(id) else { return };
        self.tips.remove(&node.rank());
        self.executed.remove(&node.rank());
        self.drop_child(&node.parent, id);
    }

    fn drop_child(&mut self, parent: &BlockId, child: &BlockId) {
        let Some(parent) = self.nodes.get_mut(parent) else {
            return;
        };
        parent.children.retain(|id| id != child);
        if parent.children.is_empty() {
            self.tips.insert(parent.rank());
        }
    }

    /// The block was executed and is valid. False if it is not here or its parent is not executed.
    pub(super) fn mark_executed(&mut self, id: &BlockId) -> bool {
        let parent_executed = self
            .nodes
            .get(id)
            .is_some_and(|node| self.is_executed(&node.parent));
        let Some(node) = self.nodes.get_mut(id).filter(|_| parent_executed) else {
            return false;
        };
        node.executed = true;
        self.executed.insert(node.rank());
        true
    }

    /// The block and everything above it count as not executed.
    pub(super) fn unmark_executed(&mut self, id: &BlockId) {
        let mut open = vec![*id];
        while let Some(id) = open.pop() {
            if let Some(node) = self.nodes.get_mut(&id).filter(|node| node.executed) {
                node.executed = false;
                open.extend(&node.children);
                let rank = node.rank();
                self.executed.remove(&rank);
            }
        }
        // It left out what was executed.
        self.way = Way::default();
    }

    /// The block is invalid: it and everything above it are removed and remembered as such. Gives their
    /// ids; none if it is not here or was executed.
    pub(super) fn mark_invalid(&mut self, id: &BlockId) -> Vec<BlockId> {
        let Some(parent) = self
            .nodes
            .get(id)
            .filter(|node| !node.executed)
            .map(|node| node.parent)
        else {
            return Vec::new();
        };
        let removed = self.remove_subtree(id);
        self.drop_child(&parent, id);
        for (id, height) in &removed {
            self.invalid.insert(*id, *height);
        }
        while self.invalid.len() > MAX_INVALID {
            let lowest = self
                .invalid
                .iter()
                .min_by_key(|(_, height)| **height)
                .map(|(id, _)| *id);
            lowest.and_then(|id| self.invalid.remove(&id));
        }
        removed.into_iter().map(|(id, _)| id).collect()
    }

    /// Nobody gives the body of this block: it and everything above it are removed, and may come again.
    /// Gives their ids; none if it is not here or was executed.
    pub(super) fn forget(&mut self, id: &BlockId) -> Vec<BlockId> {
        let Some(node) = self.nodes.get(id).filter(|node| !node.executed) else {
            return Vec::new();
        };
        let parent = node.parent;
        let removed = self.remove_subtree(id);
        self.drop_child(&parent, id);
        // The same tip may come again, over other blocks than those that are left of the way to it.
        self.way = Way::default();
        removed.into_iter().map(|(id, _)| id).collect()
    }

    /// The blocks on top of this one.
    pub(super) fn children(&self, id: &BlockId) -> &[BlockId] {
        self.nodes.get(id).map_or(&[], |node| node.children.as_slice())
    }

    /// Whether the block's parent is executed and itself is not.
    pub(super) fn is_lowest_missing(&self, id: &BlockId) -> bool {
        let missing = self.nodes.get(id).filter(|node| !node.executed);
        missing.is_some_and(|node| self.is_executed(&node.parent))
    }

    /// Removes a node and all above it; its parent's list of children stays as it is.
    fn remove_subtree(&mut self, id: &BlockId) -> Vec<(BlockId, u64)> {
        let (mut open, mut removed) = (vec![*id], Vec::new());
        while let Some(id) = open.pop() {
            if let Some(node) = self.nodes.remove(&id) {
                self.tips.remove(&node.rank());
                self.executed.remove(&node.rank());
                open.extend(&node.children);
                removed.push((id, node.chain.height()));
            }
        }
        removed
    }

    /// `root`, an ancestor of what is kept, is final: everything that is not above it goes. False if it
    /// is not here.
    pub(super) fn prune(&mut self, root: &BlockId) -> bool {
        if !self.nodes.contains_key(root) {
            return false;
        }
        let mut kept = *root;
        while kept != self.root {
            let Some(parent_id) = self.nodes.get(&kept).map(|node| node.parent) else {
                break;
            };
            let Some(parent) = self.nodes.get_mut(&parent_id) else {
                break;
            };
            let others: Vec<BlockId> = parent.children.drain(..).filter(|id| *id != kept).collect();
            parent.children.push(kept);
            for other in &others {
                self.remove_subtree(other);
            }
            kept = parent_id;
        }
        // What is left below is one line without branches, cut off at the new root.
        self.root = *root;
        let Some(mut below) = self.nodes.get(root).map(|node| node.parent) else {
            return true;
        };
        while let Some(node) = (below != *root).then(|| self.nodes.remove(&below)).flatten() {
            self.executed.remove(&node.rank());
            below = if node.parent == below { *root } else { node.parent };
        }
        if let Some(node) = self.nodes.get_mut(root) {
            node.parent = *root;
        }
        let height = self.height(root);
        self.invalid.retain(|_, at| *at > height);
        true
    }
}
