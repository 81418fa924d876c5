//! Integration tests of the storage crate.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a failed step is a failed test"
)]

mod blocks;
mod code;
mod common;
mod crash;
mod differential;
mod opening;
mod slots;
mod slots_random;
mod state;
mod switch;
mod vectors;
