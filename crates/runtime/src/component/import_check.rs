//! Whether what a linker has stands for what a component imports.
//!
//! Resource types are found on the way: an import of a type that is nowhere else says what it is,
//! and whatever comes later (a function, or an import that is declared to be the same type) is
//! compared with that.

use super::Component;
use super::error::ComponentError;
use super::linker::{Item, Items};
use super::module_check::check_module;
use super::resource_type::ResourceType;
use super::types::{ComponentFunc, Description};
use super::version;
use crate::Module;
use crate::module::CoreModule;
use crate::vm::{ComponentHostFunc, HostDtor};
use std::sync::Arc;
use threadline_environ::component::{ExternType, TypeDef};
use threadline_environ::entity::EntityRef;
use threadline_environ::{ComponentFuncTypeIndex, ModuleImportIndex, ResourceIndex};

/// A resource type as a linker has it.
#[derive(Clone)]
pub(super) struct ImportedResource {
    pub(super) ty: ResourceType,
    pub(super) dtor: Option<HostDtor>,
}

/// The comparison of a component's imports with definitions.
pub(super) struct ImportCheck<'a> {
    of: &'a Description,
    /// By [`ResourceIndex`], those found so far.
    resources: Vec<Option<ImportedResource>>,
    /// By [`ModuleImportIndex`], those found so far.
    modules: Vec<Option<Arc<CoreModule>>>,
    /// How the component names what is looked at.
    path: Vec<String>,
}

impl<'a> ImportCheck<'a> {
    pub(super) fn new(component: &'a Component) -> ImportCheck<'a> {
        let of = component.inner().description();
        ImportCheck {
            of,
            resources: vec![None; of.resources.len()],
            modules: vec![None; of.module_imports.len()],
            path: Vec::new(),
        }
    }

    /// Checks that all imports are there with all that is in them, used or not.
    ///
    /// # Errors
    /// If one isn't, or is of another type.
    pub(super) fn check(&mut self, items: &Items) -> Result<(), ComponentError> {
        let of = self.of;
        for (name, ty) in of.imports.values() {
            self.named(name, version::find(items, name), ty)?;
        }
        Ok(())
    }

    /// The resource types that were found, by [`ResourceIndex`], and the core modules, by
    /// [`ModuleImportIndex`].
    pub(super) fn into_found(
        self,
    ) -> (Vec<Option<ImportedResource>>, Vec<Option<Arc<CoreModule>>>) {
        (self.resources, self.modules)
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
            let resource = self.resources.get(index.index())?.as_ref()?;
            Some(resource.ty.clone())
        };
        func.typecheck(self.of, &resources, ty)
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
                if self.resources[index.index()].is_some() =>
            {
                Ok(())
            }
            (ExternType::Type(TypeDef::Resource(_)), item) => {
                Err(self.unfit("a resource type", "resource type", item))
            }
            (ExternType::Module(index), Some(Item::Module(module))) => self.module(*index, module),
            (ExternType::Module(_), item) => Err(self.unfit("a core module", "core module", item)),
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
                expected: ComponentFunc::new(self.of, ty).to_string(),
                mismatch,
            }
        })
    }

    fn module(&mut self, index: ModuleImportIndex, module: &Module) -> Result<(), ComponentError> {
        let core = module.core();
        check_module(core, &self.of.module_imports[index].ty).map_err(|mismatch| {
            ComponentError::WrongModule {
                path: self.path.clone(),
                mismatch,
            }
        })?;
        self.modules[index.index()] = Some(core.clone());
        Ok(())
    }

    fn resource(
        &mut self,
        index: ResourceIndex,
        found: &ImportedResource,
    ) -> Result<(), ComponentError> {
        match &mut self.resources[index.index()] {
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
