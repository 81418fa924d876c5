//! The storage of accounts in random lives of a store, against `alloy-trie` and a plain map.

use std::collections::BTreeMap;

use alloy_primitives::B256;
use alloy_trie::{Nibbles, proof::verify_proof};
use aureon_storage::{Rows, StateView, memory::CrashDisk};
use aureon_types::{Account, Address, Hash, StateChanges, account::EMPTY_TRIE_ROOT, hash::keccak256};
use bytes::Bytes;

use crate::{
    common::{Random, account, address, changes},
    differential::{branches, expected_root, open, rlp},
};

type Slots = BTreeMap<Hash, Bytes>;

/// What the state ought to be.
#[derive(Clone, Default)]
pub struct Model {
    accounts: BTreeMap<Address, Account>,
    slots: BTreeMap<Address, Slots>,
    /// Code by its hash.
    pub code: BTreeMap<Hash, Bytes>,
}

/// How large a random life is.
#[derive(Clone, Copy)]
struct Size {
    accounts: u64,
    slots: u64,
    changes: u64,
}

pub fn slot(number: u64) -> Hash {
    Hash(keccak256(&number.to_be_bytes()))
}

/// The RLP of a byte string, by hand.
fn string(bytes: &[u8]) -> Vec<u8> {
    match bytes {
        [single @ 0..0x80] => vec![*single],
        _ if bytes.len() < 56 => [&[0x80 + bytes.len() as u8], bytes].concat(),
        _ if bytes.len() < 256 => [&[0xb8, bytes.len() as u8], bytes].concat(),
        _ => [&[0xb9], &(bytes.len() as u16).to_be_bytes()[..], bytes].concat(),
    }
}

fn storage_root(slots: &Slots) -> Hash {
    let leaf = |(slot, value): (&Hash, &Bytes)| (keccak256(&slot.0), string(value));
    expected_root(&slots.iter().map(leaf).collect())
}

impl Model {
    fn slots(&self, address: &Address) -> Slots {
        self.slots.get(address).cloned().unwrap_or_default()
    }

    pub fn account(&self, address: &Address) -> Option<Account> {
        self.accounts.get(address).copied()
    }

    pub fn slot(&self, address: &Address, slot: &Hash) -> Option<Bytes> {
        self.slots.get(address)?.get(slot).cloned()
    }

    pub fn root(&self) -> Hash {
        let leaf = |(address, account): (&Address, &Account)| (keccak256(address.as_bytes()), rlp(account));
        expected_root(&self.accounts.iter().map(leaf).collect())
    }

    /// Does what `StateChanges` says that they do.
    pub fn apply(&mut self, changes: &StateChanges) {
        self.code.extend(changes.code.iter().cloned());
        for (address, after) in &changes.accounts {
            match after {
                Some(account) => {
                    let listed = changes.storage.iter().any(|(of, _)| of == address);
                    if account.storage_root == EMPTY_TRIE_ROOT && !listed {
                        self.slots.remove(address);
                    }
                    self.accounts.insert(*address, *account)
                }
                None => {
                    self.slots.remove(address);
                    self.accounts.remove(address)
                }
            };
        }
        for (address, slots) in &changes.storage {
            let mut held = self.slots(address);
            for (slot, value) in slots {
                match value {
                    Some(value) => held.insert(*slot, value.clone()),
                    None => held.remove(slot),
                };
            }
            let account = self.accounts.entry(*address).or_default();
            account.storage_root = storage_root(&held);
            if account.is_empty() {
                self.accounts.remove(address);
            }
            if held.is_empty() {
                self.slots.remove(address);
            } else {
                self.slots.insert(*address, held);
            }
        }
    }

    fn block(&mut self, random: &mut Random, size: Size) -> StateChanges {
        let mut block = changes([]);
        for address in (0..size.accounts).map(address) {
            let root = self
                .accounts
                .get(&address)
                .copied()
                .unwrap_or_default()
                .storage_root;
            let kind = random.below(10);
            match kind {
                0 => block.accounts.push((address, None)),
                1..=4 => {
                    // A root beside changes of the storage is replaced by the one that follows.
                    let storage_root = match kind {
                        1 | 2 => Hash([7; 32]),
                        3 if random.below(2) == 0 => EMPTY_TRIE_ROOT,
                        _ => root,
                    };
                    let plain = account(random.below(300), 1 + random.below(1 << 40));
                    block.accounts.push((
                        address,
                        Some(Account {
                            storage_root,
                            ..plain
                        }),
                    ));
                }
                _ => {}
            }
            if matches!(kind, 1 | 2 | 5) || kind == 0 && random.below(2) == 0 {
                block
                    .storage
                    .push((address, self.slot_changes(&address, random, size)));
            }
        }
        self.apply(&block);
        block
    }

    fn slot_changes(&self, address: &Address, random: &mut Random, size: Size) -> Vec<(Hash, Option<Bytes>)> {
        if random.below(6) == 0 {
            return self.slots(address).into_keys().map(|slot| (slot, None)).collect();
        }
        let count = 1 + random.below(size.changes);
        let slots: BTreeMap<Hash, Option<Bytes>> = (0..count)
            .map(|_| {
                let length = [0, 1, 1, 8, 31, 32, 60, 300][random.below(8) as usize];
                let value = Bytes::from(vec![random.below(256) as u8; length]);
                (
                    slot(random.below(size.slots)),
                    (random.below(3) > 0).then_some(value),
                )
            })
            .collect();
        slots.into_iter().collect()
    }

    pub fn rows(&self) -> Rows {
        let leaves = |slots: &Slots| slots.keys().map(|slot| keccak256(&slot.0)).collect();
        Rows {
            accounts: self.accounts.len() as u64,
            nodes: branches(
                self.accounts
                    .keys()
                    .map(|address| keccak256(address.as_bytes()))
                    .collect(),
            ),
            slots: self.slots.values().map(|slots| slots.len() as u64).sum(),
            slot_nodes: self.slots.values().map(|slots| branches(leaves(slots))).sum(),
            code: self.code.len() as u64,
        }
    }
}

fn check_proof(view: &StateView, model: &Model, address: &Address, key: &Hash) {
    let verify = |root: Hash, key: &[u8], value, nodes: Vec<Vec<u8>>| {
        let nodes: Vec<_> = nodes.into_iter().map(alloy_primitives::Bytes::from).collect();
        verify_proof(B256::new(root.0), Nibbles::unpack(keccak256(key)), value, &nodes).unwrap();
    };
    let proof = view.storage_proof(address, key).unwrap();
    let account = model.accounts.get(address).copied();
    let value = model.slots(address).get(key).cloned();
    assert_eq!((proof.account.account, &proof.value), (account, &value));
    let root = account.unwrap_or_default().storage_root;
    verify(
        view.root(),
        address.as_bytes(),
        account.map(|account| rlp(&account)),
        proof.account.nodes,
    );
    verify(root, &key.0, value.map(|value| string(&value)), proof.nodes);
}

fn check(view: &StateView, model: &Model, random: &mut Random, size: Size) {
    assert_eq!(view.root(), model.root(), "height {}", view.height());
    for address in (0..size.accounts).map(address) {
        assert_eq!(
            view.account(&address).unwrap(),
            model.accounts.get(&address).copied()
        );
        let held = model.slots(&address);
        for _ in 0..6 {
            let key = slot(random.below(size.slots + 2));
            assert_eq!(view.storage(&address, &key).unwrap().as_ref(), held.get(&key));
        }
        check_proof(view, model, &address, &slot(random.below(size.slots + 2)));
    }
}

/// A random life of a store: blocks, competing blocks, flushes also between blocks that the store has
/// not seen, crashes and reopening.
fn live(seed: u64, size: Size, rounds: u64) {
    let mut random = Random(seed);
    let disk = CrashDisk::new();
    let mut store = open(&disk);
    let (mut flushed, mut model) = (Model::default(), Model::default());
    for _ in 0..rounds {
        let (parent, before) = (store.head(), model.clone());
        let (mut view, mut line) = (parent.clone(), Vec::new());
        for _ in 0..1 + random.below(3) {
            let mut rival = model.clone();
            let losing = rival.block(&mut random, size);
            let winning = model.block(&mut random, size);
            let height = view.height() + 1;
            check(&view.apply(height, &losing).unwrap(), &rival, &mut random, size);
            view = view.apply(height, &winning).unwrap();
            line.push((view.clone(), model.clone()));
            if random.below(4) == 0 {
                store.flush().unwrap();
                flushed = before.clone();
            }
        }
        check(&parent, &before, &mut random, size);
        for (view, model) in line {
            check(&view, &model, &mut random, size);
            store.commit(view).unwrap();
        }
        match random.below(6) {
            0..=2 => {
                store.flush().unwrap();
                flushed = model.clone();
                check(&store.flushed(), &flushed, &mut random, size);
                assert_eq!(store.rows().unwrap(), flushed.rows(), "seed {seed}");
            }
            3 => {
                drop(store);
                disk.crash(Some(random.next()));
                store = open(&disk);
                model = flushed.clone();
            }
            _ => {}
        }
        check(&store.head(), &model, &mut random, size);
    }
}

#[test]
fn storage_agrees_with_alloy_trie() {
    for seed in 0..8 {
        let size = Size {
            accounts: 5,
            slots: 6,
            changes: 4,
        };
        live(seed, size, 20);
    }
    for seed in 8..12 {
        let size = Size {
            accounts: 4,
            slots: 60,
            changes: 40,
        };
        live(seed, size, 14);
    }
    // Large enough to be worked on in parallel.
    live(
        12,
        Size {
            accounts: 3,
            slots: 1_500,
            changes: 900,
        },
        6,
    );
}

/// Branches as under proof of work: views in a tree, of which only final ones reach the store, while it
/// flushes. Every view that is still wanted stays right, and blocks go on top of any of them.
#[test]
fn unfinal_branches_outlive_flushes() {
    const DEPTH: u64 = 5;
    let size = Size {
        accounts: 5,
        slots: 8,
        changes: 4,
    };
    for seed in 100..104 {
        let mut random = Random(seed);
        let store = open(&CrashDisk::new());
        // The parent's place in the list, the view, and what it ought to hold.
        let mut tree = vec![(0, store.head(), Model::default())];
        let mut best = 0;
        for _ in 0..90 {
            // Mostly on the head of the chain; else on any that is not below the final one.
            let finalized = store.head().height();
            let above = |at: &usize| tree[*at].1.height() >= finalized;
            let places: Vec<usize> = (0..tree.len()).filter(above).collect();
            let at = match random.below(3) {
                0 => places[random.below(places.len() as u64) as usize],
                _ => best,
            };
            let (_, view, model) = &tree[at];
            let mut after = model.clone();
            let changes = after.block(&mut random, size);
            let view = view.apply(view.height() + 1, &changes).unwrap();
            check(&view, &after, &mut random, size);
            tree.push((at, view, after));
            // The highest that stands on what is final is the head of the chain.
            let lines = (0..tree.len()).filter_map(|at| line(&tree, at, &store.head()));
            let head = lines.max_by_key(Vec::len).unwrap();
            best = head[0];
            if head.len() as u64 > DEPTH + 1 {
                store.commit(tree[head[head.len() - 2]].1.clone()).unwrap();
            }
            if random.below(5) == 0 {
                store.flush().unwrap();
            }
            if random.below(4) == 0 {
                for (_, view, model) in tree.iter().rev().take(12) {
                    check(view, model, &mut random, size);
                }
            }
        }
        assert!(store.head().height() > 10, "seed {seed}: {:?}", store.head());
        store.flush().unwrap();
        let model = tree
            .iter()
            .find(|(_, view, _)| view.root() == store.head().root());
        assert_eq!(store.rows().unwrap(), model.unwrap().2.rows());
    }
}

/// The places from a view down to the final one, if it stands on it.
fn line(tree: &[(usize, StateView, Model)], at: usize, last: &StateView) -> Option<Vec<usize>> {
    let mut line = vec![at];
    let mut at = at;
    while tree[at].1.height() > last.height() {
        at = tree[at].0;
        line.push(at);
    }
    let stands = tree[at].1.height() == last.height() && tree[at].1.root() == last.root();
    stands.then_some(line)
}
