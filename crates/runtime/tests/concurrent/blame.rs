//! Whose the error of a host function is that has failed while its caller waited.

use crate::setup::{Data, Func, HUB, block_on, func, hub, yields};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use threadline::component::{Component, ConcurrencyCounts, Instance, Linker};
use threadline::{Engine, Store, Trap};

/// Calls of `sleep` with this fail, after a while.
const BAD: u32 = 13;

/// Calls of `sleep` with this are over at once.
const AT_ONCE: u32 = 99;

const TEXT: &str = "an unlucky number";

fn linker(engine: &Engine) -> Linker<Data> {
    let mut linker = Linker::new(engine);
    linker
        .root()
        .func_wrap_concurrent("sleep", |_, (n,): (u32,)| async move {
            if n != AT_ONCE {
                yields(5).await;
            }
            match n {
                BAD => anyhow::bail!(TEXT),
                n => Ok((n,)),
            }
        })
        .unwrap();
    linker
}

/// Some instances of [`HUB`] in one store.
fn hubs<const N: usize>() -> (Store<Data>, [Instance; N]) {
    let engine = Engine::default();
    let hub = Component::new(&engine, HUB).unwrap();
    let linker = linker(&engine);
    let mut store = Store::new(&engine, Data::default());
    let hubs = [(); N].map(|()| linker.instantiate(&mut store, &hub).unwrap());
    (store, hubs)
}

fn assert_locked(store: &mut Store<Data>, func: Func) {
    let error = block_on(func.call_async(store, (1,))).unwrap_err();
    assert!(format!("{error:#}").contains("cannot enter"), "{error:#}");
}

#[test]
fn it_is_the_call_s_that_has_called_the_function() {
    for name in ["one", "stackful"] {
        let (mut store, [first, second]) = hubs();
        let bad = func(&mut store, &first, name);
        let good = func(&mut store, &second, name);
        block_on(store.run_concurrent(|accessor| async move {
            let before = good.call_concurrent(accessor, (10,));
            let error = bad.call_concurrent(accessor, (BAD,)).await.unwrap_err();
            assert_eq!(error.to_string(), TEXT, "{name}");
            let after = good.call_concurrent(accessor, (12,));
            assert_eq!(
                (before.await.unwrap(), after.await.unwrap()),
                ((10,), (12,))
            );
        }))
        .unwrap();
        assert_eq!(store.concurrency_counts(), ConcurrencyCounts::default());
        assert_locked(&mut store, bad);
    }
}

#[test]
fn others_in_the_same_instance_never_return() {
    let (mut store, [first]) = hubs();
    let stackful = func(&mut store, &first, "stackful");
    let many = func(&mut store, &first, "many");
    block_on(store.run_concurrent(|accessor| async move {
        // It waits for all of a set, of which one fails.
        let bad = many.call_concurrent(accessor, (BAD + 1,));
        yields(2).await;
        let other = stackful.call_concurrent(accessor, (1,));
        assert_eq!(bad.await.unwrap_err().to_string(), TEXT);
        let error = other.await.unwrap_err();
        assert_eq!(error.downcast_ref(), Some(&Trap::CannotEnterComponent));
    }))
    .unwrap();
    assert_eq!(store.concurrency_counts(), ConcurrencyCounts::default());
    assert_locked(&mut store, many);
}

#[test]
fn it_reaches_the_host_through_all_guests_of_a_component() {
    // The inner one's function, and whether it ends by the host's error.
    for (inner, is_host_error) in [("one", true), ("stackful", true), ("cancelled", false)] {
        let hub = HUB.replacen("(component", "(component $Hub", 1);
        let nested = format!(
            r#"(component
                (import "sleep" (func $sleep async (param "n" u32) (result u32)))
                {hub}
                (instance $inner (instantiate $Hub (with "sleep" (func $sleep))))
                (instance $outer (instantiate $Hub (with "sleep" (func $inner "{inner}"))))
                (export "one" (func $outer "one"))
                (export "stackful" (func $outer "stackful")))"#
        );
        let engine = Engine::default();
        let linker = linker(&engine);
        let (nested, hub) = (
            Component::new(&engine, &nested).unwrap(),
            Component::new(&engine, HUB).unwrap(),
        );
        for outer in ["one", "stackful"] {
            let mut store = Store::new(&engine, Data::default());
            let nested = linker.instantiate(&mut store, &nested).unwrap();
            let hub = linker.instantiate(&mut store, &hub).unwrap();
            let bad = func(&mut store, &nested, outer);
            let good = func(&mut store, &hub, "stackful");
            block_on(store.run_concurrent(|accessor| async move {
                let other = good.call_concurrent(accessor, (10,));
                // The last of the inner functions traps if its own call is over at once.
                let n = if is_host_error { BAD } else { AT_ONCE };
                let error = bad.call_concurrent(accessor, (n,)).await.unwrap_err();
                match is_host_error {
                    true => assert_eq!(error.to_string(), TEXT),
                    false => assert_eq!(error.downcast_ref(), Some(&Trap::UnknownHandle)),
                }
                assert_eq!(other.await.unwrap(), (10,));
            }))
            .unwrap_or_else(|error| panic!("{outer} {inner}: {error:#}"));
            assert_locked(&mut store, bad);
        }
    }
}

#[test]
fn it_reaches_the_host_through_instances_that_are_linked() {
    let (mut store, [inner, other]) = hubs();
    let engine = store.engine().clone();
    for name in ["one", "stackful"] {
        let inner_func = inner.get_func(&mut store, "stackful").unwrap();
        let mut linker = Linker::new(&engine);
        linker.root().func(&store, "sleep", inner_func).unwrap();
        let hub = Component::new(&engine, HUB).unwrap();
        let outer = linker.instantiate(&mut store, &hub).unwrap();
        let bad = func(&mut store, &outer, name);
        let good = func(&mut store, &other, "stackful");
        let first = name == "one";
        block_on(store.run_concurrent(|accessor| async move {
            let other = good.call_concurrent(accessor, (10,));
            let error = bad.call_concurrent(accessor, (BAD,)).await.unwrap_err();
            match first {
                true => assert_eq!(error.to_string(), TEXT),
                // The inner one is locked by then.
                false => assert!(format!("{error:#}").contains("cannot enter"), "{error:#}"),
            }
            assert_eq!(other.await.unwrap(), (10,));
        }))
        .unwrap();
        assert_locked(&mut store, bad);
    }
    let inner = func(&mut store, &inner, "stackful");
    assert_locked(&mut store, inner);
}

#[test]
fn who_turns_the_loop_gets_what_nobody_waits_for() {
    let (mut store, [hub]) = hubs();
    let detached = func(&mut store, &hub, "detached");
    let error = block_on(store.run_concurrent(|accessor| async move {
        let returned = detached.call_concurrent(accessor, (BAD,)).await;
        assert_eq!(returned.unwrap(), (0,));
        std::future::pending::<()>().await;
    }));
    assert_eq!(error.unwrap_err().to_string(), TEXT);
    assert_locked(&mut store, detached);
    assert_eq!(store.concurrency_counts(), ConcurrencyCounts::default());
}

/// A call that fails goes on in the background while another one is made by itself; how that ends.
fn beside(same_instance: bool) -> anyhow::Result<(u32,)> {
    let (mut store, hubs) = hubs::<2>();
    let bad = func(&mut store, &hubs[0], "stackful");
    let other = func(&mut store, &hubs[usize::from(!same_instance)], "stackful");
    let failed = Arc::new(AtomicBool::new(false));
    let noted = failed.clone();
    block_on(store.run_concurrent(|accessor| async move {
        accessor.spawn(async move {
            let error = bad.call_concurrent(accessor, (BAD,)).await.unwrap_err();
            assert_eq!(error.to_string(), TEXT);
            noted.store(true, Ordering::SeqCst);
            Ok(())
        });
        yields(2).await;
    }))
    .unwrap();
    let result = block_on(other.call_async(&mut store, (3,)));
    block_on(store.run_concurrent(|_| yields(8))).unwrap();
    assert!(failed.load(Ordering::SeqCst));
    assert_eq!(store.concurrency_counts(), ConcurrencyCounts::default());
    result
}

#[test]
fn a_call_by_itself_does_not_fail_for_another() {
    assert_eq!(beside(false).unwrap(), (3,));
    let error = beside(true).unwrap_err();
    assert_eq!(error.downcast_ref(), Some(&Trap::CannotEnterComponent));
}

#[test]
fn a_function_that_fails_when_it_is_to_be_cancelled() {
    let (mut store, hub) = hub(|accessor, _| async move {
        accessor.cancelled().await;
        anyhow::bail!(TEXT)
    });
    let cancelled = func(&mut store, &hub, "cancelled");
    block_on(store.run_concurrent(|accessor| async move {
        let error = cancelled.call_concurrent(accessor, (1,)).await.unwrap_err();
        assert_eq!(error.root_cause().to_string(), TEXT);
    }))
    .unwrap();
    assert_locked(&mut store, cancelled);
}

/// `both` begins a `sleep`, and calls `whole`, for which everything waits, meanwhile.
const BOTH: &str = r#"(component
    (import "sleep" (func $sleep async (param "n" u32) (result u32)))
    (import "whole" (func $whole async (result u32)))
    (core module $libc (memory (export "memory") 1))
    (core instance $libc (instantiate $libc))
    (core func $sleep' (canon lower (func $sleep) async (memory (core memory $libc "memory"))))
    (core func $whole' (canon lower (func $whole)))
    (core module $m
        (import "" "sleep" (func $sleep (param i32 i32) (result i32)))
        (import "" "whole" (func $whole (result i32)))
        (func (export "both") (param i32) (result i32)
            (drop (call $sleep (local.get 0) (i32.const 16)))
            (call $whole)))
    (core instance $i (instantiate $m (with "" (instance
        (export "sleep" (func $sleep')) (export "whole" (func $whole'))))))
    (func (export "both") async (param "n" u32) (result u32) (canon lift (core func $i "both"))))"#;

#[test]
fn the_first_failure_is_told_of_and_not_what_comes_of_it() {
    let engine = Engine::default();
    let mut linker = linker(&engine);
    linker
        .root()
        .func_wrap_async("whole", |mut store, ()| {
            Box::new(async move {
                let hub = store.data_mut().instance.unwrap();
                let inner = hub.get_typed_func::<(u32,), (u32,)>(&mut store, "stackful")?;
                for _ in 0..3 {
                    inner.call_async(&mut store, (2,)).await?;
                }
                // By now the guest is locked, and can't be returned to.
                Ok((1u32,))
            })
        })
        .unwrap();
    for by_itself in [true, false] {
        let mut store = Store::new(&engine, Data::default());
        let hub = Component::new(&engine, HUB).unwrap();
        let hub = linker.instantiate(&mut store, &hub).unwrap();
        store.data_mut().instance = Some(hub);
        let both = Component::new(&engine, BOTH).unwrap();
        let both = linker.instantiate(&mut store, &both).unwrap();
        let both = func(&mut store, &both, "both");
        let error = match by_itself {
            true => block_on(both.call_async(&mut store, (BAD,))),
            false => block_on(store.run_concurrent(|accessor| async move {
                both.call_concurrent(accessor, (BAD,)).await
            }))
            .unwrap(),
        };
        assert_eq!(error.unwrap_err().to_string(), TEXT);
        assert_locked(&mut store, both);
    }
}
