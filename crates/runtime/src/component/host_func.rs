//! Host functions that components import: `canon lower` of a host function.
//!
//! A body gets the flat parameters of a call in an array of slots and leaves the flat results
//! there. Typed bodies lift and lower as their Rust types say, dynamic ones as the import's type.

use super::error::ComponentError;
use super::type_check::check_func;
use super::types::{ComponentFunc, Description};
use super::val::ValTypes;
use super::{ComponentNamedList, Lift, Lower, Val};
use crate::canonical_abi::{ResourceLookup, lift_from, lift_vals, lower_to, lower_vals};
use crate::store::{AsContextMut, StoreContextMut, StoreOpaque};
use crate::vm::{ComponentHostFunc, HostBody, HostCall, Lowering, TypedImport};
use anyhow::Result;
use std::marker::PhantomData;
use threadline_environ::ComponentFuncTypeIndex;
use threadline_environ::component::InterfaceType;
use threadline_environ::layout::ValRaw;

/// A host function whose types are Rust's.
pub(super) fn typed<T, P, R, F>(func: F) -> ComponentHostFunc
where
    T: 'static,
    P: ComponentNamedList + Lift + 'static,
    R: ComponentNamedList + Lower + 'static,
    F: Fn(StoreContextMut<'_, T>, P) -> Result<R> + Send + Sync + 'static,
{
    ComponentHostFunc::new::<T, _>(Typed {
        func,
        types: PhantomData::<fn(P) -> R>,
    })
}

/// A host function that fits every type.
pub(super) fn dynamic<T, F>(func: F) -> ComponentHostFunc
where
    T: 'static,
    F: Fn(StoreContextMut<'_, T>, &[Val], &mut [Val]) -> Result<()> + Send + Sync + 'static,
{
    ComponentHostFunc::new::<T, _>(Dynamic { func })
}

/// A function of some kind whose types are Rust's.
pub(super) struct Typed<F, P, R> {
    pub(super) func: F,
    pub(super) types: PhantomData<fn(P) -> R>,
}

impl<F, P, R> TypedImport for Typed<F, P, R>
where
    F: Send + Sync + 'static,
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

impl<T, P, R, F> HostBody<T> for Typed<F, P, R>
where
    T: 'static,
    P: ComponentNamedList + Lift + 'static,
    R: ComponentNamedList + Lower + 'static,
    F: Fn(StoreContextMut<'_, T>, P) -> Result<R> + Send + Sync + 'static,
{
    #[inline]
    fn call<W: Lowering>(
        &self,
        mut store: StoreContextMut<'_, T>,
        call: HostCall<'_>,
        slots: &mut [ValRaw],
    ) -> Result<()> {
        let shape = call.shape;
        let cx = &mut call.lift(&store.0.opaque);
        let params = lift_from(cx, shape.params, W::MAX_FLAT_PARAMS, slots)?;
        let out = const {
            match R::ABI.flat_count() > W::MAX_FLAT_RESULTS {
                false => None,
                true if P::ABI.flat_count() > W::MAX_FLAT_PARAMS => Some(1),
                true => Some(P::ABI.flat_count()),
            }
        };
        let out = out.map(|position: usize| call.pointer(&slots[position]));
        let result = (self.func)(store.as_context_mut(), params)?;
        let cx = &mut call.lower(&mut store.0.opaque);
        lower_to(&result, cx, shape.results, W::MAX_FLAT_RESULTS, slots, out)
    }
}

/// A function of some kind that fits every type.
pub(super) struct Dynamic<F> {
    pub(super) func: F,
}

impl<F: Send + Sync + 'static> TypedImport for Dynamic<F> {
    fn typecheck(
        &self,
        _: &Description,
        _: ResourceLookup<'_>,
        _: ComponentFuncTypeIndex,
    ) -> Result<(), ComponentError> {
        Ok(())
    }
}

impl<T, F> HostBody<T> for Dynamic<F>
where
    T: 'static,
    F: Fn(StoreContextMut<'_, T>, &[Val], &mut [Val]) -> Result<()> + Send + Sync + 'static,
{
    fn call<W: Lowering>(
        &self,
        store: StoreContextMut<'_, T>,
        call: HostCall<'_>,
        slots: &mut [ValRaw],
    ) -> Result<()> {
        call_dynamic(&self.func, store, call, slots)
    }
}

/// Up to that many parameters of a dynamic call aren't allocated.
const FEW_PARAMS: usize = 4;

/// Calls a function with values whose types are those of the import.
pub(super) fn call_dynamic<T, F>(
    func: &F,
    mut store: StoreContextMut<'_, T>,
    call: HostCall<'_>,
    slots: &mut [ValRaw],
) -> Result<()>
where
    T: 'static,
    F: Fn(StoreContextMut<'_, T>, &[Val], &mut [Val]) -> Result<()>,
{
    let mut few = [const { Val::Bool(false) }; FEW_PARAMS];
    let mut many = Vec::new();
    let count = params_of(call);
    let params = match few.get_mut(..count) {
        Some(params) => params,
        None => {
            many.resize(count, Val::Bool(false));
            &mut many[..]
        }
    };
    let out = lift_params(&store.0.opaque, call, slots, params)?;
    let mut result = [Val::Bool(false)];
    let results = &mut result[..results_of(call)];
    func(store.as_context_mut(), params, results)?;
    lower_results(&mut store.0.opaque, call, slots, results, out)
}

/// The parameters of a call, as many as there are places for; and where its result goes if that is
/// in memory.
#[inline]
pub(super) fn lift_params(
    store: &StoreOpaque,
    call: HostCall<'_>,
    slots: &[ValRaw],
    params: &mut [Val],
) -> Result<Option<u64>> {
    let shape = call.shape;
    let cx = &mut call.lift(store);
    let in_memory = shape.flat_params.is_none();
    lift_vals(cx, shape.params, in_memory, slots, params)?;
    Ok(shape.out().map(|position| call.pointer(&slots[position])))
}

/// How many parameters a call has.
pub(super) fn params_of(call: HostCall<'_>) -> usize {
    call.description().types.funcs[call.ty].params.len()
}

/// How many results a call has.
pub(super) fn results_of(call: HostCall<'_>) -> usize {
    usize::from(call.description().types.funcs[call.ty].result.is_some())
}

/// Gives a call its results.
pub(super) fn lower_results(
    store: &mut StoreOpaque,
    call: HostCall<'_>,
    slots: &mut [ValRaw],
    results: &[Val],
    out: Option<u64>,
) -> Result<()> {
    check_results(call.description(), call.ty, results)?;
    let cx = &mut call.lower(store);
    lower_vals(cx, call.shape.results, out.is_some(), results, slots, out)
}

pub(super) fn check_results(
    of: &Description,
    ty: ComponentFuncTypeIndex,
    results: &[Val],
) -> Result<(), ComponentError> {
    let result: Option<InterfaceType> = of.types.funcs[ty].result;
    let types = ValTypes::new(&of.types);
    for (val, ty_of_val) in results.iter().zip(result) {
        val.check(&types, ty_of_val).map_err(|error| {
            let which = format!(
                "the result of a host function `{}`",
                ComponentFunc::new(of, ty)
            );
            ComponentError::value(which, &error)
        })?;
    }
    Ok(())
}
