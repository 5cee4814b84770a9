//! `flatten_type`: the core values that a value is passed as.

use crate::component::{ComponentTypes, InterfaceType};
use crate::types::ValType;
use smallvec::{SmallVec, smallvec};

/// The core types of a value or several.
pub type FlatTypes = SmallVec<[ValType; 4]>;

/// The core types of a value of this type.
pub fn flatten(_types: &ComponentTypes, ty: InterfaceType) -> FlatTypes {
    match ty {
        InterfaceType::Bool
        | InterfaceType::S8
        | InterfaceType::U8
        | InterfaceType::S16
        | InterfaceType::U16
        | InterfaceType::S32
        | InterfaceType::U32
        | InterfaceType::Char
        | InterfaceType::Flags(_)
        | InterfaceType::Enum(_) => smallvec![ValType::I32],
        InterfaceType::S64 | InterfaceType::U64 => smallvec![ValType::I64],
        InterfaceType::F32 => smallvec![ValType::F32],
        InterfaceType::F64 => smallvec![ValType::F64],
        InterfaceType::String | InterfaceType::List(_) => smallvec![ValType::I32, ValType::I32],
    }
}

/// The core types of values of these types, one after the other.
pub fn flatten_all(
    types: &ComponentTypes,
    list: impl IntoIterator<Item = InterfaceType>,
) -> FlatTypes {
    list.into_iter().flat_map(|ty| flatten(types, ty)).collect()
}
