//! The machine: what each input does. What follows from the new state is in [`super::plan`].

use std::time::Duration;

use aureon_types::CertifiedBlock;

use super::{
    Alarm, BatchFault, BatchId, Claim, Effect, Head, ImportFault, Input, Offence, Peer, RequestFailure,
    RequestId, VerifiedBlocks,
    batch::{Batch, Stage, bytes_of, check},
    peers::Peers,
};

/// First pause after an import failed by our own fault; doubles up to [`MAX_PAUSE`].
const PAUSE: Duration = Duration::from_secs(2);
/// Longest pause.
const MAX_PAUSE: Duration = Duration::from_secs(60);
/// An answer that ends early with fewer bytes than this was cut for no good reason.
const FAIR_ANSWER_BYTES: usize = 1 << 20;

/// The next block is left to gossip until `deadline`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Grace {
    pub height: u64,
    pub deadline: Duration,
}

/// Sync rests because something here, not at a peer, is wrong.
#[derive(Clone, Debug)]
pub(super) struct Pause {
    pub until: Duration,
    pub reason: String,
}

/// The range sync of one node. See the [module](super) for the protocol.
#[derive(Debug)]
pub struct RangeSync<P> {
    pub(super) head: Head,
    /// Certificates above this height cannot be checked yet: their validators are not known.
    pub(super) known_until: u64,
    pub(super) peers: Peers<P>,
    /// In order of height, without gaps or overlap, except that batches with a worker may be passed by
    /// the head before the worker answers.
    pub(super) batches: Vec<Batch<P>>,
    pub(super) next_id: u64,
    /// `Behind` was the last state announced.
    pub(super) behind: bool,
    pub(super) grace: Option<Grace>,
    /// Votes imply that this height is committed, though no peer claims it.
    pub(super) rumour: Option<Grace>,
    pub(super) pause: Option<Pause>,
    /// Failures of our own since the last import.
    own_failures: u32,
    /// Moving average of the size of blocks, in bytes; at least 1.
    pub(super) block_bytes: u64,
    pub(super) alarm: Alarm,
}

impl<P: Peer> RangeSync<P> {
    /// A machine for a node whose last committed block is `head`, and which knows the validators of
    /// all heights up to `known_until`.
    pub fn new(head: Head, known_until: u64) -> Self {
        Self {
            head,
            known_until,
            peers: Peers::new(),
            batches: Vec::new(),
            next_id: 0,
            behind: false,
            grace: None,
            rumour: None,
            pause: None,
            own_failures: 0,
            block_bytes: 1,
            alarm: Alarm::default(),
        }
    }

    /// Takes one input. `now` is monotonic and never goes back.
    pub fn handle(&mut self, now: Duration, input: Input<P>, effects: &mut Vec<Effect<P>>) {
        match input {
            Input::PeerStatus { peer, claim } => self.peers.claim(peer, claim),
            Input::PeerGone { peer } => self.on_peer_gone(peer),
            Input::RangeArrived {
                peer,
                request,
                blocks,
                claim,
            } => {
                self.on_range(now, peer, request, blocks, claim, effects);
            }
            Input::RequestFailed {
                peer,
                request,
                failure,
            } => {
                self.on_request_failed(now, peer, request, failure, effects);
            }
            Input::BatchVerified { batch, result } => self.on_verified(now, batch, result, effects),
            Input::Imported { batch } => self.on_imported(batch),
            Input::ImportFailed { batch, height, fault } => {
                self.on_import_failed(now, batch, height, fault, effects);
            }
            Input::HeadChanged { head, known_until } => {
                (self.head, self.known_until) = (head, known_until);
            }
            Input::VoteSeen { height } => self.on_vote(now, height),
            Input::TimerFired(timer) => self.alarm.fired(timer),
        }
        self.advance(now, effects);
    }

    fn on_peer_gone(&mut self, peer: P) {
        self.peers.remove(peer);
        for batch in &mut self.batches {
            if matches!(batch.stage, Stage::Downloading { peer: asked, .. } if asked == peer) {
                batch.requeue();
            }
        }
    }

    fn on_range(
        &mut self,
        now: Duration,
        peer: P,
        request: RequestId,
        blocks: Vec<CertifiedBlock>,
        claim: Option<Claim>,
        effects: &mut Vec<Effect<P>>,
    ) {
        let Some(outstanding) = self.peers.answered(peer, request) else {
            return;
        };
        let claimed = self.peers.claim_of(peer).map_or(0, |claim| claim.height);
        if let Some(claim) = claim {
            self.peers.claim(peer, claim);
        }
        let Some(position) = self
            .batches
            .iter()
            .position(|batch| batch.is_downloading(request))
        else {
            return;
        };
        let Some(batch) = self.batches.get_mut(position) else {
            return;
        };
        if let Err(offence) = check(&blocks, batch.from, batch.last, claimed) {
            batch.requeue();
            return self.penalize(now, peer, offence, effects);
        }
        let (bytes, last) = (bytes_of(&blocks), last_height(&blocks, batch.last));
        let (rest_from, rest_last) = (last.saturating_add(1), batch.last);
        batch.last = last;
        batch.bytes = bytes;
        batch.stage = Stage::Downloaded { peer, blocks };
        self.learn_size(bytes, position);
        let short = last < rest_last && bytes < FAIR_ANSWER_BYTES;
        self.peers
            .delivered(peer, now.saturating_sub(outstanding.sent), short);
        if last < rest_last {
            let id = self.new_batch_id();
            self.batches
                .insert(position.saturating_add(1), Batch::new(id, rest_from, rest_last));
        }
    }

    fn learn_size(&mut self, bytes: usize, position: usize) {
        let count = self.batches.get(position).map_or(1, Batch::count).max(1);
        let each = u64::try_from(bytes)
            .unwrap_or(u64::MAX)
            .checked_div(count)
            .unwrap_or(0);
        // A quarter of the new: one odd batch changes little.
        self.block_bytes = (self.block_bytes.saturating_mul(3).saturating_add(each) / 4).max(1);
    }

    fn on_request_failed(
        &mut self,
        now: Duration,
        peer: P,
        request: RequestId,
        failure: RequestFailure,
        effects: &mut Vec<Effect<P>>,
    ) {
        if self.peers.answered(peer, request).is_none() {
            return;
        }
        if let Some(batch) = self
            .batches
            .iter_mut()
            .find(|batch| batch.is_downloading(request))
        {
            batch.requeue();
        }
        match failure {
            RequestFailure::Busy => self.peers.was_busy(now, peer),
            RequestFailure::Unreachable => self.peers.failed(now, peer, false),
            RequestFailure::Malformed(reason) => {
                self.penalize(now, peer, Offence::Malformed(reason), effects);
            }
        }
    }

    fn on_verified(
        &mut self,
        now: Duration,
        id: BatchId,
        result: Result<VerifiedBlocks, BatchFault>,
        effects: &mut Vec<Effect<P>>,
    ) {
        let Some(batch) = self.batches.iter_mut().find(|batch| batch.id == id) else {
            return;
        };
        let Stage::Verifying { peer } = batch.stage else {
            return;
        };
        match result {
            Ok(blocks) => {
                batch.stage = Stage::Verified { peer, blocks };
                self.peers.kept_promise(peer);
            }
            Err(BatchFault { height, fault }) => {
                batch.requeue();
                self.penalize(now, peer, Offence::BadCertificate { height, fault }, effects);
            }
        }
    }

    fn on_imported(&mut self, id: BatchId) {
        self.batches.retain(|batch| batch.id != id);
        self.own_failures = 0;
    }

    fn on_import_failed(
        &mut self,
        now: Duration,
        id: BatchId,
        height: u64,
        fault: ImportFault,
        effects: &mut Vec<Effect<P>>,
    ) {
        let Some(batch) = self.batches.iter_mut().find(|batch| batch.id == id) else {
            return;
        };
        let Stage::Importing { peer } = batch.stage else {
            return;
        };
        batch.requeue();
        match fault {
            ImportFault::Sender(reason) => {
                self.penalize(now, peer, Offence::BadBlock { height, reason }, effects);
            }
            ImportFault::Ours(reason) => {
                batch.avoid = None;
                self.pause(now, format!("the import of block {height} failed here: {reason}"));
            }
        }
    }

    /// A vote for `height` says that the block below is committed somewhere. It is unproven, so it only
    /// makes us ask peers for their status, and only once per grace period.
    fn on_vote(&mut self, now: Duration, height: u64) {
        let committed = height.saturating_sub(1);
        let known = self.head.height.max(self.peers.target(now).unwrap_or(0));
        if committed <= known {
            return;
        }
        let deadline = self
            .rumour
            .map_or(now.saturating_add(super::GRACE), |rumour| rumour.deadline);
        let highest = self
            .rumour
            .map_or(committed, |rumour| rumour.height.max(committed));
        self.rumour = Some(Grace {
            height: highest,
            deadline,
        });
    }

    pub(super) fn pause(&mut self, now: Duration, reason: String) {
        let doublings = self.own_failures.min(16);
        let pause = PAUSE
            .saturating_mul(2_u32.saturating_pow(doublings))
            .min(MAX_PAUSE);
        self.own_failures = self.own_failures.saturating_add(1);
        self.pause = Some(Pause {
            until: now.saturating_add(pause),
            reason,
        });
    }

    pub(super) fn penalize(
        &mut self,
        now: Duration,
        peer: P,
        offence: Offence,
        effects: &mut Vec<Effect<P>>,
    ) {
        self.peers.failed(now, peer, offence.is_deliberate());
        effects.push(Effect::Penalize { peer, offence });
    }

    pub(super) fn new_id(&mut self) -> u64 {
        self.next_id = self.next_id.wrapping_add(1);
        self.next_id
    }

    pub(super) fn new_batch_id(&mut self) -> BatchId {
        BatchId(self.new_id())
    }
}

fn last_height(blocks: &[CertifiedBlock], otherwise: u64) -> u64 {
    blocks
        .last()
        .map_or(otherwise, |certified| certified.block.header().height)
}
