//! How gossipsub is set up.
//!
//! *Content authenticates itself.* Messages are published without author, sequence number or signature,
//! and these are ignored where others send them. So the message id is made from the content, and the
//! same content is the same message, whoever sends it.
//!
//! *Verdicts.* A message is forwarded only after the node accepted it. Gossipsub forgets a message after
//! [`HISTORY`] heartbeats; a verdict later than that forwards nothing.

use std::time::Duration;

use libp2p::gossipsub::{
    Behaviour, Config, ConfigBuilder, IdentityTransform, Message, MessageAuthenticity, MessageId, TopicHash,
    ValidationMode, WhitelistSubscriptionFilter,
};

use crate::{
    error::StartError,
    names::{Names, Topic},
};

/// Heartbeat: meshes are mended, and messages of the last [`HISTORY`] heartbeats are told of.
const HEARTBEAT: Duration = Duration::from_secs(1);
/// Heartbeats for which a message is kept to be forwarded or asked for.
const HISTORY: usize = 5;
/// How long an id is remembered as a duplicate. The same content again within this time is no new
/// message, which is why content that is announced again carries an attempt number.
const DUPLICATES: Duration = Duration::from_secs(60);
/// Messages that may wait for one peer. When full, or when a message waited too long, it is dropped for
/// that peer and counted; a peer that reads nothing at all fails its ping and is closed, which frees
/// its queue.
const QUEUE: usize = 256;
/// How long a published message may wait for a slow peer.
const PUBLISH_PATIENCE: Duration = Duration::from_secs(5);
/// How long a forwarded message may wait for a slow peer.
const FORWARD_PATIENCE: Duration = Duration::from_secs(2);
/// What surrounds a message's data: topic, field tags, lengths.
const ENVELOPE: usize = 1 << 10;
/// The decoder checks its whole read buffer, which may already hold the start of the next message.
const READ_AHEAD: usize = 64 << 10;
/// Most ids in one control message, and room for them: gossipsub's own defaults (5,000 ids, 16 KiB)
/// contradict each other for ids of 32 bytes, and a peer would drop our stream.
const CONTROL_IDS: usize = 4_000;
const CONTROL_BYTES: usize = 256 << 10;
/// Most messages packed into one RPC.
const MESSAGES_PER_RPC: usize = 500;

/// The gossip behaviour of this crate.
pub(crate) type Gossip = Behaviour<IdentityTransform, WhitelistSubscriptionFilter>;

/// The gossip message id: BLAKE3(length of the topic as a big-endian `u64`, topic, data).
pub fn message_id(topic: &str, data: &[u8]) -> [u8; 32] {
    let mut hasher = blake3::Hasher::new();
    // A topic cannot be longer than a `u64` counts.
    hasher.update(&u64::try_from(topic.len()).unwrap_or(u64::MAX).to_be_bytes());
    hasher.update(topic.as_bytes());
    hasher.update(data);
    *hasher.finalize().as_bytes()
}

/// Gossip, subscribed to the three topics of the network. Subscriptions to other topics are not kept.
pub(crate) fn behaviour(names: &Names) -> Result<Gossip, StartError> {
    let topics = Topic::ALL
        .iter()
        .map(|topic| names.topic(*topic).clone())
        .collect();
    let filter = WhitelistSubscriptionFilter(topics);
    let internal =
        |what: &str, error: &dyn std::fmt::Display| StartError::Internal(format!("{what}: {error}"));
    let config = config(names).map_err(|error| internal("gossipsub configuration", &error))?;
    let mut gossip = Behaviour::new_with_subscription_filter(MessageAuthenticity::Anonymous, config, filter)
        .map_err(|error| internal("gossipsub", &error))?;
    for topic in &names.topics {
        gossip
            .subscribe(topic)
            .map_err(|error| internal("gossipsub subscription", &error))?;
    }
    Ok(gossip)
}

/// The mesh is gossipsub's own (6 peers, between 5 and 12): with fewer peers every peer is in it, with
/// 25 each message passes at most three nodes. A node's own messages go to every peer at once.
fn config(names: &Names) -> Result<Config, libp2p::gossipsub::ConfigBuilderError> {
    let mut builder = ConfigBuilder::default();
    builder
        .validation_mode(ValidationMode::None)
        .validate_messages()
        .message_id_fn(|message: &Message| id_of(&message.topic, &message.data))
        .flood_publish(true)
        .heartbeat_interval(HEARTBEAT)
        .heartbeat_initial_delay(HEARTBEAT)
        .history_length(HISTORY)
        .duplicate_cache_time(DUPLICATES)
        .max_transmit_size(Topic::Blocks.max_bytes() + ENVELOPE + READ_AHEAD)
        .max_publish_messages(MESSAGES_PER_RPC)
        .max_control_messages_sent(CONTROL_IDS)
        .max_control_message_size(CONTROL_BYTES)
        .connection_handler_queue_len(QUEUE)
        .publish_queue_duration(PUBLISH_PATIENCE)
        .forward_queue_duration(FORWARD_PATIENCE);
    for topic in Topic::ALL {
        builder.max_transmit_size_for_topic(topic.max_bytes() + ENVELOPE, names.topic(topic).clone());
    }
    builder.build()
}

fn id_of(topic: &TopicHash, data: &[u8]) -> MessageId {
    MessageId::new(&message_id(topic.as_str(), data))
}

#[cfg(test)]
mod tests {
    use aureon_types::GenesisId;

    use super::*;

    #[test]
    fn message_id_vectors() {
        let hex = |topic, data: &[u8]| hex::encode(message_id(topic, data));
        // Computed apart from this code, by a plain implementation of the BLAKE3 paper.
        assert_eq!(
            hex("/aureon/0001020304050607/consensus/1", b"vote"),
            "c7221340407f84ba30659aa2e1c6f7442899f92eed1f3d983c865a22916bca75"
        );
        let bytes: Vec<u8> = (0..200).collect();
        assert_eq!(
            hex("/aureon/0001020304050607/blocks/1", &bytes),
            "c3ee70cc141ec3d14d5a54705d900ffee8486a8863411a94f0bb460b87b07276"
        );
        assert_ne!(
            hex("ab", b"c"),
            hex("a", b"bc"),
            "the length keeps topic and data apart"
        );
    }

    #[test]
    fn gossip_is_configured_for_the_largest_block_and_for_ids_of_32_bytes() {
        let names = Names::new(&GenesisId([1; 32])).unwrap();
        let config = config(&names).unwrap();
        let blocks = names.topic(Topic::Blocks);
        assert!(config.max_transmit_size_for_topic(blocks) > aureon_types::limits::MAX_BLOCK_BYTES);
        assert!(config.max_transmit_size() > config.max_transmit_size_for_topic(blocks));
        // Tag and length before each id of 32 bytes.
        assert!(config.max_control_messages_sent() * 34 + ENVELOPE < config.max_control_message_size());
        assert!(config.validate_messages() && config.flood_publish());
        assert!(behaviour(&names).is_ok());
    }
}
