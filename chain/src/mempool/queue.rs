//! One sender's transactions.

use std::{collections::BTreeMap, ops::RangeInclusive, time::Duration};

use aureon_types::{Amount, VerifiedTransaction};

use super::{
    AccountState, NonceInfo,
    index::{Ends, Index, PickKey, Place, TailKey},
};

/// A transaction in the pool.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub transaction: VerifiedTransaction,
    /// Unique, in order of arrival.
    pub arrival: u64,
    pub added: Duration,
    /// Since when it waits for a missing nonce; `None`: it is ready.
    pub parked_since: Option<Duration>,
    /// The most that can leave the sender's account.
    pub cost: u64,
    /// When to announce it again, and how often that was done; `None`: not ours to announce.
    pub announcement: Option<(Duration, u32)>,
}

impl Entry {
    pub fn price(&self) -> u64 {
        self.transaction.transaction().gas_price
    }

    pub fn nonce(&self) -> u64 {
        self.transaction.transaction().nonce
    }

    pub fn place(&self) -> Place {
        Place {
            sender: self.transaction.sender(),
            nonce: self.nonce(),
        }
    }

    pub fn pick_key(&self) -> PickKey {
        PickKey::new(self.price(), self.arrival, self.place())
    }

    fn tail_key(&self) -> TailKey {
        TailKey::new(self.price(), self.arrival, self.transaction.sender())
    }
}

/// A sender's transactions in order of nonce. Those from the account's nonce up to `next` are ready,
/// all others parked.
#[derive(Clone, Debug)]
pub(super) struct Queue {
    account: AccountState,
    entries: BTreeMap<u64, Entry>,
    /// The first nonce that is missing.
    next: u64,
    /// Sum of all entries' highest costs; at most the balance.
    cost: u64,
}

impl Queue {
    pub fn new(account: AccountState) -> Self {
        Self {
            account,
            entries: BTreeMap::new(),
            next: account.nonce,
            cost: 0,
        }
    }

    pub fn account(&self) -> AccountState {
        self.account
    }

    pub fn next(&self) -> u64 {
        self.next
    }

    pub fn cost(&self) -> u64 {
        self.cost
    }

    pub fn len(&self) -> usize {
        self.entries.len()
    }

    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    pub fn get(&self, nonce: u64) -> Option<&Entry> {
        self.entries.get(&nonce)
    }

    /// The ready transaction with this nonce.
    pub fn get_ready(&self, nonce: u64) -> Option<&Entry> {
        self.entries
            .get(&nonce)
            .filter(|entry| entry.parked_since.is_none())
    }

    pub fn last(&self) -> Option<&Entry> {
        self.entries.values().next_back()
    }

    /// In order of nonce.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = &Entry> {
        self.entries.values()
    }

    /// Where the queue stands in the pool's orders.
    pub fn ends(&self) -> Ends {
        let last = self.last();
        let tail = last.map(|entry| (entry.parked_since.is_some(), entry.tail_key()));
        Ends {
            head: self.get_ready(self.account.nonce).map(Entry::pick_key),
            tail,
        }
    }

    /// The balance, given what a caller read while this queue was waiting. Blocks are told through
    /// [`Self::set_account`]; beside them only a balance that rose since then is news.
    pub fn balance_with(&self, read: &AccountState) -> Amount {
        if read.nonce == self.account.nonce {
            self.account.balance.max(read.balance)
        } else {
            self.account.balance
        }
    }

    /// Takes over the balance of [`Self::balance_with`].
    pub fn learn(&mut self, read: AccountState) {
        self.account.balance = self.balance_with(&read);
    }

    /// Adds or replaces; says what was replaced. The pool's orders by queue end are the caller's.
    pub fn insert(&mut self, entry: Entry, index: &mut Index) -> Option<Entry> {
        let nonce = entry.nonce();
        self.cost = self.cost.saturating_add(entry.cost);
        let replaced = self.entries.insert(nonce, entry);
        self.cost = self
            .cost
            .saturating_sub(replaced.as_ref().map_or(0, |entry| entry.cost));
        if nonce == self.next {
            self.advance(index);
        }
        replaced
    }

    /// Takes one out; those behind it are parked.
    pub fn remove(&mut self, nonce: u64, now: Duration, index: &mut Index) -> Option<Entry> {
        let entry = self.entries.remove(&nonce)?;
        self.cost = self.cost.saturating_sub(entry.cost);
        if entry.parked_since.is_none() {
            self.next = nonce;
            self.park_from(nonce, now, index);
        }
        Some(entry)
    }

    /// The account after a block, or after blocks were undone. Gives back what can no longer be
    /// included because its nonce was used.
    pub fn set_account(&mut self, account: AccountState, now: Duration, index: &mut Index) -> Vec<Entry> {
        let went_back = account.nonce < self.account.nonce;
        self.account = account;
        let waiting = self.entries.split_off(&account.nonce);
        let used: Vec<Entry> = std::mem::replace(&mut self.entries, waiting)
            .into_values()
            .collect();
        for entry in &used {
            self.cost = self.cost.saturating_sub(entry.cost);
        }
        if went_back {
            self.next = account.nonce;
            self.park_from(account.nonce, now, index);
            self.advance(index);
        } else if self.next <= account.nonce {
            self.next = account.nonce;
            self.advance(index);
        }
        used
    }

    /// From the first missing nonce on: what is there is ready.
    fn advance(&mut self, index: &mut Index) {
        while let Some(entry) = self.entries.get_mut(&self.next) {
            index.unpark(entry);
            self.next = self.next.saturating_add(1);
        }
    }

    fn park_from(&mut self, nonce: u64, now: Duration, index: &mut Index) {
        for (_, entry) in self.entries.range_mut(nonce..) {
            if entry.parked_since.is_some() {
                break;
            }
            index.park(entry, now);
        }
    }

    /// Schedules the next announcement of an entry.
    pub fn set_announcement(&mut self, nonce: u64, announcement: (Duration, u32), index: &mut Index) {
        if let Some(entry) = self.entries.get_mut(&nonce) {
            index.reschedule(entry, announcement);
        }
    }

    /// The nonces, told to people.
    pub fn nonces(&self) -> NonceInfo {
        let mut info = NonceInfo::empty(self.account.nonce);
        info.next_expected = self.next;
        let mut expected = self.next;
        for (nonce, _) in self.entries.range(self.next..) {
            match info.parked.last_mut() {
                Some(range) if *nonce == expected => *range = *range.start()..=*nonce,
                _ => {
                    info.missing.push(expected..=nonce.saturating_sub(1));
                    info.parked.push(RangeInclusive::new(*nonce, *nonce));
                }
            }
            expected = nonce.saturating_add(1);
        }
        info
    }
}
