//! What a contract's module says, read from its syntax.

use syn::ext::IdentExt;
use syn::spanned::Spanned;
use syn::{Attribute, Error, Fields, FnArg, Ident, Item, ItemMod, Pat, Result, ReturnType, Signature, Type};

use crate::{
    check,
    types::{self, Types},
};

/// A module marked `#[contract]`.
pub struct Contract {
    /// The module as written, without our attributes inside.
    pub module: ItemMod,
    pub docs: String,
    /// In the order of the source.
    pub functions: Vec<Function>,
    pub records: Vec<Record>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Init,
    Call,
    Query,
    Migrate,
}

impl Kind {
    fn of(attribute: &Attribute) -> Option<Self> {
        let ident = attribute.path().get_ident()?;
        [
            ("init", Self::Init),
            ("call", Self::Call),
            ("query", Self::Query),
            ("migrate", Self::Migrate),
        ]
        .into_iter()
        .find_map(|(name, kind)| (ident == name).then_some(kind))
    }

    /// How its mark is written.
    const fn how(self) -> &'static str {
        match self {
            Self::Init => "write #[init], or #[init(payable)] if it takes a value",
            Self::Call => "write #[call], or #[call(payable)] if it takes a value",
            Self::Query => "write #[query]: only init and call can take a value",
            Self::Migrate => "write #[migrate]: only init and call can take a value",
        }
    }
}

pub struct Argument {
    pub name: syn::Ident,
    pub kind: Type,
    /// Its name in the interface.
    pub named: String,
}

pub struct Function {
    pub kind: Kind,
    pub payable: bool,
    pub name: syn::Ident,
    pub docs: String,
    pub arguments: Vec<Argument>,
    /// What it gives, without a `Result` around it.
    pub returns: Type,
    /// The name of `returns`; empty for nothing.
    pub returns_named: String,
    /// An error aborts the call.
    pub fallible: bool,
}

/// A structure or enum of the contract that has an encoding.
pub struct Record {
    pub name: syn::Ident,
    pub docs: String,
    pub event: bool,
    pub shape: Shape,
}

pub enum Shape {
    Fields(Vec<Argument>),
    Variants(Vec<(syn::Ident, Vec<Argument>)>),
}

impl Contract {
    pub fn read(mut module: ItemMod) -> Result<Self> {
        let docs = docs(&module.attrs);
        let span = module.span();
        let Some((_, items)) = module.content.as_mut() else {
            return Err(Error::new(
                span,
                "a contract is a module with its content: mod name { .. }",
            ));
        };
        let known = Types::of(items);
        check::storage(items)?;
        let (mut functions, mut records) = (Vec::new(), Vec::new());
        for item in items {
            match item {
                Item::Fn(function) => {
                    let docs = self::docs(&function.attrs);
                    if let Some(mark) = take_mark(&mut function.attrs)? {
                        functions.push(read_function(mark, docs, &function.sig, &known)?);
                    }
                }
                Item::Struct(item) => {
                    if let Some(event) = take_record(&mut item.attrs)? {
                        if event {
                            check::topic(&item.ident)?;
                        }
                        refuse_generics(&item.generics)?;
                        let shape = Shape::Fields(read_fields(&item.fields, &known)?);
                        let docs = self::docs(&item.attrs);
                        records.push(Record {
                            name: item.ident.clone(),
                            docs,
                            event,
                            shape,
                        });
                    }
                }
                Item::Enum(item) => {
                    if let Some(event) = take_record(&mut item.attrs)? {
                        if event {
                            return Err(Error::new(item.span(), "an event is a structure"));
                        }
                        refuse_generics(&item.generics)?;
                        records.push(read_enum(item, &known)?);
                    }
                }
                _ => {}
            }
        }
        check::functions(&functions, span)?;
        Ok(Self {
            module,
            docs,
            functions,
            records,
        })
    }

    pub fn only(&self, kind: Kind) -> Option<&Function> {
        self.functions.iter().find(|function| function.kind == kind)
    }

    pub fn all(&self, kind: Kind) -> impl Iterator<Item = &Function> {
        self.functions
            .iter()
            .filter(move |function| function.kind == kind)
    }
}

/// The functions of a trait marked `#[interface]`.
pub fn read_trait(item: &syn::ItemTrait) -> Result<Vec<Function>> {
    refuse_generics(&item.generics)?;
    let mut functions = Vec::new();
    for part in &item.items {
        let syn::TraitItem::Fn(function) = part else {
            return Err(Error::new(part.span(), "an interface has functions only"));
        };
        let mut attributes = function.attrs.clone();
        let mark = take_mark(&mut attributes)?
            .filter(|(kind, _)| matches!(kind, Kind::Call | Kind::Query))
            .ok_or_else(|| Error::new(function.span(), "mark the function with #[call] or #[query]"))?;
        // Names of types are checked by the contract that has the functions; here they only need an encoding.
        functions.push(read_signature(mark, docs(&attributes), &function.sig, &|_| {
            Ok(String::new())
        })?);
    }
    Ok(functions)
}

/// Removes the one of our attributes that a function may have.
fn take_mark(attributes: &mut Vec<Attribute>) -> Result<Option<(Kind, bool)>> {
    let mut mark = None;
    let mut rest = Vec::new();
    for attribute in attributes.drain(..) {
        let Some(kind) = Kind::of(&attribute) else {
            rest.push(attribute);
            continue;
        };
        if mark.is_some() {
            return Err(Error::new(
                attribute.span(),
                "a function has one of init, call, query and migrate",
            ));
        }
        mark = Some((kind, payable(&attribute, kind)?));
    }
    *attributes = rest;
    Ok(mark)
}

fn payable(attribute: &Attribute, kind: Kind) -> Result<bool> {
    let list = match &attribute.meta {
        syn::Meta::Path(_) => return Ok(false),
        syn::Meta::List(list) => list,
        syn::Meta::NameValue(_) => return Err(Error::new(attribute.span(), kind.how())),
    };
    let word: syn::Ident = list
        .parse_args()
        .map_err(|error| Error::new(error.span(), kind.how()))?;
    match kind {
        Kind::Init | Kind::Call if word == "payable" => Ok(true),
        _ => Err(Error::new(word.span(), kind.how())),
    }
}

/// `Some(true)` for an event, `Some(false)` for data.
fn take_record(attributes: &mut Vec<Attribute>) -> Result<Option<bool>> {
    let mut found = None;
    let mut double = None;
    attributes.retain(|attribute| {
        let event = attribute.path().is_ident("event");
        if !event && !attribute.path().is_ident("data") {
            return true;
        }
        if found.is_some() {
            double = Some(attribute.span());
        }
        found = Some(event);
        false
    });
    match double {
        Some(span) => Err(Error::new(span, "a type is either data or an event")),
        None => Ok(found),
    }
}

fn read_function(mark: (Kind, bool), docs: String, signature: &Signature, known: &Types) -> Result<Function> {
    read_signature(mark, docs, signature, &|kind| types::name(kind, known))
}

fn read_signature(
    (kind, payable): (Kind, bool),
    docs: String,
    signature: &Signature,
    name: &dyn Fn(&Type) -> Result<String>,
) -> Result<Function> {
    refuse_generics(&signature.generics)?;
    if let Some(word) = &signature.asyncness {
        return Err(Error::new(
            word.span(),
            "a contract's function runs to its end: no async",
        ));
    }
    check::function_name(&signature.ident)?;
    let (returns, fallible) = returned(&signature.output)?;
    let returns_named = if types::is_unit(&returns) {
        String::new()
    } else {
        name(&returns)?
    };
    let arguments = signature
        .inputs
        .iter()
        .map(|input| read_argument(input, name))
        .collect::<Result<_>>()?;
    let name = signature.ident.clone();
    Ok(Function {
        kind,
        payable,
        name,
        docs,
        arguments,
        returns,
        returns_named,
        fallible,
    })
}

fn read_argument(input: &FnArg, name: &dyn Fn(&Type) -> Result<String>) -> Result<Argument> {
    let FnArg::Typed(argument) = input else {
        return Err(Error::new(
            input.span(),
            "a contract has no `self`: its state is in Item and Map",
        ));
    };
    let Pat::Ident(pattern) = &*argument.pat else {
        return Err(Error::new(argument.pat.span(), "an argument has a plain name"));
    };
    let kind = (*argument.ty).clone();
    Ok(Argument {
        name: pattern.ident.clone(),
        named: name(&kind)?,
        kind,
    })
}

/// What comes back, and whether it is wrapped in a `Result`.
fn returned(output: &ReturnType) -> Result<(Type, bool)> {
    let ReturnType::Type(_, kind) = output else {
        return Ok((syn::parse_quote!(()), false));
    };
    match types::last_segment(kind) {
        Some(segment) if segment.ident == "Result" => {
            let inside = types::parameters(segment);
            let first = inside
                .first()
                .ok_or_else(|| Error::new(kind.span(), "say what the Result holds"))?;
            Ok(((*first).clone(), true))
        }
        _ => Ok(((**kind).clone(), false)),
    }
}

fn read_fields(fields: &Fields, known: &Types) -> Result<Vec<Argument>> {
    match fields {
        Fields::Unit => Ok(Vec::new()),
        Fields::Unnamed(fields) => Err(Error::new(fields.span(), "give the fields names")),
        Fields::Named(fields) => fields
            .named
            .iter()
            .map(|field| {
                let name = field
                    .ident
                    .clone()
                    .ok_or_else(|| Error::new(field.span(), "give the field a name"))?;
                Ok(Argument {
                    name,
                    named: types::name(&field.ty, known)?,
                    kind: field.ty.clone(),
                })
            })
            .collect(),
    }
}

fn read_enum(item: &syn::ItemEnum, known: &Types) -> Result<Record> {
    if item.variants.len() > usize::from(u8::MAX) + 1 {
        return Err(Error::new(item.span(), "an enum has at most 256 variants"));
    }
    let variants = item
        .variants
        .iter()
        .map(|variant| match &variant.discriminant {
            Some((_, value)) => Err(Error::new(
                value.span(),
                "variants are numbered from 0 in their order",
            )),
            None => Ok((variant.ident.clone(), read_fields(&variant.fields, known)?)),
        })
        .collect::<Result<_>>()?;
    let docs = docs(&item.attrs);
    Ok(Record {
        name: item.ident.clone(),
        docs,
        event: false,
        shape: Shape::Variants(variants),
    })
}

fn refuse_generics(generics: &syn::Generics) -> Result<()> {
    match generics.params.first() {
        Some(first) => Err(Error::new(
            first.span(),
            "what is in an interface has no type or lifetime parameters",
        )),
        None => Ok(()),
    }
}

/// The doc comment: its lines, joined.
pub fn docs(attributes: &[Attribute]) -> String {
    let lines: Vec<String> = attributes
        .iter()
        .filter_map(|attribute| match &attribute.meta {
            syn::Meta::NameValue(pair) if pair.path.is_ident("doc") => match &pair.value {
                syn::Expr::Lit(syn::ExprLit {
                    lit: syn::Lit::Str(text),
                    ..
                }) => Some(text.value().trim().to_owned()),
                _ => None,
            },
            _ => None,
        })
        .collect();
    lines.join("\n").trim().to_owned()
}

/// The name as others read it: `r#type` is called `type`.
pub fn word(name: &Ident) -> String {
    name.unraw().to_string()
}
