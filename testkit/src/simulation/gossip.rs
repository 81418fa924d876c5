//! Gossip as gossipsub does it among few nodes: who publishes sends to every peer; who gets something
//! new passes it on to every other peer once the core has accepted it; what was seen within a minute is
//! swallowed, also when it is published again.

use aureon_node::core::{GossipToken, Input};
use aureon_protocol::{Topic, Verdict, message_id};
use bytes::Bytes;

use super::{Event, Simulation};
use crate::{
    node::Held,
    scenario::{Micros, SECOND},
};

/// How long gossip remembers what it has seen.
const DUPLICATES: Micros = 60 * SECOND;
/// How long it keeps a message that waits for its verdict.
const HISTORY: Micros = 5 * SECOND;

impl Simulation {
    /// Notes that a node knows a message. False if it did before.
    pub(super) fn mark_seen(&mut self, node: usize, topic: Topic, data: &[u8]) -> bool {
        let now = self.now;
        let Some(running) = self.running(node) else {
            return false;
        };
        running
            .seen
            .retain(|_, since| now.saturating_sub(*since) < DUPLICATES);
        running.seen.insert(message_id(topic.name(), data), now).is_none()
    }

    pub(super) fn publish(&mut self, node: usize, topic: Topic, data: Bytes) {
        let content = message_id(topic.name(), &data);
        self.trace.record(self.now, node, "publish", &content);
        if self.mark_seen(node, topic, &data) {
            self.send_to_peers(node, None, topic, &data);
        }
    }

    fn send_to_peers(&mut self, node: usize, except: Option<usize>, topic: Topic, data: &Bytes) {
        let Some(running) = self.running(node) else { return };
        let peers: Vec<usize> = running
            .peers
            .keys()
            .copied()
            .filter(|peer| Some(*peer) != except)
            .collect();
        for peer in peers {
            self.send_gossip(node, peer, 0, topic, data.clone());
        }
    }

    /// Puts a message on a link, when so much time has passed.
    pub(super) fn send_gossip(&mut self, node: usize, peer: usize, later: Micros, topic: Topic, data: Bytes) {
        if !self.arrives(node, peer) {
            return;
        }
        if !self.healed && self.random.percent(self.scenario.duplicate_percent) {
            let again = later.saturating_add(self.delay());
            self.schedule(
                again,
                peer,
                Event::Gossip {
                    from: node,
                    topic,
                    data: data.clone(),
                },
            );
        }
        let after = later.saturating_add(self.delay());
        self.schedule(
            after,
            peer,
            Event::Gossip {
                from: node,
                topic,
                data,
            },
        );
    }

    /// Draws whether something that is sent now comes through.
    pub(super) fn arrives(&mut self, from: usize, to: usize) -> bool {
        let lost = !self.healed && self.random.percent(self.scenario.loss_percent);
        if lost || self.is_cut(from, to) {
            self.report.lost += 1;
            return false;
        }
        true
    }

    /// Draws the time that something takes on a link.
    pub(super) fn delay(&mut self) -> Micros {
        let (low, high) = self.scenario.delay;
        self.random.between(low, high)
    }

    pub(super) fn on_gossip(&mut self, node: usize, from: usize, topic: Topic, data: Bytes) {
        let now = self.now;
        let heard = self
            .running(node)
            .is_some_and(|running| running.peers.contains_key(&from));
        if !heard || self.is_cut(from, node) || !self.mark_seen(node, topic, &data) {
            return;
        }
        self.report.delivered += 1;
        self.overhear(node, topic, &data);
        let peer = self.nodes[from].peer;
        let Some(running) = self.running(node) else { return };
        let message = GossipToken(running.token());
        running
            .gossip
            .retain(|_, held| now.saturating_sub(held.since) < HISTORY);
        running.gossip.insert(
            message,
            Held {
                topic,
                data: data.clone(),
                from,
                since: now,
            },
        );
        self.tell(
            node,
            Input::Gossip {
                topic,
                from: peer,
                message,
                data,
            },
        );
    }

    pub(super) fn on_verdict(&mut self, node: usize, message: GossipToken, verdict: Verdict) {
        let now = self.now;
        self.trace.record(
            now,
            node,
            "verdict",
            format!("{message:?} {verdict:?}").as_bytes(),
        );
        let Some(held) = self
            .running(node)
            .and_then(|running| running.gossip.remove(&message))
        else {
            return;
        };
        let Held {
            topic,
            data,
            from,
            since,
        } = held;
        if verdict == Verdict::Reject && self.nodes[node].honest && self.nodes[from].honest {
            self.violate(format!(
                "node {node} rejected gossip on {topic} that honest node {from} passed on"
            ));
        }
        if verdict == Verdict::Accept {
            self.note_accepted(node, topic, &data);
        }
        if verdict == Verdict::Accept
            && now.saturating_sub(since) < HISTORY
            && self.passes_on(node, from, topic, &data)
        {
            self.send_to_peers(node, Some(from), topic, &data);
        }
    }
}
