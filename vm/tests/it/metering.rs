//! What operators cost: payments by runs of operators (`src/inspect/runs.rs`) against counts that know nothing of runs.

mod exact;
mod naive;
mod programs;
mod unseen;

use aureon_vm::{
    End, Fault, TrapKind,
    conformance::{Instance, NoInstance},
};

use naive::Naive;

/// More than most programs here use.
const GAS: u64 = 200_000;

/// Most functions that wait for each other.
const MAX_FRAMES: u64 = 257;

/// Calls every exported function on the machine and on the naive counter, one after the other in the same instance, and
/// compares. Tells how many ended well.
pub fn compare(name: &str, code: &[u8]) -> usize {
    let mut ours = match Instance::fresh(code) {
        Ok(instance) => instance,
        Err(NoInstance::Broken(why)) => panic!("{name}: {why}"),
        Err(_) => return 0,
    };
    let mut naive = Naive::new(code);
    let mut well = 0;
    for function in ours.functions() {
        let arguments = ours.zeros(&function);
        let called = ours.call(&function, &arguments, GAS).unwrap();
        let (ended_well, counted) = naive.call(&function, &arguments, GAS);
        let used = GAS - called.gas_left;
        match called.result {
            Ok(_) => {
                assert!(ended_well, "{name} {function}: ends only on the machine");
                assert_eq!(used, counted, "{name} {function}");
                well += 1;
            }
            Err(End::Failed(Fault::OutOfGas)) => {
                assert!(!ended_well || counted > GAS, "{name} {function}: had gas enough");
                // The two stopped at different places: what follows would not compare.
                return well;
            }
            // The counter knows no depth.
            Err(End::Failed(Fault::Trap {
                kind: TrapKind::CallDepth,
                ..
            })) => return well,
            Err(_) => {
                assert!(!ended_well, "{name} {function}: ends only in the counter");
                // Of the functions that did not end the counter has counted the end.
                assert!(
                    used + MAX_FRAMES >= counted,
                    "{name} {function}: paid {used} for {counted} before a trap"
                );
            }
        }
    }
    well
}

#[test]
fn random_programs_pay_for_what_they_execute() {
    let well: usize = (0..400)
        .map(|seed| {
            let text = programs::program(seed);
            compare(
                &format!("program {seed}: {text}"),
                &wat::parse_str(&text).unwrap(),
            )
        })
        .sum();
    assert!(well > 400, "only {well} calls ended well");
}

#[test]
fn random_modules_pay_for_what_they_execute() {
    let well: usize = (0..300)
        .filter_map(|seed| Some((seed, crate::random::module(seed)?)))
        .map(|(seed, code)| compare(&format!("module {seed}"), &code))
        .sum();
    assert!(well > 100, "only {well} calls ended well");
}
