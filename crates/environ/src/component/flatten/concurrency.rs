//! The built-ins of the component model's concurrency: what they know is looked up.

use super::Flattener;
use super::scope::Scope;
use super::value::inconsistent;
use crate::component::concurrency::{ConcurrencyBuiltin, EndType, TransferOp};
use crate::component::definition::{BuiltinDef, CoreSort};
use crate::component::info::{CoreDef, Step};
use crate::component::module_type::CoreExternType;
use crate::component::trampoline::Trampoline;
use crate::component::types::{InterfaceType, TypeDef};
use crate::error::Result;
use crate::index::*;
use crate::types::{EntityType, TableType};
use wasmparser::component_types as wt;

impl Flattener<'_, '_> {
    /// A built-in as a function.
    pub(super) fn concurrency(
        &mut self,
        scope: &mut Scope<'_>,
        definition: &BuiltinDef,
    ) -> Result<()> {
        let builtin = self.resolve_builtin(scope, definition)?;
        let signature = builtin.signature(self.types.types(), &self.component.options);
        let signature = self.signatures.intern(signature);
        let def = self.trampoline(Trampoline::Concurrency {
            builtin,
            instance: scope.runtime_instance,
            signature,
        });
        scope.core_funcs.push(def);
        Ok(())
    }

    fn resolve_builtin(
        &mut self,
        scope: &mut Scope<'_>,
        definition: &BuiltinDef,
    ) -> Result<ConcurrencyBuiltin> {
        Ok(match *definition {
            BuiltinDef::Plain(builtin) => ConcurrencyBuiltin::Plain(builtin),
            BuiltinDef::TaskReturn {
                result,
                ref options,
            } => ConcurrencyBuiltin::TaskReturn {
                result: match result {
                    Some(ty) => Some(self.val_type(scope, ty)?),
                    None => None,
                },
                options: self.options(scope, options)?,
            },
            BuiltinDef::WaitableSet { op, memory } => {
                let def = scope.core(CoreSort::Memory, memory)?;
                let memory = self.extract_memory(def)?;
                ConcurrencyBuiltin::WaitableSet {
                    op,
                    memory,
                    address: self.memory_type(memory)?.address,
                }
            }
            BuiltinDef::End { op, ty } => ConcurrencyBuiltin::End {
                op,
                ty: self.end_type(scope, ty)?,
            },
            BuiltinDef::Copy {
                op,
                ty,
                ref options,
            } => ConcurrencyBuiltin::Copy {
                op,
                ty: self.end_type(scope, ty)?,
                options: self.options(scope, options)?,
            },
            BuiltinDef::ErrorContext { op, ref options } => ConcurrencyBuiltin::ErrorContext {
                op,
                options: self.options(scope, options)?,
            },
            BuiltinDef::ThreadNewIndirect { table, closure } => {
                let def = scope.core(CoreSort::Table, table)?;
                ConcurrencyBuiltin::ThreadNewIndirect {
                    table: self.extract_table(def)?,
                    address: self.table_type(def)?.address,
                    closure,
                }
            }
        })
    }

    /// The type of a stream's or future's ends.
    fn end_type(
        &mut self,
        scope: &mut Scope<'_>,
        id: wt::ComponentDefinedTypeId,
    ) -> Result<EndType> {
        match self.val_type(scope, wt::ComponentValType::Type(id))? {
            InterfaceType::Stream(index) => Ok(EndType::Stream(index)),
            InterfaceType::Future(index) => Ok(EndType::Future(index)),
            _ => Err(inconsistent()),
        }
    }

    fn val_type(
        &mut self,
        scope: &mut Scope<'_>,
        ty: wt::ComponentValType,
    ) -> Result<InterfaceType> {
        match ty {
            wt::ComponentValType::Type(id) => {
                match self.type_def(scope, wt::ComponentAnyTypeId::Defined(id))? {
                    TypeDef::Interface(ty) => Ok(ty),
                    TypeDef::Resource(_) | TypeDef::Other => Err(inconsistent()),
                }
            }
            ty => self.types.val(self.wasm_types, &mut scope.types, ty),
        }
    }

    fn extract_table(&mut self, def: CoreDef) -> Result<RuntimeTableIndex> {
        let CoreDef::Export(export) = def else {
            return Err(inconsistent());
        };
        if let Some(&index) = self.interned.tables.get(&export) {
            return Ok(index);
        }
        let index = RuntimeTableIndex::from_u32(self.component.num_tables);
        self.component.num_tables += 1;
        self.interned.tables.insert(export, index);
        let step = Step::ExtractTable { index, export };
        self.component.steps.push(step);
        Ok(index)
    }

    pub(super) fn extract_callback(&mut self, def: CoreDef) -> RuntimeCallbackIndex {
        if let Some(&index) = self.interned.callbacks.get(&def) {
            return index;
        }
        let index = RuntimeCallbackIndex::from_u32(self.component.num_callbacks);
        self.component.num_callbacks += 1;
        self.interned.callbacks.insert(def, index);
        let step = Step::ExtractCallback { index, def };
        self.component.steps.push(step);
        index
    }

    fn table_type(&self, def: CoreDef) -> Result<TableType> {
        let CoreDef::Export(export) = def else {
            return Err(inconsistent());
        };
        if let Some(ty) = self.imported_module_type(export.instance) {
            return match ty.exported(export.entity) {
                Some((_, CoreExternType::Table(ty))) => Ok(*ty),
                _ => Err(inconsistent()),
            };
        }
        let (module, _) = self.made_from(export.instance)?;
        match self.modules[module].module.entity_type(export.entity) {
            EntityType::Table(ty) => Ok(ty),
            _ => Err(inconsistent()),
        }
    }

    /// What moves an end or error context out of an instance's table, or into it.
    pub(super) fn transfer_trampoline(
        &mut self,
        op: TransferOp,
        instance: RuntimeComponentInstanceIndex,
    ) -> CoreDef {
        let signature = self.signatures.intern(op.signature());
        self.trampoline(Trampoline::Transfer {
            op,
            instance,
            signature,
        })
    }

    /// Whether calls into a component instance make tasks.
    pub(super) fn makes_tasks(&self, instance: RuntimeComponentInstanceIndex) -> bool {
        let definition = self.component_instances[instance];
        self.definitions.components[definition].may_block
    }
}
