//! `genesis new`, `genesis show`, `genesis check`.

use std::{
    path::{Path, PathBuf},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use aureon_types::{
    Address, Amount, EmptyBlocks, EngineKind, Genesis, PublicKey,
    genesis::{
        BftTimeouts, DEFAULT_GAS_LIMIT, DEFAULT_MIN_GAS_PRICE, DEFAULT_POA_BLOCK_TIME_MS, PoaParameters,
    },
};
use clap::{Args, Subcommand};
use serde::Serialize;

use super::{failure::Failure, output, parse};
use crate::{
    client::Client,
    config::{self, Config, Overrides, Source, directory},
};

#[derive(Debug, Subcommand)]
#[command(after_help = "Example: aureon-node genesis check genesis.json")]
pub enum Command {
    /// Make a genesis document
    New(New),
    /// Show the id and the parameters of a genesis
    Show(Show),
    /// Check a genesis document, or compare two by field
    Check(Check),
}

/// The parameters of a new genesis; also those of `init` and `testnet up`.
#[derive(Clone, Debug, Args)]
pub struct Parameters {
    /// Name of the chain: a-z, 0-9 and hyphens
    #[arg(long, default_value = "aureon-local", value_name = "NAME")]
    pub chain: String,
    /// Engine; without it the configuration decides ("poa" by default)
    #[arg(long)]
    pub engine: Option<String>,
    /// Public key of an authority; may be given several times
    #[arg(long = "authority", value_name = "PUBLIC_KEY")]
    pub authorities: Vec<PublicKey>,
    /// Balance at the start in base units; may be given several times
    #[arg(long = "balance", value_name = "ADDRESS=AMOUNT", value_parser = parse::balance)]
    pub balances: Vec<(Address, Amount)>,
    /// Time between blocks
    #[arg(long, value_name = "TIME", value_parser = parse::duration)]
    pub block_time: Option<Duration>,
    /// Whether blocks without transactions are made: always or on-demand
    #[arg(long, value_name = "WHEN", value_parser = parse::empty_blocks)]
    pub empty_blocks: Option<EmptyBlocks>,
    /// Most gas of a block
    #[arg(long, value_name = "GAS")]
    pub gas_limit: Option<u64>,
    /// Least gas price in base units
    #[arg(long, value_name = "PRICE")]
    pub min_gas_price: Option<u64>,
}

impl Parameters {
    /// The genesis of these parameters and of what `config` adds, from now on.
    pub fn genesis(&self, config: &Config) -> Result<Genesis, Failure> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        self.genesis_at(config, u64::try_from(now.as_millis()).unwrap_or(u64::MAX))
    }

    fn genesis_at(&self, config: &Config, timestamp_ms: u64) -> Result<Genesis, Failure> {
        let block_time_ms = self
            .block_time
            .map(|time| u64::try_from(time.as_millis()).unwrap_or(u64::MAX));
        let mut balances = config.initial_balances.clone();
        balances.extend(self.balances.iter().copied());
        let genesis = Genesis {
            chain: self.chain.clone(),
            timestamp_ms,
            engine: self.engine_of(config)?,
            block_time_ms: block_time_ms.unwrap_or(DEFAULT_POA_BLOCK_TIME_MS),
            empty_blocks: self.empty_blocks.unwrap_or_default(),
            gas_limit: self.gas_limit.unwrap_or(DEFAULT_GAS_LIMIT),
            min_gas_price: self.min_gas_price.unwrap_or(DEFAULT_MIN_GAS_PRICE),
            timeouts: BftTimeouts::default(),
            balances,
        };
        Ok(genesis.checked()?)
    }

    fn engine_of(&self, config: &Config) -> Result<EngineKind, Failure> {
        check_engine(self.engine.as_deref().unwrap_or(&config.consensus.engine))?;
        let mut authorities = self.authorities.clone();
        authorities.extend(&config.consensus.poa_authorities);
        authorities.sort();
        authorities.dedup();
        if authorities.is_empty() {
            return Err(Failure::usage(
                "a genesis needs at least one authority: give --authority <public key> \
                 (`aureon-node keys show <file>` prints it), or consensus.poa_authorities",
            ));
        }
        Ok(EngineKind::Poa(PoaParameters::new(authorities)))
    }
}

/// Refuses an engine that this version cannot run.
pub fn check_engine(name: &str) -> Result<(), Failure> {
    match name {
        "poa" => Ok(()),
        known if config::ENGINES.contains(&known) => Err(Failure::usage(format!(
            "engine \"{known}\" is not part of this version; it knows \"poa\""
        ))),
        other => {
            let hint = config::suggest::hint(other, config::ENGINES);
            Err(Failure::usage(format!("\"{other}\" is not an engine{hint}")))
        }
    }
}

#[derive(Debug, Args)]
#[command(
    after_help = "Example: aureon-node genesis new --chain office --authority 0x8a88...6f5c \
    --balance 0x5290...9EE7=1000000 --out genesis.json"
)]
pub struct New {
    #[command(flatten)]
    parameters: Parameters,
    /// Take consensus.* and state.* from this configuration
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Write to this file, which must not exist; without it the document is printed
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  aureon-node genesis show genesis.json\n  \
    aureon-node genesis show --node http://127.0.0.1:8080 --document > genesis.json")]
pub struct Show {
    /// A genesis document
    #[arg(default_value = "genesis.json", conflicts_with = "node")]
    file: PathBuf,
    /// Ask a node for its genesis instead
    #[arg(long, value_name = "URL")]
    node: Option<String>,
    /// Print the whole document
    #[arg(long)]
    document: bool,
    /// Print JSON
    #[arg(long, conflicts_with = "document")]
    json: bool,
}

#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  aureon-node genesis check genesis.json\n  \
    aureon-node genesis check mine.json --against theirs.json")]
pub struct Check {
    /// A genesis document
    #[arg(default_value = "genesis.json")]
    file: PathBuf,
    /// Another one; the fields that differ are named, and the exit code is 1
    #[arg(long, value_name = "FILE")]
    against: Option<PathBuf>,
}

/// What people ask of a genesis.
#[derive(Debug, Serialize)]
struct GenesisView {
    id: String,
    chain: String,
    timestamp_ms: u64,
    engine: &'static str,
    block_time_ms: u64,
    empty_blocks: EmptyBlocks,
    gas_limit: u64,
    min_gas_price: u64,
    authorities: Vec<PublicKey>,
    accounts: usize,
    supply: Amount,
}

impl GenesisView {
    fn of(genesis: &Genesis) -> Self {
        Self {
            id: genesis.id().to_string(),
            chain: genesis.chain.clone(),
            timestamp_ms: genesis.timestamp_ms,
            engine: genesis.engine.name(),
            block_time_ms: genesis.block_time_ms,
            empty_blocks: genesis.empty_blocks,
            gas_limit: genesis.gas_limit,
            min_gas_price: genesis.min_gas_price,
            authorities: match &genesis.engine {
                EngineKind::Poa(parameters) => parameters.authorities.clone(),
                EngineKind::Pow(_) | EngineKind::Pos(_) => Vec::new(),
            },
            accounts: genesis.balances.len(),
            supply: genesis.supply(),
        }
    }
}

pub fn run(command: &Command) -> Result<(), Failure> {
    match command {
        Command::New(arguments) => new(arguments),
        Command::Show(arguments) => show(arguments),
        Command::Check(arguments) => check(arguments),
    }
}

fn new(arguments: &New) -> Result<(), Failure> {
    let config = match &arguments.config {
        Some(file) => {
            let source = Source::File(file.clone());
            config::load(&source, config::process_variables(), &Overrides::default())?
        }
        None => {
            let document = config::Document::default();
            Config::resolve(&document, Path::new("."))?
        }
    };
    let genesis = arguments.parameters.genesis(&config)?;
    match &arguments.out {
        Some(file) => {
            directory::create_genesis(file, &genesis)?;
            output::remark(format!("wrote {}", file.display()));
            output::line(genesis.id())
        }
        None => output::raw(&genesis.to_json()),
    }
}

fn show(arguments: &Show) -> Result<(), Failure> {
    let genesis = match &arguments.node {
        Some(url) => Client::new(url).genesis()?,
        None => directory::read_genesis(&arguments.file)?,
    };
    if arguments.document {
        return output::raw(&genesis.to_json());
    }
    let view = GenesisView::of(&genesis);
    if arguments.json {
        return output::json(&view);
    }
    output::line(format!("genesis id     {}", view.id))?;
    output::line(format!("chain          {}", view.chain))?;
    output::line(format!(
        "time           {} ms since 1970-01-01 UTC",
        view.timestamp_ms
    ))?;
    output::line(format!(
        "engine         {}, {} authorities",
        view.engine,
        view.authorities.len()
    ))?;
    for key in &view.authorities {
        output::line(format!("  authority    {key}"))?;
    }
    output::line(format!("block time     {} ms", view.block_time_ms))?;
    output::line(format!(
        "gas            {} per block, price at least {}",
        view.gas_limit, view.min_gas_price
    ))?;
    output::line(format!(
        "supply         {} base units in {} accounts",
        view.supply, view.accounts
    ))
}

fn check(arguments: &Check) -> Result<(), Failure> {
    let ours = directory::read_genesis(&arguments.file)?;
    let Some(other) = &arguments.against else {
        return output::line(format!(
            "{} is well formed: genesis id {}",
            arguments.file.display(),
            ours.id()
        ));
    };
    let theirs = directory::read_genesis(other)?;
    let differences = ours.differences(&theirs);
    if differences.is_empty() {
        return output::line(format!("both have the genesis id {}", ours.id()));
    }
    for difference in &differences {
        output::line(difference)?;
    }
    Err(Failure::failed(format!(
        "{} has the genesis id {}, {} has {}: they are different networks",
        arguments.file.display(),
        ours.id(),
        other.display(),
        theirs.id()
    )))
}
