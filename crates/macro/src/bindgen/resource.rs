//! Resources: the traits of those that the host defines, and what can be called on a guest's.

use super::function::{HostFunc, with_store};
use super::generator::{Generator, Scope, Side};
use super::names;
use super::types::docs;
use proc_macro2::{Ident, TokenStream};
use quote::quote;
use wit_parser::{Function, TypeId, TypeOwner, WorldItem};

/// A trait that the host implements, with an implementation for references and definitions for a
/// `LinkerInstance` called `instance`.
#[derive(Default)]
pub(super) struct HostTrait {
    pub(super) items: TokenStream,
    pub(super) definitions: TokenStream,
    /// The trait of functions that get the store from time to time, if there are such.
    pub(super) concurrent: Option<Ident>,
}

impl Generator<'_> {
    /// The name of the trait for a resource of the host's.
    pub(super) fn host_resource_name(&self, id: TypeId) -> Ident {
        self.own_name("Host", id)
    }

    /// The name of what has the functions of a guest's resource.
    pub(super) fn guest_resource_name(&self, id: TypeId) -> Ident {
        self.own_name("Guest", id)
    }

    /// A name for what belongs to a resource, that is no other name of ours beside it.
    fn own_name(&self, prefix: &str, id: TypeId) -> Ident {
        let name = [prefix, &self.camel_of(id)].concat();
        let mut others = self.resources_beside(id);
        let is_taken = names::is_own_type(&name)
            || others.any(|other| name == format!("{prefix}{}WithStore", self.camel_of(other)));
        match is_taken {
            true => names::joined(&[&name, "_"]),
            false => names::joined(&[&name]),
        }
    }

    /// The resources that are defined where this type is.
    pub(super) fn resources_beside(&self, id: TypeId) -> impl Iterator<Item = TypeId> + '_ {
        let resolve = &self.wit.resolve;
        let ids: Vec<TypeId> = match resolve.types[id].owner {
            TypeOwner::Interface(owner) => {
                resolve.interfaces[owner].types.values().copied().collect()
            }
            TypeOwner::World(owner) => {
                let items = resolve.worlds[owner].imports.values();
                items
                    .filter_map(|item| match item {
                        WorldItem::Type { id, .. } => Some(*id),
                        WorldItem::Interface { .. } | WorldItem::Function(_) => None,
                    })
                    .collect()
            }
            TypeOwner::None => Vec::new(),
        };
        ids.into_iter().filter(|id| self.is_resource(*id))
    }

    fn camel_of(&self, id: TypeId) -> String {
        let name = self.wit.resolve.types[id].name.as_deref();
        names::camel_text(name.unwrap_or_default())
    }

    /// The type that a resource's handles are of: `Resource<R>` if it is the host's.
    pub(super) fn resource_type(&self, id: TypeId, docs: &TokenStream) -> TokenStream {
        let krate = &self.options.krate;
        let name = self.type_name(id);
        match self.side_of(id) {
            Side::Import => quote! {
                #docs
                pub enum #name {}
            },
            Side::Export => quote! {
                #docs
                pub type #name = #krate::component::ResourceAny;
            },
        }
    }

    /// The trait for a resource of the host's with these functions.
    pub(super) fn host_resource(
        &self,
        id: TypeId,
        funcs: &[&Function],
        scope: Scope,
        host: &TokenStream,
    ) -> HostTrait {
        let krate = &self.options.krate;
        let wit_name = self.wit.resolve.types[id]
            .name
            .as_deref()
            .unwrap_or_default();
        let resource = self.type_name(id);
        let name = self.host_resource_name(id);
        let target = quote!(#name);
        let funcs: Vec<HostFunc> = funcs
            .iter()
            .map(|func| self.host_func(func, scope, &target, host))
            .collect();
        let declarations = funcs.iter().map(|func| &func.declaration);
        let forwardings = funcs.iter().map(|func| &func.forwarding);
        let definitions = funcs.iter().map(|func| &func.definition);
        let doc = format!("What can be done with the resource `{wit_name}`.");
        let (concurrent, with_store) = self.with_store_trait(&target, &doc, &funcs);
        let sendable = self.sendable();
        let drop = quote! {
            fn drop(
                &mut self,
                resource: #krate::component::Resource<#resource>,
            ) -> #krate::component::bindgen::Result<()>
        };
        HostTrait {
            items: quote! {
                #[doc = #doc]
                pub trait #name {
                    #(#declarations)*

                    /// Destroys the resource, whose owner has dropped it.
                    ///
                    /// # Errors
                    /// If it can't be; the guest traps.
                    #drop;
                }

                #[automatically_derived]
                impl<__H: #name + #sendable ?::core::marker::Sized> #name for &mut __H {
                    #(#forwardings)*

                    #drop {
                        #name::drop(&mut **self, resource)
                    }
                }

                #with_store
            },
            concurrent,
            definitions: quote! {
                instance.resource(
                    #wit_name,
                    #krate::component::ResourceType::host::<#resource>(),
                    move |mut store: #krate::StoreContextMut<'_, __T>, rep: u32| {
                        let host = &mut host_getter(store.data_mut());
                        #name::drop(host, #krate::component::Resource::new_own(rep))
                    },
                )?;
                #(#definitions)*
            },
        }
    }

    /// The trait of those functions beside `host` that get the store from time to time, if there are any:
    /// its name and its definition.
    pub(super) fn with_store_trait(
        &self,
        host: &TokenStream,
        doc: &str,
        funcs: &[HostFunc],
    ) -> (Option<Ident>, TokenStream) {
        let krate = &self.options.krate;
        let name = with_store(host);
        if funcs.iter().all(|func| func.concurrent.is_empty()) {
            return (None, TokenStream::new());
        }
        let functions = funcs.iter().map(|func| &func.concurrent);
        let items = quote! {
            #[doc = #doc]
            ///
            /// While these functions go on, guests do, too; the accessor gives the store from time to time.
            /// Implemented by what says which part of the store's data is the host.
            pub trait #name: #krate::component::HasData {
                #(#functions)*
            }
        };
        (Some(name), items)
    }

    /// `Send +`, if functions are futures that have the host.
    pub(super) fn sendable(&self) -> Option<TokenStream> {
        self.has_async_imports()
            .then(|| quote!(::core::marker::Send+))
    }

    /// What can be called on a guest's resource, and the method of `Guest` that gives it.
    /// Each function comes with the field of `Guest` that has its handle.
    pub(super) fn guest_resource(
        &self,
        id: TypeId,
        funcs: &[(&Function, Ident)],
        scope: Scope,
    ) -> (TokenStream, TokenStream) {
        let def = &self.wit.resolve.types[id];
        let wit_name = def.name.as_deref().unwrap_or_default();
        let docs = docs(
            &def.docs,
            &format!("The functions of the resource `{wit_name}`."),
        );
        let name = self.guest_resource_name(id);
        let accessor = match names::snake(wit_name) {
            reserved if reserved == "load" || reserved == "new" => names::joined(&[wit_name, "_"]),
            name => name,
        };
        let methods = funcs.iter().map(|(func, field)| {
            let call = names::call(func.item_name());
            self.call(func, scope, &call, &quote!(self.guest.#field))
        });
        let accessor_doc = format!("What can be called on the resource `{wit_name}`.");
        let items = quote! {
            #docs
            #[derive(Copy, Clone)]
            pub struct #name<'a> {
                #[allow(dead_code, reason = "the resource may have no functions")]
                guest: &'a Guest,
            }

            impl #name<'_> { #(#methods)* }
        };
        let accessor = quote! {
            #[doc = #accessor_doc]
            pub fn #accessor(&self) -> #name<'_> {
                #name { guest: self }
            }
        };
        (items, accessor)
    }
}
