//! The directory of a node: keys and genesis.
//!
//! ```text
//! config.toml      configuration
//! genesis.json     the network
//! node.key         peer-to-peer identity; created at the first start
//! validator.key    signs blocks and votes; only `init` and `keys new` make one, never a start: a node
//!                  that lost its key must say so instead of becoming somebody else
//! aureon_db/       the database
//! runtime.json     while it runs: process id, API address, peer id, multiaddrs
//! ```
//!
//! A key file holds `0x`, 64 hexadecimal digits (an Ed25519 seed) and a line feed, unencrypted, mode 0600.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use aureon_types::{Genesis, GenesisError, KeyError, SecretKey, limits::MAX_GENESIS_BYTES};

use super::files;

/// A key file is 67 bytes; what is much longer is something else.
const MAX_KEY_FILE_BYTES: u64 = 1_024;

/// A file of the node that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// It is not there.
    #[error("{} does not exist", path.display())]
    Missing {
        /// The file.
        path: PathBuf,
    },
    /// It is there and must not be overwritten.
    #[error("{} exists already and is not overwritten: move it away, or choose another place", path.display())]
    Exists {
        /// The file.
        path: PathBuf,
    },
    /// The system refuses.
    #[error("cannot {action} {}: {source}", path.display())]
    Io {
        /// "read" or "write".
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Not a key.
    #[error("{} is not a key file: {source}", path.display())]
    Key {
        /// The file.
        path: PathBuf,
        /// What is wrong with its content, which is not repeated.
        source: KeyError,
    },
    /// Far too large.
    #[error("{} has {size} bytes, at most {limit} are expected", path.display())]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// Its size.
        size: u64,
        /// The limit.
        limit: u64,
    },
    /// Not a genesis.
    #[error("{}: {source}", path.display())]
    Genesis {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: GenesisError,
    },
}

/// A new random key.
pub fn new_key() -> Result<SecretKey, io::Error> {
    let mut seed = [0; 32];
    getrandom::fill(&mut seed).map_err(io::Error::from)?;
    Ok(SecretKey::from_seed(seed))
}

/// Reads a key file, and warns when others may read it too.
pub fn read_key(path: &Path) -> Result<SecretKey, FileError> {
    let text = read(path, MAX_KEY_FILE_BYTES)?;
    if files::readable_by_others(path).unwrap_or(false) {
        tracing::warn!(
            "{} can be read by others: run `chmod 600 {}`",
            path.display(),
            path.display()
        );
    }
    text.trim().parse().map_err(|source| FileError::Key {
        path: path.to_owned(),
        source,
    })
}

/// Reads a key file that may be absent.
pub fn read_optional_key(path: &Path) -> Result<Option<SecretKey>, FileError> {
    match read_key(path) {
        Err(FileError::Missing { .. }) => Ok(None),
        other => other.map(Some),
    }
}

/// Writes a new key file; refuses where there is one.
pub fn create_key(path: &Path, key: &SecretKey) -> Result<(), FileError> {
    let text = format!("{}\n", key.to_hex());
    files::create(path, text.as_bytes(), files::PRIVATE).map_err(|source| not_written(path, source))
}

/// Reads the key, or makes one where there is none. Two starts at once end with the same key.
pub fn read_or_create_key(path: &Path) -> Result<SecretKey, FileError> {
    if let Some(key) = read_optional_key(path)? {
        return Ok(key);
    }
    let key = new_key().map_err(|source| not_written(path, source))?;
    match create_key(path, &key) {
        Err(FileError::Exists { .. }) => read_key(path),
        other => other.map(|()| key),
    }
}

/// Reads and checks a genesis document.
pub fn read_genesis(path: &Path) -> Result<Genesis, FileError> {
    let text = read(path, MAX_GENESIS_BYTES as u64)?;
    Genesis::from_json(&text).map_err(|source| FileError::Genesis {
        path: path.to_owned(),
        source,
    })
}

/// Writes a genesis document where there is none.
pub fn create_genesis(path: &Path, genesis: &Genesis) -> Result<(), FileError> {
    create_public(path, &genesis.to_json())
}

/// Writes a new text file that anybody may read.
pub fn create_public(path: &Path, text: &str) -> Result<(), FileError> {
    create_public_bytes(path, text.as_bytes())
}

/// Writes a new file that anybody may read.
pub fn create_public_bytes(path: &Path, content: &[u8]) -> Result<(), FileError> {
    files::create(path, content, files::PUBLIC).map_err(|source| not_written(path, source))
}

fn not_written(path: &Path, source: io::Error) -> FileError {
    let path = path.to_owned();
    match source.kind() {
        io::ErrorKind::AlreadyExists => FileError::Exists { path },
        _ => FileError::Io {
            action: "write",
            path,
            source,
        },
    }
}

fn read(path: &Path, limit: u64) -> Result<String, FileError> {
    let failed = |source: io::Error| match source.kind() {
        io::ErrorKind::NotFound => FileError::Missing {
            path: path.to_owned(),
        },
        _ => FileError::Io {
            action: "read",
            path: path.to_owned(),
            source,
        },
    };
    let size = fs::metadata(path).map_err(failed)?.len();
    if size > limit {
        return Err(FileError::TooLarge {
            path: path.to_owned(),
            size,
            limit,
        });
    }
    fs::read_to_string(path).map_err(failed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_comes_back_and_is_made_once() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("node.key");
        let key = read_or_create_key(&path).unwrap();
        assert_eq!(read_or_create_key(&path).unwrap().seed(), key.seed());
        assert!(matches!(create_key(&path, &key), Err(FileError::Exists { .. })));
        assert_eq!(fs::read_to_string(&path).unwrap(), format!("{}\n", key.to_hex()));
    }

    #[test]
    fn what_is_no_key_is_refused_without_repeating_it() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("node.key");
        assert!(matches!(read_key(&path), Err(FileError::Missing { .. })));
        fs::write(&path, "0xdeadbeef").unwrap();
        let error = read_key(&path).unwrap_err();
        assert!(
            matches!(error, FileError::Key { .. }) && !error.to_string().contains("deadbeef"),
            "{error}"
        );
        fs::write(&path, "0".repeat(2_000)).unwrap();
        assert!(matches!(
            read_key(&path),
            Err(FileError::TooLarge { size: 2_000, .. })
        ));
    }
}
