//! The JSON form of every action that is not a transfer.

use aureon_types::{Action, Address, Amount, DecodeError, Evidence, PublicKey};
use bytes::Bytes;
use serde::{Deserialize, Serialize};

/// An object with one field, the name of the action: `{"bond": {"amount": 5, "commission_basis_points":
/// 500}}`, `{"unjail": {}}`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum JsonAction {
    /// See [`Action::Bond`].
    Bond {
        /// Base units.
        amount: Amount,
        /// 0 to 10,000.
        commission_basis_points: u32,
    },
    /// See [`Action::Unbond`].
    Unbond {
        /// Base units.
        amount: Amount,
    },
    /// See [`Action::Delegate`].
    Delegate {
        /// Its address.
        validator: Address,
        /// Base units.
        amount: Amount,
    },
    /// See [`Action::Undelegate`].
    Undelegate {
        /// Its address.
        validator: Address,
        /// Base units.
        amount: Amount,
    },
    /// See [`Action::Unjail`].
    Unjail {},
    /// See [`Action::AuthorityVote`].
    AuthorityVote {
        /// The key to add.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        add: Option<PublicKey>,
        /// The key to remove.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        remove: Option<PublicKey>,
    },
    /// See [`Action::Evidence`].
    Evidence {
        /// The encoding of the `Evidence` message: `0x` and hexadecimal digits.
        bytes: String,
    },
    /// See [`Action::ClaimRewards`].
    ClaimRewards {
        /// Its address.
        validator: Address,
    },
    /// See [`Action::Deploy`].
    Deploy {
        /// `0x` and hexadecimal digits.
        #[serde(with = "digits")]
        code: Bytes,
        /// `0x` and hexadecimal digits.
        #[serde(with = "digits", default)]
        input: Bytes,
        /// Whether the code can be replaced.
        upgradable: bool,
        /// Base units.
        value: Amount,
    },
    /// See [`Action::Call`].
    Call {
        /// Its address.
        contract: Address,
        /// `0x` and hexadecimal digits.
        #[serde(with = "digits", default)]
        input: Bytes,
        /// Base units.
        value: Amount,
    },
    /// See [`Action::Upgrade`].
    Upgrade {
        /// Its address.
        contract: Address,
        /// `0x` and hexadecimal digits.
        #[serde(with = "digits")]
        code: Bytes,
        /// `0x` and hexadecimal digits.
        #[serde(with = "digits", default)]
        input: Bytes,
    },
    /// See [`Action::SetAdmin`].
    SetAdmin {
        /// Its address.
        contract: Address,
        /// Absent: nobody, for ever.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        admin: Option<Address>,
    },
}

/// Bytes as `0x` and an even number of hexadecimal digits.
mod digits {
    use bytes::Bytes;
    use serde::{Deserialize as _, Deserializer, Serializer, de::Error as _};

    pub fn serialize<S: Serializer>(bytes: &Bytes, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&format!("0x{}", hex::encode(bytes)))
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Bytes, D::Error> {
        let text = String::deserialize(deserializer)?;
        let digits = text
            .strip_prefix("0x")
            .and_then(|digits| hex::decode(digits).ok());
        let bytes = digits
            .ok_or_else(|| D::Error::custom("bytes must be 0x and an even number of hexadecimal digits"))?;
        Ok(bytes.into())
    }
}

/// Evidence in a JSON transaction that is none.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum JsonEvidenceError {
    /// Not hexadecimal.
    #[error("\"bytes\" of evidence must be 0x and an even number of hexadecimal digits")]
    NotHexadecimal,
    /// No strict `Evidence` message.
    #[error(transparent)]
    Decode(#[from] DecodeError),
}

impl JsonAction {
    /// `None`: a transfer, which has its own fields.
    pub fn of(action: &Action) -> Option<Self> {
        Some(match action {
            Action::Transfer { .. } => return None,
            Action::Bond {
                amount,
                commission_basis_points,
            } => Self::Bond {
                amount: *amount,
                commission_basis_points: *commission_basis_points,
            },
            Action::Unbond { amount } => Self::Unbond { amount: *amount },
            Action::Delegate { validator, amount } => Self::Delegate {
                validator: *validator,
                amount: *amount,
            },
            Action::Undelegate { validator, amount } => Self::Undelegate {
                validator: *validator,
                amount: *amount,
            },
            Action::Unjail => Self::Unjail {},
            Action::AuthorityVote { add, remove } => Self::AuthorityVote {
                add: *add,
                remove: *remove,
            },
            Action::Evidence(evidence) => Self::Evidence {
                bytes: format!("0x{}", hex::encode(evidence.encode())),
            },
            Action::ClaimRewards { validator } => Self::ClaimRewards {
                validator: *validator,
            },
            Action::Deploy {
                code,
                input,
                upgradable,
                value,
            } => Self::Deploy {
                code: code.clone(),
                input: input.clone(),
                upgradable: *upgradable,
                value: *value,
            },
            Action::Call {
                contract,
                input,
                value,
            } => Self::Call {
                contract: *contract,
                input: input.clone(),
                value: *value,
            },
            Action::Upgrade {
                contract,
                code,
                input,
            } => Self::Upgrade {
                contract: *contract,
                code: code.clone(),
                input: input.clone(),
            },
            Action::SetAdmin { contract, admin } => Self::SetAdmin {
                contract: *contract,
                admin: *admin,
            },
        })
    }

    /// The action that it names.
    pub fn action(&self) -> Result<Action, JsonEvidenceError> {
        Ok(match self {
            Self::Bond {
                amount,
                commission_basis_points,
            } => Action::Bond {
                amount: *amount,
                commission_basis_points: *commission_basis_points,
            },
            Self::Unbond { amount } => Action::Unbond { amount: *amount },
            Self::Delegate { validator, amount } => Action::Delegate {
                validator: *validator,
                amount: *amount,
            },
            Self::Undelegate { validator, amount } => Action::Undelegate {
                validator: *validator,
                amount: *amount,
            },
            Self::Unjail {} => Action::Unjail,
            Self::AuthorityVote { add, remove } => Action::AuthorityVote {
                add: *add,
                remove: *remove,
            },
            Self::Evidence { bytes } => {
                let digits = bytes
                    .strip_prefix("0x")
                    .ok_or(JsonEvidenceError::NotHexadecimal)?;
                let bytes = hex::decode(digits).map_err(|_| JsonEvidenceError::NotHexadecimal)?;
                Action::Evidence(Box::new(Evidence::decode(&bytes)?))
            }
            Self::ClaimRewards { validator } => Action::ClaimRewards {
                validator: *validator,
            },
            Self::Deploy {
                code,
                input,
                upgradable,
                value,
            } => Action::Deploy {
                code: code.clone(),
                input: input.clone(),
                upgradable: *upgradable,
                value: *value,
            },
            Self::Call {
                contract,
                input,
                value,
            } => Action::Call {
                contract: *contract,
                input: input.clone(),
                value: *value,
            },
            Self::Upgrade {
                contract,
                code,
                input,
            } => Action::Upgrade {
                contract: *contract,
                code: code.clone(),
                input: input.clone(),
            },
            Self::SetAdmin { contract, admin } => Action::SetAdmin {
                contract: *contract,
                admin: *admin,
            },
        })
    }
}

#[cfg(test)]
mod tests {
    use aureon_types::{
        BlockId, GenesisId, SecretKey, SignedVote, Transaction, Vote, VoteKind, action::STAKING_GAS,
    };
    use serde_json::{Value, json};

    use super::*;
    use crate::api::transaction::JsonTransaction;

    const GENESIS: GenesisId = GenesisId([9; 32]);
    const VALIDATOR: Address = Address([2; 20]);

    fn evidence() -> Evidence {
        let key = SecretKey::from_seed([1; 32]);
        let [first, second] = [Some(BlockId([5; 32])), None].map(|block_id| {
            let vote = Vote {
                kind: VoteKind::Precommit,
                height: 3,
                round: 0,
                block_id,
            };
            SignedVote::sign(vote, &key, &GENESIS)
        });
        Evidence::Votes(first, second)
    }

    fn actions() -> Vec<Action> {
        let amount = Amount(7);
        let validator = VALIDATOR;
        let key = SecretKey::from_seed([3; 32]).public_key();
        vec![
            Action::Bond {
                amount,
                commission_basis_points: 250,
            },
            Action::Unbond { amount },
            Action::Delegate { validator, amount },
            Action::Undelegate { validator, amount },
            Action::Unjail,
            Action::AuthorityVote {
                add: Some(key),
                remove: None,
            },
            Action::Evidence(Box::new(evidence())),
            Action::ClaimRewards { validator },
            Action::Deploy {
                code: Bytes::from_static(&[1, 2]),
                input: Bytes::new(),
                upgradable: true,
                value: amount,
            },
            Action::Call {
                contract: validator,
                input: Bytes::from_static(&[3]),
                value: amount,
            },
            Action::Upgrade {
                contract: validator,
                code: Bytes::from_static(&[1, 2]),
                input: Bytes::new(),
            },
            Action::SetAdmin {
                contract: validator,
                admin: None,
            },
            Action::SetAdmin {
                contract: validator,
                admin: Some(validator),
            },
        ]
    }

    fn json_of(action: Action) -> (Value, aureon_types::SignedTransaction) {
        let key = SecretKey::from_seed([1; 32]);
        let transaction = Transaction {
            network: GENESIS.network_hint(),
            public_key: key.public_key(),
            nonce: 0,
            gas_limit: STAKING_GAS,
            gas_price: 1,
            last_valid_height: None,
            action,
        };
        let signed = transaction.sign(&key, &GENESIS);
        (
            serde_json::to_value(JsonTransaction::of(&signed)).unwrap(),
            signed,
        )
    }

    fn rebuilt(json: Value) -> Result<aureon_types::SignedTransaction, String> {
        let json: JsonTransaction = serde_json::from_value(json).map_err(|error| error.to_string())?;
        json.rebuild(&GENESIS).map_err(|error| error.to_string())
    }

    #[test]
    fn every_action_keeps_its_signed_bytes_and_has_its_own_name() {
        for action in actions() {
            let name = action.name();
            let (json, signed) = json_of(action);
            let fields: Vec<&String> = json["action"].as_object().unwrap().keys().collect();
            assert_eq!(fields, [name]);
            assert_eq!((json.get("to"), json.get("amount")), (None, None));
            assert_eq!(rebuilt(json), Ok(signed), "{name}");
        }
    }

    #[test]
    fn what_is_wrong_is_named() {
        let (good, _) = json_of(Action::Unjail);
        for (field, value, expected) in [
            ("action", Value::Null, "every other transaction has \"action\""),
            ("to", json!(VALIDATOR), "every other transaction has \"action\""),
            ("action", json!({"bnod": {}}), "unknown variant `bnod`"),
            (
                "action",
                json!({"bond": {"amount": 1}}),
                "commission_basis_points",
            ),
            (
                "action",
                json!({"unbond": {"amount": 1, "x": 1}}),
                "unknown field `x`",
            ),
            ("action", json!({"unbond": {"amount": -1}}), "base units"),
            ("action", json!({"authority_vote": {}}), "neither a key to add"),
            ("action", json!({"evidence": {"bytes": "12"}}), "hexadecimal"),
            ("action", json!({"evidence": {"bytes": "0x1"}}), "hexadecimal"),
            ("action", json!({"evidence": {"bytes": "0x12"}}), "evidence"),
            (
                "action",
                json!({"call": {"contract": VALIDATOR, "input": "12", "value": 1}}),
                "hexadecimal",
            ),
            (
                "action",
                json!({"upgrade": {"contract": VALIDATOR, "code": "0x"}}),
                "empty",
            ),
        ] {
            let mut json = good.clone();
            json[field] = value.clone();
            let error = rebuilt(json).unwrap_err();
            assert!(error.contains(expected), "{value}: {error}");
        }
    }
}
