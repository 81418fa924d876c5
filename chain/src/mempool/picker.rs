//! What goes into the next block.
//!
//! The first ready transaction of each queue stands in one order by price and arrival. A walk through
//! it, merged with a small heap of those that follow what was taken, gives the whole order without
//! sorting or copying the pool.

use std::{
    cmp::Reverse,
    collections::{BinaryHeap, btree_set},
    iter::Peekable,
    ops::Bound,
};

use aureon_types::VerifiedTransaction;

use super::{Mempool, index::PickKey};

/// Where a selection in pieces goes on. After a block in between it may repeat transactions; begin
/// anew then.
#[derive(Clone, Debug, Default)]
pub struct Picker {
    /// The last head that was taken.
    after: Option<PickKey>,
    /// Ready transactions whose predecessors were taken.
    successors: BinaryHeap<Reverse<PickKey>>,
}

/// Ready transactions, dearest first, among equals the earliest, each sender's in order of nonce.
#[derive(Debug)]
pub struct Ready<'a> {
    pool: &'a Mempool,
    heads: Peekable<btree_set::Range<'a, PickKey>>,
    picker: Picker,
}

impl Mempool {
    /// All ready transactions in order of inclusion, lazily.
    pub fn ready(&self) -> Ready<'_> {
        self.resume(Picker::default())
    }

    /// The next `at_most` of [`Self::ready`], for a selection in pieces between which the pool may be
    /// changed. Fewer than asked for: that was all.
    pub fn pick(&self, picker: &mut Picker, at_most: usize) -> Vec<VerifiedTransaction> {
        let mut ready = self.resume(std::mem::take(picker));
        let picked = ready.by_ref().take(at_most).collect();
        *picker = ready.picker;
        picked
    }

    fn resume(&self, picker: Picker) -> Ready<'_> {
        let from = picker.after.as_ref().map_or(Bound::Unbounded, Bound::Excluded);
        let heads = self.index.heads.range((from, Bound::Unbounded)).peekable();
        Ready {
            pool: self,
            heads,
            picker,
        }
    }
}

impl Ready<'_> {
    fn next_key(&mut self) -> Option<PickKey> {
        let head = self.heads.peek().copied();
        match (head, self.picker.successors.peek()) {
            (Some(head), Some(Reverse(successor))) if successor < head => {}
            (None, _) => {}
            (Some(head), _) => {
                self.picker.after = Some(*head);
                return self.heads.next().copied();
            }
        }
        self.picker.successors.pop().map(|Reverse(key)| key)
    }
}

impl Iterator for Ready<'_> {
    type Item = VerifiedTransaction;

    fn next(&mut self) -> Option<VerifiedTransaction> {
        loop {
            let key = self.next_key()?;
            // What was dropped since the successor was noted is passed over.
            let Some(queue) = self.pool.senders.get(&key.place.sender) else {
                continue;
            };
            let Some(entry) = queue.get_ready(key.place.nonce) else {
                continue;
            };
            if entry.arrival != key.arrival() {
                continue;
            }
            if let Some(successor) = key
                .place
                .nonce
                .checked_add(1)
                .and_then(|nonce| queue.get_ready(nonce))
            {
                self.picker.successors.push(Reverse(successor.pick_key()));
            }
            return Some(entry.transaction.clone());
        }
    }
}
