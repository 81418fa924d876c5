//! Several nodes that mine, each with the real engine and header sync, over links with delay and loss,
//! cut into two halves for a while. Bodies are always there and valid; everything else is as in a node.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use aureon_consensus::{
    Admit, DropReason, Effect as Wish, Head as EngineHead, Input as EngineInput, Lineage, Message, Now,
    pow::{Pow, Start, WorkChain, verify_headers},
    verify_header,
};
use aureon_types::{BlockId, SealedHeader};

use super::{
    super::{Head, RequestId, TimerId, testing::Random},
    Claim, Effect, HeaderSync, Input, MAX_HEADERS, Tip,
    testing::{mine_at, rules},
};

const NODES: usize = 4;
/// Each node finds a block this often on average, in milliseconds.
const PACE_MS: u64 = 4_000;
const MINING_ENDS: Duration = Duration::from_secs(180);
/// One block more: two branches of equal work may stand side by side, and rightly so.
const LAST_BLOCK: Duration = Duration::from_secs(200);
/// Time for the last words.
const END: Duration = Duration::from_secs(240);
/// The halves {0, 1} and {2, 3} do not hear each other.
const CUT: (Duration, Duration) = (Duration::from_secs(60), Duration::from_secs(120));

enum Event {
    Mine,
    Gossip {
        from: usize,
        header: Box<SealedHeader>,
    },
    Status {
        from: usize,
        claim: Claim,
    },
    Ask {
        from: usize,
        request: RequestId,
        locator: Vec<BlockId>,
    },
    Answer {
        from: usize,
        request: RequestId,
        headers: Vec<SealedHeader>,
        claim: Claim,
    },
    Sync(Input<usize>),
    Engine(aureon_consensus::TimerId),
    Tell,
}

struct Node {
    engine: Pow,
    sync: HeaderSync<usize>,
    told: Option<Tip>,
    /// Ids of the chain, the genesis first.
    chain: Vec<BlockId>,
    final_height: u64,
    deepest: usize,
}

struct Network {
    nodes: Vec<Node>,
    random: Random,
    loss_percent: u64,
    queue: BTreeMap<(Duration, u64), (usize, Event)>,
    sequence: u64,
    now: Duration,
    mined: u64,
    penalized: BTreeSet<(usize, usize)>,
}

fn clock(now: Duration) -> Now {
    let ms = u64::try_from(now.as_millis()).unwrap();
    Now {
        monotonic: now,
        wall_ms: rules().genesis_timestamp_ms + ms,
    }
}

impl Network {
    fn new(seed: u64, loss_percent: u64) -> Self {
        let genesis = WorkChain::genesis(rules());
        let id = genesis.block_id();
        let claim = Claim {
            head: Head { height: 0, id },
            work: genesis.work(),
        };
        let node = || {
            let start = Start {
                chain: genesis.clone(),
                header: None,
                headers: vec![],
                head: id,
            };
            Node {
                engine: Pow::start(clock(Duration::ZERO), start, &mut Vec::new()).unwrap(),
                sync: HeaderSync::new(Tip {
                    header: claim,
                    head: claim,
                }),
                told: None,
                chain: vec![id],
                final_height: 0,
                deepest: 0,
            }
        };
        let mut this = Self {
            nodes: (0..NODES).map(|_| node()).collect(),
            random: Random::new(seed),
            loss_percent,
            queue: BTreeMap::new(),
            sequence: 0,
            now: Duration::ZERO,
            mined: 0,
            penalized: BTreeSet::new(),
        };
        for node in 0..NODES {
            this.later(Duration::from_millis(node as u64), node, Event::Tell);
            let first = this.random.below(2 * PACE_MS);
            this.later(Duration::from_millis(first), node, Event::Mine);
        }
        this.later(LAST_BLOCK, 0, Event::Mine);
        this
    }

    fn later(&mut self, after: Duration, node: usize, event: Event) {
        self.sequence += 1;
        self.queue
            .insert((self.now + after, self.sequence), (node, event));
    }

    fn is_cut(&self, one: usize, other: usize) -> bool {
        (CUT.0..CUT.1).contains(&self.now) && (one < NODES / 2) != (other < NODES / 2)
    }

    /// Over a link. `lossy`: as gossip is; requests are answered or time out.
    fn send(&mut self, from: usize, to: usize, lossy: bool, event: Event) {
        if self.is_cut(from, to) || (lossy && self.random.below(100) < self.loss_percent) {
            return;
        }
        let delay = Duration::from_millis(5 + self.random.below(200));
        self.later(delay, to, event);
    }

    fn run(mut self) -> Self {
        while let Some(((at, _), (node, event))) = self.queue.pop_first() {
            if at > END {
                break;
            }
            self.now = at;
            self.on_event(node, event);
        }
        self
    }

    fn on_event(&mut self, node: usize, event: Event) {
        match event {
            Event::Mine => self.mine(node),
            Event::Gossip { from, header } => self.on_gossip(node, from, *header),
            Event::Status { from, claim } => self.sync(node, Input::PeerStatus { peer: from, claim }),
            Event::Ask {
                from,
                request,
                locator,
            } => {
                let headers = self.nodes[node].headers_after(&locator);
                let claim = self.claim(node, self.nodes[node].engine.head());
                self.send(
                    node,
                    from,
                    false,
                    Event::Answer {
                        from: node,
                        request,
                        headers,
                        claim,
                    },
                );
            }
            Event::Answer {
                from,
                request,
                headers,
                claim,
            } => {
                self.sync(
                    node,
                    Input::HeadersArrived {
                        peer: from,
                        request,
                        headers,
                        claim: Some(claim),
                    },
                );
            }
            Event::Sync(input) => self.sync(node, input),
            Event::Engine(timer) => self.engine(node, EngineInput::TimerFired(timer)),
            Event::Tell => {
                let claim = self.claim(node, self.nodes[node].engine.head());
                for peer in (0..NODES).filter(|peer| *peer != node) {
                    self.send(node, peer, false, Event::Status { from: node, claim });
                }
                self.later(Duration::from_secs(5), node, Event::Tell);
            }
        }
    }

    fn mine(&mut self, node: usize) {
        if self.now < MINING_ENDS {
            let next = Duration::from_millis(1 + self.random.below(2 * PACE_MS));
            self.later(next, node, Event::Mine);
        } else if self.now != LAST_BLOCK {
            return;
        }
        let engine = &self.nodes[node].engine;
        let parent = engine.work_chain(&engine.head()).unwrap();
        let header = mine_at(parent, clock(self.now).wall_ms, node as u8);
        self.mined += 1;
        self.engine(node, EngineInput::Message(verify_header(header.clone()).unwrap()));
        self.gossip(node, node, header);
    }

    fn gossip(&mut self, node: usize, from: usize, header: SealedHeader) {
        for peer in (0..NODES).filter(|peer| *peer != node && *peer != from) {
            self.send(
                node,
                peer,
                true,
                Event::Gossip {
                    from: node,
                    header: Box::new(header.clone()),
                },
            );
        }
    }

    fn on_gossip(&mut self, node: usize, from: usize, header: SealedHeader) {
        match self.nodes[node]
            .engine
            .admit(&Message::Work(Box::new(header.clone())))
        {
            Admit::Verify => {
                self.engine(node, EngineInput::Message(verify_header(header.clone()).unwrap()));
                self.gossip(node, from, header);
            }
            Admit::Drop(DropReason::UnknownParent) => self.sync(node, Input::Orphan { peer: from }),
            Admit::Drop(reason) => assert!(!reason.is_fault(), "an honest header: {reason:?}"),
        }
    }

    fn claim(&self, node: usize, id: BlockId) -> Claim {
        let chain = self.nodes[node].engine.work_chain(&id).unwrap();
        Claim {
            head: Head {
                height: chain.height(),
                id,
            },
            work: chain.work(),
        }
    }

    fn sync(&mut self, node: usize, input: Input<usize>) {
        let mut effects = Vec::new();
        self.nodes[node].sync.handle(self.now, input, &mut effects);
        for effect in effects {
            match effect {
                Effect::RequestHeaders {
                    peer, request, after, ..
                } => {
                    let locator = self.nodes[node].engine.locator(after.as_ref());
                    self.send(
                        node,
                        peer,
                        false,
                        Event::Ask {
                            from: node,
                            request,
                            locator,
                        },
                    );
                }
                Effect::Verify { batch, headers } => {
                    let verified = Input::HeadersVerified {
                        batch,
                        result: verify_headers(headers),
                    };
                    self.later(Duration::from_millis(1), node, Event::Sync(verified));
                }
                Effect::Deliver { batch, headers } => {
                    self.engine(
                        node,
                        EngineInput::Headers {
                            batch: batch.0,
                            headers,
                        },
                    );
                }
                Effect::Penalize { peer, offence } => {
                    assert!(!offence.is_deliberate(), "{node} blames {peer}: {offence}");
                    self.penalized.insert((node, peer));
                }
                Effect::StartTimer { timer, after } => {
                    let fired: TimerId = timer;
                    self.later(after, node, Event::Sync(Input::TimerFired(fired)));
                }
                Effect::OtherHistory { .. } => panic!("nothing is final yet"),
                Effect::Behind { .. } | Effect::Synced { .. } => {}
            }
        }
    }

    /// Feeds the engine and carries out what it wants, at once.
    fn engine(&mut self, node: usize, input: EngineInput) {
        let (mut inputs, mut judged) = (vec![input], None);
        while !inputs.is_empty() {
            let mut wishes = Vec::new();
            let input = inputs.remove(0);
            self.nodes[node]
                .engine
                .handle(clock(self.now), input, &mut wishes);
            for wish in wishes {
                match wish {
                    Wish::Execute {
                        height,
                        round,
                        proposer,
                        block_id,
                        ..
                    } => {
                        inputs.push(EngineInput::Executed {
                            height,
                            round,
                            proposer,
                            block_id,
                            valid: true,
                        });
                    }
                    Wish::Switch {
                        undone,
                        applied,
                        finalized,
                        ..
                    } => {
                        inputs.push(self.nodes[node].switch(&undone, &applied, finalized));
                    }
                    Wish::HeadersJudged {
                        batch,
                        accepted,
                        stop,
                    } => judged = Some((batch, accepted, stop)),
                    Wish::StartTimer { id, after } => self.later(after, node, Event::Engine(id)),
                    Wish::Unwanted { .. } => {}
                    other => panic!("{other:?}"),
                }
            }
        }
        let engine = &self.nodes[node].engine;
        let tip = Tip {
            header: self.claim(node, engine.best_header()),
            head: self.claim(node, engine.head()),
        };
        if self.nodes[node].told.replace(tip) != Some(tip) {
            self.sync(node, Input::TipChanged(tip));
        }
        if let Some((batch, accepted, stop)) = judged {
            let batch = super::super::BatchId(batch);
            self.sync(
                node,
                Input::HeadersJudged {
                    batch,
                    accepted,
                    stop,
                },
            );
        }
    }
}

impl Node {
    /// What a node reads from its block store. Nothing is final here before the end, so the tree has it all.
    fn headers_after(&self, locator: &[BlockId]) -> Vec<SealedHeader> {
        let place = |id: &BlockId| self.chain.iter().position(|on_chain| on_chain == id);
        let after = locator.iter().find_map(place).unwrap();
        let headers = self.chain[after + 1..].iter().take(MAX_HEADERS);
        headers
            .map(|id| self.engine.header(id).unwrap().clone())
            .collect()
    }

    fn switch(
        &mut self,
        undone: &[BlockId],
        applied: &[BlockId],
        finalized: Option<(u64, BlockId)>,
    ) -> EngineInput {
        for id in undone {
            assert_eq!(self.chain.pop(), Some(*id));
        }
        self.deepest = self.deepest.max(undone.len());
        self.chain.extend(applied);
        if let Some((height, _)) = finalized {
            self.final_height = height;
        }
        let block_id = *applied.last().unwrap();
        let chain = self.engine.work_chain(&block_id).unwrap().clone();
        let head = EngineHead {
            height: chain.height(),
            block_id,
            timestamp_ms: chain.timestamp_ms(),
        };
        EngineInput::Committed(head, Lineage::Work(Box::new(chain)))
    }
}

#[test]
fn halves_that_were_cut_apart_agree_on_the_heavier_branch() {
    let mut deepest = 0;
    for seed in 0..30 {
        for loss in [0, 20, 100] {
            let network = Network::new(seed, loss).run();
            let first = &network.nodes[0];
            assert!(network.mined > 100, "seed {seed}: {}", network.mined);
            assert!(first.chain.len() > 40, "seed {seed}: {}", first.chain.len());
            for (at, node) in network.nodes.iter().enumerate() {
                assert!(
                    node.chain == first.chain,
                    "seed {seed}, {loss} % loss: node {at} has another chain"
                );
                let phase = node.sync.status(network.now).phase;
                assert_eq!(
                    phase,
                    super::super::Phase::Synced,
                    "seed {seed}, {loss} % loss, node {at}"
                );
                deepest = deepest.max(node.deepest);
            }
            if loss == 0 {
                // Requests are lost only in the cut.
                assert!(network.penalized.len() <= NODES * (NODES - 1));
            }
        }
    }
    assert!(
        deepest >= 10,
        "the cut was no test: at most {deepest} blocks were undone"
    );
}
