//! Integration tests of the storage crate.

mod blocks;
mod common;
mod crash;
mod differential;
mod opening;
mod state;
mod vectors;
