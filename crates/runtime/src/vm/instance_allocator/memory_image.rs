//! What memories begin with, ready to be mapped: images that were made when the module was compiled.

use crate::code::ImagePart;
use crate::module::CoreModule;
use crate::vm::{ImageMapping, page_size};
use rustix::fs::MemfdFlags;
use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::sync::Arc;
use threadline_environ::DefinedMemoryIndex;
use threadline_environ::entity::SecondaryMap;
use threadline_environ::module;

/// Memories up to this size are covered to their end, if what is in them is little enough to be copied: that
/// makes two mappings less, and a page that is first read in one instance is there for all.
const WHOLE_UP_TO: usize = 4 << 20;
/// How much is copied for that.
const COPIED_UP_TO: usize = 256 << 10;

/// The first bytes of a memory that aren't zero. Everything around them is.
pub(crate) struct MemoryImage {
    /// The address in the memory where it begins, at a page.
    start: usize,
    file: Arc<File>,
    /// Where it begins in the file.
    offset: u64,
    /// The same for the host to read: a whole number of pages.
    bytes: ImageMapping,
}

impl MemoryImage {
    /// An image that a module has of one of its memories; `None` if it can't be mapped. It is copied if the
    /// module's image isn't in a file, or is little and the memory small.
    fn new(module: &CoreModule, image: &module::MemoryImage) -> Option<MemoryImage> {
        let range = image.range.start as usize..image.range.end as usize;
        let ImagePart { bytes, in_file } = module.image(range)?;
        let start = usize::try_from(image.start).ok()?;
        let info = &module.module;
        let ty = &info.memories[info.memory_index(image.memory)];
        let size = usize::try_from(ty.minimum_byte_size()?).ok()?;
        let size = size.checked_next_multiple_of(page_size())?;
        let is_small = size <= WHOLE_UP_TO && bytes.len() <= COPIED_UP_TO;
        let (start, length, file, offset) = match in_file {
            _ if is_small => (0, size, memory_file(size, start, bytes)?, 0),
            None => (start, bytes.len(), memory_file(bytes.len(), 0, bytes)?, 0),
            Some((file, offset)) => (start, bytes.len(), file, offset),
        };
        let places = [start as u64, offset, length as u64];
        if !places
            .iter()
            .all(|at| at.is_multiple_of(page_size() as u64))
        {
            return None;
        }
        // SAFETY: nobody else has a file that was made here; that a module's file stays as it is, is
        // promised when it is loaded.
        let bytes = unsafe { ImageMapping::of_part(&file, offset, length) }.ok()?;
        Some(MemoryImage {
            start,
            file,
            offset,
            bytes,
        })
    }

    /// Where it begins in the memory, at a page.
    pub(in crate::vm) fn start(&self) -> usize {
        self.start
    }

    /// Where it ends in the memory.
    pub(in crate::vm) fn end(&self) -> usize {
        self.start + self.bytes().len()
    }

    /// What to map, and from where on.
    pub(in crate::vm) fn file(&self) -> (&File, u64) {
        (&self.file, self.offset)
    }

    /// The bytes, a whole number of pages.
    pub(in crate::vm) fn bytes(&self) -> &[u8] {
        self.bytes.bytes()
    }
}

/// A file in memory, of zeros but for some bytes; `None` if the system has no such files.
fn memory_file(length: usize, at: usize, bytes: &[u8]) -> Option<Arc<File>> {
    let file = rustix::fs::memfd_create("threadline-memory", MemfdFlags::CLOEXEC).ok()?;
    let file = File::from(file);
    file.set_len(length as u64).ok()?;
    file.write_all_at(bytes, at as u64).ok()?;
    Some(Arc::new(file))
}

/// What the memories of a module's instances begin with, where that is mapped.
pub(crate) struct StaticData {
    images: SecondaryMap<DefinedMemoryIndex, Option<Arc<MemoryImage>>>,
}

impl StaticData {
    /// The images of a module that have so many bytes. Others are written into memories, as are
    /// those that the system doesn't map.
    pub(crate) fn new(module: &CoreModule, least: usize) -> StaticData {
        let mut images = SecondaryMap::new();
        for image in &module.module.memory_images {
            if image.range.end.saturating_sub(image.range.start) >= least as u64 {
                images[image.memory] = MemoryImage::new(module, image).map(Arc::new);
            }
        }
        StaticData { images }
    }

    /// What a memory begins with.
    pub(crate) fn image(&self, index: DefinedMemoryIndex) -> Option<&Arc<MemoryImage>> {
        self.images[index].as_ref()
    }
}
