//! Runs within runs: what the machine keeps apart, and what it counts through.

use aureon_vm::{End, Entry, Fault, TrapKind, cost};

use crate::ledger::{Ledger, output, trap, wat};

/// Calls contract 2 out of three functions with names, and outputs the answer of the call and the reason it was given.
const CALLER: &str = r#"(module
    (import "env" "call" (func $call (param i32 i32 i32 i64 i64) (result i32)))
    (import "env" "call_result" (func $result (param i32 i32) (result i32)))
    (import "env" "output" (func $output (param i32 i32)))
    (memory (export "memory") 1)
    (data (i32.const 0) "\02\02\02\02\02\02\02\02\02\02\02\02\02\02\02\02\02\02\02\02")
    (func $mine (call $deeper))
    (func $deeper
        (i32.store (i32.const 100)
            (call $call (i32.const 0) (i32.const 0) (i32.const 0) (i64.const 0) (i64.const -1)))
        (call $output (i32.const 100)
            (i32.add (i32.const 4) (call $result (i32.const 104) (i32.const 1000)))))
    (func $entry (export "call") (call $mine)))"#;

/// The reason that contract 1 is told when contract 2 is this.
fn reason(called: &str) -> String {
    let mut ledger = Ledger::with(CALLER);
    ledger.add(2, wat(called));
    let answer = output(&ledger.call(b""));
    assert_eq!(answer[..4], aureon_vm::abi::CALL_FAILED.to_le_bytes());
    String::from_utf8_lossy(&answer[4..]).into_owned()
}

#[test]
fn a_trap_names_functions_of_its_own_run_only() {
    for (called, expected) in [
        (
            r#"(module (func $hers unreachable) (func $her_entry (export "call") (call $hers)))"#,
            "trapped: unreachable code was reached in `hers`, called by `her_entry`",
        ),
        // A bulk instruction ends in a function of the machine.
        (
            r#"(module (memory 1)
                (func $hers (memory.fill (i32.const 0) (i32.const 0) (i32.const 70000)))
                (func $her_entry (export "call") (call $hers)))"#,
            "trapped: memory access out of bounds in `hers`, called by `her_entry`",
        ),
        // A host function, whose callers have left the stack when it is looked at.
        (
            r#"(module (import "env" "caller" (func $caller (param i32))) (memory (export "memory") 1)
                (func $her_entry (export "call") (call $caller (i32.const -1))))"#,
            "trapped: a pointer given to the host leaves the memory",
        ),
        // Before the first instruction.
        (
            r#"(module (memory 1) (data (i32.const 65536) "a") (func $her_entry (export "call")))"#,
            "trapped: memory access out of bounds",
        ),
        // Without names there is nothing to say, and nothing of the others is said instead.
        (
            r#"(module (func (export "call") unreachable))"#,
            "trapped: unreachable code was reached",
        ),
    ] {
        assert_eq!(reason(called), expected, "{called}");
    }
}

/// Divides one by the length of the input, `deep` functions below the one that is entered.
fn divides(deep: u64) -> String {
    format!(
        r#"(module (import "env" "input" (func $input (param i32 i32) (result i32))) (memory (export "memory") 1)
        (func $go (param i32 i32)
            (if (local.get 0)
                (then (call $go (i32.sub (local.get 0) (i32.const 1)) (local.get 1)))
                (else (drop (i32.div_u (i32.const 1) (local.get 1))))))
        (func (export "call")
            (call $go (i32.const {}) (call $input (i32.const 0) (i32.const 0)))))"#,
        deep - 1
    )
}

#[test]
fn a_trap_pays_for_the_functions_that_the_machine_walks_over() {
    for deep in [1, 2, 256] {
        let mut ledger = Ledger::with(&divides(deep));
        let well = ledger.call(b"1");
        output(&well);
        let trapped = ledger.call(b"");
        assert_eq!(trap(&trapped), TrapKind::DivisionByZero);
        assert_eq!(
            trapped.gas_used - well.gas_used,
            cost::TRAP + (deep + 1) * cost::TRAP_FRAME
        );
        // Never more than it had.
        let poor = ledger.run(Entry::Call, b"", well.gas_used);
        assert_eq!(
            (trap(&poor), poor.gas_used),
            (TrapKind::DivisionByZero, well.gas_used)
        );
    }
}

#[test]
fn what_a_host_function_ends_pays_for_no_walk() {
    let text = |end: &str| {
        format!(
            r#"(module (import "env" "abort" (func $abort (param i32 i32))) (memory (export "memory") 1)
            (func (export "call") (call $abort (i32.const {end}) (i32.const 0))))"#
        )
    };
    let (aborted, trapped) = (
        Ledger::with(&text("0")).call(b""),
        Ledger::with(&text("-1")).call(b""),
    );
    assert!(matches!(aborted.end, End::Failed(Fault::Abort { .. })));
    assert_eq!(trap(&trapped), TrapKind::BadPointer);
    assert_eq!(aborted.gas_used, trapped.gas_used);
    assert!(aborted.gas_used < cost::ENTER + cost::MEMORY_PAGE + cost::HOST_CALL + cost::TRAP);
}

/// Contract 1 gives contract 2 this much gas, which is not enough for what it does `deep` functions deep.
fn gives(gas: u64, deep: u64) -> u64 {
    let mut ledger = Ledger::with(&CALLER.replace("(i64.const -1)", &format!("(i64.const {gas})")));
    ledger.add(
        2,
        wat(&format!(
            r#"(module
            (func $go (param i32)
                (if (local.get 0) (then (call $go (i32.sub (local.get 0) (i32.const 1)))) (else (loop (br 0)))))
            (func (export "call") (call $go (i32.const {deep}))))"#
        )),
    );
    let outcome = ledger.call(b"");
    assert_eq!(output(&outcome)[4..], *b"out of gas");
    outcome.gas_used
}

#[test]
fn who_called_pays_for_the_walk_that_the_called_has_no_gas_for() {
    let gas = 30_000;
    assert_eq!(gives(gas, 250) - gives(gas, 0), 250 * cost::TRAP_FRAME);
    assert_eq!(gives(gas + 1, 0) - gives(gas, 0), 1);
}

#[test]
fn nobody_pays_for_the_walk_of_a_run_before() {
    let mut ledger = Ledger::with(CALLER);
    let nobody = ledger.call(b"");
    assert_eq!(
        output(&nobody),
        aureon_vm::abi::NOT_A_CONTRACT.to_le_bytes().as_slice()
    );
    // It has no gas for its own walk, and nobody called it.
    let mut other = Ledger::with(r#"(module (func (export "call") (loop (br 0))))"#);
    assert_eq!(other.call(b"").gas_used, 10_000_000);
    assert_eq!(ledger.call(b""), nobody);
}

#[test]
fn what_a_run_had_is_there_again_when_it_ends() {
    // Contract 1 has one page, so 511 are left for contract 2: one of its runs fits, two at once would not.
    for (first, grows) in [(256, 0), (200, 56)] {
        let mut ledger = Ledger::with(CALLER);
        ledger.add(
            2,
            wat(&format!(
                r#"(module (import "env" "output" (func $output (param i32 i32))) (memory (export "memory") {first})
                (func (export "call")
                    (i32.store (i32.const 0) (memory.grow (i32.const {grows})))
                    (call $output (i32.const 0) (i32.const 4))))"#
            )),
        );
        let answer = [0_i32.to_le_bytes(), i32::to_le_bytes(first)].concat();
        for _ in 0..3 {
            assert_eq!(output(&ledger.call(b"")), answer);
        }
    }
}

/// Grows by as many pages as its input says, and enters itself with one byte less of it.
const GROWS: &str = r#"(module
    (import "env" "input" (func $input (param i32 i32) (result i32)))
    (import "env" "self_address" (func $self (param i32)))
    (import "env" "call" (func $call (param i32 i32 i32 i64 i64) (result i32)))
    (import "env" "call_result" (func $result (param i32 i32) (result i32)))
    (import "env" "output" (func $output (param i32 i32)))
    (memory (export "memory") 1)
    (func (export "call") (local $length i32)
        (local.set $length (call $input (i32.const 100) (i32.const 100)))
        (if (i32.eqz (local.get $length)) (then (return)))
        (if (i32.ne (memory.grow (i32.load8_u (i32.const 100))) (i32.const 1)) (then unreachable))
        (call $self (i32.const 0))
        (drop (call $call (i32.const 0) (i32.const 101) (i32.sub (local.get $length) (i32.const 1))
            (i64.const 0) (i64.const -1)))
        (call $output (i32.const 200) (call $result (i32.const 200) (i32.const 1000)))))"#;

const TOO_MUCH: &str =
    "trapped: the contracts that wait for each other would have more than 512 pages of memory";

#[test]
fn what_a_run_grew_by_is_taken_from_those_within_it() {
    let mut ledger = Ledger::with(GROWS);
    for _ in 0..2 {
        // The last run starts with a page and grows by none: 255 + 255 + 1 pages, and so on.
        for (input, expected) in [
            ([254, 254].as_slice(), ""),
            (&[255, 255], TOO_MUCH),
            (&[254, 253, 1], ""),
            (&[254, 254, 1], TOO_MUCH),
            (&[254, 254, 2], "trapped: unreachable code was reached"),
        ] {
            let outcome = ledger.run(Entry::Call, input, 20_000_000);
            let told = output(&outcome);
            assert_eq!(String::from_utf8_lossy(&told), expected, "{input:?}");
        }
    }
}
