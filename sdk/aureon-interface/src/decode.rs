//! Bytes of results, arguments and events to JSON.

use std::collections::BTreeMap;

use aureon_types::Address;
use serde_json::{Map, Value, json};

use crate::error::InterfaceError;
use crate::model::{Field, Interface, Record, Shape};
use crate::{Kind, MAX_DEPTH};

/// Most values that are read with one [`Budget`]: some megabytes of memory. The largest result is a list of 16,384
/// bytes.
pub const MAX_VALUES: usize = 32_768;

/// How many more values are read. An interface of our enemy's can name a list of a billion nothings, or have each
/// byte stand in a structure of its own: who reads the many events of a receipt reads them all with one budget.
#[derive(Clone, Debug)]
pub struct Budget {
    values: usize,
}

impl Default for Budget {
    fn default() -> Self {
        Self { values: MAX_VALUES }
    }
}

impl Budget {
    fn spend(&mut self) -> Result<(), InterfaceError> {
        self.values = self
            .values
            .checked_sub(1)
            .ok_or(InterfaceError::Bytes("there are too many values"))?;
        Ok(())
    }
}

/// The value that all of `bytes` encode.
pub fn value(
    interface: &Interface,
    kind: &Kind,
    bytes: &[u8],
    budget: &mut Budget,
) -> Result<Value, InterfaceError> {
    whole(interface, bytes, budget, |decoder| {
        decoder.decode(kind, MAX_DEPTH)
    })
}

/// The structure that all of `bytes` encode.
pub fn record(
    interface: &Interface,
    record: &Record,
    bytes: &[u8],
    budget: &mut Budget,
) -> Result<Value, InterfaceError> {
    whole(interface, bytes, budget, |decoder| {
        decoder.record(record, MAX_DEPTH)
    })
}

/// The fields that all of `bytes` encode.
pub fn fields(
    interface: &Interface,
    fields: &[Field],
    bytes: &[u8],
    budget: &mut Budget,
) -> Result<Value, InterfaceError> {
    whole(interface, bytes, budget, |decoder| {
        decoder.fields(fields, MAX_DEPTH)
    })
}

/// The string at the beginning, and what follows it.
pub fn named(bytes: &[u8]) -> Option<(&str, &[u8])> {
    let (length, rest) = bytes.split_first_chunk()?;
    let length = usize::try_from(u32::from_le_bytes(*length)).ok()?;
    let (name, rest) = rest.split_at_checked(length)?;
    Some((std::str::from_utf8(name).ok()?, rest))
}

fn whole(
    interface: &Interface,
    bytes: &[u8],
    budget: &mut Budget,
    read: impl FnOnce(&mut Decoder<'_>) -> Result<Value, InterfaceError>,
) -> Result<Value, InterfaceError> {
    let mut decoder = Decoder {
        types: interface.by_name(),
        rest: bytes,
        budget,
    };
    let value = read(&mut decoder)?;
    if decoder.rest.is_empty() {
        Ok(value)
    } else {
        Err(InterfaceError::Bytes("bytes are left over"))
    }
}

struct Decoder<'a> {
    types: BTreeMap<&'a str, &'a Record>,
    rest: &'a [u8],
    budget: &'a mut Budget,
}

impl<'a> Decoder<'a> {
    fn decode(&mut self, kind: &Kind, depth: usize) -> Result<Value, InterfaceError> {
        let depth = depth
            .checked_sub(1)
            .ok_or(InterfaceError::Bytes("values are nested too deeply"))?;
        self.budget.spend()?;
        Ok(match kind {
            Kind::Bool => Value::Bool(self.bit("a truth value is 0 or 1")?),
            Kind::Unsigned(bits) => self.unsigned(*bits)?,
            Kind::Signed(bits) => self.signed(*bits)?,
            Kind::String => self.string()?,
            Kind::Bytes => {
                let length = self.count()?;
                shown(self.take(length)?)
            }
            Kind::Address => match Address::from_slice(self.take(20)?) {
                Some(address) => Value::String(address.to_string()),
                None => return Err(SHORT),
            },
            Kind::Fixed(length) => shown(self.take(*length)?),
            Kind::Option(inside) => match self.bit("an option starts with 0 or 1")? {
                true => self.decode(inside, depth)?,
                false => Value::Null,
            },
            Kind::List(inside) => {
                let count = self.count()?;
                (0..count)
                    .map(|_| self.decode(inside, depth))
                    .collect::<Result<_, _>>()?
            }
            Kind::Tuple(parts) => parts
                .iter()
                .map(|part| self.decode(part, depth))
                .collect::<Result<_, _>>()?,
            Kind::Named(name) => match self.types.get(name.as_str()) {
                Some(record) => self.record(record, depth)?,
                None => return Err(InterfaceError::UnknownType(name.clone())),
            },
        })
    }

    fn record(&mut self, record: &Record, depth: usize) -> Result<Value, InterfaceError> {
        match &record.shape {
            Shape::Fields(fields) => self.fields(fields, depth),
            Shape::Variants(variants) => {
                let [index] = self.array()?;
                let variant = variants
                    .get(usize::from(index))
                    .ok_or(InterfaceError::Bytes("there is no such variant"))?;
                if variant.fields.is_empty() {
                    return Ok(Value::String(variant.name.clone()));
                }
                Ok(json!({ variant.name.as_str(): self.fields(&variant.fields, depth)? }))
            }
        }
    }

    fn fields(&mut self, fields: &[Field], depth: usize) -> Result<Value, InterfaceError> {
        let mut object = Map::new();
        for Field { name, kind } in fields {
            object.insert(name.clone(), self.decode(kind, depth)?);
        }
        Ok(Value::Object(object))
    }

    /// Numbers of at most 64 bits are JSON numbers, larger types strings of digits.
    fn unsigned(&mut self, bits: u32) -> Result<Value, InterfaceError> {
        let number = u128::from_le_bytes(self.widened(bits, 0)?);
        Ok(match u64::try_from(number) {
            Ok(number) if bits <= 64 => json!(number),
            _ => Value::String(number.to_string()),
        })
    }

    fn signed(&mut self, bits: u32) -> Result<Value, InterfaceError> {
        let negative = self
            .rest
            .get(width(bits) - 1)
            .is_some_and(|byte| byte & 0x80 != 0);
        let number = i128::from_le_bytes(self.widened(bits, if negative { 0xff } else { 0 })?);
        Ok(match i64::try_from(number) {
            Ok(number) if bits <= 64 => json!(number),
            _ => Value::String(number.to_string()),
        })
    }

    fn widened(&mut self, bits: u32, filling: u8) -> Result<[u8; 16], InterfaceError> {
        let mut bytes = [filling; 16];
        let taken = self.take(width(bits))?;
        bytes[..taken.len()].copy_from_slice(taken);
        Ok(bytes)
    }

    fn string(&mut self) -> Result<Value, InterfaceError> {
        let length = self.count()?;
        let text = std::str::from_utf8(self.take(length)?);
        text.map(|text| Value::String(text.to_owned()))
            .map_err(|_| InterfaceError::Bytes("a string is not UTF-8"))
    }

    fn bit(&mut self, wrong: &'static str) -> Result<bool, InterfaceError> {
        match self.array()? {
            [0] => Ok(false),
            [1] => Ok(true),
            _ => Err(InterfaceError::Bytes(wrong)),
        }
    }

    fn count(&mut self) -> Result<usize, InterfaceError> {
        usize::try_from(u32::from_le_bytes(self.array()?)).map_err(|_| SHORT)
    }

    fn take(&mut self, length: usize) -> Result<&'a [u8], InterfaceError> {
        let (taken, rest) = self.rest.split_at_checked(length).ok_or(SHORT)?;
        self.rest = rest;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], InterfaceError> {
        let (taken, rest) = self.rest.split_first_chunk().ok_or(SHORT)?;
        self.rest = rest;
        Ok(*taken)
    }
}

const SHORT: InterfaceError = InterfaceError::Bytes("the bytes end too early");

/// 1 to 16 bytes: [`Kind`] has no other numbers.
fn width(bits: u32) -> usize {
    usize::try_from(bits / 8).unwrap_or(16).clamp(1, 16)
}

fn shown(bytes: &[u8]) -> Value {
    Value::String(format!("0x{}", hex::encode(bytes)))
}
