//! The hooks of attackers, in the simulation: where each is asked, and how what it sends goes on its way.

use std::collections::BTreeSet;

use aureon_protocol::{Topic, message_id};
use bytes::Bytes;

use super::{Event, Simulation};
use crate::attackers::{Act, Attacker, Listener, Scene};

impl Simulation {
    pub(super) fn prepare_attackers(&mut self) {
        for (node, attack) in self.scenario.attackers.clone() {
            let attacker = attack.begin();
            if let Some(skew_ms) = attacker.skew_ms(&mut self.random) {
                self.nodes[node].skew_ms = skew_ms;
            }
            self.nodes[node].honest = self.scenario.sabotage == crate::scenario::Sabotage::Undeclared;
            self.nodes[node].attacker = Some(attacker);
        }
        let reserves = self.scenario.validators..self.scenario.keys();
        self.conspiracy.sold = self.cast.validators[reserves].to_vec();
    }

    /// Asks a node's attacker something; `None` if it has none or does not run.
    pub(super) fn with_attacker<T>(
        &mut self,
        node: usize,
        ask: impl FnOnce(&mut dyn Attacker, &mut Scene<'_>) -> T,
    ) -> Option<T> {
        let mut attacker = self.nodes[node].attacker.take()?;
        let listeners = self.nodes[node].running.as_ref().map(|running| {
            let listener = |peer: &usize| Listener {
                node: *peer,
                accomplice: self.nodes[*peer].attacker.is_some(),
            };
            running.peers.keys().map(listener).collect()
        });
        let this = &self.nodes[node];
        let told = this.running.as_ref().zip(listeners).map(|(running, listeners)| {
            let mut scene = Scene {
                key: this.key.as_ref().unwrap_or(&self.cast.pauper),
                genesis_id: self.cast.chain.genesis_id,
                running,
                listeners,
                random: &mut self.random,
                conspiracy: &mut self.conspiracy,
            };
            ask(attacker.as_mut(), &mut scene)
        });
        self.nodes[node].attacker = Some(attacker);
        told
    }

    /// Whether its attacker keeps a node from hearing and saying anything.
    pub(super) fn is_silent(&self, node: usize) -> bool {
        let node = &self.nodes[node];
        let attacker = node.attacker.as_ref().zip(node.running.as_ref());
        attacker.is_some_and(|(attacker, running)| attacker.is_silent(running))
    }

    /// An attacker hears what its node hears.
    pub(super) fn overhear(&mut self, node: usize, topic: Topic, data: &Bytes) {
        let acts = self.with_attacker(node, |attacker, scene| attacker.heard(scene, topic, data));
        self.perform_acts(node, acts.unwrap_or_default());
    }

    /// Publishes what a node has made or signed, or what its attacker makes of that.
    pub(super) fn release(&mut self, node: usize, topic: Topic, data: Bytes) {
        let acts = self.with_attacker(node, |attacker, scene| {
            attacker.publish(scene, topic, data.clone())
        });
        match acts {
            Some(acts) => self.perform_acts(node, acts),
            None => self.publish(node, topic, data),
        }
    }

    /// Whether a node passes on what `from` told it. Its attacker may send something before.
    pub(super) fn passes_on(&mut self, node: usize, from: usize, topic: Topic, data: &Bytes) -> bool {
        let accomplice = self.nodes[from].attacker.is_some();
        let acts = self.with_attacker(node, |attacker, scene| {
            attacker
                .passes_on(accomplice)
                .then(|| attacker.before_passing_on(scene, topic, data))
        });
        match acts {
            Some(Some(acts)) => self.perform_acts(node, acts),
            Some(None) => return false,
            None => {}
        }
        true
    }

    pub(super) fn attack(&mut self, node: usize) {
        let acts = self.with_attacker(node, |attacker, scene| attacker.turn(scene));
        self.perform_acts(node, acts.unwrap_or_default());
        self.next_turn(node);
    }

    pub(super) fn next_turn(&mut self, node: usize) {
        let turns = self.nodes[node]
            .attacker
            .as_ref()
            .and_then(|attacker| attacker.turns());
        if let Some(after) = turns {
            let after = self.random.between(after / 2, after + after / 2);
            self.schedule_own(after, node, Event::Attack);
        }
    }

    /// What is sent again is swallowed, as gossip does; but one message may go to many.
    fn perform_acts(&mut self, node: usize, acts: Vec<Act>) {
        let (mut fresh, mut stale) = (BTreeSet::new(), BTreeSet::new());
        for act in acts {
            match act {
                Act::Publish(topic, data) => {
                    self.check_signed(node, topic, &data);
                    self.publish(node, topic, data);
                }
                Act::Send {
                    to,
                    after,
                    topic,
                    data,
                } => {
                    let id = message_id(topic.name(), &data);
                    if !fresh.contains(&id) && !stale.contains(&id) {
                        self.check_signed(node, topic, &data);
                        self.trace.record(self.now, node, "send", &id);
                        let new = self.mark_seen(node, topic, &data);
                        if new {
                            fresh.insert(id)
                        } else {
                            stale.insert(id)
                        };
                    }
                    if fresh.contains(&id) {
                        self.send_gossip(node, to, after, topic, data);
                    }
                }
            }
        }
    }
}
