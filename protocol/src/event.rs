//! What the network tells the node, and in which order.
//!
//! Four bounded queues, read in this order:
//! 1. *Vital*: peers, requests, responses. Nothing is dropped; while the node leaves it full, the network
//!    stops reading from its peers.
//! 2. *Consensus*: votes and certificates. When full, a message is dropped, counted and ignored (not
//!    forwarded); the consensus rebroadcasts.
//! 3. *Blocks*: the same; a lost block is asked for by its id.
//! 4. *Transactions*: the same; transactions are announced again.

use aureon_proto::v1 as proto;
use aureon_types::GenesisId;
use bytes::Bytes;
use libp2p::{Multiaddr, PeerId, gossipsub::MessageId, request_response::ResponseChannel};
use tokio::sync::mpsc;

use crate::{config::Status, error::RequestError, names::Topic};

/// Vital events that may wait for the node.
pub(crate) const VITAL_QUEUE: usize = 256;
/// Votes and certificates that may wait for the node: normally some 200 bytes each.
pub(crate) const CONSENSUS_QUEUE: usize = 1_024;
/// Blocks that may wait for the node, up to 33 MiB each.
pub(crate) const BLOCK_QUEUE: usize = 8;
/// Batches of transactions that may wait for the node, up to 1 MiB each.
pub(crate) const TRANSACTION_QUEUE: usize = 64;

/// What happened on the network.
#[derive(Debug)]
pub enum Event {
    /// A peer of our network is connected and said hello: once per peer, not per connection.
    PeerReady {
        /// Who.
        peer: PeerId,
        /// Its head.
        status: Status,
        /// Its software, one printable line.
        agent: String,
    },
    /// The last connection to a ready peer ended.
    PeerGone {
        /// Who.
        peer: PeerId,
    },
    /// A ready peer told its head: after each of its commits (at most once a second) and every 5 s.
    PeerStatus {
        /// Who.
        peer: PeerId,
        /// Its head.
        status: Status,
    },
    /// A node of another network was met. It is disconnected and not dialled for a minute; reported at
    /// most once a minute for each peer, on both sides.
    GenesisMismatch {
        /// Who.
        peer: PeerId,
        /// Where.
        address: Multiaddr,
        /// The encoding of its genesis, if it was given; it is the document of `genesis_id`.
        genesis: Option<Bytes>,
        /// The id of its genesis.
        genesis_id: GenesisId,
    },
    /// A gossiped message, new to us. It is forwarded only after [`crate::Client::verdict`] accepts it,
    /// within 3 s.
    Gossip {
        /// The topic.
        topic: Topic,
        /// Who sent it to us (not: who made it).
        from: PeerId,
        /// For the verdict.
        message: GossipMessageRef,
        /// The content, at most [`Topic::max_bytes`].
        data: Bytes,
    },
    /// A ready peer asks. Status requests are answered by this crate and do not come here.
    Request {
        /// Who.
        peer: PeerId,
        /// What. Its `request` is present.
        request: proto::SyncRequest,
        /// For [`crate::Client::respond`], within [`crate::Limits::request_timeout`]. Dropping it ends
        /// the exchange with an error on the peer's side.
        channel: ResponseToken,
    },
    /// The outcome of [`crate::Client::request`]: exactly one for each.
    Response {
        /// As returned by [`crate::Client::request`].
        request: RequestId,
        /// Who was asked.
        peer: PeerId,
        /// The answer; its `response` is present and not `Busy`.
        result: Result<proto::SyncResponse, RequestError>,
    },
    /// The node listens on a further address.
    Listening {
        /// With `/p2p/<peer id>`.
        address: Multiaddr,
    },
}

/// Names a gossiped message for its verdict.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GossipMessageRef {
    pub(crate) id: MessageId,
    pub(crate) from: PeerId,
    pub(crate) topic: Topic,
}

impl GossipMessageRef {
    /// The topic of the message.
    pub fn topic(&self) -> Topic {
        self.topic
    }
}

/// What the node makes of a gossiped message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Good: it is forwarded.
    Accept,
    /// Malformed or falsely signed: not forwarded, and the sender is penalised.
    Reject,
    /// Not worth forwarding, without anyone's fault.
    Ignore,
}

/// Names a request that we made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RequestId(pub(crate) u64);

/// The right to answer one request of a peer.
#[derive(Debug)]
pub struct ResponseToken {
    pub(crate) channel: ResponseChannel<proto::SyncResponse>,
}

impl ResponseToken {
    /// Whether the peer still waits.
    pub fn is_open(&self) -> bool {
        self.channel.is_open()
    }
}

/// The receiving end of the network's events.
#[derive(Debug)]
pub struct EventReceiver {
    pub(crate) vital: mpsc::Receiver<Event>,
    pub(crate) consensus: mpsc::Receiver<Event>,
    pub(crate) blocks: mpsc::Receiver<Event>,
    pub(crate) transactions: mpsc::Receiver<Event>,
}

/// The sending ends.
#[derive(Debug)]
pub(crate) struct EventSender {
    pub(crate) vital: mpsc::Sender<Event>,
    pub(crate) consensus: mpsc::Sender<Event>,
    pub(crate) blocks: mpsc::Sender<Event>,
    pub(crate) transactions: mpsc::Sender<Event>,
}

impl EventReceiver {
    /// The next event, vital ones first. `None`: the network has stopped.
    ///
    /// Dropping the future loses nothing.
    pub async fn recv(&mut self) -> Option<Event> {
        tokio::select! {
            biased;
            Some(event) = self.vital.recv() => Some(event),
            Some(event) = self.consensus.recv() => Some(event),
            Some(event) = self.blocks.recv() => Some(event),
            Some(event) = self.transactions.recv() => Some(event),
            else => None,
        }
    }

    /// The next event if there is one now.
    pub fn try_recv(&mut self) -> Option<Event> {
        self.vital
            .try_recv()
            .or_else(|_| self.consensus.try_recv())
            .or_else(|_| self.blocks.try_recv())
            .or_else(|_| self.transactions.try_recv())
            .ok()
    }
}

/// The two ends of the event queues.
pub(crate) fn channels() -> (EventSender, EventReceiver) {
    let (vital, vital_receiver) = mpsc::channel(VITAL_QUEUE);
    let (consensus, consensus_receiver) = mpsc::channel(CONSENSUS_QUEUE);
    let (blocks, blocks_receiver) = mpsc::channel(BLOCK_QUEUE);
    let (transactions, transactions_receiver) = mpsc::channel(TRANSACTION_QUEUE);
    (
        EventSender {
            vital,
            consensus,
            blocks,
            transactions,
        },
        EventReceiver {
            vital: vital_receiver,
            consensus: consensus_receiver,
            blocks: blocks_receiver,
            transactions: transactions_receiver,
        },
    )
}

impl EventSender {
    /// The queue of a topic's gossip.
    pub(crate) fn gossip(&self, topic: Topic) -> &mpsc::Sender<Event> {
        match topic {
            Topic::Transactions => &self.transactions,
            Topic::Blocks => &self.blocks,
            Topic::Consensus => &self.consensus,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gossip(topic: Topic) -> Event {
        let from = PeerId::random();
        let message = GossipMessageRef {
            id: MessageId::new(b"id"),
            from,
            topic,
        };
        Event::Gossip {
            topic,
            from,
            message,
            data: Bytes::new(),
        }
    }

    #[test]
    fn vital_events_come_first_then_consensus_and_transactions_last() {
        let (sender, mut receiver) = channels();
        for topic in [Topic::Transactions, Topic::Blocks, Topic::Consensus] {
            sender.gossip(topic).try_send(gossip(topic)).unwrap();
        }
        sender
            .vital
            .try_send(Event::PeerGone {
                peer: PeerId::random(),
            })
            .unwrap();
        assert!(matches!(receiver.try_recv(), Some(Event::PeerGone { .. })));
        for topic in [Topic::Consensus, Topic::Blocks, Topic::Transactions] {
            let next = futures::executor::block_on(receiver.recv());
            assert!(matches!(next, Some(Event::Gossip { topic: found, .. }) if found == topic));
        }
        assert!(receiver.try_recv().is_none());
        drop(sender);
        assert!(futures::executor::block_on(receiver.recv()).is_none());
    }
}
