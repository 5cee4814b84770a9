//! Lifting and lowering on the host's side: [`Lift`] and [`Lower`] for Rust's types, and the same
//! for [`Val`](crate::component::Val) in [`dynamic`].
//!
//! "Loading", "Storing", "Flat Lifting" and "Flat Lowering" in `CanonicalABI.md`. Layouts and
//! flattening are `threadline-environ`'s; what calls these, and when, is in `crate::component`.
//!
//! The traits' methods are for this crate alone. They are safe: what a lowering puts in the slots
//! of a call are integers that the guest may not trust any more than the host trusts its own.
//! That the number of slots is that of the component's type is checked when a function is typed.

mod context;
mod dynamic;
mod list;
mod scalar;
mod string;
mod tuple;

pub use context::{LiftContext, LowerContext};
pub(crate) use dynamic::{lift_vals, load_vals, lower_vals, store_vals};

pub(crate) use tuple::{lift_from, lower_to};

use anyhow::Result;
use std::fmt;
use threadline_environ::component::{ComponentTypes, InterfaceType};
use threadline_environ::layout::ValRaw;

/// A Rust type that stands for a type of the component model.
///
/// | component model | Rust |
/// |---|---|
/// | `bool`, `s8` … `u64`, `f32`, `f64`, `char` | `bool`, `i8` … `u64`, `f32`, `f64`, `char` |
/// | `string` | [`String`]; `str` to lower only |
/// | `list<u8>` | `Vec<u8>`; `[u8]` to lower only |
///
/// References and boxes of such types stand for the same type.
pub trait ComponentType {
    /// How many core values it flattens to.
    #[doc(hidden)]
    const FLAT_COUNT: usize;
    /// Bytes it takes in a linear memory.
    #[doc(hidden)]
    const SIZE: u32;
    /// The multiples at which it lies there.
    #[doc(hidden)]
    const ALIGN: u32;

    /// Whether it stands for `ty`.
    #[doc(hidden)]
    fn typecheck(types: &ComponentTypes, ty: InterfaceType) -> Result<(), TypeMismatch>;
}

/// A Rust type whose values can be given to a guest.
pub trait Lower: ComponentType {
    /// Puts the value's core values in `to`, which is as long as their number.
    #[doc(hidden)]
    fn lower_flat(&self, cx: &mut LowerContext<'_>, to: &mut [ValRaw]) -> Result<()>;

    /// Stores the value in the guest's memory at an aligned address.
    #[doc(hidden)]
    fn store(&self, cx: &mut LowerContext<'_>, address: u32) -> Result<()>;
}

/// A Rust type whose values can be taken from a guest.
pub trait Lift: ComponentType + Sized {
    /// Makes a value of its core values, `from` being as long as their number.
    #[doc(hidden)]
    fn lift_flat(cx: &LiftContext<'_>, from: &[ValRaw]) -> Result<Self>;

    /// Loads a value from the guest's memory at an aligned address.
    #[doc(hidden)]
    fn load(cx: &LiftContext<'_>, address: u32) -> Result<Self>;
}

/// A tuple of Rust types that stands for a function's parameters or for its result (a tuple of
/// one, or `()` for none).
pub trait ComponentNamedList: ComponentType {
    /// Whether it stands for values of these types, one after the other.
    #[doc(hidden)]
    fn typecheck_list(types: &ComponentTypes, list: &[InterfaceType]) -> Result<(), TypeMismatch>;
}

/// How a Rust type fails to stand for a type of the component model.
#[doc(hidden)]
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TypeMismatch {
    /// It stands for another.
    Type {
        /// The component's type, in WIT's words.
        expected: String,
        /// What the Rust type stands for.
        found: &'static str,
    },
    /// The tuple has more or fewer elements.
    Count {
        /// How many values there are.
        expected: usize,
        /// The number of elements.
        found: usize,
    },
    /// An element of the tuple is at fault.
    Element {
        /// Which, counted from zero.
        index: usize,
        /// How.
        error: Box<TypeMismatch>,
    },
    /// It says of itself what isn't so.
    Layout,
}

impl TypeMismatch {
    /// A type stands for `found`, not for `expected`.
    #[doc(hidden)]
    pub fn new(types: &ComponentTypes, expected: InterfaceType, found: &'static str) -> Self {
        TypeMismatch::Type {
            expected: crate::component::describe_type(types, expected),
            found,
        }
    }
}

impl fmt::Display for TypeMismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            TypeMismatch::Type { expected, found } => {
                write!(f, "expected `{expected}`, found `{found}`")
            }
            TypeMismatch::Count { expected, found } => {
                write!(f, "expected {expected} value(s), found a tuple of {found}")
            }
            TypeMismatch::Element { index, error } => write!(f, "element {index}: {error}"),
            TypeMismatch::Layout => f.write_str("the Rust type's layout is not the component's"),
        }
    }
}

impl std::error::Error for TypeMismatch {}

/// The next multiple of a type's alignment.
const fn align_to(offset: u32, align: u32) -> u32 {
    offset.next_multiple_of(align)
}

macro_rules! delegate {
    ($($pointer:ty),*) => {$(
        impl<A: ComponentType + ?Sized> ComponentType for $pointer {
            const FLAT_COUNT: usize = A::FLAT_COUNT;
            const SIZE: u32 = A::SIZE;
            const ALIGN: u32 = A::ALIGN;

            fn typecheck(types: &ComponentTypes, ty: InterfaceType) -> Result<(), TypeMismatch> {
                A::typecheck(types, ty)
            }
        }

        impl<A: Lower + ?Sized> Lower for $pointer {
            fn lower_flat(&self, cx: &mut LowerContext<'_>, to: &mut [ValRaw]) -> Result<()> {
                A::lower_flat(self, cx, to)
            }

            fn store(&self, cx: &mut LowerContext<'_>, address: u32) -> Result<()> {
                A::store(self, cx, address)
            }
        }
    )*};
}

delegate!(&A, Box<A>, std::sync::Arc<A>);
