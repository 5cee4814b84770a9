//! Streams and futures both of whose ends are the host's, and driven.
//!
//! With a guest in between, a driver copies to or from the guest's buffer. Here neither end has a
//! buffer that lasts, so there is a *relay* between the two: a queue of a bounded number of elements, as
//! values of Rust's, which are neither lowered nor lifted. The writing driver is asked when the queue is
//! empty, the reading one when it isn't, in turns; the event loop has the next turn, so that two
//! drivers that never end keep nobody else from going on.
//!
//! The relay is with the readable end, and outlives the writable one: what was written is read, then
//! who reads is told.

use super::host_end::{Driven, OtherGone};
use crate::bug::bug;
use crate::store::StoreOpaque;
use anyhow::{Result, anyhow};
use std::any::{Any, TypeId, type_name};
use std::collections::VecDeque;
use std::task::Poll;
use threadline_concurrent::{EndId, Side};

/// How much of memory the elements of a relay take at most, what they own aside; but for one element.
const RELAY_BYTES: usize = 16 << 10;

/// Of what Rust type a driver's elements are.
#[derive(Copy, Clone)]
pub(crate) struct RustElements {
    id: TypeId,
    name: &'static str,
    capacity: usize,
    new_queue: fn() -> Box<dyn Queue>,
}

impl RustElements {
    /// Those of this type.
    pub(crate) fn of<T: Send + 'static>() -> RustElements {
        RustElements {
            id: TypeId::of::<T>(),
            name: type_name::<T>(),
            capacity: (RELAY_BYTES / size_of::<T>().max(1)).max(1),
            new_queue: || Box::new(VecDeque::<T>::new()),
        }
    }

    /// Whether what one driver writes the other one can read.
    ///
    /// # Errors
    /// If it can't.
    pub(super) fn check_read_as(&self, read: &RustElements) -> Result<()> {
        match self.id == read.id {
            true => Ok(()),
            false => Err(anyhow!(
                "both ends are the host's, which writes elements of Rust's type `{}`, and would read \
                 `{}`",
                self.name,
                read.name
            )),
        }
    }
}

/// A queue whose elements' type isn't told.
trait Queue: Any + Send {
    fn len(&self) -> usize;
}

impl<T: Send + 'static> Queue for VecDeque<T> {
    fn len(&self) -> usize {
        VecDeque::len(self)
    }
}

/// What is between two drivers.
pub(crate) struct Relay {
    queue: Box<dyn Queue>,
    capacity: usize,
}

impl Relay {
    pub(super) fn new(elements: &RustElements) -> Relay {
        Relay {
            queue: (elements.new_queue)(),
            capacity: elements.capacity,
        }
    }

    /// How many elements there are.
    pub(crate) fn len(&self) -> usize {
        self.queue.len()
    }

    /// How many more there may be.
    pub(crate) fn room(&self) -> usize {
        self.capacity.saturating_sub(self.len())
    }

    /// The elements.
    ///
    /// # Errors
    /// If they are of another type, which is a bug.
    pub(crate) fn elements<T: 'static>(&mut self) -> Result<&mut VecDeque<T>> {
        let queue: &mut dyn Any = &mut *self.queue;
        let queue = queue.downcast_mut();
        queue.ok_or_else(|| bug!("elements are relayed that are of another type").into())
    }
}

/// How a driver left it.
#[derive(Copy, Clone, PartialEq, Eq)]
enum Asked {
    /// It would go on.
    Open,
    /// It waits, until it is woken.
    Pending,
    /// It was done, and its end is gone.
    Done,
}

impl StoreOpaque {
    /// What a driver that is being asked writes to, if the host reads.
    pub(crate) fn relay_to(&mut self, writable: EndId) -> Option<&mut Relay> {
        if !self.concurrency.host_ends.has_relays() {
            return None;
        }
        let readable = self.concurrency.scheduler.other_end(writable)?;
        let ends = &mut self.concurrency.host_ends;
        if !ends.is_asked(writable) {
            return None;
        }
        ends.relay(readable)
    }

    /// What a driver that is being asked reads from, if the host writes.
    pub(crate) fn relay_from(&mut self, readable: EndId) -> Option<&mut Relay> {
        let ends = &mut self.concurrency.host_ends;
        if !ends.has_relays() || !ends.is_asked(readable) {
            return None;
        }
        ends.relay(readable)
    }

    /// How many elements the driver of an end may write or read now, if the other end is the host's.
    pub(super) fn relay_remains(&self, id: EndId) -> usize {
        let ends = &self.concurrency.host_ends;
        if !ends.has_relays() || !ends.is_asked(id) {
            return 0;
        }
        if let Some(relay) = ends.relay_at(id) {
            return relay.len();
        }
        let readable = self.concurrency.scheduler.other_end(id);
        let relay = readable.and_then(|readable| ends.relay_at(readable));
        relay.map_or(0, Relay::room)
    }

    /// The readable end that has a relay, if an end is one of a pair with one.
    #[cold]
    pub(super) fn relayed(&self, id: EndId) -> Option<EndId> {
        let ends = &self.concurrency.host_ends;
        if ends.relay_at(id).is_some() {
            return Some(id);
        }
        let other = self.concurrency.scheduler.other_end(id)?;
        ends.relay_at(other).map(|_| other)
    }

    /// If both ends have drivers now, which they hadn't before: there is a relay between them.
    ///
    /// # Errors
    /// If they are of elements of two types: then both are told that the other one is gone.
    pub(super) fn join_drivers(&mut self, id: EndId) -> Result<()> {
        let scheduler = &self.concurrency.scheduler;
        let (Some((kind, ..)), Some(other)) = (scheduler.end_state(id), scheduler.other_end(id))
        else {
            return Ok(());
        };
        let (readable, writable) = match kind.side {
            Side::Readable => (id, other),
            Side::Writable => (other, id),
        };
        let ends = &mut self.concurrency.host_ends;
        let (Some(written), Some(read)) = (ends.elements(writable), ends.elements(readable)) else {
            return Ok(());
        };
        if ends.relay(readable).is_some() {
            return Ok(());
        }
        if let Err(error) = written.check_read_as(&read) {
            for end in [readable, writable] {
                self.concurrency.scheduler.drop_end(end)?;
                self.tell_driver(end, OtherGone::Trapped)?;
            }
            return Err(error);
        }
        ends.add_relay(readable, Relay::new(&read));
        Ok(())
    }

    /// One turn of two drivers that are joined: the one writes if nothing is left, the other one reads.
    ///
    /// # Errors
    /// Those of the drivers: the other one is told then.
    #[cold]
    pub(super) fn turn_relay(&mut self, readable: EndId) -> Result<()> {
        let writable = self.concurrency.scheduler.other_end(readable);
        for end in [Some(readable), writable].into_iter().flatten() {
            // Who is being asked, further out on the stack, is asked once more afterwards.
            if self.concurrency.host_ends.wake_if_asked(end) {
                return Ok(());
            }
            self.not_waited_for(end);
        }
        let mut goes_on = false;
        if let Some(writable) = writable
            && self.is_relay_empty(readable)
        {
            let (asked, is_woken) = self.ask_joined(writable)?;
            goes_on = is_woken || asked == Asked::Open;
        }
        if !self.is_relay_empty(readable) {
            let (asked, is_woken) = self.ask_joined(readable)?;
            goes_on = is_woken || asked == Asked::Open;
        }
        if !self.concurrency.host_ends.has(readable) {
            return Ok(());
        }
        if self.is_relay_empty(readable) && self.concurrency.scheduler.other_end(readable).is_none()
        {
            self.concurrency.scheduler.drop_end(readable)?;
            return self.tell_driver(readable, OtherGone::Dropped);
        }
        if goes_on {
            self.wake_end(readable);
        }
        Ok(())
    }

    fn is_relay_empty(&mut self, readable: EndId) -> bool {
        let relay = self.concurrency.host_ends.relay(readable);
        relay.is_none_or(|relay| relay.len() == 0)
    }

    /// Asks one of two joined drivers, and whether it is to be asked again. If it is done, so is the other
    /// one, unless that has to read what was written.
    ///
    /// # Errors
    /// Those of the driver, which ends both.
    fn ask_joined(&mut self, id: EndId) -> Result<(Asked, bool)> {
        let Some((polled, is_woken)) = self.poll_driver_at(id) else {
            return Ok((Asked::Done, false));
        };
        let is_readable = self.concurrency.host_ends.relay(id).is_some();
        match polled {
            Poll::Pending => {
                self.set_pending(id);
                Ok((Asked::Pending, is_woken))
            }
            Poll::Ready(Ok(Driven::Open)) => Ok((Asked::Open, is_woken)),
            Poll::Ready(Ok(Driven::Done)) => {
                match is_readable {
                    true => self.end_joined(id, OtherGone::Dropped)?,
                    false => self.end_driver(id)?,
                }
                Ok((Asked::Done, false))
            }
            Poll::Ready(Err(error)) => {
                let _ = self.end_joined(id, OtherGone::Trapped);
                Err(error)
            }
        }
    }

    /// A driver is gone, and the other one is told.
    fn end_joined(&mut self, id: EndId, how: OtherGone) -> Result<()> {
        let other = self.concurrency.scheduler.other_end(id);
        self.end_driver(id)?;
        let Some(other) = other else {
            return Ok(());
        };
        self.concurrency.scheduler.drop_end(other)?;
        self.tell_driver(other, how)
    }
}
