//! Requests and answers.

use aureon_proto::v1::{self as proto, sync_request::Request, sync_response::Response};
use aureon_protocol::{Bytes, Event, RequestError};

use crate::support::{TestNode, pair};

fn range(from: u64) -> proto::SyncRequest {
    proto::SyncRequest {
        request: Some(Request::Range(proto::RangeRequest {
            from: Some(from),
            count: Some(1),
        })),
    }
}

fn answer(transactions: Vec<Bytes>) -> proto::SyncResponse {
    let transactions = transactions
        .into_iter()
        .map(|payload| proto::SignedTransaction {
            payload: Some(payload),
            signature: None,
        })
        .collect();
    let block = proto::Block {
        transactions,
        ..Default::default()
    };
    let block = proto::CertifiedBlock {
        block: Some(block),
        certificate: None,
    };
    let range = proto::RangeResponse {
        blocks: vec![block],
        status: None,
    };
    proto::SyncResponse {
        response: Some(Response::Range(range)),
    }
}

/// Asks, lets the other side answer, and returns the outcome.
async fn exchange(
    asker: &mut TestNode,
    server: &mut TestNode,
    response: Option<proto::SyncResponse>,
) -> Result<proto::SyncResponse, RequestError> {
    let id = asker.client.request(server.peer(), range(7)).unwrap();
    let (request, channel) = server
        .wait("a request", |event| match event {
            Event::Request { request, channel, .. } => Some((request, channel)),
            _ => None,
        })
        .await;
    assert_eq!(request, range(7));
    match response {
        Some(response) => server.client.respond(channel, response),
        None => drop(channel),
    }
    asker
        .wait("an outcome", |event| match event {
            Event::Response { request, result, .. } if request == id => Some(result),
            _ => None,
        })
        .await
}

#[tokio::test]
async fn an_answer_of_ten_mebibytes_arrives_whole() {
    let (mut one, mut two) = pair().await;
    let large = answer((0..10).map(|n| Bytes::from(vec![n; 1 << 20])).collect());
    assert_eq!(exchange(&mut one, &mut two, Some(large.clone())).await, Ok(large));
    // And the other way round, over the same connection.
    let small = answer(vec![Bytes::from_static(b"transaction")]);
    assert_eq!(exchange(&mut two, &mut one, Some(small.clone())).await, Ok(small));
}

#[tokio::test]
async fn every_request_has_exactly_one_outcome() {
    let (mut one, mut two) = pair().await;
    let busy = proto::SyncResponse {
        response: Some(Response::Busy(proto::Busy {})),
    };
    assert_eq!(
        exchange(&mut one, &mut two, Some(busy)).await,
        Err(RequestError::Busy)
    );
    let empty = proto::SyncResponse { response: None };
    assert_eq!(
        exchange(&mut one, &mut two, Some(empty)).await,
        Err(RequestError::Unsupported)
    );
    let dropped = exchange(&mut one, &mut two, None).await;
    assert!(
        matches!(dropped, Err(RequestError::ConnectionLost(_))),
        "{dropped:?}"
    );
    // A frame above 33 MiB is not even sent.
    let oversized = answer(vec![Bytes::from(vec![0; 34 << 20])]);
    let refused = exchange(&mut one, &mut two, Some(oversized)).await;
    assert!(
        matches!(refused, Err(RequestError::ConnectionLost(_))),
        "{refused:?}"
    );
    // Nobody there.
    let nobody = aureon_protocol::peer_id([99; 32]).unwrap();
    let id = one.client.request(nobody, range(1)).unwrap();
    let outcome = one
        .wait("an outcome", |event| match event {
            Event::Response { request, result, .. } if request == id => Some(result),
            _ => None,
        })
        .await;
    assert_eq!(outcome, Err(RequestError::NotConnected));
    // The peer leaves while it is asked.
    one.client.request(two.peer(), range(7)).unwrap();
    two.wait("a request", |event| {
        matches!(event, Event::Request { .. }).then_some(())
    })
    .await;
    two.client.shutdown().await;
    let lost = one
        .wait("an outcome", |event| match event {
            Event::Response { result, .. } => Some(result),
            _ => None,
        })
        .await;
    assert!(matches!(lost, Err(RequestError::ConnectionLost(_))), "{lost:?}");
}

#[tokio::test]
async fn one_peer_cannot_take_all_the_service() {
    let (mut one, mut two) = pair().await;
    let ids: Vec<_> = (0..12)
        .map(|from| one.client.request(two.peer(), range(from)).unwrap())
        .collect();
    let mut refused = 0;
    for _ in 0..ids.len() - 8 {
        let result = one
            .wait("a refusal", |event| match event {
                Event::Response { result, .. } => Some(result),
                _ => None,
            })
            .await;
        assert_eq!(result, Err(RequestError::Busy));
        refused += 1;
    }
    assert_eq!(refused, 4);
    for _ in 0..8 {
        let channel = two
            .wait("a request", |event| match event {
                Event::Request { channel, .. } => Some(channel),
                _ => None,
            })
            .await;
        two.client.respond(channel, answer(Vec::new()));
    }
    for _ in 0..8 {
        let result = one
            .wait("an answer", |event| match event {
                Event::Response { result, .. } => Some(result),
                _ => None,
            })
            .await;
        assert_eq!(result, Ok(answer(Vec::new())));
    }
}
