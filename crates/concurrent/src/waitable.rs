//! Waitables: what can have an event. `waitable.join`, and how events get to whoever waits.

use crate::Platform;
use crate::bug::Bug;
use crate::event::Event;
use crate::id::{EndId, Id, SetId, SubtaskId, ThreadId, WaitableId};
use crate::list::{Link, Linked};
use crate::scheduler::Scheduler;
use crate::subtask::Subtask;
use crate::tracer::TraceEvent;
use crate::transfer::End;
use crate::trap::Trap;

/// A waitable: a subtask or an end of a stream or future.
pub(crate) struct Waitable<P: Platform> {
    pub(crate) pending: Option<Pending>,
    pub(crate) set: Option<SetId>,
    /// Whether an operation is under way that no set may interfere with.
    pub(crate) has_sync_waiter: bool,
    /// The thread that waits for just this.
    pub(crate) waiter: Option<ThreadId>,
    /// Link of the list of those that have an event, of the set or of the host.
    pub(crate) link: Link,
    pub(crate) kind: Kind<P>,
}

/// What a waitable is.
pub(crate) enum Kind<P: Platform> {
    Subtask(Subtask<P>),
    End(End<P>),
}

/// `pending_event`: what the event will be made of when it is delivered.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Pending {
    /// The event, by the state that the subtask or end has then; with the progress of a copy.
    Event { progress: u32 },
    /// There will never be an event: whoever waits for one traps.
    Trap,
}

/// Lists of waitables that have an event.
pub(crate) enum EventList {}

impl<P: Platform> Linked<EventList> for Waitable<P> {
    fn link(&self) -> &Link {
        &self.link
    }

    fn link_mut(&mut self) -> &mut Link {
        &mut self.link
    }
}

impl<P: Platform> Waitable<P> {
    pub(crate) fn new(kind: Kind<P>) -> Self {
        Waitable {
            pending: None,
            set: None,
            has_sync_waiter: false,
            waiter: None,
            link: Link::default(),
            kind,
        }
    }

    /// Whether its events are for the host to take.
    pub(crate) fn is_host_owned(&self) -> bool {
        match &self.kind {
            Kind::Subtask(_) => false,
            Kind::End(end) => end.owner.is_none(),
        }
    }
}

impl<P: Platform> Scheduler<P> {
    /// `waitable.join`: puts a waitable into a set, or into none.
    ///
    /// # Errors
    ///
    /// [`Trap::JoinDuringSyncWait`].
    pub fn join(
        &mut self,
        waitable: impl Into<WaitableId>,
        set: Option<SetId>,
    ) -> Result<(), Trap> {
        let id = waitable.into();
        if self.waitable(id)?.has_sync_waiter {
            return Err(Trap::JoinDuringSyncWait);
        }
        if let Some(set) = set {
            self.set(set)?;
        }
        self.move_to_set(id, set)?;
        self.checked();
        Ok(())
    }

    /// `Waitable.join`.
    pub(crate) fn move_to_set(&mut self, id: WaitableId, to: Option<SetId>) -> Result<(), Trap> {
        let at = id.raw().place();
        let waitable = self.waitable_mut(id)?;
        let is_pending = waitable.pending.is_some();
        let from = std::mem::replace(&mut waitable.set, to);
        if let Some(from) = from
            && let Some(set) = self.sets.get_mut(from)
        {
            set.len -= 1;
            if is_pending {
                set.pending.remove(&mut self.waitables, at);
            }
        }
        if let Some(to) = to
            && let Some(set) = self.sets.get_mut(to)
        {
            set.len += 1;
            if is_pending {
                set.pending.push_back(&mut self.waitables, at);
                self.signal_set(to);
            }
        }
        Ok(())
    }

    /// The waitable has an event, in place of the one it may have had; whoever waits for it learns.
    pub(crate) fn set_pending(&mut self, id: WaitableId, pending: Pending) {
        let at = id.raw().place();
        let Some(waitable) = self.waitables.get_mut(id) else {
            return;
        };
        let had_one = waitable.pending.replace(pending).is_some();
        let (set, waiter) = (waitable.set, waitable.waiter);
        let is_host_owned = waitable.is_host_owned();
        if !had_one {
            if let Some(set) = set.and_then(|set| self.sets.get_mut(set)) {
                set.pending.push_back(&mut self.waitables, at);
            } else if is_host_owned {
                self.host_events.push_back(&mut self.waitables, at);
            }
        }
        if let Some(set) = set {
            self.signal_set(set);
        }
        if let Some(waiter) = waiter {
            self.wake(waiter);
        }
    }

    /// The waitable has no event any more.
    pub(crate) fn clear_pending(&mut self, id: WaitableId) -> Option<Pending> {
        let at = id.raw().place();
        let waitable = self.waitables.get_mut(id)?;
        let pending = waitable.pending.take()?;
        let is_host_owned = waitable.is_host_owned();
        if let Some(set) = waitable.set {
            self.sets
                .get_mut(set)?
                .pending
                .remove(&mut self.waitables, at);
        } else if is_host_owned {
            self.host_events.remove(&mut self.waitables, at);
        }
        Some(pending)
    }

    /// `Waitable.get_pending_event`.
    pub(crate) fn take_event(&mut self, id: WaitableId) -> Result<Event, Trap> {
        let pending = self.clear_pending(id);
        let Pending::Event { progress } = pending.ok_or(Trap::Internal(Bug::NoEvent))? else {
            return Err(Trap::PeerTrapped);
        };
        let event = match &mut self.waitable_mut(id)?.kind {
            Kind::Subtask(subtask) => subtask.event(SubtaskId::from_raw(id.raw())),
            Kind::End(end) => end.event(progress),
        };
        self.trace(|| TraceEvent::Delivered { event });
        Ok(event)
    }

    /// A thread that waits for an end, for just that or for a set it is in.
    pub fn waiter_of(&self, end: EndId) -> Option<ThreadId> {
        let waitable = self.waitables.get(end.into())?;
        if waitable.waiter.is_some() {
            return waitable.waiter;
        }
        let set = self.sets.get(waitable.set?)?;
        let first = set.waiters.first().or_else(|| set.callbacks.first())?;
        Some(self.threads.id_at(first))
    }

    /// An end that is the host's and has an event, which [`take_host_event`](Self::take_host_event)
    /// delivers.
    pub fn next_host_event(&self) -> Option<EndId> {
        let at = self.host_events.first()?;
        Some(EndId::from_raw(self.waitables.id_at(at).raw()))
    }

    /// Forgets a waitable that nobody refers to: `Waitable.drop`. `take` may take of it what is
    /// needed still.
    #[inline]
    pub(crate) fn remove_waitable<R>(
        &mut self,
        id: WaitableId,
        take: impl FnOnce(&mut Kind<P>) -> R,
    ) -> Result<R, Trap> {
        let waitable = self.waitable(id)?;
        let (is_pending, set) = (waitable.pending.is_some(), waitable.set);
        if is_pending {
            self.clear_pending(id);
        }
        if set.is_some() {
            self.move_to_set(id, None)?;
        }
        self.waitables
            .remove_with(id, |waitable| take(&mut waitable.kind))
            .ok_or(Trap::Internal(Bug::NoSuchWaitable))
    }
}
