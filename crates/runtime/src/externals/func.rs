//! [`Func`], a handle to a function.

use super::{Caller, TypedFunc, WasmParams, WasmResults};
use crate::host_func::{IntoFunc, dynamic};
use crate::store::{AsContext, AsContextMut, StoreId, StoreOpaque};
use crate::val::{Val, check_count};
use crate::vm::{FuncRefPtr, HostFunc, OwnedSlots, ThreadKind, val_raw};
use anyhow::{Context as _, Result, bail};
use std::sync::Arc;
use threadline_environ::layout::ValRaw;
use threadline_environ::{FuncType, ValType};

/// A function of a store, of wasm's or the host's.
#[derive(Copy, Clone, Debug)]
pub struct Func {
    store: StoreId,
    raw: FuncRefPtr,
}

impl Func {
    /// Makes a function of the host's from a closure whose type Rust knows: up to 16 parameters
    /// that are [`WasmTy`](crate::WasmTy), a [`Caller`] before them if it wants one; none, one
    /// or a tuple of results, bare or in an [`anyhow::Result`].
    ///
    /// # Panics
    /// If no trampoline can be compiled for its type.
    pub fn wrap<T: 'static, Params, Results>(
        mut store: impl AsContextMut<Data = T>,
        func: impl IntoFunc<T, Params, Results>,
    ) -> Func {
        let store = store.as_context_mut().opaque();
        let host = func.into_func(store.engine());
        Func::from_host(store, host)
    }

    /// Makes a function of the host's from a closure that gets any values. It must fill in as
    /// many results as the type has, of those types; they start as zeros and nulls.
    ///
    /// # Panics
    /// If no trampoline can be compiled for its type, or the type mentions a function type that the
    /// engine doesn't know. ([`Linker::func_new`](crate::Linker::func_new) has an error for that.)
    pub fn new<T: 'static>(
        mut store: impl AsContextMut<Data = T>,
        ty: FuncType,
        func: impl Fn(Caller<'_, T>, &[Val], &mut [Val]) -> Result<()> + Send + Sync + 'static,
    ) -> Func {
        let store = store.as_context_mut().opaque();
        let host = dynamic(store.engine(), ty, func);
        Func::from_host(store, host)
    }

    fn from_host(store: &mut StoreOpaque, host: HostFunc) -> Func {
        match store.add_host_func(&Arc::new(host), None) {
            Ok(raw) => Func::from_raw(store, raw),
            Err(error) => panic!("a host function can't be made callable: {error:#}"),
        }
    }

    /// Its type.
    ///
    /// # Panics
    /// If it belongs to another store.
    pub fn ty(&self, store: impl AsContext) -> FuncType {
        let store = store.as_context().opaque();
        let raw = self.owned(store);
        (*store.engine().func_type(raw.type_id())).clone()
    }

    /// Calls it. `results` must be as long as the function has results; what it holds is
    /// overwritten.
    ///
    /// # Errors
    /// If `params` or `results` don't fit the function's type, if the guest traps (a
    /// [`Trap`](crate::Trap)), or if a host function it calls fails.
    ///
    /// # Panics
    /// If it belongs to another store, or a host function it calls panics.
    pub fn call(
        &self,
        mut store: impl AsContextMut,
        params: &[Val],
        results: &mut [Val],
    ) -> Result<()> {
        let store = store.as_context_mut().opaque();
        let ty = self.check_counts(store, params.len(), results.len())?;
        let entrance = store.entrance(self.raw.type_id())?;
        let mut slots = vec![val_raw::ZERO; entrance.slots()];
        lower_params(store, &ty, params, &mut slots)?;
        store.invoke(ThreadKind::New, entrance, self.raw.function(), &mut slots)?;
        lift_results(store, &ty, &slots, results);
        Ok(())
    }

    /// Calls it as [`Func::call`] does, on a stack of its own, so that host functions that are
    /// futures ([`Linker::func_wrap_async`](crate::Linker::func_wrap_async)) can be waited for and
    /// wasm can yield. The future has borrowed the store: until it is ready, everything in the store
    /// waits for it.
    ///
    /// Dropping the future before it is ready ends the call where it is. No guest code runs for
    /// that; the instance stays as it was left.
    ///
    /// # Errors
    /// As [`Func::call`], and if there is no stack
    /// ([`Config::max_async_stacks`](crate::Config::max_async_stacks)).
    ///
    /// # Panics
    /// As [`Func::call`].
    pub async fn call_async(
        &self,
        mut store: impl AsContextMut<Data: Send>,
        params: &[Val],
        results: &mut [Val],
    ) -> Result<()> {
        let store = store.as_context_mut();
        let store = &mut store.0.opaque;
        let ty = self.check_counts(store, params.len(), results.len())?;
        let entrance = store.entrance(self.raw.type_id())?;
        let mut slots = OwnedSlots::new(entrance.slots());
        lower_params(store, &ty, params, &mut slots)?;
        let call = store.invoke_async(ThreadKind::New, entrance, self.raw.function(), slots)?;
        let slots = call.await?;
        lift_results(store, &ty, &slots, results);
        Ok(())
    }

    /// Its type, if the numbers fit.
    fn check_counts(
        &self,
        store: &StoreOpaque,
        params: usize,
        results: usize,
    ) -> Result<Arc<FuncType>> {
        let ty = store.engine().func_type(self.owned(store).type_id());
        check_count("arguments", ty.params().len(), params)?;
        check_count("results", ty.results().len(), results)?;
        Ok(ty)
    }

    /// The function with its type known to Rust: parameters of more general types are accepted,
    /// and so are results of more special ones.
    ///
    /// # Errors
    /// If its type doesn't match.
    ///
    /// # Panics
    /// If it belongs to another store.
    pub fn typed<Params: WasmParams, Results: WasmResults>(
        &self,
        mut store: impl AsContextMut,
    ) -> Result<TypedFunc<Params, Results>> {
        let store = store.as_context_mut().opaque();
        let type_id = self.owned(store).type_id();
        let expected = FuncType::new(Params::valtypes(), Results::valtypes());
        let found = store.engine().func_type(type_id);
        if !callable_as(store.engine(), &found, &expected) {
            bail!("type mismatch: expected a function {expected}, found {found}");
        }
        Ok(TypedFunc::new(*self, store.entrance(type_id)?))
    }

    pub(crate) fn from_raw(store: &StoreOpaque, raw: FuncRefPtr) -> Func {
        Func {
            store: store.id(),
            raw,
        }
    }

    pub(crate) fn load(store: &StoreOpaque, raw: &ValRaw) -> Option<Func> {
        val_raw::funcref(raw).map(|func| Func::from_raw(store, func))
    }

    pub(crate) fn lower(this: Option<Func>, store: &StoreOpaque) -> Result<ValRaw> {
        if let Some(this) = this {
            store.check(this.store, "function")?;
        }
        Ok(val_raw::from_funcref(this.map(|this| this.raw)))
    }

    pub(crate) fn store_id(&self) -> StoreId {
        self.store
    }

    /// The function, once it has been matched with its store.
    pub(crate) fn raw(&self) -> FuncRefPtr {
        self.raw
    }

    fn owned(&self, store: &StoreOpaque) -> FuncRefPtr {
        store.assert_owns(self.store, "function");
        self.raw
    }
}

fn lower_params(
    store: &StoreOpaque,
    ty: &FuncType,
    params: &[Val],
    slots: &mut [ValRaw],
) -> Result<()> {
    for (i, (&value, &ty)) in params.iter().zip(ty.params()).enumerate() {
        slots[i] = value
            .to_raw(store, ty)
            .with_context(|| format!("argument {i}"))?;
    }
    Ok(())
}

fn lift_results(store: &StoreOpaque, ty: &FuncType, slots: &[ValRaw], results: &mut [Val]) {
    for ((result, slot), &ty) in results.iter_mut().zip(slots).zip(ty.results()) {
        *result = Val::from_raw(store, slot, ty);
    }
}

/// Whether a function of type `found` can be called as one of type `expected`.
fn callable_as(engine: &crate::Engine, found: &FuncType, expected: &FuncType) -> bool {
    let all_match = |given: &[ValType], wanted: &[ValType]| {
        let mut pairs = given.iter().zip(wanted);
        given.len() == wanted.len() && pairs.all(|(&a, &b)| engine.val_type_matches(a, b))
    };
    all_match(expected.params(), found.params()) && all_match(found.results(), expected.results())
}
