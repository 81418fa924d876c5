//! What range sync is doing, and what it waits for, in words.

use std::{fmt::Write as _, time::Duration};

use super::{
    Peer, RangeSync,
    batch::{Batch, Stage},
};

/// The state in one word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Nobody claims more than we have.
    Synced,
    /// One block is missing; gossip should bring it.
    Grace,
    /// Blocks are on their way.
    Downloading,
    /// Blocks are here and are being checked or executed.
    Importing,
    /// Somebody claims more, and nobody can be asked now.
    Starved,
    /// Something here is wrong; another try follows.
    Paused,
}

/// A reading for `/status`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Status {
    /// The state.
    pub phase: Phase,
    /// Our height.
    pub height: u64,
    /// The highest claim that counts; our height where nobody claims more.
    pub target: u64,
    /// Peers that told us their height.
    pub peers: usize,
    /// Peers at our height that name another block there. Claims only.
    pub disagreeing: usize,
    /// Requests in flight.
    pub requests: usize,
    /// Bytes of blocks waiting here.
    pub buffered_bytes: usize,
    /// What the machine waits for, as a phrase that follows "waiting for".
    pub waiting_for: String,
}

impl<P: Peer> RangeSync<P> {
    /// The state at `now`.
    pub fn status(&self, now: Duration) -> Status {
        let phase = self.phase();
        Status {
            phase,
            height: self.head.height,
            target: self.peers.target(now).unwrap_or(0).max(self.head.height),
            peers: self.peers.count(),
            disagreeing: self.peers.disagreeing(self.head),
            requests: self.peers.requests(),
            buffered_bytes: self
                .batches
                .iter()
                .fold(0, |sum, batch| sum.saturating_add(batch.bytes)),
            waiting_for: self.waiting_for(now, phase),
        }
    }

    fn phase(&self) -> Phase {
        let stage = |matches: fn(&Batch<P>) -> bool| self.batches.iter().any(matches);
        if self.pause.is_some() {
            Phase::Paused
        } else if !self.behind {
            if self.grace.is_some() {
                Phase::Grace
            } else {
                Phase::Synced
            }
        } else if stage(Batch::is_with_worker) {
            Phase::Importing
        } else if stage(|batch| matches!(batch.stage, Stage::Downloading { .. })) {
            Phase::Downloading
        } else {
            Phase::Starved
        }
    }

    fn waiting_for(&self, now: Duration, phase: Phase) -> String {
        let next = self.head.height.saturating_add(1);
        match phase {
            Phase::Synced if self.peers.count() == 0 => {
                "peers: none has told its height, so nobody knows whether there are more blocks".to_owned()
            }
            Phase::Synced => format!("block {next}, which consensus will bring: no peer claims to have it"),
            Phase::Grace => format!("block {next} from gossip; it is asked for if it does not come at once"),
            Phase::Importing | Phase::Downloading => self.front_in_words(next),
            Phase::Starved => self.starved_in_words(now, next),
            Phase::Paused => self.pause.as_ref().map_or_else(String::new, |pause| {
                format!("another try in {} s: {}", seconds(pause.until, now), pause.reason)
            }),
        }
    }

    /// The batch that everything above waits for.
    fn front_in_words(&self, next: u64) -> String {
        let Some(batch) = self.batches.iter().find(|batch| batch.last >= next) else {
            return format!("the importer to finish below block {next}");
        };
        let range = format!("blocks {} to {}", batch.from.max(next), batch.last);
        let mut words = match &batch.stage {
            Stage::Queued => format!("a peer that is free to send {range}"),
            Stage::Downloading { peer, .. } => format!("{range} from peer {peer}"),
            Stage::Downloaded { .. } | Stage::Verifying { .. } => {
                format!("the certificates of {range} to be checked")
            }
            Stage::Verified { .. } | Stage::Importing { .. } => format!("{range} to be executed"),
        };
        if batch.failures > 0 {
            // Writing to a string cannot fail.
            let _ = write!(words, " (failed {} times before)", batch.failures);
        }
        words
    }

    fn starved_in_words(&self, now: Duration, next: u64) -> String {
        let resting = self.peers.resting_claimants(now, next);
        match self.peers.next_rested(now) {
            Some(until) if resting > 0 => format!(
                "a peer that sends block {next}: {resting} that claim it did not send it or were busy; the \
                 first is asked again in {} s",
                seconds(until, now)
            ),
            _ => format!("a peer that has block {next}"),
        }
    }
}

fn seconds(until: Duration, now: Duration) -> u64 {
    until.saturating_sub(now).as_secs().saturating_add(1)
}
