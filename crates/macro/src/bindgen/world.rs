//! The world: `W`, `WPre` and `WIndices`, and the modules of its interfaces.

use super::export::field;
use super::function::{Style, with_store};
use super::generator::{Generator, Side};
use super::modules::Modules;
use super::names;
use super::types::docs;
use proc_macro2::{Ident, TokenStream};
use quote::quote;
use wit_parser::{Function, InterfaceId, TypeId, World, WorldItem};

/// The names of what is generated for a world `w`.
struct Names {
    /// `W`
    world: Ident,
    /// `WPre`
    pre: Ident,
    /// `WIndices`
    indices: Ident,
    /// `WImports`
    imports: Ident,
}

/// Something that a world exports: how to find and load it, and what to call it by.
struct Export {
    field: Ident,
    index_type: TokenStream,
    field_type: TokenStream,
    /// With `exports`, an expression that may fail.
    find: TokenStream,
    /// With `self`, the indices, `store` and `instance`, an expression that may fail.
    load: TokenStream,
    /// A method of the world.
    method: TokenStream,
}

/// Names of the world's own methods.
const METHODS: [&str; 5] = [
    "new",
    "instantiate",
    "instantiate_async",
    "instantiate_pre",
    "add_to_linker",
];

impl Generator<'_> {
    /// Everything.
    pub(super) fn world(&self) -> TokenStream {
        let resolve = &self.wit.resolve;
        let world = &resolve.worlds[self.wit.world];
        let name = names::camel_text(&world.name);
        let names = Names {
            world: names::camel(&world.name),
            pre: names::joined(&[&name, "Pre"]),
            indices: names::joined(&[&name, "Indices"]),
            imports: names::joined(&[&name, "Imports"]),
        };
        let mut modules = Modules::default();
        for item in world.imports.values().chain(world.exports.values()) {
            if let WorldItem::Interface { id, .. } = item {
                self.interface(*id, &mut modules);
            }
        }
        let types = world.imports.values().chain(world.exports.values());
        let types = types.filter_map(|item| match item {
            WorldItem::Type { id, .. } => Some(self.define(*id, None)),
            WorldItem::Interface { .. } | WorldItem::Function(_) => None,
        });
        let replacements = self.replacements();
        let (imports, add_to_linker) = self.imports(world, &names);
        let exports = self.exports(world);
        let structs = self.structs(world, &names, &exports);
        let loading = self.loading(&names, &exports);
        let instantiating = self.instantiating(&names, &add_to_linker);
        let modules = modules.into_tokens();
        quote! {
            #replacements
            #(#types)*
            #imports
            #structs
            #loading
            #instantiating
            #modules
        }
    }

    fn interface(&self, id: InterfaceId, modules: &mut Modules) {
        let place = self.place(id);
        if place.is_replaced() {
            return;
        }
        let items = match place.side {
            Side::Import => self.imported_interface(id),
            Side::Export => self.exported_interface(id),
        };
        let docs = &self.wit.resolve.interfaces[id].docs;
        let otherwise = format!("The interface `{}`.", place.name);
        let doc = docs.contents.as_deref().unwrap_or(&otherwise);
        modules.at(&place.modules).add(doc, items);
    }

    /// The trait of what the world imports itself, and `add_to_linker`.
    fn imports(&self, world: &World, names: &Names) -> (TokenStream, TokenStream) {
        let mut types: Vec<TypeId> = Vec::new();
        let mut funcs: Vec<&Function> = Vec::new();
        let mut bounds: Vec<TokenStream> = Vec::new();
        let mut concurrent: Vec<TokenStream> = Vec::new();
        let mut body = TokenStream::new();
        for item in world.imports.values() {
            match item {
                WorldItem::Type { id, .. } => types.push(*id),
                WorldItem::Function(func) => funcs.push(func),
                WorldItem::Interface { id, .. } if self.place(*id).is_replaced() => {}
                WorldItem::Interface { id, .. } => {
                    let module = self.to_interface(None, *id);
                    bounds.push(quote!(#module Host));
                    let traits = self.concurrent_traits(*id).into_iter();
                    concurrent.extend(traits.map(|name| quote!(#module #name)));
                    body.extend(quote!(#module add_to_linker::<__T, __D>(linker, host_getter)?;));
                }
            }
        }
        let mut items = TokenStream::new();
        if !funcs.is_empty() || types.iter().any(|id| self.is_resource(*id)) {
            let name = &names.imports;
            let doc = format!(
                "What the world `{}` imports itself, for the host to implement.",
                world.name
            );
            let host = self.host_items(name, &doc, &types, &funcs, None);
            items.extend(host.items);
            concurrent.extend(host.concurrent.iter().map(|name| quote!(#name)));
            bounds.push(quote!(#name));
            let definitions = host.definitions;
            body.extend(quote! {
                let mut instance = linker.root();
                #definitions
            });
        }
        if bounds.is_empty() {
            return (items, TokenStream::new());
        }
        let doc = format!(
            "Defines all that the world `{}` imports in a linker.",
            world.name
        );
        let sendable = self.sendable();
        let bounds = quote! {
            for<'a> __D::Data<'a>: #sendable #(#bounds)+*,
            #(__D: #concurrent,)*
        };
        (items, self.add_to_linker(&doc, &bounds, &body))
    }

    /// The traits of an imported interface's functions that get the store from time to time.
    fn concurrent_traits(&self, id: InterfaceId) -> Vec<Ident> {
        let interface = &self.wit.resolve.interfaces[id];
        let mut traits: Vec<Ident> = Vec::new();
        for func in interface.functions.values() {
            if self.import_style(func, Some(id)) != Style::Concurrent {
                continue;
            }
            let host = match func.kind.resource() {
                Some(resource) => self.host_resource_name(resource),
                None => names::joined(&["Host"]),
            };
            let name = with_store(&quote!(#host));
            if !traits.contains(&name) {
                traits.push(name);
            }
        }
        traits
    }

    /// Whether some function that the world imports is a future.
    pub(super) fn has_async_imports(&self) -> bool {
        let resolve = &self.wit.resolve;
        let is_async = |func: &Function, scope| self.import_style(func, scope) != Style::Sync;
        let mut imports = resolve.worlds[self.wit.world].imports.values();
        imports.any(|item| match item {
            WorldItem::Function(func) => is_async(func, None),
            WorldItem::Interface { id, .. } => {
                let mut funcs = resolve.interfaces[*id].functions.values();
                funcs.any(|func| is_async(func, Some(*id)))
            }
            WorldItem::Type { .. } => false,
        })
    }

    fn exports(&self, world: &World) -> Vec<Export> {
        let mut exports = Vec::new();
        for item in world.exports.values() {
            match item {
                WorldItem::Function(func) => exports.push(self.exported_func(func)),
                WorldItem::Interface { id, .. } => {
                    let number = exports.len();
                    exports.push(self.exported_guest(*id, number));
                }
                WorldItem::Type { .. } => {}
            }
        }
        exports
    }

    fn exported_func(&self, func: &Function) -> Export {
        let krate = &self.options.krate;
        let field = field(func);
        let name = &func.name;
        let call = names::call(func.item_name());
        Export {
            index_type: quote!(#krate::component::ComponentExportIndex),
            field_type: self.typed_func(func, None),
            find: quote!(exports.func(#name)),
            load: quote! {
                #krate::component::bindgen::Loader::new(&mut store, instance)
                    .func(&self.#field, #name)
            },
            method: self.call(func, None, &call, &quote!(self.#field)),
            field,
        }
    }

    fn exported_guest(&self, id: InterfaceId, number: usize) -> Export {
        let place = self.place(id);
        let module = self.to_interface(None, id);
        let field = names::joined(&["interface", &number.to_string()]);
        // Without `exports`.
        let mut accessor = place.modules[1..].join("_");
        if METHODS.contains(&accessor.as_str()) {
            accessor.push('_');
        }
        let accessor = names::joined(&[&accessor]);
        let doc = format!("The exported interface `{}`.", place.name);
        Export {
            index_type: quote!(#module GuestIndices),
            field_type: quote!(#module Guest),
            find: quote!(#module GuestIndices::new(exports)),
            load: quote!(self.#field.load(&mut store, instance)),
            method: quote! {
                #[doc = #doc]
                pub fn #accessor(&self) -> &#module Guest {
                    &self.#field
                }
            },
            field,
        }
    }

    fn structs(&self, world: &World, names: &Names, exports: &[Export]) -> TokenStream {
        let krate = &self.options.krate;
        let Names {
            world: name,
            pre,
            indices,
            ..
        } = names;
        let docs = docs(
            &world.docs,
            &format!("An instance of a component of the world `{}`.", world.name),
        );
        let fields: Vec<&Ident> = exports.iter().map(|export| &export.field).collect();
        let types = exports.iter().map(|export| &export.field_type);
        let index_types = exports.iter().map(|export| &export.index_type);
        let methods = exports.iter().map(|export| &export.method);
        let pre_doc = format!(
            "A component of the world `{}` with imports and exports found, to be instantiated \
             many times.",
            world.name
        );
        let indices_doc = format!(
            "Where a component of the world `{}` exports what it does.",
            world.name
        );
        quote! {
            #[doc = #pre_doc]
            pub struct #pre<__T: 'static> {
                instance_pre: #krate::component::InstancePre<__T>,
                indices: #indices,
            }

            #[doc = #indices_doc]
            #[derive(Clone)]
            pub struct #indices {
                #(#fields: #index_types,)*
            }

            #docs
            pub struct #name {
                #(#fields: #types,)*
            }

            impl #name {
                #(#methods)*
            }
        }
    }

    /// The methods of `WIndices`.
    fn loading(&self, names: &Names, exports: &[Export]) -> TokenStream {
        let krate = &self.options.krate;
        let support = quote!(#krate::component::bindgen);
        let Names { world, indices, .. } = names;
        let fields: Vec<&Ident> = exports.iter().map(|export| &export.field).collect();
        let finds = exports.iter().map(|export| &export.find);
        let loads = exports.iter().map(|export| &export.load);
        quote! {
            impl #indices {
                /// Finds the exports of a component.
                ///
                /// # Errors
                /// If one is missing.
                pub fn new<__T>(
                    instance_pre: &#krate::component::InstancePre<__T>,
                ) -> #support::Result<#indices> {
                    let component = instance_pre.component();
                    Self::find(&mut #support::Exports::of_component(component))
                }

                fn find(exports: &mut #support::Exports<'_>) -> #support::Result<#indices> {
                    let _ = &exports;
                    ::core::result::Result::Ok(#indices {
                        #(#fields: #finds?,)*
                    })
                }

                /// Takes the exports out of an instance.
                ///
                /// # Errors
                /// If a function has other types.
                pub fn load(
                    &self,
                    mut store: impl #krate::AsContextMut,
                    instance: &#krate::component::Instance,
                ) -> #support::Result<#world> {
                    let _ = (&mut store, instance);
                    ::core::result::Result::Ok(#world {
                        #(#fields: #loads?,)*
                    })
                }
            }
        }
    }

    /// The methods of `WPre`, and those of `W` that make one.
    fn instantiating(&self, names: &Names, add_to_linker: &TokenStream) -> TokenStream {
        let krate = &self.options.krate;
        let support = quote!(#krate::component::bindgen);
        let Names {
            world,
            pre,
            indices,
            ..
        } = names;
        quote! {
            #[automatically_derived]
            impl<__T: 'static> ::core::clone::Clone for #pre<__T> {
                fn clone(&self) -> Self {
                    Self {
                        instance_pre: self.instance_pre.clone(),
                        indices: self.indices.clone(),
                    }
                }
            }

            impl<__T: 'static> #pre<__T> {
                /// Finds the exports of a component whose imports have been found.
                ///
                /// # Errors
                /// If an export is missing.
                pub fn new(
                    instance_pre: #krate::component::InstancePre<__T>,
                ) -> #support::Result<Self> {
                    let indices = #indices::new(&instance_pre)?;
                    ::core::result::Result::Ok(Self { instance_pre, indices })
                }

                /// The component with its imports.
                pub fn instance_pre(&self) -> &#krate::component::InstancePre<__T> {
                    &self.instance_pre
                }

                /// Instantiates the component: its core modules' start functions run.
                ///
                /// # Errors
                /// If there is no room, the guest traps, or an export has other types.
                pub fn instantiate(
                    &self,
                    mut store: impl #krate::AsContextMut<Data = __T>,
                ) -> #support::Result<#world> {
                    let instance = self.instance_pre.instantiate(&mut store)?;
                    self.indices.load(&mut store, &instance)
                }

                /// The same with start functions on stacks of their own, so that they can wait.
                ///
                /// # Errors
                /// As [`Self::instantiate`].
                pub async fn instantiate_async(
                    &self,
                    mut store: impl #krate::AsContextMut<Data = __T>,
                ) -> #support::Result<#world>
                where
                    __T: ::core::marker::Send,
                {
                    let instance = self.instance_pre.instantiate_async(&mut store).await?;
                    self.indices.load(&mut store, &instance)
                }
            }

            impl #world {
                /// Links and instantiates a component: its core modules' start functions run.
                ///
                /// # Errors
                /// If imports or exports are missing or have other types, there is no room, or the
                /// guest traps.
                pub fn instantiate<__T: 'static>(
                    store: impl #krate::AsContextMut<Data = __T>,
                    component: &#krate::component::Component,
                    linker: &#krate::component::Linker<__T>,
                ) -> #support::Result<Self> {
                    Self::instantiate_pre(component, linker)?.instantiate(store)
                }

                /// The same with start functions on stacks of their own, so that they can wait.
                ///
                /// # Errors
                /// As [`Self::instantiate`].
                pub async fn instantiate_async<__T: ::core::marker::Send + 'static>(
                    store: impl #krate::AsContextMut<Data = __T>,
                    component: &#krate::component::Component,
                    linker: &#krate::component::Linker<__T>,
                ) -> #support::Result<Self> {
                    Self::instantiate_pre(component, linker)?
                        .instantiate_async(store)
                        .await
                }

                /// Finds a component's imports and exports, once for many instances.
                ///
                /// # Errors
                /// If imports are missing or have other types, or exports are missing.
                pub fn instantiate_pre<__T: 'static>(
                    component: &#krate::component::Component,
                    linker: &#krate::component::Linker<__T>,
                ) -> #support::Result<#pre<__T>> {
                    #pre::new(linker.instantiate_pre(component)?)
                }

                /// Takes the exports out of an instance.
                ///
                /// # Errors
                /// If one is missing, or has other types.
                pub fn new(
                    mut store: impl #krate::AsContextMut,
                    instance: &#krate::component::Instance,
                ) -> #support::Result<Self> {
                    let indices = {
                        let mut exports = #support::Exports::of_instance(&mut store, instance);
                        #indices::find(&mut exports)?
                    };
                    indices.load(&mut store, instance)
                }

                #add_to_linker
            }
        }
    }
}
