//! What the API answers about validators, delegations and authorities.

use aureon_types::{Address, Amount, Evidence, PublicKey};
use serde::{Deserialize, Serialize};

/// `GET /validators`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ValidatorsView {
    /// The block after which this is true.
    pub height: u64,
    /// "pos" or "poa".
    pub engine: String,
    /// The epoch of the next block.
    pub epoch: EpochView,
    /// Power of the set that decides the next block.
    pub total_power: u64,
    /// Whether the set of the next epoch is known: from the last but one block of an epoch on.
    pub next_known: bool,
    /// Everybody who is in the set, will be, or (under proof of stake) has stake; the strongest first.
    pub validators: Vec<ValidatorEntry>,
}

/// A run of heights with one set of validators.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EpochView {
    /// From 0.
    pub number: u64,
    /// Its first height.
    pub first: u64,
    /// Its last height.
    pub last: u64,
}

/// Where a validator stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Standing {
    /// It decides the next block, and nothing says that it will not decide those of the next epoch.
    Active,
    /// It will be in the set of the next epoch, and is not in this one's.
    Joining,
    /// It is in the set, and will not be in that of the next epoch.
    Leaving,
    /// It is out for a time: it contradicted itself or was absent.
    Jailed,
    /// Its operator has taken its own stake back.
    Retired,
    /// It is not in the set: its stake is too low, or it waits for an epoch's end.
    Waiting,
}

impl Standing {
    /// As in JSON.
    pub fn name(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Joining => "joining",
            Self::Leaving => "leaving",
            Self::Jailed => "jailed",
            Self::Retired => "retired",
            Self::Waiting => "waiting",
        }
    }
}

/// One of them; also the answer to `GET /validators/{address}`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ValidatorEntry {
    /// Address of its key.
    pub address: Address,
    /// Its key.
    pub public_key: PublicKey,
    /// Where it stands.
    pub status: Standing,
    /// Its power in the set that decides the next block; 0 outside.
    pub power: u64,
    /// Its power in the set of the next epoch; absent while that is not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_power: Option<u64>,
    /// What only proof of stake has.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stake: Option<StakeView>,
}

/// A validator's stake.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StakeView {
    /// Base units, its delegators' included.
    pub tokens: Amount,
    /// What it keeps of its delegators' rewards, in hundredths of a percent.
    pub commission_basis_points: u32,
    /// Rewards of itself and its delegators that wait to be claimed.
    pub unpaid_rewards: Amount,
    /// The last epoch of its jail; from the next one on it may be unjailed. Absent: it is free.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub jailed_until_epoch: Option<u64>,
    /// Blocks of this epoch without its precommit.
    pub missed_blocks: u64,
    /// So many may be missed; one more, and it is jailed at the end of the epoch.
    pub missed_blocks_allowed: u64,
}

/// `GET /delegations/{address}`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DelegationsView {
    /// Whose.
    pub address: Address,
    /// The block after which this is true.
    pub height: u64,
    /// Stake with validators, its own included if it is one.
    pub delegations: Vec<DelegationView>,
    /// Stake on its way back, the next to return first.
    pub unbondings: Vec<UnbondingView>,
}

/// Stake with one validator.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DelegationView {
    /// With whom.
    pub validator: Address,
    /// What it is worth now.
    pub stake: Amount,
    /// What a claim would pay now.
    pub pending_rewards: Amount,
}

/// Stake that returns.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct UnbondingView {
    /// From whom.
    pub validator: Address,
    /// What it is worth now; a slash can still lower it.
    pub amount: Amount,
    /// The block with which it is in the account, at the latest.
    pub release_height: u64,
}

/// `GET /authorities`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuthoritiesView {
    /// The block after which this is true.
    pub height: u64,
    /// As the votes have made them; the set follows at the next epoch.
    pub authorities: Vec<AuthorityEntry>,
    /// Changes that can be voted for now, the oldest first.
    pub votes: Vec<OpenVoteView>,
}

/// An authority.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuthorityEntry {
    /// Address of its key.
    pub address: Address,
    /// Its key.
    pub public_key: PublicKey,
}

/// A change of the authorities that is being voted on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OpenVoteView {
    /// Would become an authority.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub add: Option<PublicKey>,
    /// Would be one no longer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remove: Option<PublicKey>,
    /// Who voted for it.
    pub voters: Vec<Address>,
    /// Votes that it needs.
    pub needed: usize,
    /// The last height at which it can be voted for.
    pub expires: u64,
}

/// An entry of `GET /evidence`: a contradiction that nobody was punished for yet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EvidenceView {
    /// Who contradicted itself.
    pub offender: Address,
    /// At which height.
    pub height: u64,
    /// In which round.
    pub round: u32,
    /// The encoding of the `aureon.v1.Evidence` message: `0x` and hexadecimal digits, as `aureon-node
    /// evidence submit` takes it.
    pub bytes: String,
}

impl EvidenceView {
    /// The view of a contradiction.
    pub fn of(evidence: &Evidence) -> Self {
        Self {
            offender: evidence.offender(),
            height: evidence.height(),
            round: evidence.round(),
            bytes: format!("0x{}", hex::encode(evidence.encode())),
        }
    }
}
