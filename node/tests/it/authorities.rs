//! Four authorities as four real processes: they agree, survive the death of one, and the death of all.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    process::{Child, Stdio},
};

use aureon_node::client::Client;
use aureon_types::{
    Action, Address, Amount, BlockId, Genesis, SecretKey, SignedTransaction, Transaction, TransactionId,
    transaction::TRANSFER_GAS,
};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::support::{binary, eventually, succeed, text};

/// Four nodes in a directory, stopped also when an assertion fails.
struct Network {
    dir: PathBuf,
    genesis: Genesis,
    report: Value,
    /// A node that was started by itself.
    alone: Option<Child>,
}

impl Network {
    fn up(dir: &Path) -> Self {
        let arguments = [
            "testnet",
            "up",
            "--dir",
            text(dir),
            "--block-time",
            "500ms",
            "--base-port",
            "0",
        ];
        let report = report(&[&arguments[..], &["--no-mdns", "--detach", "--json"]].concat());
        let genesis = fs::read_to_string(dir.join("node-1/genesis.json")).unwrap();
        let genesis = Genesis::from_json(&genesis).unwrap();
        Self {
            dir: dir.to_owned(),
            genesis,
            report,
            alone: None,
        }
    }

    /// Starts all four again, in the same directory.
    fn up_again(&mut self) {
        if let Some(mut child) = self.alone.take() {
            child.wait().unwrap();
        }
        self.report = report(&["testnet", "up", "--dir", text(&self.dir), "--detach", "--json"]);
    }

    fn client(&self, index: usize) -> Client {
        Client::new(self.report["nodes"][index]["api"].as_str().unwrap())
    }

    fn clients(&self) -> Vec<Client> {
        (0..4).map(|index| self.client(index)).collect()
    }

    fn kill(&self, index: usize) {
        let pid = match &self.alone {
            Some(child) if index == 2 => Pid::from_child(child),
            _ => {
                let pid = self.report["nodes"][index]["pid"].as_i64().unwrap();
                Pid::from_raw(i32::try_from(pid).unwrap()).unwrap()
            }
        };
        kill_process(pid, Signal::KILL).unwrap();
    }

    /// Starts the third node by itself, with the first one's address.
    fn start_third(&mut self) {
        let dir = self.dir.join("node-3");
        let bootstrap = self.report["nodes"][0]["multiaddrs"][0]
            .as_str()
            .unwrap()
            .to_owned();
        let arguments = [
            "run",
            "--dir",
            text(&dir),
            "--no-mdns",
            "--log",
            "warn",
            "--bootstrap",
            &bootstrap,
        ];
        self.alone = Some(binary().args(arguments).stdout(Stdio::null()).spawn().unwrap());
    }

    fn account(&self) -> SecretKey {
        fs::read_to_string(self.dir.join("accounts/account-1.key"))
            .unwrap()
            .trim()
            .parse()
            .unwrap()
    }

    fn transfer(&self, nonce: u64, recipient: Address) -> SignedTransaction {
        let (key, id) = (self.account(), self.genesis.id());
        Transaction {
            network: id.network_hint(),
            public_key: key.public_key(),
            nonce,
            gas_limit: TRANSFER_GAS,
            gas_price: self.genesis.min_gas_price,
            last_valid_height: None,
            action: Action::Transfer {
                recipient,
                amount: Amount(1),
            },
        }
        .sign(&key, &id)
    }
}

impl Drop for Network {
    fn drop(&mut self) {
        if let Some(child) = &mut self.alone {
            // Ended already in the good case.
            let _ = child.kill();
            let _ = child.wait();
        }
        crate::support::run(&["testnet", "down", "--dir", text(&self.dir)]);
    }
}

fn report(arguments: &[&str]) -> Value {
    serde_json::from_str(&succeed(arguments)).unwrap()
}

fn height(client: &Client) -> Option<u64> {
    client.head().ok().map(|head| head.height)
}

fn reaches(client: &Client, wanted: u64) {
    eventually("a node reaches a height", || {
        height(client).filter(|height| *height >= wanted)
    });
}

/// The block ids from 1 to `top` are the same on all nodes; returns them.
fn agreed(clients: &[Client], top: u64) -> BTreeMap<u64, BlockId> {
    (1..=top)
        .map(|height| {
            let ids: Vec<BlockId> = clients
                .iter()
                .map(|client| client.block_at(height).unwrap().id)
                .collect();
            assert!(ids.iter().all(|id| *id == ids[0]), "height {height}: {ids:?}");
            (height, ids[0])
        })
        .collect()
}

fn included_at(client: &Client, id: &TransactionId) -> Option<u64> {
    client.transaction(id).ok().flatten()?.height
}

#[test]
fn four_processes_agree_survive_one_death_and_the_death_of_all() {
    let temp = tempfile::tempdir().unwrap();
    let mut network = Network::up(&temp.path().join("net"));
    let clients = network.clients();
    let recipient = Address([7; 20]);

    // One transfer, visible on all.
    let first = network.transfer(0, recipient);
    clients[0].submit(&first).unwrap();
    for client in &clients {
        eventually("the transfer is visible everywhere", || {
            included_at(client, &first.id())
        });
        assert_eq!(client.balance(&recipient).unwrap().balance, Amount(1));
    }

    // One dies while transfers run; the others go on.
    let mut transfers = vec![first];
    for nonce in 1..=10 {
        let transfer = network.transfer(nonce, recipient);
        clients[1].submit(&transfer).unwrap();
        transfers.push(transfer);
        if nonce == 5 {
            network.kill(2);
        }
    }
    let at_death = height(&clients[0]).unwrap();
    let last = transfers.last().unwrap().id();
    for index in [0, 1, 3] {
        eventually("the others include the transfers", || {
            included_at(&clients[index], &last)
        });
        reaches(&clients[index], at_death + 3);
    }

    // It comes back, catches up, and votes again.
    network.start_third();
    let third = eventually("the third node tells its API", || {
        let runtime = fs::read_to_string(network.dir.join("node-3/runtime.json")).ok()?;
        let runtime: Value = serde_json::from_str(&runtime).ok()?;
        let pid = network.alone.as_ref().map(|child| u64::from(child.id()));
        (runtime["pid"].as_u64() == pid).then(|| Client::new(runtime["api"].as_str().unwrap()))
    });
    eventually("the third node has the transfers", || included_at(&third, &last));
    let validator = eventually("its status", || third.status().ok()?.consensus.validator);
    let mut searched = height(&clients[0]).unwrap();
    eventually("the third node votes again", || {
        let certificate = clients[0].block_at(searched).ok()?.certificate?;
        searched += 1;
        certificate.signers.contains(&validator).then_some(())
    });

    // What any API has called committed.
    let top = height(&clients[3]).unwrap();
    let everybody = [network.client(0), network.client(1), third, network.client(3)];
    everybody.iter().for_each(|client| reaches(client, top));
    let before = agreed(&everybody, top);
    let heights: Vec<u64> = transfers
        .iter()
        .map(|t| included_at(&everybody[0], &t.id()).unwrap())
        .collect();

    // All die at once.
    (0..4).for_each(|index| network.kill(index));
    network.up_again();
    let clients = network.clients();
    clients.iter().for_each(|client| reaches(client, top + 3));
    let after = agreed(&clients, top + 3);
    assert!(
        before.iter().all(|(height, id)| after[height] == *id),
        "a committed block is missing"
    );
    for client in &clients {
        let again: Vec<u64> = transfers
            .iter()
            .map(|t| included_at(client, &t.id()).unwrap())
            .collect();
        assert_eq!(again, heights, "a committed transfer is missing");
        assert_eq!(client.balance(&recipient).unwrap().balance, Amount(11));
    }
}
