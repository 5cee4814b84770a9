//! [`Memory`], a handle to a linear memory.

use super::host_instance;
use crate::store::{AsContext, AsContextMut, StoreContext, StoreContextMut, StoreId, StoreOpaque};
use crate::type_registry::LiveTypes;
use crate::vm::DefinedMemory;
use anyhow::{Context as _, Result, ensure};
use std::fmt;
use threadline_environ::module::Module as ModuleInfo;
use threadline_environ::{MemoryIndex, MemoryType};

/// A linear memory of a store.
#[derive(Copy, Clone, Debug)]
pub struct Memory {
    store: StoreId,
    raw: DefinedMemory,
}

/// An access of the host's outside of a memory.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct MemoryAccessError;

impl fmt::Display for MemoryAccessError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("out of bounds memory access")
    }
}

impl std::error::Error for MemoryAccessError {}

impl Memory {
    /// Makes a memory.
    ///
    /// # Errors
    /// If the type is invalid, needs a proposal that is not built, or there is no room.
    pub fn new(mut store: impl AsContextMut, ty: MemoryType) -> Result<Memory> {
        ensure!(
            ty.maximum.is_none_or(|maximum| ty.minimum <= maximum),
            "memory minimum size exceeds its maximum"
        );
        ensure!(
            matches!(ty.page_size_log2, 0 | 16),
            "memory pages are of 1 byte or 64 KiB, not of 2 to the power of {} bytes",
            ty.page_size_log2
        );
        ensure!(!ty.shared, "a shared memory is made by `SharedMemory::new`");
        let store = store.as_context_mut().opaque();
        let mut module = ModuleInfo::default();
        let index: MemoryIndex = module.memories.push(ty);
        let instance = host_instance(store, module, LiveTypes::default())?;
        Ok(Memory::from_raw(store, instance.memory(index)))
    }

    /// Its type, with the limits it was declared with.
    ///
    /// # Panics
    /// If it belongs to another store.
    pub fn ty(&self, store: impl AsContext) -> MemoryType {
        self.owned(store.as_context().opaque()).ty()
    }

    /// Its contents.
    ///
    /// # Panics
    /// If it belongs to another store.
    pub fn data<'a, T: 'static>(&self, store: impl Into<StoreContext<'a, T>>) -> &'a [u8] {
        let store = store.into().opaque();
        self.owned(store).data(store)
    }

    /// Its contents, to be changed.
    ///
    /// # Panics
    /// If it belongs to another store.
    pub fn data_mut<'a, T: 'static>(
        &self,
        store: impl Into<StoreContextMut<'a, T>>,
    ) -> &'a mut [u8] {
        let store = store.into().opaque();
        self.owned(store).data_mut(store)
    }

    /// Its contents and the embedder's data, both to be changed.
    ///
    /// # Panics
    /// If it belongs to another store.
    pub fn data_and_store_mut<'a, T: 'static>(
        &self,
        store: impl Into<StoreContextMut<'a, T>>,
    ) -> (&'a mut [u8], &'a mut T) {
        let store = store.into().0;
        let raw = self.owned(&store.opaque);
        (raw.data_mut(&mut store.opaque), &mut store.data)
    }

    /// Its size in bytes.
    ///
    /// # Panics
    /// If it belongs to another store.
    pub fn data_size(&self, store: impl AsContext) -> usize {
        let store = store.as_context().opaque();
        self.owned(store).data(store).len()
    }

    /// Its size in pages.
    ///
    /// # Panics
    /// If it belongs to another store.
    pub fn size(&self, store: impl AsContext) -> u64 {
        self.owned(store.as_context().opaque()).size()
    }

    /// Copies bytes out of it, from `offset` on.
    ///
    /// # Errors
    /// If they are not all in bounds; then nothing is copied.
    ///
    /// # Panics
    /// If it belongs to another store.
    pub fn read(
        &self,
        store: impl AsContext,
        offset: usize,
        buffer: &mut [u8],
    ) -> Result<(), MemoryAccessError> {
        let store = store.as_context().opaque();
        let data = self.owned(store).data(store);
        let end = offset.checked_add(buffer.len()).ok_or(MemoryAccessError)?;
        buffer.copy_from_slice(data.get(offset..end).ok_or(MemoryAccessError)?);
        Ok(())
    }

    /// Copies bytes into it, at `offset`.
    ///
    /// # Errors
    /// If they don't all fit; then nothing is copied.
    ///
    /// # Panics
    /// If it belongs to another store.
    pub fn write(
        &self,
        mut store: impl AsContextMut,
        offset: usize,
        buffer: &[u8],
    ) -> Result<(), MemoryAccessError> {
        let store = store.as_context_mut().opaque();
        self.owned(store)
            .write(offset as u64, buffer)
            .map_err(|_| MemoryAccessError)
    }

    /// Adds `delta` pages; the size before in pages.
    ///
    /// # Errors
    /// If its maximum, the store's [`ResourceLimiter`](crate::ResourceLimiter) or the system
    /// doesn't allow it.
    ///
    /// # Panics
    /// If it belongs to another store.
    pub fn grow(&self, mut store: impl AsContextMut, delta: u64) -> Result<u64> {
        let store = store.as_context_mut().opaque();
        let raw = self.owned(store);
        store
            .grow_memory(raw, delta)?
            .with_context(|| format!("failed to grow memory by `{delta}` pages"))
    }

    pub(crate) fn from_raw(store: &StoreOpaque, raw: DefinedMemory) -> Memory {
        Memory {
            store: store.id(),
            raw,
        }
    }

    pub(crate) fn store_id(&self) -> StoreId {
        self.store
    }

    /// The memory, once it has been matched with its store.
    pub(crate) fn raw(&self) -> DefinedMemory {
        self.raw
    }

    fn owned(&self, store: &StoreOpaque) -> DefinedMemory {
        store.assert_owns(self.store, "memory");
        self.raw
    }
}
