//! Reads and writes, and their cancellation: `{stream,future}.{read,write}`, `cancel-{read,write}`.
//!
//! Two ends meet when one of them has left a buffer and the other comes with its own. The elements
//! are then copied by the driver, between [`begin_copy`](Scheduler::begin_copy) and
//! [`end_copy`](Scheduler::end_copy), because lifting and lowering needs more than the scheduler
//! has; it may run guest code, and trap.

use super::{End, EndState, Progress, Side, TransferKind};
use crate::Platform;
use crate::bug::Bug;
use crate::event::{BLOCKED, Event, MAX_BUFFER_LENGTH};
use crate::id::EndId;
use crate::schedule::Choice;
use crate::scheduler::{Scheduler, Wait};
use crate::thread::{Outcome, Reason};
use crate::tracer::TraceEvent;
use crate::trap::Trap;

/// What a read or write begins with.
#[must_use]
pub enum Copying<P: Platform> {
    /// No elements are to be copied now; [`finish_copy`](Scheduler::finish_copy) comes next.
    Begun,
    /// The driver copies elements, and says so by [`end_copy`](Scheduler::end_copy).
    Transfer(Transfer<P>),
}

/// Elements to be copied from one buffer to another.
pub struct Transfer<P: Platform> {
    /// From here.
    pub source: P::Buffer,
    /// How many were taken from the source before.
    pub source_progress: u32,
    /// To here.
    pub destination: P::Buffer,
    /// How many were put into the destination before.
    pub destination_progress: u32,
    /// How many.
    pub count: u32,
    /// Who came with its buffer, and who had left one.
    ends: (EndId, EndId),
    lengths: (u32, u32),
    progress: (u32, u32),
    is_read: bool,
}

impl<P: Platform> Scheduler<P> {
    /// Whether an end may read or write now: what is to be checked before its buffer is.
    ///
    /// # Errors
    ///
    /// [`Trap::CopyBusy`], [`Trap::CopyDone`], [`Trap::SyncCopyInSet`].
    #[inline]
    pub fn check_copy(&self, id: EndId, is_async: bool) -> Result<(), Trap> {
        let end = self.end(id)?;
        match end.state {
            EndState::Idle => {}
            EndState::Done => return Err(Trap::CopyDone(end.kind)),
            EndState::Copying | EndState::CancellingCopy => return Err(Trap::CopyBusy(end.kind)),
        }
        if !is_async && self.waitable(id.into())?.set.is_some() {
            return Err(Trap::SyncCopyInSet);
        }
        Ok(())
    }

    /// `End.copy` up to the copying itself: a read into the buffer, or a write from it, as the end
    /// is. Futures copy one element.
    ///
    /// # Errors
    ///
    /// As [`check_copy`](Self::check_copy) for `async`; [`Trap::CopyTooLong`],
    /// [`Trap::CopyWithinInstance`], [`Trap::PeerTrapped`].
    #[inline]
    pub fn begin_copy(
        &mut self,
        id: EndId,
        buffer: P::Buffer,
        length: u32,
    ) -> Result<Copying<P>, Trap> {
        self.check_copy(id, true)?;
        if length > MAX_BUFFER_LENGTH {
            return Err(Trap::CopyTooLong);
        }
        if self.end(id)?.kind.transfer == TransferKind::Future && length != 1 {
            return Err(Trap::Internal(Bug::FutureLength));
        }
        self.trace(|| TraceEvent::CopyBegun { end: id, length });
        let copying = self.meet(id, buffer, length, 0)?;
        self.checked();
        Ok(copying)
    }

    /// `End.copy`, of a buffer that may have got somewhere already.
    pub(super) fn meet(
        &mut self,
        id: EndId,
        buffer: P::Buffer,
        length: u32,
        progress: u32,
    ) -> Result<Copying<P>, Trap> {
        let end = self.end(id)?;
        if end.broken {
            return Err(Trap::PeerTrapped);
        }
        let own = Progress {
            buffer,
            length,
            progress,
        };
        let is_read = end.kind.side == Side::Readable;
        let Some(other_id) = end.other else {
            // It was dropped, and left an event.
            self.end_mut(id)?.state = EndState::Copying;
            return Ok(Copying::Begun);
        };
        let other = self.end(other_id)?;
        let Some(others) = &other.buffer else {
            self.leave_buffer(id, own)?;
            return Ok(Copying::Begun);
        };
        if own.remain() > 0 && others.remain() > 0 {
            if self.is_forbidden_within(end, other) {
                return Err(Trap::CopyWithinInstance);
            }
            self.end_mut(id)?.state = EndState::Copying;
            return self.begin_transfer(id, own, other_id, is_read);
        }
        if own.remain() > 0 || (is_read && others.remain() == 0) {
            self.notify(other_id, 0);
            self.end_mut(other_id)?.buffer = None;
            self.leave_buffer(id, own)?;
        } else {
            self.end_mut(id)?.state = EndState::Copying;
            self.notify(id, 0);
        }
        Ok(Copying::Begun)
    }

    fn leave_buffer(&mut self, id: EndId, own: Progress<P::Buffer>) -> Result<(), Trap> {
        let end = self.end_mut(id)?;
        end.state = EndState::Copying;
        end.buffer = Some(own);
        Ok(())
    }

    fn begin_transfer(
        &mut self,
        id: EndId,
        own: Progress<P::Buffer>,
        other_id: EndId,
        is_read: bool,
    ) -> Result<Copying<P>, Trap> {
        let others = self.end_mut(other_id)?.buffer.take();
        let others = others.ok_or(Trap::Internal(Bug::NoBuffer))?;
        let count = own.remain().min(others.remain());
        let lengths = (own.length, others.length);
        let progress = (own.progress, others.progress);
        let (source, destination) = if is_read {
            (others, own)
        } else {
            (own, others)
        };
        Ok(Copying::Transfer(Transfer {
            source: source.buffer,
            source_progress: source.progress,
            destination: destination.buffer,
            destination_progress: destination.progress,
            count,
            ends: (id, other_id),
            lengths,
            progress,
            is_read,
        }))
    }

    /// The elements are copied. (If that has trapped, the transfer is dropped instead, and the
    /// instance [locked](Self::lock).)
    ///
    /// # Errors
    ///
    /// [`Trap::PeerTrapped`] if the other end's instance has trapped meanwhile.
    #[inline]
    pub fn end_copy(&mut self, transfer: Transfer<P>) -> Result<(), Trap> {
        let (own, other) = transfer.ends;
        let end = self.end(own)?;
        if end.broken || end.other != Some(other) {
            return Err(Trap::PeerTrapped);
        }
        self.trace(|| {
            let (readable, writable) = match transfer.is_read {
                true => (own, other),
                false => (other, own),
            };
            TraceEvent::Copied {
                readable,
                writable,
                count: transfer.count,
            }
        });
        let progress = transfer.progress.0 + transfer.count;
        let others = Progress {
            buffer: if transfer.is_read {
                transfer.source
            } else {
                transfer.destination
            },
            length: transfer.lengths.1,
            progress: transfer.progress.1 + transfer.count,
        };
        self.notify(own, progress);
        self.notify(other, others.progress);
        if others.remain() > 0 {
            self.end_mut(other)?.buffer = Some(others);
        }
        self.checked();
        Ok(())
    }

    /// The elements could not be copied, and the end that came with its buffer is the host's: the end is as
    /// it was before it came, and the other end's buffer is back. Either may be gone meanwhile.
    pub fn abort_host_copy(&mut self, transfer: Transfer<P>) {
        let (own, other) = transfer.ends;
        if let Ok(end) = self.end_mut(own) {
            debug_assert!(end.owner.is_none(), "a guest that fails to copy is locked");
            end.state = EndState::Idle;
        }
        let buffer = match transfer.is_read {
            true => transfer.source,
            false => transfer.destination,
        };
        if let Ok(end) = self.end_mut(other)
            && end.other == Some(own)
            && end.state.is_busy()
        {
            end.buffer = Some(Progress {
                buffer,
                length: transfer.lengths.1,
                progress: transfer.progress.1,
            });
        }
        self.checked();
    }

    /// The last part of a read or write: its result is the event's payload, which may be
    /// [`BLOCKED`]. If it blocks, the outcome is an [`Event`](Outcome::Event).
    ///
    /// # Errors
    ///
    /// [`Trap::SyncCopyInSet`], [`Trap::PeerTrapped`].
    #[inline]
    pub fn finish_copy(&mut self, id: EndId, is_async: bool) -> Result<Wait<Event>, Trap> {
        let waitable = self.waitable(id.into())?;
        if waitable.pending.is_some() {
            let event = self.take_event(id.into())?;
            self.checked();
            return Ok(Wait::Ready(event));
        }
        if is_async {
            return Ok(Wait::Ready(self.blocked(id)?));
        }
        if waitable.set.is_some() {
            return Err(Trap::SyncCopyInSet);
        }
        let current = self.running()?;
        self.block(Reason::End(id))?;
        let waitable = self.waitable_mut(id.into())?;
        waitable.has_sync_waiter = true;
        waitable.waiter = Some(current);
        self.checked();
        Ok(Wait::Block)
    }

    fn blocked(&self, id: EndId) -> Result<Event, Trap> {
        let end = self.end(id)?;
        Ok(Event {
            code: end.kind.event_code(),
            index: end.index,
            payload: BLOCKED,
            resolved: None,
        })
    }

    pub(crate) fn finish_end_wait(&mut self, id: EndId) -> Result<Outcome, Trap> {
        let waitable = self.waitable_mut(id.into())?;
        waitable.has_sync_waiter = false;
        waitable.waiter = None;
        self.take_event(id.into()).map(Outcome::Event)
    }

    /// `{stream,future}.cancel-{read,write}`: the result is as that of
    /// [`finish_copy`](Self::finish_copy).
    ///
    /// If the other end is the host's, cancellation may block until the host says
    /// [`host_finish_cancel`](Self::host_finish_cancel) or copies.
    ///
    /// # Errors
    ///
    /// [`Trap::CancelNotCopying`], [`Trap::CancelDuringSyncWait`], [`Trap::SyncCancelInSet`],
    /// [`Trap::PeerTrapped`].
    pub fn cancel_copy(&mut self, id: EndId, is_async: bool) -> Result<Wait<Event>, Trap> {
        let end = self.end(id)?;
        let (kind, other) = (end.kind, end.other);
        if end.state != EndState::Copying {
            return Err(Trap::CancelNotCopying(kind));
        }
        let waitable = self.waitable(id.into())?;
        if waitable.has_sync_waiter {
            return Err(Trap::CancelDuringSyncWait(kind));
        }
        if waitable.set.is_some() && !is_async {
            return Err(Trap::SyncCancelInSet);
        }
        let is_pending = waitable.pending.is_some();
        self.end_mut(id)?.state = EndState::CancellingCopy;
        if !is_pending {
            let other = other.and_then(|other| self.end(other).ok());
            let with_host = other.is_some_and(|other| other.owner.is_none());
            if !with_host || self.choose(Choice::BlockCancel, 2) == 0 {
                self.notify(id, 0);
            }
        }
        self.finish_copy(id, is_async)
    }

    /// The host has got round to the cancellation of a copy by the other end of one of its own.
    ///
    /// # Errors
    ///
    /// [`Trap::Internal`] if that is not so.
    pub fn host_finish_cancel(&mut self, own: EndId) -> Result<(), Trap> {
        let end = self.end(own)?;
        if end.owner.is_some() {
            return Err(Trap::Internal(Bug::NotOfHost));
        }
        let other = end.other.ok_or(Trap::Internal(Bug::NothingToCancel))?;
        if self.end(other)?.state != EndState::CancellingCopy {
            return Err(Trap::Internal(Bug::NothingToCancel));
        }
        if self.waitable(other.into())?.pending.is_none() {
            self.notify(other, 0);
        }
        self.checked();
        Ok(())
    }

    /// Whether the other end of one of the host's waits for its copy to be cancelled.
    pub fn is_cancel_requested(&self, own: EndId) -> bool {
        let other = self.end(own).ok().and_then(|end| end.other);
        other.is_some_and(|other| {
            let is_pending = |other: EndId| {
                let found = self.waitables.get(other.into());
                found.is_some_and(|found| found.pending.is_some())
            };
            self.end(other)
                .is_ok_and(|end: &End<P>| end.state == EndState::CancellingCopy)
                && !is_pending(other)
        })
    }

    /// The event of an end that is the host's.
    ///
    /// # Errors
    ///
    /// [`Trap::Internal`] if it has none, [`Trap::PeerTrapped`].
    pub fn take_host_event(&mut self, own: EndId) -> Result<Event, Trap> {
        let event = self.take_event(own.into())?;
        self.checked();
        Ok(event)
    }
}
