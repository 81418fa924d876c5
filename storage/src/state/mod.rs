//! The state store (`state.redb`): accounts and the trie over them, written behind.
//!
//! *Write-behind.* The changes of recent blocks live only in memory, in the versions of the trie that
//! the blocks made. Every few seconds, or when they have grown to so many bytes, or after so many
//! blocks, the newest final version goes to redb as one sorted durable commit ([`StateStore::flush`]).
//! After a crash the node executes the blocks above [`StateStore::flushed`] again from the block store
//! and compares every root.
//!
//! *Never ahead.* Only final blocks are handed to [`StateStore::commit`], and only after the block
//! store has committed them; a flush writes nothing else. [`StateStore::check_against`] names the
//! contradiction if it finds one.
//!
//! *Views.* A [`StateView`] is the state after one block: a version of the trie, and below it a redb
//! snapshot of the last flush that it knows of. Views are cheap to clone, never change, and can be
//! read from any thread while blocks execute and a flush runs. A view keeps its snapshot open, and
//! redb cannot reuse the pages of an open snapshot: hold views for requests, not for minutes.
//!
//! *Storage.* Each account has a trie of its own for its slots, in the same format, and its root is part
//! of the account. In memory it hangs at the account's leaf, so it is versioned, flushed and forgotten
//! together with the account: only what changed since the last two flushes, and the upper nodes of the
//! accounts that changed, are there; all else is read through redb's page cache. An account that is
//! deleted loses its storage with it, row by row, in the flush.
//!
//! *Tables.* `accounts`: keccak(address) -> [`record`]; `nodes`: path -> branch node
//! ([`crate::trie`]); `slots` and `slot_nodes`: the same for the storage of accounts, under the hashed
//! address; `code`: SHA-256 -> code of contracts, each once; `state`: height, root and the root's slot of the stored version.

mod base;
mod cache;
mod change;
pub mod record;
pub mod slot;
mod store;
mod view;

pub use base::Rows;
pub use store::{FlushPolicy, StateStore};
pub use view::{AccountProof, StateView, StorageProof};
