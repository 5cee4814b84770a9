//! Which store's wasm the running thread is in, for signal handlers.
//!
//! A signal handler is given nothing but registers, so the way from a fault to the store is this
//! thread-local. It names the store of the innermost entry on this thread, also while a host
//! function runs; whether the fault is in wasm is told by its address. The entry itself is in
//! `VMStoreContext::entry`, which belongs to the stack: what switches to a guest's stack makes its store
//! the innermost, too ([`during`]).

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

/// Puts back the store that was the innermost before.
struct Restore<'a> {
    current: &'a Cell<*mut VMStoreContext>,
    outer: *mut VMStoreContext,
}

impl Drop for Restore<'_> {
    fn drop(&mut self) {
        self.current.set(self.outer);
    }
}

/// Makes a store the innermost while `body` runs, from beginning to end on this thread.
#[inline(always)]
pub(super) fn during<R>(context: *mut VMStoreContext, body: impl FnOnce() -> R) -> R {
    CURRENT.with(|current| {
        let outer = current.replace(context);
        let _restore = Restore { current, outer };
        body()
    })
}
