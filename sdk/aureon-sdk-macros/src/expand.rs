//! The code around a contract's functions: entry points, encodings, client.

use proc_macro2::{Literal, TokenStream};
use quote::{format_ident, quote, quote_spanned};
use syn::spanned::Spanned as _;
use syn::{Error, Ident, Result};

use crate::json;
use crate::model::{Argument, Contract, Function, Kind, Record, Shape, word};

/// The largest interface that is read, as the specification says.
const MAX_INTERFACE: usize = 64 << 10;

pub fn contract(contract: &Contract) -> Result<TokenStream> {
    let module = &contract.module;
    let (attributes, visibility, name) = (&module.attrs, &module.vis, &module.ident);
    let items = module
        .content
        .as_ref()
        .map(|(_, items)| items.as_slice())
        .unwrap_or_default();
    let records = contract.records.iter().map(record);
    let interface = json::interface(contract);
    if interface.len() > MAX_INTERFACE {
        let words = format!(
            "the interface has {} bytes with its docs, at most {MAX_INTERFACE} are read: shorten the doc comments of \
             functions, events and data",
            interface.len()
        );
        return Err(Error::new(name.span(), words));
    }
    let entries = entries(contract);
    let exports = exports(contract, &interface);
    let client = client(contract);
    Ok(quote! {
        #(#attributes)*
        #visibility mod #name {
            #(#items)*
            #(#records)*

            /// The interface of this contract as JSON, as it stands in the section `aureon_interface`.
            #[cfg(not(target_arch = "wasm32"))]
            pub const INTERFACE: &str = #interface;

            #entries
            #exports
            #client
        }
    })
}

/// A client `NameClient` beside a trait `Name`; the trait itself is not needed.
pub fn interface(item: &syn::ItemTrait, functions: &[Function]) -> TokenStream {
    let name = format_ident!("{}Client", item.ident);
    let visibility = &item.vis;
    let docs = item
        .attrs
        .iter()
        .filter(|attribute| attribute.path().is_ident("doc"));
    let methods = functions.iter().map(method);
    let client = client_type(&name, visibility);
    quote! {
        #(#docs)*
        #client
        #[allow(dead_code, reason = "a contract need not use all that is made for it")]
        impl #name {
            #(#methods)*
        }
    }
}

// --- entry points ------------------------------------------------------------------------------------

fn entries(contract: &Contract) -> TokenStream {
    let deploy = single("__deploy", contract.only(Kind::Init));
    let migrate = single("__migrate", contract.only(Kind::Migrate));
    let call = dispatch("__call", contract.all(Kind::Call));
    let query = dispatch("__query", contract.all(Kind::Query));
    quote! { #deploy #migrate #call #query }
}

/// The constructor and `migrate`: the input is the arguments.
fn single(entry: &str, function: Option<&Function>) -> TokenStream {
    let Some(function) = function else {
        return TokenStream::new();
    };
    let entry = format_ident!("{entry}");
    let body = invoke(function);
    quote! {
        #[allow(dead_code, reason = "a contract need not use all that is made for it")]
        fn #entry() {
            let input = ::aureon::entry::input();
            let mut arguments = ::aureon::entry::Arguments::new(&input);
            #body
        }
    }
}

/// `call` and `query`: the input is the function's name, then the arguments.
fn dispatch<'a>(entry: &str, functions: impl Iterator<Item = &'a Function>) -> TokenStream {
    let entry = format_ident!("{entry}");
    let arms: Vec<TokenStream> = functions
        .map(|function| {
            let name = Literal::byte_string(word(&function.name).as_bytes());
            let body = invoke(function);
            quote! { #name => { #body } }
        })
        .collect();
    if arms.is_empty() {
        return TokenStream::new();
    }
    quote! {
        #[allow(dead_code, reason = "a contract need not use all that is made for it")]
        fn #entry() {
            let input = ::aureon::entry::input();
            let mut arguments = ::aureon::entry::Arguments::new(&input);
            match arguments.name() {
                #(#arms)*
                other => ::aureon::entry::unknown(other),
            }
        }
    }
}

fn invoke(function: &Function) -> TokenStream {
    let name = &function.name;
    let shown = word(name);
    let guard = (!function.payable && function.kind != Kind::Query)
        .then(|| quote! { ::aureon::entry::refuse_value(#shown); });
    let names: Vec<Ident> = (0..function.arguments.len())
        .map(|index| format_ident!("argument_{index}"))
        .collect();
    let reads = function.arguments.iter().zip(&names).map(|(argument, name)| {
        let (kind, shown) = (&argument.kind, word(&argument.name));
        quote! { let #name: #kind = arguments.next(#shown); }
    });
    let result = quote! { #name(#(#names),*) };
    let result = if function.fallible {
        // An error that has no words is shown where the function says what it gives.
        quote_spanned! { function.returns.span()=> ::aureon::entry::or_abort(#result) }
    } else {
        result
    };
    let answer = if function.returns_named.is_empty() {
        quote! { #result; }
    } else {
        quote! { ::aureon::entry::answer(&#result); }
    };
    quote! { #guard #(#reads)* arguments.finish(); #answer }
}

fn exports(contract: &Contract, interface: &str) -> TokenStream {
    let bytes = Literal::byte_string(interface.as_bytes());
    let length = interface.len();
    let export = |present: bool, export: &str, entry: &str| {
        let (export, entry) = (format_ident!("{export}"), format_ident!("{entry}"));
        present.then(|| {
            quote! {
                #[unsafe(no_mangle)]
                extern "C" fn #export() {
                    #entry()
                }
            }
        })
    };
    let deploy = export(contract.only(Kind::Init).is_some(), "deploy", "__deploy");
    let migrate = export(contract.only(Kind::Migrate).is_some(), "migrate", "__migrate");
    let call = export(true, "call", "__call");
    let query = export(contract.all(Kind::Query).next().is_some(), "query", "__query");
    quote! {
        #[cfg(target_arch = "wasm32")]
        #[allow(unsafe_code, reason = "an export and a custom section need it")]
        const _: () = {
            // Without `#[used]`, which would keep it in the data section too.
            #[unsafe(link_section = "aureon_interface")]
            pub static INTERFACE_SECTION: [u8; #length] = *#bytes;
            #deploy
            #migrate
            #call
            #query
        };
    }
}

// --- client ------------------------------------------------------------------------------------------

fn client(contract: &Contract) -> TokenStream {
    let name = format_ident!("Client");
    let visibility = syn::parse_quote!(pub);
    let kind = client_type(&name, &visibility);
    let methods = contract
        .functions
        .iter()
        .filter(|function| matches!(function.kind, Kind::Call | Kind::Query))
        .map(method);
    let code = mock_code(contract);
    let (arguments, encode) = match contract.only(Kind::Init) {
        Some(function) => (parameters(&function.arguments), encode_all(&function.arguments)),
        None => (TokenStream::new(), TokenStream::new()),
    };
    quote! {
        /// Calls this contract at an address: from other contracts, and from tests on the mock host.
        #kind

        #[allow(dead_code, reason = "a contract need not use all that is made for it")]
        impl Client {
            #(#methods)*
        }

        #[cfg(not(target_arch = "wasm32"))]
        #[allow(dead_code, reason = "a contract need not use all that is made for it")]
        impl Client {
            /// Deploys this contract on the mock host, without a value.
            pub fn deploy(#arguments) -> ::core::result::Result<Self, ::aureon::CallError> {
                Self::deploy_with_value(0, |__out: &mut ::aureon::Vec<u8>| { let _ = &__out; #encode })
            }

            /// Deploys this contract on the mock host; `input` writes the constructor's arguments.
            pub fn deploy_with_value(
                value: u64,
                input: impl ::core::ops::FnOnce(&mut ::aureon::Vec<u8>),
            ) -> ::core::result::Result<Self, ::aureon::CallError> {
                let mut bytes = ::aureon::Vec::new();
                input(&mut bytes);
                ::aureon::mock::deploy(#code, bytes, value).map(Self::at)
            }

            /// Replaces the code at this address by this contract's, as an upgrade does; `input` writes the
            /// arguments of its `migrate`.
            pub fn upgrade(
                &self,
                input: impl ::core::ops::FnOnce(&mut ::aureon::Vec<u8>),
            ) -> ::core::result::Result<(), ::aureon::CallError> {
                let mut bytes = ::aureon::Vec::new();
                input(&mut bytes);
                ::aureon::mock::upgrade(self.address, #code, bytes)
            }
        }
    }
}

fn mock_code(contract: &Contract) -> TokenStream {
    let entry = |present: bool, entry: &str| {
        let entry = format_ident!("{entry}");
        if present {
            quote!(::core::option::Option::Some(#entry))
        } else {
            quote!(::core::option::Option::None)
        }
    };
    let deploy = entry(contract.only(Kind::Init).is_some(), "__deploy");
    let migrate = entry(contract.only(Kind::Migrate).is_some(), "__migrate");
    let query = entry(contract.all(Kind::Query).next().is_some(), "__query");
    quote! {
        ::aureon::mock::Code {
            path: ::core::module_path!(),
            interface: INTERFACE,
            deploy: #deploy,
            call: __call,
            query: #query,
            migrate: #migrate,
        }
    }
}

fn client_type(name: &Ident, visibility: &syn::Visibility) -> TokenStream {
    quote! {
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[allow(dead_code, reason = "a contract need not use all that is made for it")]
        #visibility struct #name {
            /// The contract.
            pub address: ::aureon::Address,
            /// What the next calls carry, in base units.
            pub value: u64,
            /// What the next calls may use of gas; 0 for as much as there is.
            pub gas: u64,
        }

        #[allow(dead_code, reason = "a contract need not use all that is made for it")]
        impl #name {
            /// The contract at an address.
            pub const fn at(address: ::aureon::Address) -> Self {
                Self { address, value: 0, gas: 0 }
            }

            /// The same with a value for each call.
            pub const fn with_value(self, value: u64) -> Self {
                Self { value, ..self }
            }

            /// The same with a limit of gas for each call.
            pub const fn with_gas(self, gas: u64) -> Self {
                Self { gas, ..self }
            }
        }
    }
}

fn method(function: &Function) -> TokenStream {
    let (name, docs, returns) = (&function.name, &function.docs, &function.returns);
    let shown = word(name);
    let arguments = parameters(&function.arguments);
    let encode = encode_all(&function.arguments);
    let send = match function.kind {
        Kind::Query => quote! { ::aureon::entry::query(self.address, self.gas, &__input) },
        _ => quote! { ::aureon::entry::call(self.address, self.value, self.gas, &__input) },
    };
    quote! {
        #[doc = #docs]
        pub fn #name(&self, #arguments) -> ::core::result::Result<#returns, ::aureon::CallError> {
            let mut __input = ::aureon::entry::named(#shown);
            {
                let __out = &mut __input;
                let _ = &__out;
                #encode
            }
            #send
        }
    }
}

fn parameters(arguments: &[Argument]) -> TokenStream {
    let parameters = arguments
        .iter()
        .map(|Argument { name, kind, .. }| quote! { #name: #kind });
    quote! { #(#parameters),* }
}

/// Encodes variables with the arguments' names into `__out`, a name that no argument has.
fn encode_all(arguments: &[Argument]) -> TokenStream {
    let encodes = arguments
        .iter()
        .map(|Argument { name, .. }| quote! { ::aureon::Encode::encode(&#name, __out); });
    quote! { #(#encodes)* }
}

// --- data and events ---------------------------------------------------------------------------------

fn record(record: &Record) -> TokenStream {
    let name = &record.name;
    let (encode, decode) = match &record.shape {
        Shape::Fields(fields) => {
            let names = fields.iter().map(|field| &field.name);
            let encode = names
                .clone()
                .map(|field| quote! { ::aureon::Encode::encode(&self.#field, out); });
            let reads = fields.iter().map(read_field);
            (
                quote! { let _ = &out; #(#encode)* },
                quote! { let _ = &input; Ok(Self { #(#reads),* }) },
            )
        }
        Shape::Variants(variants) => (encode_variants(variants), decode_variants(name, variants)),
    };
    let event = record.event.then(|| {
        let topic = word(name);
        quote! {
            impl ::aureon::Event for #name {
                const TOPIC: &'static str = #topic;
            }
        }
    });
    quote! {
        impl ::aureon::Encode for #name {
            fn encode(&self, out: &mut ::aureon::Vec<u8>) {
                #encode
            }
        }

        impl ::aureon::Decode for #name {
            fn decode(input: &mut ::aureon::Reader<'_>) -> ::core::result::Result<Self, ::aureon::DecodeError> {
                #decode
            }
        }

        #event
    }
}

fn read_field(Argument { name, .. }: &Argument) -> TokenStream {
    quote! { #name: ::aureon::Decode::decode(input)? }
}

fn encode_variants(variants: &[(Ident, Vec<Argument>)]) -> TokenStream {
    let arms = (0u8..=u8::MAX).zip(variants).map(|(index, (name, fields))| {
        let names: Vec<&Ident> = fields.iter().map(|field| &field.name).collect();
        quote! {
            Self::#name { #(#names),* } => {
                out.push(#index);
                #(::aureon::Encode::encode(#names, out);)*
            }
        }
    });
    quote! { match self { #(#arms)* } }
}

fn decode_variants(name: &Ident, variants: &[(Ident, Vec<Argument>)]) -> TokenStream {
    let arms = (0u8..=u8::MAX).zip(variants).map(|(index, (name, fields))| {
        let reads = fields.iter().map(read_field);
        quote! { #index => Ok(Self::#name { #(#reads),* }) }
    });
    let wrong = format!("no such variant of {}", word(name));
    quote! {
        match <u8 as ::aureon::Decode>::decode(input)? {
            #(#arms,)*
            _ => Err(::aureon::DecodeError(#wrong)),
        }
    }
}
