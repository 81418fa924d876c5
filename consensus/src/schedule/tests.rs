use std::collections::BTreeMap;

use aureon_types::{
    Address, PublicKey, Validator, ValidatorSet,
    limits::{MAX_SUPPLY, MAX_VALIDATORS},
};

use super::*;

/// Keys whose address is found fast; nobody signs here.
fn validator(name: u16, power: u64) -> Validator {
    let mut key = [0; 32];
    key[..2].copy_from_slice(&name.to_be_bytes());
    Validator::new(PublicKey(key), power)
}

fn set(powers: &[u64]) -> ValidatorSet {
    named(
        &powers
            .iter()
            .enumerate()
            .map(|(name, power)| (name as u16, *power))
            .collect::<Vec<_>>(),
    )
}

fn named(members: &[(u16, u64)]) -> ValidatorSet {
    ValidatorSet::new(
        members
            .iter()
            .map(|(name, power)| validator(*name, *power))
            .collect(),
    )
    .unwrap()
}

/// SplitMix64 (Steele, Lea, Flood 2014).
struct Random(u64);

impl Random {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (z ^ (z >> 31)) % bound
    }

    fn set(&mut self, names: u64, most: u64) -> ValidatorSet {
        let members: BTreeMap<u16, u64> = (0..1 + self.below(names))
            .map(|_| (self.below(names) as u16, 1 + self.below(most)))
            .collect();
        named(&members.into_iter().collect::<Vec<_>>())
    }
}

type Turns = BTreeMap<Address, u64>;

fn count(turns: &mut Turns, epoch: &Epoch) {
    for height in epoch.first()..=epoch.last() {
        *turns.entry(epoch.proposer(height, 0).address).or_default() += 1;
    }
}

/// Within 1 % of all turns.
fn assert_shares(turns: &Turns, set: &ValidatorSet) {
    let all: u64 = turns.values().sum();
    for member in set.iter() {
        let had = turns.get(&member.address).copied().unwrap_or(0);
        let due = u128::from(all) * u128::from(member.power) / u128::from(set.total_power());
        let off = had.abs_diff(due as u64);
        assert!(off * 100 <= all, "{had} turns of {all}, due are {due}");
    }
}

#[test]
fn ten_thousand_turns_match_the_shares_of_power() {
    for powers in [
        &[1, 1, 1, 1][..],
        &[1],
        &[100, 1],
        &[50, 30, 15, 4, 1],
        &[MAX_SUPPLY / 2, MAX_SUPPLY / 3, 1],
        &[7; 100],
    ] {
        let (epoch, mut turns) = (Epoch::genesis(set(powers), 10_000), Turns::new());
        count(&mut turns, &epoch);
        assert_eq!(turns.values().sum::<u64>(), 10_000);
        assert_shares(&turns, epoch.set());
    }
}

/// Priorities are carried over: many short epochs share the turns as one long epoch does, even where an
/// epoch has fewer heights than the set has members.
#[test]
fn the_shares_also_match_over_consecutive_epochs() {
    for powers in [&[1, 1, 1, 1, 1, 1, 1][..], &[50, 30, 15, 4, 1], &[90, 9, 1]] {
        let (mut epoch, mut turns) = (Epoch::genesis(set(powers), 4), Turns::new());
        for _ in 0..2_500 {
            count(&mut turns, &epoch);
            epoch = epoch.next(epoch.set().clone());
        }
        assert_shares(&turns, epoch.set());
    }
}

#[test]
fn every_round_of_a_height_has_the_next_turn_and_all_members_get_one() {
    let epoch = Epoch::genesis(set(&[1; 7]), 4);
    let turns: std::collections::BTreeSet<_> = (0..7).map(|round| epoch.proposer(4, round).address).collect();
    assert_eq!(turns.len(), 7, "also where the epoch is shorter than the set");
    assert_eq!(epoch.proposer(1, 3), epoch.proposer(4, 0));
    assert_eq!(
        epoch.proposer(2, 5_000),
        epoch.proposer(4, 4_998),
        "over the edge of a chunk"
    );
    epoch.proposer(u64::MAX, u32::MAX);
}

/// Worked out by hand from the specification: powers 3 and 1 (A, B), both new.
#[test]
fn the_first_turns_are_those_of_the_specification() {
    let epoch = Epoch::genesis(set(&[3, 1]), 8);
    let (a, b) = (validator(0, 3).address, validator(1, 1).address);
    // (3,1)->A(-1,1) (2,2)->lower address(..) (1,3)->B(1,-1) or (-2,2)... and so on, every four turns again.
    let turns: Vec<_> = (1..=8).map(|height| epoch.proposer(height, 0).address).collect();
    let tied = if a < b { [a, a, b, a] } else { [a, b, a, a] };
    assert_eq!(turns, [tied, tied].concat());
}

#[test]
fn who_is_new_waits_and_who_stays_keeps_its_place() {
    let old = Epoch::genesis(set(&[10, 10, 10]), 4);
    // After four turns one of three has had two.
    let twice = old.proposer(1, 0).address;
    assert_eq!(old.proposer(4, 0).address, twice);
    let new = old.next(named(&[(0, 10), (1, 10), (2, 10), (9, 10)]));
    let newcomer = validator(9, 10).address;
    let turns: Vec<_> = (5..=8).map(|height| new.proposer(height, 0).address).collect();
    assert!(
        !turns[..2].contains(&newcomer) && !turns[..2].contains(&twice),
        "{turns:?}"
    );
    assert!(turns.contains(&twice));
    // Leaving and coming back gains nothing: the newcomer's start is below everybody's.
    let mut turns = Turns::new();
    let mut epoch = new;
    for _ in 0..1_000 {
        count(&mut turns, &epoch);
        epoch = epoch.next(epoch.set().clone());
    }
    assert_shares(&turns, epoch.set());
}

#[test]
fn epochs_come_back_from_their_bytes_and_go_on_alike() {
    let mut random = Random(5);
    let mut epoch = Epoch::genesis(random.set(40, 1_000), 50);
    for _ in 0..20 {
        let read = Epoch::decode(&epoch.encode()).unwrap();
        assert_eq!(read, epoch);
        assert_eq!(read.proposer(read.last(), 3), epoch.proposer(epoch.last(), 3));
        let wanted = random.set(40, 1_000);
        assert_eq!(read.next(wanted.clone()), epoch.next(wanted.clone()));
        epoch = epoch.next(wanted);
    }
    assert_eq!(
        (epoch.number(), epoch.first(), epoch.closing(), epoch.last()),
        (20, 1_001, 1_049, 1_050)
    );
}

#[test]
fn the_encoding_is_pinned_strict_and_fits_a_slot() {
    let epoch = Epoch::genesis(set(&[3]), 50);
    let key = "0000000000000000000000000000000000000000000000000000000000000000";
    let hex: String = epoch.encode().iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(hex, format!("080010321a260a20{key}10031800"));
    let mut wrong = epoch.encode().to_vec();
    *wrong.last_mut().unwrap() = 2; // a priority of 1, which is not centred
    assert!(Epoch::decode(&wrong).is_err());
    let bytes = epoch.next(set(&[2, 1])).encode();
    for length in 0..bytes.len() {
        assert!(Epoch::decode(&bytes[..length]).is_err(), "cut to {length}");
    }
    // The largest: it has to fit 64 KiB.
    let powers = vec![MAX_SUPPLY / MAX_VALIDATORS as u64; MAX_VALIDATORS];
    let large = Epoch::genesis(set(&powers), 100).next(set(&powers[1..]));
    assert!(large.encode().len() < 60_000, "{}", large.encode().len());
    let read = Epoch::decode(&large.encode()).unwrap();
    assert_eq!(read.proposer(read.first(), 0), large.proposer(large.first(), 0));
}

#[test]
fn a_schedule_knows_the_epochs_around_a_block() {
    let first = Schedule::genesis(Epoch::genesis(set(&[1, 1]), 4));
    assert_eq!((first.known_until(), first.at(0), first.at(5)), (4, None, None));
    assert_eq!(first.advanced(), Err(ScheduleError::Unknown(0)));
    let closed = first.with_next(set(&[1, 1, 1]));
    assert_eq!(
        (
            closed.known_until(),
            closed.at(4).unwrap().count(),
            closed.at(5).unwrap().count()
        ),
        (8, 2, 3)
    );
    let second = closed.advanced().unwrap();
    assert_eq!(
        (second.known_until(), second.at(4).unwrap().count(), second.at(9)),
        (8, 2, None)
    );
    let parts = (second.previous().cloned(), second.current().clone());
    assert_eq!(
        Schedule::new(parts.0.clone(), parts.1.clone(), None),
        Ok(second.clone())
    );
    assert!(Schedule::new(Some(parts.1), parts.0.unwrap(), None).is_err());
    assert!(second.is_proposer(&second.proposer(5, 0).unwrap().address, 5, 0));
    let fixed = Schedule::fixed(set(&[1]));
    assert!(fixed.at(u64::MAX).is_some() && fixed.proposer(u64::MAX, u32::MAX).is_some());
}

/// A third at most, or the smallest step.
fn assert_limited(current: &ValidatorSet, next: &ValidatorSet, what: &str) {
    let changed = changed_power(current, next);
    let total = current.total_power();
    assert!(
        changed * 3 <= total || (total < 3 && changed == 1),
        "{what}: {changed} of {total}"
    );
}

fn converge(mut current: ValidatorSet, wanted: &ValidatorSet, what: &str) -> usize {
    for steps in 0..400 {
        if current == *wanted {
            return steps;
        }
        let next = limit_change(&current, wanted.clone());
        assert_limited(&current, &next, what);
        assert!(
            changed_power(&next, wanted) < changed_power(&current, wanted),
            "{what}: no progress"
        );
        current = next;
    }
    panic!("{what}: not reached");
}

#[test]
fn at_most_a_third_changes_and_what_is_wanted_is_reached() {
    let mut random = Random(1);
    for round in 0..3_000 {
        let (names, most) = [(3, 1), (8, 1), (8, 20), (40, 1_000_000)][round % 4];
        let (from, to) = (random.set(names, most), random.set(names, most));
        converge(from, &to, &format!("pair {round}"));
    }
}

#[test]
fn small_steps_and_large_ones() {
    let one = |name| named(&[(name, 1)]);
    assert_eq!(
        limit_change(&one(1), one(2)),
        named(&[(1, 1), (2, 1)]),
        "in first, so that it is never empty"
    );
    assert_eq!(limit_change(&named(&[(1, 1), (2, 1)]), one(2)), one(2));
    let (three, four) = (set(&[1, 1, 1]), set(&[1, 1, 1, 1]));
    assert_eq!(
        limit_change(&three, four.clone()),
        four,
        "one of three is a third"
    );
    let swapped = named(&[(0, 1), (1, 1), (2, 1), (9, 1)]);
    assert_eq!(changed_power(&four, &swapped), 2);
    assert_eq!(converge(four, &swapped, "a key is replaced"), 2);
    // From nothing to the largest and back.
    assert!(converge(set(&[1]), &set(&[MAX_SUPPLY]), "growth") < 250);
    assert!(converge(set(&[MAX_SUPPLY - 1, 1]), &named(&[(1, 1)]), "decay") < 250);
}

#[test]
fn a_full_set_is_replaced_without_ever_being_larger() {
    let old: Vec<_> = (0..MAX_VALIDATORS as u16).map(|name| (name, 5)).collect();
    let new: Vec<_> = (0..MAX_VALIDATORS as u16).map(|name| (name + 2_000, 5)).collect();
    converge(named(&old), &named(&new), "all of 1,000");
}

#[test]
fn newcomers_do_not_keep_a_leaver_in() {
    let mut current = named(&[(1, 1_000), (2, 1_000), (3, 1_000)]);
    let mut epochs = 0;
    while current.get(&validator(1, 1).address).is_some() {
        // More and more power wants in.
        let crowd = (10..20 + epochs).map(|name| (name, 1_000_000));
        let wanted = named(
            &[(2, 1_000), (3, 1_000)]
                .into_iter()
                .chain(crowd)
                .collect::<Vec<_>>(),
        );
        current = limit_change(&current, wanted);
        epochs += 1;
        assert!(epochs < 5);
    }
}

/// It leaves whenever it has proposed, to get rid of its debt, and is back an epoch later.
#[test]
fn leaving_after_a_turn_and_coming_back_gains_nothing() {
    let members: Vec<_> = (0..11).map(|name| (name, 10)).collect();
    let (with, without) = (named(&members), named(&members[1..]));
    let clever = validator(0, 10).address;
    let (mut epoch, mut turns, mut heights) = (Epoch::genesis(with.clone(), 4), 0_u64, 0_u64);
    for _ in 0..2_000 {
        let is_in = epoch.set().get(&clever).is_some();
        let mine = (epoch.first()..=epoch.last())
            .filter(|height| epoch.proposer(*height, 0).address == clever)
            .count();
        if is_in {
            heights += 4;
            turns += mine as u64;
        }
        epoch = epoch.next(if is_in && mine > 0 {
            without.clone()
        } else {
            with.clone()
        });
    }
    assert!(turns > 50);
    assert!(
        turns * 11 <= heights,
        "{turns} turns in {heights} heights, due is one in eleven"
    );
}
