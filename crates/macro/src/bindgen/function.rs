//! Functions: those that the host implements, and calls of those that the guest exports.

use super::check::names_func;
use super::generator::{Generator, Scope};
use super::names;
use super::options::Functions;
use super::reference::Mode;
use super::types::docs;
use proc_macro2::{Ident, TokenStream};
use quote::quote;
use wit_parser::{Function, FunctionKind, Type, TypeDefKind, TypeId};

/// A function that the host implements.
pub(super) struct HostFunc {
    /// Its signature in its trait, with documentation.
    pub(super) declaration: TokenStream,
    /// The same, passed on to another implementation.
    pub(super) forwarding: TokenStream,
    /// Its definition in a `LinkerInstance` called `instance`.
    pub(super) definition: TokenStream,
}

/// The name of a function among those of its trait.
fn host_name(func: &Function) -> Ident {
    match &func.kind {
        FunctionKind::Constructor(_) => names::snake("new"),
        // Names that every resource's trait has for something else.
        FunctionKind::Method(_) | FunctionKind::Static(_)
            if ["drop", "new"].contains(&func.item_name()) =>
        {
            names::joined(&[func.item_name(), "_"])
        }
        _ => names::snake(func.item_name()),
    }
}

/// What keeps lints quiet about a function whose parameters the WIT has.
fn quiet(func: &Function) -> Option<TokenStream> {
    // With `self` and a store: more than clippy likes.
    (func.params.len() > 5)
        .then(|| quote!(#[allow(clippy::too_many_arguments, reason = "the WIT has as many")]))
}

impl Generator<'_> {
    /// A function of a trait that `target` mentions. `host` mentions the trait that converts errors.
    pub(super) fn host_func(
        &self,
        func: &Function,
        scope: Scope,
        target: &TokenStream,
        host: &TokenStream,
    ) -> HostFunc {
        let krate = &self.options.krate;
        let name = host_name(func);
        let names: Vec<Ident> = func
            .params
            .iter()
            .map(|param| names::snake(&param.name))
            .collect();
        // Other names in the definition can't be among these.
        let arguments: Vec<Ident> = (0..names.len())
            .map(|i| names::joined(&["arg", &i.to_string()]))
            .collect();
        let types: Vec<TokenStream> = func
            .params
            .iter()
            .map(|param| self.ty(&param.ty, scope, Mode::Owned))
            .collect();
        let returns = self.host_return(func, scope);
        let signature = quote!(fn #name(&mut self, #(#names: #types),*) -> #returns);
        let quiet = quiet(func);
        let docs = docs(&func.docs, &format!("The function `{}`.", func.name));
        let call = quote!(#target::#name(host, #(#arguments),*));
        let result = match self.trappable_error_of(func) {
            Some((_, convert)) => quote! {
                let result = match #call {
                    ::core::result::Result::Ok(value) => ::core::result::Result::Ok(value),
                    ::core::result::Result::Err(error) => {
                        ::core::result::Result::Err(#host::#convert(host, error)?)
                    }
                };
            },
            None if self.is_trappable(func, scope) => quote!(let result = #call?;),
            None => quote!(let result = #call;),
        };
        let value = match func.result {
            Some(_) => quote!((result,)),
            None => quote!(result),
        };
        let wit_name = &func.name;
        HostFunc {
            declaration: quote!(#docs #quiet #signature;),
            forwarding: quote!(#signature { #target::#name(&mut **self, #(#names),*) }),
            definition: quote! {
                instance.func_wrap(
                    #wit_name,
                    move |
                        mut store: #krate::StoreContextMut<'_, __T>,
                        (#(#arguments,)*): (#(#types,)*),
                    | {
                        let host = &mut host_getter(store.data_mut());
                        #result
                        ::core::result::Result::Ok(#value)
                    },
                )?;
            },
        }
    }

    /// The error that a function returns instead of that in the WIT, and the name of the function
    /// that converts it.
    pub(super) fn trappable_error_of(&self, func: &Function) -> Option<(usize, Ident)> {
        let Some(Type::Id(id)) = self.error_of(func) else {
            return None;
        };
        Some((self.trappable_error(id)?, self.convert_name(id)))
    }

    fn convert_name(&self, id: TypeId) -> Ident {
        let name = self.wit.resolve.types[id].name.as_deref();
        names::joined(&["convert_", &names::snake_text(name.unwrap_or_default())])
    }

    fn is_trappable(&self, func: &Function, scope: Scope) -> bool {
        let interface = scope.map(|id| self.place(id).name.as_str());
        match &self.options.trappable_imports {
            Functions::All => true,
            Functions::These(names) => names
                .iter()
                .any(|name| names_func(&name.value(), interface, func)),
        }
    }

    fn host_return(&self, func: &Function, scope: Scope) -> TokenStream {
        let krate = &self.options.krate;
        if let (Some((error, _)), Some(Type::Id(id))) = (self.trappable_error_of(func), func.result)
            && let TypeDefKind::Result(result) = &self.wit.resolve.types[self.dealias(id)].kind
        {
            let ok = self.payload(result.ok.as_ref(), scope, Mode::Owned);
            let error = self.error_path(error, scope);
            return quote!(::core::result::Result<#ok, #error>);
        }
        let result = self.payload(func.result.as_ref(), scope, Mode::Owned);
        match self.is_trappable(func, scope) {
            true => quote!(#krate::component::bindgen::Result<#result>),
            false => result,
        }
    }

    /// Functions that convert errors, for the trait `Host` of what has these functions: their
    /// declarations, and the same passed on.
    pub(super) fn conversions<'f>(
        &self,
        funcs: impl Iterator<Item = &'f Function>,
        scope: Scope,
        target: &TokenStream,
    ) -> (TokenStream, TokenStream) {
        let krate = &self.options.krate;
        let mut known: Vec<Ident> = Vec::new();
        let (mut declared, mut forwarded) = (TokenStream::new(), TokenStream::new());
        for func in funcs {
            let (Some((error, name)), Some(ty)) =
                (self.trappable_error_of(func), self.error_of(func))
            else {
                continue;
            };
            if known.contains(&name) {
                continue;
            }
            let to = self.ty(&ty, scope, Mode::Owned);
            let from = self.error_path(error, scope);
            let signature = quote! {
                fn #name(&mut self, error: #from) -> #krate::component::bindgen::Result<#to>
            };
            declared.extend(quote! {
                /// Converts an error to what the guest gets. If that fails, the guest traps.
                #signature;
            });
            forwarded.extend(quote!(#signature { #target::#name(&mut **self, error) }));
            known.push(name);
        }
        (declared, forwarded)
    }

    /// The type of an exported function's handle.
    pub(super) fn typed_func(&self, func: &Function, scope: Scope) -> TokenStream {
        let krate = &self.options.krate;
        let params = func
            .params
            .iter()
            .map(|param| self.ty(&param.ty, scope, Mode::Static));
        let result = func
            .result
            .as_ref()
            .map(|ty| self.ty(ty, scope, Mode::Owned));
        let result = result.into_iter();
        quote!(#krate::component::TypedFunc<(#(#params,)*), (#(#result,)*)>)
    }

    /// A method that calls an exported function, whose handle is `handle`.
    pub(super) fn call(
        &self,
        func: &Function,
        scope: Scope,
        name: &Ident,
        handle: &TokenStream,
    ) -> TokenStream {
        let krate = &self.options.krate;
        let docs = docs(
            &func.docs,
            &format!("Calls the guest's function `{}`.", func.name),
        );
        let names: Vec<Ident> = func
            .params
            .iter()
            .map(|param| match param.name.as_str() {
                "store" => names::joined(&["store_"]),
                name => names::snake(name),
            })
            .collect();
        let types = func
            .params
            .iter()
            .map(|param| self.ty(&param.ty, scope, Mode::Borrowed));
        let returns = self.payload(func.result.as_ref(), scope, Mode::Owned);
        let value = match func.result {
            Some(_) => quote!(::core::result::Result::Ok(#handle.call_as(store, (#(#names,)*))?.0)),
            None => quote!(#handle.call_as(store, (#(#names,)*))),
        };
        let quiet = quiet(func);
        quote! {
            #docs
            #quiet
            ///
            /// # Errors
            /// If the store is another, or the guest traps.
            pub fn #name(
                &self,
                store: impl #krate::AsContextMut,
                #(#names: #types),*
            ) -> #krate::component::bindgen::Result<#returns> {
                #value
            }
        }
    }
}
