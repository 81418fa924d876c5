//! Range sync and the rest of the core.

use aureon_chain::{
    assembly,
    sync::{self, Claim, RequestId},
};
use aureon_consensus::Now;
use aureon_proto::v1::{self as proto, sync_request};
use aureon_protocol::{Offence, PeerId, Status};
use aureon_types::{CertifiedBlock, DecodeError};

use super::{Core, Effect, Importing, Job, Timer, requests::Asked};

impl Core {
    pub(super) fn sync_input(&mut self, now: Now, input: sync::Input<PeerId>, effects: &mut Vec<Effect>) {
        let mut wishes = Vec::new();
        self.sync.handle(now.monotonic, input, &mut wishes);
        for wish in wishes {
            self.on_sync_effect(wish, effects);
        }
    }

    fn on_sync_effect(&mut self, wish: sync::Effect<PeerId>, effects: &mut Vec<Effect>) {
        match wish {
            sync::Effect::RequestRange {
                peer,
                request,
                from,
                count,
            } => {
                let body = proto::RangeRequest {
                    from: Some(from),
                    count: Some(count),
                };
                let asked = Asked::Range(request);
                self.ask(peer, asked, sync_request::Request::Range(body), effects);
            }
            sync::Effect::RequestStatus { peer } => self.ask_for_status(peer, effects),
            sync::Effect::Verify { batch, blocks } => effects.push(Effect::Job(Job::VerifyRange {
                batch,
                blocks,
                lineage: self.parent.lineage.clone(),
            })),
            sync::Effect::Import { batch, blocks } => {
                effects.push(Effect::Job(Job::Import(Box::new(Importing { batch, blocks }))));
            }
            sync::Effect::Penalize { peer, offence } => {
                effects.push(blame(peer, offence.is_deliberate(), &offence));
            }
            sync::Effect::StartTimer { timer, after } => {
                effects.push(Effect::StartTimer {
                    timer: Timer::Sync(timer),
                    after,
                });
            }
            sync::Effect::Behind { target } => self.on_behind(target),
            sync::Effect::Synced { height } => self.on_caught_up(height),
            sync::Effect::Conflict { height, ours, theirs } => tracing::error!(
                height, %ours, %theirs,
                "the network decided a block that does not follow ours: this database belongs to another history, or more than a third of the validators signed twice"
            ),
        }
    }

    /// A sync machine found that peers have come further.
    pub(super) fn on_behind(&mut self, target: u64) {
        let (height, _) = self.head();
        tracing::info!(height, target, "catching up");
        self.set_behind(true);
    }

    /// A sync machine found nothing more to ask for.
    pub(super) fn on_caught_up(&mut self, height: u64) {
        tracing::info!(height, "caught up");
        self.set_behind(false);
    }

    fn set_behind(&mut self, behind: bool) {
        self.behind = behind;
        self.pending_engine
            .push_back(aureon_consensus::Input::Behind(behind));
    }

    pub(super) fn on_peer_status(
        &mut self,
        now: Now,
        peer: PeerId,
        status: Status,
        effects: &mut Vec<Effect>,
    ) {
        let claim = Claim {
            height: status.height,
            id: status.head_id,
        };
        if self.peers.insert(peer, claim).is_none() {
            self.assembly_input(now, assembly::Input::PeerReady { peer }, effects);
        }
        if !self.on_work_status(now, peer, &status, effects) {
            self.sync_input(now, sync::Input::PeerStatus { peer, claim }, effects);
        }
    }

    pub(super) fn on_peer_gone(&mut self, now: Now, peer: PeerId, effects: &mut Vec<Effect>) {
        self.peers.remove(&peer);
        self.on_work_peer_gone(now, peer, effects);
        self.sync_input(now, sync::Input::PeerGone { peer }, effects);
        self.assembly_input(now, assembly::Input::PeerGone { peer }, effects);
    }

    pub(super) fn on_range_decoded(
        &mut self,
        now: Now,
        request: RequestId,
        peer: PeerId,
        result: Result<(Vec<CertifiedBlock>, Option<Claim>), DecodeError>,
        effects: &mut Vec<Effect>,
    ) {
        let input = match result {
            Ok((blocks, claim)) => sync::Input::RangeArrived {
                peer,
                request,
                blocks,
                claim,
            },
            Err(error) => {
                let failure = sync::RequestFailure::Malformed(error.to_string());
                sync::Input::RequestFailed {
                    peer,
                    request,
                    failure,
                }
            }
        };
        self.sync_input(now, input, effects);
    }
}

/// What a sync machine holds against a peer. Only what no honest peer does is more than being slow.
pub(super) fn blame(peer: PeerId, is_deliberate: bool, reason: &dyn std::fmt::Display) -> Effect {
    let offence = if is_deliberate {
        Offence::InvalidBlock
    } else {
        Offence::Unresponsive
    };
    Effect::Penalize {
        peer,
        offence,
        reason: reason.to_string(),
    }
}
