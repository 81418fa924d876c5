//! Step tables for the machine.

use std::time::Duration;

use aureon_consensus::pow::{HeaderFault, HeaderStop, verify_headers};
use aureon_types::SealedHeader;

use super::{
    super::{BatchId, Phase, RequestFailure, RequestId, TimerId},
    BEHIND_AFTER, Claim, Effect, GRACE, HEDGE, HeaderSync, Input, MAX_AHEAD, MAX_HEADERS, MAX_REQUESTS,
    OTHER_HISTORY_REST, Offence, REQUEST_TIMEOUT, STALL, Tip,
    machine::WAIT_REST,
    peers::MAX_OVERTAKEN,
    testing::{Chain, boast},
};

const START: Duration = Duration::from_secs(100);

/// A machine with a chain of truth, driven by hand.
struct Bench {
    sync: HeaderSync<u64>,
    chain: Chain,
    now: Duration,
    timer: Option<(TimerId, Duration)>,
    request: u64,
    batch: u64,
}

impl Bench {
    /// Headers and blocks up to `own` of a chain of `length`.
    fn new(own: usize, length: usize) -> Self {
        let chain = Chain::new(length, 1);
        let tip = Tip {
            header: chain.claim_at(own),
            head: chain.claim_at(own),
        };
        Self {
            sync: HeaderSync::new(tip),
            chain,
            now: START,
            timer: None,
            request: 0,
            batch: 0,
        }
    }

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
            Effect::RequestHeaders {
                peer,
                request,
                after,
                count,
            } => {
                assert_eq!(count as usize, MAX_HEADERS);
                self.request = request.0;
                let place = |id| {
                    self.chain
                        .headers
                        .iter()
                        .position(|header| header.id() == id)
                        .unwrap()
                        + 1
                };
                format!(
                    "ask {peer}{}",
                    after.map_or(String::new(), |id| format!(" after {}", place(id)))
                )
            }
            Effect::Verify { batch, headers } => {
                self.batch = batch.0;
                format!("verify {}", headers.len())
            }
            Effect::Deliver { headers, .. } => format!("deliver {}", headers.headers().len()),
            Effect::Penalize { peer, offence } => format!("penalize {peer}: {offence}"),
            Effect::OtherHistory { peer, height } => format!("other history {peer} {height}"),
            Effect::Behind { target } => format!("behind {target}"),
            Effect::Synced { height } => format!("synced {height}"),
        })
    }

    fn status(&mut self, peer: u64, height: usize) -> Vec<String> {
        let claim = self.chain.claim_at(height);
        self.step(Input::PeerStatus { peer, claim })
    }

    fn boast(&mut self, peer: u64) -> Vec<String> {
        let claim = Claim {
            work: boast(),
            ..self.chain.claim()
        };
        self.step(Input::PeerStatus { peer, claim })
    }

    fn answer(&mut self, peer: u64, headers: Vec<SealedHeader>, claim: Option<Claim>) -> Vec<String> {
        let request = RequestId(self.request);
        self.step(Input::HeadersArrived {
            peer,
            request,
            headers,
            claim,
        })
    }

    fn verified(&mut self, headers: Vec<SealedHeader>) -> Vec<String> {
        let batch = BatchId(self.batch);
        self.step(Input::HeadersVerified {
            batch,
            result: verify_headers(headers),
        })
    }

    fn judged(&mut self, accepted: usize, stop: Option<HeaderStop>) -> Vec<String> {
        let batch = BatchId(self.batch);
        self.step(Input::HeadersJudged {
            batch,
            accepted,
            stop,
        })
    }

    /// Our headers and blocks go up to here.
    fn tip(&mut self, header: usize, head: usize) -> Vec<String> {
        let tip = Tip {
            header: self.chain.claim_at(header),
            head: self.chain.claim_at(head),
        };
        self.step(Input::TipChanged(tip))
    }

    /// An answer goes all the way: verified, in the tree, the tip moved.
    fn take(&mut self, peer: u64, from: usize, count: usize, claim: usize) -> Vec<String> {
        let headers = self.chain.after(from, count);
        let claim = self.chain.claim_at(claim);
        assert_eq!(
            self.answer(peer, headers.clone(), Some(claim)),
            [format!("verify {}", headers.len())]
        );
        assert_eq!(
            self.verified(headers.clone()),
            [format!("deliver {}", headers.len())]
        );
        let before = self.sync.tip.head.head.height as usize;
        assert!(self.tip(from + headers.len(), before).is_empty());
        self.judged(headers.len(), None)
    }

    fn pass(&mut self, time: Duration) -> Vec<String> {
        self.now += time;
        let timer = self.timer.take().map_or(TimerId(0), |(timer, _)| timer);
        self.step(Input::TimerFired(timer))
    }
}

fn none_but_behind(mut words: Vec<String>) {
    words.retain(|word| !word.starts_with("behind"));
    none(words);
}

fn none(words: Vec<String>) {
    assert_eq!(words, Vec::<String>::new());
}

#[test]
fn headers_go_from_claim_to_tree() {
    let mut bench = Bench::new(0, 20);
    assert_eq!(bench.sync.status(START).phase, Phase::Synced);
    assert_eq!(bench.status(1, 20), ["ask 1"]);
    none(bench.take(1, 0, 20, 20));
    assert_eq!(
        bench.sync.status(bench.now).waiting_for,
        "block 20 from gossip; it is asked for if it does not come at once"
    );
    assert_eq!(bench.pass(BEHIND_AFTER), ["behind 20"]);
    let status = bench.sync.status(bench.now);
    assert_eq!(
        (status.phase, status.height, status.target),
        (Phase::Importing, 0, 20)
    );
    assert_eq!(status.waiting_for, "the blocks 1 to 20 to be executed");
    assert_eq!(bench.tip(20, 20), ["synced 20"]);
    assert_eq!(bench.sync.status(bench.now).phase, Phase::Synced);
}

#[test]
fn full_answers_are_continued_from_their_last_header() {
    let all = 2 * MAX_HEADERS + 10;
    let mut bench = Bench::new(0, all);
    assert_eq!(bench.status(1, all), ["ask 1"]);
    assert_eq!(
        bench.take(1, 0, MAX_HEADERS, all),
        [format!("ask 1 after {MAX_HEADERS}")]
    );
    assert_eq!(
        bench.take(1, MAX_HEADERS, MAX_HEADERS, all),
        [format!("ask 1 after {}", 2 * MAX_HEADERS)]
    );
    none(bench.take(1, 2 * MAX_HEADERS, MAX_HEADERS, all));
}

#[test]
fn the_next_block_is_left_to_gossip_for_a_moment() {
    let mut bench = Bench::new(10, 11);
    none(bench.status(1, 11));
    assert_eq!(bench.sync.status(bench.now).phase, Phase::Grace);
    none(bench.pass(GRACE / 2));
    assert_eq!(bench.pass(GRACE / 2), ["ask 1"]);
    let mut bench = Bench::new(10, 11);
    none(bench.status(1, 11));
    none(bench.tip(11, 10));
    none(bench.pass(GRACE));
}

#[test]
fn who_claims_most_is_asked_and_others_only_when_that_takes_long() {
    let mut bench = Bench::new(0, 30);
    assert_eq!(bench.status(1, 20), ["ask 1"]);
    none(bench.status(2, 30));
    none(bench.status(3, 30));
    none(bench.pass(HEDGE / 2));
    assert_eq!(bench.pass(HEDGE / 2), ["ask 2", "behind 30"]);
    none(bench.pass(HEDGE));
    assert_eq!(bench.sync.status(bench.now).requests, MAX_REQUESTS);
    assert_eq!(
        bench.pass(REQUEST_TIMEOUT - 2 * HEDGE),
        [
            "penalize 1: it did not answer a request for headers in time",
            "ask 3"
        ]
    );
}

#[test]
fn who_claims_work_that_it_does_not_have_is_not_believed_for_a_while() {
    let mut bench = Bench::new(0, 20);
    assert_eq!(bench.boast(1), ["ask 1"]);
    let claim = Claim {
        work: boast(),
        ..bench.chain.claim()
    };
    // It sends a chain that ends, and claims the same again.
    let headers = bench.chain.after(0, 5);
    bench.answer(1, headers.clone(), Some(claim));
    bench.verified(headers);
    bench.tip(5, 5);
    let words = bench.judged(5, None);
    assert!(
        words.len() == 1 && words[0].starts_with("penalize 1: it claims a chain of"),
        "{words:?}"
    );
    none(bench.boast(1));
    assert_eq!(
        bench.sync.status(bench.now).phase,
        Phase::Synced,
        "nobody else claims more"
    );
    none(bench.pass(Duration::from_secs(59)));
    assert_eq!(bench.pass(Duration::from_secs(1)), ["ask 1"]);
    // Nothing at all: twice as long.
    let words = bench.answer(1, vec![], None);
    assert!(words[0].starts_with("penalize 1: it claims"), "{words:?}");
    none(bench.pass(Duration::from_secs(119)));
    assert_eq!(bench.pass(Duration::from_secs(1)), ["ask 1"]);
}

#[test]
fn nothing_new_is_no_offence_if_we_have_it_by_now() {
    let mut bench = Bench::new(0, 20);
    assert_eq!(bench.status(1, 20), ["ask 1"]);
    none(bench.tip(20, 20));
    let claim = bench.chain.claim();
    none(bench.answer(1, vec![], Some(claim)));
    // Its head moved while its answer was judged: the claim that came with the answer counts.
    let mut bench = Bench::new(0, 22);
    assert_eq!(bench.status(1, 20), ["ask 1"]);
    let (headers, claim) = (bench.chain.after(0, 20), bench.chain.claim_at(20));
    bench.answer(1, headers.clone(), Some(claim));
    none(bench.status(1, 22));
    bench.verified(headers);
    bench.tip(20, 20);
    assert_eq!(bench.judged(20, None), ["ask 1"]);
}

#[test]
fn a_peer_that_repeats_a_full_answer_gets_nowhere() {
    let mut bench = Bench::new(0, MAX_HEADERS);
    assert_eq!(bench.boast(1), ["ask 1"]);
    let claim = Claim {
        work: boast(),
        ..bench.chain.claim()
    };
    for again in [false, true] {
        let headers = bench.chain.after(0, MAX_HEADERS);
        bench.answer(1, headers.clone(), Some(claim));
        bench.verified(headers);
        bench.tip(MAX_HEADERS, MAX_HEADERS);
        let words = bench.judged(MAX_HEADERS, None);
        assert!(
            words[0].starts_with(if again { "penalize 1" } else { "ask 1 after" }),
            "{words:?}"
        );
    }
}

#[test]
fn answers_that_break_a_rule_are_penalised_by_what_they_break() {
    let good = Chain::new(6, 1);
    let gap = [good.after(0, 2), good.after(3, 2)].concat();
    let too_many = good.extended(MAX_HEADERS, 1).after(0, MAX_HEADERS + 1);
    for (headers, expected) in [
        (gap, "header 4 does not follow"),
        (too_many, "2000 headers were asked for, it sent 2001"),
        (
            vec![good.headers[1].clone(), good.headers[0].clone()],
            "header 1 does not follow",
        ),
    ] {
        let mut bench = Bench::new(0, 6);
        bench.status(1, 6);
        let words = bench.answer(1, headers, None);
        assert!(words.len() == 1 && words[0].contains(expected), "{words:?}");
        none(bench.pass(Duration::from_secs(30)));
    }
    let mut bench = Bench::new(0, 6);
    bench.status(1, 6);
    bench.answer(1, good.after(0, 3), None);
    let fault = HeaderFault::NoWork;
    let batch = BatchId(bench.batch);
    let result = Err(aureon_consensus::pow::HeadersFault { height: 2, fault });
    let words = bench.step(Input::HeadersVerified { batch, result });
    assert!(words[0].contains("header 2 is not valid"), "{words:?}");
}

#[test]
fn the_verdict_of_consensus_decides() {
    let invalid = HeaderStop::Invalid {
        height: 3,
        fault: HeaderFault::NoWork,
    };
    for (stop, expected, rest) in [
        (
            invalid,
            "penalize 1: header 3 is not valid",
            Duration::from_secs(60),
        ),
        (
            HeaderStop::UnknownParent,
            "penalize 1: its headers follow none",
            Duration::from_secs(2),
        ),
        (HeaderStop::TooDeep, "other history 1 6", OTHER_HISTORY_REST),
        (
            HeaderStop::AheadOfClock { until_ms: 5 },
            "",
            Duration::from_secs(5),
        ),
        (HeaderStop::Full, "", Duration::from_secs(5)),
    ] {
        let mut bench = Bench::new(0, 6);
        assert_eq!(bench.status(1, 6), ["ask 1"]);
        let headers = bench.chain.after(0, 6);
        bench.answer(1, headers.clone(), None);
        bench.verified(headers);
        let words = bench.judged(0, Some(stop.clone()));
        assert!(
            words.iter().all(|word| word.starts_with(expected)),
            "{stop:?}: {words:?}"
        );
        assert_eq!(words.is_empty(), expected.is_empty(), "{stop:?}");
        let mut early = bench.pass(rest - Duration::from_millis(1));
        early.retain(|word| word.starts_with("ask"));
        none(early);
        assert!(
            bench.pass(Duration::from_millis(1)).contains(&"ask 1".to_owned()),
            "{stop:?}"
        );
    }
    assert!(!Offence::NotConnected.is_deliberate() && !Offence::TimedOut.is_deliberate());
    assert!(Offence::Malformed(String::new()).is_deliberate());
}

/// Peer 1 was asked first and answers last: another has answered meanwhile, and its blocks are final.
#[test]
fn an_answer_that_finality_has_passed_is_no_other_history() {
    let mut bench = Bench::new(0, 20);
    assert_eq!(bench.status(1, 20), ["ask 1"]);
    let first = bench.request;
    none(bench.status(2, 15));
    assert_eq!(bench.pass(HEDGE), ["ask 2", "behind 20"]);
    none(bench.take(2, 0, 15, 15));
    none(bench.tip(15, 15));
    bench.request = first;
    let headers = bench.chain.after(0, 20);
    bench.answer(1, headers.clone(), None);
    bench.verified(headers);
    none(bench.judged(0, Some(HeaderStop::TooDeep)));
    none(bench.pass(WAIT_REST - Duration::from_millis(1)));
    assert_eq!(bench.pass(Duration::from_millis(1)), ["ask 1"]);
}

/// Nobody is excused for ever, and delivering makes good.
#[test]
fn who_is_too_late_again_and_again_has_another_history() {
    let mut bench = Bench::new(0, 40);
    bench.status(1, 40);
    let too_late = |bench: &mut Bench, head: usize| {
        let headers = bench.chain.after(0, 3);
        bench.answer(1, headers.clone(), None);
        bench.verified(headers);
        bench.tip(head, head);
        bench.judged(0, Some(HeaderStop::TooDeep))
    };
    for time in 0..MAX_OVERTAKEN {
        none(too_late(&mut bench, 1 + time as usize));
        let rest = WAIT_REST * 2_u32.pow(time);
        none_but_behind(bench.pass(rest - Duration::from_millis(1)));
        assert_eq!(bench.pass(Duration::from_millis(1)), ["ask 1"], "{time}");
    }
    assert_eq!(too_late(&mut bench, 10), ["other history 1 40", "synced 10"]);
    none(bench.pass(OTHER_HISTORY_REST - Duration::from_millis(1)));
    assert_eq!(bench.pass(Duration::from_millis(1)), ["ask 1"]);
}

/// The branch that it was to continue was forgotten while the answer was on its way.
#[test]
fn an_answer_that_continues_what_was_forgotten_is_no_offence() {
    let all = MAX_HEADERS + 10;
    let mut bench = Bench::new(0, all);
    bench.status(1, all);
    assert_eq!(
        bench.take(1, 0, MAX_HEADERS, all),
        [format!("ask 1 after {MAX_HEADERS}")]
    );
    let headers = bench.chain.after(MAX_HEADERS, 10);
    bench.answer(1, headers.clone(), None);
    bench.verified(headers);
    none(bench.judged(0, Some(HeaderStop::UnknownParent)));
    none_but_behind(bench.pass(WAIT_REST - Duration::from_millis(1)));
    assert_eq!(
        bench.pass(Duration::from_millis(1)),
        ["ask 1"],
        "from our heaviest header"
    );
}

#[test]
fn an_orphan_makes_us_ask_its_sender() {
    let mut bench = Bench::new(10, 20);
    none(bench.status(1, 10));
    none(bench.step(Input::Orphan { peer: 1 }));
    none(bench.step(Input::Orphan { peer: 9 }));
    assert_eq!(bench.pass(GRACE), ["ask 1"]);
    none(bench.take(1, 10, 10, 20));
    none(bench.pass(GRACE));
}

#[test]
fn failed_requests_rest_and_strangers_and_late_answers_are_ignored() {
    let mut bench = Bench::new(0, 20);
    bench.status(1, 20);
    let request = RequestId(bench.request);
    none(bench.answer(2, bench.chain.after(0, 5), None));
    let failed = |failure| Input::RequestFailed {
        peer: 1,
        request,
        failure,
    };
    none(bench.step(failed(RequestFailure::Busy)));
    none(bench.step(failed(RequestFailure::Busy)));
    none(bench.answer(1, bench.chain.after(0, 5), None));
    assert_eq!(bench.pass(Duration::from_secs(1)), ["ask 1"]);
    let request = RequestId(bench.request);
    let malformed = RequestFailure::Malformed("garbage".into());
    assert_eq!(
        bench.step(Input::RequestFailed {
            peer: 1,
            request,
            failure: malformed
        }),
        ["penalize 1: its answer is malformed: garbage"]
    );
    none(bench.step(Input::PeerGone { peer: 1 }));
    // A new connection is a new start.
    assert_eq!(bench.status(1, 20).last().unwrap(), "ask 1");
}

#[test]
fn headers_do_not_run_far_ahead_of_bodies() {
    let length = MAX_AHEAD as usize + 10;
    let mut bench = Bench::new(0, length);
    bench.tip(MAX_AHEAD as usize, 0);
    none(bench.status(1, length));
    assert_eq!(bench.tip(MAX_AHEAD as usize, 1), ["ask 1"]);
}

#[test]
fn others_are_asked_for_what_follows_a_head_that_does_not_move() {
    let length = MAX_AHEAD as usize + 10;
    let mut bench = Bench::new(0, length);
    assert_eq!(bench.status(1, length), ["ask 1"]);
    let headers = bench.chain.after(0, MAX_HEADERS);
    bench.answer(1, headers.clone(), None);
    bench.verified(headers.clone());
    bench.tip(MAX_AHEAD as usize + 1, 1);
    none(bench.judged(headers.len(), None));
    none(bench.status(2, length));
    let almost = STALL - Duration::from_millis(1);
    assert_eq!(bench.pass(almost), [format!("behind {length}")]);
    assert_eq!(bench.pass(Duration::from_millis(1)), ["ask 2 after 1"]);
    bench.answer(2, bench.chain.after(1, 1), None);
    bench.verified(bench.chain.after(1, 1));
    // The head moves: bodies come first again.
    none(bench.tip(MAX_AHEAD as usize + 2, 2));
    bench.judged(1, None);
    none(bench.status(3, length));
}

#[test]
fn an_answer_of_a_peer_that_left_ends_quietly() {
    let mut bench = Bench::new(0, 5);
    bench.status(1, 5);
    let headers = bench.chain.after(0, 5);
    bench.answer(1, headers.clone(), None);
    none(bench.step(Input::PeerGone { peer: 1 }));
    assert_eq!(
        bench.verified(headers),
        ["deliver 5"],
        "the work is done whoever sent it"
    );
    none(bench.judged(5, None));
    none(bench.judged(5, None));
}
