//! Peers are found through others and found again after they were lost.

use crate::support::{TestNode, config, pair};

#[tokio::test]
async fn a_peer_that_restarts_is_found_again_by_either_side() {
    let (mut one, two) = pair().await;
    let mut again = config(2, "test", &[]);
    let mut address = two.address();
    let peer = two.peer();
    address.pop();
    again.listen = vec![address.clone()];
    two.client.shutdown().await;
    one.wait_gone(peer).await;
    // Two comes back with its key and port and no bootstrap address: One has to dial.
    let mut two = TestNode::new(again).await;
    one.wait_ready(peer).await;
    two.wait_ready(one.peer()).await;
    // Now the one that was dialled first is lost.
    let (peer, mut address) = (one.peer(), one.address());
    address.pop();
    let mut again = config(1, "test", &[]);
    again.listen = vec![address];
    one.client.shutdown().await;
    two.wait_gone(peer).await;
    let mut one = TestNode::new(again).await;
    two.wait_ready(peer).await;
    one.wait_ready(two.peer()).await;
}

#[tokio::test]
async fn five_nodes_that_know_one_address_meet_all_the_others() {
    let first = TestNode::joined(1, &[]).await;
    let mut nodes = Vec::new();
    for seed in 2..=5 {
        nodes.push(TestNode::joined(seed, &[&first]).await);
    }
    nodes.push(first);
    for node in &nodes {
        node.until("four peers", |snapshot| snapshot.peers.len() == 4)
            .await;
    }
}

#[tokio::test]
async fn a_network_stops_when_it_is_told_or_when_nobody_listens() {
    let (mut one, two) = pair().await;
    drop(two.events);
    one.wait_gone(aureon_protocol::peer_id([2; 32]).unwrap()).await;
    one.client.shutdown().await;
    one.client.shutdown().await;
    while one.events.recv().await.is_some() {}
}
