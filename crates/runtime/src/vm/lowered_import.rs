//! Host functions behind `canon lower`: what trampolines find in a `VMLowering`.

use super::call_slots::HostSlots;
use super::component_instance::{ComponentInstancePtr, GuestOptions};
use super::host_call;
use super::pointer::VmPtr;
use super::stack_switch::{self, HostFuture};
use super::val_raw;
use crate::canonical_abi::{CallHandles, FuncShape, LiftContext, LowerContext, ResourceLookup};
use crate::component::ComponentError;
use crate::store::{StoreContextMut, StoreInner, StoreOpaque};
use crate::trap::Trap;
use anyhow::Result;
use std::ffi::c_void;
use std::sync::Arc;
use threadline_environ::component::Component;
use threadline_environ::layout::{VMHeader, VMLowering, ValRaw};
use threadline_environ::{ComponentFuncTypeIndex, OptionsIndex};

/// Something that components can be given as an import of some types.
pub(crate) trait TypedImport: Send + Sync + 'static {
    /// Whether it can stand for an import of this type.
    fn typecheck(
        &self,
        of: &Arc<Component>,
        resources: ResourceLookup<'_>,
        ty: ComponentFuncTypeIndex,
    ) -> Result<(), ComponentError>;
}

/// A host function that components can be given, in stores whose data is a `T`.
pub(crate) trait HostBody<T: 'static>: TypedImport {
    /// Lifts the parameters, does its work and lowers the results.
    fn call(
        &self,
        store: StoreContextMut<'_, T>,
        call: HostCall<'_>,
        slots: &mut [ValRaw],
    ) -> Result<()>;
}

/// A function for components in any store: one of an instance.
pub(crate) trait OpaqueBody: TypedImport {
    /// Lifts the parameters, does its work and lowers the results.
    fn call(&self, store: &mut StoreOpaque, call: HostCall<'_>, slots: &mut [ValRaw])
    -> Result<()>;
}

/// A guest's call of a host function.
#[derive(Copy, Clone)]
pub(crate) struct HostCall<'a> {
    instance: ComponentInstancePtr,
    options: &'a GuestOptions,
    handles: &'a CallHandles,
    /// The function's type.
    pub(crate) ty: ComponentFuncTypeIndex,
    /// How its parameters and results are passed.
    pub(crate) shape: &'a FuncShape,
}

impl<'a> HostCall<'a> {
    /// The component that calls.
    pub(crate) fn description(&self) -> &'a Arc<Component> {
        self.instance.description()
    }

    /// A pointer that the guest passes in a slot.
    #[inline]
    pub(crate) fn pointer(&self, slot: &ValRaw) -> u64 {
        val_raw::address(self.options.address, slot)
    }

    /// For the parameters.
    #[inline]
    pub(crate) fn lift(self, store: &'a StoreOpaque) -> LiftContext<'a> {
        LiftContext::new(store, self.instance, self.options, self.handles)
    }

    /// For the results.
    #[inline]
    pub(crate) fn lower(self, store: &'a mut StoreOpaque) -> LowerContext<'a> {
        LowerContext::new(store, self.instance, self.options, self.handles)
    }
}

/// A host function that is a future, in stores whose data is a `T`.
pub(crate) trait AsyncHostBody<T: 'static>: TypedImport {
    /// A future that lifts the parameters, does its work and lowers the results.
    fn call<'a>(
        &'a self,
        store: StoreContextMut<'a, T>,
        site: CallSite,
        slots: HostSlots<'a>,
    ) -> HostFuture<'a>;
}

/// Where a guest calls a host function that is a future, good for as long as the call.
#[derive(Copy, Clone)]
pub(crate) struct CallSite {
    instance: ComponentInstancePtr,
    options: OptionsIndex,
    lowered: LoweredType,
}

impl CallSite {
    /// The call, which uses these handles.
    pub(crate) fn call<'a>(&'a self, handles: &'a CallHandles) -> HostCall<'a> {
        HostCall {
            instance: self.instance,
            options: self.instance.options(self.options),
            handles,
            ty: self.lowered.ty,
            shape: &self.lowered.shape,
        }
    }
}

/// What `VMLowering::call` is, with its parameters named in the field's description.
type Entry = unsafe extern "C" fn(*mut c_void, *mut c_void, u32, *mut ValRaw) -> bool;

/// A host function, good for any store whose data has the type that it was made for.
#[derive(Clone)]
pub(crate) struct ComponentHostFunc {
    entry: Entry,
    body: Arc<dyn TypedImport>,
}

impl ComponentHostFunc {
    /// A host function for any `Store<T>`.
    pub(crate) fn new<T: 'static, B: HostBody<T>>(body: B) -> ComponentHostFunc {
        ComponentHostFunc {
            entry: entry::<T, B>,
            body: Arc::new(body),
        }
    }

    /// A function for all stores.
    pub(crate) fn new_opaque<B: OpaqueBody>(body: B) -> ComponentHostFunc {
        ComponentHostFunc {
            entry: opaque_entry::<B>,
            body: Arc::new(body),
        }
    }

    /// A host function that is a future, for any `Store<T>`.
    pub(crate) fn new_async<T: 'static, B: AsyncHostBody<T>>(body: B) -> ComponentHostFunc {
        ComponentHostFunc {
            entry: async_entry::<T, B>,
            body: Arc::new(body),
        }
    }

    /// Whether it can stand for an import of this type.
    pub(crate) fn typecheck(
        &self,
        of: &Arc<Component>,
        resources: ResourceLookup<'_>,
        ty: ComponentFuncTypeIndex,
    ) -> Result<(), ComponentError> {
        self.body.typecheck(of, resources, ty)
    }
}

/// How a component calls one of its imports.
#[derive(Copy, Clone, Debug)]
pub(crate) struct LoweredType {
    ty: ComponentFuncTypeIndex,
    shape: FuncShape,
}

impl LoweredType {
    /// For an import of this type.
    pub(crate) fn new(component: &Component, ty: ComponentFuncTypeIndex) -> LoweredType {
        let types = &component.types;
        let shape = FuncShape::new(types, ty);
        LoweredType { ty, shape }
    }
}

/// A host function as one component instance imports it; it does not move.
pub(super) struct LoweredImport {
    host: ComponentHostFunc,
    lowered: LoweredType,
}

impl LoweredImport {
    /// A host function imported with this type, which it can stand for.
    pub(super) fn new(host: ComponentHostFunc, lowered: LoweredType) -> LoweredImport {
        LoweredImport { host, lowered }
    }

    /// What the trampoline reads.
    pub(super) fn vm_lowering(&self) -> VMLowering {
        VMLowering {
            call: self.host.entry as *const c_void,
            data: std::ptr::from_ref(self).cast_mut().cast(),
        }
    }
}

/// What trampolines call: runs the body of a host function.
///
/// # Safety
/// Called by compiled code only, of a `Store<T>`, with its `VMComponentContext`, the data of a
/// [`LoweredImport`] of a `B`, the index of canonical options of the component, and an array as
/// long as the longer of parameters and results.
unsafe extern "C" fn entry<T: 'static, B: HostBody<T>>(
    vmctx: *mut c_void,
    data: *mut c_void,
    options: u32,
    slots: *mut ValRaw,
) -> bool {
    // SAFETY: the caller answers for the pointers: every context begins with a header; the owner
    // of a component's context is its `ComponentInstance`, which keeps the import and so its
    // body. `VMStoreContext::store` was set from the exclusive borrow of the store with which
    // wasm was entered, and that borrow rests until wasm returns. The trampoline's array is its
    // own.
    unsafe {
        let header = vmctx.cast::<VMHeader>();
        let store_context = (*header).store_context;
        host_call::catch(store_context, || {
            let instance: ComponentInstancePtr = VmPtr::known((*header).owner.cast());
            let import = &*data.cast::<LoweredImport>();
            let body = &*Arc::as_ptr(&import.host.body).cast::<B>();
            let shape = &import.lowered.shape;
            let slots = std::slice::from_raw_parts_mut(slots, shape.lowered_slots());
            let store = &mut *(*store_context).store.cast::<StoreInner<T>>();
            let handles = CallHandles::default();
            let call = HostCall {
                instance,
                handles: &handles,
                options: instance.options(OptionsIndex::from_u32(options)),
                ty: import.lowered.ty,
                shape,
            };
            let result = body.call(StoreContextMut(store), call, slots);
            handles.end(&*(*store_context).store.cast::<StoreOpaque>());
            result?;
            // The host may have called the instance again and swallowed a trap; to return into
            // it would be to enter it.
            if instance.is_locked() {
                return Err(Trap::CannotEnterComponent.into());
            }
            Ok(())
        })
        .is_ok()
    }
}

/// The same for a body that needs no store of a certain type.
///
/// # Safety
/// As for [`entry`], but of any store.
unsafe extern "C" fn opaque_entry<B: OpaqueBody>(
    vmctx: *mut c_void,
    data: *mut c_void,
    options: u32,
    slots: *mut ValRaw,
) -> bool {
    // SAFETY: as in `entry`; a store begins with its `StoreOpaque`, whatever its data is.
    unsafe {
        let header = vmctx.cast::<VMHeader>();
        let store_context = (*header).store_context;
        host_call::catch(store_context, || {
            let instance: ComponentInstancePtr = VmPtr::known((*header).owner.cast());
            let import = &*data.cast::<LoweredImport>();
            let body = &*Arc::as_ptr(&import.host.body).cast::<B>();
            let shape = &import.lowered.shape;
            let slots = std::slice::from_raw_parts_mut(slots, shape.lowered_slots());
            let store = &mut *(*store_context).store.cast::<StoreOpaque>();
            let handles = CallHandles::default();
            let call = HostCall {
                instance,
                handles: &handles,
                options: instance.options(OptionsIndex::from_u32(options)),
                ty: import.lowered.ty,
                shape,
            };
            let result = body.call(store, call, slots);
            handles.end(&*(*store_context).store.cast::<StoreOpaque>());
            result?;
            // As in `entry`.
            if instance.is_locked() {
                return Err(Trap::CannotEnterComponent.into());
            }
            Ok(())
        })
        .is_ok()
    }
}

/// The same for a body that makes a future.
///
/// # Safety
/// As for [`entry`].
unsafe extern "C" fn async_entry<T: 'static, B: AsyncHostBody<T>>(
    vmctx: *mut c_void,
    data: *mut c_void,
    options: u32,
    slots: *mut ValRaw,
) -> bool {
    // SAFETY: as in `entry`. The future is moved into `block_on`; nothing else here owns anything.
    unsafe {
        let header = vmctx.cast::<VMHeader>();
        let store_context = (*header).store_context;
        host_call::catch(store_context, || {
            let instance: ComponentInstancePtr = VmPtr::known((*header).owner.cast());
            let import = &*data.cast::<LoweredImport>();
            let body = &*Arc::as_ptr(&import.host.body).cast::<B>();
            let count = import.lowered.shape.lowered_slots();
            let slots = HostSlots::new(std::slice::from_raw_parts_mut(slots, count));
            let store = &mut *(*store_context).store.cast::<StoreInner<T>>();
            let site = CallSite {
                instance,
                options: OptionsIndex::from_u32(options),
                lowered: import.lowered,
            };
            let future = body.call(StoreContextMut(store), site, slots);
            stack_switch::block_on(store_context, future)?;
            // As in `entry`.
            if instance.is_locked() {
                return Err(Trap::CannotEnterComponent.into());
            }
            Ok(())
        })
        .is_ok()
    }
}
