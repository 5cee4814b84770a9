//! Blocks of memory for contexts, and the counts of instances.

use anyhow::{Result, ensure};
use std::alloc::{Layout, alloc_zeroed, dealloc, handle_alloc_error};
use std::ptr::NonNull;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// How many and how large.
pub(super) struct Limit {
    /// Of what, for messages.
    pub(super) what: &'static str,
    /// How many at a time.
    pub(super) count: usize,
    /// How many bytes each.
    pub(super) size: usize,
}

/// Blocks to be used again.
pub(super) struct BlockPool {
    limit: Limit,
    taken: AtomicUsize,
    /// All of them zero.
    free: Mutex<Vec<Zeroed>>,
}

/// How many blocks are kept; more are given back.
const KEPT: usize = 64;

/// A block that nobody uses.
struct Zeroed {
    base: NonNull<u8>,
    layout: Layout,
}

// SAFETY: it owns its memory, which belongs to no thread.
unsafe impl Send for Zeroed {}

impl Zeroed {
    fn new(layout: Layout) -> Zeroed {
        // SAFETY: every context has a header, so the size isn't zero.
        let base = unsafe { alloc_zeroed(layout) };
        let Some(base) = NonNull::new(base) else {
            handle_alloc_error(layout)
        };
        Zeroed { base, layout }
    }

    fn free(self) {
        // SAFETY: allocated by `new` with this layout, freed here alone.
        unsafe { dealloc(self.base.as_ptr(), self.layout) };
    }
}

/// Leave to have one instance.
pub(in crate::vm) struct Permit(Arc<BlockPool>);

impl Drop for Permit {
    fn drop(&mut self) {
        self.0.taken.fetch_sub(1, Ordering::Relaxed);
    }
}

impl BlockPool {
    pub(super) fn new(limit: Limit) -> BlockPool {
        BlockPool {
            limit,
            taken: AtomicUsize::new(0),
            free: Mutex::default(),
        }
    }

    /// Leave to have one more instance.
    pub(super) fn permit(self: &Arc<BlockPool>) -> Result<Permit> {
        let Limit { what, count, .. } = self.limit;
        let permit = Permit(self.clone());
        let before = self.taken.fetch_add(1, Ordering::Relaxed);
        ensure!(
            before < count,
            "the pooling allocator has room for {count} {what}, and all are in use"
        );
        Ok(permit)
    }

    fn take(&self, layout: Layout) -> Result<Zeroed> {
        let Limit { what, size, .. } = self.limit;
        ensure!(
            layout.size() <= size,
            "the pooling allocator is for {what} of {size} bytes, and this one needs {}",
            layout.size()
        );
        let mut free = self.free.lock().unwrap_or_else(PoisonError::into_inner);
        let found = free.iter().rposition(|block| block.layout == layout);
        let block = found.map(|place| free.swap_remove(place));
        drop(free);
        Ok(block.unwrap_or_else(|| Zeroed::new(layout)))
    }

    fn give_back(&self, block: Zeroed) {
        // SAFETY: the block is so large, and its last user is gone.
        unsafe { block.base.as_ptr().write_bytes(0, block.layout.size()) };
        let mut free = self.free.lock().unwrap_or_else(PoisonError::into_inner);
        if free.len() < KEPT {
            free.push(block);
        } else {
            drop(free);
            block.free();
        }
    }
}

impl Drop for BlockPool {
    fn drop(&mut self) {
        let free = self.free.get_mut().unwrap_or_else(PoisonError::into_inner);
        for block in free.drain(..) {
            block.free();
        }
    }
}

/// Memory for contexts: 16-byte aligned, zero at first, never moved.
pub(in crate::vm) struct Block {
    base: NonNull<u8>,
    layout: Layout,
    /// The permit knows the pool it came from.
    permit: Option<Permit>,
}

impl Block {
    pub(super) fn new(size: usize, pool: Option<&Arc<BlockPool>>) -> Result<Block> {
        let layout = Layout::from_size_align(size, 16)
            .expect("a layout of less than 2^31 bytes, aligned to 16, is valid");
        let permit = pool.map(BlockPool::permit).transpose()?;
        let block = match pool {
            Some(pool) => pool.take(layout)?,
            None => Zeroed::new(layout),
        };
        Ok(Block {
            base: block.base,
            layout,
            permit,
        })
    }

    /// Where it begins.
    pub(in crate::vm) fn base(&self) -> NonNull<u8> {
        self.base
    }
}

impl Drop for Block {
    fn drop(&mut self) {
        let block = Zeroed {
            base: self.base,
            layout: self.layout,
        };
        match &self.permit {
            Some(Permit(pool)) => pool.give_back(block),
            None => block.free(),
        }
    }
}
