//! Code of contracts: once for all who name it, and as durable as its block.

use aureon_storage::{StateStore, StateView, StorageError, memory::CrashDisk};
use aureon_types::{Account, Amount, Hash, StateChanges, contract::code_hash};
use bytes::Bytes;

use crate::{
    common::{address, open_genesis},
    differential::open,
};

fn code(text: &'static str) -> (Hash, Bytes) {
    let code = Bytes::from_static(text.as_bytes());
    (code_hash(&code), code)
}

/// A block in which the accounts of these numbers come to name the code.
fn deploys(numbers: &[u64], code: &(Hash, Bytes)) -> StateChanges {
    let contract = |number: &u64| {
        let account = Account {
            balance: Amount(1),
            code_hash: code.0,
            ..Account::default()
        };
        (address(*number), Some(account))
    };
    StateChanges {
        accounts: numbers.iter().map(contract).collect(),
        code: vec![code.clone()],
        ..StateChanges::default()
    }
}

fn commit(store: &StateStore, changes: &StateChanges) -> StateView {
    let head = store.head();
    let view = head.apply(head.height() + 1, changes).unwrap();
    store.commit(view.clone()).unwrap();
    view
}

fn has(view: &StateView, code: &(Hash, Bytes)) -> bool {
    let found = view.code(&code.0).unwrap();
    assert!(found.is_none() || found.as_ref() == Some(&code.1));
    found.is_some()
}

#[test]
fn code_is_there_before_and_after_the_flush_and_once() {
    let disk = CrashDisk::new();
    let store = open(&disk);
    let (one, two) = (code("one"), code("two"));
    let before = store.head();
    let first = commit(&store, &deploys(&[1], &one));
    let second = commit(&store, &deploys(&[2], &two));
    assert!(has(&first, &one) && !has(&first, &two));
    assert!(has(&second, &one) && has(&second, &two));
    assert!(!has(&before, &one));
    store.flush().unwrap();
    for view in [&second, &store.head(), &store.flushed()] {
        assert!(has(view, &one) && has(view, &two));
    }
    assert!(
        !has(&first, &two) && !has(&before, &one),
        "views stay what they were"
    );
    // The same again, from another account: no second row.
    let third = commit(&store, &deploys(&[3], &one));
    assert!(has(&third, &one));
    store.flush().unwrap();
    assert_eq!(store.rows().unwrap().code, 2);
    drop((store, before, first, second, third));
    let store = open(&disk);
    assert!(has(&store.head(), &one) && has(&store.head(), &two));
    assert_eq!(store.head().code(&Hash::ZERO).unwrap(), None);
}

#[test]
fn an_account_goes_and_the_code_that_others_share_stays() {
    let store = open(&CrashDisk::new());
    let one = code("one");
    commit(&store, &deploys(&[1, 2], &one));
    store.flush().unwrap();
    let gone = StateChanges {
        accounts: vec![(address(1), None)],
        ..StateChanges::default()
    };
    let view = commit(&store, &gone);
    store.flush().unwrap();
    assert!(has(&view, &one) && has(&store.head(), &one));
    assert_eq!(view.account(&address(1)).unwrap(), None);
}

#[test]
fn competing_blocks_know_their_own_code() {
    let store = open(&CrashDisk::new());
    let (one, two) = (code("one"), code("two"));
    let parent = store.head();
    let winner = parent.apply(1, &deploys(&[1], &one)).unwrap();
    let loser = parent.apply(1, &deploys(&[1], &two)).unwrap();
    let above = loser.apply(2, &StateChanges::default()).unwrap();
    store.commit(winner.clone()).unwrap();
    store.flush().unwrap();
    for view in [&loser, &above] {
        assert!(has(view, &two) && !has(view, &one));
    }
    assert!(has(&store.head(), &one) && !has(&store.head(), &two));
    // On the losing branch, built further after the flush of the other.
    let later = above.apply(3, &deploys(&[4], &one)).unwrap();
    assert!(has(&later, &one) && has(&later, &two));
}

#[test]
fn code_of_a_genesis_is_stored_with_it() {
    let (disk, one) = (CrashDisk::new(), code("one"));
    let store = open_genesis(&disk, &deploys(&[1], &one)).unwrap();
    assert!(has(&store.head(), &one));
    assert_eq!(store.rows().unwrap().code, 1);
}

#[test]
fn code_counts_as_bytes_that_wait_for_a_flush() {
    let store = open(&CrashDisk::new());
    commit(&store, &StateChanges::default());
    let empty = store.unflushed_bytes();
    let large = Bytes::from(vec![1; 300_000]);
    let changes = StateChanges {
        code: vec![(code_hash(&large), large)],
        ..StateChanges::default()
    };
    commit(&store, &changes);
    assert!(store.unflushed_bytes() >= empty + 300_000);
}

#[test]
fn code_that_is_not_its_hash_is_damage() {
    let disk = CrashDisk::new();
    let (one, two) = (code("one"), code("two"));
    let changes = StateChanges {
        code: vec![(one.0, two.1)],
        ..StateChanges::default()
    };
    let store = open_genesis(&disk, &changes).unwrap();
    let error = store.head().code(&one.0).unwrap_err();
    assert!(matches!(error, StorageError::Corrupt { .. }), "{error}");
}
