//! What blocks do to the pool.

use std::time::Duration;

use aureon_types::{Address, TransactionId};

use super::{AccountState, Mempool, index::Place, queue::Entry};

/// Why a transaction left the pool.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum DropReason {
    /// A block used its nonce: it was included, or another one in its place.
    NonceUsed,
    /// Dearer transactions needed the room.
    Evicted,
    /// Its last valid height has passed.
    HeightPassed,
    /// It waited too long for a block.
    TooOld,
    /// It waited too long for a missing nonce.
    ParkedTooLong,
    /// The sender's balance no longer covers it.
    Unaffordable,
    /// The builder found that no block can hold it any more.
    Inapplicable,
}

impl DropReason {
    /// The reason in words.
    pub fn describe(self) -> &'static str {
        match self {
            Self::NonceUsed => "a block used its nonce",
            Self::Evicted => "dearer transactions needed the room",
            Self::HeightPassed => "its last valid height has passed",
            Self::TooOld => "it waited too long for a block",
            Self::ParkedTooLong => "it waited too long for a missing nonce",
            Self::Unaffordable => "the sender's balance no longer covers it",
            Self::Inapplicable => "no block can hold it any more",
        }
    }
}

/// A transaction that left the pool.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Dropped {
    /// Which.
    pub id: TransactionId,
    /// Whose.
    pub sender: Address,
    /// Its number.
    pub nonce: u64,
    /// Why.
    pub reason: DropReason,
}

impl Dropped {
    pub(super) fn new(entry: &Entry, reason: DropReason) -> Self {
        let Place { sender, nonce } = entry.place();
        Self {
            id: entry.transaction.id(),
            sender,
            nonce,
            reason,
        }
    }
}

impl Mempool {
    /// A block at `height` is the head, and these are its senders with their accounts after it. May
    /// be called with the senders in pieces, so that a large block does not hold up the caller;
    /// between the pieces the pool offers transactions that the builder will skip. Blocks that were
    /// undone are told in the same way, with the lower height and the accounts of before.
    pub fn on_block(
        &mut self,
        now: Duration,
        height: u64,
        senders: &[(Address, AccountState)],
    ) -> Vec<Dropped> {
        self.height = height;
        let mut dropped = Vec::new();
        for (sender, account) in senders {
            self.on_account(now, sender, *account, &mut dropped);
        }
        dropped
    }

    fn on_account(
        &mut self,
        now: Duration,
        sender: &Address,
        account: AccountState,
        dropped: &mut Vec<Dropped>,
    ) {
        let Some(queue) = self.senders.get_mut(sender) else {
            return;
        };
        let before = queue.ends();
        let used = queue.set_account(account, now, &mut self.index);
        let mut unaffordable = Vec::new();
        while queue.cost() > account.balance.0 {
            let Some(last) = queue.last().map(|entry| entry.nonce) else {
                break;
            };
            unaffordable.extend(queue.remove(last, now, &mut self.index));
        }
        let after = queue.ends();
        let empty = queue.is_empty();
        self.index.move_ends(&before, &after);
        if empty {
            self.senders.remove(sender);
        }
        for (entries, reason) in [
            (used, DropReason::NonceUsed),
            (unaffordable, DropReason::Unaffordable),
        ] {
            for entry in entries {
                self.unlink(&entry);
                dropped.push(Dropped::new(&entry, reason));
            }
        }
    }

    /// Drops what the builder found to be inapplicable for good (`Built::stale`).
    pub fn drop_inapplicable(
        &mut self,
        now: Duration,
        ids: impl IntoIterator<Item = TransactionId>,
    ) -> Vec<Dropped> {
        let mut dropped = Vec::new();
        for id in ids {
            let Some(transaction) = self.by_id.get(&id) else {
                continue;
            };
            let place = Place {
                sender: transaction.sender(),
                nonce: transaction.transaction().nonce,
            };
            let entry = self.remove(now, place);
            dropped.extend(entry.map(|entry| Dropped::new(&entry, DropReason::Inapplicable)));
        }
        dropped
    }
}
