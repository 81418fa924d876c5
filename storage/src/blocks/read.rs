//! Look-ups.

use aureon_proto::v1 as proto;
use aureon_types::{
    Block, BlockId, DecodeError, Hash, Receipt, SealedHeader, SignedTransaction, TransactionId,
};
use bytes::Bytes;
use prost::Message as _;
use rayon::prelude::*;
use redb::ReadableTable as _;

use super::{BlockStore, Head, IncludedTransaction, index, tables::Snapshot};
use crate::{database::Fault, error::Result};

impl BlockStore {
    /// The last decided block; `None` before the first.
    pub fn head(&self) -> Option<Head> {
        self.snapshot().head
    }

    /// The id of the decided block of a height.
    pub fn block_id(&self, height: u64) -> Result<Option<BlockId>> {
        self.look(|snapshot| snapshot.block_id(height))
    }

    /// The header of the decided block of a height.
    pub fn header_by_height(&self, height: u64) -> Result<Option<SealedHeader>> {
        self.look(|snapshot| match snapshot.block_id(height)? {
            Some(id) => snapshot.header(&id),
            None => Ok(None),
        })
    }

    /// The header of a block, decided or not.
    pub fn header_by_id(&self, id: &BlockId) -> Result<Option<SealedHeader>> {
        self.look(|snapshot| snapshot.header(id))
    }

    /// The decided block of a height.
    pub fn block_by_height(&self, height: u64) -> Result<Option<Block>> {
        self.look(|snapshot| match snapshot.block_id(height)? {
            Some(id) => snapshot.block(&id),
            None => Ok(None),
        })
    }

    /// A block, decided or not.
    pub fn block_by_id(&self, id: &BlockId) -> Result<Option<Block>> {
        self.look(|snapshot| snapshot.block(id))
    }

    /// A block, decided or not, as it travels: for answering peers without decoding it.
    pub fn message_by_id(&self, id: &BlockId) -> Result<Option<proto::Block>> {
        self.look(|snapshot| snapshot.message(id))
    }

    /// The decided block of a height, as it travels.
    pub fn message_by_height(&self, height: u64) -> Result<Option<proto::Block>> {
        self.look(|snapshot| match snapshot.block_id(height)? {
            Some(id) => snapshot.message(&id),
            None => Ok(None),
        })
    }

    /// The encoded commit certificate of the decided block of a height.
    pub fn certificate(&self, height: u64) -> Result<Option<Bytes>> {
        let copy = |row: redb::AccessGuard<'_, &[u8]>| Bytes::copy_from_slice(row.value());
        self.look(|snapshot| Ok(snapshot.certificates.get(height)?.map(copy)))
    }

    /// The cumulative work up to the decided block of a height, big-endian; `None` if there is no such
    /// block, or it was decided without.
    pub fn work(&self, height: u64) -> Result<Option<[u8; 32]>> {
        self.look(|snapshot| Ok(snapshot.work.get(height)?.map(|work| work.value())))
    }

    /// The encoding of a validator set that was given with any block, by the set's hash.
    pub fn validators(&self, hash: &Hash) -> Result<Option<Bytes>> {
        let copy = |row: redb::AccessGuard<'_, &[u8]>| Bytes::copy_from_slice(row.value());
        self.look(|snapshot| Ok(snapshot.validators.get(&hash.0)?.map(copy)))
    }

    /// The height up to which no block will be undone: the head's, unless [`BlockStore::switch`] is in
    /// use.
    pub fn finalized(&self) -> u64 {
        self.snapshot().finalized
    }

    /// The encoded receipts of the decided block of a height, in order; `None` if there is no such
    /// block.
    pub fn receipts(&self, height: u64) -> Result<Option<Vec<Bytes>>> {
        self.look(|snapshot| {
            if snapshot.block_id(height)?.is_none() {
                return Ok(None);
            }
            let mut receipts = Vec::new();
            for row in snapshot.receipts.range((height, 0)..=(height, u32::MAX))? {
                receipts.extend(receipt_chunk(row?.1.value())?);
            }
            Ok(Some(receipts))
        })
    }

    /// One encoded receipt.
    pub fn receipt(&self, height: u64, index: u32) -> Result<Option<Bytes>> {
        self.look(|snapshot| snapshot.receipt(height, index))
    }

    /// A transaction of a decided block, by its id.
    pub fn transaction(&self, id: &TransactionId) -> Result<Option<IncludedTransaction>> {
        self.look(|snapshot| {
            for place in index::find(&snapshot.index, &snapshot.segments, id)? {
                if let Some(transaction) = snapshot.transaction(place.height, place.index)?
                    && transaction.id() == *id
                {
                    let (height, index) = (place.height, place.index);
                    let receipt = snapshot.receipt(height, index)?;
                    let receipt = receipt.ok_or_else(|| {
                        Fault::corrupt(format!("transaction {index} of height {height} has no receipt"))
                    })?;
                    let receipt = Receipt::decode(&receipt)?;
                    return Ok(Some(IncludedTransaction {
                        height,
                        index,
                        transaction,
                        receipt,
                    }));
                }
            }
            Ok(None)
        })
    }

    /// The transaction at a place of the decided block of a height.
    pub fn transaction_at(&self, height: u64, index: u32) -> Result<Option<SignedTransaction>> {
        self.look(|snapshot| snapshot.transaction(height, index))
    }

    /// The undecided bodies with their heights, the lowest height first.
    pub fn undecided(&self) -> Result<Vec<(u64, BlockId)>> {
        let mut undecided = self.look(Snapshot::undecided)?;
        undecided.sort_unstable();
        Ok(undecided)
    }

    fn look<T>(&self, look: impl FnOnce(&Snapshot) -> Result<T, Fault>) -> Result<T> {
        let snapshot = self.snapshot();
        look(&snapshot).map_err(|fault| fault.of(&snapshot.name))
    }
}

/// A stored body, without its transactions.
struct Body {
    number: u64,
    count: u32,
    message: proto::Block,
}

impl Snapshot {
    /// Undecided bodies with their heights.
    fn undecided(&self) -> Result<Vec<(u64, BlockId)>, Fault> {
        let mut undecided = Vec::new();
        for row in self.undecided.iter()? {
            let (id, value) = row?;
            undecided.push((value.value().0, BlockId(id.value())));
        }
        Ok(undecided)
    }

    pub fn block_id(&self, height: u64) -> Result<Option<BlockId>, Fault> {
        Ok(self.heights.get(height)?.map(|id| BlockId(id.value())))
    }

    fn body(&self, id: &BlockId) -> Result<Option<Body>, Fault> {
        let Some(row) = self.bodies.get(id.as_bytes())? else {
            return Ok(None);
        };
        let decode = |row: &[u8]| {
            let (number, rest) = row.split_first_chunk()?;
            let (count, rest) = rest.split_first_chunk()?;
            let message = proto::Block::decode(Bytes::copy_from_slice(rest)).ok()?;
            Some(Body {
                number: u64::from_le_bytes(*number),
                count: u32::from_le_bytes(*count),
                message,
            })
        };
        match decode(row.value()) {
            Some(body) => Ok(Some(body)),
            None => Err(Fault::corrupt(format!("the record of body {id}"))),
        }
    }

    fn header(&self, id: &BlockId) -> Result<Option<SealedHeader>, Fault> {
        self.body(id)?.map(|body| sealed(&body.message)).transpose()
    }

    fn block(&self, id: &BlockId) -> Result<Option<Block>, Fault> {
        let Some(body) = self.body(id)? else {
            return Ok(None);
        };
        let chunks = self.chunks(&body)?;
        let decoded: Vec<Vec<SignedTransaction>> = chunks
            .par_iter()
            .map(|chunk| {
                chunk
                    .iter()
                    .map(SignedTransaction::from_proto)
                    .collect::<Result<_, _>>()
            })
            .collect::<Result<_, DecodeError>>()?;
        let previous_commit = body.message.previous_commit.clone().unwrap_or_default();
        let transactions = decoded.into_iter().flatten().collect();
        Ok(Some(Block::new(
            sealed(&body.message)?,
            previous_commit,
            transactions,
        )?))
    }

    fn message(&self, id: &BlockId) -> Result<Option<proto::Block>, Fault> {
        let Some(body) = self.body(id)? else {
            return Ok(None);
        };
        let transactions = self.chunks(&body)?.into_iter().flatten().collect();
        Ok(Some(proto::Block {
            transactions,
            ..body.message
        }))
    }

    fn chunks(&self, body: &Body) -> Result<Vec<Vec<proto::SignedTransaction>>, Fault> {
        let rows = self
            .transactions
            .range((body.number, 0)..=(body.number, u32::MAX))?;
        let chunks: Vec<_> = rows
            .map(|row| transaction_chunk(row?.1.value()))
            .collect::<Result<_, Fault>>()?;
        let found: usize = chunks.iter().map(Vec::len).sum();
        if found != body.count as usize {
            let reason = format!("body {} has {found} transactions of {}", body.number, body.count);
            return Err(Fault::corrupt(reason));
        }
        Ok(chunks)
    }

    fn transaction(&self, height: u64, index: u32) -> Result<Option<SignedTransaction>, Fault> {
        let Some(id) = self.block_id(height)? else {
            return Ok(None);
        };
        let Some(body) = self.body(&id)? else {
            return Ok(None);
        };
        let number = body.number;
        let row = self
            .transactions
            .range((number, 0)..=(number, index))?
            .next_back()
            .transpose()?;
        let Some((key, row)) = row else { return Ok(None) };
        let chunk = transaction_chunk(row.value())?;
        let message = chunk.get((index - key.value().1) as usize);
        Ok(message.map(SignedTransaction::from_proto).transpose()?)
    }

    fn receipt(&self, height: u64, index: u32) -> Result<Option<Bytes>, Fault> {
        let row = self
            .receipts
            .range((height, 0)..=(height, index))?
            .next_back()
            .transpose()?;
        let Some((key, row)) = row else { return Ok(None) };
        let chunk = receipt_chunk(row.value())?;
        Ok(chunk.get((index - key.value().1) as usize).cloned())
    }
}

fn sealed(message: &proto::Block) -> Result<SealedHeader, Fault> {
    let part = |part: &Option<Bytes>| part.clone().unwrap_or_default();
    Ok(SealedHeader::from_parts(
        &part(&message.header),
        &part(&message.seal),
    )?)
}

fn transaction_chunk(row: &[u8]) -> Result<Vec<proto::SignedTransaction>, Fault> {
    match proto::TransactionChunk::decode(Bytes::copy_from_slice(row)) {
        Ok(chunk) => Ok(chunk.transactions),
        Err(error) => Err(Fault::corrupt(format!("a chunk of transactions: {error}"))),
    }
}

fn receipt_chunk(row: &[u8]) -> Result<Vec<Bytes>, Fault> {
    match proto::ReceiptChunk::decode(Bytes::copy_from_slice(row)) {
        Ok(chunk) => Ok(chunk.receipts),
        Err(error) => Err(Fault::corrupt(format!("a chunk of receipts: {error}"))),
    }
}
