//! Waitable sets and subtasks: `waitable-set.*`, `waitable.join`, `subtask.*`, and events.

use super::answer::{After, Answer, DONE};
use super::state::{GuestSubtask, Lent};
use super::turn::Ran;
use crate::bug::bug;
use crate::component::other_handle_error;
use crate::store::StoreOpaque;
use crate::trap::Trap as GuestTrap;
use crate::vm::{ComponentInstancePtr, HandleTablePtr, OtherKind, val_raw};
use anyhow::Result;
use threadline_concurrent::{
    CancelRequest, CancelSubtask, EndId, Event, SetId, SubtaskId, TaskId, ThreadId, Wait,
    WaitableId,
};
use threadline_environ::component::SetOp;
use threadline_environ::layout::ValRaw;
use threadline_environ::types::AddressType;
use threadline_environ::{RuntimeComponentInstanceIndex, RuntimeMemoryIndex};

impl GuestSubtask {
    /// What is lent for it, if anything is.
    #[inline]
    pub(super) fn take_lent(&mut self) -> Option<Lent> {
        match self.lent.lenders.is_none() && self.lent.handles.is_empty() {
            true => None,
            false => Some(std::mem::take(&mut self.lent)),
        }
    }
}

impl Lent {
    /// `Subtask.deliver_resolve`: takes it back.
    pub(super) fn end(self, store: &StoreOpaque) {
        self.handles.end(store);
        if let Some((instance, lender, list)) = self.lenders {
            let handles = instance.end_lends(list);
            if let Ok(table) = instance.handle_table(lender) {
                handles
                    .into_iter()
                    .for_each(|handle| table.end_lend(handle));
            }
        }
    }
}

/// Adds something to a table of handles.
pub(super) fn add(
    store: &mut StoreOpaque,
    table: HandleTablePtr,
    kind: OtherKind,
    bits: u64,
) -> Result<u32> {
    if table.is_full() {
        store.grow_handle_table(table)?;
    }
    Ok(table.add_other(kind, bits)?)
}

/// What has this index in a table, which must be of one of these kinds.
#[inline]
pub(super) fn get(
    table: HandleTablePtr,
    index: u32,
    kinds: &[OtherKind],
) -> Result<(OtherKind, u64)> {
    let found = table.other(index, kinds);
    found.map_err(|fault| other_handle_error(index, kinds, fault))
}

/// The waitable set at this index of a table.
#[inline]
pub(super) fn set_at(table: HandleTablePtr, index: u32) -> Result<SetId> {
    let (_, bits) = get(table, index, &[OtherKind::Set])?;
    Ok(SetId::from_bits(bits).ok_or_else(|| bug!("a waitable set that is none"))?)
}

#[inline]
fn subtask_at(table: HandleTablePtr, index: u32) -> Result<SubtaskId> {
    let (_, bits) = get(table, index, &[OtherKind::Subtask])?;
    Ok(SubtaskId::from_bits(bits).ok_or_else(|| bug!("a subtask that is none"))?)
}

/// The end of a stream or future at this index of a table.
#[inline]
pub(super) fn end_at(table: HandleTablePtr, index: u32) -> Result<EndId> {
    let (_, bits) = get(table, index, &[OtherKind::End])?;
    Ok(EndId::from_bits(bits).ok_or_else(|| bug!("an end that is none"))?)
}

/// The guest is told of an event.
pub(super) fn delivered(store: &mut StoreOpaque, event: &Event) {
    if let Some(subtask) = event.resolved
        && let Some(subtask) = store.concurrency.subtask(subtask)
        && let Some(lent) = subtask.take_lent()
    {
        lent.end(store);
    }
}

/// What becomes of an event that a thread has waited for.
#[derive(Copy, Clone, Debug)]
pub(crate) enum EventUse {
    /// `waitable-set.wait`: its code is the result, the rest goes into memory.
    Set {
        /// The component that the memory is of.
        instance: ComponentInstancePtr,
        /// The memory.
        memory: RuntimeMemoryIndex,
        /// Where in it.
        to: u64,
    },
    /// `subtask.cancel`: its payload is the result.
    Cancelled,
    /// A read or write: its payload is the result, of this type.
    Copied(AddressType),
}

/// Gives a guest the event that it waits for, if that is there.
pub(super) fn wait(
    store: &mut StoreOpaque,
    waiting: Wait<Event>,
    using: EventUse,
    slots: &mut [ValRaw],
) -> Result<Answer> {
    match waiting {
        Wait::Ready(event) => use_event(store, using, event, slots),
        Wait::Block => Ok(Answer::Blocked(After::Event(using))),
    }
}

/// Gives a guest an event.
pub(super) fn use_event(
    store: &mut StoreOpaque,
    using: EventUse,
    event: Event,
    slots: &mut [ValRaw],
) -> Result<Answer> {
    match using {
        EventUse::Set {
            instance,
            memory,
            to,
        } => {
            delivered(store, &event);
            store_event(store, instance, memory, to, &event)?;
            slots[0] = val_raw::from_i32(event.code as i32);
            Ok(DONE)
        }
        EventUse::Cancelled => {
            delivered(store, &event);
            Ok(Answer::Done(event.payload.into()))
        }
        EventUse::Copied(ty) => {
            slots[0] = val_raw::from_address(ty, event.payload.into());
            Ok(DONE)
        }
    }
}

/// `waitable-set.new`.
pub(super) fn set_new(
    store: &mut StoreOpaque,
    instance: ComponentInstancePtr,
    owner: RuntimeComponentInstanceIndex,
) -> Result<u32> {
    let id = store.scheduled(instance, owner);
    let set = store.concurrency.scheduler.set_new(id)?;
    add(
        store,
        instance.handle_table(owner)?,
        OtherKind::Set,
        set.to_bits(),
    )
}

/// `waitable-set.drop`.
pub(super) fn set_drop(store: &mut StoreOpaque, table: HandleTablePtr, index: u32) -> Result<()> {
    let set = set_at(table, index)?;
    store.concurrency.scheduler.set_drop(set)?;
    table.remove_other(index);
    Ok(())
}

/// `waitable-set.wait` and `waitable-set.poll`: an index and an address in the slots, the event's
/// code afterwards.
pub(super) fn set_event(
    store: &mut StoreOpaque,
    instance: ComponentInstancePtr,
    owner: RuntimeComponentInstanceIndex,
    op: SetOp,
    (memory, address): (RuntimeMemoryIndex, AddressType),
    slots: &mut [ValRaw],
) -> Result<Answer> {
    // What has trapped since may be an event here.
    store.settle_locks();
    let set = set_at(
        instance.handle_table(owner)?,
        val_raw::i32(&slots[0]) as u32,
    )?;
    let to = val_raw::address(address, &slots[1]);
    let using = EventUse::Set {
        instance,
        memory,
        to,
    };
    let waiting = match op {
        SetOp::Wait => store.concurrency.scheduler.set_wait(set)?,
        SetOp::Poll => Wait::Ready(store.concurrency.scheduler.set_poll(set)?),
    };
    wait(store, waiting, using, slots)
}

/// `unpack_event`.
fn store_event(
    store: &mut StoreOpaque,
    instance: ComponentInstancePtr,
    memory: RuntimeMemoryIndex,
    to: u64,
    event: &Event,
) -> Result<()> {
    if !to.is_multiple_of(4) {
        return Err(GuestTrap::UnalignedPointer.into());
    }
    let memory = instance.memory(memory);
    let memory = memory.ok_or_else(|| bug!("a memory has not been extracted"))?;
    let bytes = memory.data_mut(store);
    let at = usize::try_from(to).ok();
    let place = at.and_then(|at| bytes.get_mut(at..at.checked_add(8)?));
    let place = place.ok_or(GuestTrap::CanonicalOutOfBounds)?;
    place[..4].copy_from_slice(&event.index.to_le_bytes());
    place[4..].copy_from_slice(&event.payload.to_le_bytes());
    Ok(())
}

/// `waitable.join`.
pub(super) fn join(
    store: &mut StoreOpaque,
    table: HandleTablePtr,
    waitable: u32,
    set: u32,
) -> Result<()> {
    let (kind, bits) = get(table, waitable, &[OtherKind::Subtask, OtherKind::End])?;
    let waitable: Option<WaitableId> = match kind {
        OtherKind::Subtask => SubtaskId::from_bits(bits).map(Into::into),
        _ => EndId::from_bits(bits).map(Into::into),
    };
    let waitable = waitable.ok_or_else(|| bug!("a waitable that is none"))?;
    let set = match set {
        0 => None,
        set => Some(set_at(table, set)?),
    };
    Ok(store.concurrency.scheduler.join(waitable, set)?)
}

/// `subtask.drop`.
pub(super) fn subtask_drop(
    store: &mut StoreOpaque,
    table: HandleTablePtr,
    index: u32,
) -> Result<()> {
    let subtask = subtask_at(table, index)?;
    let lent = store
        .concurrency
        .scheduler
        .drop_subtask(subtask, GuestSubtask::take_lent)?;
    if let Some(lent) = lent {
        lent.end(store);
    }
    table.remove_other(index);
    Ok(())
}

/// `subtask.cancel`: the subtask's state, or `BLOCKED`.
pub(super) fn subtask_cancel(
    store: &mut StoreOpaque,
    table: HandleTablePtr,
    index: u32,
    is_async: bool,
) -> Result<Answer> {
    let subtask = subtask_at(table, index)?;
    match store.concurrency.scheduler.cancel_subtask(subtask)? {
        CancelSubtask::Resolved => {}
        CancelSubtask::AskTask(task) => {
            let request = store.concurrency.scheduler.request_cancellation(task)?;
            if let CancelRequest::Resume(thread) = request {
                let cancellation = Cancellation {
                    subtask,
                    task,
                    is_async,
                };
                return cancellation.run(store, thread, &mut []);
            }
        }
        CancelSubtask::AskHost => store.cancel_host_task(subtask)?,
    }
    finish_cancel(store, subtask, is_async, &mut [])
}

fn finish_cancel(
    store: &mut StoreOpaque,
    subtask: SubtaskId,
    is_async: bool,
    slots: &mut [ValRaw],
) -> Result<Answer> {
    let scheduler = &mut store.concurrency.scheduler;
    let waiting = scheduler.finish_cancel(subtask, is_async)?;
    wait(store, waiting, EventUse::Cancelled, slots)
}

/// `Task.request_cancellation` on behalf of `subtask.cancel`: the threads that it resumes.
#[derive(Copy, Clone, Debug)]
pub(crate) struct Cancellation {
    subtask: SubtaskId,
    task: TaskId,
    is_async: bool,
}

impl Cancellation {
    /// Goes on when the thread that was resumed has blocked or ended.
    ///
    /// # Errors
    /// If a thread fails that is resumed.
    pub(super) fn go_on(self, store: &mut StoreOpaque, slots: &mut [ValRaw]) -> Result<Answer> {
        match store.concurrency.scheduler.next_for_cancellation(self.task) {
            Some(next) => self.run(store, next, slots),
            None => finish_cancel(store, self.subtask, self.is_async, slots),
        }
    }

    fn run(
        self,
        store: &mut StoreOpaque,
        mut thread: ThreadId,
        slots: &mut [ValRaw],
    ) -> Result<Answer> {
        loop {
            if store.run_thread(thread)? == Ran::Pending {
                let stack = store.concurrency.take_interrupted()?;
                return Ok(Answer::Waits(After::Cancel(self, stack)));
            }
            match store.concurrency.scheduler.next_for_cancellation(self.task) {
                Some(next) => thread = next,
                None => return finish_cancel(store, self.subtask, self.is_async, slots),
            }
        }
    }
}
