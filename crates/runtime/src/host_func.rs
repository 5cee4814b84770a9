//! From Rust closures to host functions that wasm can call.

use crate::Engine;
use crate::externals::{Caller, WasmResults, WasmTy, WasmTyList};
use crate::store::StoreOpaque;
use crate::val::Val;
use crate::vm::{HostFunc, HostFuture, HostSlots};
use anyhow::{Context as _, Result};
use std::sync::Arc;
use threadline_environ::FuncType;
use threadline_environ::layout::ValRaw;

/// A closure that can become a host function for a `Store<T>`.
///
/// `Params` and `Results` are the closure's own, so that one closure has one implementation.
pub trait IntoFunc<T, Params, Results>: Send + Sync + 'static {
    /// The host function.
    #[doc(hidden)]
    #[allow(private_interfaces, reason = "embedders don't call it")]
    fn into_func(self, engine: &Engine) -> HostFunc;
}

/// What a host function may return: [`WasmResults`], or an [`anyhow::Result`] of them.
pub trait WasmRet {
    /// The results proper.
    #[doc(hidden)]
    type Values: WasmResults;

    /// The results, or the error that ends the guest.
    #[doc(hidden)]
    fn into_result(self) -> Result<Self::Values>;
}

impl<R: WasmResults> WasmRet for R {
    type Values = R;

    #[inline]
    fn into_result(self) -> Result<R> {
        Ok(self)
    }
}

impl<R: WasmResults> WasmRet for Result<R, anyhow::Error> {
    type Values = R;

    #[inline]
    fn into_result(self) -> Result<R> {
        self
    }
}

/// A host function from a closure that reads and writes lists of values.
fn typed<T, P, R>(
    engine: &Engine,
    func: impl Fn(Caller<'_, T>, P) -> Result<R> + Send + Sync + 'static,
) -> HostFunc
where
    T: 'static,
    P: WasmTyList,
    R: WasmTyList,
{
    let (params, results) = (P::valtypes(), R::valtypes());
    let slots = params.len().max(results.len());
    let types = engine.intern(&FuncType::new(params, results));
    let body = move |mut caller: Caller<'_, T>, slots: &mut [ValRaw]| {
        let params = P::lift(caller.opaque(), slots);
        let results = func(caller.reborrow(), params)?;
        results.lower(caller.opaque(), slots)
    };
    HostFunc::new(types, slots, body)
}

/// A host function from a closure that gets any values.
pub(crate) fn dynamic<T: 'static>(
    engine: &Engine,
    ty: FuncType,
    func: impl Fn(Caller<'_, T>, &[Val], &mut [Val]) -> Result<()> + Send + Sync + 'static,
) -> HostFunc {
    let types = engine.intern(&ty);
    let slots = ty.params().len().max(ty.results().len());
    let body = move |mut caller: Caller<'_, T>, slots: &mut [ValRaw]| {
        let (params, mut results) = lift_vals(caller.opaque(), &ty, slots);
        func(caller.reborrow(), &params, &mut results)?;
        lower_results(caller.opaque(), &ty, &results, slots)
    };
    HostFunc::new(types, slots, body)
}

/// A host function from a closure that makes a future from a list of values.
pub(crate) fn typed_async<T, P, R>(
    engine: &Engine,
    func: impl for<'a> Fn(Caller<'a, T>, P) -> Box<dyn Future<Output = R> + Send + 'a>
    + Send
    + Sync
    + 'static,
) -> HostFunc
where
    T: Send + 'static,
    P: WasmTyList + Send,
    R: WasmRet + 'static,
{
    let (params, results) = (P::valtypes(), R::Values::valtypes());
    let slots = params.len().max(results.len());
    let types = engine.intern(&FuncType::new(params, results));
    let func = Arc::new(func);
    HostFunc::new_async(types, slots, move |caller: Caller<'_, T>, slots| {
        let func = func.clone();
        call_typed(func, caller, slots)
    })
}

/// The future of a call of such a function.
fn call_typed<'a, T, P, R, F>(
    func: Arc<F>,
    mut caller: Caller<'a, T>,
    mut slots: HostSlots<'a>,
) -> HostFuture<'a>
where
    T: Send + 'static,
    P: WasmTyList + Send,
    R: WasmRet + 'static,
    F: for<'b> Fn(Caller<'b, T>, P) -> Box<dyn Future<Output = R> + Send + 'b>
        + Send
        + Sync
        + 'static,
{
    Box::pin(async move {
        let params = P::lift(caller.opaque(), &slots);
        let future = Box::into_pin(func(caller.reborrow(), params));
        let results = future.await.into_result()?;
        results.lower(caller.opaque(), &mut slots)
    })
}

/// A host function from a closure that makes a future from any values.
pub(crate) fn dynamic_async<T: Send + 'static>(
    engine: &Engine,
    ty: FuncType,
    func: impl for<'a> Fn(
        Caller<'a, T>,
        &'a [Val],
        &'a mut [Val],
    ) -> Box<dyn Future<Output = Result<()>> + Send + 'a>
    + Send
    + Sync
    + 'static,
) -> HostFunc {
    let types = engine.intern(&ty);
    let slots = ty.params().len().max(ty.results().len());
    let shared = Arc::new((func, ty));
    HostFunc::new_async(types, slots, move |mut caller: Caller<'_, T>, mut slots| {
        let shared = shared.clone();
        Box::pin(async move {
            let (func, ty) = &*shared;
            let (params, mut results) = lift_vals(caller.opaque(), ty, &slots);
            let future = Box::into_pin(func(caller.reborrow(), &params, &mut results));
            future.await?;
            lower_results(caller.opaque(), ty, &results, &mut slots)
        })
    })
}

/// The parameters of a call, and places for its results.
fn lift_vals(store: &StoreOpaque, ty: &FuncType, slots: &[ValRaw]) -> (Vec<Val>, Vec<Val>) {
    let typed_slots = slots.iter().zip(ty.params());
    let params = typed_slots.map(|(slot, &ty)| Val::from_raw(store, slot, ty));
    let results = ty.results().iter();
    let results = results.map(|&ty| Val::default_for_ty(ty).unwrap_or(Val::I32(0)));
    (params.collect(), results.collect())
}

fn lower_results(
    store: &StoreOpaque,
    ty: &FuncType,
    results: &[Val],
    slots: &mut [ValRaw],
) -> Result<()> {
    for (i, (&value, &ty)) in results.iter().zip(ty.results()).enumerate() {
        slots[i] = value
            .to_raw(store, ty)
            .with_context(|| format!("result {i} of a host function"))?;
    }
    Ok(())
}

macro_rules! closures {
    ($($($name:ident)*;)*) => {$(
        #[allow(non_snake_case, reason = "values are named after their types")]
        impl<T, Func, R, $($name),*> IntoFunc<T, ($($name,)*), R> for Func
        where
            T: 'static,
            Func: Fn($($name),*) -> R + Send + Sync + 'static,
            R: WasmRet,
            $($name: WasmTy,)*
        {
            #[allow(private_interfaces, reason = "embedders don't call it")]
            fn into_func(self, engine: &Engine) -> HostFunc {
                typed(engine, move |_caller: Caller<'_, T>, ($($name,)*): ($($name,)*)| {
                    self($($name),*).into_result()
                })
            }
        }

        #[allow(non_snake_case, reason = "values are named after their types")]
        impl<T, Func, R, $($name),*> IntoFunc<T, (Caller<'_, T>, $($name,)*), R> for Func
        where
            T: 'static,
            Func: Fn(Caller<'_, T>, $($name),*) -> R + Send + Sync + 'static,
            R: WasmRet,
            $($name: WasmTy,)*
        {
            #[allow(private_interfaces, reason = "embedders don't call it")]
            fn into_func(self, engine: &Engine) -> HostFunc {
                typed(engine, move |caller: Caller<'_, T>, ($($name,)*): ($($name,)*)| {
                    self(caller, $($name),*).into_result()
                })
            }
        }
    )*};
}

closures! {
    ;
    A1;
    A1 A2;
    A1 A2 A3;
    A1 A2 A3 A4;
    A1 A2 A3 A4 A5;
    A1 A2 A3 A4 A5 A6;
    A1 A2 A3 A4 A5 A6 A7;
    A1 A2 A3 A4 A5 A6 A7 A8;
    A1 A2 A3 A4 A5 A6 A7 A8 A9;
    A1 A2 A3 A4 A5 A6 A7 A8 A9 A10;
    A1 A2 A3 A4 A5 A6 A7 A8 A9 A10 A11;
    A1 A2 A3 A4 A5 A6 A7 A8 A9 A10 A11 A12;
    A1 A2 A3 A4 A5 A6 A7 A8 A9 A10 A11 A12 A13;
    A1 A2 A3 A4 A5 A6 A7 A8 A9 A10 A11 A12 A13 A14;
    A1 A2 A3 A4 A5 A6 A7 A8 A9 A10 A11 A12 A13 A14 A15;
    A1 A2 A3 A4 A5 A6 A7 A8 A9 A10 A11 A12 A13 A14 A15 A16;
}
