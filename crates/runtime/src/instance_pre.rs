//! [`InstancePre`]: a module with its imports found and, as far as can be, checked.

use crate::error::LinkError;
use crate::instantiate::{Definition, instantiate_prepared, prepare};
use crate::store::AsContextMut;
use crate::{Engine, Instance, Module};
use anyhow::Result;
use std::marker::PhantomData;
use std::sync::Arc;

/// A module whose imports have been found, ready to be instantiated many times, in any store
/// that what was found belongs to. Made by [`Linker::instantiate_pre`](crate::Linker).
pub struct InstancePre<T: 'static> {
    module: Module,
    /// In the order of the module's imports; host functions are of the right types and made for a
    /// `Store<T>`.
    imports: Arc<[Definition]>,
    data: PhantomData<fn() -> T>,
}

impl<T: 'static> Clone for InstancePre<T> {
    fn clone(&self) -> InstancePre<T> {
        InstancePre {
            module: self.module.clone(),
            imports: self.imports.clone(),
            data: PhantomData,
        }
    }
}

impl<T: 'static> InstancePre<T> {
    /// `definitions` are as many as the module's imports, in order, with host functions that were
    /// made for a `Store<T>`.
    ///
    /// # Errors
    /// If a host function's type doesn't fit.
    pub(crate) fn new(module: &Module, definitions: Vec<Definition>) -> Result<InstancePre<T>> {
        Ok(InstancePre {
            module: module.clone(),
            imports: prepare(module, definitions)?.into(),
            data: PhantomData,
        })
    }

    /// The module.
    pub fn module(&self) -> &Module {
        &self.module
    }

    /// Instantiates the module, and calls its start function.
    ///
    /// # Errors
    /// If the store belongs to another engine; if an import that is no host function belongs to
    /// another store, or its type, which depends on its size, doesn't fit; if there is no room, or
    /// the guest traps.
    pub fn instantiate(&self, mut store: impl AsContextMut<Data = T>) -> Result<Instance> {
        let store = store.as_context_mut().opaque();
        if !Engine::same(store.engine(), self.module.engine()) {
            return Err(LinkError::WrongEngine { what: "module" }.into());
        }
        let raw = instantiate_prepared(store, &self.module, &self.imports)?.start(store)?;
        Ok(Instance::from_raw(store, raw))
    }

    /// Instantiates the module as [`instantiate`](Self::instantiate) does, on a stack of its own: the start function may call host
    /// functions that are futures; see [`Func::call_async`](crate::Func::call_async).
    ///
    /// # Errors
    /// As [`instantiate`](Self::instantiate), and if there is no stack.
    pub async fn instantiate_async(
        &self,
        mut store: impl AsContextMut<Data = T>,
    ) -> Result<Instance>
    where
        T: Send,
    {
        let store = store.as_context_mut().opaque();
        if !Engine::same(store.engine(), self.module.engine()) {
            return Err(LinkError::WrongEngine { what: "module" }.into());
        }
        let unstarted = instantiate_prepared(store, &self.module, &self.imports)?;
        let raw = unstarted.start_async(store).await?;
        Ok(Instance::from_raw(store, raw))
    }
}

impl<T: 'static> std::fmt::Debug for InstancePre<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("InstancePre").finish_non_exhaustive()
    }
}
