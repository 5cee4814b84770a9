//! What is left when tasks and threads have ended, one way or another.

use crate::component::{Component, Instance, Linker, TypedFunc};
use crate::store::AsContextMut;
use crate::{ConcurrencyTrap, Config, Engine, Store};
use threadline_concurrent::Counts;

/// Threads that wait in every way there is without streams, and functions that end in several ways.
const GUEST: &str = r#"
(component
  (core module $Table (table (export "t") 4 funcref))
  (core instance $table (instantiate $Table))
  (core module $M
    (import "t" "t" (table 4 funcref))
    (import "" "new" (func $new (param i32 i32) (result i32)))
    (import "" "switch" (func $switch (param i32) (result i32)))
    (import "" "later" (func $later (param i32)))
    (import "" "suspend" (func $suspend (result i32)))
    (import "" "yield" (func $yield (result i32)))
    (import "" "index" (func $index (result i32)))
    (import "" "set" (func $set (result i32)))
    (import "" "wait" (func $wait (param i32 i32) (result i32)))
    (memory (export "m") 1)
    (elem (i32.const 1) $suspended $waiting $yielding)
    (func $suspended (param i32) (drop (call $suspend)) unreachable)
    (func $waiting (param i32) (drop (call $wait (call $set) (i32.const 8))) unreachable)
    (func $yielding (param i32)
      (loop $again
        (drop (call $yield))
        (br_if $again (i32.eqz (i32.load (i32.const 0))))))
    (func $start-all
      (call $later (call $new (i32.const 1) (call $index)))
      (call $later (call $new (i32.const 2) (call $index)))
      (call $later (call $new (i32.const 3) (call $index)))
      (drop (call $new (i32.const 1) (i32.const 0)))
      (drop (call $yield)))
    (func (export "trap") (call $start-all) unreachable)
    (func (export "leave") (call $start-all))
    (func (export "block") (call $start-all) (i32.store (i32.const 0) (i32.const 1))
      (drop (call $yield))
      (drop (call $suspend)))
    ;; So many threads, each of which has run and is suspended.
    (func (export "crowd") (param $count i32)
      (loop $again
        (call $later (call $new (i32.const 1) (i32.const 0)))
        (drop (call $yield))
        (br_if $again (local.tee $count (i32.sub (local.get $count) (i32.const 1)))))))
  (core type $start (func (param i32)))
  (canon thread.new-indirect $start (core table $table "t") (core func $new))
  (canon thread.suspend-then-resume (core func $switch))
  (canon thread.resume-later (core func $later))
  (canon thread.suspend (core func $suspend))
  (canon thread.yield (core func $yield))
  (canon thread.index (core func $index))
  (canon waitable-set.new (core func $set))
  (core module $Memory (memory (export "m") 1))
  (core instance $memory (instantiate $Memory))
  (canon waitable-set.wait (memory (core memory $memory "m")) (core func $wait))
  (core instance $m (instantiate $M
    (with "t" (instance $table))
    (with "" (instance
      (export "new" (func $new)) (export "switch" (func $switch)) (export "later" (func $later))
      (export "suspend" (func $suspend)) (export "yield" (func $yield))
      (export "index" (func $index)) (export "set" (func $set)) (export "wait" (func $wait))))))
  (func (export "trap") async (canon lift (core func $m "trap")))
  (func (export "leave") async (canon lift (core func $m "leave")))
  (func (export "block") async (canon lift (core func $m "block")))
  (func (export "crowd") async (param "count" u32) (canon lift (core func $m "crowd"))))
"#;

fn guest(engine: &Engine) -> Component {
    Component::new(engine, GUEST).unwrap()
}

fn instantiate(store: &mut Store<()>, component: &Component) -> Instance {
    let linker = Linker::new(component.engine());
    linker.instantiate(store, component).unwrap()
}

fn call(store: &mut Store<()>, instance: &Instance, name: &str) -> anyhow::Result<()> {
    let func: TypedFunc<(), ()> = instance.get_typed_func(&mut *store, name)?;
    func.call(store, ())
}

fn counts<T>(store: &mut Store<T>) -> (Counts, usize) {
    let store = store.as_context_mut().opaque();
    (store.concurrency.scheduler.counts(), store.guest_count())
}

#[test]
fn a_trap_frees_all_that_is_the_instances() {
    let engine = Engine::default();
    let component = guest(&engine);
    for _ in 0..10_000 {
        let mut store = Store::new(&engine, ());
        let [first, second] = [0, 1].map(|_| instantiate(&mut store, &component));
        call(&mut store, &second, "leave").unwrap();
        let (before, stacks) = counts(&mut store);
        assert_eq!((before.threads, before.tasks, before.sets), (4, 1, 1));
        assert!(call(&mut store, &first, "trap").is_err());
        let (after, stacks_after) = counts(&mut store);
        let same = Counts {
            instances: after.instances,
            ..before
        };
        assert_eq!(after, same, "of the other instance nothing is freed");
        assert_eq!(stacks_after, stacks);
    }
    assert_eq!(
        engine.stacks().stats().live,
        0,
        "stacks that are used by no store"
    );
}

#[test]
fn who_waits_for_nobody_is_a_deadlock_and_goes_with_its_store() {
    let engine = Engine::default();
    let component = guest(&engine);
    let mut store = Store::new(&engine, ());
    let instance = instantiate(&mut store, &component);
    let error = call(&mut store, &instance, "block").unwrap_err();
    assert!(
        format!("{error:#}").contains("deadlock detected"),
        "{error:#}"
    );
    drop(store);
    assert_eq!(engine.stacks().stats().live, 0);
}

#[test]
fn a_store_may_have_as_many_threads_as_its_limits_say() {
    let engine = Engine::default();
    let component = guest(&engine);
    let limits = crate::StoreLimitsBuilder::new().threads(100).build();
    let mut store = Store::new(&engine, limits);
    store.limiter(|limits| limits);
    let linker = Linker::new(&engine);
    let instance = linker.instantiate(&mut store, &component).unwrap();
    let crowd: TypedFunc<(u32,), ()> = instance.get_typed_func(&mut store, "crowd").unwrap();
    crowd.call(&mut store, (90,)).unwrap();
    let error = crowd.call(&mut store, (10,)).unwrap_err();
    let trap = error.downcast_ref::<ConcurrencyTrap>();
    assert_eq!(trap, Some(&ConcurrencyTrap::TooManyThreads));
    assert!(
        format!("{error:#}").contains("ResourceLimiter::threads"),
        "{error:#}"
    );
}

#[test]
fn a_hundred_thousand_threads_are_alive_at_once() {
    let engine = Engine::new(Config::new().max_async_stacks(1 << 17)).unwrap();
    let component = guest(&engine);
    let limits = crate::StoreLimitsBuilder::new().threads(1 << 17).build();
    let mut store = Store::new(&engine, limits);
    store.limiter(|limits| limits);
    let linker = Linker::new(&engine);
    let instance = linker.instantiate(&mut store, &component).unwrap();
    let crowd: TypedFunc<(u32,), ()> = instance.get_typed_func(&mut store, "crowd").unwrap();
    crowd.call(&mut store, (100_000,)).unwrap();
    assert_eq!(counts(&mut store).0.threads, 100_000);
    drop(store);
    assert_eq!(engine.stacks().stats().live, 0);
}
