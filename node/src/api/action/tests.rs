//! Every action in JSON and back.

use aureon_types::{
    BlockId, GenesisId, SecretKey, SignedVote, Transaction, Vote, VoteKind, action::STAKING_GAS,
};
use bytes::Bytes;
use serde_json::{Value, json};

use super::*;
use crate::api::transaction::JsonTransaction;

const GENESIS: GenesisId = GenesisId([9; 32]);
const VALIDATOR: Address = Address([2; 20]);

fn evidence() -> Evidence {
    let key = SecretKey::from_seed([1; 32]);
    let [first, second] = [Some(BlockId([5; 32])), None].map(|block_id| {
        let vote = Vote {
            kind: VoteKind::Precommit,
            height: 3,
            round: 0,
            block_id,
        };
        SignedVote::sign(vote, &key, &GENESIS)
    });
    Evidence::Votes(first, second)
}

fn actions() -> Vec<Action> {
    let amount = Amount(7);
    let validator = VALIDATOR;
    let key = SecretKey::from_seed([3; 32]).public_key();
    vec![
        Action::Bond {
            amount,
            commission_basis_points: 250,
        },
        Action::Unbond { amount },
        Action::Delegate { validator, amount },
        Action::Undelegate { validator, amount },
        Action::Unjail,
        Action::AuthorityVote {
            add: Some(key),
            remove: None,
        },
        Action::Evidence(Box::new(evidence())),
        Action::ClaimRewards { validator },
        Action::Deploy {
            code: Bytes::from_static(b"\0asm"),
            input: Bytes::from_static(b"x"),
            upgradable: true,
            value: amount,
        },
        Action::Call {
            contract: validator,
            input: Bytes::new(),
            value: amount,
        },
        Action::Upgrade {
            contract: validator,
            code: Bytes::from_static(b"\0asm"),
            input: Bytes::new(),
        },
        Action::SetAdmin {
            contract: validator,
            admin: None,
        },
        Action::SetAdmin {
            contract: validator,
            admin: Some(validator),
        },
    ]
}

fn json_of(action: Action) -> (Value, aureon_types::SignedTransaction) {
    let key = SecretKey::from_seed([1; 32]);
    let transaction = Transaction {
        network: GENESIS.network_hint(),
        public_key: key.public_key(),
        nonce: 0,
        gas_limit: STAKING_GAS,
        gas_price: 1,
        last_valid_height: None,
        action,
    };
    let signed = transaction.sign(&key, &GENESIS);
    (
        serde_json::to_value(JsonTransaction::of(&signed)).unwrap(),
        signed,
    )
}

fn rebuilt(json: Value) -> Result<aureon_types::SignedTransaction, String> {
    let json: JsonTransaction = serde_json::from_value(json).map_err(|error| error.to_string())?;
    json.rebuild(&GENESIS).map_err(|error| error.to_string())
}

#[test]
fn every_action_keeps_its_signed_bytes_and_has_its_own_name() {
    for action in actions() {
        let name = action.name();
        let (json, signed) = json_of(action);
        let fields: Vec<&String> = json["action"].as_object().unwrap().keys().collect();
        assert_eq!(fields, [name]);
        assert_eq!((json.get("to"), json.get("amount")), (None, None));
        assert_eq!(rebuilt(json), Ok(signed), "{name}");
    }
}

#[test]
fn what_is_wrong_is_named() {
    let (good, _) = json_of(Action::Unjail);
    for (field, value, expected) in [
        ("action", Value::Null, "every other transaction has \"action\""),
        ("to", json!(VALIDATOR), "every other transaction has \"action\""),
        ("action", json!({"bnod": {}}), "unknown variant `bnod`"),
        (
            "action",
            json!({"call": {"contract": VALIDATOR, "input": "12", "value": 1}}),
            "hexadecimal",
        ),
        (
            "action",
            json!({"upgrade": {"contract": VALIDATOR, "code": "0x"}}),
            "empty",
        ),
        (
            "action",
            json!({"bond": {"amount": 1}}),
            "commission_basis_points",
        ),
        (
            "action",
            json!({"unbond": {"amount": 1, "x": 1}}),
            "unknown field `x`",
        ),
        ("action", json!({"unbond": {"amount": -1}}), "base units"),
        ("action", json!({"authority_vote": {}}), "neither a key to add"),
        ("action", json!({"evidence": {"bytes": "12"}}), "hexadecimal"),
        ("action", json!({"evidence": {"bytes": "0x1"}}), "hexadecimal"),
        ("action", json!({"evidence": {"bytes": "0x12"}}), "evidence"),
    ] {
        let mut json = good.clone();
        json[field] = value.clone();
        let error = rebuilt(json).unwrap_err();
        assert!(error.contains(expected), "{value}: {error}");
    }
}
