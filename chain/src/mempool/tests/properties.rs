//! Random use of a small pool: whatever happens, the invariants hold, the order is the one of the
//! definition, and every transaction that went was told.

use std::collections::BTreeSet;

use aureon_types::TransactionId;
use proptest::prelude::*;

use super::*;
use crate::mempool::Dropped;

#[derive(Clone, Debug)]
enum Step {
    Insert {
        sender: u8,
        nonce: u64,
        price: u64,
        last: Option<u64>,
        local: bool,
    },
    Block {
        sender: u8,
        nonce: u64,
        balance: u64,
    },
    Expire {
        after: u64,
    },
    Announce,
    DropInapplicable {
        pick: usize,
    },
    View,
}

fn step() -> impl Strategy<Value = Step> {
    let insert = (
        1..6_u8,
        0..12_u64,
        1..8_u64,
        prop::option::weighted(0.1, 1..40_u64),
        any::<bool>(),
    );
    prop_oneof![
        12 => insert.prop_map(|(sender, nonce, price, last, local)| Step::Insert { sender, nonce, price, last, local }),
        3 => (1..6_u8, 0..9_u64, 0..40 * COST)
            .prop_map(|(sender, nonce, balance)| Step::Block { sender, nonce, balance }),
        1 => (1..400_u64).prop_map(|after| Step::Expire { after }),
        1 => Just(Step::Announce),
        1 => (0..20_usize).prop_map(|pick| Step::DropInapplicable { pick }),
        1 => Just(Step::View),
    ]
}

/// The pool under test, and what it should hold by what it told.
struct Tester {
    pool: Mempool,
    told: BTreeSet<TransactionId>,
    accounts: Vec<AccountState>,
    now: u64,
    height: u64,
}

impl Tester {
    fn new() -> Self {
        let size = tx(1, 0, 1).size();
        let config = Config {
            max_transactions: 12,
            max_bytes: 11 * size,
            max_per_sender: 5,
            max_ahead: 6,
            ..config()
        };
        Self {
            pool: Mempool::new(config, 0),
            told: BTreeSet::new(),
            accounts: vec![
                AccountState {
                    balance: Amount(40 * COST),
                    ..account(0)
                };
                6
            ],
            now: 0,
            height: 0,
        }
    }

    fn forget(&mut self, dropped: &[Dropped]) {
        for dropped in dropped {
            assert!(
                self.told.remove(&dropped.id),
                "{dropped:?} was told twice, or never came in"
            );
        }
    }

    fn step(&mut self, step: Step) {
        match step {
            Step::Insert {
                sender,
                nonce,
                price,
                last,
                local,
            } => self.insert(sender, nonce, price, last, local),
            Step::Block {
                sender: number,
                nonce,
                balance,
            } => {
                self.height += 1;
                let account = AccountState {
                    nonce,
                    balance: Amount(balance),
                    has_code: false,
                };
                self.accounts[usize::from(number)] = account;
                let dropped = self
                    .pool
                    .on_block(at(self.now), self.height, &[(sender(number), account)]);
                self.forget(&dropped);
            }
            Step::Expire { after } => {
                self.now += after;
                let dropped = self.pool.expire(at(self.now), 3);
                self.forget(&dropped);
            }
            Step::Announce => drop(self.pool.due_announcements(at(self.now), 2)),
            Step::DropInapplicable { pick } => {
                let id = self.told.iter().nth(pick).copied();
                let dropped = self.pool.drop_inapplicable(at(self.now), id);
                self.forget(&dropped);
            }
            Step::View => drop(self.pool.view()),
        }
    }

    fn insert(&mut self, number: u8, nonce: u64, price: u64, last: Option<u64>, local: bool) {
        let transaction = Transaction {
            gas_price: price,
            last_valid_height: last,
            ..transfer(number, nonce)
        };
        let transaction = sign(number, &transaction);
        let origin = if local { Origin::Local } else { Origin::Remote };
        let account = self.accounts[usize::from(number)];
        let before = self.told.clone();
        if let Ok(admitted) = self
            .pool
            .insert(at(self.now), transaction.clone(), origin, &account)
        {
            self.forget(&admitted.evicted);
            if let Some(replaced) = admitted.replaced {
                assert!(self.told.remove(&replaced));
            }
            assert!(self.told.insert(transaction.id()));
            for evicted in admitted
                .evicted
                .iter()
                .filter(|evicted| evicted.sender != sender(number))
            {
                assert!(before.contains(&evicted.id));
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn invariants_hold_whatever_happens(steps in prop::collection::vec(step(), 1..80)) {
        let mut tester = Tester::new();
        let mut view = tester.pool.view();
        for step in steps {
            let keeps_view = matches!(step, Step::View);
            tester.step(step);
            check(&tester.pool);
            prop_assert_eq!(tester.pool.count(), tester.told.len());
            prop_assert!(tester.told.iter().all(|id| tester.pool.by_id(id).is_some()));
            prop_assert_eq!(ready(&tester.pool), order_by_definition(&tester.pool));
            if keeps_view {
                view = tester.pool.view();
            }
        }
        let listed: usize = (1..6).map(|number| view.of_sender(&sender(number)).count()).sum();
        prop_assert_eq!(listed, view.ready + view.parked, "a view changed after it was made");
    }

    /// The pool fills with whatever comes and keeps the dearest ends.
    #[test]
    fn an_eviction_is_always_for_a_dearer_one(prices in prop::collection::vec(1..30_u64, 13..40)) {
        let mut pool = Mempool::new(Config { max_transactions: 8, ..config() }, 0);
        for (number, price) in (1_u8..).zip(prices) {
            let lowest = ready(&pool).iter().map(|signed| signed.transaction().gas_price).min();
            let full = pool.count() == 8;
            match insert(&mut pool, &tx(number, 0, price)) {
                Ok(admitted) => prop_assert_eq!(admitted.evicted.len(), usize::from(full)),
                Err(rejection) => {
                    let is_full = matches!(rejection, Rejection::PoolFull { .. });
                    prop_assert!(full && is_full && lowest >= Some(price), "{}", rejection);
                }
            }
        }
    }
}
