//! Receipts: what a transaction did, and why it failed.

use std::fmt;

use aureon_proto::v1 as proto;
use bytes::Bytes;
use prost::Message as _;

use crate::{
    Address, Amount, ContractFault, DecodeError, Event, Hash, TransactionId,
    limits::{MAX_EVENTS, MAX_RETURN_BYTES},
    merkle, strict,
};

pub use crate::refusal::RefusalCode;

const WHAT: &str = "receipt";
/// What a receipt has beside what contracts said: identifiers and numbers.
const RECEIPT_FRAME_BYTES: usize = 128;
/// The names of functions, or why code is refused.
const FAULT_BYTES: usize = 1_088;
/// What an event has beside topic and data.
const EVENT_FRAME_BYTES: usize = 40;

/// Why an included transaction failed. Its `Display` is the sentence shown to people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Failure {
    /// The fee could be paid, the amount on top could not.
    InsufficientBalance {
        /// Left after the fee.
        available: Amount,
        /// What would have been moved.
        required: Amount,
    },
    /// The gas limit did not suffice.
    OutOfGas {
        /// The limit.
        gas_limit: u64,
        /// What it would have taken.
        required: u64,
    },
    /// The action was understood, and the rules of the chain do not allow it now.
    Refused {
        /// Which rule.
        code: RefusalCode,
        /// What `code` says of it; 0 where it says nothing.
        value: u64,
        /// What `code` says of it; 0 where it says nothing.
        limit: u64,
    },
    /// A contract failed.
    Contract {
        /// In which contract.
        contract: Address,
        /// How.
        fault: ContractFault,
    },
}

impl Failure {
    /// A refusal without numbers.
    pub fn refused(code: RefusalCode) -> Self {
        Self::Refused {
            code,
            value: 0,
            limit: 0,
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::InsufficientBalance { available, required } => {
                write!(
                    f,
                    "insufficient balance: {required} base units to move, {available} left after the fee"
                )
            }
            Self::OutOfGas { gas_limit, required } => {
                write!(f, "out of gas: {required} gas needed, the limit was {gas_limit}")
            }
            Self::Refused { code, value, limit } => f.write_str(&code.sentence(*value, *limit)),
            Self::Contract { contract, fault } => write!(f, "contract {contract}: {fault}"),
        }
    }
}

/// What an included transaction did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Receipt {
    /// The transaction.
    pub transaction_id: TransactionId,
    /// Gas used.
    pub gas_used: u64,
    /// Base units paid for it.
    pub fee: Amount,
    /// `None`: it did what it said.
    pub failure: Option<Failure>,
    /// The contract that it deployed.
    pub contract: Option<Address>,
    /// What the contract gave back; empty if it gave nothing, or there was none. At most
    /// [`MAX_RETURN_BYTES`].
    pub return_data: Bytes,
    /// What contracts told, in order. At most [`MAX_EVENTS`]; none of a failed transaction.
    pub events: Vec<Event>,
}

impl Receipt {
    /// Of a transaction that ran no contract.
    pub fn plain(
        transaction_id: TransactionId,
        gas_used: u64,
        fee: Amount,
        failure: Option<Failure>,
    ) -> Self {
        Self {
            transaction_id,
            gas_used,
            fee,
            failure,
            contract: None,
            return_data: Bytes::new(),
            events: Vec::new(),
        }
    }

    /// The one encoding: as it is stored and given to people. See [`Self::leaf`] for what is hashed.
    pub fn encode(&self) -> Bytes {
        let failure = self.failure.as_ref().map(|failure| proto::Failure {
            reason: Some(reason(failure)),
        });
        proto::Receipt {
            transaction_id: Some(Bytes::copy_from_slice(self.transaction_id.as_bytes())),
            gas_used: Some(self.gas_used),
            fee: Some(self.fee.0),
            failure,
            contract: self
                .contract
                .map(|contract| Bytes::copy_from_slice(contract.as_bytes())),
            return_data: (!self.return_data.is_empty()).then(|| self.return_data.clone()),
            events: self.events.iter().map(Event::to_proto).collect(),
        }
        .encode_to_vec()
        .into()
    }

    /// A bound of the length of [`Self::encode`] that is quickly had: what contracts said, and a fixed number
    /// for each part around it. Part of consensus: see [`crate::limits::MAX_RECEIPTS_BYTES`].
    pub fn size(&self) -> usize {
        let events = self.events.iter().map(|event| {
            let said = event.topic.len().saturating_add(event.data.len());
            said.saturating_add(EVENT_FRAME_BYTES)
        });
        // What a block does not commit to counts with its limit: it may differ.
        let said = match &self.failure {
            Some(Failure::Contract { fault, .. }) => match fault {
                ContractFault::Abort { message } => message.len(),
                ContractFault::Trap { .. } | ContractFault::InvalidCode { .. } => FAULT_BYTES,
                _ => 0,
            },
            _ => 0,
        };
        events
            .fold(RECEIPT_FRAME_BYTES, usize::saturating_add)
            .saturating_add(self.return_data.len())
            .saturating_add(said)
    }

    /// Strict.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let message: proto::Receipt = strict::decode(WHAT, bytes)?;
        Ok(Self {
            transaction_id: TransactionId(strict::required_bytes(
                WHAT,
                "transaction_id",
                message.transaction_id,
            )?),
            gas_used: strict::required(WHAT, "gas_used", message.gas_used)?,
            fee: Amount(strict::required(WHAT, "fee", message.fee)?),
            failure: message.failure.map(failure).transpose()?,
            contract: message
                .contract
                .map(|contract| strict::required_bytes(WHAT, "contract", Some(contract)).map(Address))
                .transpose()?,
            return_data: return_data(message.return_data)?,
            events: events(message.events)?,
        })
    }

    /// The leaf of the receipt tree; `encoded` is what [`Self::encode`] gave. It covers that without two
    /// things that are for people. The names of the functions in which a contract trapped: a machine finds
    /// them by walking its native stack, which systems do differently. And the words by which code is
    /// refused: some are the parser's, and its next version may say the same in others. No two nodes may
    /// disagree about a block for that.
    pub fn leaf(&self, encoded: &[u8]) -> Hash {
        let Some(Failure::Contract { contract, fault }) = &self.failure else {
            return merkle::leaf(&[encoded]);
        };
        let Some(fault) = fault.committed() else {
            return merkle::leaf(&[encoded]);
        };
        let contract = *contract;
        let bare = Self {
            failure: Some(Failure::Contract { contract, fault }),
            ..self.clone()
        };
        merkle::leaf(&[&bare.encode()])
    }
}

fn return_data(value: Option<Bytes>) -> Result<Bytes, DecodeError> {
    let Some(data) = value else {
        return Ok(Bytes::new());
    };
    if data.is_empty() {
        return Err(DecodeError::NotCanonical { what: WHAT });
    }
    strict::at_most("return data of a contract", data.len(), MAX_RETURN_BYTES)?;
    Ok(data)
}

fn events(messages: Vec<proto::Event>) -> Result<Vec<Event>, DecodeError> {
    if messages.len() > MAX_EVENTS {
        return Err(DecodeError::Invalid {
            what: WHAT,
            field: "events",
            reason: format!("they are {}, at most {MAX_EVENTS} are allowed", messages.len()),
        });
    }
    messages.into_iter().map(Event::from_proto).collect()
}

fn reason(failure: &Failure) -> proto::failure::Reason {
    match failure {
        Failure::InsufficientBalance { available, required } => {
            proto::failure::Reason::InsufficientBalance(proto::InsufficientBalance {
                available: Some(available.0),
                required: Some(required.0),
            })
        }
        Failure::OutOfGas { gas_limit, required } => proto::failure::Reason::OutOfGas(proto::OutOfGas {
            gas_limit: Some(*gas_limit),
            required: Some(*required),
        }),
        Failure::Refused { code, value, limit } => proto::failure::Reason::Refused(proto::Refused {
            code: Some(code.to_proto()),
            value: Some(*value),
            limit: Some(*limit),
        }),
        Failure::Contract { contract, fault } => proto::failure::Reason::Contract(fault.to_proto(contract)),
    }
}

fn failure(message: proto::Failure) -> Result<Failure, DecodeError> {
    Ok(match strict::required(WHAT, "failure.reason", message.reason)? {
        proto::failure::Reason::InsufficientBalance(message) => Failure::InsufficientBalance {
            available: Amount(strict::required(WHAT, "available", message.available)?),
            required: Amount(strict::required(WHAT, "required", message.required)?),
        },
        proto::failure::Reason::OutOfGas(message) => Failure::OutOfGas {
            gas_limit: strict::required(WHAT, "gas_limit", message.gas_limit)?,
            required: strict::required(WHAT, "required", message.required)?,
        },
        proto::failure::Reason::Refused(message) => Failure::Refused {
            code: refusal_code(strict::required(WHAT, "code", message.code)?)?,
            value: strict::required(WHAT, "value", message.value)?,
            limit: strict::required(WHAT, "limit", message.limit)?,
        },
        proto::failure::Reason::Contract(message) => {
            let (contract, fault) = ContractFault::from_proto(message)?;
            Failure::Contract { contract, fault }
        }
    })
}

fn refusal_code(number: i32) -> Result<RefusalCode, DecodeError> {
    RefusalCode::from_proto(number).ok_or_else(|| DecodeError::Invalid {
        what: WHAT,
        field: "code",
        reason: format!("{number} is no refusal that this software knows"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        TrapCode,
        limits::{
            MAX_EVENT_DATA_BYTES, MAX_EVENT_TOPIC_BYTES, MAX_FAULT_FUNCTION_BYTES, MAX_FAULT_FUNCTIONS,
            MAX_FAULT_TEXT_BYTES,
        },
    };

    #[test]
    fn receipts_come_back_as_they_were() {
        let failures = [
            None,
            Some(Failure::InsufficientBalance {
                available: Amount(3),
                required: Amount(4),
            }),
            Some(Failure::OutOfGas {
                gas_limit: 1,
                required: 21_000,
            }),
            Some(Failure::Refused {
                code: RefusalCode::BelowMinimumStake,
                value: 3,
                limit: 4,
            }),
        ];
        for failure in failures {
            let receipt = Receipt::plain(TransactionId([1; 32]), 21_000, Amount(21_000), failure);
            assert_eq!(Receipt::decode(&receipt.encode()), Ok(receipt));
        }
    }

    #[test]
    fn a_leaf_covers_the_receipt_but_not_what_is_only_said_to_people() {
        let trapped = |code, functions: &[&str]| {
            let fault = ContractFault::Trap {
                code,
                functions: functions.iter().map(|&name| name.to_owned()).collect(),
            };
            let contract = Address([2; 20]);
            let failure = Some(Failure::Contract { contract, fault });
            let receipt = Receipt::plain(TransactionId([1; 32]), 21_000, Amount(21_000), failure);
            let encoded = receipt.encode();
            (receipt.leaf(&encoded), encoded)
        };
        let (bare, bytes) = trapped(TrapCode::Unreachable, &[]);
        assert_eq!(bare, merkle::leaf(&[&bytes]));
        let (named, named_bytes) = trapped(TrapCode::Unreachable, &["inner", "call"]);
        assert_eq!(named, bare);
        assert_ne!(named_bytes, bytes);
        assert_ne!(trapped(TrapCode::BadPointer, &["inner"]).0, bare);
        let refused = |reason: &str| {
            let reason = reason.to_owned();
            let failure = Some(Failure::Contract {
                contract: Address([2; 20]),
                fault: ContractFault::InvalidCode { reason },
            });
            let receipt = Receipt::plain(TransactionId([1; 32]), 21_000, Amount(21_000), failure);
            receipt.leaf(&receipt.encode())
        };
        assert_eq!(refused("one way to say it"), refused("another"));
        assert_ne!(refused(""), bare);
    }

    #[test]
    fn a_receipt_is_never_longer_than_its_size() {
        let receipt = |failure| Receipt {
            contract: Some(Address([3; 20])),
            ..Receipt::plain(TransactionId([1; 32]), u64::MAX, Amount(u64::MAX), failure)
        };
        let trap = ContractFault::Trap {
            code: TrapCode::TooManyEvents,
            functions: vec!["f".repeat(MAX_FAULT_FUNCTION_BYTES); MAX_FAULT_FUNCTIONS],
        };
        let text = "x".repeat(MAX_FAULT_TEXT_BYTES);
        let faults = [
            trap,
            ContractFault::Abort {
                message: text.clone(),
            },
            ContractFault::InvalidCode { reason: text },
        ];
        for fault in faults {
            let contract = Address([2; 20]);
            let failed = receipt(Some(Failure::Contract { contract, fault }));
            assert!(failed.encode().len() <= failed.size());
        }
        let event = Event {
            contract: Address([2; 20]),
            topic: Bytes::from(vec![1; MAX_EVENT_TOPIC_BYTES]),
            data: Bytes::from(vec![1; MAX_EVENT_DATA_BYTES]),
        };
        let told = Receipt {
            return_data: Bytes::from(vec![1; MAX_RETURN_BYTES]),
            events: vec![event; MAX_EVENTS],
            ..receipt(None)
        };
        assert!(told.encode().len() <= told.size());
    }

    #[test]
    fn a_refusal_is_pinned_and_an_unknown_code_is_refused() {
        let refused = Receipt::plain(
            TransactionId([1; 32]),
            60_000,
            Amount(60_000),
            Some(Failure::refused(RefusalCode::WrongEngine)),
        );
        let mut bytes = refused.encode().to_vec();
        let head = format!("0a20{}10e0d40318e0d403", "01".repeat(32));
        assert_eq!(hex::encode(&bytes), format!("{head}22081a06080110001800"));
        let code = bytes.len() - 5;
        for number in [0, 127] {
            bytes[code] = number;
            assert!(matches!(
                Receipt::decode(&bytes),
                Err(DecodeError::Invalid { field: "code", .. })
            ));
        }
    }

    #[test]
    fn a_failure_is_told_in_words_with_its_numbers() {
        let failure = Failure::InsufficientBalance {
            available: Amount(3),
            required: Amount(4),
        };
        assert_eq!(
            failure.to_string(),
            "insufficient balance: 4 base units to move, 3 left after the fee"
        );
    }
}
