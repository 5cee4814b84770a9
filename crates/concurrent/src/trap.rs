//! Why a guest traps: one variant for each `trap_if` of the specification that is decided here.
//!
//! What is decided elsewhere is not here: whether a handle exists and has the right type, whether
//! an instance may be left, and all that concerns types, options and memory.

use std::fmt;

use crate::bug::Bug;
use crate::transfer::{EndKind, Side, TransferKind};

/// Why an operation can't be done.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Trap {
    /// A call of an instance that is [locked](crate::Scheduler::lock).
    CannotEnterInstance,
    /// Nothing is ready and nothing ever will be. For drivers to raise: only they know of the host.
    Deadlock,
    /// A sync-typed task hasn't returned, and no thread of its instance is ready. For drivers to
    /// raise, when [`next_ready_in`](crate::Scheduler::next_ready_in) finds nobody.
    SyncTaskBlocked,
    /// A task's last thread has ended, and the task neither returned nor was cancelled.
    TaskNotResolved,
    /// `task.return` or `task.cancel` of a task that was not lifted with `async`. For drivers to raise.
    TaskNotAsync,
    /// `task.return` with another type or other options than the task's function was lifted with. For
    /// drivers to raise.
    TaskReturnMismatch,
    /// `task.return` of a task that is resolved.
    TaskReturnedTwice,
    /// `task.cancel` of a task that no cancellation was delivered to, or that is resolved.
    TaskNotCancelled,
    /// A task returns or cancels while it has borrowed handles.
    BorrowsRemain,
    /// A callback's result has none of the codes there are.
    UnsupportedCallbackCode,
    /// `backpressure.inc` beyond 65,535.
    BackpressureOverflow,
    /// `backpressure.dec` below 0.
    BackpressureUnderflow,
    /// No thread of the instance has this index.
    UnknownThread(u32),
    /// The table of threads is full.
    TooManyThreads,
    /// A thread that isn't suspended can't be resumed, nor can a thread promote itself.
    ThreadNotSuspended,
    /// `waitable.join` of what somebody waits for synchronously.
    JoinDuringSyncWait,
    /// A synchronous read or write of an end that is in a set.
    SyncCopyInSet,
    /// A synchronous cancellation of a copy by an end that is in a set.
    SyncCancelInSet,
    /// `subtask.cancel` of a subtask that is in a set.
    CancelSubtaskInSet,
    /// `waitable-set.drop` of a set that has waitables.
    DropSetWithWaitables,
    /// `waitable-set.drop` of a set that threads wait for.
    DropSetWithWaiters,
    /// `subtask.cancel` of a subtask whose end the caller knows of.
    CancelSubtaskDelivered,
    /// `subtask.cancel` for the second time.
    CancelSubtaskTwice,
    /// `subtask.drop` of a subtask whose end the caller doesn't know of.
    DropSubtaskUnresolved,
    /// A read or write by an end that has one in progress.
    CopyBusy(EndKind),
    /// A read or write by an end that is done.
    CopyDone(EndKind),
    /// A read or write of more elements than there may be.
    CopyTooLong,
    /// A read meets a write of the same instance, and the elements aren't numbers.
    CopyWithinInstance,
    /// `cancel-read` or `cancel-write` of an end that has nothing in progress.
    CancelNotCopying(EndKind),
    /// `cancel-read` or `cancel-write` of what somebody waits for synchronously.
    CancelDuringSyncWait(EndKind),
    /// An end is dropped that has a copy in progress.
    DropBusy(EndKind),
    /// The writable end of a future is dropped, and nothing has been written.
    DropFutureUnwritten,
    /// An end is passed on that has a copy in progress.
    LiftBusy(EndKind),
    /// An end is passed on that is done.
    LiftDone(EndKind),
    /// An end is passed on that is in a set.
    LiftInSet(EndKind),
    /// `forward` of an end that has a copy in progress.
    ForwardBusy(EndKind),
    /// `forward` of an end that is done.
    ForwardDone(EndKind),
    /// `forward` of an end that is in a set.
    ForwardInSet(EndKind),
    /// What was waited for will never come: its instance trapped.
    PeerTrapped,
    /// The driver or this crate is wrong; no guest can cause this.
    Internal(Bug),
}

impl Trap {
    /// Whether this is a mistake of the runtime, not of the guest.
    pub fn is_bug(self) -> bool {
        matches!(self, Trap::Internal(_))
    }
}

impl std::error::Error for Trap {}

impl fmt::Display for Trap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Trap::Internal(what) = self {
            return write!(f, "bug in the scheduler or its driver: {what}");
        }
        f.write_str("wasm trap: ")?;
        match *self {
            Trap::UnknownThread(index) => write!(f, "unknown thread index {index}"),
            Trap::CopyDone(kind) => after_the_end(f, copy_verb(kind), kind),
            Trap::CancelNotCopying(kind) => {
                let verb = copy_verb(kind).split(' ').next().unwrap_or_default();
                write!(f, "cannot cancel {verb} of {kind}: none is in progress")
            }
            Trap::CancelDuringSyncWait(kind) => {
                write!(f, "cannot cancel a synchronous operation on {kind}")
            }
            Trap::DropBusy(kind) => match kind.side {
                Side::Readable => write!(f, "cannot remove busy {kind}"),
                Side::Writable => write!(f, "cannot drop busy {kind}"),
            },
            Trap::LiftBusy(kind) => write!(f, "cannot lift busy {kind}"),
            Trap::LiftDone(kind) => after_the_end(f, "lift", kind),
            Trap::LiftInSet(kind) => {
                write!(f, "cannot lift {kind} while it's in a waitable set")
            }
            Trap::ForwardBusy(kind) => write!(f, "cannot forward busy {kind}"),
            Trap::ForwardDone(kind) => after_the_end(f, "forward", kind),
            Trap::ForwardInSet(kind) => {
                write!(f, "cannot forward {kind} while it's in a waitable set")
            }
            other => f.write_str(fixed_text(other)),
        }
    }
}

/// The texts that have no parameters.
fn fixed_text(trap: Trap) -> &'static str {
    match trap {
        Trap::CannotEnterInstance => "cannot enter component instance",
        Trap::Deadlock => "deadlock detected: event loop cannot make further progress",
        Trap::SyncTaskBlocked => "cannot block a synchronous task before returning",
        Trap::TaskNotResolved => "task ended without returning a value or being cancelled",
        Trap::TaskNotAsync => "the current task is not one that was lifted with `async`",
        Trap::TaskReturnMismatch => {
            "invalid `task.return` signature and/or options for the current task"
        }
        Trap::TaskReturnedTwice => "task has already returned a value or was cancelled",
        Trap::TaskNotCancelled => "cannot cancel a task that no cancellation was delivered to",
        Trap::BorrowsRemain => "borrow handles still remain at the end of the call",
        Trap::UnsupportedCallbackCode => "unsupported callback code",
        Trap::BackpressureOverflow => "backpressure counter overflow",
        Trap::BackpressureUnderflow => "backpressure counter underflow",
        Trap::TooManyThreads => "the instance's table of threads is full",
        Trap::ThreadNotSuspended => "cannot resume thread which is not suspended",
        Trap::JoinDuringSyncWait
        | Trap::SyncCopyInSet
        | Trap::SyncCancelInSet
        | Trap::CancelSubtaskInSet => {
            "waitable cannot be used synchronously while added to a waitable set"
        }
        Trap::DropSetWithWaitables => "cannot drop waitable set with waitables in it",
        Trap::DropSetWithWaiters => "cannot drop waitable set with waiters",
        Trap::CancelSubtaskDelivered => "cannot cancel a subtask which has already resolved",
        Trap::CancelSubtaskTwice => "cannot cancel a subtask twice",
        Trap::DropSubtaskUnresolved => "cannot drop a subtask which has not yet resolved",
        Trap::CopyBusy(_) => "cannot have concurrent operations active on a future/stream",
        Trap::CopyTooLong => "stream read or write of more than 268435455 elements",
        Trap::CopyWithinInstance => {
            "cannot read from and write to intra-component future/stream with non-numeric payload"
        }
        Trap::DropFutureUnwritten => "cannot drop future write end without first writing a value",
        Trap::PeerTrapped => "cannot wait for a component instance that trapped",
        Trap::UnknownThread(_)
        | Trap::CopyDone(_)
        | Trap::CancelNotCopying(_)
        | Trap::CancelDuringSyncWait(_)
        | Trap::DropBusy(_)
        | Trap::LiftBusy(_)
        | Trap::LiftDone(_)
        | Trap::LiftInSet(_)
        | Trap::ForwardBusy(_)
        | Trap::ForwardDone(_)
        | Trap::ForwardInSet(_)
        | Trap::Internal(_) => "",
    }
}

fn copy_verb(kind: EndKind) -> &'static str {
    match kind.side {
        Side::Readable => "read from",
        Side::Writable => "write to",
    }
}

/// The text for an end that is done: what it knows, and the guest should.
fn after_the_end(f: &mut fmt::Formatter<'_>, verb: &str, kind: EndKind) -> fmt::Result {
    let after = match (kind.transfer, kind.side) {
        (TransferKind::Stream, Side::Readable) => "being notified that the writable end dropped",
        (TransferKind::Stream, Side::Writable) => "being notified that the readable end dropped",
        (TransferKind::Future, Side::Readable) => "previous read succeeded",
        (TransferKind::Future, Side::Writable) => {
            "previous write succeeded or readable end dropped"
        }
    };
    write!(f, "cannot {verb} {kind} after {after}")
}

#[cfg(test)]
mod tests {
    use super::Trap;
    use crate::transfer::{EndKind, Side, TransferKind};

    #[test]
    fn texts_name_the_kind_of_end() {
        let reader = EndKind {
            transfer: TransferKind::Stream,
            side: Side::Readable,
        };
        let writer = EndKind {
            transfer: TransferKind::Future,
            side: Side::Writable,
        };
        for (trap, text) in [
            (
                Trap::CopyDone(reader),
                "cannot read from stream after being notified that the writable end dropped",
            ),
            (
                Trap::CopyDone(writer),
                "cannot write to future after previous write succeeded or readable end dropped",
            ),
            (Trap::DropBusy(reader), "cannot remove busy stream"),
            (Trap::DropBusy(writer), "cannot drop busy future"),
            (
                Trap::LiftInSet(reader),
                "cannot lift stream while it's in a waitable set",
            ),
            (
                Trap::CancelNotCopying(reader),
                "cannot cancel read of stream: none is in progress",
            ),
        ] {
            assert_eq!(trap.to_string(), format!("wasm trap: {text}"));
        }
    }
}
