//! Host functions that components import and that are futures: a guest that calls one waits for it.
//!
//! A call owns all it needs, its parameters and the handles it was lent, because the stack that
//! the guest waits on may be taken away; see `vm::stack_switch`. Those that are ready when they
//! return are in `host_func`.

use super::host_func::{Dynamic, Typed, check_results};
use super::{ComponentNamedList, Lift, Lower, Val};
use crate::canonical_abi::{CallHandles, lift_from, lift_vals, lower_to, lower_vals};
use crate::store::{AsContextMut, StoreContextMut};
use crate::vm::{AsyncHostBody, CallSite, ComponentHostFunc, HostFuture, HostSlots};
use anyhow::Result;
use std::marker::PhantomData;

/// A host function whose types are Rust's.
pub(super) fn typed<T, P, R, F>(func: F) -> ComponentHostFunc
where
    T: Send + 'static,
    P: ComponentNamedList + Lift + 'static,
    R: ComponentNamedList + Lower + 'static,
    F: for<'a> Fn(StoreContextMut<'a, T>, P) -> Box<dyn Future<Output = Result<R>> + Send + 'a>
        + Send
        + Sync
        + 'static,
{
    ComponentHostFunc::new_async::<T, _>(Typed {
        func,
        types: PhantomData::<fn(P) -> R>,
    })
}

/// A host function that fits every type.
pub(super) fn dynamic<T, F>(func: F) -> ComponentHostFunc
where
    T: Send + 'static,
    F: for<'a> Fn(
            StoreContextMut<'a, T>,
            &'a [Val],
            &'a mut [Val],
        ) -> Box<dyn Future<Output = Result<()>> + Send + 'a>
        + Send
        + Sync
        + 'static,
{
    ComponentHostFunc::new_async::<T, _>(Dynamic { func })
}

/// A call in progress: gives back the handles that it was lent when it is dropped.
pub(super) struct Call<'a, T: 'static> {
    pub(super) store: StoreContextMut<'a, T>,
    pub(super) handles: CallHandles,
}

impl<'a, T: 'static> Call<'a, T> {
    pub(super) fn begin(store: StoreContextMut<'a, T>) -> Call<'a, T> {
        Call {
            store,
            handles: CallHandles::default(),
        }
    }
}

impl<T: 'static> Drop for Call<'_, T> {
    fn drop(&mut self) {
        std::mem::take(&mut self.handles).end(&self.store.0.opaque);
    }
}

impl<T, P, R, F> AsyncHostBody<T> for Typed<F, P, R>
where
    T: Send + 'static,
    P: ComponentNamedList + Lift + 'static,
    R: ComponentNamedList + Lower + 'static,
    F: for<'a> Fn(StoreContextMut<'a, T>, P) -> Box<dyn Future<Output = Result<R>> + Send + 'a>
        + Send
        + Sync
        + 'static,
{
    fn call<'a>(
        &'a self,
        store: StoreContextMut<'a, T>,
        site: CallSite,
        mut slots: HostSlots<'a>,
    ) -> HostFuture<'a> {
        Box::pin(async move {
            let mut this = Call::begin(store);
            let (params, out) = {
                let call = site.call(&this.handles);
                let cx = &mut call.lift(&this.store.0.opaque);
                let params = lift_from(cx, call.shape.params, site.max_flat_params(), &slots)?;
                let out = call.shape.out().map(|at| call.pointer(&slots[at]));
                (params, out)
            };
            let future = (self.func)(this.store.as_context_mut(), params);
            let result = Box::into_pin(future).await?;
            let call = site.call(&this.handles);
            let cx = &mut call.lower(&mut this.store.0.opaque);
            let results = call.shape.results;
            lower_to(
                &result,
                cx,
                results,
                site.max_flat_results(),
                &mut slots,
                out,
            )
        })
    }
}

impl<T, F> AsyncHostBody<T> for Dynamic<F>
where
    T: Send + 'static,
    F: for<'a> Fn(
            StoreContextMut<'a, T>,
            &'a [Val],
            &'a mut [Val],
        ) -> Box<dyn Future<Output = Result<()>> + Send + 'a>
        + Send
        + Sync
        + 'static,
{
    fn call<'a>(
        &'a self,
        store: StoreContextMut<'a, T>,
        site: CallSite,
        mut slots: HostSlots<'a>,
    ) -> HostFuture<'a> {
        Box::pin(async move {
            let mut this = Call::begin(store);
            let (params, mut results, out) = {
                let call = site.call(&this.handles);
                let func = &call.description().types.funcs[call.ty];
                let mut params = vec![Val::Bool(false); func.params.len()];
                let cx = &mut call.lift(&this.store.0.opaque);
                let in_memory = call.shape.flat_params.is_none();
                lift_vals(cx, call.shape.params, in_memory, &slots, &mut params)?;
                let out = call.shape.out().map(|at| call.pointer(&slots[at]));
                let results = vec![Val::Bool(false); usize::from(func.result.is_some())];
                (params, results, out)
            };
            let future = (self.func)(this.store.as_context_mut(), &params, &mut results);
            Box::into_pin(future).await?;
            let call = site.call(&this.handles);
            check_results(call.description(), call.ty, &results)?;
            let (ty, in_memory) = (call.shape.results, out.is_some());
            let cx = &mut call.lower(&mut this.store.0.opaque);
            lower_vals(cx, ty, in_memory, &results, &mut slots, out)
        })
    }
}
