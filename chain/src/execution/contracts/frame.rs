//! Frames: one per call, each with a way back.

use aureon_types::{
    Account, Address, Amount, ContractFault, ContractMeta, Event, Failure, Hash, TrapCode,
    account::SYSTEM_ADDRESS,
    contract,
    limits::{
        MAX_CALL_FRAMES, MAX_CALL_INPUT_BYTES, MAX_CONTRACT_KEY_BYTES, MAX_CONTRACT_VALUE_BYTES,
        MAX_EVENT_DATA_BYTES, MAX_EVENT_TOPIC_BYTES, MAX_EVENTS, MAX_RETURN_BYTES,
    },
};
use bytes::Bytes;

use super::{
    BlockInfo, Checkpoint, ContractHost, ContractMachine, Entry, Halt, NestedCall, NestedFailure,
    NestedOutcome, Overlay, Run, RunContext, RunEnd, StateError, StateReader, TransferRefused,
};

/// What all frames of a transaction share.
pub(super) struct Stage<'s, 'a, R> {
    pub overlay: &'s mut Overlay<'a, R>,
    pub machine: &'s dyn ContractMachine,
    pub block: BlockInfo,
    /// What was told and not undone.
    pub events: Vec<Event>,
    /// Deposits that come back, in gas, and were not undone.
    pub refund: u64,
    /// Why [`Halt::Interrupted`] was said.
    interrupted: Option<StateError>,
}

/// What a frame is entered with.
#[derive(Clone, Copy)]
pub(super) struct Call {
    pub contract: Address,
    pub code_hash: Hash,
    pub caller: Address,
    /// The caller has it.
    pub value: Amount,
    pub entry: Entry,
    pub read_only: bool,
    /// 1 for the outermost.
    pub depth: usize,
}

/// What a frame came to.
pub(super) struct Ended {
    /// With that of the frames within it.
    pub gas_used: u64,
    pub result: Result<Bytes, Fault>,
}

/// Where something failed, and why.
#[derive(Clone)]
pub(super) struct Fault {
    /// The contract itself, or the one whose reason it handed on.
    pub contract: Address,
    pub fault: ContractFault,
}

impl From<Fault> for Failure {
    fn from(Fault { contract, fault }: Fault) -> Self {
        Self::Contract { contract, fault }
    }
}

/// Where a frame began.
struct Start {
    checkpoint: Checkpoint,
    events: usize,
    refund: u64,
}

impl<'s, 'a, R: StateReader> Stage<'s, 'a, R> {
    pub fn new(overlay: &'s mut Overlay<'a, R>, machine: &'s dyn ContractMachine, block: BlockInfo) -> Self {
        Self {
            overlay,
            machine,
            block,
            events: Vec::new(),
            refund: 0,
            interrupted: None,
        }
    }

    pub fn account(&mut self, address: &Address) -> Result<Account, StateError> {
        let slot = self.overlay.slot(address)?;
        Ok(*self.overlay.get(slot))
    }

    pub fn meta(&mut self, address: &Address) -> Result<ContractMeta, StateError> {
        let record = self.overlay.storage(address, &contract::meta_slot())?;
        meta(*address, record)
    }

    /// Moves what `from` has.
    pub fn move_value(&mut self, from: &Address, to: &Address, value: Amount) -> Result<(), StateError> {
        if value == Amount::ZERO {
            return Ok(());
        }
        if !self.overlay.debit(from, value)? {
            return Err(StateError::Machine(format!(
                "{from} was to send {value} base units that it has not"
            )));
        }
        self.overlay.credit(to, value)
    }

    /// Runs one frame. If it fails, it leaves nothing.
    pub fn run(&mut self, call: Call, input: &[u8], gas: u64) -> Result<Ended, StateError> {
        let start = Start {
            checkpoint: self.overlay.checkpoint(),
            events: self.events.len(),
            refund: self.refund,
        };
        self.move_value(&call.caller, &call.contract, call.value)?;
        let (machine, cost_table) = (self.machine, self.block.cost_table);
        let run = Run {
            code_hash: call.code_hash,
            cost_table,
            entry: call.entry,
            input,
            gas,
        };
        let mut frame = Frame {
            stage: self,
            call,
            heard: None,
        };
        let outcome = machine.run(run, &mut frame);
        let heard = frame.heard;
        if let Some(error) = self.interrupted.take() {
            return Err(error);
        }
        let result = match outcome.end {
            RunEnd::Done(output) if output.len() > MAX_RETURN_BYTES => {
                let (code, functions) = (TrapCode::BadArgument, Vec::new());
                Err(blame(
                    call.contract,
                    ContractFault::Trap { code, functions },
                    None,
                ))
            }
            RunEnd::Done(output) => Ok(output),
            RunEnd::Failed(fault) => Err(blame(call.contract, fault.bounded(), heard)),
            RunEnd::Interrupted => {
                return Err(StateError::Machine("it stopped without being told to".to_owned()));
            }
            RunEnd::Broken(reason) => return Err(StateError::Machine(reason)),
        };
        if result.is_ok() {
            self.refund = self.refund.saturating_add(outcome.refund);
        } else {
            self.overlay.revert(start.checkpoint);
            self.events.truncate(start.events);
            self.refund = start.refund;
        }
        Ok(Ended {
            gas_used: outcome.gas_used.min(gas),
            result,
        })
    }
}

/// Who failed. A contract that aborts with nothing but the reason that it was told of a call hands that on:
/// then it was the called one, and people read that reason once.
fn blame(contract: Address, fault: ContractFault, heard: Option<Fault>) -> Fault {
    match (&fault, heard) {
        (ContractFault::Abort { message }, Some(inner)) if *message == inner.fault.reason() => inner,
        _ => Fault { contract, fault },
    }
}

/// The record of a contract, which must be there.
pub(super) fn meta(contract: Address, record: Option<Bytes>) -> Result<ContractMeta, StateError> {
    let damaged = |reason| StateError::ContractRecord { contract, reason };
    let record = record.ok_or_else(|| damaged("it is not there".to_owned()))?;
    ContractMeta::decode(&record).map_err(|error| damaged(error.to_string()))
}

/// A running frame, as its contract sees it.
struct Frame<'f, 's, 'a, R> {
    stage: &'f mut Stage<'s, 'a, R>,
    call: Call,
    /// Why its last call failed, if a contract did.
    heard: Option<Fault>,
}

impl<R: StateReader> Frame<'_, '_, '_, R> {
    /// Remembers why, and stops the machine.
    fn readable<T>(&mut self, result: Result<T, StateError>) -> Result<T, Halt> {
        result.map_err(|error| {
            self.stage.interrupted.get_or_insert(error);
            Halt::Interrupted
        })
    }

    fn account(&mut self, address: &Address) -> Result<Account, Halt> {
        let account = self.stage.account(address);
        self.readable(account)
    }

    fn writable(&self) -> Result<(), Halt> {
        if self.call.read_only {
            Err(Halt::Trap(TrapCode::ReadOnly))
        } else {
            Ok(())
        }
    }

    fn value(&mut self, slot: &Hash) -> Result<Option<Bytes>, Halt> {
        let value = self.stage.overlay.storage(&self.call.contract, slot);
        self.readable(value)
    }

    /// Replaces a value and tells the length of the one before.
    fn replace(&mut self, key: &[u8], value: Option<Bytes>) -> Result<Option<usize>, Halt> {
        self.writable()?;
        let slot = slot(key)?;
        let before = self
            .stage
            .overlay
            .replace_storage(&self.call.contract, &slot, value);
        self.readable(before)
    }
}

fn slot(key: &[u8]) -> Result<Hash, Halt> {
    at_most(key, MAX_CONTRACT_KEY_BYTES)?;
    if key.is_empty() {
        return Err(Halt::Trap(TrapCode::BadArgument));
    }
    Ok(contract::slot(key))
}

fn at_most(bytes: &[u8], limit: usize) -> Result<(), Halt> {
    if bytes.len() > limit {
        Err(Halt::Trap(TrapCode::BadArgument))
    } else {
        Ok(())
    }
}

impl<R: StateReader> ContractHost for Frame<'_, '_, '_, R> {
    fn context(&self) -> RunContext {
        let BlockInfo {
            genesis_id,
            height,
            timestamp_ms,
            ..
        } = self.stage.block;
        RunContext {
            contract: self.call.contract,
            caller: self.call.caller,
            value: self.call.value,
            height,
            timestamp_ms,
            genesis_id,
            read_only: self.call.read_only,
        }
    }

    fn code(&mut self) -> Result<Bytes, Halt> {
        let hash = self.call.code_hash;
        let code = self.stage.overlay.code(&hash);
        let code = code.and_then(|code| code.ok_or(StateError::MissingCode(hash)));
        self.readable(code)
    }

    fn balance(&mut self, address: &Address) -> Result<Amount, Halt> {
        Ok(self.account(address)?.balance)
    }

    fn transfer(&mut self, recipient: &Address, amount: Amount) -> Result<Result<(), TransferRefused>, Halt> {
        self.writable()?;
        if *recipient == SYSTEM_ADDRESS {
            return Ok(Err(TransferRefused::ToSystemAccount));
        }
        if self.account(recipient)?.has_code() {
            return Ok(Err(TransferRefused::ToContract));
        }
        let contract = self.call.contract;
        let available = self.account(&contract)?.balance;
        if available < amount {
            return Ok(Err(TransferRefused::InsufficientBalance { available }));
        }
        let moved = self.stage.move_value(&contract, recipient, amount);
        self.readable(moved).map(Ok)
    }

    fn load(&mut self, key: &[u8]) -> Result<Option<Bytes>, Halt> {
        let slot = slot(key)?;
        self.value(&slot)
    }

    fn store(&mut self, key: &[u8], value: &[u8]) -> Result<Option<usize>, Halt> {
        at_most(value, MAX_CONTRACT_VALUE_BYTES)?;
        self.replace(key, Some(Bytes::copy_from_slice(value)))
    }

    fn remove(&mut self, key: &[u8]) -> Result<Option<usize>, Halt> {
        self.replace(key, None)
    }

    fn emit(&mut self, topic: &[u8], data: &[u8]) -> Result<(), Halt> {
        self.writable()?;
        at_most(topic, MAX_EVENT_TOPIC_BYTES)?;
        at_most(data, MAX_EVENT_DATA_BYTES)?;
        if self.stage.events.len() >= MAX_EVENTS {
            return Err(Halt::Trap(TrapCode::TooManyEvents));
        }
        self.stage.events.push(Event {
            contract: self.call.contract,
            topic: Bytes::copy_from_slice(topic),
            data: Bytes::copy_from_slice(data),
        });
        Ok(())
    }

    fn call(&mut self, call: &NestedCall<'_>) -> Result<NestedOutcome, Halt> {
        self.heard = None;
        let read_only = self.call.read_only || call.entry == Entry::Query;
        if read_only && call.value > Amount::ZERO {
            return Err(Halt::Trap(TrapCode::ReadOnly));
        }
        at_most(call.input, MAX_CALL_INPUT_BYTES)?;
        let nothing = |failure| {
            Ok(NestedOutcome {
                gas_used: 0,
                result: Err(failure),
            })
        };
        if self.call.depth >= MAX_CALL_FRAMES {
            return nothing(NestedFailure::DepthExceeded);
        }
        let account = self.account(&call.contract)?;
        if !account.has_code() {
            return nothing(NestedFailure::NotAContract);
        }
        let caller = self.call.contract;
        if self.account(&caller)?.balance < call.value {
            return nothing(NestedFailure::InsufficientBalance);
        }
        let frame = Call {
            contract: call.contract,
            code_hash: account.code_hash,
            caller,
            value: call.value,
            entry: match call.entry {
                Entry::Query => Entry::Query,
                Entry::Deploy | Entry::Call | Entry::Migrate => Entry::Call,
            },
            read_only,
            depth: self.call.depth.saturating_add(1),
        };
        let ended = self.stage.run(frame, call.input, call.gas);
        let Ended { gas_used, result } = self.readable(ended)?;
        self.heard = result.as_ref().err().cloned();
        Ok(NestedOutcome {
            gas_used,
            result: result.map_err(|failed| NestedFailure::Failed(failed.fault.reason())),
        })
    }
}
