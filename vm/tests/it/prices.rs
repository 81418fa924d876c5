//! What a run pays before its first instruction, and what each host function costs, to the unit.

use aureon_vm::{Entry, abi::HostFunction, cost};

use crate::ledger::Ledger;

/// Gas of a run of `call` that must end well.
fn used(ledger: &mut Ledger, input: &[u8]) -> u64 {
    let outcome = ledger.call(input);
    assert!(matches!(outcome.end, aureon_vm::End::Done(_)), "{outcome:?}");
    outcome.gas_used
}

#[test]
fn a_run_pays_for_what_it_starts_with() {
    // A function of two bytes: no locals, and `end`.
    let least = cost::ENTER + 2 * cost::CODE_BYTE + cost::START_FUNCTION;
    let record = cost::START_RECORD;
    for (parts, expected) in [
        ("", least),
        ("(memory 3)", least + 3 * 4_000),
        ("(table 10 funcref)", least + 10 * 8),
        (
            "(table 10 funcref) (elem (i32.const 0) 0 0)",
            least + record + 12 * 8,
        ),
        (
            "(memory 1) (data (i32.const 0) \"0123456789012345\")",
            least + record + 16 + 4_000 + 2 * 8,
        ),
        // What is put in place only later is paid then.
        (
            "(memory 1) (data \"0123456789012345\")",
            least + record + 16 + 4_000,
        ),
        (
            "(global i64 (i64.const 1)) (global i64 (i64.const 1))",
            least + 2 * record,
        ),
        ("(func) (func)", least + 2 * (cost::START_FUNCTION + 2)),
    ] {
        let text = format!(r#"(module (func (export "call")) {parts})"#);
        let mut ledger = Ledger::with(&text);
        let code = crate::ledger::wat(&text);
        // And 1 for the function's end.
        assert_eq!(used(&mut ledger, b""), expected + 1, "{parts}");
        let report = ledger.machine.check(&code).unwrap();
        assert_eq!(report.start_gas, expected);
        // One less is not enough, and all of it is gone.
        let outcome = ledger.run(Entry::Call, b"", expected);
        assert_eq!(outcome.gas_used, expected);
        assert_eq!(outcome.end, aureon_vm::End::Failed(aureon_vm::Fault::OutOfGas));
    }
}

/// A host function with its arguments, and what it costs beyond the way to it.
fn prices() -> Vec<(HostFunction, &'static str, u64)> {
    use HostFunction as H;
    vec![
        (H::Balance, "(i32.const 0)", cost::BALANCE),
        (H::Transfer, "(i32.const 0) (i64.const 5)", cost::TRANSFER),
        // A key of 3 bytes, a value of 4, a new entry.
        (
            H::Store,
            "(i32.const 0) (i32.const 3) (i32.const 0) (i32.const 4)",
            cost::STORE
                + 7 * cost::COPY_BYTE
                + 7 * cost::STORE_BYTE
                + cost::DEPOSIT_ENTRY
                + 4 * cost::DEPOSIT_BYTE,
        ),
        // Nothing is there; 3 bytes of key.
        (
            H::Load,
            "(i32.const 0) (i32.const 3) (i32.const 0) (i32.const 4)",
            cost::LOAD + 3 * cost::COPY_BYTE,
        ),
        (
            H::Remove,
            "(i32.const 0) (i32.const 3)",
            cost::STORE + 3 * cost::COPY_BYTE + 3 * cost::STORE_BYTE,
        ),
        (
            H::EmitLog,
            "(i32.const 0) (i32.const 2) (i32.const 0) (i32.const 5)",
            cost::LOG + 7 * cost::COPY_BYTE + 7 * cost::LOG_BYTE,
        ),
        (H::Caller, "(i32.const 0)", 0),
        (H::SelfAddress, "(i32.const 0)", 0),
        (H::Value, "", 0),
        // 6 bytes, of which 4 fit.
        (H::Input, "(i32.const 0) (i32.const 4)", 4 * cost::COPY_BYTE),
        (
            H::Output,
            "(i32.const 0) (i32.const 9)",
            9 * (cost::COPY_BYTE + cost::OUTPUT_BYTE),
        ),
        (H::BlockHeight, "", 0),
        (H::BlockTime, "", 0),
        (H::ChainId, "(i32.const 0)", 0),
        // There is no contract at the address.
        (
            H::Call,
            "(i32.const 0) (i32.const 0) (i32.const 8) (i64.const 0) (i64.const -1)",
            cost::CALL + 8 * cost::COPY_BYTE,
        ),
        (
            H::Query,
            "(i32.const 0) (i32.const 0) (i32.const 8) (i64.const -1)",
            cost::CALL + 8 * cost::COPY_BYTE,
        ),
        (H::CallResult, "(i32.const 0) (i32.const 4)", 0),
        (
            H::Sha256,
            "(i32.const 0) (i32.const 10) (i32.const 64)",
            cost::SHA256 + 10 * (cost::COPY_BYTE + cost::SHA256_BYTE),
        ),
        (
            H::Blake3,
            "(i32.const 0) (i32.const 10) (i32.const 64)",
            cost::BLAKE3 + 10 * (cost::COPY_BYTE + cost::BLAKE3_BYTE),
        ),
        (
            H::Keccak256,
            "(i32.const 0) (i32.const 10) (i32.const 64)",
            cost::KECCAK256 + 10 * (cost::COPY_BYTE + cost::KECCAK256_BYTE),
        ),
        (
            H::Ed25519Verify,
            "(i32.const 0) (i32.const 64) (i32.const 10) (i32.const 0)",
            cost::ED25519 + 10 * (cost::COPY_BYTE + cost::ED25519_BYTE),
        ),
        (
            H::Abort,
            "(i32.const 0) (i32.const 6)",
            6 * (cost::COPY_BYTE + cost::ABORT_BYTE),
        ),
    ]
}

#[test]
fn an_import_is_paid_at_the_start() {
    let start = |imports: usize| {
        let imports = r#"(import "env" "value" (func (result i64)))"#.repeat(imports);
        let text = format!(r#"(module {imports} (memory (export "memory") 1) (func (export "call")))"#);
        let report = crate::ledger::machine()
            .check(&crate::ledger::wat(&text))
            .unwrap();
        report.start_gas
    };
    assert_eq!(start(3) - start(1), 2 * cost::START_IMPORT);
}

#[test]
fn each_host_function_has_its_price() {
    let prices = prices();
    assert_eq!(prices.len(), HostFunction::ALL.len());
    for (function, arguments, price) in prices {
        let parameters: String = function
            .parameters()
            .iter()
            .map(|n| format!(" {}", n.name()))
            .collect();
        let result = function.result().map(|n| format!("(result {})", n.name()));
        let drop = if result.is_some() { "drop" } else { "" };
        let text = format!(
            r#"(module (import "env" "{}" (func $f (param{parameters}) {}))
            (memory (export "memory") 1) (func (export "call") (call $f {arguments}) {drop}))"#,
            function.name(),
            result.unwrap_or_default()
        );
        let outcome = Ledger::with(&text).call(b"sixfox");
        let constants = arguments.matches("const").count() as u64;
        // The arguments, `call`, `drop`, the function's end.
        let instructions = constants + 12 + u64::from(!drop.is_empty()) + 1;
        let start = crate::ledger::machine()
            .check(&crate::ledger::wat(&text))
            .unwrap()
            .start_gas;
        let expected = start + instructions + cost::HOST_CALL + price;
        assert_eq!(outcome.gas_used, expected, "{function:?}: {:?}", outcome.end);
        // One less, and it does not end well.
        let poor = Ledger::with(&text).run(Entry::Call, b"sixfox", expected - 1);
        assert_eq!(
            poor.end,
            aureon_vm::End::Failed(aureon_vm::Fault::OutOfGas),
            "{function:?}"
        );
    }
}

#[test]
fn what_a_longer_value_costs_and_a_nested_call_uses_is_paid() {
    let store =
        |length: u32| format!("(call $store (i32.const 0) (i32.const 3) (i32.const 0) (i32.const {length}))");
    let ledger = |body: &str| {
        Ledger::with(&format!(
            r#"(module (import "env" "store" (func $store (param i32 i32 i32 i32)))
            (import "env" "call" (func $call (param i32 i32 i32 i64 i64) (result i32)))
            (memory (export "memory") 1) (data (i32.const 0) "{}") (func (export "call") {body}))"#,
            "\\02".repeat(20)
        ))
    };
    let twice = |first, second| used(&mut ledger(&format!("{}{}", store(first), store(second))), b"");
    // Six bytes more: their deposit, and their copy and write.
    // (The two modules are equally long.)
    assert_eq!(
        twice(4, 10) - twice(4, 4),
        6 * (cost::DEPOSIT_BYTE + cost::COPY_BYTE + cost::STORE_BYTE)
    );
    let body = "(drop (call $call (i32.const 0) (i32.const 0) (i32.const 0) (i64.const 0) (i64.const -1)))";
    let nobody = used(&mut ledger(body), b"");
    let mut somebody = ledger(body);
    somebody.add(
        2,
        crate::ledger::wat(r#"(module (func (export "call") nop nop nop))"#),
    );
    // Its function has 5 bytes.
    assert_eq!(
        used(&mut somebody, b"") - nobody,
        cost::ENTER + cost::START_FUNCTION + 5 * cost::CODE_BYTE + 4
    );
}

#[test]
fn a_value_that_is_found_is_paid_by_its_length_whatever_fits() {
    let mut ledger = Ledger::with(
        r#"(module (import "env" "load" (func $load (param i32 i32 i32 i32) (result i32)))
        (import "env" "input" (func $input (param i32 i32) (result i32)))
        (memory (export "memory") 2) (func (export "call")
            (drop (call $input (i32.const 0) (i32.const 4)))
            (drop (call $load (i32.const 100) (i32.const 1) (i32.const 200) (i32.load (i32.const 0))))))"#,
    );
    let mut load = |value: usize, capacity: u32| {
        let key = (crate::ledger::address(1), vec![0]);
        ledger.state.storage.insert(key, vec![7; value].into());
        used(&mut ledger, &capacity.to_le_bytes())
    };
    let nothing = load(0, 0);
    assert_eq!(load(1_000, 0) - nothing, 1_000 * cost::LOAD_BYTE);
    assert_eq!(
        load(1_000, 10) - nothing,
        1_000 * cost::LOAD_BYTE + 10 * cost::COPY_BYTE
    );
    assert_eq!(
        load(1_000, 2_000) - nothing,
        1_000 * (cost::LOAD_BYTE + cost::COPY_BYTE)
    );
}

/// Contracts whose code is large, one after the other, by a machine that keeps only one.
#[test]
fn code_is_not_loaded_for_who_cannot_pay_for_it() {
    let mut ledger = Ledger::with(&format!(
        r#"(module (func (export "call")) (func {}))"#,
        "nop ".repeat(9_000)
    ));
    ledger.machine = aureon_vm::Machine::new(&aureon_vm::Options {
        cache_bytes: 1,
        ..aureon_vm::Options::default()
    })
    .unwrap();
    let (large, small) = (
        ledger.codes[&crate::ledger::address(1)].clone(),
        crate::ledger::wat(r#"(module (func (export "call")))"#),
    );
    let start = ledger.machine.check(&large).unwrap().start_gas;
    assert!(start > 9_000 * cost::CODE_BYTE + cost::ENTER);
    used(&mut ledger, b"");
    for _ in 0..5 {
        // Another contract takes its place in memory.
        ledger.codes.insert(crate::ledger::address(1), small.clone());
        used(&mut ledger, b"");
        ledger.codes.insert(crate::ledger::address(1), large.clone());
        let loads = ledger.loads;
        for gas in [0, cost::ENTER, start - 1] {
            let outcome = ledger.run(Entry::Call, b"", gas);
            assert_eq!(outcome.end, aureon_vm::End::Failed(aureon_vm::Fault::OutOfGas));
            assert_eq!(outcome.gas_used, gas);
        }
        let missing = ledger.run(Entry::Query, b"", 1_000_000);
        assert_eq!(missing.gas_used, start, "{missing:?}");
        assert_eq!(ledger.loads, loads);
        assert_eq!(used(&mut ledger, b""), start + 1);
        assert_eq!(ledger.loads, loads + 1);
    }
}

#[test]
fn accepted_code_is_compiled_once() {
    let mut ledger = Ledger::with(r#"(module (func (export "call")))"#);
    let code = ledger.codes[&crate::ledger::address(1)].clone();
    let report = ledger.machine.accept(&code).unwrap();
    assert_eq!(report, ledger.machine.check(&code).unwrap());
    assert_eq!(ledger.machine.accept(&code).unwrap(), report);
    used(&mut ledger, b"");
    assert_eq!(ledger.loads, 0);
    assert!(ledger.machine.accept(b"\0asm").is_err());
}

/// Two hundred calls within each other, behind each as much as a function may do without looking at its gas, and then an
/// event: for a counter that is far below zero the host does nothing.
#[test]
fn the_host_does_nothing_for_who_has_less_than_nothing() {
    let text = format!(
        r#"(module (import "env" "emit_log" (func $log (param i32 i32 i32 i32))) (memory (export "memory") 1)
        (func $f (param i32)
            (if (local.get 0) (then (call $f (i32.sub (local.get 0) (i32.const 1)))))
            {})
        (func (export "call") (call $f (i32.const 200))
            (call $log (i32.const 0) (i32.const 1) (i32.const 0) (i32.const 1))))"#,
        format!("(if (local.get 0) (then {})) ", "nop ".repeat(20)).repeat(5)
    );
    let whole = used(&mut Ledger::with(&text), b"");
    for less in (1..25_000).step_by(97) {
        let outcome = Ledger::with(&text).run(Entry::Call, b"", whole - less);
        assert_eq!(
            outcome.end,
            aureon_vm::End::Failed(aureon_vm::Fault::OutOfGas),
            "{less} less"
        );
    }
}
