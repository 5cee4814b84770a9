//! The component model's types as plain data.
//!
//! Types are interned: two that are equal have the same index. Resource types are told by a
//! [`ResourceIndex`] that stands for where the resource comes from once nested components are
//! flattened, so also types of different components in one binary can be compared by index.

use super::Name;
use crate::canonical_abi::{Abi, FieldLayout, VariantLayout};
use crate::index::*;
use cranelift_entity::PrimaryMap;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

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
    /// `list<T, N>`.
    FixedLengthList(FixedLengthListTypeIndex),
    /// `map<K, V>`.
    Map(MapTypeIndex),
    /// `record`.
    Record(RecordTypeIndex),
    /// `tuple`.
    Tuple(TupleTypeIndex),
    /// `variant`.
    Variant(VariantTypeIndex),
    /// `enum`.
    Enum(EnumTypeIndex),
    /// `option<T>`.
    Option(OptionTypeIndex),
    /// `result<T, E>`.
    Result(ResultTypeIndex),
    /// `flags`.
    Flags(FlagsTypeIndex),
    /// `own<R>`.
    Own(ResourceIndex),
    /// `borrow<R>`.
    Borrow(ResourceIndex),
    /// `future<T>`.
    Future(FutureTypeIndex),
    /// `stream<T>`.
    Stream(StreamTypeIndex),
    /// `error-context`.
    ErrorContext,
}

/// A `list` type.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ListType {
    /// What its elements are.
    pub element: InterfaceType,
}

/// A `list` type with a length.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct FixedLengthListType {
    /// What its elements are.
    pub element: InterfaceType,
    /// How many there are, at least one.
    pub length: u32,
    /// In a memory and flat.
    pub abi: Abi,
}

/// A `map` type. In a memory it is a list of tuples of a key and a value.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct MapType {
    /// What it is looked up by.
    pub key: InterfaceType,
    /// What is found.
    pub value: InterfaceType,
    /// Key and value as a tuple.
    pub entry: TupleTypeIndex,
}

/// A `record` type.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct RecordType {
    /// Names and types, in order.
    pub fields: Vec<(Name, InterfaceType)>,
    /// Where the fields lie.
    pub layout: FieldLayout,
}

/// A `tuple` type.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct TupleType {
    /// Types in order.
    pub types: Vec<InterfaceType>,
    /// Where the elements lie.
    pub layout: FieldLayout,
}

/// A `variant` type.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct VariantType {
    /// Names and payloads, in discriminant order.
    pub cases: Vec<(Name, Option<InterfaceType>)>,
    /// Where discriminant and payload lie.
    pub layout: VariantLayout,
}

/// An `option` type: `none`, then `some`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct OptionType {
    /// The payload of `some`.
    pub some: InterfaceType,
    /// Where discriminant and payload lie.
    pub layout: VariantLayout,
}

/// A `result` type: `ok`, then `error`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ResultType {
    /// The payload of `ok`.
    pub ok: Option<InterfaceType>,
    /// The payload of `error`.
    pub err: Option<InterfaceType>,
    /// Where discriminant and payload lie.
    pub layout: VariantLayout,
}

/// A `flags` type: 1 to 32 labels, in bit order.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct FlagsType {
    /// Label names.
    pub labels: Vec<Name>,
}

/// An `enum` type.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct EnumType {
    /// Case names, in discriminant order.
    pub cases: Vec<Name>,
}

/// A `future` type.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct FutureType {
    /// What it will be.
    pub payload: Option<InterfaceType>,
}

/// A `stream` type.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct StreamType {
    /// What its elements are.
    pub payload: Option<InterfaceType>,
}

/// A function type of the component model.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ComponentFuncType {
    /// Parameter names and types.
    pub params: Vec<(String, InterfaceType)>,
    /// The result's type.
    pub result: Option<InterfaceType>,
    /// Whether it is an `async` function.
    pub async_: bool,
}

/// What a function's parameters are, and its results, if they are passed as one: the type of what
/// lies in memory when they are too many for core values.
#[derive(Debug, Copy, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct FuncTuples {
    /// The parameters in order. May be empty, which the tuples of components never are.
    pub params: TupleTypeIndex,
    /// The result, or nothing.
    pub results: TupleTypeIndex,
}

/// The types of one component, each once.
#[derive(Debug, Default, Clone, Serialize, Deserialize)]
pub struct ComponentTypes {
    /// Function types.
    #[serde(with = "crate::serial::map")]
    pub funcs: PrimaryMap<ComponentFuncTypeIndex, ComponentFuncType>,
    /// Each function type's parameters and results as tuples.
    #[serde(with = "crate::serial::map")]
    pub func_tuples: PrimaryMap<ComponentFuncTypeIndex, FuncTuples>,
    /// `list` types.
    #[serde(with = "crate::serial::map")]
    pub lists: PrimaryMap<ListTypeIndex, ListType>,
    /// `list` types with a length.
    #[serde(with = "crate::serial::map")]
    pub fixed_length_lists: PrimaryMap<FixedLengthListTypeIndex, FixedLengthListType>,
    /// `map` types.
    #[serde(with = "crate::serial::map")]
    pub maps: PrimaryMap<MapTypeIndex, MapType>,
    /// `record` types.
    #[serde(with = "crate::serial::map")]
    pub records: PrimaryMap<RecordTypeIndex, RecordType>,
    /// `tuple` types.
    #[serde(with = "crate::serial::map")]
    pub tuples: PrimaryMap<TupleTypeIndex, TupleType>,
    /// `variant` types.
    #[serde(with = "crate::serial::map")]
    pub variants: PrimaryMap<VariantTypeIndex, VariantType>,
    /// `enum` types.
    #[serde(with = "crate::serial::map")]
    pub enums: PrimaryMap<EnumTypeIndex, EnumType>,
    /// `option` types.
    #[serde(with = "crate::serial::map")]
    pub options: PrimaryMap<OptionTypeIndex, OptionType>,
    /// `result` types.
    #[serde(with = "crate::serial::map")]
    pub results: PrimaryMap<ResultTypeIndex, ResultType>,
    /// `flags` types.
    #[serde(with = "crate::serial::map")]
    pub flags: PrimaryMap<FlagsTypeIndex, FlagsType>,
    /// `future` types.
    #[serde(with = "crate::serial::map")]
    pub futures: PrimaryMap<FutureTypeIndex, FutureType>,
    /// `stream` types.
    #[serde(with = "crate::serial::map")]
    pub streams: PrimaryMap<StreamTypeIndex, StreamType>,
}

/// The cases of a type that is a kind of variant.
#[derive(Debug, Copy, Clone)]
pub enum Cases<'a> {
    /// A `variant`'s, with their names.
    Variant(&'a [(Name, Option<InterfaceType>)]),
    /// An `enum`'s.
    Enum(&'a [Name]),
    /// An `option`'s or a `result`'s.
    Two([Option<InterfaceType>; 2]),
}

impl Cases<'_> {
    /// How many there are.
    #[allow(clippy::len_without_is_empty, reason = "there always is one")]
    pub fn len(&self) -> usize {
        match self {
            Cases::Variant(cases) => cases.len(),
            Cases::Enum(cases) => cases.len(),
            Cases::Two(cases) => cases.len(),
        }
    }

    /// The payload of a case.
    ///
    /// # Panics
    /// If there is no such case.
    pub fn payload(&self, case: usize) -> Option<InterfaceType> {
        match self {
            Cases::Variant(cases) => cases[case].1,
            Cases::Enum(_) => None,
            Cases::Two(cases) => cases[case],
        }
    }

    /// The payloads of all cases.
    pub fn payloads(&self) -> impl ExactSizeIterator<Item = Option<InterfaceType>> + '_ {
        (0..self.len()).map(|case| self.payload(case))
    }
}

impl ComponentTypes {
    /// The cases of a `variant`, `enum`, `option` or `result`; of another type, `None`.
    pub fn cases(&self, ty: InterfaceType) -> Option<Cases<'_>> {
        Some(match ty {
            InterfaceType::Variant(index) => Cases::Variant(&self.variants[index].cases),
            InterfaceType::Enum(index) => Cases::Enum(&self.enums[index].cases),
            InterfaceType::Option(index) => Cases::Two([None, Some(self.options[index].some)]),
            InterfaceType::Result(index) => {
                let ty = &self.results[index];
                Cases::Two([ty.ok, ty.err])
            }
            _ => return None,
        })
    }

    /// Where the parts of a `variant`, `option` or `result` lie; of another type, `None`.
    pub fn variant_layout(&self, ty: InterfaceType) -> Option<&VariantLayout> {
        Some(match ty {
            InterfaceType::Variant(index) => &self.variants[index].layout,
            InterfaceType::Option(index) => &self.options[index].layout,
            InterfaceType::Result(index) => &self.results[index].layout,
            _ => return None,
        })
    }

    /// The types of a `record`'s fields or a `tuple`'s elements; of another type, `None`.
    pub fn fields(
        &self,
        ty: InterfaceType,
    ) -> Option<(smallvec::SmallVec<[InterfaceType; 8]>, &FieldLayout)> {
        match ty {
            InterfaceType::Record(index) => {
                let ty = &self.records[index];
                Some((ty.fields.iter().map(|&(_, ty)| ty).collect(), &ty.layout))
            }
            InterfaceType::Tuple(index) => {
                let ty = &self.tuples[index];
                Some((ty.types.iter().copied().collect(), &ty.layout))
            }
            _ => None,
        }
    }
}

/// Handles that are borrowed for a call.
#[derive(Debug, Copy, Clone, PartialEq, Eq, Hash)]
pub struct Borrowed {
    /// Their type.
    pub resource: ResourceIndex,
    /// Whether they are in a list, so that there may be any number of them.
    pub listed: bool,
}

impl ComponentTypes {
    /// The types of borrowed handles among the parameters of a function. Its result has none.
    pub fn borrowed(&self, func: &ComponentFuncType) -> Vec<Borrowed> {
        let mut search = BorrowSearch {
            types: self,
            seen: BTreeSet::new(),
            found: Vec::new(),
        };
        for &(_, ty) in &func.params {
            search.visit(ty, false);
        }
        search.found
    }
}

struct BorrowSearch<'a> {
    types: &'a ComponentTypes,
    seen: BTreeSet<(InterfaceType, bool)>,
    found: Vec<Borrowed>,
}

impl BorrowSearch<'_> {
    fn visit(&mut self, ty: InterfaceType, listed: bool) {
        if !self.seen.insert((ty, listed)) {
            return;
        }
        let types = self.types;
        match ty {
            InterfaceType::Borrow(resource) => self.found.push(Borrowed { resource, listed }),
            InterfaceType::List(index) => self.visit(types.lists[index].element, true),
            InterfaceType::FixedLengthList(index) => {
                self.visit(types.fixed_length_lists[index].element, true);
            }
            InterfaceType::Map(index) => {
                self.visit(InterfaceType::Tuple(types.maps[index].entry), true);
            }
            _ => {
                let fields = types.fields(ty).map(|(fields, _)| fields);
                for ty in fields.into_iter().flatten() {
                    self.visit(ty, listed);
                }
                let cases = types.cases(ty);
                for ty in cases.iter().flat_map(Cases::payloads).flatten() {
                    self.visit(ty, listed);
                }
            }
        }
    }
}

/// The type of an import of a component.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum ExternType {
    /// A function.
    Func(ComponentFuncTypeIndex),
    /// An instance, by its exports.
    Instance(Vec<(String, ExternType)>),
    /// A type.
    Type(TypeDef),
    /// A core module.
    Module(ModuleImportIndex),
    /// A component.
    Component(ComponentImportIndex),
}

/// A type as something that is imported or exported.
#[derive(Debug, Copy, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum TypeDef {
    /// A resource type.
    Resource(ResourceIndex),
    /// The type of values.
    Interface(InterfaceType),
    /// The type of functions, instances or components.
    Other,
}
