//! The block store (`blocks.redb`): the durability point of a node.
//!
//! *Two commits per block.* A proposed body is stored by its id before the vote for it leaves the
//! machine ([`BlockStore::put_body`]). The decision stores certificate, receipts, height, head and
//! index, and never the body again ([`BlockStore::decide`]); a body that is not there yet (range sync)
//! goes into the same commit. Both are on disk when the call returns, and visible to every reader.
//!
//! *Chunks.* Transactions and receipts are stored in chunks of about 256, so that one transaction is
//! read without its block. Chunks of a body stand under a number that grows with every stored body:
//! they are written in sequence, wherever the block id falls.
//!
//! *Look-ups* by height, block id and transaction id each take a fixed number of steps into a B-tree
//! (see [`index`] for the last); none scans.
//!
//! *Two families of consensus.* Under proof of authority and proof of stake every decided block is final
//! ([`BlockStore::decide`], [`BlockStore::import`]). Under proof of work the decided blocks are the
//! heaviest chain, and those above [`BlockStore::finalized`] may give way to a heavier branch, in one
//! commit ([`BlockStore::switch`]). Everything that is looked up by height or by transaction is of the
//! decided chain, always.
//!
//! *Undecided bodies* (proposals; side branches) stay readable by id until their height is final, and
//! then go. At most [`MAX_UNDECIDED`] are kept, and one more for each decided block that may be undone,
//! so that a whole branch can give way: beyond, those that were put longest ago go (they can be asked
//! from peers again).

pub mod index;
mod read;
mod tables;
mod undecided;
mod write;

use std::sync::{Arc, Mutex, PoisonError, RwLock};

use aureon_types::{Block, BlockId, GenesisId, Hash, Receipt, SignedTransaction};
use bytes::Bytes;

use crate::{
    database::{Backend, Database},
    error::Result,
};
use tables::Snapshot;

const KIND: &str = "aureon blocks";

/// Most undecided bodies, besides one for each decided block that may still be undone.
pub const MAX_UNDECIDED: u64 = 128;
/// Transactions, or receipts, in a chunk.
pub const CHUNK_ITEMS: usize = 256;
/// A chunk is closed once it holds so many bytes.
pub const CHUNK_BYTES: usize = 1 << 20;

/// Owns `blocks.redb`. All methods may be called from any thread; reads never wait for writes.
pub struct BlockStore {
    database: Database,
    genesis: GenesisId,
    /// The last commit, as readers see it.
    snapshot: RwLock<Arc<Snapshot>>,
    /// Held from the start of a commit until its snapshot is published.
    writing: Mutex<()>,
}

/// The last decided block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head {
    /// Its height.
    pub height: u64,
    /// Its id.
    pub id: BlockId,
}

/// A decided block, to be stored.
#[derive(Clone, Copy, Debug)]
pub struct Decided<'a> {
    /// The block.
    pub block: &'a Block,
    /// The encoding of its own commit certificate; empty under proof of work.
    pub certificate: &'a [u8],
    /// The encoded receipts, one for each transaction.
    pub receipts: &'a [Bytes],
    /// The work of the chain up to this block, big-endian; `None` where nobody works.
    pub work: Option<[u8; 32]>,
    /// A validator set that headers from here on name, by their hash of it, with its encoding; `None`
    /// where no new one is named.
    pub validators: Option<(Hash, &'a [u8])>,
}

/// A transaction of a decided block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IncludedTransaction {
    /// The block's height.
    pub height: u64,
    /// The transaction's place in the block, from 0.
    pub index: u32,
    /// The transaction.
    pub transaction: SignedTransaction,
    /// What it did.
    pub receipt: Receipt,
}

impl BlockStore {
    /// Opens or creates the store of the network `genesis`; refuses a store of another. `cache_bytes`
    /// is redb's page cache.
    pub fn open(backend: Backend, cache_bytes: usize, genesis: GenesisId) -> Result<Self> {
        let database = Database::open(backend, cache_bytes, KIND, genesis, tables::create)?;
        let snapshot = RwLock::new(Arc::new(Snapshot::open(&database)?));
        Ok(Self {
            database,
            genesis,
            snapshot,
            writing: Mutex::new(()),
        })
    }

    /// Size of the file; 0 for a backend that is no file.
    pub fn disk_bytes(&self) -> u64 {
        self.database.disk_bytes()
    }

    fn snapshot(&self) -> Arc<Snapshot> {
        Arc::clone(&self.snapshot.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// One durable commit, visible when this returns.
    fn commit(
        &self,
        change: impl FnOnce(&Snapshot, &redb::WriteTransaction) -> Result<(), crate::database::Fault>,
    ) -> Result<()> {
        let _one_at_a_time = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        let before = self.snapshot();
        self.database.commit(|transaction| change(&before, transaction))?;
        let after = Arc::new(Snapshot::open(&self.database)?);
        *self.snapshot.write().unwrap_or_else(PoisonError::into_inner) = after;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use aureon_types::{
        Action, Address, Amount, Header, SealedHeader, SecretKey, Transaction, TransactionId, merkle,
    };

    use super::*;
    use crate::memory::CrashDisk;

    const GENESIS: GenesisId = GenesisId([4; 32]);

    fn transfer(nonce: u64) -> SignedTransaction {
        let key = SecretKey::from_seed([1; 32]);
        Transaction {
            network: GENESIS.network_hint(),
            public_key: key.public_key(),
            nonce,
            gas_limit: 21_000,
            gas_price: 1,
            last_valid_height: None,
            action: Action::Transfer {
                recipient: Address([2; 20]),
                amount: Amount(1),
            },
        }
        .sign(&key, &GENESIS)
    }

    /// The first block, with these transactions.
    fn block(transactions: Vec<SignedTransaction>) -> Block {
        let header = Header {
            genesis_id: GENESIS,
            height: 1,
            parent_id: BlockId(GENESIS.0),
            timestamp_ms: 1,
            proposer: Address([2; 20]),
            transactions_root: merkle::root(transactions.iter().map(SignedTransaction::leaf)),
            receipts_root: Hash::ZERO,
            state_root: Hash::ZERO,
            gas_used: 0,
            gas_limit: 0,
            previous_commit_hash: Hash::ZERO,
            next_validators_hash: Hash::ZERO,
            target: None,
        };
        Block::new(
            SealedHeader::new(header, Bytes::new()),
            Bytes::new(),
            transactions,
        )
        .unwrap()
    }

    #[test]
    fn a_transaction_is_told_from_another_with_the_same_prefix() {
        let store = BlockStore::open(CrashDisk::new().backend("blocks"), 1 << 20, GENESIS).unwrap();
        let block = block(vec![transfer(0), transfer(1)]);
        let ids: Vec<TransactionId> = block.transactions().iter().map(SignedTransaction::id).collect();
        let receipt = |id: &TransactionId| {
            let transaction_id = *id;
            Receipt::plain(transaction_id, 21_000, Amount(21_000), None).encode()
        };
        let receipts: Vec<Bytes> = ids.iter().map(receipt).collect();
        store
            .decide(Decided {
                block: &block,
                certificate: &[],
                receipts: &receipts,
                work: None,
                validators: None,
            })
            .unwrap();
        // Entries that claim, for the prefix of each id, the place of the other one.
        store
            .commit(|_, transaction| index::add(transaction, 1, &[ids[1], ids[0]]))
            .unwrap();
        for (at, id) in (0_u32..).zip(&ids) {
            let found = store.transaction(id).unwrap().unwrap();
            assert_eq!((found.height, found.index, found.transaction.id()), (1, at, *id));
            let mut twin = *id;
            twin.0[31] ^= 1;
            assert_eq!(store.transaction(&twin).unwrap(), None);
        }
        assert_eq!(store.certificate(1).unwrap(), None);
    }

    #[test]
    fn the_index_holds_no_undone_block() {
        let store = BlockStore::open(CrashDisk::new().backend("blocks"), 1 << 20, GENESIS).unwrap();
        let receipts = [Bytes::from_static(b"a receipt")];
        for nonce in 0..20 {
            let block = block(vec![transfer(nonce)]);
            let decided = Decided {
                block: &block,
                certificate: &[],
                receipts: &receipts,
                work: None,
                validators: None,
            };
            store.switch(0, &[decided], 0).unwrap();
            let snapshot = store.snapshot();
            assert_eq!(snapshot.segments.len(), 1);
            let id = snapshot.segments[0].id;
            let rows = snapshot.index.range::<(u64, u64)>(..).unwrap();
            let segments: Vec<u64> = rows.map(|row| row.unwrap().0.value().0).collect();
            assert_eq!(segments, [id]);
        }
    }

    #[test]
    fn damage_is_reported_not_returned() {
        let store = BlockStore::open(CrashDisk::new().backend("blocks"), 1 << 20, GENESIS).unwrap();
        let block = block(vec![transfer(0), transfer(1)]);
        store.put_body(&block).unwrap();
        store
            .commit(|_, transaction| {
                let mut table = transaction.open_table(tables::TRANSACTIONS)?;
                table.retain(|_, _| false)?;
                Ok(())
            })
            .unwrap();
        let error = store.block_by_id(&block.id()).unwrap_err();
        assert!(matches!(&error, crate::StorageError::Corrupt { database, .. } if database == "blocks"));
        assert!(error.to_string().contains("0 transactions of 2"), "{error}");
    }
}
