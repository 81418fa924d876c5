//! Step tables for each rule, and random use with every invariant checked after every step.

mod properties;
mod steps;
mod switches;

use std::time::Duration;

use aureon_types::{Action, Address, Amount, Transaction, VerifiedTransaction, transaction::TRANSFER_GAS};

use super::{AccountState, Admitted, Config, Mempool, Origin, Rejection};
use crate::testing::{GENESIS, key, sign, transfer};

/// Room for one transaction of [`tx`] more than what it can cost at price 1.
const COST: u64 = TRANSFER_GAS + 5;

fn config() -> Config {
    Config::with_rules(GENESIS.network_hint(), 1, 100 * TRANSFER_GAS)
}

fn pool() -> Mempool {
    Mempool::new(config(), 0)
}

fn account(nonce: u64) -> AccountState {
    AccountState {
        nonce,
        balance: Amount(1 << 40),
        has_code: false,
    }
}

fn at(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// A transfer of 5 from `sender` at `price`.
fn tx(sender: u8, nonce: u64, price: u64) -> VerifiedTransaction {
    sign(
        sender,
        &Transaction {
            gas_price: price,
            ..transfer(sender, nonce)
        },
    )
}

/// Inserts a remote transaction of an account whose nonce is 0.
fn insert(pool: &mut Mempool, transaction: &VerifiedTransaction) -> Result<Admitted, Rejection> {
    let result = pool.insert(at(0), transaction.clone(), Origin::Remote, &account(0));
    check(pool);
    result
}

fn ready(pool: &Mempool) -> Vec<VerifiedTransaction> {
    pool.ready().collect()
}

/// Everything that must hold at any time.
fn check(pool: &Mempool) {
    let (mut count, mut bytes, mut parked, mut scheduled, mut heights) = (0, 0, 0, 0, 0);
    let (mut heads, mut tails) = (0, 0);
    for (sender, queue) in pool.senders.iter() {
        assert!(!queue.is_empty(), "an empty queue stays behind");
        assert!(queue.len() <= pool.config.max_per_sender);
        let cost: u64 = queue.iter().map(|entry| entry.cost).sum();
        assert_eq!(cost, queue.cost());
        assert!(
            cost <= queue.account().balance.0,
            "more is queued than the sender has"
        );
        let mut expected = queue.account().nonce;
        for entry in queue.iter() {
            let place = entry.place();
            assert_eq!(place.sender, *sender);
            assert!(place.nonce >= queue.account().nonce);
            let is_ready = place.nonce == expected;
            expected += u64::from(is_ready);
            assert_eq!(
                entry.parked_since.is_none(),
                is_ready,
                "ready is contiguous, the rest is parked"
            );
            assert_eq!(
                pool.by_id(&entry.transaction.id()).as_ref(),
                Some(&entry.transaction)
            );
            assert_eq!(
                pool.by_leaf(&entry.transaction.leaf()).as_ref(),
                Some(&entry.transaction)
            );
            assert_eq!(pool.index.arrivals.get(&entry.arrival), Some(&place));
            if let Some(since) = entry.parked_since {
                assert_eq!(pool.index.parked.get(&(since, entry.arrival)), Some(&place));
                parked += 1;
            }
            if let Some((when, _)) = entry.announcement {
                assert_eq!(pool.index.announcements.get(&(when, entry.arrival)), Some(&place));
                scheduled += 1;
            }
            if let Some(last) = entry.transaction.transaction().last_valid_height {
                assert_eq!(pool.index.heights.get(&(last, entry.arrival)), Some(&place));
                heights += 1;
            }
            count += 1;
            bytes += entry.transaction.size();
        }
        assert_eq!(queue.next(), expected);
        let ends = queue.ends();
        if let Some(head) = ends.head {
            assert!(pool.index.heads.contains(&head));
            heads += 1;
        }
        let (is_parked, tail) = ends.tail.unwrap();
        let set = if is_parked {
            &pool.index.parked_tails
        } else {
            &pool.index.ready_tails
        };
        assert!(set.contains(&tail));
        tails += 1;
    }
    assert_eq!(
        (pool.by_id.len(), pool.by_leaf.len(), pool.index.arrivals.len()),
        (count, count, count)
    );
    assert_eq!((pool.bytes, pool.ready_count()), (bytes, count - parked));
    assert_eq!(
        (pool.index.parked.len(), pool.index.announcements.len()),
        (parked, scheduled)
    );
    assert_eq!(
        (pool.index.heights.len(), pool.index.heads.len()),
        (heights, heads)
    );
    assert_eq!(
        pool.index.ready_tails.len() + pool.index.parked_tails.len(),
        tails
    );
    assert!(
        count <= pool.config.max_transactions && bytes <= pool.config.max_bytes,
        "a bound is broken"
    );
}

/// The order of inclusion by its definition: of the next ones of all senders, the dearest, then the
/// earliest.
fn order_by_definition(pool: &Mempool) -> Vec<VerifiedTransaction> {
    let mut queues: Vec<Vec<_>> = pool
        .senders
        .iter()
        .map(|(_, queue)| {
            queue
                .iter()
                .filter(|entry| entry.parked_since.is_none())
                .rev()
                .cloned()
                .collect()
        })
        .collect();
    let mut order = Vec::new();
    loop {
        let next = queues
            .iter_mut()
            .filter(|queue| !queue.is_empty())
            .min_by_key(|queue| {
                queue
                    .last()
                    .map(|entry| (std::cmp::Reverse(entry.price), entry.arrival))
            });
        let Some(entry) = next.and_then(Vec::pop) else {
            return order;
        };
        order.push(entry.transaction);
    }
}

fn to(recipient: Address, amount: u64, base: Transaction) -> Transaction {
    Transaction {
        action: Action::Transfer {
            recipient,
            amount: Amount(amount),
        },
        ..base
    }
}

fn sender(number: u8) -> Address {
    key(number).address()
}
