//! Against reentrancy: a contract that calls another may be called back before it has finished.
//!
//! First change the storage, then call: then a call back sees the finished change. Where that is not possible,
//! hold the guard.

use crate::{abort, host};

/// A key that no [`Item`](crate::Item) or [`Map`](crate::Map) has: their first byte is a length and the name
/// follows, here it does not.
const KEY: &[u8] = &[255, 0];

/// Held while a call must not be entered again.
#[must_use = "the guard is open again as soon as this is dropped"]
pub struct Guard(());

/// Closes the contract's guard until the result is dropped; aborts if it is closed. An abort opens it, as it undoes
/// everything. The guard is one for the whole contract: functions that do not ask for it can still be
/// entered.
pub fn enter() -> Guard {
    if host::exists(KEY) {
        abort("the contract is called back while it is busy");
    }
    host::store(KEY, &[1]);
    Guard(())
}

impl Drop for Guard {
    fn drop(&mut self) {
        host::remove(KEY);
    }
}
