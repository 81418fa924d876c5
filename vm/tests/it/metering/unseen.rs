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

#[test]
fn functions_that_wait_for_each_other_cannot_work_for_nothing() {
    // Deep down the gas is gone, and on the way back each does as much as a function may without looking.
    let piece = format!("(if (local.get 0) (then {}))", WORK.repeat(5));
    let text = format!(
        r#"(module (global $work (export "work") (mut i64) (i64.const 0))
            (func $f (export "f") (param i32)
                (if (local.get 0) (then (call $f (i32.sub (local.get 0) (i32.const 1)))))
                {}))"#,
        piece.repeat(5)
    );
    let code = wat::parse_str(&text).unwrap();
    let mut most = 0;
    for gas in (2_000..12_000).step_by(40) {
        let Ok(mut instance) = Instance::fresh(&code) else {
            panic!()
        };
        let called = instance.call("f", &[Number::I32(200)], gas).unwrap();
        assert_eq!(called.result, Err(End::Failed(Fault::OutOfGas)));
        most = most.max(work(&mut instance).saturating_sub(gas));
        assert!(
            most <= most_unseen(),
            "{most} of work without gas, after {gas} with it"
        );
    }
    // The bound is not met by chance: much of it can be reached.
    assert!(most > most_unseen() / 4, "only {most}");
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
