//! The state machine of component-model concurrency: tasks, guest threads, subtasks, waitable sets,
//! the ends of streams and futures, backpressure, cancellation, and which thread runs next.
//!
//! It is "Runtime State" and "Canonical Definitions" of `CanonicalABI.md` without memory, types and
//! stacks: a [`Scheduler`] is told what the running thread does, checks whether it may, and answers
//! what happens next. Whoever drives it has the stacks, the memories, the tables of handles and the
//! host's futures, and attaches what it needs to threads, tasks, subtasks and buffers (a
//! [`Platform`]). So everything here can be tested, replayed and explored without any of those.
//!
//! # How it is driven
//!
//! [`Scheduler::current`] is the guest thread that runs, or none: the host. A thread is resumed by
//! [`begin_resume`](Scheduler::begin_resume), the driver switches to its stack, and when it comes
//! back because the thread has blocked or ended, [`end_resume`](Scheduler::end_resume) makes the
//! resumer current again: resumers nest. An operation that may change who runs answers:
//!
//! - [`Switch::Stay`]: nobody else runs.
//! - [`Switch::Block`]: the current thread has blocked. Go to its resumer's stack.
//! - [`Switch::To`]: the current thread is now another one, with the same resumer.
//!
//! An operation that may block before it has a result answers a [`Wait`] instead. When its thread
//! runs again, [`take_outcome`](Scheduler::take_outcome) is the result.
//!
//! # What is elsewhere
//!
//! `may_leave`, types and canonical options, the tables of handles, lending and borrowing (here is
//! only the count that `task.return` checks), lifting, lowering and copying.
//!
//! # Invariants
//!
//! [`Scheduler::check`] states them. With debug assertions it runs after every step.

#![forbid(unsafe_code)]

mod aside;
mod bug;
mod callback;
mod cancel;
mod check;
mod event;
mod id;
mod instance;
mod list;
mod lock;
mod ready;
mod report;
mod schedule;
mod scheduler;
mod set;
mod slab;
mod subtask;
mod switch;
mod table;
mod task;
mod thread;
mod tracer;
mod transfer;
mod trap;
mod waitable;

pub use aside::AsideId;
pub use bug::Bug;
pub use callback::CallbackNext;
pub use cancel::{CancelRequest, NeverStarted};
pub use event::{
    BLOCKED, CallbackCode, CopyResult, Event, EventCode, MAX_BUFFER_LENGTH, pack_copy,
    pack_subtask, unpack_callback_result,
};
pub use id::{EndId, Id, InstanceId, RawId, SetId, SubtaskId, TaskId, ThreadId, WaitableId};
pub use lock::Released;
pub use report::{EndReport, ReportLimits, WaitReport, WaitableKind, WaitableReport, Waiting};
pub use schedule::{Choice, Decision, Fifo, Recording, Replay, Schedule, Seeded};
pub use scheduler::{Counts, Scheduler, Switch, Wait};
pub use subtask::{CancelSubtask, SubtaskState};
pub use table::Table;
pub use task::{NewTask, TaskState};
pub use thread::{Outcome, Reason, Status};
pub use tracer::{TraceEvent, Tracer};
pub use transfer::{Copying, EndKind, EndState, Forwarding, Meeting, Side, Transfer, TransferKind};
pub use trap::Trap;

/// What a runtime attaches to what is scheduled.
pub trait Platform {
    /// A thread's own: its stack, its context slots.
    type Thread;
    /// A task's own: the function's type and options, how to return to a caller that is the host.
    type Task;
    /// A subtask's own: handles that are lent for the call, where results go.
    type Subtask: Default;
    /// A place in a memory or in the host that a read or write names, without how far it has got.
    type Buffer;
    /// The type of the elements of a stream or future.
    type Payload: Payload;
}

/// The type of the elements of a stream or future.
pub trait Payload: PartialEq {
    /// `none_or_number_type`: whether there is no element type, or it is a type of numbers.
    fn is_none_or_number(&self) -> bool;
}
