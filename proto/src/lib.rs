//! The protobuf schema of Aureon (`aureon/v1/*.proto`) as Rust types.
//!
//! A leaf of the crate graph: the messages here are only shapes. What they mean, and whether bytes
//! are acceptable, is decided by `aureon-types`, which turns them into types that cannot be wrong.
//! The comments in the `.proto` files are the specification for clients in other languages.

/// Version 1 of the schema.
#[expect(missing_docs, reason = "generated: the comments are in the .proto files")]
pub mod v1 {
    include!(concat!(env!("OUT_DIR"), "/aureon.v1.rs"));
}

pub use prost::Message;
