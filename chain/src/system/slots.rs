//! Which slot of the system account holds what, and reading and writing it.

use std::collections::BTreeMap;

use aureon_consensus::Epoch;
use aureon_types::{Address, Hash, PublicKey, account::SYSTEM_ADDRESS, hash::blake3};
use bytes::Bytes;

use super::codec::Record;
use crate::execution::{Overlay, StateError, StateReader};

/// BLAKE3("aureon/system/1", length of `name` (one byte), `name`, `parts`). The parts of one name have
/// fixed lengths, so no two slots have one key.
fn slot(name: &str, parts: &[&[u8]]) -> Hash {
    let length = [u8::try_from(name.len()).unwrap_or(u8::MAX)];
    let mut input: Vec<&[u8]> = vec![b"aureon/system/1", &length, name.as_bytes()];
    input.extend_from_slice(parts);
    Hash(blake3(&input))
}

/// [`super::records::Totals`].
pub(super) fn totals() -> Hash {
    slot("totals", &[])
}

/// [`super::records::ValidatorRecord`].
pub(super) fn validator(validator: &Address) -> Hash {
    slot("validator", &[&validator.0])
}

/// [`super::rewards::Delegation`].
pub(super) fn delegation(validator: &Address, delegator: &Address) -> Hash {
    slot("delegation", &[&validator.0, &delegator.0])
}

/// [`super::records::Candidates`].
pub(super) fn candidates() -> Hash {
    slot("candidates", &[])
}

/// [`super::records::Challenged`].
pub(super) fn challenged() -> Hash {
    slot("challenged", &[])
}

/// [`super::shares::Pool`] of stake that returns at the end of `epoch`.
pub(super) fn unbonding(validator: &Address, epoch: u64) -> Hash {
    slot("unbonding", &[&validator.0, &epoch.to_be_bytes()])
}

/// [`super::records::Release`] at a place of the queue.
pub(super) fn release(place: u64) -> Hash {
    slot("release", &[&place.to_be_bytes()])
}

/// [`super::records::ReleaseQueue`].
pub(super) fn release_queue() -> Hash {
    slot("queue", &[])
}

/// [`super::records::Waiting`] of withdrawals that end in `epoch`.
pub(super) fn waiting(delegator: &Address, epoch: u64) -> Hash {
    slot("waiting", &[&delegator.0, &epoch.to_be_bytes()])
}

/// [`super::records::Missed`].
pub(super) fn missed() -> Hash {
    slot("missed", &[])
}

/// [`super::records::Punished`].
pub(super) fn punished(epoch: u64) -> Hash {
    slot("punished", &[&epoch.to_be_bytes()])
}

/// [`super::records::Lagging`].
pub(super) fn lagging(epoch: u64) -> Hash {
    slot("lagging", &[&epoch.to_be_bytes()])
}

/// [`aureon_consensus::Epoch`], in its own encoding.
pub(super) fn epoch(epoch: u64) -> Hash {
    slot("epoch", &[&epoch.to_be_bytes()])
}

/// [`super::records::Authorities`].
pub(super) fn authorities() -> Hash {
    slot("authorities", &[])
}

/// [`super::records::OpenBallots`].
pub(super) fn open_ballots() -> Hash {
    slot("ballots", &[])
}

/// [`super::records::Ballot`].
pub(super) fn ballot(add: Option<&PublicKey>, remove: Option<&PublicKey>) -> Hash {
    let part = |key: Option<&PublicKey>| key.map_or([0; 32], |key| key.0); // no key is zero: it would be of small order
    slot("ballot", &[&part(add), &part(remove)])
}

/// Where slots of the system account are read from.
pub(super) trait Slots {
    fn bytes(&mut self, slot: &Hash) -> Result<Option<Bytes>, StateError>;

    fn load<T: Record>(&mut self, slot: &Hash) -> Result<Option<T>, StateError> {
        self.bytes(slot)?.map(|bytes| T::decode(&bytes)).transpose()
    }

    fn load_or_default<T: Record + Default>(&mut self, slot: &Hash) -> Result<T, StateError> {
        self.load(slot).map(Option::unwrap_or_default)
    }

    fn epoch(&mut self, number: u64) -> Result<Option<Epoch>, StateError> {
        let bytes = self.bytes(&epoch(number))?;
        bytes
            .map(|bytes| Epoch::decode(&bytes))
            .transpose()
            .map_err(|_| StateError::Damaged { what: "epoch" })
    }
}

/// A state between blocks.
pub(super) struct At<'a, R>(pub &'a R);

impl<R: StateReader> Slots for At<'_, R> {
    fn bytes(&mut self, slot: &Hash) -> Result<Option<Bytes>, StateError> {
        self.0.storage(&SYSTEM_ADDRESS, slot)
    }
}

/// A state inside a block.
impl<R: StateReader> Slots for Overlay<'_, R> {
    fn bytes(&mut self, slot: &Hash) -> Result<Option<Bytes>, StateError> {
        self.storage(&SYSTEM_ADDRESS, slot)
    }

    fn epoch(&mut self, number: u64) -> Result<Option<Epoch>, StateError> {
        let Some(bytes) = self.bytes(&epoch(number))? else {
            return Ok(None);
        };
        self.epochs().decode(number, bytes).map(Some)
    }
}

/// Epochs that a block has decoded: with the most validators one takes about half a millisecond, and
/// many transactions of a block can ask for the same. Holds as many as the state does.
#[derive(Default)]
pub(crate) struct DecodedEpochs(BTreeMap<u64, (Bytes, Epoch)>);

impl DecodedEpochs {
    fn decode(&mut self, number: u64, bytes: Bytes) -> Result<Epoch, StateError> {
        let known = self.0.get(&number);
        if let Some((_, epoch)) = known.filter(|(known, _)| same(known, &bytes)) {
            return Ok(epoch.clone());
        }
        let epoch = Epoch::decode(&bytes).map_err(|_| StateError::Damaged { what: "epoch" })?;
        self.0.insert(number, (bytes, epoch.clone()));
        Ok(epoch)
    }
}

/// Whether they are equal; at once where they are the same memory.
fn same(one: &Bytes, other: &Bytes) -> bool {
    (one.as_ptr() == other.as_ptr() && one.len() == other.len()) || one == other
}

impl<R: StateReader> Overlay<'_, R> {
    /// Writes a record of the system account.
    pub(super) fn put<T: Record>(&mut self, slot: &Hash, record: &T) -> Result<(), StateError> {
        self.set_storage(&SYSTEM_ADDRESS, slot, Some(record.encode()))
    }

    /// Writes a list of the system account; an empty one has no slot.
    pub(super) fn put_list<T: Record>(
        &mut self,
        slot: &Hash,
        record: &T,
        is_empty: bool,
    ) -> Result<(), StateError> {
        let value = (!is_empty).then(|| record.encode());
        self.set_storage(&SYSTEM_ADDRESS, slot, value)
    }

    /// Writes an epoch under its number.
    pub(super) fn put_epoch(&mut self, record: &Epoch) -> Result<(), StateError> {
        self.set_storage(&SYSTEM_ADDRESS, &epoch(record.number()), Some(record.encode()))
    }

    /// Clears a slot of the system account.
    pub(super) fn clear(&mut self, slot: &Hash) -> Result<(), StateError> {
        self.set_storage(&SYSTEM_ADDRESS, slot, None)
    }
}
