//! Validators that join, leave and change their power while the network runs. Nobody restarts unless
//! the scenario says so.

use std::collections::BTreeMap;

use aureon_consensus::{
    Admit, DropReason, Effect, Engine, Epoch, Head, Input, Lineage, Message, Schedule, SignMark, Signing,
};
use aureon_types::{BlockId, SignedVote, ValidatorSet, Vote, VoteKind};

use crate::{
    network::{Epochs, Report, SECOND, Scenario, run},
    scenarios::assert_holds,
    support::{GENESIS, Random, at, config, genesis_head, keys, set},
};

/// Epochs of four blocks: so many with these powers, and so on; the last hold on.
fn epochs(runs: &[(usize, &[u64])]) -> Epochs {
    let wanted = runs
        .iter()
        .flat_map(|(count, powers)| vec![powers.to_vec(); *count]);
    Epochs {
        blocks: 4,
        wanted: wanted.collect(),
    }
}

/// Heights at which `node` did something.
fn built(report: &Report, node: usize) -> Vec<u64> {
    let built = report.built.iter().filter(|(_, builder)| **builder == node);
    built.map(|(height, _)| *height).collect()
}

fn signed(report: &Report, node: usize) -> Vec<u64> {
    let signed = report
        .signed
        .iter()
        .filter(|(_, signers)| signers.contains(&node));
    signed.map(|(height, _)| *height).collect()
}

#[test]
fn a_validator_joins_proposes_and_leaves_and_nobody_restarts() {
    for seed in 0..6 {
        // From epoch 1 (height 5) five decide, from epoch 30 (height 121) the first is out. Who is new
        // listens first: two rounds, which is some twenty heights here.
        let wanted = [(1, &[1, 1, 1, 1, 0][..]), (29, &[1; 5]), (1, &[0, 1, 1, 1, 1])];
        let report = run(Scenario {
            heights: 150,
            loss_percent: 2,
            duplicate_percent: 2,
            followers: 1,
            epochs: epochs(&wanted),
            ..Scenario::calm(seed, 5)
        });
        assert_holds(&report);
        let (joined, left) = (signed(&report, 4), signed(&report, 0));
        assert!(joined.iter().all(|height| *height > 4), "{joined:?}");
        assert!(joined.len() > 60, "it signs: {joined:?}");
        assert!(!built(&report, 4).is_empty(), "it proposes");
        assert!(
            left.iter().chain(&built(&report, 0)).all(|height| *height <= 120),
            "{left:?}"
        );
        assert!(left.iter().any(|height| *height > 100));
    }
}

/// The newcomer has half of the power and listens for two rounds: meanwhile nothing is decided, and then
/// it goes on. The same when the first leaves and the second is alone.
#[test]
fn one_validator_becomes_two_and_the_other_one_remains() {
    for seed in 0..6 {
        let wanted = [(1, &[1, 0][..]), (4, &[1, 1]), (1, &[0, 1])];
        let report = run(Scenario {
            heights: 40,
            epochs: epochs(&wanted),
            ..Scenario::calm(seed, 2)
        });
        assert_holds(&report);
        assert!(report.ended < 60 * SECOND, "{} us", report.ended);
        assert_eq!(signed(&report, 0), (1..=20).collect::<Vec<_>>());
        assert_eq!(signed(&report, 1), (5..=40).collect::<Vec<_>>());
    }
}

#[test]
fn blocks_are_built_in_proportion_to_unequal_power_which_changes() {
    let (before, after) = (&[60, 20, 10, 10][..], &[10, 10, 20, 60][..]);
    let wanted = [(25, before), (1, after)];
    let report = run(Scenario {
        heights: 240,
        epochs: epochs(&wanted),
        ..Scenario::calm(7, 4)
    });
    assert_holds(&report);
    assert_eq!(report.highest_round, 0);
    let shares = |heights: std::ops::RangeInclusive<u64>| {
        let mut shares = [0_u64; 4];
        for (_, builder) in report.built.range(heights) {
            shares[*builder] += 1;
        }
        shares
    };
    assert_eq!(shares(1..=100), [60, 20, 10, 10]);
    // A third of the power at most changes at once: the change takes four epochs of four blocks.
    for (share, due) in shares(141..=240).into_iter().zip([10_u64, 10, 20, 60]) {
        assert!(share.abs_diff(due) <= 2, "{share} of 100, due are {due}");
    }
}

/// A quorum by power, not by heads: three of four have a third of it.
#[test]
fn power_decides_and_not_the_number_of_validators() {
    let alone = |node: usize| (0..4).map(|other| other == node).collect::<Vec<bool>>();
    let scenario = |dead| Scenario {
        heights: 30,
        partition: Some((0, 30 * SECOND, alone(dead))),
        epochs: Epochs {
            blocks: 4,
            wanted: vec![vec![6, 1, 1, 1]],
        },
        ..Scenario::calm(3, 4)
    };
    let without_small = run(scenario(3));
    assert_holds(&without_small);
    assert!(without_small.committed[&20] < 30 * SECOND, "8 of 9 are a quorum");
    let without_large = run(scenario(0));
    assert_holds(&without_large);
    assert!(without_large.committed[&1] >= 30 * SECOND, "3 of 9 are none");
}

/// It was away while all validators that it knew left. Ranges are checked epoch by epoch.
#[test]
fn who_slept_through_many_epochs_follows_through_all_changes() {
    for seed in 0..4 {
        let ring = |first: usize| {
            (0..6)
                .map(|key| u64::from((key + 6 - first) % 6 < 3))
                .collect::<Vec<u64>>()
        };
        let wanted: Vec<Vec<u64>> = (0..18).map(|epoch| ring((epoch / 3).min(3))).collect();
        let report = run(Scenario {
            heights: 110,
            followers: 1,
            partition: Some((
                SECOND / 2,
                25 * SECOND,
                vec![false, false, false, false, false, false, true],
            )),
            epochs: Epochs { blocks: 4, wanted },
            ..Scenario::calm(seed, 6)
        });
        assert_holds(&report);
        assert!(
            report.signed[&100].iter().all(|node| (3..6).contains(node)),
            "{:?}",
            report.signed[&100]
        );
    }
}

/// Loss, duplicates, crashes, a partition, an equivocator, and members that come and go.
#[test]
fn storms_and_changes_together() {
    let mut replayed = 0;
    for seed in 0..12 {
        let mut random = Random(seed ^ 0xC4A6);
        // Keys 0 to 4 are always in, with changing power; 5 and 6 come and go.
        let powers = |random: &mut Random| {
            let stable = (0..5).map(|_| 8 + random.below(4)).collect::<Vec<_>>();
            [stable, vec![random.below(2) * 5, random.below(2) * 5]].concat()
        };
        let wanted = (0..30).map(|_| powers(&mut random)).collect();
        let from = random.between(SECOND / 2, 3 * SECOND);
        let side = (0..7).map(|_| random.below(2) == 1).collect();
        let report = run(Scenario {
            heights: 40,
            loss_percent: 4,
            duplicate_percent: 4,
            equivocator: Some(4),
            crashes: (0..6).map(|i| (i % 4, random.between(3, 120))).collect(),
            partition: Some((from, from + 15 * SECOND, side)),
            epochs: Epochs { blocks: 4, wanted },
            ..Scenario::calm(seed, 7)
        });
        assert_holds(&report);
        replayed += report.replayed;
    }
    assert!(replayed > 100, "crashes hit running heights: {replayed}");
}

/// An engine with the fifth key, in a network of four.
struct Joiner {
    engine: Engine,
    now: u64,
    timers: Vec<(u64, aureon_consensus::TimerId)>,
    schedule: Schedule,
}

impl Joiner {
    fn start() -> Self {
        let all = keys(5);
        let schedule = Schedule::genesis(Epoch::genesis(set(&all[..4]), 4));
        let config = aureon_consensus::Config {
            schedule: schedule.clone(),
            ..config(&all[..4], Some(&all[4]))
        };
        let mut effects = Vec::new();
        let mark = Some(SignMark::INITIAL);
        let engine = Engine::start(at(0), config, genesis_head(), Vec::new(), mark, &mut effects);
        let mut joiner = Self {
            engine,
            now: 0,
            timers: Vec::new(),
            schedule,
        };
        joiner.note(&effects);
        joiner
    }

    fn note(&mut self, effects: &[Effect]) {
        for effect in effects {
            if let Effect::StartTimer { id, after } = effect {
                self.timers.push((self.now + after.as_micros() as u64, *id));
            }
        }
    }

    fn input(&mut self, input: Input) -> Vec<Effect> {
        let mut effects = Vec::new();
        self.engine.handle(at(self.now), input, &mut effects);
        self.note(&effects);
        effects
    }

    fn committed(&mut self, height: u64, lineage: Schedule) -> Vec<Effect> {
        self.schedule = lineage;
        let head = Head {
            height,
            block_id: BlockId([height as u8; 32]),
            timestamp_ms: 1,
        };
        self.input(Input::Committed(head, Lineage::Voting(self.schedule.clone())))
    }

    fn wait(&mut self, micros: u64) -> Vec<Effect> {
        let (until, mut all) = (self.now + micros, Vec::new());
        while let Some(next) = self
            .timers
            .iter()
            .copied()
            .filter(|(when, _)| *when <= until)
            .min()
        {
            self.timers.retain(|timer| *timer != next);
            self.now = self.now.max(next.0);
            all.extend(self.input(Input::TimerFired(next.1)));
        }
        self.now = until;
        all
    }
}

fn vote(seed: usize, height: u64) -> Message {
    let vote = Vote {
        kind: VoteKind::Prevote,
        height,
        round: 0,
        block_id: None,
    };
    Message::Vote(SignedVote::sign(vote, &keys(5)[seed], &GENESIS))
}

#[test]
fn a_new_key_follows_until_its_epoch_then_listens_and_then_signs() {
    let mut joiner = Joiner::start();
    joiner.wait(200_000);
    assert_eq!(joiner.engine.status().signing, Signing::NotAValidator);
    let closed = joiner.schedule.with_next(set(&keys(5)));
    joiner.committed(3, closed.clone());
    joiner.committed(4, closed.advanced().unwrap());
    joiner.wait(200_000);
    let status = joiner.engine.status();
    assert_eq!((status.height, status.signing), (5, Signing::Listening));
    assert_eq!((status.validators.len(), status.total_power), (5, 5));
    // Two rounds of 900 ms; in the round that it stands in then it stays silent.
    let sends = |effects: Vec<Effect>| {
        effects.iter().any(|effect| {
            matches!(effect, Effect::SyncThenPublish { messages, .. }
                if messages.iter().any(|sent| sent.message.author() == Some(keys(5)[4].address())))
        })
    };
    assert!(!sends(joiner.wait(1_700_000)), "it listens");
    assert!(sends(joiner.wait(4_000_000)), "it signs");
}

#[test]
fn messages_for_heights_whose_validators_are_not_known_are_dropped_and_counted() {
    let mut joiner = Joiner::start();
    joiner.committed(2, joiner.schedule.clone());
    let beyond = Admit::Drop(DropReason::UnknownValidators);
    assert_eq!(joiner.engine.admit(&vote(0, 4)), Admit::Verify);
    assert_eq!(joiner.engine.admit(&vote(0, 5)), beyond);
    assert_eq!(joiner.engine.status().drops.unknown_validators, 1);
    let closed = joiner.schedule.with_next(set(&keys(5)));
    joiner.committed(3, closed);
    assert_eq!(
        joiner.engine.admit(&vote(0, 5)),
        Admit::Verify,
        "the closing block has named them"
    );
}

/// A fault of the software or the disk: it says so and signs nothing.
#[test]
fn an_engine_that_is_not_told_the_next_validators_halts_and_says_why() {
    let mut joiner = Joiner::start();
    let effects = joiner.committed(4, joiner.schedule.clone());
    let halted = effects.iter().find_map(|effect| match effect {
        Effect::Halted { reason } => Some(reason.clone()),
        _ => None,
    });
    let reason = halted.unwrap();
    assert!(
        reason.contains("validators of height 5") && reason.contains("range sync"),
        "{reason}"
    );
    assert_eq!(joiner.engine.admit(&vote(0, 4)), Admit::Drop(DropReason::Halted));
    let effects = joiner.wait(5_000_000);
    assert!(
        !effects
            .iter()
            .any(|effect| matches!(effect, Effect::StartLog { .. }))
    );
}

/// The engine proposes by the schedule, and every engine by the same.
#[test]
fn the_engines_proposer_is_the_schedules() {
    let all = keys(4);
    let members: BTreeMap<_, _> = all
        .iter()
        .zip([6, 1, 1, 1])
        .map(|(key, power)| (key.address(), power))
        .collect();
    let validators = set(&all);
    let weighted = validators.iter().map(|validator| aureon_types::Validator {
        power: members[&validator.address],
        ..*validator
    });
    let schedule = Schedule::genesis(Epoch::genesis(ValidatorSet::new(weighted.collect()).unwrap(), 50));
    let proposer = schedule.proposer(1, 0).unwrap().address;
    let key = all.iter().find(|key| key.address() == proposer).unwrap();
    let config = aureon_consensus::Config {
        schedule: schedule.clone(),
        ..config(&all, Some(key))
    };
    let mut effects = Vec::new();
    let mut engine = Engine::start(
        at(0),
        config,
        genesis_head(),
        Vec::new(),
        Some(SignMark::INITIAL),
        &mut effects,
    );
    assert_eq!(engine.proposer(1, 0), Some(proposer));
    let timer = effects.iter().find_map(|effect| match effect {
        Effect::StartTimer { id, .. } => Some(*id),
        _ => None,
    });
    let mut begun = Vec::new();
    engine.handle(at(200_000), Input::TimerFired(timer.unwrap()), &mut begun);
    assert!(begun.iter().any(|effect| matches!(
        effect,
        Effect::Build {
            height: 1,
            round: 0,
            ..
        }
    )));
}
