//! Readiness, pushed: who waits is in a list of what it waits for, and an event moves the first of
//! the list to the ready queue.
//!
//! Only the first, because what has come is often gone when the others look: an event is taken, a
//! lock held again. So in the ready queue are threads that *were* ready, and for everything that has
//! come and is waited for, at least one of those that wait for it (its *scout*). Who is found in the
//! queue and isn't ready any more goes back to where it waited. Whoever takes a scout away, to run
//! or to wait again, sends the next one if what it waited for is there still. In this way a candidate
//! is found in the queue if there is one at all, each step costs constant time, and a thousand
//! threads that wait for one lock don't all look at it each time.

use crate::Platform;
use crate::bug::Bug;
use crate::id::{Id, InstanceId, SetId, ThreadId};
use crate::instance::Instance;
use crate::list::List;
use crate::schedule::Choice;
use crate::scheduler::Scheduler;
use crate::thread::{Outcome, Place, PlaceList, Reason, Status, Thread};
use crate::trap::Trap;

/// Whose turn it is, of a thread that is put into a list.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Turn {
    /// It begins to wait: behind those who wait already, even if what it waits for has come.
    New,
    /// It was told that what it waits for has come.
    Told,
    /// It was told before, and found that somebody was faster: before all others.
    Again,
}

impl<P: Platform> Scheduler<P> {
    /// A ready thread of any instance: the one to resume next (`Store.tick`).
    #[inline]
    pub fn next_ready(&mut self) -> Option<ThreadId> {
        if self.first_come {
            while let Some(at) = self.ready.first() {
                if self.stays_ready(at) {
                    return Some(self.threads.id_at(at));
                }
            }
            return None;
        }
        self.sweep(|scheduler| scheduler.ready.iter(&scheduler.threads).collect());
        let chosen = self.choose(Choice::Thread, self.ready.len());
        let at = self.ready.nth(&self.threads, chosen)?;
        Some(self.threads.id_at(at))
    }

    /// A ready thread of this instance that has entered it: the one to resume next while a
    /// sync-typed task of the instance hasn't returned.
    pub fn next_ready_in(&mut self, instance: InstanceId) -> Option<ThreadId> {
        if self.first_come {
            while let Some(at) = self.instances.get(instance)?.ready.first() {
                if self.stays_ready(at) {
                    return Some(self.threads.id_at(at));
                }
            }
            return None;
        }
        self.sweep(|scheduler| match scheduler.instances.get(instance) {
            Some(found) => found.ready.iter(&scheduler.threads).collect(),
            None => Vec::new(),
        });
        let chosen = self.choose(Choice::Thread, self.instances.get(instance)?.ready.len());
        let ready = &self.instances.get(instance)?.ready;
        Some(self.threads.id_at(ready.nth(&self.threads, chosen)?))
    }

    /// Whether a thread of this instance that has entered it is ready.
    pub fn has_candidates_in(&mut self, instance: InstanceId) -> bool {
        while let Some(at) = self
            .instances
            .get(instance)
            .and_then(|found| found.ready.first())
        {
            if self.stays_ready(at) {
                return true;
            }
        }
        false
    }

    /// Sends all of a queue back to wait who aren't ready, until all are.
    fn sweep(&mut self, queue: impl Fn(&Self) -> Vec<u32>) {
        loop {
            let mut all_ready = true;
            for at in queue(self) {
                if self.threads.at(at).place == Place::Ready {
                    all_ready &= self.stays_ready(at);
                }
            }
            if all_ready {
                return;
            }
        }
    }

    /// Whether a thread in the ready queue is ready; if not, it waits again.
    #[inline]
    fn stays_ready(&mut self, at: u32) -> bool {
        let thread = self.threads.at(at);
        let Status::Waiting(reason) = thread.status else {
            return false;
        };
        if matches!(reason, Reason::Yield) || self.holds(thread, reason) {
            return true;
        }
        let instance = thread.instance;
        self.leave(at);
        self.park(at, reason, Turn::Again);
        // It may have been the scout for the exclusive lock, and lack something else.
        if reason.is_between_callbacks() {
            self.signal_callbacks(instance);
        }
        false
    }

    /// Whether what a thread waits for has come: `ready_func`.
    pub(crate) fn holds(&self, thread: &Thread<P>, reason: Reason) -> bool {
        match reason {
            Reason::Yield => true,
            Reason::Enter => !self.has_backpressure(thread),
            Reason::Subtask(subtask) | Reason::Cancel(subtask) => self.is_settled(subtask),
            Reason::End(end) => self
                .waitables
                .get(end.into())
                .is_some_and(|waitable| waitable.pending.is_some()),
            Reason::Set(set) => self.has_event(set),
            Reason::CallbackYield => self.is_exclusive_free(thread.instance),
            Reason::CallbackSet(set) => {
                self.is_exclusive_free(thread.instance)
                    && (self.has_event(set) || self.has_pending_cancel(thread.task))
            }
        }
    }

    /// `Task.enter_implicit_thread`'s `has_backpressure`.
    pub(crate) fn has_backpressure(&self, thread: &Thread<P>) -> bool {
        let Some(instance) = self.instances.get(thread.instance) else {
            return true;
        };
        instance.backpressure > 0
            || (instance.exclusive_thread.is_some() && self.needs_exclusive(thread))
    }

    fn needs_exclusive(&self, thread: &Thread<P>) -> bool {
        self.tasks
            .get(thread.task)
            .is_some_and(|task| task.needs_exclusive)
    }

    fn is_exclusive_free(&self, instance: InstanceId) -> bool {
        self.instances
            .get(instance)
            .is_some_and(|instance| instance.exclusive_thread.is_none())
    }

    fn has_event(&self, set: SetId) -> bool {
        self.sets
            .get(set)
            .is_some_and(|set| !set.pending.is_empty())
    }

    /// Begins a wait: `Thread.start_waiting`.
    #[inline]
    pub(crate) fn start_waiting(&mut self, id: ThreadId, reason: Reason) -> Result<(), Trap> {
        self.thread(id)?;
        self.wait_at(id.raw().place(), reason);
        Ok(())
    }

    /// The same for a thread that is known to be live.
    #[inline]
    pub(crate) fn wait_at(&mut self, at: u32, reason: Reason) {
        self.threads.at_mut(at).status = Status::Waiting(reason);
        match reason {
            Reason::Yield => self.make_ready(at),
            _ => self.park(at, reason, Turn::New),
        }
    }

    /// Ends a wait: `Thread.stop_waiting`, and what the thread does first when it goes on. What it
    /// waited for has come.
    #[inline]
    pub(crate) fn stop_waiting(&mut self, id: ThreadId, reason: Reason) -> Result<(), Trap> {
        if !matches!(reason, Reason::Yield) {
            return self.stop_waiting_for(id, reason);
        }
        let at = id.raw().place();
        self.leave(at);
        self.threads.at_mut(at).status = Status::Running;
        Ok(())
    }

    /// As [`Self::stop_waiting`], for something that may not have come.
    #[inline(never)]
    fn stop_waiting_for(&mut self, id: ThreadId, reason: Reason) -> Result<(), Trap> {
        let at = id.raw().place();
        if !self.holds(self.threads.at(at), reason) {
            return Err(Trap::Internal(Bug::ResumedUnready));
        }
        self.leave(at);
        self.threads.at_mut(at).status = Status::Running;
        let outcome = self.complete(id, reason).unwrap_or_else(Outcome::Trap);
        self.threads.at_mut(at).outcome = outcome;
        Ok(())
    }

    /// What a thread does first when what it waited for has come.
    fn complete(&mut self, id: ThreadId, reason: Reason) -> Result<Outcome, Trap> {
        match reason {
            Reason::Yield => Ok(Outcome::Resumed),
            Reason::Enter => self.finish_entering(id),
            Reason::Subtask(subtask) => self.finish_subtask_wait(subtask),
            Reason::Cancel(subtask) => self.finish_cancel_wait(subtask),
            Reason::End(end) => self.finish_end_wait(end),
            Reason::Set(set) => self.finish_set_wait(set).map(Outcome::Event),
            Reason::CallbackYield => self.finish_callback_yield(id).map(Outcome::Callback),
            Reason::CallbackSet(set) => self.finish_callback_wait(id, set).map(Outcome::Callback),
        }
    }

    /// Puts a thread into the list of the first thing that it lacks, or into the ready queue.
    #[inline(never)]
    fn park(&mut self, at: u32, reason: Reason, turn: Turn) {
        let thread = self.threads.at(at);
        let instance = thread.instance;
        let (place, holds) = match reason {
            Reason::Yield => return self.make_ready(at),
            // The subtask or end names its waiter, which is in no list.
            Reason::Subtask(_) | Reason::Cancel(_) | Reason::End(_) => {
                if self.holds(thread, reason) {
                    self.make_ready(at);
                }
                return;
            }
            Reason::Enter => {
                let place = match self.needs_exclusive(thread) {
                    true => Place::ExclusiveEntry,
                    false => Place::Entry,
                };
                (place, !self.has_backpressure(thread))
            }
            Reason::Set(set) => (Place::Set(set), self.has_event(set)),
            Reason::CallbackSet(set)
                if !self.has_event(set) && !self.has_pending_cancel(thread.task) =>
            {
                (Place::SetCallback(set), false)
            }
            Reason::CallbackYield | Reason::CallbackSet(_) => {
                (Place::Callback, self.is_exclusive_free(instance))
            }
        };
        let mut others_wait = || {
            let list = list_at(&mut self.instances, &mut self.sets, instance, place);
            list.is_some_and(|list| !list.is_empty())
        };
        match !holds || (turn == Turn::New && self.first_come && others_wait()) {
            true => self.put(at, instance, place, turn),
            false => self.make_ready(at),
        }
    }

    fn put(&mut self, at: u32, instance: InstanceId, place: Place, turn: Turn) {
        self.threads.at_mut(at).place = place;
        let threads = &mut self.threads;
        if let Some(list) = list_at(&mut self.instances, &mut self.sets, instance, place) {
            match turn {
                Turn::New | Turn::Told => list.push_back(threads, at),
                Turn::Again => list.push_front(threads, at),
            }
        }
    }

    /// Puts a thread that is in no list at the end of the ready queue.
    #[inline]
    pub(crate) fn make_ready(&mut self, at: u32) {
        let thread = self.threads.at_mut(at);
        thread.place = Place::Ready;
        let has_index = thread.index != 0;
        let instance = thread.instance;
        self.ready.push_back(&mut self.threads, at);
        if has_index && let Some(instance) = self.instances.get_mut(instance) {
            instance.ready.push_back(&mut self.threads, at);
        }
    }

    /// Takes a thread out of the list it is in.
    #[inline]
    pub(crate) fn leave(&mut self, at: u32) {
        let thread = self.threads.at_mut(at);
        let place = std::mem::replace(&mut thread.place, Place::Nowhere);
        let instance = thread.instance;
        match place {
            Place::Nowhere => {}
            Place::Ready => {
                let has_index = thread.index != 0;
                self.ready.remove(&mut self.threads, at);
                if has_index && let Some(instance) = self.instances.get_mut(instance) {
                    instance.ready.remove(&mut self.threads, at);
                }
            }
            _ => {
                let list = list_at(&mut self.instances, &mut self.sets, instance, place);
                if let Some(list) = list {
                    list.remove(&mut self.threads, at);
                }
            }
        }
    }

    /// Takes a thread out of the list it is in and puts it where it belongs now.
    pub(crate) fn park_again(&mut self, id: ThreadId) {
        let at = id.raw().place();
        if let Some(thread) = self.threads.get(id)
            && let Status::Waiting(reason) = thread.status
            && thread.place != Place::Ready
        {
            self.leave(at);
            self.park(at, reason, Turn::Told);
        }
    }

    /// Takes one thread out of a list: the first, or whom the schedule chooses.
    fn next_of(&mut self, instance: InstanceId, place: Place) -> Option<(u32, Reason)> {
        let list = list_at(&mut self.instances, &mut self.sets, instance, place)?;
        let first = list.first()?;
        let at = match list.len() {
            1 => first,
            len => match self.choose(Choice::Waiter, len) {
                0 => first,
                n => list_at(&mut self.instances, &mut self.sets, instance, place)?
                    .nth(&self.threads, n)?,
            },
        };
        self.leave(at);
        match self.threads.at(at).status {
            Status::Waiting(reason) => Some((at, reason)),
            Status::Suspended | Status::Running | Status::Locked => None,
        }
    }

    /// Sends scouts if a set has an event.
    pub(crate) fn signal_set(&mut self, id: SetId) {
        let Some(set) = self.sets.get(id) else {
            return;
        };
        if set.pending.is_empty() || (set.waiters.is_empty() && set.callbacks.is_empty()) {
            return;
        }
        let instance = set.instance;
        for place in [Place::Set(id), Place::SetCallback(id)] {
            if let Some((at, reason)) = self.next_of(instance, place) {
                self.park(at, reason, Turn::Told);
            }
        }
    }

    /// Sends a scout of those who wait to be called back, if the exclusive lock is free.
    pub(crate) fn signal_callbacks(&mut self, instance: InstanceId) {
        while self.is_exclusive_free(instance)
            && let Some((at, reason)) = self.next_of(instance, Place::Callback)
        {
            if self.holds(self.threads.at(at), reason) {
                return self.make_ready(at);
            }
            // Its event is gone: back to the set.
            self.park(at, reason, Turn::Again);
        }
    }

    /// Sends scouts of those who wait to enter, if they may.
    pub(crate) fn signal_entry(&mut self, id: InstanceId) {
        let Some(instance) = self.instances.get(id) else {
            return;
        };
        if instance.num_waiting_to_enter == 0 || instance.backpressure > 0 {
            return;
        }
        let exclusive_free = instance.exclusive_thread.is_none();
        if let Some((at, _)) = self.next_of(id, Place::Entry) {
            self.make_ready(at);
        }
        if exclusive_free && let Some((at, _)) = self.next_of(id, Place::ExclusiveEntry) {
            self.make_ready(at);
        }
    }
}

/// The list that a place is, except the ready queue.
#[inline]
fn list_at<'a>(
    instances: &'a mut crate::slab::Slab<InstanceId, Instance>,
    sets: &'a mut crate::slab::Slab<SetId, crate::set::WaitableSet>,
    instance: InstanceId,
    place: Place,
) -> Option<&'a mut List<PlaceList>> {
    match place {
        Place::Nowhere | Place::Ready => None,
        Place::Entry => Some(&mut instances.get_mut(instance)?.entry),
        Place::ExclusiveEntry => Some(&mut instances.get_mut(instance)?.exclusive_entry),
        Place::Callback => Some(&mut instances.get_mut(instance)?.callbacks),
        Place::Set(set) => Some(&mut sets.get_mut(set)?.waiters),
        Place::SetCallback(set) => Some(&mut sets.get_mut(set)?.callbacks),
    }
}
