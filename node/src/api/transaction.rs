//! The JSON form of a signed transaction.
//!
//! JSON is not what was signed: the canonical payload is. The node rebuilds the payload from the fields
//! and its own genesis, and the signature must cover exactly that. Numbers may also be strings of
//! digits, for clients whose numbers end at 2^53.

use aureon_types::{
    Action, Address, Amount, DecodeError, GenesisId, PublicKey, Signature, SignedTransaction, Transaction,
};
use serde::{Deserialize, Deserializer, Serialize};

use super::action::{JsonAction, JsonEvidenceError};

/// A signed transaction with the field names of the product: a transfer has `to` and `amount`, everything
/// else has `action` in their place.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct JsonTransaction {
    /// The sender; must be the address of `public_key`.
    pub from: Address,
    /// A transfer's recipient.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<Address>,
    /// Base units of a transfer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub amount: Option<Amount>,
    /// What the transaction does, if it is no transfer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub action: Option<JsonAction>,
    /// Transactions of the sender included before.
    #[serde(deserialize_with = "number")]
    pub nonce: u64,
    /// Most gas; a transfer uses 21,000.
    #[serde(deserialize_with = "number")]
    pub gas_limit: u64,
    /// Base units per unit of gas.
    #[serde(deserialize_with = "number")]
    pub gas_price: u64,
    /// Last height at which it may be included; absent: no limit.
    #[serde(
        default,
        deserialize_with = "optional_number",
        skip_serializing_if = "Option::is_none"
    )]
    pub last_valid_height: Option<u64>,
    /// The sender's Ed25519 key.
    pub public_key: PublicKey,
    /// Ed25519 over `aureon/tx/1`, the genesis id and the payload.
    #[serde(with = "signature")]
    pub signature: Signature,
}

/// A JSON transaction that contradicts itself.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum JsonTransactionError {
    /// Somebody else's address.
    #[error("\"from\" is {from}, but public_key {public_key} has the address {expected}")]
    NotTheSender {
        /// As given.
        from: Address,
        /// As given.
        public_key: PublicKey,
        /// The key's address.
        expected: Address,
    },
    /// Neither a transfer nor another action, or both.
    #[error("a transfer has \"to\" and \"amount\"; every other transaction has \"action\" in their place")]
    NoAction,
    /// The evidence in it is none.
    #[error(transparent)]
    Evidence(#[from] JsonEvidenceError),
    /// The canonical payload is refused.
    #[error(transparent)]
    Payload(#[from] DecodeError),
}

impl JsonTransaction {
    /// The transaction as it travels on the network of `genesis_id`. Whether the signature holds is
    /// decided later, in a batch.
    pub fn rebuild(&self, genesis_id: &GenesisId) -> Result<SignedTransaction, JsonTransactionError> {
        let expected = self.public_key.address();
        if self.from != expected {
            let (from, public_key) = (self.from, self.public_key);
            return Err(JsonTransactionError::NotTheSender {
                from,
                public_key,
                expected,
            });
        }
        let payload = Transaction {
            network: genesis_id.network_hint(),
            public_key: self.public_key,
            nonce: self.nonce,
            gas_limit: self.gas_limit,
            gas_price: self.gas_price,
            last_valid_height: self.last_valid_height,
            action: self.action()?,
        };
        Ok(SignedTransaction::from_parts(&payload.encode(), self.signature)?)
    }

    fn action(&self) -> Result<Action, JsonTransactionError> {
        match (self.to, self.amount, &self.action) {
            (Some(recipient), Some(amount), None) => Ok(Action::Transfer { recipient, amount }),
            (None, None, Some(action)) => Ok(action.action()?),
            _ => Err(JsonTransactionError::NoAction),
        }
    }

    /// The JSON form of a transaction.
    pub fn of(signed: &SignedTransaction) -> Self {
        let transaction = signed.transaction();
        let (to, amount) = match transaction.action {
            Action::Transfer { recipient, amount } => (Some(recipient), Some(amount)),
            _ => (None, None),
        };
        Self {
            from: signed.sender(),
            to,
            amount,
            action: JsonAction::of(&transaction.action),
            nonce: transaction.nonce,
            gas_limit: transaction.gas_limit,
            gas_price: transaction.gas_price,
            last_valid_height: transaction.last_valid_height,
            public_key: transaction.public_key,
            signature: *signed.signature(),
        }
    }
}

#[derive(Deserialize)]
#[serde(
    untagged,
    expecting = "expected a whole number from 0 to 18446744073709551615"
)]
pub(super) enum Number {
    Number(u64),
    Text(String),
}

impl Number {
    pub(super) fn get<E: serde::de::Error>(self) -> Result<u64, E> {
        match self {
            Self::Number(number) => Ok(number),
            Self::Text(text) => text
                .parse()
                .map_err(|_| E::custom(format!("\"{text}\" is not a whole number from 0 to {}", u64::MAX))),
        }
    }
}

fn number<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
    Number::deserialize(deserializer)?.get()
}

fn optional_number<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u64>, D::Error> {
    Option::<Number>::deserialize(deserializer)?
        .map(Number::get)
        .transpose()
}

/// A signature as `0x` and 128 digits.
pub(super) mod signature {
    use super::Signature;
    use serde::{Deserialize as _, Deserializer, Serializer};

    pub fn serialize<S: Serializer>(signature: &Signature, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(signature)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Signature, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(|_| {
            serde::de::Error::custom("\"signature\" must be 0x and 128 hexadecimal digits (64 bytes)")
        })
    }
}

#[cfg(test)]
mod tests {
    use aureon_types::{SecretKey, VerifiedTransaction, transaction::TRANSFER_GAS};
    use serde_json::{Value, json};

    use super::*;

    const GENESIS: GenesisId = GenesisId([9; 32]);

    fn signed(last_valid_height: Option<u64>) -> SignedTransaction {
        let key = SecretKey::from_seed([1; 32]);
        Transaction {
            network: GENESIS.network_hint(),
            public_key: key.public_key(),
            nonce: 3,
            gas_limit: TRANSFER_GAS,
            gas_price: 2,
            last_valid_height,
            action: Action::Transfer {
                recipient: Address([2; 20]),
                amount: Amount(5),
            },
        }
        .sign(&key, &GENESIS)
    }

    #[test]
    fn json_and_back_keeps_the_signed_bytes() {
        for last_valid_height in [None, Some(0), Some(7)] {
            let signed = signed(last_valid_height);
            let text = serde_json::to_string(&JsonTransaction::of(&signed)).unwrap();
            let json: JsonTransaction = serde_json::from_str(&text).unwrap();
            let rebuilt = json.rebuild(&GENESIS).unwrap();
            assert_eq!(rebuilt.payload(), signed.payload());
            assert!(VerifiedTransaction::verify(rebuilt, &GENESIS).is_ok());
        }
    }

    #[test]
    fn digits_are_numbers_too() {
        let mut json = serde_json::to_value(JsonTransaction::of(&signed(Some(7)))).unwrap();
        for field in ["amount", "nonce", "gas_limit", "gas_price", "last_valid_height"] {
            json[field] = Value::from(json[field].to_string());
        }
        let json: JsonTransaction = serde_json::from_value(json).unwrap();
        assert_eq!(
            json.rebuild(&GENESIS).unwrap().payload(),
            signed(Some(7)).payload()
        );
    }

    #[test]
    fn what_is_wrong_is_named() {
        let good = serde_json::to_value(JsonTransaction::of(&signed(None))).unwrap();
        let refused = |field: &str, value: Option<Value>| {
            let mut json = good.clone();
            match value {
                Some(value) => json[field] = value,
                None => drop(json.as_object_mut().unwrap().remove(field)),
            }
            serde_json::from_value::<JsonTransaction>(json)
                .unwrap_err()
                .to_string()
        };
        for (field, value, expected) in [
            ("from", None, "missing field `from`"),
            ("signature", None, "missing field `signature`"),
            ("colour", Some(json!(1)), "unknown field `colour`"),
            ("amount", Some(json!(-1)), "expected a whole number"),
            ("amount", Some(json!("1e3")), "not an amount"),
            ("amount", Some(json!(u64::MAX)), "not an amount"),
            ("nonce", Some(json!(1.5)), "expected a whole number"),
            (
                "nonce",
                Some(json!("18446744073709551616")),
                "is not a whole number",
            ),
            ("gas_limit", Some(json!(null)), "expected a whole number"),
            ("to", Some(json!("0x12")), "is not an address"),
            (
                "public_key",
                Some(json!(format!("0x{}", "00".repeat(32)))),
                "small order",
            ),
            ("signature", Some(json!("0x00")), "128 hexadecimal digits"),
        ] {
            let given = refused(field, value.clone());
            assert!(given.contains(expected), "{field} {value:?}: {given}");
        }
    }

    #[test]
    fn the_sender_must_own_the_key() {
        let mut json = JsonTransaction::of(&signed(None));
        json.from = Address([7; 20]);
        let error = json.rebuild(&GENESIS).unwrap_err();
        assert!(
            matches!(error, JsonTransactionError::NotTheSender { .. }),
            "{error}"
        );
    }
}
