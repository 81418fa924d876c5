//! Authorities that add, remove and replace each other.

use super::*;

fn add(seed: u8) -> Action {
    Action::AuthorityVote {
        add: Some(public_key(seed)),
        remove: None,
    }
}

fn remove(seed: u8) -> Action {
    Action::AuthorityVote {
        add: None,
        remove: Some(public_key(seed)),
    }
}

fn replace(old: u8, new: u8) -> Action {
    Action::AuthorityVote {
        add: Some(public_key(new)),
        remove: Some(public_key(old)),
    }
}

impl Chain {
    /// Who is an authority by the votes, by seed.
    fn authority_list(&self) -> Vec<u8> {
        let list = query::authorities(&self.state).unwrap();
        assert!(list.is_sorted());
        PEOPLE.filter(|seed| list.contains(&public_key(*seed))).collect()
    }

    fn open(&self) -> Vec<query::OpenVote> {
        query::open_votes(&self.state, self.height).unwrap()
    }
}

#[test]
fn more_than_half_add_one_who_is_in_the_set_of_the_next_epoch() {
    let mut chain = Chain::authorities(1..=4);
    chain.done(1, add(5));
    chain.done(2, add(5));
    assert_eq!(chain.authority_list(), [1, 2, 3, 4], "half is not more than half");
    let open = chain.open();
    assert_eq!(
        (open.len(), open[0].voters.len(), open[0].needed, open[0].expires),
        (1, 2, 3, 7)
    );
    assert_eq!(open[0].add, Some(public_key(5)));
    chain.done(3, add(5));
    assert_eq!(
        (chain.authority_list(), chain.open()),
        (vec![1, 2, 3, 4, 5], vec![])
    );
    chain.run_to(4);
    assert_eq!(chain.powers(5).len(), 4);
    assert_eq!(chain.powers(6), [(1, 1), (2, 1), (3, 1), (4, 1), (5, 1)].into());
    assert_eq!(chain.act(4, add(5)), refused(RefusalCode::AlreadyAuthority, 0, 0));
}

#[test]
fn removing_and_replacing_are_one_vote_each() {
    let mut chain = Chain::authorities(1..=3);
    chain.done(1, remove(3));
    chain.done(2, remove(3));
    assert_eq!(chain.authority_list(), [1, 2]);
    assert_eq!(
        chain.act(3, remove(1)),
        refused(RefusalCode::NotAnAuthority, 0, 0),
        "removed, and still in the set"
    );
    assert_eq!(chain.powers(4).len(), 3);
    chain.run_to(5);
    assert_eq!(chain.powers(6), [(1, 1), (2, 1)].into());
    chain.done(1, replace(2, 7));
    chain.done(2, replace(2, 7));
    assert_eq!(chain.authority_list(), [1, 7]);
    chain.run_to(40);
    assert_eq!(
        chain.powers(41),
        [(1, 1), (7, 1)].into(),
        "in steps, in the end as voted"
    );
    chain.done(7, add(2));
}

#[test]
fn each_refusal_of_a_vote() {
    let small_order = Action::AuthorityVote {
        add: Some(PublicKey([0; 32])),
        remove: None,
    };
    let cases = [
        (
            "a stranger",
            9,
            add(5),
            refused(RefusalCode::NotAnAuthority, 0, 0),
        ),
        (
            "there already",
            1,
            add(2),
            refused(RefusalCode::AlreadyAuthority, 0, 0),
        ),
        (
            "not there",
            1,
            remove(5),
            refused(RefusalCode::UnknownAuthority, 0, 0),
        ),
        (
            "replaces nobody",
            1,
            replace(5, 6),
            refused(RefusalCode::UnknownAuthority, 0, 0),
        ),
        (
            "by one who is there",
            1,
            replace(2, 3),
            refused(RefusalCode::AlreadyAuthority, 0, 0),
        ),
        (
            "an unusable key",
            1,
            small_order,
            refused(RefusalCode::KeyRefused, 0, 0),
        ),
        ("opens", 1, add(5), None),
        ("twice", 1, add(5), refused(RefusalCode::AlreadyVoted, 0, 13)),
        ("another ballot", 1, replace(2, 5), None),
    ];
    let mut chain = Chain::authorities(1..=4);
    for (case, seed, action, expected) in cases {
        assert_eq!(chain.act(seed, action), expected, "{case}");
    }
    assert_eq!(chain.open().len(), 2);
}

#[test]
fn the_last_authority_stays_and_may_be_replaced() {
    let mut chain = Chain::authorities(1..=1);
    assert_eq!(chain.act(1, remove(1)), refused(RefusalCode::LastAuthority, 0, 0));
    chain.done(1, replace(1, 2));
    assert_eq!(chain.authority_list(), [2]);
    chain.run_to(20);
    assert_eq!(chain.powers(21), [(2, 1)].into());
}

#[test]
fn votes_expire() {
    let mut chain = Chain::authorities(1..=3);
    chain.done(1, add(5)); // at height 1: counts up to height 7
    chain.run_to(6);
    assert_eq!(chain.open().len(), 1);
    chain.done(2, remove(3)); // at height 7
    assert_eq!(chain.open().len(), 1, "the first can be voted for no more");
    chain.done(2, add(5));
    assert_eq!(
        chain.authority_list(),
        [1, 2, 3],
        "at height 8 it is a new ballot"
    );
    chain.done(3, add(5));
    assert_eq!(chain.authority_list(), [1, 2, 3, 5]);

    let mut chain = Chain::authorities(1..=3);
    chain.done(1, add(5));
    chain.run_to(6);
    chain.done(2, add(5));
    assert_eq!(chain.authority_list(), [1, 2, 3, 5], "the last height counts");
}

#[test]
fn a_removed_authority_has_no_vote_any_longer() {
    let mut chain = Chain::authorities(1..=4);
    chain.done(4, add(5));
    for seed in 1..=3 {
        chain.done(seed, remove(4));
    }
    assert_eq!(chain.authority_list(), [1, 2, 3]);
    assert_eq!(chain.open()[0].voters, []);
    chain.done(1, add(5));
    assert_eq!(chain.authority_list(), [1, 2, 3], "one vote of three, not two");
    chain.done(2, add(5));
    assert_eq!(chain.authority_list(), [1, 2, 3, 5]);
}

#[test]
fn a_repeated_vote_counts_again_when_fewer_are_needed() {
    let mut chain = Chain::authorities(1..=4);
    chain.block(&[
        (1, add(5)),
        (2, add(5)),
        (1, remove(4)),
        (2, remove(4)),
        (3, remove(4)),
    ]);
    assert_eq!(chain.authority_list(), [1, 2, 3]);
    assert_eq!(
        (chain.open()[0].voters.len(), chain.open()[0].needed),
        (2, 2),
        "enough, and nobody has told"
    );
    chain.done(1, add(5));
    assert_eq!(chain.authority_list(), [1, 2, 3, 5]);
}

#[test]
fn an_authority_opens_its_part_of_the_ballots_and_no_more() {
    let mut chain = Chain::authorities(1..=2);
    let far = |number: usize| records::OpenBallot {
        slot: aureon_types::Hash([u8::try_from(number % 251).unwrap(); 32]),
        opener: address(if number < 500 { 1 } else { 9 }),
        expires: 100,
    };
    let slot = (SYSTEM_ADDRESS, slots::open_ballots());
    let full = |count: usize| codec::Record::encode(&records::OpenBallots((0..count).map(far).collect()));
    chain.state.storage.insert(slot, full(500));
    assert_eq!(chain.act(1, add(5)), refused(RefusalCode::TooManyVotes, 500, 500));
    chain.done(2, add(5));
    chain.state.storage.insert(slot, full(MAX_BALLOTS));
    assert_eq!(
        chain.act(2, add(6)),
        refused(RefusalCode::TooManyVotes, 1_000, 1_000)
    );
}
