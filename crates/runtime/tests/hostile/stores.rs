//! Several stores and several threads.

use super::{engines, trap};
use anyhow::Result;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Barrier, OnceLock};
use std::thread;
use threadline::{Caller, Engine, Instance, Linker, Module, Store, Trap, WasmBacktrace};

const TEXT: &str = r#"(module
    (import "host" "f" (func $f (param i32) (result i32)))
    (memory 1)
    (func (export "load") (param i32) (result i32) (i32.load (local.get 0)))
    (func $recurse (export "recurse") (param i32) (result i32)
        (i32.add (call $recurse (local.get 0)) (i32.const 1)))
    (func (export "divide") (param i32) (result i32)
        (i32.div_s (i32.const -2147483648) (local.get 0)))
    (func (export "unreachable") (param i32) (result i32) unreachable)
    (func (export "host") (param i32) (result i32) (call $f (local.get 0))))"#;

/// The traps that calls of `TEXT` end with.
const TRAPS: [(&str, i32, Trap); 6] = [
    ("load", 65533, Trap::MemoryOutOfBounds),
    ("load", -1, Trap::MemoryOutOfBounds),
    ("recurse", 0, Trap::StackOverflow),
    ("divide", 0, Trap::IntegerDivisionByZero),
    ("divide", -1, Trap::IntegerOverflow),
    ("unreachable", 0, Trap::Unreachable),
];

fn instantiate(
    engine: &Engine,
    host: impl Fn(Caller<'_, ()>, i32) -> Result<i32> + Send + Sync + 'static,
) -> Result<(Store<()>, Instance)> {
    instantiate_module(&Module::new(engine, TEXT)?, host)
}

fn instantiate_module(
    module: &Module,
    host: impl Fn(Caller<'_, ()>, i32) -> Result<i32> + Send + Sync + 'static,
) -> Result<(Store<()>, Instance)> {
    let mut linker = Linker::new(module.engine());
    linker.func_wrap("host", "f", host)?;
    let mut store = Store::new(module.engine(), ());
    let instance = linker.instantiate(&mut store, module)?;
    Ok((store, instance))
}

fn all_traps(store: &mut Store<()>, instance: &Instance) -> Result<()> {
    for (name, argument, expected) in TRAPS {
        let func = instance.get_typed_func::<i32, i32>(&mut *store, name)?;
        assert_eq!(trap(func.call(&mut *store, argument)), expected);
    }
    Ok(())
}

#[test]
fn threads_trap_at_once() -> Result<()> {
    for engine in engines() {
        let barrier = Barrier::new(6);
        thread::scope(|scope| {
            let run = || {
                let (mut store, instance) = instantiate(&engine, |_, n| Ok(n))?;
                barrier.wait();
                for _ in 0..40 {
                    all_traps(&mut store, &instance)?;
                }
                anyhow::Ok(())
            };
            let threads: Vec<_> = (0..6).map(|_| scope.spawn(run)).collect();
            threads
                .into_iter()
                .try_for_each(|thread| thread.join().expect("no panic"))
        })?;
    }
    Ok(())
}

#[test]
fn code_comes_and_goes_while_others_trap() -> Result<()> {
    let engine = Engine::default();
    thread::scope(|scope| {
        let trapping = scope.spawn(|| {
            let (mut store, instance) = instantiate(&engine, |_, n| Ok(n))?;
            for _ in 0..100 {
                all_traps(&mut store, &instance)?;
            }
            anyhow::Ok(())
        });
        for _ in 0..30 {
            let (mut store, instance) = instantiate(&engine, |_, n| Ok(n))?;
            all_traps(&mut store, &instance)?;
        }
        trapping.join().expect("no panic")
    })
}

#[test]
fn a_store_moves_from_thread_to_thread() -> Result<()> {
    for engine in engines() {
        let (mut store, instance) = instantiate(&engine, |_, n| Ok(n + 1))?;
        // Stacks of different sizes, at different places.
        for size in [256 << 10, 8 << 20, 512 << 10, 2 << 20] {
            all_traps(&mut store, &instance)?;
            let mover = thread::Builder::new().stack_size(size);
            store = mover
                .spawn(move || {
                    all_traps(&mut store, &instance)?;
                    let host = instance.get_typed_func::<i32, i32>(&mut store, "host")?;
                    assert_eq!(host.call(&mut store, 5)?, 6);
                    anyhow::Ok(store)
                })?
                .join()
                .expect("no panic")?;
        }
        all_traps(&mut store, &instance)?;
    }
    Ok(())
}

#[test]
fn a_store_within_a_store_traps_on_its_own() -> Result<()> {
    for engine in engines() {
        let inner_engine = engine.clone();
        let host = move |_: Caller<'_, ()>, how: i32| {
            let host = |_: Caller<'_, ()>, how: i32| match how {
                2 => panic!("two stores down"),
                _ => anyhow::bail!("two stores down"),
            };
            let (mut store, instance) = instantiate(&inner_engine, host)?;
            all_traps(&mut store, &instance)?;
            let nested = instance.get_typed_func::<i32, i32>(&mut store, "host")?;
            match how {
                // Comes back with what the inner store trapped for.
                0 => instance
                    .get_typed_func::<i32, i32>(&mut store, "load")?
                    .call(&mut store, -1),
                1 | 2 => nested.call(&mut store, how),
                _ => {
                    let error = nested.call(&mut store, 1).expect_err("it fails");
                    assert_eq!(error.root_cause().to_string(), "two stores down");
                    Ok(how)
                }
            }
        };
        let (mut store, instance) = instantiate(&engine, host)?;
        let outer = instance.get_typed_func::<i32, i32>(&mut store, "host")?;
        for _ in 0..3 {
            let error = outer.call(&mut store, 0).expect_err("it traps");
            assert_eq!(error.downcast_ref(), Some(&Trap::MemoryOutOfBounds));
            assert!(error.downcast_ref::<WasmBacktrace>().is_some());
            let error = outer.call(&mut store, 1).expect_err("it fails");
            assert_eq!(error.root_cause().to_string(), "two stores down");
            let panic = catch_unwind(AssertUnwindSafe(|| outer.call(&mut store, 2)));
            let payload = panic.expect_err("it panics");
            assert_eq!(payload.downcast_ref(), Some(&"two stores down"));
            assert_eq!(outer.call(&mut store, 3)?, 3);
            all_traps(&mut store, &instance)?;
        }
    }
    Ok(())
}

#[test]
fn stores_within_stores_without_end_are_a_stack_overflow() -> Result<()> {
    static MODULE: OnceLock<Module> = OnceLock::new();
    fn nest(n: i32) -> Result<i32> {
        let module = MODULE.get().expect("it was compiled");
        let (mut store, instance) = instantiate_module(module, |_, n| nest(n + 1))?;
        let host = instance.get_typed_func::<i32, i32>(&mut store, "host")?;
        host.call(&mut store, n)
    }
    MODULE.get_or_init(|| Module::new(&Engine::default(), TEXT).expect("a valid module"));
    let thread = thread::spawn(|| trap(nest(0)));
    assert_eq!(thread.join().expect("no panic"), Trap::StackOverflow);
    Ok(())
}

#[test]
fn two_stores_take_turns_on_the_stack() -> Result<()> {
    // Store A's host function runs B, whose host function traps in a third, and so on; all under
    // one roof, so that each store's entries lie between another's.
    let engine = Engine::default();
    let inner = instantiate(&engine, |_, n| Ok(n))?;
    let shared = std::sync::Mutex::new(inner);
    let host = move |mut caller: Caller<'_, ()>, depth: i32| -> Result<i32> {
        let mut guard = shared.try_lock();
        if let Ok((store, instance)) = guard.as_deref_mut() {
            all_traps(store, instance)?;
        }
        let Some(func) = caller.get_export("host").and_then(|e| e.into_func()) else {
            anyhow::bail!("no export");
        };
        if depth == 0 {
            let unreachable = caller.get_export("unreachable").and_then(|e| e.into_func());
            let unreachable = unreachable
                .expect("an export")
                .typed::<i32, i32>(&mut caller)?;
            return unreachable.call(&mut caller, 0);
        }
        func.typed::<i32, i32>(&mut caller)?
            .call(&mut caller, depth - 1)
    };
    let (mut store, instance) = instantiate(&engine, host)?;
    let outer = instance.get_typed_func::<i32, i32>(&mut store, "host")?;
    for depth in 0..20 {
        let error = outer.call(&mut store, depth).expect_err("it traps");
        assert_eq!(error.downcast_ref(), Some(&Trap::Unreachable));
        let backtrace = error.downcast_ref::<WasmBacktrace>().expect("frames");
        assert_eq!(backtrace.frames().len(), depth as usize + 2);
    }
    Ok(())
}
