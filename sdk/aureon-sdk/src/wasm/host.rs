//! The host functions with Rust's types. Each pointer given is that of a live slice or array with the length
//! given or, where the interface fixes it, with that length: that is why the calls are sound.
#![expect(unsafe_code, reason = "host functions are foreign functions")]

use alloc::string::String;
use alloc::vec::Vec;

use super::raw;
use crate::error::{self, CallError};
use crate::{Address, Hash, PublicKey, Signature};

/// What most stored values fit into, so that reading one is one call of the host.
const USUAL_LENGTH: usize = 128;

pub fn balance(address: &Address) -> u64 {
    unsafe { raw::balance(address.0.as_ptr()) }
}

pub fn transfer(to: &Address, amount: u64) -> Result<(), &'static str> {
    match unsafe { raw::transfer(to.0.as_ptr(), amount) } {
        0 => Ok(()),
        code => Err(error::meaning(code)),
    }
}

pub fn store(key: &[u8], value: &[u8]) {
    unsafe { raw::store(key.as_ptr(), key.len(), value.as_ptr(), value.len()) }
}

pub fn load(key: &[u8]) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(USUAL_LENGTH);
    fill(&mut bytes, |out, capacity| unsafe {
        raw::load(key.as_ptr(), key.len(), out, capacity)
    })?;
    Some(bytes)
}

pub fn exists(key: &[u8]) -> bool {
    unsafe { raw::load(key.as_ptr(), key.len(), core::ptr::null_mut(), 0) >= 0 }
}

pub fn remove(key: &[u8]) {
    // It also tells whether there was anything; removing nothing is no mistake.
    let _ = unsafe { raw::remove(key.as_ptr(), key.len()) };
}

pub fn emit(topic: &[u8], data: &[u8]) {
    unsafe { raw::emit_log(topic.as_ptr(), topic.len(), data.as_ptr(), data.len()) }
}

pub fn caller() -> Address {
    Address(array(|out| unsafe { raw::caller(out) }))
}

pub fn self_address() -> Address {
    Address(array(|out| unsafe { raw::self_address(out) }))
}

pub fn value() -> u64 {
    unsafe { raw::value() }
}

pub fn input() -> Vec<u8> {
    let mut bytes = Vec::with_capacity(USUAL_LENGTH);
    let _ = fill(&mut bytes, |out, capacity| unsafe { raw::input(out, capacity) });
    bytes
}

pub fn output(data: &[u8]) {
    unsafe { raw::output(data.as_ptr(), data.len()) }
}

pub fn block_height() -> u64 {
    unsafe { raw::block_height() }
}

pub fn block_time() -> u64 {
    unsafe { raw::block_time() }
}

pub fn chain_id() -> Hash {
    Hash(array(|out| unsafe { raw::chain_id(out) }))
}

pub fn call(to: &Address, value: u64, gas: u64, input: &[u8]) -> Result<Vec<u8>, CallError> {
    result(unsafe { raw::call(to.0.as_ptr(), input.as_ptr(), input.len(), value, limit(gas)) })
}

pub fn query(of: &Address, gas: u64, input: &[u8]) -> Result<Vec<u8>, CallError> {
    result(unsafe { raw::query(of.0.as_ptr(), input.as_ptr(), input.len(), limit(gas)) })
}

pub fn sha256(data: &[u8]) -> Hash {
    Hash(array(|out| unsafe {
        raw::sha256(data.as_ptr(), data.len(), out)
    }))
}

pub fn blake3(data: &[u8]) -> Hash {
    Hash(array(|out| unsafe {
        raw::blake3(data.as_ptr(), data.len(), out)
    }))
}

pub fn keccak256(data: &[u8]) -> Hash {
    Hash(array(|out| unsafe {
        raw::keccak256(data.as_ptr(), data.len(), out)
    }))
}

pub fn ed25519_verify(key: &PublicKey, signature: &Signature, message: &[u8]) -> bool {
    let (length, signature) = (message.len(), signature.0.as_ptr());
    unsafe { raw::ed25519_verify(key.0.as_ptr(), message.as_ptr(), length, signature) == 1 }
}

pub fn abort(message: &str) -> ! {
    unsafe { raw::abort(message.as_ptr(), message.len()) }
}

/// The result of the last call or query: its data, or the reason why it failed.
fn result(code: i32) -> Result<Vec<u8>, CallError> {
    let mut bytes = Vec::with_capacity(USUAL_LENGTH);
    let _ = fill(&mut bytes, |out, capacity| unsafe {
        raw::call_result(out, capacity)
    });
    if code >= 0 {
        return Ok(bytes);
    }
    let message = match String::from_utf8(bytes) {
        Ok(message) if !message.is_empty() => message,
        _ => String::from(error::meaning(code)),
    };
    Err(CallError { code, message })
}

/// Fills `bytes` by a host function that copies what fits and returns the whole length, or a negative code.
fn fill(bytes: &mut Vec<u8>, copy: impl Fn(*mut u8, usize) -> i32) -> Option<()> {
    let mut length = usize::try_from(copy(bytes.as_mut_ptr(), bytes.capacity())).ok()?;
    if length > bytes.capacity() {
        bytes.reserve_exact(length);
        length = usize::try_from(copy(bytes.as_mut_ptr(), bytes.capacity()))
            .ok()?
            .min(bytes.capacity());
    }
    // The host has written the first `length` bytes.
    unsafe { bytes.set_len(length) };
    Some(())
}

fn array<const N: usize>(write: impl FnOnce(*mut u8)) -> [u8; N] {
    let mut bytes = [0; N];
    write(bytes.as_mut_ptr());
    bytes
}

/// The host never gives more than the caller has left.
fn limit(gas: u64) -> u64 {
    if gas == 0 { u64::MAX } else { gas }
}
