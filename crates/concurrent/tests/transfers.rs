//! The rules of streams and futures, and what is left of them when an instance traps.
#![expect(clippy::unwrap_used, reason = "in a test a panic is the failure")]

mod world;

use threadline_concurrent::{
    BLOCKED, Choice, Copying, Counts, EventCode, Forwarding, InstanceId, Outcome, Released,
    Schedule, TransferKind, Trap, Wait, WaitableKind,
};
use world::{Element, FULL, Lift, World, call, copy, ends, finish, payload, stream, tick};

fn world() -> (World, InstanceId, InstanceId) {
    let mut world = World::new();
    let (first, second) = (world.new_instance(), world.new_instance());
    (world, first, second)
}

fn copied(text: &str) -> Option<String> {
    Some(text.to_owned())
}

#[test]
fn parts_of_a_write_are_read_and_add_up() {
    let (mut world, instance, _) = world();
    let (readable, writable) = stream(&mut world, Some(instance));
    let set = world.set_new(instance).unwrap();
    world.join(writable, Some(set)).unwrap();
    assert_eq!(copy(&mut world, writable, "w", 5), Ok((BLOCKED, None)));
    let first = copy(&mut world, readable, "a", 2);
    assert_eq!(first, Ok((0x20, copied("w+0 a+0 2"))));
    let second = copy(&mut world, readable, "b", 2);
    assert_eq!(second, Ok((0x20, copied("w+2 b+0 2"))));
    let event = world.set_poll(set).unwrap();
    assert_eq!(event.code, EventCode::StreamWrite);
    assert_eq!((event.index, event.payload), (2, 0x40));
    // The event has taken the buffer away, with what was left in it.
    assert_eq!(copy(&mut world, readable, "c", 2), Ok((BLOCKED, None)));
    assert!(world.check_copy(readable, true).is_err());
}

#[test]
fn of_two_empty_operations_the_write_is_told() {
    let (mut world, instance, _) = world();
    let (readable, writable) = stream(&mut world, Some(instance));
    assert_eq!(copy(&mut world, writable, "w", 0), Ok((BLOCKED, None)));
    assert_eq!(copy(&mut world, readable, "r", 0), Ok((BLOCKED, None)));
    let written = world.cancel_copy(writable, true).unwrap();
    assert_eq!(payload(written), 2);
    // The read waits still; the next write, of nothing, ends at once.
    assert_eq!(copy(&mut world, writable, "w", 0), Ok((0, None)));
    assert_eq!(copy(&mut world, writable, "w", 1), Ok((BLOCKED, None)));
    assert_eq!(payload(world.cancel_copy(readable, true).unwrap()), 2);
}

#[test]
fn whoever_reads_from_a_stream_learns_that_it_was_dropped_and_then_traps() {
    let (mut world, instance, _) = world();
    let (readable, writable) = stream(&mut world, Some(instance));
    assert_eq!(copy(&mut world, readable, "r", 1), Ok((BLOCKED, None)));
    world.drop_end(writable).unwrap();
    assert_eq!(payload(world.cancel_copy(readable, true).unwrap()), 1);
    let trap = copy(&mut world, readable, "r", 1).unwrap_err();
    assert_eq!(
        trap.to_string(),
        "wasm trap: cannot read from stream after being notified that the writable end dropped"
    );
    let trap = world.lift_end(readable).unwrap_err();
    assert_eq!(
        trap.to_string(),
        "wasm trap: cannot lift stream after being notified that the writable end dropped"
    );
    world.drop_end(readable).unwrap();
    assert_eq!(world.counts().waitables, 0);
}

#[test]
fn an_end_is_told_of_the_drop_even_while_it_does_nothing() {
    let (mut world, instance, _) = world();
    let (readable, writable) = stream(&mut world, Some(instance));
    world.drop_end(readable).unwrap();
    assert_eq!(copy(&mut world, writable, "w", 3), Ok((1, None)));
}

#[test]
fn a_future_is_written_once_and_must_be() {
    let (mut world, instance, _) = world();
    let (readable, writable) = ends(
        &mut world,
        TransferKind::Future,
        Element::Number,
        Some(instance),
    );
    assert_eq!(world.drop_end(writable), Err(Trap::DropFutureUnwritten));
    assert_eq!(copy(&mut world, readable, "r", 1), Ok((BLOCKED, None)));
    assert!(matches!(world.drop_end(readable), Err(Trap::DropBusy(_))));
    let written = copy(&mut world, writable, "w", 1);
    assert_eq!(written, Ok((0, copied("w+0 r+0 1"))));
    let trap = copy(&mut world, writable, "w", 1).unwrap_err();
    assert!(matches!(trap, Trap::CopyDone(_)));
    world.drop_end(writable).unwrap();
    // The reader's event is that it has the value, not that the writer is gone.
    assert_eq!(payload(world.cancel_copy(readable, true).unwrap()), 0);
}

#[test]
fn values_that_are_no_numbers_dont_go_from_an_instance_to_itself() {
    let (mut world, instance, other) = world();
    let (readable, writable) = ends(
        &mut world,
        TransferKind::Stream,
        Element::Text,
        Some(instance),
    );
    // Nothing is copied, so nothing is wrong.
    assert_eq!(copy(&mut world, writable, "w", 0), Ok((BLOCKED, None)));
    assert_eq!(copy(&mut world, readable, "r", 1), Ok((BLOCKED, None)));
    assert_eq!(payload(world.cancel_copy(writable, true).unwrap()), 2);
    let refused = copy(&mut world, writable, "w", 1);
    assert_eq!(refused, Err(Trap::CopyWithinInstance));

    let (readable, writable) = ends(
        &mut world,
        TransferKind::Stream,
        Element::Text,
        Some(instance),
    );
    world.lift_end(readable).unwrap();
    world.lower_end(readable, other, 4).unwrap();
    assert_eq!(copy(&mut world, readable, "r", 1), Ok((BLOCKED, None)));
    let written = copy(&mut world, writable, "w", 1);
    assert_eq!(written, Ok((0x10, copied("w+0 r+0 1"))));
}

#[test]
fn too_long_a_buffer_is_refused() {
    let (mut world, instance, _) = world();
    let (readable, _) = stream(&mut world, Some(instance));
    let refused = copy(&mut world, readable, "r", 1 << 28);
    assert_eq!(refused, Err(Trap::CopyTooLong));
}

/// Says that cancelling blocks wherever it may.
struct SlowHost;

impl Schedule for SlowHost {
    fn choose(&mut self, choice: Choice, _of: usize) -> usize {
        usize::from(choice == Choice::BlockCancel)
    }
}

#[test]
fn the_host_may_take_its_time_to_cancel() {
    let (mut world, instance, _) = world();
    world.set_schedule(SlowHost);
    let (readable, writable) = stream(&mut world, None);
    world.lower_end(readable, instance, 9).unwrap();
    assert_eq!(copy(&mut world, readable, "r", 4), Ok((BLOCKED, None)));
    let blocked = world.cancel_copy(readable, true).unwrap();
    assert_eq!(payload(blocked), BLOCKED);
    assert!(world.is_cancel_requested(writable));
    // What is still written before counts.
    let written = copy(&mut world, writable, "w", 1);
    assert_eq!(written, Ok((0x10, copied("w+0 r+0 1"))));
    assert!(world.host_finish_cancel(writable).is_ok());
    let set = world.set_new(instance).unwrap();
    world.join(readable, Some(set)).unwrap();
    assert_eq!(world.set_poll(set).unwrap().payload, 0x12);
    assert_eq!(copy(&mut world, readable, "r", 4), Ok((BLOCKED, None)));
}

#[test]
fn the_host_is_told_of_events_of_its_ends() {
    let (mut world, instance, _) = world();
    let (readable, writable) = stream(&mut world, None);
    world.lower_end(readable, instance, 9).unwrap();
    assert_eq!(copy(&mut world, writable, "w", 2), Ok((BLOCKED, None)));
    assert_eq!(world.next_host_event(), None);
    let read = copy(&mut world, readable, "r", 4);
    assert_eq!(read, Ok((0x20, copied("w+0 r+0 2"))));
    assert_eq!(world.next_host_event(), Some(writable));
    assert_eq!(world.take_host_event(writable).unwrap().payload, 0x20);
    world.drop_end(readable).unwrap();
    assert_eq!(world.take_host_event(writable).unwrap().payload, 1);
    assert_eq!(world.next_host_event(), None);
}

#[test]
fn forwarding_joins_what_is_left_of_two_streams() {
    let (mut world, first, second) = world();
    let (source, writable) = stream(&mut world, Some(first));
    world.lift_end(source).unwrap();
    world.lower_end(source, second, 1).unwrap();
    let (readable, sink) = stream(&mut world, Some(second));
    world.lift_end(readable).unwrap();
    world.lower_end(readable, first, 3).unwrap();
    assert_eq!(copy(&mut world, writable, "w", 3), Ok((BLOCKED, None)));
    assert_eq!(copy(&mut world, readable, "r", 5), Ok((BLOCKED, None)));
    let Ok(Forwarding::Transfer(transfer)) = world.forward(source, sink) else {
        panic!("nothing to copy");
    };
    assert_eq!((transfer.source, transfer.destination), ("w", "r"));
    assert_eq!(transfer.count, 3);
    world.end_copy(transfer).unwrap();
    assert_eq!(payload(world.cancel_copy(writable, true).unwrap()), 0x32);
    assert_eq!(world.counts().waitables, 2);
    let more = copy(&mut world, writable, "v", 9);
    assert_eq!(more, Ok((0x20, copied("v+0 r+3 2"))));
}

#[test]
fn a_stream_forwarded_to_itself_disappears() {
    let (mut world, instance, _) = world();
    let (readable, writable) = stream(&mut world, Some(instance));
    let forwarded = world.forward(readable, writable);
    assert!(matches!(forwarded, Ok(Forwarding::Done)));
    assert_eq!(world.counts().waitables, 0);
}

#[test]
fn a_report_shows_who_waits_for_whose_end() {
    let (mut world, instance, other) = world();
    let (_, reader) = call(&mut world, instance, Lift::Stackful, None);
    let (readable, writable) = stream(&mut world, Some(instance));
    world.lift_end(readable).unwrap();
    world.lower_end(readable, other, 6).unwrap();
    assert!(matches!(
        world.begin_copy(writable, "w", 1),
        Ok(Copying::Begun)
    ));
    assert_eq!(world.finish_copy(writable, false), Ok(Wait::Block));
    world.end_resume().unwrap();
    let reports = world.waiting(FULL).threads;
    let [report] = &reports[..] else {
        panic!("one thread waits: {reports:?}");
    };
    assert_eq!((report.thread, report.instance), (reader, instance));
    let [waited_for] = &report.waitables[..] else {
        panic!("for one end");
    };
    let WaitableKind::End { own, other: peer } = waited_for.kind else {
        panic!("for an end");
    };
    assert_eq!((own.id, own.index), (writable, 2));
    assert_eq!(peer.unwrap().owner, Some(other));
    assert_eq!(peer.unwrap().index, 6);
}

/// A thread of the first instance waits synchronously for something of the second, which traps.
fn trap_while_waited_for(begin: impl Fn(&mut World, InstanceId, InstanceId)) -> Outcome {
    let (mut world, first, second) = world();
    let (_, waits) = call(&mut world, first, Lift::Stackful, None);
    begin(&mut world, first, second);
    world.end_resume().unwrap();
    // A thread of the second instance traps.
    call(&mut world, second, Lift::Stackful, None);
    world.lock(second).unwrap();
    assert!(world.abandon_thread().is_ok());
    world.end_resume().unwrap();
    assert!(world.is_locked(second));
    assert_eq!(tick(&mut world), Some(waits));
    let outcome = world.take_outcome().unwrap();
    finish(&mut world);
    assert_eq!(world.next_ready(), None);
    let mut released = 0;
    let mut take = |_: Released<_>| released += 1;
    world.remove_instance(second, &mut take).unwrap();
    world.remove_instance(first, &mut take).unwrap();
    assert_eq!(world.counts(), Counts::default());
    outcome
}

#[test]
fn who_waits_for_a_call_of_an_instance_that_traps_traps() {
    let outcome = trap_while_waited_for(|world, first, second| {
        let subtask = world.new_subtask(first, ()).unwrap();
        call(world, second, Lift::Stackful, Some(subtask));
        let _ = world.thread_suspend().unwrap();
        world.end_resume().unwrap();
        assert_eq!(world.wait_for_subtask(subtask), Ok(Wait::Block));
    });
    assert_eq!(outcome, Outcome::Trap(Trap::PeerTrapped));
}

#[test]
fn who_waits_for_a_stream_of_an_instance_that_traps_traps() {
    let outcome = trap_while_waited_for(|world, first, second| {
        let (readable, writable) = stream(world, Some(first));
        world.lift_end(readable).unwrap();
        world.lower_end(readable, second, 1).unwrap();
        assert!(world.begin_copy(writable, "w", 1).is_ok());
        assert_eq!(world.finish_copy(writable, false), Ok(Wait::Block));
    });
    assert_eq!(outcome, Outcome::Trap(Trap::PeerTrapped));
}

#[test]
fn an_event_of_an_instance_that_traps_is_a_trap() {
    let outcome = trap_while_waited_for(|world, first, second| {
        let (readable, writable) = stream(world, Some(second));
        world.lift_end(readable).unwrap();
        world.lower_end(readable, first, 1).unwrap();
        let set = world.set_new(first).unwrap();
        world.join(readable, Some(set)).unwrap();
        assert_eq!(copy(world, readable, "r", 1), Ok((BLOCKED, None)));
        assert!(world::is_readable(world, readable) && !world::is_readable(world, writable));
        assert_eq!(world.set_wait(set), Ok(Wait::Block));
    });
    assert_eq!(outcome, Outcome::Trap(Trap::PeerTrapped));
}

#[test]
fn a_locked_instance_is_not_entered_and_its_threads_never_go_on() {
    let (mut world, instance, _) = world();
    call(&mut world, instance, Lift::Stackful, None);
    world::yield_now(&mut world);
    world.lock(instance).unwrap();
    assert_eq!(world.next_ready(), None);
    let refused = world.new_task(threadline_concurrent::NewTask {
        instance,
        async_typed: true,
        needs_exclusive: false,
        caller: None,
        task: || (),
        thread: || (),
    });
    assert_eq!(refused.err(), Some(Trap::CannotEnterInstance));
}

#[test]
fn a_thread_of_a_locked_instance_that_runs_still_cannot_block() {
    let (mut world, instance, _) = world();
    call(&mut world, instance, Lift::Stackful, None);
    let set = world.set_new(instance).unwrap();
    world.lock(instance).unwrap();
    assert_eq!(world.thread_yield(), Err(Trap::CannotEnterInstance));
    assert_eq!(world.set_wait(set), Err(Trap::CannotEnterInstance));
    assert!(world.abandon_thread().is_ok());
    world.end_resume().unwrap();
}

#[test]
fn ten_thousand_traps_leave_nothing() {
    let mut world = World::new();
    for _ in 0..10_000 {
        let (first, second) = (world.new_instance(), world.new_instance());
        call(&mut world, first, Lift::Stackful, None);
        let subtask = world::published(&mut world, Lift::Stackful, second, 1);
        let set = world.set_new(first).unwrap();
        world.join(subtask, Some(set)).unwrap();
        let (readable, _) = stream(&mut world, Some(first));
        assert_eq!(copy(&mut world, readable, "r", 1), Ok((BLOCKED, None)));
        world.lock(first).unwrap();
        assert!(world.abandon_thread().is_ok());
        world.end_resume().unwrap();
        // The callee goes on, and finds nobody who is interested.
        tick(&mut world).unwrap();
        let mut take = |_: Released<_>| ();
        world.remove_instance(first, &mut take).unwrap();
        finish(&mut world);
        world.remove_instance(second, &mut take).unwrap();
    }
    assert_eq!(world.counts(), Counts::default());
}
