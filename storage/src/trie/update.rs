//! Applying a sorted batch: structure and hashes in one walk, bottom-up, in parallel near the root.

use std::sync::Arc;

use rayon::prelude::*;

use super::{
    Source, Value,
    node::{Branch, Child, Entry, Leaf, Node, Slot, WIDTH, leaf_rlp},
    path::{Key, Path, first_difference, nibble},
    rlp::Reference,
};
use crate::error::Result;

/// Batches of at least this size are split among threads by their first nibbles.
const PARALLEL: usize = 256;
/// Down to this depth a batch is split: at most 256 jobs.
const PARALLEL_DEPTH: usize = 2;

/// A change of one key.
#[derive(Debug)]
pub struct Update<V> {
    /// The hashed key.
    pub key: Key,
    /// Its new value; `None`: the key goes away.
    pub entry: Option<Arc<Entry<V>>>,
    /// Whether the source holds the key, if the caller knows: saves asking.
    pub stored: Option<bool>,
}

/// What an update took out of the trie, so that a flush can delete its rows. A row may be named that
/// was never stored, or that a later update brought back: delete first, then write.
#[derive(Debug, Default)]
pub struct Removed {
    /// Places of branch nodes that collapsed.
    pub nodes: Vec<Path>,
    /// Keys that went away.
    pub keys: Vec<Key>,
}

impl Removed {
    fn merge(&mut self, other: Self) {
        self.nodes.extend(other.nodes);
        self.keys.extend(other.keys);
    }
}

pub(super) fn run<V: Value>(
    root: Slot<V>,
    source: &dyn Source<V>,
    height: u64,
    updates: &[Update<V>],
) -> Result<(Slot<V>, Removed)> {
    let mut removed = Removed::default();
    let root = Updater { source, height }.slot(root, 0, updates, &mut removed)?;
    Ok((root, removed))
}

struct Updater<'a, V> {
    source: &'a dyn Source<V>,
    height: u64,
}

impl<V: Value> Updater<'_, V> {
    /// Applies `updates` (never empty; all begin with the path to this slot) at `depth`.
    fn slot(
        &self,
        slot: Slot<V>,
        depth: usize,
        updates: &[Update<V>],
        removed: &mut Removed,
    ) -> Result<Slot<V>> {
        match slot {
            None => Ok(self.build(depth, &entries(updates))),
            Some(Child::Leaf(leaf)) => self.leaf(leaf, depth, updates, removed),
            Some(Child::Branch(branch)) => self.branch(branch, depth, updates, removed),
        }
    }

    fn leaf(
        &self,
        leaf: Leaf<V>,
        depth: usize,
        updates: &[Update<V>],
        removed: &mut Removed,
    ) -> Result<Slot<V>> {
        let mut after = entries(updates);
        match self.replacing(&leaf, updates)? {
            Some(update) if update.entry.is_none() => removed.keys.push(update.key),
            Some(_) => {}
            None if after.is_empty() => return Ok(Some(Child::Leaf(leaf))),
            None => {
                let old = self.entry(leaf, &Path::of(&updates[0].key, depth))?;
                let at = after.partition_point(|entry| entry.key < old.key);
                after.insert(at, old);
            }
        }
        Ok(self.build(depth, &after))
    }

    /// The update of the leaf's own key, if there is one.
    fn replacing<'u>(&self, leaf: &Leaf<V>, updates: &'u [Update<V>]) -> Result<Option<&'u Update<V>>> {
        if let Some(entry) = &leaf.entry {
            return Ok(updates.iter().find(|update| update.key == entry.key));
        }
        for update in updates {
            let stored = match update.stored {
                Some(stored) => stored,
                None => self.source.value(&update.key)?.is_some(),
            };
            if stored {
                return Ok(Some(update));
            }
        }
        Ok(None)
    }

    /// The content of a leaf below `path`.
    fn entry(&self, leaf: Leaf<V>, path: &Path) -> Result<Arc<Entry<V>>> {
        if let Some(entry) = leaf.entry {
            return Ok(entry);
        }
        let (key, value) = self.source.leaf_below(path)?;
        Ok(Arc::new(Entry {
            key,
            value,
            height: self.source.height(),
        }))
    }

    fn branch(
        &self,
        mut branch: Branch<V>,
        depth: usize,
        updates: &[Update<V>],
        removed: &mut Removed,
    ) -> Result<Slot<V>> {
        let full = branch.extension().len();
        let shared = updates
            .iter()
            .map(|update| branch.shared(&update.key, depth))
            .min()
            .unwrap_or(full);
        let key = &updates[0].key;
        let mut slots = if shared < full {
            let slots = split(&branch, shared);
            branch = Branch::new(*branch.reference(), branch.extension()[..shared].to_vec(), None);
            slots
        } else {
            let at = Path::of(key, depth + full);
            match &branch.node {
                Some(node) => node.slots(),
                None => self.source.node(&at)?.slots(),
            }
        };
        let at = depth + shared;
        self.children(&mut slots, at, updates, removed)?;
        self.join(branch.extension().to_vec(), slots, &Path::of(key, at), removed)
    }

    /// Applies `updates` to the slots of a node at depth `at`.
    fn children(
        &self,
        slots: &mut [Slot<V>; WIDTH],
        at: usize,
        updates: &[Update<V>],
        removed: &mut Removed,
    ) -> Result<()> {
        let index = |group: &[Update<V>]| usize::from(nibble(&group[0].key, at));
        let groups = updates.chunk_by(|left, right| nibble(&left.key, at) == nibble(&right.key, at));
        if at >= PARALLEL_DEPTH || updates.len() < PARALLEL {
            for group in groups {
                let slot = &mut slots[index(group)];
                *slot = self.slot(slot.take(), at + 1, group, removed)?;
            }
            return Ok(());
        }
        let jobs: Vec<_> = groups
            .map(|group| (index(group), slots[index(group)].take(), group))
            .collect();
        let run = |(index, slot, group)| {
            let mut removed = Removed::default();
            let slot = self.slot(slot, at + 1, group, &mut removed)?;
            Ok((index, slot, removed))
        };
        let done: Vec<(usize, Slot<V>, Removed)> = jobs.into_par_iter().map(run).collect::<Result<_>>()?;
        for (index, slot, taken) in done {
            slots[index] = slot;
            removed.merge(taken);
        }
        Ok(())
    }

    /// A branch of `slots` at `path` below `extension`, or what is left of it with less than two
    /// children.
    fn join(
        &self,
        mut extension: Vec<u8>,
        mut slots: [Slot<V>; WIDTH],
        path: &Path,
        removed: &mut Removed,
    ) -> Result<Slot<V>> {
        let mut taken = (0_u8..)
            .zip(&slots)
            .filter(|(_, slot)| slot.is_some())
            .map(|(nibble, _)| nibble);
        let (first, second) = (taken.next(), taken.next());
        if second.is_some() {
            return Ok(Some(Child::Branch(
                self.hashed(extension, Node::new(self.height, slots)),
            )));
        }
        removed.nodes.push(*path);
        let Some(only) = first else { return Ok(None) };
        match slots[usize::from(only)].take() {
            None => Ok(None),
            Some(Child::Branch(child)) => {
                extension.push(only);
                extension.extend_from_slice(child.extension());
                Ok(Some(Child::Branch(Branch::new(
                    *child.reference(),
                    extension,
                    child.node,
                ))))
            }
            Some(Child::Leaf(leaf)) => {
                let entry = self.entry(leaf, &path.child(only))?;
                // Stays in memory until flushed (the module's invariant): hence this block's height.
                let moved = Entry {
                    key: entry.key,
                    value: entry.value.clone(),
                    height: self.height,
                };
                Ok(self.build(path.depth() - extension.len(), &[Arc::new(moved)]))
            }
        }
    }

    /// A subtree of nothing but `entries`, sorted, in a slot at `depth`.
    fn build(&self, depth: usize, entries: &[Arc<Entry<V>>]) -> Slot<V> {
        let (first, last) = match entries {
            [] => return None,
            [entry] => {
                let reference = Reference::to(&leaf_rlp(entry, depth));
                return Some(Child::Leaf(Leaf {
                    reference,
                    entry: Some(Arc::clone(entry)),
                }));
            }
            [first, .., last] => (first, last),
        };
        let at = first_difference(&first.key, &last.key, depth);
        let groups: Vec<_> = entries
            .chunk_by(|left, right| nibble(&left.key, at) == nibble(&right.key, at))
            .collect();
        let built: Vec<Slot<V>> = if at < PARALLEL_DEPTH && entries.len() >= PARALLEL {
            groups.par_iter().map(|group| self.build(at + 1, group)).collect()
        } else {
            groups.iter().map(|group| self.build(at + 1, group)).collect()
        };
        let mut slots = [const { None }; WIDTH];
        for (group, slot) in groups.iter().zip(built) {
            slots[usize::from(nibble(&group[0].key, at))] = slot;
        }
        let extension = (depth..at).map(|at| nibble(&first.key, at)).collect();
        Some(Child::Branch(
            self.hashed(extension, Node::new(self.height, slots)),
        ))
    }

    fn hashed(&self, extension: Vec<u8>, node: Node<V>) -> Branch<V> {
        Branch::new(Reference::to(&node.rlp()), extension, Some(Arc::new(node)))
    }
}

fn entries<V>(updates: &[Update<V>]) -> Vec<Arc<Entry<V>>> {
    updates.iter().filter_map(|update| update.entry.clone()).collect()
}

/// The slots of a new branch node `shared` nibbles down the extension of `branch`, which hangs there
/// with the rest of its extension.
fn split<V>(branch: &Branch<V>, shared: usize) -> [Slot<V>; WIDTH] {
    let mut slots = [const { None }; WIDTH];
    let (nibble, rest) = (
        branch.extension()[shared],
        branch.extension()[shared + 1..].to_vec(),
    );
    let below = Branch::new(*branch.reference(), rest, branch.node.clone());
    slots[usize::from(nibble)] = Some(Child::Branch(below));
    slots
}
