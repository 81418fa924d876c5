//! Calls, and calls within calls.

use super::*;

/// Contract A calls B, B calls A again with value, and A, entered a second time, finds what it wrote.
#[test]
fn a_contract_that_is_entered_again_finds_everything_as_it_is() {
    let mut chain = Chain::new();
    let (a, b) = (chain.contract("a", 100), chain.contract("b", 50));
    let innermost = vec![Op::Load(1), Op::Store(2, 2), Op::Pay(account(9), 25)];
    let middle = vec![Op::Store(1, 7), needed(a, 60, innermost)];
    let program = [Op::Store(1, 3), needed(b, 90, middle), Op::Emit(1, 0)];
    let receipt = chain.call(a, &program, 10);
    assert_eq!(receipt.failure, None);
    // A: 100 + 10 - 90 + 60 - 25. B: 50 + 90 - 60.
    assert_eq!((chain.balance(&a), chain.balance(&b)), (55, 80));
    assert_eq!(chain.balance(&account(9)), 25);
    assert_eq!(chain.stored(&a, 1), Some(Bytes::from_static(&[1; 3])));
    assert_eq!(chain.stored(&a, 2), Some(Bytes::from_static(&[2; 2])));
    assert_eq!(chain.stored(&b, 1), Some(Bytes::from_static(&[1; 7])));
    assert_eq!(receipt.events.len(), 1);
}

/// Spends the balance within the nested call, so that what is left is not there twice.
#[test]
fn value_cannot_be_spent_twice_by_entering_again() {
    let mut chain = Chain::new();
    let (a, b) = (chain.contract("a", 100), chain.contract("b", 0));
    let again = vec![Op::Pay(account(9), 100)];
    let program = [
        nested(b, 40, vec![nested(a, 0, again)]),
        Op::Pay(account(8), 100),
        Op::Pay(account(8), 60),
        Op::Pay(account(8), 1),
    ];
    let receipt = chain.call(a, &program, 0);
    assert_eq!(receipt.failure, None);
    assert_eq!(chain.balance(&account(9)), 0, "only 60 were left");
    assert_eq!(chain.balance(&account(8)), 60);
    assert_eq!((chain.balance(&a), chain.balance(&b)), (0, 40));
    assert!(String::from_utf8_lossy(&receipt.return_data).contains("InsufficientBalance"));
}

#[test]
fn a_failed_call_leaves_nothing_and_its_caller_goes_on() {
    let mut chain = Chain::new();
    let (a, b) = (chain.contract("a", 100), chain.contract("b", 0));
    for last in [Op::Abort, Op::Trap, Op::Burn(u64::MAX)] {
        let inner = vec![Op::Store(9, 9), Op::Emit(9, 9), Op::Pay(account(9), 5)];
        // What succeeded within what failed is gone too.
        let bad = vec![
            Op::Store(1, 1),
            Op::Emit(1, 1),
            needed(a, 20, inner),
            Op::Pay(account(9), 5),
            last,
        ];
        let call = Op::Call {
            contract: b,
            value: 30,
            gas: 100_000,
            program: bad,
            must: false,
        };
        let receipt = chain.call(a, &[Op::Emit(4, 0), call, Op::Emit(5, 0), Op::Store(2, 2)], 0);
        assert_eq!(receipt.failure, None);
        let topics: Vec<u8> = receipt.events.iter().map(|event| event.topic[0]).collect();
        assert_eq!(topics, [4, 5]);
        assert_eq!((chain.balance(&a), chain.balance(&b)), (100, 0));
        assert_eq!(chain.balance(&account(9)), 0);
        assert_eq!((chain.stored(&b, 1), chain.stored(&a, 9)), (None, None));
        assert_eq!(chain.stored(&a, 2), Some(Bytes::from_static(&[2; 2])));
    }
    // The failure of what is needed is the caller's, too.
    let receipt = chain.call(a, &[Op::Store(3, 3), needed(b, 1, vec![Op::Abort])], 7);
    assert!(receipt.failure.is_some());
    assert_eq!((chain.balance(&a), chain.stored(&a, 3)), (100, None));
}

#[test]
fn the_contract_that_failed_first_is_named_with_its_reason_once() {
    let mut chain = Chain::new();
    let (a, b, c) = (
        chain.contract("a", 0),
        chain.contract("b", 0),
        chain.contract("c", 0),
    );
    for (last, fault) in [
        (Op::Abort, abort("it was told to")),
        (Op::Trap, trap(TrapCode::Unreachable)),
        (Op::Burn(u64::MAX), ContractFault::OutOfGas),
    ] {
        let innermost = Op::Call {
            contract: c,
            value: 0,
            gas: 10_000,
            program: vec![last],
            must: true,
        };
        let receipt = chain.call(a, &[needed(b, 0, vec![innermost])], 0);
        assert_eq!(receipt.failure, failed(c, fault));
    }
    // A reason of one's own is one's own, whatever failed before.
    let program = [nested(c, 0, vec![Op::Trap]), Op::Abort];
    let receipt = chain.call(a, &program, 0);
    assert_eq!(receipt.failure, failed(a, abort("it was told to")));
    for since in [nested(c, 0, vec![]), nested(account(BOB), 0, vec![])] {
        let program = [nested(c, 0, vec![Op::Abort]), since, Op::Abort];
        let receipt = chain.call(a, &program, 0);
        assert_eq!(receipt.failure, failed(a, abort("it was told to")));
    }
}

#[test]
fn what_cannot_be_called_is_said_to_the_caller() {
    let mut chain = Chain::new();
    let a = chain.contract("a", 100);
    for (op, word) in [
        (nested(account(BOB), 1, vec![]), "NotAContract"),
        (nested(aureon_types::SYSTEM_ADDRESS, 1, vec![]), "NotAContract"),
        (nested(a, 101, vec![]), "InsufficientBalance"),
        (Op::Pay(a, 1), "ToContract"),
        (Op::Pay(aureon_types::SYSTEM_ADDRESS, 1), "ToSystemAccount"),
    ] {
        let receipt = chain.call(a, &[op], 0);
        assert_eq!(receipt.failure, None);
        let said = String::from_utf8_lossy(&receipt.return_data).into_owned();
        assert!(said.contains(word), "{word}: {said}");
        assert_eq!(chain.balance(&a), 100);
    }
}

#[test]
fn calls_within_each_other_end_at_the_limit() {
    let mut chain = Chain::new();
    let a = chain.contract("a", 10);
    let mut program = vec![Op::Store(1, 1)];
    for depth in 1..=MAX_CALL_FRAMES + 1 {
        let receipt = chain.call(a, &program, 0);
        assert_eq!(receipt.failure, None);
        let stored = chain.stored(&a, 1);
        chain.call(a, &[Op::Remove(1)], 0);
        assert_eq!(stored.is_some(), depth <= MAX_CALL_FRAMES, "depth {depth}");
        program = vec![nested(a, 10, program)];
    }
    assert_eq!(
        chain.balance(&a),
        10,
        "to itself, with all it has, at every depth"
    );
}

#[test]
fn gas_is_what_was_used_and_no_more_than_the_limit() {
    let mut chain = Chain::new();
    let a = chain.contract("a", 0);
    let action = calling(a, &[Op::Burn(500), Op::Emit(1, 0)], 0);
    let base = CALL_GAS + INPUT_BYTE_GAS * encode(&[Op::Burn(500), Op::Emit(1, 0)]).len() as u64;
    assert_eq!(action.gas(), base);
    let needed = base + 500 + 2 * STEP;
    for (limit, used, failure) in [
        (GAS, needed, None),
        (needed, needed, None),
        (needed - 1, needed - 1, failed(a, ContractFault::OutOfGas)),
        (base, base, failed(a, ContractFault::OutOfGas)),
        (
            base - 1,
            base - 1,
            Some(Failure::OutOfGas {
                gas_limit: base - 1,
                required: base,
            }),
        ),
    ] {
        let receipt = chain.send_with(ALICE, action.clone(), limit);
        assert_eq!(
            (receipt.gas_used, receipt.failure),
            (used, failure),
            "limit {limit}"
        );
    }
    // A nested call pays out of its caller's, at most what it was given.
    let call = Op::Call {
        contract: a,
        value: 0,
        gas: 1_000,
        program: vec![Op::Burn(u64::MAX)],
        must: false,
    };
    let action = calling(a, &[call], 0);
    let receipt = chain.send(ALICE, action.clone());
    assert_eq!(
        (receipt.gas_used, receipt.failure),
        (action.gas() + STEP + 1_000, None)
    );
}

#[test]
fn deposits_come_back_up_to_half_of_the_gas() {
    let mut chain = Chain::new();
    let a = chain.contract("a", 0);
    chain.call(a, &[Op::Store(1, 100), Op::Store(2, 10_000)], 0);
    let small = calling(a, &[Op::Remove(1)], 0);
    let receipt = chain.send(ALICE, small.clone());
    assert_eq!(receipt.gas_used, small.gas() + STEP - 100 * DEPOSIT);
    // Undone, or failed within a call that was caught: nothing comes back.
    let lost = vec![Op::Remove(2), Op::Abort];
    for program in [lost.clone(), vec![nested(a, 0, lost)]] {
        let action = calling(a, &program, 0);
        let base = action.gas();
        let receipt = chain.send(ALICE, action);
        let steps = if receipt.failure.is_some() { 2 } else { 3 };
        assert_eq!(receipt.gas_used, base + steps * STEP);
    }
    let large = calling(a, &[nested(a, 0, vec![Op::Remove(2)])], 0);
    let receipt = chain.send(ALICE, large.clone());
    assert_eq!(receipt.gas_used, (large.gas() + 2 * STEP).div_ceil(2));
    assert_eq!(chain.stored(&a, 2), None);
}

#[test]
fn a_contract_cannot_move_the_fee_away() {
    let mut chain = Chain::new();
    let a = chain.contract("a", 0);
    let held = chain.balance(&account(ALICE));
    let most = held - 2 * GAS;
    let receipt = chain.call(a, &[], most + 1);
    assert_eq!(
        receipt.failure,
        Some(Failure::InsufficientBalance {
            available: Amount(most),
            required: Amount(most + 1)
        })
    );
    let most = most - receipt.fee.0;
    let receipt = chain.call(a, &[], most);
    assert_eq!((receipt.failure, chain.balance(&a)), (None, most));
    assert_eq!(chain.balance(&account(ALICE)), 2 * GAS - receipt.fee.0);
}

#[test]
fn what_a_contract_hands_out_is_bounded() {
    let mut chain = Chain::new();
    let a = chain.contract("a", 0);
    let flood = |count: usize| vec![Op::Emit(1, 0); count];
    let full = chain.call(a, &flood(MAX_EVENTS), 0);
    assert_eq!((full.failure, full.events.len()), (None, MAX_EVENTS));
    // What was undone does not count.
    let mut again = flood(MAX_EVENTS - 1);
    again.push(nested(a, 0, [flood(1), vec![Op::Abort]].concat()));
    again.push(Op::Emit(1, 0));
    assert_eq!(chain.call(a, &again, 0).events.len(), MAX_EVENTS);
    let large = u16::try_from(MAX_RETURN_BYTES).unwrap();
    assert_eq!(chain.call(a, &[Op::Output(large)], 0).failure, None);
    let silent = ContractFault::Trap {
        code: TrapCode::BadArgument,
        functions: vec![],
    };
    for (program, fault) in [
        (flood(MAX_EVENTS + 1), trap(TrapCode::TooManyEvents)),
        (vec![Op::Output(large + 1)], silent),
        (vec![Op::Emit(1, 4_097)], trap(TrapCode::BadArgument)),
        (vec![Op::Store(1, large + 1)], trap(TrapCode::BadArgument)),
    ] {
        let receipt = chain.call(a, &program, 0);
        assert_eq!((receipt.failure, receipt.events.len()), (failed(a, fault), 0));
    }
}

#[test]
fn a_contract_knows_who_and_where() {
    let mut chain = Chain::new();
    let (a, b) = (chain.contract("a", 1), chain.contract("b", 2));
    let receipt = chain.call(a, &[Op::Who], 3);
    let known = |contract, caller, value, read_only| {
        let context = RunContext {
            contract,
            caller,
            value: Amount(value),
            height: 7,
            timestamp_ms: 1_000,
            genesis_id: crate::testing::GENESIS,
            read_only,
        };
        format!("{context:?}")
    };
    let said = |receipt: &Receipt| String::from_utf8(receipt.return_data.to_vec()).unwrap();
    assert_eq!(
        said(&receipt),
        format!("{} 4", known(a, account(ALICE), 3, false))
    );
    let receipt = chain.call(a, &[nested(b, 2, vec![Op::Who])], 0);
    assert_eq!(said(&receipt), format!("{} 4", known(b, a, 2, false)));
    let receipt = chain.call(a, &[Op::Ask(b, 1_000, vec![Op::Who])], 0);
    assert_eq!(said(&receipt), format!("{} 4", known(b, a, 0, true)));
}
