//! A module from a file.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use aureon_types::limits::MAX_CODE_BYTES;
use bytes::Bytes;

/// Why a file is no module.
#[derive(Debug, thiserror::Error)]
pub enum ModuleError {
    /// The disk says no.
    #[error("{} cannot be read: {source}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// No contract may be so large.
    #[error(
        "{} has {length} bytes; a contract has at most {MAX_CODE_BYTES}. A release build that is stripped of its \
         names is much smaller",
        path.display()
    )]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// Its length.
        length: u64,
    },
    /// There is nothing in it.
    #[error("{} is empty", .0.display())]
    Empty(PathBuf),
}

/// Reads a module from a file. Whether it is one is judged later.
pub fn read_module(path: &Path) -> Result<Bytes, ModuleError> {
    let unreadable = |source| ModuleError::Unreadable {
        path: path.to_owned(),
        source,
    };
    let length = fs::metadata(path).map_err(unreadable)?.len();
    if length > MAX_CODE_BYTES as u64 {
        return Err(ModuleError::TooLarge {
            path: path.to_owned(),
            length,
        });
    }
    if length == 0 {
        return Err(ModuleError::Empty(path.to_owned()));
    }
    Ok(fs::read(path).map_err(unreadable)?.into())
}
