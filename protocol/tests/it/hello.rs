//! Who is ready, who is of another network, and who breaks the protocol.

use std::time::Duration;

use aureon_proto::{Message as _, v1 as proto};
use aureon_protocol::{Event, FetchError, Offence, StartError, fetch_genesis, start};

use crate::support::{
    PATIENCE, TestNode, config, frame, genesis, hello_response, pair, raw::RawPeer, status,
};

#[tokio::test]
async fn two_nodes_say_hello_and_know_each_others_heads() {
    let mut one = TestNode::joined(1, &[]).await;
    let mut two = TestNode::joined(2, &[&one]).await;
    assert_eq!(one.wait_ready(two.peer()).await, status(2));
    assert_eq!(two.wait_ready(one.peer()).await, status(1));
    one.until("a snapshot with one peer", |snapshot| snapshot.peers.len() == 1)
        .await;
    let snapshot = one.client.snapshot();
    assert_eq!(snapshot.peers[0].agent, "test/2");
    assert_eq!(snapshot.peers[0].score, 100);
    assert_eq!(snapshot.strangers, 0);
    two.client.set_status(status(99));
    one.wait("a higher head", |event| match event {
        Event::PeerStatus { peer, status } if peer == two.peer() && status.height == 99 => Some(()),
        _ => None,
    })
    .await;
}

#[tokio::test]
async fn two_nodes_meet_over_quic() {
    let quic = |seed, others: &[&TestNode]| {
        let mut config = config(seed, "test", others);
        config.listen = vec!["/ip4/127.0.0.1/udp/0/quic-v1".parse().unwrap()];
        config
    };
    let mut one = TestNode::new(quic(1, &[])).await;
    let mut two = TestNode::new(quic(2, &[&one])).await;
    one.wait_ready(two.peer()).await;
    two.wait_ready(one.peer()).await;
}

#[tokio::test]
async fn dials_that_cross_settle_on_one_peer() {
    let mut one = TestNode::joined(1, &[]).await;
    let mut two = TestNode::joined(2, &[]).await;
    one.client.dial(two.address());
    two.client.dial(one.address());
    one.wait_ready(two.peer()).await;
    two.wait_ready(one.peer()).await;
    one.until("one peer", |snapshot| snapshot.peers.len() == 1).await;
    two.until("one peer", |snapshot| snapshot.peers.len() == 1).await;
}

#[tokio::test]
async fn another_genesis_is_reported_on_both_sides_with_the_document() {
    let mut one = TestNode::joined(1, &[]).await;
    let mut two = TestNode::new(config(2, "other", &[&one])).await;
    for (node, other) in [(&mut one, "other"), (&mut two, "test")] {
        let found = node
            .wait("GenesisMismatch", |event| match event {
                Event::GenesisMismatch {
                    genesis, genesis_id, ..
                } => Some((genesis, genesis_id)),
                Event::PeerReady { .. } => panic!("a node of another network became ready"),
                _ => None,
            })
            .await;
        let other = genesis(other);
        assert_eq!(found, (Some(other.encoded), other.id));
    }
    one.until("a disconnection", |snapshot| snapshot.strangers == 0)
        .await;
}

#[tokio::test]
async fn a_joiner_fetches_the_genesis_by_address_alone() {
    let one = TestNode::joined(1, &[]).await;
    let fetched = fetch_genesis([9; 32], one.address(), PATIENCE).await.unwrap();
    assert_eq!(fetched, genesis("test").encoded);
    // Also without the peer id.
    let mut bare = one.address();
    bare.pop();
    assert_eq!(
        fetch_genesis([9; 32], bare, PATIENCE).await.unwrap(),
        genesis("test").encoded
    );
    // With its genesis the same key joins at once.
    let mut one = one;
    let joiner = TestNode::joined(9, &[&one]).await;
    one.wait_ready(joiner.peer()).await;
}

#[tokio::test]
async fn fetching_says_what_is_wrong() {
    let one = TestNode::joined(1, &[]).await;
    let mut address = one.address();
    address.pop();
    let stranger = aureon_protocol::peer_id([77; 32]).unwrap();
    let error = fetch_genesis([9; 32], address.with_p2p(stranger).unwrap(), PATIENCE)
        .await
        .unwrap_err();
    assert!(
        matches!(error, FetchError::OtherPeer { found, .. } if found == one.peer()),
        "{error}"
    );

    let mut deaf = RawPeer::new("/another/1");
    let address = deaf.listen().await;
    let run = tokio::spawn(deaf.run(None, Vec::new()));
    let error = fetch_genesis([9; 32], address, PATIENCE).await.unwrap_err();
    assert!(matches!(error, FetchError::NotAureon { .. }), "{error}");
    run.abort();

    let mut liar = RawPeer::new("/aureon/hello/1");
    let address = liar.listen().await;
    let answer = proto::HelloResponse {
        genesis_id: Some(vec![1; 32].into()),
        genesis: Some("not its genesis".into()),
        ..Default::default()
    };
    let run = tokio::spawn(liar.run(None, answer.encode_length_delimited_to_vec()));
    let error = fetch_genesis([9; 32], address, PATIENCE).await.unwrap_err();
    assert!(matches!(error, FetchError::BadAnswer { .. }), "{error}");
    run.abort();

    one.client.shutdown().await;
    let error = fetch_genesis([9; 32], one.address(), PATIENCE).await.unwrap_err();
    assert!(matches!(error, FetchError::Unreachable { .. }), "{error}");
    // Bound and never accepting.
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("/ip4/127.0.0.1/tcp/{}", silent.local_addr().unwrap().port());
    let brief = Duration::from_millis(100);
    let error = fetch_genesis([9; 32], address.parse().unwrap(), brief)
        .await
        .unwrap_err();
    assert!(matches!(error, FetchError::Timeout { .. }), "{error}");
}

#[tokio::test]
async fn unknown_fields_of_a_hello_are_ignored() {
    let mut one = TestNode::joined(1, &[]).await;
    let mut newer = RawPeer::new("/aureon/hello/1");
    let address = newer.listen().await;
    let peer = newer.peer();
    let mut response = hello_response().encode_to_vec();
    // Field 100, a varint.
    response.extend([0xa0, 0x06, 0x01]);
    tokio::spawn(newer.run(None, frame(response)));
    one.client.dial(address);
    let agent = one
        .wait("PeerReady", |event| match event {
            Event::PeerReady {
                peer: found, agent, ..
            } if found == peer => Some(agent),
            _ => None,
        })
        .await;
    assert_eq!(agent, "rawnode", "control characters are gone");
}

#[tokio::test]
async fn malformed_and_oversized_hellos_end_the_connection_and_cost_score() {
    let good = frame(hello_response().encode_to_vec());
    let id_too_short = proto::HelloRequest {
        genesis_id: Some(vec![1; 31].into()),
        ..Default::default()
    }
    .encode_to_vec();
    // A length of 64 KiB and one byte, announced alone: refused before a byte of it is sent.
    let oversized = vec![0x81, 0x80, 0x04];
    let no_protobuf = frame(vec![0xff; 20]);
    for (name, request) in [
        ("a short id", frame(id_too_short)),
        ("too long", oversized),
        ("no protobuf", no_protobuf),
    ] {
        let one = TestNode::patient(1).await;
        let mut bad = RawPeer::new("/aureon/hello/1");
        bad.swarm.dial(one.address()).unwrap();
        let answers = tokio::time::timeout(PATIENCE, bad.run(Some(request), good.clone())).await;
        let answers = answers.unwrap_or_else(|_| panic!("{name}: still connected"));
        assert!(answers.concat().is_empty(), "{name} was answered");
    }
    let bad_answer = frame(proto::HelloResponse::default().encode_to_vec());
    let mut one = TestNode::patient(1).await;
    let mut bad = RawPeer::new("/aureon/hello/1");
    bad.swarm.dial(one.address()).unwrap();
    tokio::time::timeout(PATIENCE, bad.run(None, bad_answer))
        .await
        .expect("still connected");
    while let Some(event) = one.events.try_recv() {
        assert!(
            !matches!(event, Event::PeerReady { .. }),
            "became ready without a genesis id"
        );
    }
}

#[tokio::test]
async fn a_banned_peer_is_cut_off_and_listed() {
    let (mut one, two) = pair().await;
    one.client.penalize(two.peer(), Offence::InvalidBlock);
    one.until("a lower score", |snapshot| {
        snapshot.peers.iter().any(|peer| peer.score <= 60)
    })
    .await;
    one.client.penalize(two.peer(), Offence::Malicious);
    one.wait_gone(two.peer()).await;
    one.until("the ban", |snapshot| {
        snapshot.peers.is_empty() && snapshot.bans.iter().any(|ban| ban.peer == two.peer())
    })
    .await;
}

#[tokio::test]
async fn starting_says_what_is_wrong() {
    let one = TestNode::joined(1, &[]).await;
    let mut taken = config(2, "test", &[]);
    let mut address = one.address();
    address.pop();
    taken.listen = vec![address.clone()];
    let error = start(taken).await.expect_err("two nodes on one port");
    assert!(
        matches!(&error, StartError::AddressInUse { address: found } if *found == address),
        "{error}"
    );

    let mut config = config(2, "test", &[]);
    config.bootstrap = vec![address];
    let error = start(config)
        .await
        .expect_err("a bootstrap address without a peer id");
    assert!(
        matches!(error, StartError::BootstrapWithoutPeer { .. }),
        "{error}"
    );
}
