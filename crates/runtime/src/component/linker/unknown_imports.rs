//! What a [`Linker`] defines for imports that it has nothing for.

use super::{Item, Items, Linker, LinkerInstance};
use crate::Engine;
use crate::component::error::ComponentError;
use crate::component::import_check::ImportedResource;
use crate::component::{Component, ResourceType, version};
use crate::error::LinkError;
use crate::store::StoreContextMut;
use crate::vm::HostDtor;
use anyhow::{Result, anyhow};
use std::collections::BTreeMap;
use threadline_environ::ResourceIndex;
use threadline_environ::component::{ExternType, TypeDef};

/// The resource types of a component's imports that are defined, by the component's numbers.
type Resources = BTreeMap<ResourceIndex, ImportedResource>;

/// A resource type that nothing is known of.
struct UnknownResource;

impl<T: 'static> Linker<T> {
    /// Defines what a component imports and the linker has no definition for:
    ///
    /// - A function ends the guest that calls it. The call into the guest returns an error that names
    ///   the import, such as `ns:package/interface#function`.
    /// - A resource type is one of the host's, whose resources can't be dropped. If the component
    ///   imports the same type by another name that is defined, it is that type.
    ///
    /// Core modules and components stay undefined. Instantiation refuses them by name. Definitions
    /// that exist stay as they are, even if shadowing is allowed. An instance whose name has a
    /// compatible version is such a definition; only what is missing in it is added.
    ///
    /// # Errors
    /// If the component belongs to another engine than the linker, or imports an instance by a name
    /// that stands for something else.
    ///
    /// # Examples
    /// ```
    /// use threadline::component::{Component, Linker};
    /// use threadline::{Engine, Store};
    ///
    /// # fn main() -> anyhow::Result<()> {
    /// let engine = Engine::default();
    /// let text = r#"(component
    ///     (import "docs:log/out" (instance $out (export "flush" (func))))
    ///     (export "flush" (func $out "flush")))"#;
    /// let component = Component::new(&engine, text)?;
    /// let mut linker = Linker::new(&engine);
    /// linker.define_unknown_imports_as_traps(&component)?;
    ///
    /// let mut store = Store::new(&engine, ());
    /// let instance = linker.instantiate(&mut store, &component)?;
    /// let flush = instance.get_typed_func::<(), ()>(&mut store, "flush")?;
    /// let error = flush.call(&mut store, ()).unwrap_err();
    /// assert!(format!("{error:#}").contains("`docs:log/out#flush` has not been defined"));
    /// # Ok(())
    /// # }
    /// ```
    pub fn define_unknown_imports_as_traps(&mut self, component: &Component) -> Result<()> {
        if !Engine::same(&self.engine, component.engine()) {
            return Err(LinkError::WrongEngine { what: "component" }.into());
        }
        let imports = &component.inner().description().imports;
        let mut resources = Resources::new();
        for (name, ty) in imports.values() {
            find_resources(&self.items, name, ty, &mut resources);
        }
        for (name, ty) in imports.values() {
            self.root().define_as_trap(name, ty, &mut resources)?;
        }
        Ok(())
    }
}

/// Collects the resource types of an import that are defined.
fn find_resources(items: &Items, name: &str, ty: &ExternType, resources: &mut Resources) {
    match (ty, version::find(items, name)) {
        (ExternType::Instance(exports), Some(Item::Instance(items))) => {
            for (name, ty) in exports {
                find_resources(items, name, ty, resources);
            }
        }
        (ExternType::Type(TypeDef::Resource(index)), Some(Item::Resource(resource))) => {
            resources.entry(*index).or_insert_with(|| resource.clone());
        }
        _ => {}
    }
}

impl<T: 'static> LinkerInstance<'_, T> {
    /// See [`Linker::define_unknown_imports_as_traps`].
    fn define_as_trap(
        &mut self,
        name: &str,
        ty: &ExternType,
        resources: &mut Resources,
    ) -> Result<()> {
        match ty {
            ExternType::Instance(exports) => {
                let mut instance = self.instance_for(name)?;
                exports
                    .iter()
                    .try_for_each(|(name, ty)| instance.define_as_trap(name, ty, resources))
            }
            _ if version::find(self.items, name).is_some() => Ok(()),
            ExternType::Func(_) => {
                let path = self.path_of(name);
                self.func_new(name, move |_, _, _| Err(unknown_import(&path)))
            }
            ExternType::Type(TypeDef::Resource(index)) => {
                let resource = resources
                    .entry(*index)
                    .or_insert_with(|| unknown_resource::<T>(self.path_of(name)));
                self.define(name, Item::Resource(resource.clone()))
            }
            // There is nothing that a module or component could do instead.
            ExternType::Module(_)
            | ExternType::Component(_)
            | ExternType::Type(TypeDef::Interface(_) | TypeDef::Other) => Ok(()),
        }
    }

    /// Returns the instance that an import of this name is given. Makes the instance if there is none.
    ///
    /// # Errors
    /// If the name stands for something else.
    fn instance_for(&mut self, name: &str) -> Result<LinkerInstance<'_, T>> {
        let defined = version::find_name(self.items, name).map(str::to_owned);
        let name = defined.as_deref().unwrap_or(name);
        match self.items.get(name) {
            None | Some(Item::Instance(_)) => self.instance(name),
            Some(other) => Err(ComponentError::WrongKind {
                path: self.path_of(name),
                expected: "an instance",
                found: other.kind(),
            }
            .into()),
        }
    }

    /// Returns the path of a name in this instance.
    fn path_of(&self, name: &str) -> Vec<String> {
        let mut path = self.path.clone();
        path.push(name.to_owned());
        path
    }
}

/// Makes a type whose resources can't be dropped.
fn unknown_resource<T: 'static>(path: Vec<String>) -> ImportedResource {
    let dtor = move |_: StoreContextMut<'_, T>, _| Err(unknown_import(&path));
    ImportedResource {
        ty: ResourceType::host::<UnknownResource>(),
        dtor: Some(HostDtor::new::<T, _>(dtor)),
    }
}

/// Returns the error of a function or destructor that has not been defined.
fn unknown_import(path: &[String]) -> anyhow::Error {
    anyhow!("unknown import: `{}` has not been defined", path.join("#"))
}
