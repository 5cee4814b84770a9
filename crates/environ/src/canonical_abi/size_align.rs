//! How many bytes a value takes in a linear memory, and at which multiples it lies.

use crate::component::{ComponentTypes, InterfaceType};
use smallvec::SmallVec;

/// Size and alignment of a type in a linear memory, in bytes.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub struct SizeAlign {
    /// `elem_size`: a multiple of `align`.
    pub size: u32,
    /// `alignment`: 1, 2, 4 or 8.
    pub align: u32,
}

impl SizeAlign {
    const fn scalar(size: u32) -> SizeAlign {
        SizeAlign { size, align: size }
    }

    /// A pointer and a length.
    const RANGE: SizeAlign = SizeAlign { size: 8, align: 4 };
}

/// Where the elements of a tuple lie.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TupleLayout {
    /// Each element's offset.
    pub offsets: SmallVec<[u32; 8]>,
    /// The whole.
    pub size_align: SizeAlign,
}

/// Size and alignment of a type.
pub fn size_align(types: &ComponentTypes, ty: InterfaceType) -> SizeAlign {
    match ty {
        InterfaceType::Bool | InterfaceType::S8 | InterfaceType::U8 => SizeAlign::scalar(1),
        InterfaceType::S16 | InterfaceType::U16 => SizeAlign::scalar(2),
        InterfaceType::S32 | InterfaceType::U32 => SizeAlign::scalar(4),
        InterfaceType::S64 | InterfaceType::U64 => SizeAlign::scalar(8),
        InterfaceType::F32 | InterfaceType::Char => SizeAlign::scalar(4),
        InterfaceType::F64 => SizeAlign::scalar(8),
        InterfaceType::String | InterfaceType::List(_) => SizeAlign::RANGE,
        InterfaceType::Flags(index) => {
            SizeAlign::scalar(flags_size(types.flags[index].labels.len()))
        }
        InterfaceType::Enum(index) => {
            SizeAlign::scalar(discriminant_size(types.enums[index].cases.len()))
        }
    }
}

/// The layout of a tuple of these types, as parameters and results have it in memory.
pub fn tuple_layout(
    types: &ComponentTypes,
    elements: impl IntoIterator<Item = InterfaceType>,
) -> TupleLayout {
    let mut offsets = SmallVec::new();
    let mut whole = SizeAlign { size: 0, align: 1 };
    for element in elements {
        let SizeAlign { size, align } = size_align(types, element);
        let offset = whole.size.next_multiple_of(align);
        offsets.push(offset);
        whole.size = offset + size;
        whole.align = whole.align.max(align);
    }
    whole.size = whole.size.next_multiple_of(whole.align);
    TupleLayout {
        offsets,
        size_align: whole,
    }
}

/// Bytes of the discriminant of a variant or enum with so many cases.
pub fn discriminant_size(cases: usize) -> u32 {
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
    use crate::component::{EnumType, FlagsType};

    fn names(count: usize) -> Vec<String> {
        (0..count).map(|i| format!("n{i}")).collect()
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
            assert_eq!(size_align(&types, ty), SizeAlign { size, align: size });
        }
    }

    #[test]
    fn tuples_pad_between_elements_and_at_the_end() {
        let mut types = ComponentTypes::default();
        let cases = names(300);
        let wide = InterfaceType::Enum(types.enums.push(EnumType { cases }));
        let layout = tuple_layout(
            &types,
            [
                InterfaceType::U8,
                wide,
                InterfaceType::String,
                InterfaceType::F64,
                InterfaceType::Bool,
            ],
        );
        assert_eq!(layout.offsets.as_slice(), [0, 2, 4, 16, 24]);
        assert_eq!(layout.size_align, SizeAlign { size: 32, align: 8 });
    }
}
