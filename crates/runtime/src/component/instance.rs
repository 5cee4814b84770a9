//! [`Instance`]: a component instance in a store.

use super::export::{ComponentExportIndex, ExportLookup, Item, lookup};
use super::func::Func;
use super::import_check::Found;
use super::types::ComponentItem;
use super::{Component, ComponentNamedList, Lift, Lower, ResourceType, TypedFunc};
use crate::Module;
use crate::store::{AsContext, AsContextMut, StoreId, StoreOpaque};
use crate::vm::ComponentInstancePtr;
use anyhow::{Context as _, Result};
use threadline_environ::component::{ExportedComponent, ExportedModule, TypeDef};

/// An instance of a [`Component`].
///
/// A plain value that names something in a [`Store`](crate::Store). A trap in a call into it locks
/// it: further calls trap at once.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub struct Instance {
    store: StoreId,
    instance: ComponentInstancePtr,
}

impl Instance {
    pub(super) fn new(store: StoreId, instance: ComponentInstancePtr) -> Instance {
        Instance { store, instance }
    }

    /// The instance, which belongs to `store`.
    pub(super) fn get(&self, store: &StoreOpaque) -> ComponentInstancePtr {
        store.assert_owns(self.store, "component instance");
        self.instance
    }

    /// An exported function, by name or by an index that [`Instance::get_export`] gave; `None` if
    /// there is no such function.
    ///
    /// # Panics
    /// If the instance belongs to another store.
    pub fn get_func(&self, store: impl AsContext, name: impl ExportLookup) -> Option<Func> {
        let instance = self.get(store.as_context().opaque());
        let component = instance.component();
        match component.exports().get(lookup(component, name)?)? {
            Item::Lifted { position, .. } => {
                let func = instance.lifted(*position as usize)?;
                Some(Func::new(self.store, func))
            }
            Item::Instance(_) | Item::Type(_) | Item::Module(..) | Item::Component(_) => None,
        }
    }

    /// An exported function whose parameters and result are Rust's types.
    ///
    /// # Errors
    /// If there is no such function, or the types differ.
    ///
    /// # Panics
    /// If the instance belongs to another store.
    pub fn get_typed_func<Params, Return>(
        &self,
        store: impl AsContext,
        name: impl ExportLookup,
    ) -> Result<TypedFunc<Params, Return>>
    where
        Params: ComponentNamedList + Lower,
        Return: ComponentNamedList + Lift,
    {
        let described = name.describe();
        let func = self
            .get_func(&store, name)
            .with_context(|| format!("the instance exports no function {described}"))?;
        func.typed(&store)
            .with_context(|| format!("failed to type the function {described}"))
    }

    /// An exported resource type, by name or by an index that [`Instance::get_export`] gave; `None`
    /// if there is none.
    ///
    /// # Panics
    /// If the instance belongs to another store.
    pub fn get_resource(
        &self,
        store: impl AsContext,
        name: impl ExportLookup,
    ) -> Option<ResourceType> {
        let store = store.as_context();
        let store = store.opaque();
        let instance = self.get(store);
        let component = instance.component();
        match component.exports().get(lookup(component, name)?)? {
            Item::Type(TypeDef::Resource(index)) => instance.public_resource(store, *index),
            Item::Type(_)
            | Item::Lifted { .. }
            | Item::Instance(_)
            | Item::Module(..)
            | Item::Component(_) => None,
        }
    }

    /// An exported core module, by name or by an index that [`Instance::get_export`] gave; `None`
    /// if there is none.
    ///
    /// # Panics
    /// If the instance belongs to another store.
    pub fn get_module(&self, store: impl AsContext, name: impl ExportLookup) -> Option<Module> {
        let instance = self.get(store.as_context().opaque());
        let component = instance.component();
        let Item::Module(module, _) = component.exports().get(lookup(component, name)?)? else {
            return None;
        };
        instance_module(instance, *module)
    }

    /// An exported component, by name or by an index that [`Instance::get_export`] gave; `None` if
    /// there is none.
    ///
    /// It is good for any store of its engine, unless it was itself given what is not.
    ///
    /// # Panics
    /// If the instance belongs to another store.
    pub fn get_component(
        &self,
        store: impl AsContext,
        name: impl ExportLookup,
    ) -> Option<Component> {
        let instance = self.get(store.as_context().opaque());
        let component = instance.component();
        let Item::Component(index) = component.exports().get(lookup(component, name)?)? else {
            return None;
        };
        instance_component(instance, *index)
    }

    /// An export's type, and an index that finds it faster than its name does.
    ///
    /// `instance` is an exported instance to look in; `None` for the instance's own exports.
    ///
    /// # Panics
    /// If the instance belongs to another store.
    pub fn get_export(
        &self,
        store: impl AsContextMut,
        instance: Option<&ComponentExportIndex>,
        name: &str,
    ) -> Option<(ComponentItem, ComponentExportIndex)> {
        let this = self.get(store.as_context().opaque());
        this.component().export(instance, name)
    }

    /// An index that finds an export faster than its name does; see [`Instance::get_export`].
    ///
    /// # Panics
    /// If the instance belongs to another store.
    pub fn get_export_index(
        &self,
        store: impl AsContextMut,
        instance: Option<&ComponentExportIndex>,
        name: &str,
    ) -> Option<ComponentExportIndex> {
        Some(self.get_export(store, instance, name)?.1)
    }
}

/// A core module that an instance exports.
pub(super) fn instance_module(
    instance: ComponentInstancePtr,
    module: ExportedModule,
) -> Option<Module> {
    let component = instance.component();
    let core = match module {
        ExportedModule::Defined(index) => component.module(index),
        ExportedModule::Imported(index) => instance.found()?.module(index)?,
    };
    Some(Module::from_core(component.engine(), core.clone()))
}

/// A component that an instance exports.
pub(super) fn instance_component(
    instance: ComponentInstancePtr,
    component: ExportedComponent,
) -> Option<Component> {
    Found::component_value(instance.found()?, instance.component(), component)
}
