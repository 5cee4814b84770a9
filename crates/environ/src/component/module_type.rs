//! The types of core modules that cross a component's border.
//!
//! Function types are written out, not given by number: such a type is compared with a module of
//! another binary.

use super::flatten::inconsistent;
use crate::error::{Error, Result};
use crate::index::*;
use crate::module::{
    Module, TypeSpace, global_type, memory_type, table_type, val_type as any_val_type,
};
use crate::signature_table::SignatureTable;
use crate::types::{
    EntityType, FuncType, GlobalType, HeapType, MemoryType, RefType, TableType, ValType,
};
use serde::{Deserialize, Serialize};
use wasmparser::component_types as wt;
use wasmparser::types::{self as wt_core, TypesRef};

/// The type of a core module.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ModuleType {
    /// What it imports at most.
    pub imports: Vec<ModuleImportType>,
    /// What it exports at least: names and types.
    pub exports: Vec<(String, CoreExternType)>,
}

/// The type of an import of a core module.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ModuleImportType {
    /// The first name.
    pub module: String,
    /// The second name.
    pub field: String,
    /// What it is.
    pub ty: CoreExternType,
}

/// The type of something that a core module imports or exports. It mentions no types by number.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum CoreExternType {
    /// A function.
    Func(FuncType),
    /// A table.
    Table(TableType),
    /// A memory.
    Memory(MemoryType),
    /// A global.
    Global(GlobalType),
    /// A tag, by the type of the functions that would throw it.
    Tag(FuncType),
}

impl ModuleType {
    /// An export's type, and how instances of an imported module name it: by its place among the
    /// exports of the type.
    pub(super) fn export(&self, name: &str) -> Option<EntityIndex> {
        let place = self.exports.iter().position(|(known, _)| known == name)?;
        let index = place as u32;
        Some(match self.exports[place].1 {
            CoreExternType::Func(_) => EntityIndex::Func(FuncIndex::from_u32(index)),
            CoreExternType::Table(_) => EntityIndex::Table(TableIndex::from_u32(index)),
            CoreExternType::Memory(_) => EntityIndex::Memory(MemoryIndex::from_u32(index)),
            CoreExternType::Global(_) => EntityIndex::Global(GlobalIndex::from_u32(index)),
            CoreExternType::Tag(_) => EntityIndex::Tag(TagIndex::from_u32(index)),
        })
    }

    /// The name and type of what [`CoreExport`](super::CoreExport)s of an imported module's
    /// instances mean.
    pub fn exported(&self, entity: EntityIndex) -> Option<&(String, CoreExternType)> {
        let index = match entity {
            EntityIndex::Func(index) => index.as_u32(),
            EntityIndex::Table(index) => index.as_u32(),
            EntityIndex::Memory(index) => index.as_u32(),
            EntityIndex::Global(index) => index.as_u32(),
            EntityIndex::Tag(index) => index.as_u32(),
        };
        self.exports.get(index as usize)
    }

    /// Converts a type that the validator has; `offset` is where it is used.
    ///
    /// # Errors
    /// If it needs what is not built.
    pub(super) fn declared(
        types: TypesRef<'_>,
        id: wt::ComponentCoreModuleTypeId,
        offset: u64,
    ) -> Result<ModuleType> {
        let ty = &types[id];
        let imports = ty.imports.iter().map(|((module, field), ty)| {
            Ok(ModuleImportType {
                module: module.clone(),
                field: field.clone(),
                ty: declared(types, ty, offset)?,
            })
        });
        let exports = ty.exports.iter();
        let exports = exports.map(|(name, ty)| Ok((name.clone(), declared(types, ty, offset)?)));
        Ok(ModuleType {
            imports: imports.collect::<Result<_>>()?,
            exports: exports.collect::<Result<_>>()?,
        })
    }

    /// The type of a module that is there.
    ///
    /// # Errors
    /// If it can't be written out.
    pub(super) fn of(
        module: &Module,
        signatures: &SignatureTable,
        offset: u64,
    ) -> Result<ModuleType> {
        let ty = |index| written_out(module.entity_type(index), signatures, offset);
        let imports = module.imports.iter().map(|import| {
            Ok(ModuleImportType {
                module: import.module.clone(),
                field: import.field.clone(),
                ty: ty(import.index)?,
            })
        });
        let exports = module.exports.iter();
        let exports = exports.map(|(name, index)| Ok((name.clone(), ty(*index)?)));
        Ok(ModuleType {
            imports: imports.collect::<Result<_>>()?,
            exports: exports.collect::<Result<_>>()?,
        })
    }
}

/// What is not built.
fn mentions_types(offset: u64) -> Error {
    Error::unsupported(
        "a core module with references to functions of certain types in its type, as an import or \
         export of a component",
        offset,
    )
}

fn declared(types: TypesRef<'_>, ty: &wt_core::EntityType, offset: u64) -> Result<CoreExternType> {
    let none = TypeSpace::default();
    Ok(match ty {
        wt_core::EntityType::Func(id) => CoreExternType::Func(func_type(types, *id, offset)?),
        wt_core::EntityType::Tag(id) => CoreExternType::Tag(func_type(types, *id, offset)?),
        wt_core::EntityType::Table(ty) => {
            plain(wasmparser::ValType::Ref(ty.element_type), offset)?;
            CoreExternType::Table(table_type(&none, ty, offset)?)
        }
        wt_core::EntityType::Memory(ty) => CoreExternType::Memory(memory_type(ty, offset)?),
        wt_core::EntityType::Global(ty) => {
            plain(ty.content_type, offset)?;
            CoreExternType::Global(global_type(&none, *ty, offset)?)
        }
        wt_core::EntityType::FuncExact(_) => {
            return Err(Error::unsupported("an exact function type", offset));
        }
    })
}

/// A function type that is declared alone, without `sub`.
fn func_type(types: TypesRef<'_>, id: wt_core::CoreTypeId, offset: u64) -> Result<FuncType> {
    let ty = &types[id];
    let group = types.rec_group_elements(types.rec_group_id_of(id));
    if !ty.is_final || !ty.supertype_idxs.is_empty() || group.len() != 1 {
        return Err(mentions_types(offset));
    }
    let wasmparser::CompositeInnerType::Func(func) = &ty.composite_type.inner else {
        return Err(inconsistent());
    };
    let convert = |list: &[wasmparser::ValType]| -> Result<Vec<ValType>> {
        list.iter().map(|&ty| plain(ty, offset)).collect()
    };
    Ok(FuncType::new(
        convert(func.params())?,
        convert(func.results())?,
    ))
}

/// A value type that mentions no other type.
fn plain(ty: wasmparser::ValType, offset: u64) -> Result<ValType> {
    if let wasmparser::ValType::Ref(ty) = ty
        && let wasmparser::HeapType::Concrete(_) | wasmparser::HeapType::Exact(_) = ty.heap_type()
    {
        return Err(mentions_types(offset));
    }
    any_val_type(&TypeSpace::default(), ty, offset)
}

fn written_out(ty: EntityType, signatures: &SignatureTable, offset: u64) -> Result<CoreExternType> {
    let func = |index| {
        let ty = signatures.get(index).ok_or_else(inconsistent)?;
        match ty.func.concrete_types().next() {
            Some(_) => Err(mentions_types(offset)),
            None => Ok(ty.func.clone()),
        }
    };
    let is_plain = |ty: RefType| match ty.heap_type {
        HeapType::Concrete(_) => Err(mentions_types(offset)),
        _ => Ok(()),
    };
    Ok(match ty {
        EntityType::Func(index) => CoreExternType::Func(func(index)?),
        EntityType::Tag(index) => CoreExternType::Tag(func(index)?),
        EntityType::Memory(ty) => CoreExternType::Memory(ty),
        EntityType::Table(ty) => {
            is_plain(ty.element)?;
            CoreExternType::Table(ty)
        }
        EntityType::Global(ty) => {
            if let ValType::Ref(ty) = ty.content {
                is_plain(ty)?;
            }
            CoreExternType::Global(ty)
        }
    })
}
