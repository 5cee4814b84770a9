//! A platform with nothing attached, and calls written short.
#![allow(dead_code, reason = "each test binary uses a part of it")]

use threadline_concurrent::{
    Copying, EndId, Event, InstanceId, NewTask, Payload, Platform, ReportLimits, Scheduler, Side,
    SubtaskId, SubtaskState, TaskId, ThreadId, TransferKind, Trap, Wait,
};

/// More than these tests have.
pub(crate) const FULL: ReportLimits = ReportLimits {
    threads: 100,
    waitables_of_a_thread: 100,
    waitables: 1000,
};

pub(crate) struct Plain;

impl Platform for Plain {
    type Thread = ();
    type Task = ();
    type Subtask = ();
    type Buffer = &'static str;
    type Payload = Element;
}

/// The type of elements of streams and futures.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Element {
    Number,
    Text,
}

impl Payload for Element {
    fn is_none_or_number(&self) -> bool {
        *self == Element::Number
    }
}

pub(crate) type World = Scheduler<Plain>;

/// How a function is typed and lifted.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Lift {
    Sync,
    Stackful,
    /// With a callback, or without `async`.
    Exclusive,
}

/// Begins a call: its thread is current if it could enter, or else has blocked and isn't.
pub(crate) fn call(
    world: &mut World,
    instance: InstanceId,
    lift: Lift,
    caller: Option<SubtaskId>,
) -> (TaskId, ThreadId) {
    let (task, thread) = world
        .new_task(NewTask {
            instance,
            async_typed: lift != Lift::Sync,
            needs_exclusive: lift == Lift::Exclusive,
            caller,
            task: || (),
            thread: || (),
        })
        .unwrap();
    world.begin_resume(thread).unwrap();
    match world.enter().unwrap() {
        Wait::Ready(()) => {
            world.start().unwrap();
        }
        Wait::Block => world.end_resume().unwrap(),
    }
    (task, thread)
}

/// The current task returns, and its thread ends.
pub(crate) fn finish(world: &mut World) {
    world.check_return().unwrap();
    world.return_().unwrap();
    end(world);
}

/// The current thread ends.
pub(crate) fn end(world: &mut World) {
    assert!(world.exit_thread(|_| ()).is_ok());
    world.end_resume().unwrap();
}

/// The current thread yields, and its resumer goes on.
pub(crate) fn yield_now(world: &mut World) {
    let _ = world.thread_yield().unwrap();
    world.end_resume().unwrap();
}

/// Resumes the thread that is ready first.
pub(crate) fn tick(world: &mut World) -> Option<ThreadId> {
    let thread = world.next_ready()?;
    world.begin_resume(thread).unwrap();
    Some(thread)
}

/// A subtask of the current thread's instance, that was called asynchronously and got this index.
pub(crate) fn published(
    world: &mut World,
    lift: Lift,
    callee: InstanceId,
    index: u32,
) -> SubtaskId {
    let caller = world.current_instance().unwrap();
    let subtask = world.new_subtask(caller, ()).unwrap();
    let depth = world.depth();
    call(world, callee, lift, Some(subtask));
    if world.depth() > depth {
        yield_now(world);
    }
    world.publish_subtask(subtask, index).unwrap();
    assert!(!world.subtask_state(subtask).unwrap().is_resolved() || lift == Lift::Sync);
    subtask
}

pub(crate) fn state(world: &World, subtask: SubtaskId) -> SubtaskState {
    world.subtask_state(subtask).unwrap()
}

/// The two ends of a stream of an instance, with indices 1 and 2.
pub(crate) fn stream(world: &mut World, owner: Option<InstanceId>) -> (EndId, EndId) {
    ends(world, TransferKind::Stream, Element::Number, owner)
}

pub(crate) fn ends(
    world: &mut World,
    kind: TransferKind,
    element: Element,
    owner: Option<InstanceId>,
) -> (EndId, EndId) {
    let (readable, writable) = world.new_transfer(kind, element, owner).unwrap();
    world.set_end_index(readable, 1).unwrap();
    world.set_end_index(writable, 2).unwrap();
    (readable, writable)
}

/// An asynchronous read or write: its result, and what was copied from where to where.
pub(crate) fn copy(
    world: &mut World,
    end: EndId,
    buffer: &'static str,
    length: u32,
) -> Result<(u32, Option<String>), Trap> {
    world.check_copy(end, true)?;
    let copied = match world.begin_copy(end, buffer, length)? {
        Copying::Begun => None,
        Copying::Transfer(transfer) => {
            let text = format!(
                "{}+{} {}+{} {}",
                transfer.source,
                transfer.source_progress,
                transfer.destination,
                transfer.destination_progress,
                transfer.count
            );
            world.end_copy(transfer)?;
            Some(text)
        }
    };
    Ok((payload(world.finish_copy(end, true)?), copied))
}

pub(crate) fn payload(wait: Wait<Event>) -> u32 {
    match wait {
        Wait::Ready(event) => event.payload,
        Wait::Block => panic!("it blocked"),
    }
}

pub(crate) fn is_readable(world: &World, end: EndId) -> bool {
    world.end_state(end).unwrap().0.side == Side::Readable
}
