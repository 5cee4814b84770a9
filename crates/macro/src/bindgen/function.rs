//! Functions: those that the host implements, and calls of those that the guest exports.

use super::check::names_func;
use super::generator::{Generator, Scope};
use super::names;
use super::options::Functions;
use super::reference::Mode;
use super::types::docs;
use proc_macro2::{Ident, TokenStream};
use quote::quote;
use wit_parser::{Function, FunctionKind, Type, TypeDefKind, TypeId, WorldItem};

/// How a function is called.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(super) enum Style {
    /// It is ready when it returns.
    Sync,
    /// It is a future that has the store.
    Async,
    /// It is a future that gets the store from time to time; so are those that are `async` in the WIT.
    Concurrent,
}

/// A function that the host implements.
pub(super) struct HostFunc {
    /// Its signature in its trait, with documentation.
    pub(super) declaration: TokenStream,
    /// The same, passed on to another implementation.
    pub(super) forwarding: TokenStream,
    /// Its signature in the trait of functions that get the store from time to time.
    pub(super) concurrent: TokenStream,
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

/// The names of a function's parameters, beside others that generated code has there.
fn param_names(func: &Function, taken: &[&str]) -> Vec<Ident> {
    let params = func.params.iter().map(|param| param.name.as_str());
    params
        .map(|name| match taken.contains(&name) {
            true => names::joined(&[name, "_"]),
            false => names::snake(name),
        })
        .collect()
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
        let names = param_names(func, &["accessor"]);
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
        let quiet = quiet(func);
        let docs = docs(&func.docs, &format!("The function `{}`.", func.name));
        let style = self.import_style(func, scope);
        let future = quote!(impl ::core::future::Future<Output = #returns> + ::core::marker::Send);
        let signature = match style {
            Style::Sync => quote!(fn #name(&mut self, #(#names: #types),*) -> #returns),
            Style::Async => quote!(fn #name(&mut self, #(#names: #types),*) -> #future),
            Style::Concurrent => quote! {
                fn #name<__T: ::core::marker::Send>(
                    accessor: &#krate::component::Accessor<__T, Self>,
                    #(#names: #types),*
                ) -> #future
            },
        };
        let arguments_in = quote!((#(#arguments,)*): (#(#types,)*));
        let with_store = with_store(target);
        let call = match style {
            Style::Sync => quote!(#target::#name(host, #(#arguments),*)),
            Style::Async => quote!(#target::#name(host, #(#arguments),*).await),
            Style::Concurrent => {
                quote!(<__D as #with_store>::#name(accessor, #(#arguments),*).await)
            }
        };
        let result = self.host_result(func, scope, style, &call, host);
        let value = match func.result {
            Some(_) => quote!((result,)),
            None => quote!(result),
        };
        let wit_name = &func.name;
        let definition = match style {
            Style::Sync => quote! {
                instance.func_wrap(
                    #wit_name,
                    move |mut store: #krate::StoreContextMut<'_, __T>, #arguments_in| {
                        let host = &mut host_getter(store.data_mut());
                        #result
                        ::core::result::Result::Ok(#value)
                    },
                )?;
            },
            Style::Async => quote! {
                instance.func_wrap_async(
                    #wit_name,
                    move |mut store: #krate::StoreContextMut<'_, __T>, #arguments_in| {
                        ::std::boxed::Box::new(async move {
                            let host = &mut host_getter(store.data_mut());
                            #result
                            ::core::result::Result::Ok(#value)
                        })
                    },
                )?;
            },
            Style::Concurrent => quote! {
                instance.func_wrap_concurrent(
                    #wit_name,
                    move |accessor: &'static #krate::component::Accessor<__T>, #arguments_in| {
                        let accessor = accessor.with_getter::<__D>(host_getter);
                        async move {
                            let accessor = &accessor;
                            #result
                            ::core::result::Result::Ok(#value)
                        }
                    },
                )?;
            },
        };
        let declared = quote!(#docs #quiet #signature;);
        let (declaration, concurrent) = match style {
            Style::Sync | Style::Async => (declared, TokenStream::new()),
            Style::Concurrent => (TokenStream::new(), declared),
        };
        HostFunc {
            declaration,
            forwarding: match style {
                Style::Sync | Style::Async => {
                    quote!(#signature { #target::#name(&mut **self, #(#names),*) })
                }
                Style::Concurrent => TokenStream::new(),
            },
            concurrent,
            definition,
        }
    }

    /// `let result = …`, by a call that is an expression.
    fn host_result(
        &self,
        func: &Function,
        scope: Scope,
        style: Style,
        call: &TokenStream,
        host: &TokenStream,
    ) -> TokenStream {
        let Some((_, convert)) = self.trappable_error_of(func, scope) else {
            return match self.is_trappable(func, scope) {
                true => quote!(let result = #call?;),
                false => quote!(let result = #call;),
            };
        };
        let converted = match style {
            Style::Sync | Style::Async => quote!(#host::#convert(host, error)?),
            Style::Concurrent => quote! {
                accessor.with(|mut access| #host::#convert(&mut access.get(), error))?
            },
        };
        quote! {
            let result = match #call {
                ::core::result::Result::Ok(value) => ::core::result::Result::Ok(value),
                ::core::result::Result::Err(error) => ::core::result::Result::Err(#converted),
            };
        }
    }

    /// How the host implements a function.
    pub(super) fn import_style(&self, func: &Function, scope: Scope) -> Style {
        match func.kind.is_async() {
            true => Style::Concurrent,
            false if self.is_one_of(&self.options.async_imports, func, scope) => Style::Async,
            false => Style::Sync,
        }
    }

    /// How a function of the guest's is called.
    fn export_style(&self, func: &Function, scope: Scope) -> Style {
        match func.kind.is_async() {
            true => Style::Concurrent,
            false if self.is_one_of(&self.options.async_exports, func, scope) => Style::Async,
            false => Style::Sync,
        }
    }

    /// The error that a function returns instead of that in the WIT, and the name of the function
    /// that converts it.
    pub(super) fn trappable_error_of(
        &self,
        func: &Function,
        scope: Scope,
    ) -> Option<(usize, Ident)> {
        let Some(Type::Id(id)) = self.error_of(func) else {
            return None;
        };
        Some((self.trappable_error(id)?, self.convert_name(id, scope)))
    }

    fn convert_name(&self, id: TypeId, scope: Scope) -> Ident {
        let name = self.wit.resolve.types[id].name.as_deref();
        let name = ["convert_", &names::snake_text(name.unwrap_or_default())].concat();
        let is_taken = self.imported_funcs(scope).any(|func| {
            func.kind.resource().is_none() && names::snake_text(func.item_name()) == name
        });
        match is_taken {
            true => names::joined(&[&name, "_"]),
            false => names::joined(&[&name]),
        }
    }

    /// The functions of a scope that the host implements.
    fn imported_funcs(&self, scope: Scope) -> Box<dyn Iterator<Item = &Function> + '_> {
        let resolve = &self.wit.resolve;
        match scope {
            Some(id) => Box::new(resolve.interfaces[id].functions.values()),
            None => {
                let imports = resolve.worlds[self.wit.world].imports.values();
                Box::new(imports.filter_map(|item| match item {
                    WorldItem::Function(func) => Some(func),
                    WorldItem::Interface { .. } | WorldItem::Type { .. } => None,
                }))
            }
        }
    }

    fn is_trappable(&self, func: &Function, scope: Scope) -> bool {
        self.is_one_of(&self.options.trappable_imports, func, scope)
    }

    fn is_one_of(&self, functions: &Functions, func: &Function, scope: Scope) -> bool {
        let interface = scope.map(|id| self.place(id).name.as_str());
        match functions {
            Functions::All => true,
            Functions::These(names) => names
                .iter()
                .any(|name| names_func(&name.value(), interface, func)),
        }
    }

    fn host_return(&self, func: &Function, scope: Scope) -> TokenStream {
        let krate = &self.options.krate;
        if let (Some((error, _)), Some(Type::Id(id))) =
            (self.trappable_error_of(func, scope), func.result)
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
                (self.trappable_error_of(func, scope), self.error_of(func))
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
        let mode = match self.export_style(func, scope) {
            Style::Sync | Style::Async => Mode::Static,
            Style::Concurrent => Mode::Owned,
        };
        let params = func.params.iter();
        let params = params.map(|param| self.ty(&param.ty, scope, mode));
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
        let names = param_names(func, &["store", "accessor"]);
        let style = self.export_style(func, scope);
        let mode = match style {
            Style::Sync | Style::Async => Mode::Borrowed,
            Style::Concurrent => Mode::Owned,
        };
        let params = func.params.iter();
        let types = params.map(|param| self.ty(&param.ty, scope, mode));
        let returns = self.payload(func.result.as_ref(), scope, Mode::Owned);
        let returns = quote!(#krate::component::bindgen::Result<#returns>);
        let parameters = quote!(#(#names: #types),*);
        let call = match style {
            Style::Sync => quote!(#handle.call_as(store, (#(#names,)*))),
            Style::Async => quote!(#handle.call_async_as(store, (#(#names,)*)).await),
            Style::Concurrent => quote!(#handle.call_concurrent(accessor, (#(#names,)*)).await),
        };
        let value = match func.result {
            Some(_) => quote!(::core::result::Result::Ok(#call?.0)),
            None => call,
        };
        let quiet = quiet(func);
        let signature = match style {
            Style::Sync => quote! {
                fn #name(&self, store: impl #krate::AsContextMut, #parameters)
            },
            Style::Async => quote! {
                async fn #name(
                    &self,
                    store: impl #krate::AsContextMut<Data: ::core::marker::Send>,
                    #parameters
                )
            },
            Style::Concurrent => quote! {
                async fn #name<__T: 'static, __D: #krate::component::HasData + ?::core::marker::Sized>(
                    &self,
                    accessor: &#krate::component::Accessor<__T, __D>,
                    #parameters
                )
            },
        };
        quote! {
            #docs
            #quiet
            ///
            /// # Errors
            /// If the store is another, or the guest traps.
            pub #signature -> #returns {
                #value
            }
        }
    }
}

/// The trait of functions that get the store from time to time, beside this one.
pub(super) fn with_store(host: &TokenStream) -> Ident {
    names::joined(&[&host.to_string(), "WithStore"])
}
