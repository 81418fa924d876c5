//! What is on disk: making a network, and opening one.

use std::{
    fs,
    net::{IpAddr, SocketAddr, TcpListener},
    path::{Path, PathBuf},
    time::Duration,
};

use aureon_types::{EngineKind, Genesis, GenesisId, PublicKey};
use serde::{Deserialize, Serialize};

use super::{Engine, TestnetError, accounts, genesis::genesis};
use crate::config::{self, Config, Document, directory, files};

/// Most nodes of one network: what one machine can run, and what the port ranges below hold.
pub const MAX_NODES: usize = 64;
/// First ports if nothing is said.
const DEFAULT_P2P_PORT: u16 = 6_000;
const DEFAULT_API_PORT: u16 = 8_080;
/// With `--base-port P`, peers use P and up, APIs P + 100 and up.
const API_OFFSET: u16 = 100;
/// What the directories made without `--dir` begin with.
const DIRECTORY_PREFIX: &str = "aureon-testnet-";
/// Database cache of each node in MiB: several nodes share the machine.
const CACHE_SIZE_MB: u64 = 64;

/// What a new network is made of.
#[derive(Clone, Debug)]
pub struct Layout {
    /// 1 to [`MAX_NODES`].
    pub nodes: usize,
    /// What makes blocks.
    pub engine: Engine,
    /// Time between blocks.
    pub block_time: Duration,
    /// `None`: the default ports; 0: the system chooses.
    pub base_port: Option<u16>,
}

impl Layout {
    /// Ports of a node, from 0: for peers, and of the API.
    fn ports(&self, index: usize) -> Result<(u16, u16), TestnetError> {
        let (p2p, api) = match self.base_port {
            Some(0) => return Ok((0, 0)),
            Some(base) => (Some(base), base.checked_add(API_OFFSET)),
            None => (Some(DEFAULT_P2P_PORT), Some(DEFAULT_API_PORT)),
        };
        let plus = |base: Option<u16>| base?.checked_add(u16::try_from(index).ok()?);
        plus(p2p).zip(plus(api)).ok_or(TestnetError::PortRange {
            base: self.base_port.unwrap_or_default(),
            nodes: self.nodes,
        })
    }
}

/// Refuses a port that another program listens on. Port 0 is always free.
pub(super) fn refuse_taken(
    index: usize,
    what: &'static str,
    host: &str,
    port: u16,
) -> Result<(), TestnetError> {
    let Ok(host) = host.parse::<IpAddr>() else {
        // The node itself says what is wrong with it.
        return Ok(());
    };
    match TcpListener::bind(SocketAddr::new(host, port)) {
        Err(error) if error.kind() == std::io::ErrorKind::AddrInUse => Err(TestnetError::PortInUse {
            port,
            what,
            name: Network::name(index),
        }),
        _ => Ok(()),
    }
}

/// A network on disk.
#[derive(Clone, Debug)]
pub struct Network {
    /// Its directory, absolute.
    pub dir: PathBuf,
    /// The genesis.
    pub genesis: Genesis,
    /// How many nodes.
    pub nodes: usize,
}

/// The content of `testnet.json`.
#[derive(Debug, Serialize, Deserialize)]
struct Record {
    chain: String,
    genesis_id: GenesisId,
    nodes: usize,
}

impl Network {
    /// The name of a node, from 0.
    pub fn name(index: usize) -> String {
        format!("node-{}", index + 1)
    }

    /// The directory of a node, from 0.
    pub fn node_dir(&self, index: usize) -> PathBuf {
        self.dir.join(Self::name(index))
    }

    /// The key file of an account, from 1.
    pub fn account_file(&self, number: usize) -> PathBuf {
        self.dir.join("accounts").join(accounts::file_name(number))
    }

    /// Opens the network in `dir`; `None`: there is nothing.
    pub fn open(dir: &Path) -> Result<Option<Self>, TestnetError> {
        let path = record_path(dir);
        let text = match fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(TestnetError::io(format!("read {}", path.display()))(error)),
        };
        let record: Record = serde_json::from_str(&text)
            .map_err(|error| TestnetError::io(format!("read {}", path.display()))(error.into()))?;
        let dir = absolute(dir)?;
        let genesis = directory::read_genesis(&dir.join("genesis.json"))?;
        Ok(Some(Self {
            dir,
            genesis,
            nodes: record.nodes,
        }))
    }

    /// Whether a new network of this layout could listen.
    pub fn check_ports(layout: &Layout) -> Result<(), TestnetError> {
        let defaults = Document::default();
        for index in 0..layout.nodes {
            let (p2p_port, api_port) = layout.ports(index)?;
            refuse_taken(index, "peers", &defaults.network.host, p2p_port)?;
            refuse_taken(index, "API", &defaults.api.host, api_port)?;
        }
        Ok(())
    }

    /// Gives the nodes the ports of `layout` from the next start on.
    pub fn set_ports(&self, layout: &Layout) -> Result<(), TestnetError> {
        for index in 0..self.nodes {
            let (p2p_port, api_port) = layout.ports(index)?;
            self.configure(index, |document| {
                document.network.p2p_port = p2p_port;
                document.api.port = api_port;
            })?;
        }
        Ok(())
    }

    /// Makes a network in `dir`, which must be empty or absent.
    pub fn create(dir: &Path, layout: &Layout) -> Result<Self, TestnetError> {
        fs::create_dir_all(dir).map_err(TestnetError::io(format!("make {}", dir.display())))?;
        let dir = absolute(dir)?;
        let mut entries = fs::read_dir(&dir).map_err(TestnetError::io(format!("read {}", dir.display())))?;
        if entries.next().is_some() {
            return Err(TestnetError::NotEmpty { dir });
        }
        let mut network = Self {
            dir,
            genesis: genesis(layout, &[]),
            nodes: layout.nodes,
        };
        let mut keys = Vec::with_capacity(layout.nodes);
        for index in 0..layout.nodes {
            keys.push(network.create_node(index, layout)?);
        }
        network.genesis = genesis(layout, &keys).checked()?;
        for index in 0..layout.nodes {
            directory::create_genesis(&network.node_dir(index).join("genesis.json"), &network.genesis)?;
        }
        for (number, key) in (1..).zip(accounts::keys()) {
            directory::create_key(&network.account_file(number), &key)?;
        }
        directory::create_genesis(&network.dir.join("genesis.json"), &network.genesis)?;
        network.write_record()?;
        Ok(network)
    }

    /// Keys, configuration and an empty log: the key is new and has signed nothing.
    fn create_node(&self, index: usize, layout: &Layout) -> Result<PublicKey, TestnetError> {
        let dir = self.node_dir(index);
        let (p2p_port, api_port) = layout.ports(index)?;
        let mut document = Document::default();
        document.network.p2p_port = p2p_port;
        document.api.port = api_port;
        document.database.cache_size_mb = CACHE_SIZE_MB;
        document.consensus.engine = layout.engine.name().to_owned();
        if let EngineKind::Pow(pow) = &self.genesis.engine {
            document.consensus.pow_difficulty = pow.difficulty.into();
            document.mining.enabled = true;
            // Several nodes share the machine, and so do their miners.
            document.mining.threads = 1;
        }
        let config = Config::resolve(&document, &dir)?;
        let random = || directory::new_key().map_err(TestnetError::io("make a key"));
        let validator = random()?;
        directory::create_key(&config.files.node_key, &random()?)?;
        directory::create_key(&config.files.validator_key, &validator)?;
        crate::run::write_initial_sign_mark(&config.database)?;
        write_config(&dir, &document)?;
        Ok(validator.public_key())
    }

    fn write_record(&self) -> Result<(), TestnetError> {
        let record = Record {
            chain: self.genesis.chain.clone(),
            genesis_id: self.genesis.id(),
            nodes: self.nodes,
        };
        let path = record_path(&self.dir);
        let written = serde_json::to_vec_pretty(&record)
            .map_err(std::io::Error::from)
            .and_then(|text| files::replace(&path, &text, files::PUBLIC));
        written.map_err(TestnetError::io(format!("write {}", path.display())))
    }

    /// The configuration of a node as it is written.
    pub fn document(&self, index: usize) -> Result<Document, TestnetError> {
        let source = config::Source::File(self.node_dir(index).join(config::FILE_NAME));
        Ok(config::document(&source, [], &config::Overrides::default())?)
    }

    /// Changes the configuration of a node.
    pub fn configure(&self, index: usize, change: impl FnOnce(&mut Document)) -> Result<(), TestnetError> {
        let before = self.document(index)?;
        let mut document = before.clone();
        change(&mut document);
        if document == before {
            return Ok(());
        }
        write_config(&self.node_dir(index), &document)
    }
}

fn write_config(dir: &Path, document: &Document) -> Result<(), TestnetError> {
    let path = dir.join(config::FILE_NAME);
    let written = config::template(document)
        .map_err(std::io::Error::from)
        .and_then(|text| files::replace(&path, text.as_bytes(), files::PUBLIC));
    written.map_err(TestnetError::io(format!("write {}", path.display())))
}

fn record_path(dir: &Path) -> PathBuf {
    dir.join("testnet.json")
}

fn absolute(dir: &Path) -> Result<PathBuf, TestnetError> {
    dir.canonicalize()
        .map_err(TestnetError::io(format!("find {}", dir.display())))
}

/// A new directory `aureon-testnet-N` in `parent`, claimed by making it.
pub fn fresh_directory(parent: &Path) -> Result<PathBuf, TestnetError> {
    let mut number = numbers(parent).max().unwrap_or(0);
    loop {
        number += 1;
        let dir = parent.join(format!("{DIRECTORY_PREFIX}{number}"));
        match fs::create_dir(&dir) {
            Ok(()) => return Ok(dir),
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(TestnetError::io(format!("make {}", dir.display()))(error)),
        }
    }
}

/// The newest directory that [`fresh_directory`] made in `parent`.
pub fn latest_directory(parent: &Path) -> Option<PathBuf> {
    let number = numbers(parent).max()?;
    Some(parent.join(format!("{DIRECTORY_PREFIX}{number}")))
}

fn numbers(parent: &Path) -> impl Iterator<Item = u64> {
    fs::read_dir(parent)
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| {
            entry
                .file_name()
                .to_str()?
                .strip_prefix(DIRECTORY_PREFIX)?
                .parse()
                .ok()
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn layout(nodes: usize, base_port: Option<u16>) -> Layout {
        Layout {
            nodes,
            engine: Engine::Poa,
            block_time: Duration::from_secs(1),
            base_port,
        }
    }

    #[test]
    fn ports_do_not_meet() {
        assert_eq!(layout(4, None).ports(0).unwrap(), (6_000, 8_080));
        assert_eq!(layout(4, None).ports(3).unwrap(), (6_003, 8_083));
        assert_eq!(layout(4, Some(7_000)).ports(3).unwrap(), (7_003, 7_103));
        assert_eq!(layout(4, Some(0)).ports(3).unwrap(), (0, 0));
        assert!(matches!(
            layout(4, Some(65_500)).ports(3),
            Err(TestnetError::PortRange { .. })
        ));
        assert!(MAX_NODES <= usize::from(API_OFFSET));
    }

    #[test]
    fn a_network_comes_back_as_it_was_made() {
        let parent = tempfile::tempdir().unwrap();
        let dir = parent.path().join("net");
        assert!(Network::open(&dir).unwrap().is_none());
        let made = Network::create(&dir, &layout(2, Some(0))).unwrap();
        let opened = Network::open(&dir).unwrap().unwrap();
        assert_eq!((opened.genesis.id(), opened.nodes), (made.genesis.id(), 2));
        for index in 0..2 {
            let config = Config::resolve(&opened.document(index).unwrap(), &opened.node_dir(index)).unwrap();
            let key = directory::read_key(&config.files.validator_key)
                .unwrap()
                .public_key();
            let validators = opened.genesis.validators().unwrap().unwrap();
            assert!(validators.get(&key.address()).is_some());
        }
        assert!(matches!(
            Network::create(&dir, &layout(2, None)),
            Err(TestnetError::NotEmpty { .. })
        ));
    }

    #[test]
    fn nodes_mine_where_blocks_are_mined_and_their_configuration_agrees_with_the_genesis() {
        for engine in Engine::ALL {
            let parent = tempfile::tempdir().unwrap();
            let layout = Layout {
                engine,
                ..layout(2, Some(0))
            };
            let network = Network::create(&parent.path().join("net"), &layout).unwrap();
            for index in 0..2 {
                let source = config::Source::Directory(network.node_dir(index));
                let config = config::load(&source, [], &config::Overrides::default()).unwrap();
                let threads = config.mining.enabled.then_some(config.mining.threads);
                assert_eq!(threads, (engine == Engine::Pow).then_some(Some(1)));
                assert_eq!(
                    config::contradictions(&config, &network.genesis),
                    Vec::<String>::new()
                );
            }
        }
    }

    #[test]
    fn configurations_are_completed_in_place() {
        let parent = tempfile::tempdir().unwrap();
        let network = Network::create(&parent.path().join("net"), &layout(1, Some(0))).unwrap();
        network
            .configure(0, |document| document.api.port = 1_234)
            .unwrap();
        assert_eq!(network.document(0).unwrap().api.port, 1_234);
        network.set_ports(&layout(1, Some(7_000))).unwrap();
        let document = network.document(0).unwrap();
        assert_eq!((document.network.p2p_port, document.api.port), (7_000, 7_100));
    }

    #[test]
    fn fresh_directories_are_numbered() {
        let parent = tempfile::tempdir().unwrap();
        assert_eq!(latest_directory(parent.path()), None);
        let one = fresh_directory(parent.path()).unwrap();
        let two = fresh_directory(parent.path()).unwrap();
        assert!(one.ends_with("aureon-testnet-1") && two.ends_with("aureon-testnet-2"));
        assert_eq!(latest_directory(parent.path()), Some(two));
    }
}
