//! Taking stake back.

use super::*;

fn unbond(amount: u64) -> Action {
    Action::Unbond {
        amount: Amount(amount),
    }
}

fn undelegate(validator: u8, amount: u64) -> Action {
    Action::Undelegate {
        validator: address(validator),
        amount: Amount(amount),
    }
}

fn delegate(validator: u8, amount: u64) -> Action {
    Action::Delegate {
        validator: address(validator),
        amount: Amount(amount),
    }
}

#[test]
fn stake_returns_when_the_period_is_over_and_not_before() {
    // Taken back in epoch 0: returns at the end of epoch 2, which is block 15. In the last block of
    // epoch 0 the set of epoch 1 counts on it: an epoch later.
    for (height, returns) in [(1, 15), (4, 15), (5, 20)] {
        let mut chain = Chain::stake();
        chain.run_to(height - 1);
        chain.block(&[(1, unbond(400))]);
        assert_eq!((chain.balance(1), chain.totals().unbonding), (RICH, 400));
        let waiting =
            query::unbondings(&chain.state, &chain.stake_rules(), chain.height, &address(1)).unwrap();
        let expected = query::Unbonding {
            validator: address(1),
            amount: Amount(400),
            release_height: returns,
        };
        assert_eq!(waiting, [expected]);
        chain.run_to(returns - 1);
        assert_eq!(chain.balance(1), RICH);
        chain.block(&[]);
        assert_eq!((chain.balance(1), chain.totals().unbonding), (RICH + 400, 0));
        let waiting =
            query::unbondings(&chain.state, &chain.stake_rules(), chain.height, &address(1)).unwrap();
        assert_eq!(waiting, []);
    }
}

#[test]
fn each_refusal_of_unbond_and_undelegate() {
    let mut chain = Chain::stake();
    chain.done(4, delegate(1, 50));
    let cases = [
        (
            "no validator",
            4,
            unbond(1),
            refused(RefusalCode::NotAValidator, 0, 0),
        ),
        ("zero", 1, unbond(0), refused(RefusalCode::AmountZero, 0, 0)),
        (
            "more than bonded",
            1,
            unbond(1_001),
            refused(RefusalCode::StakeGone, 1_001, 1_000),
        ),
        (
            "below the minimum",
            1,
            unbond(951),
            refused(RefusalCode::BelowMinimumStake, 99, 100),
        ),
        (
            "nothing delegated",
            5,
            undelegate(1, 1),
            refused(RefusalCode::NoDelegation, 0, 0),
        ),
        (
            "zero back",
            4,
            undelegate(1, 0),
            refused(RefusalCode::AmountZero, 0, 0),
        ),
        (
            "more than delegated",
            4,
            undelegate(1, 51),
            refused(RefusalCode::StakeGone, 51, 50),
        ),
        ("a part", 4, undelegate(1, 20), None),
        ("the rest", 4, undelegate(1, 30), None),
        (
            "and no more",
            4,
            undelegate(1, 1),
            refused(RefusalCode::NoDelegation, 0, 0),
        ),
        ("down to the minimum", 1, unbond(900), None),
        ("all", 1, unbond(100), None),
        (
            "a validator no longer",
            1,
            unbond(1),
            refused(RefusalCode::NotAValidator, 0, 0),
        ),
    ];
    for (case, seed, action, expected) in cases {
        assert_eq!(chain.act(seed, action), expected, "{case}");
    }
}

#[test]
fn who_leaves_is_in_no_later_set_and_may_come_again() {
    let mut chain = Chain::stake();
    chain.done(4, delegate(3, 700));
    chain.done(3, unbond(1_000));
    assert!(chain.validator(3).retired, "others' stake is still there");
    let expected = refused(RefusalCode::NotAValidator, 0, 0);
    assert_eq!(chain.act(5, delegate(3, 10)), expected);
    chain.run_to(4);
    assert_eq!(chain.powers(6), [(1, 1_000), (2, 1_000)].into());
    let bond = Action::Bond {
        amount: Amount(1),
        commission_basis_points: 1_000,
    };
    chain.done(3, bond);
    chain.run_to(9);
    assert!(chain.powers(11).contains_key(&3), "with its delegators' stake");
    chain.done(3, unbond(1));
    chain.done(4, undelegate(3, 700));
    assert_eq!(
        query::validator(&chain.state, &address(3)).unwrap(),
        None,
        "with the last share it is gone"
    );
}

#[test]
fn the_largest_records_fit_a_slot() {
    let limit = aureon_types::account::MAX_SLOT_BYTES;
    let far = Address([0xff; 20]);
    let ballot = records::OpenBallot {
        slot: slots::totals(),
        opener: far,
        expires: u64::MAX,
    };
    let lengths = [
        codec::Record::encode(&Candidates(vec![far; MAX_CANDIDATES])).len(),
        codec::Record::encode(&Waiting(vec![(far, u64::MAX); MAX_WITHDRAWALS])).len(),
        codec::Record::encode(&records::OpenBallots(vec![ballot; MAX_BALLOTS])).len(),
        codec::Record::encode(&records::Ballot {
            add: Some(public_key(1)),
            remove: Some(public_key(2)),
            expires: u64::MAX,
            voters: vec![public_key(3); 1_000],
        })
        .len(),
        codec::Record::encode(&records::Punished(vec![
            (u16::MAX, u32::MAX);
            evidence::MAX_PUNISHED
        ]))
        .len(),
        codec::Record::encode(&records::Missed(vec![(u16::MAX, u32::MAX); 1_000])).len(),
        codec::Record::encode(&records::Authorities(vec![public_key(1); 1_000])).len(),
    ];
    assert!(lengths.iter().all(|length| *length <= limit), "{lengths:?}");
}
