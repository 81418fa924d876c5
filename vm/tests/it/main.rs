//! The machine against a ledger in memory.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that cannot go on says so by a panic"
)]

mod cache;
mod corpus;
mod hostile;
mod ledger;
mod memories;
mod metering;
mod nested;
mod pointers;
mod prices;
mod random;
mod runs;
mod spec;
