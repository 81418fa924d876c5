//! The ledger's contract machine, answered by the machine of `aureon-vm`.
//!
//! *Architecture invariant:* nothing is decided here. What a contract may do is the ledger's, what it costs
//! and how it runs is the machine's; this translates the words of one into those of the other.

use std::path::PathBuf;

use aureon_chain::execution::contracts::{
    CodeFault, CodeReport, ContractHost, ContractMachine, Entry, Halt, NestedCall, NestedFailure, Run,
    RunEnd, RunOutcome, TransferRefused,
};
use aureon_types::{
    Address, Amount, Genesis,
    contract::{ContractFault, TrapCode},
};
use aureon_vm::{self as vm, UnknownCostTable};
use bytes::Bytes;

/// The contract machine of a node: one for what it executes, and beside it one for what it estimates and answers, which
/// takes compiled modules from the first and gives it none.
#[derive(Debug)]
pub struct Contracts {
    machine: vm::Machine,
    cost_table: u32,
}

impl Contracts {
    /// Pays by the cost table that the genesis names. Compiled modules are kept in memory, and in `directory`
    /// if there is one, which may be deleted whenever the node does not run.
    pub fn new(genesis: &Genesis, directory: Option<PathBuf>) -> Result<Self, UnknownCostTable> {
        let cost_table = genesis.vm_cost_table;
        let machine = vm::Machine::new(&vm::Options {
            cost_table,
            cache_directory: directory,
            ..vm::Options::default()
        })?;
        Ok(Self { machine, cost_table })
    }

    /// The same for clients' questions.
    #[must_use]
    pub fn for_visitors(&self) -> Self {
        Self {
            machine: self.machine.for_visitors(),
            cost_table: self.cost_table,
        }
    }
}

impl ContractMachine for Contracts {
    fn check(&self, code: &[u8]) -> Result<CodeReport, CodeFault> {
        let report = self.machine.accept(code).map_err(|error| CodeFault {
            reason: error.to_string(),
        })?;
        Ok(CodeReport {
            entries: report.entries.into_iter().map(entry_of).collect(),
        })
    }

    fn run(&self, run: Run<'_>, host: &mut dyn ContractHost) -> RunOutcome {
        if run.cost_table != self.cost_table {
            let (asked, own) = (run.cost_table, self.cost_table);
            return RunOutcome {
                gas_used: 0,
                refund: 0,
                end: RunEnd::Broken(format!(
                    "the block pays by cost table {asked}, the machine has {own}"
                )),
            };
        }
        let asked = vm::Run {
            code_hash: run.code_hash,
            entry: entry_for(run.entry),
            input: run.input,
            gas: run.gas,
        };
        let outcome = self.machine.run(asked, &mut Host(host));
        RunOutcome {
            gas_used: outcome.gas_used,
            refund: outcome.refund,
            end: match outcome.end {
                vm::End::Done(output) => RunEnd::Done(output),
                vm::End::Failed(fault) => RunEnd::Failed(fault_of(fault)),
                vm::End::Interrupted => RunEnd::Interrupted,
                vm::End::Broken(reason) => RunEnd::Broken(reason),
            },
        }
    }
}

fn entry_for(entry: Entry) -> vm::Entry {
    match entry {
        Entry::Deploy => vm::Entry::Deploy,
        Entry::Call => vm::Entry::Call,
        Entry::Query => vm::Entry::Query,
        Entry::Migrate => vm::Entry::Migrate,
    }
}

fn entry_of(entry: vm::Entry) -> Entry {
    match entry {
        vm::Entry::Deploy => Entry::Deploy,
        vm::Entry::Call => Entry::Call,
        vm::Entry::Query => Entry::Query,
        vm::Entry::Migrate => Entry::Migrate,
    }
}

fn fault_of(fault: vm::Fault) -> ContractFault {
    let fault = match fault {
        vm::Fault::OutOfGas => ContractFault::OutOfGas,
        vm::Fault::Trap { kind, functions } => ContractFault::Trap {
            code: trap_of(kind),
            functions,
        },
        vm::Fault::Abort { message } => ContractFault::Abort { message },
        vm::Fault::NoEntry(entry) => ContractFault::NoEntryPoint { name: entry.name() },
    };
    fault.bounded()
}

fn trap_of(kind: vm::TrapKind) -> TrapCode {
    match kind {
        vm::TrapKind::Unreachable => TrapCode::Unreachable,
        vm::TrapKind::MemoryOutOfBounds => TrapCode::MemoryOutOfBounds,
        vm::TrapKind::TableOutOfBounds => TrapCode::TableOutOfBounds,
        vm::TrapKind::IndirectCallToNull => TrapCode::IndirectCallToNull,
        vm::TrapKind::BadSignature => TrapCode::BadSignature,
        vm::TrapKind::IntegerOverflow => TrapCode::IntegerOverflow,
        vm::TrapKind::DivisionByZero => TrapCode::IntegerDivisionByZero,
        vm::TrapKind::BadConversion => TrapCode::BadConversionToInteger,
        vm::TrapKind::CallDepth => TrapCode::CallStackExhausted,
        vm::TrapKind::BadPointer => TrapCode::BadPointer,
        vm::TrapKind::BadLength => TrapCode::BadArgument,
        vm::TrapKind::ReadOnly => TrapCode::ReadOnly,
        vm::TrapKind::TooManyEvents => TrapCode::TooManyEvents,
        vm::TrapKind::TooMuchMemory => TrapCode::TooMuchMemory,
    }
}

/// Traps that the ledger's host ends a run with.
fn kind_of(code: TrapCode) -> vm::TrapKind {
    match code {
        TrapCode::Unreachable => vm::TrapKind::Unreachable,
        TrapCode::MemoryOutOfBounds => vm::TrapKind::MemoryOutOfBounds,
        TrapCode::TableOutOfBounds => vm::TrapKind::TableOutOfBounds,
        TrapCode::IndirectCallToNull => vm::TrapKind::IndirectCallToNull,
        TrapCode::BadSignature => vm::TrapKind::BadSignature,
        TrapCode::IntegerOverflow => vm::TrapKind::IntegerOverflow,
        TrapCode::IntegerDivisionByZero => vm::TrapKind::DivisionByZero,
        TrapCode::BadConversionToInteger => vm::TrapKind::BadConversion,
        TrapCode::CallStackExhausted => vm::TrapKind::CallDepth,
        TrapCode::BadPointer => vm::TrapKind::BadPointer,
        TrapCode::BadArgument => vm::TrapKind::BadLength,
        TrapCode::ReadOnly => vm::TrapKind::ReadOnly,
        TrapCode::TooManyEvents => vm::TrapKind::TooManyEvents,
        TrapCode::TooMuchMemory => vm::TrapKind::TooMuchMemory,
    }
}

fn halt(halt: Halt) -> vm::Halt {
    match halt {
        Halt::Trap(code) => vm::Halt::Trap(kind_of(code)),
        Halt::Interrupted => vm::Halt::Interrupted,
    }
}

/// The ledger's host in the machine's words.
struct Host<'a>(&'a mut dyn ContractHost);

impl vm::Host for Host<'_> {
    fn context(&self) -> vm::Context {
        let context = self.0.context();
        vm::Context {
            contract: context.contract,
            caller: context.caller,
            value: context.value,
            height: context.height,
            time_ms: context.timestamp_ms,
            chain: context.genesis_id,
        }
    }

    fn code(&mut self) -> Result<Bytes, vm::Halt> {
        self.0.code().map_err(halt)
    }

    fn balance(&mut self, address: &Address) -> Result<Amount, vm::Halt> {
        self.0.balance(address).map_err(halt)
    }

    fn transfer(&mut self, to: &Address, amount: Amount) -> Result<Result<(), vm::NoTransfer>, vm::Halt> {
        let moved = self.0.transfer(to, amount).map_err(halt)?;
        Ok(moved.map_err(|refused| match refused {
            TransferRefused::InsufficientBalance { .. } => vm::NoTransfer::InsufficientBalance,
            TransferRefused::ToContract | TransferRefused::ToSystemAccount => {
                vm::NoTransfer::RecipientRefused
            }
        }))
    }

    fn load(&mut self, key: &[u8]) -> Result<Option<Bytes>, vm::Halt> {
        self.0.load(key).map_err(halt)
    }

    fn store(&mut self, key: &[u8], value: &[u8]) -> Result<Option<usize>, vm::Halt> {
        self.0.store(key, value).map_err(halt)
    }

    fn remove(&mut self, key: &[u8]) -> Result<Option<usize>, vm::Halt> {
        self.0.remove(key).map_err(halt)
    }

    fn emit_log(&mut self, topic: &[u8], data: &[u8]) -> Result<(), vm::Halt> {
        self.0.emit(topic, data).map_err(halt)
    }

    fn call(&mut self, call: &vm::Nested<'_>) -> Result<vm::NestedOutcome, vm::Halt> {
        let asked = NestedCall {
            contract: call.contract,
            entry: entry_of(call.entry),
            input: call.input,
            value: call.value,
            gas: call.gas,
        };
        let outcome = self.0.call(&asked).map_err(halt)?;
        Ok(vm::NestedOutcome {
            gas_used: outcome.gas_used,
            result: outcome.result.map_err(nested_failure),
        })
    }
}

fn nested_failure(failure: NestedFailure) -> vm::NestedFailure {
    match failure {
        NestedFailure::NotAContract => vm::NestedFailure::NotAContract,
        NestedFailure::DepthExceeded => vm::NestedFailure::DepthExceeded,
        NestedFailure::InsufficientBalance => vm::NestedFailure::InsufficientBalance,
        NestedFailure::Failed(reason) => vm::NestedFailure::Failed(reason.into()),
    }
}

#[cfg(test)]
mod tests {
    use aureon_types::limits as ledger;
    use vm::limits as machine;

    use super::*;

    #[test]
    fn ledger_and_machine_have_the_same_limits() {
        for (what, ours, theirs) in [
            ("code", ledger::MAX_CODE_BYTES, machine::MAX_CODE_BYTES),
            ("input", ledger::MAX_CALL_INPUT_BYTES, machine::MAX_INPUT_BYTES),
            ("output", ledger::MAX_RETURN_BYTES, machine::MAX_OUTPUT_BYTES),
            ("key", ledger::MAX_CONTRACT_KEY_BYTES, machine::MAX_KEY_BYTES),
            (
                "value",
                ledger::MAX_CONTRACT_VALUE_BYTES,
                machine::MAX_VALUE_BYTES,
            ),
            ("topic", ledger::MAX_EVENT_TOPIC_BYTES, machine::MAX_TOPIC_BYTES),
            ("log", ledger::MAX_EVENT_DATA_BYTES, machine::MAX_LOG_BYTES),
            ("abort", ledger::MAX_FAULT_TEXT_BYTES, machine::MAX_ABORT_BYTES),
            ("functions", ledger::MAX_FAULT_FUNCTIONS, machine::MAX_TRACE),
        ] {
            assert_eq!(ours, theirs, "{what}");
        }
        const { assert!(machine::MAX_TRACE_NAME_BYTES <= ledger::MAX_FAULT_FUNCTION_BYTES) };
        assert_eq!(vm::cost::VERSION, aureon_types::genesis::VM_COST_TABLE);
    }

    #[test]
    fn traps_come_back() {
        for code in TrapCode::ALL {
            assert_eq!(trap_of(kind_of(*code)), *code);
        }
    }
}
