//! The trie against `alloy-trie`, which rebuilds the root from all keys.

use std::collections::BTreeMap;

use alloy_primitives::B256;
use alloy_trie::{HashBuilder, Nibbles, proof::verify_proof};
use aureon_storage::{
    FlushPolicy, StateStore, StateView,
    memory::CrashDisk,
    state::record::encode_account,
    trie::{self, Key, Trie},
};
use aureon_types::{Account, Address, Hash, StateChanges, account::EMPTY_TRIE_ROOT, hash::keccak256};
use proptest::prelude::*;

use crate::{
    common::{CACHE, GENESIS, Random, account, address, changes},
    vectors::{Nothing, Raw},
};

pub fn expected_root(leaves: &BTreeMap<Key, Vec<u8>>) -> Hash {
    let mut builder = HashBuilder::default();
    for (key, value) in leaves {
        builder.add_leaf(Nibbles::unpack(key), value);
    }
    Hash(builder.root().0)
}

/// What the state ought to be, and its root (rebuilding it is what takes time here).
#[derive(Clone)]
struct Model(BTreeMap<Address, Account>, Hash);

impl Model {
    fn new() -> Self {
        Self(BTreeMap::new(), EMPTY_TRIE_ROOT)
    }

    fn rebuilt_root(&self) -> Hash {
        let leaf = |(address, account): (&Address, &Account)| (keccak256(address.as_bytes()), rlp(account));
        expected_root(&self.0.iter().map(leaf).collect())
    }

    fn block(&mut self, random: &mut Random, addresses: u64) -> StateChanges {
        let count = 1 + random.below(40);
        let mut block = BTreeMap::new();
        for _ in 0..count {
            let address = address(random.below(addresses));
            let after = match random.below(3) {
                0 => None,
                _ => Some(account(random.below(300), random.next() >> random.below(64))),
            };
            block.insert(address, after);
        }
        for (address, after) in &block {
            match after {
                Some(account) => self.0.insert(*address, *account),
                None => self.0.remove(address),
            };
        }
        self.1 = self.rebuilt_root();
        changes(block)
    }
}

pub fn rlp(account: &Account) -> Vec<u8> {
    let mut out = Vec::new();
    encode_account(account, &mut out);
    out
}

fn check(view: &StateView, model: &Model, random: &mut Random, addresses: u64) {
    assert_eq!(view.root(), model.1, "height {}", view.height());
    for _ in 0..8 {
        let address = address(random.below(addresses + 5));
        let expected = model.0.get(&address).copied();
        assert_eq!(view.account(&address).unwrap(), expected);
        let proof = view.proof(&address).unwrap();
        assert_eq!((proof.account, proof.root), (expected, view.root()));
        let nodes: Vec<_> = proof
            .nodes
            .into_iter()
            .map(alloy_primitives::Bytes::from)
            .collect();
        let key = Nibbles::unpack(keccak256(address.as_bytes()));
        let value = expected.map(|account| rlp(&account));
        verify_proof(B256::new(view.root().0), key, value, &nodes).unwrap();
    }
}

pub fn open(disk: &CrashDisk) -> StateStore {
    StateStore::open(
        disk.backend("state"),
        CACHE,
        FlushPolicy::default(),
        GENESIS,
        &StateChanges::default(),
    )
    .unwrap()
}

/// A random life of a store: blocks, competing blocks, flushes (also in the middle of a line of views
/// that the store has not seen yet), crashes and reopening.
fn live(seed: u64, addresses: u64, rounds: u64) {
    let mut random = Random(seed);
    let disk = CrashDisk::new();
    let mut store = open(&disk);
    // Models by height, from the flushed one to the head's.
    let mut models = vec![Model::new()];
    for _ in 0..rounds {
        let (parent, model) = (store.head(), models.last().unwrap().clone());
        let mut line = Vec::new();
        let (mut view, mut next) = (parent.clone(), model.clone());
        for _ in 0..1 + random.below(3) {
            let mut loser = next.clone();
            let losing = loser.block(&mut random, addresses);
            let winning = next.block(&mut random, addresses);
            let rival = view.apply(view.height() + 1, &losing).unwrap();
            view = view.apply(view.height() + 1, &winning).unwrap();
            check(&rival, &loser, &mut random, addresses);
            line.push((view.clone(), next.clone()));
            if random.below(4) == 0 {
                store.flush().unwrap();
                models.drain(..models.len() - 1);
            }
        }
        check(&parent, &model, &mut random, addresses);
        for (view, model) in line {
            check(&view, &model, &mut random, addresses);
            store.commit(view).unwrap();
            models.push(model);
        }
        match random.below(6) {
            0 | 1 => {
                store.flush().unwrap();
                models.drain(..models.len() - 1);
                check(&store.flushed(), &models[0], &mut random, addresses);
                assert_rows(&store, &models[0]);
            }
            2 => {
                drop(store);
                disk.crash(Some(random.next()));
                store = open(&disk);
                models.truncate(1);
            }
            _ => {}
        }
        check(&store.head(), models.last().unwrap(), &mut random, addresses);
    }
}

/// How many branch nodes a trie with these keys has.
pub fn branches(mut keys: Vec<Key>) -> u64 {
    keys.sort_unstable();
    let updates: Vec<_> = keys
        .into_iter()
        .map(|key| trie::set(key, Raw(vec![1; 40]), 1))
        .collect();
    let trie = Trie::default().update(&Nothing, 1, &updates).unwrap().0;
    let mut branches = 0;
    trie.changed(None, &mut |changed| {
        branches += u64::from(matches!(changed, trie::Changed::Node(..)));
        Ok::<_, ()>(())
    })
    .unwrap();
    branches
}

/// No row is missing, none is left over.
fn assert_rows(store: &StateStore, model: &Model) {
    let listed: BTreeMap<Address, Account> = store
        .list(None, usize::MAX)
        .unwrap()
        .into_iter()
        .map(|(_, address, account)| (address, account))
        .collect();
    assert_eq!(listed, model.0);
    let branches = branches(
        model
            .0
            .keys()
            .map(|address| keccak256(address.as_bytes()))
            .collect(),
    );
    let rows = store.rows().unwrap();
    assert_eq!((rows.accounts, rows.nodes), (model.0.len() as u64, branches));
    assert_eq!((rows.slots, rows.slot_nodes), (0, 0));
}

#[test]
fn the_state_agrees_with_alloy_trie() {
    for seed in 0..6 {
        live(seed, 30, 14);
    }
    live(6, 300, 16);
}

#[test]
fn large_batches_agree_with_alloy_trie() {
    let disk = CrashDisk::new();
    let store = open(&disk);
    let mut model = Model::new();
    let mut random = Random(77);
    for round in 0..4 {
        let block: BTreeMap<_, _> = (0..2_500)
            .map(|_| {
                let gone = random.below(10) < 3;
                (
                    address(random.below(4_000)),
                    (!gone).then(|| account(round, 1 + random.below(1 << 40))),
                )
            })
            .collect();
        for (address, after) in &block {
            match after {
                Some(account) => model.0.insert(*address, *account),
                None => model.0.remove(address),
            };
        }
        model.1 = model.rebuilt_root();
        let head = store.head();
        store
            .commit(head.apply(head.height() + 1, &changes(block)).unwrap())
            .unwrap();
        if round % 2 == 1 {
            store.flush().unwrap();
        }
        check(&store.head(), &model, &mut random, 4_000);
    }
}

/// Keys that share long prefixes, and values so short that nodes are embedded in their parents.
fn close_key() -> impl Strategy<Value = Key> {
    (0_usize..4, 0_u8..4, 50_usize..64, 0_u8..16).prop_map(|(family, first, at, nibble)| {
        let mut key = [0x11; 32];
        key[family] = 0x22;
        key[0] ^= first;
        key[at / 2] ^= if at % 2 == 0 { nibble << 4 } else { nibble };
        key
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn deep_tries_with_embedded_nodes_agree_with_alloy_trie(
        batches in prop::collection::vec(
            prop::collection::btree_map(close_key(), prop::option::of(1_u8..=255), 1..12),
            1..8,
        )
    ) {
        let mut leaves = BTreeMap::new();
        let mut trie = Trie::default();
        for (height, batch) in (1..).zip(batches) {
            let updates: Vec<_> = batch
                .iter()
                .map(|(key, value)| match value {
                    Some(value) => trie::set(*key, Raw(vec![*value]), height),
                    None => trie::remove(*key),
                })
                .collect();
            for (key, value) in batch {
                match value {
                    Some(value) => leaves.insert(key, vec![value]),
                    None => leaves.remove(&key),
                };
            }
            trie = trie.update(&Nothing, height, &updates).unwrap().0;
            prop_assert_eq!(trie.root_hash(), expected_root(&leaves));
            let mut rows = Vec::new();
            trie.changed(None, &mut |changed| {
                if let trie::Changed::Node(path, node) = changed {
                    let mut row = Vec::new();
                    node.encode(&mut row);
                    let again = trie::Node::<Raw>::decode(&row, height).expect("a row");
                    let mut second = Vec::new();
                    again.encode(&mut second);
                    assert_eq!(row, second);
                    rows.push(path.row_key().as_slice().to_vec());
                }
                Ok::<_, ()>(())
            }).unwrap();
            prop_assert!(rows.is_sorted());
        }
    }
}
