//! What runs within each other know of each other, beyond what the host hands from one to the other.
//!
//! A nested run is on the thread of the run that waits for it, so all of it is the thread's.

use std::cell::Cell;

thread_local! {
    /// Gas that the last run on this thread cost beyond what it had.
    static OWED: Cell<u64> = const { Cell::new(0) };
}

/// A run cost `gas` more than it had: whoever called it pays.
pub(crate) fn owe(gas: u64) {
    OWED.set(gas);
}

/// What the run that just ended cost beyond what it had, once.
pub(crate) fn owed() -> u64 {
    OWED.take()
}
