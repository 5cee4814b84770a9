//! What can be seen of a run: the same of the scheduler and of the model; and how steps select what
//! they work on, from what both have.

use crate::program::{LAST, Op};
use crate::script::{Act, Ends};

/// Why a thread is resumed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Why {
    Call,
    Tick,
    /// By the loop of a sync-typed call of this task.
    Sync(usize),
    /// By a request to cancel this task.
    Cancel(usize),
}

/// Something that happened. Threads are numbered as they are made; a task has the number of its
/// implicit thread.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Entry {
    Host(usize),
    Idle,
    Resume(usize, Why),
    Blocked(usize),
    To(usize, usize),
    Started(usize),
    Did(usize, &'static str, u32),
    Event(usize, u32, u32, u32),
    Callback(usize, u32, u32, u32),
    /// By this thread, as a parameter or result: an end's index before, and after.
    Passed(usize, &'static str, u32, u32),
    /// Source, how far it was, destination, how far it was, and how many.
    Copied(u32, u32, u32, u32, u32),
    /// Before it could enter.
    Cancelled(usize),
    Ended(usize),
    Trap(String),
}

/// A handle as steps see it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Seen {
    Set {
        empty: bool,
        waited: bool,
    },
    Subtask {
        delivered: bool,
        cancelled: bool,
        joined: bool,
        busy: bool,
    },
    End {
        reads: bool,
        stream: bool,
        number: bool,
        idle: bool,
        copying: bool,
        done: bool,
        joined: bool,
        busy: bool,
    },
}

/// Selectors from here on select what may trap.
const RECKLESS: u8 = 250;

/// The index that a selector selects among handles that fit, or, if it is reckless, that would.
fn pick(
    seen: &[(u32, Seen)],
    selector: u8,
    would: impl Fn(Seen) -> bool,
    fits: impl Fn(Seen) -> bool,
) -> Option<u32> {
    let all: Vec<u32> = seen
        .iter()
        .filter(|&&(_, handle)| would(handle) && (selector >= RECKLESS || fits(handle)))
        .map(|&(index, _)| index)
        .collect();
    choose(&all, selector)
}

fn choose(all: &[u32], selector: u8) -> Option<u32> {
    match selector {
        LAST => all.last().copied(),
        _ if all.is_empty() => None,
        _ => Some(all[usize::from(selector) % all.len()]),
    }
}

fn is_end(handle: Seen) -> bool {
    matches!(handle, Seen::End { .. })
}

fn is_idle_end(handle: Seen, read: bool, loose: bool) -> bool {
    matches!(handle, Seen::End { reads, idle: true, joined, .. }
        if reads == read && (!loose || !joined))
}

/// A set to wait for or to join.
pub(crate) fn pick_set(seen: &[(u32, Seen)], selector: u8) -> Option<u32> {
    pick(seen, selector, |h| matches!(h, Seen::Set { .. }), |_| true)
}

/// A readable end to pass on.
pub(crate) fn pick_passed(seen: &[(u32, Seen)], selector: u8) -> Option<u32> {
    pick(
        seen,
        selector,
        |h| matches!(h, Seen::End { reads: true, .. }),
        |h| is_idle_end(h, true, true),
    )
}

/// The handle that a step works on first.
pub(crate) fn pick_handle(op: Op, seen: &[(u32, Seen)]) -> Option<u32> {
    match op {
        Op::Wait(selector) | Op::Poll(selector) => pick_set(seen, selector),
        Op::DropSet(selector) => pick(
            seen,
            selector,
            |h| matches!(h, Seen::Set { .. }),
            |h| {
                let fits = Seen::Set {
                    empty: true,
                    waited: false,
                };
                h == fits
            },
        ),
        Op::Join(selector, _) => pick(
            seen,
            selector,
            |h| !matches!(h, Seen::Set { .. }),
            |h| match h {
                Seen::Set { .. } => false,
                Seen::Subtask {
                    busy, delivered, ..
                } => !busy && !delivered,
                Seen::End { busy, .. } => !busy,
            },
        ),
        Op::CancelSubtask(selector, _) => pick(
            seen,
            selector,
            |h| matches!(h, Seen::Subtask { .. }),
            |h| {
                let fits = Seen::Subtask {
                    delivered: false,
                    cancelled: false,
                    joined: false,
                    busy: false,
                };
                h == fits
            },
        ),
        Op::DropSubtask(selector) => pick(
            seen,
            selector,
            |h| matches!(h, Seen::Subtask { .. }),
            |h| {
                matches!(
                    h,
                    Seen::Subtask {
                        delivered: true,
                        ..
                    }
                )
            },
        ),
        Op::Read(selector, _, is_async) => pick(
            seen,
            selector,
            |h| matches!(h, Seen::End { reads: true, .. }),
            |h| is_idle_end(h, true, !is_async),
        ),
        Op::Write(selector, _, is_async) => pick(
            seen,
            selector,
            |h| matches!(h, Seen::End { reads: false, .. }),
            |h| is_idle_end(h, false, !is_async),
        ),
        Op::CancelCopy(selector, is_async) => pick(seen, selector, is_end, |h| {
            matches!(h, Seen::End { copying: true, busy: false, joined, .. }
                if is_async || !joined)
        }),
        Op::DropEnd(selector) => pick(seen, selector, is_end, |h| {
            matches!(h, Seen::End { reads, stream, idle, done, .. }
                if done || (idle && (reads || stream)))
        }),
        Op::Forward(selector, _) => pick_passed(seen, selector),
        _ => None,
    }
}

/// The writable end that a readable one is forwarded to: of the same kind.
pub(crate) fn pick_sink(seen: &[(u32, Seen)], selector: u8, of_streams: bool) -> Option<u32> {
    pick(
        seen,
        selector,
        |h| matches!(h, Seen::End { reads: false, stream, .. } if stream == of_streams),
        |h| is_idle_end(h, false, true),
    )
}

/// What steps on threads see of them: index, and whether it is suspended.
pub(crate) fn pick_thread(op: Op, seen: &[(u32, bool)], own: u32) -> Option<u32> {
    let (selector, suspended) = match op {
        Op::ResumeLater(s) | Op::SuspendThenResume(s) | Op::YieldThenResume(s) => (s, true),
        Op::SuspendThenPromote(s) | Op::YieldThenPromote(s) => (s, false),
        _ => return None,
    };
    if selector >= RECKLESS {
        return Some(u32::from(selector) % 8);
    }
    let all: Vec<u32> = seen
        .iter()
        .filter(|&&(index, is_suspended)| index != own && is_suspended == suspended)
        .map(|&(index, _)| index)
        .collect();
    choose(&all, selector)
}

/// What a hostile step does: with which built-in, given a handle of another kind than that takes, or an index
/// that its instance has no handle at, though another one may.
pub(crate) fn misuse(seen: &[(u32, Seen)], which: u8, selector: u8) -> Act {
    let ends = ALL_ENDS[usize::from(which / 16) % ALL_ENDS.len()];
    let (reads, is_async) = (which & 64 != 0, which & 128 != 0);
    let is_set = |handle| matches!(handle, Seen::Set { .. });
    let is_subtask = |handle| matches!(handle, Seen::Subtask { .. });
    let is_such_end = |handle| {
        matches!(handle, Seen::End { reads: side, stream, number, .. }
            if (side, stream, number) == (reads, ends.are_streams, ends.of_numbers))
    };
    let of_other = |fits: &dyn Fn(Seen) -> bool| wrong_index(seen, selector, fits);
    match which % 9 {
        0 => Act::Wait(of_other(&is_set)),
        1 => Act::Poll(of_other(&is_set)),
        2 => Act::DropSet(of_other(&is_set)),
        3 => Act::Join(of_other(&|handle| !is_set(handle)), 0),
        4 => Act::CancelSubtask(of_other(&is_subtask), is_async),
        5 => Act::DropSubtask(of_other(&is_subtask), 0),
        6 => Act::Copy {
            ends,
            reads,
            is_async,
            index: of_other(&is_such_end),
            length: 1,
        },
        7 => Act::CancelCopy {
            ends,
            reads,
            is_async,
            index: of_other(&is_such_end),
        },
        _ => Act::DropEnd {
            ends,
            reads,
            index: of_other(&is_such_end),
        },
    }
}

/// The types of ends.
const ALL_ENDS: [Ends; 4] = [
    Ends::new(true, true),
    Ends::new(true, false),
    Ends::new(false, true),
    Ends::new(false, false),
];

/// A wrong set: `waitable.join`'s, or a callback's.
pub(crate) fn wrong_set(seen: &[(u32, Seen)], selector: u8) -> u32 {
    wrong_index(seen, selector, &|handle| matches!(handle, Seen::Set { .. }))
}

/// An index, not 0, at which there is no handle that fits: in the table, or somewhat behind its end.
fn wrong_index(seen: &[(u32, Seen)], selector: u8, fits: &dyn Fn(Seen) -> bool) -> u32 {
    let end = seen.iter().map(|&(index, _)| index + 1).max().unwrap_or(1);
    let is_wrong = |index: &u32| {
        let found = seen.iter().find(|(at, _)| at == index);
        found.is_none_or(|&(_, handle)| !fits(handle))
    };
    let all: Vec<u32> = (1..end + 4).filter(is_wrong).collect();
    all[usize::from(selector) % all.len()]
}

/// The index that a hostile step gives.
pub(crate) fn index_of(act: Act) -> u32 {
    match act {
        Act::Wait(index)
        | Act::Poll(index)
        | Act::DropSet(index)
        | Act::Join(index, _)
        | Act::CancelSubtask(index, _)
        | Act::DropSubtask(index, _)
        | Act::Copy { index, .. }
        | Act::CancelCopy { index, .. }
        | Act::DropEnd { index, .. } => index,
        _ => unreachable!("no other step is given a wrong handle"),
    }
}
