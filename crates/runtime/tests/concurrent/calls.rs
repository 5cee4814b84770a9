//! `run_concurrent`: several calls at once, and futures beside them.

use crate::setup::{Alive, Data, Gate, block_on, func, hub, hub_with, poll_once, yields};
use std::future::poll_fn;
use std::pin::Pin;
use std::task::Poll;
use threadline::component::{ConcurrencyCounts, Deadlock, Val};
use threadline::{AsContextMut, Trap};

/// Until all are ready.
async fn join<F: Future + Unpin>(mut futures: Vec<F>) -> Vec<F::Output> {
    let mut outputs: Vec<Option<F::Output>> = futures.iter().map(|_| None).collect();
    poll_fn(move |cx| {
        for (future, output) in futures.iter_mut().zip(&mut outputs) {
            if output.is_none()
                && let Poll::Ready(value) = Pin::new(future).poll(cx)
            {
                *output = Some(value);
            }
        }
        match outputs.iter().all(Option::is_some) {
            true => Poll::Ready(outputs.iter_mut().map(|it| it.take().unwrap()).collect()),
            false => Poll::Pending,
        }
    })
    .await
}

#[test]
fn calls_go_on_at_once() {
    let gate = Gate::default();
    let (mut store, hub) = hub({
        let gate = gate.clone();
        move |accessor, n| {
            let gate = gate.clone();
            async move {
                // The last of them lets the others go on.
                let calls = accessor.with(|mut store| {
                    store.data_mut().calls += 1;
                    store.data_mut().calls
                });
                if calls == 5 {
                    gate.open();
                }
                gate.wait().await;
                Ok(n + 1)
            }
        }
    });
    let stackful = func(&mut store, &hub, "stackful");
    let double = func(&mut store, &hub, "double");
    let results = block_on(store.run_concurrent(|accessor| async move {
        let calls = (0..5).map(|n| stackful.call_concurrent(accessor, (n,)));
        let results = join(calls.collect()).await;
        // And one after the other, also of functions that need nobody.
        assert_eq!(
            double.call_concurrent(accessor, (21,)).await.unwrap(),
            (42,)
        );
        let func = *double.func();
        let dynamic = func.call_concurrent(accessor, vec![Val::U32(4)]).await;
        assert_eq!(dynamic.unwrap(), [Val::U32(8)]);
        let error = func.call_concurrent(accessor, vec![Val::U8(4)]).await;
        assert!(error.unwrap_err().to_string().contains("the parameter `n`"));
        results
            .into_iter()
            .map(|it| it.unwrap().0)
            .collect::<Vec<_>>()
    }));
    assert_eq!(results.unwrap(), [1, 2, 3, 4, 5]);
    assert_eq!(store.concurrency_counts(), ConcurrencyCounts::default());
}

#[test]
fn async_closures_and_borrows_will_do() {
    let (mut store, hub) = hub(|_, n| async move {
        yields(1).await;
        Ok(n)
    });
    let one = func(&mut store, &hub, "one");
    let text = String::from("borrowed");
    let (result, length) = block_on(store.run_concurrent(async |accessor| {
        let result = one.call_concurrent(accessor, (3,)).await;
        accessor.with(|mut store| store.get().calls = 9);
        (result, text.len())
    }))
    .unwrap();
    assert_eq!((result.unwrap(), length), ((3,), 8));
    assert_eq!(store.data().calls, 9);
}

#[test]
fn calls_that_exclude_each_other_take_turns() {
    let (mut store, hub) = hub(|accessor, n| async move {
        let before = accessor.with(|mut store| store.data_mut().calls);
        yields(n).await;
        accessor.with(|mut store| {
            assert_eq!(store.data_mut().calls, before, "one at a time");
            store.data_mut().calls += 1;
        });
        Ok(n)
    });
    let one = func(&mut store, &hub, "one");
    let results = block_on(store.run_concurrent(|accessor| {
        join(
            (0..4)
                .map(|n| one.call_concurrent(accessor, (n,)))
                .collect(),
        )
    }));
    let results: Vec<_> = results
        .unwrap()
        .into_iter()
        .map(|it| it.unwrap().0)
        .collect();
    assert_eq!(results, [0, 1, 2, 3]);
    assert_eq!(store.data().calls, 4);
}

#[test]
fn the_host_calls_guests_that_call_the_host_that_calls_guests() {
    let (mut store, hub) = hub(|accessor, n| async move {
        // At once, and by a call that lasts.
        let instance = accessor.with(|mut store| store.data_mut().instance.unwrap());
        let double = accessor.with(|mut store| {
            let double = instance.get_typed_func::<(u32,), (u32,)>(&mut store, "double")?;
            double.call(&mut store, (n,))
        })?;
        if n == 0 {
            yields(2).await;
            return Ok(1);
        }
        let inner = accessor
            .with(|mut store| instance.get_typed_func::<(u32,), (u32,)>(&mut store, "stackful"))?;
        let (inner,) = inner.call_concurrent(accessor, (n - 1,)).await?;
        Ok(double.0 + inner)
    });
    let stackful = func(&mut store, &hub, "stackful");
    let expected = (1..=6).map(|n| 2 * n).sum::<u32>() + 1;
    assert_eq!(
        block_on(stackful.call_async(&mut store, (6,))).unwrap(),
        (expected,)
    );
    // They wake each other, so a plain call gets there, too.
    assert_eq!(stackful.call(&mut store, (6,)).unwrap(), (expected,));
    assert_eq!(store.concurrency_counts(), ConcurrencyCounts::default());
}

#[test]
fn functions_that_everything_waits_for_call_guests_that_wait() {
    let (mut store, hub) = hub_with(|linker| {
        let mut root = linker.root();
        root.func_wrap_async("sleep", |mut store, (n,): (u32,)| {
            Box::new(async move {
                if n == 0 {
                    yields(3).await;
                    return Ok((1,));
                }
                let instance = store.data_mut().instance.unwrap();
                let inner = instance.get_typed_func::<(u32,), (u32,)>(&mut store, "stackful")?;
                let (result,) = inner.call_async(&mut store, (n - 1,)).await?;
                yields(1).await;
                Ok((result + n,))
            })
        })
        .unwrap();
    });
    let stackful = func(&mut store, &hub, "stackful");
    for _ in 0..2 {
        assert_eq!(
            block_on(stackful.call_async(&mut store, (4,))).unwrap(),
            (1 + 1 + 2 + 3 + 4,)
        );
        // Dropped where it waits, it locks the instance; but here it has ended.
        assert_eq!(store.concurrency_counts(), ConcurrencyCounts::default());
    }
    let mut call = Box::pin(stackful.call_async(&mut store, (4,)));
    for _ in 0..2 {
        assert!(poll_once(&mut call).is_pending());
    }
    drop(call);
    assert_eq!(store.concurrency_counts(), ConcurrencyCounts::default());
    let error = block_on(stackful.call_async(&mut store, (0,))).unwrap_err();
    assert!(format!("{error:#}").contains("cannot enter"), "{error:#}");
}

#[test]
fn futures_are_spawned_waited_for_and_aborted() {
    let (mut store, _) = hub(|_, n| async move { Ok(n) });
    let alive = Alive::default();
    let guard = alive.guard();
    let (first, second) = (alive.guard(), alive.guard());
    block_on(store.run_concurrent(|accessor| async move {
        let task = accessor.spawn(async move {
            let _guard = first;
            yields(3).await;
            accessor.with(|mut store| store.data_mut().calls += 1);
            Ok(())
        });
        let endless = accessor.spawn(async move {
            let _guard = second;
            std::future::pending().await
        });
        task.await;
        accessor.with(|mut store| assert_eq!(store.data_mut().calls, 1));
        endless.abort();
        endless.await;
    }))
    .unwrap();
    assert_eq!(alive.count(), 1);
    drop(guard);
    assert_eq!(store.concurrency_counts(), ConcurrencyCounts::default());
    let error = block_on(store.run_concurrent(|accessor| async move {
        accessor.spawn(async { anyhow::bail!("it fails") });
        std::future::pending::<()>().await;
    }))
    .unwrap_err();
    assert_eq!(error.to_string(), "it fails");
}

#[test]
fn what_never_goes_on_is_a_deadlock_that_says_why() {
    let (mut store, hub) = hub(|_, n| async move { Ok(n) });
    let forever = func(&mut store, &hub, "forever");
    let mut errors = vec![forever.call(&mut store, (0,)).unwrap_err()];
    errors.push(block_on(forever.call_async(&mut store, (0,))).unwrap_err());
    for error in errors {
        let deadlock = error.downcast_ref::<Deadlock>().unwrap();
        let text = deadlock.to_string();
        assert!(
            text.starts_with(
                "wasm trap: deadlock detected: event loop cannot make further progress\n"
            ),
            "{text}"
        );
        let thread = deadlock.threads().last().unwrap().text();
        assert!(thread.contains("(the export `forever`)"), "{thread}");
        assert!(
            thread.ends_with("waits for an event of a set that has nothing in it"),
            "{thread}"
        );
    }
}

#[test]
fn the_error_of_a_call_is_that_call_s() {
    let (mut store, hub) = hub(|_, n| async move {
        yields(n).await;
        Ok(n)
    });
    let trap = func(&mut store, &hub, "trap");
    let stackful = func(&mut store, &hub, "stackful");
    block_on(store.run_concurrent(|accessor| async move {
        let waiting = stackful.call_concurrent(accessor, (1_000_000,));
        yields(3).await;
        let error = trap.call_concurrent(accessor, (5,)).await.unwrap_err();
        assert!(error.is::<Trap>(), "{error:#}");
        // Who was in the instance that trapped will never return.
        let error = waiting.await.unwrap_err();
        assert_eq!(error.downcast_ref(), Some(&Trap::CannotEnterComponent));
    }))
    .unwrap();
    assert_eq!(store.concurrency_counts().host_futures, 0);
}

#[test]
fn an_accessor_is_of_use_only_where_its_store_polls() {
    use std::panic::{AssertUnwindSafe, catch_unwind};
    let (mut store, hub) = hub(|_, n| async move { Ok(n) });
    let one = func(&mut store, &hub, "one");
    let accessor = block_on(store.run_concurrent(|accessor| async move {
        accessor.with(|mut store| {
            let nested = catch_unwind(AssertUnwindSafe(|| accessor.with(|_| ())));
            assert!(nested.is_err());
            // What runs meanwhile is lent the store in turn.
            one.call(store.as_context_mut(), (1,)).unwrap();
        });
        accessor
    }))
    .unwrap();
    assert!(catch_unwind(AssertUnwindSafe(|| accessor.with(|_| ()))).is_err());
    let Data { calls, .. } = store.into_data();
    assert_eq!(calls, 0);
}
