//! Whoever polls: executors with one thread and with more, with time and without.

use crate::setup::{Data, Func, Gate, block_on, func, hub, hub_with, yields};
use std::time::Duration;
use threadline::component::{Accessor, ConcurrencyCounts, Instance};
use threadline::{Store, component};

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_time()
        .build()
        .unwrap()
}

#[test]
fn futures_go_from_thread_to_thread() {
    fn is_send<T: Send>(value: T) -> T {
        value
    }
    fn is_send_and_sync<T: Send + Sync>() {}
    is_send_and_sync::<Accessor<std::cell::Cell<u8>>>();
    is_send_and_sync::<component::CallCanceller>();
    is_send_and_sync::<component::JoinHandle>();
    is_send_and_sync::<component::Deadlock>();
    is_send_and_sync::<component::WaitingThread>();

    let (mut store, hub) = hub(|_, n| async move {
        tokio::time::sleep(Duration::from_millis(1)).await;
        Ok(n)
    });
    let many = func(&mut store, &hub, "many");
    let runtime = runtime();
    let store = runtime.block_on(async move {
        let task = tokio::spawn(async move {
            let mut store = is_send(store);
            let call = is_send(many.call_async(&mut store, (20,)));
            assert_eq!(call.await.unwrap(), (190,));
            let run = is_send(store.run_concurrent(|accessor| async move {
                let mut sum = 0;
                for n in 0..4 {
                    sum += is_send(many.call_concurrent(accessor, (n,)))
                        .await
                        .unwrap()
                        .0;
                    tokio::time::sleep(Duration::from_millis(1)).await;
                }
                sum
            }));
            assert_eq!(run.await.unwrap(), 1 + 3);
            store
        });
        task.await.unwrap()
    });
    assert_eq!(store.concurrency_counts(), ConcurrencyCounts::default());
}

/// One that never ends by itself.
fn endless() -> (Store<Data>, Instance) {
    hub(|_, _| std::future::pending())
}

#[test]
fn time_outs_end_calls() {
    let (mut store, hub) = endless();
    let stackful = func(&mut store, &hub, "stackful");
    runtime().block_on(async move {
        let short = Duration::from_millis(5);
        let call = tokio::time::timeout(short, stackful.call_async(&mut store, (1,)));
        assert!(call.await.is_err());
        // Within a run it is the same, and the run goes on.
        let run = store.run_concurrent(|accessor| async move {
            let call = tokio::time::timeout(short, stackful.call_concurrent(accessor, (1,)));
            assert!(call.await.is_err());
            7
        });
        assert_eq!(run.await.unwrap(), 7);
        let run = store.run_concurrent(|_| std::future::pending::<()>());
        assert!(tokio::time::timeout(short, run).await.is_err());
    });
}

/// A guest that does nothing but yield, until the host has slept.
#[test]
fn guests_that_are_always_ready_do_not_keep_the_executor_from_its_time() {
    let (mut store, hub) = hub(|accessor, _| async move {
        tokio::time::sleep(Duration::from_millis(5)).await;
        accessor.with(|mut store| store.data_mut().calls = 1);
        Ok(0)
    });
    let stackful = func(&mut store, &hub, "stackful");
    runtime().block_on(async move {
        let run = store.run_concurrent(|accessor| async move {
            // Always ready, too.
            let busy = accessor.spawn(async move {
                while accessor.with(|mut store| store.data_mut().calls) == 0 {
                    yields(1).await;
                }
                Ok(())
            });
            stackful.call_concurrent(accessor, (1,)).await.unwrap();
            busy.await;
        });
        run.await.unwrap();
    });
}

#[test]
fn another_thread_wakes_a_bare_executor() {
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
    let many = func(&mut store, &hub, "many");
    let opener = std::thread::spawn(move || {
        std::thread::sleep(Duration::from_millis(20));
        gate.open();
    });
    assert_eq!(block_on(many.call_async(&mut store, (3,))).unwrap(), (3,));
    opener.join().unwrap();
}

#[test]
fn a_bare_executor_ends_a_call_by_its_own_clock() {
    /// Ready with none when another thread says so.
    async fn until<T>(gate: Gate, call: impl Future<Output = T>) -> Option<T> {
        let mut call = Box::pin(call);
        let mut gate = Box::pin(async move { gate.wait().await });
        std::future::poll_fn(|cx| {
            if let std::task::Poll::Ready(value) = call.as_mut().poll(cx) {
                return std::task::Poll::Ready(Some(value));
            }
            gate.as_mut().poll(cx).map(|()| None)
        })
        .await
    }
    let (mut store, hub) = endless();
    let stackful: Func = func(&mut store, &hub, "stackful");
    let gate = Gate::default();
    let clock = std::thread::spawn({
        let gate = gate.clone();
        move || {
            std::thread::sleep(Duration::from_millis(20));
            gate.open();
        }
    });
    let result = block_on(until(gate, stackful.call_async(&mut store, (1,))));
    assert!(result.is_none());
    clock.join().unwrap();
}

#[test]
fn functions_that_everything_waits_for_sleep_as_well() {
    let (mut store, hub) = hub_with(|linker| {
        let mut root = linker.root();
        root.func_wrap_async("sleep", |_, (n,): (u32,)| {
            Box::new(async move {
                tokio::time::sleep(Duration::from_millis(1)).await;
                Ok((n,))
            })
        })
        .unwrap();
    });
    let many = func(&mut store, &hub, "many");
    runtime().block_on(async move {
        assert_eq!(many.call_async(&mut store, (5,)).await.unwrap(), (10,));
        let run = store.run_concurrent(|accessor| many.call_concurrent(accessor, (5,)));
        assert_eq!(run.await.unwrap().unwrap(), (10,));
    });
}
