//! Whole engines: driven by hand, and in a simulated network.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on should say where"
)]

mod bad_input;
mod by_hand;
mod changing;
mod network;
mod replay;
mod scenarios;
mod stalls;
mod support;
