//! Questions from node to node: one answer each, or a reason why there is none.

use aureon_node::core::{ChannelToken, Input, RequestToken};
use aureon_proto::v1::{self as proto, sync_request, sync_response};
use aureon_protocol::{PeerId, RequestError};
use prost::Message as _;

use super::{Event, Simulation};
use crate::{
    node::Asker,
    scenario::{Micros, SECOND},
};

/// How long an answer may take.
const TIMEOUT: Micros = 10 * SECOND;
/// The same where blocks are mined: far less than the time until a block is final, as in a real network.
const TIMEOUT_OF_MINERS: Micros = 2 * SECOND;
/// How soon the network says that a request cannot be made.
const AT_ONCE: Micros = 1;

impl Simulation {
    pub(super) fn ask(&mut self, node: usize, peer: &PeerId, token: RequestToken, body: &proto::SyncRequest) {
        let Some(peer) = self.node_of_peer(peer) else {
            return;
        };
        let Some(running) = self.running(node) else { return };
        running.requests.insert(token, peer);
        if !running.peers.contains_key(&peer) {
            let error = RequestError::NotConnected;
            return self.schedule_own(AT_ONCE, node, Event::NoAnswer { token, error });
        }
        let data = body.encode_to_vec();
        self.trace.record(self.now, node, "ask", &data);
        let timeout = if self.cast.is_mined() {
            TIMEOUT_OF_MINERS
        } else {
            TIMEOUT
        };
        self.schedule_own(
            timeout,
            node,
            Event::NoAnswer {
                token,
                error: RequestError::Timeout,
            },
        );
        if self.arrives(node, peer) {
            let (after, life) = (self.delay(), self.nodes[node].life);
            self.schedule(
                after,
                peer,
                Event::Ask {
                    from: node,
                    life,
                    token,
                    data,
                },
            );
        }
    }

    pub(super) fn on_ask(&mut self, node: usize, from: usize, life: u32, token: RequestToken, data: &[u8]) {
        let peer = self.nodes[from].peer;
        if self.is_cut(from, node) {
            return;
        }
        let Some(running) = self
            .running(node)
            .filter(|running| running.peers.contains_key(&from))
        else {
            return;
        };
        let Ok(request) = proto::SyncRequest::decode(data) else {
            return self.violate(format!("node {from} asked what nobody can read"));
        };
        let Some(asked) = request.request.clone() else {
            return;
        };
        let channel = ChannelToken(running.token());
        running.channels.insert(
            channel,
            Asker {
                node: from,
                life,
                token,
                request: asked,
            },
        );
        // The network answers this by itself, from what it was last told.
        if let Some(sync_request::Request::Status(_)) = &request.request {
            let status = sync_response::Response::Status(running.status.to_proto());
            return self.answer(
                node,
                channel,
                &proto::SyncResponse {
                    response: Some(status),
                },
            );
        }
        self.tell(
            node,
            Input::Request {
                peer,
                channel,
                request,
            },
        );
    }

    pub(super) fn answer(&mut self, node: usize, channel: ChannelToken, response: &proto::SyncResponse) {
        let Some(asker) = self
            .running(node)
            .and_then(|running| running.channels.remove(&channel))
        else {
            return;
        };
        let mut response = response.clone();
        let honest = response.clone();
        let answers = self.with_attacker(node, |attacker, scene| {
            attacker.answer(scene, &asker.request, &mut response)
        });
        let withheld = answers == Some(false);
        self.report.spoilt_answers += u64::from(withheld || response != honest);
        if withheld {
            return;
        }
        let data = response.encode_to_vec();
        self.trace.record(self.now, node, "answer", &data);
        if self.nodes[asker.node].life == asker.life && self.arrives(node, asker.node) {
            let after = self.delay();
            let event = Event::Answer {
                from: node,
                token: asker.token,
                data,
            };
            self.schedule_own_at(after, asker, event);
        }
    }

    fn schedule_own_at(&mut self, after: Micros, asker: Asker, event: Event) {
        let scheduled = super::Scheduled {
            node: asker.node,
            life: Some(asker.life),
            event,
        };
        self.put(self.now.saturating_add(after), scheduled);
    }

    pub(super) fn on_answer(&mut self, node: usize, from: usize, request: RequestToken, data: &[u8]) {
        let peer = self.nodes[from].peer;
        let Some(running) = self.running(node) else { return };
        if running.requests.remove(&request).is_none() {
            return;
        }
        let result = match proto::SyncResponse::decode(data) {
            Ok(proto::SyncResponse {
                response: Some(sync_response::Response::Busy(_)),
            }) => Err(RequestError::Busy),
            Ok(response) => Ok(response),
            Err(error) => Err(RequestError::Malformed(error.to_string())),
        };
        self.tell(
            node,
            Input::Response {
                request,
                peer,
                result,
            },
        );
    }

    pub(super) fn on_no_answer(&mut self, node: usize, request: RequestToken, error: RequestError) {
        let Some(running) = self.running(node) else { return };
        let Some(asked) = running.requests.remove(&request) else {
            return;
        };
        let peer = self.nodes[asked].peer;
        self.tell(
            node,
            Input::Response {
                request,
                peer,
                result: Err(error),
            },
        );
    }

    pub(super) fn node_of_peer(&self, peer: &PeerId) -> Option<usize> {
        self.cast.peers.iter().position(|candidate| candidate == peer)
    }
}
