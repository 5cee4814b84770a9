//! What a step of the scheduler costs, without stacks: nanoseconds for one round of each.
#![expect(
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a benchmark prints its figures, and a panic is its failure"
)]

use std::hint::black_box;
use std::time::Instant;

use threadline_concurrent::{
    Copying, InstanceId, NewTask, Payload, Platform, Scheduler, SubtaskId, Switch, ThreadId,
    TransferKind,
};

struct Bench;

#[derive(Clone, Copy, PartialEq, Eq)]
struct Number;

impl Payload for Number {
    fn is_none_or_number(&self) -> bool {
        true
    }
}

/// Payloads of the size that a runtime's have.
impl Platform for Bench {
    type Thread = [u64; 6];
    type Task = [u64; 6];
    type Subtask = [u64; 4];
    type Buffer = [u64; 4];
    type Payload = Number;
}

fn main() {
    suspend_then_resume();
    yield_then_resume();
    for ready in [1, 1_000, 100_000] {
        yield_among(ready);
    }
    create_and_finish();
    call();
    subtask();
    write();
}

/// Prints the best of some runs: the least disturbed.
fn report(name: &str, rounds: u32, mut round: impl FnMut()) {
    let mut best = f64::MAX;
    for _ in 0..7 {
        let begin = Instant::now();
        for _ in 0..rounds {
            round();
        }
        best = best.min(begin.elapsed().as_nanos() as f64 / f64::from(rounds));
    }
    println!("{name:<40} {best:8.1} ns");
}

/// A scheduler with one instance, where a thread of a task runs.
fn running() -> (Scheduler<Bench>, InstanceId, ThreadId) {
    let mut scheduler = Scheduler::new();
    let instance = scheduler.new_instance();
    let thread = begin_call(&mut scheduler, instance, None);
    (scheduler, instance, thread)
}

#[inline]
fn begin_call(
    scheduler: &mut Scheduler<Bench>,
    instance: InstanceId,
    caller: Option<SubtaskId>,
) -> ThreadId {
    let (_, thread) = scheduler
        .new_task(NewTask {
            instance,
            async_typed: true,
            needs_exclusive: false,
            caller,
            task: || [0; 6],
            thread: || [0; 6],
        })
        .unwrap();
    scheduler.begin_resume(thread).unwrap();
    assert!(matches!(
        scheduler.enter(),
        Ok(threadline_concurrent::Wait::Ready(()))
    ));
    scheduler.start().unwrap();
    thread
}

#[inline]
fn end_call(scheduler: &mut Scheduler<Bench>) {
    scheduler.check_return().unwrap();
    scheduler.return_().unwrap();
    black_box(scheduler.exit_thread(|_| ()).unwrap());
    scheduler.end_resume().unwrap();
}

fn suspend_then_resume() {
    let (mut scheduler, ..) = running();
    let (_, second) = scheduler.thread_new(|| [0; 6]).unwrap();
    let mut other = second;
    let first = scheduler.thread_index().unwrap();
    report("suspend-then-resume", 10_000_000, || {
        let switch = scheduler.thread_suspend_then_resume(black_box(other));
        assert!(matches!(switch, Ok(Switch::To(_))));
        black_box(scheduler.take_outcome().unwrap());
        other = first + second - other;
    });
}

fn yield_then_resume() {
    let (mut scheduler, ..) = running();
    let (_, other) = scheduler.thread_new(|| [0; 6]).unwrap();
    report("yield-then-resume, then suspend", 3_000_000, || {
        let _ = scheduler
            .thread_yield_then_resume(black_box(other))
            .unwrap();
        let _ = scheduler.thread_suspend().unwrap();
        scheduler.end_resume().unwrap();
        let next = scheduler.next_ready().unwrap();
        scheduler.begin_resume(next).unwrap();
        black_box(scheduler.take_outcome().unwrap());
    });
}

fn yield_among(ready: usize) {
    let (mut scheduler, ..) = running();
    for _ in 1..ready {
        let (_, index) = scheduler.thread_new(|| [0; 6]).unwrap();
        scheduler.thread_resume_later(index).unwrap();
    }
    report(&format!("yield among {ready}"), 3_000_000, || {
        let _ = scheduler.thread_yield().unwrap();
        scheduler.end_resume().unwrap();
        let next = scheduler.next_ready().unwrap();
        scheduler.begin_resume(next).unwrap();
        black_box(scheduler.take_outcome().unwrap());
    });
}

fn create_and_finish() {
    let (mut scheduler, ..) = running();
    report("create, run and finish a thread", 3_000_000, || {
        let (thread, _) = scheduler.thread_new(|| [0; 6]).unwrap();
        scheduler.begin_resume(thread).unwrap();
        black_box(scheduler.exit_thread(|_| ()).unwrap());
        scheduler.end_resume().unwrap();
    });
}

fn call() {
    let mut scheduler = Scheduler::new();
    let instance = scheduler.new_instance();
    report("call: task, thread, return", 3_000_000, || {
        begin_call(&mut scheduler, instance, None);
        end_call(&mut scheduler);
    });
}

fn subtask() {
    let (mut scheduler, caller, _) = running();
    let callee = scheduler.new_instance();
    report("call with a subtask", 3_000_000, || {
        let subtask = scheduler.new_subtask(caller, [0; 4]).unwrap();
        begin_call(&mut scheduler, callee, Some(subtask));
        end_call(&mut scheduler);
        let _ = scheduler.wait_for_subtask(subtask).unwrap();
        scheduler.finish_subtask(subtask, |_| ()).unwrap();
    });
}

fn write() {
    let (mut scheduler, instance, _) = running();
    let (readable, writable) = scheduler
        .new_transfer(TransferKind::Stream, Number, Some(instance))
        .unwrap();
    let set = scheduler.set_new(instance).unwrap();
    scheduler.join(readable, Some(set)).unwrap();
    report("stream: read blocks, write, event", 3_000_000, || {
        assert!(matches!(
            scheduler.begin_copy(readable, [0; 4], 1),
            Ok(Copying::Begun)
        ));
        let _ = scheduler.finish_copy(readable, true).unwrap();
        scheduler.check_copy(writable, true).unwrap();
        if let Copying::Transfer(transfer) = scheduler.begin_copy(writable, [0; 4], 1).unwrap() {
            black_box(transfer.source);
            scheduler.end_copy(transfer).unwrap();
        }
        let _ = scheduler.finish_copy(writable, true).unwrap();
        black_box(scheduler.set_poll(set).unwrap());
    });
}
