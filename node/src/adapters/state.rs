//! The ledger's view of the state, answered by the storage.

use aureon_chain::execution::{StateCommitment, StateError, StateReader};
use aureon_storage::{StateView, StorageError};
use aureon_types::{Account, Address, Hash, StateChanges};
use bytes::Bytes;

/// A state view of the storage as the ledger wants it. Cheap to clone.
#[derive(Clone, Debug)]
pub struct View(pub StateView);

fn unreadable(error: StorageError) -> StateError {
    StateError::Unreadable(Box::new(error))
}

impl StateReader for View {
    fn account(&self, address: &Address) -> Result<Option<Account>, StateError> {
        self.0.account(address).map_err(unreadable)
    }

    fn storage(&self, address: &Address, slot: &Hash) -> Result<Option<Bytes>, StateError> {
        self.0.storage(address, slot).map_err(unreadable)
    }

    fn code(&self, hash: &Hash) -> Result<Option<Bytes>, StateError> {
        self.0.code(hash).map_err(unreadable)
    }
}

impl StateCommitment for View {
    fn apply(&self, height: u64, changes: &StateChanges) -> Result<Self, StateError> {
        self.0.apply(height, changes).map(Self).map_err(unreadable)
    }

    fn root(&self) -> Hash {
        self.0.root()
    }
}
