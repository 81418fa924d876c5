//! Peers are found through others and found again after they were lost.

use libp2p::swarm::dial_opts::{DialOpts, PeerCondition};

use crate::support::{PATIENCE, TestNode, config, hello_frames, pair, raw::RawPeer};

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

/// What a killed node looks like that comes back before its old connection is known to be dead: a hello
/// over a second connection. Gossip would stay silent on it for ever.
#[tokio::test]
async fn a_peer_that_says_hello_anew_is_met_with_a_clean_slate() {
    let mut one = TestNode::patient(1).await;
    let (request, response) = hello_frames();
    let mut raw = RawPeer::new("/aureon/hello/1");
    let peer = raw.peer();
    let (again, receiver) = tokio::sync::oneshot::channel();
    raw.again = Some(receiver);
    raw.swarm.dial(one.address()).unwrap();
    let run = tokio::spawn(raw.run(Some(request), response));
    one.wait_ready(peer).await;
    let options = DialOpts::peer_id(one.peer())
        .condition(PeerCondition::Always)
        .addresses(vec![one.address()]);
    again.send(options.build()).unwrap();
    one.wait_gone(peer).await;
    tokio::time::timeout(PATIENCE, run)
        .await
        .expect("still connected")
        .unwrap();
}

/// Also what was learnt from others is dialled: the third knows only the first.
#[tokio::test]
async fn nodes_of_one_process_meet_in_memory() {
    let in_memory = |seed, others: &[&TestNode]| {
        let mut config = config(seed, "test", others);
        config.listen = vec![aureon_protocol::memory_address(0)];
        TestNode::new(config)
    };
    let first = in_memory(1, &[]).await;
    let second = in_memory(2, &[&first]).await;
    let third = in_memory(3, &[&first]).await;
    for node in [&first, &second, &third] {
        node.until("two peers", |snapshot| snapshot.peers.len() == 2)
            .await;
        assert!(node.address().to_string().starts_with("/memory/"));
    }
    // The address is free as soon as the network has stopped.
    let mut address = second.address();
    address.pop();
    let mut again = config(2, "test", &[]);
    again.listen = vec![address.clone()];
    second.client.shutdown().await;
    let second = TestNode::new(again).await;
    second
        .until("found again", |snapshot| snapshot.peers.len() == 2)
        .await;
}

#[tokio::test]
async fn memory_and_sockets_do_not_mix() {
    let mut config = config(1, "test", &[]);
    config.listen.push("/memory/0".parse().unwrap());
    assert!(matches!(
        aureon_protocol::start(config).await,
        Err(aureon_protocol::StartError::Listen { .. })
    ));
}
