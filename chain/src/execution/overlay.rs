//! What a block changed so far, above a state that stays as it is.

use std::collections::BTreeMap;

use aureon_types::{Account, Address, Amount, Hash, SlotChanges, StateChanges};
use bytes::Bytes;
use hashbrown::HashMap;

use super::{StateError, StateReader};
use crate::system::DecodedEpochs;

/// Accounts and storage as a block has changed them, read through from the parent's state at first use.
///
/// Each account and each slot of storage is read once per block. A journal holds the values that writes
/// replaced since the transaction began, so that a failing transaction can be undone to a
/// [`Checkpoint`].
pub struct Overlay<'a, R> {
    reader: &'a R,
    /// Looked up only; the order of everything that leaves comes from `entries` and sorting.
    index: HashMap<Address, usize>,
    entries: Vec<Entry>,
    /// Looked up only, as `index`.
    storage_index: HashMap<(Address, Hash), usize>,
    storage: Vec<StorageEntry>,
    /// Code that the state below does not have.
    code: BTreeMap<Hash, Bytes>,
    journal: Vec<Write>,
    /// Records that are dear to decode; no part of what was changed.
    epochs: DecodedEpochs,
}

struct Entry {
    address: Address,
    before: Option<Account>,
    now: Account,
}

struct StorageEntry {
    address: Address,
    slot: Hash,
    before: Option<Bytes>,
    now: Option<Bytes>,
}

/// A write that can be undone: where, and what stood there.
enum Write {
    Account(usize, Account),
    Storage(usize, Option<Bytes>),
    Code(Hash),
}

/// Where an account stands in its overlay. Of no use in another one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Slot(usize);

/// A point to which a transaction can be undone.
#[derive(Clone, Copy, Debug)]
pub struct Checkpoint(usize);

impl<'a, R: StateReader> Overlay<'a, R> {
    /// Nothing changed yet.
    pub fn new(reader: &'a R) -> Self {
        Self {
            reader,
            index: HashMap::new(),
            entries: Vec::new(),
            storage_index: HashMap::new(),
            storage: Vec::new(),
            code: BTreeMap::new(),
            journal: Vec::new(),
            epochs: DecodedEpochs::default(),
        }
    }

    /// What was decoded so far.
    pub(crate) fn epochs(&mut self) -> &mut DecodedEpochs {
        &mut self.epochs
    }

    /// The account's slot; reads the account if this is its first use in the block.
    pub fn slot(&mut self, address: &Address) -> Result<Slot, StateError> {
        if let Some(position) = self.index.get(address) {
            return Ok(Slot(*position));
        }
        let before = self.reader.account(address)?;
        let position = self.entries.len();
        self.entries.push(Entry {
            address: *address,
            before,
            now: before.unwrap_or_default(),
        });
        self.index.insert(*address, position);
        Ok(Slot(position))
    }

    /// The account as it is now.
    pub fn get(&self, slot: Slot) -> &Account {
        &self.entries[slot.0].now
    }

    /// The account as it was before the block.
    pub fn before(&self, slot: Slot) -> Account {
        self.entries[slot.0].before.unwrap_or_default()
    }

    /// Replaces the account. Its storage root is not looked at: storage changes by
    /// [`Self::set_storage`], and the root follows when the changes are applied.
    pub fn set(&mut self, slot: Slot, account: Account) {
        let entry = &mut self.entries[slot.0];
        let before = std::mem::replace(&mut entry.now, account);
        self.journal.push(Write::Account(slot.0, before));
    }

    /// Adds `amount` to the balance of `address`.
    pub fn credit(&mut self, address: &Address, amount: Amount) -> Result<(), StateError> {
        let slot = self.slot(address)?;
        self.credit_at(slot, amount)
    }

    /// The same for an account whose slot is known.
    pub fn credit_at(&mut self, slot: Slot, amount: Amount) -> Result<(), StateError> {
        let account = *self.get(slot);
        let balance = account.balance.checked_add(amount);
        let balance = balance.ok_or_else(|| StateError::BalanceOverflow {
            address: self.entries[slot.0].address,
            balance: account.balance.0,
            credit: amount.0,
        })?;
        self.set(slot, Account { balance, ..account });
        Ok(())
    }

    /// Takes `amount` from the balance of `address`; `false`, and no change, if it holds less.
    pub fn debit(&mut self, address: &Address, amount: Amount) -> Result<bool, StateError> {
        let slot = self.slot(address)?;
        let account = *self.get(slot);
        let Some(balance) = account.balance.checked_sub(amount) else {
            return Ok(false);
        };
        self.set(slot, Account { balance, ..account });
        Ok(true)
    }

    fn storage_entry(&mut self, address: &Address, slot: &Hash) -> Result<usize, StateError> {
        let key = (*address, *slot);
        if let Some(position) = self.storage_index.get(&key) {
            return Ok(*position);
        }
        let before = self.reader.storage(address, slot)?;
        let position = self.storage.len();
        self.storage.push(StorageEntry {
            address: *address,
            slot: *slot,
            now: before.clone(),
            before,
        });
        self.storage_index.insert(key, position);
        Ok(position)
    }

    /// The value of a slot in the storage of `address` as it is now.
    pub fn storage(&mut self, address: &Address, slot: &Hash) -> Result<Option<Bytes>, StateError> {
        let position = self.storage_entry(address, slot)?;
        Ok(self.storage[position].now.clone())
    }

    /// Replaces the value of a slot; `None` removes it.
    pub fn set_storage(
        &mut self,
        address: &Address,
        slot: &Hash,
        value: Option<Bytes>,
    ) -> Result<(), StateError> {
        self.replace_storage(address, slot, value).map(drop)
    }

    /// The same, and tells the length of the value that stood there.
    pub fn replace_storage(
        &mut self,
        address: &Address,
        slot: &Hash,
        value: Option<Bytes>,
    ) -> Result<Option<usize>, StateError> {
        let position = self.storage_entry(address, slot)?;
        let before = std::mem::replace(&mut self.storage[position].now, value);
        let length = before.as_ref().map(Bytes::len);
        self.journal.push(Write::Storage(position, before));
        Ok(length)
    }

    /// The code with this hash, if the state or this block has it.
    pub fn code(&self, hash: &Hash) -> Result<Option<Bytes>, StateError> {
        match self.code.get(hash) {
            Some(code) => Ok(Some(code.clone())),
            None => self.reader.code(hash),
        }
    }

    /// Keeps code under its hash. Code that is there already is not kept again.
    pub fn add_code(&mut self, hash: Hash, code: &Bytes) -> Result<(), StateError> {
        if self.code(&hash)?.is_none() {
            self.code.insert(hash, code.clone());
            self.journal.push(Write::Code(hash));
        }
        Ok(())
    }

    /// A point to return to, within the transaction.
    pub fn checkpoint(&self) -> Checkpoint {
        Checkpoint(self.journal.len())
    }

    /// Undoes every write since `checkpoint`, newest first.
    pub fn revert(&mut self, checkpoint: Checkpoint) {
        for write in self.journal.drain(checkpoint.0.min(self.journal.len())..).rev() {
            match write {
                Write::Account(position, account) => self.entries[position].now = account,
                Write::Storage(position, value) => self.storage[position].now = value,
                Write::Code(hash) => drop(self.code.remove(&hash)),
            }
        }
    }

    /// The transaction ended: its writes stay.
    pub fn keep(&mut self) {
        self.journal.clear();
    }

    /// Base units after minus before, over all accounts that were read.
    pub fn supply_difference(&self) -> i128 {
        self.entries.iter().fold(0, |sum: i128, entry| {
            let before = i128::from(entry.before.unwrap_or_default().balance.0);
            sum.saturating_add(i128::from(entry.now.balance.0))
                .saturating_sub(before)
        })
    }

    /// The accounts and slots that differ from before, sorted; an account that became empty is deleted.
    pub fn into_changes(self) -> StateChanges {
        let mut accounts: Vec<_> = self
            .entries
            .into_iter()
            .map(|entry| {
                (
                    entry.address,
                    entry.before,
                    (!entry.now.is_empty()).then_some(entry.now),
                )
            })
            .filter(|(_, before, after)| before != after)
            .map(|(address, _, after)| (address, after))
            .collect();
        accounts.sort_unstable_by_key(|(address, _)| *address);
        StateChanges {
            accounts,
            storage: changed_storage(self.storage),
            code: self.code.into_iter().collect(),
        }
    }
}

/// By account, what differs from before.
fn changed_storage(entries: Vec<StorageEntry>) -> Vec<(Address, SlotChanges)> {
    let mut changed: Vec<StorageEntry> = entries
        .into_iter()
        .filter(|entry| entry.before != entry.now)
        .collect();
    changed.sort_unstable_by_key(|entry| (entry.address, entry.slot));
    changed
        .chunk_by(|one, other| one.address == other.address)
        .filter_map(|slots| {
            let slot = |entry: &StorageEntry| (entry.slot, entry.now.clone());
            Some((slots.first()?.address, slots.iter().map(slot).collect()))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use aureon_types::Amount;

    use super::*;
    use crate::testing::MemoryState;

    fn account(balance: u64) -> Account {
        Account {
            balance: Amount(balance),
            ..Account::default()
        }
    }

    #[test]
    fn a_revert_returns_to_the_checkpoint_and_no_further() {
        let state = MemoryState::with([(Address([1; 20]), 10)]);
        let mut overlay = Overlay::new(&state);
        let slot = overlay.slot(&Address([1; 20])).unwrap();
        overlay.set(slot, account(9));
        let checkpoint = overlay.checkpoint();
        overlay.set(slot, account(8));
        overlay.set(slot, account(7));
        overlay.revert(checkpoint);
        assert_eq!(overlay.get(slot), &account(9));
        assert_eq!(overlay.before(slot), account(10));
        assert_eq!(overlay.supply_difference(), -1);
    }

    #[test]
    fn only_what_differs_is_a_change_and_what_is_empty_is_deleted() {
        let state = MemoryState::with([
            (Address([3; 20]), 10),
            (Address([1; 20]), 5),
            (Address([2; 20]), 5),
        ]);
        let mut overlay = Overlay::new(&state);
        for (byte, balance) in [(3, 0), (2, 5), (1, 6), (4, 0)] {
            let slot = overlay.slot(&Address([byte; 20])).unwrap();
            overlay.set(slot, account(balance));
        }
        let changes = overlay.into_changes();
        assert_eq!(
            changes.accounts,
            [(Address([1; 20]), Some(account(6))), (Address([3; 20]), None)]
        );
    }

    #[test]
    fn storage_is_read_through_undone_and_told_in_order() {
        let value = |text: &'static str| Some(Bytes::from_static(text.as_bytes()));
        let (one, two) = (Address([1; 20]), Address([2; 20]));
        let (a, b, c) = (Hash([1; 32]), Hash([2; 32]), Hash([3; 32]));
        let mut state = MemoryState::default();
        state.storage.insert((two, a), Bytes::from_static(b"old"));
        state.storage.insert((two, b), Bytes::from_static(b"stays"));
        let mut overlay = Overlay::new(&state);
        assert_eq!(overlay.storage(&two, &a).unwrap(), value("old"));
        overlay.set_storage(&two, &c, value("new")).unwrap();
        overlay.set_storage(&one, &a, value("first")).unwrap();
        let checkpoint = overlay.checkpoint();
        overlay.set_storage(&two, &c, value("newer")).unwrap();
        overlay.set_storage(&two, &b, None).unwrap();
        overlay.set_storage(&one, &b, value("gone")).unwrap();
        overlay.revert(checkpoint);
        assert_eq!(overlay.storage(&two, &c).unwrap(), value("new"));
        overlay.set_storage(&two, &a, None).unwrap();
        let changes = overlay.into_changes();
        assert_eq!(
            changes.storage,
            [
                (one, vec![(a, value("first"))]),
                (two, vec![(a, None), (c, value("new"))])
            ]
        );
    }

    #[test]
    fn code_is_kept_once_and_undone() {
        let code = |text: &'static str| Bytes::from_static(text.as_bytes());
        let (old, new, gone) = (Hash([1; 32]), Hash([2; 32]), Hash([3; 32]));
        let mut state = MemoryState::default();
        state.code.insert(old, code("old"));
        let mut overlay = Overlay::new(&state);
        overlay.add_code(old, &code("old")).unwrap();
        overlay.add_code(new, &code("new")).unwrap();
        let checkpoint = overlay.checkpoint();
        overlay.add_code(new, &code("new")).unwrap();
        overlay.add_code(gone, &code("gone")).unwrap();
        assert_eq!(overlay.code(&gone).unwrap(), Some(code("gone")));
        overlay.revert(checkpoint);
        assert_eq!(overlay.code(&gone).unwrap(), None);
        assert_eq!(overlay.code(&old).unwrap(), Some(code("old")));
        assert_eq!(overlay.into_changes().code, [(new, code("new"))]);
    }

    #[test]
    fn a_debit_takes_what_is_there_and_no_more() {
        let state = MemoryState::with([(Address([1; 20]), 10)]);
        let mut overlay = Overlay::new(&state);
        let slot = overlay.slot(&Address([1; 20])).unwrap();
        assert!(!overlay.debit(&Address([1; 20]), Amount(11)).unwrap());
        assert_eq!(overlay.get(slot), &account(10));
        assert!(overlay.debit(&Address([1; 20]), Amount(10)).unwrap());
        assert_eq!(overlay.get(slot), &account(0));
    }
}
