//! Whatever the host does for a guest has the stack of the operating system's thread, however little is
//! left of the guest's own: each case runs at the greatest depth at which the guest can still call.

#![expect(clippy::unwrap_used, reason = "in a test a panic is the failure")]
#![allow(missing_docs, reason = "tests")]

use anyhow::Result;
use std::fmt::Write;
use std::hint::black_box;
use std::pin::pin;
use std::task::{Context, Poll, Waker};
use std::thread;
use threadline::component::{Component, Instance, Linker, LinkerInstance, ResourceType, Val};
use threadline::{Config, Engine, Store, Trap};

/// Polls a future until it is ready.
fn block_on<F: Future>(future: F) -> F::Output {
    let mut future = pin!(future);
    for _ in 0..1000 {
        let cx = &mut Context::from_waker(Waker::noop());
        if let Poll::Ready(value) = future.as_mut().poll(cx) {
            return value;
        }
    }
    panic!("it is never ready");
}

/// Pending once.
async fn pending() {
    let mut is_ready = false;
    std::future::poll_fn(|_| match std::mem::replace(&mut is_ready, true) {
        true => Poll::Ready(()),
        false => Poll::Pending,
    })
    .await;
}

/// Uses so many KiB of stack.
fn use_stack(kib: usize) -> usize {
    fn descend(end: usize, depth: usize) -> usize {
        let here = black_box([depth; 16]);
        match (&raw const here).addr() < end {
            true => depth,
            false => descend(end, depth + 1) + black_box(here)[3] / (depth + 1),
        }
    }
    let here = 0u8;
    descend((&raw const here).addr() - (kib << 10), 0)
}

/// More than a guest's stack has in all.
const MUCH: usize = 320;

/// How much larger frames are than without AddressSanitizer, at most.
const FRAMES: usize = if cfg!(feature = "address-sanitizer") {
    4
} else {
    1
};

/// How deep a guest's stack can be in the tests' engine, at most.
const DEEPEST: u32 = 1 << 16;

fn engine() -> Engine {
    Engine::new(Config::new().async_stack_size(128 << 10)).unwrap()
}

/// Where its memory has a list whose one element is itself.
const LIST: u32 = 64;

/// Where its memory has ones: discriminants of options that are there.
const ONES: u32 = 128;

/// A component whose `run` recurses so often and then calls the import `host`, of this type; its result
/// is 7. `before` has what the type needs.
fn recursive(before: &str, ty: &str, call: &str, core: &str) -> String {
    let ones = "\\01".repeat(LEVELS + 1);
    format!(
        r#"(component {before}
      (import "host" (func $host {ty}))
      (core module $libc (memory (export "memory") 1)
        (data (i32.const {LIST}) "\40\00\00\00\01\00\00\00")
        (data (i32.const {ONES}) "{ones}")
        (func (export "realloc") (param i32 i32 i32 i32) (result i32) (i32.const 4096)))
      (core instance $libc (instantiate $libc))
      (core func $host' (canon lower (func $host)
        (memory (core memory $libc "memory")) (realloc (core func $libc "realloc"))))
      (core module $m (import "" "host" (func $host {core}))
        (func $deep (param i32) (result i32)
          (if (local.get 0)
            (then (return (call $deep (i32.sub (local.get 0) (i32.const 1))))))
          {call}
          (i32.const 7))
        (func (export "run") (param i32) (result i32) (call $deep (local.get 0))))
      (core instance $i (instantiate $m (with "" (instance (export "host" (func $host'))))))
      (func (export "run") (param "n" u32) (result u32) (canon lift (core func $i "run"))))"#
    )
}

/// Runs at every depth from the first at which the guest traps for want of stack on, down to twenty
/// calls less: either it traps, or its result is right. Both must have come up.
fn at_the_deepest(run: impl FnMut(u32) -> Result<u32>) {
    between(100, DEEPEST, run);
}

fn between(least: u32, most: u32, mut run: impl FnMut(u32) -> Result<u32>) {
    let (mut fits, mut traps) = (0, most);
    while traps - fits > 1 {
        let middle = fits.midpoint(traps);
        match check(run(middle)) {
            true => fits = middle,
            false => traps = middle,
        }
    }
    assert!(fits > least, "it fits at {fits}");
    assert!(traps < most, "it traps at {traps}");
    for depth in (fits.saturating_sub(20)..traps + 20).rev() {
        check(run(depth));
    }
}

/// Whether it was right; otherwise it has trapped.
fn check(result: Result<u32>) -> bool {
    match result {
        Ok(value) => {
            assert_eq!(value, 7);
            true
        }
        Err(error) => {
            let trap = error.downcast_ref::<Trap>();
            assert_eq!(trap, Some(&Trap::StackOverflow), "{error:?}");
            false
        }
    }
}

/// Calls `run` of a component at each depth, asynchronously.
fn every_depth(component: &Component, linker: &Linker<()>) {
    let engine = component.engine().clone();
    at_the_deepest(|depth| {
        let mut store = Store::new(&engine, ());
        block_on(async {
            let instance = linker.instantiate_async(&mut store, component).await?;
            let run = instance.get_typed_func::<(u32,), (u32,)>(&mut store, "run")?;
            Ok(run.call_async(&mut store, (depth,)).await?.0)
        })
    });
}

/// The same with a component whose import `host` takes and gives nothing, and is defined so.
fn every_depth_of_host(define: impl FnOnce(&mut LinkerInstance<'_, ()>)) {
    let engine = engine();
    let text = recursive("", "", "(call $host)", "");
    let component = Component::new(&engine, &text).unwrap();
    let mut linker: Linker<()> = Linker::new(&engine);
    define(&mut linker.root());
    every_depth(&component, &linker);
}

#[test]
fn host_functions_have_more_stack_than_the_guest() {
    every_depth_of_host(|root| {
        root.func_wrap("host", |_, ()| {
            black_box(use_stack(MUCH));
            Ok(())
        })
        .unwrap();
    });
}

#[test]
fn futures_are_polled_with_more_stack_than_the_guest_has() {
    every_depth_of_host(|root| {
        root.func_wrap_async("host", |_, ()| {
            Box::new(async {
                black_box(use_stack(MUCH));
                pending().await;
                black_box(use_stack(MUCH));
                Ok(())
            })
        })
        .unwrap();
    });
}

#[test]
fn host_functions_that_are_tasks_have_more_stack_than_the_guest() {
    every_depth_of_host(|root| {
        root.func_wrap_concurrent("host", |_, ()| {
            Box::pin(async {
                black_box(use_stack(MUCH));
                pending().await;
                black_box(use_stack(MUCH));
                Ok(())
            })
        })
        .unwrap();
    });
}

#[test]
fn a_guest_that_is_called_from_there_has_a_stack_of_its_own() {
    let engine = engine();
    let text = recursive("", "", "(call $host)", "");
    let component = Component::new(&engine, &text).unwrap();
    let module = threadline::Module::new(
        &engine,
        r#"(module (func $f (export "f") (param i32) (result i32)
            (if (result i32) (local.get 0)
              (then (i32.add (i32.const 1)
                (call $f (i32.sub (local.get 0) (i32.const 1)))))
              (else (i32.const 0)))))"#,
    )
    .unwrap();
    let mut linker: Linker<()> = Linker::new(&engine);
    linker
        .root()
        .func_wrap("host", move |mut store, ()| {
            let instance = threadline::Instance::new(&mut store, &module, &[])?;
            let f = instance.get_typed_func::<u32, u32>(&mut store, "f")?;
            assert_eq!(f.call(&mut store, 1000)?, 1000);
            let error = f.call(&mut store, 1 << 30).unwrap_err();
            assert_eq!(error.downcast_ref(), Some(&Trap::StackOverflow));
            Ok(())
        })
        .unwrap();
    every_depth(&component, &linker);
}

#[test]
fn destructors_have_more_stack_than_the_guest() {
    let engine = engine();
    let text = r#"(component
      (import "r" (type $r (sub resource)))
      (import "host" (func $host (result (own $r))))
      (core func $host' (canon lower (func $host)))
      (core func $drop (canon resource.drop $r))
      (core module $m (import "" "host" (func $host (result i32)))
        (import "" "drop" (func $drop (param i32)))
        (func $deep (param i32) (result i32)
          (if (local.get 0)
            (then (return (call $deep (i32.sub (local.get 0) (i32.const 1))))))
          (call $drop (call $host))
          (i32.const 7))
        (func (export "run") (param i32) (result i32) (call $deep (local.get 0))))
      (core instance $i (instantiate $m (with "" (instance
        (export "host" (func $host')) (export "drop" (func $drop))))))
      (func (export "run") (param "n" u32) (result u32) (canon lift (core func $i "run"))))"#;
    struct Thing;
    let component = Component::new(&engine, text).unwrap();
    let mut linker: Linker<()> = Linker::new(&engine);
    linker
        .root()
        .resource("r", ResourceType::host::<Thing>(), |_, _| {
            black_box(use_stack(MUCH));
            Ok(())
        })
        .unwrap();
    linker
        .root()
        .func_wrap("host", |_, ()| {
            Ok((threadline::component::Resource::<Thing>::new_own(1),))
        })
        .unwrap();
    every_depth(&component, &linker);
}

/// Types that are nested so deeply, each by one way of nesting; the innermost is `u8`. The name of the
/// outermost comes with them.
fn nested(levels: usize, import: bool, wrap: impl Fn(&str) -> String) -> (String, String) {
    let mut types = String::new();
    let mut inner = String::from("u8");
    for i in 0..levels {
        let ty = wrap(&inner);
        match import {
            true => write!(
                types,
                "(type $t{i} {ty}) (import \"t{i}\" (type $e{i} (eq $t{i})))"
            ),
            false => write!(
                types,
                "(type $t{i} {ty}) (export $e{i} \"t{i}\" (type $t{i}))"
            ),
        }
        .unwrap();
        inner = format!("$e{i}");
    }
    (types, inner)
}

/// A name, and a type that has another one in it.
type Nesting = (&'static str, fn(&str) -> String);

/// Ways to nest a type in another.
const NESTINGS: [Nesting; 5] = [
    ("record", |inner| format!("(record (field \"a\" {inner}))")),
    ("tuple", |inner| format!("(tuple {inner})")),
    ("option", |inner| format!("(option {inner})")),
    ("variant", |inner| format!("(variant (case \"a\" {inner}))")),
    ("list", |inner| format!("(list {inner})")),
];

/// Levels of types that validation admits.
const LEVELS: usize = 90;

#[test]
fn parameters_of_host_functions_are_lifted_however_deep_they_are_nested() {
    for (name, nesting) in NESTINGS {
        let engine = engine();
        let (types, top) = nested(LEVELS, true, nesting);
        let (call, core) = match name {
            "list" => (
                format!("(call $host (i32.const {LIST}) (i32.const 1))"),
                "(param i32 i32)",
            ),
            // Ninety discriminants are more than sixteen flat parameters: they are in memory.
            "option" => (format!("(call $host (i32.const {ONES}))"), "(param i32)"),
            "variant" => (String::from("(call $host (i32.const 1024))"), "(param i32)"),
            _ => (String::from("(call $host (i32.const 7))"), "(param i32)"),
        };
        let text = recursive(&types, &format!("(param \"v\" {top})"), &call, core);
        let component = Component::new(&engine, &text).unwrap();
        let mut linker: Linker<()> = Linker::new(&engine);
        linker
            .root()
            .func_new("host", |_, params, _| {
                let text = format!("{:?}", params[0].clone());
                assert!(text.len() > 1);
                Ok(())
            })
            .unwrap();
        every_depth(&component, &linker);
    }
}

#[test]
fn results_of_async_functions_are_lifted_however_deep_they_are_nested() {
    let engine = engine();
    let (types, top) = nested(LEVELS, false, NESTINGS[0].1);
    let text = format!(
        r#"(component {types}
      (core func $return (canon task.return (result {top})))
      (core module $m (import "" "return" (func $return (param i32)))
        (func $deep (param i32)
          (if (local.get 0)
            (then (call $deep (i32.sub (local.get 0) (i32.const 1))) (return)))
          (call $return (i32.const 7)))
        (func (export "run") (param i32) (call $deep (local.get 0))))
      (core instance $i (instantiate $m (with "" (instance (export "return" (func $return))))))
      (func (export "run") async (param "n" u32) (result {top})
        (canon lift (core func $i "run") async)))"#
    );
    let component = Component::new(&engine, &text).unwrap();
    let linker: Linker<()> = Linker::new(&engine);
    at_the_deepest(|depth| {
        let mut store = Store::new(&engine, ());
        block_on(async {
            let instance = linker.instantiate_async(&mut store, &component).await?;
            let run = instance.get_func(&mut store, "run").unwrap();
            let mut results = [Val::Bool(false)];
            run.call_async(&mut store, &[Val::U32(depth)], &mut results)
                .await?;
            let text = format!("{:?}", results[0]);
            assert!(text.contains("U8(7)"), "{text}");
            Ok(7)
        })
    });
}

/// Two instances that call each other without end; each call makes a task, a thread and a stack.
const ENDLESS: &str = r#"(component
  (component $C
    (import "next" (func $next (param "n" u32) (result u32)))
    (core func $next' (canon lower (func $next)))
    (core func $yield (canon thread.yield))
    (core module $m
      (import "" "next" (func $next (param i32) (result i32)))
      (import "" "yield" (func $yield (result i32)))
      (func (export "f") (param i32) (result i32)
        (if (i32.eqz (local.get 0)) (then (return (i32.const 7))))
        (call $next (i32.sub (local.get 0) (i32.const 1)))))
    (core instance $i (instantiate $m (with "" (instance
      (export "next" (func $next')) (export "yield" (func $yield))))))
    (func (export "f") (param "n" u32) (result u32) (canon lift (core func $i "f"))))
  (import "host" (func $host (param "n" u32) (result u32)))
  (instance $a (instantiate $C (with "next" (func $host))))
  (instance $b (instantiate $C (with "next" (func $a "f"))))
  (export "run" (func $b "f")))"#;

#[test]
fn guests_that_call_each_other_without_end_trap_at_the_end_of_the_hosts_stack() {
    let engine = engine();
    let component = Component::new(&engine, ENDLESS).unwrap();
    let mut linker: Linker<Option<Instance>> = Linker::new(&engine);
    linker
        .root()
        .func_wrap("host", |mut store, (n,): (u32,)| {
            let instance = store.data().unwrap();
            let run = instance.get_typed_func::<(u32,), (u32,)>(&mut store, "run")?;
            run.call(&mut store, (n,))
        })
        .unwrap();
    let run = || {
        between(20, 1 << 14, |depth| {
            let mut store = Store::new(&engine, None);
            let instance = linker.instantiate(&mut store, &component)?;
            *store.data_mut() = Some(instance);
            let run = instance.get_typed_func::<(u32,), (u32,)>(&mut store, "run")?;
            Ok(run.call(&mut store, (depth,))?.0)
        });
    };
    thread::scope(|scope| {
        let thread = thread::Builder::new().stack_size(4 << 20);
        thread.spawn_scoped(scope, run).unwrap().join().unwrap();
    });
}

#[test]
fn small_threads_trap_early_and_keep_a_share_for_the_host() {
    let engine = engine();
    let text = recursive("", "", "(call $host)", "");
    let component = Component::new(&engine, &text).unwrap();
    for kib in [192, 256, 512] {
        let mut linker: Linker<()> = Linker::new(&engine);
        linker
            .root()
            .func_wrap("host", move |_, ()| {
                black_box(use_stack(kib / 4));
                Ok(())
            })
            .unwrap();
        let run = || {
            between(100, 1 << 18, |depth| {
                let mut store = Store::new(&engine, ());
                let instance = linker.instantiate(&mut store, &component)?;
                let run = instance.get_typed_func::<(u32,), (u32,)>(&mut store, "run")?;
                Ok(run.call(&mut store, (depth,))?.0)
            });
        };
        thread::scope(|scope| {
            let thread = thread::Builder::new().stack_size((kib << 10) * FRAMES);
            thread.spawn_scoped(scope, run).unwrap().join().unwrap();
        });
    }
}

#[test]
fn trampolines_with_the_most_values_fit_on_what_is_left_of_any_stack() {
    let values = "i64 ".repeat(1000);
    let zeros = "(i64.const 0) ".repeat(1000);
    let drops = "drop ".repeat(1000);
    let text = format!(
        r#"(module (import "" "host" (func $host (param {values}) (result {values})))
          (func $leave {zeros} (call $host) {drops})
          (func $deep (export "run") (param i32) (result i32)
            (if (local.get 0)
              (then (return (call $deep (i32.sub (local.get 0) (i32.const 1))))))
            (call $leave)
            (i32.const 7)))"#
    );
    for kib in [16, 24, 32, 64] {
        let engine = Engine::new(Config::new().async_stack_size(kib << 10)).unwrap();
        let module = threadline::Module::new(&engine, &text).unwrap();
        let mut linker: threadline::Linker<()> = threadline::Linker::new(&engine);
        let values = || (0..1000).map(|_| threadline::ValType::I64);
        let ty = threadline::FuncType::new(values(), values());
        linker
            .func_new("", "host", ty, |_, _, results| {
                results.fill(threadline::Val::I64(0));
                Ok(())
            })
            .unwrap();
        let fits = (0..600).filter(|&depth| {
            let mut store = Store::new(&engine, ());
            check(block_on(async {
                let instance = linker.instantiate_async(&mut store, &module).await?;
                let run = instance.get_typed_func::<u32, u32>(&mut store, "run")?;
                run.call_async(&mut store, depth).await
            }))
        });
        assert_eq!(fits.count() > 0, kib == 64, "{kib} KiB");
    }
}
