//! The machine: what each input does. What follows from the new state is in [`super::steps`].

use std::{collections::BTreeMap, time::Duration};

use aureon_consensus::pow::{HeaderStop, HeadersFault, VerifiedHeaders, Work};
use aureon_types::{BlockId, SealedHeader};

use super::{
    super::{Alarm, BatchId, Peer, RequestFailure, RequestId},
    Claim, Effect, Input, MAX_HEADERS, OTHER_HISTORY_REST, Offence, Tip,
    peers::{Outstanding, Peers},
};

/// Rest of a peer whose headers are ahead of our clock, find no room, or were overtaken; doubles with each time in a
/// row that they were.
pub(super) const WAIT_REST: Duration = Duration::from_secs(5);

/// An answer on its way through worker and consensus.
#[derive(Debug)]
pub(super) struct Batch<P> {
    peer: P,
    /// What the peer claimed when it answered: its chain ends there or later.
    claimed: Work,
    count: usize,
    last: BlockId,
    asked: Outstanding,
}

/// The header sync of one node. See the [module](super) for the protocol.
#[derive(Debug)]
pub struct HeaderSync<P> {
    pub(super) tip: Tip,
    pub(super) peers: Peers<P>,
    pub(super) batches: BTreeMap<BatchId, Batch<P>>,
    pub(super) next_id: u64,
    /// Since when a trusted claim, or the heaviest header, has more work than the head.
    pub(super) behind_since: Option<Duration>,
    /// `Behind` was the last state announced.
    pub(super) behind: bool,
    pub(super) alarm: Alarm,
    /// Since when the head stands still, or since when the last stall was answered; unknown before the
    /// first input.
    pub(super) still_since: Option<Duration>,
    /// The head stands still far below the headers: what follows it is asked for.
    pub(super) stalled: bool,
}

impl<P: Peer> HeaderSync<P> {
    /// For a node with these headers and blocks.
    pub fn new(tip: Tip) -> Self {
        Self {
            tip,
            peers: Peers::new(),
            batches: BTreeMap::new(),
            next_id: 0,
            behind_since: None,
            behind: false,
            alarm: Alarm::default(),
            still_since: None,
            stalled: false,
        }
    }

    /// Takes one input. `now` is monotonic and never goes back.
    pub fn handle(&mut self, now: Duration, input: Input<P>, effects: &mut Vec<Effect<P>>) {
        match input {
            Input::PeerStatus { peer, claim } => self.peers.claim(peer, claim),
            Input::PeerGone { peer } => self.peers.remove(peer),
            Input::Orphan { peer } => {
                if let Some(state) = self.peers.get_mut(peer) {
                    state.orphan = true;
                }
            }
            Input::HeadersArrived {
                peer,
                request,
                headers,
                claim,
            } => {
                self.on_headers(now, peer, request, headers, claim, effects);
            }
            Input::RequestFailed {
                peer,
                request,
                failure,
            } => {
                self.on_request_failed(now, peer, request, failure, effects);
            }
            Input::HeadersVerified { batch, result } => self.on_verified(now, batch, result, effects),
            Input::HeadersJudged {
                batch,
                accepted,
                stop,
            } => {
                self.on_judged(now, batch, accepted, stop, effects);
            }
            Input::TipChanged(tip) => {
                if tip.header.work < self.tip.header.work {
                    self.peers.blame_barren(now);
                }
                if tip.head != self.tip.head {
                    self.still_since = Some(now);
                    self.stalled = false;
                }
                self.tip = tip;
            }
            Input::TimerFired(timer) => self.alarm.fired(timer),
        }
        self.advance(now, effects);
    }

    fn on_headers(
        &mut self,
        now: Duration,
        peer: P,
        request: RequestId,
        headers: Vec<SealedHeader>,
        claim: Option<Claim>,
        effects: &mut Vec<Effect<P>>,
    ) {
        let Some(outstanding) = self.peers.answered(peer, request) else {
            return;
        };
        let tip = self.tip;
        let Some(state) = self.peers.get_mut(peer) else {
            return;
        };
        state.orphan = false;
        if let Some(claim) = claim {
            state.claim = claim;
        }
        let claimed = claim.map_or(outstanding.claimed, |claim| claim.work);
        let Some(last) = headers.last().map(SealedHeader::id) else {
            // Nothing more: honest if we have what it has by now.
            if claimed > tip.header.work {
                self.penalize(now, peer, Offence::ClaimNotKept { claimed }, effects);
            }
            return;
        };
        if let Err(offence) = check(&headers) {
            return self.penalize(now, peer, offence, effects);
        }
        state.judging = true;
        let count = headers.len();
        let batch = BatchId(self.new_id());
        self.batches.insert(
            batch,
            Batch {
                peer,
                claimed,
                count,
                last,
                asked: outstanding,
            },
        );
        effects.push(Effect::Verify { batch, headers });
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
        let Some(state) = self.peers.get_mut(peer) else {
            return;
        };
        match failure {
            RequestFailure::Busy => state.was_busy(now),
            RequestFailure::Unreachable => state.failed(now, false),
            RequestFailure::Malformed(reason) => {
                self.penalize(now, peer, Offence::Malformed(reason), effects)
            }
        }
    }

    fn on_verified(
        &mut self,
        now: Duration,
        batch: BatchId,
        result: Result<VerifiedHeaders, HeadersFault>,
        effects: &mut Vec<Effect<P>>,
    ) {
        match result {
            Ok(headers) if self.batches.contains_key(&batch) => {
                effects.push(Effect::Deliver { batch, headers })
            }
            Ok(_) => {}
            Err(HeadersFault { height, fault }) => {
                if let Some(Batch { peer, .. }) = self.end(batch) {
                    self.penalize(now, peer, Offence::BadHeader { height, fault }, effects);
                }
            }
        }
    }

    fn on_judged(
        &mut self,
        now: Duration,
        batch: BatchId,
        accepted: usize,
        stop: Option<HeaderStop>,
        effects: &mut Vec<Effect<P>>,
    ) {
        let Some(Batch {
            peer,
            claimed,
            count,
            last,
            asked,
        }) = self.end(batch)
        else {
            return;
        };
        let best = self.tip.header.work;
        let overtaken = stop.as_ref().is_some_and(|stop| self.has_overtaken(&asked, stop));
        let Some(state) = self.peers.get_mut(peer) else {
            return;
        };
        state.delivered |= accepted > 0;
        state.filled |= accepted > 0;
        if accepted > 0 {
            state.overtaken = 0;
        }
        if overtaken && state.is_excused(now) {
            return;
        }
        match stop {
            None if claimed <= best => {
                state.kept_promise();
                state.continues_at = None;
            }
            None => {
                let moved = state.continues_at.replace(last) != Some(last);
                if count < MAX_HEADERS || !moved {
                    self.penalize(now, peer, Offence::ClaimNotKept { claimed }, effects);
                }
            }
            Some(HeaderStop::Invalid { height, fault }) => {
                self.penalize(now, peer, Offence::BadHeader { height, fault }, effects);
            }
            Some(HeaderStop::UnknownParent) => self.penalize(now, peer, Offence::NotConnected, effects),
            Some(HeaderStop::TooDeep) => {
                let height = state.claim.head.height;
                state.ignore(now, OTHER_HISTORY_REST);
                effects.push(Effect::OtherHistory { peer, height });
            }
            Some(HeaderStop::AheadOfClock { .. } | HeaderStop::Full) => {
                if accepted > 0 {
                    state.kept_promise();
                }
                state.rest(now, WAIT_REST);
            }
        }
    }

    /// Whether an answer found no place only because we went on while it was on its way: what it follows was here when
    /// it was asked for, and is below the last final block by now, or was forgotten.
    fn has_overtaken(&self, asked: &Outstanding, stop: &HeaderStop) -> bool {
        match stop {
            HeaderStop::TooDeep => asked.tip.head != self.tip.head,
            HeaderStop::UnknownParent => asked.continued || asked.tip != self.tip,
            _ => false,
        }
    }

    /// Takes a batch out, whose peer is free again.
    fn end(&mut self, batch: BatchId) -> Option<Batch<P>> {
        let batch = self.batches.remove(&batch)?;
        if let Some(state) = self.peers.get_mut(batch.peer) {
            state.judging = false;
        }
        Some(batch)
    }

    pub(super) fn penalize(
        &mut self,
        now: Duration,
        peer: P,
        offence: Offence,
        effects: &mut Vec<Effect<P>>,
    ) {
        if let Some(state) = self.peers.get_mut(peer) {
            state.failed(now, offence.is_deliberate());
        }
        effects.push(Effect::Penalize { peer, offence });
    }

    pub(super) fn new_id(&mut self) -> u64 {
        self.next_id = self.next_id.wrapping_add(1);
        self.next_id
    }
}

/// What can be said of an answer without hashing: not too many, each on the one before.
fn check(headers: &[SealedHeader]) -> Result<(), Offence> {
    if headers.len() > MAX_HEADERS {
        return Err(Offence::TooManyHeaders {
            asked: MAX_HEADERS,
            given: headers.len(),
        });
    }
    for (below, above) in headers.iter().zip(headers.iter().skip(1)) {
        let (height, expected) = (above.header().height, below.header().height.saturating_add(1));
        if above.header().parent_id != below.id() || height != expected {
            return Err(Offence::BrokenChain { height });
        }
    }
    Ok(())
}
