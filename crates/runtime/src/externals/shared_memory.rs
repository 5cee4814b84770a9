//! [`SharedMemory`], a memory that threads share.

use super::MemoryAccessError;
use crate::Engine;
use crate::trap::Trap;
use crate::vm::{SharedLinearMemory, WaitResult};
use anyhow::{Context as _, Result};
use std::sync::Arc;
use std::sync::atomic::AtomicU8;
use std::time::Duration;
use threadline_environ::MemoryType;

/// Waits that the host begins end by notifications and time-outs only.
const FOR_EVER: Option<fn() -> Result<(), Trap>> = None;

/// A memory that instances share, in one store or in several, on one thread or on several.
///
/// Cheap to clone; clones are the same memory. It belongs to an engine and to no store, so it can
/// be imported into any store of that engine: see [`Linker::define`](crate::Linker::define) and
/// [`Instance::new`](crate::Instance::new). A module that defines a shared memory and exports it
/// exports one of these.
///
/// Other threads may change its bytes at any time, so there are no slices of plain bytes here as
/// there are of a [`Memory`](crate::Memory): [`data`](SharedMemory::data) is a slice of atomics,
/// and [`read`](SharedMemory::read) and [`write`](SharedMemory::write) copy. A copy that races
/// with a guest is no undefined behaviour, but may hold some of the bytes from before a change
/// and some from after it.
///
/// A guest that executes `memory.atomic.wait` blocks the thread it runs on, without a limit if it
/// says so. An embedder who must get the thread back runs such guests on threads it can leave
/// blocked, and wakes them with [`atomic_notify`](SharedMemory::atomic_notify). A memory that is
/// not shared can't be waited on.
#[derive(Clone, Debug)]
pub struct SharedMemory {
    engine: Engine,
    raw: Arc<SharedLinearMemory>,
}

impl SharedMemory {
    /// Makes a shared memory. Address space for its maximum is set aside at once.
    ///
    /// # Errors
    /// If the type is not shared, is invalid or has no maximum, or there is no room.
    pub fn new(engine: &Engine, ty: MemoryType) -> Result<SharedMemory> {
        let raw = SharedLinearMemory::new(&ty, engine.tunables())?;
        Ok(SharedMemory::from_raw(engine, Arc::new(raw)))
    }

    /// Its type, with the limits it was declared with.
    pub fn ty(&self) -> MemoryType {
        self.raw.ty()
    }

    /// The engine it was made with.
    pub fn engine(&self) -> &Engine {
        &self.engine
    }

    /// Its size in pages, now. It may grow at any time, and never shrinks.
    pub fn size(&self) -> u64 {
        self.raw.byte_length() as u64 >> self.raw.ty().page_size_log2
    }

    /// Its size in bytes, now.
    pub fn data_size(&self) -> usize {
        self.raw.byte_length()
    }

    /// Its bytes, as many as there are now.
    ///
    /// For wider accesses, a pointer to an element may be made a pointer to a wider atomic if it is
    /// aligned for that; accesses that are not atomic race with guests.
    pub fn data(&self) -> &[AtomicU8] {
        self.raw.bytes()
    }

    /// Adds `delta` pages; the size before in pages. Every thread sees the new size at once.
    ///
    /// This asks no [`ResourceLimiter`](crate::ResourceLimiter): those belong to stores, and limit
    /// what guests do.
    ///
    /// # Errors
    /// If its maximum or the system doesn't allow it.
    pub fn grow(&self, delta: u64) -> Result<u64> {
        let grown = self.raw.grow(delta);
        grown.with_context(|| format!("failed to grow memory by `{delta}` pages"))
    }

    /// Copies bytes out of it, from `offset` on.
    ///
    /// # Errors
    /// If they are not all in bounds; then nothing is copied.
    pub fn read(&self, offset: usize, buffer: &mut [u8]) -> Result<(), MemoryAccessError> {
        let read = self.raw.read(offset as u64, buffer);
        read.map_err(|_| MemoryAccessError)
    }

    /// Copies bytes into it, at `offset`.
    ///
    /// # Errors
    /// If they don't all fit; then nothing is copied.
    pub fn write(&self, offset: usize, buffer: &[u8]) -> Result<(), MemoryAccessError> {
        let written = self.raw.write(offset as u64, buffer);
        written.map_err(|_| MemoryAccessError)
    }

    /// `memory.atomic.notify`: wakes at most `count` of the threads that wait at an address; how
    /// many.
    ///
    /// # Errors
    /// If the address is no multiple of 4 or out of bounds.
    pub fn atomic_notify(&self, address: u64, count: u32) -> Result<u32, Trap> {
        self.raw.notify(address, count)
    }

    /// `memory.atomic.wait32`: blocks this thread until it is notified at an address, if the four
    /// bytes there are what is expected.
    ///
    /// # Errors
    /// If the address is no multiple of 4 or out of bounds.
    pub fn atomic_wait32(
        &self,
        address: u64,
        expected: u32,
        timeout: Option<Duration>,
    ) -> Result<WaitResult, Trap> {
        self.raw.wait32(address, expected, timeout, FOR_EVER)
    }

    /// `memory.atomic.wait64`: as [`atomic_wait32`](SharedMemory::atomic_wait32), with eight bytes.
    ///
    /// # Errors
    /// If the address is no multiple of 8 or out of bounds.
    pub fn atomic_wait64(
        &self,
        address: u64,
        expected: u64,
        timeout: Option<Duration>,
    ) -> Result<WaitResult, Trap> {
        self.raw.wait64(address, expected, timeout, FOR_EVER)
    }

    /// Whether both are the same memory.
    pub fn same(a: &SharedMemory, b: &SharedMemory) -> bool {
        Arc::ptr_eq(&a.raw, &b.raw)
    }

    pub(crate) fn from_raw(engine: &Engine, raw: Arc<SharedLinearMemory>) -> SharedMemory {
        SharedMemory {
            engine: engine.clone(),
            raw,
        }
    }

    pub(crate) fn raw(&self) -> &Arc<SharedLinearMemory> {
        &self.raw
    }
}
