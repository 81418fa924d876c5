//! Nodes, slots, and their encodings as Ethereum hashes them.

use std::sync::Arc;

use super::{
    Value,
    path::{KEY_NIBBLES, Key, nibble},
    rlp::{self, Reference},
};

/// Children of a branch.
pub(super) const WIDTH: usize = 16;

/// A branch node: 2 to 16 children (1 only for a moment, inside an update).
#[derive(Debug)]
pub struct Node<V> {
    /// Height of the block that last changed this node or anything below it.
    pub(super) height: u64,
    /// Bit `n` is set if there is a child at nibble `n`.
    pub(super) mask: u16,
    /// In the order of their nibbles.
    pub(super) children: Vec<Child<V>>,
}

/// A place where a subtree may hang; `None`: nothing there.
pub(super) type Slot<V> = Option<Child<V>>;

/// What hangs in a slot.
#[derive(Debug)]
pub(super) enum Child<V> {
    Leaf(Leaf<V>),
    Branch(Branch<V>),
}

/// A leaf.
#[derive(Debug)]
pub(super) struct Leaf<V> {
    pub reference: Reference,
    /// `None`: as stored.
    pub entry: Option<Arc<Entry<V>>>,
}

/// A key with its value.
#[derive(Debug)]
pub struct Entry<V> {
    /// The hashed key.
    pub key: Key,
    /// Its value.
    pub value: V,
    /// Height of the block that last wrote it; of the stored version, if it was read from there.
    pub height: u64,
}

/// A branch node, possibly below an extension.
#[derive(Debug)]
pub(super) struct Branch<V> {
    /// To the branch node itself.
    reference: Reference,
    extension: Option<Arc<Extension>>,
    /// `None`: as stored.
    pub node: Option<Arc<Node<V>>>,
}

#[derive(Debug)]
struct Extension {
    nibbles: Vec<u8>,
    /// To the extension node.
    reference: Reference,
}

impl<V> Clone for Child<V> {
    fn clone(&self) -> Self {
        match self {
            Self::Leaf(leaf) => Self::Leaf(leaf.clone()),
            Self::Branch(branch) => Self::Branch(branch.clone()),
        }
    }
}

impl<V> Clone for Leaf<V> {
    fn clone(&self) -> Self {
        Self {
            reference: self.reference,
            entry: self.entry.clone(),
        }
    }
}

impl<V> Clone for Branch<V> {
    fn clone(&self) -> Self {
        Self {
            reference: self.reference,
            extension: self.extension.clone(),
            node: self.node.clone(),
        }
    }
}

impl<V> Child<V> {
    /// How the parent names what hangs here.
    pub fn reference(&self) -> &Reference {
        match self {
            Self::Leaf(leaf) => &leaf.reference,
            Self::Branch(branch) => branch.outer_reference(),
        }
    }
}

impl<V> Branch<V> {
    /// The branch node named by `reference`, below the extension `nibbles` (which may be empty).
    pub fn new(reference: Reference, nibbles: Vec<u8>, node: Option<Arc<Node<V>>>) -> Self {
        let extension = (!nibbles.is_empty()).then(|| {
            let reference = Reference::to(&extension_rlp(&nibbles, &reference));
            Arc::new(Extension { nibbles, reference })
        });
        Self {
            reference,
            extension,
            node,
        }
    }

    /// The same, with the extension's reference known.
    pub fn with_references(reference: Reference, nibbles: Vec<u8>, outer: Reference) -> Self {
        Self {
            reference,
            extension: Some(Arc::new(Extension {
                nibbles,
                reference: outer,
            })),
            node: None,
        }
    }

    /// To the branch node itself.
    pub fn reference(&self) -> &Reference {
        &self.reference
    }

    /// To the extension node if there is one, else to the branch node.
    pub fn outer_reference(&self) -> &Reference {
        self.extension
            .as_ref()
            .map_or(&self.reference, |extension| &extension.reference)
    }

    /// The nibbles between the slot and the branch node.
    pub fn extension(&self) -> &[u8] {
        self.extension
            .as_ref()
            .map_or(&[], |extension| &extension.nibbles)
    }

    /// How many nibbles of the extension `key` shares, in a slot at `depth`.
    pub fn shared(&self, key: &Key, depth: usize) -> usize {
        let nibbles = self.extension().iter().enumerate();
        nibbles
            .take_while(|(at, expected)| nibble(key, depth + at) == **expected)
            .count()
    }

    /// The encoding of the extension node, if there is one.
    pub fn extension_rlp(&self) -> Option<Vec<u8>> {
        let extension = self.extension.as_ref()?;
        Some(extension_rlp(&extension.nibbles, &self.reference))
    }
}

impl<V> Node<V> {
    /// From its slots by nibble.
    pub(super) fn new(height: u64, slots: [Slot<V>; WIDTH]) -> Self {
        let count = slots.iter().flatten().count();
        let (mut mask, mut children) = (0, Vec::with_capacity(count));
        for (at, child) in slots.into_iter().enumerate() {
            if let Some(child) = child {
                mask |= 1 << at;
                children.push(child);
            }
        }
        Self {
            height,
            mask,
            children,
        }
    }

    /// The child at a nibble.
    pub(super) fn child(&self, nibble: u8) -> Option<&Child<V>> {
        let bit = 1_u16 << nibble;
        if self.mask & bit == 0 {
            return None;
        }
        self.children.get((self.mask & (bit - 1)).count_ones() as usize)
    }

    /// The children with their nibbles.
    pub(super) fn iter(&self) -> impl Iterator<Item = (u8, &Child<V>)> {
        let mask = self.mask;
        (0..16)
            .filter(move |nibble| mask & (1 << nibble) != 0)
            .zip(&self.children)
    }

    /// Copies of the children by nibble.
    pub(super) fn slots(&self) -> [Slot<V>; WIDTH] {
        let mut children = self.children.iter();
        std::array::from_fn(|at| {
            if self.mask & (1 << at) == 0 {
                None
            } else {
                children.next().cloned()
            }
        })
    }

    /// The encoding that is hashed: sixteen references and an empty value.
    pub(super) fn rlp(&self) -> Vec<u8> {
        let present: usize = self
            .children
            .iter()
            .map(|child| child.reference().encoded_length())
            .sum();
        let length = present + (WIDTH - self.children.len()) + 1;
        let mut out = Vec::with_capacity(length + 3);
        rlp::list_head(length, &mut out);
        let mut children = self.children.iter();
        for at in 0..WIDTH {
            match if self.mask & (1 << at) == 0 {
                None
            } else {
                children.next()
            } {
                None => out.push(0x80),
                Some(child) => child.reference().encode(&mut out),
            }
        }
        out.push(0x80);
        out
    }
}

/// The encoding of a leaf in a slot at `depth`.
pub(super) fn leaf_rlp<V: Value>(entry: &Entry<V>, depth: usize) -> Vec<u8> {
    let mut value = Vec::with_capacity(112);
    entry.value.encode(&mut value);
    let mut content = Vec::with_capacity(value.len() + 40);
    let nibbles = depth.min(KEY_NIBBLES)..KEY_NIBBLES;
    rlp::hex_prefix(nibbles.map(|at| nibble(&entry.key, at)), true, &mut content);
    rlp::string(&value, &mut content);
    rlp::list(&content)
}

fn extension_rlp(nibbles: &[u8], branch: &Reference) -> Vec<u8> {
    let mut content = Vec::with_capacity(72);
    rlp::hex_prefix(nibbles.iter().copied(), false, &mut content);
    branch.encode(&mut content);
    rlp::list(&content)
}
