//! What the tests of this crate share: a state in memory, keys, transactions.

use std::collections::BTreeMap;

use aureon_consensus::Epoch;
use aureon_types::{
    Account, Action, Address, Amount, GenesisId, Hash, SecretKey, StateChanges, Transaction, Validator,
    ValidatorSet, VerifiedTransaction, account::EMPTY_TRIE_ROOT, genesis::VM_COST_TABLE, hash::blake3,
    transaction::TRANSFER_GAS,
};
use bytes::Bytes;

use crate::{
    execution::{
        BlockContext, StateCommitment, StateError, StateReader,
        contracts::{CodeFault, CodeReport, ContractHost, ContractMachine, Run, RunOutcome},
    },
    import::{HeightEngine, HeightRules, HeightValidators, MAX_AHEAD_MS, TimeRule},
    system::{AuthorityRules, Rules},
};

/// The network of all tests.
pub const GENESIS: GenesisId = GenesisId([9; 32]);

/// A state in memory whose root is BLAKE3 over its accounts in order, and whose storage roots are BLAKE3
/// over the slots in order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MemoryState {
    /// The accounts, with their storage roots.
    pub accounts: BTreeMap<Address, Account>,
    /// The slots of all accounts.
    pub storage: BTreeMap<(Address, Hash), Bytes>,
    /// Code by its hash.
    pub code: BTreeMap<Hash, Bytes>,
    /// Reads of this address fail, as a broken disk would.
    pub broken: Option<Address>,
}

impl MemoryState {
    pub fn with(balances: impl IntoIterator<Item = (Address, u64)>) -> Self {
        let account = |balance| Account {
            balance: Amount(balance),
            ..Account::default()
        };
        let accounts = balances
            .into_iter()
            .map(|(address, balance)| (address, account(balance)))
            .collect();
        Self {
            accounts,
            ..Self::default()
        }
    }

    pub fn get(&self, address: &Address) -> Account {
        self.accounts.get(address).copied().unwrap_or_default()
    }

    pub fn supply(&self) -> u128 {
        self.accounts
            .values()
            .map(|account| u128::from(account.balance.0))
            .sum()
    }

    fn slots(&self, address: Address) -> impl Iterator<Item = (&Hash, &Bytes)> {
        let slots = (address, Hash::ZERO)..=(address, Hash([0xff; 32]));
        self.storage.range(slots).map(|((_, slot), value)| (slot, value))
    }

    fn storage_root(&self, address: Address) -> Hash {
        let mut bytes = Vec::new();
        for (slot, value) in self.slots(address) {
            bytes.extend_from_slice(&slot.0);
            bytes.extend_from_slice(&(value.len() as u64).to_be_bytes());
            bytes.extend_from_slice(value);
        }
        if bytes.is_empty() {
            EMPTY_TRIE_ROOT
        } else {
            Hash(blake3(&[&bytes]))
        }
    }
}

impl StateReader for MemoryState {
    fn account(&self, address: &Address) -> Result<Option<Account>, StateError> {
        if self.broken == Some(*address) {
            return Err(StateError::unreadable("the disk is gone"));
        }
        Ok(self.accounts.get(address).copied())
    }

    fn storage(&self, address: &Address, slot: &Hash) -> Result<Option<Bytes>, StateError> {
        if self.broken == Some(*address) {
            return Err(StateError::unreadable("the disk is gone"));
        }
        Ok(self.storage.get(&(*address, *slot)).cloned())
    }

    fn code(&self, hash: &Hash) -> Result<Option<Bytes>, StateError> {
        Ok(self.code.get(hash).cloned())
    }
}

/// A machine for tests that run no contract: it refuses every code.
pub struct NoCode;

impl ContractMachine for NoCode {
    fn check(&self, _: &[u8]) -> Result<CodeReport, CodeFault> {
        Err(CodeFault {
            reason: "this machine runs nothing".to_owned(),
        })
    }

    fn run(&self, run: Run<'_>, _: &mut dyn ContractHost) -> RunOutcome {
        unreachable!("no code can have been deployed: {run:?}")
    }
}

impl StateCommitment for MemoryState {
    fn apply(&self, _height: u64, changes: &StateChanges) -> Result<Self, StateError> {
        let mut after = self.clone();
        for (address, account) in &changes.accounts {
            let listed = changes.storage.iter().any(|(of, _)| of == address);
            let kept = account.is_some_and(|account| listed || account.storage_root != EMPTY_TRIE_ROOT);
            if !kept && after.slots(*address).next().is_some() {
                after.storage.retain(|(of, _), _| of != address);
            }
            match account {
                Some(account) => after.accounts.insert(*address, *account),
                None => after.accounts.remove(address),
            };
        }
        after.code.extend(changes.code.iter().cloned());
        for (address, slots) in &changes.storage {
            for (slot, value) in slots {
                match value {
                    Some(value) => after.storage.insert((*address, *slot), value.clone()),
                    None => after.storage.remove(&(*address, *slot)),
                };
            }
            let mut account = after.get(address);
            account.storage_root = after.storage_root(*address);
            if account.is_empty() {
                after.accounts.remove(address);
            } else {
                after.accounts.insert(*address, account);
            }
        }
        Ok(after)
    }

    fn root(&self) -> Hash {
        let mut bytes = Vec::new();
        for (address, account) in &self.accounts {
            bytes.extend_from_slice(&address.0);
            bytes.extend_from_slice(&account.nonce.to_be_bytes());
            bytes.extend_from_slice(&account.balance.0.to_be_bytes());
            bytes.extend_from_slice(&account.storage_root.0);
            bytes.extend_from_slice(&account.code_hash.0);
        }
        Hash(blake3(&[&bytes]))
    }
}

pub fn key(seed: u8) -> SecretKey {
    SecretKey::from_seed([seed; 32])
}

/// A transfer of 5 at price 1 that tests change where they need to.
pub fn transfer(sender: u8, nonce: u64) -> Transaction {
    Transaction {
        network: GENESIS.network_hint(),
        public_key: key(sender).public_key(),
        nonce,
        gas_limit: TRANSFER_GAS,
        gas_price: 1,
        last_valid_height: None,
        action: Action::Transfer {
            recipient: Address([0xee; 20]),
            amount: Amount(5),
        },
    }
}

pub fn sign(sender: u8, transaction: &Transaction) -> VerifiedTransaction {
    VerifiedTransaction::verify(transaction.sign(&key(sender), &GENESIS), &GENESIS).unwrap()
}

pub fn validators(seeds: std::ops::RangeInclusive<u8>) -> ValidatorSet {
    ValidatorSet::new(
        seeds
            .map(|seed| Validator::new(key(seed).public_key(), 1))
            .collect(),
    )
    .unwrap()
}

/// Signs for another network than [`GENESIS`].
pub fn sign_for(sender: u8, transaction: &Transaction, genesis_id: &GenesisId) -> VerifiedTransaction {
    VerifiedTransaction::verify(transaction.sign(&key(sender), genesis_id), genesis_id).unwrap()
}

/// What execution knows of a block of height 7 in which the engine does nothing.
pub fn context() -> BlockContext {
    BlockContext {
        genesis_id: GENESIS,
        height: 7,
        timestamp_ms: 1_000,
        cost_table: VM_COST_TABLE,
        proposer: Address([0xaa; 20]),
        gas_limit: 10 * TRANSFER_GAS,
        min_gas_price: 2,
        reward: Amount::ZERO,
        rules: Rules::Work,
    }
}

/// Rules of a network with four authorities, keys 1 to 4, for a block on one of this time.
pub fn rules_after(timestamp_ms: u64) -> HeightRules {
    let set = validators(1..=4);
    let rules = AuthorityRules {
        epoch_blocks: 1_000,
        vote_expiry_blocks: 100,
    };
    let validators = HeightValidators {
        previous: set.clone(),
        next_hash: set.hash(),
        epoch: Epoch::genesis(set, rules.epoch_blocks),
    };
    HeightRules {
        genesis_id: GENESIS,
        gas_limit: 100 * TRANSFER_GAS,
        min_gas_price: 1,
        cost_table: VM_COST_TABLE,
        reward: Amount::ZERO,
        time: TimeRule {
            after_ms: timestamp_ms,
            max_ahead_ms: MAX_AHEAD_MS,
        },
        engine: HeightEngine::Authority(rules, validators),
    }
}
