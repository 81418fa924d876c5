//! Strict decoding of what is signed, hashed or gossiped.
//!
//! Bytes are accepted only if decoding and encoding them again gives the same bytes. That refuses
//! unknown fields, trailing bytes, fields out of order, repeated scalars and long varints at once, so
//! one meaning has one encoding and an id has one preimage.

use prost::Message;

/// Why bytes are not an acceptable message. Always the fault of who made them.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// Not protobuf, or truncated.
    #[error("{what} is not a valid protobuf message: {reason}")]
    Malformed {
        /// The message that was expected.
        what: &'static str,
        /// The decoder's words.
        reason: String,
    },
    /// Valid protobuf, but not the one strict encoding of what it says.
    #[error("{what} is not encoded strictly (unknown or repeated fields, trailing bytes or wrong order)")]
    NotCanonical {
        /// The message that was expected.
        what: &'static str,
    },
    /// A field that must be present is not.
    #[error("{what} lacks the field \"{field}\"; zero values must be written too")]
    Missing {
        /// The message.
        what: &'static str,
        /// The field.
        field: &'static str,
    },
    /// A field has a value that it cannot have.
    #[error("field \"{field}\" of {what} is wrong: {reason}")]
    Invalid {
        /// The message.
        what: &'static str,
        /// The field.
        field: &'static str,
        /// What is wrong, with value and limit.
        reason: String,
    },
    /// Larger than allowed.
    #[error("{what} has {size} bytes, at most {limit} are allowed")]
    TooLarge {
        /// The message.
        what: &'static str,
        /// Bytes given.
        size: usize,
        /// Bytes allowed.
        limit: usize,
    },
}

/// Decodes `bytes` as `M` and checks that they are its one encoding.
pub fn decode<M: Message + Default>(what: &'static str, bytes: &[u8]) -> Result<M, DecodeError> {
    let message = M::decode(bytes).map_err(|error| DecodeError::Malformed {
        what,
        reason: error.to_string(),
    })?;
    if message.encoded_len() != bytes.len() || message.encode_to_vec() != bytes {
        return Err(DecodeError::NotCanonical { what });
    }
    Ok(message)
}

/// The value of a field that must be present.
pub fn required<T>(what: &'static str, field: &'static str, value: Option<T>) -> Result<T, DecodeError> {
    value.ok_or(DecodeError::Missing { what, field })
}

/// A field of exactly `N` bytes that must be present.
pub fn required_bytes<const N: usize>(
    what: &'static str,
    field: &'static str,
    value: Option<impl AsRef<[u8]>>,
) -> Result<[u8; N], DecodeError> {
    let value = required(what, field, value)?;
    let value = value.as_ref();
    value.try_into().map_err(|_| DecodeError::Invalid {
        what,
        field,
        reason: format!("it has {} bytes, expected {N}", value.len()),
    })
}

/// Refuses more than `limit` bytes.
pub fn at_most(what: &'static str, size: usize, limit: usize) -> Result<(), DecodeError> {
    if size > limit {
        Err(DecodeError::TooLarge { what, size, limit })
    } else {
        Ok(())
    }
}
