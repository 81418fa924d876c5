//! What header sync remembers of its peers.

use std::{collections::BTreeMap, time::Duration};

use aureon_consensus::pow::Work;
use aureon_types::BlockId;

use super::{
    super::{MAX_PEERS, Peer, RequestId},
    Claim, HEDGE, REQUEST_TIMEOUT, STALL, Tip,
    machine::WAIT_REST,
};

/// First rest after a deliberate offence; doubles with each up to [`MAX_REST`].
const OFFENCE_REST: Duration = Duration::from_secs(60);
/// First rest after a timeout or a broken connection; doubles with each up to [`MAX_REST`].
const FAILURE_REST: Duration = Duration::from_secs(2);
/// Rest after "busy".
const BUSY_REST: Duration = Duration::from_secs(1);
/// Longest rest.
const MAX_REST: Duration = Duration::from_secs(600);

/// How often in a row a peer's headers may find no place because we went on meanwhile. Then it counts as what it else
/// would: a peer with another history can always be slow.
pub(super) const MAX_OVERTAKEN: u32 = 3;

/// A request without an answer yet.
#[derive(Clone, Copy, Debug)]
pub(super) struct Outstanding {
    pub request: RequestId,
    pub sent: Duration,
    /// What the peer claimed when it was asked.
    pub claimed: Work,
    /// What we had then.
    pub tip: Tip,
    /// It was asked for what follows its own last answer.
    pub continued: bool,
}

impl Outstanding {
    fn deadline(&self) -> Duration {
        self.sent.saturating_add(REQUEST_TIMEOUT)
    }
}

#[derive(Debug)]
pub(super) struct PeerState {
    pub claim: Claim,
    /// When the claim first exceeded what we have, for the grace that gossip gets.
    pub ahead_since: Option<Duration>,
    /// It sent a header whose parent is not here.
    pub orphan: bool,
    pub outstanding: Option<Outstanding>,
    /// An answer of this peer is being checked or judged.
    pub judging: bool,
    /// The last header of its last full answer: the next begins there.
    pub continues_at: Option<BlockId>,
    /// Headers of it were taken since the last stall.
    pub delivered: bool,
    /// Headers of it were taken since headers were last forgotten.
    pub filled: bool,
    /// How often in a row its headers found no place because we went on meanwhile.
    pub overtaken: u32,
    /// How often headers were forgotten that it may have sent.
    barren: u32,
    pub rests_until: Duration,
    /// While resting, the claim does not count.
    distrusted: bool,
    /// Failures since it last delivered headers that were new.
    failures: u32,
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

    pub(super) fn get_mut(&mut self, peer: P) -> Option<&mut PeerState> {
        self.0.get_mut(&peer)
    }

    pub(super) fn remove(&mut self, peer: P) {
        self.0.remove(&peer);
    }

    pub(super) fn count(&self) -> usize {
        self.0.len()
    }

    /// The claim with the most work that counts.
    pub(super) fn target(&self, now: Duration) -> Option<Claim> {
        let trusted = self.0.values().filter(|state| state.is_trusted(now));
        trusted.map(|state| state.claim).max_by_key(|claim| claim.work)
    }

    /// Peers whose head has our height and another id. Claims only, but worth showing.
    pub(super) fn disagreeing(&self, head: Claim) -> usize {
        let other = |claim: &Claim| claim.head.height == head.head.height && claim.head.id != head.head.id;
        self.0.values().filter(|state| other(&state.claim)).count()
    }

    /// Requests in flight and answers being judged.
    pub(super) fn busy(&self) -> usize {
        let busy = |state: &&PeerState| state.outstanding.is_some() || state.judging;
        self.0.values().filter(busy).count()
    }

    pub(super) fn requests(&self) -> usize {
        self.0
            .values()
            .filter(|state| state.outstanding.is_some())
            .count()
    }

    /// When the oldest request in flight was sent.
    pub(super) fn oldest_request(&self) -> Option<Duration> {
        self.0
            .values()
            .filter_map(|state| Some(state.outstanding?.sent))
            .min()
    }

    /// Whether an answer is being judged.
    pub(super) fn is_judging(&self) -> bool {
        self.0.values().any(|state| state.judging)
    }

    /// Notes for every peer whether its claim exceeds `work` since when.
    pub(super) fn compare(&mut self, now: Duration, work: Work) {
        for state in self.0.values_mut() {
            if state.claim.work > work || state.orphan {
                state.ahead_since.get_or_insert(now);
            } else {
                state.ahead_since = None;
            }
        }
    }

    /// Whom to ask now, of those whose claim is older than `grace` allows: whose headers were forgotten
    /// least often, then who fails least, then who claims most.
    pub(super) fn pick(&self, now: Duration, grace: impl Fn(&PeerState) -> Duration) -> Option<P> {
        self.0
            .iter()
            .filter(|(_, state)| state.is_free(now))
            .filter(|(_, state)| {
                state
                    .ahead_since
                    .is_some_and(|since| now >= since.saturating_add(grace(state)))
            })
            .min_by_key(|(peer, state)| {
                let claimed = std::cmp::Reverse(state.claim.work);
                (state.barren, state.failures, claimed, **peer)
            })
            .map(|(peer, _)| *peer)
    }

    /// A request goes out, from us with `tip`.
    pub(super) fn asked(&mut self, now: Duration, peer: P, request: RequestId, tip: Tip) {
        if let Some(state) = self.0.get_mut(&peer) {
            state.outstanding = Some(Outstanding {
                request,
                sent: now,
                claimed: state.claim.work,
                tip,
                continued: state.continues_at.is_some(),
            });
        }
    }

    /// Ends a request. `None`: it is not this peer's, or it is over; the answer must be ignored.
    pub(super) fn answered(&mut self, peer: P, request: RequestId) -> Option<Outstanding> {
        let state = self.0.get_mut(&peer)?;
        state.outstanding.take_if(|asked| asked.request == request)
    }

    /// Requests whose time is up, ended.
    pub(super) fn expire(&mut self, now: Duration) -> Vec<P> {
        let mut expired = Vec::new();
        for (peer, state) in &mut self.0 {
            if state
                .outstanding
                .take_if(|asked| asked.deadline() <= now)
                .is_some()
            {
                expired.push(*peer);
            }
        }
        expired
    }

    /// Those whose headers were taken are not asked for a while, without blame: others go first.
    pub(super) fn rest_deliverers(&mut self, now: Duration) {
        for state in self.0.values_mut() {
            if std::mem::take(&mut state.delivered) {
                state.continues_at = None;
                state.rest(now, STALL);
            }
        }
    }

    /// The heaviest headers were forgotten, because their bodies did not come or were invalid. Whoever sent
    /// headers since the last time rests, and is asked after the others from now on.
    pub(super) fn blame_barren(&mut self, now: Duration) {
        for state in self.0.values_mut() {
            if std::mem::take(&mut state.filled) {
                state.delivered = false;
                state.barren = state.barren.saturating_add(1);
                state.continues_at = None;
                state.rests_until = state.rests_until.max(now.saturating_add(STALL));
            }
        }
    }

    /// When something here changes by time alone.
    pub(super) fn next_deadline(
        &self,
        now: Duration,
        grace: impl Fn(&PeerState) -> Duration,
    ) -> Option<Duration> {
        let deadlines = self.0.values().flat_map(|state| {
            let request = state.outstanding.as_ref().map(Outstanding::deadline);
            let hedge = state.outstanding.map(|asked| asked.sent.saturating_add(HEDGE));
            let ahead = state
                .ahead_since
                .filter(|_| state.outstanding.is_none() && !state.judging);
            let ask = ahead.map(|since| since.saturating_add(grace(state)).max(state.rests_until));
            [request, hedge, ask]
        });
        deadlines.flatten().filter(|deadline| *deadline > now).min()
    }

    /// When the first peer with more work than we have stops resting.
    pub(super) fn next_rested(&self, now: Duration) -> Option<Duration> {
        let resting = self.0.values().filter(|state| state.ahead_since.is_some());
        resting
            .map(|state| state.rests_until)
            .filter(|until| *until > now)
            .min()
    }
}

impl PeerState {
    fn new(claim: Claim) -> Self {
        Self {
            claim,
            ahead_since: None,
            orphan: false,
            outstanding: None,
            judging: false,
            continues_at: None,
            delivered: false,
            filled: false,
            overtaken: 0,
            barren: 0,
            rests_until: Duration::ZERO,
            distrusted: false,
            failures: 0,
        }
    }

    fn is_trusted(&self, now: Duration) -> bool {
        !self.distrusted || self.rests_until <= now
    }

    fn is_free(&self, now: Duration) -> bool {
        self.outstanding.is_none() && !self.judging && self.rests_until <= now
    }

    /// Its headers were new: it keeps its promises.
    pub(super) fn kept_promise(&mut self) {
        self.failures = 0;
        self.distrusted = false;
    }

    /// Not asked for a while, without blame.
    pub(super) fn rest(&mut self, now: Duration, rest: Duration) {
        self.rests_until = now.saturating_add(rest);
    }

    /// Its headers came too late for us: it only rests a little, and longer each time. False if that was too often.
    pub(super) fn is_excused(&mut self, now: Duration) -> bool {
        if self.overtaken >= MAX_OVERTAKEN {
            return false;
        }
        self.rest(
            now,
            WAIT_REST.saturating_mul(2_u32.saturating_pow(self.overtaken)),
        );
        self.overtaken = self.overtaken.saturating_add(1);
        self.continues_at = None;
        true
    }

    pub(super) fn was_busy(&mut self, now: Duration) {
        self.rest(now, BUSY_REST);
    }

    /// It did not keep its claim: the claim stops counting, and the peer rests.
    pub(super) fn failed(&mut self, now: Duration, deliberate: bool) {
        let first = if deliberate { OFFENCE_REST } else { FAILURE_REST };
        let doublings = self.failures.min(16);
        let rest = first
            .saturating_mul(2_u32.saturating_pow(doublings))
            .min(MAX_REST);
        self.failures = self.failures.saturating_add(1);
        self.ignore(now, rest);
    }

    /// Its claim does not count for a while.
    pub(super) fn ignore(&mut self, now: Duration, rest: Duration) {
        self.rests_until = now.saturating_add(rest);
        self.distrusted = true;
        self.orphan = false;
        self.continues_at = None;
    }
}
