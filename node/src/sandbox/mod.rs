//! A chain inside the process, for the integration tests of contracts.
//!
//! A [`Sandbox`] is a network of one authority without network, disk and clock: the shipped execution
//! ([`aureon_chain::production::build`], the proof that a block may be committed), the shipped machine
//! ([`Contracts`]), the shipped state store in memory, and real genesis, transactions, signatures,
//! certificates, blocks and receipts. A node that is given its genesis and its blocks accepts them and comes to
//! the same state roots.
//!
//! *Time* stands still until a block is made: who tests says how much passes. *Blocks* are made when they are
//! asked for: each transaction gets one of its own, or several share one ([`Sandbox::execute`]). *Accounts* have
//! keys that follow from their names, so everything is the same in every run; the keys are known to everybody.
//!
//! *Architecture invariant:* there is no rule of the chain here. Whatever a transaction may do or cost is decided by
//! the crates that decide it on a node.

pub mod door;
mod error;
mod order;
mod setup;

use std::{collections::BTreeMap, sync::Arc};

use aureon_chain::{
    execution::{
        Inapplicable, StateReader as _,
        contracts::{self, Answer, BlockInfo, Question},
    },
    import::ExecutedBlock,
    production::{self, BuildParams, Built},
    system::genesis_state,
};
use aureon_storage::{FlushPolicy, StateStore, memory::CrashDisk};
use aureon_types::{
    Account, Action, Address, Amount, Block, CommitCertificate, CommitSignature, ContractMeta, Hash, Receipt,
    SecretKey, SignedVote, VerifiedTransaction, Vote, VoteKind, contract, hash::sha256,
    limits::MAX_BLOCK_BYTES,
};
use bytes::Bytes;

use crate::{
    adapters::{Contracts, View},
    core::{Chain, Parent},
};

pub use error::SandboxError;
pub use order::{DEFAULT_GAS_LIMIT, Order};
pub use setup::{DEFAULT_TIME_MS, Setup};

/// Gas of a question that names none.
pub const DEFAULT_QUERY_GAS: u64 = 100_000_000;
/// Most blocks of a sandbox; a test that needs more is not one.
pub const MAX_BLOCKS: u64 = 1_000_000;
/// Most accounts with names.
pub const MAX_ACCOUNTS: usize = 10_000;
/// Longest name of an account, in bytes.
pub const MAX_NAME_BYTES: usize = 64;
/// Latest time of a block, as of a genesis: the year 5138 in milliseconds.
pub const MAX_TIME_MS: u64 = 100_000_000_000_000;

/// Page cache of the state store; it is in memory already.
const CACHE_BYTES: usize = 4 << 20;
/// After so many blocks the state goes from versions in memory to the store's tables, where it takes less.
const FLUSH_BLOCKS: u64 = 256;

/// A block of the sandbox.
#[derive(Clone, Debug)]
pub struct Made {
    /// The block, as nodes exchange it.
    pub block: Arc<Block>,
    /// The authority's certificate of it.
    pub certificate: Bytes,
    /// One for each transaction, in order.
    pub receipts: Vec<Receipt>,
}

/// A chain for tests.
pub struct Sandbox {
    chain: Chain,
    machine: Contracts,
    states: StateStore,
    tip: Parent,
    /// Makes and signs the blocks, and gets the fees.
    authority: SecretKey,
    /// Holds the supply, and pays what accounts begin with.
    faucet: SecretKey,
    names: BTreeMap<String, Address>,
    keys: BTreeMap<Address, SecretKey>,
    next_time_ms: Option<u64>,
}

impl Sandbox {
    /// A chain at height 0.
    pub fn new(setup: &Setup) -> Result<Self, SandboxError> {
        let (authority, faucet) = (key_of("authority"), key_of("faucet"));
        let genesis = Arc::new(setup.genesis(&authority.public_key(), faucet.address())?);
        let machine = Contracts::new(&genesis, None)?;
        let chain = Chain::new(genesis);
        let state = genesis_state(&chain.genesis);
        let disk = CrashDisk::new().backend("sandbox");
        let states = StateStore::open(
            disk,
            CACHE_BYTES,
            FlushPolicy::default(),
            chain.genesis_id,
            &state,
        )?;
        let view = View(states.head());
        let tip = Parent {
            info: aureon_chain::import::ParentInfo::genesis(&chain.genesis, view.0.root()),
            certificate: Bytes::new(),
            lineage: chain.genesis_lineage()?,
            view,
        };
        Ok(Self {
            chain,
            machine,
            states,
            tip,
            authority,
            faucet,
            names: BTreeMap::new(),
            keys: BTreeMap::new(),
            next_time_ms: None,
        })
    }

    /// The network and its genesis.
    pub fn chain(&self) -> &Chain {
        &self.chain
    }

    /// The last block.
    pub fn tip(&self) -> &Parent {
        &self.tip
    }

    /// The account with a name, holding `balance`. If it is not there, or holds less, the faucet pays what
    /// is missing, in a block of its own.
    pub fn account(&mut self, name: &str, balance: Amount) -> Result<Address, SandboxError> {
        let address = self.named_or_new(name)?;
        let held = self.account_at(&address)?.balance;
        if held > balance {
            return Err(SandboxError::HoldsMore {
                name: name.to_owned(),
                held,
                wanted: balance,
            });
        }
        let missing = Amount(balance.0.saturating_sub(held.0));
        if missing > Amount::ZERO {
            let action = Action::Transfer {
                recipient: address,
                amount: missing,
            };
            let made = self.execute(&[Order::new(self.faucet.address(), action)])?;
            if made.receipts.iter().any(|receipt| receipt.failure.is_some()) {
                return Err(SandboxError::FaucetEmpty { wanted: missing });
            }
        }
        Ok(address)
    }

    /// The account with a name.
    pub fn named(&self, name: &str) -> Option<Address> {
        self.names.get(name).copied()
    }

    /// The names of all accounts.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.names.keys().map(String::as_str)
    }

    /// The next block has this time, in milliseconds since 1970-01-01 UTC, instead of the tip's and one
    /// block time more.
    pub fn next_block_at(&mut self, time_ms: u64) -> Result<(), SandboxError> {
        let after = self.tip.info.timestamp_ms;
        if time_ms <= after || time_ms > MAX_TIME_MS {
            return Err(SandboxError::Time { time_ms, after });
        }
        self.next_time_ms = Some(time_ms);
        Ok(())
    }

    /// Makes a block of these transactions in their order; none: an empty block. If one cannot be in a
    /// block, no block is made. One that is in it may have failed: its receipt says so.
    pub fn execute(&mut self, orders: &[Order]) -> Result<Made, SandboxError> {
        let limit = MAX_BLOCKS;
        if self.tip.info.height >= limit {
            return Err(SandboxError::TooManyBlocks { limit });
        }
        let transactions = self.sign(orders)?;
        let step = self.chain.genesis.block_time_ms;
        let next = self.tip.info.timestamp_ms.saturating_add(step);
        let timestamp_ms = self.next_time_ms.unwrap_or(next);
        if timestamp_ms > MAX_TIME_MS {
            return Err(SandboxError::Time {
                time_ms: timestamp_ms,
                after: self.tip.info.timestamp_ms,
            });
        }
        let params = BuildParams {
            parent: self.tip.info,
            previous_commit: self.tip.certificate.clone(),
            rules: self.chain.rules(&self.tip)?,
            timestamp_ms,
            proposer: self.authority.address(),
            max_gas: u64::MAX,
            max_bytes: MAX_BLOCK_BYTES,
        };
        let built = production::build(
            &self.tip.view,
            &self.machine,
            &params,
            transactions.iter().cloned(),
            &mut || false,
        )?;
        self.all_are_in(&built, &transactions)?;
        self.next_time_ms = None;
        self.commit(built.executed)
    }

    /// Asks a contract, as of the last block.
    pub fn query(&self, question: Question<'_>) -> Result<Answer, SandboxError> {
        let block = BlockInfo {
            genesis_id: self.chain.genesis_id,
            height: self.tip.info.height,
            timestamp_ms: self.tip.info.timestamp_ms,
            cost_table: self.chain.genesis.vm_cost_table,
        };
        Ok(contracts::query(&self.tip.view, &self.machine, block, question)?)
    }

    /// The account at an address; one that holds nothing is empty.
    pub fn account_at(&self, address: &Address) -> Result<Account, SandboxError> {
        Ok(self.tip.view.account(address)?.unwrap_or_default())
    }

    /// Code hash and record of the contract at an address.
    pub fn contract_at(&self, address: &Address) -> Result<Option<(Hash, ContractMeta)>, SandboxError> {
        Ok(contracts::contract_at(&self.tip.view, address)?)
    }

    /// The code of the contract at an address.
    pub fn code_at(&self, address: &Address) -> Result<Option<Bytes>, SandboxError> {
        let account = self.account_at(address)?;
        if !account.has_code() {
            return Ok(None);
        }
        Ok(self.tip.view.code(&account.code_hash)?)
    }

    /// What a contract keeps under a key of its own.
    pub fn stored(&self, address: &Address, key: &[u8]) -> Result<Option<Bytes>, SandboxError> {
        Ok(self.tip.view.storage(address, &contract::slot(key))?)
    }

    fn named_or_new(&mut self, name: &str) -> Result<Address, SandboxError> {
        if let Some(address) = self.named(name) {
            return Ok(address);
        }
        if name.is_empty() || name.len() > MAX_NAME_BYTES || name.starts_with("0x") {
            return Err(SandboxError::Name(name.chars().take(MAX_NAME_BYTES).collect()));
        }
        if self.names.len() >= MAX_ACCOUNTS {
            return Err(SandboxError::TooManyAccounts { limit: MAX_ACCOUNTS });
        }
        let key = key_of(&format!("account/{name}"));
        let address = key.address();
        self.keys.insert(address, key);
        self.names.insert(name.to_owned(), address);
        Ok(address)
    }

    fn key(&self, address: &Address) -> Result<&SecretKey, SandboxError> {
        if *address == self.faucet.address() {
            return Ok(&self.faucet);
        }
        self.keys
            .get(address)
            .ok_or(SandboxError::UnknownAccount(*address))
    }

    /// Which of the transactions the builder has left out, and why.
    fn all_are_in(&self, built: &Built<View>, given: &[VerifiedTransaction]) -> Result<(), SandboxError> {
        let receipts = built.executed.receipts();
        if receipts.len() == given.len() {
            return Ok(());
        }
        let included = |transaction: &VerifiedTransaction| {
            let id = transaction.id();
            receipts.iter().any(|receipt| receipt.transaction_id == id)
        };
        for (place, transaction) in given.iter().enumerate() {
            if included(transaction) {
                continue;
            }
            let id = transaction.id();
            let stale = built.stale.iter().find(|(stale, _)| *stale == id);
            let reason = match stale {
                Some((_, reason)) => reason.to_string(),
                None => self.why_left_out(transaction)?,
            };
            return Err(SandboxError::NotIncluded { place, reason });
        }
        Ok(())
    }

    /// The builder names only reasons that are for ever; these are for now.
    fn why_left_out(&self, transaction: &VerifiedTransaction) -> Result<String, SandboxError> {
        let balance = self.account_at(&transaction.sender())?.balance;
        let inside = transaction.transaction();
        Ok(match inside.max_fee() {
            Some(max_fee) if max_fee > balance => Inapplicable::CannotPayFee { max_fee, balance }.to_string(),
            _ => format!(
                "with a gas limit of {} it does not fit into the block beside the others, or its sender cannot \
                 pay for it after them",
                inside.gas_limit
            ),
        })
    }

    fn commit(&mut self, executed: ExecutedBlock<View>) -> Result<Made, SandboxError> {
        let height = executed.header().height;
        let certificate = self.certify(&executed);
        self.states.commit(executed.view_after().0.clone())?;
        if height.is_multiple_of(FLUSH_BLOCKS) {
            self.states.flush()?;
        }
        self.tip = Parent {
            info: executed.as_parent(),
            certificate: certificate.clone(),
            view: View(self.states.head()),
            lineage: self.chain.lineage_after(&self.tip.lineage, &executed)?,
        };
        Ok(Made {
            block: Arc::clone(executed.block()),
            certificate,
            receipts: executed.receipts().to_vec(),
        })
    }

    fn certify(&self, executed: &ExecutedBlock<View>) -> Bytes {
        let (height, block_id) = (executed.header().height, executed.id());
        let vote = Vote {
            kind: VoteKind::Precommit,
            height,
            round: 0,
            block_id: Some(block_id),
        };
        let signed = SignedVote::sign(vote, &self.authority, &self.chain.genesis_id);
        let signature = CommitSignature {
            validator: signed.validator,
            signature: signed.signature,
        };
        CommitCertificate::new(height, 0, block_id, vec![signature]).encode()
    }
}

fn key_of(name: &str) -> SecretKey {
    SecretKey::from_seed(sha256(&[b"aureon/sandbox/1", name.as_bytes()]))
}

#[cfg(test)]
mod tests;
