//! Bytes as `0x` and hexadecimal digits.

use std::{fmt, str::FromStr};

use bytes::Bytes;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Bytes of any length; empty is `0x`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HexBytes(pub Bytes);

/// Text that is no bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HexBytesError {
    /// It begins otherwise.
    #[error("bytes begin with 0x and go on with hexadecimal digits, two for each byte")]
    NoPrefix,
    /// Half a byte is missing.
    #[error("there are {0} digits behind 0x, and bytes have two each")]
    OddDigits(usize),
    /// Another character.
    #[error("'{0}' is no hexadecimal digit")]
    NotADigit(char),
}

impl fmt::Display for HexBytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "0x{}", hex::encode(&self.0))
    }
}

impl FromStr for HexBytes {
    type Err = HexBytesError;

    fn from_str(text: &str) -> Result<Self, HexBytesError> {
        let digits = text.strip_prefix("0x").ok_or(HexBytesError::NoPrefix)?;
        if let Some(other) = digits.chars().find(|c| !c.is_ascii_hexdigit()) {
            return Err(HexBytesError::NotADigit(other));
        }
        match hex::decode(digits) {
            Ok(bytes) => Ok(Self(bytes.into())),
            Err(_) => Err(HexBytesError::OddDigits(digits.len())),
        }
    }
}

impl Serialize for HexBytes {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for HexBytes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?
            .parse()
            .map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_come_back_and_what_is_wrong_is_said() {
        for text in ["0x", "0x00", "0x0aff"] {
            assert_eq!(text.parse::<HexBytes>().unwrap().to_string(), text);
        }
        for (text, expected) in [
            ("", HexBytesError::NoPrefix),
            ("00", HexBytesError::NoPrefix),
            ("0x0", HexBytesError::OddDigits(1)),
            ("0x0g", HexBytesError::NotADigit('g')),
            ("0x0\u{e9}", HexBytesError::NotADigit('\u{e9}')),
        ] {
            assert_eq!(text.parse::<HexBytes>(), Err(expected), "{text}");
        }
    }
}
