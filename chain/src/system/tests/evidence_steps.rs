//! Punishing equivocation.

use aureon_types::{Proposal, SignedProposal};

use super::*;

fn double_proposal(id: &GenesisId, seed: u8, height: u64) -> Action {
    let proposal = |block| {
        let proposal = Proposal {
            height,
            round: 0,
            block_id: BlockId([block; 32]),
            valid_round: None,
        };
        SignedProposal::sign(proposal, &key(seed), id)
    };
    Action::Evidence(Box::new(Evidence::Proposals(proposal(1), proposal(2))))
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
fn an_offence_costs_validator_and_delegators_and_is_punished_once() {
    let mut chain = Chain::stake();
    chain.done(4, delegate(3, 500));
    chain.done(9, double_vote(&chain.id, 3, 2));
    assert_eq!((chain.stake_of(3, 3), chain.stake_of(3, 4)), (800, 400));
    assert_eq!(chain.validator(3).jailed_until, Some(1));
    assert_eq!(
        chain.totals(),
        Totals {
            bonded: 3_200,
            slashed: 300,
            ..Totals::default()
        }
    );
    let again = refused(RefusalCode::AlreadyPunished, 2, 0);
    assert_eq!(chain.act(9, double_vote(&chain.id, 3, 2)), again);
    assert_eq!(
        chain.act(8, double_proposal(&chain.id, 3, 2)),
        again,
        "whatever it signed there"
    );
    assert!(query::was_punished(&chain.state, &address(3), 2, 5).unwrap());
    assert!(!query::was_punished(&chain.state, &address(3), 3, 5).unwrap());
    chain.done(9, double_proposal(&chain.id, 3, 3));
    assert_eq!(chain.stake_of(3, 3), 640);
    chain.done(9, double_vote(&chain.id, 2, 3));
    assert_eq!(chain.stake_of(2, 2), 800, "another offender");
}

#[test]
fn each_refusal_of_evidence() {
    let mut chain = Chain::stake();
    chain.run_to(2);
    let id = chain.id;
    let votes = |change: &dyn Fn(&mut SignedVote, &mut SignedVote)| {
        let Action::Evidence(evidence) = double_vote(&id, 3, 2) else {
            unreachable!()
        };
        let Evidence::Votes(mut first, mut second) = *evidence else {
            unreachable!()
        };
        change(&mut first, &mut second);
        Action::Evidence(Box::new(Evidence::Votes(first, second)))
    };
    let resign = |signed: &mut SignedVote, change: &dyn Fn(&mut Vote)| {
        change(&mut signed.vote);
        *signed = SignedVote::sign(signed.vote, &key(3), &id);
    };
    let other_network = GenesisId([7; 32]);
    let invalid = [
        (
            "one message twice",
            votes(&|first, second| *second = first.clone()),
        ),
        ("a forged signature", votes(&|first, _| first.signature.0[5] ^= 1)),
        ("a forged second", votes(&|_, second| second.signature.0[5] ^= 1)),
        (
            "of two validators",
            votes(&|_, second| *second = SignedVote::sign(second.vote, &key(2), &id)),
        ),
        (
            "two heights",
            votes(&|_, second| resign(second, &|vote| vote.height = 1)),
        ),
        (
            "two rounds",
            votes(&|_, second| resign(second, &|vote| vote.round = 1)),
        ),
        (
            "two kinds",
            votes(&|_, second| resign(second, &|vote| vote.kind = VoteKind::Prevote)),
        ),
        ("no validator", double_vote(&id, 9, 2)),
        ("another network", double_vote(&other_network, 3, 2)),
        ("the genesis", double_vote(&id, 3, 0)),
        ("the future", double_vote(&id, 3, 100)),
    ];
    for (case, evidence) in invalid {
        assert_eq!(
            chain.act(9, evidence),
            refused(RefusalCode::EvidenceInvalid, 0, 0),
            "{case}"
        );
    }
    assert_eq!(chain.totals().slashed, 0);
}

#[test]
fn evidence_counts_as_long_as_the_stake_is_held() {
    // Heights 1 to 5 are epoch 0; its evidence counts in the epochs 1 and 2, up to block 15.
    let mut chain = Chain::stake();
    chain.run_to(14);
    chain.done(9, double_vote(&chain.id, 3, 5));
    chain.run_to(15);
    let old = refused(RefusalCode::EvidenceTooOld, 4, 6);
    assert_eq!(chain.act(9, double_vote(&chain.id, 3, 4)), old);
    chain.done(9, double_vote(&chain.id, 2, 6));
}

#[test]
fn stake_on_its_way_back_is_slashed_for_what_it_stood_behind() {
    let mut chain = Chain::stake();
    chain.done(4, delegate(3, 1_000));
    chain.block(&[(4, undelegate(3, 200))]); // height 2, epoch 0: returns with block 15
    chain.run_to(6);
    chain.block(&[(4, undelegate(3, 300))]); // height 7, epoch 1: returns with block 20
    chain.run_to(14);
    // An offence in epoch 1: what was taken back in epoch 0 had no part in it.
    chain.block(&[(9, double_vote(&chain.id, 3, 8))]);
    assert_eq!(chain.height, 15);
    assert_eq!(chain.balance(4), RICH - 1_000 + 200, "returned in full");
    assert_eq!(chain.totals().unbonding, 240);
    assert_eq!(chain.stake_of(3, 4), 400);
    chain.run_to(20);
    assert_eq!(chain.balance(4), RICH - 1_000 + 200 + 240);
    assert_eq!(chain.totals().slashed, 60 + 300);
}

#[test]
fn who_has_left_is_punished_all_the_same() {
    let mut chain = Chain::stake();
    chain.block(&[(
        3,
        Action::Unbond {
            amount: Amount(1_000),
        },
    )]);
    assert_eq!(query::validator(&chain.state, &address(3)).unwrap(), None);
    chain.done(9, double_vote(&chain.id, 3, 1));
    assert_eq!(
        chain.totals(),
        Totals {
            bonded: 2_000,
            unbonding: 800,
            slashed: 200,
            unpaid: 0
        }
    );
    chain.run_to(15);
    assert_eq!(chain.balance(3), RICH + 800);
}

#[test]
fn who_loses_everything_is_no_validator_any_longer() {
    let mut chain = Chain::new(EngineKind::Pos(PosParameters {
        slash_basis_points: 10_000,
        ..stake_parameters()
    }));
    chain.done(4, delegate(3, 500));
    chain.block(&[
        (4, undelegate(3, 100)),
        (4, delegate(2, 40)),
        (4, undelegate(2, 10)),
    ]);
    chain.done(9, double_vote(&chain.id, 3, 2));
    assert_eq!(
        chain.totals(),
        Totals {
            bonded: 2_030,
            unbonding: 10,
            slashed: 1_500,
            unpaid: 0
        }
    );
    assert_eq!(chain.act(5, delegate(3, 10)), refused(RefusalCode::Jailed, 0, 1));
    let bond = Action::Bond {
        amount: Amount(500),
        commission_basis_points: 1_000,
    };
    assert_eq!(
        chain.act(3, bond.clone()),
        refused(RefusalCode::NotAValidator, 0, 0)
    );
    assert_eq!(
        chain.act(4, undelegate(3, 1)),
        refused(RefusalCode::StakeGone, 1, 0)
    );
    chain.run_to(15);
    assert_eq!(chain.balance(4), RICH - 500 - 40 + 10);
    // Claims close what is worth nothing; after the last one the key may begin anew.
    let claim = Action::ClaimRewards {
        validator: address(3),
    };
    chain.done(4, claim.clone());
    chain.done(3, claim);
    assert_eq!(
        chain.validator(3).stake,
        Pool::default(),
        "only its jail is remembered"
    );
    chain.done(3, bond);
    chain.done(3, Action::Unjail);
    assert_eq!(chain.stake_of(3, 3), 500);
}

#[test]
fn leaving_and_coming_back_ends_no_jail() {
    let bond = |commission_basis_points| Action::Bond {
        amount: Amount(500),
        commission_basis_points,
    };
    let unbond = |amount| Action::Unbond {
        amount: Amount(amount),
    };
    // Either side of the evidence.
    for leaves_first in [false, true] {
        let mut chain = Chain::stake();
        if leaves_first {
            chain.done(3, unbond(1_000));
            chain.done(9, double_vote(&chain.id, 3, 1));
        } else {
            chain.done(9, double_vote(&chain.id, 3, 1));
            chain.done(3, unbond(800));
        }
        assert_eq!(chain.act(3, unbond(1)), refused(RefusalCode::NotAValidator, 0, 0));
        assert_eq!(
            chain.act(4, delegate(3, 1)),
            refused(RefusalCode::NotAValidator, 0, 0)
        );
        chain.done(3, bond(2_000));
        assert_eq!(chain.validator(3).jailed_until, Some(1));
        assert_eq!(chain.validator(3).commission, 2_000, "a first bond again");
        assert_eq!(
            chain.act(3, bond(2_001)),
            refused(RefusalCode::CommissionFixed, 2_001, 2_000)
        );
        let still = refused(RefusalCode::StillJailed, 1, 1);
        assert_eq!(chain.act(3, Action::Unjail), still);
        chain.run_to(9);
        assert!(!chain.powers(11).contains_key(&3));
        chain.run_to(10);
        chain.done(3, Action::Unjail);
        chain.run_to(14);
        assert!(chain.powers(16).contains_key(&3));
    }
}

#[test]
fn authorities_have_nothing_to_lose_and_are_remembered() {
    let mut chain = Chain::authorities(1..=3);
    chain.done(9, double_vote(&chain.id, 3, 1));
    assert!(query::was_punished(&chain.state, &address(3), 1, 5).unwrap());
    assert_eq!(
        chain.act(9, double_vote(&chain.id, 3, 1)),
        refused(RefusalCode::AlreadyPunished, 1, 0)
    );
    chain.run_to(15);
    assert_eq!(
        chain.act(9, double_vote(&chain.id, 3, 5)),
        refused(RefusalCode::EvidenceTooOld, 5, 6)
    );
}

#[test]
fn power_that_outlasts_its_stake_is_slashed_where_the_stake_waits() {
    // Two of three leave in epoch 0, and a third of the power may go: one stays in the set of epoch 1,
    // for stake that is on its way back since epoch 0.
    let mut chain = Chain::stake();
    let unbond = Action::Unbond {
        amount: Amount(1_000),
    };
    chain.block(&[(2, unbond.clone()), (3, unbond), (4, delegate(1, 500))]);
    chain.block(&[(4, undelegate(1, 100))]);
    chain.run_to(5);
    let set = chain.schedule.at(6).unwrap().clone();
    let last = [2, 3].into_iter().find(|seed| set.get(&address(*seed)).is_some());
    let last = last.unwrap();
    chain.done(9, double_vote(&chain.id, last, 6));
    assert_eq!(chain.totals().slashed, 200, "a fifth of what it voted with");
    assert_eq!(chain.totals().unbonding, 1_900);
    // Who is in the set with no more than its stake loses only what it has, and what left since.
    chain.done(9, double_vote(&chain.id, 1, 6));
    assert_eq!(chain.totals().slashed, 200 + 280);
    assert_eq!(chain.totals().unbonding, 1_900);
    // The next epochs forget it with the epoch.
    chain.run_to(40);
    assert_eq!(chain.totals().unbonding, 0);
    assert_eq!(chain.balance(last), RICH + 800);
}
