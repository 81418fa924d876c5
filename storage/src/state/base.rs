//! The stored version that views stand on: a redb snapshot of one flush.

use aureon_types::{Hash, contract::code_hash};
use bytes::Bytes;
use redb::{ReadOnlyTable, ReadTransaction, TableDefinition, WriteTransaction};

use super::{
    record::Record,
    slot::{self, Slot, StoredSlots},
};
use crate::{
    database::{Database, Fault},
    error::Result,
    trie::{Key, Node, Path, Source, Trie},
};

/// keccak(address) -> [`Record`] row.
pub(super) const ACCOUNTS: TableDefinition<'static, [u8; 32], &[u8]> = TableDefinition::new("accounts");
/// Path -> [`Node`] row.
pub(super) const NODES: TableDefinition<'static, &[u8], &[u8]> = TableDefinition::new("nodes");
/// Height (8 bytes, little-endian), root hash (32 bytes), root slot ([`Trie::encode_root`]).
const STATE: TableDefinition<'static, &str, &[u8]> = TableDefinition::new("state");
const VERSION: &str = "version";
/// SHA-256 of code -> the code. Written with the flush of the block that brought it, never deleted: any
/// number of accounts may name it.
pub(super) const CODE: TableDefinition<'static, &[u8; 32], &[u8]> = TableDefinition::new("code");

/// How many rows a state has on disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rows {
    /// Accounts.
    pub accounts: u64,
    /// Branch nodes of the account trie.
    pub nodes: u64,
    /// Slots of all accounts.
    pub slots: u64,
    /// Branch nodes of all storage tries.
    pub slot_nodes: u64,
    /// Codes of contracts.
    pub code: u64,
}

/// What a state stands on: its accounts, and the storage of each.
pub(super) trait Below: Source<Record> {
    /// The storage of one account.
    type Slots<'a>: Source<Slot>
    where
        Self: 'a;

    /// The storage of the account with this hashed address.
    fn slots(&self, account: Key) -> Self::Slots<'_>;
}

impl Below for Base {
    type Slots<'a> = StoredSlots<'a>;

    fn slots(&self, account: Key) -> StoredSlots<'_> {
        StoredSlots { base: self, account }
    }
}

/// What stands below the genesis.
pub(super) struct Nothing;

impl<V> Source<V> for Nothing {
    fn height(&self) -> u64 {
        0
    }

    fn node(&self, path: &Path) -> Result<Node<V>> {
        Err(Fault::corrupt(format!("no trie node at {path:?} in an empty state")).of("genesis"))
    }

    fn value(&self, _: &Key) -> Result<Option<V>> {
        Ok(None)
    }

    fn leaf_below(&self, path: &Path) -> Result<(Key, V)> {
        Err(Fault::corrupt(format!("no leaf below {path:?} in an empty state")).of("genesis"))
    }
}

impl Below for Nothing {
    type Slots<'a> = Nothing;

    fn slots(&self, _: Key) -> Nothing {
        Nothing
    }
}

/// A snapshot of the state as of one flush.
pub(super) struct Base {
    pub height: u64,
    /// Height of the version stored before this one. What changed since then stays in memory.
    pub previous: u64,
    pub root: Hash,
    /// Nothing of it in memory.
    pub trie: Trie<Record>,
    accounts: ReadOnlyTable<[u8; 32], &'static [u8]>,
    nodes: ReadOnlyTable<&'static [u8], &'static [u8]>,
    pub slots: slot::Snapshot,
    code: ReadOnlyTable<&'static [u8; 32], &'static [u8]>,
    database: String,
}

impl Base {
    /// The newest stored version; `None` if there is none yet. `previous`: see there.
    pub fn open(database: &Database, previous: u64) -> Result<Option<Self>> {
        let name = database.name();
        database.read(|transaction| {
            let Some((height, root, trie)) = version(transaction)? else {
                return Ok(None);
            };
            let accounts = transaction.open_table(ACCOUNTS)?;
            let nodes = transaction.open_table(NODES)?;
            let slots = slot::Snapshot::open(transaction)?;
            let code = transaction.open_table(CODE)?;
            let database = name.to_owned();
            Ok(Some(Self {
                height,
                previous,
                root,
                trie,
                accounts,
                nodes,
                slots,
                code,
                database,
            }))
        })
    }

    /// The code with this hash. What is stored under another's hash is damage, not code.
    pub fn code(&self, hash: &Hash) -> Result<Option<Bytes>> {
        self.look(|| {
            let Some(row) = self.code.get(&hash.0)? else {
                return Ok(None);
            };
            let code = Bytes::copy_from_slice(row.value());
            if code_hash(&code) != *hash {
                return Err(Fault::corrupt(format!("the code {hash} has another hash")));
            }
            Ok(Some(code))
        })
    }

    /// Rows in the tables.
    pub fn rows(&self) -> Result<Rows> {
        use redb::ReadableTableMetadata as _;
        self.look(|| {
            let (slots, slot_nodes) = self.slots.rows()?;
            Ok(Rows {
                accounts: self.accounts.len()?,
                nodes: self.nodes.len()?,
                slots,
                slot_nodes,
                code: self.code.len()?,
            })
        })
    }

    /// Up to `limit` accounts in the order of their hashed addresses, from the first above `after`.
    pub fn list(&self, after: Option<&Key>, limit: usize) -> Result<Vec<(Key, Record)>> {
        use std::ops::Bound::{Excluded, Unbounded};
        self.look(|| {
            let from = after.map_or(Unbounded, Excluded);
            let rows = self.accounts.range::<&Key>((from, Unbounded))?.take(limit);
            rows.map(|row| {
                let (key, row) = row?;
                Ok((key.value(), record(row.value())?))
            })
            .collect()
        })
    }

    pub(super) fn look<T>(&self, look: impl FnOnce() -> Result<T, Fault>) -> Result<T> {
        look().map_err(|fault| fault.of(&self.database))
    }
}

/// Writes which version the other tables hold.
pub(super) fn write_version(
    transaction: &WriteTransaction,
    height: u64,
    trie: &Trie<Record>,
) -> Result<(), Fault> {
    let mut value = height.to_le_bytes().to_vec();
    value.extend_from_slice(&trie.root_hash().0);
    value.extend_from_slice(&trie.encode_root());
    transaction.open_table(STATE)?.insert(VERSION, &value[..])?;
    Ok(())
}

fn version(transaction: &ReadTransaction) -> Result<Option<(u64, Hash, Trie<Record>)>, Fault> {
    let table = match transaction.open_table(STATE) {
        Ok(table) => table,
        Err(redb::TableError::TableDoesNotExist(_)) => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    let Some(value) = table.get(VERSION)? else {
        return Ok(None);
    };
    let decode = |bytes: &[u8]| {
        let (height, rest) = bytes.split_first_chunk()?;
        let (root, rest) = rest.split_first_chunk()?;
        Some((u64::from_le_bytes(*height), Hash(*root), Trie::decode_root(rest)?))
    };
    let version = decode(value.value()).ok_or_else(|| Fault::corrupt("the record of the state's version"))?;
    if version.1 != version.2.root_hash() {
        return Err(Fault::corrupt(format!(
            "the state of height {} has root {}, its trie {}",
            version.0,
            version.1,
            version.2.root_hash()
        )));
    }
    Ok(Some(version))
}

fn record(row: &[u8]) -> Result<Record, Fault> {
    Record::decode_row(row).ok_or_else(|| Fault::corrupt(format!("account row {row:02x?}")))
}

impl Source<Record> for Base {
    fn height(&self) -> u64 {
        self.height
    }

    fn node(&self, path: &Path) -> Result<Node<Record>> {
        self.look(|| {
            let key = path.row_key();
            let row = self.nodes.get(key.as_slice())?;
            let node = row.and_then(|row| Node::decode(row.value(), self.height));
            node.ok_or_else(|| {
                Fault::corrupt(format!(
                    "trie node at {:02x?} is missing or damaged",
                    key.as_slice()
                ))
            })
        })
    }

    fn value(&self, key: &Key) -> Result<Option<Record>> {
        self.look(|| self.accounts.get(key)?.map(|row| record(row.value())).transpose())
    }

    fn leaf_below(&self, path: &Path) -> Result<(Key, Record)> {
        self.look(|| {
            let first = self
                .accounts
                .range::<&Key>(path.first_key()..)?
                .next()
                .transpose()?;
            match first {
                Some((key, row)) if path.holds(&key.value()) => Ok((key.value(), record(row.value())?)),
                _ => Err(Fault::corrupt(format!(
                    "no account below {:02x?}",
                    path.row_key().as_slice()
                ))),
            }
        })
    }
}
