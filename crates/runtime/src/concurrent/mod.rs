//! Tasks and guest threads, driven: what joins the scheduler's state machine (`threadline-concurrent`),
//! the stacks of guest threads, the tables of handles, and the host's futures.
//!
//! ```text
//!   answer     what a built-in leaves to be done when its thread goes on
//!   aside      what a call has of the scheduler while its future isn't polled
//!   state      what is attached to threads, tasks and subtasks; which instance is which
//!   builtin    what guests call: dispatches to …
//!   thread     …   thread.*, and the bodies of explicit threads
//!   task       …   task.*, and what a task's implicit thread does from its start to its end
//!   call       …   calls between guests that make tasks
//!   waitable   …   waitable sets, subtasks, events
//!   end        …   ends of streams and futures: made, passed on, dropped, forwarded
//!   copy       …   reads and writes, and how elements get from one memory to the other
//!   error_context  …   error contexts
//!   host_end   ends of streams and futures that are the host's, and what drives them
//!   relay      … and what is between two of them
//!   host_call  calls of the host that make tasks
//!   host_task  host functions that are tasks: futures that the store keeps
//!   mail       what reaches the store from outside: wakers that were called, callers that have gone
//!   event_loop what is done next, by guests and by the host; `deadlock` if nothing is
//!   run_concurrent  a future of the host that shares the store with guests
//!   start_function  core modules' start functions that are tasks
//!   turn       the loops: who is resumed next, and what happens when a thread stops
//!   schedule   who decides what is left open
//!   switch     the one place that saves and restores what a thread owns of its component's contexts
//! ```
//!
//! *Blocking.* Everything here runs on the stack of the thread of the operating system. A built-in
//! whose thread blocks returns an [`Answer`]; a loop that resumes a thread gets told when everything
//! waits for the host, and returns in turn.
//!
//! *Traps.* A failure on a guest's stack ends its thread; what resumed it gets the error, and so on
//! outwards; on the way, every component instance that the error goes through is locked.
//!

mod answer;
mod aside;
mod builtin;
mod call;
mod checked_copy;
mod copy;
mod deadlock;
mod end;
mod error_context;
mod event_loop;
mod host_call;
mod host_end;
mod host_task;
mod mail;
mod relay;
mod run_concurrent;
mod schedule;
mod start_function;
mod state;
pub(crate) mod switch;
mod task;
#[cfg(test)]
mod tests;
mod thread;
mod turn;
mod waitable;

pub(crate) use answer::{After, Answer, DONE, HostFunction};
pub(crate) use aside::Aside;
pub(crate) use builtin::{builtin, plain_builtin, transfer};
pub(crate) use call::{params, task_call};
pub use deadlock::{Deadlock, WaitingThread};
pub(crate) use end::{ElementType, gone as end_gone, interface_type};
pub(crate) use host_call::{HostCallId, HostCaller, HostTask};
pub(crate) use host_end::{Driven, OtherGone};
pub(crate) use host_task::{HostTaskFuture, HostTaskId, host_task_call};
pub(crate) use mail::Mail;
pub(crate) use relay::RustElements;
pub use schedule::Schedule;
pub(crate) use start_function::StartTask;
pub(crate) use state::{Concurrency, InstanceTasks, TaskFuncs};
pub(crate) use task::{MAX_SLOTS, Returned, lends_of_task, scope_of_task};
