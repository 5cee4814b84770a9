//! Tables: their elements, growth, and the bulk operations on them.
//!
//! An element is a word: a `*mut VMFuncRef` or an `externref` handle, 0 for null. As with
//! memories, [`TableElements`] owns the storage and [`DefinedTable`] alone writes the
//! `VMTableDefinition`.

use super::core_instance::CoreInstance;
use super::instance_allocator::{TablePool, TableSlot};
use super::pointer::VmPtr;
use crate::trap::Trap;
use anyhow::{Context as _, Result, bail};
use std::alloc::{Layout, alloc_zeroed};
use std::ptr::NonNull;
use std::sync::Arc;
use threadline_environ::layout::VMTableDefinition;
use threadline_environ::{DefinedTableIndex, TableType};

/// The most elements that a table has, whatever its type allows. The limit of the JavaScript
/// embedding, too.
const MAX_ELEMENTS: u64 = 10_000_000;

/// The storage of a table. Elements are accessed through the definition's base only.
pub(crate) struct TableElements {
    storage: Storage,
    maximum: usize,
}

/// Where a table's elements are.
enum Storage {
    /// In memory of their own, which may become other memory when the table grows.
    Own(Vec<usize>),
    /// In a pool, where they never move.
    Slot(TableSlot),
}

impl TableElements {
    /// Nulls, as many as the type's minimum; in a pool if there is one.
    ///
    /// # Errors
    /// If there is no memory for so many, or they are more than we allow, or the pool does.
    pub(crate) fn new(ty: &TableType, pool: Option<&Arc<TablePool>>) -> Result<TableElements> {
        if ty.minimum > MAX_ELEMENTS {
            bail!(
                "table minimum size of {} elements exceeds the limit of {MAX_ELEMENTS}",
                ty.minimum
            );
        }
        let length = ty.minimum as usize;
        let storage = match pool {
            Some(pool) => Storage::Slot(pool.allocate(length)?),
            None => Storage::Own(nulls(length).context("failed to allocate a table")?),
        };
        let limit = pool.map_or(MAX_ELEMENTS, |pool| pool.elements() as u64);
        Ok(TableElements {
            storage,
            maximum: ty.maximum.map_or(limit, |m| m.min(limit)) as usize,
        })
    }

    fn definition(&mut self) -> VMTableDefinition {
        let (base, length) = match &mut self.storage {
            Storage::Own(elements) => (elements.as_mut_ptr(), elements.len()),
            Storage::Slot(slot) => (slot.base(), slot.length()),
        };
        VMTableDefinition { base, length }
    }

    /// Adds elements; `None`, with nothing changed, if the maximum or the system forbids it.
    fn grow(&mut self, delta: u64, element: usize) -> Option<()> {
        let delta = usize::try_from(delta).ok()?;
        let length = self.definition().length.checked_add(delta)?;
        if length > self.maximum {
            return None;
        }
        match &mut self.storage {
            Storage::Own(elements) => {
                elements.try_reserve(delta).ok()?;
                elements.resize(length, element);
                Some(())
            }
            Storage::Slot(slot) => slot.grow(length, element),
        }
    }
}

/// Storage of `length` nulls that takes no memory before it is written to, so that a module
/// can't have memory taken by declaring large tables.
fn nulls(length: usize) -> Option<Vec<usize>> {
    if length == 0 {
        return Some(Vec::new());
    }
    let layout = Layout::array::<usize>(length).ok()?;
    // SAFETY: the layout isn't empty.
    let elements = NonNull::new(unsafe { alloc_zeroed(layout) })?;
    // SAFETY: allocated just now by the global allocator with the layout of so many elements,
    // all of them initialised.
    Some(unsafe { Vec::from_raw_parts(elements.as_ptr().cast(), length, length) })
}

/// A table, by the instance that defines it.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(crate) struct DefinedTable {
    pub(super) instance: VmPtr<CoreInstance>,
    pub(super) index: DefinedTableIndex,
}

impl DefinedTable {
    /// What compiled code reads.
    pub(crate) fn definition(self) -> VmPtr<VMTableDefinition> {
        self.instance.table_definition(self.index)
    }

    /// The type it was declared with.
    pub(crate) fn ty(self) -> TableType {
        let module = self.instance.module();
        module.module.tables[module.module.table_index(self.index)]
    }

    fn elements(self) -> (*mut usize, usize) {
        let definition = self.definition().as_ptr();
        // SAFETY: the definition is in the instance's `VMContext` and always initialised.
        unsafe { ((*definition).base, (*definition).length) }
    }

    /// How many elements it has.
    pub(crate) fn size(self) -> u64 {
        self.elements().1 as u64
    }

    /// Puts the definition right after the table was made or grew.
    pub(super) fn publish(self) {
        let definition = self.instance.table_elements(self.index, |t| t.definition());
        // SAFETY: the definition is in the instance's `VMContext`, which wasm isn't reading now:
        // the host is running.
        unsafe { self.definition().as_ptr().write(definition) };
    }

    /// `table.get`.
    pub(crate) fn get(self, index: u64) -> Option<usize> {
        let element = self.range(index, 1).ok()?;
        // SAFETY: the element is in bounds.
        Some(unsafe { *element })
    }

    /// `table.grow`: the old size, or `None`.
    pub(crate) fn grow(self, delta: u64, element: usize) -> Option<u64> {
        let old = self.size();
        self.instance
            .table_elements(self.index, |t| t.grow(delta, element))?;
        self.publish();
        Some(old)
    }

    /// The address of `length` elements at `at`, if they are in bounds.
    fn range(self, at: u64, length: u64) -> Result<*mut usize, Trap> {
        let (base, size) = self.elements();
        let end = at.checked_add(length).ok_or(Trap::TableOutOfBounds)?;
        if end > size as u64 {
            return Err(Trap::TableOutOfBounds);
        }
        // SAFETY: `at <= end <= size`, so the address is in the storage or just behind it.
        Ok(unsafe { base.add(at as usize) })
    }

    /// `table.fill`.
    pub(crate) fn fill(self, at: u64, element: usize, length: u64) -> Result<(), Trap> {
        let target = self.range(at, length)?;
        for i in 0..length as usize {
            // SAFETY: the range is in bounds.
            unsafe { target.add(i).write(element) };
        }
        Ok(())
    }

    /// `table.copy`.
    pub(crate) fn copy_from(
        self,
        to: u64,
        source: DefinedTable,
        from: u64,
        length: u64,
    ) -> Result<(), Trap> {
        let source = source.range(from, length)?;
        let target = self.range(to, length)?;
        // SAFETY: both ranges are in bounds; they may overlap, and `copy` allows that.
        unsafe { std::ptr::copy(source, target, length as usize) };
        Ok(())
    }

    /// Writes elements at `to`.
    pub(crate) fn write(
        self,
        to: u64,
        elements: impl ExactSizeIterator<Item = usize>,
    ) -> Result<(), Trap> {
        let target = self.range(to, elements.len() as u64)?;
        let length = elements.len();
        for (i, element) in elements.enumerate().take(length) {
            // SAFETY: `i` is below the length that was checked.
            unsafe { target.add(i).write(element) };
        }
        Ok(())
    }
}
