//! Step tables, and random blocks against a model that is too simple to be wrong.

use aureon_types::{
    Account, Action, Address, Amount, Failure, Hash, Transaction, hash::keccak256, limits::MAX_SUPPLY,
    transaction::TRANSFER_GAS,
};
use proptest::prelude::*;

use super::*;
use crate::testing::{MemoryState, NoCode, context, key, sign, transfer};

const PROPOSER: Address = Address([0xaa; 20]);
const RECIPIENT: Address = Address([0xee; 20]);

/// At the minimum price of the context.
fn payment(nonce: u64, amount: u64) -> Transaction {
    let action = Action::Transfer {
        recipient: RECIPIENT,
        amount: Amount(amount),
    };
    Transaction {
        gas_price: 2,
        action,
        ..transfer(1, nonce)
    }
}

const FEE: u64 = 2 * TRANSFER_GAS;

/// Executes and applies; the receipts and the state after.
fn run(
    state: &MemoryState,
    transactions: &[Transaction],
) -> (Vec<Result<Option<Failure>, Inapplicable>>, MemoryState) {
    let mut executor = BlockExecutor::new(state, &NoCode, context());
    let results = transactions
        .iter()
        .map(|transaction| match executor.execute(&sign(1, transaction)) {
            Ok(receipt) => Ok(receipt.failure.clone()),
            Err(ExecutionError::Inapplicable(reason)) => Err(reason),
            Err(ExecutionError::State(error)) => panic!("{error}"),
        });
    let results = results.collect();
    let outcome = executor.finish().unwrap();
    (results, state.apply(7, &outcome.changes).unwrap())
}

fn sender() -> Address {
    key(1).address()
}

#[test]
fn a_transfer_moves_the_amount_and_pays_the_proposer() {
    let state = MemoryState::with([(sender(), FEE + 10)]);
    let (results, after) = run(&state, &[payment(0, 4)]);
    assert_eq!(results, [Ok(None)]);
    assert_eq!(
        (after.get(&sender()).nonce, after.get(&sender()).balance),
        (1, Amount(6))
    );
    assert_eq!(after.get(&RECIPIENT).balance, Amount(4));
    assert_eq!(after.get(&PROPOSER).balance, Amount(FEE));
}

#[test]
fn what_fails_pays_its_fee_and_nothing_else() {
    let cases = [
        (
            "amount above what the fee leaves",
            payment(0, 11),
            Failure::InsufficientBalance {
                available: Amount(10),
                required: Amount(11),
            },
            FEE,
        ),
        (
            "too little gas",
            Transaction {
                gas_limit: 20_999,
                ..payment(0, 4)
            },
            Failure::OutOfGas {
                gas_limit: 20_999,
                required: TRANSFER_GAS,
            },
            2 * 20_999,
        ),
        (
            "no gas at all",
            Transaction {
                gas_limit: 0,
                ..payment(0, 4)
            },
            Failure::OutOfGas {
                gas_limit: 0,
                required: TRANSFER_GAS,
            },
            0,
        ),
    ];
    for (case, transaction, failure, fee) in cases {
        let state = MemoryState::with([(sender(), FEE + 10)]);
        let (results, after) = run(&state, &[transaction]);
        assert_eq!(results, [Ok(Some(failure))], "{case}");
        assert_eq!(after.get(&sender()).balance, Amount(FEE + 10 - fee), "{case}");
        assert_eq!(after.get(&sender()).nonce, 1, "{case}");
        assert_eq!(after.get(&PROPOSER).balance, Amount(fee), "{case}");
        assert!(!after.accounts.contains_key(&RECIPIENT), "{case}");
    }
}

#[test]
fn a_transfer_to_oneself_costs_the_fee_exactly() {
    for (amount, left) in [(0, 10), (10, 10), (11, 10)] {
        let action = Action::Transfer {
            recipient: sender(),
            amount: Amount(amount),
        };
        let state = MemoryState::with([(sender(), FEE + 10)]);
        let (results, after) = run(
            &state,
            &[Transaction {
                action,
                ..payment(0, 0)
            }],
        );
        assert_eq!(results[0].as_ref().unwrap().is_none(), amount <= 10);
        assert_eq!(after.get(&sender()).balance, Amount(left));
    }
}

#[test]
fn a_proposer_who_sends_is_paid_only_when_the_block_ends() {
    let action = Action::Transfer {
        recipient: RECIPIENT,
        amount: Amount(1),
    };
    let sending = |nonce| Transaction {
        action: action.clone(),
        ..payment(nonce, 0)
    };
    let state = MemoryState::with([(sender(), FEE + 1)]);
    let mut executor = BlockExecutor::new(
        &state,
        &NoCode,
        BlockContext {
            proposer: sender(),
            ..context()
        },
    );
    executor.execute(&sign(1, &sending(0))).unwrap();
    let error = executor.execute(&sign(1, &sending(1))).unwrap_err();
    assert_eq!(
        error.to_string(),
        Inapplicable::CannotPayFee {
            max_fee: Amount(FEE),
            balance: Amount(0)
        }
        .to_string()
    );
    let after = state.apply(7, &executor.finish().unwrap().changes).unwrap();
    assert_eq!(after.get(&sender()).balance, Amount(FEE));
}

#[test]
fn what_cannot_be_charged_changes_nothing() {
    let rich = Account {
        nonce: 3,
        balance: Amount(10 * FEE),
        ..Account::default()
    };
    let contract = Account {
        code_hash: Hash(keccak256(b"code")),
        ..rich
    };
    let poor = Account {
        balance: Amount(FEE - 1),
        ..rich
    };
    let worn = Account {
        nonce: u64::MAX,
        ..rich
    };
    let valid = payment(3, 1);
    let huge = Transaction {
        gas_price: u64::MAX,
        ..valid.clone()
    };
    let cases = [
        (
            rich,
            payment(2, 1),
            Inapplicable::NonceTooLow {
                given: 2,
                expected: 3,
            },
        ),
        (
            rich,
            payment(4, 1),
            Inapplicable::NonceTooHigh {
                given: 4,
                expected: 3,
            },
        ),
        (worn, payment(u64::MAX, 1), Inapplicable::NonceExhausted(u64::MAX)),
        (contract, valid.clone(), Inapplicable::SenderHasCode(sender())),
        (
            rich,
            Transaction {
                last_valid_height: Some(6),
                ..valid.clone()
            },
            Inapplicable::Expired {
                last_valid_height: 6,
                height: 7,
            },
        ),
        (
            rich,
            Transaction {
                gas_price: 1,
                ..valid.clone()
            },
            Inapplicable::Underpriced { given: 1, minimum: 2 },
        ),
        (
            rich,
            Transaction {
                gas_limit: 10 * TRANSFER_GAS + 1,
                ..valid.clone()
            },
            Inapplicable::NoRoom {
                gas_limit: 10 * TRANSFER_GAS + 1,
                left: 10 * TRANSFER_GAS,
            },
        ),
        (
            rich,
            huge,
            Inapplicable::FeeOverflow {
                gas_limit: TRANSFER_GAS,
                gas_price: u64::MAX,
            },
        ),
        (
            poor,
            valid.clone(),
            Inapplicable::CannotPayFee {
                max_fee: Amount(FEE),
                balance: Amount(FEE - 1),
            },
        ),
    ];
    for (account, transaction, reason) in cases {
        let mut state = MemoryState::default();
        state.accounts.insert(sender(), account);
        let (results, after) = run(&state, &[transaction]);
        assert_eq!(results, [Err(reason)]);
        assert_eq!(after, state, "{reason}");
    }
    let state = MemoryState {
        accounts: [(sender(), rich)].into(),
        ..MemoryState::default()
    };
    let last = Transaction {
        last_valid_height: Some(7),
        ..valid
    };
    assert_eq!(
        run(&state, &[last]).0,
        [Ok(None)],
        "the last valid height is valid"
    );
}

#[test]
fn the_block_is_full_when_its_gas_is_used() {
    let state = MemoryState::with([(sender(), 100 * FEE)]);
    let all: Vec<Transaction> = (0..11).map(|nonce| payment(nonce, 1)).collect();
    let (results, after) = run(&state, &all);
    assert_eq!(
        results[10],
        Err(Inapplicable::NoRoom {
            gas_limit: TRANSFER_GAS,
            left: 0
        })
    );
    assert_eq!(after.get(&RECIPIENT).balance, Amount(10));
}

#[test]
fn a_broken_disk_is_nobodys_fault_but_ours() {
    for broken in [sender(), RECIPIENT, PROPOSER] {
        let state = MemoryState {
            broken: Some(broken),
            ..MemoryState::with([(sender(), 10 * FEE)])
        };
        let mut executor = BlockExecutor::new(&state, &NoCode, context());
        let result = executor.execute(&sign(1, &payment(0, 1))).map(drop);
        let result = result.and_then(|()| executor.finish().map(drop).map_err(ExecutionError::State));
        assert!(
            matches!(result, Err(ExecutionError::State(StateError::Unreadable(_)))),
            "{broken}"
        );
    }
}

#[test]
fn more_than_64_bits_in_one_account_is_a_damaged_state() {
    let state = MemoryState::with([(sender(), FEE + 10), (RECIPIENT, u64::MAX - 3)]);
    let mut executor = BlockExecutor::new(&state, &NoCode, context());
    let error = executor.execute(&sign(1, &payment(0, 4))).unwrap_err();
    assert!(
        matches!(
            error,
            ExecutionError::State(StateError::BalanceOverflow { credit: 4, .. })
        ),
        "{error}"
    );
}

/// What a random block holds: sender, recipient, amount, price, gas limit, how far the nonce is off.
type Step = (u8, u8, u64, u64, u64, u64);

fn step() -> impl Strategy<Value = Step> {
    let gas = prop_oneof![4 => Just(TRANSFER_GAS), 1 => 0..2 * TRANSFER_GAS];
    let amount = prop_oneof![4 => 0..200_000_u64, 1 => Just(MAX_SUPPLY)];
    (
        1..5_u8,
        1..6_u8,
        amount,
        0..4_u64,
        gas,
        prop_oneof![9 => Just(0_u64), 1 => 0..3_u64],
    )
}

fn address(number: u8) -> Address {
    if number == 5 {
        PROPOSER
    } else {
        key(number).address()
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// Balances and nonces by hand, in signed 128-bit numbers; the supply and the fees to the unit.
    #[test]
    fn random_blocks_agree_with_a_simple_model(steps in prop::collection::vec(step(), 0..24)) {
        let state = MemoryState::with((1..5).map(|number| (address(number), 300_000)));
        let context = BlockContext { gas_limit: 20 * TRANSFER_GAS, min_gas_price: 1, ..context() };
        let gas_of_block = context.gas_limit;
        let mut executor = BlockExecutor::new(&state, &NoCode, context);
        let mut model: std::collections::BTreeMap<Address, (u64, i128)> =
            (1..5).map(|number| (address(number), (0, 300_000))).collect();
        let (mut gas, mut fees) = (0, 0_i128);
        for (sender, recipient, amount, price, gas_limit, off) in steps {
            let from = address(sender);
            let (nonce, balance) = model[&from];
            let action = Action::Transfer { recipient: address(recipient), amount: Amount(amount) };
            let transaction = Transaction {
                nonce: nonce + off, gas_price: price, gas_limit, action, ..transfer(sender, 0)
            };
            let applies = off == 0 && price > 0 && gas + gas_limit <= gas_of_block
                && i128::from(gas_limit * price) <= balance;
            let result = executor.execute(&sign(sender, &transaction)).cloned();
            prop_assert_eq!(result.is_ok(), applies);
            let Ok(receipt) = result else { continue };
            let used = gas_limit.min(TRANSFER_GAS);
            let fee = i128::from(used * price);
            let moves = gas_limit >= TRANSFER_GAS && balance - fee >= i128::from(amount);
            prop_assert_eq!(receipt.failure.is_none(), moves);
            prop_assert_eq!((receipt.gas_used, i128::from(receipt.fee.0)), (used, fee));
            gas += used;
            fees += fee;
            model.insert(from, (nonce + 1, balance - fee));
            if moves {
                model.entry(from).or_default().1 -= i128::from(amount);
                model.entry(address(recipient)).or_default().1 += i128::from(amount);
            }
        }
        let outcome = executor.finish().unwrap();
        prop_assert_eq!(outcome.gas_used, gas);
        prop_assert_eq!(i128::from(outcome.fees.0), fees);
        prop_assert_eq!(supply_difference(&state, &outcome.changes).unwrap(), 0);
        prop_assert!(outcome.changes.accounts.is_sorted_by(|one, other| one.0 < other.0));
        let after = state.apply(7, &outcome.changes).unwrap();
        prop_assert_eq!(after.supply(), state.supply());
        model.entry(PROPOSER).or_default().1 += fees;
        for (address, (nonce, balance)) in model {
            let account = after.get(&address);
            prop_assert_eq!((account.nonce, i128::from(account.balance.0)), (nonce, balance));
        }
    }
}
