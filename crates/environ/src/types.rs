//! Core wasm types as plain data. The table that function types are numbered by, and subtyping,
//! are in `signature_table`.

use crate::index::SignatureIndex;
use serde::{Deserialize, Serialize};
use std::fmt;

/// A core value type.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum ValType {
    /// 32-bit integer.
    I32,
    /// 64-bit integer.
    I64,
    /// 32-bit float.
    F32,
    /// 64-bit float.
    F64,
    /// 128-bit vector.
    V128,
    /// A reference.
    Ref(RefType),
}

/// A reference type.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct RefType {
    /// Whether null is among its values.
    pub nullable: bool,
    /// What it refers to.
    pub heap_type: HeapType,
}

impl RefType {
    /// `funcref`.
    pub const FUNCREF: RefType = RefType {
        nullable: true,
        heap_type: HeapType::Func,
    };
    /// `externref`.
    pub const EXTERNREF: RefType = RefType {
        nullable: true,
        heap_type: HeapType::Extern,
    };
    /// `exnref`.
    pub const EXNREF: RefType = RefType {
        nullable: true,
        heap_type: HeapType::Exn,
    };
}

/// What a reference refers to.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum HeapType {
    /// Any function.
    Func,
    /// No function: only null has this type.
    NoFunc,
    /// Any host value.
    Extern,
    /// No host value: only null has this type.
    NoExtern,
    /// Any exception.
    Exn,
    /// No exception: only null has this type.
    NoExn,
    /// A function of this type, by its number in the [`SignatureTable`](crate::SignatureTable)
    /// that the type as a whole belongs to: a translation's, or that of an engine.
    Concrete(SignatureIndex),
}

/// The heap types that are no subtypes of others. References below different ones have nothing
/// in common; all below the same one are represented alike.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Hash)]
pub enum TopType {
    /// Functions.
    Func,
    /// Host values.
    Extern,
    /// Exceptions.
    Exn,
}

impl HeapType {
    /// The top of the hierarchy it belongs to.
    pub fn top(self) -> TopType {
        match self {
            HeapType::Func | HeapType::NoFunc | HeapType::Concrete(_) => TopType::Func,
            HeapType::Extern | HeapType::NoExtern => TopType::Extern,
            HeapType::Exn | HeapType::NoExn => TopType::Exn,
        }
    }

    /// Whether no reference but null has this type.
    pub fn is_bottom(self) -> bool {
        match self {
            HeapType::NoFunc | HeapType::NoExtern | HeapType::NoExn => true,
            HeapType::Func | HeapType::Extern | HeapType::Exn | HeapType::Concrete(_) => false,
        }
    }
}

/// How types that mention function types by number are carried over to another numbering.
impl HeapType {
    /// The same type with its number replaced.
    pub fn renumber(self, number: impl FnOnce(SignatureIndex) -> SignatureIndex) -> HeapType {
        match self {
            HeapType::Concrete(index) => HeapType::Concrete(number(index)),
            other => other,
        }
    }
}

impl RefType {
    /// The same type with its number replaced.
    pub fn renumber(self, number: impl FnOnce(SignatureIndex) -> SignatureIndex) -> RefType {
        RefType {
            nullable: self.nullable,
            heap_type: self.heap_type.renumber(number),
        }
    }
}

impl ValType {
    /// The same type with its number replaced.
    pub fn renumber(self, number: impl FnOnce(SignatureIndex) -> SignatureIndex) -> ValType {
        match self {
            ValType::Ref(ty) => ValType::Ref(ty.renumber(number)),
            other => other,
        }
    }
}

impl fmt::Display for ValType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ValType::I32 => f.write_str("i32"),
            ValType::I64 => f.write_str("i64"),
            ValType::F32 => f.write_str("f32"),
            ValType::F64 => f.write_str("f64"),
            ValType::V128 => f.write_str("v128"),
            ValType::Ref(r) => r.fmt(f),
        }
    }
}

impl fmt::Display for RefType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.nullable, self.heap_type) {
            (true, HeapType::Func) => f.write_str("funcref"),
            (true, HeapType::NoFunc) => f.write_str("nullfuncref"),
            (true, HeapType::Extern) => f.write_str("externref"),
            (true, HeapType::NoExtern) => f.write_str("nullexternref"),
            (true, HeapType::Exn) => f.write_str("exnref"),
            (true, HeapType::NoExn) => f.write_str("nullexnref"),
            (true, heap_type) => write!(f, "(ref null {heap_type})"),
            (false, heap_type) => write!(f, "(ref {heap_type})"),
        }
    }
}

impl fmt::Display for HeapType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            HeapType::Func => f.write_str("func"),
            HeapType::NoFunc => f.write_str("nofunc"),
            HeapType::Extern => f.write_str("extern"),
            HeapType::NoExtern => f.write_str("noextern"),
            HeapType::Exn => f.write_str("exn"),
            HeapType::NoExn => f.write_str("noexn"),
            HeapType::Concrete(index) => write!(f, "{}", index.as_u32()),
        }
    }
}

/// A core function type.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct FuncType {
    params: Box<[ValType]>,
    results: Box<[ValType]>,
}

impl FuncType {
    /// A function type from its parts.
    pub fn new(
        params: impl IntoIterator<Item = ValType>,
        results: impl IntoIterator<Item = ValType>,
    ) -> FuncType {
        FuncType {
            params: params.into_iter().collect(),
            results: results.into_iter().collect(),
        }
    }

    /// The same type with its numbers replaced.
    pub fn renumber(&self, mut number: impl FnMut(SignatureIndex) -> SignatureIndex) -> FuncType {
        let mut all = |types: &[ValType]| types.iter().map(|ty| ty.renumber(&mut number)).collect();
        FuncType {
            params: all(&self.params),
            results: all(&self.results),
        }
    }

    /// The type with the top of the hierarchy in place of each reference type. Functions of both
    /// are called alike, for references below the same top are represented alike.
    pub fn with_plain_references(&self) -> FuncType {
        let plain = |ty: &ValType| match ty {
            ValType::Ref(ty) => ValType::Ref(match ty.heap_type.top() {
                TopType::Func => RefType::FUNCREF,
                TopType::Extern => RefType::EXTERNREF,
                TopType::Exn => RefType::EXNREF,
            }),
            other => *other,
        };
        FuncType {
            params: self.params.iter().map(plain).collect(),
            results: self.results.iter().map(plain).collect(),
        }
    }

    /// The function types it mentions, in order.
    pub fn concrete_types(&self) -> impl Iterator<Item = SignatureIndex> {
        let types = self.params.iter().chain(&self.results);
        types.filter_map(|ty| match ty {
            ValType::Ref(RefType {
                heap_type: HeapType::Concrete(index),
                ..
            }) => Some(*index),
            _ => None,
        })
    }

    /// Parameter types, in order.
    pub fn params(&self) -> &[ValType] {
        &self.params
    }

    /// Result types, in order.
    pub fn results(&self) -> &[ValType] {
        &self.results
    }
}

impl fmt::Display for FuncType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let list = |f: &mut fmt::Formatter<'_>, types: &[ValType]| {
            f.write_str("(")?;
            for (i, ty) in types.iter().enumerate() {
                write!(f, "{}{ty}", if i > 0 { ", " } else { "" })?;
            }
            f.write_str(")")
        };
        list(f, &self.params)?;
        f.write_str(" -> ")?;
        list(f, &self.results)
    }
}

/// A global's type.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct GlobalType {
    /// The type of its value.
    pub content: ValType,
    /// Whether `global.set` is allowed.
    pub mutable: bool,
}

/// The integer type that addresses a memory or table.
#[derive(
    Copy, Clone, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize,
)]
pub enum AddressType {
    /// 32-bit.
    #[default]
    I32,
    /// 64-bit (the memory64 proposal).
    I64,
}

/// A table's type. Limits are in elements.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct TableType {
    /// What its elements are.
    pub element: RefType,
    /// The integer type of its indices.
    pub address: AddressType,
    /// Elements at the start.
    pub minimum: u64,
    /// Elements at most.
    pub maximum: Option<u64>,
}

/// A memory's type. Limits are in pages of `1 << page_size_log2` bytes.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct MemoryType {
    /// The integer type of its addresses.
    pub address: AddressType,
    /// Pages at the start.
    pub minimum: u64,
    /// Pages at most.
    pub maximum: Option<u64>,
    /// Whether threads of the host share it.
    pub shared: bool,
    /// The base-2 logarithm of a page's size in bytes; 16 unless custom page sizes are in use.
    pub page_size_log2: u8,
}

impl MemoryType {
    /// A page's size in bytes.
    pub fn page_size(&self) -> u64 {
        1 << self.page_size_log2
    }

    /// The size at the start in bytes, if it fits.
    pub fn minimum_byte_size(&self) -> Option<u64> {
        self.minimum.checked_mul(self.page_size())
    }

    /// The most bytes that its limits and its addresses let it have.
    pub fn maximum_byte_size(&self) -> u64 {
        let addressable = match self.address {
            AddressType::I32 => 1 << 32,
            AddressType::I64 => u64::MAX,
        };
        let declared = self.maximum.unwrap_or(u64::MAX);
        declared.saturating_mul(self.page_size()).min(addressable)
    }
}

/// The type of an import or export of a core module.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EntityType {
    /// A function, by its interned type.
    Func(SignatureIndex),
    /// A table.
    Table(TableType),
    /// A memory.
    Memory(MemoryType),
    /// A global.
    Global(GlobalType),
    /// A tag, by the interned type of the functions that would throw it: its parameters are the
    /// exception's values.
    Tag(SignatureIndex),
}
