//! Walks over what is in memory: what to flush, and what may be forgotten afterwards.

use std::sync::Arc;

use super::{
    Trie, Value,
    node::{Branch, Child, Entry, Leaf, Node, Slot, WIDTH},
    path::Path,
};

/// Something that a flush writes.
#[derive(Debug)]
pub enum Changed<'a, V> {
    /// A branch node, for its row. Nodes come in the order of their row keys.
    Node(Path, &'a Node<V>),
    /// A leaf, for its row in the flat table. Leaves come in the order of their keys.
    Leaf(&'a Entry<V>),
}

impl<V: Value> Trie<V> {
    /// Visits what blocks above height `above` changed (all that is in memory, if `None`), and stops
    /// at the first error.
    pub fn changed<'a, E>(
        &'a self,
        above: Option<u64>,
        visit: &mut impl FnMut(Changed<'a, V>) -> Result<(), E>,
    ) -> Result<(), E> {
        self.root
            .as_ref()
            .map_or(Ok(()), |root| changed(root, Path::ROOT, above, visit))
    }

    /// The same version with less in memory: without the leaves, and the nodes from
    /// [`Value::RESIDENT_DEPTH`] on, that did not change above height `stored`. Right only for a trie
    /// that stands on the rows of that height from now on.
    #[must_use]
    pub fn evict(&self, stored: u64) -> Self {
        self.lighter(stored).unwrap_or_else(|| self.clone())
    }

    /// What [`Trie::evict`] makes of it; `None`: there is nothing to forget.
    pub fn lighter(&self, stored: u64) -> Option<Self> {
        let root = evicted(self.root.as_ref()?, 0, stored)?;
        Some(Self { root: Some(root) })
    }
}

fn changed<'a, V, E>(
    child: &'a Child<V>,
    path: Path,
    above: Option<u64>,
    visit: &mut impl FnMut(Changed<'a, V>) -> Result<(), E>,
) -> Result<(), E> {
    let newer = |height: u64| above.is_none_or(|above| height > above);
    match child {
        Child::Leaf(Leaf {
            entry: Some(entry), ..
        }) if newer(entry.height) => visit(Changed::Leaf(entry)),
        Child::Branch(branch) => {
            let Some(node) = branch.node.as_deref().filter(|node| newer(node.height)) else {
                return Ok(());
            };
            let path = path.descend(branch.extension());
            visit(Changed::Node(path, node))?;
            node.iter()
                .try_for_each(|(nibble, child)| changed(child, path.child(nibble), above, visit))
        }
        Child::Leaf(_) => Ok(()),
    }
}

/// What replaces `child`, in a slot at `depth`; `None`: it stays as it is.
fn evicted<V: Value>(child: &Child<V>, depth: usize, stored: u64) -> Option<Child<V>> {
    match child {
        Child::Leaf(leaf) => {
            let entry = leaf.entry.as_ref()?;
            let entry = if entry.height <= stored {
                None
            } else {
                Some(Arc::new(Entry {
                    key: entry.key,
                    value: entry.value.evict(stored)?,
                    height: entry.height,
                }))
            };
            let reference = leaf.reference;
            Some(Child::Leaf(Leaf { reference, entry }))
        }
        Child::Branch(branch) => {
            let node = branch.node.as_ref()?;
            let depth = depth + branch.extension().len();
            let mut kept: Branch<V> = branch.clone();
            kept.node = if depth >= V::RESIDENT_DEPTH && node.height <= stored {
                None
            } else {
                Some(Arc::new(thinned(node, depth, stored)?))
            };
            Some(Child::Branch(kept))
        }
    }
}

/// A copy of the node with less below it; `None`: there is nothing to forget.
fn thinned<V: Value>(node: &Node<V>, depth: usize, stored: u64) -> Option<Node<V>> {
    let mut slots: [Slot<V>; WIDTH] = [const { None }; WIDTH];
    let mut any = false;
    for (nibble, child) in node.iter() {
        let lighter = evicted(child, depth + 1, stored);
        any |= lighter.is_some();
        slots[usize::from(nibble)] = Some(lighter.unwrap_or_else(|| child.clone()));
    }
    any.then(|| Node::new(node.height, slots))
}
