//! What a pool may be asked for, checked, and the sizes that follow from it.

use crate::error::PoolError;
use crate::guard::GuardMethod;

/// Distance between two neighbouring colours.
pub(crate) const CACHE_LINE: usize = 64;

/// How many different offsets the tops of stacks have.
pub(crate) const COLOURS: usize = 16;

/// Smallest stack we accept.
pub(crate) const MIN_STACK_SIZE: usize = 16 * 1024;

/// Largest number of stacks a pool may be configured for. It bounds the table of
/// chunks, which is allocated up front so that a signal handler can read it.
pub(crate) const MAX_STACKS: usize = 1 << 24;

/// Options of a [`StackPool`](crate::StackPool).
#[derive(Clone, Debug)]
pub struct PoolConfig {
    /// Bytes in a stack, its guard not counted; a multiple of the page size, at
    /// least 16 KiB. The top may lie up to 960 bytes lower than that (see
    /// [`StackBounds::size`](crate::StackBounds::size) for what is left).
    ///
    /// Default: 128 KiB. Address space is free; page tables are not: a page of
    /// them covers 2 MiB, so each stack in use costs `stack_size / 512` bytes
    /// beside its own pages.
    pub stack_size: usize,
    /// How many stacks may be lent out or idle at once, at most 2<sup>24</sup>.
    ///
    /// Default: 1,048,576.
    pub max_stacks: usize,
    /// How many stacks share a mapping. Default: 1,024.
    pub stacks_per_chunk: usize,
    /// How many idle stacks keep their pages. Default: 32,768.
    pub hot_stacks: usize,
    /// How many bytes at its top an idle stack keeps when it turns cold; rounded
    /// up to whole pages. Default: 0.
    pub keep_resident: usize,
    /// How guards are made. Default: `None`, the best method the kernel has.
    pub guard: Option<GuardMethod>,
}

impl Default for PoolConfig {
    fn default() -> Self {
        Self {
            stack_size: 128 * 1024,
            max_stacks: 1 << 20,
            stacks_per_chunk: 1024,
            hot_stacks: 32 * 1024,
            keep_resident: 0,
            guard: None,
        }
    }
}

/// Sizes, all in bytes but for the count.
#[derive(Clone, Copy)]
pub(crate) struct Geometry {
    /// A page, which is also the size of a guard.
    pub(crate) page: usize,
    /// From one slot to the next: guard and stack.
    pub(crate) slot: usize,
    /// A whole chunk.
    pub(crate) chunk: usize,
    pub(crate) slots_per_chunk: usize,
}

impl Geometry {
    /// The sizes that `config` asks for.
    ///
    /// # Errors
    ///
    /// [`PoolError::BadStackSize`] and [`PoolError::BadCount`]: this checks all of
    /// `config` that can be wrong.
    pub(crate) fn new(config: &PoolConfig) -> Result<Self, PoolError> {
        let page = rustix::param::page_size();
        let size = config.stack_size;
        let bad_size = PoolError::BadStackSize { size, page };
        if size < MIN_STACK_SIZE || !size.is_multiple_of(page) {
            return Err(bad_size);
        }
        for count in [config.max_stacks, config.stacks_per_chunk] {
            if count == 0 || count > MAX_STACKS {
                return Err(PoolError::BadCount { count });
            }
        }
        let slots_per_chunk = config.stacks_per_chunk.min(config.max_stacks);
        let chunk = size
            .checked_add(page)
            .and_then(|slot| slot.checked_mul(slots_per_chunk))
            .filter(|chunk| *chunk <= isize::MAX as usize)
            .ok_or(bad_size)?;
        Ok(Self {
            page,
            slot: size + page,
            chunk,
            slots_per_chunk,
        })
    }
}
