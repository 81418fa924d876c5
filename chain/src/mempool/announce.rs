//! Announcing local transactions until they are included.

use std::time::Duration;

use aureon_types::{TransactionId, VerifiedTransaction};

use super::{Mempool, index::Place};

/// The first repetition: a block or two later.
const FIRST_DELAY: Duration = Duration::from_secs(10);
/// The delay doubles up to this.
const MAX_DELAY: Duration = Duration::from_secs(320);
/// A user who submits again brings the next announcement forward to this.
const HURRY_DELAY: Duration = Duration::from_secs(2);

/// A transaction to publish once more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Announcement {
    /// What to publish.
    pub transaction: VerifiedTransaction,
    /// From 1. Goes into the message, so that gossip does not take it for the one it has seen.
    pub attempt: u32,
}

/// When to announce after `attempt` repetitions.
pub(super) fn next(now: Duration, attempt: u32) -> Duration {
    let delay = FIRST_DELAY.saturating_mul(1_u32.checked_shl(attempt).unwrap_or(u32::MAX));
    now.saturating_add(delay.min(MAX_DELAY))
}

impl Mempool {
    /// Local transactions whose time has come, at most `at_most`; the rest stays due. The first
    /// publication, on admission, is the caller's.
    pub fn due_announcements(&mut self, now: Duration, at_most: usize) -> Vec<Announcement> {
        let due: Vec<Place> = self
            .index
            .announcements
            .range(..=(now, u64::MAX))
            .take(at_most)
            .map(|(_, place)| *place)
            .collect();
        due.into_iter()
            .filter_map(|place| self.announce(now, place))
            .collect()
    }

    fn announce(&mut self, now: Duration, place: Place) -> Option<Announcement> {
        let queue = self.senders.get_mut(&place.sender)?;
        let entry = queue.get(place.nonce)?;
        let attempt = entry.announcement?.1.saturating_add(1);
        let transaction = entry.transaction.clone();
        queue.set_announcement(place.nonce, (next(now, attempt), attempt), &mut self.index);
        Some(Announcement { transaction, attempt })
    }

    /// The user submitted a transaction that is here already: it becomes local if it was not, and is
    /// announced again within two seconds. `false`: it is not here.
    pub fn announce_again(&mut self, now: Duration, id: &TransactionId) -> bool {
        let Some(transaction) = self.by_id.get(id) else {
            return false;
        };
        let (sender, nonce) = (transaction.sender(), transaction.transaction().nonce);
        let Some(queue) = self.senders.get_mut(&sender) else {
            return false;
        };
        let (when, attempt) = queue
            .get(nonce)
            .and_then(|entry| entry.announcement)
            .unwrap_or((Duration::MAX, 0));
        let when = when.min(now.saturating_add(HURRY_DELAY));
        queue.set_announcement(nonce, (when, attempt), &mut self.index);
        true
    }
}
