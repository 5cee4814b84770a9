//! Waiting for the host: everything in the store waits, and the executor goes on.

use super::{FiberRecord, HostFuture, MAX_MISSED_YIELDS, Pause, suspend, suspendable};
use crate::vm::store_state::StoreCells;
use anyhow::{Result, anyhow};
use std::mem;
use std::ptr::NonNull;
use std::task::{Context, Poll, Waker};
use threadline_environ::layout::VMStoreContext;

/// The fiber that runs, if it can be suspended here to wait for the host.
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

/// Waits for a host function that is a future, on behalf of the guest that called it.
///
/// # Errors
/// The future's own, or if it is pending where nothing can be suspended: the guest was entered by a
/// plain call.
///
/// # Safety
/// `context` is that of a store whose compiled code called the host function that this thread
/// runs. Its frames own nothing.
pub(in crate::vm) unsafe fn block_on(
    context: *mut VMStoreContext,
    future: HostFuture<'_>,
) -> Result<()> {
    // SAFETY: the future ends before what it has borrowed does: that is borrowed until the host
    // function returns, which is after this, or until its frame is taken away, before which
    // `FiberCall::drop` or `GuestStack::drop` drops it; or else it is never touched again.
    let mut future = unsafe { mem::transmute::<HostFuture<'_>, HostFuture<'static>>(future) };
    // SAFETY: passed on.
    let Some(record) = (unsafe { can_wait(context) }) else {
        let cx = &mut Context::from_waker(Waker::noop());
        return match future.as_mut().poll(cx) {
            Poll::Ready(result) => result,
            Poll::Pending => Err(anyhow!(
                "a host function is not ready, and the guest that called it can't wait for it: \
                 enter the guest with `call_async` (or `instantiate_async`), and not from within a \
                 host function that is no future"
            )),
        };
    };
    let record = record.as_ptr();
    // SAFETY: the record is alive while its fiber runs. Its future is used by this alone, until it
    // is ready; the context is that of the innermost poll, which is not null (`can_wait`), and is so
    // whenever the fiber is resumed after it was suspended to let the host wait.
    unsafe {
        (*record).hosted = Some(future);
        loop {
            let poll = {
                let end = EndOnUnwind(record);
                let cx = (*StoreCells::of(context)).fibers.cx;
                let cx = &mut *cx.cast::<Context<'_>>();
                let poll = match &mut (*record).hosted {
                    Some(future) => future.as_mut().poll(cx),
                    None => unreachable!("put there above, and taken below only"),
                };
                mem::forget(end);
                poll
            };
            if let Poll::Ready(result) = poll {
                drop((*record).hosted.take());
                return result;
            }
            suspend(record, Pause::Host);
        }
    }
}

/// Drops the future of a fiber when polling it panics.
struct EndOnUnwind(*mut FiberRecord);

impl Drop for EndOnUnwind {
    fn drop(&mut self) {
        // SAFETY: made by `block_on`, on the fiber that the record is of.
        drop(unsafe { (*self.0).hosted.take() });
    }
}

/// What became of an intent to yield.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(in crate::vm) enum Yielded {
    /// The executor had its turn.
    Yes,
    /// Wasm can't be suspended here, in an asynchronous call, and may go on.
    Missed,
    /// It can't, and has gone on too often.
    TooOften,
    /// No asynchronous call is being made.
    PlainCall,
}

/// Lets the executor do something else.
///
/// # Safety
/// As for [`block_on`].
pub(in crate::vm) unsafe fn yield_now(context: *mut VMStoreContext) -> Yielded {
    // SAFETY: passed on; the context is that of the innermost poll, and not null (`can_wait`).
    unsafe {
        if let Some(record) = can_wait(context) {
            let cx = (*StoreCells::of(context)).fibers.cx;
            (*cx.cast::<Context<'_>>()).waker().wake_by_ref();
            suspend(record.as_ptr(), Pause::Host);
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
