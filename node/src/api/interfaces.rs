//! The interfaces of the contracts that are asked for, read once.
//!
//! They were written by whoever deployed the code, so nothing of them is believed: `aureon-interface` bounds
//! what reading one costs, and this bounds how much of it is kept.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use aureon_interface::{Interface, InterfaceError};
use aureon_types::{Address, Hash};
use bytes::Bytes;

use super::problem::Problem;
use crate::handle::{At, NodeHandle};

/// Most interfaces that are kept; the one that was not asked for longest goes first.
const MAX_KEPT: usize = 512;
/// Most bytes of their JSON that are kept: in memory an interface takes some twenty times as much.
const MAX_KEPT_BYTES: usize = 1 << 20;

/// What a code says about itself: `None` if it says nothing.
type Known = Result<Option<Arc<Interface>>, InterfaceError>;

/// Interfaces by code hash.
#[derive(Debug, Default)]
pub struct Interfaces(Mutex<Kept>);

#[derive(Debug, Default)]
struct Kept {
    entries: BTreeMap<Hash, Entry>,
    bytes: usize,
    uses: u64,
}

#[derive(Debug)]
struct Entry {
    known: Known,
    bytes: usize,
    used: u64,
}

impl Interfaces {
    /// The interface of a code.
    pub fn of_code(&self, hash: Hash, code: &[u8]) -> Known {
        self.known(&hash).unwrap_or_else(|| self.read(hash, code))
    }

    /// The interface that a contract has now, its code hash, and the height of that. Reads the disk.
    pub fn of_contract(&self, node: &NodeHandle, contract: &Address) -> Result<At<Option<Found>>, Problem> {
        let At { height, found } = node.contract(contract)?;
        let Some(found) = found else {
            return Ok(At { height, found: None });
        };
        let code_hash = found.account.code_hash;
        let known = match self.known(&code_hash) {
            Some(known) => known,
            None => self.read(code_hash, &code_of(node, contract, code_hash)?),
        };
        let found = Some(Found { code_hash, known });
        Ok(At { height, found })
    }

    /// Two may read the same at once: each costs a millisecond.
    fn read(&self, hash: Hash, code: &[u8]) -> Known {
        let section = Interface::section(code);
        let bytes = section.as_ref().ok().copied().flatten().map_or(0, <[u8]>::len);
        let known = section
            .and_then(|section| section.map(Interface::from_json).transpose())
            .map(|interface| interface.map(Arc::new));
        self.lock().keep(hash, known.clone(), bytes);
        known
    }

    fn known(&self, hash: &Hash) -> Option<Known> {
        self.lock().get(hash)
    }

    fn lock(&self) -> MutexGuard<'_, Kept> {
        // Nothing that a panic left half done harms: a counter or an entry more.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The interface of a contract.
#[derive(Debug)]
pub struct Found {
    /// Of the code that says it.
    pub code_hash: Hash,
    /// What it says.
    pub known: Known,
}

fn code_of(node: &NodeHandle, contract: &Address, hash: Hash) -> Result<Bytes, Problem> {
    node.code(&hash)?
        .ok_or_else(|| Problem::internal(&format!("the code {hash} of contract {contract} is not there")))
}

impl Kept {
    fn get(&mut self, hash: &Hash) -> Option<Known> {
        self.uses = self.uses.wrapping_add(1);
        let entry = self.entries.get_mut(hash)?;
        entry.used = self.uses;
        Some(entry.known.clone())
    }

    fn keep(&mut self, hash: Hash, known: Known, bytes: usize) {
        // What is too large was not read, and its error is short.
        let bytes = if known.is_ok() { bytes } else { 0 };
        let used = self.uses;
        self.bytes = self.bytes.saturating_add(bytes);
        if let Some(old) = self.entries.insert(hash, Entry { known, bytes, used }) {
            self.bytes = self.bytes.saturating_sub(old.bytes);
        }
        while self.entries.len() > MAX_KEPT || self.bytes > MAX_KEPT_BYTES {
            let oldest = self.entries.iter().min_by_key(|(_, entry)| entry.used);
            let Some(oldest) = oldest.map(|(hash, _)| *hash) else {
                return;
            };
            if let Some(old) = self.entries.remove(&oldest) {
                self.bytes = self.bytes.saturating_sub(old.bytes);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use aureon_types::contract::code_hash;

    use super::*;

    /// A module whose interface has a text of this length in it.
    fn module(number: u32, docs: usize) -> Vec<u8> {
        let docs = "x".repeat(docs);
        let section = format!(r#"{{"version":1,"name":"n{number}","docs":"{docs}","functions":[]}}"#);
        let text = section.replace('"', "\\\"");
        wat::parse_str(format!(r#"(module (@custom "aureon_interface" "{text}"))"#)).unwrap()
    }

    fn kept(interfaces: &Interfaces) -> (usize, usize) {
        let kept = interfaces.lock();
        let bytes = kept.entries.values().map(|entry| entry.bytes).sum();
        assert_eq!(kept.bytes, bytes);
        (kept.entries.len(), bytes)
    }

    #[test]
    fn an_interface_is_read_once() {
        let interfaces = Interfaces::default();
        let code = module(1, 0);
        let hash = code_hash(&code);
        let first = interfaces.of_code(hash, &code).unwrap().unwrap();
        let again = interfaces.of_code(hash, b"not looked at").unwrap().unwrap();
        assert!(Arc::ptr_eq(&first, &again));
        let silent = wat::parse_str("(module)").unwrap();
        assert_eq!(interfaces.of_code(code_hash(&silent), &silent), Ok(None));
        assert!(interfaces.of_code(Hash([1; 32]), b"rubbish").is_err());
        assert_eq!(kept(&interfaces).0, 3);
    }

    #[test]
    fn what_is_kept_is_bounded() {
        let interfaces = Interfaces::default();
        let large = 60_000;
        for number in 0..40 {
            let code = module(number, large);
            interfaces.of_code(code_hash(&code), &code).unwrap();
            assert!(kept(&interfaces).1 <= MAX_KEPT_BYTES);
        }
        // The newest are there.
        let newest = code_hash(&module(39, large));
        assert!(interfaces.known(&newest).is_some());
        assert!(interfaces.known(&code_hash(&module(0, large))).is_none());
        for number in 0..1_000_u32 {
            let mut hash = Hash([7; 32]);
            hash.0[..4].copy_from_slice(&number.to_le_bytes());
            let _ = interfaces.of_code(hash, b"rubbish");
        }
        assert_eq!(kept(&interfaces), (MAX_KEPT, 0));
    }
}
