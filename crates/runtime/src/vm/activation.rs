//! Which store's wasm the running thread is in, for signal handlers.
//!
//! A signal handler is given nothing but registers, so the way from a fault to the store is this
//! thread-local. It names the store of the innermost entry on this thread, also while a host
//! function runs; whether the fault is in wasm is told by its address. The entry itself is in
//! `VMStoreContext::entry`, which belongs to the stack: `stack_switch` [`enter`]s the store of the
//! stack that it switches to.

use std::cell::Cell;
use std::ptr;
use threadline_environ::layout::VMStoreContext;

thread_local! {
    static CURRENT: Cell<*mut VMStoreContext> = const { Cell::new(ptr::null_mut()) };
}

/// The store whose wasm this thread entered last and has not left; null if none.
pub(super) fn current() -> *mut VMStoreContext {
    CURRENT.get()
}

/// Makes a store the innermost; gives back what must be passed to [`leave`].
pub(super) fn enter(context: *mut VMStoreContext) -> *mut VMStoreContext {
    CURRENT.replace(context)
}

/// Undoes the matching [`enter`].
pub(super) fn leave(outer: *mut VMStoreContext) {
    CURRENT.set(outer);
}
