//! Core modules that cross the root's border: those it imports, and those it exports.
//!
//! An imported module is known by its type alone. Its instances are made outside of the block of the
//! component's contexts, their exports are found by name, and nothing is known of their code.

use super::value::{CoreInstance, Value};
use super::{Flattener, Input};
use crate::component::definition::Item;
use crate::component::info::{CoreDef, Export, ExportedModule, ModuleImport, Step};
use crate::component::module_type::ModuleType;
use crate::component::types::ExternType;
use crate::error::Result;
use crate::index::*;
use std::collections::BTreeSet;
use wasmparser::component_types as wt;

/// Whether the root imports a core module, itself or in an instance, or a component, whose
/// instances may export one.
pub(super) fn imports_modules(input: &Input<'_, '_>) -> bool {
    let mut instances: Vec<wt::ComponentInstanceTypeId> = Vec::new();
    let mut seen = BTreeSet::new();
    for item in &input.definitions.components[input.root].items {
        match item {
            Item::Import {
                ty: wt::ComponentEntityType::Module(_) | wt::ComponentEntityType::Component(_),
                ..
            } => return true,
            Item::Import {
                ty: wt::ComponentEntityType::Instance(id),
                ..
            } => instances.push(*id),
            _ => {}
        }
    }
    while let Some(id) = instances.pop() {
        if !seen.insert(id) {
            continue;
        }
        for item in input.types[id].exports.values() {
            match item.ty {
                wt::ComponentEntityType::Module(_) | wt::ComponentEntityType::Component(_) => {
                    return true;
                }
                wt::ComponentEntityType::Instance(id) => instances.push(id),
                _ => {}
            }
        }
    }
    false
}

impl Flattener<'_, '_> {
    /// A core module that the host gives.
    pub(super) fn imported_module(
        &mut self,
        id: wt::ComponentCoreModuleTypeId,
        offset: u64,
    ) -> Result<(Value, ExternType)> {
        let ty = self.module_type(id, offset)?;
        let index = self.component.module_imports.push(ModuleImport { ty });
        let value = Value::Module(ExportedModule::Imported(index));
        Ok((value, ExternType::Module(index)))
    }

    /// Converts the type of a core module.
    pub(super) fn module_type(
        &mut self,
        id: wt::ComponentCoreModuleTypeId,
        offset: u64,
    ) -> Result<ModuleType> {
        let before = self.core_types.converted;
        let (signatures, known) = (&mut self.signatures, &mut self.core_types);
        let ty = ModuleType::declared(self.wasm_types, signatures, known, id, offset)?;
        let converted = self.core_types.converted - before;
        self.budget
            .spend(ty.imports.len() + ty.exports.len() + converted)?;
        Ok(ty)
    }

    /// A core module that the root exports.
    pub(super) fn export_module(&mut self, module: ExportedModule) -> Result<Export> {
        let ty = match module {
            ExportedModule::Defined(index) => {
                self.expose_module(module);
                ModuleType::of(&self.modules[index].module, &self.signatures)
            }
            ExportedModule::Imported(index) => self.component.module_imports[index].ty.clone(),
        };
        self.budget.spend(ty.imports.len() + ty.exports.len())?;
        Ok(Export::Module(module, Box::new(ty)))
    }

    /// Takes note of a module that may be instantiated with anything.
    pub(super) fn expose_module(&mut self, module: ExportedModule) {
        if let ExportedModule::Defined(index) = module {
            self.exported_modules.insert(index);
        }
    }

    /// Writes the step that instantiates an imported module.
    pub(super) fn instantiate_imported(
        &mut self,
        component_instance: RuntimeComponentInstanceIndex,
        module: ModuleImportIndex,
        args: Box<[CoreDef]>,
    ) -> Result<CoreInstance> {
        self.budget.core_instance()?;
        let instance = self.instance_steps.push(self.component.steps.len());
        self.component.steps.push(Step::InstantiateImported {
            instance,
            component_instance,
            module,
            args,
        });
        Ok(CoreInstance::Real(instance))
    }

    /// The type of the module of a core instance, if it is imported.
    pub(super) fn imported_module_type(
        &self,
        instance: RuntimeInstanceIndex,
    ) -> Option<&ModuleType> {
        match self.component.steps.get(self.instance_steps[instance])? {
            Step::InstantiateImported { module, .. } => {
                Some(&self.component.module_imports[*module].ty)
            }
            _ => None,
        }
    }

    /// How many imports a module has.
    pub(super) fn num_imports(&self, module: ExportedModule) -> usize {
        match module {
            ExportedModule::Defined(index) => self.modules[index].module.imports.len(),
            ExportedModule::Imported(index) => {
                self.component.module_imports[index].ty.imports.len()
            }
        }
    }

    /// Both names of an import of a module.
    pub(super) fn import_names(&self, module: ExportedModule, position: usize) -> (&str, &str) {
        match module {
            ExportedModule::Defined(index) => {
                let import = &self.modules[index].module.imports[position];
                (&import.module, &import.field)
            }
            ExportedModule::Imported(index) => {
                let import = &self.component.module_imports[index].ty.imports[position];
                (&import.module, &import.field)
            }
        }
    }
}
