//! A map that can be listed, page by page.
//!
//! Under its name (length byte and name, as in [`Item`](crate::Item)) stands the count. Behind it, after a byte 0 and
//! the key, stands an entry: its place and the value; after a byte 1 and a place, the key that has the place. Each
//! new entry stores three values where a [`Map`](crate::Map) stores one: take it where somebody lists.

use alloc::vec::Vec;
use core::marker::PhantomData;

use crate::codec::{Decode, Encode, decode, encode};
use crate::storage::{MAX_NAME, absent, checked, named, read};
use crate::{abort, host, message};

const ENTRY: u8 = 0;
const PLACE: u8 = 1;

/// Values by key, which can be listed. The order is that of insertion until something is removed: then the last
/// entry takes its place.
pub struct IndexedMap<K, V> {
    name: &'static str,
    entry: PhantomData<fn(K) -> V>,
}

impl<K: Encode + Decode, V: Encode + Decode> IndexedMap<K, V> {
    /// The map with a name of at most 255 bytes; each name once in a contract.
    #[must_use]
    pub const fn new(name: &'static str) -> Self {
        assert!(name.len() <= MAX_NAME, "a name in storage has at most 255 bytes");
        Self {
            name,
            entry: PhantomData,
        }
    }

    /// How many entries there are.
    #[must_use]
    pub fn len(&self) -> u64 {
        length(self.name)
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether there is an entry.
    #[must_use]
    pub fn exists(&self, key: &K) -> bool {
        host::exists(&slot(self.name, ENTRY, &encode(key)))
    }

    /// The value of a key, if there is one.
    #[must_use]
    pub fn get(&self, key: &K) -> Option<V> {
        self.value(&encode(key))
    }

    /// The value of a key; aborts if there is none.
    #[must_use]
    pub fn load(&self, key: &K) -> V {
        self.get(key).unwrap_or_else(|| absent(self.name))
    }

    /// Sets the value of a key; a new one comes last.
    pub fn set(&self, key: &K, value: &V) {
        // Room for the place, which `put` knows.
        let mut entry = encode(&0u64);
        value.encode(&mut entry);
        put(self.name, &encode(key), &mut entry);
    }

    /// Removes an entry, if it is there; its deposits are refunded.
    pub fn remove(&self, key: &K) {
        remove(self.name, &encode(key));
    }

    /// As [`IndexedMap::page`], of the keys alone: cheaper.
    #[must_use]
    pub fn keys(&self, from: u64, count: u64) -> Vec<K> {
        let end = self.len().min(from.saturating_add(count));
        let key = |place| decode(&key_at(self.name, place)).unwrap_or_else(|_| other_type(self.name));
        (from..end).map(key).collect()
    }

    /// At most `count` entries from place `from` on. What comes out must fit into an answer (16 KiB), and
    /// each entry costs gas: let the caller choose `count`.
    #[must_use]
    pub fn page(&self, from: u64, count: u64) -> Vec<(K, V)> {
        let end = self.len().min(from.saturating_add(count));
        let mut page = Vec::new();
        for place in from..end {
            let key = key_at(self.name, place);
            match (decode(&key).ok(), self.value(&key)) {
                (Some(key), Some(value)) => page.push((key, value)),
                _ => other_type(self.name),
            }
        }
        page
    }

    fn value(&self, key: &[u8]) -> Option<V> {
        let entry: (u64, V) = read(&slot(self.name, ENTRY, key), self.name)?;
        Some(entry.1)
    }
}

// What follows knows keys and values as bytes only, so that a contract has it once and not once for each type.

fn slot(name: &str, kind: u8, rest: &[u8]) -> Vec<u8> {
    let mut key = named(name);
    key.push(kind);
    key.extend_from_slice(rest);
    checked(key, name)
}

fn length(name: &str) -> u64 {
    read(&named(name), name).unwrap_or(0)
}

fn set_length(name: &str, length: u64) {
    let key = named(name);
    match length {
        0 => host::remove(&key),
        length => host::store(&key, &length.to_le_bytes()),
    }
}

/// The key that has a place.
fn key_at(name: &str, place: u64) -> Vec<u8> {
    host::load(&slot(name, PLACE, &place.to_le_bytes())).unwrap_or_else(|| absent(name))
}

/// The place at the front of an entry.
fn place_in<'a>(entry: &'a mut [u8], name: &str) -> &'a mut [u8; 8] {
    match entry.first_chunk_mut() {
        Some(place) => place,
        None => other_type(name),
    }
}

fn other_type(name: &str) -> ! {
    abort(&message!("`", name, "` in storage is of another type"))
}

/// Stores an entry, with its place written into it.
fn put(name: &str, key: &[u8], entry: &mut [u8]) {
    let at = slot(name, ENTRY, key);
    let place = match host::load(&at) {
        Some(mut old) => *place_in(&mut old, name),
        None => {
            let count = length(name);
            let place = count.to_le_bytes();
            host::store(&slot(name, PLACE, &place), key);
            set_length(name, count.saturating_add(1));
            place
        }
    };
    *place_in(entry, name) = place;
    host::store(&at, entry);
}

fn remove(name: &str, key: &[u8]) {
    let at = slot(name, ENTRY, key);
    let Some(mut entry) = host::load(&at) else {
        return;
    };
    let place = *place_in(&mut entry, name);
    let count = length(name).saturating_sub(1);
    let last = count.to_le_bytes();
    host::remove(&at);
    if place != last {
        // The last one takes the place.
        let moved = key_at(name, count);
        let at = slot(name, ENTRY, &moved);
        let mut entry = host::load(&at).unwrap_or_else(|| absent(name));
        *place_in(&mut entry, name) = place;
        host::store(&at, &entry);
        host::store(&slot(name, PLACE, &place), &moved);
    }
    host::remove(&slot(name, PLACE, &last));
    set_length(name, count);
}
