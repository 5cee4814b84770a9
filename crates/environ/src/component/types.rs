//! The component model's types as plain data.

use crate::index::*;
use cranelift_entity::PrimaryMap;
use serde::{Deserialize, Serialize};

/// The type of a value that crosses a component's border.
#[derive(Debug, Copy, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum InterfaceType {
    /// `bool`.
    Bool,
    /// `s8`.
    S8,
    /// `u8`.
    U8,
    /// `s16`.
    S16,
    /// `u16`.
    U16,
    /// `s32`.
    S32,
    /// `u32`.
    U32,
    /// `s64`.
    S64,
    /// `u64`.
    U64,
    /// `f32`.
    F32,
    /// `f64`.
    F64,
    /// `char`.
    Char,
    /// `string`.
    String,
    /// `list<T>`.
    List(ListTypeIndex),
    /// `flags`.
    Flags(FlagsTypeIndex),
    /// `enum`.
    Enum(EnumTypeIndex),
}

/// A `list` type.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ListType {
    /// What its elements are.
    pub element: InterfaceType,
}

/// A `flags` type: 1 to 32 labels, in bit order.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct FlagsType {
    /// Label names.
    pub labels: Vec<String>,
}

/// An `enum` type.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct EnumType {
    /// Case names, in discriminant order.
    pub cases: Vec<String>,
}

/// A function type of the component model.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ComponentFuncType {
    /// Parameter names and types.
    pub params: Vec<(String, InterfaceType)>,
    /// The result's type.
    pub result: Option<InterfaceType>,
}

/// The types of one component, each once.
#[derive(Debug, Default, Clone, Serialize, Deserialize)]
pub struct ComponentTypes {
    /// Function types.
    #[serde(with = "crate::serial::map")]
    pub funcs: PrimaryMap<ComponentFuncTypeIndex, ComponentFuncType>,
    /// `list` types.
    #[serde(with = "crate::serial::map")]
    pub lists: PrimaryMap<ListTypeIndex, ListType>,
    /// `flags` types.
    #[serde(with = "crate::serial::map")]
    pub flags: PrimaryMap<FlagsTypeIndex, FlagsType>,
    /// `enum` types.
    #[serde(with = "crate::serial::map")]
    pub enums: PrimaryMap<EnumTypeIndex, EnumType>,
}

/// The type of an import of a component.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum ExternType {
    /// A function.
    Func(ComponentFuncTypeIndex),
    /// An instance, by its exports.
    Instance(Vec<(String, ExternType)>),
    /// A type; nothing at run time.
    Type,
}
