//! What several tests need.

use std::collections::BTreeMap;

use aureon_storage::{BlockStore, Decided, FlushPolicy, StateStore, memory::CrashDisk};
use aureon_types::{
    Account, Action, Address, Amount, Block, BlockId, CommitCertificate, GenesisId, Hash, Header, Receipt,
    SealedHeader, SecretKey, SignedTransaction, StateChanges, Transaction, merkle,
};
use bytes::Bytes;

pub const GENESIS: GenesisId = GenesisId([9; 32]);
pub const CACHE: usize = 4 << 20;

/// SplitMix64.
pub struct Random(pub u64);

impl Random {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    pub fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }
}

/// An address that follows from a number.
pub fn address(number: u64) -> Address {
    let mut bytes = [0x5a; 20];
    bytes[..8].copy_from_slice(&number.to_be_bytes());
    Address(bytes)
}

pub fn account(nonce: u64, balance: u64) -> Account {
    Account {
        nonce,
        balance: Amount(balance),
        ..Account::default()
    }
}

pub fn changes(accounts: impl IntoIterator<Item = (Address, Option<Account>)>) -> StateChanges {
    let sorted: BTreeMap<_, _> = accounts.into_iter().collect();
    StateChanges {
        accounts: sorted.into_iter().collect(),
        ..StateChanges::default()
    }
}

/// One transfer per nonce, from one sender.
pub fn transfers(nonces: std::ops::Range<u64>) -> Vec<SignedTransaction> {
    let key = SecretKey::from_seed([1; 32]);
    let transfer = |nonce| Transaction {
        network: GENESIS.network_hint(),
        public_key: key.public_key(),
        nonce,
        gas_limit: 21_000,
        gas_price: 1,
        last_valid_height: None,
        action: Action::Transfer {
            recipient: address(nonce),
            amount: Amount(1),
        },
    };
    nonces.map(|nonce| transfer(nonce).sign(&key, &GENESIS)).collect()
}

pub fn receipt(transaction: &SignedTransaction) -> Receipt {
    Receipt::plain(transaction.id(), 21_000, Amount(21_000), None)
}

/// A block with what its decision needs.
#[derive(Clone)]
pub struct Sample {
    pub block: Block,
    pub certificate: Bytes,
    pub receipts: Vec<Bytes>,
}

impl Sample {
    /// A block above `parent`; `salt` tells blocks of one height apart.
    pub fn above(parent: Option<&Block>, transactions: Vec<SignedTransaction>, salt: u64) -> Self {
        let receipts: Vec<Bytes> = transactions.iter().map(|t| receipt(t).encode()).collect();
        let header = Header {
            genesis_id: GENESIS,
            height: parent.map_or(1, |parent| parent.header().height + 1),
            parent_id: parent.map_or(BlockId(GENESIS.0), Block::id),
            timestamp_ms: salt,
            proposer: address(1),
            transactions_root: merkle::root(transactions.iter().map(SignedTransaction::leaf)),
            receipts_root: merkle::root(receipts.iter().map(|receipt| merkle::leaf(&[receipt]))),
            state_root: Hash::ZERO,
            gas_used: 0,
            gas_limit: 0,
            previous_commit_hash: Hash::ZERO,
            next_validators_hash: Hash::ZERO,
            target: None,
        };
        let block = Block::new(
            SealedHeader::new(header, Bytes::new()),
            Bytes::new(),
            transactions,
        )
        .unwrap();
        let certificate = CommitCertificate {
            height: block.header().height,
            round: 0,
            block_id: block.id(),
            signatures: vec![],
        };
        Self {
            block,
            certificate: certificate.encode(),
            receipts,
        }
    }

    /// A chain of blocks with so many transactions each.
    pub fn chain(sizes: &[u64]) -> Vec<Self> {
        let mut chain: Vec<Self> = Vec::new();
        let mut nonce = 0;
        for size in sizes {
            let sample = Self::above(chain.last().map(|s| &s.block), transfers(nonce..nonce + size), 0);
            nonce += size;
            chain.push(sample);
        }
        chain
    }

    pub fn height(&self) -> u64 {
        self.block.header().height
    }

    pub fn decided(&self) -> Decided<'_> {
        Decided {
            block: &self.block,
            certificate: &self.certificate,
            receipts: &self.receipts,
            work: None,
            validators: None,
        }
    }
}

pub fn open_blocks(disk: &CrashDisk) -> aureon_storage::Result<BlockStore> {
    BlockStore::open(disk.backend("blocks"), CACHE, GENESIS)
}

pub fn open_state(disk: &CrashDisk, balances: &[(Address, Amount)]) -> aureon_storage::Result<StateStore> {
    open_genesis(disk, &StateChanges::of_balances(balances.iter().copied()))
}

pub fn open_genesis(disk: &CrashDisk, genesis: &StateChanges) -> aureon_storage::Result<StateStore> {
    let policy = FlushPolicy::default();
    StateStore::open(disk.backend("state"), CACHE, policy, GENESIS, genesis)
}

/// Everything that must be readable of a decided block, through every door.
pub fn assert_complete(store: &BlockStore, sample: &Sample) {
    let (height, id) = (sample.height(), sample.block.id());
    assert_eq!(store.block_id(height).unwrap(), Some(id));
    assert_eq!(
        store.block_by_height(height).unwrap().as_ref(),
        Some(&sample.block)
    );
    assert_eq!(store.block_by_id(&id).unwrap().as_ref(), Some(&sample.block));
    assert_eq!(
        store.message_by_height(height).unwrap(),
        Some(sample.block.to_proto())
    );
    assert_eq!(store.message_by_id(&id).unwrap(), Some(sample.block.to_proto()));
    assert_eq!(
        store.header_by_height(height).unwrap().as_ref(),
        Some(sample.block.sealed_header())
    );
    assert_eq!(
        store.header_by_id(&id).unwrap().as_ref(),
        Some(sample.block.sealed_header())
    );
    assert_eq!(
        store.certificate(height).unwrap().as_ref(),
        Some(&sample.certificate)
    );
    assert_eq!(store.receipts(height).unwrap().as_ref(), Some(&sample.receipts));
    for (index, transaction) in (0_u32..).zip(sample.block.transactions()) {
        if index % 7 != 0 && index as usize + 1 != sample.receipts.len() {
            continue;
        }
        let found = store.transaction(&transaction.id()).unwrap().expect("indexed");
        assert_eq!((found.height, found.index), (height, index));
        assert_eq!(&found.transaction, transaction);
        assert_eq!(found.receipt, receipt(transaction));
        assert_eq!(
            store.transaction_at(height, index).unwrap().as_ref(),
            Some(transaction)
        );
        assert_eq!(
            store.receipt(height, index).unwrap(),
            Some(receipt(transaction).encode())
        );
    }
}
