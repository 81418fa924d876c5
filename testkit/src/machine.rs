//! The contract machine of the nodes: the one that ships, and for simulations that must fail the same with a fault.

use std::sync::{Arc, OnceLock};

use aureon_chain::execution::contracts::{
    CodeFault, CodeReport, ContractHost, ContractMachine, Halt, NestedCall, NestedOutcome, Run, RunContext,
    RunOutcome, TransferRefused,
};
use aureon_node::adapters::{Contracts, UnknownCostTable};
use aureon_types::{Address, Amount, Genesis};
use bytes::Bytes;

/// What is wrong with a machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// Each run costs one gas more.
    Dear,
    /// Each value that is stored has its lowest bit changed.
    OtherValues,
    /// Values whose first byte is a multiple of four are not stored.
    Forgetful,
}

/// One for all nodes of all simulations of the process: what is compiled once is there for all.
pub(crate) fn shared(genesis: &Genesis) -> Result<Arc<dyn ContractMachine>, UnknownCostTable> {
    // All of them pay by the one cost table there is.
    static SHARED: OnceLock<Arc<Contracts>> = OnceLock::new();
    if let Some(machine) = SHARED.get() {
        return Ok(machine.clone());
    }
    let new = Arc::new(Contracts::new(genesis, None)?);
    Ok(SHARED.get_or_init(|| new).clone())
}

/// The same with a fault.
pub(crate) fn faulty(machine: Arc<dyn ContractMachine>, fault: Fault) -> Arc<dyn ContractMachine> {
    Arc::new(Faulty { machine, fault })
}

struct Faulty {
    machine: Arc<dyn ContractMachine>,
    fault: Fault,
}

impl ContractMachine for Faulty {
    fn check(&self, code: &[u8]) -> Result<CodeReport, CodeFault> {
        self.machine.check(code)
    }

    fn run(&self, run: Run<'_>, host: &mut dyn ContractHost) -> RunOutcome {
        let mut between = Between {
            host,
            fault: self.fault,
        };
        let outcome = self.machine.run(run, &mut between);
        match self.fault {
            Fault::Dear => RunOutcome {
                gas_used: outcome.gas_used.saturating_add(1).min(run.gas),
                ..outcome
            },
            Fault::OtherValues | Fault::Forgetful => outcome,
        }
    }
}

/// Stands between the machine and the ledger.
struct Between<'a> {
    host: &'a mut dyn ContractHost,
    fault: Fault,
}

impl ContractHost for Between<'_> {
    fn context(&self) -> RunContext {
        self.host.context()
    }

    fn code(&mut self) -> Result<Bytes, Halt> {
        self.host.code()
    }

    fn balance(&mut self, address: &Address) -> Result<Amount, Halt> {
        self.host.balance(address)
    }

    fn transfer(&mut self, recipient: &Address, amount: Amount) -> Result<Result<(), TransferRefused>, Halt> {
        self.host.transfer(recipient, amount)
    }

    fn load(&mut self, key: &[u8]) -> Result<Option<Bytes>, Halt> {
        self.host.load(key)
    }

    fn store(&mut self, key: &[u8], value: &[u8]) -> Result<Option<usize>, Halt> {
        match (self.fault, value.split_first()) {
            (Fault::OtherValues, Some((first, rest))) => self.host.store(key, &[&[first ^ 1], rest].concat()),
            (Fault::Forgetful, Some((first, _))) if first % 4 == 0 => {
                let before = self.host.load(key)?;
                Ok(before.map(|before| before.len()))
            }
            _ => self.host.store(key, value),
        }
    }

    fn remove(&mut self, key: &[u8]) -> Result<Option<usize>, Halt> {
        self.host.remove(key)
    }

    fn emit(&mut self, topic: &[u8], data: &[u8]) -> Result<(), Halt> {
        self.host.emit(topic, data)
    }

    fn call(&mut self, call: &NestedCall<'_>) -> Result<NestedOutcome, Halt> {
        self.host.call(call)
    }
}
