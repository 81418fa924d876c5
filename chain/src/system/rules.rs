//! What a network's genesis says about the system account, and what a block's lineage adds.

use aureon_consensus::Epoch;
use aureon_types::{
    ValidatorSet,
    genesis::{PoaParameters, PosParameters},
};

/// Epochs for which evidence against an authority is taken. Nothing is staked there, so nothing has to
/// be held back: the record is what the other authorities vote by.
pub const AUTHORITY_EVIDENCE_EPOCHS: u64 = 2;

/// Which engine's rules a block is executed by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Rules {
    /// Proof of work: the system account is empty.
    Work,
    /// Proof of stake.
    Stake(StakeRules, Voting),
    /// Proof of authority.
    Authority(AuthorityRules, Voting),
}

/// Who decides the height of a block, and who was absent below.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Voting {
    /// The epoch of the block.
    pub epoch: Epoch,
    /// Positions in the set of the parent's height of those whose precommit is not in the certificate
    /// that the block carries; sorted. Empty for the first block.
    pub absent: Vec<u16>,
}

/// Proof of stake, without the validators that it began with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StakeRules {
    /// Base units that a validator must have.
    pub min_stake: u64,
    /// Heights of an epoch.
    pub epoch_blocks: u64,
    /// Whole epochs between the epoch in which stake is taken back and its return.
    pub unbonding_epochs: u64,
    /// Most validators of an epoch.
    pub max_validators: usize,
    /// Share of the stake that an offence costs, in hundredths of a percent.
    pub slash_basis_points: u32,
    /// Share of an epoch's blocks that may be missed, in hundredths of a percent.
    pub max_missed_basis_points: u32,
    /// Epochs in jail.
    pub jail_epochs: u64,
}

/// Proof of authority, without the authorities that it began with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AuthorityRules {
    /// Heights of an epoch.
    pub epoch_blocks: u64,
    /// Heights for which a vote counts.
    pub vote_expiry_blocks: u64,
}

impl StakeRules {
    /// Of a genesis.
    pub fn new(parameters: &PosParameters) -> Self {
        Self {
            min_stake: parameters.min_stake,
            epoch_blocks: parameters.epoch_blocks,
            unbonding_epochs: parameters.unbonding_epochs,
            max_validators: usize::try_from(parameters.max_validators).unwrap_or(usize::MAX),
            slash_basis_points: parameters.slash_basis_points,
            max_missed_basis_points: parameters.max_missed_basis_points,
            jail_epochs: parameters.jail_epochs,
        }
    }

    /// At the end of which epoch stake returns that is taken back in the block at `height`: the
    /// unbonding period after the last epoch whose set may still count on it. That is the epoch of the
    /// *next* height: in the last block of an epoch the set of the next one is fixed already.
    pub fn release_epoch(&self, height: u64) -> u64 {
        epoch_of(height.saturating_add(1), self.epoch_blocks).saturating_add(self.unbonding_epochs)
    }
}

impl AuthorityRules {
    /// Of a genesis.
    pub fn new(parameters: &PoaParameters) -> Self {
        Self {
            epoch_blocks: parameters.epoch_blocks,
            vote_expiry_blocks: parameters.vote_expiry_blocks,
        }
    }
}

impl Rules {
    /// For how many epochs after its own an offence is punished. The epochs' records are kept as long.
    pub fn evidence_epochs(&self) -> u64 {
        match self {
            Self::Work => 0,
            Self::Stake(rules, _) => rules.unbonding_epochs,
            Self::Authority(..) => AUTHORITY_EVIDENCE_EPOCHS,
        }
    }

    /// Under the voting engines: who decides, and who was absent.
    pub fn voting(&self) -> Option<&Voting> {
        match self {
            Self::Work => None,
            Self::Stake(_, voting) | Self::Authority(_, voting) => Some(voting),
        }
    }
}

impl Voting {
    /// From the set of the parent's height and the signers of its certificate, who are in it.
    pub fn new(epoch: Epoch, previous: &ValidatorSet, signers: &[aureon_types::Address]) -> Self {
        let signed = |address| signers.binary_search(address).is_ok();
        let absent = (0_u16..)
            .zip(previous.iter())
            .filter(|(_, validator)| !signed(&validator.address))
            .map(|(position, _)| position)
            .collect();
        Self { epoch, absent }
    }
}

/// The epoch of a height: 0 holds the heights 1 to `epoch_blocks`. The genesis counts as epoch 0.
pub(super) fn epoch_of(height: u64, epoch_blocks: u64) -> u64 {
    height.saturating_sub(1).checked_div(epoch_blocks).unwrap_or(0)
}
