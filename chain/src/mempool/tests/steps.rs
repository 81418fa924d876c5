//! One rule after the other.

use aureon_types::{Hash, SignedTransaction, TransactionId};

use super::*;
use crate::mempool::{DropReason, Dropped, NonceInfo, Picker, Placement};

fn dropped(dropped: &[Dropped]) -> Vec<(TransactionId, DropReason)> {
    dropped
        .iter()
        .map(|dropped| (dropped.id, dropped.reason))
        .collect()
}

fn ids(transactions: &[VerifiedTransaction]) -> Vec<TransactionId> {
    transactions.iter().map(|transaction| transaction.id()).collect()
}

#[test]
fn rejections_name_the_reason_and_the_numbers() {
    let sent = |change: fn(&mut Transaction)| {
        let mut transaction = transfer(1, 3);
        change(&mut transaction);
        sign(1, &transaction)
    };
    let cases: Vec<(VerifiedTransaction, &str)> = vec![
        (
            sent(|tx| tx.nonce = 103),
            "nonce 103 is too far ahead: next is 3, at most 64 ahead",
        ),
        (sent(|tx| tx.nonce = 2), "nonce 2 is too low: next is 3"),
        (
            sent(|tx| tx.gas_limit = 20_999),
            "gas limit 20999 is too low: this transaction needs 21000",
        ),
        (
            sent(|tx| tx.gas_limit = 2_100_001),
            "gas limit 2100001 is too high: a block has 2100000",
        ),
        (
            sent(|tx| tx.gas_price = 0),
            "gas price 0 is too low: this network's minimum is 1",
        ),
        (
            sent(|tx| tx.gas_price = u64::MAX),
            "gas limit 21000 at price 18446744073709551615 and the amount 5 are more base units than can exist",
        ),
        (
            sent(|tx| tx.last_valid_height = Some(10)),
            "the transaction was valid up to height 10, the next block is 11",
        ),
        (
            sent(|tx| tx.gas_price = 3),
            "the sender has 50000 base units, 0 are spoken for by its waiting transactions, this one can cost 63005",
        ),
    ];
    let mut pool = Mempool::new(config(), 10);
    let account = AccountState {
        nonce: 3,
        balance: Amount(50_000),
        has_code: false,
    };
    for (transaction, words) in cases {
        let rejection = pool
            .insert(at(0), transaction, Origin::Local, &account)
            .unwrap_err();
        assert_eq!(rejection.to_string(), words);
        check(&pool);
    }
    let contract = AccountState {
        has_code: true,
        ..account
    };
    let rejection = pool
        .insert(at(0), tx(1, 3, 1), Origin::Local, &contract)
        .unwrap_err();
    assert_eq!(rejection, Rejection::SenderHasCode(sender(1)));
    assert_eq!(pool.count(), 0);
    assert!(
        pool.insert(
            at(0),
            sent(|tx| tx.last_valid_height = Some(11)),
            Origin::Local,
            &account
        )
        .is_ok()
    );
}

#[test]
fn the_cheap_checks_need_no_signature() {
    let mut pool = pool();
    let foreign = Transaction {
        network: 1,
        ..transfer(1, 0)
    }
    .sign(&key(1), &GENESIS);
    let expected = GENESIS.network_hint();
    assert_eq!(
        pool.precheck(&foreign),
        Err(Rejection::WrongNetwork { given: 1, expected })
    );
    let known = tx(1, 0, 1);
    assert_eq!(pool.precheck(&known), Ok(()));
    insert(&mut pool, &known).unwrap();
    assert_eq!(pool.precheck(&known), Err(Rejection::AlreadyKnown(known.id())));
    assert_eq!(
        insert(&mut pool, &known),
        Err(Rejection::AlreadyKnown(known.id()))
    );
    let other_signature =
        SignedTransaction::from_parts(known.payload(), aureon_types::Signature([1; 64])).unwrap();
    assert_eq!(
        pool.precheck(&other_signature),
        Err(Rejection::AlreadyKnown(known.id()))
    );
    assert_eq!(
        pool.by_leaf(&other_signature.leaf()),
        None,
        "looked up by leaf it is another one"
    );
}

#[test]
fn a_gap_parks_and_its_filling_makes_ready() {
    let mut pool = pool();
    for (nonce, waits_for) in [(0, None), (2, Some(1)), (3, Some(1)), (64 + 1, Some(1))] {
        let placement = insert(&mut pool, &tx(1, nonce, 1)).unwrap().placement;
        assert_eq!(
            placement,
            waits_for.map_or(Placement::Ready, |waits_for| Placement::Parked { waits_for })
        );
    }
    let (nonce, next, ahead) = (66, 1, 64);
    assert_eq!(
        insert(&mut pool, &tx(1, 66, 1)),
        Err(Rejection::NonceTooFarAhead { nonce, next, ahead })
    );
    assert_eq!(
        pool.next_nonce(&sender(1), account(0)),
        NonceInfo {
            next_on_chain: 0,
            next_expected: 1,
            parked: vec![2..=3, 65..=65],
            missing: vec![1..=1, 4..=64]
        }
    );
    assert_eq!(
        pool.view().nonces(&sender(1)),
        Some(pool.next_nonce(&sender(1), account(0)))
    );
    assert_eq!(pool.next_nonce(&sender(2), account(7)).next_expected, 7);
    assert_eq!((pool.ready_count(), pool.count()), (1, 4));
    assert_eq!(
        insert(&mut pool, &tx(1, 1, 1)).unwrap().placement,
        Placement::Ready
    );
    assert_eq!(pool.ready_count(), 4);
    assert!(insert(&mut pool, &tx(1, 66, 1)).is_ok(), "next is 4 now");
}

#[test]
fn a_replacement_needs_ten_percent_more() {
    assert_eq!(config().replacement_price(0), 1);
    for (current, needed) in [(1, 2), (10, 11), (11, 13), (100, 110), (101, 112)] {
        let mut pool = pool();
        let old = tx(1, 0, current);
        insert(&mut pool, &old).unwrap();
        let given = needed - 1;
        let cheap = sign(
            1,
            &to(
                sender(2),
                1,
                Transaction {
                    gas_price: given,
                    ..transfer(1, 0)
                },
            ),
        );
        let rejection = Rejection::ReplacementUnderpriced {
            nonce: 0,
            current,
            needed,
            given,
        };
        assert_eq!(insert(&mut pool, &cheap), Err(rejection));
        let dear = tx(1, 0, needed);
        assert_eq!(insert(&mut pool, &dear).unwrap().replaced, Some(old.id()));
        assert_eq!(ready(&pool), [dear]);
        assert_eq!(pool.by_leaf(&old.leaf()), None);
    }
}

#[test]
fn what_waits_is_counted_against_the_balance() {
    let mut pool = pool();
    let account = AccountState {
        balance: Amount(3 * COST - 1),
        ..account(0)
    };
    let mut insert = |nonce, price, balance: Amount| {
        let account = AccountState { balance, ..account };
        pool.insert(at(0), tx(1, nonce, price), Origin::Remote, &account)
    };
    assert!(insert(0, 1, account.balance).is_ok());
    assert!(insert(5, 1, account.balance).is_ok(), "parked ones count too");
    let (queued, cost) = (Amount(2 * COST), Amount(COST));
    let rejection = Rejection::InsufficientBalance {
        balance: account.balance,
        queued,
        cost,
    };
    assert_eq!(insert(1, 1, account.balance), Err(rejection));
    assert!(
        insert(5, 3, Amount(2 * COST)).is_err(),
        "a replacement gives back only what it replaces"
    );
    assert!(
        insert(1, 1, Amount(3 * COST)).is_ok(),
        "a balance that rose is seen"
    );
    check(&pool);
}

#[test]
fn a_read_that_is_older_than_the_pool_takes_nothing_back() {
    let mut pool = pool();
    for (nonce, balance) in [(0, 2 * COST), (1, COST)] {
        let account = AccountState {
            balance: Amount(balance),
            ..account(0)
        };
        pool.insert(at(0), tx(1, nonce, 1), Origin::Remote, &account)
            .unwrap();
        check(&pool);
    }
}

#[test]
fn a_full_sender_is_refused_except_before_its_last() {
    let mut pool = Mempool::new(
        Config {
            max_per_sender: 3,
            ..config()
        },
        0,
    );
    for nonce in [0, 1, 5] {
        insert(&mut pool, &tx(1, nonce, 1)).unwrap();
    }
    assert_eq!(
        insert(&mut pool, &tx(1, 6, 1)),
        Err(Rejection::SenderFull { count: 3 })
    );
    let admitted = insert(&mut pool, &tx(1, 2, 1)).unwrap();
    assert_eq!(
        dropped(&admitted.evicted),
        [(tx(1, 5, 1).id(), DropReason::Evicted)]
    );
    assert_eq!((pool.ready_count(), pool.count()), (3, 3));
    assert!(
        insert(&mut pool, &tx(1, 2, 2)).is_ok(),
        "a replacement needs no room"
    );
}

#[test]
fn a_full_pool_drops_the_cheapest_end_and_never_a_middle() {
    let mut pool = Mempool::new(
        Config {
            max_transactions: 4,
            ..config()
        },
        0,
    );
    // Sender 1's cheap first transaction is not its last: it stays. Sender 2's last is the cheapest end.
    for transaction in [tx(1, 0, 1), tx(1, 1, 9), tx(2, 0, 5), tx(2, 1, 3)] {
        insert(&mut pool, &transaction).unwrap();
    }
    let full = |given| {
        let (count, bytes) = (4, 4 * tx(1, 0, 1).size());
        Err(Rejection::PoolFull {
            count,
            bytes,
            given,
            lowest: 3,
        })
    };
    assert_eq!(insert(&mut pool, &tx(3, 0, 2)), full(2));
    assert_eq!(insert(&mut pool, &tx(3, 0, 3)), full(3));
    let admitted = insert(&mut pool, &tx(3, 0, 4)).unwrap();
    assert_eq!(
        dropped(&admitted.evicted),
        [(tx(2, 1, 3).id(), DropReason::Evicted)]
    );
    // Now the ends are 9, 5 and the newcomer's 4, which must not go for its own successor.
    assert!(insert(&mut pool, &tx(3, 1, 5)).is_err());
    let admitted = insert(&mut pool, &tx(3, 1, 6)).unwrap();
    assert_eq!(
        dropped(&admitted.evicted),
        [(tx(2, 0, 5).id(), DropReason::Evicted)]
    );
    let words = insert(&mut pool, &tx(4, 0, 1)).unwrap_err().to_string();
    assert!(words.starts_with("the pool is full (4 transactions, "), "{words}");
    assert!(
        words.ends_with("gas price 1 is not above the lowest there, 6"),
        "{words}"
    );
}

#[test]
fn among_equals_the_latest_goes_first() {
    let mut pool = Mempool::new(
        Config {
            max_transactions: 2,
            ..config()
        },
        0,
    );
    for sender in [1, 2] {
        insert(&mut pool, &tx(sender, 0, 1)).unwrap();
    }
    let admitted = insert(&mut pool, &tx(3, 0, 2)).unwrap();
    assert_eq!(
        admitted
            .evicted
            .iter()
            .map(|dropped| dropped.sender)
            .collect::<Vec<_>>(),
        [sender(2)]
    );
}

#[test]
fn the_parked_cannot_crowd_out_the_ready() {
    let mut pool = Mempool::new(
        Config {
            max_transactions: 3,
            ..config()
        },
        0,
    );
    for transaction in [tx(1, 0, 1), tx(2, 0, 1), tx(3, 5, 2)] {
        insert(&mut pool, &transaction).unwrap();
    }
    let admitted = insert(&mut pool, &tx(4, 5, 3)).unwrap();
    assert_eq!(
        dropped(&admitted.evicted),
        [(tx(3, 5, 2).id(), DropReason::Evicted)]
    );
    let rejection = insert(&mut pool, &tx(3, 5, 3)).unwrap_err();
    assert!(
        matches!(
            rejection,
            Rejection::PoolFullForParked {
                nonce: 5,
                next: 0,
                ..
            }
        ),
        "{rejection}"
    );
    assert!(insert(&mut pool, &tx(3, 5, 100)).is_ok());
    assert_eq!(pool.ready_count(), 2);
    let admitted = insert(&mut pool, &tx(5, 0, 101)).unwrap();
    assert_eq!(
        admitted.evicted[0].sender,
        sender(2),
        "the cheapest end, ready or not"
    );
}

#[test]
fn at_the_same_price_the_parked_go_first() {
    let mut pool = Mempool::new(
        Config {
            max_transactions: 2,
            ..config()
        },
        0,
    );
    for transaction in [tx(1, 5, 1), tx(2, 0, 1)] {
        insert(&mut pool, &transaction).unwrap();
    }
    let admitted = insert(&mut pool, &tx(3, 0, 2)).unwrap();
    assert_eq!(
        dropped(&admitted.evicted),
        [(tx(1, 5, 1).id(), DropReason::Evicted)]
    );
}

#[test]
fn the_bound_in_bytes_holds_too() {
    let size = tx(1, 0, 1).size();
    let mut pool = Mempool::new(
        Config {
            max_bytes: 3 * size,
            ..config()
        },
        0,
    );
    for number in 1..=3 {
        insert(&mut pool, &tx(number, 0, 1)).unwrap();
    }
    assert!(matches!(
        insert(&mut pool, &tx(4, 0, 1)),
        Err(Rejection::PoolFull { count: 3, .. })
    ));
    // A few bytes longer than what one eviction frees: two go.
    let longer = sign(
        4,
        &Transaction {
            last_valid_height: Some(9),
            gas_price: 2,
            ..transfer(4, 0)
        },
    );
    assert!(longer.size() > size);
    assert_eq!(insert(&mut pool, &longer).unwrap().evicted.len(), 2);
    assert_eq!(pool.count(), 2);
}

#[test]
fn room_is_never_made_by_a_dearer_one() {
    let size = tx(1, 0, 1).size();
    let mut pool = Mempool::new(
        Config {
            max_bytes: 3 * size,
            ..config()
        },
        0,
    );
    for transaction in [tx(1, 0, 9), tx(1, 1, 1), tx(2, 0, 2)] {
        insert(&mut pool, &transaction).unwrap();
    }
    let longer = |price| {
        sign(
            3,
            &Transaction {
                last_valid_height: Some(9),
                gas_price: price,
                ..transfer(3, 0)
            },
        )
    };
    let rejection = insert(&mut pool, &longer(2)).unwrap_err();
    assert!(
        matches!(
            rejection,
            Rejection::PoolFull {
                count: 3,
                lowest: 1,
                ..
            }
        ),
        "not half an eviction"
    );
    let admitted = insert(&mut pool, &longer(5)).unwrap();
    let evicted = [tx(1, 1, 1).id(), tx(2, 0, 2).id()].map(|id| (id, DropReason::Evicted));
    assert_eq!(
        dropped(&admitted.evicted),
        evicted,
        "behind its cheap successor the dear one stays"
    );
}

#[test]
fn the_dearest_first_then_the_earliest_and_each_sender_in_order() {
    let mut pool = pool();
    let all = [
        tx(1, 0, 2),
        tx(1, 1, 9),
        tx(2, 0, 5),
        tx(3, 0, 5),
        tx(2, 1, 1),
        tx(4, 1, 99),
    ];
    for transaction in &all {
        insert(&mut pool, transaction).unwrap();
    }
    let [a0, a1, b0, c0, b1, _] = all;
    let expected = ids(&[b0, c0, a0, a1, b1]);
    assert_eq!(ids(&ready(&pool)), expected);
    assert_eq!(ids(&order_by_definition(&pool)), expected);
    for piece in 1..6 {
        let mut picker = Picker::default();
        let mut picked = Vec::new();
        while picked.len() < 5 {
            picked.extend(pool.pick(&mut picker, piece));
        }
        assert_eq!(ids(&picked), expected, "in pieces of {piece}");
        assert!(pool.pick(&mut picker, piece).is_empty());
    }
    assert_eq!(ids(&pool.ready().take(2).collect::<Vec<_>>()), expected[..2]);
}

#[test]
fn a_selection_in_pieces_survives_changes() {
    let mut pool = pool();
    for transaction in [tx(1, 0, 5), tx(1, 1, 5), tx(2, 0, 4), tx(3, 0, 3)] {
        insert(&mut pool, &transaction).unwrap();
    }
    let mut picker = Picker::default();
    assert_eq!(pool.pick(&mut picker, 1), [tx(1, 0, 5)]);
    let replacement = tx(1, 1, 50);
    insert(&mut pool, &replacement).unwrap();
    pool.drop_inapplicable(at(0), [tx(2, 0, 4).id()]);
    check(&pool);
    assert_eq!(
        pool.pick(&mut picker, 9),
        [tx(3, 0, 3)],
        "the noted successor was replaced: passed over"
    );
    assert_eq!(ready(&pool), [tx(1, 0, 5), replacement, tx(3, 0, 3)]);
}

#[test]
fn a_block_takes_what_it_included_and_only_touches_its_senders() {
    let mut pool = pool();
    for transaction in [tx(1, 0, 1), tx(1, 1, 1), tx(1, 3, 1), tx(2, 0, 1)] {
        insert(&mut pool, &transaction).unwrap();
    }
    let told = pool.on_block(at(1), 1, &[(sender(1), account(1)), (sender(9), account(4))]);
    check(&pool);
    assert_eq!(dropped(&told), [(tx(1, 0, 1).id(), DropReason::NonceUsed)]);
    assert_eq!(ready(&pool), [tx(1, 1, 1), tx(2, 0, 1)]);
    // Another node's transaction filled the gap.
    let told = pool.on_block(at(2), 2, &[(sender(1), account(3))]);
    check(&pool);
    assert_eq!(dropped(&told), [(tx(1, 1, 1).id(), DropReason::NonceUsed)]);
    assert_eq!(ready(&pool), [tx(1, 3, 1), tx(2, 0, 1)]);
    // Stale reads come after a block: the pool knows better.
    let rejection = pool
        .insert(at(2), tx(1, 1, 2), Origin::Remote, &account(1))
        .unwrap_err();
    assert_eq!(rejection, Rejection::NonceTooLow { nonce: 1, next: 4 });
    pool.on_block(at(3), 3, &[(sender(1), account(4)), (sender(2), account(1))]);
    check(&pool);
    assert_eq!((pool.count(), pool.bytes(), pool.has_ready()), (0, 0, false));
}

#[test]
fn a_block_that_leaves_too_little_drops_the_last_ones() {
    let mut pool = pool();
    for nonce in 0..4 {
        insert(&mut pool, &tx(1, nonce, 1)).unwrap();
    }
    let left = AccountState {
        nonce: 1,
        balance: Amount(2 * COST),
        has_code: false,
    };
    let told = pool.on_block(at(1), 1, &[(sender(1), left)]);
    check(&pool);
    let used = (tx(1, 0, 1).id(), DropReason::NonceUsed);
    assert_eq!(
        dropped(&told),
        [used, (tx(1, 3, 1).id(), DropReason::Unaffordable)]
    );
}

#[test]
fn an_undone_block_parks_until_its_transactions_are_back() {
    let mut pool = pool();
    pool.insert(at(0), tx(1, 2, 1), Origin::Remote, &account(2))
        .unwrap();
    pool.on_block(at(1), 4, &[(sender(1), account(0))]);
    check(&pool);
    assert_eq!(pool.ready_count(), 0);
    for nonce in [0, 1] {
        insert(&mut pool, &tx(1, nonce, 1)).unwrap();
    }
    assert_eq!(pool.ready_count(), 3);
}

#[test]
fn what_waited_too_long_goes() {
    let mut pool = pool();
    let limited = sign(
        2,
        &Transaction {
            last_valid_height: Some(5),
            ..transfer(2, 0)
        },
    );
    for transaction in [&tx(1, 0, 1), &tx(1, 1, 1), &tx(1, 9, 1), &limited] {
        insert(&mut pool, transaction).unwrap();
    }
    assert!(pool.expire(at(599), 9).is_empty());
    pool.on_block(at(599), 4, &[]);
    assert!(
        pool.expire(at(599), 9).is_empty(),
        "height 5 is the next: still valid"
    );
    pool.on_block(at(599), 5, &[]);
    assert_eq!(
        dropped(&pool.expire(at(599), 9)),
        [(limited.id(), DropReason::HeightPassed)]
    );
    assert_eq!(
        dropped(&pool.expire(at(600), 9)),
        [(tx(1, 9, 1).id(), DropReason::ParkedTooLong)]
    );
    assert!(pool.expire(at(3 * 3600 - 1), 9).is_empty());
    assert_eq!(
        dropped(&pool.expire(at(3 * 3600), 1)),
        [(tx(1, 0, 1).id(), DropReason::TooOld)]
    );
    check(&pool);
    assert_eq!(
        (pool.count(), pool.ready_count()),
        (1, 0),
        "a bounded step; the successor is parked"
    );
    assert_eq!(
        dropped(&pool.expire(at(3 * 3600), 9)),
        [(tx(1, 1, 1).id(), DropReason::TooOld)]
    );
    check(&pool);
}

#[test]
fn what_lost_its_predecessor_waits_anew() {
    let mut pool = pool();
    for nonce in 0..3 {
        insert(&mut pool, &tx(1, nonce, 1)).unwrap();
    }
    pool.drop_inapplicable(at(100), [tx(1, 0, 1).id(), TransactionId([7; 32])]);
    check(&pool);
    assert!(pool.expire(at(699), 9).is_empty());
    assert_eq!(pool.expire(at(700), 9).len(), 2);
    check(&pool);
}

#[test]
fn local_transactions_are_announced_until_they_are_included() {
    let mut pool = pool();
    let local = tx(1, 0, 1);
    pool.insert(at(0), local.clone(), Origin::Local, &account(0))
        .unwrap();
    insert(&mut pool, &tx(2, 0, 1)).unwrap();
    let mut told = Vec::new();
    for second in 0..1_000 {
        for announcement in pool.due_announcements(at(second), 9) {
            assert_eq!(announcement.transaction, local);
            told.push((second, announcement.attempt));
        }
        check(&pool);
    }
    assert_eq!(
        told,
        [(10, 1), (30, 2), (70, 3), (150, 4), (310, 5), (630, 6), (950, 7)]
    );
    pool.on_block(at(1_000), 1, &[(sender(1), account(1))]);
    check(&pool);
    assert!(pool.due_announcements(at(1_000_000), 9).is_empty());
}

#[test]
fn submitting_again_announces_again() {
    let mut pool = pool();
    let remote = tx(1, 0, 1);
    insert(&mut pool, &remote).unwrap();
    assert!(!pool.announce_again(at(5), &TransactionId([0; 32])));
    for _ in 0..3 {
        assert!(pool.announce_again(at(5), &remote.id()));
        check(&pool);
    }
    assert!(pool.due_announcements(at(6), 9).is_empty(), "not with every call");
    let due = pool.due_announcements(at(7), 9);
    assert_eq!(due.iter().map(|due| due.attempt).collect::<Vec<_>>(), [1]);
    assert!(pool.due_announcements(at(7), 9).is_empty());
    check(&pool);
}

#[test]
fn due_announcements_come_in_pieces() {
    let mut pool = pool();
    for nonce in 0..5 {
        pool.insert(at(0), tx(1, nonce, 1), Origin::Local, &account(0))
            .unwrap();
    }
    let counts: Vec<usize> = (0..4).map(|_| pool.due_announcements(at(10), 2).len()).collect();
    assert_eq!(counts, [2, 2, 1, 0]);
}

#[test]
fn a_view_stays_as_it_was_while_the_pool_goes_on() {
    let mut pool = pool();
    for nonce in [0, 1, 5] {
        insert(&mut pool, &tx(1, nonce, 1)).unwrap();
    }
    let view = pool.view();
    insert(&mut pool, &tx(1, 2, 1)).unwrap();
    insert(&mut pool, &tx(2, 0, 7)).unwrap();
    pool.on_block(at(0), 1, &[(sender(1), account(2))]);
    check(&pool);
    assert_eq!(
        (view.ready, view.parked, view.bytes),
        (2, 1, 3 * tx(1, 0, 1).size())
    );
    let nonces = |view: &crate::mempool::MempoolView| {
        view.of_sender(&sender(1))
            .map(|listed| listed.nonce)
            .collect::<Vec<_>>()
    };
    assert_eq!(nonces(&view), [0, 1, 5]);
    assert_eq!(view.nonces(&sender(2)), None);
    assert_eq!(
        view.first.iter().map(|listed| listed.id).collect::<Vec<_>>(),
        [tx(1, 0, 1).id(), tx(1, 1, 1).id()]
    );
    assert_eq!(nonces(&pool.view()), [2, 5]);
    assert_eq!(pool.view().first[0].gas_price, 7);
    assert_eq!(pool.by_leaf(&Hash::ZERO), None);
}

/// A contract's call or deployment: gas limit and value are spoken for, bytes count, and the base gas
/// must be there.
#[test]
fn contracts_cost_their_gas_limit_and_their_value_and_count_with_their_bytes() {
    let deploy = |value: u64, gas_limit: u64, nonce: u64| {
        let transaction = Transaction {
            gas_limit,
            action: Action::Deploy {
                code: vec![1; 2_000].into(),
                input: vec![2; 100].into(),
                upgradable: false,
                value: Amount(value),
            },
            ..transfer(1, nonce)
        };
        sign(1, &transaction)
    };
    let base = 32_000 + 2_000 * 200 + 100 * 16;
    let mut pool = pool();
    assert_eq!(
        insert(&mut pool, &deploy(0, base - 1, 0)).unwrap_err(),
        Rejection::GasLimitTooLow {
            given: base - 1,
            required: base
        }
    );
    let poor = AccountState {
        balance: Amount(base + 99),
        ..account(0)
    };
    let (dear, good) = (deploy(100, base, 0), deploy(99, base, 0));
    assert_eq!(
        pool.insert(at(0), dear, Origin::Remote, &poor).unwrap_err(),
        Rejection::InsufficientBalance {
            balance: Amount(base + 99),
            queued: Amount(0),
            cost: Amount(base + 100)
        }
    );
    pool.insert(at(0), good.clone(), Origin::Remote, &poor).unwrap();
    check(&pool);
    let small = Config {
        max_bytes: good.size(),
        ..config()
    };
    let mut full = Mempool::new(small, 0);
    insert(&mut full, &good).unwrap();
    assert!(matches!(
        insert(&mut full, &deploy(0, base, 1)),
        Err(Rejection::PoolFull { .. } | Rejection::PoolFullForParked { .. })
    ));
}
