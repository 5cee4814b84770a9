//! The types of components and their parts, as embedders see them.
//!
//! They are views of a component's description: each holds it alive and an index into it, so they
//! are cheap to clone. Whether two of them are equal is a question of structure, also across
//! components. Written out (`Display`) they are WIT, except that types which WIT would name are
//! written where they are used, and that what is longer than 64 KiB is cut off.

mod item;
mod text;
mod value;

pub use item::{Component, ComponentFunc, ComponentInstance, ComponentItem, CoreModule};
pub use value::{
    Case, Enum, Field, FixedLengthList, Flags, FutureType, List, Map, OptionType, Record,
    ResultType, StreamType, Tuple, Variant,
};

pub use super::ResourceType;
use std::fmt::{self, Write};
use std::sync::Arc;
use text::Text;
use threadline_environ::component::{self as environ, ComponentTypes, InterfaceType};

/// The description that views share.
pub(crate) type Description = Arc<environ::Component>;

/// The type of a value.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Type {
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
    Float32,
    /// `f64`.
    Float64,
    /// `char`.
    Char,
    /// `string`.
    String,
    /// `list<T>`.
    List(List),
    /// `list<T, N>`.
    FixedLengthList(FixedLengthList),
    /// `map<K, V>`.
    Map(Map),
    /// `record`.
    Record(Record),
    /// `tuple`.
    Tuple(Tuple),
    /// `variant`.
    Variant(Variant),
    /// `enum`.
    Enum(Enum),
    /// `option<T>`.
    Option(OptionType),
    /// `result<T, E>`.
    Result(ResultType),
    /// `flags`.
    Flags(Flags),
    /// `own<R>`.
    Own(ResourceType),
    /// `borrow<R>`.
    Borrow(ResourceType),
    /// `future<T>`.
    Future(FutureType),
    /// `stream<T>`.
    Stream(StreamType),
    /// `error-context`.
    ErrorContext,
}

impl Type {
    pub(crate) fn new(of: &Description, ty: InterfaceType) -> Type {
        match ty {
            InterfaceType::Bool => Type::Bool,
            InterfaceType::S8 => Type::S8,
            InterfaceType::U8 => Type::U8,
            InterfaceType::S16 => Type::S16,
            InterfaceType::U16 => Type::U16,
            InterfaceType::S32 => Type::S32,
            InterfaceType::U32 => Type::U32,
            InterfaceType::S64 => Type::S64,
            InterfaceType::U64 => Type::U64,
            InterfaceType::F32 => Type::Float32,
            InterfaceType::F64 => Type::Float64,
            InterfaceType::Char => Type::Char,
            InterfaceType::String => Type::String,
            InterfaceType::List(index) => Type::List(List::new(of, index)),
            InterfaceType::FixedLengthList(index) => {
                Type::FixedLengthList(FixedLengthList::new(of, index))
            }
            InterfaceType::Map(index) => Type::Map(Map::new(of, index)),
            InterfaceType::Record(index) => Type::Record(Record::new(of, index)),
            InterfaceType::Tuple(index) => Type::Tuple(Tuple::new(of, index)),
            InterfaceType::Variant(index) => Type::Variant(Variant::new(of, index)),
            InterfaceType::Enum(index) => Type::Enum(Enum::new(of, index)),
            InterfaceType::Option(index) => Type::Option(OptionType::new(of, index)),
            InterfaceType::Result(index) => Type::Result(ResultType::new(of, index)),
            InterfaceType::Flags(index) => Type::Flags(Flags::new(of, index)),
            InterfaceType::Own(index) => Type::Own(ResourceType::new(of, index)),
            InterfaceType::Borrow(index) => Type::Borrow(ResourceType::new(of, index)),
            InterfaceType::Future(index) => Type::Future(FutureType::new(of, index)),
            InterfaceType::Stream(index) => Type::Stream(StreamType::new(of, index)),
            InterfaceType::ErrorContext => Type::ErrorContext,
        }
    }
}

impl fmt::Display for Type {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Text::write_to(f, |text| self.write(text))
    }
}

impl Type {
    fn write(&self, f: &mut Text<'_>) -> fmt::Result {
        match self {
            Type::Bool => f.write_str("bool"),
            Type::S8 => f.write_str("s8"),
            Type::U8 => f.write_str("u8"),
            Type::S16 => f.write_str("s16"),
            Type::U16 => f.write_str("u16"),
            Type::S32 => f.write_str("s32"),
            Type::U32 => f.write_str("u32"),
            Type::S64 => f.write_str("s64"),
            Type::U64 => f.write_str("u64"),
            Type::Float32 => f.write_str("f32"),
            Type::Float64 => f.write_str("f64"),
            Type::Char => f.write_str("char"),
            Type::String => f.write_str("string"),
            Type::List(ty) => ty.write(f),
            Type::FixedLengthList(ty) => ty.write(f),
            Type::Map(ty) => ty.write(f),
            Type::Record(ty) => ty.write(f),
            Type::Tuple(ty) => ty.write(f),
            Type::Variant(ty) => ty.write(f),
            Type::Enum(ty) => ty.write(f),
            Type::Option(ty) => ty.write(f),
            Type::Result(ty) => ty.write(f),
            Type::Flags(ty) => ty.write(f),
            Type::Own(ty) => write!(f, "own<{ty}>"),
            Type::Borrow(ty) => write!(f, "borrow<{ty}>"),
            Type::Future(ty) => ty.write(f),
            Type::Stream(ty) => ty.write(f),
            Type::ErrorContext => f.write_str("error-context"),
        }
    }
}

/// A type in WIT's words, for messages: types with names inside by their keyword alone.
///
/// It doesn't call itself for each level of the type, as it may run on the rest of a guest's stack.
pub(crate) fn describe(types: &ComponentTypes, mut ty: InterfaceType) -> String {
    let (mut text, mut ends) = (String::new(), Vec::new());
    loop {
        let (begin, inner, end) = match ty {
            InterfaceType::List(index) => ("list<", types.lists[index].element, ">".to_owned()),
            InterfaceType::FixedLengthList(index) => {
                let ty = &types.fixed_length_lists[index];
                ("list<", ty.element, format!(", {}>", ty.length))
            }
            InterfaceType::Map(index) => {
                // A key has no parts.
                let ty = &types.maps[index];
                text.push_str("map<");
                text.push_str(keyword(ty.key));
                (", ", ty.value, ">".to_owned())
            }
            InterfaceType::Option(index) => ("option<", types.options[index].some, ">".to_owned()),
            InterfaceType::Future(index) if let Some(ty) = types.futures[index].payload => {
                ("future<", ty, ">".to_owned())
            }
            InterfaceType::Stream(index) if let Some(ty) = types.streams[index].payload => {
                ("stream<", ty, ">".to_owned())
            }
            other => {
                text.push_str(keyword(other));
                break;
            }
        };
        text.push_str(begin);
        ends.push(end);
        ty = inner;
    }
    text.extend(ends.into_iter().rev());
    text
}

/// WIT's word for a type.
fn keyword(ty: InterfaceType) -> &'static str {
    match ty {
        InterfaceType::Bool => "bool",
        InterfaceType::S8 => "s8",
        InterfaceType::U8 => "u8",
        InterfaceType::S16 => "s16",
        InterfaceType::U16 => "u16",
        InterfaceType::S32 => "s32",
        InterfaceType::U32 => "u32",
        InterfaceType::S64 => "s64",
        InterfaceType::U64 => "u64",
        InterfaceType::F32 => "f32",
        InterfaceType::F64 => "f64",
        InterfaceType::Char => "char",
        InterfaceType::String => "string",
        InterfaceType::List(_) | InterfaceType::FixedLengthList(_) => "list",
        InterfaceType::Map(_) => "map",
        InterfaceType::Option(_) => "option",
        InterfaceType::Future(_) => "future",
        InterfaceType::Stream(_) => "stream",
        InterfaceType::Record(_) => "record",
        InterfaceType::Tuple(_) => "tuple",
        InterfaceType::Variant(_) => "variant",
        InterfaceType::Enum(_) => "enum",
        InterfaceType::Result(_) => "result",
        InterfaceType::Flags(_) => "flags",
        InterfaceType::Own(_) => "own",
        InterfaceType::Borrow(_) => "borrow",
        InterfaceType::ErrorContext => "error-context",
    }
}

/// An index with the description it belongs to.
#[derive(Clone)]
struct View<I> {
    of: Description,
    index: I,
}

impl<I: Copy + PartialEq> View<I> {
    fn new(of: &Description, index: I) -> View<I> {
        View {
            of: of.clone(),
            index,
        }
    }

    fn ty(&self, ty: InterfaceType) -> Type {
        Type::new(&self.of, ty)
    }

    /// Whether it is the same entry of the same description; a structure need not be looked at
    /// then.
    fn same(&self, other: &View<I>) -> bool {
        self.index == other.index && Arc::ptr_eq(&self.of, &other.of)
    }
}
