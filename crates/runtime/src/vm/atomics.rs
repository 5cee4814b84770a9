//! The builtins behind `memory.atomic.wait32`, `memory.atomic.wait64` and `memory.atomic.notify`.

use super::builtins::{store_of, with_instance};
use super::core_instance::InstancePtr;
use super::memory::DefinedMemory;
use super::metering::{check_epoch, running_store};
use super::parking_spot::WaitResult;
use super::shared_memory::SharedLinearMemory;
use crate::store::StoreOpaque;
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
        wait(
            context,
            memory,
            duration(timeout),
            |memory, time, patience| memory.wait32(address, expected, time, patience),
        )
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
        wait(
            context,
            memory,
            duration(timeout),
            |memory, time, patience| memory.wait64(address, expected, time, patience),
        )
    }
}

/// What a waiting thread asks again and again: whether the epoch lets it.
type Patience<'a> = Option<&'a mut dyn FnMut() -> Result<()>>;

/// Waits on a shared memory: `body` does, for so long at most.
///
/// # Safety
/// As for [`with_instance`].
unsafe fn wait(
    context: *mut c_void,
    memory: u32,
    timeout: Option<Duration>,
    mut body: impl FnMut(&Arc<SharedLinearMemory>, Option<Duration>, Patience<'_>) -> Result<WaitResult>,
) -> i64 {
    // SAFETY: passed on; what looks at the epoch, or at the store's instances, runs on this thread,
    // inside of the builtin.
    let ended = unsafe {
        with_instance(context, |instance| {
            let shared = memory_of(instance, memory).shared();
            let shared = shared.ok_or(Trap::AtomicWaitUnshared)?;
            let config = instance.module().engine().config();
            if config.tunables.epoch_interruption {
                let mut patience = || check_epoch(context);
                return body(&shared, timeout, Some(&mut patience));
            }
            let limit = config.max_atomic_wait;
            // Most waits end by themselves, and need nothing of what follows.
            if let Some(time) = timeout.filter(|&time| limit.is_none_or(|limit| time <= limit)) {
                return body(&shared, Some(time), None);
            }
            let trap = match timeout {
                Some(_) => Trap::AtomicWaitTooLong,
                None => Trap::AtomicWaitForever,
            };
            // Whether it would block at all.
            let ended = body(&shared, Some(Duration::ZERO), None)?;
            if ended != WaitResult::TimedOut {
                return Ok(ended);
            }
            if is_only_in(running_store(store_of(context))?, &shared) {
                return Err(trap.into());
            }
            match body(&shared, limit, None)? {
                WaitResult::TimedOut => Err(Trap::AtomicWaitTooLong.into()),
                ended => Ok(ended),
            }
        })
    };
    ended.map_or(BUILTIN_FAILED, |result| result as i64)
}

/// Whether nothing has a memory but instances of this store, and the caller.
fn is_only_in(store: &StoreOpaque, memory: &Arc<SharedLinearMemory>) -> bool {
    let asks = 1;
    let others = Arc::strong_count(memory) - asks;
    let instances = store.core_instances();
    let holders = instances.map(|instance| instance.shares_of(memory));
    others == holders.sum()
}

fn memory_of(instance: InstancePtr, index: u32) -> DefinedMemory {
    instance.memory(MemoryIndex::from_u32(index))
}

/// A negative time-out is none.
fn duration(nanoseconds: i64) -> Option<Duration> {
    u64::try_from(nanoseconds).ok().map(Duration::from_nanos)
}
