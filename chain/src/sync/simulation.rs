//! Whole syncs under a seeded network: one honest peer among liars of every kind. Everything that the
//! machine asks of its host is done here in virtual time: requests with delays, verification with real
//! certificates, import, timers.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::OnceLock,
    time::Duration,
};

use aureon_types::{CertifiedBlock, SecretKey};

use super::{
    BATCH_BLOCKS, Claim, Effect, Input, MAX_BATCHES, MAX_REQUESTS, RangeSync, RequestFailure, RequestId,
    testing::{Chain, GENESIS, Random, certify, validators},
    verify,
};

const HONEST: u64 = 50;
const LENGTH: u64 = 300;
/// Longer than any sync here may take, in virtual time.
const PATIENCE: Duration = Duration::from_secs(3_600);

#[derive(Clone, Copy, Debug)]
enum Behaviour {
    Honest,
    /// Claims far too much and sends nothing.
    Empty,
    /// Claims far too much, sends what there is.
    Boaster,
    /// Leaves a height out.
    Gap,
    /// Switches to another chain in the middle.
    Splice,
    /// Another chain, signed by somebody who is no validator.
    Forger,
    /// Right certificates under wrong keys from some height on.
    BadSignature,
    /// Never answers.
    Dead,
    /// One block at a time.
    Drip,
    AlwaysBusy,
    /// Answers every request twice, and others that were never asked.
    Babbler,
    Garbage,
    /// Comes and goes.
    Flapping,
}

const LIARS: [Behaviour; 12] = [
    Behaviour::Empty,
    Behaviour::Boaster,
    Behaviour::Gap,
    Behaviour::Splice,
    Behaviour::Forger,
    Behaviour::BadSignature,
    Behaviour::Dead,
    Behaviour::Drip,
    Behaviour::AlwaysBusy,
    Behaviour::Babbler,
    Behaviour::Garbage,
    Behaviour::Flapping,
];

/// The chains that peers can send from; made once, signing is slow.
struct World {
    truth: Chain,
    forged: Chain,
}

impl World {
    fn shared() -> &'static Self {
        static WORLD: OnceLock<World> = OnceLock::new();
        WORLD.get_or_init(Self::new)
    }

    fn new() -> Self {
        let forged = Chain::signed_by(LENGTH, &SecretKey::from_seed([66; 32]), 1_000);
        Self {
            truth: Chain::new(LENGTH),
            forged,
        }
    }

    fn answer(&self, behaviour: Behaviour, from: u64, count: u64) -> Vec<CertifiedBlock> {
        let honest = self.truth.range(from, count);
        let middle = honest.len() / 2;
        match behaviour {
            Behaviour::Empty => vec![],
            Behaviour::Gap => honest
                .into_iter()
                .enumerate()
                .filter(|(i, _)| *i != middle)
                .map(|(_, b)| b)
                .collect(),
            Behaviour::Splice => {
                let split = from + middle as u64;
                [
                    self.truth.range(from, split - from),
                    self.forged.range(split, count),
                ]
                .concat()
            }
            Behaviour::Forger => self.forged.range(from, count),
            Behaviour::BadSignature => {
                let forge =
                    |certified: CertifiedBlock| certify(certified.block, &SecretKey::from_seed([66; 32]));
                honest.into_iter().map(forge).collect()
            }
            Behaviour::Drip => honest.into_iter().take(1).collect(),
            _ => honest,
        }
    }
}

struct Run<'a> {
    world: &'a World,
    sync: RangeSync<u64>,
    peers: BTreeMap<u64, Behaviour>,
    random: Random,
    /// In order of time, then of creation.
    queue: BTreeMap<(Duration, u64), Input<u64>>,
    sequence: u64,
    now: Duration,
    height: u64,
    in_flight: BTreeSet<(u64, u64)>,
    importing: bool,
    trace: Vec<String>,
    penalized: BTreeSet<u64>,
}

/// As with epochs of 40 heights: the block before an epoch's last fixes the validators of the next.
fn known_until(head: u64) -> u64 {
    const EPOCH: u64 = 40;
    (head / EPOCH + 1 + u64::from(head % EPOCH == EPOCH - 1)) * EPOCH
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
        Self {
            world,
            sync: RangeSync::new(world.truth.head_at(0), known_until(0)),
            peers,
            random,
            queue: BTreeMap::new(),
            sequence: 0,
            now: Duration::ZERO,
            height: 0,
            in_flight: BTreeSet::new(),
            importing: false,
            trace: Vec::new(),
            penalized: BTreeSet::new(),
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
        let mut claim = self.world.truth.head();
        if matches!(behaviour, Behaviour::Empty | Behaviour::Boaster | Behaviour::Dead) {
            claim = Claim {
                height: [1_000, 1 << 40, u64::MAX][self.random.below(3) as usize],
                id: claim.id,
            };
        }
        let after = self.delay(200);
        self.later(after, Input::PeerStatus { peer, claim });
    }

    fn run(mut self) -> Self {
        let peers: Vec<(u64, Behaviour)> = self
            .peers
            .iter()
            .map(|(peer, behaviour)| (*peer, *behaviour))
            .collect();
        for (peer, behaviour) in &peers {
            self.announce(*peer, *behaviour);
        }
        let mut next_status = Duration::from_secs(5);
        while self.height < LENGTH {
            let Some(((at, _), input)) = self.queue.pop_first() else {
                panic!("asleep at {}: {:?}", self.height, self.sync.status(self.now))
            };
            self.now = at;
            assert!(
                at < PATIENCE,
                "stuck at {}: {:?}",
                self.height,
                self.sync.status(at)
            );
            if at >= next_status {
                next_status = at + Duration::from_secs(5);
                for (peer, behaviour) in &peers {
                    self.announce(*peer, *behaviour);
                    if matches!(behaviour, Behaviour::Flapping) && self.random.below(2) == 0 {
                        self.later(Duration::ZERO, Input::PeerGone { peer: *peer });
                        self.announce(*peer, *behaviour);
                    }
                }
            }
            let mut effects = Vec::new();
            self.forget_request(&input);
            self.sync.handle(self.now, input, &mut effects);
            for effect in effects {
                self.perform(effect);
            }
            self.check_bounds();
        }
        self
    }

    fn forget_request(&mut self, input: &Input<u64>) {
        match input {
            Input::RangeArrived { peer, request, .. } | Input::RequestFailed { peer, request, .. } => {
                self.in_flight.remove(&(*peer, request.0));
            }
            Input::PeerGone { peer } => self.in_flight.retain(|(asked, _)| asked != peer),
            Input::Imported { .. } => self.importing = false,
            _ => {}
        }
    }

    fn perform(&mut self, effect: Effect<u64>) {
        match effect {
            Effect::RequestRange {
                peer,
                request,
                from,
                count,
            } => {
                self.trace
                    .push(format!("{:?} ask {peer} {from}+{count}", self.now));
                assert!(count > 0 && u64::from(count) <= BATCH_BLOCKS);
                self.in_flight.insert((peer, request.0));
                self.answer(peer, request, from, count.into());
            }
            Effect::Verify { batch, blocks } => {
                for certified in &blocks {
                    let (given, known) = (certified.block.header().height, known_until(self.height));
                    assert!(given <= known, "block {given}, validators known until {known}");
                }
                let result = verify(blocks, |_| validators(), &GENESIS);
                let after = self.delay(50);
                self.later(after, Input::BatchVerified { batch, result });
            }
            Effect::Import { batch, blocks } => {
                assert!(!self.importing, "one import at a time");
                self.importing = true;
                for certified in blocks.into_blocks() {
                    self.height += 1;
                    assert_eq!(
                        certified,
                        self.world.truth.block(self.height),
                        "in order, and true"
                    );
                    let head = self.world.truth.head_at(self.height);
                    self.later(
                        Duration::from_millis(1),
                        Input::HeadChanged {
                            head,
                            known_until: known_until(head.height),
                        },
                    );
                }
                self.later(Duration::from_millis(2), Input::Imported { batch });
            }
            Effect::Penalize { peer, offence } => {
                self.trace
                    .push(format!("{:?} penalize {peer} {offence}", self.now));
                self.in_flight.retain(|(asked, _)| *asked != peer);
                self.penalized.insert(peer);
            }
            Effect::StartTimer { timer, after } => self.later(after, Input::TimerFired(timer)),
            Effect::Conflict { .. } => panic!("there is one chain"),
            Effect::RequestStatus { .. } | Effect::Behind { .. } | Effect::Synced { .. } => {}
        }
    }

    fn answer(&mut self, peer: u64, request: RequestId, from: u64, count: u64) {
        let behaviour = self.peers[&peer];
        let after = self.delay(300);
        let blocks = self.world.answer(behaviour, from, count);
        let answer = |request, blocks| Input::RangeArrived {
            peer,
            request,
            blocks,
            claim: None,
        };
        match behaviour {
            Behaviour::Dead => {}
            Behaviour::AlwaysBusy => {
                self.later(
                    after,
                    Input::RequestFailed {
                        peer,
                        request,
                        failure: RequestFailure::Busy,
                    },
                );
            }
            Behaviour::Garbage => {
                let failure = RequestFailure::Malformed("garbage".into());
                self.later(
                    after,
                    Input::RequestFailed {
                        peer,
                        request,
                        failure,
                    },
                );
            }
            Behaviour::Babbler => {
                let other = RequestId(request.0 + self.random.below(20));
                self.later(Duration::ZERO, answer(other, self.world.forged.range(from, 3)));
                self.later(after, answer(request, blocks.clone()));
                self.later(after, answer(request, blocks));
            }
            _ => self.later(after, answer(request, blocks)),
        }
    }

    fn check_bounds(&self) {
        let status = self.sync.status(self.now);
        assert!(status.requests <= MAX_REQUESTS);
        assert!(self.in_flight.len() <= MAX_REQUESTS, "{:?}", self.in_flight);
        let batches = &self.sync.batches;
        assert!(
            batches.len() <= 2 * MAX_BATCHES + MAX_REQUESTS,
            "{}",
            batches.len()
        );
        for pair in batches.windows(2) {
            assert_eq!(pair[0].last + 1, pair[1].from, "no gap, no overlap");
        }
    }
}

#[test]
fn one_honest_peer_suffices_and_is_never_blamed() {
    let world = World::shared();
    for seed in 0..20 {
        let run = Run::new(world, seed).run();
        assert!(!run.penalized.contains(&HONEST), "seed {seed}: {:?}", run.trace);
        for peer in &run.penalized {
            assert!(
                !matches!(
                    run.peers[peer],
                    Behaviour::Drip | Behaviour::AlwaysBusy | Behaviour::Flapping
                ),
                "seed {seed}: {peer} was only slow: {:?}",
                run.trace
            );
        }
    }
}

#[test]
fn the_same_seed_gives_the_same_trace() {
    let world = World::shared();
    let first = Run::new(world, 7).run().trace;
    assert_eq!(first, Run::new(world, 7).run().trace);
    assert_ne!(first, Run::new(world, 8).run().trace);
}

#[test]
fn honest_peers_share_the_work() {
    let world = World::shared();
    let mut run = Run::new(world, 1);
    run.peers = (0..4).map(|peer| (peer, Behaviour::Honest)).collect();
    let run = run.run();
    let was_asked = |peer: &u64| {
        run.trace
            .iter()
            .any(|line| line.contains(&format!("ask {peer} ")))
    };
    assert!((0..4).filter(was_asked).count() >= 3, "{:?}", run.trace);
    assert!(run.penalized.is_empty());
}
