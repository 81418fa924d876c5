//! Node rows, and the stored root.
//!
//! row   = mask (2 bytes, little-endian; bit n: a child at nibble n), then the children in order
//! child = tag, reference; if extended: nibble count, nibbles (a byte each), extension's reference
//! tag   = bit 0: branch (else leaf); bit 1: extended; bit 2: references carry a length byte
//!         (else they are hashes of 32 bytes)

use super::{
    node::{Branch, Child, Leaf, Node},
    rlp::Reference,
};

const BRANCH: u8 = 1;
const EXTENDED: u8 = 2;
const SIZED: u8 = 4;

impl<V> Node<V> {
    /// Appends the node's row.
    pub fn encode(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.mask.to_le_bytes());
        for child in &self.children {
            encode_child(child, out);
        }
    }

    /// The node of a row, as of `height`; `None` if it is no row.
    pub fn decode(bytes: &[u8], height: u64) -> Option<Self> {
        let (mask, mut rest) = bytes.split_first_chunk()?;
        let mask = u16::from_le_bytes(*mask);
        let count = mask.count_ones() as usize;
        let mut children = Vec::with_capacity(count);
        for _ in 0..count {
            children.push(decode_child(&mut rest)?);
        }
        (rest.is_empty() && count >= 2).then_some(Self {
            height,
            mask,
            children,
        })
    }
}

pub(super) fn encode_child<V>(child: &Child<V>, out: &mut Vec<u8>) {
    let (own, outer, nibbles, kind) = match child {
        Child::Leaf(leaf) => (&leaf.reference, &leaf.reference, &[][..], 0),
        Child::Branch(branch) => (
            branch.reference(),
            branch.outer_reference(),
            branch.extension(),
            BRANCH,
        ),
    };
    let extended = !nibbles.is_empty();
    let sized = !own.is_hash() || !outer.is_hash();
    let tag = kind | if extended { EXTENDED } else { 0 } | if sized { SIZED } else { 0 };
    out.push(tag);
    encode_reference(own, sized, out);
    if extended {
        out.push(nibbles.len() as u8);
        out.extend_from_slice(nibbles);
        encode_reference(outer, sized, out);
    }
}

pub(super) fn decode_child<V>(bytes: &mut &[u8]) -> Option<Child<V>> {
    let tag = take(bytes, 1)?[0];
    if tag & !(BRANCH | EXTENDED | SIZED) != 0 {
        return None;
    }
    let reference = decode_reference(tag & SIZED != 0, bytes)?;
    if tag & BRANCH == 0 {
        return Some(Child::Leaf(Leaf {
            reference,
            entry: None,
        }));
    }
    if tag & EXTENDED == 0 {
        return Some(Child::Branch(Branch::new(reference, Vec::new(), None)));
    }
    let count = usize::from(take(bytes, 1)?[0]);
    let nibbles = take(bytes, count)?.to_vec();
    let outer = decode_reference(tag & SIZED != 0, bytes)?;
    Some(Child::Branch(Branch::with_references(reference, nibbles, outer)))
}

fn encode_reference(reference: &Reference, sized: bool, out: &mut Vec<u8>) {
    if sized {
        out.push(reference.as_slice().len() as u8);
    }
    out.extend_from_slice(reference.as_slice());
}

fn decode_reference(sized: bool, bytes: &mut &[u8]) -> Option<Reference> {
    let length = if sized {
        usize::from(take(bytes, 1)?[0])
    } else {
        32
    };
    match (take(bytes, length)?, length) {
        (hash, 32) => hash.try_into().ok().map(Reference::hash),
        (encoding, 1..32) => Some(Reference::to(encoding)),
        _ => None,
    }
}

fn take<'a>(bytes: &mut &'a [u8], count: usize) -> Option<&'a [u8]> {
    let (taken, rest) = bytes.split_at_checked(count)?;
    *bytes = rest;
    Some(taken)
}
