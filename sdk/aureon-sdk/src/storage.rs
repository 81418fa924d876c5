//! Typed storage.
//!
//! The key of an [`Item`] is one byte, the length of its name, then the name. The key of an entry of a [`Map`] is
//! the same, then the encoding of the entry's key. So no two names share a key, and a reader outside (a proof of
//! one balance, say) can compute it.

use alloc::vec::Vec;
use core::marker::PhantomData;

use crate::codec::{Decode, Encode, decode, encode};
use crate::{abort, host, message};

/// The longest key that the host takes.
const MAX_KEY: usize = 256;

/// The longest name: its length is one byte.
pub(crate) const MAX_NAME: usize = 255;

/// The key of an item, and the start of the keys of a map.
pub(crate) fn named(name: &str) -> Vec<u8> {
    let Ok(length) = u8::try_from(name.len()) else {
        abort("a name in storage has at most 255 bytes");
    };
    let mut key = Vec::with_capacity(64);
    key.push(length);
    key.extend_from_slice(name.as_bytes());
    key
}

/// The key, if the host takes it.
pub(crate) fn checked(key: Vec<u8>, name: &str) -> Vec<u8> {
    if key.len() > MAX_KEY {
        abort(&message!(
            "a key of `",
            name,
            "` in storage has more than 256 bytes"
        ));
    }
    key
}

pub(crate) fn read<T: Decode>(key: &[u8], name: &str) -> Option<T> {
    let bytes = host::load(key)?;
    match decode(&bytes) {
        Ok(value) => Some(value),
        // Only after an upgrade that changed the type without a migration.
        Err(error) => abort(&message!("`", name, "` in storage is of another type: ", error.0)),
    }
}

pub(crate) fn absent(name: &str) -> ! {
    abort(&message!("`", name, "` in storage is not set"))
}

/// One value.
pub struct Item<T> {
    name: &'static str,
    value: PhantomData<fn() -> T>,
}

impl<T> Item<T> {
    /// The value with a name of at most 255 bytes; each name once in a contract.
    #[must_use]
    pub const fn new(name: &'static str) -> Self
    where
        T: Encode + Decode,
    {
        assert!(name.len() <= MAX_NAME, "a name in storage has at most 255 bytes");
        Self {
            name,
            value: PhantomData,
        }
    }

    /// The key under which it is stored.
    #[must_use]
    pub fn key(&self) -> Vec<u8> {
        named(self.name)
    }

    /// Whether it is set.
    #[must_use]
    pub fn exists(&self) -> bool {
        host::exists(&self.key())
    }

    /// Removes it; its deposit is refunded.
    pub fn remove(&self) {
        host::remove(&self.key());
    }
}

impl<T: Decode> Item<T> {
    /// The value, if it is set.
    #[must_use]
    pub fn get(&self) -> Option<T> {
        read(&self.key(), self.name)
    }

    /// The value; aborts if it is not set.
    #[must_use]
    pub fn load(&self) -> T {
        self.get().unwrap_or_else(|| absent(self.name))
    }
}

impl<T: Encode> Item<T> {
    /// Sets the value.
    pub fn set(&self, value: &T) {
        host::store(&self.key(), &encode(value));
    }
}

/// Values by key.
pub struct Map<K, V> {
    name: &'static str,
    entry: PhantomData<fn(K) -> V>,
}

impl<K: Encode, V> Map<K, V> {
    /// The map with a name of at most 255 bytes; each name once in a contract.
    #[must_use]
    pub const fn new(name: &'static str) -> Self
    where
        V: Encode + Decode,
    {
        assert!(name.len() <= MAX_NAME, "a name in storage has at most 255 bytes");
        Self {
            name,
            entry: PhantomData,
        }
    }

    /// The key under which an entry is stored.
    #[must_use]
    pub fn key(&self, key: &K) -> Vec<u8> {
        let mut bytes = named(self.name);
        key.encode(&mut bytes);
        checked(bytes, self.name)
    }

    /// Whether there is an entry.
    #[must_use]
    pub fn exists(&self, key: &K) -> bool {
        host::exists(&self.key(key))
    }

    /// Removes an entry; its deposit is refunded.
    pub fn remove(&self, key: &K) {
        host::remove(&self.key(key));
    }
}

impl<K: Encode, V: Decode> Map<K, V> {
    /// The value of a key, if there is one.
    #[must_use]
    pub fn get(&self, key: &K) -> Option<V> {
        read(&self.key(key), self.name)
    }

    /// The value of a key; aborts if there is none.
    #[must_use]
    pub fn load(&self, key: &K) -> V {
        self.get(key).unwrap_or_else(|| absent(self.name))
    }
}

impl<K: Encode, V: Encode> Map<K, V> {
    /// Sets the value of a key.
    pub fn set(&self, key: &K, value: &V) {
        host::store(&self.key(key), &encode(value));
    }
}
