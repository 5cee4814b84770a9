//! `{stream,future}.{read,write}`, and how elements get from one memory to the other.
//!
//! Where the bytes of an element are the same on both sides and all of them mean something, they are
//! moved together; so are some others after a look at each ([`checked_copy`](super::checked_copy)). All
//! else is lifted and lowered as values, some at a time: so a copy takes little of the host, however long
//! it is.

use super::answer::{Answer, DONE};
use super::checked_copy::Check;
use super::end::{self, Owner};
use super::state::Guests;
use super::waitable::{self, EventUse};
use crate::bug::bail_bug;
use crate::canonical_abi::{CallHandles, LiftContext, LowerContext, load_vals, store_vals};
use crate::component::Val;
use crate::store::StoreOpaque;
use crate::trap::Trap as GuestTrap;
use crate::vm::{ComponentInstancePtr, DefinedMemory, GuestOptions, GuestOptionsPtr, val_raw};
use anyhow::Result;
use threadline_concurrent::{
    Copying, EndId, Event, MAX_BUFFER_LENGTH, Meeting, Side, Transfer, Trap,
};
use threadline_environ::OptionsIndex;
use threadline_environ::canonical_abi::{SizeAlign, is_aligned, size_align};
use threadline_environ::component::{ComponentTypes, CopyOp, EndType, InterfaceType};
use threadline_environ::layout::ValRaw;
use threadline_environ::types::AddressType;

/// Elements that are lifted before they are lowered.
const VALUES_AT_ONCE: u32 = 64;

/// Bytes for which fuel is charged; to move fewer costs about what the call does.
const LONG: u64 = 1024;

/// What it costs to lift and lower an element, in bytes that are moved.
const VALUE_COST: u64 = 256;

/// Bytes on the host that each element of a copy may take, for as long as it is between the two memories,
/// and that don't count for the whole of the copy.
const FREE_BYTES: usize = 1 << 10;

/// Bytes of a record that may be moved as they are; larger ones are not looked at.
const MAX_PLAIN_SIZE: u32 = 256;

/// How elements are copied.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(crate) enum Elements {
    /// There are none, they are only counted.
    Counted,
    /// Their bytes are moved.
    Bytes(SizeAlign),
    /// They are lifted and lowered.
    Values(InterfaceType),
}

impl Elements {
    /// Of a stream or future of this type.
    pub(super) fn of(types: &ComponentTypes, ty: EndType) -> Elements {
        match ty.payload(types) {
            None => Elements::Counted,
            // Layouts without pointers are the same in all memories.
            Some(ty) if is_plain(types, ty) => {
                Elements::Bytes(size_align(types, ty, AddressType::I32))
            }
            Some(ty) => Elements::Values(ty),
        }
    }
}

/// Whether any bytes are a value of the type, and each of them part of it.
fn is_plain(types: &ComponentTypes, ty: InterfaceType) -> bool {
    let size = |ty| size_align(types, ty, AddressType::I32).size;
    match ty {
        InterfaceType::S8
        | InterfaceType::U8
        | InterfaceType::S16
        | InterfaceType::U16
        | InterfaceType::S32
        | InterfaceType::U32
        | InterfaceType::S64
        | InterfaceType::U64
        | InterfaceType::F32
        | InterfaceType::F64 => true,
        InterfaceType::Flags(index) => matches!(types.flags[index].labels.len(), 8 | 16 | 32),
        InterfaceType::FixedLengthList(index) => {
            is_plain(types, types.fixed_length_lists[index].element)
        }
        InterfaceType::Record(_) | InterfaceType::Tuple(_) => {
            let Some((fields, _)) = types.fields(ty).filter(|_| size(ty) <= MAX_PLAIN_SIZE) else {
                return false;
            };
            let used: u32 = fields.iter().map(|&field| size(field)).sum();
            used == size(ty) && fields.into_iter().all(|field| is_plain(types, field))
        }
        _ => false,
    }
}

/// Where a read or write copies to or from.
#[derive(Copy, Clone, Debug)]
pub(crate) enum Buffer {
    /// A guest's memory.
    Guest(GuestBuffer),
    /// Something of the host's, which is there only while it is copied.
    Host,
}

/// A buffer in a guest's memory, which was in bounds when it was given, and so always is.
#[derive(Copy, Clone, Debug)]
pub(crate) struct GuestBuffer {
    /// The component that it is in.
    pub(super) instance: ComponentInstancePtr,
    /// How its elements are lifted or lowered.
    options: GuestOptionsPtr,
    /// What they are.
    pub(super) elements: Elements,
    /// Where they are, unless they are only counted.
    pub(super) memory: Option<DefinedMemory>,
    /// The address of the first.
    address: u64,
}

impl GuestBuffer {
    /// `GuestBuffer.__init__`.
    fn new(
        store: &StoreOpaque,
        instance: ComponentInstancePtr,
        options: &GuestOptions,
        elements: Elements,
        (address, length): (u64, u64),
    ) -> Result<GuestBuffer> {
        if length > u64::from(MAX_BUFFER_LENGTH) {
            return Err(Trap::CopyTooLong.into());
        }
        let layout = match elements {
            Elements::Counted => None,
            Elements::Bytes(layout) => Some(layout),
            Elements::Values(ty) => {
                let types = &instance.description().types;
                Some(size_align(types, ty, options.address))
            }
        };
        let memory = match layout.filter(|_| length > 0) {
            None => None,
            Some(SizeAlign { size, align }) => {
                if !is_aligned(address, align) {
                    return Err(GuestTrap::UnalignedPointer.into());
                }
                let memory = instance.guest_memory(options)?;
                let end = address.checked_add(length * u64::from(size));
                if end.is_none_or(|end| end > memory.data(store).len() as u64) {
                    return Err(GuestTrap::CanonicalOutOfBounds.into());
                }
                Some(memory)
            }
        };
        Ok(GuestBuffer {
            instance,
            options: instance.options_ptr(options.index)?,
            elements,
            memory,
            address,
        })
    }

    /// The options, and size and type of an element; of a type without handles, any.
    pub(super) fn layout<'a>(&self) -> (&'a GuestOptions, u32, InterfaceType) {
        let options = self.options.get();
        let types = &self.instance.description().types;
        match self.elements {
            Elements::Counted => (options, 0, InterfaceType::U8),
            Elements::Bytes(layout) => (options, layout.size, InterfaceType::U8),
            Elements::Values(ty) => (options, size_align(types, ty, options.address).size, ty),
        }
    }

    /// The address of an element.
    pub(super) fn at(&self, index: u32, size: u32) -> u64 {
        self.address + u64::from(index) * u64::from(size)
    }
}

/// `copy`: an index, an address and, for streams, a length in the slots, the result afterwards.
pub(super) fn copy(
    store: &mut StoreOpaque,
    owner: Owner,
    op: CopyOp,
    ty: EndType,
    options: OptionsIndex,
    slots: &mut [ValRaw],
) -> Result<Answer> {
    store.settle_locks();
    store.settle_lifted();
    let instance = owner.0;
    let options = instance.options(options)?;
    let is_async = options.is_async;
    let side = match op {
        CopyOp::Read => Side::Readable,
        CopyOp::Write => Side::Writable,
    };
    let index = val_raw::i32(&slots[0]) as u32;
    let (id, elements) = end::end_of(store, owner, index, ty, side)?;
    store.concurrency.scheduler.check_copy(id, is_async)?;
    let address = val_raw::address(options.address, &slots[1]);
    let length = match ty {
        EndType::Stream(_) => val_raw::address(options.address, &slots[2]),
        EndType::Future(_) => 1,
    };
    let buffer = GuestBuffer::new(store, instance, options, elements, (address, length))?;
    let result = match ty {
        EndType::Stream(_) => options.address,
        EndType::Future(_) => AddressType::I32,
    };
    if let Some(event) = copy_at_once(store, (id, side), &buffer, length as u32)? {
        slots[0] = val_raw::from_address(result, event.payload.into());
        return Ok(DONE);
    }
    let scheduler = &mut store.concurrency.scheduler;
    match scheduler.begin_copy(id, Buffer::Guest(buffer), length as u32)? {
        Copying::Begun => store.ask_other_driver(id)?,
        Copying::Transfer(elements) => transfer(store, elements)?,
    }
    let waiting = store.concurrency.scheduler.finish_copy(id, is_async)?;
    waitable::wait(store, waiting, EventUse::Copied(result), slots)
}

/// Copies elements from or to the buffer that the other end has left, if it has, and their bytes are
/// moved: the event of a read or write that is over with that.
#[inline]
fn copy_at_once(
    store: &mut StoreOpaque,
    (id, side): (EndId, Side),
    own: &GuestBuffer,
    length: u32,
) -> Result<Option<Event>> {
    let Elements::Bytes(SizeAlign { size, .. }) = own.elements else {
        return Ok(None);
    };
    let Some(Meeting {
        buffer: Buffer::Guest(others),
        progress,
        count,
    }) = store.concurrency.scheduler.meet_at_once(id, length)
    else {
        return Ok(None);
    };
    let (Some(own_memory), Some(others_memory)) = (own.memory, others.memory) else {
        return Ok(None);
    };
    let others_address = others.at(progress, size);
    let bytes = u64::from(count) * u64::from(size);
    if bytes >= LONG {
        store.charge_bytes(bytes)?;
    }
    match side {
        Side::Readable => {
            own_memory.copy_from(own.address, others_memory, others_address, bytes)?
        }
        Side::Writable => {
            others_memory.copy_from(others_address, own_memory, own.address, bytes)?
        }
    }
    Ok(Some(
        store.concurrency.scheduler.copied_at_once(id, length)?,
    ))
}

/// Copies elements from one buffer to the other.
///
/// # Errors
/// If a value isn't one of its type, or `realloc` fails.
#[inline]
pub(super) fn transfer(store: &mut StoreOpaque, transfer: Transfer<Guests>) -> Result<()> {
    let (Buffer::Guest(source), Buffer::Guest(destination)) =
        (&transfer.source, &transfer.destination)
    else {
        bail_bug!("the host has left a buffer");
    };
    match (source.elements, destination.elements) {
        (Elements::Counted, Elements::Counted) => {}
        (Elements::Bytes(SizeAlign { size, .. }), Elements::Bytes(_)) => {
            let (Some(from), Some(to)) = (source.memory, destination.memory) else {
                bail_bug!("elements are copied where there is no memory");
            };
            charge(store, &transfer, size)?;
            to.copy_from(
                destination.at(transfer.destination_progress, size),
                from,
                source.at(transfer.source_progress, size),
                u64::from(transfer.count) * u64::from(size),
            )?;
        }
        (Elements::Values(from), Elements::Values(to)) => {
            match Check::of(&source.instance.description().types, from) {
                Some(check) => {
                    charge(store, &transfer, source.layout().1)?;
                    check.copy(store, source, destination, &transfer)?;
                }
                None => copy_values(store, (source, from), (destination, to), &transfer)?,
            }
        }
        _ => bail_bug!("elements are copied that are of two types"),
    }
    Ok(store.concurrency.scheduler.end_copy(transfer)?)
}

/// Charges for elements of so many bytes.
fn charge(store: &mut StoreOpaque, transfer: &Transfer<Guests>, size: u32) -> Result<()> {
    match u64::from(transfer.count) * u64::from(size) {
        bytes if bytes >= LONG => store.charge_bytes(bytes),
        _ => Ok(()),
    }
}

/// Lifts elements and lowers them, some at a time. What is lifted counts for all of the copy; but what an
/// element takes that is small is given back when it is lowered.
#[cold]
fn copy_values(
    store: &mut StoreOpaque,
    source: (&GuestBuffer, InterfaceType),
    destination: (&GuestBuffer, InterfaceType),
    transfer: &Transfer<Guests>,
) -> Result<()> {
    let most = VALUES_AT_ONCE.min(transfer.count) as usize;
    let mut vals = Vec::with_capacity(most);
    let mut budget = store.max_lifted_bytes();
    let mut done = 0;
    while done < transfer.count {
        let count = (transfer.count - done).min(VALUES_AT_ONCE);
        store.charge_bytes(u64::from(count) * VALUE_COST)?;
        let from = transfer.source_progress + done;
        let lifted = lift(store, source, from, (&mut vals, count), budget);
        let to = transfer.destination_progress + done;
        let copied = lifted.and_then(|rest| {
            lower(store, destination, to, &vals)?;
            Ok(rest)
        });
        match copied {
            Ok(rest) => budget = rest + (budget - rest).min(count as usize * FREE_BYTES),
            Err(error) => {
                vals.iter().for_each(|val| val.abandon(store));
                return Err(error);
            }
        }
        vals.clear();
        done += count;
    }
    Ok(())
}

/// `ReadableGuestBuffer.read`: how much of the budget is left.
fn lift(
    store: &mut StoreOpaque,
    (buffer, ty): (&GuestBuffer, InterfaceType),
    from: u32,
    (to, count): (&mut Vec<Val>, u32),
    budget: usize,
) -> Result<usize> {
    let handles = CallHandles::default();
    let options = buffer.options.get();
    let mut cx = LiftContext::new(store, buffer.instance, options, &handles).with_budget(budget);
    let size = size_align(cx.types(), ty, options.address).size;
    let lifted = load_vals(&mut cx, ty, buffer.at(from, size), to, count as usize);
    let rest = cx.budget();
    handles.end(store);
    store.settle_lifted();
    lifted.map(|()| rest)
}

/// `WritableGuestBuffer.write`.
fn lower(
    store: &mut StoreOpaque,
    (buffer, ty): (&GuestBuffer, InterfaceType),
    to: u32,
    vals: &[Val],
) -> Result<()> {
    let handles = CallHandles::default();
    let options = buffer.options.get();
    let cx = &mut LowerContext::new(store, buffer.instance, options, &handles);
    let size = size_align(cx.types(), ty, options.address).size;
    let lowered = store_vals(cx, ty, buffer.at(to, size), vals);
    handles.end(store);
    lowered
}
