//! What every genesis must satisfy, whether it came from a file, a peer or a program.

use std::{fmt::Display, ops::RangeInclusive};

use super::{
    BftTimeouts, EmptyBlocks, EngineKind, Genesis, GenesisError, PoaParameters, PosParameters, PowParameters,
    RewardSchedule, VM_COST_TABLE,
};
use crate::{
    Amount, PublicKey, SYSTEM_ADDRESS,
    action::{EVIDENCE_GAS, TRANSFER_GAS},
    limits::{MAX_SUPPLY, MAX_VALIDATORS},
};

/// Bounds of the block time, in milliseconds.
const BLOCK_TIME_MS: RangeInclusive<u64> = 50..=3_600_000;
/// Bounds of each timeout, in milliseconds.
const TIMEOUT_MS: RangeInclusive<u64> = 10..=600_000;
/// Upper bound of the half-life of the difficulty, in block times.
const MAX_HALF_LIFE_BLOCKS: u64 = 10_000;
/// Bounds of the finality depth: the changes of so many blocks are kept in memory.
const FINALITY_DEPTH: RangeInclusive<u64> = 1..=1_024;
/// Bounds of an epoch. Shorter ones leave no height between its first and its closing block. The order
/// of the proposers is computed height by height, and after a restart from the first height of the
/// epoch: with the most validators that a set may have, 100,000 heights are 10^8 additions, about a
/// quarter of a second; ten times as many would hold up a node for seconds.
const EPOCH_BLOCKS: RangeInclusive<u64> = 4..=100_000;
/// Bounds of the unbonding period: the validators of so many epochs are kept in the state.
const UNBONDING_EPOCHS: RangeInclusive<u64> = 1..=100;
/// Bounds of the time in jail.
const JAIL_EPOCHS: RangeInclusive<u64> = 1..=10_000;
/// Bounds of the life of a vote on the authorities.
const VOTE_EXPIRY_BLOCKS: RangeInclusive<u64> = 1..=100_000_000;
/// The whole, in hundredths of a percent.
const WHOLE: u32 = 10_000;
/// Upper bound of the block gas limit: sums of gas stay far inside 64 bits.
const MAX_GAS_LIMIT: u64 = 1 << 40;
/// Upper bound of the least gas price.
const MAX_MIN_GAS_PRICE: u64 = 1 << 20;
/// Latest genesis time: the year 5138 in milliseconds. Catches seconds, microseconds and typing errors.
const MAX_TIMESTAMP_MS: u64 = 100_000_000_000_000;

fn field<T>(field: &'static str, reason: String) -> Result<T, GenesisError> {
    Err(GenesisError::Field { field, reason })
}

impl Genesis {
    /// Checks everything and returns the genesis in its canonical form (sorted, without zero balances).
    pub fn checked(mut self) -> Result<Self, GenesisError> {
        self.check_name()?;
        self.check_numbers()?;
        self.check_timeouts()?;
        match &mut self.engine {
            EngineKind::Pow(parameters) => {
                check_pow(parameters, self.block_time_ms, self.empty_blocks, self.timeouts)?;
            }
            EngineKind::Pos(parameters) => check_pos(parameters)?,
            EngineKind::Poa(parameters) => check_poa(parameters)?,
        }
        let list = if matches!(self.engine, EngineKind::Pos(_)) {
            "validators"
        } else {
            "authorities"
        };
        if let Err(error) = self.validators() {
            return field(list, error.to_string());
        }
        self.balances.retain(|_, balance| *balance > Amount::ZERO);
        if self.balances.contains_key(&SYSTEM_ADDRESS) {
            let reason =
                format!("{SYSTEM_ADDRESS} is the system account: it holds what is staked, nothing else");
            return field("balances", reason);
        }
        self.check_supply()?;
        Ok(self)
    }

    /// Balances, stakes and every reward that there will ever be.
    fn check_supply(&self) -> Result<(), GenesisError> {
        let above = |name, what: &str| {
            field(
                name,
                format!("{what} above the greatest supply, {MAX_SUPPLY} base units"),
            )
        };
        let fits = |sum: Option<Amount>| sum.filter(|sum| sum.0 <= MAX_SUPPLY);
        let Some(mut sum) = fits(Amount::total(self.balances.values().copied())) else {
            return above("balances", "their sum is");
        };
        if let EngineKind::Pos(parameters) = &self.engine {
            match fits(sum.checked_add(parameters.staked())) {
                Some(with_stakes) => sum = with_stakes,
                None => return above("validators", "their stakes and the balances are together"),
            }
        }
        let (name, total) = match &self.engine {
            EngineKind::Pow(parameters) => ("pow.reward", parameters.reward.total()),
            EngineKind::Pos(parameters) => ("pos.reward", parameters.reward.total()),
            EngineKind::Poa(_) => return Ok(()),
        };
        match fits(sum.checked_add(total)) {
            Some(_) => Ok(()),
            None => above(
                name,
                "all rewards that will ever be paid and what the genesis holds are together",
            ),
        }
    }

    fn check_name(&self) -> Result<(), GenesisError> {
        let length = self.chain.len();
        let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        if !(1..=64).contains(&length) || !self.chain.chars().all(allowed) {
            let reason = format!(
                "\"{}\" is not 1 to 64 characters of a-z, 0-9 and hyphen",
                self.chain
            );
            return field("chain", reason);
        }
        Ok(())
    }

    fn check_numbers(&self) -> Result<(), GenesisError> {
        within("block_time_ms", self.block_time_ms, &BLOCK_TIME_MS)?;
        // Where votes decide, evidence must fit into a block, or nobody could ever be punished.
        let (least, what) = match self.engine {
            EngineKind::Pow(_) => (TRANSFER_GAS, "transfer"),
            EngineKind::Pos(_) | EngineKind::Poa(_) => (EVIDENCE_GAS, "piece of evidence"),
        };
        if !(least..=MAX_GAS_LIMIT).contains(&self.gas_limit) {
            let reason = format!(
                "{} is not within {least} (one {what}) to {MAX_GAS_LIMIT}",
                self.gas_limit
            );
            return field("gas_limit", reason);
        }
        if self.min_gas_price > MAX_MIN_GAS_PRICE {
            return field(
                "min_gas_price",
                format!("{} is above {MAX_MIN_GAS_PRICE}", self.min_gas_price),
            );
        }
        if self.vm_cost_table != VM_COST_TABLE {
            return field(
                "vm_cost_table",
                format!(
                    "it is {}, this software knows {VM_COST_TABLE}",
                    self.vm_cost_table
                ),
            );
        }
        if self.timestamp_ms > MAX_TIMESTAMP_MS {
            let reason = format!(
                "{} is above {MAX_TIMESTAMP_MS}; it counts milliseconds",
                self.timestamp_ms
            );
            return field("timestamp_ms", reason);
        }
        Ok(())
    }

    fn check_timeouts(&self) -> Result<(), GenesisError> {
        let timeouts = &self.timeouts;
        for (name, value) in [
            ("timeouts.propose_ms", timeouts.propose_ms),
            ("timeouts.vote_ms", timeouts.vote_ms),
            ("timeouts.increment_ms", timeouts.increment_ms),
            ("timeouts.ceiling_ms", timeouts.ceiling_ms),
        ] {
            within(name, value, &TIMEOUT_MS)?;
        }
        let base = timeouts.propose_ms.max(timeouts.vote_ms);
        if timeouts.ceiling_ms < base {
            return field(
                "timeouts.ceiling_ms",
                format!("{} is below the base {base}", timeouts.ceiling_ms),
            );
        }
        Ok(())
    }
}

fn within<T: PartialOrd + Display>(
    name: &'static str,
    value: T,
    range: &RangeInclusive<T>,
) -> Result<(), GenesisError> {
    if range.contains(&value) {
        return Ok(());
    }
    let (low, high) = (range.start(), range.end());
    field(name, format!("{value} is not within {low} to {high}"))
}

fn check_key(name: &'static str, key: &PublicKey) -> Result<(), GenesisError> {
    match key.check() {
        Ok(_) => Ok(()),
        Err(error) => field(name, format!("key {key}: {error}")),
    }
}

fn check_reward(name: &'static str, reward: &RewardSchedule) -> Result<(), GenesisError> {
    if reward.halving_blocks == 0 {
        return field(
            name,
            "0 heights are no time after which a reward can be halved; at least 1 is needed".to_owned(),
        );
    }
    Ok(())
}

fn check_pow(
    parameters: &PowParameters,
    block_time_ms: u64,
    empty_blocks: EmptyBlocks,
    timeouts: BftTimeouts,
) -> Result<(), GenesisError> {
    within("pow.difficulty", parameters.difficulty, &(0..=31))?;
    let most = block_time_ms.saturating_mul(MAX_HALF_LIFE_BLOCKS);
    if !(block_time_ms..=most).contains(&parameters.half_life_ms) {
        let reason = format!(
            "{} is not within {block_time_ms} to {most} (1 to {MAX_HALF_LIFE_BLOCKS} block times)",
            parameters.half_life_ms
        );
        return field("pow.half_life_ms", reason);
    }
    within("pow.finality_depth", parameters.finality_depth, &FINALITY_DEPTH)?;
    check_reward("pow.reward.halving_blocks", &parameters.reward)?;
    if empty_blocks != EmptyBlocks::Always {
        return field(
            "empty_blocks",
            "proof of work makes blocks all the time, its difficulty is the pace; only \"always\" is possible"
                .to_owned(),
        );
    }
    if timeouts != BftTimeouts::default() {
        return field(
            "timeouts",
            "proof of work has no rounds that could wait; leave it out".to_owned(),
        );
    }
    Ok(())
}

fn check_pos(parameters: &mut PosParameters) -> Result<(), GenesisError> {
    within("pos.min_stake", parameters.min_stake, &(1..=MAX_SUPPLY))?;
    within("pos.epoch_blocks", parameters.epoch_blocks, &EPOCH_BLOCKS)?;
    within(
        "pos.unbonding_epochs",
        parameters.unbonding_epochs,
        &UNBONDING_EPOCHS,
    )?;
    let most = u32::try_from(MAX_VALIDATORS).unwrap_or(u32::MAX);
    within("pos.max_validators", parameters.max_validators, &(1..=most))?;
    within(
        "pos.slash_basis_points",
        parameters.slash_basis_points,
        &(1..=WHOLE),
    )?;
    within(
        "pos.max_missed_basis_points",
        parameters.max_missed_basis_points,
        &(0..=WHOLE),
    )?;
    within("pos.jail_epochs", parameters.jail_epochs, &JAIL_EPOCHS)?;
    check_reward("pos.reward.halving_blocks", &parameters.reward)?;
    parameters
        .validators
        .sort_by_key(|validator| validator.public_key);
    for validator in &parameters.validators {
        let (key, stake) = (&validator.public_key, validator.stake);
        check_key("validators", key)?;
        if stake.0 < parameters.min_stake {
            let reason = format!(
                "the stake of {key} is {stake}, below pos.min_stake, {}",
                parameters.min_stake
            );
            return field("validators", reason);
        }
        let commission = validator.commission_basis_points;
        if commission > WHOLE {
            let reason = format!("the commission of {key} is {commission} basis points, above {WHOLE}");
            return field("validators", reason);
        }
    }
    let count = parameters.validators.len();
    if u32::try_from(count).unwrap_or(u32::MAX) > parameters.max_validators {
        let reason = format!(
            "there are {count} validators, more than pos.max_validators, {}",
            parameters.max_validators
        );
        return field("validators", reason);
    }
    Ok(())
}

fn check_poa(parameters: &mut PoaParameters) -> Result<(), GenesisError> {
    within("poa.epoch_blocks", parameters.epoch_blocks, &EPOCH_BLOCKS)?;
    within(
        "poa.vote_expiry_blocks",
        parameters.vote_expiry_blocks,
        &VOTE_EXPIRY_BLOCKS,
    )?;
    parameters.authorities.sort();
    for key in &parameters.authorities {
        check_key("authorities", key)?;
    }
    Ok(())
}
