//! Whole syncs under a seeded network: one honest peer among liars of every kind, with the real engine
//! as the judge. Everything that the machine asks of its host is done here in virtual time.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::OnceLock,
    time::Duration,
};

use aureon_consensus::{
    Effect as Wish, Head as EngineHead, Input as EngineInput, Lineage, Now,
    pow::{Pow, Start, verify_headers},
};
use aureon_types::{BlockId, SealedHeader};

use super::{
    super::{Head, Phase, RequestFailure, RequestId, testing::Random},
    Claim, Effect, HeaderSync, Input, MAX_HEADERS, MAX_REQUESTS, Tip, answer_headers, decode_headers,
    testing::{Chain, boast},
};

const HONEST: u64 = 50;
const LENGTH: usize = 2_050;
/// Longer than any sync here may take, in virtual time.
const PATIENCE: Duration = Duration::from_secs(3_600);
/// How long a run lasts at least.
const AFTERWARDS: Duration = Duration::from_secs(120);

#[derive(Clone, Copy, Debug)]
enum Behaviour {
    Honest,
    /// Claims far too much and sends nothing.
    Empty,
    /// Claims far too much, sends what there is.
    Boaster,
    /// Another chain, lighter, claimed as heavy.
    Fork,
    /// Leaves a header out.
    Gap,
    /// Sends headers whose work is not done.
    Lazy,
    /// Headers that follow nothing.
    Floating,
    Dead,
    AlwaysBusy,
    /// Sends the same beginning whatever is asked.
    Repeater,
    /// Answers twice, and what was not asked.
    Babbler,
    Garbage,
    /// Comes and goes.
    Flapping,
}

const LIARS: [Behaviour; 12] = [
    Behaviour::Empty,
    Behaviour::Boaster,
    Behaviour::Fork,
    Behaviour::Gap,
    Behaviour::Lazy,
    Behaviour::Floating,
    Behaviour::Dead,
    Behaviour::AlwaysBusy,
    Behaviour::Repeater,
    Behaviour::Babbler,
    Behaviour::Garbage,
    Behaviour::Flapping,
];

struct World {
    truth: Chain,
    fork: Chain,
}

impl World {
    fn shared() -> &'static Self {
        static WORLD: OnceLock<World> = OnceLock::new();
        WORLD.get_or_init(|| {
            let truth = Chain::new(LENGTH, 1);
            let fork = truth.cut(20).extended(40, 2);
            Self { truth, fork }
        })
    }

    fn after(chain: &Chain, locator: &[BlockId]) -> Vec<SealedHeader> {
        let place = |id: &BlockId| chain.headers.iter().position(|header| header.id() == *id);
        let from = locator.iter().find_map(place).map_or(0, |at| at + 1);
        chain.after(from, MAX_HEADERS)
    }

    fn answer(&self, behaviour: Behaviour, locator: &[BlockId]) -> Vec<SealedHeader> {
        let honest = Self::after(&self.truth, locator);
        match behaviour {
            Behaviour::Empty => vec![],
            Behaviour::Fork => Self::after(&self.fork, locator),
            Behaviour::Gap => {
                let middle = honest.len() / 2;
                honest
                    .into_iter()
                    .enumerate()
                    .filter(|(at, _)| *at != middle)
                    .map(|(_, header)| header)
                    .collect()
            }
            Behaviour::Lazy => honest.iter().map(lazy).collect(),
            Behaviour::Floating => honest.into_iter().skip(5).collect(),
            Behaviour::Repeater => self.truth.after(0, 30),
            _ => honest,
        }
    }

    fn claim(&self, behaviour: Behaviour) -> Claim {
        let truth = self.truth.claim();
        match behaviour {
            Behaviour::Empty
            | Behaviour::Boaster
            | Behaviour::Dead
            | Behaviour::Fork
            | Behaviour::Repeater => Claim {
                work: boast(),
                ..truth
            },
            _ => truth,
        }
    }
}

/// The same header with a target that its nonce does not meet.
fn lazy(header: &SealedHeader) -> SealedHeader {
    let mut forged = header.header().clone();
    forged.target = Some([&[0; 20][..], &[0xff; 12]].concat().try_into().unwrap());
    SealedHeader::new(forged, header.seal().clone())
}

struct Run<'a> {
    world: &'a World,
    sync: HeaderSync<u64>,
    engine: Pow,
    execute: Vec<BlockId>,
    peers: BTreeMap<u64, Behaviour>,
    random: Random,
    queue: BTreeMap<(Duration, u64), Input<u64>>,
    sequence: u64,
    now: Duration,
    in_flight: BTreeSet<(u64, u64)>,
    trace: Vec<String>,
    penalized: BTreeSet<u64>,
    /// Blocks whose bodies nobody gives away.
    withheld: BTreeSet<BlockId>,
    /// Forks of some peers, beside the world's.
    forks: BTreeMap<u64, Chain>,
    engine_timer: Option<(Duration, aureon_consensus::TimerId)>,
    /// When the honest peer comes.
    honest_at: Duration,
    /// When the head was first the truth's.
    caught_up_at: Duration,
}

impl<'a> Run<'a> {
    fn new(world: &'a World, seed: u64) -> Self {
        let mut random = Random::new(seed);
        let mut peers = BTreeMap::from([(HONEST, Behaviour::Honest)]);
        for key in 0..4 + random.below(8) {
            // On both sides of the honest peer in the order of keys.
            let key = if key % 2 == 0 { key } else { 100 + key };
            peers.insert(key, LIARS[random.below(LIARS.len() as u64) as usize]);
        }
        let genesis = world.truth.genesis();
        let id = genesis.block_id();
        let start = Start {
            chain: genesis,
            header: None,
            headers: vec![],
            head: id,
        };
        let engine = Pow::start(clock(Duration::ZERO), start, &mut Vec::new()).unwrap();
        let claim = world.truth.claim_at(0);
        Self {
            world,
            sync: HeaderSync::new(Tip {
                header: claim,
                head: claim,
            }),
            engine,
            execute: vec![],
            peers,
            random,
            queue: BTreeMap::new(),
            sequence: 0,
            now: Duration::ZERO,
            in_flight: BTreeSet::new(),
            trace: vec![],
            penalized: BTreeSet::new(),
            withheld: BTreeSet::new(),
            forks: BTreeMap::new(),
            engine_timer: None,
            honest_at: Duration::ZERO,
            caught_up_at: Duration::MAX,
        }
    }

    fn later(&mut self, after: Duration, input: Input<u64>) {
        self.sequence += 1;
        self.queue.insert((self.now + after, self.sequence), input);
    }

    fn delay(&mut self, most_ms: u64) -> Duration {
        Duration::from_millis(1 + self.random.below(most_ms))
    }

    fn announce(&mut self, peer: u64, behaviour: Behaviour) {
        let claim = self.world.claim(behaviour);
        let mut after = self.delay(200);
        if peer == HONEST {
            after += self.honest_at.saturating_sub(self.now);
        }
        self.later(after, Input::PeerStatus { peer, claim });
    }

    fn run(mut self) -> Self {
        let peers: Vec<_> = self
            .peers
            .iter()
            .map(|(peer, behaviour)| (*peer, *behaviour))
            .collect();
        let mut next_status = Duration::ZERO;
        // Some minutes more, in which nothing may go wrong and boasters are asked for the rest.
        while self.engine.head() != self.world.truth.claim().head.id || self.now < AFTERWARDS {
            if self.now >= next_status {
                next_status = self.now + Duration::from_secs(5);
                for (peer, behaviour) in &peers {
                    if matches!(behaviour, Behaviour::Flapping) && self.random.below(2) == 0 {
                        self.later(Duration::ZERO, Input::PeerGone { peer: *peer });
                    }
                    self.announce(*peer, *behaviour);
                }
            }
            if self.fire_engine_timer() {
                continue;
            }
            let Some(((at, _), input)) = self.queue.pop_first() else {
                let status = self.sync.status(self.now);
                assert_eq!(status.phase, Phase::Synced, "asleep: {status:?}");
                self.now = next_status;
                continue;
            };
            self.now = at;
            assert!(
                at < PATIENCE,
                "stuck: {:?} {:?}",
                self.sync.status(at),
                self.trace
            );
            self.forget_request(&input);
            self.feed(input);
            if self.engine.head() == self.world.truth.claim().head.id {
                self.caught_up_at = self.caught_up_at.min(at);
            }
            assert!(self.in_flight.len() <= MAX_REQUESTS, "{:?}", self.in_flight);
            assert!(self.sync.batches.len() <= MAX_REQUESTS);
        }
        self
    }

    /// Wakes the engine if that is the next thing to happen.
    fn fire_engine_timer(&mut self) -> bool {
        let next = self
            .queue
            .first_key_value()
            .map_or(Duration::MAX, |((at, _), _)| *at);
        let Some((at, timer)) = self.engine_timer.take_if(|(at, _)| *at <= next) else {
            return false;
        };
        self.now = self.now.max(at);
        self.engine_input(EngineInput::TimerFired(timer));
        self.run_blocks();
        let tip = self.tip();
        self.feed(Input::TipChanged(tip));
        true
    }

    fn feed(&mut self, input: Input<u64>) {
        let mut effects = Vec::new();
        self.sync.handle(self.now, input, &mut effects);
        for effect in effects {
            self.perform(effect);
        }
    }

    fn forget_request(&mut self, input: &Input<u64>) {
        match input {
            Input::HeadersArrived { peer, request, .. } | Input::RequestFailed { peer, request, .. } => {
                self.in_flight.remove(&(*peer, request.0));
            }
            Input::PeerGone { peer } => self.in_flight.retain(|(asked, _)| asked != peer),
            _ => {}
        }
    }

    fn perform(&mut self, effect: Effect<u64>) {
        match effect {
            Effect::RequestHeaders {
                peer, request, after, ..
            } => {
                self.trace.push(format!("{:?} ask {peer}", self.now));
                self.in_flight.insert((peer, request.0));
                let locator = self.engine.locator(after.as_ref());
                self.answer(peer, request, &locator);
            }
            Effect::Verify { batch, headers } => {
                let after = self.delay(50);
                self.later(
                    after,
                    Input::HeadersVerified {
                        batch,
                        result: verify_headers(headers),
                    },
                );
            }
            Effect::Deliver { batch, headers } => {
                let judged = self.engine_input(EngineInput::Headers {
                    batch: batch.0,
                    headers,
                });
                self.run_blocks();
                let tip = self.tip();
                self.later(Duration::ZERO, Input::TipChanged(tip));
                let (accepted, stop) = judged.expect("the engine judges at once");
                self.later(
                    Duration::ZERO,
                    Input::HeadersJudged {
                        batch,
                        accepted,
                        stop,
                    },
                );
            }
            Effect::Penalize { peer, offence } => {
                self.trace
                    .push(format!("{:?} penalize {peer} {offence}", self.now));
                self.in_flight.retain(|(asked, _)| *asked != peer);
                self.penalized.insert(peer);
            }
            Effect::StartTimer { timer, after } => self.later(after, Input::TimerFired(timer)),
            // Who sends the beginning of the chain again and again looks like that when it is final here.
            Effect::OtherHistory { peer, .. } => assert_ne!(peer, HONEST, "there is one history"),
            Effect::Behind { .. } | Effect::Synced { .. } => {}
        }
    }

    fn engine_input(
        &mut self,
        input: EngineInput,
    ) -> Option<(usize, Option<aureon_consensus::pow::HeaderStop>)> {
        let (mut wishes, mut judged) = (Vec::new(), None);
        self.engine.handle(clock(self.now), input, &mut wishes);
        let mut commit = None;
        for wish in wishes {
            match wish {
                Wish::Execute { block_id, .. } => self.execute.push(block_id),
                Wish::Unwanted { blocks } => self.execute.retain(|id| !blocks.contains(id)),
                Wish::HeadersJudged { accepted, stop, .. } => judged = Some((accepted, stop)),
                Wish::Switch { applied, .. } => commit = applied.last().copied(),
                Wish::StartTimer { id, after } => self.engine_timer = Some((self.now + after, id)),
                other => panic!("{other:?}"),
            }
        }
        if let Some(block_id) = commit {
            let chain = self.engine.work_chain(&block_id).unwrap().clone();
            let head = EngineHead {
                height: chain.height(),
                block_id,
                timestamp_ms: chain.timestamp_ms(),
            };
            self.engine_input(EngineInput::Committed(head, Lineage::Work(Box::new(chain))));
        }
        judged
    }

    /// Every body that is not withheld is here and valid.
    fn run_blocks(&mut self) {
        while !self.execute.is_empty() {
            let block_id = self.execute.remove(0);
            if self.withheld.contains(&block_id) {
                continue;
            }
            let header = self.engine.header(&block_id).unwrap().header();
            let (height, proposer) = (header.height, header.proposer);
            self.engine_input(EngineInput::Executed {
                height,
                round: 0,
                proposer,
                block_id,
                valid: true,
            });
        }
    }

    fn tip(&self) -> Tip {
        let claim = |id: BlockId| {
            let chain = self.engine.work_chain(&id).unwrap();
            Claim {
                head: Head {
                    height: chain.height(),
                    id,
                },
                work: chain.work(),
            }
        };
        Tip {
            header: claim(self.engine.best_header()),
            head: claim(self.engine.head()),
        }
    }

    fn answer(&mut self, peer: u64, request: RequestId, locator: &[BlockId]) {
        let behaviour = self.peers[&peer];
        let after = self.delay(300);
        // Over the wire and back.
        let claim = self.world.claim(behaviour);
        let headers = match self.forks.get(&peer) {
            Some(fork) => World::after(fork, locator),
            None => self.world.answer(behaviour, locator),
        };
        let (headers, claim) = decode_headers(&answer_headers(&headers, claim)).unwrap();
        let answer = |request, headers| Input::HeadersArrived {
            peer,
            request,
            headers,
            claim,
        };
        let failed = |failure| Input::RequestFailed {
            peer,
            request,
            failure,
        };
        match behaviour {
            Behaviour::Dead => {}
            Behaviour::AlwaysBusy => self.later(after, failed(RequestFailure::Busy)),
            Behaviour::Garbage => self.later(after, failed(RequestFailure::Malformed("garbage".into()))),
            Behaviour::Babbler => {
                let other = RequestId(request.0 + self.random.below(20));
                self.later(Duration::ZERO, answer(other, self.world.fork.after(0, 3)));
                self.later(after, answer(request, headers.clone()));
                self.later(after, answer(request, headers));
            }
            _ => self.later(after, answer(request, headers)),
        }
    }
}

fn clock(now: Duration) -> Now {
    Now {
        monotonic: now,
        wall_ms: u64::MAX / 2,
    }
}

#[test]
fn one_honest_peer_suffices_and_is_never_blamed_and_every_kind_of_liar_is() {
    let world = World::shared();
    let mut found: BTreeMap<String, bool> = BTreeMap::new();
    for seed in 0..16 {
        let run = Run::new(world, seed).run();
        assert!(!run.penalized.contains(&HONEST), "seed {seed}: {:?}", run.trace);
        for (peer, behaviour) in &run.peers {
            let blamed = run.penalized.contains(peer);
            let slow = matches!(behaviour, Behaviour::AlwaysBusy | Behaviour::Flapping);
            assert!(
                !(slow && blamed),
                "seed {seed}: {peer} was only slow: {:?}",
                run.trace
            );
            *found.entry(format!("{behaviour:?}")).or_default() |= blamed;
        }
    }
    for kind in [
        "Empty", "Boaster", "Fork", "Gap", "Lazy", "Floating", "Dead", "Repeater", "Garbage",
    ] {
        assert_eq!(found.get(kind), Some(&true), "{kind}: {found:?}");
    }
}

/// Whoever mined a long branch at the difficulty of long ago, heavier than ours and lighter than the
/// truth, and keeps its bodies, holds up a node that catches up for a moment only.
#[test]
fn a_long_branch_without_bodies_does_not_keep_a_node_from_the_truth() {
    let world = World {
        truth: Chain::new(5_000, 1),
        fork: Chain::new(4_500, 2),
    };
    let mut run = Run::new(&world, 1);
    run.peers = BTreeMap::from([(HONEST, Behaviour::Honest), (HONEST - 1, Behaviour::Fork)]);
    run.honest_at = Duration::from_secs(4);
    run.withheld = world.fork.headers.iter().map(SealedHeader::id).collect();
    let run = run.run();
    assert!(!run.penalized.contains(&HONEST), "{:?}", run.trace);
    assert!(run.caught_up_at < Duration::from_secs(60), "{:?}", run.trace);
}

/// Two such branches fill the tree of headers: the truth enters once they are forgotten.
#[test]
fn branches_without_bodies_that_fill_the_tree_do_not_keep_a_node_from_the_truth() {
    let world = World {
        truth: Chain::new(5_000, 1),
        fork: Chain::new(4_500, 2),
    };
    let other = Chain::new(4_501, 3);
    let mut run = Run::new(&world, 1);
    let colluders = [(1, Behaviour::Fork), (2, Behaviour::Fork)];
    run.peers = BTreeMap::from(colluders);
    run.peers.insert(HONEST, Behaviour::Honest);
    run.forks.insert(2, other.clone());
    run.honest_at = Duration::from_secs(100);
    let withheld = world.fork.headers.iter().chain(&other.headers);
    run.withheld = withheld.map(SealedHeader::id).collect();
    let run = run.run();
    assert!(!run.penalized.contains(&HONEST), "{:?}", run.trace);
    assert!(run.caught_up_at < Duration::from_secs(300), "{:?}", run.trace);
}

#[test]
fn the_same_seed_gives_the_same_trace() {
    let world = World::shared();
    let first = Run::new(world, 7).run().trace;
    assert_eq!(first, Run::new(world, 7).run().trace);
    assert_ne!(first, Run::new(world, 8).run().trace);
}
