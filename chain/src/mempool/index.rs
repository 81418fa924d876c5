//! The pool's orders: by price, by end of queue, by arrival, by what expires or is announced next.
//!
//! Every change of a queue goes with the change of its orders: [`Index::link`] and
//! [`Index::unlink`] for what is by transaction, [`Index::move_ends`] for what is by queue.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use aureon_types::Address;

use super::queue::Entry;

/// Where a transaction is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place {
    pub sender: Address,
    pub nonce: u64,
}

/// Order of inclusion: dearest first, then earliest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct PickKey {
    price: Reverse<u64>,
    arrival: u64,
    pub place: Place,
}

impl PickKey {
    pub fn new(price: u64, arrival: u64, place: Place) -> Self {
        Self {
            price: Reverse(price),
            arrival,
            place,
        }
    }

    pub fn arrival(&self) -> u64 {
        self.arrival
    }
}

/// Order of eviction: cheapest first, then the queue that was made last. (Not the latest transaction:
/// then every addition to a queue would move its key.)
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct TailKey {
    pub price: u64,
    born: Reverse<u64>,
    pub sender: Address,
}

impl TailKey {
    pub fn new(price: u64, born: u64, sender: Address) -> Self {
        Self {
            price,
            born: Reverse(born),
            sender,
        }
    }
}

/// A queue's first ready transaction, and its last one with whether that is parked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Ends {
    pub head: Option<PickKey>,
    pub tail: Option<(bool, TailKey)>,
}

/// All orders. Keys end in the arrival number, which is unique.
#[derive(Debug, Default)]
pub(super) struct Index {
    /// The first ready transaction of each queue.
    pub heads: BTreeSet<PickKey>,
    /// The last transaction of each queue, where it is ready.
    pub ready_tails: BTreeSet<TailKey>,
    /// The last transaction of each queue, where it is parked.
    pub parked_tails: BTreeSet<TailKey>,
    /// All, oldest first.
    pub arrivals: BTreeMap<u64, Place>,
    /// Parked ones, by since when.
    pub parked: BTreeMap<(Duration, u64), Place>,
    /// Those with a last valid height, by that.
    pub heights: BTreeMap<(u64, u64), Place>,
    /// Local ones, by when to announce them again.
    pub announcements: BTreeMap<(Duration, u64), Place>,
}

impl Index {
    pub fn link(&mut self, entry: &Entry) {
        let (arrival, place) = (entry.arrival, entry.place());
        self.arrivals.insert(arrival, place);
        if let Some(height) = entry.transaction.transaction().last_valid_height {
            self.heights.insert((height, arrival), place);
        }
        if let Some(since) = entry.parked_since {
            self.parked.insert((since, arrival), place);
        }
        if let Some((when, _)) = entry.announcement {
            self.announcements.insert((when, arrival), place);
        }
    }

    pub fn unlink(&mut self, entry: &Entry) {
        let arrival = entry.arrival;
        self.arrivals.remove(&arrival);
        if let Some(height) = entry.transaction.transaction().last_valid_height {
            self.heights.remove(&(height, arrival));
        }
        if let Some(since) = entry.parked_since {
            self.parked.remove(&(since, arrival));
        }
        if let Some((when, _)) = entry.announcement {
            self.announcements.remove(&(when, arrival));
        }
    }

    /// `entry` waits for a missing nonce since `now`.
    pub fn park(&mut self, entry: &mut Entry, now: Duration) {
        entry.parked_since = Some(now);
        self.parked.insert((now, entry.arrival), entry.place());
    }

    /// `entry` waits no longer.
    pub fn unpark(&mut self, entry: &mut Entry) {
        if let Some(since) = entry.parked_since.take() {
            self.parked.remove(&(since, entry.arrival));
        }
    }

    /// `entry` is to be announced at another time.
    pub fn reschedule(&mut self, entry: &mut Entry, announcement: (Duration, u32)) {
        if let Some((when, _)) = entry.announcement.replace(announcement) {
            self.announcements.remove(&(when, entry.arrival));
        }
        self.announcements
            .insert((announcement.0, entry.arrival), entry.place());
    }

    /// A queue's ends were `before` and are `after`.
    pub fn move_ends(&mut self, before: &Ends, after: &Ends) {
        if before.head != after.head {
            before.head.map(|head| self.heads.remove(&head));
            after.head.map(|head| self.heads.insert(head));
        }
        if before.tail != after.tail {
            before.tail.map(|(parked, tail)| self.tails(parked).remove(&tail));
            after.tail.map(|(parked, tail)| self.tails(parked).insert(tail));
        }
    }

    fn tails(&mut self, parked: bool) -> &mut BTreeSet<TailKey> {
        if parked {
            &mut self.parked_tails
        } else {
            &mut self.ready_tails
        }
    }
}
