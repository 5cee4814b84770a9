//! `memory.atomic.wait` on a memory that nobody else has, and waits that take too long.

use anyhow::Result;
use std::time::{Duration, Instant};
use threadline::{Config, Engine, Instance, Linker, Module, SharedMemory, Store, Trap};

const TIMED_OUT: i32 = 2;
const NOT_EQUAL: i32 = 1;

const WAITS: &str = r#"(module
    (memory (export "memory") 1 1 shared)
    (func (export "wait32") (param i32 i64 i64) (result i32)
        (memory.atomic.wait32 (local.get 0) (i32.wrap_i64 (local.get 1)) (local.get 2)))
    (func (export "wait64") (param i32 i64 i64) (result i32)
        (memory.atomic.wait64 (local.get 0) (local.get 1) (local.get 2))))"#;

/// The same, with the memory of another instance.
fn importing() -> String {
    WAITS.replace(
        r#"(memory (export "memory") 1 1 shared)"#,
        r#"(import "m" "memory" (memory 1 1 shared))"#,
    )
}

fn engine(limit: Option<Duration>) -> Engine {
    Engine::new(Config::new().max_atomic_wait(limit)).unwrap()
}

/// An instance with a memory of its own.
fn waiter(engine: &Engine) -> (Store<()>, Instance) {
    let module = Module::new(engine, WAITS).unwrap();
    let mut store = Store::new(engine, ());
    let instance = Instance::new(&mut store, &module, &[]).unwrap();
    (store, instance)
}

fn memory(store: &mut Store<()>, instance: &Instance) -> SharedMemory {
    let export = instance.get_export(&mut *store, "memory").unwrap();
    export.into_shared_memory().unwrap()
}

/// Waits at an address for a value that is there (0), or not.
fn wait(
    store: &mut Store<()>,
    instance: &Instance,
    name: &str,
    (at, expected): (i32, i64),
    time: i64,
) -> Result<i32> {
    let func = instance.get_typed_func::<(i32, i64, i64), i32>(&mut *store, name)?;
    func.call(store, (at, expected, time))
}

#[track_caller]
fn assert_trap(result: Result<i32>, expected: Trap) {
    let error = result.unwrap_err();
    assert_eq!(error.downcast_ref(), Some(&expected), "{error:?}");
}

#[test]
fn a_wait_that_nobody_can_end_is_a_trap() {
    for limit in [None, Some(Duration::from_secs(3600))] {
        for name in ["wait32", "wait64"] {
            let (mut store, instance) = waiter(&engine(limit));
            let result = wait(&mut store, &instance, name, (8, 0), -1);
            assert_trap(result, Trap::AtomicWaitForever);
            let result = wait(&mut store, &instance, name, (8, 0), i64::MIN);
            assert_trap(result, Trap::AtomicWaitForever);
        }
    }
}

#[test]
fn instances_of_one_store_can_not_wake_each_other() {
    let engine = engine(None);
    let (mut store, owner) = waiter(&engine);
    let module = Module::new(&engine, importing()).unwrap();
    let mut linker = Linker::new(&engine);
    linker.instance(&mut store, "m", owner).unwrap();
    let users = [0; 3].map(|_| linker.instantiate(&mut store, &module).unwrap());
    drop(linker);
    for instance in users.iter().chain([&owner]) {
        let result = wait(&mut store, instance, "wait32", (0, 0), -1);
        assert_trap(result, Trap::AtomicWaitForever);
    }
}

#[test]
fn a_wait_that_would_not_block_is_none() {
    let (mut store, instance) = waiter(&engine(None));
    for name in ["wait32", "wait64"] {
        let result = wait(&mut store, &instance, name, (8, 1), -1);
        assert_eq!(result.unwrap(), NOT_EQUAL);
        let result = wait(&mut store, &instance, name, (1, 0), -1);
        assert_trap(result, Trap::UnalignedAtomic);
        let result = wait(&mut store, &instance, name, (65536, 0), -1);
        assert_trap(result, Trap::MemoryOutOfBounds);
        let result = wait(&mut store, &instance, name, (8, 0), 1000);
        assert_eq!(result.unwrap(), TIMED_OUT);
    }
}

#[test]
fn where_nobody_can_notify_a_wait_beyond_the_limit_traps_at_once() {
    let (mut store, instance) = waiter(&Engine::default());
    let start = Instant::now();
    for time in [61_000_000_000, i64::MAX] {
        let result = wait(&mut store, &instance, "wait64", (8, 0), time);
        assert_trap(result, Trap::AtomicWaitTooLong);
    }
    assert!(start.elapsed() < Duration::from_secs(30));
}

#[test]
fn a_wait_on_a_memory_that_others_have_ends_at_the_limit() {
    let limit = Duration::from_millis(30);
    let (mut store, instance) = waiter(&engine(Some(limit)));
    let shared = memory(&mut store, &instance);
    for (name, time) in [("wait32", -1), ("wait64", i64::MAX), ("wait32", 31_000_000)] {
        let start = Instant::now();
        let result = wait(&mut store, &instance, name, (8, 0), time);
        assert_trap(result, Trap::AtomicWaitTooLong);
        assert!(start.elapsed() >= limit);
    }
    // A thread that has timed out is not there to be woken.
    assert_eq!(shared.atomic_notify(8, 1).unwrap(), 0);
    drop(shared);
    let result = wait(&mut store, &instance, "wait32", (8, 0), -1);
    assert_trap(result, Trap::AtomicWaitForever);
}

#[test]
fn who_has_the_memory_can_end_a_wait_without_end() {
    let (mut store, instance) = waiter(&engine(None));
    let shared = memory(&mut store, &instance);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while shared.atomic_notify(8, 1).unwrap() == 0 {
                std::thread::yield_now();
            }
        });
        let result = wait(&mut store, &instance, "wait32", (8, 0), -1);
        assert_eq!(result.unwrap(), 0);
    });
}

#[test]
fn with_epochs_a_wait_ends_at_the_deadline() {
    let mut config = Config::new();
    config.epoch_interruption(true);
    config.max_atomic_wait(Some(Duration::from_millis(1)));
    let (mut store, instance) = waiter(&Engine::new(&config).unwrap());
    store.set_epoch_deadline(1);
    let engine = store.engine().clone();
    std::thread::scope(|scope| {
        scope.spawn(move || {
            std::thread::sleep(Duration::from_millis(30));
            engine.increment_epoch();
        });
        let result = wait(&mut store, &instance, "wait32", (8, 0), -1);
        assert_trap(result, Trap::Interrupt);
    });
}
