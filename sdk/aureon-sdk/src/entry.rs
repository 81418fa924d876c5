//! What the macros' code calls. Not for authors; it may change.

use alloc::vec::Vec;

use crate::codec::{Decode, Encode, Reader, decode, encode};
use crate::error::{CallError, Error};
use crate::{Address, abort, host, message};

/// The code of a [`CallError`] for an answer that is not the encoding of the expected type.
pub const WRONG_ANSWER: i32 = i32::MIN;

/// The input of this call.
#[must_use]
pub fn input() -> Vec<u8> {
    host::input()
}

/// The input, as it is being read.
pub struct Arguments<'a>(Reader<'a>);

impl<'a> Arguments<'a> {
    /// At the front of the input.
    #[must_use]
    pub const fn new(input: &'a [u8]) -> Self {
        Self(Reader::new(input))
    }

    /// The function's name.
    pub fn name(&mut self) -> &'a [u8] {
        let name = u32::decode(&mut self.0)
            .ok()
            .and_then(|length| usize::try_from(length).ok())
            .and_then(|length| self.0.take(length).ok());
        name.unwrap_or_else(|| abort("the input does not begin with a function's name"))
    }

    /// The next argument, named for the error's sake.
    pub fn next<T: Decode>(&mut self, name: &str) -> T {
        T::decode(&mut self.0).unwrap_or_else(|error| abort(&message!("argument `", name, "`: ", error.0)))
    }

    /// After the last argument.
    pub fn finish(&self) {
        if self.0.finish().is_err() {
            abort("there are bytes after the last argument");
        }
    }
}

/// There is no such function.
pub fn unknown(name: &[u8]) -> ! {
    let name = core::str::from_utf8(name).unwrap_or("?");
    abort(&message!(
        "the contract has no function `",
        name,
        "` to be called in this way"
    ))
}

/// Functions that are not payable take no value.
pub fn refuse_value(name: &str) {
    if host::value() != 0 {
        abort(&message!("`", name, "` takes no value"));
    }
}

/// The value, or the end of the call with the error's message.
pub fn or_abort<T, E: Into<Error>>(result: Result<T, E>) -> T {
    match result {
        Ok(value) => value,
        Err(error) => abort(error.into().as_str()),
    }
}

/// Gives the result to the caller.
pub fn answer<T: Encode>(value: &T) {
    host::output(&encode(value));
}

/// The input of a call, up to the function's name.
#[must_use]
pub fn named(name: &str) -> Vec<u8> {
    encode(name)
}

/// Calls another contract.
///
/// # Errors
///
/// If the call fails, or its answer is of another type.
pub fn call<T: Decode>(to: Address, value: u64, gas: u64, input: &[u8]) -> Result<T, CallError> {
    host::call(&to, value, gas, input).and_then(|bytes| answered(&bytes))
}

/// Asks another contract.
///
/// # Errors
///
/// If the query fails, or its answer is of another type.
pub fn query<T: Decode>(of: Address, gas: u64, input: &[u8]) -> Result<T, CallError> {
    host::query(&of, gas, input).and_then(|bytes| answered(&bytes))
}

fn answered<T: Decode>(bytes: &[u8]) -> Result<T, CallError> {
    decode(bytes).map_err(|error| CallError {
        code: WRONG_ANSWER,
        message: message!("the answer is of another type: ", error.0),
    })
}
