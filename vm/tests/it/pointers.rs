//! Every pointer of every host function, outside the memory: a trap, never more.

use aureon_vm::{
    TrapKind,
    abi::{HostFunction, Number},
};

use crate::ledger::{Ledger, trap};

/// Calls `function` with these arguments; the memory is one page.
fn call(function: HostFunction, arguments: &[i64]) -> aureon_vm::Outcome {
    let numbers = |list: &[Number]| list.iter().map(|n| n.name()).collect::<Vec<_>>().join(" ");
    let given: Vec<_> = function
        .parameters()
        .iter()
        .zip(arguments)
        .map(|(n, v)| format!("({}.const {v})", n.name()))
        .collect();
    let result = function
        .result()
        .map(|n| format!("(result {})", n.name()))
        .unwrap_or_default();
    let drop = if function.result().is_some() { "drop" } else { "" };
    let mut ledger = Ledger::with(&format!(
        r#"(module (import "env" "{}" (func $f (param {}) {result})) (memory (export "memory") 1)
            (func (export "call") (call $f {}) {drop}))"#,
        function.name(),
        numbers(function.parameters()),
        given.join(" "),
    ));
    ledger.call(b"some input")
}

/// Which arguments are pointers, and to how many bytes: a number, or the argument that tells.
fn pointers(function: HostFunction) -> &'static [(usize, Length)] {
    use HostFunction as H;
    use Length::{Argument as A, Fixed as F};
    match function {
        H::Balance | H::Transfer | H::Caller | H::SelfAddress => &[(0, F(20))],
        H::Store | H::EmitLog | H::Load => &[(0, A(1)), (2, A(3))],
        H::Remove | H::Input | H::Output | H::CallResult | H::Abort => &[(0, A(1))],
        H::ChainId => &[(0, F(32))],
        H::Call | H::Query => &[(0, F(20)), (1, A(2))],
        H::Sha256 | H::Blake3 | H::Keccak256 => &[(0, A(1)), (2, F(32))],
        H::Ed25519Verify => &[(0, F(32)), (1, A(2)), (3, F(64))],
        H::Value | H::BlockHeight | H::BlockTime => &[],
    }
}

#[derive(Clone, Copy)]
enum Length {
    Fixed(i64),
    Argument(usize),
}

const PAGE: i64 = 65_536;

#[test]
fn pointers_out_of_the_memory_trap() {
    for function in HostFunction::ALL.iter().copied() {
        // All pointers and lengths fine.
        let fine: Vec<i64> = function.parameters().iter().map(|_| 8).collect();
        for (pointer, length) in pointers(function) {
            let bytes = match length {
                Length::Fixed(bytes) => *bytes,
                Length::Argument(index) => fine[*index],
            };
            for at in [
                PAGE - bytes + 1,
                PAGE,
                PAGE + 1,
                i64::from(i32::MAX),
                -1,
                -8,
                i64::from(i32::MIN),
            ] {
                let mut arguments = fine.clone();
                arguments[*pointer] = at;
                assert_eq!(
                    trap(&call(function, &arguments)),
                    TrapKind::BadPointer,
                    "{function:?} {arguments:?}"
                );
            }
            // The last place that is still inside is not a bad pointer.
            let mut arguments = fine.clone();
            arguments[*pointer] = PAGE - bytes;
            let outcome = format!("{:?}", call(function, &arguments).end);
            assert!(
                !outcome.contains("BadPointer"),
                "{function:?} {arguments:?} {outcome}"
            );
        }
    }
}

#[test]
fn lengths_beyond_the_memory_or_the_limit_end_the_run() {
    for function in HostFunction::ALL.iter().copied() {
        for (_, length) in pointers(function) {
            let Length::Argument(index) = length else { continue };
            for bytes in [PAGE, i64::from(i32::MAX), -1, i64::from(i32::MIN)] {
                let mut arguments: Vec<i64> = function.parameters().iter().map(|_| 8).collect();
                arguments[*index] = bytes;
                let outcome = format!("{:?}", call(function, &arguments).end);
                let refused = ["BadPointer", "BadLength", "OutOfGas"]
                    .iter()
                    .any(|end| outcome.contains(end));
                assert!(refused, "{function:?} {arguments:?} {outcome}");
            }
        }
    }
}

#[test]
fn lengths_are_limited() {
    let too_long = [
        (HostFunction::Store, vec![0, 257, 0, 1]),
        (HostFunction::Store, vec![0, 0, 0, 1]),
        (HostFunction::Store, vec![0, 1, 0, 16_385]),
        (HostFunction::Load, vec![0, 0, 0, 1]),
        (HostFunction::Remove, vec![0, 257]),
        (HostFunction::EmitLog, vec![0, 65, 0, 1]),
        (HostFunction::EmitLog, vec![0, 1, 0, 4_097]),
        (HostFunction::Output, vec![0, 16_385]),
    ];
    for (function, arguments) in too_long {
        assert_eq!(
            trap(&call(function, &arguments)),
            TrapKind::BadLength,
            "{function:?} {arguments:?}"
        );
    }
}
