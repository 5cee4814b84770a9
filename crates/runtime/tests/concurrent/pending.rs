//! Host functions that aren't ready at once.

use crate::setup::{Alive, Data, Gate, block_on, func, hub, poll_once, yields};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use threadline::component::ConcurrencyCounts;

#[test]
fn a_function_that_is_ready_at_once_makes_no_subtask() {
    let (mut store, hub) = hub(|accessor, n| {
        accessor.with(|mut store| store.data_mut().calls += 1);
        async move { Ok(n + 1) }
    });
    for name in ["one", "stackful"] {
        let func = func(&mut store, &hub, name);
        assert_eq!(func.call(&mut store, (4,)).unwrap(), (5,), "{name}");
        assert_eq!(block_on(func.call_async(&mut store, (5,))).unwrap(), (6,));
    }
    let many = func(&mut store, &hub, "many");
    assert_eq!(many.call(&mut store, (4,)).unwrap(), (1 + 2 + 3 + 4,));
    assert_eq!(store.data().calls, 8);
    assert_eq!(store.concurrency_counts(), ConcurrencyCounts::default());
}

#[test]
fn a_caller_waits_for_a_function_that_is_not_ready() {
    let (mut store, hub) = hub(|accessor, n| async move {
        yields(n).await;
        accessor.with(|mut store| store.data_mut().calls += 1);
        yields(n).await;
        Ok(n * 10)
    });
    for name in ["one", "stackful"] {
        let func = func(&mut store, &hub, name);
        assert_eq!(block_on(func.call_async(&mut store, (3,))).unwrap(), (30,));
        // They wake themselves, so a plain call gets there, too.
        assert_eq!(func.call(&mut store, (2,)).unwrap(), (20,), "{name}");
    }
    assert_eq!(store.data().calls, 4);
    assert_eq!(store.concurrency_counts(), ConcurrencyCounts::default());
}

#[test]
fn functions_go_on_at_once_and_are_waited_for_in_a_set() {
    let peak = Arc::new(AtomicU32::new(0));
    let alive = Alive::default();
    let (mut store, hub) = hub({
        let (alive, peak) = (alive.clone(), peak.clone());
        move |_, n| {
            let (guard, alive, peak) = (alive.guard(), alive.clone(), peak.clone());
            async move {
                peak.fetch_max(alive.count(), Ordering::SeqCst);
                // Those that were called last are ready first; one of them at once.
                yields(9 - n).await;
                drop(guard);
                Ok(n)
            }
        }
    });
    let many = func(&mut store, &hub, "many");
    assert_eq!(block_on(many.call_async(&mut store, (10,))).unwrap(), (45,));
    assert_eq!(peak.load(Ordering::SeqCst), 10);
    assert_eq!(alive.count(), 0);
    assert_eq!(store.concurrency_counts(), ConcurrencyCounts::default());
}

#[test]
fn very_many_functions_go_on_at_once() {
    let gate = Gate::default();
    let (mut store, hub) = hub({
        let gate = gate.clone();
        move |_, n| {
            let gate = gate.clone();
            async move {
                gate.wait().await;
                Ok(n & 1)
            }
        }
    });
    store.set_concurrency_checks(false);
    let many = func(&mut store, &hub, "many");
    for _ in 0..2 {
        let mut call = Box::pin(many.call_async(&mut store, (10_000,)));
        assert!(poll_once(&mut call).is_pending());
        gate.open();
        assert_eq!(block_on(call).unwrap(), (5_000,));
        gate.close();
        assert_eq!(store.concurrency_counts(), ConcurrencyCounts::default());
    }
}

#[test]
fn a_plain_call_says_what_it_would_have_to_wait_for() {
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
    let one = func(&mut store, &hub, "one");
    let error = one.call(&mut store, (1,)).unwrap_err();
    assert_eq!(
        error.to_string(),
        "the call waits for a host function, the import `sleep`, and a plain call can't wait: call it \
         with `call_async`"
    );
    // What was begun goes on, and the instance can be called.
    gate.open();
    assert_eq!(block_on(one.call_async(&mut store, (2,))).unwrap(), (2,));
}

#[test]
fn what_was_left_behind_goes_on_when_the_store_is_turned() {
    let (gate, alive) = (Gate::default(), Alive::default());
    let (mut store, hub) = hub({
        let (gate, alive) = (gate.clone(), alive.clone());
        move |_, n| {
            let (gate, guard) = (gate.clone(), alive.guard());
            async move {
                gate.wait().await;
                drop(guard);
                Ok(n)
            }
        }
    });
    let detached = func(&mut store, &hub, "detached");
    assert_eq!(
        block_on(detached.call_async(&mut store, (1,))).unwrap(),
        (0,)
    );
    let counts = store.concurrency_counts();
    assert_eq!((counts.tasks, counts.host_futures), (1, 1));
    gate.open();
    block_on(store.run_concurrent(|_| yields(8))).unwrap();
    assert_eq!(store.concurrency_counts(), ConcurrencyCounts::default());
    assert_eq!(alive.count(), 0);
}

#[test]
fn dropping_the_store_drops_what_goes_on() {
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
    detached.call(&mut store, (1,)).unwrap();
    assert_eq!(alive.count(), 1);
    let Data { .. } = store.into_data();
    assert_eq!(alive.count(), 0);
}
