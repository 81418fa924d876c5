//! Paths: sequences of nibbles from the root.

/// A hashed key: Keccak-256 of what it stands for.
pub type Key = [u8; 32];

/// Nibbles of a key.
pub const KEY_NIBBLES: usize = 64;

/// The nibble at `at`, from 0 (the high half of the first byte) to 63.
pub fn nibble(key: &Key, at: usize) -> u8 {
    let byte = key[at / 2];
    if at.is_multiple_of(2) {
        byte >> 4
    } else {
        byte & 0x0f
    }
}

/// The first nibble at or after `from` in which the keys differ; 64 if they do not.
pub fn first_difference(left: &Key, right: &Key, from: usize) -> usize {
    (from..KEY_NIBBLES)
        .find(|&at| nibble(left, at) != nibble(right, at))
        .unwrap_or(KEY_NIBBLES)
}

/// The first nibbles of a key: names a place in the trie.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Path {
    /// Nibbles at and after `length` are zero.
    key: Key,
    length: usize,
}

impl Path {
    /// The place of the root.
    pub const ROOT: Self = Self {
        key: [0; 32],
        length: 0,
    };

    /// The first `length` nibbles of `key`.
    pub fn of(key: &Key, length: usize) -> Self {
        let mut path = Self { key: *key, length };
        path.key[length.div_ceil(2)..].fill(0);
        if length % 2 == 1 {
            path.key[length / 2] &= 0xf0;
        }
        path
    }

    /// The place one nibble below. A path has at most 64 nibbles; a longer one stays as it is.
    #[must_use]
    pub fn child(mut self, nibble: u8) -> Self {
        if let Some(byte) = self.key.get_mut(self.length / 2) {
            *byte |= if self.length.is_multiple_of(2) {
                nibble << 4
            } else {
                nibble
            };
            self.length += 1;
        }
        self
    }

    /// The place some nibbles below.
    #[must_use]
    pub fn descend(self, nibbles: &[u8]) -> Self {
        nibbles.iter().fold(self, |path, &nibble| path.child(nibble))
    }

    /// Number of nibbles.
    pub fn depth(&self) -> usize {
        self.length
    }

    /// The least key that begins with this path.
    pub fn first_key(&self) -> &Key {
        &self.key
    }

    /// Whether `key` begins with this path.
    pub fn holds(&self, key: &Key) -> bool {
        first_difference(&self.key, key, 0) >= self.length
    }

    /// The key of the row of the node at this place: one byte per nibble, so that rows sort in the
    /// order of a walk from the root, parents before children.
    pub fn row_key(&self) -> RowKey {
        let mut bytes = [0; KEY_NIBBLES];
        for (at, byte) in bytes.iter_mut().enumerate().take(self.length) {
            *byte = nibble(&self.key, at);
        }
        RowKey {
            bytes,
            length: self.length,
        }
    }
}

/// See [`Path::row_key`].
pub struct RowKey {
    bytes: [u8; KEY_NIBBLES],
    length: usize,
}

impl RowKey {
    /// The bytes of the key.
    pub fn as_slice(&self) -> &[u8] {
        &self.bytes[..self.length]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_hold_the_keys_below_them() {
        let mut key = [0xab; 32];
        key[1] = 0xcd;
        let path = Path::of(&key, 3);
        assert_eq!(path.row_key().as_slice(), [0xa, 0xb, 0xc]);
        assert!(path.holds(&key));
        assert_eq!(path.first_key()[..3], [0xab, 0xc0, 0]);
        assert_eq!(path.child(0xd), Path::of(&key, 4));
        assert_eq!(path.descend(&[0xd, 0xa]), Path::of(&key, 5));
        assert!(!path.child(0xe).holds(&key));
        assert!(Path::ROOT.holds(&key));
        assert_eq!(Path::of(&key, 64).child(1), Path::of(&key, 64));
    }

    #[test]
    fn differences_are_found_by_nibble() {
        let (mut left, right) = ([0; 32], [0; 32]);
        assert_eq!(first_difference(&left, &right, 0), 64);
        left[3] = 0x01;
        assert_eq!(first_difference(&left, &right, 0), 7);
        assert_eq!(first_difference(&left, &right, 8), 64);
    }
}
