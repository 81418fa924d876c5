//! The core under proof of work with its ledger, on disks in memory, told by hand what peers would say.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::Arc,
    time::Duration,
};

use aureon_chain::{
    assembly::ProposedBlock,
    import::ParentInfo,
    mempool,
    production::{self, BuildParams},
    sync::headers,
    system::genesis_state,
};
use aureon_consensus::{Now, pow};
use aureon_proto::v1::{self as proto, sync_request, sync_response};
use aureon_protocol::{Offence, PeerId, Status, Topic, Verdict};
use aureon_storage::{BlockStore, FlushPolicy, StateStore, memory::CrashDisk};
use aureon_types::{
    Action, Address, Amount, Block, BlockId, EmptyBlocks, EngineKind, Genesis, Hash, Header, SealedHeader,
    SecretKey, SignedTransaction, SignedVote, Transaction, VerifiedTransaction, Vote, VoteKind,
    action::TRANSFER_GAS,
    genesis::{BftTimeouts, DEFAULT_GAS_LIMIT, PowParameters, RewardSchedule},
};
use bytes::Bytes;

use crate::{
    adapters::Contracts,
    core::{
        Chain, ChannelToken, Core, Done, Effect, GossipToken, HeadChange, Input, Job, Lane, Mined,
        MiningOptions, Parent, ReplyToken, Start, Timer,
    },
    workers::{Ledger, Services, perform},
};

const DEPTH: u64 = 6;
const START_MS: u64 = 1_790_000_000_000;
/// The threads were told nothing.
const QUIET: [bool; 0] = [];

fn payer() -> SecretKey {
    SecretKey::from_seed([77; 32])
}

fn genesis() -> Arc<Genesis> {
    let parameters = PowParameters {
        difficulty: 0,
        finality_depth: DEPTH,
        reward: RewardSchedule {
            per_block: 50,
            halving_blocks: 1_000,
        },
        ..PowParameters::with_block_time(1_000)
    };
    let genesis = Genesis {
        chain: "mined".to_owned(),
        timestamp_ms: START_MS,
        engine: EngineKind::Pow(parameters),
        block_time_ms: 1_000,
        empty_blocks: EmptyBlocks::Always,
        gas_limit: DEFAULT_GAS_LIMIT,
        min_gas_price: 1,
        vm_cost_table: aureon_types::genesis::VM_COST_TABLE,
        timeouts: BftTimeouts::default(),
        balances: BTreeMap::from([(payer().address(), Amount(1_000_000_000))]),
    };
    Arc::new(genesis.checked().unwrap())
}

fn transfer(nonce: u64) -> SignedTransaction {
    let (key, id) = (payer(), genesis().id());
    Transaction {
        network: id.network_hint(),
        public_key: key.public_key(),
        nonce,
        gas_limit: TRANSFER_GAS,
        gas_price: 1,
        last_valid_height: None,
        action: Action::Transfer {
            recipient: Address([5; 20]),
            amount: Amount(10),
        },
    }
    .sign(&key, &id)
}

fn peer(seed: u8) -> PeerId {
    aureon_protocol::peer_id([seed; 32]).unwrap()
}

/// What outlives a crash.
#[derive(Clone, Default)]
struct Disks {
    blocks: CrashDisk,
    states: CrashDisk,
}

/// A node: its core, its ledger, and what it wants of the world.
struct Machine {
    core: Core,
    ledger: Ledger,
    services: Services,
    now: Duration,
    tokens: u64,
    seen: Vec<Effect>,
    timers: Vec<(Duration, Timer)>,
    failed: Option<String>,
}

impl Machine {
    fn boot(disks: &Disks) -> Self {
        Self::boot_with(disks, MiningOptions::default())
    }

    fn boot_with(disks: &Disks, mining: MiningOptions) -> Self {
        let genesis = genesis();
        let chain = Chain::new(Arc::clone(&genesis));
        let policy = FlushPolicy {
            blocks: 1,
            ..FlushPolicy::default()
        };
        let state = genesis_state(&genesis);
        let services = Services {
            machine: Arc::new(Contracts::new(&genesis, None).unwrap()),
            visitors: Arc::new(Contracts::new(&genesis, None).unwrap()),
            blocks: Arc::new(
                BlockStore::open(disks.blocks.backend("blocks"), 1 << 20, chain.genesis_id).unwrap(),
            ),
            states: Arc::new(
                StateStore::open(
                    disks.states.backend("state"),
                    1 << 20,
                    policy,
                    chain.genesis_id,
                    &state,
                )
                .unwrap(),
            ),
            chain,
        };
        let (ledger, work) = Ledger::open(services.clone()).unwrap();
        let start = Start {
            genesis: Arc::clone(&genesis),
            local_peer: peer(200),
            validator_key: None,
            mempool: mempool::Config::new(&genesis),
            parent: ledger.tip().clone(),
            log: Vec::new(),
            sign_mark: None,
            undecided: Vec::new(),
            work,
            mining,
        };
        let mut effects = Vec::new();
        let now = Duration::ZERO;
        let core = Core::start(at(now), start, &mut effects).unwrap();
        let mut machine = Self {
            core,
            ledger,
            services,
            now,
            tokens: 0,
            seen: Vec::new(),
            timers: Vec::new(),
            failed: None,
        };
        machine.perform(effects);
        machine
    }

    /// Jobs are done at once; the rest is remembered.
    fn perform(&mut self, effects: Vec<Effect>) {
        let mut queue = VecDeque::from(effects);
        while let Some(effect) = queue.pop_front() {
            let done = match effect {
                Effect::Job(job) => self.work(job),
                Effect::StartTimer { timer, after } => {
                    self.timers.push((self.now + after, timer));
                    None
                }
                Effect::Stop { reason } => {
                    self.failed = Some(reason);
                    None
                }
                other => {
                    self.seen.push(other);
                    None
                }
            };
            if let Some(done) = done {
                let mut effects = Vec::new();
                self.core
                    .handle(at(self.now), Input::Done(Box::new(done)), &mut effects);
                queue.extend(effects);
            }
        }
    }

    fn work(&mut self, job: Job) -> Option<Done> {
        if self.failed.is_some() {
            return None;
        }
        match job.lane() {
            Lane::Ledger => {
                let done = self.ledger.perform(job, &|| Duration::ZERO);
                // As the write-behind thread does, at once.
                self.services.states.flush().unwrap();
                done
            }
            Lane::Pool | Lane::Reader => perform(&self.services, job),
        }
    }

    fn tell(&mut self, input: Input) {
        let mut effects = Vec::new();
        self.core.handle(at(self.now), input, &mut effects);
        self.perform(effects);
    }

    /// A block by gossip, and its verdict.
    fn gossip(&mut self, from: PeerId, block: &Block) -> Verdict {
        self.gossip_bytes(Topic::Blocks, from, ProposedBlock::encode(block, None, 0))
    }

    fn gossip_bytes(&mut self, topic: Topic, from: PeerId, data: Bytes) -> Verdict {
        self.tokens += 1;
        let token = GossipToken(self.tokens);
        self.tell(Input::Gossip {
            topic,
            from,
            message: token,
            data,
        });
        let verdict = self.seen.iter().find_map(|effect| match effect {
            Effect::Verdict { message, verdict } if *message == token => Some(*verdict),
            _ => None,
        });
        verdict.unwrap()
    }

    /// `from` has the chain that ends with the last of `blocks`, serves it, and says so.
    fn meet(&mut self, from: PeerId, blocks: &[Made]) {
        let tip = &blocks.last().unwrap().after;
        let status = Status {
            height: tip.info.height,
            head_id: tip.info.id,
            work: tip.lineage.work().map(|chain| chain.work().to_bytes()),
        };
        self.tell(Input::PeerReady { peer: from, status });
        for _ in 0..200 {
            if self.failed.is_some() || !self.answer(from, blocks) && !self.fire() {
                return;
            }
        }
        panic!("no end to the questions");
    }

    /// Answers what the node has asked `from`. False if it asked nothing.
    fn answer(&mut self, from: PeerId, blocks: &[Made]) -> bool {
        let (asked, rest) = std::mem::take(&mut self.seen)
            .into_iter()
            .partition(|effect| matches!(effect, Effect::Request { peer, .. } if *peer == from));
        self.seen = rest;
        let asked: Vec<Effect> = asked;
        let any = !asked.is_empty();
        for effect in asked {
            let Effect::Request { peer, request, body } = effect else {
                continue;
            };
            let response = match body.request {
                Some(sync_request::Request::Headers(question)) => {
                    let (locator, count) = headers::decode_headers_request(&question).unwrap();
                    let known = |made: &Made| locator.contains(&made.block.id());
                    let after = blocks.iter().rposition(known).map_or(0, |at| at + 1);
                    let found: Vec<SealedHeader> = blocks[after..]
                        .iter()
                        .take(count)
                        .map(|made| made.block.sealed_header().clone())
                        .collect();
                    let tip = &blocks.last().unwrap().after;
                    let head = headers::Claim {
                        head: aureon_chain::sync::Head {
                            height: tip.info.height,
                            id: tip.info.id,
                        },
                        work: tip.lineage.work().unwrap().work(),
                    };
                    sync_response::Response::Headers(headers::answer_headers(&found, head))
                }
                Some(sync_request::Request::Block(question)) => {
                    let id = aureon_chain::assembly::decode_block_request(&question).unwrap();
                    let found = blocks.iter().find(|made| made.block.id() == id);
                    sync_response::Response::Block(proto::BlockResponse {
                        block: found.map(|made| made.block.to_proto()),
                        ..proto::BlockResponse::default()
                    })
                }
                _ => continue,
            };
            let result = Ok(proto::SyncResponse {
                response: Some(response),
            });
            self.tell(Input::Response {
                request,
                peer,
                result,
            });
        }
        any
    }

    /// Lets the next timer of a machine fire. False if there is none within a minute.
    fn fire(&mut self) -> bool {
        let machine = |timer: &Timer| matches!(timer, Timer::Headers(_) | Timer::Assembly(_));
        let next = self
            .timers
            .iter()
            .enumerate()
            .filter(|(_, (_, timer))| machine(timer));
        let Some((position, _)) = next.min_by_key(|(_, (due, _))| *due) else {
            return false;
        };
        let (due, timer) = self.timers.remove(position);
        if due > self.now + Duration::from_secs(60) {
            return false;
        }
        self.now = self.now.max(due);
        self.tell(Input::TimerFired(timer));
        true
    }

    /// The look that our template's timer takes at this time; what the threads search afterwards, if that
    /// changed.
    fn look(&mut self, millis: u64) -> Vec<bool> {
        self.now = Duration::from_millis(millis);
        self.tell(Input::TimerFired(Timer::Mining));
        self.searches()
    }

    /// Whether the threads were given work or rest since the last question, in order.
    fn searches(&mut self) -> Vec<bool> {
        let (told, rest) = std::mem::take(&mut self.seen)
            .into_iter()
            .partition(|effect| matches!(effect, Effect::Mine(_)));
        self.seen = rest;
        let told: Vec<Effect> = told;
        let work = |effect: &Effect| matches!(effect, Effect::Mine(Some(_)));
        told.iter().map(work).collect()
    }

    fn head(&self) -> BlockId {
        self.core.head().1
    }

    fn penalties(&self) -> Vec<(PeerId, Offence)> {
        let penalty = |effect: &Effect| match effect {
            Effect::Penalize { peer, offence, .. } => Some((*peer, *offence)),
            _ => None,
        };
        self.seen.iter().filter_map(penalty).collect()
    }

    fn changes(&self) -> Vec<HeadChange> {
        let change = |effect: &Effect| match effect {
            Effect::HeadChanged(change) => Some(change.clone()),
            _ => None,
        };
        self.seen.iter().filter_map(change).collect()
    }
}

/// An hour after the genesis, and so much more.
fn at(now: Duration) -> Now {
    Now {
        monotonic: now,
        wall_ms: START_MS + 3_600_000 + u64::try_from(now.as_millis()).unwrap(),
    }
}

/// A block, and what others are built on after it.
#[derive(Clone)]
struct Made {
    block: Block,
    after: Parent,
}

/// Mines a block on `parent`. `tamper` may spoil its header before the work is done.
fn mine(
    parent: &Parent,
    miner: u8,
    transactions: &[SignedTransaction],
    tamper: impl FnOnce(&mut Header),
) -> Made {
    let chain = Chain::new(genesis());
    let verify =
        |signed: &SignedTransaction| VerifiedTransaction::verify(signed.clone(), &chain.genesis_id).unwrap();
    let params = BuildParams {
        parent: parent.info,
        previous_commit: Bytes::new(),
        rules: chain.rules(parent).unwrap(),
        timestamp_ms: parent.info.timestamp_ms + 1_000,
        proposer: Address([miner; 20]),
        max_gas: u64::MAX,
        max_bytes: usize::MAX,
    };
    let candidates = transactions.iter().map(verify);
    let machine = Contracts::new(&chain.genesis, None).unwrap();
    let built = production::build(&parent.view, &machine, &params, candidates, &mut || false).unwrap();
    let mut header = built.executed.header().clone();
    tamper(&mut header);
    let target = pow::Target::from_bytes(&header.target.unwrap()).unwrap();
    let nonce = pow::search(&pow::header_hash(&header.encode()), &target, 0..u64::MAX).unwrap();
    let sealed = SealedHeader::new(header, Bytes::copy_from_slice(&nonce.to_le_bytes()));
    let chain_of_work = parent.lineage.work().unwrap().child(&sealed);
    Made {
        after: Parent {
            info: ParentInfo::of(&sealed),
            certificate: Bytes::new(),
            view: built.executed.view_after().clone(),
            lineage: aureon_consensus::Lineage::Work(Box::new(chain_of_work)),
        },
        block: Block::new(sealed, Bytes::new(), transactions.to_vec()).unwrap(),
    }
}

/// `count` honest blocks on `parent`.
fn branch(parent: &Parent, miner: u8, count: usize) -> Vec<Made> {
    let mut made: Vec<Made> = Vec::new();
    for _ in 0..count {
        let parent = made.last().map_or(parent, |made| &made.after);
        made.push(mine(parent, miner, &[], |_| ()));
    }
    made
}

#[test]
fn a_gossiped_block_is_judged_by_its_header_and_becomes_the_head() {
    let mut machine = Machine::boot(&Disks::default());
    let root = machine.ledger.tip().clone();
    let blocks = branch(&root, 1, 2);
    assert_eq!(machine.gossip(peer(1), &blocks[0].block), Verdict::Accept);
    assert_eq!(machine.head(), blocks[0].block.id());
    assert_eq!(
        machine.gossip(peer(2), &blocks[0].block),
        Verdict::Ignore,
        "known"
    );
    // The target of another height: no honest node sends it.
    let easy = mine(&blocks[0].after, 1, &[], |header| {
        header.target = Some([0xff; 32])
    });
    let hard = mine(&blocks[0].after, 1, &[], |header| {
        let mut target = header.target.unwrap();
        target[0] /= 2;
        header.target = Some(target);
    });
    let wrong = if easy.block.header().target == blocks[1].block.header().target {
        hard
    } else {
        easy
    };
    assert_eq!(machine.gossip(peer(1), &wrong.block), Verdict::Reject);
    // Work that is not done.
    let unworked = blocks[1].block.with_seal(Bytes::copy_from_slice(&[0; 8]));
    if pow::check_work(unworked.sealed_header()).is_err() {
        assert_eq!(machine.gossip(peer(1), &unworked), Verdict::Reject);
    }
    assert_eq!(machine.gossip(peer(1), &blocks[1].block), Verdict::Accept);
    assert_eq!(machine.head(), blocks[1].block.id());
}

#[test]
fn votes_and_proposals_are_refused_where_blocks_are_mined() {
    let mut machine = Machine::boot(&Disks::default());
    let (key, network) = (payer(), genesis().id());
    let block_id = machine.head();
    let vote = Vote {
        kind: VoteKind::Prevote,
        height: 1,
        round: 0,
        block_id: Some(block_id),
    };
    let vote = aureon_consensus::Message::Vote(SignedVote::sign(vote, &key, &network));
    let bytes = vote.encode(0).unwrap();
    assert_eq!(
        machine.gossip_bytes(Topic::Consensus, peer(1), bytes),
        Verdict::Reject
    );
    let garbage = Bytes::from_static(b"no block");
    assert_eq!(
        machine.gossip_bytes(Topic::Blocks, peer(1), garbage),
        Verdict::Reject
    );
}

#[test]
fn nobody_is_penalised_for_gossip_of_a_block_whose_body_is_wrong() {
    let mut machine = Machine::boot(&Disks::default());
    let root = machine.ledger.tip().clone();
    let good = mine(&root, 1, &[], |_| ());
    let bad = mine(&good.after, 1, &[], |header| header.receipts_root = Hash([1; 32]));
    machine.gossip(peer(1), &good.block);
    assert_eq!(
        machine.gossip(peer(1), &bad.block),
        Verdict::Accept,
        "its work is done"
    );
    assert_eq!(machine.head(), good.block.id(), "the old head stands");
    assert!(machine.penalties().is_empty(), "{:?}", machine.penalties());
    // What stands on it goes no further, and whoever passed it on may not have executed that block yet.
    let child = mine(&bad.after, 1, &[], |_| ());
    assert_eq!(machine.gossip(peer(2), &child.block), Verdict::Ignore);
    // Mining goes on on the old head.
    let next = mine(&good.after, 1, &[], |_| ());
    machine.gossip(peer(1), &next.block);
    assert_eq!(machine.head(), next.block.id());
}

#[test]
fn a_reorganisation_onto_an_invalid_branch_leaves_the_head_and_bans_who_served_it() {
    let mut machine = Machine::boot(&Disks::default());
    let root = machine.ledger.tip().clone();
    let ours = branch(&root, 1, 3);
    for made in &ours {
        machine.gossip(peer(1), &made.block);
    }
    // Five blocks, the third of which is invalid. Honest nodes serve only what they have executed.
    let mut theirs = branch(&root, 2, 2);
    let bad = mine(&theirs[1].after, 2, &[], |header| {
        header.receipts_root = Hash([1; 32])
    });
    theirs.push(bad);
    theirs.extend(branch(&theirs[2].after, 2, 2));
    machine.meet(peer(9), &theirs);
    assert_eq!(machine.head(), ours[2].block.id());
    // For the body, and for headers on it when it goes on to claim that it is the heaviest.
    let penalties = machine.penalties();
    assert!(
        penalties.iter().all(|(blamed, _)| *blamed == peer(9)),
        "{penalties:?}"
    );
    let for_the_body = |effect: &&Effect| match effect {
        Effect::Penalize { offence, reason, .. } => {
            *offence == Offence::Malicious && reason.contains("it served block")
        }
        _ => false,
    };
    assert_eq!(machine.seen.iter().filter(for_the_body).count(), 1);
    // Whoever says that it is on that branch is found out at once.
    let status = Status {
        height: 5,
        head_id: theirs[4].block.id(),
        work: theirs[4]
            .after
            .lineage
            .work()
            .map(|chain| chain.work().to_bytes()),
    };
    machine.tell(Input::PeerReady {
        peer: peer(8),
        status,
    });
    assert_eq!(
        machine.penalties().last(),
        Some(&(peer(8), Offence::InvalidBlock))
    );
}

#[test]
fn a_heavier_branch_undoes_ours_down_to_the_finality_depth_and_no_deeper() {
    for (length, follows) in [(DEPTH, true), (DEPTH + 1, false)] {
        let mut machine = Machine::boot(&Disks::default());
        let root = machine.ledger.tip().clone();
        let ours = branch(&root, 1, usize::try_from(length).unwrap());
        for made in &ours {
            machine.gossip(peer(1), &made.block);
        }
        assert_eq!(machine.head(), ours.last().unwrap().block.id());
        let theirs = branch(&root, 2, usize::try_from(length).unwrap() + 3);
        machine.meet(peer(2), &theirs);
        let expected = if follows { &theirs } else { &ours };
        assert_eq!(machine.head(), expected.last().unwrap().block.id(), "{length}");
        assert!(machine.penalties().is_empty(), "{:?}", machine.penalties());
        if follows {
            let change = machine
                .changes()
                .into_iter()
                .find(|change| !change.undone.is_empty())
                .unwrap();
            let undone: Vec<BlockId> = change.undone.iter().map(|(_, id)| *id).collect();
            let ours: Vec<BlockId> = ours.iter().rev().map(|made| made.block.id()).collect();
            assert_eq!(undone, ours, "the highest first");
        }
    }
}

/// The block store keeps only so many bodies of other branches.
#[test]
fn a_branch_that_wins_again_and_whose_bodies_are_gone_is_fetched_again() {
    // Lives on: the branches are built on its state.
    let maker = Machine::boot(&Disks::default());
    let root = maker.ledger.tip().clone();
    let (ours, theirs) = (branch(&root, 1, 4), branch(&root, 2, 3));
    let disks = Disks::default();
    let mut machine = Machine::boot(&disks);
    machine.gossip(peer(1), &ours[0].block);
    machine.gossip(peer(1), &ours[1].block);
    drop(machine);
    // After a restart bodies of the chain are on disk only.
    let mut machine = Machine::boot(&disks);
    machine.meet(peer(2), &theirs);
    assert_eq!(machine.head(), theirs[2].block.id());
    machine.tell(Input::PeerGone { peer: peer(2) });
    for number in 0..200_u64 {
        let other = mine(&root, 3, &[], |header| header.timestamp_ms += 1 + number);
        machine.services.blocks.put_body(&other.block).unwrap();
    }
    for lost in &ours[..2] {
        assert!(
            machine
                .services
                .blocks
                .block_by_id(&lost.block.id())
                .unwrap()
                .is_none()
        );
    }
    machine.meet(peer(3), &ours);
    assert_eq!(machine.failed, None);
    assert_eq!(machine.head(), ours[3].block.id());
    assert!(machine.penalties().is_empty(), "{:?}", machine.penalties());
    let on_disk = machine.services.blocks.block_by_height(1).unwrap().unwrap();
    assert_eq!(on_disk.id(), ours[0].block.id());
}

/// A locator can name 64 blocks of other branches, and walking ours for each would hold up everything else.
#[test]
fn headers_are_read_by_the_reader_whatever_is_asked() {
    let mut machine = Machine::boot(&Disks::default());
    let root = machine.ledger.tip().clone();
    let (ours, side) = (branch(&root, 1, 5), branch(&root, 2, 3));
    for made in side.iter().chain(&ours) {
        machine.gossip(peer(1), &made.block);
    }
    assert_eq!(machine.head(), ours[4].block.id());
    let unknown = (0..60).map(|number| BlockId([number; 32]));
    let hostile: Vec<BlockId> = unknown.chain(side.iter().map(|made| made.block.id())).collect();
    let honest = vec![side[2].block.id(), ours[1].block.id(), root.info.id];
    for (locator, expected) in [
        (hostile, vec![1, 2, 3, 4, 5]),
        (honest, vec![3, 4, 5]),
        (vec![ours[4].block.id()], Vec::new()),
    ] {
        let question = proto::SyncRequest {
            request: Some(sync_request::Request::Headers(headers::headers_request(
                &locator, 100,
            ))),
        };
        let mut effects = Vec::new();
        let asked = Input::Request {
            peer: peer(1),
            channel: ChannelToken(1),
            request: question,
        };
        machine.core.handle(at(machine.now), asked, &mut effects);
        assert!(
            matches!(&effects[..], [Effect::Job(job)] if job.lane() == Lane::Reader),
            "{effects:?}"
        );
        machine.perform(effects);
        let answer = machine.seen.pop();
        let Some(Effect::Respond { response, .. }) = answer else {
            panic!("{answer:?}");
        };
        let Some(sync_response::Response::Headers(found)) = response.response else {
            panic!("{response:?}");
        };
        let (found, claim) = headers::decode_headers(&found).unwrap();
        let heights: Vec<u64> = found.iter().map(|header| header.header().height).collect();
        assert_eq!(heights, expected);
        assert_eq!(claim.unwrap().head.id, machine.head());
    }
}

#[test]
fn undone_transactions_wait_again_unless_the_new_branch_has_them() {
    let mut machine = Machine::boot(&Disks::default());
    let root = machine.ledger.tip().clone();
    let ours = mine(&root, 1, &[transfer(0), transfer(1), transfer(2)], |_| ());
    machine.gossip(peer(1), &ours.block);
    assert_eq!(machine.head(), ours.block.id());
    let first = mine(&root, 2, &[transfer(0)], |_| ());
    let second = mine(&first.after, 2, &[], |_| ());
    let theirs = [first, second];
    machine.meet(peer(2), &theirs);
    assert_eq!(machine.head(), theirs[1].block.id());
    let mempool = machine.core.mempool();
    assert_eq!((mempool.count(), mempool.ready_count()), (2, 2));
    assert!(mempool.by_id(&transfer(0).id()).is_none());
    assert!(mempool.by_id(&transfer(2).id()).is_some());
}

#[test]
fn a_block_of_ours_is_gossiped_and_told_only_when_it_is_durable() {
    let mut machine = Machine::boot(&Disks::default());
    machine.tell(Input::TemplateWanted {
        reward: Some(Address([1; 20])),
        reply: ReplyToken(1),
    });
    let template = machine.seen.iter().find_map(|effect| match effect {
        Effect::ReplyTemplate { outcome, .. } => outcome.clone().ok(),
        _ => None,
    });
    let template = template.unwrap();
    let target = pow::Target::from_bytes(&template.target).unwrap();
    let nonce = pow::search(&template.header_hash.0, &target, 0..u64::MAX).unwrap();
    let mined = Mined {
        template: template.header_hash,
        nonce,
    };
    // Step by step: the core alone, its jobs not done yet.
    let mut effects = Vec::new();
    let reply = ReplyToken(2);
    machine.core.handle(
        at(machine.now),
        Input::SealSubmitted { mined, reply },
        &mut effects,
    );
    let told = |effect: &Effect| matches!(effect, Effect::Publish { .. } | Effect::ReplySeal { .. });
    assert!(!effects.iter().any(told), "{effects:?}");
    assert!(
        effects
            .iter()
            .any(|effect| matches!(effect, Effect::Job(Job::Switch(_))))
    );
    machine.perform(effects);
    let head = machine.services.blocks.head().unwrap();
    assert_eq!((head.height, head.id), machine.core.head());
    assert_eq!(machine.seen.iter().filter(|effect| told(effect)).count(), 2);
}

#[test]
fn a_crash_at_any_sync_leaves_one_branch_whole_and_the_node_goes_on() {
    // Lives on: the branches are built on its state.
    let maker = Machine::boot(&Disks::default());
    let root = maker.ledger.tip().clone();
    let ours = branch(&root, 1, 5);
    let theirs = branch(&root, 2, 9);
    let scenario = |machine: &mut Machine| {
        for made in &ours {
            if machine.failed.is_none() {
                machine.gossip(peer(1), &made.block);
            }
        }
        machine.meet(peer(2), &theirs);
        machine.head()
    };
    let (whole, syncs) = {
        let disks = Disks::default();
        let mut machine = Machine::boot(&disks);
        let before = disks.blocks.syncs();
        (scenario(&mut machine), disks.blocks.syncs() - before)
    };
    assert_eq!(whole, theirs[8].block.id());
    assert!(syncs >= 6, "five blocks and a switch: {syncs}");
    for dies_after in 0..syncs {
        let disks = Disks::default();
        let mut machine = Machine::boot(&disks);
        disks.blocks.die_after_syncs(dies_after);
        scenario(&mut machine);
        assert!(machine.failed.is_some(), "after {dies_after} syncs");
        drop(machine);
        disks.blocks.crash(Some(dies_after));
        disks.states.crash(Some(dies_after));
        let mut recovered = Machine::boot(&disks);
        let (height, id) = recovered.core.head();
        let at = |branch: &[Made]| {
            let below = height.checked_sub(1)?;
            Some(branch.get(usize::try_from(below).unwrap())?.block.id())
        };
        let whole_branch = height == 0 || at(&theirs) == Some(id) || at(&ours) == Some(id);
        assert!(whole_branch, "after {dies_after} syncs: {height} {id}");
        assert_eq!(scenario(&mut recovered), whole, "after {dies_after} syncs");
    }
}

#[test]
fn threads_begin_when_the_chains_of_peers_are_known_or_nobody_is_there() {
    let mining = MiningOptions {
        threads: 1,
        reward: Some(Address([1; 20])),
    };
    let mut lone = Machine::boot_with(&Disks::default(), mining);
    assert_eq!(lone.look(1_900), QUIET, "two block times have not passed");
    assert_eq!(lone.look(2_000), [true]);

    let mut joined = Machine::boot_with(&Disks::default(), mining);
    let status = Status {
        height: 0,
        head_id: joined.head(),
        work: Some([0; 32]),
    };
    joined.tell(Input::PeerReady {
        peer: peer(1),
        status,
    });
    assert_eq!(joined.look(900), QUIET);
    assert_eq!(joined.look(1_000), [true]);
}

#[test]
fn new_work_comes_at_once_with_a_new_head_unless_blocks_are_far_too_fast() {
    let mining = MiningOptions {
        threads: 1,
        reward: Some(Address([1; 20])),
    };
    let mut machine = Machine::boot_with(&Disks::default(), mining);
    assert_eq!(machine.look(2_000), [true]);
    let root = machine.ledger.tip().clone();
    let blocks = branch(&root, 2, 12);
    for (number, made) in blocks.iter().enumerate() {
        machine.gossip(peer(1), &made.block);
        match number {
            // The times of the first blocks say nothing yet.
            0 => {
                assert_eq!(machine.searches(), [false]);
                assert_eq!(machine.look(2_200), [true]);
            }
            // A second each, as it should be.
            11 => assert_eq!(machine.searches(), [false, true]),
            _ => drop(machine.searches()),
        }
    }
    // A transaction that waits is worth a new template; nothing new is not.
    assert_eq!(machine.look(2_400), QUIET);
    machine.tell(Input::Submit {
        transactions: vec![transfer(0)],
        reply: ReplyToken(1),
    });
    assert_eq!(machine.look(2_600), [true]);
}
