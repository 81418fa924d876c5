//! Dropping what waited too long.

use std::time::Duration;

use super::{DropReason, Dropped, Mempool, index::Place};

impl Mempool {
    /// Drops expired transactions: past their last valid height, too old, or parked too long. At most
    /// `at_most` at once; they are found by index, so that the cost is that of what is dropped. Call
    /// it after blocks and about once a second.
    pub fn expire(&mut self, now: Duration, at_most: usize) -> Vec<Dropped> {
        let mut dropped = Vec::new();
        while dropped.len() < at_most {
            let Some((place, reason)) = self.first_expired(now) else {
                break;
            };
            let Some(entry) = self.remove(now, place) else {
                break;
            };
            dropped.push(Dropped::new(&entry, reason));
        }
        dropped
    }

    fn first_expired(&self, now: Duration) -> Option<(Place, DropReason)> {
        // The next block has height + 1: what was valid up to the head cannot be in it.
        let by_height = self.index.heights.first_key_value();
        if let Some((_, place)) = by_height.filter(|((last, _), _)| *last <= self.height) {
            return Some((*place, DropReason::HeightPassed));
        }
        let by_parking = self.index.parked.first_key_value();
        let parked_until = |since: Duration| since.saturating_add(self.config.max_parked_age);
        if let Some((_, place)) = by_parking.filter(|((since, _), _)| parked_until(*since) <= now) {
            return Some((*place, DropReason::ParkedTooLong));
        }
        let (_, place) = self.index.arrivals.first_key_value()?;
        let added = self.senders.get(&place.sender)?.get(place.nonce)?.added;
        (added.saturating_add(self.config.max_age) <= now).then_some((*place, DropReason::TooOld))
    }
}
