//! `genesis.json`.
//!
//! Fields with a default may be left out; an unknown field is refused, because a typing error that is
//! silently ignored makes another network.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{
    BftTimeouts, DEFAULT_BLOCK_TIME_MS, DEFAULT_GAS_LIMIT, DEFAULT_MIN_GAS_PRICE, EmptyBlocks, EngineKind,
    Genesis, GenesisError,
};
use crate::{Address, Amount, PublicKey, limits::MAX_GENESIS_BYTES};

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    chain: String,
    timestamp_ms: u64,
    engine: String,
    #[serde(default = "default_block_time_ms")]
    block_time_ms: u64,
    #[serde(default)]
    empty_blocks: EmptyBlocks,
    #[serde(default = "default_gas_limit")]
    gas_limit: u64,
    #[serde(default = "default_min_gas_price")]
    min_gas_price: u64,
    #[serde(default)]
    timeouts: BftTimeouts,
    #[serde(default)]
    authorities: Vec<PublicKey>,
    #[serde(default, deserialize_with = "unique_balances")]
    balances: BTreeMap<Address, Amount>,
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

fn default_block_time_ms() -> u64 {
    DEFAULT_BLOCK_TIME_MS
}

fn default_gas_limit() -> u64 {
    DEFAULT_GAS_LIMIT
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
        let document: Document =
            serde_json::from_str(text).map_err(|error| GenesisError::Unreadable(error.to_string()))?;
        let engine = match document.engine.as_str() {
            "poa" => EngineKind::Poa {
                authorities: document.authorities,
            },
            other => {
                let reason = format!("\"{other}\" is not an engine of this version; it knows \"poa\"");
                return Err(GenesisError::Field {
                    field: "engine",
                    reason,
                });
            }
        };
        Self {
            chain: document.chain,
            timestamp_ms: document.timestamp_ms,
            engine,
            block_time_ms: document.block_time_ms,
            empty_blocks: document.empty_blocks,
            gas_limit: document.gas_limit,
            min_gas_price: document.min_gas_price,
            timeouts: document.timeouts,
            balances: document.balances,
        }
        .checked()
    }

    /// The document, with every default written out.
    pub fn to_json(&self) -> String {
        let EngineKind::Poa { authorities } = &self.engine;
        let document = Document {
            chain: self.chain.clone(),
            timestamp_ms: self.timestamp_ms,
            engine: self.engine.name().to_owned(),
            block_time_ms: self.block_time_ms,
            empty_blocks: self.empty_blocks,
            gas_limit: self.gas_limit,
            min_gas_price: self.min_gas_price,
            timeouts: self.timeouts,
            authorities: authorities.clone(),
            balances: self.balances.clone(),
        };
        // Strings, numbers and maps with string keys: nothing here can fail to be written.
        let mut text = serde_json::to_string_pretty(&document).unwrap_or_default();
        text.push('\n');
        text
    }
}
