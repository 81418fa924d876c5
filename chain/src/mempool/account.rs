//! What the pool knows of an account.

use std::ops::RangeInclusive;

use aureon_types::{Account, Amount};

/// The part of an account that decides about its transactions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AccountState {
    /// Number of the next transaction that can be included.
    pub nonce: u64,
    /// Base units.
    pub balance: Amount,
    /// Contracts cannot send (EIP-3607).
    pub has_code: bool,
}

impl From<Option<Account>> for AccountState {
    fn from(account: Option<Account>) -> Self {
        let account = account.unwrap_or_default();
        Self {
            nonce: account.nonce,
            balance: account.balance,
            has_code: account.has_code(),
        }
    }
}

/// Where a sender's numbering stands. Says what is missing, so that a stuck nonce is no riddle.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NonceInfo {
    /// The account's nonce: of the first transaction that is not included yet.
    pub next_on_chain: u64,
    /// The nonce for the sender's next transaction: the first one that is neither included nor here.
    pub next_expected: u64,
    /// Nonces that wait here for a missing one, in order.
    pub parked: Vec<RangeInclusive<u64>>,
    /// Nonces that are missing before a parked one, in order. Empty if nothing is parked.
    pub missing: Vec<RangeInclusive<u64>>,
}

impl NonceInfo {
    /// Of a sender with nothing in the pool.
    pub(super) fn empty(nonce: u64) -> Self {
        Self {
            next_on_chain: nonce,
            next_expected: nonce,
            parked: Vec::new(),
            missing: Vec::new(),
        }
    }
}
