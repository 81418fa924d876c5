//! The names of protocols and topics, made from the network hint.

use std::fmt;

use aureon_types::{
    GenesisId,
    limits::{MAX_FRAME_BYTES, MAX_TRANSACTION_BATCH_BYTES},
};
use libp2p::{StreamProtocol, gossipsub::IdentTopic, gossipsub::TopicHash};

/// The protocol in which nodes say who they are. It names no network.
pub(crate) const HELLO: StreamProtocol = StreamProtocol::new("/aureon/hello/1");

/// Largest consensus message. A certificate of 1,000 validators takes about 100 KiB.
pub(crate) const MAX_CONSENSUS_BYTES: usize = 1 << 20;

/// What is gossiped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Topic {
    /// Batches of signed transactions, at most 1 MiB each.
    Transactions,
    /// Proposed blocks, at most 33 MiB each.
    Blocks,
    /// Votes, certificates and evidence, at most 1 MiB each.
    Consensus,
}

impl Topic {
    /// Every topic, in the order of [`Topic::index`].
    pub const ALL: [Self; 3] = [Self::Transactions, Self::Blocks, Self::Consensus];

    /// The word in the topic's name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Transactions => "transactions",
            Self::Blocks => "blocks",
            Self::Consensus => "consensus",
        }
    }

    /// Most bytes of one message. Longer ones are refused when published and dropped when received.
    pub fn max_bytes(self) -> usize {
        match self {
            Self::Transactions => MAX_TRANSACTION_BATCH_BYTES,
            Self::Blocks => MAX_FRAME_BYTES,
            Self::Consensus => MAX_CONSENSUS_BYTES,
        }
    }

    pub(crate) fn index(self) -> usize {
        match self {
            Self::Transactions => 0,
            Self::Blocks => 1,
            Self::Consensus => 2,
        }
    }
}

impl fmt::Display for Topic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The names that carry the network hint.
#[derive(Clone, Debug)]
pub(crate) struct Names {
    pub(crate) sync: StreamProtocol,
    pub(crate) kad: StreamProtocol,
    pub(crate) topics: [IdentTopic; 3],
    hashes: [TopicHash; 3],
}

impl Names {
    /// `None` cannot happen with a network name of hexadecimal digits; libp2p asks nevertheless.
    pub(crate) fn new(genesis: &GenesisId) -> Option<Self> {
        let network = genesis.network_name();
        let protocol =
            |name: &str| StreamProtocol::try_from_owned(format!("/aureon/{network}/{name}/1")).ok();
        let topics = Topic::ALL.map(|topic| IdentTopic::new(format!("/aureon/{network}/{}/1", topic.name())));
        let hashes = Topic::ALL.map(|topic| topics[topic.index()].hash());
        Some(Self {
            sync: protocol("sync")?,
            kad: protocol("kad")?,
            topics,
            hashes,
        })
    }

    pub(crate) fn topic(&self, topic: Topic) -> &TopicHash {
        &self.hashes[topic.index()]
    }

    /// Which of our topics a gossiped message belongs to.
    pub(crate) fn find(&self, hash: &TopicHash) -> Option<Topic> {
        Topic::ALL.into_iter().find(|topic| self.topic(*topic) == hash)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_carry_the_first_eight_bytes_of_the_genesis_id() {
        let mut id = [0xff; 32];
        id[..8].copy_from_slice(&[0, 1, 2, 3, 4, 5, 6, 0xab]);
        let names = Names::new(&GenesisId(id)).unwrap();
        assert_eq!(names.sync.as_ref(), "/aureon/00010203040506ab/sync/1");
        assert_eq!(names.kad.as_ref(), "/aureon/00010203040506ab/kad/1");
        let topics: Vec<_> = Topic::ALL
            .iter()
            .map(|topic| names.topic(*topic).as_str())
            .collect();
        assert_eq!(
            topics,
            [
                "/aureon/00010203040506ab/transactions/1",
                "/aureon/00010203040506ab/blocks/1",
                "/aureon/00010203040506ab/consensus/1"
            ]
        );
        for topic in Topic::ALL {
            assert_eq!(names.find(names.topic(topic)), Some(topic));
            assert_eq!(Topic::ALL[topic.index()], topic);
        }
        assert_eq!(names.find(&IdentTopic::new("/aureon/00/blocks/1").hash()), None);
    }
}
