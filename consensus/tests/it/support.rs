//! Keys, a genesis, and a seeded generator.

use std::time::Duration;

use aureon_consensus::{Config, Head, Now, Schedule};
use aureon_types::{
    BlockId, EmptyBlocks, GenesisId, SecretKey, Validator, ValidatorSet, genesis::BftTimeouts,
};

pub const GENESIS: GenesisId = GenesisId([0xA0; 32]);
/// Wall clock at the monotonic zero.
pub const WALL_MS: u64 = 1_000_000_000;

pub fn keys(count: usize) -> Vec<SecretKey> {
    (1..=count)
        .map(|seed| SecretKey::from_seed([seed as u8; 32]))
        .collect()
}

pub fn set(keys: &[SecretKey]) -> ValidatorSet {
    ValidatorSet::new(
        keys.iter()
            .map(|key| Validator::new(key.public_key(), 1))
            .collect(),
    )
    .unwrap()
}

pub fn config(keys: &[SecretKey], key: Option<&SecretKey>) -> Config {
    Config {
        genesis_id: GENESIS,
        engine: "poa",
        block_time: Duration::from_millis(100),
        empty_blocks: EmptyBlocks::Always,
        timeouts: BftTimeouts {
            propose_ms: 400,
            vote_ms: 250,
            increment_ms: 100,
            ceiling_ms: 3_000,
        },
        schedule: Schedule::fixed(set(keys)),
        key: key.cloned(),
    }
}

pub fn genesis_head() -> Head {
    Head {
        height: 0,
        block_id: BlockId(GENESIS.0),
        timestamp_ms: WALL_MS - 1_000,
    }
}

pub fn at(micros: u64) -> Now {
    Now {
        monotonic: Duration::from_micros(micros),
        wall_ms: WALL_MS + micros / 1_000,
    }
}

/// SplitMix64 (Steele, Lea, Flood 2014): small, seeded, good enough for schedules.
pub struct Random(pub u64);

impl Random {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    pub fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound.max(1)
    }

    pub fn between(&mut self, low: u64, high: u64) -> u64 {
        low + self.below(high.saturating_sub(low) + 1)
    }

    pub fn percent(&mut self, chance: u64) -> bool {
        self.below(100) < chance
    }
}
