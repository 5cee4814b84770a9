//! Streams and futures: their ends, the states of these, and how an end is made, passed on and
//! dropped. Reads and writes are in [`copy`], those that never wait in [`at_once`], `forward` is in
//! [`forward`].

mod at_once;
mod copy;
mod forward;

use std::fmt;

pub use at_once::Meeting;
pub use copy::{Copying, Transfer};
pub use forward::Forwarding;

use crate::bug::Bug;
use crate::event::{CopyResult, Event, EventCode, pack_copy};
use crate::id::{EndId, Id, InstanceId};
use crate::scheduler::Scheduler;
use crate::tracer::TraceEvent;
use crate::trap::Trap;
use crate::waitable::{Kind, Pending, Waitable};
use crate::{Payload, Platform};

/// An end of a stream or future.
pub(crate) struct End<P: Platform> {
    pub(crate) kind: EndKind,
    pub(crate) payload: P::Payload,
    pub(crate) state: EndState,
    pub(crate) other: Option<EndId>,
    pub(crate) buffer: Option<Progress<P::Buffer>>,
    /// The instance whose table it is in, or none: the host's, or on the way.
    pub(crate) owner: Option<InstanceId>,
    /// In the owner's table of handles.
    pub(crate) index: u32,
    /// Whether the owner of the other end has trapped.
    pub(crate) broken: bool,
}

/// A buffer, and how far it has got.
pub(crate) struct Progress<B> {
    pub(crate) buffer: B,
    pub(crate) length: u32,
    pub(crate) progress: u32,
}

impl<B> Progress<B> {
    pub(crate) fn remain(&self) -> u32 {
        self.length - self.progress
    }
}

/// What kind of end it is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct EndKind {
    /// Of what.
    pub transfer: TransferKind,
    /// Which of the two.
    pub side: Side,
}

/// Shows only what it is an end of: messages say elsewhere which end.
impl fmt::Display for EndKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.transfer {
            TransferKind::Stream => "stream",
            TransferKind::Future => "future",
        })
    }
}

/// What can be transferred through.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum TransferKind {
    /// Any number of elements.
    Stream,
    /// One.
    Future,
}

/// Which end.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Side {
    /// The one that reads.
    Readable,
    /// The one that writes.
    Writable,
}

impl EndKind {
    fn event_code(self) -> EventCode {
        match (self.transfer, self.side) {
            (TransferKind::Stream, Side::Readable) => EventCode::StreamRead,
            (TransferKind::Stream, Side::Writable) => EventCode::StreamWrite,
            (TransferKind::Future, Side::Readable) => EventCode::FutureRead,
            (TransferKind::Future, Side::Writable) => EventCode::FutureWrite,
        }
    }
}

/// `End.State`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum EndState {
    /// Nothing is going on.
    Idle,
    /// A read or write is going on.
    Copying,
    /// A read or write is being cancelled.
    CancellingCopy,
    /// Nothing will go on any more.
    Done,
}

impl EndState {
    /// `End.copying_or_cancelling`.
    pub fn is_busy(self) -> bool {
        match self {
            EndState::Copying | EndState::CancellingCopy => true,
            EndState::Idle | EndState::Done => false,
        }
    }
}

impl<P: Platform> End<P> {
    /// The event of an end: `stream_event`, `future_event`.
    pub(crate) fn event(&mut self, progress: u32) -> Event {
        self.buffer = None;
        let payload = match self.kind.transfer {
            TransferKind::Stream => {
                let result = if self.other.is_none() {
                    self.finish(CopyResult::Dropped, EndState::Done)
                } else if self.state == EndState::CancellingCopy {
                    self.finish(CopyResult::Cancelled, EndState::Idle)
                } else {
                    self.finish(CopyResult::Completed, EndState::Idle)
                };
                pack_copy(result, progress)
            }
            TransferKind::Future => {
                let result = if progress == 1 {
                    self.finish(CopyResult::Completed, EndState::Done)
                } else if self.other.is_none() {
                    self.finish(CopyResult::Dropped, EndState::Done)
                } else {
                    self.finish(CopyResult::Cancelled, EndState::Idle)
                };
                result as u32
            }
        };
        Event {
            code: self.kind.event_code(),
            index: self.index,
            payload,
            resolved: None,
        }
    }

    fn finish(&mut self, result: CopyResult, state: EndState) -> CopyResult {
        self.state = state;
        result
    }
}

impl<P: Platform> Scheduler<P> {
    /// `stream.new` and `future.new`: the readable and the writable end, both of this owner, or of
    /// the host. The owner's come into its table next: [`set_end_index`](Self::set_end_index).
    ///
    /// # Errors
    ///
    /// [`Trap::Internal`] if there is no such instance.
    pub fn new_transfer(
        &mut self,
        transfer: TransferKind,
        payload: P::Payload,
        owner: Option<InstanceId>,
    ) -> Result<(EndId, EndId), Trap>
    where
        P::Payload: Clone,
    {
        if let Some(owner) = owner {
            self.instance(owner)?;
        }
        let mut new = |side, payload| {
            let id = self.waitables.insert(Waitable::new(Kind::End(End {
                kind: EndKind { transfer, side },
                payload,
                state: EndState::Idle,
                other: None,
                buffer: None,
                owner,
                index: 0,
                broken: false,
            })));
            EndId::from_raw(id.raw())
        };
        let readable = new(Side::Readable, payload.clone());
        let writable = new(Side::Writable, payload);
        self.end_mut(readable)?.other = Some(writable);
        self.end_mut(writable)?.other = Some(readable);
        self.trace(|| TraceEvent::TransferMade {
            kind: transfer,
            readable,
            writable,
        });
        self.checked();
        Ok((readable, writable))
    }

    /// The index of an end in its owner's table of handles.
    ///
    /// # Errors
    ///
    /// [`Trap::Internal`] if there is no such end.
    pub fn set_end_index(&mut self, id: EndId, index: u32) -> Result<(), Trap> {
        self.end_mut(id)?.index = index;
        Ok(())
    }

    /// What kind of end it is, in which state, and whose: `None` is the host's.
    pub fn end_state(&self, id: EndId) -> Option<(EndKind, EndState, Option<InstanceId>)> {
        let end = self.end(id).ok()?;
        Some((end.kind, end.state, end.owner))
    }

    /// What kind of end it is, and of which elements.
    #[inline]
    pub fn end_type(&self, id: EndId) -> Option<(EndKind, &P::Payload)> {
        let end = self.end(id).ok()?;
        Some((end.kind, &end.payload))
    }

    /// The type of an end's elements as its owner knows it: ends may be passed on to where the same
    /// type has another name.
    ///
    /// # Errors
    ///
    /// [`Trap::Internal`] if there is no such end.
    pub fn set_end_payload(&mut self, id: EndId, payload: P::Payload) -> Result<(), Trap> {
        self.end_mut(id)?.payload = payload;
        Ok(())
    }

    /// The other end, if it was not dropped.
    pub fn other_end(&self, id: EndId) -> Option<EndId> {
        self.end(id).ok()?.other
    }

    /// The buffer that the other end has left, if it waits: with how many elements it has got through,
    /// and how many remain.
    #[inline]
    pub fn others_buffer(&self, id: EndId) -> Option<(&P::Buffer, u32, u32)> {
        let other = self.end(self.end(id).ok()?.other?).ok()?;
        let buffer = other.buffer.as_ref()?;
        Some((&buffer.buffer, buffer.progress, buffer.remain()))
    }

    /// Whether an end can't be used any more because the instance that had the other one has trapped.
    pub fn is_broken(&self, id: EndId) -> bool {
        self.end(id).is_ok_and(|end| end.broken)
    }

    /// `lift_async_value`: a readable end is taken out of its owner's table to be passed on.
    ///
    /// # Errors
    ///
    /// [`Trap::LiftBusy`], [`Trap::LiftDone`], [`Trap::LiftInSet`].
    pub fn lift_end(&mut self, id: EndId) -> Result<(), Trap> {
        self.check_lift(id)?;
        self.change_owner(id, None, 0)?;
        self.checked();
        Ok(())
    }

    /// Whether [`lift_end`](Self::lift_end) would succeed.
    ///
    /// # Errors
    ///
    /// As that.
    pub fn check_lift(&self, id: EndId) -> Result<(), Trap> {
        let end = self.end(id)?;
        let kind = end.kind;
        match end.state {
            EndState::Idle => {}
            EndState::Done => return Err(Trap::LiftDone(kind)),
            EndState::Copying | EndState::CancellingCopy => return Err(Trap::LiftBusy(kind)),
        }
        match self.waitable(id.into())?.set {
            Some(_) => Err(Trap::LiftInSet(kind)),
            None => Ok(()),
        }
    }

    /// An end that was lifted never arrives, because of a trap on the way: whoever has the other end
    /// can't use it any more.
    ///
    /// # Errors
    ///
    /// [`Trap::Internal`] if there is no such end.
    pub fn lose_end(&mut self, id: EndId) -> Result<(), Trap> {
        if let Some(other) = self.end_mut(id)?.other.take() {
            let end = self.end_mut(other)?;
            end.other = None;
            end.broken = true;
            if end.state.is_busy() {
                self.set_pending(other.into(), Pending::Trap);
            }
        }
        self.remove_waitable(id.into(), |_| ())?;
        self.checked();
        Ok(())
    }

    /// `lower_async_value`: an end that was lifted, or is the host's, is now an instance's, at this
    /// index of its table of handles.
    ///
    /// # Errors
    ///
    /// [`Trap::Internal`] if there is no such end or instance.
    pub fn lower_end(&mut self, id: EndId, owner: InstanceId, index: u32) -> Result<(), Trap> {
        self.instance(owner)?;
        self.change_owner(id, Some(owner), index)?;
        self.checked();
        Ok(())
    }

    /// Only the host's ends are in the host's list of those with events.
    fn change_owner(
        &mut self,
        id: EndId,
        owner: Option<InstanceId>,
        index: u32,
    ) -> Result<(), Trap> {
        let pending = self.clear_pending(id.into());
        let end = self.end_mut(id)?;
        end.owner = owner;
        end.index = index;
        if let Some(pending) = pending {
            self.set_pending(id.into(), pending);
        }
        Ok(())
    }

    /// `{stream,future}.drop-{readable,writable}`.
    ///
    /// # Errors
    ///
    /// [`Trap::DropBusy`], [`Trap::DropFutureUnwritten`] (which is the guest's duty only: the host
    /// may drop any end that isn't busy).
    pub fn drop_end(&mut self, id: EndId) -> Result<(), Trap> {
        let end = self.end(id)?;
        if end.state.is_busy() {
            return Err(Trap::DropBusy(end.kind));
        }
        let is_promise = end.kind.transfer == TransferKind::Future
            && end.kind.side == Side::Writable
            && end.owner.is_some();
        if is_promise && end.state != EndState::Done {
            return Err(Trap::DropFutureUnwritten);
        }
        self.detach(id)?;
        self.remove_waitable(id.into(), |_| ())?;
        self.trace(|| TraceEvent::EndDropped { end: id });
        self.checked();
        Ok(())
    }

    /// The first part of `End.drop`: the other end is alone from now on, and told so.
    pub(crate) fn detach(&mut self, id: EndId) -> Result<(), Trap> {
        let Some(other) = self.end_mut(id)?.other.take() else {
            return Ok(());
        };
        let end = self.end_mut(other)?;
        end.other = None;
        let is_done = end.state == EndState::Done;
        if !is_done && self.waitable(other.into())?.pending.is_none() {
            self.notify(other, 0);
        }
        Ok(())
    }

    /// `notify`.
    pub(crate) fn notify(&mut self, id: EndId, progress: u32) {
        self.set_pending(id.into(), Pending::Event { progress });
    }

    /// Whether a copy between two ends of one owner is of something else than numbers.
    pub(crate) fn is_forbidden_within(&self, end: &End<P>, other: &End<P>) -> bool {
        end.owner.is_some() && end.owner == other.owner && !end.payload.is_none_or_number()
    }

    #[inline]
    pub(crate) fn end(&self, id: EndId) -> Result<&End<P>, Trap> {
        match &self.waitable(id.into())?.kind {
            Kind::End(end) => Ok(end),
            Kind::Subtask(_) => Err(Trap::Internal(Bug::NoSuchEnd)),
        }
    }

    #[inline]
    pub(crate) fn end_mut(&mut self, id: EndId) -> Result<&mut End<P>, Trap> {
        match &mut self.waitable_mut(id.into())?.kind {
            Kind::End(end) => Ok(end),
            Kind::Subtask(_) => Err(Trap::Internal(Bug::NoSuchEnd)),
        }
    }
}
