//! What the bindings that `bindgen!` generates are written with.
//!
//! Not for people: private API, which changes together with the macro. It finds exports by name,
//! with messages that say which one is missing, and types them.

use super::{
    Component, ComponentExportIndex, ComponentNamedList, Instance, Lift, Lower, TypedFunc,
};
use crate::store::AsContextMut;
use anyhow::Context as _;
pub use anyhow::Result;

/// What finds an export, in an exported instance if there is one, by its name.
type Find<'a> = dyn FnMut(Option<&ComponentExportIndex>, &str) -> Option<ComponentExportIndex> + 'a;

/// The exports of a component or an instance of one.
pub struct Exports<'a> {
    find: Box<Find<'a>>,
}

impl<'a> Exports<'a> {
    /// Those of a component.
    pub fn of_component(component: &'a Component) -> Exports<'a> {
        Exports {
            find: Box::new(|instance, name| component.get_export_index(instance, name)),
        }
    }

    /// Those of an instance.
    pub fn of_instance(store: &'a mut impl AsContextMut, instance: &'a Instance) -> Exports<'a> {
        Exports {
            find: Box::new(move |of, name| instance.get_export_index(&mut *store, of, name)),
        }
    }

    /// A function.
    ///
    /// # Errors
    /// If there is none.
    pub fn func(&mut self, name: &str) -> Result<ComponentExportIndex> {
        (self.find)(None, name)
            .with_context(|| format!("the component exports no function `{name}`"))
    }

    /// An instance.
    ///
    /// # Errors
    /// If there is none.
    pub fn instance(&mut self, name: &'static str) -> Result<ExportedInstance> {
        let index = (self.find)(None, name)
            .with_context(|| format!("the component exports no instance `{name}`"))?;
        Ok(ExportedInstance { index, name })
    }
}

/// An instance that a component exports.
pub struct ExportedInstance {
    index: ComponentExportIndex,
    name: &'static str,
}

impl ExportedInstance {
    /// A function in it.
    ///
    /// # Errors
    /// If there is none.
    pub fn func(&self, exports: &mut Exports<'_>, name: &str) -> Result<ComponentExportIndex> {
        (exports.find)(Some(&self.index), name).with_context(|| {
            format!(
                "the component exports the instance `{}` without a function `{name}`",
                self.name
            )
        })
    }
}

/// An instance whose functions are typed.
pub struct Loader<'a, S> {
    store: &'a S,
    instance: &'a Instance,
}

impl<'a, S: AsContextMut> Loader<'a, S> {
    /// For an instance in a store.
    pub fn new(store: &'a S, instance: &'a Instance) -> Loader<'a, S> {
        Loader { store, instance }
    }

    /// A function as one of these types. `name` is for messages.
    ///
    /// # Errors
    /// If it has other types.
    pub fn func<Params, Return>(
        &self,
        index: &ComponentExportIndex,
        name: &str,
    ) -> Result<TypedFunc<Params, Return>>
    where
        Params: ComponentNamedList + Lower,
        Return: ComponentNamedList + Lift,
    {
        self.instance
            .get_func(self.store, index)
            .with_context(|| format!("the export `{name}` is no function of the component's own"))?
            .typed(self.store)
            .with_context(|| format!("the export `{name}` has other types than its binding"))
    }
}
