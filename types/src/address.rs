//! Account addresses: the last 20 bytes of Keccak-256(public key), written with EIP-55's checksum.
//!
//! They look like Ethereum's on purpose (tools can show and check them), but an Ethereum wallet
//! cannot spend from them: the keys are Ed25519.

use std::{fmt, str::FromStr};

use crate::{hash::keccak256, keys::PublicKey};

/// Length of an address in bytes.
pub const ADDRESS_BYTES: usize = 20;

/// An account address.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Address(pub [u8; ADDRESS_BYTES]);

/// Text that is not an address.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AddressError {
    /// Not `0x` and 40 hexadecimal digits.
    #[error("\"{0}\" is not an address: expected 0x and 40 hexadecimal digits")]
    Malformed(String),
    /// Mixed case that does not match the checksum of EIP-55: most likely a typing error.
    #[error(
        "address {given} has a wrong checksum (a mistyped digit?): the checksummed form would be {expected}"
    )]
    Checksum {
        /// What was given.
        given: String,
        /// The same digits with the right case.
        expected: String,
    },
}

impl Address {
    /// The address of a public key.
    pub fn of(key: &PublicKey) -> Self {
        let hash = keccak256(key.as_bytes());
        let mut address = [0; ADDRESS_BYTES];
        address.copy_from_slice(&hash[12..]);
        Self(address)
    }

    /// The bytes.
    pub fn as_bytes(&self) -> &[u8; ADDRESS_BYTES] {
        &self.0
    }

    /// From a slice of exactly 20 bytes.
    pub fn from_slice(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(Self)
    }
}

/// EIP-55: a letter is upper case where the same digit of Keccak-256(lower-case digits) is 8 or more.
impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = hex::encode(self.0);
        let hash = hex::encode(keccak256(digits.as_bytes()));
        f.write_str("0x")?;
        for (digit, check) in digits.chars().zip(hash.chars()) {
            let upper = check >= '8';
            write!(f, "{}", if upper { digit.to_ascii_uppercase() } else { digit })?;
        }
        Ok(())
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// All lower or all upper case carries no checksum and is accepted; mixed case must be right.
impl FromStr for Address {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        let bytes = crate::hash::parse_hex(text).ok_or_else(|| AddressError::Malformed(text.to_owned()))?;
        let address = Self(bytes);
        let digits = &text[2..];
        let lower = digits.chars().any(|digit| digit.is_ascii_lowercase());
        let upper = digits.chars().any(|digit| digit.is_ascii_uppercase());
        let expected = address.to_string();
        if lower && upper && expected != text {
            return Err(AddressError::Checksum {
                given: text.to_owned(),
                expected,
            });
        }
        Ok(address)
    }
}

impl serde::Serialize for Address {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> serde::Deserialize<'de> for Address {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?
            .parse()
            .map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The examples of EIP-55.
    const EIP55: [&str; 8] = [
        "0x52908400098527886E0F7030069857D2E4169EE7",
        "0x8617E340B3D01FA5F11F306F4090FD50E238070D",
        "0xde709f2102306220921060314715629080e2fb77",
        "0x27b1fdb04752bbc536007a920d24acb045561c26",
        "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed",
        "0xfB6916095ca1df60bB79Ce92cE3Ea74c37c5d359",
        "0xdbF03B407c01E7cD3CBea99509d93f8DDDC8C6FB",
        "0xD1220A0cf47c7B9Be7A2E6BA89F429762e7b9aDb",
    ];

    #[test]
    fn eip55_vectors() {
        for text in EIP55 {
            assert_eq!(
                text.parse::<Address>().map(|address| address.to_string()),
                Ok(text.to_owned())
            );
        }
    }

    #[test]
    fn a_wrong_checksum_is_refused_and_the_right_one_named() {
        let wrong = EIP55[4].replace("5aA", "5aa");
        assert_eq!(
            wrong.parse::<Address>(),
            Err(AddressError::Checksum {
                given: wrong.clone(),
                expected: EIP55[4].to_owned()
            })
        );
        assert!(EIP55[4].to_lowercase().parse::<Address>().is_ok());
        assert!(EIP55[4][..41].parse::<Address>().is_err());
        assert!(EIP55[4][2..].parse::<Address>().is_err());
    }
}
