//! What the state stores for an account.
//!
//! row = flags, address (20 bytes), nonce, balance (unsigned LEB128 each), then the root of the storage
//! trie (if flag 1: a length byte and [`Trie::encode_root`], from which the storage root follows) and
//! the code hash (if flag 2: 32 bytes); a field without its flag is that of an account without storage,
//! or without code. The address is there so that tools can list accounts: the key is its hash only.

use std::sync::Arc;

use aureon_types::{
    Account, Address, Amount, Hash,
    account::{EMPTY_CODE_HASH, EMPTY_TRIE_ROOT},
};

use super::slot::Slot;
use crate::trie::{Trie, Value, rlp};

const HAS_STORAGE: u8 = 1;
const HAS_CODE: u8 = 2;

/// An account with its address and its storage.
///
/// *Invariant.* What is not in memory of the storage trie is what the source of the account trie holds
/// for this account: the storage is part of the account's version, and is flushed and forgotten with it.
#[derive(Clone, Debug)]
pub struct Record {
    address: Address,
    account: Account,
    /// `None`: no slot.
    storage: Option<Arc<Trie<Slot>>>,
}

/// Appends what the account trie holds: Ethereum's account, a list of nonce, balance, storage root and
/// code hash.
pub fn encode_account(account: &Account, out: &mut Vec<u8>) {
    let mut content = Vec::with_capacity(88);
    rlp::number(account.nonce, &mut content);
    rlp::number(account.balance.0, &mut content);
    rlp::string(&account.storage_root.0, &mut content);
    rlp::string(&account.code_hash.0, &mut content);
    rlp::list_head(content.len(), out);
    out.extend_from_slice(&content);
}

impl Value for Record {
    /// At most 4,369 nodes stay.
    const RESIDENT_DEPTH: usize = 4;

    fn encode(&self, out: &mut Vec<u8>) {
        encode_account(&self.account, out);
    }

    fn evict(&self, stored: u64) -> Option<Self> {
        let storage = Arc::new(self.storage.as_ref()?.lighter(stored)?);
        Some(Self {
            storage: Some(storage),
            ..*self
        })
    }
}

impl Record {
    /// The record of an account without storage.
    pub(super) fn plain(address: Address, account: Account) -> Self {
        Self {
            address,
            account,
            storage: None,
        }
    }

    /// The record of an account with this storage, whose root the account gets.
    pub(super) fn with_storage(address: Address, account: Account, storage: Arc<Trie<Slot>>) -> Self {
        let storage_root = storage.root_hash();
        Self {
            address,
            account: Account {
                storage_root,
                ..account
            },
            storage: (storage_root != EMPTY_TRIE_ROOT).then_some(storage),
        }
    }

    /// Whose account it is.
    pub fn address(&self) -> Address {
        self.address
    }

    /// What the trie holds under the hash of the address.
    pub fn account(&self) -> Account {
        self.account
    }

    /// The storage; `None`: there is no slot.
    pub(super) fn storage(&self) -> Option<&Arc<Trie<Slot>>> {
        self.storage.as_ref()
    }

    /// Appends the row.
    pub fn encode_row(&self, out: &mut Vec<u8>) {
        let Account {
            nonce,
            balance,
            code_hash,
            ..
        } = &self.account;
        let code = *code_hash != EMPTY_CODE_HASH;
        let storage = if self.storage.is_some() { HAS_STORAGE } else { 0 };
        out.push(storage | if code { HAS_CODE } else { 0 });
        out.extend_from_slice(self.address.as_bytes());
        leb128(*nonce, out);
        leb128(balance.0, out);
        if let Some(storage) = &self.storage {
            let root = storage.encode_root();
            out.push(root.len() as u8);
            out.extend_from_slice(&root);
        }
        if code {
            out.extend_from_slice(&code_hash.0);
        }
    }

    /// Whether a row is that of an account with storage.
    pub(super) fn row_has_storage(row: &[u8]) -> bool {
        row.first().is_some_and(|flags| flags & HAS_STORAGE != 0)
    }

    /// Reads a row; `None` if it is none.
    pub fn decode_row(row: &[u8]) -> Option<Self> {
        let (&flags, rest) = row.split_first()?;
        let (address, mut rest) = rest.split_first_chunk()?;
        let nonce = read_leb128(&mut rest)?;
        let balance = Amount(read_leb128(&mut rest)?);
        let storage = if flags & HAS_STORAGE == 0 {
            None
        } else {
            let (&length, after) = rest.split_first()?;
            let (root, after) = after.split_at_checked(usize::from(length))?;
            rest = after;
            Some(Trie::decode_root(root)?)
        };
        let code_hash = if flags & HAS_CODE == 0 {
            EMPTY_CODE_HASH
        } else {
            let (hash, after) = rest.split_first_chunk()?;
            rest = after;
            Hash(*hash)
        };
        let storage_root = storage.as_ref().map_or(EMPTY_TRIE_ROOT, Trie::root_hash);
        let known = flags & !(HAS_STORAGE | HAS_CODE) == 0;
        let empty = storage.is_some() && storage_root == EMPTY_TRIE_ROOT;
        let account = Account {
            nonce,
            balance,
            storage_root,
            code_hash,
        };
        (known && !empty && rest.is_empty()).then_some(Self {
            address: Address(*address),
            account,
            storage: storage.map(Arc::new),
        })
    }
}

fn leb128(mut value: u64, out: &mut Vec<u8>) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

fn read_leb128(rest: &mut &[u8]) -> Option<u64> {
    let mut value = 0_u64;
    for shift in (0..u64::BITS).step_by(7) {
        let (&byte, after) = rest.split_first()?;
        *rest = after;
        let bits = u64::from(byte & 0x7f);
        if shift == 63 && bits > 1 {
            return None;
        }
        value |= bits << shift;
        if byte & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{state::base::Nothing, trie};

    fn record(nonce: u64, balance: u64, storage: Trie<Slot>, code_hash: Hash) -> Record {
        let account = Account {
            nonce,
            balance: Amount(balance),
            code_hash,
            ..Account::default()
        };
        Record::with_storage(Address([7; 20]), account, Arc::new(storage))
    }

    /// Storage with slots under these keys.
    fn storage(keys: &[trie::Key], length: usize) -> Trie<Slot> {
        let value = Slot(vec![5; length].into());
        let updates: Vec<_> = keys.iter().map(|key| trie::set(*key, value.clone(), 1)).collect();
        Trie::default().update(&Nothing, 1, &updates).unwrap().0
    }

    #[test]
    fn rows_come_back_and_plain_accounts_are_short() {
        let (mut near, far) = ([0x11; 32], [0xf1; 32]);
        near[31] = 0x12;
        let storages = [
            Trie::default(),
            storage(&[far], 40),
            storage(&[[0x11; 32], far], 40),
            // A root with the longest extension, and nodes embedded in it.
            storage(&[[0x11; 32], near], 1),
        ];
        for (nonce, balance) in [(0, 0), (1, 127), (128, 16_384), (u64::MAX, u64::MAX)] {
            for storage in &storages {
                for code in [EMPTY_CODE_HASH, Hash([2; 32])] {
                    let record = record(nonce, balance, storage.clone(), code);
                    let mut row = Vec::new();
                    record.encode_row(&mut row);
                    let again = Record::decode_row(&row).unwrap();
                    assert_eq!((again.address, again.account), (record.address, record.account));
                    let mut second = Vec::new();
                    again.encode_row(&mut second);
                    assert_eq!(row, second);
                    for cut in 0..row.len() {
                        assert!(Record::decode_row(&row[..cut]).is_none(), "cut at {cut}");
                    }
                }
            }
        }
        let mut row = Vec::new();
        record(3, 1_000, Trie::default(), EMPTY_CODE_HASH).encode_row(&mut row);
        assert_eq!(row.len(), 24);
        // The flag of storage, and no storage.
        row[0] = HAS_STORAGE;
        row.push(0);
        assert!(Record::decode_row(&row).is_none());
    }

    /// Account of ethereum/tests, hex_encoded_securetrie_test.json, test1.
    #[test]
    fn the_trie_holds_ethereums_account() {
        let mut rlp = Vec::new();
        record(1, 0x05f4_46a7, Trie::default(), EMPTY_CODE_HASH).encode(&mut rlp);
        assert_eq!(
            hex::encode(rlp),
            "f848018405f446a7a056e81f171bcc55a6ff8345e692c0f86e5b48e01b996cadc001622fb5e363b421\
             a0c5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470"
        );
    }
}
