//! Carrying out what the pure machines decide; bans; the snapshot.

use std::{sync::Arc, time::Instant};

use libp2p::PeerId;

use super::{Service, listening};
use crate::{
    peers::{Effect, Input},
    score::Offence,
    snapshot::{BanInfo, NetworkSnapshot, PeerInfo},
};

/// Demerits of a clean record and of a ban, as a score that falls.
const FULL_SCORE: u32 = 100;

impl Service {
    /// Feeds the peer machine and does what it says.
    pub(super) fn drive(&mut self, now: Instant, input: Input) {
        let mut effects = Vec::new();
        self.peers.handle(now, input, &mut effects);
        for effect in effects {
            self.perform(now, effect);
        }
    }

    fn perform(&mut self, now: Instant, effect: Effect) {
        match effect {
            Effect::SayHello(peer) => self.say_hello(&peer),
            Effect::Disconnect { peer, reason } => self.disconnect(peer, reason),
            Effect::MuteGossip(peer) => self.swarm.behaviour_mut().gossip.blacklist_peer(&peer),
            Effect::HearGossip(peer) => self.swarm.behaviour_mut().gossip.remove_blacklisted_peer(&peer),
            Effect::Proven(peer) => self.on_proven(now, peer),
            Effect::Gone(peer) => {
                self.book.disconnected(now, &peer);
            }
            Effect::Park { peer, length } => {
                self.book.park(now, &peer, length);
                self.swarm.behaviour_mut().kad.remove_peer(&peer);
            }
            Effect::Offence {
                peer,
                offence,
                detail,
            } => self.offend(peer, offence, &detail),
            Effect::Emit(event) => {
                self.emit(event);
            }
        }
    }

    pub(super) fn disconnect(&mut self, peer: PeerId, reason: &str) {
        tracing::debug!(%peer, reason, "disconnecting a peer");
        // An error means that it is gone already.
        let _ = self.swarm.disconnect_peer_id(peer);
    }

    /// Lowers a peer's score, and bans it when that is the last straw.
    pub(super) fn offend(&mut self, peer: PeerId, offence: Offence, detail: &str) {
        tracing::debug!(%peer, reason = offence.reason(), detail, "a peer did wrong");
        if let Some(length) = self.scores.offend(Instant::now(), peer, offence) {
            tracing::warn!(%peer, reason = offence.reason(), detail, seconds = length.as_secs(),
                "a peer is banned");
            self.swarm.behaviour_mut().blocked.block_peer(peer);
        }
    }

    pub(super) fn end_bans(&mut self, now: Instant) {
        for peer in self.scores.expire(now) {
            tracing::info!(%peer, "the ban of a peer is over");
        }
        let blocked = &mut self.swarm.behaviour_mut().blocked;
        // Also those whose record was forgotten to make room.
        let free: Vec<PeerId> = blocked
            .blocked_peers()
            .iter()
            .filter(|peer| !self.scores.is_banned(peer))
            .copied()
            .collect();
        for peer in free {
            blocked.unblock_peer(peer);
        }
    }

    pub(super) fn publish_snapshot(&mut self, now: Instant) {
        let peers: Vec<PeerInfo> = self
            .peers
            .ready()
            .filter_map(|(peer, _)| self.peer_info(now, peer))
            .collect();
        let bans = self.scores.bans().map(|(peer, until, offence)| BanInfo {
            peer,
            remaining: until.saturating_duration_since(now),
            reason: offence.reason(),
        });
        let snapshot = NetworkSnapshot {
            local_peer: *self.swarm.local_peer_id(),
            listen: listening::full_addresses(&self.swarm),
            external: self.swarm.external_addresses().cloned().collect(),
            strangers: self.peers.len().saturating_sub(peers.len()),
            peers,
            traffic: self.counters.read(),
            bans: bans.collect(),
        };
        self.mailbox.snapshot.send_replace(Arc::new(snapshot));
    }

    fn peer_info(&self, now: Instant, peer: &PeerId) -> Option<PeerInfo> {
        let known = self.peers.get(peer)?;
        let (address, direction) = known.endpoint()?;
        Some(PeerInfo {
            peer: *peer,
            address: address.clone(),
            direction,
            agent: known.agent.clone(),
            status: known.status,
            score: FULL_SCORE.saturating_sub(self.scores.demerits(now, peer)),
            round_trip: known.round_trip,
            connections: known.connections(),
        })
    }
}
