//! `run`: a node, from its start to its end.

use std::{io::IsTerminal as _, net::SocketAddr, path::PathBuf, time::Duration};

use aureon_types::{Address, GenesisId};
use clap::Args;
use tokio::{
    net::TcpListener,
    signal::unix::{Signal, SignalKind, signal},
    sync::watch,
};

use super::{failure::Failure, join, mining};
use crate::{
    api,
    config::{self, Config, Overrides, Source, directory, runtime::Runtime},
    run::{self as node, Node},
};

/// Where a node lives if nothing else is said.
pub const DEFAULT_DIRECTORY: &str = "aureon-data";
/// How long the API may take to answer what is under way when the node stops.
const API_GRACE: Duration = Duration::from_secs(5);

/// What `run` takes; also what the bare binary takes.
#[derive(Clone, Debug, Default, Args)]
#[command(
    after_help = "Examples:\n  aureon-node run --dir node-1\n  aureon-node run --config config.toml\n  \
    aureon-node run --dir joiner --bootstrap /ip4/192.168.1.10/tcp/6000/p2p/12D3KooW...\n  \
    aureon-node run --dir miner --mine --mine-threads 2 --reward-address 0x5290...9EE7\n\n\
    Without a genesis in its directory, a node fetches it from the bootstrap peer and prints its id; \
    --genesis-id makes it refuse any other. Each key of config.toml can also be set by an environment \
    variable (AUREON_NETWORK_P2P_PORT and so on); flags win over variables, variables over the file."
)]
pub struct Arguments {
    /// Directory of the node [default: aureon-data]
    #[arg(long, value_name = "DIR", conflicts_with = "config")]
    pub dir: Option<PathBuf>,
    /// Configuration file; its directory is the node's
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Multiaddr of a peer to join by, ending in /p2p/<peer id>; may be given several times
    #[arg(long = "bootstrap", value_name = "MULTIADDR")]
    pub bootstrap: Vec<String>,
    /// Genesis document of the network to join
    #[arg(long, value_name = "FILE")]
    pub genesis: Option<PathBuf>,
    /// The only genesis id with which the node may start
    #[arg(long, value_name = "ID")]
    pub genesis_id: Option<GenesisId>,
    /// Address on which peers are heard
    #[arg(long, value_name = "IP")]
    pub host: Option<String>,
    /// Port for peers; 0: the system chooses
    #[arg(long, value_name = "PORT")]
    pub p2p_port: Option<u16>,
    /// Address of the REST API
    #[arg(long, value_name = "IP")]
    pub api_host: Option<String>,
    /// Port of the REST API; 0: the system chooses
    #[arg(long, value_name = "PORT")]
    pub api_port: Option<u16>,
    /// Do not look for peers by multicast DNS
    #[arg(long)]
    pub no_mdns: bool,
    /// Mine: make blocks by proof of work
    #[arg(long)]
    pub mine: bool,
    /// Threads that mine [default: one fewer than the machine has cores]
    #[arg(long, value_name = "COUNT", value_parser = clap::value_parser!(u16).range(1..=1_024))]
    pub mine_threads: Option<u16>,
    /// Account that receives rewards and fees of blocks that are mined here, also by miners that ask this
    /// node for work [default: that of the validator key]
    #[arg(long, value_name = "ADDRESS")]
    pub reward_address: Option<Address>,
    /// What is logged: a level, or target=level entries
    #[arg(long, value_name = "FILTER")]
    pub log: Option<String>,
}

impl Arguments {
    fn source(&self) -> Source {
        match (&self.config, &self.dir) {
            (Some(file), _) => Source::File(file.clone()),
            (None, Some(dir)) => Source::Directory(dir.clone()),
            (None, None) => Source::Directory(DEFAULT_DIRECTORY.into()),
        }
    }

    fn overrides(&self) -> Overrides {
        Overrides::default()
            .with(
                "network",
                "bootstrap_peers",
                Some(self.bootstrap.clone()).filter(|list| !list.is_empty()),
            )
            .with("node", "genesis_id", self.genesis_id.map(|id| id.to_string()))
            .with("network", "host", self.host.clone())
            .with("network", "p2p_port", self.p2p_port)
            .with("api", "host", self.api_host.clone())
            .with("api", "port", self.api_port)
            .with("network", "mdns", self.no_mdns.then_some(false))
            .with("mining", "enabled", self.mine.then_some(true))
            .with("mining", "threads", self.mine_threads)
            .with(
                "mining",
                "reward_address",
                self.reward_address.map(|address| address.to_string()),
            )
            .with("log", "filter", self.log.clone())
    }
}

impl Arguments {
    /// Flags that would have no effect are a mistake.
    fn refuse_idle_flags(&self, config: &Config) -> Result<(), Failure> {
        if self.mine_threads.is_some() && !config.mining.enabled {
            return Err(Failure::usage(
                "--mine-threads has no effect: mining is off; add --mine (or set mining.enabled)",
            ));
        }
        Ok(())
    }
}

/// Runs a node until it is told to stop or cannot go on.
pub fn run(arguments: &Arguments) -> Result<(), Failure> {
    let config = config::load(
        &arguments.source(),
        config::process_variables(),
        &arguments.overrides(),
    )?;
    arguments.refuse_idle_flags(&config)?;
    start_log(&config.log);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::failed(format!("cannot start the runtime: {error}")))?;
    runtime.block_on(live(&config, arguments))
}

/// Logs go to stderr, with colours only for a person. A second start in one process (tests) keeps the
/// first log.
fn start_log(filter: &str) {
    let filter = tracing_subscriber::EnvFilter::new(with_quiet_libraries(filter));
    let ansi = std::io::stderr().is_terminal();
    let log = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr);
    let _ = log.with_ansi(ansi).try_init();
}

/// The libraries log each vote and each address on level info; and Kademlia warns of having no peers,
/// which is how every first node begins. Who gives targets or a finer level gets what was asked for.
fn with_quiet_libraries(filter: &str) -> String {
    match filter {
        "info" => "info,arc_malachitebft=warn,libp2p=warn,libp2p_kad=error".to_owned(),
        "warn" => "warn,libp2p_kad=error".to_owned(),
        other => other.to_owned(),
    }
}

async fn live(config: &Config, arguments: &Arguments) -> Result<(), Failure> {
    let mut stop = StopSignals::new()?;
    let (listener, mut node, genesis_id) = tokio::select! {
        started = start(config, arguments) => started?,
        signal = stop.next() => {
            tracing::info!("{signal} while starting: stopped");
            return Ok(());
        }
    };
    let address = listener.local_addr().map_err(Failure::failed)?;
    announce(config, &node, address, genesis_id)?;
    let (end, ended) = watch::channel(false);
    let api = tokio::spawn(api::serve(listener, node.handle(), at_end(ended)));
    let outcome = tokio::select! {
        signal = stop.next() => {
            tracing::info!("{signal}: stopping");
            Ok(())
        }
        reason = node.stopped() => Err(Failure::failed(format!("the node stopped: {}", reason.0))),
    };
    // Nobody listens any more if the server has ended by itself.
    let _ = end.send(true);
    if tokio::time::timeout(API_GRACE, api).await.is_err() {
        tracing::warn!(
            "requests to the API were cut off: they took longer than {} s",
            API_GRACE.as_secs()
        );
    }
    node.shutdown().await;
    Runtime::remove(&config.files.base);
    tracing::info!("stopped");
    outcome
}

async fn at_end(mut ended: watch::Receiver<bool>) {
    // An error means that the sender is gone, which is an end too.
    let _ = ended.wait_for(|ended| *ended).await;
}

/// Everything that can fail does so before the node is announced.
async fn start(config: &Config, arguments: &Arguments) -> Result<(TcpListener, Node, GenesisId), Failure> {
    let node_key = directory::read_or_create_key(&config.files.node_key)?;
    let validator_key = directory::read_optional_key(&config.files.validator_key)?;
    let listener = bind_api(config).await?;
    let genesis = join::genesis(config, arguments.genesis.as_deref(), node_key.seed()).await?;
    let genesis_id = genesis.id();
    tracing::info!("chain {}, genesis id {genesis_id}", genesis.chain);
    let mining = mining::options(&config.mining, &genesis, validator_key.as_ref())?;
    for contradiction in config::contradictions(config, &genesis) {
        tracing::warn!("{contradiction}");
    }
    let mut mempool = aureon_chain::mempool::Config::new(&genesis);
    (mempool.max_transactions, mempool.max_bytes) = config.mempool;
    let node = node::start(node::Options {
        genesis,
        node_key: node_key.seed(),
        validator_key,
        database: config.database.clone(),
        cache_bytes: config.cache_bytes,
        listen: config.network.listen(),
        bootstrap: config.network.bootstrap_peers.clone(),
        mdns: config.network.mdns,
        mempool,
        mining,
    })
    .await
    .map_err(Failure::failed)?;
    Ok((listener, node, genesis_id))
}

async fn bind_api(config: &Config) -> Result<TcpListener, Failure> {
    let address = SocketAddr::from(config.api);
    TcpListener::bind(address).await.map_err(|error| match error.kind() {
        std::io::ErrorKind::AddrInUse => Failure::failed(format!(
            "{address} is in use by another program: stop that program, or choose another port with --api-port \
             (0: the system chooses)"
        )),
        _ => Failure::failed(format!("the API cannot listen on {address}: {error}")),
    })
}

/// Says where the node is, in the log and in `runtime.json`.
fn announce(config: &Config, node: &Node, api: SocketAddr, genesis_id: GenesisId) -> Result<(), Failure> {
    let network = node.handle().network();
    let runtime = Runtime {
        pid: std::process::id(),
        api: api_url(api),
        peer_id: network.local_peer.to_string(),
        multiaddrs: network.listen.iter().map(ToString::to_string).collect(),
        genesis_id,
    };
    tracing::info!("API on {}", runtime.api);
    for address in &runtime.multiaddrs {
        tracing::info!("peers reach this node at {address}");
    }
    runtime.write(&config.files.base).map_err(|error| {
        Failure::failed(format!(
            "cannot write in {}: {error}",
            config.files.base.display()
        ))
    })
}

/// An address that a client on this machine can use.
fn api_url(mut address: SocketAddr) -> String {
    if address.ip().is_unspecified() {
        let loopback: std::net::IpAddr = if address.is_ipv4() {
            [127, 0, 0, 1].into()
        } else {
            [0, 0, 0, 0, 0, 0, 0, 1].into()
        };
        address.set_ip(loopback);
    }
    format!("http://{address}")
}

/// The signals that ask a process to end.
struct StopSignals {
    interrupt: Signal,
    terminate: Signal,
}

impl StopSignals {
    fn new() -> Result<Self, Failure> {
        let listen = |kind| {
            signal(kind).map_err(|error| Failure::failed(format!("cannot listen for signals: {error}")))
        };
        Ok(Self {
            interrupt: listen(SignalKind::interrupt())?,
            terminate: listen(SignalKind::terminate())?,
        })
    }

    async fn next(&mut self) -> &'static str {
        tokio::select! {
            _ = self.interrupt.recv() => "SIGINT",
            _ = self.terminate.recv() => "SIGTERM",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_flag_sets_a_key_that_exists() {
        let arguments = Arguments {
            bootstrap: vec![
                "/ip4/10.0.0.1/tcp/6000/p2p/12D3KooWHHzSeKaY8xuZVzkLbKFfvNgPPeKhFBGrMbNzbm5akpqu".to_owned(),
            ],
            genesis_id: Some(GenesisId([1; 32])),
            host: Some("10.0.0.2".to_owned()),
            p2p_port: Some(1),
            api_host: Some("0.0.0.0".to_owned()),
            api_port: Some(2),
            no_mdns: true,
            mine: true,
            mine_threads: Some(3),
            reward_address: Some(Address([7; 20])),
            log: Some("warn".to_owned()),
            ..Arguments::default()
        };
        let config = config::load(&arguments.source(), [], &arguments.overrides()).unwrap();
        assert_eq!(config.network.bootstrap_peers.len(), 1);
        assert_eq!(config.genesis_id, Some(GenesisId([1; 32])));
        assert_eq!(
            (config.network.host.to_string().as_str(), config.network.p2p_port),
            ("10.0.0.2", 1)
        );
        assert_eq!((config.api.0.to_string().as_str(), config.api.1), ("0.0.0.0", 2));
        assert!(!config.network.mdns);
        assert_eq!(
            config.mining,
            config::Mining {
                enabled: true,
                threads: Some(3),
                reward_address: Some(Address([7; 20]))
            }
        );
        assert_eq!(config.log, "warn");
    }

    #[test]
    fn threads_without_mining_are_refused() {
        let refused = |arguments: &Arguments| {
            let config = config::load(&arguments.source(), [], &arguments.overrides()).unwrap();
            arguments
                .refuse_idle_flags(&config)
                .map_err(|error| error.to_string())
        };
        let idle = Arguments {
            mine_threads: Some(1),
            ..Arguments::default()
        };
        assert!(refused(&idle).unwrap_err().starts_with("--mine-threads"));
        let on = Arguments { mine: true, ..idle };
        assert_eq!(refused(&on), Ok(()));
        assert_eq!(refused(&Arguments::default()), Ok(()));
    }

    #[test]
    fn the_printed_address_can_be_used() {
        assert_eq!(api_url("0.0.0.0:80".parse().unwrap()), "http://127.0.0.1:80");
        assert_eq!(api_url("[::]:80".parse().unwrap()), "http://[::1]:80");
        assert_eq!(api_url("10.0.0.1:80".parse().unwrap()), "http://10.0.0.1:80");
    }
}
