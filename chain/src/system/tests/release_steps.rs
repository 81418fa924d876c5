//! The queue of withdrawals: who is paid when, and that nobody can keep others waiting for more than
//! their places cost.

use super::*;

const UNBONDED: u64 = 1 << 20;

fn undelegate(amount: u64) -> Action {
    Action::Undelegate {
        validator: address(1),
        amount: Amount(amount),
    }
}

fn delegate(validator: u8, amount: u64) -> Action {
    Action::Delegate {
        validator: address(validator),
        amount: Amount(amount),
    }
}

/// An address without a key.
fn stranger(number: u64) -> Address {
    let mut address = [0x77; 20];
    address[..8].copy_from_slice(&number.to_be_bytes());
    Address(address)
}

/// A network in which strangers, so many, have a base unit each.
fn crowded(parameters: PosParameters, strangers: u64) -> Chain {
    let balances = (0..strangers).map(|number| (stranger(number), Amount(1)));
    let mut genesis = genesis(EngineKind::Pos(parameters));
    genesis.balances.extend(balances);
    Chain::of(genesis.checked().unwrap())
}

impl Chain {
    /// These strangers delegate their base unit to validator 1 and take it back, in the block above the
    /// head.
    fn crowd(&mut self, strangers: std::ops::Range<u64>) {
        let (rules, height) = (self.stake_rules(), self.height + 1);
        let mut overlay = Overlay::new(&self.state);
        for number in strangers {
            let (who, one) = (stranger(number), Amount(1));
            staking::delegate(&mut overlay, &who, &address(1), one).unwrap();
            unbonding::undelegate(&mut overlay, &rules, height, &who, &address(1), one).unwrap();
        }
        let changes = overlay.into_changes();
        self.state = self.state.apply(self.height, &changes).unwrap();
    }

    fn unbondings(&self, seed: u8) -> Vec<query::Unbonding> {
        query::unbondings(&self.state, &self.stake_rules(), self.height, &address(seed)).unwrap()
    }

    fn paid_strangers(&self, strangers: u64) -> u64 {
        let paid = |number: &u64| self.state.get(&stranger(*number)).balance == Amount(1);
        (0..strangers).filter(paid).count() as u64
    }
}

#[test]
fn three_thousand_of_one_unit_delay_another_by_three_blocks() {
    let mut chain = crowded(stake_parameters(), 3_500);
    chain.done(4, delegate(1, UNBONDED));
    chain.crowd(0..3_000);
    chain.done(4, undelegate(UNBONDED));
    chain.crowd(3_000..3_500); // in the same epoch, and behind
    // Its epoch ends with block 15; 3,000 are before it: the fourth thousand is paid three blocks later.
    let told = |chain: &Chain| {
        chain
            .unbondings(4)
            .first()
            .map(|unbonding| unbonding.release_height)
    };
    for height in 2..18 {
        chain.run_to(height);
        assert_eq!(told(&chain), Some(18), "at {height}");
        assert_eq!(chain.balance(4), RICH - UNBONDED, "at {height}");
        let paid = chain.height.saturating_sub(14) * 1_000;
        assert_eq!(chain.paid_strangers(3_500), paid, "a thousand in each block");
    }
    chain.run_to(18);
    assert_eq!((told(&chain), chain.balance(4)), (None, RICH));
    assert_eq!(
        (chain.paid_strangers(3_500), chain.totals().unbonding),
        (3_500, 0)
    );
}

#[test]
fn the_oldest_epoch_is_paid_first_and_later_ones_wait_for_it() {
    let parameters = PosParameters {
        epoch_blocks: 4,
        unbonding_epochs: 1,
        ..stake_parameters()
    };
    let mut chain = crowded(parameters, 5_000);
    chain.done(4, delegate(1, 30));
    chain.crowd(0..5_000); // in epoch 0, due from block 8
    chain.run_to(4);
    chain.done(4, undelegate(20)); // in epoch 1, due from block 12
    chain.run_to(9);
    chain.done(4, undelegate(10)); // in epoch 2, due from block 16
    // Three thousand are paid by now. Those that are left could all be due only then.
    let told: Vec<u64> = chain
        .unbondings(4)
        .iter()
        .map(|unbonding| unbonding.release_height)
        .collect();
    assert_eq!(told, [14, 18], "at the latest: 2,000 and 2,001 are before them");
    for (height, balance) in [(12, RICH - 30), (13, RICH - 10), (15, RICH - 10), (16, RICH)] {
        chain.run_to(height);
        assert_eq!(chain.balance(4), balance, "after block {height}");
    }
}

#[test]
fn what_waits_beyond_its_epoch_is_slashed_until_it_is_paid() {
    // Two of three validators take all of their stake back, so the power of one lags in the set of epoch
    // 1. Both withdrawals wait behind a crowd when that epoch is over, and it signed twice in it.
    let parameters = PosParameters {
        unbonding_epochs: 1,
        ..stake_parameters()
    };
    let mut chain = crowded(parameters, 2_500);
    chain.crowd(0..2_500);
    let unbond = Action::Unbond {
        amount: Amount(1_000),
    };
    chain.block(&[(2, unbond.clone()), (3, unbond)]);
    chain.run_to(10);
    let lagging = [2, 3].into_iter().find(|seed| chain.powers(6).contains_key(seed));
    let lagging = lagging.unwrap();
    assert_eq!(chain.paid_strangers(2_500), 1_000, "due, and not its turn yet");
    assert_eq!(chain.unbondings(lagging)[0].amount, Amount(1_000));
    let accusation = double_vote(&chain.id, lagging, 6);
    chain.done(4, accusation);
    assert_eq!(
        chain.unbondings(lagging)[0].amount,
        Amount(800),
        "a fifth is gone"
    );
    assert_eq!((chain.totals().slashed, chain.balance(lagging)), (200, RICH));
    chain.run_to(12);
    assert_eq!(chain.balance(lagging), RICH + 800);
    assert_eq!(chain.unbondings(lagging), []);
}

#[test]
fn a_second_withdrawal_joins_the_first_at_its_place() {
    let mut chain = crowded(stake_parameters(), 1_000);
    chain.done(4, delegate(1, 50));
    chain.done(4, undelegate(20));
    chain.crowd(0..1_000);
    chain.done(4, undelegate(30));
    assert_eq!(chain.queue().len(), 1_001);
    let amounts: Vec<Amount> = chain.unbondings(4).iter().map(|waiting| waiting.amount).collect();
    assert_eq!(amounts, [Amount(50)]);
    chain.run_to(15);
    assert_eq!((chain.balance(4), chain.paid_strangers(1_000)), (RICH, 999));
}

#[test]
fn a_delegator_is_bounded_by_its_own_withdrawals_alone() {
    let mut chain = Chain::stake();
    chain.done(4, delegate(1, 50));
    let epoch = chain.stake_rules().release_epoch(chain.height + 1);
    let mut overlay = Overlay::new(&chain.state);
    let most = MAX_WITHDRAWALS as u64;
    for number in 0..most {
        // Others' withdrawals leave no trace in it.
        releases::enqueue(&mut overlay, epoch, &address(5), &stranger(most + number), 1).unwrap();
        releases::enqueue(&mut overlay, epoch, &address(4), &stranger(number), 1).unwrap();
    }
    let (rules, height) = (chain.stake_rules(), chain.height + 1);
    let stop = unbonding::undelegate(&mut overlay, &rules, height, &address(4), &address(1), Amount(5));
    let expected = refused(RefusalCode::TooManyUnbondings, most, most);
    assert!(matches!(stop, Err(Stop::Refused(failure)) if Some(&failure) == expected.as_ref()));
    // What joins one of them, and the next epoch, are open.
    releases::enqueue(&mut overlay, epoch, &address(4), &stranger(3), 1).unwrap();
    releases::enqueue(&mut overlay, epoch + 1, &address(4), &address(1), 1).unwrap();
}

#[test]
fn nothing_joins_a_pool_of_which_nothing_is_left() {
    let parameters = PosParameters {
        slash_basis_points: 10_000,
        ..stake_parameters()
    };
    let mut chain = Chain::new(EngineKind::Pos(parameters));
    chain.done(4, delegate(3, 50));
    chain.done(
        4,
        Action::Undelegate {
            validator: address(3),
            amount: Amount(20),
        },
    );
    let accusation = double_vote(&chain.id, 3, 1);
    chain.done(5, accusation);
    assert_eq!(
        chain.unbondings(4)[0].amount,
        Amount(0),
        "it waits, worth nothing"
    );
    let epoch = chain.stake_rules().release_epoch(chain.height + 1);
    let mut overlay = Overlay::new(&chain.state);
    let stop = releases::enqueue(&mut overlay, epoch, &address(5), &address(3), 5);
    let expected = refused(RefusalCode::UnbondingSlashed, epoch, 0);
    assert!(matches!(stop, Err(Stop::Refused(failure)) if Some(&failure) == expected.as_ref()));
    chain.run_to(15);
    assert_eq!((chain.unbondings(4), chain.balance(4)), (vec![], RICH - 50));
}
