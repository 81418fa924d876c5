//! What follows from the state after each input: whom to ask, what to announce, when to wake.

use std::time::Duration;

use super::{
    super::{Peer, Phase, RequestId, Status},
    BEHIND_AFTER, Claim, Effect, GRACE, HEDGE, HeaderSync, MAX_AHEAD, MAX_HEADERS, MAX_REQUESTS, Offence,
    STALL, Tip,
    peers::PeerState,
};

/// One block is left to gossip for a moment; more is asked for at once, and so is the rest of what was
/// begun.
fn grace(tip: Tip) -> impl Fn(&PeerState) -> Duration {
    move |peer| {
        let next = tip.header.head.height.saturating_add(1);
        if peer.claim.head.height > next || peer.continues_at.is_some() {
            Duration::ZERO
        } else {
            GRACE
        }
    }
}

impl<P: Peer> HeaderSync<P> {
    pub(super) fn advance(&mut self, now: Duration, effects: &mut Vec<Effect<P>>) {
        for peer in self.peers.expire(now) {
            self.penalize(now, peer, Offence::TimedOut, effects);
        }
        self.peers.compare(now, self.tip.header.work);
        self.notice_stall(now);
        self.ask(now, effects);
        self.announce(now, effects);
        self.arm(now, effects);
    }

    /// Headers far ahead of a head that does not move: their bodies may be nobody's to have.
    fn notice_stall(&mut self, now: Duration) {
        let since = *self.still_since.get_or_insert(now);
        if self.ahead() >= MAX_AHEAD && now >= since.saturating_add(STALL) {
            self.still_since = Some(now);
            self.stalled = true;
            self.peers.rest_deliverers(now);
        }
    }

    fn ask(&mut self, now: Duration, effects: &mut Vec<Effect<P>>) {
        while self.may_ask(now) {
            let Some(peer) = self.peers.pick(now, grace(self.tip)) else {
                return;
            };
            let request = RequestId(self.new_id());
            self.peers.asked(now, peer, request, self.tip);
            let after = self.peers.get_mut(peer).and_then(|state| state.continues_at);
            let after = after.or(self.stalled.then_some(self.tip.head.head.id));
            // The bound is far below 2^32.
            let count = u32::try_from(MAX_HEADERS).unwrap_or(u32::MAX);
            effects.push(Effect::RequestHeaders {
                peer,
                request,
                after,
                count,
            });
        }
    }

    fn may_ask(&self, now: Duration) -> bool {
        if (self.ahead() >= MAX_AHEAD && !self.stalled)
            || self.peers.is_judging()
            || self.batches.len() >= MAX_REQUESTS
        {
            return false;
        }
        match self.peers.oldest_request() {
            None => true,
            Some(sent) => self.peers.busy() < MAX_REQUESTS && now >= sent.saturating_add(HEDGE),
        }
    }

    /// Headers without executed blocks.
    fn ahead(&self) -> u64 {
        self.tip
            .header
            .head
            .height
            .saturating_sub(self.tip.head.head.height)
    }

    /// The heaviest chain that somebody claims or that we have headers of.
    fn target(&self, now: Duration) -> Claim {
        let claimed = self
            .peers
            .target(now)
            .filter(|claim| claim.work > self.tip.header.work);
        claimed.unwrap_or(self.tip.header)
    }

    fn announce(&mut self, now: Duration, effects: &mut Vec<Effect<P>>) {
        let target = self.target(now);
        if target.work <= self.tip.head.work {
            self.behind_since = None;
            if std::mem::take(&mut self.behind) {
                effects.push(Effect::Synced {
                    height: self.tip.head.head.height,
                });
            }
            return;
        }
        let since = *self.behind_since.get_or_insert(now);
        if !self.behind && now >= since.saturating_add(BEHIND_AFTER) {
            self.behind = true;
            effects.push(Effect::Behind {
                target: target.head.height,
            });
        }
    }

    fn arm(&mut self, now: Duration, effects: &mut Vec<Effect<P>>) {
        let announce = self.behind_since.filter(|_| !self.behind);
        let announce = announce.map(|since| since.saturating_add(BEHIND_AFTER));
        let stall = self.still_since.filter(|_| self.ahead() >= MAX_AHEAD);
        let stall = stall.map(|since| since.saturating_add(STALL));
        let deadline = self
            .peers
            .next_deadline(now, grace(self.tip))
            .into_iter()
            .chain(announce)
            .chain(stall)
            .min();
        if let Some((timer, after)) = self.alarm.arm(now, deadline) {
            effects.push(Effect::StartTimer { timer, after });
        }
    }

    /// The state at `now`, in the words of range sync.
    pub fn status(&self, now: Duration) -> Status {
        let target = self.target(now);
        let phase = self.phase(now, target);
        Status {
            phase,
            height: self.tip.head.head.height,
            target: target.head.height.max(self.tip.head.head.height),
            peers: self.peers.count(),
            disagreeing: self.peers.disagreeing(self.tip.head),
            requests: self.peers.requests(),
            buffered_bytes: 0,
            waiting_for: self.waiting_for(now, phase, target),
        }
    }

    fn phase(&self, now: Duration, target: Claim) -> Phase {
        if target.work <= self.tip.head.work {
            Phase::Synced
        } else if !self.behind {
            Phase::Grace
        } else if self.peers.requests() > 0 || self.peers.is_judging() {
            Phase::Downloading
        } else if self.tip.header.work > self.tip.head.work {
            Phase::Importing
        } else if self.peers.next_rested(now).is_some() {
            Phase::Starved
        } else {
            Phase::Grace
        }
    }

    fn waiting_for(&self, now: Duration, phase: Phase, target: Claim) -> String {
        let (head, header) = (self.tip.head.head.height, self.tip.header.head.height);
        match phase {
            Phase::Synced if self.peers.count() == 0 => {
                "peers: none has told its work, so nobody knows whether there is a heavier chain".to_owned()
            }
            Phase::Synced => "a block: no peer claims to have a heavier chain".to_owned(),
            Phase::Grace | Phase::Paused => {
                format!(
                    "block {} from gossip; it is asked for if it does not come at once",
                    target.head.height
                )
            }
            Phase::Downloading => format!(
                "headers up to {}; we have them up to {header}",
                target.head.height
            ),
            Phase::Importing => format!("the blocks {} to {header} to be executed", head.saturating_add(1)),
            Phase::Starved => {
                let until = self.peers.next_rested(now).unwrap_or(now);
                let seconds = until.saturating_sub(now).as_secs().saturating_add(1);
                format!(
                    "a peer that sends the headers it claims: those that do did not send them or were busy; \
                     the first is asked again in {seconds} s"
                )
            }
        }
    }
}
