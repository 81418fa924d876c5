//! A block whose parts are all here.

use std::collections::HashMap;

use aureon_types::{
    Block, BlockId, DecodeError, Hash, Header, SealedHeader, SignedTransaction, VerifiedTransaction,
};
use bytes::Bytes;

/// A transaction of a block being assembled.
#[derive(Clone, Debug)]
pub(super) enum Slot {
    /// From our pool: its signature was verified.
    Known(VerifiedTransaction),
    /// From a peer: only its leaf was checked.
    Fetched(Box<SignedTransaction>),
}

/// All parts of a block, not yet joined.
#[derive(Clone, Debug)]
pub struct AssembledBlock {
    pub(super) header: SealedHeader,
    pub(super) previous_commit: Bytes,
    pub(super) slots: Vec<Slot>,
}

impl AssembledBlock {
    /// The id.
    pub fn id(&self) -> BlockId {
        self.header.id()
    }

    /// What the header says.
    pub fn header(&self) -> &Header {
        self.header.header()
    }

    /// Joins the parts; hashes the transaction tree, so run it on a worker. Beside the block come those
    /// of its transactions that were verified before, for [`crate::import::verify_body`]. An error is
    /// the block's own fault: each part was checked against the header, so only the size is left.
    pub fn join(self) -> Result<(Block, VerifiedLeaves), DecodeError> {
        let mut verified = HashMap::with_capacity(self.slots.len());
        let mut transactions = Vec::with_capacity(self.slots.len());
        for slot in self.slots {
            match slot {
                Slot::Fetched(signed) => transactions.push(*signed),
                Slot::Known(known) => {
                    transactions.push(known.signed().clone());
                    verified.insert(known.leaf(), known);
                }
            }
        }
        let block = Block::new(self.header, self.previous_commit, transactions)?;
        Ok((block, VerifiedLeaves(verified)))
    }
}

/// Verified transactions by leaf.
#[derive(Clone, Debug, Default)]
pub struct VerifiedLeaves(HashMap<Hash, VerifiedTransaction>);

impl VerifiedLeaves {
    /// The transaction with this leaf.
    pub fn get(&self, leaf: &Hash) -> Option<VerifiedTransaction> {
        self.0.get(leaf).cloned()
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.0.len()
    }
}
