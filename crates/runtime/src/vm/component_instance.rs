//! Component instances: the `VMComponentContext` and the runtime's record around it.
//!
//! A component and everything nested in it is one instance here, whose steps
//! `crate::component::instantiate` takes. Once made, a record is only ever shared: what changes
//! is in cells. It is reached by a [`ComponentInstancePtr`] under the rules of [`VmPtr`].

use super::core_instance::{ContextPlace, FunctionImport, VmContextBox};
use super::entry::ThreadKind;
use super::global::GlobalPtr;
use super::handle_table::{self, BorrowScopesPtr, HandleTablePtr};
use super::instance_allocator::BlockKind;
use super::invoke::Entrance;
use super::lowered_import::{ComponentHostFunc, LoweredImport, LoweredType};
use super::memory::DefinedMemory;
use super::owned_index::IndexOf;
use super::owner::OwnerKind;
use super::pointer::{CodePtr, VmPtr};
use super::resources::HostDtor;
use super::store_state::VmStoreState;
use super::val_raw;
use crate::bug::{Bug, bail_bug, bug};
use crate::component::{CompiledComponent, Found, LiftedFunc, ResourceType, ResourceTypeId};
use crate::concurrent::InstanceTasks;
use crate::concurrent::switch::{RunningSlots, ThreadScope};
use crate::store::StoreOpaque;
use anyhow::Result;
use std::cell::{Cell, OnceCell, RefCell};
use std::ptr::NonNull;
use std::sync::Arc;
use threadline_environ::canonical_abi::LiftOrLower;
use threadline_environ::component::{CanonicalOptions, Component, StringEncoding};
use threadline_environ::entity::EntityRef;
use threadline_environ::layout::{
    ContextSlots, FLAG_MAY_LEAVE, VMComponentLayout, VMHeader, VMResourceType, ValRaw,
};
use threadline_environ::types::AddressType;
use threadline_environ::{
    LoweredIndex, OptionsIndex, ResourceIndex, RuntimeCallbackIndex, RuntimeComponentInstanceIndex,
    RuntimeInstanceIndex, RuntimeMemoryIndex, RuntimePostReturnIndex, RuntimeReallocIndex,
};

/// A component instance, by the address of its record.
pub(crate) type ComponentInstancePtr = VmPtr<ComponentInstance>;

/// Canonical options of a component instance, by their address.
pub(crate) type GuestOptionsPtr = VmPtr<GuestOptions>;

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
    /// By [`ResourceIndex`], those that have been made or imported so far.
    resources: Box<[OnceCell<InstanceResource>]>,
    /// What it has for tasks.
    tasks: InstanceTasks,
    /// Lists of lent handles, of calls that are running.
    lenders: RefCell<Lenders>,
    /// By [`OptionsIndex`].
    options: Box<[GuestOptions]>,
    /// By [`LoweredIndex`]; `VMLowering::data` points into it.
    /// Those of instances that are made on the way are in `links`.
    lowered: Box<[Option<LoweredImport>]>,
    /// The exported functions, once instantiated.
    lifted: OnceCell<Box<[LiftedFunc]>>,
    /// What it was given, once instantiated.
    found: OnceCell<Arc<Found>>,
    /// What it has for and of instances that it made of imported components.
    links: Links,
    /// Whether it may not be entered any more, because a call into it trapped.
    locked: Cell<bool>,
}

/// What an instance has for and of other instances. Boxes, since their addresses are known.
#[derive(Default)]
struct Links {
    /// Functions that those were given.
    #[expect(clippy::vec_box, reason = "a function is known by its address")]
    given: RefCell<Vec<Box<LiftedFunc>>>,
    /// Functions of those that this one lowers.
    #[expect(clippy::vec_box, reason = "`VMLowering::data` points to it")]
    lowered: RefCell<Vec<Box<LoweredImport>>>,
}

/// Lists of lent handles.
#[derive(Default)]
struct Lenders {
    lists: Vec<Vec<u32>>,
    /// Which of the lists are free.
    free: Vec<u32>,
    /// Handles in all of them.
    total: usize,
}

/// What steps of instantiation have extracted so far, by index.
type Extracted<T> = Box<[Cell<Option<T>>]>;

fn nothing_extracted<T: Copy>(count: u32) -> Extracted<T> {
    vec![Cell::new(None); count as usize].into()
}

fn set_extracted<T, I>(extracted: &Extracted<T>, index: I, value: T) -> Result<()>
where
    I: EntityRef + std::fmt::Debug,
{
    let cell = extracted.get(index.index());
    cell.ok_or_else(|| not_own(&index))?.set(Some(value));
    Ok(())
}

/// A resource type as an instance has it.
pub(crate) struct InstanceResource {
    /// Its number in the store.
    pub(crate) id: ResourceTypeId,
    /// What destroys its resources.
    pub(crate) dtor: Dtor,
}

/// What destroys a resource.
pub(crate) enum Dtor {
    /// Nothing.
    None,
    /// The host.
    Host(HostDtor),
    /// A core function of this instance.
    Guest(CoreFunc),
    /// Another instance, which defines the type.
    Elsewhere,
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
    /// Which they are of the component's.
    pub(crate) index: OptionsIndex,
    /// The component instance, whose handle table it is.
    pub(crate) instance: RuntimeComponentInstanceIndex,
    /// Whether borrowed handles are dropped for the guest.
    pub(crate) passes_on: bool,
    /// Whether `async` is among them.
    pub(crate) is_async: bool,
    /// How strings are encoded.
    pub(crate) string_encoding: StringEncoding,
    /// What pointers and lengths are.
    pub(crate) address: AddressType,
    /// What is called with events.
    pub(crate) callback: Option<RuntimeCallbackIndex>,
    /// How a function that is lifted with these is called.
    pub(crate) lift: LiftOrLower,
    flags: GlobalPtr,
    memory: Option<RuntimeMemoryIndex>,
    realloc: Option<RuntimeReallocIndex>,
    post_return: Option<RuntimePostReturnIndex>,
}

impl GuestOptions {
    fn new(
        index: OptionsIndex,
        options: &CanonicalOptions,
        vmctx: &VmContextBox,
        layout: &VMComponentLayout,
    ) -> Self {
        GuestOptions {
            index,
            instance: options.instance,
            passes_on: options.passes_on,
            is_async: options.async_,
            string_encoding: options.string_encoding,
            address: options.address,
            callback: options.callback,
            lift: options.lift(),
            flags: vmctx.field(layout.flags(options.instance)),
            memory: options.memory,
            realloc: options.realloc,
            post_return: options.post_return,
        }
    }

    /// Whether these have no memory, or that of others of the same component.
    pub(crate) fn has_memory_of(&self, others: &GuestOptions) -> bool {
        self.memory.is_none() || self.memory == others.memory
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
#[inline]
fn expected<T>(option: Option<T>, name: &str) -> Result<T> {
    Ok(option.ok_or_else(|| bug!("the option `{name}` is missing"))?)
}

/// The error for an index that an instance has nothing for.
#[cold]
fn not_own(index: &dyn std::fmt::Debug) -> Bug {
    bug!("{index:?} is not an index of the component instance that it is used with")
}

/// What lifting and lowering need of an instance, by options that are its own.
impl ComponentInstancePtr {
    /// The memory.
    ///
    /// # Errors
    /// Only if validation let a type that needs one through without.
    #[inline]
    pub(crate) fn guest_memory(self, options: &GuestOptions) -> Result<DefinedMemory> {
        self.check_owner(options)?;
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
        self.check_owner(options)?;
        let index = expected(options.realloc, "realloc")?;
        let realloc = self.record().reallocs.get(index.index());
        let realloc = expected(realloc.and_then(Cell::get), "realloc")?;
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
        self.check_owner(options)?;
        let post_return = self.record().post_returns.get(index.index());
        let post_return = expected(post_return.and_then(Cell::get), "post-return")?;
        options.without_leaving(|| post_return.call(store, ThreadKind::Same, slots))
    }
}

impl VmContextBox {
    /// The field at this offset, which is one of the context's layout.
    fn field<T>(&self, offset: u32) -> VmPtr<T> {
        debug_assert!(offset as usize + size_of::<T>() <= self.size);
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
    ///
    /// # Errors
    /// If there is no room for it in the pool.
    pub(crate) fn new(
        store: &VmStoreState,
        component: Arc<CompiledComponent>,
        imports: &[Option<ComponentHostFunc>],
    ) -> Result<OwnedComponentInstance> {
        let description = component.description().clone();
        let size = description.layout.size();
        let allocator = component.engine().allocator();
        let block = allocator.block(BlockKind::ComponentInstance, size)?;
        let vmctx = VmContextBox::new(block, size);
        let lowered = component.lowerings().map(|(import, lowered)| {
            let func = imports[import.index()].clone()?;
            Some(LoweredImport::new(func, lowered))
        });
        let lowered = lowered.collect();
        let options = description.options.iter();
        let layout = &description.layout;
        let options =
            options.map(|(index, options)| GuestOptions::new(index, options, &vmctx, layout));
        let options = options.collect();
        let record = Box::new(ComponentInstance {
            kind: OwnerKind::Component,
            vmctx,
            memories: nothing_extracted(description.num_memories),
            reallocs: nothing_extracted(description.num_reallocs),
            post_returns: nothing_extracted(description.num_post_returns),
            resources: description
                .resources
                .values()
                .map(|_| OnceCell::new())
                .collect(),
            tasks: InstanceTasks::new(&description),
            lenders: RefCell::default(),
            options,
            lowered,
            lifted: OnceCell::new(),
            found: OnceCell::new(),
            links: Links::default(),
            locked: Cell::new(false),
            component,
        });
        let owned = OwnedComponentInstance(NonNull::from(Box::leak(record)));
        owned.ptr().fill(store, &description);
        Ok(owned)
    }

    /// How everything else refers to it. The store keeps `self` until it is dropped.
    pub(crate) fn ptr(&self) -> ComponentInstancePtr {
        // SAFETY: the record lives until `self` is dropped, which the store does last.
        unsafe { VmPtr::known(self.0.as_ptr()) }
    }
}

impl Drop for OwnedComponentInstance {
    fn drop(&mut self) {
        self.ptr().clear_handles();
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

    /// Where the `VMContext` of an instance of an imported module goes.
    pub(crate) fn place_elsewhere(self) -> ContextPlace {
        ContextPlace::Elsewhere {
            context: self.record().vmctx.field(self.layout().context()),
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
    ///
    /// # Errors
    /// If the instance has none of this index: then the index is another component's.
    #[inline]
    pub(crate) fn options<'a>(self, index: impl IndexOf<OptionsIndex>) -> Result<&'a GuestOptions> {
        let index = index.of(self)?;
        let options = self.record().options.get(index.index());
        Ok(options.ok_or_else(|| not_own(&index))?)
    }

    /// Canonical options, to be kept for longer than a borrow.
    ///
    /// # Errors
    /// As for [`Self::options`].
    #[inline]
    pub(crate) fn options_ptr(self, index: OptionsIndex) -> Result<GuestOptionsPtr> {
        let options = std::ptr::from_ref(self.options(index)?).cast_mut();
        // SAFETY: the record owns the options, never changes them, and lives as long as its store.
        Ok(unsafe { VmPtr::known(options) })
    }

    /// Checks that options are this instance's, in debug builds only: release builds rely on the
    /// callers, which take an instance and its options from one place.
    ///
    /// # Errors
    /// If they are another instance's.
    #[inline]
    fn check_owner(self, options: &GuestOptions) -> Result<()> {
        let own = &self.record().options;
        if cfg!(debug_assertions) && !own.as_ptr_range().contains(&std::ptr::from_ref(options)) {
            return Err(not_own(&options.index).into());
        }
        Ok(())
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
            vmctx.set_field(layout.handle_table(index), handle_table::empty_table());
        }
        vmctx.set_field(layout.borrow_scopes(), handle_table::no_scopes());
        for (index, lowered) in self.record().lowered.iter().enumerate() {
            let offset = layout.lowering(LoweredIndex::new(index));
            if let Some(lowered) = lowered {
                vmctx.set_field(offset, lowered.vm_lowering());
            }
        }
    }

    fn layout<'a>(self) -> &'a VMComponentLayout {
        &self.description().layout
    }

    /// The handle table of one of the component instances in it.
    ///
    /// # Errors
    /// If there is none of this index: then the index is another component's.
    #[inline]
    pub(crate) fn handle_table(
        self,
        index: RuntimeComponentInstanceIndex,
    ) -> Result<HandleTablePtr> {
        // The context has no place for such a table.
        if index.as_u32() >= self.description().num_component_instances {
            return Err(not_own(&index).into());
        }
        let offset = self.layout().handle_table(index);
        Ok(self.record().vmctx.field(offset))
    }

    /// The handle table of the component instance that has these options.
    ///
    /// # Errors
    /// If the options are another component's.
    #[inline]
    pub(crate) fn table_of(self, options: &GuestOptions) -> Result<HandleTablePtr> {
        self.check_owner(options)?;
        self.handle_table(options.instance)
    }

    /// What counts borrowed handles.
    pub(crate) fn borrow_scopes(self) -> BorrowScopesPtr {
        self.record().vmctx.field(self.layout().borrow_scopes())
    }

    /// Gives back what handles take, at the very end.
    fn clear_handles(self) {
        let count = self.description().num_component_instances as usize;
        let indices = (0..count).map(EntityRef::new);
        for table in indices.filter_map(|index| self.handle_table(index).ok()) {
            table.clear();
        }
        self.borrow_scopes().clear();
    }

    /// `Step::Resource`, or an import: from now on the type is known. `adapted` is the destructor
    /// as drops in this component call it.
    ///
    /// # Errors
    /// If it was known before.
    pub(crate) fn set_resource(
        self,
        index: ResourceIndex,
        resource: InstanceResource,
        adapted: Option<FunctionImport>,
    ) -> Result<()> {
        let vm = VMResourceType {
            dtor: adapted.map_or(std::ptr::null(), |func| func.code.as_ptr().cast_const()),
            dtor_vmctx: adapted.map_or(std::ptr::null_mut(), |func| func.vmctx.as_ptr()),
            id: resource.id.get(),
        };
        let offset = self.layout().resource_type(index);
        let cell = self.record().resources.get(index.index());
        let set = cell.ok_or_else(|| not_own(&index))?.set(resource);
        set.map_err(|_| bug!("{index} is made twice"))?;
        self.record().vmctx.set_field(offset, vm);
        Ok(())
    }

    /// A resource type, once it is known. Good until the store is dropped.
    pub(crate) fn resource<'a>(self, index: ResourceIndex) -> Option<&'a InstanceResource> {
        self.record().resources.get(index.index())?.get()
    }

    /// A resource type as embedders see it, if it is known and the store is this instance's.
    pub(crate) fn public_resource(
        self,
        store: &StoreOpaque,
        index: ResourceIndex,
    ) -> Option<ResourceType> {
        store.resources.public(store.id(), self.resource(index)?.id)
    }

    /// The number of a resource type in the store.
    ///
    /// # Errors
    /// If it isn't known yet.
    pub(crate) fn resource_type_id(self, index: ResourceIndex) -> Result<ResourceTypeId> {
        match self.resource(index) {
            Some(resource) => Ok(resource.id),
            None => bail_bug!("{index} is used before it is made"),
        }
    }

    /// What it has for tasks. Good until the store is dropped.
    #[inline]
    pub(crate) fn tasks<'a>(self) -> &'a InstanceTasks {
        &self.record().tasks
    }

    /// Begins a list of lent handles; its number.
    pub(crate) fn begin_lends(self) -> u32 {
        let lenders = &mut *self.record().lenders.borrow_mut();
        lenders.free.pop().unwrap_or_else(|| {
            lenders.lists.push(Vec::new());
            lenders.lists.len() as u32 - 1
        })
    }

    /// Adds to a list of lent handles; how many there are in all lists now.
    pub(super) fn add_lender(self, list: u32, handle: u32) -> usize {
        let lenders = &mut *self.record().lenders.borrow_mut();
        if let Some(list) = lenders.lists.get_mut(list as usize) {
            list.push(handle);
            lenders.total += 1;
        }
        lenders.total
    }

    /// Ends a list of lent handles, which are in it.
    pub(crate) fn end_lends(self, list: u32) -> Vec<u32> {
        let lenders = &mut *self.record().lenders.borrow_mut();
        let handles = lenders.lists.get_mut(list as usize).map(std::mem::take);
        let handles = handles.unwrap_or_default();
        lenders.total -= handles.len();
        lenders.free.push(list);
        handles
    }

    /// `Step::ExtractMemory`.
    ///
    /// # Errors
    /// If the index is another component's.
    pub(crate) fn set_memory(self, index: RuntimeMemoryIndex, memory: DefinedMemory) -> Result<()> {
        set_extracted(&self.record().memories, index, memory)?;
        let definition = memory.definition().as_ptr();
        let offset = self.layout().memory(index);
        self.record().vmctx.set_field(offset, definition);
        Ok(())
    }

    /// `Step::ExtractRealloc`.
    ///
    /// # Errors
    /// If the index is another component's.
    pub(crate) fn set_realloc(self, index: RuntimeReallocIndex, func: CoreFunc) -> Result<()> {
        set_extracted(&self.record().reallocs, index, func)
    }

    /// `Step::ExtractPostReturn`.
    ///
    /// # Errors
    /// If the index is another component's.
    pub(crate) fn set_post_return(
        self,
        index: RuntimePostReturnIndex,
        func: CoreFunc,
    ) -> Result<()> {
        set_extracted(&self.record().post_returns, index, func)
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

    /// Keeps what it was given.
    ///
    /// # Errors
    /// If it has that.
    pub(crate) fn set_found(self, found: Arc<Found>) -> Result<()> {
        let set = self.record().found.set(found);
        Ok(set.map_err(|_| bug!("a component was instantiated twice"))?)
    }

    /// What it was given; `None` if it is not instantiated yet.
    pub(crate) fn found<'a>(self) -> Option<&'a Arc<Found>> {
        self.record().found.get()
    }

    /// Keeps a function that is given to an instance of an imported component.
    pub(crate) fn keep_given(self, func: LiftedFunc) -> LiftedFuncPtr {
        let func = Box::new(func);
        let address = std::ptr::from_ref(&*func).cast_mut();
        self.record().links.given.borrow_mut().push(func);
        // SAFETY: the record owns the box, and neither changes nor drops it before itself.
        unsafe { VmPtr::known(address) }
    }

    /// `Step::LowerImport` of a function that an instance of an imported component exports.
    pub(crate) fn set_lowering(
        self,
        index: LoweredIndex,
        func: ComponentHostFunc,
        lowered: LoweredType,
    ) {
        let import = Box::new(LoweredImport::new(func, lowered));
        let offset = self.layout().lowering(index);
        self.record().vmctx.set_field(offset, import.vm_lowering());
        self.record().links.lowered.borrow_mut().push(import);
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
        if !self.record().locked.replace(true) {
            VmStoreState::note_locked(self);
        }
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

impl GuestOptionsPtr {
    /// The options. Good until the store is dropped.
    #[inline]
    pub(crate) fn get<'a>(self) -> &'a GuestOptions {
        // SAFETY: a `VmPtr` is used while its store lives (see its module); these are made by
        // `options_ptr`, of options that live as long and are only ever shared.
        unsafe { &*self.as_ptr() }
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
