//! Subtasks: calls, seen from the caller. `canon lower`, `subtask.cancel` and `subtask.drop`.

use crate::Platform;
use crate::bug::Bug;
use crate::event::{BLOCKED, Event, EventCode, pack_subtask};
use crate::id::{Id, InstanceId, SubtaskId, TaskId};
use crate::scheduler::{Scheduler, Wait};
use crate::thread::{Outcome, Reason};
use crate::tracer::TraceEvent;
use crate::trap::Trap;
use crate::waitable::{Kind, Pending, Waitable};

/// A subtask.
pub(crate) struct Subtask<P: Platform> {
    /// The caller's.
    pub(crate) instance: InstanceId,
    pub(crate) state: SubtaskState,
    /// The callee, unless it is the host.
    pub(crate) callee: Option<TaskId>,
    pub(crate) cancellation_requested: bool,
    pub(crate) resolve_delivered: bool,
    /// In the caller's table of handles; 0 if it isn't there (yet). Only then it has events.
    pub(crate) index: u32,
    pub(crate) payload: P::Subtask,
}

/// `Subtask.State`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u32)]
pub enum SubtaskState {
    /// The callee has not taken its arguments.
    Starting = 0,
    /// It has.
    Started = 1,
    /// The callee has returned.
    Returned = 2,
    /// The call was cancelled, and the callee never ran.
    CancelledBeforeStarted = 3,
    /// The call was cancelled.
    CancelledBeforeReturned = 4,
}

impl SubtaskState {
    /// Whether the call is over.
    pub fn is_resolved(self) -> bool {
        match self {
            SubtaskState::Starting | SubtaskState::Started => false,
            SubtaskState::Returned
            | SubtaskState::CancelledBeforeStarted
            | SubtaskState::CancelledBeforeReturned => true,
        }
    }
}

/// What a driver has to do for `subtask.cancel`, before
/// [`finish_cancel`](Scheduler::finish_cancel).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum CancelSubtask {
    /// Nothing: the subtask is resolved.
    Resolved,
    /// Ask this task: [`request_cancellation`](Scheduler::request_cancellation).
    AskTask(TaskId),
    /// Ask the host function.
    AskHost,
}

impl<P: Platform> Subtask<P> {
    /// The event of a subtask that is in its caller's table.
    pub(crate) fn event(&mut self, id: SubtaskId) -> Event {
        let resolved = self.state.is_resolved();
        self.resolve_delivered |= resolved;
        Event {
            code: EventCode::Subtask,
            index: self.index,
            payload: self.state as u32,
            resolved: resolved.then_some(id),
        }
    }
}

impl<P: Platform> Scheduler<P> {
    /// A call that begins, by this instance. A callee that is a guest's comes with
    /// [`new_task`](Self::new_task).
    ///
    /// # Errors
    ///
    /// [`Trap::Internal`] if there is no such instance.
    #[inline]
    pub fn new_subtask(
        &mut self,
        instance: InstanceId,
        payload: P::Subtask,
    ) -> Result<SubtaskId, Trap> {
        self.add_subtask(instance, SubtaskState::Starting, payload)
    }

    /// The same for the call of a host function, which has taken its arguments by then, and says by
    /// [`host_resolved`](Self::host_resolved) when it is over.
    ///
    /// # Errors
    ///
    /// As [`new_subtask`](Self::new_subtask).
    #[inline]
    pub fn new_started_subtask(
        &mut self,
        instance: InstanceId,
        payload: P::Subtask,
    ) -> Result<SubtaskId, Trap> {
        let state = SubtaskState::Started;
        let subtask = self.add_subtask(instance, state, payload)?;
        self.trace(|| TraceEvent::SubtaskProgressed { subtask, state });
        Ok(subtask)
    }

    #[inline]
    fn add_subtask(
        &mut self,
        instance: InstanceId,
        state: SubtaskState,
        payload: P::Subtask,
    ) -> Result<SubtaskId, Trap> {
        self.instance(instance)?;
        let id = self.waitables.insert(Waitable::new(Kind::Subtask(Subtask {
            instance,
            state,
            callee: None,
            cancellation_requested: false,
            resolve_delivered: false,
            index: 0,
            payload,
        })));
        let subtask = SubtaskId::from_raw(id.raw());
        self.trace(|| TraceEvent::SubtaskMade { subtask, instance });
        self.checked();
        Ok(subtask)
    }

    /// How far a call is, if it isn't forgotten.
    #[inline]
    pub fn subtask_state(&self, id: SubtaskId) -> Option<SubtaskState> {
        Some(self.subtask(id).ok()?.state)
    }

    /// The instance that has made a call.
    #[inline]
    pub fn caller_instance(&self, id: SubtaskId) -> Option<InstanceId> {
        Some(self.subtask(id).ok()?.instance)
    }

    /// A subtask is in the caller's table of handles now, at this index, and has events from now on.
    /// Answers what the `async` call does: state and index.
    ///
    /// # Errors
    ///
    /// [`Trap::PeerTrapped`].
    pub fn publish_subtask(&mut self, id: SubtaskId, index: u32) -> Result<u32, Trap> {
        if self.has_failed(id) {
            return Err(Trap::PeerTrapped);
        }
        let subtask = self.subtask_mut(id)?;
        subtask.index = index;
        let packed = pack_subtask(subtask.state as u32, index);
        self.checked();
        Ok(packed)
    }

    /// A synchronous call waits until it is resolved. If it blocks, the outcome is
    /// [`Outcome::SubtaskResolved`]. Then comes [`finish_subtask`](Self::finish_subtask).
    ///
    /// # Errors
    ///
    /// [`Trap::PeerTrapped`].
    #[inline]
    pub fn wait_for_subtask(&mut self, id: SubtaskId) -> Result<Wait<()>, Trap> {
        if self.has_failed(id) {
            return Err(Trap::PeerTrapped);
        }
        if self.subtask(id)?.state.is_resolved() {
            return Ok(Wait::Ready(()));
        }
        let current = self.running()?;
        self.block(Reason::Subtask(id))?;
        self.waitable_mut(id.into())?.waiter = Some(current);
        self.checked();
        Ok(Wait::Block)
    }

    pub(crate) fn finish_subtask_wait(&mut self, id: SubtaskId) -> Result<Outcome, Trap> {
        self.waitable_mut(id.into())?.waiter = None;
        if self.has_failed(id) {
            return Err(Trap::PeerTrapped);
        }
        Ok(Outcome::SubtaskResolved(id))
    }

    /// A call that is resolved and never was in the caller's table is over
    /// (`Subtask.deliver_resolve`): the driver takes back what was lent, by what `take` takes.
    ///
    /// # Errors
    ///
    /// [`Trap::Internal`] if it isn't resolved.
    #[inline]
    pub fn finish_subtask<R>(
        &mut self,
        id: SubtaskId,
        take: impl FnOnce(&mut P::Subtask) -> R,
    ) -> Result<R, Trap> {
        let subtask = self.subtask(id)?;
        if !subtask.state.is_resolved() || subtask.index != 0 {
            return Err(Trap::Internal(Bug::CallNotOver));
        }
        let taken = self.remove_subtask(id, take)?;
        self.checked();
        Ok(taken)
    }

    /// `subtask.drop`. What was attached is dropped, and `take` called with it before.
    ///
    /// # Errors
    ///
    /// [`Trap::DropSubtaskUnresolved`].
    pub fn drop_subtask<R>(
        &mut self,
        id: SubtaskId,
        take: impl FnOnce(&mut P::Subtask) -> R,
    ) -> Result<R, Trap> {
        if !self.subtask(id)?.resolve_delivered {
            return Err(Trap::DropSubtaskUnresolved);
        }
        let taken = self.remove_subtask(id, take)?;
        self.checked();
        Ok(taken)
    }

    #[inline]
    fn remove_subtask<R>(
        &mut self,
        id: SubtaskId,
        take: impl FnOnce(&mut P::Subtask) -> R,
    ) -> Result<R, Trap> {
        self.remove_waitable(id.into(), |kind| match kind {
            Kind::Subtask(subtask) => Ok(take(&mut subtask.payload)),
            Kind::End(_) => Err(Trap::Internal(Bug::NoSuchSubtask)),
        })?
    }

    /// The first part of `subtask.cancel`.
    ///
    /// # Errors
    ///
    /// [`Trap::CancelSubtaskDelivered`], [`Trap::CancelSubtaskTwice`],
    /// [`Trap::CancelSubtaskInSet`], [`Trap::PeerTrapped`].
    pub fn cancel_subtask(&mut self, id: SubtaskId) -> Result<CancelSubtask, Trap> {
        let subtask = self.subtask(id)?;
        if subtask.resolve_delivered {
            return Err(Trap::CancelSubtaskDelivered);
        }
        if subtask.cancellation_requested {
            return Err(Trap::CancelSubtaskTwice);
        }
        if self.waitable(id.into())?.set.is_some() {
            return Err(Trap::CancelSubtaskInSet);
        }
        if self.has_failed(id) {
            return Err(Trap::PeerTrapped);
        }
        let subtask = self.subtask_mut(id)?;
        if subtask.state.is_resolved() {
            return Ok(CancelSubtask::Resolved);
        }
        subtask.cancellation_requested = true;
        let callee = subtask.callee;
        self.waitable_mut(id.into())?.has_sync_waiter = true;
        self.checked();
        Ok(match callee {
            Some(task) => CancelSubtask::AskTask(task),
            None => CancelSubtask::AskHost,
        })
    }

    /// The last part of `subtask.cancel`: its result, which may be [`BLOCKED`]. If it blocks, the
    /// outcome is an [`Event`](Outcome::Event), with the result as its payload.
    ///
    /// # Errors
    ///
    /// [`Trap::PeerTrapped`].
    pub fn finish_cancel(&mut self, id: SubtaskId, is_async: bool) -> Result<Wait<Event>, Trap> {
        let result = if self.is_settled(id) {
            Wait::Ready(self.finish_cancelling(id)?)
        } else if is_async {
            self.waitable_mut(id.into())?.has_sync_waiter = false;
            Wait::Ready(Event {
                code: EventCode::Subtask,
                index: self.subtask(id)?.index,
                payload: BLOCKED,
                resolved: None,
            })
        } else {
            // Only what waits needs a thread of its own.
            let current = self.running()?;
            self.block(Reason::Cancel(id))?;
            self.waitable_mut(id.into())?.waiter = Some(current);
            Wait::Block
        };
        self.checked();
        Ok(result)
    }

    pub(crate) fn finish_cancel_wait(&mut self, id: SubtaskId) -> Result<Outcome, Trap> {
        self.waitable_mut(id.into())?.waiter = None;
        self.finish_cancelling(id).map(Outcome::Event)
    }

    fn finish_cancelling(&mut self, id: SubtaskId) -> Result<Event, Trap> {
        self.waitable_mut(id.into())?.has_sync_waiter = false;
        self.take_event(id.into())
    }

    /// A host function has returned, or was cancelled, which it may be only if its caller has asked
    /// for it.
    ///
    /// # Errors
    ///
    /// [`Trap::Internal`] if there is no such subtask, it is resolved, or this isn't a resolution.
    pub fn host_resolved(&mut self, id: SubtaskId, state: SubtaskState) -> Result<(), Trap> {
        if self.subtask(id)?.state.is_resolved() || !state.is_resolved() {
            return Err(Trap::Internal(Bug::WrongResolution));
        }
        self.progress_subtask(id, state);
        self.checked();
        Ok(())
    }

    /// A host function will never return.
    pub fn host_failed(&mut self, id: SubtaskId) {
        self.fail_subtask(id);
        self.checked();
    }

    /// A call has got further, if its caller is still interested: `on_start`, `on_resolve`.
    pub(crate) fn progress_subtask(&mut self, id: SubtaskId, state: SubtaskState) {
        let Ok(subtask) = self.subtask_mut(id) else {
            return;
        };
        subtask.state = state;
        if state.is_resolved() {
            subtask.callee = None;
        }
        let has_index = subtask.index != 0;
        self.trace(|| TraceEvent::SubtaskProgressed { subtask: id, state });
        if has_index {
            self.set_pending(id.into(), Pending::Event { progress: 0 });
        } else if let Ok(waitable) = self.waitable(id.into())
            && let Some(waiter) = waitable.waiter
        {
            self.wake(waiter);
        }
    }

    /// A call will never be resolved: whoever waits for it traps.
    pub(crate) fn fail_subtask(&mut self, id: SubtaskId) {
        if let Ok(subtask) = self.subtask_mut(id)
            && !subtask.state.is_resolved()
        {
            subtask.callee = None;
            self.set_pending(id.into(), Pending::Trap);
        }
    }

    /// Whether a call is resolved, or never will be.
    pub(crate) fn is_settled(&self, id: SubtaskId) -> bool {
        match self.subtask(id) {
            Ok(subtask) => subtask.state.is_resolved() || self.has_failed(id),
            Err(_) => true,
        }
    }

    fn has_failed(&self, id: SubtaskId) -> bool {
        self.waitables
            .get(id.into())
            .is_some_and(|waitable| waitable.pending == Some(Pending::Trap))
    }

    #[inline]
    pub(crate) fn subtask(&self, id: SubtaskId) -> Result<&Subtask<P>, Trap> {
        match &self.waitable(id.into())?.kind {
            Kind::Subtask(subtask) => Ok(subtask),
            Kind::End(_) => Err(Trap::Internal(Bug::NoSuchSubtask)),
        }
    }

    #[inline]
    pub(crate) fn subtask_mut(&mut self, id: SubtaskId) -> Result<&mut Subtask<P>, Trap> {
        match &mut self.waitable_mut(id.into())?.kind {
            Kind::Subtask(subtask) => Ok(subtask),
            Kind::End(_) => Err(Trap::Internal(Bug::NoSuchSubtask)),
        }
    }
}
