//! The state store: views, flush policy, competing blocks, re-execution.

use std::{
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use aureon_storage::{FlushPolicy, StateStore, StorageError, memory::CrashDisk};
use aureon_types::{Account, Amount, StateChanges, account::EMPTY_TRIE_ROOT};

use crate::common::{CACHE, GENESIS, account, address, changes, open_state};

fn with_policy(disk: &CrashDisk, policy: FlushPolicy) -> StateStore {
    StateStore::open(
        disk.backend("state"),
        CACHE,
        policy,
        GENESIS,
        &StateChanges::default(),
    )
    .unwrap()
}

#[test]
fn the_genesis_is_stored_once_and_empty_accounts_are_none() {
    let disk = CrashDisk::new();
    let balances = [
        (address(1), Amount(10)),
        (address(2), Amount(0)),
        (address(3), Amount(30)),
    ];
    let store = open_state(&disk, &balances).unwrap();
    let root = store.head().root();
    assert_eq!(store.head().account(&address(1)).unwrap(), Some(account(0, 10)));
    assert_eq!(store.head().account(&address(2)).unwrap(), None);
    assert_eq!(store.rows().unwrap().accounts, 2);
    drop(store);
    let again = open_state(&disk, &[]).unwrap();
    assert_eq!((again.head().height(), again.head().root()), (0, root));
    assert_ne!(root, EMPTY_TRIE_ROOT);
    assert_eq!(
        open_state(&CrashDisk::new(), &[]).unwrap().head().root(),
        EMPTY_TRIE_ROOT
    );
}

#[test]
fn competing_blocks_see_their_own_state_and_old_views_stay_as_they_were() {
    let disk = CrashDisk::new();
    let store = open_state(&disk, &[(address(1), Amount(100)), (address(2), Amount(100))]).unwrap();
    let genesis = store.head();
    let left = genesis
        .apply(
            1,
            &changes([(address(1), None), (address(3), Some(account(0, 100)))]),
        )
        .unwrap();
    let right = genesis
        .apply(1, &changes([(address(2), Some(account(1, 50)))]))
        .unwrap();
    let above = right
        .apply(2, &changes([(address(1), Some(account(0, 150)))]))
        .unwrap();
    let look = || {
        assert_eq!(genesis.account(&address(1)).unwrap(), Some(account(0, 100)));
        assert_eq!(genesis.account(&address(3)).unwrap(), None);
        assert_eq!(left.account(&address(1)).unwrap(), None);
        assert_eq!(left.account(&address(3)).unwrap(), Some(account(0, 100)));
        assert_eq!(left.account(&address(2)).unwrap(), Some(account(0, 100)));
        assert_eq!(right.account(&address(2)).unwrap(), Some(account(1, 50)));
        assert_eq!(above.account(&address(1)).unwrap(), Some(account(0, 150)));
    };
    look();
    store.commit(right.clone()).unwrap();
    store.flush().unwrap();
    look();
    store.commit(above.clone()).unwrap();
    store.flush().unwrap();
    look();
    // A block on the losing side still computes, on the state it knows.
    let lost = left.apply(2, &changes([(address(2), None)])).unwrap();
    assert_eq!(lost.account(&address(3)).unwrap(), Some(account(0, 100)));
    assert!(matches!(
        store.commit(lost),
        Err(StorageError::NotDescendant { .. })
    ));
}

#[test]
fn only_a_descendant_of_the_head_becomes_the_head() {
    let store = open_state(&CrashDisk::new(), &[]).unwrap();
    let genesis = store.head();
    let one = genesis
        .apply(1, &changes([(address(1), Some(account(0, 1)))]))
        .unwrap();
    let rival = genesis
        .apply(1, &changes([(address(1), Some(account(0, 2)))]))
        .unwrap();
    let on_rival = rival.apply(2, &changes([])).unwrap();
    assert!(matches!(
        genesis.apply(2, &changes([])),
        Err(StorageError::NotDescendant {
            given: 2,
            head: 0,
            ..
        })
    ));
    store.commit(one.clone()).unwrap();
    for wrong in [one.clone(), rival, on_rival] {
        assert!(matches!(
            store.commit(wrong),
            Err(StorageError::NotDescendant { .. })
        ));
    }
    // The same block executed a second time is as good as the first.
    let twin = genesis
        .apply(1, &changes([(address(1), Some(account(0, 1)))]))
        .unwrap();
    store.commit(twin.apply(2, &changes([])).unwrap()).unwrap();
    assert_eq!(store.head().height(), 2);
}

#[test]
fn an_empty_block_changes_no_root_and_is_flushed_as_a_height() {
    let disk = CrashDisk::new();
    let store = open_state(&disk, &[(address(1), Amount(1))]).unwrap();
    let next = store.head().apply(1, &changes([])).unwrap();
    assert_eq!(next.root(), store.head().root());
    store.commit(next).unwrap();
    store.flush().unwrap();
    drop(store);
    assert_eq!(open_state(&disk, &[]).unwrap().flushed().height(), 1);
}

#[test]
fn flushes_are_due_by_age_by_blocks_and_by_bytes() {
    let policy = FlushPolicy {
        interval: Duration::from_secs(5),
        blocks: 3,
        soft_bytes: 100_000,
        hard_bytes: 1 << 30,
    };
    let store = with_policy(&CrashDisk::new(), policy);
    let second = Duration::from_secs;
    let block = |accounts: u64| {
        let head = store.head();
        let touched = (0..accounts).map(|number| (address(number), Some(account(head.height(), 1))));
        store
            .commit(head.apply(head.height() + 1, &changes(touched)).unwrap())
            .unwrap();
    };
    assert!(!store.flush_due(second(100)), "nothing to flush");
    block(1);
    assert!(!store.flush_due(second(101)));
    assert!(!store.flush_due(second(105)));
    assert!(store.flush_due(second(106)));
    store.flush().unwrap();
    assert!(!store.flush_due(second(200)));
    block(1);
    block(1);
    assert!(!store.flush_due(second(200)));
    block(1);
    assert!(store.flush_due(second(200)), "three blocks");
    store.flush().unwrap();
    block(100);
    assert!(store.flush_due(second(200)), "many bytes");
    assert!(store.unflushed_bytes() > 100_000);
    store.flush().unwrap();
    assert_eq!(store.unflushed_bytes(), 0);
}

#[test]
fn beyond_the_hard_bound_a_commit_waits_for_the_disk() {
    let policy = FlushPolicy {
        hard_bytes: 10_000,
        ..FlushPolicy::default()
    };
    let store = with_policy(&CrashDisk::new(), policy);
    let one = store
        .head()
        .apply(1, &changes([(address(1), Some(account(0, 1)))]))
        .unwrap();
    store.commit(one).unwrap();
    assert_eq!(store.flushed().height(), 0);
    let many = (0..100).map(|number| (address(number), Some(account(0, 1))));
    store
        .commit(store.head().apply(2, &changes(many)).unwrap())
        .unwrap();
    assert_eq!(store.flushed().height(), 2);
    assert_eq!(store.unflushed_bytes(), 0);
}

#[test]
fn a_state_ahead_of_its_blocks_is_named() {
    let store = open_state(&CrashDisk::new(), &[]).unwrap();
    store
        .commit(store.head().apply(1, &changes([])).unwrap())
        .unwrap();
    store.check_against(0).unwrap();
    store.flush().unwrap();
    assert!(matches!(
        store.check_against(0),
        Err(StorageError::StateAheadOfBlocks { state: 1, blocks: 0 })
    ));
    store.check_against(1).unwrap();
}

#[test]
fn listing_pages_through_all_accounts() {
    let balances: Vec<_> = (1..=25).map(|number| (address(number), Amount(number))).collect();
    let store = open_state(&CrashDisk::new(), &balances).unwrap();
    let (mut total, mut seen, mut after) = (0, 0, None);
    loop {
        let page = store.list(after.as_ref(), 10).unwrap();
        let Some((last, ..)) = page.last() else { break };
        after = Some(*last);
        seen += page.len();
        total += page
            .iter()
            .map(|(_, _, account): &(_, _, Account)| account.balance.0)
            .sum::<u64>();
    }
    assert_eq!((seen, total), (25, 25 * 26 / 2));
}

struct SetOnDrop<'a>(&'a AtomicBool);

impl Drop for SetOnDrop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

#[test]
fn blocks_execute_and_commit_while_another_thread_flushes() {
    const BLOCKS: u64 = 150;
    let disk = CrashDisk::new();
    let store = open_state(&disk, &[]).unwrap();
    let quiet = open_state(&CrashDisk::new(), &[]).unwrap();
    let touched = |height: u64| {
        let number = move |index: u64| (height * 7 + index * 13) % 97;
        changes((0..20).map(move |index| {
            let number = number(index);
            (
                address(number),
                (number % 5 != height % 5).then(|| account(height, number + 1)),
            )
        }))
    };
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !done.load(Ordering::Relaxed) {
                store.flush().unwrap();
            }
        });
        // Also when an assertion fails: the scope waits for the thread.
        let _finished = SetOnDrop(&done);
        // A line of views that never asks the store for its head, as a pipeline of blocks does.
        let (mut view, mut expected) = (store.head(), quiet.head());
        for height in 1..=BLOCKS {
            let old = view.clone();
            view = view.apply(height, &touched(height)).unwrap();
            expected = expected.apply(height, &touched(height)).unwrap();
            assert_eq!(view.root(), expected.root());
            store.commit(view.clone()).unwrap();
            for number in 0..97 {
                assert_eq!(
                    view.account(&address(number)).unwrap(),
                    expected.account(&address(number)).unwrap()
                );
            }
            assert_eq!(old.height() + 1, height);
        }
    });
    store.flush().unwrap();
    let root = store.head().root();
    drop(store);
    let again = open_state(&disk, &[]).unwrap();
    assert_eq!((again.head().height(), again.head().root()), (BLOCKS, root));
}
