//! Whole nodes in one process over memory, without TCP: the thirteen scenarios that the product names.

use std::collections::BTreeSet;

use aureon_chain::sync::Phase;
use aureon_testkit::{
    Engine,
    cluster::{Setup, TestCluster},
};
use aureon_types::{Address, BlockId};

/// The ids of the blocks 1 to `height` at one node.
fn chain_of(cluster: &TestCluster, node: usize, height: u64) -> Vec<BlockId> {
    let handle = cluster.handle(node).unwrap();
    (1..=height)
        .map(|height| handle.block_at(height).unwrap().unwrap().id())
        .collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn single_node_creation() {
    let cluster = TestCluster::start(Setup::validators(1)).await.unwrap();
    let handle = cluster.handle(0).unwrap();
    assert_eq!(handle.genesis_id(), cluster.genesis().id());
    let listen = cluster.address(0).unwrap().to_string();
    assert!(listen.starts_with("/memory/") && listen.ends_with(&cluster.peer(0).to_string()));
    cluster.height_everywhere(2).await.unwrap();
    assert!(cluster.network(0).unwrap().peers.is_empty());
    let first = handle.block_at(1).unwrap().unwrap();
    assert_eq!(first.header().parent_id, BlockId(cluster.genesis().id().0));
    assert_eq!(
        first.header().proposer,
        cluster.setup().validator_key(0).unwrap().address()
    );
    cluster.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn cluster_creation() {
    let cluster = TestCluster::start(Setup::validators(4)).await.unwrap();
    assert_eq!(cluster.handles().count(), 4);
    let peers: BTreeSet<_> = (0..4).map(|node| cluster.peer(node)).collect();
    let addresses: BTreeSet<_> = (0..4).map(|node| cluster.address(node).unwrap()).collect();
    assert_eq!((peers.len(), addresses.len()), (4, 4));
    cluster.all_connected().await.unwrap();
    for (node, handle) in cluster.handles() {
        assert_eq!(handle.genesis_id(), cluster.genesis().id());
        let network = cluster.network(node).unwrap();
        let others: BTreeSet<_> = network.peers.iter().map(|peer| peer.peer).collect();
        let expected = peers.iter().filter(|peer| **peer != cluster.peer(node));
        assert_eq!(others, expected.copied().collect());
        assert!(
            network
                .listen
                .iter()
                .all(|address| address.to_string().starts_with("/memory/"))
        );
    }
    cluster.stop().await;
}

/// Node 0 knows nobody, the others know only node 0. Later one is given an address while it is stopped.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn peer_configuration() {
    let setup = Setup::validators(4).with_one_known_address();
    let mut cluster = TestCluster::start(setup).await.unwrap();
    assert!(cluster.bootstrap(0).is_empty());
    for node in 1..4 {
        assert_eq!(cluster.bootstrap(node), [cluster.address(0).unwrap()]);
    }
    cluster.all_connected().await.unwrap();

    let mut alone = TestCluster::start(Setup::validators(2).with_no_known_address())
        .await
        .unwrap();
    for (node, handle) in alone.handles() {
        assert!(alone.bootstrap(node).is_empty() && handle.network().peers.is_empty());
    }
    alone.stop_node(1).await;
    let address = alone.address(0).unwrap();
    alone.tell(1, address.clone());
    alone.restart(1).await.unwrap();
    assert_eq!(alone.bootstrap(1), [address]);
    alone.all_connected().await.unwrap();
    alone.stop().await;
    cluster.stop_node(0).await;
    cluster.stop().await;
}

/// A follower's status goes from behind to idle at the head, and the numbers in it are those of the chain.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sync_state_update() {
    let setup = Setup::validators(1).with_block_time_ms(50);
    let mut cluster = TestCluster::start(setup).await.unwrap();
    cluster.height_everywhere(20).await.unwrap();
    let follower = cluster.add().await.unwrap();
    let handle = cluster.handle(follower).unwrap();
    let target = cluster
        .until("the follower knows of more blocks than it has", |_| {
            let sync = handle.status().sync.clone();
            (sync.target >= 20).then_some(sync.target)
        })
        .await
        .unwrap();
    cluster
        .until("the follower has reached its first target", |_| {
            let sync = handle.status().sync.clone();
            (sync.height >= target && sync.peers == 1).then_some(())
        })
        .await
        .unwrap();
    cluster.stop_node(0).await;
    cluster
        .until("nobody claims more, and sync is idle", |_| {
            let status = handle.status();
            (status.sync.phase == Phase::Synced && status.sync.height == status.height).then_some(())
        })
        .await
        .unwrap();
    cluster.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn cluster_status() {
    let mut cluster = TestCluster::start(Setup::validators(4)).await.unwrap();
    cluster.all_connected().await.unwrap();
    cluster.height_everywhere(2).await.unwrap();
    let complete = |cluster: &TestCluster, peers: usize| {
        let statuses = cluster.statuses();
        let good = |(node, status): &(usize, aureon_node::core::NodeStatus)| {
            status.chain == "cluster"
                && status.genesis_id == cluster.genesis().id()
                && status.height >= 2
                && status.peers == peers
                && status.signing_stopped.is_none()
                && status.validator == cluster.setup().validator_key(*node).map(|key| key.address())
        };
        statuses.iter().all(good).then_some(statuses.len())
    };
    let count = cluster
        .until("four statuses that fit", |cluster| complete(cluster, 3))
        .await
        .unwrap();
    assert_eq!(count, 4);
    cluster.stop_node(3).await;
    let count = cluster
        .until("three statuses that fit", |cluster| complete(cluster, 2))
        .await
        .unwrap();
    assert_eq!(count, 3);
    cluster.stop().await;
}

/// What a client submits at one node is in a block at all of them, and did the same everywhere.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn block_production() {
    let cluster = TestCluster::start(Setup::validators(4)).await.unwrap();
    let recipient = Address([7; 20]);
    let transfer = cluster.setup().transfer(cluster.genesis(), 0, recipient, 5);
    let outcome = cluster.handle(2).unwrap().submit(vec![transfer.clone()]).await;
    assert!(outcome.unwrap()[0].is_ok());
    let everywhere = cluster.until("the transfer is in a block at every node", |cluster| {
        let included = |(_, handle): (usize, aureon_node::handle::NodeHandle)| {
            handle.included(&transfer.id()).unwrap().is_some()
        };
        cluster.handles().all(included).then_some(())
    });
    everywhere.await.unwrap();
    for (node, handle) in cluster.handles() {
        assert_eq!(
            handle.account(&recipient).unwrap().account.balance.0,
            5,
            "node {node}"
        );
    }
    cluster.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn peer_height_propagation() {
    let setup = Setup::validators(1).with_started(3);
    let cluster = TestCluster::start(setup).await.unwrap();
    cluster.all_connected().await.unwrap();
    for wanted in [1, 5] {
        let what = format!("every node has heard of height {wanted} from every other");
        let heard = cluster.until(&what, |cluster| {
            let heard = |(_, handle): (usize, aureon_node::handle::NodeHandle)| {
                let network = handle.network();
                network.peers.len() == 2 && network.peers.iter().all(|peer| peer.status.height >= wanted)
            };
            cluster.handles().all(heard).then_some(())
        });
        heard.await.unwrap();
    }
    cluster.stop().await;
}

/// A node that was away for many blocks notices on meeting its peers, and makes up for it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sync_detection() {
    let setup = Setup::validators(1).with_started(2).with_block_time_ms(50);
    let mut cluster = TestCluster::start(setup).await.unwrap();
    cluster.height_everywhere(3).await.unwrap();
    cluster.stop_node(1).await;
    let ahead = cluster.handle(0).unwrap().head().height + 40;
    cluster.height_everywhere(ahead).await.unwrap();
    cluster.restart(1).await.unwrap();
    let handle = cluster.handle(1).unwrap();
    assert!(handle.head().height < ahead, "it lacks what was made without it");
    let detected = cluster.until("the node knows that it is behind, or is no more", |_| {
        let status = handle.status();
        (status.sync.target >= ahead).then_some(status.sync.peers)
    });
    assert_eq!(detected.await.unwrap(), 1);
    cluster.height_everywhere(ahead).await.unwrap();
    assert_eq!(chain_of(&cluster, 0, ahead), chain_of(&cluster, 1, ahead));
    cluster.stop().await;
}

/// Block after block: each on the one before, later than it, and every authority proposes in its turn.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn multiple_blocks_production() {
    let cluster = TestCluster::start(Setup::validators(4)).await.unwrap();
    cluster.height_everywhere(8).await.unwrap();
    let handle = cluster.handle(3).unwrap();
    let blocks = || {
        let heights = 1..=handle.head().height;
        heights.map(|height| handle.block_at(height).unwrap().unwrap())
    };
    cluster
        .until("every authority has proposed", |_| {
            let proposers: BTreeSet<_> = blocks().map(|block| block.header().proposer).collect();
            (proposers.len() == 4).then_some(())
        })
        .await
        .unwrap();
    let blocks: Vec<_> = blocks().collect();
    for pair in blocks.windows(2) {
        assert_eq!(pair[1].header().parent_id, pair[0].id());
        assert!(pair[1].header().timestamp_ms > pair[0].header().timestamp_ms);
    }
    cluster.stop().await;
}

/// Every node tells which engine runs, with which validators, and what it waits for when too few are left.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn consensus_detection() {
    let mut cluster = TestCluster::start(Setup::validators(4)).await.unwrap();
    cluster.height_everywhere(2).await.unwrap();
    for (_, status) in cluster.statuses() {
        let consensus = &status.consensus;
        assert_eq!((consensus.engine, consensus.validators.len()), ("poa", 4));
        assert_eq!((consensus.total_power, consensus.quorum_power), (4, 3));
    }
    cluster.stop_node(2).await;
    cluster.stop_node(3).await;
    let stands_still = cluster.until("the two that are left wait for votes", |cluster| {
        let waits = |(_, status): &(usize, aureon_node::core::NodeStatus)| {
            status.consensus.waiting_for.contains("3 is needed")
        };
        cluster.statuses().iter().all(waits).then_some(())
    });
    stands_still.await.unwrap();
    let before = cluster.handle(0).unwrap().head().height;
    cluster.restart(2).await.unwrap();
    cluster.height_everywhere(before + 2).await.unwrap();
    cluster.stop().await;
    for engine in [Engine::Pos, Engine::Pow] {
        let setup = Setup::validators(2).with_engine(engine).with_block_time_ms(200);
        let cluster = TestCluster::start(setup).await.unwrap();
        cluster.height_everywhere(2).await.unwrap();
        for (_, status) in cluster.statuses() {
            let votes = usize::from(engine != Engine::Pow) * 2;
            let consensus = &status.consensus;
            assert_eq!(
                (consensus.engine, consensus.validators.len()),
                (engine.name(), votes)
            );
            assert_eq!(status.mining.is_some(), engine == Engine::Pow);
        }
        cluster.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_node_networking() {
    let cluster = TestCluster::start(Setup::validators(2)).await.unwrap();
    cluster.all_connected().await.unwrap();
    for node in 0..2 {
        let network = cluster.network(node).unwrap();
        assert_eq!(network.peers[0].peer, cluster.peer(1 - node));
        assert!(network.bans.is_empty() && network.strangers == 0);
    }
    // Two of two are needed for each block, so each has heard the other's votes.
    cluster.height_everywhere(3).await.unwrap();
    assert_eq!(chain_of(&cluster, 0, 3), chain_of(&cluster, 1, 3));
    // What is submitted at one waits at the other, or is in a block there already.
    let transfer = cluster
        .setup()
        .transfer(cluster.genesis(), 0, Address([9; 20]), 1);
    let (here, there) = (cluster.handle(0).unwrap(), cluster.handle(1).unwrap());
    assert!(here.submit(vec![transfer.clone()]).await.unwrap()[0].is_ok());
    let arrived = cluster.until("the transfer at the other node", |_| {
        there.included(&transfer.id()).unwrap().map(drop)
    });
    arrived.await.unwrap();
    cluster.stop().await;
}

/// Twenty-five nodes, seven of them validators, find each other through one address.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn large_cluster_creation() {
    let setup = Setup::validators(7)
        .with_started(25)
        .with_one_known_address()
        .with_block_time_ms(500);
    let cluster = TestCluster::start(setup).await.unwrap();
    assert_eq!(cluster.len(), 25);
    cluster.height_everywhere(3).await.unwrap();
    cluster.all_connected().await.unwrap();
    for block in cluster.blocks_at(3).unwrap() {
        let known = cluster.handle(0).unwrap().block_at(3).unwrap();
        assert_eq!(block.map(|block| block.id()), known.map(|block| block.id()));
    }
    cluster.stop().await;
}

/// Miners that have found blocks apart come to one chain when they meet.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn convergence_of_miners() {
    let setup = Setup::validators(2)
        .with_engine(Engine::Pow)
        .with_block_time_ms(200)
        .with_no_known_address();
    let mut cluster = TestCluster::start(setup).await.unwrap();
    cluster.height_everywhere(2).await.unwrap();
    assert_ne!(chain_of(&cluster, 0, 1), chain_of(&cluster, 1, 1), "each its own");
    let address = cluster.address(0).unwrap();
    cluster.stop_node(1).await;
    cluster.tell(1, address);
    cluster.restart(1).await.unwrap();
    let agreed = cluster.until("both have the same block at some height", |cluster| {
        let blocks = cluster.blocks_at(1).unwrap();
        let ids: BTreeSet<_> = blocks.iter().flatten().map(aureon_types::Block::id).collect();
        (ids.len() == 1 && cluster.network(0)?.peers.len() == 1).then_some(())
    });
    agreed.await.unwrap();
    cluster.stop().await;
}

/// Nodes that stop and come back at different times, with transfers meanwhile, end with one chain and one
/// state.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn convergence() {
    let mut cluster = TestCluster::start(Setup::validators(4).with_started(5))
        .await
        .unwrap();
    let recipient = Address([3; 20]);
    for nonce in 0..5_u64 {
        let away = usize::try_from(nonce).unwrap();
        cluster.stop_node(away).await;
        let transfer = cluster
            .setup()
            .transfer(cluster.genesis(), nonce, recipient, 1 + nonce);
        let at = cluster.handle((away + 1) % 5).unwrap();
        assert!(at.submit(vec![transfer.clone()]).await.unwrap()[0].is_ok());
        let included = cluster.until("the transfer is in a block", |_| {
            at.included(&transfer.id()).unwrap().map(drop)
        });
        included.await.unwrap();
        cluster.restart(away).await.unwrap();
    }
    let height = cluster
        .handles()
        .map(|(_, handle)| handle.head().height)
        .max()
        .unwrap()
        + 2;
    cluster.height_everywhere(height).await.unwrap();
    let first = chain_of(&cluster, 0, height);
    for node in 1..5 {
        assert_eq!(chain_of(&cluster, node, height), first, "node {node}");
        let account = cluster.handle(node).unwrap().account(&recipient).unwrap();
        assert_eq!(account.account.balance.0, 15, "node {node}");
    }
    cluster.stop().await;
}
