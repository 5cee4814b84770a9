//! The rules of threads, tasks, subtasks and sets, one by one.
#![expect(clippy::unwrap_used, reason = "in a test a panic is the failure")]

mod world;

use threadline_concurrent::{
    BLOCKED, CallbackNext, CancelRequest, CancelSubtask, Event, EventCode, InstanceId, Outcome,
    SetId, Status, SubtaskState, Switch, TaskState, ThreadId, Trap, Wait,
};
use world::{
    FULL, Lift, World, call, end, finish, payload, published, state, stream, tick, yield_now,
};

fn world() -> (World, InstanceId, InstanceId) {
    let mut world = World::new();
    let (first, second) = (world.new_instance(), world.new_instance());
    (world, first, second)
}

/// The current callback task waits for an event of a set, and its resumer goes on.
fn wait_for_callback(world: &mut World, set: SetId) {
    let next = world.callback_returned(2, |_| Ok::<_, Trap>(set));
    assert_eq!(next, Ok(CallbackNext::Block));
    world.end_resume().unwrap();
}

/// As many events in the set as there are ends in it: their other ends are dropped.
fn event_in(world: &mut World, instance: InstanceId, set: SetId) {
    let (readable, writable) = stream(world, Some(instance));
    world.join(readable, Some(set)).unwrap();
    world.drop_end(writable).unwrap();
}

fn resume_all(world: &mut World, threads: &[ThreadId]) {
    for &expected in threads {
        assert_eq!(tick(world), Some(expected));
        finish(world);
    }
}

#[test]
fn a_thread_switches_directly_to_another_and_back() {
    let (mut world, instance, _) = world();
    let (_, first) = call(&mut world, instance, Lift::Stackful, None);
    let (second, index) = world.thread_new(|| ()).unwrap();
    assert_eq!(
        world.thread_suspend_then_resume(index),
        Ok(Switch::To(second))
    );
    assert_eq!(world.current(), Some(second));
    assert_eq!(world.status(first), Some(Status::Suspended));
    let first_index = 1;
    assert_eq!(
        world.thread_yield_then_resume(first_index),
        Ok(Switch::To(first))
    );
    assert_eq!(world.depth(), 1);
    assert_eq!(world.take_outcome(), Ok(Outcome::Resumed));
    finish(&mut world);
    assert_eq!(tick(&mut world), Some(second));
    end(&mut world);
    assert_eq!(world.counts().threads, 0);
    assert_eq!(world.counts().tasks, 0);
}

#[test]
fn only_suspended_threads_are_resumed() {
    let (mut world, instance, _) = world();
    call(&mut world, instance, Lift::Stackful, None);
    let own = world.thread_index().unwrap();
    let (_, other) = world.thread_new(|| ()).unwrap();
    world.thread_resume_later(other).unwrap();
    for index in [own, other] {
        let refused = Err(Trap::ThreadNotSuspended);
        assert_eq!(world.thread_suspend_then_resume(index), refused);
        assert_eq!(world.thread_yield_then_resume(index), refused);
        assert_eq!(
            world.thread_resume_later(index),
            Err(Trap::ThreadNotSuspended)
        );
    }
    assert_eq!(
        world.thread_suspend_then_promote(own),
        Err(Trap::ThreadNotSuspended)
    );
    assert_eq!(
        world.thread_yield_then_promote(own),
        Err(Trap::ThreadNotSuspended)
    );
    for index in [0, 9, u32::MAX] {
        let unknown = Err(Trap::UnknownThread(index));
        assert_eq!(world.thread_suspend_then_resume(index), unknown);
        assert_eq!(world.thread_yield_then_promote(index), unknown);
    }
}

#[test]
fn a_ready_thread_is_promoted_and_one_that_is_not_ready_is_not() {
    let (mut world, instance, _) = world();
    call(&mut world, instance, Lift::Stackful, None);
    let (ready, ready_index) = world.thread_new(|| ()).unwrap();
    let (_, suspended_index) = world.thread_new(|| ()).unwrap();
    world.thread_resume_later(ready_index).unwrap();
    assert_eq!(
        world.thread_yield_then_promote(ready_index),
        Ok(Switch::To(ready))
    );
    assert_eq!(
        world.thread_suspend_then_promote(suspended_index),
        Ok(Switch::Block)
    );
    assert_eq!(world.status(ready), Some(Status::Suspended));
}

#[test]
fn threads_that_yield_take_turns() {
    let (mut world, instance, _) = world();
    let threads: Vec<ThreadId> = (0..3)
        .map(|_| {
            let (_, thread) = call(&mut world, instance, Lift::Stackful, None);
            yield_now(&mut world);
            thread
        })
        .collect();
    for _ in 0..3 {
        for &expected in &threads {
            assert_eq!(tick(&mut world), Some(expected));
            yield_now(&mut world);
        }
    }
    resume_all(&mut world, &threads);
    assert_eq!(world.next_ready(), None);
}

#[test]
fn the_last_thread_of_a_task_must_not_end_unresolved() {
    let (mut world, instance, _) = world();
    call(&mut world, instance, Lift::Stackful, None);
    assert_eq!(world.exit_thread(|_| ()).err(), Some(Trap::TaskNotResolved));
    let (other, index) = world.thread_new(|| ()).unwrap();
    world.thread_resume_later(index).unwrap();
    end(&mut world);
    assert_eq!(tick(&mut world), Some(other));
    assert_eq!(world.exit_thread(|_| ()).err(), Some(Trap::TaskNotResolved));
    finish(&mut world);
    assert_eq!(world.counts().tasks, 0);
}

#[test]
fn a_task_returns_once_and_without_borrows() {
    let (mut world, instance, _) = world();
    let (task, _) = call(&mut world, instance, Lift::Stackful, None);
    world.add_borrow(task).unwrap();
    assert_eq!(world.return_(), Err(Trap::BorrowsRemain));
    world.drop_borrow(task).unwrap();
    assert_eq!(world.task_cancel(), Err(Trap::TaskNotCancelled));
    world.return_().unwrap();
    assert_eq!(world.return_(), Err(Trap::TaskReturnedTwice));
    assert_eq!(world.task_cancel(), Err(Trap::TaskNotCancelled));
}

#[test]
fn callers_wait_in_order_until_backpressure_ends_and_sync_calls_dont() {
    let (mut world, instance, _) = world();
    world.backpressure_inc(instance).unwrap();
    let (_, first) = call(&mut world, instance, Lift::Stackful, None);
    let (_, second) = call(&mut world, instance, Lift::Stackful, None);
    assert_eq!(
        world.status(first).map(|s| s == Status::Suspended),
        Some(false)
    );
    assert_eq!(world.next_ready(), None);
    let (_, sync) = call(&mut world, instance, Lift::Sync, None);
    assert_eq!(world.current(), Some(sync));
    assert!(!world.has_candidates_in(instance));
    finish(&mut world);
    world.backpressure_dec(instance).unwrap();
    assert_eq!(
        world.backpressure_dec(instance),
        Err(Trap::BackpressureUnderflow)
    );
    // Who comes now doesn't overtake those who wait.
    let (_, third) = call(&mut world, instance, Lift::Stackful, None);
    for expected in [first, second, third] {
        assert_eq!(tick(&mut world), Some(expected));
        assert_eq!(world.take_outcome(), Ok(Outcome::Entered));
        world.start().unwrap();
        finish(&mut world);
    }
    assert_eq!(world.counts().threads, 0);
}

#[test]
fn to_yield_at_once_is_to_yield_and_to_be_resumed_in_its_turn() {
    let (mut world, instance, other) = world();
    let (_, elsewhere) = call(&mut world, other, Lift::Stackful, None);
    let index_elsewhere = world.thread_index().unwrap();
    let _ = world.thread_suspend().unwrap();
    world.end_resume().unwrap();
    let (_, first) = call(&mut world, instance, Lift::Stackful, None);
    assert_eq!(world.yield_at_once(), Some(Switch::Stay));
    let (second, second_index) = world.thread_new(|| ()).unwrap();
    let (third, third_index) = world.thread_new(|| ()).unwrap();
    world.thread_resume_later(second_index).unwrap();
    world.thread_resume_later(third_index).unwrap();
    for next in [second, third, first, second, third, first] {
        assert_eq!(world.yield_at_once(), Some(Switch::To(next)));
        assert_eq!(world.current(), Some(next));
        assert_eq!(world.take_outcome(), Ok(Outcome::Resumed));
    }
    // A thread of another instance is for the event loop, which may not be the resumer of both.
    let _ = world.thread_suspend().unwrap();
    world.end_resume().unwrap();
    world.begin_resume(elsewhere).unwrap();
    assert_eq!(world.thread_index(), Ok(index_elsewhere));
    assert_eq!(world.yield_at_once(), None);
    assert_eq!(world.current(), Some(elsewhere));
}

#[test]
fn backpressure_that_comes_back_keeps_out_who_was_told_to_enter() {
    let (mut world, instance, _) = world();
    world.backpressure_inc(instance).unwrap();
    let (_, first) = call(&mut world, instance, Lift::Stackful, None);
    world.backpressure_dec(instance).unwrap();
    assert_eq!(world.next_ready(), Some(first));
    world.backpressure_inc(instance).unwrap();
    assert_eq!(world.next_ready(), None);
    world.backpressure_dec(instance).unwrap();
    assert_eq!(world.next_ready(), Some(first));
}

#[test]
fn backpressure_overflows_at_sixteen_bits() {
    let (mut world, instance, _) = world();
    for _ in 0..65_535 {
        world.backpressure_inc(instance).unwrap();
    }
    assert_eq!(
        world.backpressure_inc(instance),
        Err(Trap::BackpressureOverflow)
    );
}

#[test]
fn the_exclusive_lock_goes_from_one_task_to_the_next() {
    let (mut world, instance, _) = world();
    let (_, first) = call(&mut world, instance, Lift::Exclusive, None);
    yield_now(&mut world);
    let waiting: Vec<ThreadId> = (0..3)
        .map(|_| call(&mut world, instance, Lift::Exclusive, None).1)
        .collect();
    assert_eq!(world.next_ready(), Some(first));
    resume_all(&mut world, &[first]);
    for expected in waiting {
        assert_eq!(tick(&mut world), Some(expected));
        world.start().unwrap();
        assert_eq!(world.next_ready(), None);
        finish(&mut world);
    }
}

#[test]
fn a_callback_that_finds_its_event_gone_lets_the_next_one_go() {
    let (mut world, instance, _) = world();
    let sets = [(); 3].map(|()| world.set_new(instance).unwrap());
    let waiting = [0, 1].map(|number| {
        let (_, thread) = call(&mut world, instance, Lift::Exclusive, None);
        wait_for_callback(&mut world, sets[number]);
        thread
    });
    // Both get their events while a third task holds the lock.
    call(&mut world, instance, Lift::Exclusive, None);
    event_in(&mut world, instance, sets[0]);
    event_in(&mut world, instance, sets[1]);
    assert!(!world.has_candidates_in(instance));
    wait_for_callback(&mut world, sets[2]);
    assert_eq!(world.next_ready(), Some(waiting[0]));
    // The event of the first is taken away.
    call(&mut world, instance, Lift::Stackful, None);
    assert_eq!(world.set_poll(sets[0]).unwrap().code, EventCode::StreamRead);
    assert!(world.has_candidates_in(instance));
    assert_eq!(world.next_ready(), Some(waiting[1]));
}

#[test]
fn a_callback_that_is_cancelled_leaves_its_event_to_the_next_one() {
    let (mut world, caller, callee) = world();
    let set = world.set_new(callee).unwrap();
    call(&mut world, caller, Lift::Stackful, None);
    let subtask = world.new_subtask(caller, ()).unwrap();
    let (_, first) = call(&mut world, callee, Lift::Exclusive, Some(subtask));
    wait_for_callback(&mut world, set);
    let (_, second) = call(&mut world, callee, Lift::Exclusive, None);
    wait_for_callback(&mut world, set);
    world.publish_subtask(subtask, 3).unwrap();
    event_in(&mut world, callee, set);
    let Ok(CancelSubtask::AskTask(task)) = world.cancel_subtask(subtask) else {
        panic!("nobody to ask");
    };
    let Ok(CancelRequest::Resume(resumed)) = world.request_cancellation(task) else {
        panic!("nobody to resume");
    };
    assert_eq!(resumed, first);
    world.begin_resume(first).unwrap();
    let expected = Outcome::Callback(Event::TASK_CANCELLED);
    assert_eq!(world.take_outcome(), Ok(expected));
    world.task_cancel().unwrap();
    end(&mut world);
    assert_eq!(world.next_for_cancellation(task), None);
    assert_eq!(world.next_ready(), Some(second));
}

#[test]
fn a_call_cancelled_at_the_door_lets_the_next_one_in() {
    let (mut world, caller, callee) = world();
    call(&mut world, caller, Lift::Stackful, None);
    world.backpressure_inc(callee).unwrap();
    let subtask = published(&mut world, Lift::Stackful, callee, 7);
    let (_, second) = call(&mut world, callee, Lift::Stackful, None);
    world.backpressure_dec(callee).unwrap();
    let Ok(CancelSubtask::AskTask(task)) = world.cancel_subtask(subtask) else {
        panic!("nobody to ask");
    };
    assert!(world.request_cancellation(task).is_ok());
    assert_eq!(world.next_ready(), Some(second));
}

#[test]
fn a_call_that_waits_to_enter_a_locked_instance_is_left_alone_when_it_is_cancelled() {
    let (mut world, instance, _) = world();
    call(&mut world, instance, Lift::Exclusive, None);
    let (second, _) = call(&mut world, instance, Lift::Exclusive, None);
    world.lock(instance).unwrap();
    let asked = world.request_cancellation(second);
    assert!(matches!(asked, Ok(CancelRequest::Later)));
    assert_eq!(world.task_state(second), TaskState::Initial);
    world.abandon_thread().unwrap();
    assert_eq!(world.next_ready(), None);
}

#[test]
fn a_task_of_a_locked_instance_does_not_go_on_when_it_is_cancelled() {
    let (mut world, instance, _) = world();
    let (waits, _) = call(&mut world, instance, Lift::Stackful, None);
    let set = world.set_new(instance).unwrap();
    assert_eq!(world.set_wait(set), Ok(Wait::Block));
    world.end_resume().unwrap();
    let (yields, _) = call(&mut world, instance, Lift::Stackful, None);
    yield_now(&mut world);
    world.lock(instance).unwrap();
    for task in [waits, yields] {
        let asked = world.request_cancellation(task);
        assert!(matches!(asked, Ok(CancelRequest::Later)));
        assert_eq!(world.task_state(task), TaskState::Started);
        assert_eq!(world.next_for_cancellation(task), None);
    }
    assert_eq!(world.next_ready(), None);
}

#[test]
fn an_event_goes_to_who_waits_first_and_the_others_go_on_waiting() {
    let (mut world, instance, _) = world();
    let set = world.set_new(instance).unwrap();
    let waiters: Vec<ThreadId> = (0..3)
        .map(|_| {
            let (_, thread) = call(&mut world, instance, Lift::Stackful, None);
            assert_eq!(world.set_wait(set), Ok(Wait::Block));
            world.end_resume().unwrap();
            thread
        })
        .collect();
    assert_eq!(world.set_drop(set), Err(Trap::DropSetWithWaiters));
    event_in(&mut world, instance, set);
    event_in(&mut world, instance, set);
    for &expected in &waiters[..2] {
        assert_eq!(tick(&mut world), Some(expected));
        let Ok(Outcome::Event(event)) = world.take_outcome() else {
            panic!("no event");
        };
        assert_eq!(event.code, EventCode::StreamRead);
        assert_eq!((event.index, event.payload), (1, 1));
        finish(&mut world);
    }
    assert_eq!(world.next_ready(), None);
    assert_eq!(world.set_drop(set), Err(Trap::DropSetWithWaitables));
    assert_eq!(world.waiting(FULL).threads.len(), 1);
}

#[test]
fn a_set_is_polled_without_blocking() {
    let (mut world, instance, _) = world();
    let set = world.set_new(instance).unwrap();
    assert_eq!(world.set_poll(set), Ok(Event::NONE));
    event_in(&mut world, instance, set);
    assert_eq!(world.set_poll(set).unwrap().code, EventCode::StreamRead);
    assert_eq!(world.set_poll(set), Ok(Event::NONE));
}

#[test]
fn a_call_that_waits_to_enter_is_cancelled_at_once() {
    let (mut world, caller, callee) = world();
    world.backpressure_inc(callee).unwrap();
    call(&mut world, caller, Lift::Stackful, None);
    let subtask = published(&mut world, Lift::Stackful, callee, 7);
    assert_eq!(state(&world, subtask), SubtaskState::Starting);
    let Ok(CancelSubtask::AskTask(task)) = world.cancel_subtask(subtask) else {
        panic!("nobody to ask");
    };
    let asked = world.request_cancellation(task);
    assert!(matches!(asked, Ok(CancelRequest::BeforeStart(_))));
    let Ok(Wait::Ready(event)) = world.finish_cancel(subtask, false) else {
        panic!("it blocked");
    };
    assert_eq!(event.payload, SubtaskState::CancelledBeforeStarted as u32);
    assert_eq!(event.resolved, Some(subtask));
    assert_eq!(
        world.cancel_subtask(subtask),
        Err(Trap::CancelSubtaskDelivered)
    );
    // The synchronous operation is over.
    world.join(subtask, None).unwrap();
    world.drop_subtask(subtask, |_| ()).unwrap();
    finish(&mut world);
    assert_eq!(world.counts().threads + world.counts().tasks, 0);
}

#[test]
fn a_cancellation_reaches_a_callback_when_the_lock_is_free() {
    let (mut world, caller, callee) = world();
    let set = world.set_new(callee).unwrap();
    call(&mut world, caller, Lift::Stackful, None);
    let subtask = world.new_subtask(caller, ()).unwrap();
    let (_, parked) = call(&mut world, callee, Lift::Exclusive, Some(subtask));
    wait_for_callback(&mut world, set);
    assert_eq!(world.publish_subtask(subtask, 3), Ok(0x31));
    let (_, holder) = call(&mut world, callee, Lift::Exclusive, None);
    let _ = world.thread_suspend().unwrap();
    world.end_resume().unwrap();
    let Ok(CancelSubtask::AskTask(task)) = world.cancel_subtask(subtask) else {
        panic!("nobody to ask");
    };
    let asked = world.request_cancellation(task);
    assert!(matches!(asked, Ok(CancelRequest::Later)));
    let blocked = world.finish_cancel(subtask, true).unwrap();
    assert_eq!(payload(blocked), BLOCKED);
    assert_eq!(world.cancel_subtask(subtask), Err(Trap::CancelSubtaskTwice));
    world.begin_resume(holder).unwrap();
    finish(&mut world);
    world.begin_resume(parked).unwrap();
    let expected = Outcome::Callback(Event::TASK_CANCELLED);
    assert_eq!(world.take_outcome(), Ok(expected));
    world.task_cancel().unwrap();
    end(&mut world);
    let cancelled = SubtaskState::CancelledBeforeReturned;
    assert_eq!(state(&world, subtask), cancelled);
}

#[test]
fn a_synchronous_call_waits_for_its_subtask() {
    let (mut world, caller, callee) = world();
    let (_, waits) = call(&mut world, caller, Lift::Stackful, None);
    let subtask = world.new_subtask(caller, ()).unwrap();
    call(&mut world, callee, Lift::Stackful, Some(subtask));
    yield_now(&mut world);
    assert_eq!(world.wait_for_subtask(subtask), Ok(Wait::Block));
    world.end_resume().unwrap();
    tick(&mut world).unwrap();
    finish(&mut world);
    assert_eq!(tick(&mut world), Some(waits));
    assert_eq!(world.take_outcome(), Ok(Outcome::SubtaskResolved(subtask)));
    world.finish_subtask(subtask, |_| ()).unwrap();
    finish(&mut world);
    assert_eq!(world.counts().waitables, 0);
}

#[test]
fn what_is_in_a_set_is_not_used_synchronously() {
    let (mut world, caller, callee) = world();
    call(&mut world, caller, Lift::Stackful, None);
    let subtask = published(&mut world, Lift::Stackful, callee, 1);
    let set = world.set_new(caller).unwrap();
    world.join(subtask, Some(set)).unwrap();
    assert_eq!(world.cancel_subtask(subtask), Err(Trap::CancelSubtaskInSet));
    assert_eq!(
        world.drop_subtask(subtask, |_| ()).err(),
        Some(Trap::DropSubtaskUnresolved)
    );
    let (readable, _) = stream(&mut world, Some(caller));
    world.join(readable, Some(set)).unwrap();
    assert_eq!(world.check_copy(readable, false), Err(Trap::SyncCopyInSet));
    world.join(readable, None).unwrap();
    assert!(world.begin_copy(readable, "r", 1).is_ok());
    assert_eq!(world.finish_copy(readable, false), Ok(Wait::Block));
    assert_eq!(
        world.join(readable, Some(set)),
        Err(Trap::JoinDuringSyncWait)
    );
    assert!(matches!(
        world.cancel_copy(readable, true),
        Err(Trap::CancelDuringSyncWait(_))
    ));
}

#[test]
fn ids_out_of_date_are_errors() {
    let (mut world, instance, _) = world();
    let (task, thread) = call(&mut world, instance, Lift::Stackful, None);
    let set = world.set_new(instance).unwrap();
    world.set_drop(set).unwrap();
    finish(&mut world);
    assert!(world.begin_resume(thread).unwrap_err().is_bug());
    assert!(world.set_poll(set).unwrap_err().is_bug());
    assert!(world.add_borrow(task).unwrap_err().is_bug());
    assert!(world.thread_suspend().unwrap_err().is_bug());
    assert!(world.end_resume().unwrap_err().is_bug());
    assert_eq!(world.status(thread), None);
}

#[test]
fn a_task_waits_to_enter_until_it_enters_or_is_cancelled_or_its_instance_is_locked() {
    let (mut world, instance, _) = world();
    let (first, _) = call(&mut world, instance, Lift::Exclusive, None);
    let waiting = [(); 3].map(|()| call(&mut world, instance, Lift::Exclusive, None).0);
    assert!(!world.waits_to_enter(first));
    assert!(waiting.iter().all(|&task| world.waits_to_enter(task)));
    let asked = world.request_cancellation(waiting[0]);
    assert!(matches!(asked, Ok(CancelRequest::BeforeStart(_))));
    assert!(!world.waits_to_enter(waiting[0]));
    world.lock(instance).unwrap();
    assert!(!world.waits_to_enter(waiting[1]));
}
