//! Inputs by name, by the interface that a contract's code carries.

use aureon_interface::{Arguments, FunctionKind, Interface, InterfaceError};
use aureon_types::Address;
use bytes::Bytes;

use crate::{
    api::hex_bytes::HexBytes,
    cli::{
        failure::Failure,
        transact::{plain, shown},
    },
    client::Client,
};

/// Where this command's own options stand.
const ORDER: &str = "options of this command stand before the function's name and its arguments";

/// The interface of a module that must have one.
pub fn interface(code: &[u8]) -> Result<Interface, Failure> {
    match Interface::from_wasm(code) {
        Ok(Some(interface)) => Ok(interface),
        Ok(None) => Err(Failure::failed(
            "the contract's code tells nothing about its functions: give its input with --input 0x..",
        )),
        Err(error) => Err(Failure::failed(format!(
            "what the contract's code tells about its functions cannot be used: {error}; give its input with \
             --input 0x.."
        ))),
    }
}

/// The code of a deployed contract.
pub fn deployed(client: &Client, contract: &Address) -> Result<Bytes, Failure> {
    let view = client.contract(contract)?;
    Ok(view.bytecode.unwrap_or_default().0)
}

/// The input that names a function and its arguments.
pub fn call(interface: &Interface, kind: FunctionKind, words: &[String]) -> Result<Bytes, Failure> {
    let Some((function, words)) = words.split_first() else {
        return Err(Failure::usage("a function's name is missing"));
    };
    let pairs = pairs(words)?;
    let input = interface.encode(kind, function, &Arguments::Text(&pairs));
    Ok(input.map_err(|error| refused(&error))?.into())
}

/// The input of `deploy`.
pub fn deployment(interface: &Interface, words: &[String]) -> Result<Bytes, Failure> {
    let input = interface.encode_deploy(&Arguments::Text(&pairs(words)?));
    Ok(input.map_err(|error| refused(&error))?.into())
}

/// The input of `migrate`.
pub fn migration(interface: &Interface, words: &[String]) -> Result<Bytes, Failure> {
    let input = interface.encode_migrate(&Arguments::Text(&pairs(words)?));
    Ok(input.map_err(|error| refused(&error))?.into())
}

fn refused(error: &InterfaceError) -> Failure {
    match error {
        InterfaceError::UnknownArgument { .. } => Failure::usage(format!("{error} ({ORDER})")),
        _ => Failure::usage(error),
    }
}

/// That a contract has functions, and none is named. One without an interface may want no input.
pub fn which(interface: &Interface, kind: FunctionKind) -> Failure {
    let functions = interface
        .functions
        .iter()
        .filter(|function| function.kind == kind);
    let names: Vec<&str> = functions
        .map(|function| function.entry.name.as_str())
        .take(32)
        .collect();
    Failure::usage(format!(
        "name a function of `{}`: {} (`contract show` tells their arguments; --input 0x is no input at all)",
        interface.name,
        names.join(", ")
    ))
}

/// What a function gave, for people.
pub fn result(interface: &Interface, function: &str, output: &HexBytes) -> String {
    match interface.decode_result(function, &output.0) {
        Ok(value) => plain(&value),
        // The contract answers something else than it says: shown as it is.
        Err(_) => shown(output),
    }
}

/// `--name value` or `--name=value`, as often as there are arguments.
fn pairs(words: &[String]) -> Result<Vec<(String, String)>, Failure> {
    let mut pairs = Vec::new();
    let mut words = words.iter();
    while let Some(word) = words.next() {
        let name = word.strip_prefix("--").filter(|name| !name.is_empty());
        let Some(name) = name else {
            return Err(Failure::usage(format!(
                "\"{word}\" is no argument's name: arguments are given as --name value ({ORDER})"
            )));
        };
        if let Some((name, value)) = name.split_once('=') {
            pairs.push((name.to_owned(), value.to_owned()));
            continue;
        }
        let Some(value) = words.next() else {
            return Err(Failure::usage(format!("--{name} has no value ({ORDER})")));
        };
        pairs.push((name.to_owned(), value.clone()));
    }
    Ok(pairs)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_are_pairs() {
        let read = |words: &[&str]| {
            let words: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
            pairs(&words).map_err(|failure| failure.to_string())
        };
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        assert_eq!(read(&[]), Ok(vec![]));
        assert_eq!(
            read(&["--to", "0x12", "--amount=-5", "--text", "--x"]),
            Ok(vec![
                pair("to", "0x12"),
                pair("amount", "-5"),
                pair("text", "--x")
            ])
        );
        assert!(read(&["to", "x"]).unwrap_err().contains("\"to\""));
        assert!(read(&["--", "x"]).unwrap_err().contains("\"--\""));
        assert!(read(&["--to"]).unwrap_err().contains("--to has no value"));
    }
}
