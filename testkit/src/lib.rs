//! Whole nodes in a simulation: what would take a rack, a saboteur and a week runs from one seed in a
//! second, and runs again exactly so.
//!
//! *What is real*: the shipped [`aureon_node::core::Core`] (consensus, mempool, range sync, block
//! assembly), its workers and ledger, its consensus log, and both redb stores. *What is simulated*: time,
//! threads (jobs take a seeded time and come back in a seeded order, as far as the node allows), the
//! network (delay, reordering, loss, duplicates, partitions, gossip that swallows what it has seen), the
//! disks (a crash loses what was not synced, or a seeded part of it), clocks that disagree, and clients.
//!
//! *Determinism.* Everything that happens goes through one queue, in order of virtual time and then of
//! creation; every chance is drawn from one generator. [`Report::trace`] is a hash over all of it: the
//! same [`Scenario`] gives the same hash, in every process and build profile.
//!
//! *Invariants* are checked while it runs; the first violation ends the run:
//! - one final block per height, on all nodes, in all their lives, and no gap (under proof of work: below
//!   the finality depth);
//! - one validator set per height, and a valid certificate or enough work for every block;
//! - the state of every head has the root that its header names;
//! - the supply with all rewards, to the unit, the system account and all contracts included;
//! - no honest node refuses what an honest one has made, or cannot import what the network decided;
//! - equal receipts for equal blocks, under the root that the header names;
//! - every contract has the code, the admin and the storage that the receipts of the node's own chain tell of, also
//!   after crashes and after a branch lost, and answers questions accordingly;
//! - a validator never contradicts what it signed, in all its lives; an attacker that does so is punished,
//!   if an honest validator that stayed up held both halves before it finalized that height;
//! - a head that a node has announced is still there after a crash, or a heavier one;
//! - who follows a node by what it announces as undone and applied has its chain;
//! - no honest node is blamed for what only a dishonest one does;
//! - no node stops by itself, unless its disk is full, and every node starts again after a crash;
//! - an admitted transaction is included, overtaken by another of its nonce, or still waits, also when the
//!   branch that held it lost;
//! - once nothing goes wrong any more, all nodes reach new heights, agree, and all nonces are used. Attackers
//!   go on.
//!
//! ```
//! use aureon_testkit::{Engine, Kind, Scenario, run};
//!
//! let report = run(Scenario::new(Engine::Poa, Kind::Lone, 7))?;
//! assert_eq!(report.violation, None);
//! # Ok::<(), aureon_testkit::SetupError>(())
//! ```

mod attackers;
mod cast;
pub mod cluster;
mod disk;
mod load;
mod machine;
mod node;
mod random;
mod scenario;
mod simulation;
mod trace;

pub use attackers::Attack;
pub use cast::SetupError;
pub use disk::{Disks, LogDisk};
pub use random::Random;
pub use scenario::{
    Crash, DiskFailure, DiskFault, DiskName, Engine, Kind, MILLISECOND, Micros, Partition, SECOND, Sabotage,
    Scenario, UnknownEngine, UnknownKind,
};
pub use simulation::{Report, run};
