//! Streams of bytes and asynchronous I/O: [`AsyncReadProducer`] and [`AsyncWriteConsumer`], which are
//! asked by a store, and the bytes of [`StreamReceiver`] and [`StreamSender`], which run elsewhere.
//!
//! There are two families of traits, of the crates `tokio` (`super::stream_tokio`) and `futures`
//! (`super::stream_futures`); what differs is there, and all else is here, by way of [`Reader`] and
//! [`Writer`].
//!
//! *Errors.* A `stream<u8>` has no way to say why it ended, so an error of the I/O ends the stream and is
//! the host's: it is in the [`IoOutcome`], of which a host function can make the `future<result<…>>` that
//! interfaces have beside such a stream. It doesn't make the guest trap.

use super::stream_adapters::{StreamReceiver, StreamSender, wake};
use super::stream_io::{Closed, Destination, Source, StreamConsumer, StreamProducer, StreamState};
use crate::concurrent::HostTaskFuture;
use crate::store::{AsContextMut, StoreContextMut};
use crate::vm::with_lent;
use anyhow::Result;
use std::collections::VecDeque;
use std::fmt;
use std::future::poll_fn;
use std::io;
use std::mem;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker, ready};

/// Bytes that are read at once for a guest that has no room for them yet.
const READ_AHEAD: usize = 8 << 10;

/// Something to read from, of either family.
pub(super) trait Reader: Send + 'static {
    fn poll_read(&mut self, cx: &mut Context<'_>, bytes: &mut [u8]) -> Poll<io::Result<usize>>;
}

/// Something to write to, of either family.
pub(super) trait Writer: Send + 'static {
    fn poll_write(&mut self, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>>;
    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>>;
    fn poll_close(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>>;
}

/// Writes to a stream what it reads from an `AsyncRead`, into the guest's memory at once.
///
/// The stream ends where the reader does, or at an error, which the [`IoOutcome`] has. The reader is
/// dropped then, or when nobody reads the stream any more. A guest that reads nothing, to wait until there
/// is something, has 8 KiB read ahead at most.
///
/// ```
/// # use threadline::StoreContextMut;
/// # use threadline::component::{AsyncReadProducer, FutureReader, StreamReader};
/// # #[cfg(feature = "tokio")]
/// // A host function as interfaces have them: a stream, and a future of how it ended.
/// fn read(
///     mut store: StoreContextMut<'_, ()>,
///     from: impl tokio::io::AsyncRead + Send + 'static,
/// ) -> anyhow::Result<(StreamReader<u8>, FutureReader<Result<u64, String>>)> {
///     let (producer, outcome) = AsyncReadProducer::from_tokio(from);
///     let bytes = StreamReader::new(&mut store, producer)?;
///     let ended = async { Ok(outcome.await.map_err(|error| error.to_string())) };
///     Ok((bytes, FutureReader::new(&mut store, ended)?))
/// }
/// ```
pub struct AsyncReadProducer {
    reader: Box<dyn Reader>,
    /// What was read when a guest wanted to know whether there is something.
    ahead: VecDeque<u8>,
    count: u64,
    report: Report,
}

impl AsyncReadProducer {
    pub(super) fn new(reader: impl Reader) -> (AsyncReadProducer, IoOutcome) {
        let (report, outcome) = Report::new();
        let producer = AsyncReadProducer {
            reader: Box::new(reader),
            ahead: VecDeque::new(),
            count: 0,
            report,
        };
        (producer, outcome)
    }

    /// So much was read: whether there is more.
    fn has_read(&mut self, read: io::Result<usize>) -> StreamState {
        match read {
            Ok(0) => self.report.report(Ok(self.count)),
            Ok(count) => {
                self.count += count as u64;
                return StreamState::Open;
            }
            Err(error) => self.report.report(Err(error)),
        }
        StreamState::Done
    }
}

impl<D: 'static> StreamProducer<D> for AsyncReadProducer {
    type Item = u8;

    fn poll_produce(
        &mut self,
        cx: &mut Context<'_>,
        store: StoreContextMut<'_, D>,
        mut to: Destination<u8>,
    ) -> Poll<Result<StreamState>> {
        let room = to.remaining(&store);
        if !self.ahead.is_empty() {
            to.write_from(store, &mut self.ahead)?;
            return Poll::Ready(Ok(StreamState::Open));
        }
        if room == 0 {
            // Whether there is something is known when it is there.
            let mut bytes = vec![0; READ_AHEAD];
            let read = ready!(self.reader.poll_read(cx, &mut bytes));
            bytes.truncate(*read.as_ref().unwrap_or(&0));
            self.ahead = bytes.into();
            return Poll::Ready(Ok(self.has_read(read)));
        }
        let read = to.write_with(store, |bytes| match self.reader.poll_read(cx, bytes) {
            Poll::Ready(Ok(count)) => (count, Poll::Ready(Ok(count))),
            other => (0, other),
        })?;
        match read {
            Some(read) => Poll::Ready(Ok(self.has_read(ready!(read)))),
            None => Poll::Ready(Ok(StreamState::Open)),
        }
    }

    fn closed(mut self, _: Closed) {
        self.report.report(Ok(self.count));
    }
}

/// Writes to an `AsyncWrite` what it reads from a stream, from the guest's memory at once. A guest that
/// writes waits until the writer takes some of it.
///
/// What was written is flushed whenever the guest has no more at hand. When the stream has ended, the writer
/// is flushed and closed (shut down), by the store's event loop if that takes time; then the [`IoOutcome`]
/// is known. If the guest has trapped, what it had written is flushed, but the writer is not closed: it is
/// dropped, so that what is missing isn't taken for the end.
///
/// At an error of the writer's the stream ends, which the guest is told when it next writes.
pub struct AsyncWriteConsumer {
    state: WriterState,
    count: u64,
    report: Report,
}

enum WriterState {
    /// It can be written to.
    Ready(Box<dyn Writer>),
    /// A task of the store's flushes it.
    Flushing(Arc<Mutex<Flushing>>),
    /// It has failed.
    Failed,
}

/// A writer that is being flushed.
#[derive(Default)]
struct Flushing {
    /// It, afterwards, and how that went.
    flushed: Option<(Box<dyn Writer>, io::Result<()>)>,
    /// Who waits for that.
    waker: Option<Waker>,
    /// How the stream has ended meanwhile.
    ending: Option<Ending>,
}

/// What a writer is closed for.
struct Ending {
    closed: Closed,
    count: u64,
    report: Report,
}

impl AsyncWriteConsumer {
    pub(super) fn new(writer: impl Writer) -> (AsyncWriteConsumer, IoOutcome) {
        let (report, outcome) = Report::new();
        let consumer = AsyncWriteConsumer {
            state: WriterState::Ready(Box::new(writer)),
            count: 0,
            report,
        };
        (consumer, outcome)
    }

    fn fail(&mut self, error: io::Error) -> StreamState {
        self.state = WriterState::Failed;
        self.report.report(Err(error));
        StreamState::Done
    }

    /// The writer, when it isn't flushed; none if it has failed.
    fn poll_writer(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<&mut Box<dyn Writer>>> {
        if let WriterState::Flushing(flushing) = &self.state {
            let mut flushing = lock(flushing);
            let Some((writer, result)) = flushing.flushed.take() else {
                flushing.waker = Some(cx.waker().clone());
                return Poll::Pending;
            };
            drop(flushing);
            self.state = WriterState::Ready(writer);
            result?;
        }
        Poll::Ready(match &mut self.state {
            WriterState::Ready(writer) => Ok(writer),
            WriterState::Flushing(_) | WriterState::Failed => Err(io::ErrorKind::BrokenPipe.into()),
        })
    }

    /// Flushes the writer, now or by and by.
    fn flush<D: 'static>(
        &mut self,
        cx: &mut Context<'_>,
        mut store: StoreContextMut<'_, D>,
    ) -> io::Result<()> {
        let WriterState::Ready(writer) = &mut self.state else {
            return Ok(());
        };
        if let Poll::Ready(result) = writer.poll_flush(cx) {
            return result;
        }
        let flushing = Arc::default();
        let state = WriterState::Flushing(Arc::clone(&flushing));
        if let WriterState::Ready(writer) = mem::replace(&mut self.state, state) {
            let task = flush_by_and_by(writer, flushing);
            let store = store.as_context_mut().opaque();
            store.concurrency.host_tasks.spawn(Box::pin(task));
        }
        Ok(())
    }
}

impl<D: 'static> StreamConsumer<D> for AsyncWriteConsumer {
    type Item = u8;

    fn poll_consume(
        &mut self,
        cx: &mut Context<'_>,
        mut store: StoreContextMut<'_, D>,
        mut from: Source<u8>,
    ) -> Poll<Result<StreamState>> {
        let writer = match ready!(self.poll_writer(cx)) {
            Ok(writer) => writer,
            Err(error) => return Poll::Ready(Ok(self.fail(error))),
        };
        if from.remaining(&store) == 0 {
            return Poll::Ready(Ok(StreamState::Open));
        }
        let written = from.read_with(&mut store, |bytes| match writer.poll_write(cx, bytes) {
            Poll::Ready(Ok(count)) => (count, Poll::Ready(Ok(count))),
            other => (0, other),
        })?;
        let result = match written {
            None => Ok(()),
            Some(Poll::Pending) => return Poll::Pending,
            Some(Poll::Ready(Ok(0))) => Err(io::ErrorKind::WriteZero.into()),
            Some(Poll::Ready(Ok(count))) => {
                self.count += count as u64;
                // Who waits for an answer to what was written would wait for ever, were it left in a
                // buffer.
                match from.remaining(&store) {
                    0 => self.flush(cx, store),
                    _ => Ok(()),
                }
            }
            Some(Poll::Ready(Err(error))) => Err(error),
        };
        Poll::Ready(Ok(match result {
            Ok(()) => StreamState::Open,
            Err(error) => self.fail(error),
        }))
    }

    fn closed(self, closed: Closed) {
        let ending = Ending {
            closed,
            count: self.count,
            report: self.report,
        };
        match self.state {
            WriterState::Ready(writer) => end(writer, ending),
            WriterState::Failed => {}
            WriterState::Flushing(flushing) => {
                let mut flushing = lock(&flushing);
                match flushing.flushed.take() {
                    // The task of the store's goes on.
                    None => flushing.ending = Some(ending),
                    Some((writer, result)) => {
                        drop(flushing);
                        match result {
                            Ok(()) => end(writer, ending),
                            Err(error) => ending.report.of_last(Err(error)),
                        }
                    }
                }
            }
        }
    }
}

/// Flushes a writer, and gives it back, or closes it if its stream has ended meanwhile.
async fn flush_by_and_by(
    mut writer: Box<dyn Writer>,
    flushing: Arc<Mutex<Flushing>>,
) -> Result<u64> {
    let result = poll_fn(|cx| writer.poll_flush(cx)).await;
    let ending = {
        let mut flushing = lock(&flushing);
        let ending = flushing.ending.take();
        match ending {
            Some(ending) => ending,
            None => {
                flushing.flushed = Some((writer, result));
                let waker = flushing.waker.take();
                drop(flushing);
                if let Some(waker) = waker {
                    waker.wake();
                }
                return Ok(0);
            }
        }
    };
    match result {
        Ok(()) => close(writer, ending).await,
        Err(error) => ending.report.of_last(Err(error)),
    }
    Ok(0)
}

/// Closes a writer whose stream has ended, now or by and by.
fn end(writer: Box<dyn Writer>, ending: Ending) {
    let mut task: HostTaskFuture = Box::pin(async {
        close(writer, ending).await;
        Ok(0)
    });
    let cx = &mut Context::from_waker(Waker::noop());
    if task.as_mut().poll(cx).is_pending() {
        // Without a store nobody goes on, and the outcome says so.
        with_lent(|store| store.concurrency.host_tasks.spawn(task));
    }
}

async fn close(mut writer: Box<dyn Writer>, ending: Ending) {
    let result = match ending.closed {
        Closed::Dropped => poll_fn(|cx| writer.poll_close(cx)).await,
        Closed::Trapped => {
            // The error that counts is the guest's.
            let _ = poll_fn(|cx| writer.poll_flush(cx)).await;
            Err(trapped())
        }
    };
    drop(writer);
    ending.report.of_last(result.map(|()| ending.count));
}

/// The error of who would read what a guest has not written.
fn trapped() -> io::Error {
    io::Error::new(
        io::ErrorKind::UnexpectedEof,
        "the guest that wrote the stream has trapped",
    )
}

/// What is done under a lock leaves what it guards whole, whatever panics.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A future of how the I/O of an [`AsyncReadProducer`] or [`AsyncWriteConsumer`] ended: how many bytes were
/// read or written, or the error that ended the stream.
///
/// A guest that drops its end early is no error. It is one ([`UnexpectedEof`](io::ErrorKind::UnexpectedEof))
/// if a guest that writes traps, and ([`BrokenPipe`](io::ErrorKind::BrokenPipe)) if the store is dropped before
/// that is known. Any executor may poll it; it is ready once.
#[derive(Debug)]
#[must_use = "errors are seen here only"]
pub struct IoOutcome(Arc<Mutex<Reported>>);

#[derive(Debug, Default)]
struct Reported {
    result: Option<io::Result<u64>>,
    waker: Option<Waker>,
}

impl IoOutcome {
    /// What it is, if that is known, and hasn't been taken.
    pub fn try_take(&mut self) -> Option<io::Result<u64>> {
        lock(&self.0).result.take()
    }
}

impl Future for IoOutcome {
    type Output = io::Result<u64>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<u64>> {
        let mut reported = lock(&self.0);
        match reported.result.take() {
            Some(result) => Poll::Ready(result),
            None => {
                reported.waker = Some(cx.waker().clone());
                Poll::Pending
            }
        }
    }
}

/// Who tells the outcome, once.
struct Report(Option<Arc<Mutex<Reported>>>);

impl Report {
    fn new() -> (Report, IoOutcome) {
        let reported = Arc::default();
        (Report(Some(Arc::clone(&reported))), IoOutcome(reported))
    }

    fn report(&mut self, result: io::Result<u64>) {
        let Some(reported) = self.0.take() else {
            return;
        };
        let mut reported = lock(&reported);
        reported.result = Some(result);
        let waker = reported.waker.take();
        drop(reported);
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    fn of_last(mut self, result: io::Result<u64>) {
        self.report(result);
    }
}

impl Drop for Report {
    fn drop(&mut self) {
        self.report(Err(io::Error::new(
            io::ErrorKind::BrokenPipe,
            "the store was dropped before the stream ended",
        )));
    }
}

impl StreamReceiver<u8> {
    /// Takes up to `most` bytes, given to a function in one or two pieces; how many, 0 at the end.
    pub(super) fn poll_bytes(
        &mut self,
        cx: &mut Context<'_>,
        most: usize,
        mut put: impl FnMut(&[u8]),
    ) -> Poll<io::Result<usize>> {
        if most == 0 {
            return Poll::Ready(Ok(0));
        }
        let taken = ready!(self.poll_take(cx, |bytes| {
            let count = most.min(bytes.len());
            let (first, second) = bytes.as_slices();
            let of_first = count.min(first.len());
            put(&first[..of_first]);
            put(&second[..count - of_first]);
            bytes.drain(..count);
            Some(count)
        }));
        Poll::Ready(match (taken, self.closed()) {
            (Some(count), _) => Ok(count),
            (None, Some(Closed::Trapped)) => Err(trapped()),
            (None, _) => Ok(0),
        })
    }
}

impl StreamSender<u8> {
    /// Sends as many bytes as there is room for, at least one if there are any; how many.
    pub(super) fn poll_send_bytes(
        &mut self,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let mut queued = self.0.lock();
        if queued.is_refused() {
            return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
        }
        let count = queued.room().min(bytes.len());
        if count == 0 && !bytes.is_empty() {
            queued.putter = Some(cx.waker().clone());
            return Poll::Pending;
        }
        queued.elements.extend(&bytes[..count]);
        wake(queued, |queued| queued.taker.take());
        Poll::Ready(Ok(count))
    }

    /// Ends the stream, once all that was sent has been read.
    pub(super) fn end(&mut self) {
        self.0.close(Closed::Dropped);
    }
}

impl fmt::Debug for AsyncReadProducer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AsyncReadProducer").finish_non_exhaustive()
    }
}

impl fmt::Debug for AsyncWriteConsumer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AsyncWriteConsumer").finish_non_exhaustive()
    }
}
