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
    /// The image whose bytes are those in `range` of a module's image; `None` if it can't be mapped.
    /// If the module's image isn't in a file, neither is this one, which is copied then.
    fn new(module: &CoreModule, start: u64, range: std::ops::Range<usize>) -> Option<MemoryImage> {
        let start = usize::try_from(start).ok()?;
        let ImagePart { bytes, in_file } = module.image(range)?;
        let (file, offset) = match in_file {
            Some((file, offset)) => (file, offset),
            None => {
                let file = rustix::fs::memfd_create("threadline-memory", MemfdFlags::CLOEXEC);
                let file = File::from(file.ok()?);
                file.write_all_at(bytes, 0).ok()?;
                (Arc::new(file), 0)
            }
        };
        let is_whole = |bytes: u64| bytes.is_multiple_of(page_size() as u64);
        if ![start as u64, offset, bytes.len() as u64]
            .into_iter()
            .all(is_whole)
        {
            return None;
        }
        // SAFETY: nobody else has a file that was made here; of a module's, whoever loaded it has
        // promised that it stays as it is.
        let bytes = unsafe { ImageMapping::of_part(&file, offset, bytes.len()) }.ok()?;
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
            let range = image.range.start as usize..image.range.end as usize;
            if range.len() >= least {
                images[image.memory] = MemoryImage::new(module, image.start, range).map(Arc::new);
            }
        }
        StaticData { images }
    }

    /// What a memory begins with.
    pub(crate) fn image(&self, index: DefinedMemoryIndex) -> Option<&Arc<MemoryImage>> {
        self.images[index].as_ref()
    }
}
