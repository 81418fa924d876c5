//! What the state stores for an account.
//!
//! row = flags, address (20 bytes), nonce, balance (unsigned LEB128 each), then the storage root (if
//! flag 1) and the code hash (if flag 2), 32 bytes each; a field without its flag is that of an
//! account without storage, or without code. The address is there so that tools can list accounts:
//! the key is its hash only.

use aureon_types::{
    Account, Address, Amount, Hash,
    account::{EMPTY_CODE_HASH, EMPTY_TRIE_ROOT},
};

use crate::trie::{Value, rlp};

const HAS_STORAGE: u8 = 1;
const HAS_CODE: u8 = 2;

/// An account with its address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Record {
    /// Whose account it is.
    pub address: Address,
    /// What the trie holds under the hash of the address.
    pub account: Account,
}

/// Ethereum's account: a list of nonce, balance, storage root and code hash.
impl Value for Record {
    fn encode(&self, out: &mut Vec<u8>) {
        let mut content = Vec::with_capacity(88);
        rlp::number(self.account.nonce, &mut content);
        rlp::number(self.account.balance.0, &mut content);
        rlp::string(&self.account.storage_root.0, &mut content);
        rlp::string(&self.account.code_hash.0, &mut content);
        rlp::list_head(content.len(), out);
        out.extend_from_slice(&content);
    }
}

impl Record {
    /// Appends the row.
    pub fn encode_row(&self, out: &mut Vec<u8>) {
        let Account {
            nonce,
            balance,
            storage_root,
            code_hash,
        } = &self.account;
        let (storage, code) = (*storage_root != EMPTY_TRIE_ROOT, *code_hash != EMPTY_CODE_HASH);
        out.push(if storage { HAS_STORAGE } else { 0 } | if code { HAS_CODE } else { 0 });
        out.extend_from_slice(self.address.as_bytes());
        leb128(*nonce, out);
        leb128(balance.0, out);
        if storage {
            out.extend_from_slice(&storage_root.0);
        }
        if code {
            out.extend_from_slice(&code_hash.0);
        }
    }

    /// Reads a row; `None` if it is none.
    pub fn decode_row(row: &[u8]) -> Option<Self> {
        let (&flags, rest) = row.split_first()?;
        let (address, mut rest) = rest.split_first_chunk()?;
        let nonce = read_leb128(&mut rest)?;
        let balance = Amount(read_leb128(&mut rest)?);
        let storage_root = optional_hash(flags & HAS_STORAGE != 0, &mut rest, EMPTY_TRIE_ROOT)?;
        let code_hash = optional_hash(flags & HAS_CODE != 0, &mut rest, EMPTY_CODE_HASH)?;
        let known = flags & !(HAS_STORAGE | HAS_CODE) == 0;
        let account = Account {
            nonce,
            balance,
            storage_root,
            code_hash,
        };
        (known && rest.is_empty()).then_some(Self {
            address: Address(*address),
            account,
        })
    }
}

fn optional_hash(present: bool, rest: &mut &[u8], absent: Hash) -> Option<Hash> {
    if !present {
        return Some(absent);
    }
    let (hash, after) = rest.split_first_chunk()?;
    *rest = after;
    Some(Hash(*hash))
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

    fn record(nonce: u64, balance: u64, storage_root: Hash, code_hash: Hash) -> Record {
        let account = Account {
            nonce,
            balance: Amount(balance),
            storage_root,
            code_hash,
        };
        Record {
            address: Address([7; 20]),
            account,
        }
    }

    #[test]
    fn rows_come_back_and_plain_accounts_are_short() {
        for (nonce, balance) in [(0, 0), (1, 127), (128, 16_384), (u64::MAX, u64::MAX)] {
            for storage in [EMPTY_TRIE_ROOT, Hash([1; 32])] {
                for code in [EMPTY_CODE_HASH, Hash([2; 32])] {
                    let record = record(nonce, balance, storage, code);
                    let mut row = Vec::new();
                    record.encode_row(&mut row);
                    assert_eq!(Record::decode_row(&row), Some(record));
                    for cut in 0..row.len() {
                        assert_eq!(Record::decode_row(&row[..cut]), None, "cut at {cut}");
                    }
                }
            }
        }
        let mut row = Vec::new();
        record(3, 1_000, EMPTY_TRIE_ROOT, EMPTY_CODE_HASH).encode_row(&mut row);
        assert_eq!(row.len(), 24);
    }

    /// Account of ethereum/tests, hex_encoded_securetrie_test.json, test1.
    #[test]
    fn the_trie_holds_ethereums_account() {
        let mut rlp = Vec::new();
        record(1, 0x05f4_46a7, EMPTY_TRIE_ROOT, EMPTY_CODE_HASH).encode(&mut rlp);
        assert_eq!(
            hex::encode(rlp),
            "f848018405f446a7a056e81f171bcc55a6ff8345e692c0f86e5b48e01b996cadc001622fb5e363b421\
             a0c5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470"
        );
    }
}
