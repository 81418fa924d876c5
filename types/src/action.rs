//! What a transaction does, and what it costs.

use aureon_proto::v1 as proto;
use bytes::Bytes;

use crate::{
    Address, Amount, DecodeError, Evidence, PublicKey,
    limits::{MAX_CALL_INPUT_BYTES, MAX_CODE_BYTES},
    strict,
};

mod debug;

const WHAT: &str = "transaction";

/// Gas of a transfer. A transfer does the same work whatever its accounts hold.
pub const TRANSFER_GAS: u64 = 21_000;
/// Gas of every other staking action: a few records of the system account.
pub const STAKING_GAS: u64 = 60_000;
/// Gas of a bond: the list of candidates, and those whom a newcomer is compared with.
pub const BOND_GAS: u64 = 100_000;
/// Gas of an authority's vote: the lists of all authorities and of all open ballots.
pub const VOTE_GAS: u64 = 150_000;
/// Gas of evidence: two signatures, the record of an epoch, and every pool of stake on its way back that
/// is slashed. Measured beside a transfer at its worst (`cargo bench -p aureon-chain`).
pub const EVIDENCE_GAS: u64 = 2_000_000;
/// Gas of a call to a contract, beside its input and what the contract uses.
pub const CALL_GAS: u64 = 21_000;
/// Gas of a deployment or an upgrade, beside code, input and what the contract uses.
pub const DEPLOY_GAS: u64 = 32_000;
/// Gas of each byte of code: it is compiled by every node, and kept for ever.
pub const CODE_BYTE_GAS: u64 = 200;
/// Gas of each byte of a contract's input.
pub const INPUT_BYTE_GAS: u64 = 16;
/// Gas of naming another admin.
pub const SET_ADMIN_GAS: u64 = 30_000;

/// What a transaction does.
#[derive(Clone, PartialEq, Eq)]
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
    /// Makes a contract and runs its constructor. See [`crate::contract::address`].
    Deploy {
        /// A WebAssembly module, 1 to [`MAX_CODE_BYTES`].
        code: Bytes,
        /// For the constructor; at most [`MAX_CALL_INPUT_BYTES`].
        input: Bytes,
        /// Whether the sender, as its admin, can replace the code later.
        upgradable: bool,
        /// Moves to the contract.
        value: Amount,
    },
    /// Calls a contract.
    Call {
        /// Which.
        contract: Address,
        /// At most [`MAX_CALL_INPUT_BYTES`].
        input: Bytes,
        /// Moves to the contract.
        value: Amount,
    },
    /// Replaces the code of an upgradable contract, and runs the new code's `migrate`. By its admin.
    Upgrade {
        /// Which.
        contract: Address,
        /// A WebAssembly module, 1 to [`MAX_CODE_BYTES`].
        code: Bytes,
        /// For `migrate`; at most [`MAX_CALL_INPUT_BYTES`].
        input: Bytes,
    },
    /// Names another admin of a contract. By its admin.
    SetAdmin {
        /// Which.
        contract: Address,
        /// `None`: nobody, for ever.
        admin: Option<Address>,
    },
}

impl Action {
    /// Base units that the action moves away from the sender, beside the fee.
    pub fn amount(&self) -> Amount {
        match self {
            Self::Transfer { amount, .. } | Self::Bond { amount, .. } | Self::Delegate { amount, .. } => {
                *amount
            }
            Self::Deploy { value, .. } | Self::Call { value, .. } => *value,
            Self::Unbond { .. }
            | Self::Undelegate { .. }
            | Self::Unjail
            | Self::AuthorityVote { .. }
            | Self::Evidence(_)
            | Self::ClaimRewards { .. }
            | Self::Upgrade { .. }
            | Self::SetAdmin { .. } => Amount::ZERO,
        }
    }

    /// Gas that it uses, whatever the accounts hold: all of it, except for a contract's deployment, call
    /// and upgrade. There it is what they use before the contract begins, and the contract is metered.
    pub fn gas(&self) -> u64 {
        match self {
            Self::Transfer { .. } => TRANSFER_GAS,
            Self::Evidence(_) => EVIDENCE_GAS,
            Self::AuthorityVote { .. } => VOTE_GAS,
            Self::Bond { .. } => BOND_GAS,
            Self::Unbond { .. }
            | Self::Delegate { .. }
            | Self::Undelegate { .. }
            | Self::Unjail
            | Self::ClaimRewards { .. } => STAKING_GAS,
            Self::Deploy { code, input, .. } | Self::Upgrade { code, input, .. } => {
                let code = CODE_BYTE_GAS.saturating_mul(length(code));
                DEPLOY_GAS.saturating_add(code).saturating_add(input_gas(input))
            }
            Self::Call { input, .. } => CALL_GAS.saturating_add(input_gas(input)),
            Self::SetAdmin { .. } => SET_ADMIN_GAS,
        }
    }

    /// Whether it may run a contract's code, so that its gas is known only afterwards.
    pub fn is_contract(&self) -> bool {
        matches!(
            self,
            Self::Deploy { .. } | Self::Call { .. } | Self::Upgrade { .. } | Self::SetAdmin { .. }
        )
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
            Self::Deploy { .. } => "deploy",
            Self::Call { .. } => "call",
            Self::Upgrade { .. } => "upgrade",
            Self::SetAdmin { .. } => "set_admin",
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
            Self::Deploy {
                code,
                input,
                upgradable,
                value,
            } => Wire::Deploy(proto::Deploy {
                code: Some(code.clone()),
                input: Some(input.clone()),
                upgradable: Some(*upgradable),
                value: Some(value.0),
            }),
            Self::Call {
                contract,
                input,
                value,
            } => Wire::Call(proto::Call {
                contract: Some(bytes(&contract.0)),
                input: Some(input.clone()),
                value: Some(value.0),
            }),
            Self::Upgrade {
                contract,
                code,
                input,
            } => Wire::Upgrade(proto::Upgrade {
                contract: Some(bytes(&contract.0)),
                code: Some(code.clone()),
                input: Some(input.clone()),
            }),
            Self::SetAdmin { contract, admin } => Wire::SetAdmin(proto::SetAdmin {
                contract: Some(bytes(&contract.0)),
                admin: admin.map(|admin| bytes(&admin.0)),
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
            Wire::Deploy(deploy) => Self::Deploy {
                code: code("deploy.code", deploy.code)?,
                input: input("deploy.input", deploy.input)?,
                upgradable: strict::required(WHAT, "deploy.upgradable", deploy.upgradable)?,
                value: amount("deploy.value", deploy.value)?,
            },
            Wire::Call(call) => Self::Call {
                contract: address("call.contract", call.contract)?,
                input: input("call.input", call.input)?,
                value: amount("call.value", call.value)?,
            },
            Wire::Upgrade(upgrade) => Self::Upgrade {
                contract: address("upgrade.contract", upgrade.contract)?,
                code: code("upgrade.code", upgrade.code)?,
                input: input("upgrade.input", upgrade.input)?,
            },
            Wire::SetAdmin(change) => Self::SetAdmin {
                contract: address("set_admin.contract", change.contract)?,
                admin: change
                    .admin
                    .map(|admin| address("set_admin.admin", Some(admin)))
                    .transpose()?,
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

fn length(bytes: &Bytes) -> u64 {
    u64::try_from(bytes.len()).unwrap_or(u64::MAX)
}

fn input_gas(input: &Bytes) -> u64 {
    INPUT_BYTE_GAS.saturating_mul(length(input))
}

fn code(field: &'static str, value: Option<Bytes>) -> Result<Bytes, DecodeError> {
    let code = strict::required(WHAT, field, value)?;
    if code.is_empty() {
        return Err(DecodeError::Invalid {
            what: WHAT,
            field,
            reason: "it is empty".to_owned(),
        });
    }
    strict::at_most("code of a contract", code.len(), MAX_CODE_BYTES)?;
    Ok(code)
}

fn input(field: &'static str, value: Option<Bytes>) -> Result<Bytes, DecodeError> {
    let input = strict::required(WHAT, field, value)?;
    strict::at_most("input of a contract", input.len(), MAX_CALL_INPUT_BYTES)?;
    Ok(input)
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
