//! What the state holds for an address, and how a block changes it.

use bytes::Bytes;

use crate::{Address, Amount, Hash};

/// Root of the empty trie: Keccak-256 of the RLP of the empty string (Ethereum yellow paper, D).
pub const EMPTY_TRIE_ROOT: Hash = Hash([
    0x56, 0xe8, 0x1f, 0x17, 0x1b, 0xcc, 0x55, 0xa6, 0xff, 0x83, 0x45, 0xe6, 0x92, 0xc0, 0xf8, 0x6e, 0x5b,
    0x48, 0xe0, 0x1b, 0x99, 0x6c, 0xad, 0xc0, 0x01, 0x62, 0x2f, 0xb5, 0xe3, 0x63, 0xb4, 0x21,
]);

/// Keccak-256 of nothing: the code hash of an account without code.
pub const EMPTY_CODE_HASH: Hash = Hash([
    0xc5, 0xd2, 0x46, 0x01, 0x86, 0xf7, 0x23, 0x3c, 0x92, 0x7e, 0x7d, 0xb2, 0xdc, 0xc7, 0x03, 0xc0, 0xe5,
    0x00, 0xb6, 0x53, 0xca, 0x82, 0x27, 0x3b, 0x7b, 0xfa, 0xd8, 0x04, 0x5d, 0x85, 0xa4, 0x70,
]);

/// An account, with the four fields of Ethereum's account trie.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Account {
    /// Transactions of this sender included so far; the next one must carry this number.
    pub nonce: u64,
    /// Base units.
    pub balance: Amount,
    /// Root of the account's storage trie.
    pub storage_root: Hash,
    /// Hash of the account's code.
    pub code_hash: Hash,
}

impl Default for Account {
    fn default() -> Self {
        Self {
            nonce: 0,
            balance: Amount::ZERO,
            storage_root: EMPTY_TRIE_ROOT,
            code_hash: EMPTY_CODE_HASH,
        }
    }
}

impl Account {
    /// Nothing distinguishes the account from one that was never touched; it is not stored (EIP-161).
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Whether code is deployed at the account. Such an account cannot send (EIP-3607).
    pub fn has_code(&self) -> bool {
        self.code_hash != EMPTY_CODE_HASH
    }
}

/// The account whose storage holds what consensus decides by: validators, delegations, authorities,
/// epochs. Nobody has its key, and nobody can send to it; what is staked is its balance.
pub const SYSTEM_ADDRESS: Address = Address([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]);

/// Longest value of a storage slot, in bytes.
pub const MAX_SLOT_BYTES: usize = 64 << 10;

/// The changed slots of an account's storage, with their values after the block; `None`: removed.
/// Sorted by slot, each slot once.
pub type SlotChanges = Vec<(Hash, Option<Bytes>)>;

/// What a block changed in the state. In both lists: sorted by address, each address once.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StateChanges {
    /// The changed accounts, with their values after the block; `None`: deleted (became empty), with
    /// all its storage.
    ///
    /// An account that is in `storage` too gets the storage root that follows from there. Any other keeps
    /// its storage if it is given with the root that it had before the block, and loses it all with
    /// [`EMPTY_TRIE_ROOT`]; another root is a mistake.
    pub accounts: Vec<(Address, Option<Account>)>,
    /// The changed storage. Its account need not be in `accounts`: its storage root changes, and
    /// nothing else of it. If its account is deleted there, it begins without any slot. An account
    /// that has any slot afterwards is not empty, one that has none has [`EMPTY_TRIE_ROOT`].
    pub storage: Vec<(Address, SlotChanges)>,
    /// Code that accounts name by its hash (SHA-256, see [`crate::contract::code_hash`]) and that was not
    /// there before. Sorted by hash, each once. Code is never deleted: other accounts may share it.
    pub code: Vec<(Hash, Bytes)>,
}

impl StateChanges {
    /// What makes plain accounts with these balances of an empty state. Each address once; a balance of
    /// zero makes no account.
    pub fn of_balances(balances: impl IntoIterator<Item = (Address, Amount)>) -> Self {
        let account = |(address, balance)| {
            let account = Account {
                balance,
                ..Account::default()
            };
            (address, Some(account))
        };
        let funded = balances
            .into_iter()
            .filter(|(_, balance)| *balance != Amount::ZERO);
        let mut accounts: Vec<_> = funded.map(account).collect();
        accounts.sort_unstable_by_key(|(address, _)| *address);
        Self {
            accounts,
            ..Self::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hash::keccak256;

    #[test]
    fn balances_make_sorted_accounts() {
        let (low, high) = (Address([1; 20]), Address([2; 20]));
        let changes = StateChanges::of_balances([
            (high, Amount(7)),
            (Address([3; 20]), Amount::ZERO),
            (low, Amount(5)),
        ]);
        let held = changes
            .accounts
            .iter()
            .map(|(address, account)| (*address, account.map(|account| account.balance.0)));
        assert_eq!(held.collect::<Vec<_>>(), [(low, Some(5)), (high, Some(7))]);
    }

    #[test]
    fn the_constants_are_what_they_say() {
        assert_eq!(EMPTY_TRIE_ROOT.0, keccak256(&[0x80]));
        assert_eq!(EMPTY_CODE_HASH.0, keccak256(&[]));
    }
}
