//! Linear memories: their address space, growth, and the bulk operations on them.
//!
//! [`LinearMemory`] owns the mapping; the `VMMemoryDefinition` that compiled code reads is in the
//! `VMContext` of the instance that defines the memory, and is written by [`DefinedMemory`]
//! alone. That of a memory which threads share is elsewhere: see `shared_memory`.

use super::core_instance::CoreInstance;
use super::instance_allocator::{Fresh, MemoryImage, MemoryPool, MemorySlot, SpareMappings};
use super::pointer::VmPtr;
use super::racy;
use super::shared_memory::SharedLinearMemory;
use super::{Mapping, page_size};
use crate::store::StoreOpaque;
use crate::trap::Trap;
use anyhow::{Context as _, Result};
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use threadline_environ::layout::VMMemoryDefinition;
use threadline_environ::{DefinedMemoryIndex, MemoryType, Tunables};

/// The address space of a memory.
pub(crate) struct LinearMemory {
    storage: Storage,
    length: usize,
    maximum: usize,
    page_size_log2: u8,
}

/// Where a memory is.
enum Storage {
    /// In a mapping of its own, that may become another one when it grows.
    Own {
        mapping: Mapping,
        /// How much of it, at the end, no memory reaches into.
        guard: usize,
        /// Who keeps it when the memory is gone, and what it was at first.
        keeper: Option<(Arc<SpareMappings>, Fresh)>,
    },
    /// In a pool, where it never moves.
    Slot(MemorySlot),
}

impl LinearMemory {
    /// Address space for a memory of this type, at its minimal size.
    ///
    /// # Errors
    /// If the system has no room, or the minimum cannot be addressed.
    pub(super) fn new(ty: &MemoryType, tunables: &Tunables) -> Result<LinearMemory> {
        LinearMemory::in_mapping(ty, tunables, None, None)
    }

    /// The same with these contents; zero if there are none. The image, if any, is made for such
    /// memories, so it isn't longer. A spare mapping is used if there is one, and there will be
    /// one when the memory is dropped.
    ///
    /// # Errors
    /// As for [`LinearMemory::new`].
    pub(super) fn on_demand(
        ty: &MemoryType,
        tunables: &Tunables,
        image: Option<&Arc<MemoryImage>>,
        spares: &Arc<SpareMappings>,
    ) -> Result<LinearMemory> {
        LinearMemory::in_mapping(ty, tunables, image, Some(spares))
    }

    fn in_mapping(
        ty: &MemoryType,
        tunables: &Tunables,
        image: Option<&Arc<MemoryImage>>,
        spares: Option<&Arc<SpareMappings>>,
    ) -> Result<LinearMemory> {
        let (length, maximum) = limits(ty)?;
        let guard = tunables.memory_guard_size as usize;
        // A shared memory can't move, so there must be room for all it can become.
        let needed = if ty.shared { maximum } else { length };
        let reservation = tunables.memory_reservation.max(needed) as usize;
        let context = || {
            format!("failed to allocate a linear memory of {length} bytes, {reservation} reserved")
        };
        let fresh = Fresh {
            length: mapping_length(reservation, guard).with_context(context)?,
            accessible: whole_pages(length as usize)?,
            image: image.cloned(),
        };
        let mapping = match spares.and_then(|spares| spares.take(&fresh)) {
            Some(mapping) => mapping,
            None => map(&fresh).with_context(context)?,
        };
        Ok(LinearMemory {
            storage: Storage::Own {
                mapping,
                guard,
                keeper: spares.map(|spares| (spares.clone(), fresh)),
            },
            length: length as usize,
            maximum: maximum as usize,
            page_size_log2: ty.page_size_log2,
        })
    }

    /// A memory in a pool; otherwise as [`LinearMemory::new`].
    ///
    /// # Errors
    /// If the pool has no room, or the minimum is more than its memories may have.
    pub(super) fn in_pool(
        ty: &MemoryType,
        pool: &Arc<MemoryPool>,
        image: Option<&Arc<MemoryImage>>,
    ) -> Result<LinearMemory> {
        let (length, maximum) = limits(ty)?;
        let slot = pool.allocate(whole_pages(length as usize)?, image)?;
        Ok(LinearMemory {
            storage: Storage::Slot(slot),
            length: length as usize,
            maximum: (maximum as usize).min(pool.maximum()),
            page_size_log2: ty.page_size_log2,
        })
    }

    pub(super) fn definition(&self) -> VMMemoryDefinition {
        VMMemoryDefinition {
            base: match &self.storage {
                Storage::Own { mapping, .. } => mapping.base(),
                Storage::Slot(slot) => slot.base(),
            },
            length: self.length,
        }
    }

    /// All addresses that are set aside for it, with its guard.
    pub(super) fn reserved(&self) -> Range<usize> {
        let (base, length) = match &self.storage {
            Storage::Own { mapping, .. } => (mapping.base(), mapping.length()),
            Storage::Slot(slot) => (slot.base(), slot.stride()),
        };
        base.addr()..base.addr().saturating_add(length)
    }

    /// Adds pages; `None`, with nothing changed, if the maximum or the system forbids it.
    pub(super) fn grow(&mut self, delta: u64) -> Option<()> {
        let delta = usize::try_from(delta).ok()?;
        let bytes = delta.checked_mul(1 << self.page_size_log2)?;
        let length = self.length.checked_add(bytes)?;
        if length > self.maximum {
            return None;
        }
        let accessible = whole_pages(length).ok()?;
        match &mut self.storage {
            Storage::Own { mapping, guard, .. } => {
                if length.checked_add(*guard)? > mapping.length() {
                    let reservation = self.length.saturating_mul(2).clamp(length, self.maximum);
                    relocate(mapping, *guard, reservation, accessible)?;
                } else {
                    mapping.make_accessible(accessible).ok()?;
                }
            }
            Storage::Slot(slot) => slot.resize(accessible).ok()?,
        }
        self.length = length;
        Some(())
    }
}

impl Drop for LinearMemory {
    fn drop(&mut self) {
        if let Storage::Own {
            mapping, keeper, ..
        } = &mut self.storage
            && let Some((spares, fresh)) = keeper.take()
        {
            spares.keep(fresh, mapping.take());
        }
    }
}

/// The sizes in bytes that a memory of a type has at first and at most.
fn limits(ty: &MemoryType) -> Result<(u64, u64)> {
    let maximum = ty.maximum_byte_size();
    let length = ty.minimum_byte_size().filter(|&bytes| bytes <= maximum);
    let length = length.with_context(|| {
        let (pages, page_size) = (ty.minimum, ty.page_size());
        format!("memory minimum size of {pages} pages of {page_size} bytes can't be addressed")
    })?;
    Ok((length, maximum))
}

/// Moves a memory to a larger reservation, or if there is none, to one that has room for what
/// must be accessible. 32-bit memories never move where the configuration reserves 4 GiB for them.
fn relocate(
    mapping: &mut Mapping,
    guard: usize,
    reservation: usize,
    accessible: usize,
) -> Option<()> {
    let with_room = |reservation| {
        map(&Fresh {
            length: mapping_length(reservation, guard)?,
            accessible,
            image: None,
        })
    };
    let mut larger = with_room(reservation)
        .or_else(|_| with_room(accessible))
        .ok()?;
    mapping.move_contents(&mut larger).ok()?;
    *mapping = larger;
    Some(())
}

/// The length of a mapping of `reservation` bytes and a guard behind it.
fn mapping_length(reservation: usize, guard: usize) -> Result<usize> {
    let total = whole_pages(reservation)?
        .checked_add(whole_pages(guard)?)
        .context("the size overflows")?;
    Ok(total.max(page_size()))
}

/// A new mapping.
fn map(fresh: &Fresh) -> Result<Mapping> {
    let mut mapping = Mapping::reserve(fresh.length)?;
    mapping.make_accessible(fresh.accessible)?;
    if let Some(image) = &fresh.image {
        mapping.lay_file(image.start(), image.file(), image.bytes().len())?;
    }
    Ok(mapping)
}

/// A size in bytes, rounded up to pages of the system.
fn whole_pages(bytes: usize) -> Result<usize> {
    bytes
        .checked_next_multiple_of(page_size())
        .context("the size overflows")
}

/// A memory, by the instance that defines it.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(crate) struct DefinedMemory {
    pub(super) instance: VmPtr<CoreInstance>,
    pub(super) index: DefinedMemoryIndex,
}

impl DefinedMemory {
    /// What compiled code reads.
    #[inline]
    pub(crate) fn definition(self) -> VmPtr<VMMemoryDefinition> {
        self.instance.memory_definition(self.index)
    }

    /// The type it was declared with.
    pub(crate) fn ty(self) -> MemoryType {
        let module = self.instance.module();
        module.module.memories[module.module.memory_index(self.index)]
    }

    /// The memory, if threads share it.
    pub(crate) fn shared(self) -> Option<Arc<SharedLinearMemory>> {
        self.instance.shared_memory(self.index)
    }

    #[inline]
    fn is_shared(self) -> bool {
        self.instance.is_shared_memory(self.index)
    }

    /// Where it is now: base and length in bytes.
    #[inline]
    fn bytes(self) -> (*mut u8, usize) {
        let definition = self.definition().as_ptr();
        // SAFETY: the definition is always initialised. Another thread may change the length if
        // the memory is shared, atomically, and never changes the base then.
        unsafe {
            let length = AtomicUsize::from_ptr(&raw mut (*definition).length);
            ((*definition).base, length.load(Ordering::SeqCst))
        }
    }

    /// Its contents. Not for shared memories, which no handle to a plain memory refers to.
    #[inline]
    pub(crate) fn data(self, _store: &StoreOpaque) -> &[u8] {
        debug_assert!(!self.is_shared());
        let (base, length) = self.bytes();
        // SAFETY: `length` bytes from `base` are mapped; while the store is borrowed no wasm
        // runs, so nobody writes to them or moves them.
        unsafe { std::slice::from_raw_parts(base, length) }
    }

    /// Its contents, to be changed.
    #[inline]
    pub(crate) fn data_mut(self, _store: &mut StoreOpaque) -> &mut [u8] {
        debug_assert!(!self.is_shared());
        let (base, length) = self.bytes();
        // SAFETY: as in `data`; the store is borrowed mutably, so this is the only slice.
        unsafe { std::slice::from_raw_parts_mut(base, length) }
    }

    /// Its size in bytes.
    pub(super) fn byte_size(self) -> u64 {
        self.bytes().1 as u64
    }

    /// Its size in pages.
    pub(crate) fn size(self) -> u64 {
        self.bytes().1 as u64 >> self.ty().page_size_log2
    }

    /// Puts the definition right after the memory was made or changed its place or size.
    pub(super) fn publish(self) {
        let definition = self.instance.linear_memory(self.index, |m| m.definition());
        let Some(definition) = definition else {
            return self.instance.point_to_shared_memory(self.index);
        };
        // SAFETY: the definition is in the instance's `VMContext`, which wasm isn't reading now:
        // the host is running.
        unsafe { self.definition().as_ptr().write(definition) };
    }

    /// Adds pages: the old size in pages, or `None`. No limiter is asked.
    pub(crate) fn grow(self, delta: u64) -> Option<u64> {
        if let Some(shared) = self.shared() {
            return shared.grow(delta);
        }
        let old = self.size();
        self.instance
            .linear_memory(self.index, |m| m.grow(delta))??;
        self.publish();
        Some(old)
    }

    /// The address of `length` bytes at `at`, if they are in bounds.
    fn range(self, at: u64, length: u64) -> Result<*mut u8, Trap> {
        let (base, size) = self.bytes();
        let end = at.checked_add(length).ok_or(Trap::MemoryOutOfBounds)?;
        if end > size as u64 {
            return Err(Trap::MemoryOutOfBounds);
        }
        // SAFETY: `at <= end <= size`, so the address is in the mapping or just behind it.
        Ok(unsafe { base.add(at as usize) })
    }

    /// Whether an atomic access of `size` bytes at an address is allowed.
    pub(super) fn check_atomic(self, at: u64, size: u64) -> Result<(), Trap> {
        if !at.is_multiple_of(size) {
            return Err(Trap::UnalignedAtomic);
        }
        self.range(at, size).map(drop)
    }

    /// `memory.copy`.
    pub(crate) fn copy_from(
        self,
        to: u64,
        source: DefinedMemory,
        from: u64,
        length: u64,
    ) -> Result<(), Trap> {
        let is_racy = self.is_shared() || source.is_shared();
        let source = source.range(from, length)?;
        let target = self.range(to, length)?;
        // SAFETY: both ranges are in bounds of mapped memory; they may overlap, and both ways of
        // copying allow that. One of them also allows for other threads' accesses.
        unsafe {
            if is_racy {
                racy::copy(source, target, length as usize);
            } else {
                std::ptr::copy(source, target, length as usize);
            }
        }
        Ok(())
    }

    /// `memory.fill`.
    pub(crate) fn fill(self, at: u64, byte: u8, length: u64) -> Result<(), Trap> {
        let target = self.range(at, length)?;
        // SAFETY: the range is in bounds of mapped memory; as for other threads, see `copy_from`.
        unsafe {
            if self.is_shared() {
                racy::fill(target, byte, length as usize);
            } else {
                std::ptr::write_bytes(target, byte, length as usize);
            }
        }
        Ok(())
    }

    /// Writes bytes of the host's into it.
    pub(crate) fn write(self, at: u64, bytes: &[u8]) -> Result<(), Trap> {
        let target = self.range(at, bytes.len() as u64)?;
        // SAFETY: the range is in bounds of mapped memory, which no slice of the host overlaps; as
        // for other threads, see `copy_from`.
        unsafe {
            if self.is_shared() {
                racy::copy(bytes.as_ptr(), target, bytes.len());
            } else {
                std::ptr::copy_nonoverlapping(bytes.as_ptr(), target, bytes.len());
            }
        }
        Ok(())
    }
}
