//! What is generated defines no name twice.
//!
//! Names of the WIT become names in Rust beside names of our own: `Host`, `call_…`, `W` and what
//! begins with it. The modules that write them step aside where such names meet often. Here is the
//! check that nothing was overlooked: a name that would be defined twice is an error that says
//! which, where rustc would point to the whole macro.

use proc_macro2::{Span, TokenStream, TokenTree};
use quote::ToTokens;
use std::collections::BTreeSet;
use syn::{FnArg, Ident, ImplItem, Item, ItemMod, Pat, Signature, TraitItem, UseTree};

/// Checks what was generated.
///
/// # Errors
/// If a name is defined twice.
pub(super) fn check(generated: &TokenStream) -> syn::Result<()> {
    let file: syn::File = syn::parse2(generated.clone())?;
    check_module(&file.items, "the world's module")
}

/// Names that were defined in one place so far.
struct Names<'a> {
    place: &'a str,
    known: BTreeSet<(Kind, String)>,
}

/// What may have the same name without harm.
#[derive(Copy, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    Type,
    Value,
    /// Of an inherent implementation, a trait, a struct or an enum.
    Member,
}

impl Names<'_> {
    fn new(place: &str) -> Names<'_> {
        Names {
            place,
            known: BTreeSet::new(),
        }
    }

    fn add(&mut self, kind: Kind, name: &Ident) -> syn::Result<()> {
        let name = name.to_string();
        if name == "_" || self.known.insert((kind, name.clone())) {
            return Ok(());
        }
        Err(syn::Error::new(
            Span::call_site(),
            format!(
                "two things in the WIT, or one and something that `bindgen!` defines itself, would \
                 both be called `{name}` in {}: rename one in the WIT",
                self.place
            ),
        ))
    }

    fn add_all<'i>(
        &mut self,
        kind: Kind,
        names: impl IntoIterator<Item = &'i Ident>,
    ) -> syn::Result<()> {
        names.into_iter().try_for_each(|name| self.add(kind, name))
    }
}

fn check_module(items: &[Item], place: &str) -> syn::Result<()> {
    let names = &mut Names::new(place);
    // Methods are of a type and not of one of its implementations.
    let mut methods: BTreeSet<(String, String)> = BTreeSet::new();
    for item in items {
        match item {
            Item::Struct(item) => {
                names.add(Kind::Type, &item.ident)?;
                let fields = item.fields.iter().filter_map(|field| field.ident.as_ref());
                members(&item.ident, fields)?;
            }
            Item::Enum(item) => {
                names.add(Kind::Type, &item.ident)?;
                members(&item.ident, item.variants.iter().map(|case| &case.ident))?;
            }
            Item::Trait(item) => {
                names.add(Kind::Type, &item.ident)?;
                let functions = item.items.iter().filter_map(|item| match item {
                    TraitItem::Fn(function) => Some(&function.sig),
                    _ => None,
                });
                check_functions(&item.ident, functions)?;
            }
            Item::Impl(item) => {
                let of = item.self_ty.to_token_stream().to_string();
                for function in &item.items {
                    let ImplItem::Fn(function) = function else {
                        continue;
                    };
                    check_params(&function.sig)?;
                    let name = function.sig.ident.to_string();
                    if item.trait_.is_none() && !methods.insert((of.clone(), name)) {
                        let place = format!("the methods of `{of}`");
                        let twice = [&function.sig.ident; 2];
                        Names::new(&place).add_all(Kind::Member, twice)?;
                    }
                }
            }
            Item::Type(item) => names.add(Kind::Type, &item.ident)?,
            Item::Mod(item) => {
                names.add(Kind::Type, &item.ident)?;
                check_inner(item)?;
            }
            Item::Use(item) => names.add_all(Kind::Type, used(&item.tree))?,
            Item::Fn(item) => {
                names.add(Kind::Value, &item.sig.ident)?;
                check_params(&item.sig)?;
            }
            Item::Const(item) => names.add(Kind::Value, &item.ident)?,
            // `flags!`.
            Item::Macro(item) => {
                let name = named(item.mac.tokens.clone());
                names.add_all(Kind::Type, name.as_ref())?;
            }
            _ => {}
        }
    }
    Ok(())
}

fn check_inner(module: &ItemMod) -> syn::Result<()> {
    let Some((_, items)) = &module.content else {
        return Ok(());
    };
    check_module(items, &format!("the module `{}`", module.ident))
}

fn members<'i>(of: &Ident, names: impl Iterator<Item = &'i Ident>) -> syn::Result<()> {
    Names::new(&format!("`{of}`")).add_all(Kind::Member, names)
}

fn check_functions<'i>(
    of: &Ident,
    functions: impl Iterator<Item = &'i Signature> + Clone,
) -> syn::Result<()> {
    members(of, functions.clone().map(|function| &function.ident))?;
    functions.into_iter().try_for_each(check_params)
}

fn check_params(function: &Signature) -> syn::Result<()> {
    let names = function.inputs.iter().filter_map(|input| match input {
        FnArg::Typed(param) => match &*param.pat {
            Pat::Ident(pat) => Some(&pat.ident),
            _ => None,
        },
        FnArg::Receiver(_) => None,
    });
    let place = format!("the parameters of `{}`", function.ident);
    Names::new(&place).add_all(Kind::Value, names)
}

/// What a `use` defines.
fn used(tree: &UseTree) -> Option<&Ident> {
    match tree {
        UseTree::Path(path) => used(&path.tree),
        UseTree::Name(name) => Some(&name.ident),
        UseTree::Rename(rename) => Some(&rename.rename),
        UseTree::Glob(_) | UseTree::Group(_) => None,
    }
}

/// What is behind the first `pub`.
fn named(tokens: TokenStream) -> Option<Ident> {
    let mut tokens = tokens.into_iter();
    tokens.find(|token| matches!(token, TokenTree::Ident(ident) if *ident == "pub"))?;
    match tokens.next()? {
        TokenTree::Ident(name) => Some(name),
        _ => None,
    }
}
