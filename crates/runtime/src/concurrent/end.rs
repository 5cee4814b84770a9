//! Ends of streams and futures, but for copying: `{stream,future}.{new,forward,drop-*,cancel-*}`,
//! and how a readable end gets from one owner to another.
//!
//! A table of handles has the id of an end, and all else is in the scheduler's record of it, its
//! type too. In an adapter a number stands for an end that has left one table and isn't in the next
//! yet ([`MovingEnds`]). When the host lifts, the end leaves its table at once, and its owner with
//! the next step of the store ([`StoreOpaque::settle_lifted`]), for lifting shares the store.

use super::answer::{Answer, DONE};
use super::copy::{self, Elements};
use super::waitable::{self, EventUse};
use crate::bug::{bail_bug, bug};
use crate::canonical_abi::{TypeContext, TypeMismatch};
use crate::component::{describe_type, other_handle_error};
use crate::store::StoreOpaque;
use crate::trap::Trap as GuestTrap;
use crate::vm::{ComponentInstancePtr, HandleFault, OtherKind, val_raw};
use anyhow::{Context as _, Result};
use std::cell::RefCell;
use threadline_concurrent::{EndId, Forwarding, Payload, Side, TransferKind};
use threadline_environ::RuntimeComponentInstanceIndex;
use threadline_environ::component::{EndOp, EndType, InterfaceType};
use threadline_environ::layout::ValRaw;
use threadline_environ::types::AddressType;

/// A component instance: what it is part of, and which.
pub(super) type Owner = (ComponentInstancePtr, RuntimeComponentInstanceIndex);

/// The type of a stream or future, as its end's owner knows it.
#[derive(Clone, Debug)]
pub(crate) struct ElementType {
    /// The component whose types it is one of, and the type; none if the host made it and no guest
    /// has it.
    pub(crate) ty: Option<(ComponentInstancePtr, EndType)>,
    /// How elements are copied.
    pub(crate) elements: Elements,
    /// Whether there are no elements, or they are numbers.
    is_none_or_number: bool,
    /// Of what the host has made, whether its Rust type stands for a type.
    pub(crate) check: Option<CheckElements>,
}

/// Whether a Rust type stands for the elements of a stream or future, if there are any.
pub(crate) type CheckElements =
    fn(&TypeContext<'_>, Option<InterfaceType>) -> Result<(), TypeMismatch>;

impl ElementType {
    /// A type of a component.
    pub(crate) fn new(instance: ComponentInstancePtr, ty: EndType) -> ElementType {
        let types = &instance.description().types;
        ElementType {
            ty: Some((instance, ty)),
            elements: Elements::of(types, ty),
            is_none_or_number: ty.payload(types).is_none_or(|ty| {
                matches!(
                    ty,
                    InterfaceType::S8
                        | InterfaceType::U8
                        | InterfaceType::S16
                        | InterfaceType::U16
                        | InterfaceType::S32
                        | InterfaceType::U32
                        | InterfaceType::S64
                        | InterfaceType::U64
                        | InterfaceType::F32
                        | InterfaceType::F64
                )
            }),
            check: None,
        }
    }

    /// Of a stream or future that the host makes. It is nobody's in whose table there could be both of
    /// its ends, so what is asked of it then doesn't matter.
    pub(crate) fn of_host(check: CheckElements) -> ElementType {
        ElementType {
            ty: None,
            elements: Elements::Counted,
            is_none_or_number: true,
            check: Some(check),
        }
    }
}

impl PartialEq for ElementType {
    fn eq(&self, other: &ElementType) -> bool {
        self.ty == other.ty
    }
}

impl Payload for ElementType {
    fn is_none_or_number(&self) -> bool {
        self.is_none_or_number
    }
}

/// Ends that are in no table, and not the host's for good either.
#[derive(Default)]
pub(super) struct MovingEnds {
    /// Lifted by an adapter that has not lowered them yet, by the numbers that stand for them.
    by_number: Vec<Option<EndId>>,
    /// Lifted by the host, while it shared the store.
    lifted: RefCell<Vec<EndId>>,
}

impl MovingEnds {
    fn put(&mut self, id: EndId) -> u32 {
        self.by_number.push(Some(id));
        self.by_number.len() as u32 - 1
    }

    fn take(&mut self, number: u32) -> Option<EndId> {
        let id = self.by_number.get_mut(number as usize)?.take();
        while let Some(None) = self.by_number.last() {
            self.by_number.pop();
        }
        id
    }
}

/// The type of values that are ends of this type.
pub(crate) fn interface_type(ty: EndType) -> InterfaceType {
    match ty {
        EndType::Stream(index) => InterfaceType::Stream(index),
        EndType::Future(index) => InterfaceType::Future(index),
    }
}

/// The end at an index of an instance's table, which must be of this type and on this side; and how
/// its elements are copied.
///
/// Inlined, because a result in memory that is read at once stalls.
#[inline(always)]
pub(super) fn end_of(
    store: &StoreOpaque,
    (instance, owner): Owner,
    index: u32,
    ty: EndType,
    side: Side,
) -> Result<(EndId, Elements)> {
    let id = waitable::end_at(instance.handle_table(owner)?, index)?;
    let Some((kind, payload)) = store.concurrency.scheduler.end_type(id) else {
        bail_bug!("a handle to an end that is gone");
    };
    if kind.side != side || payload.ty != Some((instance, ty)) {
        return Err(wrong_type(instance, index, ty, side));
    }
    Ok((id, payload.elements))
}

#[cold]
fn wrong_type(
    instance: ComponentInstancePtr,
    index: u32,
    ty: EndType,
    side: Side,
) -> anyhow::Error {
    let side = match side {
        Side::Readable => "readable",
        Side::Writable => "writable",
    };
    let ty = describe_type(&instance.description().types, interface_type(ty));
    anyhow::Error::from(GuestTrap::WrongHandleType).context(format!(
        "handle index {index} used with the wrong type, expected the {side} end of a `{ty}`"
    ))
}

/// Something done with ends of this type; operands in the slots, a result comes in the first.
pub(super) fn end_op(
    store: &mut StoreOpaque,
    owner: Owner,
    op: EndOp,
    ty: EndType,
    slots: &mut [ValRaw],
) -> Result<Answer> {
    store.settle_locks();
    store.settle_lifted();
    let operand = |at: usize| slots.get(at).map_or(0, |slot| val_raw::i32(slot) as u32);
    let (first, second) = (operand(0), operand(1));
    match op {
        EndOp::New => slots[0] = val_raw::from_i64(new(store, owner, ty)? as i64),
        EndOp::Forward => forward(store, owner, ty, [first, second])?,
        EndOp::CancelRead { async_ } => {
            return cancel(store, owner, (first, ty, Side::Readable), async_, slots);
        }
        EndOp::CancelWrite { async_ } => {
            return cancel(store, owner, (first, ty, Side::Writable), async_, slots);
        }
        EndOp::DropReadable => drop_end(store, owner, (first, ty, Side::Readable))?,
        EndOp::DropWritable => drop_end(store, owner, (first, ty, Side::Writable))?,
    }
    Ok(DONE)
}

/// `{stream,future}.new`: the index of the readable end, and above it that of the writable one.
fn new(store: &mut StoreOpaque, (instance, owner): Owner, ty: EndType) -> Result<u64> {
    let id = store.scheduled(instance, owner);
    let kind = match ty {
        EndType::Stream(_) => TransferKind::Stream,
        EndType::Future(_) => TransferKind::Future,
    };
    let payload = ElementType::new(instance, ty);
    if store.concurrency.scheduler.counts().waitables >= store.concurrency.waitable_limit {
        check_waitable_limit(store)?;
    }
    let scheduler = &mut store.concurrency.scheduler;
    let ends = scheduler.new_transfer(kind, payload, Some(id))?;
    let mut add = |end: EndId| -> Result<u64> {
        let table = instance.handle_table(owner)?;
        let index = waitable::add(store, table, OtherKind::End, end.to_bits())?;
        store.concurrency.scheduler.set_end_index(end, index)?;
        Ok(index.into())
    };
    let readable = add(ends.0)?;
    Ok(readable | add(ends.1)? << 32)
}

/// Asks the store's limiter whether there may be one more transfer. Ends that guests have are handles,
/// of which there is a limit; the host may have as many.
#[cold]
fn check_waitable_limit(store: &mut StoreOpaque) -> Result<()> {
    let limit = store.handle_limit().saturating_mul(2);
    store.concurrency.waitable_limit = limit;
    match store.concurrency.scheduler.counts().waitables < limit {
        true => Ok(()),
        false => Err(anyhow::Error::from(GuestTrap::TooManyHandles).context(
            "guests and the host have more ends of streams and futures than the store's limits allow \
             (twice `ResourceLimiter::handles`)",
        )),
    }
}

/// `{stream,future}.cancel-{read,write}`.
fn cancel(
    store: &mut StoreOpaque,
    owner: Owner,
    (index, ty, side): (u32, EndType, Side),
    is_async: bool,
    slots: &mut [ValRaw],
) -> Result<Answer> {
    let (id, _) = end_of(store, owner, index, ty, side)?;
    let scheduler = &mut store.concurrency.scheduler;
    let waiting = scheduler.cancel_copy(id, is_async)?;
    if let Some(other) = scheduler.other_end(id) {
        if scheduler.is_cancel_requested(other) {
            // The host's end has nothing of its own going on.
            scheduler.host_finish_cancel(other)?;
        }
        store.not_waited_for(other);
    }
    waitable::wait(store, waiting, EventUse::Copied(AddressType::I32), slots)
}

/// `{stream,future}.drop-{readable,writable}`.
fn drop_end(
    store: &mut StoreOpaque,
    owner: Owner,
    (index, ty, side): (u32, EndType, Side),
) -> Result<()> {
    let (id, _) = end_of(store, owner, index, ty, side)?;
    let other = store.concurrency.scheduler.other_end(id);
    store.concurrency.scheduler.drop_end(id)?;
    owner.0.handle_table(owner.1)?.remove_other(index);
    match other {
        Some(other) => store.look_after(other),
        None => Ok(()),
    }
}

/// `{stream,future}.forward`, of a readable end to a writable one.
fn forward(store: &mut StoreOpaque, owner: Owner, ty: EndType, indices: [u32; 2]) -> Result<()> {
    let (readable, _) = end_of(store, owner, indices[0], ty, Side::Readable)?;
    if indices[0] == indices[1] {
        let (kinds, fault) = (&[OtherKind::End], HandleFault::Unknown);
        return Err(other_handle_error(indices[1], kinds, fault));
    }
    let (writable, _) = end_of(store, owner, indices[1], ty, Side::Writable)?;
    let scheduler = &mut store.concurrency.scheduler;
    let others = [readable, writable].map(|end| scheduler.other_end(end));
    let forwarding = scheduler.forward(readable, writable)?;
    for index in indices {
        owner.0.handle_table(owner.1)?.remove_other(index);
    }
    match forwarding {
        Forwarding::Done => {}
        Forwarding::Transfer(transfer) => copy::transfer(store, transfer)?,
    }
    for other in others.into_iter().flatten() {
        // It may be the host's, with nobody at the other end, or somebody new who waits.
        store.look_after(other)?;
        store.join_drivers(other)?;
        store.ask_driver(other)?;
    }
    Ok(())
}

/// `lift_stream` or `lift_future` in an adapter: the number that stands for the end.
pub(super) fn lift(store: &mut StoreOpaque, owner: Owner, ty: EndType, index: u32) -> Result<u32> {
    store.settle_lifted();
    let (id, _) = end_of(store, owner, index, ty, Side::Readable)?;
    store.concurrency.scheduler.lift_end(id)?;
    owner.0.handle_table(owner.1)?.remove_other(index);
    Ok(store.concurrency.moving.put(id))
}

/// `lower_stream` or `lower_future` in an adapter: the index of the end that a number stands for. Its
/// type has the same name in all of a component.
pub(super) fn lower(store: &mut StoreOpaque, owner: Owner, number: u32) -> Result<u32> {
    let id = store.concurrency.moving.take(number);
    let id = id.ok_or_else(|| bug!("an end is lowered that was not lifted"))?;
    lower_to(store, owner, id)
}

fn lower_to(store: &mut StoreOpaque, (instance, owner): Owner, id: EndId) -> Result<u32> {
    let to = store.scheduled(instance, owner);
    let table = instance.handle_table(owner)?;
    let index = match waitable::add(store, table, OtherKind::End, id.to_bits()) {
        Ok(index) => index,
        Err(error) => {
            store.concurrency.scheduler.lose_end(id)?;
            return Err(error);
        }
    };
    store.concurrency.scheduler.lower_end(id, to, index)?;
    Ok(index)
}

impl StoreOpaque {
    /// `lift_async_value` by the host: the end at an index leaves its table, and is the host's.
    ///
    /// # Errors
    /// If there is none of this type, or it may not be passed on.
    pub(crate) fn lift_end(
        &self,
        instance: ComponentInstancePtr,
        owner: RuntimeComponentInstanceIndex,
        ty: EndType,
        index: u32,
    ) -> Result<EndId> {
        let (id, _) = end_of(self, (instance, owner), index, ty, Side::Readable)?;
        self.concurrency.scheduler.check_lift(id)?;
        instance.handle_table(owner)?.remove_other(index);
        self.concurrency.moving.lifted.borrow_mut().push(id);
        Ok(id)
    }

    /// What the host has lifted is its own from now on, as far as the scheduler is concerned.
    #[inline]
    pub(crate) fn settle_lifted(&mut self) {
        if !self.concurrency.moving.lifted.get_mut().is_empty() {
            self.settle();
        }
    }

    #[cold]
    fn settle(&mut self) {
        let concurrency = &mut self.concurrency;
        for id in concurrency.moving.lifted.get_mut().drain(..) {
            // It was checked when it was lifted, and nothing has happened since.
            let settled = concurrency.scheduler.lift_end(id);
            debug_assert_eq!(settled, Ok(()));
        }
    }

    /// `lower_async_value` by the host: a readable end of the host's is an instance's from now on,
    /// which knows its type by another name; its index.
    ///
    /// # Errors
    /// If the end is gone, or the table is full.
    pub(crate) fn lower_end(
        &mut self,
        instance: ComponentInstancePtr,
        owner: RuntimeComponentInstanceIndex,
        ty: EndType,
        id: EndId,
    ) -> Result<u32> {
        self.settle_lifted();
        let payload = ElementType::new(instance, ty);
        let scheduler = &mut self.concurrency.scheduler;
        match scheduler.end_state(id) {
            Some((kind, _, None)) if kind.side == Side::Readable => {}
            _ => return Err(gone()),
        }
        if self.concurrency.host_ends.has(id) {
            return Err(gone());
        }
        scheduler.check_lift(id).context("it can't be passed on")?;
        scheduler.set_end_payload(id, payload)?;
        lower_to(self, (instance, owner), id)
    }

    /// A trap has ended what ends were being moved for.
    pub(super) fn lose_moving_ends(&mut self) {
        self.settle_lifted();
        while let Some(id) = self.concurrency.moving.by_number.pop() {
            if let Some(id) = id {
                // It is there: nobody else knows of it.
                let _ = self.concurrency.scheduler.lose_end(id);
            }
        }
    }
}

/// The error for an end that the host hasn't any more.
pub(crate) fn gone() -> anyhow::Error {
    anyhow::anyhow!("the readable end has been dropped or given away")
}
