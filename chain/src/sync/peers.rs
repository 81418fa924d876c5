//! What range sync remembers of its peers.

use std::{collections::BTreeMap, time::Duration};

use super::{Claim, MAX_PEERS, Peer, REQUEST_TIMEOUT, RequestId};

/// First rest after a deliberate offence; doubles with each up to [`MAX_REST`].
const OFFENCE_REST: Duration = Duration::from_secs(60);
/// First rest after a timeout or a broken connection; doubles with each up to [`MAX_REST`].
const FAILURE_REST: Duration = Duration::from_secs(2);
/// Rest after "busy".
const BUSY_REST: Duration = Duration::from_secs(1);
/// A peer that is busy this often in a row cannot keep its claim.
const MAX_BUSY: u32 = 10;
/// Longest rest.
const MAX_REST: Duration = Duration::from_secs(600);

/// A request without an answer yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Outstanding {
    pub request: RequestId,
    /// First and last height asked for.
    pub range: (u64, u64),
    pub sent: Duration,
    pub deadline: Duration,
}

#[derive(Debug)]
struct PeerState {
    claim: Claim,
    outstanding: Option<Outstanding>,
    /// Not asked before this time.
    rests_until: Duration,
    /// While resting, the claim does not count.
    distrusted: bool,
    /// Failures since it last delivered verified blocks.
    failures: u32,
    /// Times in a row that it was busy.
    busy: u32,
    /// Answers far shorter than asked since its last full one. Others are preferred.
    short_answers: u32,
    /// How long its last answer took; zero before the first, so that everybody is tried.
    latency: Duration,
}

/// All peers, in order of their key.
#[derive(Debug)]
pub(super) struct Peers<P>(BTreeMap<P, PeerState>);

impl<P: Peer> Peers<P> {
    pub(super) fn new() -> Self {
        Self(BTreeMap::new())
    }

    /// Records a claim; the first makes the peer known.
    pub(super) fn claim(&mut self, peer: P, claim: Claim) {
        if let Some(state) = self.0.get_mut(&peer) {
            state.claim = claim;
        } else if self.0.len() < MAX_PEERS {
            self.0.insert(peer, PeerState::new(claim));
        }
    }

    pub(super) fn remove(&mut self, peer: P) {
        self.0.remove(&peer);
    }

    pub(super) fn count(&self) -> usize {
        self.0.len()
    }

    pub(super) fn claim_of(&self, peer: P) -> Option<Claim> {
        Some(self.0.get(&peer)?.claim)
    }

    /// The highest claim that counts.
    pub(super) fn target(&self, now: Duration) -> Option<u64> {
        self.trusted(now).map(|state| state.claim.height).max()
    }

    /// Peers at `head.height` that name another block there. Claims only, but worth showing.
    pub(super) fn disagreeing(&self, head: Claim) -> usize {
        self.0
            .values()
            .filter(|state| state.claim.height == head.height && state.claim.id != head.id)
            .count()
    }

    /// Whom to ask for the block at `height`: not `avoid` if there is another, then who fails least, who
    /// sends much, who is fast.
    pub(super) fn pick(&self, now: Duration, height: u64, avoid: Option<P>) -> Option<P> {
        self.0
            .iter()
            .filter(|(_, state)| state.outstanding.is_none() && state.rests_until <= now)
            .filter(|(_, state)| state.claim.height >= height)
            .min_by_key(|(peer, state)| {
                (
                    avoid == Some(**peer),
                    state.failures,
                    state.short_answers,
                    state.latency,
                    **peer,
                )
            })
            .map(|(peer, _)| *peer)
    }

    /// Up to `count` peers to ask for their status: those with the highest claims.
    pub(super) fn best(&self, count: usize) -> Vec<P> {
        let mut peers: Vec<(u64, P)> = self
            .0
            .iter()
            .map(|(peer, state)| (state.claim.height, *peer))
            .collect();
        peers.sort_by_key(|(height, peer)| (std::cmp::Reverse(*height), *peer));
        peers.into_iter().take(count).map(|(_, peer)| peer).collect()
    }

    pub(super) fn requests(&self) -> usize {
        self.0
            .values()
            .filter(|state| state.outstanding.is_some())
            .count()
    }

    pub(super) fn asked(&mut self, now: Duration, peer: P, request: RequestId, range: (u64, u64)) {
        if let Some(state) = self.0.get_mut(&peer) {
            let deadline = now.saturating_add(REQUEST_TIMEOUT);
            state.outstanding = Some(Outstanding {
                request,
                range,
                sent: now,
                deadline,
            });
        }
    }

    /// Ends a request. `None`: it is not this peer's, or it is over; the answer must be ignored.
    pub(super) fn answered(&mut self, peer: P, request: RequestId) -> Option<Outstanding> {
        let state = self.0.get_mut(&peer)?;
        state
            .outstanding
            .take_if(|outstanding| outstanding.request == request)
    }

    /// An answer of blocks came. `short`: far fewer than asked, without a reason that we see.
    pub(super) fn delivered(&mut self, peer: P, took: Duration, short: bool) {
        if let Some(state) = self.0.get_mut(&peer) {
            state.latency = took;
            state.busy = 0;
            state.short_answers = if short {
                state.short_answers.saturating_add(1)
            } else {
                0
            };
        }
    }

    /// Blocks of this peer were verified: it keeps its promises.
    pub(super) fn kept_promise(&mut self, peer: P) {
        if let Some(state) = self.0.get_mut(&peer) {
            state.failures = 0;
        }
    }

    pub(super) fn was_busy(&mut self, now: Duration, peer: P) {
        let Some(state) = self.0.get_mut(&peer) else {
            return;
        };
        state.busy = state.busy.saturating_add(1);
        if state.busy >= MAX_BUSY {
            state.fail(now, FAILURE_REST);
        } else {
            state.rests_until = now.saturating_add(BUSY_REST);
            state.distrusted = false;
        }
    }

    /// The peer did not keep its claim: the claim stops counting, and the peer rests.
    pub(super) fn failed(&mut self, now: Duration, peer: P, deliberate: bool) {
        if let Some(state) = self.0.get_mut(&peer) {
            state.fail(now, if deliberate { OFFENCE_REST } else { FAILURE_REST });
        }
    }

    /// Requests whose time is up, ended.
    pub(super) fn expire(&mut self, now: Duration) -> Vec<(P, Outstanding)> {
        let mut expired = Vec::new();
        for (peer, state) in &mut self.0 {
            if let Some(outstanding) = state
                .outstanding
                .take_if(|outstanding| outstanding.deadline <= now)
            {
                expired.push((*peer, outstanding));
            }
        }
        expired
    }

    /// When a request times out or a rest ends next.
    pub(super) fn next_deadline(&self, now: Duration) -> Option<Duration> {
        let requests = self
            .0
            .values()
            .filter_map(|state| Some(state.outstanding?.deadline));
        requests.chain(self.next_rested(now)).min()
    }

    /// When the next resting peer may be asked again.
    pub(super) fn next_rested(&self, now: Duration) -> Option<Duration> {
        self.0
            .values()
            .map(|state| state.rests_until)
            .filter(|until| *until > now)
            .min()
    }

    /// Peers that claim `height` and rest, trusted or not.
    pub(super) fn resting_claimants(&self, now: Duration, height: u64) -> usize {
        self.0
            .values()
            .filter(|state| state.claim.height >= height && state.rests_until > now)
            .count()
    }

    fn trusted(&self, now: Duration) -> impl Iterator<Item = &PeerState> {
        self.0
            .values()
            .filter(move |state| !state.distrusted || state.rests_until <= now)
    }
}

impl PeerState {
    fn new(claim: Claim) -> Self {
        Self {
            claim,
            outstanding: None,
            rests_until: Duration::ZERO,
            distrusted: false,
            failures: 0,
            busy: 0,
            short_answers: 0,
            latency: Duration::ZERO,
        }
    }

    fn fail(&mut self, now: Duration, first_rest: Duration) {
        let doublings = self.failures.min(16);
        let rest = first_rest
            .saturating_mul(2_u32.saturating_pow(doublings))
            .min(MAX_REST);
        self.failures = self.failures.saturating_add(1);
        self.rests_until = now.saturating_add(rest);
        self.distrusted = true;
        self.busy = 0;
    }
}
