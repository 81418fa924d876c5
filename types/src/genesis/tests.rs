use std::collections::BTreeMap;

use super::*;
use crate::{PublicKey, SecretKey, limits::MAX_SUPPLY};

fn key(seed: u8) -> PublicKey {
    SecretKey::from_seed([seed; 32]).public_key()
}

fn genesis() -> Genesis {
    Genesis {
        chain: "test-net".to_owned(),
        timestamp_ms: 1_760_000_000_000,
        engine: EngineKind::Poa(PoaParameters::new(vec![key(1), key(2)])),
        block_time_ms: 1_000,
        empty_blocks: EmptyBlocks::Always,
        gas_limit: DEFAULT_GAS_LIMIT,
        min_gas_price: 1,
        timeouts: BftTimeouts::default(),
        balances: BTreeMap::from([(Address([1; 20]), Amount(10)), (Address([2; 20]), Amount(20))]),
    }
    .checked()
    .unwrap()
}

fn edited(from: &str, to: &str) -> Result<Genesis, GenesisError> {
    let text = genesis().to_json();
    assert!(text.contains(from), "{from} is not in {text}");
    Genesis::from_json(&text.replacen(from, to, 1))
}

#[test]
fn the_id_is_pinned() {
    assert_eq!(
        genesis().id().to_string(),
        "0x9273c251537c32b0b7eac301101b8e4d2bf39b43ecd195ba8d5d01c60e8ee424"
    );
}

#[test]
fn formatting_order_case_and_defaults_do_not_change_the_id() {
    let (a, b) = (key(1), key(2));
    let loose = format!(
        r#"{{"balances":{{"0x{}":"20","0x{}":10, "0x{}": 0}},"engine":"poa",
           "authorities":["{b}","{a}"],"timestamp_ms":1760000000000,"chain":"test-net"}}"#,
        "02".repeat(20),
        "01".repeat(20),
        "03".repeat(20),
    );
    assert_eq!(
        Genesis::from_json(&loose).map(|genesis| genesis.id()),
        Ok(genesis().id())
    );
}

#[test]
fn both_forms_come_back_as_they_were() {
    let genesis = genesis();
    assert_eq!(Genesis::from_json(&genesis.to_json()), Ok(genesis.clone()));
    assert_eq!(Genesis::decode(&genesis.encode()), Ok(genesis.clone()));
    for cut in 0..genesis.encode().len() {
        assert!(Genesis::decode(&genesis.encode()[..cut]).is_err());
    }
}

#[test]
fn every_field_is_in_the_id_and_named_when_it_differs() {
    let edits = [
        ("test-net", "test-net2", "chain"),
        ("1760000000000", "1760000000001", "timestamp_ms"),
        (
            "\"block_time_ms\": 1000",
            "\"block_time_ms\": 1001",
            "block_time_ms",
        ),
        ("always", "on_demand", "empty_blocks"),
        (
            "\"gas_limit\": 2520000000",
            "\"gas_limit\": 2520000001",
            "gas_limit",
        ),
        ("\"min_gas_price\": 1", "\"min_gas_price\": 2", "min_gas_price"),
        (
            "\"propose_ms\": 3000",
            "\"propose_ms\": 3001",
            "timeouts.propose_ms",
        ),
        ("\"vote_ms\": 1000", "\"vote_ms\": 1001", "timeouts.vote_ms"),
        (
            "\"increment_ms\": 500",
            "\"increment_ms\": 501",
            "timeouts.increment_ms",
        ),
        (
            "\"ceiling_ms\": 15000",
            "\"ceiling_ms\": 15001",
            "timeouts.ceiling_ms",
        ),
        (&key(1).to_string(), &key(3).to_string(), "authorities["),
        (": 10\n", ": 11\n", "balances["),
        (": 10,\n", ": 11,\n", "balances["),
    ];
    let mut seen = 0;
    for (from, to, field) in edits {
        if !genesis().to_json().contains(from) {
            continue; // which balance is last depends on nothing that matters
        }
        let other = edited(from, to).unwrap();
        assert_ne!(other.id(), genesis().id(), "{field}");
        let differences = genesis().differences(&other);
        assert!(
            differences
                .iter()
                .all(|difference| difference.field.starts_with(field)),
            "{differences:?}"
        );
        assert!(!differences.is_empty(), "{field}");
        seen += 1;
    }
    assert_eq!(seen, edits.len() - 1);
    assert_eq!(genesis().differences(&genesis()), []);
}

#[test]
fn wrong_documents_are_refused_with_field_and_reason() {
    let too_much = format!(": {MAX_SUPPLY},");
    let twice = key(2).to_string();
    let cases = [
        ("\"poa\"", "\"pow\"", "engine"),
        ("test-net", "Test Net", "chain"),
        ("test-net", "", "chain"),
        ("\"block_time_ms\": 1000", "\"block_time_ms\": 0", "block_time_ms"),
        ("\"gas_limit\": 2520000000", "\"gas_limit\": 1", "gas_limit"),
        ("\"chain\"", "\"chian\"", "chian"),
        ("\"ceiling_ms\": 15000", "\"ceiling_ms\": 20", "ceiling_ms"),
        (": 10,", &too_much, "balances"),
        (": 10,", ": -1,", "base units"),
        (&key(1).to_string(), &twice, "authorities"),
        (&key(1).to_string(), "0x12", "public key"),
        (
            &key(1).to_string(),
            &PublicKey([0; 32]).to_string(),
            "small order",
        ),
    ];
    for (from, to, word) in cases {
        let error = edited(from, to).unwrap_err().to_string();
        assert!(error.contains(word), "{from} -> {to}: {error}");
    }
    let nobody = Genesis {
        engine: EngineKind::Poa(PoaParameters::new(vec![])),
        ..genesis()
    };
    assert!(nobody.checked().unwrap_err().to_string().contains("at least one"));
}

#[test]
fn an_address_listed_twice_is_refused() {
    let text = genesis().to_json().replacen(
        "\"balances\": {",
        &format!("\"balances\": {{ \"0x{}\": 1,", "01".repeat(20)),
        1,
    );
    let error = Genesis::from_json(&text).unwrap_err().to_string();
    assert!(error.contains("twice"), "{error}");
}

#[test]
fn the_encoding_is_canonical() {
    use prost::Message as _;
    let mut message = aureon_proto::v1::Genesis::decode(genesis().encode()).unwrap();
    message.balances.reverse();
    assert!(matches!(
        Genesis::decode(&message.encode_to_vec()),
        Err(GenesisError::Encoding(DecodeError::NotCanonical { .. }))
    ));
}
