//! The guest of these tests, and executors.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::pin::pin;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Wake, Waker};
use threadline::component::{Accessor, Component, Instance, Linker, TypedFunc};
use threadline::{Engine, Store};

/// Calls the import `sleep` in all ways: `one` synchronously; `many` so many times at once, waiting for
/// all; `cancelled` cancels it, and gives its state and its result; `left` leaves it behind, resolved or
/// not; `detached` starts it in the background, and returns at once. `double` needs nobody.
pub(crate) const HUB: &str = r#"(component
    (import "sleep" (func $sleep async (param "n" u32) (result u32)))
    (core module $libc (memory (export "memory") 2))
    (core instance $libc (instantiate $libc))
    (core func $sleep-sync (canon lower (func $sleep)))
    (core func $sleep-async (canon lower (func $sleep) async (memory (core memory $libc "memory"))))
    (core func $return (canon task.return (result u32)))
    (core func $set-new (canon waitable-set.new))
    (core func $set-drop (canon waitable-set.drop))
    (core func $wait (canon waitable-set.wait (memory (core memory $libc "memory"))))
    (core func $join (canon waitable.join))
    (core func $drop (canon subtask.drop))
    (core func $cancel (canon subtask.cancel))
    (core func $cancel-async (canon subtask.cancel async))
    (core func $yield (canon thread.yield))
    (core module $m
        (import "" "memory" (memory 1))
        (import "" "sleep" (func $sleep (param i32) (result i32)))
        (import "" "sleep-async" (func $sleep-async (param i32 i32) (result i32)))
        (import "" "return" (func $return (param i32)))
        (import "" "set-new" (func $set-new (result i32)))
        (import "" "set-drop" (func $set-drop (param i32)))
        (import "" "wait" (func $wait (param i32 i32) (result i32)))
        (import "" "join" (func $join (param i32 i32)))
        (import "" "drop" (func $drop (param i32)))
        (import "" "cancel" (func $cancel (param i32) (result i32)))
        (import "" "cancel-async" (func $cancel-async (param i32) (result i32)))
        (import "" "yield" (func $yield (result i32)))
        (func (export "double") (param i32) (result i32)
            (i32.mul (local.get 0) (i32.const 2)))
        (func (export "trap") (param i32) (result i32)
            (drop (call $sleep-async (local.get 0) (i32.const 16)))
            unreachable)
        (func (export "one") (param i32) (result i32) (call $sleep (local.get 0)))
        (func (export "stackful") (param i32) (call $return (call $sleep (local.get 0))))
        (func (export "many") (param $count i32)
            (local $set i32) (local $i i32) (local $answer i32) (local $pending i32) (local $sum i32)
            (local.set $set (call $set-new))
            (loop $start
                (if (i32.lt_u (local.get $i) (local.get $count)) (then
                    (local.set $answer (call $sleep-async (local.get $i)
                        (i32.add (i32.const 64) (i32.shl (local.get $i) (i32.const 2)))))
                    (if (i32.ne (local.get $answer) (i32.const 2)) (then
                        (if (i32.ne (i32.and (local.get $answer) (i32.const 15)) (i32.const 1))
                            (then unreachable))
                        (call $join (i32.shr_u (local.get $answer) (i32.const 4)) (local.get $set))
                        (local.set $pending (i32.add (local.get $pending) (i32.const 1)))))
                    (local.set $i (i32.add (local.get $i) (i32.const 1)))
                    (br $start))))
            (loop $more
                (if (local.get $pending) (then
                    (if (i32.ne (call $wait (local.get $set) (i32.const 0)) (i32.const 1))
                        (then unreachable))
                    (if (i32.ne (i32.load (i32.const 4)) (i32.const 2)) (then unreachable))
                    (call $drop (i32.load (i32.const 0)))
                    (local.set $pending (i32.sub (local.get $pending) (i32.const 1)))
                    (br $more))))
            (call $set-drop (local.get $set))
            (loop $add
                (if (local.get $i) (then
                    (local.set $i (i32.sub (local.get $i) (i32.const 1)))
                    (local.set $sum (i32.add (local.get $sum) (i32.load
                        (i32.add (i32.const 64) (i32.shl (local.get $i) (i32.const 2))))))
                    (br $add))))
            (call $return (local.get $sum)))
        ;; The state after the cancellation, and 16 times the result.
        (func $state (param $state i32)
            (call $return (i32.add (local.get $state)
                (i32.mul (i32.const 16) (i32.load (i32.const 16))))))
        (func (export "cancelled") (param $n i32)
            (local $sub i32)
            (local.set $sub (i32.shr_u (call $sleep-async (local.get $n) (i32.const 16)) (i32.const 4)))
            (drop (call $yield))
            (call $state (call $cancel (local.get $sub)))
            (call $drop (local.get $sub)))
        ;; The same without waiting; then it waits for the event.
        (func (export "cancelled-async") (param $n i32)
            (local $sub i32) (local $set i32)
            (local.set $sub (i32.shr_u (call $sleep-async (local.get $n) (i32.const 16)) (i32.const 4)))
            (if (i32.ne (call $cancel-async (local.get $sub)) (i32.const -1)) (then unreachable))
            (local.set $set (call $set-new))
            (call $join (local.get $sub) (local.get $set))
            (drop (call $wait (local.get $set) (i32.const 0)))
            (call $state (i32.load (i32.const 4)))
            (call $drop (local.get $sub))
            (call $set-drop (local.get $set)))
        (func (export "detached") (param $n i32)
            (local $sub i32) (local $set i32)
            (local.set $sub (i32.shr_u (call $sleep-async (local.get $n) (i32.const 16)) (i32.const 4)))
            (call $return (i32.const 0))
            (local.set $set (call $set-new))
            (call $join (local.get $sub) (local.get $set))
            (drop (call $wait (local.get $set) (i32.const 0)))
            (call $drop (local.get $sub))
            (call $set-drop (local.get $set)))
        (func (export "forever") (param i32)
            (drop (call $wait (call $set-new) (i32.const 0)))
            unreachable))
    (core instance $i (instantiate $m (with "" (instance
        (export "memory" (memory $libc "memory"))
        (export "sleep" (func $sleep-sync)) (export "sleep-async" (func $sleep-async))
        (export "return" (func $return)) (export "set-new" (func $set-new))
        (export "set-drop" (func $set-drop)) (export "wait" (func $wait))
        (export "join" (func $join)) (export "drop" (func $drop))
        (export "cancel" (func $cancel)) (export "cancel-async" (func $cancel-async))
        (export "yield" (func $yield))))))
    (func (export "double") async (param "n" u32) (result u32) (canon lift (core func $i "double")))
    (func (export "trap") async (param "n" u32) (result u32) (canon lift (core func $i "trap")))
    (func (export "one") async (param "n" u32) (result u32) (canon lift (core func $i "one")))
    (func (export "stackful") async (param "n" u32) (result u32)
        (canon lift (core func $i "stackful") async))
    (func (export "many") async (param "n" u32) (result u32)
        (canon lift (core func $i "many") async))
    (func (export "cancelled") async (param "n" u32) (result u32)
        (canon lift (core func $i "cancelled") async))
    (func (export "cancelled-async") async (param "n" u32) (result u32)
        (canon lift (core func $i "cancelled-async") async))
    (func (export "detached") async (param "n" u32) (result u32)
        (canon lift (core func $i "detached") async))
    (func (export "forever") async (param "n" u32) (result u32)
        (canon lift (core func $i "forever") async))
)"#;

/// What tests have in their stores.
#[derive(Default)]
pub(crate) struct Data {
    /// How many calls of the host have begun.
    pub(crate) calls: u32,
    pub(crate) instance: Option<Instance>,
}

pub(crate) type Func = TypedFunc<(u32,), (u32,)>;

/// An instance of [`HUB`] whose `sleep` is this.
pub(crate) fn hub<F, Fut>(sleep: F) -> (Store<Data>, Instance)
where
    F: Fn(&'static Accessor<Data>, u32) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = anyhow::Result<u32>> + Send + 'static,
{
    hub_with(|linker| {
        let mut root = linker.root();
        let sleep = Arc::new(sleep);
        root.func_wrap_concurrent("sleep", move |accessor, (n,): (u32,)| {
            let future = sleep(accessor, n);
            async move { Ok((future.await?,)) }
        })
        .unwrap();
    })
}

/// An instance of [`HUB`] whose `sleep` is defined by this.
pub(crate) fn hub_with(define: impl FnOnce(&mut Linker<Data>)) -> (Store<Data>, Instance) {
    let engine = Engine::default();
    let component = Component::new(&engine, HUB).unwrap();
    let mut linker = Linker::new(&engine);
    define(&mut linker);
    let mut store = Store::new(&engine, Data::default());
    let instance = linker.instantiate(&mut store, &component).unwrap();
    store.data_mut().instance = Some(instance);
    (store, instance)
}

pub(crate) fn func(store: &mut Store<Data>, instance: &Instance, name: &str) -> Func {
    instance.get_typed_func(store, name).unwrap()
}

/// Wakes a thread of the operating system.
struct Unpark(std::thread::Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

/// Polls a future when it is woken, and only then, until it is ready. It must not wait for long.
pub(crate) fn block_on<F: Future>(future: F) -> F::Output {
    let mut future = pin!(future);
    let waker = Waker::from(Arc::new(Unpark(std::thread::current())));
    let start = std::time::Instant::now();
    loop {
        if let Poll::Ready(output) = future.as_mut().poll(&mut Context::from_waker(&waker)) {
            return output;
        }
        std::thread::park_timeout(std::time::Duration::from_secs(20));
        assert!(start.elapsed().as_secs() < 20, "nobody wakes it");
    }
}

/// Polls a future once.
pub(crate) fn poll_once<F: Future + Unpin>(future: &mut F) -> Poll<F::Output> {
    std::pin::Pin::new(future).poll(&mut Context::from_waker(Waker::noop()))
}

/// Pending so often, waking itself.
pub(crate) async fn yields(times: u32) {
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

/// Opened from outside; then who waits goes on.
#[derive(Clone, Default)]
pub(crate) struct Gate(Arc<Mutex<(bool, VecDeque<Waker>)>>);

impl Gate {
    pub(crate) fn open(&self) {
        let mut inner = self.0.lock().unwrap();
        inner.0 = true;
        for waker in std::mem::take(&mut inner.1) {
            waker.wake();
        }
    }

    pub(crate) fn close(&self) {
        self.0.lock().unwrap().0 = false;
    }

    pub(crate) async fn wait(&self) {
        poll_fn(|cx| {
            let mut inner = self.0.lock().unwrap();
            if inner.0 {
                return Poll::Ready(());
            }
            inner.1.push_back(cx.waker().clone());
            Poll::Pending
        })
        .await;
    }
}

/// Counts how many of these there are.
#[derive(Clone, Default)]
pub(crate) struct Alive(Arc<AtomicU32>);

pub(crate) struct AliveGuard(Arc<AtomicU32>);

impl Alive {
    pub(crate) fn guard(&self) -> AliveGuard {
        self.0.fetch_add(1, Ordering::SeqCst);
        AliveGuard(self.0.clone())
    }

    pub(crate) fn count(&self) -> u32 {
        self.0.load(Ordering::SeqCst)
    }
}

impl Drop for AliveGuard {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}
