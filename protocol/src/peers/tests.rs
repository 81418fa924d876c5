//! Step tests of the peer machine.

use super::*;
use crate::{config::GenesisInfo, hello};

const OWN: &[u8] = b"our genesis";
const OTHER: &[u8] = b"another genesis";
const STATUS: Status = Status {
    height: 3,
    head_id: aureon_types::BlockId([3; 32]),
    work: None,
};
const HELLO_TIME: Duration = Duration::from_secs(10);

fn info(encoded: &'static [u8]) -> GenesisInfo {
    let mut hasher = blake3::Hasher::new();
    hasher.update(b"aureon/genesis/1").update(encoded);
    let id = GenesisId(*hasher.finalize().as_bytes());
    GenesisInfo {
        id,
        chain: "test".into(),
        encoded: bytes::Bytes::from_static(encoded),
    }
}

/// The machine, one remote peer, and a clock.
struct Table {
    peers: Peers,
    remote: PeerId,
    now: Instant,
    connections: usize,
}

impl Table {
    fn new() -> Self {
        let peers = Peers::new(info(OWN).id, HELLO_TIME);
        Self {
            peers,
            remote: PeerId::random(),
            now: Instant::now(),
            connections: 0,
        }
    }

    /// Feeds an input and returns the effects in words, with `Emit` taken apart.
    fn feed(&mut self, input: Input) -> Vec<&'static str> {
        let mut effects = Vec::new();
        self.peers.handle(self.now, input, &mut effects);
        effects.iter().map(word).collect()
    }

    fn connect(&mut self, direction: Direction) -> Vec<&'static str> {
        self.connections += 1;
        let connection = ConnectionId::new_unchecked(self.connections);
        let address = "/ip4/10.0.0.1/tcp/1".parse().unwrap();
        self.feed(Input::Connected {
            peer: self.remote,
            connection,
            address,
            direction,
        })
    }

    fn disconnect(&mut self, connection: usize) -> Vec<&'static str> {
        let connection = ConnectionId::new_unchecked(connection);
        self.feed(Input::Disconnected {
            peer: self.remote,
            connection,
        })
    }

    fn answered(&mut self, encoded: &'static [u8]) -> Vec<&'static str> {
        let asked = hello::request(&info(OWN), STATUS, "");
        let response = hello::respond(&info(encoded), STATUS, "agent", &asked);
        self.feed(Input::Answered {
            peer: self.remote,
            response,
        })
    }

    fn asked(&mut self, question: Question) -> Vec<&'static str> {
        self.feed(Input::Asked {
            peer: self.remote,
            question: Ok(question),
        })
    }

    fn failed(&mut self, failure: HelloFailure) -> Vec<&'static str> {
        self.feed(Input::HelloFailed {
            peer: self.remote,
            failure,
        })
    }

    fn after(&mut self, seconds: u64) -> Vec<&'static str> {
        self.now += Duration::from_secs(seconds);
        self.feed(Input::Tick)
    }

    fn ready() -> Self {
        let mut table = Self::new();
        table.connect(Direction::Outbound);
        table.answered(OWN);
        table.feed(Input::Subscribed { peer: table.remote });
        table
    }
}

fn word(effect: &Effect) -> &'static str {
    match effect {
        Effect::SayHello(_) => "hello",
        Effect::Disconnect { .. } => "disconnect",
        Effect::MuteGossip(_) => "mute",
        Effect::HearGossip(_) => "hear",
        Effect::Proven(_) => "proven",
        Effect::Gone(_) => "gone",
        Effect::Park { .. } => "park",
        Effect::Offence { .. } => "offence",
        Effect::Emit(Event::PeerReady { .. }) => "PeerReady",
        Effect::Emit(Event::PeerGone { .. }) => "PeerGone",
        Effect::Emit(Event::PeerStatus { .. }) => "PeerStatus",
        Effect::Emit(Event::GenesisMismatch { genesis: Some(_), .. }) => "Mismatch with genesis",
        Effect::Emit(Event::GenesisMismatch { .. }) => "Mismatch",
        Effect::Emit(_) => "another event",
    }
}

#[test]
fn a_peer_is_ready_once_it_answered_our_hello_and_gone_with_its_last_connection() {
    let mut table = Table::new();
    assert_eq!(table.connect(Direction::Outbound), ["mute", "hello"]);
    assert_eq!(
        table.asked(Question::SameNetwork(STATUS)),
        [""; 0],
        "asking alone makes nobody ready"
    );
    assert_eq!(table.answered(OWN), ["hear", "proven", "PeerReady"]);
    assert_eq!(table.answered(OWN), [""; 0], "once");
    assert_eq!(
        table.connect(Direction::Inbound),
        [""; 0],
        "two dials that crossed"
    );
    assert_eq!(table.disconnect(1), [""; 0], "a peer is not a connection");
    assert_eq!(table.disconnect(2), ["hear", "gone", "PeerGone"]);
    assert_eq!(table.peers.len(), 0);
}

#[test]
fn another_network_is_reported_and_kept_until_it_knows_too() {
    let mut table = Table::new();
    table.connect(Direction::Inbound);
    assert_eq!(table.answered(OTHER), ["park", "Mismatch with genesis"]);
    assert_eq!(table.after(1), [""; 0]);
    assert_eq!(
        table.feed(Input::AnswerSent { peer: table.remote }),
        ["disconnect"]
    );
    assert_eq!(table.disconnect(1), ["hear", "gone"]);

    // The other order: our answer left first.
    let mut table = Table::new();
    table.connect(Direction::Inbound);
    table.asked(Question::OtherNetwork(info(OTHER).id));
    assert_eq!(table.feed(Input::AnswerSent { peer: table.remote }), [""; 0]);
    assert_eq!(
        table.answered(OTHER),
        ["park", "Mismatch with genesis", "disconnect"]
    );
}

#[test]
fn a_mismatch_is_noticed_without_an_answer_and_reported_once_a_minute() {
    let mut table = Table::new();
    table.connect(Direction::Inbound);
    table.asked(Question::OtherNetwork(info(OTHER).id));
    assert_eq!(table.failed(HelloFailure::Lost), ["park", "Mismatch"]);
    assert_eq!(table.after(2), ["disconnect"]);
    table.disconnect(1);
    table.connect(Direction::Inbound);
    assert_eq!(
        table.answered(OTHER),
        ["park"],
        "two seconds later: no second report"
    );
    table.disconnect(2);
    table.after(60);
    table.connect(Direction::Inbound);
    assert_eq!(table.answered(OTHER), ["park", "Mismatch with genesis"]);
}

#[test]
fn who_does_not_say_hello_is_parked_and_disconnected() {
    let mut table = Table::new();
    table.connect(Direction::Outbound);
    assert_eq!(table.after(9), [""; 0]);
    assert_eq!(table.after(1), ["park", "disconnect"]);

    let mut table = Table::new();
    table.connect(Direction::Outbound);
    assert_eq!(table.failed(HelloFailure::Unsupported), ["park", "disconnect"]);
}

#[test]
fn who_only_asks_is_a_guest_for_a_minute() {
    let mut table = Table::new();
    table.connect(Direction::Inbound);
    assert_eq!(table.failed(HelloFailure::Unsupported), [""; 0], "it may ask yet");
    table.asked(Question::NoNetworkYet);
    assert_eq!(table.after(10), [""; 0]);
    assert_eq!(table.after(59), [""; 0]);
    assert!(!table.peers.is_ready(&table.remote));
    assert_eq!(table.after(1), ["disconnect"]);
}

#[test]
fn a_lost_hello_is_said_again_but_not_for_ever() {
    let mut table = Table::new();
    table.connect(Direction::Outbound);
    assert_eq!(table.failed(HelloFailure::Lost), ["hello"]);
    assert_eq!(table.failed(HelloFailure::Lost), ["hello"]);
    assert_eq!(table.failed(HelloFailure::Lost), ["disconnect"]);
}

#[test]
fn a_malformed_hello_is_an_offence() {
    let mut table = Table::new();
    table.connect(Direction::Inbound);
    let remote = table.remote;
    let malformed = Input::Asked {
        peer: remote,
        question: Err(HelloError::GenesisId),
    };
    assert_eq!(table.feed(malformed), ["park", "offence", "disconnect"]);

    let mut table = Table::new();
    table.connect(Direction::Inbound);
    assert_eq!(
        table.failed(HelloFailure::Malformed("x".into())),
        ["park", "offence", "disconnect"]
    );

    let mut table = Table::ready();
    let remote = table.remote;
    let malformed = Input::Asked {
        peer: remote,
        question: Err(HelloError::Status),
    };
    assert_eq!(
        table.feed(malformed),
        ["mute", "PeerGone", "park", "offence", "disconnect"]
    );
    assert_eq!(table.disconnect(1), ["hear", "gone"], "PeerGone came already");
}

#[test]
fn a_restarted_peer_is_met_with_a_clean_slate() {
    let mut table = Table::ready();
    table.asked(Question::SameNetwork(STATUS));
    assert_eq!(
        table.connect(Direction::Inbound),
        [""; 0],
        "it may be a dial that crossed ours"
    );
    let effects = table.asked(Question::SameNetwork(STATUS));
    assert_eq!(effects, ["disconnect", "PeerStatus"], "no: it has forgotten us");

    // Over the only connection it is a hello whose answer was lost.
    let mut table = Table::ready();
    table.asked(Question::SameNetwork(STATUS));
    assert_eq!(table.asked(Question::SameNetwork(STATUS)), ["PeerStatus"]);
}

#[test]
fn a_ready_peer_without_subscriptions_is_met_anew() {
    let mut table = Table::new();
    table.connect(Direction::Outbound);
    table.answered(OWN);
    assert_eq!(table.after(9), [""; 0]);
    assert_eq!(table.after(1), ["disconnect"]);
    assert_eq!(Table::ready().after(3_600), [""; 0], "an idle ready peer stays");
}

#[test]
fn a_head_is_news_only_of_a_ready_peer() {
    let mut table = Table::new();
    table.connect(Direction::Outbound);
    let heard = Input::StatusHeard {
        peer: table.remote,
        status: STATUS,
    };
    assert_eq!(table.feed(heard), [""; 0]);
    let mut table = Table::ready();
    let status = Status { height: 4, ..STATUS };
    let remote = table.remote;
    assert_eq!(
        table.feed(Input::StatusHeard { peer: remote, status }),
        ["PeerStatus"]
    );
    assert_eq!(table.peers.get(&remote).unwrap().status, status);
}

#[test]
fn guests_are_few() {
    let mut table = Table::new();
    let mut effects = Vec::new();
    for _ in 0..MAX_GUESTS + 3 {
        table.remote = PeerId::random();
        table.connect(Direction::Inbound);
        table.asked(Question::NoNetworkYet);
    }
    table.now += HELLO_TIME;
    table.peers.handle(table.now, Input::Tick, &mut effects);
    let disconnected = effects
        .iter()
        .filter(|effect| matches!(effect, Effect::Disconnect { .. }))
        .count();
    assert_eq!(disconnected, 3);
}

#[test]
fn hellos_are_counted() {
    let mut table = Table::ready();
    let remote = table.remote;
    for _ in 0..MAX_QUESTIONS {
        assert!(table.peers.may_ask(&remote));
    }
    assert!(!table.peers.may_ask(&remote));
    assert!(!table.peers.may_ask(&PeerId::random()), "nobody");
}
