//! The node's own machine and ledger, for integration tests.
//!
//! [`mock::Chain`](crate::mock::Chain) runs a contract's Rust code. A [`Sandbox`] runs the WebAssembly that was built of
//! it, in real blocks with gas and receipts: it starts `aureon-node contract sandbox`, and as long as it lives the clients of this
//! thread are transactions and queries there instead of on the mock. So a test is written the same way:
//!
//! ```no_run
//! # #[aureon::contract] mod counter { use aureon::prelude::*; #[call] fn add(by: u64) -> u64 { by } }
//! #[test]
//! #[ignore = "on the chain: aureon-node contract test"]
//! fn it_counts() {
//!     let chain = aureon::sandbox::Sandbox::start();
//!     chain.act_as(chain.account("alice", 1_000));
//!     let counter = counter::Client::deploy().unwrap();
//!     assert_eq!(counter.add(5), Ok(5));
//!     assert!(chain.receipt().unwrap().gas_used < 150_000);
//! }
//! ```
//!
//! `aureon-node contract test` builds the contract, runs the ordinary tests, and then those that are marked as
//! ignored. By hand: `AUREON_NODE` names the binary (else it is `aureon-node` in the `PATH`), `AUREON_CONTRACTS` the
//! folder with the built modules.
//!
//! What it says about blocks, time and money is docs/contract-testing.md.

mod link;
mod receipt;

use core::cell::{Cell, RefCell};
use std::path::Path;
use std::string::ToString;

use serde_json::{Value, json};

use crate::codec::{Decode, decode};
use crate::error::code;
use crate::mock::{Code, Log};
use crate::{Address, CallError, Event, Hash, String, Vec};

use link::Link;
pub use link::StartError;
pub use receipt::Receipt;
use receipt::{bytes, text};

/// The variable that names the binary.
const NODE: &str = "AUREON_NODE";
/// The variable that names the folder with the built modules.
const CONTRACTS: &str = "AUREON_CONTRACTS";

std::thread_local! {
    static RUNNING: RefCell<Option<Running>> = const { RefCell::new(None) };
}

struct Running {
    link: Link,
    sender: Address,
    gas_limit: Option<u64>,
    receipts: Vec<Receipt>,
}

/// The sandbox of this thread.
#[derive(Debug)]
pub struct Sandbox {
    /// It belongs to its thread.
    _thread: Cell<()>,
}

/// The last block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Block {
    /// Its height.
    pub height: u64,
    /// Its time, in milliseconds since 1970.
    pub time: u64,
    /// Root of the state after it.
    pub state_root: Hash,
}

impl Sandbox {
    /// A chain of its own at height 0.
    ///
    /// # Panics
    ///
    /// If the node cannot be started: the message says what to do. And if this thread has a sandbox already.
    #[must_use]
    pub fn start() -> Self {
        Self::start_with(&[])
    }

    /// The same with options of `aureon-node contract sandbox`: `&["--gas-price", "1"]`.
    ///
    /// # Panics
    ///
    /// As [`Sandbox::start`].
    #[must_use]
    pub fn start_with(options: &[&str]) -> Self {
        Self::try_start(options).unwrap_or_else(|error| fail(&error.to_string()))
    }

    /// As [`Sandbox::start_with`].
    ///
    /// # Errors
    ///
    /// If the node cannot be started.
    ///
    /// # Panics
    ///
    /// If this thread has a sandbox already.
    pub fn try_start(options: &[&str]) -> Result<Self, StartError> {
        if is_running() {
            fail("this thread has a sandbox already; drop it before you start another one");
        }
        let running = Running {
            link: Link::start(options)?,
            sender: Address::ZERO,
            gas_limit: None,
            receipts: Vec::new(),
        };
        RUNNING.set(Some(running));
        Ok(Self {
            _thread: Cell::new(()),
        })
    }

    /// The account with a name, with a balance: what it lacks is paid in a block of its own.
    #[must_use]
    pub fn account(&self, name: &str, balance: u64) -> Address {
        let answer = must(&json!({"do": "account", "name": name, "balance": balance}));
        receipt::address(&answer["address"])
    }

    /// From now on transactions are this account's.
    pub fn act_as(&self, account: Address) {
        with(|running| running.sender = account);
    }

    /// From now on transactions have this gas limit; `None`: a large one.
    pub fn set_gas_limit(&self, gas_limit: Option<u64>) {
        with(|running| running.gas_limit = gas_limit);
    }

    /// The balance of an account or contract.
    #[must_use]
    pub fn balance(&self, address: Address) -> u64 {
        receipt::number(&must(&json!({"do": "balance", "of": text(address)}))["balance"])
    }

    /// Pays from the account that acts.
    ///
    /// # Errors
    ///
    /// If it has too little, or the recipient takes no transfer.
    pub fn transfer(&self, to: Address, amount: u64) -> Result<(), CallError> {
        send(json!({"do": "transfer", "to": text(to), "amount": amount})).map(drop)
    }

    /// Deploys a module from a file, for contracts of other projects; reach it by a client at its address.
    ///
    /// # Errors
    ///
    /// If the code is refused or its constructor fails.
    pub fn deploy_file(&self, file: &Path, input: &[u8], value: u64) -> Result<Address, CallError> {
        deploy_module(file, input, value)
    }

    /// The last block. A transaction's block comes one block time (a second) later, and queries see this one.
    #[must_use]
    pub fn block(&self) -> Block {
        let block = &must(&json!({"do": "head"}))["block"];
        Block {
            height: receipt::number(&block["height"]),
            time: receipt::number(&block["time"]),
            state_root: receipt::hash(&block["state_root"]),
        }
    }

    /// Makes empty blocks, at most 10,000.
    ///
    /// # Panics
    ///
    /// If there are more.
    pub fn mine(&self, blocks: u64) {
        must(&json!({"do": "mine", "blocks": blocks}));
    }

    /// Makes an empty block at this time, in milliseconds since 1970.
    ///
    /// # Panics
    ///
    /// If the last block has this time or a later one.
    pub fn set_time(&self, milliseconds: u64) {
        must(&json!({"do": "mine", "time": milliseconds}));
    }

    /// The next block, which is the next transaction's, has this time.
    ///
    /// # Panics
    ///
    /// If the last block has this time or a later one.
    pub fn next_block_at(&self, milliseconds: u64) {
        must(&json!({"do": "next_block_at", "time": milliseconds}));
    }

    /// What the last transaction did.
    #[must_use]
    pub fn receipt(&self) -> Option<Receipt> {
        with(|running| running.receipts.last().cloned())
    }

    /// All events so far; transactions that failed have none.
    #[must_use]
    pub fn logs(&self) -> Vec<Log> {
        with(|running| {
            let events = running.receipts.iter().flat_map(|receipt| &receipt.events);
            events.cloned().collect()
        })
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
        let answer = must(&json!({"do": "storage", "contract": text(contract), "key": receipt::hex(key)}));
        answer["value"].as_str().map(|_| bytes(&answer["value"]))
    }

    /// Sends a request of docs/contract-testing.md as it is, and gives what is under `ok`. Receipts of
    /// transactions that are sent in this way are not kept.
    ///
    /// # Errors
    ///
    /// What is under `error`.
    pub fn ask(&self, request: &str) -> Result<String, String> {
        let request: Value = serde_json::from_str(request).map_err(|error| error.to_string())?;
        ask(&request).map(|answer| answer.to_string())
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        // A thread that ends has none any more.
        let _ = RUNNING.try_with(|running| running.borrow_mut().take());
    }
}

/// Whether clients of this thread go to a sandbox.
pub(crate) fn is_running() -> bool {
    RUNNING.with_borrow(Option::is_some)
}

/// A transaction of the account that acts.
pub(crate) fn call(to: &Address, value: u64, gas: u64, input: &[u8]) -> Result<Vec<u8>, CallError> {
    let mut request = json!({
        "do": "call", "contract": text(*to), "value": value, "input": receipt::hex(input),
    });
    if gas != 0 {
        request["gas_limit"] = gas.into();
    }
    send(request).map(|receipt| receipt.return_data)
}

/// A question of the account that acts.
pub(crate) fn query(of: &Address, gas: u64, input: &[u8]) -> Result<Vec<u8>, CallError> {
    let mut request = json!({"do": "query", "contract": text(*of), "input": receipt::hex(input)});
    request["caller"] = text(with(|running| running.sender)).into();
    if gas != 0 {
        request["gas_limit"] = gas.into();
    }
    let answer = ask(&request).map_err(refused)?;
    match receipt::failure(&answer) {
        None => Ok(bytes(&answer["output"])),
        Some(message) => Err(refused(message)),
    }
}

/// Deploys what was built of the contract's crate.
pub(crate) fn deploy(contract: &Code, input: &[u8], value: u64) -> Result<Address, CallError> {
    deploy_module(&link::module(contract), input, value)
}

/// Upgrades to what was built of the contract's crate.
pub(crate) fn upgrade(address: &Address, contract: &Code, input: &[u8]) -> Result<(), CallError> {
    let file = link::module(contract);
    let request = json!({
        "do": "upgrade", "contract": text(*address), "file": file.to_string_lossy(), "input": receipt::hex(input),
    });
    send(request).map(drop)
}

fn deploy_module(file: &Path, input: &[u8], value: u64) -> Result<Address, CallError> {
    let receipt = send(json!({
        "do": "deploy", "file": file.to_string_lossy(), "value": value, "upgradable": true,
        "input": receipt::hex(input),
    }))?;
    Ok(receipt.contract.unwrap_or(Address::ZERO))
}

/// Sends a transaction of the account that acts, and keeps its receipt.
fn send(mut request: Value) -> Result<Receipt, CallError> {
    let (sender, gas_limit) = with(|running| (running.sender, running.gas_limit));
    request["from"] = text(sender).into();
    if let (Some(gas_limit), None) = (gas_limit, request.get("gas_limit")) {
        request["gas_limit"] = gas_limit.into();
    }
    let answer = ask(&request).map_err(refused)?;
    let receipt = Receipt::of(&answer);
    with(|running| running.receipts.push(receipt.clone()));
    match receipt::failure(&answer["receipt"]) {
        None => Ok(receipt),
        Some(message) => Err(refused(message)),
    }
}

fn refused(message: String) -> CallError {
    CallError {
        code: code::CALL_FAILED,
        message,
    }
}

/// What is under `ok`, or what is under `error`.
fn ask(request: &Value) -> Result<Value, String> {
    with(|running| running.link.ask(request)).unwrap_or_else(|lost| fail(&lost))
}

/// The answer to a request that only a mistake in the test can spoil.
fn must(request: &Value) -> Value {
    ask(request).unwrap_or_else(|error| fail(&error))
}

fn with<T>(act: impl FnOnce(&mut Running) -> T) -> T {
    RUNNING.with_borrow_mut(|running| match running {
        Some(running) => act(running),
        None => fail("there is no sandbox on this thread: it was started on another one"),
    })
}

#[expect(clippy::panic, reason = "a test that cannot go on fails, and says why")]
#[track_caller]
fn fail(message: &str) -> ! {
    panic!("{message}")
}
