//! Component types from `wasmparser`'s to ours, each once.

use super::types::{
    ComponentFuncType, ComponentTypes, EnumType, ExternType, FlagsType, InterfaceType, ListType,
};
use crate::error::{Error, Result};
use crate::index::*;
use std::collections::BTreeMap;
use wasmparser::PrimitiveValType;
use wasmparser::component_types as wt;
use wasmparser::types::TypesRef;

/// Exports of imported instances at most, counted through nested instances.
const MAX_IMPORTED_ITEMS: u32 = 100_000;

/// Instances inside imported instances at most.
const MAX_IMPORT_DEPTH: u32 = 50;

/// Collects [`ComponentTypes`].
#[derive(Default)]
pub(super) struct TypeInterner {
    types: ComponentTypes,
    funcs: BTreeMap<ComponentFuncType, ComponentFuncTypeIndex>,
    lists: BTreeMap<ListType, ListTypeIndex>,
    flags: BTreeMap<FlagsType, FlagsTypeIndex>,
    enums: BTreeMap<EnumType, EnumTypeIndex>,
    imported_items: u32,
}

impl TypeInterner {
    /// What has been collected.
    pub(super) fn finish(self) -> ComponentTypes {
        self.types
    }

    /// Converts a function type that something at `offset` lifts, lowers or imports.
    ///
    /// # Errors
    /// If it needs what is not built.
    pub(super) fn func(
        &mut self,
        types: TypesRef<'_>,
        id: wt::ComponentFuncTypeId,
        offset: u64,
    ) -> Result<ComponentFuncTypeIndex> {
        let func = &types[id];
        if func.async_ {
            return Err(Error::unsupported("an `async` function type", offset));
        }
        let mut params = Vec::with_capacity(func.params.len());
        for (name, ty) in &func.params {
            params.push((name.as_str().to_owned(), self.val(types, *ty, offset)?));
        }
        let result = match func.result {
            Some(ty) => Some(self.val(types, ty, offset)?),
            None => None,
        };
        let func = ComponentFuncType { params, result };
        if let Some(&index) = self.funcs.get(&func) {
            return Ok(index);
        }
        let index = self.types.funcs.push(func.clone());
        self.funcs.insert(func, index);
        Ok(index)
    }

    /// Converts the type of an import of the root.
    ///
    /// # Errors
    /// If it needs what is not built, or is too large.
    pub(super) fn import(
        &mut self,
        types: TypesRef<'_>,
        ty: wt::ComponentEntityType,
        offset: u64,
    ) -> Result<ExternType> {
        self.import_at_depth(types, ty, offset, 0)
    }

    fn import_at_depth(
        &mut self,
        types: TypesRef<'_>,
        ty: wt::ComponentEntityType,
        offset: u64,
        depth: u32,
    ) -> Result<ExternType> {
        self.imported_items += 1;
        if self.imported_items > MAX_IMPORTED_ITEMS || depth > MAX_IMPORT_DEPTH {
            return Err(Error::TooLarge {
                message: format!(
                    "a component's imports are limited to {MAX_IMPORTED_ITEMS} items, \
                     {MAX_IMPORT_DEPTH} instances deep"
                ),
            });
        }
        match ty {
            wt::ComponentEntityType::Func(id) => {
                Ok(ExternType::Func(self.func(types, id, offset)?))
            }
            wt::ComponentEntityType::Instance(id) => {
                let mut exports = Vec::new();
                for (name, item) in &types[id].exports {
                    let ty = self.import_at_depth(types, item.ty, offset, depth + 1)?;
                    exports.push((name.clone(), ty));
                }
                Ok(ExternType::Instance(exports))
            }
            wt::ComponentEntityType::Type { .. } => Ok(ExternType::Type),
            wt::ComponentEntityType::Module(_) => Err(Error::unsupported(
                "the import of a core module by the outermost component",
                offset,
            )),
            wt::ComponentEntityType::Component(_) => Err(Error::unsupported(
                "the import of a component by the outermost component",
                offset,
            )),
            wt::ComponentEntityType::Value(_) => Err(Error::unsupported("`value`", offset)),
        }
    }

    fn val(
        &mut self,
        types: TypesRef<'_>,
        ty: wt::ComponentValType,
        offset: u64,
    ) -> Result<InterfaceType> {
        match ty {
            wt::ComponentValType::Primitive(ty) => primitive(ty, offset),
            wt::ComponentValType::Type(id) => self.defined(types, id, offset),
        }
    }

    fn defined(
        &mut self,
        types: TypesRef<'_>,
        id: wt::ComponentDefinedTypeId,
        offset: u64,
    ) -> Result<InterfaceType> {
        let refuse = |what: &str| Err(Error::unsupported(format!("the type `{what}`"), offset));
        match &types[id] {
            wt::ComponentDefinedType::Primitive(ty) => primitive(*ty, offset),
            wt::ComponentDefinedType::List { element, .. } => self.list(types, *element, offset),
            wt::ComponentDefinedType::Flags(labels) => {
                let labels = labels.iter().map(|l| l.as_str().to_owned()).collect();
                self.flags(FlagsType { labels }, offset)
            }
            wt::ComponentDefinedType::Enum(cases) => {
                let cases = cases.iter().map(|c| c.as_str().to_owned()).collect();
                Ok(self.enumeration(EnumType { cases }))
            }
            wt::ComponentDefinedType::Record(_) => refuse("record"),
            wt::ComponentDefinedType::Variant(_) => refuse("variant"),
            wt::ComponentDefinedType::Map { .. } => refuse("map"),
            wt::ComponentDefinedType::FixedLengthList { .. } => refuse("list with a length"),
            wt::ComponentDefinedType::Tuple(_) => refuse("tuple"),
            wt::ComponentDefinedType::Option { .. } => refuse("option"),
            wt::ComponentDefinedType::Result { .. } => refuse("result"),
            wt::ComponentDefinedType::Own(_) => refuse("own"),
            wt::ComponentDefinedType::Borrow(_) => refuse("borrow"),
            wt::ComponentDefinedType::Future { .. } => refuse("future"),
            wt::ComponentDefinedType::Stream { .. } => refuse("stream"),
        }
    }

    fn list(
        &mut self,
        types: TypesRef<'_>,
        element: wt::ComponentValType,
        offset: u64,
    ) -> Result<InterfaceType> {
        // Looked at before it is converted, so that lists of lists don't recurse.
        if !is_u8(types, element) {
            let feature = "the type `list` of anything but `u8`";
            return Err(Error::unsupported(feature, offset));
        }
        let ty = ListType {
            element: InterfaceType::U8,
        };
        let interned = &mut self.types.lists;
        let index = *self
            .lists
            .entry(ty)
            .or_insert_with_key(|ty| interned.push(ty.clone()));
        Ok(InterfaceType::List(index))
    }

    fn flags(&mut self, ty: FlagsType, offset: u64) -> Result<InterfaceType> {
        if ty.labels.len() > 32 {
            let feature = "the type `flags` with more than 32 labels";
            return Err(Error::unsupported(feature, offset));
        }
        let interned = &mut self.types.flags;
        let index = *self
            .flags
            .entry(ty)
            .or_insert_with_key(|ty| interned.push(ty.clone()));
        Ok(InterfaceType::Flags(index))
    }

    fn enumeration(&mut self, ty: EnumType) -> InterfaceType {
        let interned = &mut self.types.enums;
        let index = *self
            .enums
            .entry(ty)
            .or_insert_with_key(|ty| interned.push(ty.clone()));
        InterfaceType::Enum(index)
    }
}

fn is_u8(types: TypesRef<'_>, ty: wt::ComponentValType) -> bool {
    let primitive = match ty {
        wt::ComponentValType::Primitive(ty) => ty,
        wt::ComponentValType::Type(id) => match &types[id] {
            wt::ComponentDefinedType::Primitive(ty) => *ty,
            _ => return false,
        },
    };
    primitive == PrimitiveValType::U8
}

fn primitive(ty: PrimitiveValType, offset: u64) -> Result<InterfaceType> {
    Ok(match ty {
        PrimitiveValType::Bool => InterfaceType::Bool,
        PrimitiveValType::S8 => InterfaceType::S8,
        PrimitiveValType::U8 => InterfaceType::U8,
        PrimitiveValType::S16 => InterfaceType::S16,
        PrimitiveValType::U16 => InterfaceType::U16,
        PrimitiveValType::S32 => InterfaceType::S32,
        PrimitiveValType::U32 => InterfaceType::U32,
        PrimitiveValType::S64 => InterfaceType::S64,
        PrimitiveValType::U64 => InterfaceType::U64,
        PrimitiveValType::F32 => InterfaceType::F32,
        PrimitiveValType::F64 => InterfaceType::F64,
        PrimitiveValType::Char => InterfaceType::Char,
        PrimitiveValType::String => InterfaceType::String,
        PrimitiveValType::ErrorContext => {
            return Err(Error::unsupported("the type `error-context`", offset));
        }
    })
}
