//! What a block changed so far, above a state that stays as it is.

use aureon_types::{Account, Address, StateChanges};
use hashbrown::HashMap;

use super::{StateError, StateReader};

/// Accounts as a block has changed them, read through from the parent's state at first use.
///
/// Each account is read once per block. A journal holds the values that writes replaced since the
/// transaction began, so that a failing transaction can be undone to a [`Checkpoint`].
pub struct Overlay<'a, R> {
    reader: &'a R,
    /// Looked up only; the order of everything that leaves comes from `entries` and sorting.
    index: HashMap<Address, usize>,
    entries: Vec<Entry>,
    journal: Vec<(usize, Account)>,
}

struct Entry {
    address: Address,
    before: Option<Account>,
    now: Account,
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
            journal: Vec::new(),
        }
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

    /// Replaces the account.
    pub fn set(&mut self, slot: Slot, account: Account) {
        let entry = &mut self.entries[slot.0];
        self.journal
            .push((slot.0, std::mem::replace(&mut entry.now, account)));
    }

    /// A point to return to, within the transaction.
    pub fn checkpoint(&self) -> Checkpoint {
        Checkpoint(self.journal.len())
    }

    /// Undoes every write since `checkpoint`, newest first.
    pub fn revert(&mut self, checkpoint: Checkpoint) {
        for (position, account) in self.journal.drain(checkpoint.0.min(self.journal.len())..).rev() {
            self.entries[position].now = account;
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

    /// The accounts that differ from before, sorted; an account that became empty is deleted.
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
            storage: Vec::new(),
        }
    }
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
}
