//! How values become bytes: the layout of [Borsh](https://borsh.io), so that a client in another language needs
//! a Borsh library and nothing of ours.
//!
//! Integers are little-endian with their full width, `bool` is one byte 0 or 1, `Option` a byte 0 or 1 and
//! then the value, strings and lists a `u32` count and then their elements, arrays, tuples and structures
//! their parts in order, enums the variant's number as one byte and then its fields. Each value has one
//! encoding, and decoding refuses every other.
//!
//! It is written here and not taken from the crate `borsh` because of code size: the crate decodes through
//! `io::Read` with formatted errors, this reads a slice and names what is wrong with a constant.

use alloc::string::String;
use alloc::vec::Vec;

/// A value with an encoding.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be stored, taken or given",
    label = "this type has no encoding",
    note = "mark a structure or enum with #[data]; instead of floats count whole units of a smaller size"
)]
pub trait Encode {
    /// Appends the encoding to `out`.
    fn encode(&self, out: &mut Vec<u8>);

    /// Appends the encodings of all `items`; a faster way for bytes.
    #[doc(hidden)]
    fn encode_each(items: &[Self], out: &mut Vec<u8>)
    where
        Self: Sized,
    {
        for item in items {
            item.encode(out);
        }
    }
}

/// A value that can be read back.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be stored, taken or given",
    label = "this type has no encoding",
    note = "mark a structure or enum with #[data]; instead of floats count whole units of a smaller size"
)]
pub trait Decode: Sized {
    /// Reads the value from the front of `input`.
    ///
    /// # Errors
    ///
    /// If the bytes end too early or are not what [`Encode`] writes.
    fn decode(input: &mut Reader<'_>) -> Result<Self, DecodeError>;

    /// Reads `count` values.
    #[doc(hidden)]
    fn decode_each(count: usize, input: &mut Reader<'_>) -> Result<Vec<Self>, DecodeError> {
        // An element has at least one byte, except `()`: so a count cannot claim more memory than was sent.
        let mut items = Vec::with_capacity(count.min(input.rest.len()));
        for _ in 0..count {
            items.push(Self::decode(input)?);
        }
        Ok(items)
    }
}

/// What is wrong with bytes, in words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DecodeError(pub &'static str);

/// Bytes that are being decoded.
pub struct Reader<'a> {
    rest: &'a [u8],
}

const SHORT: DecodeError = DecodeError("the bytes end too early");
const LONG: DecodeError = DecodeError("bytes are left over");

impl<'a> Reader<'a> {
    /// Starts at the front of `bytes`.
    #[must_use]
    pub const fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    /// The next `length` bytes.
    ///
    /// # Errors
    ///
    /// If there are fewer.
    pub fn take(&mut self, length: usize) -> Result<&'a [u8], DecodeError> {
        let (taken, rest) = self.rest.split_at_checked(length).ok_or(SHORT)?;
        self.rest = rest;
        Ok(taken)
    }

    pub(crate) fn array<const N: usize>(&mut self) -> Result<[u8; N], DecodeError> {
        let (taken, rest) = self.rest.split_first_chunk().ok_or(SHORT)?;
        self.rest = rest;
        Ok(*taken)
    }

    /// That nothing is left.
    ///
    /// # Errors
    ///
    /// If something is.
    pub const fn finish(&self) -> Result<(), DecodeError> {
        if self.rest.is_empty() { Ok(()) } else { Err(LONG) }
    }
}

/// The encoding of a value.
#[must_use]
pub fn encode<T: Encode + ?Sized>(value: &T) -> Vec<u8> {
    let mut out = Vec::new();
    value.encode(&mut out);
    out
}

/// The value that `bytes` are the encoding of.
///
/// # Errors
///
/// If they are not, or if bytes are left over.
pub fn decode<T: Decode>(bytes: &[u8]) -> Result<T, DecodeError> {
    let mut reader = Reader::new(bytes);
    let value = T::decode(&mut reader)?;
    reader.finish()?;
    Ok(value)
}

macro_rules! integers {
    ($($name:ident),*) => {$(
        impl Encode for $name {
            fn encode(&self, out: &mut Vec<u8>) {
                out.extend_from_slice(&self.to_le_bytes());
            }
        }

        impl Decode for $name {
            fn decode(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
                input.array().map(Self::from_le_bytes)
            }
        }
    )*};
}

integers!(u16, u32, u64, u128, i8, i16, i32, i64, i128);

impl Encode for u8 {
    fn encode(&self, out: &mut Vec<u8>) {
        out.push(*self);
    }

    fn encode_each(items: &[Self], out: &mut Vec<u8>) {
        out.extend_from_slice(items);
    }
}

impl Decode for u8 {
    fn decode(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        input.array().map(|[byte]| byte)
    }

    fn decode_each(count: usize, input: &mut Reader<'_>) -> Result<Vec<Self>, DecodeError> {
        input.take(count).map(<[u8]>::to_vec)
    }
}

impl Encode for bool {
    fn encode(&self, out: &mut Vec<u8>) {
        out.push(u8::from(*self));
    }
}

impl Decode for bool {
    fn decode(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        match u8::decode(input)? {
            0 => Ok(false),
            1 => Ok(true),
            _ => Err(DecodeError("a truth value is 0 or 1")),
        }
    }
}

impl<T: Encode> Encode for Option<T> {
    fn encode(&self, out: &mut Vec<u8>) {
        match self {
            None => out.push(0),
            Some(value) => {
                out.push(1);
                value.encode(out);
            }
        }
    }
}

impl<T: Decode> Decode for Option<T> {
    fn decode(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        match u8::decode(input)? {
            0 => Ok(None),
            1 => T::decode(input).map(Some),
            _ => Err(DecodeError("an option starts with 0 or 1")),
        }
    }
}

/// The count before strings and lists. A contract's memory is far smaller than 4 GiB.
fn encode_count(count: usize, out: &mut Vec<u8>) {
    match u32::try_from(count) {
        Ok(count) => count.encode(out),
        Err(_) => crate::abort("a list is too long to be encoded"),
    }
}

fn decode_count(input: &mut Reader<'_>) -> Result<usize, DecodeError> {
    usize::try_from(u32::decode(input)?).map_err(|_| SHORT)
}

impl Encode for str {
    fn encode(&self, out: &mut Vec<u8>) {
        encode_count(self.len(), out);
        out.extend_from_slice(self.as_bytes());
    }
}

impl Encode for String {
    fn encode(&self, out: &mut Vec<u8>) {
        self.as_str().encode(out);
    }
}

impl Decode for String {
    fn decode(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let count = decode_count(input)?;
        core::str::from_utf8(input.take(count)?)
            .map(Self::from)
            .map_err(|_| DecodeError("a string is not UTF-8"))
    }
}

impl<T: Encode> Encode for Vec<T> {
    fn encode(&self, out: &mut Vec<u8>) {
        encode_count(self.len(), out);
        T::encode_each(self, out);
    }
}

impl<T: Decode> Decode for Vec<T> {
    fn decode(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let count = decode_count(input)?;
        T::decode_each(count, input)
    }
}

impl<const N: usize> Encode for [u8; N] {
    fn encode(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(self);
    }
}

impl<const N: usize> Decode for [u8; N] {
    fn decode(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        input.array()
    }
}

impl<T: Encode + ?Sized> Encode for &T {
    fn encode(&self, out: &mut Vec<u8>) {
        (**self).encode(out);
    }
}

macro_rules! tuples {
    ($($($part:ident)*;)*) => {$(
        #[expect(non_snake_case, reason = "the parts are named like their types")]
        impl<$($part: Encode),*> Encode for ($($part,)*) {
            fn encode(&self, out: &mut Vec<u8>) {
                let ($($part,)*) = self;
                $($part.encode(out);)*
            }
        }

        impl<$($part: Decode),*> Decode for ($($part,)*) {
            fn decode(input: &mut Reader<'_>) -> Result<Self, DecodeError> {
                Ok(($($part::decode(input)?,)*))
            }
        }
    )*};
}

tuples! {
    A;
    A B;
    A B C;
    A B C D;
}

impl Encode for () {
    fn encode(&self, _out: &mut Vec<u8>) {}
}

impl Decode for () {
    fn decode(_input: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(())
    }

    fn decode_each(_count: usize, _input: &mut Reader<'_>) -> Result<Vec<Self>, DecodeError> {
        Err(DecodeError("a list of nothing"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Address;

    /// The examples follow the table of the Borsh specification.
    #[test]
    fn the_layout_is_borsh() {
        assert_eq!(encode(&0x0102u16), [2, 1]);
        assert_eq!(encode(&-2i64), [0xfe, 255, 255, 255, 255, 255, 255, 255]);
        assert_eq!(encode("ab"), [2, 0, 0, 0, b'a', b'b']);
        assert_eq!(encode(&vec![1u16, 2]), [2, 0, 0, 0, 1, 0, 2, 0]);
        assert_eq!(encode(&vec![7u8, 8]), [2, 0, 0, 0, 7, 8]);
        assert_eq!(encode(&[7u8, 8]), [7, 8]);
        assert_eq!(encode(&(true, Some(3u8), None::<u8>)), [1, 1, 3, 0]);
        assert_eq!(encode(&Address([9; 20])), [9; 20]);
    }

    fn round_trip<T: Encode + Decode + PartialEq + core::fmt::Debug>(value: T) {
        let bytes = encode(&value);
        assert_eq!(decode::<T>(&bytes), Ok(value));
        for end in 0..bytes.len() {
            assert!(
                decode::<T>(&bytes[..end]).is_err(),
                "{end} of {} bytes",
                bytes.len()
            );
        }
        let longer = [bytes.as_slice(), &[0]].concat();
        assert_eq!(decode::<T>(&longer), Err(LONG));
    }

    #[test]
    fn each_value_comes_back_and_no_other_bytes_are_taken() {
        round_trip(u128::MAX);
        round_trip(i8::MIN);
        round_trip("gr\u{fc}n".to_owned());
        round_trip(vec![Some((1u64, true)), None]);
        round_trip((vec![1u8, 2, 3], [4u8; 5]));
        assert!(decode::<bool>(&[2]).is_err());
        assert!(decode::<Option<u8>>(&[2, 0]).is_err());
        assert!(decode::<String>(&[1, 0, 0, 0, 0xff]).is_err());
    }

    #[test]
    fn a_count_does_not_claim_memory() {
        assert_eq!(decode::<Vec<u64>>(&[255, 255, 255, 255, 1]), Err(SHORT));
        assert_eq!(decode::<Vec<u8>>(&[255, 255, 255, 255, 1]), Err(SHORT));
        assert!(decode::<Vec<()>>(&[255, 255, 255, 255]).is_err());
    }
}
