//! Text and JSON to the bytes of an input.
//!
//! Text is turned into JSON first: numbers, addresses, bytes, strings and truth values stand as they are, everything
//! else is JSON. In JSON a number may be a string of decimal digits, so that no 64-bit number is lost on its way.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use aureon_types::{Address, limits::MAX_CALL_INPUT_BYTES};
use serde_json::{Map, Value};

use crate::error::{InterfaceError, cut, listed};
use crate::model::{Entry, Field, Interface, Record, Shape, Variant};
use crate::{Kind, MAX_DEPTH};

/// Most values of one input. Each but an empty structure has at least a byte.
const MAX_VALUES: usize = 2 * MAX_CALL_INPUT_BYTES;

/// Arguments by name.
#[derive(Clone, Copy, Debug)]
pub enum Arguments<'a> {
    /// As on a command line. A `-` in a name stands for `_`.
    Text(&'a [(String, String)]),
    /// As in a request: an object.
    Json(&'a Map<String, Value>),
}

impl Arguments<'_> {
    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        match self {
            Self::Text(pairs) => pairs.is_empty(),
            Self::Json(object) => object.is_empty(),
        }
    }
}

pub fn arguments(
    interface: &Interface,
    entry: &Entry,
    given: &Arguments<'_>,
    out: &mut Vec<u8>,
) -> Result<(), InterfaceError> {
    let mut given = by_name(given)?;
    let mut encoder = Encoder {
        types: interface.by_name(),
        place: String::new(),
        values: MAX_VALUES,
    };
    for Field { name, kind } in &entry.arguments {
        let value = match given.remove(name.as_str()) {
            Some(Given::Json(value)) => Cow::Borrowed(value),
            Some(Given::Text(text)) => Cow::Owned(read_text(kind, text, name)?),
            // What may be absent may be left out.
            None if matches!(kind, Kind::Option(_)) => Cow::Owned(Value::Null),
            None => {
                let (function, name, kind) = (entry.name.clone(), name.clone(), kind.to_string());
                return Err(InterfaceError::Missing { function, name, kind });
            }
        };
        encoder.at(name, |encoder| encoder.encode(kind, &value, MAX_DEPTH, out))?;
    }
    match given.pop_first() {
        None if out.len() > MAX_CALL_INPUT_BYTES => Err(TOO_LARGE),
        None => Ok(()),
        Some((name, _)) => Err(InterfaceError::UnknownArgument {
            function: entry.name.clone(),
            name: cut(&name),
            known: described(&entry.arguments),
        }),
    }
}

/// The Borsh encoding of a string.
pub fn string(text: &str, out: &mut Vec<u8>) {
    // What is longer is refused before it is sent.
    out.extend_from_slice(&u32::try_from(text.len()).unwrap_or(u32::MAX).to_le_bytes());
    out.extend_from_slice(text.as_bytes());
}

enum Given<'a> {
    Text(&'a str),
    Json(&'a Value),
}

fn by_name<'a>(given: &Arguments<'a>) -> Result<BTreeMap<Cow<'a, str>, Given<'a>>, InterfaceError> {
    let mut names = BTreeMap::new();
    match given {
        Arguments::Json(object) => {
            names.extend(
                object
                    .iter()
                    .map(|(name, value)| (Cow::from(name.as_str()), Given::Json(value))),
            );
        }
        Arguments::Text(pairs) => {
            for (name, text) in *pairs {
                let name = name.replace('-', "_");
                if names.insert(Cow::from(name.clone()), Given::Text(text)).is_some() {
                    return Err(InterfaceError::Twice(name));
                }
            }
        }
    }
    Ok(names)
}

fn described(arguments: &[Field]) -> String {
    let described: Vec<String> = arguments
        .iter()
        .map(|field| format!("{} ({})", field.name, field.kind.short()))
        .collect();
    listed(described.iter().map(String::as_str))
}

fn read_text(kind: &Kind, text: &str, place: &str) -> Result<Value, InterfaceError> {
    match kind {
        Kind::Option(_) if text == "null" => Ok(Value::Null),
        Kind::Option(inside) => read_text(inside, text, place),
        Kind::List(_) | Kind::Tuple(_) => parse_json(text, kind, place),
        // A variant without fields is a plain word.
        Kind::Named(_) if text.starts_with(['{', '"']) => parse_json(text, kind, place),
        _ => Ok(Value::String(text.to_owned())),
    }
}

fn parse_json(text: &str, kind: &Kind, place: &str) -> Result<Value, InterfaceError> {
    serde_json::from_str(text).map_err(|error| InterfaceError::Value {
        place: place.to_owned(),
        what: format!(
            "{} is not a `{}`, which is written as JSON: {error}",
            cut(text),
            kind.short()
        ),
    })
}

/// A few lines of an interface can name a thousand fields, and a few of a request a thousand times those: an input
/// ends at what a transaction can carry, and its work with it.
struct Encoder<'a> {
    types: BTreeMap<&'a str, &'a Record>,
    /// Where in the arguments we are, for messages.
    place: String,
    /// How many more values are written.
    values: usize,
}

impl Encoder<'_> {
    fn encode(
        &mut self,
        kind: &Kind,
        value: &Value,
        depth: usize,
        out: &mut Vec<u8>,
    ) -> Result<(), InterfaceError> {
        let Some(depth) = depth.checked_sub(1) else {
            return Err(self.wrong("values are nested too deeply".to_owned()));
        };
        self.values = self.values.checked_sub(1).ok_or(TOO_LARGE)?;
        if out.len() > MAX_CALL_INPUT_BYTES {
            return Err(TOO_LARGE);
        }
        match (kind, value) {
            (Kind::Bool, value) => out.push(u8::from(self.truth(value)?)),
            (Kind::Unsigned(bits), value) => self.unsigned(*bits, value, out)?,
            (Kind::Signed(bits), value) => self.signed(*bits, value, out)?,
            (Kind::String, Value::String(text)) => string(text, out),
            (Kind::Bytes, Value::String(text)) => {
                let bytes = self.hex(kind, text)?;
                self.count(bytes.len(), out)?;
                out.extend_from_slice(&bytes);
            }
            (Kind::Address, Value::String(text)) => {
                // The error names the value.
                let address: Address = text.parse().map_err(|error| self.wrong(format!("{error}")))?;
                out.extend_from_slice(address.as_bytes());
            }
            (Kind::Fixed(length), Value::String(text)) => {
                let bytes = self.hex(kind, text)?;
                if bytes.len() != *length {
                    return Err(self.wrong(format!(
                        "`{kind}` has {length} bytes, {} has {}",
                        short(value),
                        bytes.len()
                    )));
                }
                out.extend_from_slice(&bytes);
            }
            (Kind::Option(_), Value::Null) => out.push(0),
            (Kind::Option(inside), value) => {
                out.push(1);
                self.encode(inside, value, depth, out)?;
            }
            (Kind::List(inside), Value::Array(items)) => {
                self.count(items.len(), out)?;
                for (index, item) in items.iter().enumerate() {
                    self.at(&format!("[{index}]"), |this| {
                        this.encode(inside, item, depth, out)
                    })?;
                }
            }
            (Kind::Tuple(parts), Value::Array(items)) if parts.len() == items.len() => {
                for (index, (part, item)) in parts.iter().zip(items).enumerate() {
                    self.at(&format!("[{index}]"), |this| this.encode(part, item, depth, out))?;
                }
            }
            (Kind::Named(name), value) => self.named(name, value, depth, out)?,
            (kind, value) => {
                let kind = kind.short();
                return Err(self.wrong(format!("{} is not a `{kind}`", short(value))));
            }
        }
        Ok(())
    }

    fn named(
        &mut self,
        name: &str,
        value: &Value,
        depth: usize,
        out: &mut Vec<u8>,
    ) -> Result<(), InterfaceError> {
        let unknown = || InterfaceError::UnknownType(name.to_owned());
        let record = *self.types.get(name).ok_or_else(unknown)?;
        match &record.shape {
            Shape::Fields(fields) => self.fields(fields, value, depth, out),
            Shape::Variants(variants) => {
                let (chosen, content) = chosen(value)
                    .ok_or_else(|| self.wrong(format!("{} is not a variant of `{name}`", short(value))))?;
                let (index, variant) = self.variant(variants, chosen, name)?;
                out.push(index);
                self.at(&format!(".{chosen}"), |this| {
                    this.fields(&variant.fields, content, depth, out)
                })
            }
        }
    }

    fn variant<'v>(
        &self,
        variants: &'v [Variant],
        chosen: &str,
        name: &str,
    ) -> Result<(u8, &'v Variant), InterfaceError> {
        (0u8..=u8::MAX)
            .zip(variants)
            .find(|(_, variant)| variant.name == chosen)
            .ok_or_else(|| {
                let known = listed(variants.iter().map(|variant| variant.name.as_str()));
                let chosen = cut(chosen);
                self.wrong(format!("`{name}` has no variant `{chosen}`; it has: {known}"))
            })
    }

    fn fields(
        &mut self,
        fields: &[Field],
        value: &Value,
        depth: usize,
        out: &mut Vec<u8>,
    ) -> Result<(), InterfaceError> {
        let empty = Map::new();
        let object = match value {
            Value::Object(object) => object,
            Value::Null if fields.is_empty() => &empty,
            _ => return Err(self.wrong(format!("an object with {} is needed", described(fields)))),
        };
        let known: BTreeSet<&str> = fields.iter().map(|field| field.name.as_str()).collect();
        if let Some(unknown) = object.keys().find(|key| !known.contains(key.as_str())) {
            return Err(self.wrong(format!(
                "there is no field `{}`; there are: {}",
                cut(unknown),
                described(fields)
            )));
        }
        for Field { name, kind } in fields {
            let value = object.get(name).unwrap_or(&Value::Null);
            self.at(&format!(".{name}"), |this| this.encode(kind, value, depth, out))?;
        }
        Ok(())
    }

    fn at<T>(
        &mut self,
        step: &str,
        inside: impl FnOnce(&mut Self) -> Result<T, InterfaceError>,
    ) -> Result<T, InterfaceError> {
        let length = self.place.len();
        self.place.push_str(step);
        let result = inside(self);
        self.place.truncate(length);
        result
    }

    fn wrong(&self, what: String) -> InterfaceError {
        InterfaceError::Value {
            place: self.place.clone(),
            what,
        }
    }

    fn truth(&self, value: &Value) -> Result<bool, InterfaceError> {
        match value {
            Value::Bool(truth) => Ok(*truth),
            Value::String(text) if text == "true" => Ok(true),
            Value::String(text) if text == "false" => Ok(false),
            _ => Err(self.wrong(format!("{} is neither true nor false", short(value)))),
        }
    }

    fn unsigned(&self, bits: u32, value: &Value, out: &mut Vec<u8>) -> Result<(), InterfaceError> {
        let number: u128 = self.number(value, &format!("u{bits}"))?;
        if bits < 128 && number >> bits != 0 {
            return Err(self.wrong(format!("{number} does not fit into `u{bits}`")));
        }
        out.extend(number.to_le_bytes().into_iter().take(bytes_of(bits)));
        Ok(())
    }

    fn signed(&self, bits: u32, value: &Value, out: &mut Vec<u8>) -> Result<(), InterfaceError> {
        let number: i128 = self.number(value, &format!("i{bits}"))?;
        // What is left above the sign bit must be copies of it.
        if bits < 128 && !matches!(number >> (bits - 1), 0 | -1) {
            return Err(self.wrong(format!("{number} does not fit into `i{bits}`")));
        }
        out.extend(number.to_le_bytes().into_iter().take(bytes_of(bits)));
        Ok(())
    }

    /// A whole number, or decimal digits in a string; `_` may group them.
    fn number<T: std::str::FromStr>(&self, value: &Value, kind: &str) -> Result<T, InterfaceError> {
        let digits = match value {
            Value::Number(number) => number.to_string(),
            Value::String(text) => text.replace('_', ""),
            _ => String::new(),
        };
        digits
            .parse()
            .map_err(|_| self.wrong(format!("{} is not a `{kind}`", short(value))))
    }

    fn hex(&self, kind: &Kind, text: &str) -> Result<Vec<u8>, InterfaceError> {
        let given = || short(&Value::String(text.to_owned()));
        let digits = text.strip_prefix("0x").ok_or_else(|| {
            self.wrong(format!(
                "{} is not a `{kind}`: write 0x and hexadecimal digits",
                given()
            ))
        })?;
        hex::decode(digits).map_err(|error| {
            self.wrong(format!(
                "{} is not a `{kind}`: after 0x come hexadecimal digits, two a byte: {error}",
                given()
            ))
        })
    }

    fn count(&self, count: usize, out: &mut Vec<u8>) -> Result<(), InterfaceError> {
        let count = u32::try_from(count).map_err(|_| self.wrong("the list is too long".to_owned()))?;
        out.extend_from_slice(&count.to_le_bytes());
        Ok(())
    }
}

/// `"Variant"`, or `{"Variant": {..}}`.
fn chosen(value: &Value) -> Option<(&str, &Value)> {
    match value {
        Value::String(name) => Some((name, &Value::Null)),
        Value::Object(object) if object.len() == 1 => object
            .iter()
            .next()
            .map(|(name, content)| (name.as_str(), content)),
        _ => None,
    }
}

fn bytes_of(bits: u32) -> usize {
    usize::try_from(bits / 8).unwrap_or(0)
}

const TOO_LARGE: InterfaceError = InterfaceError::InputTooLarge {
    limit: MAX_CALL_INPUT_BYTES,
};

/// A value in a message.
fn short(value: &Value) -> String {
    cut(&value.to_string())
}
