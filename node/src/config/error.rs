//! Why a configuration is refused.

use std::path::PathBuf;

/// A configuration that cannot be used. Each sentence names the key, the value and what is expected.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("cannot read the configuration {}: {source}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// Not TOML, or a value of another type; figment names key and place.
    #[error("the configuration cannot be used: {0}")]
    Malformed(String),
    /// A section that does not exist.
    #[error("{}: unknown section [{section}]{hint}", path.display())]
    UnknownSection {
        /// The file.
        path: PathBuf,
        /// As written.
        section: String,
        /// The nearest one.
        hint: String,
    },
    /// A key that does not exist.
    #[error("{}: unknown key \"{name}\" in [{section}]{hint}", path.display())]
    UnknownKey {
        /// The file.
        path: PathBuf,
        /// The section.
        section: String,
        /// As written.
        name: String,
        /// The nearest one.
        hint: String,
    },
    /// An `AUREON_*` variable that sets nothing.
    #[error(
        "unknown environment variable {variable}{hint} (every variable that begins with AUREON_ must set a key)"
    )]
    UnknownVariable {
        /// Its name.
        variable: String,
        /// The nearest one.
        hint: String,
    },
    /// A variable whose text cannot be read.
    #[error("environment variable {variable} is \"{text}\": expected {expected}")]
    Variable {
        /// Its name.
        variable: String,
        /// Its text.
        text: String,
        /// What would be accepted.
        expected: &'static str,
    },
    /// Two variables for one key.
    #[error("environment variables {first} and {second} set the same key to different values: unset one")]
    Contradiction {
        /// One.
        first: String,
        /// The other.
        second: String,
    },
    /// A value out of bounds or of the wrong form.
    #[error("{key}: {reason}")]
    Value {
        /// `section.name`.
        key: &'static str,
        /// The value and what is expected.
        reason: String,
    },
}
