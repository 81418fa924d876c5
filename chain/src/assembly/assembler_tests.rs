//! Step tables for the assembler, and a seeded run among peers that lie.

use std::{collections::BTreeMap, time::Duration};

use aureon_types::{
    Block, BlockId, Hash, Proposal, SealedHeader, SignedProposal, SignedTransaction, VerifiedTransaction,
};

use super::{
    Assembler, BLOCK_TIMEOUT, BlockAnswer, Effect, Input, MAX_AHEAD, MAX_LEAVES, MAX_PENDING,
    MAX_PENDING_BYTES, Proof, ProposedBlock, RequestFailure, RequestId, TRANSACTIONS_TIMEOUT, TimerId,
    answer_transactions, decode_transactions,
};
use crate::sync::testing::{Chain, GENESIS, Random, authority, block, transfer};

/// The committed height in most tests: blocks of height 5 and 6 are assembled.
const COMMITTED: u64 = 4;

fn sized(height: u64, first: u64, transactions: u64) -> Block {
    block(
        height,
        BlockId([4; 32]),
        (first..first + transactions).map(transfer).collect(),
    )
}

fn propose(block: &Block, round: u32) -> SignedProposal {
    let (height, block_id) = (block.header().height, block.id());
    SignedProposal::sign(
        Proposal {
            height,
            round,
            block_id,
            valid_round: None,
        },
        &authority(),
        &GENESIS,
    )
}

fn proposed(block: &Block, round: u32) -> Box<ProposedBlock> {
    Box::new(ProposedBlock::decode(&ProposedBlock::encode(block, Some(&propose(block, round)), 0)).unwrap())
}

fn verified(transactions: &[SignedTransaction]) -> BTreeMap<Hash, VerifiedTransaction> {
    let verify = |signed: &SignedTransaction| VerifiedTransaction::verify(signed.clone(), &GENESIS).unwrap();
    transactions
        .iter()
        .map(|signed| (signed.leaf(), verify(signed)))
        .collect()
}

struct Bench {
    assembler: Assembler<u64>,
    pool: BTreeMap<Hash, VerifiedTransaction>,
    now: Duration,
    timer: Option<(TimerId, Duration)>,
    /// The last block that was assembled, joined, and how many of its transactions were verified.
    done: Option<(Block, usize, Option<Proof>)>,
    leaves: Vec<Hash>,
}

impl Bench {
    fn new(peers: impl IntoIterator<Item = u64>) -> Self {
        let mut bench = Self {
            assembler: Assembler::new(COMMITTED, MAX_AHEAD),
            pool: BTreeMap::new(),
            now: Duration::from_secs(50),
            timer: None,
            done: None,
            leaves: Vec::new(),
        };
        for peer in peers {
            bench.step(Input::PeerReady { peer });
        }
        bench
    }

    fn step(&mut self, input: Input<u64>) -> Vec<String> {
        let mut effects = Vec::new();
        let pool = &self.pool;
        self.assembler
            .handle(self.now, input, &|leaf| pool.get(leaf).cloned(), &mut effects);
        effects
            .into_iter()
            .filter_map(|effect| self.word(effect))
            .collect()
    }

    fn word(&mut self, effect: Effect<u64>) -> Option<String> {
        Some(match effect {
            Effect::StartTimer { timer, after } => {
                self.timer = Some((timer, self.now + after));
                return None;
            }
            Effect::RequestTransactions {
                peer,
                request,
                leaves,
                ..
            } => {
                self.leaves = leaves;
                format!("ask {peer} r{} {} transactions", request.0, self.leaves.len())
            }
            Effect::RequestBlock { peer, request, .. } => format!("ask {peer} r{} block", request.0),
            Effect::Assembled { block, peer, proof } => {
                let (block, known) = block.join().unwrap();
                let words = format!("assembled {} from {peer:?}", block.header().height);
                self.done = Some((block, known.count(), proof));
                words
            }
            Effect::Refused { reason, .. } => format!("refused: {reason}"),
            Effect::Abandoned { .. } => "abandoned".to_owned(),
            Effect::Penalize { peer, offence } => format!("penalize {peer}: {offence}"),
        })
    }

    fn propose(&mut self, peer: u64, block: &Block) -> Vec<String> {
        self.step(Input::Proposed {
            peer,
            proposed: proposed(block, 0),
        })
    }

    fn want(&mut self, block: &Block) -> Vec<String> {
        let height = block.header().height;
        self.step(Input::Wanted {
            block_id: block.id(),
            height,
            round: 0,
            peer: None,
        })
    }

    fn send(&mut self, peer: u64, request: u64, transactions: &[SignedTransaction]) -> Vec<String> {
        let transactions = transactions.to_vec();
        self.step(Input::TransactionsArrived {
            peer,
            request: RequestId(request),
            transactions,
        })
    }

    fn send_block(&mut self, peer: u64, request: u64, answer: Option<BlockAnswer>) -> Vec<String> {
        self.step(Input::BlockArrived {
            peer,
            request: RequestId(request),
            answer: answer.map(Box::new),
        })
    }

    fn fire(&mut self) -> Vec<String> {
        let (timer, at) = self.timer.take().expect("a timer runs");
        self.now = self.now.max(at);
        self.step(Input::TimerFired(timer))
    }
}

#[test]
fn a_block_whose_transactions_are_all_here_needs_nobody() {
    let block = sized(5, 0, 200);
    let mut bench = Bench::new([1]);
    bench.pool = verified(block.transactions());
    assert_eq!(bench.propose(1, &block), ["assembled 5 from None"]);
    assert_eq!(bench.done, Some((block.clone(), 200, None)));
    assert!(bench.propose(2, &block).is_empty(), "once is enough");
    assert_eq!(bench.assembler.pending().count(), 0);
}

#[test]
fn small_and_empty_blocks_come_in_full() {
    for count in [0, 3] {
        let block = sized(5, 0, count);
        let mut bench = Bench::new([]);
        bench.pool = verified(&block.transactions()[..usize::from(count > 0)]);
        assert_eq!(bench.propose(1, &block), ["assembled 5 from None"]);
        assert_eq!(bench.done, Some((block, usize::from(count > 0), None)));
    }
}

#[test]
fn missing_transactions_are_asked_from_the_sender() {
    let block = sized(5, 0, 200);
    let mut bench = Bench::new([1, 2, 3]);
    bench.pool = verified(&block.transactions()[..150]);
    assert_eq!(bench.propose(2, &block), ["ask 2 r1 50 transactions"]);
    let missing = &block.transactions()[150..];
    assert!(
        bench
            .leaves
            .iter()
            .eq(missing.iter().map(|t| t.leaf()).collect::<Vec<_>>().iter())
    );
    assert!(bench.send(1, 1, missing).is_empty(), "not whom we asked");
    assert!(bench.send(2, 9, missing).is_empty(), "not what we asked");
    assert_eq!(bench.send(2, 1, missing), ["assembled 5 from Some(2)"]);
    assert_eq!(bench.done, Some((block, 150, None)));
}

#[test]
fn what_one_peer_lacks_is_asked_from_others_then_the_whole_block() {
    let block = sized(5, 0, 200);
    let all = block.transactions();
    let mut bench = Bench::new([1, 2, 3, 4, 5]);
    assert_eq!(bench.propose(3, &block), ["ask 3 r1 200 transactions"]);
    assert_eq!(
        bench.send(3, 1, &[&all[..10], &all[190..]].concat()),
        ["ask 1 r2 180 transactions"]
    );
    bench.pool = verified(&all[10..100]);
    assert_eq!(
        bench.send(1, 2, &[]),
        ["ask 2 r3 90 transactions"],
        "the pool is looked at again"
    );
    assert_eq!(bench.send(2, 3, &all[100..101]), ["ask 3 r4 block"]);
    let answer = BlockAnswer {
        block: block.clone(),
        proof: Some(Proof::Proposal(propose(&block, 0))),
    };
    assert_eq!(
        bench.send_block(3, 4, Some(answer.clone())),
        ["assembled 5 from Some(3)"]
    );
    assert_eq!(bench.done, Some((block, 90, answer.proof)));
}

#[test]
fn a_large_answer_is_continued_by_the_same_peer() {
    let block = sized(5, 0, 200);
    let mut bench = Bench::new([1, 2]);
    bench.propose(1, &block);
    // Transfers are too small to fill an answer in a test; the rule is that of `Parts::fill`.
    let large = super::ANSWER_BYTES / 2;
    let mut parts = super::pending::Parts::new(
        block.sealed_header().clone(),
        Default::default(),
        vec![block.transactions()[0].leaf(); large / block.transactions()[0].size() + 3],
    );
    let answer = vec![block.transactions()[0].clone(); large / block.transactions()[0].size() + 1];
    assert_eq!(parts.fill(answer), Ok(super::pending::Filled::Cut));
    assert_eq!(
        parts.fill(vec![block.transactions()[0].clone()]),
        Ok(super::pending::Filled::Partly)
    );
    assert_eq!(
        parts.fill(vec![block.transactions()[0].clone()]),
        Ok(super::pending::Filled::Complete)
    );
}

#[test]
fn foreign_transactions_are_the_senders_fault_and_the_block_lives() {
    let block = sized(5, 0, 200);
    let all = block.transactions();
    let swapped = [all[1].clone(), all[0].clone()];
    let foreign = [all[0].clone(), transfer(9_999)];
    let doubled = [all[0].clone(), all[0].clone()];
    let surplus = [all, &[transfer(9_999)]].concat();
    for wrong in [&swapped[..], &foreign, &doubled, &surplus] {
        let mut bench = Bench::new([1, 2]);
        bench.propose(1, &block);
        let given = bench.send(1, 1, wrong);
        assert!(
            given[0].starts_with("penalize 1: it sent a transaction with leaf"),
            "{given:?}"
        );
        if wrong.len() > 2 {
            assert_eq!(
                given[1..],
                ["assembled 5 from Some(1)"],
                "all that was needed came first"
            );
            continue;
        }
        assert!(given[1].starts_with("ask 2 r2"), "{given:?}");
        let missing = decode_transactions(&answer_transactions(&block, &bench.leaves.clone())).unwrap();
        assert_eq!(bench.send(2, 2, &missing), ["assembled 5 from Some(2)"]);
        assert_eq!(bench.done.as_ref().unwrap().0, block);
    }
}

#[test]
fn a_wrong_body_under_the_right_id_condemns_its_sender_only() {
    let (block, other) = (sized(5, 0, 200), sized(5, 700, 1));
    let mut bench = Bench::new([1, 2, 3, 4]);
    assert_eq!(bench.want(&block), ["ask 1 r1 block"]);
    let given = bench.send_block(
        1,
        1,
        Some(BlockAnswer {
            block: other.clone(),
            proof: None,
        }),
    );
    assert_eq!(
        given,
        [
            format!(
                "penalize 1: it sent block {} when block {} was asked for",
                other.id(),
                block.id()
            ),
            "ask 2 r2 block".into()
        ]
    );
    // A body that does not hash to the header fails to decode.
    let failure = RequestFailure::Malformed("the body hashes to ..".into());
    let given = bench.step(Input::RequestFailed {
        peer: 2,
        request: RequestId(2),
        failure,
    });
    assert!(
        given[0].starts_with("penalize 2: its answer is malformed"),
        "{given:?}"
    );
    assert_eq!(given[1..], ["ask 3 r3 block"]);
    assert_eq!(
        bench.send_block(3, 3, None),
        ["ask 4 r4 block"],
        "not to have it is no offence"
    );
    let proof = Some(Proof::Proposal(propose(&other, 0)));
    let given = bench.send_block(
        4,
        4,
        Some(BlockAnswer {
            block: block.clone(),
            proof,
        }),
    );
    assert!(given[0].starts_with("penalize 4: "), "{given:?}");
    assert_eq!(given[1..], ["assembled 5 from Some(4)"]);
    assert_eq!(bench.done, Some((block, 0, None)), "the foreign proof is dropped");
}

#[test]
fn silence_is_answered_by_asking_another() {
    let block = sized(5, 0, 200);
    let mut bench = Bench::new([1, 2]);
    bench.propose(1, &block);
    let start = bench.now;
    let given = bench.fire();
    assert_eq!(bench.now - start, TRANSACTIONS_TIMEOUT);
    assert!(given[0].starts_with("penalize 1: it did not answer"), "{given:?}");
    assert_eq!(given[1..], ["ask 2 r2 200 transactions"]);
    assert!(bench.send(1, 1, block.transactions()).is_empty(), "too late");
    for failure in [RequestFailure::Busy, RequestFailure::Unreachable] {
        let mut bench = Bench::new([1, 2]);
        bench.propose(1, &block);
        let given = bench.step(Input::RequestFailed {
            peer: 1,
            request: RequestId(1),
            failure,
        });
        assert_eq!(given, ["ask 2 r2 200 transactions"]);
    }
}

#[test]
fn a_proposed_block_that_nobody_has_is_given_up_and_a_wanted_one_is_not() {
    let block = sized(5, 0, 200);
    let mut bench = Bench::new([1]);
    bench.propose(1, &block);
    let start = bench.now;
    while bench.fire().last().is_none_or(|word| word != "abandoned") {
        assert!(bench.now - start < Duration::from_secs(60), "it never ends");
    }
    assert_eq!(bench.assembler.pending().count(), 0);
    bench.want(&block);
    for _ in 0..200 {
        assert!(!bench.fire().contains(&"abandoned".to_owned()));
    }
    assert_eq!(bench.assembler.pending().count(), 1);
    // A new peer is asked without waiting for the end of the rest.
    while bench.assembler.pending().all(|(_, _, asked)| asked) {
        bench.fire();
    }
    let given = bench.step(Input::PeerReady { peer: 7 });
    assert_eq!(given.len(), 1);
    assert!(given[0].starts_with("ask 7"), "{given:?}");
}

#[test]
fn a_wanted_block_whose_short_form_comes_is_completed_from_the_pool() {
    let block = sized(5, 0, 200);
    let mut bench = Bench::new([1]);
    assert_eq!(bench.want(&block), ["ask 1 r1 block"]);
    bench.pool = verified(block.transactions());
    assert_eq!(bench.propose(2, &block), ["assembled 5 from None"]);
    assert!(
        bench
            .send_block(1, 1, Some(BlockAnswer { block, proof: None }))
            .is_empty()
    );
}

#[test]
fn a_lost_body_can_be_wanted_again() {
    let block = sized(5, 0, 3);
    let mut bench = Bench::new([1]);
    bench.propose(1, &block);
    assert_eq!(bench.want(&block), ["ask 1 r1 block"]);
}

#[test]
fn a_peer_that_goes_is_replaced() {
    let block = sized(5, 0, 200);
    let mut bench = Bench::new([1, 2]);
    bench.propose(1, &block);
    assert_eq!(
        bench.step(Input::PeerGone { peer: 1 }),
        ["ask 2 r2 200 transactions"]
    );
}

#[test]
fn only_near_heights_are_assembled_and_a_commit_forgets() {
    let mut bench = Bench::new([1]);
    for (height, asked) in [(3, 0), (4, 0), (5, 1), (6, 1), (7, 0), (u64::MAX, 0)] {
        let given = bench.propose(1, &sized(height, height % 1_000 * 1_000, 200));
        assert_eq!(given.len(), asked, "height {height}: {given:?}");
    }
    bench.step(Input::Committed { height: 5 });
    let heights: Vec<u64> = bench.assembler.pending().map(|(_, height, _)| height).collect();
    assert_eq!(heights, [6]);
    bench.step(Input::Committed { height: 9 });
    assert_eq!(bench.assembler.pending().count(), 0);
}

#[test]
fn a_cheating_proposer_gets_two_blocks_per_round_at_most() {
    let mut bench = Bench::new([1]);
    for first in 0..5 {
        bench.propose(1, &sized(5, first * 200, 200));
        bench.propose(1, &sized(6, first * 200, 2));
    }
    let heights: Vec<u64> = bench.assembler.pending().map(|(_, height, _)| height).collect();
    assert_eq!(heights, [5, 5]);
    assert_eq!(
        bench.propose(1, &sized(6, 9_000, 2)),
        [""; 0],
        "blocks in full are counted too"
    );
    let fourth = sized(5, 600, 200);
    assert_eq!(bench.want(&fourth).len(), 1, "a quorum decides which one matters");
}

#[test]
fn the_block_that_matters_least_makes_room() {
    let mut bench = Bench::new([1]);
    let block_at = |round: u32| sized(5, u64::from(round) * 150, 150);
    let full: Vec<Block> = (0..=u32::try_from(MAX_PENDING).unwrap()).map(block_at).collect();
    bench.want(&full[0]);
    for (round, block) in (0..).zip(&full) {
        let given = bench.step(Input::Proposed {
            peer: 1,
            proposed: proposed(block, round),
        });
        let abandons = usize::try_from(round).unwrap() == MAX_PENDING;
        assert_eq!(given.contains(&"abandoned".to_owned()), abandons, "round {round}");
    }
    let left: Vec<BlockId> = bench.assembler.pending().map(|(id, ..)| id).collect();
    assert_eq!(left.len(), MAX_PENDING);
    assert!(left.contains(&full[0].id()), "a quorum wants it");
    assert!(
        !left.contains(&full[1].id()),
        "the lowest round that nobody wants"
    );
}

#[test]
fn memory_is_bounded_whatever_is_proposed() {
    let mut bench = Bench::new([1]);
    let leaves: Vec<Hash> = (0..MAX_LEAVES as u64)
        .map(|n| Hash([n.to_le_bytes(); 4].concat().try_into().unwrap()))
        .collect();
    for round in 0..9 {
        let mut header = sized(5, 0, 0).header().clone();
        header.timestamp_ms = round;
        let header = SealedHeader::new(header, Default::default());
        let proposal = Proposal {
            height: 5,
            round: round as u32,
            block_id: header.id(),
            valid_round: None,
        };
        let proposed = ProposedBlock {
            proposal: Some(SignedProposal::sign(proposal, &authority(), &GENESIS)),
            header,
            previous_commit: Default::default(),
            content: super::Content::Leaves(leaves.clone()),
            attempt: 0,
        };
        bench.step(Input::Proposed {
            peer: 1,
            proposed: Box::new(proposed),
        });
        assert!(bench.assembler.bytes() <= MAX_PENDING_BYTES);
        assert!(bench.leaves.len() <= super::MAX_REQUESTED_LEAVES);
    }
    assert!(
        bench.assembler.pending().count() < 10,
        "the test must reach the bound"
    );
}

#[test]
fn a_block_named_for_a_height_it_does_not_have_is_refused() {
    let block = sized(6, 0, 1);
    let mut bench = Bench::new([1]);
    bench.step(Input::Wanted {
        block_id: block.id(),
        height: 5,
        round: 0,
        peer: None,
    });
    let given = bench.send_block(
        1,
        1,
        Some(BlockAnswer {
            block: block.clone(),
            proof: None,
        }),
    );
    assert_eq!(
        given,
        [format!(
            "refused: block {} has height 6, it was named for 5",
            block.id()
        )]
    );
}

/// One honest peer among peers that send nothing, other things, or not in time: every block is
/// assembled, and the honest peer is never blamed.
#[test]
fn one_honest_peer_suffices_and_is_never_blamed() {
    const HONEST: u64 = 3;
    let blocks: Vec<Block> = (0..4).map(|n| sized(5 + n % 2, n * 150, 150)).collect();
    let foreign = Chain::new(1).block(1).block;
    for seed in 0..12 {
        let mut random = Random::new(seed);
        let mut bench = Bench::new(0..6);
        let mut queue: Vec<(Duration, Input<u64>)> = Vec::new();
        let mut finished = 0;
        for block in &blocks {
            let peer = random.below(6);
            queue.push((
                bench.now,
                Input::Proposed {
                    peer,
                    proposed: proposed(block, 0),
                },
            ));
            let (block_id, height) = (block.id(), block.header().height);
            queue.push((
                bench.now,
                Input::Wanted {
                    block_id,
                    height,
                    round: 0,
                    peer: Some(peer),
                },
            ));
        }
        while finished < blocks.len() {
            let next = (0..queue.len())
                .min_by_key(|index| queue[*index].0)
                .expect("it never sleeps for ever");
            let (at, input) = queue.remove(next);
            bench.now = bench.now.max(at);
            assert!(bench.now < Duration::from_secs(1_000), "seed {seed} is stuck");
            let mut effects = Vec::new();
            bench.assembler.handle(bench.now, input, &|_| None, &mut effects);
            for effect in effects {
                let after = bench.now + Duration::from_millis(1 + random.below(500));
                match effect {
                    Effect::StartTimer { timer, after } => {
                        queue.push((bench.now + after, Input::TimerFired(timer)))
                    }
                    Effect::Assembled { block, .. } => {
                        let (block, _) = block.join().unwrap();
                        assert!(blocks.contains(&block));
                        finished += 1;
                    }
                    Effect::Penalize { peer, offence } => assert_ne!(peer, HONEST, "seed {seed}: {offence}"),
                    Effect::RequestTransactions {
                        peer,
                        request,
                        block_id,
                        leaves,
                    } => {
                        let block = blocks.iter().find(|block| block.id() == block_id).unwrap();
                        let honest = decode_transactions(&answer_transactions(block, &leaves)).unwrap();
                        let transactions = match (peer, random.below(4)) {
                            (HONEST, _) => honest,
                            (_, 0) => continue,
                            (_, 1) => vec![],
                            (_, 2) => vec![transfer(77_777)],
                            _ => honest.into_iter().rev().collect(),
                        };
                        queue.push((
                            after,
                            Input::TransactionsArrived {
                                peer,
                                request,
                                transactions,
                            },
                        ));
                    }
                    Effect::RequestBlock {
                        peer,
                        request,
                        block_id,
                    } => {
                        let block = blocks.iter().find(|block| block.id() == block_id).unwrap();
                        let block = match (peer, random.below(3)) {
                            (HONEST, _) => Some(block.clone()),
                            (_, 0) => continue,
                            (_, 1) => None,
                            _ => Some(foreign.clone()),
                        };
                        let answer = block.map(|block| Box::new(BlockAnswer { block, proof: None }));
                        queue.push((
                            after,
                            Input::BlockArrived {
                                peer,
                                request,
                                answer,
                            },
                        ));
                    }
                    Effect::Refused { .. } | Effect::Abandoned { .. } => panic!("seed {seed}: given up"),
                }
            }
        }
    }
    assert!(BLOCK_TIMEOUT > TRANSACTIONS_TIMEOUT);
}

#[test]
fn branches_reach_as_far_as_their_headers_have_proven_work() {
    let far = sized(COMMITTED + MAX_AHEAD + 1, 0, 1);
    for (reach, words) in [(MAX_AHEAD, 0), (u64::MAX, 1)] {
        let mut bench = Bench::new([1]);
        bench.assembler = Assembler::new(COMMITTED, reach);
        bench.step(Input::PeerReady { peer: 1 });
        let asked = bench.step(Input::Wanted {
            block_id: far.id(),
            height: far.header().height,
            round: 0,
            peer: Some(1),
        });
        assert_eq!(asked.len(), words, "{asked:?}");
    }
}
