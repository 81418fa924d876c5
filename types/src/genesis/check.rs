//! What every genesis must satisfy, whether it came from a file, a peer or a program.

use super::{EngineKind, Genesis, GenesisError};
use crate::{Amount, limits::MAX_SUPPLY, transaction::TRANSFER_GAS};

/// Bounds of the block time, in milliseconds.
const BLOCK_TIME_MS: std::ops::RangeInclusive<u64> = 50..=3_600_000;
/// Bounds of each timeout, in milliseconds.
const TIMEOUT_MS: std::ops::RangeInclusive<u64> = 10..=600_000;
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
        let EngineKind::Poa { authorities } = &mut self.engine;
        authorities.sort();
        for key in authorities.iter() {
            key.check().map_err(|error| GenesisError::Field {
                field: "authorities",
                reason: error.to_string(),
            })?;
        }
        self.validators()?;
        self.balances.retain(|_, balance| *balance > Amount::ZERO);
        match Amount::total(self.balances.values().copied()) {
            Some(Amount(supply)) if supply <= MAX_SUPPLY => Ok(self),
            _ => field(
                "balances",
                format!("their sum is above the greatest supply, {MAX_SUPPLY} base units"),
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
        if !BLOCK_TIME_MS.contains(&self.block_time_ms) {
            let (low, high) = (BLOCK_TIME_MS.start(), BLOCK_TIME_MS.end());
            return field(
                "block_time_ms",
                format!("{} is not within {low} to {high}", self.block_time_ms),
            );
        }
        if !(TRANSFER_GAS..=MAX_GAS_LIMIT).contains(&self.gas_limit) {
            let reason = format!(
                "{} is not within {TRANSFER_GAS} (one transfer) to {MAX_GAS_LIMIT}",
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
            if !TIMEOUT_MS.contains(&value) {
                return field(
                    name,
                    format!(
                        "{value} is not within {} to {}",
                        TIMEOUT_MS.start(),
                        TIMEOUT_MS.end()
                    ),
                );
            }
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
