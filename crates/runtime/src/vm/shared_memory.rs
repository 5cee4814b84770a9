//! Memories that threads share.
//!
//! A shared memory belongs to no instance and no store: everybody who uses it keeps it alive. Its
//! `VMMemoryDefinition` is here, and `VMContext`s point to it. The maximum is reserved when it is
//! made, so its base never changes; its length only grows, under a lock, and is written and read
//! atomically. Threads of guests and of the host access its bytes at any time, so there are no
//! slices of them: the host's accesses are atomic.

use super::memory::LinearMemory;
use super::parking_spot::{ParkingSpot, WaitResult};
use super::racy;
use crate::trap::Trap;
use anyhow::{Result, ensure};
use std::cell::UnsafeCell;
use std::fmt;
use std::sync::atomic::{AtomicU8, AtomicU32, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use threadline_environ::layout::VMMemoryDefinition;
use threadline_environ::{MemoryType, Tunables};

/// A memory that threads share.
pub(crate) struct SharedLinearMemory {
    /// The base never changes; the length is changed by `grow` alone, atomically.
    definition: UnsafeCell<VMMemoryDefinition>,
    ty: MemoryType,
    storage: Mutex<LinearMemory>,
    parking_spot: ParkingSpot,
}

// SAFETY: it owns its mapping, which belongs to no thread.
unsafe impl Send for SharedLinearMemory {}
// SAFETY: the definition's base is never written after `new`, its length and the memory's bytes
// are accessed atomically or by compiled code; the rest is `Sync`.
unsafe impl Sync for SharedLinearMemory {}

impl SharedLinearMemory {
    /// A memory of a shared type, at its minimal size.
    ///
    /// # Errors
    /// If the type is not shared or has no maximum, or the system has no room.
    pub(crate) fn new(ty: &MemoryType, tunables: &Tunables) -> Result<SharedLinearMemory> {
        ensure!(ty.shared, "the memory's type is not shared");
        let Some(maximum) = ty.maximum else {
            anyhow::bail!("shared memories must have maximum sizes");
        };
        ensure!(
            ty.minimum <= maximum,
            "memory minimum size exceeds its maximum"
        );
        let storage = LinearMemory::new(ty, tunables)?;
        Ok(SharedLinearMemory {
            definition: UnsafeCell::new(storage.definition()),
            ty: *ty,
            storage: Mutex::new(storage),
            parking_spot: ParkingSpot::default(),
        })
    }

    /// What compiled code reads.
    pub(super) fn definition(&self) -> *mut VMMemoryDefinition {
        self.definition.get()
    }

    /// The type it was made with.
    pub(crate) fn ty(&self) -> MemoryType {
        self.ty
    }

    /// Its length in bytes, now.
    pub(crate) fn byte_length(&self) -> usize {
        self.length().load(Ordering::SeqCst)
    }

    fn length(&self) -> &AtomicUsize {
        // SAFETY: the definition lives as long as `self`, and everyone accesses its length
        // atomically while it may change.
        unsafe { AtomicUsize::from_ptr(&raw mut (*self.definition.get()).length) }
    }

    fn base(&self) -> *mut u8 {
        // SAFETY: the base is never written while `self` is shared.
        unsafe { (*self.definition.get()).base }
    }

    /// Adds pages; the old size in pages, or `None`, with nothing changed.
    pub(crate) fn grow(&self, delta: u64) -> Option<u64> {
        let storage = self.storage.lock();
        let mut storage = storage.unwrap_or_else(PoisonError::into_inner);
        let old = storage.definition();
        storage.grow(delta)?;
        let new = storage.definition();
        // The maximum is reserved, so there was no reason to move; if there ever is one, nobody
        // must use the new place.
        assert_eq!(old.base, new.base, "a shared memory never moves");
        self.length().store(new.length, Ordering::SeqCst);
        Some(old.length as u64 >> self.ty.page_size_log2)
    }

    /// Its bytes, as many as there are now.
    pub(crate) fn bytes(&self) -> &[AtomicU8] {
        // SAFETY: so many bytes are mapped as long as `self` lives; compiled code accesses them
        // by instructions that are at least as good as relaxed atomics, everyone else by atomics.
        unsafe { std::slice::from_raw_parts(self.base().cast(), self.byte_length()) }
    }

    fn check_range(&self, at: u64, length: u64) -> Result<(), Trap> {
        match at.checked_add(length) {
            Some(end) if end <= self.byte_length() as u64 => Ok(()),
            _ => Err(Trap::MemoryOutOfBounds),
        }
    }

    /// Copies bytes out of it.
    ///
    /// # Errors
    /// [`Trap::MemoryOutOfBounds`].
    pub(crate) fn read(&self, at: u64, buffer: &mut [u8]) -> Result<(), Trap> {
        self.check_range(at, buffer.len() as u64)?;
        // SAFETY: the range is in bounds, and accessed atomically by others; the buffer is ours.
        unsafe {
            let source = self.base().add(at as usize);
            racy::copy(source, buffer.as_mut_ptr(), buffer.len());
        }
        Ok(())
    }

    /// Copies bytes into it.
    ///
    /// # Errors
    /// [`Trap::MemoryOutOfBounds`].
    pub(crate) fn write(&self, at: u64, bytes: &[u8]) -> Result<(), Trap> {
        self.check_range(at, bytes.len() as u64)?;
        // SAFETY: as in `read`; nobody writes to what is borrowed.
        unsafe {
            let target = self.base().add(at as usize);
            racy::copy(bytes.as_ptr(), target, bytes.len());
        }
        Ok(())
    }

    /// The address of an aligned access of `size` bytes, in bounds.
    fn cell(&self, at: u64, size: u64) -> Result<*mut u8, Trap> {
        if !at.is_multiple_of(size) {
            return Err(Trap::UnalignedAtomic);
        }
        self.check_range(at, size)?;
        // SAFETY: just checked to be in bounds.
        Ok(unsafe { self.base().add(at as usize) })
    }

    /// `memory.atomic.wait32`. Blocks the calling thread.
    ///
    /// # Errors
    /// [`Trap::UnalignedAtomic`] or [`Trap::MemoryOutOfBounds`]; that of `patience`.
    pub(crate) fn wait32<E: From<Trap>>(
        &self,
        at: u64,
        expected: u32,
        timeout: Option<Duration>,
        patience: Option<impl FnMut() -> Result<(), E>>,
    ) -> Result<WaitResult, E> {
        let cell = self.cell(at, 4)?.cast();
        // SAFETY: `cell` is in bounds and aligned, and lives as long as `self`.
        let cell = unsafe { AtomicU32::from_ptr(cell) };
        let is_expected = || cell.load(Ordering::SeqCst) == expected;
        self.parking_spot.wait(at, timeout, patience, is_expected)
    }

    /// `memory.atomic.wait64`. Blocks the calling thread.
    ///
    /// # Errors
    /// [`Trap::UnalignedAtomic`] or [`Trap::MemoryOutOfBounds`]; that of `patience`.
    pub(crate) fn wait64<E: From<Trap>>(
        &self,
        at: u64,
        expected: u64,
        timeout: Option<Duration>,
        patience: Option<impl FnMut() -> Result<(), E>>,
    ) -> Result<WaitResult, E> {
        let cell = self.cell(at, 8)?.cast();
        // SAFETY: as in `wait32`.
        let cell = unsafe { AtomicU64::from_ptr(cell) };
        let is_expected = || cell.load(Ordering::SeqCst) == expected;
        self.parking_spot.wait(at, timeout, patience, is_expected)
    }

    /// `memory.atomic.notify`: how many threads were woken.
    ///
    /// # Errors
    /// [`Trap::UnalignedAtomic`] or [`Trap::MemoryOutOfBounds`].
    pub(crate) fn notify(&self, at: u64, count: u32) -> Result<u32, Trap> {
        self.cell(at, 4)?;
        Ok(self.parking_spot.notify(at, count))
    }
}

impl fmt::Debug for SharedLinearMemory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SharedLinearMemory")
            .field("ty", &self.ty)
            .field("byte_length", &self.byte_length())
            .finish_non_exhaustive()
    }
}
