//! The JSON form of every action that is not a transfer.

use aureon_types::{Action, Address, Amount, DecodeError, Evidence, PublicKey};
use serde::{Deserialize, Serialize};

use super::hex_bytes::HexBytes;

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
        /// The WebAssembly module: `0x` and hexadecimal digits.
        code: HexBytes,
        /// For the constructor; absent: empty.
        #[serde(default)]
        input: HexBytes,
        /// Whether its admin can replace the code later; absent: no.
        #[serde(default)]
        upgradable: bool,
        /// Base units that move to the contract; absent: none.
        #[serde(default)]
        value: Amount,
    },
    /// See [`Action::Call`].
    Call {
        /// Which contract.
        contract: Address,
        /// Absent: empty.
        #[serde(default)]
        input: HexBytes,
        /// Base units that move to the contract; absent: none.
        #[serde(default)]
        value: Amount,
    },
    /// See [`Action::Upgrade`].
    Upgrade {
        /// Which contract.
        contract: Address,
        /// The WebAssembly module: `0x` and hexadecimal digits.
        code: HexBytes,
        /// For `migrate`; absent: empty.
        #[serde(default)]
        input: HexBytes,
    },
    /// See [`Action::SetAdmin`].
    SetAdmin {
        /// Which contract.
        contract: Address,
        /// `null` or absent: nobody, for ever.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        admin: Option<Address>,
    },
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
                code: HexBytes(code.clone()),
                input: HexBytes(input.clone()),
                upgradable: *upgradable,
                value: *value,
            },
            Action::Call {
                contract,
                input,
                value,
            } => Self::Call {
                contract: *contract,
                input: HexBytes(input.clone()),
                value: *value,
            },
            Action::Upgrade {
                contract,
                code,
                input,
            } => Self::Upgrade {
                contract: *contract,
                code: HexBytes(code.clone()),
                input: HexBytes(input.clone()),
            },
            Action::SetAdmin { contract, admin } => Self::SetAdmin {
                contract: *contract,
                admin: *admin,
            },
        })
    }

    /// Its name, which is that of its field.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Bond { .. } => "bond",
            Self::Unbond { .. } => "unbond",
            Self::Delegate { .. } => "delegate",
            Self::Undelegate { .. } => "undelegate",
            Self::Unjail {} => "unjail",
            Self::AuthorityVote { .. } => "authority_vote",
            Self::Evidence { .. } => "evidence",
            Self::ClaimRewards { .. } => "claim_rewards",
            Self::Deploy { .. } => "deploy",
            Self::Call { .. } => "call",
            Self::Upgrade { .. } => "upgrade",
            Self::SetAdmin { .. } => "set_admin",
        }
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
                code: code.0.clone(),
                input: input.0.clone(),
                upgradable: *upgradable,
                value: *value,
            },
            Self::Call {
                contract,
                input,
                value,
            } => Action::Call {
                contract: *contract,
                input: input.0.clone(),
                value: *value,
            },
            Self::Upgrade {
                contract,
                code,
                input,
            } => Action::Upgrade {
                contract: *contract,
                code: code.0.clone(),
                input: input.0.clone(),
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
    use bytes::Bytes;
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
                code: Bytes::from_static(b"\0asm"),
                input: Bytes::from_static(b"x"),
                upgradable: true,
                value: amount,
            },
            Action::Call {
                contract: validator,
                input: Bytes::new(),
                value: amount,
            },
            Action::Upgrade {
                contract: validator,
                code: Bytes::from_static(b"\0asm"),
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
                json!({"call": {"contract": VALIDATOR, "input": "12", "value": 1}}),
                "hexadecimal",
            ),
            (
                "action",
                json!({"upgrade": {"contract": VALIDATOR, "code": "0x"}}),
                "empty",
            ),
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
        ] {
            let mut json = good.clone();
            json[field] = value.clone();
            let error = rebuilt(json).unwrap_err();
            assert!(error.contains(expected), "{value}: {error}");
        }
    }
}
