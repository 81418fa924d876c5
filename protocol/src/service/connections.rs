//! Connections, hellos and pings.

use std::time::Instant;

use aureon_proto::v1 as proto;
use libp2p::{
    PeerId,
    core::ConnectedPoint,
    ping,
    request_response::{Event as Exchange, Message, OutboundFailure, ResponseChannel},
    swarm::{ConnectionError, ConnectionId, DialError},
};

use super::Service;
use crate::{
    addresses::split_peer,
    codec::{Received, is_malformed},
    hello::{self, HelloError},
    peers::{HelloFailure, Input},
    score::Offence,
    snapshot::Direction,
};

impl Service {
    pub(super) fn on_established(&mut self, peer: PeerId, connection: ConnectionId, end: &ConnectedPoint) {
        let direction = if end.is_dialer() {
            Direction::Outbound
        } else {
            Direction::Inbound
        };
        let address = split_peer(end.get_remote_address()).0;
        tracing::debug!(%peer, %address, ?direction, "connected");
        self.book.connected(&peer);
        self.drive(
            Instant::now(),
            Input::Connected {
                peer,
                connection,
                address,
                direction,
            },
        );
    }

    pub(super) fn on_closed(
        &mut self,
        peer: PeerId,
        connection: ConnectionId,
        cause: Option<&ConnectionError>,
    ) {
        tracing::debug!(%peer, ?cause, "a connection closed");
        self.drive(Instant::now(), Input::Disconnected { peer, connection });
    }

    pub(super) fn on_dial_error(&mut self, peer: Option<PeerId>, error: &DialError) {
        let Some(peer) = peer else {
            tracing::debug!(%error, "a dial failed");
            return;
        };
        // Another dial to the same peer is under way, or has just succeeded.
        if matches!(error, DialError::DialPeerConditionFalse(_)) {
            return;
        }
        if let DialError::WrongPeerId { obtained, address } = error {
            if self.book.is_bootstrap(&peer) {
                tracing::warn!(%address, expected = %peer, found = %obtained,
                    "another node answers at a bootstrap address: was its node key replaced?");
            }
            self.book.forget_address(&peer, &split_peer(address).0);
        }
        tracing::debug!(%peer, %error, "a dial failed");
        if !self.swarm.is_connected(&peer) {
            self.book.failed(Instant::now(), &peer);
        }
    }

    /// A ping failed twice: the connection is dead, whatever TCP believes. libp2p leaves closing to us.
    pub(super) fn on_ping(&mut self, event: ping::Event) {
        match event.result {
            Ok(round_trip) => {
                self.drive(
                    Instant::now(),
                    Input::Measured {
                        peer: event.peer,
                        round_trip,
                    },
                );
            }
            Err(ping::Failure::Unsupported) => {}
            Err(error) => {
                tracing::debug!(peer = %event.peer, %error, "a connection does not answer pings: closing it");
                self.swarm.close_connection(event.connection);
            }
        }
    }

    pub(super) fn say_hello(&mut self, peer: &PeerId) {
        let request = hello::request(&self.genesis, self.status(), &self.agent);
        self.swarm.behaviour_mut().hello.send_request(peer, Ok(request));
    }

    pub(super) fn on_hello(&mut self, event: Exchange<Received<proto::HelloRequest>, proto::HelloResponse>) {
        let now = Instant::now();
        match event {
            Exchange::Message {
                peer,
                message: Message::Request { request, channel, .. },
                ..
            } => {
                self.on_hello_request(now, peer, request, channel);
            }
            Exchange::Message {
                peer,
                message: Message::Response { response, .. },
                ..
            } => {
                self.drive(now, Input::Answered { peer, response });
            }
            Exchange::ResponseSent { peer, .. } => self.drive(now, Input::AnswerSent { peer }),
            Exchange::OutboundFailure { peer, error, .. } => {
                tracing::debug!(%peer, %error, "no answer to our hello");
                let failure = hello_failure(&error);
                self.drive(now, Input::HelloFailed { peer, failure });
            }
            Exchange::InboundFailure { peer, error, .. } => {
                tracing::debug!(%peer, %error, "a hello was not answered");
            }
        }
    }

    /// Answers a hello, unless it is malformed.
    fn on_hello_request(
        &mut self,
        now: Instant,
        peer: PeerId,
        request: Received<proto::HelloRequest>,
        channel: ResponseChannel<proto::HelloResponse>,
    ) {
        if !self.peers.may_ask(&peer) {
            self.offend(peer, Offence::Flooding, "it says hello again and again");
            self.disconnect(peer, "it says hello again and again");
            return;
        }
        let question = match request {
            Ok(request) => {
                let question = hello::judge_question(self.genesis.id, &request);
                if question.is_ok() {
                    let answer = hello::respond(&self.genesis, self.status(), &self.agent, &request);
                    // An error means that the peer is gone already.
                    let _ = self.swarm.behaviour_mut().hello.send_response(channel, answer);
                }
                question
            }
            Err(detail) => Err(HelloError::Unreadable(detail)),
        };
        self.drive(now, Input::Asked { peer, question });
    }
}

fn hello_failure(error: &OutboundFailure) -> HelloFailure {
    match error {
        OutboundFailure::UnsupportedProtocols => HelloFailure::Unsupported,
        OutboundFailure::Io(error) if is_malformed(error) => HelloFailure::Malformed(error.to_string()),
        OutboundFailure::Io(_)
        | OutboundFailure::DialFailure
        | OutboundFailure::Timeout
        | OutboundFailure::ConnectionClosed => HelloFailure::Lost,
    }
}
