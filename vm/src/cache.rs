//! Compiled modules: the recent ones in memory, and all of them in a directory if there is one.

mod disk;

use std::{
    collections::{HashMap, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use aureon_types::Hash;

use crate::{compile::Compiled, host::Entry, machine::Options};
use disk::Directory;

/// Codes of which it is kept in mind what entering them takes: 5 MB. Full, the first ones are forgotten, and their next
/// run loads them before it is known whether it can pay.
const MAX_KNOWN: usize = 1 << 16;

/// Bytes that a cache for visitors may hold.
const VISITORS_BYTES: usize = 32 << 20;

/// Shared by all threads that run the machine.
#[derive(Debug)]
pub(crate) struct Cache {
    recent: Mutex<Recent>,
    known: Mutex<Known>,
    /// For a cache of visitors: the one that it may look into, and leaves as it is.
    beside: Option<Arc<Cache>>,
    directory: Option<Directory>,
}

/// What it takes to enter a code: to be known before it is loaded, which must be paid.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Terms {
    /// Entry points it has.
    pub(crate) entries: Vec<Entry>,
    /// Gas before the first instruction.
    pub(crate) start_gas: u64,
}

/// The terms of codes that were entered before.
#[derive(Debug, Default)]
struct Known {
    terms: HashMap<Hash, Arc<Terms>>,
    /// The order in which they came.
    order: VecDeque<Hash>,
}

impl Known {
    fn insert(&mut self, code_hash: Hash, terms: &Arc<Terms>) {
        if self.terms.insert(code_hash, Arc::clone(terms)).is_some() {
            return;
        }
        self.order.push_back(code_hash);
        if self.order.len() > MAX_KNOWN
            && let Some(first) = self.order.pop_front()
        {
            self.terms.remove(&first);
        }
    }
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
            known: Mutex::default(),
            beside: None,
            directory: directory.map(|path| Directory::new(path.clone(), options.cache_directory_bytes)),
        }
    }

    /// A cache that looks into another one too, and changes nothing in it.
    pub(crate) fn beside(other: Arc<Self>) -> Self {
        let recent = Recent {
            modules: HashMap::new(),
            bytes: 0,
            most: VISITORS_BYTES,
            clock: 0,
        };
        Self {
            recent: Mutex::new(recent),
            known: Mutex::default(),
            beside: Some(other),
            directory: None,
        }
    }

    /// The module of this code, if it is here. A file that is damaged or not ours counts as absent.
    pub(crate) fn get(&self, code_hash: &Hash) -> Option<Arc<Compiled>> {
        if let Some(compiled) = lock(&self.recent).get(code_hash) {
            return Some(compiled);
        }
        let compiled = match &self.beside {
            Some(other) => {
                if let Some(compiled) = lock(&other.recent).peek(code_hash) {
                    return Some(compiled);
                }
                other.directory.as_ref()?.load(code_hash)?
            }
            None => {
                let directory = self.directory.as_ref()?;
                let compiled = directory.load(code_hash)?;
                directory.renew(code_hash);
                compiled
            }
        };
        Some(self.keep(*code_hash, compiled))
    }

    /// What it takes to enter this code, if it is known without loading it.
    pub(crate) fn terms(&self, code_hash: &Hash) -> Option<Arc<Terms>> {
        lock(&self.known).terms.get(code_hash).map(Arc::clone)
    }

    /// Keeps a module, in memory and in the directory.
    pub(crate) fn insert(&self, code_hash: Hash, compiled: Compiled) -> Arc<Compiled> {
        if let Some(directory) = &self.directory {
            directory.store(&code_hash, &compiled);
        }
        self.keep(code_hash, compiled)
    }

    fn keep(&self, code_hash: Hash, compiled: Compiled) -> Arc<Compiled> {
        lock(&self.known).insert(code_hash, &compiled.terms);
        lock(&self.recent).insert(code_hash, compiled)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // A panic elsewhere leaves what is locked whole: each change of it is one call.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Recent {
    /// Not a use.
    fn peek(&self, code_hash: &Hash) -> Option<Arc<Compiled>> {
        self.modules
            .get(code_hash)
            .map(|(compiled, _)| Arc::clone(compiled))
    }

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
