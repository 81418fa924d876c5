//! Bodies of blocks that are not decided: which are kept, and which go.

use aureon_types::BlockId;
use redb::{ReadableTable as _, ReadableTableMetadata as _, Table, WriteTransaction};

use super::{
    MAX_UNDECIDED,
    tables::{BODIES, TRANSACTIONS, UNDECIDED, next_number},
};
use crate::database::Fault;

const PUT: &str = "put";

type Undecided<'a> = Table<'a, [u8; 32], (u64, u64)>;

/// Lists a stored body as the undecided one that was put last.
pub(super) fn add(transaction: &WriteTransaction, height: u64, id: &BlockId) -> Result<(), Fault> {
    let put = next_number(transaction, PUT)?;
    transaction
        .open_table(UNDECIDED)?
        .insert(id.as_bytes(), (height, put))?;
    Ok(())
}

/// Drops the bodies that were put longest ago, beyond [`MAX_UNDECIDED`] and one for each of the
/// `undoable` heights.
pub(super) fn bound(transaction: &WriteTransaction, undoable: u64) -> Result<(), Fault> {
    let mut undecided = transaction.open_table(UNDECIDED)?;
    let limit = MAX_UNDECIDED.saturating_add(undoable);
    let Some(over @ 1..) = undecided.len()?.checked_sub(limit) else {
        return Ok(());
    };
    let mut bodies = Vec::new();
    for row in undecided.iter()? {
        let (id, value) = row?;
        bodies.push((value.value().1, id.value()));
    }
    bodies.sort_unstable();
    (0..over)
        .zip(&bodies)
        .try_for_each(|(_, (_, id))| drop_body(transaction, &mut undecided, id))
}

/// Drops the bodies up to a height.
pub(super) fn drop_up_to(transaction: &WriteTransaction, height: u64) -> Result<(), Fault> {
    let mut undecided = transaction.open_table(UNDECIDED)?;
    let mut overtaken = Vec::new();
    for row in undecided.iter()? {
        let (id, value) = row?;
        if value.value().0 <= height {
            overtaken.push(id.value());
        }
    }
    overtaken
        .iter()
        .try_for_each(|id| drop_body(transaction, &mut undecided, id))
}

fn drop_body(
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
