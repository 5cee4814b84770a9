//! Mistakes of the driver, or of this crate: no guest can cause them.

use std::fmt;

/// What is wrong.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Bug {
    /// There is no such instance.
    NoSuchInstance,
    /// There is no such task.
    NoSuchTask,
    /// There is no such thread.
    NoSuchThread,
    /// There is no such waitable set.
    NoSuchSet,
    /// There is no such waitable.
    NoSuchWaitable,
    /// There is no such subtask.
    NoSuchSubtask,
    /// There is no such end of a stream or future.
    NoSuchEnd,
    /// Only a guest thread can do this, and the host is current.
    HostIsCurrent,
    /// A resumption ends that never began.
    NobodyResumed,
    /// A resumption ends whose thread runs still.
    StillRunning,
    /// A thread is resumed that runs or never will.
    ResumedRunning,
    /// A thread is resumed that isn't ready.
    ResumedUnready,
    /// A task starts twice.
    StartedTwice,
    /// A task ends with borrowed handles.
    EndedWithBorrows,
    /// A borrowed handle is dropped too many.
    NoBorrow,
    /// A task is to be cancelled that was never resumed.
    CancelledTooEarly,
    /// A task is to be cancelled twice or too late.
    CancelledTooLate,
    /// A call ends that isn't resolved, or is in a table.
    CallNotOver,
    /// A call is resolved twice or not at all.
    WrongResolution,
    /// No event is pending.
    NoEvent,
    /// An end has no buffer.
    NoBuffer,
    /// A future copies one element.
    FutureLength,
    /// A readable end is used as a writable one, or the reverse.
    WrongEnd,
    /// An end is not the host's.
    NotOfHost,
    /// No copy is being cancelled.
    NothingToCancel,
    /// An instance is freed whose thread runs.
    FreedRunning,
}

impl fmt::Display for Bug {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Bug::NoSuchInstance => "there is no such instance",
            Bug::NoSuchTask => "there is no such task",
            Bug::NoSuchThread => "there is no such thread",
            Bug::NoSuchSet => "there is no such waitable set",
            Bug::NoSuchWaitable => "there is no such waitable",
            Bug::NoSuchSubtask => "there is no such subtask",
            Bug::NoSuchEnd => "there is no such end of a stream or future",
            Bug::HostIsCurrent => "only a guest thread can do this, and the host is current",
            Bug::NobodyResumed => "a resumption ends that never began",
            Bug::StillRunning => "a resumption ends whose thread runs still",
            Bug::ResumedRunning => "a thread is resumed that runs or never will",
            Bug::ResumedUnready => "a thread is resumed that isn't ready",
            Bug::StartedTwice => "a task starts twice",
            Bug::EndedWithBorrows => "a task ends with borrowed handles",
            Bug::NoBorrow => "a borrowed handle is dropped too many",
            Bug::CancelledTooEarly => "a task is to be cancelled that was never resumed",
            Bug::CancelledTooLate => "a task is to be cancelled twice or too late",
            Bug::CallNotOver => "a call ends that isn't resolved, or is in a table",
            Bug::WrongResolution => "a call is resolved twice or not at all",
            Bug::NoEvent => "no event is pending",
            Bug::NoBuffer => "an end has no buffer",
            Bug::FutureLength => "a future copies one element",
            Bug::WrongEnd => "a readable end is used as a writable one, or the reverse",
            Bug::NotOfHost => "an end is not the host's",
            Bug::NothingToCancel => "no copy is being cancelled",
            Bug::FreedRunning => "an instance is freed whose thread runs",
        })
    }
}
