//! Asynchronous calls: futures that run one function on a stack of its own.

use super::guest::GuestFailure;
use super::{
    Call, FiberRecord, PollContext, Report, free, new_record, resume, take_call, take_future,
    top_of,
};
use crate::bug::bug;
use crate::concurrent::Aside;
use crate::store::StoreOpaque;
use crate::vm::call_slots::OwnedSlots;
use crate::vm::core_instance::FunctionImport;
use crate::vm::entry::{ThreadKind, take_failure};
use crate::vm::invoke::{CurrentStore, Entrance};
use crate::vm::store_state::VmStoreState;
use crate::vm::sys;
use anyhow::{Result, anyhow};
use std::ffi::c_void;
use std::marker::PhantomData;
use std::pin::Pin;
use std::ptr::{self, NonNull};
use std::task::{Context, Poll};
use threadline_environ::layout::VMHeader;

/// An asynchronous call of a function, which begins when this is first polled. It gives the
/// results, in the slots that the parameters were in.
///
/// Dropped before that, it ends the call where it is: what the host was doing for it is dropped,
/// its stack is freed, and no guest code runs.
#[must_use]
pub(crate) struct FiberCall<'a> {
    record: Option<NonNull<FiberRecord>>,
    opaque: *mut StoreOpaque,
    /// How many guest threads had resumed each other when it was made.
    depth: usize,
    /// What of that it has while it isn't polled.
    aside: Aside,
    borrow: PhantomData<&'a mut StoreOpaque>,
}

// SAFETY: a suspended stack has frames of compiled code alone, which use no thread-local, and at its top
// pointers into the store and a future that is `Send`. The store is borrowed here; callers of `call_async`
// must have embedder's data that is `Send`.
unsafe impl Send for FiberCall<'_> {}

impl StoreOpaque {
    /// Prepares a call of a function of this store, on a stack of its own. `entrance` must be for the function's type.
    ///
    /// # Errors
    /// If there is no stack.
    ///
    /// # Panics
    /// If `args` is too short.
    pub(crate) fn invoke_async(
        &mut self,
        thread: ThreadKind,
        entrance: Entrance,
        func: FunctionImport,
        args: OwnedSlots,
    ) -> Result<FiberCall<'_>> {
        assert!(args.len() >= entrance.slots(), "room for all values");
        let opaque: *mut StoreOpaque = self;
        // SAFETY: `opaque` is this very borrow, and the context its store's, of which no wasm runs
        // that isn't waiting for the borrower.
        let record = unsafe {
            let context = (*opaque).vm().context_ptr();
            let stack = (*opaque).take_stack()?;
            let slots = match thread {
                ThreadKind::New => (*func.vmctx.as_ptr().cast::<VMHeader>()).context,
                ThreadKind::Same => ptr::null_mut(),
            };
            let record = new_record(context, true, slots);
            let call = Some(Call {
                func,
                entrance,
                args,
            });
            // The stack is this call's alone. What was there before owns nothing.
            (&raw mut (*top_of(&stack)).call).write(call);
            (*record.as_ptr()).stack = Some(stack);
            record
        };
        // SAFETY: as above.
        let depth = unsafe { (*opaque).concurrency.scheduler.depth() };
        Ok(FiberCall {
            record: Some(record),
            opaque,
            depth,
            aside: Aside::default(),
            borrow: PhantomData,
        })
    }
}

impl VmStoreState {
    /// Takes note that an asynchronous call begins, not all of which is on a stack of its own.
    pub(crate) fn begin_async_call(&mut self) {
        // SAFETY: the cells live as long as `self`; compiled code doesn't run meanwhile.
        let fibers = unsafe { &mut self.cells.as_mut().fibers };
        fibers.calls += 1;
        fibers.missed_yields = 0;
    }

    /// The same call ends.
    pub(crate) fn end_async_call(&mut self) {
        // SAFETY: as in `begin_async_call`.
        unsafe { self.cells.as_mut() }.fibers.calls -= 1;
    }
}

impl Future for FiberCall<'_> {
    type Output = Result<OwnedSlots>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<OwnedSlots>> {
        let Some(record) = self.record else {
            return Poll::Ready(Err(anyhow!(
                "an asynchronous call was polled after its end"
            )));
        };
        // A thread that it has not run on yet may have no stack for signals.
        sys::prepare_thread()?;
        let record = record.as_ptr();
        // SAFETY: the record is alive until it is freed below or in `drop`; the store is borrowed
        // by `self`, and the context is that store's.
        unsafe {
            let context = (*record).store;
            let _current = CurrentStore::enter(context, self.opaque.cast::<c_void>());
            let _poll = PollContext::enter(context, Some(cx));
            (*self.opaque).concurrency.take_up(&mut self.aside)?;
            let returned = match resume(record)? {
                Report::Returned(returned) => returned,
                Report::Waits(_) => {
                    self.aside = (*self.opaque).concurrency.set_aside(self.depth);
                    return Poll::Pending;
                }
                Report::Failed(failure) => {
                    return Poll::Ready(Err(GuestFailure(failure).into_error()));
                }
                Report::Stopped => {
                    return Poll::Ready(Err(bug!("an asynchronous call has blocked").into()));
                }
            };
            let call = take_call(record);
            self.record = None;
            free(record);
            let Some(call) = call else {
                return Poll::Ready(Err(bug!("an asynchronous call is none").into()));
            };
            let (args, vmctx) = (call.args, call.func.vmctx.as_ptr());
            let in_component = !(*vmctx.cast::<VMHeader>()).context.is_null();
            Poll::Ready(match returned {
                true => Ok(args),
                false => {
                    let error = take_failure(context, in_component);
                    (*self.opaque).let_go_of_hoard(&error);
                    Err(error)
                }
            })
        }
    }
}

impl Drop for FiberCall<'_> {
    fn drop(&mut self) {
        if let Some(record) = self.record {
            let record = record.as_ptr();
            // The stack goes also if the host's future panics.
            let free = FreeOnDrop(record);
            // SAFETY: the record is alive until it is freed; its guest does not run, for it does
            // so only while `self` is polled.
            drop(unsafe { take_future(record) });
            drop(free);
            // SAFETY: the store is borrowed by `self`.
            unsafe { (*self.opaque).abandon_interrupted(self.depth, &mut self.aside) };
        }
    }
}

/// Frees the record of a call that is never resumed again.
struct FreeOnDrop(*mut FiberRecord);

impl Drop for FreeOnDrop {
    fn drop(&mut self) {
        // SAFETY: the function that made this has the record and gives it up.
        unsafe { free(self.0) };
    }
}
