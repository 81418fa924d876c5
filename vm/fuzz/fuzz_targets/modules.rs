//! Modules that wasm-smith makes of the fuzzer's bytes: no panic, and the same results and gas freshly compiled, through
//! the cache, and fresh again.
#![no_main]

#[path = "../../tests/it/random/alike.rs"]
mod alike;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    if let Some(code) = alike::module(bytes) {
        alike::runs_alike(&code, "module");
    }
});
