//! Power lost at every sync.

use std::collections::BTreeMap;

use aureon_storage::{BlockStore, Result, StateStore, StateView, memory::CrashDisk};
use aureon_types::{Hash, StateChanges, contract::code_hash};
use bytes::Bytes;

use crate::{
    common::{Sample, account, address, assert_complete, changes, open_blocks, open_state},
    slots_random::{Model, slot},
};

/// What the block of a height does to the state: accounts come, change and go, and so does storage, in
/// accounts of its own.
fn block_changes(height: u64) -> StateChanges {
    let mut block = changes((0..6).map(|index| {
        let number = height * 3 + index;
        (
            address(number % 11),
            (!number.is_multiple_of(4)).then(|| account(height, number)),
        )
    }));
    let keeper = |number| address(100 + number);
    if height.is_multiple_of(4) {
        block.accounts.push((keeper(height % 3), None));
    }
    for number in 0..3 {
        let slots: BTreeMap<Hash, Option<Bytes>> = (0..4)
            .map(|index| {
                let at = height * 5 + index * 3 + number;
                let value = Bytes::from(vec![height as u8; 1 + index as usize * 20]);
                (slot(at % 13), (!at.is_multiple_of(3)).then_some(value))
            })
            .collect();
        if (height + number) % 3 != 1 {
            block.storage.push((keeper(number), slots.into_iter().collect()));
        }
    }
    // Every code comes twice.
    let code = Bytes::from(vec![1 + (height % 4) as u8; 700]);
    block.code.push((code_hash(&code), code));
    block
}

fn model(height: u64) -> Model {
    let mut model = Model::default();
    (1..=height).for_each(|height| model.apply(&block_changes(height)));
    model
}

/// What a node does with a chain, flushing after every third block.
fn run(blocks: &BlockStore, state: &StateStore, chain: &[Sample], progress: &mut Progress) -> Result<()> {
    let done = blocks.head().map_or(0, |head| head.height);
    for sample in &chain[done as usize..] {
        blocks.put_body(&sample.block)?;
        progress.put = sample.height();
        let rival = Sample::above(Some(&sample.block), Vec::new(), 99);
        blocks.put_body(&rival.block)?;
        blocks.decide(sample.decided())?;
        progress.decided = sample.height();
        let head = state.head();
        state.commit(head.apply(sample.height(), &block_changes(sample.height()))?)?;
        if sample.height() % 3 == 0 {
            state.flush()?;
            progress.flushed = sample.height();
        }
        while blocks.merge_once()? {}
    }
    Ok(())
}

/// What the two stores had said yes to.
#[derive(Default)]
struct Progress {
    put: u64,
    decided: u64,
    flushed: u64,
}

/// Restart: the stores open, hold what they said yes to and nothing half; the state is caught up.
fn recover(blocks: &CrashDisk, state: &CrashDisk, chain: &[Sample], progress: &Progress) {
    let (blocks, state) = (open_blocks(blocks).unwrap(), open_state(state, &[]).unwrap());
    let head = blocks.head().map_or(0, |head| head.height);
    assert!(
        head == progress.decided || head == progress.decided + 1,
        "{head} after {}",
        progress.decided
    );
    for sample in &chain[..head as usize] {
        assert_complete(&blocks, sample);
    }
    for sample in &chain[head as usize..] {
        assert_eq!(blocks.block_id(sample.height()).unwrap(), None);
        assert_eq!(blocks.receipts(sample.height()).unwrap(), None);
        for transaction in sample.block.transactions() {
            assert_eq!(blocks.transaction(&transaction.id()).unwrap(), None);
        }
    }
    if progress.put > head {
        let put = &chain[progress.put as usize - 1].block;
        assert_eq!(blocks.block_by_id(&put.id()).unwrap().as_ref(), Some(put));
    }
    for (height, id) in blocks.undecided().unwrap() {
        assert_eq!(
            blocks
                .block_by_id(&id)
                .unwrap()
                .map(|block| block.header().height),
            Some(height)
        );
    }
    let flushed = state.flushed().height();
    assert!(flushed >= progress.flushed);
    state.check_against(head).unwrap();
    for height in flushed + 1..=head {
        assert!(blocks.block_by_height(height).unwrap().is_some());
        state
            .commit(state.head().apply(height, &block_changes(height)).unwrap())
            .unwrap();
    }
    assert_eq!(state.head().root(), model(head).root());
    assert_same(&state.head(), &model(head));
    let mut progress = Progress::default();
    run(&blocks, &state, chain, &mut progress).unwrap();
    state.flush().unwrap();
    let whole = model(chain.len() as u64);
    assert_eq!(state.rows().unwrap(), whole.rows());
    assert_same(&state.head(), &whole);
}

fn assert_same(view: &StateView, model: &Model) {
    for (hash, code) in &model.code {
        assert_eq!(view.code(hash).unwrap().as_ref(), Some(code));
    }
    for address in (0..11).chain(100..103).map(address) {
        assert_eq!(view.account(&address).unwrap(), model.account(&address));
        for slot in (0..13).map(slot) {
            assert_eq!(
                view.storage(&address, &slot).unwrap(),
                model.slot(&address, &slot)
            );
        }
    }
}

fn chain() -> Vec<Sample> {
    Sample::chain(&[2, 0, 260, 1, 1, 1, 1, 1, 1])
}

/// Syncs of a whole life of the two disks: (blocks, state).
fn syncs_of_a_life(chain: &[Sample]) -> (u64, u64) {
    let (blocks, state) = (CrashDisk::new(), CrashDisk::new());
    let stores = (open_blocks(&blocks).unwrap(), open_state(&state, &[]).unwrap());
    run(&stores.0, &stores.1, chain, &mut Progress::default()).unwrap();
    (blocks.syncs(), state.syncs())
}

/// One life in which one of the disks dies in a given sync, and what comes after it.
fn crash(chain: &[Sample], seed: Option<u64>, arm: impl FnOnce(&CrashDisk, &CrashDisk)) {
    let (blocks, state) = (CrashDisk::new(), CrashDisk::new());
    arm(&blocks, &state);
    let mut progress = Progress::default();
    let outcome = open_blocks(&blocks)
        .and_then(|blocks| Ok((blocks, open_state(&state, &[])?)))
        .and_then(|(blocks, state)| run(&blocks, &state, chain, &mut progress));
    assert!(outcome.is_err(), "the disk did not die");
    blocks.crash(seed);
    state.crash(seed.map(|seed| seed ^ 1));
    recover(&blocks, &state, chain, &progress);
}

#[test]
fn power_is_lost_at_every_sync_of_the_block_store() {
    let chain = chain();
    for sync in 0..syncs_of_a_life(&chain).0 {
        // A seed leaves part of what was being written; without one, nothing of it is left.
        let seed = (sync % 3 != 0).then_some(sync);
        crash(&chain, seed, |blocks, _| blocks.die_after_syncs(sync));
    }
}

#[test]
fn power_is_lost_at_every_sync_of_the_state_store() {
    let chain = chain();
    for sync in 0..syncs_of_a_life(&chain).1 {
        for seed in [None, Some(sync)] {
            crash(&chain, seed, |_, state| state.die_after_syncs(sync));
        }
    }
}
