//! Streams and futures between the host and a guest.

use super::setup::{block_on, yields};
use anyhow::Result;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use threadline::component::{
    Accessor, Closed, Component, Destination, FutureReader, Instance, Linker, Source, StreamAny,
    StreamConsumer, StreamProducer, StreamReader, StreamState, Val,
};
use threadline::{Engine, Store, StoreContextMut};

/// `sum` reads bytes until there are no more, 8 at once at most, and gives their sum; `count` gives a
/// stream into which it then writes 0, 1, 2, … as a string each, until nobody reads or `n` are written;
/// `next` reads a future, `double` gives twice a number as one, `late` does so some time later; `pass` gives back a stream.
const GUEST: &str = r#"(component
    (core module $Memory (memory (export "memory") 1)
        (global $next (mut i32) (i32.const 4096))
        (func (export "realloc") (param i32 i32 i32 i32) (result i32)
            (global.get $next)
            (global.set $next (i32.add (global.get $next) (i32.const 8)))))
    (core instance $memory (instantiate $Memory))
    (alias core export $memory "memory" (core memory $m))
    (alias core export $memory "realloc" (core func $realloc))
    (type $bytes (stream u8))
    (type $texts (stream string))
    (type $later (future u32))
    (canon stream.read $bytes (memory $m) (core func $read))
    (canon stream.drop-readable $bytes (core func $drop))
    (canon stream.new $texts (core func $new))
    (canon stream.write $texts (memory $m) (core func $write))
    (canon stream.drop-writable $texts (core func $end))
    (canon future.read $later (memory $m) (core func $read-later))
    (canon future.new $later (core func $new-later))
    (canon future.write $later (memory $m) (core func $write-later))
    (canon thread.yield (core func $yield))
    (canon task.return (result u32) (core func $return))
    (canon task.return (result $texts) (core func $return-texts))
    (canon task.return (result $later) (core func $return-later))
    (core module $M
        (import "" "memory" (memory 1))
        (import "" "read" (func $read (param i32 i32 i32) (result i32)))
        (import "" "drop" (func $drop (param i32)))
        (import "" "new" (func $new (result i64)))
        (import "" "write" (func $write (param i32 i32 i32) (result i32)))
        (import "" "end" (func $end (param i32)))
        (import "" "read-later" (func $read-later (param i32 i32) (result i32)))
        (import "" "new-later" (func $new-later (result i64)))
        (import "" "write-later" (func $write-later (param i32 i32) (result i32)))
        (import "" "yield" (func $yield (result i32)))
        (import "" "return" (func $return (param i32)))
        (import "" "return-texts" (func $return-texts (param i32)))
        (import "" "return-later" (func $return-later (param i32)))
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
        (func (export "count") (param $n i32) (local $ends i64) (local $w i32) (local $i i32)
            (local.set $ends (call $new))
            (local.set $w (i32.wrap_i64 (i64.shr_u (local.get $ends) (i64.const 32))))
            (call $return-texts (i32.wrap_i64 (local.get $ends)))
            (loop $again
                (if (i32.lt_u (local.get $i) (local.get $n))
                    (then
                        (i32.store (i32.const 32) (i32.const 48))
                        (i32.store (i32.const 36) (i32.const 1))
                        (i32.store8 (i32.const 48) (i32.add (local.get $i) (i32.const 48)))
                        (local.set $i (i32.add (local.get $i) (i32.const 1)))
                        (br_if $again (i32.eq (i32.const 0x10)
                            (call $write (local.get $w) (i32.const 32) (i32.const 1)))))))
            (call $end (local.get $w)))
        (func (export "next") (param $f i32)
            (if (call $read-later (local.get $f) (i32.const 64)) (then unreachable))
            (call $return (i32.load (i32.const 64))))
        (func (export "double") (param $n i32) (call $twice (local.get $n) (i32.const 0)))
        (func (export "late") (param $n i32) (call $twice (local.get $n) (i32.const 3)))
        (func $twice (param $n i32) (param $yields i32) (local $ends i64)
            (local.set $ends (call $new-later))
            (call $return-later (i32.wrap_i64 (local.get $ends)))
            (loop $again
                (if (local.get $yields)
                    (then
                        (drop (call $yield))
                        (local.set $yields (i32.sub (local.get $yields) (i32.const 1)))
                        (br $again))))
            (i32.store (i32.const 64) (i32.mul (local.get $n) (i32.const 2)))
            (drop (call $write-later
                (i32.wrap_i64 (i64.shr_u (local.get $ends) (i64.const 32))) (i32.const 64))))
        (func (export "pass") (param i32) (result i32) (local.get 0))
        (func (export "trap") (param i32) unreachable))
    (core instance $i (instantiate $M (with "" (instance (export "memory" (memory $m))
        (export "read" (func $read)) (export "drop" (func $drop)) (export "new" (func $new))
        (export "write" (func $write)) (export "end" (func $end))
        (export "read-later" (func $read-later)) (export "new-later" (func $new-later))
        (export "write-later" (func $write-later)) (export "yield" (func $yield)) (export "return" (func $return))
        (export "return-texts" (func $return-texts)) (export "return-later" (func $return-later))))))
    (func (export "sum") async (param "s" $bytes) (result u32)
        (canon lift (core func $i "sum") async))
    (func (export "count") async (param "n" u32) (result $texts)
        (canon lift (core func $i "count") async (memory $m) (realloc $realloc)))
    (func (export "next") async (param "f" $later) (result u32)
        (canon lift (core func $i "next") async))
    (func (export "double") async (param "n" u32) (result $later)
        (canon lift (core func $i "double") async))
    (func (export "late") async (param "n" u32) (result $later)
        (canon lift (core func $i "late") async))
    (func (export "pass") (param "s" $bytes) (result $bytes) (canon lift (core func $i "pass")))
    (func (export "trap") (param "s" $bytes) (canon lift (core func $i "trap"))))"#;

fn guest() -> Result<(Store<Vec<String>>, Instance)> {
    let engine = Engine::default();
    let component = Component::new(&engine, GUEST)?;
    let mut store = Store::new(&engine, Vec::new());
    let instance = Linker::new(&engine).instantiate(&mut store, &component)?;
    Ok((store, instance))
}

#[test]
fn a_guest_reads_what_is_in_a_vector() -> Result<()> {
    let (mut store, instance) = guest()?;
    let sum = instance.get_typed_func::<(StreamReader<u8>,), (u32,)>(&mut store, "sum")?;
    for length in [0, 1, 8, 9, 100] {
        let bytes: Vec<u8> = (0..length).collect();
        let expected: u32 = bytes.iter().map(|&byte| u32::from(byte)).sum();
        let stream = StreamReader::from_vec(&mut store, bytes)?;
        // Everything is there, so nobody has to wait.
        assert_eq!(sum.call(&mut store, (stream,))?, (expected,), "{length}");
    }
    Ok(())
}

#[test]
fn a_guest_reads_what_an_iterator_gives() -> Result<()> {
    let (mut store, instance) = guest()?;
    let sum = instance.get_typed_func::<(StreamReader<u8>,), (u32,)>(&mut store, "sum")?;
    let stream = StreamReader::from_iter(&mut store, (0..20).filter(|n| n % 3 == 0))?;
    assert_eq!(sum.call(&mut store, (stream,))?, (63,));
    Ok(())
}

#[test]
fn a_guest_waits_for_what_another_thread_sends() -> Result<()> {
    let (mut store, instance) = guest()?;
    let sum = instance.get_typed_func::<(StreamReader<u8>,), (u32,)>(&mut store, "sum")?;
    let (mut sender, stream) = StreamReader::channel(&mut store, 2)?;
    let thread = std::thread::spawn(move || {
        for n in 1..=10 {
            std::thread::sleep(std::time::Duration::from_millis(1));
            block_on(sender.send(n)).unwrap();
        }
    });
    assert_eq!(block_on(sum.call_async(&mut store, (stream,)))?, (55,));
    thread.join().unwrap();
    Ok(())
}

#[test]
fn nobody_sends_to_a_guest_that_has_dropped_its_end() -> Result<()> {
    let (mut store, instance) = guest()?;
    let pass =
        instance.get_typed_func::<(StreamReader<u8>,), (StreamReader<u8>,)>(&mut store, "pass")?;
    let (mut sender, stream) = StreamReader::channel(&mut store, 2)?;
    let (stream,) = pass.call(&mut store, (stream,))?;
    assert_eq!(sender.try_send(1), Ok(()));
    stream.close(&mut store)?;
    assert!(sender.is_closed());
    assert_eq!(sender.try_send(2), Err(2));
    Ok(())
}

#[test]
fn a_receiver_gets_what_a_guest_writes() -> Result<()> {
    let (mut store, instance) = guest()?;
    let count = instance.get_typed_func::<(u32,), (StreamReader<String>,)>(&mut store, "count")?;
    for capacity in [1, 3, 100] {
        let received = block_on(store.run_concurrent(|accessor| async move {
            let (stream,) = count.call_concurrent(accessor, (5,)).await?;
            let receiver = accessor.with(|access| stream.receive(access, capacity))?;
            anyhow::Ok(receiver.collect().await)
        }))??;
        assert_eq!(received, ["0", "1", "2", "3", "4"], "{capacity}");
    }
    Ok(())
}

#[test]
fn who_reads_before_a_guest_writes_is_asked_when_it_does() -> Result<()> {
    let (mut store, instance) = guest()?;
    let late = instance.get_typed_func::<(u32,), (FutureReader<u32>,)>(&mut store, "late")?;
    let (value,) = late.call(&mut store, (8,))?;
    value.pipe(&mut store, |mut store, value| {
        store.data_mut().push(format!("{value:?}"));
        Ok(())
    })?;
    assert!(store.data().is_empty());
    block_on(store.run_concurrent(|_| yields(20)))?;
    assert_eq!(store.data(), &["Some(16)"]);
    Ok(())
}

/// Notes what it gets, up to a number of elements.
struct Noting {
    most: usize,
    closed: Arc<Mutex<Option<Closed>>>,
}

impl StreamConsumer<Vec<String>> for Noting {
    type Item = String;

    fn poll_consume(
        &mut self,
        _: &mut Context<'_>,
        mut store: StoreContextMut<'_, Vec<String>>,
        mut from: Source<String>,
    ) -> Poll<Result<StreamState>> {
        let remaining = from.remaining(&store);
        let elements = from.read(&mut store, remaining)?;
        store.data_mut().extend(elements);
        Poll::Ready(Ok(match store.data().len() < self.most {
            true => StreamState::Open,
            false => StreamState::Done,
        }))
    }

    fn closed(self, closed: Closed) {
        *self.closed.lock().unwrap() = Some(closed);
    }
}

#[test]
fn a_consumer_has_the_store_and_is_told_of_the_end() -> Result<()> {
    let (mut store, instance) = guest()?;
    let count = instance.get_typed_func::<(u32,), (StreamReader<String>,)>(&mut store, "count")?;
    for (most, expected, end) in [(9, 3, Some(Closed::Dropped)), (2, 2, None)] {
        store.data_mut().clear();
        let closed = Arc::default();
        let noting = Noting {
            most,
            closed: Arc::clone(&closed),
        };
        let (stream,) = count.call(&mut store, (3,))?;
        stream.pipe(&mut store, noting)?;
        block_on(store.run_concurrent(|_| yields(20)))?;
        assert_eq!(store.data().len(), expected, "{most}");
        assert_eq!(*closed.lock().unwrap(), end, "{most}");
    }
    Ok(())
}

/// Notes in the store that nobody writes any more.
struct NotingEnd(Accessor<Vec<String>>);

impl StreamConsumer<Vec<String>> for NotingEnd {
    type Item = String;

    fn poll_consume(
        &mut self,
        _: &mut Context<'_>,
        store: StoreContextMut<'_, Vec<String>>,
        mut from: Source<String>,
    ) -> Poll<Result<StreamState>> {
        from.read(store, usize::MAX)?;
        Poll::Ready(Ok(StreamState::Open))
    }

    fn closed(self, closed: Closed) {
        let what = format!("{closed:?}");
        self.0.with(|mut access| access.data_mut().push(what));
    }
}

#[test]
fn who_is_told_of_the_end_can_use_the_store() -> Result<()> {
    let (mut store, instance) = guest()?;
    let count = instance.get_typed_func::<(u32,), (StreamReader<String>,)>(&mut store, "count")?;
    block_on(store.run_concurrent(|accessor| async move {
        let (stream,) = count.call_concurrent(accessor, (3,)).await?;
        accessor.with(|access| stream.pipe(access, NotingEnd(*accessor)))?;
        yields(20).await;
        anyhow::Ok(())
    }))??;
    assert_eq!(store.data(), &["Dropped"]);
    Ok(())
}

#[test]
fn futures_pass_values_both_ways() -> Result<()> {
    let (mut store, instance) = guest()?;
    let next = instance.get_typed_func::<(FutureReader<u32>,), (u32,)>(&mut store, "next")?;
    let ready = FutureReader::new(&mut store, async { Ok(7) })?;
    assert_eq!(next.call(&mut store, (ready,))?, (7,));

    let mut polls = 0;
    let later = std::future::poll_fn(move |cx: &mut Context<'_>| {
        polls += 1;
        cx.waker().wake_by_ref();
        match polls {
            3 => Poll::Ready(Ok(9)),
            _ => Poll::Pending,
        }
    });
    let later = FutureReader::new(&mut store, later)?;
    assert_eq!(block_on(next.call_async(&mut store, (later,)))?, (9,));

    let double = instance.get_typed_func::<(u32,), (FutureReader<u32>,)>(&mut store, "double")?;
    let (doubled,) = double.call(&mut store, (21,))?;
    doubled.pipe(&mut store, |mut store, value| {
        store.data_mut().push(format!("{value:?}"));
        Ok(())
    })?;
    block_on(store.run_concurrent(|_| yields(20)))?;
    assert_eq!(store.data(), &["Some(42)"]);
    Ok(())
}

#[test]
fn a_future_that_fails_fails_who_reads_it() -> Result<()> {
    let (mut store, instance) = guest()?;
    let next = instance.get_typed_func::<(FutureReader<u32>,), (u32,)>(&mut store, "next")?;
    let failing = FutureReader::<u32>::new(&mut store, async { anyhow::bail!("no number") })?;
    let error = next.call(&mut store, (failing,)).unwrap_err();
    assert!(format!("{error:?}").contains("no number"), "{error:?}");
    let ready = FutureReader::new(&mut store, async { Ok(0) })?;
    let error = next.call(&mut store, (ready,)).unwrap_err();
    assert!(format!("{error:?}").contains("cannot enter"), "{error:?}");
    Ok(())
}

#[test]
fn a_future_that_fails_later_fails_the_call_that_waits_for_it_and_no_other() -> Result<()> {
    let engine = Engine::default();
    let component = Component::new(&engine, GUEST)?;
    let mut store = Store::new(&engine, Vec::<String>::new());
    let linker = Linker::new(&engine);
    let instances = [
        linker.instantiate(&mut store, &component)?,
        linker.instantiate(&mut store, &component)?,
    ];
    let [bad, good] =
        instances.map(|it| it.get_typed_func::<(FutureReader<u32>,), (u32,)>(&mut store, "next"));
    let (bad, good) = (bad?, good?);
    let failing = FutureReader::<u32>::new(&mut store, async {
        yields(3).await;
        anyhow::bail!("no number")
    })?;
    let late = FutureReader::new(&mut store, async {
        yields(9).await;
        Ok(9)
    })?;
    block_on(store.run_concurrent(async |accessor| {
        let other = good.call_concurrent(accessor, (late,));
        let error = bad.call_concurrent(accessor, (failing,)).await;
        assert_eq!(error.unwrap_err().to_string(), "no number");
        assert_eq!(other.await.unwrap(), (9,));
    }))?;
    let ready = FutureReader::new(&mut store, async { Ok(0) })?;
    let error = block_on(bad.call_async(&mut store, (ready,))).unwrap_err();
    assert!(format!("{error:?}").contains("cannot enter"), "{error:?}");
    Ok(())
}

/// Writes bytes where they are to be.
struct InPlace;

impl<D: 'static> StreamProducer<D> for InPlace {
    type Item = u8;

    fn poll_produce(
        &mut self,
        _: &mut Context<'_>,
        store: StoreContextMut<'_, D>,
        mut to: Destination<u8>,
    ) -> Poll<Result<StreamState>> {
        let room = to.write_with(store, |bytes| {
            bytes[..3].copy_from_slice(&[1, 2, 3]);
            (3, bytes.len())
        })?;
        assert_eq!(room, Some(8));
        Poll::Ready(Ok(StreamState::Done))
    }
}

#[test]
fn bytes_can_be_written_in_place() -> Result<()> {
    let (mut store, instance) = guest()?;
    let sum = instance.get_typed_func::<(StreamReader<u8>,), (u32,)>(&mut store, "sum")?;
    let stream = StreamReader::new(&mut store, InPlace)?;
    assert_eq!(sum.call(&mut store, (stream,))?, (6,));
    Ok(())
}

#[test]
fn ends_go_through_dynamic_calls_and_are_given_away_once() -> Result<()> {
    let (mut store, instance) = guest()?;
    let stream = StreamReader::from_vec(&mut store, vec![1u8, 2, 3])?.into_any();
    let pass = instance.get_func(&mut store, "pass").unwrap();
    let sum = instance.get_func(&mut store, "sum").unwrap();
    let mut passed = [Val::Bool(false)];
    pass.call(&mut store, &[Val::Stream(stream)], &mut passed)?;
    let [Val::Stream(passed)] = passed else {
        panic!("{passed:?}");
    };
    let mut result = [Val::Bool(false)];
    sum.call(&mut store, &[Val::Stream(passed)], &mut result)?;
    assert_eq!(result, [Val::U32(6)]);
    let error = sum
        .call(&mut store, &[Val::Stream(passed)], &mut result)
        .unwrap_err();
    assert!(
        format!("{error:?}").contains("dropped or given away"),
        "{error:?}"
    );
    Ok(())
}

#[test]
fn elements_must_be_of_the_right_type() -> Result<()> {
    let (mut store, instance) = guest()?;
    let error = instance
        .get_typed_func::<(StreamReader<u16>,), (u32,)>(&mut store, "sum")
        .unwrap_err();
    assert!(
        format!("{error:?}").contains("`stream` elements"),
        "{error:?}"
    );
    let sum = instance.get_func(&mut store, "sum").unwrap();
    let wrong: StreamAny = StreamReader::from_vec(&mut store, vec![1u16])?.into_any();
    let error = sum
        .call(&mut store, &[Val::Stream(wrong)], &mut [Val::Bool(false)])
        .unwrap_err();
    assert!(format!("{error:?}").contains("`stream<u8>`"), "{error:?}");
    Ok(())
}

#[test]
fn who_produces_for_a_guest_that_traps_is_told() -> Result<()> {
    let (mut store, instance) = guest()?;
    let trap = instance.get_typed_func::<(StreamReader<u8>,), ()>(&mut store, "trap")?;
    let (sender, stream) = StreamReader::channel(&mut store, 2)?;
    trap.call(&mut store, (stream,)).unwrap_err();
    assert!(sender.is_closed());
    Ok(())
}

#[test]
fn a_plain_call_cannot_wait_for_what_is_sent() -> Result<()> {
    let (mut store, instance) = guest()?;
    let sum = instance.get_typed_func::<(StreamReader<u8>,), (u32,)>(&mut store, "sum")?;
    let (sender, bytes) = StreamReader::channel(&mut store, 1)?;
    let error = sum.call(&mut store, (bytes,)).unwrap_err();
    assert!(format!("{error:?}").contains("can't wait"), "{error:?}");
    drop(sender);
    Ok(())
}

#[test]
fn a_stream_that_the_host_keeps_keeps_nobody_else_from_going_on() -> Result<()> {
    let (mut store, instance) = guest()?;
    let count = instance.get_typed_func::<(u32,), (StreamReader<String>,)>(&mut store, "count")?;
    let sum = instance.get_typed_func::<(StreamReader<u8>,), (u32,)>(&mut store, "sum")?;
    let (kept,) = count.call(&mut store, (1,))?;
    let (sender, bytes) = StreamReader::channel(&mut store, 1)?;
    drop(sender);
    // The other guest thread waits for ever, which is no business of this call's.
    assert_eq!(sum.call(&mut store, (bytes,))?, (0,));
    kept.close(&mut store)?;
    Ok(())
}
