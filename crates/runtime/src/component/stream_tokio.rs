//! Streams of bytes and the traits of `tokio`, with the feature of that name.
//!
//! Only its traits are used: no executor of tokio's is needed.

use super::stream_adapters::{StreamReceiver, StreamSender};
use super::stream_async_io::{AsyncReadProducer, AsyncWriteConsumer, IoOutcome, Reader, Writer};
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

impl AsyncReadProducer {
    /// One that reads from this, and what comes of it. With the feature `tokio`.
    pub fn from_tokio(reader: impl AsyncRead + Send + 'static) -> (AsyncReadProducer, IoOutcome) {
        AsyncReadProducer::new(Tokio(Box::pin(reader)))
    }
}

impl AsyncWriteConsumer {
    /// One that writes to this, and what comes of it. With the feature `tokio`.
    pub fn from_tokio(writer: impl AsyncWrite + Send + 'static) -> (AsyncWriteConsumer, IoOutcome) {
        AsyncWriteConsumer::new(Tokio(Box::pin(writer)))
    }
}

/// Something of this family.
struct Tokio<T>(Pin<Box<T>>);

impl<R: AsyncRead + Send + 'static> Reader for Tokio<R> {
    fn poll_read(&mut self, cx: &mut Context<'_>, bytes: &mut [u8]) -> Poll<io::Result<usize>> {
        let most = bytes.len();
        let mut buffer = ReadBuf::new(bytes);
        let read = self.0.as_mut().poll_read(cx, &mut buffer);
        read.map_ok(|()| buffer.filled().len().min(most))
    }
}

impl<W: AsyncWrite + Send + 'static> Writer for Tokio<W> {
    fn poll_write(&mut self, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let written = self.0.as_mut().poll_write(cx, bytes);
        written.map_ok(|count| count.min(bytes.len()))
    }

    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.0.as_mut().poll_flush(cx)
    }

    fn poll_close(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.0.as_mut().poll_shutdown(cx)
    }
}

/// Reads what a guest writes, to the end, which is an error
/// ([`UnexpectedEof`](io::ErrorKind::UnexpectedEof)) if the guest has trapped. With the feature `tokio`.
impl AsyncRead for StreamReceiver<u8> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let read = self
            .get_mut()
            .poll_bytes(cx, buffer.remaining(), |bytes| buffer.put_slice(bytes));
        read.map_ok(drop)
    }
}

/// Writes what a guest reads. It is an error ([`BrokenPipe`](io::ErrorKind::BrokenPipe)) if nobody reads any
/// more, or after shutdown, which ends the stream. Neither that nor flushing waits until the guest has read.
/// With the feature `tokio`.
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

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.get_mut().end();
        Poll::Ready(Ok(()))
    }
}
