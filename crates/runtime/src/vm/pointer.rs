//! [`VmPtr`], a pointer into a store, and [`CodePtr`], a pointer to compiled code.
//!
//! Both are plain addresses: who holds one proves elsewhere that what it points to is alive. A
//! store frees nothing that guests or handles can refer to before it is dropped itself, so a
//! handle that has been matched with its store (by the store's id, which is never reused) may
//! follow its pointer for as long as it borrows that store. `VmPtr`s are made in `vm` alone.

use crate::code::CodeMemory;
use std::ffi::c_void;
use std::fmt;
use std::ptr::NonNull;
use threadline_environ::artifact::FuncKey;

/// A non-null pointer to something that lives as long as its store.
#[repr(transparent)]
pub(crate) struct VmPtr<T>(NonNull<T>);

/// The address of compiled code, or of a context that goes with it.
pub(crate) type CodePtr = VmPtr<c_void>;

impl<T> VmPtr<T> {
    /// Wraps a pointer; `None` if it is null.
    ///
    /// # Safety
    /// The target lives at least as long as the store that the pointer will be used with.
    pub(in crate::vm) unsafe fn new(pointer: *mut T) -> Option<VmPtr<T>> {
        NonNull::new(pointer).map(VmPtr)
    }

    /// Wraps a pointer known not to be null.
    ///
    /// # Safety
    /// It isn't null, and the target lives at least as long as the store that the pointer will
    /// be used with.
    pub(in crate::vm) unsafe fn known(pointer: *mut T) -> VmPtr<T> {
        debug_assert!(!pointer.is_null());
        // SAFETY: the caller promises that it isn't null.
        VmPtr(unsafe { NonNull::new_unchecked(pointer) })
    }

    /// The address.
    pub(crate) fn as_ptr(self) -> *mut T {
        self.0.as_ptr()
    }

    /// The address, as one that isn't null.
    pub(crate) fn as_non_null(self) -> NonNull<T> {
        self.0
    }
}

impl CodePtr {
    /// The entry point of a function of published code. Whoever runs it keeps `code` alive.
    pub(crate) fn of(code: &CodeMemory, key: FuncKey) -> Option<CodePtr> {
        let address = code.func_ptr(key)?;
        NonNull::new(address.cast_mut()).map(VmPtr)
    }
}

impl CodePtr {
    /// The entry point of the function with an image's `n`th `VMFuncRef`, as
    /// [`of`](CodePtr::of).
    pub(crate) fn of_func_ref(code: &CodeMemory, n: usize) -> Option<CodePtr> {
        let address = code.func_ref_ptr(n)?;
        NonNull::new(address.cast_mut()).map(VmPtr)
    }
}

impl<T> Copy for VmPtr<T> {}

impl<T> Clone for VmPtr<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> PartialEq for VmPtr<T> {
    fn eq(&self, other: &Self) -> bool {
        self.0 == other.0
    }
}

impl<T> Eq for VmPtr<T> {}

impl<T> fmt::Debug for VmPtr<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

// SAFETY: a `VmPtr` is followed only by code that has borrowed the store that owns the target,
// so the store's own borrow rules keep threads apart.
unsafe impl<T> Send for VmPtr<T> {}
// SAFETY: as for `Send`.
unsafe impl<T> Sync for VmPtr<T> {}
