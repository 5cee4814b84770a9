//! The types of components and their parts, as embedders see them.
//!
//! They are views of a component's description: each holds it alive and an index into it, so they
//! are cheap to clone. Whether two of them are equal is a question of structure, also across
//! components.

use std::fmt;
use std::sync::Arc;
use threadline_environ::component::{
    self as environ, ComponentTypes, Export, ExternType, InterfaceType,
};
use threadline_environ::{ComponentFuncTypeIndex, EnumTypeIndex, FlagsTypeIndex, ListTypeIndex};

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
    /// `enum`.
    Enum(Enum),
    /// `flags`.
    Flags(Flags),
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
            InterfaceType::List(index) => Type::List(List(View::new(of, index))),
            InterfaceType::Enum(index) => Type::Enum(Enum(View::new(of, index))),
            InterfaceType::Flags(index) => Type::Flags(Flags(View::new(of, index))),
        }
    }
}

impl fmt::Display for Type {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
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
            Type::List(list) => write!(f, "list<{}>", list.ty()),
            Type::Enum(ty) => braced(f, "enum", ty.names()),
            Type::Flags(ty) => braced(f, "flags", ty.names()),
        }
    }
}

fn braced<'a>(
    f: &mut fmt::Formatter<'_>,
    keyword: &str,
    names: impl Iterator<Item = &'a str>,
) -> fmt::Result {
    write!(f, "{keyword} {{")?;
    for (i, name) in names.enumerate() {
        write!(f, "{} {name}", if i == 0 { "" } else { "," })?;
    }
    f.write_str(" }")
}

/// A type in WIT's words, for messages: without the names that enums and flags are made of.
pub(crate) fn describe(types: &ComponentTypes, ty: InterfaceType) -> String {
    let name = match ty {
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
        InterfaceType::List(index) => {
            return format!("list<{}>", describe(types, types.lists[index].element));
        }
        InterfaceType::Enum(_) => "enum",
        InterfaceType::Flags(_) => "flags",
    };
    name.to_owned()
}

/// An index with the description it belongs to.
#[derive(Clone)]
struct View<I> {
    of: Description,
    index: I,
}

impl<I: Copy> View<I> {
    fn new(of: &Description, index: I) -> View<I> {
        View {
            of: of.clone(),
            index,
        }
    }

    fn ty(&self, ty: InterfaceType) -> Type {
        Type::new(&self.of, ty)
    }
}

/// A `list` type.
#[derive(Clone)]
pub struct List(View<ListTypeIndex>);

impl List {
    /// The type of its elements.
    pub fn ty(&self) -> Type {
        let View { of, index } = &self.0;
        self.0.ty(of.types.lists[*index].element)
    }
}

/// An `enum` type.
#[derive(Clone)]
pub struct Enum(View<EnumTypeIndex>);

impl Enum {
    /// The names of its cases, in the order of their discriminants.
    pub fn names(&self) -> impl ExactSizeIterator<Item = &str> {
        let View { of, index } = &self.0;
        of.types.enums[*index].cases.iter().map(String::as_str)
    }
}

/// A `flags` type.
#[derive(Clone)]
pub struct Flags(View<FlagsTypeIndex>);

impl Flags {
    /// Its labels, in the order of their bits.
    pub fn names(&self) -> impl ExactSizeIterator<Item = &str> {
        let View { of, index } = &self.0;
        of.types.flags[*index].labels.iter().map(String::as_str)
    }
}

/// The type of a function of a component.
#[derive(Clone)]
pub struct ComponentFunc(View<ComponentFuncTypeIndex>);

impl ComponentFunc {
    pub(crate) fn new(of: &Description, index: ComponentFuncTypeIndex) -> ComponentFunc {
        ComponentFunc(View::new(of, index))
    }

    fn get(&self) -> &environ::ComponentFuncType {
        &self.0.of.types.funcs[self.0.index]
    }

    /// Its parameters: names and types.
    pub fn params(&self) -> impl ExactSizeIterator<Item = (&str, Type)> {
        let params = self.get().params.iter();
        params.map(|(name, ty)| (name.as_str(), self.0.ty(*ty)))
    }

    /// The type of its result, if it has one.
    pub fn results(&self) -> impl ExactSizeIterator<Item = Type> {
        self.get().result.map(|ty| self.0.ty(ty)).into_iter()
    }
}

impl fmt::Display for ComponentFunc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("func(")?;
        for (i, (name, ty)) in self.params().enumerate() {
            write!(f, "{}{name}: {ty}", if i == 0 { "" } else { ", " })?;
        }
        f.write_str(")")?;
        self.results().try_for_each(|ty| write!(f, " -> {ty}"))
    }
}

macro_rules! equal_by {
    ($($name:ident: $iterate:ident,)*) => {$(
        impl PartialEq for $name {
            fn eq(&self, other: &$name) -> bool {
                self.$iterate().eq(other.$iterate())
            }
        }

        impl Eq for $name {}

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(stringify!($name))?;
                f.debug_list().entries(self.$iterate()).finish()
            }
        }
    )*};
}

equal_by! {
    Enum: names,
    Flags: names,
}

impl PartialEq for List {
    fn eq(&self, other: &List) -> bool {
        self.ty() == other.ty()
    }
}

impl Eq for List {}

impl fmt::Debug for List {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("List").field(&self.ty()).finish()
    }
}

impl PartialEq for ComponentFunc {
    fn eq(&self, other: &ComponentFunc) -> bool {
        self.params().eq(other.params()) && self.results().eq(other.results())
    }
}

impl Eq for ComponentFunc {}

impl fmt::Debug for ComponentFunc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ComponentFunc({self})")
    }
}

/// The type of a component.
#[derive(Clone)]
pub struct Component(pub(crate) Description);

impl Component {
    /// What it imports, in order.
    pub fn imports(&self) -> impl ExactSizeIterator<Item = (&str, ComponentItem)> {
        let imports = self.0.imports.values();
        imports.map(|(name, ty)| (name.as_str(), ComponentItem::imported(&self.0, ty)))
    }

    /// What it exports, in order.
    pub fn exports(&self) -> impl ExactSizeIterator<Item = (&str, ComponentItem)> {
        let exports = self.0.exports.iter();
        exports.map(|(name, export)| (name.as_str(), ComponentItem::exported(&self.0, export)))
    }
}

impl fmt::Debug for Component {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Component").finish_non_exhaustive()
    }
}

/// The type of an import or export.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum ComponentItem {
    /// A function.
    ComponentFunc(ComponentFunc),
    /// An instance.
    ComponentInstance(ComponentInstance),
    /// A type; nothing at run time.
    Type,
}

impl ComponentItem {
    pub(super) fn func(of: &Description, ty: ComponentFuncTypeIndex) -> ComponentItem {
        ComponentItem::ComponentFunc(ComponentFunc::new(of, ty))
    }

    pub(super) fn instance(items: impl Iterator<Item = (String, ComponentItem)>) -> ComponentItem {
        ComponentItem::ComponentInstance(ComponentInstance(items.collect()))
    }

    fn imported(of: &Description, ty: &ExternType) -> ComponentItem {
        match ty {
            ExternType::Func(index) => ComponentItem::func(of, *index),
            ExternType::Instance(items) => {
                let items = items.iter();
                ComponentItem::instance(
                    items.map(|(name, ty)| (name.clone(), ComponentItem::imported(of, ty))),
                )
            }
            ExternType::Type => ComponentItem::Type,
        }
    }

    fn exported(of: &Description, export: &Export) -> ComponentItem {
        match export {
            Export::LiftedFunction { ty, .. } => ComponentItem::func(of, *ty),
            Export::ImportedFunction(import) => {
                ComponentItem::func(of, of.runtime_imports[*import].ty)
            }
            Export::Instance(items) => {
                let items = items.iter();
                ComponentItem::instance(
                    items.map(|(name, export)| (name.clone(), ComponentItem::exported(of, export))),
                )
            }
            Export::Type => ComponentItem::Type,
        }
    }
}

/// The type of an instance.
#[derive(Clone, Debug)]
pub struct ComponentInstance(Vec<(String, ComponentItem)>);

impl ComponentInstance {
    /// What it exports, in order.
    pub fn exports(&self) -> impl ExactSizeIterator<Item = (&str, ComponentItem)> {
        let items = self.0.iter();
        items.map(|(name, item)| (name.as_str(), item.clone()))
    }

    /// The export with this name.
    pub fn get_export(&self, name: &str) -> Option<ComponentItem> {
        let (_, item) = self.0.iter().find(|(known, _)| known == name)?;
        Some(item.clone())
    }
}
