//! Inputs by name: `function` and `arguments` in the place of `input`.
//!
//! What a call means follows from the interface of the code that the contract has now; of a deployment or an
//! upgrade, from the code in the request.

use std::sync::Arc;

use aureon_interface::{Arguments, FunctionKind, Interface, InterfaceError};
use aureon_types::{Address, contract};
use bytes::Bytes;
use serde_json::{Map, Value, json};

use super::{fields, hex_bytes::HexBytes, interfaces::Interfaces, problem::Problem};
use crate::handle::{At, NodeHandle};

/// Code of a contract whose code tells nothing about its functions.
pub const NO_INTERFACE: &str = "no-interface";
/// Code of a function that the contract has not.
const UNKNOWN_FUNCTION: &str = "unknown-function";
/// Code of a function that is asked where it must be called, or called where it must be asked.
const WRONG_FUNCTION: &str = "wrong-function";
/// Code of arguments that are not the function's.
const WRONG_ARGUMENTS: &str = "wrong-arguments";
/// What to do where names do not help.
const BYTES_WORK: &str = "give \"input\" as bytes (0x and hexadecimal digits) instead";
/// Most functions that a problem lists.
const MAX_LISTED: usize = 64;

/// The interface that a contract has now. Reads the disk.
pub fn deployed(
    node: &NodeHandle,
    interfaces: &Interfaces,
    contract: &Address,
) -> Result<Arc<Interface>, Problem> {
    let At { height, found } = interfaces.of_contract(node, contract)?;
    let found = found.ok_or_else(|| no_contract(contract, height))?;
    readable(found.known, &format!("contract {contract}"))
}

/// That there is nothing at an address.
pub fn no_contract(address: &Address, height: u64) -> Problem {
    Problem::not_found(format!(
        "there is no contract at {address} after block {height}; one that was deployed a moment ago is there \
         when its transaction is in a block"
    ))
    .with("height", height)
}

/// The interface, or that there is none to use.
pub fn readable(
    known: Result<Option<Arc<Interface>>, InterfaceError>,
    whose: &str,
) -> Result<Arc<Interface>, Problem> {
    match known {
        Ok(Some(interface)) => Ok(interface),
        Ok(None) => Err(Problem::bad_request_as(
            NO_INTERFACE,
            format!(
                "the code of {whose} has no section \"{}\", which would name its functions; {BYTES_WORK}",
                aureon_interface::SECTION
            ),
        )),
        Err(error) => Err(Problem::bad_request_as(
            NO_INTERFACE,
            format!("the interface in the code of {whose} cannot be used: {error}; {BYTES_WORK}"),
        )),
    }
}

/// The input of a call or query by name.
pub fn input(
    interface: &Interface,
    kind: FunctionKind,
    function: &str,
    arguments: &Map<String, Value>,
) -> Result<Bytes, Problem> {
    let input = interface.encode(kind, function, &Arguments::Json(arguments));
    Ok(input.map_err(|error| refused(&error, interface))?.into())
}

fn refused(error: &InterfaceError, interface: &Interface) -> Problem {
    match error {
        InterfaceError::UnknownFunction { .. } => {
            let names = interface.functions.iter().map(|function| &function.entry.name);
            let names: Vec<&String> = names.take(MAX_LISTED).collect();
            Problem::bad_request_as(UNKNOWN_FUNCTION, error.to_string()).with("functions", json!(names))
        }
        InterfaceError::WrongKind { .. } => Problem::bad_request_as(WRONG_FUNCTION, error.to_string()),
        _ => Problem::bad_request_as(WRONG_ARGUMENTS, error.to_string()),
    }
}

/// `function` and `arguments` of an action.
struct Named {
    function: Option<String>,
    arguments: Option<Map<String, Value>>,
}

impl Named {
    /// Taken out of the fields of an action; `None` if it has neither.
    fn take(fields: &mut Map<String, Value>) -> Result<Option<Self>, Problem> {
        let (function, arguments) = (fields.remove("function"), fields.remove("arguments"));
        if function.is_none() && arguments.is_none() {
            return Ok(None);
        }
        if fields.contains_key("input") {
            return Err(both());
        }
        let function = function.map(|function| match function {
            Value::String(name) => Ok(name),
            other => Err(wrong("\"function\" is a name", &other)),
        });
        let arguments = arguments.map(|arguments| match arguments {
            Value::Object(arguments) => Ok(arguments),
            other => Err(wrong(
                "\"arguments\" is an object, arguments by their names",
                &other,
            )),
        });
        Ok(Some(Self {
            function: function.transpose()?,
            arguments: arguments.transpose()?,
        }))
    }
}

/// That there are two inputs.
pub fn both() -> Problem {
    Problem::bad_request("\"input\" is the whole input: give it, or \"function\" and \"arguments\", not both")
}

/// That there are arguments, and nothing that takes them.
pub fn no_function() -> Problem {
    Problem::bad_request("\"arguments\" belong to a function: its name is missing, as \"function\"")
}

fn wrong(what: &str, given: &Value) -> Problem {
    let given: String = given.to_string().chars().take(60).collect();
    Problem::bad_request(format!("{what}, not {given}"))
}

/// Puts `input` in the place of `function` and `arguments` in an action (`{"call": {..}}`, `{"deploy": {..}}`,
/// `{"upgrade": {..}}`). Everything else is left as it is. Reads the disk.
pub fn resolve(node: &NodeHandle, interfaces: &Interfaces, action: &mut Value) -> Result<(), Problem> {
    let Some((kind, Value::Object(fields))) =
        action.as_object_mut().and_then(|action| action.iter_mut().next())
    else {
        return Ok(());
    };
    let entry = match kind.as_str() {
        "call" => None,
        "deploy" => Some("deploy"),
        "upgrade" => Some("migrate"),
        _ => return Ok(()),
    };
    let Some(named) = Named::take(fields)? else {
        return Ok(());
    };
    let arguments = named.arguments.unwrap_or_default();
    let input = match (entry, named.function) {
        (None, Some(function)) => {
            let interface = deployed(node, interfaces, &address(fields)?)?;
            self::input(&interface, FunctionKind::Call, &function, &arguments)?
        }
        (None, None) => return Err(no_function()),
        (Some(entry), None) => of_code(interfaces, fields, entry, &arguments)?,
        (Some(entry), Some(function)) => {
            return Err(Problem::bad_request(format!(
                "\"function\" is \"{}\", but a new code runs its own `{entry}`: give its \"arguments\" alone",
                function.chars().take(64).collect::<String>()
            )));
        }
    };
    fields.insert("input".to_owned(), HexBytes(input).to_string().into());
    Ok(())
}

fn address(fields: &Map<String, Value>) -> Result<Address, Problem> {
    fields::parsed("contract", present(fields, "contract")?)
}

fn present(fields: &Map<String, Value>, name: &str) -> Result<Value, Problem> {
    let missing = || Problem::bad_request(format!("the field \"{name}\" is missing"));
    fields.get(name).cloned().ok_or_else(missing)
}

/// The input of the entry point of a code that is in the request.
fn of_code(
    interfaces: &Interfaces,
    fields: &Map<String, Value>,
    entry: &str,
    arguments: &Map<String, Value>,
) -> Result<Bytes, Problem> {
    let HexBytes(code) = fields::parsed("code", present(fields, "code")?)?;
    let known = interfaces.of_code(contract::code_hash(&code), &code);
    let interface = readable(known, "the request")?;
    let arguments = Arguments::Json(arguments);
    let input = match entry {
        "migrate" => interface.encode_migrate(&arguments),
        _ => interface.encode_deploy(&arguments),
    };
    Ok(input.map_err(|error| refused(&error, &interface))?.into())
}
