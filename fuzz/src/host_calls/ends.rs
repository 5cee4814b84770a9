//! Streams and futures one or both of whose ends are the host's, with drivers that do anything: they wait, fail,
//! panic, call guests and are dropped.

use super::host::{World, act, fail};
use super::{provoked, told};
use anyhow::Result;
use std::sync::LazyLock;
use std::task::{Context, Poll};
use threadline::component::{
    Closed, Component, Destination, FutureReader, InstancePre, Linker, Source, StreamConsumer,
    StreamProducer, StreamReader, StreamState, TypedFunc,
};
use threadline::{AsContextMut, Engine, StoreContextMut};

/// `take` reads a stream for a while and drops it, `pass` gives it back, `trap` does neither.
const GUEST: &str = r#"(component
    (type $bytes (stream u8))
    (core module $libc (memory (export "memory") 1))
    (core instance $libc (instantiate $libc))
    (core func $read (canon stream.read $bytes (memory (core memory $libc "memory"))))
    (core func $drop (canon stream.drop-readable $bytes))
    (core module $m
        (import "" "read" (func $read (param i32 i32 i32) (result i32)))
        (import "" "drop" (func $drop (param i32)))
        (func (export "take") (param $bytes i32)
            (drop (call $read (local.get $bytes) (i32.const 0) (i32.const 3)))
            (drop (call $read (local.get $bytes) (i32.const 0) (i32.const 0)))
            (drop (call $read (local.get $bytes) (i32.const 0) (i32.const 300)))
            (call $drop (local.get $bytes)))
        (func (export "trap") (param $bytes i32)
            (drop (call $read (local.get $bytes) (i32.const 0) (i32.const 1)))
            unreachable)
        (func (export "pass") (param $bytes i32) (result i32) (local.get $bytes)))
    (core instance $i (instantiate $m (with "" (instance
        (export "read" (func $read)) (export "drop" (func $drop))))))
    (func (export "take") async (param "bytes" $bytes) (canon lift (core func $i "take")))
    (func (export "trap") async (param "bytes" $bytes) (canon lift (core func $i "trap")))
    (func (export "pass") async (param "bytes" $bytes) (result $bytes)
        (canon lift (core func $i "pass"))))"#;

/// The guest, for stores of an engine.
pub(crate) fn guest(engine: &Engine) -> InstancePre<World> {
    static COMPILED: LazyLock<(Engine, Component)> = LazyLock::new(|| {
        let engine = super::GUESTS[0].component().engine().clone();
        let component = Component::new(&engine, GUEST).unwrap();
        (engine, component)
    });
    assert!(
        Engine::same(engine, &COMPILED.0),
        "stores are of one engine"
    );
    Linker::new(engine).instantiate_pre(&COMPILED.1).unwrap()
}

/// A producer or consumer.
struct Wild;

/// Does what the input says, as a driver; whether it goes on, if it isn't to wait.
fn drive(cx: &Context<'_>, store: &mut StoreContextMut<'_, World>) -> Poll<Result<StreamState>> {
    let whim = store.data_mut().moves.byte();
    if let Err(error) = fail(whim) {
        return Poll::Ready(Err(error));
    }
    if whim & 1 == 0 && store.data().is_wild {
        act(store, whim / 2);
    }
    match whim / 64 {
        0 => {
            // One that always asks to be polled again is an endless loop of the host's own.
            if whim & 2 == 0 && !store.data().moves.is_empty() {
                cx.waker().wake_by_ref();
            }
            Poll::Pending
        }
        1 | 2 if !store.data().moves.is_empty() => Poll::Ready(Ok(StreamState::Open)),
        _ => Poll::Ready(Ok(StreamState::Done)),
    }
}

impl StreamProducer<World> for Wild {
    type Item = u8;

    fn poll_produce(
        &mut self,
        cx: &mut Context<'_>,
        mut store: StoreContextMut<'_, World>,
        mut to: Destination<u8>,
    ) -> Poll<Result<StreamState>> {
        let count = store.data_mut().moves.byte();
        to.write(&mut store, &vec![count; usize::from(count % 20)])?;
        let state = drive(cx, &mut store);
        if count.is_multiple_of(3) {
            to.write(&mut store, &[count; 2])?;
        }
        state
    }

    fn closed(self, _: Closed) {}
}

impl StreamConsumer<World> for Wild {
    type Item = u8;

    fn poll_consume(
        &mut self,
        cx: &mut Context<'_>,
        mut store: StoreContextMut<'_, World>,
        mut from: Source<u8>,
    ) -> Poll<Result<StreamState>> {
        let count = store.data_mut().moves.byte();
        from.read(&mut store, usize::from(count % 20))?;
        drive(cx, &mut store)
    }

    fn closed(self, _: Closed) {}
}

/// Makes a stream or a future, and has it read by the host or a guest.
pub(crate) fn use_ends(store: &mut StoreContextMut<'_, World>, kind: u8) {
    told(try_ends(store, kind));
}

fn try_ends(store: &mut StoreContextMut<'_, World>, kind: u8) -> Result<()> {
    if kind.is_multiple_of(8) {
        let reader = FutureReader::<u8>::new(store.as_context_mut(), async move {
            fail(kind)?;
            Ok(kind)
        })?;
        return reader.pipe(store, move |mut store: StoreContextMut<'_, World>, _| {
            act(&mut store, kind / 8);
            fail(kind / 2)
        });
    }
    let mut reader = StreamReader::new(store.as_context_mut(), Wild)?;
    if kind & 1 == 0 {
        return reader.pipe(store, Wild);
    }
    let guest = guest(store.engine());
    let Some(instance) = provoked(|| guest.instantiate(store.as_context_mut())) else {
        return Ok(());
    };
    let instance = instance?;
    if kind & 2 != 0 {
        type Pass = TypedFunc<(StreamReader<u8>,), (StreamReader<u8>,)>;
        let pass: Pass = instance.get_typed_func(&mut *store, "pass")?;
        (reader,) = pass.call(&mut *store, (reader,))?;
        if kind & 4 != 0 {
            return reader.pipe(store, Wild);
        }
    }
    let name = if kind & 16 == 0 { "take" } else { "trap" };
    let take: TypedFunc<(StreamReader<u8>,), ()> = instance.get_typed_func(&mut *store, name)?;
    let polls = usize::from(kind / 32);
    let mut call = Box::pin(take.call_async(store.as_context_mut(), (reader,)));
    super::host::poll_some(call.as_mut(), polls * 2, kind & 8 != 0).unwrap_or(Ok(()))
}
