//! One sender's transactions.

use std::{collections::VecDeque, ops::RangeInclusive, time::Duration};

use aureon_types::{Amount, VerifiedTransaction};

use super::{
    AccountState, NonceInfo,
    index::{Ends, Index, PickKey, Place, TailKey},
};

/// A transaction in the pool. What is compared often is copied here from behind the pointer.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub transaction: VerifiedTransaction,
    pub nonce: u64,
    pub price: u64,
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
    pub fn place(&self) -> Place {
        Place {
            sender: self.transaction.sender(),
            nonce: self.nonce,
        }
    }

    pub fn pick_key(&self) -> PickKey {
        PickKey::new(self.price, self.arrival, self.place())
    }
}

/// A sender's transactions in order of nonce. Those from the account's nonce up to `next` are ready,
/// all others parked.
#[derive(Clone, Debug)]
pub(super) struct Queue {
    account: AccountState,
    /// Sorted by nonce. Nearly all changes are at the two ends.
    entries: VecDeque<Entry>,
    /// The first nonce that is missing.
    next: u64,
    /// Sum of all entries' highest costs; at most the balance.
    cost: u64,
    /// Arrival number of the first transaction that made this queue.
    born: u64,
}

impl Queue {
    pub fn new(account: AccountState, born: u64) -> Self {
        Self {
            account,
            entries: VecDeque::new(),
            next: account.nonce,
            cost: 0,
            born,
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

    /// Where the nonce is (`Ok`) or would be (`Err`).
    fn position(&self, nonce: u64) -> Result<usize, usize> {
        match self.entries.back() {
            Some(last) if nonce <= last.nonce => {
                self.entries.binary_search_by_key(&nonce, |entry| entry.nonce)
            }
            _ => Err(self.entries.len()),
        }
    }

    pub fn get(&self, nonce: u64) -> Option<&Entry> {
        self.entries.get(self.position(nonce).ok()?)
    }

    /// The ready transaction with this nonce.
    pub fn get_ready(&self, nonce: u64) -> Option<&Entry> {
        self.get(nonce).filter(|entry| entry.parked_since.is_none())
    }

    pub fn last(&self) -> Option<&Entry> {
        self.entries.back()
    }

    /// In order of nonce.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = &Entry> {
        self.entries.iter()
    }

    /// Where the queue stands in the pool's orders.
    pub fn ends(&self) -> Ends {
        let head = self
            .entries
            .front()
            .filter(|entry| entry.parked_since.is_none())
            .map(Entry::pick_key);
        let tail = self.entries.back().map(|entry| {
            let key = TailKey::new(entry.price, self.born, entry.transaction.sender());
            (entry.parked_since.is_some(), key)
        });
        Ends { head, tail }
    }

    /// The balance, given what a caller read while this queue was waiting. Blocks are told through
    /// [`Self::set_account`]; beside them only a balance that rose since then is news.
    pub fn balance_with(&self, read: &AccountState) -> Amount {
        let known = self.account.balance;
        if read.nonce == self.account.nonce {
            known.max(read.balance)
        } else {
            known
        }
    }

    /// Takes over the balance of [`Self::balance_with`].
    pub fn learn(&mut self, read: AccountState) {
        self.account.balance = self.balance_with(&read);
    }

    /// Adds or replaces; says what was replaced. The pool's orders by queue end are the caller's.
    pub fn insert(&mut self, entry: Entry, index: &mut Index) -> Option<Entry> {
        let nonce = entry.nonce;
        self.cost = self.cost.saturating_add(entry.cost);
        match self.position(nonce) {
            Ok(position) => {
                let replaced = self
                    .entries
                    .get_mut(position)
                    .map(|place| std::mem::replace(place, entry));
                self.cost = self
                    .cost
                    .saturating_sub(replaced.as_ref().map_or(0, |entry| entry.cost));
                replaced
            }
            Err(position) => {
                self.entries.insert(position, entry);
                if nonce == self.next {
                    self.advance(index);
                }
                None
            }
        }
    }

    /// Takes one out; those behind it are parked.
    pub fn remove(&mut self, nonce: u64, now: Duration, index: &mut Index) -> Option<Entry> {
        let position = self.position(nonce).ok()?;
        let entry = self.entries.remove(position)?;
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
        let (Ok(waiting) | Err(waiting)) = self.position(account.nonce);
        let used: Vec<Entry> = self.entries.drain(..waiting).collect();
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

    fn from(&mut self, nonce: u64) -> impl Iterator<Item = &mut Entry> {
        let (Ok(position) | Err(position)) = self.position(nonce);
        self.entries.range_mut(position..)
    }

    /// From the first missing nonce on: what is there is ready.
    fn advance(&mut self, index: &mut Index) {
        let mut next = self.next;
        for entry in self.from(next) {
            if entry.nonce != next {
                break;
            }
            index.unpark(entry);
            next = next.saturating_add(1);
        }
        self.next = next;
    }

    fn park_from(&mut self, nonce: u64, now: Duration, index: &mut Index) {
        for entry in self.from(nonce).take_while(|entry| entry.parked_since.is_none()) {
            index.park(entry, now);
        }
    }

    /// Schedules the next announcement of an entry.
    pub fn set_announcement(&mut self, nonce: u64, announcement: (Duration, u32), index: &mut Index) {
        if let Some(entry) = self.from(nonce).next().filter(|entry| entry.nonce == nonce) {
            index.reschedule(entry, announcement);
        }
    }

    /// The nonces, told to people.
    pub fn nonces(&self) -> NonceInfo {
        let mut info = NonceInfo::empty(self.account.nonce);
        info.next_expected = self.next;
        let mut expected = self.next;
        for Entry { nonce, .. } in self.entries.iter().filter(|entry| entry.parked_since.is_some()) {
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
