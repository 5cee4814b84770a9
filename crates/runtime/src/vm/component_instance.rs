//! Component instances: the `VMComponentContext` and the runtime's record around it.
//!
//! A component and everything nested in it is one instance here, whose steps
//! `crate::component::instantiate` takes. Once made, a record is only ever shared: what changes
//! is in cells. It is reached by a [`ComponentInstancePtr`] under the rules of [`VmPtr`].

use super::core_instance::{ContextPlace, FunctionImport, VmContextBox};
use super::entry::ThreadKind;
use super::global::GlobalPtr;
use super::invoke::Entrance;
use super::lowered_import::{ComponentHostFunc, LoweredImport};
use super::memory::DefinedMemory;
use super::owner::OwnerKind;
use super::pointer::{CodePtr, VmPtr};
use super::store_state::VmStoreState;
use super::val_raw;
use crate::bug::bug;
use crate::component::{CompiledComponent, LiftedFunc};
use crate::concurrent::switch::{RunningSlots, ThreadScope};
use crate::store::StoreOpaque;
use anyhow::Result;
use std::cell::{Cell, OnceCell};
use std::ptr::NonNull;
use std::sync::Arc;
use threadline_environ::component::{CanonicalOptions, Component, StringEncoding};
use threadline_environ::entity::EntityRef;
use threadline_environ::layout::{
    ContextSlots, FLAG_MAY_LEAVE, VMComponentLayout, VMHeader, ValRaw,
};
use threadline_environ::types::AddressType;
use threadline_environ::{
    LoweredIndex, OptionsIndex, RuntimeComponentInstanceIndex, RuntimeInstanceIndex,
    RuntimeMemoryIndex, RuntimePostReturnIndex, RuntimeReallocIndex,
};

/// A component instance, by the address of its record.
pub(crate) type ComponentInstancePtr = VmPtr<ComponentInstance>;

/// A function that a component instance lifts, by the address of its record.
pub(crate) type LiftedFuncPtr = VmPtr<LiftedFunc>;

/// The runtime's record of a component instance.
#[repr(C)]
pub(crate) struct ComponentInstance {
    kind: OwnerKind,
    component: Arc<CompiledComponent>,
    vmctx: VmContextBox,
    memories: Extracted<DefinedMemory>,
    reallocs: Extracted<CoreFunc>,
    post_returns: Extracted<CoreFunc>,
    /// By [`OptionsIndex`].
    options: Box<[GuestOptions]>,
    /// By [`LoweredIndex`]; `VMLowering::data` points into it.
    lowered: Box<[LoweredImport]>,
    /// The exported functions, once instantiated.
    lifted: OnceCell<Box<[LiftedFunc]>>,
    /// Whether it may not be entered any more, because a call into it trapped.
    locked: Cell<bool>,
}

/// What steps of instantiation have extracted so far, by index.
type Extracted<T> = Box<[Cell<Option<T>>]>;

fn nothing_extracted<T: Copy>(count: u32) -> Extracted<T> {
    vec![Cell::new(None); count as usize].into()
}

/// A core function that the host calls.
#[derive(Copy, Clone, Debug)]
pub(crate) struct CoreFunc {
    /// Its code and context.
    pub(crate) func: FunctionImport,
    /// How functions of its type are called.
    pub(crate) entrance: Entrance,
}

impl CoreFunc {
    /// Calls it; see [`StoreOpaque::invoke`].
    #[inline]
    pub(crate) fn call(
        &self,
        store: &mut StoreOpaque,
        thread: ThreadKind,
        slots: &mut [ValRaw],
    ) -> Result<()> {
        store.invoke(thread, self.entrance, self.func, slots)
    }
}

/// The canonical options of a lift or lower, as one instance has them.
pub(crate) struct GuestOptions {
    /// How strings are encoded.
    pub(crate) string_encoding: StringEncoding,
    /// What pointers and lengths are.
    pub(crate) address: AddressType,
    flags: GlobalPtr,
    memory: Option<RuntimeMemoryIndex>,
    realloc: Option<RuntimeReallocIndex>,
    post_return: Option<RuntimePostReturnIndex>,
}

impl GuestOptions {
    fn new(options: &CanonicalOptions, vmctx: &VmContextBox, layout: &VMComponentLayout) -> Self {
        GuestOptions {
            string_encoding: options.string_encoding,
            address: options.address,
            flags: vmctx.field(layout.flags(options.instance)),
            memory: options.memory,
            realloc: options.realloc,
            post_return: options.post_return,
        }
    }

    /// Calls into the instance with `may_leave` cleared.
    fn without_leaving<R>(&self, call: impl FnOnce() -> R) -> R {
        self.flags.write(val_raw::ZERO);
        let result = call();
        self.flags.write(val_raw::from_i32(FLAG_MAY_LEAVE));
        result
    }
}

/// A canonical option that validation or a step of instantiation should have seen to.
fn expected<T>(option: Option<T>, name: &str) -> Result<T> {
    Ok(option.ok_or_else(|| bug!("the option `{name}` is missing"))?)
}

/// What lifting and lowering need of an instance, by options that are its own.
impl ComponentInstancePtr {
    /// The memory.
    ///
    /// # Errors
    /// Only if validation let a type that needs one through without.
    pub(crate) fn guest_memory(self, options: &GuestOptions) -> Result<DefinedMemory> {
        let memory = options.memory.and_then(|index| self.memory(index));
        expected(memory, "memory")
    }

    /// Calls `realloc` on a new thread that may not leave the instance. The numbers are the old
    /// address and size, the alignment and the new size.
    ///
    /// # Errors
    /// If it traps.
    pub(crate) fn realloc(
        self,
        store: &mut StoreOpaque,
        options: &GuestOptions,
        numbers: [u64; 4],
    ) -> Result<u64> {
        let index = expected(options.realloc, "realloc")?;
        let realloc = expected(self.record().reallocs[index.index()].get(), "realloc")?;
        let mut slots = numbers.map(|number| val_raw::from_address(options.address, number));
        options.without_leaving(|| realloc.call(store, ThreadKind::New, &mut slots))?;
        Ok(val_raw::address(options.address, &slots[0]))
    }

    /// Calls `post-return`, if there is one, with the flat results in `slots`: on the thread of
    /// the call that it follows, which may not leave the instance any more.
    ///
    /// # Errors
    /// If it traps.
    #[inline]
    pub(crate) fn post_return(
        self,
        store: &mut StoreOpaque,
        options: &GuestOptions,
        slots: &mut [ValRaw],
    ) -> Result<()> {
        let Some(index) = options.post_return else {
            return Ok(());
        };
        let post_return = self.record().post_returns[index.index()].get();
        let post_return = expected(post_return, "post-return")?;
        options.without_leaving(|| post_return.call(store, ThreadKind::Same, slots))
    }
}

impl VmContextBox {
    /// The field at this offset, which is one of the context's layout.
    fn field<T>(&self, offset: u32) -> VmPtr<T> {
        debug_assert!(offset as usize + size_of::<T>() <= self.layout.size());
        // SAFETY: callers take the offset from the component's own layout, so it is in bounds;
        // the memory lives as long as the record that owns it, and so as long as the store.
        unsafe { VmPtr::known(self.base.as_ptr().add(offset as usize).cast()) }
    }

    /// Sets the field at this offset, which is one of the context's layout.
    fn set_field<T: Copy>(&self, offset: u32, value: T) {
        // SAFETY: as in `field`; wasm isn't reading the field now, for the host is running.
        unsafe { self.field::<T>(offset).as_ptr().write(value) };
    }
}

/// Owns a component instance.
pub(crate) struct OwnedComponentInstance(NonNull<ComponentInstance>);

// SAFETY: the record and its context are owned by this alone and reached only by who has borrowed
// the store that keeps it. The host functions in it are `Send` and `Sync`.
unsafe impl Send for OwnedComponentInstance {}
// SAFETY: as for `Send`; the cells in the record are read and written only by who has the store
// to itself, or while nobody has.
unsafe impl Sync for OwnedComponentInstance {}

impl OwnedComponentInstance {
    /// Makes an instance of which no step has been taken but those that lower imports. `imports`
    /// are by [`RuntimeImportIndex`](threadline_environ::RuntimeImportIndex), of the right types
    /// and made for stores like the one it is for.
    pub(crate) fn new(
        store: &VmStoreState,
        component: Arc<CompiledComponent>,
        imports: &[ComponentHostFunc],
    ) -> OwnedComponentInstance {
        let description = component.description().clone();
        let vmctx = VmContextBox::new(description.layout.size());
        let lowered = component.lowerings().map(|import| {
            let ty = description.runtime_imports[import].ty;
            LoweredImport::new(imports[import.index()].clone(), &description, ty)
        });
        let lowered = lowered.collect();
        let options = description.options.values();
        let options =
            options.map(|options| GuestOptions::new(options, &vmctx, &description.layout));
        let options = options.collect();
        let record = Box::new(ComponentInstance {
            kind: OwnerKind::Component,
            vmctx,
            memories: nothing_extracted(description.num_memories),
            reallocs: nothing_extracted(description.num_reallocs),
            post_returns: nothing_extracted(description.num_post_returns),
            options,
            lowered,
            lifted: OnceCell::new(),
            locked: Cell::new(false),
            component,
        });
        let owned = OwnedComponentInstance(NonNull::from(Box::leak(record)));
        owned.ptr().fill(store, &description);
        owned
    }

    /// How everything else refers to it. The store keeps `self` until it is dropped.
    pub(crate) fn ptr(&self) -> ComponentInstancePtr {
        // SAFETY: the record lives until `self` is dropped, which the store does last.
        unsafe { VmPtr::known(self.0.as_ptr()) }
    }
}

impl Drop for OwnedComponentInstance {
    fn drop(&mut self) {
        // SAFETY: `new` leaked this box, and nothing else frees it.
        drop(unsafe { Box::from_raw(self.0.as_ptr()) });
    }
}

impl ComponentInstancePtr {
    /// The record. The reference is good until the instance's store is dropped.
    fn record<'a>(self) -> &'a ComponentInstance {
        // SAFETY: a `VmPtr` is used while its store lives (see its module), and the record is
        // never borrowed mutably.
        unsafe { &*self.as_ptr() }
    }

    /// What it is an instance of. The reference is good until the store is dropped.
    pub(crate) fn component<'a>(self) -> &'a Arc<CompiledComponent> {
        &self.record().component
    }

    /// The description of what it is an instance of. Good until the store is dropped.
    pub(crate) fn description<'a>(self) -> &'a Arc<Component> {
        self.record().component.description()
    }

    /// The `VMComponentContext`, as the context of trampolines.
    pub(crate) fn vmctx(self) -> CodePtr {
        self.record().vmctx.field(0)
    }

    /// A component instance's flags, as a core global.
    pub(crate) fn flags(self, index: RuntimeComponentInstanceIndex) -> GlobalPtr {
        self.record().vmctx.field(self.layout().flags(index))
    }

    /// Where the `VMContext` of a core instance goes, and the slots that belong with it.
    pub(crate) fn place(self, index: RuntimeInstanceIndex) -> ContextPlace {
        let (vmctx, layout) = (&self.record().vmctx, self.layout());
        ContextPlace::InBlock {
            vmctx: vmctx.field(layout.core_instance(index)),
            context: vmctx.field(layout.context()),
        }
    }

    /// Makes a new implicit thread of this instance the current one.
    #[inline]
    pub(crate) fn begin_thread(self, store: &mut StoreOpaque) -> ThreadScope<InstanceIn<'_>> {
        ThreadScope::begin(InstanceIn {
            store,
            instance: self,
        })
    }

    /// Canonical options. Good until the store is dropped.
    pub(crate) fn options<'a>(self, index: OptionsIndex) -> &'a GuestOptions {
        &self.record().options[index.index()]
    }

    /// Writes the parts of the context that are known from the beginning.
    fn fill(self, store: &VmStoreState, description: &Component) {
        let vmctx = &self.record().vmctx;
        let layout = self.layout();
        let header = VMHeader {
            store_context: store.context_ptr(),
            builtins: super::builtins::table(),
            owner: self.as_ptr().cast(),
            context: vmctx.field(layout.context()).as_ptr(),
        };
        // SAFETY: a context begins with its header; nothing else refers to it yet.
        unsafe { vmctx.field::<VMHeader>(0).as_ptr().write(header) };
        for index in (0..description.num_component_instances as usize).map(EntityRef::new) {
            self.flags(index).write(val_raw::from_i32(FLAG_MAY_LEAVE));
        }
        for (index, lowered) in self.record().lowered.iter().enumerate() {
            let offset = layout.lowering(LoweredIndex::new(index));
            vmctx.set_field(offset, lowered.vm_lowering());
        }
    }

    fn layout<'a>(self) -> &'a VMComponentLayout {
        &self.description().layout
    }

    /// `Step::ExtractMemory`.
    pub(crate) fn set_memory(self, index: RuntimeMemoryIndex, memory: DefinedMemory) {
        let definition = memory.definition().as_ptr();
        let offset = self.layout().memory(index);
        self.record().vmctx.set_field(offset, definition);
        self.record().memories[index.index()].set(Some(memory));
    }

    /// `Step::ExtractRealloc`.
    pub(crate) fn set_realloc(self, index: RuntimeReallocIndex, func: CoreFunc) {
        self.record().reallocs[index.index()].set(Some(func));
    }

    /// `Step::ExtractPostReturn`.
    pub(crate) fn set_post_return(self, index: RuntimePostReturnIndex, func: CoreFunc) {
        self.record().post_returns[index.index()].set(Some(func));
    }

    /// A memory that has been extracted.
    pub(crate) fn memory(self, index: RuntimeMemoryIndex) -> Option<DefinedMemory> {
        self.record().memories.get(index.index())?.get()
    }

    /// Ends instantiation: from now on these functions are exported.
    ///
    /// # Errors
    /// If that has happened before.
    pub(crate) fn set_lifted(self, lifted: Box<[LiftedFunc]>) -> Result<()> {
        let set = self.record().lifted.set(lifted);
        Ok(set.map_err(|_| bug!("a component was instantiated twice"))?)
    }

    /// An exported function.
    pub(crate) fn lifted(self, index: usize) -> Option<LiftedFuncPtr> {
        let func = self.record().lifted.get()?.get(index)?;
        // SAFETY: the record owns the function and never changes it.
        Some(unsafe { VmPtr::known(std::ptr::from_ref(func).cast_mut()) })
    }

    /// Whether it may not be entered.
    #[inline]
    pub(crate) fn is_locked(self) -> bool {
        self.record().locked.get()
    }

    /// Makes every further attempt to enter it a trap.
    pub(crate) fn lock(self) {
        self.record().locked.set(true);
    }
}

/// A component instance with the store it is in.
pub(crate) struct InstanceIn<'a> {
    /// The store.
    pub(crate) store: &'a mut StoreOpaque,
    instance: ComponentInstancePtr,
}

impl RunningSlots for InstanceIn<'_> {
    #[inline]
    fn slots(&mut self) -> &mut ContextSlots {
        let instance = self.instance;
        let slots = instance.record().vmctx.field(instance.layout().context());
        // SAFETY: the slots live as long as the instance's store, which is borrowed exclusively
        // while the reference lasts, so no compiled code runs.
        unsafe { &mut *slots.as_ptr() }
    }
}

impl LiftedFuncPtr {
    /// The function. Good until the store is dropped.
    #[inline]
    pub(crate) fn get<'a>(self) -> &'a LiftedFunc {
        // SAFETY: a `VmPtr` is used while its store lives (see its module); these are made by
        // `lifted`, of functions that live as long and are only ever shared.
        unsafe { &*self.as_ptr() }
    }
}
