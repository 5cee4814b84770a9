//! The host functions behind `VMHeader::builtins`, in the order of [`BuiltinIndex`].
//!
//! Each is the `extern "C"` edge of an operation that is defined elsewhere: it finds the
//! instance in the context it is given, converts the operands and reports failure. The types of
//! parameters and results are those of [`BuiltinIndex::params`] and [`BuiltinIndex::result`].

use super::atomics::{memory_atomic_notify, memory_atomic_wait32, memory_atomic_wait64};
use super::concurrency::{
    concurrency, plain_concurrency, task_call, task_lends, task_scope, transfer,
};
use super::core_instance::InstancePtr;
use super::host_call::{catch, raise, trap};
use super::metering::{new_epoch, out_of_fuel};
use super::owner::{Owner, owner_of};
use super::pointer::{CodePtr, VmPtr};
use super::resources::{
    begin_lends, borrow_scopes_grow, end_lends, handle_failure, handle_table_grow, lend,
    resource_destroy,
};
use super::throw::{throw, throw_ref};
use super::transcode::transcode;
use crate::bug::bail_bug;
use crate::store::StoreOpaque;
use crate::type_registry::TypeId;
use anyhow::Result;
use std::ffi::c_void;
use threadline_environ::layout::{VMHeader, VMStoreContext};
use threadline_environ::{
    BUILTIN_FAILED, BuiltinIndex, DataIndex, ElemIndex, MemoryIndex, TableIndex,
};

const COUNT: usize = BuiltinIndex::ALL.len();

/// Pointers to the builtins.
struct Table([*const c_void; COUNT]);

// SAFETY: the pointers are to functions.
unsafe impl Sync for Table {}

static TABLE: Table = {
    let mut table = [std::ptr::null(); COUNT];
    let mut i = 0;
    while i < COUNT {
        table[i] = pointer(BuiltinIndex::ALL[i]);
        i += 1;
    }
    Table(table)
};

/// What `VMHeader::builtins` points to.
pub(super) fn table() -> *const usize {
    TABLE.0.as_ptr().cast()
}

const fn pointer(builtin: BuiltinIndex) -> *const c_void {
    match builtin {
        BuiltinIndex::Raise => raise as *const c_void,
        BuiltinIndex::Trap => trap as *const c_void,
        BuiltinIndex::MemoryGrow => memory_grow as *const c_void,
        BuiltinIndex::MemoryAtomicNotify => memory_atomic_notify as *const c_void,
        BuiltinIndex::MemoryAtomicWait32 => memory_atomic_wait32 as *const c_void,
        BuiltinIndex::MemoryAtomicWait64 => memory_atomic_wait64 as *const c_void,
        BuiltinIndex::MemoryMove => memory_move as *const c_void,
        BuiltinIndex::MemorySet => memory_set as *const c_void,
        BuiltinIndex::MemoryCopy => memory_copy as *const c_void,
        BuiltinIndex::MemoryFill => memory_fill as *const c_void,
        BuiltinIndex::MemoryInit => memory_init as *const c_void,
        BuiltinIndex::DataDrop => data_drop as *const c_void,
        BuiltinIndex::TableGrow => table_grow as *const c_void,
        BuiltinIndex::TableFill => table_fill as *const c_void,
        BuiltinIndex::TableCopy => table_copy as *const c_void,
        BuiltinIndex::TableInit => table_init as *const c_void,
        BuiltinIndex::ElemDrop => elem_drop as *const c_void,
        BuiltinIndex::ContextGet => context_get as *const c_void,
        BuiltinIndex::ContextSet => context_set as *const c_void,
        BuiltinIndex::HandleFailure => handle_failure as *const c_void,
        BuiltinIndex::HandleTableGrow => handle_table_grow as *const c_void,
        BuiltinIndex::BorrowScopesGrow => borrow_scopes_grow as *const c_void,
        BuiltinIndex::ResourceDestroy => resource_destroy as *const c_void,
        BuiltinIndex::BeginLends => begin_lends as *const c_void,
        BuiltinIndex::Lend => lend as *const c_void,
        BuiltinIndex::EndLends => end_lends as *const c_void,
        BuiltinIndex::Transcode => transcode as *const c_void,
        BuiltinIndex::IsSubtype => is_subtype as *const c_void,
        BuiltinIndex::OutOfFuel => out_of_fuel as *const c_void,
        BuiltinIndex::NewEpoch => new_epoch as *const c_void,
        BuiltinIndex::Throw => throw as *const c_void,
        BuiltinIndex::ThrowRef => throw_ref as *const c_void,
        BuiltinIndex::Concurrency => concurrency as *const c_void,
        BuiltinIndex::PlainConcurrency => plain_concurrency as *const c_void,
        BuiltinIndex::TaskCall => task_call as *const c_void,
        BuiltinIndex::Transfer => transfer as *const c_void,
        BuiltinIndex::TaskScope => task_scope as *const c_void,
        BuiltinIndex::TaskLends => task_lends as *const c_void,
    }
}

/// The store whose code called.
///
/// # Safety
/// `context` is what compiled code passed as its context.
pub(super) unsafe fn store_of(context: *mut c_void) -> *mut VMStoreContext {
    // SAFETY: every context begins with a header.
    unsafe { (*context.cast::<VMHeader>()).store_context }
}

/// Runs a builtin that needs a core instance; `None` if it failed. Then the failure is pending,
/// and the builtin must say so, for compiled code to raise it.
///
/// # Safety
/// `context` is what compiled code passed as its context.
#[must_use]
pub(super) unsafe fn with_instance<R>(
    context: *mut c_void,
    body: impl FnOnce(InstancePtr) -> Result<R>,
) -> Option<R> {
    // SAFETY: the caller answers for `context`, which lives as long as its store.
    unsafe {
        let body = || {
            let context: CodePtr = VmPtr::known(context);
            match owner_of(context) {
                Owner::CoreInstance(instance) => body(instance),
                other => bail_bug!("a builtin for core instances was called by {other:?}"),
            }
        };
        catch(store_of(context), body).ok()
    }
}

/// −1 as compiled code sees it.
const GROW_FAILED: i64 = -1;

/// Runs a builtin that needs a core instance and its store, and that gives a value or fails.
///
/// # Safety
/// As for [`with_instance`].
unsafe fn value_or_failure(
    context: *mut c_void,
    body: impl FnOnce(InstancePtr, &mut StoreOpaque) -> Result<i64>,
) -> i64 {
    // SAFETY: passed on. `VMStoreContext::store` was set from the exclusive borrow of the store
    // with which wasm was entered, and that borrow rests until wasm returns.
    let value = unsafe {
        with_instance(context, |instance| {
            let store = (*store_of(context)).store.cast::<StoreOpaque>();
            body(instance, &mut *store)
        })
    };
    value.unwrap_or(BUILTIN_FAILED)
}

/// # Safety
/// As for [`with_instance`].
unsafe extern "C" fn memory_grow(context: *mut c_void, memory: u32, delta: u64) -> i64 {
    // SAFETY: passed on.
    unsafe {
        value_or_failure(context, |instance, store| {
            let memory = instance.memory(MemoryIndex::from_u32(memory));
            let old = store.grow_memory(memory, delta)?;
            Ok(old.map_or(GROW_FAILED, |pages| pages as i64))
        })
    }
}

/// # Safety
/// Compiled code has checked both ranges against the lengths of memories that are not shared.
unsafe extern "C" fn memory_move(
    _context: *mut c_void,
    to: *mut u8,
    from: *const u8,
    length: usize,
) {
    // SAFETY: within the lengths of their memories both ranges are mapped and writable, and while
    // compiled code runs nobody else has the bytes of the store's memories.
    unsafe { std::ptr::copy(from, to, length) }
}

/// # Safety
/// As for [`memory_move`].
unsafe extern "C" fn memory_set(_context: *mut c_void, to: *mut u8, byte: u32, length: usize) {
    // SAFETY: as in `memory_move`.
    unsafe { std::ptr::write_bytes(to, byte as u8, length) }
}

/// # Safety
/// As for [`with_instance`].
unsafe extern "C" fn memory_copy(
    context: *mut c_void,
    to_memory: u32,
    to: u64,
    from_memory: u32,
    from: u64,
    length: u64,
) -> bool {
    // SAFETY: passed on.
    let copied = unsafe {
        with_instance(context, |instance| {
            let source = instance.memory(MemoryIndex::from_u32(from_memory));
            let target = instance.memory(MemoryIndex::from_u32(to_memory));
            Ok(target.copy_from(to, source, from, length)?)
        })
    };
    copied.is_some()
}

/// # Safety
/// As for [`with_instance`].
unsafe extern "C" fn memory_fill(
    context: *mut c_void,
    memory: u32,
    to: u64,
    byte: u32,
    length: u64,
) -> bool {
    // SAFETY: passed on.
    let filled = unsafe {
        with_instance(context, |instance| {
            let memory = instance.memory(MemoryIndex::from_u32(memory));
            Ok(memory.fill(to, byte as u8, length)?)
        })
    };
    filled.is_some()
}

/// # Safety
/// As for [`with_instance`].
unsafe extern "C" fn memory_init(
    context: *mut c_void,
    memory: u32,
    data: u32,
    to: u64,
    from: u32,
    length: u32,
) -> bool {
    // SAFETY: passed on.
    let copied = unsafe {
        with_instance(context, |instance| {
            let memory = MemoryIndex::from_u32(memory);
            let data = DataIndex::from_u32(data);
            Ok(instance.memory_init(memory, data, to, from, length)?)
        })
    };
    copied.is_some()
}

/// # Safety
/// As for [`with_instance`].
unsafe extern "C" fn data_drop(context: *mut c_void, data: u32) -> bool {
    // SAFETY: passed on.
    let dropped = unsafe {
        with_instance(context, |instance| {
            instance.data_drop(DataIndex::from_u32(data));
            Ok(())
        })
    };
    dropped.is_some()
}

/// # Safety
/// As for [`with_instance`].
unsafe extern "C" fn table_grow(
    context: *mut c_void,
    table: u32,
    delta: u64,
    element: usize,
) -> i64 {
    // SAFETY: passed on.
    unsafe {
        value_or_failure(context, |instance, store| {
            let table = instance.table(TableIndex::from_u32(table));
            let old = store.grow_table(table, delta, element)?;
            Ok(old.map_or(GROW_FAILED, |size| size as i64))
        })
    }
}

/// # Safety
/// As for [`with_instance`].
unsafe extern "C" fn table_fill(
    context: *mut c_void,
    table: u32,
    to: u64,
    element: usize,
    length: u64,
) -> bool {
    // SAFETY: passed on.
    let filled = unsafe {
        with_instance(context, |instance| {
            let table = instance.table(TableIndex::from_u32(table));
            Ok(table.fill(to, element, length)?)
        })
    };
    filled.is_some()
}

/// # Safety
/// As for [`with_instance`].
unsafe extern "C" fn table_copy(
    context: *mut c_void,
    to_table: u32,
    from_table: u32,
    to: u64,
    from: u64,
    length: u64,
) -> bool {
    // SAFETY: passed on.
    let copied = unsafe {
        with_instance(context, |instance| {
            let source = instance.table(TableIndex::from_u32(from_table));
            let target = instance.table(TableIndex::from_u32(to_table));
            Ok(target.copy_from(to, source, from, length)?)
        })
    };
    copied.is_some()
}

/// # Safety
/// As for [`with_instance`].
unsafe extern "C" fn table_init(
    context: *mut c_void,
    table: u32,
    elem: u32,
    to: u64,
    from: u32,
    length: u32,
) -> bool {
    // SAFETY: passed on.
    let copied = unsafe {
        with_instance(context, |instance| {
            let table = TableIndex::from_u32(table);
            instance.table_init(table, ElemIndex::from_u32(elem), to, from, length)
        })
    };
    copied.is_some()
}

/// # Safety
/// As for [`with_instance`].
unsafe extern "C" fn elem_drop(context: *mut c_void, elem: u32) -> bool {
    // SAFETY: passed on.
    let dropped = unsafe {
        with_instance(context, |instance| {
            instance.elem_drop(ElemIndex::from_u32(elem));
            Ok(())
        })
    };
    dropped.is_some()
}

/// # Safety
/// As for [`with_instance`].
unsafe extern "C" fn is_subtype(context: *mut c_void, a: u32, b: u32) -> i64 {
    // SAFETY: passed on.
    let is_subtype = unsafe {
        with_instance(context, |instance| {
            let engine = instance.module().engine();
            Ok(engine.is_subtype(TypeId(a), TypeId(b)))
        })
    };
    is_subtype.map_or(BUILTIN_FAILED, i64::from)
}

/// `context.get` in the `Libcall` lowering.
///
/// # Safety
/// `context` is what compiled code passed as its context; `slot` is 0 or 1.
unsafe extern "C" fn context_get(context: *mut c_void, slot: u32) -> u64 {
    // SAFETY: only code of a component calls this, so its context has slots; they are only
    // touched by who runs now. An index out of range, which validation rules out, reads as zero.
    unsafe {
        let slots = &*(*context.cast::<VMHeader>()).context;
        slots.get(slot as usize).copied().unwrap_or(0)
    }
}

/// `context.set` in the `Libcall` lowering.
///
/// # Safety
/// As for [`context_get`].
unsafe extern "C" fn context_set(context: *mut c_void, slot: u32, value: u64) {
    // SAFETY: as in `context_get`.
    unsafe {
        let slots = &mut *(*context.cast::<VMHeader>()).context;
        if let Some(slot) = slots.get_mut(slot as usize) {
            *slot = value;
        }
    }
}
