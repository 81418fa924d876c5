//! What small functions cost, to the unit.

use aureon_vm::{
    End, Fault, TrapKind,
    conformance::{Called, Instance, Number},
};

use super::GAS;

fn call(body: &str, argument: i32, gas: u64) -> Called {
    let text = format!(
        r#"(module (memory 1) (table 4 funcref) (elem (i32.const 0) $nothing $trap)
            (func $nothing) (func $trap unreachable) (func $thrice (param i32) (result i32) (local i64)
                (i32.mul (local.get 0) (i32.const 3)))
            (func (export "f") (param i32) {body}))"#
    );
    let code = wat::parse_str(&text).unwrap_or_else(|error| panic!("{error}"));
    let Ok(mut instance) = Instance::fresh(&code) else {
        panic!("{body}")
    };
    instance.call("f", &[Number::I32(argument)], gas).unwrap()
}

fn cost(body: &str, argument: i32) -> u64 {
    let called = call(body, argument, GAS);
    assert!(called.result.is_ok(), "{body}: {called:?}");
    GAS - called.gas_left
}

#[test]
fn what_is_executed_is_paid() {
    for (body, argument, expected) in [
        // The function's `end`.
        ("", 0, 1),
        ("nop nop", 0, 3),
        ("block nop end", 0, 4),
        // What a branch passes over costs nothing; it lands before the `end`.
        ("block br 0 nop nop end", 0, 6),
        ("block br 0 (loop (br 0)) (if (local.get 0) (then nop)) end", 0, 6),
        ("block br 1 end nop", 0, 5),
        ("return nop", 0, 4),
        ("br 0 nop", 0, 4),
        // A side of an `if`: 1 for the condition, 3, the side, 1 and 1.
        ("(if (local.get 0) (then nop))", 0, 6),
        ("(if (local.get 0) (then nop))", 1, 7),
        ("(if (local.get 0) (then nop) (else nop nop))", 0, 8),
        ("(if (local.get 0) (then nop) (else nop nop))", 1, 10),
        ("(if (local.get 0) (then return)) nop nop", 0, 8),
        ("(if (local.get 0) (then return)) nop nop", 1, 8),
        ("(if (local.get 0) (then return) (else nop)) nop nop", 0, 9),
        ("(if (local.get 0) (then return) (else nop)) nop nop", 1, 8),
        ("(if (local.get 0) (then nop) (else return)) nop nop", 1, 12),
        // Both sides leave: nothing behind is reached.
        (
            "block (if (local.get 0) (then br 1) (else br 1)) nop end nop",
            1,
            11,
        ),
        // `br_if` costs 3 and its condition, taken or not.
        ("block (br_if 0 (local.get 0)) nop nop end", 0, 9),
        ("block (br_if 0 (local.get 0)) nop nop end", 1, 7),
        ("block block (br_if 1 (local.get 0)) nop end nop end", 0, 11),
        ("block block (br_if 1 (local.get 0)) nop end nop end", 1, 8),
        // `br_table`: 5 and its index.
        ("block block (br_table 0 1 (local.get 0)) end nop end", 0, 12),
        ("block block (br_table 0 1 (local.get 0)) end nop end", 1, 10),
        ("block block (br_table 0 1 (local.get 0)) end nop end", -1, 10),
        ("block block (br_table 2 0 1 (local.get 0)) end nop end", 0, 9),
        // A loop: 3 once, its body each time.
        ("loop nop end nop", 0, 7),
        (
            "loop (local.tee 0 (i32.sub (local.get 0) (i32.const 1))) br_if 0 nop end nop",
            1,
            14,
        ),
        (
            "loop (local.tee 0 (i32.sub (local.get 0) (i32.const 1))) br_if 0 nop end nop",
            3,
            28,
        ),
        (
            "block loop (local.tee 0 (i32.sub (local.get 0) (i32.const 1))) i32.eqz br_if 1 br 0 end end nop",
            3,
            3 * 8 + 2 * 3 + 1 + 3 + 1 + 1 + 1,
        ),
        (
            "loop (if (local.tee 0 (i32.shr_u (local.get 0) (i32.const 1))) (then br 1)) nop end",
            4,
            34,
        ),
        // A call: 12 and the function.
        ("call $nothing", 0, 14),
        ("(drop (call $thrice (i32.const 2)))", 0, 19),
        ("(call_indirect (local.get 0))", 0, 23),
        // By operand.
        ("(drop (memory.grow (local.get 0)))", 0, 1_003),
        ("(drop (memory.grow (local.get 0)))", 2, 9_003),
        ("(memory.fill (i32.const 0) (i32.const 0) (local.get 0))", 63, 111),
        ("(memory.copy (i32.const 0) (i32.const 0) (local.get 0))", 64, 112),
        ("(table.copy (i32.const 0) (i32.const 0) (local.get 0))", 3, 128),
        // 33 to 36 parameters and locals beyond the 32 that a call pays for.
        (
            "(local i32 i64 i32 i64 i32 i64 i32 i64 i32 i64 i32 i64 i32 i64 i32 i64) (local i32 i64 i32 i64 i32 i64 i32 i64 i32 i64 i32 i64 i32 i64 i32 i64 i32 i64)",
            0,
            1,
        ),
        (
            "(local i32 i64 i32 i64 i32 i64 i32 i64 i32 i64 i32 i64 i32 i64 i32 i64) (local i32 i64 i32 i64 i32 i64 i32 i64 i32 i64 i32 i64 i32 i64 i32 i64 i32 i64 i32)",
            0,
            2,
        ),
    ] {
        assert_eq!(cost(body, argument), expected, "{body} with {argument}");
    }
}

#[test]
fn a_trap_has_paid_for_its_run() {
    let trap = |body| {
        let called = call(body, 0, GAS);
        assert!(
            matches!(called.result, Err(End::Failed(Fault::Trap { .. }))),
            "{called:?}"
        );
        GAS - called.gas_left
    };
    // Behind `unreachable` nothing is reached, so nothing is paid.
    assert_eq!(trap("nop unreachable nop"), 2);
    // What is behind a call or a division is, if it comes back.
    assert_eq!(trap("call $trap nop"), 12 + 1 + 1 + 1);
    assert_eq!(
        trap("(drop (i32.div_u (local.get 0) (local.get 0))) nop"),
        2 + 10 + 1 + 1 + 1
    );
    // The other side of an `if` is not, and what both come to is.
    assert_eq!(
        trap("(if (local.get 0) (then nop nop) (else unreachable)) nop"),
        4 + 1 + 3
    );
}

#[test]
fn the_last_unit_is_enough_and_one_less_is_not() {
    for (body, argument) in [
        ("", 0),
        ("(if (local.get 0) (then nop))", 1),
        ("(if (local.get 0) (then nop))", 0),
        ("call $nothing", 0),
        (
            "loop (local.tee 0 (i32.sub (local.get 0) (i32.const 1))) br_if 0 nop end nop",
            9,
        ),
        ("(drop (memory.grow (local.get 0)))", 2),
        ("(memory.fill (i32.const 0) (i32.const 0) (local.get 0))", 640),
    ] {
        let cost = cost(body, argument);
        let exactly = call(body, argument, cost);
        assert!(
            exactly.result.is_ok() && exactly.gas_left == 0,
            "{body}: {exactly:?}"
        );
        for less in [cost - 1, cost / 2, 0] {
            let called = call(body, argument, less);
            assert_eq!(called.result, Err(End::Failed(Fault::OutOfGas)), "{body}");
            assert_eq!(called.gas_left, 0);
        }
    }
}

#[test]
fn more_gas_than_a_counter_holds_is_as_good_as_no_end() {
    let called = call("(if (local.get 0) (then nop))", 1, u64::MAX);
    assert!(called.result.is_ok(), "{called:?}");
}

#[test]
fn out_of_gas_comes_before_the_other_reason() {
    // The counter is below zero when the division is reached: it was not paid, so it did not happen.
    let body = "(if (i32.eqz (local.get 0)) (then (drop (i32.div_u (local.get 0) (local.get 0)))))";
    assert_eq!(call(body, 0, 8).result, Err(End::Failed(Fault::OutOfGas)));
    let Err(End::Failed(Fault::Trap { kind, .. })) = call(body, 0, 30).result else {
        panic!()
    };
    assert_eq!(kind, TrapKind::DivisionByZero);
}
