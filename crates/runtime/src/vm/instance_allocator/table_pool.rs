//! Slots for tables, side by side in one mapping. A slot that is free holds nulls.

use super::PoolingAllocationConfig;
use crate::vm::{Mapping, page_size};
use anyhow::{Context as _, Result, ensure};
use std::sync::{Arc, Mutex, PoisonError};

/// The tables of a pooling allocator.
pub(in crate::vm) struct TablePool {
    mapping: Mapping,
    /// From one slot to the next, in bytes.
    stride: usize,
    elements: usize,
    keep_resident: usize,
    free: Mutex<Vec<usize>>,
    total: usize,
}

impl TablePool {
    pub(super) fn new(config: &PoolingAllocationConfig) -> Result<TablePool> {
        let (total, elements) = (config.total_tables as usize, config.table_elements);
        let stride = elements
            .checked_mul(size_of::<usize>())
            .and_then(|bytes| bytes.checked_next_multiple_of(page_size()));
        let length = stride.and_then(|stride| stride.checked_mul(total));
        let (stride, length) = stride.zip(length).context("the sizes overflow")?;
        let length = length.max(page_size());
        let no_space = || format!("no address space for {total} tables of {elements} elements");
        let mut mapping = Mapping::reserve(length).with_context(no_space)?;
        mapping.make_accessible(length).with_context(no_space)?;
        Ok(TablePool {
            mapping,
            stride,
            elements,
            keep_resident: config.table_keep_resident,
            // The first is taken first.
            free: Mutex::new((0..total).rev().collect()),
            total,
        })
    }

    /// The most elements that a table has.
    pub(in crate::vm) fn elements(&self) -> usize {
        self.elements
    }

    /// A table of so many nulls.
    pub(in crate::vm) fn allocate(self: &Arc<TablePool>, length: usize) -> Result<TableSlot> {
        let (total, elements) = (self.total, self.elements);
        ensure!(
            length <= elements,
            "the pooling allocator is for tables of {elements} elements, and this one needs {length}"
        );
        let mut free = self.free.lock().unwrap_or_else(PoisonError::into_inner);
        let index = free.pop().with_context(|| {
            format!("the pooling allocator has room for {total} tables, and all are in use")
        })?;
        drop(free);
        Ok(TableSlot {
            pool: self.clone(),
            index,
            length,
        })
    }
}

/// A table of a pool. Given back when it is dropped.
pub(in crate::vm) struct TableSlot {
    pool: Arc<TablePool>,
    index: usize,
    /// In elements; those behind are null.
    length: usize,
}

impl TableSlot {
    /// Where its elements are.
    pub(in crate::vm) fn base(&self) -> *mut usize {
        let offset = self.index * self.pool.stride;
        self.pool.mapping.base().wrapping_add(offset).cast()
    }

    /// How many elements it has.
    pub(in crate::vm) fn length(&self) -> usize {
        self.length
    }

    /// Adds elements; `None`, with nothing changed, if there is no room.
    pub(in crate::vm) fn grow(&mut self, length: usize, element: usize) -> Option<()> {
        if length > self.pool.elements {
            return None;
        }
        for place in self.length..length {
            // SAFETY: the place is in this table's slot, all of which is mapped.
            unsafe { self.base().add(place).write(element) };
        }
        self.length = self.length.max(length);
        Some(())
    }
}

impl Drop for TableSlot {
    fn drop(&mut self) {
        let pool = &self.pool;
        let used = (self.length * size_of::<usize>()).next_multiple_of(page_size());
        // To clear a page costs less than to have the system take it away and bring it back.
        let kept = pool.keep_resident.max(page_size()).min(used);
        let kept = kept - kept % page_size();
        let offset = self.index * pool.stride;
        // SAFETY: so much is this table's, and who used it is gone.
        let cleared = unsafe { pool.mapping.clear(offset, used, (0, &[]), kept) };
        if cleared.is_ok() {
            let mut free = pool.free.lock().unwrap_or_else(PoisonError::into_inner);
            free.push(self.index);
        }
    }
}
