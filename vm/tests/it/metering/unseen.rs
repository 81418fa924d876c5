//! Not every payment looks whether there was gas for it. What is done without gas is bounded all the same, and never
//! comes out as done.

use aureon_vm::{
    End, Fault,
    conformance::{Instance, Number},
    cost, limits,
};

use super::programs;

/// The most that may be executed without gas.
fn most_unseen() -> u64 {
    (u64::try_from(limits::MAX_CALL_DEPTH).unwrap() + 1) * cost::MAX_UNSEEN
}

/// 4 for each time that the program counted its work, which costs 4.
fn work(instance: &mut Instance) -> u64 {
    let Some(Number::I64(work)) = instance.global("work") else {
        panic!("it counts its work")
    };
    4 * work.cast_unsigned()
}

const WORK: &str = "(global.set $work (i64.add (global.get $work) (i64.const 1)))";

/// The most work that could be done without gas by functions that wait for each other: deep down the gas is gone, and on
/// the way back each executes this piece this often.
fn work_on_the_way_back(piece: &str, times: usize) -> u64 {
    let text = format!(
        r#"(module (global $work (export "work") (mut i64) (i64.const 0))
            (func $f (export "f") (param i32)
                (if (local.get 0) (then (call $f (i32.sub (local.get 0) (i32.const 1)))))
                {}))"#,
        format!("{piece} ").repeat(times)
    );
    let code = wat::parse_str(&text).unwrap_or_else(|error| {
        panic!(
            "{piece}: {}",
            error.to_string().lines().next().unwrap_or_default()
        )
    });
    let mut most = 0;
    for gas in (2_000..40_000).step_by(200) {
        let Ok(mut instance) = Instance::fresh(&code) else {
            panic!()
        };
        let called = instance.call("f", &[Number::I32(200)], gas).unwrap();
        if called.result == Err(End::Failed(Fault::OutOfGas)) {
            most = most.max(work(&mut instance).saturating_sub(gas));
        }
    }
    most
}

#[test]
fn functions_that_wait_for_each_other_cannot_work_for_nothing() {
    let (little, much) = (WORK.repeat(5), WORK.repeat(25));
    for (piece, times) in [
        // As much as a function may do without looking, and more.
        (format!("(if (local.get 0) (then {little}))"), 5),
        (format!("(if (local.get 0) (then {little}))"), 40),
        (format!("(if (i32.eqz (local.get 0)) (then) (else {little}))"), 40),
        // Of two ways that meet the dear one comes first, or last.
        (format!("(if (local.get 0) (then {much}) (else))"), 20),
        (format!("(if (i32.eqz (local.get 0)) (then) (else {much}))"), 20),
        // Ways that meet behind a branch out of several blocks.
        (
            format!(
                "block block (br_if 1 (i32.eqz (local.get 0))) {much} (br_if 0 (i32.const 1)) end nop end"
            ),
            20,
        ),
        (
            format!("block block block (br_table 0 1 (local.get 0)) end {little} br 1 end {much} end"),
            20,
        ),
    ] {
        let most = work_on_the_way_back(&piece, times);
        assert!(
            most <= most_unseen(),
            "{most} of work without gas by {times} of {piece}"
        );
    }
    // The bound is not met by chance: much of it can be reached.
    let most = work_on_the_way_back(&format!("(if (local.get 0) (then {little}))"), 5);
    assert!(most > most_unseen() / 4, "only {most}");
}

#[test]
fn what_costs_by_its_operand_is_not_done_before_it_is_paid() {
    for body in [
        "(drop (memory.grow (local.get 0)))",
        "(memory.fill (i32.const 0) (i32.const 1) (i32.mul (local.get 0) (i32.const 5000)))",
        "(memory.copy (i32.const 0) (i32.const 1) (i32.mul (local.get 0) (i32.const 5000)))",
        "(memory.init 0 (i32.const 0) (i32.const 0) (i32.mul (local.get 0) (i32.const 5000)))",
        "(table.copy (i32.const 0) (i32.const 1) (i32.mul (local.get 0) (i32.const 45)))",
        "(table.init 1 (i32.const 0) (i32.const 0) (i32.mul (local.get 0) (i32.const 45)))",
    ] {
        let text = format!(
            r#"(module (global $work (export "work") (mut i64) (i64.const 0)) (memory 20 256) (table 9500 funcref)
            (data "{}") (elem func) (elem func {})
            (func $f (export "f") (param i32) {body} (global.set $work (i64.const 1))))"#,
            "x".repeat(100_000),
            "$f ".repeat(1_000)
        );
        let Ok(mut instance) = Instance::fresh(&wat::parse_str(&text).unwrap()) else {
            panic!("{body}")
        };
        let called = instance.call("f", &[Number::I32(20)], 1_200).unwrap();
        assert_eq!(called.result, Err(End::Failed(Fault::OutOfGas)), "{body}");
        assert_eq!(work(&mut instance), 0, "{body}");
        let called = instance.call("f", &[Number::I32(20)], 10_000_000).unwrap();
        assert!(called.result.is_ok(), "{body}: {called:?}");
    }
}

#[test]
fn random_programs_stop_soon_after_their_gas() {
    let mut ended = 0;
    for seed in 1_000..1_200 {
        let code = wat::parse_str(programs::program(seed)).unwrap();
        for gas in [0, 10, 40, 100, 300, 1_000, 10_000] {
            let Ok(mut instance) = Instance::fresh(&code) else {
                panic!("{seed}")
            };
            let called = instance.call("f0", &[], gas).unwrap();
            let work = work(&mut instance);
            if called.result == Err(End::Failed(Fault::OutOfGas)) {
                assert!(
                    work <= gas + most_unseen(),
                    "program {seed}: {work} with {gas} gas"
                );
                ended += 1;
            } else {
                assert!(work <= gas, "program {seed}: {work} with {gas} gas");
            }
        }
    }
    assert!(ended > 200, "only {ended} ran out of gas");
}
