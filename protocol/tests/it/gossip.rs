//! Gossip goes on if and only if the node accepts it.

use aureon_protocol::{Bytes, Event, GossipMessageRef, PublishError, Topic, Verdict, message_id};

use crate::support::{TestNode, pair};

/// One - Two - Three, in a row: what Three gets, Two has forwarded.
async fn row() -> (TestNode, TestNode, TestNode) {
    let two = TestNode::joined(2, &[]).await;
    // Kademlia would introduce One and Three to each other; they ban each other beforehand.
    let mut one = TestNode::joined(1, &[]).await;
    let mut three = TestNode::joined(3, &[]).await;
    one.client
        .penalize(three.peer(), aureon_protocol::Offence::Malicious);
    three
        .client
        .penalize(one.peer(), aureon_protocol::Offence::Malicious);
    one.client.dial(two.address());
    three.client.dial(two.address());
    for node in [&mut one, &mut three] {
        node.wait_ready(two.peer()).await;
    }
    two.until("two peers", |snapshot| snapshot.peers.len() == 2).await;
    (one, two, three)
}

async fn received(node: &mut TestNode) -> (Topic, Bytes, GossipMessageRef) {
    node.wait("gossip", |event| match event {
        Event::Gossip {
            topic, data, message, ..
        } => Some((topic, data, message)),
        _ => None,
    })
    .await
}

/// Publishes under new content until a peer has it: subscriptions take a moment to arrive.
async fn publish_until_received(from: &TestNode, to: &mut TestNode) {
    for attempt in 0_u64.. {
        let before = from.client.snapshot().traffic.topic(Topic::Consensus).published;
        from.client
            .publish(
                Topic::Consensus,
                Bytes::from(format!("warm up {} {attempt}", from.seed[0])),
            )
            .unwrap();
        from.until("a published or unheard message", |snapshot| {
            let counters = snapshot.traffic.topic(Topic::Consensus);
            counters.published + counters.unheard > attempt
        })
        .await;
        if from.client.snapshot().traffic.topic(Topic::Consensus).published > before {
            break;
        }
    }
    let (_, _, message) = received(to).await;
    to.client.verdict(message, Verdict::Ignore);
}

#[tokio::test]
async fn what_is_accepted_is_forwarded_and_what_is_not_is_not() {
    let (one, mut two, mut three) = row().await;
    publish_until_received(&one, &mut two).await;
    publish_until_received(&two, &mut three).await;
    let verdicts = [Verdict::Reject, Verdict::Ignore, Verdict::Accept];
    for (number, verdict) in verdicts.into_iter().enumerate() {
        one.client
            .publish(Topic::Consensus, Bytes::from(format!("message {number}")))
            .unwrap();
        let (topic, data, message) = received(&mut two).await;
        assert_eq!(topic, Topic::Consensus);
        assert_eq!(data, format!("message {number}"));
        two.client.verdict(message, verdict);
    }
    // The stream between two nodes keeps its order, so the first that arrives is the accepted one.
    let (_, data, _) = received(&mut three).await;
    assert_eq!(data, "message 2");
    two.until("a penalty for the rejected message", |snapshot| {
        let score = |peer| {
            snapshot
                .peers
                .iter()
                .find(|info| info.peer == peer)
                .map(|info| info.score)
        };
        score(one.peer()).is_some_and(|score| score < 100) && score(three.peer()) == Some(100)
    })
    .await;
    assert_eq!(two.client.snapshot().traffic.topic(Topic::Consensus).rejected, 1);
}

#[tokio::test]
async fn a_large_block_passes_and_an_oversized_one_is_refused() {
    let (one, mut two) = pair().await;
    publish_until_received(&one, &mut two).await;
    let block = Bytes::from(vec![42; 12 << 20]);
    one.client.publish(Topic::Blocks, block.clone()).unwrap();
    let (topic, data, _) = received(&mut two).await;
    assert_eq!(topic, Topic::Blocks);
    assert_eq!(data, block);
    let limit = Topic::Transactions.max_bytes();
    let error = one
        .client
        .publish(Topic::Transactions, Bytes::from(vec![0; limit + 1]))
        .unwrap_err();
    assert_eq!(
        error,
        PublishError::TooLarge {
            topic: Topic::Transactions,
            length: limit + 1,
            limit
        }
    );
}

#[tokio::test]
async fn a_lone_node_publishes_without_an_error_and_the_same_bytes_go_once() {
    let one = TestNode::joined(1, &[]).await;
    one.client
        .publish(Topic::Transactions, Bytes::from_static(b"into the void"))
        .unwrap();
    one.until("the count", |snapshot| {
        snapshot.traffic.topic(Topic::Transactions).unheard == 1
    })
    .await;

    let (one, mut two) = pair().await;
    publish_until_received(&one, &mut two).await;
    for _ in 0..2 {
        one.client
            .publish(Topic::Transactions, Bytes::from_static(b"twice"))
            .unwrap();
    }
    one.until("a duplicate", |snapshot| {
        let counters = snapshot.traffic.topic(Topic::Transactions);
        counters.published == 1 && counters.duplicates == 1
    })
    .await;
}

#[tokio::test]
async fn transactions_are_dropped_and_counted_while_the_node_does_not_read() {
    let (one, mut two) = pair().await;
    publish_until_received(&one, &mut two).await;
    let mut sent = 0_u64;
    for number in 0..200_u64 {
        // The client's own queue is bounded too: what it refuses was never sent.
        if one
            .client
            .publish(Topic::Transactions, Bytes::from(format!("batch {number}")))
            .is_ok()
        {
            sent += 1;
        }
        tokio::task::yield_now().await;
    }
    two.until("all batches", |snapshot| {
        let counters = snapshot.traffic.topic(Topic::Transactions);
        counters.received + counters.receive_dropped == sent
    })
    .await;
    let counters = *two.client.snapshot().traffic.topic(Topic::Transactions);
    assert_eq!(counters.received, sent.min(64), "{counters:?}");
    // Consensus messages are not held up by them.
    one.client
        .publish(Topic::Consensus, Bytes::from_static(b"vote"))
        .unwrap();
    two.until("the vote", |snapshot| {
        snapshot.traffic.topic(Topic::Consensus).received >= 2
    })
    .await;
    let (topic, data, _) = received(&mut two).await;
    assert_eq!((topic, data), (Topic::Consensus, Bytes::from_static(b"vote")));
}

#[test]
fn the_message_id_is_pinned() {
    let id = message_id("/aureon/0001020304050607/consensus/1", b"vote");
    let mut joined = vec![0, 0, 0, 0, 0, 0, 0, 36];
    joined.extend(b"/aureon/0001020304050607/consensus/1vote");
    assert_eq!(id, *blake3::hash(&joined).as_bytes());
}
