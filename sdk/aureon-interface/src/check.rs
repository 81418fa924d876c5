//! What an interface must keep to be read at all: names are words, once each, and every type is defined.

use std::collections::BTreeSet;

use crate::error::InterfaceError;
use crate::model::{Entry, Field, Interface, Record, Shape};
use crate::{Kind, MAX_NAME_BYTES};

/// Names are unique where they choose among each other, and short: they are repeated with each value that is
/// read, and shown on terminals.
pub fn names(interface: &Interface) -> Result<(), InterfaceError> {
    word("contract", &interface.name)?;
    let functions = interface.functions.iter().map(|function| &function.entry);
    once("function", functions.clone().map(|entry| entry.name.as_str()))?;
    let types = once("type", interface.types.iter().map(|record| record.name.as_str()))?;
    once(
        "event",
        interface.events.iter().map(|record| record.name.as_str()),
    )?;
    let entries = functions.chain(&interface.deploy).chain(&interface.migrate);
    entries
        .into_iter()
        .try_for_each(|entry| check_entry(entry, &types))?;
    let records = interface.types.iter().chain(&interface.events);
    records
        .into_iter()
        .try_for_each(|record| check_record(record, &types))
}

type Names<'a> = BTreeSet<&'a str>;

fn check_entry(entry: &Entry, types: &Names<'_>) -> Result<(), InterfaceError> {
    word("function", &entry.name)?;
    check_fields(&entry.arguments, types)?;
    entry.returns.iter().try_for_each(|kind| check_kind(kind, types))
}

fn check_record(record: &Record, types: &Names<'_>) -> Result<(), InterfaceError> {
    match &record.shape {
        Shape::Fields(fields) => check_fields(fields, types),
        Shape::Variants(variants) => {
            once("variant", variants.iter().map(|variant| variant.name.as_str()))?;
            variants
                .iter()
                .try_for_each(|variant| check_fields(&variant.fields, types))
        }
    }
}

fn check_fields(fields: &[Field], types: &Names<'_>) -> Result<(), InterfaceError> {
    once("field", fields.iter().map(|field| field.name.as_str()))?;
    fields.iter().try_for_each(|field| check_kind(&field.kind, types))
}

fn check_kind(kind: &Kind, types: &Names<'_>) -> Result<(), InterfaceError> {
    match kind {
        Kind::Named(name) if !types.contains(name.as_str()) => Err(InterfaceError::UnknownType(name.clone())),
        Kind::List(inside) | Kind::Option(inside) => check_kind(inside, types),
        Kind::Tuple(parts) => parts.iter().try_for_each(|part| check_kind(part, types)),
        _ => Ok(()),
    }
}

fn once<'a>(what: &str, names: impl Iterator<Item = &'a str>) -> Result<Names<'a>, InterfaceError> {
    let mut known = Names::new();
    for name in names {
        word(what, name)?;
        if !known.insert(name) {
            return Err(InterfaceError::Malformed(format!(
                "the {what} `{name}` is there twice"
            )));
        }
    }
    Ok(known)
}

/// Letters, digits and `_`: nothing that a terminal obeys.
fn word(what: &str, name: &str) -> Result<(), InterfaceError> {
    let good = |c: char| c.is_alphanumeric() || c == '_';
    if name.is_empty() || name.len() > MAX_NAME_BYTES || !name.chars().all(good) {
        let shown: String = name.escape_debug().take(MAX_NAME_BYTES).collect();
        return Err(InterfaceError::Malformed(format!(
            "\"{shown}\" is no name of a {what}: names are letters, digits and _, at most {MAX_NAME_BYTES} bytes"
        )));
    }
    Ok(())
}
