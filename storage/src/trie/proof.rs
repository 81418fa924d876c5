//! Proofs that a key has a value, or none.

use super::{
    Source, Trie, Value,
    node::{Child, Node, leaf_rlp},
    path::{Key, Path, nibble},
};
use crate::{error::Result, trie::node::Entry};

/// A key's value and the encoded nodes from the root towards it.
pub struct Proof<V> {
    /// The value; `None`: the nodes prove that there is none.
    pub value: Option<V>,
    /// As in Ethereum's `eth_getProof`: each named by its hash in the one before; nodes that are
    /// embedded in their parents are not repeated. Empty only for the empty trie.
    pub nodes: Vec<Vec<u8>>,
}

impl<V> Proof<V> {
    /// That the empty trie does not hold a key.
    pub fn of_nothing() -> Self {
        Self {
            value: None,
            nodes: Vec::new(),
        }
    }
}

impl<V: Value> Trie<V> {
    /// Proves the presence or absence of `key`. Reads what is not in memory from the source.
    pub fn proof(&self, source: &dyn Source<V>, key: &Key) -> Result<Proof<V>> {
        let (mut slot, mut depth, mut nodes) = (self.root.clone(), 0, Vec::new());
        while let Some(child) = slot {
            let branch = match child {
                Child::Leaf(leaf) => {
                    let (held, value, encoding) = match leaf.entry {
                        Some(entry) => (entry.key, entry.value.clone(), leaf_rlp(&entry, depth)),
                        None => stored_leaf(source, &Path::of(key, depth), depth)?,
                    };
                    push(encoding, &mut nodes);
                    return Ok(Proof {
                        value: (held == *key).then_some(value),
                        nodes,
                    });
                }
                Child::Branch(branch) => branch,
            };
            if let Some(encoding) = branch.extension_rlp() {
                push(encoding, &mut nodes);
            }
            if branch.shared(key, depth) < branch.extension().len() {
                break;
            }
            depth += branch.extension().len();
            let visit = |node: &Node<V>| (node.rlp(), node.child(nibble(key, depth)).cloned());
            let (encoding, next) = match &branch.node {
                Some(node) => visit(node),
                None => visit(&source.node(&Path::of(key, depth))?),
            };
            push(encoding, &mut nodes);
            slot = next;
            depth += 1;
        }
        Ok(Proof { value: None, nodes })
    }
}

fn stored_leaf<V: Value>(source: &dyn Source<V>, path: &Path, depth: usize) -> Result<(Key, V, Vec<u8>)> {
    let (key, value) = source.leaf_below(path)?;
    let entry = Entry {
        key,
        value,
        height: source.height(),
    };
    let encoding = leaf_rlp(&entry, depth);
    Ok((key, entry.value, encoding))
}

/// The root is always listed; any other node only if its parent holds its hash.
fn push(encoding: Vec<u8>, nodes: &mut Vec<Vec<u8>>) {
    if nodes.is_empty() || encoding.len() >= 32 {
        nodes.push(encoding);
    }
}
