//! Compiled modules in a directory: one file per module, named by everything that machine code depends on.
//!
//! `magic 8 | BLAKE3 over name and rest 32 | start gas 8 | entries 1 | count of imports 1 | imports | machine code`
//!
//! A cache is an aid: whatever goes wrong here (no room, no permission, a damaged file) means that the module is
//! compiled again, and nothing else.

use std::{
    fs, io,
    path::{Path, PathBuf},
    sync::atomic::{AtomicU64, Ordering},
    time::SystemTime,
};

use aureon_types::{Hash, hash::blake3};

use super::Terms;
use crate::{
    abi::HostFunction,
    compile::{self, Compiled},
    cost, guard,
    host::Entry,
};

const MAGIC: &[u8; 8] = b"AUREONC1";
const SUFFIX: &str = "module";

#[derive(Debug)]
pub(super) struct Directory {
    path: PathBuf,
    most: u64,
    /// Compiler, its version, the processor's features, and how the code counts.
    engine: String,
    /// Makes names of files that are being written.
    written: AtomicU64,
}

impl Directory {
    pub(super) fn new(path: PathBuf, most: u64) -> Self {
        let target = compile::target();
        let features: Vec<_> = target
            .cpu_features()
            .iter()
            .map(|feature| feature.to_string())
            .collect();
        let engine = format!(
            "{} {} {} {}",
            compile::engine_id(),
            guard::SCHEME,
            target.triple(),
            features.join(",")
        );
        Self {
            path,
            most,
            engine,
            written: AtomicU64::new(0),
        }
    }

    /// A name for the code under this engine, cost table, way of counting and processor.
    fn key(&self, code_hash: &Hash) -> [u8; 32] {
        blake3(&[
            MAGIC.as_slice(),
            code_hash.as_bytes(),
            &cost::VERSION.to_be_bytes(),
            self.engine.as_bytes(),
        ])
    }

    fn file(&self, key: &[u8; 32]) -> PathBuf {
        self.path.join(format!(
            "{}.{SUFFIX}",
            Hash(*key).to_string().trim_start_matches("0x")
        ))
    }

    /// The module, if its file is whole.
    pub(super) fn load(&self, code_hash: &Hash) -> Option<Compiled> {
        let key = self.key(code_hash);
        let bytes = fs::read(self.file(&key)).ok()?;
        let (magic, rest) = bytes.split_first_chunk::<8>()?;
        let (sum, rest) = rest.split_first_chunk::<32>()?;
        if magic != MAGIC || *sum != blake3(&[key.as_slice(), rest]) {
            return None;
        }
        let (start_gas, rest) = rest.split_first_chunk::<8>()?;
        let (&entries, rest) = rest.split_first()?;
        let (&count, rest) = rest.split_first()?;
        let (imports, code) = rest.split_at_checked(usize::from(count))?;
        let imports = imports
            .iter()
            .map(|i| HostFunction::ALL.get(usize::from(*i)).copied());
        let imports = imports.collect::<Option<Vec<_>>>()?;
        let entries = Entry::ALL
            .into_iter()
            .enumerate()
            .filter(|(i, _)| entries & (1 << i) != 0);
        let terms = Terms {
            entries: entries.map(|(_, entry)| entry).collect(),
            start_gas: u64::from_be_bytes(*start_gas),
        };
        // SAFETY: the sum covers all of it, and is made with a key that names this version of the compiler and
        // this processor: these are the bytes that `store` wrote. A sum is no signature: who can write to the
        // directory can run code as this process, which the documentation of the option says.
        unsafe { compile::load(code.to_vec(), imports, terms) }
    }

    /// Makes the module's file the youngest, so that it is the last to go.
    pub(super) fn renew(&self, code_hash: &Hash) {
        let file = fs::File::options()
            .append(true)
            .open(self.file(&self.key(code_hash)));
        // If it cannot be, the module goes earlier.
        let _ = file.and_then(|file| file.set_modified(SystemTime::now()));
    }

    /// Writes the module beside its name and moves it there, so that no one reads half of it.
    pub(super) fn store(&self, code_hash: &Hash, compiled: &Compiled) {
        let _ = self.try_store(code_hash, compiled);
    }

    fn try_store(&self, code_hash: &Hash, compiled: &Compiled) -> io::Result<()> {
        let code = compiled.module.serialize().map_err(io::Error::other)?;
        let entries = Entry::ALL
            .iter()
            .enumerate()
            .filter(|(_, e)| compiled.terms.entries.contains(e));
        let entries = entries.fold(0_u8, |bits, (i, _)| bits | 1 << i);
        let imports = compiled.imports.iter().filter_map(|import| {
            let index = HostFunction::ALL.iter().position(|known| known == import)?;
            u8::try_from(index).ok()
        });
        let mut rest = compiled.terms.start_gas.to_be_bytes().to_vec();
        rest.push(entries);
        rest.push(u8::try_from(compiled.imports.len()).map_err(io::Error::other)?);
        rest.extend(imports);
        rest.extend_from_slice(&code);
        let key = self.key(code_hash);
        let bytes = [MAGIC.as_slice(), &blake3(&[key.as_slice(), &rest]), &rest].concat();
        fs::create_dir_all(&self.path)?;
        self.make_room(bytes.len() as u64)?;
        let number = self.written.fetch_add(1, Ordering::Relaxed);
        let draft = self.path.join(format!("{}-{number}.draft", std::process::id()));
        fs::write(&draft, bytes)?;
        fs::rename(&draft, self.file(&key))
    }

    /// Removes the oldest files until `bytes` more are within the limit, and what a killed process left unfinished.
    fn make_room(&self, bytes: u64) -> io::Result<()> {
        let mut files = Vec::new();
        for entry in fs::read_dir(&self.path)? {
            let entry = entry?;
            let (path, data) = (entry.path(), entry.metadata()?);
            if data.is_file() && is_ours(&path) {
                files.push((
                    data.modified().unwrap_or(SystemTime::UNIX_EPOCH),
                    data.len(),
                    path,
                ));
            }
        }
        files.sort();
        let mut total = files.iter().map(|(_, length, _)| length).sum::<u64>() + bytes;
        for (_, length, path) in files {
            if total <= self.most {
                break;
            }
            fs::remove_file(path)?;
            total -= length;
        }
        Ok(())
    }
}

fn is_ours(path: &Path) -> bool {
    path.extension()
        .is_some_and(|extension| extension == SUFFIX || extension == "draft")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_says_all_that_machine_code_depends_on() {
        let directory = |engine: Option<&str>| {
            let mut directory = Directory::new(PathBuf::new(), 0);
            if let Some(engine) = engine {
                directory.engine = engine.to_string();
            }
            directory
        };
        let own = directory(None);
        let target = compile::target();
        for part in [guard::SCHEME, wasmer_vm::VERSION, &target.triple().to_string()] {
            assert!(own.engine.contains(part), "{part} in {}", own.engine);
        }
        for feature in target.cpu_features().iter() {
            assert!(own.engine.contains(&feature.to_string()), "{feature}");
        }
        let key = own.key(&Hash([1; 32]));
        assert_eq!(directory(None).key(&Hash([1; 32])), key);
        assert_ne!(own.key(&Hash([2; 32])), key, "other code");
        assert_ne!(
            directory(Some("another")).key(&Hash([1; 32])),
            key,
            "another engine"
        );
    }
}
