//! Streams from and to what does asynchronous I/O, of `tokio` and of `futures`.

use super::setup::{Alive, AliveGuard, block_on, yields};
use anyhow::Result;
use std::collections::VecDeque;
use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use threadline::component::{
    AsyncReadProducer, AsyncWriteConsumer, Closed, Component, Instance, IoOutcome, Linker,
    StreamReader,
};
use threadline::{Engine, Store};

/// `sum` reads bytes until there are no more, 8 at once at most, and gives their sum; `first` waits until
/// there are some, by reading nothing, and gives the first one. `write` gives a stream, to which it then
/// writes `n` bytes, 1, 2, 3, …, in pieces of so many; `write-and-trap` traps instead of dropping its end.
/// `written` is how many of them somebody has taken.
const GUEST: &str = r#"(component
    (core module $Memory (memory (export "memory") 1))
    (core instance $memory (instantiate $Memory))
    (alias core export $memory "memory" (core memory $m))
    (type $bytes (stream u8))
    (canon stream.read $bytes (memory $m) (core func $read))
    (canon stream.drop-readable $bytes (core func $drop))
    (canon stream.new $bytes (core func $new))
    (canon stream.write $bytes (memory $m) (core func $write))
    (canon stream.drop-writable $bytes (core func $end))
    (canon task.return (result u32) (core func $return))
    (canon task.return (result $bytes) (core func $return-stream))
    (core module $M
        (import "" "memory" (memory 1))
        (import "" "read" (func $read (param i32 i32 i32) (result i32)))
        (import "" "drop" (func $drop (param i32)))
        (import "" "new" (func $new (result i64)))
        (import "" "write" (func $write (param i32 i32 i32) (result i32)))
        (import "" "end" (func $end (param i32)))
        (import "" "return" (func $return (param i32)))
        (import "" "return-stream" (func $return-stream (param i32)))
        (global $written (mut i32) (i32.const 0))
        (func (export "written") (result i32) (global.get $written))
        (func (export "sum") (param $s i32) (local $result i32) (local $sum i32) (local $i i32)
            (loop $again
                (local.set $result (call $read (local.get $s) (i32.const 16) (i32.const 8)))
                (local.set $i (i32.const 0))
                (loop $each
                    (if (i32.lt_u (local.get $i) (i32.shr_u (local.get $result) (i32.const 4)))
                        (then
                            (local.set $sum (i32.add (local.get $sum)
                                (i32.load8_u (i32.add (i32.const 16) (local.get $i)))))
                            (local.set $i (i32.add (local.get $i) (i32.const 1)))
                            (br $each))))
                (br_if $again (i32.eqz (i32.and (local.get $result) (i32.const 15)))))
            (call $drop (local.get $s))
            (call $return (local.get $sum)))
        (func (export "first") (param $s i32)
            (if (call $read (local.get $s) (i32.const 16) (i32.const 0)) (then unreachable))
            (if (i32.ne (i32.const 0x10) (call $read (local.get $s) (i32.const 16) (i32.const 1)))
                (then unreachable))
            (call $drop (local.get $s))
            (call $return (i32.load8_u (i32.const 16))))
        (func $all (param $n i32) (param $piece i32) (result i32)
            (local $ends i64) (local $w i32) (local $i i32) (local $result i32)
            (loop $fill
                (i32.store8 (i32.add (i32.const 1024) (local.get $i))
                    (i32.add (local.get $i) (i32.const 1)))
                (local.set $i (i32.add (local.get $i) (i32.const 1)))
                (br_if $fill (i32.lt_u (local.get $i) (local.get $n))))
            (local.set $ends (call $new))
            (local.set $w (i32.wrap_i64 (i64.shr_u (local.get $ends) (i64.const 32))))
            (call $return-stream (i32.wrap_i64 (local.get $ends)))
            (global.set $written (i32.const 0))
            (block $over
                (loop $again
                    (local.set $i (i32.sub (local.get $n) (global.get $written)))
                    (br_if $over (i32.eqz (local.get $i)))
                    (if (i32.gt_u (local.get $i) (local.get $piece))
                        (then (local.set $i (local.get $piece))))
                    (local.set $result (call $write (local.get $w)
                        (i32.add (i32.const 1024) (global.get $written)) (local.get $i)))
                    (global.set $written (i32.add (global.get $written)
                        (i32.shr_u (local.get $result) (i32.const 4))))
                    (br_if $again (i32.eqz (i32.and (local.get $result) (i32.const 15))))))
            (local.get $w))
        (func (export "write") (param $n i32) (param $piece i32)
            (call $end (call $all (local.get $n) (local.get $piece))))
        (func (export "write-and-trap") (param $n i32) (param $piece i32)
            (drop (call $all (local.get $n) (local.get $piece)))
            unreachable))
    (core instance $i (instantiate $M (with "" (instance (export "memory" (memory $m))
        (export "read" (func $read)) (export "drop" (func $drop)) (export "new" (func $new))
        (export "write" (func $write)) (export "end" (func $end))
        (export "return" (func $return)) (export "return-stream" (func $return-stream))))))
    (func (export "sum") async (param "s" $bytes) (result u32)
        (canon lift (core func $i "sum") async))
    (func (export "first") async (param "s" $bytes) (result u32)
        (canon lift (core func $i "first") async))
    (func (export "write") async (param "n" u32) (param "piece" u32) (result $bytes)
        (canon lift (core func $i "write") async))
    (func (export "write-and-trap") async (param "n" u32) (param "piece" u32) (result $bytes)
        (canon lift (core func $i "write-and-trap") async))
    (func (export "written") (result u32) (canon lift (core func $i "written"))))"#;

fn guest() -> Result<(Store<()>, Instance)> {
    let engine = Engine::default();
    let component = Component::new(&engine, GUEST)?;
    let mut store = Store::new(&engine, ());
    let instance = Linker::new(&engine).instantiate(&mut store, &component)?;
    Ok((store, instance))
}

/// Calls `sum` or `first`.
fn read(
    (store, instance): &mut (Store<()>, Instance),
    name: &str,
    stream: StreamReader<u8>,
) -> Result<u32> {
    let func = instance.get_typed_func::<(StreamReader<u8>,), (u32,)>(&mut *store, name)?;
    Ok(block_on(func.call_async(store, (stream,)))?.0)
}

/// Calls `write` or `write-and-trap`.
fn write(
    (store, instance): &mut (Store<()>, Instance),
    name: &str,
    n_and_piece: (u32, u32),
) -> Result<StreamReader<u8>> {
    let func = instance.get_typed_func::<(u32, u32), (StreamReader<u8>,)>(&mut *store, name)?;
    Ok(block_on(func.call_async(store, n_and_piece))?.0)
}

/// How many bytes of what `write` writes were taken.
fn written((store, instance): &mut (Store<()>, Instance)) -> Result<u32> {
    let func = instance.get_typed_func::<(), (u32,)>(&mut *store, "written")?;
    Ok(func.call(store, ())?.0)
}

/// Turns a store so long that whatever goes on there by itself has ended.
fn turn(store: &mut Store<()>) -> Result<()> {
    block_on(store.run_concurrent(|_| yields(200)))
}

/// What a reader gives one after the other: bytes, nothing yet, an error; then the end.
enum Step {
    Bytes(Vec<u8>),
    Wait,
    Fail,
}

struct Scripted {
    steps: VecDeque<Step>,
    _alive: AliveGuard,
}

impl Scripted {
    fn new(alive: &Alive, steps: impl IntoIterator<Item = Step>) -> Scripted {
        Scripted {
            steps: steps.into_iter().collect(),
            _alive: alive.guard(),
        }
    }

    fn poll(&mut self, cx: &mut Context<'_>, most: usize) -> Poll<io::Result<Vec<u8>>> {
        assert!(most > 0);
        match self.steps.pop_front() {
            None => Poll::Ready(Ok(Vec::new())),
            Some(Step::Wait) => {
                cx.waker().wake_by_ref();
                Poll::Pending
            }
            Some(Step::Fail) => Poll::Ready(Err(io::ErrorKind::ConnectionReset.into())),
            Some(Step::Bytes(mut bytes)) => {
                if bytes.len() > most {
                    let rest = bytes.split_off(most);
                    self.steps.push_front(Step::Bytes(rest));
                }
                Poll::Ready(Ok(bytes))
            }
        }
    }
}

impl tokio::io::AsyncRead for Scripted {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut tokio::io::ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let read = self.poll(cx, buffer.remaining());
        read.map_ok(|bytes| buffer.put_slice(&bytes))
    }
}

impl futures_io::AsyncRead for Scripted {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        self.poll(cx, buffer.len()).map_ok(|bytes| {
            buffer[..bytes.len()].copy_from_slice(&bytes);
            bytes.len()
        })
    }
}

/// The producers of both families.
const PRODUCERS: [fn(Scripted) -> (AsyncReadProducer, IoOutcome); 2] = [
    AsyncReadProducer::from_tokio,
    AsyncReadProducer::from_futures,
];

#[test]
fn a_guest_reads_what_a_reader_gives_until_its_end() -> Result<()> {
    for producer in PRODUCERS {
        let mut guest = guest()?;
        let alive = Alive::default();
        let (producer, outcome) = producer(Scripted::new(
            &alive,
            [
                Step::Wait,
                Step::Bytes((0..20).collect()),
                Step::Wait,
                Step::Wait,
                Step::Bytes(vec![1, 2]),
            ],
        ));
        let stream = StreamReader::new(&mut guest.0, producer)?;
        assert_eq!(read(&mut guest, "sum", stream)?, 193);
        assert_eq!(block_on(outcome)?, 22);
        assert_eq!(alive.count(), 0);
    }
    Ok(())
}

#[test]
fn an_error_of_a_reader_ends_the_stream_and_is_the_hosts() -> Result<()> {
    for producer in PRODUCERS {
        for function in ["sum", "first"] {
            let mut guest = guest()?;
            let steps = [Step::Bytes(vec![3]), Step::Wait, Step::Fail];
            let (producer, mut outcome) = producer(Scripted::new(&Alive::default(), steps));
            assert!(outcome.try_take().is_none());
            let stream = StreamReader::new(&mut guest.0, producer)?;
            assert_eq!(read(&mut guest, function, stream)?, 3);
            match function {
                "sum" => {
                    let error = outcome.try_take().unwrap().unwrap_err();
                    assert_eq!(error.kind(), io::ErrorKind::ConnectionReset);
                }
                // It hasn't been read so far.
                _ => assert_eq!(outcome.try_take().unwrap()?, 1),
            }
        }
    }
    Ok(())
}

#[test]
fn a_guest_that_reads_nothing_waits_until_there_is_something() -> Result<()> {
    for producer in PRODUCERS {
        let mut guest = guest()?;
        let alive = Alive::default();
        let steps = [Step::Wait, Step::Wait, Step::Bytes(vec![7, 8]), Step::Wait];
        let (producer, outcome) = producer(Scripted::new(&alive, steps));
        let stream = StreamReader::new(&mut guest.0, producer)?;
        assert_eq!(read(&mut guest, "first", stream)?, 7);
        // Dropping the stream early is no error, and drops the reader.
        assert_eq!(block_on(outcome)?, 2);
        assert_eq!(alive.count(), 0);
    }
    Ok(())
}

/// What has become of a writer.
#[derive(Debug, Default, PartialEq)]
struct Taken {
    bytes: Vec<u8>,
    /// How many of them were flushed.
    flushed: usize,
    is_closed: bool,
    is_dropped: bool,
}

/// Takes `at_once` bytes at once, `most` in all, then fails. If it is slow it is pending once before
/// everything that it does.
struct Slow {
    taken: Arc<Mutex<Taken>>,
    at_once: usize,
    most: usize,
    is_slow: bool,
    has_waited: bool,
}

impl Slow {
    fn new(at_once: usize, most: usize, is_slow: bool) -> (Slow, Arc<Mutex<Taken>>) {
        let taken = Arc::default();
        let slow = Slow {
            taken: Arc::clone(&taken),
            at_once,
            most,
            is_slow,
            has_waited: false,
        };
        (slow, taken)
    }

    fn poll<R>(
        &mut self,
        cx: &mut Context<'_>,
        go_on: impl FnOnce(&mut Slow, &mut Taken) -> io::Result<R>,
    ) -> Poll<io::Result<R>> {
        self.has_waited = self.is_slow && !self.has_waited;
        if self.has_waited {
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        let taken = Arc::clone(&self.taken);
        let mut taken = taken.lock().unwrap();
        assert!(!taken.is_closed);
        Poll::Ready(go_on(self, &mut taken))
    }

    fn write(&mut self, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.poll(cx, |slow, taken| {
            let room = slow.most - taken.bytes.len();
            if room == 0 {
                return Err(io::ErrorKind::StorageFull.into());
            }
            let count = bytes.len().min(slow.at_once).min(room);
            taken.bytes.extend(&bytes[..count]);
            Ok(count)
        })
    }

    fn flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.poll(cx, |_, taken| {
            taken.flushed = taken.bytes.len();
            Ok(())
        })
    }

    fn close(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.poll(cx, |_, taken| {
            taken.flushed = taken.bytes.len();
            taken.is_closed = true;
            Ok(())
        })
    }
}

impl Drop for Slow {
    fn drop(&mut self) {
        self.taken.lock().unwrap().is_dropped = true;
    }
}

impl tokio::io::AsyncWrite for Slow {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.get_mut().write(cx, bytes)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.get_mut().flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.get_mut().close(cx)
    }
}

impl futures_io::AsyncWrite for Slow {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.get_mut().write(cx, bytes)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.get_mut().flush(cx)
    }

    fn poll_close(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.get_mut().close(cx)
    }
}

/// The consumers of both families.
const CONSUMERS: [fn(Slow) -> (AsyncWriteConsumer, IoOutcome); 2] = [
    AsyncWriteConsumer::from_tokio,
    AsyncWriteConsumer::from_futures,
];

#[test]
fn a_writer_gets_what_a_guest_writes_and_is_closed_at_the_end() -> Result<()> {
    for consumer in CONSUMERS {
        for (at_once, piece, is_slow) in
            [(100, 100, false), (3, 7, true), (7, 3, true), (1, 1, true)]
        {
            let mut guest = guest()?;
            let (slow, taken) = Slow::new(at_once, usize::MAX, is_slow);
            let (consumer, outcome) = consumer(slow);
            let stream = write(&mut guest, "write", (30, piece))?;
            stream.pipe(&mut guest.0, consumer)?;
            assert_eq!(block_on(guest.0.run_concurrent(|_| outcome))??, 30);
            let taken = taken.lock().unwrap();
            assert_eq!(taken.bytes, (1..=30).collect::<Vec<u8>>());
            assert_eq!((taken.flushed, taken.is_closed), (30, true));
            assert!(taken.is_dropped);
        }
    }
    Ok(())
}

#[test]
fn a_writer_that_is_ready_is_closed_without_waiting() -> Result<()> {
    for consumer in CONSUMERS {
        let mut guest = guest()?;
        let (slow, taken) = Slow::new(100, usize::MAX, false);
        let (consumer, mut outcome) = consumer(slow);
        let (sender, stream) = StreamReader::channel(&mut guest.0, 4)?;
        drop(sender);
        stream.pipe(&mut guest.0, consumer)?;
        assert_eq!(outcome.try_take().unwrap()?, 0);
        assert!(taken.lock().unwrap().is_closed);
    }
    Ok(())
}

#[test]
fn what_a_guest_has_written_is_flushed_when_it_pauses() -> Result<()> {
    let mut guest = guest()?;
    let (sender, stream) = StreamReader::channel(&mut guest.0, 4)?;
    let mut sender = sender;
    let (slow, taken) = Slow::new(100, usize::MAX, true);
    let (consumer, outcome) = AsyncWriteConsumer::from_tokio(slow);
    stream.pipe(&mut guest.0, consumer)?;
    for byte in 1..=3 {
        sender.try_send(byte).unwrap();
        turn(&mut guest.0)?;
        assert_eq!(taken.lock().unwrap().flushed, byte.into());
    }
    drop(sender);
    assert_eq!(block_on(guest.0.run_concurrent(|_| outcome))??, 3);
    Ok(())
}

#[test]
fn a_writer_that_fails_ends_the_stream_and_its_error_is_the_hosts() -> Result<()> {
    for consumer in CONSUMERS {
        let mut guest = guest()?;
        let (slow, taken) = Slow::new(4, 10, true);
        let (consumer, outcome) = consumer(slow);
        let stream = write(&mut guest, "write", (30, 5))?;
        stream.pipe(&mut guest.0, consumer)?;
        let error = block_on(guest.0.run_concurrent(|_| outcome))?.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::StorageFull);
        turn(&mut guest.0)?;
        // The guest was told, and is done.
        assert_eq!(written(&mut guest)?, 10);
        let taken = taken.lock().unwrap();
        assert_eq!((taken.is_closed, taken.is_dropped), (false, true));
    }
    Ok(())
}

#[test]
fn what_a_guest_that_traps_has_written_is_flushed_but_not_ended() -> Result<()> {
    for consumer in CONSUMERS {
        for is_slow in [true, false] {
            let mut guest = guest()?;
            let (slow, taken) = Slow::new(100, usize::MAX, is_slow);
            let (consumer, outcome) = consumer(slow);
            let stream = write(&mut guest, "write-and-trap", (30, 10))?;
            stream.pipe(&mut guest.0, consumer)?;
            turn(&mut guest.0).unwrap_err();
            let error = block_on(guest.0.run_concurrent(|_| outcome))?.unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof);
            let taken = taken.lock().unwrap();
            assert_eq!((taken.flushed, taken.is_closed), (30, false));
            assert!(taken.is_dropped);
        }
    }
    Ok(())
}

#[test]
fn the_outcome_is_an_error_if_the_store_is_dropped_first() -> Result<()> {
    let mut guest = guest()?;
    let (producer, read) = AsyncReadProducer::from_tokio(Scripted::new(&Alive::default(), []));
    let (consumer, written) = AsyncWriteConsumer::from_tokio(Slow::new(1, 1, false).0);
    let _ = StreamReader::new(&mut guest.0, producer)?;
    write(&mut guest, "write", (1, 1))?.pipe(&mut guest.0, consumer)?;
    drop(guest);
    for outcome in [read, written] {
        let error = block_on(outcome).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::BrokenPipe);
    }
    Ok(())
}

#[test]
fn a_reader_is_piped_to_a_writer_with_no_guest_in_between() -> Result<()> {
    let mut store = Store::new(&Engine::default(), ());
    let steps = [Step::Wait, Step::Bytes(vec![5; 50_000]), Step::Wait];
    let (producer, read) = AsyncReadProducer::from_tokio(Scripted::new(&Alive::default(), steps));
    let (slow, taken) = Slow::new(30_000, usize::MAX, true);
    let (consumer, written) = AsyncWriteConsumer::from_futures(slow);
    StreamReader::new(&mut store, producer)?.pipe(&mut store, consumer)?;
    assert_eq!(block_on(store.run_concurrent(|_| written))??, 50_000);
    assert_eq!(block_on(read)?, 50_000);
    assert_eq!(taken.lock().unwrap().bytes, vec![5; 50_000]);
    Ok(())
}

/// Which family of traits a test uses.
#[derive(Copy, Clone, Debug)]
enum Family {
    Tokio,
    Futures,
}

const FAMILIES: [Family; 2] = [Family::Tokio, Family::Futures];

impl Family {
    async fn read<R>(self, reader: &mut R, bytes: &mut [u8]) -> io::Result<usize>
    where
        R: tokio::io::AsyncRead + futures_io::AsyncRead + Unpin,
    {
        poll_fn(|cx| match self {
            Family::Tokio => {
                let mut buffer = tokio::io::ReadBuf::new(bytes);
                let read = tokio::io::AsyncRead::poll_read(Pin::new(reader), cx, &mut buffer);
                read.map_ok(|()| buffer.filled().len())
            }
            Family::Futures => futures_io::AsyncRead::poll_read(Pin::new(reader), cx, bytes),
        })
        .await
    }

    async fn write_all<W>(self, writer: &mut W, mut bytes: &[u8]) -> io::Result<()>
    where
        W: tokio::io::AsyncWrite + futures_io::AsyncWrite + Unpin,
    {
        while !bytes.is_empty() {
            let written = poll_fn(|cx| match self {
                Family::Tokio => tokio::io::AsyncWrite::poll_write(Pin::new(writer), cx, bytes),
                Family::Futures => futures_io::AsyncWrite::poll_write(Pin::new(writer), cx, bytes),
            });
            bytes = &bytes[written.await?..];
        }
        Ok(())
    }

    async fn close<W>(self, writer: &mut W) -> io::Result<()>
    where
        W: tokio::io::AsyncWrite + futures_io::AsyncWrite + Unpin,
    {
        poll_fn(|cx| match self {
            Family::Tokio => tokio::io::AsyncWrite::poll_shutdown(Pin::new(writer), cx),
            Family::Futures => futures_io::AsyncWrite::poll_close(Pin::new(writer), cx),
        })
        .await
    }
}

fn tokio_runtime() -> tokio::runtime::Runtime {
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    builder.worker_threads(2).build().unwrap()
}

#[test]
fn a_task_writes_what_a_guest_reads() -> Result<()> {
    let runtime = tokio_runtime();
    for family in FAMILIES {
        let mut guest = guest()?;
        let (mut sender, stream) = StreamReader::channel(&mut guest.0, 5)?;
        let writing = runtime.spawn(async move {
            let bytes: Vec<u8> = (1..=100).collect();
            family.write_all(&mut sender, &bytes).await?;
            family.close(&mut sender).await?;
            // Nothing can be written to a stream that has ended.
            let error = family.write_all(&mut sender, &[1]).await.unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::BrokenPipe);
            assert_eq!(sender.try_send(1), Err(1));
            io::Result::Ok(())
        });
        assert_eq!(read(&mut guest, "sum", stream)?, 5050, "{family:?}");
        runtime.block_on(writing)??;
    }
    Ok(())
}

#[test]
fn who_writes_for_a_guest_that_reads_no_more_gets_a_broken_pipe() -> Result<()> {
    let runtime = tokio_runtime();
    for family in FAMILIES {
        let mut guest = guest()?;
        let (mut sender, stream) = StreamReader::channel(&mut guest.0, 5)?;
        let writing = runtime.spawn(async move { family.write_all(&mut sender, &[9; 1000]).await });
        assert_eq!(read(&mut guest, "first", stream)?, 9);
        let error = runtime.block_on(writing)?.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::BrokenPipe, "{family:?}");
    }
    Ok(())
}

#[test]
fn a_task_reads_what_a_guest_writes() -> Result<()> {
    let runtime = tokio_runtime();
    for family in FAMILIES {
        let mut guest = guest()?;
        let stream = write(&mut guest, "write", (200, 64))?;
        let mut receiver = stream.receive(&mut guest.0, 10)?;
        turn(&mut guest.0)?;
        // The guest can't write more than there is room for.
        assert_eq!(written(&mut guest)?, 10);
        let reading = runtime.spawn(async move {
            let (mut all, mut piece) = (Vec::<u8>::new(), [0; 7]);
            assert_eq!(family.read(&mut receiver, &mut []).await?, 0);
            loop {
                match family.read(&mut receiver, &mut piece).await? {
                    0 => return io::Result::Ok(all),
                    count => all.extend(&piece[..count]),
                }
            }
        });
        let all = block_on(guest.0.run_concurrent(|_| reading))???;
        assert_eq!(all, (1..=200).collect::<Vec<u8>>(), "{family:?}");
    }
    Ok(())
}

#[test]
fn who_reads_from_a_guest_that_traps_gets_no_end_but_an_error() -> Result<()> {
    for family in FAMILIES {
        let mut guest = guest()?;
        let stream = write(&mut guest, "write-and-trap", (3, 3))?;
        let mut receiver = stream.receive(&mut guest.0, 10)?;
        turn(&mut guest.0).unwrap_err();
        let mut bytes = [0; 10];
        assert_eq!(block_on(family.read(&mut receiver, &mut bytes))?, 3);
        let error = block_on(family.read(&mut receiver, &mut bytes)).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof, "{family:?}");

        // Nor if what is missing never comes because the store is gone.
        let mut guest = self::guest()?;
        let stream = write(&mut guest, "write", (3, 1))?;
        let mut receiver = stream.receive(&mut guest.0, 1)?;
        drop(guest);
        assert_eq!(block_on(family.read(&mut receiver, &mut bytes))?, 1);
        let error = block_on(family.read(&mut receiver, &mut bytes)).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof, "{family:?}");
        assert_eq!(receiver.closed(), Some(Closed::Trapped));
    }
    Ok(())
}

/// The numbers to `n`, pending before each third one.
struct Numbers {
    next: u8,
    n: u8,
    has_waited: bool,
}

impl futures_core::Stream for Numbers {
    type Item = u8;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<u8>> {
        self.has_waited = self.next.is_multiple_of(3) && !self.has_waited;
        if self.has_waited {
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        self.next += 1;
        Poll::Ready((self.next <= self.n).then_some(self.next))
    }
}

fn numbers(n: u8) -> Numbers {
    Numbers {
        next: 0,
        n,
        has_waited: false,
    }
}

#[test]
fn a_stream_of_rusts_is_one_of_the_components_and_the_other_way_round() -> Result<()> {
    let mut guest = guest()?;
    for n in [0, 1, 3, 20] {
        let stream = StreamReader::from_stream(&mut guest.0, numbers(n))?;
        assert_eq!(
            read(&mut guest, "sum", stream)?,
            u32::from(n) * u32::from(n + 1) / 2
        );
    }
    let stream = StreamReader::from_stream(&mut guest.0, numbers(9))?;
    assert_eq!(read(&mut guest, "first", stream)?, 1);

    let stream = write(&mut guest, "write", (30, 4))?;
    let mut receiver = stream.receive(&mut guest.0, 3)?;
    let all = block_on(guest.0.run_concurrent(|_| async move {
        let mut all = Vec::new();
        while let Some(byte) =
            poll_fn(|cx| futures_core::Stream::poll_next(Pin::new(&mut receiver), cx)).await
        {
            all.push(byte);
        }
        all
    }))?;
    assert_eq!(all, (1..=30).collect::<Vec<u8>>());
    Ok(())
}
