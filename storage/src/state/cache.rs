//! A small memory of addresses that were looked up: their hashes, and their stored accounts.
//!
//! An account of a transfer is looked up when the transaction is admitted, when the block executes and
//! when the new state is computed. Only the first time costs a hash and a B-tree search.
//!
//! The memory is lossy: a place holds the address that came last, so its size is fixed and an attacker
//! who picks colliding addresses only makes us look them up again.

use std::sync::{Mutex, MutexGuard, PoisonError};

use aureon_types::{Account, Address};

use crate::trie::Key;

const SHARDS: usize = 64;
/// Most places, about 20 MiB: three blocks of 20,000 transfers.
const MOST_PLACES: usize = 1 << 17;
/// A part of the page cache's size that this memory may take besides.
const SHARE: usize = 8;

/// What is remembered of an address.
#[derive(Clone, Copy)]
pub(super) struct Known {
    /// keccak(address).
    pub key: Key,
    /// The stored account (or that there is none) as of the version asked for, if it was looked up.
    pub stored: Option<Option<Account>>,
}

struct Entry {
    address: Address,
    key: Key,
    /// Height of the stored version, and the account in it.
    stored: Option<(u64, Option<Account>)>,
}

/// Remembers addresses. All methods may be called from any thread.
pub(super) struct Cache {
    shards: [Mutex<Vec<Option<Entry>>>; SHARDS],
    places: usize,
}

impl Cache {
    /// Sized by the page cache that it stands beside.
    pub fn new(page_cache_bytes: usize) -> Self {
        let places = (page_cache_bytes / SHARE / size_of::<Option<Entry>>()).min(MOST_PLACES);
        Self {
            shards: std::array::from_fn(|_| Mutex::default()),
            places: (places / SHARDS).max(1),
        }
    }

    /// What is known of an address, for a state that stands on the stored version of `height`.
    pub fn get(&self, address: &Address, height: u64) -> Option<Known> {
        let (shard, place) = self.place(address);
        let entry = shard
            .get(place)?
            .as_ref()
            .filter(|entry| entry.address == *address)?;
        let stored = entry
            .stored
            .filter(|(of, _)| *of == height)
            .map(|(_, account)| account);
        Some(Known {
            key: entry.key,
            stored,
        })
    }

    /// Remembers a hash, and the stored account as of `height` if it was looked up.
    pub fn put(&self, address: &Address, known: Known, height: u64) {
        let (mut shard, place) = self.place(address);
        if shard.is_empty() {
            shard.resize_with(self.places, || None);
        }
        let stored = known.stored.map(|account| (height, account));
        if let Some(slot) = shard.get_mut(place) {
            *slot = Some(Entry {
                address: *address,
                key: known.key,
                stored,
            });
        }
    }

    fn place(&self, address: &Address) -> (MutexGuard<'_, Vec<Option<Entry>>>, usize) {
        // Addresses end in hash bytes, so their ends are spread evenly.
        let end = address
            .as_bytes()
            .iter()
            .rev()
            .take(4)
            .fold(0, |sum, byte| sum << 8 | usize::from(*byte));
        let shard = self.shards[end % SHARDS]
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        (shard, end / SHARDS % self.places)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn known(tag: u8, stored: Option<Option<Account>>) -> Known {
        Known {
            key: [tag; 32],
            stored,
        }
    }

    #[test]
    fn a_stored_account_is_known_only_for_its_version() {
        let cache = Cache::new(1 << 20);
        let address = Address([1; 20]);
        assert!(cache.get(&address, 5).is_none());
        cache.put(&address, known(7, Some(None)), 5);
        assert_eq!(cache.get(&address, 5).unwrap().stored, Some(None));
        let later = cache.get(&address, 6).unwrap();
        assert_eq!((later.key, later.stored), ([7; 32], None));
    }

    #[test]
    fn one_place_holds_the_last_address() {
        let cache = Cache::new(0);
        let (left, mut right) = (Address([1; 20]), Address([1; 20]));
        right.0[0] = 2;
        cache.put(&left, known(1, None), 0);
        cache.put(&right, known(2, None), 0);
        assert!(cache.get(&left, 0).is_none());
        assert_eq!(cache.get(&right, 0).unwrap().key, [2; 32]);
    }
}
