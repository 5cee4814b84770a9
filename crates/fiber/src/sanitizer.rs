//! What AddressSanitizer is told, where the crate is built with the feature `address-sanitizer`.
//!
//! Frames mark the edges of their variables, and take the marks away when they return. Frames of a fiber
//! that was abandoned, and those that wasm was left from by a trap, never do, so a stack has to be wiped of
//! marks before it is used again.

use crate::stack::StackBounds;

/// A stack is about to be used from its top.
#[inline]
pub(crate) fn forget_marks(bounds: StackBounds) {
    forget_marks_in(bounds.limit.get(), bounds.size());
}

/// The frames of the stack that runs are about to be left without returning, those between the caller's
/// and an address further out: their marks are forgotten.
#[inline(always)]
pub fn forget_frames_below(outer: usize) {
    #[cfg(feature = "address-sanitizer")]
    {
        let inner: usize;
        // SAFETY: it copies a register. (The address of a variable would do, if its end were not marked.)
        unsafe {
            #[cfg(target_arch = "x86_64")]
            core::arch::asm!("mov {}, rsp", out(reg) inner, options(nomem, nostack));
            #[cfg(target_arch = "aarch64")]
            core::arch::asm!("mov {}, sp", out(reg) inner, options(nomem, nostack));
        }
        forget_marks_in(inner, outer.saturating_sub(inner));
    }
    let _ = outer;
}

/// Addresses of a stack that is mapped.
#[inline]
fn forget_marks_in(from: usize, size: usize) {
    #[cfg(feature = "address-sanitizer")]
    {
        unsafe extern "C" {
            fn __asan_unpoison_memory_region(address: *const core::ffi::c_void, size: usize);
        }
        // SAFETY: it writes to the sanitizer's own memory, and to that for any address.
        unsafe {
            __asan_unpoison_memory_region(core::ptr::with_exposed_provenance(from), size);
        }
    }
    let _ = (from, size);
}
