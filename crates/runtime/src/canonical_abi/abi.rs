//! What the canonical ABI says of a Rust type, as constants: sizes, alignments, offsets and the
//! number of core values.
//!
//! The same rules as in `threadline-environ`'s `canonical_abi`, which computes them for types that
//! are known at run time only; that both agree is checked when a function is typed. Everything
//! here is a constant function, so that what uses it is compiled for the numbers.

use threadline_environ::canonical_abi::{SizeAlign, discriminant_size};
use threadline_environ::types::AddressType;

/// What the canonical ABI says of a type.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub struct TypeAbi {
    memory32: SizeAlign,
    memory64: SizeAlign,
    flat_count: usize,
    has_handles: bool,
}

/// A number of bytes from the start of something that depends on the memory's address type.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub struct Offset {
    memory32: u32,
    memory64: u32,
}

impl Offset {
    /// In a memory of this address type.
    #[inline(always)]
    pub const fn get(self, address: AddressType) -> usize {
        match address {
            AddressType::I32 => self.memory32 as usize,
            AddressType::I64 => self.memory64 as usize,
        }
    }
}

impl TypeAbi {
    /// A pointer and a length: strings, lists and maps.
    pub const RANGE: TypeAbi = TypeAbi {
        memory32: SizeAlign { size: 8, align: 4 },
        memory64: SizeAlign { size: 16, align: 8 },
        flat_count: 2,
        has_handles: false,
    };

    /// The index of a resource in a guest's table.
    pub const HANDLE: TypeAbi = TypeAbi {
        has_handles: true,
        ..TypeAbi::scalar(4)
    };

    /// A number of so many bytes.
    pub const fn scalar(size: u32) -> TypeAbi {
        let size_align = SizeAlign { size, align: size };
        TypeAbi {
            memory32: size_align,
            memory64: size_align,
            flat_count: 1,
            has_handles: false,
        }
    }

    /// A `list` of such elements.
    pub const fn list(element: TypeAbi) -> TypeAbi {
        TypeAbi {
            has_handles: element.has_handles,
            ..TypeAbi::RANGE
        }
    }

    /// A `list` of `length` such elements.
    pub const fn fixed_length_list(element: TypeAbi, length: usize) -> TypeAbi {
        const fn repeat(element: SizeAlign, length: usize) -> SizeAlign {
            SizeAlign {
                size: element.size * length as u32,
                align: element.align,
            }
        }
        TypeAbi {
            memory32: repeat(element.memory32, length),
            memory64: repeat(element.memory64, length),
            flat_count: element.flat_count * length,
            has_handles: element.has_handles,
        }
    }

    /// A `record` with these fields, or a `tuple` of these elements.
    pub const fn record(fields: &[TypeAbi]) -> TypeAbi {
        TypeAbi {
            memory32: fields_end(fields, AddressType::I32, fields.len()).finish(),
            memory64: fields_end(fields, AddressType::I64, fields.len()).finish(),
            flat_count: sum_of_flat_counts(fields),
            has_handles: any_has_handles(fields),
        }
    }

    /// An `enum` of so many cases.
    pub const fn enumeration(cases: usize) -> TypeAbi {
        TypeAbi::scalar(discriminant_size(cases))
    }

    /// `flags` with so many labels.
    pub const fn flags(labels: usize) -> TypeAbi {
        TypeAbi::scalar(match labels {
            0..=8 => 1,
            9..=16 => 2,
            _ => 4,
        })
    }

    /// Whether all that is said of two types is the same.
    pub(crate) const fn is_same(&self, other: &TypeAbi) -> bool {
        const fn same(a: SizeAlign, b: SizeAlign) -> bool {
            a.size == b.size && a.align == b.align
        }
        same(self.memory32, other.memory32)
            && same(self.memory64, other.memory64)
            && self.flat_count == other.flat_count
            && self.has_handles == other.has_handles
    }

    /// How many core values it is passed as.
    pub const fn flat_count(&self) -> usize {
        self.flat_count
    }

    /// Whether there are resources in it: to lift or lower those one must know their types, which
    /// the Rust type doesn't tell.
    pub const fn has_handles(&self) -> bool {
        self.has_handles
    }

    /// Size and alignment in a memory of this address type.
    #[inline(always)]
    pub const fn size_align(&self, address: AddressType) -> SizeAlign {
        match address {
            AddressType::I32 => self.memory32,
            AddressType::I64 => self.memory64,
        }
    }

    /// Its size in a memory of this address type.
    #[inline(always)]
    pub const fn size(&self, address: AddressType) -> usize {
        self.size_align(address).size as usize
    }
}

/// The offsets of a `record`'s fields or a `tuple`'s elements.
pub const fn record_offsets<const N: usize>(fields: &[TypeAbi; N]) -> [Offset; N] {
    let mut offsets = [Offset {
        memory32: 0,
        memory64: 0,
    }; N];
    let mut i = 0;
    while i < N {
        offsets[i] = Offset {
            memory32: fields_end(fields, AddressType::I32, i).aligned_to(fields[i].memory32.align),
            memory64: fields_end(fields, AddressType::I64, i).aligned_to(fields[i].memory64.align),
        };
        i += 1;
    }
    offsets
}

/// What the canonical ABI says of a `variant`, `option` or `result`. The discriminant is at offset 0.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub struct VariantAbi {
    /// The whole.
    pub abi: TypeAbi,
    /// How many cases there are.
    pub cases: u32,
    /// Bytes of the discriminant.
    pub discriminant_size: u32,
    /// Where every case's payload is.
    pub payload_offset: Offset,
}

impl VariantAbi {
    /// A variant whose cases have these payloads, a case without one `None`.
    pub const fn new(payloads: &[Option<TypeAbi>]) -> VariantAbi {
        let discriminant = TypeAbi::enumeration(payloads.len());
        let mut largest = TypeAbi {
            memory32: SizeAlign { size: 0, align: 1 },
            memory64: SizeAlign { size: 0, align: 1 },
            flat_count: 0,
            has_handles: false,
        };
        let mut i = 0;
        while i < payloads.len() {
            if let Some(payload) = payloads[i] {
                largest = TypeAbi {
                    memory32: larger(largest.memory32, payload.memory32),
                    memory64: larger(largest.memory64, payload.memory64),
                    flat_count: if payload.flat_count > largest.flat_count {
                        payload.flat_count
                    } else {
                        largest.flat_count
                    },
                    has_handles: largest.has_handles || payload.has_handles,
                };
            }
            i += 1;
        }
        let parts = [discriminant, largest];
        VariantAbi {
            abi: TypeAbi::record(&parts),
            cases: payloads.len() as u32,
            discriminant_size: discriminant.memory32.size,
            payload_offset: record_offsets(&parts)[1],
        }
    }
}

const fn larger(a: SizeAlign, b: SizeAlign) -> SizeAlign {
    SizeAlign {
        size: if a.size > b.size { a.size } else { b.size },
        align: if a.align > b.align { a.align } else { b.align },
    }
}

/// Where fields end.
struct FieldsEnd(SizeAlign);

impl FieldsEnd {
    const fn aligned_to(&self, align: u32) -> u32 {
        self.0.size.next_multiple_of(align)
    }

    const fn finish(self) -> SizeAlign {
        SizeAlign {
            size: self.aligned_to(self.0.align),
            align: self.0.align,
        }
    }
}

/// Where the first `count` fields end.
const fn fields_end(fields: &[TypeAbi], address: AddressType, count: usize) -> FieldsEnd {
    let mut end = FieldsEnd(SizeAlign { size: 0, align: 1 });
    let mut i = 0;
    while i < count {
        let field = fields[i].size_align(address);
        let size = end.aligned_to(field.align) + field.size;
        let align = larger(end.0, field).align;
        end = FieldsEnd(SizeAlign { size, align });
        i += 1;
    }
    end
}

const fn sum_of_flat_counts(fields: &[TypeAbi]) -> usize {
    let (mut sum, mut i) = (0, 0);
    while i < fields.len() {
        sum += fields[i].flat_count;
        i += 1;
    }
    sum
}

const fn any_has_handles(fields: &[TypeAbi]) -> bool {
    let (mut any, mut i) = (false, 0);
    while i < fields.len() {
        any = any || fields[i].has_handles;
        i += 1;
    }
    any
}
