//! The types of values that have parts.

use super::text::Text;
use super::{Description, Type, View};
use std::fmt::{self, Write};
use std::iter;
use threadline_environ::component::{self as environ, Name};
use threadline_environ::{
    EnumTypeIndex, FixedLengthListTypeIndex, FlagsTypeIndex, FutureTypeIndex, ListTypeIndex,
    MapTypeIndex, OptionTypeIndex, RecordTypeIndex, ResultTypeIndex, StreamTypeIndex,
    TupleTypeIndex, VariantTypeIndex,
};

/// Each view: its index, the entry it looks at, and what it is compared by.
macro_rules! views {
    ($($(#[$doc:meta])* $name:ident($index:ty) = $table:ident: $entry:ident, $parts:ident;)*) => {$(
        $(#[$doc])*
        #[derive(Clone)]
        pub struct $name(View<$index>);

        impl $name {
            pub(super) fn new(of: &Description, index: $index) -> $name {
                $name(View::new(of, index))
            }

            fn get(&self) -> &environ::$entry {
                &self.0.of.types.$table[self.0.index]
            }
        }

        impl PartialEq for $name {
            fn eq(&self, other: &$name) -> bool {
                self.0.same(&other.0) || self.$parts().eq(other.$parts())
            }
        }

        impl Eq for $name {}

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                Text::write_to(f, |text| self.write(text))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self)
            }
        }
    )*};
}

views! {
    /// A `list` type.
    List(ListTypeIndex) = lists: ListType, parts;
    /// A `list` type with a length.
    FixedLengthList(FixedLengthListTypeIndex) = fixed_length_lists: FixedLengthListType, parts;
    /// A `map` type.
    Map(MapTypeIndex) = maps: MapType, parts;
    /// A `record` type.
    Record(RecordTypeIndex) = records: RecordType, fields;
    /// A `tuple` type.
    Tuple(TupleTypeIndex) = tuples: TupleType, types;
    /// A `variant` type.
    Variant(VariantTypeIndex) = variants: VariantType, cases;
    /// An `enum` type.
    Enum(EnumTypeIndex) = enums: EnumType, names;
    /// An `option` type.
    OptionType(OptionTypeIndex) = options: OptionType, parts;
    /// A `result` type.
    ResultType(ResultTypeIndex) = results: ResultType, parts;
    /// A `flags` type.
    Flags(FlagsTypeIndex) = flags: FlagsType, names;
    /// A `future` type.
    FutureType(FutureTypeIndex) = futures: FutureType, parts;
    /// A `stream` type.
    StreamType(StreamTypeIndex) = streams: StreamType, parts;
}

impl List {
    /// The type of its elements.
    pub fn ty(&self) -> Type {
        self.0.ty(self.get().element)
    }

    fn parts(&self) -> impl Iterator<Item = impl PartialEq> {
        iter::once(self.ty())
    }
}

impl List {
    pub(super) fn write(&self, f: &mut Text<'_>) -> fmt::Result {
        f.around("list<", &self.ty(), ">")
    }
}

#[expect(clippy::len_without_is_empty, reason = "it has one element at least")]
impl FixedLengthList {
    /// The type of its elements.
    pub fn ty(&self) -> Type {
        self.0.ty(self.get().element)
    }

    /// How many elements there are.
    pub fn len(&self) -> u32 {
        self.get().length
    }

    fn parts(&self) -> impl Iterator<Item = impl PartialEq> {
        iter::once((self.len(), self.ty()))
    }
}

impl FixedLengthList {
    pub(super) fn write(&self, f: &mut Text<'_>) -> fmt::Result {
        f.around("list<", &self.ty(), ", ")?;
        write!(f, "{}>", self.len())
    }
}

impl Map {
    /// The type of its keys.
    pub fn key(&self) -> Type {
        self.0.ty(self.get().key)
    }

    /// The type of its values.
    pub fn value(&self) -> Type {
        self.0.ty(self.get().value)
    }

    fn parts(&self) -> impl Iterator<Item = impl PartialEq> {
        iter::once((self.key(), self.value()))
    }
}

impl Map {
    pub(super) fn write(&self, f: &mut Text<'_>) -> fmt::Result {
        f.around("map<", &self.key(), ", ")?;
        f.around("", &self.value(), ">")
    }
}

/// A field of a `record`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Field<'a> {
    /// Its name.
    pub name: &'a str,
    /// Its type.
    pub ty: Type,
}

impl Record {
    /// Its fields, in order.
    pub fn fields(&self) -> impl ExactSizeIterator<Item = Field<'_>> {
        self.get().fields.iter().map(|(name, ty)| Field {
            name,
            ty: self.0.ty(*ty),
        })
    }
}

impl Record {
    pub(super) fn write(&self, f: &mut Text<'_>) -> fmt::Result {
        f.write_str("record")?;
        let write = |f: &mut Text<'_>, Field { name, ty }: Field<'_>| {
            f.write_str(name)?;
            f.around(": ", &ty, "")
        };
        braced(f, self.fields(), write)
    }
}

impl Tuple {
    /// The types of its elements.
    pub fn types(&self) -> impl ExactSizeIterator<Item = Type> {
        self.get().types.iter().map(|&ty| self.0.ty(ty))
    }
}

impl Tuple {
    pub(super) fn write(&self, f: &mut Text<'_>) -> fmt::Result {
        f.write_str("tuple<")?;
        for (i, ty) in self.types().enumerate() {
            f.around(if i == 0 { "" } else { ", " }, &ty, "")?;
        }
        f.write_str(">")
    }
}

/// A case of a `variant`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Case<'a> {
    /// Its name.
    pub name: &'a str,
    /// The type of its payload, if it has one.
    pub ty: Option<Type>,
}

impl Variant {
    /// Its cases, in the order of their discriminants.
    pub fn cases(&self) -> impl ExactSizeIterator<Item = Case<'_>> {
        self.get().cases.iter().map(|(name, ty)| Case {
            name,
            ty: ty.map(|ty| self.0.ty(ty)),
        })
    }
}

impl Variant {
    pub(super) fn write(&self, f: &mut Text<'_>) -> fmt::Result {
        f.write_str("variant")?;
        let write = |f: &mut Text<'_>, Case { name, ty }: Case<'_>| {
            f.write_str(name)?;
            ty.map_or(Ok(()), |ty| f.around("(", &ty, ")"))
        };
        braced(f, self.cases(), write)
    }
}

impl Enum {
    /// The names of its cases, in the order of their discriminants.
    pub fn names(&self) -> impl ExactSizeIterator<Item = &str> {
        self.get().cases.iter().map(Name::as_str)
    }
}

impl Enum {
    pub(super) fn write(&self, f: &mut Text<'_>) -> fmt::Result {
        f.write_str("enum")?;
        braced(f, self.names(), |f, name| f.write_str(name))
    }
}

impl OptionType {
    /// The type of the payload of `some`.
    pub fn ty(&self) -> Type {
        self.0.ty(self.get().some)
    }

    fn parts(&self) -> impl Iterator<Item = impl PartialEq> {
        iter::once(self.ty())
    }
}

impl OptionType {
    pub(super) fn write(&self, f: &mut Text<'_>) -> fmt::Result {
        f.around("option<", &self.ty(), ">")
    }
}

impl ResultType {
    /// The type of the payload of `ok`, if it has one.
    pub fn ok(&self) -> Option<Type> {
        self.get().ok.map(|ty| self.0.ty(ty))
    }

    /// The type of the payload of `error`, if it has one.
    pub fn err(&self) -> Option<Type> {
        self.get().err.map(|ty| self.0.ty(ty))
    }

    fn parts(&self) -> impl Iterator<Item = impl PartialEq> {
        iter::once((self.ok(), self.err()))
    }
}

impl ResultType {
    pub(super) fn write(&self, f: &mut Text<'_>) -> fmt::Result {
        match (self.ok(), self.err()) {
            (None, None) => f.write_str("result"),
            (Some(ok), None) => f.around("result<", &ok, ">"),
            (None, Some(err)) => f.around("result<_, ", &err, ">"),
            (Some(ok), Some(err)) => {
                f.around("result<", &ok, ", ")?;
                f.around("", &err, ">")
            }
        }
    }
}

impl Flags {
    /// Its labels, in the order of their bits.
    pub fn names(&self) -> impl ExactSizeIterator<Item = &str> {
        self.get().labels.iter().map(Name::as_str)
    }
}

impl Flags {
    pub(super) fn write(&self, f: &mut Text<'_>) -> fmt::Result {
        f.write_str("flags")?;
        braced(f, self.names(), |f, name| f.write_str(name))
    }
}

impl FutureType {
    /// The type of what it will be, if that is anything.
    pub fn ty(&self) -> Option<Type> {
        self.get().payload.map(|ty| self.0.ty(ty))
    }

    fn parts(&self) -> impl Iterator<Item = impl PartialEq> {
        iter::once((self.ty(),))
    }
}

impl FutureType {
    pub(super) fn write(&self, f: &mut Text<'_>) -> fmt::Result {
        optional(f, "future", self.ty())
    }
}

impl StreamType {
    /// The type of its elements, if they are anything.
    pub fn ty(&self) -> Option<Type> {
        self.get().payload.map(|ty| self.0.ty(ty))
    }

    fn parts(&self) -> impl Iterator<Item = impl PartialEq> {
        iter::once((self.ty(),))
    }
}

impl StreamType {
    pub(super) fn write(&self, f: &mut Text<'_>) -> fmt::Result {
        optional(f, "stream", self.ty())
    }
}

fn optional(f: &mut Text<'_>, keyword: &str, ty: Option<Type>) -> fmt::Result {
    f.write_str(keyword)?;
    ty.map_or(Ok(()), |ty| f.around("<", &ty, ">"))
}

fn braced<'t, T>(
    f: &mut Text<'t>,
    parts: impl Iterator<Item = T>,
    write: impl Fn(&mut Text<'t>, T) -> fmt::Result,
) -> fmt::Result {
    f.write_str(" {")?;
    for (i, part) in parts.enumerate() {
        f.write_str(if i == 0 { " " } else { ", " })?;
        write(f, part)?;
    }
    f.write_str(" }")
}
