//! How many bytes a value takes in a linear memory, at which multiples it lies, and where its
//! parts are: `alignment`, `elem_size` and their kin.
//!
//! Layouts of types with parts are computed once, when the type is interned, and kept with it.

use super::FlatType;
use crate::component::{ComponentTypes, InterfaceType};
use crate::error::{Error, Result};
use crate::types::AddressType;
use serde::{Deserialize, Serialize};
use smallvec::SmallVec;

/// Bytes of a type at most, in any memory. Offsets into it and sums of a few fit in an i32.
const MAX_SIZE: u64 = 1 << 29;

/// Size and alignment of a type in a linear memory, in bytes.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct SizeAlign {
    /// `elem_size`: a multiple of `align`.
    pub size: u32,
    /// `alignment`: 1, 2, 4 or 8.
    pub align: u32,
}

/// Whether an address is a multiple of an alignment, which is a power of two.
#[inline]
pub const fn is_aligned(address: u64, align: u32) -> bool {
    debug_assert!(align.is_power_of_two());
    address & (align as u64).wrapping_sub(1) == 0
}

impl SizeAlign {
    const fn scalar(size: u32) -> SizeAlign {
        SizeAlign { size, align: size }
    }

    /// A pointer and a length.
    const fn range(address: AddressType) -> SizeAlign {
        let align = match address {
            AddressType::I32 => 4,
            AddressType::I64 => 8,
        };
        SizeAlign {
            size: 2 * align,
            align,
        }
    }
}

/// Something that differs between 32-bit and 64-bit memories.
#[derive(
    Copy, Clone, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize,
)]
pub struct ByAddress<T> {
    memory32: T,
    memory64: T,
}

impl<T> ByAddress<T> {
    /// Computes it for both.
    pub fn new(mut of: impl FnMut(AddressType) -> T) -> ByAddress<T> {
        ByAddress {
            memory32: of(AddressType::I32),
            memory64: of(AddressType::I64),
        }
    }

    fn try_new(mut of: impl FnMut(AddressType) -> Result<T>) -> Result<ByAddress<T>> {
        Ok(ByAddress {
            memory32: of(AddressType::I32)?,
            memory64: of(AddressType::I64)?,
        })
    }

    /// What holds for memories of this address type.
    pub fn get(&self, address: AddressType) -> &T {
        match address {
            AddressType::I32 => &self.memory32,
            AddressType::I64 => &self.memory64,
        }
    }
}

/// What is known about a type with parts.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Abi {
    /// In a memory.
    pub size_align: ByAddress<SizeAlign>,
    /// `flatten_type`; `None` if that is more than [`MAX_FLAT_PARAMS`](super::MAX_FLAT_PARAMS).
    pub flat: ByAddress<Option<Box<[FlatType]>>>,
}

/// Where the fields of a record or the elements of a tuple lie.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct FieldLayout {
    /// Each field's offset.
    pub offsets: ByAddress<Box<[u32]>>,
    /// The whole.
    pub abi: Abi,
}

/// Where the parts of a variant, option or result lie. The discriminant is at offset 0.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct VariantLayout {
    /// Bytes of the discriminant: 1, 2 or 4.
    pub discriminant_size: u32,
    /// The payload's offset, whichever case it belongs to.
    pub payload_offset: ByAddress<u32>,
    /// The whole.
    pub abi: Abi,
}

/// Where the elements of a tuple lie in one memory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TupleLayout {
    /// Each element's offset.
    pub offsets: SmallVec<[u32; 8]>,
    /// The whole.
    pub size_align: SizeAlign,
}

/// Size and alignment of a type.
pub fn size_align(types: &ComponentTypes, ty: InterfaceType, address: AddressType) -> SizeAlign {
    let abi = match ty {
        InterfaceType::Bool | InterfaceType::S8 | InterfaceType::U8 => {
            return SizeAlign::scalar(1);
        }
        InterfaceType::S16 | InterfaceType::U16 => return SizeAlign::scalar(2),
        InterfaceType::S32
        | InterfaceType::U32
        | InterfaceType::F32
        | InterfaceType::Char
        | InterfaceType::Own(_)
        | InterfaceType::Borrow(_)
        | InterfaceType::Future(_)
        | InterfaceType::Stream(_)
        | InterfaceType::ErrorContext => return SizeAlign::scalar(4),
        InterfaceType::S64 | InterfaceType::U64 | InterfaceType::F64 => {
            return SizeAlign::scalar(8);
        }
        InterfaceType::String | InterfaceType::List(_) | InterfaceType::Map(_) => {
            return SizeAlign::range(address);
        }
        InterfaceType::Flags(index) => {
            return SizeAlign::scalar(flags_size(types.flags[index].labels.len()));
        }
        InterfaceType::Enum(index) => {
            return SizeAlign::scalar(discriminant_size(types.enums[index].cases.len()));
        }
        InterfaceType::FixedLengthList(index) => &types.fixed_length_lists[index].abi,
        InterfaceType::Record(index) => &types.records[index].layout.abi,
        InterfaceType::Tuple(index) => &types.tuples[index].layout.abi,
        InterfaceType::Variant(index) => &types.variants[index].layout.abi,
        InterfaceType::Option(index) => &types.options[index].layout.abi,
        InterfaceType::Result(index) => &types.results[index].layout.abi,
    };
    *abi.size_align.get(address)
}

/// The layout of a tuple of these types, as parameters and results have it in memory. They are a
/// function's, and so not too large together.
pub fn tuple_layout(
    types: &ComponentTypes,
    elements: impl IntoIterator<Item = InterfaceType>,
    address: AddressType,
) -> TupleLayout {
    lay_out(types, elements, address).0
}

/// The layout of a tuple of these types, and where it ends, which may be too far.
fn lay_out(
    types: &ComponentTypes,
    elements: impl IntoIterator<Item = InterfaceType>,
    address: AddressType,
) -> (TupleLayout, TupleEnd) {
    let mut offsets = SmallVec::new();
    let mut end = TupleEnd::default();
    for element in elements {
        offsets.push(end.add(size_align(types, element, address)) as u32);
    }
    let size_align = end.finish();
    let layout = TupleLayout {
        offsets,
        size_align,
    };
    (layout, end)
}

/// Where a tuple ends so far.
struct TupleEnd {
    size: u64,
    align: u32,
}

impl Default for TupleEnd {
    fn default() -> TupleEnd {
        TupleEnd { size: 0, align: 1 }
    }
}

impl TupleEnd {
    /// Adds an element; its offset.
    fn add(&mut self, element: SizeAlign) -> u64 {
        let offset = self.size.next_multiple_of(u64::from(element.align));
        self.size = offset + u64::from(element.size);
        self.align = self.align.max(element.align);
        offset
    }

    fn check(&self) -> Result<()> {
        if self.size > MAX_SIZE {
            return Err(Error::TooLarge {
                message: format!("a value takes more than {MAX_SIZE} bytes in memory"),
            });
        }
        Ok(())
    }

    fn finish(&self) -> SizeAlign {
        SizeAlign {
            size: self.size.next_multiple_of(u64::from(self.align)) as u32,
            align: self.align,
        }
    }
}

/// The layout of a record or tuple whose parts are these.
///
/// # Errors
/// If it is too large.
pub(crate) fn field_layout(
    types: &ComponentTypes,
    fields: impl Iterator<Item = InterfaceType> + Clone,
) -> Result<FieldLayout> {
    let layouts = ByAddress::try_new(|address| {
        let (layout, end) = lay_out(types, fields.clone(), address);
        end.check().map(|()| layout)
    })?;
    let layout = |address| layouts.get(address);
    Ok(FieldLayout {
        offsets: ByAddress::new(|address| layout(address).offsets.as_slice().into()),
        abi: Abi {
            size_align: ByAddress::new(|address| layout(address).size_align),
            flat: ByAddress::new(|address| {
                super::flatten_type::flatten_fields(types, fields.clone(), address)
            }),
        },
    })
}

/// What is known about `length` values of a type, one after the other.
///
/// # Errors
/// If that is too large.
pub(crate) fn fixed_length_list_abi(
    types: &ComponentTypes,
    element: InterfaceType,
    length: u32,
) -> Result<Abi> {
    let size_align = ByAddress::try_new(|address| {
        let SizeAlign { size, align } = size_align(types, element, address);
        let end = TupleEnd {
            size: u64::from(size) * u64::from(length),
            align,
        };
        end.check().map(|()| end.finish())
    })?;
    let elements = std::iter::repeat_n(element, length as usize);
    let flat = ByAddress::new(|address| {
        super::flatten_type::flatten_fields(types, elements.clone(), address)
    });
    Ok(Abi { size_align, flat })
}

/// The layout of a variant whose cases have these payloads.
///
/// # Errors
/// If it is too large.
pub(crate) fn variant_layout(
    types: &ComponentTypes,
    payloads: impl ExactSizeIterator<Item = Option<InterfaceType>> + Clone,
) -> Result<VariantLayout> {
    let discriminant = SizeAlign::scalar(discriminant_size(payloads.len()));
    let payload = |address| {
        let payloads = payloads.clone().flatten();
        payloads.fold(SizeAlign { size: 0, align: 1 }, |largest, ty| {
            let SizeAlign { size, align } = size_align(types, ty, address);
            SizeAlign {
                size: largest.size.max(size),
                align: largest.align.max(align),
            }
        })
    };
    let payload_offset = ByAddress::new(|address| {
        let align = payload(address).align;
        discriminant.size.next_multiple_of(align)
    });
    let size_align = ByAddress::try_new(|address| {
        let mut end = TupleEnd::default();
        end.add(discriminant);
        end.add(payload(address));
        end.check().map(|()| end.finish())
    })?;
    Ok(VariantLayout {
        discriminant_size: discriminant.size,
        payload_offset,
        abi: Abi {
            size_align,
            flat: ByAddress::new(|address| {
                super::flatten_type::flatten_cases(types, payloads.clone(), address)
            }),
        },
    })
}

/// Bytes of the discriminant of a variant or enum with so many cases.
pub const fn discriminant_size(cases: usize) -> u32 {
    match cases {
        0..=0x100 => 1,
        0x101..=0x1_0000 => 2,
        _ => 4,
    }
}

/// Bytes of flags with so many labels, 32 at most.
fn flags_size(labels: usize) -> u32 {
    match labels {
        0..=8 => 1,
        9..=16 => 2,
        _ => 4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::component::{EnumType, FlagsType, Name};

    fn names(count: usize) -> Vec<Name> {
        (0..count).map(|i| format!("n{i}").into()).collect()
    }

    #[test]
    fn discriminants_take_as_many_bytes_as_their_cases_need() {
        for (cases, size) in [(1, 1), (256, 1), (257, 2), (65536, 2), (65537, 4)] {
            assert_eq!(discriminant_size(cases), size, "{cases} cases");
        }
    }

    #[test]
    fn flags_take_1_2_or_4_bytes() {
        let mut types = ComponentTypes::default();
        for (count, size) in [(1, 1), (8, 1), (9, 2), (16, 2), (17, 4), (32, 4)] {
            let labels = names(count);
            let ty = InterfaceType::Flags(types.flags.push(FlagsType { labels }));
            let found = size_align(&types, ty, AddressType::I32);
            assert_eq!(found, SizeAlign { size, align: size });
        }
    }

    #[test]
    fn tuples_pad_between_elements_and_at_the_end() {
        let mut types = ComponentTypes::default();
        let cases = names(300);
        let wide = InterfaceType::Enum(types.enums.push(EnumType { cases }));
        let elements = [
            InterfaceType::U8,
            wide,
            InterfaceType::String,
            InterfaceType::F64,
            InterfaceType::Bool,
        ];
        let layout = tuple_layout(&types, elements, AddressType::I32);
        assert_eq!(layout.offsets.as_slice(), [0, 2, 4, 16, 24]);
        assert_eq!(layout.size_align, SizeAlign { size: 32, align: 8 });
        let layout = tuple_layout(&types, elements, AddressType::I64);
        assert_eq!(layout.offsets.as_slice(), [0, 2, 8, 24, 32]);
        assert_eq!(layout.size_align, SizeAlign { size: 40, align: 8 });
    }

    #[test]
    fn a_payload_lies_where_every_case_is_aligned() {
        let types = ComponentTypes::default();
        let payloads = [Some(InterfaceType::U8), None, Some(InterfaceType::String)];
        let layout = variant_layout(&types, payloads.into_iter()).unwrap();
        for (address, offset, size) in [(AddressType::I32, 4, 12), (AddressType::I64, 8, 24)] {
            assert_eq!(*layout.payload_offset.get(address), offset);
            let found = layout.abi.size_align.get(address);
            let align = offset;
            assert_eq!(*found, SizeAlign { size, align });
        }
    }

    #[test]
    fn values_too_large_are_refused() {
        let mut types = ComponentTypes::default();
        let abi = fixed_length_list_abi(&types, InterfaceType::U64, 1 << 26).unwrap();
        assert_eq!(abi.size_align.get(AddressType::I32).size, 1 << 29);
        fixed_length_list_abi(&types, InterfaceType::U64, (1 << 26) + 1).unwrap_err();
        let list = types
            .fixed_length_lists
            .push(crate::component::FixedLengthListType {
                element: InterfaceType::U64,
                length: 1 << 26,
                abi,
            });
        let half = InterfaceType::FixedLengthList(list);
        field_layout(&types, [half].into_iter()).unwrap();
        field_layout(&types, [half, InterfaceType::U8].into_iter()).unwrap_err();
        variant_layout(&types, [Some(half)].into_iter()).unwrap_err();
        field_layout(&types, [InterfaceType::U8].into_iter()).unwrap();
    }
}
