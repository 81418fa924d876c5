//! Random trees in random order of arrival.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use aureon_types::{Address, BlockId, SealedHeader};

use super::{
    Pow, Start, Work, WorkChain,
    testing::{Random, line, mine, rules},
    tree::{Inserted, Tree},
};
use crate::{Effect, Head, Input, Lineage, Now, verify_header};

const BLOCKS: u64 = 24;

/// A random tree: each block with its chain, parents first, and which are invalid by themselves.
struct World {
    genesis: WorkChain,
    blocks: Vec<(SealedHeader, WorkChain)>,
    invalid: BTreeSet<BlockId>,
}

impl World {
    fn new(random: &mut Random, finality_depth: u64, invalid_percent: u64) -> Self {
        let genesis = WorkChain::genesis(rules(finality_depth));
        let mut chains = vec![genesis.clone()];
        let (mut blocks, mut invalid) = (Vec::new(), BTreeSet::new());
        for salt in 0..BLOCKS {
            // Mostly on one of the last few, so that branches grow.
            let back = random.below(chains.len().min(5) as u64) as usize;
            let parent = chains[chains.len() - 1 - back].clone();
            // Different times, hence different targets and work.
            let header = mine(&parent, 200 + random.below(3_000), salt as u8);
            let chain = parent.child(&header);
            if random.below(100) < invalid_percent {
                invalid.insert(header.id());
            }
            chains.push(chain.clone());
            blocks.push((header, chain));
        }
        Self {
            genesis,
            blocks,
            invalid,
        }
    }

    fn get(&self, id: &BlockId) -> Option<&(SealedHeader, WorkChain)> {
        self.blocks.iter().find(|(header, _)| header.id() == *id)
    }

    /// The blocks up to `id`, lowest first.
    fn path(&self, id: &BlockId) -> Vec<&(SealedHeader, WorkChain)> {
        let (mut path, mut at) = (Vec::new(), *id);
        while let Some(block) = self.get(&at) {
            path.push(block);
            at = block.0.header().parent_id;
        }
        path.reverse();
        path
    }

    /// The part of the way to `id` before its first invalid block.
    fn valid_path(&self, id: &BlockId) -> Vec<&(SealedHeader, WorkChain)> {
        let valid = |block: &&(SealedHeader, WorkChain)| !self.invalid.contains(&block.0.id());
        self.path(id).into_iter().take_while(valid).collect()
    }

    fn most_valid_work(&self) -> Work {
        let all = self
            .blocks
            .iter()
            .filter_map(|(header, _)| self.valid_path(&header.id()).last().map(|b| b.1.work()));
        all.max().unwrap_or(Work::ZERO)
    }
}

/// An engine whose effects are carried out, at once or later, and checked.
struct Run<'a> {
    world: &'a World,
    engine: Pow,
    /// What the store holds, from the genesis up.
    chain: Vec<BlockId>,
    final_height: u64,
    execute: Vec<BlockId>,
    commit: Option<BlockId>,
    answered: BTreeMap<BlockId, bool>,
}

impl<'a> Run<'a> {
    fn new(world: &'a World) -> Self {
        let id = world.genesis.block_id();
        let start = Start {
            chain: world.genesis.clone(),
            header: None,
            headers: vec![],
            head: id,
        };
        let engine = Pow::start(now(), start, &mut Vec::new()).unwrap();
        Self {
            world,
            engine,
            chain: vec![id],
            final_height: 0,
            execute: vec![],
            commit: None,
            answered: BTreeMap::new(),
        }
    }

    fn step(&mut self, input: Input) {
        let mut effects = Vec::new();
        self.engine.handle(now(), input, &mut effects);
        for effect in effects {
            match effect {
                Effect::Execute { block_id, .. } => {
                    assert!(!self.execute.contains(&block_id), "asked twice");
                    assert_ne!(
                        self.answered.get(&block_id),
                        Some(&false),
                        "asked again for an invalid block"
                    );
                    self.execute.push(block_id);
                }
                Effect::Unwanted { blocks } => self.execute.retain(|id| !blocks.contains(id)),
                Effect::Switch {
                    undone,
                    applied,
                    finalized,
                    work,
                } => {
                    self.on_switch(&undone, &applied, finalized, work);
                }
                // Time stands still here.
                Effect::StartTimer { .. } => {}
                other => panic!("{other:?}"),
            }
        }
    }

    /// The lists are a path from the old head to the new one, of executed blocks, to more work.
    fn on_switch(
        &mut self,
        undone: &[BlockId],
        applied: &[BlockId],
        finalized: Option<(u64, BlockId)>,
        work: Work,
    ) {
        assert_eq!(self.commit, None, "one at a time");
        let before = self.work();
        for id in undone {
            assert_eq!(self.chain.pop(), Some(*id), "undone from the head down");
            assert!(
                self.chain.len() as u64 > self.final_height,
                "a final block is undone"
            );
        }
        for id in applied {
            let (header, chain) = self.world.get(id).unwrap();
            assert_eq!(
                Some(&header.header().parent_id),
                self.chain.last(),
                "applied in order"
            );
            assert_eq!(self.answered.get(id), Some(&true), "executed before");
            assert_eq!(chain.height(), self.chain.len() as u64);
            self.chain.push(*id);
        }
        assert!(self.work() > before && work == self.work());
        if let Some((height, id)) = finalized {
            assert!(height > self.final_height);
            assert_eq!(self.chain.get(height as usize), Some(&id));
            self.final_height = height;
        }
        self.commit = self.chain.last().copied();
    }

    fn work(&self) -> Work {
        let head = self.chain.last().unwrap();
        self.world.get(head).map_or(Work::ZERO, |(_, chain)| chain.work())
    }

    fn answer(&mut self, at: usize) {
        let id = self.execute.remove(at);
        let (header, _) = self.world.get(&id).unwrap();
        // A node can execute only on an executed parent.
        let parent = header.header().parent_id;
        if parent != self.world.genesis.block_id() && self.answered.get(&parent) != Some(&true) {
            return self.execute.insert(at, id);
        }
        let valid = !self.world.invalid.contains(&id);
        self.answered.insert(id, valid);
        let (height, proposer) = (header.header().height, Address([0; 20]));
        self.step(Input::Executed {
            height,
            round: 0,
            proposer,
            block_id: id,
            valid,
        });
    }

    fn answer_commit(&mut self) {
        let Some(id) = self.commit.take() else { return };
        let (header, chain) = self.world.get(&id).unwrap();
        let head = Head {
            height: chain.height(),
            block_id: id,
            timestamp_ms: header.header().timestamp_ms,
        };
        self.step(Input::Committed(head, Lineage::Work(Box::new(chain.clone()))));
    }

    fn settle(&mut self) {
        while !self.execute.is_empty() || self.commit.is_some() {
            self.answer_commit();
            if !self.execute.is_empty() {
                self.answer(0);
            }
        }
    }
}

fn now() -> Now {
    Now {
        monotonic: Duration::ZERO,
        wall_ms: u64::MAX / 2,
    }
}

/// Gives every header once its parent is there, in random order; what is dropped comes again, as header
/// sync would bring it.
fn shuffled(world: &World, random: &mut Random) -> Vec<BlockId> {
    let (mut left, mut order): (Vec<_>, Vec<BlockId>) = (world.blocks.iter().collect(), Vec::new());
    while !left.is_empty() {
        let at = random.below(left.len() as u64) as usize;
        let parent = left[at].0.header().parent_id;
        if parent == world.genesis.block_id() || order.contains(&parent) {
            order.push(left.remove(at).0.id());
        }
    }
    order
}

#[test]
fn the_head_is_the_heaviest_valid_block_and_the_first_seen_of_equals() {
    for seed in 0..300 {
        let mut random = Random::new(seed);
        let world = World::new(&mut random, 1_000, 10);
        let mut run = Run::new(&world);
        let mut expected = (world.genesis.block_id(), Work::ZERO);
        for id in shuffled(&world, &mut random) {
            run.step(Input::Message(
                verify_header(world.get(&id).unwrap().0.clone()).unwrap(),
            ));
            run.settle();
            // By the definition: a block becomes the head if it has strictly more work.
            if world.get(&id).unwrap().1.work() > expected.1
                && let Some((header, chain)) = world.valid_path(&id).last()
                && chain.work() > expected.1
            {
                expected = (header.id(), chain.work());
            }
            assert_eq!(run.engine.head(), expected.0, "seed {seed}");
        }
        assert_eq!(expected.1, world.most_valid_work(), "seed {seed}");
    }
}

#[test]
fn whatever_the_order_of_answers_the_most_work_wins_in_the_end() {
    for seed in 0..300 {
        let mut random = Random::new(seed + 1_000);
        let world = World::new(&mut random, 1_000, 10);
        let mut run = Run::new(&world);
        for id in shuffled(&world, &mut random) {
            run.step(Input::Message(
                verify_header(world.get(&id).unwrap().0.clone()).unwrap(),
            ));
            for _ in 0..random.below(4) {
                match random.below(3) {
                    0 => run.answer_commit(),
                    _ if run.execute.is_empty() => {}
                    _ => run.answer(random.below(run.execute.len() as u64) as usize),
                }
            }
        }
        run.settle();
        assert_eq!(run.work(), world.most_valid_work(), "seed {seed}");
        assert_eq!(run.engine.head(), *run.chain.last().unwrap());
    }
}

#[test]
fn a_final_block_is_never_undone() {
    for seed in 0..300 {
        let mut random = Random::new(seed + 2_000);
        let world = World::new(&mut random, 1 + seed % 4, 5);
        let mut run = Run::new(&world);
        for id in shuffled(&world, &mut random) {
            // Below the final block it is dropped; `Run` checks every switch.
            run.step(Input::Message(
                verify_header(world.get(&id).unwrap().0.clone()).unwrap(),
            ));
            run.settle();
            let root = run.engine.tree.root();
            assert_eq!(
                run.chain.get(run.final_height as usize),
                Some(&root),
                "seed {seed}"
            );
        }
        let depth = run.chain.len() as u64 - 1;
        assert_eq!(
            run.final_height,
            depth.saturating_sub(world.genesis.rules().finality_depth)
        );
    }
}

/// What is left after pruning can be walked from every block down to the root, and nothing else is left.
#[test]
fn pruning_keeps_exactly_what_is_above_the_root() {
    for seed in 0..200 {
        let mut random = Random::new(seed + 3_000);
        let world = World::new(&mut random, 1_000, 0);
        let mut tree = Tree::new(world.genesis.clone(), None, 1_000);
        for (header, _) in &world.blocks {
            assert_eq!(tree.insert(header, &[]), Inserted::New);
        }
        let root = world.blocks[random.below(BLOCKS) as usize].0.id();
        assert!(tree.prune(&root));
        let above: Vec<BlockId> = world
            .blocks
            .iter()
            .map(|(header, _)| header.id())
            .filter(|id| world.path(id).iter().any(|block| block.0.id() == root))
            .collect();
        assert_eq!(tree.count(), above.len(), "seed {seed}");
        for id in above {
            let height = world.get(&root).unwrap().1.height();
            assert_eq!(tree.ancestor(&id, height), Some(root), "seed {seed}");
            assert!(tree.route(&root, &id).is_some_and(|(left, _)| left.is_empty()));
        }
        assert!(!tree.prune(&BlockId([1; 32])), "an unknown block is no root");
    }
}

#[test]
fn a_full_tree_gives_up_its_lightest_tip() {
    let genesis = WorkChain::genesis(rules(1_000));
    let mut tree = Tree::new(genesis.clone(), None, 8);
    let (long, short) = (line(&genesis, 5, 1_000, 1), line(&genesis, 2, 1_000, 2));
    for header in long.iter().chain(&short) {
        assert_eq!(tree.insert(header, &[]), Inserted::New);
    }
    assert_eq!(tree.count(), 8);
    let light = mine(&genesis, 1_000, 3);
    assert_eq!(tree.judge(&light), Inserted::Full, "lighter than every tip");
    assert_eq!(tree.insert(&light, &[]), Inserted::Full);
    let tip = long
        .iter()
        .fold(genesis.clone(), |chain, header| chain.child(header));
    let heavy = mine(&tip, 1_000, 1);
    assert_eq!(
        tree.insert(&heavy, &[short[1].id()]),
        Inserted::Full,
        "the head does not make room"
    );
    assert_eq!(tree.insert(&heavy, &[]), Inserted::New);
    assert!(tree.chain(&short[1].id()).is_none(), "the lightest tip did");
    assert_eq!((tree.count(), tree.tips()), (8, 2));
}

#[test]
fn invalid_blocks_take_their_descendants_along() {
    let genesis = WorkChain::genesis(rules(1_000));
    let mut tree = Tree::new(genesis.clone(), None, 100);
    let a = line(&genesis, 4, 1_000, 1);
    for header in &a {
        tree.insert(header, &[]);
    }
    assert!(!tree.mark_executed(&a[1].id()), "its parent is not");
    assert!(tree.mark_executed(&a[0].id()));
    assert_eq!(tree.mark_invalid(&a[0].id()), [], "what was executed stays");
    assert_eq!(tree.mark_invalid(&a[1].id()).len(), 3);
    assert_eq!((tree.count(), tree.tips(), tree.best_header()), (2, 1, a[0].id()));
    assert!(matches!(tree.judge(&a[3]), Inserted::Fault(_)));
}
