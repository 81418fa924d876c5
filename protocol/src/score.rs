//! Scores and bans.
//!
//! Every peer starts with no demerits. An offence adds demerits, time takes them away, and at
//! [`BAN_AT`] the peer is banned: its connections are closed and new ones refused until the ban expires.
//! Bans end by themselves, so that a mistake (of theirs or ours) never splits a network for good; each
//! ban within [`MEMORY`] of the last is twice as long.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use libp2p::PeerId;

/// Demerits at which a peer is banned.
const BAN_AT: u32 = 100;
/// One demerit is forgiven in this time: an honest peer with a bad minute is clean ten minutes later.
const FORGIVENESS: Duration = Duration::from_secs(6);
/// The first ban.
const FIRST_BAN: Duration = Duration::from_secs(5 * 60);
/// The longest ban.
const LONGEST_BAN: Duration = Duration::from_secs(4 * 60 * 60);
/// How long a served ban makes the next one longer.
const MEMORY: Duration = Duration::from_secs(24 * 60 * 60);
/// Most peers with a record. When full, the one with the fewest demerits that is not banned is forgotten
/// (making peer ids costs nothing, so a longer list would protect from nothing).
const MAX_RECORDS: usize = 4_096;

/// What a peer did wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Offence {
    /// Gossip that is malformed or falsely signed.
    InvalidGossip,
    /// A block, certificate or batch that does not hold what was asked for or is false.
    InvalidBlock,
    /// A frame that is too long, or that is no message of the protocol.
    MalformedMessage,
    /// A promised or asked-for answer did not come in time.
    Unresponsive,
    /// More requests than allowed.
    Flooding,
    /// What only a dishonest peer does. Banned at once.
    Malicious,
}

impl Offence {
    /// How many demerits it costs; 100 are a ban.
    pub fn demerits(self) -> u32 {
        match self {
            Self::InvalidGossip => 20,
            Self::InvalidBlock | Self::MalformedMessage => 40,
            Self::Unresponsive => 4,
            Self::Flooding => 10,
            Self::Malicious => BAN_AT,
        }
    }

    /// In words, for logs.
    pub fn reason(self) -> &'static str {
        match self {
            Self::InvalidGossip => "malformed or falsely signed gossip",
            Self::InvalidBlock => "a false or unfitting block",
            Self::MalformedMessage => "a message that breaks the protocol",
            Self::Unresponsive => "no answer in time",
            Self::Flooding => "too many requests",
            Self::Malicious => "dishonest behaviour",
        }
    }
}

#[derive(Clone, Copy, Debug)]
struct Record {
    demerits: u32,
    /// Up to when demerits were forgiven.
    counted: Instant,
    banned_until: Option<Instant>,
    /// Bans so far, and when the last one ended.
    bans: u32,
    last_ban_ended: Instant,
    reason: Offence,
}

/// The records of all peers.
#[derive(Debug, Default)]
pub(crate) struct Scores {
    records: BTreeMap<PeerId, Record>,
}

impl Scores {
    /// Notes an offence. If the peer is to be banned now: for how long.
    pub(crate) fn offend(&mut self, now: Instant, peer: PeerId, offence: Offence) -> Option<Duration> {
        self.make_room(&peer);
        let record = self.records.entry(peer).or_insert(Record {
            demerits: 0,
            counted: now,
            banned_until: None,
            bans: 0,
            last_ban_ended: now,
            reason: offence,
        });
        record.forgive(now);
        record.demerits = record.demerits.saturating_add(offence.demerits());
        record.reason = offence;
        if record.demerits < BAN_AT || record.banned_until.is_some() {
            return None;
        }
        if now.saturating_duration_since(record.last_ban_ended) > MEMORY {
            record.bans = 0;
        }
        let length = FIRST_BAN
            .saturating_mul(1 << record.bans.min(16))
            .min(LONGEST_BAN);
        record.bans = record.bans.saturating_add(1);
        record.banned_until = now.checked_add(length);
        Some(length)
    }

    /// Ends the bans that have expired, and names the peers.
    pub(crate) fn expire(&mut self, now: Instant) -> Vec<PeerId> {
        let mut released = Vec::new();
        for (peer, record) in &mut self.records {
            if record.banned_until.is_some_and(|until| until <= now) {
                record.banned_until = None;
                record.last_ban_ended = now;
                record.demerits = 0;
                released.push(*peer);
            }
        }
        self.records.retain(|_, record| {
            record.forgive(now);
            record.banned_until.is_some()
                || record.demerits > 0
                || (record.bans > 0 && now.saturating_duration_since(record.last_ban_ended) <= MEMORY)
        });
        released
    }

    /// Demerits as of now; 0 is a clean record.
    pub(crate) fn demerits(&self, now: Instant, peer: &PeerId) -> u32 {
        self.records.get(peer).map_or(0, |record| {
            let mut record = *record;
            record.forgive(now);
            record.demerits
        })
    }

    pub(crate) fn is_banned(&self, peer: &PeerId) -> bool {
        self.records
            .get(peer)
            .is_some_and(|record| record.banned_until.is_some())
    }

    /// The banned peers, until when, and what the last offence was.
    pub(crate) fn bans(&self) -> impl Iterator<Item = (PeerId, Instant, Offence)> + '_ {
        self.records
            .iter()
            .filter_map(|(peer, record)| record.banned_until.map(|until| (*peer, until, record.reason)))
    }

    fn make_room(&mut self, peer: &PeerId) {
        if self.records.len() < MAX_RECORDS || self.records.contains_key(peer) {
            return;
        }
        let least = self
            .records
            .iter()
            .min_by_key(|(_, record)| (record.banned_until, record.demerits))
            .map(|(peer, _)| *peer);
        if let Some(least) = least {
            self.records.remove(&least);
        }
    }
}

impl Record {
    fn forgive(&mut self, now: Instant) {
        let passed = now.saturating_duration_since(self.counted);
        let forgiven = u32::try_from(passed.as_secs() / FORGIVENESS.as_secs()).unwrap_or(u32::MAX);
        if forgiven > 0 {
            self.demerits = self.demerits.saturating_sub(forgiven);
            self.counted = self
                .counted
                .checked_add(FORGIVENESS.saturating_mul(forgiven))
                .unwrap_or(now);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seconds(n: u64) -> Duration {
        Duration::from_secs(n)
    }

    #[test]
    fn offences_add_up_to_a_ban_that_expires() {
        let (now, peer) = (Instant::now(), PeerId::random());
        let mut scores = Scores::default();
        for _ in 0..4 {
            assert_eq!(scores.offend(now, peer, Offence::InvalidGossip), None);
        }
        assert_eq!(scores.demerits(now, &peer), 80);
        assert_eq!(scores.offend(now, peer, Offence::InvalidGossip), Some(FIRST_BAN));
        assert!(scores.is_banned(&peer));
        assert_eq!(
            scores.offend(now, peer, Offence::Malicious),
            None,
            "already banned"
        );
        assert_eq!(scores.expire(now + FIRST_BAN - seconds(1)), []);
        assert_eq!(scores.expire(now + FIRST_BAN), [peer]);
        assert!(!scores.is_banned(&peer));
        assert_eq!(scores.demerits(now + FIRST_BAN, &peer), 0);
    }

    #[test]
    fn time_forgives() {
        let (now, peer) = (Instant::now(), PeerId::random());
        let mut scores = Scores::default();
        scores.offend(now, peer, Offence::InvalidBlock);
        assert_eq!(scores.demerits(now + FORGIVENESS * 15, &peer), 25);
        // Ten times an offence, spread over time, is no ban.
        let mut later = now;
        for _ in 0..10 {
            later += seconds(300);
            assert_eq!(scores.offend(later, peer, Offence::InvalidBlock), None);
        }
    }

    #[test]
    fn a_second_ban_is_longer_and_old_ones_are_forgotten() {
        let (now, peer) = (Instant::now(), PeerId::random());
        let mut scores = Scores::default();
        assert_eq!(scores.offend(now, peer, Offence::Malicious), Some(FIRST_BAN));
        let freed = now + FIRST_BAN;
        scores.expire(freed);
        assert_eq!(
            scores.offend(freed, peer, Offence::Malicious),
            Some(FIRST_BAN * 2)
        );
        let freed = freed + FIRST_BAN * 2;
        scores.expire(freed);
        let later = freed + MEMORY + seconds(1);
        scores.expire(later);
        assert_eq!(scores.offend(later, peer, Offence::Malicious), Some(FIRST_BAN));
    }

    #[test]
    fn the_record_is_bounded_and_a_ban_is_kept() {
        let now = Instant::now();
        let mut scores = Scores::default();
        let banned = PeerId::random();
        scores.offend(now, banned, Offence::Malicious);
        for _ in 0..MAX_RECORDS + 10 {
            scores.offend(now, PeerId::random(), Offence::Unresponsive);
        }
        assert_eq!(scores.records.len(), MAX_RECORDS);
        assert!(scores.is_banned(&banned));
    }
}
