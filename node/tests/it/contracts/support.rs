//! A token in WAT, and how the tests ask and send.

use std::path::{Path, PathBuf};

use aureon_node::{
    api::{contract::QueryRequest, hex_bytes::HexBytes, problem::Problem},
    client::Client,
};
use aureon_types::{Action, Address, Amount, GenesisId, SecretKey, SignedTransaction, Transaction};
use bytes::Bytes;
use serde_json::Value;

use crate::{
    rest::{ask, ask_at},
    support::Node,
};

pub const SUPPLY: u64 = 1_000;

pub fn token() -> Vec<u8> {
    wat::parse_str(include_str!("../token.wat")).unwrap()
}

pub fn write_token(dir: &Path) -> PathBuf {
    let file = dir.join("token.wasm");
    std::fs::write(&file, token()).unwrap();
    file
}

pub fn hex(bytes: &[u8]) -> String {
    HexBytes(Bytes::copy_from_slice(bytes)).to_string()
}

pub fn send_input(to: &Address, amount: u64) -> String {
    hex(&[&to.0[..], &amount.to_le_bytes()].concat())
}

pub fn supply_input() -> String {
    hex(&SUPPLY.to_le_bytes())
}

pub fn tokens(client: &Client, contract: Address, who: &Address) -> u64 {
    let answer = client.query_contract(&QueryRequest {
        contract,
        input: HexBytes(Bytes::copy_from_slice(&who.0)),
        function: None,
        arguments: None,
        caller: None,
        gas_limit: None,
    });
    u64::from_le_bytes(answer.unwrap().output.0[..].try_into().unwrap())
}

pub fn parse<T: serde::de::DeserializeOwned>(json: &str) -> T {
    serde_json::from_str(json).unwrap()
}

pub fn owner() -> SecretKey {
    SecretKey::from_seed([42; 32])
}

pub fn signed(genesis_id: &GenesisId, nonce: u64, action: Action) -> SignedTransaction {
    let key = owner();
    let transaction = Transaction {
        network: genesis_id.network_hint(),
        public_key: key.public_key(),
        nonce,
        gas_limit: action.gas() + 200_000,
        gas_price: 1,
        last_valid_height: None,
        action,
    };
    transaction.sign(&key, genesis_id)
}

pub fn deployment(code: Vec<u8>) -> Action {
    Action::Deploy {
        code: code.into(),
        input: Bytes::copy_from_slice(&SUPPLY.to_le_bytes()),
        upgradable: true,
        value: Amount(0),
    }
}

pub fn post<T: serde::de::DeserializeOwned>(node: &Node, path: &str, body: &Value) -> (u16, T) {
    post_to(&node.runtime.api, path, body)
}

pub fn post_to<T: serde::de::DeserializeOwned>(api: &str, path: &str, body: &Value) -> (u16, T) {
    let body = serde_json::to_vec(body).unwrap();
    let (status, _, answer) = ask_at(api, "POST", path, "application/json", &body);
    let text = String::from_utf8(answer).unwrap();
    (status, read(path, status, &text))
}

/// The answer as `T`; the failure shows what came instead.
pub fn read<T: serde::de::DeserializeOwned>(path: &str, status: u16, text: &str) -> T {
    let answer = serde_json::from_str(text);
    answer.unwrap_or_else(|error| unreadable(&format!("{path}: {status} {error}: {text}")))
}

#[expect(clippy::panic, reason = "a failed step is a failed test, and says what came")]
pub fn unreadable(what: &str) -> ! {
    panic!("{what}")
}

pub fn get<T: serde::de::DeserializeOwned>(node: &Node, path: &str) -> (u16, T) {
    let (status, _, answer) = ask(node, "GET", path, "", &[]);
    let text = String::from_utf8(answer).unwrap();
    (status, read(path, status, &text))
}

/// A refusal: status, code, and words that its detail must hold.
pub fn refused(answer: (u16, Problem), status: u16, code: &str, words: &[&str]) {
    let (given, problem) = answer;
    assert_eq!((given, problem.code()), (status, code), "{}", problem.detail);
    for word in words {
        assert!(problem.detail.contains(word), "{word}: {}", problem.detail);
    }
}
