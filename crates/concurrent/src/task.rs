//! Tasks: calls of exports, seen from the callee. Entering the instance, starting, returning, and
//! the end of threads.

use crate::Platform;
use crate::bug::Bug;
use crate::id::{InstanceId, SubtaskId, TaskId, ThreadId};
use crate::schedule::Choice;
use crate::scheduler::{Scheduler, Wait};
use crate::subtask::SubtaskState;
use crate::thread::{Outcome, Reason, Thread};
use crate::tracer::TraceEvent;
use crate::trap::Trap;

/// A task.
pub(crate) struct Task<P: Platform> {
    pub(crate) instance: InstanceId,
    pub(crate) state: TaskState,
    pub(crate) async_typed: bool,
    /// Never for sync-typed tasks.
    pub(crate) needs_exclusive: bool,
    pub(crate) num_borrows: u32,
    pub(crate) implicit_thread: Option<ThreadId>,
    /// How many of its threads have an index.
    pub(crate) threads: u32,
    /// The caller's view of it, unless the caller is the host or doesn't need one.
    pub(crate) caller: Option<SubtaskId>,
    pub(crate) payload: P::Task,
}

impl<P: Platform> Task<P> {
    /// Whether it may return.
    #[inline]
    fn check_return(&self) -> Result<(), Trap> {
        match self.state {
            TaskState::Resolved => Err(Trap::TaskReturnedTwice),
            _ => self.check_borrows(),
        }
    }

    #[inline]
    fn check_borrows(&self) -> Result<(), Trap> {
        match self.num_borrows {
            0 => Ok(()),
            _ => Err(Trap::BorrowsRemain),
        }
    }
}

/// `Task.State`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum TaskState {
    /// It waits to enter, or is about to start.
    Initial,
    /// It has its arguments.
    Started,
    /// Its caller asks to cancel it, and it hasn't been told.
    PendingCancel,
    /// It knows that it shall be cancelled.
    CancelDelivered,
    /// It has returned, or was cancelled.
    Resolved,
}

/// A call to be made.
#[derive(Clone, Copy, Debug)]
pub struct NewTask<T, H> {
    /// The callee's.
    pub instance: InstanceId,
    /// Whether the function's type is `async`.
    pub async_typed: bool,
    /// `Task.needs_exclusive`: whether it was lifted without `async`, or with a callback. Ignored
    /// for sync-typed functions.
    pub needs_exclusive: bool,
    /// The caller's view of the call, if it has one.
    pub caller: Option<SubtaskId>,
    /// Makes what the runtime attaches to the task, if there is going to be one.
    pub task: T,
    /// Makes what the runtime attaches to its implicit thread.
    pub thread: H,
}

impl<P: Platform> Scheduler<P> {
    /// Makes a task and its implicit thread, suspended. To be resumed at once; then comes
    /// [`enter`](Self::enter).
    ///
    /// # Errors
    ///
    /// [`Trap::CannotEnterInstance`] if the instance is locked.
    // Inlined, because what is attached is large, and is to be made in its place.
    #[inline(always)]
    pub fn new_task(
        &mut self,
        new: NewTask<impl FnOnce() -> P::Task, impl FnOnce() -> P::Thread>,
    ) -> Result<(TaskId, ThreadId), Trap> {
        if self.instance(new.instance)?.locked {
            return Err(Trap::CannotEnterInstance);
        }
        let (make_task, make_thread) = (new.task, new.thread);
        let task = self.tasks.insert_with(|| Task {
            instance: new.instance,
            state: TaskState::Initial,
            async_typed: new.async_typed,
            needs_exclusive: new.async_typed && new.needs_exclusive,
            num_borrows: 0,
            implicit_thread: None,
            threads: 0,
            caller: new.caller,
            payload: make_task(),
        });
        let thread = self
            .threads
            .insert_with(|| Thread::new(task, new.instance, make_thread()));
        if let Some(task) = self.tasks.get_mut(task) {
            task.implicit_thread = Some(thread);
        }
        if let Some(caller) = new.caller {
            self.subtask_mut(caller)?.callee = Some(task);
        }
        self.trace(|| TraceEvent::TaskMade {
            task,
            thread,
            instance: new.instance,
            caller: new.caller,
        });
        self.checked();
        Ok((task, thread))
    }

    /// `Task.enter_implicit_thread`, for the current thread. It needs no stack for this: if it
    /// blocks, its outcome is [`Outcome::Entered`] when it goes on. (If it is cancelled before, it
    /// doesn't; see [`CancelRequest::BeforeStart`](crate::CancelRequest::BeforeStart).)
    ///
    /// # Errors
    ///
    /// [`Trap::TooManyThreads`].
    #[inline]
    pub fn enter(&mut self) -> Result<Wait<()>, Trap> {
        let id = self.running()?;
        let thread = self.thread(id)?;
        let task = self.task(thread.task)?;
        if task.async_typed {
            let has_backpressure = self.has_backpressure(thread);
            let instance_id = thread.instance;
            let instance = self.instance(instance_id)?;
            let others_wait = instance.num_waiting_to_enter > 0;
            if has_backpressure || (others_wait && self.choose(Choice::Stay, 2) == 0) {
                self.block(Reason::Enter)?;
                self.instance_mut(instance_id)?.num_waiting_to_enter += 1;
                self.checked();
                return Ok(Wait::Block);
            }
        }
        self.enter_now(id)?;
        self.checked();
        Ok(Wait::Ready(()))
    }

    fn enter_now(&mut self, id: ThreadId) -> Result<(), Trap> {
        let thread = self.thread(id)?;
        let instance = thread.instance;
        if self.task(thread.task)?.needs_exclusive {
            self.take_exclusive(instance, id);
        }
        self.register(id)?;
        Ok(())
    }

    pub(crate) fn finish_entering(&mut self, id: ThreadId) -> Result<Outcome, Trap> {
        let instance = self.thread(id)?.instance;
        self.instance_mut(instance)?.num_waiting_to_enter -= 1;
        self.enter_now(id)?;
        self.signal_entry(instance);
        Ok(Outcome::Entered)
    }

    /// `Task.start`, for the current task, before its arguments are lifted: from the caller that
    /// this answers, if the task has one and it still exists.
    ///
    /// # Errors
    ///
    /// [`Trap::Internal`] if it has started.
    #[inline]
    pub fn start(&mut self) -> Result<Option<SubtaskId>, Trap> {
        let id = self.current_task()?;
        let task = self.task_mut(id)?;
        if task.state != TaskState::Initial {
            return Err(Trap::Internal(Bug::StartedTwice));
        }
        task.state = TaskState::Started;
        let caller = task.caller;
        let caller = caller.filter(|&caller| self.subtask(caller).is_ok());
        self.trace(|| TraceEvent::TaskStarted { task: id });
        if let Some(caller) = caller {
            self.progress_subtask(caller, SubtaskState::Started);
        }
        self.checked();
        Ok(caller)
    }

    /// The first half of `Task.return_`, of the current task: whether it may return. Then its result
    /// is lowered into the caller that this answers, if it still exists, and [`Self::return_`] makes
    /// it known.
    ///
    /// # Errors
    ///
    /// [`Trap::TaskReturnedTwice`], [`Trap::BorrowsRemain`].
    #[inline]
    pub fn check_return(&self) -> Result<Option<SubtaskId>, Trap> {
        let task = self.task(self.current_task()?)?;
        task.check_return()?;
        Ok(task.caller.filter(|&caller| self.subtask(caller).is_ok()))
    }

    /// The second half of `Task.return_`, of the current task.
    ///
    /// # Errors
    ///
    /// As [`Self::check_return`].
    #[inline]
    pub fn return_(&mut self) -> Result<(), Trap> {
        let id = self.current_task()?;
        self.task(id)?.check_return()?;
        self.resolve(id, SubtaskState::Returned)
    }

    /// `task.cancel`: `Task.cancel` of the current task. A caller that is the host is told by the
    /// driver.
    ///
    /// # Errors
    ///
    /// [`Trap::TaskNotCancelled`], [`Trap::BorrowsRemain`].
    pub fn task_cancel(&mut self) -> Result<(), Trap> {
        let id = self.current_task()?;
        let task = self.task(id)?;
        if task.state != TaskState::CancelDelivered {
            return Err(Trap::TaskNotCancelled);
        }
        task.check_borrows()?;
        self.resolve(id, SubtaskState::CancelledBeforeReturned)
    }

    /// The task is resolved, and so is its subtask.
    fn resolve(&mut self, id: TaskId, state: SubtaskState) -> Result<(), Trap> {
        let task = self.task_mut(id)?;
        task.state = TaskState::Resolved;
        let caller = task.caller.take();
        self.trace(|| match state {
            SubtaskState::Returned => TraceEvent::TaskReturned { task: id },
            _ => TraceEvent::TaskCancelled { task: id },
        });
        if let Some(caller) = caller {
            self.progress_subtask(caller, state);
        }
        self.checked();
        Ok(())
    }

    /// The end of the current thread: `Task.exit_implicit_thread`, or the end of a thread that
    /// `thread.new-indirect` made. Nobody is current then. What was attached to it is dropped, and so
    /// is what was attached to its task, if it was the task's last thread: then `take` is called with
    /// that before.
    ///
    /// # Errors
    ///
    /// [`Trap::TaskNotResolved`]; then nothing has changed.
    #[inline]
    pub fn exit_thread<R>(
        &mut self,
        take: impl FnOnce(&mut P::Task) -> R,
    ) -> Result<Option<R>, Trap> {
        let id = self.running()?;
        let thread = self.thread(id)?;
        let task = self.task(thread.task)?;
        if task.threads == 1 && task.state != TaskState::Resolved {
            return Err(Trap::TaskNotResolved);
        }
        if task.threads == 1 && task.num_borrows > 0 {
            return Err(Trap::Internal(Bug::EndedWithBorrows));
        }
        let taken = self.remove_current(id, false, take)?;
        self.checked();
        Ok(taken)
    }

    /// The current thread has trapped, and its frames are gone. Nobody is current then. Its instance
    /// is to be [locked](Self::lock), before or after this. What was attached to it is dropped, and so
    /// is what was attached to its task, if it was the task's last thread.
    ///
    /// # Errors
    ///
    /// [`Trap::Internal`] if the host is current.
    pub fn abandon_thread(&mut self) -> Result<(), Trap> {
        let id = self.running()?;
        let task = self.thread(id)?.task;
        let found = self.task(task)?;
        let is_last = found.threads == 0 || (found.threads == 1 && self.thread(id)?.index != 0);
        if is_last && let Some(caller) = self.task_mut(task)?.caller.take() {
            self.fail_subtask(caller);
        }
        self.remove_current(id, true, |_| ())?;
        self.checked();
        Ok(())
    }

    #[inline]
    fn remove_current<R>(
        &mut self,
        id: ThreadId,
        has_trapped: bool,
        take: impl FnOnce(&mut P::Task) -> R,
    ) -> Result<Option<R>, Trap> {
        let thread = self.thread(id)?;
        let (instance, task) = (thread.instance, thread.task);
        self.unregister(id)?;
        self.threads.remove_with(id, |_| ());
        self.current = None;
        if self.instance(instance)?.exclusive_thread == Some(id) {
            self.release_exclusive(instance);
        }
        let taken = match self.task(task)?.threads {
            0 => self.tasks.remove_with(task, |task| take(&mut task.payload)),
            _ => None,
        };
        self.trace(|| TraceEvent::ThreadEnded {
            thread: id,
            task,
            is_last: taken.is_some(),
            has_trapped,
        });
        Ok(taken)
    }

    /// The task of the current thread.
    ///
    /// # Errors
    ///
    /// [`Trap::Internal`] if the host is current.
    #[inline]
    pub fn current_task(&self) -> Result<TaskId, Trap> {
        Ok(self.thread(self.running()?)?.task)
    }

    /// The instance of the current thread.
    ///
    /// # Errors
    ///
    /// [`Trap::Internal`] if the host is current.
    #[inline]
    pub fn current_instance(&self) -> Result<InstanceId, Trap> {
        Ok(self.thread(self.running()?)?.instance)
    }

    /// The caller's view of a call, while it has one and the task is not resolved.
    #[inline]
    pub fn caller_of(&self, task: TaskId) -> Option<SubtaskId> {
        self.tasks.get(task)?.caller
    }

    /// How far a task is; one that is gone is resolved.
    #[inline]
    pub fn task_state(&self, task: TaskId) -> TaskState {
        self.tasks
            .get(task)
            .map_or(TaskState::Resolved, |task| task.state)
    }

    /// A task was lent a handle (`Task.num_borrows`).
    ///
    /// # Errors
    ///
    /// [`Trap::Internal`] if there is no such task.
    pub fn add_borrow(&mut self, task: TaskId) -> Result<(), Trap> {
        self.task_mut(task)?.num_borrows += 1;
        Ok(())
    }

    /// A task has dropped a handle that it was lent.
    ///
    /// # Errors
    ///
    /// [`Trap::Internal`] if there is no such task, or it had borrowed nothing.
    pub fn drop_borrow(&mut self, task: TaskId) -> Result<(), Trap> {
        let borrows = &mut self.task_mut(task)?.num_borrows;
        *borrows = borrows
            .checked_sub(1)
            .ok_or(Trap::Internal(Bug::NoBorrow))?;
        Ok(())
    }
}
