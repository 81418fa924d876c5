//! How a contract fails, in words and in bytes.

use std::fmt;

use aureon_proto::v1 as proto;

use super::bytes;
use crate::{
    Address, DecodeError,
    limits::{MAX_FAULT_FUNCTION_BYTES, MAX_FAULT_FUNCTIONS, MAX_FAULT_TEXT_BYTES},
    strict,
};

const WHAT: &str = "receipt";
/// The entry points that a contract can lack.
const ENTRIES: [&str; 4] = ["deploy", "call", "query", "migrate"];

/// How a contract failed. `Display` is the sentence shown to people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ContractFault {
    /// The gas that was left for it did not suffice.
    OutOfGas,
    /// It broke a rule of the machine.
    Trap {
        /// Which.
        code: TrapCode,
        /// In which functions, innermost first, as far as the code names them and the machine finds them;
        /// at most [`MAX_FAULT_FUNCTIONS`], each at most [`MAX_FAULT_FUNCTION_BYTES`]. Not equal on every
        /// machine, and no part of what a block commits to ([`crate::Receipt::leaf`]).
        functions: Vec<String>,
    },
    /// It gave up.
    Abort {
        /// Its own words; at most [`MAX_FAULT_TEXT_BYTES`].
        message: String,
    },
    /// Its code cannot be stored.
    InvalidCode {
        /// What is wrong; at most [`MAX_FAULT_TEXT_BYTES`]. No part of what a block commits to.
        reason: String,
    },
    /// Its code does not export what was to be run.
    NoEntryPoint {
        /// Which: `deploy`, `call`, `query` or `migrate`.
        name: &'static str,
    },
}

macro_rules! trap_codes {
    ($($(#[$doc:meta])* $name:ident, $sentence:literal;)*) => {
        /// Which rule of the machine a contract broke. `Display` says it in words.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum TrapCode {
            $($(#[$doc])* $name,)*
        }

        impl TrapCode {
            /// All of them, in the order of their numbers.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];

            /// The number in the schema.
            pub fn to_proto(self) -> i32 {
                match self {
                    $(Self::$name => proto::TrapCode::$name,)*
                }
                .into()
            }

            fn sentence(self) -> &'static str {
                match self {
                    $(Self::$name => $sentence,)*
                }
            }
        }
    };
}

trap_codes! {
    /// It executed `unreachable`: in Rust a panic.
    Unreachable, "unreachable code was reached (in Rust: a panic)";
    /// Memory that is not there.
    MemoryOutOfBounds, "memory was used that is not there";
    /// A table entry that is not there.
    TableOutOfBounds, "a table entry was used that is not there";
    /// A function pointer that is null.
    IndirectCallToNull, "a null function was called";
    /// A function pointer of another type.
    BadSignature, "a function of another type was called";
    /// An integer that does not fit.
    IntegerOverflow, "an integer overflowed";
    /// Division by zero.
    IntegerDivisionByZero, "an integer was divided by zero";
    /// A float that is no integer.
    BadConversionToInteger, "a float was converted that is no integer";
    /// Functions called too deep within the contract.
    CallStackExhausted, "functions called each other too deep";
    /// A host function was given memory that is not there.
    BadPointer, "a host function was given memory that is not there";
    /// A host function was given something impossible.
    BadArgument, "a host function was given something too long, too short or otherwise impossible";
    /// Within a query.
    ReadOnly, "a query wrote, emitted or moved value";
    /// More than [`crate::limits::MAX_EVENTS`] events in the transaction.
    TooManyEvents, "the transaction emitted too many events";
    /// More memory than contracts that wait for each other may have together.
    TooMuchMemory, "the contracts that wait for each other would have too much memory";
}

impl TrapCode {
    /// From the number in the schema.
    pub fn from_proto(number: i32) -> Option<Self> {
        Self::ALL.iter().copied().find(|code| code.to_proto() == number)
    }
}

impl fmt::Display for TrapCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.sentence())
    }
}

impl fmt::Display for ContractFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OutOfGas => f.write_str("out of gas"),
            Self::Trap { code, functions } if functions.is_empty() => write!(f, "trap: {code}"),
            Self::Trap { code, functions } => write!(f, "trap: {code}, in {}", functions.join(" < ")),
            Self::Abort { message } => write!(f, "aborted: {message}"),
            Self::InvalidCode { reason } => write!(f, "the code is refused: {reason}"),
            Self::NoEntryPoint { name } => write!(f, "the code does not export \"{name}\""),
        }
    }
}

impl ContractFault {
    /// What a contract is told whose call failed so: the words of the one that aborted, else a sentence.
    /// It names no functions: those are not equal on every machine.
    pub fn reason(&self) -> String {
        match self {
            Self::Abort { message } => message.clone(),
            Self::Trap { code, .. } => format!("trap: {code}"),
            other => other.to_string(),
        }
    }

    /// The same without what a block does not commit to; `None` if it has nothing of that.
    pub(crate) fn committed(&self) -> Option<Self> {
        match self {
            Self::Trap { code, functions } if !functions.is_empty() => Some(Self::Trap {
                code: *code,
                functions: Vec::new(),
            }),
            Self::InvalidCode { reason } if !reason.is_empty() => Some(Self::InvalidCode {
                reason: String::new(),
            }),
            _ => None,
        }
    }

    /// The same with its texts cut to the limits, at the boundary of a character.
    #[must_use]
    pub fn bounded(mut self) -> Self {
        match &mut self {
            Self::Trap { functions, .. } => {
                functions.truncate(MAX_FAULT_FUNCTIONS);
                for name in functions {
                    cut(name, MAX_FAULT_FUNCTION_BYTES);
                }
            }
            Self::Abort { message: text } | Self::InvalidCode { reason: text } => {
                cut(text, MAX_FAULT_TEXT_BYTES);
            }
            Self::OutOfGas | Self::NoEntryPoint { .. } => {}
        }
        self
    }

    pub(crate) fn to_proto(&self, contract: &Address) -> proto::ContractFailure {
        use proto::contract_failure::Kind;
        let kind = match self {
            Self::OutOfGas => Kind::OutOfGas(proto::ContractOutOfGas {}),
            Self::Trap { code, functions } => Kind::Trap(proto::ContractTrap {
                code: Some(code.to_proto()),
                functions: functions.clone(),
            }),
            Self::Abort { message } => Kind::Abort(proto::ContractAbort {
                message: Some(message.clone()),
            }),
            Self::InvalidCode { reason } => Kind::InvalidCode(proto::InvalidCode {
                reason: Some(reason.clone()),
            }),
            Self::NoEntryPoint { name } => Kind::NoEntryPoint(proto::NoEntryPoint {
                name: Some((*name).to_owned()),
            }),
        };
        proto::ContractFailure {
            contract: Some(bytes(contract)),
            kind: Some(kind),
        }
    }

    pub(crate) fn from_proto(message: proto::ContractFailure) -> Result<(Address, Self), DecodeError> {
        use proto::contract_failure::Kind;
        let contract = Address(strict::required_bytes(WHAT, "contract", message.contract)?);
        let fault = match strict::required(WHAT, "contract.kind", message.kind)? {
            Kind::OutOfGas(proto::ContractOutOfGas {}) => Self::OutOfGas,
            Kind::Trap(trap) => trap_of(trap)?,
            Kind::Abort(abort) => Self::Abort {
                message: text("abort.message", abort.message)?,
            },
            Kind::InvalidCode(invalid) => Self::InvalidCode {
                reason: text("invalid_code.reason", invalid.reason)?,
            },
            Kind::NoEntryPoint(missing) => {
                let name = strict::required(WHAT, "no_entry_point.name", missing.name)?;
                let known = ENTRIES.into_iter().find(|entry| *entry == name);
                Self::NoEntryPoint {
                    name: known
                        .ok_or_else(|| invalid("no_entry_point.name", format!("\"{name}\" is none")))?,
                }
            }
        };
        Ok((contract, fault))
    }
}

fn trap_of(trap: proto::ContractTrap) -> Result<ContractFault, DecodeError> {
    let number = strict::required(WHAT, "trap.code", trap.code)?;
    let code = TrapCode::from_proto(number).ok_or_else(|| {
        invalid(
            "trap.code",
            format!("{number} is no trap that this software knows"),
        )
    })?;
    if trap.functions.len() > MAX_FAULT_FUNCTIONS {
        let count = trap.functions.len();
        return Err(invalid(
            "trap.functions",
            format!("they are {count}, at most {MAX_FAULT_FUNCTIONS} are allowed"),
        ));
    }
    for name in &trap.functions {
        strict::at_most("name of a function", name.len(), MAX_FAULT_FUNCTION_BYTES)?;
    }
    Ok(ContractFault::Trap {
        code,
        functions: trap.functions,
    })
}

fn invalid(field: &'static str, reason: String) -> DecodeError {
    DecodeError::Invalid {
        what: WHAT,
        field,
        reason,
    }
}

fn text(field: &'static str, value: Option<String>) -> Result<String, DecodeError> {
    let value = strict::required(WHAT, field, value)?;
    strict::at_most(
        "text of a contract in a receipt",
        value.len(),
        MAX_FAULT_TEXT_BYTES,
    )?;
    Ok(value)
}

fn cut(text: &mut String, limit: usize) {
    text.truncate(text.floor_char_boundary(limit));
}
