//! The host functions, with the same signatures as for wasm.

use std::boxed::Box;
use std::panic::resume_unwind;

use crate::error::{self, code};
use crate::{Address, CallError, Hash, PublicKey, Signature, Vec, sandbox};

use super::frames::{failed, refused, run};
use super::state::{Frame, Log};
use super::{Abort, STATE, bounds};

/// Holds what is staked; nobody pays it.
const SYSTEM_ADDRESS: Address = Address([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]);

/// The frame that is running; a contract's function called directly has none.
fn frame<T>(read: impl FnOnce(&Frame) -> T) -> T {
    match STATE.with_borrow(|state| state.frames.last().map(read)) {
        Some(answer) => answer,
        None => abort("no contract is running: use its Client"),
    }
}

fn writing() -> Address {
    if frame(|frame| frame.read_only) {
        abort("a query cannot change anything");
    }
    frame(|frame| frame.contract)
}

pub fn balance(address: &Address) -> u64 {
    STATE.with_borrow(|state| state.balance(address))
}

pub fn transfer(to: &Address, amount: u64) -> Result<(), &'static str> {
    let from = writing();
    STATE
        .with_borrow_mut(|state| {
            if state.codes.contains_key(to) || *to == SYSTEM_ADDRESS {
                return Err(code::RECIPIENT_REFUSED);
            }
            state.pay(from, *to, amount)
        })
        .map_err(error::meaning)
}

pub fn store(key: &[u8], value: &[u8]) {
    let contract = writing();
    bounds::key(key);
    bounds::value(value);
    STATE.with_borrow_mut(|state| state.storage.insert((contract, key.to_vec()), value.to_vec()));
}

pub fn load(key: &[u8]) -> Option<Vec<u8>> {
    let contract = self_address();
    bounds::key(key);
    STATE.with_borrow(|state| state.storage.get(&(contract, key.to_vec())).cloned())
}

pub fn exists(key: &[u8]) -> bool {
    load(key).is_some()
}

pub fn remove(key: &[u8]) {
    let contract = writing();
    bounds::key(key);
    STATE.with_borrow_mut(|state| state.storage.remove(&(contract, key.to_vec())));
}

pub fn emit(topic: &[u8], data: &[u8]) {
    let log = Log {
        contract: writing(),
        topic: topic.to_vec(),
        data: data.to_vec(),
    };
    bounds::topic(topic);
    bounds::log(data);
    let count = STATE.with_borrow_mut(|state| {
        state.logs.push(log);
        state.logs.len() - state.logs_before
    });
    bounds::events(count);
}

pub fn caller() -> Address {
    frame(|frame| frame.caller)
}

pub fn self_address() -> Address {
    frame(|frame| frame.contract)
}

pub fn value() -> u64 {
    frame(|frame| frame.value)
}

pub fn input() -> Vec<u8> {
    frame(|frame| frame.input.clone())
}

pub fn output(data: &[u8]) {
    bounds::output(data);
    STATE.with_borrow_mut(|state| {
        if let Some(frame) = state.frames.last_mut() {
            frame.output = data.to_vec();
        }
    });
}

pub fn block_height() -> u64 {
    STATE.with_borrow(|state| state.height)
}

pub fn block_time() -> u64 {
    STATE.with_borrow(|state| state.time)
}

pub fn chain_id() -> Hash {
    Hash([0xc4; 32])
}

pub fn call(to: &Address, value: u64, gas: u64, input: &[u8]) -> Result<Vec<u8>, CallError> {
    if sandbox::is_running() {
        return sandbox::call(to, value, gas, input);
    }
    enter(to, value, input, false)
}

pub fn query(of: &Address, gas: u64, input: &[u8]) -> Result<Vec<u8>, CallError> {
    if sandbox::is_running() {
        return sandbox::query(of, gas, input);
    }
    enter(of, 0, input, true)
}

/// A call from the running contract or, outside of one, from the current account.
fn enter(to: &Address, value: u64, input: &[u8], query: bool) -> Result<Vec<u8>, CallError> {
    let (in_contract, caller, read_only, code) = STATE.with_borrow(|state| {
        let running = state.frames.last();
        let caller = running.map_or(state.sender, |frame| frame.contract);
        (
            running.is_some(),
            caller,
            running.is_some_and(|frame| frame.read_only),
            state.codes.get(to).copied(),
        )
    });
    if read_only && value > 0 {
        abort("a query cannot change anything");
    }
    bounds::input(input, in_contract)?;
    let code = code.ok_or_else(|| refused(code::NOT_A_CONTRACT))?;
    let entry = if query { code.query } else { Some(code.call) };
    let entry = entry.ok_or_else(|| failed("the contract answers no queries"))?;
    let frame = Frame {
        contract: *to,
        caller,
        value,
        input: input.to_vec(),
        output: Vec::new(),
        read_only: read_only || query,
    };
    run(entry, frame)
}

pub fn sha256(data: &[u8]) -> Hash {
    use sha2::Digest;
    Hash(sha2::Sha256::digest(data).into())
}

pub fn blake3(data: &[u8]) -> Hash {
    Hash(*blake3::hash(data).as_bytes())
}

pub fn keccak256(data: &[u8]) -> Hash {
    Hash(keccak_asm::Keccak256::digest(data).into())
}

pub fn ed25519_verify(key: &PublicKey, signature: &Signature, message: &[u8]) -> bool {
    let signature = ed25519_zebra::Signature::from(signature.0);
    ed25519_zebra::VerificationKey::try_from(key.0).is_ok_and(|key| key.verify(&signature, message).is_ok())
}

/// Unwinds to the edge of the frame; not a panic, so nothing is printed.
pub fn abort(message: &str) -> ! {
    resume_unwind(Box::new(Abort(message.into())))
}
