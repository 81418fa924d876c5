//! Step tables for the engine.

use std::{collections::BTreeMap, time::Duration};

use aureon_types::{Address, BlockId, SealedHeader};

use super::{
    BRANCHES, HeaderStop, PATIENCE, Pow, Start, StartFault, WINDOW, WorkChain,
    testing::{draft, ids, line, mine, rules, seal},
    verify_headers,
};
use crate::{Admit, DropReason, Effect, Head, Input, Lineage, Message, Now, Step, TimerId, verify_header};

/// Far after the genesis' time, so that nothing is ahead of the clock by accident.
const START_MS: u64 = 100_000_000;

/// An engine with names for its blocks, driven by hand.
struct Bench {
    engine: Pow,
    genesis: WorkChain,
    names: BTreeMap<BlockId, String>,
    wall_ms: u64,
    timer: Option<(TimerId, Duration)>,
}

impl Bench {
    fn new(finality_depth: u64) -> Self {
        let genesis = WorkChain::genesis(rules(finality_depth));
        let start = Start {
            chain: genesis.clone(),
            header: None,
            headers: vec![],
            head: genesis.block_id(),
        };
        let (engine, effects) = started(start).unwrap();
        assert!(effects.is_empty());
        let names = BTreeMap::from([(genesis.block_id(), "G".to_owned())]);
        Self {
            engine,
            genesis,
            names,
            wall_ms: START_MS,
            timer: None,
        }
    }

    fn name(&mut self, prefix: &str, headers: &[SealedHeader]) {
        for header in headers {
            self.names
                .insert(header.id(), format!("{prefix}{}", header.header().height));
        }
    }

    /// A line of named headers on `parent`.
    fn line(&mut self, prefix: &str, parent: &WorkChain, length: usize) -> Vec<SealedHeader> {
        let salt = prefix.as_bytes()[0];
        let headers = line(parent, length, 1_000, salt);
        self.name(prefix, &headers);
        headers
    }

    fn after(&self, id: BlockId) -> WorkChain {
        self.engine.work_chain(&id).unwrap().clone()
    }

    fn step(&mut self, input: Input) -> Vec<String> {
        let mut effects = Vec::new();
        let now = Now {
            monotonic: Duration::from_millis(self.wall_ms),
            wall_ms: self.wall_ms,
        };
        self.engine.handle(now, input, &mut effects);
        effects
            .into_iter()
            .filter_map(|effect| self.word(effect))
            .collect()
    }

    fn word(&mut self, effect: Effect) -> Option<String> {
        let name = |id: &BlockId| self.names.get(id).cloned().unwrap_or_else(|| id.short());
        let list = |ids: &[BlockId]| ids.iter().map(name).collect::<Vec<_>>().join(" ");
        Some(match effect {
            Effect::Execute { block_id, .. } => format!("execute {}", name(&block_id)),
            Effect::Switch {
                undone,
                applied,
                finalized,
                ..
            } => {
                let last = finalized.map_or(String::new(), |(height, id)| {
                    format!(" final {height} {}", name(&id))
                });
                format!("switch -[{}] +[{}]{last}", list(&undone), list(&applied))
            }
            Effect::Unwanted { blocks } => format!("unwanted {}", list(&blocks)),
            Effect::HeadersJudged { accepted, stop, .. } => format!("judged {accepted} {stop:?}"),
            Effect::StartTimer { id, after } => {
                self.timer = Some((id, after));
                return None;
            }
            other => panic!("{other:?} is not of proof of work"),
        })
    }

    fn header(&mut self, header: &SealedHeader) -> Vec<String> {
        self.step(Input::Message(verify_header(header.clone()).unwrap()))
    }

    fn headers(&mut self, headers: &[SealedHeader]) -> Vec<String> {
        self.step(Input::Headers {
            batch: 1,
            headers: verify_headers(headers.to_vec()).unwrap(),
        })
    }

    fn executed(&mut self, header: &SealedHeader, valid: bool) -> Vec<String> {
        let (height, block_id) = (header.header().height, header.id());
        self.step(Input::Executed {
            height,
            round: 0,
            proposer: Address([0; 20]),
            block_id,
            valid,
        })
    }

    fn committed(&mut self, header: &SealedHeader) -> Vec<String> {
        let head = Head {
            height: header.header().height,
            block_id: header.id(),
            timestamp_ms: header.header().timestamp_ms,
        };
        let lineage = Lineage::Work(Box::new(self.after(header.id())));
        self.step(Input::Committed(head, lineage))
    }

    /// Brings a block all the way to the head.
    fn adopt(&mut self, header: &SealedHeader) {
        let name = &self.names[&header.id()].clone();
        assert_eq!(self.header(header), [format!("execute {name}")]);
        assert!(self.executed(header, true)[0].starts_with("switch"));
        assert!(self.committed(header).is_empty());
    }

    fn admit(&mut self, header: &SealedHeader) -> Admit {
        self.engine.admit(&Message::Work(Box::new(header.clone())))
    }
}

fn started(start: Start) -> Result<(Pow, Vec<Effect>), StartFault> {
    let mut effects = Vec::new();
    let now = Now {
        monotonic: Duration::ZERO,
        wall_ms: START_MS,
    };
    Pow::start(now, start, &mut effects).map(|engine| (engine, effects))
}

#[test]
fn a_block_goes_from_header_to_head() {
    let mut bench = Bench::new(64);
    let genesis = bench.genesis.clone();
    let a = bench.line("A", &genesis, 1);
    assert_eq!(bench.admit(&a[0]), Admit::Verify);
    assert_eq!(bench.header(&a[0]), ["execute A1"]);
    assert_eq!(bench.engine.status().step, Step::CatchUp);
    assert_eq!(bench.admit(&a[0]), Admit::Drop(DropReason::Duplicate));
    assert_eq!(bench.executed(&a[0], true), ["switch -[] +[A1]"]);
    assert_eq!(
        bench.engine.head(),
        genesis.block_id(),
        "not before it is durable"
    );
    assert!(bench.committed(&a[0]).is_empty());
    assert_eq!(bench.engine.head(), a[0].id());
    assert_eq!(bench.engine.status().step, Step::Mine);
    assert_eq!(bench.engine.status().waiting_for, "somebody to find block 2");
}

#[test]
fn of_equal_branches_the_first_stays_and_a_heavier_one_wins() {
    let mut bench = Bench::new(64);
    let genesis = bench.genesis.clone();
    let (a, b) = (bench.line("A", &genesis, 3), bench.line("B", &genesis, 4));
    for header in &a {
        bench.adopt(header);
    }
    assert!(bench.headers(&b[..3])[0].starts_with("judged 3 None"));
    assert_eq!(bench.engine.head(), a[2].id(), "equal work: nothing is asked for");
    assert_eq!(
        bench.header(&b[3]),
        ["execute B1", "execute B2", "execute B3", "execute B4"]
    );
    for header in &b[..3] {
        assert!(bench.executed(header, true).is_empty(), "not heavier yet");
    }
    assert_eq!(bench.executed(&b[3], true), ["switch -[A3 A2 A1] +[B1 B2 B3 B4]"]);
    assert!(bench.committed(&b[3]).is_empty());
}

/// A branch that was the chain before and whose bodies are gone since: it is asked for again, and nothing else stops.
#[test]
fn a_switch_to_a_branch_whose_bodies_are_gone_asks_for_them_again() {
    let mut bench = Bench::new(64);
    let genesis = bench.genesis.clone();
    let (a, b) = (line(&genesis, 4, 1_000, 1), line(&genesis, 3, 1_000, 2));
    bench.name("a", &a);
    bench.name("b", &b);
    bench.adopt(&a[0]);
    bench.adopt(&a[1]);
    bench.headers(&b);
    for header in &b {
        bench.executed(header, true);
    }
    bench.committed(&b[2]);
    assert_eq!(
        bench.headers(&a[2..]),
        ["judged 2 None", "execute a3", "execute a4"]
    );
    bench.executed(&a[2], true);
    assert_eq!(bench.executed(&a[3], true), ["switch -[b3 b2 b1] +[a1 a2 a3 a4]"]);
    let gone = Input::BodiesGone(vec![a[1].id(), b[1].id()]);
    assert_eq!(
        bench.step(gone),
        ["execute a2", "execute a3", "execute a4"],
        "b is the head's"
    );
    bench.executed(&a[1], true);
    bench.executed(&a[2], true);
    assert_eq!(bench.executed(&a[3], true), ["switch -[b3 b2 b1] +[a1 a2 a3 a4]"]);
    assert!(bench.committed(&a[3]).is_empty());
}

#[test]
fn one_switch_at_a_time_and_the_next_takes_what_came_meanwhile() {
    let mut bench = Bench::new(64);
    let genesis = bench.genesis.clone();
    let a = bench.line("A", &genesis, 4);
    bench.headers(&a);
    assert_eq!(bench.executed(&a[0], true), ["switch -[] +[A1]"]);
    assert!(bench.executed(&a[1], true).is_empty());
    assert!(bench.executed(&a[2], true).is_empty());
    assert_eq!(bench.committed(&a[0]), ["switch -[] +[A2 A3]"]);
    assert!(bench.executed(&a[3], true).is_empty());
    assert_eq!(bench.committed(&a[2]), ["switch -[] +[A4]"]);
}

#[test]
fn an_invalid_branch_leaves_the_head_standing_and_the_next_best_is_tried() {
    let mut bench = Bench::new(64);
    let genesis = bench.genesis.clone();
    let (a, b) = (bench.line("A", &genesis, 2), bench.line("B", &genesis, 4));
    let c = bench.line("C", &genesis, 3);
    for header in &a {
        bench.adopt(header);
    }
    bench.headers(&b);
    assert_eq!(bench.headers(&c)[1..], ["execute C1", "execute C2", "execute C3"]);
    assert!(bench.executed(&b[0], true).is_empty());
    assert_eq!(bench.executed(&b[1], false), ["unwanted B3 B4"]);
    assert_eq!(bench.engine.head(), a[1].id());
    assert!(bench.engine.is_invalid(&b[1].id()) && bench.engine.is_invalid(&b[3].id()));
    assert_eq!(
        bench.admit(&b[1]),
        Admit::Drop(DropReason::OnInvalid),
        "once is enough"
    );
    let child = mine(&follow(&genesis, &b), 1_000, 9);
    assert_eq!(
        bench.admit(&child),
        Admit::Drop(DropReason::OnInvalid),
        "nor what stands on it"
    );
    assert!(
        !DropReason::OnInvalid.is_fault(),
        "who passed it on may not have executed the block yet"
    );
    assert!(
        bench.headers(&b)[0].contains("OnInvalid"),
        "who sends it again is told apart"
    );
    for header in &c[..2] {
        assert!(bench.executed(header, true).is_empty());
    }
    assert_eq!(bench.executed(&c[2], true), ["switch -[A2 A1] +[C1 C2 C3]"]);
}

#[test]
fn a_branch_is_followed_up_to_its_first_invalid_block() {
    let mut bench = Bench::new(64);
    let genesis = bench.genesis.clone();
    let (a, b) = (bench.line("A", &genesis, 1), bench.line("B", &genesis, 3));
    bench.adopt(&a[0]);
    bench.headers(&b);
    assert!(bench.executed(&b[0], true).is_empty());
    assert_eq!(bench.executed(&b[1], true), ["switch -[A1] +[B1 B2]"]);
    assert!(bench.executed(&b[2], false).is_empty());
    assert!(bench.committed(&b[1]).is_empty());
    assert_eq!(bench.engine.status().step, Step::Mine);
}

#[test]
fn withheld_bodies_do_not_stop_the_others() {
    let mut bench = Bench::new(64);
    let genesis = bench.genesis.clone();
    let withheld = bench.line("W", &genesis, 40);
    let asked = bench.headers(&withheld);
    assert_eq!(
        asked.len() - 1,
        WINDOW - WINDOW / 4,
        "a quarter is left for others"
    );
    let honest = bench.line("H", &genesis, 2);
    assert_eq!(bench.headers(&honest)[1..], ["execute H1", "execute H2"]);
    assert_eq!(bench.executed(&honest[0], true), ["switch -[] +[H1]"]);
    assert!(bench.committed(&honest[0]).is_empty());
    assert_eq!(bench.executed(&honest[1], true), ["switch -[] +[H2]"]);
    assert!(bench.committed(&honest[1]).is_empty());
    let status = bench.engine.status();
    assert!(
        status.waiting_for.contains("bodies of 12 blocks"),
        "{}",
        status.waiting_for
    );
}

#[test]
fn a_branch_whose_bodies_nobody_gives_is_forgotten_and_may_come_again() {
    let mut bench = Bench::new(64);
    let genesis = bench.genesis.clone();
    let withheld = bench.line("W", &genesis, 3);
    let asked = ["execute W1", "execute W2", "execute W3"];
    assert_eq!(bench.headers(&withheld)[1..], asked);
    let (timer, after) = bench.timer.take().unwrap();
    assert_eq!(after, PATIENCE);
    bench.wall_ms += 59_999;
    assert!(bench.step(Input::PendingTransactions(true)).is_empty());
    bench.wall_ms += 1;
    assert_eq!(bench.step(Input::TimerFired(timer)).len(), 1, "unwanted W1 W2 W3");
    assert_eq!(bench.engine.best_header(), genesis.block_id());
    assert!(!bench.engine.is_invalid(&withheld[0].id()), "not condemned");
    assert_eq!(bench.headers(&withheld)[1..], asked);
    assert!(bench.timer.take().is_some());
}

#[test]
fn a_slow_branch_is_waited_for_and_one_that_drips_is_not() {
    // Every body buys five seconds here.
    for (pace_s, expected) in [(5, 40), (29, 2)] {
        let mut bench = Bench::new(64);
        let genesis = bench.genesis.clone();
        let branch = bench.line("B", &genesis, 40);
        bench.headers(&branch);
        let mut given = 0;
        for header in &branch {
            bench.wall_ms += pace_s * 1_000;
            bench.step(Input::PendingTransactions(true));
            if bench.engine.header(&header.id()).is_none() {
                break;
            }
            assert!(bench.executed(header, true)[0].starts_with("switch"));
            bench.committed(header);
            given += 1;
        }
        assert_eq!(given, expected, "a body every {pace_s} s");
    }
}

#[test]
fn the_window_is_bounded_over_all_branches() {
    let mut bench = Bench::new(64);
    let genesis = bench.genesis.clone();
    for salt in 0..BRANCHES + 3 {
        let branch = line(&genesis, 30 + salt, 1_000, salt as u8);
        bench.headers(&branch);
        assert!(bench.engine.asked.len() <= WINDOW, "{}", bench.engine.asked.len());
    }
}

#[test]
fn a_branch_that_loses_is_unwanted() {
    let mut bench = Bench::new(64);
    let genesis = bench.genesis.clone();
    let (a, b) = (bench.line("A", &genesis, 2), bench.line("B", &genesis, 1));
    assert_eq!(bench.header(&b[0]), ["execute B1"]);
    bench.headers(&a);
    assert_eq!(bench.executed(&a[0], true), ["switch -[] +[A1]", "unwanted B1"]);
    // An answer that was on its way is not counted on: the body may be gone.
    assert!(bench.executed(&b[0], true).is_empty());
    assert!(bench.committed(&a[0]).is_empty());
    assert_eq!(bench.executed(&a[1], true), ["switch -[] +[A2]"]);
    assert!(bench.committed(&a[1]).is_empty());
    let more = line(&follow(&genesis, &b), 2, 1_000, b'B');
    bench.name("B", &more);
    assert_eq!(
        bench.headers(&more)[1..],
        ["execute B1", "execute B2", "execute B3"]
    );
    assert!(bench.executed(&b[0], true).is_empty());
}

#[test]
fn blocks_below_the_finality_depth_are_final_and_forks_below_are_not_followed() {
    let mut bench = Bench::new(3);
    let genesis = bench.genesis.clone();
    let (a, b) = (bench.line("A", &genesis, 6), bench.line("B", &genesis, 9));
    for (at, header) in a.iter().enumerate() {
        bench.header(header);
        let switch = bench.executed(header, true);
        let last = if at < 3 {
            String::new()
        } else {
            format!(" final {} A{}", at - 2, at - 2)
        };
        assert_eq!(switch, [format!("switch -[] +[A{}]{last}", at + 1)]);
        bench.committed(header);
    }
    assert_eq!(bench.engine.status().work.unwrap().final_height, 3);
    assert_eq!(bench.admit(&b[0]), Admit::Drop(DropReason::TooDeep));
    assert!(!DropReason::TooDeep.is_fault());
    assert_eq!(bench.headers(&b), ["judged 0 Some(TooDeep)"]);
    assert_eq!(bench.engine.head(), a[5].id(), "more work, and not followed");
    // The deepest fork that is allowed leaves from the last final block.
    let last = bench.after(a[2].id());
    let c = bench.line("C", &last, 4);
    assert!(bench.headers(&c)[0].starts_with("judged 4 None"));
    for header in &c[..3] {
        assert!(bench.executed(header, true).is_empty());
    }
    assert_eq!(
        bench.executed(&c[3], true),
        ["switch -[A6 A5 A4] +[C4 C5 C6 C7] final 4 C4"]
    );
}

#[test]
fn headers_come_again_after_the_final_block_moved() {
    let mut bench = Bench::new(2);
    let genesis = bench.genesis.clone();
    let a = bench.line("A", &genesis, 8);
    for header in &a[..6] {
        bench.header(header);
        bench.executed(header, true);
        bench.committed(header);
    }
    // Asked for before, answered late: what is final by now is skipped, the rest is taken.
    assert_eq!(bench.headers(&a), ["judged 8 None", "execute A7", "execute A8"]);
}

#[test]
fn what_breaks_a_rule_stops_a_batch() {
    let mut bench = Bench::new(64);
    let genesis = bench.genesis.clone();
    let a = bench.line("A", &genesis, 3);
    let tip = follow(&genesis, &a);
    let mut wrong = draft(&tip, tip.timestamp_ms() + 1_000, 1);
    wrong.target = Some([0xff; 32]);
    let wrong = seal(wrong);
    let words = bench.headers(&[&a[..], std::slice::from_ref(&wrong)].concat());
    assert!(
        words[0].starts_with("judged 3 Some(Invalid { height: 4"),
        "{}",
        words[0]
    );
    assert_eq!(bench.admit(&wrong), Admit::Drop(DropReason::InvalidHeader));
    let orphan = mine(&follow(&genesis, &line(&genesis, 5, 1_000, 8)), 1_000, 8);
    assert_eq!(bench.admit(&orphan), Admit::Drop(DropReason::UnknownParent));
    assert_eq!(bench.headers(&[orphan]), ["judged 0 Some(UnknownParent)"]);
    let drops = bench.engine.status().drops;
    assert_eq!((drops.invalid_header, drops.unknown_parent), (1, 1));
}

#[test]
fn a_header_ahead_of_our_clock_is_held_until_then() {
    let mut bench = Bench::new(64);
    let genesis = bench.genesis.clone();
    // Two block times, at least two seconds.
    let ahead = seal(draft(&genesis, START_MS + 2_000 + 500, 1));
    bench.name("A", std::slice::from_ref(&ahead));
    assert_eq!(bench.admit(&ahead), Admit::Verify);
    assert!(bench.header(&ahead).is_empty());
    assert_eq!(bench.admit(&ahead), Admit::Drop(DropReason::Duplicate));
    let (timer, after) = bench.timer.take().unwrap();
    assert_eq!(after, Duration::from_millis(500));
    bench.wall_ms += 499;
    assert!(
        bench.step(Input::TimerFired(timer)).is_empty(),
        "a timer may be early, a clock may be set back"
    );
    bench.wall_ms += 1;
    let (timer, _) = bench.timer.take().unwrap();
    assert_eq!(bench.step(Input::TimerFired(timer)), ["execute A1"]);
    // In a batch it only ends the batch.
    let chain = follow(&genesis, &[ahead]);
    let words = bench.headers(&[mine(&chain, 10_000, 1)]);
    assert!(words[0].contains("AheadOfClock"), "{}", words[0]);
    let _ = HeaderStop::AheadOfClock { until_ms: 0 };
}

#[test]
fn a_restart_goes_on_where_it_was() {
    let genesis = WorkChain::genesis(rules(64));
    let (a, b) = (line(&genesis, 3, 1_000, b'A'), line(&genesis, 5, 1_000, b'B'));
    let canonical = a.iter().map(|header| (header.clone(), true));
    let side = b.iter().map(|header| (header.clone(), false));
    let start = Start {
        chain: genesis.clone(),
        header: None,
        headers: canonical.chain(side).collect(),
        head: a[2].id(),
    };
    let (engine, effects) = started(start.clone()).unwrap();
    assert_eq!(engine.head(), a[2].id());
    let asked =
        |effect: &Effect| matches!(effect, Effect::Execute { block_id, .. } if ids(&b).contains(block_id));
    assert!(
        effects.iter().filter(|effect| asked(effect)).count() == 5,
        "the heavier side branch is tried: {effects:?}"
    );
    for (what, broken) in [
        (
            "a gap",
            Start {
                headers: [&start.headers[..1], &start.headers[2..]].concat(),
                ..start.clone()
            },
        ),
        (
            "a head that was not executed",
            Start {
                head: b[4].id(),
                ..start.clone()
            },
        ),
        (
            "an unknown head",
            Start {
                head: BlockId([9; 32]),
                ..start.clone()
            },
        ),
        (
            "executed on what is not",
            Start {
                headers: vec![(a[0].clone(), false), (a[1].clone(), true)],
                ..start
            },
        ),
    ] {
        assert!(started(broken).is_err(), "{what}");
    }
}

#[test]
fn a_locator_names_new_blocks_one_by_one_and_then_fewer() {
    let mut bench = Bench::new(64);
    let genesis = bench.genesis.clone();
    let (a, b) = (line(&genesis, 40, 1_000, 1), line(&genesis, 3, 1_000, 2));
    for header in &a {
        bench.header(header);
        bench.executed(header, true);
        bench.committed(header);
    }
    bench.headers(&b);
    let locator = bench.engine.locator(None);
    let heights: Vec<u64> = locator.iter().map(|id| bench.after(*id).height()).collect();
    assert_eq!(
        heights,
        [40, 39, 38, 37, 36, 35, 34, 33, 32, 31, 29, 25, 17, 1, 0][..heights.len()].to_vec()
    );
    assert_eq!(*locator.last().unwrap(), genesis.block_id());
}

#[test]
fn votes_are_of_another_engine() {
    let mut bench = Bench::new(64);
    let key = aureon_types::SecretKey::from_seed([1; 32]);
    let vote = aureon_types::Vote {
        kind: aureon_types::VoteKind::Prevote,
        height: 1,
        round: 0,
        block_id: None,
    };
    let signed = aureon_types::SignedVote::sign(vote, &key, &bench.genesis.rules().genesis_id);
    assert_eq!(
        bench.engine.admit(&Message::Vote(signed)),
        Admit::Drop(DropReason::OtherEngine)
    );
}

#[test]
fn the_hash_rate_is_work_by_time() {
    let mut bench = Bench::new(64);
    let genesis = bench.genesis.clone();
    assert_eq!(bench.engine.status().work.unwrap().hash_rate, 0);
    for header in &line(&genesis, 20, 1_000, 1) {
        bench.header(header);
        bench.executed(header, true);
        bench.committed(header);
    }
    let work = bench.engine.status().work.unwrap();
    assert_eq!(work.hash_rate, 256, "256 hashes per block, a block per second");
    assert_eq!(
        (work.difficulty.to_u128(), work.head_work.to_u128()),
        (256, 20 * 256)
    );
}

fn follow(chain: &WorkChain, headers: &[SealedHeader]) -> WorkChain {
    headers
        .iter()
        .fold(chain.clone(), |chain, header| chain.child(header))
}
