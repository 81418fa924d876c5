//! Switches between branches, compared with a model: random trees of blocks, random switches, and power
//! lost at every sync.

use std::collections::{BTreeMap, BTreeSet};

use aureon_storage::{
    BlockStore, Decided, Head, Result, StorageError,
    blocks::{MAX_UNDECIDED, index::FAN_IN},
    memory::CrashDisk,
};
use aureon_types::{BlockId, SignedTransaction, TransactionId};

use crate::common::{Random, Sample, assert_complete, open_blocks, transfers};

/// Blocks of a tree, and what a store ought to hold of them.
#[derive(Clone, Default)]
struct Model {
    blocks: BTreeMap<BlockId, Sample>,
    /// From height 1.
    chain: Vec<BlockId>,
    /// In the order of their puts.
    undecided: Vec<BlockId>,
    finalized: u64,
}

fn work(sample: &Sample) -> [u8; 32] {
    let mut work = [0; 32];
    work[..8].copy_from_slice(&sample.height().to_be_bytes());
    work[8..].copy_from_slice(&sample.block.id().0[8..]);
    work
}

fn decided(sample: &Sample) -> Decided<'_> {
    Decided {
        work: Some(work(sample)),
        ..sample.decided()
    }
}

impl Model {
    fn head(&self) -> u64 {
        self.chain.len() as u64
    }

    fn height(&self, id: &BlockId) -> u64 {
        self.blocks[id].height()
    }

    /// The blocks from the tip down to the first one that is on the chain, in the order of their
    /// heights, and the height of that one.
    fn branch(&self, tip: &BlockId) -> (u64, Vec<BlockId>) {
        let (mut branch, mut at) = (Vec::new(), *tip);
        while let Some(sample) = self.blocks.get(&at)
            && self.chain.get(sample.height() as usize - 1) != Some(&at)
        {
            branch.push(at);
            at = sample.block.header().parent_id;
        }
        branch.reverse();
        let fork = self.blocks.get(&at).map_or(0, Sample::height);
        (fork, branch)
    }

    fn put(&mut self, id: BlockId) {
        self.undecided.retain(|other| *other != id);
        self.undecided.push(id);
        self.bound();
    }

    fn switch(&mut self, fork: u64, branch: &[BlockId], finalized: u64) {
        let undone = self.chain.split_off(fork as usize);
        self.undecided.extend(undone);
        self.chain.extend_from_slice(branch);
        self.finalized = finalized;
        let blocks = &self.blocks;
        self.undecided
            .retain(|id| !branch.contains(id) && blocks[id].height() > finalized);
        self.bound();
    }

    fn bound(&mut self) {
        let most = (MAX_UNDECIDED + self.head() - self.finalized) as usize;
        let over = self.undecided.len().saturating_sub(most);
        self.undecided.drain(..over);
    }

    /// Everything that a reader can ask, through every door.
    fn check(&self, store: &BlockStore) {
        let head = self.chain.last().map(|id| Head {
            height: self.head(),
            id: *id,
        });
        assert_eq!((store.head(), store.finalized()), (head, self.finalized));
        let mut places = BTreeMap::new();
        for id in &self.chain {
            let sample = &self.blocks[id];
            assert_complete(store, sample);
            assert_eq!(store.work(sample.height()).unwrap(), Some(work(sample)));
            for (index, transaction) in (0_u32..).zip(sample.block.transactions()) {
                places.insert(transaction.id(), (sample.height(), index));
            }
        }
        for height in self.head() + 1..=self.head() + 12 {
            assert_eq!(store.block_id(height).unwrap(), None);
            assert_eq!(store.receipts(height).unwrap(), None);
            assert_eq!(store.receipt(height, 0).unwrap(), None);
            assert_eq!(store.work(height).unwrap(), None);
            assert_eq!(store.certificate(height).unwrap(), None);
        }
        let all: BTreeSet<TransactionId> = self.transactions().map(SignedTransaction::id).collect();
        for id in all {
            let found = store.transaction(&id).unwrap();
            let found = found.map(|found| (found.height, found.index));
            assert_eq!(found, places.get(&id).copied(), "{id}");
        }
        assert_eq!(store.undecided().unwrap(), self.listed());
        for (id, sample) in &self.blocks {
            let kept = self.undecided.contains(id) || self.chain.contains(id);
            let block = store.block_by_id(id).unwrap();
            assert_eq!(block.as_ref(), kept.then_some(&sample.block));
            let header = store.header_by_id(id).unwrap();
            assert_eq!(header.as_ref(), kept.then_some(sample.block.sealed_header()));
        }
    }

    fn listed(&self) -> Vec<(u64, BlockId)> {
        let mut listed: Vec<_> = self.undecided.iter().map(|id| (self.height(id), *id)).collect();
        listed.sort_unstable();
        listed
    }

    /// Undecided blocks that a switch could lead to: everything below them is there, and not final.
    fn tips(&self) -> Vec<BlockId> {
        let reachable = |id: &&BlockId| {
            let (fork, branch) = self.branch(id);
            fork >= self.finalized && branch.iter().all(|id| self.undecided.contains(id))
        };
        self.undecided.iter().filter(reachable).copied().collect()
    }

    fn transactions(&self) -> impl Iterator<Item = &SignedTransaction> {
        self.blocks
            .values()
            .flat_map(|sample| sample.block.transactions())
    }

    /// A new block on one that is there and not final yet: often on the newest, sometimes anywhere.
    fn grow(&mut self, random: &mut Random, pool: &[SignedTransaction]) -> BlockId {
        let mut parents: Vec<BlockId> = self.chain[(self.finalized as usize).saturating_sub(1)..].to_vec();
        parents.extend(&self.undecided);
        let parent = match random.below(3) {
            _ if parents.is_empty() => None,
            0 => Some(parents[random.below(parents.len() as u64) as usize]),
            1 => self.chain.last().copied(),
            _ => parents.last().copied(),
        };
        let parent = parent.map(|id| self.blocks[&id].block.clone());
        let mut spent = BTreeSet::new();
        let mut at = parent.as_ref().map(|block| block.id());
        while let Some(sample) = at.and_then(|id| self.blocks.get(&id)) {
            spent.extend(sample.block.transactions().iter().map(SignedTransaction::id));
            at = Some(sample.block.header().parent_id);
        }
        let from = random.below(pool.len() as u64 - 20) as usize;
        let mut transactions = pool[from..from + 20].to_vec();
        transactions.retain(|transaction| random.below(3) == 0 && !spent.contains(&transaction.id()));
        let sample = Sample::above(parent.as_ref(), transactions, random.below(1 << 40));
        let id = sample.block.id();
        self.blocks.insert(id, sample);
        id
    }
}

/// What a node does with its block store.
enum Step {
    Put(BlockId),
    Switch {
        fork: u64,
        branch: Vec<BlockId>,
        finalized: u64,
    },
    Merge,
}

impl Step {
    fn run(&self, store: &BlockStore, blocks: &BTreeMap<BlockId, Sample>) -> Result<()> {
        match self {
            Self::Put(id) => store.put_body(&blocks[id].block),
            Self::Switch {
                fork,
                branch,
                finalized,
            } => {
                let branch: Vec<_> = branch.iter().map(|id| decided(&blocks[id])).collect();
                store.switch(*fork, &branch, *finalized)
            }
            Self::Merge => {
                while store.merge_once()? {}
                Ok(())
            }
        }
    }
}

/// A random life: its steps, and what there ought to be before the first and after each.
struct Life {
    steps: Vec<Step>,
    models: Vec<Model>,
}

impl Life {
    /// Blocks are final once `depth` others are above them.
    fn new(seed: u64, rounds: u64, depth: u64) -> Self {
        let mut random = Random(seed);
        let pool = transfers(0..120);
        let (mut steps, mut models, mut model) = (Vec::new(), Vec::new(), Model::default());
        for _ in 0..rounds {
            for _ in 0..1 + random.below(3) {
                let id = model.grow(&mut random, &pool);
                models.push(model.clone());
                model.put(id);
                steps.push(Step::Put(id));
            }
            let tips = model.tips();
            if random.below(4) > 0 && !tips.is_empty() {
                let (fork, branch) = model.branch(&tips[random.below(tips.len() as u64) as usize]);
                let head = fork + branch.len() as u64;
                let finalized = model.finalized.max(head.saturating_sub(depth));
                models.push(model.clone());
                model.switch(fork, &branch, finalized);
                steps.push(Step::Switch {
                    fork,
                    branch,
                    finalized,
                });
            }
            if random.below(3) == 0 {
                models.push(model.clone());
                steps.push(Step::Merge);
            }
        }
        models.push(model);
        Self { steps, models }
    }

    fn blocks(&self) -> &BTreeMap<BlockId, Sample> {
        &self.models[self.steps.len()].blocks
    }
}

fn live(seed: u64, rounds: u64, depth: u64) {
    let life = Life::new(seed, rounds, depth);
    let mut random = Random(!seed);
    let disk = CrashDisk::new();
    let mut store = open_blocks(&disk).unwrap();
    for (step, after) in life.steps.iter().zip(&life.models[1..]) {
        step.run(&store, life.blocks()).unwrap();
        if random.below(9) == 0 {
            drop(store);
            disk.crash(Some(random.next()));
            store = open_blocks(&disk).unwrap();
        }
        if random.below(6) == 0 {
            after.check(&store);
        }
    }
    life.models[life.steps.len()].check(&store);
}

#[test]
fn random_switches_agree_with_a_model() {
    for (seed, depth) in (0..).zip([0, 1, 4, 9, 30, 1_000]) {
        live(seed, 60, depth);
    }
}

#[test]
fn power_is_lost_at_every_sync_and_one_chain_or_the_other_is_there_whole() {
    let life = Life::new(7, 12, 5);
    let disk = CrashDisk::new();
    let store = open_blocks(&disk).unwrap();
    for step in &life.steps {
        step.run(&store, life.blocks()).unwrap();
    }
    let syncs = disk.syncs();
    let mut both = [false; 2];
    for sync in 0..syncs {
        let disk = CrashDisk::new();
        disk.die_after_syncs(sync);
        let mut done = 0;
        let outcome = open_blocks(&disk).and_then(|store| {
            for step in &life.steps {
                step.run(&store, life.blocks())?;
                done += 1;
            }
            Ok(())
        });
        assert!(outcome.is_err(), "the disk did not die");
        // A seed leaves part of what was being written; without one, nothing of it is left.
        disk.crash((sync % 3 != 0).then_some(sync));
        let store = open_blocks(&disk).unwrap();
        let known = |model: &Model| {
            let head = model.chain.last().copied();
            head == store.head().map(|head| head.id) && model.listed() == store.undecided().unwrap()
        };
        let happened = usize::from(!known(&life.models[done]));
        both[happened] |= matches!(life.steps[done], Step::Switch { .. });
        life.models[done + happened].check(&store);
        for step in &life.steps[done + happened..] {
            step.run(&store, life.blocks()).unwrap();
        }
        life.models[life.steps.len()].check(&store);
    }
    assert_eq!(both, [true, true], "a switch was lost, and one had happened");
}

/// A chain of so many blocks, none of them final.
fn unfinal(store: &BlockStore, blocks: u64) -> Model {
    let mut model = Model::default();
    let chain = Sample::chain(&vec![3; blocks as usize]);
    let branch: Vec<_> = chain.iter().map(|sample| sample.block.id()).collect();
    model.blocks = chain
        .into_iter()
        .map(|sample| (sample.block.id(), sample))
        .collect();
    let all: Vec<_> = branch.iter().map(|id| decided(&model.blocks[id])).collect();
    store.switch(0, &all, 0).unwrap();
    model.switch(0, &branch, 0);
    model
}

#[test]
fn what_is_final_is_not_undone_and_a_refusal_changes_nothing() {
    let store = open_blocks(&CrashDisk::new()).unwrap();
    let mut model = unfinal(&store, 6);
    store.switch(6, &[], 4).unwrap();
    model.switch(6, &[], 4);
    let parent = model.blocks[&model.chain[3]].block.clone();
    let mut rival = Sample::above(Some(&parent), transfers(90..92), 3);
    for fork in [3, 7] {
        let error = store.switch(fork, &[decided(&rival)], 0).unwrap_err();
        let expected = matches!(error, StorageError::BadFork { fork: f, finalized: 4, head: 6 } if f == fork);
        assert!(expected && !error.is_fatal(), "{error}");
    }
    let error = store.switch(5, &[decided(&rival)], 0).unwrap_err();
    assert!(
        matches!(error, StorageError::NotNext { head_height: 5, .. }),
        "{error}"
    );
    let receipt = rival.receipts.pop().unwrap();
    let error = store.switch(4, &[decided(&rival)], 0).unwrap_err();
    assert!(matches!(error, StorageError::ReceiptCount { .. }), "{error}");
    model.check(&store);
    rival.receipts.push(receipt);
    // What is final stays final, and nothing is final above the head.
    store.switch(4, &[decided(&rival)], 0).unwrap();
    let id = rival.block.id();
    model.blocks.insert(id, rival);
    model.switch(4, &[id], 4);
    model.check(&store);
    store.switch(5, &[], 1_000).unwrap();
    model.switch(5, &[], 5);
    model.check(&store);
    // A decision without a switch is final.
    let next = Sample::above(Some(&model.blocks[&id].block), Vec::new(), 0);
    store.decide(next.decided()).unwrap();
    assert_eq!((store.finalized(), store.work(6).unwrap()), (6, None));
    assert!(matches!(
        store.switch(5, &[], 0),
        Err(StorageError::BadFork { .. })
    ));
}

#[test]
fn a_whole_branch_of_undone_bodies_stays_readable_and_the_oldest_go_beyond_the_bound() {
    let store = open_blocks(&CrashDisk::new()).unwrap();
    let mut model = unfinal(&store, 20);
    // As many side bodies as fit.
    for salt in 0..MAX_UNDECIDED + 20 {
        let side = Sample::above(None, Vec::new(), 1_000 + salt);
        let id = side.block.id();
        store.put_body(&side.block).unwrap();
        model.blocks.insert(id, side);
        model.put(id);
    }
    assert_eq!(model.undecided.len() as u64, MAX_UNDECIDED + 20);
    // The chain shrinks to one block, and twenty come beside it: the oldest side bodies go.
    let tip = model.undecided[100];
    let (fork, branch) = model.branch(&tip);
    store.switch(fork, &[decided(&model.blocks[&tip])], 0).unwrap();
    model.switch(fork, &branch, 0);
    assert_eq!(model.undecided.len() as u64, MAX_UNDECIDED + 1);
    model.check(&store);
    let undone = model.undecided[MAX_UNDECIDED as usize - 19..].to_vec();
    assert_eq!(undone.len(), 20, "all that was undone is there");
    store.switch(1, &[], 1).unwrap();
    model.switch(1, &[], 1);
    assert!(
        undone[1..]
            .iter()
            .all(|id| store.header_by_id(id).unwrap().is_some())
    );
    model.check(&store);
}

#[test]
fn entries_of_blocks_that_may_be_undone_are_not_merged() {
    let store = open_blocks(&CrashDisk::new()).unwrap();
    let mut model = unfinal(&store, 2 * FAN_IN as u64);
    assert!(!store.merge_due());
    store.switch(2 * FAN_IN as u64, &[], FAN_IN as u64 - 1).unwrap();
    assert!(!store.merge_due());
    store.switch(2 * FAN_IN as u64, &[], FAN_IN as u64).unwrap();
    model.switch(2 * FAN_IN as u64, &[], FAN_IN as u64);
    assert!(store.merge_due());
    while store.merge_once().unwrap() {}
    model.check(&store);
    store.switch(FAN_IN as u64, &[], 0).unwrap();
    model.switch(FAN_IN as u64, &[], FAN_IN as u64);
    model.check(&store);
}
