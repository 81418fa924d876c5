//! `testnet up`, `testnet status`, `testnet down`.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use clap::{Args, Subcommand};

use super::{
    failure::{Exit, Failure},
    output, parse,
};
use crate::testnet::{
    self, Engine, Launch, Layout, MAX_NODES, Network, NodeReport, Report, Running, StopFlag, TestnetError,
};

/// Nodes of a network if nothing is said: any one of four may be dead.
const DEFAULT_NODES: u8 = 4;

#[derive(Debug, Subcommand)]
#[command(after_help = "Example: aureon-node testnet up")]
pub enum Command {
    /// Start a network of several nodes on this machine
    Up(Up),
    /// Show a network's nodes and accounts
    Status(Status),
    /// Stop a network's nodes
    Down(Down),
}

#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  aureon-node testnet up\n  \
    aureon-node testnet up --engine pos --nodes 4 --block-time 1s\n  \
    aureon-node testnet up --engine pow --nodes 3\n  \
    aureon-node testnet up --dir office --detach --json\n\n\
    Ctrl-C stops all nodes. With --detach they go on until `testnet down`. Started again with the same --dir, \
    the network goes on where it was. The accounts' keys are known to everybody: for development only.")]
pub struct Up {
    /// Directory of the network [default: a new aureon-testnet-N here]
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
    /// How many nodes [default: 4]
    #[arg(long, value_parser = clap::value_parser!(u8).range(1..=MAX_NODES as i64))]
    nodes: Option<u8>,
    /// What makes blocks: pow (every node mines), pos (every node has a stake) or poa (every node is an
    /// authority) [default: poa]
    #[arg(long, value_name = "ENGINE")]
    engine: Option<Engine>,
    /// Time between blocks [default: pow 5s, pos 2s, poa 1s]
    #[arg(long, value_name = "TIME", value_parser = parse::duration)]
    block_time: Option<Duration>,
    /// First port: peers use it and those after it, the APIs those 100 higher; 0: the system chooses
    /// [default: 6000 and up for peers, 8080 and up for the APIs]
    #[arg(long, value_name = "PORT")]
    base_port: Option<u16>,
    /// Give the nodes each other's addresses instead of letting them find each other
    #[arg(long)]
    no_mdns: bool,
    /// Return when the nodes are up; they go on
    #[arg(long)]
    detach: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
#[command(after_help = "Example: aureon-node testnet status --dir office --json")]
pub struct Status {
    /// Directory of the network [default: the newest aureon-testnet-N here]
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
#[command(after_help = "Example: aureon-node testnet down --dir office")]
pub struct Down {
    /// Directory of the network [default: the newest aureon-testnet-N here]
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
}

impl From<TestnetError> for Failure {
    fn from(error: TestnetError) -> Self {
        match error {
            TestnetError::NoNetwork { .. } => Self::new(Exit::NotFound, error),
            TestnetError::PortRange { .. } | TestnetError::Different { .. } | TestnetError::Genesis(_) => {
                Self::usage(error)
            }
            _ => Self::failed(error),
        }
    }
}

pub fn run(command: &Command) -> Result<(), Failure> {
    match command {
        Command::Up(arguments) => up(arguments),
        Command::Status(arguments) => status(arguments),
        Command::Down(arguments) => down(arguments),
    }
}

fn up(arguments: &Up) -> Result<(), Failure> {
    let stop = StopFlag::on_signals()?;
    let network = network(arguments)?;
    if !arguments.json {
        output::remark(format!(
            "starting {} nodes ({}) in {} ...",
            network.nodes,
            network.genesis.engine.name(),
            network.dir.display()
        ));
    }
    let mut running = testnet::launch(
        network,
        &Launch {
            mdns: !arguments.no_mdns,
        },
        &stop,
    )?;
    let shown = show(&running, arguments);
    if arguments.detach && shown.is_ok() {
        return Ok(());
    }
    if shown.is_ok() {
        testnet::supervise(&mut running, &stop, !arguments.json);
        output::remark("stopping ...");
    }
    for dir in running.stop() {
        output::remark(format!(
            "the node in {} did not stop and was killed",
            dir.display()
        ));
    }
    shown?;
    output::remark(format!(
        "stopped; go on with `aureon-node testnet up --dir {}`",
        running.network.dir.display()
    ));
    if stop.is_set() {
        Ok(())
    } else {
        Err(Failure::failed("all nodes ended by themselves"))
    }
}

fn network(arguments: &Up) -> Result<Network, Failure> {
    let engine = arguments.engine.unwrap_or(Engine::Poa);
    let layout = Layout {
        nodes: arguments.nodes.unwrap_or(DEFAULT_NODES).into(),
        engine,
        block_time: arguments.block_time.unwrap_or(engine.block_time()),
        base_port: arguments.base_port,
    };
    if let Some(dir) = &arguments.dir
        && let Some(network) = Network::open(dir)?
    {
        check_same(&network, arguments)?;
        if arguments.base_port.is_some() {
            testnet::refuse_running(&network)?;
            network.set_ports(&layout)?;
        }
        return Ok(network);
    }
    // Before anything is written: a start that cannot succeed leaves nothing behind.
    Network::check_ports(&layout)?;
    match &arguments.dir {
        Some(dir) => Ok(Network::create(dir, &layout)?),
        None => Ok(Network::create(
            &testnet::fresh_directory(Path::new("."))?,
            &layout,
        )?),
    }
}

/// An option that contradicts the network that is there is not silently ignored.
fn check_same(network: &Network, arguments: &Up) -> Result<(), Failure> {
    let block_time = Duration::from_millis(network.genesis.block_time_ms);
    let different = |there: String, asked: String| {
        Err(TestnetError::Different {
            dir: network.dir.clone(),
            there,
            asked,
        }
        .into())
    };
    if let Some(engine) = arguments.engine
        && engine.name() != network.genesis.engine.name()
    {
        return different(
            format!("the engine \"{}\"", network.genesis.engine.name()),
            format!("\"{}\"", engine.name()),
        );
    }
    match (arguments.nodes, arguments.block_time) {
        (Some(nodes), _) if usize::from(nodes) != network.nodes => {
            different(format!("{} nodes", network.nodes), format!("{nodes}"))
        }
        (_, Some(asked)) if asked != block_time => different(
            format!("a block time of {} ms", block_time.as_millis()),
            format!("{} ms", asked.as_millis()),
        ),
        _ => Ok(()),
    }
}

fn show(running: &Running, arguments: &Up) -> Result<(), Failure> {
    let report = testnet::report(&running.network);
    if arguments.json {
        return output::json(&report);
    }
    if let Some(reason) = &running.bootstrapped {
        output::line(format!(
            "mDNS is not used ({reason}): the nodes were given each other's addresses\n"
        ))?;
    }
    print(&report)?;
    first_command(&running.network, &report)?;
    if arguments.detach {
        let dir = running.network.dir.display();
        output::line(format!(
            "\nthe nodes go on; stop them with: aureon-node testnet down --dir {dir}"
        ))
    } else {
        output::line("\nCtrl-C stops all nodes.\n")
    }
}

fn print(report: &Report) -> Result<(), Failure> {
    output::line(format!("chain       {}", report.chain))?;
    output::line(format!("genesis id  {}", report.genesis_id))?;
    output::line(format!("directory   {} (logs in node-N/node.log)", report.dir))?;
    for node in &report.nodes {
        print_node(node)?;
    }
    output::line("\naccounts, for development only: everybody knows their keys")?;
    for account in &report.accounts {
        output::line(format!("  {}  {} base units", account.address, account.balance))?;
        output::line(format!("    key {}", account.secret_key))?;
    }
    Ok(())
}

fn print_node(node: &NodeReport) -> Result<(), Failure> {
    let Some(api) = &node.api else {
        return output::line(match node.pid {
            Some(pid) => format!("\n{}  starting (process {pid})", node.name),
            None => format!("\n{}  not running", node.name),
        });
    };
    let head = match (node.height, node.peers) {
        (Some(height), Some(peers)) => format!("height {height}, {peers} peers"),
        _ => "does not answer".to_owned(),
    };
    output::line(format!("\n{}  API {api}  {head}", node.name))?;
    output::line(format!(
        "  peer id    {}",
        node.peer_id.as_deref().unwrap_or_default()
    ))?;
    for address in &node.multiaddrs {
        output::line(format!("  multiaddr  {address}"))?;
    }
    Ok(())
}

/// A command to copy: the first account pays the second.
fn first_command(network: &Network, report: &Report) -> Result<(), Failure> {
    let api = report.nodes.iter().find_map(|node| node.api.as_deref());
    let (Some(api), Some(recipient)) = (api, report.accounts.get(1)) else {
        return Ok(());
    };
    let program = std::env::current_exe().unwrap_or_else(|_| "aureon-node".into());
    output::line(format!(
        "\ntry: {} tx send --node {api} --key {} --to {} --amount 1000 --wait 30s",
        program.display(),
        network.account_file(1).display(),
        recipient.address
    ))
}

fn existing(dir: Option<&PathBuf>) -> Result<Network, Failure> {
    let here = Path::new(".");
    let dir = dir
        .cloned()
        .or_else(|| testnet::latest_directory(here))
        .unwrap_or_else(|| here.to_owned());
    Network::open(&dir)?.ok_or_else(|| TestnetError::NoNetwork { dir }.into())
}

fn status(arguments: &Status) -> Result<(), Failure> {
    let report = testnet::report(&existing(arguments.dir.as_ref())?);
    if arguments.json {
        output::json(&report)
    } else {
        print(&report)
    }
}

fn down(arguments: &Down) -> Result<(), Failure> {
    let network = existing(arguments.dir.as_ref())?;
    let dirs: Vec<PathBuf> = (0..network.nodes).map(|index| network.node_dir(index)).collect();
    let (ran, killed) = testnet::stop_all(&dirs, || {});
    for dir in &killed {
        output::remark(format!(
            "the node in {} did not stop and was killed",
            dir.display()
        ));
    }
    output::line(format!(
        "{} of {} nodes were running and are stopped",
        ran.len(),
        network.nodes
    ))
}
