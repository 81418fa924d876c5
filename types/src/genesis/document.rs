//! `genesis.json`.
//!
//! Fields with a default may be left out; an unknown field is refused, because a typing error that is
//! silently ignored makes another network. What belongs to another engine than the document's own is
//! refused as well, for the same reason.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{
    BftTimeouts, DEFAULT_GAS_LIMIT, DEFAULT_MIN_GAS_PRICE, ENGINE_NAMES, EmptyBlocks, EngineKind, Genesis,
    GenesisError, GenesisStake, PoaParameters, PosParameters, PowParameters, RewardSchedule, VM_COST_TABLE,
    default_block_time_ms,
};
use crate::{Address, Amount, PublicKey, limits::MAX_GENESIS_BYTES};

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    chain: String,
    timestamp_ms: u64,
    engine: String,
    block_time_ms: Option<u64>,
    #[serde(default)]
    empty_blocks: EmptyBlocks,
    #[serde(default = "default_gas_limit")]
    gas_limit: u64,
    #[serde(default = "default_min_gas_price")]
    min_gas_price: u64,
    #[serde(default = "default_vm_cost_table")]
    vm_cost_table: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    timeouts: Option<BftTimeouts>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pow: Option<Pow>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pos: Option<Pos>,
    #[serde(skip_serializing_if = "Option::is_none")]
    poa: Option<Poa>,
    #[serde(skip_serializing_if = "Option::is_none")]
    validators: Option<Vec<Stake>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    authorities: Option<Vec<PublicKey>>,
    #[serde(default, deserialize_with = "unique_balances")]
    balances: BTreeMap<Address, Amount>,
}

#[derive(Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Pow {
    difficulty: Option<u8>,
    half_life_ms: Option<u64>,
    finality_depth: Option<u64>,
    reward: Option<Reward>,
}

#[derive(Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Pos {
    min_stake: Option<Amount>,
    epoch_blocks: Option<u64>,
    unbonding_epochs: Option<u64>,
    max_validators: Option<u32>,
    slash_basis_points: Option<u32>,
    max_missed_basis_points: Option<u32>,
    jail_epochs: Option<u64>,
    reward: Option<Reward>,
}

#[derive(Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Poa {
    epoch_blocks: Option<u64>,
    vote_expiry_blocks: Option<u64>,
}

/// Both or none: half a schedule with a default for the rest is rarely what was meant.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Reward {
    per_block: Amount,
    halving_blocks: u64,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Stake {
    public_key: PublicKey,
    stake: Amount,
    #[serde(default)]
    commission_basis_points: u32,
}

impl From<RewardSchedule> for Reward {
    fn from(schedule: RewardSchedule) -> Self {
        Self {
            per_block: Amount(schedule.per_block),
            halving_blocks: schedule.halving_blocks,
        }
    }
}

impl From<Reward> for RewardSchedule {
    fn from(reward: Reward) -> Self {
        Self {
            per_block: reward.per_block.0,
            halving_blocks: reward.halving_blocks,
        }
    }
}

impl Pow {
    fn of(parameters: &PowParameters) -> Self {
        Self {
            difficulty: Some(parameters.difficulty),
            half_life_ms: Some(parameters.half_life_ms),
            finality_depth: Some(parameters.finality_depth),
            reward: Some(parameters.reward.into()),
        }
    }

    fn parameters(self, block_time_ms: u64) -> PowParameters {
        let default = PowParameters::with_block_time(block_time_ms);
        PowParameters {
            difficulty: self.difficulty.unwrap_or(default.difficulty),
            half_life_ms: self.half_life_ms.unwrap_or(default.half_life_ms),
            finality_depth: self.finality_depth.unwrap_or(default.finality_depth),
            reward: self.reward.map_or(default.reward, Into::into),
        }
    }
}

impl Stake {
    fn of(validator: &GenesisStake) -> Self {
        Self {
            public_key: validator.public_key,
            stake: validator.stake,
            commission_basis_points: validator.commission_basis_points,
        }
    }
}

impl Pos {
    fn of(parameters: &PosParameters) -> Self {
        Self {
            min_stake: Some(Amount(parameters.min_stake)),
            epoch_blocks: Some(parameters.epoch_blocks),
            unbonding_epochs: Some(parameters.unbonding_epochs),
            max_validators: Some(parameters.max_validators),
            slash_basis_points: Some(parameters.slash_basis_points),
            max_missed_basis_points: Some(parameters.max_missed_basis_points),
            jail_epochs: Some(parameters.jail_epochs),
            reward: Some(parameters.reward.into()),
        }
    }

    fn parameters(self, validators: Vec<Stake>) -> PosParameters {
        let validators = validators.into_iter().map(|validator| GenesisStake {
            public_key: validator.public_key,
            stake: validator.stake,
            commission_basis_points: validator.commission_basis_points,
        });
        let default = PosParameters::new(validators.collect());
        PosParameters {
            min_stake: self.min_stake.map_or(default.min_stake, |amount| amount.0),
            epoch_blocks: self.epoch_blocks.unwrap_or(default.epoch_blocks),
            unbonding_epochs: self.unbonding_epochs.unwrap_or(default.unbonding_epochs),
            max_validators: self.max_validators.unwrap_or(default.max_validators),
            slash_basis_points: self.slash_basis_points.unwrap_or(default.slash_basis_points),
            max_missed_basis_points: self
                .max_missed_basis_points
                .unwrap_or(default.max_missed_basis_points),
            jail_epochs: self.jail_epochs.unwrap_or(default.jail_epochs),
            reward: self.reward.map_or(default.reward, Into::into),
            validators: default.validators,
        }
    }
}

impl Poa {
    fn of(parameters: &PoaParameters) -> Self {
        Self {
            epoch_blocks: Some(parameters.epoch_blocks),
            vote_expiry_blocks: Some(parameters.vote_expiry_blocks),
        }
    }

    fn parameters(self, authorities: Vec<PublicKey>) -> PoaParameters {
        let default = PoaParameters::new(authorities);
        PoaParameters {
            epoch_blocks: self.epoch_blocks.unwrap_or(default.epoch_blocks),
            vote_expiry_blocks: self.vote_expiry_blocks.unwrap_or(default.vote_expiry_blocks),
            authorities: default.authorities,
        }
    }
}

impl Document {
    /// What belongs to the engine; refuses what belongs to another.
    fn engine(&mut self, block_time_ms: u64) -> Result<EngineKind, GenesisError> {
        let belongings = [
            ("pow", "pow", self.pow.is_some()),
            ("pos", "pos", self.pos.is_some()),
            ("poa", "poa", self.poa.is_some()),
            ("validators", "pos", self.validators.is_some()),
            ("authorities", "poa", self.authorities.is_some()),
        ];
        let stranger = belongings
            .into_iter()
            .find(|(_, engine, given)| *given && *engine != self.engine);
        if let Some((field, engine, _)) = stranger {
            let reason = format!(
                "it belongs to the engine \"{engine}\", and \"engine\" is \"{}\"",
                self.engine
            );
            return Err(GenesisError::Field { field, reason });
        }
        match self.engine.as_str() {
            "pow" if self.timeouts.is_some() => Err(GenesisError::Field {
                field: "timeouts",
                reason: "proof of work has no rounds that could wait; leave it out".to_owned(),
            }),
            "pow" => {
                let pow = self.pow.take().unwrap_or_default();
                Ok(EngineKind::Pow(pow.parameters(block_time_ms)))
            }
            "pos" => {
                let pos = self.pos.take().unwrap_or_default();
                let validators = self.validators.take().unwrap_or_default();
                Ok(EngineKind::Pos(pos.parameters(validators)))
            }
            _ => {
                let poa = self.poa.take().unwrap_or_default();
                let authorities = self.authorities.take().unwrap_or_default();
                Ok(EngineKind::Poa(poa.parameters(authorities)))
            }
        }
    }
}

/// An address that is listed twice (perhaps once with another case) is refused: which balance was
/// meant cannot be known.
fn unique_balances<'de, D: serde::Deserializer<'de>>(
    deserializer: D,
) -> Result<BTreeMap<Address, Amount>, D::Error> {
    struct Visitor;
    impl<'de> serde::de::Visitor<'de> for Visitor {
        type Value = BTreeMap<Address, Amount>;

        fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("a map from addresses to base units")
        }

        fn visit_map<A: serde::de::MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
            let mut balances = BTreeMap::new();
            while let Some((address, balance)) = map.next_entry::<Address, Amount>()? {
                if balances.insert(address, balance).is_some() {
                    return Err(serde::de::Error::custom(format!(
                        "balances lists {address} twice"
                    )));
                }
            }
            Ok(balances)
        }
    }
    deserializer.deserialize_map(Visitor)
}

fn default_gas_limit() -> u64 {
    DEFAULT_GAS_LIMIT
}

fn default_vm_cost_table() -> u32 {
    VM_COST_TABLE
}

fn default_min_gas_price() -> u64 {
    DEFAULT_MIN_GAS_PRICE
}

impl Genesis {
    /// Reads and checks `genesis.json`.
    pub fn from_json(text: &str) -> Result<Self, GenesisError> {
        if text.len() > MAX_GENESIS_BYTES {
            let reason = format!(
                "it has {} bytes, at most {MAX_GENESIS_BYTES} are allowed",
                text.len()
            );
            return Err(GenesisError::Unreadable(reason));
        }
        let mut document: Document =
            serde_json::from_str(text).map_err(|error| GenesisError::Unreadable(error.to_string()))?;
        let Some(default) = default_block_time_ms(&document.engine) else {
            let reason = format!(
                "\"{}\" is not an engine of this software; it knows {}",
                document.engine,
                ENGINE_NAMES.map(|name| format!("\"{name}\"")).join(", ")
            );
            return Err(GenesisError::Field {
                field: "engine",
                reason,
            });
        };
        let block_time_ms = document.block_time_ms.unwrap_or(default);
        let engine = document.engine(block_time_ms)?;
        Self {
            chain: document.chain,
            timestamp_ms: document.timestamp_ms,
            engine,
            block_time_ms,
            empty_blocks: document.empty_blocks,
            gas_limit: document.gas_limit,
            min_gas_price: document.min_gas_price,
            vm_cost_table: document.vm_cost_table,
            timeouts: document.timeouts.unwrap_or_default(),
            balances: document.balances,
        }
        .checked()
    }

    /// The document, with every default written out.
    pub fn to_json(&self) -> String {
        let mut document = Document {
            chain: self.chain.clone(),
            timestamp_ms: self.timestamp_ms,
            engine: self.engine.name().to_owned(),
            block_time_ms: Some(self.block_time_ms),
            empty_blocks: self.empty_blocks,
            gas_limit: self.gas_limit,
            min_gas_price: self.min_gas_price,
            vm_cost_table: self.vm_cost_table,
            timeouts: Some(self.timeouts),
            pow: None,
            pos: None,
            poa: None,
            validators: None,
            authorities: None,
            balances: self.balances.clone(),
        };
        match &self.engine {
            EngineKind::Pow(parameters) => {
                document.timeouts = None;
                document.pow = Some(Pow::of(parameters));
            }
            EngineKind::Pos(parameters) => {
                document.pos = Some(Pos::of(parameters));
                document.validators = Some(parameters.validators.iter().map(Stake::of).collect());
            }
            EngineKind::Poa(parameters) => {
                document.poa = Some(Poa::of(parameters));
                document.authorities = Some(parameters.authorities.clone());
            }
        }
        // Strings, numbers and maps with string keys: nothing here can fail to be written.
        let mut text = serde_json::to_string_pretty(&document).unwrap_or_default();
        text.push('\n');
        text
    }
}
