//! Guard pages: which way to make them, and making one.
//!
//! A guard page is what turns a stack overflow into a fault instead of a write
//! into the neighbouring stack. There are two ways to have one:
//!
//! - [`GuardMethod::Lightweight`]: `madvise(MADV_GUARD_INSTALL)`, Linux 6.13 and
//!   later. The guard is a marker in the page table; the mapping around it stays
//!   in one piece, so the number of stacks is not bounded by
//!   `vm.max_map_count`.
//! - [`GuardMethod::Protect`]: `mprotect(PROT_NONE)`, everywhere. It splits the
//!   mapping, which makes two mappings a stack; with the usual limit of 65,530
//!   mappings a process, some 32,000 stacks are all one gets.
//!
//! Where stacks lie and when a guard is installed is the business of
//! [`crate::pool`].

use core::ffi::c_void;
use core::ptr;
use std::io;
use std::sync::OnceLock;

use rustix::mm::{MapFlags, MprotectFlags, ProtFlags};

/// `MADV_GUARD_INSTALL` of `linux/mman.h`, which the `libc` crate doesn't name
/// yet.
const MADV_GUARD_INSTALL: libc::c_int = 102;

/// How the guard page of a stack is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum GuardMethod {
    /// A marker in the page table (`MADV_GUARD_INSTALL`): splits no mapping.
    Lightweight,
    /// A page without access rights (`mprotect`): two mappings a stack.
    Protect,
}

impl GuardMethod {
    /// The best method that this kernel offers.
    ///
    /// The kernel is asked once a process, by installing a guard in a scratch
    /// page and checking that the page can't be accessed any more: user-mode
    /// emulators accept any advice and ignore what they don't know, so success
    /// of the call alone proves nothing.
    pub fn detect() -> Self {
        static DETECTED: OnceLock<GuardMethod> = OnceLock::new();
        *DETECTED.get_or_init(|| match probe_lightweight() {
            Ok(true) => GuardMethod::Lightweight,
            Ok(false) | Err(_) => GuardMethod::Protect,
        })
    }

    /// Makes `len` bytes at `start` inaccessible.
    ///
    /// # Errors
    ///
    /// What the kernel reports: typically `EINVAL` when it doesn't know
    /// lightweight guards, `ENOMEM` when `mprotect` would need more mappings
    /// than the process may have.
    ///
    /// # Safety
    ///
    /// `start..start + len` must be whole pages of a private anonymous mapping
    /// that the caller owns and in which nothing lives.
    pub(crate) unsafe fn install(self, start: *mut u8, len: usize) -> io::Result<()> {
        let start: *mut c_void = start.cast();
        match self {
            GuardMethod::Lightweight => {
                // SAFETY: the range is the caller's own memory with nothing in
                // it (this function's contract), so that taking its contents
                // and access rights away harms nobody.
                let result = unsafe { libc::madvise(start, len, MADV_GUARD_INSTALL) };
                if result == 0 {
                    Ok(())
                } else {
                    Err(io::Error::last_os_error())
                }
            }
            GuardMethod::Protect => {
                // SAFETY: as above.
                unsafe { rustix::mm::mprotect(start, len, MprotectFlags::empty()) }?;
                Ok(())
            }
        }
    }
}

/// Whether a lightweight guard can be installed here, and guards.
fn probe_lightweight() -> io::Result<bool> {
    let page = rustix::param::page_size();
    let access = ProtFlags::READ | ProtFlags::WRITE;
    // SAFETY: a new mapping at an address of the kernel's choice replaces
    // nothing.
    let scratch =
        unsafe { rustix::mm::mmap_anonymous(ptr::null_mut(), page, access, MapFlags::PRIVATE) }?;
    // SAFETY: `scratch` is one page, mapped above, known to nobody else.
    let installed = unsafe { GuardMethod::Lightweight.install(scratch.cast(), page) }.is_ok();
    let guards = installed && {
        // `uname` is a system call that writes to its argument: it reports
        // EFAULT for an inaccessible page, where our own access would be a
        // signal.
        //
        // SAFETY: a `utsname` (390 bytes) fits into the page, which is ours; if
        // it is inaccessible the kernel says so and writes nothing.
        unsafe { libc::uname(scratch.cast()) == -1 }
    };
    // SAFETY: unmaps what was mapped above; no pointer to it survives.
    unsafe { rustix::mm::munmap(scratch, page) }?;
    Ok(guards)
}
