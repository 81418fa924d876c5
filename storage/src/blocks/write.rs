//! The commits: of a body, of decisions, and of a switch to another chain.

use std::ops::Range;

use aureon_proto::v1 as proto;
use aureon_types::{Block, BlockId, SignedTransaction, TransactionId};
use bytes::Bytes;
use prost::Message as _;
use rayon::prelude::*;
use redb::{ReadableTable as _, WriteTransaction};

use super::{
    BlockStore, CHUNK_BYTES, CHUNK_ITEMS, Decided, Head, index,
    tables::{
        BODIES, CERTIFICATES, COUNTERS, FINALIZED, HEIGHTS, RECEIPTS, Snapshot, TRANSACTIONS, UNDECIDED,
        VALIDATORS, WORK, next_number,
    },
    undecided,
};
use crate::{
    database::Fault,
    error::{Result, StorageError},
};

const BODY: &str = "body";

impl BlockStore {
    /// Commit one: the body of a proposed block, durable when this returns. Putting a body again only
    /// renews its place among the undecided; a decided body is left alone.
    pub fn put_body(&self, block: &Block) -> Result<()> {
        let (id, height) = (block.id(), block.header().height);
        if self.block_id(height)? == Some(id) {
            return Ok(());
        }
        self.commit(|before, transaction| {
            // Again, now that nobody else writes.
            if before.block_id(height)? == Some(id) {
                return Ok(());
            }
            put_body(transaction, block)?;
            undecided::add(transaction, height, &id)?;
            undecided::bound(transaction, before.undoable())
        })
    }

    /// Commit two: the block is decided. Durable and visible when this returns. The block must follow
    /// the head.
    pub fn decide(&self, decided: Decided<'_>) -> Result<()> {
        self.import(&[decided])
    }

    /// Several decided blocks in one commit, for range sync: all of them, or none. All are final: no
    /// [`BlockStore::switch`] undoes them.
    pub fn import(&self, blocks: &[Decided<'_>]) -> Result<()> {
        self.commit(|before, transaction| {
            let mut head = self.follow(before.head);
            for decided in blocks {
                head = decide(transaction, head, decided)?;
            }
            finalize(transaction, head.height)
        })
    }

    /// The heaviest chain is another one: the decided blocks above `fork` give way to `branch`, which
    /// follows the block of that height (0: the genesis), and up to `finalized` (at most the new head's
    /// height) nothing will be undone any more. One durable commit: after a crash either chain is there,
    /// whole. With `fork` at the head it only makes the chain longer.
    ///
    /// The undone blocks lose their receipts, certificates and work, and their transactions are not
    /// found any more unless the branch has them; their bodies are undecided ones from now on.
    ///
    /// Fails without any change if `fork` is above the head or below what is final already.
    pub fn switch(&self, fork: u64, branch: &[Decided<'_>], finalized: u64) -> Result<()> {
        self.commit(|before, transaction| {
            let head = self.follow(before.head);
            if fork < before.finalized || fork > head.height {
                let (finalized, head) = (before.finalized, head.height);
                return Err(StorageError::BadFork {
                    fork,
                    finalized,
                    head,
                }
                .into());
            }
            undo_above(transaction, before, fork)?;
            let parent = before.block_id(fork)?.map(|id| Head { height: fork, id });
            let mut head = self.follow(parent);
            for decided in branch {
                head = decide(transaction, head, decided)?;
            }
            let finalized = finalized.min(head.height).max(before.finalized);
            finalize(transaction, finalized)?;
            undecided::bound(transaction, head.height - finalized)
        })
    }

    /// One bounded step of merging the index, if there is anything to merge. Returns whether there is
    /// more. To be called after each block, or from a thread, until it returns `false`.
    pub fn merge_once(&self) -> Result<bool> {
        if self.merge_due() {
            self.commit(|before, transaction| index::merge_step(transaction, before.finalized))?;
        }
        Ok(self.merge_due())
    }

    /// Whether [`BlockStore::merge_once`] has something to do.
    pub fn merge_due(&self) -> bool {
        let snapshot = self.snapshot();
        index::merge_due(&snapshot.segments, snapshot.finalized)
    }

    /// What the next block has to follow.
    fn follow(&self, head: Option<Head>) -> Head {
        head.unwrap_or(Head {
            height: 0,
            id: BlockId(self.genesis.0),
        })
    }
}

fn decide(transaction: &WriteTransaction, head: Head, decided: &Decided<'_>) -> Result<Head, Fault> {
    let Decided {
        block,
        certificate,
        receipts,
        work,
        validators,
    } = decided;
    let (id, height) = (block.id(), block.header().height);
    if Some(height) != head.height.checked_add(1) || block.header().parent_id != head.id {
        let (head, head_height) = (head.id, head.height);
        return Err(StorageError::NotNext {
            given: id,
            given_height: height,
            head,
            head_height,
        }
        .into());
    }
    if receipts.len() != block.transactions().len() {
        return Err(StorageError::ReceiptCount {
            block: id,
            receipts: receipts.len(),
            transactions: block.transactions().len(),
        }
        .into());
    }
    put_body(transaction, block)?;
    transaction.open_table(UNDECIDED)?.remove(id.as_bytes())?;
    transaction.open_table(HEIGHTS)?.insert(height, id.as_bytes())?;
    if !certificate.is_empty() {
        transaction
            .open_table(CERTIFICATES)?
            .insert(height, *certificate)?;
    }
    if let Some(work) = work {
        transaction.open_table(WORK)?.insert(height, work)?;
    }
    if let Some((hash, encoding)) = validators {
        transaction.open_table(VALIDATORS)?.insert(&hash.0, *encoding)?;
    }
    put_receipts(transaction, height, receipts)?;
    let ids: Vec<TransactionId> = block.transactions().iter().map(SignedTransaction::id).collect();
    index::add(transaction, height, &ids)?;
    Ok(Head { height, id })
}

/// Takes the decided blocks above `fork` out of everything that is looked up by height or transaction.
fn undo_above(transaction: &WriteTransaction, before: &Snapshot, fork: u64) -> Result<(), Fault> {
    let Some(above) = fork.checked_add(1) else {
        return Ok(());
    };
    let mut undone = Vec::new();
    let mut heights = transaction.open_table(HEIGHTS)?;
    for row in heights.range(above..)? {
        let (height, id) = row?;
        undone.push((height.value(), BlockId(id.value())));
    }
    heights.retain_in(above.., |_, _| false)?;
    transaction
        .open_table(CERTIFICATES)?
        .retain_in(above.., |_, _| false)?;
    transaction
        .open_table(RECEIPTS)?
        .retain_in((above, 0).., |_, _| false)?;
    transaction.open_table(WORK)?.retain_in(above.., |_, _| false)?;
    index::undo_above(transaction, &before.segments, fork)?;
    undone
        .iter()
        .try_for_each(|(height, id)| undecided::add(transaction, *height, id))
}

/// Nothing up to `height` will be undone any more.
fn finalize(transaction: &WriteTransaction, height: u64) -> Result<(), Fault> {
    transaction.open_table(COUNTERS)?.insert(FINALIZED, height)?;
    undecided::drop_up_to(transaction, height)
}

/// Writes the body, if it is not there.
fn put_body(transaction: &WriteTransaction, block: &Block) -> Result<(), Fault> {
    let mut bodies = transaction.open_table(BODIES)?;
    if bodies.get(block.id().as_bytes())?.is_some() {
        return Ok(());
    }
    let number = next_number(transaction, BODY)?;
    let transactions = block.transactions();
    let chunks = chunks(transactions.iter().map(SignedTransaction::size));
    let encoded: Vec<Vec<u8>> = chunks
        .par_iter()
        .map(|range| {
            let transactions = transactions[range.clone()]
                .iter()
                .map(SignedTransaction::to_proto)
                .collect();
            proto::TransactionChunk { transactions }.encode_to_vec()
        })
        .collect();
    let mut table = transaction.open_table(TRANSACTIONS)?;
    for (range, chunk) in chunks.iter().zip(&encoded) {
        table.insert((number, position(range.start)?), &chunk[..])?;
    }
    let header = proto::Block {
        header: Some(block.sealed_header().bytes().clone()),
        seal: Some(block.sealed_header().seal().clone()),
        previous_commit: Some(block.previous_commit().clone()),
        transactions: Vec::new(),
    };
    let mut row = number.to_le_bytes().to_vec();
    row.extend_from_slice(&position(transactions.len())?.to_le_bytes());
    header
        .encode(&mut row)
        .map_err(|error| Fault::corrupt(error.to_string()))?;
    bodies.insert(block.id().as_bytes(), &row[..])?;
    Ok(())
}

fn put_receipts(transaction: &WriteTransaction, height: u64, receipts: &[Bytes]) -> Result<(), Fault> {
    let mut table = transaction.open_table(RECEIPTS)?;
    for range in chunks(receipts.iter().map(Bytes::len)) {
        let chunk = proto::ReceiptChunk {
            receipts: receipts[range.clone()].to_vec(),
        }
        .encode_to_vec();
        table.insert((height, position(range.start)?), &chunk[..])?;
    }
    Ok(())
}

fn position(at: usize) -> Result<u32, Fault> {
    let limit = u64::from(u32::MAX);
    let given = at as u64;
    u32::try_from(given).map_err(|_| {
        StorageError::TooLarge {
            what: "items of a block",
            given,
            limit,
        }
        .into()
    })
}

/// Cuts items of these sizes into chunks.
fn chunks(sizes: impl Iterator<Item = usize>) -> Vec<Range<usize>> {
    let (mut chunks, mut current, mut bytes) = (Vec::new(), 0..0, 0);
    for size in sizes {
        current.end += 1;
        bytes += size;
        if current.len() >= CHUNK_ITEMS || bytes >= CHUNK_BYTES {
            chunks.push(current.clone());
            (current, bytes) = (current.end..current.end, 0);
        }
    }
    if !current.is_empty() {
        chunks.push(current);
    }
    chunks
}
