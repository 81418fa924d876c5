//! How a command ends when it does not succeed.
//!
//! | exit code | meaning |
//! | --- | --- |
//! | 0 | done |
//! | 1 | failed; stderr says why |
//! | 2 | the command line is wrong |
//! | 3 | what was asked for does not exist |
//! | 4 | the node rejected the transaction, or it failed |
//! | 5 | the node cannot be reached |

use std::{fmt, process::ExitCode};

use aureon_types::GenesisError;

use super::output::printable;
use crate::{
    client::ClientError,
    config::{ConfigError, directory::FileError},
};

/// The exit code of a failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// Nobody reads our output any more: nothing to say.
    Quiet = 0,
    /// Anything that has no code of its own.
    Failed = 1,
    /// The command line is wrong in a way that its parser cannot see.
    Usage = 2,
    /// What was asked for does not exist.
    NotFound = 3,
    /// The node rejected the transaction, or it failed.
    Rejected = 4,
    /// The node cannot be reached.
    Unreachable = 5,
}

/// Why a command did not succeed: one clear line, and an exit code for scripts.
#[derive(Debug)]
pub struct Failure {
    exit: Exit,
    message: String,
}

impl Failure {
    /// With a code of its own.
    pub fn new(exit: Exit, message: impl fmt::Display) -> Self {
        Self {
            exit,
            message: message.to_string(),
        }
    }

    /// With code 1.
    pub fn failed(message: impl fmt::Display) -> Self {
        Self::new(Exit::Failed, message)
    }

    /// With code 2.
    pub fn usage(message: impl fmt::Display) -> Self {
        Self::new(Exit::Usage, message)
    }

    /// The exit code of a request that was not answered.
    pub fn exit_of(error: &ClientError) -> Exit {
        match error {
            ClientError::Unreachable { .. } => Exit::Unreachable,
            ClientError::Refused(problem) if problem.code() == "not-found" => Exit::NotFound,
            ClientError::Refused(problem) if matches!(problem.status, 400 | 409 | 422) => Exit::Rejected,
            _ => Exit::Failed,
        }
    }

    /// Writes the line to stderr and gives the process's exit code.
    pub fn report(&self) -> ExitCode {
        use std::io::Write as _;
        if self.exit != Exit::Quiet {
            // Where stderr is closed there is nobody left to tell.
            let _ = writeln!(std::io::stderr(), "error: {}", printable(&self.message));
        }
        ExitCode::from(self.exit as u8)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl From<ClientError> for Failure {
    fn from(error: ClientError) -> Self {
        Self::new(Self::exit_of(&error), error)
    }
}

impl From<ConfigError> for Failure {
    fn from(error: ConfigError) -> Self {
        Self::failed(error)
    }
}

impl From<FileError> for Failure {
    fn from(error: FileError) -> Self {
        match error {
            FileError::Missing { .. } => Self::new(Exit::NotFound, error),
            _ => Self::failed(error),
        }
    }
}

impl From<GenesisError> for Failure {
    fn from(error: GenesisError) -> Self {
        Self::failed(error)
    }
}
