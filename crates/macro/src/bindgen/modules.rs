//! [`Modules`]: generated items by the module they are in.

use super::names;
use proc_macro2::TokenStream;
use quote::quote;

/// A module's items, and the modules in it in the order they were mentioned.
#[derive(Default)]
pub(super) struct Modules {
    doc: String,
    items: TokenStream,
    inner: Vec<(String, Modules)>,
}

impl Modules {
    /// The module at a path, made if there is none.
    pub(super) fn at(&mut self, path: &[String]) -> &mut Modules {
        let Some((first, rest)) = path.split_first() else {
            return self;
        };
        let known = self.inner.iter().position(|(name, _)| name == first);
        let index = known.unwrap_or(self.inner.len());
        if known.is_none() {
            self.inner.push((first.clone(), Modules::default()));
        }
        self.inner[index].1.at(rest)
    }

    /// Adds items, and says what the module is for.
    pub(super) fn add(&mut self, doc: &str, items: TokenStream) {
        doc.clone_into(&mut self.doc);
        self.items.extend(items);
    }

    /// All as tokens.
    pub(super) fn into_tokens(self) -> TokenStream {
        let Modules { items, inner, .. } = self;
        let inner = inner.into_iter().map(|(name, module)| {
            let doc = match module.doc.is_empty() {
                true => format!("What is in `{name}`."),
                false => module.doc.clone(),
            };
            let ident = names::joined(&[&name]);
            let body = module.into_tokens();
            quote! {
                #[doc = #doc]
                pub mod #ident { #body }
            }
        });
        quote!(#items #(#inner)*)
    }
}
