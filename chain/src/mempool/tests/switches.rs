//! Switches to another branch: step tables, and random chains that are undone and made anew.

use std::collections::{BTreeMap, BTreeSet};

use aureon_types::{Action, Amount, TransactionId};
use proptest::prelude::*;

use super::{super::*, *};

fn state(nonce: u64, balance: u64) -> AccountState {
    AccountState {
        nonce,
        balance: Amount(balance),
        has_code: false,
    }
}

fn ids(transactions: &[VerifiedTransaction]) -> Vec<TransactionId> {
    transactions.iter().map(|transaction| transaction.id()).collect()
}

#[test]
fn undone_transactions_wait_again_in_order_of_their_nonces() {
    let mut pool = pool();
    let sent: Vec<VerifiedTransaction> = (0..4).map(|nonce| tx(1, nonce, 1)).collect();
    for transaction in &sent {
        insert(&mut pool, transaction).unwrap();
    }
    pool.on_block(at(1), 1, &[(sender(1), account(2))]);
    assert_eq!(ids(&ready(&pool)), ids(&sent[2..]));
    let switched = pool.on_switch(at(2), 1, sent[..2].iter().cloned(), &[(sender(1), account(0))]);
    check(&pool);
    assert_eq!(switched.returned, ids(&sent[..2]));
    assert_eq!((switched.refused, switched.dropped), (vec![], vec![]));
    assert_eq!(ids(&ready(&pool)), ids(&sent));
}

#[test]
fn what_the_new_branch_holds_too_does_not_return() {
    let mut pool = pool();
    let sent: Vec<VerifiedTransaction> = (0..3).map(|nonce| tx(1, nonce, 1)).collect();
    pool.on_block(at(1), 5, &[(sender(1), account(3))]);
    let switched = pool.on_switch(at(2), 6, sent.clone(), &[(sender(1), account(2))]);
    check(&pool);
    assert_eq!(switched.returned, ids(&sent[2..]));
    let used: Vec<(TransactionId, bool)> = switched
        .refused
        .iter()
        .map(|(id, rejection)| (*id, matches!(rejection, Rejection::NonceTooLow { .. })))
        .collect();
    assert_eq!(used, [(sent[0].id(), true), (sent[1].id(), true)]);
    let again = pool.on_switch(at(3), 6, sent, &[(sender(1), account(2))]);
    assert_eq!(
        (again.returned.len(), again.refused.len(), pool.count()),
        (0, 3, 1),
        "nothing twice"
    );
}

#[test]
fn an_earlier_transaction_goes_before_a_later_one_that_the_balance_does_not_cover() {
    let mut pool = pool();
    let rich = state(1, 2 * COST);
    for nonce in 1..3 {
        pool.insert(at(0), tx(1, nonce, 1), Origin::Remote, &rich)
            .unwrap();
    }
    // Undone with it: what the sender had received, and its own payment of nonce 0.
    let switched = pool.on_switch(at(1), 0, [tx(1, 0, 1)], &[(sender(1), state(0, 2 * COST))]);
    check(&pool);
    assert_eq!(switched.returned, [tx(1, 0, 1).id()]);
    assert_eq!(ids(&ready(&pool)), ids(&[tx(1, 0, 1), tx(1, 1, 1)]));
    let gone: Vec<_> = switched
        .dropped
        .iter()
        .map(|dropped| (dropped.nonce, dropped.reason))
        .collect();
    assert_eq!(gone, [(2, DropReason::Unaffordable)]);
}

#[test]
fn the_height_goes_back_and_what_expired_on_the_way_is_refused() {
    let mut pool = pool();
    let until = |height| {
        let transaction = Transaction {
            last_valid_height: Some(height),
            ..transfer(1, 0)
        };
        sign(1, &transaction)
    };
    pool.on_block(at(1), 9, &[(sender(1), account(1))]);
    let switched = pool.on_switch(at(2), 8, [until(8)], &[(sender(1), account(0))]);
    assert!(matches!(
        switched.refused[..],
        [(_, Rejection::Expired { next_height: 9, .. })]
    ));
    let switched = pool.on_switch(at(3), 7, [until(8)], &[(sender(1), account(0))]);
    assert_eq!(switched.returned.len(), 1);
}

#[test]
fn staked_amounts_count_into_the_cost_and_each_action_needs_its_gas() {
    let with = |action: Action, gas_limit| {
        let transaction = Transaction {
            action,
            gas_limit,
            ..transfer(1, 0)
        };
        sign(1, &transaction)
    };
    let bond = Action::Bond {
        amount: Amount(1_000),
        commission_basis_points: 0,
    };
    let delegate = Action::Delegate {
        validator: sender(2),
        amount: Amount(1_000),
    };
    let undelegate = Action::Undelegate {
        validator: sender(2),
        amount: Amount(1_000),
    };
    for (action, amount) in [
        (bond, 1_000),
        (delegate, 1_000),
        (undelegate, 0),
        (Action::Unjail, 0),
    ] {
        let gas = action.gas();
        let low = pool().precheck(&with(action.clone(), gas - 1)).unwrap_err();
        assert_eq!(
            low,
            Rejection::GasLimitTooLow {
                given: gas - 1,
                required: gas
            }
        );
        for (balance, fits) in [(gas + amount, true), (gas + amount - 1, false)] {
            let result = pool().insert(
                at(0),
                with(action.clone(), gas),
                Origin::Remote,
                &state(0, balance),
            );
            assert_eq!(result.is_ok(), fits, "{action:?}");
        }
    }
}

#[derive(Clone, Debug)]
enum Step {
    /// Sender, how far ahead, price.
    Insert(u8, u64, u64),
    /// How many of the ready ones.
    Block(usize),
    /// How many blocks are undone, and for each sender how many of its transactions the new branch holds.
    Switch(usize, [usize; 4]),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => (1..=4_u8, 0..4_u64, 1..20_u64).prop_map(|(sender, ahead, price)| Step::Insert(sender, ahead, price)),
        3 => (0..5_usize).prop_map(Step::Block),
        2 => (0..4_usize, prop::array::uniform4(0..4_usize)).prop_map(|(depth, kept)| Step::Switch(depth, kept)),
    ]
}

/// A chain of blocks beside a pool, and what the pool should hold.
struct World {
    pool: Mempool,
    balance: u64,
    blocks: Vec<Vec<VerifiedTransaction>>,
    nonces: BTreeMap<u8, u64>,
    waiting: BTreeSet<TransactionId>,
}

impl World {
    fn new(config: Config, balance: u64) -> Self {
        Self {
            pool: Mempool::new(config, 0),
            balance,
            blocks: Vec::new(),
            nonces: (1..=4).map(|seed| (seed, 0)).collect(),
            waiting: BTreeSet::new(),
        }
    }

    fn accounts(&self) -> Vec<(Address, AccountState)> {
        let account = |(seed, nonce): (&u8, &u64)| (sender(*seed), state(*nonce, self.balance));
        let mut accounts: Vec<_> = self.nonces.iter().map(account).collect();
        accounts.sort_unstable_by_key(|(address, _)| *address);
        accounts
    }

    fn height(&self) -> u64 {
        u64::try_from(self.blocks.len()).unwrap()
    }

    fn include(&mut self, block: Vec<VerifiedTransaction>) {
        for transaction in &block {
            let seed = (1..=4)
                .find(|seed| sender(*seed) == transaction.sender())
                .unwrap();
            let nonce = self.nonces.get_mut(&seed).unwrap();
            assert_eq!(transaction.transaction().nonce, *nonce, "out of order");
            *nonce += 1;
        }
        self.blocks.push(block);
    }

    fn forget(&mut self, dropped: &[Dropped]) {
        for gone in dropped {
            self.waiting.remove(&gone.id);
        }
    }

    fn step(&mut self, step: Step) {
        match step {
            Step::Insert(seed, ahead, price) => {
                let nonce = self
                    .pool
                    .next_nonce(&sender(seed), state(self.nonces[&seed], 0))
                    .next_expected;
                let transaction = tx(seed, nonce + ahead, price);
                let account = state(self.nonces[&seed], self.balance);
                if let Ok(admitted) = self
                    .pool
                    .insert(at(0), transaction.clone(), Origin::Remote, &account)
                {
                    admitted.replaced.map(|id| self.waiting.remove(&id));
                    self.forget(&admitted.evicted);
                    self.waiting.insert(transaction.id());
                }
            }
            Step::Block(count) => {
                let block: Vec<_> = self.pool.ready().take(count).collect();
                self.include(block);
                let dropped = self.pool.on_block(at(0), self.height(), &self.accounts());
                self.forget(&dropped);
            }
            Step::Switch(depth, kept) => self.switch(depth, kept),
        }
    }

    fn switch(&mut self, depth: usize, kept: [usize; 4]) {
        let undone: Vec<VerifiedTransaction> = self
            .blocks
            .split_off(self.blocks.len().saturating_sub(depth))
            .into_iter()
            .flatten()
            .collect();
        let (mut applied, mut left) = (Vec::new(), Vec::new());
        for (seed, kept) in (1..=4).zip(kept) {
            let own: Vec<_> = undone
                .iter()
                .filter(|transaction| transaction.sender() == sender(seed))
                .collect();
            *self.nonces.get_mut(&seed).unwrap() -= u64::try_from(own.len()).unwrap();
            applied.extend(own.iter().take(kept).map(|transaction| (*transaction).clone()));
            left.extend(own.iter().skip(kept).map(|transaction| transaction.id()));
        }
        self.include(applied);
        let switched = self
            .pool
            .on_switch(at(0), self.height(), undone.clone(), &self.accounts());
        self.forget(&switched.dropped);
        let told: Vec<_> = switched
            .refused
            .iter()
            .map(|(id, _)| *id)
            .chain(switched.returned.clone())
            .collect();
        assert_eq!(
            BTreeSet::from_iter(told),
            BTreeSet::from_iter(ids(&undone)),
            "each has an answer"
        );
        assert!(
            switched.returned.iter().all(|id| left.contains(id)),
            "none that the new branch holds"
        );
        for id in &switched.returned {
            if !switched.dropped.iter().any(|gone| gone.id == *id) {
                self.waiting.insert(*id);
            }
        }
        if self.pool.config().max_transactions > 1_000 && self.balance > 1 << 30 {
            let missing: Vec<_> = left.iter().filter(|id| !switched.returned.contains(id)).collect();
            assert_eq!(
                missing,
                Vec::<&TransactionId>::new(),
                "with room and money all return"
            );
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_pool_follows_a_chain_that_is_made_anew(
        steps in prop::collection::vec(step(), 1..60),
        limits in prop_oneof![Just((100_000, 1_u64 << 40)), Just((8, 1 << 40)), Just((100_000, 5 * COST)), Just((8, 3 * COST))],
    ) {
        let (max_transactions, balance) = limits;
        let mut world = World::new(Config { max_transactions, ..config() }, balance);
        for step in steps {
            world.step(step);
            check(&world.pool);
            prop_assert_eq!(world.pool.count(), world.waiting.len());
            prop_assert!(world.waiting.iter().all(|id| world.pool.by_id(id).is_some()));
        }
    }
}
