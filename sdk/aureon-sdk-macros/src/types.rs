//! The names of types in an interface. They are read from syntax: a type is known by its last name.

use std::collections::BTreeSet;

use syn::spanned::Spanned;
use syn::{Error, Expr, GenericArgument, Item, Lit, PathArguments, PathSegment, Result, Type};

/// Rust's name and the interface's name of the types without parameters.
const PLAIN: [(&str, &str); 16] = [
    ("bool", "bool"),
    ("u8", "u8"),
    ("u16", "u16"),
    ("u32", "u32"),
    ("u64", "u64"),
    ("u128", "u128"),
    ("i8", "i8"),
    ("i16", "i16"),
    ("i32", "i32"),
    ("i64", "i64"),
    ("i128", "i128"),
    ("String", "string"),
    ("Address", "address"),
    ("Hash", "hash"),
    ("PublicKey", "public_key"),
    ("Signature", "signature"),
];

/// The most parts of a tuple: more have no encoding in the SDK.
const MAX_TUPLE: usize = 4;

/// The types that the contract's module defines.
#[derive(Default)]
pub struct Types {
    /// With `#[data]`.
    data: BTreeSet<String>,
    /// Without.
    other: BTreeSet<String>,
}

impl Types {
    pub fn of(items: &[Item]) -> Self {
        let mut types = Self::default();
        for item in items {
            let (attributes, name) = match item {
                Item::Struct(item) => (&item.attrs, &item.ident),
                Item::Enum(item) => (&item.attrs, &item.ident),
                _ => continue,
            };
            let data = attributes
                .iter()
                .any(|attribute| attribute.path().is_ident("data"));
            let set = if data { &mut types.data } else { &mut types.other };
            set.insert(name.to_string());
        }
        types
    }
}

/// The name of a type; `known` are the types of the contract's module.
pub fn name(kind: &Type, known: &Types) -> Result<String> {
    match kind {
        Type::Array(array) => bytes_of(array),
        Type::Tuple(tuple) if tuple.elems.len() > MAX_TUPLE => Err(Error::new(
            kind.span(),
            "a tuple has at most 4 parts: make a structure marked #[data]",
        )),
        Type::Tuple(tuple) if !tuple.elems.is_empty() => {
            let names = tuple
                .elems
                .iter()
                .map(|element| name(element, known))
                .collect::<Result<Vec<_>>>()?;
            Ok(format!("({})", names.join(",")))
        }
        Type::Paren(inside) => name(&inside.elem, known),
        Type::Group(inside) => name(&inside.elem, known),
        Type::Reference(_) => Err(Error::new(
            kind.span(),
            "take a value, not a reference: String for &str, Vec<u8> for &[u8]",
        )),
        Type::Path(_) => named(kind, known),
        _ => Err(unknown(kind)),
    }
}

fn named(kind: &Type, known: &Types) -> Result<String> {
    let segment = last_segment(kind).ok_or_else(|| unknown(kind))?;
    let ident = segment.ident.to_string();
    let inside = parameters(segment);
    match (ident.as_str(), inside.as_slice()) {
        ("Vec", [element]) if is_byte(element) => Ok("bytes".to_owned()),
        ("Vec", [element]) => Ok(format!("list<{}>", name(element, known)?)),
        ("Option", [element]) => Ok(format!("option<{}>", name(element, known)?)),
        (_, []) => PLAIN
            .iter()
            .find_map(|(rust, ours)| (*rust == ident).then(|| (*ours).to_owned()))
            .or_else(|| known.data.contains(&ident).then(|| ident.clone()))
            .ok_or_else(|| named_otherwise(kind, &ident, known)),
        _ => Err(named_otherwise(kind, &ident, known)),
    }
}

/// `[u8; 32]` is `bytes32`.
fn bytes_of(array: &syn::TypeArray) -> Result<String> {
    match &array.len {
        Expr::Lit(literal) if is_byte(&array.elem) => match &literal.lit {
            Lit::Int(length) => Ok(format!("bytes{}", length.base10_parse::<u16>()?)),
            _ => Err(Error::new(array.span(), "write the length as a number")),
        },
        _ => Err(Error::new(
            array.span(),
            "an array in an interface is [u8; N] with N written as a number",
        )),
    }
}

const ALL: &str = "bool, u8 to u128, i8 to i128, String, Vec<u8>, [u8; N], Address, Hash, PublicKey, Signature, Vec, \
                   Option, tuples, and types marked #[data] in this module";

fn unknown(kind: &Type) -> Error {
    Error::new(
        kind.span(),
        format!("the interface has no name for this type; it knows {ALL}"),
    )
}

/// Why a type has no name, and what to take instead.
fn named_otherwise(kind: &Type, ident: &str, known: &Types) -> Error {
    let words = match ident {
        "f32" | "f64" => {
            format!("there is no `{ident}` in an interface: count whole units of a smaller size, in u64")
        }
        "usize" | "isize" => format!(
            "`{ident}` has another size in the contract than in its tests and clients: take u32 or u64"
        ),
        "str" => "take a String".to_owned(),
        _ if known.other.contains(ident) => {
            format!("mark `{ident}` with #[data], so that it can be taken and given")
        }
        _ => format!("the interface has no name for `{ident}`; it knows {ALL}"),
    };
    Error::new(kind.span(), words)
}

fn is_byte(kind: &Type) -> bool {
    matches!(kind, Type::Path(path) if path.path.is_ident("u8"))
}

pub fn is_unit(kind: &Type) -> bool {
    matches!(kind, Type::Tuple(tuple) if tuple.elems.is_empty())
}

pub fn last_segment(kind: &Type) -> Option<&PathSegment> {
    match kind {
        Type::Path(path) => path.path.segments.last(),
        _ => None,
    }
}

pub fn parameters(segment: &PathSegment) -> Vec<&Type> {
    let PathArguments::AngleBracketed(arguments) = &segment.arguments else {
        return Vec::new();
    };
    arguments
        .args
        .iter()
        .filter_map(|argument| match argument {
            GenericArgument::Type(kind) => Some(kind),
            _ => None,
        })
        .collect()
}
