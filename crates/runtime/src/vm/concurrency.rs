//! What compiled code calls for the component model's concurrency: the edge of `crate::concurrent`.

use super::builtins::store_of;
use super::component_instance::ComponentInstancePtr;
use super::resources::{component_of, with_component};
use super::stack_switch::{ExitSite, answer};
use crate::bug::{bail_bug, bug};
use crate::concurrent::{self, Answer};
use crate::store::StoreOpaque;
use anyhow::Result;
use std::ffi::c_void;
use threadline_environ::component::PlainBuiltin;
use threadline_environ::layout::ValRaw;
use threadline_environ::{
    BUILTIN_FAILED, RuntimeComponentInstanceIndex, TaskAdapterIndex, TrampolineIndex,
};

/// `plain-concurrency`.
///
/// # Safety
/// As for [`with_component`], by `call_and_switch`.
pub(super) unsafe extern "C" fn plain_concurrency(
    context: *mut c_void,
    code: u32,
    instance: u32,
    first: u32,
    second: u32,
) -> u64 {
    // SAFETY: passed on.
    unsafe {
        answer_component(context, ExitSite::of_value(), |component, store, _| {
            let builtin = PlainBuiltin::from_code(code);
            let builtin = builtin.ok_or_else(|| bug!("no built-in has the code {code}"))?;
            let instance = RuntimeComponentInstanceIndex::from_u32(instance);
            concurrent::plain_builtin(store, component, instance, builtin, [first, second])
        })
    }
}

/// `concurrency`.
///
/// # Safety
/// As for [`with_component`], by `call_and_switch`; `slots` is the array of the built-in's trampoline.
pub(super) unsafe extern "C" fn concurrency(
    context: *mut c_void,
    trampoline: u32,
    slots: *mut ValRaw,
) -> u64 {
    // SAFETY: passed on. The array is the trampoline's own.
    unsafe {
        let index = TrampolineIndex::from_u32(trampoline);
        let count = component_of(context).map(|it| it.component().builtin_slots(index));
        let count = count.unwrap_or(1);
        let site = ExitSite::in_slots(slots, count);
        answer_component(context, site, |component, store, slots| {
            concurrent::builtin(store, component, index, slots)
        })
    }
}

/// `task-call`.
///
/// # Safety
/// As for [`with_component`], by `call_and_switch`; `slots` is the array of the call's trampoline.
pub(super) unsafe extern "C" fn task_call(
    context: *mut c_void,
    adapter: u32,
    slots: *mut ValRaw,
) -> u64 {
    // SAFETY: passed on. The array is the trampoline's own, and has at least one slot.
    unsafe {
        let adapter = TaskAdapterIndex::from_u32(adapter);
        let params = component_of(context).map(|it| concurrent::params(it, adapter));
        let site = ExitSite::in_slots(slots, params.unwrap_or(0).max(1));
        answer_component(context, site, |component, store, slots| {
            concurrent::task_call(store, component, adapter, slots)
        })
    }
}

/// Runs a builtin that may switch threads, whose context is a `VMComponentContext`.
///
/// # Safety
/// As for [`with_component`], by `call_and_switch`; the site is that of the builtin's trampoline.
#[inline(always)]
unsafe fn answer_component(
    context: *mut c_void,
    site: ExitSite,
    body: impl FnOnce(ComponentInstancePtr, &mut StoreOpaque, &mut [ValRaw]) -> Result<Answer>,
) -> u64 {
    // SAFETY: passed on. `VMStoreContext::store` was set from the exclusive borrow of the store with
    // which wasm was entered, and that borrow rests until wasm returns.
    unsafe {
        let store_context = store_of(context);
        answer(store_context, site, |slots| {
            let Some(component) = component_of(context) else {
                bail_bug!("a builtin for components was called by something else");
            };
            body(
                component,
                &mut *(*store_context).store.cast::<StoreOpaque>(),
                slots,
            )
        })
    }
}

/// `transfer`.
///
/// # Safety
/// As for [`with_component`].
pub(super) unsafe extern "C" fn transfer(context: *mut c_void, trampoline: u32, value: u32) -> i64 {
    // SAFETY: passed on.
    let result = unsafe {
        with_component(context, |component, store| {
            let index = TrampolineIndex::from_u32(trampoline);
            concurrent::transfer(store, component, index, value)
        })
    };
    result.map_or(BUILTIN_FAILED, i64::from)
}

/// `task-scope`.
///
/// # Safety
/// As for [`with_component`].
pub(super) unsafe extern "C" fn task_scope(context: *mut c_void) -> i64 {
    // SAFETY: passed on.
    let scope = unsafe {
        with_component(context, |component, store| {
            concurrent::scope_of_task(store, component)
        })
    };
    scope.map_or(BUILTIN_FAILED, i64::from)
}

/// `task-lends`.
///
/// # Safety
/// As for [`with_component`].
pub(super) unsafe extern "C" fn task_lends(context: *mut c_void) -> i64 {
    // SAFETY: passed on.
    let lends = unsafe {
        with_component(context, |component, store| {
            concurrent::lends_of_task(store, component)
        })
    };
    lends.map_or(BUILTIN_FAILED, i64::from)
}
