//! Which genesis a node starts with.
//!
//! In order: the file that `--genesis` names; the one in the node's directory; one fetched from a
//! bootstrap peer; with `--genesis-id`, one fetched from a peer of that network found by mDNS. What was
//! fetched is kept in the directory, so the next start needs nobody. A pinned id is compared in every
//! case, and a directory never changes its network.

use std::{collections::BTreeSet, path::Path, time::Duration};

use aureon_protocol::{Direction, Event, GenesisInfo, Limits, Multiaddr, PeerId, Status};
use aureon_types::{Genesis, GenesisId};

use super::{
    failure::{Exit, Failure},
    output,
};
use crate::config::{
    Config,
    directory::{self, FileError},
};

/// How long one peer may take to give its genesis.
const FETCH_TIMEOUT: Duration = Duration::from_secs(15);
/// How long a network is looked for by mDNS. Its nodes ask every few seconds.
const SEARCH_TIMEOUT: Duration = Duration::from_secs(60);

/// Finds the genesis. `given` is the file of `--genesis`; `key` the node key, for asking peers.
pub async fn genesis(config: &Config, given: Option<&Path>, key: [u8; 32]) -> Result<Genesis, Failure> {
    let stored = stored(&config.files.genesis)?;
    let given = given.map(directory::read_genesis).transpose()?;
    let (genesis, store) = match (given, stored) {
        (Some(given), Some(stored)) => (same(config, given, &stored)?, false),
        (Some(given), None) => (given, true),
        (None, Some(stored)) => (stored, false),
        (None, None) => (fetch(config, key).await?, true),
    };
    check_pin(config.genesis_id, &genesis)?;
    if store {
        directory::create_genesis(&config.files.genesis, &genesis)?;
        tracing::info!(
            "genesis {} stored in {}",
            genesis.id(),
            config.files.genesis.display()
        );
    }
    Ok(genesis)
}

fn stored(path: &Path) -> Result<Option<Genesis>, Failure> {
    match directory::read_genesis(path) {
        Err(FileError::Missing { .. }) => Ok(None),
        other => Ok(Some(other?)),
    }
}

fn same(config: &Config, given: Genesis, stored: &Genesis) -> Result<Genesis, Failure> {
    let differences = stored.differences(&given);
    if differences.is_empty() {
        return Ok(given);
    }
    let list: Vec<String> = differences.iter().map(ToString::to_string).collect();
    Err(Failure::failed(format!(
        "{} has the genesis id {}, the given genesis has {} ({}): a directory belongs to one network; choose \
         another --dir",
        config.files.genesis.display(),
        stored.id(),
        given.id(),
        list.join("; ")
    )))
}

fn check_pin(pin: Option<GenesisId>, genesis: &Genesis) -> Result<(), Failure> {
    match pin {
        Some(pin) if pin != genesis.id() => Err(Failure::failed(format!(
            "the genesis id is {}, but this node may only start with {pin} (--genesis-id or node.genesis_id)",
            genesis.id()
        ))),
        _ => Ok(()),
    }
}

async fn fetch(config: &Config, key: [u8; 32]) -> Result<Genesis, Failure> {
    let peers = &config.network.bootstrap_peers;
    if peers.is_empty() {
        return match config.genesis_id {
            Some(id) if config.network.mdns => search(config, id, key).await,
            _ => Err(nothing_to_go_by(config)),
        };
    }
    let mut reasons = Vec::new();
    for address in peers {
        match fetch_from(address, key).await {
            Ok(genesis) => return Ok(genesis),
            Err(reason) => {
                tracing::warn!("{reason}");
                reasons.push(reason);
            }
        }
    }
    Err(Failure::new(
        Exit::Unreachable,
        format!("no bootstrap peer gave the genesis: {}", reasons.join("; ")),
    ))
}

fn nothing_to_go_by(config: &Config) -> Failure {
    Failure::failed(format!(
        "there is no genesis at {}: give --genesis <file>, or --bootstrap <multiaddr> of a running node, or \
         --genesis-id <id> to look for that network on this LAN; `aureon-node init` makes a new network",
        config.files.genesis.display()
    ))
}

async fn fetch_from(address: &Multiaddr, key: [u8; 32]) -> Result<Genesis, String> {
    let bytes = aureon_protocol::fetch_genesis(key, address.clone(), FETCH_TIMEOUT)
        .await
        .map_err(|error| error.to_string())?;
    let genesis = Genesis::decode(&bytes).map_err(|error| format!("the genesis of {address}: {error}"))?;
    // For the person who starts the node: is this the network that was meant?
    output::remark(format!(
        "{address} belongs to chain {}, genesis id {}",
        genesis.chain,
        genesis.id()
    ));
    Ok(genesis)
}

/// Joins the network as one who knows its id but not its document, until a peer of it is connected; that
/// peer is then asked. Only connections that we open are allowed, since those have an address that can
/// be dialled again.
async fn search(config: &Config, id: GenesisId, key: [u8; 32]) -> Result<Genesis, Failure> {
    tracing::info!(
        "looking for the network {id} by mDNS, for at most {} s",
        SEARCH_TIMEOUT.as_secs()
    );
    let start = aureon_protocol::start(aureon_protocol::Config {
        secret_key: key,
        listen: config.network.listen(),
        bootstrap: Vec::new(),
        mdns: true,
        genesis: GenesisInfo {
            id,
            chain: String::new(),
            encoded: aureon_protocol::Bytes::new(),
        },
        status: Status::default(),
        agent: concat!("aureon-node/", env!("CARGO_PKG_VERSION")).to_owned(),
        limits: Limits {
            inbound: 0,
            ..Limits::default()
        },
    });
    let (client, mut events) = start.await.map_err(Failure::failed)?;
    let mut asked = BTreeSet::new();
    let found = tokio::time::timeout(SEARCH_TIMEOUT, async {
        while let Some(event) = events.recv().await {
            if !matches!(event, Event::PeerReady { .. } | Event::PeerStatus { .. }) {
                continue;
            }
            for address in dialled(&client.snapshot(), &mut asked) {
                match fetch_from(&address, key).await {
                    Ok(genesis) if genesis.id() == id => return Some(genesis),
                    Ok(_) => {}
                    Err(reason) => tracing::warn!("{reason}"),
                }
            }
        }
        None
    });
    let found = found.await;
    client.shutdown().await;
    found.ok().flatten().ok_or_else(|| {
        Failure::new(
            Exit::Unreachable,
            format!("no node of the network {id} answered by mDNS: give --bootstrap <multiaddr> or --genesis <file>"),
        )
    })
}

/// The addresses of peers that were not asked yet.
fn dialled(network: &aureon_protocol::NetworkSnapshot, asked: &mut BTreeSet<PeerId>) -> Vec<Multiaddr> {
    let outbound = network
        .peers
        .iter()
        .filter(|peer| peer.direction == Direction::Outbound);
    outbound
        .filter(|peer| asked.insert(peer.peer))
        .map(|peer| peer.address.clone())
        .collect()
}

#[cfg(test)]
mod tests {
    use aureon_types::{
        EngineKind, SecretKey,
        genesis::{BftTimeouts, PoaParameters},
    };

    use super::*;
    use crate::config::Document;

    fn a_genesis(chain: &str) -> Genesis {
        Genesis {
            chain: chain.to_owned(),
            timestamp_ms: 1,
            engine: EngineKind::Poa(PoaParameters::new(vec![
                SecretKey::from_seed([1; 32]).public_key(),
            ])),
            block_time_ms: 1_000,
            empty_blocks: aureon_types::EmptyBlocks::Always,
            gas_limit: 2_100_000,
            min_gas_price: 1,
            vm_cost_table: aureon_types::genesis::VM_COST_TABLE,
            timeouts: BftTimeouts::default(),
            balances: std::collections::BTreeMap::new(),
        }
    }

    fn in_dir(dir: &Path) -> Config {
        Config::resolve(&Document::default(), dir).unwrap()
    }

    fn find(config: &Config, given: Option<&Path>) -> Result<Genesis, Failure> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(genesis(config, given, [1; 32]))
    }

    #[test]
    fn a_given_genesis_is_kept_and_another_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let config = in_dir(dir.path());
        assert!(
            find(&config, None)
                .unwrap_err()
                .to_string()
                .contains("--bootstrap")
        );
        let (one, two) = (dir.path().join("one.json"), dir.path().join("two.json"));
        directory::create_genesis(&one, &a_genesis("one")).unwrap();
        directory::create_genesis(&two, &a_genesis("two")).unwrap();
        assert_eq!(find(&config, Some(&one)).unwrap(), a_genesis("one"));
        assert_eq!(find(&config, None).unwrap(), a_genesis("one"));
        let error = find(&config, Some(&two)).unwrap_err().to_string();
        assert!(error.contains("chain: ours one, theirs two"), "{error}");
    }

    #[test]
    fn a_pinned_id_is_compared_before_anything_is_kept() {
        let dir = tempfile::tempdir().unwrap();
        let mut config = in_dir(dir.path());
        let file = dir.path().join("one.json");
        directory::create_genesis(&file, &a_genesis("one")).unwrap();
        config.genesis_id = Some(a_genesis("two").id());
        let error = find(&config, Some(&file)).unwrap_err().to_string();
        assert!(error.contains(&a_genesis("one").id().to_string()), "{error}");
        assert!(error.contains(&a_genesis("two").id().to_string()), "{error}");
        assert!(!config.files.genesis.exists());
        config.genesis_id = Some(a_genesis("one").id());
        assert!(find(&config, Some(&file)).is_ok());
    }
}
