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

/// `PIDFD_SELF` of `linux/pidfd.h` (Linux 6.14): a process's name for itself.
const PIDFD_SELF: libc::c_int = -10_000;

/// How many guards [`GuardMethod::install`] makes at most at a time. It takes
/// some 40 % off the cost of a guard; more than this gains nothing.
pub(crate) const MAX_BATCH: usize = 32;

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

    /// Makes guards of `len` bytes at the first few of `count` addresses, which
    /// begin at `first` and are `distance` bytes apart. Returns how many it made:
    /// at least one and at most [`MAX_BATCH`].
    ///
    /// # Errors
    ///
    /// What the kernel reports: typically `EINVAL` when it doesn't know
    /// lightweight guards, `ENOMEM` when `mprotect` would need more mappings
    /// than the process may have.
    ///
    /// # Safety
    ///
    /// The ranges of `len` bytes at all of these addresses must be whole pages of
    /// a private anonymous mapping that the caller owns, and nothing lives in
    /// them.
    pub(crate) unsafe fn install(
        self,
        first: *mut u8,
        len: usize,
        distance: usize,
        count: usize,
    ) -> io::Result<usize> {
        if self == GuardMethod::Lightweight && count > 1 {
            // SAFETY: this function's contract.
            let made = unsafe { install_batch(first, len, distance, count.min(MAX_BATCH)) };
            if made > 0 {
                return Ok(made);
            }
        }
        // SAFETY: this function's contract, for the first range.
        unsafe { self.install_one(first, len) }?;
        Ok(1)
    }

    /// Makes `len` bytes at `start` inaccessible.
    ///
    /// # Safety
    ///
    /// As for [`GuardMethod::install`] with a count of one.
    unsafe fn install_one(self, start: *mut u8, len: usize) -> io::Result<()> {
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

/// Makes up to `count` lightweight guards in one system call. Returns how many
/// it made, which is none where a kernel (or a sandbox) doesn't let a process
/// advise itself this way; that is no error.
///
/// # Safety
///
/// As for [`GuardMethod::install`]; `count` is at most [`MAX_BATCH`].
unsafe fn install_batch(first: *mut u8, len: usize, distance: usize, count: usize) -> usize {
    let guards: [libc::iovec; MAX_BATCH] = core::array::from_fn(|index| libc::iovec {
        iov_base: first.wrapping_add(index * distance).cast(),
        iov_len: len,
    });
    // SAFETY: the kernel reads the first `count` entries of `guards`, which has
    // as many; the ranges they name are the caller's own memory with nothing in
    // it (this function's contract).
    let advised = unsafe {
        libc::syscall(
            libc::SYS_process_madvise,
            PIDFD_SELF,
            guards.as_ptr(),
            count,
            MADV_GUARD_INSTALL,
            0,
        )
    };
    // The result is in bytes, and -1 for an error.
    usize::try_from(advised).unwrap_or(0) / len
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
    let installed = unsafe { GuardMethod::Lightweight.install_one(scratch.cast(), page) }.is_ok();
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
