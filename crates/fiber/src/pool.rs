//! The memory of many stacks, lent out one at a time.
//!
//! # Layout
//!
//! Memory is reserved a *chunk* at a time, one mapping of many equal slots:
//!
//! ```text
//! chunk base                                                  higher addresses
//! | guard | usable ......... ^ | guard | usable ........ ^ | guard | usable ...
//! |<-------- slot 0 --------|->|<-------- slot 1 -------|->|
//!         limit            top                         top
//!                           |--| colour: 0 to 960 bytes, differs from slot to slot
//! ```
//!
//! - Reserving commits nothing: a page costs memory when it is first touched.
//!   A slot's guard is installed before the slot is first lent out, several at a
//!   time once the pool has grown.
//! - Tops are **coloured**: the set of a first-level cache is picked by the offset
//!   in the page, and stacks that all begin at the same offset would share a
//!   handful of sets. Measured with 50 fibers taking turns: 7.0 to 7.9 ns a switch
//!   without, 4.6 to 6.5 with. (An odd number of pages from slot to slot, which
//!   should do the same for translation buffers, made no difference.)
//! - A guard is one page. That catches code that touches every page it passes, as
//!   Rust's and Cranelift's does; C code compiled without stack probes can step
//!   over it with a frame larger than a page.
//! - Huge pages are declined: they would commit 2 MiB for the first byte touched.
//!
//! # Recycling
//!
//! A returned stack is *hot*: its pages stay, and it is the next one lent out
//! (last in, first out), so caches and page tables still know it. When more than
//! [`PoolConfig::hot_stacks`] are hot, the one that has been idle longest turns
//! *cold*: its pages go back to the system, but for
//! [`PoolConfig::keep_resident`] bytes below its top. Cold stacks are lent out
//! when no hot one is left, and slots never used only after that.
//! [`StackPool::trim`] turns all hot stacks cold. Chunks are unmapped when the
//! pool and all its stacks are gone.
//!
//! Contents are not wiped: a stack is memory for native frames, which write
//! before they read.

use core::fmt;
use core::num::NonZeroUsize;
use core::ptr;
use core::sync::atomic::{AtomicUsize, Ordering};
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rustix::mm::{Advice, MapFlags, ProtFlags};

use crate::config::{CACHE_LINE, COLOURS, Geometry, PoolConfig};
use crate::error::PoolError;
use crate::guard::GuardMethod;
use crate::stack::{Stack, StackBounds};

/// What a pool holds at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PoolStats {
    /// Stacks lent out.
    pub live: usize,
    /// Stacks waiting to be lent out again, hot and cold.
    pub idle: usize,
    /// Of these, the ones that gave their pages back.
    pub cold: usize,
    /// Chunks mapped.
    pub chunks: usize,
    /// Kernel mappings a chunk comes to at most: 1 where guards are lightweight,
    /// 2 a stack where they are not.
    pub mappings_per_chunk: usize,
}

/// A pool of equal stacks. Handles are cheap to clone and all mean the same
/// pool; any OS thread may take a stack, and any other return it.
#[derive(Clone)]
pub struct StackPool(Arc<Shared>);

/// What handles and stacks have in common.
struct Shared {
    geometry: Geometry,
    max_stacks: usize,
    hot_stacks: usize,
    keep_resident: usize,
    guard: GuardMethod,
    /// Base addresses of the chunks, 0 where there is none yet. Written once
    /// each, under the lock of `slots`; read without it.
    chunks: Box<[AtomicUsize]>,
    slots: Mutex<Slots>,
}

/// Which slots are where. A slot is a number; `slot / slots_per_chunk` is its
/// chunk.
struct Slots {
    /// Idle, pages kept; the most recently returned at the back.
    hot: VecDeque<u32>,
    /// Idle, pages given back.
    cold: Vec<u32>,
    /// Slots below this number have been lent out before.
    made: u32,
    /// Slots below this number have a guard: at least the ones made.
    guarded: u32,
    live: u32,
}

impl StackPool {
    /// A pool that has no memory yet: the first chunk comes with the first stack.
    ///
    /// # Errors
    ///
    /// [`PoolError::BadStackSize`] and [`PoolError::BadCount`] when `config`
    /// asks for what can't be had.
    pub fn new(config: &PoolConfig) -> Result<Self, PoolError> {
        let geometry = Geometry::new(config)?;
        let max_stacks = config.max_stacks;
        let chunks = max_stacks.div_ceil(geometry.slots_per_chunk);
        Ok(Self(Arc::new(Shared {
            geometry,
            max_stacks,
            hot_stacks: config.hot_stacks,
            keep_resident: config.keep_resident,
            guard: config.guard.unwrap_or_else(GuardMethod::detect),
            chunks: (0..chunks).map(|_| AtomicUsize::new(0)).collect(),
            slots: Mutex::new(Slots {
                hot: VecDeque::new(),
                cold: Vec::new(),
                made: 0,
                guarded: 0,
                live: 0,
            }),
        })))
    }

    /// Lends out a stack: the one returned last, if there is any.
    ///
    /// # Errors
    ///
    /// [`PoolError::Exhausted`] when all stacks are lent out;
    /// [`PoolError::Reserve`] and [`PoolError::Guard`] when the system refuses
    /// another one.
    pub fn acquire(&self) -> Result<Stack, PoolError> {
        let shared = &*self.0;
        let mut slots = shared.lock();
        let slot = match slots.hot.pop_back() {
            Some(slot) => slot,
            None => match slots.cold.pop() {
                Some(slot) => slot,
                None => shared.make_slot(&mut slots)?,
            },
        };
        slots.live += 1;
        drop(slots);
        Ok(Stack::new(self.clone(), slot, shared.bounds(slot)))
    }

    /// Turns the stacks that are hot now cold: their pages go back to the system,
    /// but for `keep` bytes (rounded up to whole pages) at the top of each. Does
    /// nothing to stacks that are cold already.
    pub fn trim(&self, keep: usize) {
        let hot = self.0.lock().hot.len();
        // The lock is released between stacks, so that others needn't wait for
        // thousands of system calls.
        for _ in 0..hot {
            let mut slots = self.0.lock();
            let Some(slot) = slots.hot.pop_front() else {
                break;
            };
            self.0.discard(slot, keep);
            slots.cold.push(slot);
        }
    }

    /// Whether `addr` is in a guard page of this pool: whether a fault there is
    /// a stack overflow.
    ///
    /// Takes no lock and allocates nothing, so a signal handler may call it.
    pub fn is_guard(&self, addr: usize) -> bool {
        let Geometry {
            page, slot, chunk, ..
        } = self.0.geometry;
        self.0
            .chunks
            .iter()
            .map(|base| base.load(Ordering::Acquire))
            .take_while(|base| *base != 0)
            .filter_map(|base| addr.checked_sub(base))
            .any(|offset| offset < chunk && offset % slot < page)
    }

    /// How many stacks are where.
    pub fn stats(&self) -> PoolStats {
        let slots = self.0.lock();
        let per_chunk = self.0.geometry.slots_per_chunk;
        PoolStats {
            live: slots.live as usize,
            idle: (slots.made - slots.live) as usize,
            cold: slots.cold.len(),
            chunks: (slots.made as usize).div_ceil(per_chunk),
            mappings_per_chunk: match self.0.guard {
                GuardMethod::Lightweight => 1,
                GuardMethod::Protect => 2 * per_chunk,
            },
        }
    }

    /// How this pool makes its guards.
    pub fn guard_method(&self) -> GuardMethod {
        self.0.guard
    }

    /// Takes back what [`StackPool::acquire`] lent out. Only a [`Stack`]'s drop
    /// calls this, once a loan.
    pub(crate) fn release(&self, slot: u32) {
        let mut slots = self.0.lock();
        slots.live -= 1;
        slots.hot.push_back(slot);
        if slots.hot.len() > self.0.hot_stacks
            && let Some(oldest) = slots.hot.pop_front()
        {
            // Under the lock, so that no one is told the pool is exhausted
            // while a stack is merely between two lists.
            self.0.discard(oldest, self.0.keep_resident);
            slots.cold.push(oldest);
        }
    }
}

impl fmt::Debug for StackPool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StackPool")
            .field("stack_size", &(self.0.geometry.slot - self.0.geometry.page))
            .field("max_stacks", &self.0.max_stacks)
            .field("guard", &self.0.guard)
            .field("stats", &self.stats())
            .finish()
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Slots> {
        // Nothing that can panic happens between two changes that belong
        // together, so a poisoned lock still guards a valid state.
        self.slots.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The first address of a slot, its guard, provided its chunk is mapped.
    fn slot_start(&self, slot: u32) -> usize {
        let slot = slot as usize;
        let Geometry {
            slot: size,
            slots_per_chunk,
            ..
        } = self.geometry;
        let base = self.chunks[slot / slots_per_chunk].load(Ordering::Acquire);
        debug_assert_ne!(base, 0, "slot {slot} is in a chunk not mapped yet");
        base + slot % slots_per_chunk * size
    }

    fn bounds(&self, slot: u32) -> StackBounds {
        let start = self.slot_start(slot);
        let colour = slot as usize % COLOURS * CACHE_LINE;
        StackBounds {
            top: address(start + self.geometry.slot - colour),
            limit: address(start + self.geometry.page),
        }
    }

    /// Makes a slot that was never lent out before ready for it.
    fn make_slot(&self, slots: &mut Slots) -> Result<u32, PoolError> {
        let slot = slots.made;
        if slot as usize >= self.max_stacks {
            return Err(PoolError::Exhausted {
                max_stacks: self.max_stacks,
            });
        }
        if slot == slots.guarded {
            slots.guarded += self.guard_slots(slot)?;
        }
        slots.made += 1;
        Ok(slot)
    }

    /// Installs the guards of `slot`, the first without, and perhaps of some that
    /// follow it in its chunk. Returns how many.
    fn guard_slots(&self, slot: u32) -> Result<u32, PoolError> {
        let Geometry {
            page,
            slot: distance,
            slots_per_chunk,
            ..
        } = self.geometry;
        let number = slot as usize;
        let chunk = &self.chunks[number / slots_per_chunk];
        if chunk.load(Ordering::Relaxed) == 0 {
            chunk.store(self.map_chunk()?, Ordering::Release);
        }
        // At most as many as there are already, so that the first stack of a
        // small pool doesn't wait for guards that nobody needs.
        let left = slots_per_chunk - number % slots_per_chunk;
        let count = left.min(number.max(1));
        let first = ptr::with_exposed_provenance_mut(self.slot_start(slot));
        // SAFETY: a guard is the first page of a slot in a chunk that `map_chunk`
        // mapped privately and anonymously for this pool. `left` slots of it, this
        // one and the ones that follow, have never been lent out (they have no
        // guard yet), so nothing lives in them.
        let made = unsafe { self.guard.install(first, page, distance, count) };
        let made = made.map_err(|source| PoolError::Guard {
            method: self.guard,
            stacks: number,
            source,
        })?;
        Ok(u32::try_from(made).expect("a batch of guards is small"))
    }

    /// Reserves a chunk and returns its base address.
    fn map_chunk(&self) -> Result<usize, PoolError> {
        let bytes = self.geometry.chunk;
        let access = ProtFlags::READ | ProtFlags::WRITE;
        let flags = MapFlags::PRIVATE | MapFlags::NORESERVE | MapFlags::STACK;
        // SAFETY: a new mapping at an address of the kernel's choice replaces
        // nothing.
        let base = unsafe { rustix::mm::mmap_anonymous(ptr::null_mut(), bytes, access, flags) }
            .map_err(|source| PoolError::Reserve {
                bytes,
                source: source.into(),
            })?;
        // Fails where the kernel is built without huge pages, which is as good.
        //
        // SAFETY: this advice about the mapping made above changes no contents.
        let _ = unsafe { rustix::mm::madvise(base, bytes, Advice::LinuxNoHugepage) };
        Ok(base.expose_provenance())
    }

    /// Gives the pages of an idle slot back, but for `keep` bytes at its top.
    fn discard(&self, slot: u32, keep: usize) {
        let usable = self.geometry.slot - self.geometry.page;
        let keep = keep.min(usable).next_multiple_of(self.geometry.page);
        let start = self.slot_start(slot) + self.geometry.page;
        if keep == usable {
            return;
        }
        // Best effort: it fails when the process has locked its memory, which is
        // a request to keep the pages.
        //
        // SAFETY: the range is the usable part of a slot of ours. The slot is on
        // neither list of idle ones and not lent out (callers hold the lock and
        // have just taken it off the hot list), so nothing in it is needed.
        let _ = unsafe {
            rustix::mm::madvise(
                ptr::with_exposed_provenance_mut(start),
                usable - keep,
                Advice::LinuxDontNeed,
            )
        };
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        for base in &mut self.chunks {
            let base = *base.get_mut();
            if base == 0 {
                break;
            }
            // SAFETY: `base` is the start of a chunk of this size, mapped by
            // `map_chunk` and unmapped nowhere else. Each `Stack` holds a handle
            // to `self`, so none is left.
            let unmapped = unsafe {
                rustix::mm::munmap(ptr::with_exposed_provenance_mut(base), self.geometry.chunk)
            };
            debug_assert!(unmapped.is_ok(), "unmapping stacks: {unmapped:?}");
        }
    }
}

/// `addr`, which lies inside a mapping.
fn address(addr: usize) -> NonZeroUsize {
    NonZeroUsize::new(addr).expect("the kernel maps nothing of its own choice at address 0")
}
