//! Host functions that fail, guests that trap and futures that are dropped while others go on.

use crate::setup::{Alive, Gate, block_on, func, hub, poll_once, yields};
use std::panic::{AssertUnwindSafe, catch_unwind};
use threadline::Trap;
use threadline::component::ConcurrencyCounts;

#[test]
fn a_function_that_fails_while_others_go_on() {
    let alive = Alive::default();
    let (mut store, hub) = hub({
        let alive = alive.clone();
        move |_, n| {
            let guard = alive.guard();
            async move {
                let _guard = guard;
                yields(3).await;
                match n {
                    2 => anyhow::bail!("the third fails"),
                    _ => std::future::pending().await,
                }
            }
        }
    });
    let many = func(&mut store, &hub, "many");
    let error = block_on(many.call_async(&mut store, (5,))).unwrap_err();
    assert_eq!(error.to_string(), "the third fails");
    assert_eq!(alive.count(), 0, "what the others did is dropped");
    let error = many.call(&mut store, (1,)).unwrap_err();
    assert!(format!("{error:#}").contains("cannot enter"), "{error:#}");
    assert_eq!(store.concurrency_counts().host_futures, 0);
}

#[test]
fn a_function_that_panics_while_others_go_on() {
    for when in [0, 3] {
        let alive = Alive::default();
        let (mut store, hub) = hub({
            let alive = alive.clone();
            move |_, n| {
                let guard = alive.guard();
                async move {
                    let _guard = guard;
                    yields(when).await;
                    match n {
                        2 => panic!("the third panics"),
                        _ => std::future::pending().await,
                    }
                }
            }
        });
        let many = func(&mut store, &hub, "many");
        let payload = catch_unwind(AssertUnwindSafe(|| {
            block_on(many.call_async(&mut store, (5,)))
        }));
        let payload = payload.unwrap_err();
        assert_eq!(payload.downcast_ref(), Some(&"the third panics"));
        assert_eq!(alive.count(), 0);
        let counts = store.concurrency_counts();
        assert_eq!((counts.host_futures, counts.host_calls), (0, 0), "{when}");
        assert!(many.call(&mut store, (1,)).is_err(), "locked");
    }
}

#[test]
fn a_trap_while_functions_go_on() {
    let alive = Alive::default();
    let (mut store, hub) = hub({
        let alive = alive.clone();
        move |_, _| {
            let guard = alive.guard();
            async move {
                let _guard = guard;
                std::future::pending().await
            }
        }
    });
    let detached = func(&mut store, &hub, "detached");
    for _ in 0..3 {
        block_on(detached.call_async(&mut store, (1,))).unwrap();
    }
    assert_eq!(alive.count(), 3);
    let trap = func(&mut store, &hub, "trap");
    let error = block_on(trap.call_async(&mut store, (1,))).unwrap_err();
    assert!(error.is::<Trap>(), "{error:#}");
    assert_eq!(alive.count(), 0);
    assert_eq!(store.concurrency_counts().host_futures, 0);
}

#[test]
fn a_run_that_is_dropped_midway_leaves_nothing() {
    let (alive, gate) = (Alive::default(), Gate::default());
    let (mut store, hub) = hub({
        let (alive, gate) = (alive.clone(), gate.clone());
        move |_, n| {
            let (guard, gate) = (alive.guard(), gate.clone());
            async move {
                let _guard = guard;
                gate.wait().await;
                Ok(n)
            }
        }
    });
    let stackful = func(&mut store, &hub, "stackful");
    let guard = alive.guard();
    let mut run = Box::pin(store.run_concurrent(|accessor| async move {
        let _guard = guard;
        let call = stackful.call_concurrent(accessor, (1,));
        yields(2).await;
        // What is queued and never begun, too.
        let other = stackful.call_concurrent(accessor, (2,));
        std::future::pending::<()>().await;
        drop((call, other));
    }));
    assert!(poll_once(&mut run).is_pending());
    assert!(alive.count() >= 2);
    drop(run);
    gate.open();
    block_on(store.run_concurrent(|_| yields(8))).unwrap();
    assert_eq!(alive.count(), 0);
    assert_eq!(store.concurrency_counts(), ConcurrencyCounts::default());
    // The instance isn't locked.
    assert_eq!(stackful.call(&mut store, (3,)).unwrap(), (3,));
}

#[test]
fn a_call_that_is_dropped_midway_leaves_nothing() {
    let (alive, gate) = (Alive::default(), Gate::default());
    let (mut store, hub) = hub({
        let (alive, gate) = (alive.clone(), gate.clone());
        move |_, n| {
            let (guard, gate) = (alive.guard(), gate.clone());
            async move {
                let _guard = guard;
                gate.wait().await;
                Ok(n)
            }
        }
    });
    for name in ["one", "stackful", "many"] {
        gate.close();
        let func = func(&mut store, &hub, name);
        let mut call = Box::pin(func.call_async(&mut store, (4,)));
        assert!(poll_once(&mut call).is_pending());
        drop(call);
        gate.open();
        block_on(store.run_concurrent(|_| yields(16))).unwrap();
        assert_eq!(alive.count(), 0, "{name}");
        assert_eq!(store.concurrency_counts(), ConcurrencyCounts::default());
    }
}
