//! What can be asked, field by field.

use std::path::PathBuf;

use aureon_types::{Address, Amount};
use bytes::Bytes;
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value};

use super::answer::DoorError;
use crate::api::hex_bytes::HexBytes;

/// An account's name, or an address.
#[derive(Debug, Deserialize)]
pub struct Who(pub String);

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AccountRequest {
    pub name: String,
    #[serde(default)]
    pub balance: Amount,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BalanceRequest {
    pub of: Who,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MineRequest {
    pub blocks: Option<u64>,
    /// Of the first of them.
    pub time: Option<u64>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TimeRequest {
    pub time: u64,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ContractRequest {
    pub contract: Address,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StorageRequest {
    pub contract: Address,
    pub key: HexBytes,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BlockRequest {
    pub transactions: Vec<Map<String, Value>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct QueryRequest {
    pub contract: Address,
    pub function: Option<String>,
    pub arguments: Option<Map<String, Value>>,
    pub input: Option<HexBytes>,
    pub caller: Option<Who>,
    pub gas_limit: Option<u64>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TransferOrder {
    pub from: Who,
    pub to: Who,
    pub amount: Amount,
    pub gas_limit: Option<u64>,
    pub gas_price: Option<u64>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DeployOrder {
    pub from: Who,
    pub file: Option<PathBuf>,
    pub code: Option<HexBytes>,
    pub arguments: Option<Map<String, Value>>,
    pub input: Option<HexBytes>,
    #[serde(default)]
    pub value: Amount,
    #[serde(default)]
    pub upgradable: bool,
    pub gas_limit: Option<u64>,
    pub gas_price: Option<u64>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UpgradeOrder {
    pub from: Who,
    pub contract: Address,
    pub file: Option<PathBuf>,
    pub code: Option<HexBytes>,
    pub arguments: Option<Map<String, Value>>,
    pub input: Option<HexBytes>,
    pub gas_limit: Option<u64>,
    pub gas_price: Option<u64>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CallOrder {
    pub from: Who,
    pub contract: Address,
    pub function: Option<String>,
    pub arguments: Option<Map<String, Value>>,
    pub input: Option<HexBytes>,
    #[serde(default)]
    pub value: Amount,
    pub gas_limit: Option<u64>,
    pub gas_price: Option<u64>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SetAdminOrder {
    pub from: Who,
    pub contract: Address,
    /// `null`: nobody, for ever. It must be said: what is left out by mistake is not done.
    #[serde(deserialize_with = "said")]
    pub admin: Option<Who>,
    pub gas_limit: Option<u64>,
    pub gas_price: Option<u64>,
}

fn said<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Who>, D::Error> {
    Option::deserialize(deserializer)
}

/// How an input is given.
pub enum Input {
    Bytes(Bytes),
    Named(Map<String, Value>),
}

impl Input {
    pub fn of(input: Option<HexBytes>, arguments: Option<Map<String, Value>>) -> Result<Self, DoorError> {
        match (input, arguments) {
            (Some(_), Some(_)) => Err(DoorError::Both("input", "arguments")),
            (None, Some(arguments)) => Ok(Self::Named(arguments)),
            (input, None) => Ok(Self::Bytes(input.unwrap_or_default().0)),
        }
    }
}

/// How a module is given.
pub enum Code {
    Bytes(Bytes),
    File(PathBuf),
}

impl Code {
    pub fn of(code: Option<HexBytes>, file: Option<PathBuf>) -> Result<Self, DoorError> {
        match (code, file) {
            (Some(code), None) => Ok(Self::Bytes(code.0)),
            (None, Some(file)) => Ok(Self::File(file)),
            (Some(_), Some(_)) => Err(DoorError::Both("code", "file")),
            (None, None) => Err(DoorError::NoCode),
        }
    }
}
