//! The limits of the machine, measured in turns with wasmer.

use std::{
    process::Command,
    time::{Duration, Instant},
};

use aureon_vm::conformance;

use crate::{Ours, Wasmer, bare};

/// Most time of an empty call over wasmer's own.
const MAX_OVER: Duration = Duration::from_micros(8);
/// Longest compilation, as a multiple of the bare compiler's.
const MAX_RATIO: f64 = 1.5;
/// Most memory of a process that compiles the module, in MB.
const MAX_MEMORY: u64 = 150;

/// Turns of the comparison of calls; the median counts.
const CALL_TURNS: usize = 101;
/// Calls in a turn.
const CALLS: u32 = 200;
/// Turns of the comparison of compilations.
const COMPILE_TURNS: usize = 11;

/// Tells a process of this program that it is to compile once and tell its memory.
const CHILD: &str = "AUREON_BENCH_COMPILE_ONCE";

/// Measures all of them, and tells whether they hold.
pub fn hold(code: &[u8]) -> bool {
    let (plain, imports) = (call(false), call(true));
    println!("the limit of an empty call is {MAX_OVER:.1?} over wasmer");
    let ratio = compilation(code);
    let memory = memory();
    plain <= MAX_OVER.as_secs_f64() && imports.is_finite() && ratio <= MAX_RATIO && memory <= MAX_MEMORY
}

fn time(work: impl FnOnce()) -> f64 {
    let start = Instant::now();
    work();
    start.elapsed().as_secs_f64()
}

/// The middle one, and those that a tenth is below and above.
fn spread(mut measured: Vec<f64>) -> (f64, f64, f64) {
    measured.sort_by(f64::total_cmp);
    let tenth = measured.len() / 10;
    (
        measured[tenth],
        measured[measured.len() / 2],
        measured[measured.len() - 1 - tenth],
    )
}

/// Seconds that an empty call of the machine takes over wasmer's.
fn call(imports: bool) -> f64 {
    let (wasmer, mut ours) = (Wasmer::new(imports), Ours::new(imports));
    let (mut both, mut over) = (Vec::new(), Vec::new());
    for _ in 0..CALL_TURNS {
        let theirs = time(|| (0..CALLS).for_each(|_| wasmer.run())) / f64::from(CALLS);
        let own = time(|| (0..CALLS).for_each(|_| ours.run())) / f64::from(CALLS);
        both.push(theirs);
        over.push(own - theirs);
    }
    let ((_, theirs, _), (low, median, high)) = (spread(both), spread(over));
    println!(
        "empty call{}: {:.2} us over wasmer's {:.2} us (80 % of {CALL_TURNS} turns: {:.2} to {:.2})",
        if imports { " with 7 imports" } else { "" },
        median * 1e6,
        theirs * 1e6,
        low * 1e6,
        high * 1e6
    );
    median
}

/// How many times as long as the bare compiler the machine takes.
fn compilation(code: &[u8]) -> f64 {
    let ratios = (0..COMPILE_TURNS).map(|_| {
        let theirs = time(|| bare(code));
        time(|| conformance::compile_only(code).unwrap()) / theirs
    });
    let (low, median, high) = spread(ratios.collect());
    println!(
        "compilation: {median:.2} times the bare compiler's (80 % of {COMPILE_TURNS} turns: {low:.2} to {high:.2}); at most {MAX_RATIO}"
    );
    median
}

/// Whether this process is the one whose memory is measured.
pub fn is_child() -> bool {
    std::env::var_os(CHILD).is_some()
}

/// Peak memory of this process in kB, by Linux.
fn peak() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kilobytes = line.and_then(|line| line.trim().trim_end_matches("kB").trim().parse().ok());
    kilobytes.unwrap_or(0)
}

/// In the process of its own: prints the peak before and after the work.
pub fn report_memory(work: impl FnOnce()) {
    let before = peak();
    work();
    println!("{before} {}", peak());
}

/// MB that a process of its own takes at its peak to compile the module. Nothing where the system does not tell.
fn memory() -> u64 {
    let program = std::env::current_exe().unwrap();
    let output = Command::new(program).env(CHILD, "1").output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    let numbers: Vec<u64> = text.split_whitespace().filter_map(|n| n.parse().ok()).collect();
    let &[before, after] = numbers.as_slice() else {
        panic!("{text}")
    };
    println!(
        "memory: {} MB at the peak of a process that compiles the module, {} MB before it does; at most {MAX_MEMORY} MB",
        after / 1_000,
        before / 1_000
    );
    after / 1_000
}
