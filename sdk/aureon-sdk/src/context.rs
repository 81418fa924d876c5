//! Where and for whom the contract runs, and what it does to the world outside its storage.

use crate::codec::encode;
use crate::error::{CallError, Error, Result};
use crate::{Address, Event, Hash, host};

/// Who called: an account, or the contract that made the call.
#[must_use]
pub fn caller() -> Address {
    host::caller()
}

/// This contract.
#[must_use]
pub fn self_address() -> Address {
    host::self_address()
}

/// What came with this call, in base units; it is in the contract's balance already.
#[must_use]
pub fn value() -> u64 {
    host::value()
}

/// The balance of an account or contract, in base units.
#[must_use]
pub fn balance(address: &Address) -> u64 {
    host::balance(address)
}

/// The height of the block that is being executed.
#[must_use]
pub fn block_height() -> u64 {
    host::block_height()
}

/// The time of the block that is being executed: milliseconds since 1970. The block's builder chose it, within
/// bounds; do not draw lots by it.
#[must_use]
pub fn block_time() -> u64 {
    host::block_time()
}

/// The id of the chain's genesis.
#[must_use]
pub fn chain_id() -> Hash {
    host::chain_id()
}

/// Pays from this contract's balance to an account. To pay a contract, call it with a value.
///
/// # Errors
///
/// If the balance is too small, or the receiver cannot be paid.
pub fn transfer(to: &Address, amount: u64) -> Result<()> {
    host::transfer(to, amount).map_err(Error::from)
}

/// Writes an event into the receipt.
pub fn emit<E: Event>(event: &E) {
    host::emit(E::TOPIC.as_bytes(), &encode(event));
}

/// Calls another contract with bytes, for those without an interface. `gas` 0 allows as much as there is.
///
/// # Errors
///
/// If the call fails; then what it did is undone.
pub fn call_raw(to: &Address, value: u64, gas: u64, input: &[u8]) -> Result<alloc::vec::Vec<u8>, CallError> {
    host::call(to, value, gas, input)
}

/// Asks another contract with bytes, for those without an interface.
///
/// # Errors
///
/// If the query fails.
pub fn query_raw(of: &Address, gas: u64, input: &[u8]) -> Result<alloc::vec::Vec<u8>, CallError> {
    host::query(of, gas, input)
}
