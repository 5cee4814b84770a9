//! `run_concurrent`: a future of the host that goes on together with the guests of its store.

use super::aside::Aside;
use super::event_loop::{Driven, Outside};
use super::host_task::HostTaskId;
use super::turn::Ran;
use crate::store::StoreOpaque;
use crate::vm::{lend, lend_nothing};
use anyhow::Result;
use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

impl StoreOpaque {
    /// Begins a future, turns the event loop, and polls the future, until that is ready; with the store lent
    /// to it.
    ///
    /// # Errors
    /// If a task fails that nobody waits for.
    pub(crate) async fn run_with<F: Future>(
        &mut self,
        begin: impl FnOnce() -> F,
    ) -> Result<F::Output> {
        let future = lend(self, begin);
        let (place, waker) = self.concurrency.host_tasks.reserve_outside();
        let mut running = Running {
            depth: self.concurrency.scheduler.depth(),
            store: self,
            place,
            future: Box::pin(Some(future)),
            aside: Aside::default(),
        };
        poll_fn(|cx| running.poll(cx, &waker)).await
    }
}

/// A future, with what it has of its store.
struct Running<'a, F> {
    store: &'a mut StoreOpaque,
    place: HostTaskId,
    /// How many resumptions it was begun within.
    depth: usize,
    future: Pin<Box<Option<F>>>,
    aside: Aside,
}

impl<F: Future> Running<'_, F> {
    fn poll(&mut self, cx: &mut Context<'_>, waker: &Waker) -> Poll<Result<F::Output>> {
        let (place, future, aside) = (self.place, &mut self.future, &mut self.aside);
        let mut poll_future = |store: &mut StoreOpaque| {
            // It may be woken by what it does itself.
            while store.concurrency.host_tasks.take_woken(place) {
                let Some(future) = future.as_mut().as_pin_mut() else {
                    break;
                };
                let cx = &mut Context::from_waker(waker);
                if let Poll::Ready(output) = lend(store, || future.poll(cx)) {
                    return Ok(Some(output));
                }
            }
            Ok(None)
        };
        let driven = self.store.turn(Some(cx), |store| {
            store.concurrency.take_up(aside)?;
            match store.go_on_from_loop()? {
                Ran::Done => store.drive(Outside::Future, &mut poll_future),
                Ran::Pending => Ok(Driven::Pending),
            }
        });
        match driven {
            Ok(Driven::Done(output)) => Poll::Ready(Ok(output)),
            Ok(Driven::Pending) => {
                self.aside = self.store.concurrency.set_aside(self.depth);
                Poll::Pending
            }
            Err(error) => Poll::Ready(Err(error)),
        }
    }
}

impl<F> Drop for Running<'_, F> {
    fn drop(&mut self) {
        lend_nothing(|| self.future.set(None));
        self.store.abandon_interrupted(self.depth, &mut self.aside);
        let ended = self.store.concurrency.host_tasks.end(self.place);
        debug_assert!(ended.is_none(), "its future is here");
    }
}
