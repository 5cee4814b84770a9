//! Ends of streams and futures that are the host's, and what drives them.
//!
//! A driver is asked when a guest has left a buffer, at once and on the guest's stack, and again
//! whenever it was woken. It then copies between the guest's memory and a slice of its own, as often as
//! it likes: the host's end never has a buffer in the scheduler, but for the moment of a copy.
//!
//! While a driver is asked it isn't in its place. If it is to be asked meanwhile, because what it
//! does makes a guest copy, it is asked once more afterwards.
//!
//! Where the other end is the host's, too, and driven, there is a relay in between (`super::relay`).

use super::copy::{Buffer, Elements, GuestBuffer};
use super::end::ElementType;
use super::host_task::{Failure, HostTaskId};
use super::relay::{Relay, RustElements};
use super::state::Guests;
use crate::bug::{bail_bug, bug};
use crate::canonical_abi::{CallHandles, LiftContext, LowerContext};
use crate::store::StoreOpaque;
use crate::vm::{EndDriver, lend_nothing};
use anyhow::Result;
use std::task::{Context, Poll, Waker};
use threadline_concurrent::{Copying, EndId, Id, Meeting, Side, Transfer, TransferKind};
use threadline_environ::canonical_abi::SizeAlign;
use threadline_environ::component::InterfaceType;

/// Whether a driver has more to do.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(crate) enum Driven {
    /// It goes on.
    Open,
    /// It is done: its end is dropped.
    Done,
}

/// How the other end of one of the host's has gone.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(crate) enum OtherGone {
    /// Who had it has dropped it.
    Dropped,
    /// The guest that had it has trapped, or its driver has failed.
    Trapped,
}

/// All ends of the host's that have drivers.
#[derive(Default)]
pub(crate) struct HostEnds {
    /// By the places of their ids.
    places: Vec<Option<Place>>,
    count: usize,
    /// How many of them have relays.
    relays: usize,
}

struct Place {
    id: EndId,
    /// Gone while it is asked.
    driver: Option<EndDriver>,
    /// What it reads or writes.
    elements: RustElements,
    /// Of a readable end: what the host writes, if it does.
    relay: Option<Box<Relay>>,
    /// Where it is woken.
    task: HostTaskId,
    /// Whether a guest waits for it, and it waits for something outside of the store.
    is_pending: bool,
    /// Whether it is to be asked again.
    is_woken: bool,
}

impl HostEnds {
    /// Drops what all are driven by.
    pub(super) fn clear(&mut self) {
        self.count = 0;
        self.relays = 0;
        self.places.clear();
    }

    /// Whether there are none.
    #[inline]
    pub(super) fn is_empty(&self) -> bool {
        self.count == 0
    }

    fn get(&mut self, id: EndId) -> Option<&mut Place> {
        let place = self.places.get_mut(id.raw().index())?.as_mut()?;
        (place.id == id).then_some(place)
    }

    /// Whether an end has a driver.
    pub(super) fn has(&self, id: EndId) -> bool {
        let place = self.places.get(id.raw().index());
        place.is_some_and(|place| place.as_ref().is_some_and(|place| place.id == id))
    }

    /// Whether any ends are of pairs that are both the host's, and driven.
    #[inline]
    pub(super) fn has_relays(&self) -> bool {
        self.relays > 0
    }

    /// What is between an end, a readable one, and the other one.
    pub(super) fn relay_at(&self, readable: EndId) -> Option<&Relay> {
        let place = self.places.get(readable.raw().index())?.as_ref()?;
        match place.id == readable {
            true => place.relay.as_deref(),
            false => None,
        }
    }

    /// The same, to change it.
    pub(super) fn relay(&mut self, readable: EndId) -> Option<&mut Relay> {
        self.get(readable)?.relay.as_deref_mut()
    }

    pub(super) fn add_relay(&mut self, readable: EndId, relay: Relay) {
        if let Some(place) = self.get(readable) {
            place.relay = Some(Box::new(relay));
            self.relays += 1;
        }
    }

    /// What the driver of an end reads or writes.
    pub(super) fn elements(&mut self, id: EndId) -> Option<RustElements> {
        self.get(id).map(|place| place.elements)
    }

    /// Whether the driver of an end is being asked.
    pub(super) fn is_asked(&self, id: EndId) -> bool {
        let place = self.places.get(id.raw().index()).and_then(Option::as_ref);
        place.is_some_and(|place| place.id == id && place.driver.is_none())
    }

    /// Whether the driver of an end is being asked, which then is asked again.
    pub(super) fn wake_if_asked(&mut self, id: EndId) -> bool {
        let Some(place) = self.get(id) else {
            return false;
        };
        place.is_woken = place.driver.is_none();
        place.is_woken
    }

    fn add(&mut self, id: EndId, task: HostTaskId, driver: EndDriver, elements: RustElements) {
        let at = id.raw().index();
        if self.places.len() <= at {
            self.places.resize_with(at + 1, || None);
        }
        let place = Place {
            id,
            driver: Some(driver),
            elements,
            relay: None,
            task,
            is_pending: false,
            is_woken: false,
        };
        if self.places[at].replace(place).is_none() {
            self.count += 1;
        }
    }

    fn ids(&self) -> impl Iterator<Item = EndId> {
        self.places.iter().flatten().map(|place| place.id)
    }

    fn remove(&mut self, id: EndId) -> Option<Place> {
        if !self.has(id) {
            return None;
        }
        self.count -= 1;
        let place = self.places[id.raw().index()].take();
        self.relays -= usize::from(place.as_ref().is_some_and(|place| place.relay.is_some()));
        place
    }
}

/// Elements that are copied between a guest and the host.
struct HostCopy {
    buffer: GuestBuffer,
    /// How many the guest's buffer got through before.
    progress: u32,
    count: u32,
    /// Of elements that may run guest code.
    transfer: Option<Transfer<Guests>>,
}

impl StoreOpaque {
    /// A new stream or future, both of whose ends are the host's: its readable end, and its writable
    /// one, which a driver has.
    ///
    /// # Errors
    /// Only for a bug.
    pub(crate) fn new_host_transfer(
        &mut self,
        kind: TransferKind,
        payload: ElementType,
        driver: EndDriver,
        elements: RustElements,
    ) -> Result<EndId> {
        let ends = self
            .concurrency
            .scheduler
            .new_transfer(kind, payload, None)?;
        self.add_driver(ends.1, driver, elements);
        Ok(ends.0)
    }

    /// Gives a readable end that is the host's a driver, which reads such elements.
    ///
    /// # Errors
    /// If the end is gone or given away; if the host writes elements of another of Rust's types; if a
    /// driver fails.
    pub(crate) fn drive_readable(
        &mut self,
        id: EndId,
        driver: EndDriver,
        elements: RustElements,
    ) -> Result<()> {
        self.settle_lifted();
        let scheduler = &self.concurrency.scheduler;
        match scheduler.end_state(id) {
            Some((kind, _, None)) if kind.side == Side::Readable => {}
            _ => return Err(super::end::gone()),
        }
        if self.concurrency.host_ends.has(id) {
            anyhow::bail!("the readable end is being read already");
        }
        if let Some(other) = scheduler.other_end(id)
            && let Some(written) = self.concurrency.host_ends.elements(other)
        {
            written.check_read_as(&elements)?;
        }
        self.add_driver(id, driver, elements);
        self.join_drivers(id)?;
        self.look_after(id)?;
        self.ask_driver(id)
    }

    /// A guest has left a buffer: if the other end is the host's, its driver is asked.
    ///
    /// # Errors
    /// Those of the driver.
    #[inline]
    pub(super) fn ask_other_driver(&mut self, id: EndId) -> Result<()> {
        if self.concurrency.host_ends.is_empty() {
            return Ok(());
        }
        match self.concurrency.scheduler.other_end(id) {
            Some(other) => self.ask_driver(other),
            None => Ok(()),
        }
    }

    fn add_driver(&mut self, id: EndId, driver: EndDriver, elements: RustElements) {
        let task = self.concurrency.host_tasks.reserve_for_end(id);
        self.concurrency.host_ends.add(id, task, driver, elements);
    }

    /// The driver of an end goes; itself, if it isn't being asked.
    fn remove_driver(&mut self, id: EndId) -> Option<EndDriver> {
        let place = self.concurrency.host_ends.remove(id)?;
        let tasks = &mut self.concurrency.host_tasks;
        if place.is_pending {
            tasks.end_waits(false);
        }
        let future = tasks.end(place.task);
        debug_assert!(future.is_none(), "it is no future");
        lend_nothing(|| drop(place.relay));
        place.driver
    }

    /// Asks the driver of an end, if it has one and a guest waits; or, if the host has the other end, too,
    /// both.
    ///
    /// # Errors
    /// Those of the driver.
    pub(super) fn ask_driver(&mut self, id: EndId) -> Result<()> {
        if self.concurrency.host_ends.has_relays()
            && let Some(readable) = self.relayed(id)
        {
            return self.turn_relay(readable);
        }
        loop {
            let waits = self.concurrency.scheduler.others_buffer(id);
            let waits = waits.map(|(.., remain)| remain);
            let Some(place) = self.concurrency.host_ends.get(id) else {
                return Ok(());
            };
            place.is_woken = place.driver.is_none();
            if std::mem::take(&mut place.is_pending) {
                self.concurrency.host_tasks.end_waits(false);
            }
            // Nobody is asked, nor taken out of its place, for whom no guest waits.
            let Some(remain) = waits else {
                return Ok(());
            };
            let Some(driver) = place.driver.take() else {
                return Ok(());
            };
            let task = place.task;
            let Some((polled, is_woken)) = self.poll_driver(id, task, driver) else {
                // It has gone meanwhile.
                return Ok(());
            };
            match polled {
                Poll::Ready(Err(error)) => {
                    // Why the driver has failed matters more than how its end goes.
                    let _ = self.end_driver(id);
                    return Err(error);
                }
                Poll::Ready(Ok(Driven::Done)) => return self.end_driver(id),
                Poll::Ready(Ok(Driven::Open)) if remain == 0 => self.answer_nothing(id)?,
                // It has done nothing, so it is asked again.
                Poll::Ready(Ok(Driven::Open)) if self.others_remain(id) == remain as usize => {
                    self.wake_end(id);
                }
                Poll::Ready(Ok(Driven::Open)) => {}
                Poll::Pending => self.set_pending(id),
            }
            if !is_woken {
                return Ok(());
            }
        }
    }

    /// Polls a driver that was taken out of its place and goes back there; and whether it is to be asked
    /// again. Nothing, if its place has gone meanwhile.
    #[inline]
    fn poll_driver(
        &mut self,
        id: EndId,
        task: HostTaskId,
        mut driver: EndDriver,
    ) -> Option<(Poll<Result<Driven>>, bool)> {
        let waker = self.concurrency.host_tasks.take_waker(task);
        let cx = &mut Context::from_waker(waker.as_ref().unwrap_or(Waker::noop()));
        let polled = driver.poll(self, cx, id);
        self.concurrency.host_tasks.give_waker(task, waker);
        let Some(place) = self.concurrency.host_ends.get(id) else {
            lend_nothing(|| drop(driver));
            return None;
        };
        place.driver = Some(driver);
        Some((polled, std::mem::take(&mut place.is_woken)))
    }

    /// The same of a driver that is in its place.
    pub(super) fn poll_driver_at(&mut self, id: EndId) -> Option<(Poll<Result<Driven>>, bool)> {
        let place = self.concurrency.host_ends.get(id)?;
        let driver = place.driver.take()?;
        let task = place.task;
        self.poll_driver(id, task, driver)
    }

    /// The driver of an end is asked at the next turn.
    pub(super) fn wake_end(&mut self, id: EndId) {
        if let Some(place) = self.concurrency.host_ends.get(id) {
            let task = place.task;
            self.concurrency.host_tasks.wake(task);
            self.set_pending(id);
        }
    }

    /// The driver waits, and so does the guest.
    pub(super) fn set_pending(&mut self, id: EndId) {
        if let Some(place) = self.concurrency.host_ends.get(id)
            && !std::mem::replace(&mut place.is_pending, true)
        {
            self.concurrency.host_tasks.end_waits(true);
        }
    }

    /// No guest waits at the other end any more.
    pub(super) fn not_waited_for(&mut self, id: EndId) {
        if let Some(place) = self.concurrency.host_ends.get(id)
            && std::mem::take(&mut place.is_pending)
        {
            self.concurrency.host_tasks.end_waits(false);
        }
    }

    /// A driver was woken: it is asked in the event loop.
    ///
    /// # Errors
    /// Those of the driver: then the guest that waits is locked, and the call fails that it is part of.
    pub(super) fn end_woken(&mut self, id: EndId) -> Result<(), Failure> {
        let scheduler = &self.concurrency.scheduler;
        let other = scheduler.other_end(id);
        let owner = other.and_then(|other| scheduler.end_state(other)?.2);
        let waiter = other.and_then(|other| scheduler.waiter_of(other));
        let task = waiter.and_then(|waiter| scheduler.task_of(waiter));
        let call = task.and_then(|task| scheduler.task_payload(task)?.root);
        self.ask_driver(id).map_err(|error| {
            if let Some(owner) = owner {
                let (instance, _) = self.concurrency.instance(owner);
                instance.lock();
                self.settle_locks();
            }
            Failure { call, error }
        })
    }

    /// The driver is done: its end is dropped.
    pub(super) fn end_driver(&mut self, id: EndId) -> Result<()> {
        let driver = self.remove_driver(id);
        lend_nothing(|| drop(driver));
        Ok(self.concurrency.scheduler.drop_end(id)?)
    }

    /// A read or write of nothing by the guest is over: the host is ready.
    fn answer_nothing(&mut self, id: EndId) -> Result<()> {
        let scheduler = &mut self.concurrency.scheduler;
        if !matches!(scheduler.others_buffer(id), Some((.., 0))) {
            return Ok(());
        }
        // Whoever comes with something ends it, and then waits, which is cancelled.
        match scheduler.begin_copy(id, Buffer::Host, 1)? {
            Copying::Begun => {
                // The guest has nothing to say to that.
                let _ = scheduler.cancel_copy(id, true)?;
                Ok(())
            }
            Copying::Transfer(_) => bail_bug!("nothing was to be copied"),
        }
    }

    /// Begins to copy up to so many elements with the guest that waits; none if nobody does.
    #[inline]
    fn begin_host_copy(&mut self, id: EndId, most: usize) -> Result<Option<HostCopy>> {
        let scheduler = &mut self.concurrency.scheduler;
        let remain = scheduler.others_buffer(id).map_or(0, |(.., remain)| remain);
        let count = u32::try_from(most).unwrap_or(u32::MAX).min(remain);
        if count == 0 {
            return Ok(None);
        }
        if let Some(Meeting {
            buffer: &Buffer::Guest(buffer),
            progress,
            ..
        }) = scheduler.meet_at_once(id, count)
            && !matches!(buffer.elements, Elements::Values(_))
        {
            return Ok(Some(HostCopy {
                buffer,
                progress,
                count,
                transfer: None,
            }));
        }
        self.begin_host_transfer(id, count).map(Some)
    }

    /// The same, of elements that may run guest code.
    #[cold]
    fn begin_host_transfer(&mut self, id: EndId, count: u32) -> Result<HostCopy> {
        let scheduler = &mut self.concurrency.scheduler;
        let Copying::Transfer(transfer) = scheduler.begin_copy(id, Buffer::Host, count)? else {
            bail_bug!("the host's end has left a buffer");
        };
        let (buffer, progress) = match (&transfer.source, &transfer.destination) {
            (&Buffer::Guest(buffer), Buffer::Host) => (buffer, transfer.source_progress),
            (Buffer::Host, &Buffer::Guest(buffer)) => (buffer, transfer.destination_progress),
            _ => bail_bug!("the host copies to itself, or not at all"),
        };
        Ok(HostCopy {
            buffer,
            progress,
            count: transfer.count,
            transfer: Some(transfer),
        })
    }

    /// Ends what [`begin_host_copy`](Self::begin_host_copy) has begun, with what came of the elements.
    ///
    /// # Errors
    /// If the elements failed: with that error, and neither end has moved on.
    #[inline]
    fn end_host_copy(&mut self, id: EndId, copy: HostCopy, copied: Result<()>) -> Result<()> {
        let scheduler = &mut self.concurrency.scheduler;
        if let Err(error) = copied {
            if let Some(transfer) = copy.transfer {
                scheduler.abort_host_copy(transfer);
            }
            return Err(error);
        }
        match copy.transfer {
            None => {
                scheduler.copied_at_once(id, copy.count)?;
            }
            Some(transfer) => {
                scheduler.end_copy(transfer)?;
                scheduler.take_host_event(id)?;
            }
        }
        Ok(())
    }

    /// Gives a guest that reads up to `most` elements, which `lower` puts at an address; how many.
    ///
    /// # Errors
    /// Those of `lower`.
    pub(crate) fn host_write(
        &mut self,
        id: EndId,
        most: usize,
        lower: impl FnOnce(&mut LowerContext<'_>, InterfaceType, u64, usize) -> Result<()>,
    ) -> Result<usize> {
        let Some(copy) = self.begin_host_copy(id, most)? else {
            return Ok(0);
        };
        let count = copy.count as usize;
        let handles = CallHandles::default();
        let (options, size, ty) = copy.buffer.layout();
        let address = copy.buffer.at(copy.progress, size);
        let cx = &mut LowerContext::new(self, copy.buffer.instance, options, &handles);
        let lowered = lower(cx, ty, address, count);
        handles.end(self);
        self.end_host_copy(id, copy, lowered)?;
        Ok(count)
    }

    /// Has a guest's bytes written or read where they are, by who says how many it has written or read,
    /// and something else: that, if a guest waits.
    ///
    /// # Errors
    /// If the elements are no bytes.
    pub(crate) fn host_bytes<R>(
        &mut self,
        id: EndId,
        body: impl FnOnce(&mut [u8]) -> (usize, R),
    ) -> Result<Option<R>> {
        let Some((&Buffer::Guest(buffer), progress, remain)) =
            self.concurrency.scheduler.others_buffer(id)
        else {
            return Ok(None);
        };
        if !matches!(buffer.elements, Elements::Bytes(SizeAlign { size: 1, .. })) {
            bail_bug!("elements are taken for bytes");
        }
        let bytes = match buffer.memory {
            None => &mut [],
            Some(memory) => {
                let at = buffer.at(progress, 1) as usize;
                let bytes = memory.data_mut(self).get_mut(at..at + remain as usize);
                bytes.ok_or_else(|| bug!("a buffer is out of bounds"))?
            }
        };
        let (count, result) = body(bytes);
        if let Some(copy) = self.begin_host_copy(id, count)? {
            self.end_host_copy(id, copy, Ok(()))?;
        }
        Ok(Some(result))
    }

    /// How many elements a guest waits to read or write by the other end of one of the host's, or the
    /// host reads or writes, if it has both.
    pub(crate) fn others_remain(&self, id: EndId) -> usize {
        match self.concurrency.scheduler.others_buffer(id) {
            Some((.., remain)) => remain as usize,
            None => self.relay_remains(id),
        }
    }

    /// Takes up to `most` elements of a guest that writes, which `lift` finds at an address; how many.
    ///
    /// # Errors
    /// Those of `lift`.
    pub(crate) fn host_read(
        &mut self,
        id: EndId,
        most: usize,
        lift: impl FnOnce(&mut LiftContext<'_>, InterfaceType, u64, usize) -> Result<()>,
    ) -> Result<usize> {
        let Some(copy) = self.begin_host_copy(id, most)? else {
            return Ok(0);
        };
        let count = copy.count as usize;
        let handles = CallHandles::default();
        let (options, size, ty) = copy.buffer.layout();
        let address = copy.buffer.at(copy.progress, size);
        let cx = &mut LiftContext::new(self, copy.buffer.instance, options, &handles);
        let lifted = lift(cx, ty, address, count);
        handles.end(self);
        self.settle_lifted();
        self.end_host_copy(id, copy, lifted)?;
        Ok(count)
    }

    /// Drops an end that the host has and nobody drives.
    ///
    /// # Errors
    /// If there is no such end.
    pub(crate) fn drop_host_end(&mut self, id: EndId) -> Result<()> {
        let other = self.concurrency.scheduler.other_end(id);
        if self.concurrency.host_ends.has(id) {
            return Err(super::end::gone());
        }
        self.concurrency.scheduler.drop_end(id)?;
        match other {
            Some(other) => self.look_after(other),
            None => Ok(()),
        }
    }

    /// Sees to an end of the host's whose other end may have gone: its driver is told, and it goes.
    ///
    /// # Errors
    /// Those of the driver.
    pub(super) fn look_after(&mut self, id: EndId) -> Result<()> {
        let ends = &self.concurrency.host_ends;
        // What is relayed is seen to when that has been read.
        if !ends.has(id) || ends.relay_at(id).is_some() {
            return Ok(());
        }
        let scheduler = &mut self.concurrency.scheduler;
        let how = match (scheduler.is_broken(id), scheduler.other_end(id)) {
            (true, _) => OtherGone::Trapped,
            (false, None) => OtherGone::Dropped,
            (false, Some(_)) => return Ok(()),
        };
        scheduler.drop_end(id)?;
        self.tell_driver(id, how)
    }

    /// The driver of an end, which is gone, goes, and is told how the other one has gone.
    ///
    /// # Errors
    /// Those of the driver.
    pub(super) fn tell_driver(&mut self, id: EndId, how: OtherGone) -> Result<()> {
        match self.remove_driver(id) {
            Some(driver) => driver.other_gone(self, how),
            None => Ok(()),
        }
    }

    /// Sees to ends of the host's after instances have been locked. Drivers that fail now have nobody
    /// to say it to.
    #[cold]
    pub(super) fn look_after_all(&mut self) {
        let ids: Vec<EndId> = self.concurrency.host_ends.ids().collect();
        for id in ids {
            let _ = self.look_after(id);
        }
    }
}
