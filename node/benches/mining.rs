//! How much of the bare search a miner thread reaches, and how soon it takes new work.
//!
//! `cargo bench -p aureon-node --bench mining`. Both sides are measured in turns, by the processor time
//! that they use, so that other programs on the machine do not decide the outcome.

#![expect(clippy::unwrap_used, reason = "a benchmark that cannot run says so")]

use std::{
    fs,
    time::{Duration, Instant},
};

use aureon_consensus::pow::{CHUNK, Target, search};
use aureon_node::{core::MiningWork, miner::Miner};
use aureon_types::Hash;
use tokio::sync::mpsc;

/// Turns of each side.
const TURNS: u32 = 5;
/// Length of a turn.
const TURN: Duration = Duration::from_secs(2);
/// Switches of which the time is taken.
const SWITCHES: u32 = 200;

/// Nothing meets it.
fn impossible() -> Target {
    let mut bytes = [0; 32];
    bytes[31] = 1;
    Target::from_bytes(&bytes).unwrap()
}

/// Processor time of this process in seconds, of all its threads: user and system, in hundredths.
fn processor_seconds() -> f64 {
    let stat = fs::read_to_string("/proc/self/stat").unwrap();
    let fields: Vec<&str> = stat.rsplit_once(") ").unwrap().1.split(' ').collect();
    let ticks: u64 = fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap();
    ticks as f64 / 100.0
}

/// Nonces per second of processor time while `run` runs; it returns how many were tried.
fn rate(run: impl FnOnce() -> u64) -> f64 {
    let before = processor_seconds();
    let tried = run();
    tried as f64 / (processor_seconds() - before)
}

/// The loop without threads, niceness or anything that could stop it.
fn bare() -> u64 {
    let (start, mut tried) = (Instant::now(), 0);
    while start.elapsed() < TURN {
        assert_eq!(search(&[7; 32], &impossible(), tried..tried + CHUNK), None);
        tried += CHUNK;
    }
    tried
}

fn work(number: u64) -> MiningWork {
    let mut hash = [7; 32];
    hash[..8].copy_from_slice(&number.to_le_bytes());
    MiningWork {
        template: Hash(hash),
        target: impossible(),
    }
}

fn mined() -> u64 {
    let (found, _nothing) = mpsc::unbounded_channel();
    let miner = Miner::start(1, 0, search, &found).unwrap();
    miner.set(Some(work(0)));
    std::thread::sleep(TURN);
    miner.set(None);
    let tried = miner.tried();
    drop(miner);
    tried
}

/// Time from new work until a thread has found its nonce, which is the first one it tries.
fn switches() -> Vec<Duration> {
    let (found, mut nonces) = mpsc::unbounded_channel();
    let miner = Miner::start(1, 0, search, &found).unwrap();
    let mut times = Vec::new();
    for number in 0..u64::from(SWITCHES) {
        miner.set(Some(work(number)));
        // In the middle of a search.
        std::thread::sleep(Duration::from_millis(10 + number % 7));
        let easy = MiningWork {
            target: Target::EASIEST,
            ..work(number)
        };
        let start = Instant::now();
        miner.set(Some(easy));
        nonces.blocking_recv().unwrap();
        times.push(start.elapsed());
    }
    times.sort_unstable();
    times
}

fn main() {
    let (mut bare_best, mut mined_best, mut shares) = (0.0_f64, 0.0_f64, Vec::new());
    for _ in 0..TURNS {
        let (bare, mined) = (rate(bare), rate(mined));
        shares.push(mined / bare);
        (bare_best, mined_best) = (bare_best.max(bare), mined_best.max(mined));
    }
    shares.sort_by(f64::total_cmp);
    println!(
        "bare search   {:6.2} million nonces per second of a core",
        bare_best / 1e6
    );
    println!(
        "miner thread  {:6.2} million nonces per second of a core",
        mined_best / 1e6
    );
    println!(
        "share         {:6.1} % (median of {TURNS} turns)",
        shares[shares.len() / 2] * 100.0
    );
    let times = switches();
    println!(
        "new work      {:6.2} ms until it is searched (median; the longest of {SWITCHES}: {:.2} ms)",
        times[times.len() / 2].as_secs_f64() * 1e3,
        times[times.len() - 1].as_secs_f64() * 1e3,
    );
}
