//! Any bytes as an upload: refused with an error, or stored, and then compiled and run to an end that is not the
//! machine's fault.
#![no_main]

use std::sync::LazyLock;

use aureon_vm::{
    Machine, Options,
    conformance::{Instance, NoInstance},
};

static MACHINE: LazyLock<Machine> =
    LazyLock::new(|| Machine::new(&Options::default()).expect("the default cost table is known"));

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let _ = MACHINE.check(bytes);
    match Instance::fresh(bytes) {
        Ok(mut instance) => {
            for function in instance.functions() {
                let arguments = instance.zeros(&function);
                let called = instance
                    .call(&function, &arguments, 100_000)
                    .expect("it is a function");
                assert!(
                    !matches!(called.result, Err(aureon_vm::End::Broken(_))),
                    "{called:?}"
                );
            }
        }
        // It imports what only a contract's run gives it.
        Err(NoInstance::Broken(why)) => assert!(why.contains("importing"), "{why}"),
        Err(_) => {}
    }
});
