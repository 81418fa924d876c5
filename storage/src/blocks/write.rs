//! The two commits of a block.

use std::ops::Range;

use aureon_proto::v1 as proto;
use aureon_types::{Block, BlockId, SignedTransaction, TransactionId};
use bytes::Bytes;
use prost::Message as _;
use rayon::prelude::*;
use redb::{ReadableTable as _, ReadableTableMetadata as _, Table, WriteTransaction};

use super::{
    BlockStore, CHUNK_BYTES, CHUNK_ITEMS, Decided, Head, MAX_UNDECIDED, index,
    tables::{BODIES, CERTIFICATES, HEIGHTS, RECEIPTS, TRANSACTIONS, UNDECIDED, next_number},
};
use crate::{
    database::Fault,
    error::{Result, StorageError},
};

const BODY: &str = "body";
const PUT: &str = "put";

impl BlockStore {
    /// Commit one: the body of a proposed block, durable when this returns. Putting a body again only
    /// renews its place among the undecided; a decided body is left alone.
    pub fn put_body(&self, block: &Block) -> Result<()> {
        if self.block_id(block.header().height)? == Some(block.id()) {
            return Ok(());
        }
        self.commit(|_, transaction| {
            put_body(transaction, block)?;
            let put = next_number(transaction, PUT)?;
            let mut undecided = transaction.open_table(UNDECIDED)?;
            undecided.insert(block.id().as_bytes(), (block.header().height, put))?;
            let oldest = if undecided.len()? > MAX_UNDECIDED {
                oldest(&undecided)?
            } else {
                None
            };
            if let Some(id) = oldest {
                drop_undecided(transaction, &mut undecided, &id)?;
            }
            Ok(())
        })
    }

    /// Commit two: the block is decided. Durable and visible when this returns. The block must follow
    /// the head.
    pub fn decide(&self, decided: Decided<'_>) -> Result<()> {
        self.import(&[decided])
    }

    /// Several decided blocks in one commit, for range sync: all of them, or none.
    pub fn import(&self, blocks: &[Decided<'_>]) -> Result<()> {
        self.commit(|before, transaction| {
            let mut head = self.follow(before.head);
            for decided in blocks {
                head = decide(transaction, head, decided)?;
            }
            drop_overtaken(transaction, head.height)
        })
    }

    /// One bounded step of merging the index, if there is anything to merge. Returns whether there is
    /// more. To be called after each block, or from a thread, until it returns `false`.
    pub fn merge_once(&self) -> Result<bool> {
        if self.merge_due() {
            self.commit(|_, transaction| index::merge_step(transaction))?;
        }
        Ok(self.merge_due())
    }

    /// Whether [`BlockStore::merge_once`] has something to do.
    pub fn merge_due(&self) -> bool {
        index::merge_due(&self.snapshot().segments)
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
    put_receipts(transaction, height, receipts)?;
    let ids: Vec<TransactionId> = block.transactions().iter().map(SignedTransaction::id).collect();
    index::add(transaction, height, &ids)?;
    Ok(Head { height, id })
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

type Undecided<'a> = Table<'a, [u8; 32], (u64, u64)>;

/// The undecided body that was put longest ago.
fn oldest(undecided: &Undecided<'_>) -> Result<Option<[u8; 32]>, Fault> {
    let mut oldest = None;
    for row in undecided.iter()? {
        let (id, value) = row?;
        let put = value.value().1;
        if oldest.is_none_or(|(least, _)| put < least) {
            oldest = Some((put, id.value()));
        }
    }
    Ok(oldest.map(|(_, id)| id))
}

/// Drops the undecided bodies up to a decided height.
fn drop_overtaken(transaction: &WriteTransaction, decided: u64) -> Result<(), Fault> {
    let mut undecided = transaction.open_table(UNDECIDED)?;
    let mut overtaken = Vec::new();
    for row in undecided.iter()? {
        let (id, value) = row?;
        if value.value().0 <= decided {
            overtaken.push(id.value());
        }
    }
    overtaken
        .iter()
        .try_for_each(|id| drop_undecided(transaction, &mut undecided, id))
}

fn drop_undecided(
    transaction: &WriteTransaction,
    undecided: &mut Undecided<'_>,
    id: &[u8; 32],
) -> Result<(), Fault> {
    undecided.remove(id)?;
    let mut bodies = transaction.open_table(BODIES)?;
    let Some(row) = bodies.remove(id)? else {
        return Ok(());
    };
    let number = row.value().first_chunk().copied().map(u64::from_le_bytes);
    let number = number.ok_or_else(|| Fault::corrupt("the record of an undecided body"))?;
    let mut table = transaction.open_table(TRANSACTIONS)?;
    table.retain_in((number, 0)..=(number, u32::MAX), |_, _| false)?;
    Ok(())
}
