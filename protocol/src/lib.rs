//! How nodes talk: libp2p with gossip, a hello, range sync frames, discovery, scoring and limits.
//!
//! This crate knows libp2p and frames; it does not know the ledger. Blocks, votes and transactions pass
//! through as bytes, and whether they are good is decided by the node, which answers each gossiped
//! message with a [`Verdict`].
//!
//! # The protocols
//!
//! `<net>` is the network hint: the first 8 bytes of the genesis id in hexadecimal.
//!
//! | name | carries |
//! | --- | --- |
//! | `/aureon/hello/1` | status and genesis; names no network, so that strangers can be told apart |
//! | `/aureon/<net>/sync/1` | ranges, blocks, transactions, status |
//! | gossip `/aureon/<net>/transactions/1`, `blocks/1`, `consensus/1` | see [`Topic`] |
//! | `/aureon/<net>/kad/1` | Kademlia, for routing only |
//!
//! Hello and sync are request-response exchanges with one frame each way: an unsigned varint length
//! and a protobuf message. Gossip is gossipsub 1.0 to 1.2, published anonymously; its message id is
//! BLAKE3(length of the topic as a big-endian `u64`, topic, data).
//!
//! # A peer's life
//!
//! A connection is encrypted and names a peer by its Ed25519 key ([`PeerId`]), no more. Each side then
//! says hello. Only a peer of the same genesis that answered becomes *ready*: its gossip is heard, its
//! requests are served, and the node is told ([`Event::PeerReady`]). A pair may hold several connections
//! (two dials that crossed, TCP beside QUIC): peers are counted, never connections. A peer that was
//! ready once is redialled as long as the node lives.
//!
//! # Use
//!
//! [`start`] runs the network as one tokio task and returns a [`Client`] (cheap to clone, never blocks)
//! and an [`EventReceiver`].
//!
//! *Architecture invariant:* nothing here decides what a block, vote or transaction means, and nothing
//! in here waits for the node, except that a node which reads no events for long stops the network.

mod addresses;
mod behaviour;
mod book;
mod client;
mod codec;
mod config;
mod error;
mod event;
mod fetch;
mod frame;
mod gossip;
mod hello;
mod names;
mod peers;
mod score;
mod service;
mod snapshot;

pub use bytes::Bytes;
pub use client::Client;
pub use config::{Config, GenesisInfo, Limits, Status};
pub use error::{FetchError, Overloaded, PublishError, RequestError, StartError};
pub use event::{Event, EventReceiver, GossipMessageRef, RequestId, ResponseToken, Verdict};
pub use fetch::fetch_genesis;
pub use gossip::message_id;
pub use libp2p::{Multiaddr, PeerId};
pub use names::Topic;
pub use score::Offence;
pub use service::start;
pub use snapshot::{BanInfo, Direction, NetworkSnapshot, PeerInfo, TopicCounters, Traffic};

/// The peer id that belongs to a node key (an Ed25519 seed).
pub fn peer_id(secret_key: [u8; 32]) -> Result<PeerId, StartError> {
    Ok(behaviour::keypair(secret_key)?.public().to_peer_id())
}

/// An address of a network that lives within this process (see [`Config::listen`]); 0: any free number.
pub fn memory_address(number: u64) -> Multiaddr {
    Multiaddr::from(libp2p::multiaddr::Protocol::Memory(number))
}
