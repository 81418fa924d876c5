//! What can be seen of the network at any time, without asking its task.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use libp2p::{Multiaddr, PeerId};

use crate::{config::Status, names::Topic};

/// The network at one moment, refreshed at most every 250 ms.
#[derive(Clone, Debug)]
pub struct NetworkSnapshot {
    /// This node.
    pub local_peer: PeerId,
    /// Where this node listens, each with `/p2p/<peer id>`.
    pub listen: Vec<Multiaddr>,
    /// The addresses under which others say they see this node.
    pub external: Vec<Multiaddr>,
    /// The ready peers, ordered by peer id.
    pub peers: Vec<PeerInfo>,
    /// Peers that are connected and have not (yet) said a good hello.
    pub strangers: usize,
    /// What has passed since the start.
    pub traffic: Traffic,
    /// The peers that are banned now.
    pub bans: Vec<BanInfo>,
}

/// A ready peer.
#[derive(Clone, Debug)]
pub struct PeerInfo {
    /// Who.
    pub peer: PeerId,
    /// The other end of its oldest connection.
    pub address: Multiaddr,
    /// Who opened that connection.
    pub direction: Direction,
    /// Its software.
    pub agent: String,
    /// The head that it told last.
    pub status: Status,
    /// 100 for a clean record; at 0 it is banned.
    pub score: u32,
    /// The last round trip, once measured.
    pub round_trip: Option<Duration>,
    /// Its connections; two where two dials crossed.
    pub connections: usize,
}

/// Who opened a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// The peer dialled us.
    Inbound,
    /// We dialled the peer.
    Outbound,
}

/// A banned peer.
#[derive(Clone, Debug)]
pub struct BanInfo {
    /// Who.
    pub peer: PeerId,
    /// How long the ban lasts yet.
    pub remaining: Duration,
    /// What it did last.
    pub reason: &'static str,
}

/// What has passed since the start.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Traffic {
    /// By topic, in the order of [`Topic::ALL`].
    pub topics: [TopicCounters; 3],
    /// Sync requests made.
    pub requests_sent: u64,
    /// Sync requests received.
    pub requests_received: u64,
    /// Sync requests of peers that were answered `Busy` by this crate.
    pub requests_refused: u64,
    /// Commands of the node (verdicts, answers) that found the queue full and were dropped.
    pub commands_dropped: u64,
    /// Gossip that peers did not read in time and that was dropped for them.
    pub slow_peer_drops: u64,
}

impl Traffic {
    /// The counters of one topic.
    pub fn topic(&self, topic: Topic) -> &TopicCounters {
        &self.topics[topic.index()]
    }
}

/// Gossip of one topic since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TopicCounters {
    /// New messages received and handed to the node.
    pub received: u64,
    /// Their bytes.
    pub received_bytes: u64,
    /// Messages published to at least one peer.
    pub published: u64,
    /// Their bytes.
    pub published_bytes: u64,
    /// Messages published while no peer was there to take them. No error.
    pub unheard: u64,
    /// Messages published again within a minute without a change, and so not sent.
    pub duplicates: u64,
    /// Messages of ours that were dropped because a queue was full.
    pub publish_dropped: u64,
    /// Received messages that were dropped because the node did not keep up.
    pub receive_dropped: u64,
    /// Messages that the node rejected.
    pub rejected: u64,
}

/// The live counters, shared by the task and its clients.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    topics: [TopicAtomics; 3],
    pub(crate) requests_sent: Counter,
    pub(crate) requests_received: Counter,
    pub(crate) requests_refused: Counter,
    pub(crate) commands_dropped: Counter,
    pub(crate) slow_peer_drops: Counter,
}

#[derive(Debug, Default)]
pub(crate) struct TopicAtomics {
    pub(crate) received: Counter,
    pub(crate) received_bytes: Counter,
    pub(crate) published: Counter,
    pub(crate) published_bytes: Counter,
    pub(crate) unheard: Counter,
    pub(crate) duplicates: Counter,
    pub(crate) publish_dropped: Counter,
    pub(crate) receive_dropped: Counter,
    pub(crate) rejected: Counter,
}

/// A number that only grows.
#[derive(Debug, Default)]
pub(crate) struct Counter(AtomicU64);

impl Counter {
    pub(crate) fn add(&self, n: usize) {
        self.0
            .fetch_add(u64::try_from(n).unwrap_or(u64::MAX), Ordering::Relaxed);
    }

    fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

impl Counters {
    pub(crate) fn topic(&self, topic: Topic) -> &TopicAtomics {
        &self.topics[topic.index()]
    }

    pub(crate) fn read(&self) -> Traffic {
        Traffic {
            topics: Topic::ALL.map(|topic| self.topic(topic).read()),
            requests_sent: self.requests_sent.get(),
            requests_received: self.requests_received.get(),
            requests_refused: self.requests_refused.get(),
            commands_dropped: self.commands_dropped.get(),
            slow_peer_drops: self.slow_peer_drops.get(),
        }
    }
}

impl TopicAtomics {
    fn read(&self) -> TopicCounters {
        TopicCounters {
            received: self.received.get(),
            received_bytes: self.received_bytes.get(),
            published: self.published.get(),
            published_bytes: self.published_bytes.get(),
            unheard: self.unheard.get(),
            duplicates: self.duplicates.get(),
            publish_dropped: self.publish_dropped.get(),
            receive_dropped: self.receive_dropped.get(),
            rejected: self.rejected.get(),
        }
    }
}
