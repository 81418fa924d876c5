//! Random modules by wasm-smith: no panic, and no difference between a fresh compilation and what the cache keeps.

use std::time::{Duration, Instant};

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

/// Bytes that look random, from a seed: xorshift64*.
fn bytes(seed: u64) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let next = move || {
        state ^= state >> 12;
        state ^= state << 25;
        state ^= state >> 27;
        state.wrapping_mul(0x2545_f491_4f6c_dd1d).to_le_bytes()
    };
    std::iter::repeat_with(next).take(1_024).flatten().collect()
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

/// Module number `seed`, if the generator makes one.
pub fn module(seed: u64) -> Option<Vec<u8>> {
    let bytes = bytes(seed);
    let module = Module::new(config(), &mut Unstructured::new(&bytes));
    module.ok().map(|module| module.to_bytes())
}

/// Tells whether the module ran.
fn run(seed: u64) -> bool {
    let Some(code) = module(seed) else { return false };
    let fresh = calls(Instance::fresh(&code));
    assert_eq!(
        calls(Instance::cached(&code)),
        fresh,
        "seed {seed}: cached and fresh differ"
    );
    assert_eq!(
        calls(Instance::fresh(&code)),
        fresh,
        "seed {seed}: two fresh ones differ"
    );
    fresh.is_ok_and(|calls| calls.iter().any(|(_, call)| call.gas_left < GAS))
}

#[test]
fn random_modules_run_alike_fresh_and_cached() {
    let ran = (0..300).filter(|seed| run(*seed)).count();
    assert!(ran > 120, "only {ran} modules ran");
}

/// For longer runs: `AUREON_FUZZ_SECONDS=600 cargo test --release -p aureon-vm -- --ignored --nocapture random`.
#[test]
#[ignore = "runs for as long as it is told"]
fn random_modules_for_long() {
    let told = |name: &str| std::env::var(name).ok().and_then(|text| text.parse().ok());
    let (start, seconds) = (Instant::now(), told("AUREON_FUZZ_SECONDS").unwrap_or(600));
    let first: u64 = told("AUREON_FUZZ_SEED").unwrap_or(1_000_000);
    let (mut seed, mut ran) = (first, 0_u64);
    while start.elapsed() < Duration::from_secs(seconds) {
        ran += u64::from(run(seed));
        seed += 1;
    }
    println!("{} modules from seed {first}, {ran} of them ran", seed - first);
}
