//! Requests to peers and of peers.

use aureon_chain::{
    assembly::{self, BlockAnswer},
    sync::{self, Claim, RequestFailure, RequestId},
};
use aureon_consensus::Now;
use aureon_proto::v1::{self as proto, sync_request, sync_response};
use aureon_protocol::{PeerId, RequestError, Status};
use aureon_types::{DecodeError, SignedTransaction};

use super::{ChannelToken, Core, Effect, Job, RequestToken, Serving};

/// What a request of ours was for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Asked {
    Range(RequestId),
    Block(RequestId),
    Transactions(RequestId),
    Headers(RequestId),
    Status,
}

impl Core {
    /// Sends `request`; its outcome comes back to whom `asked` names.
    pub(super) fn ask(
        &mut self,
        peer: PeerId,
        asked: Asked,
        request: sync_request::Request,
        effects: &mut Vec<Effect>,
    ) {
        let token = RequestToken(self.token());
        self.requests.insert(token, asked);
        let body = proto::SyncRequest {
            request: Some(request),
        };
        effects.push(Effect::Request {
            peer,
            request: token,
            body,
        });
    }

    pub(super) fn ask_for_status(&mut self, peer: PeerId, effects: &mut Vec<Effect>) {
        let status = self.own_status().to_proto();
        self.ask(
            peer,
            Asked::Status,
            sync_request::Request::Status(status),
            effects,
        );
    }

    pub(super) fn on_response(
        &mut self,
        now: Now,
        token: RequestToken,
        peer: PeerId,
        result: Result<proto::SyncResponse, RequestError>,
        effects: &mut Vec<Effect>,
    ) {
        let Some(asked) = self.requests.remove(&token) else {
            return;
        };
        let response = result.map(|response| response.response);
        match (asked, response) {
            (Asked::Range(request), Ok(Some(sync_response::Response::Range(response)))) => {
                effects.push(Effect::Job(Job::DecodeRange {
                    request,
                    peer,
                    response,
                }));
            }
            (Asked::Block(request), Ok(Some(sync_response::Response::Block(response)))) => {
                effects.push(Effect::Job(Job::DecodeBody {
                    request,
                    peer,
                    response,
                }));
            }
            (Asked::Transactions(request), Ok(Some(sync_response::Response::Transactions(response)))) => {
                effects.push(Effect::Job(Job::DecodeBodyTransactions {
                    request,
                    peer,
                    response,
                }));
            }
            (Asked::Headers(request), Ok(Some(sync_response::Response::Headers(response)))) => {
                effects.push(Effect::Job(Job::DecodeHeaders {
                    request,
                    peer,
                    response,
                }));
            }
            (Asked::Status, Ok(Some(sync_response::Response::Status(status)))) => {
                if let Some(status) = Status::from_proto(&status) {
                    self.on_peer_status(now, peer, status, effects);
                }
            }
            (asked, Ok(_)) => {
                let failure = RequestFailure::Malformed("an answer to another question".to_owned());
                self.on_request_failed(now, asked, peer, failure, effects);
            }
            (asked, Err(error)) => {
                let failure = match error {
                    RequestError::Busy => RequestFailure::Busy,
                    RequestError::Malformed(reason) => RequestFailure::Malformed(reason),
                    _ => RequestFailure::Unreachable,
                };
                self.on_request_failed(now, asked, peer, failure, effects);
            }
        }
    }

    fn on_request_failed(
        &mut self,
        now: Now,
        asked: Asked,
        peer: PeerId,
        failure: RequestFailure,
        effects: &mut Vec<Effect>,
    ) {
        match asked {
            Asked::Range(request) => {
                self.sync_input(
                    now,
                    sync::Input::RequestFailed {
                        peer,
                        request,
                        failure,
                    },
                    effects,
                );
            }
            Asked::Block(request) | Asked::Transactions(request) => {
                let failed = assembly::Input::RequestFailed {
                    peer,
                    request,
                    failure,
                };
                self.assembly_input(now, failed, effects);
            }
            Asked::Headers(request) => self.on_headers_failed(now, request, peer, failure, effects),
            Asked::Status => {}
        }
    }

    pub(super) fn on_body_decoded(
        &mut self,
        now: Now,
        request: RequestId,
        peer: PeerId,
        result: Result<Option<Box<BlockAnswer>>, DecodeError>,
        effects: &mut Vec<Effect>,
    ) {
        let input = match result {
            Ok(answer) => assembly::Input::BlockArrived {
                peer,
                request,
                answer,
            },
            Err(error) => {
                let failure = RequestFailure::Malformed(error.to_string());
                assembly::Input::RequestFailed {
                    peer,
                    request,
                    failure,
                }
            }
        };
        self.assembly_input(now, input, effects);
    }

    pub(super) fn on_body_transactions_decoded(
        &mut self,
        now: Now,
        request: RequestId,
        peer: PeerId,
        result: Result<Vec<SignedTransaction>, DecodeError>,
        effects: &mut Vec<Effect>,
    ) {
        let input = match result {
            Ok(transactions) => assembly::Input::TransactionsArrived {
                peer,
                request,
                transactions,
            },
            Err(error) => {
                let failure = RequestFailure::Malformed(error.to_string());
                assembly::Input::RequestFailed {
                    peer,
                    request,
                    failure,
                }
            }
        };
        self.assembly_input(now, input, effects);
    }

    /// A peer asks: answered by the reader thread, with what only the core knows put beside.
    pub(super) fn on_request(
        &mut self,
        peer: PeerId,
        channel: ChannelToken,
        request: proto::SyncRequest,
        effects: &mut Vec<Effect>,
    ) {
        let Some(request) = request.request else { return };
        let proposal = match &request {
            sync_request::Request::Block(request) => assembly::decode_block_request(request)
                .ok()
                .and_then(|id| self.blocks.proposals.get(&id).cloned()),
            _ => None,
        };
        tracing::trace!(%peer, "a request");
        let (height, id) = self.head();
        let serving = Serving {
            channel,
            request,
            proposal,
            head: Claim { height, id },
            work: self.work_claim(),
        };
        effects.push(Effect::Job(Job::Serve(Box::new(serving))));
    }
}
