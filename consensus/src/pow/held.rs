//! Headers whose time is ahead of our clock.

use std::collections::BTreeMap;

use aureon_types::{BlockId, SealedHeader};

/// Headers that wait. When full, the one that waits longest goes; header sync brings it again.
const MAX_HELD: usize = 64;

/// In order of when they may enter.
#[derive(Debug, Default)]
pub(super) struct Held {
    headers: BTreeMap<(u64, BlockId), SealedHeader>,
}

impl Held {
    pub(super) fn insert(&mut self, until_ms: u64, header: SealedHeader) {
        self.headers.insert((until_ms, header.id()), header);
        if self.headers.len() > MAX_HELD {
            self.headers.pop_last();
        }
    }

    pub(super) fn contains(&self, id: &BlockId) -> bool {
        self.headers.keys().any(|(_, held)| held == id)
    }

    /// Takes one whose time has come.
    pub(super) fn pop_due(&mut self, wall_ms: u64) -> Option<SealedHeader> {
        let first = self.headers.first_entry()?;
        (first.key().0 <= wall_ms).then(|| first.remove())
    }

    /// When the next may enter, in milliseconds since 1970-01-01 UTC.
    pub(super) fn next_due(&self) -> Option<u64> {
        self.headers.first_key_value().map(|((until_ms, _), _)| *until_ms)
    }

    pub(super) fn count(&self) -> usize {
        self.headers.len()
    }
}
