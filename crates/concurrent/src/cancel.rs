//! `Task.request_cancellation`: a caller isn't interested in a task's result any more.

use crate::Platform;
use crate::bug::Bug;
use crate::id::{Id, TaskId, ThreadId};
use crate::schedule::Choice;
use crate::scheduler::Scheduler;
use crate::subtask::SubtaskState;
use crate::task::TaskState;
use crate::thread::{Reason, Status};
use crate::tracer::TraceEvent;
use crate::trap::Trap;

/// What was attached to a task that was cancelled before it has started.
pub struct NeverStarted<P: Platform> {
    /// To its implicit thread.
    pub thread: P::Thread,
    /// To itself.
    pub task: P::Task,
}

/// What became of a request to cancel a task.
#[must_use]
pub enum CancelRequest<P: Platform> {
    /// The task waited to enter its instance. It is cancelled and gone, and its caller's subtask
    /// resolved; a caller that is the host is told by the driver.
    BeforeStart(NeverStarted<P>),
    /// The driver resumes this thread, and then asks for
    /// [the next](Scheduler::next_for_cancellation).
    Resume(ThreadId),
    /// Nobody can be resumed: the task will be told when it asks.
    Later,
}

impl<P: Platform> Scheduler<P> {
    /// `Task.request_cancellation`. A task of an instance that is [locked](Self::lock) stays as it is.
    ///
    /// # Errors
    ///
    /// [`Trap::Internal`] if the task is resolved or was asked before.
    pub fn request_cancellation(&mut self, id: TaskId) -> Result<CancelRequest<P>, Trap> {
        self.trace(|| TraceEvent::CancelRequested { task: id });
        let task = self.task_mut(id)?;
        let implicit_thread = task.implicit_thread;
        let instance = task.instance;
        // None of its threads goes on, or enters, so nobody is told, and the task stays as it is.
        if self.is_locked(instance) {
            return Ok(CancelRequest::Later);
        }
        let task = self.task_mut(id)?;
        match (task.state, implicit_thread) {
            (TaskState::Initial, Some(thread)) => {
                task.state = TaskState::CancelDelivered;
                let cancelled = self.cancel_entry(id, thread)?;
                self.checked();
                Ok(CancelRequest::BeforeStart(cancelled))
            }
            (TaskState::Started, _) => {
                task.state = TaskState::PendingCancel;
                if let Some(thread) = implicit_thread {
                    self.park_again(thread);
                }
                let next = self.next_ready_in(instance);
                self.checked();
                Ok(match next {
                    Some(thread) => CancelRequest::Resume(thread),
                    None => CancelRequest::Later,
                })
            }
            _ => Err(Trap::Internal(Bug::CancelledTooLate)),
        }
    }

    /// Whether a task waits to enter its instance: then a
    /// [request to cancel](Self::request_cancellation) it ends it at once, without running anything.
    pub fn waits_to_enter(&self, id: TaskId) -> bool {
        let Some(task) = self.tasks.get(id) else {
            return false;
        };
        let thread = task.implicit_thread.and_then(|id| self.threads.get(id));
        task.state == TaskState::Initial
            && thread.is_some_and(|it| it.status == Status::Waiting(Reason::Enter))
            && !self.is_locked(task.instance)
    }

    /// Whom a driver resumes next that has resumed a thread for a request to cancel, if anybody.
    pub fn next_for_cancellation(&mut self, id: TaskId) -> Option<ThreadId> {
        let task = self.tasks.get(id)?;
        if task.state == TaskState::Resolved {
            return None;
        }
        let instance = task.instance;
        if !self.has_candidates_in(instance) || self.choose(Choice::GoOnCancelling, 2) == 0 {
            return None;
        }
        let next = self.next_ready_in(instance);
        self.checked();
        next
    }

    /// The end of a task that waits to enter, without running.
    fn cancel_entry(&mut self, task: TaskId, thread: ThreadId) -> Result<NeverStarted<P>, Trap> {
        if self.thread(thread)?.status != Status::Waiting(Reason::Enter) {
            return Err(Trap::Internal(Bug::CancelledTooEarly));
        }
        self.leave(thread.raw().place());
        let instance = self.thread(thread)?.instance;
        self.instance_mut(instance)?.num_waiting_to_enter -= 1;
        let forgotten = self.forget_thread(thread);
        let forgotten = forgotten.ok_or(Trap::Internal(Bug::NoSuchThread))?;
        let removed = self.tasks.remove(task);
        self.trace(|| TraceEvent::TaskCancelled { task });
        let task = removed.ok_or(Trap::Internal(Bug::NoSuchTask))?;
        if let Some(caller) = task.caller {
            self.progress_subtask(caller, SubtaskState::CancelledBeforeStarted);
        }
        // It may have been the scout.
        self.signal_entry(instance);
        Ok(NeverStarted {
            thread: forgotten.payload,
            task: task.payload,
        })
    }
}
