//! What memories begin with, where that is known when a module is compiled: active data segments become
//! images of whole pages, which instances map instead of copying segment after segment.
//!
//! This is done for all of a module's active segments or for none. It is where each is known to fit in a
//! memory that the module defines, and nothing that comes before can fail: then nobody can tell it from
//! their being written in order. Images may be [`SPREAD`] times as large as what the binary has for them, and
//! take a page besides; where content is farther apart, segments stay what they are.

use super::{ConstExpr, ConstOp, DataSegment, ElemItems, Module, SegmentMode};
use crate::index::{DataIndex, DefinedMemoryIndex, MemoryIndex};
use cranelift_entity::SecondaryMap;
use serde::{Deserialize, Serialize};
use std::ops::Range;

/// How many bytes of images there may be for each byte of data, or of a segment's description.
const SPREAD: u64 = 8;
/// What a segment's description counts for, in bytes.
const DESCRIPTION: u64 = 16;

/// What a memory begins with: whole pages. Everything else in it is zero.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct MemoryImage {
    /// The memory.
    pub memory: DefinedMemoryIndex,
    /// Its address in the memory.
    pub start: u64,
    /// Its bytes, in [`Module::image_bytes`].
    pub range: Range<u64>,
}

/// The data segments of a module: those whose bytes an instance may need.
#[derive(Debug, Default, Clone, Serialize, Deserialize)]
pub struct DataSegments {
    /// By ascending index.
    needed: Vec<(DataIndex, DataSegment)>,
}

impl DataSegments {
    /// Adds the next one of the binary.
    pub fn push(&mut self, segment: DataSegment) {
        let index = DataIndex::from_u32(self.needed.len() as u32);
        self.needed.push((index, segment));
    }

    /// Where a segment is among those that are needed. Others are in images: they are as if they
    /// had been written and dropped.
    pub fn place(&self, index: DataIndex) -> Option<usize> {
        self.needed.binary_search_by_key(&index, |&(i, _)| i).ok()
    }

    /// The segment with this index, if it is needed.
    pub fn get(&self, index: DataIndex) -> Option<&DataSegment> {
        Some(&self.needed[self.place(index)?].1)
    }

    /// Those that are needed.
    pub fn needed(&self) -> impl ExactSizeIterator<Item = (DataIndex, &DataSegment)> {
        self.needed.iter().map(|(index, segment)| (*index, segment))
    }

    /// How many bytes they have.
    pub fn byte_length(&self) -> usize {
        let last = self.needed.last();
        last.map_or(0, |(_, segment)| segment.range.end as usize)
    }

    /// Leaves passive ones alone, with their bytes.
    fn settle(&mut self, bytes: &[u8]) -> Box<[u8]> {
        let mut kept = Vec::new();
        self.needed.retain_mut(|(_, segment)| {
            let is_passive = matches!(segment.mode, SegmentMode::Passive);
            if is_passive {
                let start = kept.len() as u32;
                let range = segment.range.start as usize..segment.range.end as usize;
                kept.extend_from_slice(bytes.get(range).unwrap_or_default());
                segment.range = start..kept.len() as u32;
            }
            is_passive
        });
        kept.into()
    }
}

/// A segment at its address.
type Placed<'a> = (u64, &'a [u8]);

impl Module {
    /// Makes images of active data segments, if they can be, of pages of so many bytes. To be done
    /// once the code has been compiled.
    pub fn settle_data(&mut self, page_size: u64) {
        let Some((images, bytes)) = self.images(page_size) else {
            return;
        };
        self.data_bytes = self.data.settle(&self.data_bytes);
        self.memory_images = images;
        self.image_bytes = bytes.into();
    }

    /// How many bytes its memories' images have.
    pub fn image_length(&self) -> usize {
        let last = self.memory_images.last();
        last.map_or(0, |image| image.range.end as usize)
    }

    fn images(&self, page_size: u64) -> Option<(Vec<MemoryImage>, Vec<u8>)> {
        let placed = self.placed_segments()?;
        let mut images = Vec::new();
        let (mut length, mut allowed) = (0u64, page_size);
        for (memory, segments) in placed.iter().filter(|(_, segments)| !segments.is_empty()) {
            let start = segments.iter().map(|(at, _)| *at).min()?;
            let start = start - start % page_size;
            let ends = segments.iter().map(|(at, bytes)| at + bytes.len() as u64);
            let end = ends.max()?;
            let pages = (end - start).checked_next_multiple_of(page_size)?;
            images.push(MemoryImage {
                memory,
                start,
                range: length..length + pages,
            });
            length += pages;
            let content = segments.iter().map(|(_, bytes)| bytes.len() as u64);
            allowed += SPREAD * content.map(|bytes| bytes + DESCRIPTION).sum::<u64>();
        }
        if images.is_empty() || length > allowed {
            return None;
        }
        let mut bytes = vec![0; usize::try_from(length).ok()?];
        for image in &images {
            for &(at, content) in &placed[image.memory] {
                let at = (image.range.start + at - image.start) as usize;
                bytes[at..at + content.len()].copy_from_slice(content);
            }
        }
        Some((images, bytes))
    }

    /// The active data segments that aren't empty, where they go; `None` if that isn't known.
    fn placed_segments(&self) -> Option<SecondaryMap<DefinedMemoryIndex, Vec<Placed<'_>>>> {
        if !self.elements_fit() {
            return None;
        }
        let mut placed: SecondaryMap<_, Vec<Placed<'_>>> = SecondaryMap::new();
        for (_, segment) in self.data.needed() {
            let SegmentMode::Active { target, offset } = &segment.mode else {
                continue;
            };
            let range = segment.range.start as usize..segment.range.end as usize;
            let bytes = self.data_bytes.get(range)?;
            let at = constant(offset)?;
            let end = at.checked_add(bytes.len() as u64)?;
            if end > self.first_size(*target)? {
                return None;
            }
            if !bytes.is_empty() {
                placed[self.defined_memory_index(*target)?].push((at, bytes));
            }
        }
        Some(placed)
    }

    /// The size in bytes that a memory begins with, if the module defines it and threads don't
    /// share it.
    fn first_size(&self, index: MemoryIndex) -> Option<u64> {
        self.defined_memory_index(index)?;
        let ty = &self.memories[index];
        ty.minimum_byte_size().filter(|_| !ty.shared)
    }

    /// Whether all active element segments fit in tables that the module defines. Their elements'
    /// values can't fail.
    fn elements_fit(&self) -> bool {
        self.elems.values().all(|segment| {
            let SegmentMode::Active { target, offset } = &segment.mode else {
                return true;
            };
            let length = match &segment.items {
                ElemItems::Funcs(funcs) => funcs.len(),
                ElemItems::Exprs(exprs) => exprs.len(),
            };
            let end = constant(offset).and_then(|at| at.checked_add(length as u64));
            let is_defined = self.defined_table_index(*target).is_some();
            is_defined && end.is_some_and(|end| end <= self.tables[*target].minimum)
        })
    }
}

/// The value of a segment's offset, if it is a plain number.
fn constant(offset: &ConstExpr) -> Option<u64> {
    match offset.ops() {
        [ConstOp::I32Const(value)] => Some(u64::from(*value as u32)),
        [ConstOp::I64Const(value)] => Some(*value as u64),
        _ => None,
    }
}
