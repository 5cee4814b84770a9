//! The host's part in `canon resource.*` and in adapters' dealings with handles: what compiled code
//! calls when a table is full, when something is wrong with a handle, and to destroy a resource
//! whose type is not of its component. And destructors that are the host's.

use super::component_instance::ComponentInstancePtr;
use super::handle_table::HandleFault;
use super::host_call::catch;
use super::owner::{Owner, owner_of};
use super::pointer::{CodePtr, VmPtr};
use crate::bug::{bail_bug, bug};
use crate::component::{ResourceTypeId, handle_error};
use crate::store::{StoreContextMut, StoreInner, StoreOpaque};
use crate::trap::Trap;
use anyhow::Result;
use std::any::Any;
use std::ffi::c_void;
use std::sync::Arc;
use threadline_environ::component::ResourceOp;
use threadline_environ::layout::VMHeader;
use threadline_environ::{BUILTIN_FAILED, ResourceIndex, RuntimeComponentInstanceIndex};

/// A destructor of the host's, for stores whose data is of the type that it was made for.
#[derive(Clone)]
pub(crate) struct HostDtor {
    call: unsafe fn(&mut StoreOpaque, &(dyn Any + Send + Sync), u32) -> Result<()>,
    body: Arc<dyn Any + Send + Sync>,
}

impl HostDtor {
    /// A destructor for any `Store<T>`.
    pub(crate) fn new<T, F>(body: F) -> HostDtor
    where
        T: 'static,
        F: Fn(StoreContextMut<'_, T>, u32) -> Result<()> + Send + Sync + 'static,
    {
        HostDtor {
            call: call_dtor::<T, F>,
            body: Arc::new(body),
        }
    }

    /// Calls it. `store` is the opaque part of a store that it was made for.
    ///
    /// # Errors
    /// Those of the destructor.
    pub(crate) fn call(&self, store: &mut StoreOpaque, rep: u32) -> Result<()> {
        // SAFETY: linkers are for one type of stores, and give a destructor to instances in these
        // alone; what such an instance puts in its store's records stays there.
        unsafe { (self.call)(store, &*self.body, rep) }
    }
}

/// # Safety
/// `store` is that of a `Store<T>`.
unsafe fn call_dtor<T, F>(
    store: &mut StoreOpaque,
    body: &(dyn Any + Send + Sync),
    rep: u32,
) -> Result<()>
where
    T: 'static,
    F: Fn(StoreContextMut<'_, T>, u32) -> Result<()> + Send + Sync + 'static,
{
    let body: &F = body
        .downcast_ref()
        .ok_or_else(|| bug!("a destructor of another type"))?;
    // SAFETY: the store is a `StoreInner<T>`, which begins with its opaque part; the borrow of the
    // part stands for one of the whole, as wherever a store is passed on without its type.
    let store = unsafe { &mut *std::ptr::from_mut(store).cast::<StoreInner<T>>() };
    body(StoreContextMut(store), rep)
}

/// Runs a builtin whose context is a `VMComponentContext`.
///
/// # Safety
/// `context` is what compiled code passed as its context.
pub(super) unsafe fn with_component<R>(
    context: *mut c_void,
    body: impl FnOnce(ComponentInstancePtr, &mut StoreOpaque) -> Result<R>,
) -> Option<R> {
    // SAFETY: the caller answers for `context`, which begins with a header; wasm was entered with
    // an exclusive borrow of the store, which rests until this returns.
    unsafe {
        let store_context = (*context.cast::<VMHeader>()).store_context;
        let body = || {
            let store = &mut *(*store_context).store.cast::<StoreOpaque>();
            let Some(instance) = component_of(context) else {
                bail_bug!("a builtin for components was called by something else");
            };
            body(instance, store)
        };
        catch(store_context, body).ok()
    }
}

/// The component instance that a context is of, if it is one's.
///
/// # Safety
/// `context` is what compiled code passed as its context.
#[inline]
pub(super) unsafe fn component_of(context: *mut c_void) -> Option<ComponentInstancePtr> {
    // SAFETY: the caller answers for it.
    let context: CodePtr = unsafe { VmPtr::known(context) };
    match owner_of(context) {
        Owner::Component(instance) => Some(instance),
        Owner::CoreInstance(_) | Owner::HostFunc(_) => None,
    }
}

fn table_index(instance: u32) -> RuntimeComponentInstanceIndex {
    RuntimeComponentInstanceIndex::from_u32(instance)
}

fn type_id(instance: ComponentInstancePtr, resource: u32) -> Result<ResourceTypeId> {
    instance.resource_type_id(ResourceIndex::from_u32(resource))
}

/// `handle-failure`: finds out again what is wrong with a handle, and says so.
///
/// # Safety
/// As for [`with_component`].
pub(super) unsafe extern "C" fn handle_failure(
    context: *mut c_void,
    op: u32,
    instance: u32,
    resource: u32,
    handle: u32,
) -> bool {
    // SAFETY: passed on.
    unsafe {
        with_component(context, |component, store| -> Result<()> {
            let table = component.handle_table(table_index(instance))?;
            let ty = type_id(component, resource)?;
            let fault = match ResourceOp::ALL.get(op as usize) {
                Some(ResourceOp::LiftOwn) => table.lift_own(handle, ty).err(),
                Some(ResourceOp::Drop) => table.check_drop(handle, ty).err(),
                Some(ResourceOp::LiftBorrow) => {
                    let lifted = table.lift_borrow(handle, ty);
                    lifted.err()
                }
                _ => table.rep(handle, ty).err(),
            };
            match fault {
                Some(fault) => Err(handle_error(store, handle, ty, fault)),
                None => bail_bug!("nothing is wrong with the handle {handle}"),
            }
        })
        .is_some()
    }
}

/// `handle-table-grow`.
///
/// # Safety
/// As for [`with_component`].
pub(super) unsafe extern "C" fn handle_table_grow(context: *mut c_void, instance: u32) -> bool {
    // SAFETY: passed on.
    unsafe {
        with_component(context, |component, store| {
            store.grow_handle_table(component.handle_table(table_index(instance))?)
        })
        .is_some()
    }
}

/// `borrow-scopes-grow`.
///
/// # Safety
/// As for [`with_component`].
pub(super) unsafe extern "C" fn borrow_scopes_grow(context: *mut c_void) -> bool {
    // SAFETY: passed on.
    unsafe {
        with_component(context, |component, store| {
            store.grow_borrow_scopes(component.borrow_scopes())
        })
        .is_some()
    }
}

/// `resource-destroy`.
///
/// # Safety
/// As for [`with_component`].
pub(super) unsafe extern "C" fn resource_destroy(
    context: *mut c_void,
    resource: u32,
    rep: u32,
) -> bool {
    // SAFETY: passed on.
    unsafe {
        with_component(context, |component, store| {
            crate::component::destroy_imported(
                store,
                component,
                ResourceIndex::from_u32(resource),
                rep,
            )?;
            // To return into an instance that has been locked meanwhile would be to enter it.
            if component.is_locked() {
                return Err(Trap::CannotEnterComponent.into());
            }
            Ok(())
        })
        .is_some()
    }
}

/// `begin-lends`.
///
/// # Safety
/// As for [`with_component`].
pub(super) unsafe extern "C" fn begin_lends(context: *mut c_void) -> i64 {
    // SAFETY: passed on.
    let index = unsafe { with_component(context, |component, _| Ok(component.begin_lends())) };
    index.map_or(BUILTIN_FAILED, i64::from)
}

/// `lend`.
///
/// # Safety
/// As for [`with_component`].
pub(super) unsafe extern "C" fn lend(
    context: *mut c_void,
    instance: u32,
    resource: u32,
    handle: u32,
    lenders: u32,
) -> i64 {
    // SAFETY: passed on.
    let rep = unsafe {
        with_component(context, |component, store| {
            let table = component.handle_table(table_index(instance))?;
            let ty = type_id(component, resource)?;
            let rep = table.lift_borrow(handle, ty);
            let rep = rep.map_err(|fault| handle_error(store, handle, ty, fault))?;
            let lent = component.add_lender(lenders, handle);
            // One handle may be lent any number of times in a list.
            if lent.is_power_of_two() && lent > store.handle_limit() {
                return Err(Trap::TooManyHandles.into());
            }
            Ok(rep)
        })
    };
    rep.map_or(BUILTIN_FAILED, i64::from)
}

/// `end-lends`.
///
/// # Safety
/// As for [`with_component`].
pub(super) unsafe extern "C" fn end_lends(
    context: *mut c_void,
    instance: u32,
    lenders: u32,
) -> bool {
    // SAFETY: passed on.
    unsafe {
        with_component(context, |component, _| {
            let table = component.handle_table(table_index(instance))?;
            for handle in component.end_lends(lenders) {
                table.end_lend(handle);
            }
            Ok(())
        })
        .is_some()
    }
}

/// What is wrong with a handle, as a trap.
impl From<HandleFault> for Trap {
    fn from(fault: HandleFault) -> Trap {
        match fault {
            HandleFault::Unknown => Trap::UnknownHandle,
            HandleFault::Type(_) => Trap::WrongHandleType,
            HandleFault::Lent => Trap::HandleLent,
            HandleFault::Borrowed => Trap::HandleNotOwned,
            HandleFault::TooManyLends => Trap::TooManyHandles,
        }
    }
}
