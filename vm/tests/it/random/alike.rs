//! A module that wasm-smith makes of any bytes, run three times. For the tests of random modules, and for the fuzzer.

use arbitrary::Unstructured;
use aureon_vm::conformance::{Called, Instance, NoInstance};
use wasm_smith::{Config, Module};

const GAS: u64 = 200_000;

fn config() -> Config {
    Config {
        bulk_memory_enabled: true,
        multi_value_enabled: true,
        saturating_float_to_int_enabled: true,
        sign_extension_ops_enabled: true,
        exceptions_enabled: false,
        gc_enabled: false,
        compact_imports_enabled: false,
        reference_types_enabled: false,
        relaxed_simd_enabled: false,
        simd_enabled: false,
        tail_call_enabled: false,
        threads_enabled: false,
        wide_arithmetic_enabled: false,
        extended_const_enabled: false,
        memory64_enabled: false,
        allow_start_export: false,
        max_imports: 0,
        min_funcs: 2,
        min_exports: 2,
        export_everything: true,
        max_exports: 60,
        max_funcs: 20,
        max_globals: 20,
        max_instructions: 400,
        max_table_elements: 1_000,
        max_memory32_bytes: 64 << 16,
        ..Config::default()
    }
}

/// The module that these bytes decide on, if the generator makes one.
pub fn module(bytes: &[u8]) -> Option<Vec<u8>> {
    let module = Module::new(config(), &mut Unstructured::new(bytes));
    module.ok().map(|module| module.to_bytes())
}

fn calls(instance: Result<Instance, NoInstance>) -> Result<Vec<(String, Called)>, String> {
    let mut instance = match instance {
        Ok(instance) => instance,
        Err(NoInstance::Broken(why)) => panic!("the machine broke: {why}"),
        Err(refused) => return Err(format!("{refused:?}")),
    };
    let mut called = Vec::new();
    for name in instance.functions() {
        let arguments = instance.zeros(&name);
        let call = instance.call(&name, &arguments, GAS).unwrap();
        assert!(call.gas_left <= GAS);
        assert!(
            !matches!(call.result, Err(aureon_vm::End::Broken(_))),
            "{name}: {call:?}"
        );
        called.push((name, call));
    }
    Ok(called)
}

/// Freshly compiled, through the cache's bytes, and fresh again it does the same. Tells whether it ran.
///
/// # Panics
/// It does not, or the machine breaks.
pub fn runs_alike(code: &[u8], name: &str) -> bool {
    let fresh = calls(Instance::fresh(code));
    assert_eq!(
        calls(Instance::cached(code)),
        fresh,
        "{name}: cached and fresh differ"
    );
    assert_eq!(
        calls(Instance::fresh(code)),
        fresh,
        "{name}: two fresh ones differ"
    );
    fresh.is_ok_and(|calls| calls.iter().any(|(_, call)| call.gas_left < GAS))
}
