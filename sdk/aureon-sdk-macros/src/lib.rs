//! The attribute macros of `aureon-sdk`. Use them through that crate, which re-exports them:
//! `#[aureon::contract]` around a module, `#[aureon::interface]` around a trait.
//!
//! - [`model`] reads the module: its functions, events and data types;
//! - [`types`] gives each Rust type its name in the interface, or says why it has none;
//! - [`check`] says what the compiler would not;
//! - [`json`] writes the interface, which becomes the custom section `aureon_interface`;
//! - [`expand`] writes the entry points, the encodings and the client.
//!
//! The format of both is docs/contract-interface.md.

mod check;
mod expand;
mod json;
mod model;
mod types;

use proc_macro::TokenStream;

/// Makes a contract of a module.
///
/// Inside it, functions marked `#[init]`, `#[call]`, `#[query]` and `#[migrate]` become what the chain and
/// other contracts can reach; `#[call(payable)]` and `#[init(payable)]` also take a value. Structures
/// marked `#[event]` can be emitted, structures and enums marked `#[data]` can be stored, taken and given.
///
/// Functions take values, not references, and give nothing, a value, or a `Result` whose error aborts
/// the call with its message.
#[proc_macro_attribute]
pub fn contract(arguments: TokenStream, module: TokenStream) -> TokenStream {
    if !arguments.is_empty() {
        return fail("#[aureon::contract] takes no arguments");
    }
    let module = syn::parse_macro_input!(module as syn::ItemMod);
    finish(model::Contract::read(module).and_then(|contract| expand::contract(&contract)))
}

/// Makes a client of a trait: the functions of a contract that somebody else wrote.
///
/// `#[aureon::interface] pub trait Token { #[call] fn transfer(to: Address, amount: u64); }` gives a
/// structure `TokenClient` with `TokenClient::at(address).transfer(to, amount)`.
#[proc_macro_attribute]
pub fn interface(arguments: TokenStream, item: TokenStream) -> TokenStream {
    if !arguments.is_empty() {
        return fail("#[aureon::interface] takes no arguments");
    }
    let item = syn::parse_macro_input!(item as syn::ItemTrait);
    finish(model::read_trait(&item).map(|functions| expand::interface(&item, &functions)))
}

fn finish(result: syn::Result<proc_macro2::TokenStream>) -> TokenStream {
    result.unwrap_or_else(|error| error.to_compile_error()).into()
}

fn fail(message: &str) -> TokenStream {
    syn::Error::new(proc_macro2::Span::call_site(), message)
        .to_compile_error()
        .into()
}
