//! What reads and writes streams and futures for the host: [`StreamProducer`], [`StreamConsumer`],
//! and what they are given, a [`Destination`] or a [`Source`] in a guest's memory.

use super::{Lift, Lower};
use crate::canonical_abi::{load_elements_at, store_elements_at};
use crate::concurrent::{Driven, OtherGone};
use crate::store::{AsContext, AsContextMut, StoreContextMut, StoreId, StoreOpaque};
use crate::vm::{DriverOf, lend};
use anyhow::Result;
use std::collections::VecDeque;
use std::fmt;
use std::marker::PhantomData;
use std::pin::Pin;
use std::task::{Context, Poll};
use threadline_concurrent::EndId;

/// Whether a producer or consumer has more to do.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum StreamState {
    /// It goes on.
    Open,
    /// It is done: its end is dropped, which the guest is told.
    Done,
}

/// How a stream was closed by the guest that had the other end, or the host's own producer or consumer.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum Closed {
    /// The guest has dropped it, or the producer or consumer was done.
    Dropped,
    /// The guest has trapped, or the producer or consumer has failed.
    Trapped,
}

impl From<StreamState> for Driven {
    fn from(state: StreamState) -> Driven {
        match state {
            StreamState::Open => Driven::Open,
            StreamState::Done => Driven::Done,
        }
    }
}

impl From<OtherGone> for Closed {
    fn from(how: OtherGone) -> Closed {
        match how {
            OtherGone::Dropped => Closed::Dropped,
            OtherGone::Trapped => Closed::Trapped,
        }
    }
}

/// Writes a stream for the host, in a [`Store<D>`](crate::Store).
pub trait StreamProducer<D: 'static>: Send + 'static {
    /// The type of the elements; `()` if there are none.
    type Item: Lower + Send + 'static;

    /// A guest reads: writes to `to`, as often as there is something, then says whether more will come.
    /// Nothing else goes on meanwhile.
    ///
    /// If there is nothing yet, it has the task woken when that changes, and says that it is pending: it
    /// is asked again then, or when a guest next reads. A guest may read nothing
    /// ([`Destination::remaining`] is 0) to wait until there is something.
    ///
    /// # Errors
    /// If it fails, the guest that reads fails, as if it had trapped.
    fn poll_produce(
        &mut self,
        cx: &mut Context<'_>,
        store: StoreContextMut<'_, D>,
        to: Destination<Self::Item>,
    ) -> Poll<Result<StreamState>>;

    /// Nobody reads any more. An [`Accessor`](super::Accessor) works here.
    fn closed(self, closed: Closed)
    where
        Self: Sized,
    {
        let _ = closed;
    }
}

/// Reads a stream for the host, in a [`Store<D>`](crate::Store).
pub trait StreamConsumer<D: 'static>: Send + 'static {
    /// The type of the elements; `()` if there are none.
    type Item: Lift + Send + 'static;

    /// A guest writes: reads from `from` what can be used, then says whether more is wanted. Nothing
    /// else goes on meanwhile.
    ///
    /// If nothing can be used yet, it has the task woken when that changes, and says that it is pending:
    /// it is asked again then. A guest may write nothing ([`Source::remaining`] is 0) to wait until
    /// something can be used.
    ///
    /// # Errors
    /// If it fails, the guest that writes fails, as if it had trapped.
    fn poll_consume(
        &mut self,
        cx: &mut Context<'_>,
        store: StoreContextMut<'_, D>,
        from: Source<Self::Item>,
    ) -> Poll<Result<StreamState>>;

    /// Nobody writes any more. An [`Accessor`](super::Accessor) works here.
    fn closed(self, closed: Closed)
    where
        Self: Sized,
    {
        let _ = closed;
    }
}

/// Where a guest reads to.
pub struct Destination<T> {
    store: StoreId,
    end: EndId,
    ty: PhantomData<fn(T)>,
}

/// Where a guest writes from.
pub struct Source<T> {
    store: StoreId,
    end: EndId,
    ty: PhantomData<fn() -> T>,
}

macro_rules! buffers {
    ($($name:ident)*) => {$(
        impl<T> $name<T> {
            /// How many elements remain.
            ///
            /// # Panics
            /// If it belongs to another store.
            pub fn remaining(&self, store: impl AsContext) -> usize {
                let store = store.as_context();
                let store = store.opaque();
                store.assert_owns(self.store, "stream");
                store.others_remain(self.end)
            }
        }

        impl<T> fmt::Debug for $name<T> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_struct(stringify!($name)).finish_non_exhaustive()
            }
        }
    )*};
}

buffers!(Destination Source);

impl<T: Lower + Send + 'static> Destination<T> {
    /// Gives the guest as many elements as it has room for, the first of these; how many. Numbers are
    /// copied all at once.
    ///
    /// They may be cloned, for the host may be who reads. What can't be is given by
    /// [`write_from`](Destination::write_from).
    ///
    /// # Errors
    /// If an element can't be lowered.
    ///
    /// # Panics
    /// If it belongs to another store.
    pub fn write(&mut self, mut store: impl AsContextMut, elements: &[T]) -> Result<usize>
    where
        T: Clone,
    {
        let store = store.as_context_mut().opaque();
        store.assert_owns(self.store, "stream");
        if let Some(relay) = store.relay_to(self.end) {
            let count = elements.len().min(relay.room());
            relay.elements()?.extend(elements[..count].iter().cloned());
            return Ok(count);
        }
        self.lower(store, elements)
    }

    /// Gives the guest as many elements as it has room for, the first of these, and takes them out of the
    /// queue; how many.
    ///
    /// # Errors
    /// If an element can't be lowered.
    ///
    /// # Panics
    /// If it belongs to another store.
    pub fn write_from(
        &mut self,
        mut store: impl AsContextMut,
        elements: &mut VecDeque<T>,
    ) -> Result<usize> {
        let store = store.as_context_mut().opaque();
        store.assert_owns(self.store, "stream");
        if let Some(relay) = store.relay_to(self.end) {
            let count = elements.len().min(relay.room());
            relay.elements()?.extend(elements.drain(..count));
            return Ok(count);
        }
        let count = self.lower(store, elements.make_contiguous())?;
        elements.drain(..count);
        Ok(count)
    }

    fn lower(&self, store: &mut StoreOpaque, elements: &[T]) -> Result<usize> {
        store.host_write(self.end, elements.len(), |cx, ty, address, count| {
            store_elements_at(cx, ty, address, &elements[..count])
        })
    }
}

impl Destination<u8> {
    /// Has a function write to the guest's memory itself. It gives the number of bytes that it has
    /// written, of those that it has got, and anything else; that is the result.
    ///
    /// # Errors
    /// Only if this crate is wrong.
    ///
    /// # Panics
    /// If it belongs to another store.
    pub fn write_with<R>(
        &mut self,
        mut store: impl AsContextMut,
        write: impl FnOnce(&mut [u8]) -> (usize, R),
    ) -> Result<Option<R>> {
        let store = store.as_context_mut().opaque();
        store.assert_owns(self.store, "stream");
        if let Some(relay) = store.relay_to(self.end) {
            let mut bytes = vec![0; relay.room()];
            let (count, result) = write(&mut bytes);
            bytes.truncate(count);
            relay.elements()?.extend(bytes);
            return Ok(Some(result));
        }
        store.host_bytes(self.end, write)
    }
}

impl<T: Lift + Send + 'static> Source<T> {
    /// Takes up to `most` elements that the guest writes.
    ///
    /// # Errors
    /// If one can't be lifted.
    ///
    /// # Panics
    /// If it belongs to another store.
    pub fn read(&mut self, mut store: impl AsContextMut, most: usize) -> Result<Vec<T>> {
        let store = store.as_context_mut().opaque();
        store.assert_owns(self.store, "stream");
        if let Some(relay) = store.relay_from(self.end) {
            let count = most.min(relay.len());
            return Ok(relay.elements()?.drain(..count).collect());
        }
        let mut elements = Vec::new();
        store.host_read(self.end, most, |cx, ty, address, count| {
            elements = load_elements_at(cx, ty, address, count)?;
            Ok(())
        })?;
        Ok(elements)
    }
}

impl Source<u8> {
    /// Has a function read from the guest's memory itself. It gives the number of bytes that it has
    /// used, of those that it has got, and anything else; that is the result.
    ///
    /// # Errors
    /// Only if this crate is wrong.
    ///
    /// # Panics
    /// If it belongs to another store.
    pub fn read_with<R>(
        &mut self,
        mut store: impl AsContextMut,
        read: impl FnOnce(&[u8]) -> (usize, R),
    ) -> Result<Option<R>> {
        let store = store.as_context_mut().opaque();
        store.assert_owns(self.store, "stream");
        if let Some(relay) = store.relay_from(self.end) {
            let bytes = relay.elements()?;
            let (count, result) = read(bytes.make_contiguous());
            bytes.drain(..count.min(bytes.len()));
            return Ok(Some(result));
        }
        store.host_bytes(self.end, |bytes| read(bytes))
    }
}

/// Drives a writable end of the host's.
pub(super) struct Producing<P>(P);

impl<P> Producing<P> {
    pub(super) fn new(producer: P) -> Producing<P> {
        Producing(producer)
    }
}

impl<D: 'static, P: StreamProducer<D>> DriverOf<D> for Producing<P> {
    fn poll(
        &mut self,
        store: StoreContextMut<'_, D>,
        cx: &mut Context<'_>,
        end: EndId,
    ) -> Poll<Result<Driven>> {
        let to = Destination {
            store: store.as_context().opaque().id(),
            end,
            ty: PhantomData,
        };
        self.0.poll_produce(cx, store, to).map_ok(Driven::from)
    }

    fn other_gone(self, mut store: StoreContextMut<'_, D>, how: OtherGone) -> Result<()> {
        let store = store.as_context_mut().opaque();
        lend(store, || self.0.closed(how.into()));
        Ok(())
    }
}

/// Drives a readable end of the host's.
pub(super) struct Consuming<C>(C);

impl<C> Consuming<C> {
    pub(super) fn new(consumer: C) -> Consuming<C> {
        Consuming(consumer)
    }
}

impl<D: 'static, C: StreamConsumer<D>> DriverOf<D> for Consuming<C> {
    fn poll(
        &mut self,
        store: StoreContextMut<'_, D>,
        cx: &mut Context<'_>,
        end: EndId,
    ) -> Poll<Result<Driven>> {
        let from = Source {
            store: store.as_context().opaque().id(),
            end,
            ty: PhantomData,
        };
        self.0.poll_consume(cx, store, from).map_ok(Driven::from)
    }

    fn other_gone(self, mut store: StoreContextMut<'_, D>, how: OtherGone) -> Result<()> {
        let store = store.as_context_mut().opaque();
        lend(store, || self.0.closed(how.into()));
        Ok(())
    }
}

/// Drives the writable end of a future of the host's.
pub(super) struct FutureProducing<T>(Pin<Box<dyn Future<Output = Result<T>> + Send>>);

impl<T> FutureProducing<T> {
    pub(super) fn new(value: impl Future<Output = Result<T>> + Send + 'static) -> Self {
        FutureProducing(Box::pin(value))
    }
}

impl<D: 'static, T: Lower + Send + 'static> DriverOf<D> for FutureProducing<T> {
    fn poll(
        &mut self,
        mut store: StoreContextMut<'_, D>,
        cx: &mut Context<'_>,
        end: EndId,
    ) -> Poll<Result<Driven>> {
        let store = store.as_context_mut().opaque();
        lend(store, || self.0.as_mut().poll(cx)).map(|value| {
            let value = value?;
            if let Some(relay) = store.relay_to(end) {
                relay.elements()?.push_back(value);
                return Ok(Driven::Done);
            }
            store.host_write(end, 1, |cx, ty, address, _| {
                store_elements_at(cx, ty, address, std::slice::from_ref(&value))
            })?;
            Ok(Driven::Done)
        })
    }

    fn other_gone(self, _: StoreContextMut<'_, D>, _: OtherGone) -> Result<()> {
        Ok(())
    }
}

/// Drives the readable end of a future of the host's.
pub(super) struct FutureConsuming<T, F> {
    consumer: Option<F>,
    ty: PhantomData<fn() -> T>,
}

impl<T, F> FutureConsuming<T, F> {
    pub(super) fn new(consumer: F) -> Self {
        FutureConsuming {
            consumer: Some(consumer),
            ty: PhantomData,
        }
    }
}

impl<D, T, F> DriverOf<D> for FutureConsuming<T, F>
where
    D: 'static,
    T: Lift + Send + 'static,
    F: FnOnce(StoreContextMut<'_, D>, Option<T>) -> Result<()> + Send + 'static,
{
    fn poll(
        &mut self,
        mut store: StoreContextMut<'_, D>,
        _: &mut Context<'_>,
        end: EndId,
    ) -> Poll<Result<Driven>> {
        let consumed = take_value(store.as_context_mut().opaque(), end);
        let consumed = consumed.and_then(|value| match self.consumer.take() {
            Some(consumer) => consumer(store, value),
            None => Ok(()),
        });
        Poll::Ready(consumed.map(|()| Driven::Done))
    }

    fn other_gone(self, store: StoreContextMut<'_, D>, _: OtherGone) -> Result<()> {
        match self.consumer {
            Some(consumer) => consumer(store, None),
            None => Ok(()),
        }
    }
}

/// The value of a future that a guest writes, or the host.
fn take_value<T: Lift + Send + 'static>(store: &mut StoreOpaque, end: EndId) -> Result<Option<T>> {
    if let Some(relay) = store.relay_from(end) {
        return Ok(relay.elements()?.pop_front());
    }
    let mut value = None;
    store.host_read(end, 1, |cx, ty, address, count| {
        value = load_elements_at(cx, ty, address, count)?.pop();
        Ok(())
    })?;
    Ok(value)
}
