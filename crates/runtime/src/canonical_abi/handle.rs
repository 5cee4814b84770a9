//! `lift_own`, `lift_borrow`, `lower_own` and `lower_borrow` on the host's side, and what a call
//! with borrowed handles has to remember.

use super::context::{LiftContext, LowerContext};
use crate::bug::bail_bug;
use crate::component::{ResourceTypeId, handle_error};
use crate::store::{HostHandleKey, StoreOpaque};
use crate::trap::Trap;
use crate::vm::{ComponentInstancePtr, HandleTablePtr};
use anyhow::Result;
use std::cell::RefCell;
use threadline_environ::ResourceIndex;
use threadline_environ::component::{InterfaceType, ResourceOrigin};

/// What a call between host and guest has borrowed and lent; most have nothing.
#[derive(Default)]
pub(crate) struct CallHandles(RefCell<Option<Box<Used>>>);

#[derive(Default)]
struct Used {
    /// The scope that counts what the guest has borrowed of the host.
    scope: Option<u32>,
    /// What the guest has borrowed of the host and need not drop itself.
    passed_on: Vec<(HandleTablePtr, u32)>,
    /// What the guest has lent to the host, and out of which table.
    lent: Vec<(HandleTablePtr, u32)>,
    /// What the host has lent to the guest.
    lent_by_host: Vec<HostHandleKey>,
    /// What the host has borrowed of the guest.
    borrowed: Vec<HostHandleKey>,
}

impl CallHandles {
    fn with<R>(&self, body: impl FnOnce(&mut Used) -> R) -> R {
        body(self.0.borrow_mut().get_or_insert_default())
    }

    /// The guest has returned: it must have dropped what it borrowed.
    ///
    /// # Errors
    /// If it hasn't.
    #[inline]
    pub(crate) fn exit_scope(&self, instance: ComponentInstancePtr) -> Result<(), Trap> {
        match &*self.0.borrow() {
            Some(used) => used.exit_scope(instance),
            None => Ok(()),
        }
    }

    /// The call is over, well or not: nothing is lent or borrowed for it any more.
    #[inline]
    pub(crate) fn end(self, store: &StoreOpaque) {
        self.keep().end(store);
    }

    /// The same, to be kept until the call is over.
    #[inline]
    pub(crate) fn keep(self) -> KeptHandles {
        KeptHandles(self.0.into_inner())
    }
}

/// What a call that goes on has borrowed and lent.
#[derive(Default)]
pub(crate) struct KeptHandles(Option<Box<Used>>);

impl KeptHandles {
    /// Whether there are none.
    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_none()
    }

    /// See [`CallHandles::end`].
    #[inline]
    pub(crate) fn end(self, store: &StoreOpaque) {
        if let Some(used) = self.0 {
            used.end(store);
        }
    }
}

impl Used {
    #[cold]
    fn exit_scope(&self, instance: ComponentInstancePtr) -> Result<(), Trap> {
        let Some(scope) = self.scope else {
            return Ok(());
        };
        let scopes = instance.borrow_scopes();
        for &(table, handle) in &self.passed_on {
            table.drop_borrow(scopes, scope, handle);
        }
        scopes.exit(scope)
    }

    #[cold]
    fn end(self, store: &StoreOpaque) {
        for (table, handle) in self.lent {
            table.end_lend(handle);
        }
        let mut handles = store.resources.handles();
        for key in self.lent_by_host {
            if let Some(handle) = handles.get_mut(key) {
                handle.lends -= 1;
            }
        }
        for key in self.borrowed {
            handles.remove(key);
        }
    }
}

/// A handle lifted from a guest.
pub(crate) struct LiftedHandle {
    pub(crate) ty: ResourceTypeId,
    pub(crate) rep: u32,
    pub(crate) own: bool,
}

/// The resource type of a handle type.
fn resource_of(ty: InterfaceType) -> Result<ResourceIndex> {
    match ty {
        InterfaceType::Own(index) | InterfaceType::Borrow(index) => Ok(index),
        other => bail_bug!("a handle is passed as {other:?}"),
    }
}

impl LiftContext<'_> {
    /// `lift_own` or `lift_borrow`, as the type says.
    pub(crate) fn lift_handle(&mut self, ty: InterfaceType, handle: u32) -> Result<LiftedHandle> {
        let id = self.instance.resource_type_id(resource_of(ty)?)?;
        let table = self.instance.table_of(self.options)?;
        let own = matches!(ty, InterfaceType::Own(_));
        let rep = match own {
            true => table.lift_own(handle, id),
            false => table.lift_borrow(handle, id),
        };
        let rep = rep.map_err(|fault| handle_error(self.store, handle, id, fault))?;
        if !own {
            self.handles.with(|used| used.lent.push((table, handle)));
        }
        Ok(LiftedHandle { ty: id, rep, own })
    }

    /// The host's handle ends with the call.
    pub(crate) fn ends_with_call(&mut self, key: HostHandleKey) {
        self.handles.with(|used| used.borrowed.push(key));
    }

    /// The store that is lifted into.
    pub(crate) fn store(&self) -> &StoreOpaque {
        self.store
    }
}

impl LowerContext<'_> {
    /// `lower_own` or `lower_borrow`, as the type says.
    pub(crate) fn lower_handle(&mut self, ty: InterfaceType, rep: u32) -> Result<u32> {
        let index = resource_of(ty)?;
        let id = self.instance.resource_type_id(index)?;
        let table = self.instance.table_of(self.options)?;
        if let InterfaceType::Own(_) = ty {
            self.make_room(table)?;
            return Ok(table.lower_own(rep, id)?);
        }
        if let ResourceOrigin::Defined { instance, .. } =
            self.instance.description().resources[index].origin
            && instance == self.options.instance
        {
            return Ok(rep);
        }
        self.make_room(table)?;
        let scopes = self.instance.borrow_scopes();
        if scopes.is_full() {
            self.store.grow_borrow_scopes(scopes)?;
        }
        let scope = self.handles.with(|used| match used.scope {
            Some(scope) => Ok(scope),
            None => scopes.enter().inspect(|&scope| used.scope = Some(scope)),
        })?;
        let handle = table.lower_borrow(scopes, scope, rep, id)?;
        if self.options.passes_on {
            self.handles
                .with(|used| used.passed_on.push((table, handle)));
        }
        Ok(handle)
    }

    /// Sees to it that a table isn't full.
    fn make_room(&mut self, table: HandleTablePtr) -> Result<()> {
        if table.is_full() {
            self.store.grow_handle_table(table)?;
        }
        Ok(())
    }

    /// The number in the store of a handle type's resource type.
    pub(crate) fn resource_type_id(&self, ty: InterfaceType) -> Result<ResourceTypeId> {
        self.instance.resource_type_id(resource_of(ty)?)
    }

    /// The host's handle is lent until the call ends.
    pub(crate) fn lent_by_host(&mut self, key: HostHandleKey) {
        self.handles.with(|used| used.lent_by_host.push(key));
    }

    /// The store that is lowered out of.
    pub(crate) fn store(&self) -> &StoreOpaque {
        self.store
    }
}
