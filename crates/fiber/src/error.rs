//! Why a pool can't give what it was asked for.

use core::fmt;
use std::io;

use crate::config::{MAX_STACKS, MIN_STACK_SIZE};
use crate::guard::GuardMethod;

/// Why a pool could not be made, or could not lend out a stack.
#[derive(Debug)]
#[non_exhaustive]
pub enum PoolError {
    /// [`PoolConfig::stack_size`](crate::PoolConfig::stack_size) is too small, too large, or not whole pages.
    BadStackSize {
        /// The size asked for, in bytes.
        size: usize,
        /// The size of a page.
        page: usize,
    },
    /// [`PoolConfig::max_stacks`](crate::PoolConfig::max_stacks) or [`PoolConfig::stacks_per_chunk`](crate::PoolConfig::stacks_per_chunk) is zero or
    /// out of bounds.
    BadCount {
        /// The number asked for.
        count: usize,
    },
    /// All stacks that the pool may have are lent out.
    Exhausted {
        /// [`PoolConfig::max_stacks`](crate::PoolConfig::max_stacks).
        max_stacks: usize,
    },
    /// The system refused the memory for another chunk of stacks.
    Reserve {
        /// The size of the chunk, in bytes.
        bytes: usize,
        /// What the system said.
        source: io::Error,
    },
    /// The system refused a guard page.
    Guard {
        /// The method tried.
        method: GuardMethod,
        /// How many stacks the pool has already.
        stacks: usize,
        /// What the system said.
        source: io::Error,
    },
}

impl fmt::Display for PoolError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BadStackSize { size, page } => write!(
                f,
                "a stack of {size} bytes is not possible: it must be a multiple of the page size \
                 ({page} bytes), at least {MIN_STACK_SIZE} bytes, and a chunk of stacks must fit \
                 in the address space"
            ),
            Self::BadCount { count } => write!(
                f,
                "{count} stacks are not possible: it must be between 1 and {MAX_STACKS}"
            ),
            Self::Exhausted { max_stacks } => write!(
                f,
                "all {max_stacks} stacks of the pool are in use (its configured maximum)"
            ),
            Self::Reserve { bytes, source } => {
                write!(f, "cannot reserve {bytes} bytes for stacks: {source}")
            }
            Self::Guard {
                method: GuardMethod::Lightweight,
                stacks,
                source,
            } => write!(
                f,
                "cannot install the guard page of a stack, having {stacks} of them: {source}"
            ),
            Self::Guard {
                method: GuardMethod::Protect,
                stacks,
                source,
            } => write!(
                f,
                "cannot protect the guard page of a stack, having {stacks} of them: {source} (on \
                 kernels before 6.13 a stack takes two mappings: vm.max_map_count may be too low)"
            ),
        }
    }
}

impl std::error::Error for PoolError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Reserve { source, .. } | Self::Guard { source, .. } => Some(source),
            Self::BadStackSize { .. } | Self::BadCount { .. } | Self::Exhausted { .. } => None,
        }
    }
}
