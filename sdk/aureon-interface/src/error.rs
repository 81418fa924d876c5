//! What can be wrong with an interface, or with what is to fit it.

use crate::{MAX_INTERFACE_BYTES, SectionError, model::VERSION};

/// Why an interface cannot be read, or something does not fit it. Made for people: the CLI and the REST API
/// show it as it is.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InterfaceError {
    /// The module.
    #[error(transparent)]
    Section(#[from] SectionError),
    /// Too much to read.
    #[error("the interface has {bytes} bytes, at most {MAX_INTERFACE_BYTES}")]
    TooLarge {
        /// Its length.
        bytes: usize,
    },
    /// Not JSON, or not of this form.
    #[error("the interface cannot be read: {0}")]
    Malformed(String),
    /// From the future.
    #[error("the interface is of version {0}, this node reads version {VERSION}")]
    Version(u32),
    /// A type that is not defined.
    #[error("the interface names the type `{0}` and does not define it")]
    UnknownType(String),
    /// No such function.
    #[error("the contract `{contract}` has no function `{name}`; it has: {known}")]
    UnknownFunction {
        /// The contract's name.
        contract: String,
        /// What was asked for.
        name: String,
        /// All there are.
        known: String,
    },
    /// A function of the other kind.
    #[error("`{name}` {instead}")]
    WrongKind {
        /// The function.
        name: String,
        /// What it is for.
        instead: &'static str,
    },
    /// Input for a constructor or `migrate` that the contract has not.
    #[error("the contract has no `{0}` and takes no arguments there")]
    NoEntry(&'static str),
    /// An argument is missing.
    #[error("`{function}` needs the argument `{name}` ({kind})")]
    Missing {
        /// The function.
        function: String,
        /// The argument.
        name: String,
        /// Its type.
        kind: String,
    },
    /// An argument that the function has not.
    #[error("`{function}` has no argument `{name}`; it takes: {known}")]
    UnknownArgument {
        /// The function.
        function: String,
        /// What was given.
        name: String,
        /// All there are.
        known: String,
    },
    /// An argument given twice.
    #[error("the argument `{0}` is given twice")]
    Twice(String),
    /// A value that is not of its type.
    #[error("{place}: {what}")]
    Value {
        /// Which argument, and where in it.
        place: String,
        /// What is wrong.
        what: String,
    },
    /// Arguments that no transaction could carry.
    #[error("the arguments take more than the {limit} bytes that an input may have")]
    InputTooLarge {
        /// The most.
        limit: usize,
    },
    /// Bytes that are not of their type.
    #[error("the bytes are not of the type that the interface names: {0}")]
    Bytes(&'static str),
}

/// Names in a message: a line of them, not a page.
pub fn listed<'a>(names: impl Iterator<Item = &'a str>) -> String {
    const MOST: usize = 32;
    let names: Vec<&str> = names.collect();
    match names.get(..MOST) {
        Some(first) if names.len() > MOST => {
            format!("{} and {} more", first.join(", "), names.len() - MOST)
        }
        _ if names.is_empty() => "none".to_owned(),
        _ => names.join(", "),
    }
}

/// A value in a message: not longer than a line, and nothing that a terminal obeys.
pub fn cut(text: &str) -> String {
    const MOST: usize = 60;
    let shown = text.chars().take(MOST);
    let mut shown: String = shown
        .map(|c| if c.is_control() { '\u{fffd}' } else { c })
        .collect();
    if text.chars().nth(MOST).is_some() {
        shown.push_str("...");
    }
    shown
}
