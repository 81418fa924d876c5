//! The storage of accounts: one trie per account, with its rows under the account's hashed address.
//!
//! A slot's key in its trie is keccak(slot), its value the RLP string of the bytes, as Ethereum has it.

use aureon_types::Hash;
use bytes::Bytes;
use redb::{ReadOnlyTable, ReadTransaction, Table, TableDefinition, WriteTransaction};

use super::base::Base;
use crate::{
    database::Fault,
    error::Result,
    trie::{Changed, Key, Node, Path, Source, Trie, Value, rlp},
};

/// keccak(address), keccak(slot) -> the slot's bytes.
const SLOTS: TableDefinition<'static, [u8; 64], &[u8]> = TableDefinition::new("slots");
/// keccak(address), path -> [`Node`] row.
const SLOT_NODES: TableDefinition<'static, &[u8], &[u8]> = TableDefinition::new("slot_nodes");

/// The value of a slot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Slot(pub Bytes);

impl Value for Slot {
    /// At most 273 nodes of an account stay, and those only while the account itself changes.
    const RESIDENT_DEPTH: usize = 2;

    fn encode(&self, out: &mut Vec<u8>) {
        rlp::string(&self.0, out);
    }
}

/// The key of a slot in the trie of its account.
pub(super) fn hashed(slot: &Hash) -> Key {
    aureon_types::hash::keccak256(&slot.0)
}

fn slot_row(account: &Key, slot: &Key) -> [u8; 64] {
    let mut row = [0; 64];
    row[..32].copy_from_slice(account);
    row[32..].copy_from_slice(slot);
    row
}

fn node_row(account: &Key, path: &Path, out: &mut Vec<u8>) {
    out.clear();
    out.extend_from_slice(account);
    out.extend_from_slice(path.row_key().as_slice());
}

/// The tables of one flush.
pub(super) struct Snapshot {
    slots: ReadOnlyTable<[u8; 64], &'static [u8]>,
    nodes: ReadOnlyTable<&'static [u8], &'static [u8]>,
}

impl Snapshot {
    pub fn open(transaction: &ReadTransaction) -> Result<Self, Fault> {
        Ok(Self {
            slots: transaction.open_table(SLOTS)?,
            nodes: transaction.open_table(SLOT_NODES)?,
        })
    }

    /// Rows in the tables of slots and of their nodes.
    pub fn rows(&self) -> Result<(u64, u64), Fault> {
        use redb::ReadableTableMetadata as _;
        Ok((self.slots.len()?, self.nodes.len()?))
    }
}

/// The stored storage of one account.
pub(super) struct StoredSlots<'a> {
    pub base: &'a Base,
    /// keccak(address).
    pub account: Key,
}

impl Source<Slot> for StoredSlots<'_> {
    fn height(&self) -> u64 {
        self.base.height
    }

    fn node(&self, path: &Path) -> Result<Node<Slot>> {
        self.base.look(|| {
            let mut key = Vec::with_capacity(96);
            node_row(&self.account, path, &mut key);
            let row = self.base.slots.nodes.get(&key[..])?;
            let node = row.and_then(|row| Node::decode(row.value(), self.base.height));
            node.ok_or_else(|| {
                Fault::corrupt(format!("storage trie node at {key:02x?} is missing or damaged"))
            })
        })
    }

    fn value(&self, key: &Key) -> Result<Option<Slot>> {
        let row = slot_row(&self.account, key);
        self.base.look(|| {
            let value = self.base.slots.slots.get(&row)?;
            Ok(value.map(|value| Slot(Bytes::copy_from_slice(value.value()))))
        })
    }

    fn leaf_below(&self, path: &Path) -> Result<(Key, Slot)> {
        let from = slot_row(&self.account, path.first_key());
        let to = slot_row(&self.account, &[0xff; 32]);
        self.base.look(|| {
            let first = self.base.slots.slots.range(from..=to)?.next().transpose()?;
            if let Some((row, value)) = first
                && let Some(key) = row.value().last_chunk::<32>()
                && path.holds(key)
            {
                return Ok((*key, Slot(Bytes::copy_from_slice(value.value()))));
            }
            Err(Fault::corrupt(format!(
                "no slot of account {:02x?} below {:02x?}",
                self.account,
                path.row_key().as_slice()
            )))
        })
    }
}

/// Writes the rows of a flush.
pub(super) struct Writer<'a> {
    slots: Table<'a, [u8; 64], &'static [u8]>,
    nodes: Table<'a, &'static [u8], &'static [u8]>,
    key: Vec<u8>,
    row: Vec<u8>,
}

impl<'a> Writer<'a> {
    /// Makes the tables if they are not there.
    pub fn open(transaction: &'a WriteTransaction) -> Result<Self, Fault> {
        Ok(Self {
            slots: transaction.open_table(SLOTS)?,
            nodes: transaction.open_table(SLOT_NODES)?,
            key: Vec::with_capacity(96),
            row: Vec::with_capacity(600),
        })
    }

    /// Deletes all storage of an account.
    pub fn clear(&mut self, account: &Key) -> Result<(), Fault> {
        let all = slot_row(account, &[0; 32])..=slot_row(account, &[0xff; 32]);
        self.slots.retain_in(all, |_, _| false)?;
        let mut last = account.to_vec();
        // Above every path: a path has one byte, less than 16, per nibble.
        last.push(0xff);
        self.nodes.retain_in(&account[..]..&last[..], |_, _| false)?;
        Ok(())
    }

    /// Deletes single rows of an account.
    pub fn remove(&mut self, account: &Key, removed: &crate::trie::Removed) -> Result<(), Fault> {
        for key in &removed.keys {
            self.slots.remove(&slot_row(account, key))?;
        }
        for path in &removed.nodes {
            node_row(account, path, &mut self.key);
            self.nodes.remove(&self.key[..])?;
        }
        Ok(())
    }

    /// Writes what changed in the storage of an account above the stored height.
    pub fn write(&mut self, account: &Key, trie: &Trie<Slot>, stored: Option<u64>) -> Result<(), Fault> {
        trie.changed(stored, &mut |changed| {
            match changed {
                Changed::Node(path, node) => {
                    node_row(account, &path, &mut self.key);
                    self.row.clear();
                    node.encode(&mut self.row);
                    self.nodes.insert(&self.key[..], &self.row[..])?;
                }
                Changed::Leaf(entry) => {
                    self.slots
                        .insert(&slot_row(account, &entry.key), &entry.value.0[..])?;
                }
            }
            Ok(())
        })
    }
}

#[cfg(test)]
mod tests {
    use aureon_types::{Address, GenesisId, StateChanges};

    use super::*;
    use crate::{FlushPolicy, StateStore, StateView, memory::CrashDisk, trie};

    /// Slots and nodes of an account's storage that are in memory.
    fn in_memory(view: &StateView, account: &Key) -> (usize, usize) {
        let trie::Found::Present(record) = view.trie().find(account) else {
            return (0, 0);
        };
        let (mut slots, mut nodes) = (0, 0);
        let counted = record.storage().unwrap().changed(None, &mut |changed| {
            match changed {
                Changed::Leaf(_) => slots += 1,
                Changed::Node(..) => nodes += 1,
            }
            Ok::<_, ()>(())
        });
        assert_eq!(counted, Ok(()));
        (slots, nodes)
    }

    #[test]
    fn an_account_that_changes_in_every_block_keeps_only_recent_storage_in_memory() {
        const BLOCKS: u64 = 40;
        const SLOTS: u64 = 100;
        let address = Address([1; 20]);
        let account = aureon_types::hash::keccak256(address.as_bytes());
        let disk = CrashDisk::new();
        let genesis = StateChanges::default();
        let policy = FlushPolicy::default();
        let store = StateStore::open(
            disk.backend("state"),
            4 << 20,
            policy,
            GenesisId([1; 32]),
            &genesis,
        )
        .unwrap();
        for height in 1..=BLOCKS {
            let slot = |number: u64| {
                let mut slot = Hash::ZERO;
                slot.0[..8].copy_from_slice(&(height * SLOTS + number).to_be_bytes());
                (slot, Some(Bytes::from_static(b"value")))
            };
            let changes = StateChanges {
                storage: vec![(address, (0..SLOTS).map(slot).collect())],
                ..StateChanges::default()
            };
            let view = store.head().apply(height, &changes).unwrap();
            store.commit(view).unwrap();
            store.flush().unwrap();
            let (slots, nodes) = in_memory(&store.head(), &account);
            // What the last two flushes wrote, and the resident nodes above.
            assert!(slots as u64 <= 2 * SLOTS, "{slots} slots at height {height}");
            assert!(
                nodes as u64 <= 2 * SLOTS * 3 + 273,
                "{nodes} nodes at height {height}"
            );
        }
        assert_eq!(store.rows().unwrap().slots, BLOCKS * SLOTS);
        // An account that does not change any more leaves memory with all its storage.
        for height in BLOCKS + 1..BLOCKS + 3 {
            let other = StateChanges::of_balances([(Address([2; 20]), aureon_types::Amount(height))]);
            let view = store.head().apply(height, &other).unwrap();
            store.commit(view).unwrap();
            store.flush().unwrap();
        }
        assert_eq!(in_memory(&store.head(), &account), (0, 0));
    }
}
