//! Which set decides which height.

use super::*;

fn bond(amount: u64) -> Action {
    Action::Bond {
        amount: Amount(amount),
        commission_basis_points: 1_000,
    }
}

#[test]
fn the_strongest_are_chosen_then_by_address() {
    let mut chain = Chain::stake(); // at most four
    chain.block(&[(4, bond(300)), (5, bond(300)), (6, bond(299))]);
    chain.run_to(4);
    let (first, second) = if address(4) < address(5) { (4, 5) } else { (5, 4) };
    assert!(chain.powers(6).contains_key(&first));
    assert!(!chain.powers(6).contains_key(&second));
    chain.done(second, bond(1));
    chain.run_to(14);
    assert!(chain.powers(16).contains_key(&second) && !chain.powers(16).contains_key(&first));
}

#[test]
fn more_than_a_third_comes_in_steps() {
    let mut chain = Chain::stake();
    chain.done(4, bond(30_000));
    chain.run_to(4);
    let total: u64 = chain.powers(6).values().sum();
    assert!(total <= 4_000, "{total}");
    chain.run_to(99);
    assert_eq!(
        chain.powers(101),
        [(1, 1_000), (2, 1_000), (3, 1_000), (4, 30_000)].into()
    );
}

#[test]
fn the_strongest_goes_on_when_nobody_can_be_chosen() {
    let mut chain = Chain::stake();
    chain.block(
        &(1..=3)
            .map(|seed| (seed, double_vote(&chain.id, seed, 1)))
            .collect::<Vec<_>>(),
    );
    chain.run_to(99);
    assert_eq!(chain.powers(101).len(), 1);
    assert_eq!(chain.totals().slashed, 600);
    chain.done(1, Action::Unjail);
    chain.run_to(199);
    assert_eq!(chain.powers(201), [(1, 800)].into());
}

#[test]
fn a_schedule_is_the_same_whether_it_was_followed_or_read() {
    // `Chain::block` compares them after every block; here over epochs with changes in each.
    let mut chain = Chain::stake();
    for round in 0..6 {
        chain.done(4 + round % 3, bond(100 + u64::from(round)));
        chain.run_to(chain.height + 4);
    }
    assert_eq!(chain.schedule.current().number(), chain.height / 5);
}

#[test]
fn no_record_is_written_for_a_block_in_which_nothing_happens() {
    for chain in [Chain::stake(), Chain::authorities(1..=3)] {
        let mut chain = chain;
        chain.run_to(1);
        let before = chain.state.storage.clone();
        chain.run_to(3);
        assert_eq!(chain.state.storage, before);
    }
}

#[test]
fn an_epoch_that_was_decoded_is_decoded_again_when_its_record_changes() {
    let chain = Chain::stake();
    let mut overlay = Overlay::new(&chain.state);
    let first = overlay.epoch(0).unwrap().unwrap();
    assert_eq!(overlay.epoch(0).unwrap().as_ref(), Some(&first));
    let other = aureon_consensus::Epoch::genesis(crate::testing::validators(4..=5), 5);
    overlay.put_epoch(&other).unwrap();
    assert_eq!(overlay.epoch(0).unwrap(), Some(other));
    overlay.clear(&slots::epoch(0)).unwrap();
    assert_eq!(overlay.epoch(0).unwrap(), None);
}
