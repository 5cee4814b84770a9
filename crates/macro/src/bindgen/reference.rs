//! Mentions of types: what stands for a type in a field, parameter or result.

use super::generator::{Generator, Scope, Side};
use proc_macro2::TokenStream;
use quote::quote;
use wit_parser::{Handle, Type, TypeDefKind, TypeId};

/// How values are passed.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(super) enum Mode {
    /// As they are.
    Owned,
    /// By reference, if they own memory.
    Borrowed,
    /// As by reference, with the lifetime `'static`: to name a type of which others are to be
    /// passed.
    Static,
}

impl Mode {
    fn reference(self) -> TokenStream {
        match self {
            Mode::Owned => TokenStream::new(),
            Mode::Borrowed => quote!(&),
            Mode::Static => quote!(&'static),
        }
    }
}

impl Generator<'_> {
    /// What stands for a type.
    pub(super) fn ty(&self, ty: &Type, from: Scope, mode: Mode) -> TokenStream {
        match ty {
            Type::Bool => quote!(bool),
            Type::U8 => quote!(u8),
            Type::U16 => quote!(u16),
            Type::U32 => quote!(u32),
            Type::U64 => quote!(u64),
            Type::S8 => quote!(i8),
            Type::S16 => quote!(i16),
            Type::S32 => quote!(i32),
            Type::S64 => quote!(i64),
            Type::F32 => quote!(f32),
            Type::F64 => quote!(f64),
            Type::Char => quote!(char),
            Type::String if mode == Mode::Owned => quote!(::std::string::String),
            Type::String => {
                let reference = mode.reference();
                quote!(#reference str)
            }
            Type::Id(id) => self.ty_by_id(*id, from, mode),
            Type::ErrorContext => {
                let krate = &self.options.krate;
                let reference = mode.reference();
                quote!(#reference #krate::component::ErrorContext)
            }
        }
    }

    fn ty_by_id(&self, id: TypeId, from: Scope, mode: Mode) -> TokenStream {
        let def = &self.wit.resolve.types[id];
        if def.name.is_none() {
            return self.kind(&def.kind, from, mode);
        }
        if mode == Mode::Owned || self.is_copy(&Type::Id(id)) {
            return self.path(from, id);
        }
        let behind = self.dealias(id);
        let kind = &self.wit.resolve.types[behind].kind;
        match kind {
            TypeDefKind::Record(_) | TypeDefKind::Variant(_) => {
                let reference = mode.reference();
                let path = self.path(from, id);
                quote!(#reference #path)
            }
            _ if self.replacement(id).is_some() => {
                let reference = mode.reference();
                let path = self.path(from, id);
                quote!(#reference #path)
            }
            TypeDefKind::Type(ty) => self.ty(ty, from, mode),
            kind => self.kind(kind, from, mode),
        }
    }

    /// What stands for a type that has no name.
    pub(super) fn kind(&self, kind: &TypeDefKind, from: Scope, mode: Mode) -> TokenStream {
        let reference = mode.reference();
        match kind {
            TypeDefKind::Type(ty) => self.ty(ty, from, mode),
            TypeDefKind::List(element) => {
                let element = self.ty(element, from, Mode::Owned);
                match mode {
                    Mode::Owned => quote!(::std::vec::Vec<#element>),
                    Mode::Borrowed | Mode::Static => quote!(#reference [#element]),
                }
            }
            TypeDefKind::FixedLengthList(element, length) => {
                let is_copy = self.is_copy(element);
                let element = self.ty(element, from, Mode::Owned);
                let length = *length as usize;
                match is_copy {
                    true => quote!([#element; #length]),
                    false => quote!(#reference [#element; #length]),
                }
            }
            TypeDefKind::Map(key, value) => {
                let key = self.ty(key, from, Mode::Owned);
                let value = self.ty(value, from, Mode::Owned);
                quote!(#reference ::std::collections::HashMap<#key, #value>)
            }
            TypeDefKind::Tuple(tuple) => {
                let types = tuple.types.iter().map(|ty| self.ty(ty, from, mode));
                quote!((#(#types,)*))
            }
            TypeDefKind::Option(ty) => {
                let ty = self.ty(ty, from, mode);
                quote!(::core::option::Option<#ty>)
            }
            TypeDefKind::Result(result) => {
                let [ok, err] =
                    [&result.ok, &result.err].map(|ty| self.payload(ty.as_ref(), from, mode));
                quote!(::core::result::Result<#ok, #err>)
            }
            TypeDefKind::Handle(Handle::Own(id) | Handle::Borrow(id)) => self.handle(*id, from),
            TypeDefKind::Stream(element) => {
                self.reader(&quote!(StreamReader), element.as_ref(), from)
            }
            TypeDefKind::Future(element) => {
                self.reader(&quote!(FutureReader), element.as_ref(), from)
            }
            // The others have names.
            TypeDefKind::Record(_)
            | TypeDefKind::Resource
            | TypeDefKind::Flags(_)
            | TypeDefKind::Variant(_)
            | TypeDefKind::Enum(_)
            | TypeDefKind::Unknown => quote!(()),
        }
    }

    /// What stands for a type, or for there being none.
    pub(super) fn payload(&self, ty: Option<&Type>, from: Scope, mode: Mode) -> TokenStream {
        ty.map_or_else(|| quote!(()), |ty| self.ty(ty, from, mode))
    }

    /// The readable end of a stream or future; passed on, it is the host's no more.
    fn reader(&self, name: &TokenStream, element: Option<&Type>, from: Scope) -> TokenStream {
        let krate = &self.options.krate;
        let element = self.payload(element, from, Mode::Owned);
        quote!(#krate::component::#name<#element>)
    }

    fn handle(&self, resource: TypeId, from: Scope) -> TokenStream {
        let krate = &self.options.krate;
        match self.side_of(resource) {
            Side::Import => {
                let path = self.path(from, resource);
                quote!(#krate::component::Resource<#path>)
            }
            Side::Export => quote!(#krate::component::ResourceAny),
        }
    }

    /// Whether values can be copied.
    pub(super) fn is_copy(&self, ty: &Type) -> bool {
        self.all_parts(ty, &|ty| match ty {
            Part::Memory | Part::HostResource | Part::Replaced => false,
            Part::GuestResource => true,
        })
    }

    /// Whether values can be cloned.
    pub(super) fn is_clone(&self, ty: &Type) -> bool {
        self.all_parts(ty, &|ty| match ty {
            Part::Memory | Part::GuestResource | Part::Replaced => true,
            Part::HostResource => false,
        })
    }

    /// Whether something holds for all that is in a type and isn't a scalar.
    fn all_parts(&self, ty: &Type, holds: &dyn Fn(Part) -> bool) -> bool {
        let id = match ty {
            Type::Id(id) => *id,
            Type::String | Type::ErrorContext => return holds(Part::Memory),
            _ => return true,
        };
        if self.replacement(id).is_some() {
            return holds(Part::Replaced);
        }
        let all = |ty: &Type| self.all_parts(ty, holds);
        match &self.wit.resolve.types[id].kind {
            TypeDefKind::Record(record) => record.fields.iter().all(|field| all(&field.ty)),
            TypeDefKind::Variant(variant) => {
                let mut payloads = variant.cases.iter().filter_map(|case| case.ty.as_ref());
                payloads.all(all)
            }
            TypeDefKind::Stream(_) | TypeDefKind::Future(_) => holds(Part::HostResource),
            TypeDefKind::Tuple(tuple) => tuple.types.iter().all(all),
            TypeDefKind::Option(ty)
            | TypeDefKind::FixedLengthList(ty, _)
            | TypeDefKind::Type(ty) => all(ty),
            TypeDefKind::Result(result) => [&result.ok, &result.err].into_iter().flatten().all(all),
            TypeDefKind::List(ty) => holds(Part::Memory) && all(ty),
            TypeDefKind::Map(key, value) => holds(Part::Memory) && all(key) && all(value),
            TypeDefKind::Handle(Handle::Own(id) | Handle::Borrow(id)) => {
                holds(match self.side_of(*id) {
                    Side::Import => Part::HostResource,
                    Side::Export => Part::GuestResource,
                })
            }
            TypeDefKind::Flags(_)
            | TypeDefKind::Enum(_)
            | TypeDefKind::Resource
            | TypeDefKind::Unknown => true,
        }
    }
}

/// Something in a type that isn't a scalar.
enum Part {
    /// A string, list or map.
    Memory,
    /// Also the readable end of a stream or future.
    HostResource,
    GuestResource,
    /// What an option puts for a type.
    Replaced,
}
