//! A network that stood still goes on, and soon.

use crate::{
    network::{Report, SECOND, Scenario, run},
    scenarios::assert_holds,
};

const HOUR: u64 = 3_600 * SECOND;
/// The longest round of the test's configuration: three steps at the ceiling of their timeouts.
const ROUND: u64 = 3 * 3 * SECOND;

/// When the first block came after the longest silence, measured from `healed`.
fn resumed_after(report: &Report, healed: u64) -> u64 {
    let first = report.committed.values().filter(|when| **when >= healed).min();
    first.expect("blocks came again") - healed
}

/// An hour cut in two halves; then the cut is mended.
#[test]
fn a_quorum_lost_for_an_hour_and_found_again_decides_within_three_rounds() {
    for seed in 0..3 {
        let (from, until) = (2 * SECOND, 2 * SECOND + HOUR);
        let report = run(Scenario {
            heights: 40,
            loss_percent: 2,
            partition: Some((from, until, vec![true, true, false, false])),
            ..Scenario::calm(seed, 4)
        });
        assert_holds(&report);
        let during = report
            .committed
            .values()
            .filter(|when| (from + SECOND..until).contains(when));
        assert_eq!(during.count(), 0, "neither half decides alone");
        let after = resumed_after(&report, until);
        assert!(after <= 3 * ROUND, "seed {seed}: {after} us");
    }
}

/// Everybody votes for an hour and nobody has a block: hundreds of rounds. Their timeouts have a ceiling.
#[test]
fn after_an_hour_of_empty_rounds_the_first_block_comes_within_three() {
    let report = run(Scenario {
        heights: 2,
        no_blocks_before: HOUR,
        ..Scenario::calm(5, 4)
    });
    assert_holds(&report);
    assert!(report.highest_round > 300, "round {}", report.highest_round);
    let after = resumed_after(&report, HOUR);
    assert!(after <= 3 * ROUND, "{after} us");
}

/// Two of four are switched off for an hour, then switched on again, with the disks they had.
#[test]
fn two_of_four_that_were_down_for_an_hour_bring_the_network_back_within_three_rounds() {
    for seed in 0..3 {
        let report = run(Scenario {
            heights: 40,
            crashes: vec![(2, 30), (3, 40 + seed)],
            down: Some(HOUR),
            ..Scenario::calm(seed, 4)
        });
        assert_holds(&report);
        let silent = report
            .committed
            .values()
            .filter(|when| **when < HOUR)
            .max()
            .unwrap();
        let after = report
            .committed
            .values()
            .filter(|when| **when > HOUR)
            .min()
            .unwrap();
        // The second that fell is back an hour after it fell, some seconds after the last block.
        assert!(after - silent >= HOUR - 60 * SECOND);
        assert!(
            after - silent <= HOUR + 60 * SECOND + 3 * ROUND,
            "{}",
            after - silent
        );
    }
}

/// Of two validators one is wiped at any moment and comes back with its key and nothing else; all lives
/// of a key are held against each other.
#[test]
fn of_two_validators_one_is_wiped_at_any_moment_and_comes_back() {
    for seed in 0..40 {
        let report = run(Scenario {
            heights: 20,
            crashes: vec![(1, 3 + seed)],
            wiped: Some(1),
            loss_percent: seed % 3 * 2,
            ..Scenario::calm(1_000 + seed, 2)
        });
        assert_holds(&report);
        assert_eq!(report.contradictions, 0);
        assert!(report.stopped.is_empty(), "{:?}", report.stopped);
        assert!(report.ended < 120 * SECOND, "seed {seed}: {} us", report.ended);
        let last = report.committed.keys().max().unwrap();
        assert!(report.signed[last].contains(&1), "it signs again");
    }
}

/// The same with unequal power, the wiped one being needed for every quorum.
#[test]
fn a_wiped_validator_that_every_quorum_needs_comes_back() {
    for seed in 0..8 {
        let report = run(Scenario {
            heights: 20,
            crashes: vec![(0, 9 + 2 * seed)],
            wiped: Some(0),
            epochs: crate::network::Epochs {
                blocks: 4,
                wanted: vec![vec![5, 2, 2]],
            },
            ..Scenario::calm(seed, 3)
        });
        assert_holds(&report);
        assert!(report.stopped.is_empty() && report.ended < 120 * SECOND);
    }
}

/// A second process with a key that is in use: the one that joins later hears the votes of the first and
/// stops, and says what to do; the chain does not notice.
#[test]
fn a_second_process_with_the_same_key_stops_and_says_why() {
    for seed in 0..6 {
        // The twin is cut off at the beginning, so it joins a running network.
        let report = run(Scenario {
            heights: 60,
            followers: 1,
            same_key: Some((4, 1)),
            partition: Some((0, 3 * SECOND, vec![false, false, false, false, true])),
            ..Scenario::calm(seed, 4)
        });
        assert_holds(&report);
        let second: Vec<&String> = report
            .stopped
            .iter()
            .filter(|(node, _)| *node == 4)
            .map(|(_, why)| why)
            .collect();
        assert!(
            second
                .iter()
                .all(|why| why.contains("another process signs with its validator key")),
            "{second:?}"
        );
        assert!(!second.is_empty(), "seed {seed}: {:?}", report.stopped);
    }
}
