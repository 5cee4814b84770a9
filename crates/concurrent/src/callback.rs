//! The event loop of tasks that are lifted with a callback.
//!
//! Between events such a task's implicit thread has no frames on any stack. It waits for a
//! [reason](crate::Reason::is_between_callbacks) of its own, and when it goes on, its outcome is
//! [`Outcome::Callback`](crate::Outcome::Callback): the driver calls the callback on a fresh stack.

use crate::Platform;
use crate::event::{CallbackCode, Event, unpack_callback_result};
use crate::id::{SetId, TaskId, ThreadId};
use crate::schedule::Choice;
use crate::scheduler::Scheduler;
use crate::task::TaskState;
use crate::thread::Reason;
use crate::tracer::TraceEvent;
use crate::trap::Trap;

/// What follows the return of a task's core function or callback.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum CallbackNext {
    /// The thread ends: [`exit_thread`](Scheduler::exit_thread).
    Exit,
    /// The callback is called with this event.
    Call(Event),
    /// The thread has blocked, and needs no stack until it goes on.
    Block,
}

impl<P: Platform> Scheduler<P> {
    /// The current thread's core function or callback has returned this.
    ///
    /// `find_set` finds the waitable set that has an index in the instance's table of handles.
    ///
    /// # Errors
    ///
    /// [`Trap::UnsupportedCallbackCode`], [`Trap::PeerTrapped`], and what `find_set` answers.
    #[inline]
    pub fn callback_returned<E: From<Trap>>(
        &mut self,
        packed: u32,
        find_set: impl FnOnce(u32) -> Result<SetId, E>,
    ) -> Result<CallbackNext, E> {
        let code = unpack_callback_result(packed)?;
        if code == CallbackCode::Exit {
            return Ok(CallbackNext::Exit);
        }
        if self.deliver_pending_cancel(self.current_task()?)? {
            self.checked();
            return Ok(CallbackNext::Call(Event::TASK_CANCELLED));
        }
        let reason = match code {
            CallbackCode::Exit | CallbackCode::Yield => Reason::CallbackYield,
            CallbackCode::Wait(index) => Reason::CallbackSet(find_set(index)?),
        };
        let next = self.wait_for_callback(reason)?;
        self.checked();
        Ok(next)
    }

    fn wait_for_callback(&mut self, reason: Reason) -> Result<CallbackNext, Trap> {
        let id = self.running()?;
        let instance = self.thread(id)?.instance;
        let set = match reason {
            Reason::CallbackSet(set) => Some(set),
            _ => None,
        };
        if self.instance(instance)?.locked {
            return Err(Trap::CannotEnterInstance);
        }
        if let Some(set) = set {
            self.set_mut(set)?.num_waiting += 1;
        }
        if self.instance(instance)?.exclusive_thread == Some(id) {
            self.release_exclusive(instance);
        }
        let is_ready = self.holds(self.thread(id)?, reason);
        if !is_ready || self.choose(Choice::Stay, 2) == 0 {
            self.block(reason)?;
            return Ok(CallbackNext::Block);
        }
        let event = match set {
            Some(set) => self.finish_callback_wait(id, set),
            None => self.finish_callback_yield(id),
        };
        event.map(CallbackNext::Call)
    }

    pub(crate) fn finish_callback_yield(&mut self, id: ThreadId) -> Result<Event, Trap> {
        let thread = self.thread(id)?;
        let (task, instance) = (thread.task, thread.instance);
        self.take_exclusive(instance, id);
        Ok(match self.deliver_pending_cancel(task)? {
            true => Event::TASK_CANCELLED,
            false => Event::NONE,
        })
    }

    pub(crate) fn finish_callback_wait(&mut self, id: ThreadId, set: SetId) -> Result<Event, Trap> {
        let thread = self.thread(id)?;
        let (task, instance) = (thread.task, thread.instance);
        self.set_mut(set)?.num_waiting -= 1;
        self.take_exclusive(instance, id);
        let event = match self.deliver_pending_cancel(task)? {
            true => Ok(Event::TASK_CANCELLED),
            false => self.take_event_of(set),
        };
        // This thread was the scout; there may be more events than it took.
        self.signal_set(set);
        event
    }

    /// `Task.has_pending_cancel`.
    pub(crate) fn has_pending_cancel(&self, task: TaskId) -> bool {
        self.task_state(task) == TaskState::PendingCancel
    }

    /// `Task.deliver_pending_cancel`.
    fn deliver_pending_cancel(&mut self, task: TaskId) -> Result<bool, Trap> {
        let is_pending = self.has_pending_cancel(task);
        if is_pending {
            self.task_mut(task)?.state = TaskState::CancelDelivered;
            self.trace(|| TraceEvent::Delivered {
                event: Event::TASK_CANCELLED,
            });
        }
        Ok(is_pending)
    }
}
