//! Bonding, delegating, jail and rewards, with every refusal.

use super::*;

fn bond(amount: u64) -> Action {
    Action::Bond {
        amount: Amount(amount),
        commission_basis_points: 1_000,
    }
}

fn delegate(validator: u8, amount: u64) -> Action {
    Action::Delegate {
        validator: address(validator),
        amount: Amount(amount),
    }
}

fn claim(validator: u8) -> Action {
    Action::ClaimRewards {
        validator: address(validator),
    }
}

#[test]
fn the_genesis_stands_in_the_state() {
    let chain = Chain::stake();
    assert_eq!(
        chain.totals(),
        Totals {
            bonded: 3_000,
            ..Totals::default()
        }
    );
    assert_eq!(chain.powers(1), [(1, 1_000), (2, 1_000), (3, 1_000)].into());
    assert_eq!(chain.stake_of(2, 2), 1_000);
    assert_eq!(query::validators(&chain.state).unwrap().len(), 3);
}

#[test]
fn who_bonds_is_in_the_set_of_the_next_epoch() {
    let mut chain = Chain::stake();
    chain.done(4, bond(900));
    assert_eq!(chain.balance(4), RICH - 900);
    assert_eq!(chain.validator(4).key, public_key(4));
    chain.run_to(4);
    assert_eq!(chain.powers(5), [(1, 1_000), (2, 1_000), (3, 1_000)].into());
    assert_eq!(
        chain.powers(6),
        [(1, 1_000), (2, 1_000), (3, 1_000), (4, 900)].into(),
        "900 is below a third"
    );
    chain.done(4, bond(50));
    assert_eq!(chain.stake_of(4, 4), 950);
}

#[test]
fn each_refusal_of_bond() {
    let commission = |commission_basis_points| Action::Bond {
        amount: Amount(200),
        commission_basis_points,
    };
    let poor = Failure::InsufficientBalance {
        available: Amount(RICH),
        required: Amount(RICH + 1),
    };
    let cases = [
        ("zero", 4, bond(0), refused(RefusalCode::AmountZero, 0, 0)),
        ("more than there is", 4, bond(RICH + 1), Some(poor)),
        (
            "below the minimum",
            4,
            bond(99),
            refused(RefusalCode::BelowMinimumStake, 99, 100),
        ),
        (
            "commission",
            4,
            commission(10_001),
            refused(RefusalCode::CommissionTooHigh, 10_001, 10_000),
        ),
        (
            "another commission",
            1,
            commission(999),
            refused(RefusalCode::CommissionFixed, 999, 1_000),
        ),
        ("the minimum", 4, bond(100), None),
        ("the highest commission", 5, commission(10_000), None),
        ("a little more", 4, bond(1), None),
    ];
    let mut chain = Chain::stake();
    for (case, seed, action, expected) in cases {
        let before = chain.balance(seed);
        assert_eq!(chain.act(seed, action.clone()), expected, "{case}");
        let paid = if expected.is_some() { 0 } else { action.amount().0 };
        assert_eq!(chain.balance(seed), before - paid, "{case}");
    }
}

#[test]
fn each_refusal_of_delegate() {
    let mut chain = Chain::stake();
    chain.absent = Vec::new();
    let cases = [
        ("zero", delegate(1, 0), refused(RefusalCode::AmountZero, 0, 0)),
        (
            "a stranger",
            delegate(9, 5),
            refused(RefusalCode::NotAValidator, 0, 0),
        ),
        ("a validator", delegate(1, 5), None),
        ("again", delegate(1, 5), None),
    ];
    for (case, action, expected) in cases {
        assert_eq!(chain.act(4, action), expected, "{case}");
    }
    assert_eq!((chain.stake_of(1, 4), chain.balance(4)), (10, RICH - 10));
    assert_eq!(chain.validator(1).stake, Pool::new(1_010));
    assert_eq!(chain.act(5, claim(1)), refused(RefusalCode::NoDelegation, 0, 0));
    assert_eq!(
        chain.act(4, claim(1)),
        refused(RefusalCode::NothingToClaim, 0, 0),
        "this network pays no reward"
    );
}

/// Validator 3 misses two of three counted blocks (of five in the epoch).
fn jailed() -> Chain {
    let mut chain = Chain::stake();
    for absent in [vec![address(3)], vec![address(3)], vec![], vec![]] {
        chain.block(&[]);
        chain.absent = absent;
    }
    assert_eq!(chain.validator(3).jailed_until, Some(1));
    chain
}

#[test]
fn who_is_absent_goes_to_jail_and_comes_back() {
    let mut chain = jailed();
    assert_eq!(chain.height, 4);
    assert_eq!(
        chain.powers(6),
        [(1, 1_000), (2, 1_000)].into(),
        "1,000 of 3,000 is a third"
    );
    assert_eq!(chain.act(4, delegate(3, 5)), refused(RefusalCode::Jailed, 0, 1));
    assert_eq!(
        chain.act(1, Action::Unjail),
        refused(RefusalCode::NotJailed, 0, 0)
    );
    assert_eq!(
        chain.act(9, Action::Unjail),
        refused(RefusalCode::NotAValidator, 0, 0)
    );
    chain.run_to(9);
    assert_eq!(
        chain.act(3, Action::Unjail),
        refused(RefusalCode::StillJailed, 1, 1),
        "height 10 is in epoch 1"
    );
    chain.done(3, Action::Unjail);
    chain.run_to(14);
    assert!(chain.powers(16).contains_key(&3));
    chain.done(4, delegate(3, 5));
}

#[test]
fn missing_no_more_than_the_share_is_forgiven() {
    let mut chain = Chain::stake();
    for absent in [vec![], vec![address(3)], vec![], vec![]] {
        chain.absent = absent;
        chain.block(&[]);
    }
    assert_eq!(chain.validator(3).jailed_until, None, "1 of 3");
    // The last two heights of an epoch are not counted, and the count begins anew.
    for absent in [
        vec![address(3)],
        vec![address(3)],
        vec![address(3)],
        vec![],
        vec![],
    ] {
        chain.absent = absent;
        chain.block(&[]);
    }
    assert_eq!(chain.height, 9);
    assert_eq!(
        chain.validator(3).jailed_until,
        None,
        "of heights 4 and 5 nothing counts, of 6 to 8 one"
    );
}

#[test]
fn exactly_the_share_is_not_more_than_the_share() {
    let mut chain = Chain::new(EngineKind::Pos(PosParameters {
        epoch_blocks: 4,
        ..stake_parameters()
    }));
    for absent in [vec![address(3)], vec![], vec![]] {
        chain.block(&[]);
        chain.absent = absent;
    }
    assert_eq!(chain.height, 3, "the closing block");
    assert_eq!(chain.validator(3).jailed_until, None, "1 of 2");
}

#[test]
fn the_last_ones_are_not_all_jailed() {
    let mut chain = Chain::stake();
    chain.done(2, bond(1));
    for _ in 0..3 {
        chain.absent = vec![address(1), address(2), address(3)];
        chain.block(&[]);
    }
    let jailed: Vec<bool> = (1..=3)
        .map(|seed| chain.validator(seed).jailed_until.is_some())
        .collect();
    assert_eq!(jailed, [true, false, true], "the strongest is spared");
}

#[test]
fn unjail_needs_the_minimum() {
    let mut chain = Chain::new(EngineKind::Pos(PosParameters {
        min_stake: 1_000,
        slash_basis_points: 1,
        ..stake_parameters()
    }));
    let offence = double_vote(&chain.id, 3, 1);
    chain.done(4, offence);
    chain.run_to(10);
    assert_eq!(
        chain.act(3, Action::Unjail),
        None,
        "0.01 % of 1,000 is less than a base unit"
    );
    chain.run_to(12);
    chain.done(3, bond(9_000));
    chain.done(
        3,
        Action::Unbond {
            amount: Amount(9_000),
        },
    );
    assert_eq!(chain.validator(3).stake.tokens, 1_000);
}

fn with_reward(per_block: u64) -> Chain {
    Chain::new(EngineKind::Pos(PosParameters {
        reward: RewardSchedule {
            per_block,
            halving_blocks: 1_000,
        },
        ..stake_parameters()
    }))
}

#[test]
fn a_reward_is_shared_by_shares_less_commission() {
    let mut chain = with_reward(4_000);
    for seed in 1..=3 {
        chain.block(&[(4, delegate(seed, 2_600))]);
    }
    // From here on 3,600 of each reward are shared, a base unit for each share.
    let proposed = |chain: &Chain, seed: u8| {
        (
            chain.pending(seed, seed),
            chain.pending(seed, 4),
            chain.balance(seed),
        )
    };
    let before: Vec<_> = (1..=3).map(|seed| proposed(&chain, seed)).collect();
    chain.block(&[]);
    let changed: Vec<u8> = (1..=3)
        .filter(|seed| proposed(&chain, *seed) != before[usize::from(*seed) - 1])
        .collect();
    assert_eq!(changed.len(), 1, "only the proposer's");
    let seed = changed[0];
    assert_eq!(address(seed), chain.proposer);
    let (own, delegated, balance) = before[usize::from(seed) - 1];
    assert_eq!(
        proposed(&chain, seed),
        (own + 1_000, delegated + 2_600, balance + 400)
    );
    let (pending, balance) = (chain.pending(seed, 4), chain.balance(4));
    chain.done(4, claim(seed));
    let later = if chain.proposer == address(seed) { 2_600 } else { 0 };
    assert_eq!(chain.balance(4), balance + pending);
    assert!(
        (later..=later + 1).contains(&chain.pending(seed, 4)),
        "a fraction stays and may become whole"
    );
}

#[test]
fn without_stake_the_reward_is_the_proposers_own() {
    let mut chain = with_reward(1_000);
    chain.block(&[(
        3,
        Action::Unbond {
            amount: Amount(1_000),
        },
    )]);
    let before = chain.balance(3);
    chain.run_to(5);
    let proposed =
        (2..=5).filter(|height| chain.schedule.proposer(*height, 0).map(|v| v.address) == Some(address(3)));
    let proposed = u64::try_from(proposed.count()).unwrap();
    assert!(proposed > 0, "it is still in the set");
    assert_eq!(chain.balance(3), before + proposed * 1_000);
}

#[test]
fn actions_of_another_engine_are_refused() {
    let vote = Action::AuthorityVote {
        add: Some(public_key(9)),
        remove: None,
    };
    let wrong = refused(RefusalCode::WrongEngine, 0, 0);
    assert_eq!(Chain::stake().act(1, vote.clone()), wrong);
    let staking = [
        bond(200),
        Action::Unbond { amount: Amount(1) },
        delegate(1, 1),
        Action::Undelegate {
            validator: address(1),
            amount: Amount(1),
        },
        Action::Unjail,
        claim(1),
    ];
    let mut chain = Chain::authorities(1..=3);
    for action in staking {
        assert_eq!(chain.act(1, action.clone()), wrong, "{action:?}");
    }
}

#[test]
fn nobody_sends_to_the_system_account() {
    let transfer = Action::Transfer {
        recipient: SYSTEM_ADDRESS,
        amount: Amount(1),
    };
    for mut chain in [Chain::stake(), Chain::authorities(1..=2)] {
        assert_eq!(
            chain.act(1, transfer.clone()),
            refused(RefusalCode::SystemAccount, 0, 0)
        );
    }
}
