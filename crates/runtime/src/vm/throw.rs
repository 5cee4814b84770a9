//! `throw`, `throw_ref`, and the way from there to a handler.
//!
//! An exception leaves compiled code the way a failure does: whoever throws records it in the store
//! and reports failure, and compiled code calls `raise`. Before that goes to the innermost entry,
//! [`find_handler`] looks at each frame on the way there:
//!
//! ```text
//!   Builtin / WasmToHost     fp = exit_fp           where the search starts
//!   wasm … wasm              return address in the exception table? tags compared in order
//!   an adapter               border of a component: no further, a trap
//!   HostToWasm               fp = entry.handler_fp  not found: the entry reports an error
//! ```
//!
//! So an exception crosses no frame of the host. To the host function that made the entry it is
//! an error, and if that returns the error in turn, [`catch_and_throw`] throws it again.

use super::exceptions::Exceptions;
use super::host_call::{Raised, catch, record};
use super::owner::{Owner, owner_of};
use super::pointer::{CodePtr, VmPtr};
use super::store_state::{Failure, StoreCells, VmStoreState};
use super::tag::TagPtr;
use crate::bug::{bail_bug, bug};
use crate::code::{LoadedImage, registry};
use crate::exception::Exception;
use crate::store::StoreOpaque;
use crate::trap::Trap;
use anyhow::Result;
use std::ffi::c_void;
use threadline_environ::TagIndex;
use threadline_environ::artifact::CatchClause;
use threadline_environ::layout::{VMHeader, VMStoreContext, ValRaw};

/// Where an exception goes on.
#[derive(Copy, Clone, Debug)]
pub(super) struct Landing {
    /// The handler.
    pub(super) pc: usize,
    /// The stack pointer it expects.
    pub(super) sp: usize,
    /// The frame pointer it expects.
    pub(super) fp: usize,
    /// The handle of the exception, and where its values are.
    pub(super) payload: [u64; 2],
}

/// The `throw` builtin: makes an exception and records it. Always says failure.
///
/// # Safety
/// Called by compiled code only, with the `VMContext` of an instance, a tag of its module, and the
/// array of as many values as the tag's type has parameters.
pub(super) unsafe extern "C" fn throw(
    context: *mut c_void,
    tag: u32,
    values: *const ValRaw,
    count: u32,
) -> bool {
    let make = || {
        // SAFETY: the caller answers for the context; `VMStoreContext::store` was set from the
        // exclusive borrow of the store with which wasm was entered, which rests meanwhile.
        let store = unsafe { store_behind(context) };
        let tag = tag_in(context, TagIndex::from_u32(tag))?;
        let values = match count {
            0 => &[],
            // SAFETY: the caller answers for the array.
            count => unsafe { std::slice::from_raw_parts(values, count as usize) },
        };
        Ok(store.add_exception(tag, values)?)
    };
    // SAFETY: the context is that of running compiled code.
    unsafe {
        let store = (*context.cast::<VMHeader>()).store_context;
        if let Ok(handle) = catch(store, make) {
            record_exception(store, handle);
        }
    }
    false
}

/// The `throw_ref` builtin: records an exception that has been made. Always says failure.
///
/// # Safety
/// Called by compiled code only, with the context it was given and an `exnref`.
pub(super) unsafe extern "C" fn throw_ref(context: *mut c_void, exception: u64) -> bool {
    // SAFETY: every context begins with a header; compiled code runs.
    unsafe {
        let store = (*context.cast::<VMHeader>()).store_context;
        let check = || {
            if exception == 0 {
                return Err(Trap::NullExceptionReference.into());
            }
            if (*StoreCells::of(store)).exceptions.get(exception).is_none() {
                bail_bug!("an `exnref` refers to no exception");
            }
            Ok(())
        };
        if catch(store, check).is_ok() {
            record_exception(store, exception);
        }
    }
    false
}

/// # Safety
/// `store` is the store whose compiled code called the builtin that runs.
unsafe fn record_exception(store: *mut VMStoreContext, handle: u64) {
    let error = None;
    // SAFETY: passed on.
    unsafe { record(store, Failure::Exception { handle, error }) };
}

/// Runs the body of a host function as [`catch`] does; an error that is an exception of this store
/// is thrown. Whether the function succeeded.
///
/// # Safety
/// As for [`catch`].
pub(super) unsafe fn catch_and_throw<R>(
    store: *mut VMStoreContext,
    body: impl FnOnce() -> Result<R>,
) -> bool {
    // SAFETY: passed on to the caller.
    match unsafe { catch(store, body) } {
        Ok(_) => true,
        Err(Raised) => {
            // SAFETY: as above, and the failure has been recorded.
            unsafe { throw_pending_error(store) };
            false
        }
    }
}

/// Turns a pending error that is an exception of this store into a pending exception.
///
/// # Safety
/// As for [`catch`].
#[cold]
#[inline(never)]
pub(super) unsafe fn throw_pending_error(context: *mut VMStoreContext) {
    // SAFETY: the caller answers for the context; the host function has returned, so nothing else
    // uses the cells or the store now.
    unsafe {
        let pending = &mut (*StoreCells::of(context)).pending;
        let Some(Failure::Error(error)) = pending else {
            return;
        };
        let Some(exception) = error.downcast_ref::<Exception>() else {
            return;
        };
        let store = &*(*context).store.cast::<StoreOpaque>();
        if !exception.is_of(store) {
            return;
        }
        match exception.add_to(store) {
            Ok(handle) => {
                if let Some(Failure::Error(error)) = pending.take() {
                    let error = Some(error);
                    *pending = Some(Failure::Exception { handle, error });
                }
            }
            Err(error) => *pending = Some(Failure::Error(error)),
        }
    }
}

/// If what is pending is an exception: where it goes on on this side of the innermost entry. It is
/// not pending any more then. If it must not get to that entry, it becomes a trap.
///
/// # Safety
/// Compiled code of the store called a host function, which has recorded a failure.
pub(super) unsafe fn find_handler(context: *mut VMStoreContext) -> Option<Landing> {
    // SAFETY: compiled code waits, so nothing else uses the cells; it was entered, so there is a
    // record, and the exit registers are those of the trampoline that called.
    unsafe {
        let cells = StoreCells::of(context);
        let Some(Failure::Exception { handle, .. }) = (*cells).pending else {
            return None;
        };
        let exceptions = &mut (*cells).exceptions;
        let Some(exception) = exceptions.get(handle) else {
            (*cells).pending = Some(Failure::Error(bug!("no exception is pending").into()));
            return None;
        };
        match search(
            exception.tag,
            (*context).exit_fp,
            (*(*context).entry).handler_fp,
        ) {
            Search::Found(found) => {
                let values = exceptions.catch(handle, found.by_reference)?;
                (*cells).pending = None;
                return Some(Landing {
                    payload: [handle, values.addr() as u64],
                    ..found.landing
                });
            }
            Search::Barrier => {
                drop(exceptions.end(handle));
                (*cells).pending = Some(Failure::Trap(Trap::UncaughtException));
            }
            Search::Uncaught => {}
        }
        (*cells).frames.capture_exit(context);
        None
    }
}

/// How a search for a handler ends.
enum Search {
    Found(Found),
    /// At the border of a component.
    Barrier,
    /// At the entry from the host.
    Uncaught,
}

struct Found {
    /// Without a payload.
    landing: Landing,
    by_reference: bool,
}

/// Looks for a handler in the callers of the frame at `fp`, up to that at `last`.
///
/// # Safety
/// Both are frame pointers of frames of compiled code on this stack, in one run (see
/// `backtrace`).
unsafe fn search(tag: TagPtr, mut fp: usize, last: usize) -> Search {
    while fp < last {
        // SAFETY: compiled code keeps its frame pointers linked, and `fp < last` shows that the
        // two words are within the run.
        let (caller, return_address) = unsafe {
            let frame = fp as *const usize;
            (*frame, *frame.add(1))
        };
        // Callers are at higher addresses; anything else is no chain of ours.
        if caller <= fp || caller > last {
            break;
        }
        if let Some(image) = registry::lookup(return_address.wrapping_sub(1)) {
            if image.is_exception_barrier(return_address) {
                return Search::Barrier;
            }
            // SAFETY: the frame at `caller` is of the image's code, at that return address.
            if let Some(found) = unsafe { handler(&image, return_address, caller, tag) } {
                return Search::Found(found);
            }
        }
        fp = caller;
    }
    Search::Uncaught
}

/// The handler of one call for exceptions with this tag.
///
/// # Safety
/// `fp` is the frame pointer of a frame that is in a call which returns to `return_address`, in the
/// code of `image`.
unsafe fn handler(
    image: &LoadedImage,
    return_address: usize,
    fp: usize,
    tag: TagPtr,
) -> Option<Found> {
    let site = image.exception_site(return_address)?;
    let sp = fp - site.frame_size as usize;
    let handler = site.handlers().find(|handler| match handler.clause {
        CatchClause::All => true,
        CatchClause::Tag(index, context) => {
            // SAFETY: the compiler says that the frame keeps its `VMContext` there.
            let context = unsafe { *((sp + context as usize) as *const *mut c_void) };
            tag_in(context, index).is_ok_and(|expected| expected == tag)
        }
    })?;
    Some(Found {
        landing: Landing {
            pc: image.address(handler.target),
            sp,
            fp,
            payload: [0; 2],
        },
        by_reference: handler.by_reference,
    })
}

/// A tag of the instance whose `VMContext` compiled code has.
fn tag_in(context: *mut c_void, index: TagIndex) -> Result<TagPtr> {
    // SAFETY: the context of compiled code that runs is alive.
    let context: Option<CodePtr> = unsafe { VmPtr::new(context) };
    match context.map(owner_of) {
        Some(Owner::CoreInstance(instance)) => Ok(instance.tag(index)),
        other => bail_bug!("{other:?} has no tags"),
    }
}

/// The store whose compiled code runs.
///
/// # Safety
/// `context` is what compiled code passed as its context; the store's exclusive borrow rests, and
/// nothing else uses the store while the result is used.
unsafe fn store_behind<'a>(context: *mut c_void) -> &'a StoreOpaque {
    // SAFETY: every context begins with a header; the rest is the caller's word.
    unsafe {
        let context = (*context.cast::<VMHeader>()).store_context;
        &*(*context).store.cast::<StoreOpaque>()
    }
}

/// The error of an entry that an exception came to. Between components it is a trap.
///
/// # Safety
/// `context` is a live store's, which the caller has entered and left.
pub(super) unsafe fn take_uncaught(
    context: *mut VMStoreContext,
    handle: u64,
    error: Option<anyhow::Error>,
    in_component: bool,
) -> anyhow::Error {
    // SAFETY: passed on; the store is the one that made the entry, which waits for this.
    unsafe {
        let error = match error {
            _ if in_component => Trap::UncaughtException.into(),
            Some(error) => error,
            None => {
                let store = &*(*context).store.cast::<StoreOpaque>();
                match Exception::of(store, handle) {
                    Some(exception) => exception.into(),
                    None => bug!("an uncaught exception is gone").into(),
                }
            }
        };
        drop((*StoreCells::of(context)).exceptions.end(handle));
        error
    }
}

impl VmStoreState {
    /// Uses the store's exceptions. `f` must not run code that does as well.
    pub(super) fn with_exceptions<R>(&self, f: impl FnOnce(&mut Exceptions) -> R) -> R {
        // SAFETY: the cells live as long as `self`; no other reference to the exceptions exists
        // while `f` runs (its contract), for a store is used by one thread at a time.
        f(unsafe { &mut (*StoreCells::of(self.context_ptr())).exceptions })
    }
}
