//! `genesis new`, `genesis show`, `genesis check`.

use std::{
    path::{Path, PathBuf},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use aureon_types::{
    Address, Amount, EmptyBlocks, EngineKind, Genesis,
    genesis::{
        BftTimeouts, DEFAULT_GAS_LIMIT, DEFAULT_MIN_GAS_PRICE, DEFAULT_POA_BLOCK_TIME_MS, PosParameters,
        RewardSchedule, default_block_time_ms,
    },
};
use clap::{Args, Subcommand};
use serde_json::Value;

use super::{
    engine::{EngineFlags, milliseconds},
    failure::Failure,
    output, parse,
};
use crate::{
    client::Client,
    config::{self, Config, Overrides, Source, directory},
};

#[derive(Debug, Subcommand)]
#[command(after_help = "Example: aureon-node genesis check genesis.json")]
pub enum Command {
    /// Make a genesis document
    New(Box<New>),
    /// Show the id and the parameters of a genesis
    Show(Show),
    /// Check a genesis document, or compare two by field
    Check(Check),
}

/// The parameters of a new genesis; also those of `init`.
#[derive(Clone, Debug, Args)]
pub struct Parameters {
    /// Name of the chain: a-z, 0-9 and hyphens
    #[arg(long, default_value = "aureon-local", value_name = "NAME")]
    pub chain: String,
    #[command(flatten)]
    pub engine: EngineFlags,
    /// Balance at the start in base units; may be given several times
    #[arg(long = "balance", value_name = "ADDRESS=AMOUNT", value_parser = parse::balance)]
    pub balances: Vec<(Address, Amount)>,
    /// Time between blocks [default: pow 5s, pos 6s, poa 1s]
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
        let default = default_block_time_ms(self.engine.name(config)).unwrap_or(DEFAULT_POA_BLOCK_TIME_MS);
        let block_time_ms = self.block_time.map_or(default, milliseconds);
        let mut balances = config.initial_balances.clone();
        balances.extend(self.balances.iter().copied());
        let genesis = Genesis {
            chain: self.chain.clone(),
            timestamp_ms,
            engine: self.engine.engine(config, block_time_ms)?,
            block_time_ms,
            empty_blocks: self.empty_blocks.unwrap_or_default(),
            gas_limit: self.gas_limit.unwrap_or(DEFAULT_GAS_LIMIT),
            min_gas_price: self.min_gas_price.unwrap_or(DEFAULT_MIN_GAS_PRICE),
            vm_cost_table: aureon_types::genesis::VM_COST_TABLE,
            timeouts: BftTimeouts::default(),
            balances,
        };
        Ok(genesis.checked()?)
    }
}

#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    aureon-node genesis new --chain office --authority 0x8a88...6f5c --balance 0x5290...9EE7=1000000 --out genesis.json\n  \
    aureon-node genesis new --engine pos --stake 0x8a88...6f5c=5000000:2.5% --stake 0x1398...a29d=5000000 \\\n      \
    --min-stake 1000000 --epoch-blocks 600 --unbonding-epochs 14 --reward 1000000 --halving-blocks 20000000\n  \
    aureon-node genesis new --engine pow --pow-difficulty 2 --block-time 10s --half-life 2m --finality-depth 32\n\n\
    A flag that belongs to another engine is refused. What is left out has the default of the engine; the document \
    that is printed has everything written out.")]
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
    if arguments.json {
        return output::json(&view(&genesis)?);
    }
    print(&genesis)
}

/// The document without its balances, with what they add up to.
fn view(genesis: &Genesis) -> Result<Value, Failure> {
    let mut view: Value = serde_json::from_str(&genesis.to_json()).map_err(Failure::failed)?;
    if let Some(fields) = view.as_object_mut() {
        fields.remove("balances");
        fields.insert("id".to_owned(), genesis.id().to_string().into());
        fields.insert("accounts".to_owned(), genesis.balances.len().into());
        fields.insert("supply".to_owned(), genesis.supply().0.into());
    }
    Ok(view)
}

fn print(genesis: &Genesis) -> Result<(), Failure> {
    output::line(format!("genesis id     {}", genesis.id()))?;
    output::line(format!("chain          {}", genesis.chain))?;
    output::line(format!(
        "time           {} ms since 1970-01-01 UTC",
        genesis.timestamp_ms
    ))?;
    print_engine(&genesis.engine)?;
    output::line(format!("block time     {} ms", genesis.block_time_ms))?;
    output::line(format!(
        "gas            {} per block, price at least {}",
        genesis.gas_limit, genesis.min_gas_price
    ))?;
    output::line(format!(
        "supply         {} base units; {} accounts",
        genesis.supply(),
        genesis.balances.len()
    ))
}

fn print_engine(engine: &EngineKind) -> Result<(), Failure> {
    match engine {
        EngineKind::Pow(pow) => {
            output::line(format!(
                "engine         pow, {} zero bytes lead the first target; final {} blocks below the head",
                pow.difficulty, pow.finality_depth
            ))?;
            output::line(format!("half-life      {} ms", pow.half_life_ms))?;
            print_reward(&pow.reward)
        }
        EngineKind::Pos(pos) => print_pos(pos),
        EngineKind::Poa(poa) => {
            output::line(format!(
                "engine         poa, {} authorities, epochs of {} blocks, votes count for {} blocks",
                poa.authorities.len(),
                poa.epoch_blocks,
                poa.vote_expiry_blocks
            ))?;
            for key in &poa.authorities {
                output::line(format!("  authority    {key}"))?;
            }
            Ok(())
        }
    }
}

fn print_pos(pos: &PosParameters) -> Result<(), Failure> {
    output::line(format!(
        "engine         pos, {} validators (at most {}), epochs of {} blocks",
        pos.validators.len(),
        pos.max_validators,
        pos.epoch_blocks
    ))?;
    for validator in &pos.validators {
        output::line(format!(
            "  validator    {}, stake {}, commission {}",
            validator.public_key,
            validator.stake,
            percent(validator.commission_basis_points)
        ))?;
    }
    output::line(format!(
        "staking        at least {} base units; back {} epochs after unbonding",
        pos.min_stake, pos.unbonding_epochs
    ))?;
    output::line(format!(
        "punishment     {} of the stake for two contradicting signatures; epochs in jail {}, also for missing more \
         than {} of an epoch",
        percent(pos.slash_basis_points),
        pos.jail_epochs,
        percent(pos.max_missed_basis_points)
    ))?;
    print_reward(&pos.reward)
}

fn print_reward(reward: &RewardSchedule) -> Result<(), Failure> {
    output::line(format!(
        "reward         {} base units per block, halved every {} blocks; {} in all",
        reward.per_block,
        reward.halving_blocks,
        reward.total()
    ))
}

/// Hundredths of a percent as people write them.
fn percent(basis_points: u32) -> String {
    format!("{}.{:02} %", basis_points / 100, basis_points % 100)
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
