//! `init`: the directory of a new node.

use std::path::{Path, PathBuf};

use aureon_types::{Amount, EngineKind, Genesis, GenesisId, PublicKey, genesis::GenesisStake};
use clap::Args;
use serde::Serialize;

use super::{failure::Failure, genesis::Parameters, output};
use crate::config::{self, Config, Document, directory};

/// What `init` makes; if one of them is there already, it refuses.
const FILES: [&str; 5] = [
    config::FILE_NAME,
    "genesis.json",
    "node.key",
    "validator.key",
    "aureon_db",
];

#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    aureon-node init --dir office-1 --balance 0x5290...9EE7=1000000   # a new chain with this node as its authority\n  \
    aureon-node init --dir office-2 --genesis genesis.json            # a node of an existing network\n  \
    aureon-node init --dir stake-1 --engine pos --own-stake 5000000 --own-balance 1000000   # a new chain by stake\n  \
    aureon-node init --dir work-1 --engine pow --pow-difficulty 2 --mine                    # a new chain by work\n\n\
    The keys are plain files with mode 0600; they are not encrypted. Nothing is overwritten.")]
pub struct Arguments {
    /// The directory; it must not hold a node yet
    #[arg(long, default_value = super::run::DEFAULT_DIRECTORY, value_name = "DIR")]
    dir: PathBuf,
    /// Join the network of this genesis instead of making a new one
    #[arg(long, value_name = "FILE", conflicts_with_all = ["Parameters", "EngineFlags"])]
    genesis: Option<PathBuf>,
    /// Make a validator key too, although the genesis is given
    #[arg(long, requires = "genesis")]
    validator: bool,
    /// pos: the stake of this node's key in the new genesis, in base units [default: the least stake]
    #[arg(long, value_name = "AMOUNT", conflicts_with = "genesis")]
    own_stake: Option<Amount>,
    /// The balance of this node's key in the new genesis, in base units: it pays for staking and votes
    #[arg(long, value_name = "AMOUNT", conflicts_with = "genesis")]
    own_balance: Option<Amount>,
    /// pow: this node will mine
    #[arg(long)]
    mine: bool,
    /// Multiaddr of a peer to join by; may be given several times
    #[arg(long = "bootstrap", value_name = "MULTIADDR")]
    bootstrap: Vec<String>,
    /// Port for peers
    #[arg(long, value_name = "PORT")]
    p2p_port: Option<u16>,
    /// Port of the REST API
    #[arg(long, value_name = "PORT")]
    api_port: Option<u16>,
    #[command(flatten)]
    parameters: Parameters,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// What was made.
#[derive(Debug, Serialize)]
struct Made {
    dir: PathBuf,
    genesis_id: GenesisId,
    peer_id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    validator: Option<PublicKey>,
}

pub fn run(arguments: &Arguments) -> Result<(), Failure> {
    refuse_existing(&arguments.dir)?;
    let source = config::Source::Directory(arguments.dir.clone());
    let (variables, flags) = (|| config::process_variables(), overrides(arguments));
    let mut document = config::document(&source, variables(), &flags)?;
    let config = config::load(&source, variables(), &flags)?;
    let validator_key = match &arguments.genesis {
        Some(_) if !arguments.validator => None,
        _ => Some(directory::new_key().map_err(Failure::failed)?),
    };
    let validator = validator_key.as_ref().map(|key| key.public_key());
    let genesis = genesis(arguments, &config, validator)?;
    if arguments.mine && !matches!(genesis.engine, EngineKind::Pow(_)) {
        return Err(Failure::usage(format!(
            "--mine: the engine of this network is \"{}\", only proof of work (\"pow\") is mined",
            genesis.engine.name()
        )));
    }
    if arguments.genesis.is_some() {
        config::contradictions(&config, &genesis)
            .iter()
            .for_each(output::remark);
    }
    agree(&mut document, &genesis.engine);
    // The configuration comes last: a directory that has one is complete.
    let node_key = directory::new_key().map_err(Failure::failed)?;
    directory::create_genesis(&config.files.genesis, &genesis)?;
    directory::create_key(&config.files.node_key, &node_key)?;
    if let Some(key) = &validator_key {
        directory::create_key(&config.files.validator_key, key)?;
        // The key was made this moment, so it has signed nothing.
        crate::run::write_initial_sign_mark(&config.database).map_err(Failure::failed)?;
    }
    let text = config::template(&document).map_err(Failure::failed)?;
    directory::create_public(&arguments.dir.join(config::FILE_NAME), &text)?;
    let peer_id = aureon_protocol::peer_id(node_key.seed()).map_err(Failure::failed)?;
    let made = Made {
        dir: arguments.dir.clone(),
        genesis_id: genesis.id(),
        peer_id: peer_id.to_string(),
        validator,
    };
    print(&made, arguments)
}

fn refuse_existing(dir: &Path) -> Result<(), Failure> {
    match FILES.iter().map(|name| dir.join(name)).find(|path| path.exists()) {
        Some(path) => Err(Failure::failed(format!(
            "{} exists already, and nothing is overwritten: choose another --dir, or run the node that is there \
             with `aureon-node run --dir {}`",
            path.display(),
            dir.display()
        ))),
        None => Ok(()),
    }
}

/// The configuration is written as it is in effect now: flags and variables included.
fn overrides(arguments: &Arguments) -> config::Overrides {
    config::Overrides::default()
        .with("network", "p2p_port", arguments.p2p_port)
        .with("api", "port", arguments.api_port)
        .with(
            "network",
            "bootstrap_peers",
            Some(arguments.bootstrap.clone()).filter(|list| !list.is_empty()),
        )
        .with("consensus", "engine", arguments.parameters.engine.engine)
        .with("mining", "enabled", arguments.mine.then_some(true))
}

fn genesis(arguments: &Arguments, config: &Config, validator: Option<PublicKey>) -> Result<Genesis, Failure> {
    match &arguments.genesis {
        Some(file) => Ok(directory::read_genesis(file)?),
        None => own(arguments, config, validator)?.genesis(config),
    }
}

/// The parameters with what this node's own key gets: an authority's place, or a validator's stake.
fn own(arguments: &Arguments, config: &Config, key: Option<PublicKey>) -> Result<Parameters, Failure> {
    let mut parameters = arguments.parameters.clone();
    let engine = parameters.engine.name(config).to_owned();
    if arguments.own_stake.is_some() && engine != "pos" {
        return Err(Failure::usage(format!(
            "--own-stake belongs to the engine \"pos\", the engine is \"{engine}\": give --engine pos, or leave it out"
        )));
    }
    let Some(public_key) = key else {
        return Ok(parameters);
    };
    match engine.as_str() {
        "poa" => parameters.engine.authorities.push(public_key),
        "pos" => {
            let least = Amount(config.consensus.pos_min_stake);
            let stake = arguments.own_stake.or(parameters.engine.min_stake);
            parameters.engine.stakes.push(GenesisStake {
                public_key,
                stake: stake.unwrap_or(least),
                commission_basis_points: 0,
            });
        }
        _ => {}
    }
    if let Some(balance) = arguments.own_balance {
        parameters.balances.push((public_key.address(), balance));
    }
    Ok(parameters)
}

/// Makes the configuration say what the genesis says, so that the node has nothing to remark about when
/// it starts.
fn agree(document: &mut Document, engine: &EngineKind) {
    let consensus = &mut document.consensus;
    consensus.engine = engine.name().to_owned();
    match engine {
        EngineKind::Pow(pow) => consensus.pow_difficulty = pow.difficulty.into(),
        EngineKind::Pos(pos) => consensus.pos_min_stake = pos.min_stake,
        EngineKind::Poa(_) => {}
    }
}

fn print(made: &Made, arguments: &Arguments) -> Result<(), Failure> {
    if arguments.json {
        return output::json(made);
    }
    let dir = made.dir.display();
    output::line(format!(
        "made {dir}: config.toml, genesis.json, node.key{}",
        match made.validator {
            Some(_) => ", validator.key (keys are not encrypted; mode 0600)",
            None => " (not encrypted; mode 0600)",
        }
    ))?;
    output::line(format!("genesis id  {}", made.genesis_id))?;
    output::line(format!("peer id     {}", made.peer_id))?;
    if let Some(validator) = made.validator {
        output::line(format!("validator   {validator}"))?;
    }
    output::line(format!("run it with: aureon-node run --dir {dir}"))
}
