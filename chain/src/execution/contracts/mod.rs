//! Contracts: deployed, called, upgraded by transactions, and asked from outside.
//!
//! *Two ports.* What runs code is a [`ContractMachine`]; what running code may ask of the ledger is a
//! [`ContractHost`], which the ledger's frames implement. Nested calls go through both: the machine asks
//! the host for a call, and the host runs the machine again.
//!
//! *Frames.* Every call has a checkpoint of its own in the block's overlay. When it fails, its writes,
//! transfers, events and refunds are gone, also those of the calls within it, and who called goes on with
//! the gas that is left. No frame keeps a balance or a slot of its own beside the overlay, so a contract
//! that is entered again while it waits finds everything as it is.
//!
//! *Gas.* A transaction pays the base of its action ([`Action::gas`]) and what the machine counted, at
//! most its gas limit. Deposits for storage that was removed come back, at most half of the gas used. The
//! block counts what was paid.
//!
//! *Value* moves to a contract with a call or its deployment only. A contract's storage stands in the
//! storage of its account ([`contract::slot`]), beside a record of who may do what with it
//! ([`ContractMeta`]), so all of it can be proven against a state root.

mod ask;
mod frame;
mod port;

pub use ask::{Answer, Estimate, Question, contract_at, estimate, query};
pub use port::{
    CodeFault, CodeReport, ContractHost, ContractMachine, Entry, Halt, NestedCall, NestedFailure,
    NestedOutcome, Run, RunContext, RunEnd, RunOutcome, TransferRefused,
};

use aureon_types::{
    Account, Action, Address, Amount, ContractFault, ContractMeta, Event, Failure, GenesisId, Hash,
    RefusalCode, VerifiedTransaction, contract,
};
use bytes::Bytes;

use super::{BlockContext, Checkpoint, Overlay, StateError, StateReader};
use frame::{Call, Stage};

/// What contracts may know of their block, and what they pay.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BlockInfo {
    /// The network.
    pub genesis_id: GenesisId,
    /// Height of the block.
    pub height: u64,
    /// Its time, in milliseconds since 1970-01-01 UTC.
    pub timestamp_ms: u64,
    /// The version of the cost table.
    pub cost_table: u32,
}

impl BlockInfo {
    /// Of the block that is executed.
    pub fn of(context: &BlockContext) -> Self {
        Self {
            genesis_id: context.genesis_id,
            height: context.height,
            timestamp_ms: context.timestamp_ms,
            cost_table: context.cost_table,
        }
    }
}

/// What a contract's transaction did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Performed {
    /// To pay for: base and metered gas, less what came back.
    pub gas_used: u64,
    /// Before anything came back: a gas limit below it would not have sufficed.
    pub gas_needed: u64,
    /// Why nothing else of it happened.
    pub failure: Option<Failure>,
    /// The contract that it deployed.
    pub contract: Option<Address>,
    /// What the contract gave back.
    pub return_data: Bytes,
    /// What contracts told.
    pub events: Vec<Event>,
}

/// Why an action stopped.
enum Stop {
    Failed(Failure),
    State(StateError),
}

impl From<StateError> for Stop {
    fn from(error: StateError) -> Self {
        Self::State(error)
    }
}

impl From<RefusalCode> for Stop {
    fn from(code: RefusalCode) -> Self {
        Self::Failed(Failure::refused(code))
    }
}

/// Who wants what, with how much gas.
#[derive(Clone, Copy)]
struct Order<'a> {
    sender: Address,
    nonce: u64,
    gas_limit: u64,
    action: &'a Action,
}

/// What an action gave.
#[derive(Default)]
struct Given {
    contract: Option<Address>,
    output: Bytes,
}

/// Does what a contract's transaction says. Its gas limit covers its action's base, and fee and nonce
/// are taken; nothing of it stays if it fails.
pub(super) fn perform<R: StateReader>(
    overlay: &mut Overlay<'_, R>,
    machine: &dyn ContractMachine,
    block: BlockInfo,
    signed: &VerifiedTransaction,
) -> Result<Performed, StateError> {
    let transaction = signed.transaction();
    let order = Order {
        sender: signed.sender(),
        nonce: transaction.nonce,
        gas_limit: transaction.gas_limit,
        action: &transaction.action,
    };
    carry_out(overlay, machine, block, order)
}

fn carry_out<R: StateReader>(
    overlay: &mut Overlay<'_, R>,
    machine: &dyn ContractMachine,
    block: BlockInfo,
    order: Order<'_>,
) -> Result<Performed, StateError> {
    let base = order.action.gas();
    let checkpoint = overlay.checkpoint();
    let mut work = Work {
        stage: Stage::new(overlay, machine, block),
        sender: order.sender,
        gas: order.gas_limit.saturating_sub(base),
        metered: 0,
    };
    let result = work.act(order);
    let gas_needed = base.saturating_add(work.metered).min(order.gas_limit);
    let Stage { events, refund, .. } = work.stage;
    match result {
        Ok(given) => Ok(Performed {
            gas_used: gas_needed.saturating_sub(refund.min(gas_needed / 2)),
            gas_needed,
            failure: None,
            contract: given.contract,
            return_data: given.output,
            events,
        }),
        Err(Stop::Failed(failure)) => {
            overlay.revert(checkpoint);
            Ok(Performed {
                gas_used: gas_needed,
                gas_needed,
                failure: Some(failure),
                ..Performed::default()
            })
        }
        Err(Stop::State(error)) => Err(error),
    }
}

/// One transaction at work.
struct Work<'s, 'a, R> {
    stage: Stage<'s, 'a, R>,
    sender: Address,
    /// Most that the machine may use.
    gas: u64,
    /// What it used.
    metered: u64,
}

impl<R: StateReader> Work<'_, '_, R> {
    fn act(&mut self, order: Order<'_>) -> Result<Given, Stop> {
        match order.action {
            Action::Deploy {
                code,
                input,
                upgradable,
                value,
            } => {
                let hash = contract::code_hash(code);
                let address = contract::address(&order.sender, order.nonce, &hash);
                let code = NewCode { address, hash, code };
                self.deploy(&code, input, *upgradable, *value)
            }
            Action::Call {
                contract,
                input,
                value,
            } => self.call(*contract, input, *value),
            Action::Upgrade {
                contract,
                code,
                input,
            } => {
                let hash = contract::code_hash(code);
                let code = NewCode {
                    address: *contract,
                    hash,
                    code,
                };
                self.upgrade(&code, input)
            }
            Action::SetAdmin { contract, admin } => self.set_admin(contract, *admin),
            _ => Err(RefusalCode::NotAContract.into()),
        }
    }

    fn deploy(
        &mut self,
        new: &NewCode<'_>,
        input: &[u8],
        upgradable: bool,
        value: Amount,
    ) -> Result<Given, Stop> {
        let account = self.account(&new.address)?;
        if account.has_code() {
            return Err(RefusalCode::ContractExists.into());
        }
        let report = self.keep_code(new)?;
        let meta = ContractMeta {
            deployer: self.sender,
            admin: Some(self.sender),
            upgradable,
            code_bytes: new.bytes(),
        };
        self.set_meta(&new.address, &meta)?;
        let output = if report.offers(Entry::Deploy) {
            self.enter(new.address, new.hash, Entry::Deploy, input, value)?
        } else if input.is_empty() {
            self.check_value(value)?;
            self.stage.move_value(&self.sender, &new.address, value)?;
            Bytes::new()
        } else {
            return Err(no_entry(new.address, Entry::Deploy));
        };
        Ok(Given {
            contract: Some(new.address),
            output,
        })
    }

    fn call(&mut self, address: Address, input: &[u8], value: Amount) -> Result<Given, Stop> {
        let hash = self.code_of(&address)?;
        let output = self.enter(address, hash, Entry::Call, input, value)?;
        Ok(Given {
            contract: None,
            output,
        })
    }

    fn upgrade(&mut self, new: &NewCode<'_>, input: &[u8]) -> Result<Given, Stop> {
        self.code_of(&new.address)?;
        let meta = self.stage.meta(&new.address)?;
        if !meta.upgradable {
            return Err(RefusalCode::NotUpgradable.into());
        }
        if meta.admin != Some(self.sender) {
            return Err(RefusalCode::NotTheAdmin.into());
        }
        let report = self.keep_code(new)?;
        if !report.offers(Entry::Migrate) {
            return Err(no_entry(new.address, Entry::Migrate));
        }
        let code_bytes = new.bytes();
        self.set_meta(&new.address, &ContractMeta { code_bytes, ..meta })?;
        let output = self.enter(new.address, new.hash, Entry::Migrate, input, Amount::ZERO)?;
        Ok(Given {
            contract: None,
            output,
        })
    }

    fn set_admin(&mut self, address: &Address, admin: Option<Address>) -> Result<Given, Stop> {
        self.code_of(address)?;
        let meta = self.stage.meta(address)?;
        if meta.admin != Some(self.sender) {
            return Err(RefusalCode::NotTheAdmin.into());
        }
        self.set_meta(address, &ContractMeta { admin, ..meta })?;
        Ok(Given::default())
    }

    /// Runs the outermost frame.
    fn enter(
        &mut self,
        contract: Address,
        code_hash: Hash,
        entry: Entry,
        input: &[u8],
        value: Amount,
    ) -> Result<Bytes, Stop> {
        self.check_value(value)?;
        let call = Call {
            contract,
            code_hash,
            caller: self.sender,
            value,
            entry,
            read_only: false,
            depth: 1,
        };
        let ended = self.stage.run(call, input, self.gas)?;
        self.metered = ended.gas_used;
        ended.result.map_err(|fault| Stop::Failed(fault.into()))
    }

    fn check_value(&mut self, value: Amount) -> Result<(), Stop> {
        let available = self.account(&self.sender.clone())?.balance;
        if available < value {
            return Err(Stop::Failed(Failure::InsufficientBalance {
                available,
                required: value,
            }));
        }
        Ok(())
    }

    fn account(&mut self, address: &Address) -> Result<Account, StateError> {
        self.stage.account(address)
    }

    fn code_of(&mut self, address: &Address) -> Result<Hash, Stop> {
        let account = self.account(address)?;
        if account.has_code() {
            Ok(account.code_hash)
        } else {
            Err(RefusalCode::NotAContract.into())
        }
    }

    /// Checks code, keeps it, and lets the account name it.
    fn keep_code(&mut self, new: &NewCode<'_>) -> Result<CodeReport, Stop> {
        let report = self.stage.machine.check(new.code).map_err(|fault| {
            let fault = ContractFault::InvalidCode { reason: fault.reason };
            Stop::Failed(Failure::Contract {
                contract: new.address,
                fault: fault.bounded(),
            })
        })?;
        let overlay = &mut *self.stage.overlay;
        overlay.add_code(new.hash, new.code)?;
        let slot = overlay.slot(&new.address)?;
        let account = Account {
            code_hash: new.hash,
            ..*overlay.get(slot)
        };
        overlay.set(slot, account);
        Ok(report)
    }

    fn set_meta(&mut self, address: &Address, meta: &ContractMeta) -> Result<(), StateError> {
        let (slot, record) = (contract::meta_slot(), meta.encode());
        self.stage.overlay.set_storage(address, &slot, Some(record))
    }
}

/// Code that comes to an account.
struct NewCode<'a> {
    address: Address,
    hash: Hash,
    code: &'a Bytes,
}

impl NewCode<'_> {
    /// At most [`aureon_types::limits::MAX_CODE_BYTES`], which fits.
    fn bytes(&self) -> u32 {
        u32::try_from(self.code.len()).unwrap_or(u32::MAX)
    }
}

fn no_entry(contract: Address, entry: Entry) -> Stop {
    let fault = ContractFault::NoEntryPoint { name: entry.name() };
    Stop::Failed(Failure::Contract { contract, fault })
}

#[cfg(test)]
pub(crate) mod script;
#[cfg(test)]
mod tests;
