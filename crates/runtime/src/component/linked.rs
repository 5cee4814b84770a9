//! Instances of imported components, which an instance makes while it is made itself.
//!
//! The component is linked with what it is given as by a [`Linker`](super::Linker), and its exports
//! are found by name as what a linker has. Calls between the two instances go through the host, as
//! between any that are linked (`guest_func.rs`).

use super::Component;
use super::component::CompiledComponent;
use super::func::{Func, LiftedFunc};
use super::guest_func::{exported_items, guest_func, instance_resource};
use super::import_check::{Found, ImportCheck};
use super::instantiate::Instantiation;
use super::linker::{Item, Items, link, resolve};
use crate::Module;
use crate::bug::bug;
use crate::vm::{ComponentHostFunc, ComponentInstancePtr, LoweredType};
use anyhow::{Context as _, Result};
use std::sync::Arc;
use threadline_environ::component::{Argument, ExportedModule, ImportSource, TypeDef};
use threadline_environ::entity::{EntityRef, PrimaryMap};
use threadline_environ::{
    ComponentImportIndex, LinkedInstanceIndex, LoweredIndex, RuntimeImportIndex,
};

/// The instances of imported components that an instance has made so far.
pub(super) struct Links<'a> {
    check: ImportCheck<'a>,
    /// What each exports.
    exports: PrimaryMap<LinkedInstanceIndex, Items>,
}

impl<'a> Links<'a> {
    /// None so far, if any will be made at all.
    pub(super) fn of(component: &'a CompiledComponent, found: &Found) -> Option<Links<'a>> {
        if component.description().linked_instances.is_empty() {
            return None;
        }
        Some(Links {
            check: ImportCheck::resume(component, found.clone()),
            exports: PrimaryMap::new(),
        })
    }

    /// What the component was given, with what these instances export.
    pub(super) fn found(&self) -> &Found {
        self.check.found()
    }

    pub(super) fn into_found(self) -> Found {
        self.check.into_found()
    }
}

/// An imported component with all that it imports.
pub(super) struct Linked {
    component: Component,
    imports: Vec<Option<ComponentHostFunc>>,
    found: Arc<Found>,
}

impl Linked {
    /// What is needed to instantiate it.
    pub(super) fn parts(
        &self,
    ) -> (
        &Arc<CompiledComponent>,
        &[Option<ComponentHostFunc>],
        &Arc<Found>,
    ) {
        (self.component.inner(), &self.imports, &self.found)
    }
}

impl Instantiation<'_> {
    /// `Step::InstantiateComponent`, but for the instantiation.
    pub(super) fn link(
        &mut self,
        component: ComponentImportIndex,
        args: &[(String, Argument)],
    ) -> Result<Linked> {
        let component = self.found().component(component).cloned();
        let component = component.ok_or_else(|| bug!("an imported component is not there"))?;
        let items = self.items(args)?;
        let linked = link(&component, &items).context(INNER)?;
        let (imports, found) = linked;
        Ok(Linked {
            component,
            imports,
            found: Arc::new(found),
        })
    }

    /// Keeps an instance of an imported component.
    pub(super) fn linked(
        &mut self,
        index: LinkedInstanceIndex,
        instance: ComponentInstancePtr,
    ) -> Result<()> {
        let items = exported_items(self.store, instance)?;
        let expected = &self.component.description().linked_instances[index].exports;
        let links = self.links.as_mut();
        let links = links.ok_or_else(|| bug!("{index} is not among the component's"))?;
        for resource in self.component.description().resources.keys() {
            if let Some(known) = instance_resource(self.store, self.instance, resource) {
                links.check.know(resource, known);
            }
        }
        links.check.check_linked(expected, &items).context(INNER)?;
        let made = links.exports.push(items);
        debug_assert_eq!(made, index);
        let new: Vec<_> = self
            .found()
            .resources()
            .filter(|(index, _)| self.instance.resource(*index).is_none())
            .map(|(index, resource)| (index, resource.clone()))
            .collect();
        for (index, resource) in new {
            self.import_resource(index, &resource)?;
        }
        Ok(())
    }

    /// `Step::LowerImport`, of a function of such an instance; all others were lowered when the
    /// instance was allocated.
    pub(super) fn lower_linked(
        &mut self,
        index: LoweredIndex,
        import: RuntimeImportIndex,
        is_async: bool,
    ) -> Result<()> {
        let description = self.component.description();
        let runtime_import = &description.runtime_imports[import];
        if let ImportSource::Instance(_) = runtime_import.from {
            let func = self.function(import)?;
            let lowered = LoweredType::new(description, import, is_async);
            self.instance.set_lowering(index, func, lowered);
        }
        Ok(())
    }

    /// An imported function.
    fn function(&self, index: RuntimeImportIndex) -> Result<ComponentHostFunc> {
        let import = &self.component.description().runtime_imports[index];
        match import.from {
            ImportSource::Host(_) => {
                let func = self.imports.get(index.index()).cloned().flatten();
                Ok(func.ok_or_else(|| bug!("{index} is not there"))?)
            }
            ImportSource::Instance(instance) => {
                let links = self.links.as_ref();
                let exports = links.and_then(|links| Some((links, links.exports.get(instance)?)));
                let (links, items) =
                    exports.ok_or_else(|| bug!("{instance} is used before it is made"))?;
                Ok(resolve(&links.check, items, &[], import).context(INNER)?)
            }
        }
    }

    fn items(&mut self, args: &[(String, Argument)]) -> Result<Items> {
        let mut items = Items::new();
        for (name, argument) in args {
            if let Some(item) = self.item(argument)? {
                items.insert(name.clone(), item);
            }
        }
        Ok(items)
    }

    /// An argument as what a linker has; `None` for a type that is nothing at run time.
    fn item(&mut self, argument: &Argument) -> Result<Option<Item>> {
        Ok(Some(match argument {
            Argument::ImportedFunction(index) => Item::Func(self.function(*index)?),
            Argument::LiftedFunction { ty, func, options } => {
                let core = self.core_func(*func)?;
                let func = LiftedFunc::new(self.instance, core, *ty, *options);
                let func = Func::new(self.store.id(), self.instance.keep_given(func));
                Item::Func(guest_func(self.store, func)?)
            }
            Argument::Instance(list) => Item::Instance(self.items(list)?),
            Argument::Type(TypeDef::Resource(index)) => {
                let resource = instance_resource(self.store, self.instance, *index);
                Item::Resource(resource.ok_or_else(|| bug!("{index} is given before it is made"))?)
            }
            Argument::Type(TypeDef::Interface(_) | TypeDef::Other) => return Ok(None),
            Argument::Module(module) => {
                let core = match module {
                    ExportedModule::Defined(index) => Some(self.component.module(*index)),
                    ExportedModule::Imported(index) => self.found().module(*index),
                };
                let core = core.ok_or_else(|| bug!("a module is given that is not there"))?;
                Item::Module(Module::from_core(self.component.engine(), core.clone()))
            }
            Argument::Component(component) => {
                let found = self.found();
                let component = found.component_value(self.component, *component);
                let component = component.ok_or_else(|| bug!("a component is not there"))?;
                Item::Component(component)
            }
        }))
    }
}

/// What an error is about that the types of components should have ruled out, or that comes of what
/// the host has given both.
const INNER: &str = "failed to link an instance of an imported component";
