//! A machine whose contracts are small enough to be read: the code only names its entry points, and the
//! input is the program, with the inputs of nested calls within it.

use aureon_types::{Address, Amount, ContractFault, TrapCode, contract::code_hash};
use bytes::Bytes;

use super::{
    CodeFault, CodeReport, ContractHost, ContractMachine, Entry, Halt, NestedCall, NestedFailure, Run,
    RunEnd, RunOutcome,
};

/// Gas of every step.
pub const STEP: u64 = 100;
/// Gas of a stored byte that was not there; what comes back for one that is removed.
pub const DEPOSIT: u64 = 50;

/// One step of a program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Op {
    /// A value of so many bytes, each the key's.
    Store(u8, u16),
    Remove(u8),
    /// The value becomes the output.
    Load(u8),
    Pay(Address, u64),
    Call {
        contract: Address,
        value: u64,
        gas: u64,
        program: Vec<Op>,
        /// Whether its failure is ours too, with its reason; else the output is what it gave, or why not.
        must: bool,
    },
    Ask(Address, u64, Vec<Op>),
    /// An event with such a topic and so many bytes of data.
    Emit(u8, u16),
    Abort,
    Trap,
    Burn(u64),
    /// The caller, value, height, time become the output.
    Who,
    Output(u16),
}

/// Code with entry points, and a word that makes it another code.
pub fn code(entries: &[Entry], word: &str) -> Bytes {
    let names: Vec<&str> = entries.iter().map(|entry| entry.name()).collect();
    Bytes::from(format!("script {} {word}", names.join(" ")))
}

const ENTRIES: [Entry; 4] = [Entry::Deploy, Entry::Call, Entry::Query, Entry::Migrate];

pub fn everything() -> Bytes {
    code(&ENTRIES, "")
}

pub fn encode(program: &[Op]) -> Bytes {
    let mut bytes = Vec::new();
    let nested = |bytes: &mut Vec<u8>, program: &[Op]| {
        let inner = encode(program);
        bytes.extend(u32::try_from(inner.len()).unwrap().to_be_bytes());
        bytes.extend(inner);
    };
    for op in program {
        match op {
            Op::Store(key, len) => {
                bytes.extend([0, *key]);
                bytes.extend(len.to_be_bytes());
            }
            Op::Remove(key) => bytes.extend([1, *key]),
            Op::Load(key) => bytes.extend([2, *key]),
            Op::Pay(to, amount) => {
                bytes.push(3);
                bytes.extend(to.0);
                bytes.extend(amount.to_be_bytes());
            }
            Op::Call {
                contract,
                value,
                gas,
                program,
                must,
            } => {
                bytes.push(4);
                bytes.extend(contract.0);
                bytes.extend(value.to_be_bytes());
                bytes.extend(gas.to_be_bytes());
                bytes.push((*must).into());
                nested(&mut bytes, program);
            }
            Op::Ask(contract, gas, program) => {
                bytes.push(5);
                bytes.extend(contract.0);
                bytes.extend(gas.to_be_bytes());
                nested(&mut bytes, program);
            }
            Op::Emit(topic, len) => {
                bytes.extend([6, *topic]);
                bytes.extend(len.to_be_bytes());
            }
            Op::Abort => bytes.push(7),
            Op::Trap => bytes.push(8),
            Op::Burn(gas) => {
                bytes.push(9);
                bytes.extend(gas.to_be_bytes());
            }
            Op::Who => bytes.push(10),
            Op::Output(len) => {
                bytes.push(11);
                bytes.extend(len.to_be_bytes());
            }
        }
    }
    bytes.into()
}

struct Reader<'a>(&'a [u8]);

impl Reader<'_> {
    fn take<const N: usize>(&mut self) -> [u8; N] {
        let (head, rest) = self.0.split_first_chunk().expect("programs are whole");
        self.0 = rest;
        *head
    }

    fn long(&mut self) -> u64 {
        u64::from_be_bytes(self.take())
    }

    fn short(&mut self) -> u16 {
        u16::from_be_bytes(self.take())
    }

    fn byte(&mut self) -> u8 {
        let [byte] = self.take();
        byte
    }

    fn nested(&mut self) -> Vec<Op> {
        let len = u32::from_be_bytes(self.take()) as usize;
        let (inner, rest) = self.0.split_at(len);
        self.0 = rest;
        decode(inner)
    }
}

fn decode(bytes: &[u8]) -> Vec<Op> {
    let mut reader = Reader(bytes);
    let mut program = Vec::new();
    while !reader.0.is_empty() {
        program.push(match reader.byte() {
            0 => Op::Store(reader.byte(), reader.short()),
            1 => Op::Remove(reader.byte()),
            2 => Op::Load(reader.byte()),
            3 => Op::Pay(Address(reader.take()), reader.long()),
            4 => Op::Call {
                contract: Address(reader.take()),
                value: reader.long(),
                gas: reader.long(),
                must: reader.byte() == 1,
                program: reader.nested(),
            },
            5 => Op::Ask(Address(reader.take()), reader.long(), reader.nested()),
            6 => Op::Emit(reader.byte(), reader.short()),
            7 => Op::Abort,
            8 => Op::Trap,
            9 => Op::Burn(reader.long()),
            10 => Op::Who,
            _ => Op::Output(reader.short()),
        });
    }
    program
}

/// Runs scripts.
pub struct ScriptMachine;

/// Why a script stopped early.
enum Stop {
    Fault(ContractFault),
    Interrupted,
}

impl From<Halt> for Stop {
    fn from(halt: Halt) -> Self {
        match halt {
            Halt::Trap(code) => Self::Fault(trap(code)),
            Halt::Interrupted => Self::Interrupted,
        }
    }
}

pub fn trap(code: TrapCode) -> ContractFault {
    ContractFault::Trap {
        code,
        functions: vec!["script".to_owned()],
    }
}

pub fn abort(message: &str) -> ContractFault {
    ContractFault::Abort {
        message: message.to_owned(),
    }
}

struct Script<'h> {
    host: &'h mut dyn ContractHost,
    left: u64,
    refund: u64,
    output: Vec<u8>,
}

impl Script<'_> {
    fn charge(&mut self, gas: u64) -> Result<(), Stop> {
        match self.left.checked_sub(gas) {
            Some(left) => self.left = left,
            None => {
                self.left = 0;
                return Err(Stop::Fault(ContractFault::OutOfGas));
            }
        }
        Ok(())
    }

    fn step(&mut self, op: Op) -> Result<(), Stop> {
        self.charge(STEP)?;
        match op {
            Op::Store(key, len) => {
                let before = self.host.store(&[key], &vec![key; len.into()])?.unwrap_or(0) as u64;
                let new = u64::from(len).saturating_sub(before);
                self.charge(DEPOSIT * new)?;
                self.refund += DEPOSIT * before.saturating_sub(len.into());
            }
            Op::Remove(key) => {
                let before = self.host.remove(&[key])?.unwrap_or(0) as u64;
                self.refund += DEPOSIT * before;
            }
            Op::Load(key) => self.output = self.host.load(&[key])?.unwrap_or_default().to_vec(),
            Op::Pay(to, amount) => {
                if let Err(refused) = self.host.transfer(&to, Amount(amount))? {
                    self.output = format!("{refused:?}").into_bytes();
                }
            }
            Op::Call {
                contract,
                value,
                gas,
                program,
                must,
            } => self.nested(contract, Entry::Call, value, gas, &program, must)?,
            Op::Ask(contract, gas, program) => {
                self.nested(contract, Entry::Query, 0, gas, &program, false)?;
            }
            Op::Emit(topic, len) => self.host.emit(&[topic], &vec![topic; len.into()])?,
            Op::Abort => return Err(Stop::Fault(abort("it was told to"))),
            Op::Trap => return Err(Stop::Fault(trap(TrapCode::Unreachable))),
            Op::Burn(gas) => self.charge(gas)?,
            Op::Who => {
                let context = self.host.context();
                let balance = self.host.balance(&context.contract)?;
                self.output = format!("{context:?} {balance}").into_bytes();
            }
            Op::Output(len) => self.output = vec![7; len.into()],
        }
        Ok(())
    }

    fn nested(
        &mut self,
        contract: Address,
        entry: Entry,
        value: u64,
        gas: u64,
        program: &[Op],
        must: bool,
    ) -> Result<(), Stop> {
        let outcome = self.host.call(&NestedCall {
            contract,
            entry,
            input: &encode(program),
            value: Amount(value),
            gas: gas.min(self.left),
        })?;
        self.charge(outcome.gas_used)?;
        match outcome.result {
            Ok(output) => self.output = output.to_vec(),
            Err(NestedFailure::Failed(reason)) if must => return Err(Stop::Fault(abort(&reason))),
            Err(_) if must => return Err(Stop::Fault(abort("what it needs failed"))),
            Err(failure) => self.output = format!("{failure:?}").into_bytes(),
        }
        Ok(())
    }
}

impl ContractMachine for ScriptMachine {
    fn check(&self, code: &[u8]) -> Result<CodeReport, CodeFault> {
        let text = std::str::from_utf8(code).ok();
        let Some(names) = text.and_then(|text| text.strip_prefix("script")) else {
            return Err(CodeFault {
                reason: "it is no script".to_owned(),
            });
        };
        let has = |entry: &Entry| names.split(' ').any(|name| name == entry.name());
        let entries = ENTRIES.into_iter().filter(has).collect();
        Ok(CodeReport { entries })
    }

    fn run(&self, run: Run<'_>, host: &mut dyn ContractHost) -> RunOutcome {
        let failed = |end| RunOutcome {
            gas_used: 0,
            refund: 0,
            end,
        };
        let code = match host.code() {
            Ok(code) => code,
            Err(_) => return failed(RunEnd::Interrupted),
        };
        assert_eq!(code_hash(&code), run.code_hash);
        if !self.check(&code).unwrap().offers(run.entry) {
            let name = run.entry.name();
            return failed(RunEnd::Failed(ContractFault::NoEntryPoint { name }));
        }
        let mut script = Script {
            host,
            left: run.gas,
            refund: 0,
            output: Vec::new(),
        };
        let result = decode(run.input).into_iter().try_for_each(|op| script.step(op));
        RunOutcome {
            gas_used: run.gas - script.left,
            refund: script.refund,
            end: match result {
                Ok(()) => RunEnd::Done(script.output.into()),
                Err(Stop::Fault(fault)) => RunEnd::Failed(fault),
                Err(Stop::Interrupted) => RunEnd::Interrupted,
            },
        }
    }
}
