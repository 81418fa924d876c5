//! The state after one block.

use std::sync::{Arc, PoisonError, RwLock};

use aureon_types::{Account, Address, Hash, StateChanges, hash::keccak256};
use rayon::prelude::*;

use super::{
    base::Base,
    cache::{Cache, Known},
    record::Record,
};
use crate::{
    error::{Result, StorageError},
    trie::{self, Found, Removed, Source as _, Trie, Update},
};

/// About what a changed account costs in memory until it is flushed: its entry and its share of the
/// copied nodes.
const BYTES_PER_CHANGE: usize = 1_600;
/// What a block costs besides.
const BYTES_PER_BLOCK: usize = 4_096;
/// Below this many changes, hashing addresses in parallel costs more than it saves.
const PARALLEL: usize = 256;

/// What a block did, as far as a flush needs it.
pub(super) struct Step {
    pub height: u64,
    pub root: Hash,
    pub removed: Removed,
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
            Found::Present(record) => Some(record.account),
            Found::Absent => None,
            Found::Stored => {
                if let Some(stored) = remembered.and_then(|known| known.stored) {
                    return Ok(stored);
                }
                let stored = base.value(&key)?.map(|record| record.account);
                remember(Some(stored));
                return Ok(stored);
            }
        };
        if remembered.is_none() {
            remember(None);
        }
        Ok(found)
    }

    /// An account, or its absence, with what proves it against [`StateView::root`].
    pub fn proof(&self, address: &Address) -> Result<AccountProof> {
        let proof = self.0.trie.proof(&*self.0.base, &keccak256(address.as_bytes()))?;
        Ok(AccountProof {
            address: *address,
            account: proof.value.map(|record| record.account),
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
        let (trie, removed) = trie.update(&**base, height, &updates(changes, height, known))?;
        let root = trie.root_hash();
        let bytes = changes.accounts.len() * BYTES_PER_CHANGE + BYTES_PER_BLOCK;
        let mut steps = steps.clone();
        steps.push(Arc::new(Step {
            height,
            root,
            removed,
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

impl std::fmt::Debug for StateView {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "StateView({}, {})", self.0.height, self.0.root)
    }
}

/// The changes by hashed address. `known` tells what is remembered of an address.
pub(super) fn updates(
    changes: &StateChanges,
    height: u64,
    known: impl Fn(&Address) -> Option<Known> + Sync,
) -> Vec<Update<Record>> {
    let update = |(address, account): &(Address, Option<Account>)| {
        let known = known(address);
        let key = known.map_or_else(|| keccak256(address.as_bytes()), |known| known.key);
        let mut update = match account {
            Some(account) => trie::set(
                key,
                Record {
                    address: *address,
                    account: *account,
                },
                height,
            ),
            None => trie::remove(key),
        };
        update.stored = known
            .and_then(|known| known.stored)
            .map(|account| account.is_some());
        update
    };
    let mut updates: Vec<_> = if changes.accounts.len() < PARALLEL {
        changes.accounts.iter().map(update).collect()
    } else {
        changes.accounts.par_iter().map(update).collect()
    };
    updates.par_sort_unstable_by_key(|update| update.key);
    updates
}
