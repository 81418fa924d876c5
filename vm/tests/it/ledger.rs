//! A ledger in memory: contracts by address, balances, storage, events, and calls between contracts.

use std::collections::BTreeMap;

use aureon_types::{Address, Amount, GenesisId, Hash, hash::sha256};
use aureon_vm::{
    Context, End, Entry, Fault, Halt, Host, Machine, Nested, NestedFailure, NestedOutcome, NoTransfer,
    Options, Outcome, Run, TrapKind,
};
use bytes::Bytes;

pub const MAX_FRAMES: usize = 16;
pub const MAX_EVENTS: usize = 64;

/// What there is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct State {
    pub balances: BTreeMap<Address, u64>,
    pub storage: BTreeMap<(Address, Vec<u8>), Bytes>,
    pub events: Vec<(Address, Bytes, Bytes)>,
}

/// The ledger.
pub struct Ledger {
    pub machine: Machine,
    pub codes: BTreeMap<Address, Bytes>,
    pub state: State,
    /// How often the machine asked for code.
    pub loads: usize,
}

/// Address number `n`.
pub fn address(n: u8) -> Address {
    Address([n; 20])
}

/// The text format of WebAssembly, as bytes.
pub fn wat(text: &str) -> Bytes {
    wat::parse_str(text).unwrap().into()
}

pub fn machine() -> Machine {
    Machine::new(&Options::default()).unwrap()
}

impl Ledger {
    /// Contract number 1 with this text, and a thousand base units.
    pub fn with(text: &str) -> Self {
        Self::of(wat(text))
    }

    pub fn of(code: Bytes) -> Self {
        let mut ledger = Self {
            machine: machine(),
            codes: BTreeMap::new(),
            state: State::default(),
            loads: 0,
        };
        ledger.add(1, code);
        ledger
    }

    pub fn add(&mut self, n: u8, code: Bytes) {
        self.machine.check(&code).unwrap();
        self.codes.insert(address(n), code);
        self.state.balances.insert(address(n), 1_000);
    }

    /// Calls contract 1 with ten million gas.
    pub fn call(&mut self, input: &[u8]) -> Outcome {
        self.run(Entry::Call, input, 10_000_000)
    }

    pub fn run(&mut self, entry: Entry, input: &[u8], gas: u64) -> Outcome {
        let before = self.state.clone();
        let mut frame = Frame {
            ledger: self,
            contract: address(1),
            caller: address(9),
            value: 7,
            depth: 1,
            read_only: entry == Entry::Query,
        };
        let outcome = frame.run(entry, input, gas);
        if !matches!(outcome.end, End::Done(_)) {
            self.state = before;
        }
        outcome
    }
}

struct Frame<'a> {
    ledger: &'a mut Ledger,
    contract: Address,
    caller: Address,
    value: u64,
    depth: usize,
    read_only: bool,
}

impl Frame<'_> {
    fn run(&mut self, entry: Entry, input: &[u8], gas: u64) -> Outcome {
        let machine = self.ledger.machine.clone();
        let code_hash = Hash(sha256(&[&self.ledger.codes[&self.contract]]));
        machine.run(
            Run {
                code_hash,
                entry,
                input,
                gas,
            },
            self,
        )
    }

    fn writes(&self) -> Result<(), Halt> {
        if self.read_only {
            Err(Halt::Trap(TrapKind::ReadOnly))
        } else {
            Ok(())
        }
    }

    fn pay(&mut self, to: Address, amount: u64) -> bool {
        let balances = &mut self.ledger.state.balances;
        let from = balances.entry(self.contract).or_default();
        let Some(rest) = from.checked_sub(amount) else {
            return false;
        };
        *from = rest;
        *balances.entry(to).or_default() += amount;
        true
    }
}

impl Host for Frame<'_> {
    fn context(&self) -> Context {
        Context {
            contract: self.contract,
            caller: self.caller,
            value: Amount(self.value),
            height: 12,
            time_ms: 1_700_000_000_000,
            chain: GenesisId([3; 32]),
        }
    }

    fn code(&mut self) -> Result<Bytes, Halt> {
        self.ledger.loads += 1;
        Ok(self.ledger.codes[&self.contract].clone())
    }

    fn balance(&mut self, address: &Address) -> Result<Amount, Halt> {
        Ok(Amount(
            self.ledger.state.balances.get(address).copied().unwrap_or(0),
        ))
    }

    fn transfer(&mut self, to: &Address, amount: Amount) -> Result<Result<(), NoTransfer>, Halt> {
        self.writes()?;
        if self.ledger.codes.contains_key(to) {
            return Ok(Err(NoTransfer::RecipientRefused));
        }
        Ok(if self.pay(*to, amount.0) {
            Ok(())
        } else {
            Err(NoTransfer::InsufficientBalance)
        })
    }

    fn load(&mut self, key: &[u8]) -> Result<Option<Bytes>, Halt> {
        Ok(self
            .ledger
            .state
            .storage
            .get(&(self.contract, key.to_vec()))
            .cloned())
    }

    fn store(&mut self, key: &[u8], value: &[u8]) -> Result<Option<usize>, Halt> {
        self.writes()?;
        let value = Bytes::copy_from_slice(value);
        let old = self
            .ledger
            .state
            .storage
            .insert((self.contract, key.to_vec()), value);
        Ok(old.map(|v| v.len()))
    }

    fn remove(&mut self, key: &[u8]) -> Result<Option<usize>, Halt> {
        self.writes()?;
        Ok(self
            .ledger
            .state
            .storage
            .remove(&(self.contract, key.to_vec()))
            .map(|v| v.len()))
    }

    fn emit_log(&mut self, topic: &[u8], data: &[u8]) -> Result<(), Halt> {
        self.writes()?;
        if self.ledger.state.events.len() >= MAX_EVENTS {
            return Err(Halt::Trap(TrapKind::TooManyEvents));
        }
        let event = (
            self.contract,
            Bytes::copy_from_slice(topic),
            Bytes::copy_from_slice(data),
        );
        self.ledger.state.events.push(event);
        Ok(())
    }

    fn call(&mut self, call: &Nested<'_>) -> Result<NestedOutcome, Halt> {
        let refused = |why| {
            Ok(NestedOutcome {
                gas_used: 0,
                result: Err(why),
            })
        };
        if !self.ledger.codes.contains_key(&call.contract) {
            return refused(NestedFailure::NotAContract);
        }
        if self.depth >= MAX_FRAMES {
            return refused(NestedFailure::DepthExceeded);
        }
        if call.value.0 > 0 {
            self.writes()?;
        }
        let before = self.ledger.state.clone();
        if !self.pay(call.contract, call.value.0) {
            return refused(NestedFailure::InsufficientBalance);
        }
        let mut frame = Frame {
            contract: call.contract,
            caller: self.contract,
            value: call.value.0,
            depth: self.depth + 1,
            read_only: self.read_only || call.entry == Entry::Query,
            ledger: self.ledger,
        };
        let outcome = frame.run(call.entry, call.input, call.gas);
        let result = match outcome.end {
            End::Done(output) => Ok(output),
            End::Failed(fault) => {
                self.ledger.state = before;
                Err(NestedFailure::Failed(fault.to_string().into()))
            }
            End::Interrupted | End::Broken(_) => return Err(Halt::Interrupted),
        };
        Ok(NestedOutcome {
            gas_used: outcome.gas_used,
            result,
        })
    }
}

/// The trap of an outcome.
pub fn trap(outcome: &Outcome) -> TrapKind {
    match &outcome.end {
        End::Failed(Fault::Trap { kind, .. }) => *kind,
        other => panic!("no trap: {other:?}"),
    }
}

/// The output of an outcome.
pub fn output(outcome: &Outcome) -> Bytes {
    match &outcome.end {
        End::Done(output) => output.clone(),
        other => panic!("not done: {other:?}"),
    }
}
