//! Why the rules of the chain refused a transaction that was understood.

use std::borrow::Cow;

use aureon_proto::v1 as proto;

/// Which rule refused. What `value` and `limit` of the failure mean is said with each; they are 0 where
/// nothing is said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RefusalCode {
    /// The network's engine does not know such an action.
    WrongEngine,
    /// Nobody can send to the system account.
    SystemAccount,
    /// An amount above zero is needed.
    AmountZero,
    /// There is no such validator; or, for unbond and unjail, the sender is none.
    NotAValidator,
    /// The stake would be `value`, below the minimum `limit`.
    BelowMinimumStake,
    /// There are `value` candidates; at most `limit` are kept.
    TooManyValidators,
    /// `value` withdrawals of the sender end in that epoch already; at most `limit` may.
    TooManyUnbondings,
    /// The commission is `value` basis points; at most `limit` are allowed.
    CommissionTooHigh,
    /// The commission named is `value` basis points, the validator's is `limit` for good.
    CommissionFixed,
    /// The sender is not in jail.
    NotJailed,
    /// It is epoch `value`; the jail ends with epoch `limit`.
    StillJailed,
    /// The sender has delegated nothing to this validator.
    NoDelegation,
    /// `value` base units were asked back; `limit` are there.
    StakeGone,
    /// No reward is waiting.
    NothingToClaim,
    /// The sender is no authority.
    NotAnAuthority,
    /// The last authority cannot be removed.
    LastAuthority,
    /// There would be `value` authorities; at most `limit` are allowed.
    TooManyAuthorities,
    /// The key to add is an authority already.
    AlreadyAuthority,
    /// The key to remove is no authority.
    UnknownAuthority,
    /// The sender's vote for this change counts already, until height `limit`.
    AlreadyVoted,
    /// `value` changes are being voted on, by the sender's proposal or in all; at most `limit` may.
    TooManyVotes,
    /// It does not prove that a validator of its height contradicted itself.
    EvidenceInvalid,
    /// The offence was at height `value`; the oldest that can be punished is `limit`.
    EvidenceTooOld,
    /// This validator was punished for height `value` already.
    AlreadyPunished,
    /// The validator is in jail until the end of epoch `limit`.
    Jailed,
    /// The key is no usable Ed25519 public key (it is of small order).
    KeyRefused,
    /// The recipient is a contract: it receives with a call only.
    ContractAccount,
    /// There is no contract at the address.
    NotAContract,
    /// The contract was not deployed upgradable.
    NotUpgradable,
    /// The sender is not the contract's admin.
    NotTheAdmin,
    /// There is a contract at the address already.
    ContractExists,
    /// So much was slashed of what returns from this validator at the end of epoch `value` that nothing
    /// can join it.
    UnbondingSlashed,
}

impl RefusalCode {
    /// All of them, in the order of their numbers.
    pub const ALL: [Self; 32] = [
        Self::WrongEngine,
        Self::SystemAccount,
        Self::AmountZero,
        Self::NotAValidator,
        Self::BelowMinimumStake,
        Self::TooManyValidators,
        Self::TooManyUnbondings,
        Self::CommissionTooHigh,
        Self::CommissionFixed,
        Self::NotJailed,
        Self::StillJailed,
        Self::NoDelegation,
        Self::StakeGone,
        Self::NothingToClaim,
        Self::NotAnAuthority,
        Self::LastAuthority,
        Self::TooManyAuthorities,
        Self::AlreadyAuthority,
        Self::UnknownAuthority,
        Self::AlreadyVoted,
        Self::TooManyVotes,
        Self::EvidenceInvalid,
        Self::EvidenceTooOld,
        Self::AlreadyPunished,
        Self::Jailed,
        Self::KeyRefused,
        Self::ContractAccount,
        Self::NotAContract,
        Self::NotUpgradable,
        Self::NotTheAdmin,
        Self::ContractExists,
        Self::UnbondingSlashed,
    ];

    /// The number in the schema.
    pub fn to_proto(self) -> i32 {
        let code = match self {
            Self::WrongEngine => proto::RefusalCode::WrongEngine,
            Self::SystemAccount => proto::RefusalCode::SystemAccount,
            Self::AmountZero => proto::RefusalCode::AmountZero,
            Self::NotAValidator => proto::RefusalCode::NotAValidator,
            Self::BelowMinimumStake => proto::RefusalCode::BelowMinimumStake,
            Self::TooManyValidators => proto::RefusalCode::TooManyValidators,
            Self::TooManyUnbondings => proto::RefusalCode::TooManyUnbondings,
            Self::CommissionTooHigh => proto::RefusalCode::CommissionTooHigh,
            Self::CommissionFixed => proto::RefusalCode::CommissionFixed,
            Self::NotJailed => proto::RefusalCode::NotJailed,
            Self::StillJailed => proto::RefusalCode::StillJailed,
            Self::NoDelegation => proto::RefusalCode::NoDelegation,
            Self::StakeGone => proto::RefusalCode::StakeGone,
            Self::NothingToClaim => proto::RefusalCode::NothingToClaim,
            Self::NotAnAuthority => proto::RefusalCode::NotAnAuthority,
            Self::LastAuthority => proto::RefusalCode::LastAuthority,
            Self::TooManyAuthorities => proto::RefusalCode::TooManyAuthorities,
            Self::AlreadyAuthority => proto::RefusalCode::AlreadyAuthority,
            Self::UnknownAuthority => proto::RefusalCode::UnknownAuthority,
            Self::AlreadyVoted => proto::RefusalCode::AlreadyVoted,
            Self::TooManyVotes => proto::RefusalCode::TooManyVotes,
            Self::EvidenceInvalid => proto::RefusalCode::EvidenceInvalid,
            Self::EvidenceTooOld => proto::RefusalCode::EvidenceTooOld,
            Self::AlreadyPunished => proto::RefusalCode::AlreadyPunished,
            Self::Jailed => proto::RefusalCode::Jailed,
            Self::KeyRefused => proto::RefusalCode::KeyRefused,
            Self::ContractAccount => proto::RefusalCode::ContractAccount,
            Self::NotAContract => proto::RefusalCode::NotAContract,
            Self::NotUpgradable => proto::RefusalCode::NotUpgradable,
            Self::NotTheAdmin => proto::RefusalCode::NotTheAdmin,
            Self::ContractExists => proto::RefusalCode::ContractExists,
            Self::UnbondingSlashed => proto::RefusalCode::UnbondingSlashed,
        };
        code.into()
    }

    /// From the number in the schema.
    pub fn from_proto(number: i32) -> Option<Self> {
        Self::ALL.into_iter().find(|code| code.to_proto() == number)
    }

    /// The sentence shown to people.
    pub(crate) fn sentence(self, value: u64, limit: u64) -> Cow<'static, str> {
        match self {
            Self::WrongEngine => "the engine of this network does not know this action".into(),
            Self::SystemAccount => "nobody can send to the system account".into(),
            Self::AmountZero => "the amount is zero; at least one base unit is needed".into(),
            Self::NotAValidator => "there is no such validator".into(),
            Self::BelowMinimumStake => format!("the stake would be {value} base units, the minimum of this network is {limit}").into(),
            Self::TooManyValidators => format!("there are {value} candidates already, at most {limit} are kept; try again when one has left").into(),
            Self::TooManyUnbondings => format!("{value} withdrawals of the sender end in that epoch already, at most {limit} may; try again in the next epoch").into(),
            Self::CommissionTooHigh => format!("a commission of {value} basis points is too high; at most {limit} are allowed").into(),
            Self::CommissionFixed => format!("the commission was fixed at {limit} basis points by the first bond, {value} were named now").into(),
            Self::NotJailed => "the sender is not in jail".into(),
            Self::StillJailed => format!("it is epoch {value}, the jail ends with epoch {limit}").into(),
            Self::NoDelegation => "the sender has delegated nothing to this validator".into(),
            Self::StakeGone => format!("{value} base units were asked back, {limit} are there").into(),
            Self::NothingToClaim => "no reward is waiting".into(),
            Self::NotAnAuthority => "the sender is no authority".into(),
            Self::LastAuthority => "the last authority cannot be removed".into(),
            Self::TooManyAuthorities => format!("there would be {value} authorities, at most {limit} are allowed").into(),
            Self::AlreadyAuthority => "the key to add is an authority already".into(),
            Self::UnknownAuthority => "the key to remove is no authority".into(),
            Self::AlreadyVoted => format!("the sender's vote for this change counts already, until height {limit}").into(),
            Self::TooManyVotes => format!("{value} changes are being voted on already, at most {limit} may; try again when one has expired").into(),
            Self::EvidenceInvalid => "the evidence does not prove that a validator of its height contradicted itself".into(),
            Self::EvidenceTooOld => format!("the offence was at height {value}, the oldest that can be punished is at {limit}").into(),
            Self::AlreadyPunished => format!("this validator was punished for height {value} already").into(),
            Self::Jailed => format!("the validator is in jail until the end of epoch {limit}").into(),
            Self::KeyRefused => "the key to add is no usable Ed25519 key: it is of small order".into(),
            Self::ContractAccount => "the recipient is a contract: call it with a value instead of sending to it".into(),
            Self::NotAContract => "there is no contract at the address".into(),
            Self::NotUpgradable => "the contract was not deployed upgradable".into(),
            Self::NotTheAdmin => "the sender is not the contract's admin".into(),
            Self::ContractExists => "there is a contract at the address already".into(),
            Self::UnbondingSlashed => format!("so much was slashed of what returns from this validator at the end of epoch {value} that nothing can join it; try again in the next epoch").into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_numbers_are_pinned_and_come_back() {
        for (number, code) in (1..).zip(RefusalCode::ALL) {
            assert_eq!(code.to_proto(), number, "{code:?}");
            assert_eq!(RefusalCode::from_proto(number), Some(code));
        }
        assert_eq!(RefusalCode::from_proto(0), None);
        assert_eq!(RefusalCode::from_proto(33), None);
    }

    #[test]
    fn sentences_carry_their_numbers() {
        let sentence = RefusalCode::BelowMinimumStake.sentence(3, 4);
        assert_eq!(
            sentence,
            "the stake would be 3 base units, the minimum of this network is 4"
        );
    }
}
