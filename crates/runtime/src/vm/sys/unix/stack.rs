//! The stacks of the running thread: where its own ends, and the one its signal handlers use.

use super::{Mapping, page_size};
use anyhow::{Context, Result};
use std::cell::{Cell, OnceCell};
use std::mem::MaybeUninit;
use std::ops::RangeInclusive;
use std::ptr;

/// Bytes at the end of a thread's stack that are kept for host functions, whatever wasm's own share is: a
/// quarter of the stack, but not less or more than this. A thread whose stack is smaller than that can't
/// run wasm.
const HOST_STACK_RESERVE: RangeInclusive<usize> = 128 << 10..=512 << 10;

/// Bytes of stack that signal handlers have at least.
const SIGNAL_STACK: usize = 64 << 10;

thread_local! {
    /// What [`prepare_thread`] gives, once it has done its work and while its effects last; otherwise 0.
    static PREPARED: Cell<usize> = const { Cell::new(0) };
    /// This thread's stack; none before it is known.
    static THREAD_STACK: Cell<Option<ThreadStack>> = const { Cell::new(None) };
    /// The signal stack we made, if the thread had no large enough one.
    static OWN_SIGNAL_STACK: OnceCell<SignalStack> = const { OnceCell::new() };
}

/// Makes sure that this thread can take a trap's signal whatever is left of its stack. Returns
/// the lowest address of its stack that is not kept for host functions.
///
/// # Errors
/// If there is no memory for a signal stack, or the thread is already being torn down.
#[inline]
pub(crate) fn prepare_thread() -> Result<usize> {
    match PREPARED.get() {
        0 => prepare_thread_once(),
        lowest => Ok(lowest),
    }
}

#[cold]
fn prepare_thread_once() -> Result<usize> {
    OWN_SIGNAL_STACK
        .try_with(|own| {
            if own.get().is_none() && !has_signal_stack() {
                // Not set yet, so this stores it.
                let _ = own.set(SignalStack::install()?);
            }
            anyhow::Ok(())
        })
        .context("wasm cannot be entered while its thread is being torn down")??;
    let stack = thread_stack();
    let reserve = (stack.size / 4).clamp(*HOST_STACK_RESERVE.start(), *HOST_STACK_RESERVE.end());
    // Never 0, for the reserve isn't.
    let lowest = stack.low.saturating_add(reserve);
    PREPARED.set(lowest);
    Ok(lowest)
}

/// The stack of a thread of the operating system.
#[derive(Copy, Clone, Debug)]
pub(crate) struct ThreadStack {
    /// The lowest address that can be used, its guard left out.
    pub(crate) low: usize,
    /// How many bytes can be used in all.
    pub(crate) size: usize,
}

/// The stack of the running thread.
#[inline]
pub(crate) fn thread_stack() -> ThreadStack {
    match THREAD_STACK.get() {
        Some(stack) => stack,
        None => {
            let stack = find_thread_stack();
            THREAD_STACK.set(Some(stack));
            stack
        }
    }
}

/// The same if it has been asked for before, for signal handlers.
pub(super) fn known_thread_stack() -> Option<ThreadStack> {
    THREAD_STACK.get()
}

#[cold]
fn find_thread_stack() -> ThreadStack {
    let mut attributes = MaybeUninit::<libc::pthread_attr_t>::uninit();
    let (mut low, mut size, mut guard) = (ptr::null_mut(), 0, 0);
    // SAFETY: `pthread_getattr_np` initialises the attributes if it returns 0, and only then are
    // they read and destroyed; the other pointers are to locals of the right type.
    let known = unsafe {
        let attributes = attributes.as_mut_ptr();
        libc::pthread_getattr_np(libc::pthread_self(), attributes) == 0 && {
            let found = libc::pthread_attr_getstack(attributes, &mut low, &mut size) == 0
                && libc::pthread_attr_getguardsize(attributes, &mut guard) == 0;
            libc::pthread_attr_destroy(attributes);
            found
        }
    };
    if !known {
        // Nothing else tells; then the configured share of the stack is the only limit.
        return ThreadStack {
            low: page_size(),
            size: usize::MAX,
        };
    }
    // Some versions of the C library count the guard as part of the stack.
    ThreadStack {
        low: low.addr() + guard,
        size: size.saturating_sub(guard),
    }
}

/// Whether the thread has a signal stack that is large enough.
fn has_signal_stack() -> bool {
    let mut current = MaybeUninit::<libc::stack_t>::uninit();
    // SAFETY: with no new stack given, the call only fills in the old one.
    let current = unsafe {
        if libc::sigaltstack(ptr::null(), current.as_mut_ptr()) != 0 {
            return false;
        }
        current.assume_init()
    };
    current.ss_flags & libc::SS_DISABLE == 0 && current.ss_size >= SIGNAL_STACK
}

/// A signal stack of our own, in use until the thread ends.
struct SignalStack {
    mapping: Mapping,
    usable: *mut libc::c_void,
}

impl SignalStack {
    fn install() -> Result<SignalStack> {
        let guard = page_size();
        let size = SIGNAL_STACK.next_multiple_of(guard);
        let mut mapping =
            Mapping::reserve(guard + size).context("no address space for a signal stack")?;
        let usable = mapping
            .make_accessible_above(guard)
            .context("no memory for a signal stack")?;
        let stack = libc::stack_t {
            ss_sp: usable.cast(),
            ss_flags: 0,
            ss_size: size,
        };
        // SAFETY: the new stack is `size` bytes of memory that is ours until `drop` takes it out
        // of use; not on that stack now, or the system refuses.
        if unsafe { libc::sigaltstack(&stack, ptr::null_mut()) } != 0 {
            return Err(std::io::Error::last_os_error()).context("no signal stack");
        }
        Ok(SignalStack {
            mapping,
            usable: usable.cast(),
        })
    }
}

impl Drop for SignalStack {
    fn drop(&mut self) {
        PREPARED.set(0);
        let disable = libc::stack_t {
            ss_sp: ptr::null_mut(),
            ss_flags: libc::SS_DISABLE,
            ss_size: 0,
        };
        let mut current = MaybeUninit::<libc::stack_t>::uninit();
        // SAFETY: the calls read and write locals; the stack is disabled only if it is ours, and
        // before its memory goes.
        unsafe {
            if libc::sigaltstack(ptr::null(), current.as_mut_ptr()) == 0
                && current.assume_init().ss_sp == self.usable
            {
                libc::sigaltstack(&disable, ptr::null_mut());
            }
        }
        debug_assert!(self.mapping.length() > 0, "unmapped after this");
    }
}
