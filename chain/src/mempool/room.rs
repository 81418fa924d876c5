//! Who goes when the pool is full.

use std::iter::Peekable;

use super::{
    Mempool, Rejection,
    index::{Place, TailKey},
    queue::Entry,
};

/// A transaction that wants room.
pub(super) struct Newcomer {
    pub place: Place,
    pub price: u64,
    pub size: usize,
    /// The missing nonce it would wait for; `None`: it would be ready.
    pub waits_for: Option<u64>,
    /// Count and bytes that go anyway when it comes.
    pub frees: (usize, usize),
}

/// What is still missing.
struct Need {
    count: usize,
    bytes: usize,
}

impl Need {
    fn is_met(&self) -> bool {
        self.count == 0 && self.bytes == 0
    }
}

impl Mempool {
    /// Which transactions go for `newcomer`; none if there is room. They are taken from the ends of
    /// the queues with the cheapest ends, never from the newcomer's own queue (it would lose its
    /// predecessors), and each is cheaper than the newcomer. A parked newcomer gets room from parked
    /// transactions only.
    pub(super) fn room_for(&self, newcomer: &Newcomer) -> Result<Vec<Place>, Rejection> {
        let count = self.count().saturating_add(1).saturating_sub(newcomer.frees.0);
        let bytes = self
            .bytes
            .saturating_add(newcomer.size)
            .saturating_sub(newcomer.frees.1);
        let mut need = Need {
            count: count.saturating_sub(self.config.max_transactions),
            bytes: bytes.saturating_sub(self.config.max_bytes),
        };
        let mut victims = Vec::new();
        let mut lowest = None;
        let mut tails = self.tails_by_price(newcomer.waits_for.is_none());
        while !need.is_met() {
            let Some(tail) = tails.next() else {
                return Err(self.full(newcomer, lowest));
            };
            if tail.sender == newcomer.place.sender {
                continue;
            }
            lowest.get_or_insert(tail.price);
            if tail.price >= newcomer.price {
                return Err(self.full(newcomer, lowest));
            }
            self.take_from(tail, newcomer, &mut need, &mut victims);
        }
        Ok(victims)
    }

    /// From the end of one queue, as long as it is cheaper and still needed.
    fn take_from(&self, tail: &TailKey, newcomer: &Newcomer, need: &mut Need, victims: &mut Vec<Place>) {
        let Some(queue) = self.senders.get(&tail.sender) else {
            return;
        };
        let may_go = |entry: &&Entry| {
            entry.price < newcomer.price && (newcomer.waits_for.is_none() || entry.parked_since.is_some())
        };
        for entry in queue.iter().rev().take_while(may_go) {
            if need.is_met() {
                break;
            }
            need.count = need.count.saturating_sub(1);
            need.bytes = need.bytes.saturating_sub(entry.transaction.size());
            victims.push(entry.place());
        }
    }

    /// Ends of queues, cheapest first; at the same price parked ones first.
    fn tails_by_price(&self, with_ready: bool) -> impl Iterator<Item = &TailKey> {
        let parked = self.index.parked_tails.iter().peekable();
        let ready = self
            .index
            .ready_tails
            .iter()
            .take(if with_ready { usize::MAX } else { 0 })
            .peekable();
        Merged { parked, ready }
    }

    fn full(&self, newcomer: &Newcomer, lowest: Option<u64>) -> Rejection {
        let (count, bytes) = (self.count(), self.bytes);
        match newcomer.waits_for {
            Some(next) => Rejection::PoolFullForParked {
                count,
                bytes,
                nonce: newcomer.place.nonce,
                next,
            },
            None => {
                let (given, lowest) = (newcomer.price, lowest.unwrap_or(newcomer.price));
                Rejection::PoolFull {
                    count,
                    bytes,
                    given,
                    lowest,
                }
            }
        }
    }
}

struct Merged<P: Iterator, R: Iterator> {
    parked: Peekable<P>,
    ready: Peekable<R>,
}

impl<'a, P: Iterator<Item = &'a TailKey>, R: Iterator<Item = &'a TailKey>> Iterator for Merged<P, R> {
    type Item = &'a TailKey;

    fn next(&mut self) -> Option<&'a TailKey> {
        match (self.parked.peek(), self.ready.peek()) {
            (Some(parked), Some(ready)) if ready.price < parked.price => self.ready.next(),
            (Some(_), _) => self.parked.next(),
            (None, _) => self.ready.next(),
        }
    }
}
