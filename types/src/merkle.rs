//! The binary Merkle trees over a block's transactions and receipts.
//!
//! Leaf BLAKE3(0x00, data), node BLAKE3(0x01, left, right): the prefixes keep a leaf from being taken
//! for a node (RFC 6962, 2.1). A node without a right sibling moves up unchanged; it is never doubled,
//! so two different lists have different roots (unlike Bitcoin's, CVE-2012-2459).

use crate::{Hash, hash::blake3};

/// The leaf of `parts`, joined.
pub fn leaf(parts: &[&[u8]]) -> Hash {
    let mut hasher = blake3::Hasher::new();
    hasher.update(&[0]);
    for part in parts {
        hasher.update(part);
    }
    Hash(*hasher.finalize().as_bytes())
}

/// The root over `leaves`; zero for none.
pub fn root(leaves: impl IntoIterator<Item = Hash>) -> Hash {
    let mut level: Vec<Hash> = leaves.into_iter().collect();
    while level.len() > 1 {
        level = level.chunks(2).map(join).collect();
    }
    level.first().copied().unwrap_or_default()
}

fn join(pair: &[Hash]) -> Hash {
    match pair {
        [left, right] => Hash(blake3(&[&[1], &left.0, &right.0])),
        [single] => *single,
        _ => Hash::ZERO,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn leaves(count: u8) -> Vec<Hash> {
        (0..count).map(|i| leaf(&[&[i]])).collect()
    }

    #[test]
    fn small_trees_by_hand() {
        let node = |left: Hash, right: Hash| Hash(blake3(&[&[1], &left.0, &right.0]));
        let l = leaves(5);
        assert_eq!(root([]), Hash::ZERO);
        assert_eq!(root(leaves(1)), l[0]);
        assert_eq!(root(leaves(3)), node(node(l[0], l[1]), l[2]));
        assert_eq!(
            root(leaves(5)),
            node(node(node(l[0], l[1]), node(l[2], l[3])), l[4])
        );
    }

    #[test]
    fn a_repeated_last_leaf_is_another_list() {
        let mut doubled = leaves(3);
        doubled.push(doubled[2]);
        assert_ne!(root(leaves(3)), root(doubled));
    }

    #[test]
    fn the_leaf_prefix_is_pinned() {
        assert_eq!(leaf(&[b"a", b"b"]).0, blake3(&[&[0], b"ab"]));
    }
}
