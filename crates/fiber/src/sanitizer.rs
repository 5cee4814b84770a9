//! What AddressSanitizer is told, where the crate is built with the feature `address-sanitizer`.
//!
//! Frames mark the edges of their variables, and take the marks away when they return. Frames of a fiber
//! that was abandoned, and those that wasm was left from by a trap, never do, so a stack has to be wiped of
//! marks before it is used again.

use crate::stack::StackBounds;

/// A stack is about to be used from its top.
#[inline]
pub(crate) fn forget_marks(bounds: StackBounds) {
    #[cfg(feature = "address-sanitizer")]
    {
        unsafe extern "C" {
            fn __asan_unpoison_memory_region(address: *const core::ffi::c_void, size: usize);
        }
        // SAFETY: the bounds are those of a stack that is mapped, and that nobody uses.
        unsafe {
            __asan_unpoison_memory_region(
                core::ptr::with_exposed_provenance(bounds.limit.get()),
                bounds.size(),
            );
        }
    }
    let _ = bounds;
}
