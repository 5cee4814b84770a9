//! The `extern "C"` edge: where compiled code calls the host.
//!
//! A host function that compiled code calls must neither unwind nor forget a failure. [`catch`]
//! runs its body and records an error or a panic in the store; the function then returns its
//! failure sentinel, and compiled code calls [`raise`], which leaves all wasm frames up to the
//! innermost entry at once. No Rust frame with anything to drop is skipped: between the entry and
//! `raise` there are only frames of compiled code.

use super::store_state::{Failure, StoreCells};
use super::sys::arch;
use super::throw::{self, Landing};
use crate::bug::bug;
use crate::trap::WasmBacktrace;
use std::ffi::c_void;
use std::panic::{AssertUnwindSafe, catch_unwind};
use threadline_environ::TrapCode;
use threadline_environ::layout::{VMHeader, VMStoreContext};
use threadline_fiber::forget_frames_below;

/// A failure is recorded in the store; compiled code must raise.
#[derive(Debug, Copy, Clone, PartialEq, Eq)]
pub(crate) struct Raised;

/// Runs the body of a host function that compiled code called. An error or a panic becomes the
/// store's pending failure, and the caller returns its failure sentinel.
///
/// # Safety
/// `context` is the context of a store whose compiled code called the host function that this
/// thread runs.
#[inline]
pub(crate) unsafe fn catch<R>(
    context: *mut VMStoreContext,
    body: impl FnOnce() -> anyhow::Result<R>,
) -> Result<R, Raised> {
    // The body's borrows end with it, and the guest that shares its state is not resumed after a
    // panic: the panic goes on as soon as the guest's frames are left.
    let failure = match catch_unwind(AssertUnwindSafe(body)) {
        Ok(Ok(value)) => return Ok(value),
        Ok(Err(error)) => Failure::Error(error),
        Err(payload) => Failure::Panic(payload),
    };
    // SAFETY: passed on to the caller.
    unsafe { record(context, failure) };
    Err(Raised)
}

/// Records why the host function that this thread runs fails, and the frames it was called from.
///
/// # Safety
/// As for [`catch`].
pub(super) unsafe fn record(context: *mut VMStoreContext, failure: Failure) {
    // SAFETY: the caller answers for `context`, which is part of its cells; compiled code does
    // not run now and signal handlers write here only for faults in compiled code.
    unsafe {
        let cells = StoreCells::of(context);
        match &failure {
            // One that came through another entry of the store knows the whole stack already. (From
            // another store it knows that store's frames; one backtrace is enough for an error.)
            Failure::Error(error) if error.downcast_ref::<WasmBacktrace>().is_some() => {
                (*cells).frames.clear();
            }
            Failure::Error(_) | Failure::Trap(_) => (*cells).frames.capture_exit(context),
            // Where there turns out to be no handler, the frames are recorded then.
            Failure::Exception { .. } | Failure::Panic(_) => (*cells).frames.clear(),
        }
        debug_assert!((*cells).pending.is_none(), "one failure at a time");
        (*cells).pending = Some(failure);
    }
}

/// The `trap` builtin: records a trap by its code. Always says failure.
///
/// # Safety
/// Called by compiled code only, with the context it was given.
pub(crate) unsafe extern "C" fn trap(context: *mut c_void, code: u32) -> bool {
    let failure = match u8::try_from(code).ok().and_then(TrapCode::from_u8) {
        Some(code) => Failure::Trap(code),
        None => Failure::Error(bug!("compiled code trapped with the unknown code {code}").into()),
    };
    // SAFETY: every context begins with a header, whose store context is the running store's.
    unsafe { record((*context.cast::<VMHeader>()).store_context, failure) };
    false
}

/// The `raise` builtin: goes on at the handler of an exception that has one on this side of the
/// innermost entry, else at the entry's landing pad.
///
/// # Safety
/// Called by compiled code only, with the context it was given, after a host function it called
/// has recorded a failure.
pub(crate) unsafe extern "C" fn raise(context: *mut c_void) -> ! {
    // SAFETY: every context begins with a header; compiled code runs, so there is an entry, and
    // its trampoline filled in the record before it called any of the frames that are left here.
    // Those are compiled code and this one, which has nothing to drop. If the guest has a stack of its own, this one is below `host_sp`, where the next
    // host function begins.
    unsafe {
        let store = (*context.cast::<VMHeader>()).store_context;
        let landing = throw::find_handler(store).unwrap_or_else(|| {
            let entry = &*(*store).entry;
            Landing {
                pc: entry.handler_pc,
                sp: entry.handler_sp,
                fp: entry.handler_fp,
                payload: [0; 2],
            }
        });
        forget_frames_below(match (*store).host_sp.is_null() {
            true => landing.sp,
            false => (*store).host_sp.addr(),
        });
        arch::resume_at(landing.pc, landing.sp, landing.fp, landing.payload)
    }
}
