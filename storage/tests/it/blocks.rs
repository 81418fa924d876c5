//! The block store: what is stored is found again, through every door.

use aureon_storage::{
    Decided, Head, StorageError,
    blocks::{CHUNK_ITEMS, MAX_UNDECIDED, index::FAN_IN},
    memory::CrashDisk,
};
use aureon_types::{Block, BlockId, Hash};

use crate::common::{GENESIS, Sample, assert_complete, open_blocks, transfers};

#[test]
fn decided_blocks_are_found_by_height_id_and_transaction() {
    let disk = CrashDisk::new();
    let store = open_blocks(&disk).unwrap();
    assert_eq!(store.head(), None);
    let many = CHUNK_ITEMS as u64;
    let chain = Sample::chain(&[1, 0, many, many + 1, 3 * many - 1, 2]);
    for (index, sample) in chain.iter().enumerate() {
        if index % 2 == 0 {
            store.put_body(&sample.block).unwrap();
            store.put_body(&sample.block).unwrap();
            assert_eq!(
                store.block_by_id(&sample.block.id()).unwrap().as_ref(),
                Some(&sample.block)
            );
            assert_eq!(store.undecided().unwrap(), [(sample.height(), sample.block.id())]);
            assert_eq!(store.block_by_height(sample.height()).unwrap(), None);
        }
        store.decide(sample.decided()).unwrap();
        assert_eq!(
            store.head(),
            Some(Head {
                height: sample.height(),
                id: sample.block.id()
            })
        );
        assert_eq!(store.undecided().unwrap(), []);
        assert_complete(&store, sample);
    }
    store.put_body(&chain[0].block).unwrap();
    assert_eq!(
        store.undecided().unwrap(),
        [],
        "a decided body does not become undecided"
    );
    for sample in &chain {
        assert_complete(&store, sample);
    }
    drop(store);
    let store = open_blocks(&disk).unwrap();
    assert_eq!(store.head().map(|head| head.height), Some(6));
    for sample in &chain {
        assert_complete(&store, sample);
    }
}

#[test]
fn what_is_not_there_is_not_found() {
    let store = open_blocks(&CrashDisk::new()).unwrap();
    let chain = Sample::chain(&[3]);
    store.decide(chain[0].decided()).unwrap();
    let unknown = transfers(100..101);
    assert_eq!(store.transaction(&unknown[0].id()).unwrap(), None);
    assert_eq!(store.transaction_at(1, 3).unwrap(), None);
    assert_eq!(store.transaction_at(2, 0).unwrap(), None);
    assert_eq!(store.receipt(1, 3).unwrap(), None);
    assert_eq!(store.receipts(2).unwrap(), None);
    assert_eq!(store.certificate(2).unwrap(), None);
    assert_eq!(store.block_by_id(&BlockId([3; 32])).unwrap(), None);
    assert_eq!(store.header_by_height(0).unwrap(), None);
}

#[test]
fn validator_sets_are_found_by_hash() {
    let disk = CrashDisk::new();
    let store = open_blocks(&disk).unwrap();
    let chain = Sample::chain(&[1, 1]);
    let set = (Hash([6; 32]), &b"a set"[..]);
    store
        .decide(Decided {
            validators: Some(set),
            ..chain[0].decided()
        })
        .unwrap();
    store.decide(chain[1].decided()).unwrap();
    drop(store);
    let store = open_blocks(&disk).unwrap();
    assert_eq!(store.validators(&set.0).unwrap().as_deref(), Some(set.1));
    assert_eq!(store.validators(&Hash([7; 32])).unwrap(), None);
}

#[test]
fn a_range_goes_in_whole_or_not_at_all() {
    let store = open_blocks(&CrashDisk::new()).unwrap();
    let chain = Sample::chain(&[2, 2, 2, 2]);
    let decided: Vec<Decided<'_>> = chain.iter().map(Sample::decided).collect();
    store.import(&decided[..2]).unwrap();
    let gap = store.import(&[decided[2], decided[2]]).unwrap_err();
    assert!(
        matches!(
            gap,
            StorageError::NotNext {
                given_height: 3,
                head_height: 3,
                ..
            }
        ),
        "{gap}"
    );
    assert!(!gap.is_fatal());
    assert_eq!(store.head().map(|head| head.height), Some(2));
    assert_eq!(store.block_by_id(&chain[2].block.id()).unwrap(), None);
    let few = Decided {
        receipts: &chain[2].receipts[..1],
        ..decided[2]
    };
    assert!(matches!(
        store.decide(few),
        Err(StorageError::ReceiptCount {
            receipts: 1,
            transactions: 2,
            ..
        })
    ));
    store.import(&decided[2..]).unwrap();
    for sample in &chain {
        assert_complete(&store, sample);
    }
}

#[test]
fn only_the_next_block_of_this_chain_is_decided() {
    let store = open_blocks(&CrashDisk::new()).unwrap();
    let chain = Sample::chain(&[1, 1]);
    assert!(matches!(
        store.decide(chain[1].decided()),
        Err(StorageError::NotNext { head, head_height: 0, .. }) if head == BlockId(GENESIS.0)
    ));
    store.decide(chain[0].decided()).unwrap();
    let stranger = Sample::above(None, transfers(7..8), 5);
    let orphan = Sample::above(Some(&stranger.block), Vec::new(), 0);
    assert!(matches!(
        store.decide(orphan.decided()),
        Err(StorageError::NotNext { .. })
    ));
    store.decide(chain[1].decided()).unwrap();
}

#[test]
fn the_decision_drops_the_other_bodies_of_its_height() {
    let store = open_blocks(&CrashDisk::new()).unwrap();
    let rivals: Vec<Sample> = (0..4)
        .map(|salt| Sample::above(None, transfers(salt * 300..salt * 300 + 300), salt))
        .collect();
    for rival in &rivals {
        store.put_body(&rival.block).unwrap();
    }
    let later = Sample::above(Some(&rivals[2].block), transfers(5_000..5_001), 0);
    store.put_body(&later.block).unwrap();
    assert_eq!(store.undecided().unwrap().len(), 5);
    store.decide(rivals[2].decided()).unwrap();
    assert_eq!(store.undecided().unwrap(), [(2, later.block.id())]);
    for (salt, rival) in rivals.iter().enumerate() {
        assert_eq!(store.block_by_id(&rival.block.id()).unwrap().is_some(), salt == 2);
    }
    assert_complete(&store, &rivals[2]);
    assert_eq!(store.block_by_id(&later.block.id()).unwrap(), Some(later.block));
}

#[test]
fn the_body_put_longest_ago_goes_when_there_are_too_many() {
    let store = open_blocks(&CrashDisk::new()).unwrap();
    let rivals: Vec<Block> = (0..MAX_UNDECIDED)
        .map(|salt| Sample::above(None, Vec::new(), salt).block)
        .collect();
    for rival in &rivals {
        store.put_body(rival).unwrap();
    }
    store.put_body(&rivals[0]).unwrap();
    store
        .put_body(&Sample::above(None, Vec::new(), MAX_UNDECIDED).block)
        .unwrap();
    assert_eq!(store.undecided().unwrap().len() as u64, MAX_UNDECIDED);
    assert!(
        store.block_by_id(&rivals[0].id()).unwrap().is_some(),
        "renewed by the second put"
    );
    assert!(store.block_by_id(&rivals[1].id()).unwrap().is_none());
}

#[test]
fn merging_the_index_loses_nothing_at_any_step() {
    let disk = CrashDisk::new();
    let mut store = open_blocks(&disk).unwrap();
    let blocks = FAN_IN * FAN_IN + 3;
    let chain = Sample::chain(&vec![5; blocks]);
    for (count, sample) in (1..).zip(&chain) {
        store.decide(sample.decided()).unwrap();
        while store.merge_once().unwrap() {}
        assert!(!store.merge_due());
        if count % 16 == 0 {
            for sample in &chain[..count] {
                assert_complete(&store, sample);
            }
        }
        if count == FAN_IN * 4 {
            drop(store);
            store = open_blocks(&disk).unwrap();
        }
    }
    for sample in &chain {
        assert_complete(&store, sample);
    }
}
