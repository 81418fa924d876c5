//! `runtime.json`: what a running node tells about itself to who has its directory.
//!
//! It is written once everything listens, so that ports chosen by the system are known, and removed at a
//! clean end. After a crash it stays behind: the process id says whether it still holds.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use aureon_types::GenesisId;
use serde::{Deserialize, Serialize};

use super::files;

/// The content of `runtime.json`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Runtime {
    /// Process id.
    pub pid: u32,
    /// Address of the REST API: `http://127.0.0.1:8080`.
    pub api: String,
    /// The node's peer id.
    pub peer_id: String,
    /// Where peers hear it, each with the peer id.
    pub multiaddrs: Vec<String>,
    /// The network.
    pub genesis_id: GenesisId,
}

/// The file in a node's directory.
pub fn path(dir: &Path) -> PathBuf {
    dir.join("runtime.json")
}

impl Runtime {
    /// Reads it; `None`: there is none, or one that cannot be read (an older version's): then nothing is
    /// known.
    pub fn read(dir: &Path) -> Option<Self> {
        serde_json::from_str(&fs::read_to_string(path(dir)).ok()?).ok()
    }

    /// Writes it, whole or not at all.
    pub fn write(&self, dir: &Path) -> io::Result<()> {
        let text = serde_json::to_vec_pretty(self).map_err(io::Error::other)?;
        files::replace(&path(dir), &text, files::PUBLIC)
    }

    /// Removes it at a clean end. What is left over is recognised by its process id.
    pub fn remove(dir: &Path) {
        if let Err(error) = fs::remove_file(path(dir))
            && error.kind() != io::ErrorKind::NotFound
        {
            tracing::debug!("cannot remove {}: {error}", path(dir).display());
        }
    }
}
