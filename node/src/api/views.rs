//! From the node's values to what the API answers.

use aureon_chain::mempool::{Admitted, MempoolView, NonceInfo, Placement};
use aureon_protocol::{Direction, Multiaddr, NetworkSnapshot, PeerInfo};
use aureon_types::TransactionId;
use axum::{
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse as _, Response},
};
use serde::Serialize;

use super::{
    Answer,
    model::{
        MempoolSummary, PeerView, PeersView, PendingTransaction, PendingView, SubmitOutcome, SubmitStatus,
    },
    problem::Problem,
};
use crate::handle::Rejection;

/// `value` as JSON with status 200.
pub fn answer(value: &impl Serialize) -> Answer {
    let body = serde_json::to_vec(value).map_err(|error| Problem::internal(&error))?;
    Ok(json(body))
}

/// Bytes that are JSON, with status 200.
pub fn json(body: impl Into<axum::body::Body>) -> Response {
    let content_type = HeaderValue::from_static("application/json");
    ([(header::CONTENT_TYPE, content_type)], body.into()).into_response()
}

/// The listen addresses with the peer id: what another node bootstraps from.
pub fn multiaddrs(network: &NetworkSnapshot) -> Vec<String> {
    network.listen.iter().map(Multiaddr::to_string).collect()
}

/// The view of the peers.
pub fn peers(network: &NetworkSnapshot) -> PeersView {
    PeersView {
        peer_id: network.local_peer.to_string(),
        multiaddrs: multiaddrs(network),
        peers: network.peers.iter().map(peer).collect(),
    }
}

fn peer(peer: &PeerInfo) -> PeerView {
    let direction = match peer.direction {
        Direction::Inbound => "inbound",
        Direction::Outbound => "outbound",
    };
    PeerView {
        peer_id: peer.peer.to_string(),
        address: peer.address.to_string(),
        direction: direction.to_owned(),
        agent: peer.agent.clone(),
        height: peer.status.height,
        score: peer.score,
        round_trip_ms: peer.round_trip.map(|time| time.as_secs_f64() * 1_000.0),
    }
}

/// The view of the mempool.
pub fn mempool(view: &MempoolView) -> MempoolSummary {
    let listing = view.first.iter().map(|listed| PendingTransaction {
        id: listed.id,
        from: listed.sender,
        nonce: listed.nonce,
        gas_price: listed.gas_price,
        amount: listed.amount,
    });
    MempoolSummary {
        transactions: view.ready.saturating_add(view.parked),
        capacity: view.max_transactions,
        bytes: view.bytes,
        byte_capacity: view.max_bytes,
        ready: view.ready,
        parked: view.parked,
        listing: listing.collect(),
    }
}

/// What a sender has waiting; `nonce` is its account's, for a sender that has nothing.
pub fn pending(nonces: Option<NonceInfo>, nonce: u64) -> PendingView {
    let Some(nonces) = nonces else {
        return PendingView {
            next_nonce: nonce,
            ready: 0,
            parked: 0,
            missing: Vec::new(),
        };
    };
    let parked = nonces
        .parked
        .iter()
        .map(|range| range.end().saturating_sub(*range.start()).saturating_add(1));
    PendingView {
        // The mempool view may be a moment older than the account.
        next_nonce: nonces.next_expected.max(nonce),
        ready: nonces.next_expected.saturating_sub(nonces.next_on_chain),
        parked: parked.fold(0, u64::saturating_add),
        missing: nonces
            .missing
            .iter()
            .map(|range| (*range.start(), *range.end()))
            .collect(),
    }
}

/// The outcome of a submitted transaction.
pub fn outcome(id: TransactionId, result: Result<Admitted, Rejection>) -> SubmitOutcome {
    match result {
        Ok(admitted) => SubmitOutcome {
            id: Some(id),
            status: SubmitStatus::Admitted,
            ready: Some(admitted.placement == Placement::Ready),
            waits_for_nonce: match admitted.placement {
                Placement::Ready => None,
                Placement::Parked { waits_for } => Some(waits_for),
            },
            replaced: admitted.replaced,
            code: None,
            detail: None,
        },
        Err(rejection) if is_known(&rejection) => refused(Some(id), SubmitStatus::Known, None, None),
        Err(rejection) => {
            let (code, detail) = (rejection.code().to_owned(), rejection.to_string());
            refused(Some(id), SubmitStatus::Rejected, Some(code), Some(detail))
        }
    }
}

/// The outcome of an entry that is no transaction.
pub fn malformed(reason: String) -> SubmitOutcome {
    refused(
        None,
        SubmitStatus::Rejected,
        Some(MALFORMED.to_owned()),
        Some(reason),
    )
}

/// Code of what cannot be read.
pub const MALFORMED: &str = "malformed-transaction";

fn refused(
    id: Option<TransactionId>,
    status: SubmitStatus,
    code: Option<String>,
    detail: Option<String>,
) -> SubmitOutcome {
    SubmitOutcome {
        id,
        status,
        ready: None,
        waits_for_nonce: None,
        replaced: None,
        code,
        detail,
    }
}

/// Whether the transaction is in the pool already: for who submits it again, that is success.
pub fn is_known(rejection: &Rejection) -> bool {
    rejection.is_known()
}

/// A single transaction that was refused. Conflicts with the sender's other transactions are 409, a
/// full pool is 503, and what can never be included is 422.
pub fn rejection_problem(rejection: &Rejection) -> Problem {
    let status = match rejection.code() {
        "nonce-too-low" | "nonce-too-far-ahead" | "replacement-underpriced" | "sender-full" => {
            StatusCode::CONFLICT
        }
        "pool-full" => StatusCode::SERVICE_UNAVAILABLE,
        _ => StatusCode::UNPROCESSABLE_ENTITY,
    };
    Problem::new(status, rejection.code(), rejection.to_string())
}
