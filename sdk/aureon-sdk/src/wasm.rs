//! The contract's side of the host interface: the functions, an allocator, and what a panic does.

mod allocator;
pub mod host;
mod panic;
mod raw;
