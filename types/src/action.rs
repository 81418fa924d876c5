//! What a transaction does, and what it costs.

use aureon_proto::v1 as proto;
use bytes::Bytes;

use crate::{Address, Amount, DecodeError, Evidence, PublicKey, strict};

const WHAT: &str = "transaction";

/// Gas of a transfer. A transfer does the same work whatever its accounts hold.
pub const TRANSFER_GAS: u64 = 21_000;
/// Gas of every staking action and of an authority's vote: a few records of the system account.
pub const STAKING_GAS: u64 = 60_000;
/// Gas of evidence: two signatures, and the records of everybody who is punished.
pub const EVIDENCE_GAS: u64 = 120_000;

/// What a transaction does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Moves base units to another account (or to the sender itself).
    Transfer {
        /// Who receives.
        recipient: Address,
        /// How much; zero is allowed.
        amount: Amount,
    },
    /// Makes the sender a validator, or adds to its stake. Proof of stake.
    Bond {
        /// Above zero; the stake then must reach the genesis minimum.
        amount: Amount,
        /// What it keeps of its delegators' rewards, in hundredths of a percent (0 to 10,000). Fixed
        /// by the first bond; later bonds must repeat it.
        commission_basis_points: u32,
    },
    /// Takes back stake that the sender bonded itself, after the unbonding period. Proof of stake.
    Unbond {
        /// Above zero.
        amount: Amount,
    },
    /// Lends stake to a validator. Proof of stake.
    Delegate {
        /// The validator.
        validator: Address,
        /// Above zero.
        amount: Amount,
    },
    /// Takes back what the sender delegated, after the unbonding period. Proof of stake.
    Undelegate {
        /// The validator.
        validator: Address,
        /// Above zero.
        amount: Amount,
    },
    /// Ends the sender's jail when its time is over. Proof of stake.
    Unjail,
    /// An authority's vote to add a key, to remove one, or to replace one by another. At least one is
    /// there, and they differ. Proof of authority.
    AuthorityVote {
        /// Becomes an authority.
        add: Option<PublicKey>,
        /// Ceases to be one.
        remove: Option<PublicKey>,
    },
    /// Proves that a validator contradicted itself. Proof of stake and proof of authority.
    Evidence(Box<Evidence>),
    /// Pays the sender what its delegation has earned. Proof of stake.
    ClaimRewards {
        /// To whom it delegated; itself for a validator's own stake.
        validator: Address,
    },
}

impl Action {
    /// Base units that the action moves away from the sender, beside the fee.
    pub fn amount(&self) -> Amount {
        match self {
            Self::Transfer { amount, .. } | Self::Bond { amount, .. } | Self::Delegate { amount, .. } => {
                *amount
            }
            Self::Unbond { .. }
            | Self::Undelegate { .. }
            | Self::Unjail
            | Self::AuthorityVote { .. }
            | Self::Evidence(_)
            | Self::ClaimRewards { .. } => Amount::ZERO,
        }
    }

    /// Gas that it uses, whatever the accounts hold.
    pub fn gas(&self) -> u64 {
        match self {
            Self::Transfer { .. } => TRANSFER_GAS,
            Self::Evidence(_) => EVIDENCE_GAS,
            Self::Bond { .. }
            | Self::Unbond { .. }
            | Self::Delegate { .. }
            | Self::Undelegate { .. }
            | Self::Unjail
            | Self::AuthorityVote { .. }
            | Self::ClaimRewards { .. } => STAKING_GAS,
        }
    }

    /// A word for people: `transfer`, `bond`, `authority_vote`, ...
    pub fn name(&self) -> &'static str {
        match self {
            Self::Transfer { .. } => "transfer",
            Self::Bond { .. } => "bond",
            Self::Unbond { .. } => "unbond",
            Self::Delegate { .. } => "delegate",
            Self::Undelegate { .. } => "undelegate",
            Self::Unjail => "unjail",
            Self::AuthorityVote { .. } => "authority_vote",
            Self::Evidence(_) => "evidence",
            Self::ClaimRewards { .. } => "claim_rewards",
        }
    }

    pub(crate) fn to_proto(&self) -> proto::transaction::Action {
        use proto::transaction::Action as Wire;
        match self {
            Self::Transfer { recipient, amount } => Wire::Transfer(proto::Transfer {
                recipient: Some(bytes(&recipient.0)),
                amount: Some(amount.0),
            }),
            Self::Bond {
                amount,
                commission_basis_points,
            } => Wire::Bond(proto::Bond {
                amount: Some(amount.0),
                commission_basis_points: Some(*commission_basis_points),
            }),
            Self::Unbond { amount } => Wire::Unbond(proto::Unbond {
                amount: Some(amount.0),
            }),
            Self::Delegate { validator, amount } => Wire::Delegate(proto::Delegate {
                validator: Some(bytes(&validator.0)),
                amount: Some(amount.0),
            }),
            Self::Undelegate { validator, amount } => Wire::Undelegate(proto::Undelegate {
                validator: Some(bytes(&validator.0)),
                amount: Some(amount.0),
            }),
            Self::Unjail => Wire::Unjail(proto::Unjail {}),
            Self::AuthorityVote { add, remove } => Wire::AuthorityVote(proto::AuthorityVote {
                add: add.map(|key| bytes(&key.0)),
                remove: remove.map(|key| bytes(&key.0)),
            }),
            Self::Evidence(evidence) => Wire::Evidence(evidence.to_proto()),
            Self::ClaimRewards { validator } => Wire::ClaimRewards(proto::ClaimRewards {
                validator: Some(bytes(&validator.0)),
            }),
        }
    }

    pub(crate) fn from_proto(message: proto::transaction::Action) -> Result<Self, DecodeError> {
        use proto::transaction::Action as Wire;
        Ok(match message {
            Wire::Transfer(transfer) => Self::Transfer {
                recipient: address("transfer.recipient", transfer.recipient)?,
                amount: amount("transfer.amount", transfer.amount)?,
            },
            Wire::Bond(bond) => Self::Bond {
                amount: amount("bond.amount", bond.amount)?,
                commission_basis_points: strict::required(
                    WHAT,
                    "bond.commission_basis_points",
                    bond.commission_basis_points,
                )?,
            },
            Wire::Unbond(unbond) => Self::Unbond {
                amount: amount("unbond.amount", unbond.amount)?,
            },
            Wire::Delegate(delegate) => Self::Delegate {
                validator: address("delegate.validator", delegate.validator)?,
                amount: amount("delegate.amount", delegate.amount)?,
            },
            Wire::Undelegate(undelegate) => Self::Undelegate {
                validator: address("undelegate.validator", undelegate.validator)?,
                amount: amount("undelegate.amount", undelegate.amount)?,
            },
            Wire::Unjail(proto::Unjail {}) => Self::Unjail,
            Wire::AuthorityVote(vote) => authority_vote(vote)?,
            Wire::Evidence(evidence) => Self::Evidence(Box::new(Evidence::from_proto(&evidence)?)),
            Wire::ClaimRewards(claim) => Self::ClaimRewards {
                validator: address("claim_rewards.validator", claim.validator)?,
            },
        })
    }
}

fn bytes(bytes: &[u8]) -> Bytes {
    Bytes::copy_from_slice(bytes)
}

fn address(field: &'static str, value: Option<Bytes>) -> Result<Address, DecodeError> {
    strict::required_bytes(WHAT, field, value).map(Address)
}

fn amount(field: &'static str, value: Option<u64>) -> Result<Amount, DecodeError> {
    strict::required(WHAT, field, value).map(Amount)
}

fn authority_vote(vote: proto::AuthorityVote) -> Result<Action, DecodeError> {
    let key = |field, value: Option<Bytes>| {
        value
            .map(|bytes| strict::required_bytes(WHAT, field, Some(bytes)).map(PublicKey))
            .transpose()
    };
    let add = key("authority_vote.add", vote.add)?;
    let remove = key("authority_vote.remove", vote.remove)?;
    if add == remove {
        let reason = match add {
            None => "it names neither a key to add nor one to remove".to_owned(),
            Some(key) => format!("it adds and removes the same key, {key}"),
        };
        return Err(DecodeError::Invalid {
            what: WHAT,
            field: "authority_vote",
            reason,
        });
    }
    Ok(Action::AuthorityVote { add, remove })
}

#[cfg(test)]
mod tests;
