//! Receipts: what a transaction did, and why it failed.

use std::fmt;

use aureon_proto::v1 as proto;
use bytes::Bytes;
use prost::Message as _;

use crate::{Amount, DecodeError, Hash, TransactionId, merkle, strict};

const WHAT: &str = "receipt";

/// Why an included transaction failed. Its `Display` is the sentence shown to people.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
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
}

impl Receipt {
    /// The one encoding, which the receipt tree hashes.
    pub fn encode(&self) -> Bytes {
        let failure = self.failure.map(|failure| proto::Failure {
            reason: Some(reason(failure)),
        });
        proto::Receipt {
            transaction_id: Some(Bytes::copy_from_slice(self.transaction_id.as_bytes())),
            gas_used: Some(self.gas_used),
            fee: Some(self.fee.0),
            failure,
        }
        .encode_to_vec()
        .into()
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
        })
    }

    /// The leaf of the receipt tree for an encoded receipt.
    pub fn leaf(encoded: &[u8]) -> Hash {
        merkle::leaf(&[encoded])
    }
}

fn reason(failure: Failure) -> proto::failure::Reason {
    match failure {
        Failure::InsufficientBalance { available, required } => {
            proto::failure::Reason::InsufficientBalance(proto::InsufficientBalance {
                available: Some(available.0),
                required: Some(required.0),
            })
        }
        Failure::OutOfGas { gas_limit, required } => proto::failure::Reason::OutOfGas(proto::OutOfGas {
            gas_limit: Some(gas_limit),
            required: Some(required),
        }),
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
    })
}

#[cfg(test)]
mod tests {
    use super::*;

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
        ];
        for failure in failures {
            let receipt = Receipt {
                transaction_id: TransactionId([1; 32]),
                gas_used: 21_000,
                fee: Amount(21_000),
                failure,
            };
            assert_eq!(Receipt::decode(&receipt.encode()), Ok(receipt));
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
