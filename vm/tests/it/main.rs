//! The machine against a ledger in memory.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that cannot go on says so by a panic"
)]

mod cache;
mod ledger;
mod pointers;
mod runs;
