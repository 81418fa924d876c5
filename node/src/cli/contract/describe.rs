//! An interface for people: what can be called and asked, with which arguments.

use aureon_interface::{Entry, Field, FunctionKind, Interface, Record, Shape};

use crate::cli::{failure::Failure, output};

/// Most letters of a function's description: a line.
const MAX_DOCS: usize = 80;

/// Prints a line for each entry point, function and event.
pub fn print(interface: &Interface) -> Result<(), Failure> {
    lines(interface).into_iter().try_for_each(output::line)
}

fn lines(interface: &Interface) -> Vec<String> {
    let entries = [("deploy", &interface.deploy), ("migrate", &interface.migrate)];
    let entries = entries
        .into_iter()
        .filter_map(|(kind, entry)| entry.as_ref().map(|entry| line(kind, "", entry)));
    let functions = interface.functions.iter().map(|function| {
        let kind = match function.kind {
            FunctionKind::Call => "call",
            FunctionKind::Query => "query",
        };
        line(kind, &function.entry.name, &function.entry)
    });
    let events = interface.events.iter().map(|event| match &event.shape {
        Shape::Fields(fields) => format!("event    {}({})", event.name, listed(fields)),
        Shape::Variants(_) => format!("event    {}", event.name),
    });
    let types = interface.types.iter().map(own_type);
    entries.chain(functions).chain(events).chain(types).collect()
}

fn line(kind: &str, name: &str, entry: &Entry) -> String {
    let returns = entry.returns.as_ref().map(|kind| format!(" -> {kind}"));
    let payable = if entry.payable { ", takes a value" } else { "" };
    let docs: String = entry
        .docs
        .lines()
        .next()
        .unwrap_or_default()
        .chars()
        .take(MAX_DOCS)
        .collect();
    let signature = format!(
        "{name}({}){}{payable}",
        listed(&entry.arguments),
        returns.unwrap_or_default()
    );
    match docs.is_empty() {
        true => format!("{kind:<8} {signature}"),
        false => format!("{kind:<8} {signature}    {docs}"),
    }
}

fn own_type(own: &Record) -> String {
    match &own.shape {
        Shape::Fields(fields) => format!("type     {} {{{}}}", own.name, listed(fields)),
        Shape::Variants(variants) => {
            let variants = variants.iter().map(|variant| match &variant.fields[..] {
                [] => variant.name.clone(),
                fields => format!("{} {{{}}}", variant.name, listed(fields)),
            });
            format!(
                "type     {} = {}",
                own.name,
                variants.collect::<Vec<_>>().join(" | ")
            )
        }
    }
}

fn listed(fields: &[Field]) -> String {
    let fields = fields
        .iter()
        .map(|field| format!("{}: {}", field.name, field.kind));
    fields.collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_for_each() {
        let json = br#"{"version": 1, "name": "x",
            "deploy": {"name": "new", "arguments": [{"name": "supply", "type": "u64"}]},
            "functions": [
                {"kind": "call", "name": "buy", "payable": true, "arguments": [], "docs": "Buys.\nAnd more."},
                {"kind": "query", "name": "of", "arguments": [{"name": "a", "type": "address"}], "returns": "u8"}],
            "events": [{"name": "Sold", "fields": [{"name": "price", "type": "u64"}]}],
            "types": [{"name": "Item", "fields": [{"name": "id", "type": "u8"}]},
                {"name": "Way", "variants": [{"name": "Up", "fields": []},
                    {"name": "Down", "fields": [{"name": "by", "type": "u8"}]}]}]}"#;
        assert_eq!(
            lines(&Interface::from_json(json).unwrap()),
            [
                "deploy   (supply: u64)",
                "call     buy(), takes a value    Buys.",
                "query    of(a: address) -> u8",
                "event    Sold(price: u64)",
                "type     Item {id: u8}",
                "type     Way = Up | Down {by: u8}",
            ]
        );
    }
}
