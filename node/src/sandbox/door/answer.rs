//! What is answered.

use aureon_chain::execution::contracts::Answer;
use aureon_interface::{Interface, InterfaceError};
use aureon_types::{Address, Receipt};
use serde_json::{Value, json};

use super::{MAX_LINE_BYTES, MAX_MINED, MAX_ORDERS, ModuleError, REQUESTS};
use crate::{
    api::{contract::FaultView, hex_bytes::HexBytes, model::ReceiptView},
    sandbox::{Sandbox, SandboxError},
};

/// What is wrong with a request, in words for whoever writes tests.
#[derive(Debug, thiserror::Error)]
pub enum DoorError {
    /// Beyond [`MAX_LINE_BYTES`].
    #[error("the line is longer than {MAX_LINE_BYTES} bytes; give code as \"file\"")]
    LongLine,
    /// No JSON.
    #[error("the line is no JSON: {0}")]
    Json(#[source] serde_json::Error),
    /// JSON of another kind.
    #[error("a request is a JSON object, {{\"do\": ..}}")]
    NoObject,
    /// An object without a verb.
    #[error("the request needs \"do\", one of: {REQUESTS}")]
    NoVerb,
    /// Another verb.
    #[error("there is no \"do\": \"{0}\"; there are: {REQUESTS}")]
    UnknownVerb(String),
    /// A verb that makes no transaction.
    #[error("\"{0}\" is no transaction: a block holds transfer, deploy, call, upgrade and set_admin")]
    NoTransaction(String),
    /// Fields that are missing, unknown, or of another type.
    #[error("the request cannot be read: {0}")]
    Fields(#[source] serde_json::Error),
    /// Which order of a block.
    #[error("transaction {0}: {1}")]
    In(usize, #[source] Box<DoorError>),
    /// One of two.
    #[error("give \"{0}\" or \"{1}\", not both")]
    Both(&'static str, &'static str),
    /// Nothing to deploy.
    #[error("the module is missing: give \"file\", a path, or \"code\", 0x and hexadecimal digits")]
    NoCode,
    /// Arguments of what?
    #[error("\"arguments\" need a \"function\"; bytes are given as \"input\"")]
    NoFunction,
    /// Nothing is known by name.
    #[error("the contract's code tells nothing about its functions: give the bytes as \"input\"")]
    NoInterface,
    /// No code there.
    #[error("there is no contract at {0}")]
    NoContract(Address),
    /// Neither a name nor an address.
    #[error(
        "nobody is named \"{name}\"; there are: {known}. Make an account with {{\"do\": \"account\"}}, or give an address"
    )]
    Nobody {
        /// What was given.
        name: String,
        /// Some that are known.
        known: String,
    },
    /// Not an address.
    #[error("{0}")]
    Address(String),
    /// Beyond [`MAX_MINED`].
    #[error("{0} blocks at once: 1 to {MAX_MINED}")]
    Blocks(u64),
    /// Beyond [`MAX_ORDERS`].
    #[error("{0} transactions at once, at most {MAX_ORDERS}")]
    Orders(usize),
    /// Beyond a block's.
    #[error("{gas} gas for a query, at most {most}")]
    Gas {
        /// As given.
        gas: u64,
        /// Most.
        most: u64,
    },
    /// The file with the module.
    #[error(transparent)]
    Module(#[from] ModuleError),
    /// The contract's interface.
    #[error(transparent)]
    Interface(#[from] InterfaceError),
    /// The sandbox.
    #[error(transparent)]
    Sandbox(#[from] SandboxError),
}

pub fn told(result: Result<Value, DoorError>) -> Value {
    match result {
        Ok(value) => json!({ "ok": value }),
        Err(error) => json!({ "error": error.to_string() }),
    }
}

pub fn head(sandbox: &Sandbox) -> Value {
    let info = &sandbox.tip().info;
    json!({
        "height": info.height, "time": info.timestamp_ms, "id": info.id, "state_root": info.state_root,
        "genesis": sandbox.chain().genesis_id,
    })
}

/// The answer to a request that is one transaction.
pub fn single(transactions: Vec<Value>, head: &Value) -> Value {
    let mut answer = transactions.into_iter().next().unwrap_or_else(|| json!({}));
    answer["block"] = head.clone();
    answer
}

/// A transaction that is in a block. Results and events are named where the contracts tell how.
pub fn transaction(
    sandbox: &Sandbox,
    receipt: &Receipt,
    function: Option<&(Interface, String)>,
) -> Result<Value, super::DoorError> {
    let mut view = serde_json::to_value(ReceiptView::of(receipt)).map_err(DoorError::Json)?;
    for (place, event) in receipt.events.iter().enumerate() {
        let code = sandbox.code_at(&event.contract)?.unwrap_or_default();
        let fields = match Interface::from_wasm(&code) {
            Ok(Some(interface)) => interface.decode_event(&event.topic, &event.data).ok().flatten(),
            _ => None,
        };
        if let Some(fields) = fields {
            view["events"][place]["fields"] = fields;
        }
    }
    let mut answer = json!({ "transaction": receipt.transaction_id, "receipt": view });
    if receipt.failure.is_none() {
        name_result(&mut answer, function, &receipt.return_data);
    }
    Ok(answer)
}

/// What a contract answered. One that failed is no error of the request.
pub fn query(answered: &Answer, function: Option<&(Interface, String)>) -> Value {
    match &answered.result {
        Ok(output) => {
            let shown = HexBytes(output.clone());
            let mut answer = json!({ "success": true, "gas_used": answered.gas_used, "output": shown });
            name_result(&mut answer, function, output);
            answer
        }
        Err(failure) => json!({
            "success": false, "gas_used": answered.gas_used, "failure": failure.to_string(),
            "fault": FaultView::of(failure),
        }),
    }
}

/// A contract that answers something else than it says is shown as bytes only.
fn name_result(answer: &mut Value, function: Option<&(Interface, String)>, output: &[u8]) {
    if let Some((interface, function)) = function
        && let Ok(result) = interface.decode_result(function, output)
    {
        answer["result"] = result;
    }
}
