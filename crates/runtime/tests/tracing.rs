//! Schedules that are chosen, recorded and replayed, and what a tracer is told.
#![expect(clippy::unwrap_used, reason = "in a test a panic is the failure")]
#![allow(missing_docs, reason = "tests")]

use std::fmt::Debug;
use std::future::poll_fn;
use std::pin::pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};
use threadline::component::{Component, Linker, TypedFunc};
use threadline::{Engine, Recording, Schedule, Store, TraceEvent};

/// Calls `work` as often as it is told, all at once, waits for all, and answers the order in which they
/// were done, as decimal digits.
const CALLER: &str = r#"(import "work" (func $work async))
        (core module $libc (memory (export "memory") 1))
        (core instance $libc (instantiate $libc))
        (core func $work (canon lower (func $work) async))
        (core func $set (canon waitable-set.new))
        (core func $wait (canon waitable-set.wait (memory (core memory $libc "memory"))))
        (core func $join (canon waitable.join))
        (core func $drop (canon subtask.drop))
        (core module $m
            (import "" "memory" (memory 1))
            (import "" "work" (func $work (result i32)))
            (import "" "set" (func $set (result i32)))
            (import "" "wait" (func $wait (param i32 i32) (result i32)))
            (import "" "join" (func $join (param i32 i32)))
            (import "" "drop" (func $drop (param i32)))
            (func (export "run") (param $calls i32) (result i32)
                (local $set i32) (local $call i32) (local $pending i32) (local $order i32)
                (local.set $set (call $set))
                (loop $next
                    (local.set $call (call $work))
                    (local.set $calls (i32.sub (local.get $calls) (i32.const 1)))
                    (if (i32.shr_u (local.get $call) (i32.const 4)) (then
                        (call $join (i32.shr_u (local.get $call) (i32.const 4)) (local.get $set))
                        (local.set $pending (i32.add (local.get $pending) (i32.const 1)))))
                    (br_if $next (local.get $calls)))
                (block $done
                    (loop $wait
                        (br_if $done (i32.eqz (local.get $pending)))
                        (drop (call $wait (local.get $set) (i32.const 0)))
                        (local.set $order (i32.add (i32.load (i32.const 0))
                            (i32.mul (local.get $order) (i32.const 10))))
                        (call $drop (i32.load (i32.const 0)))
                        (local.set $pending (i32.sub (local.get $pending) (i32.const 1)))
                        (br $wait)))
                (local.get $order)))
        (core instance $i (instantiate $m (with "" (instance
            (export "memory" (memory $libc "memory"))
            (export "work" (func $work)) (export "set" (func $set)) (export "wait" (func $wait))
            (export "join" (func $join)) (export "drop" (func $drop))))))
        (func (export "run") async (param "calls" u32) (result u32)
            (canon lift (core func $i "run")))"#;

/// `CALLER`, and an instance that has `work`.
fn both() -> String {
    format!(
        r#"(component
    (component $worker
        (core func $yield (canon thread.yield))
        (core func $return (canon task.return))
        (core module $m
            (import "" "yield" (func $yield (result i32)))
            (import "" "return" (func $return))
            (func (export "work") (drop (call $yield)) (call $return)))
        (core instance $i (instantiate $m (with "" (instance
            (export "yield" (func $yield)) (export "return" (func $return))))))
        (func (export "work") async (canon lift (core func $i "work") async)))
    (component $caller {CALLER})
    (instance $worker (instantiate $worker))
    (instance $caller (instantiate $caller (with "work" (func $worker "work"))))
    (export "run" (func $caller "run")))"#
    )
}

struct Program {
    engine: Engine,
    component: Component,
}

impl Program {
    fn new() -> Program {
        let engine = Engine::default();
        let component = Component::new(&engine, both()).unwrap();
        Program { engine, component }
    }

    fn store(&self) -> (Store<()>, TypedFunc<(u32,), (u32,)>) {
        let mut store = Store::new(&self.engine, ());
        let instance = Linker::new(&self.engine)
            .instantiate(&mut store, &self.component)
            .unwrap();
        let run = instance.get_typed_func(&mut store, "run").unwrap();
        (store, run)
    }

    fn run(&self, schedule: Schedule, calls: u32) -> (u32, Recording) {
        let (mut store, run) = self.store();
        store.set_schedule(schedule);
        store.record_schedule();
        let (order,) = run.call(&mut store, (calls,)).unwrap();
        (order, store.take_recording())
    }
}

#[test]
fn a_seed_decides_and_a_recording_decides_the_same_again() {
    let program = Program::new();
    let (fifo, recording) = program.run(Schedule::Fifo, 5);
    assert_eq!(program.run(Schedule::Replay(recording), 5).0, fifo);
    let mut orders = vec![fifo];
    for seed in 0..20 {
        let (order, recording) = program.run(Schedule::Seeded(seed), 5);
        assert!(!recording.decisions.is_empty());
        assert_eq!(program.run(Schedule::Seeded(seed), 5).0, order);
        let replayed = program.run(Schedule::Replay(recording.clone()), 5);
        assert_eq!(replayed, (order, recording));
        orders.push(order);
    }
    orders.sort_unstable();
    orders.dedup();
    assert!(orders.len() > 5, "few orders: {orders:?}");
}

/// The number of an id, from 1 in the order in which they come up.
fn number<I: PartialEq + Copy>(known: &mut Vec<I>, id: I) -> usize {
    let at = known.iter().position(|&other| other == id);
    at.unwrap_or_else(|| {
        known.push(id);
        known.len() - 1
    }) + 1
}

/// Events as text, with small numbers for ids.
fn in_words(events: &[TraceEvent]) -> Vec<String> {
    let (mut tasks, mut threads, mut calls) = (Vec::new(), Vec::new(), Vec::new());
    let mut instances = Vec::new();
    let why = |reason: &dyn Debug| {
        let text = format!("{reason:?}");
        text.split('(')
            .nth(1)
            .unwrap_or("?")
            .trim_matches(')')
            .to_owned()
    };
    let mut word = |event: &TraceEvent| match *event {
        TraceEvent::TaskMade {
            task,
            thread,
            instance,
            caller,
        } => {
            let caller = caller.map(|call| number(&mut calls, call));
            let (task, thread) = (number(&mut tasks, task), number(&mut threads, thread));
            let instance = number(&mut instances, instance);
            format!("task {task} with thread {thread} in {instance}, for call {caller:?}")
        }
        TraceEvent::TaskStarted { task } => format!("task {} starts", number(&mut tasks, task)),
        TraceEvent::TaskReturned { task } => format!("task {} returns", number(&mut tasks, task)),
        TraceEvent::Resumed { thread, by } => {
            let by = by.map(|by| number(&mut threads, by));
            format!("thread {} on {by:?}", number(&mut threads, thread))
        }
        TraceEvent::Blocked { thread, reason } => {
            format!(
                "thread {} waits: {}",
                number(&mut threads, thread),
                why(&reason)
            )
        }
        TraceEvent::ThreadEnded {
            thread,
            is_last,
            has_trapped,
            ..
        } => {
            assert!(is_last && !has_trapped);
            format!("thread {} ends", number(&mut threads, thread))
        }
        TraceEvent::SubtaskMade { subtask, instance } => {
            let instance = number(&mut instances, instance);
            format!("call {} by {instance}", number(&mut calls, subtask))
        }
        TraceEvent::SubtaskProgressed { subtask, state } => {
            format!("call {} is {state:?}", number(&mut calls, subtask))
        }
        TraceEvent::Delivered { event } => format!("event {:?} {}", event.code, event.payload),
        TraceEvent::HostAwaited => "the host is awaited".to_owned(),
        TraceEvent::HostAnswered => "the host goes on".to_owned(),
        ref other => format!("{other:?}"),
    };
    events.iter().map(&mut word).collect()
}

#[test]
fn a_tracer_is_told_all_that_happens_in_order() {
    let program = Program::new();
    let (mut store, run) = program.store();
    let events = Arc::new(Mutex::new(Vec::new()));
    let told = events.clone();
    store.set_tracer(move |event| told.lock().unwrap().push(event));
    run.call(&mut store, (1,)).unwrap();
    let expected = [
        "task 1 with thread 1 in 1, for call None",
        "thread 1 on None",
        "task 1 starts",
        "call 1 by 1",
        "task 2 with thread 2 in 2, for call Some(1)",
        "thread 2 on Some(1)",
        "task 2 starts",
        "call 1 is Started",
        "thread 2 waits: Yield",
        "thread 1 waits: Set",
        "thread 2 on None",
        "task 2 returns",
        "call 1 is Returned",
        "thread 2 ends",
        "thread 1 on None",
        "event Subtask 2",
        "task 1 returns",
        "thread 1 ends",
    ];
    assert_eq!(in_words(&events.lock().unwrap()), expected);
    // Nobody is told any more.
    store.remove_tracer();
    run.call(&mut store, (1,)).unwrap();
    assert_eq!(events.lock().unwrap().len(), expected.len());
}

/// Pending once.
async fn pending() {
    let mut is_first = true;
    poll_fn(|cx| match std::mem::take(&mut is_first) {
        true => {
            cx.waker().wake_by_ref();
            Poll::Pending
        }
        false => Poll::Ready(()),
    })
    .await;
}

fn block_on<F: Future>(future: F) -> F::Output {
    let mut future = pin!(future);
    let cx = &mut Context::from_waker(Waker::noop());
    loop {
        if let Poll::Ready(output) = future.as_mut().poll(cx) {
            return output;
        }
    }
}

/// What a call of `CALLER` traces, whose `work` is the host's.
fn traced_with_host(define: impl FnOnce(&mut Linker<()>)) -> Vec<String> {
    let engine = Engine::default();
    let component = Component::new(&engine, format!("(component {CALLER})")).unwrap();
    let mut linker = Linker::new(&engine);
    define(&mut linker);
    let mut store = Store::new(&engine, ());
    let instance = linker.instantiate(&mut store, &component).unwrap();
    let run: TypedFunc<(u32,), (u32,)> = instance.get_typed_func(&mut store, "run").unwrap();
    let events = Arc::new(Mutex::new(Vec::new()));
    let told = events.clone();
    store.set_tracer(move |event| told.lock().unwrap().push(event));
    block_on(run.call_async(&mut store, (1,))).unwrap();
    let events = events.lock().unwrap();
    in_words(&events)
}

#[test]
fn a_tracer_is_told_of_futures_of_the_host() {
    let concurrent = traced_with_host(|linker| {
        let mut root = linker.root();
        root.func_wrap_concurrent("work", |_, (): ()| {
            Box::pin(async {
                pending().await;
                Ok(())
            })
        })
        .unwrap();
    });
    let expected = [
        "task 1 with thread 1 in 1, for call None",
        "thread 1 on None",
        "task 1 starts",
        "call 1 by 1",
        "call 1 is Started",
        "thread 1 waits: Set",
        "call 1 is Returned",
        "thread 1 on None",
        "event Subtask 2",
        "task 1 returns",
        "thread 1 ends",
    ];
    assert_eq!(concurrent, expected);
    let interrupting = traced_with_host(|linker| {
        let mut root = linker.root();
        root.func_wrap_async("work", |_, (): ()| {
            Box::new(async {
                pending().await;
                Ok(())
            })
        })
        .unwrap();
    });
    let expected = [
        "task 1 with thread 1 in 1, for call None",
        "thread 1 on None",
        "task 1 starts",
        "the host is awaited",
        "the host goes on",
        "task 1 returns",
        "thread 1 ends",
    ];
    assert_eq!(interrupting, expected);
}
