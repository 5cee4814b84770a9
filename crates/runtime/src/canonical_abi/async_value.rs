//! `lift_async_value`, `lower_async_value` and error contexts on the host's side: what is in tables
//! of handles and isn't a resource.

use super::context::{LiftContext, LowerContext};
use super::{Lift, Lower};
use crate::bug::{Bug, bug};
use crate::component::{ErrorContext, end_type};
use crate::trap::Trap;
use crate::vm::ComponentInstancePtr;
use anyhow::Result;
use threadline_concurrent::EndId;
use threadline_environ::canonical_abi::SizeAlign;
use threadline_environ::component::{EndType, InterfaceType};

fn type_of(ty: InterfaceType) -> Result<EndType, Bug> {
    end_type(ty).ok_or_else(|| bug!("an end is passed as {ty:?}"))
}

/// `load_list_from_valid_range`, at an address that a guest passes. `ty` is that of one element.
pub(crate) fn load_elements_at<T: Lift>(
    cx: &mut LiftContext<'_>,
    ty: InterfaceType,
    address: u64,
    count: usize,
) -> Result<Vec<T>> {
    let SizeAlign { size, align } = T::ABI.size_align(cx.address());
    let bytes = match size {
        // Those without elements have no memory.
        0 => &[],
        size => {
            let length = u64::from(size) * count as u64;
            cx.bytes(address, length, align, Trap::CanonicalOutOfBounds)?
        }
    };
    T::load_elements(cx, ty, bytes, count)
}

/// `store_list_into_valid_range`, at an address that a guest passes. `ty` is that of one element.
pub(crate) fn store_elements_at<T: Lower>(
    cx: &mut LowerContext<'_>,
    ty: InterfaceType,
    address: u64,
    elements: &[T],
) -> Result<()> {
    let SizeAlign { size, align } = T::ABI.size_align(cx.address());
    if size == 0 {
        return Ok(());
    }
    let length = u32::try_from(size as usize * elements.len()).unwrap_or(u32::MAX);
    let address = cx.check_pointer(address, align, length)?;
    T::store_elements(elements, cx, ty, address)
}

impl LiftContext<'_> {
    /// `lift_async_value`: the end is the host's from now on.
    pub(crate) fn lift_end(&mut self, ty: InterfaceType, index: u32) -> Result<EndId> {
        let owner = self.options.instance;
        self.store
            .lift_end(self.instance, owner, type_of(ty)?, index)
    }

    /// `lift_error_context`.
    pub(crate) fn lift_error_context(&mut self, index: u32) -> Result<ErrorContext> {
        let owner = self.options.instance;
        self.store.lift_error_context(self.instance, owner, index)
    }
}

impl LowerContext<'_> {
    /// `lower_async_value`, of an end that the host has.
    pub(crate) fn lower_end(&mut self, ty: InterfaceType, id: EndId) -> Result<u32> {
        let owner = self.options.instance;
        self.store.lower_end(self.instance, owner, type_of(ty)?, id)
    }

    /// `lower_error_context`.
    pub(crate) fn lower_error_context(&mut self, context: ErrorContext) -> Result<u32> {
        let owner = self.options.instance;
        self.store
            .lower_error_context(self.instance, owner, context)
    }

    /// The component instance that is lowered into.
    pub(crate) fn instance(&self) -> ComponentInstancePtr {
        self.instance
    }
}
