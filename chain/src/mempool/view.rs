//! The pool as readers see it.

use std::sync::Arc;

use aureon_types::{Address, Amount, TransactionId, VerifiedTransaction};

use super::{Mempool, NonceInfo, queue::Entry, queue::Queue, senders::Senders};

/// How many transactions a view lists.
pub const LISTED_TRANSACTIONS: usize = 100;

/// One transaction in a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListedTransaction {
    /// Its id.
    pub id: TransactionId,
    /// Its sender.
    pub sender: Address,
    /// Its nonce.
    pub nonce: u64,
    /// Base units per unit of gas.
    pub gas_price: u64,
    /// Base units that it moves.
    pub amount: Amount,
    /// Bytes in a block.
    pub size: usize,
}

impl ListedTransaction {
    fn new(signed: &VerifiedTransaction) -> Self {
        let transaction = signed.transaction();
        Self {
            id: signed.id(),
            sender: signed.sender(),
            nonce: transaction.nonce,
            gas_price: transaction.gas_price,
            amount: transaction.action.amount(),
            size: signed.size(),
        }
    }
}

/// The pool at one moment. It shares the queues with the pool, which copies those that change later:
/// publishing costs a pointer per shard and [`LISTED_TRANSACTIONS`] picks, whatever the pool holds.
/// Keep one and drop the one before.
#[derive(Clone, Debug)]
pub struct MempoolView {
    /// Transactions that a block could hold now.
    pub ready: usize,
    /// Transactions that wait for a missing nonce.
    pub parked: usize,
    /// Bytes of all.
    pub bytes: usize,
    /// Most transactions.
    pub max_transactions: usize,
    /// Most bytes.
    pub max_bytes: usize,
    /// The first ready ones in order of inclusion.
    pub first: Arc<[ListedTransaction]>,
    senders: Senders,
}

impl Mempool {
    /// The view of this moment; to be published at most every 100 ms.
    pub fn view(&self) -> MempoolView {
        MempoolView {
            ready: self.ready_count(),
            parked: self.index.parked.len(),
            bytes: self.bytes,
            max_transactions: self.config.max_transactions,
            max_bytes: self.config.max_bytes,
            first: self
                .ready()
                .take(LISTED_TRANSACTIONS)
                .map(|signed| ListedTransaction::new(&signed))
                .collect(),
            senders: self.senders.clone(),
        }
    }
}

impl MempoolView {
    /// Which nonces `sender` has waiting, and which are missing; `None`: it has nothing here.
    pub fn nonces(&self, sender: &Address) -> Option<NonceInfo> {
        self.senders.get(sender).map(Queue::nonces)
    }

    /// What `sender` has here, in order of nonce; at most [`super::Config::max_per_sender`].
    pub fn of_sender(&self, sender: &Address) -> impl Iterator<Item = ListedTransaction> {
        let entries = self.senders.get(sender).into_iter().flat_map(Queue::iter);
        entries.map(|entry: &Entry| ListedTransaction::new(&entry.transaction))
    }
}
