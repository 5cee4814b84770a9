//! Functions that are `async` in their WIT, and others that are made futures by an option.

use super::guest;
use std::future::poll_fn;
use std::pin::pin;
use std::task::{Context, Poll, Waker};
use threadline::component::{Accessor, HasSelf, Linker, Resource, ResourceTable};
use threadline::{Engine, Store};

threadline::component::bindgen!({
    path: "tests/bindings/wit/concurrent.wit",
    with: { "t:c/clock/timer": Timer },
    async: { imports: ["tick"], exports: ["add"] },
    trappable_imports: ["log", "[constructor]timer"],
});

use t::c::clock;

/// What the embedder has for the resource.
#[derive(Debug)]
pub(crate) struct Timer {
    left: u32,
}

#[derive(Default)]
struct Host {
    timers: ResourceTable,
    logged: Vec<String>,
    ticks: u32,
}

/// Pending so often, waking itself.
async fn yields(times: u32) {
    let mut left = times;
    poll_fn(|cx| match left {
        0 => Poll::Ready(()),
        _ => {
            left -= 1;
            cx.waker().wake_by_ref();
            Poll::Pending
        }
    })
    .await;
}

fn block_on<F: Future>(future: F) -> F::Output {
    let mut future = pin!(future);
    loop {
        let cx = &mut Context::from_waker(Waker::noop());
        if let Poll::Ready(output) = future.as_mut().poll(cx) {
            return output;
        }
    }
}

impl clock::HostTimer for Host {
    fn new(&mut self, n: u32) -> anyhow::Result<Resource<Timer>> {
        Ok(self.timers.push(Timer { left: n })?)
    }

    fn left(&mut self, timer: Resource<Timer>) -> u32 {
        self.timers.get(&timer).unwrap().left
    }

    fn drop(&mut self, timer: Resource<Timer>) -> anyhow::Result<()> {
        self.timers.delete(timer)?;
        Ok(())
    }
}

impl clock::HostTimerWithStore for HasSelf<Host> {
    async fn wait<T: Send>(accessor: &Accessor<T, Self>, timer: Resource<Timer>) -> u32 {
        let mut waited = 0;
        loop {
            let left = accessor.with(|mut access| {
                let left = &mut access.get().timers.get_mut(&timer).unwrap().left;
                *left = left.saturating_sub(1);
                *left
            });
            if left == 0 {
                return waited;
            }
            yields(1).await;
            waited += 1;
        }
    }
}

impl clock::Host for Host {
    fn now(&mut self) -> u32 {
        self.ticks
    }
}

impl clock::HostWithStore for HasSelf<Host> {
    async fn sleep<T: Send>(_: &Accessor<T, Self>, n: u32, what: String) -> Result<String, u32> {
        yields(n).await;
        match n {
            0 => Err(n),
            _ => Ok(what),
        }
    }
}

impl ClocksImports for Host {
    async fn tick(&mut self) -> u32 {
        yields(2).await;
        self.ticks += 1;
        self.ticks
    }
}

impl ClocksImportsWithStore for HasSelf<Host> {
    async fn log<T: Send>(accessor: &Accessor<T, Self>, text: String) -> anyhow::Result<()> {
        yields(1).await;
        anyhow::ensure!(text != "no", "that is not logged");
        accessor.with(|mut access| access.get().logged.push(text));
        Ok(())
    }
}

fn clocks() -> (Store<Host>, Clocks) {
    let engine = Engine::default();
    let component = guest::concurrent(&engine);
    let mut linker = Linker::new(&engine);
    Clocks::add_to_linker::<_, HasSelf<_>>(&mut linker, |host| host).unwrap();
    let mut store = Store::new(&engine, Host::default());
    let clocks = block_on(Clocks::instantiate_async(&mut store, &component, &linker));
    (store, clocks.unwrap())
}

#[test]
fn async_functions_go_on_together() {
    let (mut store, clocks) = clocks();
    let sum = block_on(store.run_concurrent(|accessor| async move {
        let first = clocks.call_run(accessor, "abc".to_owned(), 5).await?;
        let second = clocks.more().call_wait_all(accessor, 3).await?;
        anyhow::Ok((first, second))
    }));
    // Waited four times, then the length of what came back; waited twice.
    assert_eq!(sum.unwrap().unwrap(), (4 + 3, 2));
    assert_eq!(store.data().logged, ["abc"]);
}

#[test]
fn errors_of_async_functions_are_passed_on_and_end_calls() {
    let (mut store, clocks) = clocks();
    let results = block_on(store.run_concurrent(async |accessor| {
        // An error of the WIT: its case is 1.
        let zero = clocks.call_run(accessor, "abc".to_owned(), 0).await;
        (
            zero.unwrap(),
            clocks.call_run(accessor, "no".to_owned(), 1).await,
        )
    }));
    let (zero, call) = results.unwrap();
    assert_eq!(zero, 1000);
    // An error of the host is that of the call by whose guest the function was called.
    let error = call.unwrap_err();
    assert_eq!(error.to_string(), "that is not logged");
}

#[test]
fn functions_are_made_futures_by_an_option() {
    let (mut store, clocks) = clocks();
    let sum = block_on(clocks.call_add(&mut store, "four", 10));
    assert_eq!(sum.unwrap(), 4 + 10 + 1);
}
