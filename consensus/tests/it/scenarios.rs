//! Networks under stress, each from seeds. What must hold in all of them is checked in `network`: one
//! valid block per height, certificates that verify, no honest key that contradicts itself over all its
//! lives, true evidence, honest messages that verify, an engine that never halts, and everybody
//! reaching the last height.

use crate::{
    network::{Report, SECOND, Scenario, run},
    support::Random,
};

pub fn assert_holds(report: &Report) {
    assert!(
        report.violations.is_empty(),
        "{:#?}",
        &report.violations[..report.violations.len().min(4)]
    );
}

/// Loss, duplicates, one crash, a partition, one validator that contradicts itself, one follower.
fn storm(seed: u64) -> Scenario {
    let mut random = Random(seed ^ 0x5707);
    let from = random.between(500_000, 3 * SECOND);
    // 2|2, or one validator alone: never all on one side. The follower goes with any.
    let masks = [0b0011, 0b0101, 0b1001, 0b0001, 0b1000];
    let mask = masks[random.below(5) as usize] | (random.below(2) << 4);
    let side = (0..5).map(|node| mask >> node & 1 == 1).collect();
    Scenario {
        followers: 1,
        loss_percent: 5,
        duplicate_percent: 5,
        equivocator: Some(3),
        crashes: vec![(random.below(3) as usize, random.between(3, 60))],
        partition: Some((from, from + 20 * SECOND, side)),
        ..Scenario::calm(seed, 4)
    }
}

/// Every honest node crashes again and again.
fn hail(seed: u64) -> Scenario {
    let mut random = Random(seed ^ 0x4A11);
    let crashes = (0..9).map(|i| (i % 3, random.between(3, 90))).collect();
    Scenario {
        loss_percent: 5,
        duplicate_percent: 5,
        equivocator: Some(3),
        crashes,
        ..Scenario::calm(seed, 4)
    }
}

#[test]
fn four_calm_validators_decide_one_chain_at_the_block_time() {
    let report = run(Scenario {
        followers: 1,
        ..Scenario::calm(1, 4)
    });
    assert_holds(&report);
    assert_eq!(report.highest_round, 0);
    let times: Vec<u64> = report.committed.values().copied().collect();
    for pair in times.windows(2).skip(1) {
        let apart = pair[1] - pair[0];
        assert!(
            (50_000..250_000).contains(&apart),
            "blocks are {apart} us apart, the block time is 100 ms"
        );
    }
}

#[test]
fn storms_do_not_break_agreement() {
    let reports: Vec<Report> = (0..18).map(|seed| run(storm(seed))).collect();
    reports.iter().for_each(assert_holds);
    let sum = |what: fn(&Report) -> u64| reports.iter().map(what).sum::<u64>();
    // The storms must reach what they are for.
    assert!(sum(|report| report.evidence) > 0 && sum(|report| report.replayed) > 0);
    assert!(sum(|report| report.late_precommits) > 0 && sum(|report| report.fetched) > 0);
}

#[test]
fn crashes_never_make_a_validator_contradict_itself() {
    let reports: Vec<Report> = (100..118).map(|seed| run(hail(seed))).collect();
    reports.iter().for_each(assert_holds);
    assert!(reports.iter().map(|report| report.replayed).sum::<u64>() > 100);
}

#[test]
fn the_same_seed_gives_the_same_trace() {
    let trace = run(storm(3)).trace;
    assert_eq!(run(storm(3)).trace, trace);
    assert_ne!(run(storm(4)).trace, trace);
}

/// The control: the invariants must have teeth.
#[test]
fn publishing_before_syncing_is_caught() {
    let caught = |seed| {
        let report = run(Scenario {
            publish_first: true,
            ..hail(seed)
        });
        report.contradictions > 0
    };
    assert!((100..130).any(caught));
}

#[test]
fn a_lone_validator_goes_on_after_every_crash() {
    for job in 1..=12 {
        let crashes = vec![(0, job), (0, job + 7)];
        let report = run(Scenario {
            crashes,
            heights: 8,
            ..Scenario::calm(job, 1)
        });
        assert_holds(&report);
        assert!(report.ended < 60 * SECOND, "{} us", report.ended);
    }
}

#[test]
fn with_four_validators_any_one_may_be_dead() {
    for dead in 0..4 {
        // Cut off from everybody for good: the other three reach the height, and it catches up after.
        let side = (0..4).map(|node| node == dead).collect();
        let report = run(Scenario {
            partition: Some((0, 20 * SECOND, side)),
            ..Scenario::calm(9, 4)
        });
        assert_holds(&report);
        assert!(report.committed.len() >= 12 && report.committed[&12] < 20 * SECOND);
    }
}

/// besu#8307: of two validators one is wiped; neither may wait for ever.
#[test]
fn a_wiped_validator_of_two_comes_back_and_the_chain_goes_on() {
    for seed in 0..8 {
        let crash = (1, 5 + seed * 3);
        let report = run(Scenario {
            crashes: vec![crash],
            wiped: Some(1),
            ..Scenario::calm(seed, 2)
        });
        assert_holds(&report);
        assert!(report.stopped.is_empty(), "{:?}", report.stopped);
        assert!(report.ended < 120 * SECOND, "{} us", report.ended);
    }
}

#[test]
fn of_two_processes_with_one_key_at_least_one_stops_and_the_chain_goes_on() {
    let report = run(Scenario {
        followers: 1,
        same_key: Some((4, 1)),
        loss_percent: 5,
        heights: 20,
        ..Scenario::calm(5, 4)
    });
    assert_holds(&report);
    assert!(!report.stopped.is_empty());
    assert!(
        report
            .stopped
            .iter()
            .all(|(node, reason)| [1, 4].contains(node) && reason.contains("key"))
    );
}

/// Three validators spin through rounds without a block while the fourth is cut off; then it is back,
/// more than ten rounds behind, and still nobody has a block.
#[test]
fn a_validator_ten_rounds_behind_is_led_back_by_round_certificates() {
    for seed in 0..3 {
        let until = 40 * SECOND;
        let report = run(Scenario {
            heights: 3,
            partition: Some((0, until, vec![false, false, false, true])),
            no_blocks_before: until + 20 * SECOND,
            ..Scenario::calm(seed, 4)
        });
        assert_holds(&report);
        let (lowest, highest) = (
            report.rounds.iter().min().unwrap(),
            report.rounds.iter().max().unwrap(),
        );
        assert!(*highest > 12 && highest - lowest <= 1, "{:?}", report.rounds);
    }
}

#[test]
fn round_timeouts_have_a_ceiling() {
    let quiet = 60 * SECOND;
    let report = run(Scenario {
        heights: 2,
        no_blocks_before: quiet,
        ..Scenario::calm(1, 4)
    });
    assert_holds(&report);
    // At 3 s + 3 s + votes per round from some round on, a minute has at least ten rounds, and the
    // first block comes within a few timeouts of becoming possible.
    assert!(report.highest_round >= 10);
    assert!(report.committed[&1] < quiet + 10 * SECOND);
}

#[test]
fn blocks_on_demand_come_with_transactions_only() {
    let times = vec![10 * SECOND, 30 * SECOND, 50 * SECOND];
    let report = run(Scenario {
        heights: 3,
        on_demand: Some(times.clone()),
        ..Scenario::calm(2, 4)
    });
    assert_holds(&report);
    for (committed, asked) in report.committed.values().zip(&times) {
        assert!(
            (*asked..asked + 5 * SECOND).contains(committed),
            "asked at {asked}, came at {committed}"
        );
    }
}

/// By hand, after a change to the engine: `cargo test -p aureon-consensus --test it -- --ignored`.
#[test]
#[ignore = "takes minutes: a thousand runs"]
fn five_hundred_seeds() {
    for seed in 1_000..1_500 {
        assert_holds(&run(storm(seed)));
        assert_holds(&run(hail(seed)));
    }
}
