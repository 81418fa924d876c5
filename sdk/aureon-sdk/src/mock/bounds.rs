//! What the machine allows at most (`docs/contract-abi.md`). It traps beyond; here the contract aborts, and says why.

use crate::{CallError, String};

use super::frames::failed;
use super::host::abort;

/// What is wrong if `bytes` are more than `most`, or none where there must be some.
fn refusal(what: &str, bytes: &[u8], least: usize, most: usize) -> Option<String> {
    let length = bytes.len();
    (length < least || length > most)
        .then(|| std::format!("the chain takes {what} of {least} to {most} bytes, this one has {length}"))
}

fn check(what: &str, bytes: &[u8], least: usize, most: usize) {
    if let Some(refusal) = refusal(what, bytes, least, most) {
        abort(&refusal);
    }
}

pub fn key(key: &[u8]) {
    check("a storage key", key, 1, 256);
}

pub fn value(value: &[u8]) {
    check("a stored value", value, 0, 16 << 10);
}

pub fn topic(topic: &[u8]) {
    check("a topic", topic, 0, 64);
}

pub fn log(data: &[u8]) {
    check("an event", data, 0, 4 << 10);
}

pub fn output(data: &[u8]) {
    check("an output", data, 0, 16 << 10);
}

/// A transaction comes from outside: there is nothing to abort.
pub fn input(input: &[u8], in_contract: bool) -> Result<(), CallError> {
    match refusal("an input", input, 0, 64 << 10) {
        Some(refusal) if in_contract => abort(&refusal),
        Some(refusal) => Err(failed(&refusal)),
        None => Ok(()),
    }
}

/// Aborts if a transaction has more events than a receipt takes.
pub fn events(count: usize) {
    const MOST: usize = 64;
    if count > MOST {
        abort(&std::format!(
            "the chain takes at most {MOST} events of a transaction"
        ));
    }
}
