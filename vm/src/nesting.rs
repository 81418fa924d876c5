//! What runs within each other know of each other, beyond what the host hands from one to the other.
//!
//! A nested run is on the thread of the run that waits for it, so all of it is the thread's.

use std::cell::Cell;

use crate::limits;

thread_local! {
    /// Gas that the last run on this thread cost beyond what it had.
    static OWED: Cell<u64> = const { Cell::new(0) };
    /// Pages that the runs on this thread may still have, if there are any.
    static PAGES: Cell<Option<u64>> = const { Cell::new(None) };
}

/// The memory of a run, as long as it runs: counted together with those of the runs that wait for it.
pub(crate) struct Pages {
    /// What there was before.
    around: Option<u64>,
}

impl Pages {
    /// Of a run that starts with `pages`. None if the runs around it have left less.
    pub(crate) fn of_run(pages: u64) -> Option<Self> {
        let around = PAGES.get();
        let left = around.unwrap_or(limits::MAX_WAITING_PAGES).checked_sub(pages)?;
        PAGES.set(Some(left));
        Some(Self { around })
    }

    /// Whether the memory of the innermost run may grow by `pages`, which then count.
    pub(crate) fn grow(pages: u64) -> bool {
        // Outside of runs are only tests of the machine.
        let Some(left) = PAGES.get() else {
            return true;
        };
        let rest = left.checked_sub(pages);
        if rest.is_some() {
            PAGES.set(rest);
        }
        rest.is_some()
    }
}

impl Drop for Pages {
    fn drop(&mut self) {
        PAGES.set(self.around);
    }
}

/// A run cost `gas` more than it had: whoever called it pays.
pub(crate) fn owe(gas: u64) {
    OWED.set(gas);
}

/// What the run that just ended cost beyond what it had, once.
pub(crate) fn owed() -> u64 {
    OWED.take()
}
