//! Slots for memories, side by side in one reservation.
//!
//! A slot that is free has nothing of its last user in it: its pages are zero, or what the image
//! says that is still mapped there. It is also kept how much of it is accessible, so that the next
//! memory of the same module costs no system call before it is touched.

use super::{MemoryImage, PoolingAllocationConfig};
use crate::vm::{Mapping, page_size};
use anyhow::{Context as _, Result, bail};
use std::sync::{Arc, Mutex, PoisonError};
use threadline_environ::Tunables;

/// The memories of a pooling allocator.
pub(in crate::vm) struct MemoryPool {
    mapping: Mapping,
    /// From one slot to the next.
    stride: usize,
    total: usize,
    maximum: usize,
    keep_resident: usize,
    slots: Mutex<Slots>,
}

#[derive(Default)]
struct Slots {
    /// How many were ever used: those from there on are as they were reserved.
    used: usize,
    free: Vec<Slot>,
}

/// A slot, free or not.
struct Slot {
    index: usize,
    /// How many bytes from its start are readable and writable.
    accessible: usize,
    /// What is mapped in it.
    image: Option<Arc<MemoryImage>>,
}

/// How many free slots are looked at for one that fits.
const LOOKED_AT: usize = 8;

impl MemoryPool {
    pub(super) fn new(config: &PoolingAllocationConfig, tunables: &Tunables) -> Result<MemoryPool> {
        let maximum = config.max_memory_size;
        let total = config.total_memories as usize;
        let whole = |bytes: usize| bytes.checked_next_multiple_of(page_size());
        let reservation = whole(maximum.max(tunables.memory_reservation as usize));
        let guard = whole(tunables.memory_guard_size as usize);
        let stride = reservation.zip(guard).and_then(|(r, g)| r.checked_add(g));
        let length = stride.and_then(|stride| stride.checked_mul(total));
        let (stride, length) = stride.zip(length).context("the sizes overflow")?;
        let mapping = Mapping::reserve(length.max(page_size())).with_context(|| {
            format!("no address space for {total} memories of {stride} bytes each, with guards")
        })?;
        Ok(MemoryPool {
            mapping,
            stride,
            total,
            maximum,
            keep_resident: config.linear_memory_keep_resident,
            slots: Mutex::default(),
        })
    }

    /// The most bytes that a memory has.
    pub(in crate::vm) fn maximum(&self) -> usize {
        self.maximum
    }

    fn take(&self, image: Option<&Arc<MemoryImage>>) -> Result<Slot> {
        let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        let fits = |slot: &Slot| match (&slot.image, image) {
            (Some(a), Some(b)) => Arc::ptr_eq(a, b),
            (None, None) => true,
            _ => false,
        };
        let start = slots.free.len().saturating_sub(LOOKED_AT);
        let found = slots.free[start..].iter().rposition(fits);
        if let Some(place) = found {
            return Ok(slots.free.swap_remove(start + place));
        }
        if slots.used < self.total {
            slots.used += 1;
            return Ok(Slot {
                index: slots.used - 1,
                accessible: 0,
                image: None,
            });
        }
        let total = self.total;
        slots.free.pop().with_context(|| {
            format!("the pooling allocator has room for {total} memories, and all are in use")
        })
    }

    /// A memory of `length` bytes, a whole number of pages, with an image that is not longer.
    pub(in crate::vm) fn allocate(
        self: &Arc<MemoryPool>,
        length: usize,
        image: Option<&Arc<MemoryImage>>,
    ) -> Result<MemorySlot> {
        if length > self.maximum {
            bail!(
                "the pooling allocator is for memories of {} bytes, and this one needs {length}",
                self.maximum
            );
        }
        let slot = self.take(image)?;
        let mut slot = MemorySlot {
            pool: self.clone(),
            slot: Some(slot),
        };
        slot.prepare(length, image)
            .context("failed to prepare a memory")?;
        Ok(slot)
    }
}

/// A memory of a pool. Given back when it is dropped.
pub(in crate::vm) struct MemorySlot {
    pool: Arc<MemoryPool>,
    /// There until it is dropped.
    slot: Option<Slot>,
}

impl MemorySlot {
    /// Where it begins.
    pub(in crate::vm) fn base(&self) -> *mut u8 {
        let offset = self.slot.as_ref().map_or(0, |slot| slot.index) * self.pool.stride;
        self.pool.mapping.base().wrapping_add(offset)
    }

    /// Bytes from one memory to the next.
    pub(in crate::vm) fn stride(&self) -> usize {
        self.pool.stride
    }

    fn offset(&self) -> usize {
        self.slot.as_ref().map_or(0, |slot| slot.index) * self.pool.stride
    }

    /// Gives it its contents and its size.
    fn prepare(&mut self, length: usize, image: Option<&Arc<MemoryImage>>) -> Result<()> {
        let offset = self.offset();
        let (Some(slot), mapping) = (&mut self.slot, &self.pool.mapping) else {
            return Ok(());
        };
        let is_mapped = match (&slot.image, image) {
            (Some(a), Some(b)) => Arc::ptr_eq(a, b),
            (None, None) => true,
            _ => false,
        };
        if let Some(old) = slot.image.as_ref().filter(|_| !is_mapped) {
            // SAFETY: the slot is this memory's alone, which nobody has the address of yet.
            unsafe { mapping.map_zeros(offset + old.start(), old.bytes().len())? };
            slot.image = None;
        }
        self.resize(length)?;
        if let (Some(slot), Some(new)) = (&mut self.slot, image.filter(|_| !is_mapped)) {
            if new.end() > length {
                bail!("an image of {} bytes is longer than its memory", new.end());
            }
            // SAFETY: as above; the range is in the part that is accessible.
            unsafe {
                let start = offset + new.start();
                self.pool
                    .mapping
                    .map_file(start, new.file(), new.bytes().len())?;
            }
            slot.image = Some(new.clone());
        }
        Ok(())
    }

    /// Makes the first `length` bytes accessible and no more; a whole number of pages.
    ///
    /// # Errors
    /// If the system refuses, or the pool's memories can't be so large.
    pub(in crate::vm) fn resize(&mut self, length: usize) -> std::io::Result<()> {
        let offset = self.offset();
        let Some(slot) = &mut self.slot else {
            return Ok(());
        };
        if length > self.pool.maximum.next_multiple_of(page_size()) {
            return Err(std::io::ErrorKind::OutOfMemory.into());
        }
        let mapping = &self.pool.mapping;
        // SAFETY: the range is in this memory's slot, and what becomes inaccessible is out of the
        // bounds of the memory.
        unsafe { mapping.set_accessible(offset, slot.accessible, length)? };
        slot.accessible = length;
        Ok(())
    }
}

impl Drop for MemorySlot {
    fn drop(&mut self) {
        let Some(slot) = self.slot.take() else {
            return;
        };
        let pool = &self.pool;
        let offset = slot.index * pool.stride;
        let image = slot.image.as_ref();
        let image = image.map_or((0, &[][..]), |image| (image.start(), image.bytes()));
        let kept = pool.keep_resident.min(slot.accessible);
        let kept = kept - kept % page_size();
        // SAFETY: the memory is in this slot, so much of it is accessible, and who used it is
        // gone.
        let cleared = unsafe { pool.mapping.clear(offset, slot.accessible, image, kept) };
        // One that can't be cleared is not used again.
        if cleared.is_ok() {
            let mut slots = pool.slots.lock().unwrap_or_else(PoisonError::into_inner);
            slots.free.push(slot);
        }
    }
}
