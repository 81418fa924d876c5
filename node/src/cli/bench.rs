//! `bench transfers`.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use aureon_types::SecretKey;
use clap::{Args, Subcommand};

use super::{failure::Failure, output, parse};
use crate::{
    bench::{self, BenchError, MAX_ACCOUNTS, Options, Report, Target},
    config::directory,
    testnet::StopFlag,
};

/// Between blocks of the own network.
const BLOCK_TIME: Duration = Duration::from_secs(1);

#[derive(Debug, Subcommand)]
#[command(after_help = "Example: aureon-node bench transfers")]
pub enum Command {
    /// Measure how many transfers per second a network includes
    Transfers(Transfers),
}

#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  aureon-node bench transfers\n  \
    aureon-node bench transfers --api http://127.0.0.1:8080 --key account-1.key --seconds 60 --json\n\n\
    Without --api, a node is started that is the only authority of a new network. Transfers are signed \
    beforehand and offered through the node's API; only those in committed blocks count. On a running \
    network the accounts are funded first by --key; what they have left afterwards is lost.")]
pub struct Transfers {
    /// Measure the network of this running node instead of a new one
    #[arg(long, value_name = "URL", requires = "key")]
    api: Option<String>,
    /// Who funds the accounts on a running network: a key file, or the key itself as 0x and 64 digits
    #[arg(long, value_name = "FILE|HEX", requires = "api")]
    key: Option<String>,
    /// Process of the running node, if it is on this machine: for memory and CPU
    #[arg(long, value_name = "PID", requires = "api")]
    pid: Option<u32>,
    /// How long to measure, at least
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u64).range(1..=86_400))]
    seconds: u64,
    /// How long to offer before that
    #[arg(long, default_value = "5s", value_name = "TIME", value_parser = parse::duration)]
    warm_up: Duration,
    /// Accounts that pay each other
    #[arg(long, default_value_t = 10_000, value_parser = accounts)]
    accounts: usize,
    /// Transfers per request
    #[arg(long, default_value_t = 500, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    batch: u32,
    /// Connections that offer at the same time
    #[arg(long, default_value_t = 4, value_parser = clap::value_parser!(u16).range(1..=256))]
    connections: u16,
    /// Transfers to sign beforehand [default: what this machine could verify and execute in the time]
    #[arg(long, value_name = "COUNT", value_parser = clap::value_parser!(u32).range(1..=50_000_000))]
    transactions: Option<u32>,
    /// Transfers to keep waiting in the node's pool [default: three blocks' worth, at least 10000]
    #[arg(long, value_name = "COUNT", value_parser = clap::value_parser!(u32).range(1..))]
    waiting: Option<u32>,
    /// Time between blocks of the new network [default: 1s]
    #[arg(long, value_name = "TIME", value_parser = parse::duration, conflicts_with = "api")]
    block_time: Option<Duration>,
    /// Make the new network in this directory and keep it [default: a temporary one]
    #[arg(long, value_name = "DIR", conflicts_with = "api")]
    keep: Option<PathBuf>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

fn accounts(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(count) if (2..=MAX_ACCOUNTS).contains(&count) => Ok(count),
        _ => Err(format!("\"{text}\" is not a number within 2 to {MAX_ACCOUNTS}")),
    }
}

impl From<BenchError> for Failure {
    fn from(error: BenchError) -> Self {
        match error {
            BenchError::Client(error) => error.into(),
            BenchError::Testnet(error) => error.into(),
            BenchError::File(error) => error.into(),
            BenchError::NotEmpty { .. } => Self::usage(error),
            _ => Self::failed(error),
        }
    }
}

pub fn run(command: &Command) -> Result<(), Failure> {
    let Command::Transfers(arguments) = command;
    let options = arguments.options()?;
    let stop = StopFlag::on_signals()?;
    // Progress is no result.
    let report = bench::transfers(&options, &stop, &|line| output::remark(line))?;
    if arguments.json {
        output::json(&report)
    } else {
        print(&report)
    }
}

impl Transfers {
    fn options(&self) -> Result<Options, Failure> {
        let target = match (&self.api, &self.key) {
            (Some(api), Some(key)) => Target::Running {
                api: api.clone(),
                payer: Box::new(payer(key)?),
                pid: self.pid,
            },
            _ => Target::Own {
                keep: self.keep.clone(),
                block_time: self.block_time.unwrap_or(BLOCK_TIME),
            },
        };
        let count = |count: u32| usize::try_from(count).unwrap_or(usize::MAX);
        Ok(Options {
            target,
            window: Duration::from_secs(self.seconds),
            warm_up: self.warm_up,
            accounts: self.accounts,
            batch: count(self.batch),
            connections: self.connections.into(),
            transactions: self.transactions.map(count),
            waiting: self.waiting.map(count),
        })
    }
}

/// A key, or the file that holds it.
fn payer(text: &str) -> Result<SecretKey, Failure> {
    match text.parse() {
        Ok(key) => Ok(key),
        Err(_) => Ok(directory::read_key(Path::new(text))?),
    }
}

fn print(report: &Report) -> Result<(), Failure> {
    let latency = &report.latency_ms;
    let known = |value: Option<f64>, unit: &str| {
        value.map_or("not known".to_owned(), |value| format!("{value}{unit}"))
    };
    output::line(format!(
        "included      {} tx/s ({} transfers in {} blocks, {} s)",
        report.included_tps, report.transactions, report.blocks, report.seconds
    ))?;
    output::line(format!(
        "latency       p50 {} ms, p95 {} ms, p99 {} ms, from sending to committed (blocks every {} ms)",
        latency.p50, latency.p95, latency.p99, report.block_time_ms
    ))?;
    output::line(format!(
        "signatures    {} Ed25519/s verified in batches by {} cores: the ratio is {}",
        report.ed25519_batch_per_s, report.cores, report.ratio
    ))?;
    output::line(format!(
        "memory        {}",
        known(report.rss_mb, " MB resident in the node, at most")
    ))?;
    output::line(format!(
        "disk          {} bytes per transaction",
        report.disk_bytes_per_tx
    ))?;
    output::line(format!(
        "cores in use  node {}, load generator {}",
        known(report.node_cores, ""),
        known(report.generator_cores, "")
    ))?;
    output::line(format!(
        "load          {} accounts, {} connections, {} transfers per request; {} s of warm-up not counted",
        report.accounts, report.connections, report.batch, report.warm_up_seconds
    ))?;
    report
        .notes
        .iter()
        .try_for_each(|note| output::line(format!("note          {note}")))
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Debug, Parser)]
    struct Line {
        #[command(flatten)]
        transfers: Transfers,
    }

    fn parsed(arguments: &[&str]) -> Result<Transfers, clap::Error> {
        let line = Line::try_parse_from(std::iter::once("transfers").chain(arguments.iter().copied()))?;
        Ok(line.transfers)
    }

    #[test]
    fn without_an_api_the_network_is_its_own() {
        let options = parsed(&[]).unwrap().options().unwrap();
        assert!(matches!(options.target, Target::Own { keep: None, block_time } if block_time == BLOCK_TIME));
        assert_eq!(
            (options.accounts, options.window),
            (10_000, Duration::from_secs(20))
        );
    }

    #[test]
    fn a_running_network_needs_who_pays() {
        let key = format!("0x{}", "01".repeat(32));
        let options = parsed(&["--api", "http://h:1", "--key", &key])
            .unwrap()
            .options()
            .unwrap();
        assert!(matches!(options.target, Target::Running { ref api, .. } if api == "http://h:1"));
        for wrong in [
            &["--api", "http://h:1"][..],
            &["--key", &key],
            &["--api", "http://h:1", "--key", &key, "--keep", "d"],
            &["--accounts", "1"],
            &["--accounts", "200001"],
            &["--seconds", "0"],
            &["--batch", "0"],
        ] {
            assert!(parsed(wrong).is_err(), "{wrong:?}");
        }
        let missing = parsed(&["--api", "http://h:1", "--key", "no-such-file"])
            .unwrap()
            .options();
        assert!(
            missing
                .unwrap_err()
                .to_string()
                .contains("no-such-file does not exist")
        );
    }
}
