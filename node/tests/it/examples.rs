//! The files at the top of the repository are what people copy: they must be right.

use aureon_node::config::{Document, template};
use aureon_types::{Genesis, SecretKey, hash::sha256};

#[test]
fn the_example_genesis_is_valid_and_its_authorities_are_those_the_documents_name() {
    let genesis = Genesis::from_json(include_str!("../../../genesis.json")).unwrap();
    let validators = genesis.validators().unwrap().unwrap();
    for number in 1..=4 {
        let name = format!("aureon development authority {number}");
        let key = SecretKey::from_seed(sha256(&[name.as_bytes()]));
        assert!(validators.get(&key.address()).is_some(), "{name}");
    }
    assert_eq!(validators.count(), 4);
}

#[test]
fn the_example_configuration_is_the_one_that_init_writes() {
    assert_eq!(
        include_str!("../../../config.toml"),
        template(&Document::default()).unwrap()
    );
}
