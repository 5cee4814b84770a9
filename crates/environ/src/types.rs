//! Core wasm types as plain data, and the table that interns function types.

use crate::index::SignatureIndex;
use cranelift_entity::PrimaryMap;
use std::collections::BTreeMap;
use std::fmt;

/// A core value type.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
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
#[derive(Copy, Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
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
#[derive(Copy, Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum HeapType {
    /// Any function.
    Func,
    /// Any host value.
    Extern,
    /// Any exception.
    Exn,
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
            (true, HeapType::Extern) => f.write_str("externref"),
            (true, HeapType::Exn) => f.write_str("exnref"),
            (false, HeapType::Func) => f.write_str("(ref func)"),
            (false, HeapType::Extern) => f.write_str("(ref extern)"),
            (false, HeapType::Exn) => f.write_str("(ref exn)"),
        }
    }
}

/// A core function type.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
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
#[derive(Copy, Clone, Debug, PartialEq, Eq, Hash)]
pub struct GlobalType {
    /// The type of its value.
    pub content: ValType,
    /// Whether `global.set` is allowed.
    pub mutable: bool,
}

/// The integer type that addresses a memory or table.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Hash)]
pub enum AddressType {
    /// 32-bit.
    I32,
    /// 64-bit (the memory64 proposal).
    I64,
}

/// A table's type. Limits are in elements.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Hash)]
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
#[derive(Copy, Clone, Debug, PartialEq, Eq, Hash)]
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

/// Function types, each once, shared by every module of a translation.
#[derive(Default, Debug, Clone)]
pub struct SignatureTable {
    types: PrimaryMap<SignatureIndex, FuncType>,
    interned: BTreeMap<FuncType, SignatureIndex>,
}

impl SignatureTable {
    /// The index of a type, the same for equal types.
    pub fn intern(&mut self, ty: FuncType) -> SignatureIndex {
        if let Some(&index) = self.interned.get(&ty) {
            return index;
        }
        let index = self.types.push(ty.clone());
        self.interned.insert(ty, index);
        index
    }

    /// Index and type of each, in order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (SignatureIndex, &FuncType)> {
        self.types.iter()
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.types.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.types.is_empty()
    }
}

impl std::ops::Index<SignatureIndex> for SignatureTable {
    type Output = FuncType;

    fn index(&self, index: SignatureIndex) -> &FuncType {
        &self.types[index]
    }
}
