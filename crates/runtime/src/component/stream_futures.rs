//! Streams and the traits of `futures`, with the feature of that name: bytes from and to its `AsyncRead`
//! and `AsyncWrite`, elements of any type from and as a `Stream`.

use super::stream_adapters::{ITERATED_AT_ONCE, StreamReceiver, StreamSender};
use super::stream_async_io::{AsyncReadProducer, AsyncWriteConsumer, IoOutcome, Reader, Writer};
use super::stream_io::{Destination, StreamProducer, StreamState};
use super::{Lower, StreamReader};
use crate::store::{AsContextMut, StoreContextMut};
use anyhow::Result;
use futures_core::Stream;
use futures_io::{AsyncRead, AsyncWrite};
use std::collections::VecDeque;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

impl AsyncReadProducer {
    /// One that reads from this, and what comes of it. With the feature `futures`.
    pub fn from_futures(reader: impl AsyncRead + Send + 'static) -> (AsyncReadProducer, IoOutcome) {
        AsyncReadProducer::new(Futures(Box::pin(reader)))
    }
}

impl AsyncWriteConsumer {
    /// One that writes to this, and what comes of it. With the feature `futures`.
    pub fn from_futures(
        writer: impl AsyncWrite + Send + 'static,
    ) -> (AsyncWriteConsumer, IoOutcome) {
        AsyncWriteConsumer::new(Futures(Box::pin(writer)))
    }
}

/// Something of this family.
struct Futures<T>(Pin<Box<T>>);

impl<R: AsyncRead + Send + 'static> Reader for Futures<R> {
    fn poll_read(&mut self, cx: &mut Context<'_>, bytes: &mut [u8]) -> Poll<io::Result<usize>> {
        let most = bytes.len();
        let read = self.0.as_mut().poll_read(cx, bytes);
        read.map_ok(|count| count.min(most))
    }
}

impl<W: AsyncWrite + Send + 'static> Writer for Futures<W> {
    fn poll_write(&mut self, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let written = self.0.as_mut().poll_write(cx, bytes);
        written.map_ok(|count| count.min(bytes.len()))
    }

    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.0.as_mut().poll_flush(cx)
    }

    fn poll_close(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.0.as_mut().poll_close(cx)
    }
}

/// Reads what a guest writes, to the end, which is an error
/// ([`UnexpectedEof`](io::ErrorKind::UnexpectedEof)) if the guest has trapped. With the feature `futures`.
impl AsyncRead for StreamReceiver<u8> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        let mut at = 0;
        self.get_mut().poll_bytes(cx, buffer.len(), |bytes| {
            buffer[at..at + bytes.len()].copy_from_slice(bytes);
            at += bytes.len();
        })
    }
}

/// Writes what a guest reads. It is an error ([`BrokenPipe`](io::ErrorKind::BrokenPipe)) if nobody reads any
/// more, or after closing, which ends the stream. Neither that nor flushing waits until the guest has read.
/// With the feature `futures`.
impl AsyncWrite for StreamSender<u8> {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.get_mut().poll_send_bytes(cx, bytes)
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_close(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.get_mut().end();
        Poll::Ready(Ok(()))
    }
}

/// The elements that a guest writes. How the stream has ended says [`StreamReceiver::closed`]. With the
/// feature `futures`.
impl<T> Stream for StreamReceiver<T> {
    type Item = T;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<T>> {
        let this = self.get_mut();
        this.poll_take(cx, |elements| elements.pop_front())
    }
}

impl<T: Lower + Send + 'static> StreamReader<T> {
    /// A new stream of the elements of one of `futures`, which is polled as a guest reads, for as many at
    /// once as there are and the guest has room for. With the feature `futures`.
    ///
    /// For elements that are `Result`s, see [`StreamReader::from_poll_fn`].
    ///
    /// # Errors
    /// As [`StreamReader::new`].
    pub fn from_stream<D: 'static>(
        store: impl AsContextMut<Data = D>,
        elements: impl Stream<Item = T> + Send + 'static,
    ) -> Result<StreamReader<T>> {
        let producer = FromStream {
            elements: Box::pin(elements),
            ready: VecDeque::new(),
            is_over: false,
        };
        StreamReader::new(store, producer)
    }
}

struct FromStream<T, S> {
    elements: Pin<Box<S>>,
    /// Taken from it, and not written yet.
    ready: VecDeque<T>,
    is_over: bool,
}

impl<D, T, S> StreamProducer<D> for FromStream<T, S>
where
    D: 'static,
    T: Lower + Send + 'static,
    S: Stream<Item = T> + Send + 'static,
{
    type Item = T;

    fn poll_produce(
        &mut self,
        cx: &mut Context<'_>,
        store: StoreContextMut<'_, D>,
        mut to: Destination<T>,
    ) -> Poll<Result<StreamState>> {
        // Who reads nothing waits for one.
        let wanted = to.remaining(&store).clamp(1, ITERATED_AT_ONCE);
        while self.ready.len() < wanted && !self.is_over {
            match self.elements.as_mut().poll_next(cx) {
                Poll::Ready(Some(element)) => self.ready.push_back(element),
                Poll::Ready(None) => self.is_over = true,
                Poll::Pending => break,
            }
        }
        if self.ready.is_empty() && !self.is_over {
            return Poll::Pending;
        }
        to.write_from(store, &mut self.ready)?;
        Poll::Ready(Ok(match self.is_over && self.ready.is_empty() {
            true => StreamState::Done,
            false => StreamState::Open,
        }))
    }
}
