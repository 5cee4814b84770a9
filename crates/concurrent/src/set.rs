//! Waitable sets: `waitable-set.*`.

use crate::Platform;
use crate::bug::Bug;
use crate::event::Event;
use crate::id::{InstanceId, SetId};
use crate::list::List;
use crate::schedule::Choice;
use crate::scheduler::{Scheduler, Wait};
use crate::thread::{PlaceList, Reason};
use crate::trap::Trap;
use crate::waitable::EventList;

/// A waitable set.
pub(crate) struct WaitableSet {
    pub(crate) instance: InstanceId,
    /// How many waitables are in it.
    pub(crate) len: u32,
    /// Those of them that have an event, in the order in which they got it.
    pub(crate) pending: List<EventList>,
    pub(crate) num_waiting: u32,
    /// Threads that wait for an event; those sent to the ready queue are not here.
    pub(crate) waiters: List<PlaceList>,
    /// Threads that wait to be called back with an event, likewise.
    pub(crate) callbacks: List<PlaceList>,
}

impl<P: Platform> Scheduler<P> {
    /// `waitable-set.new`, of this instance.
    ///
    /// # Errors
    ///
    /// [`Trap::Internal`] if there is no such instance.
    pub fn set_new(&mut self, instance: InstanceId) -> Result<SetId, Trap> {
        self.instance(instance)?;
        let set = self.sets.insert(WaitableSet {
            instance,
            len: 0,
            pending: List::default(),
            num_waiting: 0,
            waiters: List::default(),
            callbacks: List::default(),
        });
        self.checked();
        Ok(set)
    }

    /// `waitable-set.wait`. If it blocks, the outcome is an [`Event`](crate::Outcome::Event).
    ///
    /// First come, first served, an event that is there is taken at once: nobody would gain by a
    /// detour.
    ///
    /// # Errors
    ///
    /// [`Trap::PeerTrapped`].
    pub fn set_wait(&mut self, set: SetId) -> Result<Wait<Event>, Trap> {
        self.running()?;
        let has_event = !self.set(set)?.pending.is_empty();
        let result = if has_event && (self.first_come || self.choose(Choice::Stay, 2) == 1) {
            Wait::Ready(self.take_event_of(set)?)
        } else {
            self.block(Reason::Set(set))?;
            self.set_mut(set)?.num_waiting += 1;
            Wait::Block
        };
        self.checked();
        Ok(result)
    }

    /// `waitable-set.poll`.
    ///
    /// # Errors
    ///
    /// [`Trap::PeerTrapped`].
    pub fn set_poll(&mut self, set: SetId) -> Result<Event, Trap> {
        if self.set(set)?.pending.is_empty() {
            return Ok(Event::NONE);
        }
        let event = self.take_event_of(set)?;
        self.checked();
        Ok(event)
    }

    /// `waitable-set.drop`.
    ///
    /// # Errors
    ///
    /// [`Trap::DropSetWithWaitables`], [`Trap::DropSetWithWaiters`].
    pub fn set_drop(&mut self, id: SetId) -> Result<(), Trap> {
        let set = self.set(id)?;
        if set.len > 0 {
            return Err(Trap::DropSetWithWaitables);
        }
        if set.num_waiting > 0 {
            return Err(Trap::DropSetWithWaiters);
        }
        self.sets.remove(id);
        self.checked();
        Ok(())
    }

    /// `WaitableSet.get_pending_event`. There is one.
    pub(crate) fn take_event_of(&mut self, id: SetId) -> Result<Event, Trap> {
        let len = self.set(id)?.pending.len();
        let chosen = self.choose(Choice::Event, len);
        let at = self.set(id)?.pending.nth(&self.waitables, chosen);
        let at = at.ok_or(Trap::Internal(Bug::NoEvent))?;
        self.take_event(self.waitables.id_at(at))
    }

    pub(crate) fn finish_set_wait(&mut self, id: SetId) -> Result<Event, Trap> {
        self.set_mut(id)?.num_waiting -= 1;
        let event = self.take_event_of(id);
        // This thread was the scout; there may be more events than it took.
        self.signal_set(id);
        event
    }
}
