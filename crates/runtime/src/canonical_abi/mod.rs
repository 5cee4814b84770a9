//! Lifting and lowering on the host's side: [`Lift`] and [`Lower`] for Rust's types, and the same
//! for [`Val`](crate::component::Val) in [`dynamic`].
//!
//! "Loading", "Storing", "Flat Lifting" and "Flat Lowering" in `CanonicalABI.md`. Layouts and
//! flattening of types known at run time are `threadline-environ`'s, those of Rust's types in
//! [`abi`]; what calls these, and when, is in `crate::component`.
//!
//! # What an implementation of the traits must do
//!
//! The traits' items are hidden from documentation: they are for this crate and for what the derive
//! macros write. They are safe: what a lowering puts in the slots of a call are integers that the
//! guest may not trust any more than the host trusts its own.
//!
//! - [`ComponentType::ABI`] is made by the constant functions of [`TypeAbi`]: `record`, `enumeration`,
//!   `flags`, and [`VariantAbi::new`] for what has cases. That it is the component's type's is
//!   checked when a function is typed, for parameters and results as a whole.
//! - `typecheck` compares with a component's type, by `check_record` and its kin in [`typecheck`],
//!   names included. All else may count on it: a value is only ever lifted or lowered as a type
//!   that was checked.
//! - `lower_flat` writes all of its slots, of which there are `ABI.flat_count()`; `lift_flat` reads
//!   as many. A slot holds a core value in its low bytes and zeros above them; therefore a payload
//!   is put in the joined slots of a variant as it is. Fields follow each other.
//! - `check_handles` checks each part that may have a resource in it ([`HandleCheck`]).
//! - `store` writes at an address which is aligned and in bounds: [`record_offsets`] and
//!   [`VariantAbi::payload_offset`] say where the parts are. `load` gets just the value's bytes.
//! - The component's type comes along for those who have resources in them. The types of parts are
//!   found by the contexts' `field_type` and `case_type`, which look nothing up for others.
//! - Cases are written and read with [`VariantAbi`]'s `lower_case`, `store_case`, `lift_case` and
//!   `load_case`, which see to discriminants and padding.

mod abi;
mod async_value;
mod context;
mod dynamic;
mod func_shape;
mod handle;
mod handle_check;
mod left_in_guest;
mod list;
mod map;
mod scalar;
mod string;
mod tuple;
mod typecheck;
mod variant;

pub use abi::{Offset, TypeAbi, VariantAbi, record_offsets};
pub(crate) use async_value::{load_elements_at, store_elements_at};
pub use context::{LiftContext, LowerContext};
pub(crate) use dynamic::{lift_vals, load_vals, lower_vals, store_vals};
pub(crate) use func_shape::{FuncShape, is_abi_of};
pub(crate) use handle::{CallHandles, KeptHandles};
pub use handle_check::HandleCheck;
pub(crate) use handle_check::Seen;
pub use left_in_guest::{WasmList, WasmStr};
pub(crate) use string::{load_string_at, store_string_at};
pub(crate) use tuple::{lift_from, lower_to};
pub(crate) use typecheck::ResourceLookup;
pub use typecheck::{
    TypeContext, TypeMismatch, Typecheck, check_enumeration, check_flags, check_record,
    check_variant,
};
pub use variant::{invalid_discriminant, lift_bits, load_bits, lower_bits, store_bits};

use anyhow::Result;
use threadline_environ::component::InterfaceType;
use threadline_environ::layout::ValRaw;

/// A Rust type that stands for a type of the component model.
///
/// | component model | Rust |
/// |---|---|
/// | `bool`, `s8` … `u64`, `f32`, `f64`, `char` | `bool`, `i8` … `u64`, `f32`, `f64`, `char` |
/// | `string` | [`String`], `Box<str>`; `str` to lower only, [`WasmStr`] to lift only |
/// | `list<T>` | `Vec<T>`, `Box<[T]>`; `[T]` to lower only, [`WasmList<T>`] to lift only |
/// | `list<T, N>` | `[T; N]` |
/// | `map<K, V>` | `HashMap<K, V>`, `BTreeMap<K, V>` |
/// | `tuple<A, B>` | `(A, B)`, up to 16 elements |
/// | `option<T>` | `Option<T>` |
/// | `result<T, E>` | `Result<T, E>`, with `()` for a payload that there isn't |
///
/// References, boxes and other pointers to such types stand for the same type.
pub trait ComponentType {
    /// What the canonical ABI says of it.
    #[doc(hidden)]
    const ABI: TypeAbi;

    /// Whether it stands for `ty`.
    #[doc(hidden)]
    fn typecheck(cx: &TypeContext<'_>, ty: InterfaceType) -> Result<(), TypeMismatch>;

    /// Whether it stands for a payload of this type, or for there being none.
    #[doc(hidden)]
    fn typecheck_payload(
        cx: &TypeContext<'_>,
        ty: Option<InterfaceType>,
    ) -> Result<(), TypeMismatch> {
        match ty {
            Some(ty) => Self::typecheck(cx, ty),
            None => Err(TypeMismatch::Payload { expected: false }),
        }
    }
}

/// A Rust type whose values can be given to a guest.
pub trait Lower: ComponentType {
    /// Checks that the resources in the value can be passed as those in `ty`. Changes nothing.
    #[doc(hidden)]
    fn check_handles(&self, cx: &HandleCheck<'_>, ty: InterfaceType) -> Result<()> {
        let _ = (cx, ty);
        Ok(())
    }

    /// Puts the value's core values in `to`, which is as long as their number.
    #[doc(hidden)]
    fn lower_flat(
        &self,
        cx: &mut LowerContext<'_>,
        ty: InterfaceType,
        to: &mut [ValRaw],
    ) -> Result<()>;

    /// Stores the value in the guest's memory at an aligned address.
    #[doc(hidden)]
    fn store(&self, cx: &mut LowerContext<'_>, ty: InterfaceType, address: usize) -> Result<()>;

    /// Stores values one after the other from an aligned address on. `ty` is that of one.
    #[doc(hidden)]
    fn store_elements(
        elements: &[Self],
        cx: &mut LowerContext<'_>,
        ty: InterfaceType,
        address: usize,
    ) -> Result<()>
    where
        Self: Sized,
    {
        let size = Self::ABI.size(cx.address());
        for (i, element) in elements.iter().enumerate() {
            element.store(cx, ty, address + i * size)?;
        }
        Ok(())
    }
}

/// A Rust type whose values can be taken from a guest.
pub trait Lift: ComponentType + Sized {
    /// Makes a value of its core values, `from` being as long as their number.
    #[doc(hidden)]
    fn lift_flat(cx: &mut LiftContext<'_>, ty: InterfaceType, from: &[ValRaw]) -> Result<Self>;

    /// Makes a value of its bytes in the guest's memory, `from` being as long as their number.
    #[doc(hidden)]
    fn load(cx: &mut LiftContext<'_>, ty: InterfaceType, from: &[u8]) -> Result<Self>;

    /// Makes values of their bytes, one after the other. `ty` is that of one.
    #[doc(hidden)]
    fn load_elements(
        cx: &mut LiftContext<'_>,
        ty: InterfaceType,
        from: &[u8],
        count: usize,
    ) -> Result<Vec<Self>> {
        let size = Self::ABI.size(cx.address());
        let mut elements = cx.room(count)?;
        for i in 0..count {
            elements.push(Self::load(cx, ty, &from[i * size..][..size])?);
        }
        Ok(elements)
    }
}

/// A tuple of Rust types that stands for a function's parameters or for its result (a tuple of
/// one, or `()` for none).
pub trait ComponentNamedList: ComponentType {
    /// Whether it stands for values of these types, one after the other.
    #[doc(hidden)]
    fn typecheck_list(cx: &TypeContext<'_>, list: &[InterfaceType]) -> Result<(), TypeMismatch>;
}

macro_rules! delegate {
    ($($pointer:ty),*) => {$(
        impl<A: ComponentType + ?Sized> ComponentType for $pointer {
            const ABI: TypeAbi = A::ABI;

            fn typecheck(cx: &TypeContext<'_>, ty: InterfaceType) -> Result<(), TypeMismatch> {
                A::typecheck(cx, ty)
            }

            fn typecheck_payload(
                cx: &TypeContext<'_>,
                ty: Option<InterfaceType>,
            ) -> Result<(), TypeMismatch> {
                A::typecheck_payload(cx, ty)
            }
        }

        impl<A: Lower + ?Sized> Lower for $pointer {
            #[inline]
            fn check_handles(&self, cx: &HandleCheck<'_>, ty: InterfaceType) -> Result<()> {
                A::check_handles(self, cx, ty)
            }

            #[inline]
            fn lower_flat(
                &self,
                cx: &mut LowerContext<'_>,
                ty: InterfaceType,
                to: &mut [ValRaw],
            ) -> Result<()> {
                A::lower_flat(self, cx, ty, to)
            }

            #[inline]
            fn store(
                &self,
                cx: &mut LowerContext<'_>,
                ty: InterfaceType,
                address: usize,
            ) -> Result<()> {
                A::store(self, cx, ty, address)
            }
        }
    )*};
}

delegate!(&A, Box<A>, std::rc::Rc<A>, std::sync::Arc<A>);
