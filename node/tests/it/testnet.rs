//! The launcher with real processes.

use std::{fs, path::Path};

use aureon_node::client::Client;
use serde_json::Value;

use crate::support::{eventually, fail, succeed, text};

/// Stops the network also when an assertion fails.
struct Down<'a>(&'a Path);

impl Drop for Down<'_> {
    fn drop(&mut self) {
        crate::support::run(&["testnet", "down", "--dir", text(self.0)]);
    }
}

fn up(dir: &Path) -> Value {
    let arguments = ["testnet", "up", "--dir", text(dir), "--detach", "--json"];
    serde_json::from_str(&succeed(&arguments)).unwrap()
}

fn heights(report: &Value) -> Vec<u64> {
    report["nodes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|node| node["height"].as_u64().unwrap_or(0))
        .collect()
}

#[test]
fn a_network_starts_pays_stops_and_goes_on() {
    let temp = tempfile::tempdir().unwrap();
    let dir = temp.path().join("net");
    let arguments = [
        "testnet",
        "up",
        "--dir",
        text(&dir),
        "--nodes",
        "2",
        "--block-time",
        "300ms",
        "--base-port",
        "0",
        "--no-mdns",
        "--detach",
        "--json",
    ];
    let _down = Down(&dir);
    let report: Value = serde_json::from_str(&succeed(&arguments)).unwrap();
    let nodes = report["nodes"].as_array().unwrap();
    assert_eq!(
        (nodes.len(), report["accounts"].as_array().unwrap().len()),
        (2, 3)
    );
    for node in nodes {
        assert!(
            node["pid"].as_u64().is_some() && !node["multiaddrs"].as_array().unwrap().is_empty(),
            "{node}"
        );
    }
    // A transfer by one node is seen by the other.
    let api = |index: usize| nodes[index]["api"].as_str().unwrap();
    let (key, to) = (
        dir.join("accounts/account-1.key"),
        report["accounts"][1]["address"].as_str().unwrap(),
    );
    succeed(&[
        "tx",
        "send",
        "--node",
        api(0),
        "--key",
        text(&key),
        "--to",
        to,
        "--amount",
        "1",
        "--wait",
        "90s",
    ]);
    let before = report["accounts"][1]["balance"].as_u64().unwrap();
    let address = to.parse().unwrap();
    eventually("the other node has the transfer", || {
        (Client::new(api(1)).balance(&address).unwrap().balance.0 == before + 1).then_some(())
    });
    // A second start is refused, and says how to go on.
    assert!(fail(1, &["testnet", "up", "--dir", text(&dir), "--detach"]).contains("runs already"));
    assert!(fail(2, &["testnet", "up", "--dir", text(&dir), "--nodes", "3"]).contains("2 nodes"));

    let status: Value =
        serde_json::from_str(&succeed(&["testnet", "status", "--dir", text(&dir), "--json"])).unwrap();
    assert_eq!(status["genesis_id"], report["genesis_id"]);
    let height = heights(&status).into_iter().max().unwrap();
    assert!(height >= 1);
    assert!(succeed(&["testnet", "down", "--dir", text(&dir)]).starts_with("2 of 2 nodes"));
    let status: Value =
        serde_json::from_str(&succeed(&["testnet", "status", "--dir", text(&dir), "--json"])).unwrap();
    assert!(status["nodes"][0]["pid"].is_null());

    let again = up(&dir);
    assert_eq!(again["genesis_id"], report["genesis_id"]);
    // Ports that the system chose stay.
    assert_eq!(again["nodes"][1]["api"], report["nodes"][1]["api"]);
    eventually("the chain goes on", || {
        (Client::new(api(1)).head().unwrap().height > height).then_some(())
    });
}

#[test]
fn a_node_that_cannot_start_is_shown_with_its_log() {
    let temp = tempfile::tempdir().unwrap();
    let dir = temp.path().join("net");
    let _down = Down(&dir);
    succeed(&[
        "testnet",
        "up",
        "--dir",
        text(&dir),
        "--nodes",
        "1",
        "--base-port",
        "0",
        "--no-mdns",
        "--detach",
    ]);
    succeed(&["testnet", "down", "--dir", text(&dir)]);
    fs::write(dir.join("node-1/genesis.json"), "{}").unwrap();
    let error = fail(1, &["testnet", "up", "--dir", text(&dir), "--detach"]);
    assert!(
        error.contains("node-1 ended while it started") && error.contains("genesis.json"),
        "{error}"
    );
}

/// Starts a network of two, pays once, and kills a node, which comes back.
fn lives(engine: &str, block_time: &str) {
    let temp = tempfile::tempdir().unwrap();
    let dir = temp.path().join("net");
    let _down = Down(&dir);
    let report: Value = serde_json::from_str(&succeed(&[
        "testnet",
        "up",
        "--engine",
        engine,
        "--dir",
        text(&dir),
        "--nodes",
        "2",
        "--block-time",
        block_time,
        "--base-port",
        "0",
        "--no-mdns",
        "--detach",
        "--json",
    ]))
    .unwrap();
    let nodes = report["nodes"].as_array().unwrap();
    let api = |index: usize| nodes[index]["api"].as_str().unwrap();
    let to = report["accounts"][1]["address"].as_str().unwrap();
    let key = dir.join("accounts/account-1.key");
    let sent = succeed(&[
        "tx",
        "send",
        "--node",
        api(0),
        "--key",
        text(&key),
        "--to",
        to,
        "--amount",
        "1",
        "--wait",
        "90s",
    ]);
    assert!(sent.contains("included  in block"), "{sent}");
    let before = report["accounts"][1]["balance"].as_u64().unwrap();
    let address = to.parse().unwrap();
    eventually("the other node has the transfer", || {
        (Client::new(api(1)).balance(&address).unwrap().balance.0 == before + 1).then_some(())
    });
    let other = if engine == "pos" { "poa" } else { "pos" };
    let error = fail(2, &["testnet", "up", "--dir", text(&dir), "--engine", other]);
    assert!(error.contains(&format!("has the engine \"{engine}\"")), "{error}");
    // The nodes can pay for what they have to say: stakes, votes; miners have earned it.
    let keys = [0, 1].map(|index| dir.join(format!("node-{}/validator.key", index + 1)));
    let own: Vec<_> = keys
        .iter()
        .map(|path| {
            let key = aureon_node::config::directory::read_key(path).unwrap();
            key.address()
        })
        .collect();
    eventually("a node has something to spend", || {
        let balance = |address| Client::new(api(0)).balance(address).unwrap().balance.0;
        own.iter().any(|address| balance(address) > 0).then_some(())
    });
    // A node is killed, and starts again on what its disk holds.
    let pid = nodes[1]["pid"].as_u64().unwrap().to_string();
    let killed = std::process::Command::new("kill").args(["-KILL", &pid]).status();
    assert!(killed.unwrap().success());
    let height = Client::new(api(0)).head().unwrap().height;
    succeed(&["testnet", "down", "--dir", text(&dir)]);
    up(&dir);
    for index in 0..2 {
        eventually("the chain goes on", || {
            (Client::new(api(index)).head().unwrap().height > height + 1).then_some(())
        });
    }
}

#[test]
fn a_network_of_proof_of_stake_pays_and_survives_a_killed_node() {
    lives("pos", "300ms");
}

#[test]
fn a_network_of_proof_of_authority_pays_and_survives_a_killed_node() {
    lives("poa", "300ms");
}

#[test]
fn a_network_of_proof_of_work_pays_and_survives_a_killed_node() {
    lives("pow", "500ms");
}
