//! Transactions that wait for a block.
//!
//! *Queues.* Each sender has a queue in order of nonce. What follows the account's nonce without a gap
//! is **ready**; what waits for a missing nonce is **parked**. Whatever happens to a queue, ready
//! transactions stay contiguous: when one goes, those behind it are parked.
//!
//! *Facts come from outside.* The pool reads no state. [`Mempool::insert`] is given the sender's
//! account, and [`Mempool::on_block`] the accounts of a block's senders; only those are revisited.
//!
//! *Everything is bounded*, see [`Config`]. A full pool lets a newcomer in by dropping cheaper
//! transactions from the ends of queues, never out of their middle; a newcomer that is not dearer than
//! the cheapest end is refused and told the numbers. A parked newcomer only displaces parked ones, so
//! that nobody can crowd out the next block with transactions that cannot be in it.
//!
//! *Order.* [`Mempool::ready`] and [`Mempool::pick`] give the dearest first, among equals the
//! earliest, and each sender's in order of nonce.
//!
//! *Undone blocks* give their transactions back ([`Mempool::on_switch`]), except what the new branch
//! holds too.
//!
//! *Local transactions* (submitted to this node) are announced again, ever more rarely, until they
//! are included or dropped: the first announcement may have met no peer.

mod account;
mod admission;
mod announce;
mod config;
mod expiry;
mod index;
mod picker;
mod queue;
mod rejection;
mod room;
mod senders;
mod switch;
mod updates;
mod view;

pub use account::{AccountState, NonceInfo};
pub use admission::{Admitted, Origin, Placement};
pub use announce::Announcement;
pub use config::Config;
pub use picker::{Picker, Ready};
pub use rejection::Rejection;
pub use switch::Switched;
pub use updates::{DropReason, Dropped};
pub use view::{LISTED_TRANSACTIONS, ListedTransaction, MempoolView};

use std::time::Duration;

use aureon_types::{Address, Hash, TransactionId, VerifiedTransaction};
use hashbrown::HashMap;

use index::{Index, Place};
use queue::{Entry, Queue};
use senders::Senders;

/// For so many transactions the look-up tables are made at once.
const MAX_PREALLOCATED: usize = 1 << 20;

/// The pool. A plain value: one owner changes it, readers get a [`MempoolView`].
#[derive(Debug)]
pub struct Mempool {
    config: Config,
    /// Height of the last block seen.
    height: u64,
    /// Next arrival number.
    next_arrival: u64,
    bytes: usize,
    /// Looked up only, never iterated.
    by_id: HashMap<TransactionId, VerifiedTransaction>,
    /// Looked up only, never iterated.
    by_leaf: HashMap<Hash, VerifiedTransaction>,
    senders: Senders,
    index: Index,
}

impl Mempool {
    /// An empty pool of a chain whose head is at `height`.
    pub fn new(config: Config, height: u64) -> Self {
        // Whole at once: a table that grows moves everything it holds, for milliseconds. Pages that are
        // never written cost nothing. A pool configured beyond the bound grows as it fills.
        let capacity = config.max_transactions.min(MAX_PREALLOCATED);
        Self {
            config,
            height,
            next_arrival: 0,
            bytes: 0,
            by_id: HashMap::with_capacity(capacity),
            by_leaf: HashMap::with_capacity(capacity),
            senders: Senders::default(),
            index: Index::default(),
        }
    }

    /// Transactions in the pool, ready and parked.
    pub fn count(&self) -> usize {
        self.by_id.len()
    }

    /// Transactions that a block could hold now.
    pub fn ready_count(&self) -> usize {
        self.count().saturating_sub(self.index.parked.len())
    }

    /// Whether a block could hold something.
    pub fn has_ready(&self) -> bool {
        !self.index.heads.is_empty()
    }

    /// Bytes of all transactions, as they count in a block.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// The bounds.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// The transaction with this leaf: the same payload and signature bytes.
    pub fn by_leaf(&self, leaf: &Hash) -> Option<VerifiedTransaction> {
        self.by_leaf.get(leaf).cloned()
    }

    /// The transaction with this id.
    pub fn by_id(&self, id: &TransactionId) -> Option<VerifiedTransaction> {
        self.by_id.get(id).cloned()
    }

    /// Which nonces `sender` has waiting here, and which are missing. `account` is the sender's
    /// account as last read; the pool's own knowledge goes before it.
    pub fn next_nonce(&self, sender: &Address, account: AccountState) -> NonceInfo {
        self.senders
            .get(sender)
            .map_or_else(|| NonceInfo::empty(account.nonce), Queue::nonces)
    }

    /// Enters `entry` in everything that is by transaction; its queue is the caller's.
    fn link(&mut self, entry: &Entry) {
        let transaction = &entry.transaction;
        self.bytes = self.bytes.saturating_add(transaction.size());
        self.by_id.insert(transaction.id(), transaction.clone());
        self.by_leaf.insert(transaction.leaf(), transaction.clone());
        self.index.link(entry);
    }

    /// The reverse of [`Self::link`].
    fn unlink(&mut self, entry: &Entry) {
        let transaction = &entry.transaction;
        self.bytes = self.bytes.saturating_sub(transaction.size());
        self.by_id.remove(&transaction.id());
        self.by_leaf.remove(&transaction.leaf());
        self.index.unlink(entry);
    }

    /// Takes one transaction out of its queue; those behind it are parked since `now`.
    fn remove(&mut self, now: Duration, place: Place) -> Option<Entry> {
        let queue = self.senders.get_mut(&place.sender)?;
        let before = queue.ends();
        let entry = queue.remove(place.nonce, now, &mut self.index)?;
        let after = queue.ends();
        let empty = queue.is_empty();
        self.index.move_ends(&before, &after);
        if empty {
            self.senders.remove(&place.sender);
        }
        self.unlink(&entry);
        Some(entry)
    }
}

#[cfg(test)]
mod tests;
