//! Switches between branches, compared with a model: random trees of blocks, random switches, and power
//! lost at every sync.

use std::collections::{BTreeMap, BTreeSet};

use aureon_storage::{BlockStore, Decided, Head, Result, blocks::MAX_UNDECIDED, memory::CrashDisk};
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
        let mut undecided: Vec<_> = self.undecided.iter().map(|id| (self.height(id), *id)).collect();
        undecided.sort_unstable();
        assert_eq!(store.undecided().unwrap(), undecided);
        for (id, sample) in &self.blocks {
            let kept = self.undecided.contains(id) || self.chain.contains(id);
            let block = store.block_by_id(id).unwrap();
            assert_eq!(block.as_ref(), kept.then_some(&sample.block));
            let header = store.header_by_id(id).unwrap();
            assert_eq!(header.as_ref(), kept.then_some(sample.block.sealed_header()));
        }
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

fn switch(store: &BlockStore, model: &Model, tip: &BlockId, finalized: u64) -> Result<()> {
    let (fork, branch) = model.branch(tip);
    let branch: Vec<_> = branch.iter().map(|id| decided(&model.blocks[id])).collect();
    store.switch(fork, &branch, finalized)
}

fn live(seed: u64, rounds: u64, depth: u64) {
    let mut random = Random(seed);
    let pool = transfers(0..120);
    let disk = CrashDisk::new();
    let mut store = open_blocks(&disk).unwrap();
    let mut model = Model::default();
    for round in 0..rounds {
        for _ in 0..1 + random.below(3) {
            let id = model.grow(&mut random, &pool);
            store.put_body(&model.blocks[&id].block).unwrap();
            model.put(id);
        }
        let candidates: Vec<BlockId> = model
            .undecided
            .iter()
            .copied()
            .filter(|id| {
                let (fork, branch) = model.branch(id);
                let there = branch.iter().all(|id| model.undecided.contains(id));
                there && fork >= model.finalized
            })
            .collect();
        if random.below(4) > 0 && !candidates.is_empty() {
            let tip = candidates[random.below(candidates.len() as u64) as usize];
            let (fork, branch) = model.branch(&tip);
            let head = fork + branch.len() as u64;
            let finalized = model.finalized.max(head.saturating_sub(depth));
            switch(&store, &model, &tip, finalized).unwrap();
            model.switch(fork, &branch, finalized);
        }
        if random.below(3) == 0 {
            while store.merge_once().unwrap() {}
        }
        if random.below(5) == 0 {
            drop(store);
            disk.crash(Some(random.next()));
            store = open_blocks(&disk).unwrap();
        }
        if round % 3 == 0 || round + 1 == rounds {
            model.check(&store);
        }
    }
}

#[test]
fn random_switches_agree_with_a_model() {
    for seed in 0..6 {
        live(seed, 60, [0, 1, 4, 9, 30, 1_000][seed as usize]);
    }
}
