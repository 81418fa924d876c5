//! How records stand in slots: a version byte, then the fields in order, numbers big-endian, lists with
//! their length in front. Strict: a record has one encoding, and nothing may follow it.

use aureon_types::{Address, Hash, PublicKey, address::ADDRESS_BYTES};
use bytes::Bytes;

use crate::execution::StateError;

/// The first byte of every record. Another one is another layout, which this software does not know.
const VERSION: u8 = 1;

/// A value of a slot.
pub(super) trait Record: Sized {
    /// Its name in errors.
    const WHAT: &'static str;

    /// Appends every field.
    fn write(&self, out: &mut Writer);

    /// Reads every field; `None` where the bytes are none of [`Record::write`]'s.
    fn read(input: &mut Cursor<'_>) -> Option<Self>;

    /// The bytes of the slot.
    fn encode(&self) -> Bytes {
        let mut out = Writer(vec![VERSION]);
        self.write(&mut out);
        out.0.into()
    }

    /// The reverse of [`Record::encode`].
    fn decode(bytes: &[u8]) -> Result<Self, StateError> {
        let mut input = Cursor(bytes);
        let record = (input.u8() == Some(VERSION))
            .then(|| Self::read(&mut input))
            .flatten();
        record
            .filter(|_| input.0.is_empty())
            .ok_or(StateError::Damaged { what: Self::WHAT })
    }
}

/// Bytes that are being written.
pub(super) struct Writer(Vec<u8>);

impl Writer {
    pub fn u8(&mut self, value: u8) {
        self.0.push(value);
    }

    pub fn u16(&mut self, value: u16) {
        self.0.extend_from_slice(&value.to_be_bytes());
    }

    pub fn u32(&mut self, value: u32) {
        self.0.extend_from_slice(&value.to_be_bytes());
    }

    pub fn u64(&mut self, value: u64) {
        self.0.extend_from_slice(&value.to_be_bytes());
    }

    pub fn u128(&mut self, value: u128) {
        self.0.extend_from_slice(&value.to_be_bytes());
    }

    pub fn address(&mut self, value: &Address) {
        self.0.extend_from_slice(&value.0);
    }

    pub fn key(&mut self, value: &PublicKey) {
        self.0.extend_from_slice(&value.0);
    }

    pub fn hash(&mut self, value: &Hash) {
        self.0.extend_from_slice(&value.0);
    }

    /// 0 for nothing, 1 and the value for something.
    pub fn option<T>(&mut self, value: Option<&T>, write: impl FnOnce(&mut Self, &T)) {
        self.u8(u8::from(value.is_some()));
        if let Some(value) = value {
            write(self, value);
        }
    }

    /// The count (lists here have at most some thousands), then every item.
    pub fn list<T>(&mut self, items: &[T], mut write: impl FnMut(&mut Self, &T)) {
        self.u32(u32::try_from(items.len()).unwrap_or(u32::MAX));
        for item in items {
            write(self, item);
        }
    }
}

/// Bytes that are being read; every getter gives `None` at their end.
pub(super) struct Cursor<'a>(&'a [u8]);

impl Cursor<'_> {
    fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (head, rest) = self.0.split_first_chunk::<N>()?;
        self.0 = rest;
        Some(*head)
    }

    pub fn u8(&mut self) -> Option<u8> {
        self.take::<1>().map(|[byte]| byte)
    }

    pub fn u16(&mut self) -> Option<u16> {
        self.take().map(u16::from_be_bytes)
    }

    pub fn u32(&mut self) -> Option<u32> {
        self.take().map(u32::from_be_bytes)
    }

    pub fn u64(&mut self) -> Option<u64> {
        self.take().map(u64::from_be_bytes)
    }

    pub fn u128(&mut self) -> Option<u128> {
        self.take().map(u128::from_be_bytes)
    }

    pub fn address(&mut self) -> Option<Address> {
        self.take::<ADDRESS_BYTES>().map(Address)
    }

    pub fn key(&mut self) -> Option<PublicKey> {
        self.take::<32>().map(PublicKey)
    }

    pub fn hash(&mut self) -> Option<Hash> {
        self.take::<32>().map(Hash)
    }

    pub fn bool(&mut self) -> Option<bool> {
        match self.u8()? {
            0 => Some(false),
            1 => Some(true),
            _ => None,
        }
    }

    /// The outer `None`: these bytes are no option.
    pub fn option<T>(&mut self, read: impl FnOnce(&mut Self) -> Option<T>) -> Option<Option<T>> {
        if self.bool()? {
            read(self).map(Some)
        } else {
            Some(None)
        }
    }

    pub fn list<T>(&mut self, mut read: impl FnMut(&mut Self) -> Option<T>) -> Option<Vec<T>> {
        (0..self.u32()?).map(|_| read(self)).collect()
    }
}
