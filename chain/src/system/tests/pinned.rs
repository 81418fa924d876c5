//! Bytes of the state: another result is another chain.

use aureon_types::Hash;
use codec::Record;

use super::*;

/// A slot of every kind and a record of every kind, with all its parts.
fn everything() -> Vec<(&'static str, Hash, Vec<u8>)> {
    let (one, two) = (Address([1; 20]), Address([2; 20]));
    let key = PublicKey([3; 32]);
    let validator = ValidatorRecord {
        key,
        stake: Pool { tokens: 5, shares: 6 },
        commission: 1_000,
        jailed_until: Some(7),
        retired: true,
        earnings: Earnings {
            unpaid: 8,
            index: 9,
            remainder: 10,
        },
    };
    let release = Release {
        epoch: 7,
        delegator: one,
        validator: two,
        shares: 9,
    };
    let ballot = records::Ballot {
        add: None,
        remove: Some(key),
        expires: 3,
        voters: vec![key],
    };
    let slot = slots::ballot(None, Some(&key));
    let open = records::OpenBallot {
        slot,
        opener: one,
        expires: 3,
    };
    let totals = Totals {
        bonded: 1,
        unbonding: 2,
        unpaid: 3,
        slashed: 4,
    };
    let delegation = Delegation {
        shares: 1,
        index: 2,
        accrued: 3,
    };
    vec![
        ("totals", slots::totals(), totals.encode().to_vec()),
        ("validator", slots::validator(&one), validator.encode().to_vec()),
        (
            "delegation",
            slots::delegation(&one, &two),
            delegation.encode().to_vec(),
        ),
        (
            "candidates",
            slots::candidates(),
            Candidates(vec![one, two]).encode().to_vec(),
        ),
        (
            "unbonding",
            slots::unbonding(&one, 2),
            Pool { tokens: 3, shares: 4 }.encode().to_vec(),
        ),
        ("release", slots::release(2), release.encode().to_vec()),
        (
            "queue",
            slots::release_queue(),
            ReleaseQueue { first: 2, next: 5 }.encode().to_vec(),
        ),
        (
            "waiting",
            slots::waiting(&one, 2),
            Waiting(vec![(two, 9)]).encode().to_vec(),
        ),
        (
            "missed",
            slots::missed(),
            records::Missed(vec![(1, 2)]).encode().to_vec(),
        ),
        (
            "punished",
            slots::punished(2),
            records::Punished(vec![(1, 2)]).encode().to_vec(),
        ),
        (
            "lagging",
            slots::lagging(2),
            records::Lagging(vec![(1, 2)]).encode().to_vec(),
        ),
        (
            "authorities",
            slots::authorities(),
            records::Authorities(vec![key]).encode().to_vec(),
        ),
        (
            "ballots",
            slots::open_ballots(),
            records::OpenBallots(vec![open]).encode().to_vec(),
        ),
        ("ballot", slot, ballot.encode().to_vec()),
        (
            "challenged",
            slots::challenged(),
            records::Challenged(vec![one]).encode().to_vec(),
        ),
        ("epoch", slots::epoch(2), Vec::new()), // consensus pins its encoding
    ]
}

#[test]
fn slots_and_records_are_pinned() {
    let text: String = everything()
        .iter()
        .map(|(name, slot, record)| {
            let record: String = record.iter().map(|byte| format!("{byte:02x}")).collect();
            format!("{name} {slot} {record}").trim_end().to_owned() + "\n"
        })
        .collect();
    assert_eq!(text, include_str!("pinned.txt"));
}

#[test]
fn the_states_of_genesis_are_pinned() {
    let root = |chain: &Chain| chain.state.root().to_string();
    let roots = [root(&Chain::stake()), root(&Chain::authorities(1..=3))];
    assert_eq!(
        roots,
        [
            "0xd056a50b9d55816ad70d9f6a8b8ad5c7c976e1f4413c63d772c52c03ac714fa7",
            "0xf313b1c7ef6e465aade0da799548affa9d339453fb1ec4c5511720abe9bc0c6b"
        ]
    );
}

#[test]
fn records_come_back_and_are_strict() {
    fn check<T: Record + PartialEq + std::fmt::Debug>(record: &T) {
        let bytes = record.encode();
        assert_eq!(T::decode(&bytes).unwrap(), *record);
        for cut in 0..bytes.len() {
            assert!(T::decode(&bytes[..cut]).is_err(), "{} cut at {cut}", T::WHAT);
        }
        let longer = [&bytes[..], &[0]].concat();
        assert!(T::decode(&longer).is_err(), "{} with a byte more", T::WHAT);
        let mut newer = bytes.to_vec();
        newer[0] = 2;
        assert!(T::decode(&newer).is_err(), "{} of another version", T::WHAT);
    }
    check(&Totals {
        bonded: 1,
        unbonding: 2,
        unpaid: 3,
        slashed: u64::MAX,
    });
    for jailed_until in [None, Some(7)] {
        check(&ValidatorRecord {
            key: public_key(1),
            stake: Pool { tokens: 5, shares: 6 },
            commission: 10_000,
            jailed_until,
            retired: jailed_until.is_some(),
            earnings: Earnings {
                unpaid: 1,
                index: u128::MAX,
                remainder: 3,
            },
        });
    }
    check(&Delegation {
        shares: 1,
        index: 2,
        accrued: 3,
    });
    check(&Pool { tokens: 3, shares: 4 });
    check(&Candidates(vec![address(1), address(2)]));
    check(&records::Challenged(vec![address(2), address(1)]));
    check(&Release {
        epoch: u64::MAX,
        delegator: address(1),
        validator: address(2),
        shares: 9,
    });
    check(&ReleaseQueue { first: 3, next: 4 });
    check(&Waiting(vec![(address(1), 2), (address(2), u64::MAX)]));
    check(&records::Missed(vec![(1, 2), (3, 4)]));
    check(&records::Punished(vec![(1, 2)]));
    check(&records::Lagging(vec![(1, 2), (3, 4)]));
    check(&records::Authorities(vec![public_key(1)]));
    check(&records::Ballot {
        add: None,
        remove: Some(public_key(1)),
        expires: 3,
        voters: vec![public_key(1)],
    });
    check(&records::OpenBallots(vec![records::OpenBallot {
        slot: Hash([1; 32]),
        opener: address(1),
        expires: 9,
    }]));
}
