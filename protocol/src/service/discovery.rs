//! Finding peers: mDNS, identify, Kademlia, redials.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Instant,
};

use libp2p::{
    Multiaddr, PeerId, identify, mdns,
    multiaddr::Protocol,
    swarm::dial_opts::{DialOpts, PeerCondition},
};

use super::Service;
use crate::addresses::{believable, is_dialable, is_loopback, split_peer};

/// Different peers that must see us at an address before it is told to others.
const WITNESSES: usize = 2;
/// Most addresses that are watched. When full, further ones are ignored.
const MAX_SEEN: usize = 32;
/// Most listen addresses of one peer that are looked at.
const MAX_CLAIMED: usize = 16;

/// Addresses under which peers say they see us.
#[derive(Debug, Default)]
pub(super) struct External {
    seen: BTreeMap<Multiaddr, BTreeSet<PeerId>>,
}

impl External {
    /// Notes what a peer saw. `true`: the address is confirmed just now.
    fn note(&mut self, peer: PeerId, address: Multiaddr) -> bool {
        if self.seen.len() >= MAX_SEEN && !self.seen.contains_key(&address) {
            return false;
        }
        let witnesses = self.seen.entry(address).or_default();
        witnesses.len() < WITNESSES && witnesses.insert(peer) && witnesses.len() == WITNESSES
    }

    /// The addresses with enough witnesses.
    pub(super) fn confirmed(&self) -> impl Iterator<Item = &Multiaddr> {
        self.seen
            .iter()
            .filter(|(_, witnesses)| witnesses.len() >= WITNESSES)
            .map(|(address, _)| address)
    }
}

impl Service {
    /// Peers of the local network. They are dialled, no more: what they are, the hello tells. That a
    /// record expired says nothing about a connection.
    pub(super) fn on_mdns(&mut self, event: mdns::Event) {
        let mdns::Event::Discovered(found) = event else {
            return;
        };
        let mut claimed: BTreeMap<PeerId, Vec<Multiaddr>> = BTreeMap::new();
        for (peer, address) in found {
            claimed.entry(peer).or_default().push(address);
        }
        let now = Instant::now();
        for (peer, addresses) in claimed {
            // mDNS tells loopback addresses too, also to other machines. They count only for a node that
            // has no other: it can but be on this machine.
            let real = believable(addresses.clone(), false);
            let addresses = if real.is_empty() {
                believable(addresses, true)
            } else {
                real
            };
            self.book.hear(now, peer, addresses, false);
        }
    }

    /// Who the peer is and where it listens. Identify does not feed Kademlia by itself. Only a peer that
    /// said a good hello enters the routing table.
    pub(super) fn on_identify(&mut self, event: identify::Event) {
        let identify::Event::Received {
            peer_id: peer,
            mut info,
            ..
        } = event
        else {
            return;
        };
        info.listen_addrs.truncate(MAX_CLAIMED);
        let Some(known) = self.peers.get(&peer) else {
            return;
        };
        let nearby = known
            .endpoint()
            .is_some_and(|(address, _)| self.is_this_machine(address));
        let addresses = believable(info.listen_addrs, nearby);
        self.book.hear(Instant::now(), peer, addresses.clone(), true);
        if self.peers.is_ready(&peer) {
            self.book.proven(&peer);
            self.route(peer, addresses);
        }
        let observed = split_peer(&info.observed_addr).0;
        if self.peers.is_ready(&peer)
            && is_dialable(&observed)
            && !is_loopback(&observed)
            && self.is_own_port(&observed)
            && self.external.note(peer, observed)
        {
            self.advertise();
        }
    }

    /// The peer said a good hello: it is redialled from now on, and others may find it through us.
    pub(super) fn on_proven(&mut self, now: Instant, peer: PeerId) {
        if let Some((address, crate::snapshot::Direction::Outbound)) =
            self.peers.get(&peer).and_then(|known| known.endpoint())
        {
            let address = address.clone();
            self.book.hear(now, peer, vec![address], true);
        }
        self.book.proven(&peer);
        let addresses = self.book.addresses(&peer);
        self.route(peer, addresses);
    }

    fn route(&mut self, peer: PeerId, addresses: Vec<Multiaddr>) {
        for address in addresses {
            self.swarm.behaviour_mut().kad.add_address(&peer, address);
        }
    }

    /// Dials whoever is due.
    pub(super) fn dial_due(&mut self, now: Instant) {
        for dial in self.book.due(now, self.peers.len(), self.limits.target_peers) {
            self.dial_peer(dial.peer, dial.addresses);
        }
    }

    /// A new port for each dial: two nodes that dial each other from their listening ports at the same
    /// moment would open one TCP connection in which both are the dialler.
    fn dial_peer(&mut self, peer: PeerId, addresses: Vec<Multiaddr>) {
        if self.scores.is_banned(&peer) {
            self.book.failed(Instant::now(), &peer);
            return;
        }
        let options = DialOpts::peer_id(peer)
            .condition(PeerCondition::DisconnectedAndNotDialing)
            .addresses(addresses)
            .allocate_new_port()
            .build();
        if let Err(error) = self.swarm.dial(options) {
            tracing::debug!(%peer, %error, "not dialled");
            self.book.failed(Instant::now(), &peer);
        }
    }

    /// A dial that the node asks for.
    pub(super) fn dial_address(&mut self, address: Multiaddr) {
        let now = Instant::now();
        if let (bare, Some(peer)) = split_peer(&address) {
            self.book.add_bootstrap(now, peer, bare);
            if self.swarm.is_connected(&peer) {
                self.book.connected(&peer);
            }
            self.dial_due(now);
        } else if let Err(error) = self.swarm.dial(address.clone()) {
            tracing::debug!(%address, %error, "not dialled");
        }
    }

    /// Whether the other end of a connection is a process of this machine.
    fn is_this_machine(&self, remote: &Multiaddr) -> bool {
        let host = remote.iter().next();
        is_loopback(remote) || self.swarm.listeners().any(|own| own.iter().next() == host)
    }

    /// Whether the observed address has a port that we listen on. Outgoing connections use others.
    fn is_own_port(&self, observed: &Multiaddr) -> bool {
        let port = |address: &Multiaddr| {
            address
                .iter()
                .find(|part| matches!(part, Protocol::Tcp(_) | Protocol::Udp(_)))
                .map(|part| part.acquire())
        };
        let observed = port(observed);
        self.swarm.listeners().any(|own| port(own) == observed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_external_address_needs_two_witnesses_and_is_confirmed_once() {
        let address: Multiaddr = "/ip4/203.0.113.7/tcp/6000".parse().unwrap();
        let (one, two, three) = (PeerId::random(), PeerId::random(), PeerId::random());
        let mut external = External::default();
        assert!(!external.note(one, address.clone()));
        assert!(!external.note(one, address.clone()), "the same witness again");
        assert_eq!(external.confirmed().count(), 0);
        assert!(external.note(two, address.clone()));
        assert!(!external.note(three, address.clone()));
        assert_eq!(external.confirmed().collect::<Vec<_>>(), [&address]);
    }

    #[test]
    fn liars_cannot_fill_the_memory() {
        let mut external = External::default();
        for port in 1..=1_000 {
            external.note(
                PeerId::random(),
                format!("/ip4/10.0.0.1/tcp/{port}").parse().unwrap(),
            );
        }
        assert_eq!(external.seen.len(), MAX_SEEN);
    }
}
