//! The interface as it stands in the section: JSON, version 1.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;

use crate::decode::{self, Budget};
use crate::encode::Arguments;
use crate::error::{InterfaceError, cut, listed};
use crate::{Kind, MAX_INTERFACE_BYTES, SECTION, check, encode, section};

/// The version of the format that is read here.
pub const VERSION: u32 = 1;

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

impl Interface {
    /// Reads the interface of a module; `None` if it has none.
    ///
    /// # Errors
    ///
    /// If the module is damaged, or the interface is.
    pub fn from_wasm(module: &[u8]) -> Result<Option<Self>, InterfaceError> {
        Self::section(module)?.map(Self::from_json).transpose()
    }

    /// The interface of a module as it stands there, unread; `None` if it has none.
    ///
    /// # Errors
    ///
    /// If the module is damaged.
    pub fn section(module: &[u8]) -> Result<Option<&[u8]>, InterfaceError> {
        Ok(section::find(module, SECTION)?)
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
        check::names(&interface)?;
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
            .ok_or_else(|| InterfaceError::UnknownFunction {
                contract: self.name.clone(),
                name: cut(name),
                known: listed(self.functions.iter().map(|function| function.entry.name.as_str())),
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

    /// As [`Interface::encode_call`], for a function of this kind only.
    ///
    /// # Errors
    ///
    /// If there is no such function, it is of the other kind, or the arguments are not its arguments.
    pub fn encode(
        &self,
        kind: FunctionKind,
        name: &str,
        arguments: &Arguments<'_>,
    ) -> Result<Vec<u8>, InterfaceError> {
        if self.function(name)?.kind == kind {
            return self.encode_call(name, arguments);
        }
        Err(InterfaceError::WrongKind {
            name: cut(name),
            instead: match kind {
                FunctionKind::Query => "changes things: it is called in a transaction, not asked",
                FunctionKind::Call => "only reads: it is asked in a query, for free, not called",
            },
        })
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

    /// Its own types. A list would be walked once per value.
    pub(crate) fn by_name(&self) -> BTreeMap<&str, &Record> {
        self.types
            .iter()
            .map(|record| (record.name.as_str(), record))
            .collect()
    }

    /// What a function gave, as JSON; `null` for nothing.
    ///
    /// # Errors
    ///
    /// If there is no such function, or the bytes are not of its result's type.
    pub fn decode_result(&self, name: &str, bytes: &[u8]) -> Result<Value, InterfaceError> {
        self.decode_given(&self.function(name)?.entry, bytes, &mut Budget::default())
    }

    /// What an entry point gave, as [`Interface::decode_result`], within what is left of `budget`.
    ///
    /// # Errors
    ///
    /// If the bytes are not of its result's type, or the budget is used up.
    pub fn decode_given(
        &self,
        entry: &Entry,
        bytes: &[u8],
        budget: &mut Budget,
    ) -> Result<Value, InterfaceError> {
        match &entry.returns {
            Some(kind) => decode::value(self, kind, bytes, budget),
            None if bytes.is_empty() => Ok(Value::Null),
            None => Err(InterfaceError::Bytes("the function gives nothing")),
        }
    }

    /// The function that the input of a call or query names, and the bytes of its arguments; `None` if it names
    /// none of this interface.
    #[must_use]
    pub fn called<'a>(&self, input: &'a [u8]) -> Option<(&Function, &'a [u8])> {
        let (name, arguments) = decode::named(input)?;
        let function = self.functions.iter().find(|function| function.entry.name == name);
        function.map(|function| (function, arguments))
    }

    /// The arguments of an entry point as a JSON object.
    ///
    /// # Errors
    ///
    /// If the bytes are not its arguments, or the budget is used up.
    pub fn decode_arguments(
        &self,
        entry: &Entry,
        bytes: &[u8],
        budget: &mut Budget,
    ) -> Result<Value, InterfaceError> {
        decode::fields(self, &entry.arguments, bytes, budget)
    }

    /// An event as a JSON object of its fields; `None` if the interface has no event of this topic.
    ///
    /// # Errors
    ///
    /// If the data is not that of the event.
    pub fn decode_event(&self, topic: &[u8], data: &[u8]) -> Result<Option<Value>, InterfaceError> {
        self.decode_event_within(topic, data, &mut Budget::default())
    }

    /// As [`Interface::decode_event`], within what is left of `budget`.
    ///
    /// # Errors
    ///
    /// If the data is not that of the event, or the budget is used up.
    pub fn decode_event_within(
        &self,
        topic: &[u8],
        data: &[u8],
        budget: &mut Budget,
    ) -> Result<Option<Value>, InterfaceError> {
        let event = self.events.iter().find(|event| event.name.as_bytes() == topic);
        event
            .map(|event| decode::record(self, event, data, budget))
            .transpose()
    }
}
