//! The transaction index: from transaction id to place.
//!
//! *Segments.* Each block with transactions adds one segment: its entries, sorted, in rows of about
//! [`ROW_ENTRIES`]. An entry is the first 8 bytes of the id and the place (40 bits of height, 24 bits
//! of index), 16 bytes together. Plain rows under whole ids would cost a random B-tree insertion per
//! transaction; a segment costs a sort and a sequential write.
//!
//! *Merging.* [`FAN_IN`] segments of one level become one of the next, so an entry is written once
//! per level and a look-up visits at most a few dozen segments (one B-tree step each). A merge moves
//! the smallest entries first, at most about [`STEP_ENTRIES`] per commit, and every commit leaves each
//! entry in exactly one segment: it can stop, crash and go on anywhere, and never holds the store's
//! writer for long.
//!
//! *Undoing.* The segment of a block is merged only when the block is final. Until then it holds nothing
//! but this block's entries, and goes when the block is undone: there are never entries of a block that
//! is not decided. The price is one segment more for a look-up to visit per block that may be undone.
//!
//! *Collisions.* Two ids may share their first 8 bytes (an attacker can find such pairs). A look-up
//! takes all entries of the prefix and compares the whole id. Entries of one prefix are never split
//! over two rows of a segment.

use aureon_types::TransactionId;
use rayon::prelude::*;
use redb::{ReadableTable, WriteTransaction};

use super::tables::{SEGMENT_LIST, SEGMENTS, next_number, segments};
use crate::{
    database::Fault,
    error::{Result, StorageError},
};

/// Segments of a level that become one of the next.
pub const FAN_IN: usize = 8;
/// Entries in a row.
pub const ROW_ENTRIES: usize = 250;
/// About how many entries a merge moves in one commit.
pub const STEP_ENTRIES: usize = 65_536;

const ENTRY_BYTES: usize = 16;
const INDEX_BITS: u32 = 24;
const MAX_HEIGHT: u64 = u64::MAX >> INDEX_BITS;
const MAX_INDEX: u64 = (1 << INDEX_BITS) - 1;
const COUNTER: &str = "segment";

/// A segment that look-ups visit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Segment {
    pub id: u64,
    /// 0: one block.
    pub level: u32,
    /// The segment that it is being merged into; 0: none.
    pub target: u64,
    /// The greatest height of its entries; at level 0 the only one.
    pub height: u64,
}

/// The place of a transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub height: u64,
    pub index: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Entry {
    prefix: u64,
    place: u64,
}

impl Entry {
    fn new(id: &TransactionId, height: u64, index: u64) -> Self {
        Self {
            prefix: prefix(id),
            place: height << INDEX_BITS | index,
        }
    }

    fn encode(self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.prefix.to_be_bytes());
        out.extend_from_slice(&self.place.to_be_bytes());
    }

    fn decode(bytes: &[u8; ENTRY_BYTES]) -> Self {
        let both = u128::from_be_bytes(*bytes);
        Self {
            prefix: (both >> 64) as u64,
            place: both as u64,
        }
    }

    fn place(self) -> Place {
        Place {
            height: self.place >> INDEX_BITS,
            index: (self.place & MAX_INDEX) as u32,
        }
    }
}

fn prefix(id: &TransactionId) -> u64 {
    let mut first = [0; 8];
    first.copy_from_slice(&id.as_bytes()[..8]);
    u64::from_be_bytes(first)
}

/// Adds the segment of a block.
pub(super) fn add(transaction: &WriteTransaction, height: u64, ids: &[TransactionId]) -> Result<(), Fault> {
    if ids.is_empty() {
        return Ok(());
    }
    let count = ids.len() as u64;
    for (what, given, limit) in [
        ("height", height, MAX_HEIGHT),
        ("transactions of a block", count, MAX_INDEX),
    ] {
        if given > limit {
            return Err(StorageError::TooLarge { what, given, limit }.into());
        }
    }
    let mut entries: Vec<Entry> = ids
        .iter()
        .zip(0..)
        .map(|(id, index)| Entry::new(id, height, index))
        .collect();
    entries.par_sort_unstable();
    let id = next_number(transaction, COUNTER)?;
    transaction.open_table(SEGMENT_LIST)?.insert(id, (0, 0, height))?;
    write(&mut transaction.open_table(SEGMENTS)?, id, &entries)
}

/// Drops the entries of the blocks above `fork`, none of which is final.
pub(super) fn undo_above(
    transaction: &WriteTransaction,
    segments: &[Segment],
    fork: u64,
) -> Result<(), Fault> {
    let mut list = transaction.open_table(SEGMENT_LIST)?;
    let mut table = transaction.open_table(SEGMENTS)?;
    for segment in segments.iter().filter(|segment| segment.height > fork) {
        if segment.level > 0 || segment.target > 0 {
            let reason = format!("segment {} of final blocks reaches above {fork}", segment.id);
            return Err(Fault::corrupt(reason));
        }
        list.remove(segment.id)?;
        table.retain_in((segment.id, 0)..=(segment.id, u64::MAX), |_, _| false)?;
    }
    Ok(())
}

/// The places of all transactions whose ids begin like `id`, the newest segment's first.
pub(super) fn find(
    table: &impl ReadableTable<(u64, u64), &'static [u8]>,
    segments: &[Segment],
    id: &TransactionId,
) -> Result<Vec<Place>, Fault> {
    let wanted = prefix(id);
    let mut places = Vec::new();
    for segment in segments.iter().rev() {
        let row = table
            .range((segment.id, 0)..=(segment.id, wanted))?
            .next_back()
            .transpose()?;
        let Some((_, row)) = row else { continue };
        let (entries, _) = row.value().as_chunks::<ENTRY_BYTES>();
        let first = entries.partition_point(|entry| Entry::decode(entry).prefix < wanted);
        let equal = entries[first..]
            .iter()
            .map(Entry::decode)
            .take_while(|entry| entry.prefix == wanted);
        places.extend(equal.map(Entry::place));
    }
    Ok(places)
}

/// Whether a merge has something to do.
pub(super) fn merge_due(segments: &[Segment], finalized: u64) -> bool {
    next_merge(segments, finalized).is_some()
}

/// The segments to merge next, of one level, and the segment they go to if that is begun.
fn next_merge(segments: &[Segment], finalized: u64) -> Option<(Vec<Segment>, Option<u64>)> {
    let begun = segments
        .iter()
        .map(|segment| segment.target)
        .find(|target| *target != 0);
    if let Some(target) = begun {
        let sources = segments
            .iter()
            .filter(|segment| segment.target == target)
            .copied()
            .collect();
        return Some((sources, Some(target)));
    }
    let levels = segments.iter().map(|segment| segment.level).max()?;
    (0..=levels).find_map(|level| {
        let alike = segments
            .iter()
            .filter(|segment| segment.level == level && segment.height <= finalized)
            .copied();
        let oldest: Vec<_> = alike.take(FAN_IN).collect();
        (oldest.len() == FAN_IN).then_some((oldest, None))
    })
}

/// One bounded step of a merge, of blocks up to the height `finalized`.
pub(super) fn merge_step(transaction: &WriteTransaction, finalized: u64) -> Result<(), Fault> {
    let mut list = transaction.open_table(SEGMENT_LIST)?;
    let Some((sources, begun)) = next_merge(&segments(&list)?, finalized) else {
        return Ok(());
    };
    let target = match begun {
        Some(target) => target,
        None => {
            let target = next_number(transaction, COUNTER)?;
            let level = sources.first().map_or(0, |source| source.level);
            let height = sources.iter().map(|source| source.height).max().unwrap_or(0);
            list.insert(target, (level + 1, 0, height))?;
            for source in &sources {
                list.insert(source.id, (level, target, source.height))?;
            }
            target
        }
    };
    let mut table = transaction.open_table(SEGMENTS)?;
    let heads = read_heads(&table, &sources)?;
    // Beyond the least bound, some source may have entries that were not read.
    let cut = heads.iter().filter_map(|head| head.bound).min();
    let mut moved = Vec::new();
    for head in heads {
        let goes = cut.map_or(head.entries.len(), |cut| {
            head.entries.partition_point(|entry| entry.prefix < cut)
        });
        for first in &head.rows {
            table.remove((head.id, *first))?;
        }
        let (going, staying) = head.entries.split_at(goes);
        moved.extend_from_slice(going);
        write(&mut table, head.id, staying)?;
        if staying.is_empty() && head.bound.is_none() {
            list.remove(head.id)?;
        }
    }
    moved.sort(); // A few sorted runs: the stable sort merges them.
    write(&mut table, target, &moved)
}

/// The first entries of a segment.
struct SegmentHead {
    id: u64,
    /// First prefixes of the rows that were read.
    rows: Vec<u64>,
    entries: Vec<Entry>,
    /// The first prefix that was not read.
    bound: Option<u64>,
}

fn read_heads(
    table: &impl ReadableTable<(u64, u64), &'static [u8]>,
    sources: &[Segment],
) -> Result<Vec<SegmentHead>, Fault> {
    let mut heads = Vec::with_capacity(sources.len());
    for source in sources {
        let mut head = SegmentHead {
            id: source.id,
            rows: Vec::new(),
            entries: Vec::new(),
            bound: None,
        };
        for row in table.range((source.id, 0)..=(source.id, u64::MAX))? {
            let (key, row) = row?;
            let first = key.value().1;
            if head.entries.len() >= STEP_ENTRIES / FAN_IN {
                head.bound = Some(first);
                break;
            }
            head.rows.push(first);
            head.entries
                .extend(row.value().as_chunks::<ENTRY_BYTES>().0.iter().map(Entry::decode));
        }
        heads.push(head);
    }
    Ok(heads)
}

/// Writes sorted entries in rows; entries of one prefix stay together.
fn write(
    table: &mut redb::Table<'_, (u64, u64), &'static [u8]>,
    segment: u64,
    mut entries: &[Entry],
) -> Result<(), Fault> {
    let mut row = Vec::with_capacity(ROW_ENTRIES * ENTRY_BYTES);
    while let Some(first) = entries.first() {
        let last = entries[entries.len().min(ROW_ENTRIES) - 1].prefix;
        let end = entries.partition_point(|entry| entry.prefix <= last);
        row.clear();
        for entry in &entries[..end] {
            entry.encode(&mut row);
        }
        table.insert((segment, first.prefix), &row[..])?;
        entries = &entries[end..];
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use redb::{Database, ReadableDatabase as _, backends::InMemoryBackend};

    use super::*;
    use crate::blocks::tables;

    fn database() -> Database {
        let database = redb::Builder::new()
            .create_with_backend(InMemoryBackend::new())
            .unwrap();
        write_with(&database, tables::create);
        database
    }

    fn write_with(database: &Database, change: impl FnOnce(&WriteTransaction) -> Result<(), Fault>) {
        let transaction = database.begin_write().unwrap();
        assert!(change(&transaction).is_ok());
        transaction.commit().unwrap();
    }

    fn listed(database: &Database) -> Vec<Segment> {
        let table = database.begin_read().unwrap().open_table(SEGMENT_LIST).unwrap();
        segments(&table).ok().unwrap()
    }

    fn found(database: &Database, id: &TransactionId) -> Vec<Place> {
        let table = database.begin_read().unwrap().open_table(SEGMENTS).unwrap();
        find(&table, &listed(database), id).ok().unwrap()
    }

    /// An id with a chosen prefix.
    fn id(prefix: u64, rest: u8) -> TransactionId {
        let mut bytes = [rest; 32];
        bytes[..8].copy_from_slice(&prefix.to_be_bytes());
        TransactionId(bytes)
    }

    #[test]
    fn entries_hold_places_up_to_their_bounds() {
        for (height, index) in [(0, 0), (1, MAX_INDEX), (MAX_HEIGHT, 7)] {
            let entry = Entry::new(&id(u64::MAX - 1, 0), height, index);
            let mut bytes = Vec::new();
            entry.encode(&mut bytes);
            let again = Entry::decode(bytes[..].try_into().unwrap());
            assert_eq!(again, entry);
            assert_eq!(
                again.place(),
                Place {
                    height,
                    index: index as u32
                }
            );
        }
        let database = database();
        let transaction = database.begin_write().unwrap();
        let too_high = add(&transaction, MAX_HEIGHT + 1, &[id(1, 1)])
            .err()
            .unwrap()
            .of("");
        assert!(matches!(too_high, StorageError::TooLarge { given, .. } if given == MAX_HEIGHT + 1));
    }

    #[test]
    fn ids_with_one_prefix_are_all_found_however_many() {
        let database = database();
        let many = ROW_ENTRIES as u64 * 2;
        // One prefix fills rows of its own, between others.
        let ids: Vec<_> = (0..many)
            .map(|n| id(if n % 2 == 0 { 500 } else { n }, 1))
            .collect();
        write_with(&database, |transaction| add(transaction, 1, &ids));
        write_with(&database, |transaction| {
            add(transaction, 2, &[id(500, 2), id(501, 2)])
        });
        let places = found(&database, &id(500, 9));
        assert_eq!(places.len(), ROW_ENTRIES + 1);
        assert_eq!(places[0], Place { height: 2, index: 0 });
        assert!(
            places[1..]
                .iter()
                .all(|place| place.height == 1 && place.index % 2 == 0)
        );
        assert_eq!(
            found(&database, &id(499, 9)),
            [Place {
                height: 1,
                index: 499
            }]
        );
        assert_eq!(found(&database, &id(498, 9)), []);
    }

    #[test]
    fn a_merge_takes_several_steps_and_every_step_keeps_every_entry() {
        let database = database();
        let per_block = STEP_ENTRIES as u64 / 4;
        let number = |height: u64, n: u64| (n * 8 + height).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        for height in 1..=FAN_IN as u64 {
            let ids: Vec<_> = (0..per_block).map(|n| id(number(height, n), 1)).collect();
            write_with(&database, |transaction| add(transaction, height, &ids));
        }
        let mut steps = 0;
        assert!(
            !merge_due(&listed(&database), FAN_IN as u64 - 1),
            "one block may be undone"
        );
        while merge_due(&listed(&database), FAN_IN as u64) {
            write_with(&database, |transaction| merge_step(transaction, FAN_IN as u64));
            steps += 1;
            for height in 1..=FAN_IN as u64 {
                for n in (0..per_block).step_by(997) {
                    let places = found(&database, &id(number(height, n), 0));
                    assert_eq!(
                        places,
                        [Place {
                            height,
                            index: n as u32
                        }],
                        "after step {steps}"
                    );
                }
            }
        }
        assert!(steps > 1, "{steps}");
        let after = listed(&database);
        assert_eq!((after.len(), after[0].level, after[0].target), (1, 1, 0));
        let table = database.begin_read().unwrap().open_table(SEGMENTS).unwrap();
        let entries = table
            .range::<(u64, u64)>(..)
            .unwrap()
            .map(|row| row.unwrap().1.value().len() / ENTRY_BYTES);
        assert_eq!(entries.sum::<usize>() as u64, per_block * FAN_IN as u64);
    }
}
