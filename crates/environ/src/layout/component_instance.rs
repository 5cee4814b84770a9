//! The block of memory that holds all contexts of a component.
//!
//! ```text
//!   VMComponentContext   VMHeader
//!                        borrow scopes   16       (`VMBorrowScopes`)
//!                        handle tables   16 each  (`VMHandleTable`s, one for each instance)
//!                        resource types  24 each  (`VMResourceType`s)
//!                        instance flags  16 each  (`VMGlobalDefinition`s: adapters import them)
//!                        lowerings       16 each  (host functions behind `canon lower`)
//!                        memories         8 each  (`*mut VMMemoryDefinition` for trampolines)
//!   VMContext            of each core instance but one, in the order they are made
//!   ContextSlots
//!   VMContext            of the core instance that uses the slots most
//! ```
//!
//! The slots are next to the instance that uses them most, so that the displacement from its
//! `VMContext` fits in a byte.

use super::{
    ContextSlots, POINTER_SIZE, VMBorrowScopes, VMGlobalDefinition, VMHandleTable, VMHeader,
    VMResourceType,
};
use crate::index::{
    LoweredIndex, ResourceIndex, RuntimeComponentInstanceIndex, RuntimeInstanceIndex,
    RuntimeMemoryIndex,
};
use core::ffi::c_void;
use cranelift_entity::{EntityRef, PrimaryMap};
use serde::{Deserialize, Serialize};

/// The bit of a component instance's flags that says it may be left (`may_leave`).
pub const FLAG_MAY_LEAVE: i32 = 1;

/// Bytes a block has at most. Distances in it fit in an i32.
const MAX_SIZE: u32 = 1 << 30;

/// A host function behind `canon lower`.
#[derive(Debug, Copy, Clone)]
#[repr(C)]
pub struct VMLowering {
    /// `extern "C" fn(*mut VMComponentContext, data: *mut c_void, options: u32, *mut ValRaw) ->
    /// bool`; flat parameters in, flat results out; `false` means a trap is pending.
    pub call: *const c_void,
    /// Its second argument.
    pub data: *mut c_void,
}

/// How many there are of what a `VMComponentContext` holds.
#[derive(Debug, Copy, Clone, PartialEq, Eq)]
pub struct VMComponentCounts {
    /// Component instances.
    pub instances: u32,
    /// Resource types.
    pub resources: u32,
    /// Lowered host functions.
    pub lowerings: u32,
    /// Memories that steps extract.
    pub memories: u32,
}

/// Where everything is in the block of one component's instances.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct VMComponentLayout {
    borrow_scopes: u32,
    handle_tables: u32,
    resource_types: u32,
    flags: u32,
    lowerings: u32,
    memories: u32,
    context: u32,
    #[serde(with = "crate::serial::map")]
    core_instances: PrimaryMap<RuntimeInstanceIndex, u32>,
    size: u32,
}

const fn size32<T>() -> u32 {
    size_of::<T>() as u32
}

impl VMComponentLayout {
    /// The layout of a block whose core instances' `VMContext`s have these sizes; `main` is the
    /// one that uses the context slots most. `None` if the block would be too large.
    pub fn new(
        counts: VMComponentCounts,
        core_instances: &PrimaryMap<RuntimeInstanceIndex, u32>,
        main: Option<RuntimeInstanceIndex>,
    ) -> Option<VMComponentLayout> {
        let mut next = 0;
        let mut region = |count: u32, size: u32| {
            let start = next;
            let end = count.checked_mul(size)?.checked_add(next)?;
            next = end
                .checked_next_multiple_of(16)
                .filter(|&end| end <= MAX_SIZE)?;
            Some(start)
        };
        region(1, size32::<VMHeader>())?;
        let borrow_scopes = region(1, size32::<VMBorrowScopes>())?;
        let handle_tables = region(counts.instances, size32::<VMHandleTable>())?;
        let resource_types = region(counts.resources, size32::<VMResourceType>())?;
        let flags = region(counts.instances, size32::<VMGlobalDefinition>())?;
        let lowerings = region(counts.lowerings, size32::<VMLowering>())?;
        let memories = region(counts.memories, POINTER_SIZE)?;
        let mut placed = PrimaryMap::with_capacity(core_instances.len());
        for (index, &size) in core_instances {
            let size = if Some(index) == main { 0 } else { size };
            placed.push(region(1, size)?);
        }
        let context = region(1, size32::<ContextSlots>())?;
        if let Some(main) = main {
            placed[main] = region(1, core_instances[main])?;
        }
        Some(VMComponentLayout {
            borrow_scopes,
            handle_tables,
            resource_types,
            flags,
            lowerings,
            memories,
            context,
            core_instances: placed,
            size: next,
        })
    }

    /// Bytes the block takes; its alignment is 16. It begins with the `VMComponentContext`.
    pub fn size(&self) -> u32 {
        self.size
    }

    /// Offset of the [`VMBorrowScopes`].
    pub fn borrow_scopes(&self) -> u32 {
        self.borrow_scopes
    }

    /// Offset of a component instance's [`VMHandleTable`].
    pub fn handle_table(&self, index: RuntimeComponentInstanceIndex) -> u32 {
        self.handle_tables + index.index() as u32 * size32::<VMHandleTable>()
    }

    /// Offset of a [`VMResourceType`].
    pub fn resource_type(&self, index: ResourceIndex) -> u32 {
        self.resource_types + index.index() as u32 * size32::<VMResourceType>()
    }

    /// Offset of a component instance's flags, an i32 in a [`VMGlobalDefinition`].
    pub fn flags(&self, index: RuntimeComponentInstanceIndex) -> u32 {
        self.flags + index.index() as u32 * size32::<VMGlobalDefinition>()
    }

    /// Offset of a [`VMLowering`].
    pub fn lowering(&self, index: LoweredIndex) -> u32 {
        self.lowerings + index.index() as u32 * size32::<VMLowering>()
    }

    /// Offset of a `*mut VMMemoryDefinition`.
    pub fn memory(&self, index: RuntimeMemoryIndex) -> u32 {
        self.memories + index.index() as u32 * POINTER_SIZE
    }

    /// Offset of the [`ContextSlots`].
    pub fn context(&self) -> u32 {
        self.context
    }

    /// Offset of a core instance's `VMContext`, whose alignment is 16.
    pub fn core_instance(&self, index: RuntimeInstanceIndex) -> u32 {
        self.core_instances[index]
    }

    /// What to add to the address of a core instance's `VMContext` to get at the slots.
    pub fn context_distance(&self, index: RuntimeInstanceIndex) -> i32 {
        // Both are at most `MAX_SIZE`.
        self.context as i32 - self.core_instance(index) as i32
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const COUNTS: VMComponentCounts = VMComponentCounts {
        instances: 2,
        resources: 3,
        lowerings: 3,
        memories: 1,
    };

    #[test]
    fn the_slots_lie_right_below_the_instance_that_uses_them_most() {
        let sizes: PrimaryMap<_, _> = [100, 200, 300].into_iter().collect();
        let main = RuntimeInstanceIndex::from_u32(1);
        let layout = VMComponentLayout::new(COUNTS, &sizes, Some(main)).unwrap();
        assert_eq!(layout.context_distance(main), -16);
        assert_eq!(layout.core_instance(main) + 208, layout.size());
    }

    #[test]
    fn nothing_overlaps() {
        let sizes: PrimaryMap<RuntimeInstanceIndex, u32> = [100, 200, 300].into_iter().collect();
        for main in [None, Some(0), Some(1), Some(2)] {
            let main = main.map(RuntimeInstanceIndex::from_u32);
            let layout = VMComponentLayout::new(COUNTS, &sizes, main).unwrap();
            let mut ranges = vec![
                (0, 32),
                (layout.borrow_scopes(), 16),
                (
                    layout.handle_table(RuntimeComponentInstanceIndex::from_u32(0)),
                    32,
                ),
                (layout.resource_type(ResourceIndex::from_u32(0)), 72),
                (layout.flags(RuntimeComponentInstanceIndex::from_u32(0)), 32),
                (layout.lowering(LoweredIndex::from_u32(0)), 48),
                (layout.memory(RuntimeMemoryIndex::from_u32(0)), 8),
                (layout.context(), 16),
            ];
            ranges.extend(
                sizes
                    .iter()
                    .map(|(i, &size)| (layout.core_instance(i), size)),
            );
            ranges.sort_unstable();
            for pair in ranges.windows(2) {
                assert!(pair[0].0 + pair[0].1 <= pair[1].0, "{ranges:?}");
            }
            let last = ranges.last().unwrap();
            assert!(last.0 + last.1 <= layout.size());
        }
    }

    #[test]
    fn a_block_too_large_is_refused() {
        let sizes: PrimaryMap<_, _> = [MAX_SIZE / 2; 3].into_iter().collect();
        assert_eq!(VMComponentLayout::new(COUNTS, &sizes, None), None);
    }
}
