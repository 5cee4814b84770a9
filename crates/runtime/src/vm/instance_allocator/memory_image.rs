//! What memories begin with, ready to be mapped: data segments whose place is known beforehand.

use crate::module::CoreModule;
use crate::vm::{ImageMapping, page_size};
use rustix::fs::MemfdFlags;
use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::sync::Arc;
use threadline_environ::entity::SecondaryMap;
use threadline_environ::module::{ConstExpr, ConstOp, ElemItems, Module, SegmentMode};
use threadline_environ::{DefinedMemoryIndex, MemoryIndex};

/// The most bytes that an image covers. What is between segments takes none.
const MAX_LENGTH: u64 = 64 << 20;
/// Memories up to this size are covered to their end: that makes one mapping less, and a page
/// that is first read in one instance is there for all.
const WHOLE_UP_TO: u64 = 4 << 20;

/// The first bytes of a memory. Everything behind them is zero.
pub(crate) struct MemoryImage {
    file: File,
    /// The same for the host to read.
    bytes: ImageMapping,
}

impl MemoryImage {
    /// An image of segments, by their addresses, for a memory of `minimum` bytes; `None` if the
    /// system has no such files.
    fn new(segments: &[(u64, &[u8])], minimum: u64) -> Option<Arc<MemoryImage>> {
        let end = segments
            .iter()
            .map(|(at, data)| at + data.len() as u64)
            .max()?;
        let length = if minimum <= WHOLE_UP_TO { minimum } else { end };
        let length = length.checked_next_multiple_of(page_size() as u64)?;
        let file = rustix::fs::memfd_create("threadline-memory", MemfdFlags::CLOEXEC).ok()?;
        let file = File::from(file);
        file.set_len(length).ok()?;
        for (at, data) in segments {
            file.write_all_at(data, *at).ok()?;
        }
        // SAFETY: nobody else has the file, and it is not written to any more.
        let bytes = unsafe { ImageMapping::of_file(&file) }.ok()?;
        Some(Arc::new(MemoryImage { file, bytes }))
    }

    /// What to map.
    pub(in crate::vm) fn file(&self) -> &File {
        &self.file
    }

    /// The bytes, a whole number of pages.
    pub(in crate::vm) fn bytes(&self) -> &[u8] {
        self.bytes.bytes()
    }
}

/// All active data segments of a module, when it is known before instantiation that each fits and
/// that nothing goes wrong before they are written: what happens then can't be told from their
/// being written in order.
pub(crate) struct StaticData {
    images: SecondaryMap<DefinedMemoryIndex, Option<Arc<MemoryImage>>>,
}

impl StaticData {
    /// The static data of a module; `None` if it has none, if not all is static, or if there are
    /// less than `least` bytes.
    pub(crate) fn new(module: &CoreModule, least: usize) -> Option<StaticData> {
        let info = &*module.module;
        if !elements_are_static(info) {
            return None;
        }
        let data = module.data_bytes();
        let mut segments: SecondaryMap<DefinedMemoryIndex, Vec<(u64, &[u8])>> = SecondaryMap::new();
        let mut total = 0;
        for segment in info.data.values() {
            let SegmentMode::Active { target, offset } = &segment.mode else {
                continue;
            };
            let bytes = data.get(segment.range.start as usize..segment.range.end as usize)?;
            let at = constant(offset)?;
            let end = at.checked_add(bytes.len() as u64)?;
            if end > minimum(info, *target)?.min(MAX_LENGTH) {
                return None;
            }
            if !bytes.is_empty() {
                total += bytes.len();
                segments[info.defined_memory_index(*target)?].push((at, bytes));
            }
        }
        if total < least.max(1) {
            return None;
        }
        let mut images = SecondaryMap::new();
        for (index, segments) in segments.iter().filter(|(_, segments)| !segments.is_empty()) {
            let minimum = minimum(info, info.memory_index(index))?;
            images[index] = Some(MemoryImage::new(segments, minimum)?);
        }
        Some(StaticData { images })
    }

    /// What a memory begins with.
    pub(crate) fn image(&self, index: DefinedMemoryIndex) -> Option<&Arc<MemoryImage>> {
        self.images[index].as_ref()
    }
}

/// The size in bytes that a memory begins with, if the module defines it and threads don't share
/// it.
fn minimum(module: &Module, index: MemoryIndex) -> Option<u64> {
    module.defined_memory_index(index)?;
    let ty = &module.memories[index];
    ty.minimum_byte_size().filter(|_| !ty.shared)
}

/// Whether all active element segments fit in tables that the module defines. Their elements'
/// values can't fail.
fn elements_are_static(module: &Module) -> bool {
    module.elems.values().all(|segment| {
        let SegmentMode::Active { target, offset } = &segment.mode else {
            return true;
        };
        let length = match &segment.items {
            ElemItems::Funcs(funcs) => funcs.len(),
            ElemItems::Exprs(exprs) => exprs.len(),
        };
        let end = constant(offset).and_then(|at| at.checked_add(length as u64));
        let is_defined = module.defined_table_index(*target).is_some();
        is_defined && end.is_some_and(|end| end <= module.tables[*target].minimum)
    })
}

/// The value of a segment's offset, if it is a plain number.
fn constant(offset: &ConstExpr) -> Option<u64> {
    match offset.ops() {
        [ConstOp::I32Const(value)] => Some(u64::from(*value as u32)),
        [ConstOp::I64Const(value)] => Some(*value as u64),
        _ => None,
    }
}
