//! `bindgen!`: Rust for a world of a WIT package.
//!
//! ```text
//! tokens ──options──▶ Options ──wit──▶ Resolve ──check──▶ ──Generator──▶ tokens
//! ```
//!
//! [`Generator`] knows where everything is generated (`generator`, `names`); `types` writes
//! definitions of types, `reference` mentions of them, `interface` imported interfaces, `export`
//! exported ones, `resource` the traits and accessors of resources, and `world` the world itself.
//! `modules` keeps what was written by module, and `unique` checks that no name is defined twice.
//!
//! Before anything is generated, imported and exported interfaces are made different ones in the
//! `Resolve`, as the types in them are.

mod check;
mod export;
mod function;
mod generator;
mod interface;
mod modules;
mod names;
mod options;
mod reference;
mod resource;
#[cfg(test)]
mod tests;
mod types;
mod unique;
mod wit;
mod world;

use generator::Generator;
use options::Options;
use proc_macro2::TokenStream;
use quote::quote;
use wit::Wit;

/// `bindgen!`.
///
/// # Errors
/// If the options are wrong, the WIT is, or there is something in it for which nothing can be
/// generated; the message says where in the WIT.
pub(crate) fn bindgen(input: TokenStream) -> syn::Result<TokenStream> {
    let options: Options = syn::parse2(input)?;
    let wit = Wit::load(&options)?;
    check::check(&wit, &options)?;
    let world = Generator::new(&wit, &options)?.world();
    unique::check(&world)?;
    // So that the compiler looks again when a file has changed.
    let files = &wit.files;
    Ok(quote! {
        #world
        #(const _: &[u8] = ::core::include_bytes!(#files);)*
    })
}
