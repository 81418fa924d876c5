//! Ethereum's published secure-trie cases, through the shipped trie (see tests/vectors/README.md).

use std::collections::BTreeMap;

use aureon_storage::{
    Result, StorageError,
    trie::{self, Key, Node, Path, Source, Trie, Value},
};
use aureon_types::hash::keccak256;
use serde_json::Value as Json;

#[derive(Clone, Debug, PartialEq)]
pub struct Raw(pub Vec<u8>);

impl Value for Raw {
    const RESIDENT_DEPTH: usize = 0;

    fn encode(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.0);
    }
}

/// Nothing is stored below: all is in memory.
pub struct Nothing;

impl<V> Source<V> for Nothing {
    fn height(&self) -> u64 {
        0
    }

    fn node(&self, path: &Path) -> Result<Node<V>> {
        Err(StorageError::Corrupt {
            database: String::new(),
            reason: format!("{path:?} is not in memory"),
        })
    }

    fn value(&self, _: &Key) -> Result<Option<V>> {
        Ok(None)
    }

    fn leaf_below(&self, path: &Path) -> Result<(Key, V)> {
        Err(StorageError::Corrupt {
            database: String::new(),
            reason: format!("{path:?} is not in memory"),
        })
    }
}

fn bytes(text: &str) -> Vec<u8> {
    text.strip_prefix("0x")
        .map_or(text.as_bytes().to_vec(), |digits| hex::decode(digits).unwrap())
}

/// A key with its new value; `None`: deleted.
type Step = (Vec<u8>, Option<Vec<u8>>);

fn steps(input: &Json) -> Vec<Step> {
    let value = |value: &Json| value.as_str().map(bytes);
    match input {
        Json::Array(steps) => steps
            .iter()
            .map(|step| (bytes(step[0].as_str().unwrap()), value(&step[1])))
            .collect(),
        Json::Object(pairs) => pairs.iter().map(|(key, v)| (bytes(key), value(v))).collect(),
        _ => panic!("unknown form of a case"),
    }
}

fn root_of_batches(batches: &[Vec<Step>]) -> String {
    let mut trie = Trie::default();
    for (height, batch) in (1..).zip(batches) {
        let last: BTreeMap<Key, Option<Vec<u8>>> = batch
            .iter()
            .map(|(key, value)| (keccak256(key), value.clone()))
            .collect();
        let updates: Vec<_> = last
            .into_iter()
            .map(|(key, value)| match value {
                Some(value) => trie::set(key, Raw(value), height),
                None => trie::remove(key),
            })
            .collect();
        trie = trie.update(&Nothing, height, &updates).unwrap().0;
    }
    trie.root_hash().to_string()
}

#[test]
fn ethereum_secure_trie_cases() {
    let cases: Json = serde_json::from_str(include_str!("../vectors/ethereum_secure_trie.json")).unwrap();
    let mut run = 0;
    for (file, cases) in cases.as_object().unwrap() {
        for (name, case) in cases.as_object().unwrap() {
            let steps = steps(&case["in"]);
            let one_by_one: Vec<_> = steps.iter().map(|step| vec![step.clone()]).collect();
            let mut reversed = one_by_one.clone();
            reversed.reverse();
            assert_eq!(
                root_of_batches(&one_by_one),
                case["root"],
                "{file}/{name} step by step"
            );
            assert_eq!(root_of_batches(&[steps]), case["root"], "{file}/{name} at once");
            if case["in"].is_object() {
                assert_eq!(
                    root_of_batches(&reversed),
                    case["root"],
                    "{file}/{name} in reverse"
                );
            }
            run += 1;
        }
    }
    assert_eq!(run, 13);
}
