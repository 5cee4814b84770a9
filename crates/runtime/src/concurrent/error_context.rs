//! `error-context.*`, and how error contexts get from one table of handles to another.
//!
//! Each handle names a place of its own in the store, which has a share in the message. An error
//! context has no identity, so nobody can tell handles of one from handles of equal ones.

use super::end::Owner;
use super::waitable;
use crate::bug::bug;
use crate::canonical_abi::{
    CallHandles, LiftContext, LowerContext, load_string_at, store_string_at,
};
use crate::component::ErrorContext;
use crate::store::StoreOpaque;
use crate::trap::Trap;
use crate::vm::{ComponentInstancePtr, HandleTablePtr, OtherKind, val_raw};
use anyhow::Result;
use threadline_environ::layout::ValRaw;
use threadline_environ::{OptionsIndex, RuntimeComponentInstanceIndex};

/// Bytes of a message that are kept. (What becomes of a message is up to the host.)
const MAX_MESSAGE: usize = 4096;

/// Error contexts that guests have handles of.
#[derive(Default)]
pub(crate) struct ErrorContexts {
    places: Vec<Option<ErrorContext>>,
    free: Vec<u32>,
    /// The bytes of all messages, counted for each place.
    bytes: usize,
    /// How many there may be, as the store's limiter said last.
    limit: usize,
}

impl ErrorContexts {
    fn add(&mut self, context: ErrorContext) -> u32 {
        self.bytes += context.debug_message().len();
        if let Some(place) = self.free.pop() {
            self.places[place as usize] = Some(context);
            return place;
        }
        self.places.push(Some(context));
        // Each has a handle, of which there can't be more.
        self.places.len() as u32 - 1
    }

    fn get(&self, place: u32) -> Option<&ErrorContext> {
        self.places.get(place as usize)?.as_ref()
    }

    fn remove(&mut self, place: u32) {
        if let Some(context) = self.places.get_mut(place as usize)
            && let Some(context) = context.take()
        {
            self.bytes -= context.debug_message().len();
            self.free.push(place);
        }
    }
}

fn place_at(table: HandleTablePtr, index: u32) -> Result<u32> {
    let (_, bits) = waitable::get(table, index, &[OtherKind::ErrorContext])?;
    Ok(bits as u32)
}

/// `error-context.new`: where a message is in the slots, the index afterwards.
pub(super) fn new(
    store: &mut StoreOpaque,
    (instance, owner): Owner,
    options: OptionsIndex,
    slots: &mut [ValRaw],
) -> Result<()> {
    let options = instance.options(options)?;
    let handles = CallHandles::default();
    let cx = &mut LiftContext::new(store, instance, options, &handles);
    let range = [0, 1].map(|at| val_raw::address(options.address, &slots[at]));
    let mut message = load_string_at(cx, range)?;
    message.truncate(message.floor_char_boundary(MAX_MESSAGE));
    let index = store.lower_error_context(instance, owner, ErrorContext::new(message))?;
    slots[0] = val_raw::from_i32(index as i32);
    Ok(())
}

/// `error-context.debug-message`: an index and an address in the slots.
pub(super) fn debug_message(
    store: &mut StoreOpaque,
    (instance, owner): Owner,
    options: OptionsIndex,
    slots: &mut [ValRaw],
) -> Result<()> {
    let options = instance.options(options)?;
    let context = store.lift_error_context(instance, owner, val_raw::i32(&slots[0]) as u32)?;
    let handles = CallHandles::default();
    let cx = &mut LowerContext::new(store, instance, options, &handles);
    let address = val_raw::address(options.address, &slots[1]);
    store_string_at(cx, context.debug_message(), address)
}

/// `error-context.drop`.
pub(super) fn drop(store: &mut StoreOpaque, table: HandleTablePtr, index: u32) -> Result<()> {
    let place = place_at(table, index)?;
    store.concurrency.error_contexts.remove(place);
    table.remove_other(index);
    Ok(())
}

/// `lift_error_context` in an adapter: the number that stands for it is the place of a handle that
/// stays, and that nobody drops before it is lowered.
pub(super) fn lift((instance, owner): Owner, index: u32) -> Result<u32> {
    place_at(instance.handle_table(owner)?, index)
}

/// `lower_error_context` in an adapter.
pub(super) fn lower(store: &mut StoreOpaque, (instance, owner): Owner, place: u32) -> Result<u32> {
    let context = store.concurrency.error_contexts.get(place).cloned();
    let context = context.ok_or_else(|| bug!("an error context is lowered that was not lifted"))?;
    store.lower_error_context(instance, owner, context)
}

impl StoreOpaque {
    /// `lift_error_context`: what a handle of an instance's names.
    ///
    /// # Errors
    /// If it names something else, or nothing.
    pub(crate) fn lift_error_context(
        &self,
        instance: ComponentInstancePtr,
        owner: RuntimeComponentInstanceIndex,
        index: u32,
    ) -> Result<ErrorContext> {
        let place = place_at(instance.handle_table(owner)?, index)?;
        let context = self.concurrency.error_contexts.get(place).cloned();
        Ok(context.ok_or_else(|| bug!("a handle to an error context that is gone"))?)
    }

    /// `lower_error_context`: a handle for an instance.
    ///
    /// # Errors
    /// If the table is full, or the messages of the store are too long together.
    pub(crate) fn lower_error_context(
        &mut self,
        instance: ComponentInstancePtr,
        owner: RuntimeComponentInstanceIndex,
        context: ErrorContext,
    ) -> Result<u32> {
        self.check_messages(context.debug_message().len())?;
        let place = self.concurrency.error_contexts.add(context);
        let table = instance.handle_table(owner)?;
        let added = waitable::add(self, table, OtherKind::ErrorContext, place.into());
        if added.is_err() {
            self.concurrency.error_contexts.remove(place);
        }
        added
    }

    /// Checks that there is room for one more message.
    ///
    /// # Errors
    /// [`Trap::TooManyErrorContexts`].
    fn check_messages(&mut self, length: usize) -> Result<()> {
        let sum = self.concurrency.error_contexts.bytes.saturating_add(length);
        if sum <= self.concurrency.error_contexts.limit {
            return Ok(());
        }
        let limit = self.error_context_limit();
        self.concurrency.error_contexts.limit = limit;
        match sum <= limit {
            true => Ok(()),
            false => Err(anyhow::Error::from(Trap::TooManyErrorContexts).context(
                "messages of error contexts take more bytes than the store's limits allow \
                 (`ResourceLimiter::error_context_bytes`)",
            )),
        }
    }
}
