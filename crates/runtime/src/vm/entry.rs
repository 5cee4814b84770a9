//! Enters wasm from the host and comes back, whatever happens in between.
//!
//! ```text
//!   call_wasm                  VMEntryRecord in its frame, linked from VMStoreContext::entry
//!     HostToWasm trampoline    fills in handler_{pc,sp,fp}; its landing pad returns `false`
//!       wasm …                 a trap: signal handler or `raise` jumps to the landing pad
//! ```
//!
//! What an entry changes, it puts back: the slots of the thread that runs in the component entered
//! (if it is entered on a [`ThreadKind::New`] thread), the innermost entry and the exit registers; and the thread's
//! activation. Only then does it look at the failure, so that dropping, formatting or resuming it
//! happens in a store that is as it was before.

use super::activation;
use super::backtrace::RawBacktrace;
use super::store_state::{Failure, StoreCells};
use super::sys;
use super::throw;
use crate::bug::bug;
use crate::concurrent::switch::{RunningSlots, ThreadScope};
use crate::trap::{Trap, WasmBacktrace};
use std::ffi::c_void;
use std::panic::resume_unwind;
use std::ptr::NonNull;
use std::sync::atomic::Ordering;
use threadline_environ::layout::{ContextSlots, VMEntryRecord, VMHeader, VMStoreContext, ValRaw};

/// The trampoline of a `FuncKey::HostToWasm`.
#[derive(Copy, Clone, Debug)]
pub(crate) struct HostToWasm(HostToWasmFn);

/// `(vmctx, code, parameters and results, record)` to whether wasm returned.
type HostToWasmFn =
    unsafe extern "C" fn(*mut c_void, *const c_void, *mut ValRaw, *mut VMEntryRecord) -> bool;

impl HostToWasm {
    /// A trampoline by its address.
    ///
    /// # Safety
    /// `code` is where the code of a `FuncKey::HostToWasm` is loaded, for as long as the result
    /// is used.
    pub(crate) unsafe fn from_ptr(code: *const c_void) -> HostToWasm {
        // SAFETY: the compiler gives functions of that key this signature.
        HostToWasm(unsafe { std::mem::transmute::<*const c_void, HostToWasmFn>(code) })
    }

    /// Its address.
    pub(super) fn address(self) -> usize {
        self.0 as usize
    }
}

/// Which guest thread a call runs on.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(crate) enum ThreadKind {
    /// A new implicit thread: its slots start at zero, the caller's come back afterwards.
    New,
    /// The current thread. For calls in a [`ThreadScope`].
    Same,
}

/// Calls the wasm function `code` with the context `vmctx` and the parameters in `args`; leaves
/// its results there.
///
/// # Errors
/// A [`Trap`] if the guest traps, or the error that a host function it called returned, in either
/// case with a [`WasmBacktrace`] as context.
///
/// # Panics
/// If a host function that the guest called panicked, with its payload.
///
/// # Safety
/// - `context` is the context of a live store, on whose behalf this thread is running, and the
///   caller holds no reference into it or into what the called code may reach.
/// - `trampoline` is for the type of `code`; `code` and `vmctx` belong together and to that store;
///   the code stays loaded until this returns.
/// - `args` is as long as the longer of the function's parameters and results, and holds the
///   former.
pub(crate) unsafe fn call_wasm(
    context: *mut VMStoreContext,
    thread: ThreadKind,
    trampoline: HostToWasm,
    code: *const c_void,
    vmctx: *mut c_void,
    args: &mut [ValRaw],
) -> anyhow::Result<()> {
    // SAFETY: the caller answers for `context`, which outlives the guard.
    let _host_stack = unsafe {
        let on_behalf = !(*context).host_sp.is_null();
        let guard = match on_behalf {
            true => Some(OnHostStack::begin(context)?),
            false => None,
        };
        check_stack(context)?;
        guard
    };
    let returned = {
        let _thread = match thread {
            // SAFETY: `vmctx` is a context that the caller answers for.
            ThreadKind::New => unsafe { SlotsOf::component(vmctx) }.map(ThreadScope::begin),
            ThreadKind::Same => None,
        };
        // SAFETY: all passed on to the caller.
        unsafe { enter(context, trampoline, code, vmctx, args) }
    };
    if returned {
        return Ok(());
    }
    // SAFETY: the trampoline's landing pad said that a failure is recorded.
    Err(unsafe { take_failure(context, SlotsOf::component(vmctx).is_some()) })
}

/// Calls the trampoline with an entry record linked; whether wasm returned.
///
/// # Safety
/// As for [`call_wasm`].
unsafe fn enter(
    context: *mut VMStoreContext,
    trampoline: HostToWasm,
    code: *const c_void,
    vmctx: *mut c_void,
    args: &mut [ValRaw],
) -> bool {
    // SAFETY: the caller answers for the pointers. The record outlives the call and is unlinked
    // after it; nothing in between unwinds, for host functions catch their panics.
    unsafe {
        let mut record = record_for(context);
        let record = &raw mut record;
        (*context).entry = record;
        let args = args.as_mut_ptr();
        let returned = activation::during(context, || (trampoline.0)(vmctx, code, args, record));
        unlink(context, record);
        returned
    }
}

/// While it lives, wasm of the store runs on the stack of the operating system's thread, on behalf of a
/// host function that a guest with a stack of its own has called.
struct OnHostStack {
    context: *mut VMStoreContext,
    host_sp: *mut u8,
    stack_limit: usize,
}

impl OnHostStack {
    /// # Errors
    /// If this thread can't run wasm.
    ///
    /// # Safety
    /// `context` is a live store's, and outlives the result.
    #[inline]
    unsafe fn begin(context: *mut VMStoreContext) -> anyhow::Result<OnHostStack> {
        let here = 0u8;
        let lowest = sys::prepare_thread()?;
        // SAFETY: the caller answers for `context`.
        unsafe {
            // No guest's frames are on this stack further out that count already, or those are of entries
            // that this one's resumer has made: what bounds all of them is the stack's size.
            let limit = limit_below(context, lowest, (&raw const here).addr());
            let stack_limit = &(*context).stack_limit;
            let outer_limit = stack_limit.load(Ordering::Relaxed);
            stack_limit.store(limit, Ordering::Relaxed);
            Ok(OnHostStack {
                context,
                host_sp: std::mem::replace(&mut (*context).host_sp, std::ptr::null_mut()),
                stack_limit: outer_limit,
            })
        }
    }
}

impl Drop for OnHostStack {
    fn drop(&mut self) {
        // SAFETY: as in `begin`.
        unsafe {
            (*self.context).host_sp = self.host_sp;
            let limit = &(*self.context).stack_limit;
            limit.store(self.stack_limit, Ordering::Relaxed);
        }
    }
}

/// A record for an entry to be made now.
///
/// # Safety
/// `context` is a live store's.
#[inline(always)]
pub(super) unsafe fn record_for(context: *mut VMStoreContext) -> VMEntryRecord {
    // SAFETY: the caller answers for `context`.
    unsafe {
        VMEntryRecord {
            handler_pc: 0,
            handler_sp: 0,
            handler_fp: 0,
            previous: (*context).entry,
            previous_exit_fp: (*context).exit_fp,
            previous_exit_pc: (*context).exit_pc,
        }
    }
}

/// Makes what was innermost before the entry innermost again.
///
/// # Safety
/// `record` is the innermost entry of the live store with this context.
#[inline(always)]
pub(super) unsafe fn unlink(context: *mut VMStoreContext, record: *const VMEntryRecord) {
    // SAFETY: the caller answers for both.
    unsafe {
        (*context).entry = (*record).previous;
        (*context).exit_fp = (*record).previous_exit_fp;
        (*context).exit_pc = (*record).previous_exit_pc;
    }
}

/// Sets the stack limit if this is an outermost entry, and checks that there is stack left.
///
/// # Safety
/// `context` is a live store's, no guest of which runs on a stack of its own, but in an [`OnHostStack`].
#[inline]
unsafe fn check_stack(context: *mut VMStoreContext) -> anyhow::Result<()> {
    let here = 0u8;
    let sp = (&raw const here).addr();
    // SAFETY: the caller answers for `context`.
    let (limit, outermost) = unsafe { (&(*context).stack_limit, (*context).entry.is_null()) };
    if outermost {
        let lowest = sys::prepare_thread()?;
        // SAFETY: passed on.
        let lowest = unsafe { limit_below(context, lowest, sp) };
        limit.store(lowest, Ordering::Relaxed);
    }
    if sp > limit.load(Ordering::Relaxed) {
        return Ok(());
    }
    // SAFETY: passed on.
    Err(unsafe { stack_exhausted(context) })
}

/// The lowest address of this thread's stack that wasm may use which is entered at this one, where no wasm
/// may use less than `lowest`.
///
/// # Safety
/// `context` is a live store's.
#[inline]
unsafe fn limit_below(context: *mut VMStoreContext, lowest: usize, sp: usize) -> usize {
    // SAFETY: the caller answers for `context`; the cells are around it.
    let share = unsafe { (*StoreCells::of(context)).max_wasm_stack };
    sp.saturating_sub(share).max(lowest)
}

/// Checks that there is enough of the stack of the operating system's thread to resume a guest that has
/// a stack of its own, and prepares this thread if nothing of the store runs yet.
///
/// # Errors
/// [`Trap::StackOverflow`] if there isn't: guests have called each other too deeply.
///
/// # Safety
/// `context` is a live store's.
#[inline]
pub(super) unsafe fn check_host_stack(context: *mut VMStoreContext) -> anyhow::Result<()> {
    let here = 0u8;
    let sp = (&raw const here).addr();
    // SAFETY: the caller answers for `context`.
    unsafe {
        if sp > sys::prepare_thread()? {
            return Ok(());
        }
        Err(stack_exhausted(context))
    }
}

/// The error of an entry for which there is no stack left. Apart, for the buffer for its frames
/// would be in every entry's frame.
///
/// # Safety
/// `context` is a live store's.
#[cold]
#[inline(never)]
unsafe fn stack_exhausted(context: *mut VMStoreContext) -> anyhow::Error {
    let mut frames = RawBacktrace::new();
    // SAFETY: this thread runs a host function that the store's wasm called, or there is no entry.
    unsafe { frames.capture_exit(context) };
    with_backtrace(Trap::StackOverflow.into(), &frames)
}

/// The failure that wasm was left for; goes on panicking if it is a panic.
///
/// # Safety
/// `context` is a live store's, and this thread is in none of its wasm's frames above the entry
/// that was just left; whether that was one to a function of a component.
#[cold]
#[inline(never)]
pub(super) unsafe fn take_failure(
    context: *mut VMStoreContext,
    in_component: bool,
) -> anyhow::Error {
    // SAFETY: the caller answers for `context`; nothing else touches its cells meanwhile.
    let (failure, frames) = unsafe {
        let cells = StoreCells::of(context);
        ((*cells).pending.take(), &(*cells).frames)
    };
    match failure {
        Some(Failure::Trap(code)) => with_backtrace(code.into(), frames),
        Some(Failure::Error(error)) => with_backtrace(error, frames),
        Some(Failure::Exception { handle, error }) => {
            // SAFETY: the caller answers for both contexts.
            let error = unsafe { throw::take_uncaught(context, handle, error, in_component) };
            with_backtrace(error, frames)
        }
        Some(Failure::Panic(payload)) => resume_unwind(payload),
        None => bug!("wasm was left for a failure that nobody recorded").into(),
    }
}

/// Adds the frames as context, unless there are none.
fn with_backtrace(error: anyhow::Error, frames: &RawBacktrace) -> anyhow::Error {
    let backtrace: WasmBacktrace = frames.symbolize();
    if backtrace.frames().is_empty() || error.downcast_ref::<WasmBacktrace>().is_some() {
        return error;
    }
    error.context(backtrace)
}

/// Gets at the running slots of a component by their address.
pub(super) struct SlotsOf(NonNull<ContextSlots>);

impl SlotsOf {
    /// Those of the component that a context belongs to, if it belongs to one.
    ///
    /// # Safety
    /// `vmctx` is a context of a live store, no reference into which exists while the result is
    /// used.
    pub(super) unsafe fn component(vmctx: *mut c_void) -> Option<SlotsOf> {
        // SAFETY: every context begins with a header; the caller answers for the pointer.
        unsafe { SlotsOf::new((*vmctx.cast::<VMHeader>()).context) }
    }

    /// These, if the address is not null.
    ///
    /// # Safety
    /// As for [`SlotsOf::component`].
    #[inline]
    pub(super) unsafe fn new(slots: *mut ContextSlots) -> Option<SlotsOf> {
        NonNull::new(slots).map(SlotsOf)
    }
}

impl RunningSlots for SlotsOf {
    #[inline]
    fn slots(&mut self) -> &mut ContextSlots {
        // SAFETY: the slots live as long as the contexts that point to them, and whoever called
        // `component` keeps others' references away; compiled code does not run meanwhile.
        unsafe { self.0.as_mut() }
    }
}
