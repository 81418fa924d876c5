//! A ledger in memory for the real machine: what the chain is to a contract, without blocks.

use std::collections::BTreeMap;

use aureon_interface::{Arguments, Interface};
use aureon_types::{Address, Amount, GenesisId};
use aureon_vm::{
    Context, End, Entry, Fault, Halt, Host, Machine, Nested, NestedFailure, NestedOutcome, NoTransfer,
    Options, Run, TrapKind,
};
use bytes::Bytes;
use serde_json::Value;
use sha2::{Digest, Sha256};

pub const GAS: u64 = 10_000_000;

#[derive(Clone, Default)]
pub struct State {
    pub balances: BTreeMap<Address, u64>,
    storage: BTreeMap<(Address, Vec<u8>), Vec<u8>>,
    pub logs: Vec<(Address, Vec<u8>, Vec<u8>)>,
}

pub struct Ledger {
    machine: Machine,
    codes: BTreeMap<Address, Bytes>,
    pub state: State,
    pub time: u64,
}

/// A run that ended well.
#[derive(Debug)]
pub struct Done {
    pub output: Vec<u8>,
    pub gas: u64,
}

impl Ledger {
    pub fn new() -> Self {
        let machine = Machine::new(&Options::default()).unwrap();
        Self {
            machine,
            codes: BTreeMap::new(),
            state: State::default(),
            time: 1_000_000,
        }
    }

    pub fn account(&mut self, digit: u8, balance: u64) -> Address {
        let address = Address([digit; 20]);
        self.state.balances.insert(address, balance);
        address
    }

    /// Deploys code that the machine has checked; the address is made up.
    pub fn deploy(&mut self, by: Address, value: u64, code: &[u8], arguments: &[(&str, &str)]) -> Contract {
        self.machine.check(code).unwrap();
        let interface = Interface::from_wasm(code).unwrap().unwrap();
        let digit = u8::try_from(self.codes.len()).unwrap() + 0xc0;
        let address = Address([digit; 20]);
        self.codes.insert(address, Bytes::copy_from_slice(code));
        if interface.deploy.is_some() {
            let input = interface
                .encode_deploy(&Arguments::Text(&text(arguments)))
                .unwrap();
            self.enter(by, address, Entry::Deploy, value, &input).unwrap();
        }
        Contract { address, interface }
    }

    /// Runs an entry point as a transaction: all of it stays, or nothing.
    pub fn enter(
        &mut self,
        by: Address,
        to: Address,
        entry: Entry,
        value: u64,
        input: &[u8],
    ) -> Result<Done, Fault> {
        let before = self.state.clone();
        let nested = Nested {
            contract: to,
            entry,
            input,
            value: Amount(value),
            gas: GAS,
        };
        let outcome = frame(self, by, &nested, entry == Entry::Query, 0);
        let (gas, end) = outcome.unwrap();
        match end {
            End::Done(output) => Ok(Done {
                output: output.to_vec(),
                gas,
            }),
            End::Failed(fault) => {
                self.state = before;
                Err(fault)
            }
            other => panic!("the machine itself: {other:?}"),
        }
    }
}

/// A contract and what it says about itself.
pub struct Contract {
    pub address: Address,
    interface: Interface,
}

impl Contract {
    /// A transaction, by name.
    pub fn call(
        &self,
        ledger: &mut Ledger,
        by: Address,
        value: u64,
        name: &str,
        arguments: &[(&str, &str)],
    ) -> Result<(Value, u64), String> {
        let input = self.input(name, arguments);
        let done = ledger
            .enter(by, self.address, Entry::Call, value, &input)
            .map_err(|fault| fault.to_string())?;
        Ok((
            self.interface.decode_result(name, &done.output).unwrap(),
            done.gas,
        ))
    }

    /// A question, by name.
    pub fn query(&self, ledger: &mut Ledger, name: &str, arguments: &[(&str, &str)]) -> Value {
        let input = self.input(name, arguments);
        let done = ledger
            .enter(Address([0; 20]), self.address, Entry::Query, 0, &input)
            .unwrap();
        self.interface.decode_result(name, &done.output).unwrap()
    }

    pub fn input(&self, name: &str, arguments: &[(&str, &str)]) -> Vec<u8> {
        self.interface
            .encode_call(name, &Arguments::Text(&text(arguments)))
            .unwrap()
    }

    /// The newest event, which is this contract's.
    pub fn last_event(&self, ledger: &Ledger) -> (String, Value) {
        let (contract, topic, data) = ledger.state.logs.last().unwrap();
        assert_eq!(*contract, self.address);
        let event = self.interface.decode_event(topic, data).unwrap().unwrap();
        (String::from_utf8(topic.clone()).unwrap(), event)
    }
}

fn text(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect()
}

/// Runs a frame: pays, runs, and undoes a failure; the gas used and how it ended.
fn frame(
    ledger: &mut Ledger,
    caller: Address,
    nested: &Nested<'_>,
    read_only: bool,
    depth: usize,
) -> Result<(u64, End), NestedFailure> {
    let code = ledger
        .codes
        .get(&nested.contract)
        .cloned()
        .ok_or(NestedFailure::NotAContract)?;
    let before = ledger.state.clone();
    pay(&mut ledger.state, caller, nested.contract, nested.value.0)
        .map_err(|_| NestedFailure::InsufficientBalance)?;
    let run = Run {
        code_hash: aureon_types::Hash(Sha256::digest(&code).into()),
        entry: nested.entry,
        input: nested.input,
        gas: nested.gas,
    };
    let context = Context {
        contract: nested.contract,
        caller,
        value: nested.value,
        height: 1,
        time_ms: ledger.time,
        chain: GenesisId([7; 32]),
    };
    let machine = ledger.machine.clone();
    let outcome = machine.run(
        run,
        &mut Frame {
            ledger,
            context,
            code,
            read_only,
            depth,
        },
    );
    if !matches!(outcome.end, End::Done(_)) {
        ledger.state = before;
    }
    Ok((outcome.gas_used, outcome.end))
}

fn pay(state: &mut State, from: Address, to: Address, amount: u64) -> Result<(), NoTransfer> {
    let has = state.balances.get(&from).copied().unwrap_or(0);
    let left = has.checked_sub(amount).ok_or(NoTransfer::InsufficientBalance)?;
    state.balances.insert(from, left);
    *state.balances.entry(to).or_default() += amount;
    Ok(())
}

struct Frame<'a> {
    ledger: &'a mut Ledger,
    context: Context,
    code: Bytes,
    read_only: bool,
    depth: usize,
}

impl Frame<'_> {
    fn writing(&self) -> Result<(), Halt> {
        if self.read_only {
            Err(Halt::Trap(TrapKind::ReadOnly))
        } else {
            Ok(())
        }
    }

    fn key(&self, key: &[u8]) -> (Address, Vec<u8>) {
        (self.context.contract, key.to_vec())
    }
}

impl Host for Frame<'_> {
    fn context(&self) -> Context {
        self.context
    }

    fn code(&mut self) -> Result<Bytes, Halt> {
        Ok(self.code.clone())
    }

    fn balance(&mut self, address: &Address) -> Result<Amount, Halt> {
        Ok(Amount(
            self.ledger.state.balances.get(address).copied().unwrap_or(0),
        ))
    }

    fn transfer(&mut self, to: &Address, amount: Amount) -> Result<Result<(), NoTransfer>, Halt> {
        self.writing()?;
        if self.ledger.codes.contains_key(to) {
            return Ok(Err(NoTransfer::RecipientRefused));
        }
        Ok(pay(&mut self.ledger.state, self.context.contract, *to, amount.0))
    }

    fn load(&mut self, key: &[u8]) -> Result<Option<Bytes>, Halt> {
        Ok(self
            .ledger
            .state
            .storage
            .get(&self.key(key))
            .map(|value| Bytes::copy_from_slice(value)))
    }

    fn store(&mut self, key: &[u8], value: &[u8]) -> Result<Option<usize>, Halt> {
        self.writing()?;
        let key = self.key(key);
        Ok(self
            .ledger
            .state
            .storage
            .insert(key, value.to_vec())
            .map(|old| old.len()))
    }

    fn remove(&mut self, key: &[u8]) -> Result<Option<usize>, Halt> {
        self.writing()?;
        let key = self.key(key);
        Ok(self.ledger.state.storage.remove(&key).map(|old| old.len()))
    }

    fn emit_log(&mut self, topic: &[u8], data: &[u8]) -> Result<(), Halt> {
        self.writing()?;
        self.ledger
            .state
            .logs
            .push((self.context.contract, topic.to_vec(), data.to_vec()));
        Ok(())
    }

    fn call(&mut self, call: &Nested<'_>) -> Result<NestedOutcome, Halt> {
        if call.entry != Entry::Query {
            self.writing()?;
        }
        if self.depth + 1 >= 16 {
            return Ok(NestedOutcome {
                gas_used: 0,
                result: Err(NestedFailure::DepthExceeded),
            });
        }
        let read_only = self.read_only || call.entry == Entry::Query;
        Ok(
            match frame(
                self.ledger,
                self.context.contract,
                call,
                read_only,
                self.depth + 1,
            ) {
                Err(failure) => NestedOutcome {
                    gas_used: 0,
                    result: Err(failure),
                },
                Ok((gas_used, End::Done(output))) => NestedOutcome {
                    gas_used,
                    result: Ok(output),
                },
                Ok((gas_used, End::Failed(fault))) => NestedOutcome {
                    gas_used,
                    result: Err(NestedFailure::Failed(fault.to_string().into_bytes().into())),
                },
                Ok((_, other)) => panic!("the machine itself: {other:?}"),
            },
        )
    }
}
