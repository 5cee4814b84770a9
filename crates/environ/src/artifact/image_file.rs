//! An image as bytes, in a file or in memory: what is where, and the checks.
//!
//! ```text
//!   magic, kind, version              the same in all versions
//!   length, checksums                 a checksum each for: the tables, the text, the names, the memories
//!   where each section is
//!   tables      settings, descriptions, functions, traps, handlers, data
//!   names       names of functions, code addresses, inlined calls: read for backtraces alone, checked then
//!   memories    what memories begin with, at a whole number of pages
//!   text        at a whole number of pages, up to the end
//! ```
//!
//! A table is a flat array, used where it is; descriptions alone are decoded ([`Descriptions`]).

use super::checksum::checksum;
use super::words::{Words, push};
use super::{
    AddressView, CodeImage, Descriptions, ExceptionView, FuncKey, FunctionRecord, ImageError,
    InlineView, Settings, TrapView,
};
use crate::index::{FuncIndex, StaticModuleIndex};
use cranelift_entity::EntityRef;
use std::ops::Range;

/// How an image begins. Its kind follows.
const MAGIC: [u8; 7] = *b"\0thrdln";

/// What was compiled.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum ImageKind {
    /// A core module.
    Module = b'm',
    /// A component.
    Component = b'c',
}

impl ImageKind {
    /// What an image says it is, by its first bytes; `None` if they are those of no image.
    pub fn detect(bytes: &[u8]) -> Option<ImageKind> {
        match bytes.strip_prefix(&MAGIC)?.first()? {
            b'm' => Some(ImageKind::Module),
            b'c' => Some(ImageKind::Component),
            _ => None,
        }
    }
}

/// What must be the same in whoever made an image and whoever loads it.
pub(super) const VERSION: &str = env!("CARGO_PKG_VERSION");
/// Changes with the format, between releases; `shape.rs` says when the descriptions' has.
pub(super) const FORMAT: u32 = 6;
/// Bytes that the version has room for, with the format in front.
const VERSION_LENGTH: usize = 32;

const VERSION_AT: usize = MAGIC.len() + 1;
const LENGTH_AT: usize = VERSION_AT + VERSION_LENGTH;
const CHECKSUMS_AT: usize = LENGTH_AT + 8;
const SECTIONS_AT: usize = CHECKSUMS_AT + 4 * 8;
const HEADER_LENGTH: usize = SECTIONS_AT + SECTIONS * 16;

/// The parts of an image, in order.
#[derive(Copy, Clone, Debug)]
enum Section {
    Settings,
    Descriptions,
    /// `[start, length, key…]`, by ascending start.
    Functions,
    /// Places in `Functions`, by ascending key.
    FunctionsByKey,
    /// Where in the text the functions are that have a `VMFuncRef`, module after module.
    FuncRefs,
    TrapOffsets,
    TrapCodes,
    ExceptionSites,
    ExceptionHandlers,
    ExceptionBarriers,
    /// The bytes of data segments, module after module.
    Data,
    /// Images of nested components, each after its length in 8 bytes and padded to whole words.
    Nested,
    /// `[module, function, start, end]`, ascending, with places in `NameText`.
    Names,
    NameText,
    Addresses,
    InlinedCalls,
    InlinedRanges,
    /// What memories begin with, module after module, in whole pages.
    Memories,
    Text,
}

const SECTIONS: usize = Section::Text as usize + 1;

/// What [`Section::FuncRefs`] has for imported functions.
const IMPORTED: u32 = u32::MAX;

/// Where everything is in an image.
#[derive(Clone, Debug)]
pub struct ImageLayout {
    sections: [Range<usize>; SECTIONS],
    names_checksum: u64,
    memories_checksum: u64,
}

/// An image, to be looked at.
#[derive(Copy, Clone)]
pub struct ImageView<'a> {
    bytes: &'a [u8],
    layout: &'a ImageLayout,
}

/// Writes an image. Its text begins at a multiple of `page_size`.
///
/// # Errors
/// If the image is not consistent, or a description can't be written.
pub fn encode(
    image: &CodeImage,
    descriptions: &Descriptions,
    settings: &Settings,
    page_size: usize,
) -> anyhow::Result<Vec<u8>> {
    check_targets(image)?;
    let mut parts: [Vec<u8>; SECTIONS] = Default::default();
    let mut set = |section: Section, bytes: Vec<u8>| parts[section as usize] = bytes;
    set(Section::Settings, settings.text().into());
    set(Section::Descriptions, postcard::to_stdvec(descriptions)?);
    set(Section::Functions, functions(image));
    set(Section::FunctionsByKey, functions_by_key(image));
    set(Section::FuncRefs, func_refs(image, descriptions));
    let traps = image.traps.view();
    set(Section::TrapOffsets, traps.offsets.into());
    set(Section::TrapCodes, traps.codes.into());
    let exceptions = image.exceptions.view();
    set(Section::ExceptionSites, exceptions.sites.into());
    set(Section::ExceptionHandlers, exceptions.handlers.into());
    set(Section::ExceptionBarriers, exceptions.barriers.into());
    let data = descriptions
        .modules
        .values()
        .map(|module| &*module.data_bytes);
    set(Section::Data, data.flatten().copied().collect());
    set(Section::Nested, nested(image));
    let (names, text) = names(descriptions);
    set(Section::Names, names);
    set(Section::NameText, text);
    set(Section::Addresses, image.addresses.view().pairs.into());
    let inlined = image.inlined.view();
    set(Section::InlinedCalls, inlined.calls.into());
    set(Section::InlinedRanges, inlined.ranges.into());
    let memories = descriptions
        .modules
        .values()
        .flat_map(|module| &*module.image_bytes);
    set(Section::Memories, memories.copied().collect());
    let kind = match descriptions.component {
        Some(_) => ImageKind::Component,
        None => ImageKind::Module,
    };
    Ok(assemble(kind, parts, &image.text, page_size))
}

/// Checks that functions and handlers are in the text: who runs the image relies on it.
fn check_targets(image: &CodeImage) -> anyhow::Result<()> {
    let length = image.text.len() as u64;
    for function in &image.functions {
        let end = u64::from(function.start) + u64::from(function.length);
        anyhow::ensure!(end <= length, "{:?} reaches out of its image", function.key);
    }
    let handlers = image.exceptions.view().iter().flat_map(|(_, site)| {
        let handlers: Vec<_> = site.handlers().collect();
        handlers
    });
    for handler in handlers {
        let inside = u64::from(handler.target) < length;
        anyhow::ensure!(inside, "an exception handler is out of its image");
    }
    Ok(())
}

fn assemble(kind: ImageKind, parts: [Vec<u8>; SECTIONS], text: &[u8], page_size: usize) -> Vec<u8> {
    let mut bytes = vec![0; HEADER_LENGTH];
    let mut sections = Vec::with_capacity(SECTIONS);
    for (i, part) in parts[..Section::Text as usize].iter().enumerate() {
        let align = match i == Section::Memories as usize {
            true => page_size,
            false => 8,
        };
        bytes.resize(bytes.len().next_multiple_of(align), 0);
        sections.push(bytes.len()..bytes.len() + part.len());
        bytes.extend_from_slice(part);
    }
    bytes.resize(bytes.len().next_multiple_of(page_size), 0);
    sections.push(bytes.len()..bytes.len() + text.len());
    bytes.extend_from_slice(text);

    bytes[..MAGIC.len()].copy_from_slice(&MAGIC);
    bytes[MAGIC.len()] = kind as u8;
    bytes[VERSION_AT..LENGTH_AT].copy_from_slice(&version());
    let length = bytes.len() as u64;
    put(&mut bytes, LENGTH_AT, length);
    for (i, section) in sections.iter().enumerate() {
        put(&mut bytes, SECTIONS_AT + i * 16, section.start as u64);
        put(&mut bytes, SECTIONS_AT + i * 16 + 8, section.end as u64);
    }
    let names = sections[Section::Names as usize].start;
    let memories = sections[Section::Memories as usize].start;
    let text = sections[Section::Text as usize].start;
    let of_memories = checksum(&bytes[memories..text]);
    put(&mut bytes, CHECKSUMS_AT + 24, of_memories);
    let of_names = checksum(&bytes[names..memories]);
    put(&mut bytes, CHECKSUMS_AT + 16, of_names);
    let of_text = checksum(&bytes[text..]);
    put(&mut bytes, CHECKSUMS_AT + 8, of_text);
    // Over the other checksums as well.
    let of_tables = checksum(&bytes[CHECKSUMS_AT + 8..names]);
    put(&mut bytes, CHECKSUMS_AT, of_tables);
    bytes
}

fn put(bytes: &mut [u8], at: usize, value: u64) {
    bytes[at..at + 8].copy_from_slice(&value.to_le_bytes());
}

fn get(bytes: &[u8], at: usize) -> Option<u64> {
    let word = bytes.get(at..)?.first_chunk::<8>()?;
    Some(u64::from_le_bytes(*word))
}

/// Format and version as the header has them.
fn version() -> [u8; VERSION_LENGTH] {
    let mut version = [0; VERSION_LENGTH];
    version[..4].copy_from_slice(&FORMAT.to_le_bytes());
    let text = VERSION.as_bytes();
    let length = text.len().min(VERSION_LENGTH - 4);
    version[4..4 + length].copy_from_slice(&text[..length]);
    version
}

fn functions(image: &CodeImage) -> Vec<u8> {
    let mut table = Vec::with_capacity(image.functions.len() * 20);
    for function in &image.functions {
        let [kind, a, b] = function.key.to_words();
        push(&mut table, [function.start, function.length, kind, a, b]);
    }
    table
}

fn functions_by_key(image: &CodeImage) -> Vec<u8> {
    let key = |place: u32| image.functions[place as usize].key.to_words();
    let mut places: Vec<u32> = (0..image.functions.len() as u32).collect();
    places.sort_unstable_by_key(|&place| key(place));
    let mut table = Vec::with_capacity(places.len() * 4);
    for place in places {
        push(&mut table, [place]);
    }
    table
}

fn func_refs(image: &CodeImage, descriptions: &Descriptions) -> Vec<u8> {
    let mut table = Vec::new();
    for (module_index, module) in descriptions.modules.iter() {
        let mut starts = vec![IMPORTED; module.num_func_refs as usize];
        for (index, function) in module.functions.iter() {
            let (Some(func_ref), Some(defined)) =
                (function.func_ref, module.defined_func_index(index))
            else {
                continue;
            };
            let record = image.function(FuncKey::Wasm(module_index, defined));
            if let Some(record) = record {
                starts[func_ref.index()] = record.start;
            }
        }
        for start in starts {
            push(&mut table, [start]);
        }
    }
    table
}

fn nested(image: &CodeImage) -> Vec<u8> {
    let mut table = Vec::new();
    for image in &image.nested {
        table.extend_from_slice(&(image.len() as u64).to_le_bytes());
        table.extend_from_slice(image);
        table.resize(table.len().next_multiple_of(8), 0);
    }
    table
}

fn names(descriptions: &Descriptions) -> (Vec<u8>, Vec<u8>) {
    let (mut table, mut text) = (Vec::new(), Vec::new());
    for (module_index, module) in descriptions.modules.iter() {
        for (index, name) in module.func_names.iter() {
            let Some(name) = name else {
                continue;
            };
            let start = text.len() as u32;
            text.extend_from_slice(name.as_bytes());
            let end = text.len() as u32;
            push(
                &mut table,
                [module_index.as_u32(), index.as_u32(), start, end],
            );
        }
    }
    (table, text)
}

impl ImageLayout {
    /// Checks that the bytes it was [found](ImageLayout::find) in are an image that an engine with
    /// these settings can run. The part with the names is not checked yet.
    ///
    /// # Errors
    /// If they are not.
    pub fn check(&self, bytes: &[u8], settings: &Settings) -> Result<(), ImageError> {
        let damaged = |part| ImageError::Damaged { part };
        let names = self.sections[Section::Names as usize].start;
        let tables = bytes
            .get(CHECKSUMS_AT + 8..names)
            .ok_or(damaged("header"))?;
        let sum = |at| get(bytes, at).unwrap_or_default();
        if sum(CHECKSUMS_AT) != checksum(tables) {
            return Err(damaged("tables"));
        }
        let text = bytes.get(self.text()).ok_or(damaged("header"))?;
        if sum(CHECKSUMS_AT + 8) != checksum(text) {
            return Err(damaged("code"));
        }
        settings.check(self.view(bytes).section(Section::Settings))
    }

    /// Finds the parts of an image, before anything but its version and length has been checked.
    ///
    /// # Errors
    /// If it is no image, one of another version, or cut off.
    pub fn find(bytes: &[u8]) -> Result<ImageLayout, ImageError> {
        ImageKind::detect(bytes).ok_or(ImageError::NotAnImage)?;
        let cut_off = ImageError::Length {
            expected: HEADER_LENGTH as u64,
            found: bytes.len() as u64,
        };
        let header = bytes.first_chunk::<HEADER_LENGTH>().ok_or(cut_off)?;
        let found = &header[VERSION_AT..LENGTH_AT];
        if found != version() {
            let text = String::from_utf8_lossy(&found[4..]);
            let format = u32::from_le_bytes([found[0], found[1], found[2], found[3]]);
            return Err(ImageError::Version {
                found: format!("{} (format {format})", text.trim_end_matches('\0')),
            });
        }
        let word = |at| get(header, at).unwrap_or_default();
        let length = word(LENGTH_AT);
        if length != bytes.len() as u64 {
            return Err(ImageError::Length {
                expected: length,
                found: bytes.len() as u64,
            });
        }
        let mut sections: [Range<usize>; SECTIONS] = Default::default();
        for (i, section) in sections.iter_mut().enumerate() {
            let at = SECTIONS_AT + i * 16;
            *section = word(at) as usize..word(at + 8) as usize;
        }
        Ok(ImageLayout {
            sections,
            names_checksum: word(CHECKSUMS_AT + 16),
            memories_checksum: word(CHECKSUMS_AT + 24),
        })
    }

    /// Where the text is. It begins at a multiple of the page size that the image was made with.
    pub fn text(&self) -> Range<usize> {
        self.sections[Section::Text as usize].clone()
    }

    /// Where the images of memories are, module after module. They begin at a multiple of the page
    /// size that the image was made with.
    pub fn memories(&self) -> Range<usize> {
        self.sections[Section::Memories as usize].clone()
    }

    /// A look at the image; `bytes` are those that it was made from.
    #[inline]
    pub fn view<'a>(&'a self, bytes: &'a [u8]) -> ImageView<'a> {
        ImageView {
            bytes,
            layout: self,
        }
    }
}

impl<'a> ImageView<'a> {
    #[inline]
    fn section(self, section: Section) -> &'a [u8] {
        let range = self.layout.sections[section as usize].clone();
        self.bytes.get(range).unwrap_or_default()
    }

    /// What it is made of.
    ///
    /// # Errors
    /// If it is none that this version writes.
    pub fn descriptions(self) -> Result<Descriptions, postcard::Error> {
        postcard::from_bytes(self.section(Section::Descriptions))
    }

    /// The function with this key, if the image has it.
    pub fn function(self, key: FuncKey) -> Option<FunctionRecord> {
        let key = key.to_words();
        let by_key = Words::of(self.section(Section::FunctionsByKey));
        let functions = Words::of(self.section(Section::Functions));
        let record = |place: u32| functions.record::<5>(place as usize);
        let found = by_key.partition_point(|[place]| {
            record(place).is_some_and(|[_, _, kind, a, b]| [kind, a, b] < key)
        });
        let [place] = by_key.record(found)?;
        function_record(record(place)?).filter(|function| function.key.to_words() == key)
    }

    /// The function whose code holds this offset.
    pub fn function_at(self, offset: u32) -> Option<FunctionRecord> {
        let functions = Words::of(self.section(Section::Functions));
        let (_, record) = functions.last_before::<5>(|[start, ..]| start <= offset)?;
        function_record(record).filter(|function| function.range().contains(&offset))
    }

    /// Where in the text the function is that has the `n`th `VMFuncRef`, counted over all modules;
    /// `None` for an imported one.
    pub fn func_ref(self, n: usize) -> Option<u32> {
        let [start] = Words::of(self.section(Section::FuncRefs)).record(n)?;
        (start != IMPORTED).then_some(start)
    }

    /// Offsets in the text that can trap.
    pub fn traps(self) -> TrapView<'a> {
        TrapView {
            offsets: self.section(Section::TrapOffsets),
            codes: self.section(Section::TrapCodes),
        }
    }

    /// Where exceptions are handled.
    pub fn exceptions(self) -> ExceptionView<'a> {
        ExceptionView {
            sites: self.section(Section::ExceptionSites),
            handlers: self.section(Section::ExceptionHandlers),
            barriers: self.section(Section::ExceptionBarriers),
        }
    }

    /// The bytes of data segments, module after module.
    pub fn data(self) -> &'a [u8] {
        self.section(Section::Data)
    }

    /// The images of nested components.
    pub fn nested(self) -> impl Iterator<Item = &'a [u8]> {
        let mut rest = self.section(Section::Nested);
        std::iter::from_fn(move || {
            let length = usize::try_from(get(rest, 0)?).ok()?;
            let image = rest.get(8..)?.get(..length)?;
            rest = rest.get((8 + length).next_multiple_of(8)..)?;
            Some(image)
        })
    }

    /// Whether names and addresses are what they were when the image was made. Until this has
    /// been asked, they may be anything.
    pub fn names_are_intact(self) -> bool {
        let start = self.layout.sections[Section::Names as usize].start;
        let end = self.layout.sections[Section::Memories as usize].start;
        let part = self.bytes.get(start..end);
        part.is_some_and(|part| checksum(part) == self.layout.names_checksum)
    }

    /// Whether what memories begin with is what it was when the image was made.
    pub fn memories_are_intact(self) -> bool {
        let start = self.layout.memories().start;
        let part = self.bytes.get(start..self.layout.text().start);
        part.is_some_and(|part| checksum(part) == self.layout.memories_checksum)
    }

    /// Which code comes from where in the wasm binary.
    pub fn addresses(self) -> AddressView<'a> {
        AddressView {
            pairs: self.section(Section::Addresses),
        }
    }

    /// Which code belongs to inlined calls.
    pub fn inlined(self) -> InlineView<'a> {
        InlineView {
            calls: self.section(Section::InlinedCalls),
            ranges: self.section(Section::InlinedRanges),
        }
    }

    /// A function's name in its module's name section.
    pub fn func_name(self, module: StaticModuleIndex, func: FuncIndex) -> Option<&'a str> {
        let key = [module.as_u32(), func.as_u32()];
        let names = Words::of(self.section(Section::Names));
        let found = names.partition_point::<4>(|[module, func, ..]| [module, func] < key);
        let [module, func, start, end] = names.record(found)?;
        let text = self.section(Section::NameText);
        let name = text.get(start as usize..end as usize)?;
        std::str::from_utf8(name)
            .ok()
            .filter(|_| [module, func] == key)
    }
}

fn function_record([start, length, kind, a, b]: [u32; 5]) -> Option<FunctionRecord> {
    Some(FunctionRecord {
        key: FuncKey::from_words([kind, a, b])?,
        start,
        length,
    })
}
