//! Whether what a linker has stands for what a component imports.
//!
//! Resource types are found on the way: an import of a type that is nowhere else says what it is,
//! and whatever comes later (a function, or an import that is declared to be the same type) is
//! compared with that.

use super::component_check::check_component;
use super::error::ComponentError;
use super::linker::{Item, Items};
use super::module_check::check_module;
use super::resource_type::ResourceType;
use super::types::ComponentFunc;
use super::{CompiledComponent, Component, version};
use crate::Module;
use crate::module::CoreModule;
use crate::vm::{ComponentHostFunc, HostDtor};
use std::sync::Arc;
use threadline_environ::component::{ExportedComponent, ExternType, TypeDef};
use threadline_environ::entity::EntityRef;
use threadline_environ::{
    ComponentFuncTypeIndex, ComponentImportIndex, ModuleImportIndex, ResourceIndex,
};

/// A resource type as a linker has it.
#[derive(Clone)]
pub(super) struct ImportedResource {
    pub(super) ty: ResourceType,
    pub(super) dtor: Option<HostDtor>,
}

/// What a component is given beside functions.
#[derive(Clone, Default)]
pub(crate) struct Found {
    /// By [`ResourceIndex`], those found so far.
    resources: Vec<Option<ImportedResource>>,
    /// By [`ModuleImportIndex`], those found so far.
    modules: Vec<Option<Arc<CoreModule>>>,
    /// By [`ComponentImportIndex`], those found so far.
    components: Vec<Option<Component>>,
}

impl Found {
    /// The resource types that are imported.
    pub(super) fn resources(&self) -> impl Iterator<Item = (ResourceIndex, &ImportedResource)> {
        let resources = self.resources.iter().enumerate();
        resources
            .filter_map(|(index, resource)| Some((ResourceIndex::new(index), resource.as_ref()?)))
    }

    /// An imported module.
    pub(super) fn module(&self, index: ModuleImportIndex) -> Option<&Arc<CoreModule>> {
        self.modules.get(index.index())?.as_ref()
    }

    /// An imported component.
    pub(super) fn component(&self, index: ComponentImportIndex) -> Option<&Component> {
        self.components.get(index.index())?.as_ref()
    }

    /// A component that an instance of `of`, which was given this, gives to others.
    pub(super) fn component_value(
        &self,
        of: &CompiledComponent,
        component: ExportedComponent,
    ) -> Option<Component> {
        let index = match component {
            ExportedComponent::Imported(index) => return self.component(index).cloned(),
            ExportedComponent::Nested(index) => index,
        };
        let uses = &of.description().nested[index];
        let around = (!uses.modules.is_empty() || !uses.components.is_empty()).then(|| {
            let modules = uses.modules.iter();
            let components = uses.components.iter();
            Arc::new(Found {
                resources: Vec::new(),
                // Those from around it come before those with names.
                modules: modules
                    .map(|(_, here)| self.module(*here).cloned())
                    .collect(),
                components: components
                    .map(|(_, here)| self.component(*here).cloned())
                    .collect(),
            })
        });
        Some(Component::from_inside(of.nested(index)?, around))
    }
}

/// The comparison of a component's imports with definitions.
pub(super) struct ImportCheck<'a> {
    of: &'a CompiledComponent,
    found: Found,
    /// How the component names what is looked at.
    path: Vec<String>,
}

impl<'a> ImportCheck<'a> {
    pub(super) fn new(component: &'a Component) -> ImportCheck<'a> {
        let of = component.inner().description();
        let mut found = component.around().cloned().unwrap_or_default();
        found.resources.resize(of.resources.len(), None);
        found.modules.resize(of.module_imports.len(), None);
        found.components.resize(of.component_imports.len(), None);
        ImportCheck::resume(component.inner(), found)
    }

    /// Goes on where some of the imports have been found.
    pub(super) fn resume(of: &'a CompiledComponent, found: Found) -> ImportCheck<'a> {
        ImportCheck {
            of,
            found,
            path: Vec::new(),
        }
    }

    /// Checks that all imports are there with all that is in them, used or not.
    ///
    /// # Errors
    /// If one isn't, or is of another type.
    pub(super) fn check(&mut self, items: &Items) -> Result<(), ComponentError> {
        let of = self.of.description();
        for (name, ty) in of.imports.values() {
            self.named(name, version::find(items, name), ty)?;
        }
        Ok(())
    }

    /// Checks what an instance of an imported component exports.
    ///
    /// # Errors
    /// If something isn't there, or is of another type than that component was expected to have.
    pub(super) fn check_linked(
        &mut self,
        exports: &[(String, ExternType)],
        items: &Items,
    ) -> Result<(), ComponentError> {
        exports
            .iter()
            .try_for_each(|(name, ty)| self.named(name, version::find(items, name), ty))
    }

    /// Says what a resource type is that the component has made itself.
    pub(super) fn know(&mut self, index: ResourceIndex, resource: ImportedResource) {
        self.found.resources[index.index()].get_or_insert(resource);
    }

    /// What has been found beside functions.
    pub(super) fn found(&self) -> &Found {
        &self.found
    }

    /// What has been found beside functions.
    pub(super) fn into_found(self) -> Found {
        self.found
    }

    /// Whether a function of the host can stand for an import of this type.
    ///
    /// # Errors
    /// If it can't.
    pub(super) fn check_func(
        &self,
        func: &ComponentHostFunc,
        ty: ComponentFuncTypeIndex,
    ) -> Result<(), ComponentError> {
        let resources = |index: ResourceIndex| {
            let resource = self.found.resources.get(index.index())?.as_ref()?;
            Some(resource.ty.clone())
        };
        func.typecheck(self.of.description(), &resources, ty)
    }

    fn named(
        &mut self,
        name: &str,
        item: Option<&Item>,
        ty: &ExternType,
    ) -> Result<(), ComponentError> {
        self.path.push(name.to_owned());
        self.item(item, ty)?;
        self.path.pop();
        Ok(())
    }

    fn item(&mut self, item: Option<&Item>, ty: &ExternType) -> Result<(), ComponentError> {
        match (ty, item) {
            (ExternType::Func(ty), Some(Item::Func(func))) => self.func(func, *ty),
            (ExternType::Func(_), item) => Err(self.unfit("a function", "function", item)),
            (ExternType::Instance(exports), Some(Item::Instance(items))) => exports
                .iter()
                .try_for_each(|(name, ty)| self.named(name, version::find(items, name), ty)),
            // An instance of types of values alone needs no definition.
            (ExternType::Instance(exports), None) => exports
                .iter()
                .try_for_each(|(name, ty)| self.named(name, None, ty)),
            (ExternType::Instance(_), item) => Err(self.unfit("an instance", "instance", item)),
            (ExternType::Type(TypeDef::Resource(index)), Some(Item::Resource(resource))) => {
                self.resource(*index, resource)
            }
            // Declared to be the same as one that has been found: it needs no definition of its own.
            (ExternType::Type(TypeDef::Resource(index)), None)
                if self.found.resources[index.index()].is_some() =>
            {
                Ok(())
            }
            (ExternType::Type(TypeDef::Resource(_)), item) => {
                Err(self.unfit("a resource type", "resource type", item))
            }
            (ExternType::Module(index), Some(Item::Module(module))) => self.module(*index, module),
            (ExternType::Module(_), item) => Err(self.unfit("a core module", "core module", item)),
            (ExternType::Component(index), Some(Item::Component(component))) => {
                self.component(*index, component)
            }
            (ExternType::Component(_), item) => Err(self.unfit("a component", "component", item)),
            (ExternType::Type(TypeDef::Interface(_) | TypeDef::Other), _) => Ok(()),
        }
    }

    fn func(
        &self,
        func: &ComponentHostFunc,
        ty: ComponentFuncTypeIndex,
    ) -> Result<(), ComponentError> {
        self.check_func(func, ty).map_err(|error| {
            let mismatch = match error {
                ComponentError::FuncType { part, mismatch, .. } => format!("{part}: {mismatch}"),
                other => other.to_string(),
            };
            ComponentError::WrongType {
                path: self.path.clone(),
                expected: ComponentFunc::new(self.of.description(), ty).to_string(),
                mismatch,
            }
        })
    }

    fn module(&mut self, index: ModuleImportIndex, module: &Module) -> Result<(), ComponentError> {
        let core = module.core();
        let expected = &self.of.description().module_imports[index].ty;
        check_module(core, expected).map_err(|mismatch| ComponentError::WrongModule {
            path: self.path.clone(),
            mismatch,
        })?;
        self.found.modules[index.index()] = Some(core.clone());
        Ok(())
    }

    fn component(
        &mut self,
        index: ComponentImportIndex,
        component: &Component,
    ) -> Result<(), ComponentError> {
        check_component(component, self.of.description(), index).map_err(|mismatch| {
            ComponentError::WrongComponent {
                path: self.path.clone(),
                mismatch,
            }
        })?;
        self.found.components[index.index()] = Some(component.clone());
        Ok(())
    }

    fn resource(
        &mut self,
        index: ResourceIndex,
        found: &ImportedResource,
    ) -> Result<(), ComponentError> {
        match &mut self.found.resources[index.index()] {
            Some(expected) if expected.ty != found.ty => Err(ComponentError::WrongResource {
                path: self.path.clone(),
                expected: expected.ty.to_string(),
                found: found.ty.to_string(),
            }),
            Some(_) => Ok(()),
            unknown => {
                *unknown = Some(found.clone());
                Ok(())
            }
        }
    }

    /// The error for a definition of another kind, or none.
    fn unfit(
        &self,
        expected: &'static str,
        kind: &'static str,
        item: Option<&Item>,
    ) -> ComponentError {
        let path = self.path.clone();
        match item {
            Some(item) => ComponentError::WrongKind {
                path,
                expected,
                found: item.kind(),
            },
            None => ComponentError::MissingImport { kind, path },
        }
    }
}
