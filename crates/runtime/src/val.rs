//! Core values as the embedder sees them: [`Val`], and the references it can hold.

use crate::exception::ExnRef;
use crate::externals::Func;
use crate::store::{AsContextMut, StoreId, StoreOpaque};
use crate::vm::{FuncRefPtr, val_raw};
use anyhow::{Result, bail};
use std::any::Any;
use std::fmt;
use threadline_environ::layout::ValRaw;
use threadline_environ::{HeapType, RefType, TopType, ValType};

/// A 128-bit vector.
#[derive(Copy, Clone, PartialEq, Eq, Hash, Default)]
pub struct V128(u128);

impl V128 {
    /// Its bits, lane 0 lowest.
    pub fn as_u128(self) -> u128 {
        self.0
    }
}

impl From<u128> for V128 {
    fn from(bits: u128) -> V128 {
        V128(bits)
    }
}

impl From<V128> for u128 {
    fn from(vector: V128) -> u128 {
        vector.0
    }
}

impl fmt::Debug for V128 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:#034x}", self.0)
    }
}

/// A host value in a store, to be passed to wasm as an `externref`.
///
/// The store keeps the value until the store is dropped, even if wasm forgets it.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub struct ExternRef {
    store: StoreId,
    handle: u64,
}

impl ExternRef {
    /// Puts a value into a store.
    pub fn new<V: Any + Send + Sync>(mut store: impl AsContextMut, value: V) -> ExternRef {
        let store = store.as_context_mut().opaque();
        ExternRef {
            store: store.id(),
            handle: store.add_extern_value(Box::new(value)),
        }
    }

    /// The value.
    ///
    /// # Errors
    /// If the reference belongs to another store.
    pub fn data<'a, T: 'static>(
        &self,
        store: impl Into<crate::StoreContext<'a, T>>,
    ) -> Result<&'a (dyn Any + Send + Sync)> {
        let store = store.into().opaque();
        store.check(self.store, "externref")?;
        match store.extern_value(self.handle) {
            Some(value) => Ok(value),
            None => bail!("an externref without a value"),
        }
    }
}

/// A reference.
#[derive(Copy, Clone, Debug)]
pub enum Ref {
    /// An `exnref`.
    Exn(Option<ExnRef>),
    /// A `funcref`.
    Func(Option<Func>),
    /// An `externref`.
    Extern(Option<ExternRef>),
}

/// A core value.
#[derive(Copy, Clone, Debug)]
pub enum Val {
    /// An i32.
    I32(i32),
    /// An i64.
    I64(i64),
    /// The bits of an f32.
    F32(u32),
    /// The bits of an f64.
    F64(u64),
    /// A v128.
    V128(V128),
    /// A `funcref`.
    FuncRef(Option<Func>),
    /// An `externref`.
    ExternRef(Option<ExternRef>),
    /// An `exnref`.
    ExnRef(Option<ExnRef>),
}

impl Ref {
    /// The type of references it is one of.
    pub fn ty(&self) -> RefType {
        match self {
            Ref::Func(_) => RefType::FUNCREF,
            Ref::Extern(_) => RefType::EXTERNREF,
            Ref::Exn(_) => RefType::EXNREF,
        }
    }

    /// Whether it is null.
    pub fn is_null(&self) -> bool {
        matches!(self, Ref::Func(None) | Ref::Extern(None) | Ref::Exn(None))
    }

    /// The null reference of a type.
    pub fn null(ty: RefType) -> Ref {
        match ty.heap_type.top() {
            TopType::Func => Ref::Func(None),
            TopType::Extern => Ref::Extern(None),
            TopType::Exn => Ref::Exn(None),
        }
    }

    /// The function, if it is a `funcref` that isn't null.
    pub fn as_func(&self) -> Option<&Func> {
        match self {
            Ref::Func(func) => func.as_ref(),
            Ref::Extern(_) | Ref::Exn(_) => None,
        }
    }

    /// As a table element of a table with elements of type `ty`.
    ///
    /// # Errors
    /// If the type differs, or it belongs to another store.
    pub(crate) fn to_element(self, store: &StoreOpaque, ty: RefType) -> Result<usize> {
        let raw = Val::from(self).to_raw(store, ValType::Ref(ty))?;
        Ok(val_raw::externref(&raw) as usize)
    }

    /// From an element of a table with elements of type `ty`.
    pub(crate) fn from_element(store: &StoreOpaque, element: usize, ty: RefType) -> Ref {
        match ty.heap_type.top() {
            TopType::Func => {
                let func = FuncRefPtr::from_element(element);
                Ref::Func(func.map(|func| Func::from_raw(store, func)))
            }
            TopType::Extern => Ref::Extern(ExternRef::from_handle(store, element as u64)),
            TopType::Exn => Ref::Exn(ExnRef::from_handle(store, element as u64)),
        }
    }
}

impl ExternRef {
    fn from_handle(store: &StoreOpaque, handle: u64) -> Option<ExternRef> {
        (handle != 0).then_some(ExternRef {
            store: store.id(),
            handle,
        })
    }

    pub(crate) fn load(store: &StoreOpaque, raw: &ValRaw) -> Option<ExternRef> {
        ExternRef::from_handle(store, val_raw::externref(raw))
    }

    pub(crate) fn lower(this: Option<ExternRef>, store: &StoreOpaque) -> Result<ValRaw> {
        let Some(this) = this else {
            return Ok(val_raw::ZERO);
        };
        store.check(this.store, "externref")?;
        Ok(val_raw::from_externref(this.handle))
    }
}

impl Val {
    /// The null reference of a type.
    pub fn null_ref(ty: RefType) -> Val {
        Ref::null(ty).into()
    }

    /// The value that a variable of this type starts with: zero, or null. `None` if a reference
    /// type has no null.
    pub fn default_for_ty(ty: ValType) -> Option<Val> {
        Some(match ty {
            ValType::I32 => Val::I32(0),
            ValType::I64 => Val::I64(0),
            ValType::F32 => Val::F32(0),
            ValType::F64 => Val::F64(0),
            ValType::V128 => Val::V128(V128(0)),
            ValType::Ref(ty) if ty.nullable => Val::null_ref(ty),
            ValType::Ref(_) => return None,
        })
    }

    /// Its type.
    pub fn ty(&self) -> ValType {
        match self {
            Val::I32(_) => ValType::I32,
            Val::I64(_) => ValType::I64,
            Val::F32(_) => ValType::F32,
            Val::F64(_) => ValType::F64,
            Val::V128(_) => ValType::V128,
            Val::FuncRef(_) => ValType::Ref(RefType::FUNCREF),
            Val::ExternRef(_) => ValType::Ref(RefType::EXTERNREF),
            Val::ExnRef(_) => ValType::Ref(RefType::EXNREF),
        }
    }

    /// Whether it may be passed where `ty` is asked for.
    ///
    /// # Errors
    /// If it is a reference into another store.
    fn has_type(&self, store: &StoreOpaque, ty: ValType) -> Result<bool> {
        let ValType::Ref(expected) = ty else {
            return Ok(self.ty() == ty);
        };
        let own = match self {
            Val::FuncRef(Some(func)) => {
                store.check(func.store_id(), "function")?;
                HeapType::Concrete(func.raw().type_id().index())
            }
            Val::FuncRef(None) => HeapType::NoFunc,
            Val::ExternRef(Some(_)) => HeapType::Extern,
            Val::ExternRef(None) => HeapType::NoExtern,
            Val::ExnRef(Some(_)) => HeapType::Exn,
            Val::ExnRef(None) => HeapType::NoExn,
            _ => return Ok(false),
        };
        let own = RefType {
            nullable: own.is_bottom(),
            heap_type: own,
        };
        Ok(store.engine().ref_type_matches(own, expected))
    }

    /// As a slot of a call, global or table of type `ty`.
    ///
    /// # Errors
    /// If the type differs, or it is a reference into another store.
    pub(crate) fn to_raw(self, store: &StoreOpaque, ty: ValType) -> Result<ValRaw> {
        if !self.has_type(store, ty)? {
            bail!("type mismatch: expected {ty}, found {}", self.ty());
        }
        Ok(match self {
            Val::I32(value) => val_raw::from_i32(value),
            Val::I64(value) => val_raw::from_i64(value),
            Val::F32(bits) => val_raw::from_f32(bits),
            Val::F64(bits) => val_raw::from_f64(bits),
            Val::V128(vector) => val_raw::from_v128(vector.0.to_le_bytes()),
            Val::FuncRef(func) => Func::lower(func, store)?,
            Val::ExternRef(value) => ExternRef::lower(value, store)?,
            Val::ExnRef(value) => ExnRef::lower(value, store)?,
        })
    }

    /// From a slot of type `ty`.
    pub(crate) fn from_raw(store: &StoreOpaque, raw: &ValRaw, ty: ValType) -> Val {
        match ty {
            ValType::I32 => Val::I32(val_raw::i32(raw)),
            ValType::I64 => Val::I64(val_raw::i64(raw)),
            ValType::F32 => Val::F32(val_raw::f32(raw)),
            ValType::F64 => Val::F64(val_raw::f64(raw)),
            ValType::V128 => Val::V128(V128(u128::from_le_bytes(val_raw::v128(raw)))),
            ValType::Ref(ty) => match ty.heap_type.top() {
                TopType::Func => Val::FuncRef(Func::load(store, raw)),
                TopType::Extern => Val::ExternRef(ExternRef::load(store, raw)),
                TopType::Exn => Val::ExnRef(ExnRef::load(store, raw)),
            },
        }
    }
}

macro_rules! accessors {
    ($($(#[$doc:meta])* $name:ident $unwrap:ident $variant:ident($value:ident) $ty:ty = $expr:expr;)*) => {
        impl Val {$(
            $(#[$doc])*
            pub fn $name(&self) -> Option<$ty> {
                match *self {
                    Val::$variant($value) => Some($expr),
                    _ => None,
                }
            }

            $(#[$doc])*
            ///
            /// # Panics
            /// If it is of another type.
            pub fn $unwrap(&self) -> $ty {
                let ty = self.ty();
                self.$name().unwrap_or_else(|| panic!("the value is of type {ty}"))
            }
        )*}
    };
}

accessors! {
    /// The value of an i32.
    i32 unwrap_i32 I32(value) i32 = value;
    /// The value of an i64.
    i64 unwrap_i64 I64(value) i64 = value;
    /// The value of an f32.
    f32 unwrap_f32 F32(bits) f32 = f32::from_bits(bits);
    /// The value of an f64.
    f64 unwrap_f64 F64(bits) f64 = f64::from_bits(bits);
    /// The value of a v128.
    v128 unwrap_v128 V128(vector) V128 = vector;
    /// The value of a `funcref`.
    func_ref unwrap_func_ref FuncRef(func) Option<Func> = func;
    /// The value of an `externref`.
    extern_ref unwrap_extern_ref ExternRef(value) Option<ExternRef> = value;
    /// The value of an `exnref`.
    exn_ref unwrap_exn_ref ExnRef(value) Option<ExnRef> = value;
}

macro_rules! conversions {
    ($($ty:ty: $value:ident => $expr:expr;)*) => {$(
        impl From<$ty> for Val {
            fn from($value: $ty) -> Val {
                $expr
            }
        }
    )*};
}

conversions! {
    i32: value => Val::I32(value);
    i64: value => Val::I64(value);
    f32: value => Val::F32(value.to_bits());
    f64: value => Val::F64(value.to_bits());
    V128: value => Val::V128(value);
    u128: value => Val::V128(V128(value));
    Func: value => Val::FuncRef(Some(value));
    Option<Func>: value => Val::FuncRef(value);
    ExternRef: value => Val::ExternRef(Some(value));
    Option<ExternRef>: value => Val::ExternRef(value);
    ExnRef: value => Val::ExnRef(Some(value));
    Option<ExnRef>: value => Val::ExnRef(value);
    Ref: value => match value {
        Ref::Func(func) => Val::FuncRef(func),
        Ref::Extern(value) => Val::ExternRef(value),
        Ref::Exn(value) => Val::ExnRef(value),
    };
}

/// Refuses values that don't fit a function's parameters or results.
pub(crate) fn check_count(what: &str, expected: usize, found: usize) -> Result<()> {
    if expected != found {
        bail!("expected {expected} {what}, found {found}");
    }
    Ok(())
}
