//! The types of core modules that cross a component's border.
//!
//! Function types have numbers of the translation's table; once a component is loaded, those of its
//! engine, so that such a type can be compared with a module of another binary.

use super::core_type::CoreTypes;
use super::flatten::inconsistent;
use crate::error::{Error, Result};
use crate::index::*;
use crate::module::{Module, global_type, memory_type, table_type};
use crate::signature_table::SignatureTable;
use crate::types::{EntityType, FuncType, GlobalType, MemoryType, TableType};
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

/// The type of something that a core module imports or exports.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum CoreExternType {
    /// A function.
    Func(CoreFuncType),
    /// A table.
    Table(TableType),
    /// A memory.
    Memory(MemoryType),
    /// A global.
    Global(GlobalType),
    /// A tag, by the type of the functions that would throw it.
    Tag(CoreFuncType),
}

/// A function type, by number and written out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CoreFuncType {
    /// The number.
    pub index: SignatureIndex,
    /// The type. What it mentions has numbers of the same table.
    pub ty: FuncType,
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

    /// Converts a type that the validator has; `offset` is where it is used. Function types get
    /// numbers.
    ///
    /// # Errors
    /// If it needs what is not built.
    pub(super) fn declared(
        types: TypesRef<'_>,
        signatures: &mut SignatureTable,
        known: &mut CoreTypes,
        id: wt::ComponentCoreModuleTypeId,
        offset: u64,
    ) -> Result<ModuleType> {
        let ty = &types[id];
        let mut declaration = Declaration {
            types,
            signatures,
            known,
            offset,
        };
        let mut imports = Vec::with_capacity(ty.imports.len());
        for ((module, field), ty) in &ty.imports {
            imports.push(ModuleImportType {
                module: module.clone(),
                field: field.clone(),
                ty: declaration.convert(ty)?,
            });
        }
        let mut exports = Vec::with_capacity(ty.exports.len());
        for (name, ty) in &ty.exports {
            exports.push((name.clone(), declaration.convert(ty)?));
        }
        Ok(ModuleType { imports, exports })
    }

    /// The type of a module that is there.
    pub(super) fn of(module: &Module, signatures: &SignatureTable) -> ModuleType {
        let ty = |index| of_entity(module.entity_type(index), signatures);
        let imports = module.imports.iter().map(|import| ModuleImportType {
            module: import.module.clone(),
            field: import.field.clone(),
            ty: ty(import.index),
        });
        let exports = module.exports.iter();
        ModuleType {
            imports: imports.collect(),
            exports: exports
                .map(|(name, index)| (name.clone(), ty(*index)))
                .collect(),
        }
    }

    /// Replaces the numbers of function types.
    pub fn renumber_mentioned_types(&mut self, number: &impl Fn(SignatureIndex) -> SignatureIndex) {
        let imports = self.imports.iter_mut().map(|import| &mut import.ty);
        let exports = self.exports.iter_mut().map(|(_, ty)| ty);
        for ty in imports.chain(exports) {
            match ty {
                CoreExternType::Func(func) | CoreExternType::Tag(func) => {
                    func.index = number(func.index);
                    func.ty = func.ty.renumber(number);
                }
                CoreExternType::Table(table) => table.element = table.element.renumber(number),
                CoreExternType::Global(global) => global.content = global.content.renumber(number),
                CoreExternType::Memory(_) => {}
            }
        }
    }
}

struct Declaration<'a> {
    types: TypesRef<'a>,
    signatures: &'a mut SignatureTable,
    known: &'a mut CoreTypes,
    offset: u64,
}

impl Declaration<'_> {
    fn convert(&mut self, ty: &wt_core::EntityType) -> Result<CoreExternType> {
        Ok(match ty {
            wt_core::EntityType::Func(id) => CoreExternType::Func(self.func_type(*id)?),
            wt_core::EntityType::Tag(id) => CoreExternType::Tag(self.func_type(*id)?),
            wt_core::EntityType::Table(ty) => {
                self.mentions(wasmparser::ValType::Ref(ty.element_type))?;
                let known = self.known.known(self.types);
                CoreExternType::Table(table_type(&known, ty, self.offset)?)
            }
            wt_core::EntityType::Memory(ty) => {
                CoreExternType::Memory(memory_type(ty, self.offset)?)
            }
            wt_core::EntityType::Global(ty) => {
                self.mentions(ty.content_type)?;
                let known = self.known.known(self.types);
                CoreExternType::Global(global_type(&known, *ty, self.offset)?)
            }
            wt_core::EntityType::FuncExact(_) => {
                return Err(Error::unsupported("an exact function type", self.offset));
            }
        })
    }

    fn func_type(&mut self, id: wt_core::CoreTypeId) -> Result<CoreFuncType> {
        let index = self
            .known
            .number(self.types, self.signatures, id, self.offset)?;
        func_type(index, self.signatures)
    }

    /// Sees to it that a function type that another type mentions has a number.
    fn mentions(&mut self, ty: wasmparser::ValType) -> Result<()> {
        if let wasmparser::ValType::Ref(ty) = ty
            && let wasmparser::HeapType::Concrete(wasmparser::UnpackedIndex::Id(id)) =
                ty.heap_type()
        {
            self.func_type(id)?;
        }
        Ok(())
    }
}

fn func_type(index: SignatureIndex, signatures: &SignatureTable) -> Result<CoreFuncType> {
    let ty = signatures.get(index).ok_or_else(inconsistent)?;
    Ok(CoreFuncType {
        index,
        ty: ty.func.clone(),
    })
}

fn of_entity(ty: EntityType, signatures: &SignatureTable) -> CoreExternType {
    let func = |index| CoreFuncType {
        index,
        ty: signatures[index].clone(),
    };
    match ty {
        EntityType::Func(index) => CoreExternType::Func(func(index)),
        EntityType::Tag(index) => CoreExternType::Tag(func(index)),
        EntityType::Memory(ty) => CoreExternType::Memory(ty),
        EntityType::Table(ty) => CoreExternType::Table(ty),
        EntityType::Global(ty) => CoreExternType::Global(ty),
    }
}
