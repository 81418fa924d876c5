//! What hellos do: a peer becomes ready, is sent away, or breaks the protocol.

use std::time::Instant;

use aureon_proto::v1 as proto;
use aureon_types::GenesisId;
use libp2p::PeerId;

use super::{
    Effect, FAREWELL, HELLO_ATTEMPTS, HelloFailure, MAX_REPORTS, PARK_OTHER_NETWORK, PARK_STRANGER, Peers,
    REPORT_INTERVAL, Stage, later,
};
use crate::{
    event::Event,
    hello::{self, Answer, Greeting, HelloError, Question},
    score::Offence,
};

impl Peers {
    pub(super) fn on_asked(
        &mut self,
        now: Instant,
        peer: PeerId,
        question: Result<Question, HelloError>,
        effects: &mut Vec<Effect>,
    ) {
        let Some(known) = self.peers.get_mut(&peer) else {
            return;
        };
        match question {
            Ok(Question::SameNetwork(status)) => {
                if known.asked && known.is_ready() && known.connections.len() > 1 {
                    let reason = "it says hello anew: its old connections are dead";
                    effects.push(Effect::Disconnect { peer, reason });
                }
                known.asked = true;
                self.on_status(peer, status, effects);
            }
            Ok(Question::NoNetworkYet) => known.asked = true,
            Ok(Question::OtherNetwork(genesis_id)) => known.says_other = Some(genesis_id),
            Err(error) => self.on_malformed(now, peer, format!("its hello: {error}"), effects),
        }
    }

    pub(super) fn on_answer_sent(&mut self, peer: PeerId, effects: &mut Vec<Effect>) {
        let Some(known) = self.peers.get_mut(&peer) else {
            return;
        };
        known.answered = true;
        if matches!(known.stage, Stage::Leaving { .. }) {
            effects.push(Effect::Disconnect {
                peer,
                reason: "it belongs to another network",
            });
        }
    }

    pub(super) fn on_answered(
        &mut self,
        now: Instant,
        peer: PeerId,
        response: proto::HelloResponse,
        effects: &mut Vec<Effect>,
    ) {
        match hello::judge_answer(self.genesis, response) {
            Ok(Answer::SameNetwork(greeting)) => self.on_greeting(now, peer, greeting, effects),
            Ok(Answer::OtherNetwork { genesis_id, genesis }) => {
                self.on_mismatch(now, peer, genesis_id, genesis, effects);
            }
            Err(error) => {
                self.on_malformed(now, peer, format!("its answer to our hello: {error}"), effects);
            }
        }
    }

    fn on_greeting(&mut self, now: Instant, peer: PeerId, greeting: Greeting, effects: &mut Vec<Effect>) {
        let Some(known) = self.peers.get_mut(&peer) else {
            return;
        };
        if !matches!(known.stage, Stage::Greeting { .. } | Stage::Guest { .. }) {
            return;
        }
        known.stage = Stage::Ready {
            subscribe_by: later(now, self.hello_timeout),
        };
        known.status = greeting.status;
        known.agent.clone_from(&greeting.agent);
        effects.push(Effect::HearGossip(peer));
        effects.push(Effect::Proven(peer));
        let Greeting { status, agent } = greeting;
        effects.push(Effect::Emit(Event::PeerReady { peer, status, agent }));
    }

    pub(super) fn on_mismatch(
        &mut self,
        now: Instant,
        peer: PeerId,
        genesis_id: GenesisId,
        genesis: Option<bytes::Bytes>,
        effects: &mut Vec<Effect>,
    ) {
        let Some(known) = self.peers.get_mut(&peer) else {
            return;
        };
        if matches!(known.stage, Stage::Leaving { .. }) {
            return;
        }
        let was_ready = known.is_ready();
        let answered = known.answered;
        let address = known.endpoint().map(|(address, _)| address.clone());
        known.stage = Stage::Leaving {
            until: later(now, FAREWELL),
        };
        if was_ready {
            effects.push(Effect::MuteGossip(peer));
            effects.push(Effect::Emit(Event::PeerGone { peer }));
        }
        effects.push(Effect::Park {
            peer,
            length: PARK_OTHER_NETWORK,
        });
        if let Some(address) = address
            && self.may_report(now, peer)
        {
            effects.push(Effect::Emit(Event::GenesisMismatch {
                peer,
                address,
                genesis,
                genesis_id,
            }));
        }
        if answered {
            effects.push(Effect::Disconnect {
                peer,
                reason: "it belongs to another network",
            });
        }
    }

    pub(super) fn on_hello_failed(
        &mut self,
        now: Instant,
        peer: PeerId,
        failure: HelloFailure,
        effects: &mut Vec<Effect>,
    ) {
        let Some(known) = self.peers.get_mut(&peer) else {
            return;
        };
        let Stage::Greeting { deadline, attempts } = known.stage else {
            return;
        };
        if let Some(genesis_id) = known.says_other {
            self.on_mismatch(now, peer, genesis_id, None, effects);
            return;
        }
        match failure {
            HelloFailure::Malformed(detail) => {
                self.on_malformed(now, peer, format!("its answer to our hello: {detail}"), effects);
            }
            // Who dialled us may be a guest: it has until the deadline to ask something.
            HelloFailure::Unsupported if !known.is_outbound() => {}
            HelloFailure::Unsupported => {
                effects.push(Effect::Park {
                    peer,
                    length: PARK_STRANGER,
                });
                effects.push(Effect::Disconnect {
                    peer,
                    reason: "it is no Aureon node",
                });
            }
            HelloFailure::Lost if attempts < HELLO_ATTEMPTS => {
                known.stage = Stage::Greeting {
                    deadline,
                    attempts: attempts.saturating_add(1),
                };
                effects.push(Effect::SayHello(peer));
            }
            HelloFailure::Lost => {
                effects.push(Effect::Disconnect {
                    peer,
                    reason: "it does not answer our hello",
                });
            }
        }
    }

    fn on_malformed(&mut self, now: Instant, peer: PeerId, detail: String, effects: &mut Vec<Effect>) {
        let Some(known) = self.peers.get_mut(&peer) else {
            return;
        };
        let was_ready = known.is_ready();
        known.stage = Stage::Leaving {
            until: later(now, FAREWELL),
        };
        if was_ready {
            effects.push(Effect::MuteGossip(peer));
            effects.push(Effect::Emit(Event::PeerGone { peer }));
        }
        effects.push(Effect::Park {
            peer,
            length: PARK_OTHER_NETWORK,
        });
        effects.push(Effect::Offence {
            peer,
            offence: Offence::MalformedMessage,
            detail,
        });
        effects.push(Effect::Disconnect {
            peer,
            reason: "it broke the hello protocol",
        });
    }

    /// Whether a mismatch with this peer may be reported now; if so, it counts as reported.
    fn may_report(&mut self, now: Instant, peer: PeerId) -> bool {
        self.reports
            .retain(|_, at| now.saturating_duration_since(*at) < REPORT_INTERVAL);
        if self.reports.contains_key(&peer) {
            return false;
        }
        if self.reports.len() >= MAX_REPORTS
            && let Some(oldest) = self
                .reports
                .iter()
                .min_by_key(|(_, at)| **at)
                .map(|(peer, _)| *peer)
        {
            self.reports.remove(&oldest);
        }
        self.reports.insert(peer, now);
        true
    }
}
