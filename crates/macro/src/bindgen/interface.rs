//! Imported interfaces, and what a world imports itself: traits for the host to implement.

use super::generator::{Generator, Place, Scope};
use super::types::docs;
use proc_macro2::{Ident, TokenStream};
use quote::quote;
use wit_parser::{Function, InterfaceId, TypeId};

/// What the host implements in one module.
pub(super) struct HostItems {
    /// The traits.
    pub(super) items: TokenStream,
    /// The definitions of all functions and resources, in a `LinkerInstance` called `instance`.
    pub(super) definitions: TokenStream,
    /// The traits of functions that get the store from time to time.
    pub(super) concurrent: Vec<Ident>,
}

impl Generator<'_> {
    /// The module of an imported interface.
    pub(super) fn imported_interface(&self, id: InterfaceId) -> TokenStream {
        let interface = &self.wit.resolve.interfaces[id];
        let Place { name, .. } = self.place(id);
        let scope = Some(id);
        let types = interface.types.values().map(|id| self.define(*id, scope));
        let funcs: Vec<&Function> = interface.functions.values().collect();
        let resources: Vec<TypeId> = interface.types.values().copied().collect();
        let doc = format!("The functions of `{name}`, for the host to implement.");
        let host = Ident::new("Host", proc_macro2::Span::call_site());
        let HostItems {
            items,
            definitions,
            concurrent,
        } = self.host_items(&host, &doc, &resources, &funcs, scope);
        let sendable = self.sendable();
        let data = quote!(for<'a> __D::Data<'a>: #sendable Host, #(__D: #concurrent,)*);
        let add_to_linker = self.add_to_linker(
            &format!("Defines what is in `{name}` in a linker."),
            &data,
            &quote! {
                let mut instance = linker.instance(#name)?;
                #definitions
            },
        );
        quote! {
            #(#types)*
            #items
            #add_to_linker
        }
    }

    /// The trait of this name for functions, and those of resources among types.
    pub(super) fn host_items(
        &self,
        name: &Ident,
        doc: &str,
        types: &[TypeId],
        funcs: &[&Function],
        scope: Scope,
    ) -> HostItems {
        let target = quote!(#name);
        let mut out = HostItems {
            items: TokenStream::new(),
            definitions: TokenStream::new(),
            concurrent: Vec::new(),
        };
        let mut supertraits: Vec<Ident> = Vec::new();
        for &id in types.iter().filter(|id| self.is_resource(**id)) {
            let of_resource = |func: &&&Function| func.kind.resource() == Some(id);
            let methods: Vec<&Function> = funcs.iter().filter(of_resource).copied().collect();
            let resource = self.host_resource(id, &methods, scope, &target);
            out.items.extend(resource.items);
            out.definitions.extend(resource.definitions);
            out.concurrent.extend(resource.concurrent);
            supertraits.push(self.host_resource_name(id));
        }
        let free = funcs.iter().filter(|func| func.kind.resource().is_none());
        let free: Vec<_> = free
            .map(|func| self.host_func(func, scope, &target, &target))
            .collect();
        let (concurrent, with_store) = self.with_store_trait(&target, doc, &free);
        out.concurrent.extend(concurrent);
        out.items.extend(with_store);
        let sendable = self.sendable();
        let declarations = free.iter().map(|func| &func.declaration);
        let forwardings = free.iter().map(|func| &func.forwarding);
        let (conversions, forwarded_conversions) =
            self.conversions(funcs.iter().copied(), scope, &target);
        out.definitions
            .extend(free.iter().map(|func| func.definition.clone()));
        let bounds = match supertraits.is_empty() {
            true => TokenStream::new(),
            false => quote!(: #(#supertraits)+*),
        };
        out.items.extend(quote! {
            #[doc = #doc]
            pub trait #name #bounds {
                #(#declarations)*
                #conversions
            }

            #[automatically_derived]
            impl<__H: #name + #sendable ?::core::marker::Sized> #name for &mut __H {
                #(#forwardings)*
                #forwarded_conversions
            }
        });
        out
    }

    /// A function `add_to_linker` with these bounds on the host's data. `body` has a `linker` and a
    /// `host_getter`, which it need not use.
    pub(super) fn add_to_linker(
        &self,
        doc: &str,
        bounds: &TokenStream,
        body: &TokenStream,
    ) -> TokenStream {
        let krate = &self.options.krate;
        let docs = docs(&wit_parser::Docs::default(), doc);
        let sendable = self.sendable();
        quote! {
            #docs
            ///
            /// `host_getter` finds what implements the traits in the store's data; `HasSelf` says that
            /// it is the data itself.
            ///
            /// # Errors
            /// If something is defined in the linker already.
            #[allow(unused_variables, unused_mut, reason = "there may be no functions")]
            pub fn add_to_linker<__T, __D>(
                linker: &mut #krate::component::Linker<__T>,
                host_getter: fn(&mut __T) -> __D::Data<'_>,
            ) -> #krate::component::bindgen::Result<()>
            where
                __T: #sendable 'static,
                __D: #krate::component::HasData,
                #bounds
            {
                #body
                ::core::result::Result::Ok(())
            }
        }
    }
}
