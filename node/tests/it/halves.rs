//! Four processes that mine are cut into halves, mine apart for a while, and join again.

use aureon_node::client::Client;
use aureon_types::{Address, Amount, BlockId, EngineKind};

use crate::{
    network::Process,
    pow::{Net, agree, genesis, height, id_at, included_at, transfer},
    support::eventually,
};

/// Blocks that each half mines alone, at least.
const APART: u64 = 4;

/// Waits until the node hears of so many others.
fn meets(client: &Client, count: usize) {
    eventually("it has its peers", || {
        (client.status().ok()?.peers == count).then_some(())
    });
}

/// Both nodes of a half name the same block, and nobody else's.
fn half_agrees(half: &[Process], at: u64) -> BlockId {
    let clients: Vec<Client> = half.iter().map(Process::client).collect();
    agree(&clients, at)
}

#[test]
fn halves_that_mined_apart_agree_when_they_meet_again() {
    let mut rules = genesis(500, 2);
    if let EngineKind::Pow(parameters) = &mut rules.engine {
        // However long the machine takes over the cut: nothing becomes final meanwhile.
        parameters.finality_depth = 1_000;
    }
    let net = Net::new(rules);
    let first = net.miner(1, &[]);
    let known = first.runtime.multiaddrs.clone();
    let stays = vec![first, net.miner(2, &known)];
    let leaves = vec![net.miner(3, &known), net.miner(4, &known)];
    let all: Vec<Client> = stays.iter().chain(&leaves).map(Process::client).collect();
    let common = agree(&all, 2);

    // The cut: these two come back elsewhere, and know only each other.
    drop(leaves);
    let third = net.miner(3, &[]);
    let other = third.runtime.multiaddrs.clone();
    let leaves = vec![third, net.miner(4, &other)];
    for node in stays.iter().chain(&leaves) {
        meets(&node.client(), 1);
    }
    let apart_from = stays
        .iter()
        .chain(&leaves)
        .filter_map(|node| height(&node.client()))
        .max()
        .unwrap()
        + 1;
    let paid = transfer(&net.genesis, 0);
    stays[0].client().submit(&paid).unwrap();
    let branches = [&stays, &leaves].map(|half| {
        half_agrees(half, apart_from + APART);
        half_agrees(half, apart_from)
    });
    assert_ne!(branches[0], branches[1], "they were not apart");
    assert_eq!(included_at(&leaves[0].client(), &paid), None);

    // The cut is over.
    drop(leaves);
    let leaves = [net.miner(3, &known), net.miner(4, &known)];
    let all: Vec<Client> = stays.iter().chain(&leaves).map(Process::client).collect();
    let top = all.iter().filter_map(height).max().unwrap();
    agree(&all, top + 2);
    let settled = agree(&all, apart_from);
    assert!(
        branches.contains(&settled),
        "one of the two branches is the chain"
    );
    for client in &all {
        assert_eq!(id_at(client, 2), Some(common), "what they had in common stays");
        eventually("the transfer is in the chain", || included_at(client, &paid));
        assert_eq!(client.balance(&Address([5; 20])).unwrap().balance, Amount(10));
    }
}
