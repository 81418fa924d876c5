//! The interface as it stands in the section: JSON, version 1.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;

use crate::encode::Arguments;
use crate::{Kind, MAX_INTERFACE_BYTES, SECTION, SectionError, decode, encode, section};

/// The version of the format that is read here.
const VERSION: u32 = 1;

/// What a contract says about itself.
#[derive(Clone, Debug, Serialize, Deserialize, PartialEq, Eq)]
pub struct Interface {
    /// The version of this format.
    pub version: u32,
    /// The contract's name, chosen by its author.
    pub name: String,
    /// For people.
    #[serde(default)]
    pub docs: String,
    /// The constructor, if there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deploy: Option<Entry>,
    /// What an upgrade to this code runs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub migrate: Option<Entry>,
    /// What can be called and asked.
    pub functions: Vec<Function>,
    /// What it writes into receipts: the topic is the name, the data the fields.
    #[serde(default)]
    pub events: Vec<Record>,
    /// Its own types, by which arguments and results are named.
    #[serde(default)]
    pub types: Vec<Record>,
}

/// Arguments and result of an entry point.
#[derive(Clone, Debug, Serialize, Deserialize, PartialEq, Eq)]
pub struct Entry {
    /// Its name in the source.
    pub name: String,
    /// Whether it takes a value.
    #[serde(default)]
    pub payable: bool,
    /// In their order.
    pub arguments: Vec<Field>,
    /// What it gives; absent for nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub returns: Option<Kind>,
    /// For people.
    #[serde(default)]
    pub docs: String,
}

/// A function by name.
#[derive(Clone, Debug, Serialize, Deserialize, PartialEq, Eq)]
pub struct Function {
    /// Whether it changes anything.
    pub kind: FunctionKind,
    /// Name, arguments and result.
    #[serde(flatten)]
    pub entry: Entry,
}

/// Through which export a function is reached.
#[derive(Clone, Copy, Debug, Serialize, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub enum FunctionKind {
    /// By a transaction or another contract; changes things.
    Call,
    /// For free; changes nothing.
    Query,
}

/// A name and a type.
#[derive(Clone, Debug, Serialize, Deserialize, PartialEq, Eq)]
pub struct Field {
    /// The name.
    pub name: String,
    /// The type.
    #[serde(rename = "type")]
    pub kind: Kind,
}

/// A type of the contract's own, or an event.
#[derive(Clone, Debug, Serialize, Deserialize, PartialEq, Eq)]
pub struct Record {
    /// The name.
    pub name: String,
    /// A structure or an enum.
    #[serde(flatten)]
    pub shape: Shape,
    /// For people.
    #[serde(default)]
    pub docs: String,
}

/// What a type consists of.
#[derive(Clone, Debug, Serialize, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub enum Shape {
    /// A structure.
    Fields(Vec<Field>),
    /// An enum; the number of a variant is its place.
    Variants(Vec<Variant>),
}

/// One of the ways of an enum.
#[derive(Clone, Debug, Serialize, Deserialize, PartialEq, Eq)]
pub struct Variant {
    /// The name.
    pub name: String,
    /// What comes with it.
    pub fields: Vec<Field>,
}

impl Serialize for Kind {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Kind {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).map_err(|text| serde::de::Error::custom(format!("\"{text}\" is not a type")))
    }
}

/// Why an interface cannot be read, or something does not fit it. Made for people: the CLI and the REST API
/// show it as it is.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InterfaceError {
    /// The module.
    #[error(transparent)]
    Section(#[from] SectionError),
    /// Too much to read.
    #[error("the interface has {bytes} bytes, at most {MAX_INTERFACE_BYTES}")]
    TooLarge {
        /// Its length.
        bytes: usize,
    },
    /// Not JSON, or not of this form.
    #[error("the interface cannot be read: {0}")]
    Malformed(String),
    /// From the future.
    #[error("the interface is of version {0}, this node reads version {VERSION}")]
    Version(u32),
    /// A type that is not defined.
    #[error("the interface names the type `{0}` and does not define it")]
    UnknownType(String),
    /// No such function.
    #[error("the contract `{contract}` has no function `{name}`; it has: {known}")]
    UnknownFunction {
        /// The contract's name.
        contract: String,
        /// What was asked for.
        name: String,
        /// All there are.
        known: String,
    },
    /// Input for a constructor or `migrate` that the contract has not.
    #[error("the contract has no `{0}` and takes no arguments there")]
    NoEntry(&'static str),
    /// An argument is missing.
    #[error("`{function}` needs the argument `{name}` ({kind})")]
    Missing {
        /// The function.
        function: String,
        /// The argument.
        name: String,
        /// Its type.
        kind: String,
    },
    /// An argument that the function has not.
    #[error("`{function}` has no argument `{name}`; it takes: {known}")]
    UnknownArgument {
        /// The function.
        function: String,
        /// What was given.
        name: String,
        /// All there are.
        known: String,
    },
    /// An argument given twice.
    #[error("the argument `{0}` is given twice")]
    Twice(String),
    /// A value that is not of its type.
    #[error("{place}: {what}")]
    Value {
        /// Which argument, and where in it.
        place: String,
        /// What is wrong.
        what: String,
    },
    /// Bytes that are not of their type.
    #[error("the bytes are not of the type that the interface names: {0}")]
    Bytes(&'static str),
}

impl Interface {
    /// Reads the interface of a module; `None` if it has none.
    ///
    /// # Errors
    ///
    /// If the module is damaged, or the interface is.
    pub fn from_wasm(module: &[u8]) -> Result<Option<Self>, InterfaceError> {
        section::find(module, SECTION)?.map(Self::from_json).transpose()
    }

    /// Reads an interface.
    ///
    /// # Errors
    ///
    /// If it is too large, malformed, of another version, or names types that it does not define.
    pub fn from_json(json: &[u8]) -> Result<Self, InterfaceError> {
        if json.len() > MAX_INTERFACE_BYTES {
            return Err(InterfaceError::TooLarge { bytes: json.len() });
        }
        let malformed = |error: serde_json::Error| InterfaceError::Malformed(error.to_string());
        let value: Value = serde_json::from_slice(json).map_err(malformed)?;
        match value
            .get("version")
            .and_then(Value::as_u64)
            .and_then(|version| u32::try_from(version).ok())
        {
            Some(VERSION) => {}
            Some(version) => return Err(InterfaceError::Version(version)),
            None => return Err(InterfaceError::Malformed("it has no version".to_owned())),
        }
        let interface: Self = serde_json::from_value(value).map_err(malformed)?;
        interface.check_names()?;
        Ok(interface)
    }

    /// The function with a name.
    ///
    /// # Errors
    ///
    /// If there is none; the error lists those that are there.
    pub fn function(&self, name: &str) -> Result<&Function, InterfaceError> {
        self.functions
            .iter()
            .find(|function| function.entry.name == name)
            .ok_or_else(|| {
                let known: Vec<&str> = self
                    .functions
                    .iter()
                    .map(|function| function.entry.name.as_str())
                    .collect();
                InterfaceError::UnknownFunction {
                    contract: self.name.clone(),
                    name: name.to_owned(),
                    known: known.join(", "),
                }
            })
    }

    /// The input of a call or query: the function's name and its arguments.
    ///
    /// # Errors
    ///
    /// If there is no such function, or the arguments are not its arguments.
    pub fn encode_call(&self, name: &str, arguments: &Arguments<'_>) -> Result<Vec<u8>, InterfaceError> {
        let entry = &self.function(name)?.entry;
        let mut out = Vec::new();
        encode::string(name, &mut out);
        encode::arguments(self, entry, arguments, &mut out)?;
        Ok(out)
    }

    /// The input of the constructor.
    ///
    /// # Errors
    ///
    /// If the arguments are not its arguments.
    pub fn encode_deploy(&self, arguments: &Arguments<'_>) -> Result<Vec<u8>, InterfaceError> {
        self.encode_entry("deploy", self.deploy.as_ref(), arguments)
    }

    /// The input of `migrate`.
    ///
    /// # Errors
    ///
    /// If the arguments are not its arguments.
    pub fn encode_migrate(&self, arguments: &Arguments<'_>) -> Result<Vec<u8>, InterfaceError> {
        self.encode_entry("migrate", self.migrate.as_ref(), arguments)
    }

    fn encode_entry(
        &self,
        name: &'static str,
        entry: Option<&Entry>,
        arguments: &Arguments<'_>,
    ) -> Result<Vec<u8>, InterfaceError> {
        let mut out = Vec::new();
        match entry {
            Some(entry) => encode::arguments(self, entry, arguments, &mut out)?,
            None if arguments.is_empty() => {}
            None => return Err(InterfaceError::NoEntry(name)),
        }
        Ok(out)
    }

    /// What a function gave, as JSON; `null` for nothing.
    ///
    /// # Errors
    ///
    /// If there is no such function, or the bytes are not of its result's type.
    pub fn decode_result(&self, name: &str, bytes: &[u8]) -> Result<Value, InterfaceError> {
        match &self.function(name)?.entry.returns {
            Some(kind) => decode::value(self, kind, bytes),
            None if bytes.is_empty() => Ok(Value::Null),
            None => Err(InterfaceError::Bytes("the function gives nothing")),
        }
    }

    /// An event as a JSON object of its fields; `None` if the interface has no event of this topic.
    ///
    /// # Errors
    ///
    /// If the data is not that of the event.
    pub fn decode_event(&self, topic: &[u8], data: &[u8]) -> Result<Option<Value>, InterfaceError> {
        let event = self.events.iter().find(|event| event.name.as_bytes() == topic);
        event.map(|event| decode::record(self, event, data)).transpose()
    }

    pub(crate) fn defined(&self, name: &str) -> Result<&Record, InterfaceError> {
        let found = self.types.iter().find(|record| record.name == name);
        found.ok_or_else(|| InterfaceError::UnknownType(name.to_owned()))
    }

    /// Every type that is named is defined, once.
    fn check_names(&self) -> Result<(), InterfaceError> {
        let mut names = BTreeMap::new();
        for record in &self.types {
            if names.insert(record.name.as_str(), ()).is_some() {
                return Err(InterfaceError::Malformed(format!(
                    "the type `{}` is defined twice",
                    record.name
                )));
            }
        }
        let entries = self.functions.iter().map(|function| &function.entry);
        for entry in entries.chain(&self.deploy).chain(&self.migrate) {
            let arguments = entry.arguments.iter().map(|field| &field.kind);
            arguments
                .chain(&entry.returns)
                .try_for_each(|kind| self.check_kind(kind))?;
        }
        self.types
            .iter()
            .chain(&self.events)
            .try_for_each(|record| match &record.shape {
                Shape::Fields(fields) => self.check_fields(fields),
                Shape::Variants(variants) => variants
                    .iter()
                    .try_for_each(|variant| self.check_fields(&variant.fields)),
            })
    }

    fn check_fields(&self, fields: &[Field]) -> Result<(), InterfaceError> {
        fields.iter().try_for_each(|field| self.check_kind(&field.kind))
    }

    fn check_kind(&self, kind: &Kind) -> Result<(), InterfaceError> {
        match kind {
            Kind::Named(name) => self.defined(name).map(drop),
            Kind::List(inside) | Kind::Option(inside) => self.check_kind(inside),
            Kind::Tuple(parts) => parts.iter().try_for_each(|part| self.check_kind(part)),
            _ => Ok(()),
        }
    }
}
