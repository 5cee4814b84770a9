//! [`InstancePre`]: a component with its imports found and checked.

use super::import_check::ImportedResource;
use super::instance::Instance;
use super::{Component, instantiate};
use crate::Engine;
use crate::error::LinkError;
use crate::module::CoreModule;
use crate::store::AsContextMut;
use crate::vm::ComponentHostFunc;
use anyhow::Result;
use std::marker::PhantomData;
use std::sync::Arc;

/// A component whose imports have been found, ready to be instantiated many times.
pub struct InstancePre<T: 'static> {
    component: Component,
    /// By `RuntimeImportIndex`, made for a `Store<T>`.
    imports: Arc<[ComponentHostFunc]>,
    /// By `ResourceIndex`, those that are imported.
    resources: Arc<[Option<ImportedResource>]>,
    /// By `ModuleImportIndex`.
    modules: Arc<[Option<Arc<CoreModule>>]>,
    data: PhantomData<fn() -> T>,
}

impl<T: 'static> Clone for InstancePre<T> {
    fn clone(&self) -> InstancePre<T> {
        InstancePre {
            component: self.component.clone(),
            imports: self.imports.clone(),
            resources: self.resources.clone(),
            modules: self.modules.clone(),
            data: PhantomData,
        }
    }
}

impl<T: 'static> InstancePre<T> {
    /// `imports` are by `RuntimeImportIndex`, have the right types and were made for a `Store<T>`.
    pub(super) fn new(
        component: &Component,
        imports: Vec<ComponentHostFunc>,
        resources: Vec<Option<ImportedResource>>,
        modules: Vec<Option<Arc<CoreModule>>>,
    ) -> InstancePre<T> {
        InstancePre {
            component: component.clone(),
            imports: imports.into(),
            resources: resources.into(),
            modules: modules.into(),
            data: PhantomData,
        }
    }

    /// The component.
    pub fn component(&self) -> &Component {
        &self.component
    }

    /// Instantiates the component: its core modules' start functions run.
    ///
    /// # Errors
    /// If the store belongs to another engine, there is no room, or the guest traps.
    pub fn instantiate(&self, mut store: impl AsContextMut<Data = T>) -> Result<Instance> {
        let store = store.as_context_mut().opaque();
        if !Engine::same(store.engine(), self.component.engine()) {
            return Err(LinkError::WrongEngine { what: "component" }.into());
        }
        let instance = instantiate::instantiate(
            store,
            self.component.inner(),
            &self.imports,
            &self.resources,
            &self.modules,
        )?;
        Ok(Instance::new(store.id(), instance))
    }

    /// Instantiates the component with start functions on stacks of their own: they may call host
    /// functions that are futures. See [`Func::call_async`](super::Func::call_async).
    ///
    /// # Errors
    /// As [`InstancePre::instantiate`], and if there is no stack.
    pub async fn instantiate_async(
        &self,
        mut store: impl AsContextMut<Data = T>,
    ) -> Result<Instance>
    where
        T: Send,
    {
        let store = store.as_context_mut().opaque();
        if !Engine::same(store.engine(), self.component.engine()) {
            return Err(LinkError::WrongEngine { what: "component" }.into());
        }
        let (component, imports) = (self.component.inner(), &self.imports);
        let (resources, modules) = (&self.resources, &self.modules);
        let made = instantiate::instantiate_async(store, component, imports, resources, modules);
        let instance = made.await?;
        Ok(Instance::new(store.id(), instance))
    }
}

impl<T: 'static> std::fmt::Debug for InstancePre<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("InstancePre").finish_non_exhaustive()
    }
}
