//! The built-ins by which threads make, resume and leave each other: `thread.*`.

use crate::Platform;
use crate::id::{Id, ThreadId};
use crate::schedule::Choice;
use crate::scheduler::{Scheduler, Switch};
use crate::thread::{Outcome, Place, Reason, Status, Thread};
use crate::tracer::TraceEvent;
use crate::trap::Trap;

impl<P: Platform> Scheduler<P> {
    /// `thread.new-indirect`: a new thread of the current task, suspended; and its index. What the runtime
    /// attaches to it is made in its place.
    ///
    /// # Errors
    ///
    /// [`Trap::TooManyThreads`].
    #[inline(always)]
    pub fn thread_new(
        &mut self,
        payload: impl FnOnce() -> P::Thread,
    ) -> Result<(ThreadId, u32), Trap> {
        let current = self.thread(self.running()?)?;
        let (task, instance) = (current.task, current.instance);
        let id = self
            .threads
            .insert_with(|| Thread::new(task, instance, payload()));
        let index = match self.register(id) {
            Ok(index) => index,
            Err(trap) => {
                self.threads.remove(id);
                return Err(trap);
            }
        };
        self.trace(|| TraceEvent::ThreadMade {
            thread: id,
            task,
            instance,
            index,
        });
        self.checked();
        Ok((id, index))
    }

    /// `thread.index`.
    ///
    /// # Errors
    ///
    /// [`Trap::Internal`] if the host is current.
    #[inline]
    pub fn thread_index(&self) -> Result<u32, Trap> {
        Ok(self.thread(self.running()?)?.index)
    }

    /// `thread.resume-later`.
    ///
    /// # Errors
    ///
    /// [`Trap::UnknownThread`], [`Trap::ThreadNotSuspended`].
    pub fn thread_resume_later(&mut self, index: u32) -> Result<(), Trap> {
        let (other, status) = self.neighbour(index)?;
        if status != Status::Suspended {
            return Err(Trap::ThreadNotSuspended);
        }
        self.wait_at(other.raw().place(), Reason::Yield);
        self.checked();
        Ok(())
    }

    /// `thread.suspend`.
    ///
    /// # Errors
    ///
    /// [`Trap::Internal`] if the host is current.
    #[inline]
    pub fn thread_suspend(&mut self) -> Result<Switch, Trap> {
        let current = self.running()?;
        self.thread_mut(current)?.status = Status::Suspended;
        self.step_back(current, None);
        self.checked();
        Ok(Switch::Block)
    }

    /// `thread.yield`, [the next](Self::next_ready) thread, and
    /// [`resume_in_place`](Self::resume_in_place) of that, in one step: where nobody looks on, and nobody
    /// else is ready, or the next thread of the instance has yielded, too. It answers nothing, and has
    /// done nothing, where these need be more.
    ///
    /// For a driver that has nothing else to do.
    #[inline]
    pub fn yield_at_once(&mut self) -> Option<Switch> {
        let current = self.current?;
        if !self.first_come || self.tracer.is_some() {
            return None;
        }
        let at = current.raw().place();
        let thread = self.threads.at(at);
        let (instance, has_index) = (thread.instance, thread.index != 0);
        let found = self.instances.get_mut(instance)?;
        if found.locked {
            return None;
        }
        let Some(first) = self.ready.first() else {
            return Some(Switch::Stay);
        };
        let next = self.threads.at_mut(first);
        let has_yielded = matches!(next.status, Status::Waiting(Reason::Yield));
        if !has_yielded || next.instance != instance || next.index == 0 || !has_index {
            return None;
        }
        next.status = Status::Running;
        next.place = Place::Nowhere;
        let thread = self.threads.at_mut(at);
        thread.status = Status::Waiting(Reason::Yield);
        thread.place = Place::Ready;
        // Who is first of all is first of its instance.
        self.ready.replace_first(&mut self.threads, at);
        found.ready.replace_first(&mut self.threads, at);
        let next = self.threads.id_at(first);
        self.current = Some(next);
        self.checked();
        Some(Switch::To(next))
    }

    /// `thread.yield`.
    ///
    /// # Errors
    ///
    /// [`Trap::Internal`] if the host is current.
    #[inline]
    pub fn thread_yield(&mut self) -> Result<Switch, Trap> {
        if self.choose(Choice::Stay, 2) == 1 {
            return Ok(Switch::Stay);
        }
        self.block(Reason::Yield)?;
        self.checked();
        Ok(Switch::Block)
    }

    /// `thread.suspend-then-resume`.
    ///
    /// # Errors
    ///
    /// [`Trap::UnknownThread`], [`Trap::ThreadNotSuspended`].
    #[inline]
    pub fn thread_suspend_then_resume(&mut self, index: u32) -> Result<Switch, Trap> {
        let (current, other) = self.resume_suspended(index)?;
        self.trace_switch(current, None, other);
        self.threads.at_mut(current.raw().place()).status = Status::Suspended;
        self.current = Some(other);
        self.checked();
        Ok(Switch::To(other))
    }

    /// `thread.yield-then-resume`.
    ///
    /// # Errors
    ///
    /// [`Trap::UnknownThread`], [`Trap::ThreadNotSuspended`].
    #[inline]
    pub fn thread_yield_then_resume(&mut self, index: u32) -> Result<Switch, Trap> {
        let (current, other) = self.resume_suspended(index)?;
        self.trace_switch(current, Some(Reason::Yield), other);
        self.start_waiting(current, Reason::Yield)?;
        self.current = Some(other);
        self.checked();
        Ok(Switch::To(other))
    }

    /// `thread.suspend-then-promote`.
    ///
    /// # Errors
    ///
    /// [`Trap::UnknownThread`]; [`Trap::ThreadNotSuspended`] if the other thread is this one.
    pub fn thread_suspend_then_promote(&mut self, index: u32) -> Result<Switch, Trap> {
        match self.promoted(index)? {
            Some((other, reason)) => {
                let current = self.running()?;
                self.trace_switch(current, None, other);
                self.stop_waiting(other, reason)?;
                self.thread_mut(current)?.status = Status::Suspended;
                self.current = Some(other);
                self.checked();
                Ok(Switch::To(other))
            }
            None => self.thread_suspend(),
        }
    }

    /// `thread.yield-then-promote`.
    ///
    /// # Errors
    ///
    /// [`Trap::UnknownThread`]; [`Trap::ThreadNotSuspended`] if the other thread is this one.
    pub fn thread_yield_then_promote(&mut self, index: u32) -> Result<Switch, Trap> {
        match self.promoted(index)? {
            Some((other, reason)) => {
                let current = self.running()?;
                self.trace_switch(current, Some(Reason::Yield), other);
                self.stop_waiting(other, reason)?;
                self.start_waiting(current, Reason::Yield)?;
                self.current = Some(other);
                self.checked();
                Ok(Switch::To(other))
            }
            None => self.thread_yield(),
        }
    }

    /// The current thread, and the one of its instance that has this index, which was suspended and
    /// runs now.
    #[inline]
    fn resume_suspended(&mut self, index: u32) -> Result<(ThreadId, ThreadId), Trap> {
        let current = self.running()?;
        let instance = self.instance(self.thread(current)?.instance)?;
        let Some(&other) = instance.threads.get(index) else {
            return Err(Trap::UnknownThread(index));
        };
        let status = &mut self.thread_mut(other)?.status;
        if !matches!(status, Status::Suspended) {
            return Err(Trap::ThreadNotSuspended);
        }
        *status = Status::Running;
        Ok((current, other))
    }

    /// The thread of the current instance that has this index, and its status.
    #[inline]
    fn neighbour(&self, index: u32) -> Result<(ThreadId, Status), Trap> {
        let instance = self.thread(self.running()?)?.instance;
        let other = self.instance(instance)?.threads.get(index).copied();
        let other = other.ok_or(Trap::UnknownThread(index))?;
        Ok((other, self.thread(other)?.status))
    }

    /// The thread that has this index, if it is ready.
    fn promoted(&self, index: u32) -> Result<Option<(ThreadId, Reason)>, Trap> {
        if index == self.thread_index()? {
            return Err(Trap::ThreadNotSuspended);
        }
        let (other, status) = self.neighbour(index)?;
        Ok(match status {
            Status::Waiting(reason) if self.holds(self.thread(other)?, reason) => {
                Some((other, reason))
            }
            _ => None,
        })
    }
}

/// Threads come and go: `Task.register_thread`, `Task.unregister_thread`.
impl<P: Platform> Scheduler<P> {
    /// Gives a thread an index and counts it. It is in no list.
    #[inline]
    pub(crate) fn register(&mut self, id: ThreadId) -> Result<u32, Trap> {
        let thread = self.thread(id)?;
        let (task, instance) = (thread.task, thread.instance);
        let index = self.instance_mut(instance)?.threads.add(id);
        let index = index.ok_or(Trap::TooManyThreads)?;
        self.task_mut(task)?.threads += 1;
        self.thread_mut(id)?.index = index;
        Ok(index)
    }

    /// Forgets a thread that is in no list: its index, its place in its task, and itself.
    pub(crate) fn forget_thread(&mut self, id: ThreadId) -> Option<Thread<P>> {
        self.unregister(id).ok()?;
        self.threads.remove(id)
    }

    /// Forgets the index of a thread that is in no list, and its place in its task.
    #[inline]
    pub(crate) fn unregister(&mut self, id: ThreadId) -> Result<(), Trap> {
        let thread = self.thread(id)?;
        let (task, instance, index) = (thread.task, thread.instance, thread.index);
        if index != 0
            && let Some(instance) = self.instances.get_mut(instance)
        {
            instance.threads.remove(index);
        }
        if let Some(task) = self.tasks.get_mut(task) {
            if index != 0 {
                task.threads -= 1;
            }
            if task.implicit_thread == Some(id) {
                task.implicit_thread = None;
            }
        }
        Ok(())
    }

    /// Tells a thread that waits for one waitable that it need wait no longer.
    pub(crate) fn wake(&mut self, waiter: ThreadId) {
        self.park_again(waiter);
    }

    /// Takes a thread out of all lists, for good.
    pub(crate) fn withdraw(&mut self, id: ThreadId) {
        self.leave(id.raw().place());
        if let Some(thread) = self.threads.get_mut(id) {
            thread.status = Status::Locked;
            thread.outcome = Outcome::Resumed;
        }
    }
}
