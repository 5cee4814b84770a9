//! [`TypedFunc`]: an exported function whose types are Rust's, known to fit.

use super::func::Func;
use super::{ComponentNamedList, Lift, Lower};
use crate::canonical_abi::{LiftContext, LowerContext, lift_from, lower_to};
use crate::store::AsContextMut;
use crate::vm::val_raw;
use anyhow::Result;
use std::fmt;
use std::marker::PhantomData;
use threadline_environ::canonical_abi::{MAX_FLAT_PARAMS, MAX_FLAT_RESULTS};
use threadline_environ::layout::ValRaw;

/// A [`Func`] whose parameters and result are Rust's types: `Params` is a tuple, `Return` a tuple
/// of one, or `()`.
///
/// Types were compared once; a call compares nothing, looks nothing up and, for scalars,
/// allocates nothing.
pub struct TypedFunc<Params, Return> {
    func: Func,
    types: PhantomData<fn(Params) -> Return>,
}

impl<Params, Return> TypedFunc<Params, Return> {
    /// `func` has these types.
    pub(super) fn new(func: Func) -> TypedFunc<Params, Return> {
        TypedFunc {
            func,
            types: PhantomData,
        }
    }

    /// The function without its types.
    pub fn func(&self) -> &Func {
        &self.func
    }
}

impl<Params, Return> TypedFunc<Params, Return>
where
    Params: ComponentNamedList + Lower,
    Return: ComponentNamedList + Lift,
{
    /// Calls the function. `post-return`, if it has one, has run when this returns.
    ///
    /// # Errors
    /// As [`Func::call`], but for types, which have been checked; a resource that is not of its type
    /// or store, or gone, is found before anything happens, there as here.
    ///
    /// # Panics
    /// If a host function that the guest called panicked, with its payload.
    #[inline]
    pub fn call(&self, store: impl AsContextMut, params: Params) -> Result<Return> {
        self.call_as(store, params)
    }

    /// Calls the function with the guest on a stack of its own; see [`Func::call_async`].
    ///
    /// # Errors
    /// As [`TypedFunc::call`], and if there is no stack.
    ///
    /// # Panics
    /// As [`TypedFunc::call`].
    pub async fn call_async(
        &self,
        store: impl AsContextMut<Data: Send>,
        params: Params,
    ) -> Result<Return> {
        self.call_async_as(store, params).await
    }

    /// As [`TypedFunc::call_as`], in a future.
    ///
    /// # Errors
    /// As [`TypedFunc::call_async`].
    #[doc(hidden)]
    pub async fn call_async_as<Given>(
        &self,
        mut store: impl AsContextMut<Data: Send>,
        params: Given,
    ) -> Result<Return>
    where
        Given: ComponentNamedList + Lower,
    {
        const { assert!(Params::ABI.is_same(&Given::ABI), "the layouts differ") };
        let store = store.as_context_mut().opaque();
        let func = self.func.get(store)?;
        func.check_handles(store, &params)?;
        let shape = func.shape;
        let lower = |cx: &mut LowerContext<'_>, slots: &mut [ValRaw]| {
            lower_to(&params, cx, shape.params, MAX_FLAT_PARAMS, slots, None)
        };
        let lift = |cx: &mut LiftContext<'_>, slots: &[ValRaw]| {
            lift_from(cx, shape.results, MAX_FLAT_RESULTS, slots)
        };
        if let Some(&task) = func.task() {
            let lift = |cx: &mut LiftContext<'_>, slots: &[ValRaw]| {
                lift_from(cx, shape.results, task.max_flat_results(), slots)
            };
            return func.call_task_async(store, task, lower, lift).await;
        }
        func.call_async(store, lower, lift).await
    }

    /// Calls the function with parameters that stand for the same types in another way, such as
    /// with references that don't live as long. That they have the same layout is a condition for
    /// this to compile; that they stand for the same types is for the caller to know.
    ///
    /// # Errors
    /// As [`TypedFunc::call`].
    #[doc(hidden)]
    #[inline]
    pub fn call_as<Given>(&self, mut store: impl AsContextMut, params: Given) -> Result<Return>
    where
        Given: ComponentNamedList + Lower,
    {
        const { assert!(Params::ABI.is_same(&Given::ABI), "the layouts differ") };
        let store = store.as_context_mut().opaque();
        let func = self.func.get(store)?;
        func.check_handles(store, &params)?;
        let shape = func.shape;
        if let Some(task) = func.task() {
            return func.call_task(
                store,
                task,
                |cx, slots| lower_to(&params, cx, shape.params, MAX_FLAT_PARAMS, slots, None),
                |cx, slots| lift_from(cx, shape.results, task.max_flat_results(), slots),
            );
        }
        with_slots(Params::ABI.flat_count(), |slots| {
            func.call(
                store,
                slots,
                |cx, slots| lower_to(&params, cx, shape.params, MAX_FLAT_PARAMS, slots, None),
                |cx, slots| lift_from(cx, shape.results, MAX_FLAT_RESULTS, slots),
            )
        })
    }
}

/// Lends an array of slots, at least `count` and one of them, or [`MAX_FLAT_PARAMS`] if `count` is
/// more. Where `count` is known to the compiler, so is the array's size.
#[inline(always)]
fn with_slots<R>(count: usize, call: impl FnOnce(&mut [ValRaw]) -> R) -> R {
    match count {
        0..=1 => call(&mut [val_raw::ZERO; 1]),
        2..=4 => call(&mut [val_raw::ZERO; 4]),
        _ => call(&mut [val_raw::ZERO; MAX_FLAT_PARAMS]),
    }
}

impl<Params, Return> Copy for TypedFunc<Params, Return> {}

impl<Params, Return> Clone for TypedFunc<Params, Return> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<Params, Return> fmt::Debug for TypedFunc<Params, Return> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TypedFunc")
            .field("func", &self.func)
            .finish()
    }
}
