//! [`InstancePre`]: a component with its imports found and checked.

use super::import_check::Found;
use super::instance::Instance;
use super::{Component, instantiate};
use crate::Engine;
use crate::error::LinkError;
use crate::store::AsContextMut;
use crate::vm::ComponentHostFunc;
use anyhow::Result;
use std::marker::PhantomData;
use std::sync::Arc;

/// A component whose imports have been found, ready to be instantiated many times.
pub struct InstancePre<T: 'static> {
    component: Component,
    /// By `RuntimeImportIndex`, made for a `Store<T>`; those that there are before instances of
    /// imported components are made.
    imports: Arc<[Option<ComponentHostFunc>]>,
    /// The other imports.
    found: Arc<Found>,
    data: PhantomData<fn() -> T>,
}

impl<T: 'static> Clone for InstancePre<T> {
    fn clone(&self) -> InstancePre<T> {
        InstancePre {
            component: self.component.clone(),
            imports: self.imports.clone(),
            found: self.found.clone(),
            data: PhantomData,
        }
    }
}

impl<T: 'static> InstancePre<T> {
    /// `imports` are by `RuntimeImportIndex`, have the right types and were made for a `Store<T>`.
    pub(super) fn new(
        component: &Component,
        imports: Vec<Option<ComponentHostFunc>>,
        found: Found,
    ) -> InstancePre<T> {
        InstancePre {
            component: component.clone(),
            imports: imports.into(),
            found: Arc::new(found),
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
        let component = self.component.inner();
        let instance = instantiate::instantiate(store, component, &self.imports, &self.found)?;
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
        let component = self.component.inner();
        let made = instantiate::instantiate_async(store, component, &self.imports, &self.found);
        let instance = made.await?;
        Ok(Instance::new(store.id(), instance))
    }
}

impl<T: 'static> std::fmt::Debug for InstancePre<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("InstancePre").finish_non_exhaustive()
    }
}
