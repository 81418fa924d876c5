//! Who is connected, and how far each has come: from a connection to a peer of our network.
//!
//! ```text
//!   connected -> Greeting --same genesis--> Ready --last connection ends--> gone
//!                   |  \---other genesis--> Leaving --both know, or 2 s--> disconnected
//!                   \----only asks--------> Guest ---60 s----------------> disconnected
//! ```
//!
//! Both sides say hello on the first connection; a peer is ready when it has answered ours. A *guest*
//! asks but does not answer: a joiner that fetches the genesis, or a client. Nothing is heard from
//! guests.
//!
//! On a mismatch of genesis the connection is kept until our answer to the other's hello has left, so
//! that both sides learn of it.
//!
//! *A restarted peer.* When a peer dies without a word (power, a killed QUIC endpoint) and comes back, its
//! new connection meets the corpse of the old one. Gossipsub tells its subscriptions only on the first
//! connection of a peer, so the newcomer would be connected and hear nothing. But a node says hello once;
//! who says it again over a further connection has forgotten us. Then we close everything and begin anew.
//! The newcomer has a sign too: a ready peer without subscriptions.
//!
//! Pure: `handle(now, input, effects)`.

mod greeting;
#[cfg(test)]
mod tests;

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use aureon_proto::v1 as proto;
use aureon_types::GenesisId;
use libp2p::{Multiaddr, PeerId, swarm::ConnectionId};

use crate::{
    config::Status,
    event::Event,
    hello::{HelloError, Question},
    score::Offence,
    snapshot::Direction,
};

/// How long after a mismatch the connection is kept for the other side to learn of it.
const FAREWELL: Duration = Duration::from_secs(2);
/// How long a guest may stay.
const GUEST_TIME: Duration = Duration::from_secs(60);
/// Most guests. Further ones are disconnected.
const MAX_GUESTS: usize = 16;
/// Hellos that are tried on one peer while connections come and go.
const HELLO_ATTEMPTS: u32 = 3;
/// Most hellos that one peer may say while it is connected. A node says one, or a few on bad lines; each
/// may cost us a genesis document.
const MAX_QUESTIONS: u32 = 16;
/// A mismatch with one peer is reported at most this often.
const REPORT_INTERVAL: Duration = Duration::from_secs(60);
/// Most peers whose last report is remembered. When full, the oldest is forgotten.
const MAX_REPORTS: usize = 1_024;
/// How long a node of another network is not dialled. It may be restarted with ours.
const PARK_OTHER_NETWORK: Duration = Duration::from_secs(60);
/// How long a program that is no Aureon node is not dialled: mDNS shows every libp2p program.
const PARK_STRANGER: Duration = Duration::from_secs(10 * 60);

/// What happens to peers.
#[derive(Debug)]
pub(crate) enum Input {
    Connected {
        peer: PeerId,
        connection: ConnectionId,
        address: Multiaddr,
        direction: Direction,
    },
    Disconnected {
        peer: PeerId,
        connection: ConnectionId,
    },
    /// The peer asked; unless the hello was malformed, our answer is on its way.
    Asked {
        peer: PeerId,
        question: Result<Question, HelloError>,
    },
    /// Our answer to the peer's hello has left.
    AnswerSent {
        peer: PeerId,
    },
    /// The peer answered our hello.
    Answered {
        peer: PeerId,
        response: proto::HelloResponse,
    },
    /// Our hello was not answered.
    HelloFailed {
        peer: PeerId,
        failure: HelloFailure,
    },
    /// The peer told its head.
    StatusHeard {
        peer: PeerId,
        status: Status,
    },
    /// The peer told a gossip subscription.
    Subscribed {
        peer: PeerId,
    },
    /// A round trip was measured.
    Measured {
        peer: PeerId,
        round_trip: Duration,
    },
    /// Time passed.
    Tick,
}

/// Why our hello was not answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum HelloFailure {
    /// It does not speak the protocol.
    Unsupported,
    /// It sent something that is no hello.
    Malformed(String),
    /// The connection or the time ended.
    Lost,
}

/// What is to be done.
#[expect(
    clippy::large_enum_variant,
    reason = "an effect lives for one call: a copy is cheaper than a box"
)]
#[derive(Debug)]
pub(crate) enum Effect {
    SayHello(PeerId),
    /// Close every connection of the peer.
    Disconnect {
        peer: PeerId,
        reason: &'static str,
    },
    /// Drop the peer's gossip unread.
    MuteGossip(PeerId),
    HearGossip(PeerId),
    /// The peer is one of ours: dial it again whenever it is lost.
    Proven(PeerId),
    /// The last connection ended.
    Gone(PeerId),
    /// Do not dial the peer for a while.
    Park {
        peer: PeerId,
        length: Duration,
    },
    Offence {
        peer: PeerId,
        offence: Offence,
        detail: String,
    },
    Emit(Event),
}

/// What is known of a connected peer.
#[derive(Debug)]
pub(crate) struct Peer {
    connections: Vec<Connection>,
    stage: Stage,
    /// A genesis id that it said in its own hello and that is not ours.
    says_other: Option<GenesisId>,
    /// It asked us something sensible.
    asked: bool,
    /// Hellos that it said, sensible or not.
    questions: u32,
    /// Our answer to its hello has left.
    answered: bool,
    subscribed: bool,
    pub(crate) status: Status,
    pub(crate) agent: String,
    pub(crate) round_trip: Option<Duration>,
}

#[derive(Debug)]
struct Connection {
    id: ConnectionId,
    address: Multiaddr,
    direction: Direction,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Greeting { deadline: Instant, attempts: u32 },
    Ready { subscribe_by: Instant },
    Guest { until: Instant },
    Leaving { until: Instant },
}

/// All connected peers.
#[derive(Debug)]
pub(crate) struct Peers {
    genesis: GenesisId,
    hello_timeout: Duration,
    peers: BTreeMap<PeerId, Peer>,
    /// When a mismatch was last reported, by peer.
    reports: BTreeMap<PeerId, Instant>,
}

impl Peer {
    pub(crate) fn is_ready(&self) -> bool {
        matches!(self.stage, Stage::Ready { .. })
    }

    /// Address and direction of the oldest connection.
    pub(crate) fn endpoint(&self) -> Option<(&Multiaddr, Direction)> {
        self.connections
            .first()
            .map(|connection| (&connection.address, connection.direction))
    }

    /// The number of connections.
    pub(crate) fn connections(&self) -> usize {
        self.connections.len()
    }

    fn is_outbound(&self) -> bool {
        self.connections
            .iter()
            .any(|connection| connection.direction == Direction::Outbound)
    }
}

impl Peers {
    /// Nobody yet, in the network of this genesis.
    pub(crate) fn new(genesis: GenesisId, hello_timeout: Duration) -> Self {
        Self {
            genesis,
            hello_timeout,
            peers: BTreeMap::new(),
            reports: BTreeMap::new(),
        }
    }

    pub(crate) fn get(&self, peer: &PeerId) -> Option<&Peer> {
        self.peers.get(peer)
    }

    pub(crate) fn is_ready(&self, peer: &PeerId) -> bool {
        self.peers.get(peer).is_some_and(Peer::is_ready)
    }

    /// The ready peers, by peer id.
    pub(crate) fn ready(&self) -> impl Iterator<Item = (&PeerId, &Peer)> {
        self.peers.iter().filter(|(_, peer)| peer.is_ready())
    }

    /// The number of connected peers, ready or not.
    pub(crate) fn len(&self) -> usize {
        self.peers.len()
    }

    /// Counts a hello of the peer. `false`: it has said too many, and gets no answer.
    pub(crate) fn may_ask(&mut self, peer: &PeerId) -> bool {
        self.peers.get_mut(peer).is_some_and(|known| {
            known.questions = known.questions.saturating_add(1);
            known.questions <= MAX_QUESTIONS
        })
    }

    /// The one transition.
    pub(crate) fn handle(&mut self, now: Instant, input: Input, effects: &mut Vec<Effect>) {
        match input {
            Input::Connected {
                peer,
                connection,
                address,
                direction,
            } => {
                let connection = Connection {
                    id: connection,
                    address,
                    direction,
                };
                self.on_connected(now, peer, connection, effects);
            }
            Input::Disconnected { peer, connection } => self.on_disconnected(peer, connection, effects),
            Input::Asked { peer, question } => self.on_asked(now, peer, question, effects),
            Input::AnswerSent { peer } => self.on_answer_sent(peer, effects),
            Input::Answered { peer, response } => self.on_answered(now, peer, response, effects),
            Input::HelloFailed { peer, failure } => self.on_hello_failed(now, peer, failure, effects),
            Input::StatusHeard { peer, status } => self.on_status(peer, status, effects),
            Input::Subscribed { peer } => {
                if let Some(known) = self.peers.get_mut(&peer) {
                    known.subscribed = true;
                }
            }
            Input::Measured { peer, round_trip } => {
                if let Some(known) = self.peers.get_mut(&peer) {
                    known.round_trip = Some(round_trip);
                }
            }
            Input::Tick => self.on_tick(now, effects),
        }
    }

    fn on_connected(
        &mut self,
        now: Instant,
        peer: PeerId,
        connection: Connection,
        effects: &mut Vec<Effect>,
    ) {
        let Some(known) = self.peers.get_mut(&peer) else {
            let deadline = later(now, self.hello_timeout);
            self.peers.insert(
                peer,
                Peer::new(
                    connection,
                    Stage::Greeting {
                        deadline,
                        attempts: 1,
                    },
                ),
            );
            effects.push(Effect::MuteGossip(peer));
            effects.push(Effect::SayHello(peer));
            return;
        };
        known.connections.push(connection);
    }

    fn on_disconnected(&mut self, peer: PeerId, connection: ConnectionId, effects: &mut Vec<Effect>) {
        let Some(known) = self.peers.get_mut(&peer) else {
            return;
        };
        known.connections.retain(|open| open.id != connection);
        if !known.connections.is_empty() {
            return;
        }
        let was_ready = known.is_ready();
        self.peers.remove(&peer);
        // The mute is lifted here too: gossipsub ignores new connections of muted peers altogether.
        effects.push(Effect::HearGossip(peer));
        effects.push(Effect::Gone(peer));
        if was_ready {
            effects.push(Effect::Emit(Event::PeerGone { peer }));
        }
    }

    fn on_status(&mut self, peer: PeerId, status: Status, effects: &mut Vec<Effect>) {
        let Some(known) = self.peers.get_mut(&peer) else {
            return;
        };
        known.status = status;
        if known.is_ready() {
            effects.push(Effect::Emit(Event::PeerStatus { peer, status }));
        }
    }

    fn on_tick(&mut self, now: Instant, effects: &mut Vec<Effect>) {
        let due: Vec<PeerId> = self
            .peers
            .iter()
            .filter(|(_, known)| known.is_due(now))
            .map(|(peer, _)| *peer)
            .collect();
        for peer in due {
            self.on_deadline(now, peer, effects);
        }
    }

    fn on_deadline(&mut self, now: Instant, peer: PeerId, effects: &mut Vec<Effect>) {
        let guests = self
            .peers
            .values()
            .filter(|known| matches!(known.stage, Stage::Guest { .. }))
            .count();
        let Some(known) = self.peers.get_mut(&peer) else {
            return;
        };
        let reason = match known.stage {
            Stage::Greeting { .. } => {
                if let Some(genesis_id) = known.says_other {
                    self.on_mismatch(now, peer, genesis_id, None, effects);
                    return;
                }
                if known.asked && guests < MAX_GUESTS {
                    known.stage = Stage::Guest {
                        until: later(now, GUEST_TIME),
                    };
                    return;
                }
                effects.push(Effect::Park {
                    peer,
                    length: PARK_STRANGER,
                });
                "it did not say hello in time"
            }
            Stage::Ready { .. } => "its gossip subscriptions did not arrive",
            Stage::Guest { .. } => "its time as a guest is over",
            Stage::Leaving { .. } => "it is not one of ours",
        };
        effects.push(Effect::Disconnect { peer, reason });
    }
}

impl Peer {
    fn new(connection: Connection, stage: Stage) -> Self {
        Self {
            connections: vec![connection],
            stage,
            says_other: None,
            asked: false,
            questions: 0,
            answered: false,
            subscribed: false,
            status: Status::default(),
            agent: String::new(),
            round_trip: None,
        }
    }

    fn is_due(&self, now: Instant) -> bool {
        match self.stage {
            Stage::Greeting { deadline, .. } => deadline <= now,
            Stage::Ready { subscribe_by } => !self.subscribed && subscribe_by <= now,
            Stage::Guest { until } | Stage::Leaving { until } => until <= now,
        }
    }
}

fn later(now: Instant, wait: Duration) -> Instant {
    now.checked_add(wait).unwrap_or(now)
}
