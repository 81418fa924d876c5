//! Runs within runs: what the machine keeps apart, and what it counts through.

use crate::ledger::{Ledger, output, wat};

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
