//! Proof of work: Nakamoto's rule ("Bitcoin: A Peer-to-Peer Electronic Cash System", 2008) as a pure state
//! machine.
//!
//! *The chain* is the branch with the most work that is valid; of equal ones the first seen stays. A block
//! with [`Rules::finality_depth`] blocks above it is final.
//!
//! *A header's way*: its work is checked on a worker ([`crate::verify_header`], [`verify_headers`]) ->
//! [`crate::Input::Message`] or [`crate::Input::Headers`] -> the tree of headers, if it follows the rules
//! of its parent ([`WorkChain::check`]); one whose time is ahead of our clock waits for it -> bodies of
//! branches heavier than the head are asked for, parents first ([`crate::Effect::Execute`]) ->
//! [`crate::Input::Executed`] -> as soon as an executed branch is heavier than the head,
//! [`crate::Effect::Switch`] -> [`crate::Input::Committed`].
//!
//! *Headers first*: nothing but work makes us fetch a body, and a header without work costs its sender
//! nothing but us two hashes.
//!
//! *What an invalid body does*: its block and all above it are forgotten and never asked for again; the
//! head stays, because it moves only along executed blocks; the next best branch is tried.
//!
//! *What a withheld body does*: nothing, as long as another branch goes on. Several branches are asked
//! for at once, and mining goes on on the head. A branch whose lowest missing body was asked for in vain for
//! [`PATIENCE`] is forgotten, not condemned: others may enter in its place, and it may enter again.
//!
//! Templates and the miner's threads are the node's; here is the inner loop, [`search()`].

mod asert;
mod chain;
mod engine;
mod fault;
mod hash;
mod held;
mod observe;
mod patience;
mod search;
mod target;
mod tree;
mod verify;
mod walk;

#[cfg(test)]
mod chain_tests;
#[cfg(test)]
mod engine_tests;
#[cfg(test)]
mod retarget_tests;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tree_tests;

pub use asert::{MAX_HALF_LIVES, next_target};
pub use chain::{MEDIAN_BLOCKS, Rules, WorkChain};
pub use engine::{BRANCHES, Pow, Start, StartFault, WINDOW};
pub use fault::HeaderFault;
pub use hash::{check_work, header_hash, work_hash};
pub use observe::WorkStatus;
pub use patience::PATIENCE;
pub use search::{CHUNK, search};
pub use target::{Target, Work};
pub use tree::MAX_HEADERS;
pub use verify::{HeaderStop, HeadersFault, VerifiedHeaders, verify_headers};
