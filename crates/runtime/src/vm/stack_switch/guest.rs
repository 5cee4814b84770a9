//! The stacks of guest threads.
//!
//! A guest thread runs on a stack from its first call to its last ([`StoreOpaque::call_on_stack`]),
//! or, if it is called back, from one of its waits to the next; in between it keeps its slots.

use super::{
    FiberRecord, Pause, PollContext, Running, Work, free, hop, leave_for, new_record, resume,
    suspend, suspendable,
};
use crate::bug::bail_bug;
use crate::concurrent::switch::{inherit, trade};
use crate::store::StoreOpaque;
use crate::vm::ComponentInstancePtr;
use crate::vm::component_instance::CoreFunc;
use crate::vm::entry::{enter_on_fiber, take_failure};
use crate::vm::invoke::CurrentStore;
use crate::vm::store_state::StoreCells;
use crate::vm::sys;
use anyhow::Result;
use std::any::Any;
use std::ffi::c_void;
use std::mem;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::ptr::{self, NonNull};
use std::task::{Context, Waker};
use threadline_environ::layout::{VMStoreContext, ValRaw};
use threadline_fiber::{Fiber, Step, Suspender};

/// What a guest thread owns while it doesn't run: its slots, and its stack while it has one. Its
/// store outlives it, and drops it when it doesn't run, or as the last it does.
#[derive(Debug)]
pub(crate) struct GuestStack(pub(super) NonNull<FiberRecord>);

// SAFETY: as for `FiberCall`; it is kept by its store, and goes where that goes.
unsafe impl Send for GuestStack {}
// SAFETY: nothing can be done with a shared one.
unsafe impl Sync for GuestStack {}

/// What a guest thread does from its beginning on, on a fresh stack.
pub(crate) type GuestBody = fn(&mut StoreOpaque) -> Result<()>;

/// How far a guest thread got.
#[derive(Debug)]
pub(crate) enum GuestStep {
    /// It has blocked, or names another to go on.
    Blocked,
    /// Its body has returned, and its stack is given back.
    Finished(Result<()>),
    /// The host is waited for: the executor goes on. The thread to resume then.
    Pending(GuestStackPtr),
}

/// What a guest thread is to the one that runs.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(crate) enum GuestRelation {
    /// That one.
    Same,
    /// Another of the same component.
    Neighbour,
    /// One of another component; or no guest thread runs.
    Stranger,
}

/// A guest thread by the address of its record, for as long as it exists.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(crate) struct GuestStackPtr(NonNull<FiberRecord>);

// SAFETY: only the store that keeps the thread uses it.
unsafe impl Send for GuestStackPtr {}
// SAFETY: as for `Send`.
unsafe impl Sync for GuestStackPtr {}

impl GuestStack {
    /// How the store resumes it.
    #[inline]
    pub(crate) fn ptr(&self) -> GuestStackPtr {
        GuestStackPtr(self.0)
    }

    /// This thread runs, on a stack on which it has no frames left. `next`, of the same component, has
    /// no stack and runs from now on, on this one, in its place.
    ///
    /// The record goes with the stack.
    ///
    /// # Panics
    /// If that isn't so.
    pub(crate) fn hand_over(&mut self, next: &mut GuestStack) {
        let (own, others) = (self.0.as_ptr(), next.0.as_ptr());
        // SAFETY: the records are alive, two, and of one component, as is checked; this one's is that
        // of the fiber that runs, whose first entry has ended.
        unsafe {
            assert!(is_left_by(own, others), "{NOT_LEFT}");
            assert!(!(*own).has_exited, "{NOT_LEFT}");
            let mut running = Running::of(own);
            trade(&mut running, &mut (*own).state, &mut (*others).state);
        }
        mem::swap(&mut self.0, &mut next.0);
    }

    /// The thread that ran has ended and has no frames left on its stack. This one, of the same component,
    /// has no stack and runs from now on, on that one.
    ///
    /// # Panics
    /// If that isn't so.
    pub(crate) fn inherit(&mut self) {
        let others = self.0.as_ptr();
        // SAFETY: as in `hand_over`. The record of who has ended is nobody's since then, and this one's
        // own is, from now on.
        unsafe {
            let left = (*StoreCells::of((*others).store)).fibers.current;
            assert!(!left.is_null() && is_left_by(left, others), "{NOT_LEFT}");
            assert!((*left).has_exited, "{NOT_LEFT}");
            inherit(&mut Running::of(left), &mut (*others).state);
            (*left).has_exited = false;
            self.0 = NonNull::new_unchecked(left);
            free(others);
        }
    }
}

const NOT_LEFT: &str = "a stack is handed over that is not free";

/// Whether the fiber of a record runs and has no frames of wasm, and another, of the same component,
/// has no stack.
///
/// # Safety
/// The records are alive.
#[inline]
unsafe fn is_left_by(own: *mut FiberRecord, others: *mut FiberRecord) -> bool {
    // SAFETY: the caller answers for the records.
    unsafe {
        let current = (*StoreCells::of((*own).store)).fibers.current;
        others != own
            && is_free(current, own)
            && (*own).component == (*others).component
            && (*others).fiber.is_none()
    }
}

/// Whether the fiber of a record is the one that runs, and has no frames of wasm.
///
/// # Safety
/// The record is alive.
#[inline]
unsafe fn is_free(current: *mut FiberRecord, own: *mut FiberRecord) -> bool {
    // SAFETY: the caller answers for the record.
    unsafe { current == own && (*own).base.is_null() && (*own).hosted.is_none() }
}

impl Drop for GuestStack {
    fn drop(&mut self) {
        let record = self.0.as_ptr();
        // SAFETY: the record is alive, for this alone frees it, but for `abandon_all`, which comes
        // after whatever the store has attached to threads is dropped. Who ends is dropped on its
        // own stack, which its resumer frees (`end`); no other fiber runs then. What the host was
        // doing is dropped before the stack is.
        unsafe {
            drop((*record).hosted.take());
            let fibers = &mut (*StoreCells::of((*record).store)).fibers;
            fibers.guests -= 1;
            match fibers.current == record {
                true => (*record).has_exited = true,
                false => free(record),
            }
        }
    }
}

/// The body of a guest's fiber. Whether it returned without failure.
///
/// # Safety
/// Called on the fiber of `record`, which [`resume`] resumed.
unsafe fn run(
    record: *mut FiberRecord,
    body: GuestBody,
    suspender: Suspender<'_, (), Pause>,
) -> bool {
    // SAFETY: the record is alive while its fiber is. `VMStoreContext::store` was set by who
    // resumed the fiber, from its exclusive borrow, and a store's address never changes.
    unsafe {
        (*record).suspender = Some(suspender.into_raw());
        let store = (*(*record).store).store.cast::<StoreOpaque>();
        let failure: Box<dyn Any + Send> =
            match catch_unwind(AssertUnwindSafe(|| body(&mut *store))) {
                Ok(Ok(())) => return true,
                Ok(Err(error)) => Box::new(error),
                Err(payload) => payload,
            };
        (*record).work = Work::Guest(Some(failure));
        false
    }
}

impl StoreOpaque {
    /// What a new guest thread of an instance owns; its slots are zero. It has no stack yet.
    pub(crate) fn new_guest_stack(&mut self, instance: ComponentInstancePtr) -> GuestStack {
        let context = self.vm().context_ptr();
        let component = instance.vmctx().as_ptr();
        // SAFETY: the context is this store's; its cells are not used by anybody else now.
        unsafe {
            (*StoreCells::of(context)).fibers.guests += 1;
            GuestStack(new_record(context, Work::Guest(None), component))
        }
    }

    /// How many guest threads there are.
    #[inline]
    pub(crate) fn guest_count(&mut self) -> usize {
        // SAFETY: the cells live as long as the store; compiled code doesn't run meanwhile.
        unsafe { self.vm_mut().cells.as_mut().fibers.guests }
    }

    /// Gives a guest thread that has no stack one, on which it will run `body`.
    ///
    /// # Errors
    /// If there is no stack.
    pub(crate) fn begin_guest(&mut self, guest: GuestStackPtr, body: GuestBody) -> Result<()> {
        let stack = self.take_stack()?;
        let record = guest.0.as_ptr();
        let fiber = Fiber::new(stack, move |suspender: Suspender<'_, (), Pause>, ()| {
            // SAFETY: a fiber is freed before its record.
            unsafe { run(record, body, suspender) }
        });
        // SAFETY: the record is alive while its `GuestStack` is; nothing of it runs.
        unsafe {
            debug_assert!((*record).fiber.is_none());
            (*record).fiber = Some(fiber);
        }
        Ok(())
    }

    /// Resumes a guest thread that has a stack and doesn't run, until it, or who has gone on in its
    /// place, blocks or its body returns.
    /// If it waits for the host, so does whoever runs here, if that is a fiber.
    ///
    /// # Panics
    /// If the body panicked, with its payload.
    pub(crate) fn resume_guest(&mut self, guest: GuestStackPtr) -> GuestStep {
        let mut record = guest.0.as_ptr();
        let store: *mut StoreOpaque = self;
        // SAFETY: `store` is this very borrow; the context is that store's.
        let context = unsafe { (*store).vm().context_ptr() };
        loop {
            let step;
            // SAFETY: the record is alive while its thread is, which isn't dropped while it runs; it
            // has a fiber that is not running, as the caller says. The store is borrowed exclusively
            // until this returns. After a suspension for the host, this fiber's own resumer has
            // borrowed the store, and waits for this.
            (record, step) = unsafe {
                let _current = CurrentStore::enter(context, store.cast::<c_void>());
                resume(record)
            };
            match step {
                Step::Suspended(Pause::Guest) => return GuestStep::Blocked,
                // SAFETY: as above.
                Step::Finished(_) => return GuestStep::Finished(unsafe { end(record) }),
                Step::Suspended(Pause::Host) => {}
            }
            // SAFETY: a resumer that is on a fiber is called by its wasm, whose frames own nothing
            // but what is in the store (module documentation of `stack_switch`), unless the store is
            // turned on that fiber, by a future of the host's: then that is pending.
            unsafe {
                let turner = (*StoreCells::of(context)).fibers.turner;
                match suspendable(context) {
                    Some(resumer) if resumer.as_ptr() != turner => {
                        suspend(resumer.as_ptr(), Pause::Host);
                    }
                    _ => match NonNull::new(record) {
                        Some(record) => return GuestStep::Pending(GuestStackPtr(record)),
                        None => unreachable!("it was resumed"),
                    },
                }
            }
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

    /// The guest thread that runs blocks, or goes on as another: its resumer goes on, until this one
    /// is resumed.
    ///
    /// Whatever is on this stack up to the caller of this may never go on, and must own nothing.
    ///
    /// # Errors
    /// If no guest thread runs that can block here, which is a bug.
    #[inline]
    pub(crate) fn block_guest(&mut self) -> Result<()> {
        let record = self.stopping()?;
        // SAFETY: it was just found to be suspendable. Callers are builtins that guests have called,
        // which own nothing, as said above.
        unsafe { suspend(record, Pause::Guest) };
        Ok(())
    }

    /// The same, and another thread of the same component, which has a stack and doesn't run, goes on
    /// in its place.
    ///
    /// # Errors
    /// As [`Self::block_guest`].
    #[inline(always)]
    pub(crate) fn switch_guest(&mut self, to: GuestStackPtr) -> Result<()> {
        let record = self.stopping()?;
        // SAFETY: as in `block_guest`; the caller answers for the other.
        unsafe { hop(record, to.0.as_ptr()) };
        Ok(())
    }

    /// The guest thread that ran has ended on the stack that runs, and another one of the same component,
    /// which has a stack and doesn't run, goes on in its place.
    ///
    /// No frame on this stack ever goes on: they must own nothing.
    ///
    /// # Panics
    /// If that isn't so.
    pub(crate) fn leave_guest_for(&mut self, to: GuestStackPtr) -> ! {
        let context = self.vm().context_ptr();
        // SAFETY: the context is this store's; a record that is current is alive, as the other one is.
        // The frames between here and the fiber's body are of `body` and `run`, and own nothing.
        unsafe {
            let left = (*StoreCells::of(context)).fibers.current;
            let is_left = !left.is_null() && is_free(left, left) && (*left).has_exited;
            assert!(is_left, "{NOT_LEFT}");
            assert!(
                (*left).component == (*to.0.as_ptr()).component,
                "{NOT_LEFT}"
            );
            escape(context, self);
            leave_for(left, to.0.as_ptr())
        }
    }

    /// The guest thread that is about to stop.
    ///
    /// # Errors
    /// If there is none here.
    #[inline(always)]
    fn stopping(&mut self) -> Result<*mut FiberRecord> {
        let context = self.vm().context_ptr();
        // SAFETY: the context is this store's, in which this thread runs; a record that is found is
        // alive.
        unsafe {
            let Some(record) = suspendable(context) else {
                bail_bug!("a guest thread blocks where it can't");
            };
            if !matches!((*record.as_ptr()).work, Work::Guest(_)) {
                bail_bug!("what blocks is no guest thread");
            }
            escape(context, self);
            Ok(record.as_ptr())
        }
    }

    /// Drops what the host was doing for a guest thread, which exists and will not go on.
    pub(crate) fn drop_hosted(&mut self, guest: GuestStackPtr) {
        // SAFETY: the record is alive while its thread exists, and its fiber doesn't run.
        let hosted = unsafe { (*guest.0.as_ptr()).hosted.take() };
        drop(hosted);
    }

    /// What another guest thread, which exists, is to the one that runs.
    #[inline]
    pub(crate) fn guest_relation(&mut self, other: GuestStackPtr) -> GuestRelation {
        let context = self.vm().context_ptr();
        // SAFETY: the context is this store's; records are alive while their threads exist.
        unsafe {
            let current = (*StoreCells::of(context)).fibers.current;
            let other = other.0.as_ptr();
            match current.is_null() {
                false if current == other => GuestRelation::Same,
                false if (*current).component == (*other).component => GuestRelation::Neighbour,
                _ => GuestRelation::Stranger,
            }
        }
    }

    /// Calls a core function, as the first entry on the stack of the guest thread that runs; see
    /// [`StoreOpaque::invoke`]. Here it can block.
    ///
    /// # Errors
    /// If the guest traps or a host function fails, or no guest thread runs or it is in wasm.
    ///
    /// # Panics
    /// If `slots` is too short, or a host function panicked.
    pub(crate) fn call_on_stack(&mut self, func: CoreFunc, slots: &mut [ValRaw]) -> Result<()> {
        assert!(slots.len() >= func.entrance.slots(), "room for all values");
        let context = self.vm().context_ptr();
        // SAFETY: the context is this store's. The function belongs to the store; this runs on the
        // fiber of `record`, which has no entry, and whose resumer has set the stack limit and links
        // `base` to its own entry each time.
        unsafe {
            let record = (*StoreCells::of(context)).fibers.current;
            if record.is_null() || !(*record).base.is_null() {
                bail_bug!("a guest thread calls where it can't");
            }
            escape(context, self);
            let returned = enter_on_fiber(
                context,
                func.entrance.trampoline,
                func.func.code.as_ptr(),
                func.func.vmctx.as_ptr(),
                slots.as_mut_ptr(),
                &raw mut (*record).base,
            );
            (*record).base = ptr::null_mut();
            match returned {
                true => Ok(()),
                false => Err(take_failure(context, func.func.vmctx.as_ptr())),
            }
        }
    }
}

/// What others will do to the store meanwhile, they do by way of this borrow.
///
/// # Safety
/// `context` is that of `store`.
unsafe fn escape(context: *mut VMStoreContext, store: &mut StoreOpaque) {
    // SAFETY: the caller answers for the context. Whoever borrowed the store before puts its own
    // borrow back when it goes on (`CurrentStore`).
    unsafe { (*context).store = ptr::from_mut(store).cast() };
}

/// The end of a guest's stack: what its body returned.
///
/// # Safety
/// The record is alive and its fiber has finished.
unsafe fn end(record: *mut FiberRecord) -> Result<()> {
    // SAFETY: the caller answers for the record.
    unsafe {
        let Work::Guest(failure) = &mut (*record).work else {
            bail_bug!("a guest's stack has become a call's");
        };
        let failure = mem::take(failure);
        if (*record).has_exited {
            free(record);
        } else {
            (*record).suspender = None;
            if let Some(Ok(stack)) = (*record).fiber.take().map(Fiber::into_stack) {
                let fibers = &mut (*StoreCells::of((*record).store)).fibers;
                fibers.keep_stack(stack);
            }
        }
        match failure {
            None => Ok(()),
            Some(failure) => match failure.downcast::<anyhow::Error>() {
                Ok(error) => Err(*error),
                Err(payload) => resume_unwind(payload),
            },
        }
    }
}
