//! Whether the resources among the parameters of a call can be given or lent to the callee, before
//! anything happens: what is found out while lowering locks the instance.

use super::context::{case_type, element_type, field_type};
use super::{ComponentType, Lower};
use crate::component::ResourceTypeId;
use crate::store::{HostHandleKey, StoreOpaque};
use crate::vm::ComponentInstancePtr;
use anyhow::{Result, bail};
use std::cell::RefCell;
use std::collections::BTreeMap;
use threadline_concurrent::EndId;
use threadline_environ::component::{ComponentTypes, InterfaceType};

/// A look at the parameters of one call.
#[doc(hidden)]
pub struct HandleCheck<'a> {
    store: &'a StoreOpaque,
    instance: ComponentInstancePtr,
    /// Those that have been seen, and whether they are given away.
    seen: RefCell<BTreeMap<Seen, bool>>,
}

/// A resource among the parameters.
#[derive(Copy, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Seen {
    /// The host's handle.
    Handle(HostHandleKey),
    /// Where a [`Resource`](crate::component::Resource) keeps its state.
    Owner(usize),
    /// The readable end of a stream or future.
    End(EndId),
}

impl<'a> HandleCheck<'a> {
    /// For a call into an instance of the store.
    pub(crate) fn new(store: &'a StoreOpaque, instance: ComponentInstancePtr) -> HandleCheck<'a> {
        HandleCheck {
            store,
            instance,
            seen: RefCell::default(),
        }
    }

    /// The store that values are given out of.
    pub(crate) fn store(&self) -> &'a StoreOpaque {
        self.store
    }

    /// The component instance that is called.
    pub(crate) fn instance(&self) -> ComponentInstancePtr {
        self.instance
    }

    /// The resource type of a handle type, and whether it is one of those that are given away.
    ///
    /// # Errors
    /// If it is no handle type, or the instance doesn't know the resource type yet.
    pub(crate) fn expected(&self, ty: InterfaceType) -> Result<(ResourceTypeId, bool)> {
        Ok(match ty {
            InterfaceType::Own(index) => (self.instance.resource_type_id(index)?, true),
            InterfaceType::Borrow(index) => (self.instance.resource_type_id(index)?, false),
            other => bail!("a resource is passed as {other:?}"),
        })
    }

    /// Takes note of a resource.
    ///
    /// # Errors
    /// If it is given away, and there is more than this of it among the parameters.
    pub(crate) fn see(&self, resource: Seen, given_away: bool) -> Result<()> {
        match self.seen.borrow_mut().insert(resource, given_away) {
            Some(before) if given_away || before => {
                bail!("the resource is given away, and is there once more among the values")
            }
            _ => Ok(()),
        }
    }

    fn types(&self) -> &'a ComponentTypes {
        &self.instance.description().types
    }

    /// Checks a field of a `record` or an element of a `tuple`.
    ///
    /// # Errors
    /// If a resource in it can't be passed.
    #[inline]
    pub fn field<T: Lower + ?Sized>(&self, field: &T, ty: InterfaceType, i: usize) -> Result<()> {
        if !has_handles::<T>() {
            return Ok(());
        }
        field.check_handles(self, field_type(self.types(), ty, i))
    }

    /// Checks the payload of a case.
    ///
    /// # Errors
    /// If a resource in it can't be passed.
    #[inline]
    pub fn payload<T: Lower + ?Sized>(
        &self,
        payload: &T,
        ty: InterfaceType,
        i: usize,
    ) -> Result<()> {
        if !has_handles::<T>() {
            return Ok(());
        }
        payload.check_handles(self, case_type(self.types(), ty, i))
    }

    /// Checks elements of a `list`. There are no resources in a `map`.
    ///
    /// # Errors
    /// If a resource in one can't be passed.
    #[inline]
    pub(super) fn elements<T: Lower>(
        &self,
        elements: impl IntoIterator<Item = T>,
        ty: InterfaceType,
    ) -> Result<()> {
        if !has_handles::<T>() {
            return Ok(());
        }
        let ty = element_type(self.types(), ty);
        let mut elements = elements.into_iter();
        elements.try_for_each(|element| element.check_handles(self, ty))
    }
}

/// Whether there may be resources in values of a type.
fn has_handles<T: ComponentType + ?Sized>() -> bool {
    const { T::ABI.has_handles() }
}
