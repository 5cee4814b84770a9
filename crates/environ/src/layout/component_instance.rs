//! The variable-size `VMComponentContext` of a component.
//!
//! ```text
//!   0  VMHeader
//!  32  instance flags     16 each   (a `VMGlobalDefinition`, so adapters import it as a global)
//!      lowerings          16 each   (host functions behind `canon lower`)
//!      memories            8 each   (`*mut VMMemoryDefinition` that trampolines use)
//! ```

use super::{VMGlobalDefinition, VMHeader};
use crate::index::{LoweredIndex, RuntimeComponentInstanceIndex, RuntimeMemoryIndex};
use core::ffi::c_void;
use cranelift_entity::EntityRef;

/// The bit of a component instance's flags that says it may be left (`may_leave`).
pub const FLAG_MAY_LEAVE: i32 = 1;

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

/// Where everything is in the `VMComponentContext` of one component's instances.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VMComponentLayout {
    flags: u32,
    lowerings: u32,
    memories: u32,
    size: u32,
}

const fn size32<T>() -> u32 {
    size_of::<T>() as u32
}

impl VMComponentLayout {
    /// The layout for a component with so many component instances, lowerings and memories.
    pub fn new(instances: u32, lowerings: u32, memories: u32) -> VMComponentLayout {
        let flags = size32::<VMHeader>().next_multiple_of(16);
        let lowerings_at = flags + instances * size32::<VMGlobalDefinition>();
        let memories_at = lowerings_at + lowerings * size32::<VMLowering>();
        VMComponentLayout {
            flags,
            lowerings: lowerings_at,
            memories: memories_at,
            size: (memories_at + memories * super::POINTER_SIZE).next_multiple_of(16),
        }
    }

    /// Bytes a `VMComponentContext` takes; its alignment is 16.
    pub fn size(&self) -> u32 {
        self.size
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
        self.memories + index.index() as u32 * super::POINTER_SIZE
    }
}
