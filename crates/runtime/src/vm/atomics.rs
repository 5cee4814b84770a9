//! The builtins behind `memory.atomic.wait32`, `memory.atomic.wait64` and `memory.atomic.notify`.

use super::builtins::with_instance;
use super::core_instance::InstancePtr;
use super::memory::DefinedMemory;
use super::metering::check_epoch;
use super::parking_spot::WaitResult;
use super::shared_memory::SharedLinearMemory;
use crate::trap::Trap;
use anyhow::Result;
use std::ffi::c_void;
use std::sync::Arc;
use std::time::Duration;
use threadline_environ::{BUILTIN_FAILED, MemoryIndex};

/// Wakes waiting threads; how many. Nobody waits on a memory that is not shared.
///
/// # Safety
/// As for [`with_instance`].
pub(super) unsafe extern "C" fn memory_atomic_notify(
    context: *mut c_void,
    memory: u32,
    address: u64,
    count: u32,
) -> i64 {
    // SAFETY: passed on.
    let woken = unsafe {
        with_instance(context, |instance| {
            let memory = memory_of(instance, memory);
            Ok(match memory.shared() {
                Some(shared) => shared.notify(address, count)?,
                None => {
                    memory.check_atomic(address, 4)?;
                    0
                }
            })
        })
    };
    woken.map_or(BUILTIN_FAILED, i64::from)
}

/// Blocks this thread.
///
/// # Safety
/// As for [`with_instance`].
pub(super) unsafe extern "C" fn memory_atomic_wait32(
    context: *mut c_void,
    memory: u32,
    address: u64,
    expected: u32,
    timeout: i64,
) -> i64 {
    // SAFETY: passed on.
    unsafe {
        wait(context, memory, |memory, patience| {
            memory.wait32(address, expected, duration(timeout), patience)
        })
    }
}

/// Blocks this thread.
///
/// # Safety
/// As for [`with_instance`].
pub(super) unsafe extern "C" fn memory_atomic_wait64(
    context: *mut c_void,
    memory: u32,
    address: u64,
    expected: u64,
    timeout: i64,
) -> i64 {
    // SAFETY: passed on.
    unsafe {
        wait(context, memory, |memory, patience| {
            memory.wait64(address, expected, duration(timeout), patience)
        })
    }
}

/// What a waiting thread asks again and again: whether the epoch lets it.
type Patience<'a> = Option<&'a mut dyn FnMut() -> Result<()>>;

/// # Safety
/// As for [`with_instance`].
unsafe fn wait(
    context: *mut c_void,
    memory: u32,
    body: impl FnOnce(&Arc<SharedLinearMemory>, Patience<'_>) -> Result<WaitResult>,
) -> i64 {
    // SAFETY: passed on; what looks at the epoch runs on this thread, inside of the builtin.
    let ended = unsafe {
        with_instance(context, |instance| {
            let shared = memory_of(instance, memory).shared();
            let shared = shared.ok_or(Trap::AtomicWaitUnshared)?;
            let engine = instance.module().engine();
            let mut patience = || check_epoch(context);
            let interruptible = engine.config().tunables.epoch_interruption;
            body(&shared, interruptible.then_some(&mut patience))
        })
    };
    ended.map_or(BUILTIN_FAILED, |result| result as i64)
}

fn memory_of(instance: InstancePtr, index: u32) -> DefinedMemory {
    instance.memory(MemoryIndex::from_u32(index))
}

/// A negative time-out is none.
fn duration(nanoseconds: i64) -> Option<Duration> {
    u64::try_from(nanoseconds).ok().map(Duration::from_nanos)
}
