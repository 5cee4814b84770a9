//! Waiting for the host: everything in the store waits, and the executor goes on.

use super::{FiberRecord, HostFuture, MAX_MISSED_YIELDS, frames, suspendable, take_future};
use crate::bug::bail_bug;
use crate::concurrent::{After, Answer, HostFunction};
use crate::store::StoreOpaque;
use crate::vm::store_state::StoreCells;
use anyhow::{Result, anyhow};
use std::mem;
use std::ptr::NonNull;
use std::task::{Context, Poll, Waker};
use threadline_environ::layout::{VMStoreContext, ValRaw};

/// The guest that runs, if it can be suspended here to wait for the host.
///
/// # Safety
/// As for [`suspendable`].
unsafe fn can_wait(context: *mut VMStoreContext) -> Option<NonNull<FiberRecord>> {
    // SAFETY: passed on; the cells are around the context.
    unsafe {
        match (*StoreCells::of(context)).fibers.cx.is_null() {
            true => None,
            false => suspendable(context),
        }
    }
}

/// Polls a host function that is a future, on behalf of the guest that called it. If it isn't ready, the
/// guest waits for the host, and it is [polled](poll) again when the guest goes on.
///
/// # Errors
/// The future's own, or if it is pending where nothing can be suspended: the guest was entered by a
/// plain call.
///
/// # Safety
/// `context` is that of a store whose compiled code called the host function that this thread
/// runs. What the future has borrowed is borrowed until that host function has answered.
pub(in crate::vm) unsafe fn wait_for(
    context: *mut VMStoreContext,
    future: HostFuture<'_>,
    function: HostFunction,
    slots: *mut [ValRaw],
) -> Result<Answer> {
    // SAFETY: the future ends before what it has borrowed does. That is borrowed until the host function
    // has answered; before the guest's stack is taken away, which the slots are on, `FiberCall::drop` or
    // `GuestStack::drop` drops the future; or else it is never touched again.
    let mut future = unsafe { mem::transmute::<HostFuture<'_>, HostFuture<'static>>(future) };
    // SAFETY: passed on.
    let Some(record) = (unsafe { can_wait(context) }) else {
        let cx = &mut Context::from_waker(Waker::noop());
        return match future.as_mut().poll(cx) {
            Poll::Ready(result) => {
                drop(future);
                result?;
                // SAFETY: the future is gone, which had borrowed the slots.
                function.done(0, unsafe { &mut *slots })
            }
            Poll::Pending => Err(anyhow!(
                "a host function is not ready, and the guest that called it can't wait for it: \
                 enter the guest with `call_async` (or `instantiate_async`), and not from within a \
                 host function that is no future"
            )),
        };
    };
    // SAFETY: the record is alive while its guest exists, and nothing else uses it now. The slots are as
    // above.
    unsafe {
        let Some(top) = frames(record.as_ptr()) else {
            bail_bug!("a guest without frames waits");
        };
        top.future = Some(future);
        let answer = poll(context, record.as_ptr(), function, slots)?;
        if let Answer::Waits(_) = answer {
            let store = &mut *(*context).store.cast::<StoreOpaque>();
            store.trace_waiting();
        }
        Ok(answer)
    }
}

/// Polls the future that a guest waits for.
///
/// # Errors
/// The future's own.
///
/// # Safety
/// As for [`wait_for`]; the record is that of the guest that called the host function.
pub(super) unsafe fn poll(
    context: *mut VMStoreContext,
    record: *mut FiberRecord,
    function: HostFunction,
    slots: *mut [ValRaw],
) -> Result<Answer> {
    // SAFETY: the caller answers for the record, which nothing else uses now. The context of the
    // innermost poll is there: it was when the future was made (`can_wait`), and whatever goes on since
    // is part of a poll.
    unsafe {
        let Some(mut future) = take_future(record) else {
            bail_bug!("a guest waits for a future, and has none");
        };
        let cx = (*StoreCells::of(context)).fibers.cx;
        let Some(cx) = cx.cast::<Context<'_>>().as_mut() else {
            bail_bug!("a future is polled outside of a poll");
        };
        match future.as_mut().poll(cx) {
            Poll::Pending => {
                if let Some(top) = frames(record) {
                    top.future = Some(future);
                }
                Ok(Answer::Waits(After::HostFuture(function)))
            }
            Poll::Ready(result) => {
                drop(future);
                result?;
                function.done(0, &mut *slots)
            }
        }
    }
}

/// What becomes of an intent to yield.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(in crate::vm) enum Yielded {
    /// The executor has its turn when the host function answers [`Answer::Waits`], which it must.
    Yes,
    /// Wasm can't be suspended here, in an asynchronous call, and may go on.
    Missed,
    /// It can't, and has gone on too often.
    TooOften,
    /// No asynchronous call is being made.
    PlainCall,
}

/// Asks to be polled again, if the guest that runs can let the executor do something else.
///
/// # Safety
/// As for [`suspendable`].
pub(in crate::vm) unsafe fn yield_now(context: *mut VMStoreContext) -> Yielded {
    // SAFETY: passed on; the context is that of the innermost poll, and not null (`can_wait`).
    unsafe {
        if can_wait(context).is_some() {
            let cx = (*StoreCells::of(context)).fibers.cx;
            (*cx.cast::<Context<'_>>()).waker().wake_by_ref();
            return Yielded::Yes;
        }
        let fibers = &mut (*StoreCells::of(context)).fibers;
        if fibers.all.len() == fibers.guests && fibers.calls == 0 {
            return Yielded::PlainCall;
        }
        fibers.missed_yields += 1;
        match fibers.missed_yields > MAX_MISSED_YIELDS {
            true => Yielded::TooOften,
            false => Yielded::Missed,
        }
    }
}
