//! Values that a guest makes large or deep: what they take on the host is counted, and a call that takes
//! too much, of memory or of the stack, is an error.

#![expect(clippy::unwrap_used, reason = "in a test a panic is the failure")]
#![allow(missing_docs, reason = "tests")]

mod copies;
mod depth;
mod memory;

use std::pin::pin;
use std::task::{Context, Poll, Waker};

/// Polls a future until it is done; nothing here waits for anything.
fn block_on<F: Future>(future: F) -> F::Output {
    let mut future = pin!(future);
    loop {
        let cx = &mut Context::from_waker(Waker::noop());
        if let Poll::Ready(output) = future.as_mut().poll(cx) {
            return output;
        }
    }
}
