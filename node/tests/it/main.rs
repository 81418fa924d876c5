//! The binary as its users meet it: processes, files, sockets.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a failed step is a failed test"
)]

mod authorities;
mod by_name;
mod cli;
mod contracts;
#[path = "../../../vm/tests/it/corpus.rs"]
mod corpus;
mod engines;
mod examples;
mod halves;
mod hostile;
mod mining;
mod network;
mod pow;
mod rest;
mod sign_mark;
mod support;
mod templates;
mod testnet;
mod validators;
