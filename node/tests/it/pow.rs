//! Proof of work with real processes: they mine, are killed, are cut apart, and agree again.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use aureon_consensus::pow::{Target, search, work_hash};
use aureon_node::{api::mining::MinedBlock, client::Client};
use aureon_types::{
    Action, Address, Amount, BlockId, EmptyBlocks, EngineKind, Genesis, SecretKey, SignedTransaction,
    Transaction,
    action::TRANSFER_GAS,
    genesis::{BftTimeouts, DEFAULT_GAS_LIMIT, PowParameters, RewardSchedule},
};
use tempfile::TempDir;

use crate::{
    network::Process,
    support::{eventually, succeed, text},
};

/// What a block brings beside the fees.
const REWARD: u64 = 50;
/// Who receives what outside miners find.
const OUTSIDE: Address = Address([0xaa; 20]);

fn payer() -> SecretKey {
    SecretKey::from_seed([77; 32])
}

pub(crate) fn genesis(block_time_ms: u64, difficulty: u8) -> Genesis {
    let parameters = PowParameters {
        difficulty,
        reward: RewardSchedule {
            per_block: REWARD,
            halving_blocks: 1_000_000,
        },
        ..PowParameters::with_block_time(block_time_ms)
    };
    let genesis = Genesis {
        chain: "mined".to_owned(),
        timestamp_ms: 1_790_000_000_000,
        engine: EngineKind::Pow(parameters),
        block_time_ms,
        empty_blocks: EmptyBlocks::Always,
        gas_limit: DEFAULT_GAS_LIMIT,
        min_gas_price: 1,
        vm_cost_table: aureon_types::genesis::VM_COST_TABLE,
        timeouts: BftTimeouts::default(),
        balances: BTreeMap::from([(payer().address(), Amount(1_000_000_000))]),
    };
    genesis.checked().unwrap()
}

pub(crate) fn transfer(genesis: &Genesis, nonce: u64) -> SignedTransaction {
    let (key, id) = (payer(), genesis.id());
    Transaction {
        network: id.network_hint(),
        public_key: key.public_key(),
        nonce,
        gas_limit: TRANSFER_GAS,
        gas_price: 1,
        last_valid_height: None,
        action: Action::Transfer {
            recipient: Address([5; 20]),
            amount: Amount(10),
        },
    }
    .sign(&key, &id)
}

/// Directories of nodes of one network.
pub(crate) struct Net {
    temp: TempDir,
    pub(crate) genesis: Genesis,
}

impl Net {
    pub(crate) fn new(genesis: Genesis) -> Self {
        let temp = tempfile::tempdir().unwrap();
        fs::write(temp.path().join("genesis.json"), genesis.to_json()).unwrap();
        Self { temp, genesis }
    }

    fn dir(&self, name: &str) -> PathBuf {
        let (dir, genesis) = (self.temp.path().join(name), self.temp.path().join("genesis.json"));
        if !dir.exists() {
            let (dir, genesis) = (text(&dir), text(&genesis));
            let arguments = [
                "init",
                "--dir",
                dir,
                "--genesis",
                genesis,
                "--p2p-port",
                "0",
                "--api-port",
                "0",
            ];
            succeed(&arguments);
        }
        dir
    }

    /// A node that mines with one thread.
    pub(crate) fn miner(&self, number: u8, bootstrap: &[String]) -> Process {
        let (dir, reward) = (
            self.dir(&format!("miner-{number}")),
            Address([number; 20]).to_string(),
        );
        let arguments = ["--mine", "--mine-threads", "1", "--reward-address", &reward];
        Process::start_with(&dir, bootstrap, &arguments)
    }

    /// A node that follows, and mines only what a miner outside brings.
    fn follower(&self, name: &str, bootstrap: &[String]) -> Process {
        Process::start(&self.dir(name), bootstrap)
    }
}

pub(crate) fn height(client: &Client) -> Option<u64> {
    client.head().ok().map(|head| head.height)
}

pub(crate) fn included_at(client: &Client, transaction: &SignedTransaction) -> Option<u64> {
    client.transaction(&transaction.id()).ok().flatten()?.height
}

pub(crate) fn id_at(client: &Client, height: u64) -> Option<BlockId> {
    client.block_at(height).ok().map(|block| block.id)
}

/// Waits until all name the same block at `height`.
pub(crate) fn agree(clients: &[Client], height: u64) -> BlockId {
    eventually("the nodes agree", || {
        let id = id_at(clients.first()?, height)?;
        clients
            .iter()
            .all(|client| id_at(client, height) == Some(id))
            .then_some(id)
    })
}

/// A miner outside of the node finds the next block.
fn mine(client: &Client) -> MinedBlock {
    eventually("an outside miner finds a block", || {
        let template = client.mining_template(Some(&OUTSIDE)).unwrap();
        let target = Target::from_bytes(&template.target.0).unwrap();
        let nonce = search(&template.header_hash.0, &target, 0..u64::MAX).unwrap();
        client.submit_seal(&template.template, nonce).ok()
    })
}

#[test]
fn four_processes_mine_take_transfers_and_survive_a_kill() {
    let net = Net::new(genesis(500, 2));
    let first = net.miner(1, &[]);
    let known = first.runtime.multiaddrs.clone();
    let mut nodes = vec![first];
    nodes.extend((2..=4).map(|number| net.miner(number, &known)));
    let clients: Vec<Client> = nodes.iter().map(Process::client).collect();
    agree(&clients, 3);

    let transfers: Vec<SignedTransaction> = (0..6).map(|nonce| transfer(&net.genesis, nonce)).collect();
    for transfer in &transfers[..3] {
        clients[1].submit(transfer).unwrap();
    }
    nodes[2].kill();
    let at_death = height(&clients[0]).unwrap();
    for transfer in &transfers[3..] {
        clients[3].submit(transfer).unwrap();
    }
    let last = transfers.last().unwrap();
    for index in [0, 1, 3] {
        eventually("the others go on", || {
            (height(&clients[index])? >= at_death + 3).then_some(())?;
            included_at(&clients[index], last)
        });
    }

    // It comes back with what it had, and catches up.
    nodes[2] = net.miner(3, &known);
    let clients: Vec<Client> = nodes.iter().map(Process::client).collect();
    let top = height(&clients[0]).unwrap();
    agree(&clients, top + 2);
    for client in &clients {
        eventually("everybody has the transfers", || included_at(client, last));
        assert_eq!(client.balance(&Address([5; 20])).unwrap().balance, Amount(60));
    }
    // Whoever mined was paid, and nothing else came into existence: all balances at one height.
    let head = clients[0].head().unwrap();
    assert!(
        head.work.is_some() && head.final_height <= head.height,
        "{head:?}"
    );
    let miner = clients[0].block_at(1).unwrap().proposer;
    assert!(clients[0].balance(&miner).unwrap().balance >= Amount(REWARD));
}

#[test]
fn two_nodes_cut_from_each_other_agree_on_the_heavier_branch() {
    // Slow blocks by the clock, quick ones to find: at equal heights both branches have equal targets.
    let net = Net::new(genesis(60_000, 1));
    let (light, heavy) = (net.follower("light", &[]), net.follower("heavy", &[]));
    let (light_client, heavy_client) = (light.client(), heavy.client());
    let paid = transfer(&net.genesis, 0);
    light_client.submit(&paid).unwrap();
    let losing = [mine(&light_client), mine(&light_client)];
    assert_eq!(included_at(&light_client, &paid), Some(1));
    let winning: Vec<MinedBlock> = (0..4).map(|_| mine(&heavy_client)).collect();
    assert_eq!(
        included_at(&heavy_client, &paid),
        None,
        "they cannot hear each other"
    );

    // The cable is plugged in: the same directory, with the other's address.
    drop(light);
    let light = net.follower("light", &heavy.runtime.multiaddrs);
    let light_client = light.client();
    eventually("the heavier branch is the chain everywhere", || {
        (light_client.head().ok()?.id == winning[3].block_id).then_some(())
    });
    // What lost can be read and says so; the chain is the other one, from its first block on.
    let lost = light_client.block(&losing[0].block_id).unwrap();
    assert!(!lost.decided && !lost.is_final);
    assert_eq!(id_at(&light_client, 1), Some(winning[0].block_id));
    assert_eq!(included_at(&light_client, &paid), None);

    // Its transaction waits again, at both, and the next block has it.
    eventually("the transfer waits at both", || {
        let waits = |client: &Client| client.mempool().ok().map(|pool| pool.ready);
        (waits(&light_client)? == 1 && waits(&heavy_client)? == 1).then_some(())
    });
    let next = mine(&heavy_client);
    for client in [&light_client, &heavy_client] {
        eventually("the transfer is included again", || {
            (included_at(client, &paid)? == next.height).then_some(())
        });
        assert_eq!(client.balance(&Address([5; 20])).unwrap().balance, Amount(10));
        // Rewards of the losing branch are gone with it: five blocks and one fee.
        let earned = client.balance(&OUTSIDE).unwrap().balance;
        assert_eq!(earned, Amount(5 * REWARD + TRANSFER_GAS));
    }
}

#[test]
fn a_miner_outside_is_told_by_name_what_is_wrong() {
    let net = Net::new(genesis(60_000, 1));
    let node = net.follower("node", &[]);
    let client = node.client();
    let code = |error: aureon_node::client::ClientError| error.problem().unwrap().code().to_owned();
    assert_eq!(
        code(client.mining_template(None).unwrap_err()),
        "no-reward-address"
    );
    let template = client.mining_template(Some(&OUTSIDE)).unwrap();
    assert_eq!((template.height, template.reward_address), (1, OUTSIDE));
    let weak = (0..)
        .find(|nonce| work_hash(&template.header_hash.0, *nonce) > template.target.0)
        .unwrap();
    let refused = client.submit_seal(&template.template, weak).unwrap_err();
    assert_eq!(code(refused), "insufficient-work");
    let mined = mine(&client);
    assert_eq!(
        client.head().unwrap().id,
        mined.block_id,
        "durable before it is told"
    );
    let block = client.block(&mined.block_id).unwrap();
    assert_eq!((block.proposer, block.is_final), (OUTSIDE, false));
    let refused = client.submit_seal(&template.template, weak).unwrap_err();
    assert_eq!(code(refused), "stale-template");
}

/// Kills a node as soon as it knows of a heavier branch, again and again, until it has switched.
#[test]
fn a_node_that_dies_in_the_middle_of_a_reorganisation_comes_back_on_one_branch() {
    let net = Net::new(genesis(60_000, 0));
    let (light, heavy) = (net.follower("light", &[]), net.follower("heavy", &[]));
    let losing: Vec<MinedBlock> = (0..20).map(|_| mine(&light.client())).collect();
    let winning: Vec<MinedBlock> = (0..30).map(|_| mine(&heavy.client())).collect();
    drop(light);
    let mut kills = 0;
    loop {
        let mut light = net.follower("light", &heavy.runtime.multiaddrs);
        let client = light.client();
        check_one_branch(&client, [&losing, &winning]);
        if kills >= 5 {
            eventually("it has the heavier branch", || {
                (client.head().ok()?.id == winning[29].block_id).then_some(())
            });
            return check_one_branch(&client, [&losing, &winning]);
        }
        eventually("it hears of the heavier branch", || {
            let work = client.status().ok()?.work?;
            (work.best_height >= 30).then_some(())
        });
        light.kill();
        kills += 1;
    }
}

/// The head and everything below it belong to one of the branches. Looked at while the head stands.
fn check_one_branch(client: &Client, branches: [&[MinedBlock]; 2]) {
    eventually("the head stands for a moment", || {
        let head = client.head().ok()?;
        let chain: Option<Vec<BlockId>> = (1..=head.height).map(|height| id_at(client, height)).collect();
        if client.head().ok()? != head {
            return None;
        }
        let chain = chain.expect("every height up to the head has a block");
        let is_part = |branch: &[MinedBlock]| {
            branch.len() >= chain.len() && branch.iter().zip(&chain).all(|(mined, id)| mined.block_id == *id)
        };
        assert!(
            branches.into_iter().any(is_part),
            "two branches are mixed: {chain:?}"
        );
        Some(())
    });
}

/// The example in the documentation.
#[test]
fn the_miner_in_python_works() {
    let net = Net::new(genesis(60_000, 1));
    let node = net.follower("node", &[]);
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/miner.py");
    let output = std::process::Command::new("python3")
        .args([
            text(&script),
            "--reward",
            &OUTSIDE.to_string(),
            "--blocks",
            "2",
            &node.runtime.api,
        ])
        .output()
        .unwrap();
    let words = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success(),
        "{words} {}",
        String::from_utf8_lossy(&output.stderr)
    );
    assert!(words.contains("block 2 is 0x"), "{words}");
    assert_eq!(
        node.client().balance(&OUTSIDE).unwrap().balance,
        Amount(2 * REWARD)
    );
}
