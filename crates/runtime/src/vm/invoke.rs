//! Calls of wasm functions on behalf of a store.

use super::core_instance::FunctionImport;
use super::entry::{HostToWasm, ThreadKind, call_wasm};
use super::pointer::CodePtr;
use crate::store::StoreOpaque;
use anyhow::Result;
use std::ffi::c_void;
use threadline_environ::layout::{VMStoreContext, ValRaw};

/// How to call functions of one type, with the trampoline's code kept alive by the store.
#[derive(Copy, Clone, Debug)]
pub(crate) struct Entrance {
    pub(super) trampoline: HostToWasm,
    slots: usize,
}

impl Entrance {
    /// An entrance through the code of a `FuncKey::HostToWasm`, which the caller keeps loaded,
    /// for functions whose longer one of parameters and results has `slots` values.
    pub(crate) fn new(trampoline: CodePtr, slots: usize) -> Entrance {
        // SAFETY: the caller says what the code is. The registry of trampolines is the one
        // place that such code comes from.
        let trampoline = unsafe { HostToWasm::from_ptr(trampoline.as_ptr()) };
        Entrance { trampoline, slots }
    }

    /// How long the array of parameters and results is.
    pub(crate) fn slots(&self) -> usize {
        self.slots
    }
}

impl StoreOpaque {
    /// Calls a function of this store with the parameters in `args`, and leaves its results
    /// there. `entrance` must be for the function's type.
    ///
    /// # Errors
    /// If the guest traps or a host function it calls fails.
    ///
    /// # Panics
    /// If `args` is too short, or a host function panics.
    pub(crate) fn invoke(
        &mut self,
        thread: ThreadKind,
        entrance: Entrance,
        func: FunctionImport,
        args: &mut [ValRaw],
    ) -> Result<()> {
        assert!(args.len() >= entrance.slots, "room for all values");
        let store: *mut StoreOpaque = self;
        // Taken from `store`, so that what host functions do through it is part of this borrow.
        // SAFETY: `store` is this very borrow.
        let context = unsafe { (*store).vm().context_ptr() };
        // SAFETY: the context is this store's; `store` is good until this call ends.
        let _current = unsafe { CurrentStore::enter(context, store.cast::<c_void>()) };
        // SAFETY: the context is this store's, which is borrowed exclusively and not touched
        // until the call returns; the function belongs to the store (handles are matched with
        // their store before they are used), which keeps its code and the trampoline's loaded;
        // the array's length was checked.
        let result = unsafe {
            call_wasm(
                context,
                thread,
                entrance.trampoline,
                func.code.as_ptr(),
                func.vmctx.as_ptr(),
                args,
            )
        };
        // SAFETY: `store` is this very borrow, and wasm has been left.
        result.inspect_err(|error| unsafe { (*store).let_go_of_hoard(error) })
    }
}

/// While it lives, host functions that wasm calls reach their store through the borrow that wasm
/// was entered with. Calls nest: a host function's own borrow is shorter than that of the call
/// that led to it, and so must not be what further host functions of that call are given.
pub(super) struct CurrentStore {
    context: *mut VMStoreContext,
    outer: *mut c_void,
}

impl CurrentStore {
    /// Makes `store` what host functions are given.
    ///
    /// # Safety
    /// `context` is that store's, and lives longer than the result; `store` is good that long.
    pub(super) unsafe fn enter(context: *mut VMStoreContext, store: *mut c_void) -> CurrentStore {
        // SAFETY: the caller answers for `context`, which nothing else touches now.
        let outer = unsafe { std::mem::replace(&mut (*context).store, store) };
        CurrentStore { context, outer }
    }
}

impl Drop for CurrentStore {
    fn drop(&mut self) {
        // SAFETY: the context lives (see `enter`), and its wasm doesn't run any more.
        unsafe { (*self.context).store = self.outer };
    }
}
