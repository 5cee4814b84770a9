//! What can be seen of a run: the same of the scheduler and of the model; and how steps select what
//! they work on, from what both have.

use crate::program::{LAST, Op};

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
