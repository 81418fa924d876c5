//! Runs simulations by hand: many seeds of a scenario, or one seed with all its numbers.
//!
//! ```text
//! cargo run -p aureon-testkit --release --bin simulate -- --seeds 0..1000 --scenario storm
//! ```
//!
//! Ends with code 1 at the first violation, after telling the seed and the trace hash.

use std::{
    ops::Range,
    process::ExitCode,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    thread,
    time::Instant,
};

use aureon_testkit::{Engine, Kind, Report, SECOND, Scenario, run};
use clap::Parser;

/// Whole nodes in a simulation, by seed.
#[derive(Parser)]
#[command(after_help = "Example: simulate --seeds 0..1000 --scenario storm")]
struct Arguments {
    /// Seeds, the last not included (0..1000), or a single one.
    #[arg(long, default_value = "0..100", value_parser = seeds)]
    seeds: Range<u64>,
    /// calm, storm, all-crash, late-joiner, lone, every-sync, or an attacker (double-voter, ...); all of them
    /// if not given.
    #[arg(long)]
    scenario: Option<Kind>,
    /// poa, pos or pow; all of them if not given.
    #[arg(long)]
    engine: Option<Engine>,
    /// Threads; simulations share nothing.
    #[arg(long, default_value_t = 2)]
    threads: u64,
    /// Tells the numbers of every seed.
    #[arg(long)]
    verbose: bool,
}

fn seeds(text: &str) -> Result<Range<u64>, String> {
    let number = |text: &str| text.parse::<u64>().map_err(|error| format!("{text}: {error}"));
    match text.split_once("..") {
        Some((from, to)) => Ok(number(from)?..number(to)?),
        None => Ok(number(text)?..number(text)?.saturating_add(1)),
    }
}

/// What all seeds of a scenario came to.
#[derive(Default)]
struct Total {
    runs: u64,
    blocks: u64,
    crashes: u64,
    torn: u64,
    included: u64,
    contracts: u64,
    calls: u64,
    failed_calls: u64,
    undone_calls: u64,
    sets: u64,
    offences: u64,
    reorgs: u64,
    deepest_reorg: u64,
    highest_round: u32,
    failed: Option<(u64, String)>,
}

impl Total {
    fn add(&mut self, seed: u64, report: Report) {
        self.runs += 1;
        self.blocks += report.height;
        self.crashes += report.crashes;
        self.torn += report.torn;
        self.included += report.included;
        self.contracts += report.contracts;
        self.calls += report.contract_calls;
        self.failed_calls += report.failed_calls;
        self.undone_calls += report.undone_calls;
        self.sets += report.sets;
        self.offences += report.offences;
        self.reorgs += report.reorgs;
        self.deepest_reorg = self.deepest_reorg.max(report.deepest_reorg);
        self.highest_round = self.highest_round.max(report.highest_round);
        if let Some(violation) = report.violation
            && self.failed.as_ref().is_none_or(|(failed, _)| seed < *failed)
        {
            self.failed = Some((seed, format!("{violation}\ntrace {}", report.trace)));
        }
    }
}

fn run_all(arguments: &Arguments, engine: Engine, kind: Kind) -> Total {
    let next = AtomicU64::new(arguments.seeds.start);
    let total = Mutex::new(Total::default());
    let work = || loop {
        let seed = next.fetch_add(1, Ordering::Relaxed);
        let failed = total
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .failed
            .is_some();
        if seed >= arguments.seeds.end || failed {
            return;
        }
        let report = run(Scenario::new(engine, kind, seed)).unwrap_or_else(|error| Report {
            violation: Some(error.to_string()),
            ..Report::default()
        });
        if arguments.verbose {
            let seconds = report.ended / SECOND;
            println!("{engine} {kind} {seed}: {seconds} s, {report:?}");
        }
        total
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .add(seed, report);
    };
    thread::scope(|scope| {
        for _ in 0..arguments.threads.max(1) {
            scope.spawn(work);
        }
    });
    total.into_inner().unwrap_or_else(PoisonError::into_inner)
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let engines = arguments
        .engine
        .map_or(Engine::ALL.to_vec(), |engine| vec![engine]);
    let wanted = |engine: Engine| {
        let kinds = Kind::of(engine).filter(|kind| arguments.scenario.is_none_or(|wanted| wanted == *kind));
        kinds.map(move |kind| (engine, kind))
    };
    for (engine, kind) in engines.into_iter().flat_map(wanted) {
        let start = Instant::now();
        let total = run_all(&arguments, engine, kind);
        println!(
            "{engine} {kind}: {} seeds, {} blocks, {} crashes ({} in the middle of a sync), {} transactions included, {} contracts, {} of their transactions done, {} failed, {} undone, {} validator sets, {} contradictions, highest round {}, {} reorgs, {} blocks at most, {:.1} s",
            total.runs,
            total.blocks,
            total.crashes,
            total.torn,
            total.included,
            total.contracts,
            total.calls,
            total.failed_calls,
            total.undone_calls,
            total.sets,
            total.offences,
            total.highest_round,
            total.reorgs,
            total.deepest_reorg,
            start.elapsed().as_secs_f64()
        );
        if let Some((seed, what)) = total.failed {
            println!("seed {seed} failed: {what}");
            return ExitCode::FAILURE;
        }
    }
    ExitCode::SUCCESS
}
