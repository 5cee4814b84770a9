//! Asynchronous calls that are dropped or forgotten while the host is waited for, with tasks on the way.

use super::setup::{Gate, poll_once};
use std::mem;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::task::Poll;
use threadline::component::{Accessor, Component, Instance, Linker, TypedFunc};
use threadline::{ConcurrencyTrap, Engine, Store, StoreContextMut, Trap};

/// `Outer` makes no tasks, `Inner` does; a call of `through` goes from the one to the other, and a
/// call of `straight` to the latter only. Both wait for the host. `count` has its thread yield, and
/// counts its calls.
const GUEST: &str = r#"
(component
  (import "wait" (func $wait))
  (component $Inner
    (import "wait" (func $wait))
    (core func $wait' (canon lower (func $wait)))
    (core func $yield (canon thread.yield))
    (core func $index (canon thread.index))
    (core module $M
      (import "" "wait" (func $wait))
      (import "" "yield" (func $yield (result i32)))
      (import "" "index" (func $index (result i32)))
      (global $count (mut i32) (i32.const 0))
      (func (export "waits") (drop (call $index)) (call $wait))
      (func (export "counts") (result i32)
        (drop (call $yield))
        (global.set $count (i32.add (global.get $count) (i32.const 1)))
        (global.get $count)))
    (core instance $m (instantiate $M (with "" (instance
      (export "wait" (func $wait')) (export "yield" (func $yield))
      (export "index" (func $index))))))
    (func (export "waits") (canon lift (core func $m "waits")))
    (func (export "counts") async (result u32) (canon lift (core func $m "counts"))))
  (component $Outer
    (import "waits" (func $waits))
    (core func $waits' (canon lower (func $waits)))
    (core module $M
      (import "" "waits" (func $waits))
      (func (export "through") (call $waits)))
    (core instance $m (instantiate $M (with "" (instance (export "waits" (func $waits'))))))
    (func (export "through") (canon lift (core func $m "through"))))
  (instance $inner (instantiate $Inner (with "wait" (func $wait))))
  (instance $outer (instantiate $Outer (with "waits" (func $inner "waits"))))
  (export "straight" (func $inner "waits"))
  (export "through" (func $outer "through"))
  (export "count" (func $inner "counts")))
"#;

fn guests(gate: &Gate) -> (Store<()>, Instance, Instance) {
    let engine = Engine::default();
    let component = Component::new(&engine, GUEST).unwrap();
    let mut linker = Linker::new(&engine);
    let gate = gate.clone();
    linker
        .root()
        .func_wrap_async("wait", move |_: StoreContextMut<'_, ()>, (): ()| {
            let gate = gate.clone();
            Box::new(async move {
                gate.wait().await;
                Ok(())
            })
        })
        .unwrap();
    let mut store = Store::new(&engine, ());
    let first = linker.instantiate(&mut store, &component).unwrap();
    let second = linker.instantiate(&mut store, &component).unwrap();
    (store, first, second)
}

/// Begins a call, which waits for the host, and ends it otherwise than by waiting for it. The other
/// instance is none the wiser.
fn leaves(name: &str, leave: fn(&mut Store<()>, TypedFunc<(), ()>)) {
    let gate = Gate::default();
    let (mut store, left, other) = guests(&gate);
    let count: TypedFunc<(), (u32,)> = other.get_typed_func(&mut store, "count").unwrap();
    assert_eq!(count.call(&mut store, ()).unwrap(), (1,));
    let func: TypedFunc<(), ()> = left.get_typed_func(&mut store, name).unwrap();
    leave(&mut store, func);
    assert_eq!(count.call(&mut store, ()).unwrap(), (2,));
    gate.open();
    assert_eq!(count.call(&mut store, ()).unwrap(), (3,));
    let waits: TypedFunc<(), ()> = other.get_typed_func(&mut store, name).unwrap();
    super::setup::block_on(waits.call_async(&mut store, ())).unwrap();
    assert_eq!(count.call(&mut store, ()).unwrap(), (4,));
}

fn drops(store: &mut Store<()>, func: TypedFunc<(), ()>) {
    let mut call = Box::pin(func.call_async(store, ()));
    assert!(matches!(poll_once(&mut call), Poll::Pending));
    assert!(matches!(poll_once(&mut call), Poll::Pending));
}

fn forgets(store: &mut Store<()>, func: TypedFunc<(), ()>) {
    let mut call = Box::pin(func.call_async(store, ()));
    assert!(matches!(poll_once(&mut call), Poll::Pending));
    mem::forget(call);
}

#[test]
fn a_dropped_call_leaves_the_rest_of_the_store_as_it_was() {
    leaves("straight", drops);
    leaves("through", drops);
}

#[test]
fn so_does_a_forgotten_one() {
    leaves("straight", forgets);
    leaves("through", forgets);
}

#[test]
fn a_call_goes_on_where_it_was() {
    let gate = Gate::default();
    let (mut store, first, _) = guests(&gate);
    for name in ["straight", "through"] {
        gate.close();
        let func: TypedFunc<(), ()> = first.get_typed_func(&mut store, name).unwrap();
        let mut call = Box::pin(func.call_async(&mut store, ()));
        for _ in 0..3 {
            assert!(matches!(poll_once(&mut call), Poll::Pending));
        }
        gate.open();
        assert!(matches!(poll_once(&mut call), Poll::Ready(Ok(()))));
    }
}

/// All call the host, and `runs` traps then. `next` waits until `runs` is over: one at a time may be in the
/// instance. `outer` may be there beside them.
const DROPPED_WITHIN: &str = r#"
(component
  (import "within" (func $within (param "outer" bool)))
  (core func $within' (canon lower (func $within)))
  (core func $return (canon task.return))
  (core func $yield (canon thread.yield))
  (core module $M
    (import "" "within" (func $within (param i32)))
    (import "" "return" (func $return))
    (import "" "yield" (func $yield (result i32)))
    (func (export "outer") (call $within (i32.const 1)) (call $return))
    (func (export "runs") (call $within (i32.const 0)) unreachable)
    (func (export "next") (drop (call $yield))))
  (core instance $m (instantiate $M (with "" (instance
    (export "within" (func $within')) (export "return" (func $return))
    (export "yield" (func $yield))))))
  (func (export "outer") async (canon lift (core func $m "outer") async))
  (func (export "runs") async (canon lift (core func $m "runs")))
  (func (export "next") async (canon lift (core func $m "next"))))
"#;

type Instances = Option<[Instance; 2]>;

/// The host function: beside `outer` it has `runs` trap, and beside that begins calls and drops them.
fn within(mut store: StoreContextMut<'_, Instances>, is_outer: bool) -> anyhow::Result<()> {
    let [first, second] = store.data().unwrap();
    let next: TypedFunc<(), ()> = first.get_typed_func(&mut store, "next")?;
    if !is_outer {
        for _ in 0..3 {
            let mut call = Box::pin(next.call_async(&mut store, ()));
            // Nothing can let it enter now.
            assert!(!matches!(poll_once(&mut call), Poll::Ready(Ok(()))));
        }
        return Ok(());
    }
    let runs: TypedFunc<(), ()> = first.get_typed_func(&mut store, "runs")?;
    let error = super::setup::block_on(runs.call_async(&mut store, ())).unwrap_err();
    assert_eq!(error.downcast_ref(), Some(&Trap::Unreachable), "{error:?}");
    // What the host no longer wants is dealt with while another instance goes on.
    let other: TypedFunc<(), ()> = second.get_typed_func(&mut store, "next")?;
    super::setup::block_on(other.call_async(&mut store, ())).unwrap();
    let error = next.call(&mut store, ()).unwrap_err();
    let expected = Some(&ConcurrencyTrap::CannotEnterInstance);
    assert_eq!(error.downcast_ref(), expected, "{error:?}");
    Ok(())
}

#[test]
fn calls_that_wait_to_enter_and_are_dropped_end_with_the_instance_that_traps() {
    let engine = Engine::default();
    let component = Component::new(&engine, DROPPED_WITHIN).unwrap();
    let mut linker = Linker::<Instances>::new(&engine);
    let mut root = linker.root();
    root.func_wrap(
        "within",
        |store: StoreContextMut<'_, Instances>, (is_outer,)| within(store, is_outer),
    )
    .unwrap();
    let mut store = Store::new(&engine, None);
    let instances = [(); 2].map(|()| linker.instantiate(&mut store, &component).unwrap());
    *store.data_mut() = Some(instances);
    for name in ["outer", "runs"] {
        let func: TypedFunc<(), ()> = instances[0].get_typed_func(&mut store, name).unwrap();
        let error = super::setup::block_on(func.call_async(&mut store, ())).unwrap_err();
        let cause = error.root_cause().to_string();
        assert!(
            cause.contains("cannot enter component instance"),
            "{error:?}"
        );
    }
}

/// Counts its drops.
struct Dropped(Arc<AtomicU32>);

impl Drop for Dropped {
    fn drop(&mut self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

/// What the next host function calls.
type Next = Option<TypedFunc<(), ()>>;

/// A call is forgotten while the host function that it waits for waits for a call of its own, which it has
/// made in the same store: all of that is dropped with the store, from the outside in.
fn is_dropped_with(leave: fn(Store<Next>)) {
    let engine = Engine::default();
    let component = Component::new(&engine, GUEST).unwrap();
    let mut linker = Linker::new(&engine);
    let dropped = Arc::new(AtomicU32::new(0));
    let counter = dropped.clone();
    linker
        .root()
        .func_wrap_async(
            "wait",
            move |mut store: StoreContextMut<'_, Next>, (): ()| {
                let counter = counter.clone();
                Box::new(async move {
                    let _dropped = Dropped(counter);
                    match store.data_mut().take() {
                        Some(func) => func.call_async(store, ()).await,
                        None => std::future::pending().await,
                    }
                })
            },
        )
        .unwrap();
    let mut store = Store::new(&engine, None);
    let first = linker.instantiate(&mut store, &component).unwrap();
    let second = linker.instantiate(&mut store, &component).unwrap();
    *store.data_mut() = Some(second.get_typed_func(&mut store, "straight").unwrap());
    let func: TypedFunc<(), ()> = first.get_typed_func(&mut store, "straight").unwrap();
    let mut call = Box::pin(func.call_async(&mut store, ()));
    for _ in 0..3 {
        assert!(matches!(poll_once(&mut call), Poll::Pending));
    }
    mem::forget(call);
    assert_eq!(dropped.load(Ordering::Relaxed), 0);
    leave(store);
    assert_eq!(dropped.load(Ordering::Relaxed), 2);
}

#[test]
fn a_call_within_a_forgotten_one_is_dropped_before_the_store_is_taken_apart() {
    is_dropped_with(drop);
    is_dropped_with(|store| assert!(store.into_data().is_none()));
}

/// Tries to change the data of the store that is lent, when it is dropped.
struct Meddles<'a>(&'a Accessor<u32>);

impl Drop for Meddles<'_> {
    fn drop(&mut self) {
        let accessor = AssertUnwindSafe(self.0);
        let meddled = catch_unwind(move || accessor.with(|mut access| *access.data_mut() += 1));
        assert!(meddled.is_err(), "a store is lent to a future of another");
    }
}

#[test]
fn futures_that_a_store_drops_do_not_get_at_the_store_that_runs() {
    let engine = Engine::default();
    let mut dropped = Store::new(&engine, 0_u32);
    let mut runs = Store::new(&engine, 0_u32);
    let spawned = dropped.run_concurrent(async |accessor| {
        let meddles = Meddles(accessor);
        accessor.spawn(async move {
            let _meddles = meddles;
            std::future::pending().await
        });
    });
    super::setup::block_on(spawned).unwrap();
    let mut dropped = Some(dropped);
    let drops = runs.run_concurrent(async |_| drop(dropped.take()));
    super::setup::block_on(drops).unwrap();
    assert_eq!(*runs.data(), 0);
}
