//! Anonymous mappings, for linear memories and stacks.
//!
//! A [`Mapping`] reserves address space that nothing may touch, then makes a prefix of it
//! accessible, which can grow in place. Its safe slices reach that prefix only. Whoever gives the
//! base address to compiled code answers for the aliasing that follows from it.

use super::page_size;
use rustix::mm::{Advice, MapFlags, MprotectFlags, MremapFlags, ProtFlags};
use std::cmp::Ordering;
use std::ffi::c_void;
use std::fs::File;
use std::io;
use std::ptr::{self, NonNull};

/// A private region of address space, unmapped on drop. It never moves, but its contents can.
#[derive(Debug)]
pub(crate) struct Mapping {
    base: NonNull<u8>,
    length: usize,
    accessible: usize,
    /// Where parts of the accessible bytes meet that came from different places, in order. The
    /// system keeps such parts apart, and moves them one by one.
    seams: Vec<usize>,
}

// SAFETY: a mapping belongs to the process, not to a thread, and `Mapping` owns it alone.
unsafe impl Send for Mapping {}
// SAFETY: methods on `&Mapping` only read fields and, through `bytes`, memory that cannot change
// without `&mut Mapping` or a raw pointer whose user answers for it.
unsafe impl Sync for Mapping {}

impl Mapping {
    /// Reserves `length` bytes that fault when touched; a multiple of the page size. No memory
    /// is committed for them.
    ///
    /// # Errors
    /// If there is no such address space, or `length` is zero or no whole number of pages.
    pub(crate) fn reserve(length: usize) -> io::Result<Mapping> {
        check_pages(length)?;
        // SAFETY: the kernel chooses an unused address, so no memory in use is touched.
        let base = unsafe {
            rustix::mm::mmap_anonymous(
                ptr::null_mut(),
                length,
                ProtFlags::empty(),
                MapFlags::PRIVATE | MapFlags::NORESERVE,
            )?
        };
        let base = NonNull::new(base.cast()).ok_or(io::ErrorKind::OutOfMemory)?;
        Ok(Mapping {
            base,
            length,
            accessible: 0,
            seams: Vec::new(),
        })
    }

    /// Makes the first `length` bytes readable and writable, if they are not yet; fresh bytes are
    /// zero. The accessible part never shrinks.
    ///
    /// # Errors
    /// If the system refuses, or if `length` is no whole number of pages or more than was reserved.
    /// Nothing has changed then.
    pub(crate) fn make_accessible(&mut self, length: usize) -> io::Result<()> {
        if length <= self.accessible {
            return Ok(());
        }
        check_pages(length)?;
        if length > self.length {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        // SAFETY: the range lies in this mapping (both ends were checked), which we own.
        unsafe {
            rustix::mm::mprotect(
                self.base.as_ptr().add(self.accessible).cast::<c_void>(),
                length - self.accessible,
                MprotectFlags::READ | MprotectFlags::WRITE,
            )?;
        }
        self.accessible = length;
        Ok(())
    }

    /// Maps a part of a file over `length` accessible bytes, whole pages, which are as they were when
    /// they were made so. They can be written to, which leaves the file as it is. Once in a mapping.
    ///
    /// # Errors
    /// If the system refuses, or not all of them are accessible.
    pub(crate) fn lay_file(
        &mut self,
        start: usize,
        file: (&File, u64),
        length: usize,
    ) -> io::Result<()> {
        check_pages(length)?;
        let end = start.checked_add(length);
        let is_inside = end.is_some_and(|end| end <= self.accessible);
        if !start.is_multiple_of(page_size()) || !is_inside || !self.seams.is_empty() {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        // SAFETY: the range is accessible, so it is in this mapping, which we own: `&mut self` says
        // that nobody uses it.
        unsafe { self.map_file(start, file, length)? };
        self.seams.extend([start, start + length]);
        self.seams.retain(|&seam| seam > 0);
        Ok(())
    }

    /// Makes it what it was when its first `accessible` bytes had just been made accessible: what
    /// the file held, if it begins with one, and zero. For a mapping whose contents never moved.
    ///
    /// # Errors
    /// If the system refuses, or less is accessible. Then what is in it is not known.
    pub(crate) fn renew(&mut self, accessible: usize) -> io::Result<()> {
        check_pages(accessible)?;
        if accessible > self.accessible {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        // SAFETY: both ranges lie in this mapping, which we own, and nobody has references into
        // it. It is private, so what was written to it is nowhere else.
        unsafe {
            let base = self.base.as_ptr();
            rustix::mm::madvise(base.cast(), self.accessible, Advice::LinuxDontNeed)?;
            let rest = self.accessible - accessible;
            if rest > 0 {
                let start = base.add(accessible).cast::<c_void>();
                rustix::mm::mprotect(start, rest, MprotectFlags::empty())?;
            }
        }
        self.accessible = accessible;
        Ok(())
    }

    /// Moves the accessible part to the start of another mapping, of which as much must be
    /// accessible, and nothing in use. Nothing is copied as long as the system moves pages: one that
    /// was never written to still takes no memory.
    ///
    /// # Errors
    /// If less of the other mapping is accessible. Nothing has changed then.
    pub(crate) fn move_contents(&mut self, to: &mut Mapping) -> io::Result<()> {
        let length = self.accessible;
        if length > to.accessible {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        let mut seams = std::mem::take(&mut self.seams);
        seams.push(length);
        let mut start = 0;
        for &end in &seams {
            // SAFETY: the range is in the accessible part of both mappings, which we own; the
            // target's pages are not in use. What is left of it here is given up below.
            unsafe { self.move_range(to, start, end - start) };
            start = end;
        }
        // SAFETY: the mapping is at least that long.
        self.base = unsafe { self.base.add(length) };
        self.length -= length;
        self.accessible = 0;
        to.seams = seams;
        Ok(())
    }

    /// Moves a range to the same place in another mapping. It is no longer mapped here.
    ///
    /// # Safety
    /// The range is accessible in both, and nobody has references into either.
    /// `self` must not touch it again, not even to unmap it.
    unsafe fn move_range(&self, to: &Mapping, start: usize, length: usize) {
        if length == 0 {
            return;
        }
        // SAFETY: by the contract. The system replaces the target's pages; or, where that would be
        // more mappings than it allows, does nothing. Then the bytes are copied, and the source's
        // pages unmapped.
        unsafe {
            let source = self.base.as_ptr().add(start);
            let target = to.base.as_ptr().add(start);
            let (from, onto) = (source.cast::<c_void>(), target.cast::<c_void>());
            let flags = MremapFlags::MAYMOVE;
            if rustix::mm::mremap_fixed(from, length, length, flags, onto).is_err() {
                ptr::copy_nonoverlapping(source, target, length);
                let unmapped = rustix::mm::munmap(from, length);
                debug_assert!(unmapped.is_ok(), "a part of a mapping can be unmapped");
            }
        }
    }

    /// Makes everything from `guard` bytes up readable and writable, for a stack, whose guard is
    /// below it; gives its start. The safe slices don't reach it.
    ///
    /// # Errors
    /// If the system refuses, or `guard` is no whole number of pages below the length.
    pub(super) fn make_accessible_above(&mut self, guard: usize) -> io::Result<*mut u8> {
        check_pages(guard)?;
        if guard >= self.length {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        // SAFETY: the range lies in this mapping, which we own.
        unsafe {
            let start = self.base.as_ptr().add(guard);
            rustix::mm::mprotect(
                start.cast::<c_void>(),
                self.length - guard,
                MprotectFlags::READ | MprotectFlags::WRITE,
            )?;
            Ok(start)
        }
    }

    /// The mapping, which leaves none behind.
    pub(crate) fn take(&mut self) -> Mapping {
        let nothing = Mapping {
            base: NonNull::dangling(),
            length: 0,
            accessible: 0,
            seams: Vec::new(),
        };
        std::mem::replace(self, nothing)
    }

    /// Where it starts.
    pub(crate) fn base(&self) -> *mut u8 {
        self.base.as_ptr()
    }

    /// Bytes reserved.
    pub(crate) fn length(&self) -> usize {
        self.length
    }

    /// The accessible part. Not for memory that compiled code may be writing to.
    #[cfg(test)]
    pub(crate) fn bytes(&self) -> &[u8] {
        // SAFETY: the first `accessible` bytes are readable and writable, are
        // initialised (the kernel zeroes them), and nobody else owns them.
        unsafe { std::slice::from_raw_parts(self.base.as_ptr(), self.accessible) }
    }

    /// The accessible part. Not for memory that compiled code may be touching.
    #[cfg(test)]
    pub(crate) fn bytes_mut(&mut self) -> &mut [u8] {
        // SAFETY: as in `bytes`.
        unsafe { std::slice::from_raw_parts_mut(self.base.as_ptr(), self.accessible) }
    }
}

/// A mapping that is divided up among several users, each of whom answers for its range. The safe
/// slices don't reach there, and what is accessible is not noted.
impl Mapping {
    /// Maps a file, from an offset in it on, over a range, to be written to without changing the file.
    ///
    /// # Safety
    /// The range lies in this mapping, on whole pages, and nobody uses it.
    ///
    /// # Errors
    /// If the system refuses.
    pub(crate) unsafe fn map_file(
        &self,
        offset: usize,
        (file, from): (&File, u64),
        length: usize,
    ) -> io::Result<()> {
        // SAFETY: the caller answers for the range.
        unsafe {
            rustix::mm::mmap(
                self.base.as_ptr().add(offset).cast(),
                length,
                ProtFlags::READ | ProtFlags::WRITE,
                MapFlags::PRIVATE | MapFlags::FIXED,
                file,
                from,
            )?;
        }
        Ok(())
    }

    /// Maps fresh memory over a range, readable and writable.
    ///
    /// # Safety
    /// As for [`Mapping::map_file`].
    ///
    /// # Errors
    /// If the system refuses.
    pub(crate) unsafe fn map_zeros(&self, offset: usize, length: usize) -> io::Result<()> {
        // SAFETY: the caller answers for the range.
        unsafe {
            rustix::mm::mmap_anonymous(
                self.base.as_ptr().add(offset).cast(),
                length,
                ProtFlags::READ | ProtFlags::WRITE,
                MapFlags::PRIVATE | MapFlags::FIXED | MapFlags::NORESERVE,
            )?;
        }
        Ok(())
    }

    /// Changes how many bytes from `offset` on are readable and writable: from `old` to `new`.
    /// Contents stay.
    ///
    /// # Safety
    /// Both ranges lie in this mapping, on whole pages, and nobody uses what is between their
    /// ends.
    ///
    /// # Errors
    /// If the system refuses.
    pub(crate) unsafe fn set_accessible(
        &self,
        offset: usize,
        old: usize,
        new: usize,
    ) -> io::Result<()> {
        let flags = match new.cmp(&old) {
            Ordering::Equal => return Ok(()),
            Ordering::Greater => MprotectFlags::READ | MprotectFlags::WRITE,
            Ordering::Less => MprotectFlags::empty(),
        };
        // SAFETY: the caller answers for the range.
        unsafe {
            let start = self.base.as_ptr().add(offset + old.min(new));
            rustix::mm::mprotect(start.cast::<c_void>(), old.abs_diff(new), flags)?;
        }
        Ok(())
    }

    /// Makes a range what it was when it was mapped: zero, but for `image` from `image_start` on. The
    /// first `kept` bytes are written to, and the rest given back to the system.
    ///
    /// # Safety
    /// The range lies in this mapping, on whole pages, as `kept` does; it is readable and
    /// writable, and nobody uses it. Where the image is, it is a private mapping of a file that has
    /// those bytes, and elsewhere anonymous.
    ///
    /// # Errors
    /// If the system refuses.
    pub(crate) unsafe fn clear(
        &self,
        offset: usize,
        length: usize,
        (image_start, image): (usize, &[u8]),
        kept: usize,
    ) -> io::Result<()> {
        let before = kept.min(image_start);
        let copied = (kept - before).min(image.len());
        // SAFETY: the caller answers for the range, of which the three parts are the first `kept` bytes.
        unsafe {
            let start = self.base.as_ptr().add(offset);
            start.write_bytes(0, before);
            let (middle, rest) = (start.add(before), start.add(before + copied));
            middle.copy_from_nonoverlapping(image.as_ptr(), copied);
            rest.write_bytes(0, kept - before - copied);
            if kept < length {
                let rest = start.add(kept).cast::<c_void>();
                rustix::mm::madvise(rest, length - kept, Advice::LinuxDontNeed)?;
            }
        }
        Ok(())
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        if self.length == 0 {
            return;
        }
        // SAFETY: the region is ours, and by owning `self` the caller gave up every use of it.
        let result = unsafe { rustix::mm::munmap(self.base.as_ptr().cast(), self.length) };
        debug_assert!(result.is_ok(), "a mapping can be unmapped");
    }
}

fn check_pages(length: usize) -> io::Result<()> {
    if length == 0 || !length.is_multiple_of(page_size()) {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reservation_becomes_accessible_in_place() {
        let page = page_size();
        let mut mapping = Mapping::reserve(4 << 30).unwrap();
        let base = mapping.base();
        assert!(mapping.bytes().is_empty());
        mapping.make_accessible(page).unwrap();
        mapping.bytes_mut()[page - 1] = 7;
        mapping.make_accessible(3 * page).unwrap();
        mapping.make_accessible(2 * page).unwrap();
        assert_eq!(mapping.bytes().len(), 3 * page);
        assert_eq!(mapping.bytes()[page - 1], 7);
        assert_eq!(mapping.bytes()[3 * page - 1], 0);
        assert_eq!(mapping.base(), base);
    }

    #[test]
    fn impossible_sizes_are_refused() {
        let page = page_size();
        for length in [0, 1, page + 1, usize::MAX, usize::MAX - page + 1] {
            assert!(Mapping::reserve(length).is_err(), "{length}");
        }
        let mut mapping = Mapping::reserve(2 * page).unwrap();
        for length in [1, 3 * page] {
            assert!(mapping.make_accessible(length).is_err(), "{length}");
        }
        for guard in [0, 1, 2 * page] {
            assert!(mapping.make_accessible_above(guard).is_err(), "{guard}");
        }
        assert_eq!(mapping.bytes().len(), 0);
    }

    #[test]
    fn a_mapping_is_as_new_again() {
        let page = page_size();
        let mut mapping = Mapping::reserve(8 * page).unwrap();
        mapping.make_accessible(2 * page).unwrap();
        mapping.make_accessible(5 * page).unwrap();
        mapping.bytes_mut().fill(7);
        assert!(mapping.renew(6 * page).is_err());
        mapping.renew(2 * page).unwrap();
        assert_eq!(mapping.bytes(), vec![0; 2 * page]);
        mapping.make_accessible(5 * page).unwrap();
        assert_eq!(mapping.bytes(), vec![0; 5 * page]);
    }

    #[test]
    fn contents_move_to_larger_reservations() {
        let page = page_size();
        let mut mapping = Mapping::reserve(2 * page).unwrap();
        let mut written = 0;
        // Pages become accessible and are written to one after the other, before and after moves.
        for reservation in [4, 8, 16] {
            while mapping.bytes().len() < mapping.length() {
                mapping.make_accessible((written + 1) * page).unwrap();
                mapping.bytes_mut()[written * page] = written as u8 + 1;
                written += 1;
            }
            let mut larger = Mapping::reserve(reservation * page).unwrap();
            assert!(mapping.move_contents(&mut larger).is_err());
            larger.make_accessible((written + 1) * page).unwrap();
            mapping.move_contents(&mut larger).unwrap();
            assert!(mapping.bytes().is_empty());
            assert_eq!(mapping.length(), 0);
            mapping = larger;
            let firsts = mapping.bytes().chunks(page).map(|page| page[0]);
            let expected = (1..=written as u8).chain([0]);
            assert!(firsts.eq(expected), "after {written} pages");
            mapping.bytes_mut()[written * page] = written as u8 + 1;
            written += 1;
        }
    }
}
