//! A Merkle Patricia trie in Ethereum's format (yellow paper, appendix D) over hashed keys,
//! persistent in memory and path-keyed on disk.
//!
//! *Shape.* Only branch nodes are nodes. An extension is part of the slot that leads to its branch,
//! and a leaf is a slot too: its value is a row of the flat table, which is thus the leaf level. Keys
//! have 32 bytes, so no value ever sits inside a branch.
//!
//! *Versions.* A node is never changed: [`Trie::update`] copies the nodes on the changed paths and
//! shares all others with the trie it began from. Any number of versions live side by side: blocks
//! that compete, the block that executes while its parent is stored, the reader of an API call.
//!
//! *Memory and disk.* A version stands on a [`Source`]: the rows of a stored version below it. A node
//! or leaf that is not in memory is, in that version, what the source says it is. Every node and leaf
//! in memory carries the height of the block that last changed it. So a flush writes what is higher
//! than the stored version ([`Trie::changed`]), and afterwards a version that stands on the flushed
//! rows may forget what is not ([`Trie::evict`]). Nothing is ever marked or cleaned in place.
//!
//! *Invariant.* If a leaf's value is not in memory, then the source holds exactly that leaf under the
//! leaf's place. A leaf that moves up because its neighbour went away is therefore kept in memory
//! until it is flushed: the neighbour's row is still in the source.

mod node;
mod path;
mod proof;
pub(crate) mod rlp;
mod row;
mod update;
mod walk;

use std::sync::Arc;

use aureon_types::{Hash, account::EMPTY_TRIE_ROOT};

use node::{Child, Slot};
pub use node::{Entry, Node};
pub use path::{KEY_NIBBLES, Key, Path};
pub use proof::Proof;
pub use update::{Removed, Update};
pub use walk::Changed;

use crate::error::Result;

/// What a leaf holds.
pub trait Value: Clone + Send + Sync + 'static {
    /// Nodes at this depth (in nibbles) or deeper leave memory after a flush; those above stay.
    const RESIDENT_DEPTH: usize;

    /// Appends the bytes that the trie stores under the key (for an account: its RLP).
    fn encode(&self, out: &mut Vec<u8>);

    /// The same value with less in memory, if it holds anything that did not change above height
    /// `stored` (see [`Trie::evict`]); `None`: it stays as it is.
    fn evict(&self, _stored: u64) -> Option<Self> {
        None
    }
}

/// The stored version that a trie in memory stands on.
pub trait Source<V>: Sync {
    /// Height of the stored version.
    fn height(&self) -> u64;
    /// The row of the branch node at `path`, which must exist. See [`Node::decode`].
    fn node(&self, path: &Path) -> Result<Node<V>>;
    /// The value of a key, if it is stored.
    fn value(&self, key: &Key) -> Result<Option<V>>;
    /// The only leaf below `path`, which must exist.
    fn leaf_below(&self, path: &Path) -> Result<(Key, V)>;
}

/// One version of the trie. Cheap to clone.
#[derive(Debug)]
pub struct Trie<V> {
    root: Slot<V>,
}

/// What memory knows of a key.
#[derive(Debug, PartialEq, Eq)]
pub enum Found<'a, V> {
    /// It has this value.
    Present(&'a V),
    /// It has none.
    Absent,
    /// It has not changed since the stored version: ask the source.
    Stored,
}

impl<V> Clone for Trie<V> {
    fn clone(&self) -> Self {
        Self {
            root: self.root.clone(),
        }
    }
}

impl<V> Default for Trie<V> {
    fn default() -> Self {
        Self { root: None }
    }
}

impl<V: Value> Trie<V> {
    /// The root hash.
    pub fn root_hash(&self) -> Hash {
        self.root
            .as_ref()
            .map_or(EMPTY_TRIE_ROOT, |child| Hash(child.reference().root_hash()))
    }

    /// Looks a key up in memory.
    pub fn find(&self, key: &Key) -> Found<'_, V> {
        let (mut slot, mut depth) = (self.root.as_ref(), 0);
        loop {
            match slot {
                None => return Found::Absent,
                Some(Child::Leaf(leaf)) => {
                    return match &leaf.entry {
                        None => Found::Stored,
                        Some(entry) if entry.key == *key => Found::Present(&entry.value),
                        Some(_) => Found::Absent,
                    };
                }
                Some(Child::Branch(branch)) => {
                    if branch.shared(key, depth) < branch.extension().len() {
                        return Found::Absent;
                    }
                    let Some(node) = &branch.node else {
                        return Found::Stored;
                    };
                    depth += branch.extension().len();
                    slot = node.child(path::nibble(key, depth));
                    depth += 1;
                }
            }
        }
    }

    /// The version after `updates` (sorted by key, each key once), whose nodes carry `height`, and
    /// what is no longer in it. Large batches are worked on in parallel.
    ///
    /// Fails only if the source does.
    pub fn update(
        &self,
        source: &dyn Source<V>,
        height: u64,
        updates: &[Update<V>],
    ) -> Result<(Self, Removed)> {
        if updates.is_empty() {
            return Ok((self.clone(), Removed::default()));
        }
        let (root, removed) = update::run(self.root.clone(), source, height, updates)?;
        Ok((Self { root }, removed))
    }

    /// The root as it is stored beside the rows: see [`Trie::decode_root`].
    pub fn encode_root(&self) -> Vec<u8> {
        let mut out = Vec::new();
        if let Some(root) = &self.root {
            row::encode_child(root, &mut out);
        }
        out
    }

    /// A trie of which nothing is in memory but the root's reference; `None` if `bytes` were not made
    /// by [`Trie::encode_root`].
    pub fn decode_root(mut bytes: &[u8]) -> Option<Self> {
        if bytes.is_empty() {
            return Some(Self::default());
        }
        let root = row::decode_child(&mut bytes)?;
        bytes.is_empty().then_some(Self { root: Some(root) })
    }
}

/// An update that sets `key` to `value` at `height`.
pub fn set<V>(key: Key, value: V, height: u64) -> Update<V> {
    Update {
        key,
        entry: Some(Arc::new(Entry { key, value, height })),
        stored: None,
    }
}

/// An update that removes `key`.
pub fn remove<V>(key: Key) -> Update<V> {
    Update {
        key,
        entry: None,
        stored: None,
    }
}
