//! A contract's interface, outside of the contract.
//!
//! A contract tells in its custom section `aureon_interface` which functions it has, with which arguments and
//! results (docs/contract-interface.md). With it, text and JSON become the bytes of a call, and results and
//! events become JSON: [`Interface`].
//!
//! The interface was written by whoever deployed the contract, so it is believed in nothing: sizes, nesting and work
//! are bounded here.
//!
//! [`build`] compiles a contract's project, [`scaffold`] starts one from a template.

pub mod build;
mod check;
mod decode;
mod encode;
mod error;
mod kind;
mod model;
pub mod scaffold;
mod section;

pub use decode::{Budget, MAX_VALUES};
pub use encode::Arguments;
pub use error::InterfaceError;
pub use kind::Kind;
pub use model::{Entry, Field, Function, FunctionKind, Interface, Record, Shape, Variant};
pub use section::SectionError;

/// Name of the custom section.
pub const SECTION: &str = "aureon_interface";

/// The largest interface that is read, in bytes.
pub const MAX_INTERFACE_BYTES: usize = 64 << 10;

/// The deepest nesting of a value: lists in structures in options.
pub const MAX_DEPTH: usize = 16;

/// The longest name of a contract, function, argument, field, type, variant or event.
pub const MAX_NAME_BYTES: usize = 64;
