//! What joins crates that do not know each other: ports of one answered by another.

pub mod consensus_log;
mod contracts;
mod state;

pub use aureon_vm::UnknownCostTable;
pub use contracts::Contracts;
pub use state::View;
