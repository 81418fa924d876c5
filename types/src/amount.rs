//! Amounts of base units.

use std::{fmt, str::FromStr};

use crate::limits::MAX_SUPPLY;

/// Base units, a `u64`. There is no unchecked arithmetic on it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Amount(pub u64);

/// Text that is not an amount.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("\"{0}\" is not an amount: expected a whole number of base units from 0 to {MAX_SUPPLY}")]
pub struct AmountError(String);

impl Amount {
    /// Nothing.
    pub const ZERO: Self = Self(0);

    /// The sum, or `None` if it does not fit.
    #[must_use]
    pub fn checked_add(self, other: Self) -> Option<Self> {
        self.0.checked_add(other.0).map(Self)
    }

    /// The difference, or `None` if it would be negative.
    #[must_use]
    pub fn checked_sub(self, other: Self) -> Option<Self> {
        self.0.checked_sub(other.0).map(Self)
    }

    /// Gas times its price, or `None` if it does not fit.
    #[must_use]
    pub fn fee(gas: u64, price: u64) -> Option<Self> {
        gas.checked_mul(price).map(Self)
    }

    /// The sum of all, or `None` if it does not fit.
    #[must_use]
    pub fn total(amounts: impl IntoIterator<Item = Self>) -> Option<Self> {
        amounts.into_iter().try_fold(Self::ZERO, Self::checked_add)
    }
}

impl fmt::Display for Amount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for Amount {
    type Err = AmountError;

    fn from_str(text: &str) -> Result<Self, AmountError> {
        let amount = text.parse().map_err(|_| AmountError(text.to_owned()))?;
        if amount > MAX_SUPPLY {
            Err(AmountError(text.to_owned()))
        } else {
            Ok(Self(amount))
        }
    }
}

impl serde::Serialize for Amount {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u64(self.0)
    }
}

/// A JSON number, or a string of digits for clients whose numbers end at 2^53.
impl<'de> serde::Deserialize<'de> for Amount {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Visitor)
    }
}

struct Visitor;

impl serde::de::Visitor<'_> for Visitor {
    type Value = Amount;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a whole number of base units from 0 to {MAX_SUPPLY}")
    }

    fn visit_u64<E: serde::de::Error>(self, number: u64) -> Result<Amount, E> {
        self.visit_str(&number.to_string())
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Amount, E> {
        text.parse().map_err(E::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_and_differences_are_checked() {
        assert_eq!(Amount(u64::MAX).checked_add(Amount(1)), None);
        assert_eq!(Amount(1).checked_sub(Amount(2)), None);
        assert_eq!(Amount::fee(u64::MAX, 2), None);
        assert_eq!(Amount::total([Amount(1), Amount(2)]), Some(Amount(3)));
        assert_eq!(Amount::total([Amount(u64::MAX), Amount(1)]), None);
    }

    #[test]
    fn json_takes_numbers_and_digits() {
        assert_eq!(serde_json::from_str::<Amount>("12").ok(), Some(Amount(12)));
        assert_eq!(serde_json::from_str::<Amount>("\"12\"").ok(), Some(Amount(12)));
        for wrong in ["-1", "1.5", "\"0x1\"", "18446744073709551615", "\"\""] {
            assert!(serde_json::from_str::<Amount>(wrong).is_err(), "{wrong}");
        }
    }
}
