//! Reads and writes that are over as soon as their elements are copied: the other end has left a
//! buffer, and nothing that copying does can change anything in between.
//!
//! What [`copy`](super::copy) does in three steps, so that the driver may run guest code in between and
//! the end may wait for its event, is one step here: the end that comes is never busy and has no event,
//! as its result is known.

use super::{EndState, Side};
use crate::Platform;
use crate::bug::Bug;
use crate::event::{Event, MAX_BUFFER_LENGTH};
use crate::id::EndId;
use crate::scheduler::Scheduler;
use crate::tracer::TraceEvent;
use crate::trap::Trap;

/// What the other end has left.
pub struct Meeting<'a, P: Platform> {
    /// Its buffer.
    pub buffer: &'a P::Buffer,
    /// How many elements it has got through.
    pub progress: u32,
    /// How many can be copied: not 0.
    pub count: u32,
}

impl<P: Platform> Scheduler<P> {
    /// What a read or write of so many elements meets, which
    /// [`check_copy`](Self::check_copy) lets begin: if it meets a buffer, the driver may copy elements
    /// that need no lifting, and then say so by [`copied_at_once`](Self::copied_at_once). If it meets
    /// none, or the driver would rather not, [`begin_copy`](Self::begin_copy) comes next.
    #[inline]
    pub fn meet_at_once(&self, id: EndId, length: u32) -> Option<Meeting<'_, P>> {
        let end = self.end(id).ok()?;
        // Its event, which won't be, would make the schedule choose who of the set is told.
        if !self.first_come && self.waitable(id.into()).ok()?.set.is_some() {
            return None;
        }
        let other = self.end(end.other?).ok()?;
        let others = other.buffer.as_ref()?;
        let count = length.min(others.remain());
        let refused = end.broken
            || end.state != EndState::Idle
            || count == 0
            || length > MAX_BUFFER_LENGTH
            || self.is_forbidden_within(end, other);
        match refused {
            true => None,
            false => Some(Meeting {
                buffer: &others.buffer,
                progress: others.progress,
                count,
            }),
        }
    }

    /// The elements that a read or write [meets](Self::meet_at_once) are copied, and it is over: its
    /// event.
    ///
    /// # Errors
    ///
    /// [`Trap::Internal`] if it met none.
    #[inline]
    pub fn copied_at_once(&mut self, id: EndId, length: u32) -> Result<Event, Trap> {
        let other_id = self.end(id)?.other;
        let other_id = other_id.ok_or(Trap::Internal(Bug::NoBuffer))?;
        let other = self.end_mut(other_id)?;
        let others = other.buffer.as_mut();
        let others = others.ok_or(Trap::Internal(Bug::NoBuffer))?;
        let count = length.min(others.remain());
        others.progress += count;
        let progress = others.progress;
        if others.remain() == 0 {
            other.buffer = None;
        }
        let event = self.end_mut(id)?.event(count);
        self.notify(other_id, progress);
        if self.tracer.is_some() {
            self.trace_at_once(id, other_id, length, count, event);
        }
        self.checked();
        Ok(event)
    }

    #[cold]
    fn trace_at_once(&mut self, id: EndId, other: EndId, length: u32, count: u32, event: Event) {
        let is_read = self
            .end(id)
            .is_ok_and(|end| end.kind.side == Side::Readable);
        let (readable, writable) = match is_read {
            true => (id, other),
            false => (other, id),
        };
        self.trace(|| TraceEvent::CopyBegun { end: id, length });
        self.trace(|| TraceEvent::Copied {
            readable,
            writable,
            count,
        });
        self.trace(|| TraceEvent::Delivered { event });
    }
}
