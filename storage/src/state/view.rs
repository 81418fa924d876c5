//! The state after one block.

use std::sync::{Arc, PoisonError, RwLock};

use aureon_types::{Account, Address, Hash, StateChanges, hash::keccak256};
use bytes::Bytes;

use super::{
    base::{Base, Below as _},
    cache::{Cache, Known},
    change::{self, After, Gone},
    record::Record,
    slot::hashed,
};
use crate::{
    error::{Result, StorageError},
    trie::{Found, Key, Proof, Source as _, Trie},
};

/// About what a changed account or slot costs in memory until it is flushed: its entry and its share of
/// the copied nodes. A slot's value comes on top.
const BYTES_PER_CHANGE: usize = 1_600;
/// What a block costs besides.
const BYTES_PER_BLOCK: usize = 4_096;

/// What a block did, as far as a flush needs it.
pub(super) struct Step {
    pub height: u64,
    pub root: Hash,
    pub gone: Gone,
    /// Code that the block brought, sorted by hash.
    pub code: Vec<(Hash, Bytes)>,
    /// An estimate of the memory that the block's changes take.
    pub bytes: usize,
}

/// What all views of a store share.
pub(super) struct Latest {
    /// The stored version that new views should stand on.
    base: RwLock<Arc<Base>>,
    cache: Cache,
}

impl Latest {
    pub fn new(base: Arc<Base>, cache: Cache) -> Self {
        Self {
            base: RwLock::new(base),
            cache,
        }
    }

    pub fn get(&self) -> Arc<Base> {
        Arc::clone(&self.base.read().unwrap_or_else(PoisonError::into_inner))
    }

    pub fn set(&self, base: Arc<Base>) {
        *self.base.write().unwrap_or_else(PoisonError::into_inner) = base;
    }
}

/// The state after the block of one height. See the [module](super) for what it holds on to.
#[derive(Clone)]
pub struct StateView(Arc<Inner>);

struct Inner {
    latest: Arc<Latest>,
    base: Arc<Base>,
    height: u64,
    root: Hash,
    trie: Trie<Record>,
    /// The blocks between the base and this state, in order. Bounded by the flush policy.
    steps: Vec<Arc<Step>>,
}

/// An account with its proof, like Ethereum's `eth_getProof`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccountProof {
    /// Whose account it is.
    pub address: Address,
    /// The account; `None`: the nodes prove that there is none.
    pub account: Option<Account>,
    /// The height whose state root the proof leads to.
    pub height: u64,
    /// That root.
    pub root: Hash,
    /// RLP-encoded trie nodes, from the root towards keccak(address).
    pub nodes: Vec<Vec<u8>>,
}

/// A slot of an account with its proof, like Ethereum's `eth_getProof`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StorageProof {
    /// The account, whose storage root the nodes lead to. Without an account, or with
    /// [`aureon_types::account::EMPTY_TRIE_ROOT`] as that root, there is no slot.
    pub account: AccountProof,
    /// Which slot.
    pub slot: Hash,
    /// Its value; `None`: the nodes prove that there is none. The trie holds it as an RLP string.
    pub value: Option<Bytes>,
    /// RLP-encoded trie nodes, from the storage root towards keccak(slot). Empty if no slot is set.
    pub nodes: Vec<Vec<u8>>,
}

impl StateView {
    /// The stored state.
    pub(super) fn stored(latest: Arc<Latest>) -> Self {
        let base = latest.get();
        let (height, root, trie) = (base.height, base.root, base.trie.clone());
        Self(Arc::new(Inner {
            latest,
            base,
            height,
            root,
            trie,
            steps: Vec::new(),
        }))
    }

    /// Height of the block after which this is the state; 0 is the state of the genesis.
    pub fn height(&self) -> u64 {
        self.0.height
    }

    /// Root of the account trie.
    pub fn root(&self) -> Hash {
        self.0.root
    }

    /// An account; `None` if there is none (every account that was never touched, or is empty).
    pub fn account(&self, address: &Address) -> Result<Option<Account>> {
        let Inner {
            latest, base, trie, ..
        } = &*self.0;
        let remembered = latest.cache.get(address, base.height);
        let key = remembered.map_or_else(|| keccak256(address.as_bytes()), |known| known.key);
        let remember = |stored| latest.cache.put(address, Known { key, stored }, base.height);
        let found = match trie.find(&key) {
            Found::Present(record) => Some(record.account()),
            Found::Absent => None,
            Found::Stored => {
                if let Some(stored) = remembered.and_then(|known| known.stored) {
                    return Ok(stored);
                }
                let stored = base.value(&key)?.map(|record| record.account());
                remember(Some(stored));
                return Ok(stored);
            }
        };
        if remembered.is_none() {
            remember(None);
        }
        Ok(found)
    }

    /// The value of a slot of an account; `None` if there is none.
    pub fn storage(&self, address: &Address, slot: &Hash) -> Result<Option<Bytes>> {
        let Inner { base, trie, .. } = &*self.0;
        let (account, key) = (self.key(address), hashed(slot));
        let found = match trie.find(&account) {
            Found::Present(record) => record
                .storage()
                .map_or(Found::Absent, |storage| storage.find(&key)),
            Found::Absent => Found::Absent,
            // What an account has not changed since the stored version, its storage has not either.
            Found::Stored => Found::Stored,
        };
        match found {
            Found::Present(value) => Ok(Some(value.0.clone())),
            Found::Absent => Ok(None),
            Found::Stored => Ok(base.slots(account).value(&key)?.map(|value| value.0)),
        }
    }

    /// The code with this hash; `None` if no block up to here brought it. What was flushed since this view
    /// was made is found too, if the view stands on it.
    pub fn code(&self, hash: &Hash) -> Result<Option<Bytes>> {
        for step in self.0.steps.iter().rev() {
            if let Ok(at) = step.code.binary_search_by_key(hash, |(hash, _)| *hash) {
                return Ok(Some(step.code[at].1.clone()));
            }
        }
        self.0.base.code(hash)
    }

    /// keccak(address).
    fn key(&self, address: &Address) -> Key {
        let Inner { latest, base, .. } = &*self.0;
        let remembered = latest.cache.get(address, base.height);
        remembered.map_or_else(|| keccak256(address.as_bytes()), |known| known.key)
    }

    /// A slot of an account, or its absence, with what proves it against [`StateView::root`].
    pub fn storage_proof(&self, address: &Address, slot: &Hash) -> Result<StorageProof> {
        let Inner { base, trie, .. } = &*self.0;
        let account = self.key(address);
        let record = match trie.find(&account) {
            Found::Present(record) => Some(record.clone()),
            Found::Absent => None,
            Found::Stored => base.value(&account)?,
        };
        let proof = match record.as_ref().and_then(Record::storage) {
            Some(storage) => storage.proof(&base.slots(account), &hashed(slot))?,
            None => Proof::of_nothing(),
        };
        Ok(StorageProof {
            account: self.proof(address)?,
            slot: *slot,
            value: proof.value.map(|value| value.0),
            nodes: proof.nodes,
        })
    }

    /// An account, or its absence, with what proves it against [`StateView::root`].
    pub fn proof(&self, address: &Address) -> Result<AccountProof> {
        let proof = self.0.trie.proof(&*self.0.base, &keccak256(address.as_bytes()))?;
        Ok(AccountProof {
            address: *address,
            account: proof.value.map(|record| record.account()),
            height: self.0.height,
            root: self.0.root,
            nodes: proof.nodes,
        })
    }

    /// The state after the block of `height` (the next one), which makes `changes`. Nothing is stored,
    /// and this view stays as it is: any number of blocks can be applied to it. Hashes in parallel.
    pub fn apply(&self, height: u64, changes: &StateChanges) -> Result<Self> {
        let Inner {
            root, height: head, ..
        } = &*self.0;
        if head.checked_add(1) != Some(height) {
            return Err(StorageError::NotDescendant {
                given: height,
                head: *head,
                root: *root,
            });
        }
        let parent = self.rebased();
        let Inner {
            latest,
            base,
            trie,
            steps,
            ..
        } = &*parent.0;
        let known = |address: &Address| latest.cache.get(address, base.height);
        let After { trie, gone } = change::apply(trie, &**base, height, changes, known)?;
        let root = trie.root_hash();
        let bytes = estimate(changes);
        let mut steps = steps.clone();
        steps.push(Arc::new(Step {
            height,
            root,
            gone,
            code: changes.code.clone(),
            bytes,
        }));
        let (latest, base) = (Arc::clone(latest), Arc::clone(base));
        Ok(Self(Arc::new(Inner {
            latest,
            base,
            height,
            root,
            trie,
            steps,
        })))
    }

    /// The same state standing on the newest flush below it, without the memory that the flush made
    /// unnecessary.
    #[must_use]
    pub(super) fn rebased(&self) -> Self {
        let latest = self.0.latest.get();
        let newer = latest.height > self.0.base.height;
        // A state that does not descend from the flushed one (its block lost) stays where it is.
        if !newer || self.root_at(latest.height) != Some(latest.root) {
            return self.clone();
        }
        let Inner {
            height,
            root,
            trie,
            steps,
            ..
        } = &*self.0;
        let steps = steps
            .iter()
            .filter(|step| step.height > latest.height)
            .cloned()
            .collect();
        let trie = trie.evict(latest.previous);
        let (height, root) = (*height, *root);
        Self(Arc::new(Inner {
            latest: Arc::clone(&self.0.latest),
            base: latest,
            height,
            root,
            trie,
            steps,
        }))
    }

    /// The root at a height from the base's to this one's.
    pub(super) fn root_at(&self, height: u64) -> Option<Hash> {
        if height == self.0.base.height {
            return Some(self.0.base.root);
        }
        self.0
            .steps
            .iter()
            .rev()
            .find(|step| step.height == height)
            .map(|step| step.root)
    }

    /// What the blocks above `height` did.
    pub(super) fn steps_above(&self, height: u64) -> impl Iterator<Item = &Step> {
        self.0
            .steps
            .iter()
            .map(|step| &**step)
            .filter(move |step| step.height > height)
    }

    pub(super) fn trie(&self) -> &Trie<Record> {
        &self.0.trie
    }

    pub(super) fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

/// The memory that a block's changes take until they are flushed.
fn estimate(changes: &StateChanges) -> usize {
    let slots = changes.storage.iter().flat_map(|(_, slots)| slots);
    let slots: usize = slots
        .map(|(_, value)| BYTES_PER_CHANGE + value.as_ref().map_or(0, Bytes::len))
        .sum();
    let code: usize = changes.code.iter().map(|(_, code)| code.len()).sum();
    (changes.accounts.len() + changes.storage.len()) * BYTES_PER_CHANGE + slots + code + BYTES_PER_BLOCK
}

impl std::fmt::Debug for StateView {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "StateView({}, {})", self.0.height, self.0.root)
    }
}
