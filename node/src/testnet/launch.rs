//! Starting the nodes of a network.

use std::{
    path::Path,
    process::Child,
    time::{Duration, Instant},
};

use super::{Network, StopFlag, TestnetError, multicast, network::refuse_taken, process};
use crate::{client::Client, config::runtime::Runtime};

/// How long a node may take to tell where it listens, recovery after a crash included.
const START_PATIENCE: Duration = Duration::from_secs(60);
/// How long the network may take to be well.
const HEALTH_PATIENCE: Duration = Duration::from_secs(60);
/// Between two looks at a node.
const LOOK_AGAIN: Duration = Duration::from_millis(50);
/// How long one look may take.
const LOOK: Duration = Duration::from_secs(2);

/// How a network is started.
#[derive(Clone, Debug)]
pub struct Launch {
    /// Whether mDNS may be used.
    pub mdns: bool,
}

/// A node that was started here.
pub struct RunningNode {
    /// From 0.
    pub index: usize,
    /// The process.
    pub child: Child,
    /// What it told.
    pub runtime: Runtime,
}

/// A network that was started here.
pub struct Running {
    /// What is on disk.
    pub network: Network,
    /// The nodes in order.
    pub nodes: Vec<RunningNode>,
    /// Why the nodes were given addresses; `None`: they find each other by mDNS.
    pub bootstrapped: Option<String>,
}

/// Starts all nodes and waits until each is well. If one does not come up, all are stopped.
pub fn launch(network: Network, launch: &Launch, stop: &StopFlag) -> Result<Running, TestnetError> {
    refuse_running(&network)?;
    check_ports(&network)?;
    let bootstrapped = if launch.mdns {
        multicast::obstacle()
    } else {
        Some("--no-mdns was given".to_owned())
    };
    let mut starting = Starting {
        network: &network,
        launch,
        stop,
        nodes: Vec::new(),
    };
    let started = starting.all(bootstrapped.is_some());
    let nodes = starting.nodes;
    match started {
        Ok(()) => {
            let running = Running {
                network,
                nodes,
                bootstrapped,
            };
            settle(&running)?;
            Ok(running)
        }
        Err(error) => {
            let dirs: Vec<_> = (0..network.nodes).map(|index| network.node_dir(index)).collect();
            process::stop_all(&dirs, || {});
            Err(error)
        }
    }
}

struct Starting<'a> {
    network: &'a Network,
    launch: &'a Launch,
    stop: &'a StopFlag,
    nodes: Vec<RunningNode>,
}

impl Starting<'_> {
    fn all(&mut self, bootstrap: bool) -> Result<(), TestnetError> {
        let count = self.network.nodes;
        let mut known = Vec::new();
        // With addresses, the first node must be up before the others can be told where it is.
        let first = if bootstrap { 1 } else { count };
        self.some(0..first, &known)?;
        known.extend(
            self.nodes
                .iter()
                .take(usize::from(bootstrap))
                .filter_map(|node| local_address(&node.runtime)),
        );
        self.some(first..count, &known)?;
        self.wait_until_well()
    }

    /// Starts nodes at once, then waits for each.
    fn some(&mut self, range: std::ops::Range<usize>, bootstrap: &[String]) -> Result<(), TestnetError> {
        let mut children = Vec::new();
        for index in range {
            let child = process::spawn(&self.network.node_dir(index), bootstrap, self.launch.mdns)?;
            children.push((index, child));
        }
        for (index, mut child) in children {
            let runtime = self.wait_for_runtime(index, &mut child)?;
            self.nodes.push(RunningNode {
                index,
                child,
                runtime,
            });
        }
        Ok(())
    }

    fn wait_for_runtime(&self, index: usize, child: &mut Child) -> Result<Runtime, TestnetError> {
        let dir = self.network.node_dir(index);
        let deadline = Instant::now() + START_PATIENCE;
        loop {
            if let Some(runtime) = Runtime::read(&dir).filter(|runtime| runtime.pid == child.id()) {
                return Ok(runtime);
            }
            self.pause(index, child)?;
            if Instant::now() > deadline {
                return Err(late(
                    self.network,
                    index,
                    START_PATIENCE,
                    "it does not listen yet".to_owned(),
                ));
            }
        }
    }

    fn wait_until_well(&mut self) -> Result<(), TestnetError> {
        let deadline = Instant::now() + HEALTH_PATIENCE;
        for position in 0..self.nodes.len() {
            let client = Client::with_timeout(&self.nodes[position].runtime.api, LOOK);
            while let Err(reason) = client.health() {
                let (stop, network) = (self.stop, self.network);
                let node = &mut self.nodes[position];
                if Instant::now() > deadline {
                    return Err(late(network, node.index, HEALTH_PATIENCE, reason.to_string()));
                }
                pause(stop, network, node.index, &mut node.child)?;
            }
        }
        Ok(())
    }

    fn pause(&self, index: usize, child: &mut Child) -> Result<(), TestnetError> {
        pause(self.stop, self.network, index, child)
    }
}

/// Waits a moment, and says so if the node has ended or the person has lost patience.
fn pause(stop: &StopFlag, network: &Network, index: usize, child: &mut Child) -> Result<(), TestnetError> {
    if stop.is_set() {
        return Err(TestnetError::Interrupted);
    }
    let failed = TestnetError::io(format!("look at {}", Network::name(index)));
    if let Some(status) = child.try_wait().map_err(failed)? {
        let dir = network.node_dir(index);
        return Err(TestnetError::Died {
            name: Network::name(index),
            status: status.to_string(),
            log: process::log_path(&dir),
            tail: process::log_tail(&dir),
        });
    }
    std::thread::sleep(LOOK_AGAIN);
    Ok(())
}

fn late(network: &Network, index: usize, patience: Duration, reason: String) -> TestnetError {
    let dir = network.node_dir(index);
    TestnetError::Late {
        name: Network::name(index),
        seconds: patience.as_secs(),
        reason,
        log: process::log_path(&dir),
        tail: process::log_tail(&dir),
    }
}

/// Refuses a network of which a node runs.
pub fn refuse_running(network: &Network) -> Result<(), TestnetError> {
    let running =
        (0..network.nodes).find_map(|index| Some((index, process::running(&network.node_dir(index))?)));
    match running {
        Some((index, pid)) => Err(TestnetError::AlreadyRunning {
            name: Network::name(index),
            pid,
            dir: network.dir.clone(),
        }),
        None => Ok(()),
    }
}

/// Tries each port beforehand, so that the error is one line here and not in four logs.
fn check_ports(network: &Network) -> Result<(), TestnetError> {
    for index in 0..network.nodes {
        let document = network.document(index)?;
        let (network, api) = (&document.network, &document.api);
        refuse_taken(index, "peers", &network.host, network.p2p_port)?;
        refuse_taken(index, "API", &api.host, api.port)?;
    }
    Ok(())
}

/// Writes what is known only now into the configurations: ports that the system chose, and, without
/// mDNS, where the other nodes are.
fn settle(running: &Running) -> Result<(), TestnetError> {
    for node in &running.nodes {
        let others = running.nodes.iter().filter(|other| other.index != node.index);
        let others: Vec<String> = others.filter_map(|other| local_address(&other.runtime)).collect();
        running.network.configure(node.index, |document| {
            if document.network.p2p_port == 0 {
                document.network.p2p_port = tcp_port(&node.runtime).unwrap_or(0);
            }
            if document.api.port == 0 {
                document.api.port = api_port(&node.runtime).unwrap_or(0);
            }
            if running.bootstrapped.is_some() {
                document.network.bootstrap_peers = others;
            }
        })?;
    }
    Ok(())
}

fn api_port(runtime: &Runtime) -> Option<u16> {
    runtime.api.rsplit_once(':')?.1.parse().ok()
}

/// The port of the first TCP address.
fn tcp_port(runtime: &Runtime) -> Option<u16> {
    runtime
        .multiaddrs
        .iter()
        .find_map(|address| address.split_once("/tcp/")?.1.split('/').next()?.parse().ok())
}

/// Where nodes of this machine reach the node: by loopback, which is always there.
fn local_address(runtime: &Runtime) -> Option<String> {
    Some(format!(
        "/ip4/127.0.0.1/tcp/{}/p2p/{}",
        tcp_port(runtime)?,
        runtime.peer_id
    ))
}

impl Running {
    /// The directories of all nodes.
    pub fn dirs(&self) -> Vec<std::path::PathBuf> {
        (0..self.network.nodes)
            .map(|index| self.network.node_dir(index))
            .collect()
    }

    /// Stops all nodes; returns the directories of those that had to be killed.
    pub fn stop(&mut self) -> Vec<std::path::PathBuf> {
        let dirs = self.dirs();
        let nodes = &mut self.nodes;
        let reap = || nodes.iter_mut().for_each(|node| drop(node.child.try_wait()));
        process::stop_all(&dirs, reap).1
    }

    /// The end of a node's log.
    pub fn log_tail(dir: &Path) -> String {
        process::log_tail(dir)
    }
}

#[cfg(test)]
mod tests {
    use aureon_types::GenesisId;

    use super::*;

    #[test]
    fn addresses_for_the_others_are_taken_from_what_a_node_tells() {
        let runtime = Runtime {
            pid: 1,
            api: "http://127.0.0.1:8081".to_owned(),
            peer_id: "12D3".to_owned(),
            multiaddrs: vec![
                "/ip4/10.0.0.1/udp/7/quic-v1/p2p/12D3".to_owned(),
                "/ip4/10.0.0.1/tcp/6001/p2p/12D3".to_owned(),
            ],
            genesis_id: GenesisId::ZERO,
        };
        assert_eq!(
            local_address(&runtime).as_deref(),
            Some("/ip4/127.0.0.1/tcp/6001/p2p/12D3")
        );
        assert_eq!(api_port(&runtime), Some(8_081));
    }
}
