//! What compiled code calls for the component model's concurrency: the edge of `crate::concurrent`.
//!
//! A guest that blocks is suspended below these functions, so their frames own nothing.

use super::resources::with_component;
use crate::bug::bug;
use crate::concurrent;
use std::ffi::c_void;
use threadline_environ::component::PlainBuiltin;
use threadline_environ::layout::ValRaw;
use threadline_environ::{
    BUILTIN_FAILED, RuntimeComponentInstanceIndex, TaskAdapterIndex, TrampolineIndex,
};

/// Slots of a built-in's array: as many as any has operands, or one for the result.
const MAX_OPERANDS: usize = 16;

/// `plain-concurrency`.
///
/// # Safety
/// As for [`with_component`].
pub(super) unsafe extern "C" fn plain_concurrency(
    context: *mut c_void,
    code: u32,
    instance: u32,
    first: u32,
    second: u32,
) -> i64 {
    // SAFETY: passed on.
    let result = unsafe {
        with_component(context, |component, store| {
            let builtin = PlainBuiltin::from_code(code);
            let builtin = builtin.ok_or_else(|| bug!("no built-in has the code {code}"))?;
            let instance = RuntimeComponentInstanceIndex::from_u32(instance);
            concurrent::plain_builtin(store, component, instance, builtin, [first, second])
        })
    };
    // Not above `u32::MAX`.
    result.map_or(BUILTIN_FAILED, |result| result as i64)
}

/// `concurrency`.
///
/// # Safety
/// As for [`with_component`]; `slots` is the array of the built-in's trampoline.
pub(super) unsafe extern "C" fn concurrency(
    context: *mut c_void,
    trampoline: u32,
    slots: *mut ValRaw,
) -> bool {
    // SAFETY: passed on. The array is the trampoline's own.
    unsafe {
        with_component(context, |component, store| {
            let index = TrampolineIndex::from_u32(trampoline);
            let count = concurrent::operands(component, index).clamp(1, MAX_OPERANDS);
            let slots = std::slice::from_raw_parts_mut(slots, count);
            concurrent::builtin(store, component, index, slots)
        })
        .is_some()
    }
}

/// `task-call`.
///
/// # Safety
/// As for [`with_component`]; `slots` is the array of the call's trampoline.
pub(super) unsafe extern "C" fn task_call(
    context: *mut c_void,
    adapter: u32,
    slots: *mut ValRaw,
) -> bool {
    // SAFETY: passed on. The array is the trampoline's own, and has at least one slot.
    unsafe {
        with_component(context, |component, store| {
            let adapter = TaskAdapterIndex::from_u32(adapter);
            let count = concurrent::params(component, adapter).max(1);
            let slots = std::slice::from_raw_parts_mut(slots, count);
            concurrent::task_call(store, component, adapter, slots)
        })
        .is_some()
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
