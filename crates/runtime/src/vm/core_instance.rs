//! A core instance: its `VMContext`, and what the runtime keeps beside it.
//!
//! [`OwnedInstance`] owns both and is kept by the store until the store is dropped, also where
//! instantiation fails later: parts of it may have got into tables of other instances by then.
//! [`InstancePtr`] is how everything else refers to it. Running segments and constant
//! expressions is in `segments`.
//!
//! The record's fields never change after [`OwnedInstance::new`], but for the storage of
//! memories and tables and the marks of dropped segments; those are reached only through
//! [`InstancePtr::linear_memory`], [`InstancePtr::table_elements`] and `segments`, for moments in
//! which neither wasm nor other code of the host runs.

use super::func_ref;
use super::global::GlobalPtr;
use super::instance_allocator::{Block, BlockKind, MemoryImage, Permit};
use super::memory::{DefinedMemory, LinearMemory};
use super::owner::OwnerKind;
use super::pointer::{CodePtr, VmPtr};
use super::shared_memory::SharedLinearMemory;
use super::store_state::VmStoreState;
use super::table::{DefinedTable, TableElements};
use super::tag::TagPtr;
use crate::Engine;
use crate::module::CoreModule;
use crate::store::StoreOpaque;
use anyhow::{Result, ensure};
use std::ptr::NonNull;
use std::sync::Arc;
use threadline_environ::entity::{EntityRef, PrimaryMap};
use threadline_environ::layout::{
    ContextSlots, VMFuncRef, VMFunctionImport, VMGlobalImport, VMHeader, VMMemoryDefinition,
    VMMemoryImport, VMStoreContext, VMTableDefinition, VMTableImport,
};
use threadline_environ::{
    DefinedMemoryIndex, DefinedTableIndex, EntityIndex, FuncIndex, GlobalIndex, MemoryIndex,
    MemoryType, TableIndex,
};

/// A core instance, by the address of its record.
pub(crate) type InstancePtr = VmPtr<CoreInstance>;

/// The runtime's record of a core instance.
#[repr(C)]
pub(crate) struct CoreInstance {
    kind: OwnerKind,
    pub(super) module: Arc<CoreModule>,
    vmctx: VmContextBox,
    _permit: Option<Permit>,
    imported_tables: Box<[DefinedTable]>,
    imported_memories: Box<[DefinedMemory]>,
    memories: PrimaryMap<DefinedMemoryIndex, MemoryStorage>,
    tables: PrimaryMap<DefinedTableIndex, TableElements>,
    pub(super) dropped_data: Box<[bool]>,
    pub(super) dropped_elems: Box<[bool]>,
}

/// What a defined memory is made of.
enum MemoryStorage {
    Own(LinearMemory),
    Shared(Arc<SharedLinearMemory>),
}

impl MemoryStorage {
    fn new(
        engine: &Engine,
        ty: &MemoryType,
        image: Option<&Arc<MemoryImage>>,
    ) -> Result<MemoryStorage> {
        let tunables = engine.tunables();
        Ok(if ty.shared {
            MemoryStorage::Shared(Arc::new(SharedLinearMemory::new(ty, tunables)?))
        } else {
            MemoryStorage::Own(engine.allocator().memory(ty, tunables, image)?)
        })
    }
}

/// What an instance imports, each kind in the order of its index space. Types have been checked.
#[derive(Default, Debug)]
pub(crate) struct Imports {
    /// Functions.
    pub(crate) funcs: Vec<FunctionImport>,
    /// Tables.
    pub(crate) tables: Vec<DefinedTable>,
    /// Memories.
    pub(crate) memories: Vec<DefinedMemory>,
    /// Globals.
    pub(crate) globals: Vec<GlobalPtr>,
    /// Tags.
    pub(crate) tags: Vec<TagPtr>,
    /// What the only memory that the module defines is to be; the host makes up such modules.
    pub(crate) shared_memory: Option<Arc<SharedLinearMemory>>,
}

/// A function to import: code and the context it is called with.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(crate) struct FunctionImport {
    /// The code, called as wasm calls wasm.
    pub(crate) code: CodePtr,
    /// Its first argument.
    pub(crate) vmctx: CodePtr,
}

/// An import or export with what it takes to use it.
#[derive(Copy, Clone, Debug)]
pub(crate) enum RawExtern {
    /// A function.
    Func(FunctionImport),
    /// A table.
    Table(DefinedTable),
    /// A memory.
    Memory(DefinedMemory),
    /// A global.
    Global(GlobalPtr),
    /// A tag.
    Tag(TagPtr),
}

impl Imports {
    /// Adds an import of any kind.
    pub(crate) fn push(&mut self, import: RawExtern) {
        match import {
            RawExtern::Func(func) => self.funcs.push(func),
            RawExtern::Table(table) => self.tables.push(table),
            RawExtern::Memory(memory) => self.memories.push(memory),
            RawExtern::Global(global) => self.globals.push(global),
            RawExtern::Tag(tag) => self.tags.push(tag),
        }
    }
}

/// Where the `VMContext` of an instance goes.
#[derive(Copy, Clone, Debug)]
pub(crate) enum ContextPlace {
    /// In memory of its own: an instance that belongs to no component.
    Alone,
    /// In memory of its own: an instance in a component, of a module that the component imports.
    Elsewhere {
        /// The component's context slots.
        context: VmPtr<ContextSlots>,
    },
    /// In the block of a component's contexts, where nothing is yet.
    InBlock {
        /// There.
        vmctx: VmPtr<u8>,
        /// The component's context slots.
        context: VmPtr<ContextSlots>,
    },
}

/// The memory of a `VMContext`: 16-byte aligned, zeroed at first, never moved.
pub(super) struct VmContextBox {
    pub(super) base: NonNull<u8>,
    pub(super) size: usize,
    /// What it is the whole of; none if it is part of a block that something else owns.
    _block: Option<Block>,
}

impl VmContextBox {
    /// A context that is the whole of a block.
    pub(super) fn new(block: Block, size: u32) -> VmContextBox {
        VmContextBox {
            base: block.base(),
            size: size as usize,
            _block: Some(block),
        }
    }

    /// A part of a block, `size` bytes from `base`. The block's owner keeps it as long as the
    /// store, and gives the part to nobody else.
    fn in_block(base: VmPtr<u8>, size: u32) -> VmContextBox {
        VmContextBox {
            base: base.as_non_null(),
            size: size as usize,
            _block: None,
        }
    }
}

/// Owns a core instance.
pub(crate) struct OwnedInstance(NonNull<CoreInstance>);

// SAFETY: the record and its `VMContext` are owned by this alone and reached only by who has
// borrowed the store that keeps it.
unsafe impl Send for OwnedInstance {}
// SAFETY: as for `Send`.
unsafe impl Sync for OwnedInstance {}

impl OwnedInstance {
    /// Makes an instance whose memories hold the module's static data and are zero otherwise,
    /// whose tables hold null and whose globals are zero; everything else is final.
    ///
    /// # Errors
    /// If there is no room for a memory or table, or `imports` are not as many as the module's.
    pub(crate) fn new(
        store: &VmStoreState,
        module: Arc<CoreModule>,
        imports: Imports,
        place: ContextPlace,
    ) -> Result<OwnedInstance> {
        let info = &module.module;
        ensure!(
            imports.funcs.len() == info.num_imported_funcs
                && imports.tables.len() == info.num_imported_tables
                && imports.memories.len() == info.num_imported_memories
                && imports.globals.len() == info.num_imported_globals
                && imports.tags.len() == info.num_imported_tags,
            "wrong number of imports"
        );
        let engine = module.engine();
        let allocator = engine.allocator();
        let size = module.layout.size();
        let (vmctx, permit) = match place {
            ContextPlace::Alone | ContextPlace::Elsewhere { .. } => {
                let block = allocator.block(BlockKind::CoreInstance, size)?;
                (VmContextBox::new(block, size), None)
            }
            ContextPlace::InBlock { vmctx, .. } => {
                let permit = allocator.core_instance_permit()?;
                (VmContextBox::in_block(vmctx, size), permit)
            }
        };
        let data = module.static_data();
        let mut memories = PrimaryMap::with_capacity(info.num_defined_memories());
        for (_, ty) in info.memories.iter().skip(info.num_imported_memories) {
            let image = data.image(memories.next_key());
            memories.push(match &imports.shared_memory {
                Some(memory) => MemoryStorage::Shared(memory.clone()),
                None => MemoryStorage::new(engine, ty, image)?,
            });
        }
        let mut tables = PrimaryMap::with_capacity(info.num_defined_tables());
        for (_, ty) in info.tables.iter().skip(info.num_imported_tables) {
            tables.push(allocator.table(ty)?);
        }
        let (data_segments, elem_segments) = (info.data.needed().len(), info.elems.len());
        let record = Box::new(CoreInstance {
            kind: OwnerKind::CoreInstance,
            vmctx,
            _permit: permit,
            imported_tables: imports.tables.clone().into(),
            imported_memories: imports.memories.clone().into(),
            memories,
            tables,
            dropped_data: vec![false; data_segments].into(),
            dropped_elems: vec![false; elem_segments].into(),
            module,
        });
        let owned = OwnedInstance(NonNull::from(Box::leak(record)));
        let instance = owned.ptr();
        instance.fill_header(store, place);
        instance.fill_imports(&imports);
        instance.fill_types();
        instance.fill_tags(&imports.tags);
        instance.fill_func_refs()?;
        instance.fill_definitions();
        Ok(owned)
    }

    /// How everything else refers to it. The store keeps `self` until it is dropped.
    pub(crate) fn ptr(&self) -> InstancePtr {
        // SAFETY: the record lives until `self` is dropped, which the store does last.
        unsafe { VmPtr::known(self.0.as_ptr()) }
    }
}

impl Drop for OwnedInstance {
    fn drop(&mut self) {
        // SAFETY: `new` leaked this box, and nothing else frees it.
        drop(unsafe { Box::from_raw(self.0.as_ptr()) });
    }
}

/// Whether an address is in the address space of a memory of its own that an instance of a store
/// defines. For signal handlers.
///
/// # Safety
/// `context` is that of the store that this thread is in.
pub(super) unsafe fn is_in_memory_of(context: *const VMStoreContext, address: usize) -> bool {
    // SAFETY: the caller answers for the context. If the store was entered it is alive, and its instances
    // are; the thread that has faulted was not changing their list, for only safe code does that.
    unsafe {
        let Some(store) = (*context).store.cast::<StoreOpaque>().as_ref() else {
            return false;
        };
        store.core_instances().any(|instance| {
            let mut memories = instance.record().memories.values();
            memories.any(|memory| match memory {
                MemoryStorage::Own(memory) => memory.reserved().contains(&address),
                MemoryStorage::Shared(_) => false,
            })
        })
    }
}

impl InstancePtr {
    /// The record.
    fn record<'a>(self) -> &'a CoreInstance {
        // SAFETY: a `VmPtr` is used while its store lives (see its module). The parts of the
        // record that change are not read through this reference while they do.
        unsafe { &*self.as_ptr() }
    }

    /// The module it is an instance of.
    ///
    /// The reference is good until the instance's store is dropped.
    pub(crate) fn module<'a>(self) -> &'a Arc<CoreModule> {
        &self.record().module
    }

    /// The `VMContext`.
    pub(crate) fn vmctx(self) -> CodePtr {
        // SAFETY: the allocation lives as long as the record.
        unsafe { VmPtr::known(self.record().vmctx.base.as_ptr().cast()) }
    }

    /// The field of the `VMContext` at this offset.
    pub(super) fn field<T>(self, offset: u32) -> VmPtr<T> {
        debug_assert!(offset as usize + size_of::<T>() <= self.record().vmctx.size);
        // SAFETY: callers take the offset from the module's own layout, so it is in bounds.
        unsafe {
            let base = self.record().vmctx.base.as_ptr();
            VmPtr::known(base.add(offset as usize).cast())
        }
    }

    /// Sets a field of the `VMContext`.
    pub(super) fn set_field<T>(self, offset: u32, value: T) {
        // SAFETY: as in `field`; no wasm reads the field now, for the host is running, and
        // nothing in a `VMContext` has a destructor.
        unsafe { self.field::<T>(offset).as_ptr().write(value) };
    }

    fn fill_header(self, store: &VmStoreState, place: ContextPlace) {
        let header = VMHeader {
            store_context: store.context_ptr(),
            builtins: super::builtins::table(),
            owner: self.as_ptr().cast(),
            context: match place {
                ContextPlace::Alone => std::ptr::null_mut(),
                ContextPlace::Elsewhere { context } | ContextPlace::InBlock { context, .. } => {
                    context.as_ptr()
                }
            },
        };
        self.set_field(0, header);
    }

    fn fill_imports(self, imports: &Imports) {
        let layout = &self.module().layout;
        for (i, func) in imports.funcs.iter().enumerate() {
            let import = VMFunctionImport {
                wasm_call: func.code.as_ptr(),
                vmctx: func.vmctx.as_ptr(),
            };
            self.set_field(layout.function_import(FuncIndex::new(i)), import);
        }
        for (i, table) in imports.tables.iter().enumerate() {
            let from = table.definition().as_ptr();
            self.set_field(
                layout.table_import(TableIndex::new(i)),
                VMTableImport { from },
            );
        }
        for (i, memory) in imports.memories.iter().enumerate() {
            let from = memory.definition().as_ptr();
            self.set_field(
                layout.memory_import(MemoryIndex::new(i)),
                VMMemoryImport { from },
            );
        }
        for (i, global) in imports.globals.iter().enumerate() {
            let from = global.as_ptr();
            self.set_field(
                layout.global_import(GlobalIndex::new(i)),
                VMGlobalImport { from },
            );
        }
    }

    fn fill_types(self) {
        let module = self.module();
        for (index, &signature) in module.module.types.iter() {
            self.set_field(module.layout.type_id(index), module.type_id(signature).0);
        }
    }

    fn fill_func_refs(self) -> Result<()> {
        let vmctx = self.vmctx();
        for template in self.module().func_refs() {
            let import = match template.code {
                Some(code) => FunctionImport { code, vmctx },
                None => self.function(template.func)?,
            };
            let func_ref = func_ref::vm_func_ref(import, template.type_id);
            self.set_field(template.offset, func_ref);
        }
        Ok(())
    }

    fn fill_definitions(self) {
        for index in self.record().memories.keys() {
            self.defined_memory(index).publish();
        }
        for index in self.record().tables.keys() {
            self.defined_table(index).publish();
        }
    }

    /// A function by its index, to be imported elsewhere.
    ///
    /// # Errors
    /// If the code image lacks it.
    pub(crate) fn function(self, index: FuncIndex) -> Result<FunctionImport> {
        let module = self.module();
        if index.index() >= module.module.num_imported_funcs {
            return Ok(FunctionImport {
                code: module.func_code(index)?,
                vmctx: self.vmctx(),
            });
        }
        let import = self.field::<VMFunctionImport>(module.layout.function_import(index));
        // SAFETY: `fill_imports` has written the field; both pointers were `CodePtr`s.
        unsafe {
            let import = *import.as_ptr();
            Ok(FunctionImport {
                code: VmPtr::known(import.wasm_call.cast_mut()),
                vmctx: VmPtr::known(import.vmctx),
            })
        }
    }

    /// The reference to a function, if it can be referred to.
    pub(crate) fn func_ref(self, index: FuncIndex) -> Option<VmPtr<VMFuncRef>> {
        let module = self.module();
        let func_ref = module.module.functions[index].func_ref?;
        Some(self.field(module.layout.func_ref(func_ref)))
    }

    /// A memory by its index, at its definition.
    pub(crate) fn memory(self, index: MemoryIndex) -> DefinedMemory {
        match self.module().module.defined_memory_index(index) {
            Some(defined) => self.defined_memory(defined),
            None => self.record().imported_memories[index.index()],
        }
    }

    /// A table by its index, at its definition.
    pub(crate) fn table(self, index: TableIndex) -> DefinedTable {
        match self.module().module.defined_table_index(index) {
            Some(defined) => self.defined_table(defined),
            None => self.record().imported_tables[index.index()],
        }
    }

    /// A global's storage.
    pub(crate) fn global(self, index: GlobalIndex) -> GlobalPtr {
        let module = self.module();
        if let Some(defined) = module.module.defined_global_index(index) {
            return self.field(module.layout.global(defined));
        }
        let import = self.field::<VMGlobalImport>(module.layout.global_import(index));
        // SAFETY: `fill_imports` has written the field, from a `GlobalPtr`.
        unsafe { VmPtr::known((*import.as_ptr()).from) }
    }

    /// Anything of it, to be imported elsewhere.
    ///
    /// # Errors
    /// If it is a function that the code image lacks.
    pub(crate) fn raw_extern(self, index: EntityIndex) -> Result<RawExtern> {
        Ok(match index {
            EntityIndex::Func(index) => RawExtern::Func(self.function(index)?),
            EntityIndex::Table(index) => RawExtern::Table(self.table(index)),
            EntityIndex::Memory(index) => RawExtern::Memory(self.memory(index)),
            EntityIndex::Global(index) => RawExtern::Global(self.global(index)),
            EntityIndex::Tag(index) => RawExtern::Tag(self.tag(index)),
        })
    }

    fn defined_memory(self, index: DefinedMemoryIndex) -> DefinedMemory {
        DefinedMemory {
            instance: self,
            index,
        }
    }

    fn defined_table(self, index: DefinedTableIndex) -> DefinedTable {
        DefinedTable {
            instance: self,
            index,
        }
    }

    #[inline]
    pub(super) fn memory_definition(self, index: DefinedMemoryIndex) -> VmPtr<VMMemoryDefinition> {
        match &self.record().memories[index] {
            MemoryStorage::Own(_) => self.field(self.module().layout.memory(index)),
            // SAFETY: the record keeps the memory, and which one it is never changes.
            MemoryStorage::Shared(memory) => unsafe { VmPtr::known(memory.definition()) },
        }
    }

    /// Whether threads share a defined memory.
    #[inline]
    pub(super) fn is_shared_memory(self, index: DefinedMemoryIndex) -> bool {
        matches!(self.record().memories[index], MemoryStorage::Shared(_))
    }

    /// A defined memory, if threads share it.
    pub(super) fn shared_memory(
        self,
        index: DefinedMemoryIndex,
    ) -> Option<Arc<SharedLinearMemory>> {
        match &self.record().memories[index] {
            MemoryStorage::Own(_) => None,
            MemoryStorage::Shared(memory) => Some(memory.clone()),
        }
    }

    /// Counts how many of its defined memories are this one.
    pub(super) fn shares_of(self, memory: &Arc<SharedLinearMemory>) -> usize {
        let memories = self.record().memories.values();
        let shares = memories.filter(|other| match other {
            MemoryStorage::Own(_) => false,
            MemoryStorage::Shared(other) => Arc::ptr_eq(other, memory),
        });
        shares.count()
    }

    /// Puts the address of a shared memory's definition where compiled code looks for it.
    pub(super) fn point_to_shared_memory(self, index: DefinedMemoryIndex) {
        let from = self.memory_definition(index).as_ptr();
        let offset = self.module().layout.shared_memory(index);
        self.set_field(offset, VMMemoryImport { from });
    }

    pub(super) fn table_definition(self, index: DefinedTableIndex) -> VmPtr<VMTableDefinition> {
        self.field(self.module().layout.table(index))
    }

    /// Looks at or changes the storage of a memory that is not shared; `None` if it is. `f` must
    /// not use the instance.
    pub(super) fn linear_memory<R>(
        self,
        index: DefinedMemoryIndex,
        f: impl FnOnce(&mut LinearMemory) -> R,
    ) -> Option<R> {
        // SAFETY: the record is alive, no other reference to `memories` exists while `f` runs
        // (its contract, kept by `memory`), and no wasm runs.
        match unsafe { &mut (&mut (*self.as_ptr()).memories)[index] } {
            MemoryStorage::Own(memory) => Some(f(memory)),
            MemoryStorage::Shared(_) => None,
        }
    }

    /// Looks at or changes the storage of a table. `f` must not use the instance.
    pub(super) fn table_elements<R>(
        self,
        index: DefinedTableIndex,
        f: impl FnOnce(&mut TableElements) -> R,
    ) -> R {
        // SAFETY: the record is alive, no other reference to `tables` exists while `f` runs (its
        // contract, kept by `table`), and no wasm runs.
        f(unsafe { &mut (&mut (*self.as_ptr()).tables)[index] })
    }
}
