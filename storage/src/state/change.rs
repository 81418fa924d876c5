//! What the changes of a block make of the tries.

use std::sync::Arc;

use aureon_types::{
    Account, Address, SlotChanges, StateChanges,
    account::{EMPTY_TRIE_ROOT, MAX_SLOT_BYTES},
    hash::keccak256,
};
use rayon::prelude::*;

use super::{
    base::Below,
    cache::Known,
    record::Record,
    slot::{Slot, hashed},
};
use crate::{
    error::{Result, StorageError},
    trie::{self, Found, Key, Removed, Trie, Update},
};

/// Below this many changes, hashing in parallel costs more than it saves.
const PARALLEL: usize = 256;

/// What a block took out of the state, so that a flush can delete its rows.
#[derive(Debug, Default)]
pub(super) struct Gone {
    /// Out of the account trie.
    pub accounts: Removed,
    /// Out of the storage of accounts, by hashed address.
    pub slots: Vec<(Key, Removed)>,
    /// Accounts whose storage began anew, with nothing. What the stored version may hold of theirs is
    /// no part of it.
    pub begun: Vec<Key>,
}

/// The state after a block.
pub(super) struct After {
    pub trie: Trie<Record>,
    pub gone: Gone,
}

/// An account whose storage changes.
struct Touched {
    address: Address,
    key: Key,
    /// What it was before; the default, if there was none, or if the block deletes it.
    account: Account,
    /// It had no storage.
    begun: bool,
    storage: Arc<Trie<Slot>>,
    removed: Removed,
}

/// Applies the changes of the block of `height` to a trie that stands on `below`. `known` tells what is
/// remembered of an address.
pub(super) fn apply<B: Below>(
    trie: &Trie<Record>,
    below: &B,
    height: u64,
    changes: &StateChanges,
    known: impl Fn(&Address) -> Option<Known> + Sync,
) -> Result<After> {
    let block = Block {
        trie,
        below,
        height,
        changes,
        known,
    };
    let touched: Vec<Touched> = changes
        .storage
        .par_iter()
        .map(|(address, slots)| block.touch(address, slots))
        .collect::<Result<_>>()?;
    let updates = block.updates(&touched)?;
    let (trie, accounts) = trie.update(below, height, &updates)?;
    let mut gone = Gone {
        accounts,
        ..Gone::default()
    };
    for touched in touched {
        if touched.begun {
            gone.begun.push(touched.key);
        }
        gone.slots.push((touched.key, touched.removed));
    }
    Ok(After { trie, gone })
}

struct Block<'a, B, F> {
    trie: &'a Trie<Record>,
    below: &'a B,
    height: u64,
    changes: &'a StateChanges,
    known: F,
}

impl<B: Below, F: Fn(&Address) -> Option<Known> + Sync> Block<'_, B, F> {
    /// The record before the block.
    fn before(&self, key: &Key) -> Result<Option<Record>> {
        match self.trie.find(key) {
            Found::Present(record) => Ok(Some(record.clone())),
            Found::Absent => Ok(None),
            Found::Stored => self.below.value(key),
        }
    }

    fn key(&self, address: &Address) -> Key {
        (self.known)(address).map_or_else(|| keccak256(address.as_bytes()), |known| known.key)
    }

    /// The storage of an account after the block.
    fn touch(&self, address: &Address, slots: &SlotChanges) -> Result<Touched> {
        let key = self.key(address);
        let listed = self
            .changes
            .accounts
            .binary_search_by_key(address, |(address, _)| *address);
        let deleted = listed.is_ok_and(|at| self.changes.accounts[at].1.is_none());
        let before = if deleted { None } else { self.before(&key)? };
        let storage = before.as_ref().and_then(Record::storage).cloned();
        let begun = storage.is_none();
        let storage = storage.unwrap_or_default();
        let updates = slot_updates(self.height, slots)?;
        let (storage, removed) = storage.update(&self.below.slots(key), self.height, &updates)?;
        Ok(Touched {
            address: *address,
            key,
            account: before.map(|record| record.account()).unwrap_or_default(),
            begun,
            storage: Arc::new(storage),
            removed,
        })
    }

    /// The changes of the account trie, by hashed address.
    fn updates(&self, touched: &[Touched]) -> Result<Vec<Update<Record>>> {
        let accounts = &self.changes.accounts;
        let find = |address: &Address| {
            let at = touched.binary_search_by_key(address, |touched| touched.address);
            at.ok().map(|at| &touched[at])
        };
        let listed = |(address, account): &(Address, Option<Account>)| {
            let touched = if touched.is_empty() { None } else { find(address) };
            self.update(address, account.as_ref(), touched)
        };
        let mut updates: Vec<_> = if accounts.len() < PARALLEL {
            accounts.iter().map(listed).collect::<Result<_>>()?
        } else {
            accounts.par_iter().map(listed).collect::<Result<_>>()?
        };
        for touched in touched {
            if accounts
                .binary_search_by_key(&touched.address, |(address, _)| *address)
                .is_err()
            {
                updates.push(self.update(&touched.address, Some(&touched.account), Some(touched))?);
            }
        }
        updates.par_sort_unstable_by_key(|update| update.key);
        Ok(updates)
    }

    /// The change of one account.
    fn update(
        &self,
        address: &Address,
        account: Option<&Account>,
        touched: Option<&Touched>,
    ) -> Result<Update<Record>> {
        let known = (self.known)(address);
        let key = known.map_or_else(|| keccak256(address.as_bytes()), |known| known.key);
        let record = match (account, touched) {
            (None, None) => None,
            // Nothing is looked up for an account without storage: the great many are.
            (Some(account), None) if account.storage_root == EMPTY_TRIE_ROOT => {
                Some(Record::plain(*address, *account))
            }
            (Some(account), None) => Some(self.with_kept_storage(address, account, &key)?),
            (account, Some(touched)) => {
                let account = account.copied().unwrap_or_default();
                let storage = Arc::clone(&touched.storage);
                Some(Record::with_storage(*address, account, storage))
            }
        };
        let mut update = match record.filter(|record| !record.account().is_empty()) {
            Some(record) => trie::set(key, record, self.height),
            None => trie::remove(key),
        };
        update.stored = known
            .and_then(|known| known.stored)
            .map(|account| account.is_some());
        Ok(update)
    }

    /// The record of an account that keeps its storage.
    fn with_kept_storage(&self, address: &Address, account: &Account, key: &Key) -> Result<Record> {
        let before = self.before(key)?;
        let storage = before
            .as_ref()
            .and_then(Record::storage)
            .cloned()
            .unwrap_or_default();
        let record = Record::with_storage(*address, *account, storage);
        let (given, expected) = (account.storage_root, record.account().storage_root);
        if given != expected {
            let address = *address;
            return Err(StorageError::StorageRoot {
                address,
                given,
                expected,
            });
        }
        Ok(record)
    }
}

/// The changes of a storage trie, by hashed slot.
fn slot_updates(height: u64, slots: &SlotChanges) -> Result<Vec<Update<Slot>>> {
    let longest = slots
        .iter()
        .filter_map(|(_, value)| value.as_ref())
        .map(|value| value.len())
        .max();
    if let Some(longest) = longest.filter(|longest| *longest > MAX_SLOT_BYTES) {
        return Err(StorageError::TooLarge {
            what: "bytes of a storage slot",
            given: longest as u64,
            limit: MAX_SLOT_BYTES as u64,
        });
    }
    let update = |(slot, value): &(aureon_types::Hash, Option<bytes::Bytes>)| match value {
        Some(value) => trie::set(hashed(slot), Slot(value.clone()), height),
        None => trie::remove(hashed(slot)),
    };
    let mut updates: Vec<_> = if slots.len() < PARALLEL {
        slots.iter().map(update).collect()
    } else {
        slots.par_iter().map(update).collect()
    };
    updates.par_sort_unstable_by_key(|update| update.key);
    Ok(updates)
}
