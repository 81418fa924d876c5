//! Whom to dial, where, and when.
//!
//! Peers come from the configuration (*bootstrap*) or from what the network says (*heard of*: mDNS,
//! identify, Kademlia). Hearsay is dialled, never trusted. A peer that was ready once is *proven*.
//!
//! - Bootstrap and proven peers are dialled again and again as long as the node lives: after 1 s, then
//!   after twice as long each time up to 30 s, with jitter, so that two sides do not keep dialling at the
//!   same moment.
//! - Peers that were only heard of are dialled while there are few peers, and forgotten after
//!   [`HEARSAY_ATTEMPTS`] failures.
//! - A *parked* peer (another network, or no Aureon node) is left alone for a while, whatever is heard
//!   of it; for twice as long each time.
//!
//! Pure: time comes in, peers to dial come out.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use libp2p::{Multiaddr, PeerId};

/// The first wait after a failure or a lost connection.
const FIRST_WAIT: Duration = Duration::from_secs(1);
/// The longest wait between two dials of a proven or bootstrap peer.
const LONGEST_WAIT: Duration = Duration::from_secs(30);
/// Failed dials after which a peer that was never ready is forgotten.
const HEARSAY_ATTEMPTS: u32 = 8;
/// A peer that is parked again and again is left alone for up to 2^5 times as long.
const PARKING_DOUBLES: u32 = 5;
/// Most peers in the book. When full, hearsay is forgotten first, then the proven peer with the most
/// failures; bootstrap peers stay.
const MAX_PEERS: usize = 1_024;
/// Most addresses of a peer. When full, the oldest that is not from the configuration goes.
const MAX_ADDRESSES: usize = 8;
/// Most dials begun at once; the others wait for the next turn.
const MAX_DIALS: usize = 16;

#[derive(Debug)]
struct Entry {
    /// From the configuration; kept for ever.
    fixed: Vec<Multiaddr>,
    /// Heard, newest last.
    heard: Vec<Multiaddr>,
    proven: bool,
    failures: u32,
    state: State,
}

#[derive(Debug, PartialEq, Eq)]
enum State {
    Waiting { until: Instant },
    Dialling,
    Connected,
}

/// What is known of all peers' addresses.
#[derive(Debug)]
pub(crate) struct AddressBook {
    own: PeerId,
    entries: BTreeMap<PeerId, Entry>,
}

/// One dial to begin.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Dial {
    pub(crate) peer: PeerId,
    pub(crate) addresses: Vec<Multiaddr>,
}

impl AddressBook {
    /// An empty book of the node `own`, which never appears in it.
    pub(crate) fn new(own: PeerId) -> Self {
        Self {
            own,
            entries: BTreeMap::new(),
        }
    }

    /// Adds a peer of the configuration.
    pub(crate) fn add_bootstrap(&mut self, now: Instant, peer: PeerId, address: Multiaddr) {
        if peer == self.own {
            return;
        }
        let entry = self.entries.entry(peer).or_insert_with(|| Entry::new(now));
        entry.heard.retain(|known| *known != address);
        if !entry.fixed.contains(&address) && entry.fixed.len() < MAX_ADDRESSES {
            entry.fixed.push(address);
        }
    }

    /// Notes addresses that were heard of, from others or, if it is connected, from the peer itself.
    pub(crate) fn hear(&mut self, now: Instant, peer: PeerId, addresses: Vec<Multiaddr>, connected: bool) {
        if peer == self.own || addresses.is_empty() {
            return;
        }
        if !self.entries.contains_key(&peer) && !self.make_room() {
            return;
        }
        let entry = self.entries.entry(peer).or_insert_with(|| {
            let state = if connected {
                State::Connected
            } else {
                State::Waiting { until: now }
            };
            Entry {
                state,
                ..Entry::new(now)
            }
        });
        for address in addresses {
            entry.hear(address);
        }
    }

    /// A connection stands: no more dials.
    pub(crate) fn connected(&mut self, peer: &PeerId) {
        if let Some(entry) = self.entries.get_mut(peer) {
            entry.state = State::Connected;
        }
    }

    /// The peer said a good hello.
    pub(crate) fn proven(&mut self, peer: &PeerId) {
        if let Some(entry) = self.entries.get_mut(peer) {
            entry.proven = true;
            entry.failures = 0;
        }
    }

    /// The last connection to the peer ended.
    pub(crate) fn disconnected(&mut self, now: Instant, peer: &PeerId) {
        if let Some(entry) = self.entries.get_mut(peer)
            && entry.state == State::Connected
        {
            let wait = entry.wait(peer);
            // A connection that never became useful counts as a failed dial.
            entry.failures = entry.failures.saturating_add(1);
            entry.state = State::Waiting {
                until: after(now, wait),
            };
        }
    }

    /// A dial failed.
    pub(crate) fn failed(&mut self, now: Instant, peer: &PeerId) {
        let Some(entry) = self.entries.get_mut(peer) else {
            return;
        };
        if entry.state != State::Dialling {
            return;
        }
        entry.failures = entry.failures.saturating_add(1);
        if entry.is_hearsay() && entry.failures >= HEARSAY_ATTEMPTS {
            self.entries.remove(peer);
            return;
        }
        let wait = entry.wait(peer);
        entry.state = State::Waiting {
            until: after(now, wait),
        };
    }

    /// Somebody else answers at this address. Configured addresses stay: the key may come back.
    pub(crate) fn forget_address(&mut self, peer: &PeerId, address: &Multiaddr) {
        if let Some(entry) = self.entries.get_mut(peer) {
            entry.heard.retain(|known| known != address);
        }
    }

    /// Leaves the peer alone for a while: for `length`, doubled each time up to [`PARKING_DOUBLES`] times.
    /// It may still come to us.
    pub(crate) fn park(&mut self, now: Instant, peer: &PeerId, length: Duration) {
        if let Some(entry) = self.entries.get_mut(peer) {
            let until = after(
                now,
                length.saturating_mul(1 << entry.failures.min(PARKING_DOUBLES)),
            );
            entry.proven = false;
            entry.failures = entry.failures.saturating_add(1);
            entry.state = State::Waiting { until };
        }
    }

    /// The peers to dial now; `peers` is the number of those connected. Each counts as being dialled
    /// until [`Self::connected`] or [`Self::failed`].
    pub(crate) fn due(&mut self, now: Instant, peers: usize, target: usize) -> Vec<Dial> {
        let mut dials = Vec::new();
        let dialling = self
            .entries
            .values()
            .filter(|entry| entry.state == State::Dialling)
            .count();
        let mut free = MAX_DIALS.saturating_sub(dialling);
        for (peer, entry) in &mut self.entries {
            let due = matches!(entry.state, State::Waiting { until } if until <= now);
            let wanted = !entry.is_hearsay() || peers.saturating_add(dials.len()) < target;
            if free == 0 || !due || !wanted {
                continue;
            }
            free -= 1;
            entry.state = State::Dialling;
            dials.push(Dial {
                peer: *peer,
                addresses: entry.addresses(),
            });
        }
        dials
    }

    /// Where the peer can be dialled, best first.
    pub(crate) fn addresses(&self, peer: &PeerId) -> Vec<Multiaddr> {
        self.entries.get(peer).map(Entry::addresses).unwrap_or_default()
    }

    /// Whether the peer is in the configuration.
    pub(crate) fn is_bootstrap(&self, peer: &PeerId) -> bool {
        self.entries
            .get(peer)
            .is_some_and(|entry| !entry.fixed.is_empty())
    }

    /// Makes room for one more. `false`: the book is full of better peers.
    fn make_room(&mut self) -> bool {
        if self.entries.len() < MAX_PEERS {
            return true;
        }
        let worst = self
            .entries
            .iter()
            .filter(|(_, entry)| entry.fixed.is_empty() && matches!(entry.state, State::Waiting { .. }))
            .max_by_key(|(_, entry)| (!entry.proven, entry.failures))
            .map(|(peer, _)| *peer);
        worst.is_some_and(|peer| self.entries.remove(&peer).is_some())
    }
}

impl Entry {
    fn new(now: Instant) -> Self {
        let state = State::Waiting { until: now };
        Self {
            fixed: Vec::new(),
            heard: Vec::new(),
            proven: false,
            failures: 0,
            state,
        }
    }

    fn is_hearsay(&self) -> bool {
        !self.proven && self.fixed.is_empty()
    }

    fn hear(&mut self, address: Multiaddr) {
        if self.fixed.contains(&address) {
            return;
        }
        self.heard.retain(|known| *known != address);
        self.heard.push(address);
        while self.fixed.len().saturating_add(self.heard.len()) > MAX_ADDRESSES {
            self.heard.remove(0);
        }
    }

    fn addresses(&self) -> Vec<Multiaddr> {
        self.fixed
            .iter()
            .chain(self.heard.iter().rev())
            .cloned()
            .collect()
    }

    /// The wait before the next dial: between three quarters and the whole of the doubled wait. The
    /// jitter is made from peer and attempt, so that it needs no random numbers and differs by pair.
    fn wait(&self, peer: &PeerId) -> Duration {
        let full = FIRST_WAIT
            .saturating_mul(1 << self.failures.min(5))
            .min(LONGEST_WAIT);
        let mut hasher = blake3::Hasher::new();
        hasher
            .update(&peer.to_bytes())
            .update(&self.failures.to_be_bytes());
        let jitter = u32::from(hasher.finalize().as_bytes()[0]);
        full.saturating_sub(full.saturating_mul(jitter) / (4 * 256))
    }
}

fn after(now: Instant, wait: Duration) -> Instant {
    now.checked_add(wait).unwrap_or(now)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TARGET: usize = 10;

    fn address(port: u16) -> Multiaddr {
        format!("/ip4/10.0.0.1/tcp/{port}").parse().unwrap()
    }

    fn seconds(n: u64) -> Duration {
        Duration::from_secs(n)
    }

    fn book() -> (AddressBook, Instant, PeerId) {
        (
            AddressBook::new(PeerId::random()),
            Instant::now(),
            PeerId::random(),
        )
    }

    /// Lets every dial fail for `length` and returns when dials happened, in seconds.
    fn dials_while_dead(book: &mut AddressBook, start: Instant, length: u64) -> Vec<u64> {
        let mut times = Vec::new();
        for second in 0..length {
            let now = start + seconds(second);
            for dial in book.due(now, 0, TARGET) {
                times.push(second);
                book.failed(now, &dial.peer);
            }
        }
        times
    }

    #[test]
    fn a_bootstrap_peer_is_dialled_for_ever_with_growing_waits() {
        let (mut book, now, peer) = book();
        book.add_bootstrap(now, peer, address(1));
        let times = dials_while_dead(&mut book, now, 3_600);
        assert_eq!(times[0], 0);
        let waits: Vec<u64> = times.windows(2).map(|pair| pair[1] - pair[0]).collect();
        assert!(waits[0] <= 2, "{waits:?}");
        assert!(waits.iter().all(|wait| *wait <= 30), "{waits:?}");
        assert!(*waits.last().unwrap() >= 22, "{waits:?}");
    }

    #[test]
    fn a_proven_peer_is_dialled_again_after_a_partition_of_an_hour() {
        let (mut book, now, peer) = book();
        book.hear(now, peer, vec![address(1)], false);
        assert_eq!(book.due(now, 0, TARGET).len(), 1);
        book.connected(&peer);
        book.proven(&peer);
        assert_eq!(book.due(now + seconds(60), 0, TARGET), []);
        book.disconnected(now, &peer);
        assert!(dials_while_dead(&mut book, now, 3_600).len() > 100);
        // Also when there are enough other peers.
        assert_eq!(book.due(now + seconds(3_700), TARGET, TARGET).len(), 1);
    }

    #[test]
    fn hearsay_is_dialled_only_while_peers_are_few_and_forgotten_after_failures() {
        let (mut book, now, peer) = book();
        book.hear(now, peer, vec![address(1)], false);
        assert_eq!(book.due(now, TARGET, TARGET), []);
        let times = dials_while_dead(&mut book, now, 3_600);
        assert_eq!(times.len(), HEARSAY_ATTEMPTS as usize);
        assert!(book.entries.is_empty());
    }

    #[test]
    fn a_parked_peer_is_left_alone_whatever_is_heard_of_it() {
        let (mut book, now, peer) = book();
        book.add_bootstrap(now, peer, address(1));
        book.due(now, 0, TARGET);
        book.connected(&peer);
        book.park(now, &peer, seconds(60));
        book.disconnected(now, &peer);
        book.hear(now, peer, vec![address(2)], false);
        assert_eq!(book.due(now + seconds(59), 0, TARGET), []);
        assert_eq!(book.due(now + seconds(60), 0, TARGET).len(), 1);
        // The same again: twice as long.
        book.connected(&peer);
        book.park(now, &peer, seconds(60));
        book.hear(now, peer, vec![address(3)], true);
        book.disconnected(now, &peer);
        assert_eq!(book.due(now + seconds(119), 0, TARGET), []);
        assert_eq!(book.due(now + seconds(120), 0, TARGET).len(), 1);
        // Once it is ready, all is forgotten.
        book.connected(&peer);
        book.proven(&peer);
        book.disconnected(now, &peer);
        assert_eq!(book.due(now + seconds(1), 0, TARGET).len(), 1);
    }

    #[test]
    fn a_peer_heard_of_over_its_own_connection_is_dialled_only_after_it_is_lost() {
        let (mut book, now, peer) = book();
        book.hear(now, peer, vec![address(1)], true);
        assert_eq!(book.due(now + seconds(60), 0, TARGET), []);
        book.disconnected(now, &peer);
        assert_eq!(book.due(now + seconds(1), 0, TARGET).len(), 1);
    }

    #[test]
    fn newest_addresses_come_first_after_the_configured_and_old_ones_go() {
        let (mut book, now, peer) = book();
        book.add_bootstrap(now, peer, address(100));
        for port in 1..=20 {
            book.hear(now, peer, vec![address(port)], false);
        }
        book.hear(now, peer, vec![address(100), address(15)], false);
        book.forget_address(&peer, &address(20));
        let dial = book.due(now, 0, TARGET).remove(0);
        let expected: Vec<_> = [100, 15, 19, 18, 17, 16, 14].map(address).into();
        assert_eq!(dial.addresses, expected);
    }

    #[test]
    fn the_book_is_bounded_and_keeps_what_matters() {
        let (mut book, now, bootstrap) = book();
        book.add_bootstrap(now, bootstrap, address(1));
        for _ in 0..2 * MAX_PEERS {
            book.hear(now, PeerId::random(), vec![address(1)], false);
        }
        assert_eq!(book.entries.len(), MAX_PEERS);
        assert!(book.is_bootstrap(&bootstrap));
        assert_eq!(book.due(now, 0, usize::MAX).len(), MAX_DIALS);
        assert_eq!(
            book.due(now, 0, usize::MAX).len(),
            0,
            "those of before are still under way"
        );
    }

    #[test]
    fn the_node_itself_is_never_in_its_book() {
        let own = PeerId::random();
        let (mut book, now) = (AddressBook::new(own), Instant::now());
        book.add_bootstrap(now, own, address(1));
        book.hear(now, own, vec![address(1)], false);
        assert_eq!(book.due(now, 0, TARGET), []);
    }
}
