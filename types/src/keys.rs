//! Ed25519 keys and signatures (RFC 8032). Signing is ed25519-dalek's, verification is ZIP-215's (see
//! [`crate::signature`]).

use std::{fmt, str::FromStr};

use ed25519_dalek::Signer as _;

use crate::{Address, hash::parse_hex};

/// Text or bytes that are not a key.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// Not `0x` and 64 hexadecimal digits. The text is not repeated: it may be a secret.
    #[error("{what} must be 0x and 64 hexadecimal digits (32 bytes); {given} characters were given")]
    Malformed {
        /// Which kind of key.
        what: &'static str,
        /// Length of the text.
        given: usize,
    },
    /// The bytes are no point of the curve.
    #[error("{0} is not an Ed25519 public key: no point of the curve has this encoding")]
    NotAPoint(PublicKey),
    /// One of the eight points of small order, for which anybody can make signatures.
    #[error("{0} is an Ed25519 key of small order: anybody could sign for it")]
    SmallOrder(PublicKey),
}

/// The encoding of an Ed25519 public key. Whether it is a point of the curve is known only after
/// [`PublicKey::check`] or a successful verification.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PublicKey(pub [u8; 32]);

/// The y coordinates (little-endian) of the points of small order, in every encoding that ZIP-215
/// accepts; the sign bit is masked. 0, 1, the two of order 8, p - 1, p, p + 1.
pub(crate) const SMALL_ORDER: [[u8; 32]; 7] = {
    let mut table = [[0; 32]; 7];
    table[1][0] = 1;
    table[2] = [
        0x26, 0xe8, 0x95, 0x8f, 0xc2, 0xb2, 0x27, 0xb0, 0x45, 0xc3, 0xf4, 0x89, 0xf2, 0xef, 0x98, 0xf0, 0xd5,
        0xdf, 0xac, 0x05, 0xd3, 0xc6, 0x33, 0x39, 0xb1, 0x38, 0x02, 0x88, 0x6d, 0x53, 0xfc, 0x05,
    ];
    table[3] = [
        0xc7, 0x17, 0x6a, 0x70, 0x3d, 0x4d, 0xd8, 0x4f, 0xba, 0x3c, 0x0b, 0x76, 0x0d, 0x10, 0x67, 0x0f, 0x2a,
        0x20, 0x53, 0xfa, 0x2c, 0x39, 0xcc, 0xc6, 0x4e, 0xc7, 0xfd, 0x77, 0x92, 0xac, 0x03, 0x7a,
    ];
    let mut i = 0;
    while i < 3 {
        let mut y = [0xff; 32];
        y[0] = 0xec + i;
        y[31] = 0x7f;
        table[4 + i as usize] = y;
        i += 1;
    }
    table
};

impl PublicKey {
    /// The bytes.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// The account address of the key.
    pub fn address(&self) -> Address {
        Address::of(self)
    }

    /// Whether the key is one of the points of small order, in any encoding.
    pub fn is_small_order(&self) -> bool {
        let mut y = self.0;
        y[31] &= 0x7f;
        SMALL_ORDER.contains(&y)
    }

    /// Refuses keys that are no point of the curve or of small order.
    pub fn check(self) -> Result<Self, KeyError> {
        if self.is_small_order() {
            return Err(KeyError::SmallOrder(self));
        }
        ed25519_zebra::VerificationKey::try_from(self.0).map_err(|_| KeyError::NotAPoint(self))?;
        Ok(self)
    }
}

impl fmt::Display for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "0x{}", hex::encode(self.0))
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Checked: what a person types must be a usable key.
impl FromStr for PublicKey {
    type Err = KeyError;

    fn from_str(text: &str) -> Result<Self, KeyError> {
        let malformed = KeyError::Malformed {
            what: "a public key",
            given: text.chars().count(),
        };
        Self(parse_hex(text).ok_or(malformed)?).check()
    }
}

impl serde::Serialize for PublicKey {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> serde::Deserialize<'de> for PublicKey {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?
            .parse()
            .map_err(serde::de::Error::custom)
    }
}

/// An Ed25519 secret key (the 32-byte seed). Wiped from memory when dropped; never printed by
/// `Debug`.
#[derive(Clone)]
pub struct SecretKey(ed25519_dalek::SigningKey);

impl SecretKey {
    /// From 32 bytes of good randomness.
    pub fn from_seed(seed: [u8; 32]) -> Self {
        Self(ed25519_dalek::SigningKey::from_bytes(&seed))
    }

    /// The seed, for writing the key to its file.
    pub fn seed(&self) -> [u8; 32] {
        self.0.to_bytes()
    }

    /// The seed as `0x` and 64 digits, for writing the key to its file.
    pub fn to_hex(&self) -> String {
        format!("0x{}", hex::encode(self.0.to_bytes()))
    }

    /// The public key.
    pub fn public_key(&self) -> PublicKey {
        PublicKey(self.0.verifying_key().to_bytes())
    }

    /// The account address.
    pub fn address(&self) -> Address {
        self.public_key().address()
    }

    /// Signs `message` as it is; see [`crate::signature::message`] for what Aureon signs.
    pub fn sign(&self, message: &[u8]) -> Signature {
        Signature(self.0.sign(message).to_bytes())
    }
}

impl fmt::Debug for SecretKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SecretKey(of {})", self.public_key())
    }
}

impl FromStr for SecretKey {
    type Err = KeyError;

    fn from_str(text: &str) -> Result<Self, KeyError> {
        let malformed = KeyError::Malformed {
            what: "a secret key",
            given: text.chars().count(),
        };
        parse_hex(text).map(Self::from_seed).ok_or(malformed)
    }
}

/// An Ed25519 signature as it was received; nothing is known about it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Signature(pub [u8; 64]);

impl fmt::Display for Signature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "0x{}", hex::encode(self.0))
    }
}

impl fmt::Debug for Signature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "0x{}..", hex::encode(&self.0[..4]))
    }
}

impl FromStr for Signature {
    type Err = KeyError;

    fn from_str(text: &str) -> Result<Self, KeyError> {
        let malformed = KeyError::Malformed {
            what: "a signature (twice as long)",
            given: text.chars().count(),
        };
        parse_hex(text).map(Self).ok_or(malformed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_small_order_table_agrees_with_dalek() {
        let mut encodings = 0;
        for y in SMALL_ORDER {
            for sign in [0, 0x80] {
                let mut bytes = y;
                bytes[31] |= sign;
                assert!(PublicKey(bytes).is_small_order());
                if let Ok(key) = ed25519_dalek::VerifyingKey::from_bytes(&bytes) {
                    assert!(key.is_weak(), "{}", hex::encode(bytes));
                    encodings += 1;
                }
            }
        }
        assert_eq!(encodings, 14, "eight points, fourteen encodings");
        assert!(!SecretKey::from_seed([7; 32]).public_key().is_small_order());
    }

    #[test]
    fn unusable_keys_are_refused_by_name() {
        let two = PublicKey({
            let mut y = [0; 32];
            y[0] = 2;
            y
        });
        assert_eq!(two.check(), Err(KeyError::NotAPoint(two)));
        let zero = PublicKey([0; 32]);
        assert_eq!(
            zero.to_string().parse::<PublicKey>(),
            Err(KeyError::SmallOrder(zero))
        );
        assert!("0x12".parse::<PublicKey>().is_err());
    }

    #[test]
    fn a_secret_key_is_not_printed() {
        let key = SecretKey::from_seed([0x11; 32]);
        assert!(!format!("{key:?}").contains("1111"));
    }
}
