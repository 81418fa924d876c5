//! Random modules by wasm-smith: no panic, and no difference between a fresh compilation and what the cache keeps.

mod alike;

use std::time::{Duration, Instant};

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

/// Module number `seed`, if the generator makes one.
pub fn module(seed: u64) -> Option<Vec<u8>> {
    alike::module(&bytes(seed))
}

/// Tells whether the module ran.
fn run(seed: u64) -> bool {
    module(seed).is_some_and(|code| alike::runs_alike(&code, &format!("seed {seed}")))
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
