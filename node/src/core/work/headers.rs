//! Header sync and the rest of the core.

use aureon_chain::sync::{
    BatchId, Head, RequestFailure, RequestId,
    headers::{self, Claim, HeaderSync, Tip},
};
use aureon_consensus::{
    Input as EngineInput, Now,
    pow::{HeaderStop, Pow, VerifiedHeaders, Work},
};
use aureon_proto::v1::sync_request;
use aureon_protocol::{Offence, PeerId, Status};
use aureon_types::{BlockId, DecodeError, SealedHeader};

use crate::core::{Core, Effect, Job, Timer, ranges::blame, requests::Asked};

/// The machine that finds the heaviest chain, and what it was told last.
pub(in crate::core) struct HeaderFlow {
    sync: HeaderSync<PeerId>,
    tip: Tip,
}

impl HeaderFlow {
    /// For an engine that has started; `None` where blocks are not mined.
    pub(in crate::core) fn new(engine: Option<&Pow>) -> Option<Self> {
        let tip = tip(engine?)?;
        Some(Self {
            sync: HeaderSync::new(tip),
            tip,
        })
    }

    /// For `/status`.
    pub(in crate::core) fn status(&self, now: Now) -> aureon_chain::sync::Status {
        self.sync.status(now.monotonic)
    }
}

fn tip(engine: &Pow) -> Option<Tip> {
    let claim = |id: BlockId| {
        let chain = engine.work_chain(&id)?;
        let height = chain.height();
        Some(Claim {
            head: Head { height, id },
            work: chain.work(),
        })
    };
    Some(Tip {
        header: claim(engine.best_header())?,
        head: claim(engine.head())?,
    })
}

/// What a peer's status says under proof of work.
fn claim(status: &Status) -> Option<Claim> {
    Some(Claim {
        head: Head {
            height: status.height,
            id: status.head_id,
        },
        work: Work::from_bytes(&status.work?),
    })
}

impl Core {
    fn header_input(&mut self, now: Now, input: headers::Input<PeerId>, effects: &mut Vec<Effect>) {
        let Some(flow) = &mut self.headers else { return };
        let mut wishes = Vec::new();
        flow.sync.handle(now.monotonic, input, &mut wishes);
        for wish in wishes {
            self.on_header_effect(wish, effects);
        }
    }

    fn on_header_effect(&mut self, wish: headers::Effect<PeerId>, effects: &mut Vec<Effect>) {
        match wish {
            headers::Effect::RequestHeaders {
                peer,
                request,
                after,
                count,
            } => {
                let locator = self.engine.work().map(|engine| engine.locator(after.as_ref()));
                let body = headers::headers_request(&locator.unwrap_or_default(), count);
                let asked = Asked::Headers(request);
                self.ask(peer, asked, sync_request::Request::Headers(body), effects);
            }
            headers::Effect::Verify { batch, headers } => {
                effects.push(Effect::Job(Job::VerifyHeaders { batch, headers }));
            }
            headers::Effect::Deliver { batch, headers } => self.deliver(batch, headers),
            headers::Effect::Penalize { peer, offence } => {
                effects.push(blame(peer, offence.is_deliberate(), &offence));
            }
            headers::Effect::OtherHistory { peer, height } => tracing::error!(
                %peer, height,
                "a peer claims a heavier chain that leaves ours below our last final block; it is not followed: see \
                 which of the two is right"
            ),
            headers::Effect::StartTimer { timer, after } => effects.push(Effect::StartTimer {
                timer: Timer::Headers(timer),
                after,
            }),
            headers::Effect::Behind { target } => self.on_behind(target),
            headers::Effect::Synced { height } => self.on_caught_up(height),
        }
    }

    fn deliver(&mut self, batch: BatchId, headers: VerifiedHeaders) {
        let batch = batch.0;
        self.pending_engine
            .push_back(EngineInput::Headers { batch, headers });
    }

    pub(in crate::core) fn on_headers_timer(
        &mut self,
        now: Now,
        timer: aureon_chain::sync::TimerId,
        effects: &mut Vec<Effect>,
    ) {
        self.header_input(now, headers::Input::TimerFired(timer), effects);
    }

    /// A gossiped block whose parent is not here: whoever sent it has the way to it.
    pub(super) fn on_orphan(
        &mut self,
        now: Now,
        peer: PeerId,
        header: &SealedHeader,
        effects: &mut Vec<Effect>,
    ) {
        tracing::debug!(%peer, block = %header.id(), "a block whose parent is not here");
        self.header_input(now, headers::Input::Orphan { peer }, effects);
    }

    /// The engine has judged headers.
    pub(in crate::core) fn on_headers_judged(
        &mut self,
        now: Now,
        batch: u64,
        accepted: usize,
        stop: Option<HeaderStop>,
        effects: &mut Vec<Effect>,
    ) {
        // The machine wants to know first how far the headers go now.
        self.tell_tip(now, effects);
        let judged = headers::Input::HeadersJudged {
            batch: BatchId(batch),
            accepted,
            stop,
        };
        self.header_input(now, judged, effects);
    }

    /// Tells header sync how far headers and head go, if that has changed.
    pub(in crate::core) fn tell_tip(&mut self, now: Now, effects: &mut Vec<Effect>) {
        let tip = self.engine.work().and_then(tip);
        let (Some(tip), Some(flow)) = (tip, &mut self.headers) else {
            return;
        };
        if flow.tip != tip {
            flow.tip = tip;
            self.header_input(now, headers::Input::TipChanged(tip), effects);
        }
    }

    /// A peer told its head. False where blocks are not mined: range sync is told instead.
    pub(in crate::core) fn on_work_status(
        &mut self,
        now: Now,
        peer: PeerId,
        status: &Status,
        effects: &mut Vec<Effect>,
    ) -> bool {
        let Some(engine) = self.engine.work() else {
            return false;
        };
        if engine.is_invalid(&status.head_id) {
            effects.push(Effect::Penalize {
                peer,
                offence: Offence::InvalidBlock,
                reason: format!("its head is block {}, which is invalid", status.head_id),
            });
        } else if let Some(claim) = claim(status) {
            self.header_input(now, headers::Input::PeerStatus { peer, claim }, effects);
        }
        true
    }

    pub(in crate::core) fn on_work_peer_gone(&mut self, now: Now, peer: PeerId, effects: &mut Vec<Effect>) {
        self.header_input(now, headers::Input::PeerGone { peer }, effects);
    }

    /// An answer with headers was decoded.
    pub(in crate::core) fn on_headers_decoded(
        &mut self,
        now: Now,
        request: RequestId,
        peer: PeerId,
        result: Result<(Vec<SealedHeader>, Option<Claim>), DecodeError>,
        effects: &mut Vec<Effect>,
    ) {
        let input = match result {
            Ok((headers, claim)) => headers::Input::HeadersArrived {
                peer,
                request,
                headers,
                claim,
            },
            Err(error) => {
                let failure = RequestFailure::Malformed(error.to_string());
                headers::Input::RequestFailed {
                    peer,
                    request,
                    failure,
                }
            }
        };
        self.header_input(now, input, effects);
    }

    pub(in crate::core) fn on_headers_failed(
        &mut self,
        now: Now,
        request: RequestId,
        peer: PeerId,
        failure: RequestFailure,
        effects: &mut Vec<Effect>,
    ) {
        let failed = headers::Input::RequestFailed {
            peer,
            request,
            failure,
        };
        self.header_input(now, failed, effects);
    }

    /// The work of headers was checked.
    pub(in crate::core) fn on_headers_verified(
        &mut self,
        now: Now,
        batch: BatchId,
        result: Result<VerifiedHeaders, aureon_consensus::pow::HeadersFault>,
        effects: &mut Vec<Effect>,
    ) {
        self.header_input(now, headers::Input::HeadersVerified { batch, result }, effects);
    }

    /// Our head with the work behind it, under proof of work.
    pub(in crate::core) fn work_claim(&self) -> Option<Claim> {
        self.headers.as_ref().map(|flow| flow.tip.head)
    }
}
