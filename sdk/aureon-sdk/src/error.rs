//! How a contract says no.

use alloc::borrow::Cow;
use alloc::string::String;
use core::fmt;

use crate::host;

/// What a contract's functions give back; an error aborts the call with its message.
pub type Result<T, E = Error> = core::result::Result<T, E>;

/// Why a call is refused, in words for the caller.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error(Cow<'static, str>);

impl Error {
    /// The words.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<&'static str> for Error {
    fn from(message: &'static str) -> Self {
        Self(Cow::Borrowed(message))
    }
}

impl From<String> for Error {
    fn from(message: String) -> Self {
        Self(Cow::Owned(message))
    }
}

impl From<CallError> for Error {
    fn from(error: CallError) -> Self {
        Self(Cow::Owned(error.message))
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Why a call to another contract failed. What that contract did is undone; what this one did stays, unless
/// it aborts too.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CallError {
    /// The host's code, below 0; see docs/contract-abi.md.
    pub code: i32,
    /// The other contract's reason, or the meaning of the code.
    pub message: String,
}

impl fmt::Display for CallError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

/// What the host's codes mean, for calls and transfers.
pub(crate) mod code {
    /// The sender has less than the amount.
    pub const INSUFFICIENT_BALANCE: i32 = -2;
    /// There is no contract at the address.
    pub const NOT_A_CONTRACT: i32 = -3;
    /// Too many contracts call each other.
    pub const DEPTH_EXCEEDED: i32 = -4;
    /// The called contract failed.
    pub const CALL_FAILED: i32 = -5;
    /// The recipient takes no transfer.
    pub const RECIPIENT_REFUSED: i32 = -6;
}

/// A code in words.
pub(crate) const fn meaning(code: i32) -> &'static str {
    match code {
        code::INSUFFICIENT_BALANCE => "the balance is too small",
        code::NOT_A_CONTRACT => "there is no contract at this address",
        code::DEPTH_EXCEEDED => "contracts call each other too deeply",
        code::CALL_FAILED => "the called contract failed",
        code::RECIPIENT_REFUSED => {
            "the recipient takes no transfer: a contract is paid by a call with a value"
        }
        _ => "the host refused",
    }
}

/// Ends the call and undoes what it did. The message is in the receipt; beyond 1 KiB it is cut.
pub fn abort(message: &str) -> ! {
    host::abort(message)
}

/// Returns an error if the condition does not hold: `ensure!(amount > 0, "amount is zero")`. What follows the
/// condition is a message as [`message!`](crate::message) takes it.
#[macro_export]
macro_rules! ensure {
    ($condition:expr, $message:literal $(,)?) => {
        if !$condition {
            return ::core::result::Result::Err($crate::Error::from($message));
        }
    };
    ($condition:expr, $($piece:expr),+ $(,)?) => {
        if !$condition {
            return ::core::result::Result::Err($crate::Error::from($crate::message!($($piece),+)));
        }
    };
}
