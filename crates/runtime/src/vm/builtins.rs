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
use super::sys::arch::{call_and_switch, call_on_host_stack};
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

/// A function that compiled code calls for a host function, which runs on the host's stack.
macro_rules! on_host_stack {
    ($target:path) => {{
        #[unsafe(naked)]
        unsafe extern "C" fn call() {
            call_on_host_stack!($target)
        }
        call as *const c_void
    }};
}

/// The same for a host function that may switch threads.
macro_rules! switching {
    ($target:path) => {{
        #[unsafe(naked)]
        unsafe extern "C" fn call() {
            call_and_switch!($target)
        }
        call as *const c_void
    }};
}

/// How many parameters both processors' conventions pass in registers, the context among them.
const MAX_PARAMS: usize = 6;

const _: () = {
    let mut i = 0;
    while i < COUNT {
        // Parameters on the guest's stack would not be found on the host's.
        assert!(BuiltinIndex::ALL[i].params().len() < MAX_PARAMS);
        i += 1;
    }
};

/// What compiled code calls for a builtin. Those that run on the guest's own stack are a few
/// instructions without a frame.
const fn pointer(builtin: BuiltinIndex) -> *const c_void {
    match builtin {
        BuiltinIndex::Raise => on_host_stack!(raise),
        BuiltinIndex::Trap => on_host_stack!(trap),
        BuiltinIndex::MemoryGrow => on_host_stack!(memory_grow),
        BuiltinIndex::MemoryAtomicNotify => on_host_stack!(memory_atomic_notify),
        BuiltinIndex::MemoryAtomicWait32 => on_host_stack!(memory_atomic_wait32),
        BuiltinIndex::MemoryAtomicWait64 => on_host_stack!(memory_atomic_wait64),
        BuiltinIndex::MemoryMove => memory_move as *const c_void,
        BuiltinIndex::MemorySet => memory_set as *const c_void,
        BuiltinIndex::MemoryCopy => on_host_stack!(memory_copy),
        BuiltinIndex::MemoryFill => on_host_stack!(memory_fill),
        BuiltinIndex::MemoryInit => on_host_stack!(memory_init),
        BuiltinIndex::DataDrop => on_host_stack!(data_drop),
        BuiltinIndex::TableGrow => on_host_stack!(table_grow),
        BuiltinIndex::TableFill => on_host_stack!(table_fill),
        BuiltinIndex::TableCopy => on_host_stack!(table_copy),
        BuiltinIndex::TableInit => on_host_stack!(table_init),
        BuiltinIndex::ElemDrop => on_host_stack!(elem_drop),
        BuiltinIndex::ContextGet => context_get as *const c_void,
        BuiltinIndex::ContextSet => context_set as *const c_void,
        BuiltinIndex::HandleFailure => on_host_stack!(handle_failure),
        BuiltinIndex::HandleTableGrow => on_host_stack!(handle_table_grow),
        BuiltinIndex::BorrowScopesGrow => on_host_stack!(borrow_scopes_grow),
        BuiltinIndex::ResourceDestroy => on_host_stack!(resource_destroy),
        BuiltinIndex::BeginLends => on_host_stack!(begin_lends),
        BuiltinIndex::Lend => on_host_stack!(lend),
        BuiltinIndex::EndLends => on_host_stack!(end_lends),
        BuiltinIndex::Transcode => on_host_stack!(transcode),
        BuiltinIndex::IsSubtype => on_host_stack!(is_subtype),
        BuiltinIndex::OutOfFuel => switching!(out_of_fuel),
        BuiltinIndex::NewEpoch => switching!(new_epoch),
        BuiltinIndex::Throw => on_host_stack!(throw),
        BuiltinIndex::ThrowRef => on_host_stack!(throw_ref),
        BuiltinIndex::Concurrency => switching!(concurrency),
        BuiltinIndex::PlainConcurrency => switching!(plain_concurrency),
        BuiltinIndex::TaskCall => switching!(task_call),
        BuiltinIndex::Transfer => on_host_stack!(transfer),
        BuiltinIndex::TaskScope => on_host_stack!(task_scope),
        BuiltinIndex::TaskLends => on_host_stack!(task_lends),
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
