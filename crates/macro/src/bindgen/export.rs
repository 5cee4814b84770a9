//! Exported interfaces: handles of their functions, found once, and methods that call them.

use super::generator::{Generator, Scope};
use super::names;
use proc_macro2::{Ident, TokenStream};
use quote::quote;
use wit_parser::{Function, FunctionKind, InterfaceId};

/// The field that has an exported function's handle.
pub(super) fn field(func: &Function) -> Ident {
    let item = names::snake_text(func.item_name());
    let prefix = match &func.kind {
        FunctionKind::Constructor(_) => "constructor",
        FunctionKind::Method(_) => "method",
        FunctionKind::Static(_) => "static",
        _ => "func",
    };
    let resource = func.name.split_once(']').map(|(_, rest)| rest);
    let resource = resource.map(|rest| rest.split_once('.').map_or(rest, |(name, _)| name));
    match resource {
        Some(resource) => names::joined(&[prefix, "_", &names::snake_text(resource), "_", &item]),
        None => names::joined(&[prefix, "_", &item]),
    }
}

impl Generator<'_> {
    /// The module of an exported interface.
    pub(super) fn exported_interface(&self, id: InterfaceId) -> TokenStream {
        let interface = &self.wit.resolve.interfaces[id];
        let scope = Some(id);
        let types = interface.types.values().map(|id| self.define(*id, scope));
        let funcs: Vec<(&Function, Ident)> = interface
            .functions
            .values()
            .map(|func| (func, field(func)))
            .collect();
        let definitions = self.guest_structs(id, &funcs);
        let calls = funcs
            .iter()
            .filter(|(func, _)| func.kind.resource().is_none())
            .map(|(func, field)| {
                let name = names::call(func.item_name());
                self.call(func, scope, &name, &quote!(self.#field))
            });
        let resources = interface.types.values().filter(|id| self.is_resource(**id));
        let (resources, accessors): (Vec<_>, Vec<_>) = resources
            .map(|&id| {
                let of_resource =
                    |(func, _): &&(&Function, Ident)| func.kind.resource() == Some(id);
                let methods: Vec<_> = funcs.iter().filter(of_resource).cloned().collect();
                self.guest_resource(id, &methods, scope)
            })
            .unzip();
        quote! {
            #(#types)*
            #definitions

            impl Guest {
                #(#calls)*
                #(#accessors)*
            }

            #(#resources)*
        }
    }

    /// `GuestIndices` and `Guest` with their fields, and how the first gets the second.
    fn guest_structs(&self, id: InterfaceId, funcs: &[(&Function, Ident)]) -> TokenStream {
        let krate = &self.options.krate;
        let support = quote!(#krate::component::bindgen);
        let scope: Scope = Some(id);
        let interface = &self.place(id).name;
        let fields: Vec<&Ident> = funcs.iter().map(|(_, field)| field).collect();
        let names: Vec<&String> = funcs.iter().map(|(func, _)| &func.name).collect();
        let paths = names.iter().map(|name| format!("{interface}#{name}"));
        let types = funcs.iter().map(|(func, _)| self.typed_func(func, scope));
        let doc = format!("The functions of `{interface}`, which an instance exports.");
        let indices_doc = format!("Where a component exports the functions of `{interface}`.");
        quote! {
            #[doc = #indices_doc]
            #[derive(Clone)]
            pub struct GuestIndices {
                #(#fields: #krate::component::ComponentExportIndex,)*
            }

            #[doc = #doc]
            pub struct Guest {
                #(#fields: #types,)*
            }

            impl GuestIndices {
                /// Finds the functions among exports.
                ///
                /// # Errors
                /// If one is missing.
                pub fn new(
                    exports: &mut #support::Exports<'_>,
                ) -> #support::Result<GuestIndices> {
                    let _interface = exports.instance(#interface)?;
                    ::core::result::Result::Ok(GuestIndices {
                        #(#fields: _interface.func(exports, #names)?,)*
                    })
                }

                /// Takes the functions out of an instance.
                ///
                /// # Errors
                /// If one has other types.
                pub fn load(
                    &self,
                    mut store: impl #krate::AsContextMut,
                    instance: &#krate::component::Instance,
                ) -> #support::Result<Guest> {
                    let _instance = #support::Loader::new(&mut store, instance);
                    ::core::result::Result::Ok(Guest {
                        #(#fields: _instance.func(&self.#fields, #paths)?,)*
                    })
                }
            }
        }
    }
}
