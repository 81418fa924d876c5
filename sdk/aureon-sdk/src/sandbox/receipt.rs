//! Answers of the sandbox in Rust's types. They come from our own node: what is missing is empty.

use std::string::ToString;

use serde_json::Value;

use crate::mock::Log;
use crate::{Address, Hash, String, Vec};

/// What a transaction did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Receipt {
    /// Its id.
    pub transaction: Hash,
    /// Height of its block.
    pub height: u64,
    /// Gas that was used and is paid for.
    pub gas_used: u64,
    /// Base units that were paid for it.
    pub fee: u64,
    /// Why it failed, as people see it.
    pub failure: Option<String>,
    /// The contract that it deployed.
    pub contract: Option<Address>,
    /// What the contract gave back.
    pub return_data: Vec<u8>,
    /// Its events; none if it failed.
    pub events: Vec<Log>,
}

impl Receipt {
    pub(super) fn of(answer: &Value) -> Self {
        let receipt = &answer["receipt"];
        let events = receipt["events"].as_array();
        Self {
            transaction: hash(&answer["transaction"]),
            height: number(&answer["block"]["height"]),
            gas_used: number(&receipt["gas_used"]),
            fee: number(&receipt["fee"]),
            failure: receipt["failure"].as_str().map(Into::into),
            contract: receipt["contract"]
                .as_str()
                .map(|_| address(&receipt["contract"])),
            return_data: bytes(&receipt["return_data"]),
            events: events.into_iter().flatten().map(log).collect(),
        }
    }
}

fn log(event: &Value) -> Log {
    Log {
        contract: address(&event["contract"]),
        topic: bytes(&event["topic"]),
        data: bytes(&event["data"]),
    }
}

/// Why it failed: the contract's own words if it aborted, as on the mock, else the chain's.
pub(super) fn failure(outcome: &Value) -> Option<String> {
    if outcome["success"] == Value::Bool(true) {
        return None;
    }
    let words = outcome["fault"]["message"]
        .as_str()
        .or_else(|| outcome["failure"].as_str());
    Some(words.unwrap_or("it failed").into())
}

/// An amount may come as digits.
pub(super) fn number(value: &Value) -> u64 {
    let digits = || value.as_str().and_then(|digits| digits.parse().ok());
    value.as_u64().or_else(digits).unwrap_or_default()
}

pub(super) fn address(value: &Value) -> Address {
    Address(fixed(value))
}

pub(super) fn hash(value: &Value) -> Hash {
    Hash(fixed(value))
}

fn fixed<const N: usize>(value: &Value) -> [u8; N] {
    bytes(value).try_into().unwrap_or([0; N])
}

/// Of `0x` and digits.
pub(super) fn bytes(value: &Value) -> Vec<u8> {
    let text = value.as_str().unwrap_or_default();
    let digits = text.strip_prefix("0x").unwrap_or_default().as_bytes();
    let digit = |byte: u8| {
        char::from(byte)
            .to_digit(16)
            .and_then(|digit| u8::try_from(digit).ok())
    };
    digits
        .chunks_exact(2)
        .filter_map(|pair| Some(digit(pair[0])? << 4 | digit(pair[1])?))
        .collect()
}

pub(super) fn hex(bytes: &[u8]) -> String {
    let mut text = String::from("0x");
    for byte in bytes {
        text.push_str(&std::format!("{byte:02x}"));
    }
    text
}

pub(super) fn text(address: Address) -> String {
    address.to_string()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn bytes_come_back() {
        for bytes in [&[][..], &[0, 1, 0xab, 0xff]] {
            assert_eq!(super::bytes(&json!(hex(bytes))), bytes);
        }
        assert_eq!(address(&json!(text(Address([0xc3; 20])))), Address([0xc3; 20]));
        assert_eq!(address(&json!("0x12")), Address::ZERO);
        assert_eq!(number(&json!("18446744073709551615")), u64::MAX);
    }

    #[test]
    fn an_abort_is_told_in_the_contracts_words() {
        let aborted =
            json!({"success": false, "failure": "contract 0x..: aborted: no", "fault": {"message": "no"}});
        assert_eq!(failure(&aborted).as_deref(), Some("no"));
        let other = json!({"success": false, "failure": "out of gas"});
        assert_eq!(failure(&other).as_deref(), Some("out of gas"));
        assert_eq!(failure(&json!({"success": true})), None);
    }
}
