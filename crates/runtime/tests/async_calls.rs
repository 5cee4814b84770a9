//! Calls of core functions on stacks of their own: host functions that are futures, traps, panics,
//! dropped calls, limits, and threads.

#![expect(clippy::unwrap_used, reason = "in a test a panic is the failure")]
#![allow(missing_docs, reason = "tests")]

use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::task::{Context, Poll, Waker};
use threadline::{
    Caller, Config, Engine, FuncType, Instance, Linker, Module, Store, Trap, Val, ValType,
    WasmBacktrace,
};

/// Polls a future until it is ready; also how often it was pending.
fn block_on<F: Future>(future: F) -> (F::Output, u32) {
    let mut future = pin!(future);
    let mut pending = 0;
    loop {
        match future
            .as_mut()
            .poll(&mut Context::from_waker(Waker::noop()))
        {
            Poll::Ready(value) => return (value, pending),
            Poll::Pending => pending += 1,
        }
        assert!(pending < 1_000_000, "it is never ready");
    }
}

/// Pending so often.
async fn pending(times: u32) {
    let mut left = times;
    poll_fn(|_| match left {
        0 => Poll::Ready(()),
        _ => {
            left -= 1;
            Poll::Pending
        }
    })
    .await;
}

const TEXT: &str = r#"(module $guest
    (import "host" "wait" (func $wait (param i32) (result i32)))
    (import "host" "sync" (func $sync (param i32) (result i32)))
    (memory 1)
    (func $add (export "add") (param i32 i32) (result i32)
        (i32.add (call $wait (local.get 0)) (call $wait (local.get 1))))
    (func $through (export "through") (param i32) (result i32)
        (call $sync (local.get 0)))
    (func $trap (export "trap") (param i32) (result i32)
        (drop (call $wait (local.get 0)))
        (i32.load (i32.const 100000)))
    (func $forever (export "overflow") (param i32) (result i32)
        (i32.add (call $forever (call $wait (local.get 0))) (i32.const 1)))
)"#;

type Data = Option<Instance>;

/// The host's futures: what one does is told by its parameter.
fn wait(
    mut caller: Caller<'_, Data>,
    (n,): (u32,),
) -> Box<dyn Future<Output = anyhow::Result<u32>> + Send + '_> {
    Box::new(async move {
        match n {
            1000 => anyhow::bail!("the host is out of order"),
            1001 => {
                pending(2).await;
                panic!("the host panics");
            }
            // An asynchronous call within one.
            1002 => {
                pending(1).await;
                let guest = caller.data().unwrap();
                let add = guest.get_typed_func::<(u32, u32), u32>(&mut caller, "add")?;
                let sum = add.call_async(&mut caller, (2, 3)).await?;
                pending(1).await;
                Ok(sum)
            }
            // The same, and it traps.
            1003 => {
                let guest = caller.data().unwrap();
                let trap = guest.get_typed_func::<u32, u32>(&mut caller, "trap")?;
                trap.call_async(&mut caller, 1).await
            }
            // A plain call within an asynchronous one.
            1004 => {
                let guest = caller.data().unwrap();
                let add = guest.get_typed_func::<(u32, u32), u32>(&mut caller, "add")?;
                add.call(&mut caller, (2, 3))
            }
            n => {
                pending(n).await;
                Ok(n)
            }
        }
    })
}

fn sync(mut caller: Caller<'_, Data>, n: u32) -> anyhow::Result<u32> {
    let guest = caller.data().unwrap();
    let add = guest.get_typed_func::<(u32, u32), u32>(&mut caller, "add")?;
    add.call(&mut caller, (n, n))
}

fn guest_in(engine: &Engine) -> (Store<Data>, Instance) {
    let mut linker = Linker::new(engine);
    linker.func_wrap_async("host", "wait", wait).unwrap();
    linker.func_wrap("host", "sync", sync).unwrap();
    let mut store = Store::new(engine, None);
    let module = Module::new(engine, TEXT).unwrap();
    let instance = linker.instantiate(&mut store, &module).unwrap();
    *store.data_mut() = Some(instance);
    (store, instance)
}

fn guest() -> (Store<Data>, Instance) {
    guest_in(&Engine::default())
}

fn call(store: &mut Store<Data>, name: &str, n: u32) -> (anyhow::Result<u32>, u32) {
    let instance = store.data().unwrap();
    let func = instance.get_typed_func::<u32, u32>(&mut *store, name);
    block_on(func.unwrap().call_async(store, n))
}

fn add(store: &mut Store<Data>, a: u32, b: u32) -> (anyhow::Result<u32>, u32) {
    let instance = store.data().unwrap();
    let func = instance.get_typed_func::<(u32, u32), u32>(&mut *store, "add");
    block_on(func.unwrap().call_async(store, (a, b)))
}

#[test]
fn a_guest_waits_for_futures_of_the_host() {
    let (mut store, instance) = guest();
    let (sum, times) = add(&mut store, 3, 4);
    assert_eq!((sum.unwrap(), times), (7, 7));
    let func = instance.get_func(&mut store, "add").unwrap();
    let mut results = [Val::I32(0)];
    let params = [Val::I32(5), Val::I32(0)];
    let (result, times) = block_on(func.call_async(&mut store, &params, &mut results));
    result.unwrap();
    assert!(matches!(results, [Val::I32(5)]));
    assert_eq!(times, 5);
}

#[test]
fn a_plain_call_works_with_futures_that_are_ready_and_fails_with_others() {
    let (mut store, instance) = guest();
    let add = instance.get_typed_func::<(u32, u32), u32>(&mut store, "add");
    let add = add.unwrap();
    assert_eq!(add.call(&mut store, (0, 0)).unwrap(), 0);
    let error = add.call(&mut store, (0, 1)).unwrap_err();
    assert!(format!("{error:#}").contains("call_async"), "{error:#}");
    // So does one made within an asynchronous call, by either kind of host function.
    assert_eq!(call(&mut store, "through", 0).0.unwrap(), 0);
    for (name, n) in [("through", 1), ("trap", 1004)] {
        let error = call(&mut store, name, n).0.unwrap_err();
        assert!(format!("{error:#}").contains("call_async"), "{error:#}");
    }
    assert_eq!(add.call(&mut store, (0, 0)).unwrap(), 0);
}

#[test]
fn traps_errors_and_panics_come_out_of_the_future() {
    let (mut store, _) = guest();
    let error = call(&mut store, "trap", 3).0.unwrap_err();
    assert_eq!(error.downcast_ref(), Some(&Trap::MemoryOutOfBounds));
    let error = add(&mut store, 2, 1000).0.unwrap_err();
    assert!(format!("{error:#}").contains("out of order"));
    let panic = catch_unwind(AssertUnwindSafe(|| add(&mut store, 2, 1001)));
    let payload = panic.err().unwrap();
    assert_eq!(payload.downcast_ref(), Some(&"the host panics"));
    assert_eq!(add(&mut store, 1, 1).0.unwrap(), 2);
}

#[test]
fn a_stack_overflow_traps_as_on_the_threads_own_stack() {
    let (mut store, _) = guest();
    for n in [0, 0, 1] {
        let error = call(&mut store, "overflow", n).0.unwrap_err();
        assert_eq!(error.downcast_ref(), Some(&Trap::StackOverflow));
    }
    assert_eq!(add(&mut store, 1, 1).0.unwrap(), 2);
}

#[test]
fn backtraces_cross_stacks() {
    let (mut store, _) = guest();
    assert_eq!(add(&mut store, 1, 1002).0.unwrap(), 6);
    let error = add(&mut store, 1, 1003).0.unwrap_err();
    assert_eq!(error.downcast_ref(), Some(&Trap::MemoryOutOfBounds));
    let backtrace: &WasmBacktrace = error.downcast_ref().unwrap();
    let names: Vec<_> = backtrace.frames().iter().map(|f| f.func_name()).collect();
    assert_eq!(names, [Some("trap"), Some("add")]);
}

/// Counts what it is cloned from when it is dropped.
struct Counted(Arc<AtomicU32>);

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

#[test]
fn dropping_a_call_drops_what_the_host_does_and_frees_the_stack() {
    let engine = Engine::new(Config::new().max_async_stacks(2)).unwrap();
    let dropped = Arc::new(AtomicU32::new(0));
    let mut linker = Linker::new(&engine);
    let count = dropped.clone();
    let ty = FuncType::new([ValType::I32], []);
    linker
        .func_new_async("", "f", ty, move |_: Caller<'_, ()>, params, _| {
            let counted = Counted(count.clone());
            Box::new(async move {
                pending(1_000_000).await;
                drop((counted, params));
                Ok(())
            })
        })
        .unwrap();
    let text = r#"(module (import "" "f" (func $f (param i32)))
        (func (export "g") (call $f (i32.const 1))))"#;
    let module = Module::new(&engine, text).unwrap();
    let mut store = Store::new(&engine, ());
    let instance = linker.instantiate(&mut store, &module).unwrap();
    let func = instance.get_typed_func::<(), ()>(&mut store, "g").unwrap();
    for i in 0..10_000 {
        let mut call = Box::pin(func.call_async(&mut store, ()));
        let cx = &mut Context::from_waker(Waker::noop());
        for _ in 0..3 {
            assert!(call.as_mut().poll(cx).is_pending());
        }
        assert_eq!(dropped.load(Ordering::Relaxed), i);
        drop(call);
        assert_eq!(dropped.load(Ordering::Relaxed), i + 1);
    }
    // Calls that are forgotten keep their stacks, until the store is dropped.
    for _ in 0..2 {
        let mut call = Box::pin(func.call_async(&mut store, ()));
        let cx = &mut Context::from_waker(Waker::noop());
        assert!(call.as_mut().poll(cx).is_pending());
        std::mem::forget(call);
    }
    let error = block_on(func.call_async(&mut store, ())).0.unwrap_err();
    assert!(format!("{error:#}").contains("all 2 stacks"), "{error:#}");
    drop(store);
    let mut store = Store::new(&engine, ());
    let instance = linker.instantiate(&mut store, &module).unwrap();
    let func = instance.get_typed_func::<(), ()>(&mut store, "g").unwrap();
    let mut call = pin!(func.call_async(&mut store, ()));
    let cx = &mut Context::from_waker(Waker::noop());
    assert!(call.as_mut().poll(cx).is_pending());
}

#[test]
fn a_call_may_go_on_on_another_thread() {
    let (mut store, instance) = guest();
    let add = instance.get_typed_func::<(u32, u32), u32>(&mut store, "add");
    let add = add.unwrap();
    let trap = instance.get_typed_func::<u32, u32>(&mut store, "trap");
    let trap = trap.unwrap();
    for round in 0..20 {
        let all = async {
            let sum = add.call_async(&mut store, (round, 1002)).await.unwrap();
            let error = trap.call_async(&mut store, 2).await.unwrap_err();
            (sum, error)
        };
        let mut all = Box::pin(all);
        let (sum, error) = loop {
            // Each poll is on a new thread.
            let poll = std::thread::scope(|scope| {
                let poll = || all.as_mut().poll(&mut Context::from_waker(Waker::noop()));
                scope.spawn(poll).join().unwrap()
            });
            if let Poll::Ready(value) = poll {
                break value;
            }
        };
        assert_eq!(sum, round + 5);
        assert_eq!(error.downcast_ref(), Some(&Trap::MemoryOutOfBounds));
    }
}

#[test]
fn start_functions_may_wait() {
    let engine = Engine::default();
    let mut linker = Linker::<Data>::new(&engine);
    linker.func_wrap_async("host", "wait", wait).unwrap();
    let text = r#"(module (import "host" "wait" (func $wait (param i32) (result i32)))
        (global $g (export "g") (mut i32) (i32.const 0))
        (func $start (global.set $g (call $wait (i32.const 3))))
        (start $start))"#;
    let module = Module::new(&engine, text).unwrap();
    let mut store = Store::new(&engine, None);
    let (instance, times) = block_on(linker.instantiate_async(&mut store, &module));
    assert_eq!(times, 3);
    let global = instance.unwrap().get_global(&mut store, "g").unwrap();
    assert!(matches!(global.get(&mut store), Val::I32(3)));
    let error = linker.instantiate(&mut store, &module).unwrap_err();
    assert!(format!("{error:#}").contains("instantiate_async"));
}

const LOOP: &str = r#"(module (func (export "loop") (param $n i32)
    (loop $l (br_if $l (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))))"#;

#[test]
fn wasm_yields_when_it_has_used_some_fuel() {
    let engine = Engine::new(Config::new().consume_fuel(true)).unwrap();
    let module = Module::new(&engine, LOOP).unwrap();
    let mut store = Store::new(&engine, ());
    let instance = Linker::new(&engine).instantiate(&mut store, &module);
    let func = instance
        .unwrap()
        .get_typed_func::<u32, ()>(&mut store, "loop");
    let func = func.unwrap();
    let consumed = |store: &mut Store<()>| {
        store.set_fuel(1_000_000).unwrap();
        let (result, times) = block_on(func.call_async(&mut *store, 1000));
        result.unwrap();
        (1_000_000 - store.get_fuel().unwrap(), times)
    };
    let (all, times) = consumed(&mut store);
    assert_eq!(times, 0);
    assert!(store.fuel_async_yield_interval(Some(0)).is_err());
    store.fuel_async_yield_interval(Some(all / 10)).unwrap();
    let (again, times) = consumed(&mut store);
    assert_eq!(again, all);
    assert!((8..=11).contains(&times), "{times}");
    // A plain call does without.
    func.call(&mut store, 1000).unwrap();
    store.set_fuel(all / 2).unwrap();
    let error = block_on(func.call_async(&mut store, 1000)).0.unwrap_err();
    assert_eq!(error.downcast_ref(), Some(&Trap::OutOfFuel));
}

#[test]
fn wasm_yields_at_its_deadline() {
    let engine = Engine::new(Config::new().epoch_interruption(true)).unwrap();
    let text = r#"(module (func (export "loop") (loop $l (br $l))))"#;
    let module = Module::new(&engine, text).unwrap();
    let mut store = Store::new(&engine, ());
    store.set_epoch_deadline(1);
    store.epoch_deadline_async_yield_and_update(1);
    let instance = Linker::new(&engine).instantiate(&mut store, &module);
    let func = instance
        .unwrap()
        .get_typed_func::<(), ()>(&mut store, "loop");
    let func = func.unwrap();
    engine.increment_epoch();
    let error = func.call(&mut store, ()).unwrap_err();
    assert!(format!("{error:#}").contains("call_async"), "{error:#}");
    let mut call = Box::pin(func.call_async(&mut store, ()));
    for _ in 0..10 {
        let cx = &mut Context::from_waker(Waker::noop());
        engine.increment_epoch();
        assert!(call.as_mut().poll(cx).is_pending());
    }
    drop(call);
    engine.increment_epoch();
    store.epoch_deadline_trap();
    let error = block_on(func.call_async(&mut store, ())).0.unwrap_err();
    assert_eq!(error.downcast_ref(), Some(&Trap::Interrupt));
}

#[test]
fn exceptions_that_suspended_stacks_refer_to_stay() {
    let engine = Engine::default();
    let mut linker = Linker::<Data>::new(&engine);
    linker.func_wrap_async("host", "wait", wait).unwrap();
    // Holds a reference over a wait, while many others are made by a call from within the wait.
    let text = r#"(module (import "host" "wait" (func $wait (param i32) (result i32)))
        (tag $t (param i32))
        (func $hold (export "hold") (param i32) (result i32) (local $e exnref)
            (local.set $e (block $b (result exnref)
                (try_table (catch_all_ref $b) (throw $t (i32.const 42)))
                (unreachable)))
            (drop (call $wait (local.get 0)))
            (block $c (result i32)
                (try_table (catch $t $c) (throw_ref (local.get $e)))
                (unreachable)))
        (func (export "add") (param $n i32) (param i32) (result i32)
            (local.set $n (i32.const 20000))
            (loop $l
                (drop (block $b (result exnref)
                    (try_table (catch_all_ref $b) (throw $t (i32.const 7)))
                    (unreachable)))
                (drop (call $wait (i32.const 0)))
                (br_if $l (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
            (i32.const 5))
    )"#;
    let module = Module::new(&engine, text).unwrap();
    let mut store = Store::new(&engine, None);
    let instance = linker.instantiate(&mut store, &module).unwrap();
    *store.data_mut() = Some(instance);
    for n in [3, 1002, 1004] {
        assert_eq!(call(&mut store, "hold", n).0.unwrap(), 42);
    }
}
