//! The store: which state is the head, and when it is flushed.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use aureon_types::{Account, Address, GenesisId, Hash, StateChanges};
use bytes::Bytes;
use redb::WriteTransaction;

use super::{
    base::{ACCOUNTS, Base, CODE, NODES, Nothing, Rows, write_version},
    cache::Cache,
    change::{self, After},
    record::Record,
    slot,
    view::{Latest, StateView},
};
use crate::{
    database::{Backend, Database, Fault},
    error::{Result, StorageError},
    trie::{Changed, Key, Trie},
};

const KIND: &str = "aureon state";

/// When changes go from memory to disk: at whichever bound comes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FlushPolicy {
    /// A change is on disk this long after it was first seen to be waiting.
    pub interval: Duration,
    /// So many bytes of changes (estimated) are flushed at once.
    pub soft_bytes: usize,
    /// With so many bytes waiting, [`StateStore::commit`] itself flushes before it returns: the disk is
    /// slower than the chain, and the chain has to wait.
    pub hard_bytes: usize,
    /// So many blocks are flushed at once: bounds what is executed again after a crash.
    pub blocks: u64,
}

impl Default for FlushPolicy {
    fn default() -> Self {
        Self {
            interval: Duration::from_secs(5),
            soft_bytes: 256 << 20,
            hard_bytes: 1 << 30,
            blocks: 1_024,
        }
    }
}

/// Owns `state.redb`. All methods may be called from any thread.
pub struct StateStore {
    database: Database,
    policy: FlushPolicy,
    latest: Arc<Latest>,
    head: Mutex<Head>,
    /// Held during a flush: there is one at a time.
    flushing: Mutex<()>,
}

struct Head {
    view: StateView,
    /// When [`StateStore::flush_due`] first saw the changes that wait now.
    waiting_since: Option<Duration>,
}

impl StateStore {
    /// Opens or creates the store of the network `genesis_id`. A new one begins with the state that
    /// `genesis` makes of nothing. Refuses a store of another network. `cache_bytes` is redb's page
    /// cache.
    ///
    /// The head is then what was flushed last. The node executes the blocks above it again.
    pub fn open(
        backend: Backend,
        cache_bytes: usize,
        policy: FlushPolicy,
        genesis_id: GenesisId,
        genesis: &StateChanges,
    ) -> Result<Self> {
        let database = Database::open(backend, cache_bytes, KIND, genesis_id, |_| Ok(()))?;
        let base = match Base::open(&database, 0)? {
            Some(base) => base,
            None => create(&database, genesis)?,
        };
        let latest = Arc::new(Latest::new(Arc::new(base), Cache::new(cache_bytes)));
        let view = StateView::stored(Arc::clone(&latest));
        let head = Mutex::new(Head {
            view,
            waiting_since: None,
        });
        Ok(Self {
            database,
            policy,
            latest,
            head,
            flushing: Mutex::new(()),
        })
    }

    /// What is durable.
    pub fn flushed(&self) -> StateView {
        StateView::stored(Arc::clone(&self.latest))
    }

    /// The state after the last committed block. Blocks are best applied to this very view: it stands
    /// on the newest flush.
    pub fn head(&self) -> StateView {
        self.lock().view.clone()
    }

    /// Whether state and blocks belong together: the state must not be ahead of the last block.
    pub fn check_against(&self, last_block: u64) -> Result<()> {
        let state = self.latest.get().height;
        if state > last_block {
            return Err(StorageError::StateAheadOfBlocks {
                state,
                blocks: last_block,
            });
        }
        Ok(())
    }

    /// Makes `view` the head. Its block must be final and durable in the block store, and follow the
    /// head's block. Waits for the disk only when [`FlushPolicy::hard_bytes`] are exceeded.
    pub fn commit(&self, view: StateView) -> Result<()> {
        let waiting = {
            let mut head = self.lock();
            let (height, root) = (head.view.height(), head.view.root());
            if height.checked_add(1) != Some(view.height()) || view.root_at(height) != Some(root) {
                return Err(StorageError::NotDescendant {
                    given: view.height(),
                    head: height,
                    root,
                });
            }
            head.view = view;
            self.waiting_bytes(&head.view)
        };
        if waiting > self.policy.hard_bytes {
            self.flush()
        } else {
            Ok(())
        }
    }

    /// Whether [`StateStore::flush`] should be called now. `now` is a monotonic reading. A thread of
    /// the node asks a few times a second; a simulation asks after each step.
    pub fn flush_due(&self, now: Duration) -> bool {
        let mut head = self.lock();
        let flushed = self.latest.get().height;
        let blocks = head.view.height().saturating_sub(flushed);
        if blocks == 0 {
            head.waiting_since = None;
            return false;
        }
        let since = *head.waiting_since.get_or_insert(now);
        now.saturating_sub(since) >= self.policy.interval
            || blocks >= self.policy.blocks
            || self.waiting_bytes(&head.view) >= self.policy.soft_bytes
    }

    /// Makes the head durable, in one commit. Does nothing if it is. Blocks can be applied, committed
    /// and read meanwhile.
    pub fn flush(&self) -> Result<()> {
        let _one_at_a_time = self.flushing.lock().unwrap_or_else(PoisonError::into_inner);
        let view = self.head();
        let stored = self.latest.get().height;
        if view.height() == stored {
            return Ok(());
        }
        self.database.commit(|transaction| {
            delete_removed(transaction, &view, stored)?;
            write_changed(transaction, view.trie(), Some(stored))?;
            for step in view.steps_above(stored) {
                write_code(transaction, &step.code)?;
            }
            write_version(transaction, view.height(), view.trie())
        })?;
        let base = Base::open(&self.database, stored)?.ok_or_else(|| missing(&self.database))?;
        self.latest.set(Arc::new(base));
        self.lighten_head();
        Ok(())
    }

    /// Bytes of changes that wait for a flush, estimated.
    pub fn unflushed_bytes(&self) -> usize {
        self.waiting_bytes(&self.lock().view)
    }

    /// Up to `limit` accounts as of the last flush, in the order of their hashed addresses, from the
    /// first above `after`: for tools that list or sum up all accounts.
    pub fn list(&self, after: Option<&Key>, limit: usize) -> Result<Vec<(Key, Address, Account)>> {
        let records = self.latest.get().list(after, limit)?;
        Ok(records
            .into_iter()
            .map(|(key, record)| (key, record.address(), record.account()))
            .collect())
    }

    /// What is on disk, as of the last flush.
    pub fn rows(&self) -> Result<Rows> {
        self.latest.get().rows()
    }

    /// Size of the file; 0 for a backend that is no file.
    pub fn disk_bytes(&self) -> u64 {
        self.database.disk_bytes()
    }

    /// Lets the head stand on the new flush. If another block came meanwhile, that is left to the next
    /// block that is applied.
    fn lighten_head(&self) {
        let before = self.head();
        let lighter = before.rebased();
        let mut head = self.lock();
        head.waiting_since = None;
        if head.view.is(&before) {
            head.view = lighter;
        }
    }

    fn waiting_bytes(&self, view: &StateView) -> usize {
        view.steps_above(self.latest.get().height)
            .map(|step| step.bytes)
            .sum()
    }

    fn lock(&self) -> MutexGuard<'_, Head> {
        self.head.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn missing(database: &Database) -> StorageError {
    Fault::corrupt("the record of the state's version is missing").of(database.name())
}

/// Stores the state of the genesis: height 0.
fn create(database: &Database, genesis: &StateChanges) -> Result<Base> {
    let After { trie, .. } = change::apply(&Trie::default(), &Nothing, 0, genesis, |_| None)?;
    database.commit(|transaction| {
        write_changed(transaction, &trie, None)?;
        write_code(transaction, &genesis.code)?;
        write_version(transaction, 0, &trie)
    })?;
    Base::open(database, 0)?.ok_or_else(|| missing(database))
}

/// Deletes the rows of what went away between the stored state and the view. What came back since is
/// written again afterwards.
fn delete_removed(transaction: &WriteTransaction, view: &StateView, stored: u64) -> Result<(), Fault> {
    let (mut keys, mut paths, mut begun) = (Vec::new(), Vec::new(), Vec::new());
    let mut slots = slot::Writer::open(transaction)?;
    for step in view.steps_above(stored) {
        keys.extend_from_slice(&step.gone.accounts.keys);
        paths.extend_from_slice(&step.gone.accounts.nodes);
        begun.extend_from_slice(&step.gone.begun);
        for (account, removed) in &step.gone.slots {
            slots.remove(account, removed)?;
        }
    }
    keys.sort_unstable();
    paths.sort_unstable();
    let mut accounts = transaction.open_table(ACCOUNTS)?;
    for key in &keys {
        accounts.remove(key)?;
    }
    for key in keys.iter().chain(&begun) {
        slots.clear(key)?;
    }
    let mut nodes = transaction.open_table(NODES)?;
    for path in &paths {
        nodes.remove(path.row_key().as_slice())?;
    }
    Ok(())
}

/// Writes code, each once, however often it comes. Also opens the table, so that it is there.
fn write_code(transaction: &WriteTransaction, code: &[(Hash, Bytes)]) -> Result<(), Fault> {
    let mut table = transaction.open_table(CODE)?;
    for (hash, code) in code {
        table.insert(&hash.0, &code[..])?;
    }
    Ok(())
}

/// Writes the rows that changed above the stored height, each table in its order.
fn write_changed(
    transaction: &WriteTransaction,
    trie: &Trie<Record>,
    stored: Option<u64>,
) -> Result<(), Fault> {
    let mut accounts = transaction.open_table(ACCOUNTS)?;
    let mut nodes = transaction.open_table(NODES)?;
    let mut slots = slot::Writer::open(transaction)?;
    let mut row = Vec::with_capacity(600);
    trie.changed(stored, &mut |changed| {
        row.clear();
        match changed {
            Changed::Node(path, node) => {
                node.encode(&mut row);
                nodes.insert(path.row_key().as_slice(), &row[..])?;
            }
            Changed::Leaf(entry) => {
                entry.value.encode_row(&mut row);
                let before = accounts.insert(&entry.key, &row[..])?;
                match entry.value.storage() {
                    Some(storage) => slots.write(&entry.key, storage, stored)?,
                    None if before.is_some_and(|row| Record::row_has_storage(row.value())) => {
                        slots.clear(&entry.key)?;
                    }
                    None => {}
                }
            }
        }
        Ok(())
    })
}
