//! Step tables for the machine.

use std::time::Duration;

use aureon_types::SecretKey;

use super::{
    BATCH_BLOCKS, BatchId, Claim, Effect, GRACE, Head, ImportFault, Input, MAX_BATCHES, MAX_PEERS,
    MAX_REQUESTS, Offence, Phase, REQUEST_TIMEOUT, RangeSync, RequestFailure, RequestId, TimerId,
    VerifiedBlocks,
    testing::{Chain, GENESIS, certify, validators},
    verify,
};

const START: Duration = Duration::from_secs(100);

/// A machine with its chain of truth, driven by hand.
struct Bench {
    sync: RangeSync<u64>,
    chain: Chain,
    now: Duration,
    timer: Option<(TimerId, Duration)>,
    known_until: u64,
}

impl Bench {
    fn new(head: u64, chain_height: u64) -> Self {
        let chain = Chain::new(chain_height);
        Self {
            sync: RangeSync::new(chain.head_at(head), u64::MAX),
            chain,
            now: START,
            timer: None,
            known_until: u64::MAX,
        }
    }

    /// One input; gives the effects as words, timers and blocks left out.
    fn step(&mut self, input: Input<u64>) -> Vec<String> {
        let mut effects = Vec::new();
        self.sync.handle(self.now, input, &mut effects);
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
            Effect::RequestRange {
                peer,
                request,
                from,
                count,
            } => {
                format!("ask {peer} r{} {from}+{count}", request.0)
            }
            Effect::RequestStatus { peer } => format!("status {peer}"),
            Effect::Verify { batch, blocks } => format!("verify b{} {}", batch.0, blocks.len()),
            Effect::Import { batch, blocks } => {
                let from = blocks.blocks()[0].block.header().height;
                format!("import b{} {from}+{}", batch.0, blocks.blocks().len())
            }
            Effect::Penalize { peer, offence } => format!("penalize {peer}: {offence}"),
            Effect::Behind { target } => format!("behind {target}"),
            Effect::Synced { height } => format!("synced {height}"),
            Effect::Conflict { height, .. } => format!("conflict {height}"),
        })
    }

    fn status(&mut self, peer: u64, height: u64) -> Vec<String> {
        let id = if height <= self.chain.height() {
            self.chain.head_at(height).id
        } else {
            Default::default()
        };
        self.step(Input::PeerStatus {
            peer,
            claim: Claim { height, id },
        })
    }

    fn answer(&mut self, peer: u64, request: u64, from: u64, count: u64) -> Vec<String> {
        let blocks = self.chain.range(from, count);
        self.step(Input::RangeArrived {
            peer,
            request: RequestId(request),
            blocks,
            claim: None,
        })
    }

    fn verified(&mut self, batch: u64, from: u64, count: u64) -> Vec<String> {
        let blocks = proven(&self.chain, from, count);
        self.step(Input::BatchVerified {
            batch: BatchId(batch),
            result: Ok(blocks),
        })
    }

    fn head(&mut self, height: u64) -> Vec<String> {
        let head = self.chain.head_at(height);
        self.step(Input::HeadChanged {
            head,
            known_until: self.known_until,
        })
    }

    /// Lets time pass to the newest timer and fires it.
    fn fire(&mut self) -> Vec<String> {
        let (timer, at) = self.timer.take().expect("a timer runs");
        self.now = at;
        self.step(Input::TimerFired(timer))
    }

    fn words(&self) -> (Phase, String) {
        let status = self.sync.status(self.now);
        (status.phase, status.waiting_for)
    }
}

fn proven(chain: &Chain, from: u64, count: u64) -> VerifiedBlocks {
    verify(chain.range(from, count), |_| validators(), &GENESIS).unwrap()
}

#[test]
fn a_batch_goes_from_claim_to_chain() {
    let mut bench = Bench::new(0, 3);
    assert_eq!(bench.status(1, 3), ["behind 3", "ask 1 r2 1+3"]);
    assert_eq!(
        bench.words(),
        (Phase::Downloading, "blocks 1 to 3 from peer 1".into())
    );
    assert_eq!(bench.answer(1, 2, 1, 3), ["verify b1 3"]);
    assert_eq!(
        bench.words(),
        (
            Phase::Importing,
            "the certificates of blocks 1 to 3 to be checked".into()
        )
    );
    assert_eq!(bench.verified(1, 1, 3), ["import b1 1+3"]);
    assert_eq!(
        bench.words(),
        (Phase::Importing, "blocks 1 to 3 to be executed".into())
    );
    assert!(bench.head(1).is_empty());
    assert!(bench.head(2).is_empty());
    assert_eq!(bench.head(3), ["synced 3"]);
    assert!(bench.step(Input::Imported { batch: BatchId(1) }).is_empty());
    assert_eq!(bench.words().0, Phase::Synced);
}

#[test]
fn a_batch_is_cut_where_the_validators_are_not_known_yet() {
    let mut bench = Bench::new(0, 100);
    bench.known_until = 10;
    assert!(bench.head(0).is_empty());
    assert_eq!(bench.status(1, 100), ["behind 100", "ask 1 r3 1+64"]);
    assert_eq!(
        bench.answer(1, 3, 1, 64),
        ["verify b1 10", "ask 1 r6 65+36"],
        "of 64 blocks, those whose validators are known"
    );
    assert!(
        bench.answer(1, 6, 65, 36).is_empty(),
        "too far ahead to be checked"
    );
    assert_eq!(bench.verified(1, 1, 10), ["import b1 1+10"]);
    bench.known_until = 20;
    assert_eq!(
        bench.head(9),
        ["verify b5 10"],
        "the closing block names the next set"
    );
    assert!(bench.head(10).is_empty());
    assert!(bench.step(Input::Imported { batch: BatchId(1) }).is_empty());
    assert_eq!(bench.verified(5, 11, 10), ["import b5 11+10"]);
    bench.known_until = 70;
    assert_eq!(bench.head(19), ["verify b8 44", "verify b2 6"]);
}

#[test]
fn several_peers_send_at_once_and_import_is_in_order() {
    let mut bench = Bench::new(0, 200);
    assert_eq!(bench.status(1, 200), ["behind 200", "ask 1 r5 1+64"]);
    assert_eq!(bench.status(2, 200), ["ask 2 r7 65+64"]);
    assert_eq!(bench.answer(2, 7, 65, 64), ["verify b2 64", "ask 2 r9 129+64"]);
    assert!(
        bench.verified(2, 65, 64).is_empty(),
        "the first batch is not here"
    );
    assert_eq!(bench.answer(1, 5, 1, 64), ["verify b1 64", "ask 1 r11 193+8"]);
    assert_eq!(bench.verified(1, 1, 64), ["import b1 1+64"]);
    assert!(bench.head(64).is_empty(), "the importer is not free yet");
    assert_eq!(
        bench.step(Input::Imported { batch: BatchId(1) }),
        ["import b2 65+64"]
    );
}

#[test]
fn requests_are_bounded_and_one_per_peer() {
    let mut bench = Bench::new(0, 1);
    let mut asked = Vec::new();
    for peer in 0..MAX_PEERS as u64 + 10 {
        asked.extend(bench.status(peer, 1_000_000));
    }
    let requests: Vec<_> = asked.iter().filter(|word| word.starts_with("ask")).collect();
    assert_eq!(requests.len(), MAX_REQUESTS, "{requests:?}");
    let status = bench.sync.status(bench.now);
    assert_eq!((status.requests, status.peers), (MAX_REQUESTS, MAX_PEERS));
    assert!(bench.sync.batches.len() <= MAX_BATCHES);
    let planned = bench.sync.batches.last().unwrap().last;
    assert!(planned <= BATCH_BLOCKS * MAX_BATCHES as u64, "{planned}");
}

#[test]
fn a_short_answer_is_continued() {
    let mut bench = Bench::new(0, 10);
    assert_eq!(bench.status(1, 10), ["behind 10", "ask 1 r2 1+10"]);
    assert_eq!(bench.answer(1, 2, 1, 4), ["verify b1 4", "ask 1 r5 5+6"]);
    assert_eq!(bench.answer(1, 5, 5, 6), ["verify b4 6"]);
}

#[test]
fn a_peer_is_asked_only_for_what_it_claims() {
    let mut bench = Bench::new(0, 30);
    assert_eq!(bench.status(1, 20), ["behind 20", "ask 1 r2 1+20"]);
    assert!(bench.status(2, 10).is_empty());
    assert_eq!(bench.status(3, 30), ["ask 3 r5 21+10"]);
}

#[test]
fn bad_answers_name_their_peer_and_go_to_another() {
    let range = |chain: &Chain, from, count| chain.range(from, count);
    let foreign = Chain::signed_by(10, &super::testing::authority(), 500);
    type Answer<'a> = Box<dyn Fn(&Chain) -> Vec<aureon_types::CertifiedBlock> + 'a>;
    let cases: Vec<(&str, Answer<'_>)> = vec![
        (
            "it claims height 10 and sent no block from 1 on",
            Box::new(|_| vec![]),
        ),
        (
            "block 1 was due, it sent block 2",
            Box::new(move |chain| range(chain, 2, 3)),
        ),
        (
            "10 blocks were asked for, it sent 11",
            Box::new(move |chain| range(chain, 1, 11)),
        ),
        (
            "block 3 was due, it sent block 4",
            Box::new(|chain| {
                let mut blocks = chain.range(1, 5);
                blocks.remove(2);
                blocks
            }),
        ),
        (
            "block 6 does not follow the block before it in the same answer",
            Box::new(|chain| [chain.range(1, 5), foreign.range(6, 2)].concat()),
        ),
    ];
    for (words, answer) in cases {
        let mut bench = Bench::new(0, 11);
        bench.status(1, 10);
        bench.status(2, 10);
        let blocks = answer(&bench.chain);
        let given = bench.step(Input::RangeArrived {
            peer: 1,
            request: RequestId(2),
            blocks,
            claim: None,
        });
        assert_eq!(given[0], format!("penalize 1: {words}"));
        assert!(given[1].starts_with("ask 2 "), "{given:?}");
        assert_eq!(given.len(), 2);
    }
}

#[test]
fn a_false_certificate_names_its_peer_and_the_height() {
    let mut bench = Bench::new(0, 3);
    bench.status(1, 3);
    bench.status(2, 3);
    let mut blocks = bench.chain.range(1, 3);
    blocks[1] = certify(blocks[1].block.clone(), &SecretKey::from_seed([66; 32]));
    let result = verify(blocks.clone(), |_| validators(), &GENESIS);
    assert_eq!(result.as_ref().unwrap_err().height, 2);
    bench.step(Input::RangeArrived {
        peer: 1,
        request: RequestId(2),
        blocks,
        claim: None,
    });
    let given = bench.step(Input::BatchVerified {
        batch: BatchId(1),
        result,
    });
    assert!(
        given[0].starts_with("penalize 1: the certificate of block 2 does not hold"),
        "{given:?}"
    );
    assert!(given[1].starts_with("ask 2"), "{given:?}");
}

#[test]
fn answers_nobody_asked_for_are_ignored() {
    let mut bench = Bench::new(0, 3);
    bench.status(1, 3);
    bench.status(2, 3);
    assert!(bench.answer(1, 99, 1, 3).is_empty(), "a wrong request");
    assert!(bench.answer(2, 2, 1, 3).is_empty(), "a wrong peer");
    assert_eq!(bench.answer(1, 2, 1, 3), ["verify b1 3"]);
    assert!(bench.answer(1, 2, 1, 3).is_empty(), "twice");
    assert!(bench.verified(77, 1, 3).is_empty(), "a wrong batch");
}

#[test]
fn silence_ends_after_the_timeout_and_another_peer_is_asked() {
    let mut bench = Bench::new(0, 3);
    bench.status(1, 3);
    bench.status(2, 3);
    let given = bench.fire();
    assert_eq!(bench.now, START + REQUEST_TIMEOUT);
    assert_eq!(
        given[0],
        "penalize 1: it did not answer a request for blocks 1 to 3 in time"
    );
    assert!(given[1].starts_with("ask 2"), "{given:?}");
    assert!(bench.answer(1, 2, 1, 3).is_empty(), "too late");
}

#[test]
fn a_claim_that_is_not_kept_stops_counting() {
    let mut bench = Bench::new(3, 3);
    assert_eq!(bench.status(9, u64::MAX)[0], format!("behind {}", u64::MAX));
    let request = bench.sync.next_id - 1;
    let given = bench.answer(9, request, 4, 0);
    assert!(given[0].starts_with("penalize 9: it claims height"), "{given:?}");
    assert_eq!(given[1..], ["synced 3"]);
    assert!(
        bench.status(9, u64::MAX).is_empty(),
        "claiming it again does not help"
    );
    // Later it may try again, and rests longer for it.
    let first = bench.now;
    while !bench.fire().iter().any(|word| word.starts_with("behind")) {}
    let rested = bench.now - first;
    let request = bench.sync.next_id - 1;
    bench.answer(9, request, 4, 0);
    let second = bench.now;
    while !bench.fire().iter().any(|word| word.starts_with("behind")) {}
    assert_eq!(bench.now - second, rested * 2);
}

#[test]
fn busy_and_broken_peers_are_no_offenders() {
    for failure in [RequestFailure::Busy, RequestFailure::Unreachable] {
        let mut bench = Bench::new(0, 3);
        bench.status(1, 3);
        bench.status(2, 3);
        let given = bench.step(Input::RequestFailed {
            peer: 1,
            request: RequestId(2),
            failure,
        });
        assert_eq!(given.len(), 1, "{given:?}");
        assert!(given[0].starts_with("ask 2"));
    }
    let mut bench = Bench::new(0, 3);
    bench.status(1, 3);
    let failure = RequestFailure::Malformed("no protobuf".into());
    let given = bench.step(Input::RequestFailed {
        peer: 1,
        request: RequestId(2),
        failure,
    });
    assert_eq!(given[0], "penalize 1: its answer is malformed: no protobuf");
}

#[test]
fn a_peer_that_is_always_busy_loses_its_claim() {
    let mut bench = Bench::new(0, 3);
    let mut words = bench.status(1, 3);
    for _ in 0..100 {
        if words.iter().any(|word| word.starts_with("synced")) {
            return;
        }
        if words.iter().any(|word| word.starts_with("ask")) {
            let request = bench.sync.next_id - 1;
            let failure = RequestFailure::Busy;
            words = bench.step(Input::RequestFailed {
                peer: 1,
                request: RequestId(request),
                failure,
            });
            assert!(bench.words().1.contains("were busy") || bench.words().0 == Phase::Synced);
        } else {
            words = bench.fire();
        }
    }
    panic!("the claim still counts");
}

#[test]
fn a_peer_that_goes_is_replaced() {
    let mut bench = Bench::new(0, 3);
    bench.status(1, 3);
    bench.status(2, 3);
    let given = bench.step(Input::PeerGone { peer: 1 });
    assert!(given[0].starts_with("ask 2"), "{given:?}");
    assert_eq!(
        bench.step(Input::PeerGone { peer: 2 }),
        ["synced 0"],
        "nobody claims more any longer"
    );
    assert!(bench.words().1.contains("none has told its height"));
}

#[test]
fn one_missing_block_is_left_to_gossip_for_the_grace_period() {
    let mut bench = Bench::new(5, 10);
    assert!(bench.status(1, 6).is_empty());
    assert_eq!(bench.words().0, Phase::Grace);
    assert!(bench.head(6).is_empty(), "gossip brought it");
    bench.now += GRACE / 2;
    assert!(bench.status(1, 7).is_empty(), "the next block has its own period");
    let (_, at) = bench.timer.unwrap();
    bench.fire();
    assert_eq!(bench.words().0, Phase::Grace, "the timer of block 6");
    assert!(at < bench.now + GRACE);
    assert_eq!(bench.fire(), ["behind 7", "ask 1 r2 7+1"]);
    assert_eq!(bench.now, START + GRACE / 2 + GRACE);
}

#[test]
fn votes_for_later_heights_ask_for_statuses_and_prove_nothing() {
    let mut bench = Bench::new(5, 10);
    for peer in 1..=5 {
        bench.status(peer, 5);
    }
    assert!(bench.step(Input::VoteSeen { height: 6 }).is_empty());
    assert!(
        bench.timer.is_none(),
        "a vote for the next height is what we expect"
    );
    for height in [7, 9, u64::MAX] {
        assert!(bench.step(Input::VoteSeen { height }).is_empty());
    }
    assert_eq!(bench.fire(), ["status 1", "status 2", "status 3"]);
    assert_eq!(bench.now, START + GRACE);
    assert_eq!(bench.words().0, Phase::Synced);
    assert_eq!(bench.status(2, 9)[0], "behind 9");
}

#[test]
fn blocks_that_came_another_way_are_not_imported_again() {
    let mut bench = Bench::new(0, 6);
    bench.status(1, 6);
    bench.answer(1, 2, 1, 6);
    bench.head(2);
    assert_eq!(bench.verified(1, 1, 6), ["import b1 3+4"]);
    let mut bench = Bench::new(0, 6);
    bench.status(1, 6);
    assert_eq!(bench.head(6), ["synced 6"]);
    assert!(bench.answer(1, 2, 1, 6).is_empty());
    assert!(bench.sync.batches.is_empty());
}

#[test]
fn a_failed_import_of_ours_pauses_and_says_why() {
    let mut bench = Bench::new(0, 3);
    bench.status(1, 3);
    bench.answer(1, 2, 1, 3);
    bench.verified(1, 1, 3);
    bench.head(1);
    let fault = ImportFault::Ours("no space left on the disk".into());
    assert!(
        bench
            .step(Input::ImportFailed {
                batch: BatchId(1),
                height: 2,
                fault
            })
            .is_empty()
    );
    let (phase, words) = bench.words();
    assert_eq!(phase, Phase::Paused);
    assert_eq!(
        words,
        "another try in 3 s: the import of block 2 failed here: no space left on the disk"
    );
    assert!(bench.status(2, 3).is_empty());
    // The request's timer first, which nobody waits for any more.
    let mut given = bench.fire();
    while given.is_empty() {
        given = bench.fire();
    }
    assert_eq!(given.len(), 1);
    assert!(
        given[0].ends_with("2+2"),
        "what is committed is not asked for again: {given:?}"
    );
}

#[test]
fn a_body_that_was_not_decided_names_its_sender() {
    let mut bench = Bench::new(0, 3);
    bench.status(1, 3);
    bench.answer(1, 2, 1, 3);
    bench.verified(1, 1, 3);
    let fault = ImportFault::Sender("another body".into());
    let given = bench.step(Input::ImportFailed {
        batch: BatchId(1),
        height: 1,
        fault,
    });
    assert_eq!(given[0], "penalize 1: block 1 cannot be imported: another body");
}

#[test]
fn a_decided_block_on_another_parent_is_a_conflict_and_nobodys_offence() {
    let mut bench = Bench::new(0, 3);
    let ours = Chain::signed_by(1, &super::testing::authority(), 900);
    bench.sync = RangeSync::new(ours.head(), u64::MAX);
    assert_eq!(bench.status(1, 3), ["behind 3", "ask 1 r2 2+2"]);
    bench.answer(1, 2, 2, 2);
    assert_eq!(bench.verified(1, 2, 2), ["conflict 2"]);
    let (phase, words) = bench.words();
    assert_eq!(phase, Phase::Paused);
    assert!(words.contains(&ours.head().id.to_string()), "{words}");
}

#[test]
fn peers_with_another_block_at_our_height_are_counted() {
    let mut bench = Bench::new(3, 3);
    bench.status(1, 3);
    let claim = Head {
        height: 3,
        id: Default::default(),
    };
    bench.step(Input::PeerStatus { peer: 2, claim });
    assert_eq!(bench.sync.status(bench.now).disagreeing, 1);
}

#[test]
fn large_blocks_make_small_batches() {
    let mut bench = Bench::new(0, 1);
    bench.sync.block_bytes = 3 << 20;
    assert_eq!(
        bench.status(1, 100),
        ["behind 100", format!("ask 1 r{} 1+2", MAX_BATCHES + 1).as_str()]
    );
    for peer in 2..10 {
        bench.status(peer, 100);
    }
    bench.sync.block_bytes = 40 << 20;
    let mut huge = Bench::new(0, 1);
    huge.sync.block_bytes = 40 << 20;
    huge.status(1, 100);
    let second = huge.status(2, 100);
    assert!(
        second.is_empty(),
        "no room for a second batch before the first is through: {second:?}"
    );
}

#[test]
fn offences_say_whether_they_can_be_innocent() {
    assert!(!Offence::TimedOut { from: 1, last: 2 }.is_deliberate());
    assert!(Offence::BrokenChain { height: 1 }.is_deliberate());
}
