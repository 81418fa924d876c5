//! The interface as JSON, version 1 of docs/contract-interface.md. Written by hand: a macro should build fast.

use crate::model::{Argument, Contract, Function, Kind, Record, Shape, word};

const VERSION: u8 = 1;

pub fn interface(contract: &Contract) -> String {
    let mut fields = vec![
        format!("\"version\":{VERSION}"),
        format!("\"name\":{}", text(&word(&contract.module.ident))),
        format!("\"docs\":{}", text(&contract.docs)),
    ];
    for (key, kind) in [("deploy", Kind::Init), ("migrate", Kind::Migrate)] {
        if let Some(function) = contract.only(kind) {
            fields.push(format!("\"{key}\":{}", entry(function)));
        }
    }
    let functions = contract
        .functions
        .iter()
        .filter(|function| matches!(function.kind, Kind::Call | Kind::Query))
        .map(entry);
    fields.push(format!("\"functions\":{}", list(functions)));
    let (events, types): (Vec<&Record>, Vec<&Record>) =
        contract.records.iter().partition(|record| record.event);
    fields.push(format!("\"events\":{}", list(events.into_iter().map(record))));
    fields.push(format!("\"types\":{}", list(types.into_iter().map(record))));
    object(fields)
}

fn entry(function: &Function) -> String {
    let mut fields = Vec::new();
    match function.kind {
        Kind::Call => fields.push("\"kind\":\"call\"".to_owned()),
        Kind::Query => fields.push("\"kind\":\"query\"".to_owned()),
        Kind::Init | Kind::Migrate => {}
    }
    fields.push(format!("\"name\":{}", text(&word(&function.name))));
    if function.payable {
        fields.push("\"payable\":true".to_owned());
    }
    fields.push(format!("\"arguments\":{}", arguments(&function.arguments)));
    if !function.returns_named.is_empty() {
        fields.push(format!("\"returns\":{}", text(&function.returns_named)));
    }
    fields.push(format!("\"docs\":{}", text(&function.docs)));
    object(fields)
}

fn record(record: &Record) -> String {
    let shape = match &record.shape {
        Shape::Fields(fields) => format!("\"fields\":{}", arguments(fields)),
        Shape::Variants(variants) => {
            let variants = variants.iter().map(|(name, fields)| {
                object(vec![
                    format!("\"name\":{}", text(&word(name))),
                    format!("\"fields\":{}", arguments(fields)),
                ])
            });
            format!("\"variants\":{}", list(variants))
        }
    };
    object(vec![
        format!("\"name\":{}", text(&word(&record.name))),
        shape,
        format!("\"docs\":{}", text(&record.docs)),
    ])
}

fn arguments(arguments: &[Argument]) -> String {
    list(arguments.iter().map(|argument| {
        object(vec![
            format!("\"name\":{}", text(&word(&argument.name))),
            format!("\"type\":{}", text(&argument.named)),
        ])
    }))
}

fn object(fields: Vec<String>) -> String {
    format!("{{{}}}", fields.join(","))
}

fn list(items: impl Iterator<Item = String>) -> String {
    format!("[{}]", items.collect::<Vec<_>>().join(","))
}

/// A JSON string (RFC 8259, section 7).
fn text(content: &str) -> String {
    let mut written = String::from('"');
    for character in content.chars() {
        match character {
            '"' => written.push_str("\\\""),
            '\\' => written.push_str("\\\\"),
            '\n' => written.push_str("\\n"),
            control if control < ' ' => written.push_str(&format!("\\u{:04x}", u32::from(control))),
            other => written.push(other),
        }
    }
    written.push('"');
    written
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_string_is_escaped() {
        assert_eq!(
            text("a \"b\" \\ c\nd\te\u{e9}"),
            "\"a \\\"b\\\" \\\\ c\\nd\\u0009e\u{e9}\""
        );
    }

    #[test]
    fn a_contract_says_what_it_has() {
        let module = syn::parse_quote! {
            /// Counts.
            mod counter {
                /// Adds `by`.
                #[call(payable)]
                fn add(by: u64, note: Option<String>) -> Result<Vec<Entry>, Error> {}
                #[query]
                fn total() -> u64 {}
                #[init]
                fn start(owner: Address) {}
                #[event]
                struct Added { by: u64 }
                #[data]
                struct Entry { key: [u8; 4], both: (bool, Vec<u8>) }
                #[data]
                enum Way { Up, Down { by: u8 } }
                fn helper() {}
            }
        };
        let contract = Contract::read(module).map_err(|error| error.to_string());
        let json = contract.map(|contract| interface(&contract));
        assert_eq!(
            json.as_deref(),
            Ok(concat!(
                r#"{"version":1,"name":"counter","docs":"Counts.","#,
                r#""deploy":{"name":"start","arguments":[{"name":"owner","type":"address"}],"docs":""},"#,
                r#""functions":[{"kind":"call","name":"add","payable":true,"arguments":[{"name":"by","type":"u64"},"#,
                r#"{"name":"note","type":"option<string>"}],"returns":"list<Entry>","docs":"Adds `by`."},"#,
                r#"{"kind":"query","name":"total","arguments":[],"returns":"u64","docs":""}],"#,
                r#""events":[{"name":"Added","fields":[{"name":"by","type":"u64"}],"docs":""}],"#,
                r#""types":[{"name":"Entry","fields":[{"name":"key","type":"bytes4"},{"name":"both","type":"(bool,bytes)"}],"docs":""},"#,
                r#"{"name":"Way","variants":[{"name":"Up","fields":[]},{"name":"Down","fields":[{"name":"by","type":"u8"}]}],"docs":""}]}"#,
            ))
        );
    }

    #[test]
    fn what_has_no_name_is_refused_in_words() {
        let refused: [(syn::ItemMod, &str); 6] = [
            (
                syn::parse_quote!(
                    mod m {
                        #[call]
                        fn f(a: &str) {}
                    }
                ),
                "take a value, not a reference",
            ),
            (
                syn::parse_quote!(
                    mod m {
                        #[call]
                        fn f(a: f64) {}
                    }
                ),
                "there is no `f64` in an interface",
            ),
            (
                syn::parse_quote!(
                    mod m {
                        #[query]
                        fn f() {}
                    }
                ),
                "mark at least one function with #[call]",
            ),
            (
                syn::parse_quote!(
                    mod m {
                        #[call]
                        #[query]
                        fn f() {}
                    }
                ),
                "one of init, call, query and migrate",
            ),
            (
                syn::parse_quote!(
                    mod m {
                        #[query(payable)]
                        fn f() {}
                    }
                ),
                "write #[query]: only init and call can take a value",
            ),
            (
                syn::parse_quote!(
                    mod m {
                        #[call]
                        fn f() {}
                        #[init]
                        fn a() {}
                        #[init]
                        fn b() {}
                    }
                ),
                "one function marked #[init]",
            ),
        ];
        for (module, words) in refused {
            let error = Contract::read(module)
                .err()
                .map(|error| error.to_string())
                .unwrap_or_default();
            assert!(error.contains(words), "{error:?} should say {words:?}");
        }
    }
}
