//! Asynchronous calls that are dropped or forgotten while the host is waited for, with tasks on the way.

use super::setup::{Gate, poll_once};
use std::mem;
use std::task::Poll;
use threadline::component::{Component, Instance, Linker, TypedFunc};
use threadline::{Engine, Store, StoreContextMut};

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
