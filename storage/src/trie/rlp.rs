//! The few pieces of RLP (Ethereum yellow paper, appendix B) and hex-prefix encoding (appendix C)
//! that a trie needs.

use aureon_types::hash::keccak256;

/// Appends the head of a string or list: `base` is 0x80 or 0xc0.
fn head(base: u8, length: usize, out: &mut Vec<u8>) {
    if let Ok(short @ 0..=55) = u8::try_from(length) {
        out.push(base + short);
        return;
    }
    let bytes = length.to_be_bytes();
    let significant = &bytes[(length.leading_zeros() / 8) as usize..];
    out.push(base + 55 + significant.len() as u8);
    out.extend_from_slice(significant);
}

/// Appends the head of a list with `length` bytes of content.
pub fn list_head(length: usize, out: &mut Vec<u8>) {
    head(0xc0, length, out);
}

/// Appends a string.
pub fn string(bytes: &[u8], out: &mut Vec<u8>) {
    match bytes {
        [single @ 0..=0x7f] => out.push(*single),
        _ => {
            head(0x80, bytes.len(), out);
            out.extend_from_slice(bytes);
        }
    }
}

/// Appends a number: big-endian, without leading zeros.
pub fn number(value: u64, out: &mut Vec<u8>) {
    let bytes = value.to_be_bytes();
    string(&bytes[(value.leading_zeros() / 8) as usize..], out);
}

/// A list around content that is encoded already.
pub fn list(content: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(content.len() + 4);
    list_head(content.len(), &mut out);
    out.extend_from_slice(content);
    out
}

/// Appends nibbles in hex-prefix encoding, as an RLP string.
pub fn hex_prefix(nibbles: impl ExactSizeIterator<Item = u8>, leaf: bool, out: &mut Vec<u8>) {
    let flag = if leaf { 0x20 } else { 0 };
    let mut bytes = [0; 33];
    let (mut at, mut high) = if nibbles.len() % 2 == 1 {
        (0, false)
    } else {
        (1, true)
    };
    bytes[0] = if high { flag } else { flag | 0x10 };
    for nibble in nibbles.take(64) {
        bytes[at] |= if high { nibble << 4 } else { nibble };
        at += usize::from(!high);
        high = !high;
    }
    string(&bytes[..at], out);
}

/// How a parent names a node: by its hash, or, where the encoding is shorter than 32 bytes, by the
/// encoding itself (yellow paper, appendix D).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reference {
    length: u8,
    bytes: [u8; 32],
}

impl Reference {
    /// The reference to the node with this encoding.
    pub fn to(encoding: &[u8]) -> Self {
        if encoding.len() >= 32 {
            return Self::hash(keccak256(encoding));
        }
        let mut bytes = [0; 32];
        bytes[..encoding.len()].copy_from_slice(encoding);
        Self {
            length: encoding.len() as u8,
            bytes,
        }
    }

    /// The reference by a hash.
    pub fn hash(hash: [u8; 32]) -> Self {
        Self {
            length: 32,
            bytes: hash,
        }
    }

    /// Whether the parent holds the hash, not the node itself.
    pub fn is_hash(&self) -> bool {
        self.length == 32
    }

    /// The hash, or the encoding.
    pub fn as_slice(&self) -> &[u8] {
        &self.bytes[..usize::from(self.length)]
    }

    /// Bytes that the reference takes inside its parent.
    pub fn encoded_length(&self) -> usize {
        self.as_slice().len() + usize::from(self.is_hash())
    }

    /// Appends the reference as its parent holds it.
    pub fn encode(&self, out: &mut Vec<u8>) {
        if self.is_hash() {
            out.push(0xa0);
        }
        out.extend_from_slice(self.as_slice());
    }

    /// The hash of the node, also where a parent would embed it: the root is always hashed.
    pub fn root_hash(&self) -> [u8; 32] {
        if self.is_hash() {
            self.bytes
        } else {
            keccak256(self.as_slice())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn made(f: impl FnOnce(&mut Vec<u8>)) -> String {
        let mut out = Vec::new();
        f(&mut out);
        hex::encode(out)
    }

    /// The examples of the Ethereum wiki's RLP page.
    #[test]
    fn rlp_examples() {
        assert_eq!(made(|out| string(b"dog", out)), "83646f67");
        assert_eq!(made(|out| string(b"", out)), "80");
        assert_eq!(made(|out| string(&[0], out)), "00");
        assert_eq!(made(|out| number(0, out)), "80");
        assert_eq!(made(|out| number(15, out)), "0f");
        assert_eq!(made(|out| number(1024, out)), "820400");
        let lorem = "Lorem ipsum dolor sit amet, consectetur adipisicing elit";
        assert!(made(|out| string(lorem.as_bytes(), out)).starts_with("b8384c6f72"));
        assert!(made(|out| string(&[7; 1024], out)).starts_with("b904000707"));
        assert_eq!(hex::encode(list(&[0x83, b'c', b'a', b't'])), "c483636174");
    }

    /// The examples of the Ethereum wiki's page on the trie; single bytes are their own encoding.
    #[test]
    fn hex_prefix_examples() {
        let prefix = |nibbles: &[u8], leaf| made(|out| hex_prefix(nibbles.iter().copied(), leaf, out));
        assert_eq!(prefix(&[1, 2, 3, 4, 5], false), "83112345");
        assert_eq!(prefix(&[0, 1, 2, 3, 4, 5], false), "8400012345");
        assert_eq!(prefix(&[0, 0xf, 1, 0xc, 0xb, 8], true), "84200f1cb8");
        assert_eq!(prefix(&[0xf, 1, 0xc, 0xb, 8], true), "833f1cb8");
        assert_eq!(prefix(&[], true), "20");
    }

    #[test]
    fn short_encodings_are_embedded() {
        assert_eq!(Reference::to(&[1; 31]).encoded_length(), 31);
        assert!(Reference::to(&[1; 32]).is_hash());
        assert_eq!(Reference::to(&[1; 31]).root_hash(), keccak256(&[1; 31]));
    }
}
