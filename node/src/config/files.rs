//! Writing files so that a crash leaves the old one or the new one, never half of one.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Write as _},
    os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _},
    path::{Path, PathBuf},
};

/// Mode of files that anybody may read.
pub const PUBLIC: u32 = 0o644;
/// Mode of keys.
pub const PRIVATE: u32 = 0o600;

/// Replaces or creates `path`: temporary file, sync, rename, sync of the directory.
pub fn replace(path: &Path, content: &[u8], mode: u32) -> io::Result<()> {
    let temporary = write_temporary(path, content, mode)?;
    fs::rename(&temporary, path).inspect_err(|_| discard(&temporary))?;
    sync_parent(path)
}

/// Creates `path`, which must not exist: an existing file is never overwritten, also when two programs
/// try at once.
pub fn create(path: &Path, content: &[u8], mode: u32) -> io::Result<()> {
    let temporary = write_temporary(path, content, mode)?;
    // A hard link fails where the name is taken; a rename would replace it.
    let linked = fs::hard_link(&temporary, path);
    discard(&temporary);
    linked?;
    sync_parent(path)
}

/// Whether others than the owner may read `path`.
pub fn readable_by_others(path: &Path) -> io::Result<bool> {
    Ok(fs::metadata(path)?.permissions().mode() & 0o077 != 0)
}

fn write_temporary(path: &Path, content: &[u8], mode: u32) -> io::Result<PathBuf> {
    if let Some(parent) = path.parent().filter(|parent| *parent != Path::new("")) {
        fs::create_dir_all(parent)?;
    }
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let temporary = path.with_file_name(format!(".{name}.{}.tmp", std::process::id()));
    // Left behind by a crash of a process with the same id.
    discard(&temporary);
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(mode)
        .open(&temporary)?;
    let written = file.write_all(content).and_then(|()| file.sync_all());
    written.inspect_err(|_| discard(&temporary))?;
    Ok(temporary)
}

/// What is left over does no harm, so a failure is not worth more than a try.
fn discard(temporary: &Path) {
    let _ = fs::remove_file(temporary);
}

fn sync_parent(path: &Path) -> io::Result<()> {
    let parent = path.parent().filter(|parent| *parent != Path::new(""));
    File::open(parent.unwrap_or(Path::new(".")))?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_created_file_is_private_and_never_overwritten() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("deep").join("node.key");
        create(&path, b"one", PRIVATE).unwrap();
        assert!(!readable_by_others(&path).unwrap());
        let error = create(&path, b"two", PRIVATE).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::AlreadyExists);
        assert_eq!(fs::read(&path).unwrap(), b"one");
        replace(&path, b"three", PUBLIC).unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"three");
        assert_eq!(
            fs::read_dir(path.parent().unwrap()).unwrap().count(),
            1,
            "no temporary file stays"
        );
    }
}
