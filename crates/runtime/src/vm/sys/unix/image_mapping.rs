//! Where a code image is mapped: bytes that are only read, and code at their end.
//!
//! An image in a file is mapped from there, so that its pages are those of the system's cache and
//! what is never touched is never read. One that was just compiled is copied. Neither is ever
//! writable once it can be read through this.

use super::page_size;
use rustix::mm::{MapFlags, MprotectFlags, ProtFlags};
use std::ffi::c_void;
use std::fs::File;
use std::io;
use std::ops::Range;
use std::ptr::{self, NonNull};
use std::sync::Arc;

/// The bytes of an image. They never move and never change.
#[derive(Debug)]
pub(crate) struct ImageMapping {
    base: NonNull<u8>,
    length: usize,
    /// The whole of which it is, if parts of it may be mapped again.
    file: Option<Arc<File>>,
}

// SAFETY: the mapping is owned by this alone and is only read.
unsafe impl Send for ImageMapping {}
// SAFETY: as for `Send`.
unsafe impl Sync for ImageMapping {}

impl ImageMapping {
    /// A copy of an image.
    ///
    /// # Errors
    /// If there is no memory, or no bytes are given.
    pub(crate) fn copy(image: &[u8]) -> io::Result<ImageMapping> {
        // SAFETY: the kernel chooses an unused address. The copy is done before anybody else can
        // know of it.
        unsafe {
            let base = rustix::mm::mmap_anonymous(
                ptr::null_mut(),
                image.len(),
                ProtFlags::READ | ProtFlags::WRITE,
                MapFlags::PRIVATE,
            )?;
            let base = NonNull::new(base.cast::<u8>()).ok_or(io::ErrorKind::OutOfMemory)?;
            let mapping = ImageMapping {
                base,
                length: image.len(),
                file: None,
            };
            base.as_ptr()
                .copy_from_nonoverlapping(image.as_ptr(), image.len());
            rustix::mm::mprotect(base.as_ptr().cast(), image.len(), MprotectFlags::READ)?;
            Ok(mapping)
        }
    }

    /// A file, mapped.
    ///
    /// # Safety
    /// Nobody changes the file as long as the mapping is there.
    ///
    /// # Errors
    /// If the file can't be mapped, or is empty.
    pub(crate) unsafe fn of_file(file: File) -> io::Result<ImageMapping> {
        let length = rustix::fs::fstat(&file)?.st_size;
        let length = usize::try_from(length).map_err(|_| io::ErrorKind::InvalidInput)?;
        if length == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        // SAFETY: the caller's promise.
        let mut mapping = unsafe { ImageMapping::of_part(&file, 0, length)? };
        mapping.file = Some(Arc::new(file));
        Ok(mapping)
    }

    /// A part of a file, mapped: so many bytes from an offset on, which is at a page.
    ///
    /// # Safety
    /// Nobody changes the file as long as the mapping is there, and the part is in it.
    ///
    /// # Errors
    /// If the file can't be mapped.
    pub(crate) unsafe fn of_part(
        file: &File,
        offset: u64,
        length: usize,
    ) -> io::Result<ImageMapping> {
        // SAFETY: the kernel chooses an unused address; that the bytes stay as they are is the
        // caller's promise.
        let base = unsafe {
            rustix::mm::mmap(
                ptr::null_mut(),
                length,
                ProtFlags::READ,
                MapFlags::PRIVATE,
                file,
                offset,
            )?
        };
        let base = NonNull::new(base.cast()).ok_or(io::ErrorKind::OutOfMemory)?;
        Ok(ImageMapping {
            base,
            length,
            file: None,
        })
    }

    /// The file that it is the whole of, if it is one.
    pub(crate) fn file(&self) -> Option<&Arc<File>> {
        self.file.as_ref()
    }

    /// Forgets the file: no part of it is mapped again.
    pub(crate) fn forget_file(&mut self) {
        self.file = None;
    }

    /// Makes the code executable, for good. It begins at a page and reaches to the end.
    ///
    /// # Errors
    /// If the system refuses, or the range is not like that.
    pub(crate) fn make_executable(&mut self, text: Range<usize>) -> io::Result<()> {
        let is_whole = text.start.is_multiple_of(page_size()) && text.end == self.length;
        if !is_whole || text.start > text.end {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        if text.is_empty() {
            return Ok(());
        }
        // SAFETY: the range is part of this mapping, and is not writable before or after.
        unsafe {
            rustix::mm::mprotect(
                self.base.as_ptr().add(text.start).cast::<c_void>(),
                text.len(),
                MprotectFlags::READ | MprotectFlags::EXEC,
            )?;
        }
        crate::vm::sys::arch::synchronize_instructions(&self.bytes()[text])
    }

    /// The image.
    #[inline]
    pub(crate) fn bytes(&self) -> &[u8] {
        // SAFETY: so many bytes are mapped and readable, and nobody changes them: a copy is not
        // writable, and of a file that was promised.
        unsafe { std::slice::from_raw_parts(self.base.as_ptr(), self.length) }
    }
}

impl Drop for ImageMapping {
    fn drop(&mut self) {
        // SAFETY: the mapping is ours, and by owning `self` the caller gave up every use of it.
        let result = unsafe { rustix::mm::munmap(self.base.as_ptr().cast(), self.length) };
        debug_assert!(result.is_ok(), "a mapping can be unmapped");
    }
}
