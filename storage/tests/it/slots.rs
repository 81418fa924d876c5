//! The storage of accounts, case by case.

use std::collections::BTreeMap;

use aureon_storage::{Rows, StateStore, StateView, StorageError, memory::CrashDisk};
use aureon_types::{
    Account, Address, Hash, SlotChanges, StateChanges,
    account::{EMPTY_TRIE_ROOT, MAX_SLOT_BYTES},
    hash::keccak256,
};
use bytes::Bytes;

use crate::{
    common::{account, address, changes, open_genesis},
    differential::{branches, open},
    slots_random::{Model, slot},
};

fn sets(pairs: &[(u64, &[u8])]) -> SlotChanges {
    let sorted: BTreeMap<Hash, &[u8]> = pairs
        .iter()
        .map(|(number, value)| (slot(*number), *value))
        .collect();
    let some = |(slot, value): (Hash, &[u8])| (slot, Some(Bytes::copy_from_slice(value)));
    sorted.into_iter().map(some).collect()
}

fn only(address: Address, slots: SlotChanges) -> StateChanges {
    StateChanges {
        storage: vec![(address, slots)],
        ..StateChanges::default()
    }
}

fn commit(store: &StateStore, changes: &StateChanges) -> StateView {
    let head = store.head();
    let view = head.apply(head.height() + 1, changes).unwrap();
    store.commit(view.clone()).unwrap();
    view
}

/// Slot 0 holds 1: the storage of many a deployed counter, here with the proof that a node of the
/// Holesky network gave for one (`cast proof`, 0x8dA342Bf25Ea6A930Cd0b08D0Ad09A95C9C2A1FB). Three
/// slots: a fixture of FISCO-BCOS (`gen_storage_root_fixture.py`).
#[test]
fn ethereums_storage_roots() {
    let store = open(&CrashDisk::new());
    let word = |byte| Hash([byte; 32]);
    let mut one = word(0);
    one.0[31] = 1;
    let first = commit(
        &store,
        &only(address(1), vec![(word(0), Some(Bytes::from_static(&[1])))]),
    );
    let proof = first.storage_proof(&address(1), &word(0)).unwrap();
    let root = proof.account.account.unwrap().storage_root;
    assert_eq!(
        root.to_string(),
        "0x821e2556a290c86405f8160a2d662042a431ba456b9db265c79bb837c04be5f0"
    );
    assert_eq!(
        proof.nodes.iter().map(hex::encode).collect::<Vec<_>>(),
        ["e3a120290decd9548b62a8d60345a988386fc84ba6bc95484008f6362f93160ef3e56301"]
    );
    let more = [(one, &[0xde, 0xad, 0xbe, 0xef][..]), (word(0xff), &[0xff])];
    let more = more.map(|(slot, value)| (slot, Some(Bytes::copy_from_slice(value))));
    let three = commit(&store, &only(address(1), more.to_vec()));
    let root = three.account(&address(1)).unwrap().unwrap().storage_root;
    assert_eq!(
        root.to_string(),
        "0x7ce94a4a60783202e726bea0fb63adadfb79ee7903d3b30af81c4b5530b9bff5"
    );
}

#[test]
fn an_account_with_storage_is_not_empty_and_one_without_is_gone() {
    let store = open(&CrashDisk::new());
    let (poor, rich) = (address(1), address(2));
    commit(&store, &changes([(rich, Some(account(0, 5)))]));
    let slots = sets(&[(1, b"one"), (2, b"")]);
    let mut both = only(poor, slots.clone());
    both.storage.push((rich, slots.clone()));
    let view = commit(&store, &both);
    let root = view.account(&poor).unwrap().unwrap().storage_root;
    let storage_root = root;
    assert_eq!(
        view.account(&poor).unwrap(),
        Some(Account {
            storage_root,
            ..account(0, 0)
        })
    );
    assert_eq!(
        view.account(&rich).unwrap(),
        Some(Account {
            storage_root,
            ..account(0, 5)
        })
    );
    assert_eq!(
        view.storage(&poor, &slot(2)).unwrap(),
        Some(Bytes::new()),
        "empty, and set"
    );
    assert_eq!(view.storage(&poor, &slot(3)).unwrap(), None);
    assert_eq!(view.storage(&address(3), &slot(1)).unwrap(), None);
    store.flush().unwrap();
    assert_eq!(
        store.rows().unwrap(),
        Rows {
            accounts: 2,
            nodes: 1,
            slots: 4,
            slot_nodes: 2,
            code: 0,
        }
    );
    for (_, slots) in &mut both.storage {
        slots.iter_mut().for_each(|(_, value)| *value = None);
    }
    let view = commit(&store, &both);
    assert_eq!(view.account(&poor).unwrap(), None);
    let left = view.account(&rich).unwrap().unwrap();
    assert_eq!((left, left.storage_root), (account(0, 5), EMPTY_TRIE_ROOT));
    assert_eq!(view.storage_proof(&rich, &slot(1)).unwrap().nodes, [[0; 0]; 0]);
    store.flush().unwrap();
    assert_eq!(
        store.rows().unwrap(),
        Rows {
            accounts: 1,
            nodes: 0,
            slots: 0,
            slot_nodes: 0,
            code: 0,
        }
    );
}

#[test]
fn an_account_that_lost_its_storage_has_nothing_of_it_when_it_gets_new_one() {
    let disk = CrashDisk::new();
    let store = open(&disk);
    let many: Vec<(u64, &[u8])> = (0..300).map(|number| (number, &b"value"[..])).collect();
    commit(&store, &only(address(1), sets(&many)));
    commit(&store, &only(address(2), sets(&many)));
    commit(&store, &only(address(3), sets(&many)));
    commit(&store, &only(address(4), sets(&many)));
    store.flush().unwrap();
    // 1: gone, and back in a later block of the same flush. 2: gone and back in one block. 3: left
    // without storage, and given new one later. 4: left without storage.
    let (gone, left) = (None, Some(account(0, 5)));
    commit(
        &store,
        &changes([(address(1), gone), (address(3), left), (address(4), left)]),
    );
    let gone = store.head();
    commit(&store, &only(address(1), sets(&[(7, b"new")])));
    commit(&store, &only(address(3), sets(&[(7, b"new")])));
    let back = StateChanges {
        accounts: vec![(address(2), None)],
        storage: vec![(address(2), sets(&[(7, b"new")]))],
        ..StateChanges::default()
    };
    let view = commit(&store, &back);
    let look = |view: &StateView| {
        assert_eq!(view.account(&address(4)).unwrap(), left);
        assert_eq!(view.storage(&address(4), &slot(7)).unwrap(), None);
        for address in [1, 2, 3].map(address) {
            assert_eq!(view.storage(&address, &slot(6)).unwrap(), None);
            assert_eq!(
                view.storage(&address, &slot(7)).unwrap().as_deref(),
                Some(&b"new"[..])
            );
        }
    };
    look(&view);
    assert_eq!(gone.storage(&address(1), &slot(7)).unwrap(), None);
    assert!(gone.storage(&address(2), &slot(7)).unwrap().is_some());
    store.flush().unwrap();
    look(&view);
    assert_eq!(
        store.rows().unwrap(),
        Rows {
            accounts: 4,
            nodes: branches(
                [1, 2, 3, 4]
                    .map(|number| keccak256(address(number).as_bytes()))
                    .to_vec()
            ),
            slots: 3,
            slot_nodes: 0,
            code: 0,
        }
    );
    drop(store);
    let store = open(&disk);
    look(&store.head());
    assert_eq!(store.head().root(), view.root());
}

#[test]
fn competing_blocks_have_their_own_storage_and_a_loser_keeps_it_after_a_flush() {
    let store = open(&CrashDisk::new());
    let parent = commit(&store, &only(address(1), sets(&[(1, b"old"), (2, b"old")])));
    let left = parent.apply(2, &only(address(1), sets(&[(1, b"left")]))).unwrap();
    let right = parent
        .apply(2, &only(address(1), sets(&[(2, b"right")])))
        .unwrap();
    let look = || {
        let read = |view: &StateView, number| view.storage(&address(1), &slot(number)).unwrap().unwrap();
        assert_eq!((read(&parent, 1), read(&parent, 2)), ("old".into(), "old".into()));
        assert_eq!((read(&left, 1), read(&left, 2)), ("left".into(), "old".into()));
        assert_eq!((read(&right, 1), read(&right, 2)), ("old".into(), "right".into()));
    };
    look();
    store.flush().unwrap();
    store.commit(right.clone()).unwrap();
    store.flush().unwrap();
    look();
    let above = left.apply(3, &only(address(1), sets(&[(3, b"left")]))).unwrap();
    assert_eq!(above.storage(&address(1), &slot(1)).unwrap().unwrap(), "left");
    store.commit(right.apply(3, &changes([])).unwrap()).unwrap();
    store.flush().unwrap();
    look();
    assert_eq!(above.storage(&address(1), &slot(2)).unwrap().unwrap(), "old");
}

#[test]
fn the_genesis_has_storage_and_only_a_new_store_takes_it() {
    let disk = CrashDisk::new();
    let genesis = StateChanges {
        accounts: vec![(address(1), Some(account(0, 9)))],
        storage: vec![(address(1), sets(&[(1, b"a")])), (address(2), sets(&[(1, b"b")]))],
        ..StateChanges::default()
    };
    let mut model = Model::default();
    model.apply(&genesis);
    let store = open_genesis(&disk, &genesis).unwrap();
    assert_eq!((store.head().height(), store.head().root()), (0, model.root()));
    assert_eq!(store.rows().unwrap(), model.rows());
    drop(store);
    let store = open_genesis(&disk, &StateChanges::default()).unwrap();
    assert_eq!(store.head().root(), model.root());
    assert_eq!(store.head().storage(&address(2), &slot(1)).unwrap().unwrap(), "b");
}

#[test]
fn what_cannot_be_stored_is_refused_and_changes_nothing() {
    let store = open(&CrashDisk::new());
    let head = commit(&store, &only(address(1), sets(&[(1, b"a")])));
    let long = |length| only(address(1), vec![(slot(2), Some(Bytes::from(vec![1; length])))]);
    assert!(head.apply(2, &long(MAX_SLOT_BYTES)).is_ok());
    let error = head.apply(2, &long(MAX_SLOT_BYTES + 1)).unwrap_err();
    assert!(
        matches!(error, StorageError::TooLarge { given: 65_537, .. }),
        "{error}"
    );
    assert!(!error.is_fatal());
    // An account that keeps its storage must be given with its root, in memory and as stored.
    for flushed in [false, true] {
        if flushed {
            store.flush().unwrap();
        }
        let storage_root = Hash([3; 32]);
        let wrong = Account {
            storage_root,
            ..account(1, 1)
        };
        for address in [address(1), address(2)] {
            let error = store
                .head()
                .apply(2, &changes([(address, Some(wrong))]))
                .unwrap_err();
            assert!(
                matches!(error, StorageError::StorageRoot { given, .. } if given == storage_root),
                "{error}"
            );
            assert!(!error.is_fatal());
        }
    }
}
