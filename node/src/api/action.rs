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
mod tests;
