//! Compiled modules: the recent ones in memory, and all of them in a directory if there is one.

mod disk;

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use aureon_types::Hash;

use crate::{compile::Compiled, machine::Options};
use disk::Directory;

/// Shared by all threads that run the machine.
#[derive(Debug)]
pub(crate) struct Cache {
    recent: Mutex<Recent>,
    directory: Option<Directory>,
}

/// Bounded by bytes; full, the least recently used goes.
#[derive(Debug)]
struct Recent {
    modules: HashMap<Hash, (Arc<Compiled>, u64)>,
    bytes: usize,
    most: usize,
    /// Counts uses.
    clock: u64,
}

impl Cache {
    pub(crate) fn new(options: &Options) -> Self {
        let recent = Recent {
            modules: HashMap::new(),
            bytes: 0,
            most: options.cache_bytes,
            clock: 0,
        };
        let directory = options.cache_directory.as_ref();
        Self {
            recent: Mutex::new(recent),
            directory: directory.map(|path| Directory::new(path.clone(), options.cache_directory_bytes)),
        }
    }

    /// The module of this code, if it is here. A file that is damaged or not ours counts as absent.
    pub(crate) fn get(&self, code_hash: &Hash) -> Option<Arc<Compiled>> {
        if let Some(compiled) = self.lock().get(code_hash) {
            return Some(compiled);
        }
        let compiled = self.directory.as_ref()?.load(code_hash)?;
        Some(self.lock().insert(*code_hash, compiled))
    }

    /// Keeps a module, in memory and in the directory.
    pub(crate) fn insert(&self, code_hash: Hash, compiled: Compiled) -> Arc<Compiled> {
        if let Some(directory) = &self.directory {
            directory.store(&code_hash, &compiled);
        }
        self.lock().insert(code_hash, compiled)
    }

    fn lock(&self) -> MutexGuard<'_, Recent> {
        // A panic elsewhere leaves the map whole: each change of it is one call.
        self.recent.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Recent {
    fn get(&mut self, code_hash: &Hash) -> Option<Arc<Compiled>> {
        self.clock += 1;
        let (compiled, used) = self.modules.get_mut(code_hash)?;
        *used = self.clock;
        Some(Arc::clone(compiled))
    }

    /// The newest stays even if it alone is too large: it is about to run.
    fn insert(&mut self, code_hash: Hash, compiled: Compiled) -> Arc<Compiled> {
        let compiled = Arc::new(compiled);
        self.clock += 1;
        self.bytes += compiled.bytes;
        if let Some((old, _)) = self
            .modules
            .insert(code_hash, (Arc::clone(&compiled), self.clock))
        {
            self.bytes -= old.bytes;
        }
        while self.bytes > self.most && self.modules.len() > 1 {
            let oldest = self
                .modules
                .iter()
                .min_by_key(|(_, (_, used))| *used)
                .map(|(hash, _)| *hash);
            let Some((gone, _)) = oldest.and_then(|hash| self.modules.remove(&hash)) else {
                break;
            };
            self.bytes -= gone.bytes;
        }
        compiled
    }
}
