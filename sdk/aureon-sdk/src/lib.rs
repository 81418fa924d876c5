//! For authors of contracts on Aureon.
//!
//! ```
//! #[aureon::contract]
//! mod counter {
//!     use aureon::prelude::*;
//!
//!     const TOTAL: Item<u64> = Item::new("total");
//!
//!     /// Somebody added to the total.
//!     #[event]
//!     pub struct Added {
//!         by: u64,
//!     }
//!
//!     /// Adds `by` and gives the new total.
//!     #[call]
//!     fn add(by: u64) -> Result<u64> {
//!         ensure!(by > 0, "add at least 1");
//!         let total = TOTAL.get().unwrap_or(0).plus(by);
//!         TOTAL.set(&total);
//!         emit(&Added { by });
//!         Ok(total)
//!     }
//!
//!     #[query]
//!     fn total() -> u64 {
//!         TOTAL.get().unwrap_or(0)
//!     }
//! }
//!
//! // A test on the mock host: no node, no wasm.
//! let chain = aureon::mock::Chain::new();
//! let alice = chain.account("alice", 1_000);
//! chain.act_as(alice);
//! let counter = counter::Client::deploy().unwrap();
//! assert_eq!(counter.add(5), Ok(5));
//! assert_eq!(counter.add(0).unwrap_err().message, "add at least 1");
//! assert_eq!(counter.total(), Ok(5));
//! ```
//!
//! The same client reaches the node's own machine and ledger, with gas and receipts: see `sandbox`.
//!
//! Compiled for `wasm32-unknown-unknown` the crate is `no_std` with `alloc`, brings an allocator and a panic
//! handler that aborts with the panic's message, and asks the host functions of module `env`
//! (docs/contract-abi.md). Compiled for anything else it asks the mock host in `mock`, so that a
//! contract's unit tests run as ordinary tests.
//!
//! Whatever a call does is undone when it aborts: storage, transfers and events. So check late or early, as
//! reads best. What is *not* undone is what another contract did with a call that came back; see [`guard`].

#![cfg_attr(target_arch = "wasm32", no_std)]

extern crate alloc;

pub mod arithmetic;
mod bytes;
mod codec;
pub mod context;
#[doc(hidden)]
pub mod entry;
mod error;
pub mod guard;
pub mod hashing;
mod indexed;
mod message;
#[cfg(not(target_arch = "wasm32"))]
pub mod mock;
#[cfg(not(target_arch = "wasm32"))]
pub mod sandbox;
mod storage;
#[cfg(target_arch = "wasm32")]
mod wasm;

#[cfg(not(target_arch = "wasm32"))]
use mock::host;
#[cfg(target_arch = "wasm32")]
use wasm::host;

pub use alloc::string::String;
pub use alloc::vec::Vec;
pub use aureon_sdk_macros::{contract, interface};
pub use bytes::{Address, Hash, PublicKey, Signature};
pub use codec::{Decode, DecodeError, Encode, Reader, decode, encode};
pub use error::{CallError, Error, Result, abort};
pub use indexed::IndexedMap;
pub use message::Piece;
pub use storage::{Item, Map};

/// What a contract's module usually needs: `use aureon::prelude::*`.
pub mod prelude {
    pub use crate::arithmetic::Checked;
    pub use crate::context::{self, emit, transfer};
    pub use crate::{
        Address, CallError, Decode, Encode, Error, Event, Hash, IndexedMap, Item, Map, PublicKey, Result,
        Signature, String, Vec, abort, ensure, message,
    };
    pub use alloc::borrow::ToOwned;
    pub use alloc::string::ToString;
    pub use alloc::vec;
}

/// Something that happened, written into the receipt: `#[event]` implements it.
///
/// The topic is the structure's name, the data the encoding of its fields.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no event",
    label = "not marked #[event]",
    note = "mark the structure with #[event]"
)]
pub trait Event: Encode {
    /// The topic, at most 64 bytes.
    const TOPIC: &'static str;
}
