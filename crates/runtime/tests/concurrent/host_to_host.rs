//! Streams and futures both of whose ends are the host's: made so, given back by a guest, or forwarded
//! by one.

use super::setup::{block_on, yields};
use anyhow::{Result, bail};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use threadline::component::{
    Closed, Component, Destination, FutureReader, Instance, Linker, Source, StreamConsumer,
    StreamProducer, StreamReader, StreamState, TypedFunc,
};
use threadline::{Engine, Store, StoreContextMut};

/// `pass` gives back a stream, `forward` gives another one to which it forwards that, after having
/// returned; `…-texts` are the same for strings.
const GUEST: &str = r#"(component
    (core module $Memory (memory (export "memory") 1)
        (func (export "realloc") (param i32 i32 i32 i32) (result i32) unreachable))
    (core instance $memory (instantiate $Memory))
    (alias core export $memory "memory" (core memory $m))
    (alias core export $memory "realloc" (core func $realloc))
    (canon thread.yield (core func $yield))
    (core module $M
        (import "" "new" (func $new (result i64)))
        (import "" "forward" (func $forward (param i32 i32)))
        (import "" "return" (func $return (param i32)))
        (import "" "yield" (func $yield (result i32)))
        (func (export "forward") (param $from i32) (local $ends i64)
            (local.set $ends (call $new))
            (call $return (i32.wrap_i64 (local.get $ends)))
            (drop (call $yield))
            (call $forward (local.get $from)
                (i32.wrap_i64 (i64.shr_u (local.get $ends) (i64.const 32)))))
        (func (export "pass") (param i32) (result i32) (local.get 0)))

    (type $bytes (stream u8))
    (canon stream.new $bytes (core func $new))
    (canon stream.forward $bytes (core func $forward))
    (canon task.return (result $bytes) (core func $return))
    (core instance $i (instantiate $M (with "" (instance
        (export "new" (func $new)) (export "forward" (func $forward))
        (export "return" (func $return)) (export "yield" (func $yield))))))
    (func (export "forward") async (param "s" $bytes) (result $bytes)
        (canon lift (core func $i "forward") async))
    (func (export "pass") (param "s" $bytes) (result $bytes) (canon lift (core func $i "pass")))

    (type $texts (stream string))
    (canon stream.new $texts (core func $new-texts))
    (canon stream.forward $texts (core func $forward-texts))
    (canon task.return (result $texts) (core func $return-texts))
    (core instance $j (instantiate $M (with "" (instance
        (export "new" (func $new-texts)) (export "forward" (func $forward-texts))
        (export "return" (func $return-texts)) (export "yield" (func $yield))))))
    (func (export "forward-texts") async (param "s" $texts) (result $texts)
        (canon lift (core func $j "forward") async (memory $m) (realloc $realloc)))
    (func (export "pass-texts") (param "s" $texts) (result $texts)
        (canon lift (core func $j "pass") (memory $m) (realloc $realloc))))"#;

fn guest() -> Result<(Store<()>, Instance)> {
    let engine = Engine::default();
    let component = Component::new(&engine, GUEST)?;
    let mut store = Store::new(&engine, ());
    let instance = Linker::new(&engine).instantiate(&mut store, &component)?;
    Ok((store, instance))
}

fn store() -> Store<()> {
    Store::new(&Engine::default(), ())
}

/// Turns a store so long that whatever goes on there by itself has ended.
fn turn(store: &mut Store<()>) -> Result<()> {
    block_on(store.run_concurrent(|_| yields(200)))
}

/// How a stream ended, for who reads or writes it.
type End = Arc<Mutex<Option<Closed>>>;

/// Keeps what it reads, so much at once at most, and so much in all.
struct Keeping<T> {
    kept: Arc<Mutex<Vec<T>>>,
    at_once: usize,
    most: usize,
    end: End,
}

impl<T> Keeping<T> {
    fn new(at_once: usize, most: usize) -> (Keeping<T>, Arc<Mutex<Vec<T>>>, End) {
        let (kept, end) = (Arc::default(), End::default());
        let keeping = Keeping {
            kept: Arc::clone(&kept),
            at_once,
            most,
            end: Arc::clone(&end),
        };
        (keeping, kept, end)
    }
}

impl<T: threadline::component::Lift + Send + 'static> StreamConsumer<()> for Keeping<T> {
    type Item = T;

    fn poll_consume(
        &mut self,
        _: &mut Context<'_>,
        mut store: StoreContextMut<'_, ()>,
        mut from: Source<T>,
    ) -> Poll<Result<StreamState>> {
        assert!(from.remaining(&store) > 0);
        let mut kept = self.kept.lock().unwrap();
        let wanted = self.at_once.min(self.most - kept.len());
        kept.extend(from.read(&mut store, wanted)?);
        Poll::Ready(Ok(match kept.len() < self.most {
            true => StreamState::Open,
            false => StreamState::Done,
        }))
    }

    fn closed(self, closed: Closed) {
        *self.end.lock().unwrap() = Some(closed);
    }
}

#[test]
fn a_consumer_gets_all_that_the_hosts_own_producer_writes() -> Result<()> {
    let mut store = store();
    for (length, at_once) in [(0, 1), (1, 1), (20, 3), (100_000, usize::MAX)] {
        let (keeping, kept, end) = Keeping::new(at_once, usize::MAX);
        StreamReader::from_iter(&mut store, 0..length)?.pipe(&mut store, keeping)?;
        turn(&mut store)?;
        assert!(
            kept.lock().unwrap().iter().copied().eq(0..length),
            "{length}"
        );
        assert_eq!(*end.lock().unwrap(), Some(Closed::Dropped), "{length}");
    }
    Ok(())
}

#[test]
fn elements_that_own_something_are_passed_on_and_streams_too() -> Result<()> {
    let mut store = store();
    let texts: Vec<String> = (0..10).map(|n| n.to_string()).collect();
    let reader = StreamReader::from_vec(&mut store, texts.clone())?;
    let (keeping, kept, _) = Keeping::new(4, usize::MAX);
    reader.pipe(&mut store, keeping)?;
    turn(&mut store)?;
    assert_eq!(*kept.lock().unwrap(), texts);

    let inner = StreamReader::from_vec(&mut store, vec![1u64, 2])?;
    let outer = StreamReader::from_vec(&mut store, vec![inner])?;
    let (keeping, kept, _) = Keeping::<StreamReader<u64>>::new(4, usize::MAX);
    outer.pipe(&mut store, keeping)?;
    turn(&mut store)?;
    let inner = kept.lock().unwrap().pop().unwrap();
    let (keeping, kept, _) = Keeping::new(4, usize::MAX);
    inner.pipe(&mut store, keeping)?;
    turn(&mut store)?;
    assert_eq!(*kept.lock().unwrap(), [1, 2]);
    Ok(())
}

#[test]
fn a_producer_is_not_ahead_by_more_than_a_bounded_number_of_elements() -> Result<()> {
    let mut store = store();
    let taken = Arc::new(AtomicUsize::new(0));
    let counting = Arc::clone(&taken);
    let endless = std::iter::repeat_with(move || counting.fetch_add(1, Ordering::SeqCst));
    let endless = endless.map(|n| n as u64);
    let mut receiver = StreamReader::from_iter(&mut store, endless)?.receive(&mut store, 2)?;
    turn(&mut store)?;
    let ahead = taken.load(Ordering::SeqCst);
    assert!(ahead <= 16 * 1024, "{ahead}");
    assert_eq!(receiver.try_next(), Some(0));
    // Whoever reads no more ends it.
    drop(receiver);
    turn(&mut store)?;
    turn(&mut store)?;
    assert_eq!(taken.load(Ordering::SeqCst), ahead);
    Ok(())
}

/// Writes bytes in place, or fails.
struct Bytes {
    left: u8,
    fails: bool,
    end: End,
}

impl StreamProducer<()> for Bytes {
    type Item = u8;

    fn poll_produce(
        &mut self,
        _: &mut Context<'_>,
        mut store: StoreContextMut<'_, ()>,
        mut to: Destination<u8>,
    ) -> Poll<Result<StreamState>> {
        if self.left == 0 {
            if self.fails {
                bail_poll("no bytes are left")?;
            }
            return Poll::Ready(Ok(StreamState::Done));
        }
        assert!(to.remaining(&store) > 2);
        let left = self.left;
        self.left -= 1;
        to.write_with(&mut store, |bytes| {
            bytes[0] = left;
            (1, ())
        })?;
        assert_eq!(to.write(store, &[0])?, 1);
        Poll::Ready(Ok(StreamState::Open))
    }

    fn closed(self, closed: Closed) {
        *self.end.lock().unwrap() = Some(closed);
    }
}

fn bail_poll(what: &'static str) -> Result<()> {
    bail!(what)
}

/// Adds up bytes where they are, or fails.
struct Adding {
    sum: Arc<AtomicUsize>,
    fails: bool,
}

impl StreamConsumer<()> for Adding {
    type Item = u8;

    fn poll_consume(
        &mut self,
        _: &mut Context<'_>,
        store: StoreContextMut<'_, ()>,
        mut from: Source<u8>,
    ) -> Poll<Result<StreamState>> {
        if self.fails {
            bail_poll("it adds no bytes")?;
        }
        let sum = from.read_with(store, |bytes| (1, usize::from(bytes[0])))?;
        self.sum.fetch_add(sum.unwrap(), Ordering::SeqCst);
        Poll::Ready(Ok(StreamState::Open))
    }
}

#[test]
fn bytes_are_written_and_read_in_place() -> Result<()> {
    let mut store = store();
    let (sum, end) = (Arc::new(AtomicUsize::new(0)), End::default());
    let bytes = Bytes {
        left: 10,
        fails: false,
        end,
    };
    let adding = Adding {
        sum: Arc::clone(&sum),
        fails: false,
    };
    StreamReader::new(&mut store, bytes)?.pipe(&mut store, adding)?;
    turn(&mut store)?;
    assert_eq!(sum.load(Ordering::SeqCst), 55);
    Ok(())
}

#[test]
fn who_fails_fails_who_turns_the_store_and_the_other_one_is_told() -> Result<()> {
    let mut store = store();
    let bytes = |left, end: &End| Bytes {
        left,
        fails: true,
        end: Arc::clone(end),
    };
    let (keeping, kept, end) = Keeping::new(9, usize::MAX);
    StreamReader::new(&mut store, bytes(2, &End::default()))?.pipe(&mut store, keeping)?;
    let error = turn(&mut store).unwrap_err();
    assert!(
        format!("{error:?}").contains("no bytes are left"),
        "{error:?}"
    );
    assert_eq!(*kept.lock().unwrap(), [2, 0, 1, 0]);
    assert_eq!(*end.lock().unwrap(), Some(Closed::Trapped));

    let end = End::default();
    let adding = Adding {
        sum: Arc::default(),
        fails: true,
    };
    let reader = StreamReader::new(&mut store, bytes(2, &end))?;
    let error = reader.pipe(&mut store, adding).unwrap_err();
    assert!(
        format!("{error:?}").contains("it adds no bytes"),
        "{error:?}"
    );
    assert_eq!(*end.lock().unwrap(), Some(Closed::Trapped));
    turn(&mut store)
}

#[test]
fn a_producer_is_told_when_the_consumer_is_done() -> Result<()> {
    let mut store = store();
    let end = End::default();
    let bytes = Bytes {
        left: 9,
        fails: true,
        end: Arc::clone(&end),
    };
    let (keeping, kept, _) = Keeping::new(1, 3);
    StreamReader::new(&mut store, bytes)?.pipe(&mut store, keeping)?;
    turn(&mut store)?;
    assert_eq!(*kept.lock().unwrap(), [9, 0, 8]);
    assert_eq!(*end.lock().unwrap(), Some(Closed::Dropped));
    Ok(())
}

#[test]
fn what_another_thread_sends_another_one_receives() -> Result<()> {
    let mut store = store();
    let (mut sender, reader) = StreamReader::channel(&mut store, 2)?;
    let mut receiver = reader.receive(&mut store, 3)?;
    let sending = std::thread::spawn(move || {
        for n in 0..100u16 {
            block_on(sender.send(n)).unwrap();
        }
    });
    let received = block_on(store.run_concurrent(|_| async move {
        let mut received = Vec::new();
        while let Some(n) = receiver.next().await {
            received.push(n);
        }
        received
    }))?;
    sending.join().unwrap();
    assert!(received.into_iter().eq(0..100));
    Ok(())
}

#[test]
fn a_future_of_the_hosts_is_read_by_the_host() -> Result<()> {
    let mut store = store();
    let value = Arc::new(Mutex::new(None));
    let taker = || {
        let value = Arc::clone(&value);
        move |_: StoreContextMut<'_, ()>, got: Option<String>| {
            *value.lock().unwrap() = Some(got);
            Ok(())
        }
    };
    let later = FutureReader::new(&mut store, async {
        yields(3).await;
        Ok("later".to_owned())
    })?;
    later.pipe(&mut store, taker())?;
    assert_eq!(*value.lock().unwrap(), None);
    turn(&mut store)?;
    assert_eq!(*value.lock().unwrap(), Some(Some("later".to_owned())));

    let failing = FutureReader::<String>::new(&mut store, async { bail!("no text") })?;
    let error = failing.pipe(&mut store, taker()).unwrap_err();
    assert!(format!("{error:?}").contains("no text"), "{error:?}");
    assert_eq!(*value.lock().unwrap(), Some(None));
    Ok(())
}

#[test]
fn a_stream_that_a_guest_gives_back_is_read_by_the_host_that_writes_it() -> Result<()> {
    let (mut store, instance) = guest()?;
    let pass =
        instance.get_typed_func::<(StreamReader<u8>,), (StreamReader<u8>,)>(&mut store, "pass")?;
    let reader = StreamReader::from_vec(&mut store, vec![1, 2, 3])?;
    let (reader,) = pass.call(&mut store, (reader,))?;
    let (keeping, kept, _) = Keeping::new(2, usize::MAX);
    reader.pipe(&mut store, keeping)?;
    turn(&mut store)?;
    assert_eq!(*kept.lock().unwrap(), [1u8, 2, 3]);
    Ok(())
}

#[test]
fn a_guest_joins_two_streams_of_the_hosts_before_or_after_they_are_read() -> Result<()> {
    let (mut store, instance) = guest()?;
    let forward = instance
        .get_typed_func::<(StreamReader<u8>,), (StreamReader<u8>,)>(&mut store, "forward")?;
    for reads_first in [true, false] {
        let reader = StreamReader::from_vec(&mut store, vec![1, 2, 3])?;
        let (keeping, kept, end) = Keeping::new(2, usize::MAX);
        let (reader,) = forward.call(&mut store, (reader,))?;
        if !reads_first {
            turn(&mut store)?;
        }
        reader.pipe(&mut store, keeping)?;
        turn(&mut store)?;
        assert_eq!(*kept.lock().unwrap(), [1u8, 2, 3], "{reads_first}");
        assert_eq!(*end.lock().unwrap(), Some(Closed::Dropped), "{reads_first}");
    }
    Ok(())
}

#[test]
fn what_is_written_as_one_of_rusts_types_is_not_read_as_another_one() -> Result<()> {
    let (mut store, instance) = guest()?;
    type Func = TypedFunc<(StreamReader<Arc<str>>,), (StreamReader<String>,)>;
    let texts = |store: &mut Store<()>| StreamReader::from_vec(store, vec![Arc::from("text")]);

    let pass: Func = instance.get_typed_func(&mut store, "pass-texts")?;
    let reader = texts(&mut store)?;
    let (reader,) = pass.call(&mut store, (reader,))?;
    let (keeping, kept, end) = Keeping::new(2, usize::MAX);
    let error = reader.pipe(&mut store, keeping).unwrap_err();
    assert!(format!("{error:?}").contains("would read"), "{error:?}");
    turn(&mut store)?;

    let forward: Func = instance.get_typed_func(&mut store, "forward-texts")?;
    let reader = texts(&mut store)?;
    let (reader,) = forward.call(&mut store, (reader,))?;
    let keeping = Keeping {
        end: Arc::clone(&end),
        ..Keeping::new(2, usize::MAX).0
    };
    reader.pipe(&mut store, keeping)?;
    // The guest that joins them is who fails.
    let error = turn(&mut store).unwrap_err();
    assert!(format!("{error:?}").contains("would read"), "{error:?}");
    assert!(kept.lock().unwrap().is_empty());
    assert_eq!(*end.lock().unwrap(), Some(Closed::Trapped));
    Ok(())
}

#[test]
fn two_that_never_end_keep_nobody_else_from_going_on() -> Result<()> {
    let (mut store, instance) = guest()?;
    let endless = StreamReader::from_iter(&mut store, std::iter::repeat(()))?;
    let (keeping, kept, _) = Keeping::new(1, usize::MAX);
    endless.pipe(&mut store, keeping)?;
    let forward = instance
        .get_typed_func::<(StreamReader<u8>,), (StreamReader<u8>,)>(&mut store, "forward")?;
    let reader = StreamReader::from_vec(&mut store, vec![1])?;
    let (reader,) = forward.call(&mut store, (reader,))?;
    reader.close(&mut store)?;
    turn(&mut store)?;
    assert!(kept.lock().unwrap().len() > 10);
    Ok(())
}
