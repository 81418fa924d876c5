//! What contracts see, one host function after the other.

use aureon_types::{SecretKey, hash};
use aureon_vm::{CodeFault, End, Entry, Fault, TrapKind, cost};

use crate::ledger::{Ledger, MAX_FRAMES, address, output, trap};

/// A contract whose `call` does `body`, with `imports` and a page of memory.
fn contract(imports: &str, body: &str) -> Ledger {
    Ledger::with(&format!(
        r#"(module {imports} (memory (export "memory") 1)
            (data (i32.const 0) "{}") {body})"#,
        "\\02".repeat(20)
    ))
}

const INPUT: &str = r#"(import "env" "input" (func $input (param i32 i32) (result i32)))"#;
const OUTPUT: &str = r#"(import "env" "output" (func $output (param i32 i32)))"#;

#[test]
fn input_comes_back_as_output() {
    let mut ledger = contract(
        &format!("{INPUT}{OUTPUT}"),
        r#"(func (export "call") (call $output (i32.const 100) (call $input (i32.const 100) (i32.const 1000))))"#,
    );
    let outcome = ledger.call(b"hello");
    assert_eq!(output(&outcome), b"hello".as_slice());
    assert!(
        outcome.gas_used > cost::ENTER + cost::MEMORY_PAGE && outcome.gas_used < 20_000,
        "{outcome:?}"
    );
    // Longer by one byte: one more byte copied in, and one out that the receipt keeps, and nothing else.
    assert_eq!(
        ledger.call(b"hello!").gas_used,
        outcome.gas_used + 2 * cost::COPY_BYTE + cost::OUTPUT_BYTE
    );
}

#[test]
fn input_that_does_not_fit_is_cut_and_its_length_told() {
    let mut ledger = contract(
        &format!("{INPUT}{OUTPUT}"),
        r#"(func (export "call")
            (i32.store8 (i32.const 99) (call $input (i32.const 100) (i32.const 2)))
            (call $output (i32.const 99) (i32.const 4)))"#,
    );
    assert_eq!(output(&ledger.call(b"hello")), [5, b'h', b'e', 0].as_slice());
}

#[test]
fn the_surroundings_are_told() {
    let mut ledger = contract(
        &format!(
            r#"{OUTPUT}
            (import "env" "caller" (func $caller (param i32)))
            (import "env" "self_address" (func $self (param i32)))
            (import "env" "chain_id" (func $chain (param i32)))
            (import "env" "value" (func $value (result i64)))
            (import "env" "block_height" (func $height (result i64)))
            (import "env" "block_time" (func $time (result i64)))
            (import "env" "balance" (func $balance (param i32) (result i64)))"#
        ),
        r#"(func (export "call")
            (call $caller (i32.const 100)) (call $self (i32.const 120)) (call $chain (i32.const 140))
            (i64.store (i32.const 172) (call $value))
            (i64.store (i32.const 180) (call $height))
            (i64.store (i32.const 188) (call $time))
            (i64.store (i32.const 196) (call $balance (i32.const 120)))
            (call $output (i32.const 100) (i32.const 104)))"#,
    );
    let mut expected = [[9; 20], [1; 20]].concat();
    expected.extend([3; 32]);
    for number in [7, 12, 1_700_000_000_000, 1_000_u64] {
        expected.extend(number.to_le_bytes());
    }
    assert_eq!(output(&ledger.call(b"")), expected);
}

const STORAGE: &str = r#"
    (import "env" "store" (func $store (param i32 i32 i32 i32)))
    (import "env" "load" (func $load (param i32 i32 i32 i32) (result i32)))
    (import "env" "remove" (func $remove (param i32 i32) (result i32)))"#;

#[test]
fn storage_is_paid_for_and_its_deposit_given_back() {
    // The first byte of the input says what to do with key [2, 2].
    let mut ledger = contract(
        &format!("{STORAGE}{INPUT}{OUTPUT}"),
        r#"(func (export "call") (local $len i32)
            (local.set $len (call $input (i32.const 100) (i32.const 1000)))
            (if (i32.eq (i32.load8_u (i32.const 100)) (i32.const 115)) (then
                (call $store (i32.const 0) (i32.const 2) (i32.const 101) (i32.sub (local.get $len) (i32.const 1)))))
            (if (i32.eq (i32.load8_u (i32.const 100)) (i32.const 108)) (then
                (i32.store (i32.const 200) (call $load (i32.const 0) (i32.const 2) (i32.const 204) (i32.const 50)))
                (call $output (i32.const 200) (i32.const 8))))
            (if (i32.eq (i32.load8_u (i32.const 100)) (i32.const 114)) (then
                (i32.store (i32.const 200) (call $remove (i32.const 0) (i32.const 2)))
                (call $output (i32.const 200) (i32.const 4)))))"#,
    );
    assert_eq!(
        output(&ledger.call(b"l")),
        [255, 255, 255, 255, 0, 0, 0, 0].as_slice()
    );
    let first = ledger.call(b"sabcd");
    assert_eq!((output(&first).len(), first.refund), (0, 0));
    assert_eq!(
        output(&ledger.call(b"l")),
        [4, 0, 0, 0, b'a', b'b', b'c', b'd'].as_slice()
    );
    // The same length again costs no deposit.
    let again = ledger.call(b"sefgh");
    assert_eq!(
        first.gas_used - again.gas_used,
        cost::DEPOSIT_ENTRY + 4 * cost::DEPOSIT_BYTE
    );
    let shorter = ledger.call(b"se");
    assert_eq!(shorter.refund, 3 * cost::DEPOSIT_BYTE);
    let gone = ledger.call(b"r");
    assert_eq!(
        (output(&gone), gone.refund),
        ([0; 4].as_slice().into(), cost::DEPOSIT_ENTRY + cost::DEPOSIT_BYTE)
    );
    let nothing = ledger.call(b"r");
    assert_eq!(
        (output(&nothing), nothing.refund),
        ([255; 4].as_slice().into(), 0)
    );
}

#[test]
fn transfers_say_why_not() {
    let mut ledger = contract(
        &format!(r#"{OUTPUT}(import "env" "transfer" (func $transfer (param i32 i64) (result i32)))"#),
        r#"(func (export "call")
            (i32.store (i32.const 100) (call $transfer (i32.const 0) (i64.const 600)))
            (i32.store (i32.const 104) (call $transfer (i32.const 0) (i64.const 600)))
            (memory.fill (i32.const 0) (i32.const 1) (i32.const 20))
            (i32.store (i32.const 108) (call $transfer (i32.const 0) (i64.const 1)))
            (call $output (i32.const 100) (i32.const 12)))"#,
    );
    let answers: Vec<u8> = [0_i32, -2, -6]
        .iter()
        .flat_map(|code| code.to_le_bytes())
        .collect();
    assert_eq!(output(&ledger.call(b"")), answers);
    assert_eq!(ledger.state.balances[&address(2)], 600);
}

#[test]
fn events_are_kept_in_order() {
    let mut ledger = contract(
        r#"(import "env" "emit_log" (func $log (param i32 i32 i32 i32)))"#,
        r#"(func (export "call")
            (call $log (i32.const 0) (i32.const 1) (i32.const 1) (i32.const 3))
            (call $log (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0)))"#,
    );
    output(&ledger.call(b""));
    let lengths: Vec<_> = ledger
        .state
        .events
        .iter()
        .map(|(_, topic, data)| (topic.len(), data.len()))
        .collect();
    assert_eq!(lengths, [(1, 3), (0, 0)]);
}

#[test]
fn hashes_and_signatures_are_those_of_the_node() {
    let mut ledger = contract(
        &format!(
            r#"{INPUT}{OUTPUT}
            (import "env" "sha256" (func $sha256 (param i32 i32 i32)))
            (import "env" "blake3" (func $blake3 (param i32 i32 i32)))
            (import "env" "keccak256" (func $keccak256 (param i32 i32 i32)))
            (import "env" "ed25519_verify" (func $verify (param i32 i32 i32 i32) (result i32)))"#
        ),
        r#"(func (export "call") (local $len i32)
            ;; key 32, signature 64, message
            (local.set $len (i32.sub (call $input (i32.const 100) (i32.const 1000)) (i32.const 96)))
            (call $sha256 (i32.const 196) (local.get $len) (i32.const 2000))
            (call $blake3 (i32.const 196) (local.get $len) (i32.const 2032))
            (call $keccak256 (i32.const 196) (local.get $len) (i32.const 2064))
            (i32.store8 (i32.const 2096)
                (call $verify (i32.const 100) (i32.const 196) (local.get $len) (i32.const 132)))
            (call $output (i32.const 2000) (i32.const 97)))"#,
    );
    let key = SecretKey::from_seed([5; 32]);
    let mut input = [key.public_key().0.as_slice(), &key.sign(b"message").0, b"message"].concat();
    let mut expected = Vec::new();
    expected.extend(hash::sha256(&[b"message"]));
    expected.extend(hash::blake3(&[b"message"]));
    expected.extend(hash::keccak256(b"message"));
    expected.push(1);
    assert_eq!(output(&ledger.call(&input)), expected);
    input[40] ^= 1;
    assert_eq!(output(&ledger.call(&input))[96], 0);
}

#[test]
fn an_abort_carries_its_message() {
    let mut ledger = contract(
        &format!(r#"{INPUT}(import "env" "abort" (func $abort (param i32 i32)))"#),
        r#"(func (export "call") (call $abort (i32.const 100) (call $input (i32.const 100) (i32.const 9000))))"#,
    );
    let outcome = ledger.call("not your token".as_bytes());
    assert_eq!(
        outcome.end,
        End::Failed(Fault::Abort {
            message: "not your token".to_string()
        })
    );
    assert!(outcome.gas_used < 20_000, "what was not used is not charged");
    // Cut at a kilobyte, and never anything but text.
    let End::Failed(Fault::Abort { message }) = ledger.call(&[0xff; 5_000]).end else {
        panic!()
    };
    assert_eq!(message.chars().count(), 1_024);
}

#[test]
fn traps_name_their_functions() {
    let mut ledger = contract(
        "",
        r#"(func $inner (param i32) (i32.div_u (i32.const 1) (local.get 0)) drop)
           (func $outer (export "call") (call $inner (i32.const 0)))"#,
    );
    let fault = Fault::Trap {
        kind: TrapKind::DivisionByZero,
        functions: vec!["inner".to_string(), "outer".to_string()],
    };
    assert_eq!(
        fault.to_string(),
        "trapped: integer division by zero in `inner`, called by `outer`"
    );
    assert_eq!(ledger.call(b"").end, End::Failed(fault));
}

#[test]
fn an_entry_that_is_not_there_is_named() {
    let mut ledger = contract("", r#"(func (export "call"))"#);
    let outcome = ledger.run(Entry::Migrate, b"", 10_000_000);
    assert_eq!(outcome.end, End::Failed(Fault::NoEntry(Entry::Migrate)));
    let start = ledger
        .machine
        .check(&ledger.codes[&address(1)])
        .unwrap()
        .start_gas;
    assert_eq!(outcome.gas_used, start);
}

/// Calls itself with half its value until the host says no, and then gives the answer up.
const RECURSIVE: &str = r#"(module
    (import "env" "call" (func $call (param i32 i32 i32 i64 i64) (result i32)))
    (import "env" "call_result" (func $result (param i32 i32) (result i32)))
    (import "env" "self_address" (func $self (param i32)))
    (import "env" "output" (func $output (param i32 i32)))
    (memory (export "memory") 1)
    (func (export "call") (local $code i32) (local $len i32)
        (call $self (i32.const 0))
        (local.set $code (call $call (i32.const 0) (i32.const 0) (i32.const 0) (i64.const 3) (i64.const -1)))
        (if (i32.eqz (local.get $code))
            (then
                (local.set $len (call $result (i32.const 105) (i32.const 100)))
                (i32.store8 (i32.const 104) (i32.const 1))
                (call $output (i32.const 104) (i32.add (local.get $len) (i32.const 1))))
            (else
                (i32.store (i32.const 100) (local.get $code))
                (call $output (i32.const 100) (i32.const 4))))))"#;

#[test]
fn contracts_call_each_other_to_the_limit() {
    let mut ledger = Ledger::with(RECURSIVE);
    let answer = output(&ledger.call(b""));
    // One byte per frame that could call, then the host's refusal.
    let mut expected = vec![1; MAX_FRAMES - 1];
    expected.extend(aureon_vm::abi::DEPTH_EXCEEDED.to_le_bytes());
    assert_eq!(answer, expected);
    assert_eq!(ledger.state.balances[&address(1)], 1_000);
}

#[test]
fn a_nested_failure_is_undone_and_told() {
    let mut ledger = Ledger::with(
        r#"(module
        (import "env" "call" (func $call (param i32 i32 i32 i64 i64) (result i32)))
        (import "env" "call_result" (func $result (param i32 i32) (result i32)))
        (import "env" "output" (func $output (param i32 i32)))
        (memory (export "memory") 1)
        (data (i32.const 0) "\02\02\02\02\02\02\02\02\02\02\02\02\02\02\02\02\02\02\02\02")
        (func (export "call")
            (i32.store (i32.const 100)
                (call $call (i32.const 0) (i32.const 0) (i32.const 0) (i64.const 10) (i64.const 1000000)))
            (call $output (i32.const 100)
                (i32.add (i32.const 4) (call $result (i32.const 104) (i32.const 1000))))))"#,
    );
    ledger.add(
        2,
        crate::ledger::wat(
            r#"(module (import "env" "store" (func $store (param i32 i32 i32 i32))) (memory (export "memory") 1)
            (func $loop (loop (br 0)))
            (func (export "call") (call $store (i32.const 0) (i32.const 1) (i32.const 0) (i32.const 1)) (call $loop)))"#,
        ),
    );
    let outcome = ledger.call(b"");
    let answer = output(&outcome);
    assert_eq!(answer[..4], aureon_vm::abi::CALL_FAILED.to_le_bytes());
    assert_eq!(answer[4..], *b"out of gas");
    assert!(
        outcome.gas_used > 1_000_000 && outcome.gas_used < 1_050_000,
        "all of its allowance: {outcome:?}"
    );
    assert_eq!(ledger.state.storage.len(), 0);
    assert_eq!(ledger.state.balances[&address(2)], 1_000);
}

#[test]
fn a_query_changes_nothing() {
    for body in [
        "(call $store (i32.const 0) (i32.const 1) (i32.const 0) (i32.const 1))",
        "(drop (call $remove (i32.const 0) (i32.const 1)))",
        "(drop (call $transfer (i32.const 0) (i64.const 1)))",
        "(call $log (i32.const 0) (i32.const 1) (i32.const 0) (i32.const 1))",
        "(call $self (i32.const 0))
         (drop (call $call (i32.const 0) (i32.const 0) (i32.const 0) (i64.const 1) (i64.const 100000)))",
    ] {
        let mut ledger = contract(
            &format!(
                r#"{STORAGE}
                (import "env" "transfer" (func $transfer (param i32 i64) (result i32)))
                (import "env" "self_address" (func $self (param i32)))
                (import "env" "call" (func $call (param i32 i32 i32 i64 i64) (result i32)))
                (import "env" "emit_log" (func $log (param i32 i32 i32 i32)))"#
            ),
            &format!(r#"(func (export "query") {body}) (func (export "call"))"#),
        );
        assert_eq!(
            trap(&ledger.run(Entry::Query, b"", 10_000_000)),
            TrapKind::ReadOnly,
            "{body}"
        );
    }
}

#[test]
fn foreign_imports_are_refused_by_name() {
    let check = |text: &str| {
        crate::ledger::machine()
            .check(&crate::ledger::wat(text))
            .unwrap_err()
    };
    let foreign =
        check(r#"(module (import "wasi_snapshot_preview1" "fd_write" (func)) (func (export "call")))"#);
    let text = "the module imports `wasi_snapshot_preview1.fd_write`; only the functions of `env` can be imported, \
        and `fd_write` is not one of them";
    assert_eq!(foreign.to_string(), text);
    let signature = check(r#"(module (import "env" "caller" (func)) (func (export "call")))"#);
    assert_eq!(
        signature.to_string(),
        "the module imports `env.caller` with another signature; it is (i32)"
    );
    assert_eq!(
        check(r#"(module (func $s) (start $s) (func (export "call")))"#),
        CodeFault::StartFunction
    );
    assert_eq!(check("(module)"), CodeFault::NoEntry);
    let entry = check(r#"(module (func (export "call") (param i32)))"#);
    assert_eq!(
        entry,
        CodeFault::EntrySignature {
            name: "call".to_string()
        }
    );
    let memory =
        check(r#"(module (import "env" "caller" (func (param i32))) (memory 1) (func (export "call")))"#);
    assert_eq!(memory, CodeFault::NoMemory);
    let kept = check(r#"(module (global (export "aureon_gas") i64 (i64.const 1)) (func (export "call")))"#);
    assert!(matches!(kept, CodeFault::ReservedExport { .. }));
}
