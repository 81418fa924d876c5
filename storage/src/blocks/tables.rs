//! The tables, and a snapshot of them.

use aureon_types::BlockId;
use redb::{ReadOnlyTable, ReadTransaction, ReadableTable, TableDefinition, WriteTransaction};

use super::{Head, index::Segment};
use crate::{
    database::{Database, Fault},
    error::Result,
};

/// Block id -> body number (8 bytes), transaction count (4), both little-endian, then a `Block`
/// message without transactions.
pub(super) const BODIES: TableDefinition<'static, [u8; 32], &[u8]> = TableDefinition::new("bodies");
/// (Body number, index of the first transaction) -> `TransactionChunk`.
pub(super) const TRANSACTIONS: TableDefinition<'static, (u64, u32), &[u8]> =
    TableDefinition::new("transactions");
/// Height -> block id, of decided blocks.
pub(super) const HEIGHTS: TableDefinition<'static, u64, [u8; 32]> = TableDefinition::new("heights");
/// Height -> `CommitCertificate`.
pub(super) const CERTIFICATES: TableDefinition<'static, u64, &[u8]> = TableDefinition::new("certificates");
/// Height -> cumulative work up to the decided block there, big-endian; only under proof of work.
pub(super) const WORK: TableDefinition<'static, u64, [u8; 32]> = TableDefinition::new("work");
/// Hash of a validator set -> its encoding. Kept for ever, also of undone blocks: a set has no other
/// hash, and headers name sets that the state has long forgotten.
pub(super) const VALIDATORS: TableDefinition<'static, [u8; 32], &[u8]> = TableDefinition::new("validators");
/// (Height, index of the first receipt) -> `ReceiptChunk`.
pub(super) const RECEIPTS: TableDefinition<'static, (u64, u32), &[u8]> = TableDefinition::new("receipts");
/// Block id -> (height, number of the put), of undecided bodies.
pub(super) const UNDECIDED: TableDefinition<'static, [u8; 32], (u64, u64)> =
    TableDefinition::new("undecided");
/// (Segment, first prefix) -> index entries: see [`super::index`].
pub(super) const SEGMENTS: TableDefinition<'static, (u64, u64), &[u8]> = TableDefinition::new("segments");
/// Segment -> (level, target, greatest height).
pub(super) const SEGMENT_LIST: TableDefinition<'static, u64, (u32, u64, u64)> =
    TableDefinition::new("segment_list");
/// Numbers that only grow.
pub(super) const COUNTERS: TableDefinition<'static, &str, u64> = TableDefinition::new("counters");
/// Of these numbers: the height up to which no block will be undone.
pub(super) const FINALIZED: &str = "finalized";

/// Makes sure that all tables are there.
pub(super) fn create(transaction: &WriteTransaction) -> Result<(), Fault> {
    transaction.open_table(BODIES)?;
    transaction.open_table(TRANSACTIONS)?;
    transaction.open_table(HEIGHTS)?;
    transaction.open_table(CERTIFICATES)?;
    transaction.open_table(WORK)?;
    transaction.open_table(VALIDATORS)?;
    transaction.open_table(RECEIPTS)?;
    transaction.open_table(UNDECIDED)?;
    transaction.open_table(SEGMENTS)?;
    transaction.open_table(SEGMENT_LIST)?;
    transaction.open_table(COUNTERS)?;
    Ok(())
}

/// Takes the next number of a counter, from 1.
pub(super) fn next_number(transaction: &WriteTransaction, counter: &str) -> Result<u64, Fault> {
    let mut table = transaction.open_table(COUNTERS)?;
    let number = table.get(counter)?.map_or(0, |number| number.value()) + 1;
    table.insert(counter, number)?;
    Ok(number)
}

/// Everything as of one commit.
pub(super) struct Snapshot {
    /// For error messages.
    pub name: String,
    pub head: Option<Head>,
    /// No block up to this height will be undone.
    pub finalized: u64,
    pub segments: Vec<Segment>,
    pub bodies: ReadOnlyTable<[u8; 32], &'static [u8]>,
    pub transactions: ReadOnlyTable<(u64, u32), &'static [u8]>,
    pub heights: ReadOnlyTable<u64, [u8; 32]>,
    pub certificates: ReadOnlyTable<u64, &'static [u8]>,
    pub work: ReadOnlyTable<u64, [u8; 32]>,
    pub validators: ReadOnlyTable<[u8; 32], &'static [u8]>,
    pub receipts: ReadOnlyTable<(u64, u32), &'static [u8]>,
    pub undecided: ReadOnlyTable<[u8; 32], (u64, u64)>,
    pub index: ReadOnlyTable<(u64, u64), &'static [u8]>,
}

impl Snapshot {
    pub fn open(database: &Database) -> Result<Self> {
        let open = |transaction: &ReadTransaction| {
            let heights = transaction.open_table(HEIGHTS)?;
            let last = heights.iter()?.next_back().transpose()?;
            let head = last.map(|(height, id)| Head {
                height: height.value(),
                id: BlockId(id.value()),
            });
            let counters = transaction.open_table(COUNTERS)?;
            let finalized = counters.get(FINALIZED)?.map_or(0, |height| height.value());
            Ok(Self {
                finalized,
                name: database.name().to_owned(),
                head,
                segments: segments(&transaction.open_table(SEGMENT_LIST)?)?,
                bodies: transaction.open_table(BODIES)?,
                transactions: transaction.open_table(TRANSACTIONS)?,
                heights,
                certificates: transaction.open_table(CERTIFICATES)?,
                work: transaction.open_table(WORK)?,
                validators: transaction.open_table(VALIDATORS)?,
                receipts: transaction.open_table(RECEIPTS)?,
                undecided: transaction.open_table(UNDECIDED)?,
                index: transaction.open_table(SEGMENTS)?,
            })
        };
        database.read(open)
    }

    /// How many decided blocks may still be undone.
    pub fn undoable(&self) -> u64 {
        self.head
            .map_or(0, |head| head.height.saturating_sub(self.finalized))
    }
}

/// The segments in the order of their numbers: a few dozen.
pub(super) fn segments(table: &impl ReadableTable<u64, (u32, u64, u64)>) -> Result<Vec<Segment>, Fault> {
    let mut segments = Vec::new();
    for row in table.iter()? {
        let (id, value) = row?;
        let (level, target, height) = value.value();
        segments.push(Segment {
            id: id.value(),
            level,
            target,
            height,
        });
    }
    Ok(segments)
}
