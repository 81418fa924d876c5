//! Queries, estimates, and a state that cannot be read.

use super::*;

fn info() -> BlockInfo {
    BlockInfo::of(&context())
}

fn ask(chain: &Chain, contract: Address, program: &[Op]) -> Answer {
    let input = encode(program);
    let question = Question {
        contract,
        caller: account(BOB),
        input: &input,
        gas: 100_000,
    };
    query(&chain.state, &ScriptMachine, info(), question).unwrap()
}

#[test]
fn a_query_reads_and_never_writes() {
    let mut chain = Chain::new();
    let (a, b) = (chain.contract("a", 10), chain.contract("b", 0));
    chain.call(a, &[Op::Store(1, 2)], 0);
    let before = chain.state.clone();
    let answer = ask(&chain, a, &[Op::Load(1)]);
    assert_eq!(
        (answer.result, answer.gas_used),
        (Ok(Bytes::from_static(&[1, 1])), STEP)
    );
    let through = ask(&chain, b, &[nested(a, 0, vec![Op::Load(1)])]);
    assert_eq!(through.result, Ok(Bytes::from_static(&[1, 1])));
    let forbidden = [
        Op::Store(1, 1),
        Op::Remove(1),
        Op::Pay(account(9), 0),
        Op::Emit(1, 1),
        nested(b, 1, vec![]),
    ];
    for op in forbidden {
        let answer = ask(&chain, a, std::slice::from_ref(&op));
        let fault = trap(TrapCode::ReadOnly);
        assert_eq!(answer.result.err(), failed(a, fault.clone()), "{op:?}");
        // Nor does a call within it, nor a query within a transaction.
        let answer = ask(&chain, b, &[needed(a, 0, vec![op.clone()])]);
        assert_eq!(answer.result.err(), failed(a, fault));
        let receipt = chain.call(b, &[Op::Ask(a, 10_000, vec![op])], 0);
        assert!(String::from_utf8_lossy(&receipt.return_data).contains("a query wrote"));
    }
    assert_eq!(
        chain.rest(),
        Chain {
            state: before,
            ..Chain::new()
        }
        .rest()
    );
    let endless = ask(&chain, a, &[Op::Burn(u64::MAX)]);
    assert_eq!(endless.gas_used, 100_000);
    assert_eq!(endless.result.err(), failed(a, ContractFault::OutOfGas));
    let nobody = ask(&chain, account(BOB), &[]);
    assert_eq!(nobody.result.err(), refused(RefusalCode::NotAContract));
}

#[test]
fn an_estimate_is_the_least_limit_that_does_it() {
    let mut chain = Chain::new();
    let a = chain.contract("a", 10);
    chain.call(a, &[Op::Store(1, 2_000)], 0);
    for program in [
        vec![Op::Remove(1), Op::Store(2, 30)],
        vec![Op::Remove(1), needed(a, 4, vec![Op::Burn(700)])],
        vec![],
    ] {
        let action = calling(a, &program, 0);
        let state = chain.state.clone();
        let estimate = estimate(&state, &ScriptMachine, info(), account(ALICE), &action, GAS).unwrap();
        assert_eq!(chain.state, state);
        let mut least = Chain {
            state,
            ..Chain::new()
        };
        let receipt = least.send_with(ALICE, action.clone(), estimate.gas_limit);
        assert_eq!((receipt.failure, receipt.gas_used), (None, estimate.gas_used));
        if !program.is_empty() {
            let mut less = Chain {
                state: chain.state.clone(),
                ..Chain::new()
            };
            let receipt = less.send_with(ALICE, action, estimate.gas_limit - 1);
            assert!(receipt.failure.is_some());
        }
    }
    let deploy = deployment(everything(), &[Op::Emit(1, 1), Op::Output(1)], 1);
    let found = estimate(&chain.state, &ScriptMachine, info(), account(BOB), &deploy, GAS).unwrap();
    let receipt = chain.send(BOB, deploy.clone());
    assert_eq!(
        (found.contract, found.gas_used),
        (receipt.contract, receipt.gas_used)
    );
    assert_eq!(
        (found.events, found.return_data),
        (receipt.events, receipt.return_data)
    );
    let small = estimate(&chain.state, &ScriptMachine, info(), account(BOB), &deploy, 1_000).unwrap();
    assert!(matches!(small.failure, Some(Failure::OutOfGas { .. })));
    let failing = calling(a, &[Op::Abort], 0);
    let found = estimate(&chain.state, &ScriptMachine, info(), account(BOB), &failing, GAS).unwrap();
    assert_eq!(found.failure, failed(a, abort("it was told to")));
}

#[test]
fn a_broken_disk_is_nobodys_fault() {
    let mut chain = Chain::new();
    let (a, b) = (chain.contract("a", 10), chain.contract("b", 10));
    chain.state.broken = Some(account(9));
    for program in [
        vec![Op::Pay(account(9), 1)],
        vec![nested(b, 0, vec![Op::Pay(account(9), 1)])],
        vec![nested(account(9), 0, vec![])],
    ] {
        let transaction = Transaction {
            gas_limit: GAS,
            gas_price: 2,
            action: calling(a, &program, 0),
            ..transfer(ALICE, chain.nonce(ALICE))
        };
        let mut executor = BlockExecutor::new(&chain.state, &ScriptMachine, chain.context());
        let error = executor.execute(&sign(ALICE, &transaction)).unwrap_err();
        assert!(matches!(error, ExecutionError::State(StateError::Unreadable(_))));
    }
    chain.state.broken = None;
    let hash = chain.state.get(&a).code_hash;
    chain.state.code.remove(&hash);
    let transaction = Transaction {
        gas_limit: GAS,
        gas_price: 2,
        action: calling(a, &[], 0),
        ..transfer(ALICE, chain.nonce(ALICE))
    };
    let mut executor = BlockExecutor::new(&chain.state, &ScriptMachine, chain.context());
    let error = executor.execute(&sign(ALICE, &transaction)).unwrap_err();
    assert!(matches!(error, ExecutionError::State(StateError::MissingCode(missing)) if missing == hash));
}

/// A machine that fails itself.
struct Broken(RunEnd);

impl ContractMachine for Broken {
    fn check(&self, code: &[u8]) -> Result<CodeReport, CodeFault> {
        ScriptMachine.check(code)
    }

    fn run(&self, run: Run<'_>, _: &mut dyn ContractHost) -> RunOutcome {
        RunOutcome {
            gas_used: run.gas,
            refund: 0,
            end: self.0.clone(),
        }
    }
}

#[test]
fn a_machine_that_fails_makes_no_receipt() {
    let mut chain = Chain::new();
    let a = chain.contract("a", 0);
    for (end, word) in [
        (RunEnd::Broken("no memory".to_owned()), "no memory"),
        (RunEnd::Interrupted, "without being told"),
    ] {
        let machine = Broken(end);
        let found = estimate(
            &chain.state,
            &machine,
            info(),
            account(ALICE),
            &calling(a, &[], 0),
            GAS,
        );
        let error = found.unwrap_err().to_string();
        assert!(error.contains(word), "{error}");
    }
}
