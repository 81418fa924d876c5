use std::collections::BTreeMap;

use super::*;
use crate::{PublicKey, SYSTEM_ADDRESS, SecretKey, limits::MAX_SUPPLY};

mod properties;
mod refusals;

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
        vm_cost_table: VM_COST_TABLE,
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

fn pow() -> Genesis {
    Genesis {
        engine: EngineKind::Pow(PowParameters::with_block_time(1_000)),
        ..genesis()
    }
    .checked()
    .unwrap()
}

fn stake(seed: u8, amount: u64) -> GenesisStake {
    GenesisStake {
        public_key: key(seed),
        stake: Amount(amount),
        commission_basis_points: 250,
    }
}

fn pos() -> Genesis {
    Genesis {
        engine: EngineKind::Pos(PosParameters::new(vec![stake(1, 5_000), stake(2, 6_000)])),
        ..genesis()
    }
    .checked()
    .unwrap()
}

#[test]
fn the_ids_are_pinned() {
    let ids = [genesis(), pow(), pos()].map(|genesis| genesis.id().to_string());
    assert_eq!(
        ids,
        [
            "0xb5b33cffdc531e23b50739c2fe61b1bb49e395625f2452e719b8d7255eda10be",
            "0xae80e379d0431abd5d5bc65dc7e413e3456386ca2bde8d2497ee0211cbc5e224",
            "0xbe72cf134b525327ffc48cf188e06df6df81b8c34889eec3516b80c05f118997",
        ]
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
fn defaults_are_those_of_the_engine() {
    let short = |engine: &str, rest: &str| {
        Genesis::from_json(&format!(
            r#"{{"chain":"a","timestamp_ms":1,"engine":"{engine}"{rest}}}"#
        ))
        .unwrap()
    };
    let genesis = short("pow", "");
    assert_eq!(genesis.block_time_ms, 5_000);
    assert_eq!(
        genesis.engine,
        EngineKind::Pow(PowParameters::with_block_time(5_000))
    );
    // The half-life follows the block time that is written.
    let EngineKind::Pow(parameters) = short("pow", r#","block_time_ms":700"#).engine else {
        unreachable!()
    };
    assert_eq!(parameters.half_life_ms, 7_000);
    let genesis = short(
        "pos",
        &format!(
            r#","validators":[{{"public_key":"{}","stake":"5000"}}],"pos":{{"epoch_blocks":7}}"#,
            key(1)
        ),
    );
    assert_eq!(genesis.block_time_ms, 6_000);
    let validator = GenesisStake {
        commission_basis_points: 0,
        ..stake(1, 5_000)
    };
    assert_eq!(
        genesis.engine,
        EngineKind::Pos(PosParameters {
            epoch_blocks: 7,
            ..PosParameters::new(vec![validator])
        })
    );
}

#[test]
fn both_forms_come_back_as_they_were() {
    for genesis in [genesis(), pow(), pos()] {
        assert_eq!(Genesis::from_json(&genesis.to_json()), Ok(genesis.clone()));
        assert_eq!(Genesis::decode(&genesis.encode()), Ok(genesis.clone()));
        for cut in 0..genesis.encode().len() {
            assert!(Genesis::decode(&genesis.encode()[..cut]).is_err());
        }
    }
}

#[test]
fn the_supply_is_what_the_genesis_holds_and_every_reward_since() {
    assert_eq!(genesis().supply_at(100), Amount(30));
    assert_eq!(pow().supply_at(0), Amount(30));
    assert_eq!(pow().supply_at(3), Amount(30 + 3 * DEFAULT_POW_REWARD.per_block));
    assert_eq!(pos().supply(), Amount(30 + 11_000));
    assert_eq!(
        pos().supply_at(2),
        Amount(30 + 11_000 + 2 * DEFAULT_POS_REWARD.per_block)
    );
}

#[test]
fn power_is_stake_or_equal_or_nothing() {
    let powers = |genesis: Genesis| -> Option<Vec<u64>> {
        let set = genesis.validators().unwrap()?;
        Some(set.iter().map(|validator| validator.power).collect())
    };
    assert_eq!(powers(genesis()), Some(vec![1, 1]));
    assert_eq!(powers(pos()), Some(vec![6_000, 5_000]));
    assert_eq!(powers(pow()), None);
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
        ("\"epoch_blocks\": 50", "\"epoch_blocks\": 51", "poa.epoch_blocks"),
        (
            "\"vote_expiry_blocks\": 1000",
            "\"vote_expiry_blocks\": 1001",
            "poa.vote_expiry_blocks",
        ),
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

/// Raises every number of the engine's section by one and expects its name among the differences.
fn every_number_differs(genesis: &Genesis, section: &str) -> usize {
    let document: serde_json::Value = serde_json::from_str(&genesis.to_json()).unwrap();
    let mut count = 0;
    let mut raise = |path: &[&str]| {
        let mut other = document.clone();
        let field = path.iter().fold(&mut other, |value, name| &mut value[*name]);
        *field = (field.as_u64().unwrap() + 1).into();
        let other = Genesis::from_json(&other.to_string()).unwrap();
        assert_ne!(other.id(), genesis.id(), "{path:?}");
        let names: Vec<String> = genesis
            .differences(&other)
            .into_iter()
            .map(|difference| difference.field)
            .collect();
        assert_eq!(names, [path.join(".")]);
        count += 1;
    };
    for (name, value) in document[section].as_object().unwrap() {
        match value.as_object() {
            Some(inner) => inner.keys().for_each(|inner| raise(&[section, name, inner])),
            None => raise(&[section, name]),
        }
    }
    count
}

#[test]
fn every_parameter_of_an_engine_is_in_the_id_and_named_when_it_differs() {
    assert_eq!(every_number_differs(&pow(), "pow"), 5);
    assert_eq!(every_number_differs(&pos(), "pos"), 9);
    assert_eq!(every_number_differs(&genesis(), "poa"), 2);
}

#[test]
fn engines_and_validators_differ_by_name() {
    let names = |differences: Vec<Difference>| -> Vec<String> {
        differences
            .into_iter()
            .map(|difference| difference.field)
            .collect()
    };
    let other = Genesis {
        engine: EngineKind::Pos(PosParameters::new(vec![stake(1, 5_001), stake(2, 6_000)])),
        ..genesis()
    };
    let differences = pos().differences(&other);
    assert_eq!(differences.len(), 1);
    assert_eq!(differences[0].field, format!("validators[{}]", key(1)));
    assert_eq!(differences[0].ours, "stake 5000, commission 250 basis points");
    let fields = names(genesis().differences(&pow()));
    for field in ["engine", "timeouts.vote_ms", "poa.epoch_blocks", "pow.difficulty"] {
        assert!(fields.iter().any(|name| name == field), "{field}: {fields:?}");
    }
    assert!(fields.iter().any(|name| name.starts_with("authorities[")));
}

#[test]
fn wrong_documents_are_refused_with_field_and_reason() {
    let too_much = format!(": {MAX_SUPPLY},");
    let twice = key(2).to_string();
    let cases = [
        ("\"poa\"", "\"pox\"", "it knows \"pow\", \"pos\", \"poa\""),
        ("\"poa\"", "\"pow\"", "belongs to the engine \"poa\""),
        ("\"epoch_blocks\": 50", "\"epoch_blocks\": 3", "poa.epoch_blocks"),
        (
            "\"vote_expiry_blocks\": 1000",
            "\"vote_expiry_blocks\": 0",
            "poa.vote_expiry_blocks",
        ),
        ("test-net", "Test Net", "chain"),
        ("test-net", "", "chain"),
        ("\"block_time_ms\": 1000", "\"block_time_ms\": 0", "block_time_ms"),
        ("\"gas_limit\": 2520000000", "\"gas_limit\": 1", "gas_limit"),
        (
            "\"vm_cost_table\": 1",
            "\"vm_cost_table\": 2",
            "\"vm_cost_table\": it is 2, this software knows 1",
        ),
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
    let system = Genesis {
        balances: BTreeMap::from([(SYSTEM_ADDRESS, Amount(1))]),
        ..genesis()
    };
    assert!(
        system
            .checked()
            .unwrap_err()
            .to_string()
            .contains("system account")
    );
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
    let mut message = aureon_proto::v1::Genesis::decode(pos().encode()).unwrap();
    message.balances.reverse();
    assert!(matches!(
        Genesis::decode(&message.encode_to_vec()),
        Err(GenesisError::Encoding(DecodeError::NotCanonical { .. }))
    ));
    message.balances.reverse();
    let Some(aureon_proto::v1::genesis::Engine::Pos(parameters)) = &mut message.engine else {
        unreachable!()
    };
    parameters.validators.reverse();
    assert!(matches!(
        Genesis::decode(&message.encode_to_vec()),
        Err(GenesisError::Encoding(DecodeError::NotCanonical { .. }))
    ));
}

#[test]
fn a_genesis_of_an_older_version_is_refused_by_its_version() {
    use prost::Message as _;
    let mut message = aureon_proto::v1::Genesis::decode(genesis().encode()).unwrap();
    message.version = Some(1);
    let error = Genesis::decode(&message.encode_to_vec()).unwrap_err();
    assert!(
        error.to_string().contains("it is 1, this software knows 4"),
        "{error}"
    );
}
