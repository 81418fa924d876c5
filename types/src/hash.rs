//! 32-byte hashes, and which function makes which of them.

use std::{fmt, str::FromStr};

/// A hexadecimal string that is not a hash.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("\"{text}\" is not {what}: expected 0x and 64 hexadecimal digits")]
pub struct HashError {
    text: String,
    what: &'static str,
}

/// Reads `0x` and exactly `N` bytes of hexadecimal, in any case. `None` for anything else.
pub fn parse_hex<const N: usize>(text: &str) -> Option<[u8; N]> {
    let mut bytes = [0; N];
    hex::decode_to_slice(text.strip_prefix("0x")?, &mut bytes).ok()?;
    Some(bytes)
}

macro_rules! hash_type {
    ($(#[$doc:meta])* $name:ident, $what:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub [u8; 32]);

        impl $name {
            /// All zeros: stands for "none" where the schema says so.
            pub const ZERO: Self = Self([0; 32]);

            /// The bytes.
            pub fn as_bytes(&self) -> &[u8; 32] {
                &self.0
            }

            /// From a slice of exactly 32 bytes.
            pub fn from_slice(bytes: &[u8]) -> Option<Self> {
                bytes.try_into().ok().map(Self)
            }

            /// The first eight digits, for logs.
            pub fn short(&self) -> String {
                format!("0x{}", hex::encode(&self.0[..4]))
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "0x{}", hex::encode(self.0))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }

        impl FromStr for $name {
            type Err = HashError;

            fn from_str(text: &str) -> Result<Self, HashError> {
                parse_hex(text).map(Self).ok_or_else(|| HashError { text: text.to_owned(), what: $what })
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = String::deserialize(deserializer)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }
    };
}

hash_type!(
    /// A hash with no more special meaning: roots, leaves, code hashes.
    Hash,
    "a hash"
);
hash_type!(
    /// BLAKE3(header bytes || seal bytes).
    BlockId,
    "a block id"
);
hash_type!(
    /// BLAKE3(payload): a signature cannot change it.
    TransactionId,
    "a transaction id"
);
hash_type!(
    /// BLAKE3 over the canonical encoding of the genesis; every signature covers it.
    GenesisId,
    "a genesis id"
);

impl GenesisId {
    /// The first 8 bytes as a big-endian number: what a transaction carries to be told apart quickly.
    pub fn network_hint(&self) -> u64 {
        let mut first = [0; 8];
        first.copy_from_slice(&self.0[..8]);
        u64::from_be_bytes(first)
    }

    /// The network hint in 16 hexadecimal digits, as topic and protocol names carry it.
    pub fn network_name(&self) -> String {
        hex::encode(&self.0[..8])
    }
}

/// BLAKE3 of the parts, joined.
pub fn blake3(parts: &[&[u8]]) -> [u8; 32] {
    let mut hasher = blake3::Hasher::new();
    for part in parts {
        hasher.update(part);
    }
    *hasher.finalize().as_bytes()
}

/// Keccak-256 as Ethereum uses it (the original padding, not that of SHA-3).
pub fn keccak256(data: &[u8]) -> [u8; 32] {
    keccak_asm::Keccak256::digest(data).into()
}

/// SHA-256 (FIPS 180-4) of the parts, joined.
pub fn sha256(parts: &[&[u8]]) -> [u8; 32] {
    use sha2::Digest as _;
    let mut hasher = sha2::Sha256::new();
    for part in parts {
        hasher.update(part);
    }
    hasher.finalize().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blake3_official_vectors() {
        // Input: the bytes 0, 1, .. 250, 0, 1, .. (BLAKE3 team, test_vectors.json).
        let input = |length: usize| (0..length).map(|i| (i % 251) as u8).collect::<Vec<_>>();
        for (length, digest) in [
            (
                0,
                "af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262",
            ),
            (
                1,
                "2d3adedff11b61f14c886e35afa036736dcd87a74d27b5c1510225d0f592e213",
            ),
            (
                1024,
                "42214739f095a406f3fc83deb889744ac00df831c10daa55189b5d121c855af7",
            ),
        ] {
            assert_eq!(hex::encode(blake3(&[&input(length)])), digest, "{length} bytes");
        }
    }

    #[test]
    fn keccak256_vectors() {
        // The Keccak team's ShortMsgKAT_256 (length 0), and "abc".
        for (input, digest) in [
            (
                "",
                "c5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470",
            ),
            (
                "abc",
                "4e03657aea45a94fc7d47ba826c8d667c0d1e6e33a64a036ec44f58fa12d6c45",
            ),
        ] {
            assert_eq!(hex::encode(keccak256(input.as_bytes())), digest);
        }
    }

    #[test]
    fn sha256_vectors() {
        // FIPS 180-4 examples.
        for (input, digest) in [
            (
                "",
                "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
            ),
            (
                "abc",
                "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
            ),
            (
                "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
                "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1",
            ),
        ] {
            assert_eq!(hex::encode(sha256(&[input.as_bytes()])), digest);
        }
    }

    #[test]
    fn hex_is_parsed_whole_or_not_at_all() {
        let id = BlockId([0xab; 32]);
        assert_eq!(id.to_string().parse(), Ok(id));
        for wrong in [
            "",
            "0x",
            "ab",
            &"ab".repeat(32),
            &format!("0x{}", "ab".repeat(33)),
            "0xzz",
        ] {
            assert!(wrong.parse::<BlockId>().is_err(), "{wrong}");
        }
    }
}
