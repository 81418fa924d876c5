//! The JSON form of every action that is not a transfer.

use aureon_types::{Action, Address, Amount, DecodeError, Evidence, PublicKey};
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
        })
    }
}
