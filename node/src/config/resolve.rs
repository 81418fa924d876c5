//! From the document to a configuration whose values are known to be usable.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::IpAddr,
    ops::RangeInclusive,
    path::{Path, PathBuf},
};

use aureon_protocol::{Multiaddr, PeerId};
use aureon_types::{
    Address, Amount, GenesisId, PublicKey,
    genesis::ENGINE_NAMES as ENGINES,
    limits::{MAX_SUPPLY, MAX_VALIDATORS},
};

use super::{ConfigError, document::Document};

/// Bytes of a MiB.
const MIB: u64 = 1 << 20;
/// More threads than any machine has cores.
const MAX_MINING_THREADS: u64 = 1_024;
/// More bootstrap peers than this gain nothing: Kademlia finds the rest.
const MAX_BOOTSTRAP_PEERS: usize = 64;

/// A checked configuration. All paths are joined with the directory of the file.
#[derive(Clone, Debug)]
pub struct Config {
    /// For a new genesis, and compared with the genesis of a running node.
    pub consensus: Consensus,
    /// Proof of work.
    pub mining: Mining,
    /// Peers.
    pub network: Network,
    /// Where the REST API listens.
    pub api: (IpAddr, u16),
    /// Directory of the database.
    pub database: PathBuf,
    /// Memory for the database's cache, in bytes.
    pub cache_bytes: usize,
    /// Balances of a new genesis.
    pub initial_balances: BTreeMap<Address, Amount>,
    /// Most waiting transactions, and most bytes of them.
    pub mempool: (usize, usize),
    /// A filter for `tracing_subscriber`.
    pub log: String,
    /// The files of the node.
    pub files: Files,
    /// The only genesis with which the node may start.
    pub genesis_id: Option<GenesisId>,
    /// The keys that file, variables or flags set, as `section.name`; the others have their defaults.
    pub given: BTreeSet<String>,
}

/// How this node mines.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mining {
    /// Whether this node mines.
    pub enabled: bool,
    /// `None`: one fewer than the machine has cores.
    pub threads: Option<usize>,
    /// Of use also while this node does not mine itself: for miners that ask it for work. `None`: the
    /// address of the validator key.
    pub reward_address: Option<Address>,
}

/// What a new genesis takes from the configuration.
#[derive(Clone, Debug)]
pub struct Consensus {
    /// One of [`ENGINES`](aureon_types::genesis::ENGINE_NAMES).
    pub engine: String,
    /// Leading zero bytes of the first target, 0 to 31.
    pub pow_difficulty: u8,
    /// Base units.
    pub pos_min_stake: u64,
    /// The authorities, in the order of the file.
    pub poa_authorities: Vec<PublicKey>,
}

/// Peers.
#[derive(Clone, Debug)]
pub struct Network {
    /// Where peers are heard.
    pub host: IpAddr,
    /// TCP and UDP; 0: the system chooses.
    pub p2p_port: u16,
    /// Peers to join by; each ends in `/p2p/<peer id>`.
    pub bootstrap_peers: Vec<Multiaddr>,
    /// Whether to look for peers by multicast DNS.
    pub mdns: bool,
}

impl Network {
    /// TCP and QUIC on the same port number.
    pub fn listen(&self) -> Vec<Multiaddr> {
        let (kind, host, port) = match self.host {
            IpAddr::V4(host) => ("ip4", host.to_string(), self.p2p_port),
            IpAddr::V6(host) => ("ip6", host.to_string(), self.p2p_port),
        };
        [
            format!("/{kind}/{host}/tcp/{port}"),
            format!("/{kind}/{host}/udp/{port}/quic-v1"),
        ]
        .iter()
        .filter_map(|address| address.parse().ok())
        .collect()
    }
}

/// Where the files of a node are.
#[derive(Clone, Debug)]
pub struct Files {
    /// The directory of the configuration.
    pub base: PathBuf,
    /// The genesis document.
    pub genesis: PathBuf,
    /// The peer-to-peer key.
    pub node_key: PathBuf,
    /// The validator's key.
    pub validator_key: PathBuf,
}

impl Config {
    /// Checks `document`; `base` is the directory against which relative paths are meant.
    pub fn resolve(document: &Document, base: &Path) -> Result<Self, ConfigError> {
        let node = &document.node;
        Ok(Self {
            consensus: consensus(document)?,
            mining: mining(document)?,
            network: network(document)?,
            api: (ip("api.host", &document.api.host)?, document.api.port),
            database: file("database.path", base, &document.database.path)?,
            cache_bytes: mebibytes(
                "database.cache_size_mb",
                document.database.cache_size_mb,
                16..=1 << 20,
            )?,
            initial_balances: balances(document)?,
            mempool: (
                count(
                    "mempool.max_transactions",
                    document.mempool.max_transactions,
                    1_000..=10_000_000,
                )?,
                mebibytes("mempool.max_size_mb", document.mempool.max_size_mb, 1..=1 << 16)?,
            ),
            log: log_filter(&document.log.filter)?,
            files: Files {
                base: base.to_owned(),
                genesis: file("node.genesis", base, &node.genesis)?,
                node_key: file("node.node_key", base, &node.node_key)?,
                validator_key: file("node.validator_key", base, &node.validator_key)?,
            },
            genesis_id: match node.genesis_id.as_str() {
                "" => None,
                text => Some(parsed("node.genesis_id", text)?),
            },
            given: BTreeSet::new(),
        })
    }
}

fn value<T>(key: &'static str, reason: impl Into<String>) -> Result<T, ConfigError> {
    Err(ConfigError::Value {
        key,
        reason: reason.into(),
    })
}

fn parsed<T: std::str::FromStr<Err: std::fmt::Display>>(
    key: &'static str,
    text: &str,
) -> Result<T, ConfigError> {
    text.parse()
        .or_else(|error: T::Err| value(key, error.to_string()))
}

fn within(key: &'static str, given: u64, bounds: RangeInclusive<u64>) -> Result<u64, ConfigError> {
    if bounds.contains(&given) {
        Ok(given)
    } else {
        value(
            key,
            format!("{given} is not within {} to {}", bounds.start(), bounds.end()),
        )
    }
}

fn count(key: &'static str, given: u64, bounds: RangeInclusive<u64>) -> Result<usize, ConfigError> {
    let given = within(key, given, bounds)?;
    usize::try_from(given).or_else(|_| value(key, format!("{given} does not fit this machine's addresses")))
}

fn mebibytes(key: &'static str, given: u64, bounds: RangeInclusive<u64>) -> Result<usize, ConfigError> {
    let bytes = within(key, given, bounds)?.saturating_mul(MIB);
    usize::try_from(bytes).or_else(|_| value(key, format!("{given} MiB do not fit this machine's addresses")))
}

fn ip(key: &'static str, text: &str) -> Result<IpAddr, ConfigError> {
    match text {
        "localhost" => Ok(IpAddr::from([127, 0, 0, 1])),
        _ => text.parse().or_else(|_| {
            value(
                key,
                format!(
                    "\"{text}\" is not an IP address; 0.0.0.0 is every interface, 127.0.0.1 this machine only"
                ),
            )
        }),
    }
}

fn file(key: &'static str, base: &Path, text: &str) -> Result<PathBuf, ConfigError> {
    if text.is_empty() {
        return value(key, "the path is empty");
    }
    Ok(base.join(text.strip_prefix("./").unwrap_or(text)))
}

fn log_filter(text: &str) -> Result<String, ConfigError> {
    match tracing_subscriber::EnvFilter::try_new(text) {
        Ok(_) => Ok(text.to_owned()),
        Err(error) => value("log.filter", format!("\"{text}\" is not a log filter: {error}")),
    }
}

fn consensus(document: &Document) -> Result<Consensus, ConfigError> {
    let given = &document.consensus;
    if !ENGINES.contains(&given.engine.as_str()) {
        let hint = super::suggest::hint(&given.engine, ENGINES);
        let reason = format!(
            "\"{}\" is not one of \"pow\", \"pos\", \"poa\"{hint}",
            given.engine
        );
        return value("consensus.engine", reason);
    }
    let key = "consensus.poa_authorities";
    if given.poa_authorities.len() > MAX_VALIDATORS {
        let reason = format!(
            "{} entries, at most {MAX_VALIDATORS} are allowed",
            given.poa_authorities.len()
        );
        return value(key, reason);
    }
    let authorities = given.poa_authorities.iter().map(|text| parsed(key, text));
    Ok(Consensus {
        engine: given.engine.clone(),
        pow_difficulty: difficulty(given.pow_difficulty)?,
        pos_min_stake: within("consensus.pos_min_stake", given.pos_min_stake, 1..=MAX_SUPPLY)?,
        poa_authorities: authorities.collect::<Result<_, _>>()?,
    })
}

fn difficulty(given: u64) -> Result<u8, ConfigError> {
    let key = "consensus.pow_difficulty";
    let given = within(key, given, 0..=31)?;
    u8::try_from(given).or_else(|_| value(key, format!("{given} is not within 0 to 31")))
}

/// The values are checked also while mining is off: a mistake should not wait for the day it is turned on.
fn mining(document: &Document) -> Result<Mining, ConfigError> {
    let given = &document.mining;
    let threads = count("mining.threads", given.threads, 0..=MAX_MINING_THREADS)?;
    let reward_address = match given.reward_address.as_str() {
        "" => None,
        text => Some(parsed("mining.reward_address", text)?),
    };
    Ok(Mining {
        enabled: given.enabled,
        threads: Some(threads).filter(|threads| *threads > 0),
        reward_address,
    })
}

fn network(document: &Document) -> Result<Network, ConfigError> {
    let given = &document.network;
    let key = "network.bootstrap_peers";
    if given.bootstrap_peers.len() > MAX_BOOTSTRAP_PEERS {
        let reason = format!(
            "{} entries, at most {MAX_BOOTSTRAP_PEERS} are allowed",
            given.bootstrap_peers.len()
        );
        return value(key, reason);
    }
    let peers = given
        .bootstrap_peers
        .iter()
        .map(|text| bootstrap_peer(text).or_else(|reason| value(key, reason)));
    Ok(Network {
        host: ip("network.host", &given.host)?,
        p2p_port: given.p2p_port,
        bootstrap_peers: peers.collect::<Result<_, _>>()?,
        mdns: given.mdns,
    })
}

/// Reads a bootstrap address. It must say whom to expect there, else anybody could answer.
pub fn bootstrap_peer(text: &str) -> Result<Multiaddr, String> {
    const EXAMPLE: &str = "/ip4/192.168.1.10/tcp/6000/p2p/<peer id>";
    let address: Multiaddr = text
        .parse()
        .map_err(|error| format!("\"{text}\" is not a multiaddr such as {EXAMPLE}: {error}"))?;
    match peer_of(&address) {
        Some(_) => Ok(address),
        None => Err(format!(
            "\"{text}\" does not end in /p2p/<peer id> (as in {EXAMPLE}); the peer's `aureon-node status` shows its id"
        )),
    }
}

/// The peer id at the end of an address.
pub fn peer_of(address: &Multiaddr) -> Option<PeerId> {
    let text = address.to_string();
    text.rsplit_once("/p2p/")?.1.parse().ok()
}

fn balances(document: &Document) -> Result<BTreeMap<Address, Amount>, ConfigError> {
    let key = "state.initial_balances";
    let mut balances = BTreeMap::new();
    for (text, amount) in &document.state.initial_balances {
        let address: Address = parsed(key, text)?;
        let amount: Amount = parsed(key, &amount.to_string())?;
        if balances.insert(address, amount).is_some() {
            return value(key, format!("{address} is listed twice (with another case?)"));
        }
    }
    Ok(balances)
}
