//! The sync protocol: requests of the node, requests of peers, and the exchange of heads.
//!
//! Heads are exchanged here, without the node: to each ready peer after the head moved, at most once a
//! second, and every five seconds, as a `Status` request; peers' `Status` requests are answered at once.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use aureon_proto::v1::{self as proto, sync_request::Request as Ask, sync_response::Response as Answer};
use libp2p::{
    PeerId,
    request_response::{
        Event as Exchange, InboundRequestId, Message, OutboundFailure, OutboundRequestId, ResponseChannel,
    },
};

use super::Service;
use crate::{
    codec::{Received, is_malformed},
    config::Status,
    error::RequestError,
    event::{Event, RequestId, ResponseToken},
    peers::Input,
    score::Offence,
};

/// Most requests of ours under way, heads included. Further ones of the node fail with
/// [`RequestError::Overloaded`].
pub(super) const MAX_OUTBOUND: usize = 64;
/// Most requests of all peers under way. Further ones are answered `Busy`.
pub(super) const MAX_INBOUND: usize = 64;
/// Most requests of one peer under way. Further ones are answered `Busy`.
const MAX_INBOUND_PER_PEER: usize = 8;
/// A moved head is told at most this often.
const TELL_AT_MOST: Duration = Duration::from_secs(1);
/// An unmoved head is told this often.
const TELL_AT_LEAST: Duration = Duration::from_secs(5);

/// A request of ours under way.
#[derive(Debug)]
pub(super) struct Outbound {
    peer: PeerId,
    /// `None`: our head, told by ourselves.
    request: Option<RequestId>,
}

/// When our head was told last.
#[derive(Debug, Default)]
pub(super) struct Telling {
    last: Option<(Instant, Status)>,
    /// The peers that have not answered yet. A slow one is not told again meanwhile.
    pending: BTreeMap<PeerId, OutboundRequestId>,
}

impl Telling {
    fn is_due(&self, now: Instant, status: Status) -> bool {
        self.last.is_none_or(|(at, told)| {
            let passed = now.saturating_duration_since(at);
            passed >= TELL_AT_LEAST || (told != status && passed >= TELL_AT_MOST)
        })
    }
}

impl Service {
    /// A request of the node.
    pub(super) fn ask(&mut self, id: RequestId, peer: PeerId, request: proto::SyncRequest) {
        let refused = if !self.peers.is_ready(&peer) {
            Some(RequestError::NotConnected)
        } else if self.outbound.len() >= MAX_OUTBOUND {
            Some(RequestError::Overloaded)
        } else {
            None
        };
        if let Some(error) = refused {
            self.emit(Event::Response {
                request: id,
                peer,
                result: Err(error),
            });
            return;
        }
        self.counters.requests_sent.add(1);
        let outbound = self.swarm.behaviour_mut().sync.send_request(&peer, Ok(request));
        self.outbound.insert(
            outbound,
            Outbound {
                peer,
                request: Some(id),
            },
        );
    }

    /// An answer of the node.
    pub(super) fn answer(&mut self, token: ResponseToken, response: proto::SyncResponse) {
        // An error means that the peer has given up; its `InboundFailure` follows.
        let _ = self
            .swarm
            .behaviour_mut()
            .sync
            .send_response(token.channel, response);
    }

    pub(super) fn on_sync(&mut self, event: Exchange<Received<proto::SyncRequest>, proto::SyncResponse>) {
        match event {
            Exchange::Message {
                peer,
                message:
                    Message::Request {
                        request_id,
                        request,
                        channel,
                    },
                ..
            } => match request {
                Ok(request) => self.on_request(peer, request_id, request, channel),
                Err(detail) => self.on_malformed_request(peer, &detail),
            },
            Exchange::Message {
                message: Message::Response { request_id, response },
                ..
            } => {
                self.on_response(request_id, response);
            }
            Exchange::OutboundFailure {
                request_id, error, ..
            } => self.on_no_answer(request_id, error),
            Exchange::InboundFailure {
                peer,
                request_id,
                error,
                ..
            } => {
                self.inbound.remove(&request_id);
                tracing::debug!(%peer, %error, "a sync request was not answered");
            }
            Exchange::ResponseSent { request_id, .. } => {
                self.inbound.remove(&request_id);
            }
        }
    }

    fn on_malformed_request(&mut self, peer: PeerId, detail: &str) {
        self.offend(
            peer,
            Offence::MalformedMessage,
            &format!("its sync request: {detail}"),
        );
        self.disconnect(peer, "it broke the sync protocol");
    }

    fn on_request(
        &mut self,
        peer: PeerId,
        id: InboundRequestId,
        request: proto::SyncRequest,
        channel: ResponseChannel<proto::SyncResponse>,
    ) {
        self.counters.requests_received.add(1);
        let mine = self.inbound.values().filter(|asker| **asker == peer).count();
        let full = self.inbound.len() >= MAX_INBOUND || mine >= MAX_INBOUND_PER_PEER;
        let busy = Answer::Busy(proto::Busy::default());
        match request.request {
            // A peer may find us ready a moment before we find it so.
            _ if !self.peers.is_ready(&peer) => self.refuse(channel, busy),
            Some(Ask::Status(status)) => {
                if let Some(status) = Status::from_proto(&status) {
                    self.drive(Instant::now(), Input::StatusHeard { peer, status });
                }
                let own = Answer::Status(self.status().to_proto());
                self.respond_at_once(channel, own);
            }
            // Of a later version.
            None => self.refuse(channel, busy),
            Some(_) if full => self.refuse(channel, busy),
            Some(_) => {
                self.inbound.insert(id, peer);
                self.emit(Event::Request {
                    peer,
                    request,
                    channel: ResponseToken { channel },
                });
            }
        }
    }

    fn refuse(&mut self, channel: ResponseChannel<proto::SyncResponse>, busy: Answer) {
        self.counters.requests_refused.add(1);
        self.respond_at_once(channel, busy);
    }

    fn respond_at_once(&mut self, channel: ResponseChannel<proto::SyncResponse>, answer: Answer) {
        let response = proto::SyncResponse {
            response: Some(answer),
        };
        // An error means that the peer is gone already.
        let _ = self.swarm.behaviour_mut().sync.send_response(channel, response);
    }

    fn on_response(&mut self, id: OutboundRequestId, response: proto::SyncResponse) {
        let Some(outbound) = self.outbound.remove(&id) else {
            return;
        };
        let peer = outbound.peer;
        self.hear_status(peer, &response);
        let Some(request) = outbound.request else {
            self.telling.pending.remove(&peer);
            return;
        };
        let result = match response.response {
            None => Err(RequestError::Unsupported),
            Some(Answer::Busy(_)) => Err(RequestError::Busy),
            Some(_) => Ok(response),
        };
        self.emit(Event::Response {
            request,
            peer,
            result,
        });
    }

    /// Some answers tell the peer's head by the way.
    fn hear_status(&mut self, peer: PeerId, response: &proto::SyncResponse) {
        let status = match &response.response {
            Some(Answer::Status(status)) => Status::from_proto(status),
            Some(Answer::Range(range)) => range.status.as_ref().and_then(Status::from_proto),
            _ => None,
        };
        if let Some(status) = status {
            self.drive(Instant::now(), Input::StatusHeard { peer, status });
        }
    }

    fn on_no_answer(&mut self, id: OutboundRequestId, error: OutboundFailure) {
        let Some(outbound) = self.outbound.remove(&id) else {
            return;
        };
        let peer = outbound.peer;
        let error = request_error(error);
        tracing::debug!(%peer, %error, "no answer to a sync request");
        if let RequestError::Malformed(detail) = &error {
            self.offend(
                peer,
                Offence::MalformedMessage,
                &format!("its sync answer: {detail}"),
            );
        }
        match outbound.request {
            Some(request) => self.emit(Event::Response {
                request,
                peer,
                result: Err(error),
            }),
            None => {
                self.telling.pending.remove(&peer);
            }
        }
    }

    /// Tells our head to the ready peers when it is time.
    pub(super) fn tell_status(&mut self, now: Instant) {
        let status = self.status();
        if !self.telling.is_due(now, status) {
            return;
        }
        self.telling.last = Some((now, status));
        let peers: Vec<PeerId> = self.peers.ready().map(|(peer, _)| *peer).collect();
        for peer in peers {
            if self.telling.pending.contains_key(&peer) {
                continue;
            }
            let request = proto::SyncRequest {
                request: Some(Ask::Status(status.to_proto())),
            };
            let id = self.swarm.behaviour_mut().sync.send_request(&peer, Ok(request));
            self.outbound.insert(id, Outbound { peer, request: None });
            self.telling.pending.insert(peer, id);
        }
    }
}

fn request_error(error: OutboundFailure) -> RequestError {
    match error {
        OutboundFailure::DialFailure => RequestError::NotConnected,
        OutboundFailure::Timeout => RequestError::Timeout,
        OutboundFailure::ConnectionClosed => RequestError::ConnectionLost("closed".to_owned()),
        OutboundFailure::UnsupportedProtocols => RequestError::Unsupported,
        OutboundFailure::Io(error) if is_malformed(&error) => RequestError::Malformed(error.to_string()),
        OutboundFailure::Io(error) => RequestError::ConnectionLost(error.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use aureon_types::BlockId;

    use super::*;

    #[test]
    fn a_head_is_told_when_it_moves_but_once_a_second_and_every_five_seconds() {
        let now = Instant::now();
        let after = |milliseconds| now + Duration::from_millis(milliseconds);
        let (old, new) = (
            Status::default(),
            Status {
                height: 1,
                head_id: BlockId([1; 32]),
                work: None,
            },
        );
        let mut telling = Telling::default();
        assert!(telling.is_due(now, old), "at the start");
        telling.last = Some((now, old));
        assert!(!telling.is_due(after(999), new));
        assert!(telling.is_due(after(1_000), new));
        assert!(!telling.is_due(after(4_999), old));
        assert!(telling.is_due(after(5_000), old));
    }
}
