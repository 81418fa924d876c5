//! What the compiler would not say, or would say in a place that the author has not written.

use std::collections::BTreeMap;

use proc_macro2::Span;
use syn::{Error, Expr, Ident, Item, Lit, Result};

use crate::model::{Function, Kind, word};

/// The longest name of a function, as the specification of the interface says.
const MAX_NAME: usize = 64;
/// The longest topic that the host takes, and so the longest name of an event.
const MAX_TOPIC: usize = 64;
/// What a client has beside the contract's functions.
const TAKEN: [&str; 6] = [
    "at",
    "with_value",
    "with_gas",
    "deploy",
    "deploy_with_value",
    "upgrade",
];

/// That a name fits into the interface.
pub fn function_name(name: &Ident) -> Result<()> {
    let length = word(name).len();
    if length > MAX_NAME {
        let words = format!("a function's name has at most {MAX_NAME} bytes, this one has {length}");
        return Err(Error::new(name.span(), words));
    }
    Ok(())
}

/// That an event's name fits into a topic.
pub fn topic(name: &Ident) -> Result<()> {
    let length = word(name).len();
    if length > MAX_TOPIC {
        let words =
            format!("an event's name is its topic and has at most {MAX_TOPIC} bytes, this one has {length}");
        return Err(Error::new(name.span(), words));
    }
    Ok(())
}

/// What holds for all functions together.
pub fn functions(functions: &[Function], span: Span) -> Result<()> {
    for (kind, mark) in [(Kind::Init, "#[init]"), (Kind::Migrate, "#[migrate]")] {
        if let Some(second) = functions.iter().filter(|function| function.kind == kind).nth(1) {
            let words = format!("a contract has one function marked {mark} at most");
            return Err(Error::new(second.name.span(), words));
        }
    }
    if !functions.iter().any(|function| function.kind == Kind::Call) {
        return Err(Error::new(
            span,
            "mark at least one function with #[call], so that the contract can be called",
        ));
    }
    let mut names = BTreeMap::new();
    for function in functions {
        let name = word(&function.name);
        let reached = matches!(function.kind, Kind::Call | Kind::Query);
        if reached && TAKEN.contains(&&*name) {
            let taken = TAKEN.join(", ");
            let words =
                format!("the contract's client has a `{name}` of its own: choose another name than {taken}");
            return Err(Error::new(function.name.span(), words));
        }
        if names.insert(name.clone(), ()).is_some() {
            let words = format!("there is a function `{name}` already: calls and queries share their names");
            return Err(Error::new(function.name.span(), words));
        }
    }
    Ok(())
}

/// That no two constants stand for the same place in storage.
pub fn storage(items: &[Item]) -> Result<()> {
    let mut names = BTreeMap::new();
    for item in items {
        let Item::Const(constant) = item else {
            continue;
        };
        let Some(name) = storage_name(&constant.expr) else {
            continue;
        };
        if let Some(first) = names.insert(name.value(), &constant.ident) {
            let words = format!(
                "`{first}` is stored under \"{}\" already: each needs a name of its own",
                name.value()
            );
            return Err(Error::new(name.span(), words));
        }
    }
    Ok(())
}

/// The text in `Item::new("..")` and its like.
fn storage_name(expression: &Expr) -> Option<&syn::LitStr> {
    let Expr::Call(call) = expression else {
        return None;
    };
    let Expr::Path(function) = &*call.func else {
        return None;
    };
    let mut way = function.path.segments.iter().rev();
    let (new, kind) = (way.next()?, way.next()?);
    let stored = ["Item", "Map", "IndexedMap"]
        .iter()
        .any(|known| kind.ident == known);
    match call.args.first()? {
        Expr::Lit(syn::ExprLit {
            lit: Lit::Str(name), ..
        }) if stored && new.ident == "new" => Some(name),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use crate::model::Contract;

    #[test]
    fn what_the_compiler_would_not_say_is_said() {
        let event = format!("#[event] struct {} {{}}", "E".repeat(65));
        for (inside, words) in [
            (
                "#[call] fn f() {} #[query] fn f() {}",
                "there is a function `f` already",
            ),
            (
                "#[call] fn r#f() {} #[call] fn f() {}",
                "there is a function `f` already",
            ),
            ("#[call] fn at() {}", "has a `at` of its own"),
            ("#[query] fn upgrade() {}", "has a `upgrade` of its own"),
            (
                "#[init] fn a() {} #[init] fn b() {}",
                "one function marked #[init]",
            ),
            ("#[call()] fn f() {}", "write #[call], or #[call(payable)]"),
            ("#[call = 1] fn f() {}", "write #[call], or #[call(payable)]"),
            ("#[migrate(payable)] fn f() {}", "write #[migrate]"),
            (&event, "at most 64 bytes, this one has 65"),
            ("struct D {} #[call] fn f(d: D) {}", "mark `D` with #[data]"),
            ("#[call] fn f(a: Vec<usize>) {}", "take u32 or u64"),
            ("#[call] fn f(a: (u8, u8, u8, u8, u8)) {}", "at most 4 parts"),
            (
                r#"const A: Item<u8> = Item::new("x"); const B: Map<u8, u8> = aureon::Map::new("x");"#,
                "`A` is stored under \"x\" already",
            ),
        ] {
            let module = format!("mod m {{ {inside} #[call] fn other() {{}} }}");
            let module = syn::parse_str(&module).expect(inside);
            let error = Contract::read(module).err().map(|error| error.to_string());
            let error = error.unwrap_or_default();
            assert!(error.contains(words), "{inside}: {error:?} should say {words:?}");
        }
    }

    #[test]
    fn names_that_only_look_alike_are_taken() {
        let module = syn::parse_quote! {
            mod m {
                const A: Item<u8> = Item::new("x");
                const B: Item<u8> = Item::new("y");
                const C: Thing = Thing::new("x");
                const D: &str = "x";
                #[init]
                fn deploy() {}
                #[call]
                fn transfer() {}
                #[query]
                fn transfers() {}
            }
        };
        assert!(Contract::read(module).is_ok());
    }
}
