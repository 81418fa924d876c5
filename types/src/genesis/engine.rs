//! Which engine makes the blocks of a network, with what only it needs.

use super::RewardSchedule;
use crate::{Amount, PublicKey, Validator, ValidatorSet, validators::ValidatorSetError};

/// The names of all engines, as in `genesis.json` and `config.toml`.
pub const ENGINE_NAMES: [&str; 3] = ["pow", "pos", "poa"];

/// Block time of proof of work unless the genesis says otherwise, in milliseconds.
pub const DEFAULT_POW_BLOCK_TIME_MS: u64 = 5_000;
/// Block time of proof of stake unless the genesis says otherwise, in milliseconds.
pub const DEFAULT_POS_BLOCK_TIME_MS: u64 = 6_000;
/// Block time of proof of authority unless the genesis says otherwise, in milliseconds.
pub const DEFAULT_POA_BLOCK_TIME_MS: u64 = 1_000;

/// Leading zero bytes of the first target.
pub const DEFAULT_DIFFICULTY: u8 = 3;
/// The half-life of the difficulty adjustment, in block times.
pub const DEFAULT_HALF_LIFE_BLOCKS: u64 = 10;
/// Heights below the head at which a block of proof of work is final.
pub const DEFAULT_FINALITY_DEPTH: u64 = 64;
/// Reward of proof of work: halved after about four years of blocks.
pub const DEFAULT_POW_REWARD: RewardSchedule = RewardSchedule {
    per_block: 1_000_000_000,
    halving_blocks: 25_000_000,
};

/// Least stake of a validator, in base units.
pub const DEFAULT_MIN_STAKE: u64 = 1_000;
/// Heights of an epoch of proof of stake.
pub const DEFAULT_POS_EPOCH_BLOCKS: u64 = 100;
/// Epochs until unbonded stake returns.
pub const DEFAULT_UNBONDING_EPOCHS: u64 = 21;
/// Most validators of an epoch.
pub const DEFAULT_MAX_VALIDATORS: u32 = 100;
/// Share of the stake that equivocation costs: 5 %.
pub const DEFAULT_SLASH_BASIS_POINTS: u32 = 500;
/// Share of an epoch's blocks that may be missed: 50 %.
pub const DEFAULT_MAX_MISSED_BASIS_POINTS: u32 = 5_000;
/// Epochs in jail at least.
pub const DEFAULT_JAIL_EPOCHS: u64 = 2;
/// Reward of proof of stake: halved after about four years of blocks.
pub const DEFAULT_POS_REWARD: RewardSchedule = RewardSchedule {
    per_block: 100_000_000,
    halving_blocks: 20_000_000,
};

/// Heights of an epoch of proof of authority.
pub const DEFAULT_POA_EPOCH_BLOCKS: u64 = 50;
/// Heights for which a vote on the authorities counts.
pub const DEFAULT_VOTE_EXPIRY_BLOCKS: u64 = 1_000;

/// Which engine makes blocks, with what only it needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EngineKind {
    /// Proof of work: the heaviest chain counts.
    Pow(PowParameters),
    /// Proof of stake: validators decide by two thirds of the stake (BFT).
    Pos(PosParameters),
    /// Proof of authority: authorities with equal power decide by two thirds (BFT).
    Poa(PoaParameters),
}

/// What proof of work needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PowParameters {
    /// Leading zero bytes of the target of the first blocks, 0 to 31; the target is
    /// `2^(256 - 8 * difficulty) - 1`.
    pub difficulty: u8,
    /// Half-life of the difficulty adjustment, in milliseconds: 1 to 10,000 block times.
    pub half_life_ms: u64,
    /// A block this many heights below the head is final: 1 to 1,024.
    pub finality_depth: u64,
    /// What a miner gets beside the fees.
    pub reward: RewardSchedule,
}

/// What proof of stake needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PosParameters {
    /// Least stake of a validator, in base units; above zero.
    pub min_stake: u64,
    /// Heights of an epoch, 4 to 100,000.
    pub epoch_blocks: u64,
    /// Epochs between unbonding and the return of the stake, 1 to 100. Evidence counts as long.
    pub unbonding_epochs: u64,
    /// Most validators of an epoch, 1 to 1,000.
    pub max_validators: u32,
    /// Share of the stake that equivocation costs, in hundredths of a percent: 1 to 10,000.
    pub slash_basis_points: u32,
    /// Share of an epoch's blocks that a validator may miss before it is jailed, in hundredths of a
    /// percent: 0 to 10,000 (never jailed for it).
    pub max_missed_basis_points: u32,
    /// Epochs in jail at least, 1 to 10,000.
    pub jail_epochs: u64,
    /// What validators and delegators share beside the fees.
    pub reward: RewardSchedule,
    /// The validators of the first epoch; sorted by key, without repeats.
    pub validators: Vec<GenesisStake>,
}

/// A validator from the start. Its stake exists beside the balances.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GenesisStake {
    /// The validator's key; the account of this key owns the stake.
    pub public_key: PublicKey,
    /// At least the minimum; the voting power in base units.
    pub stake: Amount,
    /// What it keeps of its delegators' rewards, in hundredths of a percent: 0 to 10,000.
    pub commission_basis_points: u32,
}

/// What proof of authority needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PoaParameters {
    /// The authorities of the first epoch; sorted, without repeats.
    pub authorities: Vec<PublicKey>,
    /// Heights of an epoch, 4 to 100,000.
    pub epoch_blocks: u64,
    /// Heights for which a vote on the authorities counts, 1 to 100,000,000.
    pub vote_expiry_blocks: u64,
}

impl PowParameters {
    /// The defaults, for a network with this block time.
    pub fn with_block_time(block_time_ms: u64) -> Self {
        Self {
            difficulty: DEFAULT_DIFFICULTY,
            half_life_ms: DEFAULT_HALF_LIFE_BLOCKS.saturating_mul(block_time_ms),
            finality_depth: DEFAULT_FINALITY_DEPTH,
            reward: DEFAULT_POW_REWARD,
        }
    }
}

impl PosParameters {
    /// The defaults, with these validators.
    pub fn new(validators: Vec<GenesisStake>) -> Self {
        Self {
            min_stake: DEFAULT_MIN_STAKE,
            epoch_blocks: DEFAULT_POS_EPOCH_BLOCKS,
            unbonding_epochs: DEFAULT_UNBONDING_EPOCHS,
            max_validators: DEFAULT_MAX_VALIDATORS,
            slash_basis_points: DEFAULT_SLASH_BASIS_POINTS,
            max_missed_basis_points: DEFAULT_MAX_MISSED_BASIS_POINTS,
            jail_epochs: DEFAULT_JAIL_EPOCHS,
            reward: DEFAULT_POS_REWARD,
            validators,
        }
    }

    /// The sum of the stakes; stays at the end of 64 bits, which a checked genesis does not reach.
    pub fn staked(&self) -> Amount {
        Amount::total(self.validators.iter().map(|validator| validator.stake)).unwrap_or(Amount(u64::MAX))
    }
}

impl PoaParameters {
    /// The defaults, with these authorities.
    pub fn new(authorities: Vec<PublicKey>) -> Self {
        Self {
            authorities,
            epoch_blocks: DEFAULT_POA_EPOCH_BLOCKS,
            vote_expiry_blocks: DEFAULT_VOTE_EXPIRY_BLOCKS,
        }
    }
}

impl EngineKind {
    /// The name in `genesis.json` and `config.toml`.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Pow(_) => "pow",
            Self::Pos(_) => "pos",
            Self::Poa(_) => "poa",
        }
    }

    /// New base units per block; none under proof of authority.
    pub fn reward(&self) -> RewardSchedule {
        match self {
            Self::Pow(parameters) => parameters.reward,
            Self::Pos(parameters) => parameters.reward,
            Self::Poa(_) => RewardSchedule::NONE,
        }
    }

    /// Heights of an epoch; `None` under proof of work, which has no epochs.
    pub fn epoch_blocks(&self) -> Option<u64> {
        match self {
            Self::Pow(_) => None,
            Self::Pos(parameters) => Some(parameters.epoch_blocks),
            Self::Poa(parameters) => Some(parameters.epoch_blocks),
        }
    }

    /// The validators of the first epoch; `None` under proof of work, which has none.
    pub fn validators(&self) -> Result<Option<ValidatorSet>, ValidatorSetError> {
        let validators = match self {
            Self::Pow(_) => return Ok(None),
            Self::Pos(parameters) => parameters
                .validators
                .iter()
                .map(|validator| Validator::new(validator.public_key, validator.stake.0))
                .collect(),
            Self::Poa(parameters) => parameters
                .authorities
                .iter()
                .map(|key| Validator::new(*key, 1))
                .collect(),
        };
        ValidatorSet::new(validators).map(Some)
    }
}

/// The block time of an engine unless the genesis says otherwise, in milliseconds; `None` for a name
/// that is no engine's.
pub fn default_block_time_ms(engine: &str) -> Option<u64> {
    match engine {
        "pow" => Some(DEFAULT_POW_BLOCK_TIME_MS),
        "pos" => Some(DEFAULT_POS_BLOCK_TIME_MS),
        "poa" => Some(DEFAULT_POA_BLOCK_TIME_MS),
        _ => None,
    }
}
