//! How many token transfers a block takes per second, on one core.
//!
//! ```text
//! cargo bench -p aureon-node --bench contracts
//! ```
//!
//! The token of `sdk/templates` is built from source and deployed; 10,000 holders send tokens to each other
//! by transactions that are verified already. They are executed by the ledger and the contract machine as a
//! node has them, on a state in memory. The same is done with calls to a contract that does nothing, and
//! with transfers of base units, in blocks of the same shape: they show what the way to a contract and the
//! way to a transaction cost, and how busy the machine is.
//!
//! A block is warmed up first, by one transaction from each holder: its overlay has read what follows. Then
//! 4,000 transactions are timed. Signatures, receipts' encoding, roots and commit are not. "cold" is the same
//! without warming up: each account and slot is read from the state below at first use.
//!
//! Times are processor times of the one thread, so that other programs count only as far as they empty the
//! caches and share the core. At the end all kinds are measured once more in turns and the medians are
//! printed; fewer than 40,000 token transfers per second fail.

#![expect(clippy::unwrap_used, reason = "a benchmark that cannot run says so")]

mod world;

use std::{
    fs,
    hint::black_box,
    sync::LazyLock,
    time::{Duration, Instant},
};

use aureon_chain::execution::Outcome;
use criterion::{
    BatchSize, Criterion, SamplingMode, Throughput,
    measurement::{Measurement, ValueFormatter, WallTime},
};

use world::{Block, Kind, TIMED, World, execute};

/// Token transfers per second of one core that are required.
const REQUIRED: f64 = 40_000.0;
/// Turns of the comparison; the median counts.
const TURNS: usize = 21;

/// Processor time of this thread; wall time where the system does not tell it.
fn thread_time() -> Duration {
    static START: LazyLock<Instant> = LazyLock::new(Instant::now);
    // The kernel brings the figure up to date when a thread gives way.
    std::thread::yield_now();
    let figures = fs::read_to_string("/proc/thread-self/schedstat").ok();
    let running = figures.and_then(|figures| figures.split(' ').next()?.parse().ok());
    running.map_or_else(|| START.elapsed(), Duration::from_nanos)
}

struct ThreadTime;

impl Measurement for ThreadTime {
    type Intermediate = Duration;
    type Value = Duration;

    fn start(&self) -> Duration {
        thread_time()
    }

    fn end(&self, start: Duration) -> Duration {
        thread_time() - start
    }

    fn add(&self, left: &Duration, right: &Duration) -> Duration {
        *left + *right
    }

    fn zero(&self) -> Duration {
        Duration::ZERO
    }

    fn to_f64(&self, value: &Duration) -> f64 {
        WallTime.to_f64(value)
    }

    fn formatter(&self) -> &dyn ValueFormatter {
        WallTime.formatter()
    }
}

/// Executes what is to be timed of a block that was begun, and ends the block.
fn run(begun: world::Begun<'_>) -> Outcome {
    let world::Begun { mut executor, rest } = begun;
    execute(&mut executor, rest);
    executor.finish().unwrap()
}

/// Microseconds per transaction.
fn time(begun: world::Begun<'_>) -> f64 {
    let start = thread_time();
    let outcome = black_box(run(begun));
    let elapsed = thread_time() - start;
    drop(outcome);
    elapsed.as_secs_f64() * 1e6 / TIMED as f64
}

/// The median, and what nine tenths of the turns do not fall below and not exceed.
fn spread(mut figures: Vec<f64>) -> [f64; 3] {
    figures.sort_by(f64::total_cmp);
    let last = figures.len() - 1;
    [figures[last / 2], figures[last / 10], figures[last - last / 10]]
}

/// All kinds in turns; whether the required rate is reached.
fn compare(world: &World, blocks: &[Block]) -> bool {
    let mut warm = vec![Vec::new(); blocks.len()];
    let mut cold = vec![Vec::new(); blocks.len()];
    for _ in 0..TURNS {
        for (index, block) in blocks.iter().enumerate() {
            warm[index].push(time(world.warm(block)));
            cold[index].push(time(world.cold(block)));
        }
    }
    println!(
        "{TIMED} transactions in a block, processor time of one thread, medians of {TURNS} turns (80 % of them):"
    );
    let mut reached = false;
    for (index, block) in blocks.iter().enumerate() {
        let [median, low, high] = spread(std::mem::take(&mut warm[index]));
        let [cold, ..] = spread(std::mem::take(&mut cold[index]));
        let rate = 1e6 / median;
        println!(
            "{:22} {median:6.2} us ({low:.2} to {high:.2}), {rate:9.0}/s; on a cold overlay {cold:6.2} us; gas {}",
            block.kind.name(),
            world.gas(block)
        );
        if block.kind == Kind::Token {
            reached = rate >= REQUIRED;
        }
    }
    let verdict = if reached { "reached" } else { "NOT reached" };
    println!("required: {REQUIRED:.0} token transfers per second: {verdict}");
    reached
}

fn main() {
    let folder = tempfile::tempdir().unwrap();
    let world = World::new(folder.path());
    let blocks = Kind::ALL.map(|kind| world.block(kind));
    let mut criterion = Criterion::default()
        .with_measurement(ThreadTime)
        .configure_from_args();
    let mut group = criterion.benchmark_group("block");
    group.throughput(Throughput::Elements(TIMED as u64));
    group.sampling_mode(SamplingMode::Flat).sample_size(10);
    for block in &blocks {
        group.bench_function(block.kind.name(), |bencher| {
            bencher.iter_batched(|| world.warm(block), run, BatchSize::PerIteration);
        });
    }
    group.finish();
    criterion.final_summary();
    if !compare(&world, &blocks) {
        std::process::exit(1);
    }
}
