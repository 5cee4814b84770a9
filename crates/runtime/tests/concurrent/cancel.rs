//! Cancellation, of the host by guests and of guests by the host.

use crate::setup::{Alive, Gate, block_on, func, hub, poll_once, yields};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::task::Poll;
use threadline::component::{Cancelled, Component, ConcurrencyCounts, Linker};
use threadline::{Engine, Store};

const RETURNED: u32 = 2;
const CANCELLED: u32 = 4;

#[test]
fn the_future_of_a_cancelled_function_is_dropped() {
    let alive = Alive::default();
    let (mut store, hub) = hub({
        let alive = alive.clone();
        move |_, n| {
            let guard = alive.guard();
            async move {
                let _guard = guard;
                yields(n).await;
                Ok(n)
            }
        }
    });
    let cancelled = func(&mut store, &hub, "cancelled");
    let result = block_on(cancelled.call_async(&mut store, (u32::MAX,)));
    assert_eq!(result.unwrap(), (CANCELLED,));
    assert_eq!(alive.count(), 0);
    // One that has returned by then has returned.
    let result = block_on(cancelled.call_async(&mut store, (1,)));
    assert_eq!(result.unwrap(), (RETURNED + 16,));
    assert_eq!(store.concurrency_counts(), ConcurrencyCounts::default());
}

#[test]
fn a_function_may_see_to_its_cancellation_itself() {
    let (mut store, hub) = hub(|accessor, n| async move {
        accessor.cancelled().await;
        match n {
            // It has a result all the same.
            0 => Ok(5),
            1 => Err(Cancelled.into()),
            // It takes some time.
            2 => {
                yields(4).await;
                Ok(6)
            }
            _ => {
                yields(4).await;
                Err(Cancelled.into())
            }
        }
    });
    let cancelled = func(&mut store, &hub, "cancelled");
    for (n, expected) in [
        (0, RETURNED + 16 * 5),
        // The result of the call before is there still.
        (1, CANCELLED + 16 * 5),
        (2, RETURNED + 16 * 6),
        (3, CANCELLED + 16 * 6),
    ] {
        let result = block_on(cancelled.call_async(&mut store, (n,)));
        assert_eq!(result.unwrap(), (expected,), "{n}");
    }
    let cancelled = func(&mut store, &hub, "cancelled-async");
    for (n, expected) in [(2, RETURNED + 16 * 6), (3, CANCELLED + 16 * 6)] {
        let result = block_on(cancelled.call_async(&mut store, (n,)));
        assert_eq!(result.unwrap(), (expected,), "{n}");
    }
    assert_eq!(store.concurrency_counts(), ConcurrencyCounts::default());
}

#[test]
fn who_says_it_was_cancelled_must_have_been() {
    let (mut store, hub) = hub(|_, _| async move {
        yields(1).await;
        Err(Cancelled.into())
    });
    let one = func(&mut store, &hub, "one");
    let error = block_on(one.call_async(&mut store, (1,))).unwrap_err();
    assert!(error.is::<Cancelled>());
    assert!(
        block_on(one.call_async(&mut store, (1,))).is_err(),
        "locked"
    );
}

#[test]
fn calls_that_have_not_begun_are_forgotten() {
    let calls = Arc::new(AtomicU32::new(0));
    let gate = Gate::default();
    let (mut store, hub) = hub({
        let (calls, gate) = (calls.clone(), gate.clone());
        move |_, n| {
            calls.fetch_add(1, Ordering::SeqCst);
            let gate = gate.clone();
            async move {
                gate.wait().await;
                Ok(n)
            }
        }
    });
    let one = func(&mut store, &hub, "one");
    block_on(store.run_concurrent(|accessor| async move {
        // Dropped before it was queued in earnest.
        drop(one.call_concurrent(accessor, (0,)));
        let first = one.call_concurrent(accessor, (1,));
        // These have to wait for the first to leave.
        let (second, third) = (
            one.call_concurrent(accessor, (2,)),
            one.call_concurrent(accessor, (3,)),
        );
        yields(8).await;
        let canceller = second.canceller().unwrap();
        canceller.cancel();
        assert!(second.await.unwrap_err().is::<Cancelled>());
        // Too late.
        canceller.cancel();
        drop(third);
        gate.open();
        assert_eq!(first.await.unwrap(), (1,));
        yields(2).await;
    }))
    .unwrap();
    assert_eq!(calls.load(Ordering::SeqCst), 1);
    assert_eq!(store.concurrency_counts(), ConcurrencyCounts::default());
}

/// Calls of `next` wait to enter from `close` to `open`, which yields after that: threads that have entered
/// run, before its own goes on. `opens` is told how many of them did.
const GATED: &str = r#"(component
    (core func $inc (canon backpressure.inc))
    (core func $dec (canon backpressure.dec))
    (core func $yield (canon thread.yield))
    (core func $index (canon thread.index))
    (core module $m
        (import "" "inc" (func $inc))
        (import "" "dec" (func $dec))
        (import "" "yield" (func $yield (result i32)))
        (import "" "index" (func $index (result i32)))
        (global $started (mut i32) (i32.const 0))
        (func (export "close") (call $inc))
        (func (export "open") (result i32)
            (drop (call $index))
            (call $dec)
            (drop (call $yield))
            (global.get $started))
        (func (export "next") (param i32)
            (global.set $started (i32.add (global.get $started) (local.get 0)))))
    (core instance $i (instantiate $m (with "" (instance
        (export "inc" (func $inc)) (export "dec" (func $dec)) (export "yield" (func $yield))
        (export "index" (func $index))))))
    (func (export "close") (canon lift (core func $i "close")))
    (func (export "open") (result u32) (canon lift (core func $i "open")))
    (func (export "next") async (param "n" u32) (canon lift (core func $i "next")))
)"#;

#[test]
fn a_call_that_waits_to_enter_never_starts_once_it_is_dropped() {
    let engine = Engine::default();
    let component = Component::new(&engine, GATED).unwrap();
    let mut store = Store::new(&engine, ());
    let instance = Linker::new(&engine)
        .instantiate(&mut store, &component)
        .unwrap();
    let close = instance
        .get_typed_func::<(), ()>(&mut store, "close")
        .unwrap();
    let open = instance
        .get_typed_func::<(), (u32,)>(&mut store, "open")
        .unwrap();
    let next = instance
        .get_typed_func::<(u32,), ()>(&mut store, "next")
        .unwrap();
    close.call(&mut store, ()).unwrap();
    let mut call = Box::pin(next.call_async(&mut store, (1,)));
    // Nothing can let it enter now.
    assert!(!matches!(poll_once(&mut call), Poll::Ready(Ok(()))));
    drop(call);
    assert_eq!(open.call(&mut store, ()).unwrap(), (0,));
    assert_eq!(store.concurrency_counts(), ConcurrencyCounts::default());

    block_on(store.run_concurrent(|accessor| async move {
        accessor.with(|store| close.call(store, ())).unwrap();
        let call = next.call_concurrent(accessor, (1,));
        yields(2).await;
        drop(call);
        let started = accessor.with(|store| open.call(store, ()));
        assert_eq!(started.unwrap(), (0,));
        yields(2).await;
        accessor.with(|store| close.call(store, ())).unwrap();
        let started = accessor.with(|store| open.call(store, ()));
        assert_eq!(started.unwrap(), (0,));
    }))
    .unwrap();
    assert_eq!(store.concurrency_counts(), ConcurrencyCounts::default());
}

#[test]
fn a_call_that_was_dropped_goes_on_if_the_guest_does_not_care() {
    let gate = Gate::default();
    let (mut store, hub) = hub({
        let gate = gate.clone();
        move |_, n| {
            let gate = gate.clone();
            async move {
                gate.wait().await;
                Ok(n)
            }
        }
    });
    let stackful = func(&mut store, &hub, "stackful");
    let mut call = Box::pin(stackful.call_async(&mut store, (1,)));
    assert!(poll_once(&mut call).is_pending());
    drop(call);
    gate.open();
    block_on(store.run_concurrent(|accessor| async move {
        let call = stackful.call_concurrent(accessor, (2,));
        yields(2).await;
        drop(call);
        yields(8).await;
    }))
    .unwrap();
    assert_eq!(store.concurrency_counts(), ConcurrencyCounts::default());
}

/// Waits for ever, unless it is cancelled; then it says so, or (with 1) returns 7.
const PATIENT: &str = r#"(component
    (core module $libc (memory (export "memory") 1))
    (core instance $libc (instantiate $libc))
    (core func $return (canon task.return (result u32)))
    (core func $cancel (canon task.cancel))
    (core func $set-new (canon waitable-set.new))
    (core func $set (canon context.set i32 0))
    (core func $get (canon context.get i32 0))
    (core module $m
        (import "" "return" (func $return (param i32)))
        (import "" "cancel" (func $cancel))
        (import "" "set-new" (func $set-new (result i32)))
        (import "" "set" (func $set (param i32)))
        (import "" "get" (func $get (result i32)))
        (func (export "patient") (param i32) (result i32)
            (call $set (local.get 0))
            (i32.or (i32.const 2) (i32.shl (call $set-new) (i32.const 4))))
        (func (export "cb") (param i32 i32 i32) (result i32)
            (if (i32.ne (local.get 0) (i32.const 6)) (then unreachable))
            (if (call $get)
                (then (call $return (i32.const 7)))
                (else (call $cancel)))
            (i32.const 0)))
    (core instance $i (instantiate $m (with "" (instance
        (export "return" (func $return)) (export "cancel" (func $cancel))
        (export "set-new" (func $set-new)) (export "set" (func $set)) (export "get" (func $get))))))
    (func (export "patient") async (param "n" u32) (result u32)
        (canon lift (core func $i "patient") async (callback (core func $i "cb"))))
)"#;

#[test]
fn guests_are_asked_to_cancel_calls() {
    let engine = Engine::default();
    let component = Component::new(&engine, PATIENT).unwrap();
    let mut store = Store::new(&engine, ());
    let instance = Linker::new(&engine)
        .instantiate(&mut store, &component)
        .unwrap();
    let patient = instance
        .get_typed_func::<(u32,), (u32,)>(&mut store, "patient")
        .unwrap();
    block_on(store.run_concurrent(|accessor| async move {
        let (first, second, third) = (
            patient.call_concurrent(accessor, (0,)),
            patient.call_concurrent(accessor, (1,)),
            patient.call_concurrent(accessor, (0,)),
        );
        yields(4).await;
        first.canceller().unwrap().cancel();
        second.canceller().unwrap().cancel();
        drop(third);
        assert!(first.await.unwrap_err().is::<Cancelled>());
        assert_eq!(second.await.unwrap(), (7,));
    }))
    .unwrap();
    block_on(store.run_concurrent(|_| yields(2))).unwrap();
    let counts = store.concurrency_counts();
    assert_eq!((counts.tasks, counts.host_calls), (0, 0));
}
