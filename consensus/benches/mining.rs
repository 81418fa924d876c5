//! What a try of the miner costs: this crate's `search` beside SHA-256 twice as the `sha2` crate offers it,
//! over the same 40 bytes, in the same run.
//!
//! ```text
//! cargo bench -p aureon-consensus
//! ```
//!
//! takes about a minute on one core. "elements" are hashes. At the end both are measured once more in
//! turns, so that a machine that changes its pace in between does not favour one, and their ratio is
//! printed; below 0.95 the benchmark fails.

use std::{
    hint::black_box,
    time::{Duration, Instant},
};

use aureon_consensus::pow::{CHUNK, Target, search};
use criterion::{Criterion, Throughput};
use sha2::{Digest as _, Sha256};

/// The least that `search` may reach of what the plain double hash reaches.
const REQUIRED: f64 = 0.95;
/// Turns of the comparison; the median counts.
const TURNS: usize = 41;

/// Nobody meets it by chance.
fn impossible() -> Target {
    Target::from_zero_bytes(31)
}

/// The same loop by the plain means.
fn plain(header_hash: &[u8; 32], target: &[u8; 32], nonces: std::ops::Range<u64>) -> Option<u64> {
    let mut message = [0; 40];
    message[..32].copy_from_slice(header_hash);
    for nonce in nonces {
        message[32..].copy_from_slice(&nonce.to_le_bytes());
        let hash: [u8; 32] = Sha256::digest(Sha256::digest(message)).into();
        if hash <= *target {
            return Some(nonce);
        }
    }
    None
}

fn time(work: impl FnOnce() -> Option<u64>) -> Duration {
    let start = Instant::now();
    assert_eq!(black_box(work()), None, "nobody meets this target");
    start.elapsed()
}

fn compare() -> bool {
    let (header, target) = ([0xab; 32], impossible());
    let mut ratios: Vec<f64> = (0..TURNS as u64)
        .map(|turn| {
            let nonces = turn * CHUNK..(turn + 1) * CHUNK;
            let theirs = time(|| plain(black_box(&header), black_box(&target.to_bytes()), nonces.clone()));
            let ours = time(|| search(black_box(&header), black_box(&target), nonces));
            theirs.as_secs_f64() / ours.as_secs_f64()
        })
        .collect();
    ratios.sort_by(f64::total_cmp);
    let (low, median, high) = (
        ratios[TURNS / 10],
        ratios[TURNS / 2],
        ratios[TURNS - 1 - TURNS / 10],
    );
    println!(
        "search / plain double hash of sha2: {median:.3} (80 % of {TURNS} turns: {low:.3} to {high:.3}); required: {REQUIRED}"
    );
    median >= REQUIRED
}

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    let (header, target) = ([0xab; 32], impossible());
    let mut group = criterion.benchmark_group("tries");
    group.throughput(Throughput::Elements(CHUNK));
    group.bench_function("search", |bencher| {
        bencher.iter(|| search(black_box(&header), black_box(&target), 0..CHUNK));
    });
    group.bench_function("plain double hash of sha2", |bencher| {
        let target = target.to_bytes();
        bencher.iter(|| plain(black_box(&header), black_box(&target), 0..CHUNK));
    });
    group.finish();
    criterion.final_summary();
    if !compare() {
        std::process::exit(1);
    }
}
