//! Host functions that components import and that are tasks of the host: while they go on, guests and
//! other host functions do, too.
//!
//! Parameters are lifted at once, and the result is lowered when the future is ready, which is polled once
//! at once. What is kept meanwhile is in `crate::concurrent`. An import whose type isn't `async` can't be
//! waited for by its caller alone: then everything waits, as in `async_host_func`.

use super::accessor::Accessor;
use super::async_host_func::Call;
use super::error::ComponentError;
use super::host_func::{self, lower_results, params_of};
use super::type_check::check_func;
use super::types::Description;
use super::{ComponentNamedList, Lift, Lower, Val};
use crate::bug::bug;
use crate::canonical_abi::{CallHandles, ResourceLookup, lift_from, lower_to};
use crate::concurrent::HostTaskFuture;
use crate::store::{StoreContextMut, StoreOpaque};
use crate::trap::Trap;
use crate::vm::{
    AsyncHostBody, CallSite, ComponentHostFunc, ConcurrentHostBody, HostCall, HostFuture,
    HostSlots, TypedImport, lend, val_raw, with_lent,
};
use anyhow::Result;
use std::future::poll_fn;
use std::marker::PhantomData;
use threadline_environ::ComponentFuncTypeIndex;
use threadline_environ::layout::ValRaw;

/// A host function whose types are Rust's.
pub(super) fn typed<T, P, R, F, Fut>(func: F) -> ComponentHostFunc
where
    T: Send + 'static,
    P: ComponentNamedList + Lift + 'static,
    R: ComponentNamedList + Lower + 'static,
    F: Fn(&'static Accessor<T>, P) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<R>> + Send + 'static,
{
    ComponentHostFunc::new_concurrent::<T, _>(Typed {
        func,
        types: PhantomData::<fn(&T, P) -> R>,
    })
}

/// A host function that fits every type.
pub(super) fn dynamic<T, F, Fut>(func: F) -> ComponentHostFunc
where
    T: Send + 'static,
    F: Fn(&'static Accessor<T>, Vec<Val>) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<Vec<Val>>> + Send + 'static,
{
    ComponentHostFunc::new_concurrent::<T, _>(Dynamic {
        func,
        data: PhantomData::<fn(&T)>,
    })
}

/// Lowers a result, with the flat ones in a slot, which is returned. The store is lent.
fn lower(
    site: CallSite,
    lower: impl FnOnce(HostCall<'_>, &mut StoreOpaque, &mut [ValRaw]) -> Result<()>,
) -> Result<u64> {
    let lowered = with_lent(|store| {
        if site.caller().0.is_locked() {
            return Err(Trap::CannotEnterComponent.into());
        }
        let handles = CallHandles::default();
        let mut slots = [val_raw::ZERO];
        lower(site.call(&handles), store, &mut slots)?;
        Ok(val_raw::i64(&slots[0]) as u64)
    });
    match lowered {
        Some(result) => result,
        None => Err(bug!("a host function's future is polled without its store").into()),
    }
}

/// As [`AsyncHostBody::call`], by a function that isn't waited for by its caller alone.
fn call_blocking<'a, T: Send + 'static>(
    body: &'a impl ConcurrentHostBody,
    store: StoreContextMut<'a, T>,
    site: CallSite,
    mut slots: HostSlots<'a>,
) -> HostFuture<'a> {
    Box::pin(async move {
        let this = Call::begin(store);
        let opaque = &mut this.store.0.opaque;
        let mut future = body.begin(opaque, site, &this.handles, &slots)?;
        let poll = poll_fn(|cx| lend(&mut this.store.0.opaque, || future.as_mut().poll(cx)));
        let flat = poll.await?;
        if site.has_flat_result() {
            slots[0] = val_raw::from_i64(flat as i64);
        }
        Ok(())
    })
}

struct Typed<F, S> {
    func: F,
    types: PhantomData<S>,
}

impl<F, T, P, R> TypedImport for Typed<F, fn(&T, P) -> R>
where
    F: Send + Sync + 'static,
    T: 'static,
    P: ComponentNamedList + 'static,
    R: ComponentNamedList + 'static,
{
    fn typecheck(
        &self,
        of: &Description,
        resources: ResourceLookup<'_>,
        ty: ComponentFuncTypeIndex,
    ) -> Result<(), ComponentError> {
        check_func::<P, R>(of, resources, ty)
    }
}

impl<T, P, R, F, Fut> ConcurrentHostBody for Typed<F, fn(&T, P) -> R>
where
    T: Send + 'static,
    P: ComponentNamedList + Lift + 'static,
    R: ComponentNamedList + Lower + 'static,
    F: Fn(&'static Accessor<T>, P) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<R>> + Send + 'static,
{
    #[inline]
    fn begin(
        &self,
        store: &mut StoreOpaque,
        site: CallSite,
        handles: &CallHandles,
        slots: &[ValRaw],
    ) -> Result<HostTaskFuture> {
        let call = site.call(handles);
        let cx = &mut call.lift(store);
        let params = lift_from(cx, call.shape.params, site.max_flat_params(), slots)?;
        let out = call.shape.out().map(|at| call.pointer(&slots[at]));
        let future = lend(store, || (self.func)(Accessor::OF_STORE, params));
        Ok(Box::pin(async move {
            let result = future.await?;
            lower(site, |call, store, slots| {
                let cx = &mut call.lower(store);
                let max_flat = site.max_flat_results();
                lower_to(&result, cx, call.shape.results, max_flat, slots, out)
            })
        }))
    }
}

impl<T, P, R, F, Fut> AsyncHostBody<T> for Typed<F, fn(&T, P) -> R>
where
    T: Send + 'static,
    P: ComponentNamedList + Lift + 'static,
    R: ComponentNamedList + Lower + 'static,
    F: Fn(&'static Accessor<T>, P) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<R>> + Send + 'static,
{
    fn call<'a>(
        &'a self,
        store: StoreContextMut<'a, T>,
        site: CallSite,
        slots: HostSlots<'a>,
    ) -> HostFuture<'a> {
        call_blocking(self, store, site, slots)
    }
}

struct Dynamic<F, S> {
    func: F,
    data: PhantomData<S>,
}

impl<F: Send + Sync + 'static, S: Send + Sync + 'static> TypedImport for Dynamic<F, S> {
    fn typecheck(
        &self,
        _: &Description,
        _: ResourceLookup<'_>,
        _: ComponentFuncTypeIndex,
    ) -> Result<(), ComponentError> {
        Ok(())
    }
}

impl<T, F, Fut> ConcurrentHostBody for Dynamic<F, fn(&T)>
where
    T: Send + 'static,
    F: Fn(&'static Accessor<T>, Vec<Val>) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<Vec<Val>>> + Send + 'static,
{
    fn begin(
        &self,
        store: &mut StoreOpaque,
        site: CallSite,
        handles: &CallHandles,
        slots: &[ValRaw],
    ) -> Result<HostTaskFuture> {
        let params = lift_params(store, site, handles, slots)?;
        let future = lend(store, || (self.func)(Accessor::OF_STORE, params));
        Ok(lowered(site, slots, future))
    }
}

/// The parameters of a call by their types.
pub(super) fn lift_params(
    store: &StoreOpaque,
    site: CallSite,
    handles: &CallHandles,
    slots: &[ValRaw],
) -> Result<Vec<Val>> {
    let call = site.call(handles);
    let mut params = vec![Val::Bool(false); params_of(call)];
    host_func::lift_params(store, call, slots, &mut params)?;
    Ok(params)
}

/// What a future gives is checked and lowered.
pub(super) fn lowered(
    site: CallSite,
    slots: &[ValRaw],
    future: impl Future<Output = Result<Vec<Val>>> + Send + 'static,
) -> HostTaskFuture {
    let handles = CallHandles::default();
    let call = site.call(&handles);
    let out = call.shape.out().map(|at| call.pointer(&slots[at]));
    Box::pin(async move {
        let results = future.await?;
        lower(site, |call, store, slots| {
            let expected = call.description().types.funcs[call.ty].result;
            let (expected, found) = (usize::from(expected.is_some()), results.len());
            if expected != found {
                return Err(ComponentError::ValueCount {
                    what: "results",
                    expected,
                    found,
                }
                .into());
            }
            lower_results(store, call, slots, &results, out)
        })
    })
}

impl<T, F, Fut> AsyncHostBody<T> for Dynamic<F, fn(&T)>
where
    T: Send + 'static,
    F: Fn(&'static Accessor<T>, Vec<Val>) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<Vec<Val>>> + Send + 'static,
{
    fn call<'a>(
        &'a self,
        store: StoreContextMut<'a, T>,
        site: CallSite,
        slots: HostSlots<'a>,
    ) -> HostFuture<'a> {
        call_blocking(self, store, site, slots)
    }
}
