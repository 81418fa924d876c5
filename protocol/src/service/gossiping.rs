//! Gossip in and out.

use std::time::Instant;

use bytes::Bytes;
use libp2p::{
    PeerId,
    gossipsub::{self, MessageAcceptance, PublishError},
};

use super::Service;
use crate::{
    event::{Event, GossipMessageRef, Verdict},
    names::Topic,
    peers::Input,
    score::Offence,
};

impl Service {
    /// Publishes a message of the node.
    pub(super) fn publish(&mut self, topic: Topic, data: Bytes) {
        let length = data.len();
        let result = self
            .swarm
            .behaviour_mut()
            .gossip
            .publish(self.names.topic(topic).clone(), Vec::from(data));
        let counters = self.counters.topic(topic);
        match result {
            Ok(_) => {
                counters.published.add(1);
                counters.published_bytes.add(length);
            }
            // A lone node, or one whose peers are not there yet: no error.
            Err(PublishError::NoPeersSubscribedToTopic) => counters.unheard.add(1),
            Err(PublishError::Duplicate) => counters.duplicates.add(1),
            Err(PublishError::AllQueuesFull(peers)) => {
                counters.publish_dropped.add(1);
                tracing::debug!(%topic, peers, "no peer takes more gossip: a message was dropped");
            }
            Err(error) => {
                counters.publish_dropped.add(1);
                tracing::warn!(%topic, length, %error, "a message was not published");
            }
        }
    }

    pub(super) fn on_gossip(&mut self, event: gossipsub::Event) {
        match event {
            gossipsub::Event::Message {
                propagation_source,
                message_id,
                message,
            } => {
                self.on_message(propagation_source, message_id, message);
            }
            gossipsub::Event::Subscribed { peer_id, .. } => {
                self.drive(Instant::now(), Input::Subscribed { peer: peer_id });
            }
            gossipsub::Event::SlowPeer {
                peer_id,
                failed_messages,
            } => {
                let dropped = failed_messages
                    .priority
                    .saturating_add(failed_messages.non_priority);
                self.counters.slow_peer_drops.add(dropped);
                tracing::debug!(peer = %peer_id, dropped, "a peer reads too slowly");
            }
            gossipsub::Event::Unsubscribed { .. } | gossipsub::Event::GossipsubNotSupported { .. } => {}
        }
    }

    fn on_message(&mut self, from: PeerId, id: gossipsub::MessageId, message: gossipsub::Message) {
        let Some(topic) = self.names.find(&message.topic) else {
            return;
        };
        let reference = GossipMessageRef { id, from, topic };
        if message.data.len() > topic.max_bytes() {
            self.judge(&reference, Verdict::Reject);
            return;
        }
        let length = message.data.len();
        let data = Bytes::from(message.data);
        let event = Event::Gossip {
            topic,
            from,
            message: reference.clone(),
            data,
        };
        if self.events.gossip(topic).try_send(event).is_ok() {
            self.counters.topic(topic).received.add(1);
            self.counters.topic(topic).received_bytes.add(length);
        } else {
            self.counters.topic(topic).receive_dropped.add(1);
            self.judge(&reference, Verdict::Ignore);
        }
    }

    /// Passes a verdict on to gossipsub, and to the sender's record.
    pub(super) fn judge(&mut self, message: &GossipMessageRef, verdict: Verdict) {
        let acceptance = match verdict {
            Verdict::Accept => MessageAcceptance::Accept,
            Verdict::Reject => MessageAcceptance::Reject,
            Verdict::Ignore => MessageAcceptance::Ignore,
        };
        let gossip = &mut self.swarm.behaviour_mut().gossip;
        // `false`: the verdict came after gossipsub forgot the message.
        gossip.report_message_validation_result(&message.id, &message.from, acceptance);
        if verdict == Verdict::Reject {
            self.counters.topic(message.topic).rejected.add(1);
            self.offend(message.from, Offence::InvalidGossip, message.topic.name());
        }
    }
}
