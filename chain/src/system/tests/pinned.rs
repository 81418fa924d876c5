//! Bytes of the state: another result is another chain.

use aureon_types::Hash;
use codec::Record;

use super::*;

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
    check(&Releases(vec![records::Release {
        delegator: address(1),
        validator: address(2),
        shares: 9,
    }]));
    check(&records::Missed(vec![(1, 2), (3, 4)]));
    check(&records::Punished(vec![(1, 2)]));
    check(&records::Authorities(vec![public_key(1)]));
    check(&records::Ballot {
        add: None,
        remove: Some(public_key(1)),
        expires: 3,
        voters: vec![address(1)],
    });
    check(&records::OpenBallots(vec![records::OpenBallot {
        slot: Hash([1; 32]),
        opener: address(1),
        expires: 9,
    }]));
}
