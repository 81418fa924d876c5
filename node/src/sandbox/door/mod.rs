//! The sandbox for programs in any language: a line of JSON asks, a line of JSON answers.
//!
//! docs/contract-testing.md is the reference. Each request is an object with `do`; each answer is `{"ok": ..}` or
//! `{"error": "in words"}`. A transaction that is in a block and failed is an `ok`, as on the chain: its
//! receipt says why. What is wrong with a request changes nothing and ends nothing.

mod answer;
mod module;
mod request;

use std::io::{self, BufRead, Read as _, Write};

use aureon_chain::execution::contracts::Question;
use aureon_interface::{Arguments, Interface};
use aureon_types::{Action, Address};
use bytes::Bytes;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::{DEFAULT_QUERY_GAS, Order, Sandbox, SandboxError, Setup};
use crate::api::hex_bytes::HexBytes;

pub use answer::DoorError;
pub use module::{ModuleError, read_module};
use request::{
    AccountRequest, BalanceRequest, BlockRequest, CallOrder, Code, ContractRequest, DeployOrder, Input,
    MineRequest, QueryRequest, SetAdminOrder, StorageRequest, TimeRequest, TransferOrder, UpgradeOrder, Who,
};

/// Longest request in bytes: the largest code as hexadecimal digits fits, and what is around it.
pub const MAX_LINE_BYTES: usize = 2 << 20;
/// Most empty blocks that one request makes.
pub const MAX_MINED: u64 = 10_000;
/// Most transactions of one request.
pub const MAX_ORDERS: usize = 10_000;

/// All that can be asked for.
const REQUESTS: &str = "account, balance, transfer, deploy, call, query, upgrade, set_admin, block, mine, \
                        next_block_at, contract, storage, head";

/// A sandbox behind lines.
pub struct Door {
    sandbox: Sandbox,
}

/// An order, and what is needed to read its receipt.
struct Named {
    order: Order,
    /// The contract's interface and the function that is called.
    function: Option<(Interface, String)>,
}

impl Door {
    /// A new sandbox.
    pub fn new(setup: &Setup) -> Result<Self, SandboxError> {
        Ok(Self {
            sandbox: Sandbox::new(setup)?,
        })
    }

    /// Answers until there are no more lines. Only the pipes can fail.
    pub fn serve(&mut self, mut requests: impl BufRead, mut answers: impl Write) -> io::Result<()> {
        let mut line = Vec::new();
        loop {
            line.clear();
            let most = u64::try_from(MAX_LINE_BYTES)
                .unwrap_or(u64::MAX)
                .saturating_add(1);
            if requests.by_ref().take(most).read_until(b'\n', &mut line)? == 0 {
                return Ok(());
            }
            let answer = if line.len() > MAX_LINE_BYTES && line.last() != Some(&b'\n') {
                skip_line(&mut requests)?;
                answer::told(Err(DoorError::LongLine))
            } else if line.trim_ascii().is_empty() {
                continue;
            } else {
                self.answer(&line)
            };
            writeln!(answers, "{answer}")?;
            answers.flush()?;
        }
    }

    /// The answer to one request.
    pub fn answer(&mut self, line: &[u8]) -> Value {
        answer::told(self.perform(line))
    }

    fn perform(&mut self, line: &[u8]) -> Result<Value, DoorError> {
        let request: Value = serde_json::from_slice(line).map_err(DoorError::Json)?;
        let Value::Object(mut request) = request else {
            return Err(DoorError::NoObject);
        };
        let what = match request.remove("do") {
            Some(Value::String(what)) => what,
            _ => return Err(DoorError::NoVerb),
        };
        let request = Value::Object(request);
        match what.as_str() {
            "account" => self.account(read(request)?),
            "balance" => self.balance(&read::<BalanceRequest>(request)?.of),
            "query" => self.query(read(request)?),
            "block" => self.block(read(request)?),
            "mine" => self.mine(&read(request)?),
            "next_block_at" => {
                self.sandbox.next_block_at(read::<TimeRequest>(request)?.time)?;
                Ok(json!({}))
            }
            "contract" => self.contract(&read(request)?),
            "storage" => self.storage(&read(request)?),
            "head" => Ok(json!({ "block": self.head() })),
            "transfer" | "deploy" | "call" | "upgrade" | "set_admin" => {
                let named = self.order(&what, request)?;
                let block = self.execute(vec![named])?;
                Ok(answer::single(block, &self.head()))
            }
            _ => Err(DoorError::UnknownVerb(what)),
        }
    }

    fn head(&self) -> Value {
        answer::head(&self.sandbox)
    }

    fn account(&mut self, request: AccountRequest) -> Result<Value, DoorError> {
        let address = self.sandbox.account(&request.name, request.balance)?;
        self.holdings(&address)
    }

    fn balance(&self, of: &Who) -> Result<Value, DoorError> {
        self.holdings(&self.who(of)?)
    }

    fn holdings(&self, address: &Address) -> Result<Value, DoorError> {
        let account = self.sandbox.account_at(address)?;
        Ok(json!({ "address": address, "balance": account.balance, "nonce": account.nonce }))
    }

    fn mine(&mut self, request: &MineRequest) -> Result<Value, DoorError> {
        let blocks = request.blocks.unwrap_or(1);
        if blocks == 0 || blocks > MAX_MINED {
            return Err(DoorError::Blocks(blocks));
        }
        if let Some(time) = request.time {
            self.sandbox.next_block_at(time)?;
        }
        for _ in 0..blocks {
            self.sandbox.execute(&[])?;
        }
        Ok(json!({ "block": self.head() }))
    }

    fn block(&mut self, request: BlockRequest) -> Result<Value, DoorError> {
        if request.transactions.len() > MAX_ORDERS {
            return Err(DoorError::Orders(request.transactions.len()));
        }
        let mut orders = Vec::with_capacity(request.transactions.len());
        for (place, mut order) in request.transactions.into_iter().enumerate() {
            let named = match order.remove("do") {
                Some(Value::String(what)) => self.order(&what, Value::Object(order)),
                _ => Err(DoorError::NoVerb),
            };
            orders.push(named.map_err(|error| DoorError::In(place, Box::new(error)))?);
        }
        let transactions = self.execute(orders)?;
        Ok(json!({ "block": self.head(), "transactions": transactions }))
    }

    /// One answer for each transaction.
    fn execute(&mut self, named: Vec<Named>) -> Result<Vec<Value>, DoorError> {
        let orders: Vec<Order> = named.iter().map(|named| named.order.clone()).collect();
        let made = self.sandbox.execute(&orders)?;
        let all = made.receipts.iter().zip(named);
        all.map(|(receipt, named)| answer::transaction(&self.sandbox, receipt, named.function.as_ref()))
            .collect()
    }

    fn order(&self, what: &str, request: Value) -> Result<Named, DoorError> {
        match what {
            "transfer" => self.transfer(&read(request)?),
            "deploy" => self.deploy(read(request)?),
            "call" => self.call(read(request)?),
            "upgrade" => self.upgrade(read(request)?),
            "set_admin" => self.set_admin(&read(request)?),
            _ => Err(DoorError::NoTransaction(what.to_owned())),
        }
    }

    fn transfer(&self, order: &TransferOrder) -> Result<Named, DoorError> {
        let action = Action::Transfer {
            recipient: self.who(&order.to)?,
            amount: order.amount,
        };
        self.plain(&order.from, action, order.gas_limit, order.gas_price)
    }

    fn deploy(&self, order: DeployOrder) -> Result<Named, DoorError> {
        let code = code(order.code, order.file)?;
        let input = match Input::of(order.input, order.arguments)? {
            Input::Bytes(bytes) => bytes,
            Input::Named(arguments) => interface(&code)?
                .encode_deploy(&Arguments::Json(&arguments))?
                .into(),
        };
        let action = Action::Deploy {
            code,
            input,
            upgradable: order.upgradable,
            value: order.value,
        };
        self.plain(&order.from, action, order.gas_limit, order.gas_price)
    }

    fn upgrade(&self, order: UpgradeOrder) -> Result<Named, DoorError> {
        let code = code(order.code, order.file)?;
        let input = match Input::of(order.input, order.arguments)? {
            Input::Bytes(bytes) => bytes,
            Input::Named(arguments) => interface(&code)?
                .encode_migrate(&Arguments::Json(&arguments))?
                .into(),
        };
        let action = Action::Upgrade {
            contract: order.contract,
            code,
            input,
        };
        self.plain(&order.from, action, order.gas_limit, order.gas_price)
    }

    fn set_admin(&self, order: &SetAdminOrder) -> Result<Named, DoorError> {
        let admin = order.admin.as_ref().map(|admin| self.who(admin)).transpose()?;
        let action = Action::SetAdmin {
            contract: order.contract,
            admin,
        };
        self.plain(&order.from, action, order.gas_limit, order.gas_price)
    }

    fn call(&self, order: CallOrder) -> Result<Named, DoorError> {
        let (input, function) = self.input(&order.contract, order.function, order.input, order.arguments)?;
        let action = Action::Call {
            contract: order.contract,
            input,
            value: order.value,
        };
        let named = self.plain(&order.from, action, order.gas_limit, order.gas_price)?;
        Ok(Named { function, ..named })
    }

    fn plain(
        &self,
        from: &Who,
        action: Action,
        gas_limit: Option<u64>,
        gas_price: Option<u64>,
    ) -> Result<Named, DoorError> {
        Ok(Named {
            order: Order {
                from: self.who(from)?,
                action,
                gas_limit,
                gas_price,
            },
            function: None,
        })
    }

    fn query(&self, request: QueryRequest) -> Result<Value, DoorError> {
        let most = self.sandbox.chain().genesis.gas_limit;
        let gas = request.gas_limit.unwrap_or(DEFAULT_QUERY_GAS.min(most));
        if gas > most {
            return Err(DoorError::Gas { gas, most });
        }
        let caller = match &request.caller {
            Some(caller) => self.who(caller)?,
            None => Address([0; 20]),
        };
        let (input, function) = self.input(
            &request.contract,
            request.function,
            request.input,
            request.arguments,
        )?;
        let answered = self.sandbox.query(Question {
            contract: request.contract,
            caller,
            input: &input,
            gas,
        })?;
        Ok(answer::query(&answered, function.as_ref()))
    }

    fn contract(&self, request: &ContractRequest) -> Result<Value, DoorError> {
        let address = request.contract;
        let found = self.sandbox.contract_at(&address)?;
        let (code_hash, meta) = found.ok_or(DoorError::NoContract(address))?;
        let balance = self.sandbox.account_at(&address)?.balance;
        Ok(json!({
            "contract": address, "code_hash": code_hash, "code_bytes": meta.code_bytes,
            "deployer": meta.deployer, "admin": meta.admin, "upgradable": meta.upgradable, "balance": balance,
        }))
    }

    fn storage(&self, request: &StorageRequest) -> Result<Value, DoorError> {
        let value = self.sandbox.stored(&request.contract, &request.key.0)?;
        Ok(json!({ "value": value.map(HexBytes) }))
    }

    /// The input of a call or question, and how to read its answer.
    fn input(
        &self,
        contract: &Address,
        function: Option<String>,
        input: Option<HexBytes>,
        arguments: Option<serde_json::Map<String, Value>>,
    ) -> Result<(Bytes, Option<(Interface, String)>), DoorError> {
        let Some(function) = function else {
            return match Input::of(input, arguments)? {
                Input::Bytes(bytes) => Ok((bytes, None)),
                Input::Named(_) => Err(DoorError::NoFunction),
            };
        };
        if input.is_some() {
            return Err(DoorError::Both("function", "input"));
        }
        let code = self.sandbox.code_at(contract)?;
        let interface = interface(&code.ok_or(DoorError::NoContract(*contract))?)?;
        let arguments = arguments.unwrap_or_default();
        let input = interface.encode_call(&function, &Arguments::Json(&arguments))?;
        Ok((input.into(), Some((interface, function))))
    }

    /// An account by its name, or anybody by address.
    fn who(&self, who: &Who) -> Result<Address, DoorError> {
        if who.0.starts_with("0x") {
            let address = who.0.parse();
            return address.map_err(|error| DoorError::Address(format!("{error}")));
        }
        self.sandbox.named(&who.0).ok_or_else(|| DoorError::Nobody {
            name: who.0.chars().take(super::MAX_NAME_BYTES).collect(),
            known: self.sandbox.names().take(10).collect::<Vec<_>>().join(", "),
        })
    }
}

fn read<T: DeserializeOwned>(request: Value) -> Result<T, DoorError> {
    serde_json::from_value(request).map_err(DoorError::Fields)
}

fn code(code: Option<HexBytes>, file: Option<std::path::PathBuf>) -> Result<Bytes, DoorError> {
    match Code::of(code, file)? {
        Code::Bytes(bytes) => Ok(bytes),
        Code::File(file) => Ok(read_module(&file)?),
    }
}

fn interface(code: &[u8]) -> Result<Interface, DoorError> {
    Interface::from_wasm(code)?.ok_or(DoorError::NoInterface)
}

/// To the end of a line that is too long to keep.
fn skip_line(requests: &mut impl BufRead) -> io::Result<()> {
    loop {
        let ready = requests.fill_buf()?;
        let (end, found) = match ready.iter().position(|byte| *byte == b'\n') {
            Some(at) => (at.saturating_add(1), true),
            None => (ready.len(), false),
        };
        requests.consume(end);
        if found || end == 0 {
            return Ok(());
        }
    }
}

#[cfg(test)]
mod tests;
