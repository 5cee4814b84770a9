//! Producers and consumers that are there already: of vectors and iterators, into a vector, and queues
//! to what runs elsewhere.

use super::stream_io::{Closed, Destination, Source, StreamConsumer, StreamProducer, StreamState};
use super::{Lift, Lower, StreamReader};
use crate::store::{AsContextMut, StoreContextMut};
use anyhow::Result;
use std::collections::VecDeque;
use std::fmt;
use std::future::poll_fn;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

/// Elements that are taken from an iterator at once.
pub(super) const ITERATED_AT_ONCE: usize = 1024;

impl<T: Lower + Send + 'static> StreamReader<T> {
    /// A new stream of these elements.
    ///
    /// # Errors
    /// As [`StreamReader::new`].
    pub fn from_vec<D: 'static>(
        store: impl AsContextMut<Data = D>,
        elements: Vec<T>,
    ) -> Result<StreamReader<T>> {
        StreamReader::new(store, FromVec(elements.into()))
    }

    /// A new stream of the elements that an iterator gives, which is asked as a guest reads.
    ///
    /// # Errors
    /// As [`StreamReader::new`].
    pub fn from_iter<D: 'static>(
        store: impl AsContextMut<Data = D>,
        elements: impl Iterator<Item = T> + Send + 'static,
    ) -> Result<StreamReader<T>> {
        let ready = VecDeque::new();
        StreamReader::new(store, FromIter { elements, ready })
    }

    /// A new stream of what a function gives, again and again until it gives `None`: elements, of which
    /// there may be several at once. As a future does, it has the task woken when it is pending.
    ///
    /// # Errors
    /// As [`StreamReader::new`].
    pub fn from_poll_fn<D: 'static>(
        store: impl AsContextMut<Data = D>,
        next: impl FnMut(&mut Context<'_>) -> Poll<Option<Result<Vec<T>>>> + Send + 'static,
    ) -> Result<StreamReader<T>> {
        let ready = VecDeque::new();
        StreamReader::new(store, FromPollFn { next, ready })
    }

    /// A new stream of what is sent, by whoever has the sender, wherever that runs. Up to `capacity`
    /// elements wait in a queue.
    ///
    /// # Errors
    /// As [`StreamReader::new`].
    pub fn channel<D: 'static>(
        store: impl AsContextMut<Data = D>,
        capacity: usize,
    ) -> Result<(StreamSender<T>, StreamReader<T>)> {
        let queue = Queue::new(capacity);
        let reader = StreamReader::new(store, FromQueue(queue.clone()))?;
        Ok((StreamSender(queue), reader))
    }
}

impl<T: Lift + Send + 'static> StreamReader<T> {
    /// Has a guest's stream read into a queue of up to `capacity` elements, of which the receiver takes
    /// them, wherever that runs.
    ///
    /// # Errors
    /// As [`StreamReader::pipe`].
    pub fn receive<D: 'static>(
        self,
        store: impl AsContextMut<Data = D>,
        capacity: usize,
    ) -> Result<StreamReceiver<T>> {
        let queue = Queue::new(capacity);
        self.pipe(store, IntoQueue(queue.clone()))?;
        Ok(StreamReceiver(queue))
    }
}

struct FromVec<T>(VecDeque<T>);

impl<D: 'static, T: Lower + Send + 'static> StreamProducer<D> for FromVec<T> {
    type Item = T;

    fn poll_produce(
        &mut self,
        _: &mut Context<'_>,
        store: StoreContextMut<'_, D>,
        mut to: Destination<T>,
    ) -> Poll<Result<StreamState>> {
        to.write_from(store, &mut self.0)?;
        Poll::Ready(Ok(match self.0.is_empty() {
            true => StreamState::Done,
            false => StreamState::Open,
        }))
    }
}

struct FromIter<T, I> {
    elements: I,
    /// Taken from the iterator, and room for more.
    ready: VecDeque<T>,
}

impl<D, T, I> StreamProducer<D> for FromIter<T, I>
where
    D: 'static,
    T: Lower + Send + 'static,
    I: Iterator<Item = T> + Send + 'static,
{
    type Item = T;

    fn poll_produce(
        &mut self,
        _: &mut Context<'_>,
        mut store: StoreContextMut<'_, D>,
        mut to: Destination<T>,
    ) -> Poll<Result<StreamState>> {
        loop {
            let wanted = to.remaining(&store).min(ITERATED_AT_ONCE);
            if wanted == 0 {
                return Poll::Ready(Ok(StreamState::Open));
            }
            self.ready.extend(self.elements.by_ref().take(wanted));
            if self.ready.is_empty() {
                return Poll::Ready(Ok(StreamState::Done));
            }
            to.write_from(store.as_context_mut(), &mut self.ready)?;
        }
    }
}

struct FromPollFn<T, F> {
    next: F,
    ready: VecDeque<T>,
}

impl<D, T, F> StreamProducer<D> for FromPollFn<T, F>
where
    D: 'static,
    T: Lower + Send + 'static,
    F: FnMut(&mut Context<'_>) -> Poll<Option<Result<Vec<T>>>> + Send + 'static,
{
    type Item = T;

    fn poll_produce(
        &mut self,
        cx: &mut Context<'_>,
        store: StoreContextMut<'_, D>,
        mut to: Destination<T>,
    ) -> Poll<Result<StreamState>> {
        while self.ready.is_empty() {
            match (self.next)(cx) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(None) => return Poll::Ready(Ok(StreamState::Done)),
                Poll::Ready(Some(elements)) => self.ready = elements?.into(),
            }
        }
        to.write_from(store, &mut self.ready)?;
        Poll::Ready(Ok(StreamState::Open))
    }
}

/// Elements between a stream and something that runs elsewhere.
pub(super) struct Queue<T>(Mutex<Queued<T>>);

pub(super) struct Queued<T> {
    pub(super) elements: VecDeque<T>,
    capacity: usize,
    /// Who takes elements out, and waits until there are some.
    pub(super) taker: Option<Waker>,
    /// Who puts elements in, and waits until there is room.
    pub(super) putter: Option<Waker>,
    /// How there will come no more, if that is known.
    closed: Option<Closed>,
    /// Whether nobody takes any.
    is_unwanted: bool,
}

impl<T> Queue<T> {
    fn new(capacity: usize) -> Arc<Queue<T>> {
        Arc::new(Queue(Mutex::new(Queued {
            elements: VecDeque::new(),
            capacity: capacity.max(1),
            taker: None,
            putter: None,
            closed: None,
            is_unwanted: false,
        })))
    }

    /// What is done under the lock leaves the queue whole, whatever panics.
    pub(super) fn lock(&self) -> MutexGuard<'_, Queued<T>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// No more elements come.
    pub(super) fn close(&self, how: Closed) {
        let mut queued = self.lock();
        queued.closed.get_or_insert(how);
        wake(queued, |queued| queued.taker.take());
    }

    /// Nobody wants them any more.
    fn refuse(&self) {
        let mut queued = self.lock();
        queued.is_unwanted = true;
        wake(queued, |queued| queued.putter.take());
    }
}

/// Wakes somebody, with the queue unlocked.
pub(super) fn wake<T>(
    mut queued: MutexGuard<'_, Queued<T>>,
    whom: impl FnOnce(&mut Queued<T>) -> Option<Waker>,
) {
    let waker = whom(&mut queued);
    drop(queued);
    if let Some(waker) = waker {
        waker.wake();
    }
}

impl<T> Queued<T> {
    pub(super) fn room(&self) -> usize {
        self.capacity.saturating_sub(self.elements.len())
    }

    /// Whether nothing can be put in any more.
    pub(super) fn is_refused(&self) -> bool {
        self.is_unwanted || self.closed.is_some()
    }
}

struct FromQueue<T>(Arc<Queue<T>>);

impl<D: 'static, T: Lower + Send + 'static> StreamProducer<D> for FromQueue<T> {
    type Item = T;

    fn poll_produce(
        &mut self,
        cx: &mut Context<'_>,
        store: StoreContextMut<'_, D>,
        mut to: Destination<T>,
    ) -> Poll<Result<StreamState>> {
        let mut queued = self.0.lock();
        if queued.elements.is_empty() {
            if queued.closed.is_some() {
                return Poll::Ready(Ok(StreamState::Done));
            }
            queued.taker = Some(cx.waker().clone());
            return Poll::Pending;
        }
        to.write_from(store, &mut queued.elements)?;
        wake(queued, |queued| queued.putter.take());
        Poll::Ready(Ok(StreamState::Open))
    }

    fn closed(self, _: Closed) {
        self.0.refuse();
    }
}

struct IntoQueue<T>(Arc<Queue<T>>);

impl<D: 'static, T: Lift + Send + 'static> StreamConsumer<D> for IntoQueue<T> {
    type Item = T;

    fn poll_consume(
        &mut self,
        cx: &mut Context<'_>,
        store: StoreContextMut<'_, D>,
        mut from: Source<T>,
    ) -> Poll<Result<StreamState>> {
        let mut queued = self.0.lock();
        if queued.is_unwanted {
            return Poll::Ready(Ok(StreamState::Done));
        }
        let room = queued.room();
        if room == 0 {
            queued.putter = Some(cx.waker().clone());
            return Poll::Pending;
        }
        queued.elements.extend(from.read(store, room)?);
        wake(queued, |queued| queued.taker.take());
        Poll::Ready(Ok(StreamState::Open))
    }

    fn closed(self, closed: Closed) {
        self.0.close(closed);
    }
}

impl<T> Drop for FromQueue<T> {
    fn drop(&mut self) {
        self.0.refuse();
    }
}

impl<T> Drop for IntoQueue<T> {
    /// If it isn't known already how it was closed, it never was: the store has been dropped.
    fn drop(&mut self) {
        self.0.close(Closed::Trapped);
    }
}

/// Sends the elements of a stream that the host writes ([`StreamReader::channel`]). Dropping it ends the
/// stream, once all that was sent has been read.
///
/// Bytes can be written by `AsyncWrite` of `tokio` and of `futures`, with the features of these names.
pub struct StreamSender<T>(pub(super) Arc<Queue<T>>);

impl<T> StreamSender<T> {
    /// Sends an element, as soon as there is room for it.
    ///
    /// # Errors
    /// The element, if nobody reads any more, or the stream was ended.
    pub async fn send(&mut self, element: T) -> Result<(), T> {
        let mut element = Some(element);
        poll_fn(|cx| {
            let mut queued = self.0.lock();
            if queued.room() == 0 && !queued.is_refused() {
                queued.putter = Some(cx.waker().clone());
                return Poll::Pending;
            }
            let sent = element.take().map(|element| put(queued, element));
            Poll::Ready(sent.unwrap_or(Ok(())))
        })
        .await
    }

    /// Sends an element if there is room for it now.
    ///
    /// # Errors
    /// The element, if there is none, if nobody reads any more, or if the stream was ended.
    pub fn try_send(&mut self, element: T) -> Result<(), T> {
        put(self.0.lock(), element)
    }

    /// Whether nobody reads any more.
    pub fn is_closed(&self) -> bool {
        self.0.lock().is_unwanted
    }
}

fn put<T>(mut queued: MutexGuard<'_, Queued<T>>, element: T) -> Result<(), T> {
    if queued.room() == 0 || queued.is_refused() {
        return Err(element);
    }
    queued.elements.push_back(element);
    wake(queued, |queued| queued.taker.take());
    Ok(())
}

impl<T> Drop for StreamSender<T> {
    fn drop(&mut self) {
        self.0.close(Closed::Dropped);
    }
}

/// Receives the elements of a stream that a guest writes ([`StreamReader::receive`]). Dropping it tells
/// the guest that nobody reads any more, when that next writes.
///
/// Bytes can be read by `AsyncRead` of `tokio` and of `futures`, with the features of these names; elements
/// of any type are a `Stream` of `futures`.
pub struct StreamReceiver<T>(Arc<Queue<T>>);

impl<T> StreamReceiver<T> {
    /// The next element, as soon as there is one; `None` if no more will come.
    pub async fn next(&mut self) -> Option<T> {
        poll_fn(|cx| self.poll_take(cx, |elements| elements.pop_front())).await
    }

    /// All elements that there are, as soon as there are some; `None` if no more will come.
    pub async fn next_chunk(&mut self) -> Option<Vec<T>> {
        poll_fn(|cx| self.poll_take(cx, |elements| Some(elements.drain(..).collect()))).await
    }

    /// All elements to the end.
    pub async fn collect(mut self) -> Vec<T> {
        let mut all = Vec::new();
        while let Some(mut chunk) = self.next_chunk().await {
            all.append(&mut chunk);
        }
        all
    }

    /// The next element, if there is one now.
    pub fn try_next(&mut self) -> Option<T> {
        let mut queued = self.0.lock();
        let element = queued.elements.pop_front();
        wake(queued, |queued| queued.putter.take());
        element
    }

    /// How the stream has been closed, if it has; if its store was dropped, as by a trap.
    pub fn closed(&self) -> Option<Closed> {
        self.0.lock().closed
    }

    pub(super) fn poll_take<R>(
        &mut self,
        cx: &mut Context<'_>,
        take: impl FnOnce(&mut VecDeque<T>) -> Option<R>,
    ) -> Poll<Option<R>> {
        let mut queued = self.0.lock();
        if queued.elements.is_empty() {
            if queued.closed.is_some() {
                return Poll::Ready(None);
            }
            queued.taker = Some(cx.waker().clone());
            return Poll::Pending;
        }
        let taken = take(&mut queued.elements);
        wake(queued, |queued| queued.putter.take());
        Poll::Ready(taken)
    }
}

impl<T> Drop for StreamReceiver<T> {
    fn drop(&mut self) {
        self.0.refuse();
    }
}

impl<T> fmt::Debug for StreamSender<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StreamSender").finish_non_exhaustive()
    }
}

impl<T> fmt::Debug for StreamReceiver<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StreamReceiver").finish_non_exhaustive()
    }
}
