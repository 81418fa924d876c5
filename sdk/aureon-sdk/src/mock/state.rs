//! What the mock chain knows.

use std::collections::BTreeMap;

use crate::error::code;
use crate::{Address, Vec, hashing};

use super::Code;

/// An event of a contract.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Log {
    /// Who wrote it.
    pub contract: Address,
    /// Its topic: the name of the event.
    pub topic: Vec<u8>,
    /// Its data: the encoding of the event.
    pub data: Vec<u8>,
}

/// A call that is running.
#[derive(Clone)]
pub struct Frame {
    pub contract: Address,
    pub caller: Address,
    pub value: u64,
    pub input: Vec<u8>,
    pub output: Vec<u8>,
    pub read_only: bool,
}

#[derive(Clone)]
pub struct State {
    pub balances: BTreeMap<Address, u64>,
    pub codes: BTreeMap<Address, Code>,
    pub storage: BTreeMap<(Address, Vec<u8>), Vec<u8>>,
    pub logs: Vec<Log>,
    /// How many of them are of earlier transactions.
    pub logs_before: usize,
    pub frames: Vec<Frame>,
    pub sender: Address,
    pub nonce: u64,
    pub height: u64,
    pub time: u64,
}

impl State {
    pub fn new() -> Self {
        Self {
            balances: BTreeMap::new(),
            codes: BTreeMap::new(),
            storage: BTreeMap::new(),
            logs: Vec::new(),
            logs_before: 0,
            frames: Vec::new(),
            sender: Address::ZERO,
            nonce: 0,
            height: 1,
            time: 1_000_000,
        }
    }

    pub fn balance(&self, address: &Address) -> u64 {
        self.balances.get(address).copied().unwrap_or(0)
    }

    /// Moves an amount; or the code of what is wrong. The supply bounds every balance, as on the chain.
    pub fn pay(&mut self, from: Address, to: Address, amount: u64) -> Result<(), i32> {
        let left = self
            .balance(&from)
            .checked_sub(amount)
            .ok_or(code::INSUFFICIENT_BALANCE)?;
        self.balances.insert(from, left);
        let more = self
            .balance(&to)
            .checked_add(amount)
            .ok_or(code::RECIPIENT_REFUSED)?;
        self.balances.insert(to, more);
        Ok(())
    }
}

/// An address made of names, the same in every run.
pub fn address_of(parts: &[&[u8]]) -> Address {
    let hash = hashing::sha256(&parts.concat());
    let mut address = Address::ZERO;
    address.0.copy_from_slice(&hash.0[12..]);
    address
}
