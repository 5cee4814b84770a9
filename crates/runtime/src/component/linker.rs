//! [`Linker`]: what components are given as imports. What it defines for imports that it has nothing
//! for is in `linker/unknown_imports.rs`.

mod unknown_imports;

use super::error::ComponentError;
use super::import_check::{Found, ImportCheck, ImportedResource};
use super::instance::Instance;
use super::instance_pre::InstancePre;
use super::{
    Accessor, Component, ComponentNamedList, Lift, Lower, ResourceType, Val, async_host_func,
    concurrent_host_func, host_func, version,
};
use crate::error::LinkError;
use crate::store::{AsContextMut, StoreContextMut};
use crate::vm::{ComponentHostFunc, HostDtor};
use crate::{Engine, Module};
use anyhow::{Result, bail};
use std::collections::BTreeMap;
use std::marker::PhantomData;
use threadline_environ::component::{ImportSource, RuntimeImport};

/// Names, and the host functions and instances that components import by them, for stores whose
/// data is a `T`.
///
/// An import whose name has a version, as `ns:package/interface@1.2.0`, is given what is defined by
/// that very name or, if nothing is, by the highest version that is compatible with it by the rules
/// of semantic versioning, as `ns:package/interface@1.3.1`. What the import has must be in it.
pub struct Linker<T: 'static> {
    engine: Engine,
    items: Items,
    allow_shadowing: bool,
    data: PhantomData<fn() -> T>,
}

pub(super) type Items = BTreeMap<String, Item>;

/// What a name stands for.
#[derive(Clone)]
pub(super) enum Item {
    Func(ComponentHostFunc),
    Resource(ImportedResource),
    Instance(Items),
    Module(Module),
    Component(Component),
}

impl Item {
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Item::Resource(_) => "a resource type",
            Item::Func(_) => "a function",
            Item::Instance(_) => "an instance",
            Item::Module(_) => "a core module",
            Item::Component(_) => "a component",
        }
    }
}

impl<T: 'static> Clone for Linker<T> {
    fn clone(&self) -> Linker<T> {
        Linker {
            engine: self.engine.clone(),
            items: self.items.clone(),
            allow_shadowing: self.allow_shadowing,
            data: PhantomData,
        }
    }
}

impl<T: 'static> Linker<T> {
    /// A linker without definitions, for components of this engine.
    pub fn new(engine: &Engine) -> Linker<T> {
        Linker {
            engine: engine.clone(),
            items: Items::new(),
            allow_shadowing: false,
            data: PhantomData,
        }
    }

    /// The engine it was made for.
    pub fn engine(&self) -> &Engine {
        &self.engine
    }

    /// Whether a definition may replace an earlier one; by default that is an error.
    pub fn allow_shadowing(&mut self, allow: bool) -> &mut Linker<T> {
        self.allow_shadowing = allow;
        self
    }

    /// The names that components import directly.
    pub fn root(&mut self) -> LinkerInstance<'_, T> {
        LinkerInstance {
            engine: &self.engine,
            items: &mut self.items,
            path: Vec::new(),
            allow_shadowing: self.allow_shadowing,
            data: PhantomData,
        }
    }

    /// The names in an instance that components import, such as `"ns:package/interface"`. Makes
    /// the instance if there is none.
    ///
    /// # Errors
    /// If the name stands for something else, unless shadowing is allowed.
    pub fn instance(&mut self, name: &str) -> Result<LinkerInstance<'_, T>> {
        self.root().into_instance(name)
    }

    /// Finds the definitions of a component's imports and checks their types, once for many
    /// instances.
    ///
    /// # Errors
    /// If a definition is missing or has another type; the error is a [`ComponentError`].
    pub fn instantiate_pre(&self, component: &Component) -> Result<InstancePre<T>> {
        if !Engine::same(&self.engine, component.engine()) {
            return Err(LinkError::WrongEngine { what: "component" }.into());
        }
        let (imports, found) = link(component, &self.items)?;
        Ok(InstancePre::new(component, imports, found))
    }

    /// Instantiates a component: its core modules' start functions run.
    ///
    /// # Errors
    /// As [`Linker::instantiate_pre`]; and if there is no room, or the guest traps.
    pub fn instantiate(
        &self,
        store: impl AsContextMut<Data = T>,
        component: &Component,
    ) -> Result<Instance> {
        self.instantiate_pre(component)?.instantiate(store)
    }

    /// Instantiates a component; see [`InstancePre::instantiate_async`].
    ///
    /// # Errors
    /// As [`Linker::instantiate`], and if there is no stack.
    pub async fn instantiate_async(
        &self,
        store: impl AsContextMut<Data = T>,
        component: &Component,
    ) -> Result<Instance>
    where
        T: Send,
    {
        let pre = self.instantiate_pre(component)?;
        pre.instantiate_async(store).await
    }
}

/// Finds what a component imports, and checks it: functions by `RuntimeImportIndex`, and the rest.
/// Functions of instances that are yet to be made are not there.
///
/// # Errors
/// If something is missing or of another type.
pub(super) fn link(
    component: &Component,
    items: &Items,
) -> Result<(Vec<Option<ComponentHostFunc>>, Found), ComponentError> {
    let mut check = ImportCheck::new(component);
    check.check(items)?;
    let description = component.inner().description();
    let imports = description.runtime_imports.values();
    let imports = imports.map(|import| match import.from {
        ImportSource::Host(root) => {
            let root = std::slice::from_ref(&description.imports[root].0);
            Ok(Some(resolve(&check, items, root, import)?))
        }
        ImportSource::Instance(_) => Ok(None),
    });
    let imports = imports.collect::<Result<_, ComponentError>>()?;
    Ok((imports, check.into_found()))
}

/// The function behind an import whose type has been checked; the import's path goes on after
/// `root`.
///
/// # Errors
/// If it has another type where it is lowered than where it is imported.
pub(super) fn resolve(
    check: &ImportCheck<'_>,
    items: &Items,
    root: &[String],
    import: &RuntimeImport,
) -> Result<ComponentHostFunc, ComponentError> {
    let mut names = root.iter().chain(&import.path);
    let mut item = names.next().and_then(|name| version::find(items, name));
    for name in names {
        item = match item {
            Some(Item::Instance(items)) => version::find(items, name),
            _ => None,
        };
    }
    match item {
        Some(Item::Func(func)) => {
            // As declared where it is lowered, which is what calls go by.
            check.check_func(func, import.ty)?;
            Ok(func.clone())
        }
        _ => Err(ComponentError::MissingImport {
            kind: "function",
            path: root.iter().chain(&import.path).cloned().collect(),
        }),
    }
}

/// The names in one instance of a [`Linker`], or in its root.
pub struct LinkerInstance<'a, T: 'static> {
    engine: &'a Engine,
    items: &'a mut Items,
    path: Vec<String>,
    allow_shadowing: bool,
    data: PhantomData<fn() -> T>,
}

impl<T: 'static> LinkerInstance<'_, T> {
    /// Defines a host function by a Rust closure whose types stand for the import's.
    ///
    /// The closure gets the store and the parameters as a tuple, and returns the result as a tuple
    /// of one, or `()`. An error that it returns ends the guest that called, as a trap does, and
    /// comes back from the call into the guest.
    ///
    /// # Errors
    /// If the name is defined already, unless shadowing is allowed.
    pub fn func_wrap<F, Params, Return>(&mut self, name: &str, func: F) -> Result<()>
    where
        F: Fn(StoreContextMut<'_, T>, Params) -> Result<Return> + Send + Sync + 'static,
        Params: ComponentNamedList + Lift + 'static,
        Return: ComponentNamedList + Lower + 'static,
    {
        self.define(name, Item::Func(host_func::typed(func)))
    }

    /// Defines a host function for imports of any type.
    ///
    /// The closure gets the store, the parameters, and a place for each result, which it must
    /// fill with a value of the result's type.
    ///
    /// # Errors
    /// If the name is defined already, unless shadowing is allowed.
    pub fn func_new<F>(&mut self, name: &str, func: F) -> Result<()>
    where
        F: Fn(StoreContextMut<'_, T>, &[Val], &mut [Val]) -> Result<()> + Send + Sync + 'static,
    {
        self.define(name, Item::Func(host_func::dynamic(func)))
    }

    /// Defines a host function by a closure that makes a future; otherwise as
    /// [`func_wrap`](Self::func_wrap). A guest that calls it waits for that, with everything else in
    /// its store.
    ///
    /// The guest must have been entered by a call that can wait
    /// ([`Func::call_async`](super::Func::call_async)); by another, it works as long as the future is
    /// ready at once, and is an error otherwise.
    ///
    /// # Errors
    /// If the name is defined already, unless shadowing is allowed.
    pub fn func_wrap_async<Params, Return, F>(&mut self, name: &str, func: F) -> Result<()>
    where
        T: Send,
        F: for<'a> Fn(
                StoreContextMut<'a, T>,
                Params,
            ) -> Box<dyn Future<Output = Result<Return>> + Send + 'a>
            + Send
            + Sync
            + 'static,
        Params: ComponentNamedList + Lift + 'static,
        Return: ComponentNamedList + Lower + 'static,
    {
        self.define(name, Item::Func(async_host_func::typed(func)))
    }

    /// Defines a host function for imports of any type by a closure that makes a future; see
    /// [`func_new`](Self::func_new) and [`func_wrap_async`](Self::func_wrap_async).
    ///
    /// # Errors
    /// If the name is defined already, unless shadowing is allowed.
    pub fn func_new_async<F>(&mut self, name: &str, func: F) -> Result<()>
    where
        T: Send,
        F: for<'a> Fn(
                StoreContextMut<'a, T>,
                &'a [Val],
                &'a mut [Val],
            ) -> Box<dyn Future<Output = Result<()>> + Send + 'a>
            + Send
            + Sync
            + 'static,
    {
        self.define(name, Item::Func(async_host_func::dynamic(func)))
    }

    /// Defines a host function by a closure that makes a future that doesn't hold the store: while it goes
    /// on, so do guests and other host functions. It gets at the store by the [`Accessor`], for as long as
    /// it doesn't wait; otherwise as [`func_wrap`](Self::func_wrap).
    ///
    /// For an import whose type is `async`, a call that isn't ready at once is a subtask of its caller. If
    /// the type isn't, it is as if by [`func_wrap_async`](Self::func_wrap_async): everything waits.
    ///
    /// The closure is called, and its future polled for the first time, before the call returns to the
    /// guest; after that by who turns the store: [`Func::call_async`](super::Func::call_async),
    /// [`Store::run_concurrent`](crate::Store::run_concurrent) and their like. If the guest cancels the
    /// call, the future is dropped, unless it has used [`Accessor::cancelled`].
    ///
    /// An error that the future gives is as a trap to the guest: its instance is locked, and it is the
    /// error of the call of the host by which all this has come about, if somebody waits for that still;
    /// if not, of who turns the store. Other instances go on.
    ///
    /// # Errors
    /// If the name is defined already, unless shadowing is allowed.
    pub fn func_wrap_concurrent<Params, Return, F, Fut>(
        &mut self,
        name: &str,
        func: F,
    ) -> Result<()>
    where
        T: Send,
        F: Fn(&'static Accessor<T>, Params) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<Return>> + Send + 'static,
        Params: ComponentNamedList + Lift + 'static,
        Return: ComponentNamedList + Lower + 'static,
    {
        self.define(name, Item::Func(concurrent_host_func::typed(func)))
    }

    /// Defines a host function for imports of any type by a closure that makes a future that doesn't hold
    /// the store; see [`func_wrap_concurrent`](Self::func_wrap_concurrent). The future gives as many
    /// values as the function has results, of their types.
    ///
    /// # Errors
    /// If the name is defined already, unless shadowing is allowed.
    pub fn func_new_concurrent<F, Fut>(&mut self, name: &str, func: F) -> Result<()>
    where
        T: Send,
        F: Fn(&'static Accessor<T>, Vec<Val>) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<Vec<Val>>> + Send + 'static,
    {
        self.define(name, Item::Func(concurrent_host_func::dynamic(func)))
    }

    /// Defines a resource type: one of the host's ([`ResourceType::host`]), or that of an instance
    /// of some component ([`Instance::get_resource`]).
    ///
    /// `dtor` is called with the store and the representation of a resource whose owner, a guest
    /// that imports the type, has dropped it. Of a guest's type, it is for `dtor` to see to it that
    /// the guest's own destructor runs; [`LinkerInstance::guest_resource`] does just that.
    ///
    /// # Errors
    /// If the name is defined already, unless shadowing is allowed; if the type is one of a component
    /// and not of an instance.
    pub fn resource(
        &mut self,
        name: &str,
        ty: ResourceType,
        dtor: impl Fn(StoreContextMut<'_, T>, u32) -> Result<()> + Send + Sync + 'static,
    ) -> Result<()> {
        let dtor = Some(HostDtor::new::<T, _>(dtor));
        self.define_resource(name, ty, dtor)
    }

    /// Defines a resource type that an instance of a component exports
    /// ([`Instance::get_resource`]). Its own destructor runs when a resource is dropped.
    ///
    /// # Errors
    /// As [`LinkerInstance::resource`].
    pub fn guest_resource(&mut self, name: &str, ty: ResourceType) -> Result<()> {
        self.define_resource(name, ty, None)
    }

    pub(super) fn define_func(&mut self, name: &str, func: ComponentHostFunc) -> Result<()> {
        self.define(name, Item::Func(func))
    }

    pub(super) fn define_resource(
        &mut self,
        name: &str,
        ty: ResourceType,
        dtor: Option<HostDtor>,
    ) -> Result<()> {
        if ty.as_host().is_none() && ty.as_guest().is_none() {
            bail!("the resource type `{ty}` is of a component, not of an instance of one");
        }
        self.define(name, Item::Resource(ImportedResource { ty, dtor }))
    }

    /// Defines a core module, for components that import one and instantiate it themselves.
    ///
    /// # Errors
    /// If the module is of another engine; if the name is defined already, unless shadowing is
    /// allowed.
    pub fn module(&mut self, name: &str, module: &Module) -> Result<()> {
        if !Engine::same(self.engine, module.engine()) {
            return Err(LinkError::WrongEngine { what: "module" }.into());
        }
        self.define(name, Item::Module(module.clone()))
    }

    /// Defines a component, for components that import one and instantiate it themselves.
    ///
    /// # Errors
    /// If the component is of another engine; if the name is defined already, unless shadowing is
    /// allowed.
    pub fn component(&mut self, name: &str, component: &Component) -> Result<()> {
        if !Engine::same(self.engine, component.engine()) {
            return Err(LinkError::WrongEngine { what: "component" }.into());
        }
        self.define(name, Item::Component(component.clone()))
    }

    /// The names in an instance in this one. Makes the instance if there is none.
    ///
    /// # Errors
    /// If the name stands for something else, unless shadowing is allowed.
    pub fn instance(&mut self, name: &str) -> Result<LinkerInstance<'_, T>> {
        let again = LinkerInstance {
            engine: self.engine,
            items: self.items,
            path: self.path.clone(),
            allow_shadowing: self.allow_shadowing,
            data: PhantomData,
        };
        again.into_instance(name)
    }

    pub(super) fn define(&mut self, name: &str, item: Item) -> Result<()> {
        if self.items.contains_key(name) && !self.allow_shadowing {
            return Err(self.defined_twice(name).into());
        }
        self.items.insert(name.to_owned(), item);
        Ok(())
    }

    fn defined_twice(&self, name: &str) -> ComponentError {
        let mut path = self.path.clone();
        path.push(name.to_owned());
        ComponentError::DefinedTwice { path }
    }
}

impl<'a, T: 'static> LinkerInstance<'a, T> {
    /// As [`LinkerInstance::instance`], for as long as this one was borrowed.
    ///
    /// # Errors
    /// As there.
    pub fn into_instance(self, name: &str) -> Result<LinkerInstance<'a, T>> {
        let twice = self.defined_twice(name);
        let item = self.items.entry(name.to_owned());
        let item = item.or_insert_with(|| Item::Instance(Items::new()));
        if !matches!(item, Item::Instance(_)) && self.allow_shadowing {
            *item = Item::Instance(Items::new());
        }
        let Item::Instance(items) = item else {
            return Err(twice.into());
        };
        let mut path = self.path;
        path.push(name.to_owned());
        Ok(LinkerInstance {
            engine: self.engine,
            items,
            path,
            allow_shadowing: self.allow_shadowing,
            data: PhantomData,
        })
    }
}

impl<T: 'static> std::fmt::Debug for Linker<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let names: Vec<_> = self.items.keys().collect();
        f.debug_struct("Linker").field("names", &names).finish()
    }
}

impl<T: 'static> std::fmt::Debug for LinkerInstance<'_, T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let names: Vec<_> = self.items.keys().collect();
        f.debug_struct("LinkerInstance")
            .field("path", &self.path)
            .field("names", &names)
            .finish()
    }
}
