//! [`TypedFunc`], a function whose type Rust knows, and the types that wasm knows.
//!
//! Types are compared once, when the handle is made; a call then writes its arguments to an
//! array on the stack, allocates nothing and looks nothing up.

use super::Func;
use crate::exception::ExnRef;
use crate::store::{AsContextMut, StoreOpaque};
use crate::val::{ExternRef, V128};
use crate::vm::{CallSlots, Entrance, FunctionImport, OwnedSlots, SlotArray, ThreadKind, val_raw};
use anyhow::Result;
use std::marker::PhantomData;
use threadline_environ::layout::ValRaw;
use threadline_environ::{RefType, ValType};

/// A function whose parameters are `Params` and whose results are `Results`.
pub struct TypedFunc<Params, Results> {
    func: Func,
    raw: FunctionImport,
    entrance: Entrance,
    types: PhantomData<fn(Params) -> Results>,
}

impl<Params: WasmParams, Results: WasmResults> TypedFunc<Params, Results> {
    /// `entrance` must be for the function's type, which must be that of `Params` and `Results`.
    pub(super) fn new(func: Func, entrance: Entrance) -> TypedFunc<Params, Results> {
        TypedFunc {
            func,
            raw: func.raw().function(),
            entrance,
            types: PhantomData,
        }
    }

    /// The function.
    pub fn func(&self) -> &Func {
        &self.func
    }

    /// Calls it.
    ///
    /// # Errors
    /// If the guest traps (a [`Trap`](crate::Trap)), a host function it calls fails, or an
    /// argument belongs to another store.
    ///
    /// # Panics
    /// If the function belongs to another store, or a host function it calls panics.
    pub fn call(&self, mut store: impl AsContextMut, params: Params) -> Result<Results> {
        let store = store.as_context_mut().opaque();
        store.assert_owns(self.func.store_id(), "function");
        let mut slots = CallSlots::<Params::Slots, Results::Slots>::zeroed();
        let slots = slots.as_mut_slice();
        params.lower(store, slots)?;
        store.invoke(ThreadKind::New, self.entrance, self.raw, slots)?;
        Ok(Results::lift(store, slots))
    }

    /// Calls it on a stack of its own; see [`Func::call_async`].
    ///
    /// # Errors
    /// As [`TypedFunc::call`], and if there is no stack.
    ///
    /// # Panics
    /// As [`TypedFunc::call`].
    pub async fn call_async(
        &self,
        mut store: impl AsContextMut<Data: Send>,
        params: Params,
    ) -> Result<Results> {
        let store = store.as_context_mut();
        let store = &mut store.0.opaque;
        store.assert_owns(self.func.store_id(), "function");
        let mut slots = OwnedSlots::new(self.entrance.slots());
        params.lower(store, &mut slots)?;
        let slots = store
            .invoke_async(ThreadKind::New, self.entrance, self.raw, slots)?
            .await?;
        Ok(Results::lift(store, &slots))
    }
}

impl<Params, Results> Copy for TypedFunc<Params, Results> {}

impl<Params, Results> Clone for TypedFunc<Params, Results> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<Params, Results> std::fmt::Debug for TypedFunc<Params, Results> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TypedFunc")
            .field("func", &self.func)
            .finish_non_exhaustive()
    }
}

/// A Rust type that is a core value type: `i32`, `u32`, `i64`, `u64`, `f32`, `f64`, [`V128`],
/// `u128`, `Option<Func>`, `Option<ExternRef>` and `Option<ExnRef>`.
pub trait WasmTy: sealed::Sealed + 'static {
    /// The core value type.
    #[doc(hidden)]
    fn valtype() -> ValType;

    /// As a slot of a call.
    #[doc(hidden)]
    fn lower(self, store: &StoreOpaque) -> Result<ValRaw>;

    /// From a slot of a call.
    #[doc(hidden)]
    fn lift(store: &StoreOpaque, raw: &ValRaw) -> Self;
}

macro_rules! wasm_types {
    ($($ty:ty = $valtype:expr, $value:ident => $lower:expr, $raw:ident => $lift:expr;)*) => {$(
        impl sealed::Sealed for $ty {}

        impl WasmTy for $ty {
            fn valtype() -> ValType {
                $valtype
            }

            #[inline]
            fn lower(self, _store: &StoreOpaque) -> Result<ValRaw> {
                let $value = self;
                Ok($lower)
            }

            #[inline]
            fn lift(_store: &StoreOpaque, $raw: &ValRaw) -> $ty {
                $lift
            }
        }
    )*};
}

wasm_types! {
    i32 = ValType::I32, value => val_raw::from_i32(value), raw => val_raw::i32(raw);
    u32 = ValType::I32, value => val_raw::from_i32(value as i32), raw => val_raw::i32(raw) as u32;
    i64 = ValType::I64, value => val_raw::from_i64(value), raw => val_raw::i64(raw);
    u64 = ValType::I64, value => val_raw::from_i64(value as i64), raw => val_raw::i64(raw) as u64;
    f32 = ValType::F32, value => val_raw::from_f32(value.to_bits()),
        raw => f32::from_bits(val_raw::f32(raw));
    f64 = ValType::F64, value => val_raw::from_f64(value.to_bits()),
        raw => f64::from_bits(val_raw::f64(raw));
    u128 = ValType::V128, value => val_raw::from_v128(value.to_le_bytes()),
        raw => u128::from_le_bytes(val_raw::v128(raw));
    V128 = ValType::V128, value => val_raw::from_v128(value.as_u128().to_le_bytes()),
        raw => V128::from(u128::from_le_bytes(val_raw::v128(raw)));
}

impl sealed::Sealed for Option<Func> {}

impl WasmTy for Option<Func> {
    fn valtype() -> ValType {
        ValType::Ref(RefType::FUNCREF)
    }

    fn lower(self, store: &StoreOpaque) -> Result<ValRaw> {
        Func::lower(self, store)
    }

    fn lift(store: &StoreOpaque, raw: &ValRaw) -> Option<Func> {
        Func::load(store, raw)
    }
}

impl sealed::Sealed for Option<ExnRef> {}

impl WasmTy for Option<ExnRef> {
    fn valtype() -> ValType {
        ValType::Ref(RefType::EXNREF)
    }

    fn lower(self, store: &StoreOpaque) -> Result<ValRaw> {
        Ok(ExnRef::lower(self, store)?)
    }

    fn lift(store: &StoreOpaque, raw: &ValRaw) -> Option<ExnRef> {
        ExnRef::load(store, raw)
    }
}

impl sealed::Sealed for Option<ExternRef> {}

impl WasmTy for Option<ExternRef> {
    fn valtype() -> ValType {
        ValType::Ref(RefType::EXTERNREF)
    }

    fn lower(self, store: &StoreOpaque) -> Result<ValRaw> {
        ExternRef::lower(self, store)
    }

    fn lift(store: &StoreOpaque, raw: &ValRaw) -> Option<ExternRef> {
        ExternRef::load(store, raw)
    }
}

/// None, one or a tuple of up to 16 of [`WasmTy`].
pub trait WasmTyList: sealed::SealedList + 'static {
    /// Slots for the values.
    #[doc(hidden)]
    type Slots: SlotArray;

    /// The core value types.
    #[doc(hidden)]
    fn valtypes() -> Vec<ValType>;

    /// Writes the values to the first slots.
    #[doc(hidden)]
    fn lower(self, store: &StoreOpaque, slots: &mut [ValRaw]) -> Result<()>;

    /// Reads the values from the first slots.
    #[doc(hidden)]
    fn lift(store: &StoreOpaque, slots: &[ValRaw]) -> Self;
}

/// Parameters of a [`TypedFunc`].
pub trait WasmParams: WasmTyList {}

impl<T: WasmTyList> WasmParams for T {}

/// Results of a [`TypedFunc`].
pub trait WasmResults: WasmTyList {}

impl<T: WasmTyList> WasmResults for T {}

impl<A: WasmTy> sealed::SealedList for A {}

impl<A: WasmTy> WasmTyList for A {
    type Slots = [ValRaw; 1];

    fn valtypes() -> Vec<ValType> {
        vec![A::valtype()]
    }

    #[inline]
    fn lower(self, store: &StoreOpaque, slots: &mut [ValRaw]) -> Result<()> {
        slots[0] = WasmTy::lower(self, store)?;
        Ok(())
    }

    #[inline]
    fn lift(store: &StoreOpaque, slots: &[ValRaw]) -> A {
        <A as WasmTy>::lift(store, &slots[0])
    }
}

macro_rules! tuples {
    ($($count:literal: $($name:ident $index:tt),*;)*) => {$(
        impl<$($name: WasmTy),*> sealed::SealedList for ($($name,)*) {}

        impl<$($name: WasmTy),*> WasmTyList for ($($name,)*) {
            type Slots = [ValRaw; $count];

            fn valtypes() -> Vec<ValType> {
                vec![$($name::valtype()),*]
            }

            #[inline]
            fn lower(self, _store: &StoreOpaque, _slots: &mut [ValRaw]) -> Result<()> {
                $(_slots[$index] = self.$index.lower(_store)?;)*
                Ok(())
            }

            #[inline]
            #[allow(clippy::unused_unit, reason = "the empty tuple is one of the cases")]
            fn lift(_store: &StoreOpaque, _slots: &[ValRaw]) -> Self {
                ($($name::lift(_store, &_slots[$index]),)*)
            }
        }
    )*};
}

tuples! {
    0: ;
    1: A 0;
    2: A 0, B 1;
    3: A 0, B 1, C 2;
    4: A 0, B 1, C 2, D 3;
    5: A 0, B 1, C 2, D 3, E 4;
    6: A 0, B 1, C 2, D 3, E 4, F 5;
    7: A 0, B 1, C 2, D 3, E 4, F 5, G 6;
    8: A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7;
    9: A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7, I 8;
    10: A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7, I 8, J 9;
    11: A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7, I 8, J 9, K 10;
    12: A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7, I 8, J 9, K 10, L 11;
    13: A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7, I 8, J 9, K 10, L 11, M 12;
    14: A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7, I 8, J 9, K 10, L 11, M 12, N 13;
    15: A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7, I 8, J 9, K 10, L 11, M 12, N 13, O 14;
    16: A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7, I 8, J 9, K 10, L 11, M 12, N 13, O 14, P 15;
}

mod sealed {
    pub trait Sealed {}
    pub trait SealedList {}
}
