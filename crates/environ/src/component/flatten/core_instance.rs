//! Core instances: the steps that make them, and what their exports are.

use super::Flattener;
use super::scope::Scope;
use super::value::{CoreInstance, inconsistent};
use crate::component::definition::CoreInstanceDef;
use crate::component::info::{CoreDef, CoreExport, ExportedModule, Step};
use crate::error::Result;
use crate::index::*;
use crate::module::Module;
use std::collections::BTreeMap;
use std::rc::Rc;

/// Imports that a search passes for one unit of work.
const IMPORTS_PER_UNIT: usize = 16;

impl Flattener<'_, '_> {
    /// Makes a core instance in a component instance.
    pub(super) fn core_instance(
        &mut self,
        scope: &mut Scope<'_>,
        definition: &CoreInstanceDef,
    ) -> Result<()> {
        let instance = match definition {
            CoreInstanceDef::Instantiate { module, args } => {
                let module = scope.module(*module)?;
                let imports = self.resolve_imports(scope, module, args)?;
                match module {
                    ExportedModule::Defined(module) => {
                        self.instantiate_module(scope.runtime_instance, module, imports)?
                    }
                    ExportedModule::Imported(module) => {
                        self.instantiate_imported(scope.runtime_instance, module, imports)?
                    }
                }
            }
            CoreInstanceDef::FromExports(list) => {
                self.budget.spend(list.len())?;
                let mut exports = BTreeMap::new();
                for (name, sort, index) in list {
                    exports.insert(name.clone(), scope.core(*sort, *index)?);
                }
                CoreInstance::Synthetic(Rc::new(exports))
            }
        };
        scope.core_instances.push(instance);
        Ok(())
    }

    /// Writes the step that instantiates a module.
    pub(super) fn instantiate_module(
        &mut self,
        component_instance: RuntimeComponentInstanceIndex,
        module: StaticModuleIndex,
        args: Box<[CoreDef]>,
    ) -> Result<CoreInstance> {
        self.budget.core_instance()?;
        let instance = self.instance_steps.push(self.component.steps.len());
        self.component.steps.push(Step::Instantiate {
            instance,
            component_instance,
            module,
            args,
        });
        Ok(CoreInstance::Real(instance))
    }

    /// What a module's imports are, given the core instances that stand for their first names.
    fn resolve_imports(
        &mut self,
        scope: &Scope<'_>,
        module: ExportedModule,
        args: &[(Rc<str>, u32)],
    ) -> Result<Box<[CoreDef]>> {
        let count = self.num_imports(module);
        self.budget.spend(count + args.len())?;
        let mut instances = BTreeMap::new();
        for (name, index) in args {
            instances.insert(&**name, scope.core_instance(*index)?);
        }
        let mut resolved = Vec::with_capacity(count);
        for position in 0..count {
            let (first, field) = self.import_names(module, position);
            let instance = instances.get(first).ok_or_else(inconsistent)?;
            let field = field.to_owned();
            resolved.push(self.core_export(instance, &field)?);
        }
        Ok(resolved.into())
    }

    /// An export of a core instance, followed to where it is defined.
    pub(super) fn core_export(&mut self, instance: &CoreInstance, name: &str) -> Result<CoreDef> {
        match instance {
            CoreInstance::Synthetic(exports) => exports.get(name).copied().ok_or_else(inconsistent),
            CoreInstance::Real(instance) => {
                if let Some(ty) = self.imported_module_type(*instance) {
                    let entity = ty.export(name).ok_or_else(inconsistent)?;
                    let count = ty.exports.len();
                    self.budget.spend(count / IMPORTS_PER_UNIT)?;
                    return Ok(CoreDef::Export(CoreExport {
                        instance: *instance,
                        entity,
                    }));
                }
                let (module, args) = self.made_from(*instance)?;
                let module = &self.modules[module].module;
                let entity = module.export(name).ok_or_else(inconsistent)?;
                match imported_position(module, entity) {
                    Some(position) => {
                        // Arguments have been followed when they were resolved.
                        let def = args.get(position).copied().ok_or_else(inconsistent)?;
                        self.budget.spend(position / IMPORTS_PER_UNIT)?;
                        Ok(def)
                    }
                    None => Ok(CoreDef::Export(CoreExport {
                        instance: *instance,
                        entity,
                    })),
                }
            }
        }
    }

    /// The module of a core instance, which is not imported, and its arguments.
    pub(super) fn made_from(
        &self,
        instance: RuntimeInstanceIndex,
    ) -> Result<(StaticModuleIndex, &[CoreDef])> {
        match self.component.steps.get(self.instance_steps[instance]) {
            Some(Step::Instantiate { module, args, .. }) => Ok((*module, args)),
            _ => Err(inconsistent()),
        }
    }
}

/// Which of a module's imports an entity is.
fn imported_position(module: &Module, entity: EntityIndex) -> Option<usize> {
    let defined = match entity {
        EntityIndex::Func(index) => module.defined_func_index(index).is_some(),
        EntityIndex::Table(index) => module.defined_table_index(index).is_some(),
        EntityIndex::Memory(index) => module.defined_memory_index(index).is_some(),
        EntityIndex::Global(index) => module.defined_global_index(index).is_some(),
        EntityIndex::Tag(index) => module.defined_tag_index(index).is_some(),
    };
    if defined {
        return None;
    }
    module.imports.iter().position(|i| i.index == entity)
}
