//! What AddressSanitizer is told, where the crate is built with the feature `address-sanitizer`.
//!
//! Frames mark the edges of their variables, and take the marks away when they return. Frames of the host
//! that wasm was left from by a trap never do. Guests' stacks carry frames of compiled code, which marks
//! nothing.

/// Forgets the marks of the frames between the caller's and an address further out on the same stack,
/// which are about to be left without returning.
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
        unsafe extern "C" {
            fn __asan_unpoison_memory_region(address: *const core::ffi::c_void, size: usize);
        }
        // SAFETY: it writes to the sanitizer's own memory, and to that for any address.
        unsafe {
            __asan_unpoison_memory_region(
                core::ptr::with_exposed_provenance(inner),
                outer.saturating_sub(inner),
            );
        }
    }
    let _ = outer;
}
