//! What can go wrong, and whose fault it is.

use std::{io, time::Duration};

use libp2p::{Multiaddr, PeerId};

use crate::names::Topic;

/// The network did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The seed is no Ed25519 key.
    #[error("the node key is not an Ed25519 seed")]
    BadKey,
    /// Another program listens there.
    #[error("{address} is in use by another program: stop that program, or choose another port")]
    AddressInUse {
        /// Where we wanted to listen.
        address: Multiaddr,
    },
    /// The address cannot be listened on.
    #[error("cannot listen on {address}: {reason}")]
    Listen {
        /// Where we wanted to listen.
        address: Multiaddr,
        /// What the system or libp2p said.
        reason: String,
    },
    /// A bootstrap address lacks the peer id.
    #[error("the bootstrap address {address} does not end in /p2p/<peer id>")]
    BootstrapWithoutPeer {
        /// The address as configured.
        address: Multiaddr,
    },
    /// A part of libp2p refused its configuration.
    #[error("cannot set up the network: {0}")]
    Internal(String),
}

/// A message was not published.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PublishError {
    /// Longer than peers accept.
    #[error("a message of {length} bytes is too long for the topic {topic}: the limit is {limit}")]
    TooLarge {
        /// The topic.
        topic: Topic,
        /// Bytes of the message.
        length: usize,
        /// Most bytes.
        limit: usize,
    },
    /// The queue to the network is full; the message was dropped and counted.
    #[error("the queue of the topic {topic} is full: the message was dropped")]
    Overloaded {
        /// The topic.
        topic: Topic,
    },
}

/// The queue of commands to the network is full, or the network has stopped. Try again later.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the network takes no more commands: it is overloaded or has stopped")]
pub struct Overloaded;

/// A sync request has no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RequestError {
    /// The peer is not ready (gone, or not yet there).
    #[error("the peer is not connected")]
    NotConnected,
    /// The peer cannot serve this now; ask another.
    #[error("the peer is busy")]
    Busy,
    /// No complete answer in time.
    #[error("no complete answer in time")]
    Timeout,
    /// The connection ended, or the peer gave up.
    #[error("the connection was lost: {0}")]
    ConnectionLost(String),
    /// The peer does not serve the sync protocol, or gave an answer of a kind that we do not know.
    #[error("the peer does not support this request")]
    Unsupported,
    /// The answer is too long or no protobuf message: the peer's fault, already penalised.
    #[error("malformed answer: {0}")]
    Malformed(String),
    /// Too many requests are under way.
    #[error("too many requests are under way")]
    Overloaded,
}

/// The genesis could not be fetched.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    /// The seed is no Ed25519 key.
    #[error("the node key is not an Ed25519 seed")]
    BadKey,
    /// Nobody answers there.
    #[error("cannot reach {address}: {reason}")]
    Unreachable {
        /// The address that was dialled.
        address: Multiaddr,
        /// What libp2p said.
        reason: String,
    },
    /// Somebody else answers there.
    #[error("{address} is answered by another node, {found}: was the node key replaced?")]
    OtherPeer {
        /// The address that was dialled.
        address: Multiaddr,
        /// Who is there.
        found: PeerId,
    },
    /// What answers there is no Aureon node.
    #[error("{address} does not speak Aureon's hello: is it an Aureon node?")]
    NotAureon {
        /// The address that was dialled.
        address: Multiaddr,
    },
    /// The node's answer is wrong.
    #[error("the answer of {address} is wrong: {reason}")]
    BadAnswer {
        /// The address that was dialled.
        address: Multiaddr,
        /// What is wrong with it.
        reason: String,
    },
    /// No answer in time.
    #[error("no answer from {address} within {} s", timeout.as_secs_f32())]
    Timeout {
        /// The address that was dialled.
        address: Multiaddr,
        /// How long we waited.
        timeout: Duration,
    },
    /// A part of libp2p refused its configuration.
    #[error("cannot set up the network: {0}")]
    Internal(String),
}

impl From<StartError> for FetchError {
    fn from(error: StartError) -> Self {
        match error {
            StartError::BadKey => Self::BadKey,
            other => Self::Internal(other.to_string()),
        }
    }
}

/// Whether an I/O error, or one that it wraps, says that an address is in use.
pub(crate) fn is_address_in_use(error: &(dyn std::error::Error + 'static)) -> bool {
    let mut cause = Some(error);
    while let Some(error) = cause {
        if error
            .downcast_ref::<io::Error>()
            .is_some_and(|error| error.kind() == io::ErrorKind::AddrInUse)
        {
            return true;
        }
        cause = error.source();
    }
    false
}
