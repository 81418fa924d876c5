//! Fetching the genesis of a network from one of its nodes: how a joiner starts that has only an address.
//!
//! The answer is checked to be the document of the id that the node claims. Whether that is the network
//! one wants, the id tells: the joiner prints it, or compares it with one that was given to it.

use std::time::Duration;

use aureon_proto::v1 as proto;
use aureon_types::GenesisId;
use bytes::Bytes;
use futures::StreamExt as _;
use libp2p::{
    Multiaddr, Swarm,
    request_response::{Behaviour, Event as Exchange, Message, OutboundFailure, ProtocolSupport},
    swarm::{
        DialError, SwarmEvent,
        dial_opts::{DialOpts, PeerCondition},
    },
};

use crate::{
    addresses::split_peer,
    behaviour::{self, HelloCodec},
    error::FetchError,
    hello,
};

/// Connects to a node, asks for its genesis, and disconnects. Returns the encoding of
/// `aureon.v1.Genesis`; its id is BLAKE3("aureon/genesis/1", encoding).
///
/// `address` may end in `/p2p/<peer id>`; then only that node is believed.
///
/// # Errors
/// See [`FetchError`]. At most `timeout` passes.
pub async fn fetch_genesis(
    secret_key: [u8; 32],
    address: Multiaddr,
    timeout: Duration,
) -> Result<Bytes, FetchError> {
    let key = behaviour::keypair(secret_key)?;
    let hello = behaviour::hello(ProtocolSupport::Outbound, timeout);
    let mut swarm = behaviour::swarm(&key, hello)?;
    let options = match split_peer(&address) {
        (bare, Some(peer)) => DialOpts::peer_id(peer)
            .condition(PeerCondition::Always)
            .addresses(vec![bare])
            .build(),
        (bare, None) => DialOpts::unknown_peer_id().address(bare).build(),
    };
    swarm
        .dial(options)
        .map_err(|error| dial_error(&address, &error))?;
    match tokio::time::timeout(timeout, exchange(&mut swarm, &address)).await {
        Ok(result) => result,
        Err(_) => Err(FetchError::Timeout { address, timeout }),
    }
}

async fn exchange(
    swarm: &mut Swarm<Behaviour<HelloCodec>>,
    address: &Multiaddr,
) -> Result<Bytes, FetchError> {
    loop {
        match swarm.select_next_some().await {
            SwarmEvent::ConnectionEstablished { peer_id, .. } => {
                swarm
                    .behaviour_mut()
                    .send_request(&peer_id, Ok(hello::genesis_request()));
            }
            SwarmEvent::OutgoingConnectionError { error, .. } => return Err(dial_error(address, &error)),
            SwarmEvent::Behaviour(Exchange::Message {
                message: Message::Response { response, .. },
                ..
            }) => {
                return genesis_of(response).map_err(|reason| FetchError::BadAnswer {
                    address: address.clone(),
                    reason,
                });
            }
            SwarmEvent::Behaviour(Exchange::OutboundFailure { error, .. }) => {
                return Err(exchange_error(address, &error));
            }
            _ => {}
        }
    }
}

/// The genesis in an answer, if it belongs to the id that the answer names.
fn genesis_of(response: proto::HelloResponse) -> Result<Bytes, String> {
    let id = response.genesis_id.as_deref().and_then(GenesisId::from_slice);
    let id = id.ok_or_else(|| "it names no genesis id of 32 bytes".to_owned())?;
    let genesis = response
        .genesis
        .ok_or_else(|| "it carries no genesis".to_owned())?;
    if !hello::is_genesis_of(id, &genesis) {
        return Err(format!(
            "the genesis that it carries is not the one of the id {id}"
        ));
    }
    Ok(genesis)
}

fn dial_error(address: &Multiaddr, error: &DialError) -> FetchError {
    let address = address.clone();
    match error {
        DialError::WrongPeerId { obtained, .. } => FetchError::OtherPeer {
            address,
            found: *obtained,
        },
        DialError::Transport(causes) => {
            let reasons: Vec<String> = causes.iter().map(|(_, cause)| root_cause(cause)).collect();
            FetchError::Unreachable {
                address,
                reason: reasons.join("; "),
            }
        }
        other => FetchError::Unreachable {
            address,
            reason: other.to_string(),
        },
    }
}

/// The innermost cause of an error: "Connection refused" and not "Other error: ...".
fn root_cause(error: &(dyn std::error::Error + 'static)) -> String {
    let mut innermost = error;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    innermost.to_string()
}

fn exchange_error(address: &Multiaddr, error: &OutboundFailure) -> FetchError {
    let address = address.clone();
    match error {
        OutboundFailure::UnsupportedProtocols => FetchError::NotAureon { address },
        OutboundFailure::Io(error) if crate::codec::is_malformed(error) => FetchError::BadAnswer {
            address,
            reason: error.to_string(),
        },
        other => FetchError::Unreachable {
            address,
            reason: other.to_string(),
        },
    }
}
