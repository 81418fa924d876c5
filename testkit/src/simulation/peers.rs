//! Who is connected to whom, and what peers tell of their heads: on connecting, after a commit at most
//! once a second, and every five seconds.

use aureon_node::core::Input;
use aureon_protocol::{Offence, PeerId, RequestError, Status};

use super::{Event, Simulation};
use crate::scenario::{MILLISECOND, Micros, SECOND};

/// How often a head is told that did not change.
const REPEAT: Micros = 5 * SECOND;
/// A head is told at most so often.
const AT_MOST: Micros = SECOND;
/// How often it is looked whether a head is to be told.
const LOOK: Micros = 250 * MILLISECOND;

impl Simulation {
    /// Whether the network is cut between two nodes.
    pub(super) fn is_cut(&self, a: usize, b: usize) -> bool {
        let apart = self.scenario.apart.contains(&(a.min(b), a.max(b)));
        apart
            || self.is_silent(a)
            || self.is_silent(b)
            || self
                .sides
                .as_ref()
                .is_some_and(|sides| sides.get(a) != sides.get(b))
    }

    /// Two nodes meet, if both are there.
    pub(super) fn connect(&mut self, a: usize, b: usize) {
        if a == b || self.is_cut(a, b) || self.running(a).is_none() || self.running(b).is_none() {
            return;
        }
        for (node, peer) in [(a, b), (b, a)] {
            let life = self.nodes[peer].life;
            let known = self
                .running(node)
                .and_then(|running| running.peers.get(&peer).copied());
            match known {
                Some(known) if known == life => continue,
                Some(stale) => self.lose(node, peer, stale),
                None => {}
            }
            let Some(status) = self.running(peer).map(|running| running.status) else {
                return;
            };
            let name = self.nodes[peer].peer;
            let Some(running) = self.running(node) else { return };
            running.peers.insert(peer, life);
            self.tell(node, Input::PeerReady { peer: name, status });
        }
    }

    /// A connection turns out to be dead, unless it is another by now or the cut is over.
    pub(super) fn lose(&mut self, node: usize, peer: usize, life: u32) {
        let alive =
            self.nodes[peer].life == life && self.nodes[peer].running.is_some() && !self.is_cut(node, peer);
        let name = self.nodes[peer].peer;
        let Some(running) = self.running(node) else { return };
        if alive || running.peers.get(&peer) != Some(&life) {
            return;
        }
        running.peers.remove(&peer);
        let asked = running.requests.iter().filter(|(_, asked)| **asked == peer);
        let asked: Vec<_> = asked.map(|(token, _)| *token).collect();
        self.tell(node, Input::PeerGone { peer: name });
        for token in asked {
            self.on_no_answer(
                node,
                token,
                RequestError::ConnectionLost("the peer is gone".to_owned()),
            );
        }
    }

    pub(super) fn set_status(&mut self, node: usize, status: Status) {
        self.announce(node, status);
        let told = self.with_attacker(node, |attacker, scene| attacker.status(scene, status));
        let status = told.unwrap_or(status);
        if let Some(running) = self.running(node) {
            running.status = status;
        }
        self.tell_if_due(node);
    }

    pub(super) fn tell_status(&mut self, node: usize) {
        self.tell_if_due(node);
        self.schedule_own(LOOK, node, Event::TellStatus);
    }

    fn tell_if_due(&mut self, node: usize) {
        let now = self.now;
        let Some(running) = self.running(node) else { return };
        let status = running.status;
        let due = running.told.is_none_or(|(at, told)| {
            let passed = now.saturating_sub(at);
            passed >= REPEAT || (told != status && passed >= AT_MOST)
        });
        if !due {
            return;
        }
        running.told = Some((now, status));
        let peers: Vec<usize> = running.peers.keys().copied().collect();
        for peer in peers {
            if self.arrives(node, peer) {
                let after = self.delay();
                self.schedule(after, peer, Event::PeerStatus { from: node, status });
            }
        }
    }

    pub(super) fn on_status(&mut self, node: usize, from: usize, status: Status) {
        let peer = self.nodes[from].peer;
        let ready = self
            .running(node)
            .is_some_and(|running| running.peers.contains_key(&from));
        if ready && !self.is_cut(node, from) {
            self.tell(node, Input::PeerStatus { peer, status });
        }
    }

    pub(super) fn on_penalty(&mut self, node: usize, peer: &PeerId, offence: Offence, reason: &str) {
        self.trace.record(self.now, node, "penalty", reason.as_bytes());
        let innocent = self
            .node_of_peer(peer)
            .is_some_and(|peer| self.nodes[peer].honest);
        self.report.penalties += u64::from(!innocent && self.nodes[node].honest);
        // To be slow is no crime, and the network of this simulation is slow at times.
        if innocent && self.nodes[node].honest && offence != Offence::Unresponsive {
            self.violate(format!(
                "node {node} blamed honest {peer} of {offence:?}: {reason}"
            ));
        }
    }
}
