//! The steps that make an instance of a component.

use super::component::CompiledComponent;
use super::export::Item;
use super::func::LiftedFunc;
use crate::bug::{bail_bug, bug};
use crate::store::StoreOpaque;
use crate::vm::{
    ComponentHostFunc, ComponentInstancePtr, CoreFunc, DefinedMemory, FunctionImport, Imports,
    InstancePtr, OwnedComponentInstance, RawExtern,
};
use anyhow::{Result, bail};
use std::sync::Arc;
use threadline_environ::component::{CoreDef, CoreExport, Step};
use threadline_environ::entity::PrimaryMap;
use threadline_environ::{EntityIndex, RuntimeInstanceIndex, SignatureIndex, StaticModuleIndex};

/// Instantiates a component. `imports` are by `RuntimeImportIndex`, of the right types and made
/// for stores of this one's type.
///
/// # Errors
/// If there is no room, or a core module's initialization or start function traps. What has been
/// made so far stays in the store.
pub(super) fn instantiate(
    store: &mut StoreOpaque,
    component: &Arc<CompiledComponent>,
    imports: &[ComponentHostFunc],
) -> Result<ComponentInstancePtr> {
    let owned = OwnedComponentInstance::new(store.vm(), component.clone(), imports);
    let instance = store.keep_component_instance(owned);
    let mut instantiation = Instantiation {
        store,
        component,
        instance,
        core_instances: PrimaryMap::new(),
    };
    for step in &component.description().steps {
        instantiation.step(step)?;
    }
    instantiation.lift_exports()?;
    Ok(instance)
}

/// An instance in the making.
struct Instantiation<'a> {
    store: &'a mut StoreOpaque,
    component: &'a CompiledComponent,
    instance: ComponentInstancePtr,
    core_instances: PrimaryMap<RuntimeInstanceIndex, InstancePtr>,
}

impl Instantiation<'_> {
    fn step(&mut self, step: &Step) -> Result<()> {
        match step {
            Step::Instantiate {
                instance,
                module,
                args,
                ..
            } => self.instantiate_module(*instance, *module, args),
            Step::ExtractMemory { index, export } => {
                let memory = self.memory(*export)?;
                self.instance.set_memory(*index, memory);
                Ok(())
            }
            Step::ExtractRealloc { index, def } => {
                let func = self.core_func(*def)?;
                self.instance.set_realloc(*index, func);
                Ok(())
            }
            Step::ExtractPostReturn { index, def } => {
                let func = self.core_func(*def)?;
                self.instance.set_post_return(*index, func);
                Ok(())
            }
            Step::Resource { .. } => bail!("resource types of components are not built yet"),
            // All of them were lowered when the instance was allocated.
            Step::LowerImport { .. } => Ok(()),
        }
    }

    fn instantiate_module(
        &mut self,
        index: RuntimeInstanceIndex,
        module: StaticModuleIndex,
        args: &[CoreDef],
    ) -> Result<()> {
        let mut imports = Imports::default();
        for arg in args {
            imports.push(self.import(*arg)?);
        }
        let module = self.component.module(module);
        self.store.count_resources(module)?;
        let place = self.instance.place(index);
        let instance = self.store.instantiate(module, imports, place)?;
        let made = self.core_instances.push(instance);
        debug_assert_eq!(made, index);
        Ok(())
    }

    /// What a core module is given as an import.
    fn import(&self, def: CoreDef) -> Result<RawExtern> {
        Ok(match def {
            CoreDef::Export(export) => self.core_instance(export)?.raw_extern(export.entity)?,
            CoreDef::Trampoline(index) => RawExtern::Func(FunctionImport {
                code: self.component.trampoline(index)?,
                vmctx: self.instance.vmctx(),
            }),
            CoreDef::Flags(index) => RawExtern::Global(self.instance.flags(index)),
        })
    }

    fn core_instance(&self, export: CoreExport) -> Result<InstancePtr> {
        let instance = self.core_instances.get(export.instance).copied();
        Ok(instance.ok_or_else(|| bug!("{} is used before it is made", export.instance))?)
    }

    fn memory(&self, export: CoreExport) -> Result<DefinedMemory> {
        match export.entity {
            EntityIndex::Memory(index) => Ok(self.core_instance(export)?.memory(index)),
            other => bail_bug!("a memory is extracted from {other:?}"),
        }
    }

    /// A core function that the host will call.
    fn core_func(&mut self, def: CoreDef) -> Result<CoreFunc> {
        let RawExtern::Func(func) = self.import(def)? else {
            bail_bug!("a function is extracted from {def:?}");
        };
        let type_id = self.component.type_id(self.signature(def)?);
        Ok(CoreFunc {
            func,
            entrance: self.store.entrance(type_id)?,
        })
    }

    fn signature(&self, def: CoreDef) -> Result<SignatureIndex> {
        Ok(match def {
            CoreDef::Export(
                export @ CoreExport {
                    entity: EntityIndex::Func(index),
                    ..
                },
            ) => {
                let module = &self.core_instance(export)?.module().module;
                module.functions[index].signature
            }
            CoreDef::Trampoline(index) => {
                self.component.description().trampolines[index].signature()
            }
            other => bail_bug!("{other:?} is no function"),
        })
    }

    /// Resolves the exported functions, in the order of their positions.
    fn lift_exports(&mut self) -> Result<()> {
        let mut lifted = Vec::new();
        for export in self.component.exports().iter() {
            if let Item::Lifted {
                ty, func, options, ..
            } = *export
            {
                let core = self.core_func(func)?;
                lifted.push(LiftedFunc::new(self.instance, core, ty, options));
            }
        }
        self.instance.set_lifted(lifted.into())
    }
}
