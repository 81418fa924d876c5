//! Asked from outside: nothing of it stays.

use aureon_types::{Action, Address, Amount, ContractMeta, Event, Failure, Hash, RefusalCode, contract};
use bytes::Bytes;

use super::{BlockInfo, ContractMachine, Entry, Order, Overlay, StateError, StateReader, carry_out, frame};

/// A question to a contract.
#[derive(Clone, Copy, Debug)]
pub struct Question<'a> {
    /// Which.
    pub contract: Address,
    /// Whom the contract sees as the caller; nobody proves to be it.
    pub caller: Address,
    /// At most [`aureon_types::limits::MAX_CALL_INPUT_BYTES`].
    pub input: &'a [u8],
    /// Most gas.
    pub gas: u64,
}

/// What a question came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// By the contract; nobody pays it.
    pub gas_used: u64,
    /// What the contract gave back, or why it did not.
    pub result: Result<Bytes, Failure>,
}

/// What an action would do now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Estimate {
    /// The least gas limit with which it would do the same on the same state. Above `gas_used` by the
    /// deposits that come back.
    pub gas_limit: u64,
    /// What would be paid for.
    pub gas_used: u64,
    /// Why it would fail.
    pub failure: Option<Failure>,
    /// The contract that it would deploy with the sender's next nonce.
    pub contract: Option<Address>,
    /// What the contract would give back.
    pub return_data: Bytes,
    /// What contracts would tell.
    pub events: Vec<Event>,
}

/// Asks a contract: runs its export `query`, which can read and not write. `reader`: the state after
/// `block`.
pub fn query<R: StateReader>(
    reader: &R,
    machine: &dyn ContractMachine,
    block: BlockInfo,
    question: Question<'_>,
) -> Result<Answer, StateError> {
    let Question {
        contract,
        caller,
        input,
        gas,
    } = question;
    let account = reader.account(&contract)?.unwrap_or_default();
    if !account.has_code() {
        return Ok(Answer {
            gas_used: 0,
            result: Err(Failure::refused(RefusalCode::NotAContract)),
        });
    }
    let mut overlay = Overlay::new(reader);
    let call = frame::Call {
        contract,
        code_hash: account.code_hash,
        caller,
        value: Amount::ZERO,
        entry: Entry::Query,
        read_only: true,
        depth: 1,
    };
    let ended = frame::Stage::new(&mut overlay, machine, block).run(call, input, gas)?;
    Ok(Answer {
        gas_used: ended.gas_used,
        result: ended.result.map_err(Failure::from),
    })
}

/// Tries an action of a contract on `reader`, the state after the block below `block`, with at most
/// `max_gas`. The sender needs what the action moves, and no fee. The gas of every other action follows
/// from its kind alone, and nothing is tried.
pub fn estimate<R: StateReader>(
    reader: &R,
    machine: &dyn ContractMachine,
    block: BlockInfo,
    sender: Address,
    action: &Action,
    max_gas: u64,
) -> Result<Estimate, StateError> {
    let base = action.gas();
    if !action.is_contract() || base > max_gas {
        return Ok(Estimate {
            gas_limit: base,
            gas_used: base.min(max_gas),
            failure: (base > max_gas).then_some(Failure::OutOfGas {
                gas_limit: max_gas,
                required: base,
            }),
            contract: None,
            return_data: Bytes::new(),
            events: Vec::new(),
        });
    }
    let order = Order {
        sender,
        nonce: reader.account(&sender)?.unwrap_or_default().nonce,
        gas_limit: max_gas,
        action,
    };
    let performed = carry_out(&mut Overlay::new(reader), machine, block, order)?;
    Ok(Estimate {
        gas_limit: performed.gas_needed,
        gas_used: performed.gas_used,
        failure: performed.failure,
        contract: performed.contract,
        return_data: performed.return_data,
        events: performed.events,
    })
}

/// Code hash and record of the contract at an address; `None` if there is none.
pub fn contract_at<R: StateReader>(
    reader: &R,
    address: &Address,
) -> Result<Option<(Hash, ContractMeta)>, StateError> {
    let account = reader.account(address)?.unwrap_or_default();
    if !account.has_code() {
        return Ok(None);
    }
    let record = reader.storage(address, &contract::meta_slot())?;
    Ok(Some((account.code_hash, frame::meta(*address, record)?)))
}
