//! [`Linker`], which finds a module's imports by name. What it defines for imports that it has nothing
//! for is in `linker/unknown_imports.rs`.

mod unknown_imports;

use crate::error::LinkError;
use crate::externals::{Caller, Extern, WasmTyList};
use crate::host_func::{IntoFunc, WasmRet, dynamic, dynamic_async, typed_async};
use crate::instantiate::{Definition, instantiate, unknown_import};
use crate::store::{AsContext, AsContextMut};
use crate::val::Val;
use crate::{Engine, Func, Instance, InstancePre, Module};
use anyhow::Result;
use std::collections::BTreeMap;
use std::sync::Arc;
use threadline_environ::FuncType;

/// Definitions by two names, to instantiate modules with.
///
/// Host functions it defines work in any `Store<T>` of its engine; anything else that is defined
/// belongs to one store.
pub struct Linker<T: 'static> {
    engine: Engine,
    definitions: BTreeMap<String, BTreeMap<String, Definition>>,
    allow_shadowing: bool,
    data: std::marker::PhantomData<fn(&mut T)>,
}

impl<T: 'static> Linker<T> {
    /// A linker without definitions.
    pub fn new(engine: &Engine) -> Linker<T> {
        Linker {
            engine: engine.clone(),
            definitions: BTreeMap::new(),
            allow_shadowing: false,
            data: std::marker::PhantomData,
        }
    }

    /// The engine it was made with.
    pub fn engine(&self) -> &Engine {
        &self.engine
    }

    /// Whether a name may be defined again, with the last definition holding. Off by default.
    pub fn allow_shadowing(&mut self, allow: bool) -> &mut Linker<T> {
        self.allow_shadowing = allow;
        self
    }

    /// Defines a name.
    ///
    /// # Errors
    /// If it is defined and shadowing isn't allowed, or `item` belongs to another store.
    pub fn define(
        &mut self,
        store: impl AsContext<Data = T>,
        module: &str,
        name: &str,
        item: impl Into<Extern>,
    ) -> Result<&mut Linker<T>> {
        let item = item.into();
        item.check_store(store.as_context().opaque())?;
        self.insert(module, name, Definition::Extern(item))
    }

    /// Defines a host function from a closure whose type Rust knows; see
    /// [`Func::wrap`](crate::Func::wrap).
    ///
    /// # Errors
    /// If the name is defined and shadowing isn't allowed.
    pub fn func_wrap<Params, Results>(
        &mut self,
        module: &str,
        name: &str,
        func: impl IntoFunc<T, Params, Results>,
    ) -> Result<&mut Linker<T>> {
        let host = func.into_func(&self.engine);
        self.insert(module, name, Definition::HostFunc(Arc::new(host)))
    }

    /// Defines a host function from a closure that gets any values; see
    /// [`Func::new`](crate::Func::new).
    ///
    /// # Errors
    /// If the name is defined and shadowing isn't allowed, or the type mentions a function type that the
    /// engine doesn't know.
    pub fn func_new(
        &mut self,
        module: &str,
        name: &str,
        ty: FuncType,
        func: impl Fn(Caller<'_, T>, &[Val], &mut [Val]) -> Result<()> + Send + Sync + 'static,
    ) -> Result<&mut Linker<T>> {
        self.engine.check_func_type(&ty)?;
        let host = dynamic(&self.engine, ty, func);
        self.insert(module, name, Definition::HostFunc(Arc::new(host)))
    }

    /// Defines a host function from a closure that makes a future; a guest that calls it waits for
    /// that, with everything else in its store. Its parameters are a tuple after the [`Caller`].
    ///
    /// The guest must have been entered by a call that can wait
    /// ([`Func::call_async`](crate::Func::call_async)); by another, it works as long as the future is
    /// ready at once, and is an error otherwise.
    ///
    /// # Errors
    /// If the name is defined and shadowing isn't allowed.
    pub fn func_wrap_async<Params, Results, F>(
        &mut self,
        module: &str,
        name: &str,
        func: F,
    ) -> Result<&mut Linker<T>>
    where
        T: Send,
        Params: WasmTyList + Send,
        Results: WasmRet + 'static,
        F: for<'a> Fn(Caller<'a, T>, Params) -> Box<dyn Future<Output = Results> + Send + 'a>
            + Send
            + Sync
            + 'static,
    {
        let host = typed_async(&self.engine, func);
        self.insert(module, name, Definition::HostFunc(Arc::new(host)))
    }

    /// Defines a host function from a closure that makes a future and gets any values; see
    /// [`Linker::func_wrap_async`] and [`Func::new`](crate::Func::new).
    ///
    /// # Errors
    /// If the name is defined and shadowing isn't allowed, or the type mentions a function type that the
    /// engine doesn't know.
    pub fn func_new_async<F>(
        &mut self,
        module: &str,
        name: &str,
        ty: FuncType,
        func: F,
    ) -> Result<&mut Linker<T>>
    where
        T: Send,
        F: for<'a> Fn(
                Caller<'a, T>,
                &'a [Val],
                &'a mut [Val],
            ) -> Box<dyn Future<Output = Result<()>> + Send + 'a>
            + Send
            + Sync
            + 'static,
    {
        self.engine.check_func_type(&ty)?;
        let host = dynamic_async(&self.engine, ty, func);
        self.insert(module, name, Definition::HostFunc(Arc::new(host)))
    }

    /// Defines every export of an instance under its own name, with `module` as the first name.
    ///
    /// # Errors
    /// If a name is defined and shadowing isn't allowed.
    ///
    /// # Panics
    /// If the instance belongs to another store.
    pub fn instance(
        &mut self,
        mut store: impl AsContextMut<Data = T>,
        module: &str,
        instance: Instance,
    ) -> Result<&mut Linker<T>> {
        let mut store = store.as_context_mut();
        let exports: Vec<_> = instance
            .exports(&mut store)
            .map(|export| (export.name().to_owned(), export.into_extern()))
            .collect();
        for (name, item) in exports {
            self.insert(module, &name, Definition::Extern(item))?;
        }
        Ok(self)
    }

    /// Instantiates a module and defines its exports with `name` as the first name.
    ///
    /// # Errors
    /// As [`Linker::instantiate`] and [`Linker::instance`].
    pub fn module(
        &mut self,
        mut store: impl AsContextMut<Data = T>,
        name: &str,
        module: &Module,
    ) -> Result<&mut Linker<T>> {
        let instance = self.instantiate(&mut store, module)?;
        self.instance(store, name, instance)
    }

    /// Instantiates a module with what is defined, and calls its start function.
    ///
    /// # Errors
    /// If an import isn't defined, and as [`Instance::new`].
    pub fn instantiate(
        &self,
        mut store: impl AsContextMut<Data = T>,
        module: &Module,
    ) -> Result<Instance> {
        let store = store.as_context_mut().opaque();
        if !Engine::same(&self.engine, store.engine()) {
            return Err(LinkError::WrongEngine { what: "linker" }.into());
        }
        let raw = instantiate(store, module, &self.definitions(module)?)?.start(store)?;
        Ok(Instance::from_raw(store, raw))
    }

    /// Instantiates a module as [`instantiate`](Self::instantiate) does, on a stack of its own: the start function may call host
    /// functions that are futures; see [`Func::call_async`](crate::Func::call_async).
    ///
    /// # Errors
    /// As [`instantiate`](Self::instantiate), and if there is no stack.
    pub async fn instantiate_async(
        &self,
        mut store: impl AsContextMut<Data = T>,
        module: &Module,
    ) -> Result<Instance>
    where
        T: Send,
    {
        let store = store.as_context_mut().opaque();
        if !Engine::same(&self.engine, store.engine()) {
            return Err(LinkError::WrongEngine { what: "linker" }.into());
        }
        let unstarted = instantiate(store, module, &self.definitions(module)?)?;
        let raw = unstarted.start_async(store).await?;
        Ok(Instance::from_raw(store, raw))
    }

    /// Finds the definitions of a module's imports and checks the types of host functions, once
    /// for many instances.
    ///
    /// # Errors
    /// If an import isn't defined, or a host function's type doesn't fit (a [`LinkError`]), or the
    /// module belongs to another engine.
    pub fn instantiate_pre(&self, module: &Module) -> Result<InstancePre<T>> {
        if !Engine::same(&self.engine, module.engine()) {
            return Err(LinkError::WrongEngine { what: "module" }.into());
        }
        InstancePre::new(module, self.definitions(module)?)
    }

    /// What is defined for a module's imports, in order.
    fn definitions(&self, module: &Module) -> Result<Vec<Definition>, LinkError> {
        let imports = module.core().module.imports.iter();
        let found = imports.map(|import| {
            let definition = self.lookup(&import.module, &import.field);
            definition.cloned().ok_or_else(|| unknown_import(import))
        });
        found.collect()
    }

    /// What is defined under a name. A host function is made anew in the store each time.
    ///
    /// # Panics
    /// If the store is of another engine.
    pub fn get(
        &self,
        mut store: impl AsContextMut<Data = T>,
        module: &str,
        name: &str,
    ) -> Option<Extern> {
        let store = store.as_context_mut().opaque();
        assert!(
            Engine::same(&self.engine, store.engine()),
            "the linker belongs to another engine"
        );
        match self.lookup(module, name)? {
            Definition::Extern(item) => Some(item.clone()),
            Definition::HostFunc(host) | Definition::Prepared(host, _) => {
                let raw = store.add_host_func(host, None).ok()?;
                Some(Func::from_raw(store, raw).into())
            }
        }
    }

    fn lookup(&self, module: &str, name: &str) -> Option<&Definition> {
        self.definitions.get(module)?.get(name)
    }

    fn insert(
        &mut self,
        module: &str,
        name: &str,
        definition: Definition,
    ) -> Result<&mut Linker<T>> {
        let names = self.definitions.entry(module.to_owned()).or_default();
        if !self.allow_shadowing && names.contains_key(name) {
            return Err(LinkError::DefinedTwice {
                module: module.to_owned(),
                name: name.to_owned(),
            }
            .into());
        }
        names.insert(name.to_owned(), definition);
        Ok(self)
    }
}

impl<T: 'static> Clone for Linker<T> {
    fn clone(&self) -> Linker<T> {
        Linker {
            engine: self.engine.clone(),
            definitions: self.definitions.clone(),
            allow_shadowing: self.allow_shadowing,
            data: self.data,
        }
    }
}
