//! Guest threads.
//!
//! A guest thread has a stack while that has frames: from the beginning of a call to its end. In
//! between, if it is called back, it keeps its slots alone.

use super::{
    ExitSite, FiberRecord, HostFuture, PollContext, Report, enter, frames, free, leave, new_record,
    resume, suspendable, take_future,
};
use crate::bug::bug;
use crate::concurrent::After;
use crate::store::StoreOpaque;
use crate::vm::ComponentInstancePtr;
use crate::vm::invoke::CurrentStore;
use crate::vm::store_state::StoreCells;
use crate::vm::sys;
use anyhow::Result;
use std::any::Any;
use std::ffi::c_void;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::ptr::NonNull;
use std::task::{Context, Waker};
use threadline_environ::layout::VMHeader;

/// What a guest thread owns while it doesn't run: its slots, and its stack while it has one. Its
/// store outlives it, and drops it when it doesn't run, or as the last it does.
#[derive(Debug)]
pub(crate) struct GuestStack(pub(super) NonNull<FiberRecord>);

// SAFETY: as for `FiberCall`; it is kept by its store, and goes where that goes.
unsafe impl Send for GuestStack {}
// SAFETY: nothing can be done with a shared one.
unsafe impl Sync for GuestStack {}

/// How the resumption of a guest thread ended.
#[derive(Debug)]
pub(crate) enum GuestStep {
    /// The thread, or one that went on in its place, has blocked or ended, and none is current.
    Stopped,
    /// The host is waited for: the executor goes on. The thread to resume then.
    Waits(GuestStackPtr),
    /// The current thread has failed, and has no frames left.
    Failed(GuestFailure),
}

/// Why a guest thread has failed: an error, or the payload of a panic.
#[derive(Debug)]
pub(crate) struct GuestFailure(pub(super) Box<dyn Any + Send>);

impl GuestFailure {
    /// The error.
    ///
    /// # Panics
    /// If it is a panic: that goes on.
    pub(crate) fn into_error(self) -> anyhow::Error {
        match self.0.downcast::<anyhow::Error>() {
            Ok(error) => *error,
            Err(payload) => resume_unwind(payload),
        }
    }
}

/// A guest thread by the address of its record, for as long as it exists.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(crate) struct GuestStackPtr(NonNull<FiberRecord>);

// SAFETY: only the store that keeps the thread uses it.
unsafe impl Send for GuestStackPtr {}
// SAFETY: as for `Send`.
unsafe impl Sync for GuestStackPtr {}

impl GuestStackPtr {
    pub(super) fn record(self) -> *mut FiberRecord {
        self.0.as_ptr()
    }
}

impl GuestStack {
    /// How the store resumes it.
    #[inline]
    pub(crate) fn ptr(&self) -> GuestStackPtr {
        GuestStackPtr(self.0)
    }
}

impl Drop for GuestStack {
    fn drop(&mut self) {
        let record = self.0.as_ptr();
        // SAFETY: the record is alive, for this alone frees it, but for `abandon_all`, which comes
        // after whatever the store has attached to threads is dropped. Nothing runs on its stack: the
        // host has stacks of its own. A future of the host's is dropped before the stack goes, which
        // has its slots.
        unsafe {
            drop(take_future(record));
            let fibers = &mut (*StoreCells::of((*record).store)).fibers;
            fibers.guests -= 1;
            if fibers.current == record {
                fibers.current = std::ptr::null_mut();
            }
            free(record);
        }
    }
}

impl StoreOpaque {
    /// What a new guest thread of an instance owns; its slots are zero. It has no stack yet.
    pub(crate) fn new_guest_stack(&mut self, instance: ComponentInstancePtr) -> GuestStack {
        let context = self.vm().context_ptr();
        let vmctx = instance.vmctx().as_ptr();
        // SAFETY: the context is this store's; its cells are not used by anybody else now. Every context
        // begins with a header.
        unsafe {
            (*StoreCells::of(context)).fibers.guests += 1;
            let slots = (*vmctx.cast::<VMHeader>()).context;
            GuestStack(new_record(context, false, slots))
        }
    }

    /// How many guest threads there are.
    #[inline]
    pub(crate) fn guest_count(&mut self) -> usize {
        // SAFETY: the cells live as long as the store; compiled code doesn't run meanwhile.
        unsafe { self.vm_mut().cells.as_mut().fibers.guests }
    }

    /// Resumes a guest thread that doesn't run, until it, or the one that has gone on in its place,
    /// stops and no other one goes on.
    pub(crate) fn resume_guest(&mut self, guest: GuestStackPtr) -> GuestStep {
        let store: *mut StoreOpaque = self;
        // SAFETY: `store` is this very borrow; the context is that store's. The record is alive while its
        // thread is, and doesn't run, as the caller says. The store is borrowed exclusively until this
        // returns.
        let report = unsafe {
            let context = (*store).vm().context_ptr();
            let _current = CurrentStore::enter(context, store.cast::<c_void>());
            resume(guest.record())
        };
        match report {
            Ok(Report::Stopped) => GuestStep::Stopped,
            Ok(Report::Waits(record)) => GuestStep::Waits(GuestStackPtr(record)),
            Ok(Report::Failed(failure)) => GuestStep::Failed(GuestFailure(failure)),
            Ok(Report::Returned(_)) => {
                let error = anyhow::Error::from(bug!("a guest thread has become a call"));
                GuestStep::Failed(GuestFailure(Box::new(error)))
            }
            Err(error) => GuestStep::Failed(GuestFailure(Box::new(error))),
        }
    }

    /// Switches from the thread that runs, whose `thread.*` built-in has made another one current, to that
    /// one, if that goes on from such a built-in, too, and finds nothing: then the built-in's result is the
    /// other thread's. Returns whether that was so; otherwise nothing has changed.
    ///
    /// [`Answer::Blocked`](crate::concurrent::Answer) does the same for all cases.
    #[inline(always)]
    pub(crate) fn switch_at_once(&mut self) -> bool {
        let context = self.vm().context_ptr();
        let next = match self.named_next() {
            Some(next) if self.goes_on_plainly() => next.record(),
            _ => return false,
        };
        // SAFETY: the context is this store's, in which a built-in runs that a guest has called; records are
        // alive while their threads exist. A built-in names threads of its own instance, so both are of the
        // resumption's component. Nothing else uses the tops of their stacks now.
        unsafe {
            let Some(this) = suspendable(context).map(NonNull::as_ptr) else {
                return false;
            };
            let (Some(own), Some(others)) = (frames(this), frames(next)) else {
                return false;
            };
            if this == next || !matches!(others.after, After::Switched) {
                return false;
            }
            others.after = After::Nothing;
            own.after = After::Switched;
            own.site = ExitSite::of_value();
            leave(this);
            enter(next);
        }
        true
    }

    /// Whether a guest thread may go on in the place of the one that has just stopped: it is one of the
    /// same component.
    #[inline]
    pub(crate) fn may_go_on_in_place(&mut self, guest: GuestStackPtr) -> bool {
        let context = self.vm().context_ptr();
        // SAFETY: the context is this store's; records are alive while their threads exist, and a
        // resumption while the function runs that has made it.
        unsafe {
            let resumption = (*StoreCells::of(context)).fibers.resumption.as_ref();
            resumption.is_some_and(|by| by.slots == (*guest.record()).slots)
        }
    }

    /// Turns the store within a poll, or, without one, in a plain call, where nothing can wait for
    /// the host.
    ///
    /// # Errors
    /// If this thread of the operating system can't run wasm, and those of `turn`.
    pub(crate) fn turn<R>(
        &mut self,
        cx: Option<&mut Context<'_>>,
        turn: impl FnOnce(&mut StoreOpaque) -> Result<R>,
    ) -> Result<R> {
        sys::prepare_thread()?;
        let context = self.vm().context_ptr();
        // SAFETY: the context is this store's, which outlives the result.
        let _poll = unsafe { PollContext::enter(context, cx) };
        self.settle_locks();
        turn(self)
    }

    /// The waker of the innermost poll that turns this store; none in a plain call.
    pub(crate) fn turning_waker(&self) -> Option<Waker> {
        let context = self.vm().context_ptr();
        // SAFETY: the context is this store's. A context of a poll is there only as long as that.
        unsafe {
            let cx = (*StoreCells::of(context)).fibers.cx;
            Some(cx.cast::<Context<'_>>().as_ref()?.waker().clone())
        }
    }

    /// Drops what the host was doing for all guest threads, none of which will go on.
    ///
    /// A host function's future may hold a call of this very store, and drops that. So this is done before
    /// the store is taken apart.
    ///
    /// # Panics
    /// If the drop of a future does, after all have been dropped.
    pub(crate) fn drop_all_futures(&mut self) {
        let mut panicked = None;
        let (mut place, mut has_dropped) = (0, false);
        loop {
            match self.take_future_from(&mut place) {
                Some(future) => {
                    has_dropped = true;
                    if let Err(payload) = catch_unwind(AssertUnwindSafe(|| drop(future))) {
                        panicked.get_or_insert(payload);
                    }
                }
                // The drop of one may have ended threads, whose places others have then.
                None if has_dropped => (place, has_dropped) = (0, false),
                None => break,
            }
        }
        if let Some(payload) = panicked {
            resume_unwind(payload);
        }
    }

    /// The future of the first guest thread at this place of the list or behind it that has one, which it has
    /// not any more. The place becomes that thread's.
    fn take_future_from(&mut self, place: &mut usize) -> Option<HostFuture<'static>> {
        let context = self.vm().context_ptr();
        // SAFETY: the context is this store's, which runs nothing. The records in the list are alive. The
        // futures of asynchronous calls are left to these: they may borrow what is gone.
        unsafe {
            let all = &(*StoreCells::of(context)).fibers.all;
            while let Some(&record) = all.get(*place) {
                let record = record.as_ptr();
                if !(*record).is_call
                    && let Some(future) = take_future(record)
                {
                    return Some(future);
                }
                *place += 1;
            }
        }
        None
    }

    /// Drops what the host was doing for a guest thread, which exists and will not go on.
    pub(crate) fn drop_future_of(&mut self, guest: GuestStackPtr) {
        // SAFETY: the record is alive while its thread exists, and it doesn't run.
        let future = unsafe { take_future(guest.record()) };
        drop(future);
    }
}
