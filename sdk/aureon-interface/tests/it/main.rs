//! The interface against the contracts of the templates, built from source.
#![expect(
    clippy::unwrap_used,
    reason = "a test fails by panicking, also in its helpers"
)]

mod encoding;
mod hostile;
mod templates;
