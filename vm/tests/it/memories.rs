//! The machine uses memories again. Every run finds its own empty, as long as its module says, and nothing behind it.

use aureon_vm::{End, Outcome, TrapKind};

use crate::ledger::{Ledger, output, trap};

/// A contract with this many pages. The first byte of the input says what it does with its memory: `w` writes sevens over
/// all of it, `r` answers the sum of all bytes behind the first 100 (where the input and the answer are), `g` grows it by
/// two pages, writes sevens over all of it and answers how many pages it had before, `b` reads the first byte behind it.
fn contract(pages: u32) -> Ledger {
    Ledger::with(&format!(
        r#"(module
        (import "env" "input" (func $input (param i32 i32) (result i32)))
        (import "env" "output" (func $output (param i32 i32)))
        (memory (export "memory") {pages})
        (func $fill (memory.fill (i32.const 0) (i32.const 7) (i32.mul (memory.size) (i32.const 65536))))
        (func (export "call") (local $at i32) (local $sum i64)
            (drop (call $input (i32.const 0) (i32.const 1)))
            (if (i32.eq (i32.load8_u (i32.const 0)) (i32.const 119)) (then (call $fill) (return)))
            (if (i32.eq (i32.load8_u (i32.const 0)) (i32.const 103)) (then
                (local.set $at (memory.grow (i32.const 2)))
                (call $fill)
                (i32.store (i32.const 0) (local.get $at))
                (call $output (i32.const 0) (i32.const 4)) (return)))
            (if (i32.eq (i32.load8_u (i32.const 0)) (i32.const 98)) (then
                (drop (i32.load8_u (i32.mul (memory.size) (i32.const 65536)))) (return)))
            (local.set $at (i32.const 104))
            (loop
                (local.set $sum (i64.add (local.get $sum) (i64.load (local.get $at))))
                (br_if 0 (i32.lt_u (local.tee $at (i32.add (local.get $at) (i32.const 8)))
                    (i32.mul (memory.size) (i32.const 65536)))))
            (i64.store (i32.const 0) (local.get $sum))
            (call $output (i32.const 0) (i32.const 8))))"#
    ))
}

fn done(outcome: &Outcome) {
    assert!(matches!(outcome.end, End::Done(_)), "{outcome:?}");
}

/// Whether a run of this contract finds its memory empty and ending where it should.
fn is_new(ledger: &mut Ledger) {
    assert_eq!(output(&ledger.call(b"r")), [0; 8].as_slice());
    assert_eq!(trap(&ledger.call(b"b")), TrapKind::MemoryOutOfBounds);
}

/// From one page to more than are cleared by hand.
const PAGES: [u32; 6] = [1, 2, 3, 4, 17, 40];

#[test]
fn what_a_run_wrote_the_next_does_not_find() {
    for pages in PAGES {
        let mut ledger = contract(pages);
        is_new(&mut ledger);
        done(&ledger.call(b"w"));
        is_new(&mut ledger);
    }
}

#[test]
fn what_a_run_grew_the_next_does_not_have() {
    for pages in PAGES {
        let mut ledger = contract(pages);
        for _ in 0..2 {
            assert_eq!(output(&ledger.call(b"g")), pages.to_le_bytes().as_slice());
            is_new(&mut ledger);
        }
    }
}

#[test]
fn contracts_of_other_sizes_find_theirs_empty_too() {
    let mut ledgers: Vec<_> = PAGES.into_iter().map(contract).collect();
    for first in 0..PAGES.len() {
        for second in 0..PAGES.len() {
            done(&ledgers[first].call(if first < second { b"w" } else { b"g" }));
            is_new(&mut ledgers[second]);
        }
    }
}

#[test]
fn a_run_that_fails_leaves_nothing_either() {
    let mut ledger = Ledger::with(
        r#"(module (memory (export "memory") 2)
            (func (export "query") (if (i32.load (i32.const 131000)) (then unreachable)))
            (func (export "call") (memory.fill (i32.const 0) (i32.const 7) (i32.const 131072)) unreachable))"#,
    );
    for _ in 0..3 {
        assert_eq!(trap(&ledger.call(b"")), TrapKind::Unreachable);
        done(&ledger.run(aureon_vm::Entry::Query, b"", 1_000_000));
    }
}

#[test]
fn runs_at_once_have_memories_of_their_own() {
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                let mut ledger = contract(2);
                for _ in 0..50 {
                    done(&ledger.call(b"w"));
                    is_new(&mut ledger);
                }
            });
        }
    });
}

/// Writes sevens, calls itself, and answers whether the sevens are still there.
const NESTED: &str = r#"(module
    (import "env" "call" (func $call (param i32 i32 i32 i64 i64) (result i32)))
    (import "env" "self_address" (func $self (param i32)))
    (import "env" "output" (func $output (param i32 i32)))
    (memory (export "memory") 1)
    (func (export "call") (local $before i32)
        (local.set $before (i32.load (i32.const 65000)))
        (memory.fill (i32.const 64000) (i32.const 7) (i32.const 1500))
        (call $self (i32.const 0))
        (drop (call $call (i32.const 0) (i32.const 0) (i32.const 0) (i64.const 0) (i64.const -1)))
        (if (i32.or (local.get $before) (i32.ne (i32.load (i32.const 65000)) (i32.const 0x07070707)))
            (then unreachable))
        (i32.store8 (i32.const 0) (i32.const 1))
        (call $output (i32.const 0) (i32.const 1))))"#;

#[test]
fn runs_within_each_other_have_memories_of_their_own() {
    let mut ledger = Ledger::with(NESTED);
    for _ in 0..3 {
        assert_eq!(output(&ledger.call(b"")), [1].as_slice());
    }
}

#[test]
fn a_memory_grows_to_its_maximum_and_no_further() {
    for (memory, fits) in [("1", 255), ("1 3", 2), ("1 300", 255), ("256", 0)] {
        let mut ledger = Ledger::with(&format!(
            r#"(module (import "env" "output" (func $output (param i32 i32))) (memory (export "memory") {memory})
            (func (export "call")
                (i32.store (i32.const 0) (memory.grow (i32.const {fits})))
                (i32.store (i32.const 4) (memory.grow (i32.const 1)))
                (i32.store (i32.const 8) (memory.size))
                (i32.store (i32.sub (i32.mul (memory.size) (i32.const 65536)) (i32.const 4)) (i32.const 1))
                (call $output (i32.const 0) (i32.const 12))))"#
        ));
        let answer = output(&ledger.call(b""));
        let numbers: Vec<i32> = answer
            .chunks(4)
            .map(|four| i32::from_le_bytes(four.try_into().unwrap()))
            .collect();
        let before = if memory == "256" { 256 } else { 1 };
        assert_eq!(numbers, [before, -1, before + fits], "{memory}");
    }
}
