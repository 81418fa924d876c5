//! What a transaction does to the state.
//!
//! A block is executed on a read-only view of its parent's state. [`Overlay`] keeps what the block
//! changed, [`BlockExecutor`] applies transactions to it one by one, and [`Outcome`] is what remains:
//! receipts, gas, fees, and the changed accounts in order.
//!
//! *Two kinds of failure.* A transaction that cannot be charged is [`Inapplicable`]: no block may hold
//! it, and the builder skips it. A transaction that can be charged but cannot do what it says is
//! included, pays its fee, uses its nonce, and has a receipt that says why.
//!
//! *The proposer is paid once.* Fees are summed and credited when the block ends, so they cannot be
//! spent inside the block, and the proposer's account is written once.
//!
//! *Supply.* Transactions move base units and never make them; what comes into existence is the block's
//! reward. Each block proves it before it has an outcome: what the changed accounts hold after it, less
//! what they held before, must be the reward, to the unit.
//!
//! *Contracts.* What they may do, and how their calls nest, is [`contracts`]'; what runs their code is
//! behind the port [`contracts::ContractMachine`].
//!
//! *Engines.* What an engine keeps on chain (stake, authorities, epochs) and the end of a block are
//! [`crate::system`]'s; an action that the network's engine does not know fails with its fee paid.

pub mod contracts;
mod executor;
mod inapplicable;
mod overlay;

pub use executor::{BlockContext, BlockExecutor, Conclusion, ExecutionError, Outcome};
pub use inapplicable::Inapplicable;
pub use overlay::{Checkpoint, Overlay, Slot};

use aureon_types::{Account, Address, Amount, Hash, StateChanges};
use bytes::Bytes;

/// Port: reads the state that a block is executed on.
pub trait StateReader {
    /// The account at `address`, or `None` if it holds nothing.
    fn account(&self, address: &Address) -> Result<Option<Account>, StateError>;

    /// The value of a slot in the storage of the account at `address`, or `None` if the slot was never
    /// set, or was removed.
    fn storage(&self, address: &Address, slot: &Hash) -> Result<Option<Bytes>, StateError>;

    /// The code with this hash, or `None` if no block up to here brought it. Where competing blocks are
    /// known, code of another branch may be found too: nothing names it here.
    fn code(&self, hash: &Hash) -> Result<Option<Bytes>, StateError>;
}

/// Port: a state that can be changed by a block. Nothing is stored by it; `self` stays as it was.
pub trait StateCommitment: StateReader + Sized {
    /// The state after `changes`, made by the block at `height`.
    fn apply(&self, height: u64, changes: &StateChanges) -> Result<Self, StateError>;

    /// Root of the account trie.
    fn root(&self) -> Hash;
}

/// Execution could not be carried out. Never the fault of a block or of who sent it: the disk's, the
/// state's, or this software's.
#[derive(Debug, thiserror::Error)]
pub enum StateError {
    /// The storage failed.
    #[error("the state could not be read: {0}")]
    Unreadable(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// More base units in one account than 64 bits count. The supply bound makes it impossible.
    #[error(
        "account {address} would hold {balance} + {credit} base units, more than can exist: the state is damaged"
    )]
    BalanceOverflow {
        /// The account.
        address: Address,
        /// What it holds.
        balance: u64,
        /// What it was to receive.
        credit: u64,
    },
    /// Base units appeared or vanished.
    #[error(
        "the block changes the supply by {difference} base units instead of {reward}: a fault of this software, not of the block"
    )]
    SupplyChanged {
        /// After minus before.
        difference: i128,
        /// The block's reward.
        reward: Amount,
    },
    /// A record of the system account cannot be what this software wrote.
    #[error("the {what} in the system account cannot be: the state is damaged")]
    Damaged {
        /// Which record.
        what: &'static str,
    },
    /// An account names code that is not there.
    #[error("the code {0} of a contract is not there: the state is damaged")]
    MissingCode(Hash),
    /// A contract's record cannot be what this software wrote.
    #[error("the record of contract {contract} cannot be: {reason}: the state is damaged")]
    ContractRecord {
        /// The contract.
        contract: Address,
        /// What is wrong.
        reason: String,
    },
    /// The machine that runs contracts failed; not the contract.
    #[error("the contract machine failed: {0}")]
    Machine(String),
    /// The view is not the state after the parent.
    #[error("block {height} builds on state {expected}, it was to be executed on {given}")]
    WrongView {
        /// Height of the block.
        height: u64,
        /// State root that the parent's header names.
        expected: Hash,
        /// Root of the view.
        given: Hash,
    },
    /// What the block is to be executed by is not known.
    #[error(transparent)]
    Rules(#[from] crate::import::RulesError),
    /// A block of our own that is not well formed.
    #[error("the block that was built is not well formed: {0}")]
    Malformed(#[from] aureon_types::DecodeError),
}

impl StateError {
    /// Wraps the storage's error.
    pub fn unreadable(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self::Unreadable(error.into())
    }
}

/// By how many base units `changes` would change the supply of the state behind `reader`. For a correct
/// block its reward; for checks after a block, from outside.
pub fn supply_difference<R: StateReader>(reader: &R, changes: &StateChanges) -> Result<i128, StateError> {
    changes.accounts.iter().try_fold(0_i128, |sum, (address, after)| {
        let balance = |account: Option<Account>| i128::from(account.unwrap_or_default().balance.0);
        Ok(sum
            .saturating_add(balance(*after))
            .saturating_sub(balance(reader.account(address)?)))
    })
}

#[cfg(test)]
mod tests;
