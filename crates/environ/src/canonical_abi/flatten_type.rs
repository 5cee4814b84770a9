//! `flatten_type`: the core values that a value is passed as.

use super::MAX_FLAT_PARAMS;
use crate::component::{ComponentTypes, InterfaceType};
use crate::types::{AddressType, ValType};
use serde::{Deserialize, Serialize};
use smallvec::SmallVec;

/// The type of a core value that stands for a value or a part of one.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum FlatType {
    /// `i32`.
    I32,
    /// `i64`.
    I64,
    /// `f32`.
    F32,
    /// `f64`.
    F64,
}

impl FlatType {
    /// The type of pointers and lengths.
    pub fn pointer(address: AddressType) -> FlatType {
        match address {
            AddressType::I32 => FlatType::I32,
            AddressType::I64 => FlatType::I64,
        }
    }

    /// `join`: the type of a core value that is one of both.
    fn join(self, other: FlatType) -> FlatType {
        match (self, other) {
            (a, b) if a == b => a,
            (FlatType::I32, FlatType::F32) | (FlatType::F32, FlatType::I32) => FlatType::I32,
            _ => FlatType::I64,
        }
    }
}

impl From<FlatType> for ValType {
    fn from(ty: FlatType) -> ValType {
        match ty {
            FlatType::I32 => ValType::I32,
            FlatType::I64 => ValType::I64,
            FlatType::F32 => ValType::F32,
            FlatType::F64 => ValType::F64,
        }
    }
}

/// The core types of a value of this type; `None` if there are more than [`MAX_FLAT_PARAMS`].
pub fn flatten(
    types: &ComponentTypes,
    ty: InterfaceType,
    address: AddressType,
) -> Option<&[FlatType]> {
    let abi = match ty {
        InterfaceType::Bool
        | InterfaceType::S8
        | InterfaceType::U8
        | InterfaceType::S16
        | InterfaceType::U16
        | InterfaceType::S32
        | InterfaceType::U32
        | InterfaceType::Char
        | InterfaceType::Flags(_)
        | InterfaceType::Enum(_)
        | InterfaceType::Own(_)
        | InterfaceType::Borrow(_)
        | InterfaceType::Future(_)
        | InterfaceType::Stream(_)
        | InterfaceType::ErrorContext => return Some(&[FlatType::I32]),
        InterfaceType::S64 | InterfaceType::U64 => return Some(&[FlatType::I64]),
        InterfaceType::F32 => return Some(&[FlatType::F32]),
        InterfaceType::F64 => return Some(&[FlatType::F64]),
        InterfaceType::String | InterfaceType::List(_) | InterfaceType::Map(_) => {
            return Some(match address {
                AddressType::I32 => &[FlatType::I32; 2],
                AddressType::I64 => &[FlatType::I64; 2],
            });
        }
        InterfaceType::FixedLengthList(index) => &types.fixed_length_lists[index].abi,
        InterfaceType::Record(index) => &types.records[index].layout.abi,
        InterfaceType::Tuple(index) => &types.tuples[index].layout.abi,
        InterfaceType::Variant(index) => &types.variants[index].layout.abi,
        InterfaceType::Option(index) => &types.options[index].layout.abi,
        InterfaceType::Result(index) => &types.results[index].layout.abi,
    };
    abi.flat.get(address).as_deref()
}

/// The core types of values of these types, one after the other; `None` if there are more than
/// [`MAX_FLAT_PARAMS`].
pub fn flatten_fields(
    types: &ComponentTypes,
    fields: impl Iterator<Item = InterfaceType>,
    address: AddressType,
) -> Option<Box<[FlatType]>> {
    let mut flat: SmallVec<[FlatType; MAX_FLAT_PARAMS]> = SmallVec::new();
    for ty in fields {
        flat.extend_from_slice(flatten(types, ty, address)?);
        if flat.len() > MAX_FLAT_PARAMS {
            return None;
        }
    }
    Some(flat.into_vec().into())
}

/// `flatten_variant`; `None` if there are more than [`MAX_FLAT_PARAMS`].
pub(super) fn flatten_cases(
    types: &ComponentTypes,
    payloads: impl Iterator<Item = Option<InterfaceType>>,
    address: AddressType,
) -> Option<Box<[FlatType]>> {
    let mut flat: SmallVec<[FlatType; MAX_FLAT_PARAMS]> = smallvec::smallvec![FlatType::I32];
    for ty in payloads.flatten() {
        for (i, &part) in flatten(types, ty, address)?.iter().enumerate() {
            match flat.get_mut(i + 1) {
                Some(joined) => *joined = joined.join(part),
                None => flat.push(part),
            }
        }
        if flat.len() > MAX_FLAT_PARAMS {
            return None;
        }
    }
    Some(flat.into_vec().into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn payloads_share_core_values() {
        let types = ComponentTypes::default();
        let cases = [
            Some(InterfaceType::F32),
            None,
            Some(InterfaceType::String),
            Some(InterfaceType::F64),
        ];
        let flat = flatten_cases(&types, cases.into_iter(), AddressType::I32).unwrap();
        assert_eq!(*flat, [FlatType::I32, FlatType::I64, FlatType::I32]);
        let cases = [Some(InterfaceType::F32), Some(InterfaceType::U8)];
        let flat = flatten_cases(&types, cases.into_iter(), AddressType::I32).unwrap();
        assert_eq!(*flat, [FlatType::I32, FlatType::I32]);
        let cases = [Some(InterfaceType::F32), Some(InterfaceType::F32)];
        let flat = flatten_cases(&types, cases.into_iter(), AddressType::I32).unwrap();
        assert_eq!(*flat, [FlatType::I32, FlatType::F32]);
    }

    #[test]
    fn more_than_sixteen_are_none() {
        let types = ComponentTypes::default();
        let of = |count| {
            let fields = std::iter::repeat_n(InterfaceType::String, count);
            flatten_fields(&types, fields, AddressType::I64)
        };
        assert_eq!(of(8).map(|flat| flat.len()), Some(16));
        assert_eq!(of(9), None);
    }
}
