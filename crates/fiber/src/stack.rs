//! One stack of a pool, and its addresses.
//!
//! How the memory is found, guarded and recycled is in [`crate::pool`]; what
//! runs on it is in the crate root.

use core::fmt;
use core::num::NonZeroUsize;

use crate::pool::StackPool;

/// The usable addresses of a stack: `limit..top`, growing downwards from `top`.
///
/// The guard lies directly below `limit`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct StackBounds {
    /// One past the highest usable address, where the outermost frame begins.
    /// Aligned to a cache line.
    pub top: NonZeroUsize,
    /// The lowest usable address. Aligned to a page.
    pub limit: NonZeroUsize,
}

impl StackBounds {
    /// How many bytes are usable.
    pub fn size(self) -> usize {
        self.top.get() - self.limit.get()
    }

    /// Whether `addr` is on the usable part of this stack.
    pub fn contains(self, addr: usize) -> bool {
        self.limit.get() <= addr && addr < self.top.get()
    }
}

/// A stack, on loan from its [`StackPool`] until it is dropped.
///
/// Its contents are whatever its last user left there. It keeps the pool's
/// memory mapped, also when the last [`StackPool`] handle is gone.
pub struct Stack {
    pool: StackPool,
    bounds: StackBounds,
    slot: u32,
}

impl Stack {
    /// A stack over the given slot, which the pool has just marked as taken.
    pub(crate) fn new(pool: StackPool, slot: u32, bounds: StackBounds) -> Self {
        Self { pool, bounds, slot }
    }

    /// The usable addresses.
    pub fn bounds(&self) -> StackBounds {
        self.bounds
    }
}

impl fmt::Debug for Stack {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stack")
            .field("slot", &self.slot)
            .field("bounds", &self.bounds)
            .finish_non_exhaustive()
    }
}

impl Drop for Stack {
    fn drop(&mut self) {
        self.pool.release(self.slot);
    }
}
