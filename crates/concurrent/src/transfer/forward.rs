//! `{stream,future}.forward`: two streams become one.

use super::{Copying, EndState, Side, Transfer};
use crate::Platform;
use crate::bug::Bug;
use crate::id::EndId;
use crate::scheduler::Scheduler;
use crate::trap::Trap;

/// What remains to be done for `forward`.
#[must_use]
pub enum Forwarding<P: Platform> {
    /// Nothing.
    Done,
    /// The ends that are left had both left a buffer: the driver copies, and says so by
    /// [`end_copy`](Scheduler::end_copy).
    Transfer(Transfer<P>),
}

impl<P: Platform> Scheduler<P> {
    /// `{stream,future}.forward`: all that comes out of a readable end goes into a writable end from
    /// now on. Both disappear.
    ///
    /// # Errors
    ///
    /// [`Trap::ForwardBusy`], [`Trap::ForwardDone`], [`Trap::ForwardInSet`],
    /// [`Trap::CopyWithinInstance`], [`Trap::PeerTrapped`].
    pub fn forward(&mut self, readable: EndId, writable: EndId) -> Result<Forwarding<P>, Trap> {
        self.check_forward(readable, Side::Readable)?;
        self.check_forward(writable, Side::Writable)?;
        let (source, sink) = (self.end(readable)?, self.end(writable)?);
        if source.broken || sink.broken {
            return Err(Trap::PeerTrapped);
        }
        let pair = (source.other, sink.other);
        let (Some(writer), Some(reader)) = pair else {
            return self.drop_both(readable, writable);
        };
        if writer == writable {
            return self.drop_both(readable, writable);
        }
        for end in [readable, writable] {
            self.end_mut(end)?.other = None;
            self.remove_waitable(end.into(), |_| ())?;
        }
        self.end_mut(writer)?.other = Some(reader);
        self.end_mut(reader)?.other = Some(writer);
        let forwarding = self.join_buffers(writer, reader)?;
        self.checked();
        Ok(forwarding)
    }

    fn check_forward(&self, id: EndId, side: Side) -> Result<(), Trap> {
        let end = self.end(id)?;
        if end.kind.side != side {
            return Err(Trap::Internal(Bug::WrongEnd));
        }
        match end.state {
            EndState::Idle => {}
            EndState::Done => return Err(Trap::ForwardDone(end.kind)),
            EndState::Copying | EndState::CancellingCopy => {
                return Err(Trap::ForwardBusy(end.kind));
            }
        }
        if self.waitable(id.into())?.set.is_some() {
            return Err(Trap::ForwardInSet(end.kind));
        }
        Ok(())
    }

    /// One of the streams has no other end, or they are the same.
    fn drop_both(&mut self, readable: EndId, writable: EndId) -> Result<Forwarding<P>, Trap> {
        for end in [readable, writable] {
            self.detach(end)?;
            self.remove_waitable(end.into(), |_| ())?;
        }
        self.checked();
        Ok(Forwarding::Done)
    }

    /// If both ends that are left have left a buffer, one of them now comes with it.
    fn join_buffers(&mut self, writer: EndId, reader: EndId) -> Result<Forwarding<P>, Trap> {
        let written = self.end(writer)?.buffer.as_ref();
        let read = self.end(reader)?.buffer.as_ref();
        let (Some(written), Some(read)) = (written, read) else {
            return Ok(Forwarding::Done);
        };
        let smaller = if read.remain() > written.remain() {
            writer
        } else {
            reader
        };
        let own = self.end_mut(smaller)?.buffer.take();
        let own = own.ok_or(Trap::Internal(Bug::NoBuffer))?;
        Ok(
            match self.meet(smaller, own.buffer, own.length, own.progress)? {
                Copying::Begun => Forwarding::Done,
                Copying::Transfer(transfer) => Forwarding::Transfer(transfer),
            },
        )
    }
}
