//! A host in memory, so that the unit tests of contracts run natively.
//!
//! A [`Chain`] holds accounts, contracts, storage and events. A client called outside of a contract is a
//! transaction of the account that [`Chain::act_as`] named last; called inside of one it is a call of that contract.
//! A call that aborts or panics is undone, as on the chain, and lengths are bounded as there. There is no gas here, and
//! no wasm: what they limit, only the machine shows.
//!
//! There is one chain per thread, as there is one test per thread; [`Chain::new`] starts it afresh.

mod bounds;
mod frames;
pub(crate) mod host;
mod state;

use core::cell::RefCell;

use crate::codec::{Decode, decode};
use crate::{Address, CallError, Event, String, Vec, sandbox};

pub use state::Log;
use state::State;

std::thread_local! {
    static STATE: RefCell<State> = RefCell::new(State::new());
}

/// The entry points of a contract.
#[derive(Clone, Copy)]
pub struct Code {
    /// The module in the source, beginning with its crate.
    pub path: &'static str,
    /// Its interface as JSON.
    pub interface: &'static str,
    /// The constructor.
    pub deploy: Option<fn()>,
    /// State-changing functions, by name.
    pub call: fn(),
    /// Read-only functions, by name.
    pub query: Option<fn()>,
    /// What an upgrade runs.
    pub migrate: Option<fn()>,
}

/// The deepest nesting of calls, as on the chain.
pub const MAX_DEPTH: usize = 16;

/// A chain of this thread.
#[derive(Debug)]
pub struct Chain(());

impl Chain {
    /// An empty chain at height 1.
    #[must_use]
    #[expect(
        clippy::new_without_default,
        reason = "it replaces the thread's chain: not a plain value"
    )]
    pub fn new() -> Self {
        STATE.with_borrow_mut(|state| *state = State::new());
        Self(())
    }

    /// The account with a name, with a balance.
    #[must_use]
    pub fn account(&self, name: &str, balance: u64) -> Address {
        let address = state::address_of(&[b"account", name.as_bytes()]);
        STATE.with_borrow_mut(|state| state.balances.insert(address, balance));
        address
    }

    /// From now on transactions are this account's.
    pub fn act_as(&self, account: Address) {
        STATE.with_borrow_mut(|state| state.sender = account);
    }

    /// The balance of an account or contract.
    #[must_use]
    pub fn balance(&self, address: Address) -> u64 {
        STATE.with_borrow(|state| state.balance(&address))
    }

    /// The height of the block that is being executed.
    pub fn set_height(&self, height: u64) {
        STATE.with_borrow_mut(|state| state.height = height);
    }

    /// The time of the block that is being executed, in milliseconds since 1970.
    pub fn set_time(&self, milliseconds: u64) {
        STATE.with_borrow_mut(|state| state.time = milliseconds);
    }

    /// The time of the block that is being executed.
    #[must_use]
    pub fn time(&self) -> u64 {
        STATE.with_borrow(|state| state.time)
    }

    /// All events so far, of transactions that did not fail.
    #[must_use]
    pub fn logs(&self) -> Vec<Log> {
        STATE.with_borrow(|state| state.logs.clone())
    }

    /// The newest event, if it is one of type `E`.
    #[must_use]
    pub fn last_event<E: Event + Decode>(&self) -> Option<E> {
        let log = self.logs().pop()?;
        if log.topic == E::TOPIC.as_bytes() {
            decode(&log.data).ok()
        } else {
            None
        }
    }

    /// What a contract has stored under a key.
    #[must_use]
    pub fn stored(&self, contract: Address, key: &[u8]) -> Option<Vec<u8>> {
        STATE.with_borrow(|state| state.storage.get(&(contract, key.to_vec())).cloned())
    }

    /// How many values a contract has stored.
    #[must_use]
    pub fn stored_count(&self, contract: Address) -> usize {
        STATE.with_borrow(|state| {
            state
                .storage
                .keys()
                .filter(|(owner, _)| *owner == contract)
                .count()
        })
    }
}

/// Deploys a contract as a transaction of the current account.
///
/// # Errors
///
/// If its constructor fails, or there is input and no constructor.
pub fn deploy(code: Code, input: Vec<u8>, value: u64) -> Result<Address, CallError> {
    if sandbox::is_running() {
        return sandbox::deploy(&code, &input, value);
    }
    let address = STATE.with_borrow_mut(|state| {
        state.nonce += 1;
        state::address_of(&[b"contract", &state.sender.0, &state.nonce.to_be_bytes()])
    });
    let entry = match code.deploy {
        Some(entry) => entry,
        None if input.is_empty() && value == 0 => || {},
        None => {
            return Err(frames::failed(
                "the contract has no constructor for this input or value",
            ));
        }
    };
    frames::transaction(address, entry, input, value, |state| {
        state.codes.insert(address, code);
    })?;
    Ok(address)
}

/// Replaces a contract's code and runs `migrate` of the new one.
///
/// # Errors
///
/// If the new code has no `migrate`, or it fails.
pub fn upgrade(address: Address, code: Code, input: Vec<u8>) -> Result<(), CallError> {
    if sandbox::is_running() {
        return sandbox::upgrade(&address, &code, &input);
    }
    let Some(entry) = code.migrate else {
        return Err(frames::failed("the new code has no entry point `migrate`"));
    };
    frames::transaction(address, entry, input, 0, |state| {
        state.codes.insert(address, code);
    })?;
    Ok(())
}

/// Why native code ended: thrown by `abort`, caught at the frame's edge.
struct Abort(String);
