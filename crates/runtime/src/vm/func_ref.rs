//! Function references, and host functions as one store has them.

use super::call_slots::HostSlots;
use super::core_instance::{FunctionImport, InstancePtr};
use super::owner::{Owner, OwnerKind, owner_of};
use super::pointer::{CodePtr, VmPtr};
use super::stack_switch::{ExitSite, HostFuture, answer, wait_for};
use super::store_state::VmStoreState;
use super::sys::arch::{call_and_switch, call_on_host_stack};
use super::throw;
use crate::concurrent::HostFunction;
use crate::externals::Caller;
use crate::store::{StoreContextMut, StoreInner};
use crate::type_registry::{LiveTypes, Trampoline, TypeId};
use anyhow::Result;
use std::any::Any;
use std::ffi::c_void;
use std::ptr::{self, NonNull};
use std::sync::Arc;
use threadline_environ::layout::{VMFuncRef, VMHeader, VMHostFuncContext, ValRaw};

/// A function reference, by address.
pub(crate) type FuncRefPtr = VmPtr<VMFuncRef>;

/// The `VMFuncRef` of a function.
pub(super) fn vm_func_ref(func: FunctionImport, type_id: TypeId) -> VMFuncRef {
    VMFuncRef {
        wasm_call: func.code.as_ptr(),
        vmctx: func.vmctx.as_ptr(),
        type_id: type_id.0,
    }
}

impl FuncRefPtr {
    /// The code and its context.
    pub(crate) fn function(self) -> FunctionImport {
        // SAFETY: the target is alive and never changes; its pointers were `CodePtr`s.
        unsafe {
            let func = *self.as_ptr();
            FunctionImport {
                code: VmPtr::known(func.wasm_call.cast_mut()),
                vmctx: VmPtr::known(func.vmctx),
            }
        }
    }

    /// The function's type.
    pub(crate) fn type_id(self) -> TypeId {
        // SAFETY: the target is alive and never changes.
        TypeId(unsafe { (*self.as_ptr()).type_id })
    }

    /// The host function behind it, if it is one.
    pub(crate) fn host_func(self) -> Option<Arc<HostFunc>> {
        match owner_of(self.function().vmctx) {
            // SAFETY: the record lives as long as its store.
            Owner::HostFunc(instance) => unsafe { Some((*instance.as_ptr()).host.clone()) },
            Owner::CoreInstance(_) | Owner::Component(_) => None,
        }
    }

    /// The reference that a table element or global holds; `None` for null.
    pub(crate) fn from_element(element: usize) -> Option<FuncRefPtr> {
        // SAFETY: `funcref` elements are null or were `FuncRefPtr`s of the same store.
        unsafe { VmPtr::new(element as *mut VMFuncRef) }
    }
}

/// A function of the host's, good for any store whose data has the type it was made for.
pub(crate) struct HostFunc {
    /// Its type.
    pub(crate) type_id: TypeId,
    /// What keeps the type.
    _types: LiveTypes,
    /// The length of the array of parameters and results.
    slots: usize,
    /// What leads to [`shim`] or [`async_shim`], for the type of `body`.
    shim: *const c_void,
    /// The closure.
    body: Box<dyn Any + Send + Sync>,
}

// SAFETY: the pointer is to code; the closure is `Send` and `Sync`.
unsafe impl Send for HostFunc {}
// SAFETY: as for `Send`.
unsafe impl Sync for HostFunc {}

impl HostFunc {
    /// A host function of the first of `types`. `body` gets an array of `slots` with the parameters in front, and puts
    /// the results there. Any store it is added to must be a `Store<T>`.
    pub(crate) fn new<T, F>(types: LiveTypes, slots: usize, body: F) -> HostFunc
    where
        T: 'static,
        F: Fn(Caller<'_, T>, &mut [ValRaw]) -> Result<()> + Send + Sync + 'static,
    {
        HostFunc {
            type_id: types[0],
            _types: types,
            slots,
            shim: call_shim::<T, F> as *const c_void,
            body: Box::new(body),
        }
    }
}

impl HostFunc {
    /// A host function that is a future, which a guest waits for; otherwise as [`HostFunc::new`].
    pub(crate) fn new_async<T, F>(types: LiveTypes, slots: usize, body: F) -> HostFunc
    where
        T: 'static,
        F: for<'a> Fn(Caller<'a, T>, HostSlots<'a>) -> HostFuture<'a> + Send + Sync + 'static,
    {
        HostFunc {
            type_id: types[0],
            _types: types,
            slots,
            shim: call_async_shim::<T, F> as *const c_void,
            body: Box::new(body),
        }
    }
}

/// A host function as one store has it, for one importer.
#[repr(C)]
pub(crate) struct HostFuncInstance {
    kind: OwnerKind,
    slots: usize,
    /// In `host`.
    body: *const c_void,
    context: VMHostFuncContext,
    func_ref: VMFuncRef,
    host: Arc<HostFunc>,
    /// Keeps the code behind `func_ref` loaded.
    _trampoline: Trampoline,
}

/// Owns a [`HostFuncInstance`].
pub(crate) struct OwnedHostFunc(NonNull<HostFuncInstance>);

// SAFETY: the record is owned by this alone, is reached only by who has borrowed the store that
// keeps it, and the closure in it is `Send` and `Sync`.
unsafe impl Send for OwnedHostFunc {}
// SAFETY: as for `Send`.
unsafe impl Sync for OwnedHostFunc {}

impl OwnedHostFunc {
    /// Makes a host function callable by wasm of a store. `trampoline` leads from wasm to the
    /// host, for the function's type.
    pub(crate) fn new(
        store: &VmStoreState,
        host: Arc<HostFunc>,
        trampoline: Trampoline,
        importer: Option<InstancePtr>,
    ) -> OwnedHostFunc {
        let body: *const (dyn Any + Send + Sync) = &*host.body;
        let record = NonNull::from(Box::leak(Box::new(HostFuncInstance {
            kind: OwnerKind::HostFunc,
            slots: host.slots,
            body: body.cast(),
            context: VMHostFuncContext {
                header: VMHeader {
                    context: std::ptr::null_mut(),
                    store_context: store.context_ptr(),
                    builtins: super::builtins::table(),
                    owner: ptr::null_mut(),
                },
                call: host.shim,
                importer: importer.map_or(ptr::null_mut(), |instance| instance.vmctx().as_ptr()),
            },
            func_ref: VMFuncRef {
                wasm_call: trampoline.code.as_ptr(),
                vmctx: ptr::null_mut(),
                type_id: host.type_id.0,
            },
            host,
            _trampoline: trampoline,
        })));
        let pointer = record.as_ptr();
        // SAFETY: the record was made just now and nothing else refers to it yet.
        unsafe {
            (*pointer).context.header.owner = pointer.cast();
            (*pointer).func_ref.vmctx = (&raw mut (*pointer).context).cast();
        }
        OwnedHostFunc(record)
    }

    /// The reference to it.
    pub(crate) fn func_ref(&self) -> FuncRefPtr {
        // SAFETY: the record lives until `self` is dropped, which the store does last.
        unsafe { VmPtr::known(&raw mut (*self.0.as_ptr()).func_ref) }
    }

    /// Sets the instance that imports it, once that has been made.
    pub(crate) fn set_importer(&self, importer: InstancePtr) {
        // SAFETY: the record is alive, and wasm doesn't run now.
        unsafe { (*self.0.as_ptr()).context.importer = importer.vmctx().as_ptr() };
    }
}

impl Drop for OwnedHostFunc {
    fn drop(&mut self) {
        // SAFETY: `new` leaked this box, and nothing else frees it.
        drop(unsafe { Box::from_raw(self.0.as_ptr()) });
    }
}

/// What wasm's trampolines call: [`shim`], on the host's stack.
#[unsafe(naked)]
unsafe extern "C" fn call_shim<T, F>()
where
    T: 'static,
    F: Fn(Caller<'_, T>, &mut [ValRaw]) -> Result<()> + Send + Sync + 'static,
{
    call_on_host_stack!(shim::<T, F>)
}

/// The same for [`async_shim`], which may suspend the guest.
#[unsafe(naked)]
unsafe extern "C" fn call_async_shim<T, F>()
where
    T: 'static,
    F: for<'a> Fn(Caller<'a, T>, HostSlots<'a>) -> HostFuture<'a> + Send + Sync + 'static,
{
    call_and_switch!(async_shim::<T, F>)
}

/// Runs the closure of a host function.
///
/// # Safety
/// Called by compiled code only, with the context of a [`HostFuncInstance`] whose closure is an
/// `F`, in a `Store<T>`, with an array as long as the longer of parameters and results.
unsafe extern "C" fn shim<T, F>(context: *mut VMHostFuncContext, values: *mut ValRaw) -> bool
where
    T: 'static,
    F: Fn(Caller<'_, T>, &mut [ValRaw]) -> Result<()> + Send + Sync + 'static,
{
    // SAFETY: the caller answers for the pointers. `VMStoreContext::store` was set from the
    // exclusive borrow of the store with which wasm was entered, and that borrow rests until
    // wasm returns. The trampoline's array is its own.
    unsafe {
        let instance = (*context).header.owner.cast::<HostFuncInstance>();
        let store_context = (*context).header.store_context;
        let importer = (*context).importer;
        throw::catch_and_throw(store_context, || {
            let body = &*(*instance).body.cast::<F>();
            let slots = std::slice::from_raw_parts_mut(values, (*instance).slots);
            let store = &mut *(*store_context).store.cast::<StoreInner<T>>();
            body(
                Caller::new(StoreContextMut(store), importer_of(importer)),
                slots,
            )
        })
    }
}

/// The same for a closure that makes a future.
///
/// # Safety
/// As for [`shim`].
unsafe extern "C" fn async_shim<T, F>(context: *mut VMHostFuncContext, values: *mut ValRaw) -> u64
where
    T: 'static,
    F: for<'a> Fn(Caller<'a, T>, HostSlots<'a>) -> HostFuture<'a> + Send + Sync + 'static,
{
    // SAFETY: as in `shim`. Slots are used by the future until it is gone.
    unsafe {
        let instance = (*context).header.owner.cast::<HostFuncInstance>();
        let store_context = (*context).header.store_context;
        let importer = (*context).importer;
        let site = ExitSite::of_core(values, (*instance).slots);
        answer(store_context, site, |slots| {
            let slots: *mut [ValRaw] = slots;
            let body = &*(*instance).body.cast::<F>();
            let store = &mut *(*store_context).store.cast::<StoreInner<T>>();
            let caller = Caller::new(StoreContextMut(store), importer_of(importer));
            let future = body(caller, HostSlots::new(&mut *slots));
            let function = HostFunction {
                instance: None,
                returned: None,
                has_word: false,
            };
            wait_for(store_context, future, function, slots)
        })
    }
}

/// The core instance whose `VMContext` this is, if it is one.
///
/// # Safety
/// `vmctx` is null or a live context.
unsafe fn importer_of(vmctx: *mut c_void) -> Option<InstancePtr> {
    // SAFETY: the caller answers for it.
    let vmctx: CodePtr = unsafe { VmPtr::new(vmctx)? };
    match owner_of(vmctx) {
        Owner::CoreInstance(instance) => Some(instance),
        Owner::HostFunc(_) | Owner::Component(_) => None,
    }
}
