//! Rows A2 to A4, half of A8, and R4: what guests call and read of the host, the same component on
//! both sides. The host's functions are defined for all components of this program.

use crate::async_calls::IN_FLIGHT;
use crate::calls::{Row, measure_rows};
use crate::host_boundary::Measured;
use crate::{Engines, Runner};
use anyhow::Result;
use std::pin::Pin;
use std::sync::atomic::{AtomicU32, Ordering};
use std::task::{Context, Poll};

/// Bytes in a large chunk.
const CHUNK: u32 = 64 << 10;
/// What the host writes.
static BYTES: [u8; CHUNK as usize] = [b'x'; CHUNK as usize];

/// Measures the rows whose names contain `filter`.
pub(crate) fn measure(engines: &Engines, filter: Option<&str>) -> Result<Vec<Measured>> {
    measure_rows(engines, rows(), filter)
}

pub(crate) fn rows() -> Vec<Row> {
    let row = |id, name, target, calls, component, expected| Row {
        id,
        name,
        target,
        calls,
        component,
        expected,
        call: Runner::call_async,
    };
    vec![
        row(
            "A2",
            "guest calls host, async, ready at once",
            20.0,
            10_000,
            caller("ready", HAS_RETURNED),
            |n| n,
        ),
        row(
            "A3",
            "guest calls host, pending, sync-lowered",
            120.0,
            5_000,
            caller("pending", BLOCKS),
            |n| n,
        ),
        row(
            "A4",
            "guest calls host, pending, waits in a set",
            200.0,
            5_000,
            caller("pending", WAITS),
            |n| n,
        ),
        row(
            "A8",
            "10,000 subtasks of the host in flight: each",
            250.0,
            IN_FLIGHT,
            caller("counted", &in_flight()),
            |n| n,
        ),
        row(
            "R4",
            "stream<u8> host to guest, chunk of 64 kB (87 GB/s)",
            753.0,
            5_000,
            reader(CHUNK),
            |n| n * CHUNK,
        ),
        row(
            "R4",
            "stream<u8> host to guest, 1 byte",
            25.0,
            20_000,
            reader(1),
            |n| n,
        ),
    ]
}

/// Is pending once, and then ready.
#[derive(Default)]
struct Once {
    polled: bool,
}

impl Future for Once {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        if std::mem::replace(&mut self.polled, true) {
            return Poll::Ready(());
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }
}

/// How many calls of `counted` are being made, and have been at most.
#[derive(Default)]
struct Count {
    now: AtomicU32,
    most: AtomicU32,
}

impl Count {
    /// Is pending once, and gives the most.
    async fn count(&self) -> u32 {
        let now = self.now.fetch_add(1, Ordering::Relaxed) + 1;
        self.most.fetch_max(now, Ordering::Relaxed);
        Once::default().await;
        self.now.fetch_sub(1, Ordering::Relaxed);
        self.most.load(Ordering::Relaxed)
    }
}

/// A stream of `x` without an end.
struct Endless;

impl<T: 'static> threadline::component::StreamProducer<T> for Endless {
    type Item = u8;

    fn poll_produce(
        &mut self,
        _: &mut Context<'_>,
        store: threadline::StoreContextMut<'_, T>,
        mut to: threadline::component::Destination<u8>,
    ) -> Poll<Result<threadline::component::StreamState>> {
        to.write_with(store, |bytes| {
            bytes.copy_from_slice(&BYTES[..bytes.len()]);
            (bytes.len(), ())
        })?;
        Poll::Ready(Ok(threadline::component::StreamState::Open))
    }
}

impl wasmtime::component::StreamProducer<()> for Endless {
    type Item = u8;
    type Buffer = Option<u8>;

    fn poll_produce<'a>(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        store: wasmtime::StoreContextMut<'a, ()>,
        to: wasmtime::component::Destination<'a, u8, Option<u8>>,
        _: bool,
    ) -> Poll<wasmtime::Result<wasmtime::component::StreamResult>> {
        let mut to = to.as_direct(store, BYTES.len());
        let bytes = to.remaining();
        let count = bytes.len();
        bytes.copy_from_slice(&BYTES[..count]);
        to.mark_written(count);
        Poll::Ready(Ok(wasmtime::component::StreamResult::Completed))
    }
}

/// Defines the host's functions on our side.
pub(crate) fn define_ours(
    linker: &mut threadline::component::Linker<threadline::StoreLimits>,
) -> Result<()> {
    use threadline::component::StreamReader;
    let mut root = linker.root();
    root.func_wrap_concurrent("ready", |_, (n,): (u32,)| async move { Ok((n + 1,)) })?;
    root.func_wrap_concurrent("pending", |_, (n,): (u32,)| async move {
        Once::default().await;
        Ok((n + 1,))
    })?;
    let count = std::sync::Arc::<Count>::default();
    root.func_wrap_concurrent("counted", move |_, (_,): (u32,)| {
        let count = count.clone();
        async move { Ok((count.count().await,)) }
    })?;
    root.func_wrap(
        "open",
        |store: threadline::StoreContextMut<'_, threadline::StoreLimits>, (): ()| {
            Ok((StreamReader::new(store, Endless)?,))
        },
    )?;
    Ok(())
}

/// Defines them on the peer's.
pub(crate) fn define_peer(linker: &mut wasmtime::component::Linker<()>) -> wasmtime::Result<()> {
    use wasmtime::component::StreamReader;
    let mut root = linker.root();
    root.func_wrap_concurrent("ready", |_, (n,): (u32,)| {
        Box::pin(async move { Ok((n + 1,)) })
    })?;
    root.func_wrap_concurrent("pending", |_, (n,): (u32,)| {
        Box::pin(async move {
            Once::default().await;
            Ok((n + 1,))
        })
    })?;
    let count = std::sync::Arc::<Count>::default();
    root.func_wrap_concurrent("counted", move |_, (_,): (u32,)| {
        let count = count.clone();
        Box::pin(async move { Ok((count.count().await,)) })
    })?;
    root.func_wrap(
        "open",
        |store: wasmtime::StoreContextMut<'_, ()>, (): ()| {
            Ok((StreamReader::new(store, Endless)?,))
        },
    )?;
    Ok(())
}

/// A component that calls one of the host's functions `$n` times and returns `$sum`.
fn caller(import: &str, each: &str) -> String {
    format!(
        r#"(component
    (import "{import}" (func $f async (param "n" u32) (result u32)))
    (core module $memory (memory (export "m") 1))
    (core instance $memory (instantiate $memory))
    (canon lower (func $f) async (memory (core memory $memory "m")) (core func $async))
    (canon lower (func $f) (core func $sync))
    (canon waitable-set.new (core func $set-new))
    (canon waitable.join (core func $join))
    (canon waitable-set.wait (memory (core memory $memory "m")) (core func $wait))
    (canon subtask.drop (core func $drop))
    (core module $m
        (import "m" "m" (memory 1))
        (import "" "async" (func $f (param i32 i32) (result i32)))
        (import "" "sync" (func $sync (param i32) (result i32)))
        (import "" "set-new" (func $set-new (result i32)))
        (import "" "join" (func $join (param i32 i32)))
        (import "" "wait" (func $wait (param i32 i32) (result i32)))
        (import "" "drop" (func $drop (param i32)))
        (global $waitables (mut i32) (i32.const 0))
        (func $join-started (param $packed i32)
            (if (i32.ne (i32.and (local.get $packed) (i32.const 15)) (i32.const 1 (; STARTED ;)))
                (then unreachable))
            (call $join (i32.shr_u (local.get $packed) (i32.const 4)) (global.get $waitables)))
        (func $wait-for-one
            (if (i32.ne (call $wait (global.get $waitables) (i32.const 65528)) (i32.const 1 (; SUBTASK ;)))
                (then unreachable))
            (if (i32.ne (i32.load (i32.const 65532)) (i32.const 2 (; RETURNED ;))) (then unreachable))
            (call $drop (i32.load (i32.const 65528))))
        (func (export "run") (param $n i32) (result i32)
            (local $sum i32) (local $i i32)
            (if (i32.eqz (global.get $waitables))
                (then (global.set $waitables (call $set-new))))
            (loop $again
                {each}
                (br_if $again (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
            (local.get $sum)))
    (core instance $m (instantiate $m
        (with "m" (instance $memory))
        (with "" (instance
            (export "async" (func $async)) (export "sync" (func $sync))
            (export "set-new" (func $set-new)) (export "join" (func $join))
            (export "wait" (func $wait)) (export "drop" (func $drop))))))
    (func (export "run") async (param "n" u32) (result u32) (canon lift (core func $m "run"))))"#
    )
}

const HAS_RETURNED: &str = "
    (if (i32.ne (call $f (local.get $sum) (i32.const 16)) (i32.const 2 (; RETURNED ;)))
        (then unreachable))
    (local.set $sum (i32.load (i32.const 16)))";

const BLOCKS: &str = "(local.set $sum (call $sync (local.get $sum)))";

const WAITS: &str = "
    (call $join-started (call $f (local.get $sum) (i32.const 16)))
    (call $wait-for-one)
    (local.set $sum (i32.load (i32.const 16)))";

/// Makes so many calls, then waits for all; counts those that were in flight with all others.
fn in_flight() -> String {
    format!(
        "(call $join-started
            (call $f (i32.const 0) (i32.mul (local.get $i) (i32.const 4))))
        (local.set $i (i32.add (local.get $i) (i32.const 1)))
        (if (i32.eq (local.get $i) (i32.const {IN_FLIGHT}))
            (then
                (loop $wait
                    (call $wait-for-one)
                    (br_if $wait (local.tee $i (i32.sub (local.get $i) (i32.const 1)))))
                (loop $count
                    (local.set $sum (i32.add (local.get $sum)
                        (i32.eq
                            (i32.load (i32.mul (local.get $i) (i32.const 4)))
                            (i32.const {IN_FLIGHT}))))
                    (br_if $count (i32.lt_u
                        (local.tee $i (i32.add (local.get $i) (i32.const 1)))
                        (i32.const {IN_FLIGHT}))))))"
    )
}

/// A component that reads `$n` times so many bytes of a stream of the host, and returns how many
/// came.
fn reader(length: u32) -> String {
    format!(
        r#"(component
    (type $t (stream u8))
    (import "open" (func $open (result $t)))
    (core module $memory (memory (export "m") 2))
    (core instance $memory (instantiate $memory))
    (canon lower (func $open) (core func $open'))
    (canon stream.read $t (memory (core memory $memory "m")) (core func $read))
    (canon stream.drop-readable $t (core func $drop))
    (core module $m
        (import "m" "m" (memory 2))
        (import "" "open" (func $open (result i32)))
        (import "" "read" (func $read (param i32 i32 i32) (result i32)))
        (import "" "drop" (func $drop (param i32)))
        (func (export "run") (param $n i32) (result i32)
            (local $end i32) (local $packed i32) (local $sum i32)
            (local.set $end (call $open))
            (loop $again
                (i32.store8 (i32.const 64) (i32.const 0))
                (local.set $packed
                    (call $read (local.get $end) (i32.const 64) (i32.const {length})))
                (if (i32.and (local.get $packed) (i32.const 15)) (then unreachable))
                (if (i32.ne (i32.load8_u (i32.const 64)) (i32.const 120 (; x ;)))
                    (then unreachable))
                (local.set $sum (i32.add (local.get $sum)
                    (i32.shr_u (local.get $packed) (i32.const 4))))
                (br_if $again (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
            (call $drop (local.get $end))
            (local.get $sum)))
    (core instance $m (instantiate $m
        (with "m" (instance $memory))
        (with "" (instance
            (export "open" (func $open')) (export "read" (func $read))
            (export "drop" (func $drop))))))
    (func (export "run") async (param "n" u32) (result u32) (canon lift (core func $m "run"))))"#
    )
}
