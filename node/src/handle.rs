//! What servers and tools may do with a running node.
//!
//! Reads use what is published: the head with its state view, the mempool view and the status, each
//! replaced as a whole. Writes are commands over a bounded channel to the main loop.

mod changes;
mod contracts;

use std::sync::Arc;

use aureon_chain::{execution::StateReader as _, mempool::MempoolView};
use aureon_consensus::Lineage;
use aureon_protocol::NetworkSnapshot;
use aureon_types::{
    Account, Address, Block, BlockId, CommitCertificate, Genesis, GenesisId, Hash, Receipt, SealedHeader,
    SignedTransaction, TransactionId, VerifiedTransaction,
};
use bytes::Bytes;
use tokio::sync::{broadcast, mpsc, oneshot, watch};

use crate::{
    adapters::View,
    core::{
        Mined, NodeStatus, SealOutcome, SealRefusal, SubmitError, SubmitOutcome, TemplateOutcome,
        TemplateRefusal,
    },
    workers::Services,
};

pub(crate) use changes::Subscribe;
pub use changes::{HEAD_CHANGES, HeadChanges, HeadEvent};
pub use contracts::{At, ContractAt, SlotAt};

pub use crate::core::{HeadChange, Rejection};
pub use aureon_chain::mempool::Admitted;

/// The disk could not be read. Ours, never the asker's fault.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the node cannot read its database: {0}")]
pub struct ReadError(pub String);

fn unreadable(error: impl std::fmt::Display) -> ReadError {
    ReadError(error.to_string())
}

/// The last committed block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head {
    /// Its height.
    pub height: u64,
    /// Its id; the genesis id at height 0.
    pub id: BlockId,
    /// Its time, in milliseconds since 1970-01-01 UTC.
    pub timestamp_ms: u64,
}

/// An account at a height.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AccountAt {
    /// The head's height when it was read.
    pub height: u64,
    /// The account; the default one if the address holds nothing.
    pub account: Account,
}

/// Where a transaction is.
#[derive(Clone, Debug)]
pub enum TransactionStatus {
    /// In the mempool.
    Pending(VerifiedTransaction),
    /// In a committed block.
    Included {
        /// Height of the block.
        height: u64,
        /// Place in the block, from 0.
        index: u32,
        /// The transaction.
        transaction: Box<SignedTransaction>,
        /// What it did.
        receipt: Receipt,
    },
}

/// The head with the state after it, and what it fixes for the block above.
#[derive(Clone)]
pub(crate) struct PublishedHead {
    pub head: Head,
    pub view: View,
    pub lineage: Lineage,
}

/// A request to the main loop.
pub(crate) enum Command {
    Submit {
        transactions: Vec<SignedTransaction>,
        reply: oneshot::Sender<SubmitOutcome>,
    },
    Find {
        id: TransactionId,
        reply: oneshot::Sender<Option<VerifiedTransaction>>,
    },
    Template {
        reward: Option<Address>,
        reply: oneshot::Sender<TemplateOutcome>,
    },
    Seal {
        mined: Mined,
        reply: oneshot::Sender<SealOutcome>,
    },
    Stop,
}

/// The ends that the main loop publishes to.
pub(crate) struct Publisher {
    pub head: watch::Sender<Arc<PublishedHead>>,
    pub mempool: watch::Sender<Arc<MempoolView>>,
    pub status: watch::Sender<Arc<NodeStatus>>,
    pub changes: broadcast::Sender<Arc<HeadChange>>,
}

/// See the module. Cheap to clone.
#[derive(Clone)]
pub struct NodeHandle {
    pub(crate) services: Services,
    pub(crate) commands: mpsc::Sender<Command>,
    pub(crate) head: watch::Receiver<Arc<PublishedHead>>,
    pub(crate) mempool: watch::Receiver<Arc<MempoolView>>,
    pub(crate) status: watch::Receiver<Arc<NodeStatus>>,
    pub(crate) changes: Subscribe,
    pub(crate) network: aureon_protocol::Client,
}

impl NodeHandle {
    /// The network's genesis.
    pub fn genesis(&self) -> &Genesis {
        &self.services.chain.genesis
    }

    /// Its id.
    pub fn genesis_id(&self) -> GenesisId {
        self.services.chain.genesis_id
    }

    /// The head with everything that belongs to it, at one moment.
    pub(crate) fn published_head(&self) -> Arc<PublishedHead> {
        self.head.borrow().clone()
    }

    /// The last committed block. Durable.
    pub fn head(&self) -> Head {
        self.head.borrow().head
    }

    /// Waits until the head is another than `known`.
    pub async fn head_changed(&self, known: &Head) -> Head {
        let mut head = self.head.clone();
        // The sender lives as long as the node; when it is gone, the last head stays.
        match head.wait_for(|published| published.head != *known).await {
            Ok(published) => published.head,
            Err(_) => *known,
        }
    }

    /// Height of the last block that cannot be undone, at most 100 ms ago.
    pub fn final_height(&self) -> u64 {
        self.status.borrow().final_height
    }

    /// Whether a block of the chain at this height will stay there: always where validators vote.
    pub fn is_final(&self, height: u64) -> bool {
        let status = self.status.borrow();
        status.consensus.work.is_none() || height <= status.final_height
    }

    /// Every change of the head from now on, with the blocks that were undone and those that took their
    /// place. Bounded: see [`HEAD_CHANGES`].
    pub fn head_changes(&self) -> HeadChanges {
        self.changes.subscribe()
    }

    /// The decided block of a height. Reads the disk.
    pub fn block_at(&self, height: u64) -> Result<Option<Block>, ReadError> {
        self.services.blocks.block_by_height(height).map_err(unreadable)
    }

    /// A block by id, and whether it is decided. Reads the disk.
    pub fn block(&self, id: &BlockId) -> Result<Option<(Block, bool)>, ReadError> {
        let Some(block) = self.services.blocks.block_by_id(id).map_err(unreadable)? else {
            return Ok(None);
        };
        let decided = self
            .services
            .blocks
            .block_id(block.header().height)
            .map_err(unreadable)?
            == Some(*id);
        Ok(Some((block, decided)))
    }

    /// The certificate that decided the block of a height. Reads the disk.
    pub fn certificate(&self, height: u64) -> Result<Option<CommitCertificate>, ReadError> {
        let encoded = self.services.blocks.certificate(height).map_err(unreadable)?;
        encoded
            .map(|encoded| CommitCertificate::decode(&encoded))
            .transpose()
            .map_err(unreadable)
    }

    /// The header of the decided block of a height. Reads the disk.
    pub fn header_at(&self, height: u64) -> Result<Option<SealedHeader>, ReadError> {
        self.services.blocks.header_by_height(height).map_err(unreadable)
    }

    /// The encoded epoch whose validators have this hash, if a block here was the first to name them.
    /// Reads the disk.
    pub fn validators(&self, hash: &Hash) -> Result<Option<Bytes>, ReadError> {
        self.services.blocks.validators(hash).map_err(unreadable)
    }

    /// The receipts of the block of a height. Reads the disk.
    pub fn receipts(&self, height: u64) -> Result<Vec<Receipt>, ReadError> {
        let encoded = self
            .services
            .blocks
            .receipts(height)
            .map_err(unreadable)?
            .unwrap_or_default();
        encoded
            .iter()
            .map(|receipt| Receipt::decode(receipt))
            .collect::<Result<_, _>>()
            .map_err(unreadable)
    }

    /// A committed transaction. Found at once after its block. Reads the disk.
    pub fn included(&self, id: &TransactionId) -> Result<Option<TransactionStatus>, ReadError> {
        let found = self.services.blocks.transaction(id).map_err(unreadable)?;
        Ok(found.map(|found| TransactionStatus::Included {
            height: found.height,
            index: found.index,
            transaction: Box::new(found.transaction),
            receipt: found.receipt,
        }))
    }

    /// A transaction that waits in the mempool. Look here first and for [`NodeHandle::included`] then:
    /// in the other order it could be missed while its block is committed.
    pub async fn pending(&self, id: TransactionId) -> Option<VerifiedTransaction> {
        let (reply, answer) = oneshot::channel();
        self.commands.send(Command::Find { id, reply }).await.ok()?;
        answer.await.ok().flatten()
    }

    /// An account at the head. May read the disk.
    pub fn account(&self, address: &Address) -> Result<AccountAt, ReadError> {
        let published = self.head.borrow().clone();
        let account = published
            .view
            .account(address)
            .map_err(unreadable)?
            .unwrap_or_default();
        Ok(AccountAt {
            height: published.head.height,
            account,
        })
    }

    /// The mempool at most 100 ms ago.
    pub fn mempool(&self) -> Arc<MempoolView> {
        self.mempool.borrow().clone()
    }

    /// The node at most 100 ms ago.
    pub fn status(&self) -> Arc<NodeStatus> {
        self.status.borrow().clone()
    }

    /// Peers and addresses.
    pub fn network(&self) -> Arc<NetworkSnapshot> {
        self.network.snapshot()
    }

    /// Bytes of the database files.
    pub fn disk_bytes(&self) -> u64 {
        self.services
            .blocks
            .disk_bytes()
            .saturating_add(self.services.states.disk_bytes())
    }

    /// Submits transactions and waits for the outcome of each, in order.
    pub async fn submit(&self, transactions: Vec<SignedTransaction>) -> SubmitOutcome {
        let (reply, answer) = oneshot::channel();
        let command = Command::Submit { transactions, reply };
        self.commands
            .send(command)
            .await
            .map_err(|_| SubmitError::Stopping)?;
        answer.await.unwrap_or(Err(SubmitError::Stopping))
    }

    /// A block without its seal, for a miner outside. `reward`: who is to receive reward and fees; `None`:
    /// whom this node is configured for.
    pub async fn template(&self, reward: Option<Address>) -> TemplateOutcome {
        let (reply, answer) = oneshot::channel();
        let command = Command::Template { reward, reply };
        let stopping = |_| TemplateRefusal::Stopping;
        self.commands.send(command).await.map_err(stopping)?;
        answer.await.unwrap_or(Err(TemplateRefusal::Stopping))
    }

    /// Makes a template a block with this nonce, and waits until it is the head and durable.
    pub async fn submit_seal(&self, mined: Mined) -> SealOutcome {
        let (reply, answer) = oneshot::channel();
        let command = Command::Seal { mined, reply };
        let stopping = |_| SealRefusal::Stopping;
        self.commands.send(command).await.map_err(stopping)?;
        answer.await.unwrap_or(Err(SealRefusal::Stopping))
    }
}
