//! Host functions behind `canon lower`: what trampolines find in a `VMLowering`.

use super::call_slots::HostSlots;
use super::component_instance::{ComponentInstancePtr, GuestOptions, GuestOptionsPtr};
use super::host_call;
use super::pointer::VmPtr;
use super::stack_switch::{self, HostFuture};
use super::sys::arch::{call_and_switch, call_on_host_stack};
use super::val_raw;
use crate::canonical_abi::{CallHandles, FuncShape, LiftContext, LowerContext, ResourceLookup};
use crate::component::ComponentError;
use crate::concurrent::{self, HostFunction, HostTaskFuture};
use crate::store::{StoreContextMut, StoreInner, StoreOpaque};
use crate::trap::Trap;
use anyhow::Result;
use std::ffi::c_void;
use std::sync::Arc;
use threadline_concurrent::SubtaskState;
use threadline_environ::canonical_abi;
use threadline_environ::component::{Component, ImportSource};
use threadline_environ::layout::{VMHeader, VMLowering, ValRaw};
use threadline_environ::{
    ComponentFuncTypeIndex, OptionsIndex, RuntimeComponentInstanceIndex, RuntimeImportIndex,
};

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

/// Whether an import is lowered with `async`, known when its entry is compiled.
pub(crate) trait Lowering {
    /// Whether it is.
    const ASYNC: bool;
    /// Core parameters at most.
    const MAX_FLAT_PARAMS: usize;
    /// Core values of the result at most that isn't passed in memory.
    const MAX_FLAT_RESULTS: usize;
}

/// Without `async`: the core function returns the result.
pub(crate) enum SyncLowering {}

impl Lowering for SyncLowering {
    const ASYNC: bool = false;
    const MAX_FLAT_PARAMS: usize = canonical_abi::MAX_FLAT_PARAMS;
    const MAX_FLAT_RESULTS: usize = canonical_abi::MAX_FLAT_RESULTS;
}

/// With `async`: the core function returns how far the call is.
pub(crate) enum AsyncLowering {}

impl Lowering for AsyncLowering {
    const ASYNC: bool = true;
    const MAX_FLAT_PARAMS: usize = canonical_abi::MAX_FLAT_ASYNC_PARAMS;
    const MAX_FLAT_RESULTS: usize = 0;
}

/// A host function that components can be given, in stores whose data is a `T`.
pub(crate) trait HostBody<T: 'static>: TypedImport {
    /// Lifts the parameters, does its work and lowers the results.
    fn call<L: Lowering>(
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

/// A host function that is a task of the host, in stores of any data.
pub(crate) trait ConcurrentHostBody: TypedImport {
    /// Lifts the parameters, and makes the future that does all else.
    fn begin(
        &self,
        store: &mut StoreOpaque,
        site: CallSite,
        handles: &CallHandles,
        slots: &[ValRaw],
    ) -> Result<HostTaskFuture>;
}

/// Where a guest calls a host function that is a future, good for as long as the call.
#[derive(Copy, Clone)]
pub(crate) struct CallSite {
    instance: ComponentInstancePtr,
    options: GuestOptionsPtr,
    lowered: LoweredType,
}

impl CallSite {
    /// The call, which uses these handles.
    pub(crate) fn call<'a>(&'a self, handles: &'a CallHandles) -> HostCall<'a> {
        HostCall {
            instance: self.instance,
            options: self.options.get(),
            handles,
            ty: self.lowered.ty,
            shape: &self.lowered.shape,
        }
    }

    /// The component instance that calls.
    pub(crate) fn caller(&self) -> (ComponentInstancePtr, RuntimeComponentInstanceIndex) {
        (self.instance, self.options.get().instance)
    }

    /// The name of the import.
    pub(crate) fn import_name(&self) -> String {
        let description = self.instance.description();
        let import = &description.runtime_imports[self.lowered.import];
        let root = match import.from {
            ImportSource::Host(root) => Some(&description.imports[root].0),
            ImportSource::Instance(_) => None,
        };
        let names = root.into_iter().chain(&import.path);
        names.map(String::as_str).collect::<Vec<_>>().join("#")
    }

    /// Whether it calls by a function that was lowered with `async`.
    #[inline]
    pub(crate) fn is_async(&self) -> bool {
        self.lowered.is_async
    }

    /// Whether there is a result that isn't passed in memory.
    #[inline]
    pub(crate) fn has_flat_result(&self) -> bool {
        self.lowered
            .shape
            .flat_results
            .is_some_and(|count| count > 0)
    }

    /// Core parameters at most.
    #[inline]
    pub(crate) fn max_flat_params(&self) -> usize {
        match self.lowered.is_async {
            true => AsyncLowering::MAX_FLAT_PARAMS,
            false => SyncLowering::MAX_FLAT_PARAMS,
        }
    }

    /// Core values of the result at most that isn't passed in memory.
    #[inline]
    pub(crate) fn max_flat_results(&self) -> usize {
        match self.lowered.is_async {
            true => AsyncLowering::MAX_FLAT_RESULTS,
            false => SyncLowering::MAX_FLAT_RESULTS,
        }
    }
}

/// What `VMLowering::call` is: it leads to one of the entries below, on the host's stack. Its
/// parameters are theirs.
type Entry = unsafe extern "C" fn();

/// Entries of a host function, for lowerings without `async` and with it.
#[derive(Copy, Clone)]
struct Entries([Entry; 2]);

/// A host function, good for any store whose data has the type that it was made for.
#[derive(Clone)]
pub(crate) struct ComponentHostFunc {
    /// For imports whose type isn't `async`.
    sync_typed: Entries,
    /// For those whose type is.
    async_typed: Entries,
    body: Arc<dyn TypedImport>,
}

impl ComponentHostFunc {
    /// A host function for any `Store<T>`.
    pub(crate) fn new<T: 'static, B: HostBody<T>>(body: B) -> ComponentHostFunc {
        let entries = Entries([
            call_entry::<T, B, SyncLowering>,
            call_entry::<T, B, AsyncLowering>,
        ]);
        ComponentHostFunc {
            sync_typed: entries,
            async_typed: entries,
            body: Arc::new(body),
        }
    }

    /// A function for all stores.
    pub(crate) fn new_opaque<B: OpaqueBody>(body: B) -> ComponentHostFunc {
        let entries = Entries([
            call_opaque_entry::<B, SyncLowering>,
            call_opaque_entry::<B, AsyncLowering>,
        ]);
        ComponentHostFunc {
            sync_typed: entries,
            async_typed: entries,
            body: Arc::new(body),
        }
    }

    /// A host function that is a future, for any `Store<T>`.
    pub(crate) fn new_async<T: 'static, B: AsyncHostBody<T>>(body: B) -> ComponentHostFunc {
        let entries = Entries([
            call_async_entry::<T, B, SyncLowering>,
            call_async_entry::<T, B, AsyncLowering>,
        ]);
        ComponentHostFunc {
            sync_typed: entries,
            async_typed: entries,
            body: Arc::new(body),
        }
    }

    /// A host function that is a task of the host, for any `Store<T>`; where the import's type isn't
    /// `async`, it is a future that everything waits for.
    pub(crate) fn new_concurrent<T: 'static, B>(body: B) -> ComponentHostFunc
    where
        B: ConcurrentHostBody + AsyncHostBody<T>,
    {
        ComponentHostFunc {
            async_typed: Entries([call_concurrent_entry::<B>, call_concurrent_entry::<B>]),
            ..ComponentHostFunc::new_async::<T, B>(body)
        }
    }

    /// The same; where the import's type isn't `async`, it is ready when it returns.
    pub(crate) fn new_opaque_or_concurrent<B>(body: B) -> ComponentHostFunc
    where
        B: ConcurrentHostBody + OpaqueBody,
    {
        ComponentHostFunc {
            async_typed: Entries([call_concurrent_entry::<B>, call_concurrent_entry::<B>]),
            ..ComponentHostFunc::new_opaque(body)
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
    import: RuntimeImportIndex,
    is_async: bool,
    is_async_typed: bool,
}

impl LoweredType {
    /// For an import; whether it is lowered with `async`.
    pub(crate) fn new(
        component: &Component,
        import: RuntimeImportIndex,
        is_async: bool,
    ) -> LoweredType {
        let types = &component.types;
        let ty = component.runtime_imports[import].ty;
        LoweredType {
            ty,
            import,
            shape: match is_async {
                false => FuncShape::new(types, ty),
                true => FuncShape::lowered_async(types, ty),
            },
            is_async,
            is_async_typed: types.funcs[ty].async_,
        }
    }

    /// How long the trampoline's array is.
    #[inline]
    fn slots(&self) -> usize {
        self.shape.lowered_slots().max(usize::from(self.is_async))
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
        let Entries(entries) = match self.lowered.is_async_typed {
            false => self.host.sync_typed,
            true => self.host.async_typed,
        };
        VMLowering {
            call: entries[usize::from(self.lowered.is_async)] as *const c_void,
            data: std::ptr::from_ref(self).cast_mut().cast(),
        }
    }
}

/// What trampolines call: [`entry`], on the host's stack.
#[unsafe(naked)]
unsafe extern "C" fn call_entry<T: 'static, B: HostBody<T>, L: Lowering>() {
    call_on_host_stack!(entry::<T, B, L>)
}

/// The same for [`opaque_entry`].
#[unsafe(naked)]
unsafe extern "C" fn call_opaque_entry<B: OpaqueBody, L: Lowering>() {
    call_on_host_stack!(opaque_entry::<B, L>)
}

/// The same for [`async_entry`], which may suspend the guest.
#[unsafe(naked)]
unsafe extern "C" fn call_async_entry<T: 'static, B: AsyncHostBody<T>, L: Lowering>() {
    call_and_switch!(async_entry::<T, B, L>)
}

/// The same for [`concurrent_entry`], which may suspend the guest.
#[unsafe(naked)]
unsafe extern "C" fn call_concurrent_entry<B: ConcurrentHostBody>() {
    call_and_switch!(concurrent_entry::<B>)
}

/// Runs the body of a host function.
///
/// # Safety
/// Called by compiled code only, of a `Store<T>`, with its `VMComponentContext`, the data of a
/// [`LoweredImport`] of a `B`, lowered as `L` says, the index of canonical options of the component, and
/// an array as long as the longer of parameters and results.
unsafe extern "C" fn entry<T: 'static, B: HostBody<T>, L: Lowering>(
    vmctx: *mut c_void,
    data: *mut c_void,
    options: u32,
    slots: *mut ValRaw,
) -> bool {
    // SAFETY: passed on. `VMStoreContext::store` was set from the exclusive borrow of the store with
    // which wasm was entered, and that borrow rests until wasm returns.
    unsafe {
        run_body::<B, L>((vmctx, data, options, slots), |store, body, call, slots| {
            let store = &mut *store.cast::<StoreInner<T>>();
            body.call::<L>(StoreContextMut(store), call, slots)
        })
    }
}

/// The same for a body that needs no store of a certain type.
///
/// # Safety
/// As for [`entry`], but of any store.
unsafe extern "C" fn opaque_entry<B: OpaqueBody, L: Lowering>(
    vmctx: *mut c_void,
    data: *mut c_void,
    options: u32,
    slots: *mut ValRaw,
) -> bool {
    // SAFETY: as in `entry`; a store begins with its `StoreOpaque`, whatever its data is.
    unsafe {
        run_body::<B, L>((vmctx, data, options, slots), |store, body, call, slots| {
            body.call(&mut *store.cast::<StoreOpaque>(), call, slots)
        })
    }
}

/// What a call that was lowered with `async` answers if it is over.
const RETURNED: ValRaw = val_raw::from_i32(SubtaskState::Returned as i32);

/// What [`entry`] and [`opaque_entry`] have in common: all but how `run` borrows the store, of which it
/// gets the address.
///
/// # Safety
/// The operands are as for [`entry`].
#[inline(always)]
unsafe fn run_body<B, L: Lowering>(
    (vmctx, data, options, slots): (*mut c_void, *mut c_void, u32, *mut ValRaw),
    run: impl FnOnce(*mut c_void, &B, HostCall<'_>, &mut [ValRaw]) -> Result<()>,
) -> bool {
    // SAFETY: the caller answers for the pointers: every context begins with a header; the owner
    // of a component's context is its `ComponentInstance`, which keeps the import and so its
    // body. The trampoline's array is its own. `run`'s borrow of the store has ended when handles
    // are given back.
    unsafe {
        let header = vmctx.cast::<VMHeader>();
        let store_context = (*header).store_context;
        host_call::catch(store_context, || {
            let instance: ComponentInstancePtr = VmPtr::known((*header).owner.cast());
            let import = &*data.cast::<LoweredImport>();
            let body = &*Arc::as_ptr(&import.host.body).cast::<B>();
            let shape = &import.lowered.shape;
            let slots = std::slice::from_raw_parts_mut(slots, import.lowered.slots());
            let handles = CallHandles::default();
            let call = HostCall {
                instance,
                handles: &handles,
                options: instance.options(OptionsIndex::from_u32(options))?,
                ty: import.lowered.ty,
                shape,
            };
            let result = run((*store_context).store, body, call, slots);
            handles.end(&*(*store_context).store.cast::<StoreOpaque>());
            result?;
            if L::ASYNC {
                slots[0] = RETURNED;
            }
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

/// The same for a body that makes a future.
///
/// # Safety
/// As for [`entry`].
unsafe extern "C" fn async_entry<T: 'static, B: AsyncHostBody<T>, L: Lowering>(
    vmctx: *mut c_void,
    data: *mut c_void,
    options: u32,
    slots: *mut ValRaw,
) -> u64 {
    // SAFETY: as in `entry`. Slots are used by the future until it is gone.
    unsafe {
        let header = vmctx.cast::<VMHeader>();
        let store_context = (*header).store_context;
        let import = &*data.cast::<LoweredImport>();
        let site = stack_switch::ExitSite::in_slots(slots, import.lowered.slots());
        stack_switch::answer(store_context, site, |slots| {
            let slots: *mut [ValRaw] = slots;
            let instance: ComponentInstancePtr = VmPtr::known((*header).owner.cast());
            let body = &*Arc::as_ptr(&import.host.body).cast::<B>();
            let store = &mut *(*store_context).store.cast::<StoreInner<T>>();
            let site = CallSite {
                instance,
                options: instance.options_ptr(OptionsIndex::from_u32(options))?,
                lowered: import.lowered,
            };
            let future = body.call(StoreContextMut(store), site, HostSlots::new(&mut *slots));
            let function = HostFunction {
                instance: Some(instance),
                returned: L::ASYNC.then_some(SubtaskState::Returned as u32),
                has_word: false,
            };
            stack_switch::wait_for(store_context, future, function, slots)
        })
    }
}

/// The same for a body whose future is a task of the host.
///
/// # Safety
/// As for [`entry`].
unsafe extern "C" fn concurrent_entry<B: ConcurrentHostBody>(
    vmctx: *mut c_void,
    data: *mut c_void,
    options: u32,
    slots: *mut ValRaw,
) -> u64 {
    // SAFETY: as in `entry`.
    unsafe {
        let header = vmctx.cast::<VMHeader>();
        let store_context = (*header).store_context;
        let import = &*data.cast::<LoweredImport>();
        let site = stack_switch::ExitSite::in_slots(slots, import.lowered.slots());
        stack_switch::answer(store_context, site, |slots| {
            let instance: ComponentInstancePtr = VmPtr::known((*header).owner.cast());
            let body = &*Arc::as_ptr(&import.host.body).cast::<B>();
            let store = &mut *(*store_context).store.cast::<StoreOpaque>();
            let site = CallSite {
                instance,
                options: instance.options_ptr(OptionsIndex::from_u32(options))?,
                lowered: import.lowered,
            };
            concurrent::host_task_call(store, site, slots, |store, handles, slots| {
                body.begin(store, site, handles, slots)
            })
        })
    }
}
