//! Loads and stores of the fields that compiled code shares with the runtime.
//!
//! This is the only module that turns a layout of `threadline_environ::layout` into memory
//! instructions. A [`Place`] says where a field is, how wide it is, what it may alias
//! ([`Region`]) and whether it ever changes ([`Life`]); [`load`] and [`store`] access it. What a
//! linear memory or a table holds is accessed elsewhere, with flags from [`element_flags`].
//!
//! Two places may overlap only if they have the same region, in any two functions of an image,
//! because one may be inlined into the other. That is why things that several modules can reach
//! (imported or exported memories and globals, all tables) share a region.

use crate::signature::POINTER;
use cranelift_codegen::cursor::FuncCursor;
use cranelift_codegen::ir::{
    AliasRegion, AliasRegionData, Function, GlobalValueData, InstBuilder, MemFlagsData, Type,
    Value, types,
};
use std::borrow::Cow;
use std::mem::offset_of;
use threadline_environ::entity::EntityRef;
use threadline_environ::layout::{
    ContextSlots, VMContextLayout, VMFuncRef, VMFunctionImport, VMGlobalImport, VMHeader,
    VMMemoryDefinition, VMMemoryImport, VMStoreContext, VMTableDefinition, VMTableImport, ValRaw,
};
use threadline_environ::{
    BuiltinIndex, CONTEXT_SLOTS, DefinedMemoryIndex, DefinedTableIndex, FuncIndex, FuncRefIndex,
    GlobalIndex, MemoryIndex, StaticModuleIndex, TableIndex, TypeIndex, UnsafeIntrinsic, ValType,
};

/// Bytes from one context slot to the next.
const SLOT_SIZE: i32 = (size_of::<ContextSlots>() / CONTEXT_SLOTS as usize) as i32;

/// Whether a field changes after compiled code can see it.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(crate) enum Life {
    /// Never, and its address is always good: loads may move anywhere.
    Fixed,
    /// Never, but its address is good only where it was checked to be.
    Settled,
    /// It does.
    Mutable,
}

/// A class of memory; accesses to different classes never overlap.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(crate) enum Region {
    /// A context slot of the running thread, in whatever component.
    ContextSlot(u8),
    /// The fields of `VMStoreContext`.
    StoreContext,
    /// Fields of contexts that never change, and `VMFuncRef`s.
    Settled,
    /// Bases and lengths of memories.
    MemoryDefinition,
    /// Bases and lengths of tables.
    TableDefinition,
    /// The elements of all tables.
    TableElements,
    /// The bytes of memories that several modules can reach.
    SharedMemory,
    /// The bytes of a memory that only its module can reach.
    OwnMemory(StaticModuleIndex, MemoryIndex),
    /// The values of exceptions.
    ExceptionValues,
    /// Globals of a type that several modules can reach.
    SharedGlobal(ValType),
    /// A global that only its module can reach.
    OwnGlobal(StaticModuleIndex, GlobalIndex),
}

/// Things of one kind that get a region each, per module; the others share one. Alias analysis
/// keeps state per block and region, so their number must be bounded.
const OWN_REGIONS: usize = 64;

impl Region {
    /// The region in a function, declared there the first time.
    fn declare(self, func: &mut Function) -> AliasRegion {
        let user_id = self.user_id();
        if let Some(region) = func.dfg.alias_regions.get(user_id) {
            return region;
        }
        func.dfg.alias_regions.insert(AliasRegionData {
            user_id,
            description: self.description(),
        })
    }

    /// A number that is the same for the same region in every function of an image: the kind in
    /// the top byte, then module and item where both are small.
    fn user_id(self) -> u32 {
        let item = |kind: u32, module: StaticModuleIndex, index: usize| {
            let module = module.index();
            if module < 1 << 16 && index < OWN_REGIONS {
                kind << 24 | (module as u32) << 8 | index as u32
            } else {
                (kind + 1) << 24
            }
        };
        match self {
            Region::ContextSlot(slot) => 1 << 24 | u32::from(slot),
            Region::StoreContext => 2 << 24,
            Region::Settled => 3 << 24,
            Region::MemoryDefinition => 4 << 24,
            Region::TableDefinition => 5 << 24,
            Region::TableElements => 6 << 24,
            Region::SharedMemory => 7 << 24,
            Region::SharedGlobal(ty) => 8 << 24 | shared_global_id(ty),
            Region::ExceptionValues => 9 << 24,
            Region::OwnMemory(module, index) => item(16, module, index.index()),
            Region::OwnGlobal(module, index) => item(18, module, index.index()),
        }
    }

    fn description(self) -> Cow<'static, str> {
        match self {
            Region::ContextSlot(slot) => format!("context slot {slot}").into(),
            Region::StoreContext => "store context".into(),
            Region::Settled => "settled fields".into(),
            Region::MemoryDefinition => "memory definitions".into(),
            Region::TableDefinition => "table definitions".into(),
            Region::TableElements => "table elements".into(),
            Region::SharedMemory => "shared memories".into(),
            Region::SharedGlobal(ty) => format!("shared globals of type {ty}").into(),
            Region::ExceptionValues => "values of exceptions".into(),
            Region::OwnMemory(module, index) => format!("{module:?} {index:?}").into(),
            Region::OwnGlobal(module, index) => format!("{module:?} {index:?}").into(),
        }
    }
}

/// A mutable global's import must have exactly its type, so globals of different types are
/// different globals. References count as one type.
fn shared_global_id(ty: ValType) -> u32 {
    match ty {
        ValType::I32 => 0,
        ValType::I64 => 1,
        ValType::F32 => 2,
        ValType::F64 => 3,
        ValType::V128 => 4,
        ValType::Ref(_) => 5,
    }
}

/// A field of something compiled code has the address of.
#[derive(Copy, Clone, Debug)]
pub(crate) struct Place {
    offset: i32,
    ty: Type,
    region: Region,
    life: Life,
}

impl Place {
    fn fixed(offset: usize, ty: Type) -> Place {
        Place::new(offset, ty, Region::Settled, Life::Fixed)
    }

    fn new(offset: usize, ty: Type, region: Region, life: Life) -> Place {
        Place {
            offset: i32::try_from(offset).expect("layouts are below 2 GiB"),
            ty,
            region,
            life,
        }
    }
}

/// Loads a field of what `base` points to.
pub(crate) fn load(pos: &mut FuncCursor<'_>, place: Place, base: Value) -> Value {
    let flags = flags(pos.func, place);
    pos.ins().load(place.ty, flags, base, place.offset)
}

/// Loads a field of what `base` points to that other threads may change now.
pub(crate) fn atomic_load(pos: &mut FuncCursor<'_>, place: Place, base: Value) -> Value {
    debug_assert_eq!(place.life, Life::Mutable);
    let flags = flags(pos.func, place);
    let address = pos.ins().iadd_imm_s(base, i64::from(place.offset));
    pos.ins().atomic_load(place.ty, flags, address)
}

/// Stores to a field of what `base` points to.
pub(crate) fn store(pos: &mut FuncCursor<'_>, place: Place, value: Value, base: Value) {
    debug_assert_eq!(place.life, Life::Mutable);
    let flags = flags(pos.func, place);
    pos.ins().store(flags, value, base, place.offset);
}

fn flags(func: &mut Function, place: Place) -> MemFlagsData {
    let flags = MemFlagsData::trusted().with_alias_region(Some(place.region.declare(func)));
    match place.life {
        Life::Fixed => flags.with_readonly().with_can_move(),
        Life::Settled => flags.with_readonly(),
        Life::Mutable => flags,
    }
}

/// Flags for what a linear memory or a table holds: neither aligned nor sure not to trap.
pub(crate) fn element_flags(func: &mut Function, region: Region) -> MemFlagsData {
    MemFlagsData::new().with_alias_region(Some(region.declare(func)))
}

/// Makes the prologue of `func` compare the stack pointer with `VMStoreContext::stack_limit`.
///
/// The function's signature must have a parameter with the purpose `VMContext`.
pub(crate) fn declare_stack_limit(func: &mut Function) {
    let vmctx = func.create_global_value(GlobalValueData::VMContext);
    let places = [
        header::store_context(),
        Place::new(
            offset_of!(VMStoreContext, stack_limit),
            POINTER,
            Region::StoreContext,
            Life::Mutable,
        ),
    ];
    let limit = places.into_iter().fold(vmctx, |base, place| {
        let flags = flags(func, place);
        let flags = func.dfg.mem_flags.insert_unchecked(flags);
        func.create_global_value(GlobalValueData::Load {
            base,
            offset: place.offset.into(),
            global_type: place.ty,
            flags,
        })
    });
    func.stack_limit = Some(limit);
}

/// Fields every context begins with.
pub(crate) mod header {
    use super::*;

    /// The address of the `VMStoreContext`.
    pub(crate) fn store_context() -> Place {
        Place::fixed(offset_of!(VMHeader, store_context), POINTER)
    }

    /// The address of the component's context slots.
    pub(crate) fn context() -> Place {
        Place::fixed(offset_of!(VMHeader, context), POINTER)
    }

    /// The table of host builtins.
    pub(crate) fn builtins() -> Place {
        Place::fixed(offset_of!(VMHeader, builtins), POINTER)
    }

    /// A builtin's address, in that table.
    pub(crate) fn builtin(index: BuiltinIndex) -> Place {
        Place::fixed(index.offset() as usize, POINTER)
    }
}

/// Fields of `VMStoreContext`.
pub(crate) mod store_context {
    use super::*;

    /// Where wasm was left for the host: the frame pointer.
    pub(crate) fn exit_fp() -> Place {
        let offset = offset_of!(VMStoreContext, exit_fp);
        Place::new(offset, POINTER, Region::StoreContext, Life::Mutable)
    }

    /// How much fuel is left.
    pub(crate) fn fuel() -> Place {
        let offset = offset_of!(VMStoreContext, fuel);
        Place::new(offset, types::I64, Region::StoreContext, Life::Mutable)
    }

    /// The epoch in which wasm is interrupted.
    pub(crate) fn epoch_deadline() -> Place {
        let offset = offset_of!(VMStoreContext, epoch_deadline);
        Place::new(offset, types::I64, Region::StoreContext, Life::Mutable)
    }

    /// The address of the engine's count of epochs.
    pub(super) fn epoch_counter() -> Place {
        Place::fixed(offset_of!(VMStoreContext, epoch_counter), POINTER)
    }

    /// Where wasm was left for the host: the return address.
    pub(crate) fn exit_pc() -> Place {
        let offset = offset_of!(VMStoreContext, exit_pc);
        Place::new(offset, POINTER, Region::StoreContext, Life::Mutable)
    }
}

/// Loads the engine's epoch, which other threads change, so that no load stands for another.
pub(crate) fn load_epoch(pos: &mut FuncCursor<'_>, store_context: Value) -> Value {
    let counter = load(pos, store_context::epoch_counter(), store_context);
    pos.ins()
        .atomic_load(types::I64, MemFlagsData::trusted(), counter)
}

/// The part of a context slot that an intrinsic reads or writes, relative to what the slots are
/// `distance` bytes from.
pub(crate) fn context_slot(intrinsic: UnsafeIntrinsic, distance: i32) -> Place {
    let (UnsafeIntrinsic::ContextGet { ty, slot } | UnsafeIntrinsic::ContextSet { ty, slot }) =
        intrinsic;
    Place {
        offset: distance + SLOT_SIZE * i32::from(slot),
        ty: crate::signature::value_type(ty.val_type()),
        region: Region::ContextSlot(slot),
        life: Life::Mutable,
    }
}

/// A value in the array of an exception's values.
pub(crate) fn exception_value(index: usize, ty: Type) -> Place {
    let offset = index * size_of::<ValRaw>();
    Place::new(offset, ty, Region::ExceptionValues, Life::Mutable)
}

/// The code of an imported function.
pub(crate) fn function_import_code(layout: &VMContextLayout, func: FuncIndex) -> Place {
    let import = layout.function_import(func) as usize;
    Place::fixed(import + offset_of!(VMFunctionImport, wasm_call), POINTER)
}

/// The context of an imported function.
pub(crate) fn function_import_vmctx(layout: &VMContextLayout, func: FuncIndex) -> Place {
    let import = layout.function_import(func) as usize;
    Place::fixed(import + offset_of!(VMFunctionImport, vmctx), POINTER)
}

/// The engine-wide id of a type of the module.
pub(crate) fn type_id(layout: &VMContextLayout, ty: TypeIndex) -> Place {
    Place::fixed(layout.type_id(ty) as usize, types::I32)
}

/// The address of a function's `VMFuncRef`.
pub(crate) fn func_ref_address(
    pos: &mut FuncCursor<'_>,
    layout: &VMContextLayout,
    func: FuncRefIndex,
    vmctx: Value,
) -> Value {
    let offset = pos.ins().iconst(POINTER, i64::from(layout.func_ref(func)));
    pos.ins().iadd(vmctx, offset)
}

/// Fields of a `VMFuncRef`. They are set before compiled code can see the reference.
pub(crate) mod func_ref {
    use super::*;
    use crate::trap;
    use threadline_environ::TrapCode;

    /// The type of the function behind a reference that may be null: loading through null faults
    /// (nothing is mapped at such low addresses), which the guest sees as the trap
    /// `uninitialized element`. So the null check costs nothing.
    pub(crate) fn load_type_id_or_trap(pos: &mut FuncCursor<'_>, func_ref: Value) -> Value {
        let offset = offset_of!(VMFuncRef, type_id) as i32;
        let flags = null_check_flags(pos.func, TrapCode::UninitializedElement);
        pos.ins().load(types::I32, flags, func_ref, offset)
    }

    /// The code of the function behind a reference that may be null, which is the trap `null`; at
    /// no cost, as with the type.
    pub(crate) fn load_code_or_trap(
        pos: &mut FuncCursor<'_>,
        func_ref: Value,
        null: TrapCode,
    ) -> Value {
        let offset = offset_of!(VMFuncRef, wasm_call) as i32;
        let flags = null_check_flags(pos.func, null);
        pos.ins().load(POINTER, flags, func_ref, offset)
    }

    /// Flags for a load that is also a check for null.
    fn null_check_flags(func: &mut Function, null: TrapCode) -> MemFlagsData {
        MemFlagsData::new()
            .with_aligned()
            .with_readonly()
            .with_trap_code(Some(trap::to_cranelift(null)))
            .with_alias_region(Some(Region::Settled.declare(func)))
    }

    /// The code of the function.
    pub(crate) fn code() -> Place {
        let offset = offset_of!(VMFuncRef, wasm_call);
        Place::new(offset, POINTER, Region::Settled, Life::Settled)
    }

    /// The context of the function.
    pub(crate) fn vmctx() -> Place {
        let offset = offset_of!(VMFuncRef, vmctx);
        Place::new(offset, POINTER, Region::Settled, Life::Settled)
    }
}

/// Where a thing is whose definition may be in another instance.
#[derive(Copy, Clone, Debug)]
pub(crate) struct Definition {
    /// The field that holds the definition's address, if the thing is imported.
    import: Option<Place>,
    /// The definition's offset from there, or in the `VMContext`.
    offset: usize,
}

impl Definition {
    /// A memory's.
    pub(crate) fn memory(
        layout: &VMContextLayout,
        index: MemoryIndex,
        defined: Option<DefinedMemoryIndex>,
    ) -> Definition {
        Definition::new(defined.map(|index| layout.memory(index)), || {
            layout.memory_import(index) as usize + offset_of!(VMMemoryImport, from)
        })
    }

    /// That of a shared memory which the module defines.
    pub(crate) fn shared_memory(layout: &VMContextLayout, index: DefinedMemoryIndex) -> Definition {
        Definition::new(None, || {
            layout.shared_memory(index) as usize + offset_of!(VMMemoryImport, from)
        })
    }

    /// A table's.
    pub(crate) fn table(
        layout: &VMContextLayout,
        index: TableIndex,
        defined: Option<DefinedTableIndex>,
    ) -> Definition {
        Definition::new(defined.map(|index| layout.table(index)), || {
            layout.table_import(index) as usize + offset_of!(VMTableImport, from)
        })
    }

    /// A global's.
    pub(crate) fn global(
        layout: &VMContextLayout,
        index: GlobalIndex,
        defined: Option<threadline_environ::DefinedGlobalIndex>,
    ) -> Definition {
        Definition::new(defined.map(|index| layout.global(index)), || {
            layout.global_import(index) as usize + offset_of!(VMGlobalImport, from)
        })
    }

    fn new(defined: Option<u32>, import: impl FnOnce() -> usize) -> Definition {
        match defined {
            Some(offset) => Definition {
                import: None,
                offset: offset as usize,
            },
            None => Definition {
                import: Some(Place::fixed(import(), POINTER)),
                offset: 0,
            },
        }
    }

    /// What the definition's fields are relative to: the `VMContext` or the import's target.
    pub(crate) fn base(&self, pos: &mut FuncCursor<'_>, vmctx: Value) -> Value {
        match self.import {
            Some(import) => load(pos, import, vmctx),
            None => vmctx,
        }
    }

    /// A memory's first byte.
    pub(crate) fn memory_base(&self, life: Life) -> Place {
        let offset = self.offset + offset_of!(VMMemoryDefinition, base);
        Place::new(offset, POINTER, Region::MemoryDefinition, life)
    }

    /// A memory's size in bytes.
    pub(crate) fn memory_length(&self) -> Place {
        let offset = self.offset + offset_of!(VMMemoryDefinition, length);
        Place::new(offset, POINTER, Region::MemoryDefinition, Life::Mutable)
    }

    /// A table's first element.
    pub(crate) fn table_base(&self, life: Life) -> Place {
        let offset = self.offset + offset_of!(VMTableDefinition, base);
        Place::new(offset, POINTER, Region::TableDefinition, life)
    }

    /// How many elements a table has.
    pub(crate) fn table_length(&self) -> Place {
        let offset = self.offset + offset_of!(VMTableDefinition, length);
        Place::new(offset, POINTER, Region::TableDefinition, Life::Mutable)
    }

    /// A global's value.
    pub(crate) fn global_value(&self, ty: Type, region: Region, life: Life) -> Place {
        Place::new(self.offset, ty, region, life)
    }
}
