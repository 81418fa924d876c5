//! Aureon's contract machine: compiles, limits, meters, caches and runs WebAssembly.
//!
//! [`Machine::accept`] says whether code may be stored, [`Machine::run`] runs an entry point of it against a [`Host`],
//! which is whoever keeps the ledger. The same run against the same host gives the same [`Outcome`], to the unit of
//! gas, on every machine, freshly compiled or from the cache. What a contract sees of the machine is described in
//! `docs/contract-abi.md`.
//!
//! This is the one crate that may use `unsafe`, in four modules, each time with its reason beside it: the host's pointer
//! ([`mod@env`]), compiling what was validated and loading machine code from the cache ([`mod@compile`], [`mod@cache`]),
//! and clearing memories so that they can be used again ([`mod@memory`]).
#![expect(
    unsafe_code,
    reason = "wasmer's loading of machine code and its 'static environments, see above"
)]

pub mod abi;
mod cache;
mod compile;
#[doc(hidden)]
pub mod conformance;
pub mod cost;
mod env;
mod functions;
mod guard;
mod host;
mod inspect;
pub mod limits;
mod machine;
mod memory;
mod nesting;

pub use host::{
    Context, End, Entry, Fault, Halt, Host, Nested, NestedFailure, NestedOutcome, NoTransfer, Outcome, Run,
    TrapKind,
};
pub use inspect::{CodeFault, CodeReport, Limit};
pub use machine::{Machine, Options, UnknownCostTable};
